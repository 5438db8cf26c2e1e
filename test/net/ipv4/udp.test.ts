import { describe, expect, test } from "vitest";
import { CHECKSUM_PARTIAL } from "../../../src/net/core/skb.ts";
import type { Message } from "../../../src/net/core/sock.ts";
import type { UdpSock } from "../../../src/net/ipv4/udp.ts";
import { dotted, type Host, ip, Lab, refusal } from "./ip-lab.ts";

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const text = (message: Message | number): string =>
  typeof message === "number"
    ? `errno ${message}`
    : `${String.fromCharCode(...message.bytes)} from ${dotted(message.from.addr)}:${message.from.port}`;

function pair(): { lab: Lab; a: Host; b: Host } {
  const lab = new Lab();
  const a = lab.host("a");
  const b = lab.host("b");
  lab.link(a, "eth0", b, "eth0");
  a.addr("10.0.0.1/24", "eth0");
  b.addr("10.0.0.2/24", "eth0");
  return { lab, a, b };
}

function udp(host: Host, address = "0.0.0.0", port = 0): UdpSock {
  const sock = host.socket(2) as UdpSock;
  sock.bind({ addr: ip(address), port });
  return sock;
}

describe("sending", () => {
  test("a datagram arrives with its sender's address and port", () => {
    const { lab, a, b } = pair();
    const server = udp(b, "0.0.0.0", 53);
    const client = udp(a, "0.0.0.0", 4000);
    a.send(client, bytes("hello"), "10.0.0.2", 53);
    lab.run(0.1);
    expect(b.received(server).map(text)).toEqual(["hello from 10.0.0.1:4000"]);
  });

  test("a payload of any length arrives as it was sent, by either way of reading", () => {
    const { lab, a, b } = pair();
    const server = udp(b, "0.0.0.0", 53);
    const client = udp(a);
    client.connectStart({ addr: ip("10.0.0.2"), port: 53 });
    lab.run(0.1);
    for (let length = 0; length < 200; length++) {
      const payload = Uint8Array.from({ length }, (_, i) => length * 7 + i * 31);
      for (let copy = 0; copy < 2; copy++) client.sendNow(payload, {});
      lab.run(0.1);
      expect(server.recvNow(2048, {})!.bytes).toEqual(payload);
      const buffer = new Uint8Array(256).fill(99);
      expect(server.recvInto(buffer)).toBe(length);
      expect(buffer.subarray(0, length)).toEqual(payload);
      expect(buffer[length]).toBe(99);
    }
  });

  test("0.0.0.0 is this host, also after a datagram by the default route", () => {
    const { lab, a, b } = pair();
    a.route("0.0.0.0/0", { via: "10.0.0.2" });
    b.sysctl("ip_forward", 1);
    const here = udp(a, "0.0.0.0", 53);
    const client = udp(a, "0.0.0.0", 4000);
    for (let i = 0; i < 3; i++) client.sendNow(bytes("away"), { to: { addr: ip("192.0.2.1"), port: 53 } });
    client.sendNow(bytes("here"), { to: { addr: 0, port: 53 } });
    lab.run(0.1);
    expect(a.received(here).map(text)).toEqual(["here from 127.0.0.1:4000"]);
  });

  test("a socket that gets all of its port gets it no longer once it is connected, or another one is there", () => {
    const { lab, a, b } = pair();
    const server = udp(b, "0.0.0.0", 53);
    const client = udp(a, "0.0.0.0", 4000);
    const send = (what: string): void => void client.sendNow(bytes(what), { to: { addr: ip("10.0.0.2"), port: 53 } });
    const arrived = (sock: UdpSock): string[] => {
      lab.run(0.1);
      return b.received(sock).map((message) => text(message).slice(0, 1));
    };
    for (const what of ["1", "2", "3"]) send(what);
    expect(arrived(server)).toEqual(["1", "2", "3"]);
    server.connectStart({ addr: ip("10.0.0.9"), port: 4000 });
    send("4");
    expect(arrived(server)).toEqual([]);
    server.disconnect();
    send("5");
    expect(arrived(server)).toEqual(["5"]);
    server.setOption("SO_REUSEADDR", 1);
    const nearer = b.socket(2) as UdpSock;
    nearer.setOption("SO_REUSEADDR", 1);
    nearer.bind({ addr: ip("10.0.0.2"), port: 53 });
    send("6");
    expect(arrived(server)).toEqual([]);
    expect(arrived(nearer)).toEqual(["6"]);
    nearer.close();
    send("7");
    expect(arrived(server)).toEqual(["7"]);
    server.setOption("SO_BINDTODEVICE", b.dev("lo").ifindex);
    send("8");
    expect(arrived(server)).toEqual([]);
  });

  test("a connected socket that is connected elsewhere, or gets other options, sends by what holds now", () => {
    const { lab, a, b } = pair();
    b.addr("10.0.0.3/24", "eth0");
    const [one, other] = [udp(b, "10.0.0.2", 53), udp(b, "10.0.0.3", 54)];
    const client = udp(a);
    const send = (text: string): void => {
      client.sendNow(bytes(text), {});
      lab.run(0.1);
    };
    client.connectStart({ addr: ip("10.0.0.2"), port: 53 });
    for (const text of ["a", "b", "c"]) send(text);
    client.setOption("IP_TTL", 7);
    client.setOption("IP_TOS", 8);
    send("d");
    client.connectStart({ addr: ip("10.0.0.3"), port: 54 });
    for (const text of ["e", "f"]) send(text);
    client.sendNow(bytes("g"), { to: { addr: ip("10.0.0.2"), port: 53 } });
    send("h");
    const at = (sock: UdpSock): string[] =>
      b
        .received(sock)
        .map((m) => `${String.fromCharCode(...(m as Message).bytes)} ${(m as Message).ttl} ${(m as Message).tos}`);
    expect(at(one)).toEqual(["a 64 0", "b 64 0", "c 64 0", "d 7 8", "g 7 8"]);
    expect(at(other)).toEqual(["e 7 8", "f 7 8", "h 7 8"]);
    client.disconnect();
    expect(refusal(() => client.sendNow(bytes("i"), {}))).toBe("Destination address required");
  });

  test("what a connected socket sends by other routes, or cannot, changes nothing of what it sends to its peer", () => {
    const { lab, a, b } = pair();
    const [peer, here] = [udp(b, "0.0.0.0", 53), udp(a, "0.0.0.0", 53)];
    const client = udp(a);
    client.connectStart({ addr: ip("10.0.0.2"), port: 53 });
    const others = ["127.0.0.1", "10.0.0.1", "127.0.0.1"];
    for (let i = 0; i < 3; i++) {
      client.sendNow(bytes("peer"), {});
      for (const address of others) client.sendNow(bytes("other"), { to: { addr: ip(address), port: 53 } });
      client.sendNow(bytes("peer"), {});
      expect(refusal(() => client.sendNow(bytes("none"), { to: { addr: ip("10.7.0.1"), port: 53 } }))).toBe(
        "Network is unreachable",
      );
      // by the way of datagrams that are put together
      client.sendNow(bytes("pe"), { more: true });
      client.sendNow(bytes("er"), {});
      lab.run(0.1);
    }
    const got = (host: Host, sock: UdpSock): string[] =>
      host.received(sock).map((m) => String.fromCharCode(...(m as Message).bytes));
    expect(got(b, peer)).toEqual(Array(9).fill("peer"));
    expect(got(a, here)).toEqual(Array(9).fill("other"));
  });

  test("a port is drawn at random from ip_local_port_range, past reserved ones", () => {
    const { a } = pair();
    a.sysctl("ip_local_port_range", "5000 5003");
    a.sysctl("ip_local_reserved_ports", "5001");
    const ports = [udp(a).sport, udp(a).sport, udp(a).sport].sort();
    expect(ports).toEqual([5000, 5002, 5003]);
    expect(refusal(() => udp(a))).toBe("Address already in use");
  });

  test("the checksum is left to a device that can, and made here when the datagram is cut", () => {
    const { lab, a } = pair();
    const sums: number[] = [];
    a.dev("eth0").taps.push({
      capture: (skb, _dev, out) => {
        if (out && skb.protocol === 0x0800) sums.push(skb.ipSummed === CHECKSUM_PARTIAL ? 1 : 0);
      },
    });
    const sock = udp(a);
    const seen = a.capture("eth0", 2);
    a.send(sock, new Uint8Array(1472), "10.0.0.2", 9);
    a.send(sock, new Uint8Array(1473), "10.0.0.2", 9);
    lab.run(0.1);
    a.dev("eth0").features = { ...a.dev("eth0").features, txCsum: false };
    a.send(sock, new Uint8Array(1), "10.0.0.2", 9);
    lab.run(0.1);
    expect(sums).toEqual([1, 0, 0, 0]);
    const own = seen.filter((line) => !line.includes("ICMP"));
    expect(own.map((line) => /bad udp cksum|udp sum ok/.exec(line)?.[0])).toEqual([
      undefined,
      undefined,
      "bad udp cksum",
      undefined,
      undefined,
      "udp sum ok",
    ]);
  });

  test("a connected socket counts its own identifications, an unconnected one draws from the hashed counters", () => {
    const { lab, a, b } = pair();
    udp(b, "0.0.0.0", 9);
    const ids: number[] = [];
    b.dev("eth0").taps.push({
      capture: (skb) => {
        if (skb.protocol === 0x0800) ids.push((skb.head[skb.data + 18]! << 8) | skb.head[skb.data + 19]!);
      },
    });
    const sock = udp(a);
    sock.connectStart({ addr: ip("10.0.0.2"), port: 9 });
    for (let i = 0; i < 3; i++) a.send(sock, bytes("x"));
    lab.run(0.1);
    expect(ids.map((id) => (id - ids[0]! + 65536) % 65536)).toEqual([0, 1, 2]);
    expect(ids[0]).not.toBe(0);
  });

  test("what cannot be sent says why", () => {
    const { a } = pair();
    const sock = udp(a);
    expect([
      a.send(sock, new Uint8Array(65508), "10.0.0.2", 9),
      a.send(sock, bytes("x"), "10.0.0.2", 0),
      a.send(sock, bytes("x")),
      a.send(sock, bytes("x"), "10.0.0.255", 9),
      a.send(sock, bytes("x"), "20.0.0.1", 9),
    ]).toEqual([90, 22, 89, 13, 101]);
    sock.setOption("SO_BROADCAST", 1);
    expect(a.send(sock, bytes("x"), "10.0.0.255", 9)).toBe(0);
  });
});

