// Asking one DNS server one question over UDP or TCP, as BIND's tools do: a fresh socket for each try, five seconds, three tries;
// a refused or lost try is said on standard output.

import { Errno, NetError, strerror } from "../../base/errno.ts";
import { type Ns, USEC } from "../../base/time.ts";
import { openSocket } from "../../host/host.ts";
import { AF_INET, SOCK_DGRAM, SOCK_STREAM } from "../../net/core/sock.ts";
import type { Socket } from "../../net/socket.ts";
import type { Process } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { formatIpv4, parseInetAton } from "../../wire/addr.ts";
import * as dns from "../../wire/dns.ts";
import { get16, set16 } from "../../wire/layout.ts";
import { GaiError, getaddrinfo, resolvConf } from "../net-util/resolve.ts";
import { closeFile, errnoOf } from "../net-util/sockets.ts";

/** BIND's tools load a dozen libraries and start threads. */
export const BIND_START_NS: Ns = 8_500 * USEC;
/** Between two queries of one run. */
const QUERY_NS: Ns = 60 * USEC;
const MAX_UDP_BYTES = 65535;
/** What BIND lets its TCP segments be (NM_MAXSEG). */
const TCP_MAXSEG_BYTES = 1220;

export interface AskOptions {
  readonly server: number;
  readonly port: number;
  readonly timeoutNs: Ns;
  readonly tries: number;
  /** local address, 0: any */
  readonly source: number;
  /** over TCP, each message behind its length (RFC 1035 4.2.2) */
  readonly tcp?: boolean;
}

export interface Answer {
  readonly message: dns.Message;
  readonly bytes: number;
  readonly elapsedNs: Ns;
  readonly server: number;
  readonly port: number;
  readonly tcp: boolean;
}

/** IP_PMTUDISC_OMIT of <netinet/in.h> */
const IP_PMTUDISC_OMIT = 5;

/** What BIND's library calls errors that it knows. */
const ISC_TEXTS: ReadonlyMap<number, string> = new Map([
  [Errno.EAGAIN, "timed out"],
  [Errno.EHOSTUNREACH, "host unreachable"],
  [Errno.ENETUNREACH, "network unreachable"],
]);

const iscText = (errno: number): string => ISC_TEXTS.get(errno) ?? strerror(errno).toLowerCase();

/** Complains to `complain` about each try that fails; undefined when all did. */
export function* ask(
  proc: Process,
  query: dns.Message,
  options: AskOptions,
  complain: (line: string) => Task<void>,
): Task<Answer | undefined> {
  for (let attempt = 0; attempt < options.tries; attempt++) {
    yield* sleep(QUERY_NS);
    const { server, port, timeoutNs, tcp = false } = options;
    const socket = openSocket(proc, AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM);
    try {
      // queries go without DF
      if (!tcp) socket.setOption("IP_MTU_DISCOVER", IP_PMTUDISC_OMIT);
      if (options.source !== 0) socket.bind({ addr: options.source, port: 0 });
      const startNs = proc.sim.now;
      const endNs = startNs + timeoutNs;
      if (tcp) {
        const name = query.questions[0]?.name ?? "";
        if (!(yield* connected(socket, name, options, complain))) continue;
      } else yield* socket.connect({ addr: server, port });
      yield* socket.send(tcp ? framed(dns.emit(query)) : dns.emit(query));
      for (;;) {
        const bytes = tcp
          ? yield* readMessage(proc, socket, endNs)
          : (yield* socket.recv(MAX_UDP_BYTES, { timeoutNs: endNs - proc.sim.now })).bytes;
        const message = dns.parse(bytes);
        if (!message || message.id !== query.id || (message.flags & dns.QR) === 0) continue;
        return { message, bytes: bytes.length, elapsedNs: proc.sim.now - startNs, server, port, tcp };
      }
    } catch (error) {
      const errno = errnoOf(error);
      yield* complain(`;; communications error to ${formatIpv4(options.server)}#${options.port}: ${iscText(errno)}\n`);
    } finally {
      closeFile(proc, socket);
    }
  }
  return undefined;
}

/** A TCP connection; false when there is none, which is complained about. */
function* connected(
  socket: Socket,
  name: string,
  { server, port, timeoutNs }: AskOptions,
  complain: (line: string) => Task<void>,
): Task<boolean> {
  let errno: number = Errno.EAGAIN;
  socket.setOption("TCP_MAXSEG", TCP_MAXSEG_BYTES);
  try {
    if (yield* socket.connectWithin({ addr: server, port }, timeoutNs)) return true;
  } catch (error) {
    errno = errnoOf(error);
  }
  const where = formatIpv4(server);
  yield* complain(`;; Connection to ${where}#${port}(${where}) for ${name} failed: ${iscText(errno)}.\n`);
  return false;
}

function framed(message: Uint8Array): Uint8Array {
  const out = new Uint8Array(2 + message.length);
  set16(out, 0, message.length);
  out.set(message, 2);
  return out;
}

/** A message behind its length. Throws NetError: EAGAIN when the time is up, ECONNRESET at the connection's end. */
function* readMessage(proc: Process, socket: Socket, endNs: Ns): Task<Uint8Array> {
  let all: Uint8Array = new Uint8Array(0);
  for (;;) {
    const length = all.length < 2 ? undefined : get16(all, 0);
    if (length !== undefined && all.length >= 2 + length) return all.subarray(2, 2 + length);
    const { bytes } = yield* socket.recv(MAX_UDP_BYTES, { timeoutNs: endNs - proc.sim.now });
    if (bytes.length === 0) throw new NetError(Errno.ECONNRESET);
    const more = new Uint8Array(all.length + bytes.length);
    more.set(all);
    more.set(bytes, all.length);
    all = more;
  }
}

/** The servers to ask in turn: a named one's address, or those of /etc/resolv.conf. Undefined: the name has no address. */
export function* serversOf(proc: Process, name: string | undefined): Task<readonly number[] | undefined> {
  if (name === undefined) return resolvConf(proc).nameservers;
  const numeric = parseInetAton(name);
  if (numeric !== undefined) return [numeric];
  try {
    return (yield* getaddrinfo(proc, name, { ipv4Only: true })).addresses;
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    return undefined;
  }
}

/** The first server that answers; servers in turn. */
export function* askServers(
  proc: Process,
  query: dns.Message,
  servers: readonly number[],
  options: Omit<AskOptions, "server">,
  complain: (line: string) => Task<void>,
): Task<Answer | undefined> {
  for (const server of servers) {
    const answer = yield* ask(proc, query, { ...options, server }, complain);
    if (answer) return answer;
  }
  return undefined;
}
