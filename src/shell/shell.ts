// One running shell: its process, variables, functions, options, jobs and traps, and how it says that something is
// wrong. A subshell is a copy of all that in a forked process. What commands do is elsewhere (run.ts, builtins/).

import type { Assignment, CompoundCommand, CompoundList, ParsedScript, Redirected, Statement, Word } from "unbash";
import { encodeUtf8 } from "../base/text.ts";
import type { Process } from "../posix/process.ts";
import type { Tty } from "../posix/tty.ts";
import { type Task, WaitQueue } from "../sim/task.ts";
import { ArithmeticError, evaluate } from "./arith.ts";
import { ExpansionError } from "./control.ts";
import { Jobs } from "./jobs.ts";
import type { Source } from "./parse.ts";
import { Variables } from "./variables.ts";

/** `set -o` names with their letters ("" where there is none), in bash's order. */
export const SET_OPTIONS: readonly (readonly [name: string, letter: string])[] = [
  ["allexport", "a"],
  ["braceexpand", "B"],
  ["emacs", ""],
  ["errexit", "e"],
  ["errtrace", "E"],
  ["functrace", "T"],
  ["hashall", "h"],
  ["histexpand", "H"],
  ["history", ""],
  ["ignoreeof", ""],
  ["interactive-comments", ""],
  ["keyword", "k"],
  ["monitor", "m"],
  ["noclobber", "C"],
  ["noexec", "n"],
  ["noglob", "f"],
  ["nolog", ""],
  ["notify", "b"],
  ["nounset", "u"],
  ["onecmd", "t"],
  ["physical", "P"],
  ["pipefail", ""],
  ["posix", ""],
  ["privileged", "p"],
  ["verbose", "v"],
  ["vi", ""],
  ["xtrace", "x"],
];

export interface ShellFunction {
  readonly name: string;
  readonly body: CompoundCommand | Redirected | CompoundList;
  readonly source: Source;
  readonly pos: number;
  readonly end: number;
}

/** One level of function calls and sourced files, for FUNCNAME, BASH_SOURCE, BASH_LINENO. */
export interface Frame {
  /** function name, or "source" */
  readonly name: string;
  readonly source: Source;
  /** where it was called */
  readonly line: number;
}

/** An argument of declare, export …: a word, or an assignment whose right side was expanded as one. */
export type Argument = string | AssignArgument;

export interface AssignArgument {
  readonly name: string;
  readonly index: string | undefined;
  readonly append: boolean;
  readonly value: string | readonly ArrayElement[];
}

export interface ArrayElement {
  /** `[key]=value`, or undefined for the next index */
  readonly key: string | undefined;
  readonly append: boolean;
  readonly value: string;
}

/** A word that brace expansion made into several, each parsed from a text of its own. */
export interface Braced {
  readonly words: readonly Word[];
  readonly source: Source;
}

/** What was worked out about nodes of syntax trees, kept so that a loop does not work it out again. */
export interface Memo {
  readonly braces: WeakMap<Word, Braced | null>;
  readonly elements: WeakMap<Word, { readonly assignment: Assignment | undefined }>;
}

/** What the interpreter does for those below it (expansion, builtins); run.ts implements it. */
export interface Engine {
  readonly memo: Memo;
  /** Runs statements one after another; the status of the last. */
  statements(shell: Shell, statements: readonly Statement[], tail?: boolean): Task<number>;
  /** Parses and runs text as `eval` and `source` do. */
  text(shell: Shell, source: Source, options?: { readonly prefix?: string; readonly tail?: boolean }): Task<number>;
  /** `$(…)`: the output without trailing newlines. */
  substitute(shell: Shell, script: ParsedScript, source: Source, backtick: boolean): Task<string>;
  /** `<(…)`: a path to read from or write to. */
  processSubstitution(shell: Shell, script: ParsedScript, source: Source, direction: "<" | ">"): Task<string>;
  /** Runs a command by its words: function, builtin or program. */
  command(shell: Shell, argv: readonly string[], how?: { readonly skipFunctions?: boolean }): Task<number>;
  isBuiltin(name: string, dash: boolean): boolean;
  /** Waits for the processes of a pipeline in the foreground; its status. */
  waitForeground(shell: Shell, processes: readonly Process[], texts: readonly string[]): Task<number>;
  /** Runs the EXIT trap, once; the status that the shell ends with. */
  exitTrap(shell: Shell, status: number): Task<number>;
}

