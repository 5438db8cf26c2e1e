import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, equalBytes, latin1, smallBytes, smallCopy, smallInts } from "../../src/base/bytes.ts";
import { Errno, errnoName, NetError, strerror } from "../../src/base/errno.ts";
import { shared, withEntry, withItem, withSetting, withSettings } from "../../src/base/settings.ts";
import { decodeUtf8, encodeUtf8, hex } from "../../src/base/text.ts";
import { formatNs } from "../../src/base/time.ts";

describe("text", () => {
  it("encodes any string as TextEncoder does", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(encodeUtf8(text)).toEqual(new TextEncoder().encode(text));
      }),
    );
  });

  it("decodes what it encoded", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(decodeUtf8(encodeUtf8(text))).toBe(text);
      }),
    );
  });

  it("decodes any bytes without throwing, ASCII as it is", () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void decodeUtf8(bytes)));
    expect(decodeUtf8(Uint8Array.of(0x61, 0xff, 0x62))).toBe("a\ufffdb");
  });

  it("writes bytes as hex", () => {
    expect(hex(Uint8Array.of(2, 0x42, 0xac), ":")).toBe("02:42:ac");
  });
});

describe("errors", () => {
  it("have Linux's numbers and glibc's texts", () => {
    expect(Errno.EHOSTUNREACH).toBe(113);
    expect(strerror(113)).toBe("No route to host");
    expect(strerror(0)).toBe("Success");
    expect(errnoName(111)).toBe("ECONNREFUSED");
    expect(new NetError(Errno.EEXIST).message).toBe("File exists");
  });

  it("carry the kernel's own sentence where there is one", () => {
    const error = new NetError(Errno.EINVAL, "Nexthop has invalid gateway.");
    expect([error.errno, error.message]).toEqual([22, "Nexthop has invalid gateway."]);
  });
});

describe("bytes", () => {
  it("join and compare", () => {
    const joined = concatBytes([Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3)]);
    expect(equalBytes(joined, Uint8Array.of(1, 2, 3))).toBe(true);
    expect(equalBytes(joined, Uint8Array.of(1, 2))).toBe(false);
  });

  it.each([0, 1, 255, 8192, 8193, 300_000])("%d of them are text, however many", (length) => {
    const bytes = Uint8Array.from({ length }, (_, i) => i * 7);
    expect(latin1(bytes)).toBe(Buffer.from(bytes).toString("latin1"));
  });
});

it("a duration is printed in its own unit", () => {
  expect([formatNs(1_500_000_000), formatNs(20_000_000), formatNs(3_000)]).toEqual(["1.5 s", "20 ms", "3 µs"]);
});

describe("small arrays", () => {
  it("do not overlap, and numbers lie where they may", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 600 })), { maxLength: 60 }), (wishes) => {
        const made = wishes.map(([ints, length], i) => (ints ? smallInts(length) : smallBytes(length)).fill(i));
        for (const [i, array] of made.entries()) {
          expect(array.length).toBe(wishes[i]![1]);
          expect(array.every((value) => value === i)).toBe(true);
        }
      }),
    );
    expect(smallCopy(Uint8Array.of(1, 2))).toEqual(Uint8Array.of(1, 2));
  });
});

describe("settings that are shared", () => {
  const defaults = { ttl: 64, names: ["a"] as readonly string[] };

  it("are the same object for all who make the same change, and stay where nothing changes", () => {
    const changed = withSetting(defaults, "ttl", 1);
    expect(changed).toEqual({ ttl: 1, names: ["a"] });
    expect(withSettings(defaults, { ttl: 1 })).toBe(changed);
    expect(withSettings(defaults, { ttl: 64 })).toBe(defaults);
    expect(defaults.ttl).toBe(64);
  });

  it("may be maps and lists", () => {
    const none: ReadonlyMap<string, number> = new Map();
    const one = withEntry(none, "x", 1);
    expect([...one]).toEqual([["x", 1]]);
    expect(withEntry(none, "x", 1)).toBe(one);
    expect(withEntry(one, "x", 1)).toBe(one);
    expect([withEntry(one, "x", undefined).size, none.size]).toEqual([0, 0]);
    const [a, b] = [{}, {}];
    const empty: readonly object[] = [];
    const list = withItem(withItem(empty, a), b);
    expect([list[0] === a, list[1] === b, list.length]).toEqual([true, true, 2]);
    expect(withItem(withItem(empty, a), b)).toBe(list);
  });

  it("may be plain data", () => {
    expect(shared({ a: [1, "x"] })).toBe(shared({ a: [1, "x"] }));
    expect(shared({ a: [1, "y"] })).not.toBe(shared({ a: [1, "x"] }));
  });
});
