// Match sctp: ports and the types of the chunks that follow. Answers to xt_sctp.c; chunk flags are left out.

import { IPPROTO_SCTP } from "../../../wire/ipv4.ts";
import { get16 } from "../../../wire/layout.ts";
import { invalid, type MatchFn, type XtMatch } from "../x-tables.ts";

export const XT_SCTP_SRC_PORTS = 1;
export const XT_SCTP_DEST_PORTS = 2;
export const XT_SCTP_CHUNK_TYPES = 4;
export const SCTP_CHUNK_MATCH_ANY = 1;
export const SCTP_CHUNK_MATCH_ALL = 2;
export const SCTP_CHUNK_MATCH_ONLY = 4;

export interface SctpInfo {
  spts: [number, number];
  dpts: [number, number];
  /** chunk types wanted, ascending */
  chunks: number[];
  chunkMatchType: number;
  /** XT_SCTP_*: what is asked, and what of it inverted */
  flags: number;
  invflags: number;
}

export const sctpMatch: XtMatch<SctpInfo> = {
  name: "sctp",
  proto: IPPROTO_SCTP,
  create(info) {
    if (info.invflags & ~info.flags) invalid();
    return { fn: sctpMt(info) };
  },
};

function sctpMt(info: SctpInfo): MatchFn {
  const { flags, invflags } = info;
  const [smin, smax] = info.spts;
  const [dmin, dmax] = info.dpts;
  return (par) => {
    const { thoff, skb } = par;
    if (par.fragoff !== 0) return false;
    if (skb.tail - thoff < 12) {
      par.hotdrop = true;
      return false;
    }
    const b = skb.head;
    if (flags & XT_SCTP_SRC_PORTS) {
      const port = get16(b, thoff);
      if ((port >= smin && port <= smax) === ((invflags & XT_SCTP_SRC_PORTS) !== 0)) return false;
    }
    if (flags & XT_SCTP_DEST_PORTS) {
      const port = get16(b, thoff + 2);
      if ((port >= dmin && port <= dmax) === ((invflags & XT_SCTP_DEST_PORTS) !== 0)) return false;
    }
    if (!(flags & XT_SCTP_CHUNK_TYPES)) return true;
    return matchChunks(b, thoff + 12, skb.tail, info) !== ((invflags & XT_SCTP_CHUNK_TYPES) !== 0);
  };
}

function matchChunks(b: Uint8Array, from: number, end: number, info: SctpInfo): boolean {
  let seen = 0;
  for (let at = from; at + 4 <= end; ) {
    const length = get16(b, at + 2);
    if (length === 0) return false;
    const found = info.chunks.indexOf(b[at]!);
    if (found >= 0) {
      if (info.chunkMatchType === SCTP_CHUNK_MATCH_ANY) return true;
      if (found < 32) seen |= 1 << found;
    } else if (info.chunkMatchType === SCTP_CHUNK_MATCH_ONLY) return false;
    at += (length + 3) & ~3;
  }
  if (info.chunkMatchType === SCTP_CHUNK_MATCH_ALL) {
    if (info.chunks.length > 32) return false; // more than a packet is likely to hold
    for (let i = 0; i < info.chunks.length; i++) if (!(seen & (1 << i))) return false;
    return true;
  }
  return info.chunkMatchType === SCTP_CHUNK_MATCH_ONLY;
}
