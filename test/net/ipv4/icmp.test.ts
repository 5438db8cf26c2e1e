import { describe, expect, test } from "vitest";
import { createPacketSock } from "../../../src/net/core/af-packet.ts";
import { devOpen } from "../../../src/net/core/dev.ts";
import { RTN_UNREACHABLE } from "../../../src/net/ipv4/fib-types.ts";
import { createVethPair } from "../../../src/net/link/veth.ts";
import { echo, type Host, ip, Lab, refusal } from "./ip-lab.ts";

function pair(): { lab: Lab; a: Host; b: Host } {
  const lab = new Lab();
  const a = lab.host("a");
  const b = lab.host("b");
  lab.link(a, "eth0", b, "eth0");
  a.addr("10.0.0.1/24", "eth0");
  b.addr("10.0.0.2/24", "eth0");
  a.ping("10.0.0.2").close();
  lab.run(0.1);
  lab.drops.length = 0;
  return { lab, a, b };
}

describe("answers", () => {
  test("an echo reply copies TOS and data, has no DF, and a number of its own", () => {
    const { lab, a } = pair();
    const seen = a.capture("eth0", 1);
    const sock = a.socket(3, 1);
    sock.setOption("IP_TOS", 0x48);
    a.ping("10.0.0.2", { sock });
    lab.run(0.1);
    expect(seen[1]).toMatch(
      /^IP \(tos 0x48, ttl 64, id [1-9]\d*, offset 0, flags \[none\], proto ICMP \(1\), length 84\) 10.0.0.2 > 10.0.0.1: ICMP echo reply, id 1, seq 1, length 64$/,
    );
  });

  test("a broadcast echo is answered only when icmp_echo_ignore_broadcasts is off", () => {
    const { lab, a, b } = pair();
    const sock = a.socket(3, 1);
    sock.setOption("SO_BROADCAST", 1);
    const replies = (): number => {
      const seen = a.capture("eth0");
      a.ping("10.0.0.255", { sock });
      lab.run(0.1);
      return seen.filter((line) => line.includes("10.0.0.2 > 10.0.0.1: ICMP echo reply")).length;
    };
    expect(replies()).toBe(0);
    b.sysctl("icmp_echo_ignore_broadcasts", 0);
    expect(replies()).toBe(1);
  });

  test("icmp_echo_ignore_all makes a host deaf", () => {
    const { lab, a, b } = pair();
    b.sysctl("icmp_echo_ignore_all", 1);
    const seen = a.capture("eth0");
    a.ping("10.0.0.2");
    lab.run(0.1);
    expect(seen.length).toBe(1);
  });

  test("a timestamp request gets our clock, milliseconds since midnight", () => {
    const { lab, a } = pair();
    lab.kernel.epochMs = 86_400_000 + 1000;
    const seen = a.capture("eth0");
    const request = new Uint8Array(20);
    request.set([13, 0, 0xf2, 0xfe, 0, 1, 0, 0]);
    a.send(a.socket(3, 1), request, "10.0.0.2");
    lab.run(0.1);
    expect(seen[1]).toMatch(
      /ICMP time stamp reply id 1 seq 0: org 00:00:00.000, recv 00:00:01.1\d\d, xmit 00:00:01.1\d\d, length 20$/,
    );
  });

  test("a bad checksum is counted and dropped", () => {
    const { lab, a, b } = pair();
    const request = echo(1, 1, 8);
    request[2] = request[2]! ^ 1;
    a.send(a.socket(3, 1), request, "10.0.0.2");
    lab.run(0.1);
    expect([lab.drops, b.ip4.mib.icmp.InCsumErrors, b.ip4.mib.icmp.InErrors]).toEqual([["ICMP_CSUM"], 1, 1]);
  });

  test("an unknown protocol is answered with protocol unreachable", () => {
    const { lab, a } = pair();
    const seen = a.capture("eth0");
    a.send(a.socket(3, 99), new Uint8Array(8), "10.0.0.2");
    lab.run(0.1);
    expect(seen[1]).toBe("IP 10.0.0.2 > 10.0.0.1: ICMP 10.0.0.2 protocol 99 unreachable, length 36");
  });

  test("no error about an error", () => {
    const { lab, a, b } = pair();
    b.sysctl("ip_forward", 1);
    b.route("20.0.0.0/8", { type: RTN_UNREACHABLE });
    a.route("20.0.0.0/8", { via: "10.0.0.2" });
    const seen = a.capture("eth0");
    const unreachable = new Uint8Array(36);
    unreachable.set([3, 1, 0xfc, 0xfe]);
    a.send(a.socket(3, 1), unreachable, "20.0.0.1");
    lab.run(0.1);
    expect(seen.length).toBe(1);
  });

  test("counters are those of /proc/net/snmp", () => {
    const { lab, a, b } = pair();
    a.ping("10.0.0.2");
    lab.run(0.1);
    const { icmp, ip: ipMib, icmpMsgIn, icmpMsgOut } = b.ip4.mib;
    expect([icmp.InMsgs, icmp.InEchos, icmp.OutMsgs, icmp.OutEchoReps, icmpMsgIn.of(8), icmpMsgOut.of(0)]).toEqual([
      2, 2, 2, 2, 2, 2,
    ]);
    expect([ipMib.InReceives, ipMib.InDelivers, ipMib.OutRequests, ipMib.OutTransmits]).toEqual([2, 2, 2, 2]);
    expect(a.ip4.mib.icmp.OutEchos).toBe(2);
  });
});

