// Simple commands: expand, redirect, then call a function, run a builtin, or fork and execute a program. Answers to
// POSIX XCU 2.9.1, with bash's words for what goes wrong.

import type { Assignment, Command, Redirection } from "unbash";
import { Errno, NetError, strerror } from "../base/errno.ts";
import { encodeUtf8 } from "../base/text.ts";
import { joinGroup } from "../posix/tty.ts";
import type { Task } from "../sim/task.ts";
import { assign, assignmentText, assignTemporarily, expandAssignment, traceAssignment } from "./assign.ts";
import type { Builtin } from "./builtins/builtin.ts";
import { BUILTIN_NS, FORK_NS, STEP_NS } from "./cost.ts";
import { BadInterpreter, DEFAULT_PATH, execImage, findProgram, type Image, loadImage } from "./exec.ts";
import { expandHere, expandInto } from "./expand.ts";
import { commandText } from "./print.ts";
import { traceQuote } from "./quote.ts";
import { copyTable, type FdTable, RedirectError, redirect, releaseTable, withRedirections } from "./redirect.ts";
import type { Interpreter } from "./run.ts";
import type { Argument, AssignArgument, Shell } from "./shell.ts";

/** Words of a command, its assignments for declare and its like, and whether it may take the shell's place. */
interface Invocation {
  readonly argv: readonly string[];
  readonly args: readonly Argument[];
  readonly assignments: readonly AssignArgument[];
  readonly redirections: readonly Redirection[];
  readonly tail: boolean;
  readonly text: string;
}

/** Runs a simple command of the syntax tree. Throws ExpansionError and what control flow throws. */
export function* runSimple(interpreter: Interpreter, shell: Shell, node: Command, tail: boolean): Task<number> {
  shell.pos = node.pos;
  shell.substitutionStatus = undefined;
  const mark = shell.substitutionFds.length;
  try {
    const argv: string[] = [];
    const args: Argument[] = [];
    if (node.name) yield* expandInto(shell, node.name, argv);
    const traced = argv.map(traceQuote);
    for (const each of node.suffix) {
      if (each.type === "Word") {
        const from = argv.length;
        yield* expandInto(shell, each, argv);
        args.push(...argv.slice(from));
        traced.push(...argv.slice(from).map(traceQuote));
      } else if (each.type === "Assignment") {
        const argument = yield* expandAssignment(shell, each);
        args.push(argument);
        argv.push(assignmentText(argument));
        traced.push(traceAssignment(argument, each));
      }
    }
    const prefix = node.prefix.filter((each): each is Assignment => each.type === "Assignment");
    const { redirects: redirections } = node;
    if (argv.length === 0) return yield* assignOnly(interpreter, shell, prefix, redirections);
    // the name's own further words come first; when it expanded to nothing, the first argument is the name
    const nameWords = argv.length - args.length;
    if (nameWords === 0) args.shift();
    else args.unshift(...argv.slice(1, nameWords));
    const assignments: AssignArgument[] = [];
    if (prefix.length > 0) {
      // each sees the ones before it
      let undo: () => void = () => {};
      try {
        for (const each of prefix) {
          const argument = yield* expandAssignment(shell, each);
          if (shell.vars.find(argument.name)?.readonly) {
            yield* shell.error(`${argument.name}: ${shell.dash ? "is read only" : "readonly variable"}`);
            continue;
          }
          assignments.push(argument);
          undo();
          undo = assignTemporarily(shell, assignments);
        }
      } finally {
        undo();
      }
    }
    for (const [i, each] of assignments.entries()) yield* trace(shell, traceAssignment(each, prefix[i]!));
    yield* trace(shell, traced.join(" "));
    const text = commandText(shell.source.text, node);
    return yield* invoke(interpreter, shell, { argv, args, assignments, redirections, tail, text }, false);
  } finally {
    for (const fd of shell.substitutionFds.splice(mark)) {
      shell.proc.fds.get(fd)?.release();
      shell.proc.fds.delete(fd);
    }
  }
}

function* assignOnly(
  interpreter: Interpreter,
  shell: Shell,
  prefix: readonly Assignment[],
  redirections: readonly Redirection[],
): Task<number> {
  yield* shell.proc.cpu(STEP_NS);
  if (redirections.length > 0) {
    try {
      yield* withRedirections(shell, redirections, interpreter.services.openNetwork, nothing);
    } catch (error) {
      if (!(error instanceof RedirectError)) throw error;
      yield* shell.error(error.message);
      return yield* interpreter.concluded(shell, shell.dash ? 2 : 1);
    }
  }
  for (const each of prefix) {
    const argument = yield* expandAssignment(shell, each);
    yield* trace(shell, traceAssignment(argument, each));
    assign(shell, argument);
  }
  return yield* interpreter.concluded(shell, shell.substitutionStatus ?? 0);
}

