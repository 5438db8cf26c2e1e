// One probe of a trace, and what the answers to it mean: marks such as !H, the guess at the way back.

import { Errno, strerror } from "../../base/errno.ts";
import type { Ns } from "../../base/time.ts";
import type { Socket } from "../../net/socket.ts";
import { ICMP_DEST_UNREACH, ICMP_TIME_EXCEEDED } from "../../wire/icmp.ts";

/** A system call that failed for good: perror(3) behind a line end, status 1. */
export class FatalError extends Error {
  constructor(what: string, errno: number) {
    super(`\n${what}: ${strerror(errno)}\n`);
  }
}

export interface Probe {
  /** its own socket, closed when it is answered */
  socket: Socket | undefined;
  /** port or sequence number by which its answer is known; 0 none */
  sequence: number;
  /** −1: not sent yet */
  sentNs: Ns;
  /** −1: not answered */
  receivedNs: Ns;
  /** TTL of the answer, 0 unknown */
  receivedTtl: number;
  address: number | undefined;
  done: boolean;
  /** the trace needs not go beyond this hop */
  final: boolean;
  /** "!H", "F=1500", … or "" */
  mark: string;
  /** flags of TCP's answer (-O info), or "" */
  note: string;
}

export function blankProbe(): Probe {
  return {
    socket: undefined,
    sequence: 0,
    sentNs: -1,
    receivedNs: -1,
    receivedTtl: 0,
    address: undefined,
    done: false,
    final: false,
    mark: "",
    note: "",
  };
}

export function roundTrip(probe: Probe): Ns {
  return probe.receivedNs < 0 || probe.sentNs < 0 ? 0 : probe.receivedNs - probe.sentNs;
}

/** By code of destination unreachable; a port unreachable (3) says that the target is reached. */
const UNREACHABLE_MARKS: readonly string[] = [
  ..."!N !H !P".split(" "),
  "",
  "",
  ..."!S !N !H !N !X !X !N !H !X !V !C".split(" "),
];
const FRAG_NEEDED = 4;

/** Notes what an ICMP error says; a time exceeded on the way leaves the probe as it is. */
export function noteIcmpError(probe: Probe, type: number, code: number, info: number): void {
  if (type === ICMP_TIME_EXCEEDED && code === 0) return;
  probe.final = true;
  if (type !== ICMP_DEST_UNREACH) probe.mark = `!<${type}-${code}>`;
  else if (code === FRAG_NEEDED) probe.mark = `!F-${info}`;
  else if (UNREACHABLE_MARKS[code] !== "") probe.mark = UNREACHABLE_MARKS[code] ?? `!<${code}>`;
}

/** Notes an error of this host's own: the packet is too long for the way. */
export function noteLocalError(probe: Probe, errno: number, info: number): void {
  if (errno !== Errno.EMSGSIZE || info === 0) throw new FatalError("local recverr", errno);
  probe.mark = `!F-${info}`;
  probe.final = true;
}

/** How many hops a packet with this TTL has come, if its sender started with 64, 128 or 255. */
export function ttlToHops(ttl: number): number {
  if (ttl <= 64) return 65 - ttl;
  return ttl <= 128 ? 129 - ttl : 256 - ttl;
}
