r() { echo "\$ $*"; "$@" 2>&1; echo "[$?]"; }
f() { echo "\$ nft -f - <<'X'"; cat > in.nft; cat in.nft; echo X; nft -f - < in.nft 2>&1; echo "[$?]"; }
r nft list ruleset
r nft add table ip t
r nft add table t
r nft create table ip t
r nft create table inet t
r nft list tables
r nft list tables ip
r nft list tables inet
r nft add chain ip t c
r nft add chain ip t c
r nft create chain ip t c
r nft add chain ip t in '{ type filter hook input priority 0; }'
r nft add chain ip t out '{ type filter hook output priority filter; policy drop; }'
r nft add chain ip t out '{ policy accept; }'
r nft add chain ip t pre '{ type nat hook prerouting priority dstnat; }'
r nft add chain ip t post '{ type nat hook postrouting priority srcnat + 10; }'
r nft add chain ip t mg '{ type route hook output priority mangle; }'
r nft add chain ip t raw '{ type filter hook prerouting priority raw; }'
r nft add chain ip t odd '{ type filter hook forward priority -7; }'
r nft add chain ip t odd2 '{ type filter hook forward priority filter - 7 ; policy accept; }'
r nft add chain inet t fw '{ type filter hook forward priority security; }'
r nft list chains
r nft list chains ip
r nft list table ip t
r nft -a list table ip t
r nft -n list table ip t
r nft list chain ip t out
r nft list chain ip t nosuch
r nft list table ip nosuch
r nft list table nosuch
r nft delete chain ip t c
r nft delete chain ip t c
r nft delete table ip t
r nft delete table ip t
r nft flush ruleset
r nft list ruleset
