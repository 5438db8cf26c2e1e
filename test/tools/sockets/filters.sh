# one connection after the other side's FIN, by states, addresses and ports
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
$A sh -c "sleep 0.8 | nc -l -p 5000 >/dev/null" &
sleep 0.1
(echo hello; sleep 3) | $B nc -p 40000 10.0.0.1 5000 &
sleep 1.2
$A ss -tanipoe
$B ss -tanipoe
$B ss -tani
$A ss -tin
$A ss -tiOn
$A ss -tm
$B ss -tnm
$B ss -tnemoi
$B ss -tnemoiO
$A netstat -tanpoe
$B netstat -tanpoe
$B netstat -tn
$B netstat -to
$A netstat -tnW
$B ss -s
$B ss -4
$B ss -tn state established
$B ss -tn state connected
$B ss -tan dport = :5000
$B ss -tan sport = :40000
$B ss -tan sport = :5000
$B ss -tan dst 10.0.0.1
$B ss -tan dst 10.0.0.1:5000
$B ss -tan src 10.0.0.0/24
$B ss -tan '( dport = :5000 or sport = :5000 )'
$B ss -tan 'dport >= :5001'
$B ss -tan 'dport gt 4000 and not src 1.2.3.4'
$B ss -tan state time-wait
wait
$B ss -tan
$A ss -tan
$B ss -tanoe
$A ss -tanoe
$B netstat -tano
$A netstat -tano
$A ss -s
$B ss -s
