// What conntrack keeps of a TCP connection: its state and what each side has shown of its window. Answers to struct
// ip_ct_tcp of the kernel (linux/netfilter/nf_conntrack_tcp.h).

/** enum tcp_conntrack; the index into the names, the timeouts and the columns of the table below. */
export const TcpState = {
  NONE: 0,
  SYN_SENT: 1,
  SYN_RECV: 2,
  ESTABLISHED: 3,
  FIN_WAIT: 4,
  CLOSE_WAIT: 5,
  LAST_ACK: 6,
  TIME_WAIT: 7,
  CLOSE: 8,
  SYN_SENT2: 9,
} as const;

export const TCP_STATE_NAMES: readonly string[] = [
  "NONE",
  "SYN_SENT",
  "SYN_RECV",
  "ESTABLISHED",
  "FIN_WAIT",
  "CLOSE_WAIT",
  "LAST_ACK",
  "TIME_WAIT",
  "CLOSE",
  "SYN_SENT2",
];

/** Timeouts that belong to no state: retransmissions without an answer, unacknowledged data. */
export const TCP_TIMEOUT_RETRANS = 10;
export const TCP_TIMEOUT_UNACK = 11;

/** Default timeouts in seconds, by state, then RETRANS and UNACK. */
export function tcpDefaultTimeouts(): number[] {
  return [0, 120, 60, 432000, 120, 60, 30, 120, 10, 120, 300, 300];
}

// What a segment is by its flags: the rows of the table.
export const SYN_SET = 0;
export const SYNACK_SET = 1;
export const FIN_SET = 2;
export const ACK_SET = 3;
export const RST_SET = 4;
export const NONE_SET = 5;

export const FLAG_WINDOW_SCALE = 1;
export const FLAG_SACK_PERM = 2;
export const FLAG_CLOSE_INIT = 4;
export const FLAG_BE_LIBERAL = 8;
export const FLAG_DATA_UNACKED = 16;
export const FLAG_MAXACK_SET = 32;
export const EXP_CHALLENGE_ACK = 64;
export const SIMULTANEOUS_OPEN = 128;

/** What one side has shown (struct ip_ct_tcp_state). */
export class TcpSide {
  /** highest sequence number sent, its end */
  end = 0;
  /** highest that the other side allows */
  maxEnd = 0;
  /** largest window offered, scaled */
  maxWin = 0;
  maxAck = 0;
  scale = 0;
  flags = 0;

  reset(): void {
    this.end = 0;
    this.maxEnd = 0;
    this.maxWin = 0;
    this.maxAck = 0;
    this.scale = 0;
    this.flags = 0;
  }
}

/** struct ip_ct_tcp */
export class TcpTrack {
  state: number = TcpState.NONE;
  readonly seen: readonly [TcpSide, TcpSide] = [new TcpSide(), new TcpSide()];
  lastDir = 0;
  lastIndex: number = NONE_SET;
  lastSeq = 0;
  lastAck = 0;
  lastEnd = 0;
  lastWin = 0;
  lastScale = 0;
  lastFlags = 0;
  retrans = 0;

  clear(): void {
    this.state = TcpState.NONE;
    this.seen[0].reset();
    this.seen[1].reset();
    this.lastDir = 0;
    this.lastIndex = NONE_SET;
    this.lastSeq = 0;
    this.lastAck = 0;
    this.lastEnd = 0;
    this.lastWin = 0;
    this.lastScale = 0;
    this.lastFlags = 0;
    this.retrans = 0;
  }
}
/** Sequence numbers wrap (RFC 9293 section 3.4). */
export function after(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}

/** Sequence numbers wrap (RFC 9293 section 3.4). */
export function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}
