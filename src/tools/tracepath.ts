// tracepath (iputils 20221126): finds the path MTU and the hops with UDP probes that must not be fragmented, and reads what
// went wrong from the socket's error queue.

import { Errno, strerror } from "../base/errno.ts";
import { type Ns, SEC, USEC } from "../base/time.ts";
import { openSocket } from "../host/host.ts";
import { AF_INET, type Message, SOCK_DGRAM } from "../net/core/sock.ts";
import type { Socket } from "../net/socket.ts";
import type { Process, Program } from "../posix/process.ts";
import { sleep, type Task } from "../sim/task.ts";
import { formatIpv4 } from "../wire/addr.ts";
import { getopt } from "./net-util/getopt.ts";
import { GaiError, getaddrinfo, getnameinfo } from "./net-util/resolve.ts";
import { errnoOf, pollEntries, pollIn } from "./net-util/sockets.ts";

const START_NS: Ns = 600 * USEC;
const PROBE_NS: Ns = 20 * USEC;
const DEFAULT_PORT = 44444;
const DEFAULT_HOPS = 30;
const HISTORY = 64;
const OVERHEAD = 28;
const LARGEST = 65535;
const TRIES = 10;
const IP_PMTUDISC_DO = 2;
const SO_EE_ORIGIN_LOCAL = 1;
const HOST_COLUMNS = 52;

const USAGE = `
Usage
  tracepath [options] <destination>

Options:
  -4             use IPv4
  -6             use IPv6
  -b             print both name and ip
  -l <length>    use packet <length>
  -m <hops>      use maximum <hops>
  -n             no dns name resolution
  -p <port>      use destination <port>
  -V             print version and exit
  <destination>  dns name or ip address

For more details see tracepath(8).
`;

export const tracepath: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "46nbh?l:m:p:V");
  const values = new Map(parsed.options.map(({ name, value }) => [name, value ?? ""]));
  if (parsed.error !== undefined) yield* proc.printError(`tracepath: ${parsed.error}\n`);
  if (parsed.error !== undefined || values.has("h") || values.has("?") || parsed.operands.length !== 1) {
    yield* proc.printError(USAGE);
    return 255;
  }
  if (values.has("V")) {
    yield* proc.print("tracepath from iputils 20221126\n");
    return 0;
  }
  yield* sleep(START_NS);
  const host = parsed.operands[0]!;
  if (values.has("6")) {
    yield* proc.printError(`tracepath: ${host}: Address family for hostname not supported\n`);
    return 1;
  }
  let target: number;
  try {
    target = (yield* getaddrinfo(proc, host)).addresses[0]!;
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    yield* proc.printError(`tracepath: ${host}: ${error.message}\n`);
    return 1;
  }
  const length = Number(values.get("l") ?? LARGEST);
  return yield* new PathTracer(proc, {
    target,
    mtu: Math.min(LARGEST, length),
    hops: Number(values.get("m") ?? DEFAULT_HOPS),
    port: Number(values.get("p") ?? DEFAULT_PORT),
    numeric: values.has("n"),
    both: values.has("b"),
  }).run();
};

interface PathOptions {
  readonly target: number;
  readonly mtu: number;
  readonly hops: number;
  readonly port: number;
  readonly numeric: boolean;
  readonly both: boolean;
}

class PathTracer {
  readonly #proc: Process;
  readonly #options: PathOptions;
  readonly #socket: Socket;
  #mtu: number;
  #index = 0;
  /** of the last probes, by port offset: hops and when sent */
  readonly #sent: { hops: number; ns: Ns }[] = Array.from({ length: HISTORY }, () => ({ hops: 0, ns: 0 }));
  #hopsTo = -1;
  #hopsFrom = -1;

  constructor(proc: Process, options: PathOptions) {
    this.#proc = proc;
    this.#options = options;
    this.#mtu = options.mtu;
    this.#socket = openSocket(proc, AF_INET, SOCK_DGRAM);
  }

