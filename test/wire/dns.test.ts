// Domain name messages: bytes both ways, names compressed and written out, data as zone files show it.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as dns from "../../src/wire/dns.ts";

const hex = (text: string): Uint8Array =>
  Uint8Array.from(text.replace(/\s+/g, "").match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const toHex = (bytes: Uint8Array): string => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");

describe("a DNS message", () => {
  it("asks for an address in the bytes that dig sends", () => {
    const data = hex("000a0008 12385b5cd71c0102");
    const opt = { name: "", type: dns.TYPE_OPT, class: 1232, ttl: 0, data };
    const query = { ...dns.query(0x50a4, "host1.example", dns.TYPE_A), flags: dns.RD | dns.AD, additionals: [opt] };
    expect(toHex(dns.emit(query))).toBe(
      toHex(
        hex(
          `50a4 0120 0001 0000 0000 0001 05686f737431 076578616d706c65 00 0001 0001
           00 0029 04d0 00000000 000c 000a0008 12385b5cd71c0102`,
        ),
      ),
    );
  });

  it("reads an answer whose name points back at the question", () => {
    const answer = dns.parse(
      hex(`0007 8180 0001 0001 0000 0000 03776562 00 0001 0001 c00c 0001 0001 0000003c 0004 0a000002`),
    );
    expect(answer?.answers).toEqual([{ name: "web", type: 1, class: 1, ttl: 60, data: hex("0a000002") }]);
    expect(dns.formatData(answer!.answers[0]!)).toBe("10.0.0.2");
  });

  it("points a name's ending at an earlier one, also inside record data", () => {
    const ptr = {
      name: "2.0.0.10.in-addr.arpa",
      type: dns.TYPE_PTR,
      class: 1,
      ttl: 60,
      data: dns.emitName("a.in-addr.arpa"),
    };
    const message = { ...dns.query(1, "2.0.0.10.in-addr.arpa", dns.TYPE_PTR), answers: [ptr] };
    const short = dns.emit(message);
    expect(short.length).toBe(12 + 27 + 2 + 10 + 4);
    expect(dns.parse(short)).toEqual(message);
    expect(dns.emit(message, false).length).toBe(12 + 27 + 23 + 10 + 16);
  });

  it("refuses what is cut short and names that point in circles", () => {
    expect(dns.parse(hex("0007 8180 0001"))).toBeUndefined();
    expect(dns.parse(hex("0007 0100 0001 0000 0000 0000 c00c 0001 0001"))).toBeUndefined();
    expect(dns.parse(hex("0007 0100 0001 0000 0000 0000 05 6162"))).toBeUndefined();
  });

  it("comes back as it was", () => {
    const label = fc.stringMatching(/^[a-z0-9-]{1,20}$/);
    const name = fc.array(label, { minLength: 0, maxLength: 5 }).map((labels) => labels.join("."));
    const record = fc.record({
      name,
      type: fc.constantFrom(dns.TYPE_A, dns.TYPE_TXT, dns.TYPE_AAAA, 65),
      class: fc.constant(1),
      ttl: fc.nat(),
      data: fc.uint8Array({ maxLength: 40 }),
    });
    fc.assert(
      fc.property(
        name,
        fc.nat(65535),
        fc.array(record, { maxLength: 4 }),
        fc.boolean(),
        (asked, id, answers, compress) => {
          const message: dns.Message = { ...dns.query(id, asked, dns.TYPE_A), answers };
          expect(dns.parse(dns.emit(message, compress))).toEqual(message);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("never throws on bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        for (const record of dns.parse(bytes)?.answers ?? []) dns.formatData(record);
      }),
      { numRuns: 500 },
    );
  });

  it("writes data as a zone file does", () => {
    const show = (type: number, data: Uint8Array): string =>
      dns.formatData({ name: "x", type, class: 1, ttl: 0, data });
    expect(show(dns.TYPE_MX, Uint8Array.from([0, 10, ...dns.emitName("mail.example")]))).toBe("10 mail.example.");
    expect(show(dns.TYPE_TXT, hex("02 6122 01 ff"))).toBe('"a\\"" "\\255"');
    expect(show(dns.TYPE_AAAA, hex("20010db8000000000000000000000001"))).toBe("2001:db8::1");
    expect(show(65, hex("0001"))).toBe("\\# 2 0001");
  });
});
