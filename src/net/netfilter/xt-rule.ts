// A rule of iptables: as it was asked for (plain data, what `iptables -S` shows) and as it lives in a chain, with its
// extensions' functions. Answers to struct ipt_entry and to nft_compat.c.

import { Errno, NetError } from "../../base/errno.ts";
import { MATCHES } from "./matches/index.ts";
import {
  IPT_INV_DSTIP,
  IPT_INV_PROTO,
  IPT_INV_SRCIP,
  IPT_INV_VIA_IN,
  IPT_INV_VIA_OUT,
  type IptIp,
  Rule,
  type RuleAction,
  type RuleSource,
} from "./rule.ts";
import { KEY_DADDR, KEY_IIF, KEY_OIF, KEY_PROTO, KEY_SADDR, keyOf, type RuleKey } from "./rule-keys.ts";
import { TARGETS } from "./targets/index.ts";
import {
  type BoxFn,
  type MatchFn,
  type TargetFn,
  type XtCheck,
  type XtEnv,
  type XtExtension,
  type XtInstance,
  xtCheck,
} from "./x-tables.ts";

/** An extension by its kernel name with its own data (plain: compared deeply by -D and -C). */
export interface ExtSpec {
  readonly name: string;
  readonly info: unknown;
}

export type Verdict = "ACCEPT" | "DROP" | "RETURN";

export type RuleTarget =
  | { readonly kind: "none" }
  | { readonly kind: "verdict"; readonly verdict: Verdict }
  | { readonly kind: "jump" | "goto"; readonly chain: string }
  | ({ readonly kind: "target" } & ExtSpec);

export interface RuleSpec {
  readonly ip: IptIp;
  readonly matches: readonly ExtSpec[];
  readonly target: RuleTarget;
}

/** Asks for a rule in a transaction. */
export function xtRule(spec: RuleSpec): RuleSource {
  return { create: (check, packets, bytes) => new XtRule(spec, check, packets, bytes) };
}

export class XtRule extends Rule {
  /** as asked for; a renamed chain is renamed here, too */
  spec: RuleSpec;
  /** of what it asks of the header: who looks for a rule like another passes nearly all by it */
  readonly headerHash: number;
  override readonly header: IptIp;
  override readonly match: MatchFn | null;
  override readonly target: TargetFn | null;
  override readonly action: RuleAction;
  override jumpTo: string;
  override readonly keys: readonly RuleKey[];
  override readonly memo: boolean;
  override readonly boxes: readonly BoxFn[] | null;
  override readonly memoTarget: boolean;
  private readonly instances: XtInstance<unknown>[] = [];