  *run(): Task<number> {
    this.#socket.setOption("IP_MTU_DISCOVER", IP_PMTUDISC_DO);
    this.#socket.setOption("IP_RECVERR", 1);
    this.#socket.setOption("IP_RECVTTL", 1);
    let reached = false;
    for (let ttl = 1; ttl <= this.#options.hops && !reached; ttl++) {
      this.#socket.setOption("IP_TTL", ttl);
      let result = -1;
      for (let i = 0; i < 3; i++) {
        const before = this.#mtu;
        result = yield* this.#probe(ttl);
        if (this.#mtu !== before) i = -1;
        else if (result >= 0) break;
      }
      if (result < 0) yield* this.#proc.print(`${String(ttl).padStart(2)}:  no reply\n`);
      reached = result === 0;
    }
    if (!reached) yield* this.#proc.print(`     Too many hops: pmtu ${this.#mtu}\n`);
    let text = `     Resume: pmtu ${this.#mtu} `;
    if (this.#hopsTo >= 0) text += `hops ${this.#hopsTo} `;
    if (this.#hopsFrom >= 0) text += `back ${this.#hopsFrom} `;
    yield* this.#proc.print(`${text}\n`);
    return 0;
  }

  /** 0: done; positive: go on to the next hop; negative: nothing came. */
  *#probe(ttl: number): Task<number> {
    let sent = false;
    for (let i = 0; i < TRIES && !sent; i++) {
      yield* sleep(PROBE_NS);
      const data = new Uint8Array(Math.max(0, this.#mtu - OVERHEAD));
      if (data.length > 0) data[0] = ttl;
      this.#sent[this.#index] = { hops: ttl, ns: this.#proc.sim.now };
      try {
        yield* this.#socket.sendTo(data, { addr: this.#options.target, port: this.#options.port + this.#index });
        sent = true;
      } catch (error) {
        errnoOf(error);
        const result = yield* this.#errors(ttl);
        this.#sent[this.#index]!.hops = 0;
        if (result === 0) return 0;
        if (result > 0) i = -1;
      }
    }
    this.#index = (this.#index + 1) % HISTORY;
    if (!sent) {
      yield* this.#proc.print(`${String(ttl).padStart(2)}:  send failed\n`);
      return 0;
    }
    yield* pollEntries(this.#proc, [pollIn(this.#socket)], SEC);
    try {
      yield* this.#socket.recv(this.#mtu, { dontWait: true });
      yield* this.#proc.print(`${String(ttl).padStart(2)}?: reply received 8)\n`);
      return 0;
    } catch (error) {
      errnoOf(error);
    }
    return yield* this.#errors(ttl);
  }

  /** Reads the error queue to its end. */
  *#errors(ttl: number): Task<number> {
    let progress = -1;
    for (;;) {
      let message: Message;
      try {
        message = yield* this.#socket.recv(24, { errQueue: true, dontWait: true });
      } catch (error) {
        errnoOf(error);
        return progress;
      }
      progress = this.#mtu;
      if (yield* this.#error(ttl, message)) return 0;
    }
  }

  /** Prints one error; true when it ends the path. */
  *#error(ttl: number, message: Message): Task<boolean> {
    const { error } = message;
    if (!error) return false;
    const slot = message.from.port - this.#options.port;
    const history = slot >= 0 && slot < HISTORY ? this.#sent[slot]! : undefined;
    const local = error.origin === SO_EE_ORIGIN_LOCAL;
    const hops = local ? 0 : (history?.hops ?? 0);
    if (history && !local) history.hops = 0;
    let back = -1;
    if (message.ttl !== undefined && !local) back = backHops(message.ttl);
    let text = `${String(hops > 0 ? hops : ttl).padStart(2)}${hops > 0 ? ":  " : "?: "}`;
    if (local) text += `${"[LOCALHOST]".padEnd(32)} `;
    else {
      text += (yield* this.#hostText(error.offender)).padEnd(HOST_COLUMNS);
      if (history && hops > 0) {
        const us = Math.floor(((message.tstampNs ?? this.#proc.sim.now) - history.ns) / USEC);
        text += ` ${String(Math.floor(us / 1000)).padStart(3)}.${String(us % 1000).padStart(3, "0")}ms `;
      }
    }
    const [words, ends] = this.#words(error, hops > 0 ? hops : ttl, back);
    yield* this.#proc.print(`${text}${words}\n`);
    return ends;
  }

  #words(error: NonNullable<Message["error"]>, hops: number, back: number): readonly [string, boolean] {
    switch (error.errno) {
      case Errno.ETIMEDOUT:
        return ["", false];
      case Errno.EMSGSIZE:
        this.#mtu = error.info;
        return [`pmtu ${error.info}`, false];
      case Errno.ECONNREFUSED:
        this.#hopsTo = hops;
        this.#hopsFrom = back;
        return [back >= 0 && back !== hops ? `asymm ${String(back).padStart(2)} reached` : "reached", true];
      case Errno.EPROTO:
        return ["!P", true];
      case Errno.EHOSTUNREACH:
        if (error.origin === SO_EE_ORIGIN_LOCAL || error.type !== 11) return ["!H", true];
        return [back >= 0 && back !== hops ? `asymm ${String(back).padStart(2)} ` : "", false];
      case Errno.ENETUNREACH:
        return ["!N", true];
      case Errno.EACCES:
        return ["!A", true];
      default:
        return [`NET ERROR ${error.errno} ${strerror(error.errno)}`, true];
    }
  }

  *#hostText(address: number): Task<string> {
    const text = formatIpv4(address);
    if (this.#options.numeric) return text;
    const name = yield* getnameinfo(this.#proc, address);
    if (this.#options.both) return `${name ?? "???"} (${text})`;
    return name ?? "???";
  }
}

/** How far away an answer began, guessed from the usual first TTLs. */
function backHops(ttl: number): number {
  if (ttl <= 64) return 65 - ttl;
  return ttl <= 128 ? 129 - ttl : 256 - ttl;
}
