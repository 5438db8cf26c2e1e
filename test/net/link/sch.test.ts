import { expect, test } from "vitest";
import type { NetDevice } from "../../../src/net/core/net-device.ts";
import { netemTable } from "../../../src/net/link/netem-tables.ts";
import { Prandom } from "../../../src/net/link/prandom.ts";
import { Fifo } from "../../../src/net/link/sch-fifo.ts";
import { graft } from "../../../src/net/link/sch-generic.ts";
import { NETEM_ALWAYS, NETEM_DEFAULTS, Netem, type NetemConfig } from "../../../src/net/link/sch-netem.ts";
import { Tbf } from "../../../src/net/link/sch-tbf.ts";
import { newKernel, newNet, run, send, station } from "./wire-lab.ts";

const A = "02:00:00:00:00:0a";
const B = "02:00:00:00:00:0b";
const MS = 1_000_000;

/** A wire; what arrives at its end, as [first byte of the payload, ms since the start]. */
function wire(seed = 1): { port: NetDevice; arrivals: [number, number][]; advance(ms: number): void } {
  const kernel = newKernel(seed);
  const [port, end] = station(newNet(kernel, "host"), "v0");
  run(kernel);
  const start = kernel.sim.now;
  const arrivals: [number, number][] = [];
  end.taps.push({
    capture: (skb, _dev, _outgoing, { ns: now }) =>
      void arrivals.push([skb.head[skb.data + 14]!, Math.round((now - start) / MS)]),
  });
  return { port, arrivals, advance: (ms) => run(kernel, ms * MS) };
}

function netem(port: NetDevice, config: Partial<NetemConfig>): Netem {
  const sched = new Netem(port, 0x8001, { ...NETEM_DEFAULTS, ...config });
  graft(port, sched);
  return sched;
}

/** Sends `count` frames of 1000 bytes at once, numbered. */
function burst(port: NetDevice, count: number, length = 1000): void {
  for (let i = 0; i < count; i++) send(port, B, A, 0x88b5, new Uint8Array(length - 14).fill(i));
}

test("a token bucket lets a burst pass and then keeps to its rate", () => {
  const { port, arrivals, advance } = wire();
  graft(port, new Tbf(port, 0x8001, { rate: 100_000, burst: 2000, limit: 10_000, peakRate: 0, mtu: 0 }));
  burst(port, 5);
  advance(100);
  expect(arrivals).toEqual([
    [0, 0],
    [1, 0],
    [2, 10],
    [3, 20],
    [4, 30],
  ]);
});

test("a token bucket's second bucket keeps frames of a burst apart", () => {
  const { port, arrivals, advance } = wire();
  graft(port, new Tbf(port, 0x8001, { rate: 100_000, burst: 5000, limit: 10_000, peakRate: 500_000, mtu: 1000 }));
  burst(port, 4);
  advance(100);
  expect(arrivals.map(([, ms]) => ms)).toEqual([0, 2, 4, 6]);
});

test("a token bucket drops what exceeds its limit and what no bucket holds", () => {
  const { port, arrivals, advance } = wire();
  const tbf = new Tbf(port, 0x8001, { rate: 100_000, burst: 1500, limit: 2000, peakRate: 0, mtu: 0 });
  graft(port, tbf);
  burst(port, 5);
  burst(port, 1, 1501);
  expect([tbf.qlen, tbf.backlog, tbf.drops]).toEqual([2, 2000, 3]);
  advance(100);
  expect([arrivals.length, tbf.qlen, tbf.packets, tbf.bytes]).toEqual([3, 0, 3, 3000]);
});

test("a queue without a bucket sends at once", () => {
  const { port, arrivals, advance } = wire();
  const fifo = new Fifo(port, 0x8001, "pfifo", 1);
  graft(port, fifo);
  burst(port, 3);
  advance(0);
  expect([arrivals.length, fifo.packets]).toEqual([3, 3]);
});

