import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { SEC } from "../../src/base/time.ts";
import { bridgeOf } from "../../src/net/bridge/br-private.ts";
import { AF_INET, type SendOptions, SHUT_WR, SOCK_DGRAM, SOCK_STREAM } from "../../src/net/core/sock.ts";
import { UdpSock } from "../../src/net/ipv4/udp.ts";
import { AlikePaths } from "../../src/net/netfilter/alike-paths.ts";
import { FirstLeg } from "../../src/net/netfilter/first-leg.ts";
import { FlowLeg, FlowsLeg } from "../../src/net/netfilter/flow-leg.ts";
import type { NetNamespace } from "../../src/net/netns.ts";
import type { Socket } from "../../src/net/socket.ts";
import { Lab, type LabHost } from "../../src/scenario/lab.ts";
import type { Task } from "../../src/sim/task.ts";
import { netnsByName } from "../../src/tools/ip/netns-names.ts";
import { parseIpv4 } from "../../src/wire/addr.ts";

// Remembered ways must not be seen. One world runs as it is; in the other every packet walks, because what is remembered
// never counts there. Everything that a user can see must be the same at the end: captures with their times, counters of
// rules, devices and protocols, connections with their timeouts, ages in the bridge.

const WORLD = `
  for ns in c1 c2 out far; do ip netns add $ns; ip -n $ns link set lo up; done
  ip link add docker0 type bridge; ip addr add 172.17.0.1/16 dev docker0; ip link set docker0 up
  for i in 1 2; do
    ip link add veth$i type veth peer name eth0 netns c$i
    ip link set veth$i master docker0 up
    ip -n c$i addr add 172.17.0.1$i/16 dev eth0
    ip -n c$i link set eth0 up
    ip -n c$i route add default via 172.17.0.1
  done
  ip link add eth0 type veth peer name eth0 netns out
  ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up
  ip -n out addr add 10.0.0.1/24 dev eth0; ip -n out link set eth0 up
  ip -n out addr add 10.9.9.9/32 dev lo
  ip -n out route add local 10.9.0.0/17 dev lo
  ip -n c1 addr add 172.17.1.11/16 dev eth0
  ip route add default via 10.0.0.1
  ip -n out route add 172.17.0.0/16 via 10.0.0.2
  ip -n out link add eth1 type veth peer name eth0 netns far
  ip -n out addr add 10.8.0.1/24 dev eth1; ip -n out link set eth1 up
  ip -n far addr add 10.8.0.2/24 dev eth0; ip -n far link set eth0 up; ip -n far route add default via 10.8.0.1
  ip -n far route add local 10.8.1.0/24 dev lo; ip -n out route add 10.8.1.0/24 via 10.8.0.2
  ip -n out route add 10.9.128.0/17 via 10.8.0.2; ip -n far route add local 10.9.128.0/17 dev lo
  ip netns exec out sysctl -qw net.ipv4.ip_forward=1
  ip netns exec out iptables -t nat -A POSTROUTING -o eth1 -j MASQUERADE
  for ns in c1 c2 out; do ip netns exec $ns ethtool -K eth0 tso off gso off; done
  sysctl -qw net.ipv4.ip_forward=1
  iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
  iptables -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
  iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
`;

