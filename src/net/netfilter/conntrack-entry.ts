// The numbers that describe a tracked connection (struct nf_conn): status bits, what a packet is to it, events; and what few of
// them have. The connection itself is a row of conntrack-rows.ts.
// Answers to include/net/netfilter/nf_conntrack.h and uapi/linux/netfilter/nf_conntrack_common.h.

import type { SkBuff } from "../core/skb.ts";
import type { ConntrackHelper } from "./conntrack-expect.ts";
import type { FtpState } from "./helper-ftp.ts";
import type { SeqAdj } from "./seqadj.ts";

// enum ip_conntrack_info: skb.ctinfo. Below IP_CT_IS_REPLY the packet goes the original way.
export const IP_CT_ESTABLISHED = 0;
export const IP_CT_RELATED = 1;
export const IP_CT_NEW = 2;
export const IP_CT_IS_REPLY = 3;
export const IP_CT_ESTABLISHED_REPLY = 3;
export const IP_CT_RELATED_REPLY = 4;
/** with skb.ct 0: the NOTRACK target asked not to look */
export const IP_CT_UNTRACKED = 7;

// enum ip_conntrack_status
export const IPS_EXPECTED: number = 1 << 0;
export const IPS_SEEN_REPLY: number = 1 << 1;
export const IPS_ASSURED: number = 1 << 2;
export const IPS_CONFIRMED: number = 1 << 3;
export const IPS_SRC_NAT: number = 1 << 4;
export const IPS_DST_NAT: number = 1 << 5;
export const IPS_NAT_MASK: number = IPS_SRC_NAT | IPS_DST_NAT;
export const IPS_SEQ_ADJUST: number = 1 << 6;
export const IPS_SRC_NAT_DONE: number = 1 << 7;
export const IPS_DST_NAT_DONE: number = 1 << 8;
export const IPS_NAT_DONE_MASK: number = IPS_SRC_NAT_DONE | IPS_DST_NAT_DONE;
export const IPS_DYING: number = 1 << 9;
export const IPS_FIXED_TIMEOUT: number = 1 << 10;
export const IPS_TEMPLATE: number = 1 << 11;
export const IPS_NAT_CLASH: number = 1 << 12;
export const IPS_HELPER: number = 1 << 13;

// enum ip_conntrack_events, as bits
export const IPCT_NEW: number = 1 << 0;
export const IPCT_RELATED: number = 1 << 1;
export const IPCT_DESTROY: number = 1 << 2;
export const IPCT_REPLY: number = 1 << 3;
export const IPCT_ASSURED: number = 1 << 4;
export const IPCT_PROTOINFO: number = 1 << 5;
export const IPCT_HELPER: number = 1 << 6;
export const IPCT_MARK: number = 1 << 7;

export const NF_CT_ZONE_DIR_ORIG = 1;
export const NF_CT_ZONE_DIR_REPL = 2;

/** What few connections have (struct nf_ct_ext). */
export interface ConnExt {
  /** what reads their control connection */
  helper: ConntrackHelper | null;
  /** the connection that announced this one; 0: none did */
  master: number;
  /** by direction: how sequence numbers are shifted */
  seqadj: [SeqAdj, SeqAdj] | null;
  ftp: FtpState | null;
}

/** What the raw table's CT target gives a packet before conntrack has seen it: where to look, and who helps (nf_ct_tmpl_alloc). */
export interface Template {
  readonly zone: number;
  /** the zone is the packet's mark instead */
  readonly zoneFromMark: boolean;
  /** directions to which the zone applies (both: 3) */
  readonly zoneDir: number;
  readonly helper: ConntrackHelper | null;
}

/** The connection of a packet: its row in the namespace's table; 0 when it has none or only a template. */
export function nfCtGet(skb: SkBuff): number {
  return Math.max(skb.ct, 0);
}

/** Direction of a packet (CTINFO2DIR). */
export function ctinfo2dir(ctinfo: number): number {
  return ctinfo >= IP_CT_IS_REPLY ? 1 : 0;
}

/** What a packet is to its connection, as `-m conntrack --ctstate` says it. */
export function ctinfoName(skb: SkBuff): string {
  if (nfCtGet(skb) === 0) return skb.ctinfo === IP_CT_UNTRACKED ? "UNTRACKED" : "INVALID";
  switch (skb.ctinfo) {
    case IP_CT_NEW:
      return "NEW";
    case IP_CT_RELATED:
    case IP_CT_RELATED_REPLY:
      return "RELATED";
    default:
      return "ESTABLISHED";
  }
}
