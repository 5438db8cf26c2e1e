// The DNS server 127.0.0.11 of a container on user-defined networks: dockerd's sockets on random ports of the container's
// own namespace, DNAT and SNAT rules that make them port 53, answers from the networks' names, the rest asked of the
// servers outside. Answers to libnetwork resolver.go and resolver_unix.go.

import { NetError } from "../base/errno.ts";
import { SEC } from "../base/time.ts";
import { AF_INET, SOCK_DGRAM, SOCK_STREAM, type SockAddr } from "../net/core/sock.ts";
import type { NetNamespace } from "../net/netns.ts";
import type { Socket } from "../net/socket.ts";
import type { Process } from "../posix/process.ts";
import type { Rng } from "../sim/rng.ts";
import type { Task, Thread } from "../sim/task.ts";
import { type Ipv4Addr, parseIpv4 } from "../wire/addr.ts";
import * as dns from "../wire/dns.ts";
import { type ExternalServer, RESOLVER_ADDRESS } from "./files.ts";
import type { ResolverHabits } from "./generations/generation.ts";
import type { Iptables } from "./iptables.ts";

const OUTPUT_CHAIN = "DOCKER_OUTPUT";
const POSTROUTING_CHAIN = "DOCKER_POSTROUTING";
const TTL_SECONDS = 600;
const EXTERNAL_TIMEOUT_NS = 4 * SEC;
const BACKLOG = 4096;
const TYPE_IN_ADDR = ".in-addr.arpa";

/** What the server asks of its container. */
export interface ResolverBackend {
  /** Addresses of a name; `known` when it is one of the networks' but has none of that family. */
  resolveName(name: string): { readonly addresses: readonly Ipv4Addr[]; readonly known: boolean };
  /** "web.mynet" of an address */
  resolveAddress(address: Ipv4Addr): string | undefined;
  readonly externalServers: readonly ExternalServer[];
  readonly hasWayOut: boolean;
  /** the user set ndots: names without a dot do not leave the networks */
  readonly ndotsSet: boolean;
}

export class EmbeddedDns {
  readonly #dockerd: Process;
  readonly #hostNetns: NetNamespace;
  readonly #netns: NetNamespace;
  readonly #backend: ResolverBackend;
  readonly #habits: ResolverHabits;
  readonly #rng: Rng;
  readonly #threads: Thread[] = [];
  readonly #sockets: Socket[] = [];

  /**
   * Opens the sockets and writes the rules.
   * @param dockerd the process whose sockets they are
   * @param ipt runs iptables in the container's namespace
   */
  constructor(parts: {
    readonly dockerd: Process;
    readonly hostNetns: NetNamespace;
    readonly netns: NetNamespace;
    readonly backend: ResolverBackend;
    readonly habits: ResolverHabits;
    readonly ipt: Iptables;
    readonly rng: Rng;
  }) {
    this.#dockerd = parts.dockerd;
    this.#hostNetns = parts.hostNetns;
    this.#netns = parts.netns;
    this.#backend = parts.backend;
    this.#habits = parts.habits;
    this.#rng = parts.rng;
    const local: SockAddr = { addr: parseIpv4(RESOLVER_ADDRESS)!, port: 0 };
    const udp = this.#open(parts.netns, SOCK_DGRAM);
    udp.bind(local);
    const tcp = this.#open(parts.netns, SOCK_STREAM);
    tcp.bind(local);
    tcp.listen(BACKLOG);
    programRules(parts.ipt, udp.localAddress.port, tcp.localAddress.port);
    this.#thread(this.#serveUdp(udp));
    this.#thread(this.#serveTcp(tcp));
  }

  stop(): void {
    for (const thread of this.#threads) thread.cancel();
    for (const socket of this.#sockets.splice(0)) this.#close(socket);
  }

  #open(netns: NetNamespace, type: number): Socket {
    const socket = netns.socket(AF_INET, type, 0);
    this.#dockerd.install(socket);
    this.#sockets.push(socket);
    return socket;
  }

  #close(socket: Socket): void {
    const at = this.#sockets.indexOf(socket);
    if (at >= 0) this.#sockets.splice(at, 1);
    for (const [fd, file] of this.#dockerd.fds)
      if (file === socket) {
        this.#dockerd.close(fd);
        return;
      }
  }

  #thread(task: Task<void>): void {
    this.#threads.push(this.#dockerd.thread("resolver", task));
  }

