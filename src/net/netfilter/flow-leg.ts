// A host on a trail (core/trail.ts) that forwards: a connection's packets take the way that is known of them (flow-paths.ts).
// What FlowPath.follow does, without what nobody sees of a packet that comes from a sender's trail and goes on to the next
// host at once: of the packet's fields only those that taps look at, of its headers whole words, whose change is
// the same for each packet. Half of follow's time (`npm run bench`: forward_60B).

import type { Deferred, Sim } from "../../sim/sim.ts";
import { halves } from "../../wire/checksum.ts";
import { IPPROTO_UDP } from "../../wire/ipv4.ts";
import { firstHalf, half, numberOf, secondHalf, wordOf } from "../../wire/layout.ts";
import { deliverToTaps } from "../core/dev.ts";
import type { Neighbour } from "../core/neighbour.ts";
import type { Net, PathCosts } from "../core/net.ts";
import type { NeighHop, NetDevice } from "../core/net-device.ts";
import { PACKET_HOST, type SkBuff } from "../core/skb.ts";
import type { ForwardLeg } from "../core/trail.ts";
import type { Mib } from "../ipv4/mib.ts";
import type { Conntrack } from "./conntrack.ts";
import {
  CONN,
  DESTINATION,
  IP_CHANGE,
  NEW_DESTINATION,
  NEW_PORTS,
  NEW_SOURCE,
  PORTS,
  SEQ,
  SOURCE,
  UDP_CHANGE,
} from "./flow-line.ts";
import { FlowLines } from "./flow-lines.ts";
import type { FlowPath, FlowPaths } from "./flow-paths.ts";
import { udpRefresh } from "./proto-other.ts";

/** The words of a packet's headers that may differ behind a host: TTL and checksum, addresses, ports, UDP's checksum. */
export class HeaderWords {
  word2 = 0;
  word3 = 0;
  word4 = 0;
  word5 = 0;
  word6 = 0;

  take({ words, data }: SkBuff): this {
    const w = data >> 2;
    this.word2 = words[w + 2]!;
    this.word3 = words[w + 3]!;
    this.word4 = words[w + 4]!;
    this.word5 = words[w + 5]!;
    this.word6 = words[w + 6]!;
    return this;
  }
}

/** What the legs of all connections have in common whose packets take one way, to one neighbour. */
export class FlowWay implements Deferred {
  readonly paths: FlowPaths;
  readonly net: Net;
  readonly sim: Sim;
  readonly costs: PathCosts;
  private readonly mib: Mib;
  readonly ct: Conntrack;
  readonly path: FlowPath;
  readonly neigh: Neighbour;
  readonly hop: NeighHop;
  /** what leaves may be no longer */
  private readonly mostBytes: number;
  /** the half word as it leaves */
  readonly ttlProtocol: number;
  /** packets and bytes of IP that are still to be counted */
  private packets = 0;
  private bytes = 0;

  constructor(paths: FlowPaths, path: FlowPath, neigh: Neighbour, hop: NeighHop, ttlProtocol: number) {
    const { ip4 } = path.rt;
    this.paths = paths;
    this.net = ip4.net;
    this.sim = ip4.net.sim;
    this.costs = ip4.net.kernel.costs;
    this.mib = ip4.mib;
    this.ct = paths.ct;
    this.path = path;
    this.neigh = neigh;
    this.hop = hop;
    this.mostBytes = Math.min(path.mtu, hop.mostBytes);
    this.ttlProtocol = ttlProtocol;
  }

  /** It is what it was, whichever packets it is for. */
  holds(): boolean {
    return this.path.genid === this.net.pathGenid && this.neigh.leadsBy(this.hop);
  }

  /** Apart from the connection, a packet would go this way now. */
  leads(skb: SkBuff): boolean {
    return this.holds() && skb.tail - skb.data <= this.mostBytes && !this.net.sniffsIpv4;
  }

  /** Its neighbour is the next hop of packets to this address. */
  leadsTo(daddr: number): boolean {
    return (this.path.rt.nexthop(daddr) | 0) === (this.neigh.key | 0);
  }

  count(skb: SkBuff): void {
    if (this.packets === 0) this.sim.defer(this);
    this.packets++;
    this.bytes += skb.tail - skb.data;
  }

  /** Counts what has been put off. */
  settle(): void {
    const mib = this.mib;
    this.path.count(mib, this.packets, this.bytes);
    mib.ip.OutTransmits += this.packets;
    mib.ipExt.OutOctets += this.bytes;
    this.packets = 0;
    this.bytes = 0;
  }
}

