// What must hold of a packet's cheap fields for a rule of nft to go on past its first tests: what the index of a long chain
// goes by. Only of the tests in front that remember nothing of the packets they see.

import {
  KEY_DADDR,
  KEY_DPORT,
  KEY_IIF,
  KEY_MARK,
  KEY_OIF,
  KEY_PROTO,
  KEY_SADDR,
  KEY_SPORT,
  keyOf,
  keyRanges,
  type RuleKey,
} from "../rule-keys.ts";
import type { MatchRight, NftExpr, NftStmt } from "./expr.ts";

/** Keys of the comparisons that a rule begins with. */
export function nftKeys(stmts: readonly NftStmt[]): RuleKey[] {
  const keys: RuleKey[] = [];
  for (const stmt of stmts) {
    if (stmt.kind !== "match" || remembers(stmt.left) || stmt.right.kind === "set") break;
    const field = fieldOf(stmt.left);
    if (stmt.op !== "==" || field === undefined) continue;
    const key = keyFor(field, stmt.right);
    if (key) keys.push(key);
  }
  return keys;
}

/** A counter of packets, or a map whose elements may count. */
function remembers(expr: NftExpr): boolean {
  if (expr.kind === "numgen" || expr.kind === "map") return true;
  if (expr.kind === "bitwise") return remembers(expr.left);
  return expr.kind === "concat" && expr.parts.some(remembers);
}

function fieldOf(expr: NftExpr): number | undefined {
  if (expr.kind === "meta")
    return new Map([
      ["l4proto", KEY_PROTO],
      ["iifname", KEY_IIF],
      ["oifname", KEY_OIF],
      ["mark", KEY_MARK],
    ]).get(expr.key);
  if (expr.kind !== "payload") return undefined;
  const { base, offset, bits } = expr;
  if (base === "network" && bits === 32) return offset === 96 ? KEY_SADDR : offset === 128 ? KEY_DADDR : undefined;
  if (base === "network" && bits === 8) return offset === 72 ? KEY_PROTO : undefined;
  if (base === "transport" && bits === 16) return offset === 0 ? KEY_SPORT : offset === 16 ? KEY_DPORT : undefined;
  return undefined;
}

function keyFor(field: number, right: MatchRight): RuleKey | undefined {
  if (right.kind === "value") {
    const isName = field === KEY_IIF || field === KEY_OIF;
    if (isName !== (typeof right.value === "string")) return undefined;
    return keyOf(field, typeof right.value === "number" ? right.value | 0 : right.value);
  }
  if (right.kind === "range" && typeof right.low === "number" && typeof right.high === "number") {
    if (field === KEY_SPORT || field === KEY_DPORT) return keyRanges(field, [[right.low, right.high]], 16);
    if (field === KEY_SADDR || field === KEY_DADDR) return keyRanges(field, [[right.low, right.high]], 32);
  }
  if (right.kind === "prefix" && (field === KEY_SADDR || field === KEY_DADDR)) {
    const size = 2 ** (32 - right.length);
    const low = right.value - (right.value % size);
    return keyRanges(field, [[low, low + size - 1]], 32);
  }
  return undefined;
}
