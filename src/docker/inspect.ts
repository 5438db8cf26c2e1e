// What `docker inspect` and `docker network inspect` show, as values in Docker's order of fields. Answers to moby
// api/types (ContainerJSON, NetworkResource, ImageInspect) and daemon/inspect.go.

import { formatCidr, formatIpv4, formatMac } from "../wire/addr.ts";
import { rfc3339 } from "./clock.ts";
import type { Container, NetworkAttachment, PortBinding } from "./container.ts";
import type { Daemon } from "./daemon.ts";
import type { Endpoint } from "./endpoint.ts";
import type { FieldOrder } from "./generations/generation.ts";
import type { Image } from "./images.ts";
import type { IpamConfig, Network } from "./network.ts";
import {
  GoMap,
  GoStruct,
  type GoValue,
  NIL_MAP,
  NIL_SLICE,
  sparseStruct,
  stringMap,
  struct,
} from "./template/value.ts";

/** Both ways to look at an object: as the daemon sends it, and as the client's types hold it. */
export interface Inspected {
  readonly sent: GoStruct;
  readonly typed: GoStruct;
}

const DOCKER_ROOT = "/var/lib/docker";

const READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** Fields that are only there with a value (omitempty). */
const OPTIONAL: ReadonlySet<string> = new Set(["Sysctls", "Init"]);

function pick(values: ReadonlyMap<string, GoValue>, order: readonly string[], pointer = false): GoStruct {
  return new GoStruct(
    order.map((name) => [name, values.get(name) ?? null] as const),
    pointer,
    "struct",
    OPTIONAL,
  );
}

const both = <T>(order: FieldOrder, make: (fields: readonly string[]) => T): { sent: T; typed: T } => ({
  sent: make(order.sent),
  typed: make(order.typed),
});

const listOrNull = (list: readonly string[]): GoValue => (list.length > 0 ? list : NIL_SLICE);

export function inspectContainer(daemon: Daemon, container: Container): Inspected {
  const { hostConfig, networkSettings } = daemon.generation.inspect;
  const host = both(hostConfig, (fields) => pick(hostConfigValues(daemon, container), fields));
  const net = both(networkSettings, (fields) =>
    pick(networkSettingsValues(daemon, container, fields === networkSettings.typed), fields),
  );
  return {
    sent: containerValue(daemon, container, host.sent, net.sent),
    typed: containerValue(daemon, container, host.typed, net.typed),
  };
}

function containerValue(
  daemon: Daemon,
  container: Container,
  hostConfig: GoStruct,
  networkSettings: GoStruct,
): GoStruct {
  const { id } = container;
  const files = `${DOCKER_ROOT}/containers/${id}`;
  return struct(
    {
      Id: id,
      Created: rfc3339(container.createdNs),
      Path: container.argv[0]!,
      Args: container.argv.slice(1),
      State: stateValue(container),
      Image: `sha256:${container.image.id}`,
      ResolvConfPath: container.startedNs === undefined ? "" : `${files}/resolv.conf`,
      HostnamePath: container.startedNs === undefined ? "" : `${files}/hostname`,
      HostsPath: container.startedNs === undefined ? "" : `${files}/hosts`,
      LogPath: container.startedNs === undefined ? "" : `${files}/${id}-json.log`,
      Name: `/${container.name}`,
      RestartCount: container.restartCount,
      Driver: "overlay2",
      Platform: "linux",
      MountLabel: "",
      ProcessLabel: "",
      AppArmorProfile: "",
      ExecIDs: NIL_SLICE,
      HostConfig: hostConfig,
      GraphDriver: graphDriver(
        container.graphId,
        container.image.graphId,
        daemon.generation.inspect.graphHasId ? container.id : undefined,
      ),
      Mounts: container.request.binds.map(mountValue),
      Config: configValue(container),
      NetworkSettings: networkSettings,
    },
    true,
  );
}

function mountValue(bind: string): GoValue {
  const [source, target, mode = ""] = bind.split(":");
  return struct({
    Type: "bind",
    Source: source!,
    Destination: target ?? source!,
    Mode: mode,
    RW: true,
    Propagation: "rprivate",
  });
}

function stateValue(container: Container): GoStruct {
  const { status } = container;
  return struct({
    Status: status,
    Running: container.running || status === "restarting",
    Paused: status === "paused",
    Restarting: status === "restarting",
    OOMKilled: false,
    Dead: false,
    Pid: container.process?.hostPid ?? 0,
    ExitCode: container.running ? 0 : container.exitCode,
    Error: container.error,
    StartedAt: rfc3339(container.startedNs),
    FinishedAt: rfc3339(container.finishedNs),
  });
}

