// YAML with its lines: maps, lists and scalars that know where they stand, so that a mistake can be told with its line.
// Parsing is the `yaml` package's.

import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { ComposeError } from "./model.ts";

/** A value of a compose file, where it stands and what it is called: "services.web.ports". */
export class Value {
  readonly #file: ComposeFile;
  readonly #node: Node | null;
  readonly #at: number;
  readonly path: string;

  constructor(file: ComposeFile, node: Node | null, at: number, path: string) {
    this.#file = file;
    this.#node = isAlias(node) ? (file.resolve(node) ?? null) : node;
    this.#at = node?.range?.[0] ?? at;
    this.path = path;
  }

  /** Throws ComposeError in compose's words, with file and line. */
  fail(message: string): never {
    throw new ComposeError(message, this.#place);
  }

  get #place(): string {
    return `${this.#file.name}:${this.#file.line(this.#at)}`;
  }

  /** What the schema does not allow here: "validating PATH: services.web.ports must be a array". */
  invalid(message: string): never {
    const what = this.path === "" ? message : `${this.path} ${message}`;
    throw new ComposeError(`validating ${this.#file.path}: ${what}`, this.#place);
  }

  /** This field of `parent` is none that compose has. */
  unknownIn(parent: Value): never {
    const name = this.path.slice(parent.path === "" ? 0 : parent.path.length + 1);
    const where = parent.path === "" ? "" : `${parent.path} `;
    throw new ComposeError(
      `validating ${this.#file.path}: ${where}additional properties '${name}' not allowed`,
      this.#place,
    );
  }

  unsupported(): never {
    throw new ComposeError(`vethlab does not support ${this.path}`, this.#place);
  }

  get isNull(): boolean {
    return this.#node === null || (isScalar(this.#node) && this.#node.value === null);
  }

  get isList(): boolean {
    return isSeq(this.#node);
  }

  get isMap(): boolean {
    return isMap(this.#node);
  }

  /** Fields in order; a missing value is an empty map. Merge keys (<<) are spread. */
  entries(): [string, Value][] {
    if (this.isNull) return [];
    if (!isMap(this.#node)) return this.invalid("must be a mapping");
    const out = new Map<string, Value>();
    const lines = new Map<string, number>();
    for (const { key, value } of this.#node.items) {
      const name = isScalar(key) ? String(key.value) : this.invalid("keys must be strings");
      const at = isScalar(key) ? (key.range?.[0] ?? this.#at) : this.#at;
      const earlier = lines.get(name);
      const line = this.#file.line(at);
      if (earlier !== undefined)
        throw new ComposeError(
          `failed to parse ${this.#file.path}: line ${line}: mapping key ${JSON.stringify(name)} already defined at line ${earlier}`,
          `${this.#file.name}:${line}`,
        );
      lines.set(name, line);
      const child = new Value(this.#file, value as Node | null, at, this.path === "" ? name : `${this.path}.${name}`);
      if (name === "<<") {
        const merged = child.isList ? child.items() : [child];
        for (const one of merged)
          for (const [field, inner] of one.entries()) if (!out.has(field)) out.set(field, inner);
      } else out.set(name, child.#placed(at));
    }
    return [...out];
  }

  /** A mistake in a value is told at its key's line when the value has none of its own. */
  #placed(at: number): Value {
    return this.#node?.range ? this : new Value(this.#file, this.#node, at, this.path);
  }

  items(): Value[] {
    if (this.isNull) return [];
    if (!isSeq(this.#node)) return this.invalid("must be a array");
    return this.#node.items.map(
      (item, i) =>
        new Value(this.#file, item as Node | null, (item as Node | null)?.range?.[0] ?? this.#at, `${this.path}.${i}`),
    );
  }

  /** A string, number or boolean as text, with variables replaced. */
  text(expected = "must be a string"): string {
    if (!isScalar(this.#node)) return this.invalid(expected);
    const { value } = this.#node;
    if (value === null) return "";
    // 8080:80 and the like stay as written
    const written = typeof value === "string" ? value : (this.#node.source ?? String(value));
    return this.#file.interpolate(written, this);
  }

  bool(): boolean {
    const text = this.text();
    if (text === "true" || text === "false") return text === "true";
    return this.fail(
      `error while interpolating ${this.path}: failed to cast to expected type: invalid boolean: ${text}`,
    );
  }

  int(): number {
    const text = this.text();
    return /^-?\d+$/.test(text) ? Number(text) : this.invalid("must be a integer");
  }

  /** Everything below, as plain maps, lists and strings. */
  plain(): unknown {
    if (this.isNull) return null;
    if (this.isList) return this.items().map((item) => item.plain());
    if (this.isMap) return new Map(this.entries().map(([name, value]) => [name, value.plain()]));
    return this.text();
  }

  /** One string, or a list of them. */
  texts(): string[] {
    if (this.isNull) return [];
    return this.isList ? this.items().map((item) => item.text()) : [this.text()];
  }

  /** A map of strings, or a list of "name=value". */
  pairs(separator = "="): [string, string | undefined][] {
    if (this.isList)
      return this.items().map((item) => {
        const text = item.text();
        const at = text.indexOf(separator);
        return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
      });
    return this.entries().map(([name, value]) => [
      name,
      value.isNull ? undefined : value.text("must be a boolean, null, number or string"),
    ]);
  }
}

export class ComposeFile {
  readonly path: string;
  /** the path's last part */
  readonly name: string;
  readonly #lines: LineCounter = new LineCounter();
  readonly #document: ReturnType<typeof parseDocument>;
  readonly #variables: ReadonlyMap<string, string>;
  /** names that had no value where one was wanted */
  readonly unset: Set<string> = new Set();

  /** Throws ComposeError for what is no YAML. */
  constructor(path: string, text: string, variables: ReadonlyMap<string, string>) {
    this.path = path;
    this.name = path.split("/").at(-1)!;
    this.#variables = variables;
    this.#document = parseDocument(text, { lineCounter: this.#lines, merge: false, uniqueKeys: false });
    const error = this.#document.errors[0];
    if (error) {
      const line = error.linePos?.[0].line ?? 1;
      const why = /^Tabs are not allowed/.test(error.message)
        ? "found a tab character that violates indentation"
        : error.message.split("\n")[0]!.replace(/ at line \d+, column \d+:?$/, "");
      throw new ComposeError(`yaml: line ${line}: ${why}`, `${this.name}:${line}`);
    }
  }

  get root(): Value {
    return new Value(this, this.#document.contents as Node | null, 0, "");
  }

  line(at: number): number {
    return this.#lines.linePos(at).line;
  }

  resolve(alias: Parameters<typeof isAlias>[0]): Node | undefined {
    return isAlias(alias) ? (alias.resolve(this.#document) as Node | undefined) : undefined;
  }

  /** $NAME, ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:?message}, ${NAME:+other}; $$ is a dollar. */
  interpolate(text: string, where: Value): string {
    return text.replace(
      /\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])([^}]*))?\}|)/g,
      (
        _all,
        dollar: string | undefined,
        bare: string | undefined,
        braced: string | undefined,
        how: string | undefined,
        other = "",
      ) => {
        if (dollar) return "$";
        const name = bare ?? braced;
        if (name === undefined)
          return where.fail(
            `invalid interpolation format for ${where.path}.\nYou may need to escape any $ with another $.\n${text}`,
          );
        const value = this.#variables.get(name);
        const has = value !== undefined && (how === undefined || !how.startsWith(":") || value !== "");
        switch (how?.at(-1)) {
          case "-":
            return has ? value : other;
          case "+":
            return has ? other : "";
          case "?":
            return has
              ? value
              : where.fail(
                  `error while interpolating ${where.path}: required variable ${name} is missing a value${other === "" ? "" : `: ${other}`}`,
                );
          default:
            if (value === undefined) this.unset.add(name);
            return value ?? "";
        }
      },
    );
  }
}
