// Network address translation: which tuple a new connection gets (SNAT and DNAT to a range, null bindings otherwise), and
// the translation of every packet after that. Answers to net/netfilter/nf_nat_core.c and the IPv4 hooks of
// nf_nat_proto.c. The chains of nat tables register here; connections that no rule takes get a null binding, so that
// later ones cannot collide with them. Leaves out helpers and sequence adjustment.

import type { Rng } from "../../sim/rng.ts";
import * as ip from "../../wire/ipv4.ts";
import { get32 } from "../../wire/layout.ts";
import {
  NF_ACCEPT,
  NF_DROP,
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
  NF_IP_PRI_NAT_DST,
  NF_IP_PRI_NAT_SRC,
  type NfHookFn,
  type NfHookState,
} from "../core/netfilter.ts";
import { SIGN } from "../core/packet-box.ts";
import { type SkBuff, trace } from "../core/skb.ts";
import type { Ipv4 } from "../ipv4/ipv4.ts";
import { ipRouteMeHarder } from "../ipv4/route.ts";
import { skbRtable } from "../ipv4/rtable.ts";
import type { Conntrack } from "./conntrack.ts";
import {
  ctinfo2dir,
  IP_CT_NEW,
  IP_CT_RELATED,
  IP_CT_RELATED_REPLY,
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_DST_NAT_DONE,
  IPS_DYING,
  IPS_FIXED_TIMEOUT,
  IPS_NAT_MASK,
  IPS_SEQ_ADJUST,
  IPS_SRC_NAT,
  IPS_SRC_NAT_DONE,
  nfCtGet,
} from "./conntrack-entry.ts";
import { hashOfSource, hasSource, SourceChains } from "./nat-by-source.ts";
import { manipPacket, manipUdp, NF_NAT_MANIP_DST, NF_NAT_MANIP_SRC, natIcmpError } from "./nat-proto.ts";
import { tcpState } from "./proto-tcp.ts";
import { END } from "./proto-tcp-layout.ts";
import { TcpState } from "./proto-tcp-track.ts";
import { hasPorts, invertTuple, Tuple } from "./tuple.ts";

export { NF_NAT_MANIP_DST, NF_NAT_MANIP_SRC } from "./nat-proto.ts";

// uapi/linux/netfilter/nf_nat.h
export const NF_NAT_RANGE_MAP_IPS = 1;
export const NF_NAT_RANGE_PROTO_SPECIFIED = 2;
export const NF_NAT_RANGE_PROTO_RANDOM = 4;
export const NF_NAT_RANGE_PERSISTENT = 8;
export const NF_NAT_RANGE_PROTO_RANDOM_FULLY = 16;
export const NF_NAT_RANGE_PROTO_OFFSET = 32;
export const NF_NAT_RANGE_NETMAP = 64;
const PROTO_RANDOM_ALL = NF_NAT_RANGE_PROTO_RANDOM | NF_NAT_RANGE_PROTO_RANDOM_FULLY;

/** Where a connection may be mapped to (struct nf_nat_range2): addresses (signed or not) and ports (or ICMP ids), both ends included. */
export interface NatRange {
  flags: number;
  minAddr: number;
  maxAddr: number;
  minProto: number;
  maxProto: number;
  baseProto: number;
}

export function natRange(): NatRange {
  return { flags: 0, minAddr: 0, maxAddr: 0, minProto: 0, maxProto: 0, baseProto: 0 };
}

const MAX_ATTEMPTS = 128;
const HARDER_THRESHOLD = 32;

/** PRE_ROUTING and LOCAL_OUT change destinations, POST_ROUTING and LOCAL_IN sources (HOOK2MANIP). */
export function hook2manip(hook: number): number {
  return hook === NF_INET_POST_ROUTING || hook === NF_INET_LOCAL_IN ? NF_NAT_MANIP_SRC : NF_NAT_MANIP_DST;
}

/** A base chain of a nat table: run for the first packet of a connection only. */
export interface NatChain {
  readonly priority: number;
  readonly fn: NfHookFn;
}

