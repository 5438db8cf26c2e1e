// Compound commands: if, for, while, until, case and C's for. Loops catch `break` and `continue`. Answers to POSIX XCU
// 2.9.4.

import type { Case, For, If, Statement, While } from "unbash";
import type { Task } from "../sim/task.ts";
import { ExpansionError, LoopJump } from "./control.ts";
import { STEP_NS } from "./cost.ts";
import { arithmeticText, expandPattern, expandString, expandWords } from "./expand.ts";
import { patternRegExp } from "./pattern.ts";
import type { Interpreter } from "./run.ts";
import type { Shell } from "./shell.ts";
import { trace } from "./simple.ts";
import { NAME } from "./variables.ts";

export function* runIf(interpreter: Interpreter, shell: Shell, node: If, tail: boolean): Task<number> {
  for (const branch of [node, ...node.elif]) {
    const status = yield* interpreter.guarded(shell, () => interpreter.statements(shell, branch.clause.commands));
    if (status === 0) return yield* interpreter.statements(shell, branch.then.commands, tail);
  }
  return node.else ? yield* interpreter.statements(shell, node.else.commands, tail) : 0;
}

/** One round of a loop: "next", or "break". */
function* round(
  interpreter: Interpreter,
  shell: Shell,
  body: readonly Statement[],
  status: { value: number },
): Task<"next" | "break"> {
  try {
    status.value = yield* interpreter.statements(shell, body);
    return "next";
  } catch (error) {
    if (!(error instanceof LoopJump)) throw error;
    status.value = 0;
    if (error.levels > 1) {
      error.levels--;
      throw error;
    }
    return error.kind === "break" ? "break" : "next";
  }
}

export function* runFor(interpreter: Interpreter, shell: Shell, node: For): Task<number> {
  shell.pos = node.pos;
  const name = node.name.value;
  if (!NAME.test(name)) {
    yield* shell.error(`\`${name}': not a valid identifier`);
    return 1;
  }
  const words = node.wordlist ? yield* expandWords(shell, node.wordlist) : [...shell.positional];
  const status = { value: 0 };
  shell.loops++;
  try {
    for (const word of words) {
      shell.pos = node.pos;
      yield* shell.proc.cpu(STEP_NS);
      if (shell.option("xtrace")) {
        const list = node.wordlist ? node.wordlist.map((each) => each.text).join(" ") : '"$@"';
        yield* trace(shell, `for ${name} in ${list}`);
      }
      shell.vars.set(name, word);
      if ((yield* round(interpreter, shell, node.body.commands, status)) === "break") break;
    }
  } finally {
    shell.loops--;
  }
  return status.value;
}

export function* runArithmeticFor(
  interpreter: Interpreter,
  shell: Shell,
  pos: number,
  bodyPos: number,
  body: readonly Statement[],
): Task<number> {
  shell.pos = pos;
  const header = shell.source.text.slice(pos, bodyPos);
  const inner = header.slice(header.indexOf("((") + 2, header.lastIndexOf("))"));
  const [initialize = "", test = "", update = ""] = inner.split(";");
  const status = { value: 0 };
  if ((yield* forPart(shell, pos, initialize)) === undefined) return 1;
  shell.loops++;
  try {
    for (;;) {
      const go = yield* forPart(shell, pos, test);
      if (go === undefined) return 1;
      if (!go) break;
      if ((yield* round(interpreter, shell, body, status)) === "break") break;
      if ((yield* forPart(shell, pos, update)) === undefined) return 1;
    }
  } finally {
    shell.loops--;
  }
  return status.value;
}

/** One of the three expressions: true when it is not 0, or empty; undefined after an error. */
function* forPart(shell: Shell, pos: number, text: string): Task<boolean | undefined> {
  shell.pos = pos;
  yield* shell.proc.cpu(STEP_NS);
  if (text.trim() === "") return true;
  yield* trace(shell, `((${text}))`);
  try {
    return (yield* arithmeticText(shell, text)) !== 0n;
  } catch (error) {
    if (!(error instanceof ExpansionError) || error.how === "fatal") throw error;
    yield* shell.error(`((: ${error.message}`);
    return undefined;
  }
}

export function* runWhile(interpreter: Interpreter, shell: Shell, node: While): Task<number> {
  const status = { value: 0 };
  shell.loops++;
  try {
    for (;;) {
      let go = false;
      const clause = { value: 0 };
      const ended = yield* interpreter.guarded(shell, () => round(interpreter, shell, node.clause.commands, clause));
      if (ended === "break") break;
      go = (clause.value === 0) === (node.kind === "while");
      if (!go) break;
      if ((yield* round(interpreter, shell, node.body.commands, status)) === "break") break;
    }
  } finally {
    shell.loops--;
  }
  return status.value;
}

export function* runCase(interpreter: Interpreter, shell: Shell, node: Case, tail: boolean): Task<number> {
  shell.pos = node.pos;
  yield* shell.proc.cpu(STEP_NS);
  const word = yield* expandString(shell, node.word);
  yield* trace(shell, `case ${node.word.text} in`);
  const ignoreCase = shell.shopts.has("nocasematch");
  let status = 0;
  let fallThrough = false;
  for (const item of node.items) {
    let matched = fallThrough;
    for (const pattern of item.pattern) {
      if (matched) break;
      matched = patternRegExp(yield* expandPattern(shell, pattern), { ignoreCase }).test(word);
    }
    if (!matched) continue;
    const end = item.terminator === undefined || item.terminator === ";;";
    status = yield* interpreter.statements(shell, item.body.commands, tail && end);
    if (end) break;
    fallThrough = item.terminator === ";&";
  }
  return status;
}

export function* runArithmetic(shell: Shell, text: string, name: string): Task<number> {
  try {
    return (yield* arithmeticText(shell, text)) === 0n ? 1 : 0;
  } catch (error) {
    if (!(error instanceof ExpansionError) || error.how === "fatal") throw error;
    yield* shell.error(`${name}: ${error.message}`);
    return 1;
  }
}
