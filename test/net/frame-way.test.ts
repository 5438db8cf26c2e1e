import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Lab } from "../../src/scenario/lab.ts";

/** Functions of the table in src/net/README.md that a trace tells of, row by row. */
function wayInReadme(): string[] {
  const text = readFileSync(new URL("../../src/net/README.md", import.meta.url), "utf8");
  const way: string[] = [];
  for (const line of text.split("\n")) {
    const cells = line.split("|").map((cell) => cell.trim());
    if (!/^\d+$/.test(cells[1] ?? "")) continue;
    const netns = cells[2]!.replace("→ ", "");
    for (const [, name] of cells[3]!.matchAll(
      /\b(ipLocalOut|ipOutput|devQueueXmit|vethXmit|netifReceiveSkb|brHandleFrame|ipRcv|ipForward)\b/g,
    ))
      way.push(`${netns} ${name}`);
  }
  return way;
}

it("a ping from behind a bridge goes the way that src/net/README.md describes", async () => {
  const lab = new Lab({ seed: 1 });
  const host = lab.addHost("host");
  const { status, stderr } = await host.sh(`
    ip netns add c1; ip netns add outside
    ip link add docker0 type bridge
    ip addr add 172.17.0.1/16 dev docker0
    ip link set docker0 up
    ip link add veth1 type veth peer name eth0 netns c1
    ip link set veth1 master docker0
    ip link set veth1 up
    ip -n c1 addr add 172.17.0.2/16 dev eth0
    ip -n c1 link set eth0 up
    ip -n c1 route add default via 172.17.0.1
    ip link add eth0 type veth peer name eth0 netns outside
    ip addr add 10.0.0.2/24 dev eth0
    ip link set eth0 up
    ip -n outside addr add 10.0.0.1/24 dev eth0
    ip -n outside link set eth0 up
    sysctl -qw net.ipv4.ip_forward=1
    iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
    ip netns exec c1 ping -c 1 10.0.0.1 >/dev/null
  `);
  expect([status, stderr]).toEqual([0, ""]);
  const seen: { packet: number; step: string }[] = [];
  lab.engine.kernel.skbs.trace = ({ packet, netns, where }) => seen.push({ packet, step: `${netns} ${where}` });
  await host.sh("ip netns exec c1 ping -c 1 10.0.0.1 >/dev/null");
  lab.engine.kernel.skbs.trace = null;
  const request = seen[0]!.packet;
  const steps = seen.filter(({ packet }) => packet === request).map(({ step }) => step);
  // as far as the cable: what the next machine does with it is not this table's
  const until = steps.findIndex((step) => step.startsWith("outside "));
  const way = wayInReadme();
  const relevant = steps.slice(0, until).filter((step) => way.includes(step));
  expect(relevant).toEqual(way);
});
