// Text of the match u32 (extensions/libxt_u32.c): tests := location "=" ranges, joined by "&&".

import type { U32Info, U32Op, U32Test } from "../../../net/netfilter/matches/u32.ts";
import type { UserExtension } from "../extension.ts";
import { hex, parameterProblem, strtouiPrefix } from "../xtables.ts";

/** Tests, operators of a location and ranges, each at most so many (XT_U32_MAXSIZE). */
const MAX_SIZE = 10;

/** Reads the argument character by character, as the messages count them. */
class Reader {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get char(): string {
    return this.#text[this.at] ?? "";
  }

  blanks(): void {
    while (/\s/.test(this.char)) this.at++;
  }

  /** The same character again: "&&", "<<", ">>". */
  twice(char: string): void {
    this.at++;
    if (this.char !== char) this.fail(`a second '${char}' was expected`);
  }

  fail(message: string): never {
    parameterProblem(`u32: at char ${this.at}: ${message}`);
  }

  number(): number {
    const parsed = strtouiPrefix(this.#text.slice(this.at), 0, 0xffffffff);
    if (!parsed) this.fail("not a number or out of range");
    this.at = this.#text.length - parsed.rest.length;
    return parsed.value;
  }
}

function parseLocation(reader: Reader): U32Test["location"] {
  const location: U32Test["location"] = [];
  for (;;) {
    reader.blanks();
    if (reader.char === "") parameterProblem("u32: abrupt end of input after location specifier");
    if (reader.char === "=") {
      if (location.length === 0) reader.fail("location spec missing");
      reader.at++;
      return location;
    }
    let op: U32Op = "&";
    if (location.length > 0) {
      const { char } = reader;
      if (char === "<" || char === ">") {
        reader.twice(char);
        op = char === "<" ? "<<" : ">>";
      } else if (char === "&" || char === "@") op = char;
      else reader.fail("operator expected");
      reader.at++;
    }
    location.push({ op, number: reader.number() });
    if (location.length > MAX_SIZE) reader.fail("too many operators");
  }
}

/** True: another test follows. */
function parseValues(reader: Reader, values: U32Test["values"]): boolean {
  for (;;) {
    reader.blanks();
    if (reader.char === "") {
      if (values.length === 0) parameterProblem("u32: test ended with no value specified");
      return false;
    }
    if (reader.char === "&") {
      reader.twice("&");
      if (values.length === 0) reader.fail("value spec missing");
      reader.at++;
      return true;
    }
    if (values.length > 0) {
      if (reader.char !== ",") reader.fail('expected "," or "&&"');
      reader.at++;
    }
    const min = reader.number();
    reader.blanks();
    let max = min;
    if (reader.char === ":") {
      reader.at++;
      max = reader.number();
    }
    values.push([min, max]);
    if (values.length > MAX_SIZE) reader.fail('too many ","s');
  }
}

function parseTests(text: string): U32Test[] {
  const reader = new Reader(text);
  const tests: U32Test[] = [];
  for (;;) {
    const test: U32Test = { location: parseLocation(reader), values: [] };
    tests.push(test);
    const more = parseValues(reader, test.values);
    if (tests.length > MAX_SIZE) reader.fail('too many "&&"s');
    if (!more) return tests;
  }
}

function testText({ location, values }: U32Test): string {
  const place = location.map(({ op, number }, i) => `${i === 0 ? "" : op}${hex(number)}`).join("");
  const ranges = values.map(([min, max]) => (min === max ? hex(min) : `${hex(min)}:${hex(max)}`));
  return `${place}=${ranges.join(",")}`;
}

function testsText({ tests }: U32Info): string {
  return ` "${tests.map(testText).join("&&")}"`;
}

export const u32: UserExtension<U32Info> = {
  name: "u32",
  options: [{ name: "u32", type: "string", mandatory: true, invert: true }],
  init: () => ({ tests: [], invert: false }),
  parse({ info, arg, invert }) {
    info.invert = invert;
    info.tests = parseTests(arg);
  },
  print: (info) => ` u32${info.invert ? " !" : ""}${testsText(info)}`,
  save: (info) => `${info.invert ? " !" : ""} --u32${testsText(info)}`,
};