/** Changes that may come between packets; each must leave a lab in which the next can be made. */
const CHANGES = [
  "ip netns exec c1 ethtool -K eth0 tso on gso on; ip netns exec out ethtool -K eth0 tso on gso on",
  "iptables -I FORWARD -p tcp --tcp-flags PSH PSH; iptables -I FORWARD -p tcp --sport 5201",
  "conntrack -D -p tcp 2>/dev/null || true",
  "sysctl -qw net.netfilter.nf_conntrack_tcp_be_liberal=1",
  "iptables -I FORWARD -p udp --dport 1002 -j DROP",
  "iptables -D FORWARD -p udp --dport 1002 -j DROP || true",
  "iptables -I FORWARD -m limit --limit 2/s --limit-burst 3 -j ACCEPT",
  "iptables -t mangle -A PREROUTING -p udp --dport 1001 -j MARK --set-mark 7",
  "iptables -t mangle -A POSTROUTING -p udp --dport 1001 -j TOS --set-tos 0x10",
  "iptables -t mangle -F",
  "iptables -t raw -A PREROUTING -p udp --dport 1003 -j NOTRACK",
  "iptables -t raw -F",
  "iptables -I FORWARD -m statistic --mode nth --every 3 --packet 0 -j ACCEPT",
  "iptables -I FORWARD -m mac --mac-source 02:00:00:00:00:99 -j DROP; iptables -I FORWARD -m physdev --physdev-in veth1 -j RETURN",
  "iptables -I FORWARD -m addrtype --dst-type LOCAL; iptables -I FORWARD -m multiport -p udp --ports 1000,1001",
  "iptables -I FORWARD -m ttl --ttl-eq 63; iptables -I FORWARD -m length --length 0:60",
  "iptables -I FORWARD -m conntrack --ctstatus ASSURED; iptables -I FORWARD -m connmark --mark 5 -j DROP",
  "iptables -t mangle -A FORWARD -p udp --dport 1002 -j CONNMARK --set-mark 5",
  "iptables -N MORE; iptables -I FORWARD -j MORE; iptables -A MORE -s 172.17.0.11 -j RETURN; iptables -A MORE -m tos --tos 0x10 -j ACCEPT || true",
  "iptables -F FORWARD; iptables -P FORWARD ACCEPT",
  "iptables -P FORWARD DROP",
  "iptables -Z",
  "iptables -t nat -A PREROUTING -i eth0 -p udp --dport 2000 -j DNAT --to-destination 172.17.0.12:1000",
  "iptables -t nat -F POSTROUTING",
  "iptables -t nat -A POSTROUTING -o eth0 -j SNAT --to-source 10.0.0.77",
  "iptables -A FORWARD -m quota --quota 500 -j ACCEPT",
  "conntrack -D -s 172.17.0.11 2>/dev/null || true",
  "conntrack -F 2>/dev/null || true",
  "conntrack -U -p udp --mark 5 2>/dev/null || true",
  "ip route replace 10.9.9.9/32 via 10.0.0.1 mtu 600",
  "ip route replace blackhole 10.9.9.9/32",
  "ip route del 10.9.9.9/32 || true",
  "ip rule add fwmark 7 lookup 100; ip route replace 10.9.9.9/32 dev docker0 table 100",
  "ip addr add 10.0.0.3/24 dev eth0 || true",
  "ip addr del 10.0.0.2/24 dev eth0; ip addr add 10.0.0.2/24 dev eth0; ip route replace default via 10.0.0.1",
  "ip link set eth0 down; ip link set eth0 up; ip route replace default via 10.0.0.1",
  "ip link set veth1 down",
  "ip link set veth1 up",
  "ip link set docker0 down; ip link set docker0 up",
  "ip link set eth0 mtu 700",
  "ip link set eth0 mtu 1500",
  "ip link set veth1 nomaster; ip link set veth1 master docker0",
  "ip neigh replace 10.0.0.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent",
  "ip neigh del 10.0.0.1 dev eth0 || true",
  "ip neigh flush all",
  "bridge link set dev veth1 learning off || true",
  "bridge link set dev veth1 state 4 || true",
  "bridge link set dev veth1 state 3 || true",
  "ip link set docker0 type bridge ageing_time 0 || true",
  "ip link set docker0 type bridge ageing_time 30000 || true",
  "sysctl -qw net.ipv4.ip_forward=0",
  "sysctl -qw net.ipv4.ip_forward=1",
  "sysctl -qw net.bridge.bridge-nf-call-iptables=0",
  "sysctl -qw net.bridge.bridge-nf-call-iptables=1",
  "sysctl -qw net.ipv4.conf.all.rp_filter=1",
  "sysctl -qw net.netfilter.nf_conntrack_acct=1",
  "sysctl -qw net.netfilter.nf_conntrack_udp_timeout=5",
  "tc qdisc add dev eth0 root netem delay 3ms 1ms || true",
  "tc qdisc del dev eth0 root || true",
  "ethtool -K eth0 tx off",
  "ip netns exec c1 ethtool -K eth0 tx off",
  "ip netns exec out sysctl -qw net.ipv4.conf.all.rp_filter=1",
];

