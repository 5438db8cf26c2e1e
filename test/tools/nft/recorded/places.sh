r() { echo "\$ $*"; "$@" 2>&1; echo "[$?]"; }
f() { echo "\$ nft -f - <<'X'"; cat > in.nft; cat in.nft; echo X; nft -f - < in.nft 2>&1; echo "[$?]"; }
nft add table ip t; nft add chain ip t c '{ type filter hook input priority 0; }'; nft add chain ip t u
r nft add rule ip t c tcp dport 1 accept
r nft add rule ip t c tcp dport 2 accept
r nft insert rule ip t c tcp dport 3 accept
r nft -a list table ip t
r nft add rule ip t c position 4 tcp dport 4 accept
r nft insert rule ip t c position 4 tcp dport 5 accept
r nft add rule ip t c index 0 tcp dport 6 accept
r nft insert rule ip t c index 1 tcp dport 7 accept
r nft add rule ip t c handle 4 tcp dport 8 accept
r nft replace rule ip t c handle 4 tcp dport 9 counter drop
r nft delete rule ip t c handle 3
r nft -a list table ip t
r nft rename chain ip t u v
r nft add rule ip t c jump v
r nft delete chain ip t v
r nft rename chain ip t v w
r nft list table ip t
r nft flush chain ip t c
r nft list table ip t
r nft delete chain ip t w
r nft delete chain ip t c
r nft list table ip t
r nft add chain ip t c2 '{ type filter hook input priority 0; policy drop; }'
r nft add rule ip t c2 counter
r nft flush table ip t
r nft list table ip t
r nft -a list chains
r nft delete chain ip t handle 9
r nft delete table ip handle 1
r nft list ruleset
r nft add table ip a '{ flags dormant; }'
r nft add table ip b '{ comment "hello"; }'
r nft list ruleset
r nft add chain ip b c '{ type filter hook input priority 0; comment "chain c"; }'
r nft list ruleset
r nft -s list ruleset
r nft add rule ip b c counter comment '"x y"'
r nft -e -a add rule ip b c counter accept
r nft -e insert rule ip b c tcp dport 5 drop
r nft -c add rule ip b c drop
r nft -o list ruleset
