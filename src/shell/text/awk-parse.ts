// awk programs read into a tree: POSIX awk's grammar, with mawk's words for what is wrong. Regular expressions and string
// constants are compiled here; nothing is evaluated.

import { AwkError, AwkLexer, awkRegExp, BUILTINS, type Token } from "./awk-lex.ts";
import type { AwkFunction, AwkProgram, Expr, Redirection, Rule, Stmt } from "./awk-tree.ts";

/** Parses a program. Throws AwkError. */
export function parseAwk(text: string): AwkProgram {
  return new Parser(text).program();
}

class Parser {
  readonly #lexer: AwkLexer;
  #token: Token;
  #locals: readonly string[] = [];
  #noIn = 0;
  #noGreater = false;
  #depth = 0;
  readonly #functions: Map<string, AwkFunction> = new Map();
  readonly #called: Set<string> = new Set();

  constructor(text: string) {
    this.#lexer = new AwkLexer(text);
    this.#token = this.#lexer.next();
  }

  program(): AwkProgram {
    const rules: Rule[] = [];
    this.#newlines();
    while (this.#token.kind !== "end") {
      if (this.#is("function") || this.#is("func")) this.#function();
      else rules.push(this.#rule());
      this.#terminators();
    }
    for (const name of this.#called)
      if (!this.#functions.has(name))
        throw new AwkError(`line ${this.#lexer.line + 1}: function ${name} never defined`);
    return { rules, functions: this.#functions };
  }

  #fail(token: Token = this.#token): never {
    if (token.kind === "end") {
      const what = this.#depth > 0 ? "missing } near end of file" : "unexpected end of file";
      throw new AwkError(`line ${token.line + 1}: ${this.#depth > 0 ? what : "syntax error at or near end of file"}`);
    }
    throw new AwkError(
      `line ${token.line}: syntax error at or near ${token.kind === "newline" ? "end of line" : token.text}`,
    );
  }

  // ── tokens ──

  #advance(): Token {
    const token = this.#token;
    this.#lexer.afterOperand =
      token.kind === "number" ||
      token.kind === "string" ||
      token.kind === "name" ||
      token.kind === "builtin" ||
      (token.kind === "op" &&
        (token.text === ")" || token.text === "]" || token.text === "$" || token.text === "++" || token.text === "--"));
    if (token.kind === "op" && token.text === "$") this.#lexer.afterOperand = false;
    this.#token = this.#lexer.next();
    return token;
  }

  #is(text: string): boolean {
    const { kind } = this.#token;
    return (kind === "op" || kind === "keyword") && this.#token.text === text;
  }

  #take(text: string): boolean {
    if (!this.#is(text)) return false;
    // the next token is read when this one is known: a slash after it begins an expression unless it closed an operand
    this.#advanceAfter();
    return true;
  }

  #advanceAfter(): void {
    const { text } = this.#token;
    this.#lexer.afterOperand = text === ")" || text === "]" || text === "++" || text === "--" || text === "getline";
    this.#token = this.#lexer.next();
  }

  #expect(text: string): void {
    if (!this.#take(text)) this.#fail();
  }

  #newlines(): void {
    while (this.#token.kind === "newline") {
      this.#lexer.afterOperand = false;
      this.#token = this.#lexer.next();
    }
  }

