// A script's text becomes data: options, the first and last shell command, events with their times.

import { type Token, tokenize } from "./lexer.ts";
import { parseExpression, parseExpressions } from "./parse-expression.ts";
import { parsePacket } from "./parse-packet.ts";
import type { Call, Code, Command, Event, EventTime, Script } from "./script.ts";
import { TokenReader } from "./token-reader.ts";

/**
 * @param defines symbols of the command line (--define NAME=VALUE), value as it would stand in a script
 * Throws ScriptError with the line.
 */
export function parseScript(text: string, defines: ReadonlyMap<string, string> = new Map()): Script {
  const symbols = new Map([...defines].map(([name, value]) => [name, tokenize(value)[0]!] as const));
  const reader = new TokenReader(tokenize(text), symbols);
  const options = parseOptions(reader);
  const init = parseCommand(reader);
  const events: Event[] = [];
  while (!reader.done && reader.peek()?.type !== "backquoted") events.push(parseEvent(reader));
  const cleanup = parseCommand(reader);
  if (!reader.done) throw reader.unexpected("the end");
  if (events.length === 0) throw reader.fail("the script has no events");
  return { options, init, events, cleanup };
}

function parseOptions(reader: TokenReader): Script["options"] {
  const options: { name: string; value: string; line: number }[] = [];
  for (let token = reader.peek(); token?.type === "option"; token = reader.peek()) {
    reader.next();
    let value = "";
    if (reader.takeMark("=")) {
      value = reader.next().text;
      if (token.text === "define") {
        reader.expectMark("=");
        const what = reader.next();
        reader.defines.set(value, what);
        value = `${value}=${what.text}`;
      } else if (reader.isMark("/") || reader.isMark(",") || reader.isMark(".")) {
        // an address with its prefix, a list
        while (reader.isMark("/") || reader.isMark(",") || reader.isMark("."))
          value += reader.next().text + reader.next().text;
      }
    }
    options.push({ name: token.text, value, line: token.line });
  }
  return options;
}

function parseCommand(reader: TokenReader): Command | null {
  const token = reader.peek();
  if (token?.type !== "backquoted") return null;
  reader.next();
  return { kind: "command", line: token.line, text: token.text };
}

function parseEvent(reader: TokenReader): Event {
  const { line } = reader;
  const time = parseTime(reader);
  const action = parseAction(reader);
  const outgoing = action.kind === "packet" && action.direction === "out";
  const ranged = time.kind === "any" || time.until !== undefined;
  if (ranged && !outgoing) throw reader.fail("only a packet that is expected out may come at any time of a range");
  return { line, time, action };
}

function parseTime(reader: TokenReader): EventTime {
  if (reader.takeMark("*")) return { kind: "any" };
  const kind = reader.takeMark("+") ? "relative" : "absolute";
  const at = reader.number("a time");
  if (!reader.takeMark("~")) return { kind, at };
  if (kind === "relative") reader.expectMark("+");
  return { kind, at, until: reader.number("the end of a range of time") };
}

function parseAction(reader: TokenReader): Event["action"] {
  const token: Token | undefined = reader.peek();
  if (token?.type === "backquoted") return parseCommand(reader)!;
  if (token?.type === "code") {
    reader.next();
    return { kind: "code", line: token.line, text: token.text } satisfies Code;
  }
  if (reader.isMark("<") || reader.isMark(">")) return parsePacket(reader);
  return parseCall(reader);
}

function parseCall(reader: TokenReader): Call {
  const end = reader.takeMark("...") ? reader.number("the time at which the call returns") : null;
  const { line } = reader;
  const name = reader.word("a packet, a system call, a command or code");
  reader.expectMark("(");
  const args = parseExpressions(reader, ")");
  reader.expectMark("=");
  const result = parseExpression(reader);
  let errno: string | null = null;
  const token = reader.peek();
  if (token?.type === "word") {
    errno = token.text;
    reader.next();
  }
  if (reader.isMark("(")) skipNote(reader);
  return { kind: "call", line, name, args, result, errno, end };
}

/** What strace prints behind a result: `(Connection refused)`, `(flags O_RDWR)`. */
function skipNote(reader: TokenReader): void {
  while (!reader.takeMark(")")) reader.next();
}
