import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { CaptureError } from "../../src/capture/capture.ts";
import { compareCaptures, compareSets } from "../../src/capture/compare.ts";
import { readCapture } from "../../src/capture/read.ts";
import { CaptureWriter } from "../../src/capture/writer.ts";

const KERNEL = fileURLToPath(new URL("../../fixtures/kernel", import.meta.url));

function capturesOf(scenario: string): Map<string, Uint8Array> {
  const folder = join(KERNEL, scenario);
  const names = readdirSync(folder).filter((name) => name.endsWith(".pcap"));
  return new Map(names.map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]));
}

function portsOf(scenario: string): Set<number> {
  const script = readFileSync(join(KERNEL, scenario, "scenario.sh"), "utf8");
  return new Set([...script.matchAll(/(?<![0-9.])([1-9][0-9]{3,4})(?![0-9.])/g)].map((match) => Number(match[1])));
}

/** Frames of the left, of the right, and equal ones, by capture: what the recordings' own comparison finds. */
const FOUND: readonly (readonly [string, string, number, number, Record<string, readonly [number, number, number]>])[] =
  [
    ["01-container-to-outside", "01-container-to-outside.2", 34, 38, { docker0: [19, 18, 17], eth0: [19, 18, 17] }],
    ["01-container-to-outside", "01-container-to-outside.3", 34, 38, { docker0: [19, 18, 17], eth0: [19, 18, 17] }],
    ["01-container-to-outside.2", "01-container-to-outside.3", 30, 36, { docker0: [18, 18, 15], eth0: [18, 18, 15] }],
    ["11-docker-proxy", "11-docker-proxy.2", 52, 54, { docker0: [44, 44, 42], lo: [10, 10, 10] }],
    ["21-tcp-bulk", "21-tcp-bulk.2", 236, 334, { docker0: [165, 167, 118], eth0: [165, 167, 118] }],
    ["21-tcp-bulk", "21-tcp-bulk.3", 226, 336, { docker0: [165, 168, 113], eth0: [165, 168, 113] }],
    ["22-loss-and-retransmission", "22-loss-and-retransmission.2", 39, 43, { eth0: [43, 43, 39] }],
    ["13-icmp-errors", "docker28/13-icmp-errors", 14, 34, { docker0: [18, 20, 0], eth0: [14, 14, 14] }],
    ["17-fragments-and-mtu", "docker28/17-fragments-and-mtu", 18, 39, { docker0: [19, 21, 0], eth0: [18, 18, 18] }],
    [
      "20-two-layers-of-nat",
      "docker28/20-two-layers-of-nat",
      34,
      62,
      { docker0: [22, 24, 0], eth0: [20, 20, 18], "home-wan0": [18, 18, 16] },
    ],
    ["02-published-port", "14-tcp-refused-and-reject", 2, 26, { docker0: [12, 4, 0], eth0: [12, 14, 2] }],
    ["28-ipv6", "28-ipv6", 22, 22, { pa: [10, 10, 10], pb: [12, 12, 12] }],
    ["24-vxlan-overlay", "24-vxlan-overlay", 12, 12, { "hostA-eth0": [6, 6, 6], "hostB-br0": [6, 6, 6] }],
  ];

/** A capture of one frame, its bytes changed by `change`. */
function altered(scenario: string, capture: string, change: (bytes: Uint8Array, frame: number) => void): Uint8Array {
  const file = capturesOf(scenario).get(capture)!.slice();
  for (const [i, { from, to }] of readCapture(file).frames.entries()) change(file.subarray(from, to), i + 1);
  return file;
}

