// The shell's variables: scalars, indexed and associative arrays, attributes, function-local scopes (dynamic, as in
// bash) and variables that are computed when read (RANDOM, LINENO …). Associative arrays list their keys in the order
// of bash's hash table, because scripts print them.

import { ExpansionError } from "./control.ts";

/** A variable. Exactly one of `value`, `list`, `table` is set, or none when it is declared but unset. */
export class Variable {
  readonly name: string;
  value: string | undefined;
  list: Map<number, string> | undefined;
  table: Map<string, string> | undefined;
  exported = false;
  readonly = false;
  integer = false;
  lower = false;
  upper = false;
  nameref = false;

  constructor(name: string) {
    this.name = name;
  }

  get isSet(): boolean {
    return this.value !== undefined || this.list !== undefined || this.table !== undefined;
  }

  /** What `$name` gives: an array's element 0. */
  get scalar(): string | undefined {
    if (this.list) return this.list.get(0);
    if (this.table) return this.table.get("0");
    return this.value;
  }

  /** Indices in order, or keys in bash's order; ["0"] for a scalar that is set. */
  keys(): string[] {
    if (this.list) return sortedIndices(this.list).map(String);
    if (this.table) return tableOrder([...this.table.keys()]);
    return this.value === undefined ? [] : ["0"];
  }

  /** The values, in the order of `keys()`. */
  values(): string[] {
    if (this.list) return sortedIndices(this.list).map((i) => this.list!.get(i)!);
    if (this.table) return this.keys().map((key) => this.table!.get(key)!);
    return this.value === undefined ? [] : [this.value];
  }

  copy(): Variable {
    const out = new Variable(this.name);
    out.value = this.value;
    out.list = this.list && new Map(this.list);
    out.table = this.table && new Map(this.table);
    out.exported = this.exported;
    out.readonly = this.readonly;
    out.integer = this.integer;
    out.lower = this.lower;
    out.upper = this.upper;
    out.nameref = this.nameref;
    return out;
  }

  /** The letters of `declare -p`: "ar", "" … */
  flags(): string {
    return (
      (this.list ? "a" : "") +
      (this.table ? "A" : "") +
      (this.integer ? "i" : "") +
      (this.nameref ? "n" : "") +
      (this.readonly ? "r" : "") +
      (this.lower ? "l" : "") +
      (this.upper ? "u" : "") +
      (this.exported ? "x" : "")
    );
  }
}

function sortedIndices(list: Map<number, string>): number[] {
  return [...list.keys()].sort((a, b) => a - b);
}

const BUCKETS = 1024;

/** The order in which bash lists the keys of an associative array: by bucket of an FNV-1 hash, newest first. */
function tableOrder(keys: string[]): string[] {
  const buckets = new Map<number, string[]>();
  for (const key of keys) {
    let hash = 2166136261;
    for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 16777619) ^ key.charCodeAt(i)) >>> 0;
    const bucket = hash & (BUCKETS - 1);
    buckets.set(bucket, [key, ...(buckets.get(bucket) ?? [])]);
  }
  return [...buckets.keys()].sort((a, b) => a - b).flatMap((bucket) => buckets.get(bucket)!);
}

/** A variable that is computed. */
export interface Dynamic {
  get(): string;
  set?(value: string): void;
}

export const NAME: RegExp = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What a subscript is worth: the store asks the shell, which knows arithmetic. */
export type Arithmetic = (text: string) => number;

export class Variables {
  readonly #scopes: Map<string, Variable>[] = [new Map()];
  readonly dynamics: Map<string, Dynamic> = new Map();
  /** `set -a` */
  exportAll = false;
  arithmetic: Arithmetic = () => 0;

  /** A copy for a subshell; computed variables are not copied. */
  copy(): Variables {
    const out = new Variables();
    out.exportAll = this.exportAll;
    out.#scopes.length = 0;
    for (const scope of this.#scopes) {
      const copied = new Map<string, Variable>();
      for (const [name, variable] of scope) copied.set(name, variable.copy());
      out.#scopes.push(copied);
    }
    return out;
  }

  pushScope(): void {
    this.#scopes.push(new Map());
  }

