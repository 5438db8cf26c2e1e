// arping of iputils 20221126 (Debian 12's): ARP requests, announcements (-U) or answers (-A) from a packet socket, once an
// interval, and what comes back; -D is RFC 5227's probe. Busybox's arping, with other words and another clock, is in
// busybox-arping.ts.

import { Errno, NetError, strerror } from "../base/errno.ts";
import { type Ns, SEC, USEC } from "../base/time.ts";
import { netnsOf, openSocket } from "../host/host.ts";
import { IFF_LOOPBACK, IFF_NOARP, type NetDevice } from "../net/core/net-device.ts";
import { AF_INET, AF_PACKET, SOCK_DGRAM } from "../net/core/sock.ts";
import { FlowKey, ipRouteOutputKey } from "../net/ipv4/route.ts";
import { type Process, type Program, SIGINT, SIGQUIT, SIGTERM } from "../posix/process.ts";
import { sleep, type Task, WaitQueue, waitAny } from "../sim/task.ts";
import { formatIpv4, formatMac, parseInetAton } from "../wire/addr.ts";
import { OP_REPLY, OP_REQUEST } from "../wire/arp.ts";
import { ETH_P_ARP } from "../wire/ethernet.ts";
import { type ArpAnswer, ArpExchange } from "./arp-exchange.ts";
import { getopt } from "./net-util/getopt.ts";
import { GaiError, getaddrinfo } from "./net-util/resolve.ts";
import { closeFile, errnoOf } from "./net-util/sockets.ts";
import { Stdout } from "./net-util/stdio.ts";

/** The port of the probe that asks the kernel for a source address; nothing is sent there. */
const PROBE_PORT = 1025;
const INT_MAX = 2147483647;
/** Up to the first packet. */
const START_NS: Ns = 1_500 * USEC;
/** close(2) of a packet socket waits until no CPU can be using it. */
export const CLOSE_NS: Ns = 8_000 * USEC;
/** Reading and printing an answer. */
const PRINT_NS: Ns = 40 * USEC;

const USAGE = `
Usage:
  arping [options] <destination>

Options:
  -f            quit on first reply
  -q            be quiet
  -b            keep on broadcasting, do not unicast
  -D            duplicate address detection mode
  -U            unsolicited ARP mode, update your neighbours
  -A            ARP answer mode, update your neighbours
  -V            print version and exit
  -c <count>    how many packets to send
  -w <timeout>  how long to wait for a reply
  -i <interval> set interval between packets (default: 1 second)
  -I <device>   which ethernet device to use
  -s <source>   source ip address
  <destination> dns name or ip address

For more details see arping(8).
`;
const VERSION = `arping from iputils 20221126
libcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, __fpending(): yes
`;

interface Options {
  target: string;
  quitOnReply: boolean;
  quiet: boolean;
  keepBroadcasting: boolean;
  duplicateDetection: boolean;
  unsolicited: boolean;
  answers: boolean;
  /** −1: without end */
  count: number;
  /** seconds; 0: none */
  timeout: number;
  interval: number;
  device: string | undefined;
  source: string | undefined;
}

/** Ends the program: what goes to stdout or stderr, and the status. */
class Ending extends Error {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;

