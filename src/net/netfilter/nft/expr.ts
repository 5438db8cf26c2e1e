// What a rule of nft says, as plain data: expressions that read something of a packet, and statements that test it or do
// something. What the kernel keeps as a list of register instructions (net/netfilter/nft_*.c) is kept here one step
// higher, as nft(8) puts it together again when it lists rules.

/** A number, or a name (interfaces). */
export type NftScalar = number | string;

export type NftExpr =
  /** bits of a header: `offset` and `bits` count bits from where the base begins */
  | {
      readonly kind: "payload";
      readonly base: "link" | "network" | "transport";
      readonly proto: string;
      readonly field: string;
      readonly offset: number;
      readonly bits: number;
    }
  | { readonly kind: "meta"; readonly key: string }
  /** `dir` 0 original, 1 reply, null: of the whole connection */
  | { readonly kind: "ct"; readonly key: string; readonly dir: 0 | 1 | null }
  | {
      readonly kind: "fib";
      readonly source: boolean;
      readonly flags: readonly string[];
      readonly result: "type" | "oif" | "oifname";
      /** asks only whether there is one: 1 or 0 */
      readonly present: boolean;
    }
  | { readonly kind: "rt"; readonly key: "nexthop" | "mtu" }
  | { readonly kind: "numgen"; readonly mode: "inc" | "random"; readonly mod: number; readonly offset: number }
  | { readonly kind: "tcpopt"; readonly option: "maxseg" }
  | { readonly kind: "concat"; readonly parts: readonly NftExpr[] }
  /** (left & and) ^ xor */
  | { readonly kind: "bitwise"; readonly left: NftExpr; readonly and: number; readonly xor: number }
  | { readonly kind: "map"; readonly key: NftExpr; readonly set: NftSetRef }
  | { readonly kind: "immediate"; readonly value: NftScalar };

export type NftVerdictName = "accept" | "drop" | "continue" | "return" | "jump" | "goto";

export interface NftVerdict {
  readonly verdict: NftVerdictName;
  /** of jump and goto; follows when the chain is renamed */
  chain: string;
}

/** One part of an element's key; a single value has both ends equal. */
export interface KeyPart {
  readonly low: NftScalar;
  readonly high: NftScalar;
}

export interface NftElement {
  readonly key: readonly KeyPart[];
  /** of a map: values, joined ones in their order; a verdict; null in a set */
  readonly data: readonly KeyPart[] | NftVerdict | null;
  readonly timeoutNs: number | null;
  readonly comment: string | null;
  counter: { packets: number; bytes: number } | null;
  /** virtual ns; set when it is stored */
  expires: number;
}

export interface SetSpec {
  readonly name: string;
  readonly anonymous: boolean;
  /** names of nft's data types, one for each part of the key */
  readonly keyTypes: readonly string[];
  /** how typeof put it */
  readonly typeOf: string | null;
  /** of a map: types of its values; ["verdict"] */
  readonly dataTypes: readonly string[] | null;
  readonly dataTypeOf: string | null;
  readonly constant: boolean;
  readonly interval: boolean;
  readonly timeout: boolean;
  /** packets make elements; a rule that does so in the same transaction says it, too */
  dynamic: boolean;
  readonly autoMerge: boolean;
  /** each element counts */
  readonly counter: boolean;
  readonly timeoutNs: number | null;
  readonly gcIntervalNs: number | null;
  readonly size: number | null;
  readonly policy: "memory" | null;
  readonly comment: string | null;
}

/** A named set, or one that stands in the rule. */
export type NftSetRef =
  | { readonly name: string }
  | { readonly spec: SetSpec; readonly elements: readonly NftElement[] };

export type MatchOp = "==" | "!=" | "<" | ">" | "<=" | ">=";

export type MatchRight =
  | { readonly kind: "value"; readonly value: NftScalar }
  | { readonly kind: "prefix"; readonly value: number; readonly length: number }
  | { readonly kind: "range"; readonly low: NftScalar; readonly high: NftScalar }
  /** any of these bits */
  | { readonly kind: "flags"; readonly mask: number }
  /** of these bits exactly those: value / mask */
  | { readonly kind: "masked"; readonly value: number; readonly mask: number }
  /** a name that begins so */
  | { readonly kind: "wildcard"; readonly text: string }
  | { readonly kind: "set"; readonly set: NftSetRef };

/** Where NAT leads: expressions for both ends of each range. */
export interface NatTarget {
  readonly addr: readonly [NftExpr, NftExpr] | null;
  readonly port: readonly [NftExpr, NftExpr] | null;
  /** one map gives address and port together */
  readonly both: NftExpr | null;
}

export type NftStmt =
  | {
      readonly kind: "match";
      readonly left: NftExpr;
      readonly op: MatchOp;
      /** written although it need not be */
      readonly explicit: boolean;
      readonly right: MatchRight;
      /** follows from what stands after it, and is not shown */
      readonly implied: boolean;
    }
  | { readonly kind: "vmap"; readonly left: NftExpr; readonly set: NftSetRef }
  | { readonly kind: "verdict"; readonly verdict: NftVerdict }
  | { readonly kind: "counter"; packets: number; bytes: number }
  | {
      readonly kind: "limit";
      readonly rate: number;
      /** seconds */
      readonly unit: number;
      readonly burst: number;
      readonly bytes: boolean;
      readonly over: boolean;
    }
  | { readonly kind: "quota"; readonly bytes: number; readonly over: boolean; used: number }
  | {
      readonly kind: "log";
      readonly prefix: string | null;
      readonly level: number | null;
      /** NF_LOG_* */
      readonly flags: number;
      readonly group: number | null;
      readonly snaplen: number | null;
      readonly threshold: number | null;
    }
  /** icmp: a code of destination unreachable; icmpx: an abstract one; tcp: a reset */
  | {
      readonly kind: "reject";
      readonly with: "icmp" | "icmpx" | "tcp";
      readonly code: number;
      /** what the family does without being told */
      readonly isDefault: boolean;
    }
  | {
      readonly kind: "nat";
      readonly type: "snat" | "dnat" | "masquerade" | "redirect";
      readonly target: NatTarget;
      /** NF_NAT_RANGE_* */
      readonly flags: number;
      /** "ip" was written (inet) */
      readonly family: boolean;
    }
  | { readonly kind: "assign"; readonly to: NftExpr; readonly value: NftExpr }
  | { readonly kind: "notrack" }
  | { readonly kind: "object"; readonly type: NftObjectType; readonly name: string }
  | {
      readonly kind: "dynset";
      readonly op: "add" | "update" | "delete";
      readonly set: string;
      readonly key: NftExpr;
      readonly timeoutNs: number | null;
    };

export type NftObjectType = "counter" | "quota" | "limit" | "ct helper";

/** A named object of a table. */
export type NftObject = { readonly name: string; handle: number; readonly comment: string | null } & (
  | { readonly type: "counter"; packets: number; bytes: number }
  | { readonly type: "quota"; readonly bytes: number; readonly over: boolean; used: number }
  | {
      readonly type: "limit";
      readonly rate: number;
      readonly unit: number;
      readonly burst: number;
      readonly bytes: boolean;
      readonly over: boolean;
    }
  | { readonly type: "ct helper"; readonly helper: string; readonly protocol: string }
);
