// docker images, rmi, tag, history, image prune. Answers to docker/cli cli/command/image and moby daemon/images.

import type { Task } from "../../sim/task.ts";
import { goTime, humanDuration, humanSize, rfc3339 } from "../clock.ts";
import type { Daemon } from "../daemon.ts";
import { badRequest, conflict, notFound } from "../errors.ts";
import { formatList, type ListShape, type Row } from "../format.ts";
import { BadReference, type Image, parseReference } from "../images.ts";
import { shortId } from "../names.ts";
import type { GoValue } from "../template/value.ts";
import { ClientError, type Command, type Context } from "./command.ts";
import { FILTER_CHECK, parseFilters } from "./filters.ts";
import { confirm } from "./network.ts";

const SHAPE: ListShape = {
  headings: new Map([
    ["ID", "IMAGE ID"],
    ["Repository", "REPOSITORY"],
    ["Tag", "TAG"],
    ["Digest", "DIGEST"],
    ["CreatedSince", "CREATED"],
    ["CreatedAt", "CREATED AT"],
    ["Size", "SIZE"],
  ]),
  table: "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
  json: [
    "Containers",
    "CreatedAt",
    "CreatedSince",
    "Digest",
    "ID",
    "Repository",
    "SharedSize",
    "Size",
    "Tag",
    "UniqueSize",
    "VirtualSize",
  ],
  typeName: "*formatter.imageContext",
};

export const images: Command = {
  name: "images",
  supports: "all digests filter format no-trunc quiet",
  checks: FILTER_CHECK,
  args: { min: 0, max: 1 },
  *run(context: Context): Task<number> {
    const { daemon, flags, args } = context;
    const filters = parseFilters(flags.list("filter"));
    for (const key of filters.keys())
      if (!["reference", "dangling", "label", "before", "since"].includes(key))
        throw badRequest(daemon.generation.texts.invalidFilter(key));
    for (const value of filters.get("dangling") ?? [])
      if (!/^(0|1|f|t|false|true)$/i.test(value))
        throw badRequest(daemon.generation.texts.invalidFilter(`dangling=[${value}]`));
    const createdNs = (key: string): bigint[] =>
      (filters.get(key) ?? []).map((term) => {
        const image = findImage(daemon, term);
        if (!image) throw notFound(`No such image: ${parseReference(term).join(":")}`);
        return image.createdNs;
      });
    const [before, since] = [createdNs("before"), createdNs("since")];
    const wanted = [...args, ...(filters.get("reference") ?? [])];
    const full = flags.bool("no-trunc");
    const idOf = (image: Image) => (full ? `sha256:${image.id}` : shortId(image.id));
    const entries = daemon.images
      .list()
      .flatMap((image) => (image.tags.length > 0 ? image.tags : ["<none>:<none>"]).map((tag) => ({ image, tag })))
      // no image here has a label
      .filter(() => !filters.has("label"))
      .filter(({ image }) => before.every((ns) => image.createdNs < ns) && since.every((ns) => image.createdNs > ns))
      .filter(({ tag }) => wanted.length === 0 || wanted.some((pattern) => matchesReference(tag, pattern)))
      .filter(({ tag }) => (filters.get("dangling")?.includes("true") ?? false) === tag.startsWith("<none>"));
    if (flags.bool("quiet") && flags.string("format") === "") {
      yield* context.print(entries.map(({ image }) => `${idOf(image)}\n`).join(""));
      return 0;
    }
    const rows = entries.map(({ image, tag }) => imageRow(daemon, image, tag, idOf(image)));
    const digests = flags.bool("digests");
    const shape = digests ? { ...SHAPE, table: SHAPE.table.replace("{{.Tag}}", "{{.Tag}}\t{{.Digest}}") } : SHAPE;
    yield* context.print(formatList(rows, flags.string("format"), shape));
    return 0;
  },
};

function matchesReference(tag: string, pattern: string): boolean {
  const glob = (text: string) =>
    new RegExp(
      `^${text
        .replace(/[.+^${}()|[\]\\]/g, "\\$&")
        .replace(/\*/g, "[^/]*")
        .replace(/\?/g, "[^/]")}$`,
    );
  return glob(pattern).test(tag) || glob(pattern).test(tag.replace(/:[^:/]+$/, ""));
}

function imageRow(daemon: Daemon, image: Image, name: string, id: string): Row {
  const at = name.lastIndexOf(":");
  return new Map<string, GoValue>([
    ["Containers", "N/A"],
    ["CreatedAt", goTime(image.createdNs, true)],
    ["CreatedSince", `${humanDuration(Number(daemon.now() - image.createdNs))} ago`],
    ["Digest", "<none>"],
    ["ID", id],
    ["Repository", name.slice(0, at)],
    ["SharedSize", "N/A"],
    ["Size", humanSize(image.sizeBytes)],
    ["Tag", name.slice(at + 1)],
    ["UniqueSize", "N/A"],
    ["VirtualSize", humanSize(image.sizeBytes)],
  ]);
}

export const rmi: Command = {
  name: "rmi",
  supports: "force no-prune",
  args: { min: 1 },
  *run(context: Context): Task<number> {
    const { flags, args } = context;
    let status = 0;
    for (const term of args) {
      try {
        const text = removeImage(context, term, flags.bool("force"));
        yield* context.print(text);
      } catch (error) {
        if (!(error instanceof Error) || (error.name !== "DaemonError" && error.name !== "ClientError")) throw error;
        const known = error.name === "ClientError" ? error.message : `Error response from daemon: ${error.message}`;
        yield* context.printError(`${known}\n`);
        if (!flags.bool("force") || error.name !== "ClientError") status = 1;
      }
    }
    return status;
  },
};