/** Runs a command given by its words alone (`command`, `builtin`). */
export function* runWords(
  interpreter: Interpreter,
  shell: Shell,
  argv: readonly string[],
  skipFunctions: boolean,
): Task<number> {
  const invocation = {
    argv,
    args: argv.slice(1),
    assignments: [],
    redirections: [],
    tail: false,
    text: argv.join(" "),
  };
  return yield* invoke(interpreter, shell, invocation, skipFunctions);
}

function* invoke(interpreter: Interpreter, shell: Shell, invocation: Invocation, skipFunctions: boolean): Task<number> {
  const name = invocation.argv[0]!;
  const builtin = interpreter.services.builtins.get(name);
  const isFunction = !skipFunctions && shell.functions.has(name);
  if (!isFunction && (!builtin || (shell.dash && builtin.bashOnly)))
    return yield* external(interpreter, shell, invocation);
  if (!isFunction && name === "exec") return yield* execBuiltin(interpreter, shell, invocation);
  yield* shell.proc.cpu(isFunction ? STEP_NS : BUILTIN_NS);
  const run = (): Task<number> => inShell(interpreter, shell, invocation, isFunction ? null : builtin!);
  let status: number;
  if (invocation.redirections.length === 0) status = yield* run();
  else {
    try {
      status = yield* withRedirections(shell, invocation.redirections, interpreter.services.openNetwork, run);
    } catch (error) {
      if (!(error instanceof RedirectError)) throw error;
      yield* shell.error(error.message);
      status = shell.dash ? 2 : 1;
    }
  }
  return yield* interpreter.concluded(shell, status);
}

/** A builtin, or (null) a function, with the assignments before it. */
function* inShell(
  interpreter: Interpreter,
  shell: Shell,
  invocation: Invocation,
  builtin: Builtin | null,
): Task<number> {
  const undo = assignTemporarily(shell, invocation.assignments);
  try {
    if (builtin === null) return yield* interpreter.callFunction(shell, invocation.argv);
    return yield* builtin.run(shell, invocation.argv, invocation.args);
  } finally {
    undo();
  }
}

/** `exec`: redirections stay; with words, the program takes the shell's place. */
function* execBuiltin(interpreter: Interpreter, shell: Shell, invocation: Invocation): Task<number> {
  yield* shell.proc.cpu(BUILTIN_NS);
  try {
    yield* redirect(shell, invocation.redirections, shell.proc.fds, interpreter.services.openNetwork);
  } catch (error) {
    if (!(error instanceof RedirectError)) throw error;
    yield* shell.error(error.message);
    return yield* interpreter.concluded(shell, 1);
  }
  const words = invocation.argv.slice(1);
  let argv0: string | undefined;
  let clear = false;
  while (words[0]?.startsWith("-") && words[0] !== "-") {
    const option = words.shift()!;
    if (option === "--") break;
    if (option === "-c") clear = true;
    else if (option === "-a" && words.length > 0) argv0 = words.shift()!;
    else if (option === "-l") argv0 = `-${words[0] ?? ""}`;
    else return yield* shell.complain("exec", `${option}: invalid option`, 2);
  }
  if (words.length === 0) {
    for (const each of invocation.assignments) assign(shell, each);
    return 0;
  }
  const undo = assignTemporarily(shell, invocation.assignments);
  const env = clear ? new Map<string, string>() : shell.vars.environment();
  undo();
  return yield* replaceShell(shell, words, env, argv0);
}

function* replaceShell(
  shell: Shell,
  argv: readonly string[],
  env: ReadonlyMap<string, string>,
  argv0?: string,
): Task<number> {
  const name = argv[0]!;
  const path = lookUp(shell, name, env.get("PATH") ?? shell.vars.get("PATH"));
  let image: Image;
  try {
    if (path instanceof NetError) throw path;
    image = loadImage(shell.proc, path, argv0 === undefined ? argv : [argv0, ...argv.slice(1)]);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    const missing = error.errno === Errno.ENOENT;
    const what = missing && !name.includes("/") ? "not found" : `cannot execute: ${strerror(error.errno)}`;
    yield* shell.error(`exec: ${name}: ${what}`);
    shell.status = missing ? 127 : 126;
    if (shell.interactive) return shell.status;
    return shell.proc.exit(yield* endOf(shell, shell.status));
  }
  become(shell, env);
  shell.proc.exit(yield* execImage(shell.proc, image));
}

function* endOf(shell: Shell, status: number): Task<number> {
  if (!shell.traps.get("EXIT")) return status;
  return yield* shell.engine.exitTrap(shell, status);
}

