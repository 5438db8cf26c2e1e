// What IP keeps beside a packet (IPCB, struct inet_skb_parm): flag bits in skb.ipcbFlags, and in skb.optOffset the places of
// the options that somebody must still fill in. Answers to include/net/ip.h.

/** It was forwarded (IPSKB_FORWARDED). */
export const IPSKB_FORWARDED = 1;
/** A rule sent it another way: POST_ROUTING has seen it (IPSKB_REROUTED). */
export const IPSKB_REROUTED: number = 1 << 4;
/** The sender could use a better gateway (IPSKB_DOREDIRECT). */
export const IPSKB_DOREDIRECT: number = 1 << 5;
/** All fragments that it came in had DF: so will those that it leaves in (IPSKB_FRAG_PMTU). */
export const IPSKB_FRAG_PMTU: number = 1 << 6;
/** skb->ignore_df: this host may fragment it although DF is set. */
export const IPSKB_IGNORE_DF: number = 1 << 16;
// State of IP options, see ip-options.ts.
export const IPOPT_RR_NEEDADDR: number = 1 << 17;
export const IPOPT_TS_NEEDTIME: number = 1 << 18;
export const IPOPT_TS_NEEDADDR: number = 1 << 19;
export const IPOPT_STRICTROUTE: number = 1 << 20;
export const IPOPT_SRR_HIT: number = 1 << 21;
export const IPOPT_CHANGED: number = 1 << 22;