/** The same, of what tells new connections from each other, in a world of which 10.9.0.0/17 lies beyond the router. */
const TELLING = [
  "ip link set eth0 mtu 700",
  "iptables -I FORWARD -m tos --tos 0x10; iptables -I FORWARD -m dscp --dscp 4 -j DROP",
  "iptables -I FORWARD -d 10.9.4.0/22 -j ACCEPT",
  "iptables -I FORWARD ! -d 10.9.8.0/21; iptables -I FORWARD ! -s 172.17.1.0/24",
  "iptables -I FORWARD -s 172.17.1.8/29; iptables -I FORWARD -p udp -d 10.9.0.5/255.255.0.255",
  "iptables -I FORWARD -m iprange --dst-range 10.9.3.7-10.9.20.9 -j ACCEPT",
  "iptables -I FORWARD -m iprange ! --src-range 172.17.0.12-172.17.1.3",
  "iptables -I FORWARD -p udp --dport 1001:1002; iptables -I FORWARD -p udp ! --sport 5001",
  "iptables -I FORWARD -p udp -m multiport --dports 1000,1003:1007 -j ACCEPT",
  "iptables -I FORWARD -p udp -m multiport ! --sports 5000,5002:5003",
  "iptables -t mangle -A FORWARD -m addrtype --dst-type UNICAST; iptables -t mangle -A FORWARD -m addrtype ! --src-type LOCAL --dst-type LOCAL,BROADCAST",
  "iptables -I FORWARD -m conntrack --ctstate NEW; iptables -I FORWARD -m state --state NEW,INVALID -m comment --comment no",
  "iptables -I FORWARD -m conntrack --ctorigdst 10.9.2.0/24; iptables -I FORWARD -m mark --mark 0 -m pkttype --pkt-type unicast",
  "iptables -t mangle -A POSTROUTING -m conntrack --ctstate NEW -d 10.9.1.0/24 -j DROP",
  "iptables -t raw -A PREROUTING -d 10.9.6.0/23 -j NOTRACK",
  "iptables -t nat -I PREROUTING -d 10.9.7.0/24 -p udp -j DNAT --to-destination 10.0.0.1",
  "iptables -t nat -I POSTROUTING -d 10.9.16.0/20 -j SNAT --to-source 10.0.0.50-10.0.0.52",
  "iptables -t nat -I POSTROUTING -p udp -d 10.9.0.0/18 -j SNAT --to-source 10.0.0.60:3000-3003",
  "iptables -t nat -I POSTROUTING -d 10.9.32.0/20 -j ACCEPT",
  "iptables -t nat -I POSTROUTING -p udp --dport 1002 -j MASQUERADE --random",
  "iptables -t nat -A POSTROUTING -o docker0 -j MASQUERADE",
  "ip route add unreachable 10.9.2.0/24; ip route add 10.9.3.0/24 dev eth0; ip route add 10.9.20.0/22 via 10.0.0.1 mtu 600",
  "ip addr add 10.9.5.1/32 dev lo; ip addr add 10.9.6.1/24 dev eth0",
  "ip -n c1 route add unreachable 10.9.1.0/24; ip -n c1 route add 10.9.2.0/23 dev eth0; ip -n c1 route add 10.9.4.0/24 via 172.17.0.1 src 172.17.1.11",
  "ip -n out route add prohibit 10.9.8.0/22; ip -n out route del 172.17.0.0/16 || true",
  "ip route del unreachable 10.9.2.0/24; ip route del 10.9.3.0/24; ip -n c1 route del unreachable 10.9.1.0/24 || true",
  "sysctl -qw net.netfilter.nf_conntrack_max=25",
  "sysctl -qw net.netfilter.nf_conntrack_max=262144",
  "sysctl -qw net.netfilter.nf_conntrack_timestamp=1",
  "sysctl -qw net.netfilter.nf_conntrack_udp_timeout=1",
  "ip -n out addr del 10.9.9.9/32 dev lo || true",
  "ip -n out addr add 10.9.9.9/32 dev lo || true",
];

