import { describe, expect, test } from "vitest";
import { devClose, devOpen } from "../../../src/net/core/dev.ts";
import { inetAddrDelete } from "../../../src/net/ipv4/devinet.ts";
import {
  fibConfig,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTN_BLACKHOLE,
  RTN_PROHIBIT,
  RTN_THROW,
  RTN_UNREACHABLE,
  RTNH_F_ONLINK,
} from "../../../src/net/ipv4/fib-types.ts";
import { addresses, type Host, ip, Lab, refusal, routeGet, routes } from "./ip-lab.ts";

/** One host whose veth `v` has its peer `w` beside it, both up. */
function oneHost(): Host {
  const lab = new Lab();
  const host = lab.host("h");
  lab.link(host, "v", host, "w");
  return host;
}

const LO = [
  "local 127.0.0.0/8 dev lo proto kernel scope host src 127.0.0.1",
  "local 127.0.0.1 dev lo proto kernel scope host src 127.0.0.1",
  "broadcast 127.255.255.255 dev lo proto kernel scope link src 127.0.0.1",
];

function del(host: Host, cidr: string, dev: string): void {
  const [address, prefix] = cidr.split("/");
  inetAddrDelete(host.ip4, host.dev(dev), {
    local: ip(address!),
    address: ip(address!),
    prefixLen: Number(prefix),
  });
}

