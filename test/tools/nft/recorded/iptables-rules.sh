r() { echo "\$ $*"; "$@" 2>&1; echo "[$?]"; }
f() { echo "\$ nft -f - <<'X'"; cat > in.nft; cat in.nft; echo X; nft -f - < in.nft 2>&1; echo "[$?]"; }
iptables -t nat -A POSTROUTING -s 10.0.0.0/24 ! -o br0 -j MASQUERADE
iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A INPUT -p tcp --dport 22 -m comment --comment "ssh in" -j ACCEPT
iptables -A INPUT -m comment --comment "ssh in" -p tcp --dport 22 -j ACCEPT
iptables -N foo
iptables -A foo -j RETURN
iptables -A FORWARD -i eth+ -p udp -m multiport --dports 1,2,3 -j foo
iptables -A FORWARD -p tcp -m multiport --sports 1,2:5 -j foo
iptables -A FORWARD -p tcp -m multiport ! --ports 1,2:5 -j foo
iptables -A INPUT -p icmp --icmp-type echo-request -m limit --limit 5/min -j LOG --log-prefix "x: "
iptables -A INPUT -p icmp --icmp-type 3/4 -j LOG --log-level debug --log-tcp-options
iptables -A INPUT -m addrtype --dst-type LOCAL -j DROP
iptables -A INPUT -m addrtype ! --src-type LOCAL -j DROP
iptables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.2:8080
iptables -t nat -A PREROUTING -p tcp --dport 80 -d 1.2.3.4 -j DNAT --to-destination 10.0.0.2
iptables -t nat -A PREROUTING -p tcp --dport 81 -j REDIRECT --to-ports 3128
iptables -t nat -A PREROUTING -p tcp --dport 82 -j REDIRECT
iptables -t nat -A POSTROUTING -p tcp -o x -j SNAT --to-source 1.2.3.4-1.2.3.9:1000-2000 --random --persistent
iptables -t nat -A POSTROUTING -o x -j SNAT --to-source 1.2.3.4
iptables -t nat -A POSTROUTING -p udp -o x -j MASQUERADE --to-ports 1000-2000 --random
iptables -t nat -A POSTROUTING -o x -j NETMAP --to 1.2.3.0/24
iptables -A OUTPUT -p tcp --tcp-flags SYN,ACK SYN -j REJECT --reject-with tcp-reset
iptables -A OUTPUT -p tcp --syn -j REJECT
iptables -A OUTPUT -p tcp ! --syn -j REJECT --reject-with icmp-host-prohibited
iptables -t mangle -A OUTPUT -s 1.2.3.4 -p 47 -j MARK --set-mark 5
iptables -t mangle -A OUTPUT -j MARK --set-xmark 5/0xff
iptables -t mangle -A OUTPUT -j MARK --or-mark 4
iptables -t mangle -A OUTPUT -j MARK --and-mark 4
iptables -t mangle -A OUTPUT -j CONNMARK --set-mark 4
iptables -t mangle -A OUTPUT -j CONNMARK --save-mark
iptables -t mangle -A OUTPUT -j CONNMARK --restore-mark
iptables -t mangle -A OUTPUT -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff
iptables -t mangle -A OUTPUT -m connmark --mark 4
iptables -t mangle -A OUTPUT -m connmark ! --mark 4/0xf
iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1400
iptables -t mangle -A FORWARD -j TOS --set-tos 0x10
iptables -t mangle -A FORWARD -j DSCP --set-dscp 10
iptables -t mangle -A FORWARD -j TTL --ttl-set 5
iptables -t mangle -A FORWARD -m ttl --ttl-lt 5
iptables -t mangle -A FORWARD -m ttl --ttl-eq 5
iptables -t mangle -A FORWARD -m tos --tos 0x10
iptables -t mangle -A FORWARD -m dscp --dscp 10
iptables -t mangle -A FORWARD -m length --length 100:200
iptables -t mangle -A FORWARD -m length --length 100
iptables -t raw -A PREROUTING -p udp --dport 53 -j NOTRACK
iptables -t raw -A PREROUTING -p udp --dport 53 -j CT --zone 5
iptables -A INPUT -m mac --mac-source 00:11:22:33:44:55 -j ACCEPT
iptables -A INPUT -m mac ! --mac-source 00:11:22:33:44:55 -j ACCEPT
iptables -A FORWARD -f -j ACCEPT
iptables -A FORWARD -m mark --mark 1/0xf -g foo
iptables -A FORWARD -m mark ! --mark 1 -g foo
iptables -A FORWARD -m iprange --src-range 1.2.3.4-1.2.3.9 -j ACCEPT
iptables -A FORWARD -m statistic --mode nth --every 3 --packet 0 -j ACCEPT
iptables -A FORWARD -m statistic --mode random --probability 0.5 -j ACCEPT
iptables -A FORWARD -m pkttype --pkt-type broadcast -j ACCEPT
iptables -A FORWARD -m string --string foo --algo bm -j DROP
iptables -A FORWARD -m recent --name x --set
iptables -A FORWARD -m hashlimit --hashlimit-upto 5/s --hashlimit-mode srcip --hashlimit-name h -j ACCEPT
iptables -A FORWARD -p tcp -m connlimit --connlimit-above 3 -j DROP
iptables -A FORWARD -m connbytes --connbytes 100 --connbytes-dir both --connbytes-mode bytes
iptables -A FORWARD -m state --state NEW,INVALID -j DROP
iptables -A FORWARD -m conntrack --ctstate DNAT -j DROP
iptables -A FORWARD -m conntrack ! --ctstate NEW -j DROP
iptables -A FORWARD -m conntrack --ctorigdst 1.2.3.4 --ctdir ORIGINAL -j DROP
iptables -A FORWARD -m conntrack --ctproto 6 --ctstatus ASSURED -j DROP
iptables -A OUTPUT -m owner --uid-owner 0 -j ACCEPT
iptables -A FORWARD -m physdev --physdev-in eth0 -j ACCEPT
iptables -A FORWARD -m tcpmss --mss 100:200 -p tcp
iptables -A FORWARD -p tcp --tcp-option 5
iptables -A FORWARD -m time --timestart 10:00 --timestop 12:00
iptables -A FORWARD -m rpfilter
iptables -A FORWARD -m ecn --ecn-tcp-cwr -p tcp
iptables -A FORWARD -m quota --quota 1000 -j ACCEPT
iptables -A FORWARD -j NFLOG --nflog-group 3 --nflog-prefix abc
iptables -A FORWARD -p sctp --dport 5 -j ACCEPT
iptables -A FORWARD ! -s 1.2.3.4 ! -d 5.6.7.0/24 ! -p tcp ! -i a ! -o b -j DROP
iptables -A FORWARD -s 1.2.3.4/255.0.255.0 -p udp --sport 5:10 ! --dport 20 -j DROP
iptables -A FORWARD -p tcp --sport :10 --dport 20: -j DROP
iptables -A FORWARD -p tcp ! --sport 5:10
iptables -A FORWARD -p esp -j ACCEPT
iptables -A FORWARD -p 99 -j ACCEPT
iptables -A FORWARD -p all -j ACCEPT
iptables -A FORWARD -i + -o lo -j ACCEPT
iptables -P FORWARD DROP
r nft list ruleset
r nft -a list chain ip filter foo
r nft -n list chain ip filter FORWARD
r nft -s list chain ip nat POSTROUTING
r nft list table ip raw
r nft delete table ip raw
r nft flush chain ip filter FORWARD
r nft add rule ip filter INPUT tcp dport 99 counter accept
r nft insert rule ip filter INPUT tcp dport '{ 1, 2 }' accept
r nft add chain ip filter extra '{ type filter hook input priority 5; }'
r iptables -S
r iptables -L INPUT -n
r iptables-save -t nat
