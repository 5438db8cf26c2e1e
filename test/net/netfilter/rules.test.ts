import fc from "fast-check";
import { expect, test } from "vitest";
import type { NetDevice } from "../../../src/net/core/net-device.ts";
import { NF_INET_LOCAL_IN } from "../../../src/net/core/netfilter.ts";
import type { SkBuff } from "../../../src/net/core/skb.ts";
import { type Netfilter, netfilterInit } from "../../../src/net/netfilter/netfilter.ts";
import { iptables } from "../../../src/tools/iptables/run.ts";
import { formatIpv4 } from "../../../src/wire/addr.ts";
import { set16, set32 } from "../../../src/wire/layout.ts";
import { type Host, Lab } from "../ipv4/ip-lab.ts";

/** What a rule asks, each part possibly negated. */
interface Question {
  readonly src?: readonly [number, number, boolean];
  readonly dst?: readonly [number, number, boolean];
  readonly proto?: readonly [number, boolean];
  readonly iface?: readonly [string, boolean];
  readonly dport?: readonly [number, number, boolean];
  readonly frag?: boolean;
}

interface PlainRule {
  readonly question: Question;
  /** "": none; "go B" is a goto */
  readonly target: string;
}

interface Packet {
  readonly src: number;
  readonly dst: number;
  readonly proto: number;
  readonly dport: number;
  readonly offset: number;
  readonly iface: "va" | "vb";
}

const BASE = 0x0a000000;
const CHAINS = ["INPUT", "A", "B", "C"];

const address = fc.integer({ min: 0, max: 15 }).map((n) => BASE + n);
const prefix = fc.constantFrom(32, 31, 30, 29, 8);
const negated = fc.boolean();
const questions: fc.Arbitrary<Question> = fc.record(
  {
    src: fc.tuple(address, prefix, negated),
    dst: fc.tuple(address, prefix, negated),
    iface: fc.tuple(fc.constantFrom("va", "vb", "v+", "lo"), negated),
    frag: fc.boolean(),
  },
  { requiredKeys: [] },
);
const ports = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 3 }), negated)
  .map(([low, more, not]): [number, number, boolean] => [low, low + more, not]);
const transport = fc.oneof(
  fc.constant({}),
  fc.record({ proto: fc.tuple(fc.constantFrom(1, 6, 17), negated) }),
  fc.record({ proto: fc.constantFrom<[number, boolean]>([6, false], [17, false]), dport: ports }),
);
const rule = (chain: number): fc.Arbitrary<PlainRule> => {
  const later = CHAINS.slice(chain + 1).flatMap((name) => [name, `go ${name}`]);
  const target = fc.constantFrom("", "ACCEPT", "DROP", "RETURN", ...later, ...later);
  return fc
    .tuple(questions, transport, target)
    .map(([header, rest, to]): PlainRule => ({ question: { ...header, ...rest }, target: to }));
};
/** Short chains, which are walked, and long ones, which have an index. */
const tables = fc.tuple(
  ...CHAINS.map((_, i) =>
    fc.oneof(
      { weight: 3, arbitrary: fc.array(rule(i), { maxLength: 5 }) },
      fc
        .array(fc.constantFrom(0, 1, 2, 3), { minLength: 90, maxLength: 120 })
        .chain((picks) => fc.tuple(rule(i), rule(i), rule(i), rule(i)).map((few) => picks.map((pick) => few[pick]!))),
    ),
  ),
);
const packets: fc.Arbitrary<Packet> = fc.record({
  src: address,
  dst: address,
  proto: fc.constantFrom(1, 6, 17),
  dport: fc.integer({ min: 0, max: 9 }),
  offset: fc.constantFrom(0, 0, 0, 8),
  iface: fc.constantFrom("va", "vb"),
});

function text({ question, target }: PlainRule): string[] {
  const words: string[] = [];
  const not = (negate: boolean): void => {
    if (negate) words.push("!");
  };
  const { src, dst, proto, iface, dport, frag } = question;
  for (const [option, value] of [
    ["-s", src],
    ["-d", dst],
  ] as const) {
    if (!value) continue;
    not(value[2]);
    words.push(option, `${formatIpv4(value[0])}/${value[1]}`);
  }
  if (iface) {
    not(iface[1]);
    words.push("-i", iface[0]);
  }
  if (proto) {
    not(proto[1]);
    words.push("-p", String(proto[0]));
  }
  if (dport) {
    not(dport[2]);
    words.push("--dport", `${dport[0]}:${dport[1]}`);
  }
  if (frag !== undefined) {
    not(!frag);
    words.push("-f");
  }
  if (target.startsWith("go ")) words.push("-g", target.slice(3));
  else if (target !== "") words.push("-j", target);
  return words;
}

