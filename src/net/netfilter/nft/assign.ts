// Statements that set something: a mark, a priority, a field of the IP or transport header with its checksums, the MSS
// option. Answers to nft_meta_set_eval, nft_ct_set_eval, nft_payload_set_eval and nft_exthdr_tcp_set_eval.

import { Errno, NetError } from "../../../base/errno.ts";
import { updateField16, updateField32 } from "../../../wire/checksum.ts";
import { get16, get32, set16, set32 } from "../../../wire/layout.ts";
import { CHECKSUM_PARTIAL } from "../../core/skb.ts";
import { IPCT_MARK, nfCtGet } from "../conntrack-entry.ts";
import { XT_CONTINUE, type XtPar } from "../x-tables.ts";
import type { NftExpr } from "./expr.ts";
import { findMaxseg, type LoadContext, loadExpr, NEXT, type Step } from "./load.ts";

type Store = (par: XtPar, value: number) => void;

export function compileAssign(to: NftExpr, from: NftExpr, context: LoadContext): Step {
  const load = loadExpr(from, context);
  const store = storeInto(to, context);
  return (par) => {
    const value = load(par);
    if (value === undefined) return XT_CONTINUE;
    store(par, value as number);
    return NEXT;
  };
}

function storeInto(to: NftExpr, { env }: LoadContext): Store {
  if (to.kind === "meta") {
    if (to.key === "mark")
      return ({ skb }, value) => {
        skb.mark = value >>> 0;
      };
    if (to.key === "priority")
      return ({ skb }, value) => {
        skb.priority = value >>> 0;
      };
    if (to.key === "nftrace")
      return ({ skb }, value) => {
        skb.nfTrace = value !== 0;
      };
    if (to.key === "pkttype")
      return ({ skb }, value) => {
        skb.pktType = value;
      };
  } else if (to.kind === "ct" && to.key === "mark")
    return ({ skb }, value) => {
      const conn = nfCtGet(skb);
      if (conn === 0 || env.ct.rows.mark(conn) === value) return;
      env.ct.rows.setMark(conn, value);
      env.ct.events.note(conn, IPCT_MARK);
    };
  else if (to.kind === "tcpopt") return storeMaxseg;
  else if (to.kind === "payload" && to.base !== "link") return storePayload(to);
  throw new NetError(Errno.EOPNOTSUPP);
}

/** Lowers the MSS option; raising it could stall the connection. */
function storeMaxseg(par: XtPar, value: number): void {
  const at = findMaxseg(par);
  if (at < 0) return;
  const { skb, thoff } = par;
  const old = get16(skb.head, at);
  if (old <= value) return;
  set16(skb.head, at, value);
  updateField16(skb.head, thoff + 16, old, value, false, skb.ipSummed === CHECKSUM_PARTIAL);
}

/** The field's sixteen-bit words change one by one, and every checksum that covers them with them. */
function storePayload({ base, proto, offset, bits }: Extract<NftExpr, { kind: "payload" }>): Store {
  const first = (offset >>> 4) << 1;
  const words = ((offset + bits + 15) >>> 4) - (first >>> 1);
  const isAddress = base === "network" && first >= 12;
  const shift = (first + words * 2) * 8 - offset - bits;
  return (par, value) => {
    const { skb, iph, thoff, protonum, fragoff } = par;
    const b = skb.head;
    if (base === "transport" && (fragoff !== 0 || proto === "")) return;
    const start = base === "network" ? iph : thoff;
    if (start + first + words * 2 > skb.tail) return;
    const partial = skb.ipSummed === CHECKSUM_PARTIAL;
    const l4 =
      fragoff !== 0 ? -1 : protonum === 6 ? thoff + 16 : protonum === 17 && get16(b, thoff + 6) !== 0 ? thoff + 6 : -1;
    if (words === 2 && bits === 32) {
      const old = get32(b, start + first);
      set32(b, start + first, value);
      if (base === "network") updateField32(b, iph + 10, old, value, false, false);
      if (l4 >= 0 && (isAddress || base === "transport")) updateField32(b, l4, old, value, isAddress, partial);
      return;
    }
    const at = start + first;
    const old = get16(b, at);
    const mask = ((2 ** bits - 1) * 2 ** shift) & 0xffff;
    const fresh = (old & ~mask) | ((value * 2 ** shift) & mask);
    set16(b, at, fresh);
    if (base === "network") updateField16(b, iph + 10, old, fresh, false, false);
    else if (l4 >= 0) updateField16(b, l4, old, fresh, false, partial);
  };
}
