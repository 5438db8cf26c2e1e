# an idle connection after five requests
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
$A sysctl -qw net.ipv4.tcp_congestion_control=cubic
$B sysctl -qw net.ipv4.tcp_congestion_control=cubic
$A nc -l -p 5000 --sh-exec "cat; sleep 5" &
sleep 0.2
(for i in 1 2 3 4 5; do echo line $i; sleep 0.2; done; sleep 3) | $B nc -p 40000 10.0.0.1 5000 &
sleep 1.8
$A ss -tni
$B ss -tni
$A ss -ti
$B ss -tion
