// Parses capture filter expressions (pcap-filter(7)) by the grammar and the lexical rules of libpcap 1.10: "and" and "or" of
// equal weight, identifiers that inherit the qualifiers before them ("tcp port 80 or 443"), arithmetic on packet bytes.
// Primitives of media that this project does not have are refused by name.
import { parseIpv6 } from "../wire/addr.ts";

/** Part of an expression: its first character, and the one after it. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A filter that does not compile; the message is what follows `tcpdump: `. */
export class FilterError extends Error {
  override readonly name: string = "FilterError";
  /** where the mistake is, where that is known; at the expression's end something is missing */
  at: Span | undefined;

  constructor(message: string, at?: Span) {
    super(message);
    this.at = at;
  }
}

/** The expression with the place of a mistake underlined; "" where the place is not known. */
export function pointAt(text: string, { at }: FilterError): string {
  const line = text.replace(/\s/g, " ");
  if (at === undefined || line.trim() === "") return "";
  return `${line}\n${" ".repeat(at.from)}${"^".repeat(Math.max(1, at.to - at.from))}\n`;
}

export type Proto =
  | "default"
  | "link"
  | "ip"
  | "ip6"
  | "arp"
  | "rarp"
  | "tcp"
  | "udp"
  | "sctp"
  | "icmp"
  | "icmp6"
  | "igmp"
  | "igrp"
  | "pim"
  | "vrrp"
  | "carp"
  | "ah"
  | "esp"
  | "stp";
export type Direction = "default" | "src" | "dst" | "or" | "and";
export type AddressKind = "default" | "host" | "net" | "port" | "portrange" | "proto" | "gateway";
export interface Qualifier {
  readonly proto: Proto;
  readonly direction: Direction;
  readonly kind: AddressKind;
}

export type Arithmetic =
  | { readonly node: "number"; readonly value: number }
  | { readonly node: "length" }
  | { readonly node: "load"; readonly proto: Proto; readonly index: Arithmetic; readonly size: number }
  | { readonly node: "negate"; readonly operand: Arithmetic }
  | { readonly node: "binary"; readonly operator: string; readonly left: Arithmetic; readonly right: Arithmetic };

export type Identifier =
  | { readonly kind: "name"; readonly text: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "address4"; readonly text: string; readonly prefix?: number; readonly mask?: string }
  | { readonly kind: "address6"; readonly text: string; readonly prefix?: number }
  | { readonly kind: "mac"; readonly text: string };

