// Ways of connections that none has taken yet of their packets: a new connection's second packet, and the first one after rules,
// routes or the connection itself have changed. As with first packets (first-packets.ts), whatever looks at addresses and ports while
// one of them walks says of which others it would say the same (core/packet-box.ts), and these need not walk. A quarter of the price for
// the second packets of a million connections (flows_1000000). Not for destinations that are translated: rules see the new ones.

import { BoxBounds, type PacketBox, SIGN } from "../core/packet-box.ts";
import type { ConnRows } from "./conntrack-rows.ts";
import type { FlowPath } from "./flow-paths.ts";

/** What is not known any more makes room first, then the oldest. */
const MOST = 8;
/** Where that many packets in a row have found nothing, or the last box came to nothing, one packet in so many gets one. */
const PATIENCE = 64;

class AlikePath extends BoxBounds {
  readonly path: FlowPath;
  private readonly protonum: number;
  private readonly masqIndex: number;

  constructor(path: FlowPath, box: PacketBox, protonum: number, masqIndex: number) {
    super(box);
    this.path = path;
    this.protonum = protonum;
    this.masqIndex = masqIndex;
  }

  /** Nobody would look at what the connection's packets differ in. */
  isOf(rows: ConnRows, conn: number, dir: number, genid: number): boolean {
    const { path } = this;
    return (
      path.genid === genid &&
      path.dir === dir &&
      path.status === rows.status(conn) &&
      path.mark === rows.mark(conn) &&
      this.protonum === rows.protonum(conn) &&
      this.masqIndex === rows.masqIndex(conn) &&
      this.has(rows.src(conn, dir) ^ SIGN, rows.dst(conn, dir) ^ SIGN, rows.srcU(conn, dir), rows.dstU(conn, dir))
    );
  }
}

export class AlikePaths {
  private readonly rows: ConnRows;
  /** the newest last */
  private paths: readonly AlikePath[] = [];
  /** packets since the last one whose way was known */
  private unknown = 0;
  /** a packet was to show others the way, and has not done so */
  private unanswered = false;

  constructor(rows: ConnRows) {
    this.rows = rows;
  }

  /** The way of a connection's packets that would not be told from those that took it; null: none is known. */
  find(conn: number, dir: number, genid: number): FlowPath | null {
    const rows = this.rows;
    // V8 leaves this call what it is; a loop would lie in the middle of every packet's way (flows_1000_sendto: 20 % more)
    const alike = this.paths.findLast((one) => one.isOf(rows, conn, dir, genid));
    if (alike === undefined || rows.ext(conn) !== null || rows.zone(conn) !== 0) {
      this.unknown++;
      return null;
    }
    this.unknown = 0;
    return alike.path;
  }

  /** Is the packet for which nothing was found to show others the way? Rules are walked one by one then, without an index. */
  asks(): boolean {
    if ((this.unanswered || this.unknown > PATIENCE) && this.unknown % PATIENCE !== 0) return false;
    this.unanswered = true;
    return true;
  }

  /** A packet of the connection has taken the way, and others of the box would have. */
  remember(path: FlowPath, box: PacketBox, conn: number): void {
    this.unanswered = false;
    if (path.dnat) return;
    const rows = this.rows;
    const alike = new AlikePath(path, box, rows.protonum(conn), rows.masqIndex(conn));
    this.paths = [...this.paths.filter((other) => other.path.genid === path.genid), alike].slice(-MOST);
  }
}
