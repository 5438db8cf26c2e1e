// Byte arrays joined, compared and grown.

/** One array of all the parts, in order. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Same length and same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * Bytes → a string of characters 0 … 255. By `apply`, which takes a typed array's elements ten times as fast as `...`, and as many as
 * a stack surely holds.
 */
export function latin1(bytes: Uint8Array): string {
  let out = "";
  for (let i = 0; i < bytes.length; i += 8192)
    out += String.fromCharCode.apply(null, bytes.subarray(i, i + 8192) as unknown as number[]);
  return out;
}

const POOL = 4096;
let pool: ArrayBuffer = new ArrayBuffer(POOL);
let pooled = 0;

/**
 * A few bytes that live long, one after the other in larger buffers: 96 bytes and themselves, where an array with a buffer of
 * its own takes 210. A buffer is kept until all its arrays are gone.
 */
export function smallBytes(length: number): Uint8Array {
  if (length > POOL / 8) return new Uint8Array(length);
  if (pooled + length > POOL) {
    pool = new ArrayBuffer(POOL);
    pooled = 0;
  }
  const bytes = new Uint8Array(pool, pooled, length);
  pooled += length;
  return bytes;
}

/** A few 32-bit numbers, likewise. */
export function smallInts(length: number): Int32Array {
  if (length > POOL / 32) return new Int32Array(length);
  pooled = (pooled + 3) & ~3;
  const { buffer, byteOffset } = smallBytes(length * 4);
  return new Int32Array(buffer, byteOffset, length);
}

/** A copy among `smallBytes`. */
export function smallCopy(bytes: Uint8Array): Uint8Array {
  const copy = smallBytes(bytes.length);
  copy.set(bytes);
  return copy;
}
