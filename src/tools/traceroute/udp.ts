// UDP probes: by default each to the next port, from a socket of its own (33434 on); with -U all to one port (53); -UL by
// UDP-Lite, which the kernel here does not have and refuses.

import { type Ns, USEC } from "../../base/time.ts";
import { type Message, SOCK_DGRAM } from "../../net/core/sock.ts";
import type { Socket } from "../../net/socket.ts";
import type { Task } from "../../sim/task.ts";
import { closeFile } from "../net-util/sockets.ts";
import { connectSocket, fillData, type Method, openOrFail, sendProbe, type TraceView, tuneSocket } from "./method.ts";
import type { Probe } from "./probe.ts";

const FIRST_PORT = 33434;
const CONSTANT_PORT = 53;
const IPPROTO_UDP = 17;
const IPPROTO_UDPLITE = 136;

export class UdpMethod implements Method {
  readonly headerBytes = 8;
  readonly costNs: Ns = 11 * USEC;
  readonly #view: TraceView;
  readonly #protocol: number;
  readonly #rising: boolean;
  #port: number;
  readonly #open: Socket[] = [];

  constructor(view: TraceView) {
    const { module, port } = view.options;
    this.#view = view;
    this.#rising = module === "default";
    this.#protocol = module === "udplite" ? IPPROTO_UDPLITE : IPPROTO_UDP;
    this.#port = (port || (this.#rising ? FIRST_PORT : CONSTANT_PORT)) & 0xffff;
  }

  *init(): Task<void> {}

  *send(probe: Probe, ttl: number): Task<void> {
    const view = this.#view;
    const socket = openOrFail(view.proc, SOCK_DGRAM, this.#protocol);
    tuneSocket(view, socket);
    socket.setOption("IP_TTL", ttl);
    yield* connectSocket(view, socket, this.#port);
    yield* sendProbe(view, probe, socket, fillData(view.dataBytes));
    if (probe.sentNs < 0) {
      closeFile(view.proc, socket);
      return;
    }
    probe.socket = socket;
    probe.sequence = this.#port;
    if (this.#rising) this.#port = (this.#port + 1) & 0xffff;
  }

  sockets(): readonly Socket[] {
    this.#open.length = 0;
    for (const { socket } of this.#view.probes) if (socket) this.#open.push(socket);
    return this.#open;
  }

  match(socket: Socket, message: Message): Probe | undefined {
    const probe = this.#view.probes.find((candidate) => candidate.socket === socket);
    if (!probe || probe.sequence !== message.from.port) return undefined;
    if (!message.error) probe.final = true;
    return probe;
  }
}
