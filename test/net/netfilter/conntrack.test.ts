import { describe, expect, test } from "vitest";
import { NF_INET_PRE_ROUTING } from "../../../src/net/core/netfilter.ts";
import {
  IP_CT_ESTABLISHED_REPLY,
  IP_CT_NEW,
  IP_CT_RELATED,
  IP_CT_RELATED_REPLY,
  IPS_ASSURED,
  IPS_SEEN_REPLY,
} from "../../../src/net/netfilter/conntrack-entry.ts";
import { bucketOf } from "../../../src/net/netfilter/conntrack-hash.ts";
import { nfConntrackText } from "../../../src/net/netfilter/conntrack-text.ts";
import { tcpState } from "../../../src/net/netfilter/proto-tcp.ts";
import { Tuple } from "../../../src/net/netfilter/tuple.ts";
import { set16, set32 } from "../../../src/wire/layout.ts";
import { CLIENT, CtLab, SERVER, type Segment } from "./ct-lab.ts";

const SYN: Segment = { flags: "S", seq: 100, wscale: 7 };
const SYN_ACK: Segment = { flags: "SA", back: true, seq: 500, ack: 101, wscale: 7 };
const ACK: Segment = { flags: "A", seq: 101, ack: 501 };

function established(): CtLab {
  const lab = new CtLab();
  lab.tcp(SYN, SYN_ACK, ACK);
  return lab;
}

describe("TCP", () => {
  test("a connection goes through its states from the handshake to TIME_WAIT", () => {
    const lab = new CtLab();
    expect(
      lab.tcp(
        SYN,
        SYN_ACK,
        ACK,
        { flags: "PA", seq: 101, ack: 501, length: 10 },
        { flags: "FA", seq: 111, ack: 501 },
        { flags: "A", back: true, seq: 501, ack: 112 },
        { flags: "FA", back: true, seq: 501, ack: 112 },
        { flags: "A", seq: 112, ack: 502 },
      ),
    ).toEqual([
      "SYN_SENT",
      "SYN_RECV",
      "ESTABLISHED",
      "ESTABLISHED",
      "FIN_WAIT",
      "CLOSE_WAIT",
      "LAST_ACK",
      "TIME_WAIT",
    ]);
    expect(lab.left()).toBe(120);
  });

  test("each state has its own timeout", () => {
    const lab = new CtLab();
    const left = (segment: Segment): number => {
      lab.tcp(segment);
      return lab.left();
    };
    expect([left(SYN), left(SYN_ACK), left(ACK), left({ flags: "FA", seq: 101, ack: 501 })]).toEqual([
      120, 60, 432000, 120,
    ]);
  });

  test("a refused connection is forgotten with its reset", () => {
    const lab = new CtLab();
    expect(lab.tcp(SYN, { flags: "RA", back: true, seq: 0, ack: 101 })).toEqual(["SYN_SENT", "gone"]);
    expect(lab.nf.ct.count).toBe(0);
  });

  test("a segment beyond what the other side offered is invalid", () => {
    const lab = established();
    expect(lab.tcp({ flags: "A", seq: 101 + 1000 * 128 + 1, ack: 501, length: 1 })).toEqual(["invalid"]);
    expect(lab.tcp({ flags: "A", seq: 101, ack: 9999 })).toEqual(["invalid"]);
  });

  test("liberal mode lets such segments pass", () => {
    const lab = established();
    lab.sysctl("tcp_be_liberal", 1);
    expect(lab.tcp({ flags: "A", seq: 101 + 1000 * 128 + 1, ack: 501, length: 1 })).toEqual(["ESTABLISHED"]);
  });

  test("a reset out of step does not end a connection, the exact one does", () => {
    const lab = established();
    lab.tcp({ flags: "A", back: true, seq: 501, ack: 101 });
    expect(lab.tcp({ flags: "R", seq: 90_000_000 })).toEqual(["invalid"]);
    expect(lab.tcp({ flags: "R", seq: 101 })).toEqual(["CLOSE"]);
  });

  test("a connection is picked up in the middle, unless net.netfilter.nf_conntrack_tcp_loose is off", () => {
    const lab = new CtLab();
    expect(lab.tcp({ flags: "A", seq: 7, ack: 9 })).toEqual(["ESTABLISHED"]);
    expect(lab.left()).toBe(300); // not yet answered
    const strict = new CtLab();
    strict.sysctl("tcp_loose", 0);
    expect(strict.tcp({ flags: "A", seq: 7, ack: 9 })).toEqual(["invalid"]);
  });

  test("a SYN after the end begins a new connection with the same ports", () => {
    const lab = established();
    const [before] = lab.nf.ct.list;
    lab.tcp(
      { flags: "FA", seq: 101, ack: 501 },
      { flags: "FA", back: true, seq: 501, ack: 102 },
      { flags: "A", seq: 102, ack: 502 },
    );
    expect(lab.tcp({ ...SYN, seq: 5000 })).toEqual(["SYN_SENT"]);
    expect(lab.nf.ct.size).toBe(1);
    expect(lab.nf.ct.isAlive(before!)).toBe(false);
  });

  test("a bad checksum and insane flags belong to nothing", () => {
    const lab = new CtLab();
    const skb = lab.segment(SYN);
    skb.head[skb.transportHeader + 16]! ^= 1;
    expect(lab.receive(skb).ct).toBeNull();
    expect(lab.tcp({ flags: "SF" }, { flags: "" })).toEqual(["invalid", "invalid"]);
  });

  test("both sides may open at once", () => {
    const lab = new CtLab();
    expect(
      lab.tcp(
        SYN,
        { flags: "S", back: true, seq: 500, wscale: 7 },
        { flags: "SA", seq: 100, ack: 501 },
        {
          flags: "SA",
          back: true,
          seq: 500,
          ack: 101,
        },
      ),
    ).toEqual(["SYN_SENT", "SYN_SENT2", "SYN_RECV", "SYN_RECV"]);
  });
});

