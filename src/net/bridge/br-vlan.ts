// VLAN filtering: which VLANs a port and the bridge itself belong to, which of them an untagged frame gets, and where a frame
// leaves without its tag. Answers to net/bridge/br_vlan.c. Leaves out per-VLAN spanning tree, tunnels and options.
//
// The recorded kernel was built without it. So a bridge has none of this (br.vlan is null), and shows none of it, until a user
// asks for VLANs; from then on it is as a kernel's with CONFIG_BRIDGE_VLAN_FILTERING, default PVID 1 everywhere included.

import { Errno, NetError } from "../../base/errno.ts";
import { ETH_P_8021AD, ETH_P_8021Q } from "../../wire/ethernet.ts";
import { DropReason } from "../core/drop-reason.ts";
import { IFF_PROMISC } from "../core/net-device.ts";
import { drop, type SkBuff } from "../core/skb.ts";
import { pushTag } from "../core/vlan-tag.ts";
import { brFdbAddLocal, brFdbDeleteLocal, brFdbDeleteVlan } from "./br-fdb.ts";
import type { BridgePort, NetBridge } from "./br-private.ts";
import { type BridgeVlan, BridgeVlans, VlanGroup } from "./br-vlan-state.ts";

const VLAN_VID_MASK = 0xfff;
const ETH_HLEN = 14;

// BRIDGE_VLAN_INFO_*
export const VLAN_PVID = 2;
export const VLAN_UNTAGGED = 4;

/** The bridge's VLANs, made when they are first asked for (br_vlan_init, nbp_vlan_init of every port). */
export function brVlans(br: NetBridge): BridgeVlans {
  if (br.vlan) return br.vlan;
  br.vlan = new BridgeVlans();
  addTo(br, null, 1, VLAN_PVID | VLAN_UNTAGGED);
  for (const port of [...br.ports].reverse()) nbpVlanInit(port);
  return br.vlan;
}

/** A new port of a bridge that has VLANs belongs to the default one (nbp_vlan_init). */
export function nbpVlanInit(port: BridgePort): void {
  const { vlan } = port.br;
  if (!vlan) return;
  port.vlan = new VlanGroup();
  if (vlan.defaultPvid) addTo(port.br, port, vlan.defaultPvid, VLAN_PVID | VLAN_UNTAGGED);
}

function groupOf(br: NetBridge, port: BridgePort | null): VlanGroup | null {
  return port ? port.vlan : (br.vlan?.own ?? null);
}

/** br_vlan_add, nbp_vlan_add: `flags` replace those of a VLAN that is there. Throws EINVAL. */
export function brVlanAdd(br: NetBridge, port: BridgePort | null, vid: number, flags: number): void {
  checkVid(vid);
  brVlans(br);
  addTo(br, port, vid, flags);
}

function checkVid(vid: number): void {
  if (vid < 1 || vid >= VLAN_VID_MASK) throw new NetError(Errno.EINVAL, "bridge: Vlan id is invalid");
}

function addTo(br: NetBridge, port: BridgePort | null, vid: number, flags: number): void {
  const group = groupOf(br, port)!;
  let one = group.vlans.get(vid);
  if (!one) {
    brFdbAddLocal(br, port, (port?.dev ?? br.dev).address, vid);
    one = { vid, untagged: false, rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };
    group.add(one);
  }
  if (flags & VLAN_PVID) group.pvid = vid;
  else if (group.pvid === vid) group.pvid = 0;
  one.untagged = (flags & VLAN_UNTAGGED) !== 0;
}

/** br_vlan_delete, nbp_vlan_delete: with what was learned there. True if it was there. */
export function brVlanDelete(br: NetBridge, port: BridgePort | null, vid: number): boolean {
  checkVid(vid);
  brVlans(br);
  const group = groupOf(br, port);
  if (!group?.vlans.has(vid)) return false;
  brFdbDeleteLocal(br, port, (port?.dev ?? br.dev).address, vid);
  brFdbDeleteVlan(br, port, vid);
  if (group.pvid === vid) group.pvid = 0;
  group.vlans.delete(vid);
  return true;
}

/** br_vlan_filter_toggle */
export function brVlanSetFiltering(br: NetBridge, on: boolean): void {
  if (!on && !br.vlan) return;
  brVlans(br).filtering = on;
  recalculateGroupAddress(br);
}

/** br_vlan_set_proto. Throws EPROTONOSUPPORT. */
export function brVlanSetProtocol(br: NetBridge, protocol: number): void {
  if (protocol !== ETH_P_8021Q && protocol !== ETH_P_8021AD) throw new NetError(Errno.EPROTONOSUPPORT);
  brVlans(br).protocol = protocol;
  recalculateGroupAddress(br);
}

