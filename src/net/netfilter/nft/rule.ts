// A rule of nft in a chain: its statements made ready for packets, one function each, run in order until one does not hold
// or decides. Answers to nft_do_chain's inner loop and to the eval functions of net/netfilter/nft_*.c.

import { Errno, NetError } from "../../../base/errno.ts";
import { SEC } from "../../../base/time.ts";
import {
  NF_ACCEPT,
  NF_DROP,
  NF_INET_FORWARD,
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
} from "../../core/netfilter.ts";
import { logPacket } from "../nf-log.ts";
import type { Chain, Table } from "../nf-table.ts";
import { nfSendReset, nfSendUnreach } from "../reject.ts";
import { Rule, type RuleAction, type RuleSource } from "../rule.ts";
import type { RuleKey } from "../rule-keys.ts";
import { nflogTarget } from "../targets/log.ts";
import {
  type TargetFn,
  XT_CONTINUE,
  XT_GOTO,
  XT_JUMP,
  XT_RETURN,
  type XtCheck,
  type XtEnv,
  type XtPar,
} from "../x-tables.ts";
import { compileAssign } from "./assign.ts";
import { NftError } from "./error.ts";
import type { MatchOp, MatchRight, NftExpr, NftScalar, NftSetRef, NftStmt, NftVerdict } from "./expr.ts";
import { nftKeys } from "./keys.ts";
import { type LoadContext, loadExpr, loadKey, NEXT, type Step } from "./load.ts";
import { compileNat } from "./nat.ts";
import { isVerdict, NftSet } from "./set.ts";
import { objectKey } from "./set-steps.ts";

const PRE = 1 << NF_INET_PRE_ROUTING;
const IN = 1 << NF_INET_LOCAL_IN;
const FORWARD = 1 << NF_INET_FORWARD;
const OUT = 1 << NF_INET_LOCAL_OUT;
const POST = 1 << NF_INET_POST_ROUTING;

export function nftRule(stmts: readonly NftStmt[], comment: string | null): RuleSource {
  return { create: (check) => new NftRule(stmts, comment, check) };
}

/** Hooks at which a statement makes sense, and whether it needs a chain of type nat. */
function demandsOf(stmt: NftStmt): { hooks: number; nat: boolean } | null {
  if (stmt.kind === "reject") return { hooks: PRE | IN | FORWARD | OUT, nat: false };
  if (stmt.kind !== "nat") return null;
  const hooks = { snat: POST | IN, dnat: PRE | OUT, masquerade: POST, redirect: PRE | OUT }[stmt.type];
  return { hooks, nat: true };
}

export class NftRule extends Rule {
  override readonly action: RuleAction = "target";
  override readonly breaks: boolean = true;
  override readonly target: TargetFn;
  override readonly keys: readonly RuleKey[];
  readonly stmts: readonly NftStmt[];
  readonly comment: string | null;
  /** sets that stand in the rule itself, by their statement's reference */
  private readonly own: Map<NftSetRef, NftSet> = new Map();
  private readonly used: NftSet[] = [];
  private readonly releases: (() => void)[] = [];

  /** Throws NetError: ENOENT (set, object), EOPNOTSUPP (not in this chain). */
  constructor(stmts: readonly NftStmt[], comment: string | null, check: XtCheck) {
    super();
    this.stmts = stmts;
    this.keys = nftKeys(stmts);
    this.comment = comment;
    this.#checkChain(check.chain, check.hookMask);
    const compiler = new Compiler(check.env, check.chain.table, this.own, this.used, this.releases);
    try {
      const steps = stmts.map((stmt) => compiler.step(stmt));
      this.target = (par) => {
        for (let i = 0; i < steps.length; i++) {
          const verdict = steps[i]!(par);
          if (verdict !== NEXT) return verdict;
        }
        par.held = true;
        return XT_CONTINUE;
      };
    } catch (error) {
      this.destroy();
      throw error;
    }
    for (const set of this.used) set.users++;
  }

