// The smallest lab for IPv4: hosts with an IPv4 stack joined by veth pairs, captures printed by tcpdump's rules, and
// programs that send pings and datagrams.

import { NetError } from "../../../src/base/errno.ts";
import { SEC } from "../../../src/base/time.ts";
import { devOpen } from "../../../src/net/core/dev.ts";
import { Kernel, Net } from "../../../src/net/core/net.ts";
import type { NetDevice } from "../../../src/net/core/net-device.ts";
import type { Message, Sock } from "../../../src/net/core/sock.ts";
import { createIpv4, inetCreateSock } from "../../../src/net/ipv4/af-inet.ts";
import { inetAddrAdd, inetAddrDump } from "../../../src/net/ipv4/devinet.ts";
import { type FibConfig, fibConfig, NLM_F_CREATE, NLM_F_EXCL } from "../../../src/net/ipv4/fib-types.ts";
import type { DatagramSock } from "../../../src/net/ipv4/inet-sock.ts";
import type { Ipv4 } from "../../../src/net/ipv4/ipv4.ts";
import { inetRtmGetroute } from "../../../src/net/ipv4/route-get.ts";
import { createLoopback } from "../../../src/net/link/loopback.ts";
import { createVethPair } from "../../../src/net/link/veth.ts";
import { Rng } from "../../../src/sim/rng.ts";
import { Sim } from "../../../src/sim/sim.ts";
import { Tasks } from "../../../src/sim/task.ts";
import { formatIpv4, parseCidr, parseIpv4 } from "../../../src/wire/addr.ts";
import { FramePrinter, LINKTYPE_ETHERNET } from "../../../src/wire/print.ts";

export class Lab {
  readonly sim = new Sim();
  readonly kernel = new Kernel(this.sim, new Rng(7));
  readonly tasks = new Tasks(this.sim);
  readonly drops: string[] = [];
  #macs = 0;

  constructor() {
    this.kernel.skbs.onDrop = (_skb, reason) => this.drops.push(reason);
  }

  host(label: string): Host {
    return new Host(this, label);
  }

  /** A chain of hosts, the i-th cable 10.i.0.0/24 with .1 on the left; inner hosts forward, all know all subnets. */
  chain(...labels: string[]): Host[] {
    const hosts = labels.map((label) => this.host(label));
    for (let i = 0; i + 1 < hosts.length; i++) {
      this.link(hosts[i]!, i === 0 ? "eth0" : "p1", hosts[i + 1]!, i + 2 === hosts.length ? "eth0" : "p0");
      hosts[i]!.addr(`10.${i}.0.1/24`, i === 0 ? "eth0" : "p1");
      hosts[i + 1]!.addr(`10.${i}.0.2/24`, i + 2 === hosts.length ? "eth0" : "p0");
    }
    for (const [h, host] of hosts.entries()) {
      if (h > 0 && h + 1 < hosts.length) host.sysctl("ip_forward", 1);
      for (let i = 0; i + 1 < hosts.length; i++) {
        if (i === h || i + 1 === h) continue;
        host.route(`10.${i}.0.0/24`, { via: i > h ? `10.${h}.0.2` : `10.${h - 1}.0.1` });
      }
    }
    return hosts;
  }

  /** A cable between two hosts, both ends up, with MAC addresses 02:00:00:00:00:01 and up. */
  link(a: Host, nameA: string, b: Host, nameB: string): [NetDevice, NetDevice] {
    const [devA, devB] = createVethPair(a.net, nameA, b.net, nameB, { address: this.mac() }, { address: this.mac() });
    devOpen(devA);
    devOpen(devB);
    return [devA, devB];
  }

  mac(): Uint8Array {
    return Uint8Array.of(2, 0, 0, 0, 0, ++this.#macs);
  }

  /** Lets virtual seconds pass. */
  run(seconds = 1): void {
    this.sim.run(undefined, this.sim.now + seconds * SEC);
  }
}

export class Host {
  readonly lab: Lab;
  readonly net: Net;
  readonly ip4: Ipv4;

  constructor(lab: Lab, label: string) {
    this.lab = lab;
    this.net = new Net(lab.kernel, label, 4026532000);
    this.ip4 = createIpv4(this.net);
    devOpen(createLoopback(this.net));
  }

  dev(name: string): NetDevice {
    const dev = this.net.deviceByName(name);
    if (!dev) throw new Error(`no device ${name}`);
    return dev;
  }

  /** `ip addr add CIDR dev NAME`. */
  addr(cidr: string, dev: string, more: { broadcast?: number; label?: string; scope?: number } = {}): void {
    const { address, prefix } = parseCidr(cidr)!;
    inetAddrAdd(this.ip4, this.dev(dev), { local: address, prefixLen: prefix, ...more });
  }

  /** `ip route add CIDR [via GW] [dev NAME]`; scope as iproute2 chooses it. */
  route(cidr: string, how: { via?: string; dev?: string } & Partial<FibConfig> = {}): void {
    const { via, dev, ...config } = how;
    const { address, prefix } = parseCidr(cidr)!;
    this.ip4.fib.insert(
      fibConfig({
        dst: address,
        dstLen: prefix,
        gw: via ? ip(via) : 0,
        oif: dev ? this.dev(dev).ifindex : 0,
        scope: via || config.multipath || (config.type ?? 1) !== 1 ? 0 : 253,
        nlflags: NLM_F_CREATE | NLM_F_EXCL,
        ...config,
      }),
    );
  }

  sysctl(key: string, value: number | string): void {
    const entry = this.net.sysctl.get(`net/ipv4/${key}`);
    if (!entry?.write) throw new Error(`no sysctl ${key}`);
    entry.write(String(value));
  }

