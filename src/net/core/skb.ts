// The socket buffer: a frame's bytes with head-room, and what the kernel keeps beside them. Answers to
// include/linux/skbuff.h and net/core/skbuff.c. Buffers come from a pool in two sizes and go back to it, so that the
// packet path allocates nothing. There are no shared clones: whoever hands one frame to two receivers copies it.

import { assert } from "../../base/assert.ts";
import { DOUBLE_ZERO } from "../../base/double.ts";
import type { TraceRule, TraceSink } from "../../sim/trace.ts";
import type { DropReason } from "./drop-reason.ts";
import type { NetDevice } from "./net-device.ts";
import type { PathRecord } from "./path-record.ts";
import { copyWords } from "./skb-bytes.ts";
import { CHECKSUM_NONE, LARGE, LOOP_COPY, PACKET_HOST, SKB_HEADROOM, SMALL, SMALL_PER_SLAB } from "./skb-constants.ts";
import type { Trail } from "./trail.ts";

export {
  CHECKSUM_COMPLETE,
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_LOOPBACK,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  PACKET_OUTGOING,
  SKB_GSO_TCP_ECN,
  SKB_GSO_TCPV4,
  SKB_GSO_TCPV6,
  SKB_GSO_UDP_L4,
  SKB_HEADROOM,
} from "./skb-constants.ts";

const NO_BYTES = new Uint8Array(0);

/** Numbers of kept views: what a reader copies, what captures write, all of it. From SEGMENT_VIEWS on: a super-packet's segments. */
export const READ_VIEW = 0;
export const TAP_VIEW = 1;
const WHOLE_VIEW = 2;
export const SEGMENT_VIEWS = 3;

/**
 * One packet. Offsets count from the start of `head`. `data` … `tail` is what the current layer sees: a layer that
 * adds a header pushes, one that takes it off pulls.
 */
