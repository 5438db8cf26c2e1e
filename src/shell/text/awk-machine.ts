// A running awk program: the walk over its tree, its variables, records and built-in functions. Answers to Debian's mawk
// 1.3.4. Anything may wait (a file, a command), so the walk is a Task.

import { NetError } from "../../base/errno.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { fromBinary, openInput, toBinary } from "../coreutils/util.ts";
import { runCommand } from "../exec.ts";
import { daysFromCivil, strftime } from "../strftime.ts";
import { AwkError, unescapeString } from "./awk-lex.ts";
import { AwkRecord, splitAt } from "./awk-record.ts";
import { AwkStreams, RecordReader, RuntimeError } from "./awk-streams.ts";
import type { AwkFunction, AwkProgram, Expr, Redirection, Rule, Stmt } from "./awk-tree.ts";
import {
  AwkArray,
  compare,
  fromInput,
  MissingArgument,
  sprintf,
  toBoolean,
  toNumber,
  toText,
  type Value,
} from "./awk-values.ts";

class Jump extends Error {
  override readonly name: string = "Jump";
  readonly kind: "next" | "nextfile" | "break" | "continue" | "exit" | "return";
  readonly value: Value;

  constructor(kind: Jump["kind"], value?: Value) {
    super(kind);
    this.kind = kind;
    this.value = value;
  }
}

/** Local variables of a call: a value, or an array. */
type Local = { value: Value; array: AwkArray | undefined };

const SPECIAL: readonly (readonly [string, Value])[] = [
  ["FS", " "],
  ["OFS", " "],
  ["ORS", "\n"],
  ["RS", "\n"],
  ["NR", 0],
  ["FNR", 0],
  ["CONVFMT", "%.6g"],
  ["OFMT", "%.6g"],
  ["SUBSEP", "\x1c"],
  ["RSTART", 0],
  ["RLENGTH", -1],
  ["FILENAME", ""],
];

/** One run of a program. */
export class AwkMachine {
  readonly #proc: Process;
  readonly #program: AwkProgram;
  readonly #globals: Map<string, Value> = new Map(SPECIAL);
  readonly #arrays: Map<string, AwkArray> = new Map();
  #locals: Local[] = [];
  #main: RecordReader | undefined;
  #argument = 1;
  #usedStdin = false;
  #status = 0;
  #seed = 0;
  #random = 1;
  readonly #record: AwkRecord;
  readonly #streams: AwkStreams;

  constructor(proc: Process, program: AwkProgram, operands: readonly string[]) {
    this.#proc = proc;
    this.#streams = new AwkStreams(proc);
    this.#record = new AwkRecord({ text: (name) => this.#text(name) });
    this.#program = program;
    const argv = this.#array("ARGV");
    argv.set("0", proc.name);
    operands.forEach((word, i) => {
      argv.set(String(i + 1), fromInput(toBinary(word)));
    });
    this.#globals.set("ARGC", operands.length + 1);
    const environ = this.#array("ENVIRON");
    for (const [name, value] of proc.env) environ.set(toBinary(name), fromInput(toBinary(value)));
    this.#random = proc.machine.rng.fork(`awk/${proc.hostPid}`).u32() || 1;
  }

  /** "name=value" of -v or an operand; false when it is no assignment. */
  assign(text: string): boolean {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=([\s\S]*)$/.exec(text);
    if (!match) return false;
    this.#setGlobal(match[1]!, fromInput(unescapeString(toBinary(match[2]!))));
    return true;
  }

  *run(): Task<number> {
    const { rules } = this.#program;
    const of = (kind: Rule["kind"]): Rule[] => rules.filter((rule) => rule.kind === kind);
    const main = rules.filter((rule) => rule.kind === "pattern" || rule.kind === "range");
    const ends = of("END");
    try {
      for (const rule of of("BEGIN")) yield* this.#execute(rule.action!);
      if (main.length > 0 || ends.length > 0) yield* this.#records(main);
    } catch (error) {
      if (!(error instanceof Jump) || error.kind !== "exit") throw yield* this.#failing(error);
    }
    try {
      // exit in BEGIN skips the input but END runs all the same
      for (const rule of ends) yield* this.#execute(rule.action!);
    } catch (error) {
      if (!(error instanceof Jump) || error.kind !== "exit") throw yield* this.#failing(error);
    }
    yield* this.#finish();
    return this.#status;
  }

