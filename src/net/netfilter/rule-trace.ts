// What a rule did to a packet, for those who trace (SkbPool.trace): events of nftDoChain. Answers to
// net/netfilter/nf_tables_trace.c, which tells of packets with nftrace set only, and only of rules that matched; what it tells
// is nf-monitor.ts's.

import { AssertionError } from "../../base/assert.ts";
import type { TraceRule } from "../../sim/trace.ts";
import { NF_ACCEPT, NF_DROP } from "../core/netfilter.ts";
import { trace } from "../core/skb.ts";
import type { TraceVerdict } from "./nf-monitor.ts";
import type { Chain, Table } from "./nf-table.ts";
import type { Rule, RuleAction } from "./rule.ts";
import { XT_CONTINUE, XT_GOTO, XT_JUMP, XT_RETURN, type XtPar } from "./x-tables.ts";

/** @param index the rule's place in the compiled table. @param verdict a rule's action, or a number that its target returned */
export function traceRule(
  par: XtPar,
  table: Table,
  index: number,
  step: TraceRule["step"],
  verdict: RuleAction | number | "",
): void {
  const chain = chainAt(table, index);
  const rule = chain.rules[index - chain.start]!;
  const to = verdict === XT_JUMP || verdict === XT_GOTO ? par.chain!.name : rule.jumpTo;
  trace(par.skb, "nftDoChain", par.in ?? par.out, "", {
    table: table.key,
    chain: chain.name,
    number: index - chain.start + 1,
    step,
    verdict: verdict === XT_CONTINUE && rule.breaks && !par.held ? "BREAK" : verdictText(verdict, to),
    rule,
  });
}

/** The chain whose rule stands at a place of the compiled table. */
export function chainAt(table: Table, index: number): Chain {
  for (const chain of table.chains.values())
    if (index >= chain.start && index - chain.start < chain.rules.length) return chain;
  throw new AssertionError("no rule at this index");
}

/** What the kernel's trace calls it. */
export function monitorVerdict(par: XtPar, rule: Rule, verdict: RuleAction | number): TraceVerdict {
  switch (verdict) {
    case XT_JUMP:
      return { goes: "jump", to: par.chain!.name };
    case XT_GOTO:
      return { goes: "goto", to: par.chain!.name };
    case "jump":
    case "goto":
      return { goes: verdict, to: rule.jumpTo };
    case XT_RETURN:
    case "RETURN":
      return "return";
    case NF_ACCEPT:
    case "ACCEPT":
      return "accept";
    case NF_DROP:
    case "DROP":
      return "drop";
    case XT_CONTINUE:
    case "none":
      return "continue";
    default:
      return "stolen";
  }
}

export function traceChainEnd(par: XtPar, chain: Chain): void {
  trace(par.skb, "nftDoChain", par.in ?? par.out, "", {
    table: chain.table.key,
    chain: chain.name,
    number: 0,
    step: "policy",
    verdict: chain.policy === NF_DROP ? "DROP" : "ACCEPT",
    rule: null,
  });
}

function verdictText(verdict: RuleAction | number | "", to: string): string {
  switch (verdict) {
    case XT_CONTINUE:
    case "none":
      return "CONTINUE";
    case XT_RETURN:
      return "RETURN";
    case XT_JUMP:
    case "jump":
      return `jump ${to}`;
    case XT_GOTO:
    case "goto":
      return `goto ${to}`;
    case NF_ACCEPT:
      return "ACCEPT";
    case NF_DROP:
      return "DROP";
    case "target":
      return "TARGET";
    default:
      return typeof verdict === "number" ? "STOLEN" : verdict;
  }
}
