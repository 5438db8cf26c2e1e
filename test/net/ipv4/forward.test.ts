import { describe, expect, test } from "vitest";
import { devSetMtu } from "../../../src/net/core/dev.ts";
import { NUD_PERMANENT } from "../../../src/net/core/neighbour.ts";
import { NF_DROP, NF_INET_FORWARD, NF_INET_LOCAL_OUT } from "../../../src/net/core/netfilter.ts";
import { RTN_BLACKHOLE, RTN_PROHIBIT, RTN_UNREACHABLE } from "../../../src/net/ipv4/fib-types.ts";
import { type Host, ip, Lab, routeGet } from "./ip-lab.ts";

/** a – r – b, neighbours known to each other already. */
function routed(): { lab: Lab; a: Host; r: Host; b: Host } {
  const lab = new Lab();
  const [a, r, b] = lab.chain("a", "r", "b") as [Host, Host, Host];
  a.ping("10.1.0.2").close();
  lab.run(0.1);
  lab.drops.length = 0;
  return { lab, a, r, b };
}

const request = (from: string, to: string, ttl: number): string =>
  `IP (tos 0x0, ttl ${ttl}, id N, offset 0, flags [DF], proto ICMP (1), length 84) ${from} > ${to}: ICMP echo request, id 1, seq 1, length 64`;

/** Identifications replaced by N. */
const masked = (lines: string[]): string[] =>
  lines.map((line) => line.replaceAll(/, id \d+, offset/g, ", id N, offset"));

