// What waits to be sent or acknowledged: the bytes once, in a ring by sequence number, and the segments as records that
// only point into it, so that splitting and joining segments copies nothing. Answers to the write queue and the
// retransmission queue of net/ipv4/tcp.c and tcp_output.c, whose skbs share page fragments in the same way.

import { assert } from "../../base/assert.ts";
import { DOUBLE_ZERO } from "../../base/double.ts";

/** TCP_SKB_CB(skb)->sacked */
export const TCPCB_SACKED_ACKED = 1;
export const TCPCB_SACKED_RETRANS = 2;
export const TCPCB_LOST = 4;
export const TCPCB_TAGBITS = 7;
export const TCPCB_REPAIRED = 16;
export const TCPCB_EVER_RETRANS = 128;
export const TCPCB_RETRANS: number = 2 | 128 | 16;

/** Writes whose bytes were not copied (struct ubuf_info_msgzc): their numbers, and how many segments and calls hold them. */
export interface ZeroCopy {
  readonly lo: number;
  len: number;
  refs: number;
}

/** One segment, or super-packet of several, in the write or retransmission queue. */
export class TxSeg {
  /** changes when the record is given back: a packet on its way that was made of it is then alone with its bytes */
  gen = 0;
  seq = 0;
  endSeq = 0;
  /** header flags */
  flags = 0;
  /** TCPCB_* */
  sacked = 0;
  /** payload bytes */
  len = 0;
  /** how many packets this is on the wire (tcp_skb_pcount), and the payload of each but the last */
  pcount = 0;
  gsoSize = 0;
  /** no byte may be joined to it (MSG_EOR) */
  eor = false;
  /** bytes of it were not copied (MSG_ZEROCOPY), in so many pieces */
  zc: ZeroCopy | null = null;
  zcFrags = 0;
  /** SO_TIMESTAMPING: what is to be told of the byte with this number (tcp-errqueue.ts) */
  tsFlags = 0;
  tsKey = 0;
  /** when it was (last) handed to the IP layer, virtual ns; 0 never */
  sentNs: number = DOUBLE_ZERO;
  // delivery-rate sampling: the connection's state when it was sent
  firstTxMstamp = 0;
  deliveredMstamp = 0;
  txDelivered = 0;
  txDeliveredCe = 0;
  txAppLimited = false;
  next: TxSeg | null = null;
  prev: TxSeg | null = null;
  /** in tsorted_sent_queue */
  tsNext: TxSeg | null = null;
  tsPrev: TxSeg | null = null;
  tsQueued = false;
}

/** Records to re-use; one for all connections of a namespace. */
export class SegPool {
  private free: TxSeg | null = null;

  take(): TxSeg {
    const seg = this.free;
    if (!seg) return new TxSeg();
    this.free = seg.next;
    seg.flags = 0;
    seg.sacked = 0;
    seg.len = 0;
    seg.pcount = 0;
    seg.gsoSize = 0;
    seg.eor = false;
    seg.zc = null;
    seg.zcFrags = 0;
    seg.tsFlags = 0;
    seg.sentNs = 0;
    seg.firstTxMstamp = 0;
    seg.deliveredMstamp = 0;
    seg.txDelivered = 0;
    seg.txDeliveredCe = 0;
    seg.txAppLimited = false;
    seg.next = null;
    seg.prev = null;
    return seg;
  }

  give(seg: TxSeg): void {
    assert(!seg.tsQueued, "a segment is freed while it is in the order of sending");
    seg.gen++;
    seg.prev = null;
    seg.next = this.free;
    this.free = seg;
  }
}

/** A doubly linked queue of segments, in order of sequence numbers. */
export class SegList {
  head: TxSeg | null = null;
  tail: TxSeg | null = null;
  length = 0;

  push(seg: TxSeg): void {
    this.insertAfter(this.tail, seg);
  }

  /** Behind `at`; in front when null. */
  insertAfter(at: TxSeg | null, seg: TxSeg): void {
    seg.prev = at;
    seg.next = at ? at.next : this.head;
    if (seg.next) seg.next.prev = seg;
    else this.tail = seg;
    if (at) at.next = seg;
    else this.head = seg;
    this.length++;
  }

  remove(seg: TxSeg): void {
    if (seg.prev) seg.prev.next = seg.next;
    else this.head = seg.next;
    if (seg.next) seg.next.prev = seg.prev;
    else this.tail = seg.prev;
    seg.next = null;
    seg.prev = null;
    this.length--;
  }
}

