// docker-proxy: a process on the host that holds a published port and relays what DNAT does not catch, TCP by a connection
// of its own per client, UDP by a socket of its own per client with a 90-second timeout. Answers to
// libnetwork cmd/proxy (tcp_proxy.go, udp_proxy.go).

import { Errno, NetError } from "../base/errno.ts";
import { type Ns, SEC, USEC } from "../base/time.ts";
import { netnsOf, openSocket } from "../host/host.ts";
import { AF_INET, SHUT_RD, SHUT_WR, SOCK_DGRAM, SOCK_STREAM, type SockAddr } from "../net/core/sock.ts";
import type { Socket } from "../net/socket.ts";
import type { OpenFile } from "../posix/file.ts";
import { NullFile } from "../posix/file.ts";
import type { Process, Program } from "../posix/process.ts";
import { sleep, type Task } from "../sim/task.ts";
import { parseIpv4 } from "../wire/addr.ts";

/** Go's listen backlog: net.core.somaxconn */
const BACKLOG = 4096;
const UDP_CONN_TRACK_TIMEOUT_NS = 90 * SEC;
const BUFFER = 65507;
/**
 * From the end of a client's handshake to the connection behind it, and to the end of the client's when that fails: Go's
 * runtime has to wake up. Measured on the recordings' machine; a client's request is there before it, as a rule.
 */
const WAKE_NS: Ns = 220 * USEC;
const GIVE_UP_NS: Ns = 130 * USEC;

interface ProxyOptions {
  readonly protocol: string;
  readonly host: SockAddr;
  readonly container: SockAddr;
}

/** A socket's description of trouble as Go prints it: "bind: address already in use". */
const GO_ERRORS: ReadonlyMap<number, string> = new Map([
  [Errno.EADDRINUSE, "address already in use"],
  [Errno.EADDRNOTAVAIL, "cannot assign requested address"],
  [Errno.EACCES, "permission denied"],
]);

/**
 * The socket of a proxy, bound as dockerd or the proxy itself binds it; a TCP one is to listen, still. Throws NetError.
 * @param shareUdp SO_REUSEADDR on UDP sockets, too
 */
export function bindProxySocket(proc: Process, protocol: string, host: SockAddr, shareUdp: boolean): Socket {
  const socket = netnsOf(proc).socket(AF_INET, protocol === "tcp" ? SOCK_STREAM : SOCK_DGRAM, 0);
  try {
    if (protocol === "tcp" || shareUdp) socket.setOption("SO_REUSEADDR", 1);
    socket.bind(host);
  } catch (error) {
    socket.release();
    throw error;
  }
  return socket;
}

export function listenProxySocket(protocol: string, socket: Socket): void {
  if (protocol === "tcp") socket.listen(BACKLOG);
}

/** Why a port could not be had, as Go says it: "address already in use". */
export function goReason(error: NetError): string {
  return GO_ERRORS.get(error.errno) ?? error.message.toLowerCase();
}

/** The program `docker-proxy -proto P -host-ip A -host-port N -container-ip A -container-port N`. */
export function* dockerProxy(proc: Process): Task<number> {
  const options = parse(proc.argv.slice(1));
  if (typeof options === "string") {
    yield* proc.printError(options);
    return 2;
  }
  let socket: Socket;
  try {
    socket = bindProxySocket(proc, options.protocol, options.host, false);
    listenProxySocket(options.protocol, socket);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    yield* proc.printError(`${goReason(error)}\n`);
    return 1;
  }
  proc.install(socket, 4);
  return yield* relay(proc, socket, options, false);
}

/** As `dockerProxy`, with the socket that dockerd bound as descriptor `fd`. Docker 28's is told so by an argument. */
export function dockerProxyWithSocket(fd: number): Program {
  return (proc) => relayPassed(proc, fd);
}

function* relayPassed(proc: Process, fd: number): Task<number> {
  const options = parse(proc.argv.slice(1));
  if (typeof options === "string") return 2;
  const later = proc.argv.some((word) => USE_LISTEN_FD.test(word));
  return yield* relay(proc, proc.fd(fd) as Socket, options, later);
}

const KEEPALIVE_SECONDS = 15;
const USE_LISTEN_FD = /^--?use-listen-fd(=true)?$/;

/** @param later as Docker 28's: connections to the container are kept alive, too */
function* relay(proc: Process, socket: Socket, options: ProxyOptions, later: boolean): Task<number> {
  for (const fd of [0, 1, 2]) if (!proc.fds.has(fd)) proc.install(new NullFile(), fd);
  if (options.protocol === "udp") return yield* relayUdp(proc, socket, options.container);
  for (;;) {
    const client = yield* socket.accept();
    proc.install(client);
    // Go's net package asks it of every connection that it accepts (defaultTCPKeepAliveIdle)
    keepAlive(client);
    proc.thread("docker-proxy", serveTcp(proc, client, options.container, later));
  }
}

