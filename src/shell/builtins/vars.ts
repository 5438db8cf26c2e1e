// Builtins on variables and options: declare and its like, unset, set, shopt, shift, let, getopts.

import type { Task } from "../../sim/task.ts";
import { assign } from "../assign.ts";
import { ExpansionError, ShellExit } from "../control.ts";
import { declaration } from "../parameter.ts";
import { printFunction } from "../print.ts";
import { doubleQuote, singleQuote, traceQuote } from "../quote.ts";
import { type Argument, type AssignArgument, SET_OPTIONS, type Shell } from "../shell.ts";
import { NAME, type Variable } from "../variables.ts";
import { type Builtin, output, readOptions, usage } from "./builtin.ts";

const ATTRIBUTES = "aAilnrux";

interface Declaring {
  readonly on: ReadonlySet<string>;
  readonly off: ReadonlySet<string>;
  readonly global: boolean;
  readonly local: boolean;
}

function* declare(shell: Shell, argv: readonly string[], args: readonly Argument[]): Task<number> {
  const name = argv[0]!;
  if (name === "local" && shell.vars.depth === 0)
    return yield* shell.complain("local", shell.dash ? "not in a function" : "can only be used in a function");
  const words = [name, ...args.map((each) => (typeof each === "string" ? each : ""))];
  const { given, rest, problem } = readOptions(words, `${ATTRIBUTES}fFgpI`, true);
  if (problem !== undefined)
    return yield* usage(
      shell,
      name,
      problem,
      name === "local"
        ? "local [option] name[=value] ..."
        : `${name} [-aAfFgiIlnrtux] [name[=value] ...] or ${name} -p [-aAfFilnrtux] [name ...]`,
    );
  const operands = args.slice(args.length - rest.length);
  if (given.has("f") || given.has("F")) return yield* declareFunctions(shell, rest, given.has("F"));
  if (given.has("p")) return yield* showVariables(shell, name, rest, given);
  if (operands.length === 0) {
    if (name === "local") return yield* showVariables(shell, name, [], given);
    return yield* showVariables(shell, name, [], given);
  }
  const on = new Set([...ATTRIBUTES].filter((letter) => given.has(letter)));
  const off = new Set([...ATTRIBUTES].filter((letter) => given.has(`+${letter}`)));
  const how: Declaring = { on, off, global: given.has("g"), local: shell.vars.depth > 0 && !given.has("g") };
  return yield* eachOperand(shell, name, operands, (argument) => declareOne(shell, argument, how));
}

/** Applies `each` to operands, saying errors and going on. */
function* eachOperand(
  shell: Shell,
  name: string,
  operands: readonly Argument[],
  each: (argument: AssignArgument | string) => void,
): Task<number> {
  let status = 0;
  for (const operand of operands) {
    const argument = typeof operand === "string" ? fromText(operand) : operand;
    const target = typeof argument === "string" ? argument : argument.name;
    if (!NAME.test(target.replace(/\[.*\]$/, ""))) {
      const shown = typeof operand === "string" ? operand : target;
      status = yield* shell.complain(name, `\`${shown}': not a valid identifier`);
      continue;
    }
    try {
      each(argument);
    } catch (error) {
      if (!(error instanceof ExpansionError) || error.how === "fatal") throw error;
      status = yield* shell.complain(name, error.message);
    }
  }
  return status;
}

/** "a=1" that came as a plain word ("$x" that holds an assignment). */
function fromText(text: string): AssignArgument | string {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?:\[([^\]]*)\])?(\+?)=([^]*)$/.exec(text);
  if (!match) return text;
  return { name: match[1]!, index: match[2], append: match[3] === "+", value: match[4]! };
}

