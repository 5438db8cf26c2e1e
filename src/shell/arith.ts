// Shell arithmetic: 64-bit signed integers, C's operators and precedence, variables that hold expressions, array
// elements, bases (POSIX XCU 2.6.4 with bash's additions). The text comes here after expansion; errors are in bash's words.

/** Where variables are read and written. */
export interface ArithmeticScope {
  /** undefined when unset; may throw (set -u) */
  get(name: string): string | undefined;
  getElement(name: string, key: string): string | undefined;
  set(name: string, value: string): void;
  setElement(name: string, key: string, value: string): void;
}

/** A bad expression; the message is bash's, without file and line: `1/0: division by 0 (error token is "0")`. */
export class ArithmeticError extends Error {
  override readonly name: string = "ArithmeticError";
}

/** Variables that hold expressions, one in another: bash allows 1024, which is beyond JavaScript's stack. */
const MAX_DEPTH = 256;

/** The value of an expression; 0 for an empty one. Throws ArithmeticError. */
export function evaluate(text: string, scope: ArithmeticScope, depth = 0): bigint {
  if (/^\s*-?\d{1,15}\s*$/.test(text) && !/^\s*-?0\d/.test(text)) return BigInt(text.trim());
  return new Evaluator(text, scope, depth).run();
}

interface Reference {
  readonly name: string;
  readonly key: string | undefined;
}

