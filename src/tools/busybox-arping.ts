// arping as busybox 1.35 has it (Debian's build), which containers find: an alarm every second, other words, and a count of
// broadcasts that its -c option switches off by accident (their two flag bits are the same).

import { Errno, strerror } from "../base/errno.ts";
import { MSEC, type Ns, SEC, USEC } from "../base/time.ts";
import { netnsOf, openSocket } from "../host/host.ts";
import { IFF_LOOPBACK, IFF_NOARP, type NetDevice } from "../net/core/net-device.ts";
import { AF_INET, AF_PACKET, SOCK_DGRAM } from "../net/core/sock.ts";
import { type Process, type Program, SIGINT } from "../posix/process.ts";
import { sleep, type Task, WaitQueue, waitAny } from "../sim/task.ts";
import { formatIpv4, formatMac, parseInetAton } from "../wire/addr.ts";
import { OP_REPLY, OP_REQUEST } from "../wire/arp.ts";
import { ETH_P_ARP } from "../wire/ethernet.ts";
import { type ArpAnswer, ArpExchange } from "./arp-exchange.ts";
import { CLOSE_NS } from "./arping.ts";
import { getopt } from "./net-util/getopt.ts";
import { GaiError, getaddrinfo } from "./net-util/resolve.ts";
import { closeFile, errnoOf } from "./net-util/sockets.ts";
import { Stdout } from "./net-util/stdio.ts";

const PROBE_PORT = 1025;
const START_NS: Ns = 600 * USEC;
const PRINT_NS: Ns = 40 * USEC;
/** A deadline is met by the alarm that comes next. */
const GRACE_NS: Ns = 500 * MSEC;

const USAGE = `BusyBox v1.35.0 (Debian 1:1.35.0-4+deb12u1+b1) multi-call binary.

Usage: arping [-fqbDUA] [-c CNT] [-w TIMEOUT] [-I IFACE] [-s SRC_IP] DST_IP

Send ARP requests/replies

	-f		Quit on first ARP reply
	-q		Quiet
	-b		Keep broadcasting, don't go unicast
	-D		Exit with 1 if DST_IP replies
	-U		Unsolicited ARP mode, update your neighbors
	-A		ARP answer mode, update your neighbors
	-c N		Stop after sending N ARP requests
	-w TIMEOUT	Seconds to wait for ARP reply
	-I IFACE	Interface to use (default eth0)
	-s SRC_IP	Sender IP address
	DST_IP		Target IP address
`;

interface Options {
  readonly target: string;
  readonly flags: ReadonlySet<string>;
  /** −1: without end */
  readonly count: number;
  readonly timeoutNs: Ns;
  readonly device: string;
  readonly source: string | undefined;
}