export class Nat {
  private readonly ip4: Ipv4;
  private readonly ct: Conntrack;
  private readonly rng: Rng;
  private readonly chains: NatChain[][] = [[], [], [], [], []];
  private users = 0;
  private unregister: (() => void)[] = [];
  /** confirmed connections by their source */
  private readonly bySource: SourceChains;
  private readonly current: Tuple = new Tuple();
  private readonly fresh: Tuple = new Tuple();
  private readonly scratch: Tuple = new Tuple();
  private readonly other: Tuple = new Tuple();
  private readonly null: NatRange = natRange();
  /** where the last new connection was to be mapped; null: nowhere */
  lastRange: NatRange | null = null;
  /** after `usualSource` */
  usualAddr = 0;
  usualPort = 0;
  private usualHash = 0;

  constructor(ip4: Ipv4, ct: Conntrack) {
    this.ip4 = ip4;
    this.ct = ct;
    this.bySource = new SourceChains(ct.rows);
    this.rng = ip4.net.kernel.rng.fork(`nat/${ip4.net.id}`);
    const onConfirm = (conn: number): void => {
      if (ct.rows.status(conn) & IPS_SRC_NAT_DONE) this.bySource.add(conn);
    };
    ct.onConfirm = onConfirm;
    const onDestroy = (conn: number): void => this.bySource.remove(conn);
    ct.onDestroy = onDestroy;
  }

  /** nf_nat_register_fn: the first nat chain brings the hooks of all four points. Returns what takes the chain away. */
  registerChain(hook: number, chain: NatChain): () => void {
    const list = this.chains[hook]!.slice();
    let at = list.findIndex((other) => other.priority > chain.priority);
    if (at < 0) at = list.length;
    list.splice(at, 0, chain);
    this.chains[hook] = list;
    if (this.users++ === 0) this.#registerHooks();
    return () => {
      this.chains[hook] = this.chains[hook]!.filter((other) => other !== chain);
      if (--this.users > 0) return;
      for (const unregister of this.unregister) unregister();
      this.unregister = [];
    };
  }

  #registerHooks(): void {
    const { hooksIpv4 } = this.ip4.net;
    const hook = (point: number, priority: number, name: string, fn: NfHookFn): void => {
      this.unregister.push(hooksIpv4.register(point, { priority, name: `nf_nat ${name}`, memo: true, fn }));
    };
    hook(NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST, "PREROUTING", (skb, state) => this.#preRouting(skb, state));
    hook(NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC, "POSTROUTING", (skb, state) => this.#natFn(skb, state));
    hook(NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST, "OUTPUT", (skb, state) => this.#localOut(skb, state));
    hook(NF_INET_LOCAL_IN, NF_IP_PRI_NAT_SRC, "INPUT", (skb, state) => this.#natFn(skb, state));
  }

  /** A changed destination is routed anew (nf_nat_ipv4_pre_routing). */
  #preRouting(skb: SkBuff, state: NfHookState): number {
    const at = skb.networkHeader + ip.DESTINATION;
    const daddr = get32(skb.head, at) | 0;
    const verdict = this.#natFn(skb, state);
    if (verdict === NF_ACCEPT && daddr !== (get32(skb.head, at) | 0)) skb.dst = null;
    return verdict;
  }

  /** A local packet was routed before its destination changed (nf_nat_ipv4_local_fn). */
  #localOut(skb: SkBuff, state: NfHookState): number {
    const verdict = this.#natFn(skb, state);
    if (verdict !== NF_ACCEPT) return verdict;
    const conn = nfCtGet(skb);
    if (conn === 0) return verdict;
    const { rows } = this.ct;
    const dir = ctinfo2dir(skb.ctinfo);
    if (rows.dst(conn, dir) !== rows.src(conn, 1 - dir) && ipRouteMeHarder(this.ip4, skb) !== 0) return NF_DROP;
    return verdict;
  }

  #natFn(skb: SkBuff, state: NfHookState): number {
    const conn = nfCtGet(skb);
    if (conn === 0) return NF_ACCEPT;
    const { ctinfo } = skb;
    if (
      (ctinfo === IP_CT_RELATED || ctinfo === IP_CT_RELATED_REPLY) &&
      skb.head[skb.networkHeader + 9] === ip.IPPROTO_ICMP
    )
      return this.#icmpError(skb, state, conn);
    return this.#inetFn(skb, state, conn);
  }

