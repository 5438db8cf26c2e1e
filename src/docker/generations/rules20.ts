// The rules of Docker 20.10, as libnetwork's bridge driver writes them: each call of iptables in dockerd's order, so that
// `iptables-save` lists the same lines. Answers to drivers/bridge/setup_ip_tables.go, iptables/iptables.go and
// firewall_linux.go of that version.

import type { Iptables } from "../iptables.ts";
import type { ExposedPort, Firewall, NetworkRules, PortRules } from "./generation.ts";

const STAGE_1 = "DOCKER-ISOLATION-STAGE-1";
const STAGE_2 = "DOCKER-ISOLATION-STAGE-2";
const JUMP = ["-m", "addrtype", "--dst-type", "LOCAL", "-j", "DOCKER"];
const JUMP_OUT = [...JUMP, "!", "--dst", "127.0.0.0/8"];

function start(ipt: Iptables): void {
  ipt.remove("filter", "FORWARD", ["-j", "DOCKER-ISOLATION"], true);
  ipt.try("-t", "nat", "-D", "PREROUTING", "-m", "addrtype", "--dst-type", "LOCAL", "-j", "DOCKER");
  ipt.try(
    "-t",
    "nat",
    "-D",
    "OUTPUT",
    "-m",
    "addrtype",
    "--dst-type",
    "LOCAL",
    "!",
    "--dst",
    "127.0.0.0/8",
    "-j",
    "DOCKER",
  );
  for (const [table, chain] of [
    ["nat", "DOCKER"],
    ["filter", "DOCKER"],
    ["filter", STAGE_1],
    ["filter", STAGE_2],
  ] as const) {
    ipt.try("-t", table, "-F", chain);
    ipt.try("-t", table, "-X", chain);
  }
  ipt.chain("nat", "DOCKER");
  ipt.chain("filter", "DOCKER");
  ipt.chain("filter", STAGE_1);
  ipt.chain("filter", STAGE_2);
  addReturn(ipt, STAGE_1);
  addReturn(ipt, STAGE_2);
  ipt.must("-t", "filter", "-P", "FORWARD", "DROP");
  // of the networks none and host
  networkAdded(ipt);
  networkAdded(ipt);
}

function addReturn(ipt: Iptables, chain: string): void {
  ipt.add("-A", "filter", chain, ["-j", "RETURN"]);
}

/** arrangeUserFilterRule: DOCKER-USER exists and comes first. */
function networkAdded(ipt: Iptables): void {
  ipt.chain("filter", "DOCKER-USER");
  addReturn(ipt, "DOCKER-USER");
  ipt.jumpFirst("FORWARD", "DOCKER-USER");
}

function addNetwork(ipt: Iptables, { bridge, subnet, icc, masquerade, internal }: NetworkRules): void {
  if (internal) {
    for (const rule of internalRules(bridge, subnet)) ipt.add("-I", "filter", STAGE_1, rule);
    setIcc(ipt, bridge, icc);
  } else {
    if (masquerade) {
      ipt.add("-I", "nat", "POSTROUTING", masqueradeRule(bridge, subnet));
      ipt.add("-I", "nat", "DOCKER", skipDnat(bridge));
    }
    setIcc(ipt, bridge, icc);
    ipt.add("-I", "filter", "FORWARD", outgoing(bridge));
    ipt.add("-A", "nat", "PREROUTING", JUMP);
    ipt.add("-A", "nat", "OUTPUT", JUMP_OUT);
    ipt.add("-I", "filter", "FORWARD", ["-o", bridge, "-j", "DOCKER"]);
    ipt.add("-I", "filter", "FORWARD", established(bridge));
  }
  ipt.jumpFirst("FORWARD", STAGE_1);
  if (internal) return;
  ipt.add("-I", "filter", STAGE_1, ["-i", bridge, "!", "-o", bridge, "-j", STAGE_2], true);
  ipt.add("-I", "filter", STAGE_2, ["-o", bridge, "-j", "DROP"], true);
}

