// traceroute (Debian's 2.1.2 and busybox 1.35's) against what they printed and sent on Linux 6.18, on the same routers.

import { expect, test } from "vitest";
import { parseFrames } from "./frames.ts";
import { routers, still } from "./routers.ts";

const UDP = `traceroute to 10.0.3.2 (10.0.3.2), 30 hops max, 60 byte packets
 1  10.0.1.1  T  T  T
 2  10.0.2.2  T  T  T
 3  10.0.3.2  T  T  T
[0]
`;

test("every method finds the same way", async () => {
  const { sh } = await routers();
  const said = await sh(`
t traceroute -n 10.0.3.2; sleep 8
t traceroute -n -I 10.0.3.2; sleep 8
t traceroute -n -T 10.0.3.2; sleep 8
t traceroute -n -N 1 10.0.3.2; sleep 8
t traceroute -n -U 10.0.3.2`);
  const commands = ["-n", "-n -I", "-n -T", "-n -N 1", "-n -U"];
  expect(still(said)).toBe(commands.map((words) => `$ traceroute ${words} 10.0.3.2\n${UDP}`).join(""));
});

test("sixteen probes are under way at once, each with its answer behind it", async () => {
  const { lab, sh } = await routers();
  await sh("ip netns exec a ping -c 1 10.0.3.2 >/dev/null");
  const tap = lab.host("host").tap("eth0", "a");
  await sh("t traceroute -n -q 1 10.0.3.2");
  const ttls = parseFrames(tap.bytes()).map(({ text }) => text);
  const probe = (ttl: number) => `10.0.1.2 > 10.0.3.2 ttl ${ttl} UDP ${33433 + ttl}`;
  expect(ttls.slice(0, 12)).toEqual([
    probe(1),
    "10.0.1.1 > 10.0.1.2 ttl 64 ICMP 11/0",
    probe(2),
    "10.0.2.2 > 10.0.1.2 ttl 63 ICMP 11/0",
    probe(3),
    "10.0.3.2 > 10.0.1.2 ttl 62 ICMP 3/3",
    probe(4),
    "10.0.3.2 > 10.0.1.2 ttl 62 ICMP 3/3",
    probe(5),
    "10.0.3.2 > 10.0.1.2 ttl 62 ICMP 3/3",
    probe(6),
    "10.0.3.2 > 10.0.1.2 ttl 62 ICMP 3/3",
  ]);
  expect(ttls.filter((text) => text.includes("UDP"))).toEqual(Array.from({ length: 16 }, (_, i) => probe(i + 1)));
});

test("echo requests follow the answers one by one, as all come from one socket", async () => {
  const { lab, sh } = await routers();
  await sh("ip netns exec a ping -c 1 10.0.3.2 >/dev/null");
  const tap = lab.host("host").tap("eth0", "a");
  await sh("t traceroute -n -I 10.0.3.2");
  const sent = parseFrames(tap.bytes()).filter(({ text }) => text.includes("ICMP 8/0"));
  // recorded: 16 at once, and one after each of the first six answers
  expect(sent.length).toBe(22);
});

test("a hop that says nothing is waited for by the round trips of the next ones, or for the whole time", async () => {
  const { lab, sh } = await routers();
  const said = await sh(`
ip netns exec r1 iptables -A OUTPUT -p icmp -j DROP
t traceroute -n -q 1 10.0.3.2; sleep 8`);
  const before = lab.now;
  const slow = await sh("t traceroute -n -q 2 -w 2,3 10.0.3.2");
  expect(still(said + slow)).toBe(`$ traceroute -n -q 1 10.0.3.2
traceroute to 10.0.3.2 (10.0.3.2), 30 hops max, 60 byte packets
 1  *
 2  10.0.2.2  T
 3  10.0.3.2  T
[0]
$ traceroute -n -q 2 -w 2,3 10.0.3.2
traceroute to 10.0.3.2 (10.0.3.2), 30 hops max, 60 byte packets
 1  * *
 2  10.0.2.2  T  T
 3  10.0.3.2  T  T
[0]
`);
  expect(Math.round((lab.now - before) / 1e8)).toBe(20);
});

