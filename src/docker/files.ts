// /etc/hosts and /etc/resolv.conf as Docker builds them. Plain text in, plain text out. Answers to libnetwork
// etchosts/etchosts.go, resolvconf/resolvconf.go (20.10) and internal/resolvconf (28).

/** One line of /etc/hosts: "ADDRESS\tNAMES". */
export interface HostsRecord {
  readonly ip: string;
  readonly hosts: string;
}

export function hostsLines(records: readonly HostsRecord[]): string {
  return records.map(({ ip, hosts }) => `${ip}\t${hosts}\n`).join("");
}

/** The content without the lines that end in one of the names, and without empty lines (etchosts.Delete). */
export function withoutHosts(content: string, records: readonly HostsRecord[]): string {
  if (records.length === 0) return content;
  return content
    .split("\n")
    .filter(
      (line) => line !== "" && (line.startsWith("#") || !records.some(({ hosts }) => line.endsWith(`\t${hosts}`))),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** Every line whose first name is `hostname` gets another address (etchosts.Update). */
export function updatedHosts(content: string, ip: string, hostname: string): string {
  const name = hostname.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return content.replace(
    new RegExp(`(\\S*)(\\t${name})(\\s|\\.)`, "g"),
    (_all, _ip, host: string, after: string) => ip + host + after,
  );
}

/** The names under which a container knows itself: "web.example web", or "web". */
export function ownHostNames(hostname: string, domain: string): string {
  const fqdn = domain === "" ? hostname : `${hostname}.${domain}`;
  const dot = fqdn.indexOf(".");
  return dot < 0 ? fqdn : `${fqdn} ${fqdn.slice(0, dot)}`;
}

/** The address of the embedded server, as resolv.conf names it. */
export const RESOLVER_ADDRESS = "127.0.0.11";

/** What a resolv.conf says. */
export interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

export function parseResolvConf(content: string): ResolvConf {
  const nameservers: string[] = [];
  let search: string[] = [];
  let options: string[] = [];
  for (const line of content.split("\n")) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === "nameserver" && rest[0]) nameservers.push(rest[0]);
    else if (word === "search" || word === "domain") search = rest;
    else if (word === "options") options = rest;
  }
  return { nameservers, search, options };
}

/** resolvconf.Build: search, nameservers, options. */
export function buildResolvConf({ nameservers, search, options }: ResolvConf): string {
  let text = "";
  const domains = search.filter((domain) => domain.trim() !== "" && domain.trim() !== ".");
  if (search.length > 0 && domains.length > 0) text += `search ${domains.join(" ")}\n`;
  for (const server of nameservers) text += `nameserver ${server}\n`;
  if (options.length > 0) text += `options ${options.join(" ")}\n`;
  return text;
}

const isLoopback = (address: string) => /^127\./.test(address) || address === "::1";

/** Default servers where the host names none that a container could reach. */
const GOOGLE = ["8.8.8.8", "8.8.4.4"];

/** The host's file for a container without its own network's DNS: loopback servers are left out (FilterResolvDNS). */
export function filteredResolvConf(content: string): string {
  const kept = content
    .split("\n")
    .filter((line) => !/^\s*nameserver\s+(127\.|::1\b|[0-9a-fA-F]*:)/.test(line))
    .join("\n");
  if (parseResolvConf(kept).nameservers.length > 0) return kept;
  return `${kept.replace(/\n*$/, "")}${kept.trim() === "" ? "" : "\n"}${GOOGLE.map((server) => `nameserver ${server}`).join("\n")}\n`.replace(
    /^\n/,
    "",
  );
}

/** A server that the embedded DNS server asks, from the container's namespace or from the host's. */
export interface ExternalServer {
  readonly address: string;
  readonly fromHost: boolean;
}

