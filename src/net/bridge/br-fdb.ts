// What a bridge does with its forwarding database: learning, ageing, its own and its ports' addresses, and what users add.
// Answers to net/bridge/br_fdb.c. Leaves out externally learned entries, activity notification and switchdev.

import { Errno, NetError } from "../../base/errno.ts";
import { MSEC, type Ns } from "../../base/time.ts";
import { equalMac, isMulticast, isZero, SOURCE } from "../../wire/ethernet.ts";
import type { NetDevice } from "../core/net-device.ts";
import { type SkBuff, trace } from "../core/skb.ts";
import {
  BR_STATE_FORWARDING,
  BR_STATE_LEARNING,
  type BridgePort,
  bridgeOf,
  bridgePortOf,
  holdTime,
  learns,
  type NetBridge,
} from "./br-private.ts";
import { BR_FDB_ADDED_BY_USER, BR_FDB_LOCAL, BR_FDB_STATIC, BR_FDB_STICKY, FDB_NO_PORT } from "./fdb-table.ts";

/** Rounds of the garbage collector are at least this far apart. */
const GC_MIN_DELAY: Ns = 10 * MSEC;

/** The frame came by `source`: remember where its sender is (br_fdb_update). */
export function brFdbUpdate(br: NetBridge, source: BridgePort, skb: SkBuff, vid: number): void {
  const { record } = skb;
  // until the address is found at the port where it was before, as it will be the next time
  skb.record = null;
  if (!learns(br)) return;
  const { fdb, now } = br;
  const b = skb.head;
  const at = skb.macHeader + SOURCE;
  const entry = fdb.find(b, at, vid);
  if (entry < 0) {
    fdb.create(b, at, vid, source.portNo, 0, now);
    if (skb.pool.trace !== null) trace(skb, "brFdbUpdate", source.dev, "learned");
    return;
  }
  const flags = fdb.flags(entry);
  if (flags & BR_FDB_LOCAL) {
    br.info(`received packet on ${source.dev.name} with own address as source address`);
    return;
  }
  fdb.setUpdated(entry, now);
  if (fdb.port(entry) === source.portNo || flags & BR_FDB_STICKY) {
    if (record !== null) record.fdbEntry = entry;
    skb.record = record;
    return;
  }
  fdb.setPort(entry, source.portNo);
  if (skb.pool.trace !== null) trace(skb, "brFdbUpdate", source.dev, "moved");
}

/** Forgets what has not been heard for the ageing time, and comes back when the next one is due (br_fdb_cleanup). */
export function brFdbCleanup(br: NetBridge): void {
  const { fdb, now } = br;
  const hold = holdTime(br);
  let delay = hold;
  for (const entry of fdb.entries()) {
    if (fdb.flags(entry) & BR_FDB_STATIC) continue;
    const left = fdb.updated(entry) + hold - now;
    if (left > 0) delay = Math.min(delay, left);
    else fdb.delete(entry);
  }
  br.gcTimer.after(Math.max(delay, GC_MIN_DELAY));
}

/** An address of the bridge (`source` null) or of a port: frames to it are the host's (br_fdb_add_local). */
export function brFdbAddLocal(br: NetBridge, source: BridgePort | null, address: Uint8Array, vid: number): void {
  if (isMulticast(address, 0) || isZero(address, 0)) return;
  const { fdb } = br;
  const entry = fdb.find(address, 0, vid);
  if (entry >= 0) {
    // several ports may have one address: the first one keeps it
    if (fdb.flags(entry) & BR_FDB_LOCAL) return;
    if (source) br.info(`adding interface ${source.dev.name} with same address as a received packet`);
    fdb.delete(entry);
  }
  fdb.create(address, 0, vid, source?.portNo ?? FDB_NO_PORT, BR_FDB_LOCAL | BR_FDB_STATIC, br.now);
}