export class SkBuff {
  /** the bytes; only data … tail belong to the packet */
  head: Uint8Array;
  /**
   * The same bytes as 32-bit words of this machine's byte order, for what is copied or summed as a whole and lies at a multiple of
   * four, as headers do: a word takes a quarter of the loads and stores (a header's copy 9 ns instead of 25, its sum 5 instead of 9).
   */
  words: Int32Array;
  readonly pool: SkbPool;
  /** offset of the first byte of the current layer */
  data: number = SKB_HEADROOM;
  /** offset after the last byte */
  tail: number = SKB_HEADROOM;
  /** offsets of the headers; −1 when not set */
  macHeader = -1;
  networkHeader = -1;
  transportHeader = -1;
  /** EtherType of what follows the link header, e.g. 0x0800 */
  protocol = 0;
  pktType: number = PACKET_HOST;
  /** the device that it arrived on or leaves by; null between */
  dev: NetDevice | null = null;
  /** ifindex on which it came into this namespace; 0 when made here */
  skbIif = 0;
  /** fwmark */
  mark = 0;
  priority = 0;
  ipSummed: number = CHECKSUM_NONE;
  /** CHECKSUM_PARTIAL: the sum starts at this offset of `head` … */
  csumStart = 0;
  /** … and its result goes this many bytes further */
  csumOffset = 0;
  /** 0, or the payload bytes of each segment of a super-packet */
  gsoSize = 0;
  gsoSegs = 0;
  gsoType = 0;
  /** the routing decision (ipv4/route.ts), null before it */
  dst: object | null = null;
  /**
   * The connection: its row in the namespace's table (netfilter/conntrack-rows.ts); 0 before conntrack or untracked; below 0 a
   * template for conntrack.
   */
  ct = 0;
  /** IP_CT_* */
  ctinfo = 0;
  /** the sending or receiving sock, null when there is none */
  sk: object | null = null;
  /** VLAN tag taken off or still to be put on: TCI, and 0x8100 or 0x88a8; 0 when there is none */
  vlanTci = 0;
  vlanProto = 0;
  /** the bridge has judged its VLAN (BR_INPUT_SKB_CB vlan_filtered) */
  vlanFiltered = false;
  /** br_netfilter: the bridge ports that it crosses */
  physInDev: NetDevice | null = null;
  physOutDev: NetDevice | null = null;
  /** br_netfilter: state bits of its own */
  nfBridge = 0;
  /** IPCB: flags (IPSKB_*), the largest fragment that defragmentation saw (bytes of IP packet, 0 none) */
  ipcbFlags = 0;
  fragMaxSize = 0;
  /** data bytes of each fragment that it was put together from (frag_list), null when it was not */
  fragSizes: readonly number[] | null = null;
  /** IPCB: offset in the IP header of source-route, record-route and router-alert options; 0 none */
  optOffset = 0;
  optLen = 0;
  /** mac_len: the link header's bytes, for those who push it back */
  macLen = 0;
  /** virtual ns of receipt; 0 not set */
  tstampNs = 0;
  /** payload out of the page cache (sendfile): its first byte's offset in a 4 KiB page, plus 1; 0: it lies in one piece */
  pagePhase = 0;
  /** what it costs in memory, where the driver says so, and room behind its bytes in the driver's buffer; 0: as its sender made it */
  truesize = 0;
  endRoom = 0;
  /** the sender's queue still refers to the same bytes (skb_cloned) while cloneOf.gen is cloneGen; copies are their own */
  cloneOf: { readonly gen: number } | null = null;
  cloneGen = 0;
  /** TCP's own (TCP_SKB_CB): sequence numbers, flags, state */
  seq: number = DOUBLE_ZERO;
  endSeq: number = DOUBLE_ZERO;
  ackSeq: number = DOUBLE_ZERO;
  tcpFlags = 0;
  sacked = 0;
  txStampUs = 0;
  /** further numbers of the layer that holds the packet now */
  cb0 = 0;
  cb1 = 0;
  cb2 = 0;
  cb3 = 0;
  /**
   * dst_pending_confirm: the sender has heard from the far end. The mark outlives the way through a veth, so that a
   * router on the same machine takes it as news of its own neighbour, as Linux does.
   */
  dstPendingConfirm = false;
  /** a packet's own routing of a queue: next in line */
  next: SkBuff | null = null;
  /** number that copies of one frame share, for traces */
  id = 0;
  /** nf_trace: the TRACE target asked to be told of each rule */
  nfTrace = false;
  /** in the backlog: known to be what isPlain says yes to (plain.ts), by whoever sent it */
  plain = false;
  /** its way through this host is noted here; null: it is not, or not any more */
  record: PathRecord | null = null;
  /** its whole way, known or being noted; null: neither */
  trail: Trail | null = null;
  /**
   * Of its fields only those have been set, since it was new, that a packet on its trail needs: `#take` leaves the others alone, 40 stores
   * (forward_60B: 20 ns). Whoever makes it so says so, and whoever lets it leave the trail says that it is not any more.
   */
  bare = false;
  /** nf_skb_duplicated / peeked and the like are not modelled */
  /** @internal */ free = true;
  /** @internal place among all of the pool */
  slot = 0;
  /** views of `head`, see `view` */
  private views: Uint8Array[] | null = null;

  constructor(pool: SkbPool, head: Uint8Array) {
    this.pool = pool;
    this.head = head;
    this.words = new Int32Array(head.buffer, head.byteOffset, head.length >> 2);
    // a double for V8 from the start, see Sim's constructor
    this.tstampNs = 0.5;
    this.tstampNs = 0;
  }

  get len(): number {
    return this.tail - this.data;
  }

  /** Bytes that `push` can still put in front. */
  get headroom(): number {
    return this.data;
  }

  get tailroom(): number {
    return this.head.length - this.tail;
  }

  /** Makes room for a header of `n` bytes in front; returns its offset. */
  push(n: number): number {
    this.data -= n;
    assert(this.data >= 0, "skb_under_panic");
    return this.data;
  }

  /** Takes `n` bytes off the front; returns the new start. */
  pull(n: number): number {
    this.data += n;
    assert(this.data <= this.tail, "skb_pull beyond the tail");
    return this.data;
  }

  /** Appends room for `n` bytes; returns their offset. */
  put(n: number): number {
    const at = this.tail;
    this.tail += n;
    assert(this.tail <= this.head.length, "skb_over_panic");
    return at;
  }

