// ICMP echo probes (-I), all from one socket: a ping socket where the namespace allows it, else a raw one. Their sequence
// numbers rise from 1.

import { Errno } from "../../base/errno.ts";
import { type Ns, USEC } from "../../base/time.ts";
import { openSocket } from "../../host/host.ts";
import { AF_INET, type Message, SOCK_DGRAM, SOCK_RAW } from "../../net/core/sock.ts";
import type { Socket } from "../../net/socket.ts";
import type { Task } from "../../sim/task.ts";
import * as icmp from "../../wire/icmp.ts";
import { getHeaderLength } from "../../wire/ipv4.ts";
import { errnoOf } from "../net-util/sockets.ts";
import { connectSocket, fillData, type Method, openOrFail, sendProbe, type TraceView, tuneSocket } from "./method.ts";
import { FatalError, type Probe } from "./probe.ts";

const IPPROTO_ICMP = 1;

export class IcmpMethod implements Method {
  readonly headerBytes = 0;
  readonly costNs: Ns = 3 * USEC;
  readonly #view: TraceView;
  #sockets: Socket[] = [];
  #raw = false;
  #identifier = 0;
  #sequence: number;
  #ttl = 0;

  constructor(view: TraceView) {
    this.#view = view;
    this.#sequence = view.options.port || 1;
  }

  *init(): Task<void> {
    const view = this.#view;
    view.dataBytes = Math.max(view.dataBytes, icmp.HEADER_LENGTH);
    let socket: Socket;
    try {
      socket = openSocket(view.proc, AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== Errno.EACCES) throw new FatalError("socket", errno);
      socket = openOrFail(view.proc, SOCK_RAW, IPPROTO_ICMP);
      this.#raw = true;
    }
    tuneSocket(view, socket);
    yield* connectSocket(view, socket, 0);
    this.#sockets = [socket];
    this.#identifier = view.proc.pid & 0xffff;
  }

  *send(probe: Probe, ttl: number): Task<void> {
    const socket = this.#sockets[0]!;
    if (ttl !== this.#ttl) {
      socket.setOption("IP_TTL", ttl);
      this.#ttl = ttl;
    }
    const packet = fillData(this.#view.dataBytes);
    packet.fill(0, 0, icmp.HEADER_LENGTH);
    icmp.setType(packet, 0, icmp.ICMP_ECHO);
    icmp.setIdentifier(packet, 0, this.#identifier);
    icmp.setSequence(packet, 0, this.#sequence);
    icmp.updateChecksum(packet, 0, packet.length);
    yield* sendProbe(this.#view, probe, socket, packet);
    if (probe.sentNs < 0) return;
    probe.sequence = this.#sequence;
    this.#sequence = (this.#sequence + 1) & 0xffff;
  }

  sockets(): readonly Socket[] {
    return this.#sockets;
  }

  match(_socket: Socket, message: Message): Probe | undefined {
    const { bytes, error } = message;
    const at = error || !this.#raw ? 0 : getHeaderLength(bytes, 0);
    if (bytes.length < at + icmp.HEADER_LENGTH) return undefined;
    if (icmp.getType(bytes, at) !== (error ? icmp.ICMP_ECHO : icmp.ICMP_ECHOREPLY)) return undefined;
    if (this.#raw && icmp.getIdentifier(bytes, at) !== this.#identifier) return undefined;
    const sequence = icmp.getSequence(bytes, at);
    const probe = this.#view.probes.find((candidate) => candidate.sequence === sequence && sequence !== 0);
    if (probe && !error) probe.final = true;
    return probe;
  }
}