function graphDriver(graphId: string, lowerId?: string, id?: string): GoStruct {
  const folder = (id: string) => `${DOCKER_ROOT}/overlay2/${id}`;
  const data: [string, string][] = [];
  if (id !== undefined) data.push(["ID", id]);
  if (lowerId !== undefined) data.push(["LowerDir", `${folder(graphId)}-init/diff:${folder(lowerId)}/diff`]);
  data.push(
    ["MergedDir", `${folder(graphId)}/merged`],
    ["UpperDir", `${folder(graphId)}/diff`],
    ["WorkDir", `${folder(graphId)}/work`],
  );
  return struct({ Data: new GoMap(data), Name: "overlay2" });
}

function portSet(ports: readonly string[]): GoMap {
  return new GoMap(ports.map((port) => [port, struct({})]));
}

function configValue(container: Container): GoStruct {
  const { request } = container;
  const exposed = container.exposedPorts;
  return struct({
    Hostname: container.hostname,
    Domainname: container.domain,
    User: request.user,
    AttachStdin: request.attachStdin,
    AttachStdout: request.attachStdout,
    AttachStderr: request.attachStderr,
    ...(exposed.length > 0 ? { ExposedPorts: portSet(exposed) } : {}),
    Tty: request.tty,
    OpenStdin: request.openStdin,
    StdinOnce: request.stdinOnce,
    Env: listOrNull(container.env),
    Cmd: listOrNull(container.cmd),
    Image: request.image,
    Volumes: NIL_MAP,
    WorkingDir: request.workingDir || container.image.workingDir,
    Entrypoint: listOrNull(container.entrypoint),
    ...(request.macAddress !== "" ? { MacAddress: request.macAddress } : {}),
    OnBuild: NIL_SLICE,
    Labels: stringMap(request.labels),
    ...(request.stopSignal !== "" ? { StopSignal: request.stopSignal } : {}),
    ...(request.stopTimeoutS !== undefined ? { StopTimeout: request.stopTimeoutS } : {}),
  });
}

/** {"80/tcp":[{"HostIp":"","HostPort":"8080"}]} */
function bindingsValue(bindings: ReadonlyMap<string, readonly PortBinding[]>): GoMap {
  return new GoMap(
    [...bindings].map(([port, list]) => [
      port,
      list.map(({ hostIp, hostPort }) => struct({ HostIp: hostIp, HostPort: hostPort })),
    ]),
  );
}

function hostConfigValues(daemon: Daemon, container: Container): Map<string, GoValue> {
  const { request } = container;
  const mode = request.networkMode === "default" ? daemon.generation.defaultNetworkMode : request.networkMode;
  const links = [...container.links].map(([alias, child]) => `/${child.name}:/${container.name}/${alias}`);
  const sent = (list: readonly string[]): GoValue => (request.client === "compose" ? listOrNull(list) : list);
  const capability = (name: string) => {
    const upper = name.toUpperCase().replace(/^CAP_/, "");
    return upper === "ALL" ? "ALL" : `CAP_${upper}`;
  };
  const values = new Map<string, GoValue>([
    ["Binds", listOrNull(request.binds)],
    ["ContainerIDFile", ""],
    ["LogConfig", struct({ Type: "json-file", Config: new GoMap() })],
    ["NetworkMode", mode],
    ["PortBindings", bindingsValue(request.portBindings)],
    ["RestartPolicy", struct({ Name: request.restart.name, MaximumRetryCount: request.restart.maximumRetryCount })],
    ["AutoRemove", request.autoRemove],
    ["VolumeDriver", ""],
    ["ConsoleSize", [0, 0]],
    ["CapAdd", listOrNull(request.capAdd.map(capability))],
    ["CapDrop", listOrNull(request.capDrop.map(capability))],
    ["CgroupnsMode", request.cgroupnsMode || "host"],
    ["Dns", sent(request.dns.servers)],
    ["DnsOptions", sent(request.dns.options)],
    ["DnsSearch", sent(request.dns.search)],
    ["ExtraHosts", request.client === "compose" ? request.extraHosts : listOrNull(request.extraHosts)],
    ["IpcMode", request.ipcMode || "private"],
    ["Cgroup", ""],
    ["Links", listOrNull(links)],
    ["PidMode", request.pidMode],
    ["Privileged", request.privileged],
    ["PublishAllPorts", request.publishAll],
    ["ReadonlyRootfs", false],
    ["UTSMode", request.utsMode],
    ["UsernsMode", request.usernsMode],
    ["ShmSize", 67108864],
    ["Sysctls", request.sysctls.size > 0 ? stringMap(request.sysctls) : NIL_MAP],
    ["Init", request.init ? true : null],
    ["Runtime", "runc"],
    ["Isolation", ""],
    ["CgroupParent", ""],
    ["CpusetCpus", ""],
    ["CpusetMems", ""],
    ["OomKillDisable", false],
    ["MaskedPaths", request.privileged ? NIL_SLICE : daemon.generation.inspect.maskedPaths],
    ["ReadonlyPaths", request.privileged ? NIL_SLICE : READONLY_PATHS],
  ]);
  for (const name of [
    ...["OomScoreAdj", "CpuShares", "Memory", "NanoCpus", "BlkioWeight", "CpuPeriod", "CpuQuota", "CpuRealtimePeriod"],
    ...["CpuRealtimeRuntime", "KernelMemory", "KernelMemoryTCP", "MemoryReservation", "MemorySwap", "CpuCount"],
    ...["CpuPercent", "IOMaximumIOps", "IOMaximumBandwidth"],
  ])
    values.set(name, 0);
  for (const name of [
    ...[
      "BlkioWeightDevice",
      "BlkioDeviceReadBps",
      "BlkioDeviceWriteBps",
      "BlkioDeviceReadIOps",
      "BlkioDeviceWriteIOps",
    ],
    ...["Devices", "Ulimits"],
  ])
    values.set(name, request.client === "compose" ? NIL_SLICE : []);
  for (const name of ["VolumesFrom", "GroupAdd", "SecurityOpt", "DeviceCgroupRules", "DeviceRequests"])
    values.set(name, NIL_SLICE);
  return values;
}

