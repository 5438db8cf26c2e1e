# CLOSING when both FINs were lost
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
$A nc -l -p 5000 --sh-exec "sleep 1.2" &
sleep 0.2
(sleep 1) | $B nc -p 40000 10.0.0.1 5000 &
sleep 0.5
$A iptables -A INPUT -p tcp --dport 5000 -j DROP
$B iptables -A INPUT -p tcp --sport 5000 -j DROP
sleep 1.2
$A ss -tano
$B ss -tano
$A iptables -F INPUT
sleep 3
$A ss -tanoie
$B ss -tanoie
$A netstat -tanpoe
$B netstat -tanpoe
