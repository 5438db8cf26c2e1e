// Connection tracking: every packet is given the connection that it belongs to, new ones are confirmed when their first
// packet leaves, and forgotten when their time is up. Answers to net/netfilter/nf_conntrack_core.c; the protocols' rules
// are in proto-tcp.ts and proto-other.ts, connections are rows of conntrack-rows.ts. Module state there is an object per
// namespace here. Leaves out offloading; there is no collector thread: what has expired goes when somebody looks, or
// before the table grows.

import type { Ns } from "../../base/time.ts";
import { SEC } from "../../base/time.ts";
import type { Rng } from "../../sim/rng.ts";
import type { Timer } from "../../sim/sim.ts";
import { IPPROTO_GRE, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, OFFSET_MASK } from "../../wire/ipv4.ts";
import { get16 } from "../../wire/layout.ts";
import { JiffyClock } from "../core/jiffy-clock.ts";
import type { Net } from "../core/net.ts";
import { NF_ACCEPT, NF_DROP, type NfHookState } from "../core/netfilter.ts";
import type { PathRecord } from "../core/path-record.ts";
import type { SkBuff } from "../core/skb.ts";
import { HZ, JIFFY_NS } from "../core/timer-wheel.ts";
import {
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
  type Template,
} from "./conntrack-entry.ts";
import { ConntrackEvents } from "./conntrack-events.ts";
import { type ConntrackHelper, ExpectTable } from "./conntrack-expect.ts";
import { bucketOf, ConntrackHash } from "./conntrack-hash.ts";
import { ConnHandle, ConnInfo } from "./conntrack-info.ts";
import { ConnRows } from "./conntrack-rows.ts";
import { type ConntrackStat, ConntrackSysctl, newConntrackStat } from "./conntrack-sysctl.ts";
import { genericPacket, grePacket, icmpError, icmpPacket, udpPacket } from "./proto-other.ts";
import { TCP_REPEAT, tcpCanEarlyDrop, tcpPacket } from "./proto-tcp.ts";
import { TcpTracks } from "./proto-tcp-track.ts";
import { getTuple, invertTuple, Tuple } from "./tuple.ts";

export class Conntrack {
  private readonly clock: JiffyClock;
  readonly net: Net;
  readonly sysctl: ConntrackSysctl;
  readonly stat: ConntrackStat = newConntrackStat();
  /** the connections, each known by its row's number */
  readonly rows: ConnRows;
  /** TCP's windows */
  readonly tcp: TcpTracks;
  /** where they lie by their tuples; `find` also ends what has expired */
  readonly table: ConntrackHash;
  /** confirmed connections that have not ended */
  size = 0;
  /** tells NAT that a connection was stored or is gone */
  onConfirm: ((conn: number) => void) | null = null;
  onDestroy: ((conn: number) => void) | null = null;
  readonly events: ConntrackEvents = new ConntrackEvents(this);
  private readonly handles: Map<number, ConnHandle> = new Map();
  readonly expectations: ExpectTable = new ExpectTable(this);
  /** looks at an established packet of a connection with a helper, or with shifted numbers; a verdict */
  onHelp: ((skb: SkBuff, conn: number) => number) | null = null;
  /** connection helpers by name */
  readonly helpers: Map<string, ConntrackHelper> = new Map();
  /** templates that rules give to packets; skb.ct is −1 for the first, −2 for the second … */
  private readonly templates: (Template | null)[] = [];
  /** netlink port of the user on whose behalf connections change now; 0: nobody's */
  userPort = 0;
  private readonly idKey: number;
  private readonly gc: Timer;
  private readonly sweep: Timer;
  /** jiffy in which a full table was last searched for what has expired */
  private searchedAt = -1;
  /** @internal scratch of icmpError */
  readonly quoted: Tuple = new Tuple();
  /** @internal */
  readonly wanted: Tuple = new Tuple();
  private readonly tuple: Tuple = new Tuple();
  private readonly inverse: Tuple = new Tuple();

