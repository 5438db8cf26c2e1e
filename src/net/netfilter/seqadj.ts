// Sequence numbers after a helper has made a segment's text longer or shorter: what follows is shifted, and what the other
// side acknowledges is shifted back. Answers to net/netfilter/nf_conntrack_seqadj.c.

import { updateField32 } from "../../wire/checksum.ts";
import { get32, set32 } from "../../wire/layout.ts";
import { ACK } from "../../wire/tcp.ts";
import { CHECKSUM_PARTIAL, type SkBuff } from "../core/skb.ts";
import { type ConnExt, ctinfo2dir } from "./conntrack-entry.ts";
import { after, before } from "./proto-tcp-track.ts";

/** One direction (struct nf_ct_seqadj). */
export class SeqAdj {
  /** sequence number up to which the old offset holds */
  correctionPos = 0;
  offsetBefore = 0;
  offsetAfter = 0;
}

/** nf_ct_seqadj_set: from `seq` on, the direction's numbers are shifted by `off` more. */
export function seqadjSet(ext: ConnExt, ctinfo: number, seq: number, off: number): void {
  if (off === 0) return;
  ext.seqadj ??= [new SeqAdj(), new SeqAdj()];
  const way = ext.seqadj[ctinfo2dir(ctinfo) as 0 | 1];
  if (way.offsetBefore !== way.offsetAfter && !before(way.correctionPos, seq)) return;
  way.correctionPos = seq;
  way.offsetBefore = way.offsetAfter;
  way.offsetAfter += off;
}

/** By how much a direction's number `seq` is shifted (nf_ct_seq_offset). */
export function seqOffset(ext: ConnExt, dir: 0 | 1, seq: number): number {
  const way = ext.seqadj?.[dir];
  if (!way) return 0;
  return after(seq, way.correctionPos) ? way.offsetAfter : way.offsetBefore;
}

/** nf_ct_seq_adjust: the packet's numbers as the other side knows them. `th`: TCP header. */
export function seqAdjust(skb: SkBuff, ext: ConnExt, ctinfo: number, th: number): void {
  const ways = ext.seqadj;
  const b = skb.head;
  if (!ways || skb.tail - th < 20) return;
  const dir = ctinfo2dir(ctinfo) as 0 | 1;
  const thisWay = ways[dir];
  const otherWay = ways[(1 - dir) as 0 | 1];
  const partial = skb.ipSummed === CHECKSUM_PARTIAL;
  const change = (at: number, offset: number): void => {
    if (offset === 0) return;
    const old = get32(b, at);
    const fresh = (old + offset) >>> 0;
    set32(b, at, fresh);
    updateField32(b, th + 16, old, fresh, false, partial);
  };
  const seq = get32(b, th + 4);
  change(th + 4, after(seq, thisWay.correctionPos) ? thisWay.offsetAfter : thisWay.offsetBefore);
  if (!(b[th + 13]! & ACK)) return;
  const back = (number: number): number =>
    after(number - otherWay.offsetBefore, otherWay.correctionPos) ? otherWay.offsetAfter : otherWay.offsetBefore;
  change(th + 8, -back(get32(b, th + 8)));
  // and the same in what a selective acknowledgement says (RFC 2018)
  const end = th + ((b[th + 12]! >>> 4) << 2);
  for (let at = th + 20; at < end && b[at] !== 0; ) {
    const kind = b[at]!;
    const length = kind === 1 ? 1 : (b[at + 1] ?? 0);
    if (length < 1 || at + length > end) return;
    if (kind === 5) for (let edge = at + 2; edge + 4 <= at + length; edge += 4) change(edge, -back(get32(b, edge)));
    at += length;
  }
}