  *#serveUdp(socket: Socket): Task<void> {
    for (;;) {
      try {
        const { bytes, from } = yield* socket.recv(dns.MAX_UDP_LENGTH * 8);
        this.#thread(this.#answerUdp(socket, bytes, from));
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
      }
    }
  }

  *#answerUdp(socket: Socket, bytes: Uint8Array, from: SockAddr): Task<void> {
    const query = dns.parse(bytes);
    if (!query || query.questions.length === 0) return;
    const answer = yield* this.#answer(query, bytes, "udp");
    if (!answer) return;
    try {
      yield* socket.sendTo(answer, from);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
    }
  }

  *#serveTcp(listener: Socket): Task<void> {
    for (;;) {
      const socket = yield* listener.accept();
      this.#dockerd.install(socket);
      this.#sockets.push(socket);
      this.#thread(this.#answerTcp(socket));
    }
  }

  *#answerTcp(socket: Socket): Task<void> {
    try {
      for (;;) {
        const length = yield* readExactly(socket, 2);
        if (!length) break;
        const bytes = yield* readExactly(socket, (length[0]! << 8) | length[1]!);
        if (!bytes) break;
        const query = dns.parse(bytes);
        if (!query || query.questions.length === 0) break;
        const answer = yield* this.#answer(query, bytes, "tcp");
        if (!answer) break;
        const framed = new Uint8Array(answer.length + 2);
        framed.set([answer.length >>> 8, answer.length & 255]);
        framed.set(answer, 2);
        yield* socket.write(framed);
      }
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
    } finally {
      this.#close(socket);
    }
  }

  /** The bytes to send back; undefined when nobody outside answered. */
  *#answer(query: dns.Message, bytes: Uint8Array, protocol: "udp" | "tcp"): Task<Uint8Array | undefined> {
    const local = this.#local(query);
    if (local) return this.#fitted(local, query, protocol);
    return yield* this.#forward(query, bytes, protocol);
  }

  /** The answer of the networks' own names, written without compression as dockerd's library does. */
  #local(query: dns.Message): dns.Message | undefined {
    const { name, type } = query.questions[0]!;
    switch (type) {
      case dns.TYPE_A:
      case dns.TYPE_AAAA:
      case dns.TYPE_MX: {
        const { addresses, known } = this.#backend.resolveName(name);
        if (addresses.length === 0 && !known) {
          const root = !name.replace(/\.$/, "").includes(".");
          return this.#backend.ndotsSet && type !== dns.TYPE_MX && root ? reply(query, []) : undefined;
        }
        if (type !== dns.TYPE_A) return reply(query, []);
        return reply(
          query,
          this.#shuffle(addresses).map((address) => record(name, dns.TYPE_A, dns.addressData(address))),
        );
      }
      case dns.TYPE_PTR: {
        if (!name.toLowerCase().endsWith(TYPE_IN_ADDR)) return undefined;
        const address = parseIpv4(name.slice(0, -TYPE_IN_ADDR.length).split(".").reverse().join("."));
        const host = address === undefined ? undefined : this.#backend.resolveAddress(address);
        return host === undefined ? undefined : reply(query, [record(name, dns.TYPE_PTR, dns.emitName(host))]);
      }
      default:
        return undefined;
    }
  }

  #shuffle(addresses: readonly Ipv4Addr[]): Ipv4Addr[] {
    const list = [...addresses];
    for (let i = list.length - 1; i > 0; i--) {
      const r = this.#rng.below(i + 1);
      [list[i], list[r]] = [list[r]!, list[i]!];
    }
    return list;
  }

  #fitted(message: dns.Message, query: dns.Message, protocol: "udp" | "tcp"): Uint8Array {
    let bytes = dns.emit(message, false);
    if (protocol === "tcp") return bytes;
    const opt = query.additionals.find(({ type }) => type === dns.TYPE_OPT);
    const limit = Math.max(opt?.class ?? 0, dns.MAX_UDP_LENGTH);
    const answers = [...message.answers];
    while (bytes.length > limit && answers.length > 0) {
      answers.pop();
      bytes = dns.emit({ ...message, flags: message.flags | dns.TC, answers }, false);
    }
    return bytes;
  }

  *#forward(query: dns.Message, bytes: Uint8Array, protocol: "udp" | "tcp"): Task<Uint8Array | undefined> {
    const { saysServfail, asksForInternal, takesFailures } = this.#habits;
    let last: Uint8Array | undefined;
    for (const server of this.#backend.externalServers) {
      if (server.fromHost && !asksForInternal && !this.#backend.hasWayOut) continue;
      const answer = yield* this.#ask(server, bytes, protocol);
      const message = answer && dns.parse(answer);
      if (!answer || !message) continue;
      const rcode = dns.rcodeOf(message);
      const final = takesFailures
        ? rcode !== dns.SERVFAIL && rcode !== dns.REFUSED
        : rcode === dns.NOERROR || (rcode === dns.NXDOMAIN && (message.flags & dns.AA) !== 0);
      if (final) return dns.emit(message, true);
      if (!takesFailures) last = answer;
    }
    return last ?? (saysServfail ? dns.emit(servfail(query), false) : undefined);
  }

  *#ask(server: ExternalServer, bytes: Uint8Array, protocol: "udp" | "tcp"): Task<Uint8Array | undefined> {
    const to: SockAddr = { addr: parseIpv4(server.address)!, port: dns.PORT };
    const socket = this.#open(
      server.fromHost ? this.#hostNetns : this.#netns,
      protocol === "udp" ? SOCK_DGRAM : SOCK_STREAM,
    );
    try {
      if (protocol === "udp") {
        yield* socket.connect(to);
        yield* socket.send(bytes);
        return (yield* socket.recv(65535, { timeoutNs: EXTERNAL_TIMEOUT_NS })).bytes;
      }
      if (!(yield* socket.connectWithin(to, EXTERNAL_TIMEOUT_NS))) return undefined;
      const framed = new Uint8Array(bytes.length + 2);
      framed.set([bytes.length >>> 8, bytes.length & 255]);
      framed.set(bytes, 2);
      yield* socket.write(framed);
      const length = yield* readExactly(socket, 2);
      return length ? yield* readExactly(socket, (length[0]! << 8) | length[1]!) : undefined;
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      return undefined;
    } finally {
      this.#close(socket);
    }
  }
}

