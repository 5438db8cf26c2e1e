// ss (iproute2 6.1): TCP, UDP, raw and packet sockets of this namespace, with states, filters, processes and inner figures.
// Answers to iproute2's misc/ss.c. Sockets of other kinds do not exist here.

import { type Ns, USEC } from "../../base/time.ts";
import { netnsOf, withNetns } from "../../host/host.ts";
import { SOCK_RAW } from "../../net/core/sock.ts";
import { RequestSock, requestQueueRemove } from "../../net/ipv4/tcp-request.ts";
import { tcpAbort } from "../../net/ipv4/tcp-shutdown.ts";
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
import { TimewaitSock, twskKill } from "../../net/ipv4/tcp-timewait.ts";
import { sockstat } from "../../net/proc-net.ts";
import type { Process, Program } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { CommandError } from "../ip/lib/args.ts";
import { switchTo } from "../ip/lib/netns.ts";
import { getnameinfo } from "../net-util/resolve.ts";
import { serviceName } from "../net-util/services.ts";
import { type SocketEntry, type SocketKind, socketEntries } from "../net-util/sock-table.ts";
import { readTextFile } from "../net-util/sockets.ts";
import { MORE, NETID, PROCESS, QUEUES, renderTable, STATE } from "./columns.ts";
import { SsError } from "./filter.ts";
import {
  CGROUP,
  detailsText,
  memoryText,
  NO_CGROUP_MOUNT,
  packetProtocol,
  packetText,
  socketOptionsText,
  tcpInfoText,
  timerText,
  tosText,
} from "./info.ts";
import { netlinkSockets } from "./netlink.ts";
import { kindOfTable, parseSettings, type Settings, TABLES, type Table } from "./settings.ts";
import { USAGE, USAGE_7_2 } from "./usage.ts";

const START_NS: Ns = 900 * USEC;
/** Recv-Q and Send-Q are printed at least this wide. */
const QUEUE_COLUMNS = 6;

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

const NETIDS: ReadonlyMap<Table, string> = new Map<Table, string>([
  ["packet_raw", "p_raw"],
  ["packet_dgram", "p_dgr"],
]);

/** What differs between releases of iproute2. */
interface Release {
  readonly version: string;
  readonly usage: string;
  /**
   * 7.2 rather than 6.1: processes have a column of their own, which -p shows; rcv_wnd is told; DCCP is not asked for, which
   * the kernel of 6.16 and later answers with an error
   */
  readonly later: boolean;
}

/** Debian 12's. */
export const ss: Program = ssProgram({ version: "ss utility, iproute2-6.1.0\n", usage: USAGE, later: false });
/** Debian forky's. */
export const ss72: Program = ssProgram({ version: "ss utility, iproute2-7.2.0\n", usage: USAGE_7_2, later: true });

function ssProgram(release: Release): Program {
  return (proc) => run(proc, release);
}

function* run(proc: Process, release: Release): Task<number> {
  yield* sleep(START_NS);
  try {
    const settings = parseSettings(proc.argv.slice(1), (path) => readTextFile(proc, path), release.later);
    const { letters } = settings;
    if (letters.has("h") || letters.has("V")) {
      yield* proc.print(letters.has("h") ? release.usage : release.version);
      return 0;
    }
    if (settings.netns !== undefined) proc.ns = withNetns(proc.ns, switchTo(proc, settings.netns));
    if (letters.has("s")) {
      yield* proc.print(summary(proc));
      if (!settings.explicit) return 0;
    }
    yield* proc.print(yield* table(proc, settings, release));
    return 0;
  } catch (error) {
    if (error instanceof CommandError) {
      yield* proc.printError(error.text);
      return error.status;
    }
    if (!(error instanceof SsError)) throw error;
    yield* proc.printError(`${error.message}\n${error.usage ? release.usage : ""}`);
    return error.status;
  }
}

