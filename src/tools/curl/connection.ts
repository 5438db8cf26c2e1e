// curl's connections: name look-up, the non-blocking connect with its time limits, one address after the other, and the
// pool of those that are kept for the next URL. Answers to lib/connect.c and lib/conncache.c as seen from outside.

import { Errno, strerror } from "../../base/errno.ts";
import type { Ns } from "../../base/time.ts";
import { netnsOf, openSocket } from "../../host/host.ts";
import { AF_INET, SOCK_STREAM } from "../../net/core/sock.ts";
import type { Socket } from "../../net/socket.ts";
import type { Process } from "../../posix/process.ts";
import { sleep, type Task, WaitQueue } from "../../sim/task.ts";
import { formatIpv4, parseInetAton } from "../../wire/addr.ts";
import { GaiError, getaddrinfo, gethostbyname2 } from "../net-util/resolve.ts";
import { closeFile, errnoOf } from "../net-util/sockets.ts";
import { CurlCode, CurlError } from "./errors.ts";
import type { CurlOptions } from "./options.ts";
import type { Meter, Verbose } from "./trace.ts";
import type { CurlUrl } from "./url.ts";

export interface Connection {
  readonly id: number;
  readonly socket: Socket;
  readonly host: string;
  readonly port: number;
  readonly address: number;
}

/** Time limits of one transfer: a moment each, Infinity for none. */
export interface Deadlines {
  readonly startNs: Ns;
  readonly totalNs: Ns;
  readonly connectNs: Ns;
}

const MSEC = 1_000_000;
/** Between the starts of the two threads that resolve a name. */
const SECOND_THREAD_NS: Ns = 60_000;

export class ConnectionPool {
  readonly #proc: Process;
  readonly #options: CurlOptions;
  readonly #idle: Connection[] = [];
  /** addresses that were looked up, by "host:port" */
  readonly #resolved: Map<string, readonly number[]> = new Map();
  readonly #major: number;
  #nextId = 0;

  /** @param version curl's, as "7.88.1" */
  constructor(proc: Process, options: CurlOptions, version: string) {
    this.#major = Number.parseInt(version, 10);
    this.#proc = proc;
    this.#options = options;
  }

