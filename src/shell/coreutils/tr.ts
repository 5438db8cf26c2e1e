// tr: bytes translated, deleted, squeezed.

import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { complain, curly, getopt, openInput, quoted, toBinary, usageError } from "./util.ts";

/** The members of a set of tr(1): ranges, classes, escapes, [x*n] (null stands for the filler's length). */
function trSet(text: string): { chars: string; fill: { char: string; at: number } | undefined; problem?: string } {
  let out = "";
  let fill: { char: string; at: number } | undefined;
  let i = 0;
  const one = (): string => {
    const c = text[i++]!;
    if (c !== "\\" || i >= text.length) return c;
    const octal = /^[0-7]{1,3}/.exec(text.slice(i))?.[0];
    if (octal !== undefined) {
      i += octal.length;
      return String.fromCharCode(Number.parseInt(octal, 8) & 255);
    }
    const e = text[i++]!;
    const at = "abfnrtv\\".indexOf(e);
    return at < 0 ? e : "\x07\b\f\n\r\t\v\\"[at]!;
  };
  while (i < text.length) {
    const rest = text.slice(i);
    const named = /^\[:([a-z]+):\]/.exec(rest);
    if (named) {
      const members = TR_CLASSES.get(named[1]!);
      if (members === undefined)
        return { chars: "", fill: undefined, problem: `invalid character class ${quoted(named[1]!)}` };
      out += members;
      i += named[0].length;
      continue;
    }
    const equal = /^\[=(.)=\]/.exec(rest);
    if (equal) {
      out += equal[1];
      i += equal[0].length;
      continue;
    }
    const repeat = /^\[(\\?[\s\S])\*(\d*)\]/.exec(rest);
    if (repeat) {
      i++;
      const char = one();
      i = text.length - rest.length + repeat[0].length;
      const count = repeat[2] === "" ? 0 : Number.parseInt(repeat[2]!, repeat[2]!.startsWith("0") ? 8 : 10);
      if (count === 0) fill = { char, at: out.length };
      else out += char.repeat(count);
      continue;
    }
    const from = one();
    if (text[i] === "-" && i + 1 < text.length) {
      i++;
      const to = one();
      if (from > to)
        return {
          chars: "",
          fill: undefined,
          problem: `range-endpoints of '${from}-${to}' are in reverse collating sequence order`,
        };
      for (let code = from.charCodeAt(0); code <= to.charCodeAt(0); code++) out += String.fromCharCode(code);
    } else out += from;
  }
  return { chars: out, fill };
}

function members(test: RegExp): string {
  let out = "";
  for (let code = 0; code < 256; code++) if (test.test(String.fromCharCode(code))) out += String.fromCharCode(code);
  return out;
}

const TR_CLASSES: ReadonlyMap<string, string> = new Map([
  ["alpha", members(/[A-Za-z]/)],
  ["digit", members(/[0-9]/)],
  ["alnum", members(/[A-Za-z0-9]/)],
  ["upper", members(/[A-Z]/)],
  ["lower", members(/[a-z]/)],
  ["space", "\t\n\v\f\r "],
  ["blank", "\t "],
  ["punct", members(/[!-/:-@[-`{-~]/)],
  ["xdigit", members(/[0-9A-Fa-f]/)],
  ["cntrl", `${Array.from({ length: 32 }, (_c, code) => String.fromCharCode(code)).join("")}\x7f`],
  ["print", members(/[ -~]/)],
  ["graph", members(/[!-~]/)],
]);

function* tr(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "cCdst",
    long: { complement: "c", delete: "d", "squeeze-repeats": "s", "truncate-set1": "t" },
    stop: true,
  });
  const [one, other, extra] = operands;
  const deleting = options.has("d");
  const squeezing = options.has("s");
  if (one === undefined) return yield* usageError(proc, "missing operand");
  if (other === undefined && !deleting && !squeezing)
    return yield* usageError(proc, `missing operand after ${curly(one)}\nTwo strings must be given when translating.`);
  if (extra !== undefined || (deleting && !squeezing && other !== undefined))
    return yield* usageError(
      proc,
      `extra operand ${curly(extra ?? other!)}${deleting && extra === undefined ? "\nOnly one string may be given when deleting without squeezing repeats." : ""}`,
    );
  const first = trSet(toBinary(one));
  const second = other === undefined ? undefined : trSet(toBinary(other));
  const problem = first.problem ?? second?.problem;
  if (problem !== undefined) return yield* complain(proc, problem);
  let from = first.chars;
  if (options.has("c") || options.has("C"))
    from = members(/[\s\S]/).replace(/[\s\S]/g, (c) => (first.chars.includes(c) ? "" : c));
  const map = new Array<number>(256);
  for (let i = 0; i < 256; i++) map[i] = i;
  const gone = new Uint8Array(256);
  const squeeze = new Uint8Array(256);
  if (deleting) for (const c of from) gone[c.charCodeAt(0)] = 1;
  else if (second) {
    let to = second.chars;
    if (second.fill) {
      const missing = Math.max(0, from.length - to.length);
      to = to.slice(0, second.fill.at) + second.fill.char.repeat(missing) + to.slice(second.fill.at);
    }
    if (to === "") return yield* complain(proc, "when not truncating set1, string2 must be non-empty");
    if (options.has("t")) from = from.slice(0, to.length);
    for (let i = 0; i < from.length; i++) map[from.charCodeAt(i)] = to.charCodeAt(Math.min(i, to.length - 1));
  }
  if (squeezing) for (const c of second?.chars ?? from) squeeze[c.charCodeAt(0)] = 1;
  const stdin = openInput(proc, "-");
  let before = -1;
  for (;;) {
    const part = yield* stdin.read(65536);
    if (part === null) return 0;
    const out = new Uint8Array(part.length);
    let n = 0;
    for (const byte of part) {
      if (gone[byte]) continue;
      const mapped = map[byte]!;
      if (squeeze[mapped] && mapped === before) continue;
      out[n++] = mapped;
      before = mapped;
    }
    yield* proc.printBytes(out.subarray(0, n));
  }
}

export const trPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([["tr", tr]]);
