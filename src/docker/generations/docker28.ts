// Docker 28.5.2 as Debian ships it: what people run today, and what the recordings of recordings-docker28 were made with.
// The client is of the same version; its hints name the help, its errors begin with "docker: ".

import { costs28 } from "../cost.ts";
import { endpointSettings, ipamProblem } from "./checks28.ts";
import { docker20, ENDPOINT_TYPED, HOST_CONFIG_TYPED, NETWORK_SETTINGS_TYPED, NETWORK_TYPED } from "./docker20.ts";
import type { ClientTexts, FieldOrder, Generation, Texts } from "./generation.ts";
import { firewall28 } from "./rules28.ts";

const texts: Texts = {
  ...docker20.texts,
  ipam: {
    poolOverlap: "invalid pool request: Pool overlaps with other one on this address space",
    allPoolsTaken: "all predefined address pools have been fully subnetted",
    addressInUse: "Address already in use",
    pointToPoint: true,
    noAddresses: "no available addresses on this pool",
    outOfRange: "requested address is out of range",
  },
  ipamProblem,
  portBindFailed: ({ protocol, hostIp, hostPort, containerIp, containerPort }, why) =>
    `failed to bind host port for ${hostIp}:${hostPort}:${containerIp}:${containerPort}/${protocol}: ${why}`,
  activeEndpoints: (name, _id, members) =>
    `error while removing network: network ${name} has active endpoints (${members
      .map((member) => `name:${JSON.stringify(member.name)} id:${JSON.stringify(member.id)}`)
      .join(", ")})`,
  networkSetup: (why) => `failed to set up container networking: ${why}`,
  endpointSettings,
  settingsAtCreate: (network, complaint) => `invalid config for network ${network}: ${complaint}`,
  programIsDirectory: "is a directory",
  cannotRemoveRunning: (_id, name) =>
    `cannot remove container "${name}": container is running: stop the container before removing or force remove`,
  notRunning: (id) => `container ${id} is not running`,
};

const hint = (command: string) => `\nRun 'docker ${command}${command === "" ? "" : " "}--help' for more information\n`;

const client: ClientTexts = {
  version: "28.5.2+dfsg4",
  gitCommit: "ecc6942",
  goVersion: "go1.25.3",
  built: "Wed Nov  5 12:00:00 2025",
  runFailed: (command, message) => `docker: ${message}\n${hint(command)}`,
  waitCanceled: () => "",
  badFlag: (command, message, usage) => `${message}\n\nUsage:  docker ${usage}\n${hint(command)}`,
  unknownCommand: (command) =>
    `docker: unknown command: docker ${command}\n\nRun 'docker --help' for more information\n`,
  wrongArguments: (command, rule, usage) => {
    const see = rule.includes("exactly") ? "Run" : "See";
    return `docker: 'docker ${command}' ${rule.replace("exactly ", "")}\n\nUsage:  docker ${usage}\n\n${see} 'docker ${command} --help' for more information\n`;
  },
  portError: (text) => text,
  flagError: (text) =>
    text
      .replace(/flag: (.*) is not an ip address$/, "flag: IP address is not correctly formatted: $1")
      .replace(/ is not whitelisted$/, " is not allowed"),
  forgetsUnnamed: false,
  noSuchContainer: (name) => `Error response from daemon: No such container: ${name}`,
  noSuchPath: (container, path, containerThere) =>
    containerThere
      ? `Error response from daemon: Could not find the file ${path} in container ${container}`
      : `Error response from daemon: No such container: ${container}`,
  noSuchImage: (name) => `Error response from daemon: No such image: ${name.includes(":") ? name : `${name}:latest`}`,
  noSuchNetwork: (name) => `Error response from daemon: network ${name} not found`,
  noPublicPort: (port, container) => `Error: No public port '${port}' published for ${container}`,
  ipv6Host: (address) => `[${address}]`,
  templateError: (message) => `template parsing error: ${message}`,
};

const same = (fields: readonly string[]): FieldOrder => ({ sent: fields, typed: fields });

export const docker28: Generation = {
  name: "28",
  version: "28.5.2+dfsg4",
  apiVersion: "1.51",
  minApiVersion: "1.24",
  goVersion: "go1.25.3",
  gitCommit: "89c5e8f",
  built: "Wed Nov  5 12:00:00 2025",
  containerdVersion: "1.7.24~ds1",
  runcVersion: "1.3.3+ds1",
  operatingSystem: "Debian GNU/Linux forky/sid",
  firewall: firewall28,
  macAddress: "random",
  vethPeer: "inside",
  bridgeTakesMtu: true,
  gratuitousArp: { count: 3, intervalMs: 1000 },
  aliasesHoldShortId: false,
  inspect: {
    hostConfig: same(HOST_CONFIG_TYPED),
    networkSettings: same(NETWORK_SETTINGS_TYPED),
    endpoint: same(ENDPOINT_TYPED),
    network: same(NETWORK_TYPED),
  },
  defaultBridgeHasGateway: true,
  defaultNetworkMode: "bridge",
  hostsFile:
    "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n",
  resolvConf: "commented",
  portMapping: "grouped",
  proxy: { arguments: ["-use-listen-fd"], fd: 7 },
  internalHasGateway: false,
  resolver: { fromHost: "all", saysServfail: true, asksForInternal: false, takesFailures: true },
  costs: costs28,
  texts,
  client,
};
