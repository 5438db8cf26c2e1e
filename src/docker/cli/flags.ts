// Flags as Docker's client reads them: --name=value, --name value, -it, -p80:80, "--" ends them; what is not known is
// refused in pflag's words, what Docker knows and vethlab does not is refused by name. Answers to spf13/pflag.

type Kind = "bool" | "string" | "list" | "int";

/** One flag of a command. */
export interface Flag {
  readonly name: string;
  /** one letter, "" when there is none */
  readonly short: string;
  readonly kind: Kind;
  /** the word after it in help texts: "list", "bytes"; "" for a switch */
  readonly type: string;
  readonly usage: string;
  /** help texts do not show it */
  readonly hidden?: boolean;
  /** Docker knows it, vethlab refuses it */
  readonly unsupported?: boolean;
  /** What is wrong with a value, in Docker's words; undefined: nothing. */
  readonly check?: (value: string) => string | undefined;
  /** another name of the flag `alias` */
  readonly alias?: string;
}

/** A mistake in the flags: pflag's sentence, or that vethlab does not support one. */
export class FlagError extends Error {
  override readonly name: string = "FlagError";
}

const LISTS: ReadonlySet<string> = new Set(["list", "strings", "map", "filter", "network"]);

/** How a flag of that type is read. */
export function kindOf(type: string): Kind {
  if (type === "") return "bool";
  if (type === "int") return "int";
  return LISTS.has(type) ? "list" : "string";
}

const flag = (name: string, short: string, type: string, usage: string): Flag => ({
  name,
  short,
  type,
  kind: kindOf(type),
  usage,
});
export const bool = (name: string, short: string, usage: string): Flag => flag(name, short, "", usage);
export const string = (name: string, short: string, usage: string): Flag => flag(name, short, "string", usage);
export const list = (name: string, short: string, usage: string): Flag => flag(name, short, "list", usage);
export const int = (name: string, short: string, usage: string): Flag => flag(name, short, "int", usage);

/** Flags that Docker has and vethlab has not: "memory:m" takes a value, "read-only!" takes none. */
export function unsupported(names: string): Flag[] {
  return names.split(/\s+/).map((entry) => {
    const [name, short] = entry.replace(/!$/, "").split(":");
    return { ...flag(name!, short ?? "", entry.endsWith("!") ? "" : "string", ""), hidden: true, unsupported: true };
  });
}

/** What was given. */
export class Flags {
  readonly #values: Map<string, string[]> = new Map();

  /** @internal */
  add(name: string, value: string): void {
    const values = this.#values.get(name);
    if (values) values.push(value);
    else this.#values.set(name, [value]);
  }

  given(name: string): boolean {
    return this.#values.has(name);
  }

  bool(name: string): boolean {
    return this.#values.get(name)?.at(-1) === "true";
  }

  /** A switch that is on unless it is turned off. */
  boolOr(name: string, otherwise: boolean): boolean {
    return this.given(name) ? this.bool(name) : otherwise;
  }

  /** The last value, or `otherwise`. */
  string(name: string, otherwise = ""): string {
    return this.#values.get(name)?.at(-1) ?? otherwise;
  }

