// The tables of sockets that netstat prints, net-tools' and busybox's. IPv6 sockets have mapped addresses or none; no Unix
// sockets exist to be shown.

import { RequestSock } from "../../net/ipv4/tcp-request.ts";
import { TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN, TcpSock } from "../../net/ipv4/tcp-sock.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { getnameinfo } from "../net-util/resolve.ts";
import { serviceName } from "../net-util/services.ts";
import { type SocketEntry, socketEntries } from "../net-util/sock-table.ts";
import { readTextFile } from "../net-util/sockets.ts";

const ADDRESS_COLUMNS = 23;
const PROGRAM_COLUMNS = 20;

const STATES: readonly string[] = [
  "",
  "ESTABLISHED",
  "SYN_SENT",
  "SYN_RECV",
  "FIN_WAIT1",
  "FIN_WAIT2",
  "TIME_WAIT",
  "CLOSE",
  "CLOSE_WAIT",
  "LAST_ACK",
  "LISTEN",
  "CLOSING",
];

export interface Style {
  readonly numericHosts: boolean;
  readonly numericPorts: boolean;
  readonly numericUsers: boolean;
  /** addresses in full, however long */
  readonly wide: boolean;
  /** user and inode */
  readonly extended: boolean;
  readonly programs: boolean;
  readonly timers: boolean;
  /** after the state's column */
  readonly padding: string;
  /** net-tools calls an IPv6 socket tcp6 and shows mapped addresses bare; busybox does neither */
  readonly ipv6Apart: boolean;
  /** busybox shows a raw socket's protocol as its state, too */
  readonly protocolAsState: boolean;
}

/** What is asked for: -a, -l, neither. */
export interface Which {
  readonly all: boolean;
  readonly listening: boolean;
}

export type Transport = "tcp" | "udp" | "raw";

/** Families, in the order shown. */
export interface Families {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

export const BOTH_FAMILIES: Families = { ipv4: true, ipv6: true };

/** "servers and established" */
function heading({ all, listening }: Which): string {
  return all ? "servers and established" : listening ? "only servers" : "w/o servers";
}

export function internetHeading(which: Which, style: Style): string {
  let text = `Active Internet connections (${heading(which)})\n`;
  text += `Proto Recv-Q Send-Q Local Address           Foreign Address         State      ${style.padding}`;
  if (style.extended) text += " User       Inode     ";
  if (style.programs) text += ` ${"PID/Program name".padEnd(PROGRAM_COLUMNS)}`;
  return `${text}${style.timers ? " Timer" : ""}\n`;
}

/** @param columns the heading's last ones */
export function unixHeading(which: Which, columns: string): string {
  return `Active UNIX domain sockets (${heading(which)})
Proto RefCnt Flags       Type       State         ${columns}\n`;
}

/** The rows of one protocol. */
export function* rowsOf(
  proc: Process,
  transport: Transport,
  which: Which,
  style: Style,
  families: Families,
): Task<string> {
  let text = "";
  const entries = socketEntries(proc).filter((entry) => entry.kind === transport && isShown(entry, which));
  for (const entry of entries) if (families.ipv4 && !entry.ipv6) text += yield* row(proc, entry, style);
  for (const entry of entries) if (families.ipv6 && entry.ipv6) text += yield* row(proc, entry, style);
  return text;
}

function isShown(entry: SocketEntry, { all, listening }: Which): boolean {
  if (entry.kind === "tcp" && entry.state === TCP_CLOSE) return false;
  const server = entry.kind === "tcp" ? entry.state === TCP_LISTEN : entry.remote === 0;
  return all || listening === server;
}

function* row(proc: Process, entry: SocketEntry, style: Style): Task<string> {
  const local = yield* endpoint(proc, entry, entry.local, entry.localPort, style);
  const remote = yield* endpoint(proc, entry, entry.remote, entry.remotePort, style);
  let state = STATES[entry.state] ?? "UNKNOWN";
  if (entry.kind === "udp") state = entry.state === TCP_ESTABLISHED ? "ESTABLISHED" : "";
  else if (entry.kind === "raw") state = String(style.protocolAsState ? entry.localPort : entry.state);
  // /proc/net/tcp has no backlog of a listener where ss shows it
  const sendQueue = entry.kind === "tcp" && entry.state === TCP_LISTEN ? 0 : entry.sendQueue;
  const protocol = entry.ipv6 && style.ipv6Apart ? `${entry.kind}6` : entry.kind;
  let text = `${protocol.padEnd(4)} ${String(entry.receiveQueue).padStart(7)} ${String(sendQueue).padStart(6)} `;
  text += `${local.padEnd(ADDRESS_COLUMNS)} ${remote.padEnd(ADDRESS_COLUMNS)} ${state.padEnd(11)}${style.padding}`;
  if (style.extended) {
    const user = style.numericUsers ? undefined : userName(proc, entry.uid);
    text += ` ${(user ?? String(entry.uid)).padEnd(10)} ${String(entry.inode).padEnd(10)}`;
  }
  if (style.programs) {
    const owner = entry.owners[0];
    const name = owner?.program.startsWith("/") ? owner.program.split("/").at(-1) : owner?.program;
    const program = owner ? `${owner.pid}/${name}` : "-";
    text += ` ${program.slice(0, PROGRAM_COLUMNS - 1).padEnd(PROGRAM_COLUMNS)}`;
  }
  if (style.timers) text += ` ${timerText(entry)}`;
  return `${text}\n`;
}

function* endpoint(proc: Process, entry: SocketEntry, address: number, port: number, style: Style): Task<string> {
  const name = style.numericHosts || address === 0 ? undefined : yield* getnameinfo(proc, address);
  const protocol = entry.kind === "tcp" ? "tcp" : "udp";
  const service = style.numericPorts || entry.kind === "raw" ? undefined : serviceName(port, protocol);
  const portText = port === 0 ? "*" : (service ?? String(port));
  const host = name ?? addressText(entry, address, style);
  const room = style.wide ? host.length : ADDRESS_COLUMNS - portText.length - 1;
  return `${host.slice(0, room)}:${portText}`;
}

function addressText({ ipv6 }: SocketEntry, address: number, style: Style): string {
  if (!ipv6) return formatIpv4(address);
  if (address === 0) return style.numericHosts || !style.ipv6Apart ? "::" : "[::]";
  return style.ipv6Apart ? formatIpv4(address) : `::ffff:${formatIpv4(address)}`;
}

/** "off (0.00/0/0)": what runs, seconds left, retransmissions, probes */
function timerText({ sock, object, timer }: SocketEntry): string {
  const hundredths = Math.floor(timer.remainingNs / 10_000_000);
  const seconds = `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, "0")}`;
  let counts = "0/0";
  if (sock instanceof TcpSock) counts = `${sock.icskRetransmits}/${sock.icskProbesOut}`;
  else if (object instanceof RequestSock) counts = `${object.numTimeout}/0`;
  return `${timer.kind === "persist" ? "probe" : timer.kind} (${seconds}/${counts})`;
}

function userName(proc: Process, uid: number): string | undefined {
  for (const line of (readTextFile(proc, "/etc/passwd") ?? "").split("\n")) {
    const [name, , number] = line.split(":");
    if (number === String(uid)) return name;
  }
  return uid === 0 ? "root" : undefined;
}
