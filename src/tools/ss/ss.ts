// ss (iproute2 6.1): TCP, UDP, raw and packet sockets of this namespace, with states, filters, processes and inner figures.
// Unix, netlink, SCTP, DCCP, VSOCK and XDP sockets do not exist here: asking for Unix ones shows none, the others are refused.

import { type Ns, USEC } from "../../base/time.ts";
import { netnsOf } from "../../host/host.ts";
import {
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_LISTEN,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
  TcpSock,
} from "../../net/ipv4/tcp-sock.ts";
import type { Process, Program } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { getopt, type LongOption } from "../net-util/getopt.ts";
import { getnameinfo } from "../net-util/resolve.ts";
import { serviceName } from "../net-util/services.ts";
import { isTimewait, type SocketEntry, type SocketKind, socketEntries } from "../net-util/sock-table.ts";
import { NETID, renderTable, STATE } from "./columns.ts";
import { ALL_STATES, CONNECTED_STATES, type Expression, FilterError, parseExpression, statesOf } from "./filter.ts";
import { detailsText, memoryText, tcpInfoText, timerText } from "./info.ts";
import { USAGE } from "./usage.ts";

const START_NS: Ns = 900 * USEC;
const VERSION = "ss utility, iproute2-6.1.0\n";
const USAGE_STATUS = 255;

const STATE_NAMES: ReadonlyMap<number, string> = new Map([
  [TCP_ESTABLISHED, "ESTAB"],
  [TCP_SYN_SENT, "SYN-SENT"],
  [TCP_SYN_RECV, "SYN-RECV"],
  [TCP_FIN_WAIT1, "FIN-WAIT-1"],
  [TCP_FIN_WAIT2, "FIN-WAIT-2"],
  [TCP_TIME_WAIT, "TIME-WAIT"],
  [TCP_CLOSE, "UNCONN"],
  [TCP_CLOSE_WAIT, "CLOSE-WAIT"],
  [TCP_LAST_ACK, "LAST-ACK"],
  [TCP_LISTEN, "LISTEN"],
  [TCP_CLOSING, "CLOSING"],
]);
/** The order in which ss asks the kernel. */
const NETIDS: readonly (readonly [SocketKind, string])[] = [
  ["packet", "p_dgr"],
  ["raw", "raw"],
  ["icmp", "icmp"],
  ["udp", "udp"],
  ["tcp", "tcp"],
];

const LONG: readonly LongOption[] = [
  { name: "numeric", argument: 0, short: "n" },
  { name: "resolve", argument: 0, short: "r" },
  { name: "options", argument: 0, short: "o" },
  { name: "extended", argument: 0, short: "e" },
  { name: "memory", argument: 0, short: "m" },
  { name: "info", argument: 0, short: "i" },
  { name: "processes", argument: 0, short: "p" },
  { name: "tcp", argument: 0, short: "t" },
  { name: "udp", argument: 0, short: "u" },
  { name: "raw", argument: 0, short: "w" },
  { name: "unix", argument: 0, short: "x" },
  { name: "packet", argument: 0, short: "0" },
  { name: "all", argument: 0, short: "a" },
  { name: "listening", argument: 0, short: "l" },
  { name: "ipv4", argument: 0, short: "4" },
  { name: "ipv6", argument: 0, short: "6" },
  { name: "family", argument: 1, short: "f" },
  { name: "summary", argument: 0, short: "s" },
  { name: "no-header", argument: 0, short: "H" },
  { name: "oneline", argument: 0, short: "O" },
  { name: "version", argument: 0, short: "V" },
  { name: "help", argument: 0, short: "h" },
];

interface Settings {
  readonly kinds: ReadonlySet<SocketKind>;
  readonly statesByKind: (kind: SocketKind) => ReadonlySet<number>;
  readonly expression: Expression;
  readonly letters: ReadonlySet<string>;
  readonly oneState: boolean;
}

export const ss: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "hnroemiptuwx0al46f:sHOV", { long: LONG, stopAtOperand: false });
  if (parsed.error !== undefined) {
    yield* proc.printError(`ss: ${parsed.error}\n`);
    yield* proc.print(USAGE);
    return USAGE_STATUS;
  }
  const letters = new Set(parsed.options.map(({ name }) => name));
  if (letters.has("h")) {
    yield* proc.print(USAGE);
    return 0;
  }
  if (letters.has("V")) {
    yield* proc.print(VERSION);
    return 0;
  }
  yield* sleep(START_NS);
  try {
    const family = parsed.options.find(({ name }) => name === "f")?.value;
    if (letters.has("6") || (family !== undefined && family !== "inet")) {
      if (family !== undefined && family !== "inet6") throw new FilterError(`ss: family ${family} is not supported`);
    }
    const settings = chooseSettings(letters, parsed.operands);
    if (letters.has("s")) yield* proc.print(summary(proc));
    const onlySummary = letters.has("s") && !["t", "u", "w", "a", "l", "x", "0"].some((letter) => letters.has(letter));
    const none = letters.has("6") || family === "inet6";
    if (!onlySummary) yield* proc.print(yield* table(proc, settings, none));
    return 0;
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    yield* proc.printError(`${error.message}\n`);
    return USAGE_STATUS;
  }
};

