// traceroute as busybox has it (1.35): one UDP probe at a time from one socket to rising ports, answers read from a raw ICMP
// socket. -F, -I and -l are taken and change nothing, as in Debian's build.

import { Errno, strerror } from "../base/errno.ts";
import { type Ns, SEC, USEC } from "../base/time.ts";
import { netnsOf, openSocket } from "../host/host.ts";
import { AF_INET, type Message, SOCK_DGRAM, SOCK_RAW } from "../net/core/sock.ts";
import type { Socket } from "../net/socket.ts";
import type { Process, Program } from "../posix/process.ts";
import { sleep, type Task } from "../sim/task.ts";
import { formatIpv4 } from "../wire/addr.ts";
import { getCode, getNextHopMtu, getType, ICMP_DEST_UNREACH, ICMP_TIME_EXCEEDED } from "../wire/icmp.ts";
import { getDestination, getHeaderLength, getProtocol, getTotalLength } from "../wire/ipv4.ts";
import { get16 } from "../wire/layout.ts";
import { getopt } from "./net-util/getopt.ts";
import { GaiError, getaddrinfo, getnameinfo } from "./net-util/resolve.ts";
import { errnoOf, pollEntries, pollIn } from "./net-util/sockets.ts";

const START_NS: Ns = 450 * USEC;
/** Between an answer and the next probe. */
const PROBE_NS: Ns = 20 * USEC;
const IPPROTO_ICMP = 1;
const IPPROTO_UDP = 17;
const DEFAULT_PORT = 33434;
const PAYLOAD_BYTES = 18;
const INT_MAX = 2147483647;
const HEADER_BYTES = 28;

const USAGE = `BusyBox v1.35.0 (Debian 1:1.35.0-4+deb12u1+b1) multi-call binary.

Usage: traceroute [-46Flnrv] [-f 1ST_TTL] [-m MAXTTL] [-q PROBES] [-p PORT]
	[-t TOS] [-w WAIT_SEC] [-s SRC_IP] [-i IFACE]
	[-z PAUSE_MSEC] HOST [BYTES]

Trace the route to HOST

	-4,-6	Force IP or IPv6 name resolution
	-F	Set don't fragment bit
	-l	Display TTL value of the returned packet
	-n	Print numeric addresses
	-r	Bypass routing tables, send directly to HOST
	-v	Verbose
	-f N	First number of hops (default 1)
	-m N	Max number of hops
	-q N	Number of probes per hop (default 3)
	-p N	Base UDP port number used in probes
		(default 33434)
	-s IP	Source address
	-i IFACE Source interface
	-t N	Type-of-service in probe packets (default 0)
	-w SEC	Wait for a response (default 3)
	-z MSEC	Wait before each send
`;

class Refused extends Error {}

export const busyboxTraceroute: Program = function* (proc: Process): Task<number> {
  yield* sleep(START_NS);
  const parsed = getopt(proc.argv.slice(1), "64FIlnrdvxt:i:m:p:q:s:w:z:f:g:");
  if (parsed.error !== undefined || parsed.operands.length === 0) {
    yield* proc.printError(parsed.error === undefined ? USAGE : `traceroute: ${parsed.error}\n${USAGE}`);
    return 1;
  }
  const values = new Map(parsed.options.map(({ name, value }) => [name, value ?? ""]));
  try {
    return yield* trace(proc, values, parsed.operands);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    yield* proc.printError(`traceroute: ${error.message}\n`);
    return 1;
  }
};