test("a discipline taken off a device takes its waiting frames along", () => {
  const { port, arrivals, advance } = wire();
  netem(port, { delayNs: 50 * MS });
  burst(port, 3);
  graft(port, null);
  advance(100);
  expect(arrivals).toEqual([]);
});

test("netem delays every frame by the same time", () => {
  const { port, arrivals, advance } = wire();
  netem(port, { delayNs: 50 * MS });
  burst(port, 2);
  advance(20);
  burst(port, 1);
  advance(100);
  expect(arrivals).toEqual([
    [0, 50],
    [1, 50],
    [0, 70],
  ]);
});

test("netem's jitter spreads frames evenly around the delay, and may reorder them", () => {
  const { port, arrivals, advance } = wire();
  netem(port, { delayNs: 50 * MS, jitterNs: 20 * MS });
  burst(port, 200);
  advance(200);
  const times = arrivals.map(([, ms]) => ms);
  expect([
    Math.min(...times) < 34,
    Math.min(...times) >= 30,
    Math.max(...times) > 66,
    Math.max(...times) <= 70,
  ]).toEqual([true, true, true, true]);
  expect(arrivals.map(([n]) => n)).not.toEqual([...arrivals.keys()]);
});

test("netem loses, duplicates and corrupts about as many as it is told to", () => {
  const counts = (config: Partial<NetemConfig>): number => {
    const { port, arrivals, advance } = wire();
    netem(port, config);
    for (let i = 0; i < 10; i++) {
      burst(port, 100);
      advance(1);
    }
    return arrivals.length;
  };
  expect(counts({ loss: NETEM_ALWAYS })).toBe(0);
  expect(Math.abs(counts({ loss: 0.25 * NETEM_ALWAYS }) - 750)).toBeLessThan(60);
  expect(counts({ duplicate: NETEM_ALWAYS })).toBe(2000);
  expect(Math.abs(counts({ duplicate: 0.25 * NETEM_ALWAYS }) - 1250)).toBeLessThan(60);
});

test("netem corrupts one bit of a frame", () => {
  const kernel = newKernel();
  const [port, end] = station(newNet(kernel, "host"), "v0");
  netem(port, { corrupt: NETEM_ALWAYS });
  let wrong = 0;
  const sent = new Uint8Array(100).fill(0x55);
  port.taps.push({
    capture(skb) {
      const frame = skb.head.subarray(skb.data, skb.tail);
      const right = Uint8Array.of(2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0a, 0x88, 0xb5, ...sent);
      for (let i = 0; i < right.length; i++) for (let bits = frame[i]! ^ right[i]!; bits; bits &= bits - 1) wrong++;
    },
  });
  send(port, B, A, 0x88b5, sent);
  run(kernel);
  expect([wrong, end.up]).toEqual([1, true]);
});

test("netem sends one frame in four at once, ahead of those that wait", () => {
  const { port, arrivals, advance } = wire();
  netem(port, { delayNs: 10 * MS, reorder: NETEM_ALWAYS, gap: 4 });
  burst(port, 8);
  advance(50);
  expect(arrivals.map(([n]) => n)).toEqual([3, 7, 0, 1, 2, 4, 5, 6]);
});

test("netem's rate spaces frames by their length", () => {
  const { port, arrivals, advance } = wire();
  netem(port, { rate: 100_000 });
  burst(port, 3);
  advance(100);
  expect(arrivals.map(([, ms]) => ms)).toEqual([10, 20, 30]);
});

test("netem drops what exceeds its limit", () => {
  const { port, arrivals, advance } = wire();
  const sched = netem(port, { delayNs: 10 * MS, limit: 3 });
  burst(port, 5);
  expect([sched.qlen, sched.backlog, sched.drops]).toEqual([3, 3000, 2]);
  advance(20);
  expect(arrivals.length).toBe(3);
});

