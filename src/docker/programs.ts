// The programs that Docker brings to a host.

import { lazyProgram } from "../posix/lazy-program.ts";
import type { Program } from "../posix/process.ts";
import { docker } from "./cli/docker.ts";
import { dockerProxy } from "./docker-proxy.ts";

/** By name: docker, docker-compose, docker-proxy. */
export const dockerPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["docker", docker],
  [
    "docker-compose",
    lazyProgram(
      () => import("./compose/compose.ts"),
      ({ dockerCompose }) => dockerCompose,
    ),
  ],
  ["docker-proxy", dockerProxy],
]);

export { dockerCompleters } from "./cli/completers.ts";
export { configureDocker, type DockerSettings, scriptCallsDocker, startDocker } from "./daemon.ts";
export { BadImageDirective, parseImageDirective } from "./images.ts";
