// One routing table: a path-compressed binary trie of prefixes, each with its routes in the kernel's order (TOS falling,
// then priority rising). The look-up walks down to the longest prefix that covers the address and, where no route there
// fits, up again; it allocates nothing. Answers to net/ipv4/fib_trie.c, whose level compression is left out.

import { Errno, NetError } from "../../base/errno.ts";
import { prefixToMask } from "../../wire/addr.ts";
import { inDevOf } from "./devconf.ts";
import type { FibSpan } from "./fib-span.ts";
import {
  FIB_LOOKUP_IGNORE_LINKSTATE,
  FIB_PROPS,
  FibAlias,
  type FibConfig,
  type FibInfo,
  type FibNh,
  type FibResult,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RT_SCOPE_NOWHERE,
  RTNH_F_DEAD,
  RTNH_F_LINKDOWN,
} from "./fib-types.ts";
import type { FlowKey } from "./rtable.ts";

/** No route fits (−EAGAIN of fib_table_lookup): the next rule is asked. */
export const NO_MATCH: number = Errno.EAGAIN;

class Node {
  /** as a signed number, which takes no object of its own */
  readonly prefix: number;
  readonly length: number;
  parent: Node | null = null;
  zero: Node | null = null;
  one: Node | null = null;
  /** the first of its routes; null for a fork, where no prefix ends */
  first: FibAlias | null = null;

  constructor(prefix: number, length: number) {
    this.prefix = prefix | 0;
    this.length = length;
  }

  /** its routes, in a new array */
  get aliases(): FibAlias[] {
    const all: FibAlias[] = [];
    for (let alias = this.first; alias; alias = alias.next) all.push(alias);
    return all;
  }

  set aliases(all: readonly FibAlias[]) {
    this.first = all[0] ?? null;
    for (const [i, alias] of all.entries()) alias.next = all[i + 1] ?? null;
  }
}

/** What a table calls while it changes. */
export interface FibTableOps {
  createInfo(config: FibConfig): FibInfo;
  releaseInfo(info: FibInfo): void;
  matchesNexthops(config: FibConfig, info: FibInfo): boolean;
}

export class FibTable {
  readonly id: number;
  private readonly ops: FibTableOps;
  private root: Node | null = null;
  /** number of default routes (tb_num_default) */
  numDefault = 0;

  constructor(id: number, ops: FibTableOps) {
    this.id = id;
    this.ops = ops;
  }

  get empty(): boolean {
    return this.root === null;
  }

  /** Longest match into `res` (fib_table_lookup): 0, NO_MATCH, or the errno of a route's type (EHOSTUNREACH …). */
  lookup(fl: FlowKey, res: FibResult, flags: number): number {
    const key = fl.daddr;
    let node = this.root;
    let best: Node | null = null;
    while (node) {
      const { length } = node;
      if (length > 0 && (key ^ node.prefix) >>> (32 - length) !== 0) break;
      best = node;
      if (length === 32) break;
      node = (key >>> (31 - length)) & 1 ? node.one : node.zero;
    }
    for (; best; best = best.parent) {
      for (let alias = best.first; alias; alias = alias.next) {
        const { info } = alias;
        if (alias.tos !== 0 && alias.tos !== (fl.tos & 0x1c)) continue;
        if (info.dead || info.scope < fl.scope) continue;
        const { error } = FIB_PROPS[alias.type]!;
        if (error !== 0) {
          res.prefixLen = best.length;
          return error;
        }
        if (info.flags & RTNH_F_DEAD) continue;
        for (let nh: FibNh | null = info.nh; nh; nh = nh.next) {
          if (!goodNexthop(nh, flags, fl.oif)) continue;
          res.prefix = best.prefix >>> 0;
          res.prefixLen = best.length;
          res.type = alias.type;
          res.scope = info.scope;
          res.tos = alias.tos;
          res.info = info;
          res.nh = nh;
          res.tableId = this.id;
          res.aliases = best.first;
          return 0;
        }
      }
    }
    return NO_MATCH;
  }