  /** An error about a translated packet is translated, and what it quotes too. */
  #icmpError(skb: SkBuff, state: NfHookState, conn: number): number {
    const manip = hook2manip(state.hook);
    if (!natIcmpError(this.ct.rows, skb, conn, skb.ctinfo, manip, this.other, this.scratch)) return NF_DROP;
    if (skb.pool.trace !== null)
      trace(skb, "nfNatIcmpReplyTranslation", state.in ?? state.out, "", null, this.ct.handle(conn));
    return NF_ACCEPT;
  }

  /** nf_nat_inet_fn */
  #inetFn(skb: SkBuff, state: NfHookState, conn: number): number {
    const { ctinfo } = skb;
    const { hook } = state;
    const { rows } = this.ct;
    const manip = hook2manip(hook);
    const done = manip === NF_NAT_MANIP_SRC ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE;
    const begins = ctinfo === IP_CT_NEW || ctinfo === IP_CT_RELATED || ctinfo === IP_CT_RELATED_REPLY;
    if (begins && !(rows.status(conn) & done)) {
      if (skb.record !== null && !skb.record.first) skb.record = null;
      const chains = this.chains[hook]!;
      for (let i = 0; i < chains.length && !(rows.status(conn) & done); i++) {
        const verdict = chains[i]!.fn(skb, state);
        if (verdict !== NF_ACCEPT) return verdict;
        if (skb.pool.trace !== null && rows.status(conn) & done) {
          const what = manip === NF_NAT_MANIP_SRC ? "SNAT" : "DNAT";
          trace(skb, "nfNatSetupInfo", state.in ?? state.out, what, null, this.ct.handle(conn));
        }
      }
      if (!(rows.status(conn) & done)) {
        const verdict = this.nullBinding(conn, manip);
        if (verdict !== NF_ACCEPT) return verdict;
      }
    } else if (
      hook === NF_INET_POST_ROUTING &&
      ctinfo2dir(ctinfo) === 0 &&
      rows.masqIndex(conn) !== 0 &&
      rows.masqIndex(conn) !== state.out?.ifindex
    ) {
      // MASQUERADE took the address of another interface than the one by which the packet now leaves
      this.ct.killAcct(conn, ctinfo, skb);
      return NF_DROP;
    }
    this.packet(skb, conn, ctinfo, manip);
    return NF_ACCEPT;
  }

  /** nf_nat_packet: the packet gets what its connection says of this side of it. */
  packet(skb: SkBuff, conn: number, ctinfo: number, manip: number): void {
    const dir = ctinfo2dir(ctinfo);
    let bit = manip === NF_NAT_MANIP_SRC ? IPS_SRC_NAT : IPS_DST_NAT;
    if (dir === 1) bit ^= IPS_NAT_MASK;
    const { rows } = this.ct;
    if (!(rows.status(conn) & bit)) return;
    if (rows.protonum(conn) === ip.IPPROTO_UDP) {
      const source = manip === NF_NAT_MANIP_SRC;
      const address = source ? rows.dst(conn, 1 - dir) : rows.src(conn, 1 - dir);
      const port = source ? rows.dstU(conn, 1 - dir) : rows.srcU(conn, 1 - dir);
      manipUdp(skb, skb.networkHeader, address, port, source);
    } else {
      invertTuple(this.scratch, rows.tuple(conn, 1 - dir, this.other));
      manipPacket(skb, skb.networkHeader, this.scratch, manip, this.scratch.protonum);
    }
    const what = manip === NF_NAT_MANIP_SRC ? "SNAT" : "DNAT";
    if (skb.pool.trace !== null)
      trace(skb, "nfNatManipPkt", skb.dev ?? skbRtable(skb)?.dev ?? null, what, null, this.ct.handle(conn));
  }

  /** The connection stays as it is, but its tuple is taken (nf_nat_alloc_null_binding). */
  nullBinding(conn: number, manip: number): number {
    const { rows } = this.ct;
    const address = manip === NF_NAT_MANIP_SRC ? rows.dst(conn, 1) : rows.src(conn, 1);
    const range = this.null;
    range.flags = NF_NAT_RANGE_MAP_IPS;
    range.minAddr = address;
    range.maxAddr = address;
    const verdict = this.setupInfo(conn, range, manip);
    this.lastRange = null;
    return verdict;
  }

  /** Maps a connection whose first packet is on its way into `range` (nf_nat_setup_info). */
  setupInfo(conn: number, range: NatRange, manip: number): number {
    const { rows } = this.ct;
    const status = rows.status(conn);
    this.lastRange = range;
    if (status & IPS_CONFIRMED) return NF_ACCEPT;
    const done = manip === NF_NAT_MANIP_SRC ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE;
    if (status & done) return NF_DROP;
    const current = this.current;
    const fresh = this.fresh;
    invertTuple(current, rows.tuple(conn, 1, this.other));
    this.#uniqueTuple(fresh, current, range, conn, manip);
    if (!fresh.equals(current)) {
      invertTuple(this.other, fresh);
      rows.setTuple(conn, 1, this.other);
      rows.addStatus(conn, manip === NF_NAT_MANIP_SRC ? IPS_SRC_NAT : IPS_DST_NAT);
    }
    rows.addStatus(conn, done);
    return NF_ACCEPT;
  }

  /**
   * setupInfo's answer for the source of a connection of which nothing is mapped yet, where it is the usual one: the source lies in
   * the range, or is mapped as its latest connection is, or keeps its port at the range's only address. It holds if nothing has
   * the tuple of the answers. `range` null: the source stays. A third of what the whole choice takes (`npm run bench`: new_flow).
   * @return IPS_*; `usualAddr` and `usualPort` are where answers come to. −1: setupInfo must choose
   */
  usualSource(src: number, srcU: number, protonum: number, range: NatRange | null): number {
    this.usualAddr = src;
    this.usualPort = srcU;
    const hash = hashOfSource(src, srcU, protonum, 0);
    this.usualHash = hash;
    if (range === null) return IPS_SRC_NAT_DONE;
    if (range.flags !== NF_NAT_RANGE_MAP_IPS) return -1;
    if (addressInRange(src, range)) return IPS_SRC_NAT_DONE;
    const { rows } = this.ct;
    const other = this.bySource.firstOf(hash);
    if (other === 0) {
      if (range.minAddr !== range.maxAddr) return -1;
      this.usualAddr = range.minAddr | 0;
      return IPS_SRC_NAT | IPS_SRC_NAT_DONE;
    }
    const ports = rows.ports(other, 0);
    if (rows.src(other, 0) !== src || ports >>> 16 !== srcU || rows.protonum(other) !== protonum) return -1;
    const addr = rows.dst(other, 1);
    const port = rows.dstU(other, 1);
    if (rows.zoneId(other, 0) !== 0 || !addressInRange(addr, range)) return -1;
    // of a source that is mapped to itself setupInfo would say so
    if (addr === src && port === srcU) return -1;
    this.usualAddr = addr;
    this.usualPort = port;
    return IPS_SRC_NAT | IPS_SRC_NAT_DONE;
  }

  /** A connection with the source that usualSource was asked about last is in the table now. */
  usualStored(conn: number): void {
    this.bySource.addHashed(conn, this.usualHash);
  }

  /** get_unique_tuple: what an outgoing packet of the connection shall look like, so that answers can be told apart. */
  #uniqueTuple(tuple: Tuple, orig: Tuple, range: NatRange, conn: number, manip: number): void {
    const random = (range.flags & PROTO_RANDOM_ALL) !== 0;
    if (manip === NF_NAT_MANIP_SRC && !random) {
      if (inRange(orig, range)) {
        if (!this.#usedNew(orig, conn)) {
          tuple.copy(orig);
          return;
        }
      } else if (this.#appropriateSource(tuple, orig, range, conn) && !this.#used(tuple, conn)) return;
    }
    tuple.copy(orig);
    this.#bestAddress(tuple, range, conn, manip);
    if (!random) {
      if (range.flags & NF_NAT_RANGE_PROTO_SPECIFIED) {
        if (
          !(range.flags & NF_NAT_RANGE_PROTO_OFFSET) &&
          protoInRange(tuple, manip, range.minProto, range.maxProto) &&
          (range.minProto === range.maxProto || !this.#used(tuple, conn))
        )
          return;
      } else if (!this.#used(tuple, conn)) return;
    }
    this.#uniqueProto(tuple, range, conn, manip);
  }

  /** The mapping that this source has already, if it lies in the range (find_appropriate_src). */
  #appropriateSource(result: Tuple, orig: Tuple, range: NatRange, conn: number): boolean {
    const { rows } = this.ct;
    const zone = rows.zoneId(conn, 0);
    for (let other = this.bySource.first(orig, zone); other !== 0; other = rows.next(other)) {
      if (!hasSource(rows, other, orig, zone)) continue;
      invertTuple(result, rows.tuple(other, 1, this.other));
      result.dst = orig.dst;
      result.dstU = orig.dstU;
      if (inRange(result, range)) return true;
    }
    return false;
  }

  /** One address of the range, the same for the same pair of hosts (find_best_ips_proto). */
  #bestAddress(tuple: Tuple, range: NatRange, conn: number, manip: number): void {
    if (!(range.flags & NF_NAT_RANGE_MAP_IPS)) return;
    let address = range.minAddr | 0;
    if (address !== (range.maxAddr | 0)) {
      const other = range.flags & NF_NAT_RANGE_PERSISTENT ? 0 : tuple.dst ^ this.ct.rows.zone(conn);
      const span = (range.maxAddr >>> 0) - (range.minAddr >>> 0) + 1;
      address = (address + Math.floor((mix(tuple.src, other) / 4294967296) * span)) | 0;
    }
    if (manip === NF_NAT_MANIP_SRC) tuple.src = address;
    else tuple.dst = address;
  }

  /** Another port or ICMP id, tried from a random one on (nf_nat_l4proto_unique_tuple). */
  #uniqueProto(tuple: Tuple, range: NatRange, conn: number, manip: number): void {
    const specified = (range.flags & NF_NAT_RANGE_PROTO_SPECIFIED) !== 0;
    const isIcmp = tuple.protonum === ip.IPPROTO_ICMP;
    const source = isIcmp || manip === NF_NAT_MANIP_SRC;
    const key = source ? tuple.srcU : tuple.dstU;
    let min: number;
    let size: number;
    if (specified) {
      min = Math.min(range.minProto, range.maxProto);
      size = Math.max(range.minProto, range.maxProto) - min + 1;
    } else if (isIcmp) {
      min = 0;
      size = 65536;
    } else if (!hasPorts(tuple.protonum) || manip === NF_NAT_MANIP_DST) return;
    else {
      // privileged ports stay privileged
      min = key < 512 ? 1 : key < 1024 ? 600 : 1024;
      size = (key < 512 ? 511 : key < 1024 ? 1023 : 65535) - min + 1;
    }
    if (!isIcmp && !hasPorts(tuple.protonum)) return;
    let off = 0;
    if (range.flags & NF_NAT_RANGE_PROTO_OFFSET) off = (key - range.baseProto) & 0xffff;
    else if (range.flags & PROTO_RANDOM_ALL || manip !== NF_NAT_MANIP_DST) off = this.rng.below(65536);
    let attempts = Math.min(size, MAX_ATTEMPTS);
    for (;;) {
      for (let i = 0; i < attempts; i++, off = (off + 1) & 0xffff) {
        const value = min + (off % size);
        if (source) tuple.srcU = value;
        else tuple.dstU = value;
        if (!this.#usedHarder(tuple, conn, attempts - i)) return;
      }
      if (attempts >= size || attempts < 16) return;
      attempts = Math.floor(attempts / 2);
      off = this.rng.below(65536);
    }
  }

  /** Would the answers to `tuple` be taken for another connection's? */
  #used(tuple: Tuple, conn: number): boolean {
    invertTuple(this.scratch, tuple);
    return this.ct.tupleTaken(this.scratch, conn);
  }

  /** The same, for a tuple that is not changed: two first packets, one from each side, may meet (nf_nat_used_tuple_new). */
  #usedNew(tuple: Tuple, conn: number): boolean {
    if (!this.#used(tuple, conn)) return false;
    const { rows } = this.ct;
    if (tuple.protonum !== ip.IPPROTO_UDP || rows.status(conn) & (IPS_NAT_MASK | IPS_SEQ_ADJUST)) return true;
    const zone = rows.zoneId(conn, 0);
    let found = this.ct.find(tuple, zone);
    if (found < 0) {
      invertTuple(this.scratch, tuple);
      found = this.ct.find(this.scratch, zone);
      if (found < 0) return false;
    }
    const other = found >> 1;
    if (rows.status(other) & (IPS_NAT_MASK | IPS_SEQ_ADJUST)) return true;
    return !rows.hasTuple(other, 0, rows.src(conn, 1), rows.dst(conn, 1), rows.ports(conn, 1), rows.protonum(conn));
  }

  /** With few attempts left, a TCP connection in TIME_WAIT makes room (nf_nat_used_tuple_harder). */
  #usedHarder(tuple: Tuple, conn: number, attemptsLeft: number): boolean {
    invertTuple(this.scratch, tuple);
    const ct = this.ct;
    const { rows, tcp } = ct;
    if (
      attemptsLeft > HARDER_THRESHOLD ||
      tuple.protonum !== ip.IPPROTO_TCP ||
      tcpState(ct, conn) !== TcpState.SYN_SENT
    )
      return ct.tupleTaken(this.scratch, conn);
    const found = ct.find(this.scratch, rows.zoneId(conn, 0));
    if (found < 0) return false;
    const other = found >> 1;
    if ((found & 1) === 0 || tcpState(ct, other) < TcpState.TIME_WAIT) return true;
    const status = rows.status(other);
    if (status & (IPS_FIXED_TIMEOUT | IPS_DYING) || !(status & IPS_SRC_NAT)) return true;
    const sent = (one: number): number => {
      const side = tcp.side(tcp.track(one), 0);
      return tcp.words[side + END]!;
    };
    if (((sent(conn) - sent(other)) | 0) <= 0) return true;
    return !ct.kill(other);
  }
}