  constructor(net: Net) {
    this.net = net;
    this.clock = new JiffyClock(net.sim);
    const rng: Rng = net.kernel.rng.fork(`conntrack/${net.id}`);
    this.idKey = rng.u32();
    this.rows = new ConnRows(net.kernel.skbs);
    // functions get names first (CONTRIBUTING: a lab that is over is garbage)
    const beforeGrowth = (): void => this.expireAll();
    this.rows.beforeGrowth = beforeGrowth;
    const onFree = (conn: number): void => {
      this.events.drop(conn);
      if (this.handles.size > 0) this.handles.delete(conn);
      if (this.rows.protonum(conn) === IPPROTO_TCP) this.tcp.free(conn);
    };
    this.rows.onFree = onFree;
    this.tcp = new TcpTracks(this.rows);
    this.table = new ConntrackHash(this.rows);
    this.gc = net.sim.timer(() => this.#collect());
    this.sweep = net.sim.timer(() => this.#sweepFull());
    const onHearing = (isHeard: boolean): void => {
      if (!isHeard) this.gc.del();
      else if (this.size > 0) this.gc.after(SEC);
    };
    this.events.onHearing = onHearing;
    this.sysctl = new ConntrackSysctl(this);
  }

  get now(): Ns {
    return this.net.now;
  }

  /** The clock that timeouts count by (nfct_time_stamp): 32 bits, wrapping. */
  jiffies(): number {
    return this.clock.jiffies();
  }

  /** The jiffy that is so many seconds away. */
  inSeconds(seconds: number): number {
    return (this.jiffies() + spanOf(seconds)) | 0;
  }

  /** Jiffies until a connection in the table is forgotten; not above 0 when it has expired (nf_ct_is_expired). */
  jiffiesLeft(conn: number): number {
    return (this.rows.timeout(conn) - this.jiffies()) | 0;
  }

  /** Connections that have not expired. */
  get count(): number {
    this.expireAll();
    return this.size;
  }

  /** Connections in the table, in the order in which they came into it. */
  conns(): number[] {
    return this.#where(() => true);
  }

  /** The same that have not expired, as user space is told of them. */
  get list(): ConnInfo[] {
    this.expireAll();
    return this.conns().map((conn) => new ConnInfo(this, conn));
  }

  /** Is the connection still the one that `info` tells of? */
  isAlive(info: ConnInfo): boolean {
    return this.rows.isLive(info.row) && this.rows.seq(info.row) === info.seq;
  }

  /** For those who trace; null for 0. */
  handle(conn: number): ConnHandle | null {
    if (conn === 0) return null;
    let handle = this.handles.get(conn);
    if (handle === undefined) {
      handle = new ConnHandle(this, conn);
      this.handles.set(conn, handle);
    }
    return handle;
  }

  /** nf_ct_get_id: a number that does not repeat, and does not tell how many there have been. */
  id(conn: number): number {
    let h = Math.imul(this.rows.seq(conn) ^ this.idKey, 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
    return (h ^ (h >>> 13)) >>> 0;
  }

  #where(test: (conn: number) => boolean): number[] {
    const { rows } = this;
    const found: number[] = [];
    for (let conn = 1; conn < rows.top; conn++) if (rows.isLive(conn) && test(conn)) found.push(conn);
    return rows.inOrder(found);
  }

  /** What `skb.ct` is of a packet to which a rule gives `template`. */
  addTemplate(template: Template): number {
    const free = this.templates.indexOf(null);
    const index = free < 0 ? this.templates.length : free;
    this.templates[index] = template;
    return -1 - index;
  }

  removeTemplate(ct: number): void {
    this.templates[-1 - ct] = null;
  }

  /** nf_conntrack_in: PRE_ROUTING and LOCAL_OUT. */
  in(skb: SkBuff, state: NfHookState): number {
    if (skb.ct > 0 || (skb.ct === 0 && skb.ctinfo === IP_CT_UNTRACKED)) return NF_ACCEPT;
    const template = skb.ct < 0 ? (this.templates[-1 - skb.ct] ?? null) : null;
    skb.ct = 0;
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
      const result = icmpError(this, skb, l4, state.hook, template === null ? 0 : templateZone(template, skb));
      if (result <= 0) {
        this.stat.error++;
        return -result;
      }
      if (skb.ct !== 0) return NF_ACCEPT;
    }
    for (;;) {
      const conn = this.#resolve(skb, iph, template);
      if (conn === 0) {
        this.stat.invalid++;
        return NF_ACCEPT;
      }
      if (conn === TABLE_FULL) {
        this.stat.drop++;
        return NF_DROP;
      }
      const result = this.#handlePacket(conn, skb, protonum, l4, state.hook);
      if (result > 0) {
        if (skb.ctinfo === IP_CT_ESTABLISHED_REPLY && !(this.rows.status(conn) & IPS_SEEN_REPLY)) {
          this.rows.addStatus(conn, IPS_SEEN_REPLY);
          this.events.note(conn, IPCT_REPLY);
        }
        if (skb.record !== null) noteConnection(this.rows, skb, skb.record, template !== null);
        return result;
      }
      skb.ct = 0;
      skb.ctinfo = 0;
      if (result === TCP_REPEAT) continue;
      this.stat.invalid++;
      if (result === NF_DROP) this.stat.drop++;
      return -result;
    }
  }

  #handlePacket(conn: number, skb: SkBuff, protonum: number, l4: number, hook: number): number {
    if (protonum === IPPROTO_TCP) return tcpPacket(this, conn, skb, l4, skb.ctinfo, hook);
    if (protonum === IPPROTO_UDP) return udpPacket(this, conn, skb, l4, skb.ctinfo, hook);
    if (protonum === IPPROTO_ICMP) return icmpPacket(this, conn, skb, skb.ctinfo);
    if (protonum === IPPROTO_GRE) return grePacket(this, conn, skb, skb.ctinfo);
    return genericPacket(this, conn, skb, skb.ctinfo);
  }

