# listeners and datagram sockets that nobody has connected
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
$A iperf3 -s >/dev/null &
mkdir -p www; echo hi > www/index.html
$A busybox httpd -f -p 10.0.0.1:80 -h www &
$A nc -l -u -p 53 &
sleep 0.5
$A ss -tan
$A ss -tln
$A ss -tlnp
$A ss -tlnpe
$A ss -tlnpem
$A ss -tanipoe
$A ss -tlni
$A ss -lun
$A ss -lunp
$A ss -aun
$A ss -l | sed "s,tcpdiag:ss/[0-9]*  *,tcpdiag:ss ,"
$A ss -ltu
$A ss -lntuO
$A ss -Hltn
$A ss -s
$A netstat -tln
$A netstat -tlnp
$A netstat -tlnpe
$A netstat -tanpoe
$A netstat -an --inet
$A netstat -uln
$A netstat -tl
kill %1 %2 %3 %4
sleep 0.2