function* table(proc: Process, settings: Settings, release: Release): Task<string> {
  const { letters, tables } = settings;
  const rows: string[][] = [];
  const entries = socketEntries(proc);
  for (const name of TABLES) {
    if (!tables.has(name)) continue;
    if (name === "dccp" && !release.later) yield* proc.printError("RTNETLINK answers: Invalid argument\n");
    const states = settings.statesOfTable(name);
    if (name === "netlink" && states.has(TCP_CLOSE) && !settings.filtered)
      for (const [protocol, holder, received] of netlinkSockets(proc, letters.has("n")))
        rows.push(["nl", "UNCONN", queue(received), queue(0), `${protocol}:`, holder, "*", "", "", ""]);
    // the kernel is asked for one family after the other
    const inOrder = [false, true].flatMap((ipv6) => entries.filter((entry) => entry.ipv6 === ipv6));
    for (const entry of inOrder) {
      if (settings.family !== undefined && (settings.family === "inet6") !== entry.ipv6) continue;
      if (!isIn(entry, name) || !states.has(entry.state)) continue;
      // A closed TCP socket is in no table; datagram sockets are "closed" when not connected.
      if (name === "tcp" && entry.state === TCP_CLOSE) continue;
      if (!settings.expression(entry) || (letters.has("K") && !destroy(entry))) continue;
      rows.push(yield* row(proc, entry, NETIDS.get(name) ?? name, letters, release));
    }
  }
  const hidden = new Set<number>();
  if (tables.size === 1) hidden.add(NETID);
  if (settings.oneState) hidden.add(STATE);
  if (letters.has("Q")) for (const column of QUEUES) hidden.add(column);
  if (!release.later) hidden.add(MORE);
  else if (!letters.has("p")) hidden.add(PROCESS);
  return renderTable(rows, hidden, !letters.has("H"));
}

/** SOCK_DESTROY; false: it cannot be. */
function destroy({ sock, object }: SocketEntry): boolean {
  if (sock instanceof TcpSock) tcpAbort(sock);
  else if (object instanceof RequestSock) requestQueueRemove(object);
  else if (object instanceof TimewaitSock) twskKill(object);
  else return false;
  return true;
}

function isIn(entry: SocketEntry, table: Table): boolean {
  if (entry.kind !== kindOfTable(table)) return false;
  return entry.kind !== "packet" || (entry.sock?.type === SOCK_RAW) === (table === "packet_raw");
}

function queue(bytes: number): string {
  return String(bytes).padEnd(QUEUE_COLUMNS);
}

function* row(
  proc: Process,
  entry: SocketEntry,
  netid: string,
  letters: ReadonlySet<string>,
  release: Release,
): Task<string[]> {
  const device = entry.boundDevIf === 0 ? undefined : netnsOf(proc).net.deviceByIndex(entry.boundDevIf)?.name;
  const head = [netid, STATE_NAMES.get(entry.state) ?? "UNKNOWN", queue(entry.receiveQueue), queue(entry.sendQueue)];
  const looksForCgroup = entry.sock && (entry.kind === "tcp" || entry.kind === "udp");
  for (const letter of ["e", "cgroup"])
    if (looksForCgroup && letters.has(letter)) yield* proc.printError(NO_CGROUP_MOUNT);
  const users = letters.has("p") ? usersText(entry) : "";
  const more = moreText(entry, letters, netnsOf(proc).net.kernel.socketCookie(entry.object), release);
  const tail = release.later ? [users, more] : [users + more, ""];
  if (entry.kind === "packet") {
    const etherType = packetProtocol(entry.localPort, letters.has("n"));
    return [...head, `${etherType}:`, device ?? "*", "*", "", ...tail];
  }
  const protocol = entry.kind === "tcp" ? "tcp" : "udp";
  const numeric = letters.has("n");
  const port = (number: number): string => {
    if (number === 0) return "*";
    if (entry.kind === "raw") return numeric ? String(number) : protocolName(number);
    return numeric ? String(number) : (serviceName(number, protocol) ?? String(number));
  };
  const address = function* (value: number, local: boolean): Task<string> {
    const name = letters.has("r") && value !== 0 ? yield* getnameinfo(proc, value) : undefined;
    return `${name ?? addressText(entry, value)}${local && device !== undefined ? `%${device}` : ""}:`;
  };
  return [
    ...head,
    yield* address(entry.local, true),
    port(entry.localPort),
    yield* address(entry.remote, false),
    port(entry.remotePort),
    ...tail,
  ];
}

