// traceroute as Debian has it (2.1): sixteen probes under way at once, UDP to rising ports by default, ICMP echo with -I, UDP
// to one port with -U; each waits as long as its neighbours' answers suggest. Not there: TCP, DCCP and raw methods, source
// routes, path MTU discovery, AS look-ups, IPv6; they are refused by name.

import { Errno, strerror } from "../base/errno.ts";
import { type Ns, SEC, USEC } from "../base/time.ts";
import { netnsOf, openSocket } from "../host/host.ts";
import { AF_INET, type Message, SOCK_DGRAM, SOCK_RAW } from "../net/core/sock.ts";
import type { Socket } from "../net/socket.ts";
import type { Process, Program } from "../posix/process.ts";
import { sleep, type Task } from "../sim/task.ts";
import { formatIpv4, parseInetAton } from "../wire/addr.ts";
import {
  getIdentifier,
  getSequence,
  getType,
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_TIME_EXCEEDED,
  setIdentifier,
  setSequence,
  setType,
  updateChecksum,
} from "../wire/icmp.ts";
import { getHeaderLength } from "../wire/ipv4.ts";
import { GaiError, getaddrinfo, getnameinfo } from "./net-util/resolve.ts";
import { closeFile, errnoOf, pollEntries, pollIn } from "./net-util/sockets.ts";
import { USAGE } from "./traceroute-usage.ts";

/** Up to the heading. */
const START_NS: Ns = 600 * USEC;
/** Making a socket and sending a probe. */
const PROBE_NS: Ns = 12 * USEC;
const IPPROTO_ICMP = 1;
const SO_EE_ORIGIN_LOCAL = 1;
const HEADER_BYTES = 28;
const DEFAULT_PACKET_BYTES = 60;
const DEFAULT_UDP_PORT = 33434;
const CONSTANT_UDP_PORT = 53;
const MAX_HOPS = 255;
const MAX_PROBES_PER_HOP = 10;
const MAX_PACKET_BYTES = 65000;
/** Waits are this much longer than a neighbour's round trip times its factor. */
const WAIT_PRECISION_NS: Ns = 1_000_000;

interface TracerouteOptions {
  target: string;
  packetBytes: number;
  firstHop: number;
  maxHops: number;
  queries: number;
  simultaneous: number;
  waitNs: Ns;
  hereFactor: number;
  nearFactor: number;
  sendWaitNs: Ns;
  method: "udp" | "udpconst" | "icmp";
  port: number | undefined;
  sourcePort: number;
  source: number;
  device: string | undefined;
  tos: number | undefined;
  mark: number | undefined;
  numeric: boolean;
  dontFragment: boolean;
  dontRoute: boolean;
}

interface Probe {
  readonly hop: number;
  readonly number: number;
  socket: Socket | undefined;
  /** UDP's port or ICMP's sequence number */
  sequence: number;
  sendNs: Ns;
  receiveNs: Ns;
  done: boolean;
  final: boolean;
  address: number | undefined;
  /** " !H" and the like */
  error: string;
}

/** A mistake: a line on stderr and status 2. */
class UsageError extends Error {}
/** A system call that failed: status 1. */
class FatalError extends Error {}

export const traceroute: Program = function* (proc: Process): Task<number> {
  const args = proc.argv.slice(1);
  if (args.length === 0 || args.includes("--help")) {
    yield* proc.print(USAGE);
    return 0;
  }
  try {
    const options = parseOptions(args);
    yield* sleep(START_NS);
    const target = yield* resolveTarget(proc, options.target);
    return yield* new Trace(proc, options, target).run();
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof FatalError)) throw error;
    yield* proc.printError(`${error.message}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
};

function* resolveTarget(proc: Process, name: string): Task<number> {
  try {
    return (yield* getaddrinfo(proc, name)).addresses[0]!;
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    throw new UsageError(
      `${name}: ${error.message}\nCannot handle "host" cmdline arg \`${name}' on position 1 (argc ${proc.argv.length - 1})`,
    );
  }
}

const LONG_NAMES: ReadonlyMap<string, string> = new Map([
  ["first", "f"],
  ["icmp", "I"],
  ["interface", "i"],
  ["max-hops", "m"],
  ["sim-queries", "N"],
  ["port", "p"],
  ["tos", "t"],
  ["wait", "w"],
  ["queries", "q"],
  ["source", "s"],
  ["sendwait", "z"],
  ["udp", "U"],
  ["dont-fragment", "F"],
  ["sport", "sport"],
  ["fwmark", "fwmark"],
]);
const WITH_VALUE = "fimNptwqsz";
const WITHOUT_VALUE = "4dFInrU";

