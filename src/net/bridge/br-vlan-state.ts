// What VLAN filtering remembers. Data only; br-vlan.ts acts on it. Answers to net/bridge/br_private.h
// (net_bridge_vlan_group, net_bridge_vlan).

import { ETH_P_8021Q } from "../../wire/ethernet.ts";

/** Membership of a port, or of the bridge itself, in one VLAN. */
export interface BridgeVlan {
  readonly vid: number;
  /** frames leave without their tag */
  untagged: boolean;
  rxPackets: number;
  rxBytes: number;
  txPackets: number;
  txBytes: number;
}

export class VlanGroup {
  /** where untagged frames belong; 0: nowhere */
  pvid = 0;
  /** by rising number */
  vlans: Map<number, BridgeVlan> = new Map();

  add(one: BridgeVlan): void {
    this.vlans.set(one.vid, one);
    this.vlans = new Map([...this.vlans].sort(([a], [b]) => a - b));
  }
}

export class BridgeVlans {
  filtering = false;
  /** of the tags that count: ETH_P_8021Q or ETH_P_8021AD */
  protocol: number = ETH_P_8021Q;
  defaultPvid = 1;
  statsEnabled = false;
  statsPerPort = false;
  readonly own: VlanGroup = new VlanGroup();
  private readonly _totals: Map<number, BridgeVlan> = new Map();

  /** What all ports together count for a VLAN (the master entry's stats). */
  totals(vid: number): BridgeVlan {
    let one = this._totals.get(vid);
    if (!one) {
      one = { vid, untagged: false, rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };
      this._totals.set(vid, one);
    }
    return one;
  }
}