function declareOne(shell: Shell, argument: AssignArgument | string, how: Declaring): void {
  const name = typeof argument === "string" ? argument.replace(/\[.*\]$/, "") : argument.name;
  const { vars } = shell;
  let variable: Variable;
  if (how.local) variable = vars.local(name);
  else if (how.global) variable = vars.global(name);
  else variable = vars.declare(name);
  const change = how.on.size > 0 || typeof argument !== "string";
  if (variable.readonly && ((change && typeof argument !== "string") || how.off.has("r")))
    throw new ExpansionError(`${name}: readonly variable`);
  applyType(variable, how.on);
  if (how.off.has("n")) variable.nameref = false;
  if (how.off.has("i")) variable.integer = false;
  if (how.off.has("l")) variable.lower = false;
  if (how.off.has("u")) variable.upper = false;
  if (how.off.has("x")) variable.exported = false;
  if (how.on.has("i")) variable.integer = true;
  if (how.on.has("l")) {
    variable.lower = true;
    variable.upper = false;
  }
  if (how.on.has("u")) {
    variable.upper = true;
    variable.lower = false;
  }
  if (typeof argument !== "string") {
    if (how.on.has("n")) {
      if (typeof argument.value === "string") variable.value = argument.value;
    } else if (vars.find(name, true) === variable) assign(shell, argument);
    else {
      // a global behind a local: set it in place
      if (typeof argument.value === "string") variable.value = argument.value;
    }
  }
  if (how.on.has("n")) variable.nameref = true;
  if (how.on.has("x")) variable.exported = true;
  if (how.on.has("r")) variable.readonly = true;
}

function applyType(variable: Variable, on: ReadonlySet<string>): void {
  if (on.has("A")) {
    if (variable.list) throw new ExpansionError(`${variable.name}: cannot convert indexed to associative array`);
    if (!variable.table) {
      variable.table = new Map(variable.value === undefined ? [] : [["0", variable.value]]);
      variable.value = undefined;
    }
  } else if (on.has("a")) {
    if (variable.table) throw new ExpansionError(`${variable.name}: cannot convert associative to indexed array`);
    if (!variable.list) {
      variable.list = new Map(variable.value === undefined ? [] : [[0, variable.value]]);
      variable.value = undefined;
    }
  }
}

function show(variable: Variable): string {
  return `${declaration(variable.name, variable.flags(), variable.keys(), variable.values())}\n`;
}

function* showVariables(
  shell: Shell,
  name: string,
  names: readonly string[],
  given: ReadonlyMap<string, string>,
): Task<number> {
  if (names.length === 0) {
    let text = "";
    for (const variable of shell.vars.all()) {
      const flags = variable.flags();
      if ([...ATTRIBUTES].some((letter) => given.has(letter) && !flags.includes(letter))) continue;
      if (name === "local" && shell.vars.scopeOf(variable.name) === shell.vars.scopeOf("\0")) continue;
      if (given.has("p") || [...ATTRIBUTES].some((letter) => given.has(letter))) text += show(variable);
      else if (variable.isSet) text += plainShow(variable);
    }
    return yield* output(shell, name, text);
  }
  let status = 0;
  for (const each of names) {
    const variable = shell.vars.find(each, true);
    if (variable) yield* output(shell, name, show(variable));
    else if (shell.vars.dynamics.has(each))
      yield* output(shell, name, `declare -i ${each}=${doubleQuote(shell.vars.get(each)!)}\n`);
    else status = yield* shell.complain(name, `${each}: not found`);
  }
  return status;
}

/** As `set` without arguments shows it. */
function plainShow(variable: Variable): string {
  if (variable.list || variable.table) {
    const text = declaration(variable.name, variable.flags(), variable.keys(), variable.values());
    return `${text.slice(text.indexOf(variable.name))}\n`;
  }
  const value = variable.value!;
  return `${variable.name}=${value === "" ? "" : traceQuote(value)}\n`;
}

function* declareFunctions(shell: Shell, names: readonly string[], onlyNames: boolean): Task<number> {
  let status = 0;
  const wanted = names.length > 0 ? names : [...shell.functions.keys()].sort();
  for (const each of wanted) {
    const definition = shell.functions.get(each);
    if (!definition) status = 1;
    else if (!onlyNames) yield* output(shell, "declare", printFunction(definition));
    else yield* output(shell, "declare", names.length > 0 ? `${each}\n` : `declare -f ${each}\n`);
  }
  return status;
}

