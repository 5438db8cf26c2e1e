// Builtins that steer: true, false, break, return, exit, eval, source, command, type, hash, alias, trap and the like.

import { Errno, NetError, strerror } from "../../base/errno.ts";
import { decodeUtf8 } from "../../base/text.ts";
import { SIGNALS } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { FunctionReturn, LoopJump, ShellExit } from "../control.ts";
import { DEFAULT_PATH, findProgram, isExecutable } from "../exec.ts";
import { stateText } from "../jobs.ts";
import { Source } from "../parse.ts";
import { printFunction } from "../print.ts";
import { singleQuote } from "../quote.ts";
import type { Argument, Shell } from "../shell.ts";
import { setTrap, trapName } from "../traps.ts";
import { type Builtin, output, readOptions, usage } from "./builtin.ts";

function* succeed(): Task<number> {
  return 0;
}

function* fail(): Task<number> {
  return 1;
}

function* jump(shell: Shell, argv: readonly string[]): Task<number> {
  const name = argv[0] as "break" | "continue";
  const text = argv[1] ?? "1";
  if (shell.loops === 0) {
    if (!shell.dash) yield* shell.error(`${name}: only meaningful in a \`for', \`while', or \`until' loop`);
    return 0;
  }
  if (!/^\+?\d+$/.test(text)) {
    yield* shell.error(`${name}: ${text}: numeric argument required`);
    throw new ShellExit(128);
  }
  const levels = Number(text);
  if (levels < 1) {
    yield* shell.error(`${name}: ${text}: loop count out of range`);
    throw new LoopJump("break", shell.loops);
  }
  throw new LoopJump(name, Math.min(levels, shell.loops));
}

function* returnBuiltin(shell: Shell, argv: readonly string[]): Task<number> {
  const text = argv[1];
  let status = shell.status;
  if (text !== undefined) {
    if (!/^[+-]?\d+$/.test(text)) {
      yield* shell.error(`return: ${text}: numeric argument required`);
      status = 2;
    } else status = Number(text) & 255;
  }
  if (shell.frames.length === 0 && !shell.dash)
    return yield* shell.complain("return", "can only `return' from a function or sourced script");
  if (shell.frames.length === 0) throw new ShellExit(status);
  throw new FunctionReturn(status);
}

/** Says once that there are stopped jobs; true when it did, and the shell stays. */
export function* stoppedJobs(shell: Shell): Task<boolean> {
  const stopped = shell.jobs.list.some((job) => stateText(job) === "Stopped");
  if (!stopped || shell.warnedOfJobs) return false;
  shell.warnedOfJobs = true;
  yield* shell.proc.printError(shell.dash ? "You have stopped jobs.\n" : "There are stopped jobs.\n");
  return true;
}

function* exitBuiltin(shell: Shell, argv: readonly string[]): Task<number> {
  const text = argv[1];
  if (shell.interactive && shell.level === 0) {
    if (!shell.dash) yield* shell.proc.printError("exit\n");
    if (yield* stoppedJobs(shell)) return 1;
  }
  if (text === undefined) throw new ShellExit(shell.status);
  if (!/^[+-]?\d+$/.test(text)) {
    yield* shell.error(shell.dash ? `exit: Illegal number: ${text}` : `exit: ${text}: numeric argument required`);
    throw new ShellExit(2);
  }
  if (argv.length > 2) return yield* shell.complain("exit", "too many arguments");
  throw new ShellExit(Number(text) & 255);
}

function* evalBuiltin(shell: Shell, argv: readonly string[]): Task<number> {
  const words = argv[1] === "--" ? argv.slice(2) : argv.slice(1);
  const text = words.join(" ");
  if (text.trim() === "") return 0;
  return yield* shell.engine.text(shell, new Source(text, shell.source.name, shell.line), { prefix: "eval: " });
}

function* sourceBuiltin(shell: Shell, argv: readonly string[]): Task<number> {
  const words = argv[1] === "--" ? argv.slice(2) : argv.slice(1);
  const [name, ...args] = words;
  if (name === undefined)
    return yield* usage(shell, argv[0]!, "filename argument required", `${argv[0]} filename [arguments]`);
  const path = sourcePath(shell, name);
  let text: string;
  try {
    text = decodeUtf8(shell.proc.root.readFile(shell.proc, path));
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    if (shell.dash) {
      yield* shell.error(`.: cannot open ${name}: ${error.errno === Errno.ENOENT ? "No such file" : error.message}`);
      throw new ShellExit(2);
    }
    if (error.errno === Errno.EISDIR) return yield* shell.complain(argv[0]!, `${name}: is a directory`);
    yield* shell.error(`${name}: ${strerror(error.errno)}`);
    return 1;
  }
  const saved = shell.positional;
  if (args.length > 0) shell.positional = args;
  const source = new Source(text, name);
  shell.frames.push({ name: "source", source, line: shell.line });
  try {
    return yield* shell.engine.text(shell, source, { prefix: "" });
  } catch (error) {
    if (error instanceof FunctionReturn) return error.status;
    throw error;
  } finally {
    shell.frames.pop();
    if (args.length > 0) shell.positional = saved;
  }
}

