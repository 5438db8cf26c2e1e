// ifconfig of net-tools 2.10: interfaces with their first address and counters, and the old ways of setting them up.
// Interface names with a colon are address labels, as the old system calls have it.

import { netnsOf } from "../../host/host.ts";
import { devGetFlags } from "../../net/core/dev.ts";
import {
  IFF_ALLMULTI,
  IFF_BROADCAST,
  IFF_LOOPBACK,
  IFF_MULTICAST,
  IFF_NOARP,
  IFF_POINTOPOINT,
  IFF_PROMISC,
  IFF_RUNNING,
  IFF_UP,
  type NetDevice,
} from "../../net/core/net-device.ts";
import { type InIfaddr, inetAddrDump } from "../../net/ipv4/devinet.ts";
import type { NetNamespace } from "../../net/netns.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { formatIpv4, formatMac } from "../../wire/addr.ts";
import { configure, FAMILY_LIST, HARDWARE_LIST, usageText } from "./ifconfig-set.ts";

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [IFF_UP, "UP"],
  [IFF_BROADCAST, "BROADCAST"],
  [IFF_LOOPBACK, "LOOPBACK"],
  [IFF_POINTOPOINT, "POINTOPOINT"],
  [IFF_RUNNING, "RUNNING"],
  [IFF_NOARP, "NOARP"],
  [IFF_PROMISC, "PROMISC"],
  [IFF_ALLMULTI, "ALLMULTI"],
  [IFF_MULTICAST, "MULTICAST"],
];
/** short listing (-s): one letter each, in this order */
const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [IFF_ALLMULTI, "A"],
  [IFF_BROADCAST, "B"],
  [IFF_LOOPBACK, "L"],
  [IFF_MULTICAST, "M"],
  [IFF_NOARP, "O"],
  [IFF_POINTOPOINT, "P"],
  [IFF_PROMISC, "P"],
  [IFF_RUNNING, "R"],
  [IFF_UP, "U"],
];
const SHORT_HEADER = "Iface      MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n";

/** An interface as ifconfig sees it: a device, or one of its labels. */
export interface View {
  readonly name: string;
  readonly dev: NetDevice;
  /** the address of that label, if any */
  readonly ifa: InIfaddr | undefined;
  readonly alias: boolean;
}

export const ifconfig: Program = function* (proc: Process): Task<number> {
  const ns = netnsOf(proc);
  const words = proc.argv.slice(1);
  let all = false;
  let short = false;
  while (
    words[0]?.startsWith("-") &&
    !/^-(arp|promisc|allmulti|multicast|broadcast|pointopoint|dynamic)$/.test(words[0])
  ) {
    const option = words.shift()!;
    if (option === "-a") all = true;
    else if (option === "-s") short = true;
    else if (option === "-v") continue;
    else if (option === "--help" || option === "-h" || option === "-?") {
      // the lists go to stderr, which is not buffered
      yield* proc.printError(HARDWARE_LIST + FAMILY_LIST);
      yield* proc.print(usageText("", ""));
      return 0;
    } else if (option === "--version" || option === "-V") {
      yield* proc.print("net-tools 2.10\n");
      return 0;
    } else {
      yield* proc.printError(
        `ifconfig: option \`${option}' not recognised.\nifconfig: \`--help' gives usage information.\n`,
      );
      return 1;
    }
  }
  const name = words.shift();
  if (name === undefined) {
    if (short) {
      yield* proc.print(SHORT_HEADER + shortLines(ns, all));
      return 0;
    }
    const views = listViews(ns).filter((view) => all || view.dev.up);
    yield* proc.print(views.map(viewText).join(""));
    return 0;
  }
  if (words.length === 0) {
    const view = listViews(ns).find((candidate) => candidate.name === name);
    if (!view) {
      yield* proc.printError(`${name}: error fetching interface information: Device not found\n`);
      if (short) yield* proc.print(SHORT_HEADER);
      return 1;
    }
    yield* proc.print(short ? SHORT_HEADER + shortText(view) : viewText(view));
    return 0;
  }
  return yield* configure(proc, ns, name, words);
};

/** "UP", "BROADCAST", … of the flags that are set */
export function flagNames(flags: number): string[] {
  return FLAG_NAMES.filter(([flag]) => flags & flag).map(([, text]) => text);
}

