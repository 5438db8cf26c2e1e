// The command line word by word as getopt_long(3) gives it to iptables: words that are no options come in their place,
// nothing is said about mistakes, and the table of long options may grow between two calls. Answers to glibc's getopt.c
// with an option string that begins with "-:".

/** A word that is no option, a missing argument, an unknown or ambiguous option. */
export const OPERAND = "\u0001";
export const MISSING = ":";
export const UNKNOWN = "?";

export interface LongOption<V> {
  readonly name: string;
  /** 0 none, 1 required, 2 optional (attached only) */
  readonly argument: 0 | 1 | 2;
  readonly value: V;
}

/** Tables of long options, those that are looked at first in front. */
export type LongTables<V> = readonly (readonly LongOption<V>[])[];

/** Reads getopt's option string: letters with none, one or two colons after them. */
export function shortOptions(text: string): ReadonlyMap<string, 0 | 1 | 2> {
  const found = text.matchAll(/([^:-])(:{0,2})/g);
  return new Map([...found].map(([, letter, colons]) => [letter!, colons!.length as 0 | 1 | 2]));
}

export class Getopt<V> {
  /** argv[0] is the program */
  readonly argv: string[];
  /** index of the next word; callers may move it */
  index = 1;
  /** argument of the last option; undefined: none */
  argument: string | undefined;
  readonly #short: ReadonlyMap<string, 0 | 1 | 2>;
  /** what is left of a cluster like -nvL */
  #cluster = "";

  /** @param short letters with what they take, as shortOptions reads them */
  constructor(argv: readonly string[], short: ReadonlyMap<string, 0 | 1 | 2>) {
    this.argv = [...argv];
    this.#short = short;
  }

  /** The next word, unless it begins with - or !, which it then leaves (xs_has_arg). */
  takeWord(): string | undefined {
    const word = this.argv[this.index];
    if (word === undefined || word.startsWith("-") || word.startsWith("!")) return undefined;
    this.index++;
    return word;
  }

  /** The word before the next one: the last option, or its argument. */
  get previous(): string {
    return this.argv[this.index - 1] ?? "";
  }

  /** A letter, what a long option stands for, OPERAND, MISSING or UNKNOWN; undefined at the end. */
  next(long: LongTables<V>): string | V | undefined {
    this.argument = undefined;
    if (this.#cluster === "") {
      const word = this.argv[this.index];
      if (word === undefined) return undefined;
      if (word === "--") {
        this.index++;
        return undefined;
      }
      if (!word.startsWith("-") || word === "-") {
        this.index++;
        this.argument = word;
        return OPERAND;
      }
      if (word.startsWith("--")) return this.#takeLong(word.slice(2), long);
      this.#cluster = word.slice(1);
    }
    return this.#takeShort();
  }

  #takeLong(text: string, long: LongTables<V>): string | V {
    this.index++;
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    const option = findLong(name, long);
    if (!option) return UNKNOWN;
    if (equals >= 0) {
      if (option.argument === 0) return UNKNOWN;
      this.argument = text.slice(equals + 1);
    } else if (option.argument === 1) {
      this.argument = this.argv[this.index];
      if (this.argument === undefined) return MISSING;
      this.index++;
    }
    return option.value;
  }

  #takeShort(): string {
    const letter = this.#cluster[0]!;
    this.#cluster = this.#cluster.slice(1);
    if (this.#cluster === "") this.index++;
    const argument = this.#short.get(letter);
    if (argument === undefined) return UNKNOWN;
    if (argument === 0) return letter;
    if (this.#cluster !== "") {
      this.argument = this.#cluster;
      this.#cluster = "";
      this.index++;
    } else if (argument === 1) {
      this.argument = this.argv[this.index];
      if (this.argument === undefined) return MISSING;
      this.index++;
    }
    return letter;
  }
}

/** An exact name, else the only one that begins so; options that mean the same are one. */
function findLong<V>(name: string, long: LongTables<V>): LongOption<V> | undefined {
  for (const table of long) for (const option of table) if (option.name === name) return option;
  const candidates = long.flatMap((table) => table.filter((option) => option.name.startsWith(name)));
  const [first] = candidates;
  if (!first) return undefined;
  const same = candidates.every((option) => option.argument === first.argument && option.value === first.value);
  return same ? first : undefined;
}
