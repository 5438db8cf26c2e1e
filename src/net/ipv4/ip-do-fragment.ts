// Cuts a packet into fragments (RFC 791, RFC 815's other side): as it came in where those pieces still fit, else by the
// MTU in multiples of eight bytes. Answers to net/ipv4/ip_output.c (ip_do_fragment, ip_frag_next).

import * as ipv4 from "../../wire/ipv4.ts";
import { completeChecksum } from "../core/gso.ts";
import { consumeSkb, type SkBuff, trace } from "../core/skb.ts";
import { moveBytes } from "../core/skb-bytes.ts";
import { IPSKB_FRAG_PMTU } from "./ip-cb.ts";
import { ipOptionsFragment } from "./ip-options.ts";
import type { Ipv4 } from "./ipv4.ts";

/** Sends the packet in pieces by `output`. skb.data is at the IP header. Takes the packet over. 0 or a positive errno. */
export function ipDoFragment(ip4: Ipv4, skb: SkBuff, mtu: number, output: (ip4: Ipv4, skb: SkBuff) => number): number {
  if (skb.pool.trace !== null) trace(skb, "ipDoFragment", skb.dev, `mtu ${mtu}`);
  // a checksum left to the device cannot be completed in pieces
  completeChecksum(skb);
  const { head } = skb;
  const ip = skb.data;
  const hlen = ipv4.getHeaderLength(head, ip);
  if (skb.fragMaxSize > 0 && skb.fragMaxSize < mtu) mtu = skb.fragMaxSize;
  const room = mtu - hlen;
  const sizes = keepsGeometry(skb, hlen, room) ? skb.fragSizes : null;
  const inherited = ipv4.getFlagsAndOffset(head, ip);
  const df = skb.ipcbFlags & IPSKB_FRAG_PMTU ? ipv4.DF : 0;
  const start = (inherited & ipv4.OFFSET_MASK) << 3;
  const total = skb.len - hlen;
  let done = 0;
  let error = 0;
  for (let i = 0; done < total; i++) {
    let size = sizes ? sizes[i]! : Math.min(room, total - done);
    if (!sizes && size < total - done) size &= ~7;
    const more = done + size < total || (inherited & ipv4.MF) !== 0;
    const piece = makePiece(skb, ip, hlen, done, size);
    if (hlen > ipv4.HEADER_LENGTH && start + done > 0) ipOptionsFragment(piece);
    ipv4.setFlagsAndOffset(piece.head, piece.data, ((start + done) >> 3) | df | (more ? ipv4.MF : 0));
    ipv4.setTotalLength(piece.head, piece.data, hlen + size);
    ipv4.updateChecksum(piece.head, piece.data);
    done += size;
    const err = output(ip4, piece);
    // each piece is on its way, and may bring an error back, before the next is made
    ip4.net.sim.bhEnable();
    if (err !== 0) {
      error = err;
      break;
    }
    ip4.mib.ip.FragCreates++;
  }
  if (error === 0) ip4.mib.ip.FragOKs++;
  else ip4.mib.ip.FragFails++;
  consumeSkb(skb);
  return error;
}

/** The pieces that it was put together from can be sent as they were (the frag_list path). */
function keepsGeometry(skb: SkBuff, hlen: number, room: number): boolean {
  const sizes = skb.fragSizes;
  if (!sizes) return false;
  let sum = 0;
  for (const [i, size] of sizes.entries()) {
    if (size > room || (size & 7 && i < sizes.length - 1)) return false;
    sum += size;
  }
  return sum === skb.len - hlen;
}

/** A fragment: header and `size` bytes from `from` of the payload, and all that is kept beside (ip_copy_metadata). */
function makePiece(skb: SkBuff, ip: number, hlen: number, from: number, size: number): SkBuff {
  const piece = skb.pool.alloc(hlen + size);
  const at = piece.put(hlen + size);
  moveBytes(piece.head, at, skb.head, ip, hlen);
  moveBytes(piece.head, at + hlen, skb.head, ip + hlen + from, size);
  piece.networkHeader = at;
  piece.transportHeader = at + hlen;
  piece.pktType = skb.pktType;
  piece.priority = skb.priority;
  piece.protocol = skb.protocol;
  piece.skbIif = skb.skbIif;
  piece.dst = skb.dst;
  piece.dev = skb.dev;
  piece.mark = skb.mark;
  piece.ct = skb.ct;
  piece.ctinfo = skb.ctinfo;
  piece.sk = skb.sk;
  piece.ipcbFlags = skb.ipcbFlags;
  piece.physInDev = skb.physInDev;
  piece.physOutDev = skb.physOutDev;
  piece.nfBridge = skb.nfBridge;
  piece.nfTrace = skb.nfTrace;
  piece.id = skb.id;
  if (skb.pool.trace !== null) trace(piece, "ipCopyMetadata", piece.dev, "", null, skb);
  return piece;
}
