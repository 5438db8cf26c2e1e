// NAT statements of nft: snat and dnat to addresses, ports, ranges and maps; masquerade and redirect. Answers to
// net/netfilter/nft_nat.c, nft_masq.c and nft_redir.c.

import { NF_ACCEPT, NF_DROP } from "../../core/netfilter.ts";
import { nfCtGet } from "../conntrack-entry.ts";
import {
  NF_NAT_MANIP_DST,
  NF_NAT_MANIP_SRC,
  NF_NAT_RANGE_MAP_IPS,
  NF_NAT_RANGE_PROTO_SPECIFIED,
  natRange,
} from "../nat.ts";
import type { Table } from "../nf-table.ts";
import { masqueradeTarget, redirectTarget } from "../targets/nat.ts";
import { XT_CONTINUE, type XtPar } from "../x-tables.ts";
import type { NftExpr, NftScalar, NftStmt } from "./expr.ts";
import { type Load, type LoadContext, loadExpr, loadKey, type Step } from "./load.ts";
import { isVerdict } from "./set.ts";

type NatStmt = Extract<NftStmt, { kind: "nat" }>;
type Fill = (par: XtPar) => boolean;

export function compileNat(stmt: NatStmt, context: LoadContext, table: Table, releases: (() => void)[]): Step {
  const { env } = context;
  const { target, type } = stmt;
  const range = natRange();
  range.flags = stmt.flags;
  const fills: Fill[] = [];
  const pair = (exprs: readonly [NftExpr, NftExpr], set: (low: number, high: number) => void): void => {
    const loads: readonly [Load, Load] = [loadExpr(exprs[0], context), loadExpr(exprs[1], context)];
    fills.push((par) => {
      const low = loads[0](par);
      const high = loads[1](par);
      if (low === undefined || high === undefined) return false;
      set(low as number, high as number);
      return true;
    });
  };
  if (target.addr !== null) {
    range.flags |= NF_NAT_RANGE_MAP_IPS;
    pair(target.addr, (low, high) => {
      range.minAddr = low;
      range.maxAddr = high;
    });
  }
  if (target.port !== null) {
    range.flags |= NF_NAT_RANGE_PROTO_SPECIFIED;
    pair(target.port, (low, high) => {
      range.minProto = low;
      range.maxProto = high;
    });
  }
  if (target.both !== null) {
    range.flags |= NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED;
    fills.push(
      fillFromMap(target.both, context, (parts) => {
        range.minAddr = parts[0]!.low as number;
        range.maxAddr = parts[0]!.high as number;
        range.minProto = parts[1]!.low as number;
        range.maxProto = parts[1]!.high as number;
      }),
    );
  }
  const ready: Fill = (par) => {
    for (let i = 0; i < fills.length; i++) if (!fills[i]!(par)) return false;
    return true;
  };
  if (type === "masquerade" || type === "redirect") {
    const check = { env, table: table.name, chain: null as never, hookMask: 0, proto: 0, invProto: false };
    const instance = (type === "masquerade" ? masqueradeTarget : redirectTarget).create(range as never, check);
    if (instance.destroy) releases.push(instance.destroy);
    return (par) => (ready(par) ? instance.fn(par) : XT_CONTINUE);
  }
  releases.push(env.useConntrack());
  const manip = type === "snat" ? NF_NAT_MANIP_SRC : NF_NAT_MANIP_DST;
  return (par) => {
    const conn = nfCtGet(par.skb);
    if (conn === 0) return NF_ACCEPT;
    if (!ready(par)) return XT_CONTINUE;
    return env.nat.setupInfo(conn, range, manip) === NF_DROP ? NF_DROP : NF_ACCEPT;
  };
}

function fillFromMap(
  expr: NftExpr,
  context: LoadContext,
  store: (parts: readonly { low: NftScalar; high: NftScalar }[]) => void,
): Fill {
  if (expr.kind !== "map") return () => false;
  const key = loadKey(expr.key, context);
  const set = context.set(expr.set);
  const scratch: NftScalar[] = [];
  const { net } = context.env;
  return (par) => {
    if (!key(par, scratch)) return false;
    const data = set.find(scratch, net.now)?.data;
    if (!data || isVerdict(data)) return false;
    store(data);
    return true;
  };
}
