// All routing tables of a namespace, and the look-up over them: by the rules where there are any, else local and main as
// one and then default. Answers to net/ipv4/fib_frontend.c (fib_new_table, inet_addr_type) and include/net/ip_fib.h
// (fib_lookup).

import { Errno, NetError } from "../../base/errno.ts";
import { LazyMap, LazySet } from "../../base/lazy.ts";
import type { NetDevice } from "../core/net-device.ts";
import { SIGN } from "../core/packet-box.ts";
import { inDevOf } from "./devconf.ts";
import { FibInfoIndex, findSame } from "./fib-info-index.ts";
import { FibRules } from "./fib-rules.ts";
import { fibCreateInfo, matchesNexthops } from "./fib-semantics.ts";
import { FibSpan } from "./fib-span.ts";
import { FibTable, type FibTableOps, NO_MATCH } from "./fib-trie.ts";
import {
  type FibConfig,
  type FibInfo,
  type FibNh,
  FibResult,
  type FibRoute,
  RT_TABLE_DEFAULT,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_UNICAST,
  RTNH_F_DEAD,
  RTNH_F_LINKDOWN,
} from "./fib-types.ts";
import type { Ipv4 } from "./ipv4.ts";
import { flushExceptions } from "./route-exception.ts";
import { FlowKey } from "./rtable.ts";

// Look-ups write their answers here; none begins while another one of the same kind is under way, in any namespace.
const spanScratch: FibSpan = new FibSpan();
const localRes: FibResult = new FibResult();
const typeRes: FibResult = new FibResult();
const checkRes: FibResult = new FibResult();
const typeFlow: FlowKey = new FlowKey();
const checkFlow: FlowKey = new FlowKey();

/** The last answers would keep a whole lab alive that is over. */
export function forgetFibResults(): void {
  for (const res of [localRes, typeRes, checkRes]) res.clear();
}

/** Above, nexthops are found by an index: a container has six, and an index of those would be a tenth of its namespace. */
const FEW_INFOS = 16;

export class FibTables implements FibTableOps {
  readonly ip4: Ipv4;
  /** null until somebody changes or lists them */
  private _rules: FibRules | null = null;
  /** besides local and main */
  private readonly others: LazyMap<number, FibTable> = new LazyMap();
  /** every FibInfo in use, and by what makes it the same as another */
  readonly infos: LazySet<FibInfo> = new LazySet();
  /** null while there are few: they are looked at one by one */
  private index: FibInfoIndex | null = null;
  /** changes with every address (dev_addr_genid): nexthops choose their source again */
  addrGenid = 0;
  /** a route of type local was added by hand (fib_has_custom_local_routes) */
  customLocalRoutes = false;
  private readonly local: FibTable;
  private readonly main: FibTable;

  constructor(ip4: Ipv4) {
    this.ip4 = ip4;
    this.local = new FibTable(RT_TABLE_LOCAL, this);
    this.main = new FibTable(RT_TABLE_MAIN, this);
  }

  get rules(): FibRules {
    this._rules ??= new FibRules(this.ip4);
    return this._rules;
  }

  /** Other rules than the usual ones are there (fib_has_custom_rules): each look-up asks them. */
  get customRules(): boolean {
    return this._rules?.custom ?? false;
  }

  get(id: number): FibTable | undefined {
    if (id === RT_TABLE_LOCAL) return this.local;
    return id === RT_TABLE_MAIN ? this.main : this.others.get(id);
  }

  /** The table, made when missing (fib_new_table). */
  new(id: number): FibTable {
    let table = this.get(id);
    if (!table) {
      table = new FibTable(id, this);
      this.others.set(id, table);
    }
    return table;
  }

  /** In the order in which they were made. */
  all(): FibTable[] {
    return [this.local, this.main, ...this.others.values()];
  }

