import { describe, expect, test } from "vitest";
import { devClose, devOpen, devSetMacAddress } from "../../src/net/core/dev.ts";
import { NUD_FAILED, NUD_NOARP, NUD_PERMANENT, NUD_REACHABLE, NUD_STALE } from "../../src/net/core/neighbour.ts";
import { arpSend } from "../../src/net/ipv4/arp.ts";
import { type Host, ip, Lab, refusal } from "./ipv4/ip-lab.ts";

const STATES: readonly [number, string][] = [
  [1, "INCOMPLETE"],
  [2, "REACHABLE"],
  [4, "STALE"],
  [8, "DELAY"],
  [16, "PROBE"],
  [32, "FAILED"],
  [128, "PERMANENT"],
];

/** Two hosts on one cable: a 10.0.0.1, b 10.0.0.2. */
function pair(): { lab: Lab; a: Host; b: Host } {
  const lab = new Lab();
  const a = lab.host("a");
  const b = lab.host("b");
  lab.link(a, "eth0", b, "eth0");
  a.addr("10.0.0.1/24", "eth0");
  b.addr("10.0.0.2/24", "eth0");
  return { lab, a, b };
}

/** "state mac" of an entry, "none" when there is none. */
function state(host: Host, address: string, dev = "eth0"): string {
  const entry = host.ip4.arp.dump(host.dev(dev)).find((one) => one.key === ip(address));
  if (!entry) return "none";
  const name = STATES.find(([bit]) => bit === entry.state)?.[1] ?? String(entry.state);
  return entry.lladdr ? `${name} ${[...entry.lladdr].map((byte) => byte.toString(16)).join(":")}` : name;
}

const ARP_REQUEST = "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28";

describe("asking", () => {
  test("one broadcast question, its answer, and the packet that waited", () => {
    const { lab, a } = pair();
    const seen = a.capture("eth0");
    a.ping("10.0.0.2");
    lab.run(0.5);
    expect(seen).toEqual([
      ARP_REQUEST,
      "ARP, Reply 10.0.0.2 is-at 02:00:00:00:00:02, length 28",
      "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 64",
      "IP 10.0.0.2 > 10.0.0.1: ICMP echo reply, id 1, seq 1, length 64",
    ]);
    expect(state(a, "10.0.0.2")).toBe("REACHABLE 2:0:0:0:0:2");
  });

  test("who was asked knows the asker without asking: STALE, then DELAY once it answers him", () => {
    const { lab, a, b } = pair();
    arpSend(a.ip4, a.dev("eth0"), 1, ip("10.0.0.2"), ip("10.0.0.1"), null, 0, null, 0);
    lab.run(0.5);
    expect(state(b, "10.0.0.1")).toBe("STALE 2:0:0:0:0:1");
    b.ping("10.0.0.1");
    lab.run(0.5);
    expect(state(b, "10.0.0.1")).toBe("DELAY 2:0:0:0:0:1");
  });

  test("three questions a second apart, then everybody who waits hears that the host is unreachable", () => {
    const { lab, a } = pair();
    const times: number[] = [];
    a.dev("eth0").taps.push({ capture: (_skb, _dev, _out, { ns: now }) => times.push(Math.round(now / 1e8) / 10) });
    const told = a.capture("lo");
    a.ping("10.0.0.77");
    a.ping("10.0.0.77", { id: 2 });
    lab.run(2.5);
    expect([times, told, state(a, "10.0.0.77")]).toEqual([[0, 1, 2], [], "INCOMPLETE"]);
    lab.run(1);
    expect(state(a, "10.0.0.77")).toBe("FAILED");
    expect(told.filter((_, i) => i % 2 === 0)).toEqual([
      "IP 10.0.0.1 > 10.0.0.1: ICMP host 10.0.0.77 unreachable, length 92",
      "IP 10.0.0.1 > 10.0.0.1: ICMP host 10.0.0.77 unreachable, length 92",
    ]);
    expect(lab.drops.filter((reason) => reason === "NEIGH_FAILED").length).toBe(2);
  });

  test("a failed neighbour is asked for again by the next packet", () => {
    const { lab, a } = pair();
    a.ping("10.0.0.77");
    lab.run(4);
    const seen = a.capture("eth0");
    a.ping("10.0.0.77");
    lab.run(4);
    expect(seen.length).toBe(3);
  });

  test("the queue of an unknown neighbour holds so many bytes and drops the oldest", () => {
    const { lab, a } = pair();
    a.sysctl("neigh/eth0/unres_qlen_bytes", 1700);
    const seen = a.capture("eth0");
    devClose(a.dev("eth0"));
    devOpen(a.dev("eth0"));
    for (let id = 1; id <= 4; id++) a.ping("10.0.0.2", { id });
    lab.run(0.5);
    expect(seen.filter((line) => line.includes("request, id")).map((line) => /id \d/.exec(line)?.[0])).toEqual([
      "id 3",
      "id 4",
    ]);
    expect(lab.drops.filter((reason) => reason === "NEIGH_QUEUEFULL").length).toBe(2);
  });
});

