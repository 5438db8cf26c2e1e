// A line of FlowLines (flow-lines.ts), in 32-bit words. Imports no values, so that esbuild puts the constants into the code; they and a
// line's begin are put together by `|` (see conntrack-row.ts).

/** Words of a line: a line of the processor's cache. */
export const LINE_BITS = 4;
/** The headers' words 3 to 5 (addresses, ports) as they come. */
export const SOURCE = 0;
export const DESTINATION = 1;
export const PORTS = 2;
/** the connection's row and its number, which name it for ever */
export const CONN = 3;
export const SEQ = 4;
/** words 3 to 5 as they leave, and by how much the checksums of IP and UDP grow */
export const NEW_SOURCE = 5;
export const NEW_DESTINATION = 6;
export const NEW_PORTS = 7;
export const IP_CHANGE = 8;
export const UDP_CHANGE = 9;
