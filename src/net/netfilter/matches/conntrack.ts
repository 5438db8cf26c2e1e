// Matches conntrack and its short form state: what connection tracking says of the packet. Answers to xt_conntrack.c
// (revision 3). A rule with it makes the namespace track connections.

import { HZ } from "../../core/timer-wheel.ts";
import { ctinfo2dir, IP_CT_UNTRACKED, IPS_CONFIRMED, IPS_DST_NAT, IPS_SRC_NAT, nfCtGet } from "../conntrack-entry.ts";
import type { ConnRows } from "../conntrack-rows.ts";
import { KEY_CTSTATE, keyAmong } from "../rule-keys.ts";
import type { MatchFn, XtEnv, XtMatch } from "../x-tables.ts";

// uapi/linux/netfilter/xt_conntrack.h
export const XT_CONNTRACK_STATE = 1;
export const XT_CONNTRACK_PROTO = 2;
export const XT_CONNTRACK_ORIGSRC = 4;
export const XT_CONNTRACK_ORIGDST = 8;
export const XT_CONNTRACK_REPLSRC = 16;
export const XT_CONNTRACK_REPLDST = 32;
export const XT_CONNTRACK_STATUS = 64;
export const XT_CONNTRACK_EXPIRES = 128;
export const XT_CONNTRACK_ORIGSRC_PORT = 256;
export const XT_CONNTRACK_ORIGDST_PORT = 512;
export const XT_CONNTRACK_REPLSRC_PORT = 1024;
export const XT_CONNTRACK_REPLDST_PORT = 2048;
export const XT_CONNTRACK_DIRECTION = 4096;
/** it was written as -m state */
export const XT_CONNTRACK_STATE_ALIAS = 8192;

export const XT_CONNTRACK_STATE_INVALID = 1;
export const STATE_ESTABLISHED = 2;
export const STATE_RELATED = 4;
export const STATE_NEW = 8;
export const XT_CONNTRACK_STATE_SNAT = 64;
export const XT_CONNTRACK_STATE_DNAT = 128;
export const XT_CONNTRACK_STATE_UNTRACKED = 256;

export interface ConntrackInfo {
  /** XT_CONNTRACK_*: what is asked, and what of it inverted (direction inverted: reply) */
  matchFlags: number;
  invertFlags: number;
  stateMask: number;
  statusMask: number;
  l4proto: number;
  /** address and mask of orig source, orig destination, reply source, reply destination */
  addrs: [number, number][];
  /** lowest and highest port, in the same order */
  ports: [number, number][];
  /** seconds */
  expires: [number, number];
}

export const conntrackMatch: XtMatch<ConntrackInfo> = {
  name: "conntrack",
  memo: ({ matchFlags }) => (matchFlags & XT_CONNTRACK_EXPIRES) === 0,
  box: ({ matchFlags }) => ((matchFlags & ~XT_CONNTRACK_STATE_ALIAS) === XT_CONNTRACK_STATE ? null : undefined),
  create(info, { env }) {
    const release = env.useConntrack();
    const onlyState = (info.matchFlags & ~XT_CONNTRACK_STATE_ALIAS) === XT_CONNTRACK_STATE;
    return { fn: onlyState ? stateMt(info, env) : conntrackMt(info, env), destroy: release };
  },
  keys: ({ matchFlags, invertFlags, stateMask }) => {
    const nat = XT_CONNTRACK_STATE_SNAT | XT_CONNTRACK_STATE_DNAT;
    if (!(matchFlags & ~invertFlags & XT_CONNTRACK_STATE) || stateMask & nat) return [];
    return [
      keyAmong(
        KEY_CTSTATE,
        SINGLE_STATES.filter((bit) => stateMask & bit),
      ),
    ];
  },
};

const SINGLE_STATES: readonly number[] = [
  XT_CONNTRACK_STATE_INVALID,
  STATE_ESTABLISHED,
  STATE_RELATED,
  STATE_NEW,
  XT_CONNTRACK_STATE_UNTRACKED,
];

function stateBit(rows: ConnRows, conn: number, ctinfo: number): number {
  if (conn === 0) return ctinfo === IP_CT_UNTRACKED ? XT_CONNTRACK_STATE_UNTRACKED : XT_CONNTRACK_STATE_INVALID;
  let bit = 1 << ((ctinfo % 3) + 1);
  const status = rows.status(conn);
  if (status & IPS_SRC_NAT) bit |= XT_CONNTRACK_STATE_SNAT;
  if (status & IPS_DST_NAT) bit |= XT_CONNTRACK_STATE_DNAT;
  return bit;
}

function stateMt(info: ConntrackInfo, { ct: { rows } }: XtEnv): MatchFn {
  const { stateMask } = info;
  const invert = (info.invertFlags & XT_CONNTRACK_STATE) !== 0;
  return ({ skb }) => ((stateMask & stateBit(rows, nfCtGet(skb), skb.ctinfo)) !== 0) !== invert;
}

function conntrackMt(info: ConntrackInfo, env: XtEnv): MatchFn {
  const { matchFlags, invertFlags, stateMask, statusMask, l4proto, addrs, ports } = info;
  const [expiresMin, expiresMax] = info.expires;
  /** asked for, and the answer is not the wanted one */
  const fails = (flag: number, holds: boolean): boolean =>
    (matchFlags & flag) !== 0 && holds === ((invertFlags & flag) !== 0);
  const { ct } = env;
  const { rows } = ct;
  return ({ skb }) => {
    const conn = nfCtGet(skb);
    if (fails(XT_CONNTRACK_STATE, (stateMask & stateBit(rows, conn, skb.ctinfo)) !== 0)) return false;
    if (conn === 0) return (matchFlags & XT_CONNTRACK_STATE) !== 0;
    if (fails(XT_CONNTRACK_DIRECTION, ctinfo2dir(skb.ctinfo) === 0)) return false;
    for (let i = 0; i < 4; i++) {
      const dir = i >> 1;
      const isSource = (i & 1) === 0;
      const [addr, mask] = addrs[i]!;
      const value = isSource ? rows.src(conn, dir) : rows.dst(conn, dir);
      if (fails(XT_CONNTRACK_ORIGSRC << i, ((value ^ addr) & mask) === 0)) return false;
      const [low, high] = ports[i]!;
      const port = isSource ? rows.srcU(conn, dir) : rows.dstU(conn, dir);
      if (fails(XT_CONNTRACK_ORIGSRC_PORT << i, port >= low && port <= high)) return false;
    }
    if (fails(XT_CONNTRACK_PROTO, rows.protonum(conn) === l4proto)) return false;
    if (fails(XT_CONNTRACK_STATUS, (statusMask & rows.status(conn)) !== 0)) return false;
    if (matchFlags & XT_CONNTRACK_EXPIRES) {
      // a connection not yet in the table holds a span, which the kernel takes for a moment long past
      const left = rows.status(conn) & IPS_CONFIRMED ? Math.floor(Math.max(ct.jiffiesLeft(conn), 0) / HZ) : 0;
      if (fails(XT_CONNTRACK_EXPIRES, left >= expiresMin && left <= expiresMax)) return false;
    }
    return true;
  };
}
