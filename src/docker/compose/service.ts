// One service of a compose file: every field is read, or refused with its line. Answers to compose-spec/05-services.md.

import { parseMac } from "../../wire/addr.ts";
import { ClientError } from "../cli/command.ts";
import { parseExpose, parsePortSpec } from "../cli/port-spec.ts";
import type { PortBinding, RestartPolicy } from "../container.ts";
import type { ClientTexts } from "../generations/generation.ts";
import type { Dependency, Service, ServiceNetwork, ServicePort } from "./model.ts";
import type { Value } from "./reader.ts";
import { splitWords } from "./words.ts";

/** The end of what compose says of a project that does not hold together. */
export const INVALID_PROJECT = "invalid compose project";

/** Fields of the specification that vethlab does not do. */
const ABSENT_SERVICE: ReadonlySet<string> = new Set([
  ...[
    "annotations",
    "attach",
    "blkio_config",
    "build",
    "cgroup",
    "cgroup_parent",
    "configs",
    "cpu_count",
    "cpu_percent",
  ],
  ...["cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpus", "cpuset", "credential_spec"],
  ...["develop", "device_cgroup_rules", "devices", "env_file", "extends", "external_links", "gpus", "group_add"],
  ...["healthcheck", "ipc", "isolation", "logging", "mem_limit", "mem_reservation", "mem_swappiness", "memswap_limit"],
  ...["oom_kill_disable", "oom_score_adj", "pid", "pids_limit", "platform", "post_start", "pre_stop", "profiles"],
  ...["provider", "read_only", "runtime", "secrets", "security_opt", "shm_size", "storage_opt", "tmpfs"],
  ...["ulimits", "userns_mode", "uts", "volumes_from"],
]);

/** A map of strings; Throws ComposeError. */
export function stringMap(value: Value): Map<string, string> {
  return new Map(value.pairs().map(([name, text]) => [name, text ?? ""]));
}

/** Throws ComposeError: "validating compose.yaml: services.web additional properties 'prots' not allowed". */
export function readService(name: string, value: Value, { client, variables }: FieldContext): Service {
  let draft: Service = emptyService(name);
  let networksGiven = false;
  for (const [field, inner] of value.entries()) {
    const read = SERVICE_FIELDS.get(field);
    if (read) draft = { ...draft, ...read(inner, { client, variables }, draft) };
    else if (ABSENT_SERVICE.has(field)) inner.unsupported();
    else if (!field.startsWith("x-")) inner.unknownIn(value);
    if (field === "networks") networksGiven = true;
  }
  if (draft.image === "")
    value.fail(
      `service ${JSON.stringify(name)} has neither an image nor a build context specified: ${INVALID_PROJECT}`,
    );
  if (draft.networkMode !== "" && networksGiven)
    value.fail(`service ${name} declares mutually exclusive \`network_mode\` and \`networks\`: ${INVALID_PROJECT}`);
  draft = { ...draft, dependsOn: new Map([...draft.dependsOn, ...implied(draft)]) };
  if (draft.networkMode === "" && !networksGiven) return { ...draft, networks: [plainNetwork("default")] };
  return draft;
}

/** What a service needs without depends_on: those that it links, and the one whose network it shares. */
function implied({ links, networkMode, dependsOn }: Service): [string, Dependency][] {
  const shared = /^service:(.+)$/.exec(networkMode)?.[1];
  const names = new Set([...links.map((link) => link.split(":")[0]!), ...(shared === undefined ? [] : [shared])]);
  const dependency: Dependency = { condition: "service_started", restart: true, required: true };
  return [...names].filter((name) => !dependsOn.has(name)).map((name) => [name, dependency]);
}

function emptyService(name: string): Service {
  return {
    name,
    image: "",
    command: [],
    entrypoint: undefined,
    containerName: "",
    hostname: "",
    domain: "",
    environment: new Map(),
    labels: new Map(),
    ports: new Map(),
    portList: [],
    expose: [],
    networkMode: "",
    networks: [],
    dependsOn: new Map(),
    links: [],
    extraHosts: [],
    dns: { servers: [], search: [], options: [] },
    restart: { name: "no", maximumRetryCount: 0 },
    capAdd: [],
    capDrop: [],
    privileged: false,
    sysctls: new Map(),
    volumes: [],
    user: "",
    workingDir: "",
    tty: false,
    stdinOpen: false,
    stopSignal: "",
    stopTimeoutS: undefined,
    init: false,
    macAddress: "",
    replicas: 1,
    scaled: [],
    stopGrace: "",
    pullPolicy: "",
  };
}

const plainNetwork = (name: string): ServiceNetwork => ({
  name,
  aliases: [],
  ipv4: "",
  mac: "",
  priority: 0,
  given: false,
});