  #checkChain(chain: Chain, hookMask: number): void {
    if (chain.base === null) return;
    for (const stmt of this.stmts)
      if (demandsOf(stmt)?.nat && chain.base.type !== "nat") throw new NetError(Errno.EOPNOTSUPP);
    this.validate(hookMask);
  }

  override validate(hookMask: number): void {
    for (const stmt of this.stmts) {
      const demands = demandsOf(stmt);
      if (demands !== null && (demands.hooks & hookMask) === 0) throw new NetError(Errno.EOPNOTSUPP);
    }
  }

  *#verdicts(): Generator<NftVerdict> {
    for (const stmt of this.stmts) {
      if (stmt.kind === "verdict") yield stmt.verdict;
      else if (stmt.kind === "vmap" && "elements" in stmt.set)
        for (const { data } of stmt.set.elements) if (isVerdict(data)) yield data;
    }
  }

  override jumps(): readonly string[] {
    const names: string[] = [];
    for (const { chain } of this.#verdicts()) if (chain !== "") names.push(chain);
    for (const set of this.used) names.push(...set.jumps());
    return names;
  }

  override objects(): readonly string[] {
    return this.stmts.flatMap((stmt) => (stmt.kind === "object" ? [objectKey(stmt)] : []));
  }

  override renamed(from: string, to: string): void {
    for (const verdict of this.#verdicts()) if (verdict.chain === from) verdict.chain = to;
  }

  /** Sets that stand in the rule itself, as the kernel names them. */
  anonymousSets(): readonly string[] {
    return [...this.own.values()].map(({ anonymousName }) => anonymousName);
  }

  override destroy(): void {
    for (const release of this.releases) release();
    this.releases.length = 0;
    for (const set of this.used) set.users = Math.max(0, set.users - 1);
    this.used.length = 0;
  }
}

class Compiler implements LoadContext {
  readonly env: XtEnv;
  private readonly table: Table;
  private readonly own: Map<NftSetRef, NftSet>;
  private readonly used: NftSet[];
  private readonly releases: (() => void)[];

  constructor(env: XtEnv, table: Table, own: Map<NftSetRef, NftSet>, used: NftSet[], releases: (() => void)[]) {
    this.env = env;
    this.table = table;
    this.own = own;
    this.used = used;
    this.releases = releases;
  }

  set(ref: NftSetRef): NftSet {
    if ("elements" in ref) {
      const known = this.own.get(ref);
      if (known) return known;
      const own = new NftSet(ref.spec, this.table.nextHandle(), ref.elements);
      own.anonymousName = this.table.takeAnonymousName(ref.spec.dataTypes === null ? "__set" : "__map");
      this.releases.push(() => this.table.anonymous.delete(own.anonymousName));
      this.own.set(ref, own);
      return own;
    }
    const named = this.table.sets.get(ref.name);
    if (!named) throw new NftError(Errno.ENOENT, "set");
    this.used.push(named);
    return named;
  }

  step(stmt: NftStmt): Step {
    switch (stmt.kind) {
      case "match":
        this.#track(stmt.left);
        return this.#match(stmt.left, stmt.op, stmt.right);
      case "vmap":
        this.#track(stmt.left);
        return this.#vmap(stmt.left, stmt.set);
      case "verdict":
        return this.#verdict(stmt.verdict);
      case "counter":
        return countInto(stmt);
      case "limit":
        return limitStep(this.env, stmt);
      case "quota":
        return quotaStep(stmt);
      case "log":
        return this.#log(stmt);
      case "reject":
        return this.#reject(stmt);
      case "nat":
        return compileNat(stmt, this, this.table, this.releases);
      case "assign":
        this.#track(stmt.to);
        this.#track(stmt.value);
        return compileAssign(stmt.to, stmt.value, this);
      case "notrack":
        this.releases.push(this.env.useConntrack());
        return notrackStep;
      case "object":
        return this.#object(stmt);
      case "dynset":
        return this.#dynset(stmt);
    }
  }

  /** What asks conntrack makes the namespace track (nf_ct_netns_get). */
  #track(expr: NftExpr): void {
    if (expr.kind === "ct") this.releases.push(this.env.useConntrack());
    else if (expr.kind === "concat") for (const part of expr.parts) this.#track(part);
    else if (expr.kind === "bitwise") this.#track(expr.left);
    else if (expr.kind === "map") this.#track(expr.key);
  }

  #match(left: NftExpr, op: MatchOp, right: MatchRight): Step {
    if (right.kind === "set") {
      const key = loadKey(left, this);
      const set = this.set(right.set);
      const scratch: NftScalar[] = [];
      const wanted = op !== "!=";
      const { net } = this.env;
      return (par) => {
        if (!key(par, scratch)) return XT_CONTINUE;
        const element = set.find(scratch, net.now);
        if ((element !== undefined) !== wanted) return XT_CONTINUE;
        if (element?.counter) count(element.counter, par);
        return NEXT;
      };
    }
    const load = loadExpr(left, this);
    const holds = test(op, right);
    return (par) => {
      const value = load(par);
      return value !== undefined && holds(value) ? NEXT : XT_CONTINUE;
    };
  }

  #verdict(verdict: NftVerdict): Step {
    switch (verdict.verdict) {
      case "accept":
        return () => NF_ACCEPT;
      case "drop":
        return () => NF_DROP;
      case "continue":
        return () => NEXT;
      case "return":
        return () => XT_RETURN;
      default: {
        const { chains } = this.table;
        const code = verdict.verdict === "jump" ? XT_JUMP : XT_GOTO;
        return (par) => {
          par.chain = chains.get(verdict.chain)!;
          return code;
        };
      }
    }
  }

  #vmap(left: NftExpr, ref: NftSetRef): Step {
    const key = loadKey(left, this);
    const set = this.set(ref);
    const scratch: NftScalar[] = [];
    const { net } = this.env;
    const { chains } = this.table;
    return (par) => {
      if (!key(par, scratch)) return XT_CONTINUE;
      const element = set.find(scratch, net.now);
      if (element === undefined) return XT_CONTINUE;
      if (element.counter) count(element.counter, par);
      const { data } = element;
      if (!isVerdict(data)) return XT_CONTINUE;
      switch (data.verdict) {
        case "accept":
          return NF_ACCEPT;
        case "drop":
          return NF_DROP;
        case "continue":
          return NEXT;
        case "return":
          return XT_RETURN;
        default:
          par.chain = chains.get(data.chain)!;
          return data.verdict === "jump" ? XT_JUMP : XT_GOTO;
      }
    };
  }

  #log({ prefix, level, flags, group, snaplen, threshold }: Extract<NftStmt, { kind: "log" }>): Step {
    const { env } = this;
    if (group !== null) {
      const info = { group, prefix: prefix ?? "", size: snaplen ?? -1, threshold: threshold ?? 0 };
      const { fn } = nflogTarget.create(info as never, this.#check());
      return (par) => {
        fn(par);
        return NEXT;
      };
    }
    const info = { level: level ?? 4, logflags: flags, prefix: prefix ?? "" };
    return (par) => {
      logPacket(env, par, info);
      return NEXT;
    };
  }

  #check(): XtCheck {
    return { env: this.env, table: this.table.name, chain: null as never, hookMask: 0, proto: 0, invProto: false };
  }

  #reject({ with: how, code }: Extract<NftStmt, { kind: "reject" }>): Step {
    const { env } = this;
    if (how === "tcp")
      return ({ skb }) => {
        nfSendReset(env, skb);
        return NF_DROP;
      };
    // icmpx: no route, port, host unreachable and prohibited in the words of ICMP (icmp_code_v4)
    const icmpCode = how === "icmp" ? code : [0, 3, 1, 13][code]!;
    return ({ skb }) => {
      nfSendUnreach(env, skb, icmpCode);
      return NF_DROP;
    };
  }

  #object(stmt: Extract<NftStmt, { kind: "object" }>): Step {
    const object = this.table.objects.get(objectKey(stmt));
    if (!object) throw new NftError(Errno.ENOENT, "name");
    switch (object.type) {
      case "counter":
        return countInto(object);
      case "quota":
        return quotaStep(object);
      case "limit":
        return limitStep(this.env, object);
      default: {
        this.releases.push(this.env.useConntrack());
        const { ct } = this.env;
        return ({ skb }) => {
          ct.setHelper(skb, object.helper);
          return NEXT;
        };
      }
    }
  }

  /** Packets make and unmake elements (nft_dynset.c). */
  #dynset({ op, set: name, key: expr, timeoutNs }: Extract<NftStmt, { kind: "dynset" }>): Step {
    const set = this.set({ name });
    if (timeoutNs !== null && !set.spec.timeout) throw new NftError(Errno.EOPNOTSUPP, "set statement");
    // packets must not fill the memory
    set.size ??= 65535;
    const key = loadKey(expr, this);
    const scratch: NftScalar[] = [];
    const { net } = this.env;
    return (par) => {
      if (!key(par, scratch)) return XT_CONTINUE;
      const found = set.find(scratch, net.now);
      const lifetime = timeoutNs ?? set.spec.timeoutNs;
      const expires = lifetime === null ? Number.POSITIVE_INFINITY : net.now + lifetime;
      if (op === "delete") {
        if (found) set.elements.splice(set.elements.indexOf(found), 1);
        set.changed();
      } else if (found) {
        if (op === "update") found.expires = expires;
      } else {
        if (set.living(net.now).length >= set.size!) return XT_CONTINUE;
        const parts = scratch.map((value) => ({ low: value, high: value }));
        const counter = set.spec.counter ? { packets: 0, bytes: 0 } : null;
        set.elements.push({ key: parts, data: null, timeoutNs, comment: null, counter, expires });
        set.changed();
      }
      return NEXT;
    };
  }
}

