// What netfilter did to a packet, as steps: rules, conntrack's word, rewrites and the rule to which each is due, also when that
// rule spoke long ago, to the first packet of the connection.

import type { NetDevice } from "../net/core/net-device.ts";
import type { SkBuff } from "../net/core/skb.ts";
import { ctinfo2dir } from "../net/netfilter/conntrack-entry.ts";
import type { ConnHandle } from "../net/netfilter/conntrack-info.ts";
import type { Rule } from "../net/netfilter/rule.ts";
import type { TraceEvent, TraceRule } from "../sim/trace.ts";
import { PLAIN_NAMES, withSets } from "../tools/iptables/names.ts";
import type { Interfaces } from "./interfaces.ts";
import type { Event, RuleName } from "./packet.ts";
import type { OpenStrand } from "./strand.ts";
import { connText, endText, type Flow, flowOf, hasIpv4, ruleText, targetOf } from "./words.ts";

/** Appends a step. */
type Push = (strand: OpenStrand, event: TraceEvent, what: Event) => void;

export class NetfilterNotes {
  readonly #interfaces: Interfaces;
  readonly #allRules: boolean;
  readonly #push: Push;
  /** rules by which connections got their bindings, by ConnHandle */
  readonly #natRules: WeakMap<object, { SNAT?: RuleName; DNAT?: RuleName }> = new WeakMap();
  readonly #ruleNames: WeakMap<object, RuleName> = new WeakMap();

  /** @param allRules those that were looked at and did not match, too */
  constructor(interfaces: Interfaces, allRules: boolean, push: Push) {
    this.#interfaces = interfaces;
    this.#allRules = allRules;
    this.#push = push;
  }

  rule(strand: OpenStrand, event: TraceEvent, told: TraceRule, skb: SkBuff): void {
    const { step, verdict } = told;
    if (step === "verdict") {
      this.#judged(strand, event, skb, verdict);
      return;
    }
    if (step === "match") {
      // what its target is going to change
      strand.mark = skb.mark;
      if (hasIpv4(skb)) strand.flow = flowOf(skb);
    }
    if (step === "look" && !this.#allRules) return;
    const rule = this.#ruleName(told, event);
    const matched = step !== "look";
    const said = {
      kind: "rule",
      hook: strand.hook,
      rule,
      matched,
      verdict: matched ? verdict.replace("TARGET", "") : "",
    } as const;
    const { steps } = strand;
    const before = steps.at(-1);
    // the rule that was just looked at has matched
    if (step === "match" && this.#allRules && before?.event.kind === "rule" && before.event.rule === rule)
      steps[steps.length - 1] = { ...before, event: said };
    else this.#push(strand, event, said);
  }

  /** A rule's target has spoken. */
  #judged(strand: OpenStrand, event: TraceEvent, skb: SkBuff, verdict: string): void {
    const { steps } = strand;
    const at = steps.findLastIndex(({ event: { kind } }) => kind === "rule");
    const said = steps[at]!.event as Extract<Event, { kind: "rule" }>;
    // of nft's rules the rest of the matches is only now known
    if (verdict !== "BREAK") said.verdict = verdict;
    else if (this.#allRules) steps[at] = { ...steps[at]!, event: { ...said, matched: false, verdict: "" } };
    else steps.splice(at, 1);
    this.#changed(strand, event, skb, said.rule);
  }

  #ruleName({ table, chain, number, step, verdict, rule }: TraceRule, event: TraceEvent): RuleName {
    if (step === "policy") return { table, chain, number: 0, text: `-P ${chain} ${verdict}`, target: verdict };
    const known = this.#ruleNames.get(rule!);
    if (known?.number === number) return known;
    const { net } = event.device as NetDevice;
    const netns = this.#interfaces.namespaceOf(net);
    const names = netns
      ? withSets(PLAIN_NAMES, netns.nf.sets)
      : { ...PLAIN_NAMES, setIndex: () => -1, setName: () => "?" };
    const text = ruleText(chain, rule as Rule, net, names);
    const name = { table, chain, number, text, target: targetOf(rule as Rule, text) };
    this.#ruleNames.set(rule!, name);
    return name;
  }

  /** What a rule's target wrote into the packet or beside it. */
  #changed(strand: OpenStrand, event: TraceEvent, skb: SkBuff, by: RuleName): void {
    const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;
    const tell = (what: string, before: string, after: string): void => {
      if (before !== after)
        this.#push(strand, event, { kind: "rewrite", hook: strand.hook, what, before, after, by, undone: false });
    };
    if (skb.mark !== strand.mark) tell("mark", hex(strand.mark), hex(skb.mark));
    strand.mark = skb.mark;
    if (!hasIpv4(skb)) return;
    const flow = flowOf(skb);
    if (strand.flow && strand.flow.saddr === flow.saddr && strand.flow.daddr === flow.daddr) {
      tell("tos", hex(strand.flow.tos), hex(flow.tos));
      tell("ttl", String(strand.flow.ttl), String(flow.ttl));
    }
    strand.flow = flow;
  }

  conntrack(strand: OpenStrand, event: TraceEvent, skb: SkBuff): void {
    const conn = event.other as ConnHandle | null;
    strand.flow = flowOf(skb);
    strand.mark = skb.mark;
    // what comes back from the loopback, or by a bridge, is tracked already
    if (conn !== null && strand.conn === conn && strand.ctState === event.detail) return;
    strand.conn = conn;
    strand.ctState = event.detail;
    this.#push(strand, event, {
      kind: "conntrack",
      hook: strand.hook,
      state: event.detail,
      reply: conn !== null && ctinfo2dir(skb.ctinfo) === 1,
      entry: conn ? connText(conn.info) : "",
    });
  }

  binding(strand: OpenStrand, event: TraceEvent): void {
    const last = strand.steps.findLast(({ event: { kind } }) => kind === "rule")?.event;
    if (last?.kind !== "rule" || last.rule.number === 0) return;
    const known = this.#natRules.get(event.other!) ?? {};
    known[event.detail as "SNAT" | "DNAT"] = last.rule;
    this.#natRules.set(event.other!, known);
  }

  translated(strand: OpenStrand, event: TraceEvent, skb: SkBuff): void {
    const before = strand.flow;
    const after = flowOf(skb);
    strand.flow = after;
    if (!before) return;
    const undone = ctinfo2dir(skb.ctinfo) === 1;
    const rules = this.#natRules.get(event.other!);
    const tell = (what: string, source: boolean, from: string, to: string): void => {
      if (from === to) return;
      // an answer's destination is what was done to the source
      const by = (source !== undone ? rules?.SNAT : rules?.DNAT) ?? null;
      this.#push(strand, event, { kind: "rewrite", hook: strand.hook, what, before: from, after: to, by, undone });
    };
    const id = (flow: Flow): string => (before.id === after.id ? "" : ` id ${flow.id}`);
    tell(
      "source",
      true,
      endText(before.saddr, before.sport) + id(before),
      endText(after.saddr, after.sport) + id(after),
    );
    const sameEnd = before.saddr !== after.saddr || before.sport !== after.sport;
    const idOnce = (flow: Flow): string => (sameEnd ? "" : id(flow));
    tell(
      "destination",
      false,
      endText(before.daddr, before.dport) + idOnce(before),
      endText(after.daddr, after.dport) + idOnce(after),
    );
  }
}
