// Match socket: is there a socket for the packet here? Answers to xt_socket.c (revision 3) and nf_socket_ipv4.c; sockets of
// ICMP errors' packets are looked for, too.

import * as icmp from "../../../wire/icmp.ts";
import * as ip from "../../../wire/ipv4.ts";
import { get16, get32 } from "../../../wire/layout.ts";
import { NF_INET_LOCAL_IN, NF_INET_PRE_ROUTING } from "../../core/netfilter.ts";
import type { FoundSock } from "../../core/sock.ts";
import { IP_CT_IS_REPLY, IPS_SRC_NAT_DONE, nfCtGet } from "../conntrack-entry.ts";
import type { XtEnv, XtMatch, XtPar } from "../x-tables.ts";

export const XT_SOCKET_TRANSPARENT = 1;
export const XT_SOCKET_NOWILDCARD = 2;
export const XT_SOCKET_RESTORESKMARK = 4;

export interface SocketInfo {
  flags: number;
}

export const socketMatch: XtMatch<SocketInfo> = {
  name: "socket",
  hooks: (1 << NF_INET_PRE_ROUTING) | (1 << NF_INET_LOCAL_IN),
  create: ({ flags }, { env }) => ({
    fn: (par) => {
      const sk = lookup(env, par);
      if (sk === null) return false;
      if (!(flags & XT_SOCKET_NOWILDCARD) && sk.rcvSaddr === 0) return false;
      if (flags & XT_SOCKET_TRANSPARENT && !sk.transparent) return false;
      if (flags & XT_SOCKET_RESTORESKMARK) par.skb.mark = sk.mark ?? 0;
      return true;
    },
  }),
};

/** nf_sk_lookup_slow_v4 */
function lookup(env: XtEnv, { skb, iph, thoff, protonum, fragoff }: XtPar): FoundSock | null {
  if (fragoff !== 0) return null;
  const b = skb.head;
  let from = iph;
  let th = thoff;
  let protocol = protonum;
  let inner = false;
  if (protonum === ip.IPPROTO_ICMP) {
    if (!icmp.isError(b[thoff]!) || skb.tail - thoff < 36) return null;
    from = thoff + 8;
    th = from + ip.getHeaderLength(b, from);
    protocol = b[from + 9]!;
    inner = true;
  }
  if ((protocol !== ip.IPPROTO_TCP && protocol !== ip.IPPROTO_UDP) || skb.tail - th < 4) return null;
  // an error comes back to who sent the packet in it
  const saddr = get32(b, from + (inner ? ip.DESTINATION : ip.SOURCE));
  const sport = get16(b, th + (inner ? 2 : 0));
  let daddr = get32(b, from + (inner ? ip.SOURCE : ip.DESTINATION));
  let dport = get16(b, th + (inner ? 0 : 2));
  const { rows } = env.ct;
  const conn = nfCtGet(skb);
  const isReply = skb.ctinfo === IP_CT_IS_REPLY || (protonum === ip.IPPROTO_ICMP && skb.ctinfo === IP_CT_IS_REPLY + 1);
  if (conn !== 0 && isReply && rows.status(conn) & IPS_SRC_NAT_DONE) {
    daddr = rows.src(conn, 0) >>> 0;
    dport = rows.srcU(conn, 0);
  }
  return env.ip4.protocols[protocol]?.lookup?.(saddr, sport, daddr, dport, skb.skbIif, env.ip4) ?? null;
}
