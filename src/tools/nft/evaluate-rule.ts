// A rule with its types worked out: values read for what they are compared with, what must hold before a header can be read
// added, and left out where it was written already. Answers to src/evaluate.c and src/payload.c of nftables 1.0.6.

import { NF_NAT_RANGE_PROTO_SPECIFIED } from "../../net/netfilter/nat.ts";
import type {
  MatchOp,
  MatchRight,
  NatTarget,
  NftExpr,
  NftSetRef,
  NftStmt,
  SetSpec,
} from "../../net/netfilter/nft/expr.ts";
import type { AstExpr, AstRule, AstStmt, Family } from "./ast.ts";
import { type DataType, dataType, type Names } from "./datatypes.ts";
import { anonymousSpec, mergeElements } from "./elements.ts";
import { baseOf, bitsOf, CT_TYPES, L4_NUMBERS, metaType, PROTOCOLS, typeOf, typesOf } from "./fields.ts";
import { type Loc, NftProblem } from "./lexer.ts";
import { refuse } from "./parse-expr.ts";
import { ValueReader } from "./values.ts";

/** What a rule is worked out against. */
export interface Scope {
  readonly family: Family;
  readonly names: Names;
  /** a set of the rule's table, made or about to be */
  set(name: string): SetSpec | undefined;
  /** what was meant by the name of a set that is not there */
  setHint(name: string): string | undefined;
}

interface Layer {
  proto: string;
  /** index of the statement that says so; −1: nothing does */
  at: number;
}

const L4_NAMES: ReadonlyMap<number, string> = new Map([...L4_NUMBERS].map(([name, number]) => [number, name]));
const MATCH_L4: NftExpr = { kind: "meta", key: "l4proto" };

export function evaluateRule(rule: AstRule, scope: Scope): NftStmt[] {
  return new RuleEvaluator(scope).rule(rule);
}

export class RuleEvaluator {
  readonly #scope: Scope;
  readonly #values: ValueReader;
  readonly #stmts: NftStmt[] = [];
  /** what is known of the transport header */
  #l4: Layer | null = null;
  /** inet: what is known of the network header */
  #l3: Layer | null = null;
  #link: Layer | null = null;

  constructor(scope: Scope) {
    this.#scope = scope;
    this.#values = new ValueReader(scope.names);
  }

  rule({ stmts }: AstRule): NftStmt[] {
    let terminal: AstStmt | null = null;
    for (const stmt of stmts) {
      if (terminal !== null)
        throw new NftProblem("Statement after terminal statement has no effect", stmt.loc, terminal.loc);
      this.#stmt(stmt);
      if (isTerminal(stmt)) terminal = stmt;
    }
    return this.#stmts;
  }

