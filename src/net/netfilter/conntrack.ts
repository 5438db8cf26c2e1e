// Connection tracking: every packet is given the connection that it belongs to, new ones are confirmed when their first
// packet leaves, and forgotten when their time is up. Answers to net/netfilter/nf_conntrack_core.c; the protocols' rules
// are in proto-tcp.ts and proto-other.ts. Module state there is an object per namespace here. Leaves out helpers,
// expectations and offloading; there is no collector thread: what has expired goes when somebody looks.

import type { Ns } from "../../base/time.ts";
import { SEC } from "../../base/time.ts";
import type { Rng } from "../../sim/rng.ts";
import type { Timer } from "../../sim/sim.ts";
import { IPPROTO_GRE, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, OFFSET_MASK } from "../../wire/ipv4.ts";
import { get16 } from "../../wire/layout.ts";
import type { Net } from "../core/net.ts";
import { NF_ACCEPT, NF_DROP, type NfHookState } from "../core/netfilter.ts";
import type { PathRecord } from "../core/path-record.ts";
import type { SkBuff } from "../core/skb.ts";
import {
  connExt,
  ctinfo2dir,
  IP_CT_ESTABLISHED,
  IP_CT_ESTABLISHED_REPLY,
  IP_CT_NEW,
  IP_CT_RELATED,
  IP_CT_RELATED_REPLY,
  IP_CT_UNTRACKED,
  IPCT_DESTROY,
  IPCT_NEW,
  IPCT_RELATED,
  IPCT_REPLY,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_HELPER,
  IPS_NAT_CLASH,
  IPS_NAT_DONE_MASK,
  IPS_SEEN_REPLY,
  IPS_TEMPLATE,
  NfConn,
} from "./conntrack-entry.ts";
import { type ConntrackHelper, ExpectTable } from "./conntrack-expect.ts";
import { BUCKETS, bucketOf, ConntrackHash } from "./conntrack-hash.ts";
import { type ConntrackStat, ConntrackSysctl, newConntrackStat } from "./conntrack-sysctl.ts";
import { genericPacket, grePacket, icmpError, icmpPacket, udpPacket } from "./proto-other.ts";
import { TCP_REPEAT, tcpCanEarlyDrop, tcpPacket } from "./proto-tcp.ts";
import { TcpSide } from "./proto-tcp-track.ts";
import { getTuple, invertTuple, Tuple } from "./tuple.ts";

/** Told of connections: IPCT_* bits; `conntrack -E` listens. */
export type ConntrackListener = (events: number, ct: NfConn) => void;

export class Conntrack {
  /** what a SYN announces that is not believed */
  readonly scratch: TcpSide = new TcpSide();
  readonly net: Net;
  readonly sysctl: ConntrackSysctl;
  readonly stat: ConntrackStat = newConntrackStat();
  readonly table: ConntrackHash = new ConntrackHash();
  /** confirmed connections in order of confirmation */
  readonly list: Set<NfConn> = new Set();
  /** tells NAT that a connection was stored or is gone */
  onConfirm: ((ct: NfConn) => void) | null = null;
  onDestroy: ((ct: NfConn) => void) | null = null;
  readonly #listeners: Set<ConntrackListener> = new Set();
  readonly expectations: ExpectTable = new ExpectTable(this);
  /** looks at an established packet of a connection with a helper, or with shifted numbers; a verdict */
  onHelp: ((skb: SkBuff, conn: NfConn) => number) | null = null;
  /** connection helpers by name */
  readonly helpers: Map<string, ConntrackHelper> = new Map();
  /** netlink port of the user on whose behalf connections change now; 0: nobody's */
  userPort = 0;
  readonly #rng: Rng;
  readonly #gc: Timer;
  readonly #sweep: Timer;
  /** @internal scratch of icmpError */
  readonly quoted: Tuple = new Tuple();
  /** @internal */
  readonly wanted: Tuple = new Tuple();
  readonly #tuple: Tuple = new Tuple();
  readonly #inverse: Tuple = new Tuple();

  constructor(net: Net) {
    this.net = net;
    this.#rng = net.kernel.rng.fork(`conntrack/${net.id}`);
    this.#gc = net.sim.timer(() => this.#collect());
    this.#sweep = net.sim.timer(() => this.#sweepFull());
    this.sysctl = new ConntrackSysctl(this);
  }

  get now(): Ns {
    return this.net.now;
  }

  /** Connections that have not expired. */
  get count(): number {
    this.expireAll();
    return this.list.size;
  }