function addressInRange(address: number, { minAddr, maxAddr }: NatRange): boolean {
  const turned = address ^ SIGN;
  return turned >= (minAddr ^ SIGN) && turned <= (maxAddr ^ SIGN);
}

function inRange(tuple: Tuple, range: NatRange): boolean {
  if (range.flags & NF_NAT_RANGE_MAP_IPS && !addressInRange(tuple.src, range)) return false;
  if (!(range.flags & NF_NAT_RANGE_PROTO_SPECIFIED)) return true;
  return protoInRange(tuple, NF_NAT_MANIP_SRC, range.minProto, range.maxProto);
}

function protoInRange(tuple: Tuple, manip: number, min: number, max: number): boolean {
  if (tuple.protonum === ip.IPPROTO_ICMP) return tuple.srcU >= min && tuple.srcU <= max;
  if (!hasPorts(tuple.protonum)) return true;
  const port = manip === NF_NAT_MANIP_SRC ? tuple.srcU : tuple.dstU;
  return port >= min && port <= max;
}

/** Two numbers to one, evenly spread over 0 … 2^32−1. */
function mix(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b);
  h = Math.imul((h ^ (h >>> 15)) + b, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 13), 0x27d4eb2f);
  return (h ^ (h >>> 16)) >>> 0;
}
