// Programs that tell something or compute: date, id, uname, hostname, env, expr, test, echo, printf, which and the like.

import { Errno, NetError, strerror } from "../../base/errno.ts";
import { decodeUtf8 } from "../../base/text.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { echoText } from "../builtins/io.ts";
import { execProgram, findProgram } from "../exec.ts";
import { encodeRaw, printf } from "../printf.ts";
import { breSource, RegexError } from "../regex.ts";
import { strftime } from "../strftime.ts";
import { evaluateTest, TestError } from "../test.ts";
import { parseDate } from "./dates.ts";
import { complain, errorText, getopt, quoted, usageError } from "./util.ts";

/** The kernel that the lab answers to. */
export const KERNEL_RELEASE = "6.18.0";

function* date(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "d:I::r:Rs:u",
    long: {
      date: "d",
      "iso-8601": "I",
      reference: "r",
      "rfc-email": "R",
      "rfc-3339": "%3339",
      set: "s",
      utc: "u",
      universal: "u",
    },
    valued: ["%3339"],
  });
  if (options.has("s")) return yield* complain(proc, "cannot set date: Operation not permitted");
  let ns = proc.machine.wallClockNs();
  const text = options.get("d");
  if (text !== undefined) {
    const parsed = text === "" ? parseDate("today 0:00", ns) : parseDate(text, ns);
    if (parsed === undefined) return yield* complain(proc, `invalid date ‘${text}’`);
    ns = parsed;
  }
  const reference = options.get("r");
  if (reference !== undefined) {
    try {
      ns = proc.machine.wallClockNs(proc.root.lookup(proc, reference).mtimeNs);
    } catch (error) {
      return yield* complain(proc, `${reference}: ${errorText(error)}`);
    }
  }
  let format = "%a %b %e %H:%M:%S %Z %Y";
  if (options.has("R")) format = "%a, %d %b %Y %H:%M:%S %z";
  const iso = options.get("I");
  if (iso !== undefined) {
    const found = new Map([
      ["", "%F"],
      ["date", "%F"],
      ["hours", "%FT%H%:z"],
      ["minutes", "%FT%H:%M%:z"],
      ["seconds", "%FT%T%:z"],
      ["ns", "%FT%T,%N%:z"],
    ]).get(iso);
    if (found === undefined) return yield* usageError(proc, `invalid argument ‘${iso}’ for ‘--iso-8601’`);
    format = found;
  }
  const rfc = options.get("%3339");
  if (rfc !== undefined) format = rfc === "date" ? "%F" : rfc === "ns" ? "%F %T.%N%:z" : "%F %T%:z";
  const [operand, extra] = operands;
  if (extra !== undefined) return yield* usageError(proc, `extra operand ‘${extra}’`);
  if (operand !== undefined) {
    if (!operand.startsWith("+")) return yield* complain(proc, `invalid date ‘${operand}’`);
    format = operand.slice(1);
  }
  yield* proc.print(`${strftime(format, ns)}\n`);
  return 0;
}

/** The name of a user or group, as the root's own file has it; root is known without one. */
function nameOf(proc: Process, file: string, id: number): string | undefined {
  let text = "";
  try {
    text = decodeUtf8(proc.root.readFile(proc, `/etc/${file}`));
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
  }
  const line = text.split("\n").find((each) => each.split(":")[2] === String(id));
  return line?.split(":")[0] ?? (id === 0 ? "root" : undefined);
}

function* id(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "Ggnruz",
    long: { group: "g", groups: "G", name: "n", real: "r", user: "u" },
  });
  const user = operands[0];
  const { uid, gid } = user === undefined ? proc.cred : { uid: 0, gid: 0 };
  if (user !== undefined && user !== "root" && user !== "0") return yield* complain(proc, `‘${user}’: no such user`);
  const short = options.has("u") || options.has("g") || options.has("G");
  if (options.has("n") && !short) return yield* complain(proc, "cannot print only names or real IDs in default format");
  const id = options.has("u") ? uid : gid;
  const name = nameOf(proc, options.has("u") ? "passwd" : "group", id);
  if (short) {
    yield* proc.print(`${options.has("n") ? (name ?? id) : id}\n`);
    return 0;
  }
  const named = (file: string, number: number): string => {
    const found = nameOf(proc, file, number);
    return found === undefined ? String(number) : `${number}(${found})`;
  };
  const group = named("group", gid);
  yield* proc.print(`uid=${named("passwd", uid)} gid=${group} groups=${group}\n`);
  return 0;
}

