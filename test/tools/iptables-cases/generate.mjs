// Writes case files without answers: each extension with good and bad options, and random rules put together of them.
// Afterwards record.mjs asks the real program.  node generate.mjs && node record.mjs *.txt
import { writeFileSync } from "node:fs";

const MATCHES = {
  addrtype: ["--src-type LOCAL", "--dst-type LOCAL,BROADCAST", "! --dst-type LOCAL", "--src-type nope", "--limit-iface-in --dst-type UNICAST", "--limit-iface-out --limit-iface-in --dst-type LOCAL", "--src-type UNICAST --dst-type MULTICAST"],
  comment: ["--comment hello", "--comment 'two words'", "--comment a --comment b", "--comment ''", "! --comment x"],
  connbytes: ["--connbytes 10:20 --connbytes-dir both --connbytes-mode packets", "--connbytes 10 --connbytes-dir original --connbytes-mode bytes", "! --connbytes 10:20 --connbytes-dir reply --connbytes-mode avgpkt", "--connbytes 10", "--connbytes 20:10 --connbytes-dir both --connbytes-mode bytes", "--connbytes :10 --connbytes-dir both --connbytes-mode bytes", "--connbytes 1 --connbytes-dir up --connbytes-mode bytes"],
  connlimit: ["--connlimit-above 3", "--connlimit-upto 3 --connlimit-mask 24", "--connlimit-above 2 --connlimit-daddr", "--connlimit-above 2 --connlimit-saddr", "! --connlimit-above 2", "--connlimit-above 2 --connlimit-upto 3", "--connlimit-mask 24", "--connlimit-above 1 --connlimit-mask 33", "--connlimit-above 1 --connlimit-mask 255.255.0.0"],
  connmark: ["--mark 1", "--mark 0x10/0xff", "! --mark 5", "--mark x", "--mark 1 --mark 2"],
  conntrack: ["--ctstate NEW", "--ctstate RELATED,ESTABLISHED", "! --ctstate INVALID", "--ctstate foo", "--ctstate NEW,", "--ctstate snat,dnat", "--ctproto tcp", "--ctproto 17", "--ctorigsrc 1.2.3.4", "--ctorigdst 10.0.0.0/8", "! --ctreplsrc 10.1.0.0/16", "--ctrepldst 1.1.1.1/32", "--ctorigsrc nope", "--ctstatus ASSURED", "--ctstatus NONE", "--ctstatus EXPECTED,SEEN_REPLY,CONFIRMED", "--ctexpire 10", "--ctexpire 10:20", "--ctexpire :20", "! --ctexpire 10:", "--ctorigsrcport 80", "--ctorigdstport 80:90", "--ctreplsrcport http", "--ctrepldstport 1:", "--ctdir ORIGINAL", "--ctdir reply", "--ctdir x", "--ctstate NEW --ctdir ORIGINAL --ctproto udp", "--ctstate UNTRACKED", "--ctorigdstport 1:2:3"],
  cpu: ["--cpu 0", "! --cpu 1", "--cpu x"],
  devgroup: ["--src-group 1", "--dst-group 0x10/0xf0", "! --src-group 2"],
  dscp: ["--dscp 10", "--dscp 0x3f", "--dscp 64", "--dscp-class EF", "! --dscp-class AF41", "--dscp-class cs3", "--dscp-class zz", "--dscp 1 --dscp-class EF"],
  ecn: ["--ecn-ip-ect 1", "! --ecn-ip-ect 2", "--ecn-ip-ect 4"],
  hashlimit: ["--hashlimit-upto 10/sec --hashlimit-name a", "--hashlimit-above 10/minute --hashlimit-burst 7 --hashlimit-name b", "--hashlimit 3/hour --hashlimit-mode srcip --hashlimit-name c", "--hashlimit-above 5/day --hashlimit-mode srcip,dstip,srcport,dstport --hashlimit-name d", "--hashlimit-upto 1/s", "--hashlimit-name x", "--hashlimit-upto 10/s --hashlimit-srcmask 24 --hashlimit-mode srcip --hashlimit-name e", "--hashlimit-upto 10/s --hashlimit-dstmask 16 --hashlimit-mode dstip --hashlimit-htable-size 100 --hashlimit-htable-max 1000 --hashlimit-htable-expire 2000 --hashlimit-htable-gcinterval 500 --hashlimit-name f", "--hashlimit-upto 10kb/s --hashlimit-name g", "--hashlimit-above 1mb/s --hashlimit-burst 10mb --hashlimit-name h", "--hashlimit-upto x --hashlimit-name i", "--hashlimit-upto 1/s --hashlimit-mode foo --hashlimit-name j"],
  iprange: ["--src-range 10.0.0.1-10.0.0.9", "! --dst-range 10.0.0.1-10.0.0.9", "--src-range 10.0.0.1", "--src-range 10.0.0.9-10.0.0.1", "--src-range a-b", "--src-range 1.1.1.1-2.2.2.2 --dst-range 3.3.3.3-4.4.4.4"],
  length: ["--length 100", "--length 100:200", "! --length :99", "--length 70000", "--length 9:8", "--length 5:"],
  limit: ["--limit 5/minute", "--limit 1/s --limit-burst 20", "--limit 3/hour --limit-burst 5", "--limit 10/day", "--limit 7", "--limit 100000/s", "--limit 1/x", "--limit-burst 10", "--limit 59/minute", "--limit 200/min", "--limit 10000/s", "--limit 3/second --limit-burst 10001", "! --limit 5/s"],
  mac: ["--mac-source 02:42:ac:11:00:02", "! --mac-source 02:42:AC:11:00:02", "--mac-source x"],
  mark: ["--mark 1", "--mark 0x10/0xff", "! --mark 5", "--mark x", "--mark 0x1/0x0", "--mark 4294967296"],
  owner: ["--uid-owner 0", "--uid-owner root", "! --gid-owner 10-20", "--uid-owner nobodyhere", "--socket-exists", "! --socket-exists", "--uid-owner 5 --gid-owner 6", "--suppl-groups --gid-owner 3", "--uid-owner 20-10"],
  physdev: ["--physdev-in eth0", "! --physdev-out eth1", "--physdev-is-bridged", "--physdev-is-in", "! --physdev-is-out", "--physdev-in veth+", "--physdev-in eth0 --physdev-is-bridged", "--physdev-in averyveryverylongname"],
  pkttype: ["--pkt-type unicast", "--pkt-type broadcast", "! --pkt-type multicast", "--pkt-type host", "--pkt-type x"],
  quota: ["--quota 1000", "! --quota 5", "--quota x"],
  recent: ["--set", "--name ssh --set", "--name ssh --update --seconds 60 --hitcount 4", "--rcheck --name a", "--remove", "! --rcheck --name b", "--rcheck --rttl", "--set --seconds 10", "--update --seconds 60 --reap", "--rcheck --reap", "--name x", "--set --rsource", "--set --rdest --name d", "--set --mask 255.255.255.0 --name m", "--set --rcheck", "--rcheck --hitcount 300 --name many"],
  rpfilter: ["--loose", "--validmark --accept-local", "--invert", "--loose --invert"],
  state: ["--state NEW", "--state ESTABLISHED,RELATED", "! --state INVALID", "--state SNAT", "--state x"],
  statistic: ["--mode random --probability 0.5", "--mode nth --every 3", "--mode nth --every 3 --packet 1", "--mode nth --every 3 --packet 3", "--mode random", "--mode nth", "--mode x", "! --mode random --probability 0.3", "--mode random ! --probability 0.3", "--mode nth ! --every 5", "--mode random --probability 1.5", "--mode nth --every 0", "--mode random --probability 0.33333333"],
  string: ["--string abc --algo bm", "--string abc --algo kmp --from 10 --to 20", "! --string 'a b' --algo bm", "--hex-string '|0d0a|abc' --algo bm", "--string abc", "--algo bm", "--string abc --algo zz", "--string abc --algo bm --icase", "--hex-string '|zz|' --algo bm", "--string 'q\"x' --algo bm", "--hex-string 'ab|00|cd' --algo kmp"],
  tcpmss: ["--mss 1400", "--mss 500:1400", "! --mss 1460", "--mss x"],
  time: ["--timestart 08:00 --timestop 18:00", "--weekdays Mon,Tue", "! --weekdays Sat,Sun", "--monthdays 1,15", "--datestart 2026-01-01", "--datestart 2026-01-01T10:00:00 --datestop 2027-01-01", "--kerneltz", "--timestart 22:00 --timestop 06:00 --contiguous", "--weekdays 1,2,7", "--timestart 25:00", "--weekdays Foo", "--utc"],
  tos: ["--tos 0x10", "--tos 0x10/0x3f", "--tos Minimize-Delay", "! --tos 8", "--tos 256", "--tos foo"],
  ttl: ["--ttl-eq 64", "! --ttl-eq 64", "--ttl-lt 10", "--ttl-gt 10", "--ttl 5", "--ttl 256", "--ttl-lt 3 --ttl-gt 2"],
  multiport: ["-p tcp -m multiport --dports 80,443", "-p tcp -m multiport --sports 1:1024,http", "-p udp -m multiport --ports 53", "-p tcp -m multiport ! --dports 22", "-m multiport --dports 80", "-p icmp -m multiport --dports 80", "-p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", "-p tcp -m multiport --dports 80 --sports 90", "-p tcp -m multiport --dports 90:80", "-p tcp -m multiport --dports x", "! -p tcp -m multiport --dports 80"].map((t) => `=${t}`),
  tcp: ["-p tcp --dport 80", "-p tcp --sport 1024:", "-p tcp --dport :80", "-p tcp ! --dport :80", "-p tcp ! --dport 80", "-p tcp ! --sport 10:20", "-p tcp --dport 0:65535", "-p tcp ! --dport 0:65535", "-p tcp --dport http", "-p tcp --syn", "-p tcp ! --syn", "-p tcp --tcp-flags SYN,ACK SYN", "-p tcp --tcp-flags ALL NONE", "-p tcp ! --tcp-flags ALL ALL", "-p tcp --tcp-flags FOO SYN", "-p tcp --tcp-flags SYN", "-p tcp --tcp-option 8", "-p tcp ! --tcp-option 2", "-p tcp --tcp-option 0", "-p tcp --sport 5 --dport 6", "-p tcp ! --sport 5 ! --dport 6", "-p tcp -m tcp", "-p tcp -m tcp --dport 5 --dport 6", "-m tcp --dport 5", "-p udp -m tcp --dport 5", "-p tcp --dport 80:70", "-p 6 --dport 80", "-p TCP --dport 80", "-p tcp --dport ssh:http", "-p tcp --source-port 7 --destination-port 8", "-p tcp --dpo 9", "-p tcp --d 9", "-p tcp --sport 0", "-p tcp ! --dport 0", "-p tcp -m tcp -m tcp --dport 7"].map((t) => `=${t}`),
  udp: ["-p udp --dport 53", "-p udp --sport 67:68", "-p udp ! --dport :53", "-p udp -m udp", "-p udp --dport domain", "-m udp --dport 1", "-p udp --syn", "-p udp --dport 1 --sport 2", "-p 17 -m udp --dport 5"].map((t) => `=${t}`),
  icmp: ["-p icmp", "-p icmp --icmp-type 8", "-p icmp --icmp-type echo-request", "-p icmp --icmp-type 3/4", "-p icmp ! --icmp-type 0", "-p icmp --icmp-type any", "-p icmp --icmp-type foo", "-p icmp --icmp-type 300", "-p icmp --icmp-type 3/300", "-p icmp --icmp-type host", "-p icmp --icmp-type time-exceeded", "-p icmp -m icmp", "-m icmp --icmp-type 8", "-p icmp --icmp-type 8 --icmp-type 0", "-p icmp --icmp-type fragmentation-needed", "-p 1 --icmp-type pong", "-p icmp --icmp-type 255", "-p icmp --icmp-type 12/1", "-p icmp --icmp-type port-unreachable"].map((t) => `=${t}`),
  sctp: ["-p sctp --dport 5", "-p sctp --sport 5:6 ! --dport 7", "-p sctp --chunk-types all DATA,INIT", "-p sctp ! --chunk-types any INIT", "-p sctp --chunk-types only ALL", "-p sctp --chunk-types foo DATA", "-m sctp --dport 5"].map((t) => `=${t}`),
};