/** Published ports of the container as they are: {"80/tcp":[{…}]}, exposed ones without a binding null. */
export function portMap(container: Container): GoMap {
  const out = new Map<string, GoValue>();
  if (!container.running) return new GoMap();
  const endpoints = container.sandbox?.endpoints ?? [];
  if (endpoints.some(({ network }) => network.bridge && !network.internal))
    for (const port of container.exposedPorts) out.set(port, NIL_SLICE);
  for (const { portMappings } of endpoints)
    for (const { protocol, port, hostIp, hostPort } of portMappings) {
      const key = `${port}/${protocol}`;
      const before = out.get(key);
      const list: GoValue[] = Array.isArray(before) ? before : [];
      list.push(struct({ HostIp: hostIp, HostPort: String(hostPort) }));
      out.set(key, list);
    }
  return new GoMap(out);
}

function networkSettingsValues(daemon: Daemon, container: Container, typed: boolean): Map<string, GoValue> {
  const bridge = container.networks.get("bridge")?.endpoint ?? null;
  const started = container.sandboxId !== "";
  const host = container.request.networkMode === "host";
  const order = daemon.generation.inspect.endpoint;
  const networks = [...container.networks].map(
    ([name, attachment]) =>
      [name, pick(endpointValues(daemon, container, attachment), typed ? order.typed : order.sent, true)] as const,
  );
  return new Map<string, GoValue>([
    ["Bridge", ""],
    ["SandboxID", container.sandboxId],
    ["HairpinMode", false],
    ["LinkLocalIPv6Address", ""],
    ["LinkLocalIPv6PrefixLen", 0],
    ["Ports", portMap(container)],
    ["SandboxKey", started ? `/var/run/docker/netns/${host ? "default" : container.sandboxId.slice(0, 12)}` : ""],
    ["SecondaryIPAddresses", NIL_SLICE],
    ["SecondaryIPv6Addresses", NIL_SLICE],
    ["EndpointID", bridge?.id ?? ""],
    ["Gateway", bridge?.gateway === undefined ? "" : formatIpv4(bridge.gateway)],
    ["GlobalIPv6Address", ""],
    ["GlobalIPv6PrefixLen", 0],
    ["IPAddress", bridge?.address === undefined ? "" : formatIpv4(bridge.address)],
    ["IPPrefixLen", bridge?.prefix ?? 0],
    ["IPv6Gateway", ""],
    ["MacAddress", bridge?.mac ? formatMac(bridge.mac) : ""],
    ["Networks", new GoMap(networks)],
  ]);
}

/** Every name of the endpoint in its network's DNS, where the daemon tells. */
function dnsNames(daemon: Daemon, container: Container, { aliases, networkId }: NetworkAttachment): GoValue {
  if (daemon.generation.aliasesHoldShortId) return NIL_SLICE;
  const network = daemon.net.networks.get(networkId);
  if (!network?.userDefined) return NIL_SLICE;
  return [...new Set([...(container.named ? [container.name] : []), ...aliases])];
}