const RING_START = 4096;

/** The bytes of a connection's send buffer, by sequence number. */
export class SendRing {
  private bytes: Uint8Array = new Uint8Array(0);
  private base = 0;
  private length = 0;
  /** ranges that are pages of a file: first and end sequence numbers */
  private readonly pages: number[] = [];

  /** Empties it; the next byte appended has sequence number `seq`. */
  reset(seq: number): void {
    this.base = seq;
    this.length = 0;
    this.pages.length = 0;
  }

  /** The next `n` bytes appended are pages of a file, from a page's first byte on. */
  notePages(n: number): void {
    this.pages.push(this.end, (this.end + n) >>> 0);
  }

  /** Offset in its page, plus 1, of the byte at `seq`; 0 when that is not a page of a file. */
  pagePhase(seq: number): number {
    const pages = this.pages;
    for (let i = 0; i < pages.length; i += 2)
      if (((seq - pages[i]!) | 0) >= 0 && ((seq - pages[i + 1]!) | 0) < 0) return ((seq - pages[i]!) & 4095) + 1;
    return 0;
  }

  /** Sequence number behind the last byte. */
  get end(): number {
    return (this.base + this.length) >>> 0;
  }

  append(source: Uint8Array, from: number, n: number): void {
    if (this.length + n > this.bytes.length) this.#grow(this.length + n);
    const mask = this.bytes.length - 1;
    const at = ((this.base + this.length) >>> 0) & mask;
    const first = Math.min(n, this.bytes.length - at);
    this.bytes.set(source.subarray(from, from + first), at);
    if (n > first) this.bytes.set(source.subarray(from + first, from + n), 0);
    this.length += n;
  }

  /** Copies n bytes from sequence number `seq` on to `target[at…]`. */
  copyTo(target: Uint8Array, at: number, seq: number, n: number): void {
    const start = (seq - this.base) >>> 0;
    assert(start + n <= this.length, "a segment's bytes are no longer in the send buffer");
    const mask = this.bytes.length - 1;
    const from = seq & mask;
    const first = Math.min(n, this.bytes.length - from);
    if (n <= 64 && first === n) for (let i = 0; i < n; i++) target[at + i] = this.bytes[from + i]!;
    else {
      target.set(this.bytes.subarray(from, from + first), at);
      if (n > first) target.set(this.bytes.subarray(0, n - first), at + first);
    }
  }

  /** Forgets what lies before `seq`. */
  releaseTo(seq: number): void {
    const n = (seq - this.base) | 0;
    if (n <= 0) return;
    const gone = Math.min(n, this.length);
    this.base = (this.base + gone) >>> 0;
    this.length -= gone;
    while (this.pages.length > 0 && ((this.pages[1]! - this.base) | 0) <= 0) this.pages.splice(0, 2);
    if (this.length === 0 && this.bytes.length > 1 << 17) this.bytes = new Uint8Array(0);
  }

  #grow(need: number): void {
    let size = Math.max(this.bytes.length, RING_START);
    while (size < need) size *= 2;
    const bytes = new Uint8Array(size);
    const old = this.bytes;
    const oldMask = old.length - 1;
    for (let i = 0; i < this.length; ) {
      const from = ((this.base + i) >>> 0) & oldMask;
      const to = ((this.base + i) >>> 0) & (size - 1);
      const n = Math.min(this.length - i, old.length - from, size - to);
      bytes.set(old.subarray(from, from + n), to);
      i += n;
    }
    this.bytes = bytes;
  }
}

/** Where one run over the write queue stands; a socket has one. */
export class XmitRun {
  mss = 0;
  nonagle = 0;
  /** 0 all that may go; 1 one segment; 2 one segment as a loss probe */
  pushOne = 0;
  sentPackets = 0;
  cwndLimited = false;
  rwndLimited = false;
  maxSegs = 0;
  /** the path's MTU is not asked about yet in this run; all waits until a probe of it may go */
  mtuUnasked = false;
  mtuWaits = false;
}

/** Where the search for the path's MTU stands (icsk_mtup, tcp_sock.mtu_probe): MTUs that are known to pass and not to. */
export class MtuSearch {
  enabled = false;
  searchHigh = 0;
  searchLow = 0;
  /** the probe on its way, as MTU; 0 none */
  probeSize = 0;
  /** jiffies */
  probeStamp = 0;
  probeSeqStart = 0;
  probeSeqEnd = 0;
}
