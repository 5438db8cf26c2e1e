// The ways that connections' packets take through this host, remembered: a packet of an established, forwarded connection whose
// like has been judged before is not put through the bridge's decision, the hooks with their rules, and the routing tables
// again. What Linux has nf_flow_table (nf_flow_table_ip.c) and Open vSwitch its flow caches for; unlike those it must not be
// seen: bytes, times, counters, timers and captures are those of the long way (test/net/flow-paths.test.ts). Three
// to four times faster than the long way between two devices (`npm run bench`: forward_60B).
//
// A way is noted by the steps themselves (core/path-record.ts). Connections share ways: a connection keeps, by direction,
// the number of the one that its last packet took. It counts while the namespace's pathGenid is what it was, which routes,
// rules, devices, addresses and settings change; what changes without (taps, neighbours, queues) is looked at each time.
// Whatever is not plain walks: fragments, options, a last hop, offload but for checksums, traced packets; of TCP all but data
// and acknowledgements of an assured connection that surely lie in its window.

import type { Deferred } from "../../sim/sim.ts";
import * as ip from "../../wire/ipv4.ts";
import { firstHalf, get16, getInt32 } from "../../wire/layout.ts";
import { ACK, PSH } from "../../wire/tcp.ts";
import { BridgePort, learns } from "../bridge/br-private.ts";
import { deliverToTaps } from "../core/dev.ts";
import type { FlowPathCache } from "../core/net.ts";
import type { NetDevice } from "../core/net-device.ts";
import { NF_INET_PRE_ROUTING } from "../core/netfilter.ts";
import { PacketBox } from "../core/packet-box.ts";
import { type Counted, PathRecord } from "../core/path-record.ts";
import { isPlainReceived } from "../core/plain.ts";
import { PACKET_HOST, type SkBuff } from "../core/skb.ts";
import { ipHeaderIsValid } from "../core/skb-ip-header.ts";
import type { Trail } from "../core/trail.ts";
import { IPSKB_FORWARDED } from "../ipv4/ip-cb.ts";
import { tosToPriority } from "../ipv4/ip-forward.ts";
import { ipFinishOutput2 } from "../ipv4/ip-output.ts";
import type { Ipv4 } from "../ipv4/ipv4.ts";
import type { Mib } from "../ipv4/mib.ts";
import type { Rtable } from "../ipv4/rtable.ts";
import { AlikePaths } from "./alike-paths.ts";
import type { Conntrack } from "./conntrack.ts";
import { ctinfo2dir, IPS_ASSURED, IPS_DST_NAT, IPS_NAT_CLASH, IPS_SEEN_REPLY, IPS_SRC_NAT } from "./conntrack-entry.ts";
import { FirstPackets } from "./first-packets.ts";
import { FlowLeg, FlowsLeg, FlowWay, HeaderWords } from "./flow-leg.ts";
import { type Nat, NF_NAT_MANIP_DST, NF_NAT_MANIP_SRC } from "./nat.ts";
import { udpRefresh } from "./proto-other.ts";
import { tcpPacket } from "./proto-tcp.ts";
import { TcpState } from "./proto-tcp-track.ts";
import { tcpSurelyInWindow } from "./proto-tcp-window.ts";

/** Ways that are remembered at once; a power of two. */
const PATHS = 1024;
const TRANSPORT_AT = ip.HEADER_LENGTH;

/** Does what connection tracking does with a packet before its routing. */
export interface Tracker {
  track(skb: SkBuff, path: FlowPath, conn: number): void;
}

/** One way: what a packet must be like to take it, and what is to be done on it. */
export class FlowPath {
  readonly id: number;
  readonly genid: number;
  readonly indev: NetDevice;
  readonly pktType: number;
  readonly tos: number;
  /** the Ethernet header: its first two bytes, then words */
  readonly mac0: number;
  readonly mac1: number;
  readonly mac2: number;
  readonly mac3: number;
  readonly status: number;
  readonly mark: number;
  readonly ctinfo: number;
  readonly dir: number;
  /** seen both ways, but not yet as a stream */
  readonly unassured: boolean;
  readonly dnat: boolean;
  readonly snat: boolean;
  /** the bridge port that `indev` is, when the frame went up through its bridge; null: no bridge */
  readonly port: BridgePort | null;
  readonly fdbEntry: number;
  readonly trackedInBridge: boolean;
  readonly nfBridge: number;
  readonly rt: Rtable;
  /** what the route carries: longer packets walk, to be cut or refused */
  readonly mtu: number;
  /** −1: it stays (ip_forward_update_priority) */
  readonly priority: number;
  readonly counters: readonly Counted[];
  /** packets and bytes of IP that are still to be counted, and the next path that has such */
  packets = 0;
  bytes = 0;
  nextTouched: FlowPath | null = null;
  /** for legs of trails; null: none has been made */
  way: FlowWay | null = null;