export type Expression =
  | { readonly node: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | { readonly node: "not"; readonly operand: Expression }
  | { readonly node: "proto"; readonly proto: Proto }
  | { readonly node: "match"; readonly qualifier: Qualifier; readonly id: Identifier; readonly at: Span }
  | { readonly node: "ifindex"; readonly index: number }
  | { readonly node: "compare"; readonly operator: string; readonly left: Arithmetic; readonly right: Arithmetic }
  | { readonly node: "broadcast" | "multicast"; readonly proto: Proto }
  | { readonly node: "less" | "greater"; readonly bytes: number }
  | { readonly node: "inbound" | "outbound" }
  | { readonly node: "vlan"; readonly id: number | undefined };

interface Token {
  readonly kind: "word" | "id" | "number" | "address4" | "address6" | "mac" | "punctuation" | "end";
  readonly text: string;
  readonly value: number;
  readonly at: Span;
}

const PROTOS: ReadonlyMap<string, Proto> = new Map<string, Proto>([
  ["ether", "link"],
  ["link", "link"],
  ["ppp", "link"],
  ["slip", "link"],
  ["fddi", "link"],
  ["tr", "link"],
  ["wlan", "link"],
  ...(
    [
      "ip",
      "ip6",
      "arp",
      "rarp",
      "tcp",
      "udp",
      "sctp",
      "icmp",
      "icmp6",
      "igmp",
      "igrp",
      "pim",
      "vrrp",
      "carp",
      "ah",
      "esp",
    ] as const
  ).map((name): [string, Proto] => [name, name]),
  ["stp", "stp"],
]);

const KINDS: ReadonlyMap<string, AddressKind> = new Map<string, AddressKind>([
  ["host", "host"],
  ["net", "net"],
  ["port", "port"],
  ["portrange", "portrange"],
]);

const OTHER_WORDS: ReadonlySet<string> = new Set(
  "src dst proto gateway and or not mask less greater broadcast multicast inbound outbound vlan ifindex len length".split(
    " ",
  ),
);

/** Keywords of libpcap whose meaning is not here. */
const UNSUPPORTED: ReadonlySet<string> = new Set(
  (
    "protochain atalk aarp decnet lat sca moprc mopdl iso esis es-is isis is-is l1 l2 iih lsp snp csnp psnp clnp ipx " +
    "netbeui radio type subtype direction dir address1 addr1 address2 addr2 address3 addr3 address4 addr4 ra ta byte " +
    "mpls pppoed pppoes geneve lane llc metac bcc oam oamf4 oamf4ec oamf4sc sc ilmic vpi vci connectmsg " +
    "metaconnect on ifname rset ruleset rnr rulenum srnr subrulenum reason action fisu lssu lsu msu hfisu hlssu hmsu " +
    "sio opc dpc sls hsio hopc hdpc hsls"
  ).split(" "),
);

/** Names that stand for numbers. */
const NUMBERS: ReadonlyMap<string, number> = new Map([
  ["icmptype", 0],
  ["icmpcode", 1],
  ["icmp-echoreply", 0],
  ["icmp-unreach", 3],
  ["icmp-sourcequench", 4],
  ["icmp-redirect", 5],
  ["icmp-echo", 8],
  ["icmp-routeradvert", 9],
  ["icmp-routersolicit", 10],
  ["icmp-timxceed", 11],
  ["icmp-paramprob", 12],
  ["icmp-tstamp", 13],
  ["icmp-tstampreply", 14],
  ["icmp-ireq", 15],
  ["icmp-ireqreply", 16],
  ["icmp-maskreq", 17],
  ["icmp-maskreply", 18],
  ["icmp6type", 0],
  ["icmp6code", 1],
  ["icmp6-destinationunreach", 1],
  ["icmp6-packettoobig", 2],
  ["icmp6-timeexceeded", 3],
  ["icmp6-parameterproblem", 4],
  ["icmp6-echo", 128],
  ["icmp6-echoreply", 129],
  ["icmp6-multicastlistenerquery", 130],
  ["icmp6-multicastlistenerreportv1", 131],
  ["icmp6-multicastlistenerdone", 132],
  ["icmp6-routersolicit", 133],
  ["icmp6-routeradvert", 134],
  ["icmp6-neighborsolicit", 135],
  ["icmp6-neighboradvert", 136],
  ["icmp6-redirect", 137],
  ["icmp6-multicastlistenerreportv2", 143],
  ["tcpflags", 13],
  ["tcp-fin", 0x01],
  ["tcp-syn", 0x02],
  ["tcp-rst", 0x04],
  ["tcp-push", 0x08],
  ["tcp-ack", 0x10],
  ["tcp-urg", 0x20],
  ["tcp-ece", 0x40],
  ["tcp-cwr", 0x80],
]);

const B = "[0-9A-Fa-f]{1,2}";
/** The longest match wins; of equals the first. */
const PATTERNS: readonly (readonly [Token["kind"] | "bogus mac", RegExp])[] = [
  [
    "mac",
    new RegExp(`(?:${B}(?::${B}){5}|${B}(?:-${B}){5}|[0-9A-Fa-f]{4}(?:\\.[0-9A-Fa-f]{4}){2}|[0-9A-Fa-f]{12})`, "y"),
  ],
  ["number", /0[xX][0-9A-Fa-f]+|[0-9]+/y],
  ["address4", /(?:0[xX][0-9A-Fa-f]+|[0-9]+)(?:\.(?:0[xX][0-9A-Fa-f]+|[0-9]+)){1,3}/y],
  ["address6", /(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9]+(?:\.[0-9]+){3}|[0-9A-Fa-f]{0,4})/y],
  ["bogus mac", new RegExp(`${B}:+(?:${B}:+)+`, "y")],
  ["id", /[A-Za-z0-9](?:[-_.A-Za-z0-9]*[.A-Za-z0-9])?/y],
  ["punctuation", /&&|\|\||>=|<=|!=|==|<<|>>|[-+*/%:[\]!<>()&|^=]/y],
];

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text[at]!)) {
      at++;
      continue;
    }
    const token = tokenAt(text, at);
    tokens.push(token.token);
    at += token.length;
  }
  tokens.push({ kind: "end", text: "", value: 0, at: { from: text.trimEnd().length, to: text.trimEnd().length } });
  return tokens;
}