/** What a packet does on its way, but for its headers. */
function pass(skb: SkBuff, way: FlowWay, conn: number): void {
  const { path, sim, costs, net, ct } = way;
  const { port, indev } = path;
  const tracked = path.trackedInBridge === true;

  // netifReceiveSkb
  sim.elapse(costs.receive);
  if (indev.taps.length > 0 || net.taps.length > 0) tapped(skb, indev, path.pktType);
  if (port !== null) {
    const { br } = port;
    if (tracked) udpRefresh(ct, conn, skb, path.ctinfo);
    if (path.fdbEntry >= 0) br.fdb.setUpdated(path.fdbEntry, sim.now);
    sim.elapse(costs.receive);
    if (br.dev.taps.length > 0 || net.taps.length > 0) tapped(skb, br.dev, PACKET_HOST);
  }
  if (!tracked) udpRefresh(ct, conn, skb, path.ctinfo);

  // ipForward, ipOutput
  sim.elapse(costs.forward);
}

/** TTL and checksums of a header at word `w`, of which IP's and UDP's grow by so much. */
export function sumUp(words: Int32Array, w: number, ttlProtocol: number, ipChange: number, udpChange: number): void {
  // between 0 and 0xfffe as it is written in a header
  const ipCheck = secondHalf(words[w + 2]!) + ipChange;
  words[w + 2] = wordOf(ttlProtocol, ipCheck >= 0xffff ? ipCheck - 0xffff : ipCheck);
  // 0 would say that there is none
  const word6 = words[w + 6]!;
  const udpCheck = secondHalf(word6) + udpChange;
  words[w + 6] = wordOf(firstHalf(word6), udpCheck > 0xffff ? udpCheck - 0xffff : udpCheck);
}

/** … and leaves. */
export function leave(skb: SkBuff, way: FlowWay, conn: number): void {
  way.ct.events.flush(conn);
  way.count(skb);
  way.neigh.outputBy();
  way.hop.cross(skb);
}

/** One direction of a connection. */
export class FlowLeg implements ForwardLeg {
  private readonly way: FlowWay;
  private readonly conn: number;
  /** with the row's number it names the connection for ever */
  private readonly seq: number;
  private readonly source: number;
  private readonly destination: number;
  private readonly ports: number;
  /** by how much the checksums of IP and UDP grow, in ones' complement */
  private readonly ipChange: number;
  private readonly udpChange: number;
  next: ForwardLeg | null = null;

  /**
   * @param before the header's words as they came
   * @param after as they leave
   */
  constructor(way: FlowWay, conn: number, before: HeaderWords, after: HeaderWords) {
    this.way = way;
    this.conn = conn;
    this.seq = way.ct.rows.seq(conn);
    this.source = after.word3;
    this.destination = after.word4;
    this.ports = after.word5;
    this.ipChange = modulo(secondHalf(after.word2) - secondHalf(before.word2));
    this.udpChange = modulo(secondHalf(after.word6) - secondHalf(before.word6));
  }

  get hop(): NeighHop {
    return this.way.hop;
  }

  get holds(): boolean {
    return false;
  }

  leads(skb: SkBuff): boolean {
    const way = this.way;
    const { path, ct } = way;
    const conn = this.conn;
    return (
      ct.rows.path(conn, path.dir) === path.id &&
      ct.rows.seq(conn) === this.seq &&
      way.paths.stillLeads(path, conn) &&
      way.leads(skb)
    );
  }

  pass(skb: SkBuff): void {
    const way = this.way;
    pass(skb, way, this.conn);
    this.#rewrite(skb, way.ttlProtocol);
    leave(skb, way, this.conn);
  }

  /** TTL, addresses, ports, checksums. */
  #rewrite({ words, data }: SkBuff, ttlProtocol: number): void {
    const w = data >> 2;
    words[w + 3] = this.source;
    words[w + 4] = this.destination;
    words[w + 5] = this.ports;
    sumUp(words, w, ttlProtocol, this.ipChange, this.udpChange);
  }
}

/** All connections whose packets take one way; which one's a packet is, the table says, or its line of what the table has said. */
export class FlowsLeg implements ForwardLeg {
  private readonly way: FlowWay;
  next: ForwardLeg | null = null;
  private readonly lines: FlowLines = new FlowLines();
  /** the packet's line and connection */
  private at = 0;
  private conn = 0;

  constructor(way: FlowWay) {
    this.way = way;
  }

  get hop(): NeighHop {
    return this.way.hop;
  }

  get holds(): boolean {
    return this.way.holds();
  }

