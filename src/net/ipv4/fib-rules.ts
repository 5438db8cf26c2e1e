// Policy routing: which tables are asked for a flow, in what order (`ip rule`). Until somebody adds or deletes a rule,
// local and main are looked up as one table, as Linux does, and the list is only for show. Answers to
// net/core/fib_rules.c and net/ipv4/fib_rules.c.

import { Errno, NetError } from "../../base/errno.ts";
import { prefixToMask } from "../../wire/addr.ts";
import { type FibResult, RT_TABLE_DEFAULT, RT_TABLE_LOCAL, RT_TABLE_MAIN, RTPROT_KERNEL } from "./fib-types.ts";
import type { Ipv4 } from "./ipv4.ts";
import type { FlowKey } from "./rtable.ts";

export const FR_ACT_TO_TBL = 1;
export const FR_ACT_GOTO = 2;
export const FR_ACT_NOP = 3;
export const FR_ACT_BLACKHOLE = 6;
export const FR_ACT_UNREACHABLE = 7;
export const FR_ACT_PROHIBIT = 8;

/** A rule; as asked for and as dumped (struct fib_rule_hdr with its attributes). */
export interface FibRule {
  /** undefined when asked for: in front of the others */
  readonly priority: number;
  /** FR_ACT_* */
  readonly action: number;
  readonly table: number;
  readonly src: number;
  readonly srcLen: number;
  readonly dst: number;
  readonly dstLen: number;
  /** 0 any */
  readonly tos: number;
  /** device names; "" any. `lo` means made here */
  readonly iif: string;
  readonly oif: string;
  readonly mark: number;
  readonly markMask: number;
  readonly invert: boolean;
  /** 0 any */
  readonly ipProto: number;
  readonly sport: readonly [number, number] | null;
  readonly dport: readonly [number, number] | null;
  readonly uidRange: readonly [number, number] | null;
  /** a route of at most this prefix length does not count; −1 off */
  readonly suppressPrefixLength: number;
  /** FR_ACT_GOTO: priority of the rule to go on with; 0 none */
  readonly target: number;
  /** RTPROT_* */
  readonly protocol: number;
}

/** A rule as asked for: what is left out is any, or table main; `priority` undefined picks one in front. */
export type FibRuleConfig = Partial<FibRule>;

const BLANK: FibRule = {
  priority: 0,
  action: FR_ACT_TO_TBL,
  table: RT_TABLE_MAIN,
  src: 0,
  srcLen: 0,
  dst: 0,
  dstLen: 0,
  tos: 0,
  iif: "",
  oif: "",
  mark: 0,
  markMask: 0,
  invert: false,
  ipProto: 0,
  sport: null,
  dport: null,
  uidRange: null,
  suppressPrefixLength: -1,
  target: 0,
  protocol: 0,
};

/** What every namespace begins with (fib_default_rules_init). */
const DEFAULT_RULES: readonly FibRule[] = [
  { ...BLANK, priority: 0, table: RT_TABLE_LOCAL, protocol: RTPROT_KERNEL },
  { ...BLANK, priority: 32766, table: RT_TABLE_MAIN, protocol: RTPROT_KERNEL },
  { ...BLANK, priority: 32767, table: RT_TABLE_DEFAULT, protocol: RTPROT_KERNEL },
];

/** What a rule asks of the tables. */
export interface RuledTables {
  get(table: number): { lookup(fl: FlowKey, res: FibResult, flags: number): number } | undefined;
}

export class FibRules {
  private readonly ip4: Ipv4;
  private rules: FibRule[];
  /** fib_has_custom_rules: the list is really consulted */
  custom = false;
  /** the rule that gave the last answer, for those who trace; null while there are none but the usual ones, or none fits */
  answered: FibRule | null = null;

  constructor(ip4: Ipv4) {
    this.ip4 = ip4;
    this.rules = [...DEFAULT_RULES];
  }

  /** All rules by priority (RTM_GETRULE). */
  dump(): readonly FibRule[] {
    return this.rules;
  }

  /**
   * fib_nl_newrule. Without a priority it goes in front of all but the first.
   * @param exclusive NLM_F_EXCL: an equal rule is EEXIST
   */
  add(config: FibRuleConfig, exclusive = true): void {
    const rule: FibRule = {
      ...BLANK,
      ...config,
      priority: config.priority ?? this.#defaultPriority(),
      markMask: config.markMask ?? (config.mark !== undefined ? 0xffffffff : 0),
    };
    if (rule.srcLen > 32 || rule.dstLen > 32) throw new NetError(Errno.EINVAL, "Invalid source or destination prefix");
    if (rule.action === FR_ACT_GOTO && rule.target <= rule.priority)
      throw new NetError(Errno.EINVAL, "Backward goto not supported");
    if (exclusive && this.rules.some((other) => sameRule(other, rule))) throw new NetError(Errno.EEXIST);
    let at = this.rules.findIndex((other) => other.priority > rule.priority);
    if (at < 0) at = this.rules.length;
    this.rules.splice(at, 0, rule);
    this.custom = true;
    this.ip4.rtCacheFlush();
  }

