// The distributions that `tc … netem … distribution` loads: 4096 quantiles in units of 1/8192 standard deviation. iproute2
// ships them as files; they are worked out here, as its generators do (netem/normal.c, pareto.c, paretonormal.c).
// "experimental", which is measured data, is left out.

const ENTRIES = 4096;
export const NETEM_DIST_SCALE = 8192;
const SHRT_MIN = -32768;
const SHRT_MAX = 32767;
/** the generators walk along the normal curve in these steps */
const START = -10;
const END = 10.05;
const STEP = 0.00005;
const CELLS = 16384;

export const NETEM_DISTRIBUTIONS: readonly string[] = ["normal", "pareto", "paretonormal"];

const made: Map<string, Int16Array> = new Map();

/** undefined: there is none of that name */
export function netemTable(name: string): Int16Array | undefined {
  let table = made.get(name);
  if (table || !NETEM_DISTRIBUTIONS.includes(name)) return table;
  if (name === "pareto") table = tableOf(pareto);
  else {
    const normal = normalQuantiles();
    table = tableOf(name === "normal" ? (i) => normal[i]! : (i) => Math.trunc((normal[i]! + 3 * pareto(i)) / 4));
  }
  made.set(name, table);
  return table;
}

function tableOf(value: (i: number) => number): Int16Array {
  return Int16Array.from({ length: ENTRIES }, (_, i) => Math.min(Math.max(value(i), SHRT_MIN), SHRT_MAX));
}

/** Halves go to the even neighbour (C's rint). */
function rint(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

/** Pareto of shape 3, moved and stretched to mean 0 and deviation 1. */
function pareto(i: number): number {
  const value = 1 / ((65536 - 16 * i) / 65536) ** (1 / 3);
  return rint(Math.min((value - 1.5) * (4 / 3) * NETEM_DIST_SCALE, SHRT_MAX));
}

/** For each fourth of 16384 cells of probability, the last step along the curve that falls into it. */
function normalQuantiles(): number[] {
  const steps = new Float64Array(Math.ceil((END - START) / STEP) + 2);
  let count = 0;
  for (let x = START; x < END; x += STEP) steps[count++] = x;
  const out: number[] = [];
  let low = 0;
  for (let i = 0; i < ENTRIES; i++) {
    let high = count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (rint(CELLS * phi(steps[middle]!)) <= 4 * i) low = middle;
      else high = middle - 1;
    }
    out.push(rint(steps[low]! * NETEM_DIST_SCALE));
  }
  return out;
}

/** The standard normal's cumulative probability: a series near the middle, a continued fraction in the tails. */
function phi(x: number): number {
  const z = Math.abs(x);
  let tail: number;
  if (z < 4) {
    let term = z;
    let sum = z;
    for (let k = 1; Math.abs(term) > 1e-18; k++) {
      term *= (z * z) / (2 * k + 1);
      sum += term;
    }
    tail = 0.5 - (sum * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
  } else {
    let fraction = 0;
    for (let k = 60; k > 0; k--) fraction = k / (z + fraction);
    tail = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI) / (z + fraction);
  }
  return x < 0 ? tail : 1 - tail;
}
