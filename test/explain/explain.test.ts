import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { journeyText } from "../../src/explain/answer-text.ts";
import { type HostFiles, type Imported, importHost } from "../../src/explain/import-host.ts";
import { explainPacket } from "../../src/explain/journey.ts";
import { explainPorts } from "../../src/explain/ports.ts";
import { parseQuestion } from "../../src/explain/question.ts";
import type { Host } from "../../src/host/host.ts";
import { Lab } from "../../src/host/lab.ts";
import { furnishHost, standardPrograms } from "../../src/scenario/programs.ts";

type Docker = "docker-20" | "docker-28";
const FILES = {
  addr: "addr.json",
  link: "link.json",
  route: "route.json",
  rule: "rule.json",
  rules: "iptables.save",
  sysctl: "sysctl.txt",
  networks: "networks.json",
  containers: "containers.json",
};

function text(docker: Docker, name: string): string {
  return readFileSync(new URL(`../../fixtures/explain/${docker}/${name}`, import.meta.url), "utf8");
}

function recorded(docker: Docker): HostFiles {
  return Object.fromEntries(Object.entries(FILES).map(([key, name]) => [key, { name, text: text(docker, name) }]));
}

async function machine(files: HostFiles): Promise<{ lab: Lab; host: Host; imported: Imported }> {
  const lab = new Lab({ programs: standardPrograms({ filters: undefined, docker: "20" }), furnish: furnishHost });
  const host = lab.addHost("docker-host");
  return { lab, host, imported: await importHost(lab, host, files) };
}

/** A line of the recording ("web1 192.0.2.10:8080 does not arrive") as a question. */
function asked(line: string): { question: string; arrives: boolean } | undefined {
  const match = /^(network|host|web1|web2) (\S+) (arrives|does not arrive)$/.exec(line);
  if (!match) return undefined;
  const [, who, to, how] = match;
  const question = who === "network" ? `tcp 192.0.2.1 -> ${to} in eth0` : `tcp from ${who} to ${to}`;
  return { question, arrives: how === "arrives" };
}

for (const docker of ["docker-20", "docker-28"] as const)
  describe(`a machine with ${docker}, read from its files`, () => {
    it("lets through what the real one let through, and nothing else", async () => {
      const { lab, host, imported } = await machine(recorded(docker));
      expect(imported.unknown).toEqual([]);
      const lines = text(docker, "stdout").split("\n");
      const real: string[] = [];
      const ours: string[] = [];
      let port = 42000;
      for (const { question, arrives } of lines.flatMap((line) => asked(line) ?? [])) {
        // the recording tried whether a connection came about; no process of the machine listens on 22 and 80
        if (/192.0.2.10:(22|80)( |$)|127.0.0.1:(22|80)$/.test(question)) continue;
        const parsed = parseQuestion(question);
        const journey = await explainPacket(lab, host, { ...parsed, from: { ...parsed.from, port: port++ } }, imported);
        real.push(`${question}: ${arrives}`);
        ours.push(`${question}: ${journey.arrives}`);
      }
      expect(real.length).toBe(19);
      expect(ours).toEqual(real);
    });
  });

it("tells a packet's way: rules, rewrite, routes and the process at its end", async () => {
  const { lab, host, imported } = await machine(recorded("docker-20"));
  const question = parseQuestion("tcp from web2 to 203.0.113.9:443");
  expect(journeyText(await explainPacket(lab, host, question, imported), true)).toBe(
    `tcp web2 → 203.0.113.9:443
web2
  172.25.0.2:40000 → 203.0.113.9:443 is sent here, route: out eth0 via 172.25.0.1
  route: leaves by eth0, next hop 172.25.0.1
docker-host
  172.25.0.2:40000 → 203.0.113.9:443 comes in on port2
  PREROUTING
    nat PREROUTING
      * policy  -P PREROUTING ACCEPT
  172.25.0.2:40000 → 203.0.113.9:443 comes in on br-9fc6ce3ad70e
  route: to be forwarded, out eth0 via 192.0.2.1
  FORWARD
    filter FORWARD
      *   1  -A FORWARD -j DOCKER-USER  ⇒ jump DOCKER-USER
    filter DOCKER-USER
      *   2  -A DOCKER-USER -j RETURN  ⇒ RETURN
    filter FORWARD
      *   2  -A FORWARD -j DOCKER-ISOLATION-STAGE-1  ⇒ jump DOCKER-ISOLATION-STAGE-1
    filter DOCKER-ISOLATION-STAGE-1
      *   1  -A DOCKER-ISOLATION-STAGE-1 -i br-9fc6ce3ad70e ! -o br-9fc6ce3ad70e -j DOCKER-ISOLATION-STAGE-2  ⇒ jump DOCKER-ISOLATION-STAGE-2
    filter DOCKER-ISOLATION-STAGE-2
      *   3  -A DOCKER-ISOLATION-STAGE-2 -j RETURN  ⇒ RETURN
    filter DOCKER-ISOLATION-STAGE-1
      *   3  -A DOCKER-ISOLATION-STAGE-1 -j RETURN  ⇒ RETURN
    filter FORWARD
      *   5  -A FORWARD -i br-9fc6ce3ad70e ! -o br-9fc6ce3ad70e -j ACCEPT  ⇒ ACCEPT
  POSTROUTING
    nat POSTROUTING
      *   1  -A POSTROUTING -s 172.25.0.0/16 ! -o br-9fc6ce3ad70e -j MASQUERADE  ⇒ ACCEPT
    SNAT: 172.25.0.2:40000 → 203.0.113.9:443 becomes 192.0.2.10:40000 → 203.0.113.9:443
  route: leaves by eth0, next hop 192.0.2.1
ARRIVES: forwarded by docker-host to eth0, next hop 192.0.2.1
let through by filter FORWARD 5 (-A FORWARD -i br-9fc6ce3ad70e ! -o br-9fc6ce3ad70e -j ACCEPT)
`,
  );
});