/** Names before the number at their end, then that number (nstrcmp). */
function compareNames(a: string, b: string): number {
  const [, prefixA = "", numberA] = /^(.*?)(\d*)$/.exec(a)!;
  const [, prefixB = "", numberB] = /^(.*?)(\d*)$/.exec(b)!;
  if (prefixA !== prefixB) return prefixA < prefixB ? -1 : 1;
  return Number(numberA || -1) - Number(numberB || -1);
}

export function listViews(ns: NetNamespace): View[] {
  const out: View[] = [];
  const devices = [...ns.net.devices.values()].sort((a, b) => compareNames(a.name, b.name));
  for (const dev of devices) {
    const addresses = inetAddrDump(ns.ipv4, dev);
    out.push({ name: dev.name, dev, ifa: addresses.find((ifa) => ifa.label === dev.name), alias: false });
    const labels = new Set(addresses.map((ifa) => ifa.label).filter((label) => label.startsWith(`${dev.name}:`)));
    for (const label of [...labels].sort())
      out.push({ name: label, dev, ifa: addresses.find((ifa) => ifa.label === label), alias: true });
  }
  return out;
}

function viewText(view: View): string {
  const { dev, ifa } = view;
  const flags = devGetFlags(dev) & 0xffff;
  const names = flagNames(flags);
  let out = `${view.name}: flags=${flags}<${names.join(",")}>  mtu ${dev.mtu}\n`;
  if (ifa) {
    out += `        inet ${formatIpv4(ifa.local)}  netmask ${formatIpv4(ifa.mask)}`;
    if (flags & IFF_BROADCAST) out += `  broadcast ${formatIpv4(ifa.broadcast)}`;
    if (flags & IFF_POINTOPOINT) out += `  destination ${formatIpv4(ifa.address)}`;
    out += "\n";
  }
  out += dev.loopback
    ? `        loop  txqueuelen ${dev.settings.txQueueLen}  (Local Loopback)\n`
    : `        ether ${formatMac(dev.address)}  txqueuelen ${dev.settings.txQueueLen}  (Ethernet)\n`;
  if (view.alias) return `${out}\n`;
  const s = dev.stats;
  out += `        RX packets ${s.rxPackets}  bytes ${s.rxBytes} (${humanBytes(s.rxBytes)})\n`;
  out += `        RX errors ${s.rxErrors}  dropped ${s.rxDropped}  overruns 0  frame 0\n`;
  out += `        TX packets ${s.txPackets}  bytes ${s.txBytes} (${humanBytes(s.txBytes)})\n`;
  out += `        TX errors ${s.txErrors}  dropped ${s.txDropped} overruns 0  carrier 0  collisions ${s.collisions}\n\n`;
  return out;
}

/** A line for each interface that is up, or for all (ifconfig -s, netstat -i). */
export function shortLines(ns: NetNamespace, all: boolean): string {
  const views = listViews(ns).filter((view) => all || view.dev.up);
  return views.map(shortText).join("");
}

function shortText(view: View): string {
  const { dev } = view;
  const letters = FLAG_LETTERS.filter(([flag]) => devGetFlags(dev) & flag).map(([, letter]) => letter);
  const head = `${view.name.padEnd(15)} ${String(dev.mtu).padStart(5)}`;
  if (view.alias)
    return `${view.name.padEnd(15)} ${String(dev.mtu).padStart(5)}      - no statistics available -                        ${letters.join("")}\n`;
  const s = dev.stats;
  const n = (value: number, width: number): string => String(value).padStart(width);
  return (
    `${head} ${n(s.rxPackets, 8)} ${n(s.rxErrors, 6)} ${n(s.rxDropped, 6)} ${String(0).padEnd(6)}` +
    ` ${n(s.txPackets, 8)} ${n(s.txErrors, 6)} ${n(s.txDropped, 6)} ${n(0, 6)} ${letters.join("")}\n`
  );
}

/** "1.4 KiB", as print_bytes of net-tools has it. */
export function humanBytes(bytes: number): string {
  const units: readonly (readonly [number, string])[] = [
    [1024 ** 5, "PiB"],
    [1024 ** 4, "TiB"],
    [1024 ** 3, "GiB"],
    [1024 ** 2, "MiB"],
    [1024, "KiB"],
  ];
  for (const [size, unit] of units)
    if (bytes >= size) return `${(Math.floor((bytes * 10) / size) / 10).toFixed(1)} ${unit}`;
  return `${bytes.toFixed(1)} B`;
}