  constructor(id: number, genid: number, record: PathRecord, skb: SkBuff) {
    const { head, macHeader } = skb;
    const indev = record.indev!;
    const port = record.bridge === null ? null : (indev.rxHandlerData as BridgePort);
    this.id = id;
    this.genid = genid;
    this.indev = indev;
    this.pktType = record.pktType;
    this.tos = head[skb.networkHeader + 1]!;
    const w = (macHeader + 2) >> 2;
    this.mac0 = get16(head, macHeader);
    this.mac1 = skb.words[w]!;
    this.mac2 = skb.words[w + 1]!;
    this.mac3 = skb.words[w + 2]!;
    this.status = record.status;
    this.mark = record.mark;
    this.ctinfo = record.ctinfo;
    this.dir = ctinfo2dir(record.ctinfo);
    // of UDP alone; TCP's packets take a remembered way once the connection is assured
    this.unassured = (record.status & (IPS_SEEN_REPLY | IPS_ASSURED | IPS_NAT_CLASH)) === IPS_SEEN_REPLY;
    const isReply = this.dir === 1;
    this.dnat = (record.status & (isReply ? IPS_SRC_NAT : IPS_DST_NAT)) !== 0;
    this.snat = (record.status & (isReply ? IPS_DST_NAT : IPS_SRC_NAT)) !== 0;
    this.port = port;
    this.fdbEntry = record.fdbEntry;
    this.trackedInBridge = record.trackedInBridge;
    this.nfBridge = record.nfBridge;
    this.rt = record.dst as Rtable;
    this.mtu = this.rt.forwardMtu();
    this.priority = this.rt.ip4.sysctl.ipForwardUpdatePriority ? tosToPriority(this.tos) : -1;
    this.counters = record.counters.slice(0, record.length);
  }

  /** Is this the way that the record is of? */
  is(record: PathRecord, skb: SkBuff, genid: number): boolean {
    const { head } = skb;
    if (
      this.genid !== genid ||
      this.indev !== record.indev ||
      this.rt !== record.dst ||
      this.pktType !== record.pktType ||
      this.status !== record.status ||
      this.mark !== record.mark ||
      this.ctinfo !== record.ctinfo ||
      this.fdbEntry !== record.fdbEntry ||
      this.trackedInBridge !== record.trackedInBridge ||
      this.nfBridge !== record.nfBridge ||
      this.tos !== head[skb.networkHeader + 1] ||
      this.counters.length !== record.length ||
      !this.hasMacs(skb) ||
      !this.learnsAsBefore()
    )
      return false;
    for (let i = 0; i < record.length; i++) if (this.counters[i] !== record.counters[i]) return false;
    return true;
  }

  hasMacs({ head, words, macHeader }: SkBuff): boolean {
    const w = (macHeader + 2) >> 2;
    return (
      words[w + 1] === this.mac2 &&
      words[w] === this.mac1 &&
      words[w + 2] === this.mac3 &&
      get16(head, macHeader) === this.mac0
    );
  }

  /** The bridge learns, or does not, as it did. */
  learnsAsBefore(): boolean {
    const { port } = this;
    return port === null || this.fdbEntry >= 0 === learns(port.br);
  }

