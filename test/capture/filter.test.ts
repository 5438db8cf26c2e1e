import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LINKTYPE_LINUX_SLL2, LINKTYPE_RAW } from "../../src/capture/capture.ts";
import { compileFilter, FilterError, type FilterOptions } from "../../src/capture/filter.ts";
import { readCapture } from "../../src/capture/read.ts";
import { parseIpv4 } from "../../src/wire/addr.ts";

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`../../fixtures/captures/${name}`, import.meta.url))));
const FILTERS: [string, number[] | string][] = JSON.parse(new TextDecoder().decode(fixture("filters.json")));
const protocols = readCapture(fixture("protocols.pcap"));

/** Frames that an expression selects, from 1, or what is said against it. */
function selected(expression: string, capture = protocols, options: FilterOptions = {}): number[] | string {
  try {
    const filter = compileFilter(expression, options);
    return capture.frames.flatMap((f, i) =>
      filter(capture.bytes, f.to - f.from, f.from, f.wireLength) ? [i + 1] : [],
    );
  } catch (error) {
    if (error instanceof FilterError) return error.message;
    throw error;
  }
}

describe("a capture filter", () => {
  it.each(FILTERS)("selects what tcpdump selects, or is refused in its words: %s", (expression, expected) => {
    expect(selected(expression)).toEqual(expected);
  });

  it("without an expression passes all", () => {
    expect(selected(" ")).toHaveLength(protocols.frames.length);
  });

  it("refuses by name what it does not know how to do", () => {
    expect(["mpls", "pppoes 5", "ip protochain 6", "byte 0 = 1", "atalk"].map((e) => selected(e))).toEqual([
      "filter primitive 'mpls' is not supported",
      "filter primitive 'pppoes' is not supported",
      "filter primitive 'protochain' is not supported",
      "filter primitive 'byte' is not supported",
      "filter primitive 'atalk' is not supported",
    ]);
    expect(selected("tcp", protocols, { linkType: LINKTYPE_RAW })).toBe("link type 101 filtering not implemented");
  });

  it("asks for host names, and matches every address of one", () => {
    const resolveHost = (name: string) =>
      name === "web" ? [parseIpv4("10.0.0.1")!, parseIpv4("10.0.0.9")!] : undefined;
    expect(selected("host web", protocols, { resolveHost })).toEqual(selected("host 10.0.0.1 or host 10.0.0.9"));
    expect(selected("host db", protocols, { resolveHost })).toBe("unknown host 'db'");
  });

  it("knows a network's broadcast address by its netmask", () => {
    const options = { netmask: parseIpv4("255.255.255.0")! };
    expect(selected("ip broadcast", protocols, options)).toEqual(selected("ip[19] = 0 or ip[19] = 255"));
  });

  it("reads cooked captures, whose frames say which way they went", () => {
    const any = readCapture(fixture("any.pcap"));
    const options = { linkType: LINKTYPE_LINUX_SLL2 };
    const out = selected("outbound", any, options) as number[];
    expect(selected("inbound", any, options)).toEqual(any.frames.map((_, i) => i + 1).filter((n) => !out.includes(n)));
    expect(selected("icmp and host 127.0.0.1", any, options)).toEqual([9, 10]);
    expect(selected("arp", any, options)).toEqual([5, 6, 20, 21]);
    expect(selected("icmp6[icmp6type] = icmp6-neighborsolicit", any, options)).toEqual([2, 3]);
    expect(selected("ether host 1:2:3:4:5:6", any, options)).toMatch(/^ethernet addresses supported only on/);
  });

  it("never reads past a frame, whatever its bytes and length", () => {
    const expression = fc.constantFrom(
      ...FILTERS.filter(([, expected]) => typeof expected !== "string").map(([e]) => e),
    );
    fc.assert(
      fc.property(expression, fc.uint8Array({ maxLength: 90 }), fc.nat(90), (text, b, length) => {
        const filter = compileFilter(text);
        const short = Math.min(length, b.length);
        expect(filter(b, short)).toBe(filter(b.slice(0, short), short));
      }),
      { numRuns: 1000 },
    );
  });
});
