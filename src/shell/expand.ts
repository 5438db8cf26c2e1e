// Words become arguments: tilde, parameters, command substitution, arithmetic, splitting, pathnames, quote removal
// (POSIX XCU 2.6), with bash's brace expansion and process substitution. Parameter expansions are in parameter.ts.

import type { DoubleQuotedChild, Word, WordPart } from "unbash";
import { latin1 } from "../base/bytes.ts";
import type { Task } from "../sim/task.ts";
import { expandBraces } from "./brace.ts";
import { ExpansionError } from "./control.ts";
import { type Field, FieldBuilder } from "./fields.ts";
import { glob } from "./glob.ts";
import { type Expander, expandParameter, simpleParameter } from "./parameter.ts";
import { parseHereText, parseWord, Source } from "./parse.ts";
import type { Braced, Shell } from "./shell.ts";

/** Where the text of a word goes, and in which context it stands. */
export interface Target {
  readonly builder: FieldBuilder;
  /** inside double quotes */
  readonly quoted: boolean;
  /** tilde after `=` and `:` too (the right side of an assignment) */
  readonly assignment?: boolean;
  /** the word of ${x:-word}: its unquoted text is split as the expansion's result */
  readonly operand?: boolean;
}

/** Expands command words to arguments. Throws ExpansionError. */
export function* expandWords(shell: Shell, words: readonly Word[]): Task<string[]> {
  const out: string[] = [];
  for (const word of words) yield* expandInto(shell, word, out);
  return out;
}

/** Expands one command word to any number of arguments. */
export function* expandInto(shell: Shell, word: Word, out: string[]): Task<void> {
  if (word.parts === undefined && isPlain(word.text)) {
    out.push(word.text);
    return;
  }
  const braced = shell.dash || !shell.option("braceexpand") ? null : bracesOf(shell, word);
  if (braced) {
    const saved = shell.source;
    const { pos } = shell;
    shell.source = braced.source;
    shell.pos = 0;
    try {
      for (const each of braced.words) yield* expandFields(shell, each, out);
    } finally {
      shell.source = saved;
      shell.pos = pos;
    }
    return;
  }
  yield* expandFields(shell, word, out);
}

