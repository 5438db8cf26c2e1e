// The ways of connections' first packets, remembered: what flow-paths.ts does for the later ones. Nothing is known of such a
// packet's connection, but most of what is asked on its way is not about it: rules ask for interfaces, networks and a few
// ports, routes for prefixes. What is looked at is noted while one walks (core/packet-box.ts), and the next one that
// differs only in what nobody looked at goes the same way; that it is new, its new source and its place in the table are
// found out for each. A third of what it takes otherwise, with what nat.ts and conntrack-hash.ts have for it (`npm run bench`:
// new_flow). Must not be seen either (test/net/flow-paths.test.ts). UDP that is forwarded, with SNAT, MASQUERADE or neither;
// whatever else begins a connection walks.

import * as ip from "../../wire/ipv4.ts";
import { getInt32 } from "../../wire/layout.ts";
import { DropReason } from "../core/drop-reason.ts";
import type { NetDevice } from "../core/net-device.ts";
import { NF_ACCEPT } from "../core/netfilter.ts";
import { BoxBounds, PacketBox, SIGN } from "../core/packet-box.ts";
import { PathRecord } from "../core/path-record.ts";
import { drop, type SkBuff } from "../core/skb.ts";
import { ipHeaderIsValid } from "../core/skb-ip-header.ts";
import type { Trail } from "../core/trail.ts";
import { ipFinishOutput2 } from "../ipv4/ip-output.ts";
import type { Ipv4 } from "../ipv4/ipv4.ts";
import type { Conntrack } from "./conntrack.ts";
import {
  IP_CT_NEW,
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_DST_NAT_DONE,
  IPS_SRC_NAT,
  IPS_SRC_NAT_DONE,
} from "./conntrack-entry.ts";
import { FirstLeg } from "./first-leg.ts";
import type { FlowWay } from "./flow-leg.ts";
import type { FlowPath, Tracker } from "./flow-paths.ts";
import { type Nat, type NatRange, NF_NAT_MANIP_SRC, natRange } from "./nat.ts";
import { manipUdp } from "./nat-proto.ts";
import { udpRefresh, udpStreamAt } from "./proto-other.ts";

/** Chains of ways, by sender; a power of two. */
const CHAINS = 256;
/** Ways of one chain: the oldest goes. */
const MOST_IN_CHAIN = 8;
/** So many packets in a row for which no way was known are noted at once; after that one in so many. */
const PATIENCE = 64;
const TRANSPORT_AT = ip.HEADER_LENGTH;

/** A way that connections begin on. */
export class FirstPath extends BoxBounds {
  readonly path: FlowPath;
  next: FirstPath | null = null;
  /** NAT binds its destination (to what it is), its source */
  readonly bindsDst: boolean;
  readonly bindsSrc: boolean;
  /** the source is to be mapped into this; null: it stays if it may */
  readonly range: NatRange | null;
  /** ifindex of the interface whose address MASQUERADE took; 0 none */
  readonly masqIndex: number;

  constructor(path: FlowPath, box: PacketBox, status: number, nat: Nat, masqIndex: number) {
    super(box);
    this.path = path;
    this.bindsDst = (status & IPS_DST_NAT_DONE) !== 0;
    this.bindsSrc = (status & IPS_SRC_NAT_DONE) !== 0;
    this.range = this.bindsSrc && nat.lastRange !== null ? Object.assign(natRange(), nat.lastRange) : null;
    this.masqIndex = masqIndex;
  }
}