  /** fib_nl_delrule: the first rule that agrees in everything that is given. Throws ENOENT. */
  delete(config: FibRuleConfig): void {
    const at = this.rules.findIndex((rule) => agrees(rule, config));
    if (at < 0) throw new NetError(Errno.ENOENT);
    this.rules.splice(at, 1);
    this.custom = true;
    this.ip4.rtCacheFlush();
  }

  /** Asks rule after rule (__fib_lookup): 0 or a positive errno. */
  lookup(tables: RuledTables, fl: FlowKey, res: FibResult, flags: number): number {
    const rules = this.rules;
    this.answered = null;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i]!;
      if (!this.#matches(rule, fl)) continue;
      let err: number;
      switch (rule.action) {
        case FR_ACT_GOTO: {
          const target = rules.findIndex((other) => other.priority === rule.target);
          if (target > i) i = target - 1;
          continue;
        }
        case FR_ACT_NOP:
          continue;
        case FR_ACT_TO_TBL:
          err = tables.get(rule.table)?.lookup(fl, res, flags) ?? Errno.EAGAIN;
          break;
        case FR_ACT_UNREACHABLE:
          err = Errno.ENETUNREACH;
          break;
        case FR_ACT_PROHIBIT:
          err = Errno.EACCES;
          break;
        default:
          err = Errno.EINVAL;
      }
      if (err === 0 && rule.suppressPrefixLength >= 0 && res.prefixLen <= rule.suppressPrefixLength) continue;
      if (err === Errno.EAGAIN) continue;
      this.answered = rule;
      return err;
    }
    return Errno.ENETUNREACH;
  }

  #matches(rule: FibRule, fl: FlowKey): boolean {
    return this.#fits(rule, fl) !== rule.invert;
  }

  #fits(rule: FibRule, fl: FlowKey): boolean {
    if (rule.iif !== "" && this.ip4.net.deviceByName(rule.iif)?.ifindex !== fl.iif) return false;
    if (rule.oif !== "" && this.ip4.net.deviceByName(rule.oif)?.ifindex !== fl.oif) return false;
    if (((rule.mark ^ fl.mark) & rule.markMask) !== 0) return false;
    if (rule.uidRange && (fl.uid < rule.uidRange[0] || fl.uid > rule.uidRange[1])) return false;
    if (rule.srcLen > 0 && ((fl.saddr ^ rule.src) & prefixToMask(rule.srcLen)) !== 0) return false;
    if (rule.dstLen > 0 && ((fl.daddr ^ rule.dst) & prefixToMask(rule.dstLen)) !== 0) return false;
    if (rule.tos !== 0 && rule.tos !== (fl.tos & 0xfc)) return false;
    if (rule.ipProto !== 0 && rule.ipProto !== fl.proto) return false;
    if (rule.sport && (fl.sport < rule.sport[0] || fl.sport > rule.sport[1])) return false;
    if (rule.dport && (fl.dport < rule.dport[0] || fl.dport > rule.dport[1])) return false;
    return true;
  }

  /** fib_default_rule_pref: one less than the second rule's. */
  #defaultPriority(): number {
    const second = this.rules[1];
    return second && second.priority > 0 ? second.priority - 1 : 0;
  }
}

function sameRange(a: readonly [number, number] | null, b: readonly [number, number] | null): boolean {
  return a === b || (a !== null && b !== null && a[0] === b[0] && a[1] === b[1]);
}

function sameRule(a: FibRule, b: FibRule): boolean {
  return (
    a.priority === b.priority &&
    a.action === b.action &&
    a.table === b.table &&
    a.src === b.src &&
    a.srcLen === b.srcLen &&
    a.dst === b.dst &&
    a.dstLen === b.dstLen &&
    a.tos === b.tos &&
    a.iif === b.iif &&
    a.oif === b.oif &&
    a.mark === b.mark &&
    a.markMask === b.markMask &&
    a.invert === b.invert &&
    a.ipProto === b.ipProto &&
    a.suppressPrefixLength === b.suppressPrefixLength &&
    sameRange(a.sport, b.sport) &&
    sameRange(a.dport, b.dport) &&
    sameRange(a.uidRange, b.uidRange)
  );
}

/** rule_find: what the deletion does not say agrees with anything. */
function agrees(rule: FibRule, config: FibRuleConfig): boolean {
  const differs = <K extends keyof FibRule>(key: K): boolean => {
    const wanted = config[key];
    return wanted !== undefined && wanted !== rule[key];
  };
  if (
    differs("priority") ||
    differs("action") ||
    differs("src") ||
    differs("srcLen") ||
    differs("dst") ||
    differs("dstLen") ||
    differs("tos") ||
    differs("iif") ||
    differs("oif") ||
    differs("mark") ||
    differs("markMask") ||
    differs("ipProto") ||
    differs("suppressPrefixLength")
  )
    return false;
  if (config.table !== undefined && config.table !== 0 && config.table !== rule.table) return false;
  if (config.sport && !sameRange(config.sport, rule.sport)) return false;
  if (config.dport && !sameRange(config.dport, rule.dport)) return false;
  return !config.uidRange || sameRange(config.uidRange, rule.uidRange);
}
