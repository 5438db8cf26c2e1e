# tables by name
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
$A nc -l -k -p 5000 &
$A nc -u -l -p 53 &
sleep 0.2
(sleep 4) | $B nc -u -p 40000 10.0.0.1 53 &
$A ss -A tcp -n
$A ss -A tcp -an
$A ss -nA tcp,udp
$A ss -nlA tcp,udp
$A ss -A inet -n 2>/dev/null
$A ss -A udp -n
sleep 0.3; $B ss -A udp -n; $B ss -A all -n 2>/dev/null
$A ss -n -A raw
$A ss -n -A unix
$A ss -n --query=tcp -l
