// Which file a call of compose is about, and the variables that it may use: -f, the folder's compose.yaml, .env.

import { Errno, NetError } from "../../base/errno.ts";
import { decodeUtf8 } from "../../base/text.ts";
import type { Process } from "../../posix/process.ts";
import { joinPath } from "../../posix/vfs.ts";
import type { Flags } from "../cli/flags.ts";
import type { Daemon } from "../daemon.ts";
import { loadProject } from "./load.ts";
import { ComposeError, type Project } from "./model.ts";

const FILES = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/** The project of the folder, or of -f. Throws ComposeError. */
export function readProject(proc: Process, daemon: Daemon, global: Flags): Project {
  const files = global.list("file");
  if (files.length > 1) throw new ComposeError("vethlab does not support more than one --file");
  const path = files[0] ?? findFile(proc, global.string("project-directory", proc.cwd));
  if (path === undefined) throw new ComposeError("no configuration file provided: not found");
  const text = read(proc, path);
  if (text === undefined) throw new ComposeError(`open ${joinPath(proc.cwd, path)}: no such file or directory`);
  const folder = global.string("project-directory") || joinPath(joinPath(proc.cwd, path), "..");
  const envFile = global.given("env-file") ? global.string("env-file") : joinPath(folder, ".env");
  const variables = new Map([...environmentFile(read(proc, envFile) ?? ""), ...proc.env]);
  return loadProject({
    path: joinPath(proc.cwd, path),
    text,
    variables,
    projectName: projectName(global.string("project-name")) || (variables.get("COMPOSE_PROJECT_NAME") ?? ""),
    folder: joinPath(proc.cwd, folder),
    client: daemon.generation.client,
  });
}

/** Throws ComposeError for one that no project can have. */
function projectName(name: string): string {
  if (name !== "" && !/^[a-z0-9][-_a-z0-9]*$/.test(name))
    throw new ComposeError(
      `invalid project name ${JSON.stringify(name)}: must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number`,
    );
  return name;
}

function findFile(proc: Process, folder: string): string | undefined {
  return FILES.map((name) => joinPath(joinPath(proc.cwd, folder), name)).find((path) => proc.root.find(proc, path));
}

function read(proc: Process, path: string): string | undefined {
  try {
    return decodeUtf8(proc.root.readFile(proc, path));
  } catch (error) {
    if (error instanceof NetError && (error.errno === Errno.ENOENT || error.errno === Errno.ENOTDIR)) return undefined;
    throw error;
  }
}

/** NAME=value lines, with quotes taken off. */
function environmentFile(text: string): [string, string][] {
  return text.split("\n").flatMap((line): [string, string][] => {
    const match = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line);
    if (!match) return [];
    return [[match[1]!, match[2]!.replace(/^(["'])(.*)\1$/, "$2")]];
  });
}