  /** What a capture on a device shows: `tcpdump -tn`, with `verbose` 1 `-tnv`, one line a frame. */
  capture(name: string, verbose = 0): string[] {
    const lines: string[] = [];
    const printer = new FramePrinter(LINKTYPE_ETHERNET, { time: 1, verbose });
    this.dev(name).taps.push({
      capture: (skb) => {
        const text = printer.print(skb.head, skb.data, skb.tail, 0, 0);
        lines.push(text.replaceAll(/\n\s+/g, " "));
      },
    });
    return lines;
  }

  socket(type: number, protocol = 0): DatagramSock {
    return inetCreateSock(this.ip4, type, protocol) as DatagramSock;
  }

  /** Sends by a socket now; the errno that it got, 0 for success. */
  send(sock: Sock, bytes: Uint8Array, to?: string, port = 0): number {
    try {
      const task = sock.sendmsg(bytes, to ? { to: { addr: ip(to), port } } : {});
      if (!task.next().done) throw new Error("sendmsg waits");
      return 0;
    } catch (error) {
      if (error instanceof NetError) return error.errno;
      throw error;
    }
  }

  /** Everything that a socket has received, or the errno that a read got. */
  received(sock: Sock): (Message | number)[] {
    const out: (Message | number)[] = [];
    for (;;) {
      try {
        const message = sock.recvNow(65536, {});
        if (!message) return out;
        out.push(message);
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
        out.push(error.errno);
      }
    }
  }

  /** One echo request by a raw socket, as ping sends it. */
  ping(to: string, options: { size?: number; ttl?: number; id?: number; sock?: DatagramSock } = {}): DatagramSock {
    const sock = options.sock ?? this.socket(3, 1);
    if (options.ttl) sock.setOption("IP_TTL", options.ttl);
    this.send(sock, echo(options.id ?? 1, 1, options.size ?? 56), to);
    return sock;
  }
}

/** An ICMP echo request with its checksum. */
export function echo(id: number, sequence: number, size: number): Uint8Array {
  const b = new Uint8Array(8 + size);
  b[0] = 8;
  b[4] = id >> 8;
  b[5] = id;
  b[6] = sequence >> 8;
  b[7] = sequence;
  for (let i = 0; i < size; i++) b[8 + i] = i;
  let sum = 0;
  for (let i = 0; i < b.length; i += 2) sum += (b[i]! << 8) | (b[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  b[2] = (~sum >> 8) & 255;
  b[3] = ~sum & 255;
  return b;
}

export function ip(text: string): number {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`not an address: ${text}`);
  return address;
}

export function dotted(address: number): string {
  return formatIpv4(address);
}

/** The errno and sentence of what `action` throws; "ok" when nothing. */
export function refusal(action: () => void): string {
  try {
    action();
  } catch (error) {
    if (error instanceof NetError) return error.message;
    throw error;
  }
  return "ok";
}

const TYPES = ["", "", "local ", "broadcast ", "", "multicast ", "blackhole ", "unreachable ", "prohibit ", "throw "];

/** `ip route show table N` without tables and unused fields. */
export function routes(host: Host, table = 254): string[] {
  return host.ip4.fib.dump(table).map((route) => {
    const { dst, dstLen, nexthops } = route;
    let line = `${TYPES[route.type]}${dst === 0 && dstLen === 0 ? "default" : dotted(dst)}`;
    if (dstLen > 0 && dstLen < 32) line += `/${dstLen}`;
    const one = nexthops.length === 1 ? nexthops[0]! : null;
    if (one?.gw) line += ` via ${dotted(one.gw)}`;
    if (one?.dev) line += ` dev ${one.dev.name}`;
    if (route.protocol === 2) line += " proto kernel";
    if (route.scope === 253) line += " scope link";
    if (route.scope === 254) line += " scope host";
    if (route.prefsrc) line += ` src ${dotted(route.prefsrc)}`;
    if (route.priority) line += ` metric ${route.priority}`;
    if (one && one.flags & 16) line += " linkdown";
    if (one && one.flags & 4) line += " onlink";
    if (!one)
      for (const nh of nexthops) line += ` nexthop via ${dotted(nh.gw)} dev ${nh.dev!.name} weight ${nh.weight}`;
    return line;
  });
}

/** The addresses of a device: "10.0.0.1/24 secondary". */
export function addresses(host: Host, name: string): string[] {
  return inetAddrDump(host.ip4, host.dev(name)).map(
    (ifa) => `${dotted(ifa.local)}/${ifa.prefixLen}${ifa.secondary ? " secondary" : ""}`,
  );
}

/** One line of what `ip route get` would say; the error's text when there is no route. */
export function routeGet(
  host: Host,
  to: string,
  how: { from?: string; iif?: string; oif?: string; mark?: number } = {},
): string {
  try {
    const answer = inetRtmGetroute(host.ip4, {
      daddr: ip(to),
      saddr: how.from ? ip(how.from) : 0,
      iif: how.iif ? host.dev(how.iif).ifindex : 0,
      oif: how.oif ? host.dev(how.oif).ifindex : 0,
      mark: how.mark ?? 0,
    });
    let line = `${TYPES[answer.type]}${dotted(answer.dst)}`;
    if (answer.gateway) line += ` via ${dotted(answer.gateway)}`;
    line += ` dev ${answer.dev.name}`;
    if (answer.prefsrc) line += ` src ${dotted(answer.prefsrc)}`;
    if (answer.expiresNs !== null)
      line += ` expires ${Math.floor(answer.expiresNs / SEC)}sec mtu ${answer.metrics?.mtu}`;
    return line;
  } catch (error) {
    if (error instanceof NetError) return error.message;
    throw error;
  }
}
