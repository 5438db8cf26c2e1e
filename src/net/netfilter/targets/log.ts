// Targets LOG and NFLOG: a line in the kernel's log; a copy for a listener, which here is a log of its own that
// /var/log/ulog/syslogemu.log shows, as if ulogd2 listened to every group. Answers to xt_LOG.c and xt_NFLOG.c.

import { logPacket, packetLine } from "../nf-log.ts";
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

/** NFLOG lines kept; the oldest go. */
const NFLOG_LINES = 10_000;

export const nflogTarget: XtTarget<NflogInfo> = {
  name: "NFLOG",
  create: ({ prefix }, { env }) => ({
    fn: (par) => {
      const { kernel } = env.net;
      const text = packetLine(par, { logflags: 0, prefix: prefix === "" ? "" : `${prefix} ` });
      kernel.nflog.push({ timeNs: kernel.sim.now, text });
      if (kernel.nflog.length > NFLOG_LINES) kernel.nflog.shift();
      return XT_CONTINUE;
    },
  }),
};
