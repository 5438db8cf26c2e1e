// docker network create, connect, disconnect, ls, prune, rm. Answers to docker/cli cli/command/network and moby
// daemon/network.go.

import { latin1 } from "../../base/bytes.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { inNetwork as addressIn, parseCidr, parseIpv4 } from "../../wire/addr.ts";
import { goTime } from "../clock.ts";
import { connectContainer, disconnectContainer } from "../container-network.ts";
import { badRequest, DaemonError, forbidden } from "../errors.ts";
import { formatList, type ListShape, type Row } from "../format.ts";
import { shortId } from "../names.ts";
import { type IpamConfig, isUserDefined, type Network } from "../network.ts";
import { compareBytes, type GoValue } from "../template/value.ts";
import { ClientError, type Command, type Context } from "./command.ts";
import { pairs } from "./container-options.ts";
import { FILTER_CHECK, type Filters, matchesText, parseFilters } from "./filters.ts";
import { hasLabel } from "./ps.ts";

export const networkCreate: Command = {
  name: "network create",
  supports: "attachable aux-address driver gateway internal ip-range ipam-driver ipam-opt ipv6 label opt subnet",
  args: { min: 1, max: 1 },
  *run(context: Context): Task<number> {
    const { daemon, flags, args } = context;
    const name = args[0]!;
    const ipam = ipamConfigs(
      flags.list("subnet"),
      flags.list("ip-range"),
      flags.list("gateway"),
      flags.list("aux-address"),
    );
    if (!isUserDefined(name)) throw forbidden(`operation is not permitted on predefined ${name} network`);
    yield* sleep(daemon.generation.costs.networkCreate);
    const network = daemon.net.create({
      name,
      driver: flags.string("driver", "bridge"),
      internal: flags.bool("internal"),
      attachable: flags.bool("attachable"),
      ipv6: flags.bool("ipv6"),
      ipamDriver: flags.string("ipam-driver", "default"),
      ipamOptions: pairs(flags.list("ipam-opt")),
      ipam,
      options: pairs(flags.list("opt")),
      labels: pairs(flags.list("label")),
    });
    yield* sleep(daemon.net.ipt.takeCost());
    yield* context.print(`${network.id}\n`);
    return 0;
  },
};

/** Subnets with their ranges, gateways and auxiliary addresses (consolidateIpam). Throws ClientError. */
function ipamConfigs(
  subnets: readonly string[],
  ranges: readonly string[],
  gateways: readonly string[],
  auxiliaries: readonly string[],
): IpamConfig[] {
  if (subnets.length < ranges.length || subnets.length < gateways.length)
    throw new ClientError("every ip-range or gateway must have a corresponding subnet");
  const all = subnets.map((subnet) => ({ subnet, ipRange: "", gateway: "", auxAddresses: new Map<string, string>() }));
  for (const [i, one] of all.entries())
    for (const other of all.slice(i + 1))
      if (holds(one.subnet, other.subnet) || holds(other.subnet, one.subnet))
        throw new ClientError("multiple overlapping subnet configuration is not supported");
  const place = (address: string, what: string) => {
    const config = all.find(({ subnet }) => holds(subnet, address));
    // a subnet that is none is the daemon's to refuse
    const unreadable = all.find(({ subnet }) => !parseCidr(subnet));
    if (!config && !unreadable) throw new ClientError(`no matching subnet for ${what} ${address}`);
    return config ?? unreadable!;
  };
  for (const range of ranges) {
    const config = place(range, "range");
    if (config.ipRange !== "")
      throw new ClientError(
        `cannot configure multiple ranges (${range}, ${config.ipRange}) on the same subnet (${config.subnet})`,
      );
    config.ipRange = range;
  }
  for (const gateway of gateways) {
    const config = place(gateway, "gateway");
    if (config.gateway !== "")
      throw new ClientError(
        `cannot configure multiple gateways (${gateway}, ${config.gateway}) for the same subnet (${config.subnet})`,
      );
    config.gateway = gateway;
  }
  for (const [name, address] of pairs(auxiliaries)) place(address, "aux-address").auxAddresses.set(name, address);
  return all;
}

function holds(subnet: string, text: string): boolean {
  const cidr = parseCidr(subnet);
  const address = parseCidr(text)?.address ?? parseIpv4(text);
  return cidr !== undefined && address !== undefined && addressIn(address, cidr.address, cidr.prefix);
}

