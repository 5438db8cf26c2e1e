sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ns() { ip netns add $1; ip netns exec $1 sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1; ip -n $1 link set lo up; }
lan() { ip netns exec lan "$@"; }
wan() { ip netns exec wan "$@"; }
ns lan; ns wan
ip link add eth0 address 02:00:00:00:02:01 netns lan type veth peer name lan0 address 02:00:00:00:02:02
ip link add eth0 address 02:00:00:00:03:01 netns wan type veth peer name wan0 address 02:00:00:00:03:02
ip addr add 10.1.0.1/24 dev lan0; ip link set lan0 up
ip addr add 203.0.113.1/24 dev wan0; ip link set wan0 up
ip -n lan addr add 10.1.0.2/24 dev eth0; ip -n lan link set eth0 up; ip -n lan route add default via 10.1.0.1
ip -n wan addr add 203.0.113.2/24 dev eth0; ip -n wan link set eth0 up; ip -n wan route add default via 203.0.113.1
sysctl -qw net.ipv4.ip_forward=1
cat > server.sh <<'S'
printf '220 hello\r\n'
while read -r line; do
  cmd=$(echo "$line" | tr -d '\r'); echo "$cmd" >> log.txt
  case $cmd in
    USER*) printf '331 password\r\n' ;;
    PASS*) if [ -e deny ]; then printf '530 no\r\n'; else printf '230 in\r\n'; fi ;;
    PWD*) printf '257 "/" is here\r\n' ;;
    CWD*bad*) printf '550 no such\r\n' ;;
    CWD*) printf '250 ok\r\n' ;;
    TYPE*) printf '200 ok\r\n' ;;
    SIZE*missing*) printf '550 no\r\n' ;;
    SIZE*) printf '213 5\r\n' ;;
    EPSV*) if [ -e epsv ]; then printf '229 Entering Extended Passive Mode (|||20000|)\r\n'; else printf '500 no\r\n'; fi ;;
    PASV*) printf '227 Entering Passive Mode (203,0,113,2,78,32)\r\n' ;;
    RETR*missing*) printf '550 none\r\n' ;;
    RETR*|LIST*|NLST*) printf '150 here\r\n'; sleep 0.3; printf '226 done\r\n' ;;
    QUIT*) printf '221 bye\r\n'; exit ;;
    *) printf '502 what\r\n' ;;
  esac
done
S
iptables -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp
iptables -t nat -A POSTROUTING -o wan0 -j MASQUERADE
iptables -P FORWARD DROP
iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
iptables -A FORWARD -p tcp --dport 21 -j ACCEPT
wan nc -lk -p 21 -e "$(command -v bash) server.sh" &
wan nc -lk -p 20000 -c 'echo data' &
sleep 1
lan curl -s ftp://203.0.113.2/file; echo "curl $?"; cat log.txt; rm log.txt
touch epsv
lan curl -sS ftp://203.0.113.2/dir/sub/file; echo "curl $?"; cat log.txt; rm log.txt
lan curl -sS ftp://203.0.113.2/; echo "curl $?"; cat log.txt; rm log.txt
lan curl -sS ftp://203.0.113.2/missing; echo "curl $?"; cat log.txt; rm log.txt
lan curl -sS ftp://203.0.113.2/bad/file; echo "curl $?"; cat log.txt; rm log.txt
lan curl -sS -u me:secret -o got.txt ftp://203.0.113.2/dir/; echo "curl $?"; cat got.txt log.txt; rm log.txt
touch deny
lan curl -sS ftp://me:pw@203.0.113.2/file; echo "curl $?"; cat log.txt
lan curl -sS -m 2 ftp://203.0.113.2:2100/file; echo "curl $?"
conntrack -L 2>&1 | awk '{print $1, $6, $8, $9}' | sort | uniq -c
sleep 1.1
