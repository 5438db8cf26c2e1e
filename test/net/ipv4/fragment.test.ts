import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { devSetMtu } from "../../../src/net/core/dev.ts";
import { NF_INET_PRE_ROUTING, NF_STOLEN } from "../../../src/net/core/netfilter.ts";
import { IP_DEFRAG_CONNTRACK_IN, ipDefrag } from "../../../src/net/ipv4/ip-fragment.ts";
import { ETH_P_IP } from "../../../src/wire/ethernet.ts";
import * as ipv4 from "../../../src/wire/ipv4.ts";
import { echo, type Host, ip, Lab } from "./ip-lab.ts";

/** A host on a link, to which fragments are handed as if received. */
function receiver(): { lab: Lab; a: Host; b: Host } {
  const lab = new Lab();
  const a = lab.host("a");
  const b = lab.host("b");
  lab.link(a, "eth0", b, "eth0");
  a.addr("10.0.0.1/24", "eth0");
  b.addr("10.0.0.2/24", "eth0");
  return { lab, a, b };
}

interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly more: boolean;
  readonly id?: number;
  readonly df?: boolean;
  readonly tos?: number;
}

/** Gives a fragment from 10.0.0.1 to the host. */
function give(host: Host, piece: Piece, protocol: number = ipv4.IPPROTO_ICMP): void {
  const { bytes } = piece;
  const skb = host.lab.kernel.skbs.alloc(34 + bytes.length);
  const frame = skb.put(34 + bytes.length);
  const at = frame + 14;
  skb.macHeader = frame;
  skb.data = at;
  const { head } = skb;
  ipv4.setVersionAndHeaderLength(head, at);
  ipv4.setTos(head, at, piece.tos ?? 0);
  ipv4.setTotalLength(head, at, 20 + bytes.length);
  ipv4.setIdentification(head, at, piece.id ?? 7);
  ipv4.setFlagsAndOffset(head, at, (piece.offset >> 3) | (piece.more ? ipv4.MF : 0) | (piece.df ? ipv4.DF : 0));
  ipv4.setTtl(head, at, 64);
  ipv4.setProtocol(head, at, protocol);
  ipv4.setSource(head, at, ip("10.0.0.1"));
  ipv4.setDestination(head, at, ip("10.0.0.2"));
  ipv4.updateChecksum(head, at);
  head.set(bytes, at + 20);
  const dev = host.dev("eth0");
  skb.dev = dev;
  skb.skbIif = dev.ifindex;
  skb.protocol = ETH_P_IP;
  host.net.packetTypes.get(ETH_P_IP)!(skb, dev);
}

function pieces(payload: Uint8Array, sizes: readonly number[]): Piece[] {
  const out: Piece[] = [];
  let offset = 0;
  for (const size of sizes) {
    out.push({ offset, bytes: payload.slice(offset, offset + size), more: offset + size < payload.length });
    offset += size;
  }
  return out;
}

const REPLY = "IP 10.0.0.2 > 10.0.0.1: ICMP echo reply, id 1, seq 1, length";

