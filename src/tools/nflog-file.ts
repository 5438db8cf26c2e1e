// /var/log/ulog/syslogemu.log: packets of the target NFLOG, written down as ulogd2 would if it listened to every group.

import { MSEC } from "../base/time.ts";
import { netnsOf } from "../host/host.ts";
import { file } from "../host/procfs-net.ts";
import type { SyntheticFileNode } from "../posix/vfs.ts";
import { dateText } from "./net-util/date.ts";

export function nflogFile(): SyntheticFileNode {
  return file((proc) => {
    const { nflog, epochMs } = netnsOf(proc).net.kernel;
    const host = proc.ns.uts.hostname;
    return nflog.map(({ timeNs, text }) => `${syslogTime(epochMs + timeNs / MSEC)} ${host} ${text}\n`).join("");
  });
}

/** "Jan  1 00:00:05" */
function syslogTime(ms: number): string {
  return dateText(Math.floor(ms / 1000)).slice(4, 19);
}