class Ending extends Error {
  readonly status: number;

  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

export const busyboxArping: Program = function* (proc: Process): Task<number> {
  try {
    const options = parseOptions(proc.argv.slice(1));
    yield* sleep(START_NS);
    const exchange = yield* prepare(proc, options);
    const status = yield* new Alarms(proc, options, exchange).run();
    yield* sleep(CLOSE_NS);
    return status;
  } catch (ending) {
    if (!(ending instanceof Ending)) throw ending;
    yield* proc.printError(ending.message);
    return ending.status;
  }
};

function parseOptions(args: readonly string[]): Options {
  const parsed = getopt(args, "UDAqfbc:w:I:s:");
  if (parsed.error !== undefined) throw new Ending(1, `arping: ${parsed.error}\n${USAGE}`);
  const flags = new Set(parsed.options.map(({ name }) => name));
  const value = (wanted: string): string | undefined => parsed.options.findLast(({ name }) => name === wanted)?.value;
  if (parsed.operands.length !== 1) throw new Ending(1, USAGE);
  if (flags.has("D")) flags.add("f");
  if (flags.has("A")) flags.add("U");
  for (const { name, value: text } of parsed.options)
    if ((name === "c" || name === "w") && !/^\d+$/.test(text!))
      throw new Ending(1, `arping: invalid number '${text}'\n`);
  const timeout = value("w");
  return {
    target: parsed.operands[0]!,
    flags,
    count: Number(value("c") ?? -1),
    timeoutNs: timeout === undefined ? 0 : Number(timeout) * SEC + GRACE_NS,
    device: value("I") ?? "eth0",
    source: value("s"),
  };
}

function* prepare(proc: Process, options: Options): Task<ArpExchange> {
  const { flags } = options;
  if (!proc.capable("NET_RAW")) throw new Ending(1, `arping: socket: ${strerror(Errno.EPERM)}\n`);
  const socket = openSocket(proc, AF_PACKET, SOCK_DGRAM);
  const device = findDevice(proc, options);
  const target = yield* resolve(proc, options.target);
  let source = 0;
  if (options.source !== undefined) {
    const given = parseInetAton(options.source);
    if (given === undefined) throw new Ending(2, `arping: invalid source address ${options.source}\n`);
    source = given;
  } else if (!flags.has("D") && flags.has("U")) source = target;
  if (!flags.has("D") || options.source !== undefined) source = yield* askSource(proc, options, device, target, source);
  socket.bind({ addr: device.ifindex, port: ETH_P_ARP });
  const exchange = new ArpExchange(socket, device, target, source, flags.has("A") ? OP_REPLY : OP_REQUEST);
  exchange.duplicateDetection = flags.has("D");
  return exchange;
}

function findDevice(proc: Process, { device: name, flags }: Options): NetDevice {
  const device = netnsOf(proc).net.deviceByName(name);
  if (!device) throw new Ending(2, `arping: interface ${name} not found: No such device\n`);
  if (!device.up) throw new Ending(2, `arping: interface ${name} is down\n`);
  if (device.flags & (IFF_NOARP | IFF_LOOPBACK))
    throw new Ending(flags.has("D") ? 0 : 2, `arping: interface ${name} is not ARPable\n`);
  return device;
}

function* resolve(proc: Process, name: string): Task<number> {
  try {
    return (yield* getaddrinfo(proc, name, { ipv4Only: true })).addresses[0]!;
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    throw new Ending(2, `arping: bad address '${name}'\n`);
  }
}

function* askSource(proc: Process, o: Options, device: NetDevice, target: number, source: number): Task<number> {
  const probe = openSocket(proc, AF_INET, SOCK_DGRAM);
  let step = "bind";
  try {
    probe.setOption("SO_BINDTODEVICE", device.ifindex);
    if (source !== 0) {
      probe.bind({ addr: source, port: 0 });
      return source;
    }
    if (o.flags.has("D")) return 0;
    step = `can't connect to remote host (${formatIpv4(target)})`;
    probe.setOption("SO_DONTROUTE", 1);
    yield* probe.connect({ addr: target, port: PROBE_PORT });
    return probe.localAddress.addr;
  } catch (error) {
    throw new Ending(2, `arping: ${step}: ${strerror(errnoOf(error))}\n`);
  } finally {
    if (!proc.exitStatus) closeFile(proc, probe);
  }
}

/** SIGALRM sends, and between alarms the program waits in recvfrom. */
class Alarms {
  readonly #proc: Process;
  readonly #options: Options;
  readonly #exchange: ArpExchange;
  readonly #out: Stdout;
  readonly #startNs: Ns;
  /** messages that are still to be sent; −1: without end */
  #left: number;
  #alarmNs: Ns = 0;
  #sent = 0;
  #broadcasts = 0;
  #received = 0;
  #receivedBroadcasts = 0;
  #receivedRequests = 0;
  #stopped = false;
  readonly #signalled: WaitQueue = new WaitQueue();

  constructor(proc: Process, options: Options, exchange: ArpExchange) {
    this.#proc = proc;
    this.#options = options;
    this.#exchange = exchange;
    this.#out = new Stdout(proc);
    this.#startNs = proc.sim.now;
    this.#left = options.count;
  }

