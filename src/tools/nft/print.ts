// Tables, chains, sets and objects as nft lists them. Answers to src/rule.c of nftables 1.0.6.

import type { Chain, Table } from "../../net/netfilter/nf-table.ts";
import type { NftObject } from "../../net/netfilter/nft/expr.ts";
import { NftRule } from "../../net/netfilter/nft/rule.ts";
import type { NftSet } from "../../net/netfilter/nft/set.ts";
import type { Rule } from "../../net/netfilter/rule.ts";
import { XtRule } from "../../net/netfilter/xt-rule.ts";
import { dataType, durationText } from "./datatypes.ts";
import { elementText, type Format, quotaText, rateText, ruleText, sortedElements } from "./print-rule.ts";
import { HOOKS, priorityText } from "./priorities.ts";
import { xtRuleText } from "./xlate.ts";

const NEXT_LINE = ",\n\t\t\t     ";

export function ruleLine(rule: Rule, format: Format): string {
  let text = "";
  if (rule instanceof NftRule) text = ruleText(rule.stmts, rule.comment, format);
  else if (rule instanceof XtRule) text = xtRuleText(rule, format);
  return text + handleText(rule.handle, format);
}

function handleText(handle: number, { handles }: Format): string {
  return handles ? ` # handle ${handle}` : "";
}

/** Has it an extension that came to the kernel as one of iptables'? */
function usesXt({ spec }: XtRule): boolean {
  const { target } = spec;
  return (
    (target.kind === "target" && !["NFLOG", "TRACE"].includes(target.name)) ||
    spec.matches.some(({ name }) => !["tcp", "udp", "limit", "mark", "comment"].includes(name))
  );
}

const WARNING = (family: string, name: string): string =>
  `# Warning: table ${family} ${name} is managed by iptables-nft, do not touch!\n`;

/** What shall be shown of a table. */
export interface Show {
  readonly sets: (set: NftSet) => boolean;
  readonly chains: (chain: Chain) => boolean;
  readonly objects: (object: NftObject) => boolean;
  /** chains without their rules */
  readonly declarations: boolean;
  /** of list sets, list chains …: no empty lines between, no table's own settings */
  readonly dense: boolean;
}

export const SHOW_ALL: Show = {
  sets: () => true,
  chains: () => true,
  objects: () => true,
  declarations: false,
  dense: false,
};

export function tableText(table: Table, show: Show, format: Format): string {
  const handle = show.dense ? "" : handleText(table.handle, format);
  let text = `table ${table.family} ${table.name} {${handle}\n`;
  if (!show.dense) {
    if (table.comment !== null) text += `\tcomment "${table.comment}"\n`;
    if (table.dormant) text += "\tflags dormant\n";
  }
  const blocks = [
    ...OBJECT_ORDER.flatMap((type) =>
      [...table.objects.values()]
        .filter((object) => object.type === type && show.objects(object))
        .map((object) => objectText(object, format)),
    ),
    ...[...table.sets.values()].filter(show.sets).map((set) => setText(set, format)),
    ...[...table.chains.values()].filter(show.chains).map((chain) => chainText(chain, show.declarations, format)),
  ];
  return `${text}${blocks.join(show.dense ? "" : "\n")}}\n`;
}

const OBJECT_ORDER = ["counter", "quota", "limit", "ct helper"] as const;

/** The remark that belongs before a table with iptables' rules. */
export function warningOf(table: Table, show: Show): string {
  const shown = [...table.chains.values()].filter(show.chains);
  const has = shown.some((chain) => chain.rules.some((rule) => rule instanceof XtRule && usesXt(rule)));
  return has && !show.declarations ? WARNING(table.family, table.name) : "";
}

function chainText(chain: Chain, bare: boolean, format: Format): string {
  let text = `\tchain ${chain.name} {${handleText(chain.handle, format)}\n`;
  if (chain.comment !== null) text += `\t\tcomment "${chain.comment}"\n`;
  const head = chainHead(chain, chain.policy, format);
  if (head !== "") text += `\t\t${head}\n`;
  if (!bare) for (const rule of chain.rules) text += `\t\t${ruleLine(rule, format)}\n`;
  return `${text}\t}\n`;
}