const TARGETS = {
  "filter INPUT": ["-j ACCEPT", "-j DROP", "-j RETURN", "-j REJECT", ...["icmp-net-unreachable", "icmp-host-unreachable", "icmp-proto-unreachable", "icmp-port-unreachable", "icmp-net-prohibited", "icmp-host-prohibited", "icmp-admin-prohibited", "tcp-reset", "host-unreach", "foo", "echo-reply"].map((w) => `-j REJECT --reject-with ${w}`), "-p tcp -j REJECT --reject-with tcp-reset", "! -p tcp -j REJECT --reject-with tcp-reset", "-j LOG", "-j LOG --log-prefix 'in: '", "-j LOG --log-level debug --log-ip-options --log-tcp-options --log-tcp-sequence --log-uid --log-macdecode", "-j LOG --log-level 9", "-j LOG --log-level warn", "-j LOG --log-prefix 'a very long prefix indeed, too long'", "-j NFLOG", "-j NFLOG --nflog-group 5 --nflog-prefix 'x y' --nflog-threshold 3", "-j NFLOG --nflog-size 100", "-j NFLOG --nflog-range 100", "-j MARK --set-mark 1", "-j CONNMARK --save-mark", "-j MASQUERADE", "-j TCPMSS --set-mss 1400", "-j TTL --ttl-set 3", "-j NOTRACK", "-j TRACE", "-j CHECKSUM --checksum-fill", "-j CLASSIFY --set-class 1:2", "-j SNAT --to 1.1.1.1", "-j nosuch", "-g nosuch", "-j ACCEPT -j DROP", "-g FOO", "-j FOO"],
  "mangle PREROUTING": ["-j MARK --set-mark 1", "-j MARK --set-mark 0x10/0xff", "-j MARK --set-xmark 5/7", "-j MARK --and-mark 0xff", "-j MARK --or-mark 3", "-j MARK --xor-mark 4", "-j MARK", "-j MARK --set-mark 1 --or-mark 2", "-j MARK --set-mark x", "-j CONNMARK --save-mark", "-j CONNMARK --restore-mark", "-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xf0", "-j CONNMARK --restore-mark --mask 0xf", "-j CONNMARK --set-mark 7", "-j CONNMARK --set-mark 7/0xff", "-j CONNMARK --set-xmark 1/2", "-j CONNMARK --and-mark 1", "-j CONNMARK --or-mark 1", "-j CONNMARK --xor-mark 1", "-j CONNMARK", "-j TOS --set-tos 0x10", "-j TOS --set-tos Minimize-Cost", "-j TOS --set-tos 1/3", "-j TOS --and-tos 3", "-j TOS --or-tos 4", "-j TOS --xor-tos 4", "-j TOS", "-j DSCP --set-dscp 10", "-j DSCP --set-dscp-class EF", "-j DSCP --set-dscp 64", "-j DSCP", "-j TTL --ttl-set 64", "-j TTL --ttl-dec 1", "-j TTL --ttl-inc 2", "-j TTL --ttl-dec 0", "-j TTL", "-j TTL --ttl-set 5 --ttl-inc 1", "-j CHECKSUM --checksum-fill", "-j CHECKSUM", "-p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1400", "-j TCPMSS"],
  "mangle FORWARD": ["-p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu", "-p tcp --syn -j TCPMSS --clamp-mss-to-pmtu", "-p tcp -j TCPMSS --clamp-mss-to-pmtu", "-p tcp --syn -j TCPMSS --clamp-mss-to-pmtu --set-mss 4"],
  "mangle POSTROUTING": ["-j CLASSIFY --set-class 1:2", "-j CLASSIFY --set-class x", "-j CLASSIFY --set-class 1:ffff0"],
  "raw PREROUTING": ["-j NOTRACK", "-j CT --notrack", "-j CT --zone 5", "-j CT --zone-orig 5", "-j CT --zone-reply 6", "-j CT --zone mark", "-j CT", "-j TRACE", "-j CT --zone 70000"],
  "nat PREROUTING": ["-j DNAT --to-destination 10.0.0.1", "-p tcp -j DNAT --to-destination 10.0.0.1:80", "-p tcp -j DNAT --to 10.0.0.1-10.0.0.9:80-90", "-j DNAT --to 10.0.0.1:80", "-j DNAT", "-j DNAT --to x", "-p tcp -j DNAT --to :80", "-j DNAT --to 1.1.1.1 --random", "-j DNAT --to 1.1.1.1 --persistent", "-p tcp -j DNAT --to 1.1.1.1:90-80", "-p udp -j DNAT --to 1.1.1.1:1-5/3", "-p tcp -j REDIRECT", "-p tcp -j REDIRECT --to-ports 8080", "-p tcp -j REDIRECT --to-ports 8080-8090 --random", "-j REDIRECT --to-ports 8080", "-p tcp -j REDIRECT --to-ports x", "-p tcp -j REDIRECT --to-ports 90-80", "-j NETMAP --to 10.0.0.0/24", "-j NETMAP --to 10.0.0.1", "-j NETMAP", "-j SNAT --to 1.1.1.1", "-j MASQUERADE", "-j DROP", "-j ACCEPT", "-p tcp --dport 80 -j DNAT --to-destination 1.2.3.4:80", "-j DNAT --to 1.1.1.1 --to 2.2.2.2", "-p tcp -j DNAT --to-destination 1.2.3.4:0", "-p icmp -j DNAT --to 1.2.3.4:80", "-j REJECT"],
  "nat POSTROUTING": ["-j SNAT --to-source 10.0.0.1", "-p tcp -j SNAT --to-source 10.0.0.1:1024-2048", "-j SNAT --to 10.0.0.1-10.0.0.5 --persistent --random", "-j SNAT --to 1.1.1.1 --random-fully", "-j SNAT", "-j SNAT --to 1.1.1.1:5", "-j MASQUERADE", "-p tcp -j MASQUERADE --to-ports 1024-31000", "-j MASQUERADE --random", "-j MASQUERADE --random-fully", "-j MASQUERADE --to-ports 80", "-p udp -j MASQUERADE --to-ports 5 --random", "-j DNAT --to 1.1.1.1", "-j NETMAP --to 10.0.0.0/255.255.0.0", "-j REDIRECT", "-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE", "-p tcp -j MASQUERADE --to-ports 90-80"],
};

