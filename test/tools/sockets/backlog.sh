# a listener whose program accepts nothing
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
sleep 0.2
kill -STOP $!
for p in 1 2 3; do $B nc -p 4000$p -w 20 10.0.0.1 5000 & done
sleep 0.3
$A ss -tlnp
$A ss -tanipoe
$A netstat -tanpoe
$B ss -tan
$A ss -tlni
$A ss -tan state established
