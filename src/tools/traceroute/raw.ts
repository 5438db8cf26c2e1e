// Raw packets of any protocol (-P, 253 unless another is given), all from one raw socket. Nothing in an answer tells which
// probe it is for: it is the last one's, and there is only one on its way at a time.

import { type Ns, USEC } from "../../base/time.ts";
import { type Message, SOCK_RAW } from "../../net/core/sock.ts";
import type { Socket } from "../../net/socket.ts";
import type { Task } from "../../sim/task.ts";
import { readTextFile } from "../net-util/sockets.ts";
import { UsageError, unsigned } from "./command-line.ts";
import { connectSocket, fillData, type Method, openOrFail, sendProbe, type TraceView, tuneSocket } from "./method.ts";
import type { Probe } from "./probe.ts";

const EXPERIMENTAL = 253;

export class RawMethod implements Method {
  readonly headerBytes = 0;
  readonly costNs: Ns = 3 * USEC;
  readonly #view: TraceView;
  #protocol = EXPERIMENTAL;
  #sockets: Socket[] = [];
  #sequence = 0;
  #ttl = 0;

  constructor(view: TraceView) {
    this.#view = view;
  }

  *init(): Task<void> {
    const view = this.#view;
    for (const word of view.options.moduleOptions) this.#protocol = this.#readProtocol(word);
    if (view.options.port !== 0) this.#protocol = view.options.port;
    const socket = openOrFail(view.proc, SOCK_RAW, this.#protocol);
    tuneSocket(view, socket);
    yield* connectSocket(view, socket, 0);
    this.#sockets = [socket];
  }

  /** `protocol=NAME` or `protocol=NUMBER` */
  #readProtocol(word: string): number {
    const [name, value = ""] = word.split("=", 2) as [string, string?];
    const number = unsigned(value) ?? this.#protocolByName(value);
    if (name !== "protocol" || number === undefined) throw new UsageError(`Bad keyword \`${word}' (argc 1)`);
    return number;
  }

  #protocolByName(name: string): number | undefined {
    for (const line of (readTextFile(this.#view.proc, "/etc/protocols") ?? "").split("\n")) {
      const [first, number, ...aliases] = line.replace(/#.*/, "").split(/\s+/);
      if (first === name || aliases.includes(name)) return Number(number);
    }
    return undefined;
  }

  *send(probe: Probe, ttl: number): Task<void> {
    const socket = this.#sockets[0]!;
    if (ttl !== this.#ttl) {
      socket.setOption("IP_TTL", ttl);
      this.#ttl = ttl;
    }
    yield* sendProbe(this.#view, probe, socket, fillData(this.#view.dataBytes));
    if (probe.sentNs >= 0) probe.sequence = ++this.#sequence;
  }

  sockets(): readonly Socket[] {
    return this.#sockets;
  }

  match(_socket: Socket, message: Message): Probe | undefined {
    if (message.from.addr !== this.#view.options.target) return undefined;
    const probe = this.#view.probes.find(({ sequence }) => sequence === this.#sequence && sequence !== 0);
    if (probe && !message.error) probe.final = true;
    return probe;
  }
}
