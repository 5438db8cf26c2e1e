// arping in two forms: iputils 20221126 (Debian's) and busybox 1.35's, which differ in their words. It sends ARP requests,
// announcements (-U) or answers (-A) from a packet socket once a second and prints what comes back; -D is RFC 5227's probe.

import { strerror } from "../base/errno.ts";
import { type Ns, SEC, USEC } from "../base/time.ts";
import { netnsOf, openSocket } from "../host/host.ts";
import { IFF_LOOPBACK, IFF_NOARP, type NetDevice } from "../net/core/net-device.ts";
import { AF_INET, AF_PACKET, type Message, SOCK_DGRAM } from "../net/core/sock.ts";
import type { Socket } from "../net/socket.ts";
import { type Process, type Program, SIGINT, SIGTERM } from "../posix/process.ts";
import { sleep, type Task, WaitQueue, waitAny } from "../sim/task.ts";
import { formatIpv4, formatMac, ipv4Addr, macFromNumber, macToNumber, parseInetAton } from "../wire/addr.ts";
import { emit, HEADER_LENGTH, OP_REPLY, OP_REQUEST, parse } from "../wire/arp.ts";
import { getopt } from "./net-util/getopt.ts";
import { GaiError, getaddrinfo } from "./net-util/resolve.ts";
import { closeFile, errnoOf } from "./net-util/sockets.ts";
import { Stdout } from "./net-util/stdio.ts";

const ETH_P_ARP = 0x0806;
const PACKET_HOST = 0;
const PACKET_MULTICAST = 2;
const PROBE_PORT = 1025;

/** Up to the first packet. */
const START_NS: Ns = 1_500 * USEC;
/** Reading and printing an answer. */
const PRINT_NS: Ns = 50 * USEC;
/** close(2) of a packet socket waits until no CPU can be using it. */
const CLOSE_NS: Ns = 10_000 * USEC;

const IPUTILS_USAGE = `
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
const IPUTILS_VERSION = `arping from iputils 20221126
libcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, __fpending(): yes
`;
const BUSYBOX_USAGE = `BusyBox v1.35.0 (Debian 1:1.35.0-4+deb12u1+b1) multi-call binary.

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

interface ArpingOptions {
  readonly busybox: boolean;
  target: string;
  quitOnReply: boolean;
  quiet: boolean;
  keepBroadcasting: boolean;
  duplicateDetection: boolean;
  unsolicited: boolean;
  answers: boolean;
  /** −1: without end */
  count: number;
  timeoutNs: Ns;
  intervalNs: Ns;
  device: string | undefined;
  source: number;
}

/** A sentence that ends arping with status 2 (busybox 1). */
class ArpingError extends Error {}

export const arping: Program = (proc) => run(proc, false);
export const busyboxArping: Program = (proc) => run(proc, true);

function* run(proc: Process, busybox: boolean): Task<number> {
  const usage = busybox ? BUSYBOX_USAGE : IPUTILS_USAGE;
  const mistake = busybox ? 1 : 2;
  const parsed = getopt(proc.argv.slice(1), busybox ? "DUAqfbc:w:I:s:" : "h?bfDUAqc:w:i:s:I:V");
  if (parsed.error !== undefined) {
    yield* proc.printError(`arping: ${parsed.error}\n${usage}`);
    return mistake;
  }
  const help = parsed.options.some(({ name }) => name === "h" || name === "?");
  if (parsed.options.some(({ name }) => name === "V")) {
    yield* proc.print(IPUTILS_VERSION);
    return 0;
  }
  if (help || parsed.operands.length !== 1) {
    yield* proc.printError(usage);
    return mistake;
  }
  const options = defaults(busybox, parsed.operands[0]!);
  const out = new Stdout(proc);
  try {
    for (const { name, value } of parsed.options) apply(options, name, value ?? "");
    const session = yield* prepare(proc, options);
    return yield* new Arping(proc, options, session, out).run();
  } catch (error) {
    if (!(error instanceof ArpingError)) throw error;
    yield* proc.printError(`arping: ${error.message}\n`);
    return mistake;
  }
}

function defaults(busybox: boolean, target: string): ArpingOptions {
  return {
    busybox,
    target,
    quitOnReply: false,
    quiet: false,
    keepBroadcasting: false,
    duplicateDetection: false,
    unsolicited: false,
    answers: false,
    count: -1,
    timeoutNs: 0,
    intervalNs: SEC,
    device: busybox ? "eth0" : undefined,
    source: 0,
  };
}