describe("putting together", () => {
  test("any order of any pieces gives the packet back", () => {
    const payload = echo(1, 1, 3000);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 20 }),
        fc.infiniteStream(fc.nat()),
        (eighths, random) => {
          const { lab, a, b } = receiver();
          const sizes: number[] = [];
          let left = payload.length;
          for (const eighth of eighths) {
            const size = Math.min(eighth * 8, left);
            if (size === left) break;
            sizes.push(size);
            left -= size;
          }
          sizes.push(left);
          const all = pieces(payload, sizes);
          all.sort(() => (random.next().value % 2 === 0 ? 1 : -1));
          const seen = a.capture("eth0");
          for (const piece of all) give(b, piece);
          lab.run(0.1);
          expect(seen.filter((line) => line.startsWith("IP 10.0.0.2"))[0]).toBe(`${REPLY} 1480`);
          expect(b.ip4.mib.ip.ReasmOKs).toBe(sizes.length > 1 ? 1 : 0);
          expect(b.ip4.fragments.memory).toBe(0);
        },
      ),
      { numRuns: 30 },
    );
  });

  test("a duplicate is dropped, an overlap takes everything with it", () => {
    const { lab, b } = receiver();
    const [first, second] = pieces(echo(1, 1, 56), [32, 32]) as [Piece, Piece];
    give(b, first);
    give(b, first);
    give(b, { ...second, offset: 24, more: true });
    give(b, second);
    expect(lab.drops).toEqual(["DUP_FRAG", "FRAG_OVERLAP", "FRAG_OVERLAP"]);
    expect([b.ip4.mib.ip.ReasmFails, b.ip4.mib.ipExt.ReasmOverlaps, b.ip4.mib.ip.ReasmOKs]).toEqual([1, 1, 0]);
  });

  // recorded on Linux 6.18 by sending the same bytes from a raw socket: which were answered, and what was counted after all
  test("overlaps, repetitions and disputed ends are taken as Linux takes them", () => {
    const { lab, a, b } = receiver();
    const seen = a.capture("eth0");
    const cases: readonly (readonly (readonly [number, number, boolean])[])[] = [
      [
        [0, 512, true],
        [512, 1024, false],
      ],
      [
        [512, 1024, false],
        [0, 512, true],
      ],
      [
        [0, 512, true],
        [0, 512, true],
        [512, 1024, false],
      ],
      [
        [0, 512, true],
        [0, 256, true],
        [512, 1024, false],
      ],
      [
        [0, 512, true],
        [256, 768, true],
        [512, 1024, false],
      ],
      [
        [0, 512, true],
        [504, 1024, false],
      ],
      [
        [512, 1024, false],
        [0, 520, true],
      ],
      [
        [0, 256, true],
        [0, 512, true],
        [512, 1024, false],
      ],
      [
        [0, 512, true],
        [512, 1024, false],
        [512, 1024, false],
      ],
      [
        [0, 512, true],
        [512, 1024, true],
        [1016, 1024, false],
      ],
      [
        [0, 512, true],
        [512, 1020, true],
      ],
      [
        [0, 512, true],
        [512, 1024, false],
        [1024, 1032, false],
      ],
      [
        [512, 1024, false],
        [1024, 1032, true],
        [0, 512, true],
      ],
      [
        [0, 512, true],
        [512, 768, false],
        [768, 1024, false],
      ],
      [
        [0, 0, true],
        [0, 512, true],
        [512, 1024, false],
      ],
    ];
    for (const [i, parts] of cases.entries()) {
      const payload = echo(i + 1, 1, 1016);
      for (const [from, to, more] of parts) give(b, { offset: from, bytes: payload.slice(from, to), more, id: i + 1 });
      lab.run(0.05);
    }
    const answered = seen.flatMap((line) => /ICMP echo reply, id (\d+)/.exec(line)?.[1] ?? []);
    expect(answered.map(Number)).toEqual([1, 2, 3, 4, 9, 12, 15]);
    const { ip: mib, ipExt } = b.ip4.mib;
    expect([mib.ReasmReqds, mib.ReasmOKs, mib.ReasmFails, ipExt.ReasmOverlaps]).toEqual([40, 8, 7, 4]);
  });

  test("pieces of different packets, and of different users, stay apart", () => {
    const { b } = receiver();
    const [first, second] = pieces(echo(1, 1, 56), [32, 32]) as [Piece, Piece];
    give(b, first);
    give(b, { ...second, id: 8 });
    expect(b.ip4.mib.ip.ReasmOKs).toBe(0);
    give(b, second);
    expect(b.ip4.mib.ip.ReasmOKs).toBe(1);
  });

  test("ECN: CE on one piece marks the whole, not-ECT beside ECT destroys it", () => {
    const [first, second] = pieces(echo(1, 1, 56), [32, 32]) as [Piece, Piece];
    const { a, b, lab } = receiver();
    const seen = a.capture("eth0", 1);
    give(b, { ...first, tos: 2 });
    give(b, { ...second, tos: 3 });
    lab.run(0.1);
    expect(seen.find((line) => line.includes("echo reply"))).toContain("(tos 0x3,CE,");
    give(b, { ...first, id: 9, tos: 2 });
    give(b, { ...second, id: 9, tos: 0 });
    expect(b.ip4.mib.ip.ReasmFails).toBe(1);
  });

  test("after thirty seconds the pieces go, and the sender of the first one is told", () => {
    const { lab, a, b } = receiver();
    const seen = a.capture("eth0");
    const [first, second] = pieces(echo(1, 1, 1000), [504, 504]) as [Piece, Piece];
    give(b, first);
    give(b, { ...second, id: 8 });
    lab.run(29);
    expect(seen).toEqual([]);
    lab.run(2);
    expect(seen.filter((line) => line.startsWith("IP"))).toEqual([
      "IP 10.0.0.2 > 10.0.0.1: ICMP ip reassembly time exceeded, length 532",
    ]);
    expect([b.ip4.mib.ip.ReasmTimeout, b.ip4.fragments.memory]).toEqual([2, 0]);
    expect(lab.drops.filter((reason) => reason === "FRAG_REASM_TIMEOUT").length).toBe(2);
  });

  test("no more memory than ipfrag_high_thresh is spent", () => {
    const { lab, b } = receiver();
    b.sysctl("ipfrag_low_thresh", 3000);
    b.sysctl("ipfrag_high_thresh", 4000);
    const [first] = pieces(echo(1, 1, 1000), [504, 504]) as [Piece];
    for (let id = 0; id < 20; id++) give(b, { ...first, id });
    expect(lab.drops.filter((reason) => reason === "FRAG_QUEUE_LIMIT").length).toBeGreaterThan(10);
  });

  test("a packet whose pieces come too far apart begins anew (ipfrag_max_dist)", () => {
    const { lab, b } = receiver();
    b.sysctl("ipfrag_max_dist", 4);
    const [first, second] = pieces(echo(1, 1, 56), [32, 32]) as [Piece, Piece];
    give(b, first);
    for (let id = 20; id < 26; id++) give(b, { ...first, id });
    give(b, second);
    expect([b.ip4.mib.ip.ReasmOKs, lab.drops]).toEqual([0, ["FRAG_TOO_FAR"]]);
  });
});