test("unreachable hosts, forbidden ones and narrow links are marked", async () => {
  const { sh } = await routers();
  const said = await sh(`
ip -n r1 route add unreachable 10.0.55.0/24; ip -n r1 route add prohibit 10.0.56.0/24
t traceroute -n -q 1 10.0.3.99; sleep 8
t traceroute -n -q 1 10.0.55.1; sleep 8
t traceroute -n -q 1 10.0.56.1; sleep 8
t traceroute -F -n -q 1 10.0.3.2 2000
ip -n r1 link set wan mtu 1400
t traceroute -F -n -q 1 10.0.3.2 1450; sleep 8
t traceroute --mtu -n -q 1 10.0.3.2`);
  expect(still(said)).toBe(`$ traceroute -n -q 1 10.0.3.99
traceroute to 10.0.3.99 (10.0.3.99), 30 hops max, 60 byte packets
 1  10.0.1.1  T
 2  10.0.2.2  T
 3  10.0.2.2  T !H
[0]
$ traceroute -n -q 1 10.0.55.1
traceroute to 10.0.55.1 (10.0.55.1), 30 hops max, 60 byte packets
 1  10.0.1.1  T !H
[0]
$ traceroute -n -q 1 10.0.56.1
traceroute to 10.0.56.1 (10.0.56.1), 30 hops max, 60 byte packets
 1  10.0.1.1  T !X
[0]
$ traceroute -F -n -q 1 10.0.3.2 2000
traceroute to 10.0.3.2 (10.0.3.2), 30 hops max, 2000 byte packets
 1  *  T !F-1500
[0]
$ traceroute -F -n -q 1 10.0.3.2 1450
traceroute to 10.0.3.2 (10.0.3.2), 30 hops max, 1450 byte packets
 1  10.0.1.1  T
 2  10.0.1.1  T !F-1400
[0]
$ traceroute --mtu -n -q 1 10.0.3.2
traceroute to 10.0.3.2 (10.0.3.2), 30 hops max, 65000 byte packets
 1  10.0.1.1  T F=1500
 2  10.0.2.2  T F=1400
 3  10.0.3.2  T
[0]
`);
});

test("TCP tells what the target answered, and the way back is guessed", async () => {
  const { sh } = await routers();
  const said = await sh(`
t traceroute -T -n -q 1 -O info 10.0.3.2; sleep 8
t traceroute -n -q 1 --back 10.0.3.99; sleep 8
t traceroute -n -f 2 -q 1 10.0.3.2; sleep 8
t traceroute -n -q 1 -m 3 -w 1 -g 10.0.1.1 10.0.3.2`);
  expect(still(said)).toBe(`$ traceroute -T -n -q 1 -O info 10.0.3.2
traceroute to 10.0.3.2 (10.0.3.2), 30 hops max, 60 byte packets
 1  10.0.1.1  T
 2  10.0.2.2  T
 3  10.0.3.2 <rst,ack>  T
[0]
$ traceroute -n -q 1 --back 10.0.3.99
traceroute to 10.0.3.99 (10.0.3.99), 30 hops max, 60 byte packets
 1  10.0.1.1  T
 2  10.0.2.2  T
 3  10.0.2.2 '-2'  T !H
[0]
$ traceroute -n -f 2 -q 1 10.0.3.2
traceroute to 10.0.3.2 (10.0.3.2), 30 hops max, 60 byte packets
 2  10.0.2.2  T
 3  10.0.3.2  T
[0]
$ traceroute -n -q 1 -m 3 -w 1 -g 10.0.1.1 10.0.3.2
traceroute to 10.0.3.2 (10.0.3.2), 3 hops max, 72 byte packets
 1  *
 2  *
 3  *
[0]
`);
});