  *run(): Task<number> {
    const { sim } = this.#proc;
    const { target, source, device, socket } = this.#exchange;
    this.#proc.onSignal(SIGINT, () => {
      this.#stopped = true;
      this.#signalled.wakeAll();
    });
    if (!this.#options.flags.has("q"))
      yield* this.#out.print(`ARPING ${formatIpv4(target)} from ${formatIpv4(source)} ${device.name}\n`);
    let going = yield* this.#alarm();
    while (going && !this.#stopped) {
      if (sim.now >= this.#alarmNs) going = yield* this.#alarm();
      else if (socket.readable()) going = !(yield* this.#receive());
      else yield* waitAny([socket.readQueue, this.#signalled], this.#alarmNs - sim.now);
    }
    return yield* this.#finish();
  }

  /** False when it was the last one. */
  *#alarm(): Task<boolean> {
    const { now } = this.#proc.sim;
    const { timeoutNs, flags } = this.#options;
    if (this.#left === 0 || (timeoutNs > 0 && now - this.#startNs > timeoutNs)) return false;
    if (this.#left > 0) this.#left--;
    const { lastNs } = this.#exchange;
    if (lastNs < 0 || now - lastNs > GRACE_NS) {
      try {
        yield* this.#exchange.send(now);
        this.#sent++;
        if (!flags.has("c") && !this.#exchange.unicasting) this.#broadcasts++;
      } catch (error) {
        errnoOf(error);
      }
      if (this.#left === 0 && flags.has("U")) return false;
    }
    this.#alarmNs = this.#proc.sim.now + SEC;
    return true;
  }

  /** True when this answer was enough. */
  *#receive(): Task<boolean> {
    let answer: ArpAnswer | undefined;
    try {
      answer = yield* this.#exchange.receive();
    } catch (error) {
      yield* this.#proc.printError(`arping: recvfrom: ${strerror(errnoOf(error))}\n`);
      return false;
    }
    if (!answer) return false;
    const { flags } = this.#options;
    if (!flags.has("q")) {
      yield* this.#out.print(this.#answerText(answer));
      yield* this.#out.flush();
      yield* sleep(PRINT_NS);
    }
    this.#received++;
    if (!answer.unicast) this.#receivedBroadcasts++;
    if (answer.operation === OP_REQUEST) this.#receivedRequests++;
    if (flags.has("f")) return true;
    if (!flags.has("b")) this.#exchange.answerTo(answer);
    return false;
  }

  #answerText(answer: ArpAnswer): string {
    const { source, device, lastNs } = this.#exchange;
    const kind = `${answer.unicast ? "Unicast" : "Broadcast"} ${answer.operation === OP_REPLY ? "reply" : "request"}`;
    let text = `${kind} from ${formatIpv4(answer.senderIp)} [${formatMac(answer.senderMac)}]`;
    const other = answer.targetIp !== source;
    if (other) text += `for ${formatIpv4(answer.targetIp)} `;
    if (formatMac(answer.targetMac) !== formatMac(device.address))
      text += `${other ? "" : "for "}[${formatMac(answer.targetMac)}]`;
    const us = Math.floor((this.#proc.sim.now - lastNs) / USEC);
    return `${text} ${Math.floor(us / 1000)}.${String(us % 1000).padStart(3, "0")}ms\n`;
  }

  *#finish(): Task<number> {
    const { flags } = this.#options;
    if (!flags.has("q")) {
      yield* this.#out.print(`Sent ${this.#sent} probe(s) (${this.#broadcasts} broadcast(s))\n`);
      const details = `${this.#receivedRequests} request(s), ${this.#receivedBroadcasts} broadcast(s)`;
      yield* this.#out.print(`Received ${this.#received} response(s) (${details})\n`);
    }
    yield* this.#out.flush();
    if (flags.has("D")) return this.#received > 0 ? 1 : 0;
    if (flags.has("U")) return 0;
    return this.#received > 0 ? 0 : 1;
  }
}
