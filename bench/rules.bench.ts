// What do firewall rules cost a packet that none of them is about? A UDP packet goes through the FORWARD hook of a host with
// no rule, and with rules of several kinds.

import { Bench } from "tinybench";
import { NF_INET_FORWARD } from "../src/net/core/netfilter.ts";
import { netfilterInit } from "../src/net/netfilter/netfilter.ts";
import { restoreOptions, restoreTables } from "../src/tools/iptables/restore.ts";
import { parseIpv4 } from "../src/wire/addr.ts";
import { set16, set32 } from "../src/wire/layout.ts";
import { Lab } from "../test/net/ipv4/ip-lab.ts";

export const question: string = "One UDP packet through FORWARD, past rules that do not match";
export const perRun = 1000;

function prepared(rules: readonly string[]): () => void {
  const lab = new Lab();
  const host = lab.host("h");
  const [va] = lab.link(host, "va", host, "vb");
  const nf = netfilterInit(host.net, host.ip4);
  const options = restoreOptions([]);
  if ("status" in options) throw new Error(options.stderr);
  const text = `*filter\n${rules.map((rule) => `-A FORWARD ${rule}\n`).join("")}COMMIT\n`;
  const { status, stderr } = restoreTables(nf, text, options);
  if (status !== 0) throw new Error(stderr);
  const skb = host.net.kernel.skbs.alloc(64);
  const iph = skb.put(60);
  const b = skb.head;
  b.fill(0, iph, skb.tail);
  skb.networkHeader = iph;
  b[iph] = 0x45;
  set16(b, iph + 2, 60);
  b[iph + 8] = 64;
  b[iph + 9] = 17;
  set32(b, iph + 12, parseIpv4("172.17.0.2")!);
  set32(b, iph + 16, parseIpv4("93.184.216.34")!);
  set16(b, iph + 20, 40000);
  set16(b, iph + 22, 9);
  return () => {
    for (let i = 0; i < perRun; i++) host.net.hooksIpv4.run(NF_INET_FORWARD, skb, va, va, null);
  };
}

function many(count: number, rule: (i: number) => string): string[] {
  return Array.from({ length: count }, (_, i) => rule(i));
}

const address = (i: number): string => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;

export const bench: Bench = new Bench({ time: 500, warmupTime: 200 });
bench.add("no rule", prepared([]));
bench.add("20 rules", prepared(many(20, (i) => `-s ${address(i)} -j DROP`)));
bench.add("10,000 sources", prepared(many(10_000, (i) => `-s ${address(i)} -j DROP`)));
bench.add("10,000 TCP ports", prepared(many(10_000, (i) => `-p tcp --dport ${i + 1} -j DROP`)));
bench.add("10,000 UDP ports", prepared(many(10_000, (i) => `-p udp --dport ${i + 10} -j DROP`)));
bench.add(
  "10,000 networks of all sizes",
  prepared(many(10_000, (i) => `-d ${address(i * 97)}/${8 + (i % 25)} -j DROP`)),
);
bench.add(
  "10,000 with a comment and a state",
  prepared(
    many(
      10_000,
      (i) =>
        `-d ${address(i)} -m conntrack --ctstate NEW -m comment --comment x -p tcp -m multiport --dports 80,443 -j ACCEPT`,
    ),
  ),
);
bench.add("10,000 that an index cannot tell apart", prepared(many(10_000, () => "-m length --length 1000 -j DROP")));