describe("binding", () => {
  test("an address that is not ours, and a port that is taken, are refused", () => {
    const { a } = pair();
    udp(a, "10.0.0.1", 53);
    expect([
      refusal(() => udp(a, "10.0.0.9", 53)),
      refusal(() => udp(a, "10.0.0.1", 53)),
      refusal(() => udp(a, "0.0.0.0", 53)),
      refusal(() => udp(a, "127.0.0.1", 53)),
    ]).toEqual(["Cannot assign requested address", "Address already in use", "Address already in use", "ok"]);
    a.sysctl("ip_nonlocal_bind", 1);
    expect(refusal(() => udp(a, "10.0.0.9", 53))).toBe("ok");
  });

  test("the socket bound to the address wins over the one bound to any, the connected one over both", () => {
    const { lab, a, b } = pair();
    const any = b.socket(2);
    any.reuseAddr = true;
    any.bind({ addr: 0, port: 53 });
    const bound = b.socket(2);
    bound.reuseAddr = true;
    bound.bind({ addr: ip("10.0.0.2"), port: 53 });
    const client = udp(a, "10.0.0.1", 4000);
    a.send(client, bytes("1"), "10.0.0.2", 53);
    lab.run(0.1);
    const connected = b.socket(2);
    connected.reuseAddr = true;
    connected.bind({ addr: ip("10.0.0.2"), port: 53 });
    connected.connectStart({ addr: ip("10.0.0.1"), port: 4000 });
    a.send(client, bytes("2"), "10.0.0.2", 53);
    lab.run(0.1);
    expect([any, bound, connected].map((sock) => b.received(sock).map(text))).toEqual([
      [],
      ["1 from 10.0.0.1:4000"],
      ["2 from 10.0.0.1:4000"],
    ]);
  });

  test("SO_REUSEPORT shares flows among its sockets and keeps each with one", () => {
    const { lab, a, b } = pair();
    const servers = [0, 1, 2].map(() => {
      const sock = b.socket(2);
      sock.reusePort = true;
      sock.bind({ addr: 0, port: 53 });
      return sock;
    });
    for (let i = 0; i < 60; i++) {
      const client = udp(a);
      a.send(client, bytes("x"), "10.0.0.2", 53);
      a.send(client, bytes("x"), "10.0.0.2", 53);
    }
    lab.run(0.1);
    const counts = servers.map((sock) => b.received(sock).length);
    expect(counts.reduce((sum, n) => sum + n)).toBe(120);
    for (const count of counts) expect([count % 2, count > 10]).toEqual([0, true]);
  });
});