/** The same, of what a way over several hosts depends on. */
const FLOW_CHANGES = [
  "iptables -t nat -A PREROUTING -i eth0 -p udp --dport 2000 -j DNAT --to-destination 172.17.0.12:1000",
  "tcpdump -ni docker0 -c 3 -w /root/three.pcap 2>/dev/null &",
  "tcpdump -ni eth0 --immediate-mode -w /root/all.pcap 2>/dev/null &",
  "tcpdump -ni any -c 40 -w /root/host.pcap 2>/dev/null &",
  "ip netns exec out tcpdump -ni any -c 5 -w /root/any.pcap 2>/dev/null &",
  "conntrack -D -p udp 2>/dev/null || true",
  "ip netns exec out conntrack -F 2>/dev/null || true",
  "ip netns exec out iptables -A INPUT -p udp --dport 1001 -j DROP",
  "ip netns exec out iptables -A FORWARD -p udp -j ACCEPT",
  "ip netns exec out iptables -F; ip netns exec out iptables -t nat -F",
  "ip netns exec out sysctl -qw net.ipv4.ip_forward=0",
  "ip netns exec out sysctl -qw net.ipv4.ip_forward=1",
  "ip netns exec far ip link set eth0 down; ip netns exec far ip link set eth0 up; ip -n far route replace default via 10.8.0.1",
  "ip netns exec far iptables -A INPUT -p udp -m length --length 600: -j DROP",
  "ip netns exec far iptables -F",
  "ip netns exec c1 iptables -A OUTPUT -p udp -m length --length 0:60 -j ACCEPT",
  "ip netns exec c1 iptables -F",
  "ip netns exec c1 ip route replace default via 172.17.0.1 mtu 900",
  "ip netns exec c1 ip neigh del 172.17.0.1 dev eth0 || true",
  "ip netns exec out ip neigh flush all",
  "ip netns exec out ip link set eth1 mtu 800",
  "ip netns exec out ip link set eth1 address 02:00:00:00:00:77",
  "ip -n out addr del 10.9.9.9/32 dev lo || true",
  "ip -n out addr add 10.9.9.9/32 dev lo || true",
  "ip -n far route del local 10.8.1.0/30 || ip -n far route add prohibit 10.8.1.0/30",
  "iptables -t nat -I PREROUTING -i docker0 -p udp -d 10.8.1.4/30 -j DNAT --to-destination 10.8.1.1",
  "ip netns exec out conntrack -D -p udp -d 10.8.1.2 2>/dev/null || true",
  "ip -n out route replace 10.8.1.0/24 dev eth1",
  "ip -n out route add 10.8.1.2/32 dev eth1; ip -n out route add prohibit 10.8.1.3/32",
  "sysctl -qw net.core.netdev_max_backlog=1",
  "sysctl -qw net.core.netdev_max_backlog=1000",
];

type Step =
  | {
      readonly kind: "send";
      readonly from: number;
      readonly to: number;
      readonly port: number;
      readonly bytes: number;
      readonly times: number;
      readonly tos: number;
    }
  | {
      /** a datagram each to addresses in 10.9.0.0/16 */
      readonly kind: "fresh";
      readonly from: number;
      readonly first: number;
      readonly stride: number;
      readonly count: number;
      readonly port: number;
      readonly bytes: number;
      readonly tos: number;
    }
  | {
      /** datagrams of a connected socket, some at once; then other flows' may come between; before each, some to other addresses than its peer's */
      readonly kind: "flow";
      readonly from: number;
      readonly bytes: number;
      readonly aside: readonly string[];
      /** before the datagram: MSG_MORE with so many bytes of its own; 0: none */
      readonly held: number;
      readonly tos: number;
      readonly times: number;
      readonly atOnce: number;
      readonly between: readonly { readonly ns: number; readonly from: number }[];
    }
  | {
      /** rounds of datagrams to several addresses in turn: in 10.8.1.0/24, every so many-th in 10.9.0.0/16 */
      readonly kind: "round";
      readonly from: number;
      readonly first: number;
      readonly count: number;
      readonly rounds: number;
      readonly bytes: number;
      readonly nearer: number;
    }
  | { readonly kind: "drain" }
  | { readonly kind: "reopen"; readonly which: number }
  | { readonly kind: "listen" }
  | { readonly kind: "stream"; readonly from: number; readonly bytes: number; readonly back: number }
  | { readonly kind: "answer"; readonly port: number }
  | { readonly kind: "change"; readonly what: string }
  | { readonly kind: "tap"; readonly which: number }
  | { readonly kind: "wait"; readonly ms: number };

const fresh: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant("fresh" as const),
  from: fc.constantFrom(0, 1, 2, 3, 3),
  first: fc.oneof(fc.nat(0x7fff), fc.nat(0xfff), fc.integer({ min: 0x8000, max: 0xffff })),
  stride: fc.constantFrom(0, 1, 255, 256, 1000, 4099),
  count: fc.constantFrom(1, 3, 12, 20),
  port: fc.integer({ min: 1000, max: 1004 }),
  bytes: fc.constantFrom(1, 1, 690, 1600),
  tos: fc.constantFrom(0, 0, 0, 16),
});

/** Connected sockets: from where, by which address, to whom. */
const FLOWS: readonly (readonly [string, string, string, number])[] = [
  ["c1", "0.0.0.0", "10.0.0.1", 1000],
  ["c1", "172.17.1.11", "10.9.9.9", 1001],
  ["c2", "0.0.0.0", "10.8.0.2", 1000],
  ["c1", "0.0.0.0", "172.17.0.12", 1000],
  ["far", "0.0.0.0", "10.0.0.2", 2000],
  ["c2", "0.0.0.0", "10.9.9.9", 1002],
  ["c1", "0.0.0.0", "10.0.0.1", 1000],
];

