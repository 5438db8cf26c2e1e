import fc, { type Arbitrary } from "fast-check";
import { describe, expect, it } from "vitest";
import type { Ipv4Addr } from "../../src/wire/addr.ts";
import * as arp from "../../src/wire/arp.ts";
import * as bpdu from "../../src/wire/bpdu.ts";
import * as checksum from "../../src/wire/checksum.ts";
import * as ethernet from "../../src/wire/ethernet.ts";
import * as icmp from "../../src/wire/icmp.ts";
import * as icmp6 from "../../src/wire/icmp6.ts";
import * as igmp from "../../src/wire/igmp.ts";
import * as ipv4 from "../../src/wire/ipv4.ts";
import * as ipv6 from "../../src/wire/ipv6.ts";
import { header } from "../../src/wire/layout.ts";
import * as tcp from "../../src/wire/tcp.ts";
import * as options from "../../src/wire/tcp-options.ts";
import * as udp from "../../src/wire/udp.ts";
import * as vlan from "../../src/wire/vlan.ts";
import * as vxlan from "../../src/wire/vxlan.ts";

const u8 = fc.nat(255);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
const u48 = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const ip = u32.map((value) => value as Ipv4Addr);
const address6 = fc.uint8Array({ minLength: 16, maxLength: 16 });
const optionBytes = fc.nat(10).chain((words) => fc.uint8Array({ minLength: words * 4, maxLength: words * 4 }));
const SPACE = 80;
const AT = 5; // headers do not lie on word boundaries

interface Protocol<Header> {
  parse(b: Uint8Array, at: number, end: number): Header | undefined;
  emit(h: Header, b: Uint8Array, at: number): number;
}

function itSurvives<Header>(name: string, protocol: Protocol<Header>, headers: Arbitrary<Header>): void {
  it(`${name} is read as it was written, and fills just its own bytes`, () => {
    fc.assert(
      fc.property(headers, (h) => {
        const b = new Uint8Array(SPACE).fill(0xaa);
        const end = protocol.emit(h, b, AT);
        expect(protocol.parse(b, AT, end)).toEqual(h);
        expect(protocol.parse(b, AT, end - 1)).toBeUndefined();
        expect([...b.subarray(0, AT), ...b.subarray(end)].every((byte) => byte === 0xaa)).toBe(true);
      }),
    );
  });
}

describe("a header", () => {
  itSurvives("Ethernet", ethernet, fc.record({ destination: u48, source: u48, etherType: u16 }));
  itSurvives(
    "802.1Q",
    vlan,
    fc.record({ priority: fc.nat(7), dropEligible: fc.boolean(), vid: fc.nat(4095), etherType: u16 }),
  );
  itSurvives("ARP", arp, fc.record({ operation: u16, senderMac: u48, senderIp: ip, targetMac: u48, targetIp: ip }));
  itSurvives(
    "IPv4",
    ipv4,
    fc.record({
      tos: u8,
      totalLength: fc.integer({ min: 60, max: 0xffff }),
      identification: u16,
      flagsAndOffset: u16,
      ttl: u8,
      protocol: u8,
      checksum: u16,
      source: ip,
      destination: ip,
      options: optionBytes,
    }),
  );
  itSurvives("UDP", udp, fc.record({ sourcePort: u16, destinationPort: u16, length: u16, checksum: u16 }));
  itSurvives(
    "TCP",
    tcp,
    fc.record({
      sourcePort: u16,
      destinationPort: u16,
      sequence: u32,
      acknowledgment: u32,
      flags: fc.nat(0xfff),
      window: u16,
      checksum: u16,
      urgentPointer: u16,
      options: optionBytes,
    }),
  );
  itSurvives("ICMP", icmp, fc.record({ type: u8, code: u8, checksum: u16, identifier: u16, sequence: u16 }));
  itSurvives("ICMPv6", icmp6, fc.record({ type: u8, code: u8, checksum: u16, identifier: u16, sequence: u16 }));
  itSurvives("IGMP", igmp, fc.record({ type: u8, maxResponse: u8, checksum: u16, group: ip }));
  itSurvives("VXLAN", vxlan, fc.record({ flags: u8, vni: fc.nat(0xffffff) }));
  itSurvives(
    "IPv6",
    ipv6,
    fc.record({
      trafficClass: u8,
      flowLabel: fc.nat(0xfffff),
      payloadLength: u16,
      nextHeader: u8,
      hopLimit: u8,
      source: address6,
      destination: address6,
    }),
  );
  itSurvives(
    "a configuration BPDU",
    bpdu,
    fc.record({
      flags: u8,
      rootPriority: u16,
      rootMac: u48,
      rootPathCost: u32,
      bridgePriority: u16,
      bridgeMac: u48,
      port: u16,
      messageAge: u16,
      maxAge: u16,
      helloTime: u16,
      forwardDelay: u16,
    }),
  );

  it("has the size that its RFC gives it", () => {
    expect({
      ethernet: ethernet.HEADER_LENGTH,
      vlan: vlan.TAG_LENGTH,
      arp: arp.HEADER_LENGTH,
      ipv4: ipv4.HEADER_LENGTH,
      udp: udp.HEADER_LENGTH,
      tcp: tcp.HEADER_LENGTH,
      icmp: icmp.HEADER_LENGTH,
      igmp: igmp.HEADER_LENGTH,
      bpdu: bpdu.CONFIG_LENGTH,
      vxlan: vxlan.HEADER_LENGTH,
      ipv6: ipv6.HEADER_LENGTH,
    }).toEqual({
      ethernet: 14,
      vlan: 4,
      arp: 28,
      ipv4: 20,
      udp: 8,
      tcp: 20,
      icmp: 8,
      igmp: 8,
      bpdu: 35,
      vxlan: 8,
      ipv6: 40,
    });
  });

  it("gives its accessors the same values as its parsed form", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 60, maxLength: 60 }), (b) => {
        b[0] = 0x45;
        b[2] = 0;
        b[3] = 60;
        b[20 + 12] = 0x50 | (b[20 + 12]! & 0x01);
        const packet = ipv4.parse(b, 0, 60)!;
        expect(packet).toEqual({
          tos: ipv4.getTos(b, 0),
          totalLength: ipv4.getTotalLength(b, 0),
          identification: ipv4.getIdentification(b, 0),
          flagsAndOffset: ipv4.getFlagsAndOffset(b, 0),
          ttl: ipv4.getTtl(b, 0),
          protocol: ipv4.getProtocol(b, 0),
          checksum: ipv4.getChecksum(b, 0),
          source: ipv4.getSource(b, 0),
          destination: ipv4.getDestination(b, 0),
          options: new Uint8Array(0),
        });
        expect(tcp.parse(b, 20, 60)).toEqual({
          sourcePort: tcp.getSourcePort(b, 20),
          destinationPort: tcp.getDestinationPort(b, 20),
          sequence: tcp.getSequence(b, 20),
          acknowledgment: tcp.getAcknowledgment(b, 20),
          flags: tcp.getFlags(b, 20),
          window: tcp.getWindow(b, 20),
          checksum: tcp.getChecksum(b, 20),
          urgentPointer: tcp.getUrgentPointer(b, 20),
          options: new Uint8Array(0),
        });
      }),
    );
  });

  it("holds little-endian fields of file formats, too", () => {
    const layout = header([
      ["a", "16le"],
      ["b", "32le"],
      ["c", 24],
    ]);
    const b = new Uint8Array(layout.spanBytes);
    layout.encode({ a: 0x1234, b: 0x89abcdef, c: 0x010203 }, b, 0);
    expect([...b]).toEqual([0x34, 0x12, 0xef, 0xcd, 0xab, 0x89, 1, 2, 3]);
    expect(layout.decode(b, 0)).toEqual({ a: 0x1234, b: 0x89abcdef, c: 0x010203 });
  });
});