function parse(args: readonly string[]): ProxyOptions | string {
  const values = new Map<string, string>([
    ["proto", "tcp"],
    ["host-ip", ""],
    ["host-port", "-1"],
    ["container-ip", ""],
    ["container-port", "-1"],
  ]);
  for (let i = 0; i < args.length; i++) {
    if (USE_LISTEN_FD.test(args[i]!)) continue;
    const match = /^--?([a-z-]+)(?:=(.*))?$/.exec(args[i]!);
    if (!match || !values.has(match[1]!)) return `flag provided but not defined: ${args[i]}\n`;
    const value = match[2] ?? args[++i];
    if (value === undefined) return `flag needs an argument: -${match[1]}\n`;
    values.set(match[1]!, value);
  }
  const address = (name: string): SockAddr => ({
    addr: parseIpv4(values.get(`${name}-ip`)!) ?? 0,
    port: Number(values.get(`${name}-port`)),
  });
  const protocol = values.get("proto")!;
  if (protocol !== "tcp" && protocol !== "udp") return `unsupported protocol ${protocol}\n`;
  return { protocol, host: address("host"), container: address("container") };
}

function keepAlive(socket: Socket): void {
  socket.setOption("SO_KEEPALIVE", 1);
  socket.setOption("TCP_KEEPIDLE", KEEPALIVE_SECONDS);
  socket.setOption("TCP_KEEPINTVL", KEEPALIVE_SECONDS);
}

function* serveTcp(proc: Process, client: Socket, container: SockAddr, later: boolean): Task<void> {
  let backend: Socket;
  try {
    backend = openSocket(proc, AF_INET, SOCK_STREAM);
    backend.setOption("TCP_NODELAY", 1);
    yield* sleep(WAKE_NS);
    yield* backend.connectWithin(container, Number.POSITIVE_INFINITY);
    if (later) keepAlive(backend);
    client.setOption("TCP_NODELAY", 1);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    yield* sleep(GIVE_UP_NS);
    close(proc, client);
    return;
  }
  let open = 2;
  const finish = (): void => {
    if (--open > 0) return;
    close(proc, client);
    close(proc, backend);
  };
  proc.thread("docker-proxy", pump(client, backend, finish));
  yield* pump(backend, client, finish);
}

/** io.Copy, then the far side's writing end and the near side's reading end are closed. */
function* pump(from: Socket, to: Socket, finish: () => void): Task<void> {
  try {
    for (;;) {
      const bytes = yield* from.read(32768);
      if (bytes === null) break;
      yield* to.write(bytes);
    }
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    if (error.errno === Errno.EPIPE) yield* quietShutdown(from, SHUT_WR);
  }
  yield* quietShutdown(from, SHUT_RD);
  yield* quietShutdown(to, SHUT_WR);
  finish();
}

function* quietShutdown(socket: Socket, how: number): Task<void> {
  try {
    yield* socket.shutdown(how);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
  }
}

function close(proc: Process, file: OpenFile): void {
  for (const [fd, open] of proc.fds)
    if (open === file) {
      proc.close(fd);
      return;
    }
}

function* relayUdp(proc: Process, socket: Socket, container: SockAddr): Task<number> {
  const backends = new Map<string, Socket>();
  for (;;) {
    let message: { readonly bytes: Uint8Array; readonly from: SockAddr };
    try {
      message = yield* socket.recv(BUFFER);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      if (error.errno === Errno.ECONNREFUSED) continue;
      throw error;
    }
    const key = `${message.from.addr}:${message.from.port}`;
    let backend = backends.get(key);
    try {
      if (!backend) {
        backend = openSocket(proc, AF_INET, SOCK_DGRAM);
        yield* backend.connect(container);
        backends.set(key, backend);
        const answer = { socket, backend, client: message.from };
        proc.thread(
          "docker-proxy",
          replyUdp(proc, answer, () => backends.delete(key)),
        );
      }
      yield* backend.send(message.bytes);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
    }
  }
}

function* replyUdp(
  proc: Process,
  { socket, backend, client }: { readonly socket: Socket; readonly backend: Socket; readonly client: SockAddr },
  forget: () => void,
): Task<void> {
  for (;;) {
    try {
      const { bytes } = yield* backend.recv(BUFFER, { timeoutNs: UDP_CONN_TRACK_TIMEOUT_NS });
      yield* socket.sendTo(bytes, client);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      if (error.errno === Errno.ECONNREFUSED) continue;
      break;
    }
  }
  forget();
  close(proc, backend);
}
