// Parameter expansion: $x, ${x}, arrays, and every operator of bash (defaults, lengths, slices, pattern removal and
// replacement, case, @-transformations, indirection). Answers to bash(1) "Parameter Expansion".

import type { ParameterExpansionPart, ParameterOperation, Word } from "unbash";
import type { Task } from "../sim/task.ts";
import { ExpansionError } from "./control.ts";
import type { FieldBuilder } from "./fields.ts";
import { patternRegExp, patternSource, unescapePattern } from "./pattern.ts";
import { doubleQuote, singleQuote } from "./quote.ts";
import type { Shell } from "./shell.ts";
import { NAME, splitSubscript, Variables } from "./variables.ts";

/** The word expansions that operands need; expand.ts gives them. */
export interface Expander {
  expandString(shell: Shell, word: Word): Task<string>;
  expandPattern(shell: Shell, word: Word): Task<string>;
  expandParts(shell: Shell, word: Word, target: Target): Task<void>;
  expandArithmetic(shell: Shell, text: string): Task<string>;
}

interface Target {
  readonly builder: FieldBuilder;
  readonly quoted: boolean;
  readonly operand?: boolean;
}

/** What a reference stands for before operators. */
interface Value {
  /** every element, for [@], [*], $@ and $* */
  list: string[] | undefined;
  /** joined by IFS when quoted */
  readonly star: boolean;
  /** undefined when unset */
  scalar: string | undefined;
}

/** `$name`, `$1`, `$?` … (the text after the dollar). */
export function simpleParameter(shell: Shell, name: string, target: Target): void {
  const value = specialValue(shell, name) ?? { list: undefined, star: false, scalar: shell.vars.get(name) };
  checkSet(shell, name, value);
  emit(shell, value, target);
}

