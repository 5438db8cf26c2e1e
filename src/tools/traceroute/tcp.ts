// TCP SYN probes (-T): segments made by hand and sent from one raw socket, each from a port that a socket of its own holds.
// The target's kernel answers with RST or SYN, ACK; to the latter ours answers RST, as it knows of no connection.

import { type Ns, USEC } from "../../base/time.ts";
import { type Message, SOCK_RAW, SOCK_STREAM } from "../../net/core/sock.ts";
import type { Socket } from "../../net/socket.ts";
import type { Rng } from "../../sim/rng.ts";
import type { Task } from "../../sim/task.ts";
import { internetChecksum, pseudoHeaderSum4 } from "../../wire/checksum.ts";
import { getHeaderLength } from "../../wire/ipv4.ts";
import { get16, set16 } from "../../wire/layout.ts";
import { closeFile, readTextFile } from "../net-util/sockets.ts";
import { UsageError, unsigned } from "./command-line.ts";
import { bindSocket, connectSocket, type Method, openOrFail, sendProbe, type TraceView, tuneSocket } from "./method.ts";
import { Ending } from "./options.ts";
import type { Probe } from "./probe.ts";

const IPPROTO_TCP = 6;
const DEFAULT_PORT = 80;
const HEADER_BYTES = 20;
const IP_AND_TCP_BYTES = 40;
/** offsets in the TCP header */
const SOURCE = 0;
const DESTINATION = 2;
const SEQUENCE = 4;
const OFFSET = 12;
const FLAGS = 13;
const WINDOW = 14;
const CHECKSUM = 16;

/** by bit, as -O names them */
const FLAG_NAMES: readonly string[] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];
const SYN = 0x02;
const ECN = 0xc0;

const OPTIONS_HELP = `  syn                         Set tcp flag SYN (default if no other tcp flags
                              specified)
  ack                         Set tcp flag ACK,
  fin                         FIN,
  rst                         RST,
  psh                         PSH,
  urg                         URG,
  ece                         ECE,
  cwr                         CWR
  flags=NUM                   Set tcp flags exactly to value NUM
  ecn                         Send syn packet with tcp flags ECE and CWR (for
                              Explicit Congestion Notification, rfc3168)
  sack                        Use sack,
  timestamps                  timestamps,
  window_scaling              window_scaling option for tcp
  sysctl                      Use current sysctl (/proc/sys/net/*) setting for
                              the tcp options and ecn. Always set by default
                              (with "syn") if nothing else specified
  reuse                       Allow to reuse local port numbers for the huge
                              workloads (SO_REUSEADDR)
  mss=NUM                     Use value of NUM for maxseg tcp option (when syn)
  info                        Print tcp flags of final tcp replies when target
                              host is reached. Useful to determine whether an
                              application listens the port etc.
`;

export class TcpMethod implements Method {
  readonly headerBytes = 0;
  readonly costNs: Ns = 40 * USEC;
  readonly #view: TraceView;
  readonly #rng: Rng;
  readonly #port: number;
  #sockets: Socket[] = [];
  #segment: Uint8Array = new Uint8Array(0);
  #source = 0;
  #ttl = 0;
  #flags = 0;
  #mss = 0;
  #info = false;
  #reuse = false;
  readonly #tcpOptions: Set<string> = new Set();

  constructor(view: TraceView) {
    this.#view = view;
    this.#port = view.options.port || DEFAULT_PORT;
    this.#rng = view.proc.machine.rng.fork(`traceroute/${view.proc.pid}`);
  }

  *init(): Task<void> {
    const view = this.#view;
    this.#readModuleOptions(view.options.moduleOptions);
    const socket = openOrFail(view.proc, SOCK_RAW, IPPROTO_TCP);
    tuneSocket(view, socket);
    yield* connectSocket(view, socket, 0);
    this.#sockets = [socket];
    this.#source = socket.localAddress.addr;
    this.#makeSegment(socket.getOption("IP_MTU"));
    view.dataBytes = this.#segment.length;
  }

