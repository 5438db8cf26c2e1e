// Machines with firewalls of many makes, recorded with what they say of themselves and with whom they let through: every connection that
// was tried is asked of the machine built from those files.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type HostFiles, importHost } from "../../src/explain/import-host.ts";
import { explainPacket } from "../../src/explain/journey.ts";
import { explainPorts } from "../../src/explain/ports.ts";
import { parseQuestion } from "../../src/explain/question.ts";
import { Lab } from "../../src/host/lab.ts";
import { furnishHost, standardPrograms } from "../../src/scenario/programs.ts";

const FOLDER = fileURLToPath(new URL("../../fixtures/explain/hosts", import.meta.url));

const FILES = {
  addr: "addr.json",
  link: "link.json",
  route: "route.json",
  rule: "rule.json",
  sysctl: "sysctl.txt",
  networks: "networks.json",
  containers: "containers.json",
  ipset: "ipset.save",
  rules: "iptables.save",
  nft: "ruleset.nft",
};

/** Files of a machine, with its rules as iptables-save has them, as nft lists them, or both. */
function filesOf(name: string, leaveOut: readonly string[]): HostFiles {
  return Object.fromEntries(
    Object.entries(FILES).flatMap(([key, file]) => {
      const path = `${FOLDER}/${name}/${file}`;
      if (!existsSync(path) || leaveOut.includes(key)) return [];
      return [[key, { name: file, text: readFileSync(path, "utf8") }]];
    }),
  );
}

/** Tried and failed, but not on this machine: the far side knows no way back, or has no such address. */
const BEYOND = ["fail2ban: inside 192.0.2.1:443", "kube-proxy: host 10.96.0.20:80"];

function questionOf(line: string, port: number): { text: string; arrives: boolean } | undefined {
  const match = /^(\S+) (?:from (\S+) )?(\S+:\d+) (arrives|does not arrive)$/.exec(line);
  if (!match) return undefined;
  const [, who, from, to, how] = match;
  const arrives = how === "arrives";
  if (who === "outside") return { text: `tcp ${from ?? "192.0.2.1"}:${port} -> ${to} in eth0`, arrives };
  if (who === "inside") return { text: `tcp 10.8.0.2:${port} -> ${to} in lan0`, arrives };
  return { text: `tcp from ${who}:${port} to ${to}`, arrives };
}

async function compare(name: string, leaveOut: readonly string[], tries: number): Promise<readonly string[]> {
  const lab = new Lab({ programs: standardPrograms({ filters: undefined, docker: "20" }), furnish: furnishHost });
  const host = lab.addHost("docker-host");
  const imported = await importHost(lab, host, filesOf(name, leaveOut));
  const real: string[] = [];
  const ours: string[] = [];
  for (const line of readFileSync(`${FOLDER}/${name}/stdout`, "utf8").split("\n")) {
    const asked = questionOf(line, 42000 + real.length);
    if (asked === undefined || BEYOND.some((each) => `${name}: ${line}`.startsWith(each))) continue;
    const { arrives } = await explainPacket(lab, host, parseQuestion(asked.text), imported);
    real.push(`${asked.text} ${asked.arrives}`);
    ours.push(`${asked.text} ${arrives}`);
  }
  expect(ours).toEqual(real);
  expect(real.length).toBe(tries);
  return imported.unknown;
}

const RECENT = /xt is not emulated: .*xt match "?recent/;

describe("a machine read from its files lets through what the real one let through", () => {
  // name, files left out, connections tried, what is not understood
  const machines: readonly (readonly [string, string, number, readonly RegExp[]])[] = [
    ["fail2ban", "nft", 10, []],
    ["kube-proxy", "nft", 8, []],
    ["kube-proxy", "rules", 8, []],
    ["router", "nft", 13, []],
    ["router", "rules", 13, [RECENT, /xt match connlimit/]],
    ["firewalld", "rules", 13, []],
    ["firewalld-docker", "", 13, []],
    ["firewalld-docker", "rules", 13, []],
    ["nftables", "rules", 12, [/^ruleset.nft:33: limit in a dynamic element is not emulated: tcp flags syn add @seen/]],
    ["ufw", "nft", 62, []],
    ["ufw", "rules", 62, [RECENT, RECENT]],
    ["ufw-28", "nft", 62, []],
    ["docker-user", "nft", 62, []],
    ["docker-user-28", "rules", 62, []],
  ];
  it.each(machines)("%s, without %s", async (name, leaveOut, tries, unknown) => {
    const told = await compare(name, leaveOut.split(" "), tries);
    expect(told.length).toBe(unknown.length);
    for (const [i, pattern] of unknown.entries()) expect(told[i]).toMatch(pattern);
  });

  it("has a test for every recorded machine", () => {
    expect([...new Set(machines.map(([name]) => name))].sort()).toEqual(readdirSync(FOLDER).sort());
  });
});

