import fc from "fast-check";
import { expect, test } from "vitest";
import { NF_INET_FORWARD } from "../../../src/net/core/netfilter.ts";
import { netfilterInit } from "../../../src/net/netfilter/netfilter.ts";
import { restoreOptions, restoreTables } from "../../../src/tools/iptables/restore.ts";
import { formatIpv4 } from "../../../src/wire/addr.ts";
import { set16, set32 } from "../../../src/wire/layout.ts";
import { Lab } from "../ipv4/ip-lab.ts";

// Rules with matches of many kinds, read one by one by the plainest possible reader, against the compiled ones: in long
// chains, which have an index, with matches that remember what they saw and targets that change what later rules ask.

interface Packet {
  readonly src: number;
  readonly dst: number;
  readonly proto: number;
  readonly sport: number;
  readonly dport: number;
  readonly flags: number;
  readonly icmpType: number;
  readonly ttl: number;
  readonly dscp: number;
  readonly length: number;
  readonly offset: number;
  readonly iface: "va" | "vb";
  readonly mark: number;
}

/** What a rule asks, as text and as a test of its own for each time that the rules are loaded. */
interface Question {
  readonly text: string;
  readonly make: () => (packet: Packet, mark: number) => boolean;
}

interface PlainRule {
  readonly questions: readonly Question[];
  readonly target: string;
}

const BASE = 0x0a000000;
const CHAINS = ["FORWARD", "A", "B", "C"];
const TCP = 6;

const address = fc.integer({ min: 0, max: 31 }).map((n) => BASE + n);
const not = fc.boolean();
const bang = (inverted: boolean): string => (inverted ? "! " : "");

function question(text: string, holds: (packet: Packet, mark: number) => boolean): Question {
  return { text, make: () => holds };
}

const inPrefix = (value: number, base: number, bits: number): boolean => value >>> (32 - bits) === base >>> (32 - bits);
const side = (name: "src" | "dst"): fc.Arbitrary<Question> =>
  fc
    .tuple(address, fc.constantFrom(32, 32, 31, 29), not)
    .map(([base, bits, inverted]) =>
      question(
        `${bang(inverted)}-${name[0]} ${formatIpv4(base)}/${bits}`,
        (p) => inPrefix(p[name], base, bits) !== inverted,
      ),
    );
const iface = fc
  .tuple(fc.constantFrom("va", "vb", "v+"), not)
  .map(([name, inverted]) =>
    question(`${bang(inverted)}-i ${name}`, (p) => (name === "v+" || p.iface === name) !== inverted),
  );
const header = fc.array(fc.oneof(side("src"), side("dst"), iface), { maxLength: 2 }).map((list) => {
  const seen = new Set<string>();
  return list.filter(({ text }) => {
    const option = text.replace("! ", "").slice(0, 2);
    return !seen.has(option) && seen.add(option);
  });
});

const whole = (p: Packet): boolean => p.offset === 0;
const range = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 3 }));
const ports = (which: "sport" | "dport"): fc.Arbitrary<Question> =>
  fc
    .tuple(range, not)
    .map(([[low, more], inverted]) =>
      question(
        `${bang(inverted)}--${which} ${low}:${low + more}`,
        (p) => whole(p) && (p[which] >= low && p[which] <= low + more) !== inverted,
      ),
    );
const multiport = fc
  .tuple(
    fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
    fc.constantFrom("dports", "sports", "ports"),
    not,
  )
  .map(([list, option, inverted]) =>
    question(`-m multiport ${bang(inverted)}--${option} ${list.join()}`, (p) => {
      const found = (option !== "sports" && list.includes(p.dport)) || (option !== "dports" && list.includes(p.sport));
      return whole(p) && found !== inverted;
    }),
  );
const tcpFlags = fc
  .tuple(fc.constantFrom(0x12, 0x17, 0x04, 0x01), fc.constantFrom(0x02, 0x10, 0x04, 0), not)
  .map(([mask, compare, inverted]) => {
    const names = (bits: number): string =>
      [
        ["FIN", 1],
        ["SYN", 2],
        ["RST", 4],
        ["ACK", 16],
      ]
        .filter(([, bit]) => bits & (bit as number))
        .map(([name]) => name)
        .join() || "NONE";
    const wanted = compare & mask;
    return question(
      `${bang(inverted)}--tcp-flags ${names(mask)} ${names(wanted)}`,
      (p) => whole(p) && ((p.flags & mask) === wanted) !== inverted,
    );
  });
const icmpType = fc
  .tuple(fc.constantFrom(0, 3, 8), not)
  .map(([type, inverted]) =>
    question(`-m icmp ${bang(inverted)}--icmp-type ${type}`, (p) => whole(p) && (p.icmpType === type) !== inverted),
  );
