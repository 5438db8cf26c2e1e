// What packetdrill's public suites call to prepare the kernel: `set_sysctls.py /proc/sys/net/ipv4/tcp_x=VALUE …` writes each
// value and leaves a shell script that puts the old ones back.

import { NetError } from "../base/errno.ts";
import { encodeUtf8 } from "../base/text.ts";
import { netnsOf } from "../host/host.ts";
import type { Process } from "../posix/process.ts";
import { fileNode } from "../posix/vfs.ts";
import type { Task } from "../sim/task.ts";

const ROOT = "/proc/sys/";

export function* setSysctls(proc: Process): Task<number> {
  const restore: string[] = ["#!/bin/bash"];
  for (const arg of proc.argv.slice(1)) {
    const [path, value] = [arg.slice(0, arg.indexOf("=")), arg.slice(arg.indexOf("=") + 1)];
    const entry = path.startsWith(ROOT) ? netnsOf(proc).net.sysctl.get(path.slice(ROOT.length)) : undefined;
    if (!arg.includes("=") || !entry?.write) {
      yield* proc.fd(2).write(encodeUtf8(`set_sysctls.py: '${arg}' is no setting that can be written\n`));
      return 1;
    }
    restore.push(`echo "${entry.read().trim()}" > ${path}`);
    try {
      entry.write(value.replaceAll(/^"|"$/g, ""));
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      yield* proc.fd(2).write(encodeUtf8(`set_sysctls.py: ${arg}: ${error.message}\n`));
      return 1;
    }
  }
  const node = fileNode(`${restore.join("\n")}\n`);
  node.mode = 0o755;
  proc.root.put(`/tmp/sysctl_restore_${proc.env.get("PACKETDRILL_PID") ?? proc.ppid}.sh`, node);
  return 0;
}
