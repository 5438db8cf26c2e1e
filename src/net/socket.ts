// The system-call face of sockets: a descriptor that programs hold. It waits where a call would block; the protocol's
// sock does the rest. Answers to net/socket.c and man 2 socket.

import { Errno, NetError } from "../base/errno.ts";
import type { Ns } from "../base/time.ts";
import { OpenFile } from "../posix/file.ts";
import { type Task, type WaitQueue, waitAny } from "../sim/task.ts";
import { AF_INET6, type Message, type RecvOptions, type SendOptions, type Sock, type SockAddr } from "./core/sock.ts";

/** Virtual time of one system call that sends: softirqs run meanwhile, as they do on the real CPU. */
const SYSCALL_NS: Ns = 2_000;

export class Socket extends OpenFile {
  readonly sock: Sock;
  /** file status: a call that would wait throws EAGAIN */
  nonBlocking = false;

  constructor(sock: Sock) {
    super();
    this.sock = sock;
    sock.inode = sock.net.kernel.allocateSocketInode();
  }

  override get readQueue(): WaitQueue {
    return this.sock.readQueue;
  }

  get writeQueue(): WaitQueue {
    return this.sock.writeQueue;
  }

  bind(address: SockAddr): void {
    this.sock.bind(address);
  }

  listen(backlog: number): void {
    this.sock.listen(backlog);
  }

  /**
   * Waits for the handshake; false when `timeoutNs` passed first (an alarm).
   * Throws ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL …
   */
  *connect(address: SockAddr, timeoutNs: Ns = Number.POSITIVE_INFINITY): Task<boolean> {
    return yield* this.sock.connect(address, timeoutNs);
  }

  /**
   * As a non-blocking connect followed by poll(2) and SO_ERROR: true when connected, false when `timeoutNs` passed first.
   * Throws what connect throws.
   */
  *connectWithin(address: SockAddr, timeoutNs: Ns): Task<boolean> {
    const { sock } = this;
    const deadline = sock.net.now + timeoutNs;
    yield* sock.connectNow(address);
    while (!sock.writable()) {
      if (sock.err !== 0 || sock.errorQueued) break;
      const left = deadline - sock.net.now;
      if (left <= 0 || !(yield* sock.writeQueue.wait(left))) return sock.writable();
    }
    const err = sock.takeSoError();
    if (err !== 0) throw new NetError(err);
    return true;
  }

  /** Waits for a connection. */
  *accept(): Task<Socket> {
    for (;;) {
      const sock = this.sock.acceptNow();
      if (sock) return new Socket(sock);
      if (this.nonBlocking) throw new NetError(Errno.EAGAIN);
      yield* this.sock.readQueue.wait();
    }
  }

  /** Sends; returns bytes taken. Throws EPIPE, ECONNRESET, EMSGSIZE, ENETUNREACH, EPERM (a rule dropped it) … */
  *send(bytes: Uint8Array, options: SendOptions = {}): Task<number> {
    const taken = yield* this.sock.sendmsg(bytes, options);
    yield* yieldToSoftirqs(this.sock);
    return taken;
  }

  *sendTo(bytes: Uint8Array, to: SockAddr): Task<number> {
    return yield* this.send(bytes, { to });
  }

  /** Waits for a message (options.timeoutNs: throws EAGAIN). A stream's end is a message of no bytes. */
  *recv(max = 65536, options: RecvOptions = {}): Task<Message> {
    const deadline = this.sock.net.now + (options.timeoutNs ?? Number.POSITIVE_INFINITY);
    for (;;) {
      const message = yield* this.sock.recvmsg(max, options);
      if (message) return message;
      if (this.nonBlocking || options.dontWait) throw new NetError(Errno.EAGAIN);
      const left = deadline - this.sock.net.now;
      if (left <= 0 || !(yield* this.sock.readQueue.wait(left))) throw new NetError(Errno.EAGAIN);
    }
  }

  override *read(max: number): Task<Uint8Array | null> {
    const message = yield* this.recv(max);
    return message.bytes.length === 0 ? null : message.bytes;
  }

  override *write(bytes: Uint8Array): Task<void> {
    yield* this.send(bytes);
  }

  override readable(): boolean {
    return this.sock.readable();
  }

  writable(): boolean {
    return this.sock.writable();
  }

  *shutdown(how: number): Task<void> {
    yield* this.sock.shutdownWaiting(how);
    yield* yieldToSoftirqs(this.sock);
  }

  setOption(name: string, value: number): void {
    if (name === "IPV6_V6ONLY" && this.sock.family === AF_INET6) {
      // not once it has a port (do_ipv6_setsockopt)
      if (this.sock.sport !== 0) throw new NetError(Errno.EINVAL);
      this.sock.ipv6Only = value !== 0;
    } else this.sock.setOption(name, value);
  }

  getOption(name: string): number {
    return this.sock.getOption(name);
  }

  /** getsockname(2) */
  get localAddress(): SockAddr {
    return { addr: this.sock.saddr || this.sock.rcvSaddr, port: this.sock.sport };
  }

  /** getpeername(2); throws ENOTCONN. */
  get peerAddress(): SockAddr {
    if (this.sock.dport === 0) throw new NetError(Errno.ENOTCONN);
    return { addr: this.sock.daddr, port: this.sock.dport };
  }

  /** close(2) of the only descriptor, waiting as SO_LINGER says. */
  *closeWaiting(): Task<void> {
    yield* this.sock.closeWaiting();
    this.release();
  }

  protected override onClose(): void {
    this.sock.inode = 0;
    this.sock.close();
  }
}

function* yieldToSoftirqs(sock: Sock): Task<void> {
  yield {
    arm: (thread) => thread.wake(undefined, SYSCALL_NS),
    disarm: () => {},
  };
  void sock;
}

/** poll(2) over files to read from: the index of the first that is readable, or −1 when `timeoutNs` passed. */
export function* poll(files: readonly OpenFile[], timeoutNs: Ns = Number.POSITIVE_INFINITY): Task<number> {
  for (;;) {
    const ready = files.findIndex((file) => file.readable());
    if (ready >= 0) return ready;
    if (
      (yield* waitAny(
        files.map((file) => file.readQueue),
        timeoutNs,
      )) < 0
    )
      return -1;
  }
}
