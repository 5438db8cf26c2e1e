i() { iptables "$@" || echo "fail: $*"; }
i -A FORWARD -p tcp -m multiport --dports 5
i -A FORWARD -p tcp -m multiport ! --dports 5,6
i -A FORWARD -p udp -m multiport --ports 53
i -A FORWARD -m hashlimit --hashlimit-above 5/min --hashlimit-burst 3 --hashlimit-mode dstip,srcport --hashlimit-name h2 -p tcp
i -A FORWARD -m hashlimit --hashlimit-upto 5/hour --hashlimit-mode srcip,dstip --hashlimit-srcmask 24 --hashlimit-htable-expire 1000 --hashlimit-name h3
i -A FORWARD -m connbytes --connbytes 100:200 --connbytes-dir original --connbytes-mode packets
i -A FORWARD -m connbytes ! --connbytes 100 --connbytes-dir reply --connbytes-mode avgpkt
i -A FORWARD -m connbytes --connbytes :100 --connbytes-dir both --connbytes-mode bytes
i -A FORWARD -m time --timestart 10:00 --timestop 12:00 --weekdays Mon,Tue
i -A FORWARD -m time --datestart 2026-01-01T10:00 --kerneltz
i -A FORWARD -p tcp -m ecn ! --ecn-tcp-ece
i -A FORWARD -m ecn --ecn-ip-ect 2
i -A FORWARD -p sctp --sport 5:6 ! --dport 7
i -A FORWARD -p sctp -m sctp --chunk-types any DATA
i -A FORWARD -m rpfilter
i -t raw -A PREROUTING -m rpfilter --loose --invert
i -t raw -A PREROUTING -m rpfilter
i -A FORWARD -p icmp --icmp-type any
i -A FORWARD -p icmp ! --icmp-type echo-reply
i -A FORWARD -p icmp --icmp-type destination-unreachable
i -A FORWARD -p icmp --icmp-type 13
i -A FORWARD -m conntrack --ctstate SNAT,NEW
i -A FORWARD -m conntrack --ctstatus NONE
i -A FORWARD -m conntrack --ctstatus EXPECTED,CONFIRMED
i -A FORWARD -m conntrack --ctexpire 10:20
i -A FORWARD -m conntrack --ctorigsrc 10.0.0.0/8 --ctreplsrcport 5:7 --ctdir REPLY
i -A FORWARD -m conntrack ! --ctproto udp
i -A FORWARD -m state ! --state NEW
i -A FORWARD -m addrtype --src-type LOCAL,UNICAST ! --dst-type BROADCAST
i -A INPUT -m addrtype --src-type LOCAL --limit-iface-in
i -A FORWARD -m iprange ! --src-range 1.1.1.1-1.1.1.9 --dst-range 2.2.2.2-2.2.2.3
i -A FORWARD -m mac ! --mac-source 00:11:22:33:44:55
i -A FORWARD -m length ! --length 100
i -A FORWARD -m length --length 100:
i -A FORWARD -m ttl --ttl-gt 5
i -A FORWARD -m ttl ! --ttl-eq 5
i -A FORWARD -m dscp ! --dscp-class AF11
i -A FORWARD -m tos ! --tos 0x10/0x3f
i -A FORWARD -m pkttype ! --pkt-type multicast
i -A FORWARD -m statistic ! --mode random --probability 0.25
i -A FORWARD -m statistic --mode nth --every 4 --packet 2
i -A FORWARD -m mark ! --mark 4/0xf0
i -A FORWARD -m limit --limit 3/hour --limit-burst 9
i -A FORWARD -m quota ! --quota 5000
i -A FORWARD -p tcp -m tcpmss ! --mss 500
i -A FORWARD -p tcp ! --tcp-option 5
i -A FORWARD -m cpu --cpu 1
i -A FORWARD -m devgroup --src-group 3
i -A FORWARD -m realm --realm 3
i -A FORWARD -p esp -m esp --espspi 5:6
i -A FORWARD -p ah -m ah --ahspi 7
i -A FORWARD -p dccp --dport 5
i -A FORWARD -m u32 --u32 "0=1"
i -A FORWARD -m socket
i -A OUTPUT -m owner --gid-owner 5
i -A OUTPUT -m owner ! --uid-owner 5-9
i -A OUTPUT -m owner --socket-exists
i -A FORWARD -m cgroup --cgroup 5
i -A FORWARD -p tcp --dport 1:65535
i -A FORWARD -p tcp ! --dport 80:
i -A FORWARD -p tcp --tcp-flags ALL NONE
i -A FORWARD -p tcp --tcp-flags ALL ALL
i -A FORWARD -p tcp -m tcp
i -A FORWARD -p tcp -m comment --comment x -j ACCEPT
i -A FORWARD -j LOG --log-level crit --log-uid --log-ip-options --log-tcp-sequence
i -A FORWARD -j LOG --log-prefix "a b" --log-macdecode --log-tcp-sequence --log-tcp-options --log-ip-options --log-uid
i -A FORWARD -j NFLOG
i -A FORWARD -j NFLOG --nflog-prefix p --nflog-size 30 --nflog-threshold 4
i -A FORWARD -j REJECT --reject-with icmp-net-unreachable
i -A FORWARD -j REJECT --reject-with icmp-proto-unreachable
i -A FORWARD -j REJECT --reject-with icmp-admin-prohibited
i -t mangle -A FORWARD -j MARK --xor-mark 4
i -t mangle -A FORWARD -j MARK --set-mark 4/0xf
i -t mangle -A FORWARD -j CONNMARK --set-xmark 4/0xf
i -t mangle -A FORWARD -j CONNMARK --save-mark --nfmask 0xf --ctmask 0xff
i -t mangle -A FORWARD -j CONNMARK --and-mark 3
i -t mangle -A FORWARD -j TOS --or-tos 4
i -t mangle -A FORWARD -j DSCP --set-dscp-class cs3
i -t mangle -A FORWARD -j TTL --ttl-dec 1
i -t mangle -A FORWARD -j TTL --ttl-inc 1
i -t mangle -A FORWARD -j CLASSIFY --set-class 1:2
i -t mangle -A FORWARD -j CHECKSUM --checksum-fill
i -t mangle -A PREROUTING -j TRACE
i -t raw -A PREROUTING -p tcp -j CT --helper ftp
i -t raw -A PREROUTING -p tcp -j CT --notrack
i -t raw -A PREROUTING -j TRACE
i -t nat -A PREROUTING -p tcp -j DNAT --to-destination 1.2.3.4-1.2.3.9 --random
i -t nat -A PREROUTING -p tcp -j DNAT --to-destination :80
i -t nat -A PREROUTING -p tcp -j DNAT --to-destination 1.2.3.4:80-90/80
i -t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 80-90 --random
i -t nat -A POSTROUTING -j MASQUERADE --random-fully
i -t nat -A POSTROUTING -p tcp -j MASQUERADE --to-ports 5
i -t nat -A POSTROUTING -j SNAT --to-source 1.2.3.4 --random-fully --persistent
nft list ruleset 2>&1
