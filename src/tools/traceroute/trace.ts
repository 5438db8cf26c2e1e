// One run of traceroute: up to sixteen probes under way, printed in their order as soon as the first is answered or given
// up. How long to wait for one follows from the answers of its own hop and of later ones. Answers to Debian's traceroute
// 2.1.2.

import { MSEC, type Ns, USEC } from "../../base/time.ts";
import type { Message } from "../../net/core/sock.ts";
import type { Socket } from "../../net/socket.ts";
import type { Process } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { ICMP_REDIRECT, ICMP_SOURCE_QUENCH } from "../../wire/icmp.ts";
import { getnameinfo } from "../net-util/resolve.ts";
import { closeFile, errnoOf, pollEntries, pollIn } from "../net-util/sockets.ts";
import { IcmpMethod } from "./icmp.ts";
import { type Method, RECEIVE_BYTES, sourceRoute, type TraceView } from "./method.ts";
import { MAX_PACKET_BYTES, type Options, secondsToNs } from "./options.ts";
import { blankProbe, FatalError, noteIcmpError, noteLocalError, type Probe, roundTrip, ttlToHops } from "./probe.ts";
import { RawMethod } from "./raw.ts";
import { TcpMethod } from "./tcp.ts";
import { UdpMethod } from "./udp.ts";

const IP_HEADER_BYTES = 20;
/** of a packet, after the IP header, unless another length is asked for */
const DATA_BYTES = 40;
/** Round trips are taken to be this much longer before they are multiplied. */
const WAIT_PRECISION_NS: Ns = 1 * MSEC;
/** A read of an answer, and a line of text. */
const RECEIVE_NS: Ns = 3 * USEC;
/** The call of poll(2) itself. */
const POLL_NS: Ns = 2 * USEC;
const PRINT_NS: Ns = 5 * USEC;
const SO_EE_ORIGIN_LOCAL = 1;
const SO_EE_ORIGIN_ICMP = 2;

export class Trace implements TraceView {
  readonly proc: Process;
  readonly options: Options;
  readonly probes: Probe[];
  dataBytes: number;
  readonly #method: Method;
  readonly #headerBytes: number;
  readonly #waitNs: Ns;

  constructor(proc: Process, options: Options) {
    this.proc = proc;
    this.options = options;
    this.probes = Array.from({ length: options.maxHops * options.queries }, blankProbe);
    this.dataBytes = 0;
    this.#method = makeMethod(this);
    this.#headerBytes = IP_HEADER_BYTES + sourceRoute(options).length + this.#method.headerBytes;
    const wanted = options.packetBytes ?? (options.discoverMtu ? MAX_PACKET_BYTES : undefined);
    this.dataBytes =
      wanted === undefined ? DATA_BYTES - this.#method.headerBytes : Math.max(0, wanted - this.#headerBytes);
    this.#waitNs = secondsToNs(options.wait);
  }

