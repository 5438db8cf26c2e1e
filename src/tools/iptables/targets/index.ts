// The texts of the targets: a new one is a file and a line here, and its kernel half in net/netfilter/targets/.

import type { AnyExtension } from "../extension.ts";
import { connsecmark } from "./connsecmark.ts";
import { ct, notrack } from "./ct.ts";
import { checksum, classify, dscp, tcpmss, tos, trace, ttl } from "./header-fields.ts";
import { log, nflog } from "./log.ts";
import { connmark, mark } from "./mark.ts";
import { dnat, masquerade, netmap, redirect, snat } from "./nat.ts";
import { nfqueue } from "./nfqueue.ts";
import { reject } from "./reject.ts";
import { set } from "./set.ts";
import { ecn, tcpoptstrip } from "./tcp-header.ts";
import { tee } from "./tee.ts";

export const TARGET_TEXTS: ReadonlyMap<string, AnyExtension> = new Map(
  [
    checksum,
    classify,
    connmark,
    connsecmark,
    ct,
    dnat,
    dscp,
    ecn,
    log,
    mark,
    masquerade,
    netmap,
    nflog,
    nfqueue,
    notrack,
    redirect,
    reject,
    set,
    snat,
    tcpmss,
    tcpoptstrip,
    tee,
    tos,
    trace,
    ttl,
  ].map((extension) => [extension.name, extension as AnyExtension]),
);
