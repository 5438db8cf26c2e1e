// TCP's socket: the system calls over the engine of the other tcp-*.ts files. Sending is a Task: it fills segments, lets
// softirqs run after each packet as the real CPU does, and waits for room. Answers to net/ipv4/tcp.c and the stream part
// of net/ipv4/af_inet.c. Leaves out zero-copy, repair, MD5 and AO.

import { Errno, NetError } from "../../base/errno.ts";
import { type Ns, USEC } from "../../base/time.ts";
import { sleep, type Task, waitAny } from "../../sim/task.ts";
import { FIN, PSH } from "../../wire/tcp.ts";
import { READ_VIEW } from "../core/skb.ts";
import {
  type Message,
  type RecvOptions,
  type SendOptions,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  type SockAddr,
} from "../core/sock.ts";
import { RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST } from "./fib-types.ts";
import { inetAddrType } from "./route.ts";
import { tcpAssignCongestionControl, tcpSetCongestionControl } from "./tcp-cong.ts";
import { tcpConnect, tcpV4Connect } from "./tcp-connect.ts";
import { tcpSetState } from "./tcp-done.ts";
import { tcpRecvErr, tcpTxTimestamp, zerocopyAbort, zerocopyBegin, zerocopyPut } from "./tcp-errqueue.ts";
import { fastopenRequest, TFO_CLIENT_ENABLE, tcpFastopenListen } from "./tcp-fastopen.ts";
import { lockSock, processBacklog, processBacklogTask, RUN_SOFTIRQS, releaseSock } from "./tcp-ipv4.ts";
import { tcpCurrentMss, tcpSendAck } from "./tcp-output.ts";
import { tcpRateCheckAppLimited } from "./tcp-rate.ts";
import { tcpEatRecvSkb } from "./tcp-receive-queue.ts";
import type { TxSeg, ZeroCopy } from "./tcp-segment.ts";
import { tcpCloseOrphan, tcpCloseSend, tcpDisconnect, tcpShutdownSend, tcpStreamClosing } from "./tcp-shutdown.ts";
import {
  ackScheduled,
  after,
  ICSK_ACK_PUSHED,
  ICSK_ACK_PUSHED2,
  inPingpongMode,
  JIFFY_US,
  MAX_SKB_FRAGS,
  SOCK_BINDADDR_LOCK,
  SOCK_BINDPORT_LOCK,
  skStreamIsWriteable,
  skStreamMemoryFree,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_ESTABLISHED,
  TCP_LISTEN,
  TCP_NAGLE_CORK,
  TCP_NAGLE_PUSH,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIMEOUT_INIT,
  TcpSock,
  type TcpState,
  tcpMstampRefresh,
  tcpReceiveWindow,
  usecsToJiffies,
} from "./tcp-sock.ts";
import { tcpGetOption, tcpSetOption } from "./tcp-sockopt.ts";
import { tcpInitXmitTimers } from "./tcp-timer.ts";
import { tcpRcvSpaceAdjust, tcpSelectWindowBytes } from "./tcp-window.ts";
import {
  tcpCheckProbeTimer,
  tcpEntail,
  tcpWmemFree,
  tcpWriteXmit,
  tcpXmitBegin,
  tcpXmitEnd,
  tcpXmitSizeGoal,
  tcpXmitStep,
} from "./tcp-write.ts";
import { tcpResetRttMin } from "./tcp-xmit-timer.ts";

/** tcp_passive_fastopen */
function tcpPassiveFastopen(sk: TcpSock): boolean {
  return sk.state === TCP_SYN_RECV && sk.fastopenRsk !== null;
}

/** What shutdown(2) takes on the recorded machine: until its FIN is on its way, and from there to letting go. */
const SHUTDOWN_NS: Ns = 25 * USEC;
const FIN_SENT_NS: Ns = 12 * USEC;

/** What recv(2) takes with the socket locked: for itself, and for copying as send(2) does. */
const RECV_NS: Ns = 2 * USEC;
const COPY_NS_PER_BYTE = 0.3;
/** What sendfile(2) takes to hang a file's pages in, 3 µs each. */
const SPLICE_NS_PER_BYTE = 0.75;

const URG_VALID = 0x0100;
const URG_READ = 0x0400;
const EMPTY = new Uint8Array(0);

