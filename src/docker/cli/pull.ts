// docker pull, and what run and create say when an image is not here. The outside holds the images that vethlab knows, under
// any tag. Answers to docker/cli cli/command/image/pull.go.

import { sleep, type Task } from "../../sim/task.ts";
import type { Daemon } from "../daemon.ts";
import { DaemonError } from "../errors.ts";
import { BadReference, parseReference } from "../images.ts";
import { shortId } from "../names.ts";
import { ClientError, type Command, type Context } from "./command.ts";

/** How a script may declare an image, told after an unknown one. */
export function imageHelp(reference: string): string {
  return `vethlab: the image '${reference}' is not known; a script declares one in its first lines:\n# vethlab: image ${reference} PORT[/udp] PROGRAM [ARGUMENT…]\nand a session is begun with it: vethlab shell --image '${reference} PORT[/udp] PROGRAM [ARGUMENT…]'\n`;
}

/** Fetches an image and returns docker's lines. Throws DaemonError 404 when there is none outside. */
export function* pullImage(daemon: Daemon, reference: string): Task<string> {
  const [repository, tag] = parseReference(reference);
  if (!daemon.images.canPull(reference)) throw new DaemonError(daemon.generation.texts.imageDenied(repository), 404);
  const here = daemon.images.find(`${repository}:${tag}`);
  if (!here) yield* sleep(daemon.generation.costs.pull);
  const image = daemon.images.pull(reference, daemon.now());
  const full = repository.includes("/") ? repository : `library/${repository}`;
  return [
    `${tag}: Pulling from ${full}`,
    ...(here ? [] : [`${shortId(image.layerId)}: Pull complete`]),
    `Digest: sha256:${image.id}`,
    here
      ? `Status: Image is up to date for ${repository}:${tag}`
      : `Status: Downloaded newer image for ${repository}:${tag}`,
    "",
  ].join("\n");
}

export const pull: Command = {
  name: "pull",
  supports: "quiet",
  args: { min: 1, max: 1 },
  *run(context: Context): Task<number> {
    const { daemon, args, flags } = context;
    const reference = args[0]!;
    let parsed: [string, string];
    try {
      parsed = parseReference(reference);
    } catch (error) {
      if (error instanceof BadReference) throw new ClientError(error.message);
      throw error;
    }
    const [repository, tag] = parsed;
    const quiet = flags.bool("quiet");
    if (!quiet && !/:[^/]+$/.test(reference)) yield* context.print("Using default tag: latest\n");
    let text: string;
    try {
      text = yield* pullImage(daemon, reference);
    } catch (error) {
      if (error instanceof DaemonError && error.status === 404) {
        yield* context.printError(`Error response from daemon: ${error.message}\n${imageHelp(reference)}`);
        return 1;
      }
      throw error;
    }
    const full = repository.includes("/") ? repository : `library/${repository}`;
    yield* context.print(`${quiet ? "" : text}docker.io/${full}:${tag}\n`);
    return 0;
  },
};