/** What reading a service needs besides the file. */
export interface FieldContext {
  readonly client: ClientTexts;
  readonly variables: ReadonlyMap<string, string>;
}

type ReadField = (value: Value, context: FieldContext, sofar: Service) => Partial<Service>;

/** How each supported field of a service is read. */
const SERVICE_FIELDS: ReadonlyMap<string, ReadField> = new Map<string, ReadField>([
  ["image", (value) => ({ image: value.text() })],
  ["command", (value) => ({ command: words(value) })],
  ["entrypoint", (value) => ({ entrypoint: words(value) })],
  ["container_name", (value) => ({ containerName: value.text() })],
  ["hostname", (value) => ({ hostname: value.text() })],
  ["domainname", (value) => ({ domain: value.text() })],
  ["environment", (value, { variables }) => ({ environment: environment(value, variables) })],
  ["labels", (value) => ({ labels: stringMap(value) })],
  ["ports", (value, { client }) => readPorts(value, client)],
  ["expose", (value, { client }) => ({ expose: value.items().map((item) => exposed(item, client)) })],
  ["network_mode", (value) => ({ networkMode: value.text() })],
  ["networks", (value) => ({ networks: readServiceNetworks(value) })],
  ["depends_on", (value) => ({ dependsOn: readDependsOn(value) })],
  ["links", (value) => ({ links: value.texts() })],
  ["extra_hosts", (value) => ({ extraHosts: readExtraHosts(value) })],
  ["dns", (value, _context, { dns }) => ({ dns: { ...dns, servers: value.texts() } })],
  ["dns_search", (value, _context, { dns }) => ({ dns: { ...dns, search: value.texts() } })],
  ["dns_opt", (value, _context, { dns }) => ({ dns: { ...dns, options: value.texts() } })],
  ["restart", (value) => ({ restart: readRestart(value) })],
  ["cap_add", (value) => ({ capAdd: value.texts() })],
  ["cap_drop", (value) => ({ capDrop: value.texts() })],
  ["privileged", (value) => ({ privileged: value.bool() })],
  ["sysctls", (value) => ({ sysctls: stringMap(value) })],
  ["volumes", (value) => ({ volumes: value.items().map(readVolume) })],
  ["user", (value) => ({ user: value.text() })],
  ["working_dir", (value) => ({ workingDir: value.text() })],
  ["tty", (value) => ({ tty: value.bool() })],
  ["stdin_open", (value) => ({ stdinOpen: value.bool() })],
  ["stop_signal", (value) => ({ stopSignal: value.text() })],
  ["stop_grace_period", (value) => ({ stopTimeoutS: duration(value), stopGrace: value.text() })],
  ["pull_policy", (value) => ({ pullPolicy: value.text() })],
  ["init", (value) => ({ init: value.bool() })],
  ["mac_address", (value) => ({ macAddress: macAddress(value) })],
  ["scale", (value, _context, { scaled }) => ({ replicas: value.int(), scaled: [...scaled, "scale"] })],
  ["deploy", readDeploy],
]);

function readDeploy(value: Value, _context: FieldContext, { scaled }: Service): Partial<Service> {
  let replicas = 1;
  for (const [field, inner] of value.entries()) {
    if (field === "replicas") replicas = inner.int();
    else inner.unsupported();
  }
  return { replicas, scaled: [...scaled, "deploy"] };
}

function words(value: Value): string[] {
  return value.isList ? value.texts() : splitWords(value.text());
}

function environment(value: Value, variables: ReadonlyMap<string, string>): Map<string, string | null> {
  return new Map(value.pairs().map(([name, text]) => [name, text ?? variables.get(name) ?? null]));
}

/** What the client would refuse is refused with its line. */
function refusing<T>(value: Value, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ClientError) return value.fail(error.message);
    throw error;
  }
}

/** As the file has it; a range is refused, as dockerd would. */
function exposed(item: Value, client: ClientTexts): string {
  const text = item.text();
  if (refusing(item, () => parseExpose(text, client)).length > 1) return item.fail(`invalid port: ${text}`);
  return text;
}

function readPorts(value: Value, client: ClientTexts): Pick<Service, "ports" | "portList"> {
  const ports = new Map<string, PortBinding[]>();
  const portList: ServicePort[] = [];
  for (const [i, item] of value.items().entries()) {
    const text = item.isMap ? longPort(item, i) : item.text();
    for (const { port, binding } of refusing(item, () => parsePortSpec(text, client))) {
      const list = ports.get(port) ?? [];
      list.push(binding);
      ports.set(port, list);
      const [target, protocol] = port.split("/") as [string, string];
      portList.push({ target: Number(target), published: binding.hostPort, hostIp: binding.hostIp, protocol });
    }
  }
  return { ports, portList };
}

