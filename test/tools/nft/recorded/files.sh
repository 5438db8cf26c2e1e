r() { echo "\$ $*"; "$@" 2>&1; echo "[$?]"; }
f() { echo "\$ nft -f - <<'X'"; cat > in.nft; cat in.nft; echo X; nft -f - < in.nft 2>&1; echo "[$?]"; }
f <<'X'
flush ruleset

define lan = 10.1.0.0/24
define ports = { 22, 80 }

table inet filter {
	set blocked {
		type ipv4_addr
		flags interval
		elements = { 192.0.2.0/24, 198.51.100.7 }
	}

	chain input {
		type filter hook input priority filter; policy drop;
		ct state vmap { established : accept, related : accept, invalid : drop }
		iif "lo" accept
		ip saddr @blocked drop
		ip saddr $lan tcp dport $ports accept # comment
		meta l4proto { icmp, ipv6-icmp } accept
		ip protocol igmp drop
		meta nfproto ipv4 udp dport 53 accept
		jump extra
	}

	chain extra {
		tcp dport 8000-8010 counter reject with tcp reset
		reject with icmpx type admin-prohibited
	}

	chain forward {
		type filter hook forward priority 0; policy accept;
	}
}
table ip nat {
	chain prerouting {
		type nat hook prerouting priority -100;
		iifname "wan0" tcp dport { 80, 443 } dnat to 10.1.0.2
	}
	chain postrouting {
		type nat hook postrouting priority 100;
		oifname "wan0" masquerade
	}
}
X
r nft list ruleset
r nft -n list ruleset
nft list ruleset > saved.nft
r nft -f saved.nft
r nft -a list table inet filter
(echo "flush ruleset"; cat saved.nft) > s2.nft
r nft -f s2.nft
r nft list ruleset
f <<'X'
add table ip x
add chain ip x y { type filter hook input priority 0; }
add rule ip x y tcp dport 22 accept; add rule ip x y drop
add rule ip x nosuch drop
X
r nft list tables
f <<'X'
table ip x {
	chain y {
		tcp dport 22 accept
		tcp dprt 23 accept
		ip saddr 1.2.3.4 foo
	}
}
X
f <<'X'
table ip x {
	chain y {
		tcp dport 22 accept
X
f <<'X'
table ip x {
	chain y {
		type filter hook input priority 0; policy accept;
		ip saddr $nosuch drop
	}
}
X
f <<'X'
define a = 5
redefine a = 6
undefine a
add table ip x
delete table ip x
X
f <<'X'
include "nosuch.nft"
X
echo 'add table ip incl' > i.nft
f <<'X'
include "./i.nft"
list tables
X
f <<'X'
table ip x {
	chain y { tcp dport { 1, 2, 3,
		4, 5 } accept; }
	chain z {
		tcp dport 1 \
		accept
	}
}
X
r nft list table ip x
f <<'X'
delete table ip nosuch
X
r nft list table ip x
f <<'X'
X
f <<'X'
# only a comment
X
f <<'X'
table ip x {
	chain y {
		type filter hook input priority 0
		tcp dport 22 accept
	}
}
X
r nft list table ip x
