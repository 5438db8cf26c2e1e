// Sizes in pcap files and in what is written of one at once, in bytes.
// Imports no values, so that esbuild puts the constants into the code (see net/netfilter/conntrack-row.ts).

export const FILE_HEADER_LENGTH = 24;
export const RECORD_HEADER_LENGTH = 16;

export const FIRST_CHUNK = 4096;
export const LARGEST_CHUNK: number = 1 << 20;
/**
 * What a sink gets at once. Two captures' chunks of this size stay in a processor's second cache: frames of 1,442 bytes cost some 35 ns less
 * each than with a megabyte, and a quarter as many calls as with 64 KiB (`npm run bench`: forward_1442B_pcap).
 */
export const SINK_CHUNK: number = 1 << 18;
/** What may be written behind a record: up to eight words that are not its own. */
export const SLACK = 48;
/** Where Ethernet frames begin in their words: two bytes of a word, and the IP header on the next one. */
export const HALF_WORD = 2;
/** Chunks begin so that frames of Ethernet lie in their words as they do in packets, and the IP header on a word. */
export const CHUNK_START: number = HALF_WORD;
/** Words of the record of a frame of 60 bytes, Ethernet's shortest: so many are copied without a loop. */
export const STRAIGHT = 20;
