// Expressions of nft's language: headers and their fields, meta and ct keys, values, ranges, sets. Answers to the
// expression part of src/parser_bison.y.

import type { AstElement, AstExpr } from "./ast.ts";
import { type Cursor, unexpected } from "./cursor.ts";
import { META_KEYS, META_UNQUALIFIED, PROTOCOLS } from "./fields.ts";
import { type Loc, NftProblem, span, type Token } from "./lexer.ts";

const CT_KEYS = new Set(
  "state status mark expiration helper label event l3proto protocol saddr daddr proto-src proto-dst bytes packets avgpkt zone id direction src dst".split(
    " ",
  ),
);
const KEYS_BY_DIRECTION = new Set(
  "l3proto protocol saddr daddr proto-src proto-dst bytes packets avgpkt zone".split(" "),
);
const REFUSED = new Map([
  ["socket", "socket"],
  ["osf", "osf"],
  ["jhash", "jhash"],
  ["symhash", "symhash"],
  ["ipsec", "ipsec"],
  ["exthdr", "exthdr"],
  ["tunnel", "tunnel"],
]);

/** A refusal by name: nft knows it, this does not. */
export function refuse(what: string, loc: Loc): never {
  throw new NftProblem(`${what} is not emulated`, loc);
}

/** True where an expression that reads a packet begins. */
export function isPrimary(cursor: Cursor): boolean {
  const { kind, text } = cursor.token;
  if (kind === "op") return text === "@" || text === "(";
  if (kind !== "word") return false;
  return (
    PROTOCOLS.has(text) ||
    META_UNQUALIFIED.has(text) ||
    ["meta", "ct", "fib", "rt", "numgen", "ip6", "icmpv6"].includes(text) ||
    REFUSED.has(text)
  );
}

/** What a rule reads: joined by dots, masked by & | ^. */
export function parseLeft(cursor: Cursor): AstExpr {
  return concat(cursor, () => binop(cursor, () => primary(cursor)));
}

function concat(cursor: Cursor, part: () => AstExpr): AstExpr {
  const first = part();
  if (!cursor.is(".")) return first;
  const parts = [first];
  while (cursor.take(".")) parts.push(part());
  return { t: "concat", parts, loc: span(first.loc, parts.at(-1)!.loc) };
}

const BINOPS: Readonly<Record<string, "&" | "|" | "^" | "<<" | ">>">> = {
  "&": "&",
  and: "&",
  "|": "|",
  or: "|",
  "^": "^",
  xor: "^",
  "<<": "<<",
  lshift: "<<",
  ">>": ">>",
  rshift: ">>",
};

/** << and >> before &, before ^, before |. */
function binop(cursor: Cursor, part: () => AstExpr, level = 0): AstExpr {
  const levels = [["|"], ["^"], ["&"], ["<<", ">>"]];
  if (level === levels.length) return part();
  let left = binop(cursor, part, level + 1);
  for (;;) {
    const op = cursor.token.kind === "op" || cursor.token.kind === "word" ? BINOPS[cursor.token.text] : undefined;
    if (op === undefined || !levels[level]!.includes(op)) return left;
    cursor.next();
    const right = binop(cursor, part, level + 1);
    left = { t: "binop", op, left, right, loc: span(left.loc, right.loc) };
  }
}

function primary(cursor: Cursor): AstExpr {
  cursor.expand();
  const start = cursor.token;
  if (cursor.take("(")) {
    const inner = binop(cursor, () => primary(cursor));
    cursor.expect(")");
    return inner;
  }
  if (cursor.take("@")) {
    if (cursor.is("th", "nh", "ll", "ih")) return raw(cursor, start);
    const name = cursor.name();
    return { t: "setref", name: name.text, loc: cursor.since(start) };
  }
  if (start.kind === "word") {
    const refused = REFUSED.get(start.text);
    if (refused !== undefined && isPrimaryStart(cursor)) refuse(refused, start);
    if (start.text === "ip6" || start.text === "icmpv6") return foreign(cursor, start);
    if (PROTOCOLS.has(start.text) && cursor.peek().kind === "word") return payload(cursor);
    if (start.text === "meta") return meta(cursor);
    if (META_UNQUALIFIED.has(start.text) && start.text !== "random") {
      cursor.next();
      return { t: "meta", key: start.text, qualified: false, loc: start };
    }
    if (start.text === "ct") return ct(cursor);
    if (start.text === "fib") return fib(cursor);
    if (start.text === "rt") return rt(cursor);
    if (start.text === "numgen") return numgen(cursor);
    if (PROTOCOLS.has(start.text)) {
      // a bare protocol is a value in some places; here a field must follow
      const after = cursor.peek();
      if (after.kind === "newline" || after.kind === "end") {
        cursor.next();
        throw unexpected(cursor.token, undefined);
      }
    }
  }
  return value(cursor);
}

/** A header of IPv6: told apart when the rule is worked out. */
function foreign(cursor: Cursor, start: Token): AstExpr {
  cursor.next();
  const field = cursor.next().text;
  return { t: "payload", proto: start.text, field, loc: cursor.since(start) };
}

