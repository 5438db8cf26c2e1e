// A bridge looks a station up for every frame, twice: to learn the sender and to find the receiver. Typed arrays or a Map?
import { Bench } from "tinybench";
import { Fdb } from "../src/net/bridge/fdb-table.ts";

export const question: string = "What does a look-up in a bridge's forwarding table cost?";
export const perRun: number = 100;

/** `count` MAC addresses, one after the other, as vendors give them out. */
function addresses(count: number): Uint8Array {
  const out = new Uint8Array(count * 6);
  for (let i = 0; i < count; i++) out.set([2, 0x42, i >>> 24, (i >>> 16) & 255, (i >>> 8) & 255, i & 255], i * 6);
  return out;
}

export const bench: Bench = new Bench({ time: 200 });

for (const count of [10, 1000, 100_000]) {
  const macs = addresses(count);
  const fdb = new Fdb();
  const byText = new Map<string, number>();
  const byNumber = new Map<number, number>();
  const key = (at: number): number =>
    ((macs[at]! << 8) | macs[at + 1]!) * 4294967296 +
    ((macs[at + 2]! << 24) | (macs[at + 3]! << 16) | (macs[at + 4]! << 8) | macs[at + 5]!);
  for (let i = 0; i < count; i++) {
    fdb.create(macs, i * 6, 0, 1, 0, 0);
    byText.set(String.fromCharCode(...macs.subarray(i * 6, i * 6 + 6)), i);
    byNumber.set(key(i * 6), i);
  }
  let next = 0;
  const each = (work: (at: number) => number) => () => {
    for (let i = 0; i < perRun; i++) {
      next = (next + 7919) % count;
      next ^= work(next * 6) & 0; // keeps results alive, so that the work is not optimized away
    }
  };
  bench.add(
    `${count} stations: typed arrays`,
    each((at) => fdb.find(macs, at, 0)),
  );
  bench.add(
    `${count} stations: Map by a 48-bit number`,
    each((at) => byNumber.get(key(at))!),
  );
  bench.add(
    `${count} stations: Map by a text made per frame`,
    each((at) => byText.get(String.fromCharCode(...macs.subarray(at, at + 6)))!),
  );
}