describe("growing old", () => {
  /** a knows b, and half a minute to a minute passed. */
  function stale(): { lab: Lab; a: Host; b: Host } {
    const hosts = pair();
    hosts.a.ping("10.0.0.2");
    hosts.lab.run(50);
    expect(state(hosts.a, "10.0.0.2")).toBe("STALE 2:0:0:0:0:2");
    return hosts;
  }

  test("REACHABLE lasts 15 to 45 seconds from the last confirmation", () => {
    const { lab, a } = pair();
    a.ping("10.0.0.2");
    lab.run(14);
    expect(state(a, "10.0.0.2")).toBe("REACHABLE 2:0:0:0:0:2");
    lab.run(32);
    expect(state(a, "10.0.0.2")).toBe("STALE 2:0:0:0:0:2");
  });

  test("a stale entry is used at once and probed by unicast five seconds later", () => {
    const { lab, a } = stale();
    const seen = a.capture("eth0");
    a.ping("10.0.0.2");
    lab.run(4.9);
    expect(state(a, "10.0.0.2")).toBe("DELAY 2:0:0:0:0:2");
    expect(seen.slice(0, 2)).toEqual([
      "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 64",
      "IP 10.0.0.2 > 10.0.0.1: ICMP echo reply, id 1, seq 1, length 64",
    ]);
    seen.length = 0;
    lab.run(0.2);
    expect(seen).toContain(ARP_REQUEST);
    expect(state(a, "10.0.0.2")).toBe("REACHABLE 2:0:0:0:0:2");
  });

  test("a probe goes to the address known, not to all", () => {
    const { lab, a } = stale();
    const to: string[] = [];
    a.dev("eth0").taps.push({
      capture: (skb, _dev, outgoing) => {
        if (outgoing && skb.protocol === 0x0806) to.push([...skb.head.subarray(skb.data, skb.data + 6)].join());
      },
    });
    a.ping("10.0.0.2");
    lab.run(6);
    expect(to[0]).toBe("2,0,0,0,0,2");
  });

  test("confirmation from above spares the probe", () => {
    const { lab, a } = stale();
    const seen = a.capture("eth0");
    a.ping("10.0.0.2");
    lab.run(2);
    a.ip4.arp.lookup(a.dev("eth0"), ip("10.0.0.2"))!.confirm();
    lab.run(3.5);
    expect(state(a, "10.0.0.2")).toBe("REACHABLE 2:0:0:0:0:2");
    expect(seen).not.toContain(ARP_REQUEST);
  });

  test("three unicast probes without an answer make it FAILED", () => {
    const { lab, a, b } = stale();
    b.sysctl("conf/eth0/arp_ignore", 8);
    const seen = a.capture("eth0");
    a.ip4.arp.lookup(a.dev("eth0"), ip("10.0.0.2"))!.eventSend(null);
    lab.run(8.5);
    expect([state(a, "10.0.0.2"), seen.length]).toEqual(["FAILED", 3]);
  });
});

