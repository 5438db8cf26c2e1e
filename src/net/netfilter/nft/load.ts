// Expressions made ready for packets: each becomes a function that reads a number or a name, or undefined where the packet
// does not have it (then the rule does not match). Answers to nft_payload.c, nft_meta.c, nft_ct.c, nft_fib_ipv4.c,
// nft_rt.c, nft_numgen.c, nft_exthdr.c and nft_bitwise.c.

import { Errno, NetError } from "../../../base/errno.ts";
import { get16, get32 } from "../../../wire/layout.ts";
import type { NetDevice } from "../../core/net-device.ts";
import type { Sock } from "../../core/sock.ts";
import { HZ } from "../../core/timer-wheel.ts";
import { FibResult, RTN_LOCAL } from "../../ipv4/fib-types.ts";
import { FlowKey, inetAddrType, inetDevAddrType } from "../../ipv4/route.ts";
import { skbRtable } from "../../ipv4/rtable.ts";
import { ctinfo2dir, IP_CT_UNTRACKED, nfCtGet } from "../conntrack-entry.ts";
import type { XtEnv, XtPar } from "../x-tables.ts";
import type { NftExpr, NftScalar } from "./expr.ts";
import { isVerdict, type NftSet } from "./set.ts";

export type Load = (par: XtPar) => NftScalar | undefined;
/** Fills `out` with the parts of a key. False: the packet lacks one. */
export type LoadKey = (par: XtPar, out: NftScalar[]) => boolean;

/** The next statement is asked. */
export const NEXT = 0x7fffffff;
/** A statement: NEXT, a verdict, or XT_CONTINUE where it does not hold. */
export type Step = (par: XtPar) => number;

/** What the expressions of a rule use. */
export interface LoadContext {
  readonly env: XtEnv;
  /** resolves a set that a rule names or holds */
  set(ref: Extract<NftExpr, { kind: "map" }>["set"]): NftSet;
}

const NFPROTO_IPV4 = 2;
const ETH_P_IP = 0x0800;

/** `bits` bits from bit `offset` after byte `start`, big-endian; undefined: not all there. At most 48 of them. */
function readBits(b: Uint8Array, start: number, end: number, offset: number, bits: number): number | undefined {
  const first = start + (offset >>> 3);
  const last = start + ((offset + bits - 1) >>> 3);
  if (last >= end) return undefined;
  let value = 0;
  for (let at = first; at <= last; at++) value = value * 256 + b[at]!;
  const drop = 7 - ((offset + bits - 1) & 7);
  if (drop !== 0) value = Math.floor(value / 2 ** drop);
  return (offset & 7) === 0 ? value : value % 2 ** bits;
}

export function loadExpr(expr: NftExpr, context: LoadContext): Load {
  switch (expr.kind) {
    case "payload":
      return loadPayload(expr);
    case "meta":
      return loadMeta(expr.key, context.env);
    case "ct":
      return loadCt(expr.key, expr.dir, context.env);
    case "fib":
      return loadFib(expr, context.env);
    case "rt":
      return loadRt(expr.key);
    case "numgen": {
      const { mode, mod, offset } = expr;
      if (mode === "random") {
        const rng = context.env.net.kernel.rng.fork("nft/numgen");
        return () => offset + rng.below(mod);
      }
      let counter = mod - 1;
      return () => {
        counter = counter + 1 >= mod ? 0 : counter + 1;
        return offset + counter;
      };
    }
    case "tcpopt":
      return loadMaxseg;
    case "bitwise": {
      const left = loadExpr(expr.left, context);
      const { and, xor } = expr;
      return (par) => {
        const value = left(par);
        return value === undefined ? undefined : (((value as number) & and) ^ xor) >>> 0;
      };
    }
    case "map": {
      const key = loadKey(expr.key, context);
      const set = context.set(expr.set);
      const scratch: NftScalar[] = [];
      const { net } = context.env;
      return (par) => {
        if (!key(par, scratch)) return undefined;
        const data = set.find(scratch, net.now)?.data;
        return data === undefined || data === null || isVerdict(data) ? undefined : data[0]!.low;
      };
    }
    case "immediate":
      return () => expr.value;
    default:
      throw new NetError(Errno.EINVAL);
  }
}