function become(shell: Shell, env: ReadonlyMap<string, string>): void {
  shell.proc.env.clear();
  for (const [key, value] of env) shell.proc.env.set(key, value);
}

function* external(interpreter: Interpreter, shell: Shell, invocation: Invocation): Task<number> {
  const { argv, redirections } = invocation;
  const replacing = invocation.tail && interpreter.mayReplace(shell);
  const undo = assignTemporarily(shell, invocation.assignments);
  const env = shell.vars.environment();
  const path = shell.vars.get("PATH");
  undo();
  const table = copyTable(shell.proc.fds);
  try {
    try {
      yield* redirect(shell, redirections, table, interpreter.services.openNetwork);
    } catch (error) {
      if (!(error instanceof RedirectError)) throw error;
      yield* sayTo(shell, table, error.message);
      return yield* interpreter.concluded(shell, shell.dash ? 2 : 1);
    }
    const image = yield* imageOf(shell, argv, path, table);
    if (typeof image === "number") return yield* interpreter.concluded(shell, image);
    if (replacing) {
      const { fds } = shell.proc;
      for (const file of fds.values()) file.release();
      fds.clear();
      for (const [fd, file] of table) fds.set(fd, file);
      table.clear();
      become(shell, env);
      shell.proc.exit(yield* execImage(shell.proc, image));
    }
    yield* shell.proc.cpu(FORK_NS);
    const child = shell.proc.spawn((proc) => execImage(proc, image), { argv: shell.proc.argv, env, fds: table });
    if (shell.option("monitor")) joinGroup(child, child.hostPid);
    releaseTable(table);
    const status = yield* interpreter.waitForeground(shell, [child], [invocation.text]);
    return yield* interpreter.concluded(shell, status);
  } finally {
    releaseTable(table);
  }
}

/** Finds and loads a program; or says why not, and gives 126 or 127. */
function* imageOf(
  shell: Shell,
  argv: readonly string[],
  searchPath: string | undefined,
  table: FdTable,
): Task<Image | number> {
  const name = argv[0]!;
  const path = lookUp(shell, name, searchPath);
  try {
    if (path instanceof NetError) throw path;
    try {
      return loadImage(shell.proc, path, argv);
    } catch (error) {
      // a text without #! is a script of this shell
      if (!(error instanceof NetError) || error.errno !== Errno.ENOEXEC) throw error;
      const own = shell.dash ? "/bin/sh" : "/bin/bash";
      return loadImage(shell.proc, own, [shell.dash ? "sh" : "bash", path, ...argv.slice(1)]);
    }
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    const missing = error.errno === Errno.ENOENT;
    let message: string;
    if (error instanceof BadInterpreter) message = `${name}: cannot execute: required file not found`;
    else if (missing && !name.includes("/")) message = shell.dash ? `${name}: not found` : `${name}: command not found`;
    else if (shell.dash)
      message = missing
        ? `${name}: not found`
        : `${name}: ${strerror(error.errno === Errno.EISDIR ? Errno.EACCES : error.errno)}`;
    else message = `${name}: ${strerror(error.errno)}`;
    yield* sayTo(shell, table, message);
    return missing ? 127 : 126;
  }
}

function lookUp(shell: Shell, name: string, path: string | undefined): string | NetError {
  const known = shell.hashed.get(name);
  if (known && !name.includes("/")) {
    try {
      findProgram(shell.proc, known.path);
      known.hits++;
      return known.path;
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      shell.hashed.delete(name);
    }
  }
  try {
    const found = findProgram(shell.proc, name, path ?? DEFAULT_PATH);
    if (!name.includes("/") && shell.option("hashall")) shell.hashed.set(name, { path: found, hits: 1 });
    return found;
  } catch (error) {
    if (error instanceof NetError) return error;
    throw error;
  }
}

/** An error message to the stderr that the command would have had. */
function* sayTo(shell: Shell, table: FdTable, message: string): Task<void> {
  yield* table.get(2)?.write(encodeUtf8(`${shell.prefix()}${message}\n`)) ?? nothing();
}

function* nothing(): Task<void> {}

/** A line of `set -x`, if it is on. */
export function* trace(shell: Shell, text: string): Task<void> {
  if (!shell.option("xtrace")) return;
  const prompt = shell.vars.get("PS4") ?? "+ ";
  shell.setOption("xtrace", false);
  let expanded: string;
  try {
    expanded = yield* expandHere(shell, prompt);
  } finally {
    shell.setOption("xtrace", true);
  }
  // the first character is repeated for each level of subshells that `$( )` made
  const lead = expanded.slice(0, 1).repeat(shell.substitutionDepth + 1) + expanded.slice(1);
  const fd = Number(shell.vars.get("BASH_XTRACEFD") ?? 2);
  yield* shell.write(fd, `${lead}${text}\n`);
}