export class FirstPackets implements Tracker {
  private readonly ip4: Ipv4;
  private readonly ct: Conntrack;
  private readonly nat: Nat;
  private readonly newPath: (record: PathRecord, skb: SkBuff) => FlowPath | null;
  private readonly count: (path: FlowPath, bytes: number) => void;
  private readonly wayOf: (trail: Trail, path: FlowPath, skb: SkBuff) => FlowWay | null;
  private readonly box: PacketBox = new PacketBox();
  private readonly record: PathRecord = new PathRecord((record, skb) => this.#remember(record, skb), this.box, true);
  /** made with the first way */
  private chains: (FirstPath | null)[] | null = null;
  /** @internal after isNew: IPS_* of the packet's connection, −1: NAT must choose its source; where its answers come to */
  status = 0;
  addr = 0;
  port = 0;
  /** UDP: jiffy after which traffic makes the packet's connection a stream */
  private streamAt = 0;
  /** packets since the last one whose way was known */
  private unknown = 0;
  /** of the last plain packet: no way was known, though it might have been; it was new, and so the next one may be */
  private showsWay = false;
  expected = false;

  /**
   * @param newPath makes a way of a record, if it is one
   * @param count counts a packet of so many bytes on a way
   * @param wayOf what the legs on a way have in common; null: there are none
   */
  constructor(
    ip4: Ipv4,
    ct: Conntrack,
    nat: Nat,
    newPath: (record: PathRecord, skb: SkBuff) => FlowPath | null,
    count: (path: FlowPath, bytes: number) => void,
    wayOf: (trail: Trail, path: FlowPath, skb: SkBuff) => FlowWay | null,
  ) {
    this.ip4 = ip4;
    this.ct = ct;
    this.nat = nat;
    this.newPath = newPath;
    this.count = count;
    this.wayOf = wayOf;
  }

  /**
   * A plain UDP packet (flow-paths.ts): true when it belonged to no known connection and was sent on the way of others like it.
   * Addresses and ports as the table has them.
   */
  receive(skb: SkBuff, dev: NetDevice, src: number, dst: number, ports: number): boolean {
    const { takesAny } = this.ct;
    this.expected = false;
    const first = this.#find(skb, dev, src, dst, ports);
    this.showsWay = first === null && takesAny;
    if (first === null || !takesAny || !this.isNew(first, src, dst, ports)) return false;
    this.#follow(first, skb, dev, src, dst, ports);
    return true;
  }

  /**
   * Is the packet of no known connection, nor answered by the like? Then `status`, `addr` and `port` are what NAT would usually
   * make of its source. @internal
   */
  isNew(first: FirstPath, src: number, dst: number, ports: number): boolean {
    const nat = this.nat;
    const sport = ports >>> 16;
    let status = 0;
    let addr = src;
    let port = sport;
    if (first.bindsSrc) {
      status = nat.usualSource(src, sport, ip.IPPROTO_UDP, first.range);
      if (status >= 0) {
        addr = nat.usualAddr;
        port = nat.usualPort;
      }
    }
    const lacking = this.ct.table.lacks(src, dst, ports, addr, port, ip.IPPROTO_UDP);
    // NAT and the table must look at it
    if (lacking === 0) return false;
    this.expected = true;
    this.unknown = 0;
    // the answers' tuple is taken
    this.status = lacking === 1 ? -1 : status;
    this.addr = addr;
    this.port = port;
    return true;
  }

  /** A packet that `receive` has not sent on belongs to no known connection, and walks: it may show the way to others. */
  walks(skb: SkBuff, dev: NetDevice): void {
    if (!this.showsWay) return;
    if (++this.unknown < PATIENCE || this.unknown % PATIENCE === 0) this.record.begin(skb, dev);
  }

  #find(skb: SkBuff, dev: NetDevice, src: number, dst: number, ports: number): FirstPath | null {
    const saddr = src ^ SIGN;
    const daddr = dst ^ SIGN;
    const sport = ports >>> 16;
    const dport = ports & 0xffff;
    if (this.chains === null) return null;
    for (let first: FirstPath | null = this.chains[chainOf(skb, dev)]!; first !== null; first = first.next)
      if (first.has(saddr, daddr, sport, dport) && this.#leads(first.path, skb, dev)) return first;
    return null;
  }

  #leads(path: FlowPath, skb: SkBuff, dev: NetDevice): boolean {
    return (
      path.genid === this.ip4.net.pathGenid &&
      path.indev === dev &&
      path.tos === skb.head[skb.data + 1] &&
      path.pktType === skb.pktType &&
      path.hasMacs(skb) &&
      path.learnsAsBefore() &&
      skb.tail - skb.data <= path.mtu &&
      ipHeaderIsValid(skb, skb.data, ip.HEADER_LENGTH)
    );
  }

