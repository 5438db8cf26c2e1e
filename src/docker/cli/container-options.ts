// The flags that `docker run` and `docker create` share, and the request that they make. Answers to docker/cli
// cli/command/container/opts.go; limits of resources, security and logging are refused by name.

import { NetError } from "../../base/errno.ts";
import { signalNumber } from "../../posix/process.ts";
import { parseIpv4, parseIpv6, parseMac } from "../../wire/addr.ts";
import type { ContainerRequest, EndpointRequest, PortBinding, RestartPolicy } from "../container.ts";
import { isUserDefined } from "../network.ts";
import { ClientError, type Command, type Context, readClientFile } from "./command.ts";
import { parseExpose, parsePortSpec } from "./port-spec.ts";

/** Those flags of `docker run` and `docker create` that vethlab has. */
export const CONTAINER_SUPPORTS = `add-host attach cap-add cap-drop cgroupns cidfile dns dns-option dns-search domainname entrypoint env
  env-file expose hostname init interactive ip ipc label label-file link mac-address name network network-alias pid privileged publish
  publish-all pull restart rm stop-signal stop-timeout sysctl tty user userns uts volume workdir`;

export const CHECK_VARIABLE: NonNullable<Command["checks"]> = { env: checkVariable };

export const CONTAINER_CHECKS: NonNullable<Command["checks"]> = {
  "add-host": checkHost,
  attach: (text) => (/^std(in|out|err)$/i.test(text) ? undefined : "valid streams are STDIN, STDOUT and STDERR"),
  dns: checkAddress,
  "dns-search": checkDomain,
  env: checkVariable,
  label: checkLabel,
  link: checkLink,
  network: checkNetwork,
  sysctl: checkSysctl,
};

/** The request of a `docker run` or `docker create`. Throws ClientError. */
export function containerRequest(context: Context): ContainerRequest {
  const { flags, args, client } = context;
  const bindings = new Map<string, PortBinding[]>();
  for (const text of flags.list("publish"))
    for (const { port, binding } of parsePortSpec(text, client)) {
      const bound = bindings.get(port);
      if (bound) bound.push(binding);
      else bindings.set(port, [binding]);
    }
  const exposed = new Set(bindings.keys());
  for (const text of flags.list("expose")) for (const port of parseExpose(text, client)) exposed.add(port);
  const main = networkOption(flags.list("network"));
  const { mode } = main;
  const aliases = [...main.aliases, ...flags.list("network-alias")];
  const given = main.mac !== "" ? main.mac : flags.string("mac-address");
  const mac = /^([0-9a-f]{2}-){5}[0-9a-f]{2}$/i.test(given) ? given.replaceAll("-", ":") : given;
  if (mac !== "" && !parseMac(mac)) throw new ClientError(`${given} is not a valid mac address`);
  const links = flags.list("link");
  const userDefined = isUserDefined(mode);
  const forgotten = client.forgetsUnnamed && !flags.given("network");
  if (mode.trim() === "") throw new ClientError("no name set for network");
  if (!forgotten && !userDefined) {
    if (aliases.length > 0)
      throw new ClientError("network-scoped aliases are only supported for user-defined networks");
    if (client.forgetsUnnamed && links.length > 0)
      throw new ClientError("links are only supported for user-defined networks");
  }
  const attached = flags.list("attach").map((name) => name.toLowerCase());
  const interactive = flags.bool("interactive");
  const detached = flags.bool("detach");
  const anyAttached = attached.length > 0;
  const attach = (name: string, otherwise: boolean) => !detached && (anyAttached ? attached.includes(name) : otherwise);
  const endpoint: EndpointRequest = {
    ip: forgotten ? "" : main.ip !== "" ? main.ip : flags.string("ip"),
    aliases: forgotten ? [] : aliases,
    links: userDefined ? links : [],
    mac: main.mac,
    byConnect: false,
  };
  const restart = restartPolicy(flags.string("restart"));
  if (flags.bool("rm") && restart.name !== "no") throw new ClientError(client.restartAndRemove);
  const stopSignal = flags.string("stop-signal");
  if (stopSignal !== "" && signalNumber(stopSignal) === undefined)
    throw new ClientError(`Error response from daemon: Invalid signal: ${stopSignal}`);
  const namespaceMode = (flag: string, what: string, known: RegExp): string => {
    const text = flags.string(flag);
    if (!known.test(text)) throw new ClientError(`--${flag}: invalid ${what} mode`);
    return text;
  };
  return {
    name: flags.string("name"),
    image: args[0]!,
    cmd: args.slice(1),
    entrypoint: flags.given("entrypoint") ? [flags.string("entrypoint")] : undefined,
    hostname: flags.string("hostname"),
    domain: flags.string("domainname"),
    user: flags.string("user"),
    workingDir: flags.string("workdir"),
    env: environment(context),
    labels: pairs([
      ...flags.list("label-file").flatMap((path) => entriesOf(context, path, "label")),
      ...flags.list("label"),
    ]),
    tty: flags.bool("tty"),
    openStdin: interactive,
    stdinOnce: interactive && !detached,
    attachStdin: attach("stdin", interactive),
    attachStdout: attach("stdout", true),
    attachStderr: attach("stderr", true),
    exposed: [...exposed],
    portBindings: bindings,
    publishAll: flags.bool("publish-all"),
    networkMode: mode,
    endpoint,
    macAddress: mac,
    dns: { servers: flags.list("dns"), search: flags.list("dns-search"), options: flags.list("dns-option") },
    extraHosts: flags.list("add-host").map(extraHost),
    links: userDefined ? [] : links,
    capAdd: flags.list("cap-add"),
    capDrop: flags.list("cap-drop"),
    privileged: flags.bool("privileged"),
    sysctls: pairs(flags.list("sysctl")),
    binds: flags.list("volume"),
    autoRemove: flags.bool("rm"),
    restart,
    stopSignal,
    stopTimeoutS: flags.int("stop-timeout"),
    init: flags.bool("init"),
    utsMode: namespaceMode("uts", "UTS", /^(host)?$/),
    pidMode: namespaceMode("pid", "PID", /^(host|container:.+)?$/),
    ipcMode: flags.string("ipc"),
    cgroupnsMode: namespaceMode("cgroupns", "CGROUP", /^(host|private)?$/),
    usernsMode: namespaceMode("userns", "USER", /^(host)?$/),
  };
}

