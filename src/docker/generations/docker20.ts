// Docker 20.10.24 as Debian ships it: what the recordings were made with, and what most tutorials show. The daemon's words
// are libnetwork's and moby's of that version; the client's are docker/cli's.

import { parseCidr } from "../../wire/addr.ts";
import { costs20 } from "../cost.ts";
import type { ClientTexts, EndpointWish, FieldOrder, Generation, ProxyMapping, Texts } from "./generation.ts";
import { firewall20 } from "./rules20.ts";

const texts: Texts = {
  ipam: {
    poolOverlap: "Pool overlaps with other one on this address space",
    allPoolsTaken:
      "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
    addressInUse: "Address already in use",
    pointToPoint: false,
    lowestPool: false,
    noAddresses: "No available addresses on this pool",
    outOfRange: "Requested address is out of range",
  },
  ipamProblem: (configs) => {
    const bad = configs.find(({ subnet }) => !subnet.includes("/") || !parseCidr(subnet));
    return bad && `Invalid subnet ${bad.subnet} : invalid CIDR address: ${bad.subnet}`;
  },
  portBindFailed: proxyFailed,
  portListenFailed: proxyFailed,
  activeEndpoints: (name, id) => `error while removing network: network ${name} id ${id} has active endpoints`,
  networkSetup: (why) => why,
  endpointSettings,
  cannotRemovePaused: (id) =>
    `You cannot remove a paused container ${id}. Unpause and then stop the container before attempting removal or force remove`,
  cannotRemoveRunning: (id) =>
    `You cannot remove a running container ${id}. Stop the container before attempting removal or force remove`,
  notRunning: (id) => `Container ${id} is not running`,
  imageDenied: (repository) =>
    `pull access denied for ${repository}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
  pluginNotFound: (driver) => `plugin "${driver}" not found`,
  createFailed,
  startFailed: (why) => createFailed(`unable to start container process: ${why}`),
  badSysctl: (name) => `write /proc/sys/${name.replaceAll(".", "/")}: invalid argument`,
  noSuchSysctl: (name) => `open /proc/sys/${name.replaceAll(".", "/")}: no such file or directory`,
  programIsDirectory: "permission denied",
  execRelativeFolder: "OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown",
  execFailed: (why) => `OCI runtime exec failed: exec failed: unable to start container process: ${why}: unknown`,
  execStatus: () => 126,
  execUserInStream: true,
  cannotKill: (name, why) => `Cannot kill container: ${name}: ${why}`,
  invalidFilter: (name) => `Invalid filter '${name}'`,
  invalidNetworkMode: "Invalid network mode: invalid container format container:<name|id>",
  retryCountOf: (policy) => `maximum retry count cannot be used with restart policy '${policy}'`,
  negativeRetryCount: "maximum retry count cannot be negative",
  unknownRestartPolicy: (name) => `invalid restart policy '${name}'`,
  joiningNetwork: (why) => why,
  hostConflict: {
    connect: "container cannot be disconnected from host network or connected to host network",
    disconnect: "container cannot be disconnected from host network or connected to host network",
  },
};

function proxyFailed({ protocol, hostIp, hostPort }: ProxyMapping, why: string): string {
  const [family, host] = hostIp.includes(":") ? ["6", `[${hostIp}]`] : ["4", hostIp];
  return `Error starting userland proxy: listen ${protocol}${family} ${host}:${hostPort}: bind: ${why}`;
}

function createFailed(why: string): string {
  return `failed to create shim task: OCI runtime create failed: runc create failed: ${why}: unknown`;
}

function endpointSettings(wish: EndpointWish): string | undefined {
  if (!wish.userDefined) {
    if (wish.ip !== "") return "user specified IP address is supported on user defined networks only";
    if (wish.aliases.length > 0)
      return "network-scoped alias is supported only for containers in user defined networks";
  }
  if (wish.ip !== "" && !wish.staticSubnet)
    return "user specified IP address is supported only when connecting to networks with user configured subnets";
  return undefined;
}

const client: ClientTexts = {
  version: "20.10.24+dfsg1",
  gitCommit: "297e128",
  goVersion: "go1.19.8",
  built: "Thu May  7 21:09:36 2026",
  runFailed: (command, message, containerMade) =>
    `docker: ${message.replace(/\.$/, "")}.\n${containerMade ? "" : `See 'docker ${command} --help'.\n`}`,
  commandFailed: () => "",
  attachAndDetach: "Conflicting options: -a and -d",
  restartAndRemove: "Conflicting options: --restart and --rm",
  waitCanceled: (time) => `time="${time}" level=error msg="error waiting for container: context canceled"\n`,
  badFlag: (command, message) => `${message}\nSee 'docker ${command}${command === "" ? "" : " "}--help'.\n`,
  bareHelp: "stdout",
  unknownCommand: (command) => `docker: '${command}' is not a docker command.\nSee 'docker --help'\n`,
  wrongArguments: (command, rule, usage, what) =>
    `"docker ${command}" ${rule}.\nSee 'docker ${command} --help'.\n\nUsage:  docker ${usage}\n\n${what}\n`,
  portError: (text, cause) =>
    `${text
      .replace(/^./, (letter) => letter.toUpperCase())
      .replace("IP address", "ip address")
      .replace("specified for port:", "specified for the Port:")
      .replace(/: /, cause === "" ? ": " : " ")}${cause}`,
  flagError: (text) => text,
  forgetsUnnamed: true,
  noSuchContainer: (name) => `Error: No such container: ${name}`,
  noSuchPath: (container, path) => `Error: No such container:path: ${container}:${path}`,
  noSuchImage: (name) => `Error: No such image: ${name}`,
  noSuchNetwork: (name) => `Error: No such network: ${name}`,
  noPublicPort: (port, container) =>
    `Error: No public port '${port.includes("/") ? port : `${port}/tcp`}' published for ${container}`,
  ipv6Host: (address) => address,
  templateError: (message) => `template parsing error: ${message}`,
};

const MASKED_PATHS = [
  ...["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"],
  ...["/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"],
];

const HOST_CONFIG_HEAD = [
  "Binds",
  "ContainerIDFile",
  "LogConfig",
  "NetworkMode",
  "PortBindings",
  "RestartPolicy",
  "AutoRemove",
];
const HOST_CONFIG_CAPS = [
  ...[
    "CapAdd",
    "CapDrop",
    "CgroupnsMode",
    "Dns",
    "DnsOptions",
    "DnsSearch",
    "ExtraHosts",
    "GroupAdd",
    "IpcMode",
    "Cgroup",
  ],
  ...["Links", "OomScoreAdj", "PidMode", "Privileged", "PublishAllPorts", "ReadonlyRootfs", "SecurityOpt", "UTSMode"],
  ...["UsernsMode", "ShmSize", "Sysctls", "Runtime"],
];
const HOST_CONFIG_RESOURCES = [
  ...["Isolation", "CpuShares", "Memory", "NanoCpus", "CgroupParent", "BlkioWeight", "BlkioWeightDevice"],
  ...[
    "BlkioDeviceReadBps",
    "BlkioDeviceWriteBps",
    "BlkioDeviceReadIOps",
    "BlkioDeviceWriteIOps",
    "CpuPeriod",
    "CpuQuota",
  ],
  ...["CpuRealtimePeriod", "CpuRealtimeRuntime", "CpusetCpus", "CpusetMems", "Devices", "DeviceCgroupRules"],
  "DeviceRequests",
];
const HOST_CONFIG_TAIL = [
  ...["MemoryReservation", "MemorySwap", "MemorySwappiness", "OomKillDisable", "PidsLimit", "Ulimits", "CpuCount"],
  ...["CpuPercent", "IOMaximumIOps", "IOMaximumBandwidth", "MaskedPaths", "ReadonlyPaths", "Init"],
];

/** HostConfig as clients since 23 order it; the daemons of 28 send it so too. */
export const HOST_CONFIG_TYPED: readonly string[] = [
  ...HOST_CONFIG_HEAD,
  ...["VolumeDriver", "VolumesFrom", "ConsoleSize"],
  ...HOST_CONFIG_CAPS,
  ...HOST_CONFIG_RESOURCES,
  ...HOST_CONFIG_TAIL,
];

const hostConfig: FieldOrder = {
  sent: [
    ...HOST_CONFIG_HEAD,
    ...["VolumeDriver", "VolumesFrom"],
    ...HOST_CONFIG_CAPS,
    "ConsoleSize",
    ...HOST_CONFIG_RESOURCES,
    ...["KernelMemory", "KernelMemoryTCP"],
    ...HOST_CONFIG_TAIL,
  ],
  typed: HOST_CONFIG_TYPED,
};

const NETWORK_SETTINGS_TAIL = [
  ...["SecondaryIPAddresses", "SecondaryIPv6Addresses", "EndpointID", "Gateway", "GlobalIPv6Address"],
  ...["GlobalIPv6PrefixLen", "IPAddress", "IPPrefixLen", "IPv6Gateway", "MacAddress", "Networks"],
];

/** NetworkSettings as clients since 25 order it. */
export const NETWORK_SETTINGS_TYPED: readonly string[] = [
  ...["Bridge", "SandboxID", "SandboxKey", "Ports", "HairpinMode", "LinkLocalIPv6Address", "LinkLocalIPv6PrefixLen"],
  ...NETWORK_SETTINGS_TAIL,
];

/** An endpoint as clients since 28 order it. */
export const ENDPOINT_TYPED: readonly string[] = [
  ...["IPAMConfig", "Links", "Aliases", "MacAddress", "DriverOpts", "GwPriority", "NetworkID", "EndpointID", "Gateway"],
  ...["IPAddress", "IPPrefixLen", "IPv6Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen", "DNSNames"],
];

const NETWORK_TAIL = [
  ...["IPAM", "Internal", "Attachable", "Ingress", "ConfigFrom", "ConfigOnly", "Containers", "Options", "Labels"],
];

/** A network as clients since 28 order it. */
export const NETWORK_TYPED: readonly string[] = [
  ...["Name", "Id", "Created", "Scope", "Driver", "EnableIPv4", "EnableIPv6"],
  ...NETWORK_TAIL,
];

export const docker20: Generation = {
  name: "20",
  version: "20.10.24+dfsg1",
  apiVersion: "1.41",
  minApiVersion: "1.12",
  goVersion: "go1.19.8",
  gitCommit: "5d6db84",
  built: "Thu May  7 21:09:36 2026",
  containerdVersion: "1.6.20~ds1",
  containerdCommit: "1.6.20~ds1",
  runcVersion: "1.1.5+ds1",
  runcCommit: "1.1.5+ds1",
  operatingSystem: "Debian GNU/Linux 12 (bookworm)",
  firewall: firewall20,
  macAddress: "ipv4",
  vethPeer: "moved",
  bridgeTakesMtu: false,
  gratuitousArp: { count: 0, intervalMs: 0 },
  aliasesHoldShortId: true,
  inspect: {
    maskedPaths: MASKED_PATHS,
    graphHasId: false,
    hostConfig,
    networkSettings: {
      sent: [
        ...[
          "Bridge",
          "SandboxID",
          "HairpinMode",
          "LinkLocalIPv6Address",
          "LinkLocalIPv6PrefixLen",
          "Ports",
          "SandboxKey",
        ],
        ...NETWORK_SETTINGS_TAIL,
      ],
      typed: NETWORK_SETTINGS_TYPED,
    },
    endpoint: {
      sent: [
        ...["IPAMConfig", "Links", "Aliases", "NetworkID", "EndpointID", "Gateway", "IPAddress", "IPPrefixLen"],
        ...["IPv6Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen", "MacAddress", "DriverOpts"],
      ],
      typed: ENDPOINT_TYPED,
    },
    network: {
      sent: ["Name", "Id", "Created", "Scope", "Driver", "EnableIPv6", ...NETWORK_TAIL],
      typed: NETWORK_TYPED,
    },
  },
  defaultBridgeHasGateway: false,
  defaultNetworkMode: "default",
  hostsFile:
    "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n",
  resolvConf: "plain",
  portMapping: "single",
  proxy: { arguments: [], fd: 4, sharesUdp: false },
  createsAllEndpoints: false,
  internalHasGateway: true,
  resolver: { fromHost: "loopback", saysServfail: false, asksForInternal: true, takesFailures: false },
  costs: costs20,
  texts,
  client,
};