  #follow(first: FirstPath, skb: SkBuff, dev: NetDevice, src: number, dst: number, ports: number): void {
    const { path } = first;
    const bytes = skb.tail - skb.data;
    path.follow(skb, dev, 0, this);
    this.count(path, bytes);
    if (this.status >= 0) {
      this.confirm(first, skb.ct, src, dst, ports, this.streamAt, bytes);
      if (this.status & IPS_SRC_NAT) manipUdp(skb, skb.data, this.addr, this.port, true);
    } else if (this.#postRouting(first, skb) !== NF_ACCEPT) {
      drop(skb, DropReason.NETFILTER_DROP);
      return;
    }
    const { trail } = skb;
    if (trail !== null) this.#noteLeg(trail, first, skb);
    ipFinishOutput2(this.ip4, skb, true);
  }

  /** The packet's whole way is being noted: it passes here. */
  #noteLeg(trail: Trail, first: FirstPath, skb: SkBuff): void {
    const way = trail.shared && this.status >= 0 ? this.wayOf(trail, first.path, skb) : null;
    if (way === null) skb.trail = null;
    else trail.forward(skb, new FirstLeg(this, first, way));
  }

  /** @internal nf_conntrack_in: the connection begins. */
  track(skb: SkBuff): void {
    const ct = this.ct;
    this.streamAt = udpStreamAt(ct);
    skb.ctinfo = IP_CT_NEW;
    if (this.status >= 0) {
      skb.ct = ct.take(ip.IPPROTO_UDP);
      return;
    }
    const { head, data } = skb;
    const src = getInt32(head, data + ip.SOURCE);
    const dst = getInt32(head, data + ip.DESTINATION);
    const conn = ct.begin(ip.IPPROTO_UDP, src, dst, getInt32(head, data + TRANSPORT_AT));
    skb.ct = conn;
    ct.rows.setStreamAt(conn, this.streamAt);
    udpRefresh(ct, conn, skb, IP_CT_NEW);
  }

  /** Where NAT has its usual answer: the connection as it is then. @internal */
  confirm(
    { bindsSrc, bindsDst, masqIndex }: FirstPath,
    conn: number,
    src: number,
    dst: number,
    ports: number,
    streamAt: number,
    bytes: number,
  ): void {
    const status = bindsDst ? this.status | IPS_DST_NAT_DONE : this.status;
    this.ct.confirmLacked(conn, src, dst, ports, this.addr, this.port, status, masqIndex, streamAt, bytes);
    if (bindsSrc) this.nat.usualStored(conn);
  }

  /** A new source that NAT must choose, and a place in the table. */
  #postRouting({ bindsDst, masqIndex, range }: FirstPath, skb: SkBuff): number {
    const conn = skb.ct;
    const nat = this.nat;
    const { rows } = this.ct;
    // the plain answer's tuple is free, and so the null binding of the destination has changed nothing
    if (bindsDst) rows.addStatus(conn, IPS_DST_NAT_DONE);
    if (masqIndex !== 0) rows.setMasqIndex(conn, masqIndex);
    nat.setupInfo(conn, range!, NF_NAT_MANIP_SRC);
    nat.packet(skb, conn, IP_CT_NEW, NF_NAT_MANIP_SRC);
    return this.ct.confirm(skb);
  }

  /** A packet has come to its output: others may follow it. */
  #remember(record: PathRecord, skb: SkBuff): void {
    const conn = record.ct;
    const { rows } = this.ct;
    if (conn <= 0 || skb.ct !== conn || record.dst === null || skb.dst !== record.dst || skb.mark !== 0) return;
    const status = rows.status(conn);
    if (!(status & IPS_CONFIRMED) || status & IPS_DST_NAT || rows.mark(conn) !== 0 || rows.ext(conn) !== null) return;
    if (skb.ctinfo !== IP_CT_NEW) return;
    const path = this.newPath(record, skb);
    if (path === null) return;
    const first = new FirstPath(path, this.box, status, this.nat, rows.masqIndex(conn));
    this.chains ??= new Array<FirstPath | null>(CHAINS).fill(null);
    const chain = chainOf(skb, record.indev!);
    first.next = this.chains[chain]!;
    this.chains[chain] = first;
    // what has been long there goes, and all that is behind what counts no more
    let last: FirstPath = first;
    for (let i = 1; last.next !== null; i++) {
      if (i === MOST_IN_CHAIN || last.next.path.genid !== path.genid) last.next = null;
      else last = last.next;
    }
  }
}

/** By device and the end of the sender's address. */
function chainOf({ words, macHeader }: SkBuff, { ifindex }: NetDevice): number {
  const h = Math.imul(words[(macHeader + 10) >> 2]! ^ ifindex, 0x9e3779b1);
  return h >>> 24;
}