  #stmt(stmt: AstStmt): void {
    switch (stmt.s) {
      case "match":
        this.#match(stmt);
        return;
      case "vmap": {
        const left = this.left(stmt.left);
        const set = this.#mapRef(stmt.set, typesOf(left), ["verdict"], left, stmt.left.loc);
        this.#stmts.push({ kind: "vmap", left, set });
        return;
      }
      case "verdict": {
        const { verdict, chain } = stmt.expr;
        this.#stmts.push({ kind: "verdict", verdict: { verdict, chain } });
        return;
      }
      case "counter":
        this.#stmts.push({ kind: "counter", packets: stmt.packets, bytes: stmt.bytes });
        return;
      case "limit": {
        const { rate, unit, burst, bytes, over } = stmt;
        this.#stmts.push({ kind: "limit", rate, unit, burst, bytes, over });
        return;
      }
      case "quota":
        this.#stmts.push({ kind: "quota", bytes: stmt.bytes, over: stmt.over, used: stmt.used });
        return;
      case "log": {
        const { prefix, level, flags, group, snaplen, threshold } = stmt;
        if (group !== null && (level !== null || flags !== 0))
          throw new NftProblem("level and group are mutually exclusive", stmt.loc);
        this.#stmts.push({ kind: "log", prefix, level, flags, group, snaplen, threshold });
        return;
      }
      case "reject":
        this.#reject(stmt);
        return;
      case "nat":
        this.#nat(stmt);
        return;
      case "assign":
        this.#assign(stmt);
        return;
      case "notrack":
        this.#stmts.push({ kind: "notrack" });
        return;
      case "object":
        this.#stmts.push({ kind: "object", type: stmt.type, name: stmt.name });
        return;
      case "dynset": {
        const key = this.left(stmt.key);
        this.#stmts.push({ kind: "dynset", op: stmt.op, set: stmt.set, key, timeoutNs: stmt.timeoutNs });
      }
    }
  }

  /** An expression that reads the packet. */
  left(expr: AstExpr): NftExpr {
    switch (expr.t) {
      case "payload":
        return this.#payload(expr.proto, expr.field, expr.loc);
      case "raw":
        return this.#raw(expr);
      case "meta": {
        if (metaType(expr.key) === undefined) refuse(`meta ${expr.key}`, expr.loc);
        if (expr.key === "nfproto" && this.#scope.family !== "inet")
          throw new NftProblem("meta nfproto is only useful in the inet family", expr.loc);
        return { kind: "meta", key: expr.key };
      }
      case "ct":
        return {
          kind: "ct",
          key: expr.key === "src" ? "saddr" : expr.key === "dst" ? "daddr" : expr.key,
          dir: expr.dir,
        };
      case "fib":
        return {
          kind: "fib",
          source: expr.flags.includes("saddr"),
          flags: expr.flags,
          result: expr.result,
          present: false,
        };
      case "rt":
        return { kind: "rt", key: expr.key };
      case "numgen":
        return { kind: "numgen", mode: expr.mode, mod: expr.mod, offset: expr.offset };
      case "tcpopt":
        this.#needL4("tcp", expr.loc);
        return { kind: "tcpopt", option: "maxseg" };
      case "concat":
        return { kind: "concat", parts: expr.parts.map((part) => this.left(part)) };
      case "binop":
        return this.#bitwise(expr);
      case "map": {
        const key = this.left(expr.key);
        return { kind: "map", key, set: this.#mapRef(expr.set, typesOf(key), null, key) };
      }
      default:
        throw new NftProblem("syntax error, unexpected string", expr.loc);
    }
  }

  #bitwise(expr: AstExpr & { t: "binop" }): NftExpr {
    const left = this.left(expr.left);
    const value = this.#values.scalar(expr.right, dataType(typeOf(left)), bitsOf(left)) as number;
    if (expr.op === "<<" || expr.op === ">>") refuse(expr.op, expr.loc);
    const and = expr.op === "&" ? value : expr.op === "|" ? ~value >>> 0 : 0xffffffff;
    const xor = expr.op === "&" ? 0 : value;
    // one operation after another is one
    if (left.kind === "bitwise")
      return { kind: "bitwise", left: left.left, and: (left.and & and) >>> 0, xor: ((left.xor & and) ^ xor) >>> 0 };
    return { kind: "bitwise", left, and, xor };
  }

  #payload(proto: string, field: string, loc: Loc): NftExpr {
    const { family } = this.#scope;
    if (proto === "ip6" || proto === "icmpv6") {
      if (family === "ip") throw new NftProblem(`conflicting protocols specified: ip vs. ${proto}`, loc);
      refuse(proto, loc);
    }
    if (proto === "arp") throw new NftProblem("conflicting protocols specified: ip vs. arp", loc);
    const { offset, bits } = PROTOCOLS.get(proto)!.get(field)!;
    const base = baseOf(proto);
    if (base === "link") this.#needLink();
    else if (base === "network") this.#needIp();
    else if (proto !== "th") this.#needL4(proto, loc);
    return { kind: "payload", base, proto, field, offset, bits };
  }

  #raw({ base, offset, bits }: AstExpr & { t: "raw" }): NftExpr {
    const layer = base === "ll" ? "link" : base === "nh" ? "network" : "transport";
    // what is a field of some header is shown as that
    const protos = layer === "link" ? ["ether"] : layer === "network" ? ["ip"] : [this.#l4?.proto ?? "th"];
    for (const proto of protos)
      for (const [field, at] of PROTOCOLS.get(proto) ?? [])
        if (at.offset === offset && at.bits === bits)
          return { kind: "payload", base: layer, proto, field, offset, bits };
    return { kind: "payload", base: layer, proto: "", field: "", offset, bits };
  }

  #needLink(): void {
    if (this.#link) return;
    this.#link = { proto: "ether", at: -1 };
    this.#imply({ kind: "meta", key: "iiftype" }, 1);
  }

  #imply(left: NftExpr, value: number): void {
    this.#stmts.push({
      kind: "match",
      left,
      op: "==",
      explicit: false,
      right: { kind: "value", value },
      implied: true,
    });
  }

  #hide(layer: Layer): void {
    if (layer.at < 0) return;
    const stmt = this.#stmts[layer.at]!;
    if (stmt.kind === "match") this.#stmts[layer.at] = { ...stmt, implied: true };
    layer.at = -1;
  }

  /** In the inet family a packet may be of IPv6. */
  #needIp(): void {
    if (this.#scope.family !== "inet") return;
    if (this.#l3) {
      this.#hide(this.#l3);
      return;
    }
    this.#l3 = { proto: "ip", at: -1 };
    this.#imply({ kind: "meta", key: "nfproto" }, 2);
  }

  #needL4(proto: string, loc: Loc): void {
    if (this.#l4) {
      if (this.#l4.proto !== proto)
        throw new NftProblem(`conflicting protocols specified: ${this.#l4.proto} vs. ${proto}`, loc);
      this.#hide(this.#l4);
      return;
    }
    this.#l4 = { proto, at: -1 };
    this.#imply(MATCH_L4, L4_NUMBERS.get(proto)!);
  }

  /** Notes what a comparison says of the headers that follow. */
  #learn(left: NftExpr, op: MatchOp, right: MatchRight): void {
    if (op !== "==" || right.kind !== "value") return;
    const at = this.#stmts.length - 1;
    const isIpProtocol = left.kind === "payload" && left.proto === "ip" && left.field === "protocol";
    if ((left.kind === "meta" && left.key === "l4proto") || isIpProtocol) {
      const proto = L4_NAMES.get(right.value as number);
      // "ip protocol" in an inet table says more than the transport header does
      const stays = isIpProtocol && this.#scope.family === "inet";
      if (proto !== undefined && this.#l4 === null) this.#l4 = { proto, at: stays ? -1 : at };
    } else if (left.kind === "meta" && left.key === "protocol" && right.value === 0x0800 && this.#scope.family === "ip")
      // says nothing here
      this.#hide({ proto: "ip", at });
    else if (left.kind === "meta" && left.key === "nfproto" && this.#l3 === null)
      this.#l3 = { proto: right.value === 2 ? "ip" : "ip6", at };
  }

  #match(stmt: AstStmt & { s: "match" }): void {
    const { opLoc } = stmt;
    let op = (stmt.op ?? "==") as MatchOp;
    const negated = stmt.op === "!";
    if (negated) op = "!=";
    let left = this.left(stmt.left);
    const { mask } = stmt;
    // tcp flags & (a | b) == c is one comparison
    if (
      left.kind === "bitwise" &&
      left.xor === 0 &&
      dataType(typeOf(left)).isBitmask &&
      mask === null &&
      stmt.right.t !== "set"
    ) {
      const wanted = this.#values.scalar(stmt.right, dataType(typeOf(left)), bitsOf(left)) as number;
      if (wanted === 0)
        this.#push(left.left, op === "!=" ? "==" : "!=", op !== "!=", { kind: "flags", mask: left.and });
      else this.#push(left.left, op, false, { kind: "masked", value: wanted, mask: left.and });
      return;
    }
    if (left.kind === "bitwise" && left.xor === 0 && dataType(typeOf(left)).hasPrefix && stmt.right.t === "sym") {
      const bits = Math.log2((~left.and >>> 0) + 1);
      if (Number.isInteger(bits)) {
        const value = this.#values.scalar(stmt.right, dataType(typeOf(left)), 32) as number;
        this.#push(left.left, op, false, { kind: "prefix", value, length: 32 - bits });
        return;
      }
    }
    if (
      left.kind === "fib" &&
      left.result !== "type" &&
      stmt.right.t === "sym" &&
      /^(missing|exists)$/.test(stmt.right.text)
    )
      left = { ...left, present: true };
    const types = this.#typesFor(left, stmt.left);
    if (mask !== null) {
      const type = dataType(types[0]!);
      const value = this.#values.scalar(stmt.right, type, bitsOf(left)) as number;
      this.#push(left, op, false, {
        kind: "masked",
        value,
        mask: this.#values.scalar(mask, type, bitsOf(left)) as number,
      });
      return;
    }
    const explicit = stmt.op === "==" || negated;
    const right = this.#right(stmt.right, left, types, stmt.op === null || negated, stmt.left.loc);
    if (right.kind === "set" && !["==", "!="].includes(op))
      throw new NftProblem("invalid use of set", stmt.right.loc, opLoc);
    this.#push(left, op, explicit, right);
  }

  #push(left: NftExpr, op: MatchOp, explicit: boolean, right: MatchRight): void {
    this.#stmts.push({ kind: "match", left, op, explicit, right, implied: false });
    this.#learn(left, op, right);
  }

  #typesFor(left: NftExpr, ast: AstExpr): readonly string[] {
    if (left.kind === "ct" && left.key.startsWith("proto-") && this.#l4 === null) return ["invalid"];
    if (ast.t === "ct" && ast.key in CT_TYPES) return [CT_TYPES[ast.key]!];
    return typesOf(left);
  }

  #right(ast: AstExpr, left: NftExpr, types: readonly string[], implicit: boolean, leftLoc: Loc): MatchRight {
    const type = dataType(types[0]!);
    const bits = bitsOf(left);
    if (types[0] === "invalid") throw new NftProblem("Can't parse symbolic invalid expressions", ast.loc);
    switch (ast.t) {
      case "setref": {
        const spec = this.#scope.set(ast.name);
        if (!spec) throw this.#setMissing(ast);
        this.#checkTypes(types, spec, ast.loc, leftLoc);
        return { kind: "set", set: { name: ast.name } };
      }
      case "set": {
        // a set of one is the one
        const [only] = ast.items;
        if (ast.items.length === 1 && only!.comment === null && only!.counter === null && only!.key.t !== "concat")
          return this.#right(only!.key, left, types, implicit, leftLoc);
        return { kind: "set", set: this.#anonymous(ast, types, null, left) };
      }
      case "concat":
        throw new NftProblem("Use concatenations with sets and maps, not singleton values", leftLoc, ast.loc);
      case "list": {
        if (!type.isBitmask) throw new NftProblem(`Basetype of type ${type.desc} is not bitmask`, ast.items[0]!.loc);
        return this.#flags(ast.items, type, bits, implicit);
      }
      default:
        break;
    }
    if (type.isBitmask && implicit && (ast.t === "sym" || (ast.t === "binop" && ast.op === "|")))
      return this.#flags([ast], type, bits, true);
    if (ast.t === "prefix") return this.#values.prefix(ast, type);
    const part = this.#values.part(ast, type, bits);
    if (ast.t === "range") return { kind: "range", low: part.low, high: part.high };
    if (typeof part.low === "string" && part.low.endsWith("*"))
      return { kind: "wildcard", text: part.low.slice(0, -1) };
    return { kind: "value", value: part.low };
  }

  #flags(items: readonly AstExpr[], type: DataType, bits: number, implicit: boolean): MatchRight {
    let mask = 0;
    for (const item of items) mask |= this.#values.scalar(item, type, bits) as number;
    return implicit ? { kind: "flags", mask } : { kind: "value", value: mask >>> 0 };
  }

  #setMissing({ name, loc }: { readonly name: string; readonly loc: Loc }): NftProblem {
    const hint = this.#scope.setHint(name);
    return new NftProblem(`No such file or directory${hint === undefined ? "" : `; did you mean ${hint}?`}`, loc);
  }

  #checkTypes(types: readonly string[], spec: SetSpec, loc: Loc, leftLoc: Loc): void {
    const wanted = typesText(types);
    const given = typesText(spec.keyTypes);
    if (types.length === spec.keyTypes.length && types.every((name, i) => compatible(name, spec.keyTypes[i]!))) return;
    if (spec.dataTypes !== null && leftLoc !== loc)
      throw new NftProblem(
        `datatype mismatch, map expects ${given}, mapping expression has type ${wanted}`,
        loc,
        leftLoc,
      );
    throw new NftProblem(`datatype mismatch, expected ${wanted}, expression has type ${given}`, loc, leftLoc);
  }

  #mapRef(
    ast: AstExpr,
    types: readonly string[],
    dataTypes: readonly string[] | null,
    left: NftExpr,
    leftLoc: Loc = ast.loc,
  ): NftSetRef {
    if (ast.t === "setref") {
      const spec = this.#scope.set(ast.name);
      if (!spec) throw this.#setMissing(ast);
      if (spec.dataTypes === null) throw new NftProblem("Expression is not a map", ast.loc);
      this.#checkTypes(types, spec, ast.loc, leftLoc);
      return { name: ast.name };
    }
    if (ast.t !== "set") throw new NftProblem("Expression is not a map", ast.loc);
    return this.#anonymous(ast, types, dataTypes, left);
  }

  /** A set that stands in the rule. */
  #anonymous(
    ast: AstExpr & { t: "set" },
    types: readonly string[],
    dataTypes: readonly string[] | null,
    left: NftExpr,
  ): NftSetRef {
    const bits = bitsOf(left);
    const elements = ast.items.map((item) => this.#values.element(item, types, dataTypes, bits));
    const isInterval = elements.some(({ key }) => key.some(({ low, high }) => low !== high));
    return {
      spec: anonymousSpec(types, dataTypes, isInterval),
      elements: isInterval ? mergeElements(elements, false) : mergeElements(elements, true),
    };
  }

  #reject(stmt: AstStmt & { s: "reject" }): void {
    const { family } = this.#scope;
    if (stmt.with === null) {
      // without more: port unreachable, in the inet family abstractly
      this.#stmts.push(
        family === "inet"
          ? { kind: "reject", with: "icmpx", code: 1, isDefault: true }
          : { kind: "reject", with: "icmp", code: 3, isDefault: true },
      );
      return;
    }
    if (stmt.with === "tcp") {
      if (this.#l4 && this.#l4.proto !== "tcp")
        throw new NftProblem(`conflicting protocols specified: ${this.#l4.proto} vs. tcp`, stmt.loc);
      if (!this.#l4) {
        this.#l4 = { proto: "tcp", at: -1 };
        this.#imply(MATCH_L4, 6);
      } else this.#hide(this.#l4);
      this.#stmts.push({ kind: "reject", with: "tcp", code: 0, isDefault: false });
      return;
    }
    if (stmt.with === "icmpx" && family !== "inet") {
      const reject = { ...stmt.withLoc };
      throw new NftProblem("abstracted ICMP unreachable not supported", stmt.code!.loc, reject);
    }
    const code = this.#values.scalar(
      stmt.code!,
      dataType(stmt.with === "icmp" ? "icmp_code" : "icmpx_code"),
      8,
    ) as number;
    if (stmt.with === "icmp") this.#needIp();
    const isDefault = family === "inet" ? stmt.with === "icmpx" && code === 1 : code === 3;
    this.#stmts.push({ kind: "reject", with: stmt.with, code, isDefault });
  }

  #nat(stmt: AstStmt & { s: "nat" }): void {
    const { family } = this.#scope;
    if (stmt.port !== null && stmt.port.t !== "map" && this.#l4 === null && !this.#anyL4())
      throw new NftProblem("transport protocol mapping is only valid after transport protocol match", stmt.port.loc, {
        ...stmt.loc,
        to: stmt.loc.from + stmt.type.length,
      });
    if (family === "inet" && !stmt.family && stmt.addr !== null && stmt.addr.t === "sym" && this.#l3 === null)
      throw new NftProblem("ip or ip6 must be specified with address for inet tables.", {
        ...stmt.loc,
        to: stmt.loc.from + stmt.type.length,
      });
    const addr = stmt.addr === null ? null : this.#natPart(stmt.addr, "ipv4_addr");
    const port = stmt.port === null ? null : this.#natPart(stmt.port, "inet_service");
    if (family === "inet" && addr !== null) this.#needIp();
    const both = addr !== null && addr.both !== null ? addr.both : null;
    const target: NatTarget = { addr: both === null ? (addr?.range ?? null) : null, port: port?.range ?? null, both };
    if ((stmt.type === "snat" || stmt.type === "dnat") && target.addr === null && target.port === null && both === null)
      throw new NftProblem(`syntax error, unexpected newline`, { ...stmt.loc, from: stmt.loc.to, to: stmt.loc.to });
    const flags = stmt.flags | (target.port !== null ? NF_NAT_RANGE_PROTO_SPECIFIED : 0);
    const showFamily = family === "inet" && addr !== null;
    this.#stmts.push({ kind: "nat", type: stmt.type, target, flags, family: showFamily });
  }

  /** A set of protocols is a transport protocol match, too. */
  #anyL4(): boolean {
    return this.#stmts.some((stmt) => {
      if (stmt.kind !== "match" || stmt.op !== "==") return false;
      const { left } = stmt;
      return (left.kind === "meta" && left.key === "l4proto") || (left.kind === "payload" && left.base === "transport");
    });
  }

  #natPart(ast: AstExpr, typeName: string): { range: readonly [NftExpr, NftExpr]; both: NftExpr | null } {
    const type = dataType(typeName);
    if (ast.t === "map") {
      const key = this.left(ast.key);
      const data =
        ast.set.t === "set" && ast.set.items.some(({ data: d }) => d?.t === "concat")
          ? [typeName, "inet_service"]
          : [typeName];
      const set = this.#mapRef(ast.set, typesOf(key), data, key);
      const expr: NftExpr = { kind: "map", key, set };
      const named = "name" in set ? this.#scope.set(set.name)?.dataTypes : data;
      return { range: [expr, expr], both: (named?.length ?? 1) > 1 ? expr : null };
    }
    if (ast.t === "payload" || ast.t === "meta" || ast.t === "ct" || ast.t === "numgen") {
      const expr = this.left(ast);
      return { range: [expr, expr], both: null };
    }
    const { low, high } = this.#values.part(ast, type, type.bits);
    return {
      range: [
        { kind: "immediate", value: low },
        { kind: "immediate", value: high },
      ],
      both: null,
    };
  }

  #assign(stmt: AstStmt & { s: "assign" }): void {
    const to = this.left(stmt.to);
    const settable =
      (to.kind === "meta" && ["mark", "priority", "nftrace", "pkttype"].includes(to.key)) ||
      (to.kind === "ct" && to.key === "mark") ||
      to.kind === "tcpopt" ||
      (to.kind === "payload" && to.base !== "link" && to.proto !== "" && to.field !== "checksum");
    if (!settable) refuse("setting this", stmt.to.loc);
    this.#stmts.push({ kind: "assign", to, value: this.#assigned(stmt.value, to) });
  }

  #assigned(ast: AstExpr, to: NftExpr): NftExpr {
    const type = dataType(typeOf(to));
    if (ast.t === "sym" || ast.t === "list")
      return { kind: "immediate", value: this.#values.scalar(ast, type, bitsOf(to)) };
    if (ast.t === "map") {
      const key = this.left(ast.key);
      return { kind: "map", key, set: this.#mapRef(ast.set, typesOf(key), [type.name], key) };
    }
    return this.left(ast);
  }
}

/** "IPv4 address", "concatenation of (IPv4 address, internet network service)" */
function typesText(types: readonly string[]): string {
  const names = types.map((name) => dataType(name).desc);
  return names.length === 1 ? names[0]! : `concatenation of (${names.join(", ")})`;
}

function isTerminal(stmt: AstStmt): boolean {
  if (stmt.s === "verdict") return stmt.expr.verdict !== "continue";
  return stmt.s === "reject" || stmt.s === "nat";
}

/** Numbers of one kind may be compared: a mark with an integer. */
function compatible(a: string, b: string): boolean {
  return a === b || a === "integer" || b === "integer";
}