function count(counter: { packets: number; bytes: number }, { skb, iph }: XtPar): void {
  counter.packets++;
  counter.bytes += skb.tail - iph;
}

function countInto(counter: { packets: number; bytes: number }): Step {
  return (par) => {
    count(counter, par);
    return NEXT;
  };
}

function notrackStep({ skb }: XtPar): number {
  if (skb.ct === 0) skb.ctinfo = 7; // IP_CT_UNTRACKED
  return NEXT;
}

/** A bucket of nanoseconds (nft_limit.c). */
function limitStep(
  { net }: XtEnv,
  { rate, unit, burst, bytes, over }: { rate: number; unit: number; burst: number; bytes: boolean; over: boolean },
): Step {
  const nsecs = unit * SEC;
  const max = bytes ? Math.floor((nsecs * (rate + burst)) / rate) : Math.floor(nsecs / rate) * burst;
  let tokens = max;
  let last = net.now;
  return ({ skb, iph }) => {
    const cost = bytes ? Math.floor((nsecs * (skb.tail - iph)) / rate) : Math.floor(nsecs / rate);
    const { now } = net;
    tokens = Math.min(tokens + now - last, max);
    last = now;
    if (tokens < cost) return over ? NEXT : XT_CONTINUE;
    tokens -= cost;
    return over ? XT_CONTINUE : NEXT;
  };
}

