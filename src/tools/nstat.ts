// nstat (iproute2 6.1): the kernel's counters by their SNMP names, by default what changed since the last time it was asked;
// that is remembered in a file of /tmp. The daemon (-d, -t) and rates are refused by name.

import { type Ns, USEC } from "../base/time.ts";
import { netnsOf } from "../host/host.ts";
import { ABSENT_MIBS, tcpExtCounters } from "../net/ipv4/snmp-names.ts";
import type { NetNamespace } from "../net/netns.ts";
import type { Process, Program } from "../posix/process.ts";
import { sleep, type Task } from "../sim/task.ts";
import { getopt } from "./net-util/getopt.ts";
import { readTextFile } from "./net-util/sockets.ts";

const START_NS: Ns = 500 * USEC;
const HISTORY = "/tmp/.nstat.u0";
/** Gauges and constants that are not counters: never shown. */
const NOT_COUNTERS: ReadonlySet<string> = new Set([
  "IpForwarding",
  "IpDefaultTTL",
  "TcpRtoAlgorithm",
  "TcpRtoMin",
  "TcpRtoMax",
  "TcpMaxConn",
  "TcpCurrEstab",
]);

const USAGE = `Usage: nstat [OPTION] [ PATTERN [ PATTERN ] ]
   -h, --help          this message
   -a, --ignore        ignore history
   -d, --scan=SECS     sample every statistics every SECS
   -j, --json          format output in JSON
   -n, --nooutput      do history only
   -p, --pretty        pretty print
   -r, --reset         reset history
   -s, --noupdate      don't update history
   -t, --interval=SECS report average over the last SECS
   -V, --version       output version information
   -z, --zeros         show entries with zero activity
`;

const LONG = [
  { name: "ignore", argument: 0, short: "a" },
  { name: "scan", argument: 1, short: "d" },
  { name: "json", argument: 0, short: "j" },
  { name: "nooutput", argument: 0, short: "n" },
  { name: "pretty", argument: 0, short: "p" },
  { name: "reset", argument: 0, short: "r" },
  { name: "noupdate", argument: 0, short: "s" },
  { name: "interval", argument: 1, short: "t" },
  { name: "zeros", argument: 0, short: "z" },
  { name: "version", argument: 0, short: "V" },
  { name: "help", argument: 0, short: "h" },
] as const;

const STATUS_USAGE = 255;
const NAME_COLUMNS = 31;
const VALUE_COLUMNS = 18;

export const nstat: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "h?vVzrnasd:t:jp", { long: LONG });
  const letters = new Set(parsed.options.map(({ name }) => name));
  if (letters.has("V") || letters.has("v")) {
    yield* proc.print("nstat utility, iproute2-6.1.0\n");
    return 0;
  }
  if (parsed.error !== undefined || letters.has("h") || letters.has("?")) {
    yield* proc.printError(`${parsed.error === undefined ? "" : `nstat: ${parsed.error}\n`}${USAGE}`);
    return STATUS_USAGE;
  }
  for (const option of ["d", "t"])
    if (letters.has(option)) {
      yield* proc.printError(`nstat: option -${option} is not emulated by vethlab\n`);
      return STATUS_USAGE;
    }
  yield* sleep(START_NS);
  const now = counters(netnsOf(proc));
  const before = letters.has("a") || letters.has("r") ? new Map<string, number>() : history(proc);
  if (!letters.has("n")) {
    const changes = [...now]
      .filter(([name]) => !NOT_COUNTERS.has(name) && isWanted(parsed.operands, name))
      .map(([name, value]): [string, number] => [name, value - (before.get(name) ?? 0)])
      .filter(([, change]) => change !== 0 || letters.has("z"));
    yield* proc.print(letters.has("j") ? jsonText(changes, letters.has("p")) : tableText(changes));
  }
  if (!letters.has("s")) {
    const lines = [...now].map(([name, value]) => `${name} ${value}\n`);
    proc.root.writeFile(proc, HISTORY, `#nstat\n${lines.join("")}`);
  }
  return 0;
};

function tableText(changes: readonly (readonly [string, number])[]): string {
  const lines = changes.map(
    ([name, value]) => `${name.padEnd(NAME_COLUMNS)} ${String(value).padEnd(VALUE_COLUMNS)} 0.0\n`,
  );
  return `#kernel\n${lines.join("")}`;
}

function jsonText(changes: readonly (readonly [string, number])[], pretty: boolean): string {
  const tree = { kernel: Object.fromEntries(changes) };
  return `${JSON.stringify(tree, undefined, pretty ? 4 : undefined)}\n`;
}

function isWanted(patterns: readonly string[], name: string): boolean {
  return patterns.length === 0 || patterns.some((pattern) => matches(pattern, name));
}

/** fnmatch(3) with * and ?, letters of either case. */
function matches(pattern: string, name: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*/g, ".*")
    .replace(/\?/g, ".");
  return new RegExp(`^${source}$`, "i").test(name);
}

function history(proc: Process): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of (readTextFile(proc, HISTORY) ?? "").split("\n")) {
    const [name, value] = line.split(" ");
    if (name && value !== undefined && !name.startsWith("#")) values.set(name, Number(value));
  }
  return values;
}

/** /proc/net/snmp, snmp6 and netstat, in their order. */
function counters(ns: NetNamespace): Map<string, number> {
  const { mib } = ns.ipv4;
  const values = new Map<string, number>();
  const add = (group: string, table: object): void => {
    for (const [name, value] of Object.entries(table)) values.set(group + name, value as number);
  };
  const absent = (group: string): void => {
    for (const name of ABSENT_MIBS[group]!) values.set(group + name, 0);
  };
  add("Ip", mib.ip);
  add("Icmp", mib.icmp);
  for (const [type, count] of mib.icmpMsgIn.sorted()) values.set(`IcmpMsgInType${type}`, count);
  for (const [type, count] of mib.icmpMsgOut.sorted()) values.set(`IcmpMsgOutType${type}`, count);
  add("Tcp", ns.tcp.mib.tcp);
  add("Udp", mib.udp);
  for (const group of ["UdpLite", "Ip6", "Icmp6", "Udp6", "UdpLite6"]) absent(group);
  add("TcpExt", Object.fromEntries(tcpExtCounters(ns.tcp.mib, ns.ipv4.mib)));
  add("IpExt", mib.ipExt);
  absent("MPTcpExt");
  return values;
}
