// The programs `bash` and `sh`: their command line, and where the commands come from: -c, a script file, standard input,
// a terminal. `sh` is Debian's dash: the same interpreter with dash's echo, words and messages.

import { Errno, NetError, strerror } from "../base/errno.ts";
import { decodeUtf8 } from "../base/text.ts";
import { Interrupted, type Process, type Program } from "../posix/process.ts";
import type { Task } from "../sim/task.ts";
import { builtins } from "./builtins/index.ts";
import { readLine } from "./builtins/io.ts";
import { reapJobs } from "./builtins/jobs.ts";
import { changeOption } from "./builtins/options.ts";
import type { Completers } from "./editor/completion.ts";
import { DEFAULT_PATH } from "./exec.ts";
import { Session } from "./interactive.ts";
import { isIncomplete, Source } from "./parse.ts";
import type { OpenNetwork } from "./redirect.ts";
import { Interpreter } from "./run.ts";
import { SET_OPTIONS, type Shell } from "./shell.ts";
import { BASH_VERSION, newShell, runToEnd } from "./startup.ts";

export interface ShellServices {
  /** opens /dev/tcp/HOST/PORT; absent, these are ordinary paths */
  readonly openNetwork?: OpenNetwork;
  /** what Tab offers for the arguments of commands */
  readonly completers?: Completers;
}

/** The interpreter that the shells of a lab share (it holds no state). */
export function createInterpreter(services: ShellServices = {}): Interpreter {
  return new Interpreter({ builtins, ...services });
}

/** `bash`; called as sh it is dash. */
export function bashProgram(interpreter: Interpreter): Program {
  return (proc) => main(interpreter, proc, /^-?sh$/.test(proc.name));
}

/** `dash`, under whatever name. */
export function dashProgram(interpreter: Interpreter): Program {
  return (proc) => main(interpreter, proc, true);
}

interface CommandLine {
  command: string | undefined;
  script: string | undefined;
  args: string[];
  fromStdin: boolean;
  interactive: boolean;
  options: [name: string, on: boolean][];
  shopts: [name: string, on: boolean][];
  /** printed to stdout, and the end */
  show: string | undefined;
  /** printed to stderr, and status 2 */
  problem: string | undefined;
}

const IGNORED_LONG: ReadonlySet<string> = new Set(["--norc", "--noprofile", "--login", "--noediting"]);

function readCommandLine(argv: readonly string[], dash: boolean): CommandLine {
  const name = argv[0] ?? "bash";
  const line: CommandLine = {
    command: undefined,
    script: undefined,
    args: [],
    fromStdin: false,
    interactive: false,
    options: [],
    shopts: [],
    show: undefined,
    problem: undefined,
  };
  let wantCommand = false;
  let i = 1;
  for (; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === "--" || word === "-") {
      i++;
      break;
    }
    if (word.startsWith("--") && !dash) {
      if (word === "--version") {
        line.show = `GNU bash, version ${BASH_VERSION} (x86_64-pc-linux-gnu), as vethlab emulates it\n`;
        return line;
      }
      if (IGNORED_LONG.has(word)) continue;
      line.problem = `${name}: ${word}: invalid option\n`;
      return line;
    }
    if (!/^[-+]./.test(word)) break;
    const on = word[0] === "-";
    for (const letter of word.slice(1)) {
      if (letter === "c" && on) wantCommand = true;
      else if (letter === "s" && on) line.fromStdin = true;
      else if (letter === "i" && on) line.interactive = true;
      else if (letter === "l" && on) continue;
      else if (letter === "o") {
        const option = argv[++i];
        if (option !== undefined) line.options.push([option, on]);
      } else if (letter === "O" && !dash) {
        const option = argv[++i];
        if (option !== undefined) line.shopts.push([option, on]);
      } else {
        const entry = SET_OPTIONS.find(([, l]) => l === letter);
        if (!entry) {
          line.problem = dash
            ? `${name}: 0: Illegal option ${word[0]}${letter}\n`
            : `${name}: ${word}: invalid option\nUsage:\t${name} [GNU long option] [option] ...\n\t${name} [GNU long option] [option] script-file ...\n`;
          return line;
        }
        line.options.push([entry[0], on]);
      }
    }
  }
  const rest = argv.slice(i);
  if (wantCommand) {
    line.command = rest.shift();
    if (line.command === undefined)
      line.problem = dash ? `${name}: 0: -c requires an argument\n` : `${name}: -c: option requires an argument\n`;
  } else if (!line.fromStdin) line.script = rest.shift();
  line.args = rest;
  return line;
}