  popScope(): void {
    this.#scopes.pop();
  }

  /** Number of function scopes. */
  get depth(): number {
    return this.#scopes.length - 1;
  }

  /** The variable by name, namerefs followed unless `raw`; computed ones are not found here. */
  find(name: string, raw = false): Variable | undefined {
    for (let hops = 0; hops < 8; hops++) {
      let found: Variable | undefined;
      for (let i = this.#scopes.length - 1; i >= 0 && !found; i--) found = this.#scopes[i]!.get(name);
      if (!found?.nameref || raw || !found.value) return found;
      name = found.value;
    }
    return undefined;
  }

  /** Where a name leads through namerefs: "ref" → "target" or "array[2]". */
  resolve(name: string): string {
    for (let hops = 0; hops < 8; hops++) {
      const variable = this.find(name, true);
      if (!variable?.nameref || !variable.value) return name;
      name = variable.value;
    }
    return name;
  }

  /** `$name`; undefined when unset. */
  get(name: string): string | undefined {
    const dynamic = this.dynamics.get(name);
    if (dynamic) return dynamic.get();
    const variable = this.find(name);
    if (variable) return variable.scalar;
    const target = this.resolve(name);
    if (target === name) return undefined;
    const [base, key] = splitSubscript(target);
    return key === undefined ? undefined : this.getElement(base, key);
  }

  /** `${name[key]}` for an indexed array (key is arithmetic) or an associative one. */
  getElement(name: string, key: string): string | undefined {
    const variable = this.find(name);
    if (variable?.table) return variable.table.get(key);
    const index = this.arithmetic(key);
    if (variable?.list) return variable.list.get(this.#fromEnd(variable, index, name));
    return index === 0 || index === -1 ? (variable ? variable.scalar : this.get(name)) : undefined;
  }

  /** Assigns `name=value`; creates it globally when there is none. Throws ExpansionError when readonly. */
  set(name: string, value: string, append = false): Variable | undefined {
    const dynamic = this.dynamics.get(name);
    if (dynamic) {
      dynamic.set?.(value);
      return undefined;
    }
    const target = this.resolve(name);
    if (target !== name && !NAME.test(target)) {
      const [base, key] = splitSubscript(target);
      if (key !== undefined) return this.setElement(base, key, value, append);
    }
    const variable = this.#writable(target);
    if (variable.list) variable.list.set(0, this.#transform(variable, value, append, variable.list.get(0)));
    else if (variable.table) variable.table.set("0", this.#transform(variable, value, append, variable.table.get("0")));
    else variable.value = this.#transform(variable, value, append, variable.value);
    return variable;
  }

  /** Assigns `name[key]=value`. Throws ExpansionError. */
  setElement(name: string, key: string, value: string, append = false): Variable {
    const variable = this.#writable(this.resolve(name));
    if (variable.table) {
      variable.table.set(key, this.#transform(variable, value, append, variable.table.get(key)));
      return variable;
    }
    if (!variable.list) {
      variable.list = new Map(variable.value === undefined ? [] : [[0, variable.value]]);
      variable.value = undefined;
    }
    const index = this.#fromEnd(variable, this.arithmetic(key), `${name}[${key}]`);
    if (index < 0) throw new ExpansionError(`${name}[${key}]: bad array subscript`);
    variable.list.set(index, this.#transform(variable, value, append, variable.list.get(index)));
    return variable;
  }

  /** Makes it an empty array, or with `append` an array of what it was. */
  setArray(name: string, append: boolean, associative = false): Variable {
    const variable = this.#writable(this.resolve(name));
    if (variable.table || (associative && !variable.list)) {
      if (!variable.table || !append) variable.table = new Map();
    } else if (!append) variable.list = new Map();
    else variable.list ??= new Map(variable.value === undefined ? [] : [[0, variable.value]]);
    variable.value = undefined;
    return variable;
  }

  /** The next index for `name+=(x)` */
  static end(variable: Variable): number {
    let end = 0;
    for (const index of variable.list?.keys() ?? []) if (index >= end) end = index + 1;
    return end;
  }

  /** The variable of the innermost scope, made there if need be (`local`, `declare` in a function). */
  local(name: string): Variable {
    const scope = this.#scopes.at(-1)!;
    let variable = scope.get(name);
    if (!variable) {
      const outer = this.find(name, true);
      if (outer?.readonly) throw new ExpansionError(`${name}: readonly variable`);
      variable = new Variable(name);
      scope.set(name, variable);
    }
    return variable;
  }

  /** The global variable, made if need be (`declare -g`). */
  global(name: string): Variable {
    let variable = this.#scopes[0]!.get(name);
    if (!variable) {
      variable = new Variable(name);
      this.#scopes[0]!.set(name, variable);
    }
    return variable;
  }

  /** The variable wherever it is visible, or a new global one, unset. */
  declare(name: string): Variable {
    return this.find(name, true) ?? this.global(name);
  }

  /** Replaces the innermost visible variable with another, or removes it (for temporary assignments). */
  restore(name: string, saved: Variable | undefined, scope: Map<string, Variable>): void {
    if (saved) scope.set(name, saved);
    else scope.delete(name);
  }

  /** The scope that holds a name, or the global one. */
  scopeOf(name: string): Map<string, Variable> {
    for (let i = this.#scopes.length - 1; i >= 0; i--) if (this.#scopes[i]!.has(name)) return this.#scopes[i]!;
    return this.#scopes[0]!;
  }

  /** Removes a variable; false when it is readonly. */
  unset(name: string): boolean {
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const variable = this.#scopes[i]!.get(name);
      if (!variable) continue;
      if (variable.readonly) return false;
      if (i > 0 && i === this.#scopes.length - 1) {
        // a local stays visible, unset
        this.#scopes[i]!.set(name, new Variable(name));
      } else this.#scopes[i]!.delete(name);
      return true;
    }
    this.dynamics.delete(name);
    return true;
  }

  /** Every visible variable, by name, in the order of names. */
  all(): Variable[] {
    const seen = new Map<string, Variable>();
    for (const scope of this.#scopes) for (const [name, variable] of scope) seen.set(name, variable);
    return [...seen.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  /** Names of set variables that begin with `prefix`, sorted. */
  names(prefix: string): string[] {
    const out = this.all()
      .filter((v) => v.isSet && v.name.startsWith(prefix))
      .map((v) => v.name);
    for (const name of this.dynamics.keys()) if (name.startsWith(prefix) && !out.includes(name)) out.push(name);
    return out.sort();
  }

  /** What child processes get. */
  environment(): Map<string, string> {
    const out = new Map<string, string>();
    const seen = this.#scopes.length > 1 ? new Set<string>() : null;
    for (let i = this.#scopes.length - 1; i >= 0; i--)
      for (const [name, variable] of this.#scopes[i]!) {
        if (seen?.has(name)) continue;
        seen?.add(name);
        if (variable.exported && variable.value !== undefined) out.set(name, variable.value);
      }
    return out;
  }

  #writable(name: string): Variable {
    const variable = this.find(name, true) ?? this.global(name);
    if (variable.readonly) throw new ExpansionError(`${name}: readonly variable`);
    if (this.exportAll) variable.exported = true;
    return variable;
  }

  #fromEnd(variable: Variable, index: number, what: string): number {
    if (index >= 0) return index;
    const real = Variables.end(variable) + index;
    if (real < 0) throw new ExpansionError(`${what}: bad array subscript`);
    return real;
  }

  #transform(variable: Variable, value: string, append: boolean, old: string | undefined): string {
    if (variable.integer) {
      const number = this.arithmetic(value);
      return String(append ? this.arithmetic(old ?? "0") + number : number);
    }
    let out = append ? (old ?? "") + value : value;
    if (variable.lower) out = out.toLowerCase();
    if (variable.upper) out = out.toUpperCase();
    return out;
  }
}

/** "a[x]" → ["a", "x"]; "a" → ["a", undefined]. */
export function splitSubscript(text: string): [string, string | undefined] {
  const at = text.indexOf("[");
  if (at < 0 || !text.endsWith("]")) return [text, undefined];
  return [text.slice(0, at), text.slice(at + 1, -1)];
}
