// ACKs that answer something wrong: challenge ACKs (RFC 5961) and duplicate ACKs to segments out of the window, both held
// to a rate. Answers to tcp_send_challenge_ack, tcp_oow_rate_limited and tcp_send_dupack in net/ipv4/tcp_input.c.

import { getFlags, SYN } from "../../wire/tcp.ts";
import type { SkBuff } from "../core/skb.ts";
import type { TcpExtName } from "./tcp-mib.ts";
import { tcpSendAck } from "./tcp-output.ts";
import { tcpEnterQuickackMode } from "./tcp-quickack.ts";
import { tcpDsackSet } from "./tcp-sack-send.ts";
import { after, before, jiffies, TCP_MAX_QUICKACKS, type TcpSock, type TcpState, tcpIsSack } from "./tcp-sock.ts";

/** A connection or a request for one: when it last answered something out of its window, jiffies. */
interface OowAnswerer {
  readonly tcp: TcpState;
  lastOowAckTime: number;
}

/** True: too soon after the last one (__tcp_oow_rate_limited). */
export function oowTooSoon(who: OowAnswerer, counter: TcpExtName): boolean {
  const now = jiffies(who.tcp.net);
  if (who.lastOowAckTime !== 0 && now - who.lastOowAckTime < who.tcp.sysctl.invalidRatelimit) {
    who.tcp.mib.ext[counter]++;
    return true;
  }
  who.lastOowAckTime = now;
  return false;
}

/** The same, but data is never part of a loop of ACKs (tcp_oow_rate_limited). */
export function tcpOowRateLimited(sk: TcpSock, skb: SkBuff, counter: TcpExtName): boolean {
  if (skb.seq !== skb.endSeq && !(getFlags(skb.head, skb.transportHeader) & SYN)) return false;
  return oowTooSoon(sk, counter);
}

/** tcp_send_challenge_ack */
export function tcpSendChallengeAck(sk: TcpSock): void {
  if (oowTooSoon(sk, "TCPACKSkippedChallenge") || !challengeAckAllowed(sk.tcp)) return;
  sk.tcp.mib.ext.TCPChallengeACK++;
  tcpSendAck(sk);
}

/** The host's own limit, drawn anew each second so that it tells an attacker nothing (tcp_challenge_ack_allowed; RFC 5961 section 7). */
export function challengeAckAllowed(tcp: TcpState): boolean {
  const limit = tcp.sysctl.challengeAckLimit;
  if (limit === 2147483647) return true;
  const now = Math.floor(tcp.net.now / 1_000_000_000);
  if (now !== tcp.challengeTimestamp) {
    const half = (limit + 1) >> 1;
    tcp.challengeTimestamp = now;
    tcp.challengeCount = tcp.rng.between(half, limit + half - 1);
  }
  if (tcp.challengeCount <= 0) return false;
  tcp.challengeCount--;
  return true;
}

/** Answers a segment that is not acceptable; an old one is reported as DSACK (tcp_send_dupack). */
export function tcpSendDupack(sk: TcpSock, skb: SkBuff): void {
  if (skb.endSeq !== skb.seq && before(skb.seq, sk.rcvNxt)) {
    sk.tcp.mib.ext.DelayedACKLost++;
    tcpEnterQuickackMode(sk, TCP_MAX_QUICKACKS);
    if (tcpIsSack(sk) && sk.tcp.sysctl.dsack)
      tcpDsackSet(sk, skb.seq, after(skb.endSeq, sk.rcvNxt) ? sk.rcvNxt : skb.endSeq);
  }
  tcpSendAck(sk);
}