function apply(o: ArpingOptions, name: string, value: string): void {
  switch (name) {
    case "f":
      o.quitOnReply = true;
      return;
    case "q":
      o.quiet = true;
      return;
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
      o.unsolicited = true;
      o.answers = true;
      return;
    case "c":
      o.count = integer(value);
      return;
    case "w":
      o.timeoutNs = integer(value) * SEC;
      return;
    case "i":
      o.intervalNs = integer(value) * SEC;
      return;
    case "I":
      o.device = value;
      return;
    default: {
      const address = parseInetAton(value);
      if (address === undefined) throw new ArpingError(`invalid source ${value}`);
      o.source = address;
    }
  }
}

function integer(text: string): number {
  if (!/^\d+$/.test(text)) throw new ArpingError(`invalid argument: '${text}'`);
  return Number(text);
}

interface Session {
  readonly socket: Socket;
  readonly device: NetDevice;
  readonly target: number;
  readonly source: number;
}

function* prepare(proc: Process, options: ArpingOptions): Task<Session> {
  yield* sleep(START_NS);
  let target: number;
  try {
    target = (yield* getaddrinfo(proc, options.target, { ipv4Only: true })).addresses[0]!;
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    throw new ArpingError(`${options.target}: ${error.message}`);
  }
  const device = chooseDevice(proc, options);
  if ((device.flags & (IFF_NOARP | IFF_LOOPBACK)) !== 0) {
    if (!options.quiet) yield* proc.print(`Interface "${device.name}" is not ARPable\n`);
    proc.exit(options.duplicateDetection ? 0 : 2);
  }
  const socket = openSocket(proc, AF_PACKET, SOCK_DGRAM, ETH_P_ARP);
  const source = yield* chooseSource(proc, options, device, target);
  return { socket, device, target, source };
}

/** -I, or the one interface that can broadcast and is up. */
function chooseDevice(proc: Process, options: ArpingOptions): NetDevice {
  const { net } = netnsOf(proc);
  if (options.device === undefined) {
    for (const device of net.devices.values())
      if (device.up && (device.flags & (IFF_NOARP | IFF_LOOPBACK)) === 0) return device;
    throw new ArpingError("no suitable device found.");
  }
  const device = net.deviceByName(options.device);
  if (!device)
    throw new ArpingError(
      options.busybox
        ? `interface ${options.device} not found: No such device`
        : `Device ${options.device} not available.`,
    );
  if (!device.up) throw new ArpingError(`Interface "${options.device}" is down`);
  return device;
}

function* chooseSource(proc: Process, options: ArpingOptions, device: NetDevice, target: number): Task<number> {
  const wanted = options.source !== 0 || !options.unsolicited ? options.source : target;
  if (options.duplicateDetection) return wanted;
  const probe = openSocket(proc, AF_INET, SOCK_DGRAM);
  let step = "bind";
  try {
    probe.setOption("SO_BINDTODEVICE", device.ifindex);
    if (wanted !== 0) {
      probe.bind({ addr: wanted, port: 0 });
      return wanted;
    }
    step = "connect";
    probe.setOption("SO_DONTROUTE", 1);
    yield* probe.connect({ addr: target, port: PROBE_PORT });
    return probe.localAddress.addr;
  } catch (error) {
    throw new ArpingError(`${step}: ${strerror(errnoOf(error))}`);
  } finally {
    closeFile(proc, probe);
  }
}

class Arping {
  readonly #proc: Process;
  readonly #options: ArpingOptions;
  readonly #session: Session;
  readonly #out: Stdout;
  /** where requests go: everybody, then who answered */
  #peer: Uint8Array;
  #unicasting = false;
  #sent = 0;
  #broadcasts = 0;
  #received = 0;
  #receivedBroadcasts = 0;
  #receivedRequests = 0;
  #lastNs: Ns = 0;
  #stopped = false;
  readonly #signalled: WaitQueue = new WaitQueue();

  constructor(proc: Process, options: ArpingOptions, session: Session, out: Stdout) {
    this.#proc = proc;
    this.#options = options;
    this.#session = session;
    this.#out = out;
    this.#peer = session.device.broadcast.slice();
  }

