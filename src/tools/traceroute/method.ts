// What the methods of traceroute share: the contract between a trace and its method, a socket tuned as the options say, and
// the sending of one probe.

import { Errno } from "../../base/errno.ts";
import type { Ns } from "../../base/time.ts";
import { netnsOf, openSocket } from "../../host/host.ts";
import { AF_INET, type Message } from "../../net/core/sock.ts";
import type { Socket } from "../../net/socket.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { set32 } from "../../wire/layout.ts";
import { setIpOptions } from "../net-util/socket-options.ts";
import { errnoOf } from "../net-util/sockets.ts";
import type { Options } from "./options.ts";
import { FatalError, type Probe } from "./probe.ts";

const IP_PMTUDISC_DONT = 0;
const IP_PMTUDISC_PROBE = 3;
const IPOPT_NOOP = 1;
const IPOPT_LSRR = 131;
/** Room for an answer: the least MTU of IPv6. */
export const RECEIVE_BYTES = 1280;

/** What a method needs of the trace. */
export interface TraceView {
  readonly proc: Process;
  readonly options: Options;
  readonly probes: readonly Probe[];
  /** bytes after the transport header that the method counts as its own */
  dataBytes: number;
}

export interface Method {
  /** transport header that is not part of the data */
  readonly headerBytes: number;
  /** What building and sending one probe costs. */
  readonly costNs: Ns;
  /** Before the heading: sockets that all probes share, the data's size. Throws FatalError. */
  init(): Task<void>;
  /** Sends a probe and notes when; a probe that did not leave keeps sentNs −1. Throws FatalError. */
  send(probe: Probe, ttl: number): Task<void>;
  /** Sockets to wait for, in the order in which they are asked. */
  sockets(): readonly Socket[];
  /** The probe that a message answers; `error`: it came from the error queue. */
  match(socket: Socket, message: Message): Probe | undefined;
}

/** setsockopt or bind, with the call's name in the error. */
function attempt(what: string, call: () => void): void {
  try {
    call();
  } catch (error) {
    throw new FatalError(what, errnoOf(error));
  }
}

export function openOrFail(proc: Process, type: number, protocol: number): Socket {
  try {
    return openSocket(proc, AF_INET, type, protocol);
  } catch (error) {
    throw new FatalError("socket", errnoOf(error));
  }
}

/** Mark, source route, device, source, fragmentation, TOS: as the options say (tune_socket). */
export function tuneSocket(view: TraceView, socket: Socket): void {
  const { options } = view;
  if (options.mark !== 0) attempt("setsockopt SO_MARK", () => socket.setOption("SO_MARK", options.mark));
  const route = sourceRoute(options);
  if (route.length > 0) attempt("setsockopt IP_OPTIONS", () => setIpOptions(socket, route));
  bindSocket(view, socket);
  const discover = options.dontFragment ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT;
  attempt("setsockopt IP_MTU_DISCOVER", () => socket.setOption("IP_MTU_DISCOVER", discover));
  if (options.tos !== 0) attempt("setsockopt IP_TOS", () => socket.setOption("IP_TOS", options.tos));
  if (options.dontRoute) attempt("setsockopt SO_DONTROUTE", () => socket.setOption("SO_DONTROUTE", 1));
  socket.setOption("IP_RECVTTL", 1);
}

/** A port of its own for a probe, on the device and with the source that were asked for (bind_socket). */
export function bindSocket({ proc, options }: TraceView, socket: Socket): void {
  const { device, source, sourcePort } = options;
  if (device !== undefined) {
    const found = netnsOf(proc).net.deviceByName(device);
    if (!found) throw new FatalError("setsockopt SO_BINDTODEVICE", Errno.ENODEV);
    socket.setOption("SO_BINDTODEVICE", found.ifindex);
  }
  attempt("bind", () => socket.bind({ addr: source, port: sourcePort }));
}

/** The loose source route through the gateways (RFC 791): a no-op for alignment, then the option. */
export function sourceRoute({ gateways, target }: Options): Uint8Array {
  if (gateways.length === 0) return new Uint8Array(0);
  const hops = [...gateways, target];
  const bytes = new Uint8Array(4 + 4 * hops.length);
  bytes.set([IPOPT_NOOP, IPOPT_LSRR, bytes.length - 1, 4]);
  hops.forEach((hop, i) => {
    set32(bytes, 4 + 4 * i, hop);
  });
  return bytes;
}

/** connect(2) and IP_RECVERR: from now on errors about what is sent wait in the error queue. */
export function* connectSocket(view: TraceView, socket: Socket, port: number): Task<void> {
  try {
    yield* socket.connect({ addr: view.options.target, port });
  } catch (error) {
    throw new FatalError("connect", errnoOf(error));
  }
  attempt("setsockopt IP_RECVERR", () => socket.setOption("IP_RECVERR", 1));
}

/** Sends and notes when; "too long" comes back by the error queue. */
export function* sendProbe(view: TraceView, probe: Probe, socket: Socket, bytes: Uint8Array): Task<void> {
  probe.sentNs = view.proc.sim.now;
  try {
    yield* socket.send(bytes);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === Errno.ENOBUFS || errno === Errno.EAGAIN) probe.sentNs = -1;
    else if (errno !== Errno.EMSGSIZE) throw new FatalError("send", errno);
  }
}

/** "@ABC…": 0x40 to 0x7f again and again. */
export function fillData(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_unused, i) => 0x40 + (i & 0x3f));
}
