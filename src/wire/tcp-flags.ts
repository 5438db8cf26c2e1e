// The flags of a TCP header (RFC 9293; AE: RFC 9768).
// Imports no values, so that esbuild puts the constants into the code (see net/netfilter/conntrack-row.ts).

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
export const ECE = 0x40;
export const CWR = 0x80;
export const AE = 0x100;
/** All nine flags, and the three reserved bits above them, in the 16-bit word that starts with the data offset. */
export const FLAGS_MASK = 0x1ff;
export const RESERVED_MASK = 0xe00;
