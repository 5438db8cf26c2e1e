// What a command of compose is, what it is given, and which containers the words after it mean. Answers to docker/compose
// cmd/compose/compose.go.

import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import type { Flag, Flags } from "../cli/flags.ts";
import type { Container } from "../container.ts";
import type { Daemon } from "../daemon.ts";
import { ComposeError } from "./model.ts";
import type { Deployment } from "./project.ts";

export interface Subcommand {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly flags: readonly Flag[];
  readonly stopAtArgument?: boolean;
  /** fewer are a mistake */
  readonly minArgs?: number;
  run(run: ComposeRun): Task<number>;
}

/** One call of compose. */
export interface ComposeRun {
  readonly proc: Process;
  readonly daemon: Daemon;
  readonly deployment: Deployment;
  readonly flags: Flags;
  readonly args: readonly string[];
}

/** The containers of the services that were named, or of all. Throws ComposeError for a service that is not there. */
export function chosenOf({ deployment, args }: ComposeRun): Container[] {
  for (const name of args) requireService(deployment, name);
  return args.length === 0 ? deployment.containers() : args.flatMap((service) => deployment.containers(service));
}

export function requireService({ project }: Deployment, name: string): void {
  if (!project.services.some((service) => service.name === name)) throw new ComposeError(`no such service: ${name}`);
}

/** One container of a service, by --index. Throws ComposeError when there is none that runs. */
export function runningOf({ deployment, flags }: ComposeRun, service: string): Container {
  const container = deployment.containers(service)[(flags.int("index") ?? 1) - 1];
  if (!container?.running) throw new ComposeError(`service ${JSON.stringify(service)} is not running`);
  return container;
}
