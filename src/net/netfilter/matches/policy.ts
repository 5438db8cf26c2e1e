// Match policy: what IPsec did to the packet or is going to do. There is no IPsec here, so that `--pol none` holds for
// every packet and anything else for none. Answers to xt_policy.c.

import {
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
} from "../../core/netfilter.ts";
import { invalid, type XtMatch } from "../x-tables.ts";

/** One of a policy's elements; what was not said is absent. */
export interface PolicyElement {
  reqid?: number;
  spi?: number;
  proto?: number;
  mode?: "transport" | "tunnel";
  /** address and mask */
  tunnelDst?: [number, number];
  tunnelSrc?: [number, number];
  /** names of those of the above that are inverted */
  inverted: string[];
}

export interface PolicyInfo {
  dir: "" | "in" | "out";
  none: boolean;
  strict: boolean;
  elements: PolicyElement[];
}

export const policyMatch: XtMatch<PolicyInfo> = {
  name: "policy",
  create({ dir, none }, { hookMask }) {
    if (hookMask & ((1 << NF_INET_PRE_ROUTING) | (1 << NF_INET_LOCAL_IN)) && dir === "out") invalid();
    if (hookMask & ((1 << NF_INET_POST_ROUTING) | (1 << NF_INET_LOCAL_OUT)) && dir === "in") invalid();
    return { fn: () => none };
  },
  keys: () => [],
};
