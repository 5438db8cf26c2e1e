// The way in which traceroute reads its arguments (its own library, not getopt): `-q3`, `-q 3`, `--queries=3`, letters in
// bundles of which the last may take the next argument, and sentences that name the argument's number.

/** A mistake: lines on stderr, status 2. */
export class UsageError extends Error {}

export interface CliOption {
  /** one letter, or "" */
  readonly letter: string;
  /** with two dashes, or "" */
  readonly long: string;
  /** what its argument is called; "" when it takes none */
  readonly argument: string;
  /** the long name may be cut short */
  readonly abbreviates?: boolean;
  /** the long name takes one dash */
  readonly oneDash?: boolean;
}

/** An option with its argument ("" when it takes none), as it was given, and the number of the argument. */
export interface CliFound {
  readonly option: CliOption;
  readonly value: string;
  readonly given: string;
  readonly argc: number;
}

/** An operand and its number among the arguments. */
export interface CliOperand {
  readonly operand: string;
  readonly argc: number;
}

/** Reads arguments one after the other, so that a mistake is told only after what stands before it was done. */
export function* readCommandLine(
  args: readonly string[],
  options: readonly CliOption[],
): Generator<CliFound | CliOperand, void, undefined> {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const argc = i + 1;
    if (!arg.startsWith("-") || arg === "-") {
      yield { operand: arg, argc };
      continue;
    }
    const oneDash = options.find((option) => option.oneDash && arg === `-${option.long}`);
    if (oneDash) {
      yield { option: oneDash, value: "", given: arg, argc };
      continue;
    }
    if (arg.startsWith("--")) {
      yield longOption(arg, argc, options);
      continue;
    }
    for (let k = 1; k < arg.length; k++) {
      const given = `-${arg[k]}`;
      const option = options.find((candidate) => candidate.letter === arg[k]);
      if (!option) throw new UsageError(`Bad option \`${given}' (argc ${argc})`);
      if (option.argument === "") {
        yield { option, value: "", given, argc };
        continue;
      }
      const rest = arg.slice(k + 1);
      const next = args[i + 1];
      if (k === 1 && rest !== "") yield { option, value: rest, given, argc };
      else if (rest !== "" || next === undefined) throw missing(given, `${given} ${option.argument}`, argc);
      else {
        i++;
        yield { option, value: next, given, argc: i + 1 };
      }
      break;
    }
  }
}

function longOption(arg: string, argc: number, options: readonly CliOption[]): CliFound {
  const equals = arg.indexOf("=");
  const name = equals < 0 ? arg.slice(2) : arg.slice(2, equals);
  const value = equals < 0 ? undefined : arg.slice(equals + 1);
  const option = options.find(
    ({ long, oneDash, abbreviates }) =>
      long !== "" && !oneDash && (long === name || (abbreviates && name !== "" && long.startsWith(name))),
  );
  if (!option || (value !== undefined && option.argument === "")) {
    const withValue = value === undefined ? "" : ` (with arg \`${value}')`;
    throw new UsageError(`Bad option \`${arg}'${withValue} (argc ${argc})`);
  }
  if (option.argument !== "" && value === undefined) throw missing(arg, `${arg}=${option.argument}`, argc);
  return { option, value: value ?? "", given: `--${name}`, argc };
}

function missing(given: string, form: string, argc: number): UsageError {
  return new UsageError(`Option \`${given}' (argc ${argc}) requires an argument: \`${form}'`);
}

/** strtoul(3) with base 0, nothing left over; undefined when it is none. */
export function unsigned(text: string): number | undefined {
  const match = /^\s*\+?(0[xX][0-9a-fA-F]+|\d+)$/.exec(text);
  if (!match) return undefined;
  const digits = match[1]!;
  if (!/^0\d+$/.test(digits)) return Number(digits);
  return /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

/** strtod(3) at the beginning of `text`: the value and how many characters it took; undefined when there is no number. */
export function leadingNumber(text: string): { readonly value: number; readonly length: number } | undefined {
  const match = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/.exec(text);
  return match ? { value: Number(match[0]), length: match[0].length } : undefined;
}
