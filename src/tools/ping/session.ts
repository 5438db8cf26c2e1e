// One run of ping: when to send, how long to wait, what to count. Answers to iputils 20221126's main loop: it waits in
// recvmsg with a receive timeout of one interval, so that a probe leaves one interval after the answer to the one before,
// rounded up to the kernel's timer wheel; that is why intervals of a second measure 1.004 to 1.032 s.

import { Errno, strerror } from "../../base/errno.ts";
import { MSEC, type Ns, SEC, USEC } from "../../base/time.ts";
import type { Message } from "../../net/core/sock.ts";
import type { Socket } from "../../net/socket.ts";
import { type Process, SIGINT, SIGQUIT } from "../../posix/process.ts";
import { sleep, type Task, WaitQueue, waitAny } from "../../sim/task.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { internetChecksum } from "../../wire/checksum.ts";
import {
  getIdentifier,
  getSequence,
  getType,
  HEADER_LENGTH,
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_PARAMETERPROB,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
  setIdentifier,
  setSequence,
  setType,
  updateChecksum,
} from "../../wire/icmp.ts";
import { getDestination, getHeaderLength, getProtocol, getSource, getTtl } from "../../wire/ipv4.ts";
import { get32 } from "../../wire/layout.ts";
import { scheduleTimeout } from "../net-util/jiffies.ts";
import { getnameinfo } from "../net-util/resolve.ts";
import { errnoOf } from "../net-util/sockets.ts";
import { Stdout } from "../net-util/stdio.ts";
import type { PingOptions } from "./options.ts";
import { icmpText, ipOptionsText, type Statistics, snapshotText, statisticsText, tripText } from "./text.ts";

/** Least wait that poll is used for, milliseconds (MINTERVAL of iputils). */
const MIN_INTERVAL_MS = 10;
/** struct timeval in the payload: seconds and microseconds, 64 bits each, little-endian. */
const TIMEVAL_BYTES = 16;
const SEQUENCES = 65536;
const SO_EE_ORIGIN_LOCAL = 1;
const SO_EE_ORIGIN_ICMP = 2;
/** From a packet's arrival to its line of text: formatting and write(2). */
const PRINT_NS: Ns = 55 * USEC;
/** Building a probe, up to sendto(2). */
const PROBE_NS: Ns = 5 * USEC;

/** ICMP types that a raw socket of ping lets pass, as the mask of those that it does not (ICMP_FILTER). */
const FILTER_AT_START: number = inverted(
  (1 << ICMP_ECHOREPLY) |
    (1 << ICMP_DEST_UNREACH) |
    (1 << ICMP_SOURCE_QUENCH) |
    (1 << ICMP_REDIRECT) |
    (1 << ICMP_TIME_EXCEEDED) |
    (1 << ICMP_PARAMETERPROB),
);
/** Once the error queue has shown to work, errors come from there only. */
const FILTER_AFTER_ERROR: number = inverted((1 << ICMP_ECHOREPLY) | (1 << ICMP_SOURCE_QUENCH) | (1 << ICMP_REDIRECT));

export interface PingSession {
  readonly options: PingOptions;
  readonly hostname: string;
  readonly target: number;
  readonly source: number;
  readonly socket: Socket;
  readonly raw: boolean;
  readonly identifier: number;
  /** answers may come from other hosts (a broadcast or multicast address) */
  readonly multiReply: boolean;
}

/** Runs until the count, the deadline or a signal; returns the exit status. */
export function* runPing(proc: Process, session: PingSession): Task<number> {
  return yield* new Pinger(proc, session).run();
}

class Pinger {
  readonly #proc: Process;
  readonly #session: PingSession;
  readonly #options: PingOptions;
  readonly #out: Stdout;
  readonly #packet: Uint8Array;
  readonly #timing: boolean;
  #intervalMs: number;
  #transmitted = 0;
  #received = 0;
  #repeats = 0;
  #corrupted = 0;
  #errors = 0;
  #acked = 0;
  #pipe = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;
  #sum = 0;
  #sum2 = 0;
  #rtt8 = 0;
  /** -A after full queues: microseconds to keep more of a distance */
  #rttAddend = 0;
  /** how often in a row the device's queue was full */
  #noBuffers = 0;
  readonly #seen: Uint8Array = new Uint8Array(SEQUENCES);
  #startNs: Ns = -1;
  #probeNs: Ns = -1;
  #tokensMs = 0;
  #lingering = false;
  #exiting = false;
  #snapshot = false;
  readonly #signalled: WaitQueue = new WaitQueue();
  #routeBefore: Uint8Array | undefined;
  readonly #names: Map<number, string> = new Map();

