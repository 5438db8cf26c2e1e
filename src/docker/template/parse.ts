// Templates as trees: text, actions, if, range, with, pipelines with variables. Answers to text/template/parse/parse.go;
// define, template and block are refused by name.

import { lex, TemplateError, type Token, type TokenKind } from "./lex.ts";

export interface Place {
  /** offset in the template, for messages */
  readonly at: number;
  /** the node as the message shows it */
  readonly source: string;
}

export type Arg =
  | ({ readonly kind: "dot" | "nil" } & Place)
  | ({ readonly kind: "field"; readonly names: readonly string[] } & Place)
  | ({ readonly kind: "variable"; readonly name: string; readonly names: readonly string[] } & Place)
  | ({ readonly kind: "identifier"; readonly name: string } & Place)
  | ({ readonly kind: "constant"; readonly value: string | number | boolean } & Place)
  | ({ readonly kind: "pipe"; readonly pipe: Pipe; readonly names: readonly string[] } & Place);

export interface Command extends Place {
  readonly args: readonly Arg[];
}

export interface Pipe extends Place {
  readonly declare: readonly string[];
  readonly assign: boolean;
  readonly commands: readonly Command[];
}

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly pipe: Pipe }
  | {
      readonly kind: "if" | "range" | "with";
      readonly pipe: Pipe;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | { readonly kind: "break" | "continue" };

/** Throws TemplateError with Go's text after "template: NAME". */
export function parse(text: string, functions: ReadonlySet<string>): Node[] {
  return new Parser(text, functions).parse();
}

const KEYWORDS: ReadonlySet<string> = new Set([
  "if",
  "range",
  "with",
  "else",
  "end",
  "break",
  "continue",
  "define",
  "template",
  "block",
]);

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly #functions: ReadonlySet<string>;
  #at = 0;
  readonly #variables: string[] = ["$"];
  #rangeDepth = 0;

  constructor(text: string, functions: ReadonlySet<string>) {
    this.#text = text;
    this.#tokens = lex(text);
    this.#functions = functions;
  }

  parse(): Node[] {
    const [nodes, end] = this.#list();
    if (end !== "eof") this.#fail(`unexpected {{${end}}}`);
    return nodes;
  }

  #fail(message: string): never {
    throw new TemplateError(`:${this.#peek().line}: ${message}`);
  }

  #peek(): Token {
    return this.#tokens[this.#at]!;
  }

  #next(): Token {
    const token = this.#tokens[this.#at]!;
    if (token.kind !== "eof") this.#at++;
    return token;
  }

  #skipSpace(): Token {
    while (this.#peek().kind === "space") this.#at++;
    return this.#peek();
  }

  #expect(kind: TokenKind, where: string): Token {
    const token = this.#skipSpace();
    if (token.kind !== kind) this.#unexpected(token, where);
    return this.#next();
  }

  #unexpected(token: Token, where: string): never {
    const shown =
      token.kind === "eof" ? "EOF" : KEYWORDS.has(token.value) ? `<${token.value}>` : JSON.stringify(token.value);
    return this.#fail(`unexpected ${shown} in ${where}`);
  }

  /** Nodes until {{end}}, {{else …}} or the end of the text, which is returned too ("end", "else", "eof"). */
  #list(): [Node[], string] {
    const nodes: Node[] = [];
    for (;;) {
      const token = this.#next();
      if (token.kind === "eof") return [nodes, "eof"];
      if (token.kind === "text") {
        nodes.push({ kind: "text", text: token.value });
        continue;
      }
      const first = this.#skipSpace();
      if (first.kind !== "identifier" || !KEYWORDS.has(first.value)) {
        nodes.push({ kind: "action", pipe: this.#pipe("command", "close") });
        this.#next();
        continue;
      }
      this.#next();
      switch (first.value) {
        case "if":
        case "range":
        case "with":
          nodes.push(this.#control(first.value));
          break;
        case "end":
          this.#expect("close", "end");
          return [nodes, "end"];
        case "else":
          return [nodes, "else"];
        case "break":
        case "continue":
          if (this.#rangeDepth === 0) this.#fail(`{{${first.value}}} outside {{range}}`);
          this.#expect("close", first.value);
          nodes.push({ kind: first.value });
          break;
        default:
          this.#fail(`{{${first.value}}} is not supported by vethlab`);
      }
    }
  }

  #control(kind: "if" | "range" | "with"): Node {
    const mark = this.#variables.length;
    const pipe = this.#pipe(kind, "close");
    this.#next();
    if (kind === "range") this.#rangeDepth++;
    const [body, end] = this.#list();
    if (kind === "range") this.#rangeDepth--;
    let otherwise: Node[] = [];
    if (end === "eof") this.#fail("unexpected EOF");
    if (end === "else") {
      const next = this.#skipSpace();
      if (kind !== "range" && next.kind === "identifier" && next.value === kind) {
        this.#next();
        otherwise = [this.#control(kind)];
      } else {
        this.#expect("close", "else");
        const [rest, restEnd] = this.#list();
        if (restEnd !== "end") this.#fail(restEnd === "eof" ? "unexpected EOF" : `expected end; found {{${restEnd}}}`);
        otherwise = rest;
      }
    }
    this.#variables.length = mark;
    return { kind, pipe, body, otherwise };
  }

  /** A pipeline up to the token that closes it, which stays. */
  #pipe(where: string, closing: "close" | "rparen"): Pipe {
    const start = this.#skipSpace().at;
    const declare: string[] = [];
    let assign = false;
    if (this.#skipSpace().kind === "variable") {
      const back = this.#at;
      const names = [this.#next().value];
      if (where === "range" && this.#skipSpace().kind === "comma") {
        this.#next();
        if (this.#skipSpace().kind === "variable") names.push(this.#next().value);
      }
      const token = this.#skipSpace();
      if (token.kind === "declare" || token.kind === "assign") {
        this.#next();
        assign = token.kind === "assign";
        for (const name of names) {
          if (assign && !this.#variables.includes(name)) this.#fail(`undefined variable ${JSON.stringify(name)}`);
          declare.push(name);
          if (!assign) this.#variables.push(name);
        }
      } else this.#at = back;
    }
    const commands: Command[] = [];
    for (;;) {
      const token = this.#skipSpace();
      if (token.kind === closing) break;
      if (token.kind === "pipe") {
        if (commands.length === 0) this.#unexpected(token, where);
        this.#next();
        if (this.#skipSpace().kind === closing) this.#fail(`missing value for ${where}`);
        continue;
      }
      if (token.kind === "eof" || token.kind === "close" || token.kind === "rparen") this.#unexpected(token, where);
      commands.push(this.#command());
    }
    if (commands.length === 0) this.#fail(`missing value for ${where}`);
    return { declare, assign, commands, at: start, source: this.#source(start) };
  }

  #source(start: number): string {
    return this.#text.slice(start, this.#peek().at).trim();
  }

  #command(): Command {
    const start = this.#peek().at;
    const args: Arg[] = [];
    for (;;) {
      this.#skipSpace();
      const arg = this.#operand();
      if (!arg) break;
      args.push(arg);
      const next = this.#peek();
      if (next.kind === "space") continue;
      if (next.kind === "pipe" || next.kind === "rparen" || next.kind === "close") break;
      this.#unexpected(next, "operand");
    }
    if (args.length === 0) this.#unexpected(this.#peek(), "command");
    return { args, at: start, source: this.#source(start) };
  }

  #operand(): Arg | undefined {
    const token = this.#peek();
    const place = (): Place => ({ at: token.at, source: this.#source(token.at) });
    switch (token.kind) {
      case "dot":
        this.#next();
        return { kind: "dot", ...place() };
      case "nil":
        this.#next();
        return { kind: "nil", ...place() };
      case "bool":
        this.#next();
        return { kind: "constant", value: token.value === "true", ...place() };
      case "number":
        this.#next();
        return { kind: "constant", value: Number(token.value), ...place() };
      case "string":
        this.#next();
        return { kind: "constant", value: token.value, ...place() };
      case "identifier":
        if (KEYWORDS.has(token.value)) this.#unexpected(token, "command");
        if (!this.#functions.has(token.value)) this.#fail(`function ${JSON.stringify(token.value)} not defined`);
        this.#next();
        return { kind: "identifier", name: token.value, ...place() };
      case "field": {
        this.#next();
        const [names, at] = this.#chain(token.at);
        return { kind: "field", names: [token.value.slice(1), ...names], at, source: this.#source(token.at) };
      }
      case "variable": {
        if (!this.#variables.includes(token.value)) this.#fail(`undefined variable ${JSON.stringify(token.value)}`);
        this.#next();
        const [names, at] = this.#chain(token.at);
        return { kind: "variable", name: token.value, names, at, source: this.#source(token.at) };
      }
      case "lparen": {
        this.#next();
        const pipe = this.#pipe("parenthesized pipeline", "rparen");
        this.#next();
        const [names, at] = this.#chain(token.at);
        return { kind: "pipe", pipe, names, at, source: this.#source(token.at) };
      }
      default:
        return undefined;
    }
  }

  /** Further fields; the position of a chain is that of its second field, as in Go. */
  #chain(first: number): [string[], number] {
    const names: string[] = [];
    let at = first;
    while (this.#peek().kind === "field") {
      const token = this.#next();
      if (names.length === 0) at = token.at;
      names.push(token.value.slice(1));
    }
    return [names, at];
  }
}
