import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CaptureError, LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2 } from "../../src/capture/capture.ts";
import { readPcap } from "../../src/capture/pcap.ts";
import { PcapngWriter, readPcapng } from "../../src/capture/pcapng.ts";
import { countFrames, readCapture } from "../../src/capture/read.ts";
import * as sll2 from "../../src/capture/sll2.ts";
import { CaptureWriter, emptyCapture } from "../../src/capture/writer.ts";

const START = 1_767_225_600;
const frames = fc.array(
  fc.record({
    bytes: fc.uint8Array({ minLength: 1, maxLength: 400 }),
    timeNs: fc.integer({ min: 0, max: 2 ** 50 }),
    cut: fc.nat(100),
  }),
  { maxLength: 60 },
);

const hex = (b: Uint8Array): string => Buffer.from(b).toString("hex");

describe("a pcap file", () => {
  it("begins as tcpdump's do", () => {
    expect(hex(emptyCapture())).toBe("d4c3b2a1020004000000000000000000000004000100" + "0000");
    expect(readCapture(emptyCapture())).toMatchObject({
      frames: [],
      interfaces: [{ linkType: 1, snapLength: 262144 }],
    });
  });

  it("is read as it was written, to the microsecond or the nanosecond", () => {
    fc.assert(
      fc.property(frames, fc.boolean(), (all, nanoseconds) => {
        const writer = new CaptureWriter({ startSeconds: START, nanoseconds });
        for (const { bytes, timeNs, cut } of all) writer.write(bytes, 0, bytes.length, timeNs, bytes.length + cut);
        const file = writer.bytes();
        const capture = readCapture(file);
        expect(capture.digits).toBe(nanoseconds ? 9 : 6);
        expect(
          capture.frames.map((f) => ({
            bytes: file.slice(f.from, f.to),
            time: [f.seconds, f.nanoseconds],
            wireLength: f.wireLength,
          })),
        ).toEqual(
          all.map(({ bytes, timeNs, cut }) => {
            const ns = timeNs % 1e9;
            return {
              bytes,
              time: [START + Math.floor(timeNs / 1e9), nanoseconds ? ns : ns - (ns % 1000)],
              wireLength: bytes.length + cut,
            };
          }),
        );
      }),
    );
  });

  it("is the same when it went through a sink piece by piece", () => {
    fc.assert(
      fc.property(frames, (all) => {
        const pieces: Uint8Array[] = [];
        const streamed = new CaptureWriter({ sink: (piece) => pieces.push(piece.slice()) });
        const kept = new CaptureWriter();
        for (const [i, { bytes, timeNs }] of all.entries()) {
          kept.write(bytes, 0, bytes.length, timeNs);
          streamed.write(bytes, 0, bytes.length, timeNs);
          if (i % 7 === 0) streamed.flush();
        }
        streamed.flush();
        expect(hex(Buffer.concat(pieces))).toBe(hex(kept.bytes()));
      }),
    );
  });

  it("is the same when it was written where the sink would have it", () => {
    const step = fc.record({
      bytes: fc.uint8Array({ minLength: 24, maxLength: 300 }),
      flush: fc.nat(9),
      roomy: fc.nat(4),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const pieces: Uint8Array[] = [];
        const inPlace = { memory: new Uint8Array(0), count: 0 };
        let roomy = true;
        const streamed = new CaptureWriter({
          sink: (piece) => {
            pieces.push(piece.slice());
            if (piece.buffer !== inPlace.memory.buffer) return;
            inPlace.count++;
            // it is the sink's again
            inPlace.memory.fill(0xee);
          },
          room: (bytes) => {
            if (!roomy) return null;
            const offset = pieces.reduce((sum, { length }) => sum + length, 0);
            inPlace.memory = new Uint8Array(1024 + bytes);
            const at = 2 + (offset % 1000);
            return inPlace.memory.subarray(at, Math.max(at + bytes, 1000));
          },
        });
        const kept = new CaptureWriter();
        // enough for its own chunk to be full, so that it asks
        for (let i = 0; i < 12; i++) {
          kept.write(new Uint8Array(400), 0, 400, 0);
          streamed.write(new Uint8Array(400), 0, 400, 0);
        }
        for (const [i, { bytes, flush, roomy: has }] of steps.entries()) {
          roomy = has > 0;
          kept.write(bytes, 0, bytes.length, i * 1000);
          const words = new Int32Array(80);
          new Uint8Array(words.buffer).set(bytes, 2);
          streamed.writeWords(words, 2, bytes.length, 0, i * 1000);
          if (flush === 0) streamed.flush();
        }
        streamed.flush();
        expect(hex(Buffer.concat(pieces))).toBe(hex(kept.bytes()));
        return steps.length < 40 || inPlace.count > 0;
      }),
    );
  });

  it("outgrows its first chunks, whatever the frames' sizes", () => {
    const writer = new CaptureWriter();
    const sizes = [60, 1514, 65_535, 60, 262_144, 9000];
    for (let round = 0; round < 40; round++)
      for (const size of sizes) writer.write(new Uint8Array(size), 0, size, round);
    expect(readCapture(writer.bytes()).frames.map((f) => f.to - f.from)).toEqual(Array(40).fill(sizes).flat());
    expect(writer.frames).toBe(240);
  });

  it("keeps no more of a frame than the snapshot length, and its true length beside it", () => {
    const writer = new CaptureWriter({ snapLength: 64 });
    writer.write(new Uint8Array(1514), 0, 1514, 0);
    const capture = readCapture(writer.bytes());
    expect(capture.interfaces[0]).toMatchObject({ snapLength: 64 });
    expect(capture.frames[0]).toMatchObject({ from: 40, to: 104, wireLength: 1514 });
  });

  it("is the same written word by word, wherever the frames lie in their buffers and in the file", () => {
    fc.assert(
      fc.property(frames, fc.nat(2100), fc.constantFrom(64, 262_144), (all, at, snapLength) => {
        const [bytewise, wordwise] = [new CaptureWriter({ snapLength }), new CaptureWriter({ snapLength })];
        for (const { bytes, timeNs } of all) {
          const buffer = new Uint8Array((at + bytes.length + 3) & ~3).fill(0xee);
          buffer.set(bytes, at);
          bytewise.write(bytes, 0, bytes.length, timeNs);
          wordwise.writeWords(new Int32Array(buffer.buffer), at, bytes.length, Math.floor(timeNs / 1e9), timeNs % 1e9);
        }
        expect(hex(wordwise.bytes())).toBe(hex(bytewise.bytes()));
      }),
    );
  });

  it("has its frames counted in whatever pieces it lies", () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(3000), { maxLength: 6 }), fc.nat(50), (all, sizes, missing) => {
        const writer = new CaptureWriter();
        for (const { bytes, timeNs } of all) writer.write(bytes, 0, bytes.length, timeNs);
        const whole = writer.bytes();
        const file = whole.subarray(0, Math.max(0, whole.length - missing));
        const pieces: Uint8Array[] = [];
        let at = 0;
        for (const size of sizes) {
          pieces.push(file.subarray(at, at + size));
          at += size;
        }
        pieces.push(file.subarray(at));
        let expected: number | null = null;
        try {
          expected = readCapture(file).frames.length;
        } catch (error) {
          if (!(error instanceof CaptureError)) throw error;
        }
        expect(countFrames(pieces)).toBe(expected);
      }),
    );
  });

  it("takes a part of a larger buffer", () => {
    const writer = new CaptureWriter();
    writer.write(Uint8Array.of(9, 9, 1, 2, 3, 9), 2, 5, 0);
    const file = writer.bytes();
    expect([...file.subarray(40)]).toEqual([1, 2, 3]);
  });

  it("is read in the other byte order, too", () => {
    const file = Buffer.alloc(24 + 16 + 3);
    file.writeUInt32BE(0xa1b23c4d, 0);
    file.writeUInt16BE(2, 4);
    file.writeUInt16BE(4, 6);
    file.writeUInt32BE(65535, 16);
    file.writeUInt32BE(1, 20);
    file.writeUInt32BE(7, 24);
    file.writeUInt32BE(123_456_789, 28);
    file.writeUInt32BE(3, 32);
    file.writeUInt32BE(60, 36);
    expect(readPcap(new Uint8Array(file))).toMatchObject({
      digits: 9,
      interfaces: [{ linkType: 1, snapLength: 65535 }],
      frames: [{ from: 40, to: 43, seconds: 7, nanoseconds: 123_456_789, wireLength: 60 }],
    });
  });

  it("that is cut short or none says so in libpcap's words", () => {
    const writer = new CaptureWriter();
    writer.write(new Uint8Array(60), 0, 60, 0);
    const file = writer.bytes();
    const message = (bytes: Uint8Array): string => {
      try {
        readCapture(bytes);
      } catch (error) {
        if (error instanceof CaptureError) return error.message;
        throw error;
      }
      return "";
    };
    expect([0, 10, 30, 50].map((length) => message(file.subarray(0, length)))).toEqual([
      "truncated dump file; tried to read 4 file header bytes, only got 0",
      "truncated dump file; tried to read 24 file header bytes, only got 10",
      "truncated dump file; tried to read 16 header bytes, only got 6",
      "truncated dump file; tried to read 60 captured bytes, only got 10",
    ]);
    expect(message(new Uint8Array(100))).toBe("unknown file format");
    const huge = file.slice();
    huge.fill(0xff, 32, 36);
    expect(message(huge)).toBe("invalid packet capture length 4294967295, bigger than maximum of 262144");
  });

  it("of damaged bytes is refused as a capture error and nothing else", () => {
    const writer = new CaptureWriter();
    for (let i = 0; i < 5; i++) writer.write(new Uint8Array(40).fill(i), 0, 40, i);
    const ng = new PcapngWriter({ comment: "c" });
    ng.addInterface({ linkType: LINKTYPE_ETHERNET, name: "eth0" });
    ng.write(0, new Uint8Array(40), 0, 40, 5, 40, { comments: ["hello"], packetId: 1 });
    const good = fc.constantFrom(writer.bytes(), ng.bytes());
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(good, damage, fc.nat(), (file, flips, cut) => {
        const b = file.slice(0, cut % (file.length + 1));
        for (const [at, value] of flips) if (b.length > 0) b[at % b.length] = value;
        try {
          readCapture(b);
        } catch (error) {
          expect(error).toBeInstanceOf(CaptureError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a pcapng file", () => {
  it("is read as it was written, with its interfaces and comments", () => {
    const writer = new PcapngWriter({ startSeconds: START, comment: "two hosts", application: "vethlab" });
    const mac = Uint8Array.of(2, 0, 0, 0, 1, 1);
    const addresses = [
      { address: 0xac1fb378, mask: 0xfffff000 },
      { address: 0x0a000001, mask: 0xffffffff },
    ];
    const eth0 = writer.addInterface({
      linkType: LINKTYPE_ETHERNET,
      name: "eth0",
      description: "veth",
      mac,
      addresses,
    });
    const any = writer.addInterface({ linkType: LINKTYPE_LINUX_SLL2, name: "any", comment: "näht", snapLength: 96 });
    writer.write(eth0, Uint8Array.of(1, 2, 3, 4, 5), 1, 4, 1_234_567_891);
    writer.write(any, Uint8Array.of(6), 0, 1, 2, 60, {
      comments: ["the first drop", "of two"],
      direction: "in",
      packetId: 2 ** 40 + 7,
    });
    const file = writer.bytes();
    const capture = readPcapng(file);
    expect(capture).toMatchObject({
      comment: "two hosts",
      interfaces: [
        { linkType: 1, name: "eth0", snapLength: 262144, description: "veth", mac, addresses },
        { linkType: 276, name: "any", comment: "näht", snapLength: 96 },
      ],
    });
    expect(capture.frames.map(({ from, to, ...rest }) => ({ bytes: [...file.subarray(from, to)], ...rest }))).toEqual([
      { bytes: [2, 3, 4], seconds: START + 1, nanoseconds: 234_567_891, wireLength: 3, interfaceId: 0 },
      {
        bytes: [6],
        seconds: START,
        nanoseconds: 2,
        wireLength: 60,
        interfaceId: 1,
        comment: "the first drop\nof two",
        direction: "in",
        packetId: 2 ** 40 + 7,
      },
    ]);
    expect(file.length % 4).toBe(0);
  });

  it("survives any frames", () => {
    fc.assert(
      fc.property(frames, (all) => {
        const writer = new PcapngWriter();
        writer.addInterface({ linkType: LINKTYPE_ETHERNET });
        for (const { bytes, timeNs } of all) writer.write(0, bytes, 0, bytes.length, timeNs);
        const file = writer.bytes();
        expect(
          readCapture(file).frames.map((f) => [f.seconds * 1e9 + f.nanoseconds, hex(file.slice(f.from, f.to))]),
        ).toEqual(all.map(({ bytes, timeNs }) => [timeNs, hex(bytes)]));
      }),
    );
  });
});

describe("a capture on all interfaces", () => {
  it("has Linux's cooked header in place of Ethernet's", () => {
    const writer = new CaptureWriter({ linkType: LINKTYPE_LINUX_SLL2 });
    const frame = Uint8Array.from([1, 2, 3, 4, 5, 6, 0x02, 0x42, 0xac, 0x11, 0, 2, 0x08, 0x06, 0xaa, 0xbb]);
    writer.writeCooked(frame, 0, frame.length, 0, 0, 3, sll2.ARPHRD_ETHER, sll2.PACKET_OUTGOING);
    const file = writer.bytes();
    const [record] = readCapture(file).frames;
    expect(hex(file.slice(record!.from, record!.to))).toBe(
      "0806" + "0000" + "00000003" + "0001" + "04" + "06" + "0242ac110002" + "0000" + "aabb",
    );
    expect(record!.wireLength).toBe(22);
  });

  it("is the only one that takes cooked frames", () => {
    expect(() => new CaptureWriter().writeCooked(new Uint8Array(60), 0, 60, 0, 0, 1, 1, 0)).toThrow("LINUX_SLL2");
  });
});