describe("hearing", () => {
  test("a gratuitous ARP changes a known neighbour and makes no new one", () => {
    const { lab, a, b } = pair();
    const announce = (): void => {
      arpSend(b.ip4, b.dev("eth0"), 1, ip("10.0.0.2"), ip("10.0.0.2"), null, 0, null, 0);
      lab.run(0.1);
    };
    announce();
    expect(state(a, "10.0.0.2")).toBe("none");
    a.ping("10.0.0.2");
    lab.run(2);
    devSetMacAddress(b.dev("eth0"), Uint8Array.of(2, 0, 0, 0, 0, 0x99));
    announce();
    expect(state(a, "10.0.0.2")).toBe("STALE 2:0:0:0:0:99");
  });

  test("arp_accept learns new neighbours from gratuitous ARP", () => {
    const { lab, a, b } = pair();
    a.sysctl("conf/eth0/arp_accept", 1);
    arpSend(b.ip4, b.dev("eth0"), 1, ip("10.0.0.2"), ip("10.0.0.2"), null, 0, null, 0);
    lab.run(0.1);
    expect(state(a, "10.0.0.2")).toBe("STALE 2:0:0:0:0:2");
  });

  test("of two answers within a second the first counts (locktime)", () => {
    const { lab, a, b } = pair();
    a.ping("10.0.0.2");
    lab.run(0.2);
    const answer = (mac: number): void => {
      devSetMacAddress(b.dev("eth0"), Uint8Array.of(2, 0, 0, 0, 0, mac));
      arpSend(
        b.ip4,
        b.dev("eth0"),
        2,
        ip("10.0.0.1"),
        ip("10.0.0.2"),
        a.dev("eth0").address,
        0,
        a.dev("eth0").address,
        0,
      );
      lab.run(0.2);
    };
    answer(0x98);
    expect(state(a, "10.0.0.2")).toBe("REACHABLE 2:0:0:0:0:2");
    lab.run(1);
    answer(0x99);
    expect(state(a, "10.0.0.2")).toBe("REACHABLE 2:0:0:0:0:99");
  });

  test("an answer that was broadcast does not confirm", () => {
    const { lab, a, b } = pair();
    a.ping("10.0.0.2");
    lab.run(50);
    arpSend(b.ip4, b.dev("eth0"), 2, ip("10.0.0.1"), ip("10.0.0.2"), null, 0, a.dev("eth0").address, 0);
    lab.run(0.1);
    expect(state(a, "10.0.0.2")).toBe("STALE 2:0:0:0:0:2");
  });

  test("a probe for our address (duplicate address detection) is answered to nobody in particular", () => {
    const { lab, a, b } = pair();
    const seen = b.capture("eth0");
    arpSend(b.ip4, b.dev("eth0"), 1, ip("10.0.0.1"), 0, null, 0, null, 0);
    lab.run(0.1);
    expect(seen).toEqual([
      "ARP, Request who-has 10.0.0.1 tell 0.0.0.0, length 28",
      "ARP, Reply 10.0.0.1 is-at 02:00:00:00:00:01, length 28",
    ]);
    expect(state(a, "0.0.0.0")).toBe("none");
  });
});

