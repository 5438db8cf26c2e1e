// docker inspect, docker network inspect, docker port, docker top. Answers to docker/cli cli/command/inspect
// and cli/command/system/inspect.go.

import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { logTime } from "../clock.ts";
import type { Container } from "../container.ts";
import type { Daemon } from "../daemon.ts";
import { conflict, DaemonError } from "../errors.ts";
import { tabulate } from "../format.ts";
import { type Inspected, inspectContainer, inspectImage, inspectNetwork } from "../inspect.ts";
import { processesOf } from "../lifecycle.ts";
import { Template, TemplateError } from "../template/execute.ts";
import { goJson, goJsonIndent, toMaps } from "../template/value.ts";
import { ClientError, type Command, type Context } from "./command.ts";

export const inspect: Command = {
  name: "inspect",
  supports: "format type",
  args: { min: 1 },
  *run(context: Context): Task<number> {
    const type = context.flags.string("type");
    if (!["", "container", "image", "network"].includes(type))
      throw new ClientError(
        ["volume", "task", "secret", "service", "node", "plugin"].includes(type)
          ? `vethlab does not support inspect --type ${type}`
          : `${JSON.stringify(type)} is not a valid value for --type`,
      );
    return yield* inspectAll(context, (term) => {
      const found = findAny(context.daemon, term, type);
      if (!found) throw new ClientError(noSuchObject(type, term));
      return found;
    });
  },
};

function noSuchObject(type: string, term: string): string {
  return type === "" ? `Error: No such object: ${term}` : `Error: No such ${type}: ${term}`;
}

/** The first object of that name: container, image, network. */
function findAny(daemon: Daemon, term: string, type: string): Inspected | undefined {
  const quietly = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (error instanceof DaemonError || (error as Error).name === "BadReference") return undefined;
      throw error;
    }
  };
  if (type === "" || type === "container") {
    const container = quietly(() => daemon.findContainer(term));
    if (container) return inspectContainer(daemon, container);
  }
  if (type === "" || type === "image") {
    const image = quietly(() => daemon.images.find(term));
    if (image) return inspectImage(daemon, image);
  }
  if (type === "" || type === "network") {
    const network = quietly(() => daemon.net.find(term));
    if (network) return inspectNetwork(daemon, network);
  }
  return undefined;
}

/** `docker image inspect`, `docker container inspect`: one kind only. */
export function inspectKind(type: "container" | "image"): Command {
  return {
    name: `${type} inspect`,
    supports: "format",
    args: { min: 1 },
    *run(context: Context): Task<number> {
      return yield* inspectAll(context, (term) => {
        const found = findAny(context.daemon, term, type);
        if (!found) throw new ClientError(noSuchObject(type, term));
        return found;
      });
    },
  };
}

export const networkInspect: Command = {
  name: "network inspect",
  supports: "format verbose",
  args: { min: 1 },
  *run(context: Context): Task<number> {
    return yield* inspectAll(context, (term) => {
      try {
        return inspectNetwork(context.daemon, context.daemon.net.find(term));
      } catch (error) {
        if (error instanceof DaemonError && error.status === 404)
          throw new ClientError(context.client.noSuchNetwork(term));
        throw error;
      }
    });
  },
};

/** Prints what is found, then says what is not. */
function* inspectAll(context: Context, find: (term: string) => Inspected): Task<number> {
  const format = context.flags.string("format");
  let template: Template | undefined;
  if (format !== "" && format !== "json") {
    try {
      template = new Template(format);
    } catch (error) {
      if (error instanceof TemplateError) throw new ClientError(`template parsing error: ${error.message}`, 64);
      throw error;
    }
  }
  const found: Inspected[] = [];
  const errors: string[] = [];
  let text = "";
  for (const term of context.args) {
    try {
      for (const container of context.daemon.containers.values())
        if (container.name === term || container.id.startsWith(term)) yield* container.unlocked();
      const value = find(term);
      if (template) text += `${render(template, value)}\n`;
      found.push(value);
    } catch (error) {
      if (error instanceof ClientError) errors.push(error.message);
      else if (error instanceof DaemonError) errors.push(`Error response from daemon: ${error.message}`);
      else if (error instanceof TemplateError) {
        errors.push(`template parsing error: ${error.message}`);
        text += "\n";
        break;
      } else throw error;
    }
  }
  if (format === "json") text = `${goJson(found.map(({ typed }) => typed))}\n`;
  else if (!template) text = `${goJsonIndent(found.map(({ sent }) => sent))}\n`;
  yield* context.print(text);
  if (errors.length === 0) return 0;
  yield* context.printError(`${errors.join("\n")}\n`);
  return 1;
}