function* pwd(proc: Process): Task<number> {
  yield* getopt(proc, { short: "LP", long: { logical: "L", physical: "P" } });
  yield* proc.print(`${proc.root.realPath(proc, proc.cwd)}\n`);
  return 0;
}

function* whoami(proc: Process): Task<number> {
  yield* getopt(proc, { short: "" });
  const { uid } = proc.cred;
  const name = nameOf(proc, "passwd", uid);
  if (name === undefined) return yield* complain(proc, `cannot find name for user ID ${uid}`);
  yield* proc.print(`${name}\n`);
  return 0;
}

function* hostname(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "aAdfF:iIsyb",
    long: { short: "s", long: "f", fqdn: "f", domain: "d", "ip-address": "i", "all-ip-addresses": "I", file: "F" },
  });
  for (const letter of ["a", "A", "i", "I", "y", "b", "F"])
    if (options.has(letter)) return yield* complain(proc, `option -${letter} is not supported`);
  const { uts } = proc.ns;
  if (operands[0] !== undefined) {
    if (!proc.capable("SYS_ADMIN")) return yield* complain(proc, "sethostname: Operation not permitted");
    uts.hostname = operands[0];
    return 0;
  }
  const name = uts.hostname;
  const dot = name.indexOf(".");
  if (options.has("d")) yield* proc.print(dot < 0 ? "" : `${name.slice(dot + 1)}\n`);
  else yield* proc.print(`${options.has("s") && dot > 0 ? name.slice(0, dot) : name}\n`);
  return 0;
}

function* uname(proc: Process): Task<number> {
  const { options } = yield* getopt(proc, {
    short: "asnrvmpio",
    long: {
      all: "a",
      "kernel-name": "s",
      nodename: "n",
      "kernel-release": "r",
      "kernel-version": "v",
      machine: "m",
      processor: "p",
      "hardware-platform": "i",
      "operating-system": "o",
    },
  });
  const parts: [string, string][] = [
    ["s", "Linux"],
    ["n", proc.ns.uts.hostname],
    ["r", KERNEL_RELEASE],
    ["v", `#1 SMP ${strftime("%a %b %e %H:%M:%S %Z %Y", proc.machine.epochNs)}`],
    ["m", "x86_64"],
    ["p", "unknown"],
    ["i", "unknown"],
    ["o", "GNU/Linux"],
  ];
  const all = options.has("a");
  const shown = parts.filter(([letter, text]) =>
    all ? text !== "unknown" : options.size === 0 ? letter === "s" : options.has(letter),
  );
  yield* proc.print(`${shown.map(([, text]) => text).join(" ")}\n`);
  return 0;
}

function* nproc(proc: Process): Task<number> {
  yield* getopt(proc, { short: "", long: { all: "%all", ignore: "%ignore" }, valued: ["%ignore"] });
  yield* proc.print("1\n");
  return 0;
}

function* arch(proc: Process): Task<number> {
  yield* getopt(proc, { short: "" });
  yield* proc.print("x86_64\n");
  return 0;
}

function* tty(proc: Process): Task<number> {
  const { options } = yield* getopt(proc, { short: "s", long: { silent: "s", quiet: "s" } });
  const terminal = proc.fds.get(0)?.isTty === true;
  if (!options.has("s")) yield* proc.print(terminal ? "/dev/pts/0\n" : "not a tty\n");
  return terminal ? 0 : 1;
}

function* clear(proc: Process): Task<number> {
  yield* proc.print("\x1b[H\x1b[2J\x1b[3J");
  return 0;
}

function* env(proc: Process): Task<number> {
  const { options, list, operands } = yield* getopt(proc, {
    short: "iu:0C:vS:",
    long: { "ignore-environment": "i", unset: "u", null: "0", chdir: "C", debug: "v", "split-string": "S" },
    stop: true,
    status: 125,
  });
  if (options.has("S") || options.has("v")) return yield* complain(proc, "-S and -v are not supported", 125);
  const variables = new Map(options.has("i") || operands[0] === "-" ? [] : proc.env);
  const words = operands[0] === "-" ? operands.slice(1) : [...operands];
  for (const [letter, name] of list) if (letter === "u") variables.delete(name);
  while (words.length > 0 && words[0]!.indexOf("=") > 0) {
    const word = words.shift()!;
    const at = word.indexOf("=");
    variables.set(word.slice(0, at), word.slice(at + 1));
  }
  const end = options.has("0") ? "\0" : "\n";
  if (words.length === 0) {
    yield* proc.print([...variables].map(([name, value]) => `${name}=${value}${end}`).join(""));
    return 0;
  }
  const folder = options.get("C");
  if (folder !== undefined) {
    try {
      proc.cwd = proc.root.realPath(proc, folder);
      proc.root.list(proc, proc.cwd);
    } catch (error) {
      return yield* complain(proc, `cannot change directory to ${quoted(folder)}: ${errorText(error)}`, 125);
    }
  }
  return yield* execOrSay(proc, words, { env: variables });
}