describe("settings", () => {
  /** b has a second address on its loopback and asks for it are answered, or not. */
  function answersFor(address: string, prepare: (b: Host) => void): boolean {
    const { lab, a, b } = pair();
    b.addr("10.9.0.1/32", "lo");
    prepare(b);
    const seen = a.capture("eth0");
    arpSend(a.ip4, a.dev("eth0"), 1, ip(address), ip("10.0.0.1"), null, 0, null, 0);
    lab.run(0.1);
    return seen.some((line) => line.startsWith("ARP, Reply"));
  }

  test("by default a host answers for all its addresses; arp_ignore 1 for the device's own, 8 for none", () => {
    expect([
      answersFor("10.9.0.1", () => {}),
      answersFor("10.9.0.1", (b) => b.sysctl("conf/eth0/arp_ignore", 1)),
      answersFor("10.0.0.2", (b) => b.sysctl("conf/all/arp_ignore", 1)),
      answersFor("10.0.0.2", (b) => b.sysctl("conf/eth0/arp_ignore", 8)),
    ]).toEqual([true, false, true, false]);
  });

  test("arp_ignore 2 wants the asker in the subnet of the address", () => {
    const prepare = (b: Host): void => {
      b.sysctl("conf/eth0/arp_ignore", 2);
      b.addr("10.7.0.1/24", "eth0");
    };
    expect([answersFor("10.0.0.2", prepare), answersFor("10.7.0.1", prepare)]).toEqual([true, false]);
  });

  test("arp_filter answers only where it would answer the asker by the same device", () => {
    const { lab, a, b } = pair();
    lab.link(a, "eth1", b, "eth1");
    b.sysctl("conf/all/arp_filter", 1);
    const seen = a.capture("eth1");
    arpSend(a.ip4, a.dev("eth1"), 1, ip("10.0.0.2"), ip("10.0.0.1"), null, 0, null, 0);
    lab.run(0.1);
    expect(seen).toEqual([ARP_REQUEST]);
  });

  test("arp_announce 2 asks in the name of an address of the link", () => {
    const { lab, a } = pair();
    a.addr("10.9.0.1/32", "lo");
    const ask = (): string[] => {
      const seen = a.capture("eth0");
      const sock = a.socket(3, 1);
      sock.bind({ addr: ip("10.9.0.1"), port: 0 });
      a.ping("10.0.0.77", { sock });
      lab.run(5);
      return seen.slice(0, 1);
    };
    expect(ask()).toEqual(["ARP, Request who-has 10.0.0.77 tell 10.9.0.1, length 28"]);
    a.sysctl("conf/eth0/arp_announce", 2);
    expect(ask()).toEqual(["ARP, Request who-has 10.0.0.77 tell 10.0.0.1, length 28"]);
  });

  test("arp_notify announces an address when the device comes up", () => {
    const { lab, a } = pair();
    a.sysctl("conf/eth0/arp_notify", 1);
    const seen = a.capture("eth0");
    devClose(a.dev("eth0"));
    devOpen(a.dev("eth0"));
    lab.run(0.1);
    expect(seen).toEqual(["ARP, Request who-has 10.0.0.1 tell 10.0.0.1, length 28"]);
  });

  test("a proxy answers for what lies behind it, after a part of 0.8 seconds", () => {
    const lab = new Lab();
    const a = lab.host("a");
    const r = lab.host("r");
    const b = lab.host("b");
    lab.link(a, "eth0", r, "p0");
    lab.link(r, "p1", b, "eth0");
    a.addr("10.0.0.2/8", "eth0");
    r.addr("10.5.0.1/24", "p0");
    r.addr("10.6.0.1/24", "p1");
    r.sysctl("ip_forward", 1);
    const ask = (): string => {
      const seen = a.capture("eth0");
      arpSend(a.ip4, a.dev("eth0"), 1, ip("10.6.0.2"), ip("10.0.0.2"), null, 0, null, 0);
      lab.run(0.001);
      const early = seen.length;
      lab.run(0.9);
      return `${early} ${seen[1] ?? "no answer"}`;
    };
    expect(ask()).toBe("1 no answer");
    r.sysctl("conf/p0/proxy_arp", 1);
    expect(ask()).toBe("1 ARP, Reply 10.6.0.2 is-at 02:00:00:00:00:02, length 28");
    r.sysctl("neigh/p0/proxy_delay", 0);
    expect(ask()).toBe("2 ARP, Reply 10.6.0.2 is-at 02:00:00:00:00:02, length 28");
    r.sysctl("conf/p0/proxy_arp", 0);
    r.ip4.arp.proxies = [{ flags: 0, key: ip("10.6.0.2"), dev: r.dev("p0") }];
    expect(ask()).toBe("2 ARP, Reply 10.6.0.2 is-at 02:00:00:00:00:02, length 28");
  });

  test("proxy_arp_pvlan answers on the link where the question came in", () => {
    const { lab, a, b } = pair();
    b.sysctl("ip_forward", 1);
    b.sysctl("conf/eth0/proxy_arp_pvlan", 1);
    b.sysctl("neigh/eth0/proxy_delay", 0);
    const seen = a.capture("eth0");
    arpSend(a.ip4, a.dev("eth0"), 1, ip("10.0.0.50"), ip("10.0.0.1"), null, 0, null, 0);
    lab.run(0.1);
    expect(seen[1]).toBe("ARP, Reply 10.0.0.50 is-at 02:00:00:00:00:02, length 28");
  });

  test("a sysctl of default reaches devices that were never written to", () => {
    const { a } = pair();
    a.sysctl("neigh/default/ucast_solicit", 5);
    expect(a.net.sysctl.get("net/ipv4/neigh/eth0/ucast_solicit")?.read()).toBe("5\n");
    a.sysctl("conf/eth0/rp_filter", 2);
    a.sysctl("conf/default/rp_filter", 1);
    expect([
      a.net.sysctl.get("net/ipv4/conf/eth0/rp_filter")?.read(),
      a.net.sysctl.get("net/ipv4/conf/lo/rp_filter")?.read(),
    ]).toEqual(["2\n", "1\n"]);
  });
});

