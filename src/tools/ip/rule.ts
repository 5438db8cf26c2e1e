// `ip rule`: add, delete, flush, show. Answers to iproute2's ip/iprule.c.

import type { Net } from "../../net/core/net.ts";
import {
  type FibRule,
  type FibRuleConfig,
  FR_ACT_BLACKHOLE,
  FR_ACT_GOTO,
  FR_ACT_NOP,
  FR_ACT_PROHIBIT,
  FR_ACT_TO_TBL,
  FR_ACT_UNREACHABLE,
} from "../../net/ipv4/fib-rules.ts";
import { RT_TABLE_MAIN, RTPROT_KERNEL } from "../../net/ipv4/fib-types.ts";
import type { Ipv4 } from "../../net/ipv4/ipv4.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import type { Context } from "./context.ts";
import { Args, CommandError, getPrefix, invarg, matches, parseUnsigned, rtnl } from "./lib/args.ts";
import {
  dsfieldName,
  ipProtoName,
  parseDsfield,
  parseIpProto,
  parseProto,
  parseTable,
  protoName,
  tableName,
} from "./lib/names.ts";
import { Out } from "./lib/out.ts";

const RULE_USAGE = `Usage: ip rule { add | del } SELECTOR ACTION
       ip rule { flush | save | restore }
       ip rule [ list [ SELECTOR ]]
SELECTOR := [ not ] [ from PREFIX ] [ to PREFIX ] [ tos TOS ]
            [ fwmark FWMARK[/MASK] ]
            [ iif STRING ] [ oif STRING ] [ pref NUMBER ] [ l3mdev ]
            [ uidrange NUMBER-NUMBER ]
            [ ipproto PROTOCOL ]
            [ sport [ NUMBER | NUMBER-NUMBER ]
            [ dport [ NUMBER | NUMBER-NUMBER ] ]
ACTION := [ table TABLE_ID ]
          [ protocol PROTO ]
          [ nat ADDRESS ]
          [ realms [SRCREALM/]DSTREALM ]
          [ goto NUMBER ]
          SUPPRESSOR
SUPPRESSOR := [ suppress_prefixlength NUMBER ]
              [ suppress_ifgroup DEVGROUP ]
TABLE_ID := [ local | main | default | NUMBER ]
`;

function usage(): never {
  throw new CommandError(RULE_USAGE, 255);
}

export function doRule(ctx: Context, words: readonly string[]): number {
  const verb = words[0] ?? "list";
  const args = new Args(words.slice(1));
  if (matches(verb, "list") || matches(verb, "lst") || matches(verb, "show")) return listRules(ctx, args);
  if (matches(verb, "add")) return modify(ctx, args, true);
  if (matches(verb, "delete")) return modify(ctx, args, false);
  if (matches(verb, "flush")) return flushRules(ctx);
  if (matches(verb, "help")) usage();
  for (const known of ["save", "restore"])
    if (matches(verb, known)) throw new CommandError(`ip rule: "${known}" is not supported by vethlab\n`, 2);
  throw new CommandError(`Command "${verb}" is unknown, try "ip rule help".\n`, 255);
}

/** FibRuleConfig while it is being put together. */
type Draft = { -readonly [K in keyof FibRuleConfig]: FibRuleConfig[K] };

const ACTIONS: ReadonlyMap<string, number> = new Map([
  ["blackhole", FR_ACT_BLACKHOLE],
  ["unreachable", FR_ACT_UNREACHABLE],
  ["prohibit", FR_ACT_PROHIBIT],
  ["unicast", FR_ACT_TO_TBL],
]);

function range(word: string, max: number, message: string): [number, number] {
  const [first, last] = word.split("-");
  const from = parseUnsigned(first!, max) ?? invarg(message, word);
  return [from, last === undefined ? from : (parseUnsigned(last, max) ?? invarg(message, word))];
}

