// Conditions: the primaries that `test`, `[` and `[[ ]]` share (files, strings, numbers), and the grammar of `test` by
// number of arguments (POSIX XCU test, with bash's additions).

import type { TestExpression, Word } from "unbash";
import { NetError } from "../base/errno.ts";
import type { Process } from "../posix/process.ts";
import type { VfsNode } from "../posix/vfs.ts";
import type { Task } from "../sim/task.ts";
import { ExpansionError } from "./control.ts";
import { isExecutable } from "./exec.ts";
import { expandPattern, expandString } from "./expand.ts";
import { patternRegExp } from "./pattern.ts";
import { ereSource } from "./regex.ts";
import type { Shell } from "./shell.ts";

/** A bad condition; the message is that of `[`, after "[: ". */
export class TestError extends Error {
  override readonly name: string = "TestError";
}

/** Bad arithmetic in `[[ ]]`: said after "[[: ", status 1. */
export class ConditionError extends Error {
  override readonly name: string = "ConditionError";
}

const UNARY: ReadonlySet<string> = new Set("abcdefghknoprstuvwxzGLNORS".split("").map((c) => `-${c}`));
const BINARY: ReadonlySet<string> = new Set([
  "=",
  "==",
  "!=",
  "<",
  ">",
  "-eq",
  "-ne",
  "-lt",
  "-le",
  "-gt",
  "-ge",
  "-nt",
  "-ot",
  "-ef",
]);

/** What a condition may ask of its surroundings. */
export interface TestContext {
  readonly proc: Process;
  /** -v name, -o option, -R name; absent in the program /usr/bin/test */
  readonly shell?: Shell;
}

/** `test ARGUMENTS`. Throws TestError. */
export function evaluateTest(context: TestContext, args: readonly string[]): boolean {
  switch (args.length) {
    case 0:
      return false;
    case 1:
      return args[0] !== "";
    case 2:
      if (args[0] === "!") return args[1] === "";
      if (!UNARY.has(args[0]!)) throw new TestError(`${args[0]}: unary operator expected`);
      return unary(context, args[0]!, args[1]!);
    case 3:
      if (BINARY.has(args[1]!)) return binary(context, args[0]!, args[1]!, args[2]!);
      if (args[1] === "-a") return args[0] !== "" && args[2] !== "";
      if (args[1] === "-o") return args[0] !== "" || args[2] !== "";
      if (args[0] === "!") return !evaluateTest(context, args.slice(1));
      if (args[0] === "(" && args[2] === ")") return args[1] !== "";
      throw new TestError(`${args[1]}: binary operator expected`);
    case 4:
      if (args[0] === "!") return !evaluateTest(context, args.slice(1));
      if (args[0] === "(" && args[3] === ")") return evaluateTest(context, args.slice(1, 3));
  }
  const parser = new TestParser(context, args);
  const value = parser.or();
  if (!parser.done) throw new TestError("too many arguments");
  return value;
}

class TestParser {
  readonly #context: TestContext;
  readonly #args: readonly string[];
  #at = 0;

  constructor(context: TestContext, args: readonly string[]) {
    this.#context = context;
    this.#args = args;
  }

  get done(): boolean {
    return this.#at >= this.#args.length;
  }

  or(): boolean {
    let value = this.#and();
    while (this.#args[this.#at] === "-o") {
      this.#at++;
      const right = this.#and();
      value = value || right;
    }
    return value;
  }