function* readExactly(socket: Socket, length: number): Task<Uint8Array | undefined> {
  const out = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const part = yield* socket.read(length - at);
    if (part === null) return undefined;
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function reply(query: dns.Message, answers: readonly dns.ResourceRecord[]): dns.Message {
  return {
    id: query.id,
    flags: dns.QR | (query.flags & (dns.OPCODE_MASK | dns.RD | dns.CD)) | dns.RA,
    questions: query.questions.slice(0, 1),
    answers,
    authorities: [],
    additionals: [],
  };
}

/** As dns.Msg.SetRcode makes it: recursion is not said to be available. */
function servfail(query: dns.Message): dns.Message {
  const { flags, ...rest } = reply(query, []);
  return { ...rest, flags: (flags & ~dns.RA) | dns.SERVFAIL };
}

function record(name: string, type: number, data: Uint8Array): dns.ResourceRecord {
  return { name, type, class: dns.CLASS_IN, ttl: TTL_SECONDS, data };
}

/** reexecSetupResolver: the two chains and the four rules of a container's own nat table. */
export function programRules(ipt: Iptables, udpPort: number, tcpPort: number): void {
  const to = ["-d", RESOLVER_ADDRESS];
  for (const [hook, chain] of [
    ["OUTPUT", OUTPUT_CHAIN],
    ["POSTROUTING", POSTROUTING_CHAIN],
  ] as const) {
    if (ipt.exists("nat", hook, [...to, "-j", chain])) {
      ipt.must("-t", "nat", "-F", chain);
      continue;
    }
    ipt.must("-t", "nat", "-N", chain);
    ipt.must("-t", "nat", "-I", hook, ...to, "-j", chain);
  }
  for (const [protocol, port] of [
    ["udp", udpPort],
    ["tcp", tcpPort],
  ] as const) {
    const target = ["-j", "DNAT", "--to-destination", `${RESOLVER_ADDRESS}:${port}`];
    ipt.must("-t", "nat", "-I", OUTPUT_CHAIN, ...to, "-p", protocol, "--dport", "53", ...target);
    const source = ["-s", RESOLVER_ADDRESS, "-p", protocol, "--sport", String(port)];
    ipt.must("-t", "nat", "-I", POSTROUTING_CHAIN, ...source, "-j", "SNAT", "--to-source", ":53");
  }
}