  constructor(proc: Process, session: PingSession) {
    this.#proc = proc;
    this.#session = session;
    this.#options = session.options;
    this.#out = new Stdout(proc);
    this.#intervalMs = session.options.intervalMs;
    const { dataBytes, pattern } = session.options;
    this.#timing = dataBytes >= TIMEVAL_BYTES;
    this.#packet = new Uint8Array(HEADER_LENGTH + dataBytes);
    for (let i = 0; i < dataBytes; i++)
      this.#packet[HEADER_LENGTH + i] = pattern && pattern.length > 0 ? pattern[i % pattern.length]! : i;
  }

  *run(): Task<number> {
    const alarms = [this.#alarmAfter(this.#options.deadlineNs)];
    const stop = (): void => {
      this.#exiting = true;
      this.#signalled.wakeAll();
    };
    this.#proc.onSignal(SIGINT, stop);
    this.#proc.onSignal(SIGQUIT, () => {
      this.#snapshot = true;
      this.#signalled.wakeAll();
    });
    try {
      if (this.#session.raw) this.#session.socket.setOption("ICMP_FILTER", FILTER_AT_START);
      yield* this.#header();
      while (!this.#finished()) {
        if (this.#snapshot) {
          this.#snapshot = false;
          yield* this.#proc.printError(snapshotText(this.#statistics()));
        }
        let nextMs: number;
        do {
          nextMs = yield* this.#probe();
          const linger = this.#lingerMs(nextMs);
          if (linger) {
            nextMs = linger.nextMs;
            alarms.push(this.#alarmAfter(linger.alarmNs));
          }
        } while (nextMs <= 0 && !this.#exiting);
        yield* this.#listen(nextMs);
      }
    } finally {
      for (const alarm of alarms) alarm?.del();
    }
    yield* this.#out.print(statisticsText(this.#session.hostname, this.#statistics()));
    yield* this.#out.flush();
    const tooFew = this.#options.deadlineNs > 0 && this.#received < this.#options.count;
    return this.#received === 0 || tooFew ? 1 : 0;
  }

  #finished(): boolean {
    const { count, deadlineNs } = this.#options;
    if (this.#exiting) return true;
    if (count > 0 && this.#received + this.#errors >= count) return true;
    return deadlineNs > 0 && this.#errors > 0;
  }

  #alarmAfter(ns: Ns): { del(): void } | undefined {
    if (ns <= 0) return undefined;
    return this.#proc.sim.after(ns, () => {
      this.#exiting = true;
      this.#signalled.wakeAll();
    });
  }