  /** Leaves of `span` the addresses of which `lookup` says what it says of `addr`: the same prefixes cover them. */
  narrow(span: FibSpan, addr: number): void {
    let node = this.root;
    while (node) {
      const { length } = node;
      if (!covers(node, addr)) {
        span.cut(node.prefix, length, addr);
        return;
      }
      if (node.first) span.cut(node.prefix, length, addr);
      if (length === 32) return;
      const one = (addr >>> (31 - length)) & 1;
      const other = one ? node.zero : node.one;
      if (other) span.cut(other.prefix, other.length, addr);
      node = one ? node.one : node.zero;
    }
  }

  /** Adds, replaces or appends a route (fib_table_insert). Throws NetError. */
  insert(config: FibConfig): void {
    checkKey(config.dst, config.dstLen);
    const info = this.ops.createInfo(config);
    info.refs++;
    try {
      this.#insert(config, info);
    } catch (error) {
      this.ops.releaseInfo(info);
      throw error;
    }
  }

  #insert(config: FibConfig, info: FibInfo): void {
    const node = this.#find(config.dst, config.dstLen);
    const aliases = node ? node.aliases : [];
    const { tos, nlflags, type } = config;
    let at = findAlias(aliases, tos, info.priority);
    const first = aliases[at];
    if (first && first.tos === tos && first.info.priority === info.priority) {
      if (nlflags & NLM_F_EXCL) throw new NetError(Errno.EEXIST);
      let end = at;
      let match: FibAlias | null = null;
      for (; end < aliases.length; end++) {
        const alias = aliases[end]!;
        if (alias.tos !== tos || alias.info.priority !== info.priority) break;
        if (alias.type === type && alias.info === info) {
          match = alias;
          break;
        }
      }
      if (nlflags & NLM_F_REPLACE) {
        if (match) {
          if (match !== first) throw new NetError(Errno.EEXIST);
          this.ops.releaseInfo(info);
          return;
        }
        const old = first.info;
        node!.aliases = aliases.with(at, new FibAlias(info, tos, type));
        this.ops.releaseInfo(old);
        return;
      }
      if (match) throw new NetError(Errno.EEXIST);
      if (nlflags & NLM_F_APPEND) at = end;
    }
    if (!(nlflags & NLM_F_CREATE)) throw new NetError(Errno.ENOENT);
    const alias = new FibAlias(info, tos, type);
    const target = this.#ensure(config.dst, config.dstLen);
    target.aliases = target.aliases.toSpliced(at, 0, alias);
    if (config.dstLen === 0) this.numDefault++;
  }

  /** Takes the first route away that fits (fib_table_delete). Throws ESRCH. */
  delete(config: FibConfig): void {
    checkKey(config.dst, config.dstLen);
    const node = this.#find(config.dst, config.dstLen);
    const at = node ? node.aliases.findIndex((alias) => this.#matches(config, alias)) : -1;
    if (!node || at < 0) throw new NetError(Errno.ESRCH);
    this.#remove(node, at);
  }

  #matches(config: FibConfig, alias: FibAlias): boolean {
    const { info } = alias;
    return (
      alias.tos === config.tos &&
      (config.type === 0 || alias.type === config.type) &&
      (config.scope === RT_SCOPE_NOWHERE || info.scope === config.scope) &&
      (config.prefsrc === 0 || info.prefsrc === config.prefsrc) &&
      (config.protocol === 0 || info.protocol === config.protocol) &&
      this.ops.matchesNexthops(config, info)
    );
  }

  /** Takes routes away whose nexthops are all dead, but none of an error type (fib_table_flush). Returns how many. */
  flushDead(): number {
    let flushed = 0;
    for (const node of this.#nodes())
      for (const [i, alias] of [...node.aliases.entries()].reverse()) {
        if (!(alias.info.flags & RTNH_F_DEAD) || FIB_PROPS[alias.type]!.error !== 0) continue;
        this.#remove(node, i);
        flushed++;
      }
    return flushed;
  }

  /** All routes in the kernel's order of dumping: by prefix, of equal ones the longer first. */
  *entries(): Generator<{ prefix: number; length: number; alias: FibAlias }> {
    const nodes = this.#nodes().sort((a, b) => (a.prefix >>> 0) - (b.prefix >>> 0) || b.length - a.length);
    for (const node of nodes)
      for (const alias of node.aliases) yield { prefix: node.prefix >>> 0, length: node.length, alias };
  }

  #nodes(): Node[] {
    const out: Node[] = [];
    const visit = (node: Node | null): void => {
      if (!node) return;
      if (node.first) out.push(node);
      visit(node.zero);
      visit(node.one);
    };
    visit(this.root);
    return out;
  }

  #find(prefix: number, length: number): Node | null {
    let node = this.root;
    while (node && node.length <= length) {
      if (node.length > 0 && (prefix ^ node.prefix) >>> (32 - node.length) !== 0) return null;
      if (node.length === length) return node;
      node = (prefix >>> (31 - node.length)) & 1 ? node.one : node.zero;
    }
    return null;
  }

  /** The node of a prefix, made when missing, with a fork above it where two prefixes part. */
  #ensure(prefix: number, length: number): Node {
    let parent: Node | null = null;
    let node = this.root;
    while (node && node.length <= length && covers(node, prefix)) {
      if (node.length === length) return node;
      parent = node;
      node = (prefix >>> (31 - node.length)) & 1 ? node.one : node.zero;
    }
    const made = new Node(prefix, length);
    if (!node) {
      this.#attach(parent, made);
      return made;
    }
    const common = Math.min(length, node.length, Math.clz32(prefix ^ node.prefix));
    if (common === length) {
      this.#attach(parent, made);
      this.#attach(made, node);
      return made;
    }
    const fork = new Node((prefix & prefixToMask(common)) >>> 0, common);
    this.#attach(parent, fork);
    this.#attach(fork, node);
    this.#attach(fork, made);
    return made;
  }

  #attach(parent: Node | null, node: Node): void {
    node.parent = parent;
    if (!parent) this.root = node;
    else if ((node.prefix >>> (31 - parent.length)) & 1) parent.one = node;
    else parent.zero = node;
  }

  #remove(node: Node, at: number): void {
    const alias = node.aliases[at];
    node.aliases = node.aliases.toSpliced(at, 1);
    if (node.length === 0) this.numDefault--;
    this.ops.releaseInfo(alias!.info);
    let empty: Node | null = node;
    while (empty && empty.first === null && !(empty.zero && empty.one)) {
      const only: Node | null = empty.zero ?? empty.one;
      const parent: Node | null = empty.parent;
      if (only) {
        this.#attach(parent, only);
        return;
      }
      if (!parent) this.root = null;
      else if (parent.zero === empty) parent.zero = null;
      else parent.one = null;
      empty = parent;
    }
  }
}

