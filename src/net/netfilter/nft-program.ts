// Rules made ready for packets: a table's chains in one flat array of words for what every rule asks (addresses, protocol,
// interfaces, what to do), arrays of functions for what extensions ask, and an index for each long chain. Made anew by the
// first packet after a rule changed, the index when some packets have walked the chain; a packet walks it without allocating. Answers to nft_do_chain of
// net/netfilter/nf_tables_core.c.

import { IPPROTO_TCP } from "../../wire/ipv4.ts";
import { NF_ACCEPT, NF_DROP, type NfHookState } from "../core/netfilter.ts";
import { type PacketBox, partByMask } from "../core/packet-box.ts";
import type { SkBuff } from "../core/skb.ts";
import { ChainIndex, InterfaceNumbers } from "./chain-index.ts";
import type { NfMonitor, TraceVerdict } from "./nf-monitor.ts";
import type { Chain, Table } from "./nf-table.ts";
import {
  IPT_INV_DSTIP,
  IPT_INV_FRAG,
  IPT_INV_PROTO,
  IPT_INV_SRCIP,
  IPT_INV_VIA_IN,
  IPT_INV_VIA_OUT,
  type Rule,
  type RuleAction,
} from "./rule.ts";
import { hasWholeHeader, KEY_FIELDS, KEY_IIF, KEY_OIF, KEY_TCPFLAGS, loadKeyFields } from "./rule-keys.ts";
import { chainAt, monitorVerdict, traceChainEnd, traceRule } from "./rule-trace.ts";
import { type MatchFn, type TargetFn, XT_CONTINUE, XT_GOTO, XT_JUMP, XT_RETURN, XtPar } from "./x-tables.ts";

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
/** what its matches say may be remembered of a packet's way */
const MEMO = 0x8000;
/** its target may be passed by a first packet whose way is noted */
const MEMO_TARGET = 0x10000;

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

const ACTIONS: Readonly<Record<RuleAction, number>> = {
  none: CONTINUE,
  ACCEPT,
  DROP,
  RETURN,
  jump: GO_JUMP,
  goto: GO_GOTO,
  target: TARGET,
};

/** More than any number of a rule. */
const TO_THE_END = 0x7fffffff;

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
  /** by rule: the index of its chain; null: the chain is walked */
  readonly indexes: (ChainIndex | null)[];
  readonly interfaces: InterfaceNumbers;
  /** the index asks for TCP flags, by which packets of one connection differ */
  readonly asksTcpFlags: boolean;
}

/** Flattens all chains of a table. */
export function compileTable(table: Table): CompiledTable {
  let size = 0;
  for (const chain of table.chains.values()) {
    chain.start = size;
    size += chain.rules.length + 1;
  }
  const compiled: CompiledTable = {
    words: new Int32Array(size * STRIDE),
    rules: new Array<Rule | null>(size).fill(null),
    matches: new Array<MatchFn | null>(size).fill(null),
    targets: new Array<TargetFn | null>(size).fill(null),
    ins: new Array<IfaceTest | null>(size).fill(null),
    outs: new Array<IfaceTest | null>(size).fill(null),
    indexes: new Array<ChainIndex | null>(size).fill(null),
    interfaces: new InterfaceNumbers(),
    asksTcpFlags: asksTcpFlags(table),
  };
  for (const chain of table.chains.values()) {
    const end = chain.start + chain.rules.length;
    for (const [i, rule] of chain.rules.entries()) compileRule(compiled, chain.start + i, rule, table);
    compiled.words[end * STRIDE + KIND] = END;
    compiled.indexes.fill(ChainIndex.of(chain.rules, chain.start, compiled.interfaces), chain.start, end + 1);
  }
  return compiled;
}

function asksTcpFlags(table: Table): boolean {
  for (const chain of table.chains.values())
    for (const rule of chain.rules) for (const key of rule.keys) if (key.field === KEY_TCPFLAGS) return true;
  return false;
}

