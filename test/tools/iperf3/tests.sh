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
sleep 1
echo "== plain"
ip netns exec lan iperf3 -c 10.1.0.1 -n 100K
echo "== udp"
ip netns exec lan iperf3 -c 10.1.0.1 -u -b 1M -t 1
echo "== reverse small"
ip netns exec lan iperf3 -c 10.1.0.1 -R -k 3 -l 1K
sleep 1
echo "== t2"
ip netns exec lan iperf3 -c 10.1.0.1 -t 2 -b 10M
echo "== P2"
ip netns exec lan iperf3 -c 10.1.0.1 -t 2 -P 2 -b 10M
echo "== rev"
ip netns exec lan iperf3 -c 10.1.0.1 -t 2 -R -b 10M
echo "== -V"
ip netns exec lan iperf3 -c 10.1.0.1 -t 1 -V -b 10M
echo "== -i0.5 -O1"
ip netns exec lan iperf3 -c 10.1.0.1 -t 2 -i 0.5 -O 1 -b 20M
echo "== -C reno -w 64K -M 1000 -N"
ip netns exec lan iperf3 -c 10.1.0.1 -t 1 -C reno -w 64K -M 1000 -N -b 20M
echo "== -uR P2"
ip netns exec lan iperf3 -c 10.1.0.1 -t 2 -u -R -P 2
echo "== J"
ip netns exec lan iperf3 -c 10.1.0.1 -t 1 -b 10M -J
echo "== J P2 u"
ip netns exec lan iperf3 -c 10.1.0.1 -t 1 -b 10M -u -P 2 -J
echo "== J R"
ip netns exec lan iperf3 -c 10.1.0.1 -t 1 -b 10M -J -R
echo "== i0"
ip netns exec lan iperf3 -c 10.1.0.1 -t 1 -i 0 -b 10M
