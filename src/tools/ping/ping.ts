// ping as Debian 12 has it (iputils 20221126) for IPv4: option checks, the socket (an ICMP datagram socket where
// net.ipv4.ping_group_range allows it, as in containers, else a raw one), the source address, and then the session.
// Not there: IPv6, source routes (further destinations).

import { Errno, strerror } from "../../base/errno.ts";
import { type Ns, USEC } from "../../base/time.ts";
import { netnsOf, openSocket } from "../../host/host.ts";
import { AF_INET, SOCK_DGRAM, SOCK_RAW } from "../../net/core/sock.ts";
import { inDevOf } from "../../net/ipv4/devconf.ts";
import { IP_PMTUDISC_DO } from "../../net/ipv4/ip-output.ts";
import type { Socket } from "../../net/socket.ts";
import type { Process, Program } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { INADDR_LOOPBACK, isMulticast4, parseInetAton } from "../../wire/addr.ts";
import { set32 } from "../../wire/layout.ts";
import { type AddrInfo, GaiError, getaddrinfo } from "../net-util/resolve.ts";
import { setIpOptions } from "../net-util/socket-options.ts";
import { closeFile, errnoOf } from "../net-util/sockets.ts";
import { type PingOptions, parsePingOptions } from "./options.ts";
import { runPing } from "./session.ts";

const IPPROTO_ICMP = 1;
/** The port that a socket is connected to where none is needed; nothing is sent there. */
const PROBE_PORT = 1025;
/** From main to the first system call on a socket. */
const START_NS: Ns = 500 * USEC;
/** Between the source probe and the first packet. */
const SETUP_NS: Ns = 120 * USEC;
/** Record route: nine slots, a no-op first, as ping has always sent it. */
const RECORD_ROUTE: Uint8Array = Uint8Array.from([1, 7, 39, 4, ...new Array<number>(36).fill(0)]);

export const ping: Program = function* (proc: Process): Task<number> {
  const options = parsePingOptions(proc.argv.slice(1));
  if ("status" in options) {
    yield* proc.print(options.stdout);
    yield* proc.printError(options.stderr);
    return options.status;
  }
  for (const warning of options.warnings) yield* proc.printError(warning);
  yield* sleep(START_NS);
  if (options.ipv6 && parseInetAton(options.target) !== undefined) {
    yield* proc.printError(`ping: ${options.target}: Address family for hostname not supported\n`);
    return 2;
  }
  if (options.ipv6) return yield* fail(proc, 2, "socket", Errno.EAFNOSUPPORT);
  const [socket, raw] = openIcmp(proc, options);
  let host: AddrInfo;
  const stampers: number[] = [];
  try {
    for (const hop of options.hops) stampers.push((yield* getaddrinfo(proc, hop)).addresses[0]!);
    host = yield* getaddrinfo(proc, options.target);
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    yield* proc.printError(`ping: ${options.target}: ${error.message}\n`);
    return 2;
  }
  if (parseInetAton(options.target) !== undefined) options.numeric = true;
  const target = host.addresses[0]! === 0 ? INADDR_LOOPBACK : host.addresses[0]!;
  const source = yield* chooseSource(proc, socket, options, target);
  if (source < 0) return 2;
  if (options.device !== undefined && !hasAddress(proc, options.device, source))
    yield* proc.printError(`ping: Warning: source address might be selected on device other than: ${options.device}\n`);
  yield* sleep(SETUP_NS);
  // what many will hear is not to be fragmented
  const multiReply = options.broadcast || isMulticast4(target);
  try {
    configure(socket, options, source, multiReply, stampers);
  } catch (error) {
    return yield* fail(proc, 2, "setsockopt", errnoOf(error));
  }
  if (options.connectSocket) {
    try {
      yield* socket.connect({ addr: target, port: PROBE_PORT });
    } catch (error) {
      return yield* fail(proc, 2, "connect", errnoOf(error));
    }
  }
  if (options.verbose) {
    const kind = raw ? "SOCK_RAW" : "SOCK_DGRAM";
    yield* proc.printError(
      `ping: sock4.fd: 3 (socktype: ${kind}), sock6.fd: 4 (socktype: ${kind}), hints.ai_family: AF_UNSPEC\n\n`,
    );
    yield* proc.print(`ai->ai_family: AF_INET, ai->ai_canonname: '${host.canonicalName}'\n`);
  }
  return yield* runPing(proc, {
    options,
    hostname: host.canonicalName,
    target,
    source,
    socket,
    raw,
    identifier: options.identifier ?? proc.pid & 0xffff,
    multiReply,
  });
};