  constructor(status: number, stderr: string, stdout = "") {
    super(stderr);
    this.status = status;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

/** error(3) */
function refuse(status: number, sentence: string): Ending {
  return new Ending(status, `arping: ${sentence}\n`);
}

export const arping: Program = function* (proc: Process): Task<number> {
  try {
    const options = parseOptions(proc.argv.slice(1));
    yield* sleep(START_NS);
    return yield* run(proc, options);
  } catch (ending) {
    if (!(ending instanceof Ending)) throw ending;
    yield* proc.printError(ending.stderr);
    yield* proc.print(ending.stdout);
    return ending.status;
  }
};

function parseOptions(args: readonly string[]): Options {
  const parsed = getopt(args, "h?bfDUAqc:w:i:s:I:V");
  const o: Options = {
    target: "",
    quitOnReply: false,
    quiet: false,
    keepBroadcasting: false,
    duplicateDetection: false,
    unsolicited: false,
    answers: false,
    count: -1,
    timeout: 0,
    interval: 1,
    device: undefined,
    source: undefined,
  };
  for (const { name, value } of parsed.options) apply(o, name, value ?? "");
  if (parsed.error !== undefined) throw new Ending(2, `arping: ${parsed.error}\n${USAGE}`);
  if (parsed.operands.length !== 1) throw new Ending(2, USAGE);
  o.target = parsed.operands[0]!;
  if (o.device === "") o.device = undefined;
  return o;
}

function apply(o: Options, name: string, value: string): void {
  switch (name) {
    case "b":
      o.keepBroadcasting = true;
      return;
    case "D":
      o.duplicateDetection = true;
      o.quitOnReply = true;
      return;
    case "U":
      o.unsolicited = true;
      return;
    case "A":
      o.answers = true;
      o.unsolicited = true;
      return;
    case "q":
      o.quiet = true;
      return;
    case "c":
      o.count = integer(value, 1);
      return;
    case "w":
      o.timeout = integer(value, 0);
      return;
    case "i":
      o.interval = integer(value, 0);
      return;
    case "I":
      o.device = value;
      return;
    case "f":
      o.quitOnReply = true;
      return;
    case "s":
      o.source = value;
      return;
    case "V":
      throw new Ending(0, "", VERSION);
    default:
      throw new Ending(2, USAGE);
  }
}

/** strtol_or_err of iputils */
function integer(text: string, least: number): number {
  const match = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)$/.exec(text);
  if (!match) throw refuse(1, `invalid argument: '${text}'`);
  const digits = match[2]!;
  const size = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  const value = match[1] === "-" ? -size : size;
  if (value < least || value > INT_MAX)
    throw refuse(1, `invalid argument: '${text}': out of range: ${least} <= value <= ${INT_MAX}`);
  return value;
}

function* run(proc: Process, options: Options): Task<number> {
  const { duplicateDetection, quiet } = options;
  const socket = openSocket(proc, AF_PACKET, SOCK_DGRAM);
  let target: number | undefined = parseInetAton(options.target);
  if (options.device === undefined) {
    target ??= yield* resolve(proc, options.target);
    options.device = deviceOfRoute(proc, target);
  }
  const device = checkDevice(proc, options);
  target ??= yield* resolve(proc, options.target);
  let source = 0;
  if (options.source !== undefined) {
    const given = parseInetAton(options.source);
    if (given === undefined) throw refuse(2, `invalid source ${options.source}`);
    source = given;
  } else if (!duplicateDetection && options.unsolicited) source = target;
  if (!duplicateDetection || options.source !== undefined)
    source = yield* askSource(proc, device, target, source, duplicateDetection);
  socket.bind({ addr: device.ifindex, port: ETH_P_ARP });
  const out = new Stdout(proc);
  if (!quiet) yield* out.print(`ARPING ${formatIpv4(target)} from ${formatIpv4(source)} ${device.name}\n`);
  if (options.source === undefined && source === 0 && !duplicateDetection) {
    yield* out.flush();
    throw refuse(2, "no source address in not-DAD mode");
  }
  const exchange = new ArpExchange(socket, device, target, source, options.answers ? OP_REPLY : OP_REQUEST);
  exchange.duplicateDetection = duplicateDetection;
  return yield* new EventLoop(proc, options, exchange, out).run();
}

/** RTM_GETROUTE's outgoing interface. iputils 20221126 stumbles over an answer that is an error. */
function deviceOfRoute(proc: Process, target: number): string {
  const flow = new FlowKey();
  flow.daddr = target;
  const route = ipRouteOutputKey(netnsOf(proc).ipv4, flow);
  if (route.error !== 0 || !route.dev) throw refuse(1, "NETLINK_ROUTE unexpected iov element");
  return route.dev.name;
}

function checkDevice(proc: Process, options: Options): NetDevice {
  const device = netnsOf(proc).net.deviceByName(options.device!);
  if (!device) throw refuse(2, `Device ${options.device} not available.`);
  const said = (words: string): Ending =>
    new Ending(2, "", options.quiet ? "" : `Interface "${device.name}" ${words}\n`);
  if (!device.up) throw said("is down");
  if (device.flags & (IFF_NOARP | IFF_LOOPBACK)) throw said("is not ARPable");
  return device;
}

function* resolve(proc: Process, name: string): Task<number> {
  try {
    return (yield* getaddrinfo(proc, name, { ipv4Only: true })).addresses[0]!;
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    throw refuse(2, `${name}: ${error.message}`);
  }
}

/** Asks the kernel by a UDP socket: may this source be used, or which one would it take? */
function* askSource(
  proc: Process,
  device: NetDevice,
  target: number,
  source: number,
  duplicateDetection: boolean,
): Task<number> {
  const probe = openSocket(proc, AF_INET, SOCK_DGRAM);
  let step = "bind";
  try {
    probe.setOption("SO_BINDTODEVICE", device.ifindex);
    if (source !== 0) {
      probe.bind({ addr: source, port: 0 });
      return source;
    }
    if (duplicateDetection) return 0;
    step = "connect";
    probe.setOption("SO_DONTROUTE", 1);
    yield* probe.connect({ addr: target, port: PROBE_PORT });
    return probe.localAddress.addr;
  } catch (error) {
    throw refuse(2, `${step}: ${strerror(errnoOf(error))}`);
  } finally {
    if (!proc.exitStatus) closeFile(proc, probe);
  }
}

/** poll over a signal, two timers and the socket, in this order. */
class EventLoop {
  readonly #proc: Process;
  readonly #options: Options;
  readonly #exchange: ArpExchange;
  readonly #out: Stdout;
  #sent = 0;
  #broadcasts = 0;
  #received = 0;
  #receivedBroadcasts = 0;
  #receivedRequests = 0;
  /** a failure of the socket */
  #status = 0;
  #stopped = false;
  readonly #signalled: WaitQueue = new WaitQueue();

