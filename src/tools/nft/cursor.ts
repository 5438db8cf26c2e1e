// A place in a row of tokens, with variables, and what a syntax error says. Answers to the parts of src/parser_bison.y that
// every rule of the grammar uses.

import { parseDuration } from "./datatypes.ts";
import { type Loc, NftProblem, type Token, tokenize } from "./lexer.ts";

/** Words that bison names in quotes of its own or by another name when it did not expect them. */
const KEYWORDS: ReadonlySet<string> = new Set(
  (
    "table chain rule set map element flowtable counter quota limit ruleset handle position index type hook priority policy " +
    "accept drop continue return jump goto queue tcp udp ip ip6 icmp icmpv6 ether vlan arp th sctp dccp udplite esp ah comp " +
    "fwd dup flow meter meters flowtables counters quotas limits sets maps chains tables rules update describe monitor export " +
    "import define redefine undefine include tproxy synproxy xt device devices handle " +
    "igmp meta ct fib rt socket log reject snat dnat masquerade redirect notrack add create insert replace delete list reset " +
    "flush rename get inet netdev bridge comment flags elements typeof mark iif oif iifname oifname numgen timeout size"
  ).split(" "),
);

/** The text of a syntax error at this token, as bison puts it. */
export function unexpected(token: Token, expecting: string | undefined): NftProblem {
  let what: string;
  if (token.kind === "newline") what = "newline";
  else if (token.kind === "end") what = token.source.name === null ? "newline" : "end of file";
  else if (token.kind === "op") what = OP_NAMES.get(token.text) ?? token.text;
  else if (token.kind === "quoted") what = "quoted string";
  else if (token.kind === "word")
    what = KEYWORDS.has(token.text)
      ? token.text
      : token.text.endsWith("*")
        ? "string with a trailing asterisk"
        : "string";
  else what = token.kind === "number" ? "number" : "string";
  return new NftProblem(
    `syntax error, unexpected ${what}${expecting === undefined ? "" : `, expecting ${expecting}`}`,
    token,
  );
}

const OP_NAMES: ReadonlyMap<string, string> = new Map([
  [";", "semicolon"],
  [",", "comma"],
  [".", "."],
  ["==", "=="],
  ["!=", "!="],
  ["{", "'{'"],
  ["}", "'}'"],
  ["(", "'('"],
  [")", "')'"],
  ["$", "'$'"],
  ["=", "'='"],
]);

export class Cursor {
  readonly tokens: readonly Token[];
  at = 0;
  readonly variables: Map<string, readonly Token[]>;

  constructor(tokens: readonly Token[], variables: Map<string, readonly Token[]>) {
    this.tokens = tokens;
    this.variables = variables;
  }

  static of(source: Token["source"], variables: Map<string, readonly Token[]>): Cursor {
    return new Cursor(tokenize(source), variables);
  }

  get token(): Token {
    return this.tokens[this.at]!;
  }

  peek(ahead = 1): Token {
    return this.tokens[Math.min(this.at + ahead, this.tokens.length - 1)]!;
  }

  next(): Token {
    const { token } = this;
    if (token.kind !== "end") this.at++;
    return token;
  }

  /** The token before this one. */
  get last(): Token {
    return this.tokens[Math.max(0, this.at - 1)]!;
  }

  is(...texts: readonly string[]): boolean {
    const { kind, text } = this.token;
    return (kind === "word" || kind === "op") && texts.includes(text);
  }

  /** Goes past the token if it is one of these. */
  take(...texts: readonly string[]): boolean {
    if (!this.is(...texts)) return false;
    this.at++;
    return true;
  }

  expect(text: string, expecting?: string): Token {
    if (!this.is(text)) throw unexpected(this.token, expecting);
    return this.next();
  }

  /** newline or semicolon */
  get atSeparator(): boolean {
    const { kind } = this.token;
    return kind === "newline" || kind === "end" || this.is(";");
  }

  get atEnd(): boolean {
    return this.token.kind === "end";
  }

  skipNewlines(): void {
    while (this.token.kind === "newline") this.at++;
  }

  skipSeparators(): void {
    while (this.token.kind === "newline" || this.is(";")) this.at++;
  }

  /** A name of a table, chain, set …; keywords are none. */
  name(expecting?: string): Token {
    const { kind, text } = this.token;
    if (kind !== "word" || KEYWORDS.has(text)) throw unexpected(this.token, expecting);
    return this.next();
  }

  number(expecting = "number"): number {
    if (this.token.kind !== "number") throw unexpected(this.token, expecting);
    return Number(this.next().text);
  }

  /** A quoted text, or a word. */
  text(expecting?: string): string {
    const { kind } = this.token;
    if (kind !== "quoted" && kind !== "word") throw unexpected(this.token, expecting);
    return this.next().text;
  }

  /** "1d2h3m4s5ms", or a number of seconds, as nanoseconds. */
  duration(): number {
    const ns = parseDuration(this.token.text);
    if (ns === undefined) throw unexpected(this.token, undefined);
    this.next();
    return ns;
  }

  /** Replaces "$name" by its tokens, which keep the place of the variable. */
  expand(): void {
    if (!this.is("$")) return;
    const dollar = this.token;
    const name = this.peek();
    const value = this.variables.get(name.text);
    if (name.kind !== "word") throw unexpected(name, "string");
    if (value === undefined) throw new NftProblem(`unknown identifier '${name.text}'`, name);
    const { source } = dollar;
    const placed = value.map((token) => ({ ...token, source, from: dollar.from, to: name.to }));
    (this.tokens as Token[]).splice(this.at, 2, ...placed);
    this.expand();
  }

  /** From a token up to the last one read. */
  since(start: Loc): Loc {
    return { source: start.source, from: start.from, to: Math.max(start.to, this.last.to) };
  }
}
