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
export function* attachAll(
  proc: Process,
  containers: readonly Container[],
  prefixed: boolean,
): Task<Map<Container, Attachment | undefined>> {
  const named = [...containers].sort((a, b) => Number(a.name > b.name) - Number(a.name < b.name));
  yield* proc.print(`Attaching to ${named.map(logName).join(", ")}\n`);
  const out = new Map<Container, Attachment | undefined>();
  const stdout = proc.fds.get(1);
  for (const [container, prefix] of prefixes(named)) {
    const file = stdout && prefixed ? new PrefixedFile(prefix, stdout) : stdout;
    const attachment = file && { stdout: file, stderr: file };
    if (attachment) container.log.attachments.add(attachment);
    out.set(container, attachment);
  }
  return out;
}

/** Waits until every container has ended, or until Ctrl-C stops them all. */
export function* follow(
  proc: Process,
  deployment: Deployment,
  shown: ReadonlyMap<Container, Attachment | undefined>,
): Task<number> {
  const something = new WaitQueue();
  let stopping = false;
  for (const signal of [SIGINT, SIGTERM])
    proc.onSignal(signal, () => {
      stopping = true;
      something.wakeAll();
    });
  const ended: Container[] = [];
  const watch = function* (container: Container): Task<void> {
    while (container.running || container.status === "restarting") yield* container.changed.wait();
    ended.push(container);
    something.wakeAll();
  };
  for (const container of shown.keys()) proc.thread("watch", watch(container));
  let told = 0;
  while (!stopping && told < shown.size) {
    while (told < ended.length) {
      const container = ended[told++]!;
      // the line of the prompt's menu is cleared first
      yield* proc.print(`\r\u001b[K${logName(container)} exited with code ${container.exitCode}\n`);
    }
    if (told < shown.size && !stopping) yield* something.wait();
  }
  for (const [container, attachment] of shown) if (attachment) container.log.attachments.delete(attachment);
  if (!stopping) return 0;
  yield* proc.print("Gracefully Stopping... press Ctrl+C again to force\n");
  yield* deployment.stop([...shown.keys()]);
  return 130;
}
