// What `-p` and `--expose` say: [[ADDRESS:][HOSTPORT]:]CONTAINERPORT[/proto], with ranges. Answers to go-connections
// nat/nat.go (ParsePortSpec) and nat/parse.go.

import { parseIpv4, parseIpv6 } from "../../wire/addr.ts";
import type { PortBinding } from "../container.ts";
import type { ClientTexts } from "../generations/generation.ts";
import { ClientError } from "./command.ts";

/** One port of a container and where it is to be published. */
export interface PortSpec {
  /** "80/tcp" */
  readonly port: string;
  readonly binding: PortBinding;
}

/** Throws ClientError in nat's words: "invalid hostPort: 99999". */
export function parsePortSpec(raw: string, texts: ClientTexts): PortSpec[] {
  const fail = (message: string, cause = ""): never => {
    throw new ClientError(texts.portError(message, cause));
  };
  const parts = splitColons(raw);
  const containerPart = parts.at(-1)!;
  const hostPort = parts.length > 1 ? parts.at(-2)! : "";
  const address = parts.length > 2 ? parts.slice(0, -2).join(":") : "";
  const slash = containerPart.indexOf("/");
  const protocol = slash < 0 ? "tcp" : containerPart.slice(slash + 1).toLowerCase();
  const containerPort = slash < 0 ? containerPart : containerPart.slice(0, slash);
  const ip = address.replace(/^\[(.*)\]$/, "$1");
  if (ip === address && ip.includes(":"))
    fail(`invalid IP address: ${ip}`, `: address ${ip}:: too many colons in address`);
  if (ip !== "" && parseIpv4(ip) === undefined && parseIpv6(ip) === undefined) fail(`invalid IP address: ${ip}`);
  if (containerPort === "") fail(`no port specified: ${raw}<empty>`);
  const [start, end] = parseRange(containerPort) ?? fail(`invalid containerPort: ${containerPort}`);
  const host = hostPort === "" ? undefined : (parseRange(hostPort) ?? fail(`invalid hostPort: ${hostPort}`));
  if (host && end - start !== host[1] - host[0] && end !== start)
    fail(`invalid ranges specified for container and host Ports: ${containerPort} and ${hostPort}`);
  if (protocol !== "tcp" && protocol !== "udp") {
    if (protocol === "sctp") throw new ClientError("vethlab does not support SCTP ports");
    fail(`invalid proto: ${containerPart.slice(slash + 1)}`);
  }
  const specs: PortSpec[] = [];
  for (let i = 0; i <= end - start; i++) {
    let published = host ? String(host[0] + i) : "";
    if (host && start === end && host[0] !== host[1]) published = `${published}-${host[1]}`;
    specs.push({ port: `${start + i}/${protocol}`, binding: { hostIp: ip, hostPort: published } });
  }
  return specs;
}

/** Splits at colons that are not inside brackets. */
function splitColons(text: string): string[] {
  const bracket = text.lastIndexOf("]");
  if (bracket < 0) return text.split(":");
  return [text.slice(0, bracket + 1), ...text.slice(bracket + 2).split(":")];
}

/** "80" or "8000-8010"; undefined when it is none. */
function parseRange(text: string): [number, number] | undefined {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (!match) return undefined;
  const start = Number(match[1]);
  const end = match[2] === undefined ? start : Number(match[2]);
  return start > 65535 || end > 65535 || end < start ? undefined : [start, end];
}

/** `--expose 80`, `--expose 8000-8010/udp`. Throws ClientError. */
export function parseExpose(text: string, texts: ClientTexts): string[] {
  if (text.includes(":")) throw new ClientError(`invalid port format for --expose: ${text}`);
  const [ports, proto = "tcp"] = text.split("/") as [string, string | undefined];
  const range = parseRange(ports);
  if (!range) {
    const number = ports.split("-").find((part) => !/^\d+$/.test(part) || Number(part) > 65535);
    const why =
      number === undefined
        ? texts.portError(`invalid range specified for port: ${ports}`, "")
        : `strconv.ParseUint: parsing ${JSON.stringify(number)}: ${/^\d+$/.test(number) ? "value out of range" : "invalid syntax"}`;
    throw new ClientError(`invalid range format for --expose: ${text}, error: ${why}`);
  }
  return Array.from({ length: range[1] - range[0] + 1 }, (_, i) => `${range[0] + i}/${proto.toLowerCase()}`);
}
