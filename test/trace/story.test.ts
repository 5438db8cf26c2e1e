// Whole stories of recorded scenarios, as `vethlab trace` prints them. After a change that is meant, `npx vitest run
// test/trace -u` writes them anew; read the difference.

import { describe, expect, it } from "vitest";
import { storyText } from "../../src/trace/story-text.ts";
import { recordedScript, traced } from "../support/traced.ts";

const FOLDER = "../../fixtures/golden/trace";

describe("the way of every packet, as a story", () => {
  it.each([
    "02-published-port",
    "14-tcp-refused-and-reject",
    "18-bridge-learning",
    "24-vxlan-overlay",
    "29-forwarding-off",
  ])("of %s", async (name) => {
    const { packets } = await traced(recordedScript(name));
    await expect(packets.map(storyText).join("\n")).toMatchFileSnapshot(`${FOLDER}/${name}.txt`);
  });
});

/** Two namespaces and a router between them. */
const ROUTED = `
sysctl -qw net.ipv4.ip_forward=1
for n in a b; do
  ip netns add $n
  ip link add eth0 netns $n type veth peer name p$n
  ip link set p$n up
done
ip addr add 10.1.0.1/24 dev pa
ip addr add 10.2.0.1/24 dev pb
ip -n a addr add 10.1.0.2/24 dev eth0
ip -n b addr add 10.2.0.2/24 dev eth0
for n in a b; do ip -n $n link set eth0 up; ip -n $n route add default via 10.$([ $n = a ] && echo 1 || echo 2).0.1; done
`;

async function lines(script: string): Promise<string[]> {
  const { packets } = await traced(ROUTED + script);
  return packets
    .filter(({ text }) => !text.startsWith("ARP"))
    .flatMap((packet) => storyText(packet).split("\n"))
    .map((line) => line.replace(/^ +(\d+\.\d+ )? *|^#\d+ \d+\.\d+ /, ""))
    .filter((line) => !/^(waits|next hop|in |out |made here)/.test(line));
}

describe("a story tells", () => {
  it("the rule and its chain that dropped a packet where it was made", async () => {
    expect(
      await lines("ip netns exec a iptables -A OUTPUT -d 10.2.0.2 -j DROP; ip netns exec a ping -c 1 -W 1 10.2.0.2"),
    ).toEqual([
      "IP 10.1.0.2 > 10.2.0.2: ICMP echo request, id 20, seq 1, length 64",
      "a",
      "route default via 10.1.0.1 dev eth0 (table main)",
      "OUTPUT",
      "filter OUTPUT 1: -d 10.2.0.2/32 -j DROP",
      "DROPPED by filter OUTPUT 1: -d 10.2.0.2/32 -j DROP (NETFILTER_DROP)",
      "",
    ]);
  });

  it("that the next hop does not answer, three seconds later", async () => {
    const { packets } = await traced(`${ROUTED}ip netns exec a ping -c 1 -W 1 10.2.0.77; sleep 4`);
    const [request] = packets.filter(({ text }) => text.includes("echo request"));
    expect(storyText(request!)).toContain(
      `             waits: the MAC address of 10.2.0.77 is not known
    3.072000 is answered by #7 (icmp host unreachable)
             DROPPED: the next hop does not answer ARP (NEIGH_FAILED)
`,
    );
  });

  it("the policy rule that chose the table", async () => {
    expect(
      await lines(`
        ip rule add from 10.1.0.0/24 lookup 100 pref 500
        ip route add 10.2.0.0/16 via 10.2.0.2 dev pb table 100
        ip netns exec a ping -c 1 10.2.0.2 >/dev/null`),
    ).toContain("route 10.2.0.0/16 via 10.2.0.2 dev pb table 100 by rule 500: from 10.1.0.0/24 lookup 100");
  });

  it("what rules of mangle wrote", async () => {
    const found = await lines(`
      iptables -t mangle -A PREROUTING -j MARK --set-mark 0x7
      iptables -t mangle -A FORWARD -p icmp --icmp-type echo-request -j TTL --ttl-set 9
      ip netns exec a ping -c 1 10.2.0.2 >/dev/null`);
    expect(found).toContain("mark 0x0 → 0x7 by PREROUTING 1 MARK");
    expect(found).toContain("ttl 63 → 9 by FORWARD 1 TTL");
  });

  it("nft's rules in nft's words", async () => {
    const found = await lines(`
      nft 'table ip t { chain f { type filter hook forward priority 0; policy accept; iif pa ip protocol icmp counter drop; }; }'
      ip netns exec a ping -c 1 -W 1 10.2.0.2 >/dev/null`);
    expect(found).toContain('t f 1: iif "pa" ip protocol icmp counter drop');
    expect(found).toContain('DROPPED by t f 1: iif "pa" ip protocol icmp counter drop (NETFILTER_DROP)');
  });

  it("the rule behind NAT in packets that came before any answer, too", async () => {
    const found = await lines(`
      iptables -t nat -A PREROUTING -p udp --dport 99 -j DNAT --to-destination 10.2.0.2:9
      ip netns exec b iptables -A INPUT -p udp -j DROP
      ip netns exec a bash -c 'exec 3>/dev/udp/10.1.0.1/99; echo one >&3; sleep 0.1; echo two >&3'`);
    expect(found.filter((line) => line.startsWith("destination"))).toEqual([
      "destination 10.1.0.1:99 → 10.2.0.2:9 by PREROUTING 1 DNAT",
      "destination 10.1.0.1:99 → 10.2.0.2:9 by PREROUTING 1 DNAT",
    ]);
  });

  it("what made a packet necessary: the questions and answers of others", async () => {
    const { packets } = await traced(`${ROUTED}ip netns exec a ping -c 1 -t 1 10.2.0.2 >/dev/null`);
    const [request] = packets.filter(({ text }) => text.includes("echo request"));
    const [error] = packets.filter(({ text }) => text.includes("time exceeded"));
    expect(storyText(request!)).toContain(`is answered by #${error!.number} (icmp time exceeded)\n`);
    expect(storyText(error!)).toContain(`made here, in answer to #${request!.number}\n`);
  });

  it("who reads a packet from a packet socket", async () => {
    const { packets } = await traced(`${ROUTED}ip netns exec a arping -c 1 -I eth0 10.1.0.1 >/dev/null`);
    const [reply] = packets.filter(({ text }) => text.startsWith("ARP, Reply"));
    expect(storyText(reply!)).toMatch(/arping \(pid \d+\) reads a copy from a packet socket\n/);
  });

  it("of fragments, one after the other, and of the whole", async () => {
    const { packets } = await traced(recordedScript("17-fragments-and-mtu"));
    expect(storyText(packets[0]!)).toMatchFileSnapshot(`${FOLDER}/17-first-packet.txt`);
  });

  it("nothing of rules that do not match, unless asked", async () => {
    const script = `${ROUTED}
      iptables -A FORWARD -p tcp -j ACCEPT
      iptables -A FORWARD -p icmp -j ACCEPT
      ip netns exec a ping -c 1 10.2.0.2 >/dev/null`;
    const rules = (text: string): string[] => text.match(/\S?filter FORWARD.*/g) ?? [];
    const told = async (allRules: boolean): Promise<string[]> => {
      const { packets } = await traced(script, { allRules });
      return rules(storyText(packets.find(({ text }) => text.includes("echo request"))!));
    };
    expect(await told(false)).toEqual(["filter FORWARD 2: -p icmp -j ACCEPT"]);
    expect(await told(true)).toEqual(["(filter FORWARD 1: -p tcp -j ACCEPT)", "filter FORWARD 2: -p icmp -j ACCEPT"]);
  });
});
