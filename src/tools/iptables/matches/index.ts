// The texts of the matches: a new one is a file and a line here, and its kernel half in net/netfilter/matches/.

import type { AnyExtension } from "../extension.ts";
import { addrtype } from "./addrtype.ts";
import { bpf } from "./bpf.ts";
import { cluster } from "./cluster.ts";
import { comment } from "./comment.ts";
import { connbytes, connlimit, quota } from "./connections.ts";
import { conntrack, state } from "./conntrack.ts";
import { dccp } from "./dccp.ts";
import { hashlimit } from "./hashlimit.ts";
import { dscp, ecn, length, tos, ttl } from "./header-fields.ts";
import { helper } from "./helper.ts";
import { icmp } from "./icmp.ts";
import { iprange } from "./iprange.ts";
import { limit } from "./limit.ts";
import { cpu, devgroup, physdev, pkttype } from "./link.ts";
import { mac } from "./mac.ts";
import { connmark, mark } from "./mark.ts";
import { multiport } from "./multiport.ts";
import { cgroup, realm } from "./never-set.ts";
import { owner } from "./owner.ts";
import { policy } from "./policy.ts";
import { recent } from "./recent.ts";
import { rpfilter, tcpmss } from "./route.ts";
import { sctp } from "./sctp.ts";
import { set } from "./set.ts";
import { socket } from "./socket.ts";
import { ah, esp, ipcomp } from "./spi.ts";
import { statistic } from "./statistic.ts";
import { string } from "./string.ts";
import { tcp } from "./tcp.ts";
import { time } from "./time.ts";
import { u32 } from "./u32.ts";
import { udp } from "./udp.ts";

export const MATCH_TEXTS: ReadonlyMap<string, AnyExtension> = new Map(
  [
    addrtype,
    ah,
    bpf,
    cgroup,
    cluster,
    comment,
    connbytes,
    connlimit,
    connmark,
    conntrack,
    cpu,
    dccp,
    devgroup,
    dscp,
    ecn,
    esp,
    hashlimit,
    helper,
    icmp,
    ipcomp,
    iprange,
    length,
    limit,
    mac,
    mark,
    multiport,
    owner,
    physdev,
    pkttype,
    policy,
    quota,
    realm,
    recent,
    rpfilter,
    sctp,
    set,
    socket,
    state,
    statistic,
    string,
    tcp,
    tcpmss,
    time,
    tos,
    ttl,
    u32,
    udp,
  ].map((extension) => [extension.name, extension as AnyExtension]),
);
