// Seeded randomness. `fork(label)` gives an independent stream whose numbers depend on the seed and the label only, so
// that a new consumer of randomness never shifts the others. xoshiro128** (Blackman and Vigna, public domain algorithm)
// seeded by splitmix32 over an FNV-1a hash of the label.

export class Rng {
  readonly #seed: number;
  readonly #s: Uint32Array = new Uint32Array(4);

  /** @param seed any number; its low 32 bits count */
  constructor(seed: number) {
    this.#seed = seed >>> 0;
    let x = this.#seed;
    for (let i = 0; i < 4; i++) {
      x = (x + 0x9e3779b9) >>> 0;
      let z = x;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      this.#s[i] = z ^ (z >>> 15);
    }
  }

  /** An independent stream named by `label`; the same label gives the same stream, whatever was drawn before. */
  fork(label: string): Rng {
    let h = 0x811c9dc5 ^ this.#seed;
    for (let i = 0; i < label.length; i++) h = Math.imul(h ^ label.charCodeAt(i), 0x01000193);
    return new Rng(h ^ (h >>> 15));
  }

  /** Uniform over 0 … 2^32−1. */
  u32(): number {
    const s = this.#s;
    const s1 = s[1]!;
    const r = Math.imul(s1, 5);
    const result = Math.imul((r << 7) | (r >>> 25), 9) >>> 0;
    const t = s1 << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s1;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    const s3 = s[3]!;
    s[3] = (s3 << 11) | (s3 >>> 21);
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
