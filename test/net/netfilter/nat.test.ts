import { describe, expect, test } from "vitest";
import { inetAddrDelete } from "../../../src/net/ipv4/devinet.ts";
import { nfConntrackText } from "../../../src/net/netfilter/conntrack-text.ts";
import { type Netfilter, netfilterInit } from "../../../src/net/netfilter/netfilter.ts";
import { iptables } from "../../../src/tools/iptables/run.ts";
import { type Host, ip, Lab } from "../ipv4/ip-lab.ts";

const SOCK_DGRAM = 2;
const UDP = 17;

/** Client 10.0.0.1 — router 10.0.0.2, 10.1.0.1 — server 10.1.0.2. */
class NatLab {
  readonly lab: Lab = new Lab();
  readonly client: Host;
  readonly router: Host;
  readonly server: Host;
  readonly nf: Netfilter;

  constructor() {
    const [client, router, server] = this.lab.chain("client", "router", "server");
    this.client = client!;
    this.router = router!;
    this.server = server!;
    this.nf = netfilterInit(this.router.net, this.router.ip4);
  }

  rule(line: string): void {
    const { status, stderr } = iptables(this.nf, line.split(" "));
    if (status !== 0) throw new Error(stderr);
  }

  /** A datagram from one host, answered with the same by a socket on another: what either side saw, "from:port text". */
  udp(from: Host, sport: number, to: string, dport: number, at: Host, bound: number, text = "hi"): string[] {
    const listener = at.socket(SOCK_DGRAM, UDP);
    listener.bind({ addr: 0, port: bound });
    const sender = from.socket(SOCK_DGRAM, UDP);
    sender.bind({ addr: 0, port: sport });
    from.send(sender, bytes(text), to, dport);
    this.lab.run(0.1);
    const seen: string[] = [];
    for (const message of at.received(listener)) {
      if (typeof message === "number") continue;
      const { addr, port } = message.from as { addr: number; port: number };
      seen.push(`${dotted(addr)}:${port}`);
      at.send(listener, bytes("yes"), dotted(addr), port);
    }
    this.lab.run(0.1);
    for (const message of from.received(sender)) {
      if (typeof message === "number") seen.push(`error ${message}`);
      else seen.push(`${dotted((message.from as { addr: number }).addr)}:${(message.from as { port: number }).port}`);
    }
    listener.close();
    sender.close();
    return seen;
  }
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

describe("source NAT", () => {
  test("MASQUERADE takes the address of the interface and keeps the port", () => {
    const lab = new NatLab();
    lab.rule("-t nat -A POSTROUTING -o p1 -j MASQUERADE");
    expect(lab.udp(lab.client, 5000, "10.1.0.2", 53, lab.server, 53)).toEqual(["10.1.0.1:5000", "10.1.0.2:53"]);
    expect(nfConntrackText(lab.nf)).toBe(
      "ipv4     2 udp      17 29 src=10.0.0.1 dst=10.1.0.2 sport=5000 dport=53 src=10.1.0.2 dst=10.1.0.1 sport=53 dport=5000 mark=0 zone=0 use=2\n",
    );
  });

  test("a port that is taken is replaced by another above 1023", () => {
    const lab = new NatLab();
    lab.rule("-t nat -A POSTROUTING -o p1 -j MASQUERADE");
    const [own] = lab.udp(lab.router, 5000, "10.1.0.2", 53, lab.server, 53);
    const [masqueraded, answer] = lab.udp(lab.client, 5000, "10.1.0.2", 53, lab.server, 53);
    expect(own).toBe("10.1.0.1:5000");
    expect(masqueraded).toMatch(/^10\.1\.0\.1:\d+$/);
    const port = Number(masqueraded!.split(":")[1]);
    expect([port !== 5000, port > 1023, answer]).toEqual([true, true, "10.1.0.2:53"]);
  });

  test("SNAT takes addresses and ports of its range", () => {
    const lab = new NatLab();
    lab.rule("-t nat -A POSTROUTING -p udp -j SNAT --to-source 10.1.0.1:7000-7001");
    const ports = [5000, 5001].map((port) => lab.udp(lab.client, port, "10.1.0.2", 53, lab.server, 53)[0]);
    expect(ports.sort()).toEqual(["10.1.0.1:7000", "10.1.0.1:7001"]);
    // no third port is left
    expect(lab.udp(lab.client, 5002, "10.1.0.2", 53, lab.server, 53)).toEqual([]);
  });

  test("masqueraded connections end with the address that they took", () => {
    const lab = new NatLab();
    lab.rule("-t nat -A POSTROUTING -o p1 -j MASQUERADE");
    lab.udp(lab.client, 5000, "10.1.0.2", 53, lab.server, 53);
    expect(lab.nf.ct.count).toBe(1);
    inetAddrDelete(lab.router.ip4, lab.router.dev("p1"), {
      local: ip("10.1.0.1"),
      address: ip("10.1.0.1"),
      prefixLen: 24,
    });
    expect(lab.nf.ct.count).toBe(0);
  });

  test("pings of two hosts with the same identifier stay apart", () => {
    const lab = new NatLab();
    lab.rule("-t nat -A POSTROUTING -o p1 -j MASQUERADE");
    const wire = lab.server.capture("eth0");
    lab.router.ping("10.1.0.2", { id: 9 });
    lab.client.ping("10.1.0.2", { id: 9 });
    lab.lab.run(0.1);
    const ids = wire.filter((line) => line.includes("echo request")).map((line) => /id (\d+)/.exec(line)![1]);
    expect([ids.length, ids[0], ids[1] !== "9"]).toEqual([2, "9", true]);
    expect(wire.filter((line) => line.includes("echo reply"))).toHaveLength(2);
  });
});

describe("destination NAT", () => {
  test("DNAT leads to another host and port, the answer seems to come from where the question went", () => {
    const lab = new NatLab();
    lab.rule("-t nat -A PREROUTING -d 10.0.0.2 -p udp --dport 1000 -j DNAT --to-destination 10.1.0.2:53");
    expect(lab.udp(lab.client, 5000, "10.0.0.2", 1000, lab.server, 53)).toEqual(["10.0.0.1:5000", "10.0.0.2:1000"]);
  });

  test("REDIRECT leads to the router itself", () => {
    const lab = new NatLab();
    lab.rule("-t nat -A PREROUTING -p udp --dport 53 -j REDIRECT --to-ports 5353");
    expect(lab.udp(lab.client, 5000, "10.1.0.2", 53, lab.router, 5353)).toEqual(["10.0.0.1:5000", "10.1.0.2:53"]);
  });

  test("NETMAP keeps the host part", () => {
    const lab = new NatLab();
    lab.client.route("10.9.0.0/24", { via: "10.0.0.2" });
    lab.rule("-t nat -A PREROUTING -d 10.9.0.0/24 -j NETMAP --to 10.1.0.0/24");
    expect(lab.udp(lab.client, 5000, "10.9.0.2", 53, lab.server, 53)).toEqual(["10.0.0.1:5000", "10.9.0.2:53"]);
  });

  test("DNAT of what the router itself sends chooses the route anew", () => {
    const lab = new NatLab();
    lab.router.route("192.0.2.0/24", { via: "10.0.0.1" });
    lab.rule("-t nat -A OUTPUT -d 192.0.2.1 -p udp -j DNAT --to-destination 10.1.0.2:53");
    expect(lab.udp(lab.router, 5000, "192.0.2.1", 7, lab.server, 53)).toEqual(["10.0.0.2:5000", "192.0.2.1:7"]);
  });

  test("an ICMP error comes back in the words of whoever gets it", () => {
    const lab = new NatLab();
    lab.rule("-t nat -A PREROUTING -d 10.0.0.2 -p udp --dport 1000 -j DNAT --to-destination 10.1.0.2:54");
    lab.rule("-t nat -A POSTROUTING -o p1 -j MASQUERADE");
    const wire = lab.client.capture("eth0", 1);
    const sender = lab.client.socket(SOCK_DGRAM, UDP);
    sender.bind({ addr: 0, port: 5000 });
    lab.client.send(sender, bytes("hi"), "10.0.0.2", 1000);
    lab.lab.run(0.1);
    const error = wire.find((line) => line.includes("unreachable"))!;
    expect(error).toContain("10.0.0.2 > 10.0.0.1: ICMP 10.0.0.2 udp port 1000 unreachable");
    expect(error).toContain("10.0.0.1.5000 > 10.0.0.2.1000");
    expect(error).not.toContain("bad");
    expect(error).not.toContain("wrong");
  });

  test("rules are asked for the first packet only", () => {
    const lab = new NatLab();
    lab.rule("-t nat -A PREROUTING -p udp -j DNAT --to-destination 10.1.0.2");
    for (let i = 0; i < 3; i++) lab.udp(lab.client, 5000, "10.0.0.2", 53, lab.server, 53);
    expect(iptables(lab.nf, ["-t", "nat", "-S", "PREROUTING", "-v"]).stdout).toBe(
      "-P PREROUTING ACCEPT -c 0 0\n-A PREROUTING -p udp -c 1 30 -j DNAT --to-destination 10.1.0.2\n",
    );
  });
});

test("hooks are there only while rules are", () => {
  const lab = new NatLab();
  const names = (): string[] =>
    [0, 1, 2, 3, 4].flatMap((hook) => lab.router.net.hooksIpv4.entries(hook).map((e) => e.name));
  expect(names()).toEqual([]);
  lab.rule("-A FORWARD -j ACCEPT");
  expect(names()).toEqual(["filter FORWARD"]);
  lab.rule("-A FORWARD -m conntrack --ctstate NEW -j ACCEPT");
  expect(names()).toContain("nf_conntrack");
  lab.rule("-F");
  expect(names()).toEqual(["filter FORWARD"]);
});