  #and(): boolean {
    let value = this.#not();
    while (this.#args[this.#at] === "-a") {
      this.#at++;
      const right = this.#not();
      value = value && right;
    }
    return value;
  }

  #not(): boolean {
    if (this.#args[this.#at] === "!") {
      this.#at++;
      return !this.#not();
    }
    return this.#primary();
  }

  #primary(): boolean {
    const args = this.#args;
    const first = args[this.#at];
    if (first === undefined) throw new TestError("argument expected");
    const operator = args[this.#at + 1];
    if (operator !== undefined && BINARY.has(operator) && args[this.#at + 2] !== undefined) {
      this.#at += 3;
      return binary(this.#context, first, operator, args[this.#at - 1]!);
    }
    if (first === "(") {
      this.#at++;
      const value = this.or();
      if (args[this.#at] !== ")") throw new TestError("`)' expected");
      this.#at++;
      return value;
    }
    if (UNARY.has(first) && operator !== undefined) {
      this.#at += 2;
      return unary(this.#context, first, operator);
    }
    this.#at++;
    return first !== "";
  }
}

function find(proc: Process, path: string, noFollow = false): VfsNode | undefined {
  try {
    return path === "" ? undefined : proc.root.find(proc, path, noFollow);
  } catch (error) {
    if (error instanceof NetError) return undefined;
    throw error;
  }
}

function isDir(node: VfsNode | undefined): boolean {
  return node?.kind === "dir" || node?.kind === "syntheticDir";
}

/** Bytes of a file: what `-s` and `stat` see. */
export function nodeSize(node: VfsNode): number {
  if (node.kind === "file") return node.size;
  if (node.kind === "dir") return 4096;
  if (node.kind === "link") return node.target.length;
  if (node.kind === "program") return 150_000;
  return 0;
}

function unary(context: TestContext, operator: string, operand: string): boolean {
  const { proc, shell } = context;
  switch (operator) {
    case "-n":
      return operand !== "";
    case "-z":
      return operand === "";
    case "-a":
    case "-e":
      return find(proc, operand) !== undefined;
    case "-f": {
      const node = find(proc, operand);
      return node?.kind === "file" || node?.kind === "synthetic" || node?.kind === "program";
    }
    case "-d":
      return isDir(find(proc, operand));
    case "-L":
    case "-h":
      return find(proc, operand, true)?.kind === "link";
    case "-c":
      return find(proc, operand)?.kind === "device";
    case "-s": {
      const node = find(proc, operand);
      return node !== undefined && nodeSize(node) > 0;
    }
    case "-r":
    case "-w":
      return find(proc, operand) !== undefined;
    case "-x": {
      const node = find(proc, operand);
      return node !== undefined && (isDir(node) || isExecutable(node));
    }
    case "-O":
    case "-G":
      return find(proc, operand) !== undefined;
    case "-t": {
      if (!/^\d+$/.test(operand)) throw new TestError(`${operand}: integer expression expected`);
      return proc.fds.get(Number(operand))?.isTty ?? false;
    }
    case "-v": {
      const match = /^([^[]*)\[(.*)\]$/.exec(operand);
      if (!match) return shell !== undefined && shell.vars.get(operand) !== undefined;
      if (match[2] === "@" || match[2] === "*") return (shell?.vars.find(match[1]!)?.values().length ?? 0) > 0;
      return shell?.vars.getElement(match[1]!, match[2]!) !== undefined;
    }
    case "-R":
      return shell?.vars.find(operand, true)?.nameref ?? false;
    case "-o":
      return shell?.option(operand) ?? false;
    default:
      // sockets, pipes, block devices, set-id bits, sticky bits: none exist here
      return false;
  }
}

function integer(text: string): bigint {
  const match = /^\s*([+-]?\d+)\s*$/.exec(text);
  if (!match) throw new TestError(`${text}: integer expression expected`);
  return BigInt(match[1]!.replace(/^\+/, ""));
}

function binary(context: TestContext, left: string, operator: string, right: string): boolean {
  switch (operator) {
    case "=":
    case "==":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
      return left < right;
    case ">":
      return left > right;
    case "-nt":
    case "-ot":
    case "-ef":
      return compareFiles(context.proc, left, operator, right);
    default:
      return compare(integer(left), operator, integer(right));
  }
}

function compareFiles(proc: Process, left: string, operator: string, right: string): boolean {
  const a = find(proc, left);
  const b = find(proc, right);
  if (operator === "-ef") return a !== undefined && a === b;
  if (operator === "-nt") return a !== undefined && (b === undefined || a.mtimeNs > b.mtimeNs);
  return b !== undefined && (a === undefined || a.mtimeNs < b.mtimeNs);
}

function compare(a: bigint, operator: string, b: bigint): boolean {
  switch (operator) {
    case "-eq":
      return a === b;
    case "-ne":
      return a !== b;
    case "-lt":
      return a < b;
    case "-le":
      return a <= b;
    case "-gt":
      return a > b;
    default:
      return a >= b;
  }
}

/** `[[ … ]]`. Throws ExpansionError; a bad regular expression throws TestError with no message (status 2). */
export function* evaluateCondition(shell: Shell, expression: TestExpression, trace: string[]): Task<boolean> {
  switch (expression.type) {
    case "TestLogical": {
      let value = expression.operator === "&&";
      for (const operand of expression.operands) {
        value = yield* evaluateCondition(shell, operand, trace);
        if (value !== (expression.operator === "&&")) break;
      }
      return value;
    }
    case "TestNot": {
      const value = yield* evaluateCondition(shell, expression.operand, trace);
      return expression.negations.length % 2 === 1 ? !value : value;
    }
    case "TestGroup":
      return yield* evaluateCondition(shell, expression.expression, trace);
    case "TestUnary": {
      const operand = yield* expandString(shell, expression.operand);
      trace.push(`[[ ${expression.operator} ${operand === "" ? "''" : operand} ]]`);
      return unary({ proc: shell.proc, shell }, expression.operator, operand);
    }
    case "TestBinary":
      return yield* binaryCondition(shell, expression.left, expression.operator, expression.right, trace);
  }
}

function* binaryCondition(
  shell: Shell,
  leftWord: Word,
  operator: string,
  rightWord: Word,
  trace: string[],
): Task<boolean> {
  const left = yield* expandString(shell, leftWord);
  const shown = left === "" ? "''" : left;
  const ignoreCase = shell.shopts.has("nocasematch");
  if (operator === "=~") return yield* matches(shell, left, rightWord, ignoreCase, trace);
  if (operator === "=" || operator === "==" || operator === "!=") {
    const pattern = yield* expandPattern(shell, rightWord);
    trace.push(`[[ ${shown} ${operator} ${pattern === "" ? "''" : pattern} ]]`);
    return patternRegExp(pattern, { ignoreCase }).test(left) === (operator !== "!=");
  }
  const right = yield* expandString(shell, rightWord);
  trace.push(`[[ ${shown} ${operator} ${right === "" ? "''" : right} ]]`);
  if (operator === "<") return left < right;
  if (operator === ">") return left > right;
  if (operator === "-nt" || operator === "-ot" || operator === "-ef")
    return compareFiles(shell.proc, left, operator, right);
  try {
    return compare(shell.arithmetic(left), operator, shell.arithmetic(right));
  } catch (error) {
    // arithmetic fails the condition; what fails in an expansion abandons the command
    if (error instanceof ExpansionError && error.how === "discard") throw new ConditionError(error.message);
    throw error;
  }
}

function* matches(shell: Shell, text: string, word: Word, ignoreCase: boolean, trace: string[]): Task<boolean> {
  // a quoted character is ordinary: expansion has put a backslash before it
  const pattern = yield* expandPattern(shell, word);
  trace.push(`[[ ${text === "" ? "''" : text} =~ ${pattern} ]]`);
  let expression: RegExp;
  try {
    expression = new RegExp(ereSource(pattern), ignoreCase ? "ui" : "u");
  } catch (error) {
    if (error instanceof SyntaxError) throw new TestError("");
    throw error;
  }
  const match = expression.exec(text);
  const variable = shell.vars.setArray("BASH_REMATCH", false);
  for (const [i, group] of (match ?? []).entries()) variable.list!.set(i, group ?? "");
  return match !== null;
}
