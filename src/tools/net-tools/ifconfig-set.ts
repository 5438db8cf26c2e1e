// What ifconfig sets: one request of the old system calls after another, each of which may fail without stopping those behind
// it. Answers to net-tools' ifconfig.c.

import { Errno, NetError, strerror } from "../../base/errno.ts";
import { requireNetAdmin } from "../../host/host.ts";
import { devChangeName, devSetMacAddress, devSetMtu } from "../../net/core/dev.ts";
import { devChangeFlags } from "../../net/core/dev-flags.ts";
import {
  IFF_ALLMULTI,
  IFF_BROADCAST,
  IFF_MULTICAST,
  IFF_NOARP,
  IFF_PROMISC,
  IFF_UP,
  type NetDevice,
} from "../../net/core/net-device.ts";
import { type InIfaddr, inetAddrAdd, inetAddrDump, inetDelIfa } from "../../net/ipv4/devinet.ts";
import type { NetNamespace } from "../../net/netns.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { parseInetAton } from "../../wire/addr.ts";

export const HARDWARE_LIST = `    loop (Local Loopback) slip (Serial Line IP) cslip (VJ Serial Line IP) 
    slip6 (6-bit Serial Line IP) cslip6 (VJ 6-bit Serial Line IP) adaptive (Adaptive Serial Line IP) 
    ash (Ash) ether (Ethernet) ax25 (AMPR AX.25) 
    netrom (AMPR NET/ROM) rose (AMPR ROSE) tunnel (IPIP Tunnel) 
    ppp (Point-to-Point Protocol) hdlc ((Cisco)-HDLC) lapb (LAPB) 
    arcnet (ARCnet) dlci (Frame Relay DLCI) frad (Frame Relay Access Device) 
    sit (IPv6-in-IPv4) fddi (Fiber Distributed Data Interface) hippi (HIPPI) 
    irda (IrLAP) ec (Econet) x25 (generic X.25) 
    eui64 (Generic EUI-64) 
`;
export const FAMILY_LIST = `    unix (UNIX Domain) inet (DARPA Internet) inet6 (IPv6) 
    ax25 (AMPR AX.25) netrom (AMPR NET/ROM) rose (AMPR ROSE) 
    ipx (Novell IPX) ddp (Appletalk DDP) ec (Econet) 
    ash (Ash) x25 (CCITT X.25) 
`;

export function usageText(hardware: string, families: string): string {
  return `Usage:
  ifconfig [-a] [-v] [-s] <interface> [[<AF>] <address>]
  [add <address>[/<prefixlen>]]
  [del <address>[/<prefixlen>]]
  [[-]broadcast [<address>]]  [[-]pointopoint [<address>]]
  [netmask <address>]  [dstaddr <address>]  [tunnel <address>]
  [outfill <NN>] [keepalive <NN>]
  [hw <HW> <address>]  [mtu <NN>]
  [[-]trailers]  [[-]arp]  [[-]allmulti]
  [multicast]  [[-]promisc]
  [mem_start <NN>]  [io_addr <NN>]  [irq <NN>]  [media <type>]
  [txqueuelen <NN>]
  [name <newname>]
  [[-]dynamic]
  [up|down] ...

  <HW>=Hardware Type.
  List of possible hardware types:
${hardware}  <AF>=Address family. Default: inet
  List of possible address families:
${families}`;
}

/** Ends the program at once with a text and a status. */
class Ends extends Error {
  readonly status: number;

  constructor(text: string, status: number) {
    super(text);
    this.status = status;
  }
}

const IFF_DYNAMIC = 0x8000;

/** Words that set or clear a flag, and which. */
const FLAG_WORDS: ReadonlyMap<string, readonly [number, boolean]> = new Map([
  ["arp", [IFF_NOARP, false]],
  ["-arp", [IFF_NOARP, true]],
  ["promisc", [IFF_PROMISC, true]],
  ["-promisc", [IFF_PROMISC, false]],
  ["multicast", [IFF_MULTICAST, true]],
  ["-multicast", [IFF_MULTICAST, false]],
  ["allmulti", [IFF_ALLMULTI, true]],
  ["-allmulti", [IFF_ALLMULTI, false]],
  ["dynamic", [IFF_DYNAMIC, true]],
  ["-dynamic", [IFF_DYNAMIC, false]],
  // no virtual device has any
  ["trailers", [0, false]],
  ["-trailers", [0, true]],
]);
const REFUSED: readonly string[] = ["tunnel", "irq", "io_addr", "mem_start", "inet6"];