const HEADERS = ["-s 10.0.0.1", "-d 10.0.0.0/8", "! -s 10.0.0.1/24", "-s 10.0.0.1/255.0.255.0", "-s 0/0", "-d 1.2.3.4/32", "-s 10.0.0.1,10.0.0.2", "-s 10.0.0.1,10.0.0.2 -d 1.1.1.1,2.2.2.2", "! -s 1.1.1.1,2.2.2.2", "-s nosuchhost.invalid", "-s 10.0.0.1/33", "-s 10.0.0/24", "-s 127.1", "-s localhost", "-i eth0", "! -i eth0", "-i eth+", "-i +", "! -i +", "-i ''", "-i averyveryveryverylong", "-i a/b", "-p tcp", "-p 6", "-p 99", "! -p udp", "-p all", "! -p all", "-p 0", "-p igmp", "-p gre", "-p 256", "-p esp", "-p sctp", "-p icmp", "-p ipv6-icmp", "-p udplite", "-f", "! -f", "-c 5 6", "-c 5,6", "-c 5", "-c x y", "-s ''", "-d 10.0.0.1/0", "! -d 0/0", "-s 192.168.1.77/28", "-p ip", "-s 1.2.3.4/24,5.6.7.8/16"];

const LISTS = ["-S", "-L -n", "-L -n -v", "-L", "-L -v -x --line-numbers", "-S -v"];

