// /sys/module/tcp_cubic/parameters: CUBIC's settings, of the whole machine (module_param in net/ipv4/tcp_cubic.c). What is built
// into the emulated CUBIC is for reading only.

import { Errno, NetError } from "../base/errno.ts";
import type { CubicParameters } from "../net/core/net.ts";
import type { SyntheticDirNode, SyntheticFileNode, VfsNode } from "../posix/vfs.ts";
import { netnsOf } from "./host.ts";
import { file, folder } from "./procfs-net.ts";

const SETTINGS: readonly (readonly [name: string, field: keyof CubicParameters])[] = [
  ["fast_convergence", "fastConvergence"],
  ["hystart", "hystart"],
  ["hystart_ack_delta_us", "hystartAckDeltaUs"],
  ["hystart_detect", "hystartDetect"],
  ["hystart_low_window", "hystartLowWindow"],
];

const FIXED: readonly (readonly [name: string, value: number])[] = [
  ["beta", 717],
  ["bic_scale", 41],
  ["initial_ssthresh", 0],
  ["tcp_friendliness", 1],
];

export function sysModuleTcpCubic(): SyntheticDirNode {
  const entries = new Map<string, VfsNode>();
  for (const [name, field] of SETTINGS) entries.set(name, setting(field));
  for (const [name, value] of FIXED)
    entries.set(
      name,
      file(() => `${value}\n`),
    );
  return folder(new Map([["parameters", folder(entries)]]));
}

function setting(field: keyof CubicParameters): SyntheticFileNode {
  return file(
    (proc) => `${netnsOf(proc).net.kernel.cubic[field]}\n`,
    (proc, text) => {
      const value = Number(text.trim());
      if (!Number.isInteger(value)) throw new NetError(Errno.EINVAL);
      netnsOf(proc).net.kernel.cubic[field] = value;
    },
  );
}