  /** A kept connection to the same place that the peer has not closed. */
  take(url: CurlUrl): { connection: Connection | undefined; dead: readonly number[]; bundle: boolean } {
    const dead: number[] = [];
    let bundle = false;
    for (let i = 0; i < this.#idle.length; i++) {
      const connection = this.#idle[i]!;
      if (connection.host !== url.host || connection.port !== url.port) continue;
      bundle = true;
      this.#idle.splice(i--, 1);
      if (!connection.socket.readable()) return { connection, dead, bundle };
      dead.push(connection.id);
      closeFile(this.#proc, connection.socket);
    }
    return { connection: undefined, dead, bundle };
  }

  /** The number of the connection that was tried last. */
  get lastId(): number {
    return this.#nextId - 1;
  }

  keep(connection: Connection): void {
    this.#idle.push(connection);
  }

  close(connection: Connection): void {
    closeFile(this.#proc, connection.socket);
  }

  closeAll(): void {
    for (const connection of this.#idle.splice(0)) this.close(connection);
  }

  /** Addresses of a host: --resolve, looked up before, a number, or the resolver. Throws CurlError. */
  *lookUp(url: CurlUrl, verbose: Verbose, meter: Meter): Task<readonly number[]> {
    const key = `${url.host.toLowerCase()}:${url.port}`;
    const cached = this.#fixed(url) ?? this.#resolved.get(key);
    if (cached) yield* verbose.say(`Hostname ${url.host} was found in DNS cache`);
    yield* meter.begin();
    if (cached) return cached;
    const { ipv4Only, ipv6Only } = this.#options;
    try {
      if (!ipv6Only) {
        const addresses = yield* this.#resolve(url.host, ipv4Only);
        this.#resolved.set(key, addresses);
        return addresses;
      }
    } catch (error) {
      if (!(error instanceof GaiError)) throw error;
    }
    const failure = new CurlError(CurlCode.COULDNT_RESOLVE_HOST, `Could not resolve host: ${url.host}`);
    yield* verbose.say(failure.message);
    yield* verbose.say(`Closing connection ${this.#nextId++}`);
    throw failure;
  }

  /** From 8 on two threads ask, for IPv6 and for IPv4; IPv4's answer is enough, only a failure waits for both. */
  *#resolve(host: string, ipv4Only: boolean): Task<readonly number[]> {
    const proc = this.#proc;
    if (this.#major < 8 || ipv4Only || host === "localhost" || parseInetAton(host) !== undefined)
      return (yield* getaddrinfo(proc, host, { ipv4Only })).addresses;
    const done = new WaitQueue();
    let asking = true;
    proc.thread(
      "resolver",
      (function* (): Task<void> {
        yield* gethostbyname2(proc, host, "ipv6");
        asking = false;
        done.wakeAll();
      })(),
    );
    yield* sleep(SECOND_THREAD_NS);
    try {
      return (yield* getaddrinfo(proc, host, { ipv4Only: true })).addresses;
    } catch (error) {
      if (asking) yield* done.wait();
      throw error;
    }
  }

  /** What --resolve says of a host. */
  #fixed(url: CurlUrl): readonly number[] | undefined {
    const entry = this.#options.resolve.find((r) => r.host === url.host.toLowerCase() && r.port === url.port);
    if (!entry) return undefined;
    const addresses = entry.addresses.map((text) => parseInetAton(text)).filter((address) => address !== undefined);
    return addresses.length > 0 ? addresses : undefined;
  }

  /** Connects to the first address that answers. Throws CurlError. */
  *connect(url: CurlUrl, addresses: readonly number[], deadlines: Deadlines, verbose: Verbose): Task<Connection> {
    const proc = this.#proc;
    const id = this.#nextId++;
    const limit = Math.min(deadlines.totalNs, deadlines.connectNs);
    let lastErrno = 0;
    for (const [i, address] of addresses.entries()) {
      yield* verbose.say(`  Trying ${formatIpv4(address)}:${url.port}...`);
      const socket = openSocket(proc, AF_INET, SOCK_STREAM);
      try {
        yield* this.#prepare(socket);
        const left = limit - proc.sim.now;
        // An address that is not the last one gets half of the time.
        const share = i < addresses.length - 1 ? left / 2 : left;
        if (yield* socket.connectWithin({ addr: address, port: url.port }, share))
          return { id, socket, host: url.host, port: url.port, address };
        lastErrno = Errno.ETIMEDOUT;
      } catch (error) {
        if (error instanceof CurlError) throw error;
        lastErrno = errnoOf(error);
        yield* verbose.say(`connect to ${formatIpv4(address)} port ${url.port} failed: ${strerror(lastErrno)}`);
      }
      closeFile(proc, socket);
      if (proc.sim.now >= limit) yield* this.#timedOut(url, deadlines);
    }
    const ms = Math.floor((proc.sim.now - deadlines.startNs) / MSEC);
    const code = lastErrno === Errno.ETIMEDOUT ? CurlCode.OPERATION_TIMEDOUT : CurlCode.COULDNT_CONNECT;
    const why = code === CurlCode.COULDNT_CONNECT ? "Couldn't connect to server" : "Timeout was reached";
    const message = this.#failure(url, ms, why);
    yield* verbose.say(message);
    throw new CurlError(code, message);
  }

  /** curl 8's words differ from 7's. */
  #failure({ host, port }: CurlUrl, ms: number, why: string): string {
    return this.#major < 8
      ? `Failed to connect to ${host} port ${port} after ${ms} ms: ${why}`
      : `Failed to connect to ${host}:${port} after ${ms} ms: ${why.replace("Couldn't connect", "Could not connect")}`;
  }

  /** curl notices a limit one tick of its millisecond clock later. */
  *#timedOut(url: CurlUrl, deadlines: Deadlines): Task<never> {
    yield* sleep(MSEC);
    const ms = Math.floor((this.#proc.sim.now - deadlines.startNs) / MSEC);
    throw new CurlError(
      CurlCode.OPERATION_TIMEDOUT,
      deadlines.totalNs <= deadlines.connectNs
        ? `Connection timed out after ${ms} milliseconds`
        : this.#failure(url, ms, "Timeout was reached"),
    );
  }

  /** TCP_NODELAY, --interface and --local-port. */
  *#prepare(socket: Socket): Task<void> {
    socket.setOption("TCP_NODELAY", 1);
    const { interfaceName, localPort } = this.#options;
    let local = 0;
    if (interfaceName !== undefined) {
      const name = interfaceName.replace(/^(if|host)!/, "");
      const device = netnsOf(this.#proc).net.deviceByName(name);
      if (device) socket.setOption("SO_BINDTODEVICE", device.ifindex);
      else {
        try {
          local = (yield* getaddrinfo(this.#proc, name, { ipv4Only: true })).addresses[0]!;
        } catch (error) {
          if (!(error instanceof GaiError)) throw error;
          throw new CurlError(CurlCode.INTERFACE_FAILED, `Couldn't bind to '${name}'`);
        }
      }
    }
    if (local === 0 && !localPort) return;
    const [first, last] = localPort ?? [0, 0];
    let errno = 0;
    for (let port = first; port <= last; port++) {
      try {
        socket.bind({ addr: local, port });
        return;
      } catch (error) {
        errno = errnoOf(error);
      }
    }
    throw new CurlError(CurlCode.INTERFACE_FAILED, `bind failed with errno ${errno}: ${strerror(errno)}`);
  }
}
