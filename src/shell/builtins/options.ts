// Builtins on the shell itself: set, shopt, shift, let, getopts.

import type { Task } from "../../sim/task.ts";
import { ExpansionError, ShellExit } from "../control.ts";
import { printFunction } from "../print.ts";
import { SET_OPTIONS, type Shell } from "../shell.ts";
import { type Builtin, output, readOptions, usage } from "./builtin.ts";
import { plainShow } from "./vars.ts";

function* setBuiltin(shell: Shell, argv: readonly string[]): Task<number> {
  if (argv.length === 1) {
    let text = "";
    for (const variable of shell.vars.all()) if (variable.isSet) text += plainShow(variable);
    if (!shell.dash)
      for (const name of [...shell.functions.keys()].sort()) text += printFunction(shell.functions.get(name)!);
    return yield* output(shell, "set", text);
  }
  let i = 1;
  for (; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === "--") {
      shell.positional = argv.slice(i + 1);
      return 0;
    }
    if (word === "-") {
      shell.setOption("xtrace", false);
      shell.setOption("verbose", false);
      i++;
      if (i < argv.length) shell.positional = argv.slice(i);
      return 0;
    }
    if (!/^[-+]./.test(word)) break;
    const on = word[0] === "-";
    for (const letter of word.slice(1)) {
      if (letter === "o") {
        const name = argv[i + 1];
        if (name === undefined) return yield* output(shell, "set", showOptions(shell, on));
        i++;
        const problem = changeOption(shell, name, on);
        if (problem !== undefined) {
          const status = yield* shell.complain("set", problem, shell.dash ? 2 : 1);
          if (shell.dash) throw new ShellExit(2);
          return status;
        }
        continue;
      }
      const entry = SET_OPTIONS.find(([, l]) => l === letter);
      const problem = entry ? changeOption(shell, entry[0], on) : undefined;
      if (!entry || problem !== undefined)
        return yield* usage(
          shell,
          "set",
          problem ?? `${word[0]}${letter}: invalid option`,
          "set [-abefhkmnptuvxBCEHPT] [-o option-name] [--] [-] [arg ...]",
        );
    }
  }
  if (i < argv.length) shell.positional = argv.slice(i);
  return 0;
}

/** Options that mean something here. The others are refused by name when switched on. */
const SUPPORTED: ReadonlySet<string> = new Set([
  "allexport",
  "braceexpand",
  "errexit",
  "errtrace",
  "hashall",
  "interactive-comments",
  "monitor",
  "noclobber",
  "noexec",
  "noglob",
  "nounset",
  "pipefail",
  "verbose",
  "xtrace",
]);
/** Switching these on changes nothing that a script could see. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  "emacs",
  "vi",
  "history",
  "histexpand",
  "ignoreeof",
  "nolog",
  "notify",
]);

/** Options of bash that dash does not know. */
const DASH_UNKNOWN: ReadonlySet<string> = new Set([
  "braceexpand",
  "errtrace",
  "functrace",
  "hashall",
  "pipefail",
  "posix",
]);

/** Switches an option of `set -o`; a message when it is unknown or not supported. */
export function changeOption(shell: Shell, name: string, on: boolean): string | undefined {
  if (shell.dash && DASH_UNKNOWN.has(name)) return `Illegal option -o ${name}`;
  if (!SET_OPTIONS.some(([known]) => known === name)) return `${name}: invalid option name`;
  if (on && !SUPPORTED.has(name) && !WITHOUT_EFFECT.has(name)) return `${name}: option is not supported`;
  shell.setOption(name, on);
  return undefined;
}

function showOptions(shell: Shell, table: boolean): string {
  return SET_OPTIONS.map(([name]) => {
    const on = shell.option(name);
    return table ? `${name.padEnd(15)}\t${on ? "on" : "off"}\n` : `set ${on ? "-" : "+"}o ${name}\n`;
  }).join("");
}

/** shopt names that work here (true), or that concern prompts, history and completion only (false). */
const SHOPTS: ReadonlyMap<string, boolean> = new Map<string, boolean>([
  ["dotglob", true],
  ["extglob", true],
  ["extquote", true],
  ["failglob", true],
  ["force_fignore", false],
  ["globasciiranges", true],
  ["globskipdots", true],
  ["inherit_errexit", true],
  ["lastpipe", true],
  ["nocaseglob", true],
  ["nocasematch", true],
  ["nullglob", true],
  ["patsub_replacement", true],
  ["sourcepath", true],
  ["xpg_echo", true],
  ["checkhash", false],
  ["checkjobs", false],
  ["checkwinsize", false],
  ["cmdhist", false],
  ["complete_fullquote", false],
  ["histappend", false],
  ["histreedit", false],
  ["histverify", false],
  ["hostcomplete", false],
  ["huponexit", false],
  ["lithist", false],
  ["mailwarn", false],
  ["no_empty_cmd_completion", false],
  ["progcomp", false],
  ["promptvars", false],
]);

