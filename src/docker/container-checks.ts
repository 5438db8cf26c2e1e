// Options of a container that exclude each other, refused when it is made. Answers to moby runconfig/hostconfig.go
// (validateNetContainerMode, validateNetMode).

import { parseIpv4 } from "../wire/addr.ts";
import type { ContainerRequest, RestartPolicy } from "./container.ts";
import { CAPABILITIES, capabilityName } from "./credentials.ts";
import { badRequest } from "./errors.ts";
import type { Texts } from "./generations/generation.ts";
import { isUserDefined } from "./network.ts";

/** Throws DaemonError 400 in the daemon's words. */
export function validateRequest(request: ContainerRequest, texts: Texts): void {
  const mode = request.networkMode;
  const conflicting = (what: string) => badRequest(`conflicting options: ${what}`);
  if (mode.startsWith("container:")) {
    if (mode === "container:") throw badRequest(texts.invalidNetworkMode);
    if (request.hostname !== "") throw conflicting("hostname and the network mode");
    if (request.links.length > 0)
      throw conflicting("container type network can't be used with links. This would result in undefined behavior");
    if (request.dns.servers.length > 0) throw conflicting("dns and the network mode");
    if (request.extraHosts.length > 0) throw conflicting("custom host-to-IP mapping and the network mode");
    if (request.macAddress !== "") throw conflicting("mac-address and the network mode");
    if (request.portBindings.size > 0 || request.publishAll)
      throw conflicting("port publishing and the container type network mode");
    if (request.exposed.length > 0) throw conflicting("port exposing and the container type network mode");
  }
  if (mode === "container") throw badRequest("Invalid network mode: invalid container format container:<name|id>");
  if (mode === "host" && request.macAddress !== "") throw conflicting("mac-address and the network mode");
  if (mode === "host" && request.links.length > 0)
    throw conflicting("host type networking can't be used with links. This would result in undefined behavior");
  const { ip } = request.endpoint;
  if (!texts.settingsAtCreate && ip !== "" && isUserDefined(mode) && parseIpv4(ip) === undefined)
    throw badRequest(`invalid IPv4 address: ${ip}`);
  for (const [flag, names] of [
    ["CapAdd", request.capAdd],
    ["CapDrop", request.capDrop],
  ] as const)
    for (const name of names) {
      const bare = capabilityName(name);
      if (bare !== "ALL" && !CAPABILITIES.has(bare))
        throw badRequest(`invalid ${flag}: unknown capability: "CAP_${bare}"`);
    }
  for (const bind of request.binds) checkBind(bind);
  const { workingDir } = request;
  if (workingDir !== "" && !workingDir.startsWith("/"))
    throw badRequest(`the working directory '${workingDir}' is invalid, it needs to be an absolute path`);
  validateRestartPolicy(request.restart, texts);
  if (!/^(private|shareable|none|host|container:.+)?$/.test(request.ipcMode))
    throw badRequest(`Invalid IPC mode: ${request.ipcMode}`);
}

/** container.ValidateRestartPolicy. Throws DaemonError 400. */
export function validateRestartPolicy({ name, maximumRetryCount }: RestartPolicy, texts: Texts): void {
  if (!["no", "always", "on-failure", "unless-stopped"].includes(name))
    throw badRequest(texts.unknownRestartPolicy(name));
  if (maximumRetryCount !== 0 && name !== "on-failure") throw badRequest(texts.retryCountOf(name, maximumRetryCount));
  if (maximumRetryCount < 0) throw badRequest(texts.negativeRetryCount);
}

const BIND_MODE = /^(rw|ro|z|Z|nocopy|r?shared|r?slave|r?private|consistent|cached|delegated)$/;

/** HOST:CONTAINER[:MODE] (moby volume/mounts linux parser). Throws DaemonError 400. */
function checkBind(bind: string): void {
  const parts = bind.split(":");
  if (parts.length > 3) throw badRequest(`invalid volume specification: '${bind}'`);
  const mode = parts[2] ?? "";
  if (mode !== "" && !mode.split(",").every((word) => BIND_MODE.test(word))) throw badRequest(`invalid mode: ${mode}`);
  const target = parts.length === 1 ? parts[0]! : parts[1]!;
  if (parts.length > 1 && !target.startsWith("/"))
    throw badRequest(
      `invalid volume specification: '${bind}': invalid mount config for type "bind": invalid mount path: '${target}' mount path must be absolute`,
    );
  if (target.replace(/\/+$/, "") === "" && parts.length > 1)
    throw badRequest(
      `invalid volume specification: '${bind}': invalid mount config for type "bind": invalid specification: destination can't be '/'`,
    );
  if (mode.split(",").includes("ro")) throw badRequest(`vethlab does not support read-only mounts: '${bind}'`);
}
