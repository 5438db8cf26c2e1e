// netstat of net-tools 2.10 (Debian's): sockets, routes (-r), interfaces (-i), groups (-g) and counters (-s). IPv6 is off, so
// its tables are empty; its routes and the routing cache (-C) are refused by name.

import { type Ns, SEC, USEC } from "../../base/time.ts";
import { netnsOf } from "../../host/host.ts";
import type { Process, Program } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { ifconfig, shortLines } from "../net-tools/ifconfig.ts";
import { route } from "../net-tools/route.ts";
import { getopt, type LongOption, type ParsedOption } from "../net-util/getopt.ts";
import { groupsText } from "./groups.ts";
import { type Families, internetHeading, rowsOf, type Style, unixHeading, type Which } from "./sockets.ts";
import { statisticsText } from "./statistics.ts";
import { FAMILIES, USAGE, VERSION } from "./usage.ts";

const START_NS: Ns = 500 * USEC;
const CONTINUOUS_NS: Ns = SEC;
const STATUS_USAGE = 3;
const INTERFACES_HEADER = "Iface             MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n";

const LONG: readonly LongOption[] = [
  { name: "route", argument: 0, short: "r" },
  { name: "interfaces", argument: 0, short: "i" },
  { name: "groups", argument: 0, short: "g" },
  { name: "statistics", argument: 0, short: "s" },
  { name: "masquerade", argument: 0, short: "M" },
  { name: "verbose", argument: 0, short: "v" },
  { name: "wide", argument: 0, short: "W" },
  { name: "numeric", argument: 0, short: "n" },
  { name: "numeric-hosts", argument: 0 },
  { name: "numeric-ports", argument: 0 },
  { name: "numeric-users", argument: 0 },
  { name: "symbolic", argument: 0, short: "N" },
  { name: "extend", argument: 0, short: "e" },
  { name: "programs", argument: 0, short: "p" },
  { name: "timers", argument: 0, short: "o" },
  { name: "continuous", argument: 0, short: "c" },
  { name: "listening", argument: 0, short: "l" },
  { name: "all", argument: 0, short: "a" },
  { name: "fib", argument: 0, short: "F" },
  { name: "cache", argument: 0, short: "C" },
  { name: "context", argument: 0, short: "Z" },
  { name: "tcp", argument: 0, short: "t" },
  { name: "udp", argument: 0, short: "u" },
  { name: "udplite", argument: 0, short: "U" },
  { name: "sctp", argument: 0, short: "S" },
  { name: "raw", argument: 0, short: "w" },
  { name: "unix", argument: 0, short: "x" },
  { name: "inet", argument: 0, short: "4" },
  { name: "ip", argument: 0, short: "4" },
  { name: "tcpip", argument: 0, short: "4" },
  { name: "inet6", argument: 0, short: "6" },
  { name: "ax25", argument: 0 },
  { name: "ipx", argument: 0 },
  { name: "netrom", argument: 0 },
  { name: "x25", argument: 0 },
  { name: "rose", argument: 0 },
  { name: "version", argument: 0, short: "V" },
  { name: "help", argument: 0, short: "h" },
];

/** -A's names, by the option that says the same; of "ddp" sockets cannot be shown */
const FAMILY_OPTIONS: ReadonlyMap<string, string> = new Map([
  ["inet", "4"],
  ["ip", "4"],
  ["tcpip", "4"],
  ["inet6", "6"],
  ["ip6", "6"],
  ["unix", "x"],
  ["ax25", "ax25"],
  ["ipx", "ipx"],
  ["netrom", "netrom"],
  ["x25", "x25"],
  ["rose", "rose"],
  ["ddp", ""],
  ["appletalk", ""],
]);
/** families without support in the kernel, as its sentence names them */
const MISSING_FAMILIES: ReadonlyMap<string, string> = new Map([
  ["ipx", "AF IPX"],
  ["ax25", "AF AX25"],
  ["x25", "AF X25"],
  ["netrom", "AF NETROM"],
  ["rose", "AF ROSE"],
]);

class NetstatError extends Error {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

export const netstat: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "A:CFMacdeghilnNoprsStuUvVWwx46Z", { long: LONG });
  try {
    const letters = new Set(parsed.options.flatMap(lettersOf));
    const extend = parsed.options.filter(({ name }) => name === "e").length;
    if (letters.has("h")) {
      yield* proc.printError(FAMILIES);
      yield* proc.print(USAGE);
      return 0;
    }
    if (letters.has("V")) {
      yield* proc.print(VERSION);
      return 0;
    }
    if (parsed.error !== undefined) throw usageError(`netstat: ${parsed.error}\n`);
    yield* sleep(START_NS);
    return yield* run(proc, letters, extend);
  } catch (error) {
    if (!(error instanceof NetstatError)) throw error;
    yield* proc.printError(error.message);
    return error.status;
  }
};