function isPrimaryStart(cursor: Cursor): boolean {
  return cursor.peek().kind === "word" || cursor.peek().kind === "op";
}

function raw(cursor: Cursor, start: Loc): AstExpr {
  const base = cursor.next().text;
  cursor.expect(",");
  const offset = cursor.number();
  cursor.expect(",");
  const bits = cursor.number();
  if (base === "ih") refuse("@ih", start);
  return { t: "raw", base, offset, bits, loc: cursor.since(start) };
}

function payload(cursor: Cursor): AstExpr {
  const proto = cursor.next();
  if (proto.text === "tcp" && cursor.is("option")) {
    cursor.next();
    const option = cursor.next();
    if (option.text !== "maxseg" && option.text !== "mss") refuse(`tcp option ${option.text}`, option);
    if (!cursor.take("size")) refuse("tcp option maxseg without size", cursor.token);
    return { t: "tcpopt", loc: cursor.since(proto) };
  }
  if (proto.text === "ip" && cursor.is("option")) refuse("ip option", cursor.token);
  const field = cursor.token;
  if (field.kind !== "word") throw unexpected(field, undefined);
  if (!PROTOCOLS.get(proto.text)!.has(field.text)) {
    if (proto.text === "ip" && (field.text === "nexthop" || field.text === "saddr")) cursor.next();
    else throw unexpected(field, undefined);
  }
  cursor.next();
  return { t: "payload", proto: proto.text, field: field.text, loc: cursor.since(proto) };
}

function meta(cursor: Cursor): AstExpr {
  const start = cursor.next();
  const key = cursor.token;
  if (key.kind !== "word") throw unexpected(key, undefined);
  if (!META_KEYS.has(key.text))
    throw new NftProblem(
      `syntax error, unexpected ${key.text}, known keys are ${[...META_KEYS].join(", ")}`,
      span(start, key),
    );
  cursor.next();
  return { t: "meta", key: key.text, qualified: true, loc: cursor.since(start) };
}

function ct(cursor: Cursor): AstExpr {
  const start = cursor.next();
  let dir: 0 | 1 | null = null;
  if (cursor.is("original", "reply")) dir = cursor.next().text === "original" ? 0 : 1;
  let proto: "ip" | null = null;
  if (dir !== null && cursor.is("ip")) {
    cursor.next();
    proto = "ip";
  } else if (dir !== null && cursor.is("ip6")) refuse("ip6", cursor.token);
  const key = cursor.token;
  if (key.kind !== "word" || !CT_KEYS.has(key.text)) throw unexpected(key, undefined);
  if (dir !== null && !KEYS_BY_DIRECTION.has(key.text)) throw unexpected(key, undefined);
  if (["label", "event", "avgpkt"].includes(key.text)) refuse(`ct ${key.text}`, span(start, key));
  cursor.next();
  return { t: "ct", key: key.text, dir, proto, loc: cursor.since(start) };
}

function fib(cursor: Cursor): AstExpr {
  const start = cursor.next();
  const flags: string[] = [];
  do {
    const flag = cursor.token;
    if (!["saddr", "daddr", "mark", "iif", "oif"].includes(flag.text)) throw unexpected(flag, undefined);
    flags.push(cursor.next().text);
  } while (cursor.take("."));
  const result = cursor.token;
  if (!["type", "oif", "oifname"].includes(result.text)) throw unexpected(result, undefined);
  cursor.next();
  return { t: "fib", flags, result: result.text as "type", loc: cursor.since(start) };
}

function rt(cursor: Cursor): AstExpr {
  const start = cursor.next();
  cursor.take("ip");
  const key = cursor.token;
  if (key.text !== "nexthop" && key.text !== "mtu") refuse(`rt ${key.text}`, span(start, key));
  cursor.next();
  return { t: "rt", key: key.text as "nexthop" | "mtu", loc: cursor.since(start) };
}

function numgen(cursor: Cursor): AstExpr {
  const start = cursor.next();
  const mode = cursor.token;
  if (mode.text !== "inc" && mode.text !== "random") throw unexpected(mode, "inc or random");
  cursor.next();
  cursor.expect("mod", "mod");
  const mod = cursor.number();
  const offset = cursor.take("offset") ? cursor.number() : 0;
  return { t: "numgen", mode: mode.text as "inc", mod, offset, loc: cursor.since(start) };
}

/** One value: a name, a number, an address, a quoted text. */
function value(cursor: Cursor): AstExpr {
  cursor.expand();
  const { token } = cursor;
  if (cursor.is("{")) return parseSetExpr(cursor);
  if (token.kind === "op" || token.kind === "newline" || token.kind === "end") throw unexpected(token, undefined);
  cursor.next();
  if (isClassid(cursor)) {
    cursor.next();
    const minor = cursor.next();
    return { t: "sym", text: `${token.text}:${minor.text}`, quoted: false, loc: cursor.since(token) };
  }
  return { t: "sym", text: token.text, quoted: token.kind === "quoted", loc: token };
}

