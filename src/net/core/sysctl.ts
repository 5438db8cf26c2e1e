// The sysctl tree of one network namespace: `net.ipv4.ip_forward` and the like. Subsystems register their keys with a
// reader and a writer; per-device keys (`net.ipv4.conf.eth0.…`) come and go with the device. Answers to
// net/sysctl_net.c and kernel/sysctl.c's proc_dointvec.

import { Errno, NetError } from "../../base/errno.ts";
import { LazyMap } from "../../base/lazy.ts";
import { withItem } from "../../base/settings.ts";
import type { Net } from "./net.ts";

export interface SysctlEntry {
  readonly read: () => string;
  /** throws NetError (EINVAL); absent when read-only */
  readonly write?: (text: string) => void;
}

/** What registers the keys below a prefix: one for all namespaces, which is told whose keys are wanted. */
export interface SysctlProvider {
  readonly prefix: string;
  /** the folders below the prefix, for one whose keys are the same for each; null: the keys are right below it */
  readonly folders: ((net: Net) => Iterable<string>) | null;
  /** registers the keys of a folder ("" without folders); none for a folder that is not there */
  readonly fill: (net: Net, folder: string) => void;
}

const NO_PROVIDERS: readonly SysctlProvider[] = [];

/**
 * The keys of the provider that was asked last, in the whole lab: `sysctl -w` and `cat` ask one folder again and again,
 * and a thousand namespaces with a hundred keys each would be 30 KB apiece.
 */
export class LatestKeys {
  net: Net | null = null;
  provider: SysctlProvider | null = null;
  folder = "";
  entries: ReadonlyMap<string, SysctlEntry> = new Map();
}

export class SysctlTable {
  private readonly net: Net;
  private readonly entries: LazyMap<string, SysctlEntry> = new LazyMap();
  /** nearly all namespaces have the same ones, and share the list */
  private providers: readonly SysctlProvider[] = NO_PROVIDERS;
  private ownProviders = false;
  /** where `register` puts keys: the table, or what a provider fills */
  private into: { set(key: string, entry: SysctlEntry): unknown } = this.entries;

  /** @param net its paths are forgotten with every write */
  constructor(net: Net) {
    this.net = net;
  }

  /** @param key with slashes between the parts, as under /proc/sys: "net/ipv4/ip_forward" */
  register(key: string, entry: SysctlEntry): void {
    const { read, write } = entry;
    if (!write) {
      this.into.set(key, entry);
      return;
    }
    this.into.set(key, {
      read,
      write: (text) => {
        write(text);
        this.net.pathFlush();
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

  /**
   * Keys that begin with the provider's prefix are registered by it whenever somebody asks for one, and forgotten: the values
   * are kept elsewhere, so that it may run many times.
   * @param own the provider is this namespace's: a list with it is nobody else's, and must not outlive the lab by being shared
   */
  provide(provider: SysctlProvider, own: boolean = false): void {
    this.ownProviders ||= own;
    this.providers = this.ownProviders ? [...this.providers, provider] : withItem(this.providers, provider);
  }

  #keysOf(provider: SysctlProvider, folder: string): ReadonlyMap<string, SysctlEntry> {
    const net = this.net;
    const latest = net.kernel.sysctlKeys;
    if (latest.provider === provider && latest.net === net && latest.folder === folder) return latest.entries;
    const before = this.into;
    const entries = new Map<string, SysctlEntry>();
    this.into = entries;
    try {
      provider.fill(net, folder);
    } finally {
      this.into = before;
    }
    // of a folder that comes and goes nothing is kept: another device may have its name by then
    if (provider.folders === null) {
      latest.net = net;
      latest.provider = provider;
      latest.folder = folder;
      latest.entries = entries;
    }
    return entries;
  }

  get(key: string): SysctlEntry | undefined {
    const own = this.entries.get(key);
    if (own) return own;
    // one that is asked may provide more
    for (let i = 0; i < this.providers.length; i++) {
      const provider = this.providers[i]!;
      if (!key.startsWith(provider.prefix)) continue;
      const { length } = provider.prefix;
      const folder = provider.folders === null ? "" : key.slice(length, key.indexOf("/", length));
      const entry = this.#keysOf(provider, folder).get(key);
      if (entry) return entry;
    }
    return undefined;
  }

  /** Is there a key below `prefix`, which ends with a slash? Without making all keys: each step of a path asks this. */
  hasFolder(prefix: string): boolean {
    for (const key of this.entries.keys()) if (key.startsWith(prefix)) return true;
    return this.providers.some((provider) => this.#providesBelow(provider, prefix));
  }

  #providesBelow(provider: SysctlProvider, prefix: string): boolean {
    const { folders } = provider;
    if (provider.prefix.startsWith(prefix))
      return folders === null || !folders(this.net)[Symbol.iterator]().next().done;
    if (!prefix.startsWith(provider.prefix)) return false;
    const { length } = provider.prefix;
    const folder = folders === null ? "" : prefix.slice(length, prefix.indexOf("/", length));
    if (folders !== null) {
      if (![...folders(this.net)].includes(folder)) return false;
      if (prefix.length === length + folder.length + 1) return true;
    }
    for (const key of this.#keysOf(provider, folder).keys()) if (key.startsWith(prefix)) return true;
    return false;
  }

  /** All keys, sorted. */
  keys(): string[] {
    const keys = [...this.entries.keys()];
    for (let i = 0; i < this.providers.length; i++) {
      const provider = this.providers[i]!;
      for (const folder of provider.folders?.(this.net) ?? [""]) keys.push(...this.#keysOf(provider, folder).keys());
    }
    return keys.sort();
  }
}