/** Who receives behind the host or the router, besides. */
const INNER: readonly (readonly [string, number])[] = [
  ["c2", 1000],
  ["far", 1000],
  ["far", 1001],
  ["far", 1002],
  ["far", 1003],
];

const flow: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant("flow" as const),
  from: fc.constantFrom(0, 0, 0, 1, 2, 2, 2, 3, 4, 5, 6, 6),
  bytes: fc.constantFrom(0, 18, 18, 600, 1400, 2000),
  aside: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    {
      weight: 1,
      arbitrary: fc.array(fc.constantFrom("10.0.0.1", "10.9.1.1", "10.8.0.2", "172.17.0.12"), { maxLength: 3 }),
    },
  ),
  held: fc.constantFrom(0, 0, 0, 0, 0, 5),
  tos: fc.constantFrom(0, 0, 0, 0, 0, 16),
  times: fc.constantFrom(1, 2, 5),
  atOnce: fc.constantFrom(1, 1, 1, 3),
  between: fc.array(
    fc.record({ ns: fc.constantFrom(100, 700, 1500, 2500, 4500, 6500, 9000), from: fc.nat(FLOWS.length - 1) }),
    { maxLength: 2 },
  ),
});

const round: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant("round" as const),
  from: fc.constantFrom(0, 0, 1, 2, 3),
  first: fc.constantFrom(0, 0, 3, 0x909, 0x7ffe),
  // more than eight: a leg's lines become more (flow-lines.ts)
  count: fc.constantFrom(1, 5, 5, 9, 40),
  rounds: fc.constantFrom(1, 5, 9),
  bytes: fc.constantFrom(0, 18, 18, 18, 600, 1500),
  nearer: fc.constantFrom(1, 2, 4, 4, 10),
});

const answered: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant("answer" as const),
  port: fc.integer({ min: 1000, max: 1003 }),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      from: fc.nat(1),
      to: fc.nat(2),
      port: fc.integer({ min: 1000, max: 1003 }),
      bytes: fc.constantFrom(0, 18, 600, 2000),
      times: fc.constantFrom(1, 2, 5),
      tos: fc.constantFrom(0, 0, 0, 16),
    }),
  },
  { weight: 3, arbitrary: fresh },
  { weight: 5, arbitrary: flow },
  { weight: 3, arbitrary: round },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("listen" as const) }) },
  { weight: 5, arbitrary: answered },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("stream" as const),
      from: fc.nat(1),
      bytes: fc.constantFrom(1, 5000, 200_000),
      back: fc.constantFrom(0, 3000, 100_000),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("change" as const), what: fc.constantFrom(...CHANGES) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("change" as const), what: fc.constantFrom(...TELLING) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("tap" as const), which: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(1, 30, 2500, 40000) }) },
);

/** New connections above all. */
const newStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fresh },
  { weight: 6, arbitrary: round },
  { weight: 2, arbitrary: answered },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("change" as const), what: fc.constantFrom(...TELLING) }) },
  { weight: 1, arbitrary: step },
);

/** What goes to one address above all. */
const flowStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 14, arbitrary: flow },
  { weight: 10, arbitrary: round },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("drain" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const), which: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("change" as const), what: fc.constantFrom(...FLOW_CHANGES) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(1, 4000, 6000, 35_000) }),
  },
  { weight: 4, arbitrary: step },
);

const SEEN = `
  for t in filter nat mangle raw; do iptables -t $t -nvxL; done
  for ns in c1 c2 out far; do ip -n $ns -s link; ip -n $ns -s neigh; ip netns exec $ns cat /proc/net/snmp /proc/net/netstat; done
  ip -s link; cat /proc/net/snmp /proc/net/netstat
  ip netns exec out conntrack -L 2>/dev/null; ip netns exec out iptables -nvxL
  sleep 2; md5sum /root/*.pcap
  conntrack -L 2>/dev/null; cat /proc/net/stat/nf_conntrack; bridge -s fdb; ip -s neigh; dmesg
`;

/** more by hand */
const RUNS = Number(process.env["RUNS"] ?? 15);
const TIMEOUT_MS = 120_000 + 4_000 * RUNS;
const TAPS = ["veth1", "docker0", "eth0", "veth2"];
const DESTINATIONS = ["10.0.0.1", "10.9.9.9", "172.17.0.12"];

/** Nothing that is remembered in a namespace ever counts. */
function forgetAlways(ns: NetNamespace): void {
  let genid = 0;
  Object.defineProperty(ns.net, "pathGenid", { get: () => ++genid, set: () => {} });
}