describe("receiving", () => {
  test("a connected socket hears its peer only", () => {
    const { lab, a, b } = pair();
    const server = udp(b, "0.0.0.0", 53);
    server.connectStart({ addr: ip("10.0.0.1"), port: 4000 });
    a.send(udp(a, "0.0.0.0", 4001), bytes("no"), "10.0.0.2", 53);
    a.send(udp(a, "0.0.0.0", 4000), bytes("yes"), "10.0.0.2", 53);
    lab.run(0.1);
    expect(b.received(server).map(text)).toEqual(["yes from 10.0.0.1:4000"]);
  });

  test("a broadcast reaches every socket of its port, on this host too", () => {
    const { lab, a, b } = pair();
    const servers = ["10.0.0.2", "0.0.0.0"].map((address) => {
      const sock = b.socket(2);
      sock.reuseAddr = true;
      sock.bind({ addr: ip(address), port: 67 });
      return sock;
    });
    const own = udp(a, "0.0.0.0", 67);
    const client = udp(a, "0.0.0.0", 68);
    client.setOption("SO_BROADCAST", 1);
    a.send(client, bytes("x"), "10.0.0.255", 67);
    lab.run(0.1);
    expect([...servers.map((sock) => b.received(sock).length), a.received(own).length]).toEqual([0, 1, 1]);
  });

  test("a full receive buffer drops and counts", () => {
    const { lab, a, b } = pair();
    const server = udp(b, "0.0.0.0", 53);
    server.setOption("SO_RCVBUF", 2304);
    for (let i = 0; i < 20; i++) a.send(udp(a), bytes("x"), "10.0.0.2", 53);
    lab.run(0.1);
    const got = b.received(server).length;
    expect(b.ip4.mib.udp.RcvbufErrors).toBe(20 - got);
    expect(lab.drops.filter((reason) => reason === "SOCKET_RCVBUFF").length).toBe(20 - got);
  });

  test("a wrong checksum is dropped, none at all is believed", () => {
    const { lab, a, b } = pair();
    const server = udp(b, "0.0.0.0", 53);
    const raw = a.socket(3, 17);
    const datagram = (checksum: number): Uint8Array =>
      Uint8Array.of(0x0f, 0xa0, 0, 53, 0, 9, checksum >> 8, checksum & 255, 0x78);
    a.send(raw, datagram(0x1234), "10.0.0.2");
    a.send(raw, datagram(0), "10.0.0.2");
    lab.run(0.1);
    expect([b.received(server).map(text), b.ip4.mib.udp.InCsumErrors, lab.drops]).toEqual([
      ["x from 10.0.0.1:4000"],
      1,
      ["UDP_CSUM"],
    ]);
  });
});

