// Command-line options as getopt_long(3) of the GNU C library takes them: options and operands in any order, `-c5` and
// `-c 5`, `--name=value`, unambiguous abbreviations, and its sentences for what it does not know.

export interface LongOption {
  readonly name: string;
  /** 0 no argument, 1 required, 2 optional (`--name=value` only) */
  readonly argument: 0 | 1 | 2;
  /** The short option it stands for; itself by default. */
  readonly short?: string;
}

export interface ParsedOption {
  /** one letter, or the long name when it stands for no letter */
  readonly name: string;
  readonly value: string | undefined;
}

export interface ParsedOptions {
  /** in the order given, up to the first mistake */
  readonly options: readonly ParsedOption[];
  readonly operands: readonly string[];
  /** getopt's sentence without the program's name: "invalid option -- 'z'" */
  readonly error: string | undefined;
}

export interface GetoptSettings {
  readonly long?: readonly LongOption[];
  /** getopt_long_only: `-name` is tried as a long option first */
  readonly longOnly?: boolean;
  /** stop at the first operand (POSIXLY_CORRECT, or an optstring that begins with +) */
  readonly stopAtOperand?: boolean;
}

/** @param short getopt's string: "c:i:nv", "x::" for an optional argument. @param args without argv[0] */
export function getopt(args: readonly string[], short: string, settings: GetoptSettings = {}): ParsedOptions {
  const options: ParsedOption[] = [];
  const operands: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      operands.push(...args.slice(i + 1));
      break;
    }
    if (arg === "-" || !arg.startsWith("-")) {
      operands.push(...(settings.stopAtOperand ? args.slice(i) : [arg]));
      if (settings.stopAtOperand) break;
      continue;
    }
    const isLong = arg.startsWith("--") || (settings.longOnly && (arg.length > 2 || argumentOf(short, arg[1]!) < 0));
    const next = args[i + 1];
    const taken = isLong ? takeLong(arg, next, settings.long ?? [], options) : takeShort(arg, next, short, options);
    if (typeof taken === "string") return { options, operands, error: taken };
    if (taken) i++;
  }
  // of its size: a program keeps it for as long as it runs
  return { options, operands: operands.slice(), error: undefined };
}

/** −1: no such letter. */
function argumentOf(short: string, letter: string): -1 | 0 | 1 | 2 {
  const at = letter === ":" ? -1 : short.indexOf(letter);
  if (at < 0) return -1;
  if (short[at + 1] !== ":") return 0;
  return short[at + 2] === ":" ? 2 : 1;
}

/** True when the next argument was taken as a value; a sentence when it is a mistake. */
function takeShort(arg: string, next: string | undefined, short: string, options: ParsedOption[]): boolean | string {
  for (let k = 1; k < arg.length; k++) {
    const name = arg[k]!;
    const argument = argumentOf(short, name);
    if (argument < 0) return `invalid option -- '${name}'`;
    if (argument === 0) {
      options.push({ name, value: undefined });
      continue;
    }
    const rest = arg.slice(k + 1);
    if (rest !== "" || argument === 2) {
      options.push({ name, value: rest === "" ? undefined : rest });
      return false;
    }
    if (next === undefined) return `option requires an argument -- '${name}'`;
    options.push({ name, value: next });
    return true;
  }
  return false;
}

function takeLong(
  arg: string,
  next: string | undefined,
  long: readonly LongOption[],
  options: ParsedOption[],
): boolean | string {
  const dashes = arg.startsWith("--") ? "--" : "-";
  const equals = arg.indexOf("=");
  const given = arg.slice(dashes.length, equals < 0 ? undefined : equals);
  const value = equals < 0 ? undefined : arg.slice(equals + 1);
  const candidates = long.filter((option) => option.name.startsWith(given));
  const option = long.find((candidate) => candidate.name === given) ?? candidates[0];
  if (!option) return `unrecognized option '${dashes}${given}'`;
  if (option.name !== given && candidates.length > 1) {
    const list = candidates.map((candidate) => `'${dashes}${candidate.name}'`).join(" ");
    return `option '${dashes}${given}' is ambiguous; possibilities: ${list}`;
  }
  const name = option.short ?? option.name;
  if (option.argument === 0) {
    if (value !== undefined) return `option '${dashes}${option.name}' doesn't allow an argument`;
    options.push({ name, value: undefined });
    return false;
  }
  if (value !== undefined || option.argument === 2) {
    options.push({ name, value });
    return false;
  }
  if (next === undefined) return `option '${dashes}${option.name}' requires an argument`;
  options.push({ name, value: next });
  return true;
}
