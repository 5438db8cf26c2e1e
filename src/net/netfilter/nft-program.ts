// Rules made ready for packets: a table's chains in one flat array of words for what every rule asks (addresses, protocol,
// interfaces, what to do) and arrays of functions for what extensions ask. Made anew when a rule changes; a packet walks
// it without allocating. Answers to nft_do_chain of net/netfilter/nf_tables_core.c.

import { NF_ACCEPT, NF_DROP, type NfHookState } from "../core/netfilter.ts";
import type { SkBuff } from "../core/skb.ts";
import type { Chain, Table } from "./nf-tables.ts";
import {
  IPT_INV_DSTIP,
  IPT_INV_FRAG,
  IPT_INV_PROTO,
  IPT_INV_SRCIP,
  IPT_INV_VIA_IN,
  IPT_INV_VIA_OUT,
  type Rule,
} from "./rule.ts";
import { type MatchFn, type TargetFn, XT_CONTINUE, XT_RETURN, XtPar } from "./x-tables.ts";

/** Words per rule. */
const STRIDE = 8;
const SRC = 0;
const SMSK = 1;
const DST = 2;
const DMSK = 3;
/** 0, or the protocol */
const PROTO = 4;
const FLAGS = 5;
const KIND = 6;
/** first rule of the chain that a jump leads to */
const JUMP = 7;

// Flags of a rule: what it asks at all, next to the IPT_INV_* bits.
const HAS_SRC = 0x100;
const HAS_DST = 0x200;
const HAS_PROTO = 0x400;
const HAS_IN = 0x800;
const HAS_OUT = 0x1000;
const HAS_FRAG = 0x2000;
const HAS_MATCH = 0x4000;

// What a rule does.
const CONTINUE = 0;
const ACCEPT = 1;
const DROP = 2;
const RETURN = 3;
const GO_JUMP = 4;
const GO_GOTO = 5;
const TARGET = 6;
/** not a rule: the end of a chain */
const END = 7;

/** An interface name to compare with; a wildcard compares the beginning. */
class IfaceTest {
  readonly name: string;
  readonly wildcard: boolean;

  constructor(text: string) {
    this.wildcard = text.endsWith("+");
    this.name = this.wildcard ? text.slice(0, -1) : text;
  }

  test(name: string): boolean {
    return this.wildcard ? name.startsWith(this.name) : name === this.name;
  }
}

export interface CompiledTable {
  readonly words: Int32Array;
  readonly rules: (Rule | null)[];
  readonly matches: (MatchFn | null)[];
  readonly targets: (TargetFn | null)[];
  readonly ins: (IfaceTest | null)[];
  readonly outs: (IfaceTest | null)[];
  /** by chain name */
  readonly programs: Map<string, ChainProgram>;
}

/** Flattens all chains of a table. */
export function compileTable(table: Table): CompiledTable {
  const starts: Map<string, number> = new Map();
  let size = 0;
  for (const chain of table.chains.values()) {
    starts.set(chain.name, size);
    size += chain.rules.length + 1;
  }
  const compiled: CompiledTable = {
    words: new Int32Array(size * STRIDE),
    rules: new Array<Rule | null>(size).fill(null),
    matches: new Array<MatchFn | null>(size).fill(null),
    targets: new Array<TargetFn | null>(size).fill(null),
    ins: new Array<IfaceTest | null>(size).fill(null),
    outs: new Array<IfaceTest | null>(size).fill(null),
    programs: new Map(),
  };
  for (const chain of table.chains.values()) {
    let at = starts.get(chain.name)!;
    compiled.programs.set(chain.name, new ChainProgram(chain, compiled, at));
    for (const rule of chain.rules) compileRule(compiled, at++, rule, starts);
    compiled.words[at * STRIDE + KIND] = END;
  }
  return compiled;
}

function compileRule(out: CompiledTable, index: number, rule: Rule, starts: ReadonlyMap<string, number>): void {
  const { words } = out;
  const { ip, target } = rule.spec;
  const at = index * STRIDE;
  let flags = ip.invflags;
  if (ip.smsk !== 0 || ip.invflags & IPT_INV_SRCIP) flags |= HAS_SRC;
  if (ip.dmsk !== 0 || ip.invflags & IPT_INV_DSTIP) flags |= HAS_DST;
  if (ip.proto !== 0) flags |= HAS_PROTO;
  if (ip.iniface !== "") flags |= HAS_IN;
  if (ip.outiface !== "") flags |= HAS_OUT;
  if (ip.frag) flags |= HAS_FRAG;
  if (rule.match !== null) flags |= HAS_MATCH;
  words[at + SRC] = ip.src;
  words[at + SMSK] = ip.smsk;
  words[at + DST] = ip.dst;
  words[at + DMSK] = ip.dmsk;
  words[at + PROTO] = ip.proto;
  words[at + FLAGS] = flags;
  out.rules[index] = rule;
  out.matches[index] = rule.match;
  out.targets[index] = rule.target;
  out.ins[index] = ip.iniface === "" ? null : new IfaceTest(ip.iniface);
  out.outs[index] = ip.outiface === "" ? null : new IfaceTest(ip.outiface);
  let kind = CONTINUE;
  if (target.kind === "verdict")
    kind = target.verdict === "ACCEPT" ? ACCEPT : target.verdict === "DROP" ? DROP : RETURN;
  else if (target.kind === "target") kind = TARGET;
  else if (target.kind !== "none") {
    kind = target.kind === "jump" ? GO_JUMP : GO_GOTO;
    words[at + JUMP] = starts.get(rule.jumpTo)!;
  }
  words[at + KIND] = kind;
}

