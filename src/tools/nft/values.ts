// Values as they stand in the text, read for the type of what they are compared with. Answers to the value part of
// src/evaluate.c of nftables 1.0.6.

import type { KeyPart, MatchRight, NftElement, NftScalar } from "../../net/netfilter/nft/expr.ts";
import type { AstElement, AstExpr } from "./ast.ts";
import { type DataType, dataType, type Names, parseValue } from "./datatypes.ts";
import { NftProblem } from "./lexer.ts";

export class ValueReader {
  readonly #names: Names;

  constructor(names: Names) {
    this.#names = names;
  }

  prefix(ast: AstExpr & { t: "prefix" }, type: DataType): MatchRight {
    if (ast.length > type.bits)
      throw new NftProblem(`Prefix length ${ast.length} is invalid for type of ${type.bits} bits width`, ast.loc);
    const value = this.scalar(ast.base, type, 32) as number;
    const mask = ast.length === 0 ? 0 : (0xffffffff << (32 - ast.length)) >>> 0;
    if (ast.length === 32) return { kind: "value", value };
    return { kind: "prefix", value: (value & mask) >>> 0, length: ast.length };
  }

  scalar(ast: AstExpr, type: DataType, bits: number): NftScalar {
    if (ast.t === "binop" && ast.op === "|")
      return ((this.scalar(ast.left, type, bits) as number) | (this.scalar(ast.right, type, bits) as number)) >>> 0;
    if (ast.t === "list" && type.isBitmask)
      return ast.items.reduce((value, item) => value | (this.scalar(item, type, bits) as number), 0);
    if (ast.t !== "sym") throw new NftProblem(`Basetype of type ${type.desc} is not bitmask`, ast.loc);
    const value = parseValue(ast.text, type, bits, this.#names);
    if (typeof value === "object") throw new NftProblem(value.error, ast.loc);
    return value;
  }

  /** A value, a range or a prefix. */
  part(ast: AstExpr, type: DataType, bits: number): KeyPart {
    if (ast.t === "range") {
      const low = this.scalar(ast.low, type, bits);
      const high = this.scalar(ast.high, type, bits);
      if (low > high) throw new NftProblem("Range has zero or negative size", ast.loc);
      return { low, high };
    }
    if (ast.t === "prefix") {
      const right = this.prefix(ast, type);
      if (right.kind !== "prefix")
        return { low: (right as { value: number }).value, high: (right as { value: number }).value };
      return { low: right.value, high: right.value + 2 ** (32 - right.length) - 1 };
    }
    const value = this.scalar(ast, type, bits);
    return { low: value, high: value };
  }

  element(item: AstElement, types: readonly string[], dataTypes: readonly string[] | null, bits = 32): NftElement {
    const parts = item.key.t === "concat" ? item.key.parts : [item.key];
    if (parts.length !== types.length) {
      const extra = parts[types.length];
      // what is beyond the set's type has none
      if (extra) throw new NftProblem("Can't parse symbolic invalid expressions", extra.loc);
      const wanted = types.map((name) => dataType(name).desc).join(", ");
      throw new NftProblem(`invalid data type, expected concatenation of (${wanted})`, item.key.loc);
    }
    const key = parts.map((part, i) =>
      this.part(part, dataType(types[i]!), types.length === 1 ? bits : dataType(types[i]!).bits),
    );
    return {
      key,
      data: item.data === null ? null : this.#elementData(item.data, dataTypes),
      timeoutNs: item.timeoutNs,
      comment: item.comment,
      counter: item.counter,
      expires: Number.POSITIVE_INFINITY,
    };
  }

  #elementData(ast: AstExpr, types: readonly string[] | null): NftElement["data"] {
    if (ast.t === "verdict") return { verdict: ast.verdict, chain: ast.chain };
    if (types === null) throw new NftProblem("unexpected mapping expression", ast.loc);
    if (types[0] === "verdict") throw new NftProblem("Can't parse symbolic netfilter verdict expressions", ast.loc);
    const parts = ast.t === "concat" ? ast.parts : [ast];
    return parts.map((part, i) =>
      this.part(part, dataType(types[i] ?? types[0]!), dataType(types[i] ?? types[0]!).bits),
    );
  }
}