function sourcePath(shell: Shell, name: string): string {
  if (name.includes("/")) return name;
  for (const folder of (shell.vars.get("PATH") ?? DEFAULT_PATH).split(":")) {
    const candidate = `${folder === "" ? "." : folder}/${name}`;
    try {
      if (shell.proc.root.find(shell.proc, candidate)?.kind === "file") return candidate;
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
    }
  }
  return name;
}

const KEYWORDS: ReadonlySet<string> = new Set(
  "if then else elif fi case esac for select while until do done in function time { } ! [[ ]] coproc".split(" "),
);

/** What a name means: for type, command -v, which. */
type Meaning =
  | { readonly kind: "alias" | "keyword" | "function" | "builtin" }
  | { readonly kind: "file"; readonly path: string; readonly hashed: boolean };

function meanings(shell: Shell, name: string, all: boolean, onlyFiles: boolean, noFunctions: boolean): Meaning[] {
  const out: Meaning[] = [];
  if (!onlyFiles) {
    if (shell.aliases.has(name)) out.push({ kind: "alias" });
    if (KEYWORDS.has(name)) out.push({ kind: "keyword" });
    if (!noFunctions && shell.functions.has(name)) out.push({ kind: "function" });
    if (shell.isBuiltin(name)) out.push({ kind: "builtin" });
    if (out.length > 0 && !all) return out.slice(0, 1);
  }
  const path = shell.vars.get("PATH") ?? DEFAULT_PATH;
  if (name.includes("/")) {
    const node = shell.proc.root.find(shell.proc, name);
    if (node && isExecutable(node)) out.push({ kind: "file", path: name, hashed: false });
    return out;
  }
  const known = shell.hashed.get(name);
  if (known && !all) return [{ kind: "file", path: known.path, hashed: true }];
  for (const folder of all ? path.split(":") : [path]) {
    try {
      const found = findProgram(shell.proc, name, folder);
      if (!out.some((each) => each.kind === "file" && each.path === found))
        out.push({ kind: "file", path: found, hashed: false });
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
    }
  }
  return out;
}

function describe(shell: Shell, name: string, meaning: Meaning): string {
  switch (meaning.kind) {
    case "alias":
      return `${name} is aliased to \`${shell.aliases.get(name)}'\n`;
    case "keyword":
      return `${name} is a shell keyword\n`;
    case "function":
      return shell.dash
        ? `${name} is a shell function\n`
        : `${name} is a function\n${printFunction(shell.functions.get(name)!)}`;
    case "builtin":
      return `${name} is a shell builtin\n`;
    case "file":
      return meaning.hashed ? `${name} is hashed (${meaning.path})\n` : `${name} is ${meaning.path}\n`;
  }
}

function* type(shell: Shell, argv: readonly string[]): Task<number> {
  const { given, rest, problem } = readOptions(argv, shell.dash ? "" : "afptP");
  if (problem !== undefined) return yield* usage(shell, "type", problem, "type [-afptP] name [name ...]");
  let status = 0;
  for (const name of rest) {
    const found = meanings(shell, name, given.has("a"), given.has("P"), given.has("f"));
    if (found.length === 0) {
      status = shell.dash ? 127 : 1;
      if (shell.dash) yield* output(shell, "type", `${name}: not found\n`);
      else if (!given.has("t") && !given.has("p") && !given.has("P")) yield* shell.error(`type: ${name}: not found`);
      continue;
    }
    for (const meaning of found) {
      if (given.has("t")) yield* output(shell, "type", `${meaning.kind}\n`);
      else if (given.has("p") || given.has("P")) {
        if (meaning.kind === "file") yield* output(shell, "type", `${meaning.path}\n`);
      } else yield* output(shell, "type", describe(shell, name, meaning));
    }
  }
  return status;
}

