// Bridged IPv4 frames through iptables: PRE_ROUTING, FORWARD and POST_ROUTING of the IP family run for frames that only
// cross the bridge, with the bridge as their device and the ports as physdev. Answers to
// net/bridge/br_netfilter_hooks.c. What it needs of IP comes in through `BrNetfilterIp`. Leaves out IPv6, PPPoE and frames
// with a VLAN tag (bridge-nf-filter-vlan-tagged).

import * as ethernet from "../../wire/ethernet.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { DropReason } from "../core/drop-reason.ts";
import { NETDEV_REGISTER, type Net, type NetdevNotifier } from "../core/net.ts";
import type { NetDevice } from "../core/net-device.ts";
import {
  NF_ACCEPT,
  NF_DROP,
  NF_INET_FORWARD,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
  NF_STOLEN,
  NF_STOP,
  NFPROTO_BRIDGE,
  type NfHookState,
} from "../core/netfilter.ts";
import { drop, PACKET_HOST, PACKET_OTHERHOST, type SkBuff } from "../core/skb.ts";
import { ipHeaderIsValid } from "../core/skb-ip-header.ts";
import type { SysctlProvider } from "../core/sysctl.ts";
import {
  brDevQueuePushXmit,
  brForwardFinish,
  NF_BR_FORWARD,
  NF_BR_POST_ROUTING,
  NF_BR_PRE_ROUTING,
} from "./br-forward.ts";
import { brHandleFrameFinish } from "./br-input.ts";
import { bridgeOf, bridgePortOf, type NetBridge } from "./br-private.ts";

// skb.nfBridge: the packet came by a bridge, and what happened to it there (struct nf_bridge_info)
const BRNF_PRESENT = 1;
const BRNF_IN_PREROUTING = 2;
const BRNF_PKT_OTHERHOST = 4;
const BRNF_SABOTAGE_DONE = 8;
const BRNF_BRIDGED_DNAT = 16;

const NF_BR_PRI_BRNF = 0;
const NF_BR_PRI_LAST = 2147483647;
const NF_IP_PRI_FIRST = -2147483648;
const NF_ARP_FORWARD = 2;

/** What of IPv4 a bridge needs for frames whose destination NAT has changed, and for long reassembled ones. */
export interface BrNetfilterIp {
  /** A route that leads nowhere but to the bridge: what a bridged frame has for one (br_fake_dst). */
  fakeRoute(dev: NetDevice): SkBuff["dst"];
  /** ip_route_input: sets skb.dst. Null when that worked, else why not. */
  routeInput(skb: SkBuff, daddr: number, saddr: number, tos: number, dev: NetDevice): DropReason | null;
  /** ip_route_output to `daddr`: sets skb.dst when the route leaves by `dev`; false otherwise. */
  routeOutput(skb: SkBuff, daddr: number, tos: number, dev: NetDevice): boolean;
  /** the device that skb.dst leaves by */
  dstDev(skb: SkBuff): NetDevice | null;
  /** The device forwards IPv4 (IN_DEV_FORWARD). */
  forwarding(dev: NetDevice): boolean;
  /**
   * Writes the next hop's MAC into the frame (skb.macHeader) and returns true, or takes the packet over to resolve it:
   * it then leaves by dev.devQueueXmit.
   */
  resolve(skb: SkBuff): boolean;
  /** ip_do_fragment: cuts a packet (data at its IP header) to `mtu` bytes; each piece goes to `output`. */
  fragment(skb: SkBuff, mtu: number, output: (skb: SkBuff) => void): void;
}

/** The settings behind net.bridge.*, per namespace. */
export interface BrNetfilterSysctl {
  callIptables: number;
  callIp6tables: number;
  callArptables: number;
  filterVlanTagged: number;
  filterPppoeTagged: number;
  passVlanInputDev: number;
}

type MakeIp = (net: Net) => BrNetfilterIp;

/** What br_netfilter keeps in a namespace (struct brnf_net), made with the first bridge or question. */
class Brnf {
  readonly ip: MakeIp;
  enabled = false;
  readonly sysctl: BrNetfilterSysctl = {
    callIptables: 1,
    callIp6tables: 1,
    callArptables: 1,
    filterVlanTagged: 0,
    filterPppoeTagged: 0,
    passVlanInputDev: 0,
  };

  constructor(ip: MakeIp) {
    this.ip = ip;
  }
}

