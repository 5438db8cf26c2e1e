// arping against what iputils 20221126 and busybox 1.35 printed and sent on Linux 6.18.

import { describe, expect, test } from "vitest";
import { MSEC, SEC } from "../../src/base/time.ts";
import { devClose } from "../../src/net/core/dev.ts";
import { SIGINT } from "../../src/posix/process.ts";
import { arping } from "../../src/tools/arping.ts";
import { busyboxArping } from "../../src/tools/busybox-arping.ts";
import { ToolLab } from "./tool-lab.ts";

const ARP = "ARP, Ethernet (len 6), IPv4 (len 4), ";

/** Times that a clock draws. */
function still(text: string): string {
  return text.replace(/ \d+\.\d{3}ms/g, " T");
}

function twoHosts(program = arping): { sh: (...lines: string[]) => string; frames: string[]; lab: ToolLab } {
  const lab = new ToolLab();
  const { host, a, frames } = lab.pair();
  return { lab, frames, sh: (...lines) => still(lab.transcript(host, program, lines, a)) };
}

describe("iputils", () => {
  test("asks everybody once and then only who has answered", () => {
    const { sh, frames } = twoHosts();
    expect(sh("arping -c 2 -I eth0 10.0.0.1")).toBe(`$ arping -c 2 -I eth0 10.0.0.1
ARPING 10.0.0.1 from 10.0.0.2 eth0
Unicast reply from 10.0.0.1 [02:00:00:00:00:01]  T
Unicast reply from 10.0.0.1 [02:00:00:00:00:01]  T
Sent 2 probes (1 broadcast(s))
Received 2 response(s)
[0]
`);
    expect(frames).toEqual([
      `${ARP}Request who-has 10.0.0.1 (ff:ff:ff:ff:ff:ff) tell 10.0.0.2, length 28`,
      `${ARP}Reply 10.0.0.1 is-at 02:00:00:00:00:01, length 28`,
      `${ARP}Request who-has 10.0.0.1 (02:00:00:00:00:01) tell 10.0.0.2, length 28`,
      `${ARP}Reply 10.0.0.1 is-at 02:00:00:00:00:01, length 28`,
    ]);
  });

  test("finds the interface by the route when none is given", () => {
    const { sh } = twoHosts();
    expect(sh("arping -c 1 10.1", "arping -c 1 10.0.0.2", "arping -c 1 11.0.0.1")).toBe(`$ arping -c 1 10.1
ARPING 10.0.0.1 from 10.0.0.2 eth0
Unicast reply from 10.0.0.1 [02:00:00:00:00:01]  T
Sent 1 probes (1 broadcast(s))
Received 1 response(s)
[0]
$ arping -c 1 10.0.0.2
Interface "lo" is down
[2]
$ arping -c 1 11.0.0.1
arping: NETLINK_ROUTE unexpected iov element
[1]
`);
  });

  test("ends after the count, after the time, or at the first answer", () => {
    const { sh } = twoHosts();
    const said = sh(
      "arping -c 2 -I eth0 10.0.0.9",
      "arping -c 2 -w 1 -I eth0 10.0.0.9",
      "arping -c 5 -w 2 -I eth0 10.0.0.1",
      "arping -w 2 -I eth0 10.0.0.1",
      "arping -f -c 3 10.0.0.1",
      "arping -q -c 1 -I eth0 10.0.0.1",
      "arping -b -c 2 -I eth0 10.0.0.1",
    );
    expect(said).toBe(`$ arping -c 2 -I eth0 10.0.0.9
ARPING 10.0.0.9 from 10.0.0.2 eth0
Sent 2 probes (2 broadcast(s))
Received 0 response(s)
[1]
$ arping -c 2 -w 1 -I eth0 10.0.0.9
ARPING 10.0.0.9 from 10.0.0.2 eth0
Sent 2 probes (2 broadcast(s))
Received 0 response(s)
[1]
$ arping -c 5 -w 2 -I eth0 10.0.0.1
ARPING 10.0.0.1 from 10.0.0.2 eth0
Unicast reply from 10.0.0.1 [02:00:00:00:00:01]  T
Unicast reply from 10.0.0.1 [02:00:00:00:00:01]  T
Sent 3 probes (1 broadcast(s))
Received 2 response(s)
[1]
$ arping -w 2 -I eth0 10.0.0.1
ARPING 10.0.0.1 from 10.0.0.2 eth0
Unicast reply from 10.0.0.1 [02:00:00:00:00:01]  T
Unicast reply from 10.0.0.1 [02:00:00:00:00:01]  T
Sent 3 probes (1 broadcast(s))
Received 2 response(s)
[0]
$ arping -f -c 3 10.0.0.1
ARPING 10.0.0.1 from 10.0.0.2 eth0
Unicast reply from 10.0.0.1 [02:00:00:00:00:01]  T
Sent 1 probes (1 broadcast(s))
Received 1 response(s)
[0]
$ arping -q -c 1 -I eth0 10.0.0.1
[0]
$ arping -b -c 2 -I eth0 10.0.0.1
ARPING 10.0.0.1 from 10.0.0.2 eth0
Unicast reply from 10.0.0.1 [02:00:00:00:00:01]  T
Unicast reply from 10.0.0.1 [02:00:00:00:00:01]  T
Sent 2 probes (2 broadcast(s))
Received 2 response(s)
[0]
`);
  });

  test("announces, answers unasked, and looks for a second owner of an address", () => {
    const { sh, frames } = twoHosts();
    const said = sh(
      "arping -U -c 1 -I eth0 10.0.0.2",
      "arping -A -c 1 -I eth0 10.0.0.2",
      "arping -D -c 2 -I eth0 10.0.0.1",
      "arping -D -c 1 -I eth0 10.0.0.7",
    );
    expect(said).toBe(`$ arping -U -c 1 -I eth0 10.0.0.2
ARPING 10.0.0.2 from 10.0.0.2 eth0
Sent 1 probes (1 broadcast(s))
Received 0 response(s)
[0]
$ arping -A -c 1 -I eth0 10.0.0.2
ARPING 10.0.0.2 from 10.0.0.2 eth0
Sent 1 probes (1 broadcast(s))
Received 0 response(s)
[0]
$ arping -D -c 2 -I eth0 10.0.0.1
ARPING 10.0.0.1 from 0.0.0.0 eth0
Unicast reply from 10.0.0.1 [02:00:00:00:00:01]  T
Sent 1 probes (1 broadcast(s))
Received 1 response(s)
[1]
$ arping -D -c 1 -I eth0 10.0.0.7
ARPING 10.0.0.7 from 0.0.0.0 eth0
Sent 1 probes (1 broadcast(s))
Received 0 response(s)
[0]
`);
    expect(frames).toEqual([
      `${ARP}Request who-has 10.0.0.2 (ff:ff:ff:ff:ff:ff) tell 10.0.0.2, length 28`,
      `${ARP}Reply 10.0.0.2 is-at 02:00:00:00:00:02, length 28`,
      `${ARP}Request who-has 10.0.0.1 (ff:ff:ff:ff:ff:ff) tell 0.0.0.0, length 28`,
      `${ARP}Reply 10.0.0.1 is-at 02:00:00:00:00:01, length 28`,
      `${ARP}Request who-has 10.0.0.7 (ff:ff:ff:ff:ff:ff) tell 0.0.0.0, length 28`,
    ]);
  });

  test("hears an announcement of the address that it looks for", () => {
    const lab = new ToolLab();
    const { host, a, b } = lab.pair();
    b.net.sysctl.get("net/ipv4/conf/v0/arp_ignore")!.write!("8");
    const probing = lab.start(host, arping, "arping -D -c 2 -I eth0 10.0.0.1".split(" "), a);
    lab.advance(300 * MSEC);
    lab.run(host, arping, "arping -U -c 1 -I v0 10.0.0.1".split(" "), b);
    expect(still(probing.result().text)).toBe(`ARPING 10.0.0.1 from 0.0.0.0 eth0
Broadcast request from 10.0.0.1 [02:00:00:00:00:01] for 10.0.0.1 [FF:FF:FF:FF:FF:FF] T
Sent 1 probes (1 broadcast(s))
Received 1 response(s) (1 request(s), 1 broadcast(s))
`);
  });

  test("refuses what it cannot do in its own words", () => {
    const { sh } = twoHosts();
    const said = sh(
      "arping -s 10.0.0.3 -c 1 -I eth0 10.0.0.1",
      "arping -c 1 -I nope 10.0.0.1",
      "arping -c 1 -I eth0 -s foo 10.0.0.1",
      "arping -c 0 -I eth0 10.0.0.1",
      "arping -c x -I eth0 10.0.0.1",
      "arping -w -1 -I eth0 10.0.0.1",
      "arping -i 0.2 -c 3 -I eth0 10.0.0.1",
      "arping -c 1 -I eth0 10.0.0.255",
      "arping -V",
    );
    expect(said).toBe(`$ arping -s 10.0.0.3 -c 1 -I eth0 10.0.0.1
arping: bind: Cannot assign requested address
[2]
$ arping -c 1 -I nope 10.0.0.1
arping: Device nope not available.
[2]
$ arping -c 1 -I eth0 -s foo 10.0.0.1
arping: invalid source foo
[2]
$ arping -c 0 -I eth0 10.0.0.1
arping: invalid argument: '0': out of range: 1 <= value <= 2147483647
[1]
$ arping -c x -I eth0 10.0.0.1
arping: invalid argument: 'x'
[1]
$ arping -w -1 -I eth0 10.0.0.1
arping: invalid argument: '-1': out of range: 0 <= value <= 2147483647
[1]
$ arping -i 0.2 -c 3 -I eth0 10.0.0.1
arping: invalid argument: '0.2'
[1]
$ arping -c 1 -I eth0 10.0.0.255
arping: connect: Permission denied
[2]
$ arping -V
arping from iputils 20221126
libcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, __fpending(): yes
[0]
`);
  });

  test("says its figures when it is interrupted", () => {
    const lab = new ToolLab();
    const { host, a } = lab.pair();
    const running = lab.start(host, arping, "arping -I eth0 10.0.0.1".split(" "), a);
    lab.advance(1.5 * SEC);
    running.proc.kill(SIGINT);
    lab.advance(SEC);
    expect(still(running.result().text)).toBe(`ARPING 10.0.0.1 from 10.0.0.2 eth0
Unicast reply from 10.0.0.1 [02:00:00:00:00:01]  T
Unicast reply from 10.0.0.1 [02:00:00:00:00:01]  T
Sent 2 probes (1 broadcast(s))
Received 2 response(s)
`);
    expect(running.result().status).toBe(0);
  });

  test("goes on when the interface goes down, and says so in its status", () => {
    const lab = new ToolLab();
    const { host, a, b } = lab.pair();
    devClose(b.net.deviceByName("v0")!);
    const running = lab.start(host, arping, "arping -c 3 -I eth0 10.0.0.1".split(" "), a);
    lab.advance(500 * MSEC);
    devClose(a.net.deviceByName("eth0")!);
    lab.advance(4 * SEC);
    expect(running.result()).toMatchObject({
      text: `arping: recvfrom: Network is down
ARPING 10.0.0.1 from 10.0.0.2 eth0
Sent 1 probes (1 broadcast(s))
Received 0 response(s)
`,
      status: 3,
    });
  });
});