describe("UDP and ICMP", () => {
  test("a datagram lives 30 seconds, a stream 120 and is assured", () => {
    const lab = new CtLab();
    expect(lab.udp()!.status & IPS_SEEN_REPLY).toBe(0);
    expect(lab.left()).toBe(30);
    expect(lab.udp(true)!.status & (IPS_SEEN_REPLY | IPS_ASSURED)).toBe(IPS_SEEN_REPLY);
    expect(lab.left()).toBe(30);
    lab.wait(3);
    expect(lab.udp()!.status & IPS_ASSURED).toBe(IPS_ASSURED);
    expect(lab.left()).toBe(120);
    lab.wait(121);
    expect(lab.nf.ct.count).toBe(0);
  });

  test("an answer is a reply, never a connection of its own", () => {
    const lab = new CtLab();
    const ping = lab.icmp(8, 0, [0, 7, 0, 1])!;
    expect(lab.icmp(0, 0, [0, 7, 0, 1], undefined, true)!.id).toBe(ping.id);
    expect(lab.icmp(0, 0, [0, 9, 0, 1], undefined, true)).toBeNull();
  });

  test("an ICMP error belongs to the connection that it quotes", () => {
    const lab = new CtLab();
    const conn = lab.udp();
    const quoted = new Uint8Array(28);
    quoted[0] = 0x45;
    set16(quoted, 2, 32);
    quoted[8] = 60;
    quoted[9] = 17;
    set32(quoted, 12, CLIENT);
    set32(quoted, 16, SERVER);
    set16(quoted, 20, 1234);
    set16(quoted, 22, 53);
    set16(quoted, 24, 12);
    const message = Uint8Array.from([3, 3, 0, 0, 0, 0, 0, 0, ...quoted]);
    const { ct, ctinfo } = lab.receive(lab.packet(SERVER, CLIENT, 1, message, 2));
    expect([ct!.id, ctinfo]).toEqual([conn!.id, IP_CT_RELATED_REPLY]);
    set16(quoted, 22, 54);
    expect(lab.icmp(3, 3, [0, 0, 0, 0], quoted, true)).toBeNull();
  });

  test("what is no TCP, UDP or ICMP is followed by addresses", () => {
    const lab = new CtLab();
    lab.receive(lab.packet(CLIENT, SERVER, 99, new Uint8Array(30), 20));
    const { ctinfo } = lab.receive(lab.packet(SERVER, CLIENT, 99, new Uint8Array(30), 20));
    expect([lab.left(), ctinfo]).toEqual([600, IP_CT_ESTABLISHED_REPLY]);
    expect(nfConntrackText(lab.nf)).toBe(
      "ipv4     2 unknown  99 600 src=10.0.0.1 dst=10.0.0.2 src=10.0.0.2 dst=10.0.0.1 mark=0 zone=0 use=2\n",
    );
  });
});

