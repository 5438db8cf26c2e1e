# what programs say of connections that cannot be
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
$B ss -tan
$B nc -p 40000 10.0.0.1 5000; echo $?
$B curl -s http://10.0.0.1/; echo $?
$B curl -sS http://10.0.0.1/; echo $?
$B curl -sS http://10.0.0.77/; echo $?
$B curl -sS http://10.9.9.9/; echo $?
$B nc -v 10.9.9.9 80; echo $?
$B nc -v 10.0.0.77 80; echo $?
$B wget -q -O - http://10.0.0.1/; echo $?
$B wget -O - http://10.9.9.9/; echo $?
$B busybox wget -O - http://10.0.0.1/; echo $?
$B busybox wget -O - http://10.9.9.9/; echo $?
$A nc -l -p 5000 &
sleep 0.2
$A nc -l -p 5000; echo $?
$A busybox httpd -p 5000; echo $?
$A nc -l 10.0.0.5 5001; echo $?
$A iptables -A INPUT -p tcp --dport 80 -j REJECT --reject-with tcp-reset
$A iptables -A INPUT -p tcp --dport 81 -j REJECT
$A iptables -A INPUT -p tcp --dport 82 -j REJECT --reject-with icmp-host-prohibited
$A iptables -A INPUT -p tcp --dport 83 -j DROP
for p in 80 81 82; do $B curl -sS http://10.0.0.1:$p/; echo $?; $B nc 10.0.0.1 $p </dev/null; echo $?; done
$B curl -sS -m 2 http://10.0.0.1:83/; echo $?
$B curl -sS --connect-timeout 1 http://10.0.0.1:83/; echo $?
$B nc -w 1 10.0.0.1 83; echo $?
$B ip route add unreachable 10.7.0.0/16
$B ip route add prohibit 10.8.0.0/16
$B ip route add blackhole 10.6.0.0/16
for a in 10.7.0.1 10.8.0.1 10.6.0.1; do $B curl -sS http://$a/; echo $?; $B nc $a 80; echo $?; $B ping -c1 -W1 $a; done
$B nc -u 10.0.0.1 53 <<< hi; echo $?
$B curl -sS http://255.255.255.255/; echo $?
$B curl -sS http://224.0.0.1/; echo $?
$B curl -sS http://0.0.0.0/; echo $?
$B curl -sS http://10.0.0.1:0/; echo $?
$B curl -sS --interface 10.3.3.3 http://10.0.0.1:5000/; echo $?
$B curl -sS --local-port 99999 http://10.0.0.1:5000/; echo $?