  /** Moves the empty packet's start: head-room of `n` more bytes. */
  reserve(n: number): void {
    this.data += n;
    this.tail += n;
  }

  /** Cuts to `len` bytes (pskb_trim). */
  trim(len: number): void {
    if (len < this.len) this.tail = this.data + len;
  }

  /** The offset of the network header is where data stands (skb_reset_network_header). */
  resetNetworkHeader(): void {
    this.networkHeader = this.data;
  }

  resetTransportHeader(): void {
    this.transportHeader = this.data;
  }

  resetMacHeader(): void {
    this.macHeader = this.data;
  }

  resetMacLen(): void {
    this.macLen = this.networkHeader - this.macHeader;
  }

  /**
   * head[from … from+n) as a view to copy from. Views are kept by number, because buffers are used again and again for segments of
   * one shape: a new view for each would be 100 bytes of garbage and half of what copying 1,448 bytes takes.
   */
  view(slot: number, from: number, n: number): Uint8Array {
    this.views ??= [];
    const views = this.views;
    const kept = views[slot];
    if (kept !== undefined && kept.length === n && kept.byteOffset === this.head.byteOffset + from) return kept;
    while (views.length < slot) views.push(NO_BYTES);
    const view = this.head.subarray(from, from + n);
    views[slot] = view;
    return view;
  }

  swapHeads(other: SkBuff): void {
    const { head, words } = this;
    const views = this.views;
    this.head = other.head;
    this.words = other.words;
    this.views = other.views;
    other.head = head;
    other.words = words;
    other.views = views;
  }

  /** Forgets connection, mark and route as a packet does that leaves its namespace (skb_scrub_packet). */
  scrub(xnet: boolean): void {
    this.pktType = PACKET_HOST;
    this.skbIif = 0;
    this.dst = null;
    this.ct = 0;
    this.ctinfo = 0;
    this.nfTrace = false;
    this.nfBridge = 0;
    this.physInDev = null;
    this.physOutDev = null;
    this.ipcbFlags = 0;
    this.fragMaxSize = 0;
    if (!xnet) return;
    this.sk = null;
    this.mark = 0;
    this.priority = 0;
    this.tstampNs = 0;
  }
}

/** Where packets come from and go back to; one for all namespaces of a lab. */
export class SkbPool {
  private readonly small: SkBuff[] = [];
  private readonly large: SkBuff[] = [];
  /** all there are, in use or not */
  private readonly all: SkBuff[] = [];
  private nextId = 1;
  /** packets handed out and not yet returned */
  inUse = 0;
  /**
   * Told of every drop and of what else is worth telling; null costs one comparison. While it is set, every packet goes the
   * long way: a short cut that would pass by a function which tells is not taken.
   */
  trace: TraceSink<SkBuff> | null = null;
  /** called for every dropped packet: counters */
  onDrop: ((skb: SkBuff, reason: DropReason) => void) | null = null;

  /** A packet of no bytes with SKB_HEADROOM in front and room for at least `size` bytes (alloc_skb). */
  alloc(size: number): SkBuff {
    const skb = this.#take(size + SKB_HEADROOM);
    skb.id = this.nextId++;
    return skb;
  }

