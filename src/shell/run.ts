// The interpreter: walks a syntax tree and runs it in a shell's process, in virtual time. Pipelines, lists, compound
// commands, functions, subshells and jobs as bash has them; simple commands are in simple.ts.

import type { AndOr, CommandNode, ParsedScript, Pipeline, PipelineNode, Redirected, Statement } from "unbash";
import { makePipe, NullFile, type OpenFile } from "../posix/file.ts";
import { type ExitStatus, Interrupted, type Process, SIGINT, SIGQUIT, SIGTERM } from "../posix/process.ts";
import { COOKED, joinGroup } from "../posix/tty.ts";
import type { Task } from "../sim/task.ts";
import type { Builtin } from "./builtins/builtin.ts";
import { reapJobs } from "./builtins/jobs.ts";
import { runArithmetic, runArithmeticFor, runCase, runFor, runIf, runWhile } from "./compound.ts";
import { ExpansionError, FunctionReturn, LoopJump, ShellExit } from "./control.ts";
import { FORK_NS, STEP_NS } from "./cost.ts";
import type { Completers } from "./editor/completion.ts";
import { type Job, obituary, pipelineStatus, signalText } from "./jobs.ts";
import { type Parsed, ParsedTexts, parseScript, Source } from "./parse.ts";
import { commandText } from "./print.ts";
import {
  copyTable,
  type FdTable,
  type OpenNetwork,
  RedirectError,
  releaseTable,
  replaceIn,
  withRedirections,
} from "./redirect.ts";
import type { Engine, Memo, Shell } from "./shell.ts";
import { runSimple, runWords, trace } from "./simple.ts";
import { processSubstitution, substitute } from "./substitution.ts";
import { ConditionError, evaluateCondition, TestError } from "./test.ts";
import { timeReport } from "./timing.ts";
import { runPendingTraps, runTrap } from "./traps.ts";
import { NAME } from "./variables.ts";

/** The line that the shell running in a process is at; undefined when no shell runs there. */
export function currentLine(proc: Process): number | undefined {
  return proc.currentLine?.();
}

/** What the interpreter takes from outside. */
export interface InterpreterServices {
  readonly builtins: ReadonlyMap<string, Builtin>;
  /** /dev/tcp and /dev/udp; absent: ordinary paths */
  readonly openNetwork?: OpenNetwork;
  /** what Tab offers for the arguments of commands; absent: file names */
  readonly completers?: Completers;
}

export class Interpreter implements Engine {
  readonly services: InterpreterServices;
  readonly #files: ParsedTexts = new ParsedTexts();
  readonly memo: Memo = { braces: new WeakMap(), elements: new WeakMap() };

  constructor(services: InterpreterServices) {
    this.services = services;
  }

  *statements(shell: Shell, statements: readonly Statement[], tail = false): Task<number> {
    let status = 0;
    for (let i = 0; i < statements.length; i++)
      status = yield* this.#statement(shell, statements[i]!, tail && i === statements.length - 1);
    return status;
  }