  /** Fills in `res` (fib_lookup): 0 or a positive errno; ENETUNREACH when nothing fits. */
  lookup(fl: FlowKey, res: FibResult, flags = 0): number {
    if (this._rules?.custom) return this._rules.lookup(this, fl, res, flags);
    const err = this.#lookupMerged(fl, res, flags);
    if (err === 0) return 0;
    const dflt = this.others.get(RT_TABLE_DEFAULT);
    const last = dflt ? dflt.lookup(fl, res, flags) : err;
    return last === NO_MATCH ? Errno.ENETUNREACH : last;
  }

  /** The longer match of local and main wins; local where they are equally long. */
  #lookupMerged(fl: FlowKey, res: FibResult, flags: number): number {
    const local = localRes;
    const localErr = this.local.lookup(fl, local, flags);
    if (localErr === NO_MATCH) return this.main.lookup(fl, res, flags);
    if (local.prefixLen < 32) {
      const err = this.main.lookup(fl, res, flags);
      if (err !== NO_MATCH && res.prefixLen > local.prefixLen) return err;
    }
    res.prefix = local.prefix;
    res.prefixLen = local.prefixLen;
    res.type = local.type;
    res.scope = local.scope;
    res.tos = local.tos;
    res.info = local.info;
    res.nh = local.nh;
    // as one table they bear main's number
    res.tableId = RT_TABLE_MAIN;
    res.aliases = local.aliases;
    return localErr;
  }

  /** The addresses around `addr` of which `lookup` says the same, without rules; null: it is no ordinary one. Good until the next call. */
  spanOf(addr: number): FibSpan | null {
    const span = spanScratch;
    span.set(SIGN, ~SIGN);
    if (this.customRules || !span.ordinary(addr)) return null;
    this.local.narrow(span, addr);
    this.main.narrow(span, addr);
    this.others.get(RT_TABLE_DEFAULT)?.narrow(span, addr);
    return span;
  }

  /** Some table has default routes to choose among by what is known of their gateways. */
  get severalDefaults(): boolean {
    if (this.local.numDefault > 1 || this.main.numDefault > 1) return true;
    for (const table of this.others.values()) if (table.numDefault > 1) return true;
    return false;
  }

  /** RTN_* of an address by table local (inet_addr_type). */
  addrType(addr: number): number {
    return this.addrTypeIn(addr, RT_TABLE_LOCAL);
  }

  /** RTN_* of an address by one table (inet_addr_type_table); with `dev`, only of routes by that device. */
  addrTypeIn(addr: number, table: number, dev: NetDevice | null = null): number {
    if (addr === 0 || addr === 0xffffffff) return RTN_BROADCAST;
    if (addr >>> 28 === 14) return RTN_MULTICAST;
    const tb = this.get(table);
    if (!tb) return RTN_BROADCAST;
    const fl = typeFlow;
    fl.daddr = addr;
    const res = typeRes;
    if (tb.lookup(fl, res, 0) !== 0) return RTN_UNICAST;
    return dev === null || res.info!.nh.dev === dev ? res.type : RTN_UNICAST;
  }

  /** The device of table local's route for an address of this host, null when it is none. */
  localDevice(addr: number): NetDevice | null {
    const fl = typeFlow;
    fl.daddr = addr;
    const res = typeRes;
    if (this.local.lookup(fl, res, 0) !== 0 || res.type !== RTN_LOCAL) return null;
    return res.nh.dev;
  }

  /** @internal for checks that run while a look-up is under way */
  scratchFlow(): FlowKey {
    return checkFlow.reset();
  }

  /** @internal */
  scratchResult(): FibResult {
    return checkRes;
  }

  /** @internal */
  matchesNexthops(config: FibConfig, info: FibInfo): boolean {
    return matchesNexthops(config, info);
  }

  /** @internal fib_create_info */
  createInfo(config: FibConfig): FibInfo {
    const info = fibCreateInfo(this, config);
    const same = this.index ? this.index.sameAs(info) : findSame(this.infos, info);
    if (same) return same;
    this.infos.add(info);
    if (this.index) this.index.add(info);
    else if (this.infos.size > FEW_INFOS) this.index = new FibInfoIndex(this.infos);
    return info;
  }

  /** Those with a nexthop by `dev`. */
  infosBy(dev: NetDevice): Iterable<FibInfo> {
    if (this.index) return this.index.by(dev);
    return [...this.infos].filter((info) => info.nhs.some((nh) => nh.dev === dev));
  }

  /** @internal fib_release_info */
  releaseInfo(info: FibInfo): void {
    if (--info.refs > 0) return;
    info.dead = true;
    this.infos.delete(info);
    this.index?.delete(info);
  }

  /** RTM_NEWROUTE: throws NetError (EEXIST, ENETUNREACH "Nexthop has invalid gateway", …). */
  insert(config: FibConfig): void {
    this.new(config.table || RT_TABLE_MAIN).insert(config);
    this.ip4.rtCacheFlush();
  }

  /** RTM_DELROUTE: throws ESRCH. */
  delete(config: FibConfig): void {
    const table = this.get(config.table || RT_TABLE_MAIN);
    if (!table) throw new NetError(Errno.ESRCH, "FIB table does not exist");
    table.delete(config);
    this.ip4.rtCacheFlush();
  }

  /** Takes all dead routes away (fib_flush). */
  flush(): void {
    let flushed = 0;
    for (const table of this.all()) flushed += table.flushDead();
    if (flushed > 0) this.ip4.rtCacheFlush();
  }

  /** RTM_GETROUTE with NLM_F_DUMP: of one table, which must exist (ENOENT), or (0) of all by the last byte of their id. */
  dump(tableId = 0): FibRoute[] {
    const out: FibRoute[] = [];
    if (tableId !== 0 && !this.get(tableId)) throw new NetError(Errno.ENOENT, "ipv4: FIB table does not exist");
    const ids = tableId !== 0 ? [tableId] : this.#dumpOrder();
    for (const id of ids) {
      const table = this.get(id);
      if (!table) continue;
      for (const { prefix, length, alias } of table.entries()) {
        const { info } = alias;
        out.push({
          table: id,
          dst: prefix,
          dstLen: length,
          tos: alias.tos,
          type: alias.type,
          protocol: info.protocol,
          scope: info.scope,
          prefsrc: info.prefsrc,
          priority: info.priority,
          metrics: info.metrics,
          flags: info.flags,
          nexthops: info.nhs.map((nh) => ({
            dev: nh.dev,
            oif: nh.oif,
            gw: nh.gw,
            weight: nh.weight,
            flags: shownFlags(nh),
          })),
        });
      }
    }
    return out;
  }

  /** Tables lie in 256 hash lists by id, the newest first in each. */
  #dumpOrder(): number[] {
    const created = this.all().map((table) => table.id);
    return created.sort((a, b) => (a & 255) - (b & 255) || created.indexOf(b) - created.indexOf(a));
  }

  /** `ip route flush cache`: cached routes and all that was learned by ICMP. */
  flushCache(): void {
    for (const info of this.infos) for (const nh of info.nhs) flushExceptions(nh);
    this.ip4.rtCacheFlush();
  }

  /** A default route by this device goes to `gw` (ip_fib_check_default). */
  isDefaultGateway(gw: number, dev: NetDevice): boolean {
    for (const info of this.infosBy(dev))
      for (const nh of info.nhs) if (nh.dev === dev && nh.gw === gw && !(nh.flags & RTNH_F_DEAD)) return true;
    return false;
  }
}

/** A nexthop without carrier counts as dead where such routes are ignored (fib_nexthop_info). */
function shownFlags(nh: FibNh): number {
  const ignored = nh.flags & RTNH_F_LINKDOWN && nh.dev && inDevOf(nh.dev)?.ignoreLinkdown;
  return ignored ? nh.flags | RTNH_F_DEAD : nh.flags;
}
