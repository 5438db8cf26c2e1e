// Forwarding databases as rtnetlink offers them, whatever keeps them: a bridge its stations, a VXLAN its tunnel ends, any
// other Ethernet device the addresses that it listens to. Answers to net/core/rtnetlink.c: rtnl_fdb_add, _del, _get, _dump.

import { Errno, NetError } from "../../base/errno.ts";
import type { Ns } from "../../base/time.ts";
import { brFdbAdd, brFdbDelete, brFdbFlushMatching, fdbToNud } from "../../net/bridge/br-fdb.ts";
import { bridgeOf, bridgePortOf, type NetBridge } from "../../net/bridge/br-private.ts";
import {
  BR_FDB_ADDED_BY_USER,
  BR_FDB_LOCAL,
  BR_FDB_STATIC,
  BR_FDB_STICKY,
  FDB_NO_PORT,
} from "../../net/bridge/fdb-table.ts";
import { devAddAddress, devDelAddress } from "../../net/core/dev-address-list.ts";
import { ARPHRD_ETHER, type NetDevice } from "../../net/core/net-device.ts";
import { macvlanOf } from "../../net/link/macvlan.ts";
import { type Vxlan, vxlanOf } from "../../net/link/vxlan.ts";
import { VXLAN_FDB_NOARP, VXLAN_FDB_PERMANENT, type VxlanRemote } from "../../net/link/vxlan-fdb.ts";
import { formatMac } from "../../wire/addr.ts";

export type FdbState = "permanent" | "static" | "stale" | "";

/** One entry of a dump. */
export interface FdbEntry {
  readonly mac: string;
  readonly dev: NetDevice;
  readonly state: FdbState;
  /** 0: without */
  readonly vlan: number;
  /** the device's own, not the bridge's above it */
  readonly self: boolean;
  readonly sticky: boolean;
  /** the bridge that has it */
  readonly master: NetDevice | null;
  /** of a VXLAN; what is as the device has it is left out */
  readonly dst: number | null;
  readonly port: number | null;
  readonly vni: number | null;
  readonly via: number | null;
  /** since it was used and heard */
  readonly age: { readonly used: Ns; readonly updated: Ns } | null;
}

export interface FdbRequest {
  readonly address: Uint8Array;
  /** asked for: the bridge above, the device itself */
  readonly master: boolean;
  readonly self: boolean;
  readonly vid: number;
  /** NUD_PERMANENT, NUD_NOARP, NUD_REACHABLE */
  readonly permanent: boolean;
  readonly noarp: boolean;
  readonly reachable: boolean;
  readonly sticky: boolean;
  readonly create: boolean;
  readonly exclusive: boolean;
  readonly replace: boolean;
  readonly append: boolean;
  readonly dst: number | null;
  readonly port: number | null;
  readonly vni: number | null;
  readonly via: NetDevice | null;
}

/** rtnl_fdb_add */
export function fdbAdd(dev: NetDevice, request: FdbRequest): void {
  if (dev.type !== ARPHRD_ETHER) throw new NetError(Errno.EINVAL, "FDB add only supported for Ethernet devices");
  const asksMaster = request.master || !request.self;
  let done = false;
  if (asksMaster && bridgePortOf(dev)) {
    addToBridge(dev, request);
    done = true;
  }
  if (!request.self) {
    if (!done) throw new NetError(Errno.EOPNOTSUPP);
    return;
  }
  const vxlan = vxlanOf(dev);
  if (bridgeOf(dev)) addToBridge(dev, request);
  else if (vxlan) addToVxlan(vxlan, request);
  else if (macvlanOf(dev)) throw new NetError(Errno.EOPNOTSUPP);
  else addToDevice(dev, request);
}

/** br_fdb_add */
function addToBridge(dev: NetDevice, request: FdbRequest): void {
  const state = request.permanent ? "permanent" : request.noarp ? "static" : "dynamic";
  const { address, vid, sticky, create, exclusive } = request;
  brFdbAdd(dev, { address, vid, state, sticky, create, exclusive });
}

function remoteOf({ config }: Vxlan, request: FdbRequest): VxlanRemote {
  return {
    ip: request.dst ?? 0,
    port: request.port ?? config.port,
    vni: request.vni ?? config.vni,
    ifindex: request.via?.ifindex ?? 0,
  };
}

/** vxlan_fdb_add */
function addToVxlan(vxlan: Vxlan, request: FdbRequest): void {
  if (!(request.permanent || request.reachable) || request.dst === null) throw new NetError(Errno.EINVAL);
  const flags = (request.permanent ? VXLAN_FDB_PERMANENT : 0) | (request.noarp ? VXLAN_FDB_NOARP : 0);
  vxlan.fdb.update(request.address, 0, remoteOf(vxlan, request), flags, vxlan.ip4.net.now, request);
}

