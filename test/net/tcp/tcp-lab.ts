// The smallest lab for TCP: hosts with IPv4 and TCP joined by veth pairs, programs as Tasks, and captures in tcpdump's
// words with numbers counted from each side's first.

import { NetError } from "../../../src/base/errno.ts";
import { MSEC, type Ns, SEC } from "../../../src/base/time.ts";
import { netifRx } from "../../../src/net/core/dev.ts";
import { NET_XMIT_SUCCESS } from "../../../src/net/core/net-device.ts";
import { NF_ACCEPT, NF_DROP, NF_INET_LOCAL_IN } from "../../../src/net/core/netfilter.ts";
import { CHECKSUM_UNNECESSARY, type SkBuff } from "../../../src/net/core/skb.ts";
import { SOCK_STREAM } from "../../../src/net/core/sock.ts";
import { inetCreateSock } from "../../../src/net/ipv4/af-inet.ts";
import { type TcpListed, type TcpState, type TcpStreamSock, tcpInit, tcpSocks } from "../../../src/net/ipv4/tcp.ts";
import { Socket } from "../../../src/net/socket.ts";
import type { Task } from "../../../src/sim/task.ts";
import { sleep } from "../../../src/sim/task.ts";
import * as ipv4 from "../../../src/wire/ipv4.ts";
import { get16, set16 } from "../../../src/wire/layout.ts";
import * as tcp from "../../../src/wire/tcp.ts";
import { newOptions, parse as parseOptions } from "../../../src/wire/tcp-options.ts";
import { type Host, ip, Lab } from "../ipv4/ip-lab.ts";

export { ip, MSEC, SEC, sleep };

export class TcpHost {
  readonly host: Host;
  readonly tcp: TcpState;
  readonly errors: string[] = [];

  constructor(host: Host) {
    this.host = host;
    this.tcp = tcpInit(host.ip4);
  }

  socket(): Socket {
    return new Socket(inetCreateSock(this.host.ip4, SOCK_STREAM, 0));
  }

  /** Runs a program now; what it throws lands in `errors` by its text. */
  run(name: string, program: Task<void>): void {
    this.host.lab.tasks.spawn(name, program, (_result, error) => {
      if (error === undefined) return;
      if (!(error instanceof NetError)) throw error;
      this.errors.push(error.message);
    });
  }

  sysctl(key: string, value: number | string): void {
    this.host.sysctl(key, value);
  }

  /** States of all connections, "ESTABLISHED 10.0.0.1:80" by remote port, time-wait ones too. */
  states(): string[] {
    return this.listed().map((sk) => STATES[sk.state]!);
  }

  listed(): TcpListed[] {
    return [...tcpSocks(this.tcp)];
  }

  /** TCP segments leave eth0 `ns` later, and `more` later still where that says so: others overtake them. */
  delayOutgoing(ns: Ns, more: (segment: Segment, n: number) => Ns = () => 0): void {
    const dev = this.host.dev("eth0");
    const { ops } = dev;
    const { sim } = this.host.lab;
    let n = 0;
    const startXmit: typeof ops.startXmit = (skb) => {
      const isTcp = get16(skb.head, skb.data + 12) === 0x0800 && skb.head[skb.data + 23] === 6;
      const late = isTcp ? ns + more(segmentOf(skb, skb.data + 34, skb.data + 14), ++n) : 0;
      if (late === 0) return ops.startXmit(skb, dev);
      sim.after(late, () => ops.startXmit(skb, dev));
      return NET_XMIT_SUCCESS;
    };
    const { hop: _, ...others } = ops; // which would go past this
    (dev as { ops: typeof ops }).ops = { ...others, startXmit };
  }

  /** Counters of the TcpExt line. */
  counters(...names: string[]): Record<string, number> {
    const { ext } = this.tcp.mib;
    return Object.fromEntries(names.map((name) => [name, ext[name as keyof typeof ext]]));
  }

  /** Drops what `judge` says of received TCP segments (number from 1 on, flags, payload bytes). */
  loseIncoming(judge: (segment: Segment, n: number) => boolean): void {
    let n = 0;
    this.host.net.hooksIpv4.register(NF_INET_LOCAL_IN, {
      name: "loss",
      priority: 0,
      fn: (skb) => (judge(segmentOf(skb, skb.transportHeader, skb.networkHeader), ++n) ? NF_DROP : NF_ACCEPT),
    });
  }
}

export interface Segment {
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  readonly win: number;
  readonly len: number;
  readonly sport: number;
  readonly dport: number;
}