function lists(table, chain) {
  return LISTS.map((list) => `iptables -t ${table} ${list.replace(/-([SL])/, `-$1 ${chain}`)}`);
}

function section(title, commands) {
  return `== ${title}\n${commands.map((command) => `$ ${command}\n`).join("")}`;
}

const matchSections = Object.entries(MATCHES).map(([name, samples]) => {
  const rules = samples.map((sample) => (sample.startsWith("=") ? sample.slice(1) : `-m ${name} ${sample}`));
  const commands = rules.flatMap((rule) => [`iptables -A OUTPUT ${rule} -j ACCEPT`]);
  return section(name, [
    `iptables -A OUTPUT -m ${name}`,
    ...commands,
    ...lists("filter", "OUTPUT"),
    ...rules.filter((_, i) => i % 2 === 0).map((rule) => `iptables -C OUTPUT ${rule} -j ACCEPT`),
    ...rules.map((rule) => `iptables -D OUTPUT ${rule} -j ACCEPT`),
    "iptables -S OUTPUT",
  ]);
});
writeFileSync("matches.txt", `# Every match\n${matchSections.join("")}`);

const targetSections = Object.entries(TARGETS).map(([where, samples]) => {
  const [table, chain] = where.split(" ");
  return section(where, [
    ...(table === "filter" ? ["iptables -N FOO"] : []),
    ...samples.map((sample) => `iptables -t ${table} -A ${chain} ${sample}`),
    ...lists(table, chain),
    ...samples.map((sample) => `iptables -t ${table} -D ${chain} ${sample}`),
    `iptables -t ${table} -S`,
  ]);
});
writeFileSync("targets.txt", `# Every target\n${targetSections.join("")}`);

