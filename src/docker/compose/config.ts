// `compose config`: the project in its canonical form, as YAML or JSON. Answers to docker/compose cmd/compose/config.go and
// compose-go types (the order of fields is theirs; those of a service are sorted).

import { stringify } from "yaml";
import type { Task } from "../../sim/task.ts";
import { bool, string, unsupported } from "../cli/flags.ts";
import { type GoValue, goJsonIndent, struct } from "../template/value.ts";
import type { ComposeRun, Subcommand } from "./command.ts";
import type { Project, ProjectNetwork, Service } from "./model.ts";

export const config: Subcommand = {
  name: "config",
  usage: "config [OPTIONS] [SERVICE...]",
  summary: "Parse, resolve and render compose file in canonical format",
  flags: [
    string("format", "", "Format the output. Values: [yaml | json]"),
    bool("images", "", "Print the image names, one per line"),
    bool("networks", "", "Print the network names, one per line"),
    bool("quiet", "q", "Only validate the configuration, don't print anything"),
    bool("services", "", "Print the service names, one per line"),
    ...unsupported(
      "environment! hash lock-image-digests! models! no-consistency! no-env-resolution! no-interpolate! no-normalize! no-path-resolution! output:o profiles! resolve-image-digests! variables! volumes!",
    ),
  ],
  *run({ proc, deployment, flags, args }: ComposeRun): Task<number> {
    const { project } = deployment;
    const ordered = deployment.ordered(args);
    const lines = (names: readonly string[]) => names.map((name) => `${name}\n`).join("");
    if (flags.bool("quiet")) return 0;
    if (flags.bool("services")) yield* proc.print(lines(ordered.map(({ name }) => name)));
    else if (flags.bool("images")) yield* proc.print(lines([...new Set(ordered.map(({ image }) => image))].sort()));
    else if (flags.bool("networks")) yield* proc.print(lines(usedNetworks(project, ordered).map(({ key }) => key)));
    else if (flags.string("format") === "json") yield* proc.print(canonicalJson(project, ordered));
    else yield* proc.print(canonicalYaml(project, ordered));
    return 0;
  },
};

type Plain = string | number | boolean | null | readonly Plain[] | PlainMap;
type PlainMap = Map<string, Plain>;

/** Fields that say something, in the order given. */
function fields(entries: readonly (readonly [string, Plain | undefined])[]): PlainMap {
  const said = (value: Plain | undefined) =>
    value !== undefined &&
    value !== "" &&
    value !== false &&
    !(Array.isArray(value) && value.length === 0) &&
    !(value instanceof Map && value.size === 0);
  return new Map(entries.filter((entry): entry is [string, Plain] => said(entry[1])));
}

const sorted = (map: ReadonlyMap<string, Plain>): PlainMap =>
  new Map([...map].sort(([a], [b]) => Number(a > b) - Number(a < b)));

/** A dollar that is to stay one is written twice. */
const escaped = (map: ReadonlyMap<string, string | null>): PlainMap =>
  sorted(new Map([...map].map(([name, value]) => [name, value?.replaceAll("$", "$$$$") ?? null])));

function usedNetworks(project: Project, services: readonly Service[]): ProjectNetwork[] {
  const used = new Set(services.flatMap(({ networks }) => networks.map(({ name }) => name)));
  return project.networks.filter(({ key }) => used.has(key)).sort((a, b) => (a.key < b.key ? -1 : 1));
}

function serviceValue(service: Service): PlainMap {
  const { restart } = service;
  return sorted(
    fields([
      ["cap_add", service.capAdd],
      ["cap_drop", service.capDrop],
      ["command", service.command],
      ["container_name", service.containerName],
      [
        "depends_on",
        sorted(
          new Map(
            [...service.dependsOn].map(([name, { condition, restart: again, required }]) => [
              name,
              new Map<string, Plain>([
                ["condition", condition],
                ...(again ? ([["restart", true]] as const) : []),
                ["required", required],
              ]),
            ]),
          ),
        ),
      ],
      ["deploy", service.scaled.includes("deploy") ? new Map([["replicas", service.replicas]]) : undefined],
      ["dns", service.dns.servers],
      ["dns_opt", service.dns.options],
      ["dns_search", service.dns.search],
      ["domainname", service.domain],
      ["entrypoint", service.entrypoint],
      ["environment", escaped(service.environment)],
      ["expose", service.expose],
      ["extra_hosts", service.extraHosts.map((entry) => entry.replace(":", "="))],
      ["hostname", service.hostname],
      ["image", service.image],
      ["init", service.init],
      ["labels", escaped(service.labels)],
      ["links", service.links],
      ["mac_address", service.macAddress],
      ["network_mode", service.networkMode],
      [
        "networks",
        sorted(
          new Map(
            service.networks.map(({ name, aliases, ipv4, mac, priority, given }) => [
              name,
              given
                ? fields([
                    ["aliases", aliases],
                    ["ipv4_address", ipv4],
                    ["mac_address", mac],
                    ["priority", priority === 0 ? undefined : priority],
                  ])
                : null,
            ]),
          ),
        ),
      ],
      [
        "ports",
        service.portList.map(({ target, published, hostIp, protocol }) =>
          fields([
            ["mode", "ingress"],
            ["host_ip", hostIp],
            ["target", target],
            ["published", published],
            ["protocol", protocol],
          ]),
        ),
      ],
      ["privileged", service.privileged],
      ["pull_policy", service.pullPolicy],
      [
        "restart",
        restart.name === "no"
          ? ""
          : `${restart.name}${restart.maximumRetryCount > 0 ? `:${restart.maximumRetryCount}` : ""}`,
      ],
      ["scale", service.scaled.length > 0 ? service.replicas : undefined],
      ["stdin_open", service.stdinOpen],
      ["stop_grace_period", service.stopGrace],
      ["stop_signal", service.stopSignal],
      ["sysctls", escaped(service.sysctls)],
      ["tty", service.tty],
      ["user", service.user],
      ["volumes", service.volumes.map(volumeValue)],
      ["working_dir", service.workingDir],
    ]),
  );
}

