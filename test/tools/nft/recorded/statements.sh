r() { echo "\$ $*"; "$@" 2>&1; echo "[$?]"; }
f() { echo "\$ nft -f - <<'X'"; cat > in.nft; cat in.nft; echo X; nft -f - < in.nft 2>&1; echo "[$?]"; }
nft add table ip t; nft add chain ip t c '{ type filter hook input priority 0; }'; nft add chain ip t u; nft add chain ip t pre '{ type nat hook prerouting priority -100; }';  nft add chain ip t post '{ type nat hook postrouting priority 100; }'; nft add chain ip t on '{ type nat hook output priority -100; }'
r nft add rule t c log
r nft add rule t c log prefix '"in: "' accept
r nft add rule t c log prefix '"in: "' level debug flags all
r nft add rule t c log level warn
r nft add rule t c log flags tcp sequence,options
r nft add rule t c log group 3 prefix x
r nft add rule t c log flags skuid flags ip options
r nft add rule t c limit rate 10/minute burst 7 packets accept
r nft add rule t c limit rate over 10/second drop
r nft add rule t c limit rate 1 mbytes/second accept
r nft add rule t c limit rate 10 kbytes/second burst 20 kbytes accept
r nft add rule t c limit rate 5/hour accept
r nft add rule t c reject
r nft add rule t c reject with icmp type host-unreachable
r nft add rule t c reject with icmp host-unreachable
r nft add rule t c tcp dport 22 reject with tcp reset
r nft add rule t c reject with tcp reset
r nft add rule t c reject with icmpx type port-unreachable
r nft add rule t c counter
r nft add rule t c counter drop comment '"a comment"'
r nft add rule t c quota 25 mbytes drop
r nft add rule t c tcp flags syn accept
r nft add rule t c tcp flags '&' '(fin|syn|rst|ack)' == syn accept
r nft add rule t c tcp flags '& (fin | syn) == (fin | syn) drop'
r nft add rule t c tcp flags syn,ack accept
r nft add rule t c 'tcp flags == syn accept'
r nft add rule t c 'tcp flags != syn accept'
r nft add rule t c 'tcp flags syn / fin,syn,rst,ack accept'
r nft add rule t c 'tcp flags & (syn|ack) == syn|ack accept'
r nft add rule t c ip ttl 64 accept
r nft add rule t c 'ip ttl < 5 drop'
r nft add rule t c 'ip ttl >= 5 accept'
r nft add rule t c ip dscp cs1 accept
r nft add rule t c ip dscp 0x20 accept
r nft add rule t c ip length 100-200 accept
r nft add rule t c ip id 5
r nft add rule t c 'ip frag-off & 0x1fff != 0 drop'
r nft add rule t c ip version 4 accept
r nft add rule t c meta length '>' 100
r nft add rule t c meta pkttype broadcast drop
r nft add rule t c meta skuid 0 accept
r nft add rule t c meta nfproto ipv4 accept
r nft add rule t c meta iiftype ether
r nft add rule t c meta priority 5
r nft add rule t c meta cpu 0
r nft add rule t c fib saddr type local accept
r nft add rule t c fib daddr type '{ local, broadcast }' accept
r nft add rule t c fib saddr . iif oif missing drop
r nft add rule t c rt nexthop 1.2.3.4
r nft add rule t c numgen random mod 2 == 0 accept
r nft add rule t c tcp option maxseg size 1000
r nft add rule t c tcp option maxseg size set 1400
r nft add rule t c ether saddr 00:11:22:33:44:55 accept
r nft add rule t c vlan id 5
r nft add rule t c arp operation request
r nft add rule t c ip6 saddr ::1 drop
r nft add rule t c th dport 53 accept
r nft add rule t c notrack
r nft add rule t c @th,16,16 53 accept
r nft add rule t c ip daddr 1.2.3.4 tcp dport 80 counter accept
r nft add rule t c ip daddr . tcp dport '{ 1.2.3.4 . 80, 1.2.3.5 . 81 }' accept
r nft add rule t c ip saddr vmap '{ 1.2.3.4 : accept, 10.0.0.0/8 : drop }'
r nft add rule t c tcp dport vmap '{ 22 : jump u, 80 : accept }'
r nft add rule t pre tcp dport 80 dnat to 10.0.0.2:8080
r nft add rule t pre tcp dport 81 dnat 10.0.0.2
r nft add rule t pre udp dport 53 dnat to 10.0.0.2-10.0.0.5:53-60 random,persistent
r nft add rule t pre tcp dport 82 redirect to :3128
r nft add rule t pre tcp dport 83 redirect
r nft add rule t pre dnat to tcp dport map '{ 80 : 1.2.3.4, 81 : 1.2.3.5 }'
r nft add rule t post oifname eth0 masquerade
r nft add rule t post masquerade random,fully-random
r nft add rule t post masquerade to :1024-2048
r nft add rule t post masquerade fully-random
r nft add rule t post ip saddr 10.0.0.0/8 snat to 1.2.3.4
r nft add rule t post snat to 1.2.3.4-1.2.3.9 persistent
r nft add rule t post dnat to 1.2.3.4
r nft add rule t pre masquerade
r nft add rule t c masquerade
r nft add rule t on redirect to :80
r nft list ruleset
r nft -a -n list ruleset
