import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkBpf } from "../../src/capture/bpf.ts";
import { bpfAssembly, bpfInitializers, bpfNumbers } from "../../src/capture/bpf-text.ts";
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2 } from "../../src/capture/capture.ts";
import { compileFilter, FilterError, filterProgram } from "../../src/capture/filter.ts";
import { readCapture } from "../../src/capture/read.ts";
import { plainFilter } from "./plain-filter.ts";

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`../../fixtures/captures/${name}`, import.meta.url))));

/** Each filter with what tcpdump prints for it, or says against it. */
function programs(name: string): [string, string][] {
  return new TextDecoder()
    .decode(fixture(name))
    .split(/^# /m)
    .slice(1)
    .map((entry) => [entry.slice(0, entry.indexOf("\n")), entry.slice(entry.indexOf("\n") + 1)]);
}
const PROGRAMS = programs("filter-programs.ddd");
const OPTIMIZED_PROGRAMS = programs("filter-programs-optimized.ddd");
const textsOf = (list: readonly [string, string][]): string[] =>
  list.filter(([, program]) => !program.startsWith("!")).map(([text]) => text);
const COMPILED = textsOf(PROGRAMS);
const OPTIMIZED = textsOf(OPTIMIZED_PROGRAMS);

function programText(text: string, unoptimized: boolean): string {
  try {
    return bpfNumbers(filterProgram(text, { unoptimized }));
  } catch (error) {
    if (error instanceof FilterError) return `!${error.message}\n`;
    throw error;
  }
}

describe("a filter's program", () => {
  it.each(PROGRAMS)("is libpcap's before optimisation, instruction for instruction: %s", (text, program) => {
    expect(programText(text, true)).toBe(program);
  });

  it.each(OPTIMIZED_PROGRAMS)("is libpcap's after optimisation: %s", (text, program) => {
    expect(programText(text, false)).toBe(program);
  });

  it("is one that the kernel would load", () => {
    for (const text of COMPILED) expect(() => checkBpf(filterProgram(text, { unoptimized: true }))).not.toThrow();
    for (const text of OPTIMIZED) expect(() => checkBpf(filterProgram(text))).not.toThrow();
  });

  // of a frame that ends within what is asked the optimised program knows more or less: it reads in another order
  it("takes the frames that the expression means, whatever their bytes", () => {
    const frames = readCapture(fixture("protocols.pcap"));
    const frame = fc.tuple(fc.nat(frames.frames.length - 1), fc.nat(80), fc.nat(255)).map(([n, at, value]) => {
      const { from, to } = frames.frames[n]!;
      const bytes = new Uint8Array(70000);
      bytes.set(frames.bytes.subarray(from, to));
      bytes[at] = value;
      return bytes;
    });
    const link = fc.constantFrom(LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2);
    fc.assert(
      fc.property(
        fc.constantFrom(...new Set([...COMPILED, ...OPTIMIZED])),
        link,
        fc.array(frame, { minLength: 20, maxLength: 20 }),
        (text, linkType, some) => {
          let filter: ReturnType<typeof compileFilter> = () => false;
          try {
            filter = compileFilter(text, { linkType });
          } catch (error) {
            const { message } = error as Error;
            if (message !== "expression rejects all packets") {
              expect(() => plainFilter(text, { linkType })).toThrow(message);
              return;
            }
          }
          const plain = plainFilter(text, { linkType });
          const taken = (one: typeof filter): boolean[] => some.map((b) => one(b, b.length, 0, b.length + 7));
          expect(taken(filter)).toEqual(taken(plain));
        },
      ),
      { numRuns: 1500 },
    );
  });

  it("reaches further than 255 instructions by way of other jumps", () => {
    const text = Array.from({ length: 40 }, (_, i) => `port ${i + 1}`).join(" or ");
    const program = filterProgram(text, { unoptimized: true });
    expect(program.some(({ code }) => code === 0x05)).toBe(true);
    expect(() => checkBpf(program)).not.toThrow();
    const { bytes, frames } = readCapture(fixture("protocols.pcap"));
    const taken = (filter: ReturnType<typeof compileFilter>): boolean[] =>
      frames.map(({ from, to, wireLength }) => filter(bytes, to - from, from, wireLength));
    expect(taken(compileFilter(text, { unoptimized: true }))).toEqual(taken(plainFilter(text)));
  });

  it("prints as assembler, for C and as numbers", () => {
    const program = filterProgram("ip[8] < 64", { unoptimized: true });
    expect(bpfAssembly(program)).toBe(
      [
        "(000) ldh      [12]",
        "(001) jeq      #0x800           jt 2\tjf 13",
        "(002) ld       #0x8",
        "(003) st       M[0]",
        "(004) ldx      M[0]",
        "(005) ldb      [x + 14]",
        "(006) st       M[1]",
        "(007) ld       #0x40",
        "(008) st       M[2]",
        "(009) ldx      M[2]",
        "(010) ld       M[1]",
        "(011) jge      x                jt 13\tjf 12",
        "(012) ret      #262144",
        "(013) ret      #0",
        "",
      ].join("\n"),
    );
    expect(bpfInitializers(filterProgram("arp"))).toBe(
      "{ 0x28, 0, 0, 0x0000000c },\n{ 0x15, 0, 1, 0x00000806 },\n{ 0x6, 0, 0, 0x00040000 },\n{ 0x6, 0, 0, 0x00000000 },\n",
    );
    expect(bpfNumbers(filterProgram("arp"))).toBe("4\n40 0 0 12\n21 0 1 2054\n6 0 0 262144\n6 0 0 0\n");
  });
});