  /** Finds or makes the connection and says what the packet is to it (resolve_normal_ct); 0: there can be none. */
  #resolve(skb: SkBuff, iph: number, template: Template | null): number {
    const tuple = this.tuple;
    if (!getTuple(skb.head, iph, skb.tail, tuple)) return 0;
    let zone = 0;
    let zoneReply = 0;
    if (template !== null) {
      const number = templateZone(template, skb);
      zone = template.zoneDir & 1 ? number : 0;
      zoneReply = template.zoneDir & 2 ? number : 0;
    }
    let found = this.find(tuple, zone);
    if (found < 0 && zoneReply !== zone) found = this.find(tuple, zoneReply);
    let conn = found >> 1;
    if (found < 0) {
      conn = this.#create(tuple, zone, template, skb);
      if (conn <= 0) return conn;
      found = 0;
    }
    const status = this.rows.status(conn);
    skb.ct = conn;
    if (found & 1) skb.ctinfo = IP_CT_ESTABLISHED_REPLY;
    else if (status & IPS_SEEN_REPLY) skb.ctinfo = IP_CT_ESTABLISHED;
    else skb.ctinfo = status & IPS_EXPECTED ? IP_CT_RELATED : IP_CT_NEW;
    return conn;
  }

  /** A new connection of a protocol with ports, in a table that has room; addresses and ports as the table has them. */
  begin(protonum: number, src: number, dst: number, ports: number): number {
    const conn = this.allocate(protonum);
    this.rows.setWords(conn, src, dst, ports, src, ports >>> 16);
    return conn;
  }

  /** May `begin` and `take` be called: there is room without anything that must go first, and nobody waits for such a connection? */
  get takesAny(): boolean {
    const { max } = this.sysctl;
    return (max === 0 || this.size < max) && this.rows.hasRoom && this.expectations.list.length === 0;
  }

  /** A connection not yet in the table (init_conntrack); 0: nothing can answer such a packet. */
  #create(tuple: Tuple, zone: number, template: Template | null, skb: SkBuff): number {
    if (!invertTuple(this.inverse, tuple)) return 0;
    if (this.sysctl.max > 0 && this.size >= this.sysctl.max && !this.#earlyDrop(tuple, zone)) {
      this.net.kernel.printk("nf_conntrack: nf_conntrack: table full, dropping packet");
      return TABLE_FULL;
    }
    const { rows } = this;
    const conn = this.allocate(tuple.protonum);
    rows.setTuple(conn, 0, tuple);
    rows.setTuple(conn, 1, this.inverse);
    if (template !== null) rows.setZone(conn, templateZone(template, skb), template.zoneDir);
    if (this.expectations.list.length > 0 && this.#fulfil(conn, tuple)) return conn;
    if (template !== null && template.helper !== null) {
      rows.needExt(conn).helper = template.helper;
      rows.addStatus(conn, IPS_HELPER);
    }
    return conn;
  }

  /** A helper has announced this connection: it belongs to the other. */
  #fulfil(conn: number, tuple: Tuple): boolean {
    const exp = this.expectations.take(tuple);
    if (!exp) return false;
    const { rows } = this;
    rows.addStatus(conn, IPS_EXPECTED);
    rows.needExt(conn).master = exp.master;
    rows.setMark(conn, rows.mark(exp.master));
    exp.follow?.(conn, exp);
    return true;
  }

  /** A blank connection with the extensions that the settings ask for (nf_conntrack_alloc). */
  allocate(protonum: number): number {
    return this.#extend(this.rows.alloc(protonum));
  }

  /** The same for confirmLacked. */
  take(protonum: number): number {
    return this.#extend(this.rows.take(protonum));
  }

  #extend(conn: number): number {
    const { acct, events } = this.sysctl;
    if (acct) this.rows.addCounters(conn);
    if (events === 1 || (events === 2 && this.events.isHeard)) this.rows.setTells(conn);
    return conn;
  }

  /**
   * Makes room by giving up connections that were never assured, if there are any in the next few buckets (early_drop): in a
   * table that is full because its limit is low there hardly ever are. Otherwise the next sweep will make room.
   */
  #earlyDrop(tuple: Tuple, zone: number): boolean {
    // nothing more expires within a jiffy
    if (this.searchedAt !== this.jiffies()) this.expireAll();
    this.searchedAt = this.jiffies();
    if (this.size < this.sysctl.max) return true;
    let dropped = 0;
    for (const conn of this.rows.inOrder([...this.table.inBuckets(bucketOf(tuple, zone), EVICTION_RANGE)]))
      if (!(this.rows.status(conn) & IPS_ASSURED) && this.kill(conn)) dropped++;
    this.stat.earlyDrop += dropped;
    if (dropped === 0 && !this.sweep.pending) this.sweep.after(SWEEP_NS);
    return dropped > 0;
  }

  /** Once a packet has been dropped for want of room, closing connections and those never assured go (gc_worker). */
  #sweepFull(): void {
    this.expireAll();
    const { rows } = this;
    const enough = Math.floor((this.sysctl.max / 100) * 95);
    for (const conn of this.conns()) {
      if (this.size < enough) return;
      const closing = rows.protonum(conn) === IPPROTO_TCP && tcpCanEarlyDrop(this, conn);
      if (!(rows.status(conn) & IPS_ASSURED) || closing) this.kill(conn);
    }
  }

  /** row << 1 | direction of a living connection with this tuple, or −1 (nf_conntrack_find_get). */
  find(tuple: Tuple, zone: number): number {
    return this.#living(this.table.find(tuple, zone));
  }

  /** The same, of the tuple that a connection has in a direction. */
  #findOf(conn: number, dir: number): number {
    const { rows } = this;
    return this.#living(
      this.table.findWords(
        rows.src(conn, dir),
        rows.dst(conn, dir),
        rows.ports(conn, dir),
        rows.protonum(conn),
        rows.zoneId(conn, dir),
      ),
    );
  }

  #living(found: number): number {
    if (found < 0 || this.jiffiesLeft(found >> 1) > 0) return found;
    this.kill(found >> 1);
    return -1;
  }

  /** Is the tuple (of a reply) taken by a connection other than `ignored`? (nf_conntrack_tuple_taken) */
  tupleTaken(tuple: Tuple, ignored: number): boolean {
    const { rows } = this;
    const found = this.find(tuple, rows.zoneId(ignored, 1));
    if (found < 0) return false;
    const conn = found >> 1;
    if (conn === ignored) return false;
    // two first packets of one flow: settled when the second is confirmed
    return !(rows.sameTuple(conn, ignored, 0) && rows.zoneId(conn, 0) === rows.zoneId(ignored, 0));
  }

  /** nf_confirm: LOCAL_IN and POST_ROUTING, last of all. */
  confirm(skb: SkBuff): number {
    const conn = skb.ct;
    if (conn <= 0) return NF_ACCEPT;
    const { rows } = this;
    if (this.onHelp !== null && rows.ext(conn) !== null) {
      const verdict = this.onHelp(skb, conn);
      if (verdict !== NF_ACCEPT) return verdict;
    }
    if (!(rows.status(conn) & IPS_CONFIRMED)) {
      // an answer made here (REJECT's reset) may carry a connection that is not to be
      if (ctinfo2dir(skb.ctinfo) !== 0) return NF_ACCEPT;
      const verdict = this.#insert(conn, skb);
      if (verdict !== NF_ACCEPT) return verdict;
    }
    this.events.flush(skb.ct);
    return NF_ACCEPT;
  }

  #insert(conn: number, skb: SkBuff): number {
    if (this.rows.status(conn) & IPS_DYING) {
      this.stat.insertFailed++;
      return NF_DROP;
    }
    const clashOrig = this.#findOf(conn, 0);
    const clash = clashOrig >= 0 ? clashOrig : this.#findOf(conn, 1);
    if (clash >= 0) return this.#resolveClash(conn, skb, clash >> 1);
    this.#store(conn);
    this.table.insert(conn, 0);
    this.table.insert(conn, 1);
    return NF_ACCEPT;
  }

  /** Puts a connection made by a user (`conntrack -I`) into the table. False: a tuple is taken. */
  insertByHand(conn: number): boolean {
    if (this.#findOf(conn, 0) >= 0 || this.#findOf(conn, 1) >= 0) return false;
    this.#store(conn);
    this.table.insert(conn, 0);
    this.table.insert(conn, 1);
    this.events.flush(conn);
    return true;
  }

  /**
   * The first packet of a UDP connection leaves, which no helper reads and of which the table lacks both tuples, as it has just said
   * (nf_confirm, after all that comes before). NAT is not told.
   * @param conn its row, taken and blank
   * @param addr where answers come to
   * @param streamAt jiffy after which traffic makes it a stream
   * @param bytes of the packet
   */
  confirmLacked(
    conn: number,
    src: number,
    dst: number,
    ports: number,
    addr: number,
    port: number,
    status: number,
    masqIndex: number,
    streamAt: number,
    bytes: number,
  ): void {
    const { rows } = this;
    const expires = this.inSeconds(this.sysctl.udpTimeout);
    rows.write(conn, src, dst, ports, addr, port, status | IPS_CONFIRMED, masqIndex, expires, streamAt);
    if (rows.hasCounters(conn)) rows.count(conn, 0, bytes);
    this.#stored(conn, IPCT_NEW);
    this.table.insertLacked(conn);
    this.events.flush(conn);
  }

  #store(conn: number): void {
    const { rows } = this;
    rows.setExpires(conn, (this.jiffies() + rows.timeout(conn)) | 0);
    rows.addStatus(conn, IPS_CONFIRMED);
    rows.enlist(conn);
    this.onConfirm?.(conn);
    this.#stored(conn, (rows.ext(conn)?.master ?? 0) !== 0 ? IPCT_RELATED : IPCT_NEW);
  }

  #stored(conn: number, event: number): void {
    const { rows } = this;
    if (this.sysctl.timestamp) rows.setStart(conn, this.now);
    this.size++;
    this.events.note(conn, event);
    if (this.events.isHeard && !this.gc.pending) this.gc.after(SEC);
  }

  /** Another connection has the tuple (nf_ct_resolve_clash): for datagrams both packets may live. */
  #resolveClash(loser: number, skb: SkBuff, winner: number): number {
    const { stat, rows } = this;
    if (rows.protonum(winner) === IPPROTO_UDP) {
      if (this.#joinWinner(loser, winner, skb)) return NF_ACCEPT;
      const reply = this.#findOf(loser, 1);
      if (reply >= 0) {
        if (this.#joinWinner(loser, reply >> 1, skb)) return NF_ACCEPT;
      } else {
        // stored for the answer only, and for a second
        rows.setExpires(loser, HZ);
        rows.addStatus(loser, IPS_FIXED_TIMEOUT | IPS_NAT_CLASH);
        this.#store(loser);
        this.table.insert(loser, 1);
        stat.clashResolve++;
        return NF_ACCEPT;
      }
    }
    stat.drop++;
    stat.insertFailed++;
    return NF_DROP;
  }

  #joinWinner(loser: number, winner: number, skb: SkBuff): boolean {
    const { rows } = this;
    const same =
      rows.sameTuple(winner, loser, 0) && rows.sameTuple(winner, loser, 1) && rows.zone(winner) === rows.zone(loser);
    if ((rows.status(winner) & IPS_NAT_DONE_MASK) !== 0 && !same) return false;
    if (rows.hasCounters(loser) && rows.hasCounters(winner)) rows.count(winner, 0, rows.bytes(loser, 0));
    skb.ct = winner;
    this.stat.clashResolve++;
    return true;
  }

  /** So many more seconds to live, and the packet counted (nf_ct_refresh_acct). */
  refreshAcct(conn: number, ctinfo: number, skb: SkBuff, seconds: number): void {
    const { rows } = this;
    const status = rows.status(conn);
    if (!(status & IPS_FIXED_TIMEOUT))
      rows.setExpires(conn, (spanOf(seconds) + (status & IPS_CONFIRMED ? this.jiffies() : 0)) | 0);
    if (rows.hasCounters(conn)) rows.count(conn, ctinfo2dir(ctinfo), skb.tail - skb.networkHeader);
  }

  /** The connection ends now (nf_ct_kill). False: it was ending already. */
  kill(conn: number): boolean {
    return this.#kill(conn, true);
  }

  /** @param remove take it out of the table; false: the caller sweeps the table afterwards */
  #kill(conn: number, remove: boolean): boolean {
    const { rows } = this;
    const status = rows.status(conn);
    if (status & IPS_DYING) return false;
    rows.addStatus(conn, IPS_DYING);
    if (!(status & IPS_CONFIRMED)) return true;
    // ended late, it is said to have ended when its time was up
    const late = Math.max(0, -this.jiffiesLeft(conn));
    if (rows.startNs(conn) !== 0) rows.setStop(conn, this.now - late * JIFFY_NS);
    if (remove) {
      this.table.remove(conn, 0);
      this.table.remove(conn, 1);
    }
    this.size--;
    rows.loosen(conn);
    if (this.expectations.list.length > 0) this.expectations.removeOf(conn);
    this.onDestroy?.(conn);
    this.events.drop(conn);
    if (rows.tells(conn)) this.events.tell(IPCT_DESTROY, conn);
    return true;
  }

  /** kill, after counting the packet (nf_ct_kill_acct). */
  killAcct(conn: number, ctinfo: number, skb: SkBuff): boolean {
    const { rows } = this;
    if (rows.hasCounters(conn)) rows.count(conn, ctinfo2dir(ctinfo), skb.tail - skb.networkHeader);
    return this.kill(conn);
  }

  /** Ends every connection that `test` picks, which is asked once or twice of each (nf_ct_iterate_cleanup). Returns how many. */
  killWhere(test: (conn: number) => boolean): number {
    const { rows } = this;
    if (!this.events.isHeard) {
      let count = 0;
      for (let conn = 1; conn < rows.top; conn++) if (rows.isLive(conn) && test(conn)) count++;
      if (count * 4 > this.size) {
        this.#killMany(test);
        return count;
      }
      if (count === 0) return 0;
    }
    const picked = this.#where(test);
    for (const conn of picked) this.kill(conn);
    return picked.length;
  }

  /**
   * Where many go and nobody listens, their order does not matter, and the table is swept at the end: taking out each looks at its
   * neighbours, a cache miss apiece. Begun and flushed, a connection takes a fifth less processor time in all (new_flow).
   */
  #killMany(test: (conn: number) => boolean): void {
    const { rows } = this;
    for (let conn = 1; conn < rows.top; conn++) if (rows.isLive(conn) && test(conn)) this.#kill(conn, false);
    this.table.sweep(this.size);
  }

  /** Ends what has expired. */
  expireAll(): void {
    if (this.size === 0) return;
    const { rows } = this;
    const jiffies = this.jiffies();
    this.killWhere((conn) => ((rows.timeout(conn) - jiffies) | 0) <= 0);
  }

  /** While somebody listens, endings must be told in time. */
  #collect(): void {
    this.expireAll();
    if (this.size > 0 && this.events.isHeard) this.gc.after(SEC);
  }

  /** The packet's connection gets a helper before it is confirmed (nft_ct_helper_obj_eval). */
  setHelper(skb: SkBuff, name: string): void {
    const conn = skb.ct;
    const helper = this.helpers.get(name);
    if (conn <= 0 || helper === undefined || this.rows.status(conn) & (IPS_CONFIRMED | IPS_HELPER)) return;
    if (this.rows.protonum(conn) !== helper.protonum) return;
    this.rows.needExt(conn).helper = helper;
    this.rows.addStatus(conn, IPS_HELPER);
  }

  /** A packet made in answer to `from` belongs to the same connection (nf_conntrack_attach). */
  attach(skb: SkBuff, from: SkBuff): void {
    if (from.ct === 0) return;
    skb.ct = from.ct;
    skb.ctinfo = ctinfo2dir(from.ctinfo) === 0 ? IP_CT_RELATED_REPLY : IP_CT_RELATED;
  }
}