/** Reads to the end, then writes what the last byte says, in units of 256 bytes. */
function* answer(socket: Socket): Task<void> {
  let last = 0;
  try {
    for (;;) {
      const { bytes } = yield* socket.recv(65536, { timeoutNs: 5 * SEC });
      if (bytes.length === 0) break;
      last = bytes.at(-1)!;
    }
    yield* socket.send(new Uint8Array(last * 256));
  } catch {
    // the client has told how it ended
  }
  yield* socket.closeWaiting();
}

class World {
  readonly lab: Lab = new Lab({ seed: 1, limits: { maxEvents: 3_000_000 } });
  readonly host: LabHost = this.lab.addHost("host");
  readonly senders: UdpSock[] = [];
  readonly receivers: UdpSock[] = [];
  readonly flows: UdpSock[] = [];
  readonly netns: NetNamespace[] = [];
  /** how connections ended, in order */
  readonly streams: string[] = [];
  /** what conntrack -E would print */
  readonly events: string[] = [];
  readonly taps: { bytes(): Uint8Array; readonly frames: number }[] = [];

  async begin(forget: boolean): Promise<this> {
    const { status, stderr } = await this.host.sh(WORLD);
    expect(`${status} ${stderr}`).toBe("0 ");
    const of = (name: string): NetNamespace => netnsByName(this.host.host, name);
    if (forget) for (const ns of [this.host.host.netns, of("c1"), of("c2"), of("out"), of("far")]) forgetAlways(ns);
    this.netns.push(of("c1"), of("c2"), of("out"), of("far"), this.host.host.netns);
    this.#serve(of("out"));
    for (const name of ["c1", "c2"]) this.senders.push(of(name).socket(AF_INET, SOCK_DGRAM, 0).sock as UdpSock);
    for (const sock of this.senders) sock.bind({ addr: 0, port: 5000 });
    for (const port of [5001, 5002]) {
      const sock = of("c1").socket(AF_INET, SOCK_DGRAM, 0).sock as UdpSock;
      sock.bind({ addr: port === 5001 ? 0 : parseIpv4("172.17.1.11")!, port });
      this.senders.push(sock);
    }
    for (let port = 1000; port < 1004; port++) {
      const sock = of("out").socket(AF_INET, SOCK_DGRAM, 0).sock as UdpSock;
      sock.bind({ addr: 0, port });
      this.receivers.push(sock);
    }
    for (const [name, port] of INNER) {
      const inner = of(name).socket(AF_INET, SOCK_DGRAM, 0).sock as UdpSock;
      inner.bind({ addr: 0, port });
      this.receivers.push(inner);
    }
    for (const [name, from, addr, port] of FLOWS) {
      const sock = of(name).socket(AF_INET, SOCK_DGRAM, 0).sock as UdpSock;
      sock.bind({ addr: parseIpv4(from)!, port: 0 });
      sock.connectStart({ addr: parseIpv4(addr)!, port });
      this.flows.push(sock);
    }
    return this;
  }