function* command(shell: Shell, argv: readonly string[]): Task<number> {
  const { given, rest, problem } = readOptions(argv, "pvV");
  if (problem !== undefined) return yield* usage(shell, "command", problem, "command [-pVv] command [arg ...]");
  if (rest.length === 0) return 0;
  if (!given.has("v") && !given.has("V")) return yield* shell.engine.command(shell, rest, { skipFunctions: true });
  let status = 0;
  for (const name of rest) {
    const [meaning] = meanings(shell, name, false, false, false);
    if (!meaning) {
      status = shell.dash ? 127 : 1;
      if (given.has("V")) yield* shell.error(shell.dash ? `${name}: not found` : `command: ${name}: not found`);
    } else if (given.has("V")) yield* output(shell, "command", describe(shell, name, meaning));
    else if (meaning.kind === "alias") yield* output(shell, "command", `alias ${name}='${shell.aliases.get(name)}'\n`);
    else yield* output(shell, "command", `${meaning.kind === "file" ? meaning.path : name}\n`);
  }
  return status;
}

function* builtinBuiltin(shell: Shell, argv: readonly string[]): Task<number> {
  const words = argv.slice(1);
  if (words.length === 0) return 0;
  if (!shell.isBuiltin(words[0]!)) return yield* shell.complain("builtin", `${words[0]}: not a shell builtin`);
  return yield* shell.engine.command(shell, words, { skipFunctions: true });
}

function* hash(shell: Shell, argv: readonly string[]): Task<number> {
  const { given, rest, problem } = readOptions(argv, "rdlt");
  if (problem !== undefined) return yield* usage(shell, "hash", problem, "hash [-lr] [-p pathname] [-dt] [name ...]");
  if (given.has("r")) shell.hashed.clear();
  if (rest.length === 0) {
    if (given.has("r")) return 0;
    if (shell.hashed.size === 0) return yield* output(shell, "hash", shell.dash ? "" : "hash: hash table empty\n");
    let text = shell.dash ? "" : "hits\tcommand\n";
    for (const { path, hits } of shell.hashed.values())
      text += shell.dash ? `${path}\n` : `${String(hits).padStart(4)}\t${path}\n`;
    return yield* output(shell, "hash", text);
  }
  let status = 0;
  for (const name of rest) {
    if (given.has("d")) {
      if (!shell.hashed.delete(name)) status = yield* shell.complain("hash", `${name}: not found`);
      continue;
    }
    if (given.has("t")) {
      const known = shell.hashed.get(name);
      if (known) yield* output(shell, "hash", `${known.path}\n`);
      else status = yield* shell.complain("hash", `${name}: not found`);
      continue;
    }
    if (name.includes("/") || shell.isBuiltin(name) || shell.functions.has(name)) continue;
    try {
      const path = findProgram(shell.proc, name, shell.vars.get("PATH") ?? DEFAULT_PATH);
      shell.hashed.set(name, { path, hits: 0 });
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      status = yield* shell.complain("hash", `${name}: not found`);
    }
  }
  return status;
}

function* alias(shell: Shell, argv: readonly string[]): Task<number> {
  const words = argv.slice(1).filter((word) => word !== "-p");
  const line = (name: string): string => `alias ${name}=${singleQuote(shell.aliases.get(name)!)}\n`;
  if (words.length === 0) return yield* output(shell, "alias", [...shell.aliases.keys()].sort().map(line).join(""));
  let status = 0;
  for (const word of words) {
    const at = word.indexOf("=");
    if (at > 0) {
      if (shell.interactive) return yield* shell.complain("alias", "aliases are not supported at the prompt");
      // a script keeps them, and never expands them (expand_aliases is off)
      shell.aliases.set(word.slice(0, at), word.slice(at + 1));
    } else if (shell.aliases.has(word)) yield* output(shell, "alias", line(word));
    else status = yield* shell.complain("alias", `${word}: not found`);
  }
  return status;
}

function* unalias(shell: Shell, argv: readonly string[]): Task<number> {
  if (argv[1] === "-a") {
    shell.aliases.clear();
    return 0;
  }
  let status = 0;
  for (const name of argv.slice(1))
    if (!shell.aliases.delete(name)) status = yield* shell.complain("unalias", `${name}: not found`);
  return status;
}

/** `kill -l`, `trap -l`: five columns. */
export function signalTable(): string {
  let out = "";
  const entries: [number, string][] = SIGNALS.map((name, number): [number, string] => [number, `SIG${name}`]).slice(1);
  for (let i = 0; i <= 30; i++) {
    const name = i === 0 ? "SIGRTMIN" : i === 30 ? "SIGRTMAX" : i <= 15 ? `SIGRTMIN+${i}` : `SIGRTMAX-${30 - i}`;
    entries.push([34 + i, name]);
  }
  entries.forEach(([number, name], i) => {
    out += `${String(number).padStart(2)}) ${name}`;
    out += i % 5 === 4 ? "\n" : "\t";
  });
  return `${out}\n`;
}

