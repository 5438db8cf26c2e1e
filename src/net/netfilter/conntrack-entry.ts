// One tracked connection (struct nf_conn), and the numbers that describe it: status bits, what a packet is to it, events.
// Answers to include/net/netfilter/nf_conntrack.h and uapi/linux/netfilter/nf_conntrack_common.h.

import type { Ns } from "../../base/time.ts";
import type { SkBuff } from "../core/skb.ts";
import type { ConntrackHelper } from "./conntrack-expect.ts";
import type { FtpState } from "./helper-ftp.ts";
import type { TcpTrack } from "./proto-tcp-track.ts";
import type { SeqAdj } from "./seqadj.ts";
import { Tuple } from "./tuple.ts";

// enum ip_conntrack_info: skb.ctinfo. Below IP_CT_IS_REPLY the packet goes the original way.
export const IP_CT_ESTABLISHED = 0;
export const IP_CT_RELATED = 1;
export const IP_CT_NEW = 2;
export const IP_CT_IS_REPLY = 3;
export const IP_CT_ESTABLISHED_REPLY = 3;
export const IP_CT_RELATED_REPLY = 4;
/** with skb.ct null: the NOTRACK target asked not to look */
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
  /** the connection that announced this one */
  master: NfConn | null;
  /** by direction: how sequence numbers are shifted */
  seqadj: [SeqAdj, SeqAdj] | null;
  ftp: FtpState | null;
}

export class NfConn {
  /** place in the table, −1 while it is in none */
  index = -1;
  /** what `conntrack -o id` shows (nf_ct_get_id) */
  id = 0;
  /** IPS_* */
  status = 0;
  /** virtual ns when it is forgotten; while unconfirmed, ns after confirmation */
  timeout: Ns = 0;
  mark = 0;
  /** conntrack zone, and the directions to which it applies (both: 3) */
  zone = 0;
  /** a template: its zone is the packet's mark */
  zoneFromMark = false;
  zoneDir: number = NF_CT_ZONE_DIR_ORIG | NF_CT_ZONE_DIR_REPL;
  readonly orig: Tuple = new Tuple();
  readonly reply: Tuple = new Tuple();
  /** null: a connection without any of that */
  ext: ConnExt | null = null;
  /** TCP only */
  tcp: TcpTrack | null = null;
  /** UDP: traffic after this moment makes it a stream */
  udpStreamNs: Ns = 0;
  /** ifindex of the interface whose address MASQUERADE took; 0 none */
  masqIndex = 0;
  /** nf_conntrack_acct: by direction; null while accounting is off */
  acct: { packets: [number, number]; bytes: [number, number] } | null = null;
  /** nf_conntrack_timestamp: virtual ns of start and stop; 0 unset */
  startNs: Ns = 0;
  stopNs: Ns = 0;
  /** nf_conntrack_events: somebody listened when it began */
  ecache = false;
  /** number of the way that its last packet took, by direction (flow-paths.ts); 0 none */
  path0 = 0;
  path1 = 0;
  /** IPCT_* not yet told */
  events = 0;

  /** The tuple of a direction. */
  tuple(dir: number): Tuple {
    return dir === 0 ? this.orig : this.reply;
  }

  get confirmed(): boolean {
    return (this.status & IPS_CONFIRMED) !== 0;
  }

  get protonum(): number {
    return this.orig.protonum;
  }

  /** Zone under which a direction is stored (nf_ct_zone_id). */
  zoneId(dir: number): number {
    return this.zoneDir & (1 << dir) ? this.zone : 0;
  }
}

/** The connection's extensions, made when they are first needed. */
export function connExt(conn: NfConn): ConnExt {
  conn.ext ??= { helper: null, master: null, seqadj: null, ftp: null };
  return conn.ext;
}

/** The connection of a packet, null when it has none or only a template. */
export function nfCtGet(skb: SkBuff): NfConn | null {
  const ct = skb.ct as NfConn | null;
  return ct !== null && (ct.status & IPS_TEMPLATE) === 0 ? ct : null;
}

/** Direction of a packet (CTINFO2DIR). */
export function ctinfo2dir(ctinfo: number): number {
  return ctinfo >= IP_CT_IS_REPLY ? 1 : 0;
}

/** What a packet is to its connection, as `-m conntrack --ctstate` says it. */
export function ctinfoName(skb: SkBuff): string {
  if (nfCtGet(skb) === null) return skb.ctinfo === IP_CT_UNTRACKED ? "UNTRACKED" : "INVALID";
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
