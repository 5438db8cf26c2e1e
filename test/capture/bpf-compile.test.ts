import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type BpfInstruction, checkBpf, noAncillary, runBpf } from "../../src/capture/bpf.ts";
import { compileBpf } from "../../src/capture/bpf-compile.ts";
import { filterProgram } from "../../src/capture/filter.ts";

const LENGTH = 24;
const AD = 0xfffff000;
const word = fc.oneof(
  fc.nat(40),
  fc.constantFrom(0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0, 0xfff00000, 0xfff00004, 0x0800),
  fc.nat(0xffffffff),
);
const offset = fc.oneof(
  { weight: 8, arbitrary: fc.nat(30) },
  fc.constantFrom(0xfff00000, 0xfff00012, AD, AD + 4, AD + 8, AD + 20, AD + 36),
);
const inMemory = fc.nat(15);
const instruction: fc.Arbitrary<BpfInstruction> = fc
  .oneof(
    ...[0x20, 0x28, 0x30].map((code) => fc.tuple(fc.constant(code), offset)),
    ...[0x40, 0x48, 0x50, 0x00, 0x01, 0xb1].map((code) => fc.tuple(fc.constant(code), word)),
    ...[0x60, 0x61, 0x02, 0x03].map((code) => fc.tuple(fc.constant(code), inMemory)),
    ...[0x80, 0x81, 0x07, 0x87].map((code) => fc.tuple(fc.constant(code), fc.constant(0))),
    ...[0x04, 0x14, 0x24, 0x34, 0x44, 0x54, 0x94, 0xa4, 0x84].map((code) => fc.tuple(fc.constant(code), word)),
    ...[0x64, 0x74].map((code) => fc.tuple(fc.constant(code), fc.nat(31))),
    ...[0x0c, 0x1c, 0x2c, 0x3c, 0x4c, 0x5c, 0x6c, 0x7c, 0x9c, 0xac].map((code) => fc.tuple(fc.constant(code), word)),
    ...[0x15, 0x25, 0x35, 0x45, 0x1d, 0x2d, 0x3d, 0x4d].map((code) => fc.tuple(fc.constant(code), word)),
    ...[0x05, 0x06, 0x16].map((code) => fc.tuple(fc.constant(code), fc.nat(60000))),
  )
  .chain(([code, k]) => fc.tuple(fc.nat(12), fc.nat(12)).map(([jt, jf]) => ({ code, jt, jf, k })));

/** A program that the kernel would load: jumps stay inside, the end is a return. */
const program = fc.array(instruction, { minLength: 1, maxLength: 40 }).map((some) => {
  const whole = [...some, { code: 0x16, jt: 0, jf: 0, k: 0 }];
  return whole.map((one, pc) => {
    const room = Math.max(whole.length - pc - 2, 0);
    const isDivision = one.code === 0x34 || one.code === 0x94;
    const k = one.code === 0x05 ? one.k % (room + 1) : isDivision && one.k === 0 ? 3 : one.k;
    return { code: one.code, jt: Math.min(one.jt, room), jf: Math.min(one.jf, room), k };
  });
});
const companions = (what: number): number => (what === 20 ? 0xfedcba98 : what * 3);

afterEach(() => vi.unstubAllGlobals());

describe("a compiled filter", () => {
  it("answers what the interpreter answers, for any program and packet", () => {
    let loaded = 0;
    fc.assert(
      fc.property(
        program,
        fc.array(fc.uint8Array({ minLength: LENGTH, maxLength: LENGTH }), { minLength: 5, maxLength: 5 }),
        fc.nat(8),
        fc.nat(16),
        (some, packets, from, length) => {
          expect(() => checkBpf(some)).not.toThrow();
          loaded++;
          const compiled = compileBpf(some);
          for (const b of packets)
            expect(compiled(b, from, length, length + 7, companions)).toBe(
              runBpf(some, b, from, length, length + 7, companions),
            );
        },
      ),
      { numRuns: 2000 },
    );
    expect(loaded).toBe(2000);
  });

  const ports = (n: number): BpfInstruction[] =>
    filterProgram(Array.from({ length: n }, (_, i) => `ether proto ${0x1000 + i}`).join(" or "));
  const frame = (type: number): Uint8Array =>
    Uint8Array.from([...new Array<number>(12).fill(2), type >> 8, type & 255]);

  it("jumps over hundreds of targets", () => {
    const compiled = compileBpf(ports(160));
    const takes = (type: number): boolean => compiled(frame(type), 0, 14, 14, noAncillary) !== 0;
    expect([0x1000, 0x1050, 0x109f, 0x10a0].map(takes)).toEqual([true, true, true, false]);
  });

  it("is interpreted where it would be nested too deep, and where code may not be made from text", () => {
    const taken = (some: BpfInstruction[]): number[] => {
      const compiled = compileBpf(some);
      return [0x1000, 0x12bb, 0x12bc].map((type) => compiled(frame(type), 0, 14, 14, noAncillary));
    };
    expect(taken(ports(700))).toEqual([262144, 262144, 0]);
    const asked = vi.fn(function refuse() {
      throw new EvalError("Refused to evaluate a string as JavaScript");
    });
    vi.stubGlobal("Function", asked);
    expect(taken(ports(1))).toEqual([262144, 0, 0]);
    expect(asked).toHaveBeenCalledOnce();
  });
});