/**
 * How many bytes may go into a segment that are not copied (skb_zerocopy_iter_stream): each piece of the vector is a fragment, and a
 * segment holds one call's, or those of calls told together. 0: none, another segment must be begun.
 */
function takeZerocopy(
  seg: TxSeg,
  zc: ZeroCopy,
  most: number,
  from: number,
  pieces: readonly number[] | undefined,
): number {
  if (seg.zc && seg.zc !== zc) return 0;
  let n = 0;
  let end = 0;
  for (const piece of pieces ?? [from + most]) {
    end += piece;
    if (end <= from + n) continue;
    if (n === most || seg.zcFrags === MAX_SKB_FRAGS) break;
    seg.zcFrags++;
    n = Math.min(most, end - from);
  }
  if (n > 0 && !seg.zc) {
    seg.zc = zc;
    zc.refs++;
  }
  return n;
}

export class TcpStreamSock extends TcpSock {
  private _urgInline = false;
  /** a Fast Open that does not wait is on its way (SS_CONNECTING) */
  private connecting = false;

  constructor(tcp: TcpState) {
    super(tcp);
    const { sysctl } = tcp;
    tcpInitXmitTimers(this);
    this.icskRtoMin = usecsToJiffies(sysctl.rtoMinUs);
    this.mdevUs = TCP_TIMEOUT_INIT * JIFFY_US;
    tcpResetRttMin(this);
    this.appLimited = 0xffffffff;
    this.rateAppLimited = true;
    this.reordering = sysctl.reordering;
    this.sndBuf = sysctl.wmem[1];
    this.rcvBuf = sysctl.rmem[1];
    this.createdNs = tcp.net.now;
    tcpAssignCongestionControl(this);
    tcp.all.add(this);
  }

  // --- binding, listening, connecting

  bind(address: SockAddr): void {
    const { ip4 } = this;
    if (address.addr !== 0 && !ip4.sysctl.nonlocalBind && !this.freebind) {
      const type = inetAddrType(ip4, address.addr);
      if (type !== RTN_LOCAL && type !== RTN_MULTICAST && type !== RTN_BROADCAST)
        throw new NetError(Errno.EADDRNOTAVAIL);
    }
    if (this.state !== TCP_CLOSE || this.bindNum !== 0) throw new NetError(Errno.EINVAL);
    this.bindNum = this.tcp.hash.getPort(this, address.addr, address.port);
    this.rcvSaddr = address.addr;
    this.saddr = address.addr;
    if (address.addr !== 0) this.userlocks |= SOCK_BINDADDR_LOCK;
    if (address.port !== 0) this.userlocks |= SOCK_BINDPORT_LOCK;
    this.sport = this.bindNum;
    this.daddr = 0;
    this.dport = 0;
    this.dst = null;
  }

  /** inet_listen */
  override listen(backlog: number): void {
    const { somaxconn } = this.tcp.sysctl;
    if (this.state !== TCP_CLOSE && this.state !== TCP_LISTEN) throw new NetError(Errno.EINVAL);
    if (this.state === TCP_CLOSE && this.daddr !== 0) throw new NetError(Errno.EINVAL);
    this.maxAckBacklog = backlog < 0 || backlog > somaxconn ? somaxconn : backlog;
    tcpFastopenListen(this, backlog);
    if (this.state === TCP_LISTEN) return;
    const { hash } = this.tcp;
    if (this.bindNum === 0) {
      this.bindNum = hash.getPort(this, 0, 0);
      this.sport = this.bindNum;
    } else if (hash.listenConflicts(this)) throw new NetError(Errno.EADDRINUSE);
    tcpSetState(this, TCP_LISTEN);
    this.hashed = true;
    hash.addListener(this);
  }

  override acceptNow(): TcpStreamSock | null {
    if (this.state !== TCP_LISTEN) throw new NetError(Errno.EINVAL);
    const child = this.acceptQueue.shift();
    if (!child) return null;
    child.listener = null;
    child.hasSocket = true;
    return child as TcpStreamSock;
  }

  connectStart(address: SockAddr): void {
    if (this.state === TCP_SYN_SENT || this.state === TCP_SYN_RECV) throw new NetError(Errno.EALREADY);
    if (this.state !== TCP_CLOSE) throw new NetError(Errno.EISCONN);
    this.hasSocket = true;
    this.rcvShutdown = false;
    this.sndShutdown = false;
    tcpV4Connect(this, address);
  }