  /** Throws NetError: ENOENT (no such extension), EINVAL and others (it may not stand there). */
  constructor(spec: RuleSpec, base: XtCheck, packets = 0, bytes = 0) {
    super(packets, bytes);
    const { ip, matches, target } = spec;
    // "not anything" would compare no bits at all
    if ((ip.smsk === 0 && ip.invflags & IPT_INV_SRCIP) || (ip.dmsk === 0 && ip.invflags & IPT_INV_DSTIP))
      throw new NetError(Errno.EINVAL);
    const check: XtCheck = { ...base, proto: ip.proto, invProto: (ip.invflags & IPT_INV_PROTO) !== 0 };
    this.spec = spec;
    this.header = ip;
    this.headerHash = headerHash(ip);
    this.action = target.kind === "verdict" ? target.verdict : target.kind;
    this.jumpTo = target.kind === "jump" || target.kind === "goto" ? target.chain : "";
    this.keys = keysOf(spec);
    this.memo = matches.every(({ name, info }) => MATCHES.get(name)?.memo?.(info as never) === true);
    this.boxes = this.memo ? boxesOf(spec, base.env) : null;
    this.memoTarget = target.kind === "target" && TARGETS.get(target.name)?.memo === true;
    try {
      this.match = combine(matches.map((m) => this.#create<MatchFn>(MATCHES.get(m.name), "match", m, check)));
      this.target =
        target.kind === "target" ? this.#create<TargetFn>(TARGETS.get(target.name), "target", target, check) : null;
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  #create<Fn>(ext: XtExtension<never, Fn> | undefined, kind: "match" | "target", spec: ExtSpec, check: XtCheck): Fn {
    if (!ext) throw new NetError(Errno.ENOENT);
    xtCheck(ext, kind, check);
    const instance = ext.create(spec.info as never, check);
    this.instances.push(instance);
    return instance.fn;
  }

  override renamed(from: string, to: string): void {
    if (this.jumpTo !== from) return;
    this.jumpTo = to;
    const { target } = this.spec;
    if (target.kind === "jump" || target.kind === "goto")
      this.spec = { ...this.spec, target: { ...target, chain: to } };
  }

  /** nft_target_validate; a match is looked at when it is made. */
  override validate(hookMask: number): void {
    const { target } = this.spec;
    if (target.kind !== "target") return;
    const hooks = TARGETS.get(target.name)?.hooks;
    if (hooks !== undefined && (hooks & hookMask) === 0) throw new NetError(Errno.EINVAL);
  }

  override destroy(): void {
    for (const instance of this.instances) instance.destroy?.();
    this.instances.length = 0;
  }
}

/** The same for the same header. */
export function headerHash({ src, smsk, dst, dmsk, iniface, outiface, proto, frag, invflags }: IptIp): number {
  let hash = (proto << 9) | (invflags << 1) | (frag ? 1 : 0);
  for (const word of [src, smsk, dst, dmsk]) hash = Math.imul(hash ^ word, 0x9e3779b1);
  for (const name of [iniface, outiface]) {
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ name.length, 0x85ebca6b);
  }
  return hash;
}

/** What the header asks, and what matches ask before one that must see every packet that comes so far. */
function keysOf({ ip, matches }: RuleSpec): RuleKey[] {
  const keys: RuleKey[] = [];
  const { invflags } = ip;
  if (ip.smsk !== 0 && !(invflags & IPT_INV_SRCIP)) keys.push(keyOf(KEY_SADDR, ip.src, ip.smsk));
  if (ip.dmsk !== 0 && !(invflags & IPT_INV_DSTIP)) keys.push(keyOf(KEY_DADDR, ip.dst, ip.dmsk));
  if (ip.proto !== 0 && !(invflags & IPT_INV_PROTO)) keys.push(keyOf(KEY_PROTO, ip.proto));
  if (isWholeName(ip.iniface) && !(invflags & IPT_INV_VIA_IN)) keys.push(keyOf(KEY_IIF, ip.iniface));
  if (isWholeName(ip.outiface) && !(invflags & IPT_INV_VIA_OUT)) keys.push(keyOf(KEY_OIF, ip.outiface));
  for (const { name, info } of matches) {
    const match = MATCHES.get(name);
    if (match?.keys === undefined) break;
    keys.push(...match.keys(info as never));
  }
  return keys;
}

function boxesOf({ matches }: RuleSpec, env: XtEnv): readonly BoxFn[] | null {
  let boxes = NO_BOXES;
  for (const { name, info } of matches) {
    const box = MATCHES.get(name)?.box?.(info as never, env);
    if (box === undefined) return null;
    if (box !== null) boxes = [...boxes, box];
  }
  return boxes;
}

const NO_BOXES: readonly BoxFn[] = [];

function isWholeName(iface: string): boolean {
  return iface !== "" && !iface.endsWith("+");
}

function combine(fns: readonly MatchFn[]): MatchFn | null {
  const [a, b, c] = fns;
  if (!a) return null;
  if (!b) return a;
  if (!c) return (par) => a(par) && b(par);
  if (fns.length === 3) return (par) => a(par) && b(par) && c(par);
  return (par) => {
    for (let i = 0; i < fns.length; i++) if (!fns[i]!(par)) return false;
    return true;
  };
}
