// Where a VXLAN sends frames for a MAC: one or more remote hosts. The all-zero MAC stands for every address that is not
// known, broadcast and multicast. Answers to drivers/net/vxlan/vxlan_core.c, struct vxlan_fdb and vxlan_rdst. Leaves out
// nexthop objects and multicast databases.

import { Errno, NetError } from "../../base/errno.ts";
import type { Ns } from "../../base/time.ts";
import { isZero } from "../../wire/ethernet.ts";
import { Fdb } from "../bridge/fdb-table.ts";

/** A remote tunnel end. */
export interface VxlanRemote {
  readonly ip: number;
  readonly port: number;
  readonly vni: number;
  /** interface to send by; 0 the device's own choice */
  readonly ifindex: number;
}

/** Does not age; a permanent one was put there by the user or by `remote`. */
export const VXLAN_FDB_PERMANENT = 1;
/** `bridge fdb add … static` */
export const VXLAN_FDB_NOARP = 2;

export class VxlanFdb {
  readonly table: Fdb = new Fdb();
  /** by entry of the table */
  private readonly _remotes: (readonly VxlanRemote[])[] = [];
  /** 0: no limit */
  maxAddresses = 0;

  find(b: Uint8Array, at: number): number {
    return this.table.find(b, at, 0);
  }

  remotes(entry: number): readonly VxlanRemote[] {
    return this._remotes[entry]!;
  }

  /**
   * Adds or changes (vxlan_fdb_update). Throws EEXIST (exclusive), ENOENT (no create), ENOSPC (limit), EOPNOTSUPP.
   * @param append a further remote beside those there are
   * @param replace in place of those there are
   */
  update(
    mac: Uint8Array,
    macAt: number,
    remote: VxlanRemote,
    flags: number,
    now: Ns,
    how: { create: boolean; exclusive: boolean; replace: boolean; append: boolean },
  ): void {
    const entry = this.find(mac, macAt);
    if (entry < 0) {
      if (!how.create) throw new NetError(Errno.ENOENT);
      if (how.replace && isGroup(mac, macAt)) throw new NetError(Errno.EOPNOTSUPP);
      if (this.maxAddresses > 0 && this.table.size >= this.maxAddresses) throw new NetError(Errno.ENOSPC);
      const made = this.table.create(mac, macAt, 0, 0, flags, now);
      this._remotes[made] = [remote];
      return;
    }
    if (how.exclusive) throw new NetError(Errno.EEXIST);
    this.table.setFlags(entry, flags);
    this.table.setUpdated(entry, now);
    const there = this._remotes[entry]!;
    if (how.replace) {
      if (isGroup(mac, macAt)) throw new NetError(Errno.EOPNOTSUPP, "Cannot replace non-unicast fdb entries");
      this._remotes[entry] = [remote];
    } else if (how.append && isGroup(mac, macAt)) {
      if (there.some((other) => sameRemote(other, remote))) throw new NetError(Errno.EEXIST);
      this._remotes[entry] = [...there, remote];
    }
  }

  /** The station moved to another tunnel end (vxlan_snoop). */
  migrate(entry: number, remote: VxlanRemote): void {
    this._remotes[entry] = [remote];
  }

  /**
   * Takes one remote away, the last one with the entry; without `remote` the entry (__vxlan_fdb_delete). A remote that is
   * not there is no error, an address is: ENOENT.
   */
  delete(mac: Uint8Array, remote: VxlanRemote | null): void {
    const entry = this.find(mac, 0);
    if (entry < 0) throw new NetError(Errno.ENOENT);
    if (remote) {
      const rest = this._remotes[entry]!.filter((other) => !sameRemote(other, remote));
      const found = rest.length < this._remotes[entry]!.length;
      if (found && rest.length > 0) this._remotes[entry] = rest;
      if (!found || rest.length > 0) return;
    }
    this.table.delete(entry);
  }

  /** Forgets the entries whose flags under `mask` are `flags` (vxlan_flush). */
  flush(flags: number, mask: number): void {
    const { table } = this;
    for (const entry of table.entries()) if ((table.flags(entry) & mask) === flags) table.delete(entry);
  }
}

/** Multicast, or the all-zero address that stands for all. */
function isGroup(mac: Uint8Array, at: number): boolean {
  return (mac[at]! & 1) !== 0 || isZero(mac, at);
}

function sameRemote(a: VxlanRemote, b: VxlanRemote): boolean {
  return a.ip === b.ip && a.port === b.port && a.vni === b.vni && a.ifindex === b.ifindex;
}
