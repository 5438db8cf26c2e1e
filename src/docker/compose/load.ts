// Reads a compose file into a project. Every field is read, or refused with its line: as unknown, or as one that vethlab
// does not support. Answers to compose-spec/spec.md and compose-go's loader.

import { formatCidr, parseCidr } from "../../wire/addr.ts";
import type { ClientTexts } from "../generations/generation.ts";
import type { IpamConfig } from "../network.ts";
import { ComposeError, type Project, type ProjectNetwork, type Service } from "./model.ts";
import { ComposeFile, type Value } from "./reader.ts";
import { ipv4, readService, stringMap } from "./service.ts";

export interface LoadOptions {
  readonly fileName: string;
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

/** Throws ComposeError: "compose.yaml:7: services.web: …". */
export function loadProject(options: LoadOptions): Project {
  const file = new ComposeFile(options.fileName, options.text, options.variables);
  let name = options.projectName;
  let services: [string, Value][] = [];
  let networks: [string, Value][] = [];
  for (const [field, value] of file.root.entries()) {
    if (field === "services") services = value.entries();
    else if (field === "networks") networks = value.entries();
    else if (field === "name") name = name === "" ? value.text() : name;
    else if (field === "volumes") for (const [, volume] of value.entries()) plainVolume(volume);
    else if (field === "version" || field.startsWith("x-")) continue;
    else if (field === "secrets" || field === "configs" || field === "include" || field === "models")
      value.unsupported();
    else value.fail(`Additional property ${field} is not allowed`);
  }
  if (name === "") name = projectNameOf(options.folder);
  if (name === "") throw new ComposeError("project name must not be empty");
  if (services.length === 0) throw new ComposeError(`${options.fileName}: no service selected`);
  const projectNetworks = networks.map(([key, value]) => readNetwork(name, key, value));
  const read = services.map(([service, value]) => readService(service, value, options));
  if (
    read.some(({ networks: used }) => used.some((network) => network.name === "default")) &&
    !projectNetworks.some(({ key }) => key === "default")
  )
    projectNetworks.unshift(defaultNetwork(name));
  for (const [i, service] of read.entries()) checkReferences(service, services[i]![1], read, projectNetworks);
  return { name, file: options.fileName, services: read, networks: projectNetworks };
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
            if (part !== "name") text.fail(`Additional property ${part} is not allowed`);
            network = { ...network, name: text.text(), external: true };
            named = true;
          }
        } else network = { ...network, external: inner.bool() };
        break;
      case "driver":
        network = { ...network, driver: inner.text() };
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
        if (!field.startsWith("x-")) inner.fail(`Additional property ${field} is not allowed`);
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
          if (part === "subnet") config = { ...config, subnet: cidr(text) };
          else if (part === "ip_range") config = { ...config, ipRange: cidr(text) };
          else if (part === "gateway") config = { ...config, gateway: ipv4(text) };
          else if (part === "aux_addresses") config = { ...config, auxAddresses: stringMap(text) };
          else text.fail(`Additional property ${part} is not allowed`);
        }
        configs.push(config);
      }
    else inner.unsupported();
  }
  return configs;
}

function cidr(value: Value): string {
  const text = value.text();
  const parsed = parseCidr(text);
  if (!parsed || !text.includes("/")) return value.fail(`invalid CIDR address: ${text}`);
  return formatCidr(parsed.address, parsed.prefix);
}

function checkReferences(
  service: Service,
  value: Value,
  services: readonly Service[],
  networks: readonly ProjectNetwork[],
): void {
  const known = (name: string) => services.some((other) => other.name === name);
  for (const { name } of service.networks)
    if (!networks.some(({ key }) => key === name))
      value.fail(
        `service ${JSON.stringify(service.name)} refers to undefined network ${name}: invalid compose project`,
      );
  for (const name of service.dependsOn.keys())
    if (!known(name))
      value.fail(
        `service ${JSON.stringify(service.name)} depends on undefined service ${JSON.stringify(name)}: invalid compose project`,
      );
  for (const link of service.links)
    if (!known(link.split(":")[0]!))
      value.fail(
        `service ${JSON.stringify(service.name)} links to undefined service ${JSON.stringify(link.split(":")[0])}: invalid compose project`,
      );
  const shared = /^service:(.+)$/.exec(service.networkMode)?.[1];
  if (shared !== undefined && !known(shared))
    value.fail(
      `service ${JSON.stringify(service.name)} shares the network of undefined service ${JSON.stringify(shared)}: invalid compose project`,
    );
}
