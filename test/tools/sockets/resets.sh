# what programs say of connections that end
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
$A sh -c "nc -l -p 5000 --sh-exec 'sleep 0.3; kill -9 \$PPID'" &
sleep 0.2
(echo a; sleep 1; echo b; sleep 0.2; echo c) | $B nc 10.0.0.1 5000; echo "${PIPESTATUS[@]}"
$A sh -c 'printf "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort" | nc -l -p 80 >/dev/null' &
sleep 0.2
$B curl -sS http://10.0.0.1/; echo; echo $?
$A sh -c 'echo garbage | nc -l -p 81 >/dev/null' &
sleep 0.2
$B curl -sS http://10.0.0.1:81/; echo $?
$A sh -c 'nc -l -p 82 --sh-exec "sleep 0.1" >/dev/null' &
sleep 0.2
$B curl -sS http://10.0.0.1:82/; echo $?
$A nc -l -p 84 >/dev/null &
sleep 0.2
$B bash -c 'exec 3<>/dev/tcp/10.0.0.1/84; echo hi >&3; cat <&3; echo $?'
$B bash -c 'exec 3<>/dev/tcp/10.0.0.1/85; echo $?'
$B bash -c 'exec 3<>/dev/tcp/10.9.9.9/85; echo $?'
$B bash -c 'echo x > /dev/tcp/10.0.0.77/85; echo $?'
$A nc -l -p 86 >/dev/null &
sleep 0.2
(yes | head -c 3000000; sleep 1) | $B nc -p 40010 10.0.0.1 86 &
sleep 0.5
$B ss -K dport = :86 | tail -1 | cut -c1-30
sleep 0.2
$B ss -tan dport = :86
$A ss -tan sport = :86
wait %%; echo $?
