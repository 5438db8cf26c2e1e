// A rule as the evaluator (nft-program.ts) sees it, whoever wrote it: what it asks of the header, functions for the rest, and
// what becomes of a packet that matches. iptables' rules are in xt-rule.ts. Answers to struct nft_rule.

import { DOUBLE_ZERO } from "../../base/double.ts";
import type { RuleKey } from "./rule-keys.ts";
import type { BoxFn, MatchFn, TargetFn, XtCheck } from "./x-tables.ts";

// struct ipt_ip: invflags and flags (uapi/linux/netfilter_ipv4/ip_tables.h)
export const IPT_INV_VIA_IN = 0x01;
export const IPT_INV_VIA_OUT = 0x02;
export const IPT_INV_SRCIP = 0x08;
export const IPT_INV_DSTIP = 0x10;
export const IPT_INV_FRAG = 0x20;
export const IPT_INV_PROTO = 0x40;

/** What a rule says of the IP header and the interfaces. */
export interface IptIp {
  readonly src: number;
  readonly smsk: number;
  readonly dst: number;
  readonly dmsk: number;
  /** "" any; a trailing + is a wildcard */
  readonly iniface: string;
  readonly outiface: string;
  /** 0 any */
  readonly proto: number;
  /** -f: second and further fragments */
  readonly frag: boolean;
  /** IPT_INV_* */
  readonly invflags: number;
}

/** A header of which nothing is asked. */
export const ANY_HEADER: IptIp = {
  src: 0,
  smsk: 0,
  dst: 0,
  dmsk: 0,
  iniface: "",
  outiface: "",
  proto: 0,
  frag: false,
  invflags: 0,
};

/** What becomes of a packet that matches: its target function says ("target"), or the evaluator knows. */
export type RuleAction = "none" | "ACCEPT" | "DROP" | "RETURN" | "jump" | "goto" | "target";

/**
 * A rule in a chain. The evaluator tests `header`, then `match`, counts `packets` and `bytes`, then does `action`. A rule that
 * is a list of expressions leaves the first two empty and does all in `target`, which returns XT_CONTINUE where one of them
 * does not hold, and XT_JUMP or XT_GOTO with `par.chain` set to send the packet to another chain of the table.
 */
export abstract class Rule {
  /** what nft -a shows */
  handle = 0;
  packets: number;
  /** a double, whatever the constructor begins with */
  bytes: number = DOUBLE_ZERO;
  readonly header: IptIp = ANY_HEADER;
  /** null: the header is all */
  readonly match: MatchFn | null = null;
  abstract readonly action: RuleAction;
  /** with action "target" */
  readonly target: TargetFn | null = null;
  /** its target may find that the rule does not match after all (NFT_BREAK), and then leaves `par.held` false */
  readonly breaks: boolean = false;
  /** with action jump and goto: the chain */
  readonly jumpTo: string = "";
  /** what must hold for this to match; more makes long chains quicker, nothing is always right */
  readonly keys: readonly RuleKey[] = [];
  /** its match says the same of a connection's next packet with the same TOS and flags, and keeps nothing of packets */
  readonly memo: boolean = false;
  /** how what its match says of a connection's first packet depends on addresses and ports; null: it cannot be said */
  readonly boxes: readonly BoxFn[] | null = null;
  /** its target may be passed by first packets that take a remembered way */
  readonly memoTarget: boolean = false;

  constructor(packets = 0, bytes = 0) {
    this.packets = packets;
    this.bytes = bytes;
  }

  /** Names of the chains where it may send a packet. */
  jumps(): readonly string[] {
    return this.jumpTo === "" ? [] : [this.jumpTo];
  }

  /** Named objects of the table that it uses (objectKey). */
  objects(): readonly string[] {
    return [];
  }

  /** A chain of its table has another name now. */
  abstract renamed(from: string, to: string): void;

  /** Throws NetError where it cannot stand in a base chain at these hooks. */
  validate(_hookMask: number): void {}

  /** It is not in a chain any more. */
  destroy(): void {}
}

/** What is asked to become a rule: `create` throws NetError where it may not stand. */
export interface RuleSource {
  create(check: XtCheck, packets: number, bytes: number): Rule;
}