  constructor(proc: Process, options: Options, exchange: ArpExchange, out: Stdout) {
    this.#proc = proc;
    this.#options = options;
    this.#exchange = exchange;
    this.#out = out;
  }

  *run(): Task<number> {
    const { sim } = this.#proc;
    const { interval, timeout, count } = this.#options;
    const { socket } = this.#exchange;
    for (const signal of [SIGINT, SIGQUIT, SIGTERM])
      this.#proc.onSignal(signal, () => {
        this.#stopped = true;
        this.#signalled.wakeAll();
      });
    const startNs = sim.now;
    // an interval of nothing never comes
    let tickNs = interval > 0 ? startNs + interval * SEC : Number.POSITIVE_INFINITY;
    const deadlineNs = timeout > 0 ? startNs + timeout * SEC : Number.POSITIVE_INFINITY;
    let ticks = 1;
    yield* this.#send();
    while (!this.#stopped) {
      const { now } = sim;
      if (now < tickNs && now < deadlineNs && !socket.readable())
        yield* waitAny([socket.readQueue, this.#signalled], Math.min(tickNs, deadlineNs) - now);
      if (this.#stopped) break;
      if (sim.now >= tickNs) {
        tickNs += interval * SEC;
        ticks++;
        if (count >= 0 && count < ticks) break;
        yield* this.#send();
      }
      if (sim.now >= deadlineNs) break;
      if (socket.readable() && (yield* this.#receive())) break;
    }
    return yield* this.#finish();
  }

  *#send(): Task<void> {
    try {
      yield* this.#exchange.send(this.#proc.sim.now);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      return;
    }
    this.#sent++;
    if (!this.#exchange.unicasting) this.#broadcasts++;
  }

  /** True when this answer was enough. */
  *#receive(): Task<boolean> {
    let answer: ArpAnswer | undefined;
    try {
      answer = yield* this.#exchange.receive();
    } catch (error) {
      const errno = errnoOf(error);
      yield* this.#proc.printError(`arping: recvfrom: ${strerror(errno)}\n`);
      if (errno === Errno.ENETDOWN) this.#status = 2;
      return false;
    }
    if (!answer) return false;
    if (!this.#options.quiet) {
      yield* this.#out.print(this.#answerText(answer));
      yield* this.#out.flush();
      yield* sleep(PRINT_NS);
    }
    this.#received++;
    if (this.#options.timeout > 0 && this.#received === this.#options.count) return true;
    if (!answer.unicast) this.#receivedBroadcasts++;
    if (answer.operation === OP_REQUEST) this.#receivedRequests++;
    if (this.#options.quitOnReply) return true;
    if (!this.#options.keepBroadcasting) this.#exchange.answerTo(answer);
    return false;
  }

  #answerText(answer: ArpAnswer): string {
    const { source, device, lastNs } = this.#exchange;
    const kind = `${answer.unicast ? "Unicast" : "Broadcast"} ${answer.operation === OP_REPLY ? "reply" : "request"}`;
    let text = `${kind} from ${formatIpv4(answer.senderIp)} [${formatMac(answer.senderMac).toUpperCase()}] `;
    const other = answer.targetIp !== source;
    if (other) text += `for ${formatIpv4(answer.targetIp)} `;
    if (formatMac(answer.targetMac) !== formatMac(device.address))
      text += `${other ? "" : "for "}[${formatMac(answer.targetMac).toUpperCase()}]`;
    // half a millisecond too much: iputils adds it for rounding and then prints microseconds
    const us = Math.floor((this.#proc.sim.now - lastNs) / USEC) + 500;
    return `${text} ${Math.floor(us / 1000)}.${String(us % 1000).padStart(3, "0")}ms\n`;
  }

  *#finish(): Task<number> {
    const { quiet, duplicateDetection, unsolicited, count } = this.#options;
    if (!quiet) {
      const details: string[] = [];
      if (this.#receivedRequests > 0) details.push(`${this.#receivedRequests} request(s)`);
      if (this.#receivedBroadcasts > 0) details.push(`${this.#receivedBroadcasts} broadcast(s)`);
      yield* this.#out.print(`Sent ${this.#sent} probes (${this.#broadcasts} broadcast(s))\n`);
      const more = details.length > 0 ? ` (${details.join(", ")})` : "";
      yield* this.#out.print(`Received ${this.#received} response(s)${more}\n`);
    }
    yield* this.#out.flush();
    yield* sleep(CLOSE_NS);
    let status: number;
    if (duplicateDetection) status = this.#received > 0 ? 1 : 0;
    else if (unsolicited) status = 0;
    // with -f the first answer is all that was wanted
    else if (count > 0 && !this.#options.quitOnReply) status = this.#received >= count ? 0 : 1;
    else status = this.#received > 0 ? 0 : 1;
    return status | this.#status;
  }
}
