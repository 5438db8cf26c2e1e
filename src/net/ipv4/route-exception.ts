// What was learned about one destination behind a nexthop (struct fib_nh_exception): a smaller path MTU from "fragmentation
// needed", or a better gateway from a redirect. Each is forgotten after a time. Answers to net/ipv4/route.c: find_exception,
// update_or_create_fnhe, fill_route_from_fnhe.

import type { Ns } from "../../base/time.ts";
import type { FibNh } from "./fib-types.ts";
import type { Ipv4 } from "./ipv4.ts";
import { RTCF_REDIRECTED, type Rtable } from "./rtable.ts";

/** Exceptions that one nexthop keeps; the oldest is forgotten first (FNHE_HASH_SIZE times FNHE_RECLAIM_DEPTH). */
const MAX_EXCEPTIONS = 2048 * 5;

export class NexthopException {
  readonly daddr: number;
  /** 0: none learned */
  gw = 0;
  pmtu = 0;
  mtuLocked = false;
  /** virtual ns; 0 never */
  expires: Ns = 0;
  rthInput: Rtable | null = null;
  rthOutput: Rtable | null = null;

  constructor(daddr: number) {
    this.daddr = daddr;
  }
}

/** The exception for a destination, unless it has expired. */
export function findException(ip4: Ipv4, nh: FibNh, daddr: number): NexthopException | null {
  if (!nh.exceptions) return null;
  const fnhe = nh.exceptions.get(daddr | 0);
  if (!fnhe) return null;
  if (fnhe.expires !== 0 && ip4.net.now > fnhe.expires) {
    deleteException(nh, fnhe);
    return null;
  }
  return fnhe;
}

/** Learns a gateway or a path MTU for a destination; routes cached at the nexthop are looked up again. */
export function updateException(
  nh: FibNh,
  daddr: number,
  gw: number,
  pmtu: number,
  mtuLocked: boolean,
  expires: Ns,
): void {
  nh.exceptions ??= new Map();
  let fnhe = nh.exceptions.get(daddr | 0);
  if (fnhe) {
    if (gw !== 0) fnhe.gw = gw;
    if (pmtu !== 0) {
      fnhe.pmtu = pmtu;
      fnhe.mtuLocked = mtuLocked;
    }
    fnhe.expires = Math.max(1, expires);
    if (fnhe.rthInput) fillFromException(fnhe.rthInput, fnhe);
    if (fnhe.rthOutput) fillFromException(fnhe.rthOutput, fnhe);
    return;
  }
  if (nh.exceptions.size >= MAX_EXCEPTIONS) {
    const [oldest] = nh.exceptions.values();
    if (oldest) deleteException(nh, oldest);
  }
  fnhe = new NexthopException(daddr);
  fnhe.gw = gw;
  fnhe.pmtu = pmtu;
  fnhe.mtuLocked = mtuLocked;
  fnhe.expires = Math.max(1, expires);
  nh.exceptions.set(daddr | 0, fnhe);
  // whoever keeps a route of this nexthop must see whether the exception is about him
  if (nh.rthInput) nh.rthInput.dead = true;
  if (nh.rthOutput) nh.rthOutput.dead = true;
  nh.rthInput = null;
  nh.rthOutput = null;
}

/** fill_route_from_fnhe */
export function fillFromException(rt: Rtable, fnhe: NexthopException): void {
  rt.isException = true;
  rt.pmtu = fnhe.pmtu;
  rt.mtuLocked = fnhe.mtuLocked;
  rt.expires = fnhe.expires;
  if (fnhe.gw !== 0) {
    rt.flags |= RTCF_REDIRECTED;
    rt.gateway = fnhe.gw;
  }
}

/** Forgets all exceptions of a nexthop. */
export function flushExceptions(nh: FibNh): void {
  if (!nh.exceptions) return;
  for (const fnhe of nh.exceptions.values()) killRoutes(fnhe);
  nh.exceptions = null;
}

function deleteException(nh: FibNh, fnhe: NexthopException): void {
  killRoutes(fnhe);
  nh.exceptions?.delete(fnhe.daddr | 0);
}

function killRoutes(fnhe: NexthopException): void {
  if (fnhe.rthInput) fnhe.rthInput.dead = true;
  if (fnhe.rthOutput) fnhe.rthOutput.dead = true;
  fnhe.rthInput = null;
  fnhe.rthOutput = null;
}