test("mistakes are told with the number of the argument", async () => {
  const { sh } = await routers();
  const said = await sh(`
for w in "-n" "-q" "-q 0 10.0.1.1" "-q x 10.0.1.1" "-m 256 10.0.1.1" "-f 31 10.0.1.1" "-w -1 10.0.1.1" "-w ,3 10.0.1.1" \\
  "-z x 10.0.1.1" "-n 10.0.1.1 70000" "-n 10.0.1.1 x" "-n 10.0.1.1 60 70" "--foo 10.0.1.1" "-nq1 10.0.1.1" \\
  "--quer=1 10.0.1.1" "--queries 1 10.0.1.1" "-M foo 10.0.1.1" "-O help 10.0.1.1" "-6 10.0.1.1"; do t traceroute $w; done
t traceroute -s 10.0.9.9 10.0.1.1
t traceroute -i nope 10.0.1.1
t traceroute -n 10.0.1.255
t traceroute -n -I 10.0.1.255
t traceroute -V`);
  expect(said).toBe(`$ traceroute -n
Specify "host" missing argument.
[2]
$ traceroute -q
Option \`-q' (argc 1) requires an argument: \`-q nqueries'
[2]
$ traceroute -q 0 10.0.1.1
no more than 10 probes per hop
[2]
$ traceroute -q x 10.0.1.1
Cannot handle \`-q' option with arg \`x' (argc 2)
[2]
$ traceroute -m 256 10.0.1.1
max hops cannot be more than 255
[2]
$ traceroute -f 31 10.0.1.1
first hop out of range
[2]
$ traceroute -w -1 10.0.1.1
bad wait specifications \`-1,0,0' used
[2]
$ traceroute -w ,3 10.0.1.1
Cannot handle \`-w' option with arg \`,3' (argc 2)
[2]
$ traceroute -z x 10.0.1.1
Cannot handle \`-z' option with arg \`x' (argc 2)
[2]
$ traceroute -n 10.0.1.1 70000
too big packetlen 70000 specified
[2]
$ traceroute -n 10.0.1.1 x
Cannot handle "packetlen" cmdline arg \`x' on position 2 (argc 3)
[2]
$ traceroute -n 10.0.1.1 60 70
Extra arg \`70' (position 3, argc 4)
[2]
$ traceroute --foo 10.0.1.1
Bad option \`--foo' (argc 1)
[2]
$ traceroute -nq1 10.0.1.1
Option \`-q' (argc 1) requires an argument: \`-q nqueries'
[2]
$ traceroute --quer=1 10.0.1.1
Bad option \`--quer=1' (with arg \`1') (argc 1)
[2]
$ traceroute --queries 1 10.0.1.1
Option \`--queries' (argc 1) requires an argument: \`--queries=nqueries'
[2]
$ traceroute -M foo 10.0.1.1
Unknown traceroute module foo
[2]
$ traceroute -O help 10.0.1.1
No options for module \`default'
[0]
$ traceroute -6 10.0.1.1
option -6 is not supported
[2]
$ traceroute -s 10.0.9.9 10.0.1.1
traceroute to 10.0.1.1 (10.0.1.1), 30 hops max, 60 byte packets
bind: Cannot assign requested address
[1]
$ traceroute -i nope 10.0.1.1
traceroute to 10.0.1.1 (10.0.1.1), 30 hops max, 60 byte packets
setsockopt SO_BINDTODEVICE: No such device
[1]
$ traceroute -n 10.0.1.255
traceroute to 10.0.1.255 (10.0.1.255), 30 hops max, 60 byte packets
connect: Permission denied
[1]
$ traceroute -n -I 10.0.1.255

connect: Permission denied
[1]
$ traceroute -V
Modern traceroute for Linux, version 2.1.2
Copyright (c) 2016  Dmitry Butskoy,   License: GPL v2 or any later
[0]
`);
});

test("busybox asks one probe after the other, from one connected socket", async () => {
  const { lab, sh } = await routers();
  const tap = lab.host("host").tap("eth0", "a");
  const said = await sh("t busybox traceroute -n -q 1 -w 1 -m 4 10.0.3.2");
  expect(still(said)).toBe(`$ busybox traceroute -n -q 1 -w 1 -m 4 10.0.3.2
traceroute to 10.0.3.2 (10.0.3.2), 4 hops max, 46 byte packets
 1  10.0.1.1  T
 2  10.0.2.2  T
 3  10.0.3.2  T
[0]
`);
  expect(
    parseFrames(tap.bytes())
      .map(({ text }) => text)
      .filter((text) => !text.startsWith("ARP")),
  ).toEqual([
    "10.0.1.2 > 10.0.3.2 ttl 1 UDP 33435",
    "10.0.1.1 > 10.0.1.2 ttl 64 ICMP 11/0",
    "10.0.1.2 > 10.0.3.2 ttl 2 UDP 33436",
    "10.0.2.2 > 10.0.1.2 ttl 63 ICMP 11/0",
    "10.0.1.2 > 10.0.3.2 ttl 3 UDP 33437",
    "10.0.3.2 > 10.0.1.2 ttl 62 ICMP 3/3",
  ]);
});

test("busybox refuses what is out of range in its own words", async () => {
  const { sh } = await routers();
  const said = await sh(`
for w in "-n 10.0.3.2 10" "-m 0 10.0.3.2" "-f 5 -m 3 10.0.3.2" "-q x 10.0.3.2" "-w 0 10.0.3.2" "-s 10.0.9.9 10.0.3.2" \\
  "-r 10.0.3.2" "-6 10.0.3.2" "10.0.1.255"; do t busybox traceroute $w; done`);
  expect(said).toBe(`$ busybox traceroute -n 10.0.3.2 10
traceroute: number 10 is not in 46..32768 range
[1]
$ busybox traceroute -m 0 10.0.3.2
traceroute: number 0 is not in 1..255 range
[1]
$ busybox traceroute -f 5 -m 3 10.0.3.2
traceroute: number 5 is not in 1..3 range
[1]
$ busybox traceroute -q x 10.0.3.2
traceroute: invalid number 'x'
[1]
$ busybox traceroute -w 0 10.0.3.2
traceroute: number 0 is not in 1..86400 range
[1]
$ busybox traceroute -s 10.0.9.9 10.0.3.2
traceroute: can't set multicast source interface
[1]
$ busybox traceroute -r 10.0.3.2
traceroute: can't connect to remote host (10.0.3.2): Network is unreachable
[1]
$ busybox traceroute -6 10.0.3.2
traceroute: bad address '10.0.3.2'
[1]
$ busybox traceroute 10.0.1.255
traceroute: can't connect to remote host (10.0.1.255): Permission denied
[1]
`);
});