  #terminators(): void {
    while (this.#token.kind === "newline" || this.#is(";")) {
      this.#lexer.afterOperand = false;
      this.#token = this.#lexer.next();
    }
  }

  // ── rules and statements ──

  #function(): void {
    this.#advanceAfter();
    const name = this.#token;
    if (name.kind !== "name" && name.kind !== "call") this.#fail();
    this.#advance();
    this.#expect("(");
    const parameters: string[] = [];
    while (!this.#is(")")) {
      if (this.#token.kind !== "name") this.#fail();
      parameters.push(this.#advance().text);
      if (!this.#take(",")) break;
      this.#newlines();
    }
    this.#expect(")");
    this.#newlines();
    const made: AwkFunction = { name: name.text, parameters, body: { type: "block", body: [] } };
    this.#functions.set(name.text, made);
    this.#locals = parameters;
    made.body = this.#block();
    this.#locals = [];
  }

  #rule(): Rule {
    const special = this.#is("BEGIN") || this.#is("END") ? this.#advance().text : undefined;
    if (special !== undefined) {
      this.#newlines();
      return {
        kind: special as "BEGIN" | "END",
        pattern: undefined,
        end: undefined,
        action: this.#block(),
        active: false,
      };
    }
    let pattern: Expr | undefined;
    let end: Expr | undefined;
    if (!this.#is("{")) {
      pattern = this.#expr();
      if (this.#take(",")) {
        this.#newlines();
        end = this.#expr();
      }
    }
    const action = this.#is("{") ? this.#block() : undefined;
    return { kind: end ? "range" : "pattern", pattern, end, action, active: false };
  }

  #block(): Stmt {
    this.#expect("{");
    this.#depth++;
    const body: Stmt[] = [];
    this.#terminators();
    while (!this.#is("}")) {
      if (this.#token.kind === "end") this.#fail();
      body.push(this.#statement());
      this.#terminators();
    }
    this.#depth--;
    this.#lexer.afterOperand = false;
    this.#token = this.#lexer.next();
    return { type: "block", body };
  }

  /** The end of a simple statement. */
  #finish(): void {
    if (this.#token.kind === "newline" || this.#is(";")) {
      this.#lexer.afterOperand = false;
      this.#token = this.#lexer.next();
      return;
    }
    if (!this.#is("}")) this.#fail();
  }

  #body(): Stmt {
    this.#newlines();
    if (this.#take(";")) return { type: "block", body: [] };
    return this.#statement();
  }

  #statement(): Stmt {
    const token = this.#token;
    if (this.#is("{")) return this.#block();
    if (token.kind !== "keyword" || token.text === "getline") return this.#simple(true);
    switch (token.text) {
      case "if": {
        this.#advanceAfter();
        this.#expect("(");
        const test = this.#whole();
        this.#expectOpen(")");
        const yes = this.#body();
        const token = this.#token;
        const restore = this.#lexer.save();
        this.#terminators();
        if (this.#is("else")) {
          this.#advanceAfter();
          return { type: "if", test, yes, no: this.#body() };
        }
        restore();
        this.#token = token;
        return { type: "if", test, yes, no: undefined };
      }
      case "while": {
        this.#advanceAfter();
        this.#expect("(");
        const test = this.#whole();
        this.#expectOpen(")");
        return { type: "while", test, body: this.#body() };
      }
      case "do": {
        this.#advanceAfter();
        const body = this.#body();
        this.#terminators();
        this.#expect("while");
        this.#expect("(");
        const test = this.#whole();
        this.#expect(")");
        this.#finish();
        return { type: "do", body, test };
      }
      case "for":
        return this.#for();
      case "next":
      case "nextfile":
      case "break":
      case "continue":
        this.#advanceAfter();
        this.#finish();
        return { type: token.text };
      case "exit":
      case "return": {
        this.#advanceAfter();
        const bare = this.#token.kind === "newline" || this.#is(";") || this.#is("}");
        const value = bare ? undefined : this.#expr();
        this.#finish();
        return { type: token.text, value };
      }
      default:
        return this.#simple(true);
    }
  }

  #expectOpen(text: string): void {
    if (!this.#is(text)) this.#fail();
    this.#lexer.afterOperand = false;
    this.#token = this.#lexer.next();
  }

  #for(): Stmt {
    this.#advanceAfter();
    this.#expect("(");
    // for (name in array)
    if (this.#token.kind === "name") {
      const ahead = /^\s*in\s+([A-Za-z_][A-Za-z0-9_]*)\s*\)/.exec(this.#lexer.rest);
      if (ahead) {
        const variable = this.#variable(this.#advance().text);
        this.#advanceAfter();
        const array = this.#advance().text;
        this.#expectOpen(")");
        return { type: "forIn", variable, name: array, slot: this.#locals.indexOf(array), body: this.#body() };
      }
    }
    const init = this.#is(";") ? undefined : this.#simple(false);
    this.#expect(";");
    this.#newlines();
    const test = this.#is(";") ? undefined : this.#expr();
    this.#expect(";");
    this.#newlines();
    const step = this.#is(")") ? undefined : this.#simple(false);
    this.#expectOpen(")");
    return { type: "for", init, test, step, body: this.#body() };
  }

  #simple(terminated: boolean): Stmt {
    let made: Stmt;
    if (this.#is("print") || this.#is("printf")) made = this.#print();
    else if (this.#is("delete")) {
      this.#advanceAfter();
      const name = this.#advance();
      if (name.kind !== "name") this.#fail(name);
      let keys: Expr[] | undefined;
      if (this.#take("[")) {
        keys = this.#list("]");
        this.#expect("]");
      }
      made = { type: "delete", name: name.text, slot: this.#locals.indexOf(name.text), keys };
    } else made = { type: "expr", expr: this.#expr() };
    if (terminated) this.#finish();
    return made;
  }

  #print(): Stmt {
    const type = this.#token.text as "print" | "printf";
    this.#advanceAfter();
    let args: Expr[] = [];
    const ends = (): boolean =>
      this.#token.kind === "newline" ||
      this.#token.kind === "end" ||
      this.#is(";") ||
      this.#is("}") ||
      this.#is(">") ||
      this.#is(">>") ||
      this.#is("|");
    if (!ends()) {
      this.#noGreater = true;
      args = [this.#expr()];
      while (this.#take(",")) {
        this.#newlines();
        args.push(this.#expr());
      }
      this.#noGreater = false;
      // print (a, b) > "file"
      const first = args[0]!;
      if (args.length === 1 && first.type === "group") args = [...first.items];
    }
    let to: Redirection | undefined;
    for (const operator of [">", ">>", "|"] as const)
      if (!to && this.#take(operator)) to = { operator, to: this.#concatenation(true) };
    if (type === "printf" && args.length === 0) this.#fail();
    return { type, args, to };
  }

  #list(end: string): Expr[] {
    const out: Expr[] = [];
    while (!this.#is(end)) {
      out.push(this.#whole());
      if (!this.#take(",")) break;
      this.#newlines();
    }
    return out;
  }

  // ── expressions, by precedence ──

  /** An expression inside brackets: `>` and `in` mean comparison and membership again. */
  #whole(): Expr {
    const [greater, noIn] = [this.#noGreater, this.#noIn];
    this.#noGreater = false;
    this.#noIn = 0;
    const made = this.#expr();
    this.#noGreater = greater;
    this.#noIn = noIn;
    return made;
  }

  #expr(): Expr {
    const left = this.#conditional();
    for (const operator of ["=", "+=", "-=", "*=", "/=", "%=", "^="])
      if (this.#is(operator)) {
        if (left.type !== "variable" && left.type !== "field" && left.type !== "element") this.#fail();
        this.#advanceAfter();
        this.#newlines();
        const value = this.#expr();
        return { type: "assign", operator, target: left, value };
      }
    return left;
  }

  #conditional(): Expr {
    const test = this.#or();
    if (!this.#take("?")) return test;
    this.#newlines();
    const yes = this.#expr();
    this.#newlines();
    this.#expect(":");
    this.#newlines();
    return { type: "conditional", test, yes, no: this.#expr() };
  }

  #or(): Expr {
    let left = this.#and();
    while (this.#take("||")) {
      this.#newlines();
      left = { type: "binary", operator: "||", left, right: this.#and() };
    }
    return left;
  }

  #and(): Expr {
    let left = this.#in();
    while (this.#take("&&")) {
      this.#newlines();
      left = { type: "binary", operator: "&&", left, right: this.#in() };
    }
    return left;
  }

  #in(): Expr {
    let left = this.#matching();
    while (this.#noIn === 0 && this.#is("in")) {
      this.#advanceAfter();
      const name = this.#advance();
      if (name.kind !== "name") this.#fail(name);
      const keys = left.type === "group" ? left.items : [left];
      left = { type: "in", keys, name: name.text, slot: this.#locals.indexOf(name.text) };
    }
    return left;
  }

  #matching(): Expr {
    let left = this.#comparison();
    while (this.#is("~") || this.#is("!~")) {
      const negated = this.#token.text === "!~";
      this.#advanceAfter();
      left = { type: "match", negated, left, right: this.#comparison() };
    }
    return left;
  }

  #comparison(): Expr {
    const left = this.#concatenation(false);
    for (const operator of ["<", "<=", "==", "!=", ">", ">="]) {
      if (operator === ">" && this.#noGreater) continue;
      if (this.#is(operator)) {
        this.#advanceAfter();
        return { type: "binary", operator, left, right: this.#concatenation(false) };
      }
    }
    return left;
  }

  #startsOperand(): boolean {
    const { kind, text } = this.#token;
    if (
      kind === "number" ||
      kind === "string" ||
      kind === "regex" ||
      kind === "name" ||
      kind === "call" ||
      kind === "builtin"
    )
      return true;
    if (kind === "op")
      return (
        text === "$" || text === "!" || text === "(" || text === "-" || text === "+" || text === "++" || text === "--"
      );
    return false;
  }

  #concatenation(stopAtPipe: boolean): Expr {
    let left = this.#additive();
    for (;;) {
      if (!stopAtPipe && this.#is("|")) {
        const piped = this.#pipedGetline(left);
        if (!piped) return left;
        left = piped;
        continue;
      }
      // + and - were taken by the sum; "in" is a keyword and ends it
      if (!this.#startsOperand() || this.#is("-") || this.#is("+")) return left;
      left = { type: "binary", operator: " ", left, right: this.#additive() };
    }
  }

  #pipedGetline(command: Expr): Expr | undefined {
    const ahead = /^\s*getline\b/.exec(this.#lexer.rest);
    if (!ahead) return undefined;
    this.#advanceAfter();
    this.#advanceAfter();
    return { type: "getline", from: "command", source: command, target: this.#optionalTarget() };
  }

  #optionalTarget(): Expr | undefined {
    if (this.#is("$") || this.#token.kind === "name") return this.#postfix();
    return undefined;
  }

  #additive(): Expr {
    let left = this.#multiplicative();
    while (this.#is("+") || this.#is("-")) {
      const operator = this.#token.text;
      this.#advanceAfter();
      left = { type: "binary", operator, left, right: this.#multiplicative() };
    }
    return left;
  }

  #multiplicative(): Expr {
    let left = this.#unary();
    while (this.#is("*") || this.#is("/") || this.#is("%")) {
      const operator = this.#token.text;
      this.#advanceAfter();
      left = { type: "binary", operator, left, right: this.#unary() };
    }
    return left;
  }

  #unary(): Expr {
    if (this.#is("!") || this.#is("-") || this.#is("+")) {
      const operator = this.#token.text;
      this.#advanceAfter();
      const operand = this.#unary();
      return { type: "unary", operator, operand };
    }
    return this.#power();
  }

  #power(): Expr {
    const base = this.#postfix();
    if (!this.#is("^")) return base;
    this.#advanceAfter();
    // right associative, and -x may be the exponent
    const exponent = this.#is("-") || this.#is("+") || this.#is("!") ? this.#unary() : this.#power();
    return { type: "binary", operator: "^", left: base, right: exponent };
  }

  #postfix(): Expr {
    const operand = this.#primary();
    const assignable = operand.type === "variable" || operand.type === "field" || operand.type === "element";
    if (assignable && (this.#is("++") || this.#is("--"))) {
      const operator = this.#token.text as "++" | "--";
      this.#advanceAfter();
      return { type: "step", operator, prefix: false, target: operand };
    }
    return operand;
  }

  #variable(name: string): Expr {
    return { type: "variable", name, slot: this.#locals.indexOf(name) };
  }

  #primary(): Expr {
    const token = this.#token;
    switch (token.kind) {
      case "number":
        this.#advance();
        return { type: "number", value: Number(token.text) };
      case "string":
        this.#advance();
        return { type: "string", value: token.text };
      case "regex":
        this.#lexer.afterOperand = true;
        this.#token = this.#lexer.next();
        return { type: "regex", expression: awkRegExp(token.text) };
      case "name": {
        this.#advance();
        if (!this.#is("[")) return this.#variable(token.text);
        this.#advanceAfter();
        const keys = this.#list("]");
        this.#expect("]");
        return { type: "element", name: token.text, slot: this.#locals.indexOf(token.text), keys };
      }
      case "call": {
        this.#advance();
        this.#expect("(");
        this.#newlines();
        const args = this.#list(")");
        this.#newlines();
        this.#expect(")");
        this.#called.add(token.text);
        return { type: "call", name: token.text, args };
      }
      case "builtin":
        return this.#builtin();
      case "keyword":
        if (token.text === "getline") {
          this.#advanceAfter();
          const target = this.#optionalTarget();
          if (this.#take("<")) return { type: "getline", from: "file", source: this.#postfixOnly(), target };
          return { type: "getline", from: "main", source: undefined, target };
        }
        this.#fail();
        break;
      case "op":
        if (token.text === "$") {
          this.#advanceAfter();
          if (this.#is("++") || this.#is("--")) return { type: "field", index: this.#primary() };
          if (this.#is("-") || this.#is("+") || this.#is("!")) {
            const operator = this.#token.text;
            this.#advanceAfter();
            return { type: "field", index: { type: "unary", operator, operand: this.#primary() } };
          }
          return { type: "field", index: this.#primary() };
        }
        if (token.text === "++" || token.text === "--") {
          this.#advanceAfter();
          return { type: "step", operator: token.text, prefix: true, target: this.#primary() };
        }
        if (token.text === "(") {
          this.#advanceAfter();
          this.#newlines();
          const items = this.#list(")");
          this.#newlines();
          if (items.length === 0) this.#fail();
          this.#expect(")");
          return items.length === 1 ? { type: "group", items } : { type: "group", items };
        }
    }
    this.#fail();
  }

  #postfixOnly(): Expr {
    return this.#primary();
  }

  #builtin(): Expr {
    const token = this.#advance();
    const [least, most] = BUILTINS.get(token.text)!;
    let args: Expr[] = [];
    if (this.#is("(")) {
      this.#advanceAfter();
      this.#newlines();
      args = this.#list(")");
      this.#newlines();
      this.#expect(")");
    } else if (token.text !== "length") this.#fail();
    if (args.length < least || args.length > most)
      throw new AwkError(`line ${token.line}: wrong number of arguments in call to ${token.text}`);
    return { type: "builtin", name: token.text, args };
  }
}