export class Shell {
  readonly proc: Process;
  readonly engine: Engine;
  vars: Variables = new Variables();
  functions: Map<string, ShellFunction> = new Map();
  /** long names of `set -o` that are on */
  options: Set<string> = new Set(["braceexpand", "hashall", "interactive-comments"]);
  shopts: Set<string> = new Set(["extquote", "force_fignore", "globskipdots", "patsub_replacement", "sourcepath"]);
  aliases: Map<string, string> = new Map();
  positional: string[] = [];
  /** $0 */
  argv0 = "bash";
  /** a POSIX shell as Debian's dash: its echo, its messages, no bash words */
  dash = false;
  interactive = false;
  /** it, or the shell that forked it, is interactive: its messages have no line numbers */
  atPrompt = false;
  /** its commands came with -c */
  fromCommand = false;
  /** a pipeline feeds its stdin: background commands keep it */
  pipedInput = false;
  /** depth of command substitutions, for set -x */
  substitutionDepth = 0;
  /** depth of subshells (BASH_SUBSHELL) */
  level = 0;
  /** $$ */
  mainPid: number;
  status = 0;
  pipeStatus: number[] = [0];
  /** pid of the last background process */
  lastPid: number | undefined;
  /** status of the last command substitution of the present command */
  substitutionStatus: number | undefined;
  source: Source;
  /** position of the running command in `source` */
  pos = 0;
  /** line given by a builtin's own text instead of `pos` */
  readonly frames: Frame[] = [];
  /** > 0 while `set -e` and the ERR trap are off (conditions) */
  guard = 0;
  loops = 0;
  jobs: Jobs = new Jobs();
  /** by name without SIG, "EXIT", "ERR"; "" ignores */
  traps: Map<string, string> = new Map();
  /** trapped signals that came and whose trap has not run */
  readonly pending: number[] = [];
  /** woken when a trapped signal comes */
  readonly signalled: WaitQueue = new WaitQueue();
  hashed: Map<string, { path: string; hits: number }> = new Map();
  directories: string[] = [];
  /** the terminal at which it has job control; undefined when it is not interactive */
  tty: Tty | undefined;
  /** lines that were typed, oldest first */
  history: string[] = [];
  /** it was said that there are stopped jobs: the next exit ends the shell */
  warnedOfJobs = false;
  /** processes that the shell waits for now: Ctrl-C goes to them */
  foreground: readonly Process[] = [];
  /** descriptors of process substitutions, closed after their command */
  substitutionFds: number[] = [];
  /** getopts: place inside a cluster of letters */
  getoptsPlace = 1;
  /** getopts: OPTIND as it left it */
  getoptsIndex = 1;
  /** files kept away from commands while redirections of the shell itself hold */
  #startedNs: number;
  #secondsBase = 0;
  #randomState: number;

  constructor(proc: Process, engine: Engine, source: Source) {
    this.proc = proc;
    this.engine = engine;
    this.source = source;
    this.mainPid = proc.pid;
    this.#startedNs = proc.sim.now;
    this.#randomState = proc.machine.rng.fork(`shell/${proc.hostPid}`).u32();
    const arithmetic = (text: string): number => Number(this.arithmetic(text));
    this.vars.arithmetic = arithmetic;
    const currentLine = (): number => this.line;
    proc.currentLine = currentLine;
  }

  /** A copy for a forked process. */
  fork(proc: Process): Shell {
    const child = new Shell(proc, this.engine, this.source);
    child.vars = this.vars.copy();
    const arithmetic = (text: string): number => Number(child.arithmetic(text));
    child.vars.arithmetic = arithmetic;
    child.functions = new Map(this.functions);
    child.options = new Set(this.options);
    child.options.delete("monitor");
    child.shopts = new Set(this.shopts);
    child.aliases = new Map(this.aliases);
    child.history = [...this.history];
    child.positional = [...this.positional];
    child.argv0 = this.argv0;
    child.dash = this.dash;
    child.atPrompt = this.atPrompt;
    child.fromCommand = this.fromCommand;
    child.pipedInput = this.pipedInput;
    child.level = this.level + 1;
    child.substitutionDepth = this.substitutionDepth;
    child.mainPid = this.mainPid;
    child.status = this.status;
    child.pipeStatus = [...this.pipeStatus];
    child.lastPid = this.lastPid;
    child.pos = this.pos;
    child.frames.push(...this.frames);
    child.guard = this.guard;
    child.loops = this.loops;
    child.hashed = new Map(this.hashed);
    child.directories = [...this.directories];
    child.getoptsPlace = this.getoptsPlace;
    child.getoptsIndex = this.getoptsIndex;
    child.#startedNs = this.#startedNs;
    child.#secondsBase = this.#secondsBase;
    // traps are the parent's, except signals that are ignored
    for (const [name, action] of this.traps) if (action === "") child.traps.set(name, "");
    if (this.option("errtrace") && this.traps.has("ERR")) child.traps.set("ERR", this.traps.get("ERR")!);
    child.installDynamics();
    return child;
  }

  option(name: string): boolean {
    return this.options.has(name);
  }

  setOption(name: string, on: boolean): void {
    if (on) this.options.add(name);
    else this.options.delete(name);
    if (name === "allexport") this.vars.exportAll = on;
  }

