exec 2>&1
ip link set lo up
iperf3 -c 127.0.0.1 -p 5999; echo $?
iperf3 -c 127.0.0.1 -p 5999 -J >/dev/null; echo $?
iperf3 >/dev/null; echo $?
iperf3 -c 10.1.0.1 -R --bidir >/dev/null; echo $?
iperf3 -c 10.1.0.1 -x >/dev/null; echo $?
iperf3 -s -c 10.1.0.1 >/dev/null; echo $?
iperf3 -c 10.1.0.1 -i 0.01 >/dev/null; echo $?
iperf3 -c 10.1.0.1 -t 100000 >/dev/null; echo $?
iperf3 -c 10.1.0.1 -P 200 >/dev/null; echo $?
iperf3 -c 10.1.0.1 -l 2M >/dev/null; echo $?
iperf3 -s -R >/dev/null; echo $?
iperf3 -c 10.1.0.1 -D >/dev/null; echo $?
iperf3 -c 10.1.0.1 -t 1 -n 1M >/dev/null; echo $?
iperf3 -c 10.1.0.1 -O 70 >/dev/null; echo $?
iperf3 -c 10.1.0.1 -M 99999 >/dev/null; echo $?
iperf3 -c 10.1.0.1 -w 999M >/dev/null; echo $?
iperf3 -c 10.1.0.1 -p 0 >/dev/null; echo $?
iperf3 -c 10.1.0.1 -u -l 3 >/dev/null; echo $?
iperf3 foo >/dev/null; echo $?
