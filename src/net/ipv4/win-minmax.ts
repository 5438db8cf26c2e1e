// The greatest or least of a measurement over a sliding window, from three samples (Kathleen Nichols' algorithm). Answers
// to lib/win_minmax.c. Time is any rising unsigned number: jiffies for the least RTT, round trips for BBR's bandwidth.

/** Three samples, best first: times and values. */
export interface MinMax {
  readonly t: Float64Array;
  readonly v: Float64Array;
}

export function newMinMax(): MinMax {
  return { t: new Float64Array(3), v: new Float64Array(3) };
}

export function minmaxGet(m: MinMax): number {
  return m.v[0]!;
}

/** Forgets all and begins with one measurement. */
export function minmaxReset(m: MinMax, t: number, value: number): number {
  m.t.fill(t);
  m.v.fill(value);
  return value;
}

/** Keeps the greatest over `window`. */
export function minmaxRunningMax(m: MinMax, window: number, t: number, value: number): number {
  const { v } = m;
  if (value >= v[0]! || t - m.t[2]! > window) return minmaxReset(m, t, value);
  if (value >= v[1]!) set2(m, t, value);
  else if (value >= v[2]!) set(m, 2, t, value);
  return subwinUpdate(m, window, t, value);
}

/** Keeps the least over `window`. */
export function minmaxRunningMin(m: MinMax, window: number, t: number, value: number): number {
  const { v } = m;
  if (value <= v[0]! || t - m.t[2]! > window) return minmaxReset(m, t, value);
  if (value <= v[1]!) set2(m, t, value);
  else if (value <= v[2]!) set(m, 2, t, value);
  return subwinUpdate(m, window, t, value);
}

function set(m: MinMax, i: number, t: number, value: number): void {
  m.t[i] = t;
  m.v[i] = value;
}

function set2(m: MinMax, t: number, value: number): void {
  set(m, 1, t, value);
  set(m, 2, t, value);
}

/** As time passes without a new best, the second and third choices move up (minmax_subwin_update). */
function subwinUpdate(m: MinMax, window: number, t: number, value: number): number {
  const dt = t - m.t[0]!;
  if (dt > window) {
    for (let i = 0; i < 2; i++) set(m, i, m.t[i + 1]!, m.v[i + 1]!);
    set(m, 2, t, value);
    if (t - m.t[0]! > window) {
      for (let i = 0; i < 2; i++) set(m, i, m.t[i + 1]!, m.v[i + 1]!);
      set(m, 2, t, value);
    }
  } else if (m.t[1] === m.t[0] && dt > window / 4) set2(m, t, value);
  else if (m.t[2] === m.t[1] && dt > window / 2) set(m, 2, t, value);
  return m.v[0]!;
}
