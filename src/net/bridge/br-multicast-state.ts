// What IGMP snooping remembers: groups with the ports that want them, ports that lead to multicast routers, and whether
// somebody asks (a querier), without whom snooping does not hold anything back. Data only; br-multicast.ts acts on it.
// Answers to net/bridge/br_private.h (net_bridge_mcast, net_bridge_mdb_entry). IPv4 groups, no sources.

import { type Ns, SEC } from "../../base/time.ts";
import type { WheelTimer } from "../core/timer-batch.ts";
import type { BridgePort } from "./br-private.ts";

/** One port's wish for a group. */
export interface PortGroup {
  readonly port: BridgePort;
  /** added by `bridge mdb add … permanent` */
  permanent: boolean;
  timer: WheelTimer;
}

/** A group that somebody wants (net_bridge_mdb_entry). */
export interface MdbEntry {
  /** IPv4 group */
  readonly group: number;
  /** 0: without VLANs */
  readonly vid: number;
  hostJoined: boolean;
  /** newest first, as they are forwarded to and printed */
  ports: PortGroup[];
  /** the host's own wish runs out */
  timer: WheelTimer;
}

/** A multicast frame's question: to whom? */
export interface MulticastVerdict {
  /** not to be forwarded at all: malformed */
  drop: boolean;
  /** a report or an unknown group: to routers only, once a querier is known */
  routersOnly: boolean;
  mdb: MdbEntry | null;
}

// mcast_router: 0 never, 1 learned from queries, 2 always
export const MDB_RTR_TYPE_DISABLED = 0;
export const MDB_RTR_TYPE_TEMP_QUERY = 1;
export const MDB_RTR_TYPE_PERM = 2;

export class BridgeMulticast {
  /** mcast_snooping */
  enabled = true;
  querierEnabled = false;
  /** the bridge listens to 224.0.0.106 */
  joined = false;
  queryUseIfaddr = false;
  router: number = MDB_RTR_TYPE_TEMP_QUERY;
  /** of the queries that are sent: 2 or 3 */
  igmpVersion = 2;
  mldVersion = 1;
  hashMax = 4096;
  lastMemberCount = 2;
  startupQueryCount = 2;
  lastMemberIntervalNs: Ns = 1 * SEC;
  membershipIntervalNs: Ns = 260 * SEC;
  querierIntervalNs: Ns = 255 * SEC;
  queryIntervalNs: Ns = 125 * SEC;
  queryResponseIntervalNs: Ns = 10 * SEC;
  /** a quarter of the above in whole jiffies of 4 ms */
  startupQueryIntervalNs: Ns = 31.248 * SEC;
  /** by groupKey, newest last */
  readonly groups: Map<number, MdbEntry> = new Map();
  /** another host asks: pending while it does (ip4_other_query) */
  otherQueryTimer!: WheelTimer;
  /** set when a querier has just been heard for the first time: flood until reports came in */
  otherQueryDelayUntil: Ns = 0;
  ownQueryTimer!: WheelTimer;
  startupSent = 0;
  /** the bridge itself leads to a router */
  routerTimer!: WheelTimer;
  /** what br-multicast.ts found out about the frame in hand; good until the next one */
  readonly verdict: MulticastVerdict = { drop: false, routersOnly: false, mdb: null };
}

export class PortMulticast {
  router: number = MDB_RTR_TYPE_TEMP_QUERY;
  routerTimer: WheelTimer | null = null;
}
