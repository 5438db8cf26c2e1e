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
  /** beginnings of keys → what registers them: a namespace has a thousand keys, and nobody looks at most of them */
  readonly #provided: Map<string, (() => void)[]> = new Map();
  /** called after every write */
  onWrite: (() => void) | null = null;

  /** @param key with slashes between the parts, as under /proc/sys: "net/ipv4/ip_forward" */
  register(key: string, entry: SysctlEntry): void {
    const { read, write } = entry;
    if (!write) {
      this.#entries.set(key, entry);
      return;
    }
    this.#entries.set(key, {
      read,
      write: (text) => {
        write(text);
        this.onWrite?.();
      },
    });
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

  /** Keys that begin with `prefix` are registered by `fill` as soon as somebody asks for one. */
  provide(prefix: string, fill: () => void): void {
    const fills = this.#provided.get(prefix);
    if (fills) fills.push(fill);
    else this.#provided.set(prefix, [fill]);
  }

  #fillFor(key: string | null): void {
    for (const [prefix, fills] of this.#provided) {
      if (key !== null && !key.startsWith(prefix)) continue;
      this.#provided.delete(prefix);
      for (const fill of fills) fill();
    }
  }

  /** Takes away a key, or all keys below a folder ("net/ipv4/conf/eth0/"). */
  unregister(prefix: string): void {
    for (const provided of [...this.#provided.keys()])
      if (prefix.endsWith("/") && provided.startsWith(prefix)) this.#provided.delete(provided);
    for (const key of [...this.#entries.keys()])
      if (key === prefix || (prefix.endsWith("/") && key.startsWith(prefix))) this.#entries.delete(key);
  }

  get(key: string): SysctlEntry | undefined {
    if (this.#provided.size > 0) this.#fillFor(key);
    return this.#entries.get(key);
  }

  /** All keys, sorted. */
  keys(): string[] {
    this.#fillFor(null);
    return [...this.#entries.keys()].sort();
  }
}