function* shopt(shell: Shell, argv: readonly string[]): Task<number> {
  const { given, rest, problem } = readOptions(argv, "opqsu");
  if (problem !== undefined) return yield* usage(shell, "shopt", problem, "shopt [-pqsu] [-o] [optname ...]");
  const isSet = (name: string): boolean => (given.has("o") ? shell.option(name) : shell.shopts.has(name));
  const line = (name: string): string =>
    given.has("p")
      ? given.has("o")
        ? `set ${isSet(name) ? "-" : "+"}o ${name}\n`
        : `shopt ${isSet(name) ? "-s" : "-u"} ${name}\n`
      : `${name.padEnd(15)}\t${isSet(name) ? "on" : "off"}\n`;
  const all = given.has("o") ? SET_OPTIONS.map(([name]) => name) : [...SHOPTS.keys()].sort();
  if (rest.length === 0) {
    const shown = all.filter((name) => (given.has("s") ? isSet(name) : given.has("u") ? !isSet(name) : true));
    return yield* output(shell, "shopt", shown.map(line).join(""));
  }
  let status = 0;
  for (const name of rest) {
    if (!all.includes(name)) {
      status = yield* shell.complain(
        "shopt",
        KNOWN_SHOPTS.has(name) ? `${name}: option is not supported` : `${name}: invalid shell option name`,
      );
      continue;
    }
    if (given.has("s") || given.has("u")) {
      if (given.has("o")) changeOption(shell, name, given.has("s"));
      else if (given.has("s")) shell.shopts.add(name);
      else shell.shopts.delete(name);
      continue;
    }
    if (!isSet(name)) status = 1;
    if (!given.has("q")) yield* output(shell, "shopt", line(name));
  }
  return status;
}

/** Names of bash 5.2 that are not in SHOPTS. */
const KNOWN_SHOPTS: ReadonlySet<string> = new Set(
  "assoc_expand_once autocd cdable_vars cdspell compat31 compat32 compat40 compat41 compat42 compat43 compat44 direxpand dirspell execfail expand_aliases extdebug globstar gnu_errfmt interactive_comments localvar_inherit localvar_unset login_shell noexpand_translation progcomp_alias restricted_shell shift_verbose syslog_history varredir_close".split(
    " ",
  ),
);

function* shift(shell: Shell, argv: readonly string[]): Task<number> {
  const text = argv[1] ?? "1";
  if (argv.length > 2) return yield* shell.complain("shift", "too many arguments");
  if (!/^[+-]?\d+$/.test(text)) return yield* shell.complain("shift", `${text}: numeric argument required`);
  const count = Number(text);
  if (count < 0) return yield* shell.complain("shift", `${text}: shift count out of range`);
  if (count > shell.positional.length) {
    if (!shell.dash) return 1;
    yield* shell.complain("shift", "can't shift that many");
    throw new ShellExit(2);
  }
  shell.positional = shell.positional.slice(count);
  return 0;
}

function* letBuiltin(shell: Shell, argv: readonly string[]): Task<number> {
  if (argv.length === 1) return yield* shell.complain("let", "expression expected");
  let value = 0n;
  for (const text of argv.slice(1)) {
    try {
      value = shell.arithmetic(text);
    } catch (error) {
      if (!(error instanceof ExpansionError) || error.how === "fatal") throw error;
      return yield* shell.complain("let", error.message);
    }
  }
  return value === 0n ? 1 : 0;
}

function* getopts(shell: Shell, argv: readonly string[]): Task<number> {
  const [, letters, name, ...own] = argv;
  if (letters === undefined || name === undefined) {
    yield* shell.proc.printError("getopts: usage: getopts optstring name [arg ...]\n");
    return 2;
  }
  const words = argv.length > 3 ? own : shell.positional;
  const silent = letters.startsWith(":");
  let index = Number.parseInt(shell.vars.get("OPTIND") ?? "1", 10) || 1;
  if (index !== shell.getoptsIndex) shell.getoptsPlace = 1;
  const finish = (value: string, argument: string | undefined): void => {
    shell.vars.set(name, value);
    if (argument === undefined) shell.vars.unset("OPTARG");
    else shell.vars.set("OPTARG", argument);
    shell.vars.set("OPTIND", String(index));
    shell.getoptsIndex = index;
  };
  const word = words[index - 1];
  if (word === undefined || !/^-./.test(word) || word === "--") {
    if (word === "--") index++;
    finish("?", undefined);
    return 1;
  }
  const letter = word[shell.getoptsPlace]!;
  shell.getoptsPlace++;
  const at = letter === ":" ? -1 : letters.indexOf(letter);
  const ended = shell.getoptsPlace >= word.length;
  const advance = (): void => {
    index++;
    shell.getoptsPlace = 1;
  };
  const noisy = !silent && shell.vars.get("OPTERR") !== "0";
  if (at < 0) {
    if (ended) advance();
    finish("?", silent ? letter : undefined);
    if (noisy) yield* shell.proc.printError(`${shell.argv0}: illegal option -- ${letter}\n`);
    return 0;
  }
  if (letters[at + 1] !== ":") {
    if (ended) advance();
    finish(letter, undefined);
    return 0;
  }
  let argument: string | undefined = ended ? undefined : word.slice(shell.getoptsPlace);
  advance();
  if (argument === undefined) {
    argument = words[index - 1];
    if (argument === undefined) {
      finish(silent ? ":" : "?", silent ? letter : undefined);
      if (noisy) yield* shell.proc.printError(`${shell.argv0}: option requires an argument -- ${letter}\n`);
      return 0;
    }
    index++;
  }
  finish(letter, argument);
  return 0;
}

export const optionBuiltins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ["set", { run: setBuiltin }],
  ["shopt", { run: shopt, bashOnly: true }],
  ["shift", { run: shift }],
  ["let", { run: letBuiltin, bashOnly: true }],
  ["getopts", { run: getopts }],
]);
