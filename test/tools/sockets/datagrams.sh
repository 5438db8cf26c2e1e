# datagram sockets, unconnected and connected
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
$A nc -u -l -p 53 &
$A nc -u -l -p 5353 >/dev/null &
sleep 0.2
(echo hello; sleep 4) | $B nc -u -p 40000 10.0.0.1 5353 &
sleep 0.5
$A ss -uan
$A ss -uanp
$A ss -uanpeoi
$B ss -uanpemoi
$B ss -un
$A ss -uan state established
$A ss -uan state unconnected
$A netstat -uanpe
$B netstat -uan
$B ss -x
$B ss -xl
$A ss -ua sport = :53
$A ss -ua
$A netstat -ua
$A ss -4ulnH
$A ss -6ulnH
