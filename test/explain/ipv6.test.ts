// IPv6 of machines that were recorded with what they say of themselves and with whom they let through.

import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { journeyText } from "../../src/explain/answer-text.ts";
import { asksIpv6, explainPacket6, parseQuestion6 } from "../../src/explain/ipv6/journey.ts";
import { type Files6, type Machine6, machine6 } from "../../src/explain/ipv6/machine.ts";
import { explainPorts6 } from "../../src/explain/ipv6/ports.ts";

const FILES = {
  addr: "addr.json",
  route6: "route6.json",
  sysctl: "sysctl.txt",
  networks: "networks.json",
  containers: "containers.json",
  rules6: "ip6tables.save",
};

const path = (name: string, file: string): URL =>
  new URL(`../../fixtures/explain/ipv6/${name}/${file}`, import.meta.url);

function filesOf(name: string): Files6 {
  return Object.fromEntries(
    Object.entries(FILES)
      .filter(([, file]) => existsSync(path(name, file)))
      .map(([key, file]) => [key, { name: file, text: readFileSync(path(name, file), "utf8") }]),
  );
}

function questionOf(line: string): { text: string; arrives: boolean } | undefined {
  const match = /^(\S+) (?:from (\S+) )?(\S+:\d+) (arrives|does not arrive)$/.exec(line);
  if (!match) return undefined;
  const [, who, from, to, how] = match;
  const arrives = how === "arrives";
  if (who === "outside") return { text: `tcp [${from ?? "2001:db8:1::1"}]:40000 -> ${to} in eth0`, arrives };
  if (who === "inside") return { text: `tcp [2001:db8:8::2]:40000 -> ${to} in lan0`, arrives };
  return { text: `tcp from ${who} to ${to}`, arrives };
}

const asked = (machine: Machine6, question: string): string => {
  const { arrives, end, decidedBy } = explainPacket6(machine, parseQuestion6(question), "docker-host");
  return `${arrives ? decidedBy : "no"}: ${end}`;
};

describe("IPv6 of a machine read from its files lets through what the real one let through", () => {
  it.each([
    ["router", 21],
    ["docker-28", 46],
    ["docker-20", 46],
  ])("%s", (name, tries) => {
    const machine = machine6(filesOf(name));
    expect([machine.unknown, machine.assumed]).toEqual([[], []]);
    const lines = readFileSync(path(name, "stdout"), "utf8").split("\n");
    const questions = lines.flatMap((line) => questionOf(line) ?? []);
    expect(questions.length).toBe(tries);
    const ours = questions.map(({ text }) => {
      const { arrives } = explainPacket6(machine, parseQuestion6(text), "docker-host");
      return { text, arrives };
    });
    expect(ours).toEqual(questions);
  });
});

it("tells a packet's way: rules, rewrite, routes and the container at its end", () => {
  const machine = machine6(filesOf("docker-28"));
  const question = parseQuestion6("tcp [2001:db8:ffff::5]:40000 → [2001:db8:1::10]:8088 in eth0");
  expect(journeyText(explainPacket6(machine, question, "docker-host"), true)).toBe(
    `tcp [2001:db8:ffff::5]:40000 → [2001:db8:1::10]:8088 in eth0
docker-host
  [2001:db8:ffff::5]:40000 → [2001:db8:1::10]:8088 comes in on eth0
  PREROUTING
    raw PREROUTING
      * policy  -P PREROUTING ACCEPT
    nat PREROUTING
      *   1  -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER  ⇒ jump DOCKER
    nat DOCKER
      *   4  -A DOCKER ! -s fe80::/10 -d 2001:db8:1::10/128 ! -i br-six -p tcp -m tcp --dport 8088 -j DNAT --to-destination [fd00:28::4]:80  ⇒ ACCEPT
    DNAT: [2001:db8:ffff::5]:40000 → [2001:db8:1::10]:8088 becomes [2001:db8:ffff::5]:40000 → [fd00:28::4]:80
  route: to be forwarded, out br-six
  FORWARD
    filter FORWARD
      *   1  -A FORWARD -j DOCKER-USER  ⇒ jump DOCKER-USER
      *   2  -A FORWARD -j DOCKER-FORWARD  ⇒ jump DOCKER-FORWARD
    filter DOCKER-FORWARD
      *   1  -A DOCKER-FORWARD -j DOCKER-CT  ⇒ jump DOCKER-CT
      *   2  -A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1  ⇒ jump DOCKER-ISOLATION-STAGE-1
      *   3  -A DOCKER-FORWARD -j DOCKER-BRIDGE  ⇒ jump DOCKER-BRIDGE
    filter DOCKER-BRIDGE
      *   1  -A DOCKER-BRIDGE -o br-six -j DOCKER  ⇒ jump DOCKER
    filter DOCKER
      *   1  -A DOCKER -d fd00:28::4/128 ! -i br-six -o br-six -p tcp -m tcp --dport 80 -j ACCEPT  ⇒ ACCEPT
  POSTROUTING
    nat POSTROUTING
      * policy  -P POSTROUTING ACCEPT
  route: leaves by br-six
ARRIVES: delivered to only6, port 80
let through by filter DOCKER 1 (-A DOCKER -d fd00:28::4/128 ! -i br-six -o br-six -p tcp -m tcp --dport 80 -j ACCEPT)
`,
  );
});

