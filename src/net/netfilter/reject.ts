// What REJECT sends: a TCP reset made from the header it answers, or an ICMP destination unreachable. Answers to
// net/ipv4/netfilter/nf_reject_ipv4.c.

import { internetChecksum, pseudoHeaderSum4 } from "../../wire/checksum.ts";
import * as ethernet from "../../wire/ethernet.ts";
import * as icmp from "../../wire/icmp.ts";
import * as ip from "../../wire/ipv4.ts";
import { get16, get32, set16, set32 } from "../../wire/layout.ts";
import * as tcp from "../../wire/tcp.ts";
import { devQueueXmit } from "../core/dev.ts";
import { DropReason } from "../core/drop-reason.ts";
import type { NetDevice } from "../core/net-device.ts";
import { CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, drop, type SkBuff, trace } from "../core/skb.ts";
import { icmpSend } from "../ipv4/icmp.ts";
import { ipLocalOut } from "../ipv4/ip-output.ts";
import { ipRouteMeHarder } from "../ipv4/route.ts";
import { skbRtable } from "../ipv4/rtable.ts";
import { nfCtGet } from "./conntrack-entry.ts";
import { tcpSetClosing } from "./proto-tcp.ts";
import type { XtEnv } from "./x-tables.ts";

/** nf_ip_checksum: true when the transport checksum is wrong, as that of a fragment is. */
function badTransportChecksum(skb: SkBuff, protonum: number): boolean {
  if (skb.ipSummed === CHECKSUM_PARTIAL || skb.ipSummed === CHECKSUM_UNNECESSARY) return false;
  const b = skb.head;
  const iph = skb.networkHeader;
  const th = iph + ip.getHeaderLength(b, iph);
  const hasPseudo = protonum === ip.IPPROTO_TCP || protonum === ip.IPPROTO_UDP;
  if (protonum === ip.IPPROTO_UDP && get16(b, th + 6) === 0) return false;
  const pseudo = hasPseudo
    ? pseudoHeaderSum4(get32(b, iph + ip.SOURCE), get32(b, iph + ip.DESTINATION), protonum, skb.tail - th)
    : 0;
  return internetChecksum(b, th, skb.tail, pseudo) !== 0;
}

/** nf_reject_verify_csum: protocols whose checksum covers the whole packet. */
function hasChecksum(protonum: number): boolean {
  return protonum === ip.IPPROTO_TCP || protonum === ip.IPPROTO_UDP || protonum === ip.IPPROTO_ICMP;
}

/** nf_send_unreach: ICMP destination unreachable with `code`, unless the packet is broken or a later fragment. */
export function nfSendUnreach(env: XtEnv, skb: SkBuff, code: number): void {
  const b = skb.head;
  const iph = skb.networkHeader;
  if (ip.getFlagsAndOffset(b, iph) & ip.OFFSET_MASK) return;
  if (skb.dst === null) return;
  const protonum = ip.getProtocol(b, iph);
  if (hasChecksum(protonum) && badTransportChecksum(skb, protonum)) return;
  icmpSend(env.ip4, skb, icmp.ICMP_DEST_UNREACH, code, 0);
}

/** nf_send_reset: a reset that the sender of the segment in `old` will believe. */
export function nfSendReset(env: XtEnv, old: SkBuff): void {
  const b = old.head;
  const iph = old.networkHeader;
  const th = iph + ip.getHeaderLength(b, iph);
  if (ip.getFlagsAndOffset(b, iph) & ip.OFFSET_MASK || ip.getProtocol(b, iph) !== ip.IPPROTO_TCP) return;
  if (old.tail - th < tcp.HEADER_LENGTH) return;
  const flags = b[th + 13]!;
  if (flags & tcp.RST || badTransportChecksum(old, ip.IPPROTO_TCP)) return;
  const rt = skbRtable(old);
  if (rt === null || rt.isBroadcastOrMulticast) return;

  const { ip4, net, ct } = env;
  const skb = net.kernel.skbs.alloc(ip.HEADER_LENGTH + tcp.HEADER_LENGTH);
  skb.dst = old.dst;
  skb.mark = ip4.sysctl.fwmarkReflect ? old.mark : 0;
  skb.protocol = 0x0800;
  const nh = skb.put(ip.HEADER_LENGTH);
  const nth = skb.put(tcp.HEADER_LENGTH);
  skb.networkHeader = nh;
  skb.transportHeader = nth;
  const saddr = get32(b, iph + ip.DESTINATION);
  const daddr = get32(b, iph + ip.SOURCE);
  const n = skb.head;
  n.fill(0, nh, skb.tail);
  ip.setVersionAndHeaderLength(n, nh);
  set16(n, nh + 6, ip.DF);
  n[nh + 8] = rt.metrics?.hoplimit ?? ip4.sysctl.defaultTtl;
  n[nh + 9] = ip.IPPROTO_TCP;
  set32(n, nh + ip.SOURCE, saddr);
  set32(n, nh + ip.DESTINATION, daddr);
  set16(n, nth, get16(b, th + 2));
  set16(n, nth + 2, get16(b, th));
  n[nth + 12] = 5 << 4;
  n[nth + 13] = tcp.RST;
  if (flags & tcp.ACK) set32(n, nth + 4, get32(b, th + 8));
  else {
    const data = old.tail - th - ((b[th + 12]! >>> 4) << 2);
    const syn = flags & tcp.SYN ? 1 : 0;
    const fin = flags & tcp.FIN ? 1 : 0;
    set32(n, nth + 8, (get32(b, th + 4) + syn + fin + data) >>> 0);
    n[nth + 13] = tcp.RST | tcp.ACK;
  }
  set16(n, nth + tcp.CHECKSUM, pseudoHeaderSum4(saddr, daddr, ip.IPPROTO_TCP, tcp.HEADER_LENGTH));
  skb.ipSummed = CHECKSUM_PARTIAL;
  skb.csumStart = nth;
  skb.csumOffset = tcp.CHECKSUM;

  if (ipRouteMeHarder(ip4, skb) !== 0) {
    drop(skb, DropReason.IP_OUTNOROUTES);
    return;
  }
  ct.attach(skb, old);
  if (skb.pool.trace !== null) trace(old, "nfSendReset", old.dev, "", null, skb);
  const conn = nfCtGet(old);
  if (conn !== 0) tcpSetClosing(ct, conn);
  if (old.nfBridge !== 0 && old.physInDev) sendBridged(skb, old, old.physInDev);
  else ipLocalOut(ip4, skb);
}

/** A bridged segment is answered by the port it came from, in the name of the station that it was for. */
function sendBridged(skb: SkBuff, old: SkBuff, dev: NetDevice): void {
  const nh = skb.networkHeader;
  set16(skb.head, nh + 2, skb.len);
  ip.updateChecksum(skb.head, nh);
  const at = skb.push(ethernet.HEADER_LENGTH);
  ethernet.setDestination(skb.head, at, old.head, old.macHeader + ethernet.SOURCE);
  ethernet.setSource(skb.head, at, old.head, old.macHeader);
  ethernet.setEtherType(skb.head, at, skb.protocol);
  skb.dev = dev;
  devQueueXmit(skb);
}