export function* configure(proc: Process, ns: NetNamespace, name: string, words: string[]): Task<number> {
  const session = new Session(proc, ns, name);
  let ending: Ends | null = null;
  try {
    while (words.length > 0) session.step(words);
  } catch (error) {
    if (!(error instanceof Ends)) throw error;
    ending = error;
  }
  const err = session.err + (ending?.message ?? "");
  if (err !== "") yield* proc.printError(err);
  return ending ? ending.status : session.status & 255;
}

class Session {
  err = "";
  status = 0;
  readonly #proc: Process;
  readonly #ns: NetNamespace;
  readonly #name: string;

  constructor(proc: Process, ns: NetNamespace, name: string) {
    this.#proc = proc;
    this.#ns = ns;
    this.#name = name;
  }

  /** The device behind the name, or its label. Throws ENODEV. */
  #device(): NetDevice {
    const dev = this.#ns.net.deviceByName(this.#name.replace(/:.*/, ""));
    if (!dev) throw new NetError(Errno.ENODEV);
    return dev;
  }

  #settings(label: string = this.#name): AddressSettings {
    return new AddressSettings(this.#ns, this.#device(), label);
  }

  /** One system call; what goes wrong is told, and the next word has its turn. */
  #call(call: string, request: () => void): boolean {
    try {
      requireNetAdmin(this.#proc);
      request();
      return true;
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      this.err += `${call}: ${strerror(error.errno)}\n`;
      this.status = 1;
      return false;
    }
  }

  /** set_flag, clr_flag: the flags are read first */
  #flag(flag: number, on: boolean): void {
    let dev: NetDevice;
    try {
      dev = this.#device();
    } catch {
      this.err += `${this.#name}: ERROR while getting interface flags: No such device\n`;
      this.status |= -1;
      return;
    }
    try {
      requireNetAdmin(this.#proc);
      devChangeFlags(dev, flag, on ? flag : 0);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      this.err += `SIOCSIFFLAGS: ${strerror(error.errno)}\n`;
      this.status |= -1;
    }
  }

  /** Takes the next word or words. */
  step(words: string[]): void {
    const word = words.shift()!;
    const take = (): string => words.shift() ?? usage();
    const flag = FLAG_WORDS.get(word);
    if (flag) {
      this.#flag(...flag);
      return;
    }
    if (REFUSED.includes(word)) throw new Ends(`ifconfig: ${word} is not emulated by vethlab\n`, 1);
    switch (word) {
      case "up":
        this.#flag(IFF_UP, true);
        break;
      case "down":
        if (this.#name.includes(":")) this.#call("SIOCSIFFLAGS", () => this.#settings().removeLabel());
        else this.#flag(IFF_UP, false);
        break;
      case "mtu": {
        const mtu = Number.parseInt(take(), 10) || 0;
        this.#call("SIOCSIFMTU", () => devSetMtu(this.#device(), mtu));
        break;
      }
      case "txqueuelen": {
        const length = Number.parseInt(take(), 10) || 0;
        this.#call("SIOCSIFTXQLEN", () => {
          this.#device().change({ txQueueLen: length });
        });
        break;
      }
      case "name": {
        const wanted = take();
        this.#call("SIOCSIFNAME", () => devChangeName(this.#device(), wanted));
        break;
      }
      case "netmask": {
        const mask = addressOf(take(), "");
        this.#call("SIOCSIFNETMASK", () => this.#settings().netmask(mask));
        break;
      }
      case "broadcast":
        if (words.length > 0) {
          const address = addressOf(words.shift()!);
          this.#call("SIOCSIFBRDADDR", () => this.#settings().broadcast(address));
        }
        this.#flag(IFF_BROADCAST, true);
        break;
      case "-broadcast":
        this.#flag(IFF_BROADCAST, false);
        break;
      case "dstaddr":
      case "pointopoint":
        if (word === "dstaddr" || words.length > 0) {
          const address = addressOf(take());
          this.#call("SIOCSIFDSTADDR", () => this.#settings().destination(address));
        }
        // whether a device is point to point is not the user's to say
        if (word === "pointopoint") this.#flag(0, true);
        break;
      case "-pointopoint":
        this.#flag(0, false);
        break;
      case "keepalive":
      case "outfill":
        take();
        this.#call(word === "keepalive" ? "SIOCSKEEPALIVE" : "SIOCSOUTFILL", () => {
          this.#device();
          throw new NetError(Errno.EOPNOTSUPP);
        });
        break;
      case "hw":
        this.#hardware(take(), take);
        break;
      case "add":
      case "del":
        this.#further(addressOf(take()));
        break;
      case "inet":
        break;
      default:
        this.#address(word);
    }
  }

  #hardware(kind: string, take: () => string): void {
    if (kind !== "ether") usage();
    const text = take();
    const mac = lenientMac(text);
    if (!mac) throw new Ends(`${text}: invalid ether address.\n`, 1);
    this.#call("SIOCSIFHWADDR", () => devSetMacAddress(this.#device(), mac));
  }

  /** `add` and `del` of an IPv4 address: an alias of the first free number, or the one that has it. */
  #further(address: number): void {
    this.#call("SIOCSIFADDR", () => {
      const dev = this.#device();
      const labels = inetAddrDump(this.#ns.ipv4, dev);
      for (let i = 0; i < 256; i++) {
        const label = `${dev.name}:${i}`;
        const there = labels.find((ifa) => ifa.label === label);
        if (there && there.local !== address) continue;
        const settings = this.#settings(label);
        settings.address(there ? 0 : address);
        const main = labels.find((ifa) => ifa.label === dev.name);
        if (there || !main) return;
        settings.netmask(main.mask);
        settings.broadcast(main.broadcast);
        return;
      }
    });
  }

  #address(word: string): void {
    const [text, prefix] = word.split("/", 2) as [string, string | undefined];
    if (prefix !== undefined && !/^\d+$/.test(prefix)) usage();
    const address = text === "default" ? 0 : addressOf(text);
    this.#call("SIOCSIFADDR", () => this.#settings().address(address));
    // an address brings the interface up
    if (address !== 0 || !this.#name.includes(":")) this.#flag(IFF_UP, true);
    if (prefix === undefined) return;
    const bits = Number(prefix);
    const mask = bits === 0 ? 0 : (0xffffffff << (32 - Math.min(bits, 32))) >>> 0;
    const before = this.status;
    this.#call("SIOCSIFNETMASK", () => this.#settings().netmask(mask));
    this.status |= before;
  }
}