interface NetworkOption {
  readonly mode: string;
  readonly aliases: readonly string[];
  readonly ip: string;
  readonly mac: string;
}

/** `--network NAME` or `--network name=NAME,alias=A,ip=I,mac-address=M`. */
function networkOption(values: readonly string[]): NetworkOption {
  const plain = (mode: string): NetworkOption => ({ mode, aliases: [], ip: "", mac: "" });
  if (values.length === 0) return plain("default");
  if (values.length > 1) {
    const own = values.filter((value) => !isUserDefined(value));
    if (own.length > 0 && own.length < values.length)
      throw new ClientError("conflicting options: cannot attach both user-defined and non-user-defined network-modes");
    throw new ClientError("vethlab does not support more than one --network");
  }
  const text = values[0]!;
  if (!text.includes("=")) return plain(text);
  let mode = "";
  let ip = "";
  let mac = "";
  const aliases: string[] = [];
  for (const field of text.split(",")) {
    const [key, value] = field.split("=", 2) as [string, string | undefined];
    if (value === undefined) throw new ClientError(`invalid field ${field}`);
    if (key === "name") mode = value;
    else if (key === "alias") aliases.push(value);
    else if (key === "ip") ip = value;
    else if (key === "mac-address") mac = value;
    else throw new ClientError(`vethlab does not support --network ${key}=…`);
  }
  if (mode === "") throw new ClientError("network name/id is not specified");
  return { mode, aliases, ip, mac };
}

function checkLink(text: string): string | undefined {
  if (text === "") return "empty string specified for links";
  return text.split(":").length > 2 ? `bad format for links: ${text}` : undefined;
}

function checkAddress(text: string): string | undefined {
  return parseIpv4(text) === undefined && parseIpv6(text) === undefined ? `${text} is not an ip address` : undefined;
}

function checkVariable(text: string): string | undefined {
  return text === "" || text.startsWith("=") ? `invalid environment variable: ${text}` : undefined;
}

function checkLabel(text: string): string | undefined {
  return text.startsWith("=") ? `invalid label '${text}': empty name` : undefined;
}

