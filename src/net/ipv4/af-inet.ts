// Makes IPv4 of a namespace: its parts, the functions that call upwards, packet types, notifiers, sysctls; and creates
// sockets. Answers to net/ipv4/af_inet.c. TCP adds itself by `inetRegisterSocketType` and `inetAddProtocol`.

import { Errno, NetError } from "../../base/errno.ts";
import { withSetting } from "../../base/settings.ts";
import { ETH_P_ARP, ETH_P_IP } from "../../wire/ethernet.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { DropReason } from "../core/drop-reason.ts";
import {
  NETDEV_CHANGE,
  NETDEV_CHANGEADDR,
  NETDEV_REGISTER,
  type Net,
  type NetdevEvent,
  type NetdevNotifier,
  type PacketTypeFn,
} from "../core/net.ts";
import { IFF_NOARP, type NetDevice } from "../core/net-device.ts";
import { drop, type SkBuff } from "../core/skb.ts";
import { type InetProtocol, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM, type Sock } from "../core/sock.ts";
import type { SysctlProvider } from "../core/sysctl.ts";
import { arpRcv, createArpTable } from "./arp.ts";
import { DEVCONF_ALL, inDevOf } from "./devconf.ts";
import { inetDelIfa, inetdevEvent } from "./devinet.ts";
import { devconfInit } from "./devinet-sysctl.ts";
import { EarlyDemux } from "./early-demux.ts";
import { fibNetdevEvent } from "./fib-frontend.ts";
import { FibTables } from "./fib-tables.ts";
import { IcmpState, icmpProtocol, icmpSend } from "./icmp.ts";
import { IfaddrLifetimes } from "./ifaddr-lifetime.ts";
import { IgmpState, igmpProtocol } from "./igmp.ts";
import { InetPeers } from "./inet-peer.ts";
import { ipForward } from "./ip-forward.ts";
import { IpFragments } from "./ip-fragment.ts";
import { IpIdents } from "./ip-ident.ts";
import { ipError, ipLocalDeliver, ipRcv } from "./ip-input.ts";
import { ipMcOutput, ipOutput } from "./ip-output.ts";
import { Ipv4, type Ipv4Ops, ipv4Of, setIpv4Makers } from "./ipv4.ts";
import { PingSock, PingTable } from "./ping.ts";
import { RawSock, RawTable } from "./raw.ts";
import { RouteState } from "./route.ts";
import { ipv4SysctlInit } from "./sysctl-net-ipv4.ts";
import { UdpSock, udpProtocol } from "./udp.ts";
import { UdpTable } from "./udp-table.ts";

setIpv4Makers({
  fragments: (ip4) => new IpFragments(ip4),
  peers: () => new InetPeers(),
  icmp: (ip4) => new IcmpState(ip4),
  igmp: (ip4) => new IgmpState(ip4),
  idents: (ip4) => new IpIdents(ip4.net.kernel, ip4.rng.fork("ident")),
  raw: () => new RawTable(),
  udp: (ip4) => new UdpTable(ip4),
  ping: (ip4) => new PingTable(ip4),
  lifetimes: (ip4) => new IfaddrLifetimes(ip4, (ifa) => inetDelIfa(ip4, ifa)),
});

// by IP protocol number, and by socket type (inet_protos, inetsw): one set for all namespaces
const inetProtocols: (InetProtocol<Ipv4> | undefined)[] = [];
const socketTypes: Map<number, (ip4: Ipv4, protocol: number) => Sock> = new Map();

/** inet_add_protocol */
export function inetAddProtocol(number: number, protocol: InetProtocol<Ipv4>): void {
  inetProtocols[number] = protocol;
}

/** A transport offers sockets of a type: `create` gets the protocol asked for (0: its own) and may throw EPROTONOSUPPORT. */
export function inetRegisterSocketType(type: number, create: (ip4: Ipv4, protocol: number) => Sock): void {
  socketTypes.set(type, create);
}

inetAddProtocol(ipv4.IPPROTO_ICMP, icmpProtocol);
inetAddProtocol(ipv4.IPPROTO_IGMP, igmpProtocol);
inetAddProtocol(ipv4.IPPROTO_UDP, udpProtocol);
inetRegisterSocketType(SOCK_DGRAM, (ip4, protocol) => {
  if (protocol === 0 || protocol === ipv4.IPPROTO_UDP) return new UdpSock(ip4);
  if (protocol === ipv4.IPPROTO_ICMP) return new PingSock(ip4);
  throw new NetError(Errno.EPROTONOSUPPORT);
});
inetRegisterSocketType(SOCK_RAW, (ip4, protocol) => {
  if (protocol === 0) throw new NetError(Errno.EPROTONOSUPPORT);
  return new RawSock(ip4, protocol);
});