function brnfOf(net: Net): Brnf {
  if (!(net.brnf instanceof Brnf)) net.brnf = new Brnf(net.brnf as MakeIp);
  return net.brnf as Brnf;
}

const SYSCTLS: SysctlProvider = { prefix: "net/bridge/", folders: null, fill: registerKeys };

/** brnf_device_event */
const brnfDeviceEvent: NetdevNotifier = (event, dev) => {
  if (event !== NETDEV_REGISTER || !bridgeOf(dev)) return;
  const brnf = brnfOf(dev.net);
  if (brnf.enabled) return;
  brnf.enabled = true;
  registerHooks(dev.net, brnf.ip(dev.net), brnf.sysctl);
};

/** Loads br_netfilter in a namespace: provides the keys net.bridge.bridge-nf-*, and registers its hooks with the first bridge. */
export function brNetfilterInit(net: Net, ip: MakeIp): void {
  net.brnf = ip;
  net.sysctl.provide(SYSCTLS);
  net.registerNotifier(brnfDeviceEvent);
  for (const dev of net.devices.values()) brnfDeviceEvent(NETDEV_REGISTER, dev);
}

function registerKeys(net: Net): void {
  const { sysctl } = brnfOf(net);
  const key = (name: string, field: keyof BrNetfilterSysctl): void =>
    net.sysctl.registerInt(
      `net/bridge/bridge-nf-${name}`,
      () => sysctl[field],
      (value) => {
        sysctl[field] = value === 0 ? 0 : 1;
      },
    );
  key("call-arptables", "callArptables");
  key("call-iptables", "callIptables");
  key("call-ip6tables", "callIp6tables");
  key("filter-vlan-tagged", "filterVlanTagged");
  key("filter-pppoe-tagged", "filterPppoeTagged");
  key("pass-vlan-input-dev", "passVlanInputDev");
}

function registerHooks(net: Net, ip: BrNetfilterIp, sysctl: BrNetfilterSysctl): void {
  const { hooksIpv4 } = net;
  const hooksBridge = net.hooks(NFPROTO_BRIDGE);
  hooksBridge.register(NF_BR_PRE_ROUTING, {
    name: "br_netfilter PRE_ROUTING",
    memo: true,
    priority: NF_BR_PRI_BRNF,
    fn: (skb, state) => brNfPreRouting(skb, state, ip, sysctl),
  });
  hooksBridge.register(NF_BR_FORWARD, {
    name: "br_netfilter FORWARD",
    memo: true,
    priority: NF_BR_PRI_BRNF,
    fn: (skb, state) => brNfForward(skb, state, sysctl),
  });
  hooksBridge.register(NF_BR_POST_ROUTING, {
    name: "br_netfilter POST_ROUTING",
    memo: true,
    priority: NF_BR_PRI_LAST,
    fn: (skb) => brNfPostRouting(skb, ip),
  });
  hooksIpv4.register(NF_INET_PRE_ROUTING, {
    name: "br_netfilter sabotage",
    memo: true,
    priority: NF_IP_PRI_FIRST,
    fn: ipSabotageIn,
  });
}

function isIpv4(skb: SkBuff): boolean {
  return skb.vlanProto === 0 && skb.protocol === ethernet.ETH_P_IP;
}

/** br_nf_pre_routing: the frame as an IP packet that the bridge received. */
function brNfPreRouting(skb: SkBuff, state: NfHookState, ip: BrNetfilterIp, sysctl: BrNetfilterSysctl): number {
  const indev = state.in!;
  const br = bridgePortOf(indev)?.br;
  if (!br || !isIpv4(skb) || !(sysctl.callIptables || br.nfCallIptables)) return NF_ACCEPT;
  if (!validateIpv4(skb)) return NF_DROP;
  skb.nfBridge = BRNF_PRESENT | BRNF_IN_PREROUTING;
  if (skb.pktType === PACKET_OTHERHOST) {
    skb.pktType = PACKET_HOST;
    skb.nfBridge |= BRNF_PKT_OTHERHOST;
  }
  skb.physInDev = indev;
  skb.physOutDev = null;
  skb.dev = br.dev;
  const { head, data } = skb;
  skb.networkHeader = data;
  skb.transportHeader = data + ipv4.getHeaderLength(head, data);
  const daddr = ipv4.getDestination(head, data);
  if (indev.net.hooksIpv4.run(NF_INET_PRE_ROUTING, skb, br.dev, null, null)) preRoutingFinish(skb, br, daddr, ip);
  return NF_STOLEN;
}

