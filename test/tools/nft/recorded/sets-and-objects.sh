r() { echo "\$ $*"; "$@" 2>&1; echo "[$?]"; }
f() { echo "\$ nft -f - <<'X'"; cat > in.nft; cat in.nft; echo X; nft -f - < in.nft 2>&1; echo "[$?]"; }
nft add table ip t; nft add chain ip t c '{ type filter hook input priority 0; }'; nft add chain ip t u
r nft add set ip t s '{ type ipv4_addr; }'
r nft add set ip t s '{ type inet_service; }'
r nft create set ip t s '{ type ipv4_addr; }'
r nft add element ip t s '{ 1.2.3.4, 5.6.7.8 }'
r nft add element ip t s '{ 1.2.3.4 }'
r nft create element ip t s '{ 1.2.3.4 }'
r nft add element ip t s '{ 10.0.0.0/8 }'
r nft list set ip t s
r nft delete element ip t s '{ 1.2.3.4 }'
r nft delete element ip t s '{ 1.2.3.4 }'
r nft get element ip t s '{ 5.6.7.8 }'
r nft get element ip t s '{ 9.9.9.9 }'
r nft add set ip t iv '{ type ipv4_addr; flags interval; }'
r nft add element ip t iv '{ 10.0.0.0/8, 192.168.1.1-192.168.1.9, 1.1.1.1 }'
r nft add element ip t iv '{ 10.1.0.0/16 }'
r nft list set ip t iv
r nft add set ip t am '{ type ipv4_addr; flags interval; auto-merge; elements = { 10.0.0.0/8, 10.1.0.0/16, 11.0.0.0/8 } }'
r nft list set ip t am
r nft add set ip t to '{ type ipv4_addr; flags timeout; timeout 1h; size 100; }'
r nft add element ip t to '{ 1.1.1.1 timeout 30s, 2.2.2.2 }'
r nft add set ip t svc '{ type inet_service; flags constant; elements = { 22, 80, 443 }; }'
r nft add set ip t svc2 '{ type inet_service; flags interval; elements = { 22, 1000-2000, 80-443 }; }'
r nft add set ip t ifs '{ type ifname; elements = { "eth0", "veth1" }; }'
r nft add set ip t pr '{ type inet_proto; elements = { tcp, udp }; }'
r nft add set ip t mk '{ type mark; elements = { 1, 0x20 }; }'
r nft add set ip t mac '{ type ether_addr; elements = { 00:11:22:33:44:55 }; }'
r nft add set ip t cc '{ type ipv4_addr . inet_service; elements = { 1.2.3.4 . 80, 1.2.3.4 . 443 }; }'
r nft add set ip t ci '{ type ipv4_addr . inet_service; flags interval; elements = { 1.2.3.0/24 . 80-90 }; }'
r nft add set ip t ty '{ typeof ip saddr; elements = { 1.2.3.4 }; }'
r nft add set ip t cn '{ type ipv4_addr; counter; elements = { 1.2.3.4 }; }'
r nft add set ip t cm '{ type ipv4_addr; comment "a set"; elements = { 1.2.3.4 comment "an element" }; }'
r nft add set ip t bad '{ type foo; }'
r nft add set ip t bad2 '{ flags interval; }'
r nft add rule ip t c ip saddr @s drop
r nft add rule ip t c ip saddr != @iv counter accept
r nft add rule ip t c ip saddr . tcp dport @cc accept
r nft add rule ip t c tcp dport @s accept
r nft add rule ip t c tcp dport @svc2 accept
r nft add rule ip t c iifname @ifs accept
r nft delete set ip t s
r nft add map ip t m '{ type inet_service : ipv4_addr; elements = { 80 : 1.2.3.4, 81 : 1.2.3.5 }; }'
r nft add map ip t vm '{ type ipv4_addr : verdict; elements = { 1.2.3.4 : accept, 1.2.3.5 : jump u, 1.2.3.6 : drop }; }'
r nft add element ip t vm '{ 9.9.9.9 : goto u }'
r nft add rule ip t c ip saddr vmap @vm
r nft add map ip t mm '{ type ipv4_addr : mark; flags interval; elements = { 10.0.0.0/8 : 1, 11.0.0.0/8 : 0x2 }; }'
r nft add rule ip t c meta mark set ip saddr map @mm
r nft add chain ip t pre '{ type nat hook prerouting priority dstnat; }'
r nft add rule ip t pre dnat to tcp dport map @m
r nft list map ip t m
r nft list maps
r nft list sets
r nft list sets ip
r nft list set ip t nosuch
r nft list map ip t s
r nft list set ip t vm
r nft flush set ip t svc2
r nft flush map ip t m
r nft list ruleset
r nft -a list ruleset
r nft -s list ruleset
r nft delete map ip t vm
r nft delete set ip t nosuch
r nft add counter ip t cnt
r nft add counter ip t cnt2 '{ packets 5 bytes 10 }'
r nft add quota ip t q '{ over 20 mbytes }'
r nft add rule ip t c counter name cnt
r nft add rule ip t c counter name nosuch
r nft list counters
r nft list counter ip t cnt
r nft reset counter ip t cnt2
r nft list counter ip t cnt2
r nft delete counter ip t cnt
r nft list quotas
r nft add limit ip t l '{ rate 5/second }'
r nft list limits
r nft add ct helper ip t ftp '{ type "ftp" protocol tcp; }'
r nft add rule ip t c tcp dport 21 ct helper set '"ftp"'
r nft list ct helpers
r nft list ct helpers table ip t
r nft list flowtables
r nft list meters
r nft list table ip t