function compileRule(out: CompiledTable, index: number, rule: Rule, table: Table): void {
  const { words } = out;
  const { header: ip, jumpTo } = rule;
  const at = index * STRIDE;
  let flags = ip.invflags;
  if (ip.smsk !== 0 || ip.invflags & IPT_INV_SRCIP) flags |= HAS_SRC;
  if (ip.dmsk !== 0 || ip.invflags & IPT_INV_DSTIP) flags |= HAS_DST;
  if (ip.proto !== 0) flags |= HAS_PROTO;
  if (ip.iniface !== "") flags |= HAS_IN;
  if (ip.outiface !== "") flags |= HAS_OUT;
  if (ip.frag) flags |= HAS_FRAG;
  if (rule.match !== null) flags |= HAS_MATCH;
  if (rule.memo) flags |= MEMO;
  if (rule.memoTarget) flags |= MEMO_TARGET;
  words[at + SRC] = ip.src;
  words[at + SMSK] = ip.smsk;
  words[at + DST] = ip.dst;
  words[at + DMSK] = ip.dmsk;
  words[at + PROTO] = ip.proto;
  words[at + FLAGS] = flags;
  words[at + KIND] = ACTIONS[rule.action];
  if (jumpTo !== "") words[at + JUMP] = table.chains.get(jumpTo)!.start;
  out.rules[index] = rule;
  out.matches[index] = rule.match;
  out.targets[index] = rule.target;
  out.ins[index] = ip.iniface === "" ? null : new IfaceTest(ip.iniface);
  out.outs[index] = ip.outiface === "" ? null : new IfaceTest(ip.outiface);
}

/** What one run of a packet through chains needs; by depth of re-entry, as a target may send a packet that comes by again. */
class Frame {
  readonly par: XtPar = new XtPar();
  readonly stack: Int32Array = new Int32Array(16);
  readonly fields: Int32Array = new Int32Array(KEY_FIELDS);
}

/** A base chain ready to run. */
export class ChainProgram {
  private readonly chain: Chain;
  private readonly monitor: NfMonitor;
  private readonly frames: Frame[] = [];
  private depth = 0;
  /** the packet under way has been told of to those who listen to the monitor */
  private told = false;

  constructor(chain: Chain, monitor: NfMonitor) {
    this.chain = chain;
    this.monitor = monitor;
  }

  /** Runs a packet through; returns NF_ACCEPT, NF_DROP or NF_STOLEN. */
  run(skb: SkBuff, state: NfHookState): number {
    const depth = this.depth++;
    let frame = this.frames[depth];
    if (!frame) {
      frame = new Frame();
      this.frames[depth] = frame;
    }
    const { par } = frame;
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
    this.told = false;
    const { table } = this.chain;
    table.compiled ??= compileTable(table);
    const verdict = this.#walk(frame, table.compiled);
    this.depth--;
    return verdict;
  }