describe("errors", () => {
  test("port unreachable becomes ECONNREFUSED at a connected socket, once", () => {
    const { lab, a } = pair();
    const sock = udp(a);
    sock.connectStart({ addr: ip("10.0.0.2"), port: 9 });
    a.send(sock, bytes("x"));
    lab.run(0.1);
    expect([a.send(sock, bytes("x")), a.send(sock, bytes("x"))]).toEqual([111, 0]);
  });

  test("an unconnected socket hears of errors only with IP_RECVERR, and then who sent them", () => {
    const { lab, a, b } = pair();
    const deaf = udp(a);
    a.send(deaf, bytes("x"), "10.0.0.2", 9);
    lab.run(0.1);
    expect(a.received(deaf)).toEqual([]);
    const sock = udp(a);
    sock.setOption("IP_RECVERR", 1);
    a.send(sock, bytes("abc"), "10.0.0.2", 9);
    lab.run(0.1);
    expect(a.received(sock)).toEqual([111]);
    const message = sock.recvNow(100, { errQueue: true })!;
    expect([
      String.fromCharCode(...message.bytes),
      dotted(message.from.addr),
      message.from.port,
      message.error,
    ]).toEqual(["abc", "10.0.0.2", 9, { errno: 111, origin: 2, type: 3, code: 3, info: 0, offender: ip("10.0.0.2") }]);
    expect(b.ip4.mib.udp.NoPorts).toBe(2);
  });

  test("a next hop that does not answer is EHOSTUNREACH in the error queue after three seconds", () => {
    const { lab, a } = pair();
    const sock = udp(a);
    sock.setOption("IP_RECVERR", 1);
    sock.connectStart({ addr: ip("10.0.0.77"), port: 9 });
    a.send(sock, bytes("x"));
    lab.run(3.5);
    expect(a.received(sock)).toEqual([113]);
  });
});