function parseOptions(args: readonly string[]): TracerouteOptions {
  const options: TracerouteOptions = {
    target: "",
    packetBytes: DEFAULT_PACKET_BYTES,
    firstHop: 1,
    maxHops: 30,
    queries: 3,
    simultaneous: 16,
    waitNs: 5 * SEC,
    hereFactor: 3,
    nearFactor: 10,
    sendWaitNs: 0,
    method: "udp",
    port: undefined,
    sourcePort: 0,
    source: 0,
    device: undefined,
    tos: undefined,
    mark: undefined,
    numeric: false,
    dontFragment: false,
    dontRoute: false,
  };
  const operands: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const bad = (): UsageError => new UsageError(`Bad option \`${arg}' (argc ${i + 1})`);
    if (arg.startsWith("--")) {
      const [long = "", value = ""] = arg.slice(2).split("=");
      const name = LONG_NAMES.get(long);
      if (name === undefined) throw bad();
      apply(options, name, value, arg);
      continue;
    }
    if (!arg.startsWith("-") || arg === "-") {
      operands.push(arg);
      continue;
    }
    for (let k = 1; k < arg.length; k++) {
      const letter = arg[k]!;
      if (WITHOUT_VALUE.includes(letter)) {
        apply(options, letter, "", arg);
        continue;
      }
      if (!WITH_VALUE.includes(letter)) throw bad();
      const value = arg.slice(k + 1) || args[++i];
      if (value === undefined) throw new UsageError(`Option \`-${letter}' (argc ${i}) requires an argument`);
      apply(options, letter, value, arg);
      break;
    }
  }
  if (operands.length === 0) throw new UsageError('Specify "host" missing argument.');
  if (operands.length > 2) throw new UsageError(`Extra arg \`${operands[2]}'`);
  options.target = operands[0]!;
  if (operands[1] !== undefined) {
    const bytes = Number(operands[1]);
    if (!/^\d+$/.test(operands[1])) throw new UsageError(`Cannot handle "packetlen" cmdline arg \`${operands[1]}'`);
    if (bytes > MAX_PACKET_BYTES) throw new UsageError(`too big packetlen ${bytes} specified`);
    options.packetBytes = Math.max(bytes, HEADER_BYTES);
  }
  if (options.firstHop < 1 || options.firstHop > options.maxHops) throw new UsageError("first hop out of range");
  return options;
}

function apply(o: TracerouteOptions, name: string, value: string, given: string): void {
  const number = (): number => {
    if (!/^(0x[0-9a-fA-F]+|\d+)$/.test(value))
      throw new UsageError(`Cannot handle \`${given}' option with arg \`${value}'`);
    return Number(value);
  };
  switch (name) {
    case "F":
      o.dontFragment = true;
      return;
    case "I":
      o.method = "icmp";
      return;
    case "U":
      o.method = "udpconst";
      return;
    case "n":
      o.numeric = true;
      return;
    case "r":
      o.dontRoute = true;
      return;
    case "f":
      o.firstHop = number();
      return;
    case "i":
      o.device = value;
      return;
    case "m":
      o.maxHops = number();
      if (o.maxHops > MAX_HOPS) throw new UsageError(`max hops cannot be more than ${MAX_HOPS}`);
      return;
    case "N":
      o.simultaneous = Math.max(1, number());
      return;
    case "p":
      o.port = number();
      return;
    case "q":
      o.queries = number();
      if (o.queries < 1 || o.queries > MAX_PROBES_PER_HOP)
        throw new UsageError(`no more than ${MAX_PROBES_PER_HOP} probes per hop`);
      return;
    case "s": {
      const address = parseInetAton(value);
      if (address === undefined) throw new UsageError(`${value}: Name or service not known`);
      o.source = address;
      return;
    }
    case "sport":
      o.sourcePort = number();
      o.simultaneous = 1;
      return;
    case "t":
      o.tos = number();
      return;
    case "fwmark":
      o.mark = number();
      return;
    case "w":
      setWaits(o, value);
      return;
    case "z": {
      const seconds = Number(value);
      if (Number.isNaN(seconds)) throw new UsageError(`bad sendtime \`${value}' specified`);
      o.sendWaitNs = Math.round(seconds > 10 ? seconds * 1e6 : seconds * SEC);
      return;
    }
    default:
      return;
  }
}