describe("routes of addresses", () => {
  test("an address brings a local, a broadcast and a connected route", () => {
    const host = oneHost();
    host.addr("10.1.0.1/24", "v");
    expect(routes(host)).toEqual(["10.1.0.0/24 dev v proto kernel scope link src 10.1.0.1"]);
    expect(routes(host, 255)).toEqual([
      "local 10.1.0.1 dev v proto kernel scope host src 10.1.0.1",
      "broadcast 10.1.0.255 dev v proto kernel scope link src 10.1.0.1",
      ...LO,
    ]);
  });

  test("several addresses: subnets nest, secondaries prefer the primary, a peer gets a host route", () => {
    const host = oneHost();
    host.addr("10.1.0.1/24", "v");
    host.addr("10.1.0.2/24", "v");
    host.addr("10.1.0.9/25", "v");
    host.addr("10.3.0.1/16", "v", { broadcast: ip("10.3.255.255"), label: "v:1" });
    expect(refusal(() => host.addr("10.1.0.3/24", "v", { scope: 253 }))).toBe("ipv4: Invalid scope value");
    expect(refusal(() => host.addr("10.1.0.1/24", "v"))).toBe("ipv4: Address already assigned");
    expect(addresses(host, "v")).toEqual(["10.1.0.1/24", "10.1.0.9/25", "10.3.0.1/16", "10.1.0.2/24 secondary"]);
    expect(routes(host)).toEqual([
      "10.1.0.0/25 dev v proto kernel scope link src 10.1.0.9",
      "10.1.0.0/24 dev v proto kernel scope link src 10.1.0.1",
      "10.3.0.0/16 dev v proto kernel scope link src 10.3.0.1",
    ]);
    expect(routes(host, 255)).toEqual([
      "local 10.1.0.1 dev v proto kernel scope host src 10.1.0.1",
      "local 10.1.0.2 dev v proto kernel scope host src 10.1.0.1",
      "local 10.1.0.9 dev v proto kernel scope host src 10.1.0.9",
      "broadcast 10.1.0.127 dev v proto kernel scope link src 10.1.0.9",
      "broadcast 10.1.0.255 dev v proto kernel scope link src 10.1.0.1",
      "local 10.3.0.1 dev v proto kernel scope host src 10.3.0.1",
      "broadcast 10.3.255.255 dev v proto kernel scope link src 10.3.0.1",
      ...LO,
    ]);
  });

  test("with the primary its secondaries and all their routes go", () => {
    const host = oneHost();
    host.addr("10.1.0.1/24", "v");
    host.addr("10.1.0.2/24", "v");
    host.addr("10.3.0.1/16", "v");
    del(host, "10.1.0.1/24", "v");
    expect(addresses(host, "v")).toEqual(["10.3.0.1/16"]);
    expect(routes(host)).toEqual(["10.3.0.0/16 dev v proto kernel scope link src 10.3.0.1"]);
    expect(refusal(() => del(host, "10.1.0.1/24", "v"))).toBe("ipv4: Address not found");
  });

  test("promote_secondaries lets the first secondary inherit, and routes that preferred the old source go", () => {
    const host = oneHost();
    host.sysctl("conf/v/promote_secondaries", 1);
    host.addr("10.3.0.1/16", "v", { broadcast: ip("10.3.255.255") });
    host.addr("10.4.0.1/24", "v");
    host.addr("10.3.0.2/16", "v");
    host.addr("10.3.0.3/16", "v");
    host.route("9.0.0.0/8", { via: "10.3.0.7", prefsrc: ip("10.3.0.1") });
    del(host, "10.3.0.1/16", "v");
    expect(addresses(host, "v")).toEqual(["10.4.0.1/24", "10.3.0.2/16", "10.3.0.3/16 secondary"]);
    expect(routes(host)).toEqual([
      "10.3.0.0/16 dev v proto kernel scope link src 10.3.0.2",
      "10.4.0.0/24 dev v proto kernel scope link src 10.4.0.1",
    ]);
    expect(routes(host, 255).slice(0, 3)).toEqual([
      "local 10.3.0.2 dev v proto kernel scope host src 10.3.0.2",
      "local 10.3.0.3 dev v proto kernel scope host src 10.3.0.2",
      "broadcast 10.3.255.255 dev v proto kernel scope link src 10.3.0.2",
    ]);
  });

  test("down takes all routes of the device but those of its own addresses; up brings back the connected ones", () => {
    const host = oneHost();
    host.addr("10.1.0.1/24", "v");
    host.route("0.0.0.0/0", { via: "10.1.0.9" });
    host.route("10.7.0.0/24", { type: RTN_UNREACHABLE });
    devClose(host.dev("v"));
    expect(routes(host)).toEqual(["unreachable 10.7.0.0/24"]);
    expect(routes(host, 255)).toEqual(["local 10.1.0.1 dev v proto kernel scope host src 10.1.0.1", ...LO]);
    devOpen(host.dev("v"));
    expect(routes(host)).toEqual(["10.1.0.0/24 dev v proto kernel scope link src 10.1.0.1", "unreachable 10.7.0.0/24"]);
  });

  test("without carrier a route stays and says linkdown", () => {
    const host = oneHost();
    host.addr("10.1.0.1/24", "v");
    devClose(host.dev("w"));
    host.lab.run(3);
    expect(routes(host)).toEqual(["10.1.0.0/24 dev v proto kernel scope link src 10.1.0.1 linkdown"]);
    expect(routeGet(host, "10.1.0.7")).toBe("10.1.0.7 dev v src 10.1.0.1");
    host.sysctl("conf/v/ignore_routes_with_linkdown", 1);
    host.ip4.rtCacheFlush();
    expect(routeGet(host, "10.1.0.7")).toBe("Network is unreachable");
    devOpen(host.dev("w"));
    host.lab.run(3);
    expect(routes(host)).toEqual(["10.1.0.0/24 dev v proto kernel scope link src 10.1.0.1"]);
  });
});