function segmentOf(skb: SkBuff, at: number, network: number): Segment {
  const { head } = skb;
  return {
    flags: tcp.getFlags(head, at),
    seq: tcp.getSequence(head, at),
    ack: tcp.getAcknowledgment(head, at),
    win: tcp.getWindow(head, at),
    len: get16(head, network + 2) - (at - network) - tcp.getDataOffset(head, at),
    sport: tcp.getSourcePort(head, at),
    dport: tcp.getDestinationPort(head, at),
  };
}

const STATES = [
  "",
  "ESTABLISHED",
  "SYN_SENT",
  "SYN_RECV",
  "FIN_WAIT1",
  "FIN_WAIT2",
  "TIME_WAIT",
  "CLOSE",
  "CLOSE_WAIT",
  "LAST_ACK",
  "LISTEN",
  "CLOSING",
];

export interface TwoHosts {
  readonly lab: Lab;
  readonly a: TcpHost;
  readonly b: TcpHost;
  /** what a capture on a's eth0 shows */
  readonly wire: Capture;
}

/** 10.0.0.1 (a) and 10.0.0.2 (b) on one cable; `tso` false as `ethtool -K eth0 tso off gso off`. */
export function twoHosts(tso = true): TwoHosts {
  const lab = new Lab();
  const [hostA, hostB] = lab.chain("a", "b") as [Host, Host];
  const a = new TcpHost(hostA);
  const b = new TcpHost(hostB);
  for (const host of [hostA, hostB]) {
    host.dev("eth0").features = { ...host.dev("eth0").features, tso, gso: tso };
  }
  return { lab, a, b, wire: new Capture(hostA) };
}

/** TCP frames of a's cable: who (a or b), flags, numbers, window, options but timestamps, length. */
export class Capture {
  readonly lines: string[] = [];
  readonly times: Ns[] = [];
  readonly raw: { from: "a" | "b"; bytes: Uint8Array; options: ReturnType<typeof newOptions> }[] = [];
  readonly #first: Map<number, number> = new Map();

  constructor(host: Host, dev = "eth0") {
    host.dev(dev).taps.push({
      capture: (skb, _dev, outgoing, { ns }) => this.#see(skb, outgoing, ns),
    });
  }

