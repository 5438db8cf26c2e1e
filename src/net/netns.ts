// A whole network namespace: the one place that creates its parts and solders them together. What the kernel registers
// with pernet_operations, inet_init and the module inits is on this page: loopback, IPv4, TCP, netfilter.

import { Errno, NetError } from "../base/errno.ts";
import { createPacketSock } from "./core/af-packet.ts";
import { unregisterNetdevice } from "./core/dev.ts";
import { type Kernel, Net } from "./core/net.ts";
import { AF_INET, AF_INET6, AF_PACKET } from "./core/sock.ts";
import type { SysctlProvider } from "./core/sysctl.ts";
import { createIpv4, inetCreateSock } from "./ipv4/af-inet.ts";
import { ipMcJoinGroup, ipMcLeaveGroup } from "./ipv4/igmp.ts";
import { type Ipv4, ipv4Of } from "./ipv4/ipv4.ts";
import { tcpOf, tcpProvideSysctls } from "./ipv4/tcp.ts";
import type { TcpState } from "./ipv4/tcp-sock.ts";
import { ipv6OffInit } from "./ipv6/ipv6-off.ts";
import { loadBrNetfilter } from "./link/br-netfilter-ip.ts";
import { ipvlanValidateAddress } from "./link/ipvlan.ts";
import { createLoopback } from "./link/loopback.ts";
import { type Netfilter, netfilterInit } from "./netfilter/netfilter.ts";
import { Socket } from "./socket.ts";

/** Netfilter's settings ask it in, which then provides the keys itself. */
const ASK_IN: readonly SysctlProvider[] = ["net/netfilter/", "net/nf_conntrack_"].map((prefix) => ({
  prefix,
  folders: null,
  fill: (net) => void nfOf(net),
}));

/** Netfilter of a namespace, made with the first rule or question, as the kernel's modules hook themselves in when a rule needs them. */
function nfOf(net: Net): Netfilter {
  net.nf ??= netfilterInit(net, ipv4Of(net));
  return net.nf as Netfilter;
}

const MULTICAST: Net["ipMulticast"] = {
  join: (dev, group) => ipMcJoinGroup(ipv4Of(dev.net), dev, group),
  leave: (dev, group) => ipMcLeaveGroup(ipv4Of(dev.net), dev, group),
};

const VALIDATORS = [ipvlanValidateAddress];

export class NetNamespace {
  readonly net: Net;
  readonly ipv4: Ipv4;
  /** inode number as /proc/PID/ns/net shows it */
  readonly inode: number;

  /** @param label for traces: the namespace's name, or the container's */
  constructor(kernel: Kernel, label: string, inode: number) {
    this.inode = inode;
    this.net = new Net(kernel, label, inode);
    this.ipv4 = createIpv4(this.net);
    ipv6OffInit(this.net);
    tcpProvideSysctls(this.net);
    for (const provider of ASK_IN) this.net.sysctl.provide(provider);
    loadBrNetfilter(this.net);
    this.ipv4.inetaddrValidators = VALIDATORS;
    this.net.ipMulticast = MULTICAST;
    createLoopback(this.net);
  }

  /** Made when something first asks for it: 30 KB, which a namespace without TCP need not have. */
  get tcp(): TcpState {
    return tcpOf(this.ipv4);
  }

  /** Made with the first rule or question. */
  get nf(): Netfilter {
    return nfOf(this.net);
  }

  /** socket(2). Throws EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT. */
  socket(family: number, type: number, protocol: number): Socket {
    if (family === AF_PACKET) return new Socket(createPacketSock(this.net, type, protocol));
    if (family !== AF_INET && family !== AF_INET6) throw new NetError(Errno.EAFNOSUPPORT);
    const sock = inetCreateSock(this.ipv4, type, protocol);
    sock.family = family;
    return new Socket(sock);
  }

  /** The last reference is gone: every device goes (a veth takes its peer along). */
  destroy(): void {
    for (const dev of [...this.net.devices.values()].reverse()) unregisterNetdevice(dev);
    this.net.release();
  }
}