/** A local address goes, unless another port or the bridge has the same (fdb_delete_local). */
function deleteLocal(br: NetBridge, port: BridgePort | null, entry: number): void {
  const { fdb } = br;
  const mac = fdb.mac(entry, new Uint8Array(6));
  const vid = fdb.vid(entry);
  for (const other of br.ports)
    if (other !== port && equalMac(other.dev.address, 0, mac, 0) && (vid === 0 || other.vlan?.vlans.has(vid))) {
      fdb.setPort(entry, other.portNo);
      fdb.setFlags(entry, fdb.flags(entry) & ~BR_FDB_ADDED_BY_USER);
      return;
    }
  if (port && equalMac(br.dev.address, 0, mac, 0) && (vid === 0 || br.vlan?.own.vlans.has(vid))) {
    fdb.setPort(entry, FDB_NO_PORT);
    fdb.setFlags(entry, fdb.flags(entry) & ~BR_FDB_ADDED_BY_USER);
    return;
  }
  fdb.delete(entry);
}

/** A port's device got another address; `address` is the new one (br_fdb_changeaddr). */
export function brFdbChangeaddr(port: BridgePort, address: Uint8Array): void {
  const { br } = port;
  for (const entry of br.fdb.entries())
    if (br.fdb.port(entry) === port.portNo && isOwn(br.fdb.flags(entry))) deleteLocal(br, port, entry);
  brFdbAddLocal(br, port, address, 0);
  for (const vid of port.vlan?.vlans.keys() ?? []) brFdbAddLocal(br, port, address, vid);
}

/** The bridge gets another address (br_fdb_change_mac_address); br.dev.address is still the old one. */
export function brFdbChangeMacAddress(br: NetBridge, address: Uint8Array): void {
  for (const vid of [0, ...(br.vlan?.own.vlans.keys() ?? [])]) {
    brFdbDeleteLocal(br, null, br.dev.address, vid);
    brFdbAddLocal(br, null, address, vid);
  }
}

/** br_fdb_find_delete_local: the bridge's (`port` null) or a port's own address in a VLAN. */
export function brFdbDeleteLocal(br: NetBridge, port: BridgePort | null, address: Uint8Array, vid: number): void {
  const entry = br.fdb.find(address, 0, vid);
  const owner = port?.portNo ?? FDB_NO_PORT;
  if (entry >= 0 && isOwn(br.fdb.flags(entry)) && br.fdb.port(entry) === owner) deleteLocal(br, port, entry);
}

/** Forgets what a port (null: the bridge) learned in a VLAN (br_fdb_delete_by_port with a VLAN). */
export function brFdbDeleteVlan(br: NetBridge, port: BridgePort | null, vid: number): void {
  const { fdb } = br;
  const owner = port?.portNo ?? FDB_NO_PORT;
  for (const entry of fdb.entries())
    if (fdb.port(entry) === owner && fdb.vid(entry) === vid && !(fdb.flags(entry) & BR_FDB_STATIC)) fdb.delete(entry);
}

function isOwn(flags: number): boolean {
  return (flags & (BR_FDB_LOCAL | BR_FDB_ADDED_BY_USER)) === BR_FDB_LOCAL;
}

/** Forgets what was learned by a port, or (`all`) its static and local entries too (br_fdb_delete_by_port). */
export function brFdbDeleteByPort(br: NetBridge, port: BridgePort, all: boolean): void {
  const { fdb } = br;
  for (const entry of fdb.entries()) {
    if (fdb.port(entry) !== port.portNo) continue;
    const flags = fdb.flags(entry);
    if (!all && flags & BR_FDB_STATIC) continue;
    if (flags & BR_FDB_LOCAL) deleteLocal(br, port, entry);
    else fdb.delete(entry);
  }
}

/** Forgets what was learned (br_fdb_flush through sysfs `flush`, `brctl`, `ip link set type bridge fdb_flush`). */
export function brFdbFlush(br: NetBridge): void {
  for (const entry of br.fdb.entries()) if (!(br.fdb.flags(entry) & BR_FDB_STATIC)) br.fdb.delete(entry);
}

export interface FdbFlush {
  readonly port: BridgePort | null;
  /** 0: any */
  readonly vid: number;
  /** entries whose flags under `mask` are `flags` */
  readonly flags: number;
  readonly mask: number;
}

/** Forgets what matches, local addresses too (br_fdb_flush through netlink: `bridge fdb flush`). */
export function brFdbFlushMatching(br: NetBridge, { port, vid, flags, mask }: FdbFlush): void {
  const { fdb } = br;
  for (const entry of fdb.entries())
    if (
      (!port || fdb.port(entry) === port.portNo) &&
      (vid === 0 || fdb.vid(entry) === vid) &&
      (fdb.flags(entry) & mask) === flags
    )
      fdb.delete(entry);
}

