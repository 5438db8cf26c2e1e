// netstat in two forms: net-tools 2.10 (Debian's) and busybox 1.35's. Sockets, routes (-r), interfaces (-i), groups (-g) and
// counters (-s). No IPv6 and no Unix sockets exist to be shown.

import { type Ns, USEC } from "../base/time.ts";
import { netnsOf } from "../host/host.ts";
import {
  IFF_ALLMULTI,
  IFF_BROADCAST,
  IFF_LOOPBACK,
  IFF_MULTICAST,
  IFF_NOARP,
  IFF_POINTOPOINT,
  IFF_PROMISC,
  IFF_RUNNING,
  type NetDevice,
} from "../net/core/net-device.ts";
import { TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN } from "../net/ipv4/tcp-sock.ts";
import type { Process, Program } from "../posix/process.ts";
import { sleep, type Task } from "../sim/task.ts";
import { formatIpv4 } from "../wire/addr.ts";
import { ifconfig } from "./net-tools/ifconfig.ts";
import { route } from "./net-tools/route.ts";
import { getopt, type LongOption } from "./net-util/getopt.ts";
import { getnameinfo } from "./net-util/resolve.ts";
import { serviceName } from "./net-util/services.ts";
import { type SocketEntry, type SocketTimer, socketEntries } from "./net-util/sock-table.ts";
import { statisticsText } from "./netstat-statistics.ts";
import { USAGE } from "./netstat-usage.ts";

const START_NS: Ns = 500 * USEC;
const ADDRESS_COLUMNS = 23;
const PROGRAM_COLUMNS = 20;

const BUSYBOX_USAGE = `BusyBox v1.35.0 (Debian 1:1.35.0-4+deb12u1+b1) multi-call binary.

Usage: netstat [-ral] [-tuwx] [-en]

Display networking information

	-r	Routing table
	-a	All sockets
	-l	Listening sockets
		Else: connected sockets
	-t	TCP sockets
	-u	UDP sockets
	-w	Raw sockets
	-x	Unix sockets
		Else: all socket types
	-e	Other/more information
	-n	Don't resolve names
`;

const STATES: ReadonlyMap<number, string> = new Map(
  [
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
  ].map((name, i) => [i, name]),
);

const LONG: readonly LongOption[] = [
  { name: "route", argument: 0, short: "r" },
  { name: "interfaces", argument: 0, short: "i" },
  { name: "groups", argument: 0, short: "g" },
  { name: "statistics", argument: 0, short: "s" },
  { name: "verbose", argument: 0, short: "v" },
  { name: "wide", argument: 0, short: "W" },
  { name: "numeric", argument: 0, short: "n" },
  { name: "numeric-hosts", argument: 0 },
  { name: "numeric-ports", argument: 0 },
  { name: "numeric-users", argument: 0 },
  { name: "extend", argument: 0, short: "e" },
  { name: "programs", argument: 0, short: "p" },
  { name: "timers", argument: 0, short: "o" },
  { name: "listening", argument: 0, short: "l" },
  { name: "all", argument: 0, short: "a" },
  { name: "tcp", argument: 0, short: "t" },
  { name: "udp", argument: 0, short: "u" },
  { name: "raw", argument: 0, short: "w" },
  { name: "unix", argument: 0, short: "x" },
  { name: "version", argument: 0, short: "V" },
  { name: "help", argument: 0, short: "h" },
];