function removeNetwork(ipt: Iptables, { bridge, subnet, icc, masquerade, internal }: NetworkRules): void {
  if (internal) {
    for (const rule of internalRules(bridge, subnet)) ipt.remove("filter", STAGE_1, rule);
    ipt.remove("filter", "FORWARD", between(bridge, icc));
    return;
  }
  if (masquerade) {
    ipt.remove("nat", "POSTROUTING", masqueradeRule(bridge, subnet));
    ipt.remove("nat", "DOCKER", skipDnat(bridge));
  }
  ipt.remove("filter", "FORWARD", between(bridge, icc));
  ipt.remove("filter", "FORWARD", outgoing(bridge));
  ipt.remove("filter", "FORWARD", ["-o", bridge, "-j", "DOCKER"]);
  ipt.remove("filter", "FORWARD", established(bridge));
  ipt.remove("filter", STAGE_1, ["-i", bridge, "!", "-o", bridge, "-j", STAGE_2], true);
  ipt.remove("filter", STAGE_2, ["-o", bridge, "-j", "DROP"], true);
}

function setIcc(ipt: Iptables, bridge: string, icc: boolean): void {
  ipt.try("-D", "FORWARD", ...between(bridge, !icc));
  ipt.add(icc ? "-I" : "-A", "filter", "FORWARD", between(bridge, icc));
}

const between = (bridge: string, icc: boolean) => ["-i", bridge, "-o", bridge, "-j", icc ? "ACCEPT" : "DROP"];
const outgoing = (bridge: string) => ["-i", bridge, "!", "-o", bridge, "-j", "ACCEPT"];
const established = (bridge: string) => [
  "-o",
  bridge,
  "-m",
  "conntrack",
  "--ctstate",
  "RELATED,ESTABLISHED",
  "-j",
  "ACCEPT",
];
const masqueradeRule = (bridge: string, subnet: string) => ["-s", subnet, "!", "-o", bridge, "-j", "MASQUERADE"];
const skipDnat = (bridge: string) => ["-i", bridge, "-j", "RETURN"];
const internalRules = (bridge: string, subnet: string) => [
  ["-i", bridge, "!", "-d", subnet, "-j", "DROP"],
  ["-o", bridge, "!", "-s", subnet, "-j", "DROP"],
];

function portRules({ bridge }: NetworkRules, port: PortRules): [string, string, string[]][] {
  const { protocol, hostAddress, hostPort, containerAddress, containerPort } = port;
  const to = `${containerAddress}:${containerPort}`;
  return [
    [
      "nat",
      "DOCKER",
      [
        ...["-p", protocol, "-d", hostAddress === "0.0.0.0" ? "0/0" : hostAddress, "--dport", String(hostPort)],
        ...["-j", "DNAT", "--to-destination", to, "!", "-i", bridge],
      ],
    ],
    [
      "filter",
      "DOCKER",
      [
        "!",
        "-i",
        bridge,
        "-o",
        bridge,
        "-p",
        protocol,
        "-d",
        containerAddress,
        "--dport",
        String(containerPort),
        "-j",
        "ACCEPT",
      ],
    ],
    [
      "nat",
      "POSTROUTING",
      [
        "-p",
        protocol,
        "-s",
        containerAddress,
        "-d",
        containerAddress,
        "--dport",
        String(containerPort),
        "-j",
        "MASQUERADE",
      ],
    ],
  ];
}

/** The pair of rules that lets two linked containers talk, in the words of each generation alike. */
export function linkRules(bridge: string, parent: string, child: string, ports: readonly ExposedPort[]): string[][] {
  return ports.flatMap(({ protocol, port }) => [
    ["-i", bridge, "-o", bridge, "-p", protocol, "-s", parent, "-d", child, "--dport", String(port), "-j", "ACCEPT"],
    ["-i", bridge, "-o", bridge, "-p", protocol, "-s", child, "-d", parent, "--sport", String(port), "-j", "ACCEPT"],
  ]);
}

export const firewall20: Firewall = {
  start,
  networkAdded,
  addNetwork,
  removeNetwork,
  addEndpoint() {},
  removeEndpoint() {},
  addPort(ipt, network, port) {
    for (const [table, chain, rule] of portRules(network, port)) ipt.add("-A", table, chain, rule, true);
  },
  removePort(ipt, network, port) {
    for (const [table, chain, rule] of portRules(network, port)) ipt.remove(table, chain, rule, true);
  },
  link(ipt, { bridge }, parent, child, ports, enable) {
    for (const rule of linkRules(bridge, parent, child, ports)) {
      if (enable) ipt.add("-A", "filter", "DOCKER", rule, true);
      else ipt.remove("filter", "DOCKER", rule, true);
    }
  },
};
