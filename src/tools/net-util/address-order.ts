// Which of several addresses of a name comes first: the order of getaddrinfo(3), RFC 6724 section 6 for IPv4 as the GNU C
// library has it (sysdeps/posix/getaddrinfo.c, rfc3484_sort). A name that means several containers is so answered by the
// one nearest in numbers, whatever order the DNS server chose.

import { NetError } from "../../base/errno.ts";
import { netnsOf, openSocket } from "../../host/host.ts";
import { AF_INET, SOCK_DGRAM } from "../../net/core/sock.ts";
import { inDevOf } from "../../net/ipv4/devconf.ts";
import { ipDevFind } from "../../net/ipv4/devinet.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { inNetwork, isLinkLocal4, isLoopback4 } from "../../wire/addr.ts";
import { closeFile } from "./sockets.ts";

interface Candidate {
  readonly address: number;
  /** where packets to it would come from; undefined when there is no way */
  readonly source: number | undefined;
  /** leading bits that both have in common, counted within the source's own subnet only */
  readonly common: number;
}

const ANY_PORT = 80;

/** The addresses in the order to try them; asking costs no packet. */
export function* inOrder(proc: Process, addresses: readonly number[]): Task<readonly number[]> {
  if (addresses.length < 2) return addresses;
  const candidates: Candidate[] = [];
  for (const address of addresses) {
    const source = yield* sourceFor(proc, address);
    candidates.push({ address, source, common: source === undefined ? 0 : commonBits(proc, source, address) });
  }
  return candidates.sort(compare).map(({ address }) => address);
}

/** Negative when `a` is the better one; 0 keeps the server's order. */
function compare(a: Candidate, b: Candidate): number {
  const usable = Number(a.source === undefined) - Number(b.source === undefined);
  if (usable !== 0 || a.source === undefined || b.source === undefined) return usable;
  const matching = Number(scope(a.source) !== scope(a.address)) - Number(scope(b.source) !== scope(b.address));
  return matching || scope(a.address) - scope(b.address) || b.common - a.common;
}

/** Link-local and loopback are near, all else is global (gai.conf's default scopev4). */
function scope(address: number): number {
  return isLinkLocal4(address) || isLoopback4(address) ? 2 : 14;
}

function* sourceFor(proc: Process, address: number): Task<number | undefined> {
  const socket = openSocket(proc, AF_INET, SOCK_DGRAM);
  try {
    yield* socket.connect({ addr: address, port: ANY_PORT });
    return socket.localAddress.addr;
  } catch (error) {
    if (error instanceof NetError) return undefined;
    throw error;
  } finally {
    closeFile(proc, socket);
  }
}

function commonBits(proc: Process, source: number, address: number): number {
  const dev = ipDevFind(netnsOf(proc).ipv4, source);
  const prefix = (dev && inDevOf(dev)?.addrs.find(({ local }) => local === source))?.prefixLen;
  if (prefix === undefined || !inNetwork(address, source, prefix)) return 0;
  return Math.clz32(address ^ source);
}
