// The values that Go templates and `json` see: structs with ordered fields, maps, slices and scalars; how Go prints them
// (fmt's %v) and how encoding/json writes them. Answers to fmt/print.go and encoding/json/encode.go.

/** Go's names of fields whose JSON names differ from them. */
const GO_NAMES: ReadonlyMap<string, string> = new Map([
  ["Id", "ID"],
  ["Dns", "DNS"],
  ["DnsOptions", "DNSOptions"],
  ["DnsSearch", "DNSSearch"],
  ["HostIp", "HostIP"],
  ["CpuShares", "CPUShares"],
  ["CpuPeriod", "CPUPeriod"],
  ["CpuQuota", "CPUQuota"],
  ["CpuRealtimePeriod", "CPURealtimePeriod"],
  ["CpuRealtimeRuntime", "CPURealtimeRuntime"],
  ["CpuCount", "CPUCount"],
  ["CpuPercent", "CPUPercent"],
  ["AuxiliaryAddresses", "AuxAddress"],
]);
const JSON_NAMES: ReadonlyMap<string, string> = new Map([...GO_NAMES].map(([json, go]) => [go, json]));

/** A struct: fields in declaration order. `nested` pointers print as addresses inside other values, as Go's do. */
export class GoStruct {
  readonly fields: Map<string, GoValue>;
  /** the value is reached through a pointer (map[string]*T) */
  readonly pointer: boolean;
  /** Go's name of the type, for messages: "*formatter.ContainerContext" */
  readonly typeName: string;
  /** fields that are not in JSON while they have no value (omitempty) */
  readonly omitEmpty: ReadonlySet<string>;

  constructor(
    fields: Iterable<readonly [string, GoValue]>,
    pointer = false,
    typeName = "struct",
    omitEmpty: ReadonlySet<string> = new Set(),
  ) {
    this.fields = new Map(fields);
    this.pointer = pointer;
    this.typeName = typeName;
    this.omitEmpty = omitEmpty;
  }

  /** What JSON has of it. */
  jsonFields(): [string, GoValue][] {
    return [...this.fields].filter(
      ([key, value]) => !(value instanceof GoMethod) && (truth(value) || !this.omitEmpty.has(key)),
    );
  }

  /** The key of a field under its Go name; undefined when there is none of that name. */
  keyOf(goName: string): string | undefined {
    if (GO_NAMES.has(goName)) return undefined;
    if (this.fields.has(goName)) return goName;
    const json = JSON_NAMES.get(goName);
    return json !== undefined && this.fields.has(json) ? json : undefined;
  }
}

/** A map with string keys; ranges and prints in key order. */
export class GoMap {
  readonly entries: Map<string, GoValue>;

  constructor(entries: Iterable<readonly [string, GoValue]> = []) {
    this.entries = new Map(entries);
  }

  sortedKeys(): string[] {
    return [...this.entries.keys()].sort(compareBytes);
  }
}

/** A slice or map that was never made: `null` in JSON, but `[]` or `map[]` where Go prints it. */
export class GoNil {
  readonly kind: "slice" | "map";

  constructor(kind: "slice" | "map") {
    this.kind = kind;
  }
}

export const NIL_SLICE: GoNil = new GoNil("slice");
export const NIL_MAP: GoNil = new GoNil("map");

/** A method that templates call with arguments: {{.Label "role"}} */
export class GoMethod {
  readonly call: (...args: readonly GoValue[]) => GoValue;

  constructor(call: (...args: readonly GoValue[]) => GoValue) {
    this.call = call;
  }
}

/** null is a nil pointer or interface; undefined is "no value" (a missing map key). */
export type GoValue =
  | undefined
  | null
  | string
  | number
  | bigint
  | boolean
  | readonly GoValue[]
  | GoStruct
  | GoMap
  | GoNil
  | GoMethod;

/** Strings compare by bytes in Go; for the characters of names and JSON keys code units do. */
export function compareBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A struct of plain pairs: `struct({ Name: "x" })`. Only string keys that are no integers, so order is as written. */
export function struct(fields: Record<string, GoValue>, pointer = false): GoStruct {
  return new GoStruct(Object.entries(fields), pointer);
}