/** What a base chain says of itself; "" of another. */
export function chainHead({ base }: Chain, policy: number, format: Format): string {
  if (base === null) return "";
  const hook = HOOKS[base.hook]!;
  const priority = priorityText(base.priority, hook, format.priorities);
  return `type ${base.type} hook ${hook} priority ${priority}; policy ${policy === 0 ? "drop" : "accept"};`;
}

export function setText(set: NftSet, format: Format, only?: NftSet["elements"]): string {
  const { spec } = set;
  let text = `\t${spec.dataTypes === null ? "set" : "map"} ${spec.name} {${handleText(set.handle, format)}\n`;
  const data = spec.dataTypes === null ? "" : ` : ${spec.dataTypeOf ?? spec.dataTypes.join(" . ")}`;
  text +=
    spec.typeOf === null ? `\t\ttype ${spec.keyTypes.join(" . ")}${data}\n` : `\t\ttypeof ${spec.typeOf}${data}\n`;
  if (spec.policy !== null) text += `\t\tpolicy ${spec.policy}\n`;
  if (set.size !== null) text += `\t\tsize ${set.size}\n`;
  const flags = [
    ...(spec.constant ? ["constant"] : []),
    ...(spec.dynamic ? ["dynamic"] : []),
    ...(spec.interval ? ["interval"] : []),
    ...(spec.timeout ? ["timeout"] : []),
  ];
  // a default timeout says it alone
  if (flags.length > (spec.timeoutNs === null ? 0 : 1)) text += `\t\tflags ${flags.join(",")}\n`;
  if (spec.timeoutNs !== null) text += `\t\ttimeout ${durationText(spec.timeoutNs)}\n`;
  if (spec.gcIntervalNs !== null) text += `\t\tgc-interval ${durationText(spec.gcIntervalNs)}\n`;
  if (spec.autoMerge) text += "\t\tauto-merge\n";
  if (spec.counter) text += "\t\tcounter\n";
  if (spec.comment !== null) text += `\t\tcomment "${spec.comment}"\n`;
  const elements = sortedElements(only ?? set.living(format.now));
  if (elements.length > 0 && !format.terse) {
    const perLine = elementsPerLine(spec.keyTypes);
    text += "\t\telements = { ";
    let count = 0;
    for (const [i, element] of elements.entries()) {
      if (i > 0) {
        if (count >= perLine) {
          text += NEXT_LINE;
          count = 0;
        } else text += ", ";
      }
      text += elementText(element, spec, format);
      count++;
    }
    text += " }\n";
  }
  return `${text}\t}\n`;
}

const FIVE = new Set([
  "nf_proto",
  "integer",
  "arp_op",
  "inet_proto",
  "inet_service",
  "tcp_flag",
  "mark",
  "iface_index",
  "classid",
  "uid",
  "gid",
  "ct_dir",
]);
const TWO = new Set(["ipv4_addr", "ct_state", "ct_status", "pkt_type"]);

/** calculate_delim */
function elementsPerLine(types: readonly string[]): number {
  if (types.length !== 1) return 1;
  const { name } = dataType(types[0]!);
  if (FIVE.has(name)) return 5;
  return TWO.has(name) ? 2 : 1;
}

export function objectText(object: NftObject, format: Format): string {
  let text = `\t${object.type} ${object.name} {${handleText(object.handle, format)}\n`;
  if (object.comment !== null) text += `\t\tcomment "${object.comment}"\n`;
  if (object.type === "counter") {
    if (!format.stateless) text += `\t\tpackets ${object.packets} bytes ${object.bytes}\n`;
  } else if (object.type === "quota") text += `\t\t${quotaText(object, format)}\n`;
  else if (object.type === "limit") text += `\t\t${rateText(object)}\n`;
  else text += `\t\ttype "${object.helper}" protocol ${object.protocol}\n\t\tl3proto ip\n`;
  return `${text}\t}\n`;
}
