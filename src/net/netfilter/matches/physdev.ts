// Match physdev: the bridge ports that a bridged packet crosses. Answers to xt_physdev.c.

import type { NetDevice } from "../../core/net-device.ts";
import { NF_INET_LOCAL_OUT } from "../../core/netfilter.ts";
import { invalid, type XtMatch } from "../x-tables.ts";

export const XT_PHYSDEV_OP_IN = 1;
export const XT_PHYSDEV_OP_OUT = 2;
export const XT_PHYSDEV_OP_BRIDGED = 4;
export const XT_PHYSDEV_OP_ISIN = 8;
export const XT_PHYSDEV_OP_ISOUT = 16;

export interface PhysdevInfo {
  physindev: string;
  physoutdev: string;
  /** XT_PHYSDEV_OP_*: what is asked, and what of it inverted */
  bitmask: number;
  invert: number;
}

function sameName(dev: NetDevice, pattern: string): boolean {
  return pattern.endsWith("+") ? dev.name.startsWith(pattern.slice(0, -1)) : dev.name === pattern;
}

export const physdevMatch: XtMatch<PhysdevInfo> = {
  name: "physdev",
  memo: () => true,
  box: () => null,
  create({ physindev, physoutdev, bitmask, invert }, check) {
    if (bitmask === 0) invalid();
    const out = bitmask & (XT_PHYSDEV_OP_OUT | XT_PHYSDEV_OP_ISOUT);
    const bridged = bitmask & XT_PHYSDEV_OP_BRIDGED && !(invert & XT_PHYSDEV_OP_BRIDGED);
    if (out && !bridged && check.hookMask & (1 << NF_INET_LOCAL_OUT)) invalid();
    const fails = (op: number, holds: boolean): boolean => (bitmask & op) !== 0 && holds === ((invert & op) !== 0);
    return {
      fn: ({ skb }) => {
        const { physInDev, physOutDev } = skb;
        if (skb.nfBridge === 0 && physInDev === null && physOutDev === null) return (bitmask & ~invert) === 0;
        if (fails(XT_PHYSDEV_OP_BRIDGED, physOutDev !== null)) return false;
        if (fails(XT_PHYSDEV_OP_ISIN, physInDev !== null)) return false;
        if (fails(XT_PHYSDEV_OP_ISOUT, physOutDev !== null)) return false;
        if (physInDev !== null && fails(XT_PHYSDEV_OP_IN, sameName(physInDev, physindev))) return false;
        if (!(bitmask & XT_PHYSDEV_OP_OUT)) return true;
        return physOutDev !== null && !fails(XT_PHYSDEV_OP_OUT, sameName(physOutDev, physoutdev));
      },
    };
  },
};
