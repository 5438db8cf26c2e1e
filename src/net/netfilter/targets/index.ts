// The targets there are, besides ACCEPT, DROP, RETURN and user chains: a new one is a file and a line here, and its text
// in tools/iptables/.

import type { XtTarget } from "../x-tables.ts";
import { ctTarget } from "./ct.ts";
import { checksumTarget, classifyTarget, dscpTarget, tosTarget, traceTarget, ttlTarget } from "./header-fields.ts";
import { logTarget, nflogTarget } from "./log.ts";
import { connmarkTarget, markTarget } from "./mark.ts";
import { dnatTarget, masqueradeTarget, netmapTarget, redirectTarget, snatTarget } from "./nat.ts";
import { rejectTarget } from "./reject.ts";
import { setTarget } from "./set.ts";
import { tcpmssTarget } from "./tcpmss.ts";

export const TARGETS: ReadonlyMap<string, XtTarget> = new Map(
  [
    checksumTarget,
    classifyTarget,
    connmarkTarget,
    ctTarget,
    dnatTarget,
    dscpTarget,
    logTarget,
    markTarget,
    masqueradeTarget,
    netmapTarget,
    nflogTarget,
    redirectTarget,
    rejectTarget,
    setTarget,
    snatTarget,
    tcpmssTarget,
    tosTarget,
    traceTarget,
    ttlTarget,
  ].map((target) => [target.name, target as XtTarget]),
);