/** A struct whose fields JSON has only where they have a value. */
export function sparseStruct(fields: Record<string, GoValue>, pointer = false): GoStruct {
  return new GoStruct(Object.entries(fields), pointer, "struct", new Set(Object.keys(fields)));
}

/** A map of string values. */
export function stringMap(entries: ReadonlyMap<string, string>): GoMap {
  return new GoMap(entries);
}

/** What fmt.Print writes for a value (%v); `nested` inside another value. */
export function goString(value: GoValue, nested = false): string {
  if (value === undefined) return nested ? "<nil>" : "<no value>";
  if (value === null) return "<nil>";
  if (value instanceof GoNil) return value.kind === "slice" ? "[]" : "map[]";
  if (value instanceof GoMethod) return "";
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
  if (value instanceof GoStruct) {
    if (value.pointer && nested) return "0xc000010000";
    return `{${[...value.fields.values()].map((field) => goString(field, true)).join(" ")}}`;
  }
  if (value instanceof GoMap)
    return `map[${value
      .sortedKeys()
      .map((key) => `${key}:${goString(value.entries.get(key), true)}`)
      .join(" ")}]`;
  return `[${value.map((item) => goString(item, true)).join(" ")}]`;
}

/** encoding/json of a value, compact, with `<`, `>` and `&` escaped as Go does. */
export function goJson(value: GoValue): string {
  return writeJson(value, true, undefined, "");
}

/**
 * As json.Indent prints an API answer: four spaces, `{}` and `[]` for the empty; `<`, `>` and `&` stay as they are.
 */
export function goJsonIndent(value: GoValue, indent = "    "): string {
  return writeJson(value, false, indent, "");
}

function writeJson(value: GoValue, escapeHtml: boolean, indent: string | undefined, margin: string): string {
  if (value === undefined || value === null || value instanceof GoNil) return "null";
  if (typeof value === "string") return jsonString(value, escapeHtml);
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
  const inner = indent === undefined ? "" : margin + indent;
  const colon = indent === undefined ? ":" : ": ";
  let open = "{";
  let close = "}";
  if (value instanceof GoMethod) return "null";
  let items: string[];
  if (value instanceof GoStruct)
    items = value
      .jsonFields()
      .map(([key, field]) => jsonString(key, escapeHtml) + colon + writeJson(field, escapeHtml, indent, inner));
  else if (value instanceof GoMap)
    items = value
      .sortedKeys()
      .map((key) => jsonString(key, escapeHtml) + colon + writeJson(value.entries.get(key), escapeHtml, indent, inner));
  else {
    open = "[";
    close = "]";
    items = value.map((item) => writeJson(item, escapeHtml, indent, inner));
  }
  if (items.length === 0) return open + close;
  if (indent === undefined) return open + items.join(",") + close;
  return `${open}\n${items.map((item) => inner + item).join(",\n")}\n${margin}${close}`;
}

function jsonString(text: string, escapeHtml: boolean): string {
  const quoted = JSON.stringify(text);
  if (!escapeHtml) return quoted;
  return quoted.replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** True as `if` and `with` see it (text/template's truth): not zero, not empty, not nil. */
export function truth(value: GoValue): boolean {
  if (value === undefined || value === null || value === "" || value === 0 || value === 0n || value === false)
    return false;
  if (value instanceof GoNil) return false;
  if (value instanceof GoStruct) return true;
  if (value instanceof GoMap) return value.entries.size > 0;
  if (Array.isArray(value)) return value.length > 0;
  return true;
}

/** Every struct becomes a map, as in a document decoded from JSON without types. */
export function toMaps(value: GoValue): GoValue {
  if (value instanceof GoNil) return null;
  if (value instanceof GoStruct)
    return new GoMap(value.jsonFields().map(([key, field]) => [key, toMaps(field)] as const));
  if (value instanceof GoMap) return new GoMap([...value.entries].map(([key, field]) => [key, toMaps(field)] as const));
  if (Array.isArray(value)) return value.map(toMaps);
  return value;
}