/** ndo_dflt_fdb_add */
function addToDevice(dev: NetDevice, request: FdbRequest): void {
  if (!request.permanent || request.vid !== 0) throw new NetError(Errno.EINVAL);
  try {
    devAddAddress(dev, request.address, true);
  } catch (error) {
    if (request.exclusive || !(error instanceof NetError)) throw error;
  }
}

/** rtnl_fdb_del */
export function fdbDelete(dev: NetDevice, request: FdbRequest): void {
  if (dev.type !== ARPHRD_ETHER) throw new NetError(Errno.EINVAL, "FDB delete only supported for Ethernet devices");
  let done = false;
  if ((request.master || !request.self) && bridgePortOf(dev)) {
    brFdbDelete(dev, request.address, request.vid);
    done = true;
  }
  if (!request.self) {
    if (!done) throw new NetError(Errno.EOPNOTSUPP);
    return;
  }
  const vxlan = vxlanOf(dev);
  if (bridgeOf(dev)) brFdbDelete(dev, request.address, request.vid);
  else if (vxlan) vxlan.fdb.delete(request.address, request.dst ? remoteOf(vxlan, request) : null);
  else if (macvlanOf(dev)) throw new NetError(Errno.EINVAL);
  else if (!request.permanent) throw new NetError(Errno.EINVAL);
  else devDelAddress(dev, request.address);
}

/**
 * All entries, device by device in the order given: first what the bridge above a port has, then the device's own
 * (rtnl_fdb_dump).
 * @param bridge only this bridge and its ports
 */
export function* fdbDump(devices: Iterable<NetDevice>, bridge: NetDevice | null): Generator<FdbEntry, void, undefined> {
  for (const dev of devices) {
    const port = bridgePortOf(dev);
    if (bridge) {
      if (dev !== bridge && !port) continue;
      if (port?.br.dev !== bridge && !bridgeOf(dev)) continue;
    }
    if (port) yield* bridgeEntries(port.br, port.portNo);
    const vxlan = vxlanOf(dev);
    if (vxlan) yield* vxlanEntries(vxlan);
    else if (dev.type === ARPHRD_ETHER) yield* deviceEntries(dev);
    const br = bridgeOf(dev);
    if (br) yield* bridgeEntries(br, FDB_NO_PORT);
  }
}

function* bridgeEntries(br: NetBridge, portNo: number): Generator<FdbEntry, void, undefined> {
  for (const entry of br.fdb.entries()) if (br.fdb.port(entry) === portNo) yield bridgeEntry(br, entry);
}

const scratch: Uint8Array = new Uint8Array(6);
const NO_REMOTE = { dst: null, port: null, vni: null, via: null } as const;

function bridgeEntry(br: NetBridge, entry: number): FdbEntry {
  const { fdb, now } = br;
  return {
    mac: formatMac(fdb.mac(entry, scratch)),
    dev: br.portByNo[fdb.port(entry)]?.dev ?? br.dev,
    state: fdbToNud(br, entry),
    vlan: fdb.vid(entry),
    self: false,
    sticky: (fdb.flags(entry) & BR_FDB_STICKY) !== 0,
    master: br.dev,
    ...NO_REMOTE,
    age: { used: now - fdb.used(entry), updated: now - fdb.updated(entry) },
  };
}

function* deviceEntries(dev: NetDevice): Generator<FdbEntry, void, undefined> {
  for (const list of [dev.ucAddresses, dev.mcAddresses])
    for (const key of list.keys()) {
      const mac = key.replace(/..(?!$)/g, "$&:");
      yield { mac, dev, state: "permanent", vlan: 0, self: true, sticky: false, master: null, ...NO_REMOTE, age: null };
    }
}

function* vxlanEntries(vxlan: Vxlan): Generator<FdbEntry, void, undefined> {
  for (const entry of vxlan.fdb.table.entries())
    for (const remote of vxlan.fdb.remotes(entry)) yield vxlanEntry(vxlan, entry, remote);
}

function vxlanEntry(vxlan: Vxlan, entry: number, remote: VxlanRemote): FdbEntry {
  const { dev, config, fdb, ip4 } = vxlan;
  const { now } = ip4.net;
  const flags = fdb.table.flags(entry);
  return {
    mac: formatMac(fdb.table.mac(entry, scratch)),
    dev,
    state: flags & VXLAN_FDB_PERMANENT ? "permanent" : flags & VXLAN_FDB_NOARP ? "static" : "",
    vlan: 0,
    self: true,
    sticky: false,
    master: null,
    dst: remote.ip || null,
    port: remote.port !== config.port ? remote.port : null,
    vni: remote.vni !== config.vni ? remote.vni : null,
    via: remote.ifindex || null,
    age: { used: now - fdb.table.used(entry), updated: now - fdb.table.updated(entry) },
  };
}