describe("a router", () => {
  test("lowers the TTL by one", () => {
    const { lab, a, b } = routed();
    const seen = b.capture("eth0", 1);
    a.ping("10.1.0.2");
    lab.run(0.1);
    expect(masked(seen)[0]).toBe(request("10.0.0.1", "10.1.0.2", 63));
  });

  test("says time exceeded, from the address by which the sender is reached, with precedence and all that fits", () => {
    const { lab, a } = routed();
    const seen = a.capture("eth0", 1);
    a.ping("10.1.0.2", { ttl: 1 });
    lab.run(0.1);
    expect(masked(seen)[1]).toBe(
      `IP (tos 0xc0, ttl 64, id N, offset 0, flags [none], proto ICMP (1), length 112) 10.0.0.2 > 10.0.0.1: ICMP time exceeded in-transit, length 92 ${request("10.0.0.1", "10.1.0.2", 1)}`,
    );
    expect(lab.drops).toContain("IP_INHDR");
  });

  test("quotes no more than fits into 576 bytes", () => {
    const { lab, a } = routed();
    const seen = a.capture("eth0");
    a.ping("10.1.0.2", { ttl: 1, size: 1000 });
    lab.run(0.1);
    expect(seen[1]).toBe("IP 10.0.0.2 > 10.0.0.1: ICMP time exceeded in-transit, length 556");
  });

  test("that is none drops in silence", () => {
    const { lab, a, r } = routed();
    r.sysctl("ip_forward", 0);
    const seen = a.capture("eth0");
    a.ping("10.1.0.2");
    lab.run(0.1);
    expect([seen.length, lab.drops]).toEqual([1, ["IP_INADDRERRORS"]]);
    expect(r.ip4.mib.ip.InAddrErrors).toBe(1);
  });

  test("answers by the kind of route: net, host, filtered, or not at all", () => {
    const { lab, a, r } = routed();
    a.route("0.0.0.0/0", { via: "10.0.0.2" });
    r.route("20.1.0.0/16", { type: RTN_UNREACHABLE });
    r.route("20.2.0.0/16", { type: RTN_PROHIBIT });
    r.route("20.3.0.0/16", { type: RTN_BLACKHOLE });
    const seen = a.capture("eth0");
    for (const to of ["20.0.0.1", "20.1.0.1", "20.2.0.1", "20.3.0.1"]) {
      a.ping(to);
      lab.run(2);
    }
    expect(seen.filter((line) => line.startsWith("IP 10.0.0.2"))).toEqual([
      "IP 10.0.0.2 > 10.0.0.1: ICMP net 20.0.0.1 unreachable, length 92",
      "IP 10.0.0.2 > 10.0.0.1: ICMP host 20.1.0.1 unreachable, length 92",
      "IP 10.0.0.2 > 10.0.0.1: ICMP host 20.2.0.1 unreachable - admin prohibited filter, length 92",
    ]);
  });

  test("sends six errors to one host in a burst, then one a second", () => {
    const { lab, a } = routed();
    const seen = a.capture("eth0");
    const sock = a.socket(3, 1);
    const burst = (): number => {
      seen.length = 0;
      for (let i = 0; i < 10; i++) a.ping("10.1.0.2", { ttl: 1, sock });
      lab.run(0.05);
      return seen.filter((line) => line.includes("time exceeded")).length;
    };
    expect(burst()).toBe(6);
    lab.run(2);
    expect(burst()).toBe(2);
  });

  test("does not forward what is broadcast on the link", () => {
    const { lab, a, r } = routed();
    const skb = lab.kernel.skbs.alloc(98);
    a.ping("10.1.0.2");
    lab.run(0.1);
    lab.kernel.skbs.consume(skb);
    const before = r.ip4.mib.ip.ForwDatagrams;
    const how = { create: false, exclusive: false, replace: true };
    a.ip4.arp.add(a.dev("eth0"), ip("10.0.0.2"), new Uint8Array(6).fill(255), NUD_PERMANENT, how);
    a.ping("10.1.0.2");
    lab.run(0.1);
    expect(r.ip4.mib.ip.ForwDatagrams).toBe(before);
  });

  test("asks the FORWARD hook", () => {
    const { lab, a, r } = routed();
    r.net.hooksIpv4.register(NF_INET_FORWARD, {
      name: "test",
      priority: 0,
      fn: (_skb, state) => (state.in?.name === "p0" && state.out?.name === "p1" ? NF_DROP : 1),
    });
    a.ping("10.1.0.2");
    lab.run(0.1);
    expect(lab.drops).toEqual(["NETFILTER_DROP"]);
  });

  test("a rule in OUTPUT gives the sender EPERM", () => {
    const { a } = routed();
    a.net.hooksIpv4.register(NF_INET_LOCAL_OUT, { name: "test", priority: 0, fn: () => NF_DROP });
    const sock = a.socket(2);
    expect(a.send(sock, new Uint8Array(1), "10.1.0.2", 9)).toBe(1);
  });
});

describe("believing a source", () => {
  function spoofed(settle: (r: Host) => void): string[] {
    const { lab, a, r } = routed();
    settle(r);
    r.ip4.rtCacheFlush();
    a.addr("10.1.0.66/32", "lo");
    const sock = a.socket(3, 1);
    sock.bind({ addr: ip("10.1.0.66"), port: 0 });
    a.ping("10.1.0.2", { sock });
    lab.run(0.1);
    return lab.drops;
  }

  test("rp_filter 1 drops a source that is routed elsewhere; 2 wants any route; 0 does not ask", () => {
    expect([
      spoofed((r) => r.sysctl("conf/all/rp_filter", 1)),
      spoofed((r) => r.sysctl("conf/p0/rp_filter", 1)),
      spoofed((r) => r.sysctl("conf/p0/rp_filter", 2)),
      spoofed(() => {}),
    ]).toEqual([["IP_RPFILTER"], ["IP_RPFILTER"], [], []]);
  });

  test("our own address as a source is a martian, and may be logged", () => {
    const { lab, a, r } = routed();
    r.sysctl("conf/all/log_martians", 1);
    a.addr("10.1.0.1/32", "lo");
    const sock = a.socket(3, 1);
    sock.bind({ addr: ip("10.1.0.1"), port: 0 });
    a.ping("10.0.0.2", { sock });
    lab.run(0.1);
    expect(lab.drops).toEqual(["IP_LOCAL_SOURCE"]);
    expect(lab.kernel.log.records().map((line) => line.text)).toEqual([
      "IPv4: martian source 10.0.0.2 from 10.1.0.1, on dev p0",
      "ll header: 00000000: 02 00 00 00 00 02 02 00 00 00 00 01 08 00",
    ]);
  });

  test("127.0.0.0/8 does not pass a link unless route_localnet is on", () => {
    const { lab, a, r } = routed();
    a.route("127.0.0.53/32", { via: "10.0.0.2", table: 255, scope: 0 });
    a.ping("127.0.0.53");
    lab.run(0.1);
    expect(lab.drops).toEqual(["IP_LOCALNET"]);
    lab.drops.length = 0;
    r.sysctl("conf/p0/route_localnet", 1);
    const seen = a.capture("eth0");
    a.ping("127.0.0.53");
    lab.run(0.1);
    expect(seen[0]).toBe("IP 10.0.0.1 > 127.0.0.53: ICMP echo request, id 1, seq 1, length 64");
  });
});

