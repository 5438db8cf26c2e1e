# what both sides agreed on: timestamps, SACK, scaling, ECN, MSS, buffers
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
$B sysctl -qw net.ipv4.tcp_timestamps=0 net.ipv4.tcp_sack=0 net.ipv4.tcp_window_scaling=0
$B sysctl -qw net.ipv4.tcp_congestion_control=reno
$A sh -c "sleep 20 | nc -l -k -p 5000 >/dev/null" &
sleep 0.2
(head -c 5000 /dev/zero; sleep 3) | $B nc -p 40000 10.0.0.1 5000 &
sleep 0.5
$A ss -tnioe
$B ss -tnioe
$B sysctl -qw net.ipv4.tcp_timestamps=1 net.ipv4.tcp_sack=1 net.ipv4.tcp_window_scaling=1 net.ipv4.tcp_ecn=1
$A sysctl -qw net.ipv4.tcp_ecn=1 net.ipv4.tcp_congestion_control=cubic
$B sysctl -qw net.ipv4.tcp_congestion_control=cubic
(head -c 5000 /dev/zero; sleep 3) | $B nc -p 40001 10.0.0.1 5000 &
sleep 0.5
$A ss -tnioe
$B ss -tnioe
$B ip link set eth0 mtu 1000
(head -c 700 /dev/zero; sleep 3) | $B nc -p 40002 10.0.0.1 5000 &
sleep 0.5
$A ss -tnio sport = :5000 and dport = :40002
$B ss -tnio sport = :40002
$B ip route add 10.0.0.1/32 dev eth0 mtu 600 advmss 400 initcwnd 20
(head -c 700 /dev/zero; sleep 3) | $B nc -p 40003 10.0.0.1 5000 &
sleep 0.5
$A ss -tnio sport = :5000 and dport = :40003
$B ss -tnio sport = :40003
$B sysctl -w net.ipv4.tcp_rmem='4096 20000 40000' net.ipv4.tcp_wmem='4096 20000 30000'
(head -c 3000 /dev/zero; sleep 3) | $B nc -p 40004 10.0.0.1 5000 &
sleep 0.5
$A ss -tniom dport = :40004
$B ss -tniom sport = :40004