  #readModuleOptions(words: readonly string[]): void {
    let chosen = false;
    for (const word of words) {
      const [name, value] = word.split("=", 2) as [string, string?];
      const bit = FLAG_NAMES.indexOf(name);
      const number = value === undefined ? undefined : unsigned(value);
      if (name === "help") throw new Ending(0, "", OPTIONS_HELP);
      if (name === "info") {
        this.#info = true;
        continue;
      }
      if (name === "reuse") {
        this.#reuse = true;
        continue;
      }
      if (name === "mss" && number !== undefined) {
        this.#mss = number;
        continue;
      }
      chosen = true;
      if (bit >= 0) this.#flags |= 1 << bit;
      else if (name === "flags" && number !== undefined) this.#flags = number & 0xff;
      else if (name === "ecn") this.#flags |= SYN | ECN;
      else if (["sack", "timestamps", "window_scaling"].includes(name)) this.#tcpOptions.add(name);
      else if (name === "sysctl") this.#readSysctls();
      else throw new UsageError(`Bad keyword \`${word}' (argc 1)`);
    }
    if (!chosen) this.#readSysctls();
    if (this.#flags === 0) this.#flags = SYN;
  }

  #readSysctls(): void {
    const on = (name: string): boolean =>
      readTextFile(this.#view.proc, `/proc/sys/net/ipv4/tcp_${name}`)?.startsWith("1") ?? false;
    this.#flags |= SYN;
    if (on("ecn")) this.#flags |= ECN;
    for (const name of ["sack", "timestamps", "window_scaling"]) if (on(name)) this.#tcpOptions.add(name);
  }

  /** Header and options; source port, sequence number and checksum are each probe's. */
  #makeSegment(mtu: number): void {
    const room = mtu - IP_AND_TCP_BYTES;
    const options: number[] = [];
    const mss = this.#mss || room;
    if (this.#flags & SYN) options.push(2, 4, (mss >> 8) & 255, mss & 255);
    const sack = this.#tcpOptions.has("sack");
    if (this.#tcpOptions.has("timestamps")) {
      if (sack) options.push(4, 2);
      else options.push(1, 1);
      options.push(8, 10, ...this.#randomBytes(), 0, 0, 0, 0);
    } else if (sack) options.push(1, 1, 4, 2);
    if (this.#tcpOptions.has("window_scaling")) options.push(1, 3, 3, 2);
    const segment = new Uint8Array(HEADER_BYTES + options.length);
    segment.set(options, HEADER_BYTES);
    set16(segment, DESTINATION, this.#port);
    segment[OFFSET] = (segment.length / 4) << 4;
    segment[FLAGS] = this.#flags;
    set16(segment, WINDOW, 4 * room);
    this.#segment = segment;
  }

  #randomBytes(): number[] {
    return Array.from({ length: 4 }, () => this.#rng.below(256));
  }

  *send(probe: Probe, ttl: number): Task<void> {
    const view = this.#view;
    const holder = openOrFail(view.proc, SOCK_STREAM, 0);
    if (this.#reuse) holder.setOption("SO_REUSEADDR", 1);
    bindSocket(view, holder);
    const { port } = holder.localAddress;
    const segment = this.#segment.slice();
    set16(segment, SOURCE, port);
    segment.set(this.#randomBytes(), SEQUENCE);
    const pseudo = pseudoHeaderSum4(this.#source, view.options.target, IPPROTO_TCP, segment.length);
    set16(segment, CHECKSUM, internetChecksum(segment, 0, segment.length, pseudo));
    const socket = this.#sockets[0]!;
    if (ttl !== this.#ttl) {
      socket.setOption("IP_TTL", ttl);
      this.#ttl = ttl;
    }
    yield* sendProbe(view, probe, socket, segment);
    if (probe.sentNs < 0) {
      closeFile(view.proc, holder);
      return;
    }
    probe.sequence = port;
    probe.socket = holder;
  }

  sockets(): readonly Socket[] {
    return this.#sockets;
  }

  match(_socket: Socket, message: Message): Probe | undefined {
    const { bytes, error } = message;
    const at = error ? 0 : getHeaderLength(bytes, 0);
    if (bytes.length < at + 8 || message.from.addr !== this.#view.options.target) return undefined;
    const ours = get16(bytes, at + (error ? SOURCE : DESTINATION));
    const theirs = get16(bytes, at + (error ? DESTINATION : SOURCE));
    if (theirs !== this.#port) return undefined;
    const probe = this.#view.probes.find((candidate) => candidate.sequence === ours && ours !== 0);
    if (!probe || error) return probe;
    probe.final = true;
    if (this.#info) probe.note = flagNames(bytes[at + FLAGS] ?? 0);
    return probe;
  }
}

/** "rst,ack" */
function flagNames(flags: number): string {
  return FLAG_NAMES.filter((_name, bit) => flags & (1 << bit)).join(",");
}
