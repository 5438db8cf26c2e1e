// The output of a project's containers, each line with its container's name in front, until they end or Ctrl-C stops them.

import { decodeUtf8, encodeUtf8 } from "../../base/text.ts";
import { OpenFile } from "../../posix/file.ts";
import { type Process, SIGINT, SIGTERM } from "../../posix/process.ts";
import { type Task, WaitQueue } from "../../sim/task.ts";
import type { Container } from "../container.ts";
import type { Attachment } from "../logs.ts";
import type { Deployment } from "./project.ts";

/** Lines of several containers, each with its container's name in front. */
export class PrefixedFile extends OpenFile {
  readonly #prefix: string;
  readonly #out: OpenFile;
  #rest = "";

  constructor(prefix: string, out: OpenFile) {
    super();
    this.#prefix = prefix;
    this.#out = out;
  }

  override *write(bytes: Uint8Array): Task<void> {
    const lines = (this.#rest + decodeUtf8(bytes)).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) yield* this.#out.write(encodeUtf8(`${this.#prefix}${line.replace(/\r$/, "")}\n`));
  }
}

/** What stands in front of each container's lines: "web-1  | ". */
export function prefixes(containers: readonly Container[]): Map<Container, string> {
  const names = new Map(containers.map((container) => [container, logName(container)]));
  const width = Math.max(0, ...[...names.values()].map((name) => name.length));
  return new Map([...names].map(([container, name]) => [container, `${name.padEnd(width)}  | `]));
}

/** "web-1" */
function logName(container: Container): string {
  const project = container.request.labels.get("com.docker.compose.project") ?? "";
  return container.name.startsWith(`${project}-`) ? container.name.slice(project.length + 1) : container.name;
}

/** Shows what the containers write from now on. */
export function attachAll(proc: Process, containers: readonly Container[]): Map<Container, Attachment> {
  const out = new Map<Container, Attachment>();
  const stdout = proc.fds.get(1);
  if (!stdout) return out;
  for (const [container, prefix] of prefixes(containers)) {
    const file = new PrefixedFile(prefix, stdout);
    const attachment: Attachment = { stdout: file, stderr: file };
    container.log.attachments.add(attachment);
    out.set(container, attachment);
  }
  return out;
}

/** Waits until every container has ended, or until Ctrl-C stops them all. */
export function* follow(
  proc: Process,
  deployment: Deployment,
  containers: readonly Container[],
  attached: ReadonlyMap<Container, Attachment>,
): Task<number> {
  const interrupted = new WaitQueue();
  let stopping = false;
  for (const signal of [SIGINT, SIGTERM])
    proc.onSignal(signal, () => {
      stopping = true;
      interrupted.wakeAll();
    });
  const told = new Set<Container>();
  const watch = function* (container: Container): Task<void> {
    while (container.running || container.status === "restarting") yield* container.changed.wait();
    told.add(container);
    interrupted.wakeAll();
  };
  yield* proc.print(`Attaching to ${containers.map(logName).join(", ")}\n`);
  for (const container of containers) proc.thread("watch", watch(container));
  const shown = new Set<Container>();
  while (!stopping && shown.size < containers.length) {
    yield* interrupted.wait();
    for (const container of told) {
      if (shown.has(container) || stopping) continue;
      shown.add(container);
      yield* proc.print(`${logName(container)} exited with code ${container.exitCode}\n`);
    }
  }
  for (const [container, attachment] of attached) container.log.attachments.delete(attachment);
  if (!stopping) return 0;
  yield* proc.print("Gracefully stopping... (press Ctrl+C again to force)\n");
  yield* deployment.stop(containers);
  return 130;
}