export function externalServers(content: string, fromHost: "none" | "loopback" | "all"): ExternalServer[] {
  return parseResolvConf(content)
    .nameservers.filter((address) => /^\d+\.\d+\.\d+\.\d+$/.test(address))
    .slice(0, 3)
    .map((address) => ({
      address,
      fromHost: fromHost === "all" || (fromHost === "loopback" && isLoopback(address)),
    }));
}

/** What --dns, --dns-search and --dns-option ask for. */
export interface DnsWishes {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

export function anyDnsWish({ servers, search, options }: DnsWishes): boolean {
  return servers.length + search.length + options.length > 0;
}

/** 20.10's file of a container on the default bridge. */
export function plainResolvConf(host: string, wishes: DnsWishes): string {
  if (!anyDnsWish(wishes)) return filteredResolvConf(host);
  const base = parseResolvConf(host);
  return buildResolvConf({
    nameservers: wishes.servers.length > 0 ? wishes.servers : base.nameservers,
    search: wishes.search.length > 0 ? wishes.search : base.search,
    options: wishes.options.length > 0 ? wishes.options : base.options,
  });
}

/** 20.10's file of a container that has the embedded server: it alone, and ndots:0 unless the user set ndots. */
export function internalResolvConf(current: string): string {
  const base = parseResolvConf(current);
  const ndots = base.options.some((option) => option.startsWith("ndots:"));
  return buildResolvConf({
    ...base,
    nameservers: [RESOLVER_ADDRESS],
    options: ndots ? base.options : [...base.options, "ndots:0"],
  });
}

const HEADER_28 =
  "# Generated by Docker Engine.\n# This file can be edited; Docker Engine will not make further changes once it\n# has been modified.\n\n";

const TRANSFORMS = { host: "", legacy: " (legacy)", internal: " (internal resolver)" } as const;

/** 28's file, with its comments (internal/resolvconf Generate). */
export function commentedResolvConf(host: string, wishes: DnsWishes, how: "host" | "legacy" | "internal"): string {
  const base = parseResolvConf(host);
  const search = wishes.search.length > 0 ? wishes.search.filter((domain) => domain !== ".") : base.search;
  let options = wishes.options.length > 0 ? [...wishes.options] : [...base.options];
  const overrides: string[] = [];
  if (wishes.servers.length > 0) overrides.push("nameservers");
  if (wishes.search.length > 0) overrides.push("search");
  if (wishes.options.length > 0) overrides.push("options");
  const userNdots = options.some((option) => option.startsWith("ndots:"));
  let nameservers = wishes.servers.length > 0 ? [...wishes.servers] : [...base.nameservers];
  let footer = `# Based on host file: '/etc/resolv.conf'${TRANSFORMS[how]}\n`;
  if (how === "internal") {
    const external = wishes.servers.length > 0 ? wishes.servers : base.nameservers;
    const shown = external.map((address) => (wishes.servers.length > 0 ? address : `host(${address})`)).join(" ");
    nameservers = [RESOLVER_ADDRESS];
    if (!userNdots) options = [...options, "ndots:0"];
    footer += external.length > 0 ? `# ExtServers: [${shown}]\n` : "# NO EXTERNAL NAMESERVERS DEFINED\n";
  } else if (how === "legacy") {
    if (wishes.servers.length === 0) nameservers = nameservers.filter((address) => !isLoopback(address));
    if (nameservers.length === 0) {
      nameservers = [...GOOGLE];
      footer += "# Used default nameservers.\n";
    }
  }
  footer += `# Overrides: [${overrides.join(" ")}]\n`;
  if (how === "internal" || userNdots)
    footer += `# Option ndots from: ${userNdots ? (wishes.options.length > 0 ? "override" : "host") : "internal"}\n`;
  let body = "";
  for (const address of nameservers) body += `nameserver ${address}\n`;
  if (search.length > 0) body += `search ${search.join(" ")}\n`;
  if (options.length > 0) body += `options ${options.join(" ")}\n`;
  return `${HEADER_28}${body}\n${footer}`;
}
