import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as addr from "../../src/wire/addr.ts";

const ip = (text: string): addr.Ipv4Addr => addr.parseIpv4(text)!;

describe("an IPv4 address", () => {
  it("survives being written and read", () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), (value) => {
        expect(addr.parseIpv4(addr.formatIpv4(value))).toBe(value);
      }),
    );
  });

  it("is four decimal octets and nothing else", () => {
    for (const text of ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1..2.3", "1.2.3.4 ", "a.b.c.d", "1.2.3."]) {
      expect(addr.parseIpv4(text), text).toBeUndefined();
    }
    expect(addr.parseIpv4("255.255.255.255")).toBe(0xffffffff);
  });

  it("is read from one to four numbers where inet_aton reads it", () => {
    expect(["10.1", "0x7f.1", "010.0.0.1", "3232235777", "10.0.258"].map(addr.parseInetAton)).toEqual(
      ["10.0.0.1", "127.0.0.1", "8.0.0.1", "192.168.1.1", "10.0.1.2"].map(ip),
    );
    expect(["256.1", "1.2.3.256", "08.1.1.1", "1.2.3.4.5", ""].map(addr.parseInetAton)).toEqual(
      Array(5).fill(undefined),
    );
  });

  it("knows multicast, loopback and link-local", () => {
    expect([addr.isMulticast4(ip("224.0.0.1")), addr.isMulticast4(ip("240.0.0.1"))]).toEqual([true, false]);
    expect([addr.isLoopback4(ip("127.9.9.9")), addr.isLinkLocal4(ip("169.254.1.1"))]).toEqual([true, true]);
  });
});

describe("a network", () => {
  it("is an address with a prefix length, a netmask, or a host alone", () => {
    expect(addr.parseCidr("10.1.2.3/8")).toEqual({ address: ip("10.1.2.3"), prefix: 8 });
    expect(addr.parseCidr("10.0.0.0/255.255.0.0")).toEqual({ address: ip("10.0.0.0"), prefix: 16 });
    expect(addr.parseCidr("10.0.0.1")).toEqual({ address: ip("10.0.0.1"), prefix: 32 });
    for (const text of ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/255.0.255.0", "10.0.0/8"]) {
      expect(addr.parseCidr(text), text).toBeUndefined();
    }
  });

  it("has a netmask for every prefix length and back", () => {
    for (let prefix = 0; prefix <= 32; prefix++) expect(addr.maskToPrefix(addr.prefixToMask(prefix))).toBe(prefix);
    expect(addr.maskToPrefix(ip("255.0.255.0"))).toBeUndefined();
  });

  it("has a first and a last address", () => {
    const cidr = addr.parseCidr("172.17.5.9/16")!;
    expect(addr.rangeOf(cidr)).toEqual({ first: ip("172.17.0.0"), last: ip("172.17.255.255") });
    expect(addr.networkOf(cidr.address, 16)).toBe(ip("172.17.0.0"));
    expect(addr.broadcastOf(cidr.address, 16)).toBe(ip("172.17.255.255"));
    expect(addr.rangeOf({ address: ip("1.2.3.4"), prefix: 0 })).toEqual({ first: 0, last: 0xffffffff });
  });

  it("contains what shares its prefix", () => {
    expect(addr.inNetwork(ip("172.17.9.9"), ip("172.17.0.0"), 16)).toBe(true);
    expect(addr.inNetwork(ip("172.18.0.0"), ip("172.17.0.0"), 16)).toBe(false);
    expect(addr.inNetwork(ip("1.1.1.1"), 0, 0)).toBe(true);
  });

  it("overlaps one that contains it or lies in it", () => {
    const overlap = (a: string, b: string): boolean => addr.cidrsOverlap(addr.parseCidr(a)!, addr.parseCidr(b)!);
    expect([
      overlap("172.17.0.0/16", "172.17.3.0/24"),
      overlap("172.17.3.0/24", "172.17.0.0/16"),
      overlap("10.0.0.0/8", "10.0.0.0/8"),
      overlap("172.17.0.0/16", "172.18.0.0/16"),
    ]).toEqual([true, true, true, false]);
  });

  it("is cut into the subnets of a pool, in order", () => {
    const cut = addr.splitCidr(addr.parseCidr("192.168.0.0/16")!, 20);
    expect(cut).toHaveLength(16);
    expect(cut.slice(0, 2).map((c) => addr.formatCidr(c.address, c.prefix))).toEqual([
      "192.168.0.0/20",
      "192.168.16.0/20",
    ]);
    expect(() => addr.splitCidr(addr.parseCidr("10.0.0.0/24")!, 16)).toThrow(RangeError);
  });
});

describe("a MAC address", () => {
  it("survives being written and read", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (mac) => {
        expect(addr.parseMac(addr.formatMac(mac))).toEqual(mac);
        const copy = new Uint8Array(6);
        addr.macFromNumber(addr.macToNumber(mac), copy);
        expect(copy).toEqual(mac);
      }),
    );
  });

  it("is six octets parted by colons", () => {
    expect(addr.parseMac("2:42:AC:11:0:2")).toEqual(Uint8Array.of(2, 0x42, 0xac, 0x11, 0, 2));
    for (const text of ["", "02:42:ac:11:00", "02-42-ac-11-00-02", "02:42:ac:11:00:zz", "002:42:ac:11:00:02"]) {
      expect(addr.parseMac(text), text).toBeUndefined();
    }
  });
});

describe("an IPv6 address", () => {
  it("survives being written and read", () => {
    const group = fc.oneof(fc.constant(0), fc.nat(0xffff));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const b = Uint8Array.from(groups.flatMap((g) => [g >>> 8, g & 255]));
        expect(addr.parseIpv6(addr.formatIpv6(b))).toEqual(b);
      }),
    );
  });

  it("is written as RFC 5952 recommends", () => {
    const canonical = (text: string): string => addr.formatIpv6(addr.parseIpv6(text)!);
    expect(
      ["2001:DB8:0:0:1:0:0:1", "2001:db8:0:1:1:1:1:1", "0:0:0:0:0:0:0:0", "::FFFF:1.2.3.4", "0:0:1::", "fe80::1"].map(
        canonical,
      ),
    ).toEqual(["2001:db8::1:0:0:1", "2001:db8:0:1:1:1:1:1", "::", "::ffff:1.2.3.4", "0:0:1::", "fe80::1"]);
  });

  it("is not everything with colons", () => {
    for (const text of ["", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "::1.2.3", "::g"]) {
      expect(addr.parseIpv6(text), text).toBeUndefined();
    }
  });
});
