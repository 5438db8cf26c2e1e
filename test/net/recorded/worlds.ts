// The networks in which the sessions of this folder were recorded: shell that makes namespaces, so that a session needs
// only say what is asked there.

const PREAMBLE = `sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
`;
const ASK = `t() { echo "\\$ $*"; "$@" 2>&1; echo "=> $?"; }
`;
const NO_IPV6 = "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1";

/** a 10.0.0.1 — 10.0.0.2 b */
const PAIR = `for n in a b; do ip netns add $n; ip netns exec $n ${NO_IPV6}; ip -n $n link set lo up; done
ip link add eth0 netns a address 02:00:00:00:01:01 type veth peer name eth0 netns b address 02:00:00:00:01:02
ip -n a addr add 10.0.0.1/24 dev eth0
ip -n b addr add 10.0.0.2/24 dev eth0
ip -n a link set eth0 up
ip -n b link set eth0 up
A() { ip netns exec a "$@"; }
B() { ip netns exec b "$@"; }
`;

/** a 10.1.0.2 — p0 10.1.0.1 r 10.2.0.1 p1 — 10.2.0.2 b */
const ROUTER = `for n in a r b; do ip netns add $n; ip netns exec $n ${NO_IPV6}; ip -n $n link set lo up; done
ip link add eth0 netns a address 02:00:00:00:02:01 type veth peer name p0 netns r address 02:00:00:00:02:02
ip link add eth0 netns b address 02:00:00:00:02:03 type veth peer name p1 netns r address 02:00:00:00:02:04
ip -n a addr add 10.1.0.2/24 dev eth0
ip -n b addr add 10.2.0.2/24 dev eth0
ip -n r addr add 10.1.0.1/24 dev p0
ip -n r addr add 10.2.0.1/24 dev p1
for n in a b; do ip -n $n link set eth0 up; done
ip -n r link set p0 up
ip -n r link set p1 up
ip -n a route add default via 10.1.0.1
ip -n b route add default via 10.2.0.1
ip netns exec r sysctl -qw net.ipv4.ip_forward=1
A() { ip netns exec a "$@"; }
B() { ip netns exec b "$@"; }
R() { ip netns exec r "$@"; }
`;

/** By the name that a session's first line gives. */
export const WORLDS: Readonly<Record<string, string>> = {
  none: PREAMBLE + ASK,
  pair: PREAMBLE + PAIR + ASK,
  router: PREAMBLE + ROUTER + ASK,
};
