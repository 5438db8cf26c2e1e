// Segments without a socket: a reset where there is no connection, and an ACK in the name of one that is past or to come
// (RFC 9293 section 3.10.7.1). Their checksums are complete, as ip_send_unicast_reply makes them. Answers to
// tcp_v4_send_reset and tcp_v4_send_ack in net/ipv4/tcp_ipv4.c.

import * as ipv4 from "../../wire/ipv4.ts";
import { set16, set32 } from "../../wire/layout.ts";
import { ACK, getAcknowledgment, getFlags, RST, setDataOffsetAndFlags } from "../../wire/tcp.ts";
import * as options from "../../wire/tcp-options.ts";
import { type SkBuff, trace } from "../core/skb.ts";
import { RTN_LOCAL } from "./fib-types.ts";
import { ipSendUnicastReply } from "./ip-output.ts";
import { skbRtable } from "./rtable.ts";
import type { TcpSock, TcpState } from "./tcp-sock.ts";

/** Starts an answer: ports swapped, header of `length` bytes. */
function answer(tcp: TcpState, skb: SkBuff, length: number, flags: number): SkBuff {
  const reply = tcp.net.kernel.skbs.alloc(length);
  const at = reply.put(length);
  reply.transportHeader = at;
  const { head } = reply;
  const from = skb.transportHeader;
  set16(head, at, (skb.head[from + 2]! << 8) | skb.head[from + 3]!);
  set16(head, at + 2, (skb.head[from]! << 8) | skb.head[from + 1]!);
  setDataOffsetAndFlags(head, at, length, flags);
  set16(head, at + 16, 0);
  set16(head, at + 18, 0);
  return reply;
}

/**
 * Answers a segment with a reset (tcp_v4_send_reset). skb.endSeq is set; the packet stays the caller's.
 * @param sk the socket that it was for, or null
 */
export function sendReset(tcp: TcpState, sk: TcpSock | null, skb: SkBuff): void {
  const { head, transportHeader: at, networkHeader } = skb;
  const flags = getFlags(head, at);
  if (flags & RST) return;
  const rt = skbRtable(skb);
  if (!sk && rt && rt.type !== RTN_LOCAL) return;
  const acked = (flags & ACK) !== 0;
  const reply = answer(tcp, skb, 20, acked ? RST : RST | ACK);
  const to = reply.data;
  set32(reply.head, to + 4, acked ? getAcknowledgment(head, at) : 0);
  set32(reply.head, to + 8, acked ? 0 : skb.endSeq);
  set16(reply.head, to + 14, 0);
  tcp.mib.tcp.OutSegs++;
  tcp.mib.tcp.OutRsts++;
  if (skb.pool.trace !== null) trace(skb, "tcpV4SendReset", skb.dev, "", null, reply);
  ipSendUnicastReply(
    tcp.ip4,
    skb,
    reply,
    ipv4.getSource(head, networkHeader),
    ipv4.getDestination(head, networkHeader),
    {
      tos: ipv4.getTos(head, networkHeader),
      mark: sk ? sk.mark : 0,
      oif: sk ? sk.boundDevIf : 0,
      uid: sk ? sk.uid : 0,
      ttl: 0,
      flags: 0,
    },
  );
}

/** What an ACK without a socket says. */
export interface AckReply {
  readonly seq: number;
  readonly ack: number;
  /** scaled */
  readonly window: number;
  readonly tsVal: number;
  /** 0: no timestamps */
  readonly tsEcr: number;
  readonly oif: number;
  readonly mark: number;
  readonly tos: number;
}

/** Answers a segment with an ACK (tcp_v4_send_ack). The packet stays the caller's. */
export function sendAckFor(tcp: TcpState, skb: SkBuff, what: AckReply): void {
  const opts = tcp.txOptions;
  options.clear(opts);
  if (what.tsEcr !== 0) {
    opts.timestamps = true;
    opts.tsVal = what.tsVal;
    opts.tsEcr = what.tsEcr;
  }
  const reply = answer(tcp, skb, 20 + options.length(opts), ACK);
  const at = reply.data;
  set32(reply.head, at + 4, what.seq);
  set32(reply.head, at + 8, what.ack);
  set16(reply.head, at + 14, what.window);
  options.emit(opts, reply.head, at + 20);
  tcp.mib.tcp.OutSegs++;
  const { head, networkHeader } = skb;
  ipSendUnicastReply(
    tcp.ip4,
    skb,
    reply,
    ipv4.getSource(head, networkHeader),
    ipv4.getDestination(head, networkHeader),
    { tos: what.tos, mark: what.mark, oif: what.oif, uid: 0, ttl: 0, flags: 0 },
  );
}