  async take(step: Step): Promise<string> {
    switch (step.kind) {
      case "send": {
        const to = { addr: parseIpv4(DESTINATIONS[step.to]!)!, port: step.port };
        let said = "";
        this.senders[step.from]!.setOption("IP_TOS", step.tos);
        for (let i = 0; i < step.times; i++)
          said += this.#send(this.senders[step.from]!, new Uint8Array(step.bytes).fill(step.port + i), to);
        return said;
      }
      case "fresh": {
        let said = "";
        const payload = new Uint8Array(step.bytes);
        this.senders[step.from]!.setOption("IP_TOS", step.tos);
        for (let i = 0; i < step.count; i++) {
          payload[0] = i;
          const addr = 0x0a090000 + ((step.first + i * step.stride) & 0xffff);
          said += this.#send(this.senders[step.from]!, payload, { addr, port: step.port + (i & 1) });
        }
        return said;
      }
      case "round": {
        let said = "";
        const payload = new Uint8Array(step.bytes);
        for (let i = 0; i < step.rounds * step.count; i++) {
          const which = i % step.count;
          const addr = ((i + 1) % step.nearer === 0 ? 0x0a090000 + step.first : 0x0a080100) + which;
          payload.fill(i);
          said += this.#send(this.senders[step.from]!, payload, { addr, port: 1000 + (which & 1) });
        }
        return said;
      }
      case "flow":
        return this.#flow(step);
      case "drain":
        return this.receivers.map((sock) => this.#drain(sock)).join(" ");
      case "reopen": {
        this.receivers[step.which] = this.#again(this.receivers[step.which]!);
        return "";
      }
      case "listen": {
        const { ct } = this.host.host.netns.nf;
        ct.events.listen((events, { orig, reply, status, timeout }) => {
          this.events.push(JSON.stringify([this.lab.now, events, orig, reply, status, timeout]));
        });
        return "";
      }
      case "stream":
        this.#stream(this.netns[step.from]!, step.bytes, step.back);
        return "";
      case "answer": {
        // to whoever wrote last, and one more to a published port
        const sock = this.receivers[step.port - 1000]!;
        let said = "";
        for (let message = sock.recvNow(100, {}); message; message = sock.recvNow(100, {}))
          said += this.#send(sock, Uint8Array.of(1, 2, 3), message.from);
        return said + this.#send(sock, Uint8Array.of(4), { addr: parseIpv4("10.0.0.2")!, port: 2000 });
      }
      case "change": {
        const { status, stdout, stderr } = await this.host.sh(step.what);
        return `${status} ${stdout} ${stderr}`;
      }
      case "tap":
        this.taps.push(this.host.tap(TAPS[step.which]!));
        return "";
      case "wait":
        await this.lab.advance((step.ms * SEC) / 1000);
        return "";
    }
  }

  /** Every connection says how much it wants back, and gets it. */
  #serve(out: NetNamespace): void {
    const { tasks } = this.lab.engine;
    const listener = out.socket(AF_INET, SOCK_STREAM, 0);
    listener.bind({ addr: 0, port: 80 });
    listener.listen(8);
    tasks.spawn(
      "server",
      (function* () {
        for (;;) {
          const socket = yield* listener.accept();
          tasks.spawn("connection", answer(socket));
        }
      })(),
    );
  }

  /** In the background: changes come while it flows. */
  #stream(netns: NetNamespace, bytes: number, back: number): void {
    const socket = netns.socket(AF_INET, SOCK_STREAM, 0);
    const { streams, lab } = this;
    lab.engine.tasks.spawn(
      "client",
      (function* () {
        let got = 0;
        try {
          yield* socket.connect({ addr: parseIpv4("10.0.0.1")!, port: 80 }, 3 * SEC);
          yield* socket.send(new Uint8Array(bytes).fill(back >> 8));
          yield* socket.shutdown(SHUT_WR);
          for (;;) {
            const part = yield* socket.recv(65536, { timeoutNs: 5 * SEC });
            if (part.bytes.length === 0) break;
            got += part.bytes.length;
          }
          streams.push(`${lab.now} ${got}`);
        } catch (error) {
          streams.push(`${lab.now} ${got} ${error}`);
        }
        yield* socket.closeWaiting();
      })(),
    );
  }

  async #flow(step: Step & { readonly kind: "flow" }): Promise<string> {
    const { from, bytes, times, atOnce, between, aside, held, tos } = step;
    const { sim } = this.lab.engine;
    let said = "";
    const send = (sock: UdpSock, length: number, options: SendOptions = {}): void => {
      try {
        sock.sendNow(new Uint8Array(length).fill(length), options);
      } catch (error) {
        said += String(error);
      }
    };
    if (this.flows[from]!.tos !== tos) this.flows[from]!.setOption("IP_TOS", tos);
    for (let i = 0; i < times; i++) {
      for (const addr of aside) send(this.flows[from]!, 20, { to: { addr: parseIpv4(addr)!, port: 1000 } });
      if (held > 0) send(this.flows[from]!, held, { more: true });
      for (const one of between) sim.after(one.ns, () => send(this.flows[one.from]!, 18));
      for (let j = 0; j < atOnce; j++) send(this.flows[from]!, bytes + j);
      if (between.length > 0) await this.lab.advance(SEC / 1000);
      else sim.doSoftirq();
    }
    return said;
  }

  /** What came, and when. */
  #drain(sock: UdpSock): string {
    let said = "";
    for (;;) {
      const message = sock.recvNow(4096, {});
      if (!message) return said;
      said += `${JSON.stringify({ ...message, bytes: message.bytes.length })} `;
    }
  }

  /** The socket closes, and another one takes its place. */
  #again(old: UdpSock): UdpSock {
    const port = old.sport;
    const { ip4 } = old;
    old.close();
    const sock = new UdpSock(ip4);
    sock.bind({ addr: 0, port });
    return sock;
  }

  #send(sock: UdpSock, bytes: Uint8Array, to: { addr: number; port: number }): string {
    let said = "";
    try {
      sock.sendNow(bytes, { to });
    } catch (error) {
      said = String(error);
    }
    this.lab.engine.sim.doSoftirq();
    return said;
  }

  async seen(): Promise<string> {
    // to the nanosecond, which no tool prints
    const { fdb } = bridgeOf(this.host.host.netns.net.deviceByName("docker0")!)!;
    const ages = [...fdb.entries()].map((entry) => `${fdb.updated(entry)} ${fdb.used(entry)}`);
    for (const { ipv4 } of this.netns)
      for (const { key, state, usedNs, confirmedNs, updatedNs } of ipv4.arp.dump())
        ages.push([key, state, usedNs, confirmedNs, updatedNs].join(" "));
    const { stdout, stderr } = await this.host.sh(SEEN);
    return `${ages.join("\n")}\n${this.lab.now}\n${[...this.streams, ...this.events].join("\n")}\n${stdout}${stderr}`;
  }
}