describe("multicast", () => {
  test("members on the link and on this host get a copy, others do not", () => {
    const { lab, a, b } = pair();
    const group = ip("239.1.2.3");
    const member = b.socket(2);
    member.bind({ addr: 0, port: 5000 });
    const own = a.socket(2);
    own.bind({ addr: 0, port: 5000 });
    const sender = udp(a, "0.0.0.0", 4000);
    sender.setOption("IP_MULTICAST_IF", a.dev("eth0").ifindex);
    a.send(sender, bytes("1"), "239.1.2.3", 5000);
    lab.run(0.1);
    member.joinGroup(group, b.dev("eth0").ifindex);
    own.joinGroup(group, a.dev("eth0").ifindex);
    lab.run(2);
    a.send(sender, bytes("2"), "239.1.2.3", 5000);
    lab.run(0.1);
    sender.setOption("IP_MULTICAST_LOOP", 0);
    a.send(sender, bytes("3"), "239.1.2.3", 5000);
    lab.run(0.1);
    expect([b.received(member).map(text), a.received(own).map(text)]).toEqual([
      ["2 from 10.0.0.1:4000", "3 from 10.0.0.1:4000"],
      ["2 from 10.0.0.1:4000"],
    ]);
  });

  test("its link address is made of the group, and its TTL is 1", () => {
    const { lab, a } = pair();
    const macs: string[] = [];
    a.dev("eth0").taps.push({
      capture: (skb) => macs.push([...skb.head.subarray(skb.data, skb.data + 6)].map((n) => n.toString(16)).join(":")),
    });
    const seen = a.capture("eth0", 1);
    const sender = udp(a);
    sender.setOption("IP_MULTICAST_IF", a.dev("eth0").ifindex);
    a.send(sender, bytes("1"), "239.129.2.3", 5000);
    lab.run(0.1);
    expect([macs, seen[0]?.includes("ttl 1,")]).toEqual([["1:0:5e:1:2:3"], true]);
  });

  test("joining is reported by IGMP version 3 twice, leaving too", () => {
    const { lab, a } = pair();
    const seen = a.capture("eth0", 1);
    const member = a.socket(2);
    member.joinGroup(ip("239.1.2.3"), a.dev("eth0").ifindex);
    lab.run(3);
    member.close();
    lab.run(3);
    const report = (kind: string): string =>
      `IP (tos 0xc0, ttl 1, id 0, offset 0, flags [DF], proto IGMP (2), length 40, options (RA)) 10.0.0.1 > 224.0.0.22: igmp v3 report, 1 group record(s) [gaddr 239.1.2.3 ${kind}, 0 source(s)]`;
    expect(seen).toEqual([report("to_ex"), report("to_ex"), report("to_in"), report("to_in")]);
  });
});