describe("a later packet of a connection", () => {
  async function asked(question: string): Promise<string> {
    const lab = new Lab({ programs: standardPrograms({ filters: undefined, docker: "20" }), furnish: furnishHost });
    const host = lab.addHost("docker-host");
    const imported = await importHost(lab, host, filesOf("router", ["nft"]));
    const { arrives, end, decidedBy } = await explainPacket(lab, host, parseQuestion(question), imported);
    return `${arrives ? decidedBy : "no"}: ${end}`;
  }

  const ESTABLISHED = "filter FORWARD 1 (-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT)";

  it("is judged as one of an established connection, whoever sends it", async () => {
    expect(await asked("tcp 10.8.0.2 -> 203.0.113.5:443 in lan0 established")).toBe(
      `${ESTABLISHED}: forwarded by docker-host to eth0, next hop 192.0.2.1`,
    );
    expect(await asked("tcp 203.0.113.5 -> 192.0.2.10:2222 in eth0 reply")).toBe(
      `${ESTABLISHED}: forwarded by docker-host to eth0, next hop 192.0.2.1`,
    );
    expect(await asked("udp host -> 203.0.113.5:53 reply")).toBe(
      "filter INPUT 2 (-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT): gets to docker-host",
    );
  });

  it("does not come where the first one ends", async () => {
    expect(await asked("tcp 203.0.113.77 -> 192.0.2.10:80 in eth0 established")).toBe(
      "no: the connection does not begin: its first packet is dropped in docker-host by filter INPUT policy (-P INPUT DROP)",
    );
  });

  it("may be a user's, of whom rules ask", async () => {
    expect(await asked("tcp host -> 203.0.113.5:25 uid 1000")).toMatch(
      /^no: dropped in docker-host by filter OUTPUT 1 /,
    );
    expect(await asked("tcp host -> 203.0.113.5:25")).toMatch(/^filter OUTPUT policy /);
  });
});

it("shows that ufw's rules have no say about a published port, and DOCKER-USER's have", async () => {
  const rowsOf = async (name: string): Promise<(string | number)[][]> => {
    const lab = new Lab({ programs: standardPrograms({ filters: undefined, docker: "20" }), furnish: furnishHost });
    const host = lab.addHost("docker-host");
    const answers = await explainPorts(lab, host, await importHost(lab, host, filesOf(name, ["nft"])));
    const wanted = ["containers on docker0", "containers on br-shut", "the network on eth0", "anywhere, by eth0"];
    return answers.map(({ hostIp, hostPort, reach }) => [
      `${hostIp}:${hostPort}`,
      ...reach
        .filter(({ who }) => wanted.includes(who))
        .map(({ arrives, aroundInput, decidedBy }) =>
          arrives ? `yes${aroundInput ? " around INPUT" : ""}` : `no, ${decidedBy.split(" (")[0]}`,
        ),
    ]);
  };
  expect((await rowsOf("ufw")).slice(0, 2)).toEqual([
    [
      "0.0.0.0:8080",
      "no, filter ufw-reject-input 1",
      "no, filter DOCKER-ISOLATION-STAGE-1 2",
      "yes around INPUT",
      "yes around INPUT",
    ],
    ["127.0.0.1:8081", ...Array<string>(4).fill("no, filter ufw-reject-input 1")],
  ]);
  // 203.0.113.0/24 alone may come in from outside
  expect((await rowsOf("docker-user"))[0]).toEqual([
    "0.0.0.0:8080",
    "yes",
    "no, filter DOCKER-ISOLATION-STAGE-1 2",
    "no, filter DOCKER-USER 3",
    "yes around INPUT",
  ]);
});
