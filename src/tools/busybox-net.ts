// ifconfig, route, arp, brctl and sysctl of busybox 1.35, as containers have them: what they print differs from net-tools,
// what they ask of the kernel does not. Answers to busybox networking/{ifconfig,interface,route,arp,brctl}.c and
// procps/sysctl.c.

import { Errno, strerror } from "../base/errno.ts";
import { netnsOf } from "../host/host.ts";
import { devGetFlags } from "../net/core/dev.ts";
import { type NeighInfo, NUD_NOARP, NUD_PERMANENT, NUD_VALID } from "../net/core/neighbour.ts";
import { IFF_BROADCAST, IFF_POINTOPOINT } from "../net/core/net-device.ts";
import type { Process, Program } from "../posix/process.ts";
import type { Task } from "../sim/task.ts";
import { formatIpv4, formatMac } from "../wire/addr.ts";
import { brctl } from "./brctl.ts";
import { arp } from "./net-tools/arp.ts";
import { flagNames, humanBytes, ifconfig, listViews, type View } from "./net-tools/ifconfig.ts";
import { route } from "./net-tools/route.ts";
import { captured } from "./net-util/captured.ts";
import { sysctl } from "./sysctl.ts";

export const BUSYBOX_BANNER = "BusyBox v1.35.0 (Debian 1:1.35.0-4+deb12u1+b1) multi-call binary.\n";

/** Prints a complaint, as bb_perror_msg_and_die does, and ends with 1. */
function* die(proc: Process, name: string, message: string): Task<number> {
  yield* proc.printError(`${name}: ${message}\n`);
  return 1;
}

const firstLine = (text: string): string => text.split("\n")[0]!;

export const busyboxIfconfig: Program = function* (proc: Process): Task<number> {
  const words = proc.argv.slice(1);
  const all = words[0] === "-a";
  if (all) words.shift();
  const views = listViews(netnsOf(proc));
  const [name] = words;
  if (name === undefined) {
    yield* proc.print(
      views
        .filter(({ dev }) => all || dev.up)
        .map(viewText)
        .join(""),
    );
    return 0;
  }
  if (words.length === 1) {
    const view = views.find((candidate) => candidate.name === name);
    if (!view) return yield* die(proc, "ifconfig", `${name}: error fetching interface information: Device not found`);
    yield* proc.print(viewText(view));
    return 0;
  }
  const { status, err } = yield* captured(proc, ifconfig, ["ifconfig", ...words]);
  if (status === 0 && err === "") return 0;
  const [, host] = /^(.*): Host name lookup failure/.exec(err) ?? [];
  if (host !== undefined) return yield* die(proc, "ifconfig", `bad address '${host}'`);
  return yield* die(
    proc,
    "ifconfig",
    firstLine(err).replace(/^.*: ERROR while getting interface flags: /, "SIOCGIFFLAGS: "),
  );
};

const MARGIN = "          ";

function viewText(view: View): string {
  const { dev, ifa } = view;
  const flags = devGetFlags(dev) & 0xffff;
  let out = `${view.name.padEnd(9)} Link encap:${dev.loopback ? "Local Loopback  " : `Ethernet  HWaddr ${formatMac(dev.address).toUpperCase()}  `}\n`;
  if (ifa) {
    out += `${MARGIN}inet addr:${formatIpv4(ifa.local)}`;
    if (flags & IFF_POINTOPOINT) out += `  P-t-P:${formatIpv4(ifa.address)}`;
    if (flags & IFF_BROADCAST) out += `  Bcast:${formatIpv4(ifa.broadcast)}`;
    out += `  Mask:${formatIpv4(ifa.mask)}\n`;
  }
  out += `${MARGIN}${flagNames(flags).join(" ")}  MTU:${dev.mtu}  Metric:1\n`;
  if (view.alias) return `${out}\n`;
  const s = dev.stats;
  return `${out}${MARGIN}RX packets:${s.rxPackets} errors:${s.rxErrors} dropped:${s.rxDropped} overruns:0 frame:0
${MARGIN}TX packets:${s.txPackets} errors:${s.txErrors} dropped:${s.txDropped} overruns:0 carrier:0
${MARGIN}collisions:${s.collisions} txqueuelen:${dev.settings.txQueueLen} 
${MARGIN}RX bytes:${s.rxBytes} (${humanBytes(s.rxBytes)})  TX bytes:${s.txBytes} (${humanBytes(s.txBytes)})

`;
}

const ROUTE_USAGE = `${BUSYBOX_BANNER}
Usage: route [-ne] [-A inet[6]] [{add|del} [-net|-host] TARGET [netmask MASK]
	[gw GATEWAY] [metric N] [mss BYTES] [window BYTES] [reject] [IFACE]]

Show or edit kernel routing tables

	-n	Don't resolve names
	-e	Display other/more information
	-A inet[6]	Select address family
`;

