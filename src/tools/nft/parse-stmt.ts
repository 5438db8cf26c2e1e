// Statements of a rule. Answers to the statement part of src/parser_bison.y of nftables 1.0.6.

import {
  NF_NAT_RANGE_PERSISTENT,
  NF_NAT_RANGE_PROTO_RANDOM,
  NF_NAT_RANGE_PROTO_RANDOM_FULLY,
} from "../../net/netfilter/nat.ts";
import {
  NF_LOG_IPOPT,
  NF_LOG_MACDECODE,
  NF_LOG_TCPOPT,
  NF_LOG_TCPSEQ,
  NF_LOG_UID,
} from "../../net/netfilter/nf-log.ts";
import type { AstExpr, AstNat, AstRule, AstStmt } from "./ast.ts";
import { type Cursor, unexpected } from "./cursor.ts";
import { type Loc, NftProblem } from "./lexer.ts";
import {
  isPrimary,
  isVerdictWord,
  parseData,
  parseLeft,
  parseRight,
  parseSetExpr,
  parseVerdict,
  refuse,
} from "./parse-expr.ts";

const LOG_LEVELS = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];
const REFUSED = ["dup", "fwd", "tproxy", "synproxy", "queue", "flow", "meter", "xt", "secmark", "last"];
const UNITS: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600, day: 86400, week: 604800 };
const BYTES: Readonly<Record<string, number>> = { bytes: 1, kbytes: 1024, mbytes: 1048576 };

/** Statements up to the end of the line, and a comment. */
export function parseRule(cursor: Cursor): AstRule {
  const start = cursor.token;
  const stmts: AstStmt[] = [];
  let comment: string | null = null;
  if (cursor.atSeparator) throw unexpected(cursor.token, undefined);
  while (!cursor.atSeparator && !cursor.is("}")) {
    if (cursor.is("comment")) {
      if (stmts.length === 0) throw unexpected(cursor.token, undefined);
      cursor.next();
      comment = cursor.text();
      break;
    }
    stmts.push(statement(cursor));
  }
  return { stmts, comment, loc: cursor.since(start) };
}

function statement(cursor: Cursor): AstStmt {
  cursor.expand();
  const start = cursor.token;
  if (isVerdictWord(cursor)) {
    const expr = parseVerdict(cursor);
    return { s: "verdict", expr, loc: expr.loc };
  }
  if (start.kind === "word") {
    if (REFUSED.includes(start.text)) refuse(start.text, start);
    switch (start.text) {
      case "counter":
        return counter(cursor, start);
      case "limit":
        return limit(cursor, start);
      case "quota":
        return quota(cursor, start);
      case "log":
        return log(cursor, start);
      case "reject":
        return reject(cursor, start);
      case "snat":
      case "dnat":
      case "masquerade":
      case "redirect": {
        cursor.next();
        return { s: "nat", ...natTarget(cursor, start.text), loc: cursor.since(start) };
      }
      case "notrack":
        cursor.next();
        return { s: "notrack", loc: start };
      case "add":
      case "update":
      case "delete":
        if (cursor.peek().text === "@") return dynset(cursor, start);
        break;
      case "ct":
        if (["helper", "timeout", "expectation"].includes(cursor.peek().text) && cursor.peek(2).text === "set")
          return ctObject(cursor, start);
        if (cursor.peek().text === "count") refuse("ct count", start);
        break;
      default:
        break;
    }
  }
  if (start.kind === "op" && !["@", "(", "$"].includes(start.text)) throw unexpected(start, undefined);
  return match(cursor, start);
}

function match(cursor: Cursor, start: Loc): AstStmt {
  const reads = isPrimary(cursor);
  const left = parseLeft(cursor);
  if (cursor.is("vmap")) {
    cursor.next();
    cursor.expand();
    const set = cursor.is("{") ? parseSetExpr(cursor) : parseLeft(cursor);
    return { s: "vmap", left, set, loc: cursor.since(start) };
  }
  if (cursor.is("set")) {
    cursor.next();
    const value = parseData(cursor);
    return { s: "assign", to: left, value, loc: cursor.since(start) };
  }
  let op: string | null = null;
  let opLoc: Loc | null = null;
  const names: Readonly<Record<string, string>> = {
    eq: "==",
    ne: "!=",
    lt: "<",
    gt: ">",
    le: "<=",
    ge: ">=",
    "!": "!",
  };
  if (cursor.is("==", "!=", "<", ">", "<=", ">=", "eq", "ne", "lt", "gt", "le", "ge", "!")) {
    opLoc = cursor.token;
    const { text } = cursor.next();
    op = names[text] ?? text;
  }
  cursor.expand();
  if (!reads && op === null) throw unexpected(cursor.token, undefined);
  const right = parseRight(cursor);
  let mask: AstExpr | null = null;
  if (cursor.is("/")) {
    cursor.next();
    mask = parseRight(cursor);
  }
  return { s: "match", left, op, opLoc, right, mask, loc: cursor.since(start) };
}

