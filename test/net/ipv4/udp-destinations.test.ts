import { describe, expect, it } from "vitest";
import { UdpDestinations } from "../../../src/net/ipv4/udp-destinations.ts";
import { UdpHeaders } from "../../../src/net/ipv4/udp-headers.ts";

const HEADERS = new UdpHeaders();

/** Sends once to each of so many, in turn; how many were known. */
function round(table: UdpDestinations, count: number, first = 0): number {
  let known = 0;
  for (let i = 0; i < count; i++) {
    const addr = (0xc6120000 + ((first + i) >> 3)) | 0;
    const port = 9999 + (i & 7);
    if (table.find(addr, port) !== null) known++;
    else table.admit(addr, port, HEADERS);
  }
  return known;
}

describe("where a socket has sent before", () => {
  it("is kept from the second time on", () => {
    const table = new UdpDestinations();
    expect([round(table, 1), round(table, 1), round(table, 1)]).toEqual([0, 0, 1]);
    const entry = table.find(0xc6120000 | 0, 9999);
    expect(entry).not.toBeNull();
    expect(table.find(0xc6120000 | 0, 9999)).toBe(entry);
    expect(table.find(0xc6120000 | 0, 9998)).toBeNull();
  });

  it("is kept of nearly all of 1,000", () => {
    const table = new UdpDestinations();
    for (let i = 0; i < 40; i++) round(table, 1000);
    expect(round(table, 1000)).toBeGreaterThan(980);
  });

  it("stays while others come once each", () => {
    const table = new UdpDestinations();
    for (let i = 0; i < 20; i++) round(table, 100);
    const before = round(table, 100);
    for (let i = 0; i < 200; i++) {
      round(table, 100, 8000 + 800 * i);
      round(table, 100);
    }
    expect(round(table, 100)).toBeGreaterThanOrEqual(Math.min(before, 95));
  });

  it("is not kept of a million, and makes nothing for them", () => {
    const table = new UdpDestinations();
    for (let i = 0; i < 2; i++) expect(round(table, 100_000)).toBeLessThan(100);
  });
});
