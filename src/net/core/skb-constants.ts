// Numbers of socket buffers (include/linux/skbuff.h, uapi/linux/if_packet.h). Imports no values, so that esbuild puts the constants into
// the code (see netfilter/conntrack-row.ts).

/** Head-room in front of a new packet: room for Ethernet, VLAN tags and a tunnel's outer headers. */
export const SKB_HEADROOM = 128;
/** Bytes of the two sizes of buffers, and how many small ones are made at once. */
export const SMALL = 2048;
export const LARGE: number = 65536 + 2048;
export const SMALL_PER_SLAB = 64;

export const PACKET_HOST = 0;
export const PACKET_BROADCAST = 1;
export const PACKET_MULTICAST = 2;
export const PACKET_OTHERHOST = 3;
export const PACKET_OUTGOING = 4;
export const PACKET_LOOPBACK = 5;

/** Checksum state (skbuff.h): not checked; known good; sum of the bytes known; to be completed at csumStart+csumOffset. */
export const CHECKSUM_NONE = 0;
export const CHECKSUM_UNNECESSARY = 1;
export const CHECKSUM_COMPLETE = 2;
export const CHECKSUM_PARTIAL = 3;

export const SKB_GSO_TCPV4 = 1;
export const SKB_GSO_UDP_L4 = 2;
export const SKB_GSO_TCPV6 = 4;
export const SKB_GSO_TCP_ECN = 8;

/** Below this many bytes a loop beats `set` with a fresh subarray, and it allocates nothing. */
export const LOOP_COPY = 128;