  /**
   * A copy: bytes and everything beside them (skb_copy); the route, connection and device are shared references.
   * @param room offset up to which the copy has room
   */
  copy(from: SkBuff, room: number = from.tail): SkBuff {
    const skb = this.#take(room);
    // the whole used part of the buffer, so that every offset stays what it was
    const start = Math.min(from.data, from.macHeader >= 0 ? from.macHeader : from.data);
    if (from.tail - start > LOOP_COPY) skb.head.set(from.head.subarray(start, from.tail), start);
    else copyWords(skb.words, from.words, start >> 2, (from.tail + 3) >> 2);
    skb.data = from.data;
    skb.tail = from.tail;
    skb.macHeader = from.macHeader;
    skb.networkHeader = from.networkHeader;
    skb.transportHeader = from.transportHeader;
    skb.protocol = from.protocol;
    skb.pktType = from.pktType;
    skb.dev = from.dev;
    skb.skbIif = from.skbIif;
    skb.mark = from.mark;
    skb.priority = from.priority;
    skb.ipSummed = from.ipSummed;
    skb.csumStart = from.csumStart;
    skb.csumOffset = from.csumOffset;
    skb.gsoSize = from.gsoSize;
    skb.gsoSegs = from.gsoSegs;
    skb.gsoType = from.gsoType;
    skb.dst = from.dst;
    skb.ct = from.ct;
    skb.ctinfo = from.ctinfo;
    skb.sk = from.sk;
    skb.vlanTci = from.vlanTci;
    skb.vlanProto = from.vlanProto;
    skb.vlanFiltered = from.vlanFiltered;
    skb.physInDev = from.physInDev;
    skb.physOutDev = from.physOutDev;
    skb.nfBridge = from.nfBridge;
    skb.ipcbFlags = from.ipcbFlags;
    skb.fragMaxSize = from.fragMaxSize;
    skb.optOffset = from.optOffset;
    skb.optLen = from.optLen;
    skb.macLen = from.macLen;
    skb.tstampNs = from.tstampNs;
    skb.pagePhase = from.pagePhase;
    skb.truesize = from.truesize;
    skb.endRoom = from.endRoom;
    skb.seq = from.seq;
    skb.endSeq = from.endSeq;
    skb.ackSeq = from.ackSeq;
    skb.tcpFlags = from.tcpFlags;
    skb.sacked = from.sacked;
    skb.txStampUs = from.txStampUs;
    skb.cb0 = from.cb0;
    skb.cb1 = from.cb1;
    skb.cb2 = from.cb2;
    skb.cb3 = from.cb3;
    skb.nfTrace = from.nfTrace;
    skb.dstPendingConfirm = from.dstPendingConfirm;
    skb.id = from.id;
    if (this.trace !== null) trace(skb, "skbCopy", skb.dev, "", null, from);
    return skb;
  }

  /** Makes room for `bytes` more at the tail, in a larger buffer; false when there is none that large. */
  grow(skb: SkBuff, bytes: number): boolean {
    if (skb.tail + bytes > LARGE) return false;
    const larger = this.#take(LARGE);
    larger.head.set(skb.view(WHOLE_VIEW, 0, skb.tail));
    skb.swapHeads(larger);
    this.consume(larger);
    return true;
  }

  /** Takes the buffer back, untold: consumeSkb and drop are for packets. */
  consume(skb: SkBuff): void {
    assert(skb.free === false, "a packet is freed twice");
    skb.free = true;
    skb.dev = null;
    if (skb.bare !== true) release(skb);
    this.inUse--;
    if (skb.head.length === SMALL) this.small.push(skb);
    else if (this.large.length < 256) this.large.push(skb);
    else {
      const last = this.all.pop()!;
      last.slot = skb.slot;
      if (last !== skb) this.all[skb.slot] = last;
    }
  }

  /** Packets that it has, in use or not. */
  get size(): number {
    return this.all.length;
  }

  /** Calls `visit` with every packet that is under way or waits somewhere. */
  eachInUse(visit: (skb: SkBuff) => void): void {
    for (const skb of this.all) if (!skb.free) visit(skb);
  }

  #make(head: Uint8Array): SkBuff {
    const skb = new SkBuff(this, head);
    skb.slot = this.all.length;
    this.all.push(skb);
    return skb;
  }

  #take(bytes: number): SkBuff {
    let skb: SkBuff | undefined;
    if (bytes <= SMALL) {
      skb = this.small.pop();
      if (skb === undefined) {
        this.#growSmall();
        skb = this.small.pop()!;
      }
    } else {
      assert(bytes <= LARGE, "a packet of more than 64 KiB");
      skb = this.large.pop() ?? this.#make(new Uint8Array(LARGE));
    }
    this.inUse++;
    skb.free = false;
    skb.data = SKB_HEADROOM;
    skb.tail = SKB_HEADROOM;
    skb.macHeader = -1;
    skb.networkHeader = -1;
    skb.transportHeader = -1;
    skb.protocol = 0;
    skb.pktType = PACKET_HOST;
    skb.skbIif = 0;
    skb.ipSummed = CHECKSUM_NONE;
    skb.csumStart = 0;
    skb.csumOffset = 0;
    skb.macLen = 0;
    skb.tstampNs = 0;
    if (skb.bare === true) {
      skb.bare = false;
      skb.trail = null;
    } else reset(skb);
    return skb;
  }

  #growSmall(): void {
    const slab = new Uint8Array(SMALL * SMALL_PER_SLAB);
    for (let i = SMALL_PER_SLAB - 1; i >= 0; i--)
      this.small.push(this.#make(slab.subarray(i * SMALL, (i + 1) * SMALL)));
  }
}