  *#header(): Task<void> {
    const { options, hostname, target, source } = this.#session;
    if (options.pattern) {
      let digits = "";
      for (const byte of options.pattern) digits += byte.toString(16).padStart(2, "0");
      yield* this.#out.print(`PATTERN: 0x${digits}\n`);
    }
    let text = `PING ${hostname} (${formatIpv4(target)}) `;
    if (options.device !== undefined || options.source !== undefined || options.stickySource)
      text += `from ${formatIpv4(source)} ${options.device ?? ""}: `;
    const total =
      options.dataBytes + HEADER_LENGTH + 20 + (options.recordRoute || options.timestampOption !== undefined ? 40 : 0);
    yield* this.#out.print(`${text}${options.dataBytes}(${total}) bytes of data.\n`);
    // A flood's dots are not buffered.
    if (options.flood) yield* this.#out.flush();
  }

  /** Sends a probe if it is time; returns milliseconds until the next. */
  *#probe(): Task<number> {
    const { count, deadlineNs, preload } = this.#options;
    if (this.#exiting || (count > 0 && this.#transmitted >= count && deadlineNs === 0)) return 1000;
    const { now } = this.#proc.sim;
    if (this.#probeNs < 0) {
      this.#startNs = now;
      this.#probeNs = now;
      this.#tokensMs = this.#intervalMs * (preload - 1);
    } else {
      const passed = Math.floor((now - this.#probeNs) / MSEC);
      if (this.#intervalMs === 0 && passed < MIN_INTERVAL_MS && this.#inFlight() >= preload)
        return MIN_INTERVAL_MS - passed;
      const tokens = Math.min(passed + this.#tokensMs, this.#intervalMs * preload);
      if (tokens < this.#intervalMs) return this.#intervalMs - tokens;
      this.#probeNs = now;
      this.#tokensMs = tokens - this.#intervalMs;
    }
    if (this.#options.outstanding && this.#transmitted > 0 && !this.#isSeen(this.#transmitted)) {
      yield* this.#out.print(`${this.#stamp()}no answer yet for icmp_seq=${this.#transmitted % SEQUENCES}\n`);
      yield* this.#out.flush();
    }
    return yield* this.#send();
  }

  *#send(): Task<number> {
    const { socket, raw, identifier, target } = this.#session;
    const packet = this.#packet;
    const sequence = (this.#transmitted + 1) & 0xffff;
    yield* sleep(PROBE_NS);
    setType(packet, 0, ICMP_ECHO);
    setSequence(packet, 0, sequence);
    setIdentifier(packet, 0, identifier);
    this.#clearSeen(sequence);
    if (this.#timing) putTimeval(packet, HEADER_LENGTH, this.#proc.machine.wallClockNs());
    if (raw) updateChecksum(packet, 0, packet.length);
    try {
      if (this.#options.connectSocket) yield* socket.send(packet);
      else yield* socket.sendTo(packet, { addr: target, port: 0 });
      this.#noBuffers = 0;
      this.#transmitted++;
      if (!this.#options.quiet && this.#options.flood) yield* this.#proc.print(".");
      return this.#intervalMs - this.#tokensMs;
    } catch (error) {
      return yield* this.#sendFailed(errnoOf(error));
    }
  }

  *#sendFailed(errno: number): Task<number> {
    if (errno === Errno.EAGAIN) {
      this.#tokensMs += this.#intervalMs;
      return MIN_INTERVAL_MS;
    }
    if (errno === Errno.ENOBUFS || errno === Errno.ENOMEM) {
      // The device's queue is full: again in a while, until that has taken as long as an answer may.
      this.#tokensMs = 0;
      this.#rttAddend += this.#rtt8 < 8 * 50_000 ? Math.floor(this.#rtt8 / 8) : 50_000;
      if (this.#options.adaptive) this.#adapt();
      const againMs = Math.min(Math.max(Math.floor(this.#intervalMs / 2), MIN_INTERVAL_MS), 500);
      this.#noBuffers++;
      if (this.#noBuffers * againMs * MSEC < this.#options.lingerNs) return againMs;
      this.#transmitted++;
      if (!this.#options.quiet) {
        if (this.#options.flood) yield* this.#proc.print("E");
        else yield* this.#complain(`sendmsg: ${strerror(errno)}`);
      }
      return Math.max(this.#intervalMs, MIN_INTERVAL_MS);
    }
    // What the call set off on this host (a REJECT's answer) is there before the next call.
    yield* sleep(PROBE_NS);
    const errors = yield* this.#readErrorQueue();
    // Somebody else's error: this probe has not left yet.
    if (errors === 0) return yield* this.#send();
    this.#transmitted++;
    // With an ICMP error at hand the call's own errno is told too; without, what the error queue said is enough.
    if (errors > 0 && !this.#options.quiet) {
      if (this.#options.flood) yield* this.#proc.print("E");
      else yield* this.#complain(`sendmsg: ${strerror(errno)}`);
    }
    this.#tokensMs = 0;
    return Math.max(this.#intervalMs, MIN_INTERVAL_MS);
  }

  /** error(3): what was printed before comes out first. */
  *#complain(sentence: string): Task<void> {
    yield* this.#out.flush();
    yield* this.#proc.printError(`ping: ${sentence}\n`);
  }

  /** After the last probe: how long to wait for answers, once. */
  #lingerMs(nextMs: number): { nextMs: number; alarmNs: Ns } | undefined {
    const { count, deadlineNs, lingerNs } = this.#options;
    if (this.#lingering || count === 0 || this.#transmitted < count || deadlineNs > 0) return undefined;
    this.#lingering = true;
    const us = this.#received > 0 ? Math.max(2 * this.#max, 1000 * this.#intervalMs) : Math.floor(lingerNs / USEC);
    return { nextMs: Math.max(nextMs, Math.floor(us / 1000)), alarmNs: us * USEC };
  }

  /** Takes what arrives, waiting at most about `nextMs` for the first. */
  *#listen(nextMs: number): Task<void> {
    const { adaptive, flood } = this.#options;
    const { socket } = this.#session;
    let wait: Ns;
    if (adaptive || flood || nextMs < Math.max(this.#intervalMs, MIN_INTERVAL_MS)) {
      let ms = nextMs;
      if (ms <= 10) ms = this.#inFlight() > 0 ? MIN_INTERVAL_MS : 0;
      wait = ms * MSEC;
      if (wait > 0) {
        if (!socket.readable() && !this.#exiting && !this.#snapshot)
          yield* waitAny([socket.readQueue, this.#signalled], wait);
        if (!socket.readable()) return;
        wait = 0;
      } else yield* sleep(USEC);
    } else wait = scheduleTimeout(this.#proc.sim.now, this.#intervalMs > 0 ? this.#intervalMs * MSEC : SEC);
    for (;;) {
      if (!socket.readable() && wait > 0 && !this.#exiting && !this.#snapshot)
        yield* waitAny([socket.readQueue, this.#signalled], wait);
      wait = 0;
      let message: Message;
      try {
        message = yield* socket.recv(this.#packet.length + 136, { dontWait: true });
      } catch (error) {
        if (errnoOf(error) === Errno.EAGAIN) return;
        yield* this.#readErrorQueue();
        if (this.#inFlight() === 0) return;
        continue;
      }
      yield* this.#reply(message);
      if (this.#inFlight() === 0) return;
    }
  }

  *#reply(message: Message): Task<void> {
    const { bytes } = message;
    let at = 0;
    let options = message.ipOptions;
    let hops = message.ttl ?? -1;
    if (this.#session.raw) {
      at = getHeaderLength(bytes, 0);
      hops = getTtl(bytes, 0);
      options = bytes.slice(20, at);
    }
    if (bytes.length < at + HEADER_LENGTH) return;
    const type = getType(bytes, at);
    if (type !== ICMP_ECHOREPLY) {
      yield* this.#foreign(message, at, type);
      return;
    }
    if (this.#session.raw && getIdentifier(bytes, at) !== this.#session.identifier) return;
    const corrupt = this.#session.raw && internetChecksum(bytes, at, bytes.length) !== 0;
    const trip = this.#trip(message, at);
    const duplicate = this.#count(getSequence(bytes, at), trip, corrupt);
    if (this.#options.quiet) return;
    if (this.#options.flood) {
      yield* this.#proc.print(corrupt ? "\bC" : "\b \b");
      return;
    }
    const length = bytes.length - at;
    const { from } = message;
    let text = `${this.#stamp()}${length} bytes from ${yield* this.#host(from.addr)}: icmp_seq=${getSequence(bytes, at)}`;
    if (this.#options.verbose) text += ` ident=${getIdentifier(bytes, at)}`;
    if (hops >= 0) text += ` ttl=${hops}`;
    if (length < HEADER_LENGTH + this.#options.dataBytes) {
      yield* this.#out.print(`${text} (truncated)\n`);
      yield* this.#out.flush();
      return;
    }
    if (this.#timing) text += ` time=${tripText(trip)}`;
    if (duplicate && (!this.#session.multiReply || this.#options.verbose)) text += " (DUP!)";
    if (corrupt) text += " (BAD CHECKSUM!)";
    if (!this.#session.multiReply && from.addr !== this.#session.target) text += " (DIFFERENT ADDRESS!)";
    text += this.#wrongData(bytes, at);
    if (options && options.length > 0) {
      const shown = ipOptionsText(options, this.#routeBefore);
      this.#routeBefore = shown.recorded;
      text += shown.text;
    }
    if (this.#options.audible) text += "\x07";
    yield* sleep(PRINT_NS);
    yield* this.#out.print(`${text}\n`);
    yield* this.#out.flush();
  }

  /** An ICMP message other than an answer, on a raw socket: errors are told by the error queue, the rest is printed. */
  *#foreign(message: Message, at: number, type: number): Task<void> {
    const { bytes } = message;
    const quoted = at + HEADER_LENGTH;
    if (type === ICMP_ECHO || bytes.length < quoted + 28) return;
    const inner = quoted + getHeaderLength(bytes, quoted);
    if (getProtocol(bytes, quoted) !== 1 || getDestination(bytes, quoted) !== this.#session.target) return;
    if (getType(bytes, inner) !== ICMP_ECHO || getIdentifier(bytes, inner) !== this.#session.identifier) return;
    const sequence = getSequence(bytes, inner);
    if (type !== ICMP_REDIRECT && type !== ICMP_SOURCE_QUENCH) {
      this.#acknowledge(sequence);
      return;
    }
    if (this.#options.quiet || this.#options.flood) return;
    const words = icmpText(type, bytes[at + 1]!, get32(bytes, at + 4));
    yield* this.#out.print(
      `${this.#stamp()}From ${yield* this.#host(getSource(bytes, 0))}: icmp_seq=${sequence} ${words}\n`,
    );
  }

  /** Reads one entry of the error queue: 1 an ICMP error about a probe, −1 a local one or none, 0 somebody else's. */
  *#readErrorQueue(): Task<number> {
    const { socket } = this.#session;
    let message: Message;
    try {
      message = yield* socket.recv(HEADER_LENGTH, { errQueue: true, dontWait: true });
    } catch (error) {
      errnoOf(error);
      return -1;
    }
    const { error, bytes } = message;
    if (!error) return 0;
    if (error.origin === SO_EE_ORIGIN_LOCAL) {
      this.#errors++;
      if (this.#options.quiet) return -1;
      if (this.#options.flood) yield* this.#proc.print("E");
      else if (error.errno === Errno.EMSGSIZE)
        yield* this.#complain(`local error: message too long, mtu=${error.info}`);
      else yield* this.#complain(`local error: ${strerror(error.errno)}`);
      return -1;
    }
    if (error.origin !== SO_EE_ORIGIN_ICMP) return 0;
    const mine =
      bytes.length >= HEADER_LENGTH &&
      message.from.addr === this.#session.target &&
      getType(bytes, 0) === ICMP_ECHO &&
      (!this.#session.raw || getIdentifier(bytes, 0) === this.#session.identifier);
    if (!mine) return 0;
    const sequence = getSequence(bytes, 0);
    this.#acknowledge(sequence);
    if (this.#session.raw) socket.setOption("ICMP_FILTER", FILTER_AFTER_ERROR);
    this.#errors++;
    if (this.#options.quiet) return 1;
    if (this.#options.flood) yield* this.#proc.print("\bE");
    else {
      const host = yield* this.#host(error.offender);
      const words = icmpText(error.type, error.code, error.info);
      yield* sleep(PRINT_NS);
      yield* this.#out.print(`${this.#stamp()}From ${host} icmp_seq=${sequence} ${words}\n`);
      yield* this.#out.flush();
    }
    return 1;
  }

  /** Round trip in microseconds. */
  #trip(message: Message, at: number): number {
    if (!this.#timing || message.bytes.length < at + HEADER_LENGTH + TIMEVAL_BYTES) return 0;
    const sent = getTimevalUs(message.bytes, at + HEADER_LENGTH);
    const { epochNs } = this.#proc.machine;
    const received = (epochNs + BigInt(Math.floor(message.tstampNs ?? this.#proc.sim.now))) / 1000n;
    return Math.max(0, Number(received - sent));
  }

  /** Counts an answer; true when it is a repeated one. */
  #count(sequence: number, trip: number, corrupt: boolean): boolean {
    this.#acknowledge(sequence);
    this.#received++;
    if (this.#timing) {
      this.#sum += trip;
      this.#sum2 += trip * trip;
      this.#min = Math.min(this.#min, trip);
      this.#max = Math.max(this.#max, trip);
      this.#rtt8 = this.#rtt8 === 0 ? trip * 8 : this.#rtt8 + trip - Math.floor(this.#rtt8 / 8);
      if (this.#options.adaptive) this.#adapt();
    }
    if (corrupt) {
      this.#corrupted++;
      this.#received--;
      return false;
    }
    if (this.#isSeen(sequence)) {
      this.#repeats++;
      this.#received--;
      return true;
    }
    this.#seen[sequence] = 1;
    return false;
  }

  /** -A: the interval follows the round trip. */
  #adapt(): void {
    const estimate = this.#rtt8 > 0 ? Math.floor(this.#rtt8 / 8) : this.#intervalMs * 1000;
    this.#intervalMs = Math.floor((estimate + this.#rttAddend + 500) / 1000);
  }

  #acknowledge(sequence: number): void {
    const behind = (this.#transmitted - sequence) & 0xffff;
    if (behind > 0x7fff) return;
    this.#pipe = Math.max(this.#pipe, behind + 1);
    if (((sequence - this.#acked) & 0xffff) < 0x8000 || ((this.#transmitted - this.#acked) & 0xffff) > 0x7fff)
      this.#acked = sequence;
  }

  #inFlight(): number {
    const behind = (this.#transmitted - this.#acked) & 0xffff;
    return behind <= 0x7fff ? behind : this.#transmitted - this.#received - this.#errors;
  }

  #isSeen(sequence: number): boolean {
    return this.#seen[sequence & 0xffff] === 1;
  }

  #clearSeen(sequence: number): void {
    this.#seen[sequence & 0xffff] = 0;
  }

  #wrongData(bytes: Uint8Array, at: number): string {
    for (let i = TIMEVAL_BYTES; i < this.#options.dataBytes; i++) {
      const want = this.#packet[HEADER_LENGTH + i]!;
      const got = bytes[at + HEADER_LENGTH + i]!;
      if (want !== got) return `\nwrong data byte #${i} should be 0x${want.toString(16)} but was 0x${got.toString(16)}`;
    }
    return "";
  }

  /** -D */
  #stamp(): string {
    if (!this.#options.timestamps) return "";
    const us = this.#proc.machine.wallClockNs() / 1000n;
    return `[${us / 1_000_000n}.${String(us % 1_000_000n).padStart(6, "0")}] `;
  }

  *#host(address: number): Task<string> {
    if (this.#options.numeric || this.#exiting) return formatIpv4(address);
    let text = this.#names.get(address);
    if (text === undefined) {
      const name = yield* getnameinfo(this.#proc, address);
      text = name === undefined ? formatIpv4(address) : `${name} (${formatIpv4(address)})`;
      // Only the last name is remembered.
      this.#names.clear();
      this.#names.set(address, text);
    }
    return text;
  }

  #statistics(): Statistics {
    const { flood, adaptive } = this.#options;
    return {
      transmitted: this.#transmitted,
      received: this.#received,
      repeats: this.#repeats,
      corrupted: this.#corrupted,
      errors: this.#errors,
      elapsedNs: Math.max(0, this.#probeNs - this.#startNs),
      timing: this.#timing,
      min: this.#min,
      max: this.#max,
      sum: this.#sum,
      sum2: this.#sum2,
      pipe: this.#pipe,
      rate: this.#intervalMs === 0 || flood || adaptive,
      rtt8: this.#rtt8,
    };
  }
}

function inverted(mask: number): number {
  return ~mask >>> 0;
}

function putTimeval(b: Uint8Array, at: number, ns: bigint): void {
  let seconds = ns / BigInt(SEC);
  let us = (ns % BigInt(SEC)) / 1000n;
  for (let i = 0; i < 8; i++) {
    b[at + i] = Number(seconds & 255n);
    b[at + 8 + i] = Number(us & 255n);
    seconds >>= 8n;
    us >>= 8n;
  }
}

function getTimevalUs(b: Uint8Array, at: number): bigint {
  let seconds = 0n;
  let us = 0n;
  for (let i = 7; i >= 0; i--) {
    seconds = (seconds << 8n) | BigInt(b[at + i]!);
    us = (us << 8n) | BigInt(b[at + 8 + i]!);
  }
  return seconds * 1_000_000n + us;
}
