# connections in TIME-WAIT, and one that takes such a one's place
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
for i in 1 2 3 4 5; do $A sh -c "sleep 9 | nc -l -p 500$i >/dev/null" & done
sleep 0.3
for i in 1 2 3 4 5; do echo $i | $B nc -p 4000$i 10.0.0.1 500$i; done
sleep 0.1
$B ss -tan
$A ss -tan
$B ss -tano state time-wait
$B ss -tan state time-wait '( dport = :5001 or dport = :5003 )'
$B ss -tan 'dport > :5003'
$B ss -tan 'dport != :5003'
$B ss -tan '! dport = :5003'
$B ss -tan not dport eq 5003
$B ss -Htan dport = :5002 or dport = :5003 and sport = :40003
$B ss -tan exclude time-wait
$B ss -tan state all exclude listening
$B ss -tan state connected src 10.0.0.2
$B ss -tan state connected 'src 10.0.0.2:40001 or dst 10.0.0.1:5002'
$B ss -tan dst 10.0.0.0/30 and not dst 10.0.0.1:5001
$B ss -tan dst 10.0.1.0/24
$B netstat -tan
$B netstat -tn
$B netstat -tano
$B ss -s
echo x | $B nc -p 40001 10.0.0.1 5001; echo $?
