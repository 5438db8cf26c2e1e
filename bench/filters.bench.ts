// What does a capture filter cost a frame? The programs that tcpdump's filters become, compiled and by the interpreter.

import { Bench } from "tinybench";
import { noAncillary, runBpf } from "../src/capture/bpf.ts";
import { compileBpf } from "../src/capture/bpf-compile.ts";
import { filterProgram } from "../src/capture/filter.ts";

export const question: string = "One 60-byte UDP frame through a capture filter";
export const perRun = 1000;

const FRAME = Uint8Array.from([
  ...[2, 0x42, 0xac, 17, 0, 1, 2, 0x42, 0xac, 17, 0, 2, 8, 0],
  ...[0x45, 0, 0, 46, 0, 1, 0x40, 0, 64, 17, 0, 0, 172, 17, 0, 2, 93, 184, 216, 34],
  ...[0x9c, 0x40, 0x27, 0x0f, 0, 26, 0, 0, ...new Array<number>(18).fill(0)],
]);

export const bench: Bench = new Bench({ time: 300, warmupTime: 100 });
for (const text of [
  "icmp",
  "udp port 9999",
  "host 93.184.216.34 and not tcp",
  "tcp[13] & 2 != 0 or (src net 172.16.0.0/12 and greater 60)",
]) {
  const program = filterProgram(text);
  const compiled = compileBpf(program);
  add(text, () => compiled(FRAME, 0, FRAME.length, FRAME.length, noAncillary));
  add(`${text}, interpreted`, () => runBpf(program, FRAME, 0, FRAME.length, FRAME.length, noAncillary));
}

function add(name: string, filter: () => number): void {
  const expected = filter();
  bench.add(name, () => {
    let sum = 0;
    for (let i = 0; i < perRun; i++) sum += filter();
    if (sum !== expected * perRun) throw new Error(`${name}: another answer than the first time`);
  });
}
