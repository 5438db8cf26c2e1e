// ifconfig of net-tools 2.10: interfaces with their first address and counters, and the old ways of setting them up.
// Interface names with a colon are address labels, as the old system calls have it.

import { Errno, NetError, strerror } from "../../base/errno.ts";
import { netnsOf } from "../../host/host.ts";
import { devClose, devGetFlags, devOpen, devSetMacAddress, devSetMtu, devSetPromiscuity } from "../../net/core/dev.ts";
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
import { type InIfaddr, inetAddrAdd, inetAddrDump, inetDelIfa } from "../../net/ipv4/devinet.ts";
import type { NetNamespace } from "../../net/netns.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { formatIpv4, formatMac, parseIpv4, parseMac } from "../../wire/addr.ts";

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
interface View {
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
    else if (option === "--version" || option === "-V") {
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
      return 1;
    }
    yield* proc.print(short ? SHORT_HEADER + shortText(view) : viewText(view));
    return 0;
  }
  return yield* configure(proc, ns, name, words);
};

/** Names before the number at their end, then that number (nstrcmp). */
function compareNames(a: string, b: string): number {
  const [, prefixA = "", numberA] = /^(.*?)(\d*)$/.exec(a)!;
  const [, prefixB = "", numberB] = /^(.*?)(\d*)$/.exec(b)!;
  if (prefixA !== prefixB) return prefixA < prefixB ? -1 : 1;
  return Number(numberA || -1) - Number(numberB || -1);
}