describe("raw sockets", () => {
  test("get a copy of every packet of their protocol, from the IP header on", () => {
    const { lab, a, b } = pair();
    const listener = b.socket(3, 1);
    a.ping("10.0.0.2");
    lab.run(0.1);
    const [message] = b.received(listener) as { bytes: Uint8Array; from: { addr: number } }[];
    expect([message!.bytes.length, message!.bytes[0], message!.bytes[20], message!.from.addr]).toEqual([
      84,
      0x45,
      8,
      ip("10.0.0.1"),
    ]);
  });

  test("ICMP_FILTER keeps types out", () => {
    const { lab, a, b } = pair();
    const listener = b.socket(3, 1);
    listener.setOption("ICMP_FILTER", 1 << 8);
    a.ping("10.0.0.2");
    lab.run(0.1);
    expect(b.received(listener)).toEqual([]);
  });

  test("with IP_HDRINCL the sender's header goes out, its gaps filled", () => {
    const { lab, a } = pair();
    const seen = a.capture("eth0", 1);
    const sock = a.socket(3, 255);
    const packet = new Uint8Array(28);
    packet.set([0x45, 0x10, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0, 9, 9, 9, 9, 10, 0, 0, 2, 8, 0, 0xf7, 0xff]);
    a.send(sock, packet, "10.0.0.2");
    lab.run(0.1);
    expect(seen[0]).toMatch(
      /^IP \(tos 0x10, ttl 3, id [1-9]\d*, offset 0, flags \[none\], proto ICMP \(1\), length 28\) 9.9.9.9 > 10.0.0.2: ICMP echo request, id 0, seq 0, length 8$/,
    );
  });
});

describe("ping sockets", () => {
  test("are for the groups of ping_group_range", () => {
    const { a } = pair();
    expect(refusal(() => a.socket(2, 1))).toBe("Permission denied");
    a.sysctl("ping_group_range", "0 2147483647");
    expect(refusal(() => a.socket(2, 1))).toBe("ok");
  });

  test("send with their own identifier and read the answer from the ICMP header on", () => {
    const { lab, a } = pair();
    a.sysctl("ping_group_range", "0 0");
    const sock = a.socket(2, 1);
    a.send(sock, echo(4711, 3, 8), "10.0.0.2");
    lab.run(0.1);
    const [message] = a.received(sock) as { bytes: Uint8Array }[];
    expect([
      message!.bytes.length,
      message!.bytes[0],
      (message!.bytes[4]! << 8) | message!.bytes[5]!,
      message!.bytes[7],
    ]).toEqual([16, 0, sock.sport, 3]);
  });

  test("hear of errors by IP_RECVERR", () => {
    const { lab, a } = pair();
    a.sysctl("ping_group_range", "0 0");
    const sock = a.socket(2, 1);
    sock.setOption("IP_RECVERR", 1);
    a.send(sock, echo(1, 1, 8), "10.0.0.77");
    lab.run(4);
    expect(a.received(sock)).toEqual([113]);
    expect(sock.recvNow(100, { errQueue: true })?.error).toEqual({
      errno: 113,
      origin: 2,
      type: 3,
      code: 1,
      info: 0,
      offender: ip("10.0.0.1"),
    });
  });
});

