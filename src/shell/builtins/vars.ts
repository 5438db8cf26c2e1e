// Builtins on variables: declare and its like, export, readonly, unset.

import type { Task } from "../../sim/task.ts";
import { assign } from "../assign.ts";
import { ExpansionError } from "../control.ts";
import { declaration } from "../parameter.ts";
import { printFunction } from "../print.ts";
import { doubleQuote, singleQuote, traceQuote } from "../quote.ts";
import type { Argument, AssignArgument, Shell } from "../shell.ts";
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
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?:\[([^\]]*)\])?(\+?)=([\s\S]*)$/.exec(text);
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
export function plainShow(variable: Variable): string {
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
    const element = /^([A-Za-z_][A-Za-z0-9_]*)\[([\s\S]*)\]$/.exec(name);
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

export const variableBuiltins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ["declare", { run: declare, bashOnly: true }],
  ["typeset", { run: declare, bashOnly: true }],
  ["local", { run: declare }],
  ["export", { run: exportBuiltin }],
  ["readonly", { run: readonlyBuiltin }],
  ["unset", { run: unset }],
]);
