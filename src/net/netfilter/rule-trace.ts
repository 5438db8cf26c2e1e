// What a rule did to a packet, for those who trace (SkbPool.trace): events of nftDoChain. Answers to
// net/netfilter/nf_tables_trace.c, which tells of packets with nftrace set only, and only of rules that matched.

import type { TraceRule } from "../../sim/trace.ts";
import { NF_ACCEPT, NF_DROP } from "../core/netfilter.ts";
import { trace } from "../core/skb.ts";
import type { Chain, Table } from "./nf-table.ts";
import type { RuleAction } from "./rule.ts";
import { XT_CONTINUE, XT_GOTO, XT_JUMP, XT_RETURN, type XtPar } from "./x-tables.ts";

/** @param index the rule's place in the compiled table. @param verdict a rule's action, or a number that its target returned */
export function traceRule(
  par: XtPar,
  table: Table,
  index: number,
  step: TraceRule["step"],
  verdict: RuleAction | number | "",
): void {
  let chain: Chain | undefined;
  for (const each of table.chains.values())
    if (index >= each.start && index - each.start < each.rules.length) chain = each;
  const rule = chain!.rules[index - chain!.start]!;
  const to = verdict === XT_JUMP || verdict === XT_GOTO ? par.chain!.name : rule.jumpTo;
  trace(par.skb, "nftDoChain", par.in ?? par.out, "", {
    table: table.key,
    chain: chain!.name,
    number: index - chain!.start + 1,
    step,
    verdict: verdictText(verdict, to),
    rule,
  });
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