  /** nf_conntrack_in: PRE_ROUTING and LOCAL_OUT. */
  in(skb: SkBuff, state: NfHookState): number {
    const template = skb.ct as NfConn | null;
    if (template !== null || skb.ctinfo === IP_CT_UNTRACKED) {
      if (template === null || !(template.status & IPS_TEMPLATE)) return NF_ACCEPT;
      skb.ct = null;
      if (template.zoneFromMark) template.zone = skb.mark & 0xffff;
    }
    const b = skb.head;
    const iph = skb.networkHeader;
    const protonum = b[iph + 9]!;
    const l4 = iph + ((b[iph]! & 15) << 2);
    // fragments are put together before this; what still is one lies inside an ICMP error
    if ((get16(b, iph + 6) & OFFSET_MASK) !== 0 || l4 > skb.tail) {
      this.stat.invalid++;
      return NF_ACCEPT;
    }
    if (protonum === IPPROTO_ICMP) {
      const result = icmpError(this, skb, l4, state.hook, template === null ? 0 : template.zone);
      if (result <= 0) {
        this.stat.error++;
        return -result;
      }
      if (skb.ct !== null) return NF_ACCEPT;
    }
    for (;;) {
      const conn = this.#resolve(skb, iph, template);
      if (conn === null) {
        this.stat.invalid++;
        return NF_ACCEPT;
      }
      if (conn === TABLE_FULL) {
        this.stat.drop++;
        return NF_DROP;
      }
      const result = this.#handlePacket(conn, skb, protonum, l4, state.hook);
      if (result > 0) {
        if (skb.ctinfo === IP_CT_ESTABLISHED_REPLY && !(conn.status & IPS_SEEN_REPLY)) {
          conn.status |= IPS_SEEN_REPLY;
          this.eventCache(conn, IPCT_REPLY);
        }
        if (skb.record !== null) noteConnection(skb, skb.record, conn, template !== null);
        return result;
      }
      skb.ct = null;
      skb.ctinfo = 0;
      if (result === TCP_REPEAT) continue;
      this.stat.invalid++;
      if (result === NF_DROP) this.stat.drop++;
      return -result;
    }
  }