describe("adding and deleting routes", () => {
  function prepared(): Host {
    const host = oneHost();
    host.addr("10.3.0.2/16", "v");
    return host;
  }
  const add = (host: Host, via: string, nlflags: number, priority = 0): string =>
    refusal(() => host.route("10.5.0.0/24", { via, nlflags, priority }));
  const listed = (host: Host): string[] => routes(host).filter((line) => line.startsWith("10.5"));

  test("add refuses a second route of one prefix, TOS and metric; append, prepend and replace choose its place", () => {
    const host = prepared();
    const exclusive = NLM_F_CREATE | NLM_F_EXCL;
    expect([
      add(host, "10.3.0.9", exclusive),
      add(host, "10.3.0.9", exclusive),
      add(host, "10.3.0.10", exclusive),
      add(host, "10.3.0.10", exclusive, 5),
      add(host, "10.3.0.11", NLM_F_CREATE | NLM_F_APPEND),
      add(host, "10.3.0.12", NLM_F_CREATE),
    ]).toEqual(["ok", "File exists", "File exists", "ok", "ok", "ok"]);
    expect(listed(host)).toEqual([
      "10.5.0.0/24 via 10.3.0.12 dev v",
      "10.5.0.0/24 via 10.3.0.9 dev v",
      "10.5.0.0/24 via 10.3.0.11 dev v",
      "10.5.0.0/24 via 10.3.0.10 dev v metric 5",
    ]);
    expect(add(host, "10.3.0.13", NLM_F_CREATE | NLM_F_REPLACE)).toBe("ok");
    expect(listed(host)[0]).toBe("10.5.0.0/24 via 10.3.0.13 dev v");
    expect(add(host, "10.3.0.9", NLM_F_CREATE | NLM_F_REPLACE)).toBe("File exists");
  });

  test("change needs a route to change, delete takes the first that fits", () => {
    const host = prepared();
    expect(refusal(() => host.route("10.99.0.0/24", { dev: "v", nlflags: NLM_F_REPLACE }))).toBe(
      "No such file or directory",
    );
    add(host, "10.3.0.9", NLM_F_CREATE);
    add(host, "10.3.0.11", NLM_F_CREATE | NLM_F_APPEND);
    const wanted = { dst: ip("10.5.0.0"), dstLen: 24, scope: 255, type: 0, protocol: 0 };
    expect(refusal(() => host.ip4.fib.delete(fibConfig({ ...wanted, gw: ip("9.9.9.9") })))).toBe("No such process");
    host.ip4.fib.delete(fibConfig({ ...wanted, gw: ip("10.3.0.11") }));
    expect(listed(host)).toEqual(["10.5.0.0/24 via 10.3.0.9 dev v"]);
    host.ip4.fib.delete(fibConfig(wanted));
    expect(listed(host)).toEqual([]);
  });

  test("the kernel's sentences for what cannot be", () => {
    const host = prepared();
    const dev = { dev: "v" };
    expect([
      refusal(() => host.route("10.6.0.1/24", dev)),
      refusal(() => host.route("10.6.0.0/24", { via: "10.77.0.2" })),
      refusal(() => host.route("10.6.0.0/24", { via: "10.77.0.2", dev: "v" })),
      refusal(() => host.route("10.7.0.0/24", { type: RTN_UNREACHABLE, dev: "v" })),
      refusal(() => host.route("10.11.0.0/24", { dev: "v", prefsrc: ip("1.1.1.1") })),
      refusal(() => host.route("10.11.0.0/24", { oif: 99 })),
      refusal(() => host.ip4.fib.delete(fibConfig({ table: 77 }))),
      refusal(() => host.ip4.fib.dump(77)),
      refusal(() => host.route("10.6.0.0/24", { via: "10.77.0.2", dev: "v", flags: RTNH_F_ONLINK })),
      refusal(() => host.route("10.8.0.0/24", { via: "10.3.0.2" })),
    ]).toEqual([
      "Invalid prefix for given prefix length",
      "Nexthop has invalid gateway",
      "Nexthop has invalid gateway",
      "Gateway, device and multipath can not be specified for this route type",
      "Invalid prefsrc address",
      "No such device",
      "FIB table does not exist",
      "ipv4: FIB table does not exist",
      "ok",
      "ok",
    ]);
    expect(routes(host).slice(1)).toEqual(["10.6.0.0/24 via 10.77.0.2 dev v onlink", "10.8.0.0/24 via 10.3.0.2 dev v"]);
  });

  test("a device that is down is refused", () => {
    const host = prepared();
    devClose(host.dev("w"));
    expect(refusal(() => host.route("10.9.0.0/24", { dev: "w" }))).toBe("Device for nexthop is not up");
  });
});