const proto = (number: number): Question => question(`-p ${number}`, (p) => p.proto === number);
const transport = fc.oneof(
  fc.constant([]),
  fc.tuple(fc.constant(proto(TCP)), fc.oneof(ports("dport"), ports("sport"), tcpFlags, multiport)),
  fc.tuple(fc.constant(proto(17)), fc.oneof(ports("dport"), multiport)),
  fc.tuple(fc.constant(proto(1)), icmpType),
  fc.constantFrom(1, 6, 17).map((number) => [question(`! -p ${number}`, (p) => p.proto !== number)]),
);

const mark = fc
  .tuple(fc.integer({ min: 0, max: 7 }), fc.constantFrom(0xffffffff, 3, 4), not)
  .map(([value, mask, inverted]) =>
    question(
      `-m mark ${bang(inverted)}--mark ${value & mask}/${mask >>> 0}`,
      (_p, now) => ((now & mask) >>> 0 === (value & mask) >>> 0) !== inverted,
    ),
  );
const length = fc
  .tuple(fc.integer({ min: 40, max: 80 }), fc.integer({ min: 0, max: 20 }), not)
  .map(([low, more, inverted]) =>
    question(
      `-m length ${bang(inverted)}--length ${low}:${low + more}`,
      (p) => (p.length >= low && p.length <= low + more) !== inverted,
    ),
  );
const ttl = fc
  .tuple(fc.constantFrom("eq", "lt", "gt"), fc.integer({ min: 1, max: 5 }))
  .map(([op, value]) =>
    question(`-m ttl --ttl-${op} ${value}`, (p) =>
      op === "eq" ? p.ttl === value : op === "lt" ? p.ttl < value : p.ttl > value,
    ),
  );
const dscp = fc
  .tuple(fc.integer({ min: 0, max: 3 }), not)
  .map(([value, inverted]) =>
    question(`-m dscp ${bang(inverted)}--dscp ${value}`, (p) => (p.dscp === value) !== inverted),
  );
const iprange = fc
  .tuple(address, fc.integer({ min: 0, max: 9 }), not)
  .map(([low, more, inverted]) =>
    question(
      `-m iprange ${bang(inverted)}--src-range ${formatIpv4(low)}-${formatIpv4(low + more)}`,
      (p) => (p.src >= low && p.src <= low + more) !== inverted,
    ),
  );
const u32 = fc
  .integer({ min: 0, max: 31 })
  .map((n) => question(`-m u32 --u32 12=${BASE + n}`, (p) => p.src === BASE + n));
/** Counts the packets that come so far in the rule, and no others. */
function nthOf(every: number, first: number): Question {
  return {
    text: `-m statistic --mode nth --every ${every} --packet ${first}`,
    make: () => {
      let seen = 0;
      return () => seen++ % every === first;
    },
  };
}
const nth = fc
  .integer({ min: 1, max: 4 })
  .chain((every) => fc.integer({ min: 0, max: every - 1 }).map((first) => nthOf(every, first)));
const matches = fc.array(fc.oneof(mark, mark, length, ttl, dscp, iprange, u32, nth, nth), { maxLength: 2 });

const targetsOf = (chain: number): fc.Arbitrary<string> => {
  const later = CHAINS.slice(chain + 1).flatMap((name) => [`-j ${name}`, `-g ${name}`]);
  return fc.constantFrom("", "", "-j ACCEPT", "-j DROP", "-j RETURN", "-j MARK 1", "-j MARK 5", ...later);
};
const ruleIn = (chain: number): fc.Arbitrary<PlainRule> =>
  fc
    .tuple(header, transport, matches, targetsOf(chain))
    .map(([head, rest, more, target]) => ({ questions: [...head, ...rest, ...more], target }));
/** Many rules that differ in an address or a port only, among a few others. */
const longChain = (chain: number): fc.Arbitrary<PlainRule[]> =>
  fc
    .tuple(
      fc.array(ruleIn(chain), { minLength: 2, maxLength: 4 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), address, range, targetsOf(chain)), {
        minLength: 60,
        maxLength: 90,
      }),
    )
    .map(([few, many]) =>
      many.map(([kind, addr, [port], target], i): PlainRule => {
        if (kind === 0) return few[i % few.length]!;
        const questions =
          kind < 5
            ? [question(`-s ${formatIpv4(addr)}`, (p) => p.src === addr)]
            : kind < 8
              ? [proto(TCP), question(`--dport ${port}`, (p) => whole(p) && p.dport === port)]
              : // what remembers stands before what an index could ask
                [nthOf(2, port % 2), question(`-m mark --mark ${port}`, (_p, now) => now === port)];
        return { questions, target: kind % 2 === 0 ? "" : target };
      }),
    );
