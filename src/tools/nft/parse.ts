// Commands, table blocks, definitions and includes of nft's language. Answers to the command part of src/parser_bison.y of
// nftables 1.0.6. Errors are gathered, line by line, as bison's error recovery does.

import type { AstChain, Cmd, Family, Handle, Verb } from "./ast.ts";
import { Cursor, unexpected } from "./cursor.ts";
import { type Loc, NftProblem, type Source, type Token } from "./lexer.ts";
import { EMPTY_SET, hookSpec, objectBlock, setBlock } from "./parse-block.ts";
import { parseSetExpr, refuse } from "./parse-expr.ts";
import { parseRule } from "./parse-stmt.ts";

const FAMILIES = ["ip", "ip6", "inet", "arp", "bridge", "netdev"];
const VERBS: readonly string[] = [
  "add",
  "create",
  "insert",
  "replace",
  "delete",
  "flush",
  "list",
  "rename",
  "reset",
  "get",
];
const LISTS = ["tables", "chains", "sets", "maps", "counters", "quotas", "limits", "flowtables", "meters"];
const MONITORED = ["tables", "chains", "sets", "rules", "elements", "ruleset", "trace"];
const MAX_INCLUDE_DEPTH = 16;

export interface Parsed {
  readonly cmds: readonly Cmd[];
  readonly problems: readonly NftProblem[];
}

/** Finds included files: path, or undefined. */
export type Include = (path: string) => string | undefined;

export function parseNft(source: Source, variables: Map<string, readonly Token[]>, include: Include): Parsed {
  const parser = new Parser(variables, include);
  parser.read(source, 0);
  return { cmds: parser.cmds, problems: parser.problems };
}

class Parser {
  readonly cmds: Cmd[] = [];
  readonly problems: NftProblem[] = [];
  readonly #variables: Map<string, readonly Token[]>;
  readonly #include: Include;

  constructor(variables: Map<string, readonly Token[]>, include: Include) {
    this.#variables = variables;
    this.#include = include;
  }

  read(source: Source, depth: number): void {
    let cursor: Cursor;
    try {
      cursor = Cursor.of(source, this.#variables);
    } catch (error) {
      this.#gather(error);
      return;
    }
    for (;;) {
      cursor.skipSeparators();
      if (cursor.atEnd) return;
      const start = cursor.at;
      try {
        this.#line(cursor, depth);
        if (!cursor.atSeparator) throw unexpected(cursor.token, "end of file or newline or semicolon");
      } catch (error) {
        this.#gather(error);
        if (cursor.at === start) cursor.next();
        skipCommand(cursor, start);
      }
    }
  }

  #gather(error: unknown): void {
    if (!(error instanceof NftProblem)) throw error;
    this.problems.push(error);
  }

  #line(cursor: Cursor, depth: number): void {
    const start = cursor.token;
    if (cursor.is("define", "redefine")) {
      this.#define(cursor);
      return;
    }
    if (cursor.take("undefine")) {
      const name = cursor.name();
      if (!this.#variables.delete(name.text)) throw new NftProblem(`undefined symbol '${name.text}'`, name);
      return;
    }
    if (cursor.take("include")) {
      const path = cursor.text("quoted string");
      const text = this.#include(path);
      const loc = { ...cursor.since(start), to: cursor.token.from + 1 };
      if (text === undefined) throw new NftProblem(`File not found: ${path}`, loc);
      if (depth >= MAX_INCLUDE_DEPTH) throw new NftProblem("Include nested too deeply, max 16 levels", loc);
      this.read({ name: path, text }, depth + 1);
      return;
    }
    this.cmds.push(this.#command(cursor));
  }

  #define(cursor: Cursor): void {
    const again = cursor.next().text === "redefine";
    const name = cursor.name();
    cursor.expect("=", "'='");
    const value: Token[] = [];
    let depth = 0;
    while (!cursor.atEnd && (depth > 0 || !cursor.atSeparator)) {
      cursor.expand();
      if (cursor.is("{")) depth++;
      else if (cursor.is("}")) depth--;
      value.push(cursor.next());
    }
    if (value.length === 0) throw unexpected(cursor.token, undefined);
    if (!again && this.#variables.has(name.text)) throw new NftProblem(`redefinition of symbol '${name.text}'`, name);
    this.#variables.set(name.text, value);
  }

  #command(cursor: Cursor): Cmd {
    const start = cursor.token;
    let verb: Verb = "add";
    let explicit = false;
    if (VERBS.includes(start.text) && start.kind === "word") {
      verb = cursor.next().text as Verb;
      explicit = true;
    } else if (start.text === "monitor" && start.kind === "word") return this.#monitor(cursor);
    if (["export", "import", "describe"].includes(start.text)) refuse(start.text, start);
    const what = cursor.token;
    const cmd = this.#subject(cursor, start, verb, explicit, what);
    // the end of the line belongs to it
    const loc = cursor.since(start);
    return {
      ...cmd,
      loc: cursor.atEnd || cursor.atSeparator ? { ...loc, to: Math.max(loc.to, cursor.token.from) + 1 } : loc,
    } as Cmd;
  }