export const networkConnect: Command = {
  name: "network connect",
  supports: "alias ip link",
  args: { min: 2, max: 2 },
  *run(context: Context): Task<number> {
    const { daemon, flags, args } = context;
    const [networkName, containerName] = args as [string, string];
    if (daemon.generation.name === "20") daemon.net.find(networkName);
    const container = daemon.findContainer(containerName);
    if (container.running) yield* sleep(daemon.generation.costs.networkConnect);
    connectContainer(daemon, container, networkName, {
      ip: flags.string("ip"),
      aliases: flags.list("alias"),
      links: flags.list("link"),
      mac: "",
      byConnect: true,
    });
    if (container.running) yield* sleep(daemon.generation.costs.networkConnected + daemon.net.ipt.takeCost());
    return 0;
  },
};

export const networkDisconnect: Command = {
  name: "network disconnect",
  supports: "force",
  args: { min: 2, max: 2 },
  *run(context: Context): Task<number> {
    const { daemon, flags, args } = context;
    const [networkName, containerName] = args as [string, string];
    const container = daemon.findContainer(containerName);
    disconnectContainer(daemon, container, networkName, flags.bool("force"));
    if (container.running) yield* sleep(daemon.generation.costs.networkConnect + daemon.net.ipt.takeCost());
    return 0;
  },
};

export const networkRm: Command = {
  name: "network rm",
  supports: "force",
  args: { min: 1 },
  *run(context: Context): Task<number> {
    const { daemon, args, client, flags } = context;
    let status = 0;
    for (const term of args) {
      try {
        const network = daemon.net.find(term);
        if (!network.userDefined) throw forbidden(`${network.name} is a pre-defined network and cannot be removed`);
        daemon.net.remove(network);
        yield* sleep(daemon.generation.costs.networkRemove + daemon.net.ipt.takeCost());
        yield* context.print(`${term}\n`);
      } catch (error) {
        if (!(error instanceof DaemonError)) throw error;
        if (error.status === 404 && flags.bool("force")) continue;
        const text = error.status === 404 ? client.noSuchNetwork(term) : `Error response from daemon: ${error.message}`;
        yield* context.printError(`${text}\n`);
        status = 1;
      }
    }
    if (status !== 0) yield* context.printError(client.commandFailed(status));
    return status;
  },
};

const SHAPE: ListShape = {
  headings: new Map([
    ["ID", "NETWORK ID"],
    ["Name", "NAME"],
    ["Driver", "DRIVER"],
    ["Scope", "SCOPE"],
    ["IPv4", "IPV4"],
    ["IPv6", "IPV6"],
    ["Internal", "INTERNAL"],
    ["Labels", "LABELS"],
    ["CreatedAt", "CREATED AT"],
  ]),
  table: "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
  json: ["CreatedAt", "Driver", "ID", "IPv4", "IPv6", "Internal", "Labels", "Name", "Scope"],
  typeName: "*network.networkContext",
};

const LIST_FILTERS: ReadonlySet<string> = new Set(["dangling", "driver", "id", "label", "name", "scope", "type"]);

export const networkLs: Command = {
  name: "network ls",
  supports: "filter format no-trunc quiet",
  checks: FILTER_CHECK,
  args: { min: 0, max: 0 },
  *run(context: Context): Task<number> {
    const { daemon, flags } = context;
    const filters = parseFilters(flags.list("filter"));
    for (const key of filters.keys())
      if (!LIST_FILTERS.has(key)) throw badRequest(daemon.generation.texts.invalidFilter(key));
    checkFilters(filters);
    const full = flags.bool("no-trunc");
    const networks = [...daemon.net.networks.values()]
      .filter((network) => matches(network, filters))
      .sort((a, b) => compareBytes(a.name, b.name));
    const idOf = ({ id }: Network) => (full ? id : shortId(id));
    if (flags.bool("quiet") && flags.string("format") === "") {
      yield* context.print(networks.map((network) => `${idOf(network)}\n`).join(""));
      return 0;
    }
    const rows = networks.map(
      (network): Row =>
        new Map<string, GoValue>([
          ["CreatedAt", goTime(network.createdNs)],
          ["Driver", network.driver],
          ["ID", idOf(network)],
          ["IPv4", String(daemon.generation.name === "28")],
          ["IPv6", "false"],
          ["Internal", String(network.internal)],
          ["Labels", [...network.request.labels].map(([key, value]) => `${key}=${value}`).join(",")],
          ["Name", network.name],
          ["Scope", "local"],
        ]),
    );
    yield* context.print(formatList(rows, flags.string("format"), SHAPE));
    return 0;
  },
};

