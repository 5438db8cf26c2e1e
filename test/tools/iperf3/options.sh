exec 2>&1
ip netns add lan
ip link add eth0 netns lan type veth peer name lan0
ip addr add 10.1.0.1/24 dev lan0
ip link set lan0 up
ip -n lan addr add 10.1.0.2/24 dev eth0
ip -n lan link set eth0 up
ip -n lan link set lo up
iperf3 -s > server.txt 2>&1 &
SRV=$!
sleep 0.5
C="ip netns exec lan iperf3 -c 10.1.0.1"
echo "== title"
$C -t 1 -b 10M -T title
$C -t 1 -b 1M -u -T title
$C -t 1 -b 10M -T title -J | grep -n title
$C -t 1 -b 10M -T title -P 2 | head -6
echo "== tos"
$C -t 1 -b 10M -S 0x10 -V | grep tos
$C -t 1 -b 10M --dscp 46 -V | grep tos
$C -t 1 -b 10M --dscp af11 -V | grep tos
$C -t 1 -b 10M -S 16 -J | grep tos
$C -t 1 -S 300 >/dev/null; echo $?
$C -t 1 --dscp foo > /dev/null; echo $?
echo "== server output"
$C -t 1 -b 10M --get-server-output
echo "== server output V"
$C -t 1 -b 10M --get-server-output -R -V
echo "== server output J"
$C -t 1 -b 10M --get-server-output -J
echo "== extra"
$C -t 1 -b 10M --extra-data hello -J | grep -n hello
echo "== timestamps"
$C -t 1 -b 10M --timestamps='%Y ' 
echo "== udp64"
$C -t 1 -u -b 1M --udp-counters-64bit
echo "== payload"
$C -t 1 -b 1M --repeating-payload | tail -4
echo "== df"
$C -t 1 -u -b 1M --dont-fragment | tail -4
echo "== connect timeout"
iptables -A INPUT -p tcp --dport 5999 -j DROP
$C -p 5999 --connect-timeout 700 -J; echo $?
echo "== cport P2"
$C -t 1 -b 10M --cport 40000 -P 2 | grep connected
$C -t 1 -b 10M --cport 40000 -P 2 -u | grep connected
echo "== f"
for f in k m g K M G t T; do $C -t 1 -b 1M -f $f | grep receiver | sed 's/.*Bytes//'; done
echo "== length"
$C -t 1 -u -l 200 -b 500K | tail -4
$C -t 1 -l 1000 -b 1M | tail -4
$C -t 1 -u -l 60000 -b 5M | tail -5
echo "== bind"
$C -t 1 -b 1M -B 10.1.0.2 | grep local
$C -t 1 -b 1M -B 10.9.0.2; echo $?
$C -t 1 -b 1M -B 10.1.0.2%eth0 | grep local
$C -t 1 -b 1M --bind-dev eth0 | grep local
$C -t 1 -6; echo $?
$C -t 1 -4 -b 1M | tail -3
$C -t 1 --pacing-timer 500 -b 10M| tail -4
$C -D ; echo $?
sleep 0.3
kill $SRV
sleep 0.5
echo "== server"
cat server.txt
sleep 0.5