function tokenAt(text: string, at: number): { token: Token; length: number } {
  if (text[at] === "\\") {
    const name = /\\[^ !()\n\t]+/y;
    name.lastIndex = at;
    const match = name.exec(text)?.[0];
    const span = { from: at, to: at + (match?.length ?? 1) };
    if (match === undefined) throw syntaxError(span);
    return { token: { kind: "id", text: match.slice(1), value: 0, at: span }, length: match.length };
  }
  let best = "";
  let kind: Token["kind"] | "bogus mac" | undefined;
  for (const [candidate, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    let match = pattern.exec(text)?.[0] ?? "";
    if (candidate === "address6") match = longestAddress6(match);
    if (match.length <= best.length) continue;
    best = match;
    kind = candidate;
  }
  const span = { from: at, to: at + Math.max(1, best.length) };
  if (kind === undefined) throw syntaxError(span);
  if (kind === "bogus mac") throw new FilterError(`bogus ethernet address ${best}`, span);
  return { token: { ...classify(kind, best, span), at: span }, length: best.length };
}

/** The longest beginning that is an IPv6 address, or nothing. */
function longestAddress6(text: string): string {
  while (text !== "" && parseIpv6(text) === undefined) text = text.slice(0, -1);
  return text;
}

function classify(kind: Token["kind"], text: string, at: Span): Omit<Token, "at"> {
  if (kind === "number") return { kind, text, value: numberOf(text, at) };
  if (kind === "punctuation") return { kind, text: PUNCTUATION.get(text) ?? text, value: 0 };
  if (kind !== "id") return { kind, text, value: 0 };
  const named = NUMBERS.get(text);
  if (named !== undefined) return { kind: "number", text, value: named };
  const isWord = PROTOS.has(text) || KINDS.has(text) || OTHER_WORDS.has(text) || UNSUPPORTED.has(text);
  if (!isWord) return { kind, text, value: 0 };
  if (text === "not") return { kind: "punctuation", text: "!", value: 0 };
  return { kind: "word", text, value: 0 };
}

const PUNCTUATION: ReadonlyMap<string, string> = new Map([
  ["&&", "and"],
  ["||", "or"],
  ["==", "="],
]);

function numberOf(text: string, at: Span): number {
  const value = /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text);
  if (value > 0xffffffff) throw new FilterError(`number ${text} overflows 32 bits`, at);
  if (/^0\d*[89]/.test(text)) throw new FilterError(`number ${text} contains non-octal digit`, at);
  return value;
}

function syntaxError(at: Span): FilterError {
  return new FilterError("can't parse filter expression: syntax error", at);
}

/** Marks a reading that did not fit, to try another; anything else is thrown on. */
class NoParse extends Error {}
const NO_PARSE = new NoParse();

/** Parses an expression; undefined for an empty one, which matches all. Throws FilterError. */
export function parseFilter(text: string): Expression | undefined {
  const tokens = tokenize(text);
  if (tokens.length === 1) return undefined;
  const unsupported = tokens.find((token) => token.kind === "word" && UNSUPPORTED.has(token.text));
  if (unsupported !== undefined)
    throw new FilterError(`filter primitive '${unsupported.text}' is not supported`, unsupported.at);
  const parser = new Parser(tokens);
  try {
    const { expression } = parser.expression(undefined);
    parser.end();
    return expression;
  } catch (error) {
    throw error === NO_PARSE ? syntaxError(parser.furthest) : error;
  }
}

/** An expression and the qualifier that an identifier after it would inherit. */
interface Qualified {
  readonly expression: Expression;
  readonly qualifier: Qualifier | undefined;
}