function inPrefix(value: number, [base, bits]: readonly [number, number, boolean]): boolean {
  return bits === 0 || value >>> (32 - bits) === base >>> (32 - bits);
}

function answers({ src, dst, proto, iface, dport, frag }: Question, packet: Packet): boolean {
  if (src && inPrefix(packet.src, src) === src[2]) return false;
  if (dst && inPrefix(packet.dst, dst) === dst[2]) return false;
  if (proto && (packet.proto === proto[0]) === proto[1]) return false;
  if (iface) {
    const same = iface[0].endsWith("+") ? packet.iface.startsWith(iface[0].slice(0, -1)) : packet.iface === iface[0];
    if (same === iface[1]) return false;
  }
  if (frag !== undefined && (packet.offset !== 0) !== frag) return false;
  if (!dport) return true;
  return packet.offset === 0 && (packet.dport >= dport[0] && packet.dport <= dport[1]) !== dport[2];
}

/** Walks the rules as objects: the verdict, or undefined where the chain ends. */
function walk(chains: readonly PlainRule[][], chain: number, packet: Packet, counts: number[][]): string | undefined {
  for (const [i, { question, target }] of chains[chain]!.entries()) {
    if (!answers(question, packet)) continue;
    counts[chain]![i]!++;
    if (target === "") continue;
    if (target === "ACCEPT" || target === "DROP") return target;
    if (target === "RETURN") return undefined;
    const goes = target.startsWith("go ");
    const verdict = walk(chains, CHAINS.indexOf(goes ? target.slice(3) : target), packet, counts);
    if (verdict !== undefined || goes) return verdict;
  }
  return undefined;
}

function build(host: Host, { src, dst, proto, dport, offset }: Packet): SkBuff {
  const skb = host.net.kernel.skbs.alloc(60);
  const iph = skb.put(60);
  const b = skb.head;
  b.fill(0, iph, skb.tail);
  skb.networkHeader = iph;
  skb.transportHeader = iph + 20;
  b[iph] = 0x45;
  set16(b, iph + 2, 60);
  set16(b, iph + 6, offset);
  b[iph + 9] = proto;
  set32(b, iph + 12, src);
  set32(b, iph + 16, dst);
  set16(b, iph + 22, dport);
  return skb;
}

function load(nf: Netfilter, chains: readonly PlainRule[][]): void {
  const run = (...args: string[]): void => {
    const { status, stderr } = iptables(nf, args);
    if (status !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
  };
  for (const name of CHAINS.slice(1)) run("-N", name);
  for (const [i, rules] of chains.entries()) for (const r of rules) run("-A", CHAINS[i]!, ...text(r));
}

test("compiled rules give the verdicts and counts of rules read one by one", () => {
  fc.assert(
    fc.property(tables, fc.array(packets, { minLength: 1, maxLength: 12 }), (chains, sent) => {
      const lab = new Lab();
      const host = lab.host("h");
      const [va] = lab.link(host, "va", host, "vb");
      const devices: Record<string, NetDevice> = { va, vb: host.dev("vb") };
      const nf = netfilterInit(host.net, host.ip4);
      load(nf, chains);
      const counts = chains.map((rules) => rules.map(() => 0));
      for (const packet of sent) {
        const wanted = (walk(chains, 0, packet, counts) ?? "ACCEPT") === "ACCEPT";
        const skb = build(host, packet);
        expect(host.net.hooksIpv4.run(NF_INET_LOCAL_IN, skb, devices[packet.iface]!, null, null)).toBe(wanted);
      }
      const table = nf.tables.tables.get("filter");
      const counted = CHAINS.map((name) => table?.chains.get(name)?.rules.map((r) => r.packets) ?? []);
      expect(counted).toEqual(counts);
    }),
    { numRuns: 150 },
  );
});

test("both ports negated are compared as one pair, as iptables-nft compares them", () => {
  const lab = new Lab();
  const host = lab.host("h");
  const [dev] = lab.link(host, "va", host, "vb");
  const nf = netfilterInit(host.net, host.ip4);
  iptables(nf, "-A INPUT -p udp ! --sport 7 ! --dport 9 -j DROP".split(" "));
  const passes = (sport: number, dport: number): boolean => {
    const skb = build(host, { src: 1, dst: 2, proto: 17, dport, offset: 0, iface: "va" });
    set16(skb.head, skb.transportHeader, sport);
    return host.net.hooksIpv4.run(NF_INET_LOCAL_IN, skb, dev, null, null);
  };
  expect([passes(7, 9), passes(7, 8), passes(6, 9), passes(1, 2)]).toEqual([true, false, false, false]);
});
