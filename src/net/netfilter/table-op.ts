// Steps of a transaction, as plain data, and the errors of steps that fail.

import type { BaseChain } from "./nf-table.ts";
import type { NftErrorPart } from "./nft/error.ts";
import type { ObjectOp, SetOp } from "./nft/set-steps.ts";
import type { RuleSource } from "./rule.ts";

/** One step of a transaction; names as iptables-nft calls them in its errors. */
export type TableOp =
  | {
      readonly type: "TABLE_ADD" | "TABLE_FLUSH";
      readonly table: string;
      /** TABLE_ADD: it must not be there (NLM_F_EXCL) */
      readonly exclusive?: boolean;
      readonly dormant?: boolean | undefined;
      readonly comment?: string | undefined;
    }
  | { readonly type: "CHAIN_ADD"; readonly table: string; readonly chain: string; readonly base: BaseChain }
  | { readonly type: "CHAIN_USER_ADD"; readonly table: string; readonly chain: string }
  /** as nft asks: a chain that is there stays, and takes the policy */
  | {
      readonly type: "CHAIN_NEW";
      readonly table: string;
      readonly chain: string;
      readonly base: BaseChain | null;
      readonly policy: number | undefined;
      readonly comment: string | undefined;
      readonly exclusive: boolean;
    }
  | SetOp
  | ObjectOp
  | { readonly type: "CHAIN_DEL"; readonly table: string; readonly chain: string }
  | {
      readonly type: "CHAIN_UPDATE" | "CHAIN_ZERO";
      readonly table: string;
      readonly chain: string;
      /** undefined: unchanged */
      readonly policy?: number | undefined;
      /** CHAIN_ZERO: a chain that is not there is made */
      readonly base?: BaseChain | undefined;
      readonly packets: number;
      readonly bytes: number;
    }
  | { readonly type: "CHAIN_RENAME"; readonly table: string; readonly chain: string; readonly newName: string }
  | {
      readonly type: "RULE_APPEND" | "RULE_INSERT";
      readonly table: string;
      readonly chain: string;
      readonly rule: RuleSource;
      readonly packets: number;
      readonly bytes: number;
      /** RULE_INSERT: at this index, 0 the first */
      readonly index?: number;
      /** after or before the rule with this handle */
      readonly position?: number | undefined;
    }
  | {
      readonly type: "RULE_REPLACE";
      readonly table: string;
      readonly chain: string;
      readonly rule: RuleSource;
      readonly packets: number;
      readonly bytes: number;
      readonly index: number;
      /** instead of the index */
      readonly handle?: number;
    }
  | {
      readonly type: "RULE_DELETE";
      readonly table: string;
      readonly chain: string;
      readonly index: number;
      /** instead of the index */
      readonly handle?: number;
    }
  /** all rules of a chain, or of all chains of the table */
  | { readonly type: "RULE_FLUSH"; readonly table: string; readonly chain: string | null };

export interface OpError {
  /** index of the step that failed */
  readonly index: number;
  readonly errno: number;
  /** what of the step was wrong, where that is known (the netlink attribute) */
  readonly at: NftErrorPart | undefined;
}
