// Bob Jenkins' hash as the kernel uses it (include/linux/jhash.h, after lookup3.c, which its author put into the public
// domain): words in, a word out.

const INITVAL = 0xdeadbeef | 0;

function rol(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

/** jhash2: hashes `count` words. Allocates nothing. */
export function jhash2(words: Uint32Array | Int32Array, count: number, initval: number): number {
  let a = (INITVAL + (count << 2) + initval) | 0;
  let b = a;
  let c = a;
  let at = 0;
  let left = count;
  while (left > 3) {
    a = (a + words[at]!) | 0;
    b = (b + words[at + 1]!) | 0;
    c = (c + words[at + 2]!) | 0;
    a = ((a - c) ^ rol(c, 4)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rol(a, 6)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rol(b, 8)) | 0;
    b = (b + a) | 0;
    a = ((a - c) ^ rol(c, 16)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rol(a, 19)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rol(b, 4)) | 0;
    b = (b + a) | 0;
    left -= 3;
    at += 3;
  }
  if (left === 0) return c >>> 0;
  if (left > 2) c = (c + words[at + 2]!) | 0;
  if (left > 1) b = (b + words[at + 1]!) | 0;
  a = (a + words[at]!) | 0;
  return final(a, b, c);
}

function final(a0: number, b0: number, c0: number): number {
  let c = (c0 ^ b0) - rol(b0, 14);
  let a = (a0 ^ c) - rol(c, 11);
  let b = (b0 ^ a) - rol(a, 25);
  c = (c ^ b) - rol(b, 16);
  a = (a ^ c) - rol(c, 4);
  b = (b ^ a) - rol(a, 14);
  c = (c ^ b) - rol(b, 24);
  return c >>> 0;
}

/** jhash_1word */
export function jhash1word(word: number, initval: number): number {
  const start = (INITVAL + 4 + initval) | 0;
  return final((start + word) | 0, start, start);
}