  #see(skb: SkBuff, outgoing: boolean, now: Ns): void {
    const { head, data } = skb;
    if (get16(head, data + 12) !== 0x0800 || head[data + 23] !== 6) return;
    const ipAt = data + 14;
    const at = ipAt + 20;
    const s = segmentOf(skb, at, ipAt);
    const options = newOptions();
    parseOptions(head, at + 20, at + tcp.getDataOffset(head, at), options);
    const from = outgoing ? "a" : "b";
    const mine = s.sport * 65536 + s.dport;
    const theirs = s.dport * 65536 + s.sport;
    if (s.flags & tcp.SYN && !this.#first.has(mine)) this.#first.set(mine, s.seq);
    const rel = (key: number, n: number): number => (n - (this.#first.get(key) ?? n)) >>> 0;
    let text = `${from} ${flagText(s.flags)}`;
    const seq = s.flags & tcp.SYN ? 0 : rel(mine, s.seq);
    if (s.flags & (tcp.SYN | tcp.FIN | tcp.RST) || s.len > 0) text += ` ${seq}:${seq + s.len}`;
    if (s.flags & tcp.ACK) text += ` ack ${rel(theirs, s.ack)}`;
    text += ` win ${s.win}`;
    if (s.flags & tcp.SYN) {
      const o: string[] = [];
      if (options.mss >= 0) o.push(`mss ${options.mss}`);
      if (options.sackPermitted) o.push("sackOK");
      if (options.timestamps) o.push("TS");
      if (options.windowScale >= 0) o.push(`wscale ${options.windowScale}`);
      text += ` <${o.join(",")}>`;
    }
    for (let i = 0; i < options.sackCount; i++)
      text += `${i === 0 ? " sack " : ","}${rel(theirs, options.sackBlocks[2 * i]!)}-${rel(theirs, options.sackBlocks[2 * i + 1]!)}`;
    if (s.len > 0) text += ` len ${s.len}`;
    this.lines.push(text);
    this.times.push(now);
    this.raw.push({ from, bytes: head.slice(ipAt, skb.tail), options });
  }

  /** The lines with the time since the first, in seconds. */
  timed(digits = 3): string[] {
    const start = this.times[0] ?? 0;
    return this.lines.map((line, i) => `${((this.times[i]! - start) / SEC).toFixed(digits)} ${line}`);
  }

  /** A new connection with the same ports counts anew. */
  forget(): void {
    this.take();
    this.#first.clear();
  }

  /** All that was seen, and forgets it. */
  take(): string[] {
    this.times.length = 0;
    this.raw.length = 0;
    return this.lines.splice(0);
  }
}

function flagText(flags: number): string {
  let out = "";
  if (flags & tcp.FIN) out += "F";
  if (flags & tcp.SYN) out += "S";
  if (flags & tcp.RST) out += "R";
  if (flags & tcp.PSH) out += "P";
  if (flags & tcp.URG) out += "U";
  if (flags & tcp.ECE) out += "E";
  if (flags & tcp.CWR) out += "W";
  return `[${out}${flags & tcp.ACK ? "." : ""}]`;
}

/** `n` bytes of 'a'. */
export function bytes(n: number): Uint8Array {
  return new Uint8Array(n).fill(0x61);
}

/** Listens on `port` and runs `serve` for each connection. */
export function* server(host: TcpHost, port: number, serve: (socket: Socket) => Task<void>, backlog = 8): Task<void> {
  const listener = host.socket();
  listener.setOption("SO_REUSEADDR", 1);
  listener.bind({ addr: 0, port });
  listener.listen(backlog);
  for (;;) {
    const socket = yield* listener.accept();
    host.run("serve", serve(socket));
  }
}

/** A connection from `host` to 10.0.0.2 (or `addr`). */
export function* connectTo(host: TcpHost, port: number, addr = "10.0.0.2"): Task<Socket> {
  const socket = host.socket();
  yield* socket.connect({ addr: ip(addr), port });
  return socket;
}

/** A server's way with a connection: reads all, then closes. */
export function* discard(socket: Socket): Task<void> {
  yield* readAll(socket);
  socket.release();
}

/** Reads until the end; the number of bytes. */
export function* readAll(socket: Socket, max = 65536): Task<number> {
  let n = 0;
  for (;;) {
    const { bytes: got } = yield* socket.recv(max);
    if (got.length === 0) return n;
    n += got.length;
  }
}

export function streamSock(socket: Socket): TcpStreamSock {
  return socket.sock as TcpStreamSock;
}

/** A TCP segment from nowhere arrives on a device of `host`, with good checksums. */
export function inject(
  host: TcpHost,
  segment: {
    readonly from: string;
    readonly to: string;
    readonly sport: number;
    readonly dport: number;
    readonly seq: number;
    readonly ack?: number;
    readonly flags: number;
    readonly win?: number;
    readonly payload?: Uint8Array;
    readonly options?: Uint8Array;
    readonly tos?: number;
  },
): void {
  const { host: to } = host;
  const dev = to.dev("eth0");
  const payload = segment.payload ?? new Uint8Array(0);
  const options = segment.options ?? new Uint8Array(0);
  const total = 40 + options.length + payload.length;
  const skb = to.lab.kernel.skbs.alloc(14 + total);
  const at = skb.put(14 + total);
  const { head } = skb;
  head.set(dev.address, at);
  head.fill(2, at + 6, at + 12);
  set16(head, at + 12, 0x0800);
  const ipAt = at + 14;
  ipv4.emit(
    {
      tos: segment.tos ?? 0,
      totalLength: total,
      identification: 1,
      flagsAndOffset: ipv4.DF,
      ttl: 64,
      protocol: 6,
      checksum: 0,
      source: ip(segment.from) as never,
      destination: ip(segment.to) as never,
      options: new Uint8Array(0),
    },
    head,
    ipAt,
  );
  ipv4.updateChecksum(head, ipAt);
  tcp.emit(
    {
      sourcePort: segment.sport,
      destinationPort: segment.dport,
      sequence: segment.seq >>> 0,
      acknowledgment: (segment.ack ?? 0) >>> 0,
      flags: segment.flags,
      window: segment.win ?? 64240,
      checksum: 0,
      urgentPointer: 0,
      options,
    },
    head,
    ipAt + 20,
  );
  head.set(payload, ipAt + 40 + options.length);
  skb.dev = dev;
  skb.protocol = 0x0800;
  skb.macHeader = at;
  skb.pull(14);
  skb.networkHeader = ipAt;
  skb.ipSummed = CHECKSUM_UNNECESSARY;
  netifRx(skb);
}
