// The way of one packet through a host, noted by the steps that it passes, so that the next packets of its connection can take
// it without asking everything again (netfilter/flow-paths.ts; Linux has nf_flow_table for this, Open vSwitch its flow caches).
// A step must say that it may be remembered: whatever comes upon a packet with a record and does not know of it (a hook
// function, a match, a target) takes the record off (`skb.record = null`), and the way is walked again by the next packet.

import type { NetDevice } from "./net-device.ts";
import type { PacketBox } from "./packet-box.ts";
import type { SkBuff } from "./skb.ts";

/** What counts packets and bytes: a rule, a chain's policy. */
export interface Counted {
  packets: number;
  bytes: number;
}

export class PathRecord {
  /** where the packet came in */
  indev: NetDevice | null = null;
  pktType = 0;
  /** the bridge over `indev` took it up as its own */
  bridge: NetDevice | null = null;
  /** the bridge's entry of the sender's address, −1: it does not learn */
  fdbEntry = -1;
  /** connection tracking saw it in the bridge (br_netfilter), before the bridge received it */
  trackedInBridge = false;
  /** nfBridge when it came to IP */
  nfBridge = 0;
  /** its connection; 0 none */
  ct = 0;
  ctinfo = 0;
  /** the connection's status when it was looked up, its mark */
  status = 0;
  mark = 0;
  /** the route by which it is forwarded */
  dst: object | null = null;
  /** rules and policies that counted it, in order; `length` of them hold */
  readonly counters: Counted[] = [];
  length = 0;
  /** Which other packets go the same way, cut down by all that look at addresses and ports. null: for this connection's only. */
  readonly box: PacketBox | null;
  /** of packets that begin connections */
  readonly first: boolean;
  private readonly onDone: (record: PathRecord, skb: SkBuff) => void;

  /** @param onDone called when a packet has come to its output with its record still on */
  constructor(onDone: (record: PathRecord, skb: SkBuff) => void, box: PacketBox | null, first: boolean) {
    this.onDone = onDone;
    this.box = box;
    this.first = first;
  }

  begin(skb: SkBuff, indev: NetDevice): void {
    this.indev = indev;
    this.pktType = skb.pktType;
    this.bridge = null;
    this.fdbEntry = -1;
    this.ct = 0;
    this.dst = null;
    this.length = 0;
    if (this.box !== null) this.box.reset();
    skb.record = this;
  }

  count(counted: Counted): void {
    this.counters[this.length++] = counted;
  }

  /** The packet is to be sent now: its way is known. */
  done(skb: SkBuff): void {
    skb.record = null;
    this.onDone(this, skb);
  }
}
