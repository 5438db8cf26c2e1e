# SYN-SENT and SYN-RECV with their timers
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
$A nc -l -p 5000 &
sleep 0.2
$B iptables -A INPUT -p tcp --sport 5000 -j DROP
$A iptables -A INPUT -p tcp --dport 5001 -j DROP
$B nc -p 40000 -w 9 10.0.0.1 5000 &
$B nc -p 40001 -w 9 10.0.0.1 5001 &
sleep 0.1
$B ss -tanipoe
$A ss -tanipoe
$B netstat -tanpoe
$A netstat -tanpoe
sleep 1.5
$B ss -tanipoe
$A ss -tanipoe
$B ss -tano
$A ss -tano
$B netstat -tano
$A netstat -tano
$A ss -s
$B ss -tan state syn-sent
$A ss -tan state syn-recv
$A ss -tan state bucket
$A ss -tn
sleep 2
$B ss -tano
$A ss -tano
kill %1 %2 %3
sleep 0.1
$B ss -tano
$A ss -tano