function counter(cursor: Cursor, start: Loc): AstStmt {
  cursor.next();
  if (cursor.take("name")) {
    const nameLoc = cursor.token;
    const name = cursor.text();
    return { s: "object", type: "counter", name, nameLoc, loc: cursor.since(start) };
  }
  let packets = 0;
  let bytes = 0;
  if (cursor.take("packets")) {
    packets = cursor.number();
    if (cursor.take("bytes")) bytes = cursor.number();
  }
  return { s: "counter", packets, bytes, loc: cursor.since(start) };
}

export interface Rate {
  readonly rate: number;
  readonly unit: number;
  readonly burst: number;
  readonly bytes: boolean;
  readonly over: boolean;
}

/** "rate [over] N[ kbytes]/unit [burst N packets|bytes]" */
export function parseRate(cursor: Cursor): Rate {
  cursor.expect("rate", "rate");
  const over = cursor.take("over");
  if (!over) cursor.take("until");
  let rate = cursor.number();
  let scale = 0;
  let unit: number | undefined;
  if (!cursor.is("/")) {
    // "kbytes/second" is one word
    const [size, per] = cursor.token.text.split("/");
    scale = BYTES[size!] ?? 0;
    if (scale === 0) throw unexpected(cursor.token, "/ or string or bytes");
    cursor.next();
    rate *= scale;
    if (per !== undefined) unit = UNITS[per];
  }
  if (unit === undefined) {
    cursor.expect("/", "/");
    unit = UNITS[cursor.token.text];
    if (unit === undefined) throw unexpected(cursor.token, undefined);
    cursor.next();
  }
  let burst = scale === 0 ? 5 : 0;
  if (cursor.take("burst")) {
    burst = cursor.number();
    if (scale !== 0) {
      burst *= BYTES[cursor.token.text] ?? 1;
      cursor.next();
    } else cursor.expect("packets", "packets");
  }
  return { rate, unit, burst, bytes: scale !== 0, over };
}

function limit(cursor: Cursor, start: Loc): AstStmt {
  cursor.next();
  if (cursor.take("name")) {
    const nameLoc = cursor.token;
    return { s: "object", type: "limit", name: cursor.text(), nameLoc, loc: cursor.since(start) };
  }
  const rate = parseRate(cursor);
  return { s: "limit", ...rate, loc: cursor.since(start) };
}

/** "[over|until] N unit [used N unit]" */
export function parseQuota(cursor: Cursor): { bytes: number; over: boolean; used: number } {
  const over = cursor.take("over");
  if (!over) cursor.take("until");
  const size = (): number => {
    const number = cursor.number();
    const unit = BYTES[cursor.token.text];
    if (unit === undefined) throw unexpected(cursor.token, undefined);
    cursor.next();
    return number * unit;
  };
  const bytes = size();
  const used = cursor.take("used") ? size() : 0;
  return { bytes, over, used };
}

function quota(cursor: Cursor, start: Loc): AstStmt {
  cursor.next();
  if (cursor.take("name")) {
    const nameLoc = cursor.token;
    return { s: "object", type: "quota", name: cursor.text(), nameLoc, loc: cursor.since(start) };
  }
  const parsed = parseQuota(cursor);
  return { s: "quota", ...parsed, loc: cursor.since(start) };
}

function log(cursor: Cursor, start: Loc): AstStmt {
  cursor.next();
  let prefix: string | null = null;
  let level: number | null = null;
  let flags = 0;
  let group: number | null = null;
  let snaplen: number | null = null;
  let threshold: number | null = null;
  for (;;) {
    if (cursor.take("prefix")) prefix = cursor.text("string or quoted string or string with a trailing asterisk");
    else if (cursor.take("group")) group = cursor.number();
    else if (cursor.take("snaplen")) snaplen = cursor.number();
    else if (cursor.take("queue-threshold")) threshold = cursor.number();
    else if (cursor.take("level")) {
      const name = cursor.next();
      level = LOG_LEVELS.indexOf(name.text);
      if (name.text === "audit") refuse("log level audit", name);
      if (level < 0) throw new NftProblem("invalid log level", name);
    } else if (cursor.take("flags")) flags |= logFlags(cursor);
    else break;
  }
  return { s: "log", prefix, level, flags, group, snaplen, threshold, loc: cursor.since(start) };
}