describe("redirects", () => {
  /** a and two routers on one link (a bridge of cables to a hub host would hide it: the routers share r's device). */
  function redirecting(): { lab: Lab; a: Host; r: Host } {
    const lab = new Lab();
    const a = lab.host("a");
    const r = lab.host("r");
    lab.link(a, "eth0", r, "p0");
    a.addr("10.0.0.1/24", "eth0");
    r.addr("10.0.0.2/24", "p0");
    r.sysctl("ip_forward", 1);
    r.route("10.9.0.0/24", { via: "10.0.0.3" });
    a.route("0.0.0.0/0", { via: "10.0.0.2" });
    return { lab, a, r };
  }

  test("a router that sends a packet back to the link names the better gateway", () => {
    const { lab, a } = redirecting();
    const seen = a.capture("eth0", 1);
    a.ping("10.9.0.2");
    lab.run(0.1);
    expect(masked(seen)[3]).toBe(
      `IP (tos 0xc0, ttl 64, id N, offset 0, flags [none], proto ICMP (1), length 112) 10.0.0.2 > 10.0.0.1: ICMP redirect 10.9.0.2 to host 10.0.0.3, length 92 ${request("10.0.0.1", "10.9.0.2", 63)}`,
    );
  });

  test("a host follows once it knows the new gateway, for five minutes", () => {
    const { lab, a } = redirecting();
    a.ip4.arp.add(a.dev("eth0"), ip("10.0.0.3"), Uint8Array.of(2, 0, 0, 0, 0, 9), 0x80, {
      create: true,
      exclusive: true,
      replace: false,
    });
    a.ping("10.9.0.2");
    lab.run(1);
    expect(routeGet(a, "10.9.0.2")).toBe("10.9.0.2 via 10.0.0.3 dev eth0 src 10.0.0.1 expires 299sec mtu undefined");
    lab.run(300);
    expect(routeGet(a, "10.9.0.2")).toBe("10.9.0.2 via 10.0.0.2 dev eth0 src 10.0.0.1");
  });

  test("a host that accepts none, or a router, does not follow", () => {
    const { lab, a } = redirecting();
    a.sysctl("conf/all/accept_redirects", 0);
    a.sysctl("conf/eth0/accept_redirects", 0);
    a.ip4.arp.add(a.dev("eth0"), ip("10.0.0.3"), Uint8Array.of(2, 0, 0, 0, 0, 9), 0x80, {
      create: true,
      exclusive: true,
      replace: false,
    });
    a.ping("10.9.0.2");
    lab.run(1);
    expect(routeGet(a, "10.9.0.2")).toBe("10.9.0.2 via 10.0.0.2 dev eth0 src 10.0.0.1");
  });

  test("the pause between redirects to one host doubles, and send_redirects ends them", () => {
    const { lab, a, r } = redirecting();
    a.sysctl("conf/all/accept_redirects", 0);
    a.sysctl("conf/eth0/accept_redirects", 0);
    r.ip4.arp.add(r.dev("p0"), ip("10.0.0.3"), Uint8Array.of(2, 0, 0, 0, 0, 9), 0x80, {
      create: true,
      exclusive: true,
      replace: false,
    });
    const seen = a.capture("eth0");
    const sock = a.socket(3, 1);
    for (let i = 0; i < 100; i++) {
      a.ping("10.9.0.2", { sock });
      lab.run(0.01);
    }
    // at 0, 40, 120, 280, 600 ms and then only after 1240
    expect(seen.filter((line) => line.includes("redirect")).length).toBe(5);
    seen.length = 0;
    r.sysctl("conf/all/send_redirects", 0);
    r.sysctl("conf/p0/send_redirects", 0);
    lab.run(30);
    a.ping("10.9.0.2", { sock });
    lab.run(0.1);
    expect(seen.filter((line) => line.includes("redirect"))).toEqual([]);
  });
});

