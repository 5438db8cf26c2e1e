// Blocks of nft's language: where a base chain hangs, what a set is, named objects. Answers to the block part of
// src/parser_bison.y of nftables 1.0.6.

import type { AstChain, AstObject, AstSet } from "./ast.ts";
import { type Cursor, unexpected } from "./cursor.ts";
import { isDataType } from "./datatypes.ts";
import { NftProblem, type Token } from "./lexer.ts";
import { parseLeft, parseSetExpr, refuse } from "./parse-expr.ts";
import { parseQuota, parseRate } from "./parse-stmt.ts";
import { CHAIN_TYPES, HOOKS, priorityByName } from "./priorities.ts";

export function hookSpec(cursor: Cursor): NonNullable<AstChain["base"]> {
  cursor.expect("type");
  const type = cursor.next();
  if (!CHAIN_TYPES.includes(type.text as "filter")) throw new NftProblem("unknown chain type", type);
  cursor.expect("hook", "hook");
  const hook = cursor.next();
  if (hook.text === "ingress" || hook.text === "egress") refuse(`hook ${hook.text}`, hook);
  if (!HOOKS.includes(hook.text)) throw new NftProblem("unknown chain hook", hook);
  if (cursor.is("device", "devices")) refuse("device", cursor.token);
  const start = cursor.expect("priority", "priority");
  return { type: type.text, hook: hook.text, priority: priority(cursor, hook.text, start) };
}

function priority(cursor: Cursor, hook: string, _start: Token): number | NftProblem {
  cursor.expand();
  const first = cursor.token;
  const sign = cursor.take("-") ? -1 : 1;
  if (cursor.token.kind === "number") return sign * cursor.number();
  if (cursor.token.kind !== "word") throw unexpected(cursor.token, undefined);
  const name = cursor.next();
  const value = priorityByName(name.text, hook);
  let offset = 0;
  if (cursor.is("+", "-")) {
    const minus = cursor.next().text === "-";
    offset = cursor.number() * (minus ? -1 : 1);
  }
  if (value === undefined) {
    // the place is that of the whole clause, its end included
    const end = { ...first, to: cursor.token.to };
    const loc = cursor.is(";") ? { ...first, from: _start.from, to: name.to } : end;
    return new NftProblem("invalid priority expression value in this context.", loc);
  }
  return value + offset;
}

export function setBlock(cursor: Cursor, isMap: boolean, problems: NftProblem[]): AstSet {
  const start = cursor.expect("{", "'{'");
  let keyTypes: string[] | null = null;
  let dataTypes: string[] | null = null;
  let typeOf: AstSet["typeOf"] = null;
  let dataTypeOf: AstSet["dataTypeOf"] = null;
  const flags: Set<string> = new Set();
  let timeoutNs: number | null = null;
  let gcIntervalNs: number | null = null;
  let size: number | null = null;
  let policy: "memory" | null = null;
  let autoMerge = false;
  let counter = false;
  let comment: string | null = null;
  let elements: AstSet["elements"] = null;
  for (;;) {
    cursor.skipSeparators();
    if (cursor.take("}")) break;
    if (cursor.atEnd) throw unexpected(cursor.token, undefined);
    if (cursor.take("type")) {
      keyTypes = types(cursor, problems);
      if (cursor.take(":")) dataTypes = types(cursor, problems);
    } else if (cursor.take("typeof")) {
      typeOf = parseLeft(cursor);
      if (cursor.take(":")) {
        if (cursor.take("verdict")) dataTypes = ["verdict"];
        else dataTypeOf = parseLeft(cursor);
      }
    } else if (cursor.take("flags")) {
      do flags.add(cursor.next().text);
      while (cursor.take(","));
    } else if (cursor.take("timeout")) timeoutNs = cursor.duration();
    else if (cursor.take("gc-interval")) gcIntervalNs = cursor.duration();
    else if (cursor.take("size")) size = cursor.number();
    else if (cursor.take("policy")) policy = cursor.next().text === "memory" ? "memory" : null;
    else if (cursor.take("auto-merge")) autoMerge = true;
    else if (cursor.take("counter")) counter = true;
    else if (cursor.take("comment")) comment = cursor.text();
    else if (cursor.take("elements")) {
      cursor.expect("=", "'='");
      elements = parseSetExpr(cursor);
    } else if (cursor.is("limit", "quota", "ct")) refuse(`${cursor.token.text} in a set`, cursor.token);
    else throw unexpected(cursor.token, undefined);
    if (!cursor.atSeparator && !cursor.is("}")) throw unexpected(cursor.token, undefined);
  }
  // up to what stands before the brace that ends it
  const loc = { ...start, to: Math.max(start.to, cursor.tokens[cursor.at - 2]!.to) };
  if (keyTypes === null && typeOf === null)
    problems.push(new NftProblem(`${isMap ? "map" : "set"} definition does not specify key`, loc));
  return {
    isMap,
    keyTypes,
    typeOf,
    dataTypes,
    dataTypeOf,
    flags,
    timeoutNs,
    gcIntervalNs,
    size,
    policy,
    autoMerge,
    counter,
    comment,
    elements,
  };
}

function types(cursor: Cursor, problems: NftProblem[]): string[] | null {
  const names: string[] = [];
  let known = true;
  do {
    const name = cursor.token;
    cursor.next();
    if (name.text === "ipv6_addr") refuse("ipv6_addr", name);
    if (!isDataType(name.text)) {
      known = false;
      problems.push(new NftProblem(`unknown datatype ${name.text}`, name));
    }
    names.push(name.text);
  } while (cursor.take("."));
  return known ? names : null;
}

export function objectBlock(cursor: Cursor, type: "counter" | "quota" | "limit" | "ct helper"): AstObject {
  let comment: string | null = null;
  let packets = 0;
  let bytes = 0;
  let quota = { bytes: 0, over: false, used: 0 };
  let rate = { rate: 0, unit: 1, burst: 5, bytes: false, over: false };
  let helper = "";
  let protocol = "";
  const clause = (): void => {
    if (cursor.take("comment")) comment = cursor.text();
    else if (type === "counter") {
      cursor.expect("packets");
      packets = cursor.number();
      cursor.expect("bytes", "bytes");
      bytes = cursor.number();
    } else if (type === "quota") quota = parseQuota(cursor);
    else if (type === "limit") rate = parseRate(cursor);
    else if (cursor.take("type")) {
      helper = cursor.text();
      cursor.expect("protocol", "protocol");
      protocol = cursor.next().text;
    } else if (cursor.take("l3proto")) cursor.next();
    else throw unexpected(cursor.token, undefined);
  };
  if (cursor.take("{")) {
    for (;;) {
      cursor.skipSeparators();
      if (cursor.take("}")) break;
      clause();
    }
  } else if (!cursor.atSeparator) clause();
  if (type === "counter") return { type, packets, bytes, comment };
  if (type === "quota") return { type, ...quota, comment };
  if (type === "limit") return { type, ...rate, comment };
  return { type, helper, protocol, comment };
}

export const EMPTY_SET: AstSet = {
  isMap: false,
  keyTypes: null,
  typeOf: null,
  dataTypes: null,
  dataTypeOf: null,
  flags: new Set(),
  timeoutNs: null,
  gcIntervalNs: null,
  size: null,
  policy: null,
  autoMerge: false,
  counter: false,
  comment: null,
  elements: null,
};