function* trap(shell: Shell, argv: readonly string[]): Task<number> {
  const { given, rest, problem } = readOptions(argv[1] === "-" ? [argv[0]!, "--", ...argv.slice(1)] : argv, "lp");
  const synopsis = "trap [-lp] [[arg] signal_spec ...]";
  if (problem !== undefined) return yield* usage(shell, "trap", problem, synopsis);
  if (given.has("l")) return yield* output(shell, "trap", signalTable());
  const line = (name: string): string => {
    const shown = ["EXIT", "ERR", "DEBUG", "RETURN"].includes(name) || shell.dash ? name : `SIG${name}`;
    return `trap -- ${singleQuote(shell.traps.get(name)!)} ${shown}\n`;
  };
  if (rest.length === 0 || given.has("p")) {
    const order = [...SIGNALS, "ERR"];
    const wanted = rest.length > 0 ? rest.map((name) => trapName(name) ?? name) : order;
    return yield* output(
      shell,
      "trap",
      wanted
        .filter((name) => shell.traps.has(name))
        .map(line)
        .join(""),
    );
  }
  let [action, ...names] = rest as [string, ...string[]];
  // a single word that names a signal, or a number first, resets
  if (names.length === 0 || /^\d+$/.test(action)) {
    if (names.length === 0 && trapName(action) === undefined) {
      yield* shell.proc.printError(`trap: usage: ${synopsis}\n`);
      return 2;
    }
    names = [...rest];
    action = "-";
  }
  let status = 0;
  for (const text of names) {
    const name = trapName(text);
    if (name === undefined) {
      status = yield* shell.complain(
        "trap",
        shell.dash ? `${text}: bad trap` : `${text}: invalid signal specification`,
      );
    } else if (name === "DEBUG" || name === "RETURN") {
      status = yield* shell.complain("trap", `${name}: not supported`);
    } else setTrap(shell, name, action === "-" ? undefined : action);
  }
  return status;
}

function* caller(shell: Shell, argv: readonly string[]): Task<number> {
  const depth = Number(argv[1] ?? 0);
  const frame = shell.frames.at(-1 - depth);
  if (!frame) return argv[1] === undefined ? yield* output(shell, "caller", "0 NULL\n") : 1;
  const outer = shell.frames.at(-2 - depth);
  const file = outer?.source.name ?? shell.argv0;
  const text = argv[1] === undefined ? `${frame.line} ${file}` : `${frame.line} ${outer?.name ?? "main"} ${file}`;
  return yield* output(shell, "caller", `${text}\n`);
}

function* times(shell: Shell): Task<number> {
  return yield* output(shell, "times", "0m0.000s 0m0.000s\n0m0.000s 0m0.000s\n");
}

function* suspend(shell: Shell): Task<number> {
  return yield* shell.complain("suspend", "cannot suspend: no job control");
}

/** A builtin of bash that vethlab does not have. */
function* refuse(shell: Shell, argv: readonly string[], _args: readonly Argument[]): Task<number> {
  return yield* shell.complain(argv[0]!, "not supported");
}

export const flowBuiltins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  [":", { run: succeed }],
  ["true", { run: succeed }],
  ["false", { run: fail }],
  ["break", { run: jump }],
  ["continue", { run: jump }],
  ["return", { run: returnBuiltin }],
  ["exit", { run: exitBuiltin }],
  // its work is done where commands are run: redirections that stay, the shell's process given away
  ["exec", { run: succeed }],
  ["eval", { run: evalBuiltin }],
  [".", { run: sourceBuiltin }],
  ["source", { run: sourceBuiltin, bashOnly: true }],
  ["type", { run: type }],
  ["command", { run: command }],
  ["builtin", { run: builtinBuiltin, bashOnly: true }],
  ["hash", { run: hash }],
  ["alias", { run: alias }],
  ["unalias", { run: unalias }],
  ["trap", { run: trap }],
  ["caller", { run: caller, bashOnly: true }],
  ["times", { run: times }],
  ["suspend", { run: suspend, bashOnly: true }],
  ...["ulimit", "enable", "help", "fc", "bind", "complete", "compgen", "compopt", "logout"].map(
    (name): [string, Builtin] => [name, { run: refuse, bashOnly: name !== "ulimit" && name !== "fc" }],
  ),
]);
