// What iperf3's client and server share (iperf_api.c): the streams of a test and their counts, the control connection's
// states and JSON messages, sending and receiving, timers.

import { concatBytes } from "../../base/bytes.ts";
import { Errno, strerror } from "../../base/errno.ts";
import { decodeUtf8, encodeUtf8 } from "../../base/text.ts";
import { type Ns, USEC } from "../../base/time.ts";
import { tcpInfo } from "../../net/ipv4/tcp-info.ts";
import { TcpSock } from "../../net/ipv4/tcp-sock.ts";
import type { Socket } from "../../net/socket.ts";
import type { Process } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { get32, set32 } from "../../wire/layout.ts";
import { errnoOf } from "../net-util/sockets.ts";
import { type Json, JsonObject, jsonText, parseJson } from "./json.ts";
import type { Iperf3Options } from "./options.ts";
import type { Stream } from "./stream.ts";

export const State = {
  TEST_START: 1,
  TEST_RUNNING: 2,
  TEST_END: 4,
  PARAM_EXCHANGE: 9,
  CREATE_STREAMS: 10,
  SERVER_TERMINATE: 11,
  CLIENT_TERMINATE: 12,
  EXCHANGE_RESULTS: 13,
  DISPLAY_RESULTS: 14,
  IPERF_START: 15,
  IPERF_DONE: 16,
  ACCESS_DENIED: 255,
} as const;

/** Bytes of a cookie, with the zero at its end. */
export const COOKIE_SIZE = 37;
/** One round of the select loop. */
const ROUND_NS: Ns = 3 * USEC;
/** Copying to or from the kernel, a byte: about 5 GB/s. */
const COPY_NS_PER_BYTE = 0.2;
/** Without a rate, writes in one round (multisend). */
const MULTISEND = 10;
/** Seconds, microseconds, number: four bytes each; the number has eight with --udp-counters-64bit. */
const UDP_HEADER = 12;
const UDP_HEADER_64 = 16;

/** What went wrong, in iperf_strerror's words. */
export class TestError extends Error {}

const SEND_FAILED = "unable to send control message";

interface Timer {
  at: Ns;
  /** 0: once */
  readonly every: Ns;
  readonly fire: () => Task<void>;
}

export class Test {
  readonly proc: Process;
  readonly options: Iperf3Options;
  readonly streams: Stream[] = [];
  readonly jsonStart: JsonObject = new JsonObject();
  readonly jsonConnected: JsonObject[] = [];
  readonly jsonIntervals: JsonObject[] = [];
  readonly jsonEnd: JsonObject = new JsonObject();
  state: number = State.IPERF_START;
  control: Socket | undefined;
  cookie = "";
  /** this side sends; with --bidir it receives as well */
  sending: boolean;
  senderHasRetransmits: number;
  /** of the streams that the other side sends, with --bidir */
  otherSideHasRetransmits = 0;
  /** what a server has printed of this test, for --get-server-output; undefined: nobody asked */
  serverOutput: string | undefined;
  /** what came of that, as text or JSON */
  peerOutputText: string | undefined;
  peerOutputJson: Json | undefined;
  omitting = false;
  done = false;
  bytesSent = 0;
  blocksSent = 0;
  bytesReceived = 0;
  blocksReceived = 0;
  controlMss = 0;
  congestionUsed: string | undefined;
  remoteCongestionUsed: string | undefined;
  remoteCpu = 0;
  #timers: Timer[] = [];
  #busyNs: Ns = 0;
  #cpuSinceNs: Ns = 0;
  cpu = 0;
  readonly #buffer: Uint8Array;

  constructor(proc: Process, options: Iperf3Options, sending: boolean) {
    this.proc = proc;
    this.options = options;
    this.sending = sending;
    this.senderHasRetransmits = sending && !options.udp ? 1 : 0;
    this.#buffer = proc.machine.rng.fork(`iperf3-${proc.hostPid}`).bytes(128 * 1024);
  }

