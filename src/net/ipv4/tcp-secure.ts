// Numbers that an outsider must not guess: initial sequence numbers (RFC 6528), timestamp offsets, the start of the search
// for a port, SYN cookies. Answers to net/core/secure_seq.c; here they are drawn from the lab's seed, by name.

import type { TcpState } from "./tcp-sock.ts";

/** A number that depends on the seed and the label only. */
export function secureHash(tcp: TcpState, label: string): number {
  return tcp.secret.fork(label).u32();
}

/** First sequence number: a hash of the four-tuple plus a clock of 64 ns (secure_tcp_seq). */
export function secureTcpSeq(tcp: TcpState, saddr: number, daddr: number, sport: number, dport: number): number {
  const hash = secureHash(tcp, `seq/${saddr}/${daddr}/${sport}/${dport}`);
  return (hash + Math.floor(tcp.net.now / 64)) >>> 0;
}

/** Offset of the timestamp clock towards one address (secure_tcp_ts_off). */
export function secureTcpTsOff(tcp: TcpState, saddr: number, daddr: number): number {
  return tcp.sysctl.timestamps === 1 ? secureHash(tcp, `ts/${saddr}/${daddr}`) : 0;
}

/** secure_ipv4_port_ephemeral */
export function securePortEphemeral(tcp: TcpState, saddr: number, daddr: number, dport: number): number {
  return secureHash(tcp, `port/${saddr}/${daddr}/${dport}`);
}
