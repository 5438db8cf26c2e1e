// FibInfos of one namespace by what makes two of them one, and by device (fib_info_hash and fib_info_devhash in
// net/ipv4/fib_semantics.c). Only namespaces with many routes have an index.

import type { NetDevice } from "../core/net-device.ts";
import { infoKey } from "./fib-semantics.ts";
import type { FibInfo } from "./fib-types.ts";

/** Without an index: the one that `info` may be replaced by. */
export function findSame(infos: Iterable<FibInfo>, info: FibInfo): FibInfo | undefined {
  let key: string | undefined;
  for (const other of infos) {
    if (!mayBeSame(other, info)) continue;
    key ??= infoKey(info);
    if (infoKey(other) === key) return other;
  }
  return undefined;
}

/** What nearly all differ in: a key is a text, and takes longer than the rest of adding an address. */
function mayBeSame(a: FibInfo, b: FibInfo): boolean {
  return (
    a.protocol === b.protocol &&
    a.scope === b.scope &&
    a.prefsrc === b.prefsrc &&
    a.type === b.type &&
    a.tableId === b.tableId &&
    a.nh.oif === b.nh.oif
  );
}

export class FibInfoIndex {
  private readonly byKey: Map<string, FibInfo> = new Map();
  private readonly byDevice: Map<NetDevice, Set<FibInfo>> = new Map();

  constructor(infos: Iterable<FibInfo>) {
    for (const info of infos) this.add(info);
  }

  add(info: FibInfo): void {
    this.byKey.set(infoKey(info), info);
    for (const { dev } of info.nhs) {
      if (!dev) continue;
      const known = this.byDevice.get(dev);
      if (known) known.add(info);
      else this.byDevice.set(dev, new Set([info]));
    }
  }

  delete(info: FibInfo): void {
    const key = infoKey(info);
    if (this.byKey.get(key) === info) this.byKey.delete(key);
    for (const { dev } of info.nhs) {
      const known = dev ? this.byDevice.get(dev) : undefined;
      known?.delete(info);
      if (known?.size === 0) this.byDevice.delete(dev!);
    }
  }

  /** The one that `info` may be replaced by. */
  sameAs(info: FibInfo): FibInfo | undefined {
    return this.byKey.get(infoKey(info));
  }

  /** Those with a nexthop by `dev`. */
  by(dev: NetDevice): Iterable<FibInfo> {
    return this.byDevice.get(dev) ?? [];
  }
}
