// The rules of Docker 28: one jump from FORWARD to DOCKER-FORWARD, which asks DOCKER-CT, the isolation chains and
// DOCKER-BRIDGE; ports that are not published are dropped; the raw table drops what goes straight to a container's
// address from elsewhere. Answers to libnetwork/drivers/bridge/internal/iptabler of that version.

import type { Iptables } from "../iptables.ts";
import type { Firewall, NetworkRules, PortRules } from "./generation.ts";
import { linkRules } from "./rules20.ts";

const STAGE_1 = "DOCKER-ISOLATION-STAGE-1";
const STAGE_2 = "DOCKER-ISOLATION-STAGE-2";
const JUMP = ["-m", "addrtype", "--dst-type", "LOCAL", "-j", "DOCKER"];
const JUMP_OUT = [...JUMP, "!", "--dst", "127.0.0.0/8"];

function start(ipt: Iptables): void {
  ipt.try("-t", "nat", "-D", "PREROUTING", ...JUMP);
  ipt.try("-t", "nat", "-D", "OUTPUT", ...JUMP_OUT);
  const chains = ["DOCKER", "DOCKER-FORWARD", "DOCKER-BRIDGE", "DOCKER-CT", STAGE_1, STAGE_2];
  for (const [table, chain] of [["nat", "DOCKER"], ...chains.map((name) => ["filter", name])] as [string, string][]) {
    ipt.try("-t", table, "-F", chain);
    ipt.try("-t", table, "-X", chain);
  }
  ipt.chain("nat", "DOCKER");
  for (const chain of chains) ipt.chain("filter", chain);
  ipt.add("-A", "nat", "PREROUTING", JUMP);
  ipt.add("-A", "nat", "OUTPUT", JUMP_OUT);
  ipt.jumpFirst("FORWARD", "DOCKER-FORWARD");
  ipt.jumpFirst("DOCKER-FORWARD", "DOCKER-BRIDGE");
  ipt.jumpFirst("DOCKER-FORWARD", STAGE_1);
  ipt.jumpFirst("DOCKER-FORWARD", "DOCKER-CT");
  ipt.must("-t", "filter", "-P", "FORWARD", "DROP");
  ipt.chain("filter", "DOCKER-USER");
  ipt.jumpFirst("FORWARD", "DOCKER-USER");
}

function addNetwork(ipt: Iptables, network: NetworkRules): void {
  const { bridge, subnet, icc, masquerade, internal } = network;
  if (internal) {
    for (const rule of internalRules(bridge, subnet)) ipt.add("-I", "filter", STAGE_1, rule, true);
    ipt.add("-A", "filter", "DOCKER-FORWARD", ["-i", bridge, "-o", bridge, "-j", icc ? "ACCEPT" : "DROP"], true);
    return;
  }
  if (masquerade) {
    ipt.add("-I", "nat", "POSTROUTING", ["-s", subnet, "!", "-o", bridge, "-j", "MASQUERADE"]);
    ipt.add("-I", "nat", "DOCKER", ["-i", bridge, "-j", "RETURN"]);
  }
  for (const [chain, rule] of forwardRules(bridge, icc)) ipt.add("-A", "filter", chain, rule, true);
  ipt.add("-I", "filter", STAGE_2, ["-o", bridge, "-j", "DROP"], true);
}

function removeNetwork(ipt: Iptables, network: NetworkRules): void {
  const { bridge, subnet, icc, masquerade, internal } = network;
  if (internal) {
    for (const rule of internalRules(bridge, subnet)) ipt.remove("filter", STAGE_1, rule, true);
    ipt.remove("filter", "DOCKER-FORWARD", ["-i", bridge, "-o", bridge, "-j", icc ? "ACCEPT" : "DROP"], true);
    return;
  }
  if (masquerade) {
    ipt.remove("nat", "POSTROUTING", ["-s", subnet, "!", "-o", bridge, "-j", "MASQUERADE"]);
    ipt.remove("nat", "DOCKER", ["-i", bridge, "-j", "RETURN"]);
  }
  for (const [chain, rule] of forwardRules(bridge, icc)) ipt.remove("filter", chain, rule, true);
  ipt.remove("filter", STAGE_2, ["-o", bridge, "-j", "DROP"], true);
}

/** What a network appends to the chains of the filter table, in order. */
function forwardRules(bridge: string, icc: boolean): [string, string[]][] {
  return [
    ...(icc
      ? ([["DOCKER-FORWARD", ["-i", bridge, "-j", "ACCEPT"]]] as [string, string[]][])
      : ([
          ["DOCKER-FORWARD", ["-i", bridge, "-o", bridge, "-j", "DROP"]],
          ["DOCKER-FORWARD", ["-i", bridge, "!", "-o", bridge, "-j", "ACCEPT"]],
        ] as [string, string[]][])),
    ["DOCKER", ["!", "-i", bridge, "-o", bridge, "-j", "DROP"]],
    ["DOCKER-CT", ["-o", bridge, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"]],
    ["DOCKER-BRIDGE", ["-o", bridge, "-j", "DOCKER"]],
    [STAGE_1, ["-i", bridge, "!", "-o", bridge, "-j", STAGE_2]],
  ];
}

const internalRules = (bridge: string, subnet: string) => [
  ["-i", bridge, "!", "-d", subnet, "-j", "DROP"],
  ["-o", bridge, "!", "-s", subnet, "-j", "DROP"],
];

const directAccess = (bridge: string, address: string) => ["-d", address, "!", "-i", bridge, "-j", "DROP"];

type PortRule = [how: "-A" | "-I", table: string, chain: string, rule: string[]];

function portRules({ bridge, internal }: NetworkRules, port: PortRules): PortRule[] {
  if (internal) return [];
  const { protocol, hostAddress, hostPort, containerAddress, containerPort } = port;
  const rules: PortRule[] = [];
  if (hostAddress.startsWith("127."))
    rules.push([
      "-A",
      "raw",
      "PREROUTING",
      ["-p", protocol, "-d", hostAddress, "--dport", String(hostPort), "!", "-i", "lo", "-j", "DROP"],
    ]);
  rules.push([
    "-A",
    "nat",
    "DOCKER",
    [
      ...["-p", protocol, "-d", hostAddress === "0.0.0.0" ? "0/0" : hostAddress, "--dport", String(hostPort)],
      ...["-j", "DNAT", "--to-destination", `${containerAddress}:${containerPort}`, "!", "-i", bridge],
    ],
  ]);
  rules.push([
    "-I",
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
  ]);
  return rules;
}

export const firewall28: Firewall = {
  start,
  networkAdded() {},
  addNetwork,
  removeNetwork,
  addEndpoint(ipt, { bridge, internal }, address) {
    if (!internal) ipt.add("-A", "raw", "PREROUTING", directAccess(bridge, address), true);
  },
  removeEndpoint(ipt, { bridge, internal }, address) {
    if (!internal) ipt.remove("raw", "PREROUTING", directAccess(bridge, address), true);
  },
  addPort(ipt, network, port) {
    for (const [how, table, chain, rule] of portRules(network, port)) ipt.add(how, table, chain, rule, true);
  },
  removePort(ipt, network, port) {
    for (const [, table, chain, rule] of portRules(network, port)) ipt.remove(table, chain, rule, true);
  },
  link(ipt, { bridge }, parent, child, ports, enable) {
    for (const rule of linkRules(bridge, parent, child, ports)) {
      if (enable) ipt.add("-A", "filter", "DOCKER", rule, true);
      else ipt.remove("filter", "DOCKER", rule, true);
    }
  },
};
