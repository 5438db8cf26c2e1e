// Parsing, patterns and expressions on any input: they answer, and never throw anything but their own errors.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expandBraces } from "../../src/shell/brace.ts";
import { isIncomplete, parseScript, ShellSyntaxError, Source } from "../../src/shell/parse.ts";
import { patternRegExp } from "../../src/shell/pattern.ts";
import { backslashQuote, singleQuote } from "../../src/shell/quote.ts";
import { breSource, ereSource, RegexError } from "../../src/shell/regex.ts";
import { AwkError } from "../../src/shell/text/awk-lex.ts";
import { parseAwk } from "../../src/shell/text/awk-parse.ts";
import { parseSed, SedError } from "../../src/shell/text/sed-parse.ts";
import { runScript } from "../support/shell.ts";

const TOKENS =
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
  "if then else fi for in do done while case esac ;; ( ) { } [[ ]] (( )) $( ` ' \" ${ } | || && & ; ! < > << E \n \\ $x a=1 a=( 'b' # * ? [ ] @( function f() time".split(
    " ",
  );
const scripts = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 80 }),
  fc.array(fc.constantFrom(...TOKENS), { maxLength: 25 }).map((words) => words.join(" ")),
  fc.array(fc.constantFrom(...TOKENS), { maxLength: 25 }).map((words) => words.join("")),
);
const patterns = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.array(fc.constantFrom(..."*?[]!^-a-z\\()|+@:.{}1,$/".split("")), { maxLength: 14 }).map((chars) => chars.join("")),
);

describe("parsing a script", () => {
  it("gives statements or a syntax error for any text", () => {
    fc.assert(
      fc.property(scripts, (text) => {
        const { error } = parseScript(new Source(text, "x.sh"));
        expect(error === undefined || error instanceof ShellSyntaxError).toBe(true);
        if (error) expect(error.line).toBeGreaterThan(0);
        isIncomplete(text);
      }),
      { numRuns: 300 },
    );
  });

  it("knows an unfinished command from a wrong one", () => {
    const unfinished = [
      "if a",
      "echo 'x",
      "a &&",
      "f() {",
      "cat <<E\nx",
      "case a in",
      "echo $(a",
      "a |",
      "x=(1",
      "echo \\",
      "{",
      "(a;",
    ];
    const finished = [
      "echo a",
      "fi",
      "a )",
      "if a; then b; fi",
      "cat <<E\nx\nE",
      "# note",
      "",
      "f() { a; }",
      "echo 'it'",
    ];
    expect(unfinished.filter((text) => !isIncomplete(`${text}\n`))).toEqual([]);
    expect(finished.filter((text) => isIncomplete(`${text}\n`))).toEqual([]);
  });

  it("never ends a shell with anything but an exit status", async () => {
    await fc.assert(
      fc.asyncProperty(scripts, async (text) => {
        // what could run for ever or read what is not there is not the point here
        fc.pre(!/while|until|for/.test(text));
        const { status } = await runScript(text, { limits: { maxTimeNs: 10e9, maxEvents: 50_000 } });
        expect(status).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 150 },
    );
  });
});

describe("patterns and regular expressions", () => {
  it("compile or are refused by name, for any text", () => {
    fc.assert(
      fc.property(patterns, (text) => {
        patternRegExp(text).test("abc");
        for (const translate of [breSource, ereSource]) {
          try {
            new RegExp(translate(text), "u");
          } catch (error) {
            expect(error instanceof RegexError || error instanceof SyntaxError).toBe(true);
          }
        }
        expandBraces(text);
      }),
      { numRuns: 500 },
    );
  });

  it("of sed and awk programs are read or refused by name, for any text", () => {
    const programs = fc.oneof(
      fc.string({ maxLength: 30 }),
      fc
        .array(
          fc.constantFrom(
            ...'{}();,/s$1 =!+-*%<>?:|&"ab\n\\[]^~'.split(""),
            "BEGIN",
            "print",
            "if",
            "for",
            "in",
            "getline",
          ),
          { maxLength: 20 },
        )
        .map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(programs, (text) => {
        for (const parse of [() => parseAwk(text), () => parseSed([{ text, where: "-e" }], false)]) {
          try {
            parse();
          } catch (error) {
            if (!(error instanceof AwkError || error instanceof SedError)) throw error;
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("quoting", () => {
  it("gives words that the shell reads back as they were", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: "grapheme", maxLength: 8 }), { minLength: 1, maxLength: 5 }),
        async (words) => {
          const clean = words.map((word) => word.replaceAll("\0", ""));
          const script = `printf '<%s>' ${clean.map(singleQuote).join(" ")}; printf '<%s>' ${clean.map(backslashQuote).join(" ")}`;
          const { stdout } = await runScript(script);
          const once = clean.map((word) => `<${word}>`).join("");
          expect(stdout).toBe(once + once);
        },
      ),
      { numRuns: 60 },
    );
  });
});
