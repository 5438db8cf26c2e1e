// A machine's side of IPv6, from `ip -j addr`, `ip -6 -j route`, sysctl and docker's JSON: devices with addresses, routes, containers.

import { type HostFiles, ImportError, type Published, type SourceFile } from "../import-host.ts";
import { type Addr6, addr6, isMulticast6, type Prefix6, prefix6, within6 } from "./address.ts";
import { parseRules6, type Table6 } from "./rules.ts";

type Json = Readonly<Record<string, unknown>>;

export interface Device6 {
  readonly name: string;
  readonly addresses: readonly { readonly address: Addr6; readonly prefix: Prefix6 }[];
}

export interface Route6 {
  readonly type: string;
  readonly to: Prefix6;
  readonly dev: string;
  readonly via: Addr6 | null;
  readonly metric: number;
}

export interface Container6 {
  readonly name: string;
  readonly address: Addr6;
  readonly bridge: string;
  /** shares the IPv6 link of these prefixes */
  readonly onLink: Prefix6;
}

export interface Machine6 {
  readonly devices: readonly Device6[];
  readonly routes: readonly Route6[];
  readonly containers: readonly Container6[];
  /** ports that docker-proxy listens on */
  readonly published: readonly (Published & { readonly address6: Addr6 })[];
  readonly forwarding: boolean;
  readonly tables: ReadonlyMap<string, Table6>;
  readonly unknown: readonly string[];
  readonly assumed: readonly string[];
}

export interface Files6 extends HostFiles {
  /** ip6tables-save */
  readonly rules6?: SourceFile;
  /** ip -6 -j route show table all */
  readonly route6?: SourceFile;
}

const list = (file: SourceFile | undefined): Json[] => {
  if (file === undefined) return [];
  try {
    const value: unknown = JSON.parse(file.text);
    if (Array.isArray(value)) return value as Json[];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new ImportError(`${file.name}: not a JSON list of objects`);
};
const text = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");
const object = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {});

const EVERYTHING: Prefix6 = { network: 0n, length: 0 };

/** Throws ImportError. */
export function machine6(files: Files6): Machine6 {
  const unknown: string[] = [];
  const assumed: string[] = [];
  const devices = list(files.addr).map((each) => ({
    name: text(each.ifname),
    addresses: (Array.isArray(each.addr_info) ? (each.addr_info as Json[]) : []).flatMap((info) => {
      const address = info.family === "inet6" ? addr6(text(info.local)) : undefined;
      return address === undefined ? [] : [{ address, prefix: { network: address, length: Number(info.prefixlen) } }];
    }),
  }));
  const routes = routesOf(files.route6 ?? files.route, unknown);
  if (routes.length === 0) {
    assumed.push("routes of IPv6 are those of the addresses (give --route6: ip -6 -j route show table all)");
    for (const { name, addresses } of devices)
      for (const { prefix } of addresses)
        routes.push({ type: "unicast", to: prefix, dev: name, via: null, metric: 256 });
  }
  const forwarding = /^net\.ipv6\.conf\.all\.forwarding\s*=\s*(\d)/m.exec(files.sysctl?.text ?? "")?.[1];
  if (forwarding === undefined) assumed.push("net.ipv6.conf.all.forwarding is 1 (give --sysctl)");
  let tables: ReadonlyMap<string, Table6> = new Map();
  if (files.rules6 === undefined) assumed.push("there are no rules of ip6tables (give --rules6: ip6tables-save)");
  else {
    const rules = parseRules6(files.rules6);
    tables = rules.tables;
    unknown.push(...rules.unknown);
  }
  if (files.nft !== undefined && /^table (ip6|inet|bridge|netdev) /m.test(files.nft.text.replace(IPTABLES_TABLES, "")))
    unknown.push(`${files.nft.name}: nft's tables are not asked about IPv6, only --rules6`);
  return {
    devices,
    routes,
    containers: containersOf(files),
    published: publishedOf(files),
    forwarding: forwarding !== "0",
    tables,
    unknown,
    assumed,
  };
}

/** Those that iptables-nft keeps, as far as ip6tables-save tells them. */
const IPTABLES_TABLES = /^table ip6 (filter|nat|mangle|raw|security) /gm;