/** -w MAX,HERE,NEAR; one number alone switches the factors off. */
function setWaits(o: TracerouteOptions, value: string): void {
  const parts = value.split(",");
  const numbers = parts.map((part) => (part === "" ? Number.NaN : Number(part)));
  if (numbers.length > 3 || numbers.some((n, i) => parts[i] !== "" && !(n >= 0)))
    throw new UsageError(`bad wait specifications \`${value}' used`);
  if (!Number.isNaN(numbers[0]!)) o.waitNs = Math.round(numbers[0]! * SEC);
  o.hereFactor = numbers.length > 1 ? (Number.isNaN(numbers[1]!) ? 3 : numbers[1]!) : 0;
  o.nearFactor = numbers.length > 2 ? (Number.isNaN(numbers[2]!) ? 10 : numbers[2]!) : 0;
}

class Trace {
  readonly #proc: Process;
  readonly #options: TracerouteOptions;
  readonly #target: number;
  readonly #probes: Probe[] = [];
  #icmp: { socket: Socket; raw: boolean } | undefined;
  #port: number;

  constructor(proc: Process, options: TracerouteOptions, target: number) {
    this.#proc = proc;
    this.#options = options;
    this.#target = target;
    const fallback = options.method === "udp" ? DEFAULT_UDP_PORT : options.method === "icmp" ? 1 : CONSTANT_UDP_PORT;
    this.#port = options.port ?? fallback;
    for (let hop = 1; hop <= options.maxHops; hop++)
      for (let number = 0; number < options.queries; number++)
        this.#probes.push({
          hop,
          number,
          socket: undefined,
          sequence: 0,
          sendNs: -1,
          receiveNs: -1,
          done: false,
          final: false,
          address: undefined,
          error: "",
        });
  }

  *run(): Task<number> {
    const proc = this.#proc;
    const { target, maxHops, packetBytes, firstHop, queries, simultaneous, sendWaitNs } = this.#options;
    if (this.#options.method === "icmp") this.#openIcmp();
    yield* proc.print(
      `traceroute to ${target} (${formatIpv4(this.#target)}), ${maxHops} hops max, ${packetBytes} byte packets`,
    );
    let start = (firstHop - 1) * queries;
    let end = this.#probes.length;
    let lastSendNs = Number.NEGATIVE_INFINITY;
    while (start < end) {
      let nextNs = -1;
      let underWay = 0;
      const { now } = proc.sim;
      for (let n = start; n < end; n++) {
        const probe = this.#probes[n]!;
        if (n === start && !probe.done && probe.sendNs >= 0) {
          const expires = probe.sendNs + this.#waitFor(n);
          if (expires > now) nextNs = expires;
          else this.#finish(probe);
        }
        if (probe.done) {
          if (n === start) {
            yield* this.#print(probe, n);
            start++;
          }
          if (probe.final) end = (Math.floor(n / queries) + 1) * queries;
          continue;
        }
        if (probe.sendNs < 0) {
          if (sendWaitNs > 0 && now - lastSendNs < sendWaitNs) {
            nextNs = lastSendNs + sendWaitNs;
            break;
          }
          yield* this.#send(probe);
          lastSendNs = probe.sendNs;
        }
        if (++underWay >= simultaneous) break;
      }
      if (nextNs >= 0) yield* this.#poll(Math.max(0, nextNs - proc.sim.now));
    }
    yield* proc.print("\n");
    return 0;
  }

  /** How long this probe may still be waited for. */
  #waitFor(index: number): Ns {
    const { waitNs, hereFactor, nearFactor, queries } = this.#options;
    const scaled = (probe: Probe, factor: number): Ns =>
      Math.min(waitNs, (probe.receiveNs - probe.sendNs + WAIT_PRECISION_NS) * factor);
    const answered = (probe: Probe): boolean => probe.done && probe.receiveNs > probe.sendNs;
    if (hereFactor > 0) {
      const first = index - (index % queries);
      const here = this.#probes.slice(first, first + queries).find(answered);
      if (here) return scaled(here, hereFactor);
    }
    if (nearFactor > 0) {
      for (let i = index + 1; i < this.#probes.length && this.#probes[i]!.sendNs >= 0; i++)
        if (answered(this.#probes[i]!)) return scaled(this.#probes[i]!, nearFactor);
    }
    return waitNs;
  }

  #finish(probe: Probe): void {
    probe.done = true;
    if (probe.socket && this.#icmp === undefined) closeFile(this.#proc, probe.socket);
    probe.socket = undefined;
  }

  #openIcmp(): void {
    let socket: Socket;
    let raw = false;
    try {
      socket = openSocket(this.#proc, AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
    } catch (error) {
      if (errnoOf(error) !== Errno.EACCES) throw error;
      socket = openSocket(this.#proc, AF_INET, SOCK_RAW, IPPROTO_ICMP);
      raw = true;
    }
    this.#icmp = { socket, raw };
    this.#tune(socket);
  }

  /** Address, device, fragmentation, mark. */
  #tune(socket: Socket): void {
    const { device, source, sourcePort, dontFragment, tos, mark, dontRoute } = this.#options;
    if (device !== undefined) {
      const found = netnsOf(this.#proc).net.deviceByName(device);
      if (!found) throw new FatalError("setsockopt SO_BINDTODEVICE: No such device");
      socket.setOption("SO_BINDTODEVICE", found.ifindex);
    }
    try {
      socket.bind({ addr: source, port: sourcePort });
    } catch (error) {
      throw new FatalError(`bind: ${strerror(errnoOf(error))}`);
    }
    socket.setOption("IP_MTU_DISCOVER", dontFragment ? 2 : 0);
    if (tos !== undefined) socket.setOption("IP_TOS", tos);
    if (mark !== undefined) socket.setOption("SO_MARK", mark);
    if (dontRoute) socket.setOption("SO_DONTROUTE", 1);
    socket.setOption("IP_RECVTTL", 1);
  }

  *#send(probe: Probe): Task<void> {
    yield* sleep(PROBE_NS);
    const data = new Uint8Array(this.#options.packetBytes - HEADER_BYTES);
    for (let i = 0; i < data.length; i++) data[i] = 0x40 + (i & 0x3f);
    probe.sequence = this.#port;
    if (this.#icmp) yield* this.#sendIcmp(probe, this.#icmp, data.length);
    else yield* this.#sendUdp(probe, data);
    if (this.#options.method !== "udpconst") this.#port = (this.#port + 1) & 0xffff;
  }

  *#sendUdp(probe: Probe, data: Uint8Array): Task<void> {
    const socket = openSocket(this.#proc, AF_INET, SOCK_DGRAM);
    probe.socket = socket;
    this.#tune(socket);
    socket.setOption("IP_TTL", probe.hop);
    try {
      yield* socket.connect({ addr: this.#target, port: probe.sequence });
    } catch (error) {
      throw new FatalError(`connect: ${strerror(errnoOf(error))}`);
    }
    socket.setOption("IP_RECVERR", 1);
    probe.sendNs = this.#proc.sim.now;
    yield* this.#sendOn(socket, data);
  }

  *#sendIcmp(probe: Probe, { socket, raw }: { socket: Socket; raw: boolean }, length: number): Task<void> {
    const packet = new Uint8Array(length + 8);
    for (let i = 0; i < packet.length; i++) packet[i] = 0x40 + (i & 0x3f);
    packet.fill(0, 0, 8);
    setType(packet, 0, ICMP_ECHO);
    setIdentifier(packet, 0, this.#proc.pid & 0xffff);
    setSequence(packet, 0, probe.sequence);
    if (raw) updateChecksum(packet, 0, packet.length);
    if (probe.hop === this.#options.firstHop && probe.number === 0) {
      try {
        yield* socket.connect({ addr: this.#target, port: 0 });
      } catch (error) {
        throw new FatalError(`connect: ${strerror(errnoOf(error))}`);
      }
      socket.setOption("IP_RECVERR", 1);
    }
    socket.setOption("IP_TTL", probe.hop);
    probe.socket = socket;
    probe.sendNs = this.#proc.sim.now;
    yield* this.#sendOn(socket, packet);
  }

  *#sendOn(socket: Socket, bytes: Uint8Array): Task<void> {
    try {
      yield* socket.send(bytes);
    } catch (error) {
      const errno = errnoOf(error);
      // An error of this host waits in the error queue; one about an earlier probe does not concern this one.
      const kept = [Errno.EMSGSIZE, Errno.EHOSTUNREACH, Errno.ENETUNREACH, Errno.EACCES, Errno.ECONNREFUSED];
      if (!kept.includes(errno)) throw new FatalError(`send: ${strerror(errno)}`);
      if (errno !== Errno.EMSGSIZE && this.#icmp) yield* socket.send(bytes);
    }
  }

  *#poll(timeoutNs: Ns): Task<void> {
    const open = this.#icmp
      ? [this.#icmp.socket]
      : this.#probes.filter((probe) => probe.socket && !probe.done).map((probe) => probe.socket!);
    const ready = yield* pollEntries(this.#proc, open.map(pollIn), timeoutNs);
    for (const i of ready) yield* this.#drain(open[i]!);
  }

  *#drain(socket: Socket): Task<void> {
    for (;;) {
      const message = (yield* tryRecv(socket, true)) ?? (yield* tryRecv(socket, false));
      if (!message) return;
      const probe = this.#probeOf(socket, message);
      if (probe && !probe.done) this.#answered(probe, message);
      if (!this.#icmp) return;
    }
  }

  #probeOf(socket: Socket, message: Message): Probe | undefined {
    if (!this.#icmp) return this.#probes.find((probe) => probe.socket === socket);
    const { bytes, error } = message;
    const at = error || !this.#icmp.raw ? 0 : getHeaderLength(bytes, 0);
    if (bytes.length < at + 8 || getType(bytes, at) !== (error ? ICMP_ECHO : ICMP_ECHOREPLY)) return undefined;
    if (this.#icmp.raw && getIdentifier(bytes, at) !== (this.#proc.pid & 0xffff)) return undefined;
    const sequence = getSequence(bytes, at);
    return this.#probes.find((probe) => probe.sendNs >= 0 && probe.sequence === sequence);
  }

  #answered(probe: Probe, message: Message): void {
    const { error } = message;
    probe.receiveNs = message.tstampNs ?? this.#proc.sim.now;
    if (!error) {
      probe.address = message.from.addr;
      probe.final = true;
    } else if (error.origin === SO_EE_ORIGIN_LOCAL) {
      probe.final = true;
      probe.error = localError(error.errno, error.info);
    } else {
      probe.address = error.offender;
      probe.final = error.type !== ICMP_TIME_EXCEEDED;
      probe.error = icmpError(error.type, error.code, error.info);
    }
    this.#finish(probe);
  }

  *#print(probe: Probe, index: number): Task<void> {
    let text = probe.number === 0 ? `\n${String(probe.hop).padStart(2)} ` : "";
    if (probe.address === undefined) text += " *";
    else {
      // The name is printed again only when it differs from the last answer's of this hop.
      let before: number | undefined;
      for (let i = index - 1; i >= index - probe.number; i--) {
        before = this.#probes[i]!.address;
        if (before !== undefined) break;
      }
      if (before !== probe.address) text += yield* this.#hostText(probe.address);
    }
    if (probe.receiveNs >= 0) text += `  ${((probe.receiveNs - probe.sendNs) / 1e6).toFixed(3)} ms`;
    yield* this.#proc.print(text + probe.error);
  }

  *#hostText(address: number): Task<string> {
    const text = formatIpv4(address);
    if (this.#options.numeric) return ` ${text}`;
    return ` ${(yield* getnameinfo(this.#proc, address)) ?? text} (${text})`;
  }
}

function* tryRecv(socket: Socket, errQueue: boolean): Task<Message | undefined> {
  try {
    return yield* socket.recv(1280, { errQueue, dontWait: true });
  } catch (error) {
    errnoOf(error);
    return undefined;
  }
}

function localError(errno: number, info: number): string {
  if (errno === Errno.EMSGSIZE) return ` !F-${info}`;
  if (errno === Errno.ENETUNREACH) return " !N";
  if (errno === Errno.EHOSTUNREACH) return " !H";
  return errno === Errno.EACCES ? " !X" : ` ${strerror(errno)}`;
}

const UNREACHABLE_MARKS: readonly string[] = [
  " !N",
  " !H",
  " !P",
  "",
  "",
  " !S",
  " !N",
  " !H",
  " !N",
  " !X",
  " !X",
  " !N",
  " !H",
  " !X",
  " !V",
  " !C",
];
const FRAG_NEEDED = 4;

function icmpError(type: number, code: number, info: number): string {
  if (type === ICMP_TIME_EXCEEDED) return "";
  if (type !== ICMP_DEST_UNREACH) return ` !<${type}-${code}>`;
  if (code === FRAG_NEEDED) return ` !F-${info}`;
  return UNREACHABLE_MARKS[code] ?? ` !<${code}>`;
}