/** br_nf_pre_routing_finish: after DNAT the frame may belong to this host, to another port, or nowhere. */
function preRoutingFinish(skb: SkBuff, br: NetBridge, oldDaddr: number, ip: BrNetfilterIp): void {
  const { dev } = br;
  const { head, data } = skb;
  const indev = skb.physInDev!;
  restoreOtherhost(skb);
  skb.nfBridge &= ~BRNF_IN_PREROUTING;
  const daddr = ipv4.getDestination(head, data);
  if (daddr !== oldDaddr) {
    skb.record = null;
    const tos = ipv4.getTos(head, data);
    const reason = ip.routeInput(skb, daddr, ipv4.getSource(head, data), tos, dev);
    const bridged =
      reason === null
        ? ip.dstDev(skb) === dev
        : reason === DropReason.IP_INADDRERRORS && !ip.forwarding(dev) && ip.routeOutput(skb, daddr, tos, dev);
    if (reason !== null && !bridged) {
      drop(skb, reason);
      return;
    }
    if (bridged) {
      // to another station of this bridge, which needs no forwarding
      skb.dev = indev;
      if (dev.net.hooksBridge.run(NF_BR_PRE_ROUTING, skb, indev, null, null, NF_BR_PRI_BRNF))
        preRoutingFinishBridge(skb, br, ip);
      return;
    }
    ethernet.setDestination(head, skb.macHeader, dev.address);
    skb.pktType = PACKET_HOST;
    // it is routed again when it has come up
    skb.dst = null;
  } else {
    br.fakeDst ??= ip.fakeRoute(dev);
    skb.dst = br.fakeDst;
  }
  skb.dev = indev;
  if (dev.net.hooksBridge.run(NF_BR_PRE_ROUTING, skb, indev, null, null, NF_BR_PRI_BRNF)) brHandleFrameFinish(skb);
}

/** br_nf_pre_routing_finish_bridge: the new destination's MAC, asked for by ARP if need be. */
function preRoutingFinishBridge(skb: SkBuff, br: NetBridge, ip: BrNetfilterIp): void {
  const indev = skb.physInDev!;
  br.xmitHook ??= xmitBridgedDnat;
  skb.dev = br.dev;
  // resolving writes a whole new link header: the sender's address waits at the buffer's very start
  ethernet.copyMac(skb.head, skb.macHeader + ethernet.SOURCE, skb.head, 0);
  skb.nfBridge |= BRNF_BRIDGED_DNAT;
  if (!ip.resolve(skb)) return;
  skb.nfBridge &= ~BRNF_BRIDGED_DNAT;
  skb.dev = indev;
  brHandleFrameFinish(skb);
}

/** br_nf_dev_xmit: a bridged frame that waited for its next hop's MAC goes on where it was. */
function xmitBridgedDnat(skb: SkBuff): boolean {
  if (!(skb.nfBridge & BRNF_BRIDGED_DNAT) || !skb.physInDev) return false;
  skb.nfBridge &= ~BRNF_BRIDGED_DNAT;
  skb.macHeader = skb.data;
  ethernet.setSource(skb.head, skb.data, skb.head, 0);
  skb.pull(ethernet.HEADER_LENGTH);
  skb.dev = skb.physInDev;
  brHandleFrameFinish(skb);
  return true;
}

/** ip_sabotage_in: what already went through PRE_ROUTING on the bridge does not do so again when it comes up. */
function ipSabotageIn(skb: SkBuff): number {
  if (!(skb.nfBridge & BRNF_PRESENT)) return NF_ACCEPT;
  if (skb.nfBridge & (BRNF_SABOTAGE_DONE | BRNF_IN_PREROUTING)) return NF_ACCEPT;
  skb.nfBridge |= BRNF_SABOTAGE_DONE;
  return NF_STOP;
}