function routesOf(file: SourceFile | undefined, unknown: string[]): Route6[] {
  const routes: Route6[] = [];
  for (const [i, each] of list(file).entries()) {
    const to = text(each.dst);
    const parsed = to === "default" ? EVERYTHING : prefix6(to);
    const gateway = text(each.gateway);
    if (parsed === undefined || (to === "default" && gateway !== "" && !gateway.includes(":"))) continue;
    if (to === "default" && gateway === "" && file!.text.includes('"scope":"link"')) continue;
    const table = text(each.table);
    if (table !== "" && table !== "main" && table !== "local") {
      unknown.push(`${file!.name}: route ${i + 1} (${to}) of table ${table}: rules of IPv6 (ip -6 rule) are not read`);
      continue;
    }
    const hops = Array.isArray(each.nexthops) ? (each.nexthops as Json[]) : [each];
    if (hops.length > 1) unknown.push(`${file!.name}: route ${i + 1} (${to}) has several next hops`);
    const [hop] = hops;
    routes.push({
      type: text(each.type) || "unicast",
      to: parsed,
      dev: text(hop!.dev),
      via: addr6(text(hop!.gateway)) ?? null,
      metric: Number(each.metric ?? 0),
    });
  }
  return routes;
}

function containersOf(files: Files6): Container6[] {
  const bridges = new Map(
    list(files.networks).map((net) => {
      const id = text(net.Id);
      return [id, text(object(net.Options)["com.docker.network.bridge.name"]) || `br-${id.slice(0, 12)}`];
    }),
  );
  return list(files.containers).flatMap((each) =>
    Object.entries(object(object(each.NetworkSettings).Networks)).flatMap(([netName, raw]) => {
      const end = object(raw);
      const address = addr6(text(end.GlobalIPv6Address));
      if (address === undefined) return [];
      const id = text(end.NetworkID);
      const bridge = bridges.get(id) ?? (netName === "bridge" ? "docker0" : `br-${id.slice(0, 12)}`);
      const name = text(each.Name).replace(/^\//, "");
      return [{ name, address, bridge, onLink: { network: address, length: Number(end.GlobalIPv6PrefixLen) } }];
    }),
  );
}

function publishedOf(files: Files6): Machine6["published"] {
  return list(files.containers).flatMap((each) =>
    Object.entries(object(object(each.NetworkSettings).Ports)).flatMap(([key, bindings]) => {
      const [port, protocol] = key.split("/");
      if (protocol !== "tcp" && protocol !== "udp") return [];
      return (Array.isArray(bindings) ? (bindings as Json[]) : []).flatMap((binding) => {
        const hostIp = text(binding.HostIp);
        const address6 = addr6(hostIp);
        if (address6 === undefined) return [];
        const container = text(each.Name).replace(/^\//, "");
        return [
          { container, protocol, hostIp, hostPort: Number(binding.HostPort), containerPort: Number(port), address6 },
        ] as const;
      });
    }),
  );
}

export function isLocal6({ devices }: Machine6, address: Addr6): boolean {
  return devices.some(({ addresses }) => addresses.some((own) => own.address === address));
}

export type Way6 =
  | { readonly kind: "local" }
  | { readonly kind: "out"; readonly route: Route6 }
  | { readonly kind: "none" };

/** The route of the longest prefix, and of those the lowest metric (fib6_node_lookup). */
export function wayTo(machine: Machine6, address: Addr6): Way6 {
  if (isLocal6(machine, address) || isMulticast6(address)) return { kind: "local" };
  const found = machine.routes
    .filter(({ to, type }) => type !== "local" && type !== "anycast" && type !== "multicast" && within6(address, to))
    .sort((a, b) => b.to.length - a.to.length || a.metric - b.metric)[0];
  if (found === undefined || ["unreachable", "blackhole", "prohibit"].includes(found.type)) return { kind: "none" };
  return { kind: "out", route: found };
}

/** The source address that a packet of the machine's own gets: of the device where there is one, else any global one. */
export function sourceFor({ devices }: Machine6, dev: string, destination: Addr6): Addr6 | undefined {
  const linkLocal = (address: Addr6): boolean => address >> 118n === 0x3fan;
  const of = (device: Device6): Addr6[] => device.addresses.map(({ address }) => address);
  const own = devices.filter(({ name }) => name === dev).flatMap(of);
  const wanted = (address: Addr6): boolean => linkLocal(address) === linkLocal(destination) && address !== 1n;
  return own.find(wanted) ?? devices.flatMap(of).find(wanted);
}
