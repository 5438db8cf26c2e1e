r() { echo "\$ $*"; "$@" 2>&1; echo "[$?]"; }
nft add table ip t; nft add chain ip t input; nft add chain ip t output; nft add table ip filter; nft add set ip t blocked '{ type ipv4_addr; }'; nft add chain ip t c; nft add chain ip t in; nft add rule ip t input counter
r nft delete chain ip t inptu
r nft delete chain ip t q
r nft delete chain ip t outpu
r nft flush chain ip t outpu
r nft add rule ip t inptu accept
r nft list chain ip t inptu
r nft list chain ip t2 input
r nft list table ip fliter
r nft delete table ip fliter
r nft delete table ip tt
r nft add rule ip fliter input accept
r nft add rule ip t input jump outptu
r nft add rule ip t input ip saddr @blokced drop
r nft list set ip t blokced
r nft delete set ip t blokced
r nft flush set ip t blokced
r nft add element ip t blokced '{ 1.1.1.1 }'
r nft delete rule ip t input handle 77
r nft delete rule ip t inptu handle 77
r nft insert rule ip t input position 99 accept
r nft add rule ip t input index 9 accept
r nft add rule ip t input handle 99 accept
r nft replace rule ip t input handle 99 accept
r nft add chain ip fliter x
r nft rename chain ip t inptu x
r nft rename chain ip t input output
r nft add set ip fliter x '{ type ipv4_addr; }'
r nft add counter ip fliter x
r nft list counter ip t x
r nft delete counter ip t x
r nft add rule ip t input counter name x
r nft add rule ip t input counter name inptu
r nft create chain ip t input
r nft create rule ip t input accept
r nft delete element ip t blocked '{ 1.1.1.1 }'
r nft add rule ip t input tcp dport vmap @nosuch
r nft add rule ip t input meta mark set ip saddr map @nosuch
r nft add rule ip t input ip saddr vmap @blocked
r nft add rule ip t input tcp dport map @blocked
r nft add rule ip t input ip saddr . tcp dport 1.2.3.4 . 80 accept
r nft add rule ip t input ip saddr 10.0.0.0-10.0.0.255 accept
r nft add rule ip t input tcp dport '{ 8-15, 22 }' accept
r nft add rule ip t input tcp dport '{ 1, 1, 2 }' accept
r nft add rule ip t input ip saddr '{ 10.0.0.0/8, 10.1.0.0/16 }' accept
r nft add rule ip t input ip saddr '{ 10.0.0.0/24, 10.0.1.0/24 }' accept
r nft add rule ip t input ip saddr '&' 255.255.255.0 == 10.0.0.0 accept
r nft add rule ip t input ip saddr 0.0.0.0/0 accept
r nft add rule ip t input ip saddr '{ 0.0.0.0/0 }' accept
r nft add rule ip t input ip daddr 224.0.0.0/4 drop
r nft add rule ip t input ip protocol vmap '{ tcp : jump output, udp : accept, icmp : drop }'
r nft add rule ip t input ct state ! new accept
r nft add rule ip t input ct state != new accept
r nft add rule ip t input ct state '!= { new, established }' accept
r nft add rule ip t input tcp flags '! syn' drop
r nft add rule ip t input tcp flags '{ syn, ack }' accept
r nft add rule ip t input tcp flags '& syn == 0' accept
r nft add rule ip t input tcp flags '& syn != 0' accept
r nft add rule ip t input 'tcp flags & (fin|syn|rst|psh|ack|urg) == 0x0' drop
r nft add rule ip t input 'tcp flags & (fin|syn|rst|psh|ack|urg) == fin|psh|urg' drop
r nft add rule ip t input iifname '{ "eth*", lo }' accept
r nft add rule ip t input iifname lo
r nft add rule ip t input iif '{ lo }' accept
r nft add rule ip t input meta mark '!= 0' accept
r nft add rule ip t input meta mark '{ 1, 2 }' accept
r nft add rule ip t input mark set 5
r nft add rule ip t input ct mark set mark
r nft add rule ip t input meta mark set ct mark and 0xff
r nft add rule ip t input 'meta mark set meta mark & 0xffff0000 | 0x1'
r nft add rule ip t input ip ttl set 5
r nft add rule ip t input ip dscp set cs1
r nft add rule ip t input tcp dport set 80
r nft add rule ip t input ip saddr set 1.2.3.4
r nft add rule ip t input update @blocked '{ ip saddr }'
r nft add rule ip t input add @blocked '{ ip saddr timeout 5s }'
r nft add rule ip t input tcp dport 22 ct state new limit rate 5/minute add @blocked '{ ip saddr }' accept
r nft add rule ip t input icmp type 8 icmp id 5 accept
r nft add rule ip t input icmp code '{ 1, 2 }'
r nft add rule ip t input udp length 8-100 accept
r nft add rule ip t input sctp dport 5 accept
r nft add rule ip t input esp spi 5
r nft add rule ip t input ah spi 5
r nft add rule ip t input dccp dport 5
r nft add rule ip t input udplite dport 5
r nft add rule ip t input tcp sequence 0 tcp ackseq 5 tcp window 100 tcp doff 5
r nft add rule ip t input ether type ip
r nft add rule ip t input meta protocol ip accept
r nft add rule ip t input meta skuid root accept
r nft add rule ip t input meta skgid 5
r nft add rule ip t input meta nftrace set 1
r nft add rule ip t input meta priority set 1:5
r nft add rule ip t input meta pkttype set host
r nft add rule ip t input meta random '<' 5
r nft add rule ip t input meta iifgroup default
r nft add rule ip t input ct expiration '>' 30s
r nft add rule ip t input ct zone 5
r nft add rule ip t input ct bytes '>' 1000
r nft add rule ip t input ct original packets '>' 10
r nft add rule ip t input ct reply ip daddr 1.2.3.4
r nft add rule ip t input ct status snat,dnat accept
r nft add rule ip t input ct status assured
r nft add rule ip t input ct direction reply
r nft add rule ip t input ct l3proto ipv4
r nft add rule ip t input ct helper '"ftp"'
r nft add rule ip t input ct id 5
r nft add rule ip t input rt mtu 1400
r nft add rule ip t input numgen inc mod 3 vmap '{ 0 : accept, 1 : drop }'
r nft add rule ip t input quota over 5 kbytes drop
r nft add rule ip t input quota until 5 bytes used 3 bytes
r nft add rule ip t input limit rate 400/day
r nft add rule ip t input limit rate over 1024 bytes/second
r nft add rule ip t input limit rate 5/second burst 5 packets
r nft add rule ip t input log prefix '"a b"' group 2 snaplen 64 queue-threshold 3
r nft add rule ip t input log group 0
r nft add rule ip t input log level emerg
r nft add rule ip t input counter packets 3
r nft add rule ip t input counter packets 3 bytes 4 comment '"long"'
r nft add rule ip t input reject with icmp 5
r nft add rule ip t input reject with icmp type net-prohibited
r nft add rule ip t input reject with icmp type foo
r nft add rule ip t input comment '"only"'
r nft add rule ip t input counter comment noquotes
r nft -a list chain ip t input
r nft list set ip t blocked