function endpointValues(daemon: Daemon, container: Container, attachment: NetworkAttachment): Map<string, GoValue> {
  const { endpoint, request } = attachment;
  const { ip, byConnect, hasIpam } = request;
  const ipam: GoValue =
    ip !== "" || byConnect || hasIpam ? sparseStruct({ IPv4Address: ip, IPv6Address: "" }, true) : null;
  return new Map<string, GoValue>([
    ["IPAMConfig", ipam],
    ["Links", listOrNull(request.links)],
    ["Aliases", listOrNull(daemon.generation.aliasesHoldShortId ? attachment.aliases : request.aliases)],
    ["NetworkID", attachment.networkId],
    ["EndpointID", endpoint?.id ?? ""],
    ["Gateway", endpoint?.gateway === undefined ? "" : formatIpv4(endpoint.gateway)],
    ["IPAddress", endpoint?.address === undefined ? "" : formatIpv4(endpoint.address)],
    ["IPPrefixLen", endpoint?.prefix ?? 0],
    ["IPv6Gateway", ""],
    ["GlobalIPv6Address", ""],
    ["GlobalIPv6PrefixLen", 0],
    ["MacAddress", endpoint?.mac ? formatMac(endpoint.mac) : ""],
    ["DriverOpts", byConnect ? new GoMap() : NIL_MAP],
    ["GwPriority", 0],
    ["DNSNames", dnsNames(daemon, container, attachment)],
  ]);
}

export function inspectNetwork(daemon: Daemon, network: Network): Inspected {
  const values = new Map<string, GoValue>([
    ["Name", network.name],
    ["Id", network.id],
    ["Created", rfc3339(network.createdNs)],
    ["Scope", "local"],
    ["Driver", network.driver],
    ["EnableIPv4", daemon.generation.name === "28"],
    ["EnableIPv6", false],
    ["IPAM", ipamValue(network)],
    ["Internal", network.internal],
    ["Attachable", network.request.attachable],
    ["Ingress", false],
    ["ConfigFrom", struct({ Network: "" })],
    ["ConfigOnly", false],
    ["Containers", containersValue(daemon, network)],
    ["Options", stringMap(network.request.options)],
    ["Labels", stringMap(network.request.labels)],
  ]);
  return both(daemon.generation.inspect.network, (fields) => pick(values, fields));
}

function ipamValue(network: Network): GoStruct {
  return struct({
    Driver: network.request.ipamDriver,
    Options: network.userDefined && network.request.ipamOptions ? stringMap(network.request.ipamOptions) : null,
    Config: network.ipam.map(ipamConfigValue),
  });
}

function ipamConfigValue({ subnet, ipRange, gateway, auxAddresses }: IpamConfig): GoStruct {
  return sparseStruct({
    Subnet: subnet,
    IPRange: ipRange,
    Gateway: gateway,
    AuxiliaryAddresses: stringMap(auxAddresses),
  });
}

function containersValue(daemon: Daemon, network: Network): GoMap {
  const out: [string, GoValue][] = [];
  for (const container of daemon.containers.values()) {
    const endpoint = container.networks.get(network.name)?.endpoint;
    if (endpoint) out.push([container.id, memberValue(endpoint)]);
  }
  return new GoMap(out);
}

function memberValue(endpoint: Endpoint): GoStruct {
  return struct({
    Name: endpoint.name,
    EndpointID: endpoint.id,
    MacAddress: endpoint.mac ? formatMac(endpoint.mac) : "",
    IPv4Address: endpoint.address === undefined ? "" : formatCidr(endpoint.address, endpoint.prefix),
    IPv6Address: "",
  });
}

export function inspectImage(daemon: Daemon, image: Image): Inspected {
  const empty = {
    Hostname: "",
    Domainname: "",
    User: "",
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
  };
  const rest = { Tty: false, OpenStdin: false, StdinOnce: false };
  const value = struct({
    Id: `sha256:${image.id}`,
    RepoTags: image.tags,
    RepoDigests: [],
    Parent: "",
    Comment: "Imported from -",
    Created: rfc3339(image.createdNs),
    Container: "",
    ContainerConfig: struct({
      ...empty,
      ...rest,
      ...{
        Env: null,
        Cmd: null,
        Image: "",
        Volumes: NIL_MAP,
        WorkingDir: "",
        Entrypoint: null,
        OnBuild: NIL_SLICE,
        Labels: null,
      },
    }),
    DockerVersion: daemon.generation.version,
    Author: "",
    Config: struct({
      ...empty,
      ...(image.exposed.length > 0 ? { ExposedPorts: portSet(image.exposed) } : {}),
      ...rest,
      Env: listOrNull(image.env),
      Cmd: listOrNull(image.cmd),
      Image: "",
      Volumes: NIL_MAP,
      WorkingDir: image.workingDir,
      Entrypoint: listOrNull(image.entrypoint),
      OnBuild: NIL_SLICE,
      Labels: null,
    }),
    Architecture: "amd64",
    Os: "linux",
    Size: image.sizeBytes,
    VirtualSize: image.sizeBytes,
    GraphDriver: graphDriver(image.graphId),
    RootFS: struct({ Type: "layers", Layers: [`sha256:${image.layerId}`] }),
    Metadata: struct({ LastTagTime: rfc3339(image.createdNs) }),
  });
  return { sent: value, typed: value };
}