/** br_nf_forward: IP's FORWARD with the bridge as both devices; ARP's FORWARD for ARP. */
function brNfForward(skb: SkBuff, state: NfHookState, sysctl: BrNetfilterSysctl): number {
  const out = state.out!;
  const br = bridgePortOf(out)?.br;
  if (!br) return NF_DROP;
  if (skb.vlanProto === 0 && skb.protocol === ethernet.ETH_P_ARP) {
    if (!sysctl.callArptables && !br.nfCallArptables) return NF_ACCEPT;
    return br.dev.net.hooksArp.run(NF_ARP_FORWARD, skb, state.in, out, null) ? NF_ACCEPT : NF_STOLEN;
  }
  if (!(skb.nfBridge & BRNF_PRESENT) || !isIpv4(skb)) return NF_ACCEPT;
  if (skb.pktType === PACKET_OTHERHOST) {
    skb.pktType = PACKET_HOST;
    skb.nfBridge |= BRNF_PKT_OTHERHOST;
  }
  if (!validateIpv4(skb)) return NF_DROP;
  skb.physOutDev = out;
  if (!br.dev.net.hooksIpv4.run(NF_INET_FORWARD, skb, br.dev, br.dev, null)) return NF_STOLEN;
  restoreOtherhost(skb);
  if (br.dev.net.hooksBridge.run(NF_BR_FORWARD, skb, skb.physInDev, out, null, NF_BR_PRI_BRNF)) brForwardFinish(skb);
  return NF_STOLEN;
}

/** br_nf_post_routing: IP's POST_ROUTING, for what was forwarded by the bridge (not routed by the host). */
function brNfPostRouting(skb: SkBuff, ip: BrNetfilterIp): number {
  if (!(skb.nfBridge & BRNF_PRESENT) || !skb.physOutDev || !isIpv4(skb)) return NF_ACCEPT;
  const br = bridgePortOf(skb.dev!)?.br;
  if (!br) return NF_DROP;
  if (skb.pktType === PACKET_OTHERHOST) {
    skb.pktType = PACKET_HOST;
    skb.nfBridge |= BRNF_PKT_OTHERHOST;
  }
  if (!br.dev.net.hooksIpv4.run(NF_INET_POST_ROUTING, skb, null, br.dev, null)) return NF_STOLEN;
  restoreOtherhost(skb);
  queueXmit(skb, ip);
  return NF_STOLEN;
}

/** br_nf_dev_queue_xmit: what defragmentation put together is cut again into pieces as large as it had. */
function queueXmit(skb: SkBuff, ip: BrNetfilterIp): void {
  const dev = skb.dev!;
  const mtu = skb.fragMaxSize > 0 ? Math.min(skb.fragMaxSize, dev.mtu) : dev.mtu;
  skb.nfBridge = 0;
  skb.physInDev = null;
  skb.physOutDev = null;
  skb.dst = null;
  if (skb.gsoSize > 0 || skb.len <= mtu) {
    brDevQueuePushXmit(skb);
    return;
  }
  const { head, data } = skb;
  if (ipv4.getFlagsAndOffset(head, data) & ipv4.DF) {
    drop(skb, DropReason.PKT_TOO_BIG);
    return;
  }
  const link = head.slice(skb.macHeader, skb.macHeader + ethernet.HEADER_LENGTH);
  ip.fragment(skb, mtu, (piece) => {
    piece.dev = dev;
    piece.macHeader = piece.data - ethernet.HEADER_LENGTH;
    piece.head.set(link, piece.macHeader);
    brDevQueuePushXmit(piece);
  });
}

function restoreOtherhost(skb: SkBuff): void {
  if (!(skb.nfBridge & BRNF_PKT_OTHERHOST)) return;
  skb.pktType = PACKET_OTHERHOST;
  skb.nfBridge &= ~BRNF_PKT_OTHERHOST;
}

/** br_validate_ipv4: as ip_rcv checks a header; cuts what Ethernet padded. */
function validateIpv4(skb: SkBuff): boolean {
  const { head, data } = skb;
  if (skb.len < ipv4.HEADER_LENGTH || ipv4.getVersion(head, data) !== 4) return false;
  const headerLength = ipv4.getHeaderLength(head, data);
  if (headerLength < ipv4.HEADER_LENGTH || skb.len < headerLength) return false;
  const length = ipv4.getTotalLength(head, data);
  if (skb.len < length || length < headerLength) return false;
  if (!ipHeaderIsValid(skb, data, headerLength)) return false;
  skb.trim(length);
  return true;
}

/** The bridge over a port, for `-m physdev` and `-i`: the port's bridge device, or null. */
export function bridgeParent(dev: NetDevice): NetDevice | null {
  return bridgeOf(dev) ? null : (bridgePortOf(dev)?.br.dev ?? null);
}