function listViews(ns: NetNamespace): View[] {
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
  const names = FLAG_NAMES.filter(([flag]) => flags & flag).map(([, text]) => text);
  let out = `${view.name}: flags=${flags}<${names.join(",")}>  mtu ${dev.mtu}\n`;
  if (ifa) {
    out += `        inet ${formatIpv4(ifa.local)}  netmask ${formatIpv4(ifa.mask)}`;
    if (flags & IFF_BROADCAST) out += `  broadcast ${formatIpv4(ifa.broadcast)}`;
    if (flags & IFF_POINTOPOINT) out += `  destination ${formatIpv4(ifa.address)}`;
    out += "\n";
  }
  out += dev.loopback
    ? `        loop  txqueuelen ${dev.txQueueLen}  (Local Loopback)\n`
    : `        ether ${formatMac(dev.address)}  txqueuelen ${dev.txQueueLen}  (Ethernet)\n`;
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
function humanBytes(bytes: number): string {
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

/** A request of the old system calls failed; said in net-tools' words. */
class RequestFailed extends Error {}

function* configure(proc: Process, ns: NetNamespace, name: string, words: string[]): Task<number> {
  const dev = ns.net.deviceByName(name.replace(/:.*/, ""));
  if (!dev) {
    const what =
      words[0] === "up" || words[0] === "down"
        ? "ERROR while getting interface flags"
        : "ERROR while getting interface flags";
    yield* proc.printError(`${name}: ${what}: No such device\n`);
    return 1;
  }
  const settings = new AddressSettings(ns, dev, name);
  let status = 0;
  try {
    while (words.length > 0) {
      const word = words.shift()!;
      const take = (): string => {
        const value = words.shift();
        if (value === undefined) throw new RequestFailed("ifconfig: option requires an argument");
        return value;
      };
      switch (word) {
        case "up":
          attempt("SIOCSIFFLAGS", () => devOpen(dev));
          break;
        case "down":
          attempt("SIOCSIFFLAGS", () => (name === dev.name ? devClose(dev) : settings.removeLabel()));
          break;
        case "mtu":
          attempt("SIOCSIFMTU", () => devSetMtu(dev, Number(take())));
          break;
        case "promisc":
        case "-promisc": {
          const on = word === "promisc";
          if (on === ((dev.gflags & IFF_PROMISC) !== 0)) break;
          dev.gflags ^= IFF_PROMISC;
          devSetPromiscuity(dev, on ? 1 : -1);
          break;
        }
        case "arp":
          dev.flags &= ~IFF_NOARP;
          break;
        case "-arp":
          dev.flags |= IFF_NOARP;
          break;
        case "multicast":
          dev.flags |= IFF_MULTICAST;
          break;
        case "-multicast":
          dev.flags &= ~IFF_MULTICAST;
          break;
        case "txqueuelen":
          dev.txQueueLen = Number(take());
          break;
        case "netmask":
          settings.netmask(addressOf(take()));
          break;
        case "broadcast":
          settings.broadcast(addressOf(take()));
          break;
        case "hw": {
          const kind = take();
          const text = take();
          const mac = kind === "ether" ? parseMac(text) : undefined;
          if (!mac) throw new RequestFailed(`${text}: invalid ether address.`);
          attempt("SIOCSIFHWADDR", () => devSetMacAddress(dev, mac));
          break;
        }
        case "inet":
          break;
        default: {
          if (
            /^(metric|pointopoint|dstaddr|add|del|tunnel|irq|io_addr|mem_start|media|keepalive|outfill|inet6|allmulti|-allmulti|dynamic|-dynamic|name)$/.test(
              word,
            )
          )
            throw new RequestFailed(`ifconfig: ${word} is not emulated by vethlab`);
          const [text, prefix] = word.split("/", 2) as [string, string | undefined];
          const address = parseIpv4(text);
          if (address === undefined)
            throw new RequestFailed(`${text}: Host name lookup failure\nifconfig: \`--help' gives usage information.`);
          attempt("SIOCSIFADDR", () => settings.address(address));
          if (prefix !== undefined) settings.netmask(prefix === "0" ? 0 : (0xffffffff << (32 - Number(prefix))) >>> 0);
          // an address brings the interface up
          if (address !== 0) devOpen(dev);
        }
      }
    }
  } catch (error) {
    if (!(error instanceof RequestFailed)) throw error;
    yield* proc.printError(`${error.message}\n`);
    status = 1;
  }
  return status;
}

function attempt(call: string, request: () => void): void {
  try {
    request();
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    throw new RequestFailed(`${call}: ${strerror(error.errno)}`);
  }
}

function addressOf(text: string): number {
  const address = parseIpv4(text);
  if (address === undefined)
    throw new RequestFailed(`${text}: Unknown host\nifconfig: \`--help' gives usage information.`);
  return address;
}

/** SIOCSIFADDR and its relations: one address a label, replaced as a whole with every change (devinet_ioctl). */
class AddressSettings {
  readonly #ns: NetNamespace;
  readonly #dev: NetDevice;
  readonly #label: string;

  constructor(ns: NetNamespace, dev: NetDevice, label: string) {
    this.#ns = ns;
    this.#dev = dev;
    this.#label = label;
  }

  #current(): InIfaddr | undefined {
    return inetAddrDump(this.#ns.ipv4, this.#dev).find((ifa) => ifa.label === this.#label);
  }

  address(address: number): void {
    const old = this.#current();
    if (old?.local === address) return;
    if (address === 0) {
      if (old) inetDelIfa(this.#ns.ipv4, old);
      return;
    }
    // the mask that the address's class had
    const first = address >>> 24;
    this.#replace(address, first < 128 ? 8 : first < 192 ? 16 : 24, undefined);
  }

  netmask(mask: number): void {
    const old = this.#current();
    if (!old) throw new RequestFailed(`SIOCSIFNETMASK: ${strerror(Errno.EADDRNOTAVAIL)}`);
    const prefixLen = Math.clz32(~mask);
    if (prefixLen < 32 && (mask << prefixLen) >>> 0 !== 0)
      throw new RequestFailed(`SIOCSIFNETMASK: ${strerror(Errno.EINVAL)}`);
    if (old.prefixLen === prefixLen) return;
    // a broadcast address that was the old subnet's moves with the mask
    const computed = old.broadcast === (old.local | ~old.mask) >>> 0;
    this.#replace(old.local, prefixLen, computed ? undefined : old.broadcast);
  }

  broadcast(address: number): void {
    const old = this.#current();
    if (!old) throw new RequestFailed(`SIOCSIFBRDADDR: ${strerror(Errno.EADDRNOTAVAIL)}`);
    if (old.broadcast !== address) this.#replace(old.local, old.prefixLen, address);
  }

  removeLabel(): void {
    const old = this.#current();
    if (!old) throw new NetError(Errno.EADDRNOTAVAIL);
    inetDelIfa(this.#ns.ipv4, old);
  }

  #replace(local: number, prefixLen: number, broadcast: number | undefined): void {
    const old = this.#current();
    if (old) inetDelIfa(this.#ns.ipv4, old);
    const mask = prefixLen === 0 ? 0 : (0xffffffff << (32 - prefixLen)) >>> 0;
    const computed = this.#dev.flags & IFF_BROADCAST && prefixLen < 31 ? (local | ~mask) >>> 0 : 0;
    inetAddrAdd(this.#ns.ipv4, this.#dev, {
      local,
      prefixLen,
      broadcast: broadcast ?? computed,
      label: this.#label,
      ...(this.#dev.loopback ? { scope: 254 } : {}),
    });
  }
}