export const busyboxRoute: Program = function* (proc: Process): Task<number> {
  const { status, out, err } = yield* captured(proc, route, proc.argv);
  if (err.startsWith("Usage:")) {
    yield* proc.printError(ROUTE_USAGE);
    return 1;
  }
  if (status !== 0) {
    const why = firstLine(err).replace(/^route: /, "");
    return yield* die(
      proc,
      "route",
      why.replace("netmask doesn't match route address", "netmask and route address conflict"),
    );
  }
  // an address of no gateway is a star where names are resolved
  const numeric = proc.argv.some((word) => /^-[a-z]*n/.test(word));
  yield* proc.print(numeric ? out : out.replace(/^(\S+ +)0\.0\.0\.0 {9}/gm, "$1*               "));
  return 0;
};

export const busyboxArp: Program = function* (proc: Process): Task<number> {
  const words = proc.argv.slice(1);
  if (words.some((word) => /^-[sd]$/.test(word))) {
    const deleting = words.includes("-d");
    const { status, err } = yield* captured(proc, arp, proc.argv);
    if (status === 0) return 0;
    if (deleting && err.startsWith("No ARP entry"))
      return yield* die(
        proc,
        "arp",
        proc.capable("NET_ADMIN")
          ? `SIOCDARP(pub): ${strerror(Errno.ENOENT)}`
          : `SIOCDARP(priv): ${strerror(Errno.EPERM)}`,
      );
    return yield* die(proc, "arp", firstLine(err));
  }
  const host = words.find((word) => !word.startsWith("-"));
  const rows = netnsOf(proc)
    .ipv4.arp.dump()
    .filter(({ state, key }) => (state & NUD_NOARP) === 0 && (host === undefined || formatIpv4(key) === host))
    .map(arpRow);
  yield* proc.print(rows.join(""));
  return 0;
};

function arpRow(entry: NeighInfo): string {
  const known = (entry.state & NUD_VALID) !== 0 && entry.lladdr !== null;
  const mac =
    known && entry.lladdr
      ? `${formatMac(entry.lladdr)} [ether]${entry.state & NUD_PERMANENT ? " PERM" : " "}`
      : "<incomplete> ";
  return `? (${formatIpv4(entry.key)}) at ${mac} on ${entry.dev.name}\n`;
}

const BRCTL_USAGE = `${BUSYBOX_BANNER}
Usage: brctl COMMAND [BRIDGE [ARGS]]

Manage ethernet bridges
Commands:
	addbr BRIDGE		Create BRIDGE
	delbr BRIDGE		Delete BRIDGE
	addif BRIDGE IFACE	Add IFACE to BRIDGE
	delif BRIDGE IFACE	Delete IFACE from BRIDGE
`;

/** Debian's busybox has only these four of brctl's commands. */
export const busyboxBrctl: Program = function* (proc: Process): Task<number> {
  const [command, bridge, port] = proc.argv.slice(1);
  if (command === undefined) {
    yield* proc.printError(BRCTL_USAGE);
    return 1;
  }
  if (!["addbr", "delbr", "addif", "delif"].includes(command))
    return yield* die(proc, "brctl", `invalid argument '${command}' to 'brctl'`);
  const { net } = netnsOf(proc);
  const permitted = proc.capable("NET_ADMIN");
  if (permitted && port !== undefined && !net.deviceByName(port))
    return yield* die(proc, "brctl", `iface ${port}: ${strerror(Errno.ENODEV)}`);
  const { status, err } = yield* captured(proc, brctl, proc.argv);
  if (status === 0) return 0;
  const why = !permitted
    ? Errno.EPERM
    : err.includes("already exists")
      ? Errno.EEXIST
      : err.includes("doesn't exist")
        ? Errno.ENXIO
        : err.includes("still up") || err.includes("already a member")
          ? Errno.EBUSY
          : Errno.ENODEV;
  return yield* die(proc, "brctl", `bridge ${bridge}: ${strerror(why)}`);
};

export const busyboxSysctl: Program = function* (proc: Process): Task<number> {
  if (proc.argv.length === 1) return 0;
  const { status, out, err } = yield* captured(proc, sysctl, proc.argv);
  yield* proc.print(out);
  const words = proc.argv.filter((word) => !word.startsWith("-"));
  const lines = err
    .replace(/setting key "(.*)": (.*)/g, "error setting key '$1': $2")
    .replace(
      /cannot stat \/proc\/sys\/(.*): No such file or directory/g,
      (_all, path: string) => `error: '${path.replaceAll("/", ".")}' is an unknown key`,
    )
    .replace(
      "command line(0): invalid syntax, continuing...",
      `error: '${words.at(-1)}' must be of the form name=value`,
    );
  yield* proc.printError(lines);
  return status;
};
