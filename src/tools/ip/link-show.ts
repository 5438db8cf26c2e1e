// How `ip link` and `ip addr` show a device. Answers to iproute2's ip/ipaddress.c, print_linkinfo and its helpers.

import { devGetFlags } from "../../net/core/dev.ts";
import {
  ARPHRD_ETHER,
  ARPHRD_LOOPBACK,
  IFF_LOWER_UP,
  IFF_RUNNING,
  IFF_UP,
  type NetDevice,
  OperState,
} from "../../net/core/net-device.ts";
import { formatMac } from "../../wire/addr.ts";
import type { Context } from "./context.ts";
import { groupName } from "./lib/names.ts";
import { nameFromNsid } from "./lib/netns.ts";
import type { Out } from "./lib/out.ts";
import { linkKind } from "./link-kinds.ts";
import { printLinkStats } from "./link-stats.ts";

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [0x8, "LOOPBACK"],
  [0x2, "BROADCAST"],
  [0x10, "POINTOPOINT"],
  [0x1000, "MULTICAST"],
  [0x80, "NOARP"],
  [0x200, "ALLMULTI"],
  [0x100, "PROMISC"],
  [0x400, "MASTER"],
  [0x800, "SLAVE"],
  [0x4, "DEBUG"],
  [0x8000, "DYNAMIC"],
  [0x4000, "AUTOMEDIA"],
  [0x2000, "PORTSEL"],
  [0x20, "NOTRAILERS"],
  [0x1, "UP"],
  [0x10000, "LOWER_UP"],
  [0x20000, "DORMANT"],
  [0x40000, "ECHO"],
];

/** A device that is not up shows DOWN. */
export function reportedOperstate(dev: NetDevice): OperState {
  return dev.up ? dev.operstate : OperState.DOWN;
}

/** What is in front of the driver: netem …, noqueue, or noop before it was ever up. */
export function qdiscName(dev: NetDevice): string {
  return dev.qdisc?.kind ?? (dev.activated ? "noqueue" : "noop");
}

export function linkTypeName(dev: NetDevice): string {
  if (dev.type === ARPHRD_LOOPBACK) return "loopback";
  return dev.type === ARPHRD_ETHER ? "ether" : `[${dev.type}]`;
}

/** "veth0@if5", "veth0@veth1", "eth0"; true when the other end is here and down (M-DOWN). */
function printNameAndLink(out: Out, dev: NetDevice, format: (name: string) => string): boolean {
  let name = dev.name;
  let otherIsDown = false;
  const iflink = dev.iflink();
  if (iflink !== dev.ifindex || dev.linkNet() !== dev.net) {
    if (dev.linkNet() !== dev.net) {
      if (out.json) out.js("link_index", iflink);
      else name = `${name}@if${iflink}`;
    } else if (iflink === 0) {
      if (out.json) out.js("link", null);
      else name = `${name}@NONE`;
    } else {
      const other = dev.net.deviceByIndex(iflink);
      const link = other?.name ?? `if${iflink}`;
      if (out.json) out.js("link", link);
      else name = `${name}@${link}`;
      otherIsDown = !((other?.flags ?? 0) & IFF_UP);
    }
  }
  out.any("ifname", format(name), name);
  return otherIsDown;
}

export function printFlags(out: Out, flags: number, otherIsDown: boolean): void {
  out.openArray("flags", "<");
  if (flags & IFF_UP && !(flags & IFF_RUNNING)) out.any(null, "NO-CARRIER,", "NO-CARRIER");
  flags &= ~IFF_RUNNING;
  for (const [bit, name] of FLAG_NAMES) {
    if (!(flags & bit)) continue;
    flags &= ~bit;
    out.any(null, flags ? `${name},` : name, name);
  }
  if (otherIsDown) out.any(null, ",M-DOWN", "M-DOWN");
  out.closeArray("> ");
}

/** One device, as `ip link show` (`isLink`) or as the first lines of `ip addr show`. */
export function printLinkInfo(ctx: Context, dev: NetDevice, isLink: boolean): void {
  const { out, options } = ctx;
  const flags = devGetFlags(dev);
  const operstate = reportedOperstate(dev);
  if (options.brief) {
    const otherIsDown = printNameAndLink(out, dev, (name) => `${name.padEnd(16)} `);
    out.any("operstate", `${operstate.padEnd(14)} `, operstate);
    if (!isLink) return;
    const address = formatMac(dev.address);
    out.any("address", `${address} `, address);
    printFlags(out, flags, otherIsDown);
    out.fp("\n");
    return;
  }
  out.any("ifindex", `${dev.ifindex}: `, dev.ifindex);
  const otherIsDown = printNameAndLink(out, dev, (name) => `${name}: `);
  printFlags(out, flags, otherIsDown);
  out.any("mtu", `mtu ${dev.mtu} `, dev.mtu);
  const qdisc = qdiscName(dev);
  out.any("qdisc", `qdisc ${qdisc} `, qdisc);
  if (dev.master) out.any("master", `master ${dev.master.name} `, dev.master.name);
  out.any("operstate", `state ${operstate} `, operstate);
  if (isLink) out.any("linkmode", `mode ${dev.settings.linkMode} `, dev.settings.linkMode);
  const group = options.numeric ? String(dev.settings.group) : groupName(dev.settings.group);
  out.any("group", `group ${group} `, group);
  if (dev.settings.txQueueLen || options.showsEmptyQueue)
    out.any("txqlen", `qlen ${dev.settings.txQueueLen}`, dev.settings.txQueueLen);
  const { family } = options;
  if (isLink || family === "" || family === "link" || options.details) {
    out.nl();
    const type = options.numeric ? `[${dev.type}]` : linkTypeName(dev);
    out.any("link_type", `    link/${type} `, type);
    const address = formatMac(dev.address);
    out.any("address", address, address);
    out.fp(" brd ");
    const broadcast = formatMac(dev.broadcast);
    out.any("broadcast", broadcast, broadcast);
  }
  printLinkNetns(ctx, dev);
  if (options.details) printDetails(ctx, dev, isLink);
  if ((isLink || options.details) && dev.ifalias !== "") {
    out.fp(`${out.sl}    `);
    out.any("ifalias", `alias ${dev.ifalias}`, dev.ifalias);
  }
  if (isLink && options.stats) {
    out.nl();
    printLinkStats(ctx, dev);
  }
  if (isLink && dev.altNames.length > 0) {
    out.openArray("altnames");
    for (const name of dev.altNames) {
      out.fp(`${out.sl}    altname `);
      out.any(null, name, name);
    }
    out.closeArray();
  }
  out.fp("\n");
}