class Parser {
  private at = 0;
  private seen = 0;
  private readonly tokens: readonly Token[];

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  expression(inherited: Qualifier | undefined): Qualified {
    let left = this.term(inherited);
    for (;;) {
      const operator = this.connective();
      if (operator === undefined) return left;
      const { qualifier } = left;
      const right = this.either(
        () => this.term(qualifier),
        () => this.identifier(qualifier),
      );
      left = {
        expression: { node: operator, left: left.expression, right: right.expression },
        qualifier: right.qualifier,
      };
    }
  }

  end(): void {
    if (this.peek().kind !== "end") throw NO_PARSE;
  }

  /** Where no reading went on. */
  get furthest(): Span {
    return this.tokens[this.seen]!.at;
  }

  private peek(ahead: number = 0): Token {
    if (ahead === 0) this.seen = Math.max(this.seen, Math.min(this.at, this.tokens.length - 1));
    return this.tokens[Math.min(this.at + ahead, this.tokens.length - 1)]!;
  }

  private is(text: string, ahead: number = 0): boolean {
    const token = this.peek(ahead);
    return (token.kind === "word" || token.kind === "punctuation") && token.text === text;
  }

  private take(text: string): boolean {
    if (!this.is(text)) return false;
    this.at++;
    return true;
  }

  private expect(text: string): void {
    if (!this.take(text)) throw NO_PARSE;
  }

  private connective(): "and" | "or" | undefined {
    if (this.take("and")) return "and";
    return this.take("or") ? "or" : undefined;
  }

  /** The first reading that fits, from the same token. */
  private either<Result>(first: () => Result, second: () => Result): Result {
    const start = this.at;
    try {
      return first();
    } catch (error) {
      if (error !== NO_PARSE) throw error;
      this.at = start;
      return second();
    }
  }

  private term(inherited: Qualifier | undefined): Qualified {
    if (this.take("!")) {
      const { expression, qualifier } = this.term(inherited);
      return { expression: { node: "not", operand: expression }, qualifier };
    }
    if (!this.is("("))
      return this.either(
        () => this.comparison(),
        () => this.primitive(),
      );
    return this.either(
      () => this.comparison(),
      () => {
        this.expect("(");
        const { expression } = this.expression(inherited);
        this.expect(")");
        return { expression, qualifier: inherited };
      },
    );
  }

  private comparison(): Qualified {
    const left = this.arithmetic("");
    const operator = this.peek().text;
    if (this.peek().kind !== "punctuation" || ![">", ">=", "=", "<", "<=", "!="].includes(operator)) throw NO_PARSE;
    this.at++;
    const right = this.arithmetic("");
    return { expression: { node: "compare", operator, left, right }, qualifier: undefined };
  }

  /** What belongs to the right of an operator; "" stands for the beginning. */
  private arithmetic(outer: string): Arithmetic {
    let left = this.operand();
    for (;;) {
      const { kind, text } = this.peek();
      if (kind !== "punctuation" || !OPERATORS.has(text) || !bindsBefore(text, outer)) return left;
      this.at++;
      left = { node: "binary", operator: text, left, right: this.arithmetic(text) };
    }
  }

  private operand(): Arithmetic {
    const token = this.peek();
    if (token.kind === "number") {
      this.at++;
      return { node: "number", value: token.value };
    }
    if (this.take("len") || this.take("length")) return { node: "length" };
    if (this.take("-")) return { node: "negate", operand: this.arithmetic("unary") };
    if (this.take("(")) {
      const inner = this.arithmetic("");
      this.expect(")");
      return inner;
    }
    const proto = this.proto();
    if (proto === undefined) throw NO_PARSE;
    this.expect("[");
    const index = this.arithmetic("");
    const size = this.take(":") ? this.number() : 1;
    this.expect("]");
    if (size !== 1 && size !== 2 && size !== 4) throw new FilterError("data size must be 1, 2, or 4", this.peek(-2).at);
    return { node: "load", proto, index, size };
  }

  private number(): number {
    const token = this.peek();
    if (token.kind !== "number") throw NO_PARSE;
    this.at++;
    return token.value;
  }

  private proto(): Proto | undefined {
    const token = this.peek();
    const proto = token.kind === "word" ? PROTOS.get(token.text) : undefined;
    if (proto !== undefined) this.at++;
    return proto;
  }