  /** Exit status. Throws FatalError. */
  *run(): Task<number> {
    const { proc, probes } = this;
    const { host, target, maxHops, firstHop, queries } = this.options;
    yield* this.#method.init();
    const bytes = this.#headerBytes + this.dataBytes;
    yield* proc.print(`traceroute to ${host} (${formatIpv4(target)}), ${maxHops} hops max, ${bytes} byte packets`);
    let start = (firstHop - 1) * queries;
    let end = probes.length;
    let lastSentNs = Number.NEGATIVE_INFINITY;
    while (start < end) {
      let underWay = 0;
      let nextNs: Ns | undefined;
      const { now } = proc.sim;
      for (let n = start; n < end; n++) {
        const probe = probes[n]!;
        if (n === start && !probe.done && probe.sentNs >= 0) {
          const expiresNs = probe.sentNs + this.#waitFor(n);
          if (expiresNs > now) nextNs = expiresNs;
          else {
            this.#finish(probe);
            this.#adoptFinal(n);
          }
        }
        if (probe.done) {
          if (n === start) {
            yield* this.#print(probe, n);
            start++;
          }
          if (probe.final) end = (Math.floor(n / queries) + 1) * queries;
          continue;
        }
        if (probe.sentNs < 0) {
          const earliestNs = lastSentNs + secondsToNs(this.options.sendWait);
          if (this.options.sendWait > 0 && earliestNs > now) {
            nextNs = earliestNs;
            break;
          }
          yield* sleep(this.#method.costNs);
          yield* this.#method.send(probe, Math.floor(n / queries) + 1);
          if (probe.sentNs < 0) {
            if (nextNs === undefined) throw new FatalError("send probe", 0);
            break;
          }
          lastSentNs = probe.sentNs;
        }
        nextNs ??= probe.sentNs + this.#waitFor(n);
        if (++underWay >= this.options.simultaneous) break;
      }
      if (nextNs !== undefined) yield* this.#poll(Math.max(0, nextNs - proc.sim.now));
    }
    yield* proc.print("\n");
    return 0;
  }

  /** How long the probe may be waited for: some round trips of its own hop, more of a later one, else the maximum. */
  #waitFor(index: number): Ns {
    const { probes } = this;
    const { hereFactor, nearFactor, queries } = this.options;
    const scaled = (trip: Ns, factor: number): Ns => Math.min((trip + WAIT_PRECISION_NS) * factor, this.#waitNs);
    if (hereFactor > 0) {
      const first = index - (index % queries);
      for (let i = first; i < first + queries; i++) {
        const trip = probes[i]!.done ? roundTrip(probes[i]!) : 0;
        if (trip > 0) return scaled(trip, hereFactor);
      }
    }
    if (nearFactor > 0) {
      for (let i = index + 1; i < probes.length && probes[i]!.sentNs >= 0; i++) {
        const trip = probes[i]!.done ? roundTrip(probes[i]!) : 0;
        if (trip > 0) return scaled(trip, nearFactor);
      }
    }
    return this.#waitNs;
  }

  #finish(probe: Probe): void {
    if (probe.socket) closeFile(this.proc, probe.socket);
    probe.socket = undefined;
    probe.sequence = 0;
    probe.done = true;
  }

  /**
   * A probe was given up, and a later one came back as unreachable (!H and the like). The host that says so may answer
   * only the last of many probes; where it seems to stand at this hop, its answer is moved here.
   */
  #adoptFinal(index: number): void {
    const { probes } = this;
    const { queries } = this.options;
    const hopStart = index - (index % queries);
    for (let i = hopStart; i < index; i++) if (!probes[i]!.done || !probes[i]!.final) return;
    let at = index + 1;
    while (at < probes.length && probes[at]!.sentNs >= 0 && !probes[at]!.done) at++;
    const later = probes[at];
    if (!later?.done || later.sentNs < 0 || !later.final || later.mark === "") return;
    const sameHop = index > hopStart || at < hopStart + queries;
    const heard = probes.slice(0, index).some(({ address }) => address !== undefined && address === later.address);
    if (!sameHop && !heard && !this.#seemsAtHop(index, later)) return;
    Object.assign(probes[index]!, later);
    // the place that it leaves counts as sent and is never answered
    Object.assign(later, blankProbe(), { sentNs: 0 });
  }

