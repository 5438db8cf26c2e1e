// Target CT and its short form NOTRACK: leave a packet untracked, or say in which zone it is tracked and who helps. Answers
// to xt_CT.c; timeout policies and event masks are left out.

import { Errno, NetError } from "../../../base/errno.ts";
import { connExt, IP_CT_NEW, IP_CT_UNTRACKED, IPS_CONFIRMED, IPS_TEMPLATE, NfConn } from "../conntrack-entry.ts";
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
    let template: NfConn | null = null;
    if (!(flags & XT_CT_NOTRACK)) {
      template = new NfConn();
      template.status = IPS_TEMPLATE | IPS_CONFIRMED;
      template.zone = zone;
      if (helper !== null) connExt(template).helper = helper;
      template.zoneFromMark = (flags & XT_CT_ZONE_MARK) !== 0;
      const dirs = (flags & XT_CT_ZONE_DIR_ORIG ? 1 : 0) | (flags & XT_CT_ZONE_DIR_REPL ? 2 : 0);
      template.zoneDir = dirs === 0 ? 3 : dirs;
    }
    return {
      fn: ({ skb }) => {
        if (skb.ct !== null || skb.ctinfo === IP_CT_UNTRACKED) return XT_CONTINUE;
        skb.ct = template;
        skb.ctinfo = template === null ? IP_CT_UNTRACKED : IP_CT_NEW;
        return XT_CONTINUE;
      },
      destroy: release,
    };
  },
};
