// What differs between the generations of Docker that are emulated: how the firewall is programmed, where MAC addresses
// come from, how an interface gets into a container, and the words. Everything else asks this, and nothing else does.

import type { Costs } from "../cost.ts";
import type { IpamTexts } from "../ipam.ts";
import type { Iptables } from "../iptables.ts";
import type { IpamConfig } from "../network.ts";

/** A bridge network as the firewall sees it. */
export interface NetworkRules {
  readonly bridge: string;
  /** "172.17.0.0/16" */
  readonly subnet: string;
  /** com.docker.network.bridge.enable_icc */
  readonly icc: boolean;
  /** com.docker.network.bridge.enable_ip_masquerade */
  readonly masquerade: boolean;
  readonly internal: boolean;
}

/** One published port: IPv4 only, as the rules are. */
export interface PortRules {
  readonly protocol: string;
  /** "0.0.0.0" for all */
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly containerAddress: string;
  readonly containerPort: number;
}

/** What a docker-proxy relays. */
export interface ProxyMapping {
  readonly protocol: string;
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerIp: string;
  readonly containerPort: number;
}

export interface ExposedPort {
  readonly protocol: string;
  readonly port: number;
}

/** How dockerd programs iptables, in its order. Each function runs the commands at once. */
export interface Firewall {
  /** The daemon starts: chains and jumps. */
  start(ipt: Iptables): void;
  /** After each network was made. */
  networkAdded(ipt: Iptables): void;
  addNetwork(ipt: Iptables, network: NetworkRules): void;
  removeNetwork(ipt: Iptables, network: NetworkRules): void;
  addEndpoint(ipt: Iptables, network: NetworkRules, address: string): void;
  removeEndpoint(ipt: Iptables, network: NetworkRules, address: string): void;
  addPort(ipt: Iptables, network: NetworkRules, port: PortRules): void;
  removePort(ipt: Iptables, network: NetworkRules, port: PortRules): void;
  /** --link where containers of a network may not talk (icc=false) */
  link(
    ipt: Iptables,
    network: NetworkRules,
    parent: string,
    child: string,
    ports: readonly ExposedPort[],
    enable: boolean,
  ): void;
}

/** How the embedded DNS server treats the servers outside. */
export interface ResolverHabits {
  /** which of the servers in the host's resolv.conf are asked from the host's own namespace; --dns never are */
  readonly fromHost: "loopback" | "all";
  /** where nobody answers: the asking program waits in vain, or hears SERVFAIL */
  readonly saysServfail: boolean;
  /** a container that has no network with a way out does not have the host ask for it */
  readonly asksForInternal: boolean;
  /** an answer that ends the search: other failures than SERVFAIL and REFUSED do, too */
  readonly takesFailures: boolean;
}

/** What a network says about an endpoint's wishes (validateNetworkingConfig, validateEndpointSettings). */
export interface EndpointWish {
  readonly network: string;
  /** none of bridge, host, none */
  readonly userDefined: boolean;
  /** --ip, "" when none */
  readonly ip: string;
  readonly aliases: readonly string[];
  /** the network was made with --subnet; `contains` says whether the address lies in one */
  readonly staticSubnet: boolean;
  readonly contains: boolean;
}

/** The daemon's words where the generations differ; without "Error response from daemon: ". */
export interface Texts {
  readonly ipam: IpamTexts;
  /** the complaint about the pools that a network is to have, undefined when they are fine */
  readonly ipamProblem: (configs: readonly IpamConfig[]) => string | undefined;
  /** a host port that a process has: what was to be bound, and why it could not be */
  readonly portBindFailed: (mapping: ProxyMapping, why: string) => string;
  readonly portListenFailed: (mapping: ProxyMapping, why: string) => string;
  readonly activeEndpoints: (name: string, id: string, members: readonly { name: string; id: string }[]) => string;
  /** wraps what setting a container's network up said */
  readonly networkSetup: (why: string) => string;
  /** the complaint about an endpoint's settings, undefined when they are fine */
  readonly endpointSettings: (wish: EndpointWish) => string | undefined;
  /** generations that check those settings when a container is made wrap the complaint */
  readonly settingsAtCreate?: (network: string, complaint: string) => string;
  readonly cannotRemovePaused: (id: string, name: string) => string;
  readonly cannotRemoveRunning: (id: string, name: string) => string;
  readonly notRunning: (id: string, name: string) => string;
  readonly imageDenied: (repository: string) => string;
  /** a network without a name; older daemons take it for the default network's */
  readonly unnamedNetwork?: string;
  readonly pluginNotFound: (driver: string) => string;
  /** runc could not make the container: what it and containerd put around the reason */
  readonly createFailed: (why: string) => string;
  /** its program could not start */
  readonly startFailed: (why: string) => string;
  /** a setting of --sysctl that the kernel does not have */
  /** a value of --sysctl that the kernel does not take */
  readonly badSysctl: (name: string) => string;
  readonly noSuchSysctl: (name: string) => string;
  /** exec -w with a folder that is no absolute path */
  readonly execRelativeFolder: string;
  readonly execFailed: (why: string) => string;
  /** the exit status of `docker exec` after that, and how a user whom the container does not know is told */
  readonly execStatus: (status: number) => number;
  readonly execUserInStream: boolean;
  readonly cannotKill: (name: string, why: string) => string;
  readonly invalidFilter: (name: string) => string;
  readonly invalidNetworkMode: string;
  /** a count for a policy that takes none */
  readonly retryCountOf: (policy: string, count: number) => string;
  readonly negativeRetryCount: string;
  readonly unknownRestartPolicy: (name: string) => string;
  /** why another container's network cannot be joined */
  readonly joiningNetwork: (why: string) => string;
  readonly hostConflict: { readonly connect: string; readonly disconnect: string };
  /** what runc, as its Go finds programs, says of a folder that is to run */
  readonly programIsDirectory: string;
}

