// What lies where in a connection's row (conntrack-rows.ts). The file imports nothing but types, because only of such files esbuild puts
// the constants into the code. Of others it makes variables, which V8 reads and checks each time they are used: a sixth of a packet's
// way (`npm run bench`: flows_1000_sendto).

/** A row is 2 ** ROW words. V8 puts an array 16 bytes behind a cache line's begin: twelve words are one line, four the next. */
export const ROW = 4;
// Words of a row, put together with its first one's number by `|`, for which V8, unlike for `+`, does not look whether the sum is too large.
// First what each packet asks for; a direction's tuple is source, destination, ports.
export const TUPLE_WORDS = 3;
export const STATUS = 6;
/** its place in the order in which connections came into the table */
export const SEQ = 7;
export const TIMEOUT = 8;
/** UDP: jiffy after which traffic is a stream; TCP: number in TcpTracks, or negated of packed windows */
export const PROTO = 9;
export const PATH = 10;
/** TCP: what few bits of packed windows say */
export const PACKED = 12;
/** zone << 16 | masquerading interface */
export const ZONE = 13;
export const NEXT = 14;
export const PREV = 15;

// The status word: IPS_* in its low half, the protocol in its highest byte, between them what the row has.
export const ZONE_DIR_SHIFT = 16;
export const HAS_ACCT: number = 1 << 18;
export const HAS_TIMES: number = 1 << 19;
export const TELLS: number = 1 << 20;
export const HAS_EXT: number = 1 << 21;
export const IN_USE: number = 1 << 22;
export const CHAINED: number = 1 << 23;

/** Larger interface numbers do not fit beside the zone. */
export const MASQ_ELSEWHERE = 0xffff;