function* trace(proc: Process, values: ReadonlyMap<string, string>, operands: readonly string[]): Task<number> {
  const number = (name: string, fallback: number, least = 0, most = INT_MAX): number => {
    const text = values.get(name);
    return text === undefined ? fallback : inRange(text, least, most);
  };
  for (const name of ["g", "x"]) if (values.has(name)) throw new Refused(`option -${name} is not supported`);
  const host = operands[0]!;
  const maxHops = number("m", 30, 1, 255);
  const firstHop = number("f", 1, 1, maxHops);
  const queries = number("q", 3, 1);
  const waitNs = number("w", 5, 1, 86400) * SEC;
  const least = HEADER_BYTES + PAYLOAD_BYTES;
  if (values.has("6")) throw new Refused(`bad address '${host}'`);
  const target = yield* address(proc, host);
  const bytes = operands[1] === undefined ? least : inRange(operands[1], least, 32768);
  if (!proc.capable("NET_RAW")) throw new Refused(`socket: ${strerror(Errno.EPERM)}`);
  const receiver = openSocket(proc, AF_INET, SOCK_RAW, IPPROTO_ICMP);
  const sender = openSocket(proc, AF_INET, SOCK_DGRAM);
  try {
    yield* prepare(proc, sender, values, number, target);
  } catch (error) {
    if (error instanceof Refused) throw error;
    throw new Refused(`can't connect to remote host (${formatIpv4(target)}): ${strerror(errnoOf(error))}`);
  }
  const source = values.get("s");
  if (source === undefined) receiver.bind({ addr: sender.localAddress.addr, port: 0 });
  const port = number("p", DEFAULT_PORT, 1, 0xffff);
  let heading = `traceroute to ${host} (${formatIpv4(target)})`;
  if (source !== undefined) heading += ` from ${formatIpv4(sender.localAddress.addr)}`;
  yield* proc.print(`${heading}, ${maxHops} hops max, ${bytes} byte packets\n`);
  const session: Session = {
    proc,
    receiver,
    sender,
    target,
    waitNs,
    numeric: values.has("n"),
    verbose: values.has("v"),
  };
  let sequence = 0;
  for (let ttl = firstHop; ttl <= maxHops; ttl++) {
    yield* proc.print(String(ttl).padStart(2));
    let last = 0;
    let arrived = 0;
    let unreachable = 0;
    for (let probe = 0; probe < queries; probe++) {
      if (values.has("z")) yield* sleep(number("z", 0) * 1_000_000);
      yield* sleep(PROBE_NS);
      sequence++;
      const answer = yield* ask(session, ttl, port + sequence, sequence, bytes - HEADER_BYTES);
      if (!answer) {
        yield* proc.print("  *");
        continue;
      }
      if (answer.from !== last) yield* proc.print(yield* hostText(session, answer));
      last = answer.from;
      const us = Math.floor(answer.tripNs / USEC);
      yield* proc.print(`  ${Math.floor(us / 1000)}.${String(us % 1000).padStart(3, "0")} ms${answer.mark}`);
      if (answer.arrived) arrived++;
      if (answer.unreachable) unreachable++;
    }
    yield* proc.print("\n");
    if (arrived > 0 || (unreachable > 0 && unreachable >= queries - 1)) break;
  }
  return 0;
}

interface Session {
  readonly proc: Process;
  readonly receiver: Socket;
  readonly sender: Socket;
  readonly target: number;
  readonly waitNs: Ns;
  readonly numeric: boolean;
  readonly verbose: boolean;
}

interface Answer {
  readonly from: number;
  readonly tripNs: Ns;
  readonly mark: string;
  readonly arrived: boolean;
  readonly unreachable: boolean;
  readonly bytes: number;
  readonly to: number;
}

/** xatou_range of busybox */
function inRange(text: string, least: number, most: number): number {
  if (!/^\d+$/.test(text)) throw new Refused(`invalid number '${text}'`);
  const number = Number(text);
  if (number < least || number > most) throw new Refused(`number ${text} is not in ${least}..${most} range`);
  return number;
}

function* address(proc: Process, host: string): Task<number> {
  try {
    return (yield* getaddrinfo(proc, host)).addresses[0]!;
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    throw new Refused(`bad address '${host}'`);
  }
}

