r() { echo "\$ $*"; "$@" 2>&1; echo "[$?]"; }
f() { cat > in.nft; echo "\$ nft -f in.nft"; nft -f in.nft 2>&1; echo "[$?]"; }
ip link add eth0 type veth peer name e1; ip link add wan0 type veth peer name e2
f <<'X'
#!/usr/sbin/nft -f

flush ruleset

table inet filter {
	chain input {
		type filter hook input priority 0; policy drop;

		# established/related connections
		ct state established,related accept
		ct state invalid counter drop comment "early drop of invalid packets"

		# loopback interface
		iifname lo accept

		# icmp
		icmp type { echo-request, destination-unreachable, time-exceeded, parameter-problem } accept
		meta l4proto icmp limit rate 4/second accept

		# open tcp ports: sshd (22), httpd (80)
		tcp dport { ssh, http, https } ct state new limit rate 15/minute accept
		udp sport 67 udp dport 68 accept
		ip protocol igmp accept
		pkttype { broadcast, multicast } drop
		log prefix "[nftables] Inbound Denied: " flags all counter drop
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
		iifname { "eth0", "lan*" } oifname "wan0" accept
		iifname "wan0" oifname "eth0" ct state vmap { established : accept, related : accept }
		iif eth0 oif wan0 ct state new accept
	}
	chain output {
		type filter hook output priority 100; policy accept;
		skuid 0 counter
		ip daddr != 10.0.0.0/8 tcp dport 25 reject with icmpx type admin-prohibited
		meta mark set ct mark counter
	}
}
X
r nft list ruleset
f <<'X'
define WAN = "wan0"
define LAN_NET = 192.168.1.0/24
define SERVERS = { 192.168.1.10, 192.168.1.11 }
define WEB = 192.168.1.10
table ip nat {
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		iifname $WAN tcp dport { 80, 443 } dnat to $WEB
		iifname $WAN tcp dport 2222 dnat to 192.168.1.11:22
		iifname $WAN udp dport 5000-5100 dnat to 192.168.1.20
		iifname $WAN dnat to tcp dport map { 8080 : 192.168.1.10, 8081 : 192.168.1.11 }
		tcp dport 3128 redirect to :8888
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr $LAN_NET oifname $WAN masquerade
		ip saddr $SERVERS ip daddr $SERVERS counter snat to 192.168.1.1
		oifname $WAN snat to ip saddr map { 10.0.0.1 : 1.1.1.1, 10.0.0.2 : 1.1.1.2 }
	}
}
X
r nft list table ip nat
r nft -a list chain ip nat prerouting
f <<'X'
table ip knock {
	set clients { type ipv4_addr; flags timeout; }
	set stage1 { type ipv4_addr . inet_service; flags timeout; timeout 10s; }
	set blacklist { type ipv4_addr; flags interval, timeout; auto-merge; }
	map ports { type inet_service : verdict; elements = { 22 : jump ssh, 80 : accept }; }
	counter c1 {}
	quota q1 { over 5 mbytes }
	limit l1 { rate 10/second burst 20 packets }
	chain ssh { ip saddr @clients accept; }
	chain in {
		type filter hook input priority -5; policy accept;
		tcp dport 123 add @stage1 { ip saddr . tcp dport timeout 5s } drop
		tcp dport 234 ip saddr . tcp dport @stage1 add @clients { ip saddr timeout 10m } drop
		ip saddr @blacklist counter name c1 drop
		limit name l1 accept
		quota name q1 drop
		tcp dport vmap @ports
		ct state new tcp flags & (fin|syn|rst|ack) != syn counter drop
		tcp flags & (fin|syn) == (fin|syn) drop
		tcp flags & (fin|syn|rst|psh|ack|urg) == 0 drop
		ip frag-off & 0x1fff != 0 counter drop
		fib daddr . iif type != { local, broadcast, multicast } drop
		th dport 53 meta l4proto { tcp, udp } accept
		ip saddr 10.0.0.0/8 ip daddr { 10.1.0.0/16, 10.2.0.1-10.2.0.9 } tcp sport 1024-65535 tcp dport != { 22, 23 } goto ssh
	}
}
X
r nft list table ip knock
r nft add element ip knock blacklist '{ 1.2.3.0/24 timeout 1h, 5.6.7.8 }'
r nft add element ip knock clients '{ 9.9.9.9 timeout 30m comment "bob" }'
r nft list set ip knock blacklist
r nft -s list set ip knock clients
r nft list map ip knock ports
r nft flush set ip knock clients
r nft delete table ip knock
r nft list tables
r nft add rule inet filter input tcp dport 8080 counter accept
r nft insert rule inet filter input position 3 udp dport 123 accept
r nft add rule inet filter output ip protocol udp udp dport 53 ip saddr 1.2.3.4 accept
r nft add rule inet filter output meta nfproto ipv4 ip daddr 1.2.3.4 accept
r nft add rule inet filter output ip version 4 counter
r nft add rule inet filter output tcp dport 22 ip daddr 1.2.3.4 accept
r nft add rule inet filter output ip daddr 1.2.3.4 tcp dport 22 udp dport 5
r nft add rule inet filter output reject
r nft add rule inet filter output reject with icmp type port-unreachable
r nft add rule inet filter output reject with icmpx port-unreachable
r nft add rule inet filter output snat to 1.2.3.4
r nft add rule inet filter output meta l4proto icmp icmp type echo-request accept
r nft -a list table inet filter
r nft delete rule inet filter input handle 4
r nft list chain inet filter input
r nft -n list chain inet filter input