it("says of every published port who reaches it, and whether INPUT has a say", async () => {
  const { lab, host, imported } = await machine(recorded("docker-20"));
  const answers = await explainPorts(lab, host, imported);
  const rows = answers.map(({ hostPort, reach }) => [
    hostPort,
    ...reach.map(({ arrives, aroundInput }) => `${arrives ? "yes" : "no"}${aroundInput ? " around INPUT" : ""}`),
  ]);
  expect(answers[0]!.reach.map(({ who }) => who)).toEqual([
    "the host, by 127.0.0.1",
    "the host, by its address",
    "containers on docker0",
    "containers on br-9fc6ce3ad70e",
    "the network on eth0",
    "anywhere, by eth0",
  ]);
  expect(rows).toEqual([
    [8080, "yes", "yes", "no", "no", "yes around INPUT", "yes around INPUT"],
    [8081, "yes", "no", "no", "no", "no", "no"],
    [8082, "yes", "yes", "no", "no", "no around INPUT", "no around INPUT"],
  ]);
});

it("names what it does not understand, with file and line, and keeps the rest", async () => {
  const rules = `*filter
:INPUT DROP [0:0]
-A INPUT -m set --match-set bad src -j DROP
-A INPUT -m geoip --source-country DE -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
# Warning: iptables-legacy tables present, use iptables-legacy-save to see them
*broute
:BROUTING ACCEPT [0:0]
COMMIT
`;
  const { lab, host, imported } = await machine({ ...recorded("docker-20"), rules: { name: "rules.v4", text: rules } });
  expect(imported.unknown).toEqual([
    "rules.v4:7: Warning: iptables-legacy tables present, use iptables-legacy-save to see them",
    "rules.v4:3: Set bad doesn't exist.: -A INPUT -m set --match-set bad src -j DROP",
    "rules.v4:4: Couldn't load match `geoip':No such file or directory: -A INPUT -m geoip --source-country DE -j ACCEPT",
    "rules.v4:8: iptables-restore: line 8 table name 'broute' invalid: *broute",
  ]);
  const journey = await explainPacket(lab, host, parseQuestion("tcp 192.0.2.1 -> 192.0.2.10:22 in eth0"), imported);
  expect(journey.decidedBy).toBe("filter INPUT 1 (-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT)");
});

it.each([
  ["sctp 1.2.3.4 -> 5.6.7.8:1", /^'sctp' is not tcp, udp or icmp/],
  ["tcp 1.2.3.4 -> 5.6.7.8", /^the destination '5.6.7.8' has no port/],
  ["udp 1.2.3.4 => 5.6.7.8:1", /^'=>' stands where -> is expected/],
  ["tcp 1.2.3.4 -> 5.6.7.8:99999", /^'5.6.7.8:99999': a port is 1 to 65535/],
  ["tcp 1.2.3.4 -> 5.6.7.8:1 out eth0", /^'out eth0' is not understood/],
])("points at the mistake in '%s'", (question, message) => {
  expect(() => parseQuestion(question)).toThrow(message);
});

it("takes the way that a mark chooses, by the rules and tables of ip -j rule and ip -j route", async () => {
  const json = (name: string, value: unknown): { name: string; text: string } => ({
    name,
    text: JSON.stringify(value),
  });
  const device = (ifname: string, local: string, address: string): object => ({
    ifname,
    flags: ["UP"],
    link_type: "ether",
    address,
    addr_info: [{ family: "inet", local, prefixlen: 24 }],
  });
  const { lab, host, imported } = await machine({
    addr: json("addr", [
      device("eth0", "192.0.2.10", "02:00:00:00:01:01"),
      device("eth1", "198.51.100.2", "02:00:00:00:01:02"),
    ]),
    route: json("route", [
      { dst: "default", gateway: "192.0.2.1", dev: "eth0", flags: [] },
      { dst: "default", gateway: "198.51.100.1", dev: "eth1", table: "100", flags: [] },
    ]),
    rule: json("rule", [{ priority: 1000, src: "all", fwmark: "0x5", table: "100" }]),
    rules: { name: "rules", text: "*mangle\n-A OUTPUT -p tcp --dport 443 -j MARK --set-mark 5\nCOMMIT\n" },
  });
  expect(imported.unknown).toEqual([]);
  const ends: string[] = [];
  for (const port of [80, 443])
    ends.push((await explainPacket(lab, host, parseQuestion(`tcp from host to 203.0.113.9:${port}`), imported)).end);
  expect(ends).toEqual([
    "forwarded by docker-host to eth0, next hop 192.0.2.1",
    "forwarded by docker-host to eth1, next hop 198.51.100.1",
  ]);
});