/** Words of a selector that adding, deleting and listing share; false: not one of them. */
function parseSelector(args: Args, rule: Draft): boolean {
  if (args.is("not")) rule.invert = true;
  else if (args.is("from")) {
    const prefix = getPrefix(args.next());
    rule.src = prefix.address;
    rule.srcLen = prefix.length;
  } else if (args.is("to")) {
    const prefix = getPrefix(args.next());
    rule.dst = prefix.address;
    rule.dstLen = prefix.length;
  } else if (args.matches("preference") || args.matches("order") || args.matches("priority")) {
    const word = args.next();
    rule.priority = parseUnsigned(word) ?? invarg("preference value is invalid\n", word);
  } else if (args.is("tos") || args.matches("dsfield")) {
    const word = args.next();
    rule.tos = parseDsfield(word) ?? invarg("TOS value is invalid\n", word);
  } else if (args.is("fwmark")) {
    const word = args.next();
    const [mark, mask] = word.split("/");
    rule.mark = parseUnsigned(mark!) ?? invarg("fwmark value is invalid\n", word);
    if (mask !== undefined) rule.markMask = parseUnsigned(mask) ?? invarg("fwmask value is invalid\n", mask);
  } else if (args.is("uidrange")) rule.uidRange = range(args.next(), 0xffffffff, "invalid UID range\n");
  else if (args.is("dev") || args.is("iif")) rule.iif = args.next();
  else if (args.is("oif")) rule.oif = args.next();
  else if (args.is("ipproto")) {
    const word = args.next();
    rule.ipProto = parseIpProto(word) ?? invarg('Invalid "ipproto" value\n', word);
  } else if (args.is("sport")) rule.sport = range(args.next(), 65535, "invalid port range\n");
  else if (args.is("dport")) rule.dport = range(args.next(), 65535, "invalid port range\n");
  else return false;
  return true;
}

/** iprule_modify */
function modify(ctx: Context, args: Args, adding: boolean): number {
  if (args.done) throw new CommandError(`"ip rule ${adding ? "add" : "del"}" requires arguments.\n`, 1);
  const rule: Draft = {};
  let table: number | undefined;
  for (; !args.done; args.advance()) {
    if (parseSelector(args, rule)) continue;
    if (args.matches("table") || args.is("lookup")) {
      const word = args.next();
      table = parseTable(word) ?? invarg("invalid table ID\n", word);
    } else if (args.matches("protocol")) {
      const word = args.next();
      rule.protocol = parseProto(word) ?? invarg('"protocol" value is invalid\n', word);
    } else if (args.matches("suppress_prefixlength") || args.is("sup_pl")) {
      const word = args.next();
      rule.suppressPrefixLength = parseUnsigned(word) ?? invarg("suppress_prefixlength value is invalid\n", word);
    } else if (args.is("goto")) {
      const word = args.next();
      rule.target = parseUnsigned(word) ?? invarg("invalid target\n", word);
      rule.action = FR_ACT_GOTO;
    } else if (args.is("nop")) rule.action = FR_ACT_NOP;
    else if (
      args.matches("suppress_ifgroup") ||
      args.matches("realms") ||
      args.is("nat") ||
      args.matches("map-to") ||
      args.is("l3mdev") ||
      args.is("tun_id")
    )
      throw new CommandError(`ip rule: "${args.word}" is not supported by vethlab\n`, 2);
    else {
      if (args.is("type")) args.next();
      if (args.matches("help")) usage();
      rule.action = ACTIONS.get(args.word) ?? invarg("Failed to parse rule type", args.word);
    }
  }
  const { rules } = ctx.ns.ipv4.fib;
  if (adding) {
    rule.table = table ?? (rule.action === undefined || rule.action === FR_ACT_TO_TBL ? RT_TABLE_MAIN : 0);
    if (rule.table !== 0) ctx.ns.ipv4.fib.new(rule.table);
    // without a number each new rule gets one of its own, so none is the same as another
    rtnl(ctx.proc, () => rules.add(rule, rule.priority !== undefined));
  } else {
    if (table !== undefined) rule.table = table;
    rtnl(ctx.proc, () => rules.delete(rule));
  }
  ctx.ns.ipv4.rtCacheFlush();
  return 0;
}

/** All but the one of priority 0. */
function flushRules(ctx: Context): number {
  const { rules } = ctx.ns.ipv4.fib;
  for (const rule of [...rules.dump()]) if (rule.priority !== 0) rules.delete({ priority: rule.priority });
  ctx.ns.ipv4.rtCacheFlush();
  return 0;
}

function listRules(ctx: Context, args: Args): number {
  const wanted: Draft = {};
  for (; !args.done; args.advance()) {
    if (parseSelector(args, wanted)) continue;
    if (args.matches("lookup") || args.is("table")) {
      const word = args.next();
      wanted.table = parseTable(word) ?? invarg("table id value is invalid\n", word);
    } else if (args.matches("protocol")) {
      const word = args.next();
      wanted.protocol = parseProto(word) ?? invarg('"protocol" value is invalid\n', word);
    } else if (args.matches("help")) usage();
    else invarg('invalid "preference"\n', args.word);
  }
  const { family } = ctx.options;
  ctx.out.begin();
  if (family === "" || family === "inet")
    for (const rule of ctx.ns.ipv4.fib.rules.dump()) if (agrees(rule, wanted)) printRule(ctx, rule);
  ctx.out.end();
  return 0;
}