/** A chain ready to run. */
export class ChainProgram {
  readonly #chain: Chain;
  readonly #compiled: CompiledTable;
  readonly #start: number;
  /** by depth of re-entry: a target may send a packet that comes by here again */
  readonly #pars: XtPar[] = [];
  readonly #stacks: Int32Array[] = [];
  #depth = 0;

  constructor(chain: Chain, compiled: CompiledTable, start: number) {
    this.#chain = chain;
    this.#compiled = compiled;
    this.#start = start;
  }

  /** Runs a packet through; returns NF_ACCEPT, NF_DROP or NF_STOLEN. */
  run(skb: SkBuff, state: NfHookState): number {
    const depth = this.#depth++;
    let par = this.#pars[depth];
    if (!par) {
      par = new XtPar();
      this.#pars[depth] = par;
      this.#stacks[depth] = new Int32Array(16);
    }
    const b = skb.head;
    const iph = skb.networkHeader;
    par.skb = skb;
    par.in = state.in;
    par.out = state.out;
    par.hook = state.hook;
    par.iph = iph;
    par.thoff = iph + ((b[iph]! & 15) << 2);
    par.fragoff = ((b[iph + 6]! << 8) | b[iph + 7]!) & 0x1fff;
    par.protonum = b[iph + 9]!;
    par.hotdrop = false;
    const verdict = this.#walk(par, this.#stacks[depth]!);
    this.#depth--;
    return verdict;
  }

  #walk(par: XtPar, stack: Int32Array): number {
    const { words, matches, targets, ins, outs, rules } = this.#compiled;
    const { skb } = par;
    const b = skb.head;
    let top = 0;
    let index = this.#start;
    for (;;) {
      const at = index * STRIDE;
      const kind = words[at + KIND]!;
      if (kind === END) {
        if (top === 0) return this.#policy(skb);
        index = stack[--top]!;
        continue;
      }
      const flags = words[at + FLAGS]!;
      const { iph } = par;
      if (flags & HAS_PROTO && (par.protonum !== words[at + PROTO]) !== ((flags & IPT_INV_PROTO) !== 0)) {
        index++;
        continue;
      }
      if (flags & HAS_SRC) {
        const saddr = (b[iph + 12]! << 24) | (b[iph + 13]! << 16) | (b[iph + 14]! << 8) | b[iph + 15]!;
        if ((((saddr ^ words[at + SRC]!) & words[at + SMSK]!) !== 0) !== ((flags & IPT_INV_SRCIP) !== 0)) {
          index++;
          continue;
        }
      }
      if (flags & HAS_DST) {
        const daddr = (b[iph + 16]! << 24) | (b[iph + 17]! << 16) | (b[iph + 18]! << 8) | b[iph + 19]!;
        if ((((daddr ^ words[at + DST]!) & words[at + DMSK]!) !== 0) !== ((flags & IPT_INV_DSTIP) !== 0)) {
          index++;
          continue;
        }
      }
      if (flags & HAS_IN && ins[index]!.test(par.in === null ? "" : par.in.name) === ((flags & IPT_INV_VIA_IN) !== 0)) {
        index++;
        continue;
      }
      if (
        flags & HAS_OUT &&
        outs[index]!.test(par.out === null ? "" : par.out.name) === ((flags & IPT_INV_VIA_OUT) !== 0)
      ) {
        index++;
        continue;
      }
      if (flags & HAS_FRAG && (par.fragoff === 0) !== ((flags & IPT_INV_FRAG) !== 0)) {
        index++;
        continue;
      }
      if (flags & HAS_MATCH && !matches[index]!(par)) {
        if (par.hotdrop) return NF_DROP;
        index++;
        continue;
      }
      const rule = rules[index]!;
      rule.packets++;
      rule.bytes += skb.tail - iph;
      let next = kind;
      if (kind === TARGET) {
        const verdict = targets[index]!(par);
        if (verdict === XT_CONTINUE) {
          index++;
          continue;
        }
        if (verdict !== XT_RETURN) return verdict;
        next = RETURN;
      }
      switch (next) {
        case ACCEPT:
          return NF_ACCEPT;
        case DROP:
          return NF_DROP;
        case RETURN:
          if (top === 0) return this.#policy(skb);
          index = stack[--top]!;
          break;
        case GO_JUMP:
          stack[top++] = index + 1;
          index = words[at + JUMP]!;
          break;
        case GO_GOTO:
          index = words[at + JUMP]!;
          break;
        default:
          index++;
      }
    }
  }

  #policy(skb: SkBuff): number {
    const chain = this.#chain;
    if (chain.counting) {
      chain.packets++;
      chain.bytes += skb.tail - skb.networkHeader;
    }
    return chain.policy;
  }
}
