// How V8 is to spend its time: one long run in one process wants other things of it than a thousand short ones.

import { setFlagsFromString } from "node:v8";

/**
 * For a process that is going to forward many packets; called before it does. A packet's way is a chain of some sixty small
 * functions, as in the kernel; V8 stops putting functions into each other after 920 bytes of bytecode, or 4,600 with the small ones,
 * which is made for larger ones. What a datagram does on its trail is 9,000 bytes altogether: in one piece it takes two thirds of what it takes
 * as V8 would have it (`npm run bench`: forward_60B). It takes more compiling, which only a long run earns back; a short run takes as long as before
 * (scenarios 02 and 21).
 *
 * Where it does not get everything in, V8 takes first what is called most. Of getters that are not small it does not know how often, so
 * that they come last: what a packet asks on its way is a function where it is more than a look (flows_1000000, new_flow: an eighth).
 */
export function inlineMore(): void {
  setFlagsFromString("--max-inlined-bytecode-size-cumulative=14000");
  setFlagsFromString("--max-inlined-bytecode-size-absolute=20000");
}

/**
 * For the command line of a process that measures, because V8 looks at it only when it starts: it compiles while the code waits, not
 * beside it. What it puts into each other is then the same each time, where it depended on which of two threads was first, and a frame
 * took 340 ns in one process and 510 in the next.
 */
export const COMPILE_ALIKE = "--no-concurrent-recompilation";

/**
 * For a sweep, before its workers start. A scenario runs through thousands of functions a few times each, so that V8 takes
 * hundreds of runs to compile what matters, and each worker does it again: simple machine code from the first call on, and in
 * Node 20 optimising only what is called three times as often as V8 would wait for. Later versions count otherwise (the flag is
 * unknown to them, and V8 says so on standard error) and are best left alone. The garbage of several runs finds room in a worker's
 * semispaces from the first run on (V8 begins with 1 MB and copies a living lab each time it makes them larger; beginning with 32 takes
 * 0.3 s more), and what little lives is copied by one thread: waking others and waiting for them takes longer (3 to 8 % of scenario 02).
 */
export function forShortRuns(): void {
  setFlagsFromString("--always-sparkplug");
  if (process.versions.node.startsWith("20.")) setFlagsFromString("--interrupt-budget=200000");
  setFlagsFromString("--min-semi-space-size=16");
  setFlagsFromString("--no-parallel-scavenge");
}
