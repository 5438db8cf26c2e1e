// ncat's connect mode: one connection, standard input to it, what comes back to standard output. Answers to ncat_connect.c
// on nsock's select engine: in one round the connection is looked at before standard input, and standard input is read
// again only when what was read before has been sent, 8192 bytes at a time.

import { Errno, strerror } from "../../base/errno.ts";
import { type Ns, SEC, USEC } from "../../base/time.ts";
import { openSocket } from "../../host/host.ts";
import { AF_INET, SHUT_WR, SOCK_DGRAM, SOCK_STREAM } from "../../net/core/sock.ts";
import type { Socket } from "../../net/socket.ts";
import { NullFile } from "../../posix/file.ts";
import type { Process } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { formatIpv4, parseIpv4 } from "../../wire/addr.ts";
import { GaiError, getaddrinfo } from "../net-util/resolve.ts";
import { closeFile, errnoOf, pollEntries, pollIn, pollOut } from "../net-util/sockets.ts";
import { runWithPipes } from "./exec.ts";
import type { NcatOptions } from "./options.ts";
import type { NcatRelease } from "./release.ts";

/** From the connection's establishment to the first look at standard input. */
const CONNECTED_NS: Ns = 70 * USEC;
/** One round of the event loop, and what malloc's trimming adds when the first buffer is freed. */
const ROUND_NS: Ns = 2 * USEC;
const TRIM_NS: Ns = 8 * USEC;
/** What follows the peer's end: standard output is closed, and the rest goes on. */
const PEER_ENDED_NS: Ns = 10 * USEC;
const READ_BYTES = 8192;
/** How long -z waits for an error about its datagram. */
const ZERO_UDP_WAIT_NS: Ns = 2 * SEC;

/** @param startNs when the program began */
export function* connectMode(
  proc: Process,
  options: NcatOptions,
  host: string,
  port: number,
  startNs: Ns,
  release: NcatRelease,
): Task<number> {
  let addresses: readonly number[];
  try {
    const numeric = parseIpv4(host);
    if (options.numeric && numeric === undefined) throw new GaiError("Name or service not known");
    addresses =
      numeric === undefined ? (yield* getaddrinfo(proc, host, { ipv4Only: options.ipv4 })).addresses : [numeric];
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    yield* proc.printError(`Ncat: Could not resolve hostname "${host}": ${error.message}. QUITTING.\n`);
    return 2;
  }
  let socket: Socket | undefined;
  for (const [i, address] of addresses.entries()) {
    const last = i === addresses.length - 1;
    const attempt = yield* connect(proc, options, address, port);
    if (typeof attempt !== "string") {
      socket = attempt;
      break;
    }
    if (last) {
      // a probe of ports says nothing unless asked to
      if (!options.zero || options.verbose > 0) yield* proc.printError(`Ncat: ${attempt}.\n`);
      return 1;
    }
    if (options.verbose > 0) {
      yield* proc.printError(`Ncat: Connection to ${formatIpv4(address)} failed: ${attempt}.\n`);
      yield* proc.printError("Ncat: Trying next address...\n");
    }
  }
  if (!socket) return 1;
  if (options.verbose > 0) {
    const { addr, port: peerPort } = socket.peerAddress;
    yield* proc.printError(`Ncat: Connected to ${formatIpv4(addr)}:${peerPort}.\n`);
  }
  yield* sleep(CONNECTED_NS);
  if (options.exec) {
    yield* runWithPipes(proc, socket, options.exec, release);
    return 0;
  }
  return yield* new Conversation(proc, options, socket, startNs, release).run();
}

/** A connected socket, or why there is none. */
function* connect(proc: Process, options: NcatOptions, address: number, port: number): Task<Socket | string> {
  const socket = openSocket(proc, AF_INET, options.udp ? SOCK_DGRAM : SOCK_STREAM);
  try {
    if (options.sourceAddress !== undefined || options.sourcePort !== undefined) {
      const source = options.sourceAddress === undefined ? 0 : (parseIpv4(options.sourceAddress) ?? 0);
      socket.setOption("SO_REUSEADDR", 1);
      try {
        socket.bind({ addr: source, port: options.sourcePort ?? 0 });
      } catch (error) {
        const errno = errnoOf(error);
        yield* proc.printError(
          `libnsock mksock_bind_addr(): Bind to ${formatIpv4(source)}:${options.sourcePort ?? 0} failed (IOD #1): ${strerror(errno)} (${errno})\n`,
        );
      }
    }
    if (options.udp) {
      socket.setOption("SO_BROADCAST", 1);
      yield* socket.connect({ addr: address, port });
      return socket;
    }
    if (yield* socket.connectWithin({ addr: address, port }, options.connectTimeoutNs)) return socket;
    closeFile(proc, socket);
    return "TIMEOUT";
  } catch (error) {
    const errno = errnoOf(error);
    closeFile(proc, socket);
    return errno === Errno.ETIMEDOUT ? "TIMEOUT" : strerror(errno);
  }
}

class Conversation {
  readonly #proc: Process;
  readonly #options: NcatOptions;
  readonly #socket: Socket;
  readonly #startNs: Ns;
  readonly #endsWithPeer: boolean;
  #stdinOpen: boolean;
  /** the peer sent its FIN: nothing more to read, though standard input still goes out */
  #peerEnded = false;
  #outgoing: Uint8Array | undefined;
  #sent = 0;
  #received = 0;
  #lastActivityNs: Ns;