function* prepare(
  proc: Process,
  sender: Socket,
  values: ReadonlyMap<string, string>,
  number: (name: string, fallback: number) => number,
  target: number,
): Task<void> {
  const device = values.get("i");
  if (device !== undefined) {
    const found = netnsOf(proc).net.deviceByName(device);
    // only a warning
    if (found) sender.setOption("SO_BINDTODEVICE", found.ifindex);
    else yield* proc.printError(`traceroute: can't bind to interface ${device}: No such device\n`);
  }
  if (values.has("t")) sender.setOption("IP_TOS", number("t", 0));
  if (values.has("r")) sender.setOption("SO_DONTROUTE", 1);
  const source = values.get("s");
  if (source === undefined) {
    yield* sender.connect({ addr: target, port: DEFAULT_PORT });
    return;
  }
  const own = yield* address(proc, source);
  try {
    sender.bind({ addr: own, port: 0 });
  } catch (error) {
    errnoOf(error);
    throw new Refused("can't set multicast source interface");
  }
}

function* ask(session: Session, ttl: number, port: number, sequence: number, length: number): Task<Answer | undefined> {
  const { proc, sender, receiver, target } = session;
  const payload = new Uint8Array(length);
  payload[0] = sequence;
  payload[1] = ttl;
  sender.setOption("IP_TTL", ttl);
  const sentNs = proc.sim.now;
  try {
    yield* sender.sendTo(payload, { addr: target, port });
  } catch (error) {
    // The error of an earlier probe; this one has not left.
    errnoOf(error);
    yield* sender.sendTo(payload, { addr: target, port });
  }
  const deadline = sentNs + session.waitNs;
  for (;;) {
    const ready = yield* pollEntries(proc, [pollIn(receiver)], deadline - proc.sim.now);
    if (ready.length === 0) return undefined;
    const message = yield* receiver.recv(512);
    const answer = judge(message, port, (message.tstampNs ?? proc.sim.now) - sentNs);
    if (answer) return answer;
  }
}

/** An ICMP error about the probe to `port`, or undefined. */
function judge(message: Message, port: number, tripNs: Ns): Answer | undefined {
  const { bytes } = message;
  const at = getHeaderLength(bytes, 0);
  const quoted = at + 8;
  if (bytes.length < quoted + 28) return undefined;
  const type = getType(bytes, at);
  const code = getCode(bytes, at);
  if ((type !== ICMP_TIME_EXCEEDED || code !== 0) && type !== ICMP_DEST_UNREACH) return undefined;
  const inner = quoted + getHeaderLength(bytes, quoted);
  if (getProtocol(bytes, quoted) !== IPPROTO_UDP || get16(bytes, inner + 2) !== port) return undefined;
  const [mark, arrived, unreachable] =
    type === ICMP_TIME_EXCEEDED ? (["", false, false] as const) : unreachableMark(code, getNextHopMtu(bytes, at));
  return {
    from: message.from.addr,
    tripNs: Math.max(0, tripNs),
    mark,
    arrived,
    unreachable,
    bytes: getTotalLength(bytes, 0) - at,
    to: getDestination(bytes, 0),
  };
}

/** The mark, whether the target was reached, whether it counts as unreachable. */
function unreachableMark(code: number, mtu: number): readonly [string, boolean, boolean] {
  switch (code) {
    case 3:
      return ["", true, false];
    case 0:
      return [" !N", false, true];
    case 1:
      return [" !H", false, true];
    case 2:
      return [" !P", true, false];
    case 4:
      return [` !F-${mtu}`, false, true];
    case 5:
      return [" !S", false, true];
    case 9:
    case 13:
      return [" !A", false, true];
    case 10:
      return [" !C", false, true];
    default:
      return [` !<${code}>`, false, true];
  }
}

function* hostText({ proc, numeric, verbose }: Session, answer: Answer): Task<string> {
  const text = formatIpv4(answer.from);
  const name = numeric ? undefined : ((yield* getnameinfo(proc, answer.from)) ?? text);
  const shown = name === undefined ? `  ${text}` : `  ${name} (${text})`;
  return verbose ? `${shown} ${answer.bytes} bytes to ${formatIpv4(answer.to)}` : shown;
}