function covers(node: Node, prefix: number): boolean {
  return node.length === 0 || (prefix ^ node.prefix) >>> (32 - node.length) === 0;
}

/** Index of the first route of at most this TOS whose priority is not smaller (fib_find_alias). */
function findAlias(aliases: readonly FibAlias[], tos: number, priority: number): number {
  let at = 0;
  for (; at < aliases.length; at++) {
    const alias = aliases[at]!;
    if (alias.tos > tos) continue;
    if (alias.info.priority >= priority || alias.tos < tos) break;
  }
  return at;
}

/** fib_lookup_good_nhc */
function goodNexthop(nh: FibNh, flags: number, oif: number): boolean {
  if (nh.flags & RTNH_F_DEAD) return false;
  if (nh.flags & RTNH_F_LINKDOWN && !(flags & FIB_LOOKUP_IGNORE_LINKSTATE)) {
    const inDev = nh.dev ? inDevOf(nh.dev) : null;
    if (inDev?.ignoreLinkdown) return false;
  }
  return oif === 0 || oif === nh.oif;
}

/** fib_valid_key_len */
function checkKey(prefix: number, length: number): void {
  if (length > 32) throw new NetError(Errno.EINVAL, "Invalid prefix length");
  if ((prefix & ~prefixToMask(length)) !== 0)
    throw new NetError(Errno.EINVAL, "Invalid prefix for given prefix length");
}
