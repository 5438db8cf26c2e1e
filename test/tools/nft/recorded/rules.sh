r() { echo "\$ $*"; "$@" 2>&1; echo "[$?]"; }
f() { echo "\$ nft -f - <<'X'"; cat > in.nft; cat in.nft; echo X; nft -f - < in.nft 2>&1; echo "[$?]"; }
nft add table ip t; nft add chain ip t c '{ type filter hook input priority 0; }'; nft add chain ip t u; nft add chain ip t fw '{ type filter hook forward priority 0; }'
r nft add rule ip t c tcp dport 22 accept
r nft add rule t c tcp dport 22-25 drop
r nft add rule t c tcp dport ssh counter accept
r nft add rule t c tcp dport '{ 22, 80, 443 }' accept
r nft add rule t c tcp dport != 22 drop
r nft add rule t c tcp sport '!=' '{ 1-10, 20 }' counter drop
r nft add rule t c udp dport 53 counter
r nft add rule t c ip saddr 10.0.0.0/8 ip daddr 1.2.3.4 drop
r nft add rule t c ip saddr 10.0.0.1-10.0.0.9 accept
r nft add rule t c ip saddr '{ 10.0.0.0/8, 192.168.0.0/16, 1.2.3.4 }' accept
r nft add rule t c ip protocol icmp accept
r nft add rule t c ip protocol tcp tcp dport 80 accept
r nft add rule t c meta l4proto tcp accept
r nft add rule t c meta l4proto '{ tcp, udp }' accept
r nft add rule t c meta l4proto tcp tcp dport 22 accept
r nft add rule t c icmp type echo-request accept
r nft add rule t c icmp type '{ echo-request, echo-reply }' limit rate 5/second accept
r nft add rule t c icmp code 3 drop
r nft add rule t c icmp type destination-unreachable icmp code port-unreachable drop
r nft add rule t c iifname eth0 accept
r nft add rule t c iifname '"eth*"' accept
r nft add rule t c iif lo accept
r nft add rule t c iif nosuch accept
r nft add rule t fw oifname != '"eth0"' drop
r nft add rule t fw iifname '{ "a", "b" }' oifname c jump u
r nft add rule t fw goto u
r nft add rule t u return
r nft add rule t u continue
r nft add rule t fw ct state established,related accept
r nft add rule t fw ct state '{ established, related }' accept
r nft add rule t fw ct state invalid drop
r nft add rule t fw ct state new,untracked counter packets 5 bytes 100 accept
r nft add rule t fw ct status dnat accept
r nft add rule t fw ct mark 5 accept
r nft add rule t fw ct mark set 6
r nft add rule t fw ct mark and 0xff == 0x10 accept
r nft add rule t fw meta mark 0x10 accept
r nft add rule t fw meta mark set 7
r nft add rule t fw meta mark set ct mark
r nft add rule t fw ct mark set meta mark
r nft add rule t fw meta mark set meta mark or 0x10
r nft add rule t fw ct direction original accept
r nft add rule t fw ct original ip saddr 1.2.3.4 accept
r nft add rule t fw ct original proto-dst 22 accept
r nft add rule t fw ct protocol tcp accept
r nft list ruleset
r nft -a list chain ip t fw
r nft -n list chain ip t c
r nft -nn list chain ip t c
r nft -N list chain ip t c
r nft -S list chain ip t c
r nft -y list table ip t
