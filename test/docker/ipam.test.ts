import { describe, expect, it } from "vitest";
import { docker20 } from "../../src/docker/generations/docker20.ts";
import { Ipam, macFromIpv4 } from "../../src/docker/ipam.ts";
import { PortAllocator } from "../../src/docker/port-allocator.ts";
import { formatCidr, formatIpv4, formatMac, parseIpv4 } from "../../src/wire/addr.ts";

const ipam = () => new Ipam(docker20.texts.ipam);
const free = () => false;
const thrown = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  return "";
};
const shown = ({ pool }: { pool: { address: number; prefix: number } }) => formatCidr(pool.address, pool.prefix);

describe("addresses of a network", () => {
  it("are given lowest first, and a freed one is the next", () => {
    const pools = ipam();
    const pool = pools.requestPool("10.9.0.0/29", "", free);
    const given = Array.from({ length: 6 }, () => formatIpv4(pools.requestAddress(pool)));
    expect(given).toEqual(["10.9.0.1", "10.9.0.2", "10.9.0.3", "10.9.0.4", "10.9.0.5", "10.9.0.6"]);
    expect(thrown(() => pools.requestAddress(pool))).toBe("No available addresses on this pool");
    pools.releaseAddress(pool, parseIpv4("10.9.0.5")!);
    pools.releaseAddress(pool, parseIpv4("10.9.0.3")!);
    expect(formatIpv4(pools.requestAddress(pool))).toBe("10.9.0.3");
  });

  it("come from --ip-range, which may begin with its first address", () => {
    const pools = ipam();
    const pool = pools.requestPool("10.8.0.0/24", "10.8.0.128/25", free);
    expect([pools.requestAddress(pool), pools.requestAddress(pool)].map(formatIpv4)).toEqual([
      "10.8.0.128",
      "10.8.0.129",
    ]);
    expect(formatIpv4(pools.requestAddress(pool, parseIpv4("10.8.0.5")!))).toBe("10.8.0.5");
  });

  it("may be wished for once, inside the subnet", () => {
    const pools = ipam();
    const pool = pools.requestPool("172.30.0.0/16", "", free);
    pools.requestAddress(pool, parseIpv4("172.30.0.9")!);
    expect(thrown(() => pools.requestAddress(pool, parseIpv4("172.30.0.9")!))).toBe("Address already in use");
    expect(thrown(() => pools.requestAddress(pool, parseIpv4("10.0.0.9")!))).toBe("Requested address is out of range");
  });

  it("give the MAC address 02:42 and their four bytes", () => {
    expect(formatMac(macFromIpv4(parseIpv4("172.17.0.2")!))).toBe("02:42:ac:11:00:02");
  });
});

describe("address pools", () => {
  it("go round: one that was given back is not the next", () => {
    const pools = ipam();
    pools.requestPool("172.17.0.0/16", "", free);
    const first = pools.requestPool("", "", free);
    const names = [shown(first), shown(pools.requestPool("", "", free))];
    pools.releasePool(first);
    names.push(shown(pools.requestPool("", "", free)));
    expect(names).toEqual(["172.18.0.0/16", "172.19.0.0/16", "172.20.0.0/16"]);
  });

  it("skip what the host's routes use, and go on in 192.168.0.0/16", () => {
    const pools = ipam();
    const taken = (pool: { address: number }) => pool.address >>> 24 === 172;
    expect([shown(pools.requestPool("", "", taken)), shown(pools.requestPool("", "", taken))]).toEqual([
      "192.168.0.0/20",
      "192.168.16.0/20",
    ]);
  });

  it("must not overlap, and run out after 31", () => {
    const pools = ipam();
    pools.requestPool("172.30.0.0/16", "", free);
    expect(thrown(() => pools.requestPool("172.30.0.0/24", "", free))).toBe(
      "Pool overlaps with other one on this address space",
    );
    for (let i = 0; i < 30; i++) pools.requestPool("", "", free);
    expect(thrown(() => pools.requestPool("", "", free))).toBe(
      "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
    );
  });
});

describe("host ports", () => {
  const allocator = () => new PortAllocator(() => [32768, 60999]);

  it("that nobody named go on from the last given, even when an earlier one is free", () => {
    const ports = allocator();
    const first = ports.request(["0.0.0.0"], "tcp", 0, 0, false);
    ports.release("0.0.0.0", "tcp", first);
    expect([first, ports.request(["0.0.0.0"], "tcp", 0, 0, false)]).toEqual([32768, 32769]);
  });

  it("are counted for each address and protocol", () => {
    const ports = allocator();
    ports.request(["0.0.0.0"], "tcp", 0, 0, false);
    expect([ports.request(["127.0.0.1"], "tcp", 0, 0, false), ports.request(["0.0.0.0"], "udp", 0, 0, false)]).toEqual([
      32768, 32768,
    ]);
  });

  it("of a range are taken in turn, and then there are none", () => {
    const ports = allocator();
    expect([
      ports.request(["0.0.0.0"], "tcp", 8000, 8001, false),
      ports.request(["0.0.0.0"], "tcp", 8000, 8001, false),
    ]).toEqual([8000, 8001]);
    expect(thrown(() => ports.request(["0.0.0.0"], "tcp", 8000, 8001, false))).toBe("all ports are allocated");
  });

  it("of one mapping are the same at every address, and free at all that share them", () => {
    const ports = allocator();
    ports.request(["127.0.0.1"], "tcp", 32768, 32768, true);
    expect(ports.request(["0.0.0.0", "::"], "tcp", 0, 0, true)).toBe(32769);
    expect(thrown(() => ports.request(["127.0.0.1"], "tcp", 32769, 32769, true))).toBe(
      "Bind for 0.0.0.0:32769 failed: port is already allocated",
    );
  });

  it("are given once", () => {
    const ports = allocator();
    ports.request(["0.0.0.0"], "tcp", 8080, 8080, false);
    expect(thrown(() => ports.request(["0.0.0.0"], "tcp", 8080, 8080, false))).toBe(
      "Bind for 0.0.0.0:8080 failed: port is already allocated",
    );
  });
});