const tables = fc.tuple(
  ...CHAINS.map((_, i) => fc.oneof({ weight: 2, arbitrary: fc.array(ruleIn(i), { maxLength: 6 }) }, longChain(i))),
);
const packets: fc.Arbitrary<Packet> = fc.record({
  src: address,
  dst: address,
  proto: fc.constantFrom(1, TCP, TCP, 17),
  sport: fc.integer({ min: 1, max: 12 }),
  dport: fc.integer({ min: 1, max: 12 }),
  flags: fc.constantFrom(0x02, 0x12, 0x10, 0x11, 0x04),
  icmpType: fc.constantFrom(0, 3, 8),
  ttl: fc.integer({ min: 1, max: 5 }),
  dscp: fc.integer({ min: 0, max: 3 }),
  length: fc.integer({ min: 40, max: 90 }),
  offset: fc.constantFrom(0, 0, 0, 0, 8),
  iface: fc.constantFrom("va", "vb"),
  mark: fc.integer({ min: 0, max: 7 }),
});

/** Reads rules one after the other. */
class Reader {
  readonly counts: number[][];
  readonly #tests: ((packet: Packet, mark: number) => boolean)[][][];
  readonly #chains: readonly (readonly PlainRule[])[];
  mark = 0;

  constructor(chains: readonly (readonly PlainRule[])[]) {
    this.#chains = chains;
    this.counts = chains.map((rules) => rules.map(() => 0));
    this.#tests = chains.map((rules) => rules.map(({ questions }) => questions.map(({ make }) => make())));
  }

  /** The verdict; undefined where the chain ends. */
  walk(chain: number, packet: Packet): string | undefined {
    for (const [i, { target }] of this.#chains[chain]!.entries()) {
      if (!this.#tests[chain]![i]!.every((holds) => holds(packet, this.mark))) continue;
      this.counts[chain]![i]!++;
      const [how, what, value] = target.split(" ");
      if (what === undefined) continue;
      if (what === "ACCEPT" || what === "DROP") return what;
      if (what === "RETURN") return undefined;
      if (what === "MARK") {
        this.mark = Number(value);
        continue;
      }
      const verdict = this.walk(CHAINS.indexOf(what), packet);
      if (verdict !== undefined || how === "-g") return verdict;
    }
    return undefined;
  }
}

function restoreText(chains: readonly (readonly PlainRule[])[]): string {
  const lines = ["*filter", ...CHAINS.slice(1).map((name) => `:${name} - [0:0]`)];
  for (const [i, rules] of chains.entries())
    for (const { questions, target } of rules) {
      const text = questions.map((q) => q.text).join(" ");
      lines.push(`-A ${CHAINS[i]} ${text} ${target.replace("MARK ", "MARK --set-mark ")}`);
    }
  return `${lines.join("\n")}\nCOMMIT\n`;
}

test("compiled rules with extensions give the verdicts, marks and counts of rules read one by one", () => {
  fc.assert(
    fc.property(tables, fc.array(packets, { minLength: 1, maxLength: 25 }), (chains, sent) => {
      const lab = new Lab();
      const host = lab.host("h");
      const [va] = lab.link(host, "va", host, "vb");
      const devices = { va, vb: host.dev("vb") };
      const nf = netfilterInit(host.net, host.ip4);
      const options = restoreOptions([]);
      if ("status" in options) throw new Error(options.stderr);
      const { status, stderr } = restoreTables(nf, restoreText(chains), options);
      expect(`${status}${stderr}`).toBe("0");
      const reader = new Reader(chains);
      for (const packet of sent) {
        const skb = host.net.kernel.skbs.alloc(packet.length);
        const iph = skb.put(packet.length);
        const b = skb.head;
        b.fill(0, iph, skb.tail);
        skb.networkHeader = iph;
        skb.transportHeader = iph + 20;
        skb.mark = packet.mark;
        b[iph] = 0x45;
        b[iph + 1] = packet.dscp << 2;
        set16(b, iph + 2, packet.length);
        set16(b, iph + 6, packet.offset);
        b[iph + 8] = packet.ttl;
        b[iph + 9] = packet.proto;
        set32(b, iph + 12, packet.src);
        set32(b, iph + 16, packet.dst);
        if (packet.proto === 1) b[iph + 20] = packet.icmpType;
        else {
          set16(b, iph + 20, packet.sport);
          set16(b, iph + 22, packet.dport);
        }
        if (packet.proto === TCP) b[iph + 33] = packet.flags;
        reader.mark = packet.mark;
        const wanted = reader.walk(0, packet) ?? "ACCEPT";
        const passed = host.net.hooksIpv4.run(NF_INET_FORWARD, skb, devices[packet.iface], va, null);
        expect(passed ? "ACCEPT" : "DROP").toBe(wanted);
        if (passed) expect(skb.mark >>> 0).toBe(reader.mark);
      }
      const filter = nf.tables.tables.get("filter");
      const counted = CHAINS.map((name) => filter?.chains.get(name)?.rules.map((r) => r.packets) ?? []);
      expect(counted).toEqual(reader.counts);
    }),
    { numRuns: 80, endOnFailure: true }, // to shrink takes minutes
  );
});