  /**
   * What the long way does with such a packet from its receipt to its output, in its order, but for what connection tracking does,
   * which is `tracker`'s, and for what is counted.
   */
  follow(skb: SkBuff, dev: NetDevice, conn: number, tracker: Tracker): void {
    const { sim, costs } = dev.net.kernel;
    const { head, data } = skb;
    const { port, rt } = this;

    // netifReceiveSkb
    sim.elapse(costs.receive);
    skb.skbIif = dev.ifindex;
    skb.networkHeader = data;
    skb.transportHeader = data;
    deliverToTaps(skb, dev);
    if (port !== null) {
      // brHandleFrame, and netifReceiveSkb by the bridge
      const { br } = port;
      if (this.trackedInBridge) tracker.track(skb, this, conn);
      if (this.fdbEntry >= 0) br.fdb.setUpdated(this.fdbEntry, sim.now);
      const bridge = br.dev;
      skb.physInDev = this.trackedInBridge ? dev : null;
      skb.pktType = PACKET_HOST;
      skb.dev = bridge;
      sim.elapse(costs.receive);
      skb.skbIif = bridge.ifindex;
      deliverToTaps(skb, bridge);
    }
    skb.tstampNs = sim.now;
    skb.nfBridge = this.nfBridge;

    // ipRcv
    skb.transportHeader = data + TRANSPORT_AT;
    if (!this.trackedInBridge) tracker.track(skb, this, conn);

    // ipForward
    sim.elapse(costs.forward);
    skb.dst = rt;
    skb.ipcbFlags = IPSKB_FORWARDED;
    skb.fragMaxSize = 0;
    skb.cloneOf = null;
    ip.decreaseTtl(head, data);
    if (this.priority >= 0) skb.priority = this.priority;

    // ipOutput
    skb.dev = rt.dev;
  }

  /** Counts what has gone this way since the last time. */
  settle(all: Mib): void {
    const { packets, bytes } = this;
    this.packets = 0;
    this.bytes = 0;
    this.count(all, packets, bytes);
  }

  /** So many packets have gone this way, of so many bytes of IP together. */
  count(all: Mib, packets: number, bytes: number): void {
    const { ip: mib, ipExt } = all;
    const { port, counters } = this;
    if (port !== null) {
      const { stats } = port.br.dev;
      stats.rxPackets += packets;
      stats.rxBytes += bytes;
    }
    mib.InReceives += packets;
    ipExt.InOctets += bytes;
    all.countEcn(this.tos, packets);
    mib.ForwDatagrams += packets;
    for (const counted of counters) {
      counted.packets += packets;
      counted.bytes += bytes;
    }
  }
}

export class FlowPaths implements FlowPathCache, Deferred, Tracker {
  private readonly ip4: Ipv4;
  /** @internal */ readonly ct: Conntrack;
  private readonly nat: Nat;
  /** by the low bits of their number: a new one takes the oldest one's place */
  private readonly paths: (FlowPath | null)[] = [];
  private lastId = 0;
  private readonly first: FirstPackets;
  private readonly alike: AlikePaths;
  private readonly record: PathRecord = new PathRecord((record, skb) => this.#remember(record, skb), null, false);
  private readonly boxedRecord: PathRecord = new PathRecord(
    (record, skb) => this.#remember(record, skb),
    new PacketBox(),
    false,
  );

  private readonly before: HeaderWords = new HeaderWords();
  private readonly after: HeaderWords = new HeaderWords();

  /** paths with something to count */
  private touched: FlowPath | null = null;

  constructor(ip4: Ipv4, ct: Conntrack, nat: Nat) {
    this.ip4 = ip4;
    this.ct = ct;
    this.nat = nat;
    this.alike = new AlikePaths(ct.rows);
    this.first = new FirstPackets(
      ip4,
      ct,
      nat,
      (record, skb) => (isWay(record) ? new FlowPath(0, ip4.net.pathGenid, record, skb) : null),
      (path, bytes) => this.#count(path, bytes),
      (trail, path, skb) => this.#wayOf(trail, path, skb),
    );
  }

  /** Counts what has been put off (Deferred). */
  settle(): void {
    for (let path = this.touched; path !== null; path = path.nextTouched) path.settle(this.ip4.mib);
    this.touched = null;
  }

  /** A frame from the backlog (the place of nf_flow_offload_ip_hook): true when it was sent on its connection's known way. */
  receive(skb: SkBuff, dev: NetDevice): boolean {
    if (!isPlainReceived(skb)) return false;
    if (dev.net.sniffsIpv4) return false;
    const { head, data } = skb;
    const src = getInt32(head, data + ip.SOURCE);
    const dst = getInt32(head, data + ip.DESTINATION);
    const ports = getInt32(head, data + TRANSPORT_AT);
    const protonum = head[data + 9]!;
    const first = this.first;
    const isUdp = protonum === ip.IPPROTO_UDP;
    // where new connections are coming, their first look at the table waits for all that it must have of it
    const expected = isUdp && first.expected;
    if (expected && first.receive(skb, dev, src, dst, ports)) return true;
    const found = this.ct.table.findWords(src, dst, ports, protonum, 0);
    if (found < 0) {
      if (isUdp && !expected && first.receive(skb, dev, src, dst, ports)) return true;
      skb.trail = null;
      if (isUdp) first.walks(skb, dev);
      return false;
    }
    const conn = found >> 1;
    const path = this.#pathOf(conn, found & 1) ?? this.#join(conn, found & 1);
    if (path === null || !this.#leads(path, skb, dev, conn)) {
      const record = path === null && this.alike.asks() ? this.boxedRecord : this.record;
      record.begin(skb, dev);
      return false;
    }
    const { trail } = skb;
    if (trail !== null) this.before.take(skb);
    path.follow(skb, dev, conn, this);
    this.#count(path, skb.tail - skb.data);
    // ipOutput
    if (path.snat) this.nat.packet(skb, conn, path.ctinfo, NF_NAT_MANIP_SRC);
    this.ct.events.flush(conn);
    if (trail !== null) this.#noteLeg(trail, path, skb, conn);
    ipFinishOutput2(this.ip4, skb, true);
    return true;
  }

  /** The way that a connection's last packet in this direction took, if it still counts. */
  #pathOf(conn: number, dir: number): FlowPath | null {
    const id = this.ct.rows.path(conn, dir);
    if (id === 0) return null;
    const path = this.paths[id & (PATHS - 1)]!;
    return path.id === id && path.genid === this.ip4.net.pathGenid ? path : null;
  }