/** Becomes another program, or says why not as env, nohup and nice do. */
export function* execOrSay(
  proc: Process,
  words: readonly string[],
  options: { readonly env?: ReadonlyMap<string, string> } = {},
  say: (name: string) => string = (name) => `‘${name}’`,
): Task<number> {
  const caller = proc.name;
  let error: NetError;
  try {
    return yield* execProgram(proc, words, options);
  } catch (thrown) {
    if (!(thrown instanceof NetError)) throw thrown;
    error = thrown;
  }
  yield* proc.printError(`${caller}: ${say(words[0]!)}: ${strerror(error.errno)}\n`);
  return error.errno === Errno.ENOENT ? 127 : 126;
}

function* printenv(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, { short: "0", long: { null: "0" } });
  const end = options.has("0") ? "\0" : "\n";
  if (operands.length === 0) {
    yield* proc.print([...proc.env].map(([name, value]) => `${name}=${value}${end}`).join(""));
    return 0;
  }
  let status = 0;
  for (const name of operands) {
    const value = proc.env.get(name);
    if (value === undefined) status = 1;
    else yield* proc.print(value + end);
  }
  return status;
}

function* which(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, { short: "as", terse: true });
  let status = 0;
  for (const name of operands) {
    let found = false;
    const folders = name.includes("/") ? [""] : (proc.env.get("PATH") ?? "").split(":");
    for (const folder of folders) {
      try {
        const path = findProgram(proc, name, folder);
        found = true;
        if (!options.has("s")) yield* proc.print(`${path}\n`);
        if (!options.has("a")) break;
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
      }
    }
    if (!found) status = 1;
  }
  return operands.length === 0 ? 1 : status;
}

function* yesNo(status: number): Task<number> {
  return status;
}

function* echo(proc: Process): Task<number> {
  yield* proc.printBytes(encodeRaw(echoText(proc.argv.slice(1), false)));
  return 0;
}

function* printfProgram(proc: Process): Task<number> {
  const [format, ...args] = proc.argv[1] === "--" ? proc.argv.slice(2) : proc.argv.slice(1);
  if (format === undefined) return yield* usageError(proc, "missing operand");
  const now = proc.machine.wallClockNs();
  const made = printf(format, args, now, now);
  yield* proc.printBytes(encodeRaw(made.text));
  for (const error of made.errors) {
    const invalid = /^(.*): invalid number$/.exec(error);
    yield* complain(proc, invalid ? `‘${invalid[1]}’: expected a numeric value` : error);
  }
  return made.status;
}

function* test(proc: Process): Task<number> {
  let words = proc.argv.slice(1);
  if (proc.name === "[") {
    if (words.at(-1) !== "]") return yield* complain(proc, "missing ‘]’", 2);
    words = words.slice(0, -1);
  }
  try {
    return evaluateTest({ proc }, words) ? 0 : 1;
  } catch (error) {
    if (error instanceof TestError) return yield* complain(proc, error.message, 2);
    throw error;
  }
}

class ExprError extends Error {
  override readonly name: string = "ExprError";
}

class Expr {
  readonly #words: readonly string[];
  #at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  run(): string {
    const value = this.#or();
    if (this.#at < this.#words.length)
      throw new ExprError(`syntax error: unexpected argument ‘${this.#words[this.#at]}’`);
    return value;
  }