  /** `$-` */
  get flags(): string {
    let out = "";
    for (const letter of "abefhkmnptuvxBCEHPT") {
      const entry = SET_OPTIONS.find(([, l]) => l === letter);
      if (entry && this.options.has(entry[0])) out += letter;
    }
    if (this.interactive) out = out.replace(/(?=[BCEHPT]|$)/, "i");
    return out;
  }

  isBuiltin(name: string): boolean {
    return this.engine.isBuiltin(name, this.dash);
  }

  get line(): number {
    return this.source.lineAt(this.pos);
  }

  /** What begins an error message: "scenario.sh: line 12: ". */
  prefix(line: number = this.line): string {
    if (this.dash) return `${this.source.name}: ${line}: `;
    if (this.atPrompt) return `${this.source.name}: `;
    return `${this.source.name}: line ${line}: `;
  }

  /** Writes an error message with file and line (the present one unless given) to stderr. */
  *error(message: string, line: number = this.line): Task<void> {
    yield* this.proc.printError(`${this.prefix(line)}${message}\n`);
  }

  /** An error of a builtin: "scenario.sh: line 3: cd: /x: No such file or directory". Returns `status`. */
  *complain(name: string, message: string, status = 1): Task<number> {
    yield* this.error(`${name}: ${message}`);
    return status;
  }

  /** Arithmetic of already expanded text. Throws ExpansionError. */
  arithmetic(text: string): bigint {
    try {
      return evaluate(text, {
        get: (name) => this.#arithmeticValue(name, this.vars.get(name)),
        getElement: (name, key) => this.vars.getElement(name, key),
        set: (name, value) => {
          this.vars.set(name, value);
        },
        setElement: (name, key, value) => {
          this.vars.setElement(name, key, value);
        },
      });
    } catch (error) {
      if (error instanceof ArithmeticError) {
        if (!this.dash) throw new ExpansionError(error.message);
        const what = /division by 0/.test(error.message) ? "division by zero" : "expecting primary";
        throw new ExpansionError(`arithmetic expression: ${what}: "${text}"`, "fatal", 2);
      }
      if (error instanceof RangeError) throw new ExpansionError(`${text}: expression recursion level exceeded`);
      throw error;
    }
  }

  #arithmeticValue(name: string, value: string | undefined): string | undefined {
    if (value === undefined && this.option("nounset"))
      throw new ExpansionError(`${name}: unbound variable`, "fatal", this.dash ? 2 : 1);
    return value;
  }

  /** Field separators; blank, tab and newline when IFS is unset. */
  get ifs(): string {
    return this.vars.get("IFS") ?? " \t\n";
  }

  /** Makes the variables that are computed when read. */
  installDynamics(): void {
    const { dynamics } = this.vars;
    const value = (name: string, get: () => string, set?: (value: string) => void): void => {
      dynamics.set(name, set ? { get, set } : { get });
    };
    value("LINENO", () => String(this.line));
    if (this.dash) return;
    value(
      "RANDOM",
      () => String(this.#random()),
      (seed) => {
        this.#randomState = Number(BigInt.asUintN(32, this.arithmetic(seed)));
      },
    );
    value(
      "SECONDS",
      () => String(Math.floor((this.proc.sim.now - this.#startedNs) / 1e9) + this.#secondsBase),
      (text) => {
        this.#startedNs = this.proc.sim.now;
        this.#secondsBase = Number.parseInt(text, 10) || 0;
      },
    );
    value("EPOCHSECONDS", () => String(this.proc.machine.wallSeconds()));
    value("EPOCHREALTIME", () => {
      const us = this.proc.machine.wallClockNs() / 1000n;
      return `${us / 1_000_000n}.${String(us % 1_000_000n).padStart(6, "0")}`;
    });
    value("SRANDOM", () => String(this.proc.machine.rng.u32()));
    value("BASHPID", () => String(this.proc.pid));
    value("BASH_SUBSHELL", () => String(this.level));
    value("BASH_COMMAND", () => this.source.lineText(this.pos).trim());
  }

  // bash's generator: Park and Miller's minimal standard, upper and lower half folded together, 15 bits
  #random(): number {
    let state = this.#randomState === 0 ? 123459876 : this.#randomState;
    const high = Math.floor(state / 127773);
    const low = state - 127773 * high;
    state = 16807 * low - 2836 * high;
    if (state < 0) state += 0x7fffffff;
    this.#randomState = state;
    return ((state >>> 16) ^ (state & 65535)) & 32767;
  }

  /** Writes text to a descriptor of the shell's process; false when it is closed. */
  *write(fd: number, text: string): Task<boolean> {
    const file = this.proc.fds.get(fd);
    if (!file) return false;
    yield* file.write(encodeUtf8(text));
    return true;
  }
}