  private primitive(): Qualified {
    const plain = (expression: Expression): Qualified => ({ expression, qualifier: undefined });
    if (this.take("less")) return plain({ node: "less", bytes: this.number() });
    if (this.take("greater")) return plain({ node: "greater", bytes: this.number() });
    if (this.take("inbound")) return plain({ node: "inbound" });
    if (this.take("outbound")) return plain({ node: "outbound" });
    if (this.take("ifindex")) return plain({ node: "ifindex", index: this.number() });
    if (this.take("vlan")) {
      return plain({ node: "vlan", id: this.peek().kind === "number" ? this.number() : undefined });
    }
    const named = this.proto();
    const proto = named ?? "default";
    if (this.take("broadcast")) return plain({ node: "broadcast", proto });
    if (this.take("multicast")) return plain({ node: "multicast", proto });
    if (this.take("proto")) return this.identifier({ proto, direction: "default", kind: "proto" });
    if (this.take("gateway")) return this.identifier({ proto, direction: "default", kind: "gateway" });
    const direction = this.direction();
    const word = this.peek();
    const kind = word.kind === "word" ? KINDS.get(word.text) : undefined;
    if (kind !== undefined) this.at++;
    if (kind === undefined && direction === undefined) {
      if (named === undefined) throw NO_PARSE;
      return plain({ node: "proto", proto });
    }
    return this.identifier({ proto, direction: direction ?? "default", kind: kind ?? "default" });
  }

  private direction(): Direction | undefined {
    const first = this.is("src") ? "src" : this.is("dst") ? "dst" : undefined;
    if (first === undefined) return undefined;
    this.at++;
    const other = first === "src" ? "dst" : "src";
    for (const both of ["or", "and"] as const) {
      if (this.is(both) && this.is(other, 1)) {
        this.at += 2;
        return both;
      }
    }
    return first;
  }

  /** One identifier, negated ones and parentheses of them among them. */
  private identifier(qualifier: Qualifier | undefined): Qualified {
    if (this.take("!")) {
      const { expression } = this.identifier(qualifier);
      return { expression: { node: "not", operand: expression }, qualifier };
    }
    if (this.take("(")) {
      let { expression } = this.identifier(qualifier);
      for (let operator = this.connective(); operator !== undefined; operator = this.connective()) {
        expression = { node: operator, left: expression, right: this.identifier(qualifier).expression };
      }
      this.expect(")");
      return { expression, qualifier };
    }
    const { from } = this.peek().at;
    const id = this.name();
    const at = { from, to: this.peek(-1).at.to };
    // "icmp and 10.0.0.1": no word before it says what it is
    if (qualifier === undefined) throw new FilterError("syntax error in filter expression", at);
    return { expression: { node: "match", qualifier, id, at }, qualifier };
  }

  private name(): Identifier {
    const token = this.peek();
    this.at++;
    switch (token.kind) {
      case "id":
        return { kind: "name", text: token.text };
      case "number":
        return { kind: "number", value: token.value };
      case "mac":
        return { kind: "mac", text: token.text };
      case "address4":
        if (this.take("/")) return { kind: "address4", text: token.text, prefix: this.number() };
        if (this.is("mask") && this.peek(1).kind === "address4") {
          this.at += 2;
          return { kind: "address4", text: token.text, mask: this.peek(-1).text };
        }
        return { kind: "address4", text: token.text };
      case "address6":
        return this.take("/")
          ? { kind: "address6", text: token.text, prefix: this.number() }
          : { kind: "address6", text: token.text };
      default:
        throw NO_PARSE;
    }
  }
}

/** Operators with what grammar.y says of their precedence: of % and ^ nothing. */
const OPERATORS: ReadonlyMap<string, number | undefined> = new Map([
  ["|", 1],
  ["&", 2],
  ["<<", 3],
  [">>", 3],
  ["+", 4],
  ["-", 4],
  ["*", 5],
  ["/", 5],
  ["unary", 6],
  ["%", undefined],
  ["^", undefined],
]);

/** Whether an operator takes the operand before it away from the one to the left: yacc shifts where it knows no precedence. */
function bindsBefore(operator: string, outer: string): boolean {
  if (outer === "") return true;
  const precedence = OPERATORS.get(operator);
  const before = OPERATORS.get(outer);
  return precedence === undefined || before === undefined || precedence > before;
}
