// What user space is told of a connection: a copy of what the table holds at that moment, as the message is that ctnetlink
// writes. Tools print it; nothing of it changes when the connection does. Answers to ctnetlink_fill_info of
// net/netfilter/nf_conntrack_netlink.c.

import { IPPROTO_TCP } from "../../wire/ipv4.ts";
import type { Conntrack } from "./conntrack.ts";
import { Tuple } from "./tuple.ts";

export interface ConnCounters {
  readonly packets: readonly [number, number];
  readonly bytes: readonly [number, number];
}

export class ConnInfo {
  /** its row, and the number that with the row names it for ever */
  readonly row: number;
  readonly seq: number;
  /** what `conntrack -o id` shows (nf_ct_get_id) */
  readonly id: number;
  /** IPS_* */
  readonly status: number;
  /** jiffy when it is forgotten */
  readonly timeout: number;
  readonly mark: number;
  readonly zone: number;
  /** directions to which the zone applies (both: 3) */
  readonly zoneDir: number;
  /** addresses are unsigned here, as user space has them */
  readonly orig: Tuple = new Tuple();
  readonly reply: Tuple = new Tuple();
  /** null: not TCP */
  readonly tcpState: number | null;
  /** null while accounting was off */
  readonly acct: ConnCounters | null;
  /** virtual ns; 0 unset */
  readonly startNs: number;
  readonly stopNs: number;
  /** name of what reads the connection, "" for none */
  readonly helper: string;

  constructor(ct: Conntrack, row: number) {
    const { rows } = ct;
    this.row = row;
    this.seq = rows.seq(row);
    this.id = ct.id(row);
    this.status = rows.status(row);
    this.timeout = rows.timeout(row);
    this.mark = rows.mark(row);
    this.zone = rows.zone(row);
    this.zoneDir = rows.zoneDir(row);
    for (const [dir, tuple] of [this.orig, this.reply].entries()) {
      rows.tuple(row, dir, tuple);
      tuple.src >>>= 0;
      tuple.dst >>>= 0;
    }
    this.tcpState = rows.protonum(row) === IPPROTO_TCP && rows.track(row) !== 0 ? ct.tcp.stateOf(row) : null;
    this.acct = rows.hasCounters(row)
      ? {
          packets: [rows.packets(row, 0), rows.packets(row, 1)],
          bytes: [rows.bytes(row, 0), rows.bytes(row, 1)],
        }
      : null;
    this.startNs = rows.startNs(row);
    this.stopNs = rows.stopNs(row);
    this.helper = rows.ext(row)?.helper?.name ?? "";
  }

  get protonum(): number {
    return this.orig.protonum;
  }

  tuple(dir: number): Tuple {
    return dir === 0 ? this.orig : this.reply;
  }

  /** Zone under which a direction is stored (nf_ct_zone_id). */
  zoneId(dir: number): number {
    return this.zoneDir & (1 << dir) ? this.zone : 0;
  }
}

/** A connection as those know it who trace: one object for it as long as its row is its own. */
export class ConnHandle {
  readonly ct: Conntrack;
  readonly row: number;

  constructor(ct: Conntrack, row: number) {
    this.ct = ct;
    this.row = row;
  }

  /** As it is now. */
  get info(): ConnInfo {
    return new ConnInfo(this.ct, this.row);
  }
}
