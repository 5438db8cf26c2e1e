// The functions of a template: text/template's own (and, or, index, len, eq …) and those that Docker adds (json, join,
// split, upper, lower, title, pad, truncate, println). Answers to text/template/funcs.go and docker/cli templates.go.

import { TemplateError } from "./lex.ts";
import { sprintf } from "./printf.ts";
import { GoMap, GoNil, GoStruct, type GoValue, goJson, goString, truth } from "./value.ts";

export type TemplateFunction = (...args: readonly GoValue[]) => GoValue;

function fail(message: string): never {
  throw new TemplateError(message);
}

function arity(name: string, args: readonly GoValue[], min: number, max = min): void {
  if (args.length < min || args.length > max)
    fail(`wrong number of args for ${name}: want ${max === min ? min : `at least ${min}`} got ${args.length}`);
}

function typeOf(value: GoValue): string {
  if (value === undefined || value === null) return "nil";
  if (typeof value === "string") return "string";
  if (typeof value === "number" || typeof value === "bigint") return "int";
  if (typeof value === "boolean") return "bool";
  if (value instanceof GoMap) return "map";
  if (value instanceof GoNil) return value.kind;
  if (value instanceof GoStruct) return value.typeName;
  return "slice";
}

function index(item: GoValue, ...keys: readonly GoValue[]): GoValue {
  let value = item;
  for (const key of keys) {
    if (value === undefined || value === null) fail("error calling index: index of untyped nil");
    if (value instanceof GoNil) {
      if (value.kind === "slice") fail(`error calling index: index out of range: ${goString(key)}`);
      value = undefined;
      continue;
    }
    if (value instanceof GoMap) {
      if (typeof key !== "string") fail(`error calling index: value has type ${typeOf(key)}; should be string`);
      value = value.entries.get(key);
      continue;
    }
    if (typeof key !== "number") fail(`error calling index: cannot index slice/array with type ${typeOf(key)}`);
    if (typeof value === "string" || Array.isArray(value)) {
      if (key < 0 || key >= value.length) fail(`error calling index: index out of range: ${key}`);
      value = typeof value === "string" ? value.charCodeAt(key) : (value as readonly GoValue[])[key];
      continue;
    }
    fail(`error calling index: can't index item of type ${typeOf(value)}`);
  }
  return value;
}

function slice(item: GoValue, ...bounds: readonly GoValue[]): GoValue {
  if (typeof item !== "string" && !Array.isArray(item))
    fail(`error calling slice: can't slice item of type ${typeOf(item)}`);
  const list = item as string | readonly GoValue[];
  const [from, to] = [bounds[0] ?? 0, bounds[1] ?? list.length].map(Number) as [number, number];
  for (const bound of [from, to])
    if (!(bound >= 0 && bound <= list.length)) fail(`error calling slice: index out of range: ${bound}`);
  if (from > to) fail(`error calling slice: invalid slice index: ${from} > ${to}`);
  return list.slice(from, to);
}

function len(item: GoValue): GoValue {
  if (typeof item === "string" || Array.isArray(item)) return item.length;
  if (item instanceof GoMap) return item.entries.size;
  if (item instanceof GoNil) return 0;
  return fail(
    `error calling len: len of ${item === null || item === undefined ? "nil pointer" : `type ${typeOf(item)}`}`,
  );
}

function equal(name: string, first: GoValue, rest: readonly GoValue[]): boolean {
  if (rest.length === 0) fail(`error calling ${name}: missing argument for comparison`);
  for (const other of rest) {
    const nil = (value: GoValue) => value === null || value === undefined;
    if (nil(first) && nil(other)) return true;
    if (typeOf(first) !== typeOf(other) && !nil(first) && !nil(other))
      fail(`error calling ${name}: incompatible types for comparison`);
    if (first === other) return true;
  }
  return false;
}

function less(name: string, a: GoValue, b: GoValue): boolean {
  const type = typeOf(a);
  if (type !== typeOf(b)) fail(`error calling ${name}: incompatible types for comparison`);
  if (type !== "string" && type !== "int") fail(`error calling ${name}: invalid type for comparison`);
  return (a as string) < (b as string);
}