function isPlain(text: string): boolean {
  return !/[\\~*?[(]/.test(text);
}

function bracesOf(shell: Shell, word: Word): Braced | null {
  if (!word.parts?.some((part) => part.type === "BraceExpansion")) return null;
  const { braces } = shell.engine.memo;
  const known = braces.get(word);
  if (known !== undefined) return known;
  const texts = expandBraces(word.text);
  let result: Braced | null = null;
  if (texts.length !== 1 || texts[0] !== word.text) {
    // every word is parsed from a text of its own; they share one source so that positions stay meaningful
    const words = texts.flatMap((text) => (text === "" ? [] : [parseWord(text)])).filter((w) => w !== undefined);
    result = { words, source: new Source(`: ${word.text}\n`, shell.source.name, shell.source.lineAt(word.pos)) };
  }
  braces.set(word, result);
  return result;
}

function* expandFields(shell: Shell, word: Word, out: string[]): Task<void> {
  const builder = new FieldBuilder(true, shell.ifs);
  yield* expandParts(shell, word, { builder, quoted: false });
  for (const field of builder.finish()) pathnames(shell, field, out);
}

function pathnames(shell: Shell, field: Field, out: string[]): void {
  if (!field.active || shell.option("noglob")) {
    out.push(field.text);
    return;
  }
  const found = glob(shell.proc, field.pattern, {
    dots: shell.shopts.has("dotglob"),
    ignoreCase: shell.shopts.has("nocaseglob"),
  });
  if (found.length > 0) out.push(...found);
  else if (shell.shopts.has("failglob")) throw new ExpansionError(`no match: ${field.text}`);
  else if (!shell.shopts.has("nullglob")) out.push(field.text);
}

/** Expands a word to one string, unsplit: assignments, here-strings, `case` words, `[[ ]]` operands. */
export function* expandString(shell: Shell, word: Word, assignment = false): Task<string> {
  if (word.parts === undefined && isPlain(word.text)) return word.text;
  const builder = new FieldBuilder(false, shell.ifs);
  yield* expandParts(shell, word, { builder, quoted: false, assignment });
  return joined(builder, (field) => field.text);
}

/** Expands a word to a pattern in which quoted characters are escaped. */
export function* expandPattern(shell: Shell, word: Word): Task<string> {
  const builder = new FieldBuilder(false, shell.ifs);
  yield* expandParts(shell, word, { builder, quoted: false });
  return joined(builder, (field) => field.pattern);
}

/** Expands a redirection's target: as an argument, but it must stay one word. */
export function* expandTarget(shell: Shell, word: Word): Task<string> {
  const out: string[] = [];
  yield* expandInto(shell, word, out);
  if (out.length !== 1) throw new ExpansionError(`${word.text}: ambiguous redirect`);
  return out[0]!;
}

function joined(builder: FieldBuilder, pick: (field: Field) => string): string {
  return builder.finish().map(pick).join(" ");
}

/** Adds what a word's parts stand for to a builder. */
export function* expandParts(shell: Shell, word: Word, target: Target): Task<void> {
  const { parts } = word;
  if (!parts) {
    addLiteral(shell, word.text, target, true, true);
    return;
  }
  for (let i = 0; i < parts.length; i++) yield* expandPart(shell, parts[i]!, target, i === 0, i === parts.length - 1);
}

function* expandPart(shell: Shell, part: WordPart, target: Target, first: boolean, last: boolean): Task<void> {
  const { builder, quoted } = target;
  switch (part.type) {
    case "Literal":
      addLiteral(shell, part.text, target, first, last);
      return;
    case "Glob":
      if (part.kind !== "bracket") builder.add(part.text, quoted);
      else {
        builder.add("[", quoted);
        for (const inner of part.parts) yield* expandPart(shell, inner, target, false, false);
        builder.add("]", quoted);
      }
      return;
    case "ExtendedGlob":
      builder.add(`${part.operator}(`, quoted);
      if (!part.parts) addLiteral(shell, part.pattern, target, false, false);
      else for (const inner of part.parts) yield* expandPart(shell, inner, target, false, false);
      builder.add(")", quoted);
      return;
    case "BraceExpansion":
      // not expanded here: braces are ordinary, what is inside is not
      if (!part.parts) addLiteral(shell, part.text, target, false, false);
      else {
        builder.add("{", quoted);
        for (const inner of part.parts) yield* expandPart(shell, inner, target, false, false);
        builder.add("}", quoted);
      }
      return;
    case "SingleQuoted":
      // in "${x:-'y'}" and in here-documents the quotes are ordinary
      builder.add(quoted ? part.text : part.value, true);
      return;
    case "AnsiCQuoted":
      // dash knows no $'…'
      if (shell.dash) builder.add("$", quoted);
      builder.add(shell.dash ? part.text.slice(2, -1) : part.value, true);
      return;
    case "DoubleQuoted":
    case "LocaleString":
      yield* expandQuoted(shell, part.parts, builder);
      return;
    case "SimpleExpansion":
      simpleParameter(shell, part.text.slice(1), target);
      return;
    case "ParameterExpansion":
      yield* expandParameter(shell, part, target, EXPANDER);
      return;
    case "CommandExpansion": {
      if (!part.script) return;
      const text = yield* shell.engine.substitute(shell, part.script, shell.source, part.text.startsWith("`"));
      if (quoted) builder.add(text, true);
      else builder.addSplit(text);
      return;
    }
    case "ArithmeticExpansion": {
      const text = String(yield* arithmeticText(shell, arithmeticBody(part.text)));
      if (quoted) builder.add(text, true);
      else builder.addSplit(text);
      return;
    }
    case "ProcessSubstitution":
      if (part.script)
        builder.add(yield* shell.engine.processSubstitution(shell, part.script, shell.source, part.operator), true);
      return;
  }
}

/** "$((1+2))" and "$[1+2]" → "1+2" */
function arithmeticBody(text: string): string {
  return text.startsWith("$((") ? text.slice(3, -2) : text.slice(2, -1);
}

function* expandQuoted(shell: Shell, parts: readonly DoubleQuotedChild[], builder: FieldBuilder): Task<void> {
  const target: Target = { builder, quoted: true };
  let vanished = false;
  for (const part of parts) {
    if (part.type === "Literal") builder.add(part.value, true);
    else {
      const before = builder.isOpen || builder.fields.length > 0;
      yield* expandPart(shell, part, target, false, false);
      if (!before && !builder.isOpen && builder.fields.length === 0) vanished = true;
    }
  }
  // "" makes a field; "$@" without parameters does not
  if (!vanished) builder.touch();
}

/** Literal source text outside quotes: backslashes quote, a tilde may begin it. */
function addLiteral(shell: Shell, text: string, target: Target, first: boolean, last: boolean): void {
  const { builder, quoted } = target;
  if (quoted) {
    // the operand of "${x:-…}": a backslash quotes only what it would in double quotes
    builder.add(text.replace(/\\([$`"\\}])|\\\n/g, "$1"), true);
    return;
  }
  let rest = text;
  let assignment = target.assignment === true;
  if (first && rest.startsWith("~")) rest = tilde(shell, rest, builder, last, assignment);
  let plain = "";
  const flush = (): void => {
    if (plain !== "") {
      if (target.operand) builder.addSplit(plain);
      else builder.add(plain, false);
    }
    plain = "";
  };
  // an argument that looks like an assignment: tilde after its equals sign
  const looksLike = first && !shell.dash && !assignment ? /^[A-Za-z_][A-Za-z0-9_]*\+?=(?=~)/.exec(rest) : null;
  if (looksLike) {
    builder.add(looksLike[0], false);
    assignment = true;
    rest = tilde(shell, rest.slice(looksLike[0].length), builder, last, true);
  }
  for (let i = 0; i < rest.length; i++) {
    const c = rest[i]!;
    if (c === "\\") {
      const next = rest[++i];
      if (next === undefined) plain += "\\";
      else if (next !== "\n") {
        flush();
        builder.add(next, true);
      }
    } else if (assignment && c === ":" && rest[i + 1] === "~") {
      plain += c;
      flush();
      rest = tilde(shell, rest.slice(i + 1), builder, last, true);
      i = -1;
    } else plain += c;
  }
  flush();
}

/** Replaces a leading ~, ~+ or ~user; returns the text after it. */
function tilde(shell: Shell, text: string, builder: FieldBuilder, last: boolean, assignment: boolean): string {
  const match = /^~([A-Za-z0-9_.+-]*)/.exec(text)!;
  const after = text.slice(match[0].length);
  if (after === "" ? !last : !(after.startsWith("/") || (assignment && after.startsWith(":")))) {
    builder.add("~", true);
    return text.slice(1);
  }
  const name = match[1]!;
  let home: string | undefined;
  if (name === "") home = shell.vars.get("HOME") ?? "/root";
  else if (name === "+") home = shell.vars.get("PWD");
  else if (name === "-") home = shell.vars.get("OLDPWD");
  else home = homeOf(shell, name);
  if (home === undefined) {
    builder.add(match[0], true);
    return after;
  }
  builder.add(home, true);
  return after;
}

function homeOf(shell: Shell, user: string): string | undefined {
  try {
    const bytes = shell.proc.root.readFile(shell.proc, "/etc/passwd");
    for (const line of latin1(bytes).split("\n")) {
      const fields = line.split(":");
      if (fields[0] === user) return fields[5];
    }
  } catch {
    // no passwd file: only root is known
  }
  return user === "root" ? "/root" : undefined;
}

/** Evaluates the text of `$(( ))`, `(( ))`, a subscript: expansions first, then arithmetic. Throws ExpansionError. */
export function* arithmeticText(shell: Shell, text: string): Task<bigint> {
  return shell.arithmetic(yield* expandArithmetic(shell, text));
}

/** The expansions of arithmetic text done, quotes removed. */
export function* expandArithmetic(shell: Shell, text: string): Task<string> {
  if (!/[$`"\\]/.test(text)) return text;
  return yield* expandHere(shell, text, true);
}

/** Expands text as the body of a here-document; `bare` removes double quotes (arithmetic). */
export function* expandHere(shell: Shell, text: string, bare = false): Task<string> {
  const body = parseHereText(text);
  if (!body?.parts) return (bare ? text.replaceAll('"', "") : text).replace(/\\([$`\\])|\\\n/g, "$1");
  const saved = shell.source;
  const { pos } = shell;
  // positions in the body count from a line above the present one
  shell.source = new Source(`: <<END\n${text}\n`, saved.name, shell.line - 1);
  shell.pos = shell.source.text.indexOf("\n") + 1;
  const builder = new FieldBuilder(false, shell.ifs);
  try {
    for (const part of body.parts) {
      if (part.type === "Literal") builder.add(bare ? part.value.replaceAll('"', "") : part.value, true);
      else yield* expandPart(shell, part, { builder, quoted: true }, false, false);
    }
  } finally {
    shell.source = saved;
    shell.pos = pos;
  }
  const out = joined(builder, (field) => field.text);
  return out.endsWith("\n") ? out.slice(0, -1) : out;
}

/** Expands the parsed body of a here-document; `strip` removes tabs that begin lines (<<-). */
export function* expandHereBody(shell: Shell, parts: readonly WordPart[], strip: boolean): Task<string> {
  const builder = new FieldBuilder(false, shell.ifs);
  for (const [i, part] of parts.entries()) {
    if (part.type === "Literal") {
      const text = strip ? part.value.replace(i === 0 ? /(^|\n)\t+/g : /(\n)\t+/g, "$1") : part.value;
      builder.add(text, true);
    } else yield* expandPart(shell, part, { builder, quoted: true }, false, false);
  }
  return joined(builder, (field) => field.text);
}

/** What parameter expansion needs of this file. */
const EXPANDER: Expander = { expandString, expandPattern, expandParts, expandArithmetic };