describe("the table", () => {
  test("nothing is tracked before a rule needs it, nor after", () => {
    const lab = new CtLab();
    const release = lab.nf.useConntrack();
    expect(lab.nf.tracking).toBe(true);
    release();
    release();
    expect(lab.nf.tracking).toBe(true); // the lab's own use
  });

  test("a full table drops with a line in the log, and half a minute later has given up what nobody answered", () => {
    const lab = new CtLab();
    const log: string[] = [];
    lab.host.net.kernel.printk = (line) => {
      log.push(line);
    };
    lab.nf.ct.sysctl.max = 2;
    for (const port of [1, 2]) lab.tcp({ ...SYN, ports: [port, 80] });
    expect(lab.tcp({ ...SYN, ports: [3, 80] })).toEqual(["dropped"]);
    expect(log).toEqual(["nf_conntrack: nf_conntrack: table full, dropping packet"]);
    lab.wait(31);
    expect(lab.tcp({ ...SYN, ports: [3, 80] })).not.toEqual(["dropped"]);
  });

  test("a first packet makes room where unanswered connections lie near in the table", () => {
    const lab = new CtLab();
    const tuple = new Tuple().set(CLIENT, SERVER, 3, 80, 6);
    // the port whose connection falls into the same bucket or one of the seven after it
    const bucket = bucketOf(tuple, 0);
    const isNear = (port: number): boolean => {
      const other = bucketOf(new Tuple().set(CLIENT, SERVER, port, 80, 6), 0);
      return other >= bucket && other < bucket + 8;
    };
    let near = 4;
    while (!isNear(near)) near++;
    lab.nf.ct.sysctl.max = 2;
    for (const port of [1, near]) lab.tcp({ ...SYN, ports: [port, 80] });
    expect(lab.tcp({ ...SYN, ports: [3, 80] })).not.toEqual(["dropped"]);
    expect([...lab.nf.ct.list].map((conn) => conn.orig.srcU)).toEqual([1, 3]);
    expect(lab.nf.ct.stat.earlyDrop).toBe(1);
  });

  test("assured connections are not given up for a new one", () => {
    const full = new CtLab();
    for (const port of [1, 2]) {
      const ports = [port, 80] as const;
      full.tcp({ ...SYN, ports }, { ...SYN_ACK, ports }, { ...ACK, ports });
    }
    full.nf.ct.sysctl.max = 2;
    expect(full.tcp({ ...SYN, ports: [3, 80] })).toEqual(["dropped"]);
    expect(full.nf.ct.stat.drop).toBe(1);
  });

  test("packets and bytes are counted when accounting is on", () => {
    const lab = new CtLab();
    lab.sysctl("acct", 1);
    lab.udp();
    lab.udp();
    expect(lab.udp(true)!.acct).toEqual({ packets: [2, 1], bytes: [64, 32] });
  });

  test("a listener learns of beginning, answer and end", () => {
    const lab = new CtLab();
    const heard: number[] = [];
    const stop = lab.nf.ct.events.listen((events) => heard.push(events));
    lab.udp();
    lab.udp(true);
    lab.wait(40);
    stop();
    expect(heard).toEqual([1, 8, 4]); // NEW, REPLY, DESTROY
  });

  test("new connections are NEW, a first answer makes them ESTABLISHED", () => {
    const lab = new CtLab();
    expect(lab.receive(lab.segment(SYN)).ctinfo).toBe(IP_CT_NEW);
    expect(lab.receive(lab.segment(SYN_ACK)).ctinfo).toBe(IP_CT_ESTABLISHED_REPLY);
    expect(IP_CT_RELATED).toBe(1);
  });
});