function removeImage({ daemon, client }: Context, term: string, force: boolean): string {
  const image = findImage(daemon, term);
  if (!image) throw new ClientError(client.noSuchImage(term));
  const byName = referenceOf(term);
  const users = [...daemon.containers.values()].filter((container) => container.image === image);
  const user = users[0];
  if (byName !== undefined && image.tags.includes(byName)) {
    if (image.tags.length > 1) {
      image.tags.splice(image.tags.indexOf(byName), 1);
      return `Untagged: ${byName}\n`;
    }
    if (user && !force)
      throw conflict(
        `conflict: unable to remove repository reference "${term}" (must force) - container ${user.shortId} is using its referenced image ${shortId(image.id)}`,
      );
    image.tags.length = 0;
    if (user) return `Untagged: ${byName}\n`;
    daemon.images.remove(image);
    return `Untagged: ${byName}\nDeleted: sha256:${image.id}\n`;
  }
  const running = users.find((container) => container.running);
  if (running)
    throw conflict(
      `conflict: unable to delete ${shortId(image.id)} (cannot be forced) - image is being used by running container ${running.shortId}`,
    );
  if (user && !force)
    throw conflict(
      `conflict: unable to delete ${shortId(image.id)} (must be forced) - image is being used by stopped container ${user.shortId}`,
    );
  if (image.tags.length > 1 && !force)
    throw conflict(
      `conflict: unable to delete ${shortId(image.id)} (must be forced) - image is referenced in multiple repositories`,
    );
  const untagged = image.tags.splice(0).map((tag) => `Untagged: ${tag}\n`);
  daemon.images.remove(image);
  return `${untagged.join("")}Deleted: sha256:${image.id}\n`;
}

function referenceOf(term: string): string | undefined {
  try {
    return parseReference(term).join(":");
  } catch (error) {
    if (error instanceof BadReference) return undefined;
    throw error;
  }
}

function findImage(daemon: Daemon, term: string): Image | undefined {
  try {
    return daemon.images.find(term);
  } catch (error) {
    if (error instanceof BadReference) throw badRequest(error.message);
    throw error;
  }
}

export const tag: Command = {
  name: "tag",
  supports: "",
  args: { min: 2, max: 2 },
  *run({ daemon, args }: Context): Task<number> {
    const [source, target] = args as [string, string];
    const image = findImage(daemon, source);
    if (!image) throw notFound(`No such image: ${parseReference(source).join(":")}`);
    try {
      daemon.images.tag(image, target);
    } catch (error) {
      if (error instanceof BadReference)
        throw new ClientError(
          `Error parsing reference: ${JSON.stringify(target)} is not a valid repository/tag: ${error.message}`,
        );
      throw error;
    }
    return 0;
  },
};

const HISTORY_SHAPE: ListShape = {
  headings: new Map([
    ["ID", "IMAGE"],
    ["CreatedSince", "CREATED"],
    ["CreatedAt", "CREATED AT"],
    ["CreatedBy", "CREATED BY"],
    ["Size", "SIZE"],
    ["Comment", "COMMENT"],
  ]),
  table: "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
  json: ["Comment", "CreatedAt", "CreatedBy", "CreatedSince", "ID", "Size"],
  typeName: "*formatter.historyContext",
};

/** Every image here was imported: it has one layer. */
export const history: Command = {
  name: "history",
  supports: "format no-trunc quiet",
  args: { min: 1, max: 1 },
  *run(context: Context): Task<number> {
    const { daemon, flags, args } = context;
    const image = findImage(daemon, args[0]!);
    if (!image) throw notFound(`No such image: ${parseReference(args[0]!).join(":")}`);
    const id = flags.bool("no-trunc") ? `sha256:${image.id}` : shortId(image.id);
    const row: Row = new Map<string, GoValue>([
      ["ID", id],
      ["CreatedSince", `${humanDuration(Number(daemon.now() - image.createdNs))} ago`],
      ["CreatedAt", rfc3339((image.createdNs / SEC_NS) * SEC_NS)],
      ["CreatedBy", ""],
      ["Size", humanSize(image.sizeBytes)],
      ["Comment", "Imported from -"],
    ]);
    yield* context.print(flags.bool("quiet") ? `${id}\n` : formatList([row], flags.string("format"), HISTORY_SHAPE));
    return 0;
  },
};

const SEC_NS = 1_000_000_000n;

/** Dangling images; with -a also those that no container uses. */
export const imagePrune: Command = {
  name: "image prune",
  supports: "all force",
  args: { min: 0, max: 0 },
  *run(context: Context): Task<number> {
    const { daemon, flags } = context;
    const all = flags.bool("all");
    const warning = all
      ? "WARNING! This will remove all images without at least one container associated to them."
      : "WARNING! This will remove all dangling images.";
    if (!flags.bool("force") && !(yield* confirm(context, warning))) {
      yield* context.print("Total reclaimed space: 0B\n");
      return 0;
    }
    const used = new Set([...daemon.containers.values()].map(({ image }) => image));
    const lines: string[] = [];
    let bytes = 0;
    for (const image of daemon.images.list()) {
      if (used.has(image) || (!all && image.tags.length > 0)) continue;
      lines.push(...image.tags.map((name) => `untagged: ${name}`), `deleted: sha256:${image.id}`);
      bytes += image.sizeBytes;
      daemon.images.remove(image);
    }
    const deleted = lines.length === 0 ? "" : `Deleted Images:\n${lines.join("\n")}\n\n`;
    yield* context.print(`${deleted}Total reclaimed space: ${bytes === 0 ? "0B" : humanSize(bytes)}\n`);
    return 0;
  },
};
