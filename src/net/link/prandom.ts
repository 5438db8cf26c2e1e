// The kernel's generator of pseudo-random numbers that can be seeded: four combined Tausworthe generators of period 2^113.
// Answers to lib/random32.c and include/linux/prandom.h (prandom_u32_state, prandom_seed_state).

export class Prandom {
  private readonly state: Uint32Array = new Uint32Array(4);

  constructor(seed: bigint) {
    this.seed(seed);
  }

  seed(seed: bigint): void {
    const low = Number(seed & 0xffffffffn);
    const i = (Number((seed >> 32n) & 0xffffffffn) ^ (low << 10) ^ low) >>> 0;
    SMALLEST.forEach((least, k) => {
      this.state[k] = i < least ? i + least : i;
    });
  }

  /** 32 bits */
  u32(): number {
    const s = this.state;
    s[0] = ((s[0]! & 0xfffffffe) << 18) ^ ((((s[0]! << 6) ^ s[0]!) >>> 0) >>> 13);
    s[1] = ((s[1]! & 0xfffffff8) << 2) ^ ((((s[1]! << 2) ^ s[1]!) >>> 0) >>> 27);
    s[2] = ((s[2]! & 0xfffffff0) << 7) ^ ((((s[2]! << 13) ^ s[2]!) >>> 0) >>> 21);
    s[3] = ((s[3]! & 0xffffff80) << 13) ^ ((((s[3]! << 3) ^ s[3]!) >>> 0) >>> 12);
    return (s[0]! ^ s[1]! ^ s[2]! ^ s[3]!) >>> 0;
  }

  /** @internal for the kernel's own test vectors (prandom_seed_early, prandom_warmup) */
  setState(state: readonly number[]): void {
    this.state.set(state);
  }
}

/** Below these a state would not run through its whole period. */
const SMALLEST: readonly number[] = [2, 8, 16, 128];