  #or(): string {
    let left = this.#and();
    while (this.#take("|")) {
      const right = this.#and();
      if (isNull(left)) left = isNull(right) ? "0" : right;
    }
    return left;
  }

  #and(): string {
    let left = this.#comparison();
    while (this.#take("&")) {
      const right = this.#comparison();
      if (isNull(left) || isNull(right)) left = "0";
    }
    return left;
  }

  #comparison(): string {
    let left = this.#sum();
    for (;;) {
      const operator = ["<=", ">=", "!=", "==", "=", "<", ">"].find((each) => this.#take(each));
      if (operator === undefined) return left;
      const right = this.#sum();
      const numbers = isInteger(left) && isInteger(right);
      const order = numbers
        ? Number(BigInt(left) > BigInt(right)) - Number(BigInt(left) < BigInt(right))
        : Number(left > right) - Number(left < right);
      const truth =
        operator === "<"
          ? order < 0
          : operator === "<="
            ? order <= 0
            : operator === ">"
              ? order > 0
              : operator === ">="
                ? order >= 0
                : operator === "!="
                  ? order !== 0
                  : order === 0;
      left = truth ? "1" : "0";
    }
  }

  #sum(): string {
    let left = this.#product();
    for (;;) {
      const operator = this.#take("+") ? "+" : this.#take("-") ? "-" : undefined;
      if (operator === undefined) return left;
      const right = this.#product();
      left = String(operator === "+" ? integer(left) + integer(right) : integer(left) - integer(right));
    }
  }

  #product(): string {
    let left = this.#match();
    for (;;) {
      const operator = ["*", "/", "%"].find((each) => this.#take(each));
      if (operator === undefined) return left;
      const right = this.#match();
      const [a, b] = [integer(left), integer(right)];
      if (operator === "*") left = String(a * b);
      else {
        if (b === 0n) throw new ExprError("division by zero");
        left = String(operator === "/" ? a / b : a % b);
      }
    }
  }

  #match(): string {
    let left = this.#primary();
    while (this.#take(":")) left = matchText(left, this.#primary());
    return left;
  }

  #primary(): string {
    const word = this.#words[this.#at++];
    if (word === undefined) throw new ExprError(`syntax error: missing argument after ‘${this.#words.at(-1)}’`);
    if (word === "(") {
      const value = this.#or();
      if (!this.#take(")")) throw new ExprError(`syntax error: expecting ')' after ‘${this.#words[this.#at - 1]}’`);
      return value;
    }
    if (this.#at >= this.#words.length) return word;
    switch (word) {
      case "+":
        return this.#words[this.#at++]!;
      case "length":
        return String([...this.#primary()].length);
      case "match": {
        const text = this.#primary();
        return matchText(text, this.#primary());
      }
      case "index": {
        const text = [...this.#primary()];
        const chars = this.#primary();
        return String(text.findIndex((c) => chars.includes(c)) + 1);
      }
      case "substr": {
        const text = [...this.#primary()];
        const from = Number(this.#primary());
        const length = Number(this.#primary());
        return from > 0 && length > 0 ? text.slice(from - 1, from - 1 + length).join("") : "";
      }
    }
    return word;
  }

  #take(word: string): boolean {
    if (this.#words[this.#at] !== word) return false;
    this.#at++;
    return true;
  }
}

function isNull(text: string): boolean {
  return text === "" || /^-?0+$/.test(text);
}

function isInteger(text: string): boolean {
  return /^-?\d+$/.test(text);
}

function integer(text: string): bigint {
  if (!isInteger(text)) throw new ExprError("non-integer argument");
  return BigInt(text);
}

function matchText(text: string, pattern: string): string {
  let expression: RegExp;
  try {
    expression = new RegExp(`^(?:${breSource(pattern)})`, "u");
  } catch (error) {
    if (error instanceof RegexError) throw new ExprError(error.message);
    throw error;
  }
  const match = expression.exec(text);
  const groups = /\\\(/.test(pattern);
  if (groups) return match?.[1] ?? "";
  return String(match ? [...match[0]].length : 0);
}

function* expr(proc: Process): Task<number> {
  const words = proc.argv[1] === "--" ? proc.argv.slice(2) : proc.argv.slice(1);
  if (words.length === 0) return yield* usageError(proc, "missing operand", 2);
  try {
    const value = new Expr(words).run();
    yield* proc.print(`${value}\n`);
    return isNull(value) ? 1 : 0;
  } catch (error) {
    if (error instanceof ExprError) return yield* complain(proc, error.message, 2);
    throw error;
  }
}

export const infoPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["date", date],
  ["id", id],
  ["whoami", whoami],
  ["pwd", pwd],
  ["hostname", hostname],
  ["uname", uname],
  ["nproc", nproc],
  ["arch", arch],
  ["tty", tty],
  ["clear", clear],
  ["env", env],
  ["printenv", printenv],
  ["which", which],
  ["true", () => yesNo(0)],
  ["false", () => yesNo(1)],
  ["echo", echo],
  ["printf", printfProgram],
  ["test", test],
  ["[", test],
  ["expr", expr],
]);