function agrees(rule: FibRule, wanted: FibRuleConfig): boolean {
  for (const key of ["priority", "table", "iif", "oif", "tos", "protocol", "ipProto", "mark"] as const)
    if (wanted[key] !== undefined && wanted[key] !== rule[key]) return false;
  if (wanted.srcLen !== undefined && (wanted.srcLen !== rule.srcLen || wanted.src !== rule.src)) return false;
  return wanted.dstLen === undefined || (wanted.dstLen === rule.dstLen && wanted.dst === rule.dst);
}

/** A rule as `ip rule` has it. */
export function policyRuleLine(ns: RuleContext["ns"], rule: FibRule): string {
  const out = new Out();
  printRule({ out, ns, options: { details: 0 } }, rule);
  return out.take().replace("\t", " ").trim();
}

/** What the text of a rule depends on. */
interface RuleContext {
  readonly out: Out;
  readonly ns: { readonly net: Net; readonly ipv4: Ipv4 };
  readonly options: { readonly details: number };
}

/** print_rule */
function printRule(ctx: RuleContext, rule: FibRule): void {
  const { out } = ctx;
  const { net } = ctx.ns;
  out.openObject();
  out.any("priority", `${rule.priority}:\t`, rule.priority);
  if (rule.invert) out.any("not", "not ", null);
  if (rule.srcLen > 0) printPrefix(out, "from ", "src", rule.src, rule.srcLen);
  else out.any("src", "from all", "all");
  if (rule.dstLen > 0) printPrefix(out, " to ", "dst", rule.dst, rule.dstLen);
  if (rule.tos) {
    const tos = dsfieldName(rule.tos);
    out.any("tos", ` tos ${tos}`, tos);
  }
  if (rule.mark || rule.markMask) {
    const mark = `0x${rule.mark.toString(16)}`.replace(/^0x0$/, "0");
    out.any("fwmark", ` fwmark ${mark}`, mark);
    if (rule.markMask !== 0xffffffff) {
      const mask = `0x${rule.markMask.toString(16)}`;
      out.any("fwmask", `/${mask}`, mask);
    }
  }
  for (const [key, name] of [
    ["iif", rule.iif],
    ["oif", rule.oif],
  ] as const) {
    if (name === "") continue;
    out.any(key, ` ${key} ${name}`, name);
    if (!net.deviceByName(name)) out.any(`${key}_detached`, " [detached]", null);
  }
  if (rule.uidRange) {
    const [from, to] = rule.uidRange;
    out.any("uid_start", ` uidrange ${from}`, from);
    out.any("uid_end", `-${to}`, to);
  }
  if (rule.ipProto) {
    const name = ipProtoName(rule.ipProto);
    out.any("ipproto", ` ipproto ${name}`, name);
  }
  if (rule.sport) printPorts(out, "sport", rule.sport);
  if (rule.dport) printPorts(out, "dport", rule.dport);
  printAction(ctx, rule);
  if ((rule.protocol && rule.protocol !== RTPROT_KERNEL) || ctx.options.details) {
    const protocol = protoName(rule.protocol);
    out.any("protocol", ` proto ${protocol}`, protocol);
  }
  out.fp("\n");
  out.closeObject();
}

function printAction(ctx: RuleContext, rule: FibRule): void {
  const { out } = ctx;
  switch (rule.action) {
    case FR_ACT_TO_TBL: {
      const table = tableName(rule.table);
      out.any("table", ` lookup ${table}`, table);
      if (rule.suppressPrefixLength >= 0)
        out.any("suppress_prefixlen", ` suppress_prefixlength ${rule.suppressPrefixLength}`, rule.suppressPrefixLength);
      return;
    }
    case FR_ACT_GOTO: {
      out.any("goto", ` goto ${rule.target}`, rule.target);
      const resolved = ctx.ns.ipv4.fib.rules.dump().some((other) => other.priority === rule.target);
      if (!resolved) out.any("unresolved", " [unresolved]", null);
      return;
    }
    case FR_ACT_NOP:
      out.any("nop", " nop", null);
      return;
    default: {
      const name = [...ACTIONS].find(([, action]) => action === rule.action)?.[0] ?? String(rule.action);
      out.any("action", ` ${name}`, name);
    }
  }
}

function printPrefix(out: Out, word: string, key: string, address: number, length: number): void {
  const text = formatIpv4(address);
  out.any(key, `${word}${text}`, text);
  if (length !== 32) out.any(`${key}len`, `/${length}`, length);
}

function printPorts(out: Out, key: string, [from, to]: readonly [number, number]): void {
  if (from === to) {
    out.any(key, ` ${key} ${from}`, from);
    return;
  }
  out.any(`${key}_start`, ` ${key} ${from}`, from);
  out.any(`${key}_end`, `-${to}`, to);
}
