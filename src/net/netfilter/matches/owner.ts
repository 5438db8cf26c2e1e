// Match owner: whose socket sent the packet. Answers to xt_owner.c. A socket here knows its user; its group is the one
// with the same number.

import { NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING } from "../../core/netfilter.ts";
import type { Sock } from "../../core/sock.ts";
import { ControlSock } from "../../ipv4/inet-sock.ts";
import { invalid, type XtMatch } from "../x-tables.ts";

export const XT_OWNER_UID = 1;
export const XT_OWNER_GID = 2;
export const XT_OWNER_SOCKET = 4;
export const XT_OWNER_SUPPL_GROUPS = 8;

export interface OwnerInfo {
  uidMin: number;
  uidMax: number;
  gidMin: number;
  gidMax: number;
  match: number;
  invert: number;
}

export const ownerMatch: XtMatch<OwnerInfo> = {
  name: "owner",
  hooks: (1 << NF_INET_LOCAL_OUT) | (1 << NF_INET_POST_ROUTING),
  create({ uidMin, uidMax, gidMin, gidMax, match, invert }, { env }) {
    if ((match & XT_OWNER_UID && uidMin > uidMax) || (match & XT_OWNER_GID && gidMin > gidMax)) invalid();
    return {
      fn: ({ skb }) => {
        const sk = skb.sk as Sock | null;
        if (sk === null || sk.dead || sk.net !== env.net) return (match ^ invert) === 0;
        if (match & invert & XT_OWNER_SOCKET) return false;
        // the kernel's own sockets are no file of anybody's
        if (sk instanceof ControlSock) return ((match ^ invert) & (XT_OWNER_UID | XT_OWNER_GID)) === 0;
        const { uid } = sk;
        if (match & XT_OWNER_UID && (uid >= uidMin && uid <= uidMax) === ((invert & XT_OWNER_UID) !== 0)) return false;
        return !(match & XT_OWNER_GID) || (uid >= gidMin && uid <= gidMax) !== ((invert & XT_OWNER_GID) !== 0);
      },
    };
  },
};