/** inet_addr_print: "*" for what takes both families */
function addressText({ ipv6, sock }: SocketEntry, address: number): string {
  if (!ipv6) return formatIpv4(address);
  if (address === 0) return sock?.ipv6Only ? "[::]" : "*";
  return `[::ffff:${formatIpv4(address)}]`;
}

function protocolName(number: number): string {
  return number === 1 ? "icmp" : number === 2 ? "igmp" : String(number);
}

/** -p */
function usersText({ owners }: SocketEntry): string {
  if (owners.length === 0) return "";
  const users = [...owners].reverse().map(({ name, pid, fd }) => `("${name}",pid=${pid},fd=${fd})`);
  return ` users:(${users.join(",")})`;
}

function moreText(entry: SocketEntry, letters: ReadonlySet<string>, cookie: number, release: Release): string {
  const { kind, sock } = entry;
  let text = "";
  // the kernel has no raw_diag: ss reads /proc/net/raw, where that is all there is
  if (kind === "packet" && sock) return packetText(entry, sock, letters, cookie);
  if (kind === "raw" || kind === "icmp") return text;
  const options = letters.has("o") || letters.has("e");
  if (options) text += timerText(entry.timer);
  if (letters.has("e")) text += detailsText(entry, cookie);
  if (letters.has("tos") && sock) text += tosText(entry, sock);
  if (letters.has("cgroup") && sock) text += CGROUP;
  const line = letters.has("O") ? "" : "\n\t";
  if (letters.has("inet-sockopt") && sock) text += `${line === "" ? " " : line}${socketOptionsText(entry, sock)}`;
  const memory = letters.has("m");
  const info = letters.has("i") && kind !== "udp";
  if (!memory && !info) return text;
  text += line;
  if (memory && sock) text += memoryText(sock);
  if (info && sock instanceof TcpSock) text += tcpInfoText(sock, options, letters.has("n"), release.later);
  return text;
}

/** -s: /proc/net/sockstat's figures. */
function summary(proc: Process): string {
  const entries = socketEntries(proc);
  const { used, orphans, timewait, alloc } = sockstat(netnsOf(proc));
  const packets = entries.filter((entry) => entry.kind === "packet").length;
  const counted = (kinds: readonly SocketKind[], ipv6: boolean): number =>
    entries.filter((e) => kinds.includes(e.kind) && e.ipv6 === ipv6 && e.sock && e.state !== TCP_TIME_WAIT).length;
  const count = (...kinds: SocketKind[]): number => counted(kinds, false) + counted(kinds, true);
  const established = entries.filter(
    (e) => e.kind === "tcp" && (e.state === TCP_ESTABLISHED || e.state === TCP_CLOSE_WAIT),
  ).length;
  const total = alloc + timewait;
  const line = (name: string, ...kinds: SocketKind[]): string =>
    `${name}\t  ${[count(...kinds), counted(kinds, false), counted(kinds, true)].map((n) => String(n).padEnd(9)).join(" ")}\n`;
  return [
    `Total: ${used + packets}\n`,
    `TCP:   ${total} (estab ${established}, closed ${total - count("tcp")}, orphaned ${orphans}, timewait ${timewait})\n\n`,
    "Transport Total     IP        IPv6\n",
    line("RAW", "raw"),
    line("UDP", "udp"),
    line("TCP", "tcp"),
    line("INET", "raw", "udp", "tcp"),
    line("FRAG"),
    "\n",
  ].join("");
}
