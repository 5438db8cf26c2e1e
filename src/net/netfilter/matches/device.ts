// Matches devgroup (the group of the in or out interface) and cpu (there is one, number 0). Answers to xt_devgroup.c,
// xt_cpu.c.

import type { XtMatch } from "../x-tables.ts";

export const XT_DEVGROUP_MATCH_SRC = 1;
export const XT_DEVGROUP_INVERT_SRC = 2;
export const XT_DEVGROUP_MATCH_DST = 4;
export const XT_DEVGROUP_INVERT_DST = 8;

export interface DevgroupInfo {
  flags: number;
  srcGroup: number;
  srcMask: number;
  dstGroup: number;
  dstMask: number;
}

export const devgroupMatch: XtMatch<DevgroupInfo> = {
  name: "devgroup",
  create({ flags, srcGroup, srcMask, dstGroup, dstMask }) {
    return {
      fn: (par) => {
        if (flags & XT_DEVGROUP_MATCH_SRC) {
          const same = (((par.in?.group ?? 0) ^ srcGroup) & srcMask) === 0;
          if (same === ((flags & XT_DEVGROUP_INVERT_SRC) !== 0)) return false;
        }
        if (flags & XT_DEVGROUP_MATCH_DST) {
          const same = (((par.out?.group ?? 0) ^ dstGroup) & dstMask) === 0;
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