function* main(interpreter: Interpreter, proc: Process, dash: boolean): Task<number> {
  const line = readCommandLine(proc.argv, dash);
  const name = (proc.argv[0] ?? "bash").replace(/^-/, "");
  if (line.show !== undefined) {
    yield* proc.print(line.show);
    return 0;
  }
  if (line.problem !== undefined) {
    yield* proc.printError(line.problem);
    return 2;
  }
  const terminal = proc.fds.get(0)?.isTty === true && proc.fds.get(2)?.isTty === true;
  if (line.command === undefined && line.script === undefined && (line.interactive || terminal))
    return yield* interactive(interpreter, proc, name, line, dash);
  const argv0 = line.command !== undefined ? (line.args[0] ?? name) : (line.script ?? name);
  const shell = newShell(interpreter, proc, new Source("", argv0), dash);
  shell.argv0 = argv0;
  shell.positional = line.command !== undefined ? line.args.slice(1) : line.args;
  const problem = applyOptions(shell, line);
  if (problem !== undefined) {
    yield* proc.printError(`${name}: ${problem}\n`);
    return 2;
  }
  if (line.command !== undefined) {
    shell.fromCommand = true;
    const source = new Source(line.command, argv0);
    const prefix = dash ? "" : "-c: ";
    // bash gives its process to the last command, dash (0.5.12) waits for it
    return yield* runToEnd(interpreter, shell, interpreter.text(shell, source, { prefix, tail: !dash }));
  }
  if (line.script === undefined) return yield* runToEnd(interpreter, shell, runStdin(interpreter, shell));
  return yield* runFile(interpreter, shell, line.script, name);
}

function applyOptions(shell: Shell, line: CommandLine): string | undefined {
  for (const [name, on] of line.options) {
    const problem = changeOption(shell, name, on);
    if (problem !== undefined) return problem;
  }
  for (const [name, on] of line.shopts) {
    if (on) shell.shopts.add(name);
    else shell.shopts.delete(name);
  }
  return undefined;
}

function* runFile(interpreter: Interpreter, shell: Shell, script: string, name: string): Task<number> {
  const { proc } = shell;
  let text: string;
  try {
    text = decodeUtf8(readScript(shell, script));
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    const missing = error.errno === Errno.ENOENT;
    if (shell.dash) {
      yield* proc.printError(
        `${name}: 0: cannot open ${script}: ${missing ? "No such file" : strerror(error.errno)}\n`,
      );
      return 2;
    }
    yield* proc.printError(`${name}: ${script}: ${strerror(error.errno)}\n`);
    return missing ? 127 : 126;
  }
  return yield* runToEnd(interpreter, shell, interpreter.file(shell, new Source(text, script)));
}

function readScript(shell: Shell, script: string): Uint8Array {
  const { proc } = shell;
  if (script.includes("/") || proc.root.find(proc, script)) return proc.root.readFile(proc, script);
  for (const folder of (shell.vars.get("PATH") ?? DEFAULT_PATH).split(":")) {
    const path = `${folder}/${script}`;
    try {
      if (proc.root.find(proc, path)?.kind === "file") return proc.root.readFile(proc, path);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
    }
  }
  throw new NetError(Errno.ENOENT);
}

/** Commands from standard input, read no further than needed: what they leave belongs to the commands they run. */
function* runStdin(interpreter: Interpreter, shell: Shell): Task<number> {
  const stdin = shell.proc.fds.get(0);
  if (!stdin) return 0;
  let status = 0;
  let text = "";
  let lineNumber = 1;
  for (;;) {
    const line = yield* readLine(shell, stdin, {
      delimiter: 10,
      raw: true,
      limit: Number.POSITIVE_INFINITY,
      exact: false,
      deadline: Number.POSITIVE_INFINITY,
    });
    const end = line.end === "eof";
    text += decodeUtf8(line.bytes) + (end ? "" : "\n");
    if (!end && isIncomplete(text)) continue;
    if (text.trim() !== "") {
      const source = new Source(text, shell.argv0, lineNumber);
      status = yield* interpreter.text(shell, source);
    }
    lineNumber += text.split("\n").length - 1;
    text = "";
    yield* reapJobs(shell);
    if (end) return status;
  }
}

/** A shell at a terminal: prompts on stderr, lines from stdin. */
function* interactive(
  interpreter: Interpreter,
  proc: Process,
  name: string,
  line: CommandLine,
  dash: boolean,
): Task<number> {
  const session = new Session(interpreter, proc, name, dash);
  const { shell } = session;
  shell.positional = line.args;
  const problem = applyOptions(shell, line);
  if (problem !== undefined) {
    yield* proc.printError(`${name}: ${problem}\n`);
    return 2;
  }
  for (;;) {
    try {
      const typed = yield* session.read();
      if (typed === undefined) {
        yield* proc.printError(/bash$/.test(name) ? "exit\n" : "\n");
        const status = yield* session.end();
        if (status !== undefined) return status;
      } else if ((yield* session.feed(typed)) === "exit") return shell.status;
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      yield* proc.printError("\n");
      shell.status = 128 + error.signal;
    }
  }
}