  /** Streams of both directions. */
  get streamCount(): number {
    return this.options.parallel * (this.options.bidir ? 2 : 1);
  }

  /** Are retransmissions known of streams that this side sends, or receives? */
  hasRetransmits(sender: boolean): boolean {
    if (this.options.udp) return false;
    return (this.options.bidir && !sender ? this.otherSideHasRetransmits : this.senderHasRetransmits) === 1;
  }

  /** --repeating-payload: digits instead of chance (fill_with_repeating_pattern) */
  fillPayload(): void {
    if (this.options.repeatingPayload) for (let i = 0; i < this.#buffer.length; i++) this.#buffer[i] = 0x30 + (i % 10);
  }

  get now(): Ns {
    return this.proc.sim.now;
  }

  /** Starts counting the share of the processor that the program itself takes. */
  beginCpu(): void {
    this.#busyNs = 0;
    this.#cpuSinceNs = this.now;
  }

  endCpu(): void {
    this.cpu = (100 * this.#busyNs) / Math.max(this.now - this.#cpuSinceNs, 1);
  }

  *busy(ns: Ns): Task<void> {
    this.#busyNs += Math.round(ns);
    yield* sleep(Math.round(ns));
  }

  // --- timers (timer.c): sorted by time, a periodic one starts anew from when it ran

  timer(afterNs: Ns, every: Ns, fire: () => Task<void>): Timer {
    const timer = { at: this.now + afterNs, every, fire };
    this.#insert(timer);
    return timer;
  }

  #insert(timer: Timer): void {
    const at = this.#timers.findIndex((one) => one.at > timer.at);
    this.#timers.splice(at < 0 ? this.#timers.length : at, 0, timer);
  }

  resetTimer(timer: Timer | undefined): void {
    if (!timer || !this.#timers.includes(timer)) return;
    this.#timers.splice(this.#timers.indexOf(timer), 1);
    timer.at = this.now + timer.every;
    this.#insert(timer);
  }

  clearTimers(): void {
    this.#timers = [];
  }

  /** Until the next one; without any for ever. */
  timeout(): Ns {
    const [first] = this.#timers;
    return first ? Math.max(first.at - this.now, 0) : Number.POSITIVE_INFINITY;
  }

  *runTimers(): Task<void> {
    const { now } = this;
    for (let first = this.#timers[0]; first && first.at <= now; first = this.#timers[0]) {
      this.#timers.shift();
      yield* first.fire();
      if (first.every === 0) continue;
      first.at = now + first.every;
      this.#insert(first);
    }
  }

  // --- the control connection

  /** iperf_set_send_state. Throws TestError. */
  *sendState(state: number): Task<void> {
    this.state = state;
    try {
      yield* this.control!.send(Uint8Array.of(state));
    } catch (error) {
      throw new TestError(`${SEND_FAILED}: ${strerror(errnoOf(error))}`);
    }
  }

  /** JSON_write: four bytes of length, then the text, in two segments */
  *writeJson(json: JsonObject): Task<void> {
    const text = encodeUtf8(jsonText(json, false));
    const length = new Uint8Array(4);
    set32(length, 0, text.length);
    yield* this.control!.send(length);
    yield* this.control!.send(text);
  }

  /** Undefined: the peer has gone, or what came is no object. */
  *readJson(): Task<JsonObject | undefined> {
    const length = yield* readFully(this.control!, 4);
    if (length.length < 4) return undefined;
    const text = yield* readFully(this.control!, get32(length, 0));
    const json = parseJson(decodeUtf8(text));
    return json instanceof JsonObject ? json : undefined;
  }

  // --- results

  *sendResults(): Task<void> {
    const json = new JsonObject({
      cpu_util_total: this.cpu,
      cpu_util_user: 0,
      cpu_util_system: this.cpu,
      sender_has_retransmits: this.sending ? this.senderHasRetransmits : -1,
    });
    if (this.congestionUsed !== undefined) json.add("congestion_used", this.congestionUsed);
    if (this.serverOutput !== undefined) {
      if (this.options.json) json.add("server_output_json", this.jsonTop());
      else json.add("server_output_text", this.serverOutput);
    }
    json.add(
      "streams",
      this.streams.map(
        (stream) =>
          new JsonObject({
            id: stream.id,
            bytes: stream.sender ? stream.bytesSent - stream.bytesSentOmitted : stream.bytesReceived,
            retransmits: stream.sender && this.senderHasRetransmits ? stream.retransmits : -1,
            jitter: stream.jitter,
            errors: stream.lost,
            packets: stream.packets,
            start_time: 0,
            end_time: seconds(stream.endNs - stream.startNs),
          }),
      ),
    );
    yield* this.writeJson(json);
  }

  /** The whole report so far. */
  jsonTop(): JsonObject {
    const start = new JsonObject({ connected: this.jsonConnected });
    for (const [key, value] of this.jsonStart.entries) start.add(key, value);
    return new JsonObject({ start, intervals: this.jsonIntervals, end: this.jsonEnd });
  }

  /** False: they did not come. */
  *getResults(): Task<boolean> {
    const json = yield* this.readJson();
    const results = json?.get("streams");
    if (!json || !Array.isArray(results)) return false;
    this.remoteCpu = Number(json.get("cpu_util_total"));
    const theirRetransmits = json.get("sender_has_retransmits") === 1 ? 1 : 0;
    if (this.options.bidir) this.otherSideHasRetransmits = theirRetransmits;
    else if (!this.sending) this.senderHasRetransmits = theirRetransmits;
    const text = json.get("server_output_text");
    if (typeof text === "string") this.peerOutputText = text;
    this.peerOutputJson = json.get("server_output_json");
    for (const theirs of results as readonly Json[]) {
      if (!(theirs instanceof JsonObject)) return false;
      const number = (key: string): number => Number(theirs.get(key) ?? 0);
      const stream = this.streams.find(({ id }) => id === number("id"));
      if (!stream) return false;
      const time = number("end_time") - number("start_time");
      stream.peerPackets = number("packets");
      if (stream.sender) {
        stream.jitter = number("jitter");
        stream.lost = number("errors");
        stream.bytesReceived = number("bytes");
        stream.receiverTime = time;
      } else {
        stream.bytesSent = number("bytes");
        stream.retransmits = number("retransmits");
        stream.senderTime = time;
      }
    }
    const congestion = json.get("congestion_used");
    if (typeof congestion === "string") this.remoteCongestionUsed = congestion;
    return true;
  }

  // --- counting

  startStreams(): void {
    for (const stream of this.streams) stream.startNs = stream.fixedStartNs = this.now;
  }

  /** An interval ends here (iperf_stats_callback). */
  takeStats(): void {
    for (const stream of this.streams) {
      const before = stream.last;
      const startNs = before ? stream.endNs : stream.startNs;
      stream.endNs = this.now;
      let retransmits = 0;
      let [cwnd, sndWnd, rtt, rttvar, pmtu] = [0, 0, 0, 0, 0];
      const { sock } = stream.socket;
      if (sock instanceof TcpSock && this.senderHasRetransmits === 1) {
        const info = tcpInfo(sock);
        retransmits = info.totalRetrans - stream.retransmitsBefore;
        stream.retransmits += retransmits;
        stream.retransmitsBefore = info.totalRetrans;
        cwnd = info.sndCwnd * info.sndMss;
        sndWnd = info.sndWnd;
        rtt = info.rttUs;
        rttvar = info.rttvarUs;
        pmtu = info.pmtu;
        stream.maxCwnd = Math.max(stream.maxCwnd, cwnd);
        stream.maxWnd = Math.max(stream.maxWnd, sndWnd);
        stream.maxRtt = Math.max(stream.maxRtt, rtt);
        stream.minRtt = stream.minRtt === 0 ? rtt : Math.min(stream.minRtt, rtt);
        stream.sumRtt += rtt;
        stream.countRtt++;
      }
      stream.last = {
        bytes: stream.bytesThisInterval,
        startNs,
        endNs: stream.endNs,
        omitted: this.omitting,
        retransmits,
        cwnd,
        sndWnd,
        rtt,
        rttvar,
        pmtu,
        packets: stream.packets - (before?.allPackets ?? 0),
        lost: stream.lost - (before?.allLost ?? 0),
        jitter: stream.jitter,
        allPackets: stream.packets,
        allLost: stream.lost,
      };
      stream.bytesThisInterval = 0;
    }
  }

  /** The omitted seconds are over (iperf_reset_stats). */
  resetStats(): void {
    this.omitting = false;
    this.bytesSent = 0;
    this.blocksSent = 0;
    for (const stream of this.streams) {
      stream.omittedPackets = stream.packets;
      stream.omittedLost = stream.lost;
      stream.omittedOutOfOrder = stream.outOfOrder;
      stream.jitter = 0;
      stream.bytesSentOmitted = stream.bytesSent;
      stream.bytesReceived = 0;
      stream.bytesThisInterval = 0;
      const { sock } = stream.socket;
      if (this.senderHasRetransmits === 1 && sock instanceof TcpSock) stream.retransmitsBefore = sock.totalRetrans;
      stream.retransmits = 0;
      stream.startNs = this.now;
    }
  }

  // --- data

  /** May this stream send yet (iperf_check_throttle)? */
  throttle(stream: Stream): void {
    if (this.done || this.options.rate === 0) return;
    const elapsed = seconds(this.now - stream.fixedStartNs);
    stream.greenLight = (stream.bytesSent * 8) / elapsed < this.options.rate || stream.bytesSent === 0;
  }

  /** Sends, receives, or both. Throws TestError. */
  *transfer(): Task<void> {
    const fail = (what: string, errno: number): void => {
      if (errno > 0) throw new TestError(`unable to ${what} stream socket: ${strerror(errno)}`);
    };
    if (this.sending) fail("write to", yield* this.send());
    if (!this.sending || this.options.bidir) fail("read from", yield* this.receive());
  }

  /** iperf_send: errno when a stream broke, 0 else. */
  *send(): Task<number> {
    const { options } = this;
    const paced = options.rate !== 0 && options.burst === 0;
    const rounds = options.burst !== 0 ? options.burst : options.rate === 0 ? MULTISEND : 1;
    yield* this.busy(ROUND_NS);
    for (let round = rounds; round > 0; round--) {
      let active = false;
      for (const stream of this.streams) {
        if (!stream.greenLight || !stream.sender || !stream.socket.writable()) continue;
        if (round > 1 && options.bytes !== 0 && this.bytesSent >= options.bytes) break;
        if (round > 1 && options.blocks !== 0 && this.blocksSent >= options.blocks) break;
        const sent = options.udp ? yield* this.#sendUdp(stream) : yield* this.#sendTcp(stream);
        if (sent < 0) return -sent;
        active = true;
        this.bytesSent += sent;
        if (stream.pending === 0) this.blocksSent++;
        if (paced) this.throttle(stream);
      }
      if (!active) break;
    }
    if (!paced) for (const stream of this.streams) if (stream.sender) this.throttle(stream);
    return 0;
  }

  /** Writes until the buffer is full (Nwrite on a non-blocking socket). */
  *#sendTcp(stream: Stream): Task<number> {
    if (stream.pending === 0) stream.pending = this.options.blockSize;
    let sent = 0;
    while (stream.pending > 0) {
      const part = this.#buffer.subarray(0, Math.min(stream.pending, this.#buffer.length));
      try {
        const taken = yield* stream.socket.send(part, { dontWait: true });
        yield* this.busy(taken * COPY_NS_PER_BYTE);
        stream.pending -= taken;
        sent += taken;
      } catch (error) {
        const errno = errnoOf(error);
        if (errno !== Errno.EAGAIN) return -errno;
        break;
      }
    }
    stream.bytesSent += sent;
    stream.bytesThisInterval += sent;
    return sent;
  }

  /** iperf_udp_send: seconds, microseconds and a number at the beginning of each datagram */
  *#sendUdp(stream: Stream): Task<number> {
    const packet = new Uint8Array(this.options.blockSize);
    packet.set(this.#buffer.subarray(0, packet.length));
    const micros = this.proc.machine.wallClockNs() / 1000n;
    stream.packets++;
    set32(packet, 0, Number(micros / 1_000_000n));
    set32(packet, 4, Number(micros % 1_000_000n));
    if (this.options.udpCounters64) set32(packet, 12, stream.packets);
    else set32(packet, 8, stream.packets);
    let sent = 0;
    try {
      sent = yield* stream.socket.send(packet);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== Errno.EAGAIN && errno !== Errno.ENOBUFS) return -errno;
    }
    stream.bytesSent += sent;
    stream.bytesThisInterval += sent;
    return sent;
  }