describe("entries by hand", () => {
  const MAC = Uint8Array.of(2, 0, 0, 0, 0, 0x42);
  const fresh = { create: true, exclusive: true, replace: false };

  test("a permanent entry is used without a question and survives what it hears", () => {
    const { lab, a } = pair();
    a.ip4.arp.add(a.dev("eth0"), ip("10.0.0.2"), MAC, NUD_PERMANENT, fresh);
    const seen = a.capture("eth0");
    a.ping("10.0.0.2");
    lab.run(100);
    expect([seen.length, state(a, "10.0.0.2")]).toEqual([1, "PERMANENT 2:0:0:0:0:42"]);
  });

  test("what netlink refuses", () => {
    const { a } = pair();
    const { arp } = a.ip4;
    const dev = a.dev("eth0");
    const at = ip("10.0.0.9");
    const replace = { create: true, exclusive: false, replace: true };
    expect([
      refusal(() => arp.add(dev, at, null, NUD_PERMANENT, fresh)),
      refusal(() => arp.add(dev, at, MAC, NUD_PERMANENT, fresh)),
      refusal(() => arp.add(dev, at, MAC, NUD_REACHABLE, replace)),
      refusal(() => arp.add(dev, ip("10.0.0.10"), MAC, NUD_STALE, { create: false, exclusive: false, replace: true })),
      refusal(() => arp.delete(dev, ip("10.0.0.11"))),
      refusal(() => arp.delete(dev, at)),
      state(a, "10.0.0.9"),
    ]).toEqual([
      "No link layer address given",
      "File exists",
      "ok",
      "No such file or directory",
      "No such file or directory",
      "ok",
      "none",
    ]);
  });

  test("a device that goes down forgets its neighbours; without carrier it keeps the permanent ones", () => {
    const { lab, a, b } = pair();
    a.ip4.arp.add(a.dev("eth0"), ip("10.0.0.9"), MAC, NUD_PERMANENT, fresh);
    a.ping("10.0.0.2");
    lab.run(0.1);
    devClose(b.dev("eth0"));
    lab.run(2);
    expect([state(a, "10.0.0.2"), state(a, "10.0.0.9")]).toEqual(["none", "PERMANENT 2:0:0:0:0:42"]);
    devClose(a.dev("eth0"));
    expect(a.ip4.arp.dump(a.dev("eth0"))).toEqual([]);
  });

  test("more entries than gc_thresh3 are refused when none can go", () => {
    const { a } = pair();
    a.ip4.arp.gcThresh2 = 3;
    a.ip4.arp.gcThresh3 = 4;
    for (let i = 10; i < 16; i++) a.ping(`10.0.0.${i}`);
    expect(a.ip4.arp.dump(a.dev("eth0")).filter((entry) => entry.state !== NUD_FAILED).length).toBeLessThanOrEqual(4);
    expect(a.lab.kernel.log.records().at(-1)?.text).toBe("neighbour: arp_cache: neighbor table overflow!");
  });

  test("a full table gives up groups' addresses, which need no asking, before it refuses others", () => {
    const { a } = pair();
    a.ip4.arp.gcThresh2 = 3;
    a.ip4.arp.gcThresh3 = 4;
    const groups = [1, 2, 3, 4].map((n) => a.ip4.arp.lookupOrCreate(a.dev("eth0"), ip(`239.0.0.${n}`)));
    expect(groups.every((entry) => entry!.nudState === NUD_NOARP)).toBe(true);
    a.ping("10.0.0.10");
    expect(a.ip4.arp.lookup(a.dev("eth0"), ip("10.0.0.10"))).not.toBeNull();
    expect(a.ip4.arp.lookup(a.dev("eth0"), ip("239.0.0.1"))).toBeNull();
    expect(a.lab.kernel.log.length).toBe(0);
  });
});
