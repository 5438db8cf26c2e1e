// One service of a compose file: every field is read, or refused with its line. Answers to compose-spec/05-services.md.

import { parseIpv4, parseMac } from "../../wire/addr.ts";
import { ClientError } from "../cli/command.ts";
import { parseExpose, parsePortSpec } from "../cli/port-spec.ts";
import type { PortBinding, RestartPolicy } from "../container.ts";
import type { ClientTexts } from "../generations/generation.ts";
import type { Service, ServiceNetwork } from "./model.ts";
import type { Value } from "./reader.ts";
import { splitWords } from "./words.ts";

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
  ...["provider", "pull_policy", "read_only", "runtime", "secrets", "security_opt", "shm_size", "storage_opt", "tmpfs"],
  ...["ulimits", "userns_mode", "uts", "volumes_from"],
]);

/** Throws ComposeError. */
export function ipv4(value: Value): string {
  const text = value.text();
  return parseIpv4(text) === undefined ? value.fail(`invalid IPv4 address: ${text}`) : text;
}

/** A map of strings; Throws ComposeError. */
export function stringMap(value: Value): Map<string, string> {
  return new Map(value.pairs().map(([name, text]) => [name, text ?? ""]));
}

/** Throws ComposeError: "compose.yaml:7: services.web.prots: Additional property prots is not allowed". */
export function readService(name: string, value: Value, { client, variables }: FieldContext): Service {
  let draft: Service = emptyService(name);
  let networksGiven = false;
  for (const [field, inner] of value.entries()) {
    const read = SERVICE_FIELDS.get(field);
    if (read) draft = { ...draft, ...read(inner, { client, variables }, draft) };
    else if (ABSENT_SERVICE.has(field)) inner.unsupported();
    else if (!field.startsWith("x-")) inner.fail(`Additional property ${field} is not allowed`);
    if (field === "networks") networksGiven = true;
  }
  if (draft.image === "") value.fail("service has neither an image nor a build context specified");
  if (draft.networkMode !== "" && networksGiven)
    value.fail("service declares mutually exclusive `network_mode` and `networks`");
  if (draft.networkMode === "" && !networksGiven) return { ...draft, networks: [plainNetwork("default")] };
  return draft;
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
    environment: [],
    labels: new Map(),
    ports: new Map(),
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
  };
}

const plainNetwork = (name: string): ServiceNetwork => ({ name, aliases: [], ipv4: "", mac: "", priority: 0 });

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
  ["ports", (value, { client }) => ({ ports: readPorts(value, client) })],
  ["expose", (value, { client }) => ({ expose: value.items().flatMap((item) => exposed(item, client)) })],
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
  ["stop_grace_period", (value) => ({ stopTimeoutS: duration(value) })],
  ["init", (value) => ({ init: value.bool() })],
  ["mac_address", (value) => ({ macAddress: macAddress(value) })],
  ["scale", (value) => ({ replicas: value.int() })],
  ["deploy", readDeploy],
]);

function readDeploy(value: Value): Partial<Service> {
  let replicas = 1;
  for (const [field, inner] of value.entries()) {
    if (field === "replicas") replicas = inner.int();
    else inner.unsupported();
  }
  return { replicas };
}

function words(value: Value): string[] {
  return value.isList ? value.texts() : splitWords(value.text());
}

function environment(value: Value, variables: ReadonlyMap<string, string>): string[] {
  return value.pairs().flatMap(([name, text]) => {
    const known = text ?? variables.get(name);
    return known === undefined ? [] : [`${name}=${known}`];
  });
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

function exposed(item: Value, client: ClientTexts): string[] {
  return refusing(item, () => parseExpose(item.text(), client));
}

function readPorts(value: Value, client: ClientTexts): Map<string, PortBinding[]> {
  const out = new Map<string, PortBinding[]>();
  for (const item of value.items()) {
    const text = item.isMap ? longPort(item) : item.text();
    for (const { port, binding } of refusing(item, () => parsePortSpec(text, client))) {
      const list = out.get(port) ?? [];
      list.push(binding);
      out.set(port, list);
    }
  }
  return out;
}

/** { target: 80, published: 8080, host_ip: 127.0.0.1, protocol: tcp } in the short form. */
function longPort(value: Value): string {
  const fields = new Map<string, string>();
  for (const [field, inner] of value.entries()) {
    if (!["target", "published", "host_ip", "protocol", "mode", "name", "app_protocol"].includes(field))
      inner.fail(`Additional property ${field} is not allowed`);
    fields.set(field, inner.text());
  }
  const target = fields.get("target") ?? value.fail("target is required");
  const published = fields.get("published") ?? "";
  const hostIp = fields.get("host_ip");
  const host = hostIp !== undefined ? `${hostIp}:${published}:` : published === "" ? "" : `${published}:`;
  return `${host}${target}/${fields.get("protocol") ?? "tcp"}`;
}

function readServiceNetworks(value: Value): ServiceNetwork[] {
  if (value.isList) return value.texts().map(plainNetwork);
  return value.entries().map(([name, inner]) => {
    let network = plainNetwork(name);
    for (const [field, part] of inner.entries()) {
      if (field === "aliases") network = { ...network, aliases: part.texts() };
      else if (field === "ipv4_address") network = { ...network, ipv4: ipv4(part) };
      else if (field === "mac_address") network = { ...network, mac: macAddress(part) };
      else if (field === "priority") network = { ...network, priority: part.int() };
      else if (["ipv6_address", "link_local_ips", "driver_opts", "gw_priority", "interface_name"].includes(field))
        part.unsupported();
      else part.fail(`Additional property ${field} is not allowed`);
    }
    return network;
  });
}

function macAddress(value: Value): string {
  const text = value.text();
  return parseMac(text) ? text : value.fail(`invalid MAC address: ${text}`);
}

function readDependsOn(value: Value): Service["dependsOn"] {
  if (value.isList) return new Map(value.texts().map((name) => [name, "service_started"] as const));
  return new Map(
    value.entries().map(([name, inner]) => {
      let condition: "service_started" | "service_completed_successfully" = "service_started";
      for (const [field, part] of inner.entries()) {
        const text = part.text();
        if (field === "restart" || field === "required") continue;
        if (field !== "condition") part.fail(`Additional property ${field} is not allowed`);
        if (text === "service_started" || text === "service_completed_successfully") condition = text;
        else part.fail(`vethlab does not support the condition ${text}`);
      }
      return [name, condition] as const;
    }),
  );
}

function readExtraHosts(value: Value): string[] {
  if (value.isMap) return value.pairs().map(([name, address]) => `${name}:${address ?? ""}`);
  return value.texts().map((text) => text.replace("=", ":"));
}

function readRestart(value: Value): RestartPolicy {
  const text = value.text();
  const [name, count] = text.split(":") as [string, string | undefined];
  if (name === "no" || name === "false") return { name: "no", maximumRetryCount: 0 };
  if (name === "always" || name === "unless-stopped" || name === "on-failure")
    return { name, maximumRetryCount: Number(count ?? 0) };
  return value.fail(`invalid restart policy '${text}'`);
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
