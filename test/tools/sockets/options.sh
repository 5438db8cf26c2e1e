# options and mistakes of ss, and connections that it ends
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
(sleep 6) | $B nc -p 40000 10.0.0.1 5000 &
sleep 0.3
$B ss -tn --tos
$B ss -tn --inet-sockopt
$A ss -tln --inet-sockopt
$B ss -tn --cgroup
$B ss -tnZ
echo 'dst 10.0.0.1' > f
$B ss -tn -F f
$B ss -K dst 10.0.0.9
$B ss -tnK dport = :5000; echo $?
$B ss -tn
$B ss -tn dst 10.0.0.300; echo $?
$B ss -tn foo; echo $?
$B ss -tn state foo; echo $?
$B ss -tn 'dst 10.0.0.1 or'; echo $?
$B ss -tn dport = http; echo $?
$B ss -tn dport = :nosuch; echo $?
$B ss -q; echo $?
$B ss -tn -A foo; echo $?
$B ss -tn -f foo >/dev/null; echo $?
$B ss -tn dev eth0; echo $?
$B ss -tn 'fwmark = 0x1'; echo $?
$B ss -V
$A ss -tln --tos
$A ss -uan --tos
$A nc -u -l -p 53 &
sleep 0.2
$A ss -uan --tos
$A ss -uan --inet-sockopt
$A ss -uanO --inet-sockopt
$A ss -K sport = :5000
sleep 0.2
$A ss -tan
$A ss -uan
