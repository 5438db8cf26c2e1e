// What a match or a target extension is, on the kernel's side: a name, where it may be used, and a function made once per
// rule that looks at packets. Answers to include/linux/netfilter/x_tables.h (struct xt_match, xt_target,
// xt_action_param). The lists of extensions are matches/index.ts and targets/index.ts; their text is in tools/iptables/.

import { Errno, NetError } from "../../base/errno.ts";
import type { Net } from "../core/net.ts";
import type { NetDevice } from "../core/net-device.ts";
import type { PacketBox } from "../core/packet-box.ts";
import type { SkBuff } from "../core/skb.ts";
import type { Ipv4 } from "../ipv4/ipv4.ts";
import type { Conntrack } from "./conntrack.ts";
import type { HashlimitTable } from "./hashlimit-table.ts";
import type { IpSets } from "./ip-set.ts";
import type { NamedTables } from "./named-tables.ts";
import type { Nat } from "./nat.ts";
import type { Chain } from "./nf-table.ts";
import type { RecentList } from "./recent-list.ts";
import type { RuleKey } from "./rule-keys.ts";

// Verdicts besides NF_DROP, NF_ACCEPT and NF_STOLEN.
export const XT_CONTINUE = -1;
export const XT_RETURN = -5;
/** on to the chain in `par.chain`, and back when it ends; on to it for good (NFT_JUMP, NFT_GOTO) */
export const XT_JUMP = -3;
export const XT_GOTO = -4;

/** The packet as an extension sees it. One object, re-used: nothing may be kept of it. */
export class XtPar {
  skb!: SkBuff;
  in: NetDevice | null = null;
  out: NetDevice | null = null;
  /** NF_INET_* */
  hook = 0;
  /** offsets in skb.head: IP header, transport header */
  iph = 0;
  thoff = 0;
  /** fragment offset in units of eight bytes; 0 for a whole packet and for a first fragment */
  fragoff = 0;
  protonum = 0;
  /** all expressions of a rule of nft held, whatever it returned */
  held = false;
  /** a match found the packet impossible: drop it */
  hotdrop = false;
  /** with XT_JUMP and XT_GOTO: where to */
  chain: Chain | null = null;
}

export type MatchFn = (par: XtPar) => boolean;
/** Returns a verdict or XT_CONTINUE. */
export type TargetFn = (par: XtPar) => number;

/** A rule's own copy of an extension; lives as long as the rule. */
export interface XtInstance<Fn> {
  readonly fn: Fn;
  destroy?(): void;
}

/** What extensions use of their namespace. */
export interface XtEnv {
  readonly net: Net;
  readonly ip4: Ipv4;
  readonly ct: Conntrack;
  readonly nat: Nat;
  readonly sets: IpSets;
  /** nf_ct_netns_get: tracks connections until the returned function is called */
  useConntrack(): () => void;
  /** masqueraded connections end with their interface or address until the returned function is called */
  watchMasquerade(): () => void;
  /** first address of an interface that is no secondary one; 0 none */
  primaryAddress(dev: NetDevice): number;
  /** nanoseconds since 1970, as far as a double is exact */
  wallClockNs(): number;
  /** kernel log with the LOG target's line, where this namespace may log */
  log(text: string, level: number): void;
  /** lists of the match recent, tables of the match hashlimit */
  readonly recent: NamedTables<RecentList>;
  readonly hashlimit: NamedTables<HashlimitTable>;
}

/** Where a rule stands that is being checked (struct xt_mtchk_param). */
export interface XtCheck {
  readonly env: XtEnv;
  readonly table: string;
  readonly chain: Chain;
  /** bit of the base chain's hook; 0 in a user chain */
  readonly hookMask: number;
  /** of `-p`: 0 none; of a rule of nft always 0 */
  readonly proto: number;
  readonly invProto: boolean;
}

export interface XtExtension<Info, Fn> {
  readonly name: string;
  /** the rule must say -p this */
  readonly proto?: number;
  /** only in this table */
  readonly table?: string;
  /** bits of NF_INET_* where it makes sense */
  readonly hooks?: number;
  /** Throws NetError (EINVAL …) to refuse the rule. */
  create(info: Info, check: XtCheck): XtInstance<Fn>;
}

export interface XtMatch<Info = never> extends XtExtension<Info, MatchFn> {
  /**
   * What it asks of a packet's cheap fields, for the index of long chains. Only of a match that keeps nothing of the packets it
   * sees: it may not be asked about those that do not have this, or about what stands after it in the rule does not hold.
   */
  keys?(info: Info): readonly RuleKey[];
  /**
   * True where it says the same of every packet of a connection that has the same direction, status, mark, devices, MAC
   * addresses and TOS, while the namespace's pathGenid is the same, and keeps nothing of the packets that it sees.
   */
  memo?(info: Info): boolean;
  /**
   * Of a match that may be remembered: how its answer to a connection's first packet depends on addresses and ports. null: not at
   * all; undefined: it cannot be said, and the packet's way is not remembered for other connections.
   */
  box?(info: Info, env: XtEnv): BoxFn | null | undefined;
}
export interface XtTarget<Info = never> extends XtExtension<Info, TargetFn> {
  /**
   * It only asks NAT for a new source, which is asked again for each connection: first packets that come to it may take a
   * remembered way (first-packets.ts). Where that depends on more, the target takes the packet's record off.
   */
  readonly memo?: true;
}

/** Cuts `box` down to packets of which a match says what it says of this one. */
export type BoxFn = (par: XtPar, box: PacketBox) => void;

/** xt_check_match, xt_check_target: throws NetError EINVAL where the extension may not stand. */
export function xtCheck(ext: XtExtension<never, unknown>, kind: "match" | "target", check: XtCheck): void {
  const refuse = (reason: string): never => {
    check.env.net.kernel.printk(`x_tables: ip_tables: ${ext.name} ${kind}: ${reason}`);
    throw new NetError(Errno.EINVAL);
  };
  if (ext.table !== undefined && ext.table !== check.table)
    refuse(`only valid in ${ext.table} table, not ${check.table}`);
  if (ext.hooks !== undefined && (check.hookMask & ~ext.hooks) !== 0) {
    const usable = kind === "match" ? "valid" : "usable";
    refuse(`used from hooks ${hookNames(check.hookMask)}, but only ${usable} from ${hookNames(ext.hooks)}`);
  }
  if (ext.proto !== undefined && (ext.proto !== check.proto || check.invProto))
    refuse(`only valid for protocol ${ext.proto}`);
}

/** textify_hooks */
function hookNames(mask: number): string {
  const names = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];
  return names.filter((_, hook) => mask & (1 << hook)).join("/");
}

/** Refuses the rule. */
export function invalid(): never {
  throw new NetError(Errno.EINVAL);
}