test("GRE is followed by addresses; answered, it lasts longer and is assured", () => {
  const lab = new CtLab();
  lab.receive(lab.packet(CLIENT, SERVER, 47, new Uint8Array(30), 20));
  expect(lab.left()).toBe(30);
  lab.receive(lab.packet(SERVER, CLIENT, 47, new Uint8Array(30), 20));
  lab.receive(lab.packet(CLIENT, SERVER, 47, new Uint8Array(30), 20));
  expect(nfConntrackText(lab.nf)).toBe(
    "ipv4     2 gre      47 180 src=10.0.0.1 dst=10.0.0.2 srckey=0x0 dstkey=0x0 src=10.0.0.2 dst=10.0.0.1 srckey=0x0 dstkey=0x0 [ASSURED] mark=0 zone=0 use=2\n",
  );
});

describe("the rows of connections", () => {
  test("a connection that ends stays what it was for a packet that still has it, and then makes room", () => {
    const lab = new CtLab();
    const { rows } = lab.nf.ct;
    const waiting = lab.segment({ ...SYN, ports: [7, 80] });
    lab.receive(waiting);
    const conn = waiting.ct;
    lab.nf.ct.killWhere(() => true);
    for (let i = 0; i < 2000; i++) {
      const skb = lab.segment({ ...SYN, ports: [1000 + i, 80] });
      lab.receive(skb);
      expect(skb.ct).not.toBe(conn);
      skb.pool.consume(skb);
      lab.nf.ct.killWhere(() => true);
    }
    expect([rows.srcU(conn, 0), tcpState(lab.nf.ct, conn)]).toEqual([7, 1]);
    waiting.pool.consume(waiting);
    const reused = new Set<number>();
    for (let i = 0; i < 2000; i++) {
      const skb = lab.segment({ ...SYN, ports: [1000 + i, 80] });
      lab.receive(skb);
      reused.add(skb.ct);
      skb.pool.consume(skb);
      lab.nf.ct.killWhere(() => true);
    }
    expect(reused.has(conn)).toBe(true);
    expect(rows.capacity).toBeLessThan(1000);
  });

  test("first packets that are dropped, and connections that expire, need no more room", () => {
    const lab = new CtLab();
    const { ct } = lab.nf;
    const skbs = [...Array(5000).keys()].map((i) => ({ ...SYN, ports: [i, 80] as const }));
    for (const segment of skbs) {
      const skb = lab.segment(segment);
      lab.host.net.hooksIpv4.run(NF_INET_PRE_ROUTING, skb, lab.dev, null, null);
      skb.pool.consume(skb); // before it is confirmed
    }
    expect([ct.size, ct.rows.capacity < 1000]).toEqual([0, true]);
    for (let i = 0; i < 5000; i++) {
      const skb = lab.segment({ ...SYN, ports: [i, 80] });
      lab.receive(skb);
      skb.pool.consume(skb);
      lab.wait(1);
    }
    expect([ct.count, ct.rows.capacity < 1000]).toEqual([119, true]);
  });

  test("a TCP connection's windows are free with it", () => {
    const lab = new CtLab();
    for (let i = 0; i < 5000; i++) {
      const skb = lab.segment({ ...SYN, ports: [i, 80] });
      lab.receive(skb);
      skb.pool.consume(skb);
      lab.nf.ct.killWhere(() => true);
    }
    expect(lab.nf.ct.tcp.words.byteLength).toBeLessThan(1000 * 64);
  });

  test("ten thousand connections are found among each other and end one by one", () => {
    const lab = new CtLab();
    const { ct } = lab.nf;
    const send = (i: number): void => {
      const skb = lab.segment({ ...SYN, ports: [i, 80] });
      lab.receive(skb);
      skb.pool.consume(skb);
    };
    for (let i = 0; i < 10_000; i++) send(i);
    for (let i = 0; i < 10_000; i++) send(i);
    expect(ct.size).toBe(10_000);
    expect(ct.list.map(({ orig }) => orig.srcU)).toEqual([...Array(10_000).keys()]);
    expect(new Set(ct.list.map(({ id }) => id)).size).toBe(10_000);
    expect(ct.killWhere((conn) => ct.rows.srcU(conn, 0) % 3 !== 0)).toBe(6666);
    for (let i = 0; i < 10_000; i += 3) send(i);
    expect(ct.size).toBe(3334);
  });
});
