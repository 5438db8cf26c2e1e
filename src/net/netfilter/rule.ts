// A rule as it was asked for (plain data, what `iptables -S` shows) and as it lives in a chain, with its counters and its
// extensions' functions. Answers to struct ipt_entry and struct nft_rule.

import { Errno, NetError } from "../../base/errno.ts";
import { MATCHES } from "./matches/index.ts";
import { TARGETS } from "./targets/index.ts";
import { type MatchFn, type TargetFn, type XtCheck, type XtExtension, type XtInstance, xtCheck } from "./x-tables.ts";

// struct ipt_ip: invflags and flags (uapi/linux/netfilter_ipv4/ip_tables.h)
export const IPT_INV_VIA_IN = 0x01;
export const IPT_INV_VIA_OUT = 0x02;
export const IPT_INV_SRCIP = 0x08;
export const IPT_INV_DSTIP = 0x10;
export const IPT_INV_FRAG = 0x20;
export const IPT_INV_PROTO = 0x40;

/** What a rule says of the IP header and the interfaces. */
export interface IptIp {
  readonly src: number;
  readonly smsk: number;
  readonly dst: number;
  readonly dmsk: number;
  /** "" any; a trailing + is a wildcard */
  readonly iniface: string;
  readonly outiface: string;
  /** 0 any */
  readonly proto: number;
  /** -f: second and further fragments */
  readonly frag: boolean;
  /** IPT_INV_* */
  readonly invflags: number;
}

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

export class Rule {
  readonly spec: RuleSpec;
  packets: number;
  bytes: number;
  /** null: no extension matches */
  readonly match: MatchFn | null;
  readonly target: TargetFn | null;
  /** the jump's chain, renamed with it */
  jumpTo: string;
  readonly #instances: XtInstance<unknown>[] = [];

  /** Throws NetError: ENOENT (no such extension), EINVAL and others (it may not stand there). */
  constructor(spec: RuleSpec, check: XtCheck, packets = 0, bytes = 0) {
    this.spec = spec;
    this.packets = packets;
    this.bytes = bytes;
    this.jumpTo = spec.target.kind === "jump" || spec.target.kind === "goto" ? spec.target.chain : "";
    try {
      this.match = combine(spec.matches.map((m) => this.#create<MatchFn>(MATCHES.get(m.name), m, check)));
      const { target } = spec;
      this.target = target.kind === "target" ? this.#create<TargetFn>(TARGETS.get(target.name), target, check) : null;
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  #create<Fn>(ext: XtExtension<never, Fn> | undefined, spec: ExtSpec, check: XtCheck): Fn {
    if (!ext) throw new NetError(Errno.ENOENT);
    xtCheck(ext, check);
    const instance = ext.create(spec.info as never, check);
    this.#instances.push(instance);
    return instance.fn;
  }

  destroy(): void {
    for (const instance of this.#instances) instance.destroy?.();
    this.#instances.length = 0;
  }
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