function quotaStep(quota: { readonly bytes: number; readonly over: boolean; used: number }): Step {
  return ({ skb, iph }) => {
    quota.used += skb.tail - iph;
    return quota.used > quota.bytes === quota.over ? NEXT : XT_CONTINUE;
  };
}

function test(op: MatchOp, right: MatchRight): (value: NftScalar) => boolean {
  const wanted = op !== "!=";
  switch (right.kind) {
    case "value": {
      const { value: other } = right;
      if (op === "==" || op === "!=") return (value) => (value === other) === wanted;
      if (op === "<") return (value) => value < other;
      if (op === ">") return (value) => value > other;
      return op === "<=" ? (value) => value <= other : (value) => value >= other;
    }
    case "prefix": {
      const mask = right.length === 0 ? 0 : (0xffffffff << (32 - right.length)) >>> 0;
      return (value) => ((((value as number) ^ right.value) & mask) === 0) === wanted;
    }
    case "range":
      return (value) => (value >= right.low && value <= right.high) === wanted;
    case "flags":
      return (value) => (((value as number) & right.mask) !== 0) === wanted;
    case "masked":
      return (value) => ((((value as number) & right.mask) ^ right.value) === 0) === wanted;
    case "wildcard":
      return (value) => String(value).startsWith(right.text) === wanted;
    case "set":
      throw new NetError(Errno.EINVAL);
  }
}