describe("an IPv4 header", () => {
  it("keeps a right checksum while its TTL falls", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (b) => {
        ipv4.setVersionAndHeaderLength(b, 0);
        ipv4.updateChecksum(b, 0);
        const ttl = ipv4.getTtl(b, 0);
        expect(ipv4.decreaseTtl(b, 0)).toBe((ttl - 1) & 255);
        expect(checksum.headerIsValid(b, 0, 20)).toBe(true);
      }),
    );
  });
});

describe("TCP options", () => {
  const edge = u32;
  const some = fc.record({
    mss: fc.oneof(fc.constant(-1), u16),
    windowScale: fc.oneof(fc.constant(-1), fc.nat(14)),
    sackPermitted: fc.boolean(),
    timestamps: fc.boolean(),
    tsVal: u32,
    tsEcr: u32,
    blocks: fc.array(fc.tuple(edge, edge), { maxLength: 4 }),
  });

  it("are read as they were written", () => {
    fc.assert(
      fc.property(some, ({ blocks, ...rest }) => {
        const written = { ...options.newOptions(), ...rest, sackCount: blocks.length };
        written.sackBlocks.set(blocks.flat());
        if (!written.timestamps) Object.assign(written, { tsVal: 0, tsEcr: 0 });
        const b = new Uint8Array(100);
        const end = options.emit(written, b, 3);
        expect(end - 3).toBe(options.length(written));
        expect((end - 3) % 4).toBe(0);
        const read = options.newOptions();
        options.parse(b, 3, end, read);
        expect(read).toEqual(written);
      }),
    );
  });

  it("are never read past their end, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (b) => {
        const out = options.newOptions();
        options.parse(b, 0, b.length, out);
        expect(out.sackCount).toBeLessThanOrEqual(4);
        expect(out.windowScale).toBeLessThanOrEqual(14);
      }),
    );
  });

  it("of a Linux SYN lie in Linux's order", () => {
    const syn = { ...options.newOptions(), mss: 1460, windowScale: 7, sackPermitted: true, timestamps: true, tsVal: 1 };
    const b = new Uint8Array(20);
    options.emit(syn, b, 0);
    expect([...b]).toEqual([2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]);
  });
});

describe("an IGMP version 3 report", () => {
  it("is read as it was written, with a right checksum", () => {
    const record = fc.record({
      type: fc.integer({ min: 1, max: 6 }),
      group: ip,
      sources: fc.array(ip, { maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(record, { maxLength: 4 }), (records) => {
        const b = new Uint8Array(300);
        const end = igmp.emitReport(records, b, 2);
        expect(igmp.parseReport(b, 2, end)).toEqual(records);
        expect(igmp.parseReport(b, 2, end - 1)).toBeUndefined();
        expect(checksum.sum(b, 2, end)).toBe(0xffff);
      }),
    );
  });
});

describe("a frame's addresses", () => {
  it("say whom they are for", () => {
    const b = Uint8Array.of(0x01, 0x80, 0xc2, 0, 0, 0x0e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1);
    expect([0, 6, 12].map((at) => ethernet.isMulticast(b, at))).toEqual([true, true, false]);
    expect([0, 6, 12].map((at) => ethernet.isBroadcast(b, at))).toEqual([false, true, false]);
    expect([0, 6, 12].map((at) => ethernet.isLinkLocal(b, at))).toEqual([true, false, false]);
  });

  it("of an IPv4 group hold its low 23 bits", () => {
    const b = new Uint8Array(6);
    ethernet.setIpv4MulticastMac(b, 0, 0xe0800116);
    expect([...b]).toEqual([1, 0, 0x5e, 0, 1, 0x16]);
  });
});