describe("packet sockets", () => {
  test("of one protocol hear what comes in, before IP does", () => {
    const { lab, a, b } = pair();
    const sock = createPacketSock(b.net, 2, 0x0806);
    a.ping("10.0.0.77");
    lab.run(0.1);
    const message = sock.recvNow(2000, {})!;
    expect([message.bytes.length, message.protocol, message.pktType, [...message.hwAddr!].at(-1)]).toEqual([
      28, 0x0806, 1, 1,
    ]);
    expect(sock.recvNow(2000, {})).toBe(null);
    sock.close();
    a.ping("10.0.0.78");
    lab.run(0.1);
    expect(sock.recvNow(2000, {})).toBe(null);
  });

  test("of all protocols hear what goes out too", () => {
    const { lab, a, b } = pair();
    const sock = createPacketSock(b.net, 3, 3);
    sock.bind({ addr: b.dev("eth0").ifindex, port: 0 });
    a.ping("10.0.0.2");
    lab.run(0.1);
    const kinds = [];
    for (let message = sock.recvNow(2000, {}); message; message = sock.recvNow(2000, {})) kinds.push(message.pktType);
    expect(kinds).toEqual([0, 4]);
  });

  test("send frames as they are, or with a link header made for them", () => {
    const { lab, a, b } = pair();
    const seen = b.capture("eth0");
    const sock = createPacketSock(a.net, 2, 0x0806);
    const arp = Uint8Array.of(0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2);
    const task = sock.sendmsg(arp, { ifindex: a.dev("eth0").ifindex });
    expect(task.next().value).toBe(28);
    lab.run(0.1);
    expect(seen).toEqual([
      "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28",
      "ARP, Reply 10.0.0.2 is-at 02:00:00:00:00:02, length 28",
    ]);
  });
});

describe("a namespace", () => {
  test("returns every packet to the pool", () => {
    const lab = new Lab();
    const [a, , b] = lab.chain("a", "r", "b") as [Host, Host, Host];
    const sock = a.socket(3, 1);
    a.ping("10.1.0.2", { sock });
    a.ping("10.1.0.2", { sock, size: 5000 });
    a.ping("10.1.0.2", { sock, ttl: 1 });
    a.ping("10.0.0.77", { sock });
    a.ping("10.1.0.77", { sock });
    const udp = a.socket(2);
    a.send(udp, new Uint8Array(100), "10.1.0.2", 9);
    udp.joinGroup(ip("239.0.0.1"), a.dev("eth0").ifindex);
    a.send(udp, new Uint8Array(100), "239.0.0.1", 9);
    b.ping("10.0.0.1").close();
    lab.run(100);
    udp.close();
    sock.close();
    expect(lab.kernel.skbs.inUse).toBe(0);
  });

  test("falls silent when nothing is asked of it", () => {
    const lab = new Lab();
    lab.chain("a", "r", "b");
    // the link watch has its round after a second
    lab.run(2);
    expect(lab.sim.idle).toBe(true);
  });

  test("a device that appears later gets its settings and its place", () => {
    const { a } = pair();
    createVethPair(a.net, "v0", a.net, "v1");
    devOpen(a.dev("v0"));
    a.addr("10.5.0.1/24", "v0");
    expect(a.net.sysctl.get("net/ipv4/conf/v0/forwarding")?.read()).toBe("0\n");
    expect(a.ip4.fib.addrType(ip("10.5.0.1"))).toBe(2);
  });

  test("ip_forward sets every device, and those to come", () => {
    const { a } = pair();
    a.sysctl("ip_forward", 1);
    const read = (key: string): string | undefined => a.net.sysctl.get(`net/ipv4/conf/${key}`)?.read().trim();
    expect(["all", "default", "lo", "eth0"].map((name) => read(`${name}/forwarding`))).toEqual(["1", "1", "1", "1"]);
    expect([read("all/accept_redirects"), read("eth0/accept_redirects")]).toEqual(["0", "1"]);
  });
});