  *run(): Task<number> {
    const proc = this.#proc;
    const { timeoutNs, intervalNs, count, quiet } = this.#options;
    const { target, source, device, socket } = this.#session;
    for (const signal of [SIGINT, SIGTERM])
      proc.onSignal(signal, () => {
        this.#stopped = true;
        this.#signalled.wakeAll();
      });
    if (!quiet) yield* this.#out.print(`ARPING ${formatIpv4(target)} from ${formatIpv4(source)} ${device.name}\n`);
    const startNs = proc.sim.now;
    const deadline = timeoutNs > 0 ? startNs + timeoutNs : Number.POSITIVE_INFINITY;
    yield* this.#send();
    for (let tick = 1; !this.#stopped; ) {
      const tickNs = startNs + tick * intervalNs;
      if (proc.sim.now >= tickNs) {
        tick++;
        if (count >= 0 && this.#sent >= count) break;
        yield* this.#send();
      } else if (proc.sim.now >= deadline) break;
      else if (socket.readable()) {
        if (yield* this.#take(yield* socket.recv(4096))) break;
      } else yield* waitAny([socket.readQueue, this.#signalled], Math.min(tickNs, deadline) - proc.sim.now);
    }
    return yield* this.#finish();
  }

  *#send(): Task<void> {
    const { device, target, source, socket } = this.#session;
    const { answers } = this.#options;
    const packet = new Uint8Array(HEADER_LENGTH);
    emit(
      {
        operation: answers ? OP_REPLY : OP_REQUEST,
        senderMac: macToNumber(device.address),
        senderIp: ipv4Addr(source),
        targetMac: macToNumber(answers ? device.address : this.#peer),
        targetIp: ipv4Addr(target),
      },
      packet,
      0,
    );
    this.#lastNs = this.#proc.sim.now;
    yield* socket.send(packet, { ifindex: device.ifindex, protocol: ETH_P_ARP, hwAddr: this.#peer });
    this.#sent++;
    if (!this.#unicasting) this.#broadcasts++;
  }

  /** True when this answer was enough. */
  *#take(message: Message): Task<boolean> {
    const { device, target, source } = this.#session;
    const arp = parse(message.bytes, 0, message.bytes.length);
    if (!arp || message.ifindex !== device.ifindex || (message.pktType ?? 0) > PACKET_MULTICAST) return false;
    if (arp.operation !== OP_REQUEST && arp.operation !== OP_REPLY) return false;
    const own = macToNumber(device.address);
    if (arp.senderIp !== target) return false;
    if (this.#options.duplicateDetection) {
      if (arp.senderMac === own || (source !== 0 && source !== arp.targetIp)) return false;
    } else if (arp.targetIp !== source || arp.targetMac !== own) return false;
    const sender = new Uint8Array(6);
    macFromNumber(arp.senderMac, sender);
    const unicast = message.pktType === PACKET_HOST;
    if (!this.#options.quiet) {
      yield* sleep(PRINT_NS);
      yield* this.#out.print(this.#answerText(unicast, arp.operation, sender, arp.targetIp));
      yield* this.#out.flush();
    }
    this.#received++;
    if (!unicast) this.#receivedBroadcasts++;
    if (arp.operation === OP_REQUEST) this.#receivedRequests++;
    if (this.#options.quitOnReply) return true;
    if (!this.#options.keepBroadcasting) {
      this.#peer = sender;
      this.#unicasting = true;
    }
    return false;
  }

  #answerText(unicast: boolean, operation: number, sender: Uint8Array, targetIp: number): string {
    const { busybox } = this.#options;
    const mac = busybox ? formatMac(sender) : formatMac(sender).toUpperCase();
    let text = `${unicast ? "Unicast" : "Broadcast"} ${operation === OP_REPLY ? "reply" : "request"}`;
    text += ` from ${formatIpv4(this.#session.target)} [${mac}]`;
    if (targetIp !== this.#session.source) text += `${busybox ? " " : ""}for ${formatIpv4(targetIp)} `;
    const us = Math.floor((this.#proc.sim.now - PRINT_NS - this.#lastNs) / USEC);
    if (busybox) return `${text} ${Math.floor(us / 1000)}.${String(us % 1000).padStart(3, "0")}ms\n`;
    // iputils rounds to milliseconds and then counts from half of one.
    const ms = Math.floor((us + 500) / 1000);
    return `${text}  ${ms}.${String(us - (ms * 1000 - 500)).padStart(3, "0")}ms\n`;
  }

  *#finish(): Task<number> {
    const { quiet, busybox, duplicateDetection, unsolicited } = this.#options;
    if (!quiet) {
      const plural = busybox ? "probe(s)" : "probes";
      yield* this.#out.print(`Sent ${this.#sent} ${plural} (${busybox ? 0 : this.#broadcasts} broadcast(s))\n`);
      const details: string[] = [];
      if (busybox || this.#receivedRequests > 0) details.push(`${this.#receivedRequests} request(s)`);
      if (busybox || this.#receivedBroadcasts > 0) details.push(`${this.#receivedBroadcasts} broadcast(s)`);
      const extra = details.length > 0 ? ` (${details.join(", ")})` : "";
      yield* this.#out.print(`Received ${this.#received} response(s)${extra}\n`);
    }
    yield* this.#out.flush();
    closeFile(this.#proc, this.#session.socket);
    yield* sleep(CLOSE_NS);
    if (duplicateDetection) return this.#received > 0 ? 1 : 0;
    if (unsolicited) return 0;
    return this.#received > 0 ? 0 : 1;
  }
}