export function loadKey(expr: NftExpr, context: LoadContext): LoadKey {
  const loads = (expr.kind === "concat" ? expr.parts : [expr]).map((part) => loadExpr(part, context));
  return (par, out) => {
    out.length = loads.length;
    for (let i = 0; i < loads.length; i++) {
      const value = loads[i]!(par);
      if (value === undefined) return false;
      out[i] = value;
    }
    return true;
  };
}

function loadPayload({ base, offset, bits }: Extract<NftExpr, { kind: "payload" }>): Load {
  if (base === "network") return ({ skb, iph }) => readBits(skb.head, iph, skb.tail, offset, bits);
  if (base === "transport")
    return ({ skb, thoff, fragoff }) => (fragoff === 0 ? readBits(skb.head, thoff, skb.tail, offset, bits) : undefined);
  return ({ skb }) => {
    if (skb.macHeader < 0 || skb.macHeader === skb.networkHeader) return undefined;
    return readBits(skb.head, skb.macHeader, skb.tail, offset, bits);
  };
}

function loadMeta(key: string, env: XtEnv): Load {
  switch (key) {
    case "length":
      return ({ skb, iph }) => skb.tail - iph;
    case "mark":
      return ({ skb }) => skb.mark;
    case "priority":
      return ({ skb }) => skb.priority;
    case "iif":
      return ({ in: dev }) => dev?.ifindex;
    case "oif":
      return ({ out: dev }) => dev?.ifindex;
    case "iifname":
      return ({ in: dev }) => dev?.name;
    case "oifname":
      return ({ out: dev }) => dev?.name;
    case "iiftype":
      return ({ in: dev }) => dev?.type;
    case "oiftype":
      return ({ out: dev }) => dev?.type;
    case "iifgroup":
      return ({ in: dev }) => (dev === null ? undefined : 0);
    case "oifgroup":
      return ({ out: dev }) => (dev === null ? undefined : 0);
    case "l4proto":
      return (par) => par.protonum;
    case "nfproto":
      return () => NFPROTO_IPV4;
    case "protocol":
      return () => ETH_P_IP;
    case "pkttype":
      return ({ skb }) => skb.pktType;
    case "cpu":
      return () => 0;
    case "skuid":
    case "skgid":
      return ({ skb }) => {
        const sk = skb.sk as Sock | null;
        return sk === null || sk.dead || sk.net !== env.net ? undefined : sk.uid;
      };
    case "random": {
      const rng = env.net.kernel.rng.fork("nft/random");
      return () => rng.u32();
    }
    default:
      throw new NetError(Errno.EOPNOTSUPP);
  }
}

/** What ct state calls a packet, as a bit (nft_ct_get_eval). */
function ctState(conn: number, ctinfo: number): number {
  if (conn === 0) return ctinfo === IP_CT_UNTRACKED ? 64 : 1;
  return 1 << ((ctinfo % 3) + 1);
}