  /** What was printed before an error still comes out. */
  *#failing(error: unknown): Task<unknown> {
    if (error instanceof RuntimeError || error instanceof AwkError || error instanceof MissingArgument)
      yield* this.#finish();
    return error;
  }

  *#finish(): Task<void> {
    yield* this.#streams.closeAll();
  }

  *#records(main: readonly Rule[]): Task<void> {
    for (;;) {
      const record = yield* this.#nextRecord();
      if (record === undefined) return;
      this.#record.set(record);
      try {
        for (const rule of main)
          if (yield* this.#selects(rule))
            yield* rule.action
              ? this.#execute(rule.action)
              : this.#write(undefined, this.#record.whole + this.#text("ORS"));
      } catch (error) {
        if (!(error instanceof Jump) || (error.kind !== "next" && error.kind !== "nextfile")) throw error;
        if (error.kind === "nextfile") this.#closeMain();
      }
    }
  }

  *#selects(rule: Rule): Task<boolean> {
    if (!rule.pattern) return true;
    if (rule.kind === "pattern") return toBoolean(yield* this.#eval(rule.pattern));
    if (!rule.active) {
      if (!toBoolean(yield* this.#eval(rule.pattern))) return false;
      rule.active = true;
    }
    if (toBoolean(yield* this.#eval(rule.end!))) rule.active = false;
    return true;
  }

  // ── input ──

  *#nextRecord(): Task<string | undefined> {
    for (;;) {
      if (!this.#main && !(yield* this.#openMain())) return undefined;
      const record = yield* this.#main!.next(this.#text("RS"));
      if (record !== undefined) {
        this.#globals.set("NR", this.#number("NR") + 1);
        this.#globals.set("FNR", this.#number("FNR") + 1);
        return record;
      }
      this.#closeMain();
    }
  }

  #closeMain(): void {
    this.#main?.file.release();
    this.#main = undefined;
  }

  *#openMain(): Task<boolean> {
    const argv = this.#array("ARGV");
    while (this.#argument < this.#number("ARGC")) {
      const key = String(this.#argument++);
      if (!argv.has(key)) continue;
      const word = fromBinary(toText(argv.get(key), "%.6g"));
      if (word === "" || this.assign(word)) continue;
      this.#usedStdin = true;
      try {
        this.#main = new RecordReader(openInput(this.#proc, word === "/dev/stdin" ? "-" : word));
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
        // mawk gives up on a file that it cannot open
        throw new RuntimeError(`cannot open ${word} (${error.message})`);
      }
      this.#globals.set("FILENAME", toBinary(word));
      this.#globals.set("FNR", 0);
      return true;
    }
    if (this.#usedStdin) return false;
    this.#usedStdin = true;
    if (!this.#proc.fds.has(0)) return false;
    this.#main = new RecordReader(openInput(this.#proc, "-"));
    this.#globals.set("FILENAME", "-");
    return true;
  }

  // ── variables ──

  #array(name: string): AwkArray {
    let array = this.#arrays.get(name);
    if (!array) {
      array = new AwkArray();
      this.#arrays.set(name, array);
    }
    return array;
  }

  #arrayAt(name: string, slot: number): AwkArray {
    if (slot < 0) return this.#array(name);
    const local = this.#locals[slot]!;
    local.array ??= new AwkArray();
    return local.array;
  }

  #getGlobal(name: string): Value {
    if (name === "NF") return this.#record.fields.length;
    return this.#globals.get(name);
  }

  #setGlobal(name: string, value: Value): void {
    if (name === "NF") {
      this.#record.setCount(Math.trunc(toNumber(value)));
      return;
    }
    // fields are split by the FS of the time when the record was read
    if (name === "FS") void this.#record.fields;
    this.#globals.set(name, value);
  }

  #text(name: string): string {
    return toText(this.#globals.get(name), "%.6g");
  }

  #number(name: string): number {
    return toNumber(this.#globals.get(name));
  }

  *#key(keys: readonly Expr[]): Task<string> {
    if (keys.length === 1) return toText(yield* this.#eval(keys[0]!), this.#text("CONVFMT"));
    const parts: string[] = [];
    for (const key of keys) parts.push(toText(yield* this.#eval(key), this.#text("CONVFMT")));
    return parts.join(this.#text("SUBSEP"));
  }

  #getField(index: number): Value {
    if (index < 0)
      throw new RuntimeError(
        `run time error: negative field index $${index}\n\tFILENAME="${this.#text("FILENAME")}" FNR=${this.#number("FNR")} NR=${this.#number("NR")}`,
      );
    if (index === 0) return fromInput(this.#record.whole);
    return this.#record.fields[index - 1];
  }

  *#read(target: Expr): Task<Value> {
    return yield* this.#eval(target);
  }

  *#store(target: Expr, value: Value): Task<void> {
    switch (target.type) {
      case "variable":
        if (target.slot >= 0) this.#locals[target.slot]!.value = value;
        else this.#setGlobal(target.name, value);
        return;
      case "field":
        {
          const index = Math.trunc(toNumber(yield* this.#eval(target.index)));
          if (index === 0) this.#record.set(toText(value, this.#text("CONVFMT")));
          else this.#record.setField(index, value);
        }
        return;
      case "element":
        this.#arrayAt(target.name, target.slot).set(yield* this.#key(target.keys), value);
        return;
      case "group":
        yield* this.#store(target.items[0]!, value);
        return;
      default:
        throw new RuntimeError("assignment to an expression");
    }
  }

  // ── statements ──

  *#execute(statement: Stmt): Task<void> {
    switch (statement.type) {
      case "block":
        for (const each of statement.body) yield* this.#execute(each);
        return;
      case "expr":
        yield* this.#eval(statement.expr);
        return;
      case "print": {
        const format = this.#text("OFMT");
        let text: string;
        if (statement.args.length === 0) text = this.#record.whole;
        else {
          const parts: string[] = [];
          for (const each of statement.args) parts.push(toText(yield* this.#eval(each), format));
          text = parts.join(this.#text("OFS"));
        }
        yield* this.#write(statement.to, text + this.#text("ORS"));
        return;
      }
      case "printf": {
        const args: Value[] = [];
        for (const each of statement.args) args.push(yield* this.#eval(each));
        yield* this.#write(statement.to, this.#format(args, "printf"));
        return;
      }
      case "if":
        if (toBoolean(yield* this.#eval(statement.test))) yield* this.#execute(statement.yes);
        else if (statement.no) yield* this.#execute(statement.no);
        return;
      case "while":
        while (toBoolean(yield* this.#eval(statement.test))) {
          yield* this.#proc.cpu(1000);
          if (yield* this.#loopBody(statement.body)) return;
        }
        return;
      case "do":
        do {
          yield* this.#proc.cpu(1000);
          if (yield* this.#loopBody(statement.body)) return;
        } while (toBoolean(yield* this.#eval(statement.test)));
        return;
      case "for":
        if (statement.init) yield* this.#execute(statement.init);
        while (!statement.test || toBoolean(yield* this.#eval(statement.test))) {
          yield* this.#proc.cpu(1000);
          if (yield* this.#loopBody(statement.body)) return;
          if (statement.step) yield* this.#execute(statement.step);
        }
        return;
      case "forIn":
        for (const key of this.#arrayAt(statement.name, statement.slot).keys()) {
          yield* this.#store(statement.variable, key);
          if (yield* this.#loopBody(statement.body)) return;
        }
        return;
      case "delete": {
        const array = this.#arrayAt(statement.name, statement.slot);
        if (statement.keys) array.delete(yield* this.#key(statement.keys));
        else array.clear();
        return;
      }
      case "exit":
        if (statement.value) this.#status = Math.trunc(toNumber(yield* this.#eval(statement.value))) & 255;
        throw new Jump("exit");
      case "return":
        throw new Jump("return", statement.value ? yield* this.#eval(statement.value) : undefined);
      default:
        throw new Jump(statement.type);
    }
  }

  /** Runs a loop's body once; true after break. */
  *#loopBody(body: Stmt): Task<boolean> {
    try {
      yield* this.#execute(body);
    } catch (error) {
      if (!(error instanceof Jump)) throw error;
      if (error.kind === "break") return true;
      if (error.kind !== "continue") throw error;
    }
    return false;
  }

  #format(args: readonly Value[], name: string): string {
    const format = toText(args[0], this.#text("CONVFMT"));
    try {
      return sprintf(format, args.slice(1), this.#text("CONVFMT"));
    } catch (error) {
      if (!(error instanceof MissingArgument)) throw error;
      throw new RuntimeError(
        `run time error: not enough arguments passed to ${name}("${format}")\n\tFILENAME="${this.#text("FILENAME")}" FNR=${this.#number("FNR")} NR=${this.#number("NR")}`,
      );
    }
  }

  *#write(to: Redirection | undefined, text: string): Task<void> {
    if (!to) yield* this.#streams.print(text);
    else yield* this.#streams.printTo(to.operator, toText(yield* this.#eval(to.to), this.#text("CONVFMT")), text);
  }

  // ── expressions ──

  *#eval(expr: Expr): Task<Value> {
    switch (expr.type) {
      case "number":
      case "string":
        return expr.value;
      case "variable":
        return expr.slot >= 0 ? this.#locals[expr.slot]!.value : this.#getGlobal(expr.name);
      case "field": {
        const index = expr.index.type === "number" ? expr.index.value : toNumber(yield* this.#eval(expr.index));
        return this.#getField(Math.trunc(index));
      }
      case "regex":
        expr.expression.lastIndex = 0;
        return expr.expression.test(this.#record.whole) ? 1 : 0;
      case "element":
        return this.#arrayAt(expr.name, expr.slot).get(yield* this.#key(expr.keys));
      case "in":
        return this.#arrayAt(expr.name, expr.slot).has(yield* this.#key(expr.keys)) ? 1 : 0;
      case "group": {
        if (expr.items.length > 1) throw new RuntimeError("a list where a value was expected");
        return yield* this.#eval(expr.items[0]!);
      }
      case "assign": {
        const right = yield* this.#eval(expr.value);
        if (expr.operator === "=") {
          yield* this.#store(expr.target, right);
          return right;
        }
        const left = toNumber(yield* this.#read(expr.target));
        const value = arithmetic(expr.operator[0]!, left, toNumber(right));
        yield* this.#store(expr.target, value);
        return value;
      }
      case "conditional":
        return yield* this.#eval(toBoolean(yield* this.#eval(expr.test)) ? expr.yes : expr.no);
      case "binary":
        return yield* this.#binary(expr.operator, expr.left, expr.right);
      case "match": {
        const text = toText(yield* this.#eval(expr.left), this.#text("CONVFMT"));
        const expression = yield* this.#pattern(expr.right);
        expression.lastIndex = 0;
        return expression.test(text) !== expr.negated ? 1 : 0;
      }
      case "unary": {
        const value = yield* this.#eval(expr.operand);
        if (expr.operator === "!") return toBoolean(value) ? 0 : 1;
        return expr.operator === "-" ? -toNumber(value) : toNumber(value);
      }
      case "step": {
        const before = toNumber(yield* this.#read(expr.target));
        const after = before + (expr.operator === "++" ? 1 : -1);
        yield* this.#store(expr.target, after);
        return expr.prefix ? after : before;
      }
      case "call":
        return yield* this.#call(this.#program.functions.get(expr.name)!, expr.args);
      case "builtin":
        return yield* this.#builtin(expr.name, expr.args);
      case "getline":
        return yield* this.#getline(expr);
    }
  }

  *#binary(operator: string, leftExpr: Expr, rightExpr: Expr): Task<Value> {
    const left = yield* this.#eval(leftExpr);
    if (operator === "&&") return toBoolean(left) && toBoolean(yield* this.#eval(rightExpr)) ? 1 : 0;
    if (operator === "||") return toBoolean(left) || toBoolean(yield* this.#eval(rightExpr)) ? 1 : 0;
    const right = yield* this.#eval(rightExpr);
    const format = this.#text("CONVFMT");
    switch (operator) {
      case " ":
        return toText(left, format) + toText(right, format);
      case "<":
        return compare(left, right, format) < 0 ? 1 : 0;
      case "<=":
        return compare(left, right, format) <= 0 ? 1 : 0;
      case "==":
        return compare(left, right, format) === 0 ? 1 : 0;
      case "!=":
        return compare(left, right, format) !== 0 ? 1 : 0;
      case ">":
        return compare(left, right, format) > 0 ? 1 : 0;
      case ">=":
        return compare(left, right, format) >= 0 ? 1 : 0;
      default:
        return arithmetic(operator, toNumber(left), toNumber(right));
    }
  }

  *#pattern(expr: Expr): Task<RegExp> {
    if (expr.type === "regex") return expr.expression;
    return this.#record.regex(toText(yield* this.#eval(expr), this.#text("CONVFMT")));
  }

  *#call(definition: AwkFunction, args: readonly Expr[]): Task<Value> {
    if (args.length > definition.parameters.length)
      throw new RuntimeError(`too many arguments in call to ${definition.name}`);
    const locals: Local[] = [];
    for (let i = 0; i < definition.parameters.length; i++) {
      const arg = args[i];
      if (!arg) locals.push({ value: undefined, array: undefined });
      else if (arg.type === "variable") {
        // an array goes by reference; what is neither yet may become one
        const outer = arg.slot >= 0 ? this.#locals[arg.slot]! : undefined;
        const value = outer ? outer.value : this.#getGlobal(arg.name);
        const array = outer ? outer.array : this.#arrays.get(arg.name);
        if (array || value !== undefined) locals.push({ value, array });
        else {
          const made = new AwkArray();
          if (outer) outer.array = made;
          else this.#arrays.set(arg.name, made);
          locals.push({ value, array: made });
        }
      } else locals.push({ value: yield* this.#eval(arg), array: undefined });
    }
    const saved = this.#locals;
    this.#locals = locals;
    try {
      yield* this.#execute(definition.body);
      return undefined;
    } catch (error) {
      if (error instanceof Jump && error.kind === "return") return error.value;
      throw error;
    } finally {
      this.#locals = saved;
    }
  }

  *#getline(expr: Extract<Expr, { type: "getline" }>): Task<Value> {
    let record: string | undefined;
    if (expr.from === "main") record = yield* this.#nextRecord();
    else {
      const name = toText(yield* this.#eval(expr.source!), this.#text("CONVFMT"));
      try {
        record = yield* this.#streams.read(name, expr.from === "command", this.#text("RS"));
      } catch (error) {
        if (error instanceof NetError) return -1;
        throw error;
      }
      if (record !== undefined && expr.from === "command") this.#globals.set("NR", this.#number("NR") + 1);
    }
    if (record === undefined) return 0;
    if (expr.target) yield* this.#store(expr.target, fromInput(record));
    else this.#record.set(record);
    return 1;
  }

  *#evalText(expr: Expr, format: string): Task<string> {
    return toText(yield* this.#eval(expr), format);
  }

  *#evalNumber(expr: Expr): Task<number> {
    return toNumber(yield* this.#eval(expr));
  }

  *#builtin(name: string, args: readonly Expr[]): Task<Value> {
    const format = this.#text("CONVFMT");
    const text = (i: number): Task<string> => this.#evalText(args[i]!, format);
    const number = (i: number): Task<number> => this.#evalNumber(args[i]!);
    switch (name) {
      case "length": {
        const arg = args[0];
        if (!arg) return this.#record.whole.length;
        if (arg.type === "variable") {
          const array = arg.slot >= 0 ? this.#locals[arg.slot]!.array : this.#arrays.get(arg.name);
          if (array) return array.size;
        }
        return (yield* text(0)).length;
      }
      case "substr": {
        const whole = yield* text(0);
        let begin = yield* number(1);
        let length = args.length > 2 ? yield* number(2) : Number.POSITIVE_INFINITY;
        // this mawk lengthens the piece by what lies before the first character
        if (begin < 1) {
          length = length < 0 ? 0 : length - Math.trunc(begin);
          begin = 1;
        }
        const from = Math.trunc(begin);
        return length <= 0
          ? ""
          : whole.slice(from - 1, Number.isFinite(length) ? from - 1 + Math.trunc(length) : undefined);
      }
      case "index":
        return (yield* text(0)).indexOf(yield* text(1)) + 1;
      case "split":
        return yield* this.#splitInto(args);
      case "sub":
      case "gsub":
        return yield* this.#substitute(args, name === "gsub");
      case "match": {
        const whole = yield* text(0);
        const expression = yield* this.#pattern(args[1]!);
        expression.lastIndex = 0;
        const found = expression.exec(whole);
        this.#globals.set("RSTART", found ? found.index + 1 : 0);
        this.#globals.set("RLENGTH", found ? found[0].length : -1);
        return found ? found.index + 1 : 0;
      }
      case "sprintf": {
        const values: Value[] = [];
        for (const arg of args) values.push(yield* this.#eval(arg));
        return this.#format(values, "sprintf");
      }
      case "sin":
        return Math.sin(yield* number(0));
      case "cos":
        return Math.cos(yield* number(0));
      case "atan2":
        return Math.atan2(yield* number(0), yield* number(1));
      case "exp":
        return Math.exp(yield* number(0));
      case "log":
        return Math.log(yield* number(0));
      case "sqrt":
        return Math.sqrt(yield* number(0));
      case "int":
        return Math.trunc(yield* number(0));
      case "rand":
        this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
        return this.#random / 4294967296;
      case "srand": {
        const before = this.#seed;
        this.#seed = args[0] ? yield* number(0) : this.#proc.machine.wallSeconds();
        this.#random = Math.imul(this.#seed | 0, 2654435761) >>> 0 || 1;
        return before;
      }
      case "tolower":
        return (yield* text(0)).replace(/[A-Z]+/g, (part) => part.toLowerCase());
      case "toupper":
        return (yield* text(0)).replace(/[a-z]+/g, (part) => part.toUpperCase());
      case "system": {
        yield* this.#streams.flush();
        return (yield* runCommand(this.#proc, ["/bin/sh", "-c", fromBinary(yield* text(0))])).status;
      }
      case "close":
        return yield* this.#streams.close(yield* text(0));
      case "fflush":
        yield* this.#streams.flush();
        return 0;
      case "systime":
        return this.#proc.machine.wallSeconds();
      case "strftime": {
        const pattern = args[0] ? yield* text(0) : "%c";
        const ns = args[1] ? BigInt(Math.trunc(yield* number(1))) * 1_000_000_000n : this.#proc.machine.wallClockNs();
        return toBinary(strftime(fromBinary(pattern), ns));
      }
      default: {
        // mktime("YYYY MM DD HH MM SS")
        const parts = (yield* text(0)).split(/\s+/).map(Number);
        if (parts.length < 6 || parts.some(Number.isNaN)) return -1;
        const [year, month, day, hour, minute, second] = parts as [number, number, number, number, number, number];
        return daysFromCivil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
      }
    }
  }

  *#splitInto(args: readonly Expr[]): Task<Value> {
    const whole = toText(yield* this.#eval(args[0]!), this.#text("CONVFMT"));
    const target = args[1]!;
    if (target.type !== "variable") throw new RuntimeError("split: the second argument is no array");
    const separator = args[2];
    let parts: string[];
    if (!separator) parts = this.#record.split(whole, this.#text("FS"));
    else if (separator.type === "regex") parts = whole === "" ? [] : splitAt(whole, separator.expression);
    else parts = this.#record.split(whole, toText(yield* this.#eval(separator), this.#text("CONVFMT")));
    const array = this.#arrayAt(target.name, target.slot);
    array.clear();
    parts.forEach((part, i) => {
      array.set(String(i + 1), fromInput(part));
    });
    return parts.length;
  }

  *#substitute(args: readonly Expr[], global: boolean): Task<Value> {
    const format = this.#text("CONVFMT");
    const expression = yield* this.#pattern(args[0]!);
    const replacement = toText(yield* this.#eval(args[1]!), format);
    const target: Expr = args[2] ?? { type: "field", index: { type: "number", value: 0 } };
    const whole = toText(yield* this.#eval(target), format);
    let count = 0;
    let out = "";
    let at = 0;
    expression.lastIndex = 0;
    for (const match of whole.matchAll(expression)) {
      if (match[0] === "" && match.index === at && count > 0 && at > 0) continue;
      count++;
      out +=
        whole.slice(at, match.index) +
        replacement.replace(/\\\\&|\\&|&/g, (found) =>
          found === "&" ? match[0] : found === "\\&" ? "&" : `\\${match[0]}`,
        );
      at = match.index + match[0].length;
      if (!global) break;
    }
    if (count > 0) yield* this.#store(target, out + whole.slice(at));
    return count;
  }
}

function arithmetic(operator: string, a: number, b: number): number {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "%":
      return a % b;
    default:
      return a ** b;
  }
}