  /** connect(2) to AF_UNSPEC: the connection ends, with a reset where one is due; the socket may connect again. */
  override disconnect(): void {
    tcpDisconnect(this);
    this.connecting = false;
  }

  /** The socket is locked until softirqs have run: an error that the SYN brings back at once finds it so. */
  override *connectNow(address: SockAddr): Task<void> {
    while (this.owned) yield* this.lockWait.wait();
    lockSock(this);
    try {
      this.connectStart(address);
      yield RUN_SOFTIRQS;
    } finally {
      releaseSock(this);
    }
  }

  // --- sending

  /** tcp_sendmsg */
  *sendmsg(bytes: Uint8Array, options: SendOptions): Task<number> {
    while (this.owned) yield* this.lockWait.wait();
    lockSock(this);
    let released = false;
    const zc = options.zerocopy && this.zerocopy && bytes.length > 0 ? zerocopyBegin(this) : null;
    try {
      const taken = yield* this.#sendZerocopy(bytes, options, zc);
      yield* processBacklogTask(this);
      releaseSock(this);
      released = true;
      return taken;
    } finally {
      // an error, or the sender was killed where it waited
      if (!released) releaseSock(this);
    }
  }

  /** The call holds its number until it is over; one that takes nothing gives it back. */
  *#sendZerocopy(bytes: Uint8Array, options: SendOptions, zc: ZeroCopy | null): Task<number> {
    if (!zc) return yield* this.#sendLocked(bytes, options, null);
    let taken = 0;
    try {
      taken = yield* this.#sendLocked(bytes, options, zc);
      return taken;
    } finally {
      if (taken > 0) zerocopyPut(this, zc);
      else zerocopyAbort(this, zc);
    }
  }

  /** Lets go of the socket until `ready`, or until it is over. Throws EAGAIN when it must not wait. */
  *#waitUntil(ready: () => boolean, options: SendOptions): Task<void> {
    for (;;) {
      if (this.err !== 0 || this.sndShutdown) throw this.#pipeError();
      if (ready()) return;
      if (options.dontWait) throw new NetError(Errno.EAGAIN);
      yield* processBacklogTask(this);
      releaseSock(this);
      if (this.err === 0 && !this.sndShutdown && !ready()) {
        this.noSpace = true;
        yield* this.writeQueue.wait();
      }
      while (this.owned) yield* this.lockWait.wait();
      lockSock(this);
    }
  }

  /** sk_stream_error: what was wrong before, or that nobody reads any more. */
  #pipeError(): NetError {
    return new NetError(this.takeError() || Errno.EPIPE);
  }

  /** tcp_sendmsg_locked */
  *#sendLocked(bytes: Uint8Array, options: SendOptions, zc: ZeroCopy | null): Task<number> {
    let withSyn = 0;
    if (options.fastopen || this.deferConnect) {
      const { copied: n, done } = yield* this.#sendFastopen(bytes, options, zc);
      if (done) return n;
      withSyn = n;
    }
    tcpRateCheckAppLimited(this);
    if (!tcpPassiveFastopen(this) && this.state !== TCP_ESTABLISHED && this.state !== TCP_CLOSE_WAIT) {
      if (this.state !== TCP_SYN_SENT && this.state !== TCP_SYN_RECV) throw this.#pipeError();
      yield* this.#waitConnected(options, true);
    }
    let mss = tcpCurrentMss(this);
    let goal = tcpXmitSizeGoal(this, mss, !options.oob);
    // the file has ended: what was held back for more goes (tcp_splice_eof)
    if (options.splice && bytes.length === 0) yield* this.#push(options, mss, this.nonagle);
    let copied = withSyn;
    let processed = 0;
    let full = false;
    const total = bytes.length;
    if (options.splice && total > 0) this.ring.notePages(total);
    while (copied < total) {
      if (this.err !== 0 || this.sndShutdown) return this.#sendFailed(copied, this.#pipeError());
      let seg = this.sendQueue.tail;
      let room = seg && !seg.eor && !(seg.flags & FIN) && !full ? goal - seg.len : 0;
      full = false;
      if (!seg || room <= 0) {
        if (!skStreamMemoryFree(this)) {
          if (copied > 0) yield* this.#push({ ...options, more: false }, mss, TCP_NAGLE_PUSH);
          try {
            yield* this.#waitUntil(() => skStreamMemoryFree(this), options);
          } catch (error) {
            return this.#sendFailed(copied, error);
          }
          mss = tcpCurrentMss(this);
          goal = tcpXmitSizeGoal(this, mss, !options.oob);
          continue;
        }
        if (processed >= 16) {
          processed = 0;
          if (this.backlog.head) {
            yield* processBacklogTask(this);
            mss = tcpCurrentMss(this);
            goal = tcpXmitSizeGoal(this, mss, !options.oob);
            continue;
          }
        }
        seg = tcpEntail(this);
        processed++;
        room = goal;
      }
      const n = zc
        ? takeZerocopy(seg, zc, Math.min(room, total - copied), copied, options.pieces)
        : Math.min(room, total - copied);
      if (n === 0) {
        // no further piece fits into this segment
        this.#markPush(seg);
        full = true;
        continue;
      }
      this.#append(seg, bytes, copied, n);
      if (!zc) this.net.sim.elapse(Math.round(n * (options.splice ? SPLICE_NS_PER_BYTE : COPY_NS_PER_BYTE)));
      if (copied === withSyn) seg.flags &= ~PSH;
      copied += n;
      if (copied === total) {
        if (options.eor) seg.eor = true;
        break;
      }
      if (seg.len < goal || options.oob) continue;
      if (this.#forcedPush()) {
        this.#markPush(seg);
        yield* this.#writeXmit(mss, TCP_NAGLE_PUSH, 0);
      } else if (seg === this.sendQueue.head) yield* this.#writeXmit(mss, TCP_NAGLE_PUSH, 1);
    }
    if (copied > 0) {
      if (this.tsFlags !== 0) tcpTxTimestamp(this);
      yield* this.#push(options, mss, this.nonagle);
    }
    return copied;
  }

  /** Until the handshake is over. @param pending data waits for that: the last ACK of the handshake waits for it in turn */
  *#waitConnected(options: SendOptions, pending: boolean): Task<void> {
    if (pending) this.writePending++;
    try {
      yield* this.#waitUntil(() => this.state !== TCP_SYN_SENT && this.state !== TCP_SYN_RECV, options);
    } finally {
      if (pending) this.writePending--;
    }
  }

  /**
   * Connects with data in the SYN (tcp_sendmsg_fastopen, __inet_stream_connect).
   * @returns how much went with it; done: the caller does not wait for the rest
   */
  *#sendFastopen(
    bytes: Uint8Array,
    options: SendOptions,
    zc: ZeroCopy | null,
  ): Task<{ copied: number; done: boolean }> {
    if (!(this.tcp.sysctl.fastopen & TFO_CLIENT_ENABLE)) throw new NetError(Errno.EOPNOTSUPP);
    if (this.fastopenReq && options.fastopen) throw new NetError(Errno.EALREADY);
    let errno: number = Errno.EINPROGRESS;
    const req = fastopenRequest(bytes, zc);
    if (this.deferConnect) {
      this.fastopenReq = req;
      tcpConnect(this, this.dst!);
    } else if (this.state === TCP_SYN_SENT || this.state === TCP_SYN_RECV) errno = Errno.EALREADY;
    else {
      if (this.state !== TCP_CLOSE) {
        // the first call after the handshake finds it done
        if (!this.connecting) throw new NetError(Errno.EISCONN);
        this.connecting = false;
        return { copied: 0, done: false };
      }
      if (!options.to) throw new NetError(Errno.EDESTADDRREQ);
      this.fastopenReq = req;
      try {
        this.connectStart(options.to);
      } catch (error) {
        this.fastopenReq = null;
        throw error;
      }
    }
    try {
      if (options.dontWait) {
        this.connecting = true;
        if (errno === Errno.EINPROGRESS && req.copied > 0) return { copied: req.copied, done: true };
        throw new NetError(errno);
      }
      yield* this.#waitConnected(options, req.copied < bytes.length);
      return { copied: req.copied, done: false };
    } finally {
      this.fastopenReq = null;
      this.deferConnect = false;
    }
  }

  /** What was taken so far counts; an error waits for the next call. */
  #sendFailed(copied: number, error: unknown): number {
    const tail = this.sendQueue.tail;
    if (tail && tail.seq === tail.endSeq) {
      this.sendQueue.remove(tail);
      tcpWmemFree(this, tail);
    }
    if (copied === 0 || !(error instanceof NetError)) throw error;
    if (error.errno !== Errno.EAGAIN && error.errno !== Errno.EPIPE) this.err = error.errno;
    if (this.tsFlags !== 0) tcpTxTimestamp(this);
    if (copied > 0 && error.errno === Errno.EAGAIN) {
      if (tcpWriteXmit(this, tcpCurrentMss(this), this.nonagle, 0)) tcpCheckProbeTimer(this);
    }
    return copied;
  }

  #append(seg: TxSeg, bytes: Uint8Array, from: number, n: number): void {
    this.ring.append(bytes, from, n);
    this.wmemQueued += n;
    this.writeSeq = (this.writeSeq + n) >>> 0;
    seg.endSeq = (seg.endSeq + n) >>> 0;
    seg.len += n;
    seg.pcount = 0;
  }

  #forcedPush(): boolean {
    return after(this.writeSeq, (this.pushedSeq + Math.floor(this.maxWindow / 2)) >>> 0);
  }

  #markPush(seg: TxSeg): void {
    seg.flags |= PSH;
    this.pushedSeq = this.writeSeq;
  }

  /** tcp_push */
  *#push(options: SendOptions, mss: number, nonagle: number): Task<void> {
    const tail = this.sendQueue.tail;
    if (!tail) return;
    if (!options.more || this.#forcedPush()) this.#markPush(tail);
    if (options.oob) this.sndUp = this.writeSeq;
    yield* this.#writeXmit(mss, options.more ? TCP_NAGLE_CORK : nonagle, 0);
  }

  /** tcp_write_xmit in the sender's context: softirqs run after each packet. */
  *#writeXmit(mss: number, nonagle: number, pushOne: number): Task<void> {
    if (this.state === TCP_CLOSE) return;
    tcpXmitBegin(this, mss, nonagle, pushOne);
    const { xmit } = this;
    for (;;) {
      const sent = xmit.sentPackets;
      const more = tcpXmitStep(this);
      if (xmit.sentPackets > sent) yield RUN_SOFTIRQS;
      if (!more || (this.state as number) === TCP_CLOSE) break;
    }
    if (tcpXmitEnd(this) && pushOne === 0) tcpCheckProbeTimer(this);
  }

  // --- receiving

  /** tcp_recvmsg, without waiting */
  recvNow(max: number, options: RecvOptions): Message | null {
    if (this.state === TCP_LISTEN) throw new NetError(Errno.ENOTCONN);
    if (options.errQueue) return this.#recvErr();
    if (options.oob) return this.#recvUrgent(options);
    const from = { addr: this.daddr, port: this.dport };
    const bytes = this.#copyOut(max, options.peek === true, options.into);
    if (bytes.length > 0 || max === 0) {
      if (!options.peek) this.#cleanupRbuf(bytes.length);
      return this.recvmsgInq ? { bytes, from, inq: this.#inqHint() } : { bytes, from };
    }
    if (this.#finNext()) {
      if (!options.peek) this.#eatFin();
      return { bytes: EMPTY, from };
    }
    this.throwError();
    if (this.rcvShutdown) return { bytes: EMPTY, from };
    if (this.state === TCP_CLOSE) throw new NetError(Errno.ENOTCONN);
    this.#cleanupRbuf(0);
    return null;
  }

  #recvErr(): Message {
    return { bytes: EMPTY, from: { addr: this.daddr, port: this.dport }, notice: tcpRecvErr(this) };
  }

  /**
   * The socket is the reader's while it copies: what comes meanwhile waits in the backlog and is acknowledged once, when the
   * reader lets go (tcp_recvmsg, release_sock).
   */
  override *recvmsg(max: number, options: RecvOptions): Task<Message | null> {
    while (this.owned) yield* this.lockWait.wait();
    const unread = this.state === TCP_LISTEN || options.oob || options.errQueue ? 0 : Math.min(this.#unread(), max);
    if (unread === 0) return this.recvNow(max, options);
    lockSock(this);
    let released = false;
    try {
      yield* sleep(RECV_NS + Math.round(unread * COPY_NS_PER_BYTE));
      const message = this.recvNow(max, options);
      yield* processBacklogTask(this);
      releaseSock(this);
      released = true;
      return message;
    } finally {
      if (!released) releaseSock(this);
    }
  }

  /** Bytes in order that were not read. */
  #unread(): number {
    const { tail } = this.receiveQueue;
    if (!tail) return 0;
    const end = tail.tcpFlags & FIN ? (tail.endSeq - 1) >>> 0 : tail.endSeq;
    const n = (end - this.copiedSeq) | 0;
    return Math.max(n, 0);
  }

  /** The next byte is urgent: a splice stops before it. */
  get urgentNext(): boolean {
    return this.urgData !== 0 && !this._urgInline && this.urgSeq === this.copiedSeq && this.#unread() > 0;
  }

  /** tcp_inq_hint: a FIN that was read is one more, so that the reader comes back for the end. */
  #inqHint(): number {
    const inq = (this.rcvNxt - this.copiedSeq) >>> 0;
    return inq === 0 && this.rcvShutdown ? 1 : inq;
  }

  #finNext(): boolean {
    const { tail } = this.receiveQueue;
    return tail !== null && (tail.tcpFlags & FIN) !== 0;
  }

  #eatFin(): void {
    for (let skb = this.receiveQueue.shift(); skb; skb = this.receiveQueue.shift()) {
      this.copiedSeq = skb.endSeq;
      tcpEatRecvSkb(this, skb);
    }
  }

  #copyOut(max: number, peek: boolean, into: Uint8Array | undefined): Uint8Array {
    let want = Math.min(this.#unread(), max);
    if (want === 0) return EMPTY;
    let skipUrgent = false;
    if (this.urgData !== 0 && !this._urgInline) {
      const offset = (this.urgSeq - this.copiedSeq) >>> 0;
      if (offset === 0) skipUrgent = true;
      else if (offset < want) want = offset;
    }
    if (skipUrgent) {
      this.copiedSeq = (this.copiedSeq + 1) >>> 0;
      if (this.urgData & URG_READ) this.urgData = 0;
      if (--want === 0) return EMPTY;
    }
    const out = into?.subarray(0, want) ?? new Uint8Array(want);
    let seq = this.copiedSeq;
    let n = 0;
    for (let skb = this.receiveQueue.head; skb && n < want; ) {
      const next = skb.next;
      const offset = (seq - skb.seq) >>> 0;
      const used = Math.min(skb.len - offset, want - n);
      if (used > 0) {
        out.set(skb.view(READ_VIEW, skb.data + offset, used), n);
        n += used;
        seq = (seq + used) >>> 0;
      }
      if (!peek) {
        this.copiedSeq = seq;
        tcpRcvSpaceAdjust(this);
        if (offset + used >= skb.len && !(skb.tcpFlags & FIN)) {
          this.receiveQueue.shift();
          tcpEatRecvSkb(this, skb);
        }
      }
      skb = next;
    }
    return n === want ? out : out.slice(0, n);
  }

  #recvUrgent(options: RecvOptions): Message {
    if (this._urgInline || this.urgData === 0 || this.urgData & URG_READ) throw new NetError(Errno.EINVAL);
    if (!(this.urgData & URG_VALID)) throw new NetError(Errno.EAGAIN);
    const bytes = new Uint8Array([this.urgData & 255]);
    if (!options.peek) this.urgData = URG_READ;
    return { bytes, from: { addr: this.daddr, port: this.dport } };
  }

  /** After a read: an ACK is due when the window opened, or when all was read (__tcp_cleanup_rbuf). */
  #cleanupRbuf(copied: number): void {
    let now = false;
    if (ackScheduled(this)) {
      now =
        (this.rcvNxt - this.rcvWup) >>> 0 > this.ackRcvMss ||
        (copied > 0 &&
          ((this.ackPending & ICSK_ACK_PUSHED2) !== 0 ||
            ((this.ackPending & ICSK_ACK_PUSHED) !== 0 && !inPingpongMode(this))) &&
          this.rmemAlloc === 0);
    }
    if (copied > 0 && !now && !this.rcvShutdown) {
      const window = tcpReceiveWindow(this);
      if (2 * window <= this.windowClamp) {
        const fresh = tcpSelectWindowBytes(this);
        now = fresh > 0 && fresh >= 2 * window;
      }
    }
    if (!now) return;
    tcpMstampRefresh(this);
    tcpSendAck(this);
  }

  /** setsockopt(TCP_QUICKACK, 1) with an ACK owed: as if all had been read. */
  quickackNow(): void {
    this.ackPending |= ICSK_ACK_PUSHED;
    this.#cleanupRbuf(1);
  }

  // --- ending, asking

  shutdown(how: number): void {
    if (this.state === TCP_CLOSE) throw new NetError(Errno.ENOTCONN);
    if (this.state === TCP_LISTEN) {
      if (how !== SHUT_WR) {
        // a listener that may not receive is closed
        tcpSetState(this, TCP_CLOSE);
        this.rcvShutdown = true;
      }
      this.wake();
      return;
    }
    if (how === SHUT_RD || how === SHUT_RDWR) this.rcvShutdown = true;
    if (how === SHUT_WR || how === SHUT_RDWR) {
      this.sndShutdown = true;
      tcpShutdownSend(this);
    }
    this.wake();
  }

  /** The socket is this thread's while it sends the FIN and runs the softirqs that this raised. */
  override *shutdownWaiting(how: number): Task<void> {
    while (this.owned) yield* this.lockWait.wait();
    lockSock(this);
    try {
      yield* sleep(SHUTDOWN_NS);
      this.shutdown(how);
      yield* sleep(FIN_SENT_NS);
      yield* processBacklogTask(this);
    } finally {
      releaseSock(this);
    }
  }

  readable(): boolean {
    if (this.state === TCP_LISTEN) return this.acceptQueue.length > 0;
    if (this.err !== 0 || this.rcvShutdown) return true;
    if (this.state === TCP_SYN_SENT || (this.state === TCP_SYN_RECV && !this.fastopenRsk)) return false;
    return this.#unread() >= this.rcvLowat || (this.urgData & URG_VALID) !== 0;
  }

  writable(): boolean {
    if (this.err !== 0) return true;
    if (this.state === TCP_SYN_SENT) return this.deferConnect;
    if ((this.state === TCP_SYN_RECV && !this.fastopenRsk) || this.state === TCP_LISTEN) return false;
    if (this.sndShutdown || skStreamIsWriteable(this)) return true;
    this.noSpace = true;
    return false;
  }

  close(): void {
    if (this.dead) return;
    tcpCloseSend(this);
    tcpCloseOrphan(this, () => processBacklog(this));
  }

  /** close(2) as the program sees it: with SO_LINGER it waits until the FIN is acknowledged (__tcp_close, sk_stream_wait_close). */
  override *closeWaiting(): Task<void> {
    if (this.dead) return;
    tcpCloseSend(this);
    if (this.lingerOn) {
      const deadline = this.net.now + this.lingerNs;
      while (tcpStreamClosing(this) && this.net.now < deadline)
        yield* waitAny([this.readQueue, this.writeQueue], deadline - this.net.now);
    }
    tcpCloseOrphan(this, () => processBacklog(this));
  }

  get urgInline(): boolean {
    return this._urgInline;
  }

  set urgInline(on: boolean) {
    this._urgInline = on;
  }

  /** setsockopt TCP_CONGESTION. Throws ENOENT. */
  setCongestion(name: string): void {
    tcpSetCongestionControl(this, name, this.state !== TCP_CLOSE && this.state !== TCP_LISTEN);
  }

  /** Bytes that a reader has before it (tcp_inq, SIOCINQ). */
  get unreadBytes(): number {
    if (this.state === TCP_SYN_SENT || (this.state === TCP_SYN_RECV && !this.fastopenRsk)) return 0;
    return this.#unread();
  }

  override setOption(name: string, value: number): void {
    tcpSetOption(this, name, value);
    if (name === "TCP_QUICKACK" && value & 1 && ackScheduled(this)) this.quickackNow();
    if (name === "SO_OOBINLINE") this._urgInline = value !== 0;
  }

  override getOption(name: string): number {
    return name === "SO_OOBINLINE" ? +this._urgInline : tcpGetOption(this, name);
  }
}
