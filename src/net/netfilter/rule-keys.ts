// What must hold of a packet's cheap fields for a rule to match at all: the index of a chain (chain-index.ts) finds by it the
// few rules worth asking. A rule that says less than it could is slower, not wrong; it must never say more.

import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from "../../wire/ipv4.ts";
import type { SkBuff } from "../core/skb.ts";
import { IP_CT_UNTRACKED, nfCtGet } from "./conntrack-entry.ts";
import type { XtPar } from "./x-tables.ts";

// Fields of a packet that keys are about.
export const KEY_SADDR = 0;
export const KEY_DADDR = 1;
export const KEY_PROTO = 2;
/** interfaces, as numbers that the index gives to names */
export const KEY_IIF = 3;
export const KEY_OIF = 4;
export const KEY_SPORT = 5;
export const KEY_DPORT = 6;
export const KEY_MARK = 7;
/** a single bit of XT_CONNTRACK_STATE_* */
export const KEY_CTSTATE = 8;
export const KEY_TCPFLAGS = 9;
/** ICMP: type << 8 | code */
export const KEY_ICMP = 10;
export const KEY_FIELDS = 11;

/** field & mask is one of the values; an interface's value is its name. */
export interface RuleKey {
  readonly field: number;
  readonly alternatives: readonly KeyValue[];
}

export interface KeyValue {
  readonly mask: number;
  readonly value: number | string;
}

/** One value. */
export function keyOf(field: number, value: number | string, mask = -1): RuleKey {
  return { field, alternatives: [{ mask, value: typeof value === "number" ? value & mask : value }] };
}

/** Any of some values. */
export function keyAmong(field: number, values: readonly number[]): RuleKey {
  return { field, alternatives: values.map((value) => ({ mask: -1, value })) };
}

/** Ranges of numbers of so many bits, as the prefixes that they consist of. */
export function keyRanges(field: number, ranges: readonly (readonly [number, number])[], bits: 16 | 32): RuleKey {
  const alternatives: KeyValue[] = [];
  for (const [low, high] of ranges)
    for (let at = low; at <= high; ) {
      let size = 1;
      while (size < 2 ** bits && at % (size * 2) === 0 && at + size * 2 - 1 <= high) size *= 2;
      alternatives.push({ mask: ~(size - 1) | 0, value: at | 0 });
      at += size;
    }
  return { field, alternatives };
}

/** The state of a packet's connection as one bit, NAT left aside. */
export function ctStateBit(skb: SkBuff): number {
  if (nfCtGet(skb) === 0) return skb.ctinfo === IP_CT_UNTRACKED ? 256 : 1;
  return 1 << ((skb.ctinfo % 3) + 1);
}

/** Fills the fields but the interfaces. */
export function loadKeyFields(par: XtPar, fields: Int32Array): void {
  const { skb, iph, thoff } = par;
  const b = skb.head;
  fields[KEY_SADDR] = (b[iph + 12]! << 24) | (b[iph + 13]! << 16) | (b[iph + 14]! << 8) | b[iph + 15]!;
  fields[KEY_DADDR] = (b[iph + 16]! << 24) | (b[iph + 17]! << 16) | (b[iph + 18]! << 8) | b[iph + 19]!;
  fields[KEY_PROTO] = par.protonum;
  fields[KEY_SPORT] = (b[thoff]! << 8) | b[thoff + 1]!;
  fields[KEY_DPORT] = (b[thoff + 2]! << 8) | b[thoff + 3]!;
  fields[KEY_ICMP] = fields[KEY_SPORT]!;
  fields[KEY_TCPFLAGS] = b[thoff + 13]!;
  fields[KEY_MARK] = skb.mark;
  fields[KEY_CTSTATE] = ctStateBit(skb);
}

/**
 * True when no match that has keys finds the packet too short to be asked: only then may an index choose among rules. TCP's
 * and UDP's bare matches and icmp want their header, others the ports.
 */
export function hasWholeHeader({ skb, thoff, fragoff, protonum }: XtPar): boolean {
  const header = protonum === IPPROTO_TCP ? 20 : protonum === IPPROTO_UDP || protonum === IPPROTO_ICMP ? 8 : 4;
  return fragoff === 0 && skb.tail - thoff >= header;
}
