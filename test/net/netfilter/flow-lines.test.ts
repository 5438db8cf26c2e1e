import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CONN, DESTINATION, PORTS, SOURCE } from "../../../src/net/netfilter/flow-line.ts";
import { FlowLines } from "../../../src/net/netfilter/flow-lines.ts";
import { numberOf } from "../../../src/wire/layout.ts";

interface Headers {
  readonly source: number;
  readonly destination: number;
  readonly ports: number;
}

const SOURCE_WORD = numberOf(0xac110002 | 0);
/** Neighbouring destinations and ports, as benchmarks and scans have them. */
const neighbours = (i: number): Headers => ({
  source: SOURCE_WORD,
  destination: numberOf((0xc6120000 + (i >> 3)) | 0),
  ports: numberOf((40000 << 16) | (9999 + (i & 7))),
});

/** What a leg does with a packet: its connection, which is looked up (`conn`) when no line has it. True: one had it. */
function pass(lines: FlowLines, { source, destination, ports }: Headers, conn: number): boolean {
  const at = lines.find(source, destination, ports);
  if (lines.words[at | CONN] === conn) return true;
  const place = lines.take(at, source, destination, ports);
  if (!lines.keeps) return false;
  lines.words[place | SOURCE] = source;
  lines.words[place | DESTINATION] = destination;
  lines.words[place | PORTS] = ports;
  lines.words[place | CONN] = conn;
  return false;
}

describe("what a leg knows of connections", () => {
  test("is of the headers that are asked for, whatever else it knows", () => {
    const word = fc.oneof(fc.constantFrom(0, 1, -1, 0x01000000), fc.integer());
    const headers = fc.record({ source: word, destination: word, ports: word });
    fc.assert(
      fc.property(fc.array(headers, { minLength: 1, maxLength: 60 }), fc.array(fc.nat(59)), (all, asked) => {
        const lines = new FlowLines();
        const key = ({ source, destination, ports }: Headers): string => `${source} ${destination} ${ports}`;
        const conns = new Map([...new Set(all.map(key))].map((text, i) => [text, i + 1]));
        for (const i of asked) {
          const one = all[i % all.length]!;
          const conn = conns.get(key(one))!;
          pass(lines, one, conn);
          const at = lines.find(one.source, one.destination, one.ports);
          expect(lines.words[at | CONN]).toBe(conn);
        }
      }),
    );
  });

  test("is all of them once each has passed a few times, up to 2,048", () => {
    for (const flows of [1, 8, 9, 1000, 2048]) {
      const lines = new FlowLines();
      for (let round = 0; round < 4; round++) for (let i = 0; i < flows; i++) pass(lines, neighbours(i), i + 1);
      for (let i = 0; i < flows; i++) expect(pass(lines, neighbours(i), i + 1), `${i} of ${flows}`).toBe(true);
    }
  });

  test("is nothing where they are more: their lines would push others' data out of the caches", () => {
    const lines = new FlowLines();
    for (let round = 0; round < 4; round++) for (let i = 0; i < 2049; i++) pass(lines, neighbours(i), i + 1);
    expect(lines.keeps).toBe(false);
    expect(lines.words.byteLength).toBe(128);
    for (let i = 0; i < 2049; i++) expect(pass(lines, neighbours(i), i + 1)).toBe(false);
  });

  test("is found after few looks, whichever addresses and ports there are", () => {
    for (const ports of [1, 8, 16, 64, 1000]) {
      const lines = new FlowLines();
      const headers = Array.from({ length: 1000 }, (_, i) => ({
        source: SOURCE_WORD,
        destination: numberOf((0xc6120000 + Math.floor(i / ports)) | 0),
        ports: numberOf((40000 << 16) | (9999 + (i % ports))),
      }));
      for (let round = 0; round < 4; round++) for (const [i, one] of headers.entries()) pass(lines, one, i + 1);
      let looks = 0;
      const { words } = lines;
      lines.words = new Proxy(words, {
        get(target, key) {
          // at each line that is another's, it is asked whether it is one at all
          if (typeof key === "string" && (Number(key) & 15) === CONN) looks++;
          return Reflect.get(target, key);
        },
      });
      for (const { source, destination, ports } of headers) lines.find(source, destination, ports);
      expect(looks, `${ports} ports`).toBeLessThan(3000);
    }
  });
});
