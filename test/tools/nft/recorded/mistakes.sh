r() { echo "\$ $*"; "$@" 2>&1; echo "[$?]"; }
f() { echo "\$ nft -f - <<'X'"; cat > in.nft; cat in.nft; echo X; nft -f - < in.nft 2>&1; echo "[$?]"; }
nft add table ip t; nft add chain ip t c '{ type filter hook input priority 0; }'; nft add chain ip t u
r nft add rule ip t
r nft add rule ip t c
r nft add rule ip t nosuch accept
r nft add rule ip nosuch c accept
r nft add rule ip t c jump nosuch
r nft add rule ip t c foo
r nft add rule ip t c tcp dport
r nft add rule ip t c tcp dport 70000
r nft add rule ip t c tcp dport nosuchservice accept
r nft add rule ip t c tcp foo 5
r nft add rule ip t c ip saddr 1.2.3
r nft add rule ip t c ip saddr 1.2.3.400 accept
r nft add rule ip t c ip saddr nosuch.example accept
r nft add rule ip t c ip saddr 10.0.0.0/33 accept
r nft add rule ip t c accept drop
r nft add rule ip t c accept counter
r nft add rule ip t c jump c
r nft add rule ip t u jump u
r nft add rule ip t c udp dport 53 tcp dport 53 accept
r nft add rule ip t c icmp type echo-request tcp dport 5
r nft add rule ip t c ct state foo accept
r nft add rule ip t c ct foo accept
r nft add rule ip t c meta foo accept
r nft add rule ip t c log level foo
r nft add rule ip t c limit rate 5
r nft add rule ip t c limit rate 5/fortnight
r nft add rule ip t c reject with foo
r nft add rule ip t c dnat to 1.2.3.4
r nft add rule ip t c tcp dport @nosuch accept
r nft add rule ip t c tcp dport 25-22 accept
r nft add rule ip t c iifname averyveryverylonginterface accept
r nft add chain ip t x '{ type filter hook foo priority 0; }'
r nft add chain ip t x '{ type foo hook input priority 0; }'
r nft add chain ip t x '{ type filter hook input priority foo; }'
r nft add chain ip t x '{ type nat hook forward priority 0; }'
r nft add chain ip t x '{ type filter hook input; }'
r nft add chain ip t x '{ type nat hook prerouting priority -300; }'
r nft add chain ip t x '{ type filter hook input priority 0; policy foo; }'
r nft add chain ip t c '{ type filter hook output priority 0; }'
r nft add chain ip nosuch x
r nft add chain ip t y '{ type route hook input priority 0; }'
r nft add table foo t
r nft add foo
r nft foo
r nft
r nft add
r nft list
r nft list foo
r nft delete
r nft delete rule ip t c
r nft delete rule ip t c handle 99
r nft delete rule ip t c tcp dport 22
r nft delete chain ip t c
r nft delete chain ip nosuch c
r nft flush chain ip t nosuch
r nft flush table ip nosuch
r nft flush foo
r nft insert rule ip t c position 99 accept
r nft add rule ip t c position 99 accept
r nft add rule ip t c handle 99 accept
r nft add rule ip t c index 99 accept
r nft replace rule ip t c handle 99 accept
r nft replace rule ip t c accept
r nft rename chain ip t nosuch y
r nft rename chain ip t c u
r nft destroy table ip t
r nft -f /nonexistent
r nft -x
r nft --foo
r nft -h
r nft --help
r nft -v
r nft -V
r nft -c add table ip z
r nft -e add table ip z
r nft -a -e add rule ip t c accept
r nft list ruleset
