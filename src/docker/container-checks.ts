// Options of a container that exclude each other, refused when it is made. Answers to moby runconfig/hostconfig.go
// (validateNetContainerMode, validateNetMode).

import { parseIpv4 } from "../wire/addr.ts";
import type { ContainerRequest } from "./container.ts";
import type { Daemon } from "./daemon.ts";
import { badRequest } from "./errors.ts";

/** Throws DaemonError 400 in the daemon's words. */
export function validateRequest(daemon: Daemon, request: ContainerRequest): void {
  const mode = request.networkMode;
  const conflicting = (what: string) => badRequest(`conflicting options: ${what}`);
  if (mode.startsWith("container:")) {
    if (mode === "container:") throw badRequest("Invalid network mode: invalid container format container:<name|id>");
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
  if (mode === "host" && request.links.length > 0)
    throw conflicting("host type networking can't be used with links. This would result in undefined behavior");
  const { ip } = request.endpoint;
  if (ip !== "" && parseIpv4(ip) === undefined) throw badRequest(`invalid IPv4 address: ${ip}`);
  void daemon;
}
