// A checksum is computed over a whole packet or repaired after a change. What is each worth, and which way to sum?
import { Bench } from "tinybench";
import * as checksum from "../src/wire/checksum.ts";

export const question: string = "What does an Internet checksum cost?";
export const perRun: number = 100;

function byWords32(b: Uint8Array, from: number, to: number): number {
  let high = 0;
  let low = 0;
  for (let i = from; i + 3 < to; i += 4) {
    high += (b[i]! << 8) | b[i + 1]!;
    low += (b[i + 2]! << 8) | b[i + 3]!;
  }
  return checksum.fold(high + low);
}

function byWords16(b: Uint8Array, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i + 1 < to; i += 2) sum += (b[i]! << 8) | b[i + 1]!;
  return checksum.fold(sum);
}

const frame: Uint8Array = Uint8Array.from({ length: 1500 }, (_, i) => (i * 7) & 255);
let sink = 0; // keeps results alive, so that the work is not optimized away

function repeat(work: (i: number) => number): () => void {
  return () => {
    for (let i = 0; i < perRun; i++) sink ^= work(i);
  };
}

export const bench: Bench = new Bench({ time: 200 });
bench.add(
  "20 bytes: an IPv4 header",
  repeat((i) => checksum.internetChecksum(frame, 0, 20, i)),
);
bench.add(
  "60 bytes",
  repeat((i) => checksum.internetChecksum(frame, 0, 60, i)),
);
bench.add(
  "1500 bytes",
  repeat((i) => checksum.internetChecksum(frame, 0, 1500, i)),
);
bench.add(
  "1500 bytes, 32 bits a round",
  repeat(() => byWords32(frame, 0, 1500)),
);
bench.add(
  "1500 bytes, 16 bits a round",
  repeat(() => byWords16(frame, 0, 1500)),
);
bench.add(
  "repaired after a port changed",
  repeat((i) => checksum.replace16(sink & 0xffff, i, 40000)),
);
bench.add(
  "repaired after an address changed",
  repeat((i) => checksum.replace32(sink & 0xffff, 0xac110002, i)),
);
