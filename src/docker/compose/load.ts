// Reads a compose file into a project. Every field is read, or refused with its line: as unknown, or as one that vethlab
// does not support. Answers to compose-spec/spec.md and compose-go's loader.

import type { ClientTexts } from "../generations/generation.ts";
import type { IpamConfig } from "../network.ts";
import { ComposeError, type Project, type ProjectNetwork, type Service } from "./model.ts";
import { ComposeFile, type Value } from "./reader.ts";
import { INVALID_PROJECT, readService, stringMap } from "./service.ts";

export interface LoadOptions {
  /** the whole path of the file, and the project's folder */
  readonly path: string;
  readonly text: string;
  /** of the environment and .env */
  readonly variables: ReadonlyMap<string, string>;
  /** -p, COMPOSE_PROJECT_NAME; "" for what the file or its folder says */
  readonly projectName: string;
  readonly folder: string;
  readonly client: ClientTexts;
}

/** A folder's name as a project's: lower case, letters, digits, - and _ (NormalizeProjectName). */
export function projectNameOf(folder: string): string {
  return (
    folder
      .split("/")
      .filter((part) => part !== "")
      .at(-1) ?? ""
  )
    .toLowerCase()
    .replace(/[^-_a-z0-9]/g, "")
    .replace(/^[_-]+/, "");
}

/** Throws ComposeError, with file and line for what the file gets wrong. */
export function loadProject(options: LoadOptions): Project {
  const { path, folder } = options;
  const file = new ComposeFile(path, options.text, options.variables);
  if (file.root.isNull) throw new ComposeError("empty compose file");
  let name = options.projectName;
  let servicesValue: Value | undefined;
  let services: [string, Value][] = [];
  let networks: [string, Value][] = [];
  const extensions = new Map<string, unknown>();
  const warnings: string[] = [];
  for (const [field, value] of file.root.entries()) {
    if (field === "services") {
      servicesValue = value;
      services = value.isMap ? value.entries() : value.fail("services must be a mapping");
    } else if (field === "networks") networks = value.entries();
    else if (field === "name") name = name === "" ? projectNameOf(value.text()) : name;
    else if (field === "volumes") for (const [, volume] of value.entries()) plainVolume(volume);
    else if (field === "version")
      warnings.push(
        `${path}: the attribute \`version\` is obsolete, it will be ignored, please remove it to avoid potential confusion`,
      );
    else if (field.startsWith("x-")) extensions.set(field, value.plain());
    else if (field === "secrets" || field === "configs" || field === "include" || field === "models")
      value.unsupported();
    else value.unknownIn(file.root);
  }
  if (name === "") name = projectNameOf(folder);
  if (name === "") throw new ComposeError("project name must not be empty");
  if (services.length === 0) throw new ComposeError("no service selected");
  for (const [service, value] of services) if (!/^[a-zA-Z0-9._-]+$/.test(service)) value.unknownIn(servicesValue!);
  const projectNetworks = networks.map(([key, value]) => readNetwork(name, key, value));
  const read = services.map(([service, value]) => readService(service, value, options));
  if (
    read.some(({ networks: used }) => used.some((network) => network.name === "default")) &&
    !projectNetworks.some(({ key }) => key === "default")
  )
    projectNetworks.unshift(defaultNetwork(name));
  for (const [i, service] of read.entries()) checkReferences(service, services[i]![1], read, projectNetworks);
  inOrder(read, []);
  for (const variable of file.unset)
    warnings.unshift(`The "${variable}" variable is not set. Defaulting to a blank string.`);
  return { name, file: path, folder, services: read, networks: projectNetworks, extensions, warnings };
}

/** Services in the order in which they may start; only `wanted` and what they need. Throws ComposeError for a circle. */
export function inOrder(services: readonly Service[], wanted: readonly string[]): Service[] {
  const out: Service[] = [];
  const open = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    const service = services.find((one) => one.name === name);
    if (!service) throw new ComposeError(`no such service: ${name}`);
    if (out.includes(service)) return;
    if (open.has(name)) throw new ComposeError(`dependency cycle detected: ${[...path, name].join(" -> ")}`);
    open.add(name);
    for (const needed of service.dependsOn.keys()) visit(needed, [...path, name]);
    open.delete(name);
    out.push(service);
  };
  const names = wanted.length > 0 ? wanted : services.map(({ name }) => name).sort();
  for (const name of names) visit(name, []);
  return out;
}

function plainVolume(volume: Value): void {
  for (const [field, value] of volume.entries()) if (field !== "name" && field !== "labels") value.unsupported();
}

function defaultNetwork(project: string): ProjectNetwork {
  return {
    key: "default",
    name: `${project}_default`,
    external: false,
    driver: "bridge",
    internal: false,
    attachable: false,
    options: new Map(),
    labels: new Map(),
    ipam: [],
    driverGiven: false,
  };
}

function readNetwork(project: string, key: string, value: Value): ProjectNetwork {
  let network: ProjectNetwork = { ...defaultNetwork(project), key, name: `${project}_${key}` };
  let named = false;
  for (const [field, inner] of value.entries()) {
    switch (field) {
      case "name":
        network = { ...network, name: inner.text() };
        named = true;
        break;
      case "external":
        if (inner.isMap) {
          for (const [part, text] of inner.entries()) {
            if (part !== "name") text.unknownIn(inner);
            network = { ...network, name: text.text(), external: true };
            named = true;
          }
        } else network = { ...network, external: inner.bool() };
        break;
      case "driver":
        network = { ...network, driver: inner.text(), driverGiven: true };
        break;
      case "driver_opts":
        network = { ...network, options: stringMap(inner) };
        break;
      case "internal":
        network = { ...network, internal: inner.bool() };
        break;
      case "attachable":
        network = { ...network, attachable: inner.bool() };
        break;
      case "labels":
        network = { ...network, labels: stringMap(inner) };
        break;
      case "ipam":
        network = { ...network, ipam: readIpam(inner) };
        break;
      case "enable_ipv6":
        if (inner.bool()) inner.unsupported();
        break;
      default:
        if (!field.startsWith("x-")) inner.unknownIn(value);
    }
  }
  return network.external && !named ? { ...network, name: key } : network;
}

function readIpam(value: Value): IpamConfig[] {
  const configs: IpamConfig[] = [];
  for (const [field, inner] of value.entries()) {
    if (field === "driver") {
      if (inner.text() !== "default") inner.unsupported();
    } else if (field === "config")
      for (const item of inner.items()) {
        let config: IpamConfig = { subnet: "", ipRange: "", gateway: "", auxAddresses: new Map() };
        for (const [part, text] of item.entries()) {
          if (part === "subnet") config = { ...config, subnet: text.text() };
          else if (part === "ip_range") config = { ...config, ipRange: text.text() };
          else if (part === "gateway") config = { ...config, gateway: text.text() };
          else if (part === "aux_addresses") config = { ...config, auxAddresses: stringMap(text) };
          else text.unknownIn(item);
        }
        configs.push(config);
      }
    else inner.unsupported();
  }
  return configs;
}

function checkReferences(
  service: Service,
  value: Value,
  services: readonly Service[],
  networks: readonly ProjectNetwork[],
): void {
  const name = JSON.stringify(service.name);
  for (const { name: network } of service.networks)
    if (!networks.some(({ key }) => key === network))
      value.fail(`service ${name} refers to undefined network ${network}: ${INVALID_PROJECT}`);
  for (const needed of service.dependsOn.keys())
    if (!services.some((other) => other.name === needed))
      value.fail(`service ${name} depends on undefined service ${JSON.stringify(needed)}: ${INVALID_PROJECT}`);
}
