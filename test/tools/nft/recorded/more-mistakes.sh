r() { echo "\$ $*"; "$@" 2>&1; echo "[$?]"; }
f() { cat > in.nft; echo "\$ nft -f in.nft"; nft -f in.nft 2>&1; echo "[$?]"; }
nft add table ip t; nft add chain ip t c '{ type filter hook input priority 0; }'; nft add chain inet x 2>/dev/null; nft add table inet i;  nft add chain inet i c '{ type filter hook input priority 0; }'
r nft add rule ip t c tcp dport 80,443 accept
r nft add rule ip t c tcp dport { 80, 443 accept
r nft add rule ip t c "tcp dport {80,443} accept"
r nft add rule ip t c tcp dport 80 accept extra
r nft add rule ip t c iifname
r nft add rule ip t c ct state
r nft add rule ip t c counter packets x
r nft add rule ip t c jump
r nft add rule ip t c log prefix
r nft add rule ip t c limit rate
r nft add rule ip t c limit rate 5/second burst
r nft add rule ip t c ip saddr 1.2.3.4/24
r nft add rule ip t c ip saddr 1.2.3.4-1.2.3.1
r nft add rule ip t c ip ttl 300
r nft add rule ip t c ip protocol 300
r nft add rule ip t c ip protocol foo
r nft add rule ip t c icmp type foo
r nft add rule ip t c meta mark 0xfffffffff
r nft add rule ip t c tcp flags foo
r nft add rule ip t c meta skuid nobody1
r nft add rule ip t c ip dscp 99
r nft add rule ip t c tcp dport ssh-http accept
r nft add rule ip t c tcp dport '"ssh"' accept
r nft add rule ip t c meta pkttype foo
r nft add rule ip t c tcp sport 1 udp sport 2
r nft add rule ip t c ip6 saddr ::1
r nft add rule ip t c tcp dport @c
r nft add rule ip t c ip saddr . tcp dport @c
r nft add set ip t s '{ type ipv4_addr . inet_service; }'
r nft add element ip t s '{ 1.2.3.4 }'
r nft add element ip t nosuch '{ 1 }'
r nft add rule ip t c ip saddr @s accept
r nft add rule ip t c ip saddr . tcp dport @s accept
r nft add rule ip t c ip saddr . tcp dport { 1.2.3.4 . 1-5 } accept
r nft add map ip t m '{ type ipv4_addr : verdict; }'
r nft add element ip t m '{ 1.2.3.4 }'
r nft add element ip t m '{ 1.2.3.4 : jump nosuch }'
r nft add element ip t m '{ 1.2.3.4 : foo }'
r nft add rule ip t c ip saddr @m accept
r nft add rule ip t c tcp dport vmap @m
r nft delete table t
r nft list chain t c
r nft delete set ip t
r nft delete set t s
r nft list table inet t
r nft flush table t
r nft list set ip t s
r nft add table inet t2 '{ flags foo; }'
r nft add chain ip t base '{ type filter hook input priority filter + 5 ; policy drop ; }'
r nft add chain ip t b2 '{ type filter hook input priority filter+5; }'
r nft add chain ip t b3 '{ type filter hook prerouting priority dstnat; }'
r nft add chain ip t b4 '{ type filter hook input priority dstnat; }'
r nft add chain ip t b5 '{ type nat hook input priority 100; }'
r nft add chain ip t b6 '{ type nat hook postrouting priority srcnat-1; }'
r nft add chain inet i b7 '{ type nat hook prerouting priority dstnat; }'
r nft add rule inet i b7 dnat to 1.2.3.4
r nft add rule inet i b7 dnat ip to 1.2.3.4
r nft add rule inet i b7 tcp dport 80 dnat ip to 1.2.3.4:80
r nft add rule inet i b7 tcp dport 80 redirect to :81
r nft add rule inet i b7 ip saddr 1.1.1.1 dnat to 1.2.3.4
r nft list chains ip
r nft list ruleset ip
r nft list ruleset inet
r nft flush ruleset ip
r nft list ruleset
r nft flush ruleset
r nft list ruleset
r nft 'table t { chain e { accept; }; }'
r nft list table t
