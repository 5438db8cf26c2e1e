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
echo "== bidir"
$C --bidir -t 2 -b 10M
echo "== bidir P2"
$C --bidir -t 2 -b 5M -P 2
echo "== bidir V"
$C --bidir -t 1 -b 10M -V
echo "== bidir udp"
$C --bidir -t 2 -u -b 1M
echo "== bidir udp P2"
$C --bidir -t 1 -u -b 1M -P 2
echo "== bidir O1"
$C --bidir -t 2 -b 5M -O 1
echo "== bidir J"
$C --bidir -t 1 -b 10M -J
echo "== bidir u J"
$C --bidir -t 1 -u -b 1M -J
echo "== bidir P2 J"
$C --bidir -t 1 -b 10M -P 2 -J
echo "== bidir n"
$C --bidir -n 1M -b 10M
sleep 0.3
kill $SRV
sleep 0.5
echo "== server"
cat server.txt
