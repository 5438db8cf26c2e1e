// The matches there are: a new one is a file and a line here, and its text in tools/iptables/.

import type { XtMatch } from "../x-tables.ts";
import { addrtypeMatch } from "./addrtype.ts";
import { commentMatch } from "./comment.ts";
import { connbytesMatch } from "./connbytes.ts";
import { connlimitMatch } from "./connlimit.ts";
import { conntrackMatch } from "./conntrack.ts";
import { cpuMatch, devgroupMatch } from "./device.ts";
import { hashlimitMatch } from "./hashlimit.ts";
import { dscpMatch, ecnMatch, lengthMatch, tosMatch, ttlMatch } from "./header-fields.ts";
import { icmpMatch } from "./icmp.ts";
import { iprangeMatch } from "./iprange.ts";
import { limitMatch } from "./limit.ts";
import { macMatch } from "./mac.ts";
import { connmarkMatch, markMatch } from "./mark.ts";
import { multiportMatch } from "./multiport.ts";
import { ownerMatch } from "./owner.ts";
import { physdevMatch } from "./physdev.ts";
import { pkttypeMatch } from "./pkttype.ts";
import { quotaMatch } from "./quota.ts";
import { recentMatch } from "./recent.ts";
import { rpfilterMatch } from "./rpfilter.ts";
import { sctpMatch } from "./sctp.ts";
import { setMatch } from "./set.ts";
import { statisticMatch } from "./statistic.ts";
import { stringMatch } from "./string.ts";
import { tcpMatch } from "./tcp.ts";
import { tcpmssMatch } from "./tcpmss.ts";
import { timeMatch } from "./time.ts";
import { udpMatch } from "./udp.ts";

export const MATCHES: ReadonlyMap<string, XtMatch> = new Map(
  [
    addrtypeMatch,
    commentMatch,
    connbytesMatch,
    connlimitMatch,
    connmarkMatch,
    conntrackMatch,
    cpuMatch,
    devgroupMatch,
    dscpMatch,
    ecnMatch,
    hashlimitMatch,
    icmpMatch,
    iprangeMatch,
    lengthMatch,
    limitMatch,
    macMatch,
    markMatch,
    multiportMatch,
    ownerMatch,
    physdevMatch,
    pkttypeMatch,
    quotaMatch,
    recentMatch,
    rpfilterMatch,
    sctpMatch,
    setMatch,
    statisticMatch,
    stringMatch,
    tcpMatch,
    tcpmssMatch,
    timeMatch,
    tosMatch,
    ttlMatch,
    udpMatch,
  ].map((match) => [match.name, match as XtMatch]),
);