describe("comparing captures", () => {
  it.each(FOUND)(
    "finds as many equal frames as the recordings' own comparison: %s and %s",
    (left, right, equal, of, each) => {
      const result = compareSets([capturesOf(left)], capturesOf(right), { keepPorts: portsOf(left) });
      expect({ equal: result.equal, of: result.of }).toEqual({ equal, of });
      expect(Object.fromEntries(result.captures.map((c) => [c.name.slice(0, -5), [c.left, c.right, c.equal]]))).toEqual(
        each,
      );
    },
  );

  it("takes the nearest of several recordings of one scenario", () => {
    const sets = ["21-tcp-bulk", "21-tcp-bulk.2", "21-tcp-bulk.3"].map(capturesOf);
    const result = compareSets(sets, capturesOf("21-tcp-bulk.2"), { keepPorts: portsOf("21-tcp-bulk") });
    expect(result.captures.map((c) => [c.alternative, c.equal])).toEqual([
      [1, 167],
      [1, 167],
    ]);
    expect(result.equal).toBe(result.of);
    expect(result.text).toBe(
      "docker0.pcap: 167 equal of 167 (recording 2) and 167\neth0.pcap: 167 equal of 167 (recording 2) and 167\n334/334 frames equal",
    );
  });

  it("shows the first difference field by field", () => {
    const left = capturesOf("02-published-port").get("eth0.pcap")!;
    const right = altered("02-published-port", "eth0.pcap", (b, frame) => {
      if (frame !== 5) return;
      b[22]! -= 1; // time to live
      b[49]! ^= 1; // TCP window
    });
    const result = compareCaptures(left, right, { keepPorts: portsOf("02-published-port") }, "eth0.pcap");
    expect(result.firstDifference).toEqual({
      leftFrame: 5,
      rightFrame: 5,
      fields: [
        { name: "ip ttl", left: "64", right: "63" },
        { name: "ip checksum", left: "valid", right: "wrong" },
        { name: "tcp window", left: "63", right: "62" },
        // The partial checksum covers the pseudo-header only, so it is still what it was.
      ],
    });
  });

  it("does not let one missing frame cost all that follow", () => {
    const left = capturesOf("06-veth-pair").get("veth-a.pcap")!;
    const writer = new CaptureWriter();
    const capture = readCapture(left);
    const start = capture.frames[0]!.seconds;
    for (const [i, f] of capture.frames.entries()) {
      if (i !== 4) writer.write(left, f.from, f.to, (f.seconds - start) * 1e9 + f.nanoseconds, f.wireLength);
    }
    const result = compareCaptures(left, writer.bytes());
    expect(result.left - result.right).toBe(1);
    expect(result.equal).toBe(result.right);
    expect(result.firstDifference).toMatchObject({ leftFrame: 5, rightFrame: undefined });
    const { text } = compareSets([new Map([["x", left]])], new Map([["x", writer.bytes()]]));
    expect(text).toContain(
      "  frame 5 only on the left: ethernet type 0x0800, ip source 10.0.0.2, ip destination 10.0.0.1",
    );
  });

  it("forgives what a kernel draws at random", () => {
    const one = capturesOf("12-udp-published").get("eth0.pcap")!;
    // Another ephemeral port, another IP identification, other MAC addresses of the machine's own making.
    const other = altered("12-udp-published", "eth0.pcap", (b) => {
      if (b[12] === 8 && b[13] === 0 && b[23] === 17) b[18]! ^= 0x55;
    });
    const result = compareCaptures(one, other, { keepPorts: portsOf("12-udp-published") });
    expect(result.firstDifference?.fields).toEqual([{ name: "ip checksum", left: "valid", right: "wrong" }]);
  });

  it("notices equal frames that came after other pauses", () => {
    const frame = Uint8Array.from([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x12, 0x34, 1]);
    const withGaps = (gaps: number[]): Uint8Array => {
      const writer = new CaptureWriter();
      let at = 0;
      for (const gap of gaps) {
        at += gap * 1e9;
        writer.write(frame, 0, frame.length, at);
      }
      return writer.bytes();
    };
    const gaps = (left: number[], right: number[]): unknown => compareCaptures(withGaps(left), withGaps(right)).gaps;
    expect(gaps([0, 1, 0.1], [0, 1.2, 0.3])).toEqual([]);
    expect(gaps([0, 1], [0, 2])).toEqual([{ leftFrame: 2, rightFrame: 2, leftGap: 1, rightGap: 2 }]);
    expect(gaps([0, 0.1], [0, 0.5])).toMatchObject([{ leftFrame: 2, rightFrame: 2 }]);
  });

  it("counts a capture that is missing or unusable as empty, and says why", () => {
    const left = new Map([["a.pcap", capturesOf("06-veth-pair").get("veth-a.pcap")!]]);
    expect(compareSets([left], new Map())).toMatchObject({ equal: 0, right: 0 });
    const result = compareSets([left], new Map([["a.pcap", new Uint8Array(7)]]));
    expect(result.captures[0]!.unusable).toBe("unknown file format");
    expect(() => compareCaptures(new Uint8Array(7), new Uint8Array(7))).toThrow(CaptureError);
  });

  it("survives any bytes in the frames", () => {
    let seed = 1;
    const random = (): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return seed >>> 16;
    };
    for (const [scenario, capture] of [
      ["13-icmp-errors", "docker0.pcap"],
      ["24-vxlan-overlay", "hostA-eth0.pcap"],
      ["28-ipv6", "pb.pcap"],
    ] as const) {
      for (let round = 0; round < 30; round++) {
        const left = altered(scenario, capture, (b) => {
          b[14 + (random() % (b.length - 14))] = random();
        });
        expect(compareCaptures(left, left).firstDifference).toBeUndefined();
      }
    }
  });
});
