# memory of queues that fill
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
(sleep 20) | $A nc -l -p 5001 >/dev/null &
sleep 0.2
kill -STOP $!
(echo hello; sleep 0.1; echo hello; sleep 3) | $B nc -p 40001 10.0.0.1 5001 &
sleep 0.6
$A ss -tnie sport = :5001
$B ss -tnie dport = :5001
$A ss -tnm sport = :5001
$B ss -tnm dport = :5001
$A netstat -tn | grep 5001