async function behaveAlike(steps: readonly Step[]): Promise<void> {
  const quick = await new World().begin(false);
  const slow = await new World().begin(true);
  for (const step of steps) {
    const [a, b] = [await quick.take(step), await slow.take(step)];
    expect(a).toBe(b);
    expect(quick.lab.now).toBe(slow.lab.now);
  }
  for (const [i, tap] of quick.taps.entries())
    expect([tap.frames, [...tap.bytes()]]).toEqual([slow.taps[i]!.frames, [...slow.taps[i]!.bytes()]]);
  expect(await quick.seen()).toBe(await slow.seen());
}

/** What the counts below are sure of, whatever is drawn besides: this alone has more than RUNS of each. */
const PLAIN: readonly Step[] = Array.from({ length: 8 }, (_, i): readonly Step[] => [
  { kind: "flow", from: 2, bytes: 18, aside: [], held: 0, tos: 0, times: 20, atOnce: 1, between: [] },
  { kind: "round", from: 0, first: 0, count: 5, rounds: 9, bytes: 18, nearer: 4 },
  { kind: "fresh", from: 0, first: 0x8000 + 64 * i, stride: 1, count: 40, port: 1000, bytes: 1, tos: 0 },
  { kind: "fresh", from: 1, first: 0x900, stride: 1, count: 40, port: 1000, bytes: 1, tos: 0 },
  { kind: "fresh", from: 0, first: 0x900, stride: 1, count: 40, port: 1000, bytes: 1, tos: 0 },
]).flat();

const settings = {
  examples: [[[...PLAIN]]] as [Step[]][],
  numRuns: RUNS,
  endOnFailure: process.env["QUICK"] !== undefined,
};

it(
  "packets that take a remembered way leave everything as if they had walked",
  async () => {
    const steps = fc.array(step, { minLength: 5, maxLength: 60, size: "max" });
    await fc.assert(fc.asyncProperty(steps, behaveAlike), settings);
  },
  TIMEOUT_MS,
);

it(
  "so do those that begin connections",
  async () => {
    const passes = vi.spyOn(FirstLeg.prototype, "pass");
    const find = vi.spyOn(AlikePaths.prototype, "find");
    const steps = fc.array(newStep, { minLength: 5, maxLength: 60, size: "max" });
    await fc.assert(fc.asyncProperty(steps, behaveAlike), settings);
    expect(passes.mock.calls.length).toBeGreaterThan(RUNS);
    expect(find.mock.results.filter(({ value }) => value !== null).length).toBeGreaterThan(RUNS);
    passes.mockRestore();
    find.mockRestore();
  },
  TIMEOUT_MS,
);

it("a connection that was answered is told from those that were not", async () => {
  const send = (port: number): Step => ({ kind: "send", from: 0, to: 0, port, bytes: 18, times: 3, tos: 0 });
  await behaveAlike([
    { kind: "change", what: "iptables -I FORWARD -m conntrack --ctstate NEW" },
    ...[1000, 1001, 1002].map(send),
    { kind: "answer", port: 1001 },
    ...[1001, 1003].map(send),
  ]);
});

it(
  "so do those that take their whole way at once",
  async () => {
    const passes = vi.spyOn(FlowLeg.prototype, "pass");
    const sharedPasses = vi.spyOn(FlowsLeg.prototype, "pass");
    const steps = fc.array(flowStep, { minLength: 5, maxLength: 60, size: "max" });
    await fc.assert(fc.asyncProperty(steps, behaveAlike), settings);
    expect(passes.mock.calls.length).toBeGreaterThan(RUNS);
    expect(sharedPasses.mock.calls.length).toBeGreaterThan(RUNS);
    passes.mockRestore();
    sharedPasses.mockRestore();
  },
  TIMEOUT_MS,
);