/** { target: 80, published: 8080, host_ip: 127.0.0.1, protocol: tcp } in the short form. */
function longPort(value: Value, index: number): string {
  const fields = new Map<string, string>();
  for (const [field, inner] of value.entries()) {
    if (!["target", "published", "host_ip", "protocol", "mode", "name", "app_protocol"].includes(field))
      inner.unknownIn(value);
    fields.set(field, inner.text());
  }
  const target =
    fields.get("target") ??
    value.fail(`service ports ${value.path.replace(/\.\d+$/, "")}.[${index}] is missing a target port`);
  const published = fields.get("published") ?? "";
  const hostIp = fields.get("host_ip");
  const host = hostIp !== undefined ? `${hostIp}:${published}:` : published === "" ? "" : `${published}:`;
  return `${host}${target}/${fields.get("protocol") ?? "tcp"}`;
}

function readServiceNetworks(value: Value): ServiceNetwork[] {
  if (value.isList) return value.texts().map(plainNetwork);
  return value.entries().map(([name, inner]) => {
    let network = { ...plainNetwork(name), given: !inner.isNull };
    for (const [field, part] of inner.entries()) {
      if (field === "aliases") network = { ...network, aliases: part.texts() };
      else if (field === "ipv4_address") network = { ...network, ipv4: part.text() };
      else if (field === "mac_address") network = { ...network, mac: macAddress(part) };
      else if (field === "priority") network = { ...network, priority: part.int() };
      else if (["ipv6_address", "link_local_ips", "driver_opts", "gw_priority", "interface_name"].includes(field))
        part.unsupported();
      else part.unknownIn(inner);
    }
    return network;
  });
}

function macAddress(value: Value): string {
  const text = value.text();
  return parseMac(text) ? text : value.fail(`invalid MAC address: ${text}`);
}

const CONDITIONS = ["service_started", "service_healthy", "service_completed_successfully"];

function readDependsOn(value: Value): Service["dependsOn"] {
  const plain: Dependency = { condition: "service_started", restart: false, required: true };
  if (value.isList) return new Map(value.texts().map((name) => [name, plain] as const));
  return new Map(
    value.entries().map(([name, inner]) => {
      let dependency = plain;
      for (const [field, part] of inner.entries()) {
        if (field === "restart") dependency = { ...dependency, restart: part.bool() };
        else if (field === "required") dependency = { ...dependency, required: part.bool() };
        else if (field !== "condition") part.unknownIn(inner);
        else {
          const condition = part.text();
          if (condition === "service_started" || condition === "service_completed_successfully")
            dependency = { ...dependency, condition };
          else if (CONDITIONS.includes(condition)) part.fail(`vethlab does not support the condition ${condition}`);
          else part.invalid(`value must be one of ${CONDITIONS.map((word) => `'${word}'`).join(", ")}`);
        }
      }
      return [name, dependency] as const;
    }),
  );
}

/** "name:address", as dockerd takes them. */
function readExtraHosts(value: Value): string[] {
  if (value.isMap) return value.pairs().map(([name, address]) => `${name}:${address ?? ""}`);
  return value.items().map((item) => {
    const text = item.text();
    const at = text.search(/[=:]/);
    if (at < 0)
      item.fail(
        `decoding failed due to the following error(s):\n\n'${value.path.replace(/^services\.(.+)\.extra_hosts$/, "services[$1].extra_hosts")}' invalid additional host, missing IP: ${text}`,
      );
    return `${text.slice(0, at)}:${text.slice(at + 1)}`;
  });
}

/** What dockerd would refuse is passed on to it. */
function readRestart(value: Value): RestartPolicy {
  const [name, count] = value.text().split(":") as [string, string | undefined];
  if (name === "no" || name === "false") return { name: "no", maximumRetryCount: 0 };
  return { name: name as RestartPolicy["name"], maximumRetryCount: Number(count ?? 0) };
}

function readVolume(value: Value): string {
  if (!value.isMap) return value.text();
  const fields = new Map<string, string>();
  for (const [field, inner] of value.entries()) {
    if (!["type", "source", "target"].includes(field)) inner.unsupported();
    fields.set(field, inner.text());
  }
  const target = fields.get("target") ?? value.fail("target is required");
  return fields.has("source") ? `${fields.get("source")}:${target}` : target;
}

/** "1m30s", "10s", "500ms" in whole seconds. */
function duration(value: Value): number {
  const text = value.text();
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text);
  if (!match || text === "") return value.fail(`invalid duration: ${text}`);
  const [hours, minutes, seconds, milliseconds] = match.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
  ];
  return hours * 3600 + minutes * 60 + seconds + Math.ceil(milliseconds / 1000);
}
