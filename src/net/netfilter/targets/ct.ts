// Target CT and its short form NOTRACK: leave a packet untracked, or say in which zone it is tracked and who helps. Answers
// to xt_CT.c; timeout policies and event masks are left out.

import { Errno, NetError } from "../../../base/errno.ts";
import { IP_CT_NEW, IP_CT_UNTRACKED } from "../conntrack-entry.ts";
import { XT_CONTINUE, type XtTarget } from "../x-tables.ts";

export const XT_CT_NOTRACK = 1;
/** it was written as NOTRACK */
export const XT_CT_NOTRACK_ALIAS = 2;
export const XT_CT_ZONE_DIR_ORIG = 4;
export const XT_CT_ZONE_DIR_REPL = 8;
export const XT_CT_ZONE_MARK = 16;

export interface CtInfo {
  flags: number;
  zone: number;
  /** "": none */
  helper: string;
}

export const ctTarget: XtTarget<CtInfo> = {
  name: "CT",
  table: "raw",
  create({ flags, zone, helper: name }, { env, proto, invProto }) {
    const helper = name === "" ? null : (env.ct.helpers.get(name) ?? null);
    // helpers of other protocols there are none
    if (name !== "" && (helper === null || helper.protonum !== proto || invProto)) throw new NetError(Errno.ENOENT);
    const release = env.useConntrack();
    const dirs = (flags & XT_CT_ZONE_DIR_ORIG ? 1 : 0) | (flags & XT_CT_ZONE_DIR_REPL ? 2 : 0);
    const zoneFromMark = (flags & XT_CT_ZONE_MARK) !== 0;
    const template =
      flags & XT_CT_NOTRACK ? 0 : env.ct.addTemplate({ zone, zoneFromMark, zoneDir: dirs === 0 ? 3 : dirs, helper });
    return {
      fn: ({ skb }) => {
        if (skb.ct !== 0 || skb.ctinfo === IP_CT_UNTRACKED) return XT_CONTINUE;
        skb.ct = template;
        skb.ctinfo = template === 0 ? IP_CT_UNTRACKED : IP_CT_NEW;
        return XT_CONTINUE;
      },
      destroy: () => {
        if (template !== 0) env.ct.removeTemplate(template);
        release();
      },
    };
  },
};
