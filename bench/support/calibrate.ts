// What this machine does now: arithmetic and memory in equal parts, so that a neighbour who takes the processor's time and one
// who takes its cache both show. Ratios of figures to this are what two runs are compared by.

const WORDS = 1 << 16;
const LOOPS = 1 << 18;
const words = new Int32Array(WORDS);
words.forEach((_, i) => {
  words[i] = Math.imul(i, 0x9e3779b1) >>> 12;
});
for (let i = 0; i < 10; i++) loop(); // JIT

/** Loops a millisecond, in the best of nine times some 2 ms: what nobody disturbed. */
export function calibrate(): number {
  return LOOPS / Math.min(...Array.from({ length: 9 }, loop));
}

/** @returns its milliseconds */
function loop(): number {
  const began = performance.now();
  let x = 1;
  for (let i = 0; i < LOOPS * 4; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  for (let i = 0; i < LOOPS; i++) x = words[(x ^ i) & (WORDS - 1)]! + (x >>> 3);
  words[0] = x & 1; // so that it counts
  return performance.now() - began;
}