function printLinkNetns(ctx: Context, dev: NetDevice): void {
  const other = dev.linkNet();
  if (other === dev.net) return;
  const { out } = ctx;
  const id = dev.net.nsidOf(other);
  if (out.json) {
    out.js("link_netnsid", id);
    return;
  }
  const name = nameFromNsid(ctx.proc, dev.net, id);
  out.fp(name !== undefined ? ` link-netns ${name}` : ` link-netnsid ${id}`);
}

/** Queues that a driver makes on the two-processor machine whose recordings vethlab follows. */
const VETH_QUEUES = 2;
const TSO_MAX_SIZE = 524280;
const GSO_LEGACY_MAX_SIZE = 65536;

function printDetails(ctx: Context, dev: NetDevice, isLink: boolean): void {
  const { out } = ctx;
  out.any("promiscuity", ` promiscuity ${dev.promiscuity} `, dev.promiscuity);
  out.any("allmulti", ` allmulti ${dev.allmulti} `, dev.allmulti);
  out.any("min_mtu", `minmtu ${dev.settings.minMtu} `, dev.settings.minMtu);
  out.any("max_mtu", `maxmtu ${dev.settings.maxMtu} `, dev.settings.maxMtu);
  if (dev.kind !== "" || dev.master) printLinkType(ctx, dev);
  if (isLink) out.any("inet6_addr_gen_mode", `addrgenmode ${dev.settings.addrGenMode} `, dev.settings.addrGenMode);
  const queues = dev.kind === "veth" ? VETH_QUEUES : 1;
  const tx = dev.settings.numTxQueues < 0 ? queues : dev.settings.numTxQueues;
  const rx = dev.settings.numRxQueues < 0 ? queues : dev.settings.numRxQueues;
  out.any("num_tx_queues", `numtxqueues ${tx} `, tx);
  out.any("num_rx_queues", `numrxqueues ${rx} `, rx);
  out.any("gso_max_size", `gso_max_size ${dev.gsoMaxSize} `, dev.gsoMaxSize);
  out.any("gso_max_segs", `gso_max_segs ${dev.settings.gsoMaxSegs} `, dev.settings.gsoMaxSegs);
  const tso = tsoMaxSize(dev);
  out.any("tso_max_size", `tso_max_size ${tso} `, tso);
  out.any("tso_max_segs", "tso_max_segs 65535 ", 65535);
  out.any("gro_max_size", "gro_max_size 65536 ", 65536);
}

/** A bridge takes what its ports take (br_set_gso_limits), a tunnel what the device below takes. */
function tsoMaxSize(dev: NetDevice): number {
  if (dev.kind === "vxlan") return dev.lower ? tsoMaxSize(dev.lower) : GSO_LEGACY_MAX_SIZE;
  if (dev.kind !== "bridge") return TSO_MAX_SIZE;
  for (const other of dev.net.devices.values()) if (other.master === dev) return TSO_MAX_SIZE;
  return GSO_LEGACY_MAX_SIZE;
}

function printLinkType(ctx: Context, dev: NetDevice): void {
  const { out } = ctx;
  out.openObject("linkinfo");
  if (dev.kind !== "") {
    out.nl();
    out.any("info_kind", `    ${dev.kind} `, dev.kind);
    const kind = linkKind(dev.kind);
    if (kind?.print) {
      out.openObject("info_data");
      kind.print(ctx, dev);
      out.closeObject();
    }
  }
  if (dev.master) {
    out.nl();
    out.any("info_slave_kind", `    ${dev.master.kind}_slave `, dev.master.kind);
    const kind = linkKind(`${dev.master.kind}_slave`);
    if (kind?.print) {
      out.openObject("info_slave_data");
      kind.print(ctx, dev);
      out.closeObject();
    }
  }
  out.closeObject();
}

/** The device has IFF_LOWER_UP. */
export function hasCarrier(dev: NetDevice): boolean {
  return (dev.flags & IFF_LOWER_UP) !== 0;
}