function loadCt(key: string, dir: 0 | 1 | null, env: XtEnv): Load {
  if (key === "state") return ({ skb }) => ctState(nfCtGet(skb), skb.ctinfo);
  const of =
    (read: (conn: number, dir: 0 | 1) => NftScalar | undefined): Load =>
    ({ skb }) => {
      const conn = nfCtGet(skb);
      return conn === 0 ? undefined : read(conn, dir ?? 0);
    };
  const { rows } = env.ct;
  switch (key) {
    case "direction":
      return ({ skb }) => (nfCtGet(skb) === 0 ? undefined : ctinfo2dir(skb.ctinfo));
    case "status":
      return of((conn) => rows.status(conn));
    case "mark":
      return of((conn) => rows.mark(conn));
    case "expiration":
      return of((conn) => Math.max(0, env.ct.jiffiesLeft(conn)) / HZ);
    case "zone":
      return of((conn) => (dir === null ? rows.zone(conn) : rows.zoneId(conn, dir)));
    case "id":
      return of((conn) => env.ct.id(conn));
    case "helper":
      return of((conn) => rows.ext(conn)?.helper?.name);
    case "l3proto":
      return of(() => NFPROTO_IPV4);
    case "protocol":
      return of((conn) => rows.protonum(conn));
    case "saddr":
      return of((conn, d) => rows.src(conn, d) >>> 0);
    case "daddr":
      return of((conn, d) => rows.dst(conn, d) >>> 0);
    case "proto-src":
      return of((conn, d) => rows.srcU(conn, d));
    case "proto-dst":
      return of((conn, d) => rows.dstU(conn, d));
    case "packets":
      return of((conn, d) => (dir === null ? rows.packets(conn, 0) + rows.packets(conn, 1) : rows.packets(conn, d)));
    case "bytes":
      return of((conn, d) => (dir === null ? rows.bytes(conn, 0) + rows.bytes(conn, 1) : rows.bytes(conn, d)));
    default:
      throw new NetError(Errno.EOPNOTSUPP);
  }
}

function loadFib({ source, flags, result, present }: Extract<NftExpr, { kind: "fib" }>, { ip4 }: XtEnv): Load {
  const at = source ? 12 : 16;
  const limit = (par: XtPar): NetDevice | null =>
    flags.includes("iif") ? par.in : flags.includes("oif") ? par.out : null;
  if (result === "type")
    return (par) => {
      const addr = get32(par.skb.head, par.iph + at);
      const dev = limit(par);
      return dev === null ? inetAddrType(ip4, addr) : inetDevAddrType(ip4, dev, addr);
    };
  const fl = new FlowKey();
  const res = new FibResult();
  const find = (par: XtPar): NetDevice | null => {
    const { skb, iph } = par;
    const other = get32(skb.head, iph + (source ? 16 : 12));
    fl.reset();
    fl.daddr = get32(skb.head, iph + at);
    fl.saddr = flags.includes(source ? "daddr" : "saddr") ? other : 0;
    fl.iif = ip4.loopback.ifindex;
    fl.mark = flags.includes("mark") ? skb.mark : 0;
    if (ip4.fib.lookup(fl, res) !== 0) return null;
    const { nhs } = res.info!;
    const wanted = limit(par);
    if (res.type === RTN_LOCAL && wanted === null) return ip4.loopback;
    for (let i = 0; i < nhs.length; i++) if (wanted === null || nhs[i]!.dev === wanted) return nhs[i]!.dev;
    return null;
  };
  if (present) return (par) => (find(par) === null ? 0 : 1);
  return result === "oif" ? (par) => find(par)?.ifindex ?? 0 : (par) => find(par)?.name ?? "";
}

function loadRt(key: "nexthop" | "mtu"): Load {
  return ({ skb, iph }) => {
    const rt = skbRtable(skb);
    if (rt === null) return undefined;
    return key === "nexthop" ? rt.nexthop(get32(skb.head, iph + 16)) : rt.mtu() - 40;
  };
}

/** Offset of the MSS option's value, or −1. */
export function findMaxseg({ skb, thoff, protonum, fragoff }: XtPar): number {
  const b = skb.head;
  if (protonum !== 6 || fragoff !== 0 || skb.tail - thoff < 20) return -1;
  const end = Math.min(thoff + ((b[thoff + 12]! >>> 4) << 2), skb.tail);
  for (let at = thoff + 20; at < end; ) {
    const kind = b[at]!;
    if (kind === 2 && end - at >= 4) return at + 2;
    at += kind < 2 ? 1 : Math.max(b[at + 1] ?? 1, 2);
  }
  return -1;
}

function loadMaxseg(par: XtPar): number | undefined {
  const at = findMaxseg(par);
  return at < 0 ? undefined : get16(par.skb.head, at);
}
