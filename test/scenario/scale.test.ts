// Making one more must not take longer because there are many: a loop over all devices, routes, rules or networks for each new one
// shows as a ratio. Ratios of processor time within a run, with much slack: 1 is right, a quadratic loop that matters gives 4.

import { describe, expect, test } from "vitest";
import { Lab } from "../../src/scenario/lab.ts";

const SLACK = 2.5;

/** Milliseconds of processor time, whatever else the machine does. */
function spent(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * How much longer the last quarter of `count` takes than the second one, each thing as quick as the quickest batch of it. The
 * first quarter warms up. `make`: a script that makes things number `from` to `to`.
 */
async function growth(count: number, make: (from: number, to: number) => string): Promise<number> {
  const host = new Lab({ seed: 1 }).addHost("host");
  const batch = count / 16;
  const times: number[] = [];
  for (let from = 1; from <= count; from += batch) {
    const before = spent();
    const { status, stderr } = await host.sh(make(from, from + batch - 1));
    expect([status, stderr]).toEqual([0, ""]);
    times.push(spent() - before);
  }
  return Math.min(...times.slice(12)) / Math.min(...times.slice(4, 8));
}

const each =
  (command: string) =>
  (from: number, to: number): string =>
    `for i in $(seq ${from} ${to}); do ${command}; done`;

describe("one more of hundreds takes no longer than one more of a few", () => {
  test.each([
    [
      "bridge with an address",
      800,
      "ip link add br$i type bridge && ip addr add 10.$((i/250)).$((i%250)).1/24 dev br$i && ip link set br$i up",
    ],
    ["veth pair", 800, "ip link add v$i type veth peer name w$i && ip link set v$i up && ip link set w$i up"],
    [
      "namespace with a veth pair",
      800,
      "ip netns add n$i && ip link add v$i type veth peer name eth0 netns n$i && ip link set v$i up && ip -n n$i link set eth0 up",
    ],
    ["rule appended", 1600, "iptables -A FORWARD -s 10.0.$((i/250)).$((i%250)) -j DROP"],
    [
      "rule put first, asked for and jumped to",
      800,
      "iptables -N c$i && iptables -I FORWARD -o br$i -j c$i && iptables -C FORWARD -o br$i -j c$i",
    ],
    ["network of Docker's", 208, "docker network create --subnet 10.$((i/250)).$((i%250)).0/24 n$i >/dev/null"],
  ])(
    "%s",
    async (_name, count, command) => {
      expect(await growth(count, each(command))).toBeLessThan(SLACK);
    },
    60_000,
  );
});