/** The client's types first; where they do not know a field, the document as it came. Throws TemplateError. */
function render(template: Template, { sent, typed }: Inspected): string {
  try {
    return template.execute(typed);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return template.execute(toMaps(sent), { missingKeyError: true });
  }
}

export const port: Command = {
  name: "port",
  supports: "",
  args: { min: 1, max: 2 },
  *run(context: Context): Task<number> {
    const { args, client } = context;
    const container = yield* context.inspected(args[0]!);
    const mappings = (container.sandbox?.endpoints ?? []).flatMap(({ portMappings }) => portMappings);
    const address = (mapping: { hostIp: string; hostPort: number }) =>
      `${mapping.hostIp.includes(":") ? client.ipv6Host(mapping.hostIp) : mapping.hostIp}:${mapping.hostPort}`;
    const wanted = args[1];
    if (wanted !== undefined) {
      const number = wanted.split("/")[0]!;
      if (!/^\d+$/.test(number) || Number(number) > 65535)
        throw new ClientError(
          `strconv.ParseUint: parsing ${JSON.stringify(number)}: ${/^\d+$/.test(number) ? "value out of range" : "invalid syntax"}`,
        );
      const key = wanted.includes("/") ? wanted : `${wanted}/tcp`;
      const found = mappings.filter((mapping) => `${mapping.port}/${mapping.protocol}` === key);
      if (found.length === 0) throw new ClientError(client.noPublicPort(wanted, args[0]!));
      yield* context.print(naturalSort(found.map(address)));
      return 0;
    }
    const lines = mappings.map((mapping) => `${mapping.port}/${mapping.protocol} -> ${address(mapping)}`);
    yield* context.print(naturalSort(lines));
    return 0;
  },
};

/** Lines with numbers in them compared as numbers (fvbommel/sortorder). */
function naturalSort(lines: readonly string[]): string {
  const parts = (line: string) => line.split(/(\d+)/);
  const compare = (a: string, b: string): number => {
    const [left, right] = [parts(a), parts(b)];
    for (let i = 0; i < Math.min(left.length, right.length); i++) {
      if (left[i] === right[i]) continue;
      if (i % 2 === 1 && Number(left[i]) !== Number(right[i])) return Number(left[i]) - Number(right[i]);
      return left[i]! < right[i]! ? -1 : 1;
    }
    return left.length - right.length;
  };
  return [...lines]
    .sort(compare)
    .map((line) => `${line}\n`)
    .join("");
}

/** As `ps` on the host names a process's user: the host knows nobody else. */
const userName = ({ cred }: Process): string =>
  cred.uid === 0 ? "root" : cred.uid === 65534 ? "nobody" : String(cred.uid);

export const TOP_HEAD: readonly string[] = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];

/** The processes of a container as `ps -ef` lists them. */
export function topRows(daemon: Daemon, container: Container): string[][] {
  return processesOf(daemon, container).map((proc) => {
    const started = logTime(daemon.host.machine.epochNs + BigInt(Math.floor(proc.startedNs)));
    const parent = proc.parent && !proc.parent.exitStatus ? proc.parent.hostPid : 1;
    const command = proc.commandLine.join(" ");
    return [userName(proc), String(proc.hostPid), String(parent), "0", started.slice(11, 16), "?", "00:00:00", command];
  });
}

export const top: Command = {
  name: "top",
  supports: "",
  args: { min: 1 },
  stopAtArgument: true,
  *run(context: Context): Task<number> {
    const { daemon, args } = context;
    if (args.length > 1)
      throw new ClientError(`vethlab does not support ps options in docker top: ${args.slice(1).join(" ")}`);
    const container = daemon.findContainer(args[0]!);
    if (!container.running) throw conflict(daemon.generation.texts.notRunning(container.id, container.name));
    yield* context.print(
      tabulate(
        [TOP_HEAD, ...topRows(daemon, container)].map((row) => row.join("\t")),
        20,
        3,
      ),
    );
    return 0;
  },
};
