// Targets LOG and NFLOG: a line in the kernel's log; a copy for a listener, of whom there is none. Answers to xt_LOG.c
// and xt_NFLOG.c.

import { logPacket } from "../nf-log.ts";
import { XT_CONTINUE, type XtTarget } from "../x-tables.ts";

export interface LogInfo {
  /** syslog level 0 … 7 */
  level: number;
  /** NF_LOG_* */
  logflags: number;
  prefix: string;
}

export const logTarget: XtTarget<LogInfo> = {
  name: "LOG",
  create: (info, { env }) => ({
    fn: (par) => {
      logPacket(env, par, info);
      return XT_CONTINUE;
    },
  }),
};

export interface NflogInfo {
  group: number;
  prefix: string;
  /** bytes to copy; −1: not said */
  size: number;
  /** 0: not said */
  threshold: number;
}

export const nflogTarget: XtTarget<NflogInfo> = { name: "NFLOG", create: () => ({ fn: () => XT_CONTINUE }) };
