// Seeded randomness. `fork(label)` gives an independent stream whose numbers depend on the seed and the label only, so
// that a new consumer of randomness never shifts the others. xoshiro128** (Blackman and Vigna, public domain algorithm)
// seeded by splitmix32 over an FNV-1a hash of the label.

/** One output of splitmix32 for a state, as a signed number. */
function splitmix32(state: number): number {
  let z = state | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return z ^ (z >>> 15);
}

export class Rng {
  private readonly seed: number;
  // four fields and not an array: a namespace has seven of these, and an array takes 200 bytes
  private s0 = 0;
  private s1 = 0;
  private s2 = 0;
  private s3 = 0;

  /** @param seed any number; its low 32 bits count */
  constructor(seed: number) {
    // signed, because a number above 2^31 is an object of its own
    this.seed = seed | 0;
    this.s0 = splitmix32(this.seed + 0x9e3779b9);
    this.s1 = splitmix32(this.seed + 2 * 0x9e3779b9);
    this.s2 = splitmix32(this.seed + 3 * 0x9e3779b9);
    this.s3 = splitmix32(this.seed + 4 * 0x9e3779b9);
  }

  /** An independent stream named by `label`; the same label gives the same stream, whatever was drawn before. */
  fork(label: string): Rng {
    let h = 0x811c9dc5 ^ this.seed;
    for (let i = 0; i < label.length; i++) h = Math.imul(h ^ label.charCodeAt(i), 0x01000193);
    return new Rng(h ^ (h >>> 15));
  }

  /** Uniform over 0 … 2^32−1. */
  u32(): number {
    const s1 = this.s1;
    const r = Math.imul(s1, 5);
    const result = Math.imul((r << 7) | (r >>> 25), 9) >>> 0;
    const s2 = this.s2 ^ this.s0;
    const s3 = this.s3 ^ s1;
    this.s1 = s1 ^ s2;
    this.s0 ^= s3;
    this.s2 = s2 ^ (s1 << 9);
    this.s3 = (s3 << 11) | (s3 >>> 21);
    return result;
  }

  /** Uniform over 0 … n−1 (n up to 2^32). */
  below(n: number): number {
    return Math.floor((this.u32() / 4294967296) * n);
  }

  /** Uniform over lo … hi, both included. */
  between(lo: number, hi: number): number {
    return lo + this.below(hi - lo + 1);
  }

  /** Uniform over [0, 1). */
  unit(): number {
    return this.u32() / 4294967296;
  }

  /** `n` random bytes. */
  bytes(n: number): Uint8Array {
    const out = new Uint8Array(n);
    for (let i = 0; i < n; i++) out[i] = this.u32() & 255;
    return out;
  }

  /** `digits` lower-case hex digits. */
  hex(digits: number): string {
    let out = "";
    while (out.length < digits) out += this.u32().toString(16).padStart(8, "0");
    return out.slice(0, digits);
  }
}
