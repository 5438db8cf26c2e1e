// Matches devgroup (the group of the in or out interface) and cpu (there is one, number 0). Answers to xt_devgroup.c,
// xt_cpu.c.

import {
  NF_INET_FORWARD,
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
} from "../../core/netfilter.ts";
import { invalid, type XtMatch } from "../x-tables.ts";

export const XT_DEVGROUP_MATCH_SRC = 1;
export const XT_DEVGROUP_INVERT_SRC = 2;
export const XT_DEVGROUP_MATCH_DST = 4;
export const XT_DEVGROUP_INVERT_DST = 8;

/** Where packets have the interface. */
const SRC_HOOKS = (1 << NF_INET_PRE_ROUTING) | (1 << NF_INET_LOCAL_IN) | (1 << NF_INET_FORWARD);
const DST_HOOKS = (1 << NF_INET_FORWARD) | (1 << NF_INET_LOCAL_OUT) | (1 << NF_INET_POST_ROUTING);

export interface DevgroupInfo {
  flags: number;
  srcGroup: number;
  srcMask: number;
  dstGroup: number;
  dstMask: number;
}

export const devgroupMatch: XtMatch<DevgroupInfo> = {
  name: "devgroup",
  create({ flags, srcGroup, srcMask, dstGroup, dstMask }, { hookMask }) {
    if (flags & XT_DEVGROUP_MATCH_SRC && hookMask & ~SRC_HOOKS) invalid();
    if (flags & XT_DEVGROUP_MATCH_DST && hookMask & ~DST_HOOKS) invalid();
    return {
      fn: (par) => {
        if (flags & XT_DEVGROUP_MATCH_SRC) {
          const same = (((par.in?.settings.group ?? 0) ^ srcGroup) & srcMask) === 0;
          if (same === ((flags & XT_DEVGROUP_INVERT_SRC) !== 0)) return false;
        }
        if (flags & XT_DEVGROUP_MATCH_DST) {
          const same = (((par.out?.settings.group ?? 0) ^ dstGroup) & dstMask) === 0;
          if (same === ((flags & XT_DEVGROUP_INVERT_DST) !== 0)) return false;
        }
        return true;
      },
    };
  },
};

export interface CpuInfo {
  cpu: number;
  invert: boolean;
}

export const cpuMatch: XtMatch<CpuInfo> = {
  name: "cpu",
  create: ({ cpu, invert }) => ({ fn: () => (cpu === 0) !== invert }),
};
