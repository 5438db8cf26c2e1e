# expressions of ss over addresses and ports
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
for i in 1 2 3; do $A sh -c "sleep 9 | nc -l -p 500$i >/dev/null" & done
sleep 0.3
for i in 1 2 3; do echo $i | $B nc -p 4000$i 10.0.0.1 500$i; done
sleep 0.1
f() { echo "== $*"; $B ss -Htan "$@" | awk '{print $4}' | sort | tr '\n' ' '; echo; }
f src 10.0.0.2:40001 or dst 10.0.0.1:5002
f dst 10.0.0.1:5002 or src 10.0.0.2:40001
f src 10.0.0.2:40001 or src 10.0.0.2:40002
f src :40001 or dst :5002
f src 10.0.0.2:40001 or dport = :5002
f sport = :40001 or dst 10.0.0.1:5002
f sport = :40001 or dst 10.0.0.1
f src 10.0.0.9 or dst 10.0.0.1:5002
f src 10.0.0.9 or dst 10.0.0.1
f src 10.0.0.2:40001 or src 10.0.0.2:40002 or src 10.0.0.2:40003
f sport = :40001 or sport = :40002 or sport = :40003
f not src 10.0.0.2:40001
f not src 10.0.0.2:40001 or dst 10.0.0.1:5001
f src 10.0.0.2:40001 and dst 10.0.0.1:5001 or sport = :40003
f sport = :40001 or dst 10.0.0.1:5002 and dport = :5002
f '( src 10.0.0.2:40001 or dst 10.0.0.1:5002 )'
f dst 10.0.0.1:5002 or dst 10.0.0.1:5003
f dst 10.0.0.1:5002 or sport = :40001
f dst 10.0.0.1:5003 or dst 10.0.0.9 or sport = :40001
f sport = 40001
f sport eq :40001 or dport eq 5002
f dst = 10.0.0.1:5003
f dst != 10.0.0.1:5003
f 'src 10.0.0.2:40001 | dst 10.0.0.1:5002'
f 'sport = :40001 || dport = :5002'
f 'sport = :40001 & dport = :5001'
f 'sport = :40001 && dport = :5001'
f '!(sport = :40001)'
f 'dst [10.0.0.1]:5001'
f 'dst 10.0.0.1/32:5001'
f dst inet:10.0.0.1
f dst '*:5001'
f 'sport >= :40002 and sport <= :40003'
f 'sport ge 40002'
f 'sport lt 40002'
f sport = 40001:40002