  #walk({ par, stack, fields }: Frame, compiled: CompiledTable): number {
    const { words, matches, targets, ins, outs, rules, indexes } = compiled;
    const { skb, iph } = par;
    const b = skb.head;
    if (compiled.asksTcpFlags && par.protonum === IPPROTO_TCP) skb.record = null;
    let top = 0;
    let index = this.chain.start;
    /** whoever traces sees every rule that Linux would look at, so no index */
    const tracing = skb.pool.trace !== null;
    const listened = this.monitor.tracing;
    /** what the rules look at of a first packet: all of them, so that the box is right */
    const box = skb.record === null ? null : skb.record.box;
    const noIndex = tracing || listened || box !== null;
    let indexOfChain = noIndex ? null : indexes[index]!;
    /** rules up to here are walked one by one; beyond, the chain's index says which is next */
    let runEnd = indexOfChain === null ? TO_THE_END : -1;
    let hasFields = false;
    /** how many interfaces had numbers when `fields` was filled: an index made since may have given more */
    let numbered = 0;
    for (;;) {
      if (index > runEnd) {
        if (!hasFields || compiled.interfaces.size !== numbered) {
          numbered = compiled.interfaces.size;
          hasFields = hasWholeHeader(par);
          if (hasFields) fill(par, fields, compiled.interfaces);
        }
        if (hasFields) {
          index = indexOfChain!.next(index, fields);
          runEnd = indexOfChain!.runEnd;
        } else runEnd = TO_THE_END;
      }
      const at = index * STRIDE;
      let next = words[at + KIND]!;
      if (next === END) {
        if (top === 0) return this.#policy(par);
        index = stack[--top]!;
        indexOfChain = noIndex ? null : indexes[index]!;
        runEnd = indexOfChain === null ? TO_THE_END : -1;
        continue;
      }
      if (tracing) traceRule(par, this.chain.table, index, "look", "");
      const flags = words[at + FLAGS]!;
      if (flags & HAS_PROTO && (par.protonum !== words[at + PROTO]) !== ((flags & IPT_INV_PROTO) !== 0)) {
        index++;
        continue;
      }
      if (flags & HAS_SRC) {
        const saddr = (b[iph + 12]! << 24) | (b[iph + 13]! << 16) | (b[iph + 14]! << 8) | b[iph + 15]!;
        if (box !== null && !partByMask(box.saddr, saddr, words[at + SRC]!, words[at + SMSK]!)) skb.record = null;
        if ((((saddr ^ words[at + SRC]!) & words[at + SMSK]!) !== 0) !== ((flags & IPT_INV_SRCIP) !== 0)) {
          index++;
          continue;
        }
      }
      if (flags & HAS_DST) {
        const daddr = (b[iph + 16]! << 24) | (b[iph + 17]! << 16) | (b[iph + 18]! << 8) | b[iph + 19]!;
        if (box !== null && !partByMask(box.daddr, daddr, words[at + DST]!, words[at + DMSK]!)) skb.record = null;
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
      if (flags & HAS_MATCH) {
        if (!(flags & MEMO)) skb.record = null;
        else if (box !== null) noteMatch(par, box, rules[index]!);
        if (!matches[index]!(par)) {
          if (par.hotdrop) return NF_DROP;
          index++;
          continue;
        }
      }
      const rule = rules[index]!;
      rule.packets++;
      rule.bytes += skb.tail - iph;
      if (skb.record !== null) {
        if (next === TARGET && (box === null || !(flags & MEMO_TARGET))) skb.record = null;
        else skb.record.count(rule);
      }
      let to = words[at + JUMP]!;
      if (tracing) traceRule(par, this.chain.table, index, "match", rule.action);
      if (next === TARGET) {
        par.held = false;
        const verdict = targets[index]!(par);
        if (tracing) traceRule(par, this.chain.table, index, "verdict", verdict);
        if (listened) this.#tell(par, rule, index, verdict);
        hasFields = false; // it may have changed the packet
        switch (verdict) {
          case XT_CONTINUE:
            index++;
            continue;
          case XT_RETURN:
            next = RETURN;
            break;
          case XT_JUMP:
          case XT_GOTO:
            next = verdict === XT_JUMP ? GO_JUMP : GO_GOTO;
            to = par.chain!.start;
            break;
          default:
            return verdict;
        }
      } else if (listened) this.#tell(par, rule, index, rule.action);
      switch (next) {
        case ACCEPT:
          return NF_ACCEPT;
        case DROP:
          return NF_DROP;
        case CONTINUE:
          index++;
          continue;
        case RETURN:
          if (top === 0) return this.#policy(par);
          index = stack[--top]!;
          break;
        case GO_JUMP:
          stack[top++] = index + 1;
          index = to;
          break;
        default:
          index = to;
      }
      indexOfChain = noIndex ? null : indexes[index]!;
      runEnd = indexOfChain === null ? TO_THE_END : -1;
    }
  }

  /** nft_trace_packet: of a packet with nftrace set, a rule that matched. */
  #tell(par: XtPar, rule: Rule, index: number, verdict: RuleAction | number): void {
    if (!par.skb.nfTrace || (verdict === XT_CONTINUE && rule.breaks && !par.held)) return;
    this.#notify(par, chainAt(this.chain.table, index), rule, monitorVerdict(par, rule, verdict));
  }

  #notify(par: XtPar, chain: Chain, rule: Rule | null, verdict: TraceVerdict): void {
    this.monitor.trace(par, chain, rule, verdict, !this.told);
    this.told = true;
  }

  #policy(par: XtPar): number {
    const chain = this.chain;
    const { skb } = par;
    if (skb.pool.trace !== null) traceChainEnd(par, chain);
    if (this.monitor.tracing && skb.nfTrace)
      this.#notify(par, chain, null, chain.policy === NF_DROP ? "drop" : "accept");
    if (chain.counting) {
      chain.packets++;
      chain.bytes += skb.tail - skb.networkHeader;
      if (skb.record !== null) skb.record.count(chain);
    }
    return chain.policy;
  }
}

/** What a rule's match looks at of a first packet; a match that cannot say ends the record. */
function noteMatch(par: XtPar, box: PacketBox, { boxes }: Rule): void {
  if (boxes === null) par.skb.record = null;
  else for (const part of boxes) part(par, box);
}

function fill(par: XtPar, fields: Int32Array, interfaces: InterfaceNumbers): void {
  loadKeyFields(par, fields);
  fields[KEY_IIF] = interfaces.ofDevice(par.in);
  fields[KEY_OIF] = interfaces.ofDevice(par.out);
}
