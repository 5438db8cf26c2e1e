// UDP as a carrier for tunnels (VXLAN): a port whose datagrams go to a device, and sending with an outer header that the
// device chose. Answers to net/ipv4/udp_tunnel_core.c and net/ipv4/ip_tunnel_core.c (iptunnel_xmit).

import { internetChecksum, pseudoHeaderSum4, udpChecksum } from "../../wire/checksum.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import * as udp from "../../wire/udp.ts";
import { CHECKSUM_PARTIAL, type SkBuff } from "../core/skb.ts";
import { ipSelectIdentHashed } from "./ip-ident.ts";
import { ipLocalOut, pushHeader } from "./ip-output.ts";
import type { Ipv4 } from "./ipv4.ts";
import type { Rtable } from "./rtable.ts";
import { type UdpEncapRcv, UdpSock } from "./udp.ts";

/** Opens a port for a tunnel (udp_sock_create, setup_udp_tunnel_sock). Throws EADDRINUSE. Close the answer to end it. */
export function udpTunnelOpen(ip4: Ipv4, port: number, rcv: UdpEncapRcv, local = 0): UdpSock {
  const sock = new UdpSock(ip4);
  sock.bind({ addr: local, port });
  sock.encapRcv = rcv;
  return sock;
}

/** What a tunnel says of its outer header. */
export interface UdpTunnelHeader {
  readonly saddr: number;
  readonly daddr: number;
  readonly tos: number;
  readonly ttl: number;
  /** set DF */
  readonly df: boolean;
  readonly sport: number;
  readonly dport: number;
  /** no UDP checksum, as VXLAN has it over IPv4 */
  readonly noCheck: boolean;
}

/** Sends what is inside (udp_tunnel_xmit_skb): skb.data is at the tunnel's header. Takes the packet over. 0 or an errno. */
export function udpTunnelXmit(ip4: Ipv4, rt: Rtable, skb: SkBuff, header: UdpTunnelHeader): number {
  const { saddr, daddr } = header;
  const at = skb.push(udp.HEADER_LENGTH);
  const { head } = skb;
  const length = skb.len;
  udp.setSourcePort(head, at, header.sport);
  udp.setDestinationPort(head, at, header.dport);
  udp.setLength(head, at, length);
  udp.setChecksum(head, at, 0);
  if (!header.noCheck) {
    const pseudo = pseudoHeaderSum4(saddr, daddr, ipv4.IPPROTO_UDP, length);
    // a super-packet's segments get theirs when it is cut
    if (skb.gsoSize > 0) udp.setChecksum(head, at, pseudo);
    else if (skb.ipSummed !== CHECKSUM_PARTIAL && rt.dev.features.txCsum) {
      udp.setChecksum(head, at, pseudo);
      skb.ipSummed = CHECKSUM_PARTIAL;
      skb.csumStart = at;
      skb.csumOffset = udp.CHECKSUM;
    } else udp.setChecksum(head, at, udpChecksum(outerChecksum(skb, at, pseudo)));
  }
  skb.scrub(false);
  skb.dst = rt;
  const ip = pushHeader(skb, 0, header.tos, header.ttl, ipv4.IPPROTO_UDP, saddr, daddr);
  ipv4.setFlagsAndOffset(head, ip, header.df && !rt.mtuIsLocked() ? ipv4.DF : 0);
  ipSelectIdentHashed(ip4, head, ip, skb.gsoSegs || 1);
  return ipLocalOut(ip4, skb);
}

/** An inner checksum that is still to be completed makes its part of the sum known beforehand (lco_csum). */
function outerChecksum(skb: SkBuff, at: number, pseudo: number): number {
  const { head } = skb;
  if (skb.ipSummed !== CHECKSUM_PARTIAL) return internetChecksum(head, at, skb.tail, pseudo);
  const inner = skb.csumStart + skb.csumOffset;
  const partial = (head[inner]! << 8) | head[inner + 1]!;
  return internetChecksum(head, at, skb.csumStart, pseudo + (~partial & 0xffff));
}