function* exportBuiltin(shell: Shell, argv: readonly string[], args: readonly Argument[]): Task<number> {
  const words = ["export", ...args.map((each) => (typeof each === "string" ? each : ""))];
  const { given, rest, problem } = readOptions(words, "np");
  if (problem !== undefined)
    return yield* usage(shell, "export", problem, "export [-fn] [name[=value] ...] or export -p");
  const operands = args.slice(args.length - rest.length);
  if (operands.length === 0) return yield* showAttribute(shell, argv[0]!, "x");
  return yield* eachOperand(shell, "export", operands, (argument) => {
    const name = typeof argument === "string" ? argument : argument.name;
    if (typeof argument !== "string") assign(shell, argument);
    const variable = shell.vars.find(name) ?? shell.vars.declare(name);
    variable.exported = !given.has("n");
  });
}

function* readonlyBuiltin(shell: Shell, argv: readonly string[], args: readonly Argument[]): Task<number> {
  const words = ["readonly", ...args.map((each) => (typeof each === "string" ? each : ""))];
  const { given, rest, problem } = readOptions(words, "aAp");
  if (problem !== undefined)
    return yield* usage(shell, "readonly", problem, "readonly [-aAf] [name[=value] ...] or readonly -p");
  const operands = args.slice(args.length - rest.length);
  if (operands.length === 0) return yield* showAttribute(shell, argv[0]!, "r");
  return yield* eachOperand(shell, "readonly", operands, (argument) => {
    const name = typeof argument === "string" ? argument : argument.name;
    const variable = shell.vars.find(name) ?? shell.vars.declare(name);
    if (variable.readonly && typeof argument !== "string") throw new ExpansionError(`${name}: readonly variable`);
    applyType(variable, new Set(given.keys()));
    if (typeof argument !== "string") assign(shell, argument);
    variable.readonly = true;
  });
}

function* showAttribute(shell: Shell, name: string, letter: string): Task<number> {
  let text = "";
  for (const variable of shell.vars.all()) {
    if (!variable.flags().includes(letter)) continue;
    if (shell.dash) text += `${name} ${variable.name}=${singleQuote(variable.value ?? "")}\n`;
    else text += show(variable);
  }
  return yield* output(shell, name, text);
}

function* unset(shell: Shell, argv: readonly string[]): Task<number> {
  const { given, rest, problem } = readOptions(argv, "fnv");
  if (problem !== undefined) return yield* usage(shell, "unset", problem, "unset [-f] [-v] [-n] [name ...]");
  let status = 0;
  for (const name of rest) {
    if (given.has("f")) {
      shell.functions.delete(name);
      continue;
    }
    const element = /^([A-Za-z_][A-Za-z0-9_]*)\[([^]*)\]$/.exec(name);
    const base = element ? element[1]! : name;
    if (!NAME.test(base)) {
      // without -v it may be a function's name
      if (given.has("v")) status = yield* shell.complain("unset", `\`${name}': not a valid identifier`);
      else shell.functions.delete(name);
      continue;
    }
    const variable = shell.vars.find(base, given.has("n"));
    if (variable?.readonly) {
      status = yield* shell.complain("unset", `${base}: cannot unset: readonly variable`);
      continue;
    }
    if (element && variable) unsetElement(shell, variable, element[2]!);
    else if (variable) shell.vars.unset(given.has("n") ? base : shell.vars.resolve(base));
    else if (shell.vars.dynamics.has(base)) shell.vars.dynamics.delete(base);
    else if (!given.has("v")) shell.functions.delete(name);
  }
  return status;
}

function unsetElement(shell: Shell, variable: Variable, key: string): void {
  if (key === "@" || key === "*") {
    variable.list?.clear();
    variable.table?.clear();
  } else if (variable.table) variable.table.delete(key.replace(/^(['"])(.*)\1$/, "$2"));
  else if (variable.list) {
    let index = Number(shell.arithmetic(key));
    if (index < 0) index += Math.max(-1, ...variable.list.keys()) + 1;
    variable.list.delete(index);
  }
}

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

export const variableBuiltins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ["declare", { run: declare, bashOnly: true }],
  ["typeset", { run: declare, bashOnly: true }],
  ["local", { run: declare }],
  ["export", { run: exportBuiltin }],
  ["readonly", { run: readonlyBuiltin }],
  ["unset", { run: unset }],
  ["set", { run: setBuiltin }],
  ["shopt", { run: shopt, bashOnly: true }],
  ["shift", { run: shift }],
  ["let", { run: letBuiltin, bashOnly: true }],
  ["getopts", { run: getopts }],
]);