describe("on the way through", () => {
  /** a – r – b where r puts fragments together before it routes, as conntrack does. */
  function tracking(): { lab: Lab; a: Host; r: Host; b: Host } {
    const lab = new Lab();
    const [a, r, b] = lab.chain("a", "r", "b") as [Host, Host, Host];
    r.net.hooksIpv4.register(NF_INET_PRE_ROUTING, {
      name: "defrag",
      priority: -400,
      fn: (skb) => {
        if (!ipv4.isFragment(skb.head, skb.networkHeader)) return 1;
        return ipDefrag(r.ip4, skb, IP_DEFRAG_CONNTRACK_IN) ? 1 : NF_STOLEN;
      },
    });
    a.ping("10.1.0.2").close();
    lab.run(0.1);
    return { lab, a, r, b };
  }
  const lengths = (seen: string[]): string[] =>
    seen
      .filter((line) => line.includes("10.0.0.1 > 10.1.0.2"))
      .map((line) => /offset \d+.*?length \d+/.exec(line)![0].replace(/, proto.*length/, " length"));

  test("pieces that fit leave as they came", () => {
    const { lab, a, b } = tracking();
    devSetMtu(a.dev("eth0"), 1300);
    const seen = b.capture("eth0", 1);
    a.ping("10.1.0.2", { size: 3000 });
    lab.run(0.1);
    expect(lengths(seen)).toEqual([
      "offset 0, flags [+] length 1300",
      "offset 1280, flags [+] length 1300",
      "offset 2560, flags [none] length 468",
    ]);
  });

  test("pieces that do not fit are cut anew", () => {
    const { lab, a, r, b } = tracking();
    devSetMtu(r.dev("p1"), 1400);
    const seen = b.capture("eth0", 1);
    a.ping("10.1.0.2", { size: 3000 });
    lab.run(0.1);
    expect(lengths(seen)).toEqual([
      "offset 0, flags [+] length 1396",
      "offset 1376, flags [+] length 1396",
      "offset 2752, flags [none] length 276",
    ]);
  });

  test("uneven pieces keep their borders", () => {
    const { lab, r, b } = tracking();
    const seen = b.capture("eth0", 1);
    const all = pieces(echo(1, 1, 3000), [1376, 104, 1376, 152]);
    for (const piece of all) give2(r, piece);
    lab.run(0.1);
    expect(lengths(seen)).toEqual([
      "offset 0, flags [+] length 1396",
      "offset 1376, flags [+] length 124",
      "offset 1480, flags [+] length 1396",
      "offset 2856, flags [none] length 172",
    ]);
  });

  test("pieces that carried DF and do not fit are refused, not cut", () => {
    const { lab, r } = tracking();
    devSetMtu(r.dev("p1"), 1000);
    const seen = r.capture("p0");
    for (const piece of pieces(echo(1, 1, 3000), [1376, 1376, 256])) give2(r, { ...piece, df: true });
    lab.run(0.1);
    expect(seen.filter((line) => line.includes("need to frag"))).toEqual([
      "IP 10.0.0.2 > 10.0.0.1: ICMP 10.1.0.2 unreachable - need to frag (mtu 1000), length 556",
    ]);
  });

  /** As give, by r's p0 and to b. */
  function give2(r: Host, piece: Piece): void {
    const skb = r.lab.kernel.skbs.alloc(34 + piece.bytes.length);
    const at = skb.put(34 + piece.bytes.length) + 14;
    skb.macHeader = at - 14;
    skb.data = at;
    const { head } = skb;
    ipv4.setVersionAndHeaderLength(head, at);
    ipv4.setTos(head, at, 0);
    ipv4.setTotalLength(head, at, 20 + piece.bytes.length);
    ipv4.setIdentification(head, at, 77);
    ipv4.setFlagsAndOffset(head, at, (piece.offset >> 3) | (piece.more ? ipv4.MF : 0) | (piece.df ? ipv4.DF : 0));
    ipv4.setTtl(head, at, 64);
    ipv4.setProtocol(head, at, ipv4.IPPROTO_ICMP);
    ipv4.setSource(head, at, ip("10.0.0.1"));
    ipv4.setDestination(head, at, ip("10.1.0.2"));
    ipv4.updateChecksum(head, at);
    head.set(piece.bytes, at + 20);
    const dev = r.dev("p0");
    skb.dev = dev;
    skb.skbIif = dev.ifindex;
    skb.protocol = ETH_P_IP;
    r.net.packetTypes.get(ETH_P_IP)!(skb, dev);
  }
});