  list(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  int(name: string): number | undefined {
    const text = this.#values.get(name)?.at(-1);
    return text === undefined ? undefined : Number(text);
  }
}

/**
 * Reads the words after a command. With `interspersed` flags may follow arguments; otherwise the first argument ends them
 * (run, exec, create). Throws FlagError.
 */
export function parseFlags(
  words: readonly string[],
  known: readonly Flag[],
  interspersed: boolean,
): { readonly flags: Flags; readonly args: string[] } {
  const flags = new Flags();
  const args: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--") {
      args.push(...words.slice(i + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      if (!interspersed) {
        args.push(...words.slice(i));
        break;
      }
      args.push(word);
      continue;
    }
    if (word.startsWith("--")) i = parseLong(words, i, known, flags);
    else i = parseShort(words, i, known, flags);
  }
  return { flags, args };
}

function parseLong(words: readonly string[], at: number, known: readonly Flag[], flags: Flags): number {
  const word = words[at]!;
  const equals = word.indexOf("=");
  const name = word.slice(2, equals < 0 ? undefined : equals);
  const flag = resolve(
    known.find((candidate) => candidate.name === name),
    known,
  );
  if (!flag) throw new FlagError(name === "" ? `bad flag syntax: ${word}` : `unknown flag: --${name}`);
  if (equals >= 0) {
    set(flag, word.slice(equals + 1), flags);
    return at;
  }
  if (flag.kind === "bool") {
    set(flag, "true", flags);
    return at;
  }
  const value = words[at + 1];
  if (value === undefined) throw new FlagError(`flag needs an argument: --${name}`);
  set(flag, value, flags);
  return at + 1;
}

function parseShort(words: readonly string[], at: number, known: readonly Flag[], flags: Flags): number {
  const word = words[at]!;
  for (let i = 1; i < word.length; i++) {
    const letter = word[i]!;
    const flag = resolve(
      known.find((candidate) => candidate.short === letter),
      known,
    );
    if (!flag) throw new FlagError(`unknown shorthand flag: '${letter}' in -${word.slice(i)}`);
    if (word[i + 1] === "=") {
      set(flag, word.slice(i + 2), flags);
      return at;
    }
    if (flag.kind === "bool") {
      set(flag, "true", flags);
      continue;
    }
    if (i + 1 < word.length) {
      set(flag, word.slice(i + 1), flags);
      return at;
    }
    const value = words[at + 1];
    if (value === undefined) throw new FlagError(`flag needs an argument: '${letter}' in -${word.slice(i)}`);
    set(flag, value, flags);
    return at + 1;
  }
  return at;
}

function resolve(flag: Flag | undefined, known: readonly Flag[]): Flag | undefined {
  return flag?.alias === undefined ? flag : known.find((candidate) => candidate.name === flag.alias);
}

function set(flag: Flag, value: string, flags: Flags): void {
  const shown = `${flag.short === "" ? "" : `-${flag.short}, `}--${flag.name}`;
  const refused = (why: string): FlagError =>
    new FlagError(`invalid argument ${JSON.stringify(value)} for ${JSON.stringify(shown)} flag: ${why}`);
  if (flag.kind === "bool") {
    const on = /^(1|t|T|TRUE|true|True)$/.test(value);
    if (!on && !/^(0|f|F|FALSE|false|False)$/.test(value))
      throw refused(`strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
    refuse(flag);
    flags.add(flag.name, String(on));
    return;
  }
  const complaint = VALUE_CHECKS.get(flag.type)?.(value) ?? flag.check?.(value);
  if (complaint !== undefined) throw refused(complaint);
  refuse(flag);
  flags.add(flag.name, value);
}

function refuse(flag: Flag): void {
  if (flag.unsupported) throw new FlagError(`vethlab does not support --${flag.name}`);
}

/** What is wrong with a value of a type, in the words of Go's and Docker's parsers. */
const VALUE_CHECKS: ReadonlyMap<string, (value: string) => string | undefined> = new Map([
  ["int", (value) => number("ParseInt", value, /^[+-]?\d+$/, 2 ** 63)],
  ["uint16", (value) => number("ParseUint", value, /^\d+$/, 2 ** 16)],
  ["bytes", (value) => (/^-?\d+(\.\d+)? ?([kmgtp]i?)?b?$/i.test(value) ? undefined : `invalid size: '${value}'`)],
  [
    "duration",
    (value) =>
      /^[+-]?(0|(\d+(\.\d*)?(ns|us|µs|ms|s|m|h))+)$/.test(value)
        ? undefined
        : `time: invalid duration ${JSON.stringify(value)}`,
  ],
  ["decimal", (value) => (/^-?\d+(\.\d+)?$/.test(value) ? undefined : `failed to parse ${value} as a rational number`)],
  ["ulimit", (value) => (value.includes("=") ? undefined : `invalid ulimit argument: ${value}`)],
  [
    "mount",
    (value) => {
      const field = value
        .split(",")
        .find((part) => !part.includes("=") && !/^(readonly|ro|volume-nocopy|bind-nonrecursive)$/.test(part));
      return field === undefined ? undefined : `invalid field '${field}' must be a key=value pair`;
    },
  ],
]);

function number(parser: string, value: string, form: RegExp, limit: number): string | undefined {
  const why = !form.test(value) ? "invalid syntax" : Number(value) >= limit ? "value out of range" : undefined;
  return why === undefined ? undefined : `strconv.${parser}: parsing ${JSON.stringify(value)}: ${why}`;
}

/** The options of a help text, in pflag's columns: 79 wide, descriptions wrapped. */
export function describeFlags(known: readonly Flag[]): string {
  const shown = known
    .filter(({ hidden, alias }) => !hidden && alias === undefined)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ short, name, type, usage }) => {
      const letter = short === "" ? "    " : `-${short}, `;
      return [`  ${letter}--${name}${type === "" ? "" : ` ${type}`}`, usage] as const;
    });
  const width = Math.max(0, ...shown.map(([left]) => left.length)) + 3;
  return shown.map(([left, usage]) => `${left.padEnd(width)}${wrap(usage, width, HELP_WIDTH)}\n`).join("");
}

const HELP_WIDTH = 79;
/** A description narrower than this goes below its flag. */
const NARROWEST = 24;
/** Short words at the end may go over the edge by as much. */
const SLOP = 5;

/** Lines of at most `width`, all but the first indented (pflag flag.go wrap). */
export function wrap(text: string, indent: number, width: number): string {
  const below = width - indent < NARROWEST;
  const margin = `\n${" ".repeat(below ? 16 : indent)}`;
  const room = width - (below ? 16 : indent) - SLOP;
  const lines: string[] = [];
  for (let rest = text; rest !== ""; ) {
    const cut = breakAt(rest, room);
    lines.push(rest.slice(0, cut).replaceAll("\n", margin));
    rest = rest.slice(cut + 1);
  }
  return (below ? margin : "") + lines.join(margin);
}

function breakAt(text: string, room: number): number {
  const line = text.slice(0, room);
  const fits = room + SLOP > text.length;
  const newline = line.lastIndexOf("\n");
  if (fits) return text.length;
  const blank = Math.max(line.lastIndexOf(" "), line.lastIndexOf("\t"), newline);
  if (blank <= 0) return text.length;
  return newline > 0 && newline < blank ? newline : blank;
}
