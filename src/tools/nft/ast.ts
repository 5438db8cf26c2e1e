// What nft's language says, as it was written: names are not yet looked up, values not yet typed.

import type { NftVerdictName } from "../../net/netfilter/nft/expr.ts";
import type { Loc, NftProblem } from "./lexer.ts";

export type Family = "ip" | "inet";

export type AstExpr = { readonly loc: Loc } & (
  | { readonly t: "sym"; readonly text: string; readonly quoted: boolean }
  | { readonly t: "range"; readonly low: AstExpr; readonly high: AstExpr }
  | { readonly t: "prefix"; readonly base: AstExpr; readonly length: number }
  | { readonly t: "list"; readonly items: readonly AstExpr[] }
  | { readonly t: "set"; readonly items: readonly AstElement[] }
  | { readonly t: "setref"; readonly name: string }
  | { readonly t: "concat"; readonly parts: readonly AstExpr[] }
  | { readonly t: "binop"; readonly op: "&" | "|" | "^" | "<<" | ">>"; readonly left: AstExpr; readonly right: AstExpr }
  | { readonly t: "map"; readonly key: AstExpr; readonly set: AstExpr }
  | { readonly t: "payload"; readonly proto: string; readonly field: string }
  | { readonly t: "raw"; readonly base: string; readonly offset: number; readonly bits: number }
  | { readonly t: "meta"; readonly key: string; readonly qualified: boolean }
  | { readonly t: "ct"; readonly key: string; readonly dir: 0 | 1 | null; readonly proto: "ip" | null }
  | { readonly t: "fib"; readonly flags: readonly string[]; readonly result: "type" | "oif" | "oifname" }
  | { readonly t: "rt"; readonly key: "nexthop" | "mtu" }
  | { readonly t: "numgen"; readonly mode: "inc" | "random"; readonly mod: number; readonly offset: number }
  | { readonly t: "tcpopt" }
  | { readonly t: "verdict"; readonly verdict: NftVerdictName; readonly chain: string; readonly chainLoc: Loc | null }
);

export interface AstElement {
  readonly key: AstExpr;
  readonly data: AstExpr | null;
  readonly timeoutNs: number | null;
  readonly comment: string | null;
  readonly counter: { packets: number; bytes: number } | null;
  readonly loc: Loc;
}

export interface AstNat {
  readonly type: "snat" | "dnat" | "masquerade" | "redirect";
  readonly family: boolean;
  readonly addr: AstExpr | null;
  readonly port: AstExpr | null;
  readonly flags: number;
}

export type AstStmt = { readonly loc: Loc } & (
  | {
      readonly s: "match";
      readonly left: AstExpr;
      readonly op: string | null;
      readonly opLoc: Loc | null;
      readonly right: AstExpr;
      readonly mask: AstExpr | null;
    }
  | { readonly s: "vmap"; readonly left: AstExpr; readonly set: AstExpr }
  | { readonly s: "verdict"; readonly expr: AstExpr & { t: "verdict" } }
  | { readonly s: "counter"; readonly packets: number; readonly bytes: number }
  | {
      readonly s: "limit";
      readonly rate: number;
      readonly unit: number;
      readonly burst: number;
      readonly bytes: boolean;
      readonly over: boolean;
    }
  | { readonly s: "quota"; readonly bytes: number; readonly over: boolean; readonly used: number }
  | {
      readonly s: "log";
      readonly prefix: string | null;
      readonly level: number | null;
      readonly flags: number;
      readonly group: number | null;
      readonly snaplen: number | null;
      readonly threshold: number | null;
    }
  | {
      readonly s: "reject";
      readonly with: "icmp" | "icmpx" | "tcp" | null;
      readonly code: AstExpr | null;
      readonly withLoc: Loc;
    }
  | ({ readonly s: "nat" } & AstNat)
  | { readonly s: "assign"; readonly to: AstExpr; readonly value: AstExpr }
  | { readonly s: "notrack" }
  | {
      readonly s: "object";
      readonly type: "counter" | "quota" | "limit" | "ct helper";
      readonly name: string;
      readonly nameLoc: Loc;
    }
  | {
      readonly s: "dynset";
      readonly op: "add" | "update" | "delete";
      readonly set: string;
      readonly key: AstExpr;
      readonly timeoutNs: number | null;
    }
);

