// Where what conntrack knows of a TCP connection lies among its 64 bytes in TcpTracks (struct ip_ct_tcp of the kernel,
// linux/netfilter/nf_conntrack_tcp.h).

// Of a side, and of the last segment that was let through unbelieved.
export const FLAG_WINDOW_SCALE = 1;
export const FLAG_SACK_PERM = 2;
export const FLAG_CLOSE_INIT = 4;
export const FLAG_BE_LIBERAL = 8;
export const FLAG_DATA_UNACKED = 16;
export const FLAG_MAXACK_SET = 32;
export const EXP_CHALLENGE_ACK = 64;
export const SIMULTANEOUS_OPEN = 128;

// Words of one connection: each side's four, what the last segment said, then bytes.
/** They are 2 ** TRACK. */
export const TRACK = 4;
export const SIDE_WORDS = 4;
/** Of a side: highest sequence number sent, its end; the highest that the other side allows; its largest window, scaled; … */
export const END = 0;
export const MAX_END = 1;
export const MAX_WIN = 2;
/** … and the highest that it has acknowledged. */
export const MAX_ACK = 3;
/** Of the connection. */
export const LAST_SEQ = 8;
export const LAST_ACK = 9;
export const LAST_END = 10;
export const LAST_WIN = 11;
/** Whose windows they are; 0: nobody's. */
export const CONN = 15;
// Bytes, counted from the connection's first word.
export const STATE = 48;
export const LAST_DIR = 49;
export const LAST_INDEX = 50;
export const LAST_SCALE = 51;
export const LAST_FLAGS = 52;
export const RETRANS = 53;
/** Of either side a byte. */
export const SIDE_FLAGS = 54;
export const SIDE_SCALE = 56;