/**
 * Only packets of a connection that is in the table, without a helper or a zone, take its remembered way; packets that begin
 * one that of others which began.
 */
function noteConnection(rows: ConnRows, skb: SkBuff, record: PathRecord, hasTemplate: boolean): void {
  const conn = skb.ct;
  const status = rows.status(conn);
  record.ct = conn;
  record.ctinfo = skb.ctinfo;
  record.status = status;
  record.mark = rows.mark(conn);
  record.trackedInBridge = skb.nfBridge !== 0;
  const known = record.first ? status === 0 && skb.ctinfo === IP_CT_NEW : (status & IPS_CONFIRMED) !== 0;
  if (hasTemplate || !known || rows.ext(conn) !== null || rows.zone(conn) !== 0) skb.record = null;
}

function templateZone({ zone, zoneFromMark }: Template, skb: SkBuff): number {
  return zoneFromMark ? skb.mark & 0xffff : zone;
}

/** Jiffies of a number of seconds, as far as 32 bits go. */
export function spanOf(seconds: number): number {
  return Math.min(seconds * HZ, 0x7fffffff);
}

/** NF_CT_EVICTION_RANGE */
const EVICTION_RANGE = 8;
/** How long the garbage collector of a nearly idle table sleeps, about: from one second to a minute. */
const SWEEP_NS: Ns = 30 * SEC;

/** What #create returns instead of a connection when there is no room. */
const TABLE_FULL = -1;
