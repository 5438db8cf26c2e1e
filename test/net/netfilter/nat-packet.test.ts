import fc from "fast-check";
import { expect, test } from "vitest";
import { Kernel } from "../../../src/net/core/net.ts";
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, type SkBuff } from "../../../src/net/core/skb.ts";
import { manipPacket, NF_NAT_MANIP_DST, NF_NAT_MANIP_SRC } from "../../../src/net/netfilter/nat-proto.ts";
import { Tuple } from "../../../src/net/netfilter/tuple.ts";
import { Rng } from "../../../src/sim/rng.ts";
import { Sim } from "../../../src/sim/sim.ts";
import { checksumKind, internetChecksum, pseudoHeaderSumAt, udpChecksum } from "../../../src/wire/checksum.ts";
import { set16, set32 } from "../../../src/wire/layout.ts";

const kernel = new Kernel(new Sim(), new Rng(1));

interface Shape {
  readonly proto: number;
  readonly src: number;
  readonly dst: number;
  readonly sport: number;
  readonly dport: number;
  readonly payload: Uint8Array;
  /** the checksum is left to the device */
  readonly partial: boolean;
}

const CHECK_AT: ReadonlyMap<number, number> = new Map([
  [6, 16],
  [17, 6],
  [1, 2],
]);

function build({ proto, src, dst, sport, dport, payload, partial }: Shape): SkBuff {
  const header = proto === 6 ? 20 : 8;
  const skb = kernel.skbs.alloc(20 + header + payload.length);
  const iph = skb.put(20 + header + payload.length);
  const b = skb.head;
  b.fill(0, iph, skb.tail);
  skb.networkHeader = iph;
  const l4 = iph + 20;
  skb.transportHeader = l4;
  b[iph] = 0x45;
  set16(b, iph + 2, skb.tail - iph);
  b[iph + 8] = 64;
  b[iph + 9] = proto;
  set32(b, iph + 12, src);
  set32(b, iph + 16, dst);
  set16(b, iph + 10, internetChecksum(b, iph, l4));
  if (proto === 1) {
    b[l4] = 8;
    set16(b, l4 + 4, sport);
  } else {
    set16(b, l4, sport);
    set16(b, l4 + 2, dport);
    if (proto === 6) b[l4 + 12] = 0x50;
    else set16(b, l4 + 4, 8 + payload.length);
  }
  b.set(payload, l4 + header);
  const at = l4 + CHECK_AT.get(proto)!;
  const pseudo = proto === 1 ? 0 : pseudoHeaderSumAt(b, iph, proto, skb.tail - l4);
  if (partial && proto !== 1) {
    set16(b, at, pseudo);
    skb.ipSummed = CHECKSUM_PARTIAL;
    skb.csumStart = l4;
    skb.csumOffset = at - l4;
  } else {
    const sum = internetChecksum(b, l4, skb.tail, pseudo);
    set16(b, at, proto === 17 ? udpChecksum(sum) : sum);
    skb.ipSummed = CHECKSUM_NONE;
  }
  return skb;
}

/** "valid", or "partial" when the field holds the sum of the pseudo-header. */
function transportState(skb: SkBuff, proto: number): string {
  const b = skb.head;
  const iph = skb.networkHeader;
  const l4 = iph + 20;
  const pseudo = proto === 1 ? 0 : pseudoHeaderSumAt(b, iph, proto, skb.tail - l4);
  return checksumKind(b, l4, l4 + CHECK_AT.get(proto)!, skb.tail, pseudo);
}

const address = fc.integer({ min: 1, max: 0xfffffffe });
const port = fc.integer({ min: 1, max: 0xffff });
const shapes = fc.record({
  proto: fc.constantFrom(6, 17, 1),
  src: address,
  dst: address,
  sport: port,
  dport: port,
  payload: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  partial: fc.boolean(),
});

test("a packet that is translated keeps right checksums, partial ones as partial ones, and comes back as it was", () => {
  fc.assert(
    fc.property(shapes, address, port, fc.boolean(), (shape, to, toPort, source) => {
      const { proto, src, dst, sport, dport } = shape;
      const skb = build(shape);
      const before = skb.head.slice(skb.networkHeader, skb.tail);
      const manip = source ? NF_NAT_MANIP_SRC : NF_NAT_MANIP_DST;
      const icmp = proto === 1;
      const target = new Tuple().set(to, to, toPort, icmp ? 8 << 8 : toPort, proto);
      const back = new Tuple().set(src, dst, sport, icmp ? 8 << 8 : dport, proto);
      const wanted = shape.partial && !icmp ? "partial" : "valid";
      manipPacket(skb, skb.networkHeader, target, manip, proto);
      expect(internetChecksum(skb.head, skb.networkHeader, skb.networkHeader + 20)).toBe(0);
      expect(transportState(skb, proto)).toBe(wanted);
      manipPacket(skb, skb.networkHeader, back, manip, proto);
      expect(skb.head.slice(skb.networkHeader, skb.tail)).toEqual(before);
    }),
  );
});

test("a UDP datagram without a checksum gets none", () => {
  const skb = build({ proto: 17, src: 1, dst: 2, sport: 3, dport: 4, payload: new Uint8Array(4), partial: false });
  const at = skb.networkHeader + 26;
  set16(skb.head, at, 0);
  manipPacket(skb, skb.networkHeader, new Tuple().set(9, 9, 9, 9, 17), NF_NAT_MANIP_SRC, 17);
  expect([skb.head[at], skb.head[at + 1]]).toEqual([0, 0]);
});