/** Values that a filter cannot have (daemon/network/filter.go). Throws DaemonError 400. */
function checkFilters(filters: Filters): void {
  const dangling = filters.get("dangling") ?? [];
  if (dangling.some((value) => !/^(true|false|1|0)$/.test(value)))
    throw badRequest(`invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")`);
  const type = filters.get("type")?.find((value) => value !== "custom" && value !== "builtin");
  if (type !== undefined) throw badRequest(`invalid filter: 'type'='${type}'`);
}

function matches(network: Network, filters: Filters): boolean {
  const wants = (key: string, test: (value: string) => boolean) => filters.get(key)?.some(test) ?? true;
  return (
    wants("driver", (value) => network.driver === value) &&
    wants("id", (value) => network.id.startsWith(value)) &&
    wants("name", (value) => matchesText(network.name, value)) &&
    wants("scope", (value) => value === "local") &&
    (filters.get("label") ?? []).every((value) => hasLabel(network.request.labels, value)) &&
    wants("type", (value) => (value === "custom") === network.userDefined) &&
    // the daemon's list knows no members: every user's network counts as dangling (filterNetworkByUse)
    wants("dangling", (value) => (value === "true" || value === "1") === network.userDefined)
  );
}

const PRUNE_FILTERS: ReadonlySet<string> = new Set(["label", "label!", "until"]);

export const networkPrune: Command = {
  name: "network prune",
  supports: "filter force",
  checks: FILTER_CHECK,
  args: { min: 0, max: 0 },
  *run(context: Context): Task<number> {
    if (!context.flags.bool("force")) {
      const warning = "WARNING! This will remove all custom networks not used by at least one container.";
      if (!(yield* confirm(context, warning))) return 0;
    }
    const filters = parseFilters(context.flags.list("filter"));
    for (const key of filters.keys())
      if (!PRUNE_FILTERS.has(key)) throw badRequest(context.daemon.generation.texts.invalidFilter(key));
    yield* context.print(yield* pruneNetworks(context, filters));
    return 0;
  },
};

/** May a network be pruned? Its labels fit, and it was made before `until`. Throws DaemonError 400. */
function prunable(network: Network, filters: Filters, nowNs: bigint): boolean {
  const has = (value: string) => hasLabel(network.request.labels, value);
  const until = (filters.get("until") ?? []).map((text) => untilNs(text, nowNs));
  return (
    (filters.get("label") ?? []).every(has) &&
    !(filters.get("label!") ?? []).some(has) &&
    until.every((end) => network.createdNs < end)
  );
}

const DURATION_NS: Readonly<Record<string, number>> = { h: 3_600e9, m: 60e9, s: 1e9, ms: 1e6 };

/** "1h30m" ago, or seconds since 1970 (api/types/time GetTimestamp). */
function untilNs(text: string, nowNs: bigint): bigint {
  if (/^\d+$/.test(text)) return BigInt(text) * 1_000_000_000n;
  if (!/^(\d+(\.\d+)?(h|ms|m|s))+$/.test(text)) throw badRequest(`vethlab does not support the filter until=${text}`);
  let ns = 0;
  for (const [, value, unit] of text.matchAll(/([\d.]+)(h|ms|m|s)/g)) ns += Number(value) * DURATION_NS[unit!]!;
  return nowNs - BigInt(Math.round(ns));
}

/** Removes the networks that no running container is in, and returns what to print. */
export function* pruneNetworks({ daemon }: Context, filters: Filters = new Map()): Task<string> {
  const removed: string[] = [];
  for (const network of [...daemon.net.networks.values()]) {
    if (!network.userDefined || network.endpoints.size > 0) continue;
    if (!prunable(network, filters, daemon.now())) continue;
    daemon.net.remove(network);
    yield* sleep(daemon.generation.costs.networkRemove + daemon.net.ipt.takeCost());
    removed.push(network.name);
  }
  return removed.length === 0 ? "" : `Deleted Networks:\n${removed.join("\n")}\n\n`;
}

/** Asks on stdout and reads a line: "y" goes on. */
export function* confirm(context: Context, warning: string): Task<boolean> {
  yield* context.print(`${warning}\nAre you sure you want to continue? [y/N] `);
  const bytes = yield* context.proc.fd(0).read(1024);
  const answer = bytes ? latin1(bytes).trim().toLowerCase() : "";
  return answer === "y" || answer === "yes";
}