describe("path MTU", () => {
  test("what is too long and must not be cut comes back with the MTU, which the sender keeps for ten minutes", () => {
    const { lab, a, r } = routed();
    devSetMtu(r.dev("p1"), 1400);
    const seen = a.capture("eth0");
    a.ping("10.1.0.2", { size: 1430 });
    lab.run(0.1);
    expect(seen[1]).toBe("IP 10.0.0.2 > 10.0.0.1: ICMP 10.1.0.2 unreachable - need to frag (mtu 1400), length 556");
    expect(routeGet(a, "10.1.0.2")).toBe("10.1.0.2 via 10.0.0.2 dev eth0 src 10.0.0.1 expires 599sec mtu 1400");
    expect(routeGet(a, "10.1.0.3")).toBe("10.1.0.3 via 10.0.0.2 dev eth0 src 10.0.0.1");
    seen.length = 0;
    a.ping("10.1.0.2", { size: 1430 });
    lab.run(0.1);
    expect(seen.slice(0, 2)).toEqual([
      "IP 10.0.0.1 > 10.1.0.2: ICMP echo request, id 1, seq 1, length 1376",
      "IP 10.0.0.1 > 10.1.0.2: ip-proto-1",
    ]);
    lab.run(601);
    expect(routeGet(a, "10.1.0.2")).toBe("10.1.0.2 via 10.0.0.2 dev eth0 src 10.0.0.1");
  });

  test("an MTU below min_pmtu is not believed beyond that, and packets lose DF", () => {
    const { lab, a, r } = routed();
    devSetMtu(r.dev("p1"), 500);
    const seen = a.capture("eth0", 1);
    a.ping("10.1.0.2", { size: 600 });
    lab.run(0.1);
    seen.length = 0;
    a.ping("10.1.0.2", { size: 600 });
    lab.run(0.1);
    expect(masked(seen).slice(0, 2)).toEqual([
      "IP (tos 0x0, ttl 64, id N, offset 0, flags [+], proto ICMP (1), length 548) 10.0.0.1 > 10.1.0.2: ICMP echo request, id 1, seq 1, length 528",
      "IP (tos 0x0, ttl 64, id N, offset 528, flags [none], proto ICMP (1), length 100) 10.0.0.1 > 10.1.0.2: ip-proto-1",
    ]);
  });

  test("a socket that forbids cutting gets EMSGSIZE, and the MTU in its error queue", () => {
    const { lab, a, r } = routed();
    devSetMtu(r.dev("p1"), 1400);
    const sock = a.socket(2);
    sock.setOption("IP_MTU_DISCOVER", 2);
    sock.setOption("IP_RECVERR", 1);
    expect(a.send(sock, new Uint8Array(1473), "10.1.0.2", 9)).toBe(90);
    expect(sock.recvNow(100, { errQueue: true })?.error).toEqual({
      errno: 90,
      origin: 1,
      type: 0,
      code: 0,
      info: 1500,
      offender: 0,
    });
    expect(a.send(sock, new Uint8Array(1472), "10.1.0.2", 9)).toBe(0);
    lab.run(0.1);
    expect(sock.recvNow(100, { errQueue: true })?.error).toEqual({
      errno: 90,
      origin: 2,
      type: 3,
      code: 4,
      info: 1400,
      offender: ip("10.0.0.2"),
    });
    // the error queue is empty again, and with it the pending error
    expect(a.received(sock)).toEqual([]);
    expect(a.send(sock, new Uint8Array(1373), "10.1.0.2", 9)).toBe(90);
  });

  test("a router cuts what may be cut", () => {
    const { lab, a, r, b } = routed();
    devSetMtu(r.dev("p1"), 1400);
    const seen = b.capture("eth0", 1);
    const sock = a.socket(3, 1);
    sock.setOption("IP_MTU_DISCOVER", 0);
    a.ping("10.1.0.2", { size: 1430, sock });
    lab.run(0.1);
    expect(masked(seen).slice(0, 2)).toEqual([
      "IP (tos 0x0, ttl 63, id N, offset 0, flags [+], proto ICMP (1), length 1396) 10.0.0.1 > 10.1.0.2: ICMP echo request, id 1, seq 1, length 1376",
      "IP (tos 0x0, ttl 63, id N, offset 1376, flags [none], proto ICMP (1), length 82) 10.0.0.1 > 10.1.0.2: ip-proto-1",
    ]);
  });
});

