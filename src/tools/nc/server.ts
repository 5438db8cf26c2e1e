// ncat's listen mode: TCP connections, or one UDP peer at a time, joined to standard input and output or each to a program
// (ncat_listen.c). One select loop over descriptors in their order; without -k it ends with its first connection.

import { Errno, strerror } from "../../base/errno.ts";
import { type Ns, USEC } from "../../base/time.ts";
import { openSocket } from "../../host/host.ts";
import { AF_INET, AF_INET6, SHUT_WR, SOCK_DGRAM, SOCK_STREAM } from "../../net/core/sock.ts";
import type { Socket } from "../../net/socket.ts";
import { NullFile, type OpenFile } from "../../posix/file.ts";
import { type Process, SIGCHLD, SIGPIPE } from "../../posix/process.ts";
import { sleep, type Task, WaitQueue } from "../../sim/task.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { closeFile, errnoOf, pollEntries, pollIn } from "../net-util/sockets.ts";
import { withCrlf } from "./client.ts";
import { type ExecCommand, runWithPipes } from "./exec.ts";
import type { NcatOptions } from "./options.ts";
import type { NcatRelease } from "./release.ts";

/** One round of the loop over datagrams. */
const ROUND_NS: Ns = 12 * USEC;
/** Over connections: from select(2) to what it told of, and write(2) of what was read. */
const POLLED_NS: Ns = 2 * USEC;
const WRITTEN_NS: Ns = 8 * USEC;
/** From a connection's arrival to the first look at standard input for it, measured on the recordings' machine. */
const ACCEPTED_NS: Ns = 58 * USEC;
/** fork(2) of a handler. */
const FORK_NS: Ns = 200 * USEC;
const BACKLOG = 10;
const READ_BYTES = 8192;
const UDP_READ_BYTES = 131072;

export function* listenMode(
  proc: Process,
  options: NcatOptions,
  address: number,
  port: number,
  release: NcatRelease,
): Task<number> {
  proc.onSignal(SIGPIPE, "ignore");
  const both = address === 0 && !options.ipv4;
  const listeners: Socket[] = [];
  // of the sockets for all addresses the IPv6 one comes first
  for (const ipv6 of both ? [true, false] : [false]) {
    try {
      listeners.push(openListener(proc, options, address, port, ipv6));
    } catch (error) {
      yield* proc.printError(
        `Ncat: bind to ${ipv6 ? release.anyIpv6 : formatIpv4(address)}:${port}: ${strerror(errnoOf(error))}. QUITTING.\n`,
      );
      return 2;
    }
  }
  if (options.verbose > 0 && both) yield* proc.printError(`Ncat: Listening on ${release.anyIpv6}:${port}\n`);
  if (options.verbose > 0) yield* proc.printError(`Ncat: Listening on ${formatIpv4(address)}:${port}\n`);
  if (options.udp) return yield* new UdpServer(proc, options, listeners, address, port, release).run();
  return yield* new TcpServer(proc, options, listeners, release).run();
}

function openListener(proc: Process, options: NcatOptions, addr: number, port: number, ipv6: boolean): Socket {
  const socket = openSocket(proc, ipv6 ? AF_INET6 : AF_INET, options.udp ? SOCK_DGRAM : SOCK_STREAM);
  socket.setOption("SO_REUSEADDR", 1);
  if (ipv6) socket.setOption("IPV6_V6ONLY", 1);
  socket.bind({ addr, port });
  if (!options.udp) socket.listen(BACKLOG);
  return socket;
}

function* announce(proc: Process, options: NcatOptions, connection: Socket, release: NcatRelease): Task<void> {
  if (options.verbose === 0) return;
  const { addr, port } = connection.peerAddress;
  if (options.udp || release.announcesTwice) yield* proc.printError(`Ncat: Connection from ${formatIpv4(addr)}.\n`);
  if (!options.udp) yield* proc.printError(`Ncat: Connection from ${formatIpv4(addr)}:${port}.\n`);
}