/** rtnl_fdb_get. `bridge` and `dev` are what was named; one of them is there. */
export function fdbGet(
  bridge: NetDevice | null,
  dev: NetDevice | null,
  address: Uint8Array,
  vid: number,
  self: boolean,
): FdbEntry {
  if (bridge && dev) throw new NetError(Errno.EINVAL, "Master and device are mutually exclusive");
  let keeper = bridge ?? dev!;
  if (dev && !self) {
    const port = bridgePortOf(dev);
    if (!port) throw new NetError(Errno.EINVAL, "Device is not a bridge port");
    keeper = port.br.dev;
  }
  const br = bridgeOf(keeper);
  const vxlan = vxlanOf(keeper);
  if (!br && !vxlan) throw new NetError(Errno.EOPNOTSUPP, "Fdb get operation not supported by device");
  const entry = br ? br.fdb.find(address, 0, vid) : vxlan!.fdb.find(address, 0);
  if (entry < 0) throw new NetError(Errno.ENOENT, "Fdb entry not found");
  return br ? bridgeEntry(br, entry) : vxlanEntry(vxlan!, entry, vxlan!.fdb.remotes(entry)[0]!);
}

export interface FdbFlushRequest {
  readonly master: boolean;
  readonly self: boolean;
  readonly brport: NetDevice | null;
  readonly vid: number;
  /** which of permanent, static, sticky and added by the user count, and what they are to be */
  readonly mask: ReadonlySet<FdbFlushFlag>;
  readonly wanted: ReadonlySet<FdbFlushFlag>;
}
export type FdbFlushFlag = "permanent" | "noarp" | "sticky" | "added_by_user";

const BRIDGE_FLAGS: readonly (readonly [FdbFlushFlag, number])[] = [
  ["permanent", BR_FDB_LOCAL],
  ["noarp", BR_FDB_STATIC],
  ["sticky", BR_FDB_STICKY],
  ["added_by_user", BR_FDB_ADDED_BY_USER],
];
const VXLAN_FLAGS: readonly (readonly [FdbFlushFlag, number])[] = [
  ["permanent", VXLAN_FDB_PERMANENT],
  ["noarp", VXLAN_FDB_NOARP],
];

/** rtnl_fdb_del with NLM_F_BULK */
export function fdbFlush(dev: NetDevice, request: FdbFlushRequest): void {
  const asksMaster = request.master || !request.self;
  const port = bridgePortOf(dev);
  if (asksMaster && port) flushBridge(port.br, dev, request);
  if (!request.self) {
    if (!port) throw new NetError(Errno.EOPNOTSUPP);
    return;
  }
  const br = bridgeOf(dev);
  const vxlan = vxlanOf(dev);
  if (br) flushBridge(br, dev, request);
  else if (vxlan) flushVxlan(vxlan, request);
  else throw new NetError(Errno.EOPNOTSUPP);
}

function bits(flags: readonly (readonly [FdbFlushFlag, number])[], set: ReadonlySet<FdbFlushFlag>): number {
  let out = 0;
  for (const [name, bit] of flags) if (set.has(name)) out |= bit;
  return out;
}

/** br_fdb_delete_bulk */
function flushBridge(br: NetBridge, dev: NetDevice, request: FdbFlushRequest): void {
  const named = request.brport ?? (dev === br.dev ? null : dev);
  const port = named ? bridgePortOf(named) : null;
  if (named && named !== br.dev && port?.br !== br)
    throw new NetError(Errno.EINVAL, "bridge: Flush device is not a bridge or bridge port");
  const { vid } = request;
  brFdbFlushMatching(br, {
    port,
    vid,
    flags: bits(BRIDGE_FLAGS, request.wanted),
    mask: bits(BRIDGE_FLAGS, request.mask),
  });
}

/** vxlan_fdb_delete_bulk */
function flushVxlan(vxlan: Vxlan, request: FdbFlushRequest): void {
  if (request.mask.has("sticky") || request.mask.has("added_by_user"))
    throw new NetError(Errno.EINVAL, "Unsupported fdb flush ndm flag bits set");
  if (request.vid !== 0 || request.brport) throw new NetError(Errno.EINVAL, "Unsupported attribute");
  vxlan.fdb.flush(bits(VXLAN_FLAGS, request.wanted), bits(VXLAN_FLAGS, request.mask));
}