/** After a number: ":5" of the class 1:5, which meta priority is. */
function isClassid(cursor: Cursor): boolean {
  if (!cursor.is(":") || cursor.peek().kind !== "number" || cursor.token.from !== cursor.last.to) return false;
  const words = [2, 3].map((back) => cursor.tokens[cursor.at - back]?.text);
  return words[0] === "priority" || words[1] === "priority";
}

function prefixOf(cursor: Cursor): AstExpr {
  const base = cursor.is("@") || isReading(cursor) ? primary(cursor) : value(cursor);
  if (base.t === "sym" && cursor.is("/") && cursor.peek().kind === "number") {
    cursor.next();
    const length = cursor.number();
    return { t: "prefix", base, length, loc: cursor.since(base.loc) };
  }
  return base;
}

/** A right side may read the packet, too: meta mark set ct mark. */
function isReading(cursor: Cursor): boolean {
  const { kind, text } = cursor.token;
  const after = cursor.peek();
  if (kind === "word" && META_UNQUALIFIED.has(text)) return true;
  if (kind !== "word" || after.kind !== "word") return false;
  if (text === "meta" || text === "ct" || text === "fib" || text === "rt" || text === "numgen") return true;
  return PROTOCOLS.get(text)?.has(after.text) ?? false;
}

function rangeOf(cursor: Cursor): AstExpr {
  const low = binop(cursor, () => (cursor.is("(") ? primary(cursor) : prefixOf(cursor)));
  if (!cursor.is("-")) return low;
  cursor.next();
  const high = prefixOf(cursor);
  return { t: "range", low, high, loc: span(low.loc, high.loc) };
}

/** The right side of a comparison: values with commas between them are a list. */
export function parseRight(cursor: Cursor): AstExpr {
  if (cursor.is("{")) return parseSetExpr(cursor);
  const first = concat(cursor, () => rangeOf(cursor));
  if (!cursor.is(",")) return first;
  const items = [first];
  while (cursor.take(",")) items.push(rangeOf(cursor));
  return { t: "list", items, loc: span(first.loc, items.at(-1)!.loc) };
}

/** A value to set or to lead to, perhaps out of a map. */
export function parseData(cursor: Cursor): AstExpr {
  let left = concat(cursor, () => rangeOf(cursor));
  if (cursor.is("map")) {
    cursor.next();
    cursor.expand();
    const set = cursor.is("{") ? parseSetExpr(cursor) : primary(cursor);
    left = { t: "map", key: left, set, loc: span(left.loc, set.loc) };
  }
  return left;
}

const VERDICTS = new Set(["accept", "drop", "continue", "return", "jump", "goto"]);

export function isVerdictWord(cursor: Cursor): boolean {
  return cursor.token.kind === "word" && VERDICTS.has(cursor.token.text);
}

export function parseVerdict(cursor: Cursor): AstExpr & { t: "verdict" } {
  const word = cursor.next();
  const verdict = word.text as "accept";
  if (word.text !== "jump" && word.text !== "goto")
    return { t: "verdict", verdict, chain: "", chainLoc: null, loc: word };
  cursor.expand();
  if (cursor.is("{")) refuse("a chain without a name", cursor.token);
  const chain = cursor.name("'{'");
  return { t: "verdict", verdict, chain: chain.text, chainLoc: chain, loc: cursor.since(word) };
}

/** { a, b : c, … } */
export function parseSetExpr(cursor: Cursor): AstExpr {
  cursor.expand();
  const start = cursor.expect("{");
  const items: AstElement[] = [];
  cursor.skipNewlines();
  while (!cursor.is("}")) {
    cursor.expand();
    items.push(element(cursor));
    cursor.skipNewlines();
    if (!cursor.take(",")) break;
    cursor.skipNewlines();
  }
  cursor.skipNewlines();
  if (!cursor.is("}")) throw unexpected(cursor.token, items.length > 0 ? "comma or '}'" : undefined);
  cursor.next();
  return { t: "set", items, loc: cursor.since(start) };
}

function element(cursor: Cursor): AstElement {
  const key = isVerdictWord(cursor) ? value(cursor) : concat(cursor, () => rangeOf(cursor));
  let timeoutNs: number | null = null;
  let comment: string | null = null;
  let counter: { packets: number; bytes: number } | null = null;
  for (;;) {
    if (cursor.take("timeout")) timeoutNs = cursor.duration();
    else if (cursor.take("expires")) cursor.duration();
    else if (cursor.take("comment")) comment = cursor.text();
    else if (cursor.take("counter")) {
      counter = { packets: 0, bytes: 0 };
      if (cursor.take("packets")) {
        counter.packets = cursor.number();
        cursor.expect("bytes");
        counter.bytes = cursor.number();
      }
    } else break;
  }
  let data: AstExpr | null = null;
  if (cursor.take(":")) {
    cursor.expand();
    data = isVerdictWord(cursor) ? parseVerdict(cursor) : concat(cursor, () => rangeOf(cursor));
  }
  return { key, data, timeoutNs, comment, counter, loc: cursor.since(key.loc) };
}
