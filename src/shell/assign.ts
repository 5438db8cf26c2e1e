// Assignments: the right sides expanded, scalars and arrays set, and assignments that hold for one command only.

import { type Assignment, parse, type Word } from "unbash";
import type { Task } from "../sim/task.ts";
import { expandInto, expandString } from "./expand.ts";
import { traceQuote } from "./quote.ts";
import type { ArrayElement, AssignArgument, Shell } from "./shell.ts";
import { type Variable, Variables } from "./variables.ts";

/** Expands the right side of an assignment (and its subscript). Throws ExpansionError. */
export function* expandAssignment(shell: Shell, assignment: Assignment): Task<AssignArgument> {
  const { name, value } = assignment;
  const index = assignment.index ? yield* expandString(shell, assignment.index) : undefined;
  const append = assignment.append ?? false;
  if (value.type === "Word") return { name, index, append, value: yield* expandString(shell, value, true) };
  const elements: ArrayElement[] = [];
  for (const word of value.elements) {
    const keyed = keyedElement(shell, word);
    if (keyed?.index && keyed.value.type === "Word") {
      const key = yield* expandString(shell, keyed.index);
      elements.push({ key, append: keyed.append ?? false, value: yield* expandString(shell, keyed.value, true) });
      continue;
    }
    const words: string[] = [];
    yield* expandInto(shell, word, words);
    for (const each of words) elements.push({ key: undefined, append: false, value: each });
  }
  return { name, index, append, value: elements };
}

/** `[key]=value` in an array's list, read as an assignment. */
function keyedElement(shell: Shell, word: Word): Assignment | undefined {
  if (!word.text.startsWith("[")) return undefined;
  const { elements } = shell.engine.memo;
  let known = elements.get(word);
  if (!known) {
    const command = parse(`a${word.text}\n`).commands[0]?.command;
    const first = command?.type === "Command" ? command.prefix[0] : undefined;
    known = { assignment: first?.type === "Assignment" ? first : undefined };
    elements.set(word, known);
  }
  return known.assignment;
}

/** Sets what an expanded assignment says. Throws ExpansionError (readonly, bad subscript). */
export function assign(shell: Shell, argument: AssignArgument): Variable | undefined {
  const { name, index, append, value } = argument;
  if (typeof value === "string") {
    if (index !== undefined) return shell.vars.setElement(name, index, value, append);
    return shell.vars.set(name, value, append);
  }
  const variable = shell.vars.setArray(name, append);
  let next = append ? Variables.end(variable) : 0;
  if (variable.table && value.every((element) => element.key === undefined)) {
    // key value key value … (bash 5.1)
    for (let i = 0; i < value.length; i += 2) shell.vars.setElement(name, value[i]!.value, value[i + 1]?.value ?? "");
    return variable;
  }
  for (const element of value) {
    const key = element.key ?? String(next);
    shell.vars.setElement(name, key, element.value, element.append);
    if (variable.list) next = (element.key === undefined ? next : Number(shell.arithmetic(element.key))) + 1;
  }
  return variable;
}

/** "name[index]+=value" as a builtin gets it; an array's list as written in bash's own form. */
export function assignmentText({ name, index, append, value }: AssignArgument): string {
  const head = `${name}${index === undefined ? "" : `[${index}]`}${append ? "+" : ""}=`;
  if (typeof value === "string") return head + value;
  const items = value.map(({ key, value: text }) => (key === undefined ? "" : `[${key}]=`) + traceQuote(text));
  return `${head}(${items.join(" ")})`;
}

/** As `set -x` shows it: "a='b c'"; an array's list as the source has it. */
export function traceAssignment(argument: AssignArgument, source: Assignment): string {
  if (typeof argument.value !== "string") return source.text;
  const { value } = argument;
  return assignmentText({ ...argument, value: value === "" ? "" : traceQuote(value) });
}

/** Makes assignments that the next command alone sees, exported; call the result to take them back. */
export function assignTemporarily(shell: Shell, assignments: readonly AssignArgument[]): () => void {
  const undo: (() => void)[] = [];
  for (const argument of assignments) {
    const { name } = argument;
    const scope = shell.vars.scopeOf(name);
    const saved = scope.get(name);
    if (saved) scope.set(name, saved.copy());
    const variable = assign(shell, argument);
    if (variable) variable.exported = true;
    undo.push(() => shell.vars.restore(name, saved, scope));
  }
  return () => {
    for (const step of undo.reverse()) step();
  };
}