function logFlags(cursor: Cursor): number {
  if (cursor.take("all")) return NF_LOG_TCPSEQ | NF_LOG_TCPOPT | NF_LOG_IPOPT | NF_LOG_UID | NF_LOG_MACDECODE;
  if (cursor.take("skuid")) return NF_LOG_UID;
  if (cursor.take("ether")) return NF_LOG_MACDECODE;
  if (cursor.take("ip")) {
    cursor.expect("options", "options");
    return NF_LOG_IPOPT;
  }
  if (cursor.take("tcp")) {
    let flags = 0;
    do {
      if (cursor.take("sequence")) flags |= NF_LOG_TCPSEQ;
      else if (cursor.take("options")) flags |= NF_LOG_TCPOPT;
      else throw unexpected(cursor.token, "options or sequence");
    } while (cursor.take(","));
    return flags;
  }
  throw unexpected(cursor.token, undefined);
}

function reject(cursor: Cursor, start: Loc): AstStmt {
  cursor.next();
  if (!cursor.take("with")) return { s: "reject", with: null, code: null, withLoc: start, loc: start };
  const what = cursor.token;
  if (cursor.take("tcp")) {
    cursor.expect("reset", "reset");
    return { s: "reject", with: "tcp", code: null, withLoc: start, loc: cursor.since(start) };
  }
  if (what.text === "icmpv6") refuse("icmpv6", what);
  if (!cursor.take("icmp", "icmpx")) throw unexpected(cursor.token, "icmp or icmpv6 or tcp or icmpx");
  cursor.take("type");
  const code = parseRight(cursor);
  return { s: "reject", with: what.text as "icmp" | "icmpx", code, withLoc: start, loc: cursor.since(start) };
}

function natTarget(cursor: Cursor, type: AstNat["type"]): AstNat {
  let family = false;
  if ((type === "snat" || type === "dnat") && cursor.is("ip") && !isField(cursor)) {
    cursor.next();
    family = true;
  }
  let addr: AstExpr | null = null;
  let port: AstExpr | null = null;
  if (cursor.take("to") || startsTarget(cursor, type)) {
    cursor.expand();
    if (!cursor.is(":")) addr = parseData(cursor);
    if (cursor.take(":")) {
      cursor.expand();
      port = parseData(cursor);
    }
    if (type === "masquerade" && addr !== null) throw unexpected(cursor.last, ":");
  }
  let flags = 0;
  const names: Readonly<Record<string, number>> = {
    random: NF_NAT_RANGE_PROTO_RANDOM,
    "fully-random": NF_NAT_RANGE_PROTO_RANDOM_FULLY,
    persistent: NF_NAT_RANGE_PERSISTENT,
  };
  for (;;) {
    const flag = names[cursor.token.text];
    if (flag === undefined) break;
    cursor.next();
    flags |= flag;
    cursor.take(",");
  }
  if (type === "redirect" && addr !== null && port === null) return { type, family, addr: null, port: addr, flags };
  return { type, family, addr, port, flags };
}

function isField(cursor: Cursor): boolean {
  return cursor.peek().kind === "word" && cursor.peek().text !== "to" && cursor.peek().text !== "addr";
}

function startsTarget(cursor: Cursor, type: AstNat["type"]): boolean {
  if (type === "snat" || type === "dnat") return !cursor.atSeparator;
  return cursor.is(":");
}

function dynset(cursor: Cursor, start: Loc): AstStmt {
  const op = cursor.next().text as "add";
  cursor.expect("@");
  const set = cursor.name().text;
  cursor.expect("{");
  const key = parseLeft(cursor);
  const timeoutNs = cursor.take("timeout") ? cursor.duration() : null;
  if (!cursor.is("}")) refuse(`${cursor.token.text} in a dynamic element`, cursor.token);
  cursor.next();
  return { s: "dynset", op, set, key, timeoutNs, loc: cursor.since(start) };
}

function ctObject(cursor: Cursor, start: Loc): AstStmt {
  cursor.next();
  const what = cursor.next();
  if (what.text !== "helper") refuse(`ct ${what.text}`, what);
  cursor.expect("set");
  const nameLoc = cursor.token;
  const name = cursor.text();
  return { s: "object", type: "ct helper", name, nameLoc, loc: cursor.since(start) };
}