describe("busybox", () => {
  test("counts broadcasts only without -c, and waits for an alarm to end", () => {
    const { sh } = twoHosts(busyboxArping);
    const said = sh(
      "arping -c 2 10.0.0.1",
      "arping -c 2 -I eth0 10.0.0.9",
      "arping -c 5 -w 2 -I eth0 10.0.0.1",
      "arping -w 2 -I eth0 10.0.0.1",
      "arping -f -I eth0 10.0.0.1",
      "arping -U -c 2 10.0.0.2",
      "arping -D -c 2 10.0.0.1",
      "arping -c 0 -w 1 10.0.0.1",
    );
    expect(said).toBe(`$ arping -c 2 10.0.0.1
ARPING 10.0.0.1 from 10.0.0.2 eth0
Unicast reply from 10.0.0.1 [02:00:00:00:00:01] T
Unicast reply from 10.0.0.1 [02:00:00:00:00:01] T
Sent 2 probe(s) (0 broadcast(s))
Received 2 response(s) (0 request(s), 0 broadcast(s))
[0]
$ arping -c 2 -I eth0 10.0.0.9
ARPING 10.0.0.9 from 10.0.0.2 eth0
Sent 2 probe(s) (0 broadcast(s))
Received 0 response(s) (0 request(s), 0 broadcast(s))
[1]
$ arping -c 5 -w 2 -I eth0 10.0.0.1
ARPING 10.0.0.1 from 10.0.0.2 eth0
Unicast reply from 10.0.0.1 [02:00:00:00:00:01] T
Unicast reply from 10.0.0.1 [02:00:00:00:00:01] T
Unicast reply from 10.0.0.1 [02:00:00:00:00:01] T
Sent 3 probe(s) (0 broadcast(s))
Received 3 response(s) (0 request(s), 0 broadcast(s))
[0]
$ arping -w 2 -I eth0 10.0.0.1
ARPING 10.0.0.1 from 10.0.0.2 eth0
Unicast reply from 10.0.0.1 [02:00:00:00:00:01] T
Unicast reply from 10.0.0.1 [02:00:00:00:00:01] T
Unicast reply from 10.0.0.1 [02:00:00:00:00:01] T
Sent 3 probe(s) (1 broadcast(s))
Received 3 response(s) (0 request(s), 0 broadcast(s))
[0]
$ arping -f -I eth0 10.0.0.1
ARPING 10.0.0.1 from 10.0.0.2 eth0
Unicast reply from 10.0.0.1 [02:00:00:00:00:01] T
Sent 1 probe(s) (1 broadcast(s))
Received 1 response(s) (0 request(s), 0 broadcast(s))
[0]
$ arping -U -c 2 10.0.0.2
ARPING 10.0.0.2 from 10.0.0.2 eth0
Sent 2 probe(s) (0 broadcast(s))
Received 0 response(s) (0 request(s), 0 broadcast(s))
[0]
$ arping -D -c 2 10.0.0.1
ARPING 10.0.0.1 from 0.0.0.0 eth0
Unicast reply from 10.0.0.1 [02:00:00:00:00:01] T
Sent 1 probe(s) (0 broadcast(s))
Received 1 response(s) (0 request(s), 0 broadcast(s))
[1]
$ arping -c 0 -w 1 10.0.0.1
ARPING 10.0.0.1 from 10.0.0.2 eth0
Sent 0 probe(s) (0 broadcast(s))
Received 0 response(s) (0 request(s), 0 broadcast(s))
[1]
`);
  });

  test("refuses in its own words", () => {
    const { sh } = twoHosts(busyboxArping);
    const said = sh(
      "arping -s 10.0.0.3 -c 1 10.0.0.1",
      "arping -c 1 -I nope 10.0.0.1",
      "arping -c 1 -I lo 127.0.0.1",
      "arping -c x 10.0.0.1",
      "arping -s foo -I eth0 10.0.0.7",
      "arping -c 1 -I eth0 10.0.0.255",
    );
    expect(said).toBe(`$ arping -s 10.0.0.3 -c 1 10.0.0.1
arping: bind: Cannot assign requested address
[2]
$ arping -c 1 -I nope 10.0.0.1
arping: interface nope not found: No such device
[2]
$ arping -c 1 -I lo 127.0.0.1
arping: interface lo is down
[2]
$ arping -c x 10.0.0.1
arping: invalid number 'x'
[1]
$ arping -s foo -I eth0 10.0.0.7
arping: invalid source address foo
[2]
$ arping -c 1 -I eth0 10.0.0.255
arping: can't connect to remote host (10.0.0.255): Permission denied
[2]
`);
  });
});