class TcpServer {
  readonly #proc: Process;
  readonly #options: NcatOptions;
  readonly #release: NcatRelease;
  #listeners: readonly Socket[];
  readonly #connections: Socket[] = [];
  readonly #stdin: OpenFile;
  #stdinOpen: boolean;
  #hadConnection = false;
  /** handlers that were started (conn_inc) and children that have ended (conn_dec), not all of them handlers */
  #started = 0;
  #ended = 0;
  readonly #childEnded: WaitQueue = new WaitQueue();

  constructor(proc: Process, options: NcatOptions, listeners: readonly Socket[], release: NcatRelease) {
    this.#proc = proc;
    this.#release = release;
    this.#options = options;
    this.#listeners = listeners;
    this.#stdin = proc.fds.get(0) ?? new NullFile();
    this.#stdinOpen = !options.exec;
    proc.onSignal(SIGCHLD, () => {
      this.#ended++;
      this.#childEnded.wakeAll();
    });
  }

  *run(): Task<number> {
    const proc = this.#proc;
    const release = this.#release;
    const { idleTimeoutNs } = this.#options;
    for (;;) {
      const watched: ("stdin" | Socket)[] = [];
      if (this.#stdinOpen && this.#hadConnection) watched.push("stdin");
      watched.push(...this.#listeners);
      watched.push(...this.#connections);
      const entries = watched.map((what) => pollIn(what === "stdin" ? this.#stdin : what));
      if (release.countsOrphans) entries.push({ queue: this.#childEnded, ready: () => this.#ended > this.#started });
      const timeout = idleTimeoutNs > 0 && this.#connections.length > 0 ? idleTimeoutNs : Number.POSITIVE_INFINITY;
      const ready = yield* pollEntries(proc, entries, timeout);
      if (ready.length === 0) {
        yield* proc.printError(`Ncat: Idle timeout expired (${Math.round(idleTimeoutNs / 1_000_000)} ms). QUITTING.\n`);
        return 2;
      }
      yield* sleep(POLLED_NS);
      // as a container's first process it gets the orphaned programs of its handlers, and counts these too (get_conn_count)
      if (release.countsOrphans && this.#ended > this.#started) {
        yield* proc.printError("Ncat: assertion failed: count <= INT_MAX QUITTING.\n");
        return 2;
      }
      for (const i of ready) {
        const what = watched[i]!;
        let status: number | undefined;
        if (what === "stdin") status = yield* this.#readStdin();
        else if (this.#listeners.includes(what)) status = yield* this.#accept(what);
        else if (this.#connections.includes(what)) status = yield* this.#read(what);
        if (status !== undefined) return status;
      }
    }
  }

  *#accept(listener: Socket): Task<number | undefined> {
    const proc = this.#proc;
    const { exec, keepOpen, maxConnections } = this.#options;
    const connection = yield* listener.accept();
    if (this.#connections.length + Math.max(0, this.#started - this.#ended) >= maxConnections) {
      connection.release();
      return undefined;
    }
    proc.install(connection);
    yield* announce(proc, this.#options, connection, this.#release);
    this.#hadConnection = true;
    if (!keepOpen) {
      for (const one of this.#listeners) closeFile(proc, one);
      this.#listeners = [];
    }
    if (!exec) {
      yield* sleep(ACCEPTED_NS);
      this.#connections.push(connection);
      return undefined;
    }
    if (!keepOpen) {
      yield* runWithPipes(proc, connection, exec, this.#release);
      return 0;
    }
    yield* sleep(FORK_NS);
    this.#started++;
    proc.spawn((child) => handle(child, connection, exec, this.#release), { argv: proc.argv, fds: proc.fds });
    closeFile(proc, connection);
    return undefined;
  }

  /** What was typed goes to everybody. */
  *#readStdin(): Task<number | undefined> {
    const bytes = yield* this.#stdin.read(READ_BYTES);
    if (!bytes) {
      this.#stdinOpen = false;
      for (const connection of this.#connections) {
        try {
          if (!this.#options.noShutdown) yield* connection.shutdown(SHUT_WR);
        } catch (error) {
          errnoOf(error);
        }
      }
      return this.#options.sendOnly ? 0 : undefined;
    }
    // read all the same, for its end (ncat_broadcast)
    if (this.#options.recvOnly) return undefined;
    const out = this.#options.crlf ? withCrlf(bytes) : bytes;
    for (const connection of [...this.#connections]) {
      try {
        yield* connection.send(out);
      } catch (error) {
        errnoOf(error);
        this.#drop(connection);
      }
    }
    return undefined;
  }

  *#read(connection: Socket): Task<number | undefined> {
    let bytes: Uint8Array | undefined;
    try {
      ({ bytes } = yield* connection.recv(READ_BYTES, { dontWait: true }));
    } catch (error) {
      if (errnoOf(error) === Errno.EAGAIN) return undefined;
    }
    if (bytes && bytes.length > 0) {
      if (!this.#options.sendOnly) yield* this.#proc.printBytes(bytes);
      yield* sleep(WRITTEN_NS);
      return undefined;
    }
    this.#drop(connection);
    return !this.#options.keepOpen && this.#connections.length === 0 ? 0 : undefined;
  }

  #drop(connection: Socket): void {
    this.#connections.splice(this.#connections.indexOf(connection), 1);
    closeFile(this.#proc, connection);
  }
}

function* handle(proc: Process, connection: Socket, exec: ExecCommand, release: NcatRelease): Task<number> {
  yield* runWithPipes(proc, connection, exec, release);
  return 0;
}

class UdpServer {
  readonly #proc: Process;
  readonly #options: NcatOptions;
  readonly #listeners: Socket[];
  readonly #address: number;
  readonly #port: number;
  readonly #release: NcatRelease;

  constructor(
    proc: Process,
    options: NcatOptions,
    listeners: Socket[],
    address: number,
    port: number,
    release: NcatRelease,
  ) {
    this.#release = release;
    this.#proc = proc;
    this.#options = options;
    this.#listeners = listeners;
    this.#address = address;
    this.#port = port;
  }

  *run(): Task<number> {
    const proc = this.#proc;
    const { exec, keepOpen } = this.#options;
    proc.onSignal(SIGCHLD, "ignore");
    for (;;) {
      const [at = 0] = yield* pollEntries(proc, this.#listeners.map(pollIn));
      const connection = this.#listeners[at]!;
      const { from } = yield* connection.recv(UDP_READ_BYTES, { peek: true });
      yield* sleep(ROUND_NS);
      yield* connection.connect(from);
      if (this.#release.closesOtherListeners && !keepOpen)
        for (const other of this.#listeners) if (other !== connection) closeFile(proc, other);
      yield* announce(proc, this.#options, connection, this.#release);
      if (exec && keepOpen) {
        yield* sleep(FORK_NS);
        proc.spawn((child) => handle(child, connection, exec, this.#release), { argv: proc.argv, fds: proc.fds });
        closeFile(proc, connection);
      } else if (exec) {
        yield* runWithPipes(proc, connection, exec, this.#release);
        return 0;
      } else {
        const status = yield* this.#converse(connection);
        if (!keepOpen) return status;
        closeFile(proc, connection);
      }
      const ipv6 = this.#listeners.length > 1 && at === 0;
      this.#listeners[at] = openListener(proc, this.#options, this.#address, this.#port, ipv6);
    }
  }

  /** Until the peer's port refuses; a datagram socket has no end. */
  *#converse(connection: Socket): Task<number> {
    const proc = this.#proc;
    const stdin = proc.fds.get(0) ?? new NullFile();
    let stdinOpen = !this.#options.recvOnly;
    for (;;) {
      const entries = stdinOpen ? [pollIn(connection), pollIn(stdin)] : [pollIn(connection)];
      const ready = yield* pollEntries(proc, entries);
      yield* sleep(ROUND_NS);
      try {
        if (ready.includes(1)) {
          const bytes = yield* stdin.read(UDP_READ_BYTES);
          if (bytes) yield* connection.send(bytes);
          else {
            stdinOpen = false;
            if (this.#options.sendOnly) return 0;
          }
        }
        if (ready.includes(0)) {
          const { bytes } = yield* connection.recv(UDP_READ_BYTES, { dontWait: true });
          if (!this.#options.sendOnly) yield* proc.printBytes(bytes);
        }
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === Errno.EAGAIN) continue;
        yield* proc.printError(`Ncat: recvfrom: ${strerror(errno)}.\n`);
        return 1;
      }
    }
  }
}