/** The client: how it prints what the daemon said and what the user did wrong. Texts end with their last newline. */
export interface ClientTexts {
  readonly version: string;
  readonly gitCommit: string;
  readonly goVersion: string;
  readonly built: string;
  /** `docker run` failed; `containerMade`: after the container was made, where no hint follows */
  readonly runFailed: (command: string, message: string, containerMade: boolean) => string;
  /** what follows the mistakes of a command that went on after the first */
  readonly commandFailed: (status: number) => string;
  readonly restartAndRemove: string;
  readonly attachAndDetach: string;
  /** what follows when the program of a `docker run` in the foreground could not start; `time` as RFC 3339 */
  readonly waitCanceled: (time: string) => string;
  /** a flag or its value is wrong */
  readonly badFlag: (command: string, message: string, usage: string) => string;
  /** where `docker` and `docker network`, without a command, print their help */
  readonly bareHelp: "stdout" | "stderr";
  readonly unknownCommand: (command: string) => string;
  readonly wrongArguments: (command: string, rule: string, usage: string, what: string) => string;
  /** what is wrong with `-p`, given as newer clients say it: "invalid hostPort: x"; older ones name the cause */
  readonly portError: (text: string, cause: string) => string;
  /** what is wrong with the value of a flag, given as older clients say it */
  readonly flagError: (text: string) => string;
  /** older clients forget --ip and --network-alias where no --network was named, and refuse --link with Docker's own */
  readonly forgetsUnnamed: boolean;
  readonly noSuchContainer: (name: string) => string;
  /** `docker cp` found no such file, or no such container */
  readonly noSuchPath: (container: string, path: string, containerThere: boolean) => string;
  readonly noSuchImage: (name: string) => string;
  readonly noSuchNetwork: (name: string) => string;
  readonly noPublicPort: (port: string, container: string) => string;
  /** "[::]" or "::", before ":8080" */
  readonly ipv6Host: (address: string) => string;
  /** `docker ps --format json` */
  readonly templateError: (message: string) => string;
}

/** Names of fields in their order: as the daemon sends them, and as the client's own types hold them (for --format). */
export interface FieldOrder {
  readonly sent: readonly string[];
  readonly typed: readonly string[];
}

/** Which fields `docker inspect` shows, in which order. */
export interface InspectShape {
  readonly maskedPaths: readonly string[];
  /** GraphDriver.Data names the container, too */
  readonly graphHasId: boolean;
  readonly hostConfig: FieldOrder;
  readonly networkSettings: FieldOrder;
  /** Networks.NAME */
  readonly endpoint: FieldOrder;
  readonly network: FieldOrder;
}

export interface Generation {
  readonly name: "20" | "28";
  /** "20.10.24+dfsg1" */
  readonly version: string;
  readonly apiVersion: string;
  readonly minApiVersion: string;
  readonly goVersion: string;
  readonly gitCommit: string;
  readonly built: string;
  readonly containerdVersion: string;
  readonly containerdCommit: string;
  readonly runcVersion: string;
  readonly runcCommit: string;
  readonly operatingSystem: string;
  readonly firewall: Firewall;
  /** where an endpoint's MAC address comes from: its IPv4 address, or chance */
  readonly macAddress: "ipv4" | "random";
  /** the pair's container end is made on the host and moved, or made in the container with numbers of its own */
  readonly vethPeer: "moved" | "inside";
  /** a network's MTU is that of its bridge too, not of its veth pairs alone */
  readonly bridgeTakesMtu: boolean;
  /** gratuitous ARPs of a new interface */
  readonly gratuitousArp: { readonly count: number; readonly intervalMs: number };
  /** an endpoint's short id is one of its Aliases (else of its DNSNames) */
  readonly aliasesHoldShortId: boolean;
  /** order of the fields of NetworkSettings and of its endpoints, as `inspect` and as `inspect -f '{{json}}'` print them */
  readonly inspect: InspectShape;
  /** the bridge network's IPAM config names its gateway */
  readonly defaultBridgeHasGateway: boolean;
  /** HostConfig.NetworkMode when none was asked for */
  readonly defaultNetworkMode: string;
  /** /etc/hosts before the container's own lines */
  readonly hostsFile: string;
  /** /etc/resolv.conf: comments that newer daemons write around it */
  readonly resolvConf: "plain" | "commented";
  readonly resolver: ResolverHabits;
  /**
   * published ports are mapped one by one as they come, each address with a port of its own, or sorted, with all
   * addresses of one port together
   */
  readonly portMapping: "single" | "grouped";
  /** what docker-proxy is told besides addresses and ports, and the descriptor on which it ends up listening */
  readonly proxy: {
    readonly arguments: readonly string[];
    readonly fd: number;
    /** UDP ports are bound with SO_REUSEADDR: another process may have them, too */
    readonly sharesUdp: boolean;
  };
  /** a container's endpoints are all made with it (API 1.44), and joined in the order of their networks' names */
  readonly createsAllEndpoints: boolean;
  /** the container's default route leads to an internal network's gateway, too */
  readonly internalHasGateway: boolean;
  readonly costs: Costs;
  readonly texts: Texts;
  readonly client: ClientTexts;
}