  /** There is none: it may be another connection's. */
  #join(conn: number, dir: number): FlowPath | null {
    const path = this.alike.find(conn, dir, this.ip4.net.pathGenid);
    if (path !== null) this.ct.rows.setPath(conn, dir, path.id);
    return path;
  }

  /** @internal The connection has no way, and takes this one from now on. */
  joins(path: FlowPath, conn: number): boolean {
    return this.#pathOf(conn, path.dir) === null && this.#join(conn, path.dir) === path;
  }

  /** The packet's whole way is being noted: it passes here, and leaves by its neighbour's hop. */
  #noteLeg(trail: Trail, path: FlowPath, skb: SkBuff, conn: number): void {
    const way = this.#wayOf(trail, path, skb);
    if (way === null) return;
    this.after.take(skb);
    trail.forward(skb, trail.shared ? new FlowsLeg(way) : new FlowLeg(way, conn, this.before, this.after));
  }

  /**
   * What the connections' legs have in common, the packet being as it leaves; made anew when neighbour, hop or TTL are others. null: such
   * packets do not pass by legs, and its way is not noted.
   */
  #wayOf(trail: Trail, path: FlowPath, skb: SkBuff): FlowWay | null {
    const { rt, way } = path;
    const { neigh } = rt;
    const hop = neigh?.hop;
    const to = rt.nexthop(getInt32(skb.head, skb.data + ip.DESTINATION)) | 0;
    // taps of a bridge that connections are tracked in see the new destination
    const early = path.dnat && path.trackedInBridge;
    if (!neigh || (neigh.key | 0) !== to || !hop || early || !trail.notes(skb)) {
      skb.trail = null;
      return null;
    }
    const ttlProtocol = firstHalf(skb.words[(skb.data >> 2) + 2]!);
    if (way?.neigh === neigh && way.hop === hop && way.ttlProtocol === ttlProtocol) return way;
    path.way = new FlowWay(this, path, neigh, hop, ttlProtocol);
    return path.way;
  }

  /** The packet is as those that took the way, and nothing has changed on it; the connection's own changes forget its path. */
  #leads(path: FlowPath, skb: SkBuff, dev: NetDevice, conn: number): boolean {
    return (
      path.indev === dev &&
      path.tos === skb.head[skb.data + 1] &&
      path.pktType === skb.pktType &&
      path.hasMacs(skb) &&
      (skb.head[skb.data + 9] === ip.IPPROTO_UDP || this.#isEstablishedTcp(path, skb, conn)) &&
      this.stillLeads(path, conn) &&
      skb.tail - skb.data <= path.mtu &&
      ipHeaderIsValid(skb, skb.data, ip.HEADER_LENGTH)
    );
  }

  /** @internal Of what changes without a new generation: the bridge learns as it did, and the connection stays what it is. */
  stillLeads(path: FlowPath, conn: number): boolean {
    const { rows } = this.ct;
    const jiffies = this.ct.jiffies();
    return (
      path.learnsAsBefore() &&
      // it may be looked up in the next jiffy
      ((rows.timeout(conn) - jiffies - 1) | 0) > 0 &&
      // a datagram that assures the connection walks, as rules may ask about that
      (!path.unassured || ((jiffies + 1 - rows.streamAt(conn)) | 0) <= 0)
    );
  }

  /** Data or an acknowledgement in the window: the tracker will say yes, and the connection stays what it is. */
  #isEstablishedTcp({ status, ctinfo }: FlowPath, { head, data, tail }: SkBuff, conn: number): boolean {
    const { tcp } = this.ct;
    const track = tcp.track(conn);
    const th = data + TRANSPORT_AT;
    return (
      (status & IPS_ASSURED) !== 0 &&
      tcp.state(track) === TcpState.ESTABLISHED &&
      (head[th + 13]! & ~PSH) === ACK &&
      tail - th >= (head[th + 12]! >>> 4) << 2 &&
      tcpSurelyInWindow(this.ct, track, ctinfo2dir(ctinfo), head, th)
    );
  }

  /**
   * Counters of devices, rules and protocols grow by what the path has carried when somebody may look (Sim.defer): some twenty
   * of them for each packet took 30 ns.
   */
  #count(path: FlowPath, bytes: number): void {
    if (path.packets === 0) {
      if (this.touched === null) this.ip4.net.sim.defer(this);
      path.nextTouched = this.touched;
      this.touched = path;
    }
    path.packets++;
    path.bytes += bytes;
  }

  /** @internal The connection lives on, and the destination is what it says (nf_conntrack_in, nf_nat_ipv4_pre_routing). */
  track(skb: SkBuff, path: FlowPath, conn: number): void {
    skb.ct = conn;
    skb.ctinfo = path.ctinfo;
    if (skb.head[skb.data + 9] === ip.IPPROTO_UDP) udpRefresh(this.ct, conn, skb, path.ctinfo);
    else tcpPacket(this.ct, conn, skb, skb.data + TRANSPORT_AT, path.ctinfo, NF_INET_PRE_ROUTING);
    if (path.dnat) this.nat.packet(skb, conn, path.ctinfo, NF_NAT_MANIP_DST);
  }

  /** A packet has come to its output: the next one of its connection may follow it. */
  #remember(record: PathRecord, skb: SkBuff): void {
    const conn = record.ct;
    const { rows } = this.ct;
    if (conn <= 0 || skb.ct !== conn || record.dst === null || skb.dst !== record.dst || skb.mark !== 0) return;
    if (rows.status(conn) !== record.status || rows.mark(conn) !== record.mark || skb.ctinfo !== record.ctinfo) return;
    if (rows.ext(conn) !== null) return;
    if (!isWay(record)) return;
    const path = this.#numbered(record, skb);
    rows.setPath(conn, ctinfo2dir(record.ctinfo), path.id);
    if (record.box !== null) this.alike.remember(path, record.box, conn);
  }

  #numbered(record: PathRecord, skb: SkBuff): FlowPath {
    const genid = this.ip4.net.pathGenid;
    const paths = this.paths;
    for (let i = this.lastId; i > 0 && i > this.lastId - 8; i--) {
      const path = paths[i & (PATHS - 1)]!;
      if (path.is(record, skb, genid)) return path;
    }
    const id = ++this.lastId;
    while (paths.length <= (id & (PATHS - 1))) paths.push(null);
    const path = new FlowPath(id, genid, record, skb);
    paths[id & (PATHS - 1)] = path;
    return path;
  }
}

/** By a bridge, or by a device that nothing lies over. */
function isWay({ bridge, indev }: PathRecord): boolean {
  return bridge === null ? indev!.rxHandler === null : indev!.rxHandlerData instanceof BridgePort;
}
