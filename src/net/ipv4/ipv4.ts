// What IPv4 keeps in one network namespace (struct netns_ipv4), and where transports register. The files of this folder
// are functions over it; `netns.ts` makes one and registers `ipRcv` and `arpRcv` with the core.

import type { Rng } from "../../sim/rng.ts";
import type { InetProtocol, Sock } from "../core/sock.ts";
import type { Net } from "../core/net.ts";
import type { SkBuff } from "../core/skb.ts";

/** Namespace-wide settings, the values behind net.ipv4.* (defaults as Linux 6.18 has them). */
export interface Ipv4Sysctl {
  ipForward: number;
  defaultTtl: number;
  noPmtuDisc: number;
  localPortRange: [number, number];
  /** further keys are added by the file that uses them, through net.sysctl.registerInt */
}

export class Ipv4 {
  readonly net: Net;
  readonly rng: Rng;
  readonly sysctl: Ipv4Sysctl = { ipForward: 0, defaultTtl: 64, noPmtuDisc: 0, localPortRange: [32768, 60999] };
  /** by IP protocol number (inet_protos) */
  readonly protocols: (InetProtocol | null)[] = new Array<InetProtocol | null>(256).fill(null);
  /** raw sockets get a copy of each local packet first; true when one did (raw_local_deliver) */
  rawLocalDeliver: ((skb: SkBuff, protocol: number) => boolean) | null = null;

  constructor(net: Net) {
    this.net = net;
    this.rng = net.kernel.rng.fork(`ipv4/${net.id}`);
  }

  /** inet_add_protocol */
  addProtocol(number: number, protocol: InetProtocol): void {
    this.protocols[number] = protocol;
  }
}

export type { Sock };
