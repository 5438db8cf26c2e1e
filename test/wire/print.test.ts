import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readCapture } from "../../src/capture/read.ts";
import {
  FramePrinter,
  LINKTYPE_ETHERNET,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_RAW,
  type PrintOptions,
} from "../../src/wire/print.ts";
import { serviceName } from "../../src/wire/services.ts";

const CAPTURES = fileURLToPath(new URL("../../fixtures/captures", import.meta.url));
const KERNEL = fileURLToPath(new URL("../../fixtures/kernel", import.meta.url));

/** tcpdump's option letters, `nevv`. */
function optionsOf(letters: string): Partial<PrintOptions> {
  const count = (letter: string): number => letters.split(letter).length - 1;
  return {
    verbose: count("v"),
    quiet: count("q"),
    linkHeader: letters.includes("e"),
    numeric: letters.includes("n"),
    time: count("t"),
    hex: count("x"),
    hexAscii: count("X"),
    ascii: count("A"),
    absoluteSequence: letters.includes("S"),
    portName: serviceName,
    // The interfaces of the machine on which the text was made.
    interfaceName: (ifindex) => ["", "lo", "", "ifb1"][ifindex],
  };
}

function textOf(path: string, letters: string): string {
  const capture = readCapture(new Uint8Array(readFileSync(path)));
  const printer = new FramePrinter(capture.interfaces[0]!.linkType, optionsOf(letters));
  return capture.frames
    .map((f) => `${printer.print(capture.bytes, f.from, f.to, f.seconds, f.nanoseconds, f.wireLength)}\n`)
    .join("");
}

const ethernetPacket = (etherType: number, payload: readonly number[]): Uint8Array =>
  Uint8Array.of(2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, etherType >>> 8, etherType & 255, ...payload);

describe("the text of a frame", () => {
  const texts = readdirSync(CAPTURES).filter((name) => name.endsWith(".txt"));

  it.each(texts)("is tcpdump's, byte for byte: %s", (file) => {
    const [, name, letters] = /^(.*)-([a-zA-Z]+)\.txt$/.exec(file)!;
    const [scenario, capture] = name!.split("_");
    const path = capture === undefined ? join(CAPTURES, `${name}.pcap`) : join(KERNEL, scenario!, `${capture}.pcap`);
    expect(textOf(path, letters!)).toBe(readFileSync(join(CAPTURES, file), "latin1"));
  });

  it("calls what is short on the ports of AFS a cut Rx packet", () => {
    const capture = join(KERNEL, "own/60-rules-reject-types-forward/lan0.pcap");
    expect(textOf(capture, "nt").split("\n")[2]).toBe("IP 10.1.0.2.41129 > 203.0.113.2.7000:  [|rx] (2)");
  });

  it("exists for any bytes, with any options, on any link", () => {
    const letters = fc.constantFrom("", "n", "nv", "nevvv", "nq", "eqq", "nX", "xx", "A", "ttt", "nS");
    const link = fc.constantFrom(LINKTYPE_ETHERNET, LINKTYPE_RAW, LINKTYPE_LINUX_SLL2, 999);
    const start = fc.constantFrom<number[]>(
      [],
      [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0],
      [0x45, 0, 0, 60, 0, 0, 0, 0, 64, 1],
      [0x45, 0, 0, 60, 0, 0, 0, 0, 64, 17, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 53, 0, 53, 0, 40],
      [0x46, 0, 0, 60, 0, 0, 0, 0, 1, 2],
      [0x60, 0, 0, 0, 0, 40, 58, 255],
      [0x60, 0, 0, 0, 0, 40, 0, 255],
      [0, 1, 8, 0, 6, 4, 0, 1],
      [0x42, 0x42, 3, 0, 0, 0, 0],
    );
    const etherType = fc.constantFrom(0x0800, 0x86dd, 0x0806, 0x8100, 0x0026, 0x1234);
    fc.assert(
      fc.property(
        letters,
        link,
        etherType,
        start,
        fc.uint8Array({ maxLength: 120 }),
        fc.nat(200),
        (o, l, t, s, rest, extra) => {
          const frame = l === LINKTYPE_ETHERNET ? ethernetPacket(t, [...s, ...rest]) : Uint8Array.of(...s, ...rest);
          const printer = new FramePrinter(l, optionsOf(o));
          expect(typeof printer.print(frame, 0, frame.length, 1, 2, frame.length + extra)).toBe("string");
        },
      ),
      { numRuns: 1500 },
    );
  });

  it("exists for headers within headers without end", () => {
    const nested: number[] = [];
    for (let i = 0; i < 3000; i++) nested.push(0x45, 0, 0xff, 0xff, 0, 0, 0, 0, 64, 4, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2);
    const frame = ethernetPacket(0x0800, nested);
    expect(new FramePrinter(LINKTYPE_ETHERNET).print(frame, 0, frame.length, 0, 0)).toContain("[|ip]");
  });

  it("counts sequence numbers from the conversation's first, until told not to", () => {
    const tcp = (flags: number, seq: number, ack: number, data: number[] = []): Uint8Array =>
      ethernetPacket(0x0800, [
        ...[0x45, 0, 0, 40 + data.length, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
        ...[0x9c, 0x40, 0, 7, seq >>> 24, (seq >>> 16) & 255, (seq >>> 8) & 255, seq & 255],
        ...[0, 0, 0, ack, 0x50, flags, 1, 0, 0, 0, 0, 0, ...data],
      ]);
    const frames = [tcp(2, 1000, 0), tcp(16, 1001, 8), tcp(24, 1001, 8, [65, 66])];
    const lines = (options: Partial<PrintOptions>): string[] => {
      const printer = new FramePrinter(LINKTYPE_ETHERNET, { time: 1, ...options });
      return frames.map((f) => printer.print(f, 0, f.length, 0, 0));
    };
    expect(lines({})).toEqual([
      "IP 10.0.0.1.40000 > 10.0.0.2.7: Flags [S], seq 1000, win 256, length 0",
      "IP 10.0.0.1.40000 > 10.0.0.2.7: Flags [.], ack 8, win 256, length 0",
      "IP 10.0.0.1.40000 > 10.0.0.2.7: Flags [P.], seq 0:2, ack 1, win 256, length 2",
    ]);
    expect(lines({ absoluteSequence: true })[2]).toBe(
      "IP 10.0.0.1.40000 > 10.0.0.2.7: Flags [P.], seq 1001:1003, ack 8, win 256, length 2",
    );
  });

  it("begins with the time in the zone and precision asked for", () => {
    const frame = ethernetPacket(0x1234, []);
    const stamp = (options: Partial<PrintOptions>): string =>
      new FramePrinter(LINKTYPE_ETHERNET, options)
        .print(frame, 0, frame.length, 951782400, 123456789)
        .split(" 02:")[0]!;
    expect([
      stamp({}),
      stamp({ nanoseconds: true }),
      stamp({ time: 4 }),
      stamp({ time: 4, utcOffsetSeconds: -3600 }),
    ]).toEqual(["00:00:00.123456", "00:00:00.123456789", "2000-02-29 00:00:00.123456", "2000-02-28 23:00:00.123456"]);
  });
});
