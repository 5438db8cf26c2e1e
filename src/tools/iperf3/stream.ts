// One connection of an iperf3 test with its counts (struct iperf_stream, iperf_stream_result).

import type { Ns } from "../../base/time.ts";
import type { Socket } from "../../net/socket.ts";

/** One report of one stream (struct iperf_interval_results). */
export interface Interval {
  readonly bytes: number;
  readonly startNs: Ns;
  readonly endNs: Ns;
  readonly omitted: boolean;
  readonly retransmits: number;
  readonly cwnd: number;
  readonly sndWnd: number;
  readonly rtt: number;
  readonly rttvar: number;
  readonly pmtu: number;
  readonly packets: number;
  readonly lost: number;
  readonly jitter: number;
  /** counts up to here */
  readonly allPackets: number;
  readonly allLost: number;
}

export class Stream {
  readonly socket: Socket;
  /** the descriptor's number in the reports */
  readonly number: number;
  /** in the results: 1, 3, 4 … (iperf_add_stream) */
  readonly id: number;
  readonly sender: boolean;
  greenLight = true;
  pending = 0;
  bytesSent = 0;
  bytesSentOmitted = 0;
  bytesReceived = 0;
  bytesThisInterval = 0;
  /** the other end has closed it: it stays readable, and there is nothing to read */
  ended = false;
  startNs: Ns = 0;
  /** the start of the first second, for the rate: not moved by -O */
  fixedStartNs: Ns = 0;
  endNs: Ns = 0;
  last: Interval | undefined;
  retransmits = 0;
  retransmitsBefore = 0;
  maxCwnd = 0;
  maxWnd = 0;
  maxRtt = 0;
  minRtt = 0;
  sumRtt = 0;
  countRtt = 0;
  packets = 0;
  peerPackets = 0;
  lost = 0;
  outOfOrder = 0;
  omittedPackets = 0;
  omittedLost = 0;
  omittedOutOfOrder = 0;
  jitter = 0;
  transit = 0;
  /** seconds; 0 until known */
  senderTime = 0;
  receiverTime = 0;

  constructor(socket: Socket, number: number, id: number, sender: boolean) {
    this.socket = socket;
    this.number = number;
    this.id = id;
    this.sender = sender;
  }
}
