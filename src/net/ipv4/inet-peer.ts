// What is remembered about other hosts so that errors to them stay few: token buckets by address. Answers to
// net/ipv4/inetpeer.c and the rate limits of net/ipv4/{route,icmp}.c.

import { LazyMap } from "../../base/lazy.ts";
import { MSEC, type Ns, SEC } from "../../base/time.ts";
import type { Ipv4 } from "./ipv4.ts";

/** How many errors' worth of tokens a peer may save up (XRLIM_BURST_FACTOR). */
const BURST_FACTOR = 6;
const MAX_PEERS = 65536;

export class InetPeer {
  /** in ns of waiting; shared by all limits on this peer */
  rateTokens = 0;
  rateLast: Ns;
  redirects = 0;

  constructor(now: Ns) {
    this.rateLast = now - 60 * SEC;
  }
}

export class InetPeers {
  private readonly peers: LazyMap<number, InetPeer> = new LazyMap();

  /** The peer of this address, made when unknown (inet_getpeer_v4); the oldest is forgotten when there are many. */
  get(addr: number, now: Ns): InetPeer {
    let peer = this.peers.get(addr | 0);
    if (!peer) {
      if (this.peers.size >= MAX_PEERS)
        for (const oldest of this.peers.keys()) {
          this.peers.delete(oldest);
          break;
        }
      peer = new InetPeer(now);
      this.peers.set(addr | 0, peer);
    }
    return peer;
  }
}

/** One message each `interval`, after a burst of six (inet_peer_xrlim_allow). */
export function peerXrlimAllow(ip4: Ipv4, addr: number, interval: Ns): boolean {
  const { now } = ip4.net;
  const peer = ip4.peers.get(addr, now);
  peer.rateTokens = Math.min(peer.rateTokens + (now - peer.rateLast), BURST_FACTOR * interval);
  peer.rateLast = now;
  if (peer.rateTokens < interval) return false;
  peer.rateTokens -= interval;
  return true;
}

/** The limit of ip_error: net.ipv4.route.error_cost and error_burst. */
export function peerErrorAllow(ip4: Ipv4, addr: number): boolean {
  const { now } = ip4.net;
  const peer = ip4.peers.get(addr, now);
  const cost = ip4.sysctl.errorCostMs * MSEC;
  peer.rateTokens = Math.min(peer.rateTokens + (now - peer.rateLast), ip4.sysctl.errorBurstMs * MSEC);
  peer.rateLast = now;
  if (peer.rateTokens < cost) return false;
  peer.rateTokens -= cost;
  return true;
}

/**
 * May a redirect be sent to this peer now (ip_rt_send_redirect)? After nine that it ignored there is silence for 20 s, and
 * before that the pause doubles each time.
 */
export function peerRedirectAllow(ip4: Ipv4, addr: number): boolean {
  const { now } = ip4.net;
  const { redirectSilenceMs, redirectNumber, redirectLoadMs } = ip4.sysctl;
  const peer = ip4.peers.get(addr, now);
  if (now > peer.rateLast + redirectSilenceMs * MSEC) {
    peer.rateTokens = 0;
    peer.redirects = 0;
  }
  if (peer.redirects >= redirectNumber) {
    peer.rateLast = now;
    return false;
  }
  if (peer.redirects > 0 && now <= peer.rateLast + redirectLoadMs * MSEC * 2 ** peer.redirects) return false;
  peer.rateLast = now;
  peer.redirects++;
  return true;
}
