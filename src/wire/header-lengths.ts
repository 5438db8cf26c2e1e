// Bytes of the headers that most packets have, without options; each layout is held against its own.
// Imports no values, so that esbuild puts the constants into the code (see net/netfilter/conntrack-row.ts).

export const ETHERNET_LENGTH = 14;
export const IPV4_LENGTH = 20;
export const UDP_LENGTH = 8;
export const TCP_LENGTH = 20;