  /** iperf_recv: errno when a stream broke, 0 else. */
  *receive(): Task<number> {
    for (const stream of this.streams) {
      if (stream.sender || stream.ended || !stream.socket.readable()) continue;
      let bytes: Uint8Array;
      try {
        ({ bytes } = yield* stream.socket.recv(this.options.blockSize, { dontWait: true }));
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === Errno.EAGAIN) continue;
        return errno;
      }
      if (bytes.length === 0 && !this.options.udp) stream.ended = true;
      yield* this.busy(ROUND_NS + bytes.length * COPY_NS_PER_BYTE);
      if (this.state === State.TEST_RUNNING) {
        stream.bytesReceived += bytes.length;
        stream.bytesThisInterval += bytes.length;
        if (this.options.udp && bytes.length >= (this.options.udpCounters64 ? UDP_HEADER_64 : UDP_HEADER))
          this.#countDatagram(stream, bytes);
      }
      this.bytesReceived += bytes.length;
      this.blocksReceived++;
    }
    return 0;
  }

  /** Losses by the numbers, jitter by RFC 1889 appendix A.8 (iperf_udp_recv). */
  #countDatagram(stream: Stream, bytes: Uint8Array): void {
    const number = get32(bytes, this.options.udpCounters64 ? 12 : 8);
    if (number > stream.packets) {
      stream.lost += number - 1 - stream.packets;
      stream.packets = number;
    } else {
      stream.outOfOrder++;
      if (stream.lost > 0) stream.lost--;
    }
    const arrived = Number(this.proc.machine.wallClockNs() / 1000n) / 1e6;
    const transit = Math.abs(arrived - (get32(bytes, 0) + get32(bytes, 4) / 1e6));
    if (stream.bytesReceived === bytes.length) stream.transit = transit;
    stream.jitter += (Math.abs(transit - stream.transit) - stream.jitter) / 16;
    stream.transit = transit;
  }
}

/** As iperf_time has them: whole microseconds. */
export function seconds(ns: Ns): number {
  return Math.floor(Math.abs(ns) / 1000) / 1e6;
}

/** Nread on a blocking socket: less than `length` bytes when the peer ended. */
export function* readFully(socket: Socket, length: number): Task<Uint8Array> {
  const parts: Uint8Array[] = [];
  let got = 0;
  while (got < length) {
    const { bytes } = yield* socket.recv(length - got);
    if (bytes.length === 0) break;
    parts.push(bytes.slice());
    got += bytes.length;
  }
  return concatBytes(parts);
}
