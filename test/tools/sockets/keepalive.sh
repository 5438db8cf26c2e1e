# curl's keepalive timer
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
$A nc -l -p 80 &
sleep 0.2
$B curl -s --local-port 40000 http://10.0.0.1/ &
sleep 0.4
$A ss -tanipoe
$B ss -tanipoe
$A netstat -tanpoe
$B netstat -tanpoe
sleep 2
$B ss -tano
kill %1 %2
sleep 0.1
$B ss -tano
$A ss -tano