export interface AstRule {
  readonly stmts: readonly AstStmt[];
  readonly comment: string | null;
  readonly loc: Loc;
}

export interface AstBase {
  readonly type: string;
  readonly hook: string;
  /** a problem is told when the table is known to be there */
  readonly priority: number | NftProblem;
}

export interface AstChain {
  readonly base: AstBase | null;
  readonly policy: number | undefined;
  readonly comment: string | undefined;
  readonly rules: readonly AstRule[];
}

export interface AstSet {
  readonly isMap: boolean;
  readonly keyTypes: readonly string[] | null;
  readonly typeOf: AstExpr | null;
  readonly dataTypes: readonly string[] | null;
  readonly dataTypeOf: AstExpr | null;
  readonly flags: ReadonlySet<string>;
  readonly timeoutNs: number | null;
  readonly gcIntervalNs: number | null;
  readonly size: number | null;
  readonly policy: "memory" | null;
  readonly autoMerge: boolean;
  readonly counter: boolean;
  readonly comment: string | null;
  readonly elements: AstExpr | null;
}

export type AstObject =
  | { readonly type: "counter"; readonly packets: number; readonly bytes: number; readonly comment: string | null }
  | {
      readonly type: "quota";
      readonly bytes: number;
      readonly over: boolean;
      readonly used: number;
      readonly comment: string | null;
    }
  | {
      readonly type: "limit";
      readonly rate: number;
      readonly unit: number;
      readonly burst: number;
      readonly bytes: boolean;
      readonly over: boolean;
      readonly comment: string | null;
    }
  | { readonly type: "ct helper"; readonly helper: string; readonly protocol: string; readonly comment: string | null };

/** What a command is about: names, each with its place. */
export interface Handle {
  readonly family: Family;
  readonly table: string;
  readonly tableLoc: Loc;
  /** chain, set or object */
  readonly name: string;
  readonly nameLoc: Loc;
}

export type Verb =
  | "add"
  | "create"
  | "insert"
  | "replace"
  | "delete"
  | "flush"
  | "list"
  | "rename"
  | "reset"
  | "get"
  | "monitor";

export type Cmd = { readonly verb: Verb; readonly loc: Loc } & (
  | {
      readonly c: "table";
      readonly h: Handle;
      readonly dormant: boolean;
      readonly comment: string | undefined;
      readonly byHandle: number | null;
      readonly handleLoc: Loc | null;
    }
  | {
      readonly c: "chain";
      readonly h: Handle;
      readonly chain: AstChain;
      readonly byHandle: number | null;
      readonly handleLoc: Loc | null;
      readonly newName: string;
    }
  | {
      readonly c: "rule";
      readonly h: Handle;
      readonly rule: AstRule | null;
      readonly position: { readonly kind: "handle" | "index"; readonly value: number; readonly loc: Loc } | null;
    }
  | {
      readonly c: "set";
      readonly h: Handle;
      readonly set: AstSet;
      readonly isMap: boolean;
      readonly byHandle: number | null;
      readonly handleLoc: Loc | null;
    }
  | { readonly c: "element"; readonly h: Handle; readonly elements: AstExpr }
  | {
      readonly c: "object";
      readonly h: Handle;
      readonly object: AstObject | null;
      readonly type: "counter" | "quota" | "limit" | "ct helper";
    }
  | { readonly c: "ruleset"; readonly family: Family | null }
  | { readonly c: "monitor"; readonly event: string | null; readonly eventLoc: Loc; readonly object: string | null }
  /** list tables, chains, sets, maps, counters …; `table` where one is given */
  | { readonly c: "all"; readonly what: string; readonly family: Family | null; readonly table: Handle | null }
);