  *#statement(shell: Shell, statement: Statement, tail: boolean): Task<number> {
    if (shell.option("noexec") && !shell.interactive) return 0;
    if (statement.background) {
      shell.pos = statement.pos;
      yield* this.#background(shell, statement);
      shell.status = 0;
    } else shell.status = yield* this.node(shell, statement.command, tail);
    if (shell.pending.length > 0) yield* runPendingTraps(shell);
    return shell.status;
  }

  *text(
    shell: Shell,
    source: Source,
    options: { readonly prefix?: string; readonly tail?: boolean } = {},
  ): Task<number> {
    return yield* this.parsed(shell, parseScript(source), options);
  }

  /** A script file. */
  *file(shell: Shell, source: Source): Task<number> {
    return yield* this.parsed(shell, parseScript(source, this.#files));
  }

  /** Runs what was parsed, then says the syntax error if there is one. */
  *parsed(
    shell: Shell,
    { source, statements, error }: Parsed,
    options: { readonly prefix?: string; readonly tail?: boolean } = {},
  ): Task<number> {
    const outer = shell.source;
    const outerPos = shell.pos;
    shell.source = source;
    let status = 0;
    let echoed = 0;
    try {
      for (let i = 0; i < statements.length; i++) {
        const statement = statements[i]!;
        if (shell.option("verbose")) {
          const end = source.text.indexOf("\n", statement.end);
          if (end + 1 > echoed || end < 0) {
            const upTo = end < 0 ? source.text.length : end + 1;
            yield* shell.proc.printError(source.text.slice(echoed, upTo));
            echoed = upTo;
          }
        } else echoed = Math.max(echoed, source.text.indexOf("\n", statement.end) + 1);
        const last = i === statements.length - 1 && !error;
        try {
          if (shell.jobs.list.length > 0 && !shell.interactive) yield* reapJobs(shell);
          status = yield* this.#statement(shell, statement, last && options.tail === true);
        } catch (thrown) {
          if (!(thrown instanceof ExpansionError) || thrown.how !== "discard" || shell.level > 0) throw thrown;
          // the rest of what was read together is abandoned
          status = thrown.status;
          shell.status = status;
          const line = source.lineAt(statement.end);
          while (i + 1 < statements.length && source.lineAt(statements[i + 1]!.pos) === line) i++;
        }
      }
      if (error) {
        status = yield* this.syntaxError(shell, source, error, options.prefix ?? "");
        if (shell.level === 0 && options.prefix === undefined) throw new ShellExit(status);
      }
    } finally {
      shell.source = outer;
      shell.pos = outerPos;
    }
    return status;
  }

  /** Prints a syntax error in bash's form (or dash's); returns 2. */
  *syntaxError(shell: Shell, source: Source, error: NonNullable<Parsed["error"]>, prefix: string): Task<number> {
    const { name } = source;
    if (shell.dash) {
      const token = /`(.*)'$/s.exec(error.message)?.[1];
      const expecting = error.expected === undefined ? "" : ` (expecting "${error.expected}")`;
      const text = /looking for matching `["'`]'/.test(error.message)
        ? `Unterminated quoted string`
        : /EOF|end of file/.test(error.message)
          ? `end of file unexpected${expecting}`
          : token === undefined
            ? error.message
            : `${token === "newline" ? "newline" : `"${token}"`} unexpected`;
      const line = error.incomplete ? source.lineAt(source.text.length) : error.line;
      yield* shell.proc.printError(`${name}: ${line}: Syntax error: ${text}\n`);
    } else {
      const head = shell.interactive ? `${name}: ${prefix}` : `${name}: ${prefix}line ${error.line}: `;
      let text = `${head}${error.message}\n`;
      if (error.echo !== undefined && !shell.interactive) text += `${head}\`${error.echo}'\n`;
      yield* shell.proc.printError(text);
    }
    shell.status = 2;
    return 2;
  }

  /** Runs any node. Errors of expansion are said here, where the line is known, and thrown on. */
  *node(shell: Shell, node: PipelineNode | AndOr, tail = false): Task<number> {
    try {
      return yield* this.#dispatch(shell, node, tail);
    } catch (error) {
      if (error instanceof ExpansionError && !error.said) {
        error.said = true;
        shell.status = error.status;
        yield* shell.error(
          shell.dash ? error.message.replace(/: readonly variable$/, ": is read only") : error.message,
        );
        if (shell.dash && !shell.interactive) throw new ShellExit(2);
        if (error.how === "fatal" && !shell.interactive)
          throw new ShellExit(shell.fromCommand && shell.level === 0 ? 127 : error.status);
      }
      throw error;
    }
  }

  *#dispatch(shell: Shell, node: PipelineNode | AndOr, tail: boolean): Task<number> {
    switch (node.type) {
      case "Command":
        return yield* runSimple(this, shell, node, tail);
      case "AndOr":
        return yield* this.#andOr(shell, node, tail);
      case "Pipeline":
        return yield* this.#pipeline(shell, node, tail);
      case "Redirected":
        return yield* this.#redirected(shell, node, tail);
      case "If":
        return yield* runIf(this, shell, node, tail);
      case "For":
        return yield* runFor(this, shell, node);
      case "ArithmeticFor":
        return yield* runArithmeticFor(this, shell, node.pos, node.body.pos, node.body.commands);
      case "While":
        return yield* runWhile(this, shell, node);
      case "Case":
        return yield* runCase(this, shell, node, tail);
      case "BraceGroup":
        return yield* this.statements(shell, node.body.commands, tail);
      case "CompoundList" as never:
        return 0;
      case "Subshell": {
        shell.pos = node.pos;
        if (tail && this.mayReplace(shell)) {
          shell.level++;
          return yield* this.statements(shell, node.body.commands, tail);
        }
        const body = (sub: Shell): Task<number> => this.statements(sub, node.body.commands, true);
        const text = commandText(shell.source.text, node);
        yield* shell.proc.cpu(FORK_NS);
        const child = this.fork(shell, body, { group: shell.option("monitor") ? 0 : undefined });
        const status = yield* this.waitForeground(shell, [child], [text]);
        return yield* this.concluded(shell, status);
      }
      case "Function": {
        if (!NAME.test(node.name.value) && !/^[^\s$'"`\\]+$/.test(node.name.value)) {
          yield* shell.error(`\`${node.name.value}': not a valid identifier`);
          return 1;
        }
        const { body } = node;
        shell.functions.set(node.name.value, {
          name: node.name.value,
          body,
          source: shell.source,
          pos: node.pos,
          end: node.end,
        });
        return 0;
      }
      case "ArithmeticCommand": {
        shell.pos = node.pos;
        yield* shell.proc.cpu(STEP_NS);
        yield* trace(shell, `(( ${node.body} ))`);
        const status = yield* runArithmetic(shell, node.body, "((");
        return yield* this.concluded(shell, status);
      }
      case "TestCommand": {
        shell.pos = node.pos;
        yield* shell.proc.cpu(STEP_NS);
        if (shell.dash) {
          yield* shell.error("[[: not found");
          return yield* this.concluded(shell, 127);
        }
        const traced: string[] = [];
        let status: number;
        try {
          status = (yield* evaluateCondition(shell, node.expression, traced)) ? 0 : 1;
        } catch (error) {
          if (error instanceof ConditionError) {
            yield* shell.error(`[[: ${error.message}`);
            status = 1;
          } else if (error instanceof TestError) {
            if (error.message !== "") yield* shell.error(`[[: ${error.message}`);
            status = 2;
          } else throw error;
        }
        for (const line of traced) yield* trace(shell, line);
        return yield* this.concluded(shell, status);
      }
      case "Select":
      case "Coproc":
        shell.pos = node.pos;
        yield* shell.error(`${node.type.toLowerCase()}: not supported`);
        return 2;
      default:
        throw new ExpansionError(`not supported: ${(node as { type: string }).type}`);
    }
  }

  /** Whether the shell's process may be given away to the last command (no traps wait for it). */
  mayReplace(shell: Shell): boolean {
    return shell.traps.size === 0 && !shell.interactive;
  }

  /** After a command that is not part of a condition: the ERR trap and `set -e`. */
  *concluded(shell: Shell, status: number, pipeline = false): Task<number> {
    shell.status = status;
    if (!pipeline) shell.pipeStatus = [status];
    if (status === 0 || shell.guard > 0) return status;
    if (shell.traps.get("ERR")) yield* runTrap(shell, "ERR");
    if (shell.option("errexit")) throw new ShellExit(status);
    shell.status = status;
    return status;
  }

  *#andOr(shell: Shell, node: AndOr, tail: boolean): Task<number> {
    let status = 0;
    for (let i = 0; i < node.commands.length; i++) {
      if (i > 0 && (node.operators[i - 1] === "&&") !== (status === 0)) continue;
      const last = i === node.commands.length - 1;
      if (last) status = yield* this.node(shell, node.commands[i]!, tail);
      else status = yield* this.guarded(shell, () => this.node(shell, node.commands[i]!));
      shell.status = status;
    }
    return status;
  }

  /** Runs a condition: no `set -e`, no ERR trap. */
  *guarded<T>(shell: Shell, body: () => Task<T>): Task<T> {
    shell.guard++;
    try {
      return yield* body();
    } finally {
      shell.guard--;
    }
  }

  *#pipeline(shell: Shell, node: Pipeline, tail: boolean): Task<number> {
    const negated = node.prefixes.filter((prefix) => prefix.type === "Negation").length % 2 === 1;
    const timed = node.prefixes.find((prefix) => prefix.type === "Time");
    const started = shell.proc.sim.now;
    const run = (): Task<number> => this.#commands(shell, node, tail && !negated && !timed);
    let status = negated ? yield* this.guarded(shell, run) : yield* run();
    if (negated) status = status === 0 ? 1 : 0;
    if (timed) yield* shell.proc.printError(timeReport(shell, shell.proc.sim.now - started, timed.posix !== undefined));
    return status;
  }

  *#commands(shell: Shell, node: Pipeline, tail: boolean): Task<number> {
    if (node.commands.length === 0) return 0;
    if (node.commands.length === 1) return yield* this.node(shell, node.commands[0]!, tail);
    const texts = node.commands.map((command) => commandText(shell.source.text, command));
    if (shell.shopts.has("lastpipe") && !shell.option("monitor")) return yield* this.#lastPipe(shell, node, texts);
    const { children } = yield* this.#startPipeline(shell, node, false, node.commands.length);
    const status = yield* this.waitForeground(shell, children, texts);
    return yield* this.concluded(shell, status, true);
  }

  /** shopt lastpipe: the last command runs in this shell. */
  *#lastPipe(shell: Shell, node: Pipeline, texts: readonly string[]): Task<number> {
    const last = node.commands.length - 1;
    const { children, input } = yield* this.#startPipeline(shell, node, false, last);
    const { fds } = shell.proc;
    const stdin = fds.get(0);
    fds.set(0, input!);
    let status: number;
    try {
      status = yield* this.guarded(shell, () => this.node(shell, node.commands[last]!));
    } finally {
      if (!shell.proc.exitStatus) {
        fds.get(0)?.release();
        if (stdin) fds.set(0, stdin);
        else fds.delete(0);
      }
    }
    const first = yield* this.waitForeground(shell, children, texts.slice(0, last));
    shell.pipeStatus = [...shell.pipeStatus, status];
    return yield* this.concluded(shell, status === 0 && shell.option("pipefail") ? first : status, true);
  }

  /** Starts the first `count` commands of a pipeline; `input` is what the next would read. */
  *#startPipeline(
    shell: Shell,
    node: Pipeline,
    background: boolean,
    count: number,
  ): Task<{ children: Process[]; input: OpenFile | undefined }> {
    const children: Process[] = [];
    let input: OpenFile | undefined;
    for (let i = 0; i < count; i++) {
      const command = node.commands[i]!;
      const table = copyTable(shell.proc.fds);
      let next: OpenFile | undefined;
      if (input) replaceIn(table, 0, input);
      else if (background && !shell.option("monitor") && !shell.pipedInput) replaceIn(table, 0, new NullFile());
      const piped = input !== undefined;
      if (i < node.commands.length - 1) {
        const [reader, writer] = makePipe();
        next = reader;
        replaceIn(table, 1, writer);
        if (node.operators[i] === "|&") replaceIn(table, 2, writer.retain());
      }
      yield* shell.proc.cpu(FORK_NS);
      const group = shell.option("monitor") ? (children[0]?.hostPid ?? 0) : undefined;
      const body = (sub: Shell): Task<number> => {
        sub.pipedInput ||= piped;
        return this.node(sub, command, true);
      };
      children.push(this.fork(shell, body, { table, background, group, knowsJobs: isPlainCommand(shell, command) }));
      releaseTable(table);
      input = next;
    }
    return { children, input };
  }

  /**
   * Forks: a child process with a copy of the shell, running `body`.
   * @param how.group process group: 0 makes the child its leader; absent leaves it in the shell's
   * @param how.knowsJobs it can still list the shell's jobs, as where bash forks without execute_in_subshell
   */
  fork(
    shell: Shell,
    body: (sub: Shell) => Task<number>,
    how: {
      readonly table?: FdTable;
      readonly background?: boolean;
      readonly group?: number | undefined;
      readonly knowsJobs?: boolean;
    } = {},
  ): Process {
    const { proc } = shell;
    const child = proc.spawn(
      (forked) => {
        const sub = shell.fork(forked);
        if (how.knowsJobs && !shell.dash) sub.jobs = shell.jobs.view();
        return this.#subshell(sub, body);
      },
      { argv: proc.argv, ...(how.table ? { fds: how.table } : {}) },
    );
    if (how.group !== undefined) joinGroup(child, how.group === 0 ? child.hostPid : how.group);
    if (how.background && !shell.option("monitor")) {
      child.onSignal(SIGINT, "ignore");
      child.onSignal(SIGQUIT, "ignore");
    }
    return child;
  }

  *#subshell(shell: Shell, body: (sub: Shell) => Task<number>): Task<number> {
    let status: number;
    try {
      status = yield* body(shell);
    } catch (error) {
      if (error instanceof ShellExit || error instanceof FunctionReturn) status = error.status;
      else if (error instanceof LoopJump) status = 0;
      else if (error instanceof ExpansionError) status = error.status;
      else if (isStackOverflow(error)) return overflow(shell);
      else throw error;
    }
    return yield* this.exitTrap(shell, status);
  }

  /** Runs the EXIT trap, once; the status that the shell ends with. */
  *exitTrap(shell: Shell, status: number): Task<number> {
    const action = shell.traps.get("EXIT");
    shell.status = status;
    if (!action) return status;
    shell.traps.delete("EXIT");
    shell.guard = 0;
    try {
      yield* this.text(shell, new Source(action, shell.source.name, shell.line), { prefix: "exit trap: " });
    } catch (error) {
      if (error instanceof ShellExit) return error.status;
      if (error instanceof FunctionReturn || error instanceof LoopJump || error instanceof ExpansionError)
        return status;
      throw error;
    }
    return status;
  }

  /** Waits for the processes of a foreground pipeline; sets PIPESTATUS. */
  *waitForeground(shell: Shell, children: readonly Process[], texts: readonly string[]): Task<number> {
    const statuses: ExitStatus[] = [];
    shell.foreground = children;
    const terminal = shell.option("monitor") ? shell.tty : undefined;
    terminal?.setForeground(children[0]!.pgid);
    try {
      for (const child of children) {
        const status = shell.option("monitor") ? yield* waitOrStop(child) : yield* child.wait();
        if (!status) {
          const job = shell.jobs.add(children, texts, shell.option("pipefail"));
          job.stopNotified = true;
          yield* shell.proc.printError(`\n[${job.id}]+  ${"Stopped".padEnd(23)} ${texts.join(" | ")}\n`);
          return 128 + 20;
        }
        statuses.push(status);
      }
    } finally {
      shell.foreground = [];
      terminal?.setForeground(shell.proc.pgid);
      terminal?.setMode(COOKED);
    }
    shell.pipeStatus = statuses.map((status) => status.status);
    if (shell.interactive && statuses.at(-1)!.signal === SIGINT) throw new Interrupted(SIGINT);
    yield* this.#report(shell, children, texts, statuses.at(-1)!);
    return pipelineStatus(statuses, shell.option("pipefail"));
  }

  *#report(shell: Shell, processes: readonly Process[], texts: readonly string[], last: ExitStatus): Task<void> {
    if (last.signal === 0 || shell.dash) {
      if (shell.dash && last.signal !== 0 && last.signal !== SIGINT && last.signal !== 13)
        yield* shell.proc.printError(`${signalText(last.signal)}\n`);
      return;
    }
    const job: Job = { id: 0, processes, texts, pipefail: false, notified: true, endedNs: undefined };
    const text = shell.interactive ? undefined : obituary(job);
    if (text !== undefined) yield* shell.error(text);
    else if (last.signal === SIGTERM || (shell.interactive && last.signal !== SIGINT && last.signal !== 13))
      yield* shell.proc.printError(`${signalText(last.signal)}\n`);
  }

  *#background(shell: Shell, statement: Statement): Task<void> {
    const { command } = statement;
    let children: Process[];
    let texts: string[];
    if (command.type === "Pipeline" && command.commands.length > 1 && command.prefixes.length === 0) {
      texts = command.commands.map((each) => commandText(shell.source.text, each));
      children = (yield* this.#startPipeline(shell, command, true, command.commands.length)).children;
    } else {
      texts = [commandText(shell.source.text, command)];
      const table = copyTable(shell.proc.fds);
      if (!shell.option("monitor") && !shell.pipedInput) replaceIn(table, 0, new NullFile());
      yield* shell.proc.cpu(FORK_NS);
      const group = shell.option("monitor") ? 0 : undefined;
      children = [this.fork(shell, (sub) => this.node(sub, command, true), { table, background: true, group })];
      releaseTable(table);
    }
    shell.lastPid = children.at(-1)!.pid;
    const job = shell.jobs.add(children, texts, shell.option("pipefail"));
    if (shell.interactive && !shell.dash) yield* shell.proc.printError(`[${job.id}] ${shell.lastPid}\n`);
  }

  *#redirected(shell: Shell, node: Redirected, tail: boolean): Task<number> {
    shell.pos = node.redirects[0]?.pos ?? node.pos;
    try {
      return yield* withRedirections(shell, node.redirects, this.services.openNetwork, () =>
        this.node(shell, node.command, tail && node.command.type !== "Subshell"),
      );
    } catch (error) {
      if (!(error instanceof RedirectError)) throw error;
      yield* shell.error(error.message);
      return yield* this.concluded(shell, shell.dash ? 2 : 1);
    }
  }

  *substitute(shell: Shell, script: ParsedScript, source: Source, backtick: boolean): Task<string> {
    return yield* substitute(this, shell, script, source, backtick);
  }

  *processSubstitution(shell: Shell, script: ParsedScript, source: Source, direction: "<" | ">"): Task<string> {
    return yield* processSubstitution(this, shell, script, source, direction);
  }

  isBuiltin(name: string, dash: boolean): boolean {
    const builtin = this.services.builtins.get(name);
    return builtin !== undefined && !(dash && builtin.bashOnly);
  }

  *command(shell: Shell, argv: readonly string[], how: { readonly skipFunctions?: boolean } = {}): Task<number> {
    return yield* runWords(this, shell, argv, how.skipFunctions ?? false);
  }

  /** Calls a function with arguments. */
  *callFunction(shell: Shell, argv: readonly string[]): Task<number> {
    const definition = shell.functions.get(argv[0]!)!;
    const saved = {
      positional: shell.positional,
      source: shell.source,
      pos: shell.pos,
      loops: shell.loops,
      err: shell.traps.get("ERR"),
    };
    shell.frames.push({ name: argv[0]!, source: definition.source, line: shell.line });
    shell.positional = argv.slice(1);
    shell.source = definition.source;
    shell.loops = 0;
    if (!shell.option("errtrace")) shell.traps.delete("ERR");
    shell.vars.pushScope();
    try {
      const { body } = definition;
      if (body.type === "CompoundList") return yield* this.statements(shell, body.commands);
      return yield* this.node(shell, body as CommandNode);
    } catch (error) {
      if (error instanceof FunctionReturn) return error.status;
      throw error;
    } finally {
      shell.vars.popScope();
      shell.frames.pop();
      shell.positional = saved.positional;
      shell.source = saved.source;
      shell.pos = saved.pos;
      shell.loops = saved.loops;
      if (!shell.option("errtrace") && saved.err !== undefined && !shell.traps.has("ERR"))
        shell.traps.set("ERR", saved.err);
    }
  }
}

/** A simple command that is no function: bash runs it in the forked shell as it is. */
function isPlainCommand(shell: Shell, command: PipelineNode): boolean {
  return command.type === "Command" && !shell.functions.has(command.name?.value ?? "");
}

/** Recursion without end: JavaScript's stack is used up. */
export function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError && /call stack/.test(error.message);
}

/** What bash does then: it dies of SIGSEGV. */
export function overflow(shell: Shell): number {
  shell.proc.onSignal(SIGSEGV, "default");
  shell.proc.kill(SIGSEGV);
  return 128 + SIGSEGV;
}

const SIGSEGV = 11;

/** Waits for a child's end, or undefined when it was stopped first. */
function* waitOrStop(child: Process): Task<ExitStatus | undefined> {
  while (!child.exitStatus) {
    if (child.stopped) return undefined;
    yield* child.exitedOrStopped();
  }
  return child.exitStatus;
}