export const netstat: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "rigsvWnNeplaotuwx46VhF", { long: LONG });
  if (parsed.error !== undefined) {
    yield* proc.printError(`netstat: ${parsed.error}\n${USAGE}`);
    return 3;
  }
  const letters = new Set(parsed.options.map(({ name }) => name));
  if (letters.has("h")) {
    yield* proc.printError(USAGE);
    return 4;
  }
  if (letters.has("V")) {
    yield* proc.print("net-tools 2.10\n");
    return 0;
  }
  yield* sleep(START_NS);
  const numeric = letters.has("n");
  if (letters.has("r")) {
    proc.argv = ["route", "-e", ...(numeric ? ["-n"] : [])];
    return yield* route(proc);
  }
  if (letters.has("i")) {
    yield* proc.print("Kernel Interface table\n");
    if (!letters.has("e")) {
      yield* proc.print(interfacesText(proc, letters.has("a")));
      return 0;
    }
    proc.argv = ["ifconfig", ...(letters.has("a") ? ["-a"] : [])];
    return yield* ifconfig(proc);
  }
  if (letters.has("g")) {
    yield* proc.print(groupsText(proc));
    return 0;
  }
  if (letters.has("s")) {
    yield* proc.print(statisticsText(netnsOf(proc), letters));
    return 0;
  }
  const extended = parsed.options.filter(({ name }) => name === "e").length;
  yield* proc.print(
    yield* socketsText(proc, letters, {
      numericHosts: numeric || letters.has("numeric-hosts"),
      numericPorts: numeric || letters.has("numeric-ports"),
      extended: extended > 0,
      programs: letters.has("p"),
      timers: letters.has("o"),
      padding: "",
      unixColumns: letters.has("p") ? "I-Node   PID/Program name     Path" : "I-Node   Path",
    }),
  );
  return 0;
};

export const busyboxNetstat: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "laentuwxr");
  if (parsed.error !== undefined) {
    yield* proc.printError(`netstat: ${parsed.error}\n${BUSYBOX_USAGE}`);
    return 1;
  }
  const letters = new Set(parsed.options.map(({ name }) => name));
  yield* sleep(START_NS);
  if (letters.has("r")) {
    proc.argv = ["route", "-e", ...(letters.has("n") ? ["-n"] : [])];
    return yield* route(proc);
  }
  yield* proc.print(
    yield* socketsText(proc, letters, {
      numericHosts: letters.has("n"),
      numericPorts: letters.has("n"),
      extended: letters.has("e"),
      programs: false,
      timers: false,
      padding: " ",
      unixColumns: "I-Node Path",
    }),
  );
  return 0;
};

interface Style {
  readonly numericHosts: boolean;
  readonly numericPorts: boolean;
  readonly extended: boolean;
  readonly programs: boolean;
  readonly timers: boolean;
  /** after the state's column */
  readonly padding: string;
  /** last columns of the Unix table's heading */
  readonly unixColumns: string;
}

function* socketsText(proc: Process, letters: ReadonlySet<string>, style: Style): Task<string> {
  const all = letters.has("a");
  const listening = letters.has("l");
  const chosen = ["t", "u", "w", "x"].some((letter) => letters.has(letter));
  const kinds = new Set([
    ...(!chosen || letters.has("t") ? ["tcp"] : []),
    ...(!chosen || letters.has("u") ? ["udp"] : []),
    ...(!chosen || letters.has("w") ? ["raw"] : []),
  ]);
  const which = all ? "servers and established" : listening ? "only servers" : "w/o servers";
  let text = "";
  if (kinds.size > 0) {
    text += `Active Internet connections (${which})\n`;
    text += `Proto Recv-Q Send-Q Local Address           Foreign Address         State      ${style.padding}`;
    if (style.extended) text += " User       Inode     ";
    if (style.programs) text += ` ${"PID/Program name".padEnd(PROGRAM_COLUMNS)}`;
    text += `${style.timers ? " Timer" : ""}\n`;
    const entries = socketEntries(proc);
    for (const kind of ["tcp", "udp", "raw"])
      for (const entry of entries) {
        if (entry.kind !== kind || !kinds.has(kind) || !isShown(entry, all, listening)) continue;
        text += yield* line(proc, entry, style);
      }
  }
  if (!chosen || letters.has("x")) {
    text += `Active UNIX domain sockets (${which})\n`;
    text += `Proto RefCnt Flags       Type       State         ${style.unixColumns}\n`;
  }
  return text;
}

function isShown(entry: SocketEntry, all: boolean, listening: boolean): boolean {
  if (all) return entry.kind !== "tcp" || entry.state !== TCP_CLOSE;
  const server = entry.kind === "tcp" ? entry.state === TCP_LISTEN : entry.remote === 0;
  return listening ? server : !server;
}