describe("look-up", () => {
  test("the longest prefix wins, and an error type answers with its errno", () => {
    const host = oneHost();
    host.addr("10.3.0.2/16", "v");
    host.route("0.0.0.0/0", { via: "10.3.0.1" });
    host.route("10.0.0.0/8", { via: "10.3.0.8" });
    host.route("10.7.0.0/24", { type: RTN_UNREACHABLE });
    host.route("10.8.0.0/24", { type: RTN_BLACKHOLE });
    host.route("10.9.0.0/24", { type: RTN_PROHIBIT });
    host.route("10.9.0.7/32", { via: "10.3.0.9" });
    expect(
      ["1.2.3.4", "10.200.0.1", "10.7.0.1", "10.8.0.1", "10.9.0.1", "10.9.0.7", "10.3.0.2", "10.3.255.255"].map((to) =>
        routeGet(host, to),
      ),
    ).toEqual([
      "1.2.3.4 via 10.3.0.1 dev v src 10.3.0.2",
      "10.200.0.1 via 10.3.0.8 dev v src 10.3.0.2",
      "No route to host",
      "Invalid argument",
      "Permission denied",
      "10.9.0.7 via 10.3.0.9 dev v src 10.3.0.2",
      "local 10.3.0.2 dev lo src 10.3.0.2",
      "broadcast 10.3.255.255 dev v src 10.3.0.2",
    ]);
  });

  test("throw ends the look-up in its table, not at the next shorter prefix", () => {
    const host = oneHost();
    host.addr("10.3.0.2/16", "v");
    host.route("0.0.0.0/0", { via: "10.3.0.1" });
    host.route("10.10.0.0/24", { type: RTN_THROW });
    expect(routeGet(host, "10.10.0.1")).toBe("Network is unreachable");
  });

  test("a source must be an address of this host", () => {
    const host = oneHost();
    host.addr("10.3.0.2/16", "v");
    host.addr("10.4.0.1/24", "v");
    expect(routeGet(host, "10.3.0.9", { from: "10.4.0.1" })).toBe("10.3.0.9 dev v");
    expect(routeGet(host, "10.3.0.9", { from: "9.9.9.9" })).toBe("Network is unreachable");
  });

  test("the source is the route's, else the device's address in the gateway's subnet", () => {
    const host = oneHost();
    host.addr("10.3.0.2/16", "v");
    host.addr("10.4.0.1/24", "v");
    host.route("1.0.0.0/8", { via: "10.4.0.9" });
    host.route("2.0.0.0/8", { via: "10.4.0.9", prefsrc: ip("10.3.0.2") });
    expect(routeGet(host, "1.1.1.1")).toBe("1.1.1.1 via 10.4.0.9 dev v src 10.4.0.1");
    expect(routeGet(host, "2.1.1.1")).toBe("2.1.1.1 via 10.4.0.9 dev v src 10.3.0.2");
  });

  test("a named device routes where no table does", () => {
    const host = oneHost();
    host.addr("10.3.0.2/16", "v");
    expect(routeGet(host, "9.9.9.9", { oif: "v" })).toBe("9.9.9.9 dev v src 10.3.0.2");
  });

  test("several nexthops share flows by weight, and one flow keeps its way", () => {
    const host = oneHost();
    host.addr("10.3.0.2/16", "v");
    host.route("0.0.0.0/0", {
      multipath: [
        { oif: 0, gw: ip("10.3.0.7"), weight: 3, flags: 0 },
        { oif: 0, gw: ip("10.3.0.8"), weight: 1, flags: 0 },
      ],
    });
    expect(routes(host)[0]).toBe("default nexthop via 10.3.0.7 dev v weight 3 nexthop via 10.3.0.8 dev v weight 1");
    const ways = Array.from({ length: 200 }, (_, i) => routeGet(host, `20.0.${i >> 4}.${i}`));
    const first = ways.filter((way) => way.includes("10.3.0.7")).length;
    expect(first).toBeGreaterThan(120);
    expect(first).toBeLessThan(180);
    expect(Array.from({ length: 200 }, (_, i) => routeGet(host, `20.0.${i >> 4}.${i}`))).toEqual(ways);
  });
});