/** A provider bridge has a group address of its own for its BPDUs (recalculate_group_addr). */
function recalculateGroupAddress(br: NetBridge): void {
  const { vlan } = br;
  if (br.groupAddressSet || !vlan) return;
  br.groupAddress[5] = vlan.filtering && vlan.protocol === ETH_P_8021AD ? 8 : 0;
}

/** br_vlan_set_default_pvid: moves those that still have the old one. Throws EINVAL, EPERM (while filtering). */
export function brVlanSetDefaultPvid(br: NetBridge, pvid: number): void {
  if (pvid >= VLAN_VID_MASK) throw new NetError(Errno.EINVAL);
  const vlans = brVlans(br);
  const old = vlans.defaultPvid;
  if (pvid === old) return;
  if (vlans.filtering) throw new NetError(Errno.EPERM);
  for (const port of [null, ...br.ports]) {
    const group = groupOf(br, port)!;
    if (pvid === 0) {
      if (hasDefault(group, old)) brVlanDelete(br, port, old);
    } else if ((!old || hasDefault(group, old)) && !group.vlans.has(pvid)) {
      addTo(br, port, pvid, VLAN_PVID | VLAN_UNTAGGED);
      if (old) brVlanDelete(br, port, old);
    }
  }
  vlans.defaultPvid = pvid;
}

/** vlan_default_pvid: still as it was made. */
function hasDefault(group: VlanGroup, pvid: number): boolean {
  return group.pvid === pvid && group.vlans.get(pvid)?.untagged === true;
}

/**
 * A frame comes in by a port (null: from the host). Returns its VLAN, 0 when nothing is filtered, or −1 after it was dropped
 * (br_allowed_ingress). skb.data stands behind the link header.
 */
export function brAllowedIngress(br: NetBridge, port: BridgePort | null, skb: SkBuff): number {
  const { vlan } = br;
  if (!vlan?.filtering) {
    skb.vlanFiltered = false;
    return 0;
  }
  skb.vlanFiltered = true;
  const group = groupOf(br, port);
  if (skb.vlanProto !== 0 && skb.vlanProto !== vlan.protocol) {
    // a tag of the other kind is part of the frame
    skb.push(ETH_HLEN);
    pushTag(skb);
    skb.pull(ETH_HLEN);
  }
  let vid = skb.vlanProto === 0 ? 0 : skb.vlanTci & VLAN_VID_MASK;
  if (vid === 0) {
    vid = group?.pvid ?? 0;
    if (vid !== 0) {
      // a priority-tagged frame keeps its priority
      skb.vlanTci = skb.vlanProto === 0 ? vid : skb.vlanTci | vid;
      skb.vlanProto = vlan.protocol;
    }
  }
  const one = group?.vlans.get(vid);
  if (!one) {
    drop(skb, DropReason.VLAN_FILTERED);
    return -1;
  }
  if (vlan.statsEnabled) {
    const stats = statsOf(br, one);
    stats.rxPackets++;
    stats.rxBytes += skb.len;
  }
  return vid;
}

/** Unless ports are to count for themselves, all count for the bridge. */
function statsOf(br: NetBridge, one: BridgeVlan): BridgeVlan {
  const { vlan } = br;
  return vlan!.statsPerPort ? one : (vlan!.totals(one.vid) ?? one);
}

/** br_allowed_egress: the frame's VLAN is one of the group's. */
export function brAllowedEgress(br: NetBridge, port: BridgePort | null, skb: SkBuff): boolean {
  if (!skb.vlanFiltered) return true;
  return groupOf(br, port)?.vlans.has(skb.vlanTci & VLAN_VID_MASK) === true;
}

/** The frame leaves by a port (null: goes up), without its tag where that is wished. False: dropped (br_handle_vlan). */
export function brHandleVlan(br: NetBridge, port: BridgePort | null, skb: SkBuff): boolean {
  if (!skb.vlanFiltered) return true;
  const one = groupOf(br, port)?.vlans.get(skb.vlanTci & VLAN_VID_MASK);
  if (!one) {
    // who listens to the bridge promiscuously sees all
    if (!port && br.dev.flags & IFF_PROMISC) return true;
    drop(skb, DropReason.VLAN_FILTERED);
    return false;
  }
  if (br.vlan?.statsEnabled) {
    const stats = statsOf(br, one);
    stats.txPackets++;
    stats.txBytes += skb.len;
  }
  if (one.untagged) {
    skb.vlanProto = 0;
    skb.vlanTci = 0;
  }
  return true;
}

/** br_should_learn, of a frame that is not forwarded: its VLAN, or −1 when its sender is not to be learned. */
export function brShouldLearn(port: BridgePort, skb: SkBuff): number {
  const { vlan } = port.br;
  if (!vlan?.filtering) return 0;
  const group = port.vlan;
  const tagged = skb.vlanProto === vlan.protocol ? skb.vlanTci & VLAN_VID_MASK : 0;
  const vid = tagged || (group?.pvid ?? 0);
  return vid !== 0 && group?.vlans.has(vid) ? vid : -1;
}