writeFileSync(
  "headers.txt",
  `# What a rule says of the IP header and of interfaces\n${section("headers", [
    ...HEADERS.map((header) => `iptables -A FORWARD ${header} -j ACCEPT`),
    ...lists("filter", "FORWARD"),
    ...HEADERS.map((header) => `iptables -v -D FORWARD ${header} -j ACCEPT`),
    "iptables -S FORWARD",
  ])}`,
);

// random rules: linear congruential, so that the same ones come out again
let state = 12345;
const random = (n) => {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return (state >> 8) % n;
};
const pick = (list) => list[random(list.length)];
const plain = Object.entries(MATCHES).flatMap(([name, samples]) =>
  samples.map((sample) => (sample.startsWith("=") ? sample.slice(1) : `-m ${name} ${sample}`)),
);
const spots = [["filter", "INPUT"], ["filter", "FORWARD"], ["filter", "foo"], ["mangle", "PREROUTING"], ["mangle", "POSTROUTING"], ["nat", "PREROUTING"], ["nat", "POSTROUTING"], ["raw", "OUTPUT"], ["security", "INPUT"]];
const allTargets = Object.values(TARGETS).flat();
const randomCommands = [];
for (let i = 0; i < 260; i++) {
  const [table, chain] = pick(spots);
  const parts = [];
  if (random(3) === 0) parts.push(pick(HEADERS));
  for (let k = random(3); k > 0; k--) parts.push(pick(plain));
  const commands = ["-A", "-A", "-A", "-I", `-I${random(4) === 0 ? " 2" : ""}`, "-D", "-C", "-R"];
  let command = pick(commands);
  let where = chain;
  if (command === "-I 2") [command, where] = ["-I", `${chain} 2`];
  if (command === "-R") where = `${chain} ${1 + random(3)}`;
  const verbose = random(4) === 0 ? "-v " : "";
  randomCommands.push(`iptables ${verbose}-t ${table} ${command} ${where} ${parts.join(" ")} ${pick(allTargets)}`.replace(/ +/g, " "));
  if (i % 20 === 19) randomCommands.push("iptables-save -c", "iptables -L -n -v --line-numbers", `iptables -t ${table} -Z`, `iptables -t ${pick(spots)[0]} -D ${pick(spots)[1]} ${1 + random(4)}`);
}
writeFileSync("random.txt", `# Random rules\n${section("random", ["iptables -N foo", "iptables -N bar", ...randomCommands])}`);