function text(value: GoValue): string {
  if (typeof value !== "string") return goString(value);
  return value;
}

/** fmt.Sprint: a space between operands when neither is a string. */
function sprint(args: readonly GoValue[]): string {
  let out = "";
  args.forEach((arg, i) => {
    if (i > 0 && typeof arg !== "string" && typeof args[i - 1] !== "string") out += " ";
    out += goString(arg);
  });
  return out;
}

/** The first argument of that truth, or the last. */
function firstIndex(args: readonly GoValue[], wanted: boolean): number {
  const at = args.findIndex((arg) => truth(arg) === wanted);
  return at < 0 ? args.length - 1 : at;
}

const title = (value: string) =>
  value.replace(/(^|[^A-Za-z0-9_'])([a-z])/g, (_all, before: string, c: string) => before + c.toUpperCase());

export const TEMPLATE_FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ["and", (...args) => args[firstIndex(args, false)]],
  ["or", (...args) => args[firstIndex(args, true)]],
  ["not", (value) => !truth(value)],
  ["len", (item) => len(item)],
  ["index", index],
  ["slice", slice],
  ["print", (...args) => sprint(args)],
  ["println", (...args) => `${args.map((arg) => goString(arg)).join(" ")}\n`],
  ["printf", (format, ...args) => sprintf(text(format), args)],
  ["eq", (first, ...rest) => equal("eq", first, rest)],
  ["ne", (first, second) => !equal("ne", first, [second])],
  ["lt", (a, b) => less("lt", a, b)],
  ["le", (a, b) => less("le", a, b) || a === b],
  ["gt", (a, b) => !(less("gt", a, b) || a === b)],
  ["ge", (a, b) => !less("ge", a, b)],
  ["html", (...args) => escapeHtml(sprint(args))],
  ["js", (...args) => JSON.stringify(sprint(args)).slice(1, -1).replace(/'/g, "\\'")],
  ["urlquery", (...args) => encodeURIComponent(sprint(args)).replace(/%20/g, "+")],
  ["json", (value) => goJson(value)],
  ["split", (value, separator) => text(value).split(text(separator))],
  [
    "join",
    (list, separator) => {
      if (!Array.isArray(list))
        return fail(`error calling join: wrong type for value; expected []string; got ${typeOf(list)}`);
      return list.map((item) => text(item as GoValue)).join(text(separator));
    },
  ],
  ["title", (value) => title(text(value))],
  ["lower", (value) => text(value).toLowerCase()],
  ["upper", (value) => text(value).toUpperCase()],
  [
    "pad",
    (value, before, after) =>
      text(value) === "" ? "" : " ".repeat(Number(before)) + text(value) + " ".repeat(Number(after)),
  ],
  ["truncate", (value, length) => [...text(value)].slice(0, Number(length)).join("")],
]);

/** How many arguments the functions of fixed arity take. */
const FIXED_ARITY: ReadonlyMap<string, number> = new Map([
  ["not", 1],
  ["len", 1],
  ["ne", 2],
  ["lt", 2],
  ["le", 2],
  ["gt", 2],
  ["ge", 2],
  ["json", 1],
  ["split", 2],
  ["join", 2],
  ["title", 1],
  ["lower", 1],
  ["upper", 1],
  ["pad", 3],
  ["truncate", 2],
]);

/** Calls a function by name; throws TemplateError with the part of Go's message after the place. */
export function callFunction(name: string, args: readonly GoValue[]): GoValue {
  const fixed = FIXED_ARITY.get(name);
  if (fixed !== undefined) arity(name, args, fixed);
  else if (!["print", "println", "html", "js", "urlquery"].includes(name))
    arity(name, args, 1, Number.POSITIVE_INFINITY);
  return TEMPLATE_FUNCTIONS.get(name)!(...args);
}

function escapeHtml(value: string): string {
  const entities: Partial<Record<string, string>> = {
    "<": "&lt;",
    ">": "&gt;",
    "&": "&amp;",
    '"': "&#34;",
    "'": "&#39;",
  };
  return value.replace(/[<>&"']/g, (c) => entities[c]!);
}
