// What dockerd asks of the kernel: bridges, veth pairs, addresses, routes, moving an interface into a namespace. One page
// of verbs over net/, in the order of libnetwork's netlink calls.

import { smallCopy } from "../base/bytes.ts";
import { decodeUtf8, encodeUtf8 } from "../base/text.ts";
import { createBridge } from "../net/bridge/br-device.ts";
import { brAddIf } from "../net/bridge/br-if.ts";
import { bridgeOf } from "../net/bridge/br-private.ts";
import {
  devChangeName,
  devChangeNetNamespace,
  devClose,
  devOpen,
  devSetMacAddress,
  devSetMtu,
  unregisterNetdevice,
} from "../net/core/dev.ts";
import type { NetDevice } from "../net/core/net-device.ts";
import { arpSend } from "../net/ipv4/arp.ts";
import { inDevOf } from "../net/ipv4/devconf.ts";
import { inetAddrAdd } from "../net/ipv4/devinet.ts";
import { setIpForward } from "../net/ipv4/devinet-sysctl.ts";
import { fibConfig, NLM_F_CREATE, NLM_F_EXCL, RT_TABLE_MAIN, RTN_UNICAST } from "../net/ipv4/fib-types.ts";
import { createVethPair } from "../net/link/veth.ts";
import type { NetNamespace } from "../net/netns.ts";
import type { FileNode } from "../posix/vfs.ts";
import { broadcastOf, cidrsOverlap, type Ipv4Addr, type Ipv4Cidr, ipv4Addr } from "../wire/addr.ts";
import * as arp from "../wire/arp.ts";

export interface InterfaceAddress {
  readonly address: Ipv4Addr;
  readonly prefix: number;
}

/** Why a bridge cannot have this name. */
export function interfaceComplaint(netns: NetNamespace, name: string): string | undefined {
  if (encodeUtf8(name).length > 15) return "failed to check bridge interface existence: numerical result out of range";
  const dev = netns.net.deviceByName(name);
  return dev && !bridgeOf(dev) ? `existing interface ${name} is not a bridge` : undefined;
}

/** A bridge with its MAC address, its IPv4 address, then the rules, then up (createNetwork's queue of steps). One that was
 * there before is taken as it is. Says whether it was made. */
export function addBridge(
  netns: NetNamespace,
  name: string,
  options: {
    readonly mac: Uint8Array;
    readonly address: InterfaceAddress | undefined;
    /** 0: the kernel's choice, that of the ports */
    readonly mtu: number;
    readonly writeRules: () => void;
  },
): boolean {
  const found = netns.net.deviceByName(name);
  const dev = found ?? createBridge(netns.net, name, { address: options.mac }).dev;
  if (!found) dev.change({ txQueueLen: 0 });
  if (options.mtu !== 0) devSetMtu(dev, options.mtu);
  const { address } = options;
  if (address && !inDevOf(dev)?.addrs.some(({ local }) => local === address.address)) addAddress(netns, dev, address);
  options.writeRules();
  devOpen(dev);
  return !found;
}

function addAddress(netns: NetNamespace, dev: NetDevice, { address, prefix }: InterfaceAddress): void {
  inetAddrAdd(netns.ipv4, dev, {
    local: address,
    prefixLen: prefix,
    broadcast: prefix < 31 ? broadcastOf(address, prefix) : 0,
  });
}

/** What an interface owed when it came up has long been said: its reports of multicast groups. */
export function settle(netns: NetNamespace, name: string): void {
  const dev = netns.net.deviceByName(name);
  const inDev = dev && inDevOf(dev);
  const reporter = inDev && netns.ipv4.igmp.reporters.get(inDev);
  reporter?.timer.del();
  reporter?.changes.clear();
}

export function interfaceExists(netns: NetNamespace, name: string): boolean {
  return netns.net.deviceByName(name) !== undefined;
}

/** Takes an interface away; harmless when it has gone. */
export function deleteLink(netns: NetNamespace, name: string): void {
  const dev = netns.net.deviceByName(name);
  if (!dev) return;
  devClose(dev);
  unregisterNetdevice(dev);
}