describe("rules", () => {
  function ruled(): Host {
    const host = oneHost();
    host.addr("10.3.0.2/16", "v");
    host.addr("10.1.0.1/16", "v");
    return host;
  }

  test("new rules go in front of main, each before the last", () => {
    const host = ruled();
    const { rules } = host.ip4.fib;
    rules.add({ src: ip("10.1.0.0"), srcLen: 16, table: 100 });
    rules.add({ mark: 5, table: 200 });
    rules.add({ dst: ip("10.9.9.9"), dstLen: 32, action: 8 });
    expect(rules.dump().map((rule) => [rule.priority, rule.table])).toEqual([
      [0, 255],
      [32763, 254],
      [32764, 200],
      [32765, 100],
      [32766, 254],
      [32767, 253],
    ]);
    expect([
      refusal(() => rules.add({ src: ip("10.1.0.0"), srcLen: 16, table: 100, priority: 32765 })),
      refusal(() => rules.add({ src: ip("10.1.0.0"), srcLen: 16, table: 100 })),
    ]).toEqual(["File exists", "ok"]);
    expect(refusal(() => rules.delete({ priority: 99 }))).toBe("No such file or directory");
    expect(refusal(() => rules.add({ priority: 99, action: 2, target: 50 }))).toBe("Backward goto not supported");
  });

  test("source, mark and destination choose the table", () => {
    const host = ruled();
    const { fib } = host.ip4;
    fib.rules.add({ src: ip("10.1.0.0"), srcLen: 16, table: 100 });
    fib.rules.add({ mark: 5, table: 200 });
    fib.rules.add({ dst: ip("10.9.9.9"), dstLen: 32, action: 8 });
    fib.rules.add({ dst: ip("4.4.4.4"), dstLen: 32, action: 7 });
    host.route("0.0.0.0/0", { via: "10.3.0.1" });
    host.route("0.0.0.0/0", { via: "10.1.0.100", table: 100 });
    host.route("0.0.0.0/0", { via: "10.1.0.200", table: 200 });
    expect([
      routeGet(host, "1.1.1.1"),
      routeGet(host, "1.1.1.1", { from: "10.1.0.1" }),
      routeGet(host, "1.1.1.1", { mark: 5 }),
      routeGet(host, "10.9.9.9"),
      routeGet(host, "4.4.4.4"),
      routeGet(host, "10.3.0.2"),
    ]).toEqual([
      "1.1.1.1 via 10.3.0.1 dev v src 10.3.0.2",
      "1.1.1.1 via 10.1.0.100 dev v",
      "1.1.1.1 via 10.1.0.200 dev v src 10.1.0.1",
      "Permission denied",
      "Network is unreachable",
      "local 10.3.0.2 dev lo src 10.3.0.2",
    ]);
  });

  test("suppress_prefixlength passes over a default route", () => {
    const host = ruled();
    const { fib } = host.ip4;
    host.route("0.0.0.0/0", { via: "10.3.0.1" });
    host.route("0.0.0.0/0", { via: "10.1.0.200", table: 200 });
    fib.rules.add({ table: 200 });
    fib.rules.add({ table: 254, suppressPrefixLength: 0 });
    expect(routeGet(host, "1.1.1.1")).toBe("1.1.1.1 via 10.1.0.200 dev v src 10.1.0.1");
    expect(routeGet(host, "10.3.0.9")).toBe("10.3.0.9 dev v src 10.3.0.2");
  });
});