  #handlePacket(conn: NfConn, skb: SkBuff, protonum: number, l4: number, hook: number): number {
    if (protonum === IPPROTO_TCP) return tcpPacket(this, conn, skb, l4, skb.ctinfo, hook);
    if (protonum === IPPROTO_UDP) return udpPacket(this, conn, skb, l4, skb.ctinfo, hook);
    if (protonum === IPPROTO_ICMP) return icmpPacket(this, conn, skb, skb.ctinfo);
    if (protonum === IPPROTO_GRE) return grePacket(this, conn, skb, skb.ctinfo);
    return genericPacket(this, conn, skb, skb.ctinfo);
  }

  /** Finds or makes the connection and says what the packet is to it (resolve_normal_ct). */
  #resolve(skb: SkBuff, iph: number, template: NfConn | null): NfConn | null {
    const tuple = this.#tuple;
    if (!getTuple(skb.head, iph, skb.tail, tuple)) return null;
    const zoneOrig = template === null ? 0 : template.zoneId(0);
    let found = this.find(tuple, zoneOrig);
    if (found < 0 && template !== null && template.zoneId(1) !== zoneOrig) found = this.find(tuple, template.zoneId(1));
    let conn: NfConn | null;
    if (found >= 0) conn = this.table.entries[found >> 1]!;
    else {
      conn = this.#create(tuple, template);
      if (conn === null || conn === TABLE_FULL) return conn;
      found = 0;
    }
    skb.ct = conn;
    if (found & 1) skb.ctinfo = IP_CT_ESTABLISHED_REPLY;
    else if (conn.status & IPS_SEEN_REPLY) skb.ctinfo = IP_CT_ESTABLISHED;
    else skb.ctinfo = conn.status & IPS_EXPECTED ? IP_CT_RELATED : IP_CT_NEW;
    return conn;
  }

  /** A connection not yet in the table (init_conntrack); null: nothing can answer such a packet. */
  #create(tuple: Tuple, template: NfConn | null): NfConn | null {
    if (!invertTuple(this.#inverse, tuple)) return null;
    const zone = template === null ? 0 : template.zoneId(0);
    if (this.sysctl.max > 0 && this.list.size >= this.sysctl.max && !this.#earlyDrop(tuple, zone)) {
      this.net.kernel.printk("nf_conntrack: nf_conntrack: table full, dropping packet");
      return TABLE_FULL;
    }
    const conn = this.allocate();
    conn.orig.copy(tuple);
    conn.reply.copy(this.#inverse);
    if (template !== null) {
      conn.zone = template.zone;
      conn.zoneDir = template.zoneDir;
    }
    if (this.expectations.list.length > 0 && this.#fulfil(conn)) return conn;
    const helper = template?.ext?.helper;
    if (helper) {
      connExt(conn).helper = helper;
      conn.status |= IPS_HELPER;
    }
    return conn;
  }

  /** A helper has announced this connection: it belongs to the other. */
  #fulfil(conn: NfConn): boolean {
    const exp = this.expectations.take(conn.orig);
    if (!exp) return false;
    conn.status |= IPS_EXPECTED;
    connExt(conn).master = exp.master;
    conn.mark = exp.master.mark;
    exp.follow?.(conn, exp);
    return true;
  }

  /** A blank connection with the extensions that the settings ask for (nf_conntrack_alloc). */
  allocate(): NfConn {
    const conn = new NfConn();
    if (this.sysctl.acct) conn.acct = { packets: [0, 0], bytes: [0, 0] };
    conn.ecache = this.sysctl.events === 1 || (this.sysctl.events === 2 && this.#listeners.size > 0);
    return conn;
  }

  /**
   * Makes room by giving up connections that were never assured, if there are any in the next few buckets (early_drop): in a
   * table that is full because its limit is low there hardly ever are. Otherwise the next sweep will make room.
   */
  #earlyDrop(tuple: Tuple, zone: number): boolean {
    this.expireAll();
    if (this.list.size < this.sysctl.max) return true;
    const first = bucketOf(tuple, zone);
    const near = (bucket: number): boolean => (bucket - first + BUCKETS) % BUCKETS < EVICTION_RANGE;
    let dropped = 0;
    for (const conn of [...this.list]) {
      if (conn.status & IPS_ASSURED) continue;
      if (!near(bucketOf(conn.orig, conn.zoneId(0))) && !near(bucketOf(conn.reply, conn.zoneId(1)))) continue;
      if (this.kill(conn)) dropped++;
    }
    this.stat.earlyDrop += dropped;
    if (dropped === 0 && !this.#sweep.pending) this.#sweep.after(SWEEP_NS);
    return dropped > 0;
  }

  /** Once a packet has been dropped for want of room, closing connections and those never assured go (gc_worker). */
  #sweepFull(): void {
    this.expireAll();
    const enough = Math.floor((this.sysctl.max / 100) * 95);
    for (const conn of [...this.list]) {
      if (this.list.size < enough) return;
      const closing = conn.protonum === IPPROTO_TCP && tcpCanEarlyDrop(conn);
      if (!(conn.status & IPS_ASSURED) || closing) this.kill(conn);
    }
  }

  /** index << 1 | direction of a living connection with this tuple, or −1 (nf_conntrack_find_get). */
  find(tuple: Tuple, zone: number): number {
    const found = this.table.find(tuple, zone);
    if (found < 0) return found;
    const conn = this.table.entries[found >> 1]!;
    if (conn.timeout > this.now) return found;
    this.kill(conn);
    return -1;
  }

  /** Is the tuple (of a reply) taken by a connection other than `ignored`? (nf_conntrack_tuple_taken) */
  tupleTaken(tuple: Tuple, ignored: NfConn): boolean {
    const found = this.find(tuple, ignored.zoneId(1));
    if (found < 0) return false;
    const conn = this.table.entries[found >> 1]!;
    if (conn === ignored) return false;
    // two first packets of one flow: settled when the second is confirmed
    return !(conn.orig.equals(ignored.orig) && conn.zoneId(0) === ignored.zoneId(0));
  }

  /** nf_confirm: LOCAL_IN and POST_ROUTING, last of all. */
  confirm(skb: SkBuff): number {
    const conn = skb.ct as NfConn | null;
    if (conn === null) return NF_ACCEPT;
    if (conn.ext !== null && this.onHelp !== null) {
      const verdict = this.onHelp(skb, conn);
      if (verdict !== NF_ACCEPT) return verdict;
    }
    if (!(conn.status & IPS_CONFIRMED)) {
      if (conn.status & IPS_TEMPLATE) return NF_ACCEPT;
      // an answer made here (REJECT's reset) may carry a connection that is not to be
      if (ctinfo2dir(skb.ctinfo) !== 0) return NF_ACCEPT;
      const verdict = this.#insert(conn, skb);
      if (verdict !== NF_ACCEPT) return verdict;
    }
    const current = skb.ct as NfConn;
    if (current.events !== 0) this.#deliver(current);
    return NF_ACCEPT;
  }

  #insert(conn: NfConn, skb: SkBuff): number {
    if (conn.status & IPS_DYING) {
      this.stat.insertFailed++;
      return NF_DROP;
    }
    const clashOrig = this.find(conn.orig, conn.zoneId(0));
    const clash = clashOrig >= 0 ? clashOrig : this.find(conn.reply, conn.zoneId(1));
    if (clash >= 0) return this.#resolveClash(conn, skb, clash);
    this.#store(conn);
    this.table.insert(conn.orig, conn.zoneId(0), conn.index << 1);
    this.table.insert(conn.reply, conn.zoneId(1), (conn.index << 1) | 1);
    return NF_ACCEPT;
  }

  /** Puts a connection made by a user (`conntrack -I`) into the table. False: a tuple is taken. */
  insertByHand(conn: NfConn): boolean {
    if (this.find(conn.orig, conn.zoneId(0)) >= 0 || this.find(conn.reply, conn.zoneId(1)) >= 0) return false;
    this.#store(conn);
    this.table.insert(conn.orig, conn.zoneId(0), conn.index << 1);
    this.table.insert(conn.reply, conn.zoneId(1), (conn.index << 1) | 1);
    this.#deliver(conn);
    return true;
  }

  #store(conn: NfConn): void {
    conn.timeout += this.now;
    conn.status |= IPS_CONFIRMED;
    conn.id = this.#rng.u32();
    if (this.sysctl.timestamp) conn.startNs = this.now;
    this.table.register(conn);
    this.list.add(conn);
    this.onConfirm?.(conn);
    this.eventCache(conn, conn.ext?.master ? IPCT_RELATED : IPCT_NEW);
    if (this.#listeners.size > 0 && !this.#gc.pending) this.#gc.after(SEC);
  }

  /** Another connection has the tuple (nf_ct_resolve_clash): for datagrams both packets may live. */
  #resolveClash(loser: NfConn, skb: SkBuff, found: number): number {
    const { stat } = this;
    const winner = this.table.entries[found >> 1]!;
    if (winner.protonum === IPPROTO_UDP) {
      if (this.#joinWinner(loser, winner, skb)) return NF_ACCEPT;
      const reply = this.find(loser.reply, loser.zoneId(1));
      if (reply >= 0) {
        if (this.#joinWinner(loser, this.table.entries[reply >> 1]!, skb)) return NF_ACCEPT;
      } else {
        // stored for the answer only, and for a second
        loser.timeout = SEC;
        loser.status |= IPS_FIXED_TIMEOUT | IPS_NAT_CLASH;
        this.#store(loser);
        this.table.insert(loser.reply, loser.zoneId(1), (loser.index << 1) | 1);
        stat.clashResolve++;
        return NF_ACCEPT;
      }
    }
    stat.drop++;
    stat.insertFailed++;
    return NF_DROP;
  }

  #joinWinner(loser: NfConn, winner: NfConn, skb: SkBuff): boolean {
    const same = winner.orig.equals(loser.orig) && winner.reply.equals(loser.reply) && winner.zone === loser.zone;
    if ((winner.status & IPS_NAT_DONE_MASK) !== 0 && !same) return false;
    if (loser.acct && winner.acct) {
      winner.acct.packets[0]++;
      winner.acct.bytes[0] += loser.acct.bytes[0];
    }
    skb.ct = winner;
    this.stat.clashResolve++;
    return true;
  }

  /** Another `timeout` ns to live, and the packet counted (nf_ct_refresh_acct). */
  refreshAcct(conn: NfConn, ctinfo: number, skb: SkBuff, timeout: Ns): void {
    if (!(conn.status & IPS_FIXED_TIMEOUT)) conn.timeout = conn.status & IPS_CONFIRMED ? this.now + timeout : timeout;
    if (conn.acct !== null) this.#account(conn, ctinfo, skb);
  }

  #account(conn: NfConn, ctinfo: number, skb: SkBuff): void {
    const dir = ctinfo2dir(ctinfo) as 0 | 1;
    conn.acct!.packets[dir]++;
    conn.acct!.bytes[dir] += skb.tail - skb.networkHeader;
  }

  /** The connection ends now (nf_ct_kill). False: it was ending already. */
  kill(conn: NfConn): boolean {
    if (conn.status & IPS_DYING) return false;
    conn.status |= IPS_DYING;
    if (conn.index < 0) return true;
    if (this.sysctl.timestamp && conn.startNs !== 0) conn.stopNs = Math.min(conn.timeout, this.now);
    const value = conn.index << 1;
    this.table.remove(conn.orig, conn.zoneId(0), value);
    this.table.remove(conn.reply, conn.zoneId(1), value | 1);
    this.table.unregister(conn);
    this.list.delete(conn);
    if (this.expectations.list.length > 0) this.expectations.removeOf(conn);
    this.onDestroy?.(conn);
    if (conn.ecache) for (const listener of this.#listeners) listener(IPCT_DESTROY, conn);
    return true;
  }

  /** kill, after counting the packet (nf_ct_kill_acct). */
  killAcct(conn: NfConn, ctinfo: number, skb: SkBuff): boolean {
    if (conn.acct !== null) this.#account(conn, ctinfo, skb);
    return this.kill(conn);
  }

  /** Ends every connection that `test` picks (nf_ct_iterate_cleanup). Returns how many. */
  killWhere(test: (ct: NfConn) => boolean): number {
    let killed = 0;
    for (const conn of [...this.list]) if (test(conn) && this.kill(conn)) killed++;
    return killed;
  }

  /** Notes IPCT_* for the next delivery. */
  eventCache(conn: NfConn, event: number): void {
    if (conn.ecache) conn.events |= event;
  }

  #deliver(conn: NfConn): void {
    const { events } = conn;
    conn.events = 0;
    if (events === 0 || (conn.status & (IPS_CONFIRMED | IPS_DYING)) !== IPS_CONFIRMED) return;
    for (const listener of this.#listeners) listener(events, conn);
  }

  /** Calls `listener` for every change from now on; returns what ends that. */
  listen(listener: ConntrackListener): () => void {
    this.#listeners.add(listener);
    if (this.list.size > 0) this.#gc.after(SEC);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#gc.del();
    };
  }

  /** Tells listeners at once what was noted (after a change by hand). */
  flushEvents(conn: NfConn): void {
    if (conn.events !== 0) this.#deliver(conn);
  }

  /** Ends what has expired. */
  expireAll(): void {
    const { now } = this;
    for (const conn of this.list) if (conn.timeout <= now) this.kill(conn);
  }

  /** While somebody listens, endings must be told in time. */
  #collect(): void {
    this.expireAll();
    if (this.list.size > 0 && this.#listeners.size > 0) this.#gc.after(SEC);
  }

  /** The packet's connection gets a helper before it is confirmed (nft_ct_helper_obj_eval). */
  setHelper(skb: SkBuff, name: string): void {
    const conn = skb.ct as NfConn | null;
    const helper = this.helpers.get(name);
    if (conn === null || helper === undefined || conn.status & (IPS_CONFIRMED | IPS_HELPER | IPS_TEMPLATE)) return;
    if (conn.protonum !== helper.protonum) return;
    connExt(conn).helper = helper;
    conn.status |= IPS_HELPER;
  }

  /** A packet made in answer to `from` belongs to the same connection (nf_conntrack_attach). */
  attach(skb: SkBuff, from: SkBuff): void {
    const conn = from.ct as NfConn | null;
    if (conn === null) return;
    skb.ct = conn;
    skb.ctinfo = ctinfo2dir(from.ctinfo) === 0 ? IP_CT_RELATED_REPLY : IP_CT_RELATED;
  }
}

/** Only packets of a connection that is in the table, without a helper or a zone, take a remembered way. */
function noteConnection(skb: SkBuff, record: PathRecord, conn: NfConn, hasTemplate: boolean): void {
  record.ct = conn;
  record.ctinfo = skb.ctinfo;
  record.status = conn.status;
  record.mark = conn.mark;
  record.trackedInBridge = skb.nfBridge !== 0;
  if (hasTemplate || !(conn.status & IPS_CONFIRMED) || conn.ext !== null || conn.zone !== 0) skb.record = null;
}

/** NF_CT_EVICTION_RANGE */
const EVICTION_RANGE = 8;
/** How long the garbage collector of a nearly idle table sleeps, about: from one second to a minute. */
const SWEEP_NS: Ns = 30 * SEC;

/** What #create returns instead of a connection when there is no room. */
const TABLE_FULL: NfConn = new NfConn();
