// The sysctl tree of one network namespace: `net.ipv4.ip_forward` and the like. Subsystems register their keys with a
// reader and a writer; per-device keys (`net.ipv4.conf.eth0.…`) come and go with the device. Answers to
// net/sysctl_net.c and kernel/sysctl.c's proc_dointvec.

import { Errno, NetError } from "../../base/errno.ts";

export interface SysctlEntry {
  readonly read: () => string;
  /** throws NetError (EINVAL); absent when read-only */
  readonly write?: (text: string) => void;
}

export class SysctlTable {
  readonly #entries: Map<string, SysctlEntry> = new Map();

  /** @param key with slashes between the parts, as under /proc/sys: "net/ipv4/ip_forward" */
  register(key: string, entry: SysctlEntry): void {
    this.#entries.set(key, entry);
  }

  /** An integer kept elsewhere; `min` and `max` refuse with EINVAL. */
  registerInt(key: string, get: () => number, set: (value: number) => void, min = -2147483648, max = 2147483647): void {
    this.register(key, {
      read: () => `${get()}\n`,
      write: (text) => {
        const match = /^\s*(-?\d+|0x[0-9a-f]+)\s*$/i.exec(text);
        if (!match) throw new NetError(Errno.EINVAL);
        const value = Number(match[1]);
        if (value < min || value > max) throw new NetError(Errno.EINVAL);
        set(value);
      },
    });
  }

  /** Takes away a key, or all keys below a folder ("net/ipv4/conf/eth0/"). */
  unregister(prefix: string): void {
    for (const key of [...this.#entries.keys()])
      if (key === prefix || (prefix.endsWith("/") && key.startsWith(prefix))) this.#entries.delete(key);
  }

  get(key: string): SysctlEntry | undefined {
    return this.#entries.get(key);
  }

  /** All keys, sorted. */
  keys(): string[] {
    return [...this.#entries.keys()].sort();
  }
}