/** A pair: one end a port of the bridge and up, the other down where it is wanted. */
export function addVethPair(
  hostNetns: NetNamespace,
  hostName: string,
  peerNetns: NetNamespace,
  peerName: string,
  options: { readonly mtu: number; readonly bridge: string },
): [NetDevice, NetDevice] {
  const [host, peer] = createVethPair(
    hostNetns.net,
    hostName,
    peerNetns.net,
    peerName,
    { txQueueLen: 0 },
    { txQueueLen: 0 },
  );
  if (options.mtu !== 0) {
    devSetMtu(host, options.mtu);
    devSetMtu(peer, options.mtu);
  }
  const bridge = hostNetns.net.deviceByName(options.bridge);
  const br = bridge && bridgeOf(bridge);
  if (br) brAddIf(br, host);
  devOpen(host);
  return [host, peer];
}

export function moveIntoSandbox(dev: NetDevice, netns: NetNamespace): void {
  devChangeNetNamespace(dev, netns.net);
}

/** Down, renamed, MAC, address, up: the order of osl's configureInterface. */
export function setUpInSandbox(
  netns: NetNamespace,
  dev: NetDevice,
  options: { readonly name: string; readonly mac: Uint8Array; readonly address: InterfaceAddress },
): void {
  devClose(dev);
  devChangeName(dev, options.name);
  devSetMacAddress(dev, options.mac);
  addAddress(netns, dev, options.address);
  devOpen(dev);
}

/** Back to the host under its old name, down. */
export function moveOutOfSandbox(dev: NetDevice, name: string, host: NetNamespace): void {
  if (!dev.registered || dev.net === host.net) return;
  devClose(dev);
  devChangeName(dev, name);
  devChangeNetNamespace(dev, host.net);
}

/** Gratuitous ARP for an address that has just come (28: netutils' ArpProbe). */
export function announce(netns: NetNamespace, dev: NetDevice, address: Ipv4Addr): void {
  if (dev.registered && dev.up) arpSend(netns.ipv4, dev, arp.OP_REQUEST, address, address, null, 0, null, 0);
}

export function setLoopbackUp(netns: NetNamespace): void {
  devOpen(netns.net.loopback);
}

const DEFAULT_ROUTE = { dst: 0, dstLen: 0, table: RT_TABLE_MAIN, type: RTN_UNICAST };

export function setDefaultRoute(netns: NetNamespace, gateway: Ipv4Addr): void {
  netns.ipv4.fib.insert(fibConfig({ ...DEFAULT_ROUTE, gw: gateway, nlflags: NLM_F_CREATE | NLM_F_EXCL }));
}

/** Takes the default route away; harmless when the kernel took it with its interface. */
export function clearDefaultRoute(netns: NetNamespace): void {
  for (const route of netns.ipv4.fib.dump(RT_TABLE_MAIN))
    if (route.dstLen === 0) {
      netns.ipv4.fib.delete(fibConfig({ ...DEFAULT_ROUTE, gw: route.nexthops[0]?.gw ?? 0, protocol: 0 }));
      return;
    }
}

/** Some route of the main table, the default route aside, shares addresses with the pool (CheckRouteOverlaps). */
export function overlapsRoutes(netns: NetNamespace, pool: Ipv4Cidr): boolean {
  return netns.ipv4.fib
    .dump(RT_TABLE_MAIN)
    .some(({ dst, dstLen }) => dstLen > 0 && cidrsOverlap({ address: ipv4Addr(dst), prefix: dstLen }, pool));
}

export function enableIpForward(netns: NetNamespace): void {
  if (netns.ipv4.sysctl.ipForward === 0) setIpForward(netns.ipv4, 1);
}

/** Connections that answer from or to an address are forgotten (iptables.DeleteConntrackEntries). */
export function conntrackForget(netns: NetNamespace, address: Ipv4Addr): void {
  const { ct } = netns.nf;
  const wanted = address | 0;
  ct.killWhere((conn) => ct.rows.src(conn, 1) === wanted || ct.rows.dst(conn, 1) === wanted);
}

/** net.ipv4.ip_local_port_range */
export function ephemeralPorts(netns: NetNamespace): readonly [number, number] {
  return netns.ipv4.sysctl.localPortRange;
}

/** Writes net.* in a namespace; throws NetError (EINVAL), false when there is no such key. */
export function writeSysctl(netns: NetNamespace, name: string, value: string): boolean {
  const entry = netns.net.sysctl.get(name.includes("/") ? name : name.replaceAll(".", "/"));
  if (!entry?.write) return false;
  entry.write(value);
  return true;
}

/** The text of a regular file's node. */
export function readFileNode(node: FileNode): string {
  return decodeUtf8(node.data, 0, node.size);
}

export function writeFileNode(node: FileNode, text: string): void {
  node.data = smallCopy(encodeUtf8(text));
  node.size = node.data.length;
}