it("says who reaches a port that is published to IPv6", () => {
  const answers = explainPorts6(machine6(filesOf("docker-28")), "docker-host");
  const rows = answers.map(({ hostIp, hostPort, reach }) => [
    `${hostIp}:${hostPort}`,
    ...reach.map(({ arrives, aroundInput }) => `${arrives ? "yes" : "no"}${aroundInput ? " around INPUT" : ""}`),
  ]);
  expect(answers[0]!.reach.map(({ who }) => who)).toEqual([
    "the host, by ::1",
    "the host, by its address",
    "containers on br-six",
    "the network on eth0",
    "the network on lan0",
    "anywhere, by eth0",
  ]);
  expect(rows).toEqual([
    ["[::]:8080", "yes", "yes", "no", "no", "no", "no"],
    ["[::]:8086", "yes", "yes", "no", "yes around INPUT", "no around INPUT", "yes around INPUT"],
    ["[::1]:8087", "yes", "no", "no", "no", "no", "no"],
    ["[2001:db8:1::10]:8088", "no", "yes", "no", "yes around INPUT", "yes around INPUT", "yes around INPUT"],
  ]);
});

it("asks of a later packet of a connection, and of a user", () => {
  const machine = machine6(filesOf("router"));
  expect(asked(machine, "tcp [2001:db8:1::1]:443 -> [2001:db8:1::10]:50000 in eth0 established")).toMatch(
    /^filter INPUT 2 .*RELATED,ESTABLISHED/,
  );
  expect(asked(machine, "icmp host -> 2001:db8:ffff::5")).toBe(
    "filter OUTPUT policy (-P OUTPUT ACCEPT): forwarded by docker-host to eth0, next hop 2001:db8:1::1",
  );
});

it("names what it does not understand, with file and line, and keeps the rest", () => {
  const rules = `*filter
:INPUT DROP [0:0]
-A INPUT -m geoip --source-country DE -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j TARPIT
-A INPUT -s 10.0.0.0/8 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
`;
  const nft = { name: "ruleset.nft", text: "table inet firewalld {\n}\n" };
  const machine = machine6({ ...filesOf("router"), nft, rules6: { name: "rules.v6", text: rules } });
  expect(machine.unknown).toEqual([
    "rules.v6:3: match geoip: -A INPUT -m geoip --source-country DE -j ACCEPT",
    "rules.v6:4: target TARPIT: -A INPUT -p tcp -m tcp --dport 22 -j TARPIT",
    "rules.v6:5: address 10.0.0.0/8: -A INPUT -s 10.0.0.0/8 -j ACCEPT",
    "ruleset.nft: nft's tables are not asked about IPv6, only --rules6",
  ]);
  expect(asked(machine, "tcp [2001:db8:1::1]:40000 -> [2001:db8:1::10]:22 in eth0")).toMatch(/^filter INPUT 1 /);
});

it("knows a question about IPv6 by its addresses, and points at mistakes", () => {
  expect(asksIpv6("tcp from web6 to [2001:db8::5]:443")).toBe(true);
  expect(asksIpv6("icmp host -> 2001:db8::5")).toBe(true);
  expect(asksIpv6("tcp 10.0.0.1:80 -> 10.0.0.2:80 in eth0")).toBe(false);
  expect(() => parseQuestion6("tcp [2001:db8:zz::5]:1 -> [::1]:2 in eth0")).toThrow(
    /^'\[2001:db8:zz::5\]:1' is not an IPv6 address/,
  );
  expect(() => parseQuestion6("tcp host -> [::1]:2 reply")).toThrow(/^'reply' is asked of IPv4 only/);
});