function* line(proc: Process, entry: SocketEntry, style: Style): Task<string> {
  const local = yield* endpoint(proc, entry, entry.local, entry.localPort, style);
  const remote = yield* endpoint(proc, entry, entry.remote, entry.remotePort, style);
  let state = STATES.get(entry.state) ?? "UNKNOWN";
  if (entry.kind === "udp") state = entry.state === TCP_ESTABLISHED ? "ESTABLISHED" : "";
  else if (entry.kind === "raw") state = String(entry.state);
  let text = `${entry.kind.padEnd(4)}  ${String(entry.receiveQueue).padStart(6)} ${String(entry.sendQueue).padStart(6)} `;
  text += `${local.padEnd(ADDRESS_COLUMNS)} ${remote.padEnd(ADDRESS_COLUMNS)} ${state.padEnd(11)}${style.padding}`;
  if (style.extended) text += ` ${String(entry.uid).padEnd(10)} ${String(entry.inode).padEnd(10)}`;
  if (style.programs) {
    const owner = entry.owners[0];
    const program = owner ? `${owner.pid}/${owner.name}` : "-";
    text += ` ${program.slice(0, PROGRAM_COLUMNS - 1).padEnd(PROGRAM_COLUMNS)}`;
  }
  if (style.timers && entry.kind === "tcp") text += ` ${timerText(entry.timer)}`;
  return `${text}\n`;
}

function* endpoint(proc: Process, entry: SocketEntry, address: number, port: number, style: Style): Task<string> {
  const name = style.numericHosts || address === 0 ? undefined : yield* getnameinfo(proc, address);
  const protocol = entry.kind === "tcp" ? "tcp" : "udp";
  const service = style.numericPorts || entry.kind === "raw" ? undefined : serviceName(port, protocol);
  const portText = port === 0 ? "*" : (service ?? String(port));
  const room = ADDRESS_COLUMNS - portText.length - 1;
  return `${(name ?? formatIpv4(address)).slice(0, room)}:${portText}`;
}

function timerText(timer: SocketTimer): string {
  const hundredths = Math.floor(timer.remainingNs / 10_000_000);
  const seconds = `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, "0")}`;
  return `${timer.kind} (${seconds}/${timer.retransmits}/0)`;
}

const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [IFF_ALLMULTI, "A"],
  [IFF_BROADCAST, "B"],
  [IFF_LOOPBACK, "L"],
  [IFF_MULTICAST, "M"],
  [IFF_PROMISC, "P"],
  [IFF_NOARP, "O"],
  [IFF_POINTOPOINT, "P"],
  [IFF_RUNNING, "R"],
];

/** netstat -i */
function interfacesText(proc: Process, all: boolean): string {
  let text = "Iface             MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n";
  const devices = [...netnsOf(proc).net.devices.values()].filter((dev) => all || dev.up);
  devices.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const dev of devices) text += interfaceLine(dev);
  return text;
}

function interfaceLine(dev: NetDevice): string {
  const { stats } = dev;
  const cell = (value: number, width: number): string => ` ${String(value).padStart(width)}`;
  const running = dev.operational;
  let flags = "";
  for (const [bit, letter] of FLAG_LETTERS) {
    const on = bit === IFF_RUNNING ? running : (dev.flags & bit) !== 0;
    if (on) flags += letter;
  }
  if (dev.up) flags += "U";
  let text = `${dev.name.padEnd(16)}${cell(dev.mtu, 4)}`;
  text += `${cell(stats.rxPackets, 8)}${cell(stats.rxErrors, 6)}${cell(stats.rxDropped, 6)} ${"0".padEnd(6)}`;
  text += `${cell(stats.txPackets, 8)}${cell(stats.txErrors, 6)}${cell(stats.txDropped, 6)}${cell(0, 6)} ${flags}\n`;
  return text;
}

/** netstat -g: multicast groups of each interface. */
function groupsText(proc: Process): string {
  let text =
    "IPv6/IPv4 Group Memberships\nInterface       RefCnt Group\n--------------- ------ ---------------------\n";
  for (const dev of netnsOf(proc).net.devices.values())
    if (dev.up) text += `${dev.name.padEnd(15)} ${"1".padEnd(6)} 224.0.0.1\n`;
  return text;
}