/** `${…}`. Throws ExpansionError. */
export function* expandParameter(
  shell: Shell,
  part: ParameterExpansionPart,
  target: Target,
  expander: Expander,
): Task<void> {
  const { operation } = part;
  let name = part.parameter;
  let key: string | undefined;
  let whole: "@" | "*" | undefined;
  if (operation?.type === "Unknown" || name === "") throw badSubstitution(shell, part);
  if (part.index) {
    if (part.index.text === "@" || part.index.text === "*") whole = part.index.text;
    else key = yield* subscript(shell, name, part.index, expander);
  }
  if (part.prefix === "!") {
    if (operation?.type === "Names") {
      emit(shell, { list: shell.vars.names(name), star: operation.operator === "*", scalar: undefined }, target);
      return;
    }
    if (whole) {
      const keys = shell.vars.find(name)?.keys() ?? [];
      emit(shell, { list: keys, star: whole === "*", scalar: undefined }, target);
      return;
    }
    const reference = shell.vars.find(name, true);
    if (reference?.nameref && reference.value !== undefined && !operation) {
      emit(shell, { list: undefined, star: false, scalar: reference.value }, target);
      return;
    }
    const to = lookUpValue(shell, name, key, undefined).scalar;
    if (to === undefined || to === "") {
      if (operation?.type === "Default") {
        yield* applyDefault(
          shell,
          name,
          key,
          { list: undefined, star: false, scalar: undefined },
          operation,
          target,
          expander,
        );
        return;
      }
      if (to === undefined) throw new ExpansionError(`${name}: invalid indirect expansion`);
      throw new ExpansionError(`${to}: invalid variable name`);
    }
    const [base, index] = splitSubscript(to);
    if (!NAME.test(base) && !/^(\d+|[@*#?$!-])$/.test(base)) throw new ExpansionError(`${to}: invalid variable name`);
    name = base;
    key = undefined;
    if (index === "@" || index === "*") whole = index;
    else if (index !== undefined) key = index;
  }
  const value = lookUpValue(shell, name, key, whole);
  if (part.prefix === "#") {
    let length: number;
    if (value.list) length = value.list.length;
    else {
      checkSet(shell, key === undefined ? name : `${name}[${key}]`, value);
      length = [...(value.scalar ?? "")].length;
    }
    emit(shell, { list: undefined, star: false, scalar: String(length) }, target);
    return;
  }
  if (operation?.type === "Default") {
    yield* applyDefault(shell, name, key, value, operation, target, expander);
    return;
  }
  checkSet(shell, key === undefined ? name : `${name}[${key}]`, value);
  if (operation) yield* applyOperation(shell, part, name, key, whole, value, operation, expander);
  emit(shell, value, target);
}

function badSubstitution(shell: Shell, part: ParameterExpansionPart): ExpansionError {
  return new ExpansionError(shell.dash ? "Bad substitution" : `${part.text}: bad substitution`);
}

function* subscript(shell: Shell, name: string, index: Word, expander: Expander): Task<string> {
  if (shell.vars.find(name)?.table) return yield* expander.expandString(shell, index);
  return yield* expander.expandArithmetic(shell, index.text);
}

/** Values of `@ * # ? - $ ! 0 1 …`; undefined for a name. */
function specialValue(shell: Shell, name: string): Value | undefined {
  const scalar = (text: string | undefined): Value => ({ list: undefined, star: false, scalar: text });
  switch (name) {
    case "@":
    case "*":
      return { list: [...shell.positional], star: name === "*", scalar: undefined };
    case "#":
      return scalar(String(shell.positional.length));
    case "?":
      return scalar(String(shell.status));
    case "-":
      return scalar(shell.flags);
    case "$":
      return scalar(String(shell.mainPid));
    case "!":
      return scalar(shell.lastPid === undefined ? undefined : String(shell.lastPid));
    case "0":
      return scalar(shell.argv0);
    case "PIPESTATUS":
    case "FUNCNAME":
    case "BASH_SOURCE":
    case "BASH_LINENO":
    case "DIRSTACK":
    case "GROUPS":
      return shell.dash ? undefined : scalar(computedList(shell, name)?.[0]);
  }
  if (/^\d+$/.test(name)) return scalar(shell.positional[Number(name) - 1]);
  return undefined;
}

/** Arrays that the shell computes; undefined for other names. */
export function computedList(shell: Shell, name: string): string[] | undefined {
  const { frames } = shell;
  switch (name) {
    case "PIPESTATUS":
      return shell.pipeStatus.map(String);
    case "FUNCNAME":
      if (frames.length === 0) return [];
      return [...frames.map((frame) => frame.name).reverse(), "main"];
    case "BASH_SOURCE":
      return [
        ...frames.map((frame) => frame.source.name).reverse(),
        shell.frames.length > 0 ? mainName(shell) : shell.source.name,
      ];
    case "BASH_LINENO":
      return [...frames.map((frame) => String(frame.line)).reverse(), "0"];
    case "DIRSTACK":
      return [shell.proc.cwd, ...shell.directories];
    case "GROUPS":
      return ["0"];
  }
  return undefined;
}

function mainName(shell: Shell): string {
  return shell.argv0;
}

function lookUpValue(shell: Shell, name: string, key: string | undefined, whole: "@" | "*" | undefined): Value {
  if (whole) {
    const list = computedList(shell, name) ?? shell.vars.find(name)?.values();
    const single = shell.vars.get(name);
    return { list: list ?? (single === undefined ? [] : [single]), star: whole === "*", scalar: undefined };
  }
  if (key !== undefined) {
    const computed = computedList(shell, name);
    if (computed) {
      const index = Number(shell.arithmetic(key));
      return { list: undefined, star: false, scalar: computed.at(index) };
    }
    return { list: undefined, star: false, scalar: shell.vars.getElement(name, key) };
  }
  return specialValue(shell, name) ?? { list: undefined, star: false, scalar: shell.vars.get(name) };
}

function checkSet(shell: Shell, name: string, value: Value): void {
  if (value.list || value.scalar !== undefined || !shell.option("nounset")) return;
  const shown = /^(\d+|!)$/.test(name) && !shell.dash ? `$${name}` : name;
  throw new ExpansionError(
    shell.dash ? `${shown}: parameter not set` : `${shown}: unbound variable`,
    "fatal",
    shell.dash ? 2 : 1,
  );
}

/** Writes a value to the fields, quoted or split. */
function emit(shell: Shell, value: Value, target: Target): void {
  const { builder, quoted } = target;
  if (!value.list) {
    const text = value.scalar ?? "";
    if (quoted) builder.add(text, true);
    else builder.addSplit(text);
    return;
  }
  if (quoted && value.star) {
    builder.add(value.list.join(shell.ifs.slice(0, 1)), true);
    return;
  }
  const separator = shell.ifs.slice(0, 1);
  if (!quoted && !builder.splits) {
    builder.addSplit(value.list.join(value.star ? separator : " "));
    return;
  }
  if (value.star && separator.trim() !== "") {
    // joined by IFS, then split at it: elements that are empty count
    builder.addSplit(value.list.join(separator));
    return;
  }
  value.list.forEach((text, i) => {
    if (quoted) {
      if (i > 0) builder.forceBreak();
      builder.add(text, true);
    } else {
      if (i > 0) builder.break();
      builder.addSplit(text);
    }
  });
}

type Operation<T extends ParameterOperation["type"]> = Extract<ParameterOperation, { type: T }>;

function* applyDefault(
  shell: Shell,
  name: string,
  key: string | undefined,
  value: Value,
  operation: Operation<"Default">,
  target: Target,
  expander: Expander,
): Task<void> {
  const { operator } = operation;
  const colon = operator.length === 2;
  let present = value.list ? value.list.length > 0 : value.scalar !== undefined;
  if (colon && present) present = (value.list ? value.list.join(" ") : value.scalar) !== "";
  if (operator.endsWith("+")) {
    if (present) yield* expander.expandParts(shell, operation.operand, { ...target, operand: true });
    // "${@:+x}" without parameters is no word at all
    else if (target.quoted && (!value.list || value.star)) target.builder.touch();
    return;
  }
  if (present) {
    emit(shell, value, target);
    return;
  }
  if (operator.endsWith("-")) {
    yield* expander.expandParts(shell, operation.operand, { ...target, operand: true });
    return;
  }
  if (operator.endsWith("?")) {
    const text = yield* expander.expandString(shell, operation.operand);
    const message = text || (colon ? "parameter null or not set" : "parameter not set");
    throw new ExpansionError(`${name}: ${message}`, "fatal", shell.dash ? 2 : 1);
  }
  if (!NAME.test(name)) throw new ExpansionError(`$${name}: cannot assign in this way`);
  const text = yield* expander.expandString(shell, operation.operand);
  if (key === undefined) shell.vars.set(name, text);
  else shell.vars.setElement(name, key, text);
  emit(shell, { list: undefined, star: false, scalar: text }, target);
}

function* applyOperation(
  shell: Shell,
  part: ParameterExpansionPart,
  name: string,
  key: string | undefined,
  whole: "@" | "*" | undefined,
  value: Value,
  operation: ParameterOperation,
  expander: Expander,
): Task<void> {
  const each = (change: (text: string) => string): void => {
    if (value.list) value.list = value.list.map(change);
    else if (value.scalar !== undefined) value.scalar = change(value.scalar);
  };
  switch (operation.type) {
    case "Remove": {
      const pattern = yield* expander.expandPattern(shell, operation.operand);
      each((text) => removePattern(text, pattern, operation.operator));
      return;
    }
    case "Replace": {
      const pattern = yield* expander.expandPattern(shell, operation.pattern);
      const replacement = yield* expander.expandPattern(shell, operation.replacement);
      const ampersand = shell.shopts.has("patsub_replacement");
      each((text) => replacePattern(text, pattern, replacement, operation.operator, ampersand));
      return;
    }
    case "CaseModification": {
      const pattern = operation.operand ? yield* expander.expandPattern(shell, operation.operand) : "?";
      each((text) => changeCase(text, pattern === "" ? "?" : pattern, operation.operator));
      return;
    }
    case "Slice": {
      const offset = Number(shell.arithmetic(yield* expander.expandArithmetic(shell, operation.offset.text)));
      const length = operation.length
        ? Number(shell.arithmetic(yield* expander.expandArithmetic(shell, operation.length.text)))
        : undefined;
      slice(shell, part, name, value, offset, length);
      return;
    }
    case "Transform": {
      transform(shell, part, name, key, whole, value, operation.operand.text);
      return;
    }
    default:
      throw badSubstitution(shell, part);
  }
}

function removePattern(text: string, pattern: string, operator: "#" | "##" | "%" | "%%"): string {
  if (text === "" || pattern === "") return text;
  if (operator === "##") {
    const match = new RegExp(`^(?:${patternSource(pattern)})`, "u").exec(text);
    return match ? text.slice(match[0].length) : text;
  }
  const expression = patternRegExp(pattern);
  if (operator === "#") {
    for (let end = 0; end <= text.length; end++) if (expression.test(text.slice(0, end))) return text.slice(end);
  } else if (operator === "%") {
    for (let start = text.length; start >= 0; start--)
      if (expression.test(text.slice(start))) return text.slice(0, start);
  } else {
    for (let start = 0; start <= text.length; start++)
      if (expression.test(text.slice(start))) return text.slice(0, start);
  }
  return text;
}

function replacePattern(
  text: string,
  pattern: string,
  replacement: string,
  operator: "/" | "//" | "/#" | "/%",
  ampersand: boolean,
): string {
  if (pattern === "" && operator !== "/#" && operator !== "/%") return text;
  const source = patternSource(pattern);
  const anchored = operator === "/#" ? `^(?:${source})` : operator === "/%" ? `(?:${source})$` : source;
  const expression = new RegExp(anchored, operator === "//" ? "gu" : "u");
  const plain = unescapePattern(replacement);
  return text.replace(expression, (match) => {
    if (match === "" && operator === "//" && text !== "") return match;
    if (!ampersand || !replacement.includes("&")) return plain;
    return replacement.replace(/\\([\s\S])|&/g, (found, escaped: string | undefined) =>
      found === "&" ? match : escaped!,
    );
  });
}

function changeCase(text: string, pattern: string, operator: "^" | "^^" | "," | ",,"): string {
  const expression = patternRegExp(pattern);
  const upper = operator.startsWith("^");
  let first = true;
  let out = "";
  for (const c of text) {
    const change = (first || operator.length === 2) && expression.test(c);
    out += change ? (upper ? c.toUpperCase() : c.toLowerCase()) : c;
    first = false;
  }
  return out;
}

function slice(
  shell: Shell,
  part: ParameterExpansionPart,
  name: string,
  value: Value,
  offset: number,
  length: number | undefined,
): void {
  if (!value.list) {
    const chars = [...(value.scalar ?? "")];
    const start = offset < 0 ? chars.length + offset : offset;
    if (value.scalar === undefined || start < 0 || start > chars.length) {
      if (value.scalar !== undefined) value.scalar = "";
      return;
    }
    let end = length === undefined ? chars.length : length < 0 ? chars.length + length : start + length;
    if (end < start) {
      if (length! < 0) throw new ExpansionError(`${length}: substring expression < 0`);
      end = start;
    }
    value.scalar = chars.slice(start, end).join("");
    return;
  }
  if (length !== undefined && length < 0)
    throw new ExpansionError(
      `${part.operation && "length" in part.operation ? part.operation.length?.text.trim() : length}: substring expression < 0`,
    );
  if (name === "@" || name === "*") {
    const all = [shell.argv0, ...value.list];
    const start = offset < 0 ? all.length + offset : offset;
    value.list = start < 0 ? [] : all.slice(start, length === undefined ? undefined : start + length);
    return;
  }
  const variable = shell.vars.find(name);
  let start = offset;
  if (variable?.list) {
    if (start < 0) start += Variables.end(variable);
    const indices = variable.keys().map(Number);
    value.list = start < 0 ? [] : value.list.filter((_text, i) => indices[i]! >= start);
  } else {
    if (start < 0) start += value.list.length;
    value.list = start < 0 ? [] : value.list.slice(variable?.table && start > 0 ? start - 1 : start);
  }
  if (length !== undefined) value.list = value.list.slice(0, length);
}

function transform(
  shell: Shell,
  part: ParameterExpansionPart,
  name: string,
  key: string | undefined,
  whole: "@" | "*" | undefined,
  value: Value,
  operator: string,
): void {
  const each = (change: (text: string) => string): void => {
    if (value.list) value.list = value.list.map(change);
    else if (value.scalar !== undefined) value.scalar = change(value.scalar);
  };
  const variable = shell.vars.find(name);
  switch (operator) {
    case "Q":
      each(singleQuote);
      return;
    case "U":
      each((text) => text.toUpperCase());
      return;
    case "L":
      each((text) => text.toLowerCase());
      return;
    case "u":
      each((text) => changeCase(text, "?", "^"));
      return;
    case "E":
      each(ansiUnescape);
      return;
    case "P":
      each((text) => text);
      return;
    case "a":
      if (value.list) value.list = value.list.map(() => variable?.flags() ?? "");
      else value.scalar = variable?.flags() ?? "";
      return;
    case "A":
      if (whole && variable) {
        value.list = undefined;
        value.scalar = declaration(variable.name, variable.flags(), variable.keys(), variable.values());
      } else if (value.scalar !== undefined) {
        const flags = variable?.flags() ?? "";
        const shown = `${name}${key === undefined ? "" : `[${key}]`}=${singleQuote(value.scalar)}`;
        value.scalar = flags === "" ? shown : `declare -${flags} ${shown}`;
      }
      return;
    case "K":
    case "k": {
      if (!whole || !variable) {
        each(singleQuote);
        return;
      }
      const keys = variable.keys();
      const values = variable.values();
      value.list =
        operator === "k"
          ? keys.flatMap((k, i) => [k, values[i]!])
          : [keys.map((k, i) => `${quoteKey(k)} ${doubleQuote(values[i]!)}`).join(" ")];
      return;
    }
  }
  throw badSubstitution(shell, part);
}

function quoteKey(key: string): string {
  return /^[A-Za-z0-9_]+$/.test(key) ? key : doubleQuote(key);
}

/** A line of `declare -p`, without the newline. */
export function declaration(name: string, flags: string, keys: readonly string[], values: readonly string[]): string {
  const head = `declare -${flags === "" ? "-" : flags} ${name}`;
  if (!/[aA]/.test(flags)) return values.length === 0 ? head : `${head}=${doubleQuote(values[0]!)}`;
  const items = keys.map((key, i) => `[${flags.includes("A") ? quoteKey(key) : key}]=${doubleQuote(values[i]!)}`);
  return `${head}=(${items.join(" ")}${flags.includes("A") && items.length > 0 ? " " : ""})`;
}

/** The escapes of $'…' in a text (as ${x@E}). */
export function ansiUnescape(text: string): string {
  return text.replace(
    /\\(?:([abeEfnrtv\\'"?])|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})|c(.))/g,
    (_all, simple: string | undefined, hex, u4, u8, octal, control: string | undefined) => {
      if (simple !== undefined) {
        const at = "abeEfnrtv".indexOf(simple);
        return at < 0 ? simple : "\x07\b\x1b\x1b\f\n\r\t\v"[at]!;
      }
      const code = hex ?? u4 ?? u8;
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 255);
      return String.fromCharCode(control!.charCodeAt(0) & 31);
    },
  );
}