describe("IP options", () => {
  test("record route collects the address by which each hop sends on, there and back", () => {
    const { lab, a } = routed();
    const sock = a.socket(3, 1);
    sock.setIpOptions(Uint8Array.of(1, 7, 39, 4, ...new Array(36).fill(0)));
    a.ping("10.1.0.2", { sock });
    lab.run(0.1);
    const [message] = a.received(sock);
    const options = (message as { ipOptions: Uint8Array }).ipOptions;
    const hops = [];
    for (let at = 3; at + 4 < options[2]!; at += 4) hops.push([...options.slice(at, at + 4)].join("."));
    expect(hops).toEqual(["10.0.0.1", "10.1.0.1", "10.1.0.2", "10.1.0.2", "10.0.0.2", "10.0.0.1"]);
  });

  test("a malformed option is answered with a parameter problem that points at it", () => {
    const { lab, a } = routed();
    const seen = a.capture("eth0");
    const sock = a.socket(3, 1);
    sock.options = { data: Uint8Array.of(7, 3, 1, 0), rr: 0, ts: 0, srr: 0, flags: 0, faddr: 0 };
    a.ping("10.0.0.2", { sock });
    lab.run(0.1);
    expect(seen[1]).toMatch(/^IP 10.0.0.2 > 10.0.0.1: ICMP parameter problem - octet 22/);
  });

  test("source routes are dropped unless accept_source_route is on", () => {
    const { lab, a, r } = routed();
    const sock = a.socket(3, 1);
    // by 10.0.0.2 to 10.1.0.2
    sock.setIpOptions(Uint8Array.of(1, 131, 7, 4, 10, 0, 0, 2));
    a.ping("10.1.0.2", { sock });
    lab.run(0.1);
    expect(lab.drops).toEqual(["IP_INHDR"]);
    r.sysctl("conf/all/accept_source_route", 1);
    const seen = r.capture("p1");
    a.ping("10.1.0.2", { sock });
    lab.run(0.1);
    expect(seen[0]).toBe("IP 10.0.0.1 > 10.1.0.2: ICMP echo request, id 1, seq 1, length 64");
  });
});