function volumeValue(text: string): PlainMap {
  const [source, target] = text.split(":") as [string, string | undefined];
  if (target === undefined)
    return new Map([
      ["type", "volume"],
      ["target", source],
    ]);
  const bind = source.startsWith("/");
  return new Map<string, Plain>([
    ["type", bind ? "bind" : "volume"],
    ["source", source],
    ["target", target],
    bind ? ["bind", new Map([["create_host_path", true]])] : ["volume", new Map()],
  ]);
}

function networkValue(network: ProjectNetwork): PlainMap {
  const config = network.ipam.map(({ subnet, ipRange, gateway, auxAddresses }) =>
    fields([
      ["subnet", subnet],
      ["gateway", gateway],
      ["ip_range", ipRange],
      ["aux_addresses", sorted(auxAddresses)],
    ]),
  );
  return fields([
    ["name", network.name],
    ["driver", network.driverGiven ? network.driver : ""],
    ["driver_opts", sorted(network.options)],
    ["ipam", fields([["config", config]])],
    ["external", network.external],
    ["internal", network.internal],
    ["attachable", network.attachable],
    ["labels", escaped(network.labels)],
  ]);
}

function byKey<T>(list: readonly T[], key: (item: T) => string, value: (item: T) => Plain): PlainMap {
  return sorted(new Map(list.map((item) => [key(item), value(item)])));
}

export function canonicalYaml(project: Project, services: readonly Service[]): string {
  const document = new Map<string, Plain>([
    ["name", project.name],
    ["services", byKey(services, ({ name }) => name, serviceValue)],
    ...fields([["networks", byKey(usedNetworks(project, services), ({ key }) => key, networkValue)]]),
    ...[...project.extensions].map(([name, value]) => [name, deepSorted(value as Plain)] as const),
  ]);
  return stringify(document, {
    version: "1.1",
    lineWidth: 0,
    nullStr: "null",
    customTags: (tags) => tags.filter((tag) => typeof tag === "string" || !/:(omap|set|pairs)$/.test(tag.tag)),
  });
}

/** Maps below in the order of their keys, dollars written twice. */
function deepSorted(value: Plain): Plain {
  if (value instanceof Map) return sorted(new Map([...value].map(([name, inner]) => [name, deepSorted(inner)])));
  if (Array.isArray(value)) return value.map(deepSorted);
  return typeof value === "string" ? value.replaceAll("$", "$$$$") : value;
}

export function canonicalJson(project: Project, services: readonly Service[]): string {
  const networks = byKey(
    usedNetworks(project, services),
    ({ key }) => key,
    (network) => {
      const value = networkValue(network);
      const ipam = value.get("ipam") ?? new Map();
      const entries = [...value].filter(([name]) => name !== "ipam");
      const at = entries.findIndex(([name]) => !["name", "driver", "driver_opts"].includes(name));
      entries.splice(at < 0 ? entries.length : at, 0, ["ipam", ipam]);
      return new Map(entries);
    },
  );
  const withCommands = (service: Service) => {
    const value = serviceValue(service);
    return sorted(new Map<string, Plain>([["command", null], ["entrypoint", null], ...value]));
  };
  return goJsonIndent(
    goValue(
      new Map<string, Plain>([
        ["name", project.name],
        ...fields([["networks", networks]]),
        ["services", byKey(services, ({ name }) => name, withCommands)],
      ]),
    ),
    "  ",
  );
}

function goValue(value: Plain): GoValue {
  if (value instanceof Map)
    return struct(Object.fromEntries([...value].map(([name, inner]) => [name, goValue(inner)])));
  if (Array.isArray(value)) return value.map(goValue);
  return value as GoValue;
}