test("the same seed loses the same frames, another seed others", () => {
  const lost = (seed: number): number[] => {
    const { port, arrivals, advance } = wire(seed);
    netem(port, { loss: 0.5 * NETEM_ALWAYS });
    burst(port, 64);
    advance(1);
    return arrivals.map(([n]) => n);
  };
  expect(lost(1)).toEqual(lost(1));
  expect(lost(2)).not.toEqual(lost(1));
});

test("a tap before the driver sees a delayed frame when it leaves, not when it is queued", () => {
  const kernel = newKernel();
  const [port] = station(newNet(kernel, "host"), "v0");
  netem(port, { delayNs: 50 * MS });
  const seen: number[] = [];
  const { now } = kernel.sim;
  port.taps.push({ capture: (_skb, _dev, _outgoing, { ns: at }) => void seen.push(Math.round((at - now) / MS)) });
  send(port, B, A);
  run(kernel, 100 * MS);
  expect(seen).toEqual([50]);
});

test("a seed gives the losses of a real kernel: its generator passes the kernel's own test", () => {
  // lib/random32.c, prandom_state_selftest: seeds, and the first number after ten to warm up
  const lcg = (x: number): number => Math.imul(x, 69069) >>> 0;
  const first = (seed: number): number => {
    const state: number[] = [];
    let x = seed;
    for (const least of [2, 8, 16, 128]) {
      x = lcg(x);
      if (x < least) x += least;
      state.push(x);
    }
    const prng = new Prandom(0n);
    prng.setState(state);
    for (let i = 0; i < 10; i++) prng.u32();
    return prng.u32();
  };
  expect([1, 2, 3, 4].map(first)).toEqual([3484351685, 2623130059, 3125133893, 984847254]);
});

test("two links with one seed lose the same frames, whatever the lab's seed", () => {
  const lost = (lab: number, config: Partial<NetemConfig>): number[] => {
    const { port, arrivals, advance } = wire(lab);
    netem(port, { loss: 0.3 * NETEM_ALWAYS, ...config });
    burst(port, 40);
    advance(1);
    return arrivals.map(([n]) => n);
  };
  expect(lost(2, { seed: 42n })).toEqual(lost(1, { seed: 42n }));
  expect(lost(2, {})).not.toEqual(lost(1, {}));
});

test("netem loses in bursts: Gilbert and Elliott's model stays bad until it recovers", () => {
  const { port, arrivals, advance } = wire();
  const share = (x: number): number => Math.round(x * NETEM_ALWAYS);
  netem(port, { lossGemodel: [share(0.1), share(0.25), 0, 0], seed: 7n });
  for (let i = 0; i < 20; i++) {
    burst(port, 100);
    advance(1);
  }
  // a tenth of the good frames turn bad, a quarter of the bad ones good again: 4 in 14 are bad
  expect(Math.abs(arrivals.length / 2000 - 10 / 14)).toBeLessThan(0.05);
});

test("a duplicate goes through the loss of its own", () => {
  const { port, arrivals, advance } = wire();
  netem(port, { duplicate: NETEM_ALWAYS, loss: 0.5 * NETEM_ALWAYS, seed: 3n });
  for (let i = 0; i < 10; i++) {
    burst(port, 100);
    advance(1);
  }
  // of two copies one is lost half of the time, and the other, if it was made, half of the time again
  expect(Math.abs(arrivals.length / 1000 - 1.25)).toBeLessThan(0.1);
});

test("the distributions are those that iproute2 ships", () => {
  const some = (name: string): number[] => [0, 1, 100, 2048, 4000, 4095].map((i) => netemTable(name)![i]!);
  expect(some("normal")).toEqual([-32768, -28307, -16135, 0, 16285, 28858]);
  expect(some("pareto")).toEqual([-5461, -5460, -5371, -2622, 21783, 32767]);
  expect(some("paretonormal")).toEqual([-12305, -11171, -8062, -1966, 20408, 31789]);
});