const IPV4_SYSCTLS: SysctlProvider = {
  prefix: "net/ipv4/",
  folders: null,
  fill: (net) => ipv4SysctlInit(ipv4Of(net)),
};

// one of each for all namespaces, as in the kernel: they find IPv4's part by the device's namespace
const ipPacketType: PacketTypeFn = (skb, dev) => ipRcv(ipv4Of(dev.net), skb, dev);
const arpPacketType: PacketTypeFn = (skb, dev) => arpRcv(ipv4Of(dev.net), skb, dev);

/** in the order in which the kernel's notifiers run: ARP, addresses, routes */
const inetNetdevEvent: NetdevNotifier = (event, dev) => {
  const ip4 = ipv4Of(dev.net);
  arpNetdevEvent(ip4, event, dev);
  inetdevEvent(ip4, event, dev);
  fibNetdevEvent(ip4, event, dev);
};

/** IPv4 of one namespace, ready for devices to be registered (inet_init and the pernet inits). */
export function createIpv4(net: Net): Ipv4 {
  const ip4 = new Ipv4(net);
  net.ipv4 = ip4;
  ip4.devconfAll = DEVCONF_ALL;
  ip4.devconfDflt = withSetting(DEVCONF_ALL, "acceptSourceRoute", 1);
  ip4.fib = new FibTables(ip4);
  ip4.route = new RouteState(ip4);
  ip4.arp = createArpTable(ip4);
  ip4.ops = new Upwards(ip4);
  ip4.protocols = inetProtocols;
  net.earlyDemux = new EarlyDemux(ip4);
  net.packetTypes.set(ETH_P_IP, ipPacketType);
  net.packetTypes.set(ETH_P_ARP, arpPacketType);
  net.registerNotifier(inetNetdevEvent);
  devconfInit(net);
  net.sysctl.provide(IPV4_SYSCTLS);
  for (const dev of net.devices.values()) inetdevEvent(ip4, NETDEV_REGISTER, dev);
  return ip4;
}

/** The functions that lower files call. */
class Upwards implements Ipv4Ops {
  private readonly ip4: Ipv4;

  constructor(ip4: Ipv4) {
    this.ip4 = ip4;
  }

  localDeliver(skb: SkBuff): void {
    ipLocalDeliver(this.ip4, skb);
  }

  forward(skb: SkBuff): void {
    ipForward(this.ip4, skb);
  }

  error(skb: SkBuff): void {
    ipError(this.ip4, skb);
  }

  discard(skb: SkBuff): void {
    drop(skb, DropReason.NOT_SPECIFIED);
  }

  output(skb: SkBuff): number {
    return ipOutput(skb);
  }

  mcOutput(skb: SkBuff): number {
    return ipMcOutput(skb);
  }

  icmpSend(skb: SkBuff, type: number, code: number, info: number): void {
    icmpSend(this.ip4, skb, type, code, info);
  }
}

/** arp_netdev_event */
function arpNetdevEvent(ip4: Ipv4, event: NetdevEvent, dev: NetDevice): void {
  if (event === NETDEV_CHANGEADDR) {
    ip4.arp.changeaddr(dev);
    ip4.rtCacheFlush();
  } else if (event === NETDEV_CHANGE) {
    const inDev = inDevOf(dev);
    if (!inDev) return;
    const noArp = (dev.flags & IFF_NOARP) !== 0;
    if (noArp !== inDev.noArp) ip4.arp.changeaddr(dev);
    inDev.noArp = noArp;
    if (!dev.carrier && inDev.and("arpEvictNocarrier")) ip4.arp.carrierDown(dev);
  }
}

/** socket(AF_INET, type, protocol). Throws ESOCKTNOSUPPORT, EPROTONOSUPPORT, EACCES (ping sockets). */
export function inetCreateSock(ip4: Ipv4, type: number, protocol: number): Sock {
  const create = socketTypes.get(type);
  if (!create) throw new NetError(type === SOCK_STREAM ? Errno.EPROTONOSUPPORT : Errno.ESOCKTNOSUPPORT);
  return create(ip4, protocol);
}