/** opts.ValidateDNSSearch */
function checkDomain(text: string): string | undefined {
  const domain = text.trim();
  const valid = domain === "." || /^([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?\.?)+$/.test(domain);
  return valid ? undefined : `${text} is not a valid domain`;
}

/** Fields of --network name=…,…: what Docker does not know. */
const NETWORK_FIELDS = /^(name|alias|driver-opt|ip6?|mac-address|link-local-ip|gw-priority)$/;

function checkNetwork(text: string): string | undefined {
  if (!text.includes("=")) return undefined;
  for (const field of text.split(",")) {
    const [key, value] = field.split("=", 2) as [string, string | undefined];
    if (value === undefined) return `invalid field ${field}`;
    if (!NETWORK_FIELDS.test(key)) return `invalid field key ${key}`;
  }
  return undefined;
}

const SYSCTLS = /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|net\..+|fs\.mqueue\..+)$/;

function checkSysctl(text: string): string | undefined {
  const equals = text.indexOf("=");
  return equals < 0 || !SYSCTLS.test(text.slice(0, equals)) ? `sysctl '${text}' is not whitelisted` : undefined;
}

const HOST = /^([^:=]+)[:=](.*)$/;

function checkHost(text: string): string | undefined {
  const match = HOST.exec(text);
  if (!match) return `bad format for add-host: ${JSON.stringify(text)}`;
  const address = unbracketed(match[2]!);
  if (address !== "host-gateway" && parseIpv4(address) === undefined && parseIpv6(address) === undefined)
    return `invalid IP address in add-host: ${JSON.stringify(address)}`;
  return undefined;
}

const unbracketed = (address: string): string => address.replace(/^\[(.*)\]$/, "$1");

function extraHost(text: string): string {
  const match = HOST.exec(text)!;
  return `${match[1]}:${unbracketed(match[2]!)}`;
}

/** "a=b" entries; one without = has an empty value. */
export function pairs(entries: readonly string[]): Map<string, string> {
  const out = new Map<string, string>();
  for (const entry of entries) {
    const at = entry.indexOf("=");
    out.set(at < 0 ? entry : entry.slice(0, at), at < 0 ? "" : entry.slice(at + 1));
  }
  return out;
}

/** The entries of an --env-file or --label-file (opts/file.go parseKeyValueFile). Throws ClientError. */
function entriesOf({ proc }: Context, path: string, what: "environment" | "label"): string[] {
  let text: string;
  try {
    text = readClientFile(proc, path);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    throw new ClientError(`open ${path}: ${error.message.toLowerCase()}`);
  }
  const out: string[] = [];
  for (const line of text.split("\n").map((each) => each.trimStart())) {
    if (line === "" || line.startsWith("#")) continue;
    const equals = line.indexOf("=");
    const name = (equals < 0 ? line : line.slice(0, equals)).trimStart();
    if (/[ \t]/.test(name))
      throw new ClientError(`poorly formatted environment: variable '${name}' contains whitespaces`);
    if (name === "") throw new ClientError(`poorly formatted environment: no variable name on line '${line}'`);
    if (equals >= 0 || what === "label" || proc.env.has(name))
      out.push(equals < 0 && what === "environment" ? `${name}=${proc.env.get(name)}` : line);
  }
  return out;
}

/** --env-file and -e; a name alone takes the client's own value, or nothing. */
export function environment(context: Context): string[] {
  const { flags, proc } = context;
  const out = flags.list("env-file").flatMap((path) => entriesOf(context, path, "environment"));
  for (const entry of flags.list("env"))
    if (entry.includes("=")) out.push(entry);
    else if (proc.env.has(entry)) out.push(`${entry}=${proc.env.get(entry)}`);
  return out;
}

/** What a policy's text says; what it means is the daemon's to judge (opts.ParseRestartPolicy). */
export function restartPolicy(text: string): RestartPolicy {
  const [name, count, more] = text.split(":") as [string, string | undefined, string | undefined];
  if (more !== undefined) throw new ClientError("invalid restart policy format");
  if (count !== undefined && !/^[+-]?\d+$/.test(count)) throw new ClientError("maximum retry count must be an integer");
  return { name: (name || "no") as RestartPolicy["name"], maximumRetryCount: Number(count ?? 0) };
}
