// docker ps. Answers to docker/cli cli/command/container/list.go, cli/command/formatter/container.go and moby
// daemon/list.go (filters).

import type { Task } from "../../sim/task.ts";
import { goTime, humanDuration, humanSize } from "../clock.ts";
import type { Container } from "../container.ts";
import { parsePort, sortedPorts } from "../container-ports.ts";
import type { Daemon } from "../daemon.ts";
import { badRequest, DaemonError, notFound } from "../errors.ts";
import { formatList, type ListShape, type Row } from "../format.ts";
import type { ClientTexts } from "../generations/generation.ts";
import { Template, TemplateError } from "../template/execute.ts";
import { GoMethod, GoStruct, type GoValue } from "../template/value.ts";
import { ClientError, type Command, type Context } from "./command.ts";
import { FILTER_CHECK, type Filters, matchesText, parseFilters } from "./filters.ts";

const JSON_20 = [
  ...[
    "Command",
    "CreatedAt",
    "ID",
    "Image",
    "Labels",
    "LocalVolumes",
    "Mounts",
    "Names",
    "Networks",
    "Platform",
    "Ports",
  ],
  ...["RunningFor", "Size", "State", "Status"],
];

const SHAPE: ListShape = {
  headings: new Map([
    ["ID", "CONTAINER ID"],
    ["Names", "NAMES"],
    ["Image", "IMAGE"],
    ["Command", "COMMAND"],
    ["CreatedAt", "CREATED AT"],
    ["RunningFor", "CREATED"],
    ["Ports", "PORTS"],
    ["State", "STATE"],
    ["Status", "STATUS"],
    ["Size", "SIZE"],
    ["Labels", "LABELS"],
    ["Mounts", "MOUNTS"],
    ["LocalVolumes", "LOCAL VOLUMES"],
    ["Networks", "NETWORKS"],
  ]),
  table: "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
  json: JSON_20,
  typeName: "*formatter.ContainerContext",
};

export const ps: Command = {
  name: "ps",
  supports: "all filter format last latest no-trunc quiet size",
  checks: FILTER_CHECK,
  args: { min: 0, max: 0 },
  *run(context: Context): Task<number> {
    const { daemon, flags, client } = context;
    checkTemplate(flags.string("format"));
    const filters = parseFilters(flags.list("filter"));
    const given = flags.int("last") ?? -1;
    const last = flags.bool("latest") && given < 0 ? 1 : given;
    let chosen = listContainers(daemon, filters, flags.bool("all") || last > 0);
    if (last > 0) chosen = chosen.slice(0, last);
    const full = flags.bool("no-trunc");
    if (flags.bool("quiet") && /^(table)?$/.test(flags.string("format"))) {
      yield* context.print(chosen.map(({ id, shortId }) => `${full ? id : shortId}\n`).join(""));
      return 0;
    }
    const rows = chosen.map((container) => containerRow(daemon, container, client, full));
    const size = flags.bool("size");
    const shape = size ? { ...SHAPE, table: `${SHAPE.table}\t{{.Size}}` } : SHAPE;
    yield* context.print(formatList(rows, flags.string("format"), shape));
    return 0;
  },
};

/** Which columns a template asks for is found out by running it on an empty row, before the daemon is asked. */
function checkTemplate(format: string): void {
  let step = "parse";
  try {
    const template = new Template(format);
    step = "execute";
    template.execute(
      new GoStruct(
        [
          ...[...SHAPE.headings.keys()].map((field) => [field, ""] as const),
          ["Label", new GoMethod(() => "")] as const,
        ],
        true,
        SHAPE.typeName,
      ),
    );
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new ClientError(`failed to ${step} template: ${error.message}`, 1);
  }
}