function chooseSettings(letters: ReadonlySet<string>, operands: readonly string[]): Settings {
  const kinds = new Set<SocketKind>();
  if (letters.has("t")) kinds.add("tcp");
  if (letters.has("u")) kinds.add("udp");
  if (letters.has("w")) kinds.add("raw").add("icmp");
  if (letters.has("0")) kinds.add("packet");
  if (kinds.size === 0 && !letters.has("x")) for (const [kind] of NETIDS) kinds.add(kind);
  const words = [...operands];
  let states: Set<number> | undefined;
  while (words[0] === "state" || words[0] === "exclude") {
    const exclude = words.shift() === "exclude";
    const word = words.shift();
    if (word === undefined) throw new FilterError("ss: no state");
    const named = statesOf(word);
    if (exclude) states = new Set([...(states ?? ALL_STATES)].filter((state) => !named.has(state)));
    else states = new Set([...(states ?? []), ...named]);
  }
  const chosen = states;
  const statesByKind = (kind: SocketKind): ReadonlySet<number> => {
    if (chosen) return chosen;
    if (letters.has("a")) return ALL_STATES;
    if (letters.has("l")) return new Set([TCP_LISTEN, TCP_CLOSE]);
    return kind === "tcp" ? CONNECTED_STATES : new Set([TCP_ESTABLISHED]);
  };
  const used = new Set([...kinds].flatMap((kind) => [...statesByKind(kind)]));
  return { kinds, statesByKind, expression: parseExpression(words), letters, oneState: used.size === 1 };
}

function* table(proc: Process, settings: Settings, none: boolean): Task<string> {
  const { letters, kinds } = settings;
  const netids = NETIDS.filter(([kind]) => kinds.has(kind));
  const rows: string[][] = [];
  const entries = none ? [] : socketEntries(proc);
  for (const [kind, netid] of netids)
    for (const [i, entry] of entries.entries()) {
      if (entry.kind !== kind || !settings.statesByKind(kind).has(entry.state)) continue;
      // A closed TCP socket is in no table; datagram sockets are "closed" when not connected.
      if (kind === "tcp" && entry.state === TCP_CLOSE) continue;
      if (settings.expression(entry)) rows.push(yield* row(proc, entry, netid, letters, i + 1));
    }
  const hidden = new Set<number>();
  if (netids.length === 1 || (netids.length === 2 && letters.has("w") && kinds.size === 2)) hidden.add(NETID);
  if (settings.oneState) hidden.add(STATE);
  return renderTable(rows, hidden, !letters.has("H"));
}

function* row(
  proc: Process,
  entry: SocketEntry,
  netid: string,
  letters: ReadonlySet<string>,
  cookie: number,
): Task<string[]> {
  const protocol = entry.kind === "tcp" ? "tcp" : "udp";
  const numeric = letters.has("n");
  const port = (number: number): string => {
    if (number === 0) return "*";
    if (entry.kind === "raw" || entry.kind === "icmp") return numeric ? String(number) : protocolName(number);
    return numeric ? String(number) : (serviceName(number, protocol) ?? String(number));
  };
  const device = entry.boundDevIf === 0 ? undefined : netnsOf(proc).net.deviceByIndex(entry.boundDevIf)?.name;
  const address = function* (value: number, local: boolean): Task<string> {
    const name = letters.has("r") && value !== 0 ? yield* getnameinfo(proc, value) : undefined;
    return `${name ?? formatIpv4(value)}${local && device !== undefined ? `%${device}` : ""}:`;
  };
  return [
    netid,
    STATE_NAMES.get(entry.state) ?? "UNKNOWN",
    String(entry.receiveQueue),
    String(entry.sendQueue),
    yield* address(entry.local, true),
    port(entry.localPort),
    yield* address(entry.remote, false),
    port(entry.remotePort),
    extra(entry, letters, cookie, proc.sim.now),
  ];
}

function protocolName(number: number): string {
  return number === 1 ? "icmp" : number === 2 ? "igmp" : String(number);
}

function extra(entry: SocketEntry, letters: ReadonlySet<string>, cookie: number, now: Ns): string {
  let text = "";
  if (letters.has("p") && entry.owners.length > 0) {
    const users = [...entry.owners].reverse().map(({ name, pid, fd }) => `("${name}",pid=${pid},fd=${fd})`);
    text += ` users:(${users.join(",")})`;
  }
  if (letters.has("o") || letters.has("e")) text += timerText(entry.timer);
  if (letters.has("e")) text += detailsText(entry, cookie);
  const { sock } = entry;
  const info = letters.has("i") && sock instanceof TcpSock;
  if (!sock || (!letters.has("m") && !info)) return text;
  text += letters.has("O") ? "" : "\n\t";
  if (letters.has("m")) text += memoryText(sock);
  if (info) text += tcpInfoText(sock, now);
  return text;
}

/** -s */
function summary(proc: Process): string {
  const entries = socketEntries(proc);
  const count = (...kinds: SocketKind[]): number =>
    entries.filter((e) => kinds.includes(e.kind) && !isTimewait(e)).length;
  const tcp = count("tcp");
  const raw = count("raw", "icmp");
  const udp = count("udp");
  const timewait = entries.filter(isTimewait).length;
  const established = entries.filter(
    (e) => e.kind === "tcp" && (e.state === TCP_ESTABLISHED || e.state === TCP_CLOSE_WAIT),
  ).length;
  const orphaned = entries.filter(
    (e) => e.kind === "tcp" && e.sock && e.owners.length === 0 && e.state !== TCP_SYN_RECV,
  ).length;
  const total = count("tcp", "udp", "raw", "icmp", "packet");
  const line = (name: string, value: number): string =>
    `${name}\t  ${String(value).padEnd(9)} ${String(value).padEnd(9)} ${"0".padEnd(9)}\n`;
  return [
    `Total: ${total}\n`,
    `TCP:   ${tcp + timewait} (estab ${established}, closed ${timewait}, orphaned ${orphaned}, timewait ${timewait})\n\n`,
    "Transport Total     IP        IPv6\n",
    line("RAW", raw),
    line("UDP", udp),
    line("TCP", tcp),
    line("INET", raw + udp + tcp),
    line("FRAG", 0),
    "\n",
  ].join("");
}