/** State of an entry as netlink has it: NUD_PERMANENT local, NUD_NOARP static, NUD_STALE or NUD_REACHABLE learned. */
export function fdbToNud(br: NetBridge, entry: number): "permanent" | "static" | "stale" | "" {
  const flags = br.fdb.flags(entry);
  if (flags & BR_FDB_LOCAL) return "permanent";
  if (flags & BR_FDB_STATIC) return "static";
  return br.fdb.updated(entry) + holdTime(br) <= br.now ? "stale" : "";
}

export interface FdbRequest {
  readonly address: Uint8Array;
  readonly vid: number;
  /** permanent: of the host itself; static: stays; dynamic: ages */
  readonly state: "permanent" | "static" | "dynamic";
  readonly sticky?: boolean;
  /** NLM_F_CREATE, NLM_F_EXCL */
  readonly create: boolean;
  readonly exclusive: boolean;
}

/**
 * A user adds an entry for a port or for the bridge itself (br_fdb_add: `bridge fdb add … master`).
 * Throws EINVAL (no such port, bad address), EEXIST, ENOENT, EPERM.
 */
export function brFdbAdd(dev: NetDevice, request: FdbRequest): void {
  const port = bridgePortOf(dev);
  const br = bridgeOf(dev) ?? port?.br;
  if (!br || isZero(request.address, 0)) throw new NetError(Errno.EINVAL);
  const vlans = port ? port.vlan?.vlans : br.vlan?.own.vlans;
  if (request.vid !== 0 && !vlans?.has(request.vid)) throw new NetError(Errno.EINVAL);
  addOne(br, port, request);
  // without a VLAN, every one of the port's
  if (request.vid === 0) for (const vid of vlans?.keys() ?? []) addOne(br, port, { ...request, vid });
}

/** __br_fdb_add */
function addOne(br: NetBridge, port: BridgePort | null, request: FdbRequest): void {
  const { address, vid, state } = request;
  const { fdb } = br;
  if (port && state === "dynamic" && port.state !== BR_STATE_LEARNING && port.state !== BR_STATE_FORWARDING)
    throw new NetError(Errno.EPERM);
  if (!port && state !== "permanent") throw new NetError(Errno.EINVAL);
  if (request.sticky && state === "permanent") throw new NetError(Errno.EINVAL);
  const portNo = port?.portNo ?? FDB_NO_PORT;
  let entry = fdb.find(address, 0, vid);
  if (entry < 0) {
    if (!request.create) throw new NetError(Errno.ENOENT);
    entry = fdb.create(address, 0, vid, portNo, 0, br.now);
  } else {
    if (request.exclusive) throw new NetError(Errno.EEXIST);
    fdb.setPort(entry, portNo);
  }
  let flags = BR_FDB_ADDED_BY_USER;
  if (state === "permanent") flags |= BR_FDB_LOCAL | BR_FDB_STATIC;
  else if (state === "static") flags |= BR_FDB_STATIC;
  if (request.sticky) flags |= BR_FDB_STICKY;
  if (flags !== fdb.flags(entry)) fdb.setUpdated(entry, br.now);
  fdb.setFlags(entry, flags);
  fdb.setUsed(entry, br.now);
}

/** A user takes an entry away (br_fdb_delete). Throws ENOENT, EINVAL. */
export function brFdbDelete(dev: NetDevice, address: Uint8Array, vid: number): void {
  const port = bridgePortOf(dev);
  const br = bridgeOf(dev) ?? port?.br;
  if (!br) throw new NetError(Errno.EINVAL);
  const vlans = port ? port.vlan?.vlans : br.vlan?.own.vlans;
  if (vid !== 0 && !vlans?.has(vid)) throw new NetError(Errno.EINVAL);
  let found = false;
  for (const one of vid === 0 ? [0, ...(vlans?.keys() ?? [])] : [vid]) {
    const entry = br.fdb.find(address, 0, one);
    if (entry < 0 || br.fdb.port(entry) !== (port?.portNo ?? FDB_NO_PORT)) continue;
    br.fdb.delete(entry);
    found = true;
  }
  if (!found) throw new NetError(Errno.ENOENT);
}
