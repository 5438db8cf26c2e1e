// Asking one DNS server one question over UDP, as BIND's tools do: a fresh socket for each try, five seconds, three tries;
// a refused or lost try is said on standard output.

import { Errno, strerror } from "../../base/errno.ts";
import { type Ns, USEC } from "../../base/time.ts";
import { openSocket } from "../../host/host.ts";
import { AF_INET, SOCK_DGRAM } from "../../net/core/sock.ts";
import type { Process } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { formatIpv4, parseInetAton } from "../../wire/addr.ts";
import * as dns from "../../wire/dns.ts";
import { GaiError, getaddrinfo, resolvConf } from "../net-util/resolve.ts";
import { closeFile, errnoOf } from "../net-util/sockets.ts";

/** BIND's tools load a dozen libraries and start threads. */
export const BIND_START_NS: Ns = 8_500 * USEC;
/** Between two queries of one run. */
const QUERY_NS: Ns = 60 * USEC;
const MAX_UDP_BYTES = 65535;

export interface AskOptions {
  readonly server: number;
  readonly port: number;
  readonly timeoutNs: Ns;
  readonly tries: number;
  /** local address, 0: any */
  readonly source: number;
}

export interface Answer {
  readonly message: dns.Message;
  readonly bytes: number;
  readonly elapsedNs: Ns;
  readonly server: number;
  readonly port: number;
}

/** IP_PMTUDISC_OMIT of <netinet/in.h> */
const IP_PMTUDISC_OMIT = 5;

/** What BIND's library calls errors that it knows. */
const ISC_TEXTS: ReadonlyMap<number, string> = new Map([
  [Errno.EAGAIN, "timed out"],
  [Errno.EHOSTUNREACH, "host unreachable"],
  [Errno.ENETUNREACH, "network unreachable"],
]);

/** Complains to `complain` about each try that fails; undefined when all did. */
export function* ask(
  proc: Process,
  query: dns.Message,
  options: AskOptions,
  complain: (line: string) => Task<void>,
): Task<Answer | undefined> {
  for (let attempt = 0; attempt < options.tries; attempt++) {
    yield* sleep(QUERY_NS);
    const socket = openSocket(proc, AF_INET, SOCK_DGRAM);
    try {
      // queries go without DF
      socket.setOption("IP_MTU_DISCOVER", IP_PMTUDISC_OMIT);
      if (options.source !== 0) socket.bind({ addr: options.source, port: 0 });
      yield* socket.connect({ addr: options.server, port: options.port });
      const startNs = proc.sim.now;
      yield* socket.send(dns.emit(query));
      for (;;) {
        const timeoutNs = startNs + options.timeoutNs - proc.sim.now;
        const { bytes } = yield* socket.recv(MAX_UDP_BYTES, { timeoutNs });
        const message = dns.parse(bytes);
        if (!message || message.id !== query.id || (message.flags & dns.QR) === 0) continue;
        const elapsedNs = proc.sim.now - startNs;
        return { message, bytes: bytes.length, elapsedNs, server: options.server, port: options.port };
      }
    } catch (error) {
      const errno = errnoOf(error);
      const why = ISC_TEXTS.get(errno) ?? strerror(errno).toLowerCase();
      yield* complain(`;; communications error to ${formatIpv4(options.server)}#${options.port}: ${why}\n`);
    } finally {
      closeFile(proc, socket);
    }
  }
  return undefined;
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
