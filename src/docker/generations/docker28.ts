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
    lowestPool: true,
    noAddresses: "no available addresses on this pool",
    outOfRange: "requested address is out of range",
  },
  ipamProblem,
  portBindFailed: ({ protocol, hostIp, hostPort, containerIp, containerPort }, why) =>
    `failed to bind host port for ${hostIp}:${hostPort}:${containerIp}:${containerPort}/${protocol}: ${why}`,
  portListenFailed: (_mapping, why) => `failed to listen on TCP socket: ${why}`,
  activeEndpoints: (name, _id, members) =>
    `error while removing network: network ${name} has active endpoints (${members
      .map((member) => `name:${JSON.stringify(member.name)} id:${JSON.stringify(member.id)}`)
      .join(", ")})`,
  networkSetup: (why) => `failed to set up container networking: ${why}`,
  endpointSettings,
  settingsAtCreate: (network, complaint) => `invalid config for network ${network}: ${complaint}`,
  unnamedNetwork: "invalid name: name is empty",
  createFailed,
  startFailed: (why) => createFailed(`unable to start container process: error during container init: ${why}`),
  badSysctl: (name) => `write sysctl key ${name}: write /proc/sys/${name.replaceAll(".", "/")}: invalid argument`,
  noSuchSysctl: (name) =>
    `open sysctl ${name} file: unsafe procfs detected: openat2 fsmount:fscontext:proc/./sys/${name.replaceAll(".", "/")}: no such file or directory`,
  execFailed: (why) => `OCI runtime exec failed: exec failed: unable to start container process: ${why}`,
  execStatus: (status) => status,
  execUserInStream: false,
  cannotKill: (name, why) => `cannot kill container: ${name}: ${why}`,
  invalidFilter: (name) => `invalid filter '${name}'`,
  invalidNetworkMode: "invalid network mode: invalid container format container:<name|id>",
  retryCountOf: (_policy, count) =>
    `invalid restart policy: maximum retry count can only be used with 'on-failure'${count < 0 ? " and cannot be negative" : ""}`,
  negativeRetryCount: "invalid restart policy: maximum retry count cannot be negative",
  unknownRestartPolicy: (name) =>
    `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
  joiningNetwork: (why) => `joining network namespace of container: ${why}`,
  hostConflict: {
    connect: "cannot connect container to host network - container must be created in host network mode",
    disconnect: "cannot disconnect container from host network - container was created in host network mode",
  },
  programIsDirectory: "is a directory: permission denied",
  cannotRemovePaused: (_id, name) =>
    `cannot remove container "${name}": container is paused and must be unpaused first`,
  cannotRemoveRunning: (_id, name) =>
    `cannot remove container "${name}": container is running: stop the container before removing or force remove`,
  notRunning: (id) => `container ${id} is not running`,
};

function createFailed(why: string): string {
  return `failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: ${why}`;
}

const hint = (command: string) => `\nRun 'docker ${command}${command === "" ? "" : " "}--help' for more information\n`;

const client: ClientTexts = {
  version: "28.5.2+dfsg4",
  gitCommit: "9cc6dea35e9a963f281434761c656fba4ac43aed",
  goVersion: "go1.27.1",
  built: "Tue Sep 15 11:02:57 2026",
  runFailed: (command, message) => `docker: ${message}\n${hint(command)}`,
  commandFailed: (status) => `exit status ${status}\n`,
  attachAndDetach: "conflicting options: cannot specify both --attach and --detach",
  restartAndRemove: "conflicting options: cannot specify both --restart and --rm",
  waitCanceled: () => "",
  badFlag: (command, message, usage) => `${message}\n\nUsage:  docker ${usage}\n${hint(command)}`,
  bareHelp: "stderr",
  unknownCommand: (command) =>
    `docker: unknown command: docker ${command}\n\nRun 'docker --help' for more information\n`,
  wrongArguments: (command, rule, usage) => {
    const see = rule.includes("exactly") ? "Run" : "See";
    return `docker: 'docker ${command}' ${rule.replace("exactly ", "")}\n\nUsage:  docker ${usage}\n\n${see} 'docker ${command} --help' for more information\n`;
  },
  portError: docker20.client.portError,
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
  goVersion: "go1.27.1",
  gitCommit: "3ef3c07c883be49a2e8097bcf6d2952fce1d70eb",
  built: "Tue Sep 15 11:02:57 2026",
  containerdVersion: "2.1.9+unknown",
  containerdCommit: "",
  runcVersion: "1.3.6+ds1",
  runcCommit: "1.3.6+ds1-1",
  operatingSystem: "Debian GNU/Linux forky/sid",
  firewall: firewall28,
  macAddress: "random",
  vethPeer: "inside",
  bridgeTakesMtu: true,
  gratuitousArp: { count: 3, intervalMs: 1000 },
  aliasesHoldShortId: false,
  inspect: {
    maskedPaths: [
      ...["/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats"],
      ...["/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"],
      "/sys/devices/virtual/powercap",
    ],
    graphHasId: true,
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
  proxy: { arguments: ["-use-listen-fd"], fd: 7, sharesUdp: true },
  createsAllEndpoints: true,
  internalHasGateway: false,
  resolver: { fromHost: "all", saysServfail: true, asksForInternal: false, takesFailures: true },
  costs: costs28,
  texts,
  client,
};