const BINARY: readonly (readonly string[])[] = [
  ["||"],
  ["&&"],
  ["|"],
  ["^"],
  ["&"],
  ["==", "!="],
  ["<", "<=", ">", ">="],
  ["<<", ">>"],
  ["+", "-"],
  ["*", "/", "%"],
];
const ASSIGNMENTS: ReadonlySet<string> = new Set(["=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "^=", "|="]);
const OPERATORS: readonly string[] = [
  "<<=",
  ">>=",
  "**",
  "++",
  "--",
  "&&",
  "||",
  "==",
  "!=",
  "<=",
  ">=",
  "<<",
  ">>",
  "+=",
  "-=",
  "*=",
  "/=",
  "%=",
  "&=",
  "^=",
  "|=",
  ..."+-*/%<>=!~&|^?:,()",
];

class Evaluator {
  readonly #text: string;
  readonly #scope: ArithmeticScope;
  readonly #depth: number;
  #at = 0;
  /** the present token and where it and the one before begin */
  #token = "";
  #kind: string = "end";
  #start = 0;
  #last = 0;
  #number = 0n;
  #reference: Reference | undefined;
  /** parsing without evaluating (the untaken branch) */
  #skip = 0;

  constructor(text: string, scope: ArithmeticScope, depth: number) {
    this.#text = text;
    this.#scope = scope;
    this.#depth = depth;
    if (depth > MAX_DEPTH) this.#fail("expression recursion level exceeded", text);
  }

  run(): bigint {
    this.#next();
    if (this.#kind === "end") return 0n;
    const value = this.#comma();
    if (this.#kind !== "end") this.#fail("syntax error in expression", this.#text.slice(this.#start));
    return value;
  }

  #fail(what: string, token: string, text: string = this.#text): never {
    throw new ArithmeticError(`${text.trimStart()}: ${what} (error token is "${token}")`);
  }

  #next(): void {
    const text = this.#text;
    let i = this.#at;
    while (i < text.length && " \t\n\r".includes(text[i]!)) i++;
    this.#last = this.#start;
    this.#start = i;
    const c = text[i];
    if (c === undefined) {
      this.#kind = "end";
      this.#token = "";
      this.#at = i;
      return;
    }
    if (c >= "0" && c <= "9") {
      const match = /^[0-9A-Za-z_@#]+/.exec(text.slice(i))!;
      this.#token = match[0];
      this.#kind = "number";
      this.#at = i + match[0].length;
      this.#number = this.#parseNumber(match[0]);
      return;
    }
    if (/[A-Za-z_]/.test(c)) {
      const name = /^[A-Za-z0-9_]+/.exec(text.slice(i))![0];
      this.#at = i + name.length;
      let key: string | undefined;
      if (text[this.#at] === "[") key = this.#subscript();
      this.#token = text.slice(i, this.#at);
      this.#kind = "name";
      this.#reference = { name, key };
      return;
    }
    for (const operator of OPERATORS)
      if (text.startsWith(operator, i)) {
        this.#token = operator;
        this.#kind = "operator";
        this.#at = i + operator.length;
        return;
      }
    this.#fail(
      this.#kind === "end" || (this.#kind === "operator" && this.#token !== ")")
        ? "syntax error: operand expected"
        : "syntax error: invalid arithmetic operator",
      text.slice(i),
    );
  }

  #subscript(): string {
    let depth = 0;
    const open = this.#at;
    for (; this.#at < this.#text.length; this.#at++) {
      const c = this.#text[this.#at];
      if (c === "[") depth++;
      else if (c === "]" && --depth === 0) return this.#text.slice(open + 1, this.#at++);
    }
    this.#fail("bad array subscript", this.#text.slice(this.#start));
  }

  #parseNumber(token: string): bigint {
    const hash = token.indexOf("#");
    if (hash >= 0) {
      const base = Number(token.slice(0, hash));
      if (!(base >= 2 && base <= 64)) this.#fail("invalid arithmetic base", this.#text.slice(this.#start));
      return this.#digits(token.slice(hash + 1), base, token);
    }
    if (/^0[xX]/.test(token)) return this.#digits(token.slice(2), 16, token);
    if (token.length > 1 && token.startsWith("0")) return this.#digits(token.slice(1), 8, token);
    return this.#digits(token, 10, token);
  }

  #digits(text: string, base: number, token: string): bigint {
    let value = 0n;
    for (const c of text) {
      let digit: number;
      if (c >= "0" && c <= "9") digit = c.charCodeAt(0) - 48;
      else if (c >= "a" && c <= "z") digit = c.charCodeAt(0) - 87;
      else if (c >= "A" && c <= "Z") digit = c.charCodeAt(0) - (base <= 36 ? 55 : 29);
      else digit = c === "@" ? 62 : c === "_" ? 63 : 99;
      if (digit >= base) this.#fail("value too great for base", token, this.#text.slice(0, this.#at));
      value = value * BigInt(base) + BigInt(digit);
    }
    return BigInt.asIntN(64, value);
  }

  #is(...tokens: string[]): boolean {
    return this.#kind === "operator" && tokens.includes(this.#token);
  }

  #isAssignment(): boolean {
    return this.#kind === "operator" && ASSIGNMENTS.has(this.#token);
  }

  #comma(): bigint {
    let value = this.#assignment();
    while (this.#is(",")) {
      this.#next();
      value = this.#assignment();
    }
    return value;
  }

  #assignment(): bigint {
    const before = { at: this.#at, token: this.#token, kind: this.#kind, start: this.#start, last: this.#last };
    if (this.#kind === "name") {
      const target = this.#reference!;
      this.#next();
      if (this.#isAssignment()) {
        const operator = this.#token.slice(0, -1);
        this.#next();
        let value = this.#assignment();
        if (operator !== "" && this.#skip === 0) value = this.#apply(operator, this.#read(target), value);
        this.#write(target, value);
        return value;
      }
      // not an assignment: back to the name
      this.#at = before.at;
      this.#token = before.token;
      this.#kind = before.kind;
      this.#start = before.start;
      this.#last = before.last;
      this.#reference = target;
    }
    const value = this.#conditional();
    if (this.#isAssignment()) this.#fail("attempted assignment to non-variable", this.#text.slice(this.#start));
    return value;
  }

  #conditional(): bigint {
    const test = this.#binary(0);
    if (!this.#is("?")) return test;
    this.#next();
    if (this.#is(":")) this.#fail("expression expected", this.#text.slice(this.#start));
    const taken = test !== 0n;
    if (!taken) this.#skip++;
    const yes = this.#comma();
    if (!taken) this.#skip--;
    if (!this.#is(":")) this.#fail("`:' expected for conditional expression", this.#text.slice(this.#last));
    this.#next();
    if (this.#kind === "end") this.#fail("expression expected", this.#text.slice(this.#last));
    if (taken) this.#skip++;
    const no = this.#assignment();
    if (taken) this.#skip--;
    return taken ? yes : no;
  }

  #binary(level: number): bigint {
    const operators = BINARY[level];
    if (!operators) return this.#power();
    let left = this.#binary(level + 1);
    while (this.#kind === "operator" && operators.includes(this.#token)) {
      const operator = this.#token;
      this.#next();
      if (operator === "&&" || operator === "||") {
        const decided = operator === "&&" ? left === 0n : left !== 0n;
        if (decided) this.#skip++;
        const right = this.#binary(level + 1);
        if (decided) this.#skip--;
        left = (operator === "&&" ? left !== 0n && right !== 0n : left !== 0n || right !== 0n) ? 1n : 0n;
      } else left = this.#apply(operator, left, this.#binary(level + 1));
    }
    return left;
  }

  #power(): bigint {
    const base = this.#unary();
    if (!this.#is("**")) return base;
    this.#next();
    const exponent = this.#power();
    if (exponent < 0n && this.#skip === 0) this.#fail("exponent less than 0", this.#text.slice(this.#last));
    if (this.#skip > 0) return 0n;
    let value = 1n;
    for (let i = 0n; i < exponent; i++) value = BigInt.asIntN(64, value * base);
    return value;
  }

  #unary(): bigint {
    if (this.#is("!", "~", "+", "-")) {
      const operator = this.#token;
      this.#next();
      const value = this.#unary();
      if (operator === "!") return value === 0n ? 1n : 0n;
      if (operator === "~") return ~value;
      return operator === "-" ? BigInt.asIntN(64, -value) : value;
    }
    if (this.#is("++", "--")) {
      const operator = this.#token;
      this.#next();
      if (this.#kind !== "name") {
        // ++5 is +(+5)
        const value = this.#unary();
        return value;
      }
      const target = this.#reference!;
      this.#next();
      const value = BigInt.asIntN(64, this.#read(target) + (operator === "++" ? 1n : -1n));
      this.#write(target, value);
      return value;
    }
    return this.#primary();
  }

  #primary(): bigint {
    if (this.#is("(")) {
      this.#next();
      const value = this.#comma();
      if (!this.#is(")")) this.#fail("missing `)'", this.#text.slice(this.#start) || this.#text.slice(this.#last));
      this.#next();
      return value;
    }
    if (this.#kind === "number") {
      const value = this.#number;
      this.#next();
      return value;
    }
    if (this.#kind === "name") {
      const target = this.#reference!;
      this.#next();
      if (this.#is("++", "--")) {
        const old = this.#read(target);
        this.#write(target, BigInt.asIntN(64, old + (this.#token === "++" ? 1n : -1n)));
        this.#next();
        return old;
      }
      return this.#read(target);
    }
    const from = this.#kind === "end" ? this.#last : this.#start;
    this.#fail("syntax error: operand expected", this.#text.slice(from));
  }

  #read(target: Reference): bigint {
    if (this.#skip > 0) return 0n;
    const text =
      target.key === undefined ? this.#scope.get(target.name) : this.#scope.getElement(target.name, target.key);
    if (text === undefined || text === "") return 0n;
    return evaluate(text, this.#scope, this.#depth + 1);
  }

  #write(target: Reference, value: bigint): void {
    if (this.#skip > 0) return;
    if (target.key === undefined) this.#scope.set(target.name, String(value));
    else this.#scope.setElement(target.name, target.key, String(value));
  }

  #apply(operator: string, a: bigint, b: bigint): bigint {
    if (this.#skip > 0) return 0n;
    switch (operator) {
      case "+":
        return BigInt.asIntN(64, a + b);
      case "-":
        return BigInt.asIntN(64, a - b);
      case "*":
        return BigInt.asIntN(64, a * b);
      case "/":
      case "%":
        if (b === 0n) this.#fail("division by 0", this.#text.slice(this.#last));
        return BigInt.asIntN(64, operator === "/" ? a / b : a % b);
      case "<<":
        return BigInt.asIntN(64, a << (b & 63n));
      case ">>":
        return a >> (b & 63n);
      case "&":
        return a & b;
      case "|":
        return a | b;
      case "^":
        return a ^ b;
      case "==":
        return a === b ? 1n : 0n;
      case "!=":
        return a !== b ? 1n : 0n;
      case "<":
        return a < b ? 1n : 0n;
      case "<=":
        return a <= b ? 1n : 0n;
      case ">":
        return a > b ? 1n : 0n;
      default:
        return a >= b ? 1n : 0n;
    }
  }
}