  constructor(proc: Process, options: NcatOptions, socket: Socket, startNs: Ns, release: NcatRelease) {
    this.#endsWithPeer = release.endsWithPeer;
    this.#proc = proc;
    this.#options = options;
    this.#socket = socket;
    this.#startNs = startNs;
    this.#stdinOpen = !options.recvOnly;
    this.#lastActivityNs = proc.sim.now;
  }

  *run(): Task<number> {
    if (this.#options.zero) return yield* this.#zero();
    const proc = this.#proc;
    const stdin = proc.fds.get(0) ?? new NullFile();
    for (;;) {
      const entries = this.#peerEnded ? [] : [pollIn(this.#socket)];
      const inputAt = entries.length;
      if (this.#outgoing) entries.push(pollOut(this.#socket));
      else if (this.#stdinOpen) entries.push(pollIn(stdin));
      const idle = this.#options.idleTimeoutNs;
      const left = idle > 0 ? idle - (proc.sim.now - this.#lastActivityNs) : Number.POSITIVE_INFINITY;
      const ready = left > 0 ? yield* pollEntries(proc, entries, left) : [];
      if (ready.length === 0) {
        yield* proc.printError(`Ncat: Idle timeout expired (${Math.round(idle / 1_000_000)} ms).\n`);
        return 1;
      }
      yield* sleep(ROUND_NS);
      this.#lastActivityNs = proc.sim.now;
      if (!this.#peerEnded && ready.includes(0)) {
        const status = yield* this.#receive();
        if (status !== undefined) return yield* this.#finish(status);
      }
      if (!ready.includes(inputAt)) continue;
      if (this.#outgoing) {
        const status = yield* this.#send(this.#outgoing);
        if (status !== undefined) return status;
        this.#outgoing = undefined;
        continue;
      }
      const bytes = yield* stdin.read(READ_BYTES);
      if (bytes) this.#outgoing = this.#options.crlf ? withCrlf(bytes) : bytes.slice();
      else if (yield* this.#stdinEnded()) return yield* this.#finish(0);
    }
  }

  /** True when there is nothing left to do. */
  *#stdinEnded(): Task<boolean> {
    this.#stdinOpen = false;
    try {
      if (!this.#options.noShutdown) yield* this.#socket.shutdown(SHUT_WR);
    } catch (error) {
      errnoOf(error);
    }
    return this.#options.udp || this.#options.sendOnly || this.#peerEnded;
  }

  *#send(bytes: Uint8Array): Task<number | undefined> {
    try {
      yield* this.#socket.send(bytes);
      if (this.#sent === 0) yield* sleep(TRIM_NS);
      this.#sent += bytes.length;
      return undefined;
    } catch (error) {
      yield* this.#proc.printError(`Ncat: ${strerror(errnoOf(error))}.\n`);
      return 1;
    }
  }

  /** Exit status when the conversation is over. */
  *#receive(): Task<number | undefined> {
    try {
      const { bytes } = yield* this.#socket.recv(READ_BYTES, { dontWait: true });
      if (bytes.length === 0 && !this.#options.udp) {
        // it goes on for as long as there may be something to send
        if (this.#endsWithPeer || (!this.#stdinOpen && !this.#outgoing)) return 0;
        this.#peerEnded = true;
        yield* sleep(PEER_ENDED_NS);
        return undefined;
      }
      this.#received += bytes.length;
      if (!this.#options.sendOnly) yield* this.#proc.printBytes(bytes);
      return undefined;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === Errno.EAGAIN) return undefined;
      if (this.#options.zero && this.#options.verbose === 0) return 1;
      yield* this.#proc.printError(`Ncat: ${strerror(errno)}.\n`);
      return 1;
    }
  }

  *#finish(status: number): Task<number> {
    if (status === 0 && this.#options.verbose > 0) {
      const hundredths = Math.round((this.#proc.sim.now - this.#startNs) / 10_000_000);
      const seconds = `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, "0")}`;
      yield* this.#proc.printError(
        `Ncat: ${this.#sent} bytes sent, ${this.#received} bytes received in ${seconds} seconds.\n`,
      );
    }
    return status;
  }

  /** -z: a TCP connection is proof enough; UDP sends an empty datagram and waits for an error. */
  *#zero(): Task<number> {
    if (!this.#options.udp) return yield* this.#finish(0);
    yield* this.#socket.send(new Uint8Array(0));
    const wait = this.#options.idleTimeoutNs || ZERO_UDP_WAIT_NS;
    const ready = yield* pollEntries(this.#proc, [pollIn(this.#socket)], wait);
    const status = ready.length > 0 ? ((yield* this.#receive()) ?? 0) : 0;
    if (status === 0 && this.#options.verbose > 0) yield* this.#proc.printError("Ncat: UDP packet sent successfully\n");
    return yield* this.#finish(status);
  }
}

/** -C: every line feed gets a carriage return. */
export function withCrlf(bytes: Uint8Array): Uint8Array {
  const out: number[] = [];
  let before = 0;
  for (const byte of bytes) {
    if (byte === 0x0a && before !== 0x0d) out.push(0x0d);
    out.push(byte);
    before = byte;
  }
  return Uint8Array.from(out);
}