  /** monitor_cmd */
  #monitor(cursor: Cursor): Cmd {
    const start = cursor.next();
    const eventLoc = cursor.token;
    const word = (): string => (cursor.token.kind === "word" ? cursor.token.text : "");
    let event: string | null = null;
    if (word() !== "" && !MONITORED.includes(word()) && !["json", "xml"].includes(word())) event = cursor.next().text;
    let object: string | null = null;
    if (MONITORED.includes(word())) object = cursor.next().text;
    if (["json", "xml", "vm"].includes(word())) refuse(`monitor ${word()}`, cursor.token);
    if (!cursor.atEnd && !cursor.atSeparator) throw unexpected(cursor.token, "end of file or newline or semicolon");
    return { verb: "monitor", loc: cursor.since(start), c: "monitor", event, eventLoc, object };
  }

  #subject(cursor: Cursor, loc: Token, verb: Verb, explicit: boolean, what: Token): Cmd {
    const text = what.kind === "word" ? what.text : "";
    if (verb === "list" || verb === "reset" || verb === "flush") {
      const all = this.#all(cursor, loc, verb, text);
      if (all) return all;
    }
    switch (text) {
      case "table":
        cursor.next();
        return this.#table(cursor, loc, verb);
      case "chain":
        cursor.next();
        return this.#chainCmd(cursor, loc, verb);
      case "rule":
        if (["add", "insert", "replace", "delete"].includes(verb)) {
          cursor.next();
          return this.#rule(cursor, loc, verb);
        }
        break;
      case "set":
      case "map":
        if (verb !== "insert" && verb !== "replace") {
          cursor.next();
          return this.#setCmd(cursor, loc, verb, text === "map");
        }
        break;
      case "element":
        if (["add", "create", "delete", "get"].includes(verb)) {
          cursor.next();
          const h = this.#handle(cursor);
          cursor.expand();
          const elements = parseSetExpr(cursor);
          return { verb, loc, c: "element", h, elements };
        }
        break;
      case "counter":
      case "quota":
      case "limit":
        if (verb !== "insert" && verb !== "replace") {
          cursor.next();
          return this.#objectCmd(cursor, loc, verb, text);
        }
        break;
      case "ct":
        cursor.next();
        if (cursor.is("helper")) {
          cursor.next();
          return this.#objectCmd(cursor, loc, verb, "ct helper");
        }
        refuse(`ct ${cursor.token.text}`, cursor.token);
        break;
      case "flowtable":
      case "synproxy":
      case "secmark":
        refuse(text, what);
        break;
      default:
        break;
    }
    // "add rule" may be left out
    if ((verb === "add" && what.kind === "word") || (verb === "insert" && what.kind === "word")) {
      if (!explicit || verb === "add" || verb === "insert") return this.#rule(cursor, loc, verb);
    }
    throw unexpected(what, verb === "add" ? "string" : undefined);
  }

  /** "list ruleset", "list tables", "flush ruleset" … */
  #all(cursor: Cursor, loc: Token, verb: Verb, text: string): Cmd | null {
    if (text === "ruleset" && verb !== "reset") {
      cursor.next();
      return { verb, loc, c: "ruleset", family: this.#family(cursor, null) };
    }
    if (verb === "flush") return null;
    if (text === "hooks" || text === "rules") refuse(`${verb} ${text}`, cursor.token);
    if (LISTS.includes(text)) {
      cursor.next();
      if (cursor.take("table")) {
        const table = this.#tableHandle(cursor);
        return { verb, loc, c: "all", what: text, family: null, table };
      }
      return { verb, loc, c: "all", what: text, family: this.#family(cursor, null), table: null };
    }
    if (text === "ct" && cursor.peek().text === "helpers") {
      cursor.next();
      cursor.next();
      cursor.expect("table", "table");
      return { verb, loc, c: "all", what: "ct helpers", family: null, table: this.#tableHandle(cursor) };
    }
    return null;
  }

  #family<T>(cursor: Cursor, without: T): Family | T {
    const { token } = cursor;
    if (token.kind !== "word" || !FAMILIES.includes(token.text)) return without;
    cursor.next();
    if (token.text !== "ip" && token.text !== "inet") refuse(`the family ${token.text}`, token);
    return token.text;
  }

  #tableHandle(cursor: Cursor): Handle {
    cursor.expand();
    const family = this.#family(cursor, "ip" as const);
    cursor.expand();
    const table = cursor.name("string");
    return { family, table: table.text, tableLoc: table, name: "", nameLoc: table };
  }

  #handle(cursor: Cursor): Handle {
    const { family, table, tableLoc } = this.#tableHandle(cursor);
    cursor.expand();
    const name = cursor.name("string");
    return { family, table, tableLoc, name: name.text, nameLoc: name };
  }

  /** Table or chain by handle: "delete table ip handle 5". */
  #byHandle(cursor: Cursor): { byHandle: number; handleLoc: Loc } | null {
    if (!cursor.take("handle")) return null;
    const handleLoc = cursor.token;
    return { byHandle: cursor.number("number"), handleLoc };
  }

  #table(cursor: Cursor, loc: Token, verb: Verb): Cmd {
    let byHandle: { byHandle: number; handleLoc: Loc } | null = null;
    let h: Handle;
    if (verb === "delete" && (cursor.is("handle") || cursor.peek().text === "handle")) {
      const family = this.#family(cursor, "ip" as const);
      byHandle = this.#byHandle(cursor);
      h = { family, table: "", tableLoc: loc, name: "", nameLoc: loc };
    } else h = this.#tableHandle(cursor);
    let dormant = false;
    let comment: string | undefined;
    if ((verb === "add" || verb === "create") && cursor.is("{")) {
      const cmds: Cmd[] = [];
      ({ dormant, comment } = this.#tableBlock(cursor, h, cmds));
      this.#later = cmds;
    }
    const cmd: Cmd = {
      verb,
      loc,
      c: "table",
      h,
      dormant,
      comment,
      byHandle: byHandle?.byHandle ?? null,
      handleLoc: byHandle?.handleLoc ?? null,
    };
    return this.#withLater(cmd, cursor, loc);
  }

  /** what a table's block holds, as commands of their own */
  #later: Cmd[] = [];

  #withLater(cmd: Cmd, cursor: Cursor, loc: Token): Cmd {
    if (this.#later.length === 0) return cmd;
    const later = this.#later;
    this.#later = [];
    // the table itself comes first; chains before the rules that jump to them
    this.cmds.push({ ...cmd, loc: cursor.since(loc) } as Cmd, ...later.slice(0, -1));
    return later.at(-1)!;
  }

  #tableBlock(cursor: Cursor, h: Handle, cmds: Cmd[]): { dormant: boolean; comment: string | undefined } {
    cursor.expect("{");
    let dormant = false;
    let comment: string | undefined;
    const sets: Cmd[] = [];
    const chains: Cmd[] = [];
    const rules: Cmd[] = [];
    const elements: Cmd[] = [];
    for (let isFirst = true; ; isFirst = false) {
      if (!isFirst && !cursor.atSeparator)
        throw unexpected(cursor.token, cursor.is("}") ? "newline or semicolon" : undefined);
      cursor.skipSeparators();
      if (cursor.take("}")) break;
      if (cursor.atEnd) throw unexpected(cursor.token, undefined);
      const start = cursor.token;
      if (cursor.take("flags")) {
        const flag = cursor.name();
        if (flag.text !== "dormant") throw new NftProblem(`unknown table option ${flag.text}`, flag);
        dormant = true;
      } else if (cursor.take("comment")) comment = cursor.text();
      else if (cursor.is("chain")) {
        cursor.next();
        const name = cursor.name("string");
        const handle = { ...h, name: name.text, nameLoc: name };
        cursor.expect("{", "'{'");
        const chain = this.#chainBlock(cursor, true);
        chains.push({
          verb: "add",
          loc: cursor.since(start),
          c: "chain",
          h: handle,
          chain: { ...chain, rules: [] },
          byHandle: null,
          handleLoc: null,
          newName: "",
        });
        for (const rule of chain.rules)
          rules.push({ verb: "add", loc: rule.loc, c: "rule", h: handle, rule, position: null });
      } else if (cursor.is("set", "map")) {
        const isMap = cursor.next().text === "map";
        const name = cursor.name("string");
        const handle = { ...h, name: name.text, nameLoc: name };
        const set = setBlock(cursor, isMap, this.problems);
        const loc = cursor.since(start);
        sets.push({
          verb: "add",
          loc,
          c: "set",
          h: handle,
          set: { ...set, elements: null },
          isMap,
          byHandle: null,
          handleLoc: null,
        });
        if (set.elements)
          elements.push({ verb: "add", loc: set.elements.loc, c: "element", h: handle, elements: set.elements });
      } else if (cursor.is("counter", "quota", "limit", "ct")) {
        let type = cursor.next().text as "counter" | "quota" | "limit" | "ct helper";
        if ((type as string) === "ct") {
          cursor.expect("helper", "helper");
          type = "ct helper";
        }
        const name = cursor.name("string");
        const object = objectBlock(cursor, type);
        sets.unshift({
          verb: "add",
          loc: cursor.since(start),
          c: "object",
          h: { ...h, name: name.text, nameLoc: name },
          object,
          type,
        });
      } else if (cursor.is("include", "define", "redefine")) this.#line(cursor, 1);
      else if (cursor.is("flowtable", "secmark", "synproxy")) refuse(cursor.token.text, cursor.token);
      else throw unexpected(cursor.token, undefined);
    }
    const objects = sets.filter(({ c }) => c === "object").reverse();
    // nft's order: chains, objects, sets, then elements and rules
    cmds.push(...chains, ...objects, ...sets.filter(({ c }) => c !== "object"), ...elements, ...rules);
    return { dormant, comment };
  }

  #chainCmd(cursor: Cursor, loc: Token, verb: Verb): Cmd {
    let h: Handle;
    let byHandle: { byHandle: number; handleLoc: Loc } | null = null;
    if (verb === "delete") {
      const table = this.#tableHandle(cursor);
      byHandle = this.#byHandle(cursor);
      if (byHandle) h = table;
      else {
        const name = cursor.name("string");
        h = { ...table, name: name.text, nameLoc: name };
      }
    } else h = this.#handle(cursor);
    let chain: AstChain = { base: null, policy: undefined, comment: undefined, rules: [] };
    let newName = "";
    if (verb === "rename") newName = cursor.name("string").text;
    else if ((verb === "add" || verb === "create") && cursor.take("{")) chain = this.#chainBlock(cursor, false);
    const { rules, ...rest } = chain;
    const cmd: Cmd = {
      verb,
      loc,
      c: "chain",
      h,
      chain: { ...rest, rules: [] },
      byHandle: byHandle?.byHandle ?? null,
      handleLoc: byHandle?.handleLoc ?? null,
      newName,
    };
    if (rules.length > 0)
      this.#later = rules.map((rule) => ({ verb: "add", loc: rule.loc, c: "rule", h, rule, position: null }));
    return this.#withLater(cmd, cursor, loc);
  }

  #chainBlock(cursor: Cursor, recovers: boolean): AstChain {
    let base: AstChain["base"] = null;
    let policy: number | undefined;
    let comment: string | undefined;
    const rules: AstChain["rules"][number][] = [];
    for (;;) {
      cursor.skipSeparators();
      if (cursor.take("}")) return { base, policy, comment, rules };
      if (cursor.atEnd) throw unexpected(cursor.token, undefined);
      try {
        if (cursor.is("type")) base = hookSpec(cursor);
        else if (cursor.is("policy")) {
          cursor.next();
          cursor.expand();
          if (!cursor.is("accept", "drop")) throw unexpected(cursor.token, "accept or drop or '$'");
          policy = cursor.next().text === "accept" ? 1 : 0;
        } else if (cursor.is("flags")) refuse("chain flags", cursor.token);
        else if (cursor.is("comment")) {
          cursor.next();
          comment = cursor.text();
        } else rules.push(parseRule(cursor));
        if (!cursor.atSeparator) throw unexpected(cursor.token, cursor.is("}") ? "newline or semicolon" : undefined);
      } catch (error) {
        if (!recovers || !(error instanceof NftProblem)) throw error;
        this.problems.push(error);
        while (!cursor.atEnd && !cursor.atSeparator) cursor.next();
        if (cursor.atEnd) throw new Recovered();
      }
    }
  }

  #rule(cursor: Cursor, loc: Token, verb: Verb): Cmd {
    const h = this.#handle(cursor);
    let position: (Cmd & { c: "rule" })["position"] = null;
    if (verb === "delete" || verb === "replace") {
      if (!cursor.is("handle")) throw unexpected(cursor.token, "handle");
      cursor.next();
      const at = cursor.token;
      position = { kind: "handle", value: cursor.number("number"), loc: at };
      if (verb === "delete") return { verb, loc, c: "rule", h, rule: null, position };
    } else if (cursor.is("position", "handle", "index") && cursor.peek().kind === "number") {
      const word = cursor.next();
      const number = cursor.token;
      const value = cursor.number();
      // an error points at a handle, but at all of the others
      const at = word.text === "handle" ? number : cursor.since(word);
      position = { kind: word.text === "index" ? "index" : "handle", value, loc: at };
    }
    return { verb, loc, c: "rule", h, rule: parseRule(cursor), position };
  }

  #setCmd(cursor: Cursor, loc: Token, verb: Verb, isMap: boolean): Cmd {
    let h: Handle;
    let byHandle: { byHandle: number; handleLoc: Loc } | null = null;
    if (verb === "delete") {
      const table = this.#tableHandle(cursor);
      byHandle = this.#byHandle(cursor);
      if (byHandle) h = table;
      else {
        const name = cursor.name("handle or string");
        h = { ...table, name: name.text, nameLoc: name };
      }
    } else h = this.#handle(cursor);
    const set = verb === "add" || verb === "create" ? setBlock(cursor, isMap, this.problems) : EMPTY_SET;
    const cmd: Cmd = {
      verb,
      loc,
      c: "set",
      h,
      set: { ...set, elements: null },
      isMap,
      byHandle: byHandle?.byHandle ?? null,
      handleLoc: byHandle?.handleLoc ?? null,
    };
    if (set.elements) this.#later = [{ verb: "add", loc: set.elements.loc, c: "element", h, elements: set.elements }];
    return this.#withLater(cmd, cursor, loc);
  }

  #objectCmd(cursor: Cursor, loc: Token, verb: Verb, type: "counter" | "quota" | "limit" | "ct helper"): Cmd {
    const h = this.#handle(cursor);
    const object = verb === "add" || verb === "create" ? objectBlock(cursor, type) : null;
    return { verb, loc, c: "object", h, object, type };
  }
}

/** On to the end of a command with a mistake: the line's, or that of the blocks it is in. */
function skipCommand(cursor: Cursor, start: number): void {
  let depth = 0;
  const count = (at: number): void => {
    const { kind, text } = cursor.tokens[at]!;
    if (kind === "op" && text === "{") depth++;
    else if (kind === "op" && text === "}") depth--;
  };
  for (let at = start; at < cursor.at; at++) count(at);
  while (!cursor.atEnd && (depth > 0 || !cursor.atSeparator)) {
    count(cursor.at);
    cursor.next();
  }
}

/** Thrown to end a block whose mistake has been told. */
class Recovered extends NftProblem {
  constructor() {
    super("", null);
  }
}