/** Newest first. Throws DaemonError for a filter that is not known. */
export function listContainers(daemon: Daemon, filters: Filters, all: boolean): Container[] {
  const known = new Set([
    "id",
    "name",
    "status",
    "label",
    "ancestor",
    "network",
    "exited",
    "expose",
    "publish",
    "before",
    "since",
    "is-task",
    "health",
    "volume",
    "isolation",
  ]);
  for (const key of filters.keys()) if (!known.has(key)) throw badRequest(daemon.generation.texts.invalidFilter(key));
  checkValues(filters);
  const ordered = [...daemon.containers.values()].reverse();
  const createdNs = (term: string): bigint => {
    try {
      return daemon.findContainer(term).createdNs;
    } catch (error) {
      if (error instanceof DaemonError && error.status === 404) throw notFound(`no such container ${term}`);
      throw error;
    }
  };
  const before = filters.get("before")?.map(createdNs);
  const since = filters.get("since")?.map(createdNs);
  return ordered.filter((container) => {
    const wants = (key: string, test: (value: string) => boolean) => {
      const values = filters.get(key);
      return values === undefined || values.some(test);
    };
    if (!all && !filters.has("status") && !container.running && container.status !== "restarting") return false;
    if (before?.some((ns) => container.createdNs >= ns) || since?.some((ns) => container.createdNs <= ns)) return false;
    return (
      wants("id", (value) => container.id.startsWith(value)) &&
      wants("name", (value) => matchesText(container.name, value.replace(/^(\^?)\//, "$1"))) &&
      wants("status", (value) => container.status === value) &&
      wants("exited", (value) => container.status === "exited" && container.exitCode === Number(value)) &&
      (filters.get("label") ?? []).every((value) => hasLabel(container.request.labels, value)) &&
      wants("ancestor", (value) => daemon.images.find(value) === container.image) &&
      wants("network", (value) => inNetwork(container, value)) &&
      wantsPort(container, filters) &&
      // no container here has a health check, or is part of a swarm; isolation is Windows'
      wants("health", (value) => value === "none") &&
      wants("is-task", (value) => !isTrue(value)) &&
      wants("volume", (value) => container.request.binds.some((bind) => bind.split(":").includes(value)))
    );
  });
}

const STATUSES = ["created", "restarting", "running", "removing", "paused", "exited", "dead"];
const HEALTH = ["starting", "healthy", "unhealthy", "none"];
const isTrue = (value: string): boolean => value === "1" || value === "true";

/** Values that no filter takes (daemon/list.go foldFilter). Throws DaemonError 400. */
function checkValues(filters: Filters): void {
  for (const value of filters.get("exited") ?? [])
    if (!/^[+-]?\d+$/.test(value)) throw badRequest(`strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`);
  for (const value of filters.get("status") ?? [])
    if (!STATUSES.includes(value)) throw badRequest(`Invalid filter 'status=${value}'`);
  for (const value of filters.get("health") ?? [])
    if (!HEALTH.includes(value)) throw badRequest(`Unrecognised filter value for health: ${value}`);
  for (const value of filters.get("is-task") ?? [])
    if (!/^(0|1|true|false)$/.test(value)) throw badRequest(`Invalid filter 'is-task=[${value}]'`);
}

/** --filter expose= and publish=: some port of the container is one of those. */
function wantsPort(container: Container, filters: Filters): boolean {
  const exposed = filters.get("expose") ?? [];
  const published = filters.get("publish") ?? [];
  if (exposed.length + published.length === 0) return true;
  const holds = (key: string, values: readonly string[], number: number, protocol: string) =>
    values.some((value) => {
      const [, first, last, , wanted = "tcp"] = /^(\d+)(-(\d+))?(?:\/(\w+))?$/.exec(value) ?? badPort(key, value);
      return wanted === protocol && number >= Number(first) && number <= Number(last?.slice(1) ?? first);
    });
  return portsOf(container).some(
    ({ port, hostPort, protocol }) =>
      holds("publish", published, hostPort, protocol) || holds("expose", exposed, port, protocol),
  );
}

function badPort(key: string, value: string): never {
  if (value.includes(":")) throw badRequest(`filter for '${key}' should not contain ':': ${value}`);
  throw badRequest(
    `error while looking up for ${key} ${value}: strconv.ParseUint: parsing ${JSON.stringify(value)}: invalid syntax`,
  );
}

export function hasLabel(labels: ReadonlyMap<string, string>, wanted: string): boolean {
  const at = wanted.indexOf("=");
  return at < 0 ? labels.has(wanted) : labels.get(wanted.slice(0, at)) === wanted.slice(at + 1);
}

function inNetwork(container: Container, term: string): boolean {
  return [...container.networks].some(
    ([name, { networkId }]) => name === term || (networkId !== "" && networkId.startsWith(term)),
  );
}

function containerRow(daemon: Daemon, container: Container, client: ClientTexts, full: boolean): Row {
  const now = daemon.now();
  const command = container.argv.map((word, i) => (i > 0 && word.includes(" ") ? `'${word}'` : word)).join(" ");
  const shown = full || [...command].length <= 20 ? command : `${[...command].slice(0, 19).join("")}…`;
  const links = [...daemon.containers.values()].flatMap((parent) =>
    [...parent.links].filter(([, child]) => child === container).map(([alias]) => `${parent.name}/${alias}`),
  );
  const networks = [...container.networks.keys()];
  return new Map<string, GoValue>([
    ["Command", JSON.stringify(shown)],
    ["CreatedAt", goTime(container.createdNs, true).replace(/ UTC$/, " UTC")],
    ["ID", full ? container.id : container.shortId],
    ["Image", container.request.image],
    ["Label", new GoMethod((key: GoValue) => container.request.labels.get(String(key)) ?? "")],
    ["Labels", [...container.request.labels].map(([key, value]) => `${key}=${value}`).join(",")],
    ["LocalVolumes", "0"],
    ["Mounts", container.request.binds.map((bind) => bind.split(":")[0]!).join(",")],
    ["Names", full ? [...links, container.name].join(",") : container.name],
    ["Networks", networks.join(",")],
    ["Platform", null],
    ["Ports", portsText(container, client)],
    ["RunningFor", `${humanDuration(Number(now - container.createdNs))} ago`],
    ["Size", `0B (virtual ${humanSize(container.image.sizeBytes)})`],
    ["State", container.status],
    ["Status", container.statusText(now)],
  ]);
}

interface PortEntry {
  readonly port: number;
  readonly protocol: string;
  readonly hostIp: string;
  readonly hostPort: number;
}

/** Ports of a running container, those not published with host port 0. */
function portsOf(container: Container): PortEntry[] {
  if (!container.running) return [];
  const published: PortEntry[] = (container.sandbox?.endpoints ?? []).flatMap(({ portMappings }) => portMappings);
  const taken = new Set(published.map(({ port, protocol }) => `${port}/${protocol}`));
  const bridged = container.sandbox?.endpoints.some(({ network }) => network.bridge && !network.internal) ?? false;
  const exposed = bridged ? sortedPorts(container.exposedPorts, new Map()).map(([port]) => port) : [];
  return [
    ...published,
    ...exposed.filter((port) => !taken.has(port)).map((text) => ({ ...parsePort(text), hostIp: "", hostPort: 0 })),
  ];
}

/** "0.0.0.0:8080->80/tcp, 443/tcp" (formatter.DisplayablePorts). */
export function portsText(container: Container, client: ClientTexts): string {
  const entries = portsOf(container).sort(
    (a, b) =>
      a.port - b.port ||
      (a.hostIp < b.hostIp ? -1 : a.hostIp > b.hostIp ? 1 : 0) ||
      a.hostPort - b.hostPort ||
      (a.protocol < b.protocol ? -1 : 1),
  );
  return groupPorts(entries)
    .map(({ hostIp, first, last, hostFirst, hostLast, protocol }) => {
      const range = first === last ? `${first}` : `${first}-${last}`;
      if (hostIp === "") return `${range}/${protocol}`;
      const host = hostFirst === hostLast ? `${hostFirst}` : `${hostFirst}-${hostLast}`;
      return `${hostIp.includes(":") ? client.ipv6Host(hostIp) : hostIp}:${host}->${range}/${protocol}`;
    })
    .join(", ");
}

interface PortGroup {
  readonly hostIp: string;
  readonly protocol: string;
  readonly first: number;
  last: number;
  readonly hostFirst: number;
  hostLast: number;
}

/** Neighbouring ports that keep their numbers outside are one entry; those published under other numbers come last. */
function groupPorts(entries: readonly PortEntry[]): PortGroup[] {
  const done: PortGroup[] = [];
  const open = new Map<string, PortGroup>();
  const others: PortGroup[] = [];
  for (const { port, protocol, hostIp, hostPort } of entries) {
    const fresh: PortGroup = { hostIp, protocol, first: port, last: port, hostFirst: hostPort, hostLast: hostPort };
    if (hostIp !== "" && hostPort !== port) {
      others.push(fresh);
      continue;
    }
    const key = `${hostIp}/${protocol}`;
    const group = open.get(key);
    if (group && group.last === port - 1) {
      group.last = port;
      group.hostLast = hostPort;
      continue;
    }
    if (group) done.push(group);
    open.set(key, fresh);
  }
  return [...done, ...open.values(), ...others];
}
