// Numbers that outgrow 31 bits, as V8 holds them.

/**
 * Zero for a field that is going to be larger than 2 ** 31: V8 writes this one as a double. A field that begins with the other zero holds
 * small integers, and when one is too large all objects of its class become others, with everything that was compiled for them: in a TCP
 * transfer at 2 GiB, and again where its sequence numbers pass 2 ** 31, two to three seconds of compiling (`npm run bench`: tcp_segments).
 * As text it is "0"; only Object.is and toLocaleString tell the two apart.
 */
export const DOUBLE_ZERO: number = -0;
