// Arguments and results of system calls: numbers, names of constants, strings, lists, structures.

import type { Expression } from "./script.ts";
import type { TokenReader } from "./token-reader.ts";

/** Expressions between commas up to `close`, which is taken too. */
export function parseExpressions(reader: TokenReader, close: string): Expression[] {
  const items: Expression[] = [];
  if (reader.takeMark(close)) return items;
  do items.push(parseExpression(reader));
  while (reader.takeMark(","));
  reader.expectMark(close);
  return items;
}

export function parseExpression(reader: TokenReader): Expression {
  let left = parsePrimary(reader);
  while (reader.takeMark("|")) left = { kind: "or", left, right: parsePrimary(reader) };
  return left;
}

function parsePrimary(reader: TokenReader): Expression {
  const token = reader.peek();
  switch (token?.type) {
    case "number":
      reader.next();
      return { kind: "number", value: token.value };
    case "string":
      return parseString(reader);
    case "word":
      reader.next();
      if (reader.takeMark("(")) return { kind: "call", name: token.text, args: parseExpressions(reader, ")") };
      return { kind: "word", name: token.text };
    case "mark":
      if (reader.takeMark("...")) return { kind: "ellipsis" };
      if (reader.takeMark("[")) return { kind: "list", items: parseExpressions(reader, "]") };
      if (reader.takeMark("{")) return parseStruct(reader);
  }
  throw reader.unexpected("a value");
}

/** Strings that follow one another are one; `"GET"...` is its beginning. */
function parseString(reader: TokenReader): Expression {
  let value = "";
  for (let token = reader.peek(); token?.type === "string"; token = reader.peek()) {
    value += token.text;
    reader.next();
  }
  reader.takeMark("...");
  return { kind: "string", value };
}

function parseStruct(reader: TokenReader): Expression {
  const fields: { name: string | null; value: Expression }[] = [];
  if (reader.takeMark("}")) return { kind: "struct", fields };
  do {
    const token = reader.peek();
    if (token?.type === "word" && namesField(reader)) {
      reader.next();
      // msg_name(...)=..., msg_iov(1)=[…]: the number in parentheses is the list's length
      if (reader.takeMark("(")) parseExpressions(reader, ")");
      reader.expectMark("=");
      fields.push({ name: token.text, value: parseExpression(reader) });
    } else fields.push({ name: null, value: parseExpression(reader) });
  } while (reader.takeMark(","));
  reader.expectMark("}");
  return { kind: "struct", fields };
}

/** `name=` or `name(…)=` comes. */
function namesField(reader: TokenReader): boolean {
  if (reader.isMark("=", 1)) return true;
  return reader.isMark("(", 1) && reader.isMark(")", 3) && reader.isMark("=", 4);
}
