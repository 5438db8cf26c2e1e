// The part of Python that assertions in scripts are written in: assert, print, assignments, if in one line, expressions
// with comparisons in chains, and `'text %d' % value`. Anything else is refused by name.

import { ScriptError } from "./script.ts";

export type Value = number | string | boolean | readonly Value[];

interface Lexeme {
  readonly type: "number" | "string" | "name" | "mark" | "end";
  readonly text: string;
  readonly line: number;
}

const LEXEME =
  /[ \t]*(?:(#[^\n]*)|(\\\n)|(\n|;)|(0x[0-9a-fA-F]+|\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|([A-Za-z_]\w*)|(\*\*|\/\/|<<|>>|<=|>=|==|!=|[-+*/%&|^]=|[-+*/%&|^~<>()[\],=:.]))/y;

function lex(text: string, firstLine: number): Lexeme[] {
  const found: Lexeme[] = [];
  let line = firstLine;
  const body = text.replace(/(?:\\\n|\s)+$/, "");
  for (let at = 0; at < body.length; at = LEXEME.lastIndex) {
    LEXEME.lastIndex = at;
    const match = LEXEME.exec(body);
    if (!match) throw new ScriptError(line, `'${body.slice(at).trim()[0]}' in code is not supported`);
    const [, , , end, number, string, name, mark] = match;
    if (end !== undefined) found.push({ type: "end", text: end, line });
    else if (number !== undefined) found.push({ type: "number", text: number, line });
    else if (string !== undefined) found.push({ type: "string", text: string.slice(1, -1), line });
    else if (name !== undefined) found.push({ type: "name", text: name, line });
    else if (mark !== undefined) found.push({ type: "mark", text: mark, line });
    for (const char of match[0]) if (char === "\n") line++;
  }
  return found;
}

/** Binary operators by how tightly they bind, loosest first; comparisons and boolean ones are apart. */
const LEVELS: readonly (readonly string[])[] = [["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "/", "//", "%"]];
const COMPARISONS: readonly string[] = ["==", "!=", "<", "<=", ">", ">="];

/** Runs code; variables outlive one piece of it. */
export class Python {
  readonly #variables: Map<string, Value> = new Map();
  readonly #print: (line: string) => void;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /**
   * @param known names and values that this piece sees besides the variables (tcpi_snd_cwnd …)
   * @returns what an assertion that does not hold says, or null
   * Throws ScriptError for what is not supported.
   */
  run(text: string, line: number, known: ReadonlyMap<string, Value>): string | null {
    const machine = new Machine(lex(text, line), this.#variables, known, this.#print);
    return machine.run();
  }
}

class Machine {
  readonly #tokens: readonly Lexeme[];
  readonly #variables: Map<string, Value>;
  readonly #known: ReadonlyMap<string, Value>;
  readonly #print: (line: string) => void;
  #at = 0;

  constructor(
    tokens: readonly Lexeme[],
    variables: Map<string, Value>,
    known: ReadonlyMap<string, Value>,
    print: (line: string) => void,
  ) {
    this.#tokens = tokens;
    this.#variables = variables;
    this.#known = known;
    this.#print = print;
  }

  run(): string | null {
    while (this.#at < this.#tokens.length) {
      if (this.#tokens[this.#at]!.type === "end") {
        this.#at++;
        continue;
      }
      const failed = this.#statement();
      if (failed !== null) return failed;
      const token = this.#tokens[this.#at];
      if (token && token.type !== "end") throw this.#refuse(`'${token.text}'`);
    }
    return null;
  }

  #statement(): string | null {
    const token = this.#tokens[this.#at]!;
    if (token.type !== "name") {
      this.#expression();
      return null;
    }
    switch (token.text) {
      case "assert":
        return this.#assert();
      case "if":
        return this.#if();
      case "pass":
        this.#at++;
        return null;
      case "import":
        while (this.#at < this.#tokens.length && this.#tokens[this.#at]!.type !== "end") this.#at++;
        return null;
      case "for":
      case "while":
      case "def":
      case "class":
      case "try":
      case "with":
      case "raise":
      case "return":
        throw this.#refuse(`'${token.text}'`);
    }
    const next = this.#tokens[this.#at + 1];
    if (next?.type === "mark" && /^(=|[-+*/%&|^]=)$/.test(next.text)) {
      this.#at += 2;
      const value = this.#expression();
      this.#variables.set(
        token.text,
        next.text === "=" ? value : this.#binary(next.text.slice(0, -1), this.#lookup(token.text), value),
      );
      return null;
    }
    this.#expression();
    return null;
  }

  #assert(): string | null {
    const from = ++this.#at;
    const { line } = this.#tokens[from - 1]!;
    const holds = truth(this.#single());
    const said = this.#tokens
      .slice(from, this.#at)
      .map(({ text, type }) => (type === "string" ? `'${text}'` : text))
      .join(" ");
    const message = this.#take(",") ? this.#single() : null;
    if (holds) return null;
    return `line ${line}: assert ${said}${message === null ? "" : `: ${show(message)}`}`;
  }

  #if(): string | null {
    this.#at++;
    const holds = truth(this.#single());
    this.#expect(":");
    if (!this.#tokens[this.#at] || this.#tokens[this.#at]!.text === "\n") throw this.#refuse("an indented block");
    if (holds) return this.#statement();
    while (this.#at < this.#tokens.length && this.#tokens[this.#at]!.text !== "\n") this.#at++;
    return null;
  }

  /** With commas a tuple. */
  #expression(): Value {
    const first = this.#single();
    if (!this.#isMark(",")) return first;
    const items = [first];
    while (this.#take(",")) {
      if (this.#isMark(")") || !this.#tokens[this.#at] || this.#tokens[this.#at]!.type === "end") break;
      items.push(this.#single());
    }
    return items;
  }

  #single(): Value {
    let value = this.#and();
    while (this.#takeName("or")) {
      const right = this.#and();
      if (!truth(value)) value = right;
    }
    return value;
  }

  #and(): Value {
    let value = this.#not();
    while (this.#takeName("and")) {
      const right = this.#not();
      if (truth(value)) value = right;
    }
    return value;
  }

  #not(): Value {
    return this.#takeName("not") ? !truth(this.#not()) : this.#comparison();
  }

  #comparison(): Value {
    let left = this.#level(0);
    let result: Value | null = null;
    for (
      let token = this.#tokens[this.#at];
      token && COMPARISONS.includes(token.text);
      token = this.#tokens[this.#at]
    ) {
      this.#at++;
      const right = this.#level(0);
      result = (result === null || truth(result)) && compare(token.text, left, right);
      left = right;
    }
    return result ?? left;
  }

  #level(level: number): Value {
    const operators = LEVELS[level];
    if (!operators) return this.#unary();
    let left = this.#level(level + 1);
    for (;;) {
      const token = this.#tokens[this.#at];
      if (token?.type !== "mark" || !operators.includes(token.text)) return left;
      this.#at++;
      left = this.#binary(token.text, left, this.#level(level + 1));
    }
  }

  #binary(operator: string, left: Value, right: Value): Value {
    if (operator === "%" && typeof left === "string")
      return format(left, Array.isArray(right) ? right : [right as Value]);
    if (operator === "+" && typeof left === "string" && typeof right === "string") return left + right;
    const [a, b] = [this.#number(left), this.#number(right)];
    switch (operator) {
      case "+":
        return a + b;
      case "-":
        return a - b;
      case "*":
        return a * b;
      case "/":
        return a / b;
      case "//":
        return Math.floor(a / b);
      case "%":
        return a - Math.floor(a / b) * b;
      case "&":
        return Number(BigInt(a) & BigInt(b));
      case "|":
        return Number(BigInt(a) | BigInt(b));
      case "^":
        return Number(BigInt(a) ^ BigInt(b));
      case "<<":
        return a * 2 ** b;
      default:
        return Math.floor(a / 2 ** b);
    }
  }

  #unary(): Value {
    if (this.#take("-")) return -this.#number(this.#unary());
    if (this.#take("+")) return this.#number(this.#unary());
    if (this.#take("~")) return -this.#number(this.#unary()) - 1;
    const base = this.#primary();
    return this.#take("**") ? this.#number(base) ** this.#number(this.#unary()) : base;
  }

  #primary(): Value {
    const token = this.#tokens[this.#at];
    if (!token) throw this.#refuse("the end of the code");
    this.#at++;
    if (token.type === "number") return Number(token.text);
    if (token.type === "string") return token.text;
    if (token.type === "name") return this.#isMark("(") ? this.#call(token.text) : this.#lookup(token.text);
    if (token.text !== "(" && token.text !== "[") throw this.#refuse(`'${token.text}'`);
    const close = token.text === "(" ? ")" : "]";
    const value = this.#isMark(close) ? [] : this.#expression();
    this.#expect(close);
    return value;
  }

  #call(name: string): Value {
    this.#expect("(");
    const args: Value[] = [];
    while (!this.#take(")")) {
      args.push(this.#single());
      if (!this.#isMark(")")) this.#expect(",");
    }
    const numbers = (): number[] => args.map((arg) => this.#number(arg));
    switch (name) {
      case "print":
        this.#print(args.map(show).join(" "));
        return 0;
      case "min":
        return Math.min(...numbers());
      case "max":
        return Math.max(...numbers());
      case "abs":
        return Math.abs(numbers()[0]!);
      case "int":
        return Math.trunc(Number(args[0]));
      case "round":
        return Math.round(numbers()[0]!);
      case "float":
        return Number(args[0]);
      case "str":
        return show(args[0]!);
      default:
        throw this.#refuse(`the function ${name}()`);
    }
  }

  #lookup(name: string): Value {
    if (name === "True" || name === "False") return name === "True";
    const value = this.#variables.get(name) ?? this.#known.get(name);
    if (value === undefined) throw this.#refuse(`the name '${name}'`);
    return value;
  }

  #number(value: Value): number {
    if (typeof value === "number" || typeof value === "boolean") return Number(value);
    throw this.#refuse(`arithmetic with '${show(value)}'`);
  }

  #isMark(text: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.type === "mark" && token.text === text;
  }

  #take(text: string): boolean {
    if (!this.#isMark(text)) return false;
    this.#at++;
    return true;
  }

  #takeName(text: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.type !== "name" || token.text !== text) return false;
    this.#at++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) throw this.#refuse(`'${this.#tokens[this.#at]?.text ?? "the end"}' instead of '${text}'`);
  }

  #refuse(what: string): ScriptError {
    const line = this.#tokens[Math.min(this.#at, this.#tokens.length - 1)]?.line ?? 0;
    return new ScriptError(line, `${what} in code is not supported`);
  }
}

function truth(value: Value): boolean {
  return typeof value === "object" ? value.length > 0 : Boolean(value);
}

function compare(operator: string, left: Value, right: Value): boolean {
  const [a, b] = [left, right] as [number, number];
  switch (operator) {
    case "==":
      return show(left) === show(right);
    case "!=":
      return show(left) !== show(right);
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    default:
      return a >= b;
  }
}

function show(value: Value): string {
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "object" ? `(${value.map(show).join(", ")})` : String(value);
}

/** The `%` of texts: %d %u %s %x %f %%. */
function format(text: string, values: readonly Value[]): string {
  let next = 0;
  return text.replaceAll(/%(?:\.(\d+))?([%a-z])/g, (_all, digits: string | undefined, letter: string) => {
    if (letter === "%") return "%";
    const value = values[next++] ?? "";
    if (letter === "x") return Number(value).toString(16);
    if (letter === "f") return Number(value).toFixed(Number(digits ?? 6));
    return letter === "d" || letter === "u" || letter === "i" ? String(Math.trunc(Number(value))) : show(value);
  });
}