  /** By the TTL of its answer and of the nearest earlier one. */
  #seemsAtHop(index: number, later: Probe): boolean {
    if (later.receivedTtl === 0) return false;
    const { queries } = this.options;
    let back = ttlToHops(later.receivedTtl);
    for (let i = index - 1; i >= 0; i--) {
      const probe = this.probes[i]!;
      if (!probe.done || probe.final || probe.receivedTtl === 0) continue;
      const hops = ttlToHops(probe.receivedTtl);
      if (hops >= back) continue;
      back += Math.floor(i / queries) + 1 - hops;
      break;
    }
    return back <= Math.floor(index / queries) + 1;
  }

  /** Waits for answers, and takes one from each socket that has some. */
  *#poll(timeoutNs: Ns): Task<void> {
    const sockets = [...this.#method.sockets()];
    yield* sleep(POLL_NS);
    const wholeMs = Math.trunc(timeoutNs / MSEC) * MSEC;
    const ready = yield* pollEntries(this.proc, sockets.map(pollIn), wholeMs);
    for (const i of ready) yield* this.#receive(sockets[i]!);
  }

  *#receive(socket: Socket): Task<void> {
    yield* sleep(RECEIVE_NS);
    const message = (yield* take(socket, true)) ?? (yield* take(socket, false));
    if (!message) return;
    const probe = this.#method.match(socket, message) ?? this.#oversized(message);
    if (!probe) return;
    const { error } = message;
    if (error && error.origin !== SO_EE_ORIGIN_LOCAL && error.origin !== SO_EE_ORIGIN_ICMP) return;
    if (error && (error.type === ICMP_SOURCE_QUENCH || error.type === ICMP_REDIRECT)) return;
    probe.receivedNs = message.tstampNs ?? this.proc.sim.now;
    probe.receivedTtl = message.ttl ?? 0;
    if (!error) probe.address = message.from.addr;
    else if (error.origin === SO_EE_ORIGIN_LOCAL) noteLocalError(probe, error.errno, error.info);
    else {
      probe.address = error.offender;
      noteIcmpError(probe, error.type, error.code, error.info);
    }
    if (error && this.options.discoverMtu && this.#shrink(error.info)) {
      this.#finish(probe);
      // it is sent again, and says what was learned
      Object.assign(probe, blankProbe(), { mark: `F=${error.info}` });
      return;
    }
    this.#finish(probe);
  }

  /** A local "too long" names no probe: it is the first one's. */
  #oversized(message: Message): Probe | undefined {
    if (!message.error || message.bytes.length > 0 || !this.options.dontFragment) return undefined;
    const first = this.probes[(this.options.firstHop - 1) * this.options.queries]!;
    return first.done ? undefined : first;
  }

  /** --mtu: probes are this long from now on. */
  #shrink(mtu: number): boolean {
    if (mtu < this.#headerBytes || mtu >= this.#headerBytes + this.dataBytes) return false;
    this.dataBytes = mtu - this.#headerBytes;
    return true;
  }

  *#print(probe: Probe, index: number): Task<void> {
    const { queries, backward } = this.options;
    const hop = Math.floor(index / queries) + 1;
    const number = index % queries;
    let text = number === 0 ? `\n${String(hop).padStart(2)} ` : "";
    const { address } = probe;
    if (address === undefined) text += " *";
    else if (!this.#sameAsBefore(probe, index)) {
      text += yield* this.#hostText(address);
      if (probe.note !== "") text += ` <${probe.note}>`;
      const hops = probe.receivedTtl === 0 ? hop : ttlToHops(probe.receivedTtl);
      if (backward && hops !== hop) text += ` '-${hops}'`;
    }
    if (probe.receivedNs >= 0) text += `  ${(roundTrip(probe) / MSEC).toFixed(3)} ms`;
    if (probe.mark !== "") text += ` ${probe.mark}`;
    yield* sleep(PRINT_NS);
    yield* this.proc.print(text);
  }

  /** The host is named again only when it differs from the hop's last answer. */
  #sameAsBefore(probe: Probe, index: number): boolean {
    const first = index - (index % this.options.queries);
    for (let i = index - 1; i >= first; i--) {
      const before = this.probes[i]!;
      if (before.address === undefined) continue;
      const sameWay = !this.options.backward || before.receivedTtl === probe.receivedTtl;
      return before.address === probe.address && before.note === probe.note && sameWay;
    }
    return false;
  }

  *#hostText(address: number): Task<string> {
    const text = formatIpv4(address);
    if (this.options.numeric) return ` ${text}`;
    return ` ${(yield* getnameinfo(this.proc, address)) ?? text} (${text})`;
  }
}

function makeMethod(trace: Trace): Method {
  switch (trace.options.module) {
    case "icmp":
      return new IcmpMethod(trace);
    case "tcp":
      return new TcpMethod(trace);
    case "raw":
      return new RawMethod(trace);
    default:
      return new UdpMethod(trace);
  }
}

function* take(socket: Socket, errQueue: boolean): Task<Message | undefined> {
  try {
    return yield* socket.recv(RECEIVE_BYTES, { errQueue, dontWait: true });
  } catch (error) {
    errnoOf(error);
    return undefined;
  }
}