/** It refers to nothing any more. */
function release(skb: SkBuff): void {
  skb.dst = null;
  skb.ct = 0;
  skb.sk = null;
  skb.physInDev = null;
  skb.physOutDev = null;
  skb.fragSizes = null;
  skb.cloneOf = null;
  skb.next = null;
  skb.record = null;
  skb.trail = null;
}

/** What a new packet's fields are, but for those that one on its trail has other values of. */
function reset(skb: SkBuff): void {
  skb.mark = 0;
  skb.priority = 0;
  skb.gsoSize = 0;
  skb.gsoSegs = 0;
  skb.gsoType = 0;
  skb.ctinfo = 0;
  skb.vlanTci = 0;
  skb.vlanProto = 0;
  skb.vlanFiltered = false;
  skb.nfBridge = 0;
  skb.ipcbFlags = 0;
  skb.fragMaxSize = 0;
  skb.optOffset = 0;
  skb.optLen = 0;
  skb.pagePhase = 0;
  skb.truesize = 0;
  skb.endRoom = 0;
  skb.seq = 0;
  skb.endSeq = 0;
  skb.ackSeq = 0;
  skb.tcpFlags = 0;
  skb.sacked = 0;
  skb.txStampUs = 0;
  skb.cb0 = 0;
  skb.cb1 = 0;
  skb.cb2 = 0;
  skb.cb3 = 0;
  skb.nfTrace = false;
  skb.dstPendingConfirm = false;
}

/** Tells whoever traces that the packet is at `where` (a kernel function in camel case); costs a comparison otherwise. */
export function trace(
  skb: SkBuff,
  where: string,
  dev: NetDevice | null = skb.dev,
  detail: string = "",
  rule: TraceRule | null = null,
  other: object | null = null,
): void {
  const sink = skb.pool.trace;
  if (sink === null) return;
  const net = dev?.net;
  const event = {
    timeNs: net?.kernel.sim.now ?? 0,
    netns: net?.label ?? "",
    where,
    dev: dev?.name ?? "",
    packet: skb.id,
    detail,
    device: dev,
    rule,
    other,
  };
  sink(event, skb);
}

/** Throws a packet away, for a reason that is always told (kfree_skb_reason). */
export function drop(skb: SkBuff, reason: DropReason): void {
  if (skb.pool.trace !== null) trace(skb, "kfreeSkb", skb.dev, reason);
  skb.pool.onDrop?.(skb, reason);
  skb.pool.consume(skb);
}

/** The packet has been delivered or used up (consume_skb). */
export function consumeSkb(skb: SkBuff): void {
  if (skb.pool.trace !== null) trace(skb, "consumeSkb");
  skb.pool.consume(skb);
}

/**
 * Queue of packets, first in first out, linked through `skb.next` (sk_buff_head). Asks for null, not for truth, of which V8 does not know that
 * it is one of two things: ten instructions each time.
 */
export class SkbQueue {
  head: SkBuff | null = null;
  tail: SkBuff | null = null;
  length = 0;

  push(skb: SkBuff): void {
    skb.next = null;
    if (this.tail === null) this.head = skb;
    else this.tail.next = skb;
    this.tail = skb;
    this.length++;
  }

  /** In front of all others. */
  unshift(skb: SkBuff): void {
    skb.next = this.head;
    this.head = skb;
    if (!this.tail) this.tail = skb;
    this.length++;
  }

  shift(): SkBuff | null {
    const skb = this.head;
    if (skb === null) return null;
    const { next } = skb;
    this.head = next;
    if (next === null) this.tail = null;
    else skb.next = null;
    this.length--;
    return skb;
  }

  /** Drops everything. */
  purge(reason: DropReason): void {
    for (let skb = this.shift(); skb; skb = this.shift()) drop(skb, reason);
  }
}
