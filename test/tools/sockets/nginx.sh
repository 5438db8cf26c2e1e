# nginx's sockets and their holders
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
mkdir -p www; echo hello > www/index.html; chmod 755 . www
cat > nginx.conf <<C
events {}
pid nginx.pid;
http { access_log off; server { listen 80; listen 10.0.0.1:8080 backlog=17; root $PWD/www; } }
C
$A nginx -c $PWD/nginx.conf
sleep 0.3
$A ss -tlnp
$A ss -tl
$A netstat -tlp
$B curl -s --local-port 40001 http://10.0.0.1/
$A ss -tan
$B ss -tano
(printf 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'; sleep 3) | $B nc -p 40002 10.0.0.1 80 >/dev/null &
sleep 0.3
$A ss -tanpo
$B ss -tanpo
$A netstat -tanp
