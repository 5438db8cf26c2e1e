// The matches there are: a new one is a file and a line here, and its text in tools/iptables/.

import type { XtMatch } from "../x-tables.ts";
import { addrtypeMatch } from "./addrtype.ts";
import { bpfMatch } from "./bpf.ts";
import { clusterMatch } from "./cluster.ts";
import { commentMatch } from "./comment.ts";
import { connbytesMatch } from "./connbytes.ts";
import { connlimitMatch } from "./connlimit.ts";
import { conntrackMatch } from "./conntrack.ts";
import { dccpMatch } from "./dccp.ts";
import { cpuMatch, devgroupMatch } from "./device.ts";
import { hashlimitMatch } from "./hashlimit.ts";
import { dscpMatch, ecnMatch, lengthMatch, tosMatch, ttlMatch } from "./header-fields.ts";
import { helperMatch } from "./helper.ts";
import { icmpMatch } from "./icmp.ts";
import { iprangeMatch } from "./iprange.ts";
import { limitMatch } from "./limit.ts";
import { macMatch } from "./mac.ts";
import { connmarkMatch, markMatch } from "./mark.ts";
import { multiportMatch } from "./multiport.ts";
import { cgroupMatch, realmMatch } from "./never-set.ts";
import { ownerMatch } from "./owner.ts";
import { physdevMatch } from "./physdev.ts";
import { pkttypeMatch } from "./pkttype.ts";
import { policyMatch } from "./policy.ts";
import { quotaMatch } from "./quota.ts";
import { recentMatch } from "./recent.ts";
import { rpfilterMatch } from "./rpfilter.ts";
import { sctpMatch } from "./sctp.ts";
import { setMatch } from "./set.ts";
import { socketMatch } from "./socket.ts";
import { ahMatch, espMatch, ipcompMatch } from "./spi.ts";
import { statisticMatch } from "./statistic.ts";
import { stringMatch } from "./string.ts";
import { tcpMatch } from "./tcp.ts";
import { tcpmssMatch } from "./tcpmss.ts";
import { timeMatch } from "./time.ts";
import { u32Match } from "./u32.ts";
import { udpMatch } from "./udp.ts";

export const MATCHES: ReadonlyMap<string, XtMatch> = new Map(
  [
    addrtypeMatch,
    ahMatch,
    bpfMatch,
    cgroupMatch,
    clusterMatch,
    commentMatch,
    connbytesMatch,
    connlimitMatch,
    connmarkMatch,
    conntrackMatch,
    cpuMatch,
    dccpMatch,
    devgroupMatch,
    dscpMatch,
    ecnMatch,
    espMatch,
    hashlimitMatch,
    helperMatch,
    icmpMatch,
    ipcompMatch,
    iprangeMatch,
    lengthMatch,
    limitMatch,
    macMatch,
    markMatch,
    multiportMatch,
    ownerMatch,
    physdevMatch,
    pkttypeMatch,
    policyMatch,
    quotaMatch,
    realmMatch,
    recentMatch,
    rpfilterMatch,
    sctpMatch,
    setMatch,
    socketMatch,
    statisticMatch,
    stringMatch,
    tcpMatch,
    tcpmssMatch,
    timeMatch,
    tosMatch,
    ttlMatch,
    u32Match,
    udpMatch,
  ].map((match) => [match.name, match as XtMatch]),
);