function lettersOf({ name, value }: ParsedOption): string[] {
  if (name !== "A") return [name];
  return value!.split(",").map((family) => {
    const option = FAMILY_OPTIONS.get(family);
    if (option === undefined) throw new NetstatError(`Unknown address family \`${family}'.\n`, 1);
    return option;
  });
}

function usageError(sentence: string): NetstatError {
  return new NetstatError(sentence + USAGE + FAMILIES, STATUS_USAGE);
}

function notSupported(what: string): NetstatError {
  return new NetstatError(`netstat: no support for \`${what}' on this system.\n`, 1);
}

function* run(proc: Process, letters: ReadonlySet<string>, extend: number): Task<number> {
  if (letters.has("Z")) throw new NetstatError("SELinux is not enabled on this machine.\n", 1);
  if (["i", "r", "M", "s"].filter((letter) => letters.has(letter)).length > 1) throw usageError("");
  if (letters.has("M")) throw notSupported("ip_masquerade");
  if (letters.has("s")) {
    yield* proc.print(statisticsText(netnsOf(proc), letters));
    return 0;
  }
  for (let first = true; ; first = false) {
    let status: number;
    if (letters.has("r")) status = yield* routes(proc, letters, extend);
    else if (letters.has("i")) status = yield* interfaces(proc, letters, extend, first);
    else status = yield* sockets(proc, letters, extend);
    if (status !== 0 || !letters.has("c")) return status;
    yield* sleep(CONTINUOUS_NS);
  }
}

function* routes(proc: Process, letters: ReadonlySet<string>, extend: number): Task<number> {
  for (const refused of ["C", "6"])
    if (letters.has(refused))
      throw new NetstatError(`netstat: option -r -${refused} is not emulated by vethlab\n`, STATUS_USAGE);
  const form = ["-e", "", "-ee"][Math.min(extend, 2)]!;
  const numeric = letters.has("n") || letters.has("numeric-hosts");
  proc.argv = ["route", ...(form === "" ? [] : [form]), ...(numeric ? ["-n"] : [])];
  return yield* route(proc);
}

function* interfaces(proc: Process, letters: ReadonlySet<string>, extend: number, first: boolean): Task<number> {
  if (first) yield* proc.print("Kernel Interface table\n");
  if (extend > 0) {
    proc.argv = ["ifconfig", ...(letters.has("a") ? ["-a"] : [])];
    return yield* ifconfig(proc);
  }
  yield* proc.print(INTERFACES_HEADER + shortLines(netnsOf(proc), letters.has("a")));
  return 0;
}

const INTERNET = ["t", "u", "U", "S", "w"];

function* sockets(proc: Process, letters: ReadonlySet<string>, extend: number): Task<number> {
  const has = (letter: string): boolean => letters.has(letter);
  const which: Which = { all: has("a"), listening: has("l") };
  const style: Style = {
    numericHosts: has("n") || has("numeric-hosts"),
    numericPorts: has("n") || has("numeric-ports"),
    numericUsers: has("n") || has("numeric-users"),
    wide: has("W"),
    extended: extend > 0,
    programs: has("p"),
    timers: has("o"),
    padding: "",
    ipv6Apart: true,
    protocolAsState: false,
  };
  const transports = INTERNET.some(has);
  const families = has("4") || has("6");
  const missing = [...MISSING_FAMILIES].find(([family]) => has(family));
  const everything = !transports && !families && !has("x") && !has("g") && missing === undefined;
  const wanted = (letter: string): boolean => (transports ? has(letter) : families || everything);
  if (transports || families || everything) {
    yield* proc.print(internetHeading(which, style));
    const shown: Families = { ipv4: !has("6") || has("4"), ipv6: !has("4") || has("6") };
    if (wanted("t")) yield* proc.print(yield* rowsOf(proc, "tcp", which, style, shown));
    if (has("S")) throw notSupported("AF INET (sctp)");
    if (wanted("u")) yield* proc.print(yield* rowsOf(proc, "udp", which, style, shown));
    if (wanted("w")) yield* proc.print(yield* rowsOf(proc, "raw", which, style, shown));
  }
  if (everything || has("x"))
    yield* proc.print(unixHeading(which, has("p") ? "I-Node   PID/Program name     Path" : "I-Node   Path"));
  if (has("g")) yield* proc.print(groupsText(netnsOf(proc)));
  if (missing) throw notSupported(missing[1]);
  return 0;
}
