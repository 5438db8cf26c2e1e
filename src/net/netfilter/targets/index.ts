// The targets there are, besides ACCEPT, DROP, RETURN and user chains: a new one is a file and a line here, and its text
// in tools/iptables/.

import type { XtTarget } from "../x-tables.ts";
import { connsecmarkTarget } from "./connsecmark.ts";
import { ctTarget } from "./ct.ts";
import { checksumTarget, classifyTarget, dscpTarget, tosTarget, traceTarget, ttlTarget } from "./header-fields.ts";
import { logTarget, nflogTarget } from "./log.ts";
import { connmarkTarget, markTarget } from "./mark.ts";
import { dnatTarget, masqueradeTarget, netmapTarget, redirectTarget, snatTarget } from "./nat.ts";
import { nfqueueTarget } from "./nfqueue.ts";
import { rejectTarget } from "./reject.ts";
import { setTarget } from "./set.ts";
import { ecnTarget, tcpoptstripTarget } from "./tcp-header.ts";
import { tcpmssTarget } from "./tcpmss.ts";
import { teeTarget } from "./tee.ts";

export const TARGETS: ReadonlyMap<string, XtTarget> = new Map(
  [
    checksumTarget,
    classifyTarget,
    connmarkTarget,
    connsecmarkTarget,
    ctTarget,
    dnatTarget,
    dscpTarget,
    ecnTarget,
    logTarget,
    markTarget,
    masqueradeTarget,
    netmapTarget,
    nflogTarget,
    nfqueueTarget,
    redirectTarget,
    rejectTarget,
    setTarget,
    snatTarget,
    tcpmssTarget,
    tcpoptstripTarget,
    teeTarget,
    tosTarget,
    traceTarget,
    ttlTarget,
  ].map((target) => [target.name, target as XtTarget]),
);