function usage(): never {
  throw new Ends(usageText(HARDWARE_LIST, FAMILY_LIST), 3);
}

function addressOf(text: string, hint = "ifconfig: `--help' gives usage information.\n"): number {
  const address = parseInetAton(text);
  if (address !== undefined) return address;
  // what no name server can be asked about is unknown
  const numeric = /^[\d.]+$/.test(text) || text.startsWith("-");
  throw new Ends(`${text}: ${numeric ? "Unknown host" : "Host name lookup failure"}\n${hint}`, 1);
}

/** in_ether: up to six pairs of hex digits, with or without colons; what is missing is zero. */
function lenientMac(text: string): Uint8Array | undefined {
  const mac = new Uint8Array(6);
  let rest = text;
  for (let i = 0; i < 6 && rest !== ""; i++) {
    const match = /^([0-9a-f]{1,2}):?/i.exec(rest);
    if (!match) return undefined;
    mac[i] = Number.parseInt(match[1]!, 16);
    rest = rest.slice(match[0].length);
  }
  return mac;
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
    if (!old) throw new NetError(Errno.EADDRNOTAVAIL);
    const prefixLen = Math.clz32(~mask);
    if (prefixLen < 32 && (mask << prefixLen) >>> 0 !== 0) throw new NetError(Errno.EINVAL);
    if (old.prefixLen === prefixLen) return;
    // a broadcast address that was the old subnet's moves with the mask
    const computed = old.broadcast === (old.local | ~old.mask) >>> 0;
    this.#replace(old.local, prefixLen, computed ? undefined : old.broadcast);
  }

  broadcast(address: number): void {
    const old = this.#current();
    if (!old) throw new NetError(Errno.EADDRNOTAVAIL);
    if (old.broadcast !== address) this.#replace(old.local, old.prefixLen, address);
  }

  /** The far end; the mask stays. */
  destination(address: number): void {
    const old = this.#current();
    if (!old) throw new NetError(Errno.EADDRNOTAVAIL);
    if (old.address !== address) this.#replace(old.local, old.prefixLen, old.broadcast, address);
  }

  removeLabel(): void {
    const old = this.#current();
    if (!old) throw new NetError(Errno.EADDRNOTAVAIL);
    inetDelIfa(this.#ns.ipv4, old);
  }

  #replace(local: number, prefixLen: number, broadcast: number | undefined, peer?: number): void {
    const old = this.#current();
    if (old) inetDelIfa(this.#ns.ipv4, old);
    const mask = prefixLen === 0 ? 0 : (0xffffffff << (32 - prefixLen)) >>> 0;
    const computed = this.#dev.flags & IFF_BROADCAST && prefixLen < 31 ? (local | ~mask) >>> 0 : 0;
    inetAddrAdd(this.#ns.ipv4, this.#dev, {
      local,
      prefixLen,
      ...(peer === undefined ? {} : { peer }),
      broadcast: broadcast ?? computed,
      label: this.#label,
      ...(this.#dev.loopback ? { scope: 254 } : {}),
    });
  }
}