  leads(skb: SkBuff): boolean {
    const way = this.way;
    const { path, ct } = way;
    const { rows } = ct;
    const { words, data } = skb;
    const w = data >> 2;
    const source = words[w + 3]!;
    const destination = words[w + 4]!;
    const ports = words[w + 5]!;
    const at = this.lines.find(source, destination, ports);
    const lines = this.lines.words;
    let conn = lines[at | CONN]!;
    this.at = at;
    this.conn = conn;
    if (conn === 0 || rows.seq(conn) !== lines[at | SEQ] || rows.path(conn, path.dir) !== path.id) {
      if (!this.#learns(source, destination, ports)) return false;
      conn = this.conn;
    }
    return way.paths.stillLeads(path, conn) && way.leads(skb);
  }

  /** Which connection the packet is of is found out anew. False: of none that takes this way. */
  #learns(source: number, destination: number, ports: number): boolean {
    const way = this.way;
    const { path, ct, paths } = way;
    const found = ct.table.findWords(numberOf(source), numberOf(destination), numberOf(ports), IPPROTO_UDP, 0);
    const conn = found >> 1;
    const { rows } = ct;
    const reply = 1 - path.dir;
    if (found < 0 || (found & 1) !== path.dir || !way.leadsTo(rows.src(conn, reply))) return false;
    if (rows.path(conn, path.dir) !== path.id && !paths.joins(path, conn)) return false;
    const at = this.lines.take(this.at, source, destination, ports);
    const lines = this.lines.words;
    const newSource = numberOf(rows.dst(conn, reply));
    const newDestination = numberOf(rows.src(conn, reply));
    const answered = rows.ports(conn, reply);
    lines[at | NEW_SOURCE] = newSource;
    lines[at | NEW_DESTINATION] = newDestination;
    lines[at | NEW_PORTS] = numberOf((answered << 16) | (answered >>> 16));
    // UDP's checksum is the pseudo-header's sum, as it is left to the device
    const change = halves(newSource) - halves(source) + halves(newDestination) - halves(destination);
    lines[at | IP_CHANGE] = modulo(TTL_CHANGE - change);
    lines[at | UDP_CHANGE] = modulo(change);
    this.at = at;
    this.conn = conn;
    if (this.lines.keeps) {
      lines[at | SOURCE] = source;
      lines[at | DESTINATION] = destination;
      lines[at | PORTS] = ports;
      lines[at | CONN] = conn;
      lines[at | SEQ] = rows.seq(conn);
    }
    return true;
  }

  /**
   * As FlowLeg's, but for what the connection says; not divided among functions, so that V8 makes a piece of its own of it (see
   * first-leg.ts): in one with the sender, 1,000 flows took a third longer (flows_1000_sendto).
   */
  pass(skb: SkBuff): void {
    const way = this.way;
    const { path, sim, costs, net, ct, ttlProtocol } = way;
    const { port, indev } = path;
    // not a look for truth: ten instructions less
    const tracked = path.trackedInBridge === true;
    const { at, conn } = this;
    const lines = this.lines.words;

    // netifReceiveSkb
    sim.elapse(costs.receive);
    if (indev.taps.length > 0 || net.taps.length > 0) tapped(skb, indev, path.pktType);
    if (port !== null) {
      const { br } = port;
      if (tracked) udpRefresh(ct, conn, skb, path.ctinfo);
      if (path.fdbEntry >= 0) br.fdb.setUpdated(path.fdbEntry, sim.now);
      sim.elapse(costs.receive);
      if (br.dev.taps.length > 0 || net.taps.length > 0) tapped(skb, br.dev, PACKET_HOST);
    }
    if (!tracked) udpRefresh(ct, conn, skb, path.ctinfo);

    // ipForward, ipOutput: TTL, addresses, ports, checksums
    sim.elapse(costs.forward);
    const { words, data } = skb;
    const w = data >> 2;
    words[w + 3] = lines[at | NEW_SOURCE]!;
    words[w + 4] = lines[at | NEW_DESTINATION]!;
    words[w + 5] = lines[at | NEW_PORTS]!;
    sumUp(words, w, ttlProtocol, lines[at | IP_CHANGE]!, lines[at | UDP_CHANGE]!);
    leave(skb, way, conn);
  }
}

/** A header's sum is smaller when one has been taken off its TTL. */
export const TTL_CHANGE: number = half(0x100);

/** By how much a checksum grows that is larger by a difference of few halves: 0 … 0xfffe. */
export function modulo(difference: number): number {
  return (difference + 8 * 0xffff) % 0xffff;
}

export function tapped(skb: SkBuff, dev: NetDevice, pktType: number): void {
  skb.dev = dev;
  skb.pktType = pktType;
  deliverToTaps(skb, dev);
  skb.pktType = PACKET_HOST;
}
