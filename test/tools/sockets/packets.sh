# packet sockets of tcpdump and arping
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
for n in a b; do ip netns add $n; ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1; ip -n $n link set lo up; done
ip link add eth0 netns a address 02:00:00:00:00:0a type veth peer name eth0 netns b address 02:00:00:00:00:0b
ip -n a addr add 10.0.0.1/24 dev eth0
ip -n b addr add 10.0.0.2/24 dev eth0
ip -n a link set eth0 up
ip -n b link set eth0 up
A="ip netns exec a"
B="ip netns exec b"
sleep 0.2
$B tcpdump -i eth0 -w x.pcap 2>/dev/null &
$B tcpdump -i any -n 2>/dev/null >/dev/null &
$B arping -q -c 3 -I eth0 10.0.0.1 >/dev/null &
sleep 0.5
$B ss -0
$B ss -0p
$B ss -0pe
$B ss -0m
$B ss -an | grep p_
$B ss -s | head -1
$B ss -f link
$B ss -A packet_raw