function hasAddress(proc: Process, device: string, address: number): boolean {
  const dev = netnsOf(proc).net.deviceByName(device);
  return dev ? (inDevOf(dev)?.addrs.some(({ local }) => local === address) ?? false) : false;
}

function openIcmp(proc: Process, options: PingOptions): [Socket, boolean] {
  if (options.identifier === undefined) {
    try {
      return [openSocket(proc, AF_INET, SOCK_DGRAM, IPPROTO_ICMP), false];
    } catch (error) {
      if (errnoOf(error) !== Errno.EACCES) throw error;
    }
  }
  return [openSocket(proc, AF_INET, SOCK_RAW, IPPROTO_ICMP), true];
}

function* fail(proc: Process, status: number, what: string, errno: number): Task<number> {
  yield* proc.printError(`ping: ${what}: ${strerror(errno)}\n`);
  return status;
}

/** Asks the kernel which address it would use: a UDP socket's after connect. −1 when that is refused, and said. */
function* chooseSource(proc: Process, socket: Socket, options: PingOptions, target: number): Task<number> {
  const probe = openSocket(proc, AF_INET, SOCK_DGRAM);
  try {
    if (options.device !== undefined) {
      const device = netnsOf(proc).net.deviceByName(options.device);
      if (!device) {
        yield* fail(proc, 2, `SO_BINDTODEVICE ${options.device}`, Errno.ENODEV);
        return -1;
      }
      probe.setOption("SO_BINDTODEVICE", device.ifindex);
      socket.setOption("SO_BINDTODEVICE", device.ifindex);
    }
    if (options.source !== undefined) {
      try {
        probe.bind({ addr: options.source, port: 0 });
      } catch (error) {
        yield* fail(proc, 2, "bind", errnoOf(error));
        return -1;
      }
    }
    if (options.tos !== undefined) probe.setOption("IP_TOS", options.tos);
    if (options.mark !== undefined) probe.setOption("SO_MARK", options.mark);
    yield* probe.connect({ addr: target, port: PROBE_PORT });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== Errno.EACCES) {
      yield* fail(proc, 2, "connect", errno);
      return -1;
    }
    if (!options.broadcast) {
      yield* proc.printError("ping: Do you want to ping broadcast? Then -b. If not, check your local firewall rules\n");
      return -1;
    }
    yield* proc.printError("WARNING: pinging broadcast address\n");
    probe.setOption("SO_BROADCAST", 1);
    socket.setOption("SO_BROADCAST", 1);
    try {
      yield* probe.connect({ addr: target, port: PROBE_PORT });
    } catch (again) {
      yield* fail(proc, 2, "connect", errnoOf(again));
      return -1;
    }
  } finally {
    if (!proc.exitStatus) closeFile(proc, probe);
  }
  return probe.localAddress.addr;
}

function configure(
  socket: Socket,
  options: PingOptions,
  source: number,
  multiReply: boolean,
  stampers: readonly number[],
): void {
  if (options.source !== undefined || options.stickySource) socket.bind({ addr: source, port: 0 });
  socket.setOption("IP_RECVERR", 1);
  socket.setOption("IP_RECVTTL", 1);
  const pmtuDisc = options.pmtuDisc ?? (multiReply ? IP_PMTUDISC_DO : undefined);
  if (pmtuDisc !== undefined) socket.setOption("IP_MTU_DISCOVER", pmtuDisc);
  if (options.recordRoute) {
    setIpOptions(socket, RECORD_ROUTE);
    socket.setOption("IP_RETOPTS", 1);
  }
  if (options.timestampOption !== undefined) {
    setIpOptions(socket, timestampOption(options.timestampOption, stampers));
    socket.setOption("IP_RETOPTS", 1);
  }
  if (options.tos !== undefined) socket.setOption("IP_TOS", options.tos);
  if (options.ttl !== undefined) {
    socket.setOption("IP_MULTICAST_TTL", options.ttl);
    socket.setOption("IP_TTL", options.ttl);
  }
  if (options.mark !== undefined) socket.setOption("SO_MARK", options.mark);
  if (options.noLoop) socket.setOption("IP_MULTICAST_LOOP", 0);
  if (options.sendBuffer !== undefined) socket.setOption("SO_SNDBUF", options.sendBuffer);
  if (options.dontRoute) socket.setOption("SO_DONTROUTE", 1);
}

/** Internet timestamps (RFC 791): room for nine, for four with addresses, or for those who are named. */
function timestampOption(kind: number, stampers: readonly number[]): Uint8Array {
  const length = kind === 0 ? 40 : kind === 1 ? 36 : 4 + 8 * stampers.length;
  const option = new Uint8Array(length);
  option.set([68, length, 5, kind]);
  stampers.forEach((address, i) => {
    set32(option, 4 + 8 * i, address);
  });
  return option;
}
