// docker logs: a container's lines, those of a span of time, the last ones, the coming ones. Answers to docker/cli
// cli/command/container/logs.go and moby daemon/logs.go, daemon/logger/copier.go.

import { concatBytes } from "../../base/bytes.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { logTime, parseTimestamp } from "../clock.ts";
import type { LogEntry } from "../logs.ts";
import { ClientError, type Command, type Context } from "./command.ts";

const NEWLINE = 10;

export const logs: Command = {
  name: "logs",
  supports: "details follow since tail timestamps until",
  args: { min: 1, max: 1 },
  *run(context: Context): Task<number> {
    const { flags, proc } = context;
    const since = moment(context, "since");
    const until = moment(context, "until");
    const container = yield* context.inspected(context.args[0]!);
    const { log } = container;
    const lines = new Lines(log.entries);
    const style = { stamped: flags.bool("timestamps"), details: flags.bool("details") };
    const chosen = (line: LogEntry): boolean =>
      (since === undefined || line.timeNs >= since) && (until === undefined || line.timeNs <= until);
    const tail = /^\d+$/.test(flags.string("tail")) ? Number(flags.string("tail")) : Number.POSITIVE_INFINITY;
    const before = lines.take(!container.running).filter(chosen);
    for (const line of before.slice(Math.max(0, before.length - tail))) yield* show(proc, line, style);
    if (!flags.bool("follow")) return 0;
    while ((container.running || container.status === "restarting") && !container.removed) {
      const left = until === undefined ? Number.POSITIVE_INFINITY : Number(until - context.daemon.now());
      if (left <= 0 || !(yield* log.changed.wait(left))) break;
      for (const line of lines.take(!container.running)) if (chosen(line)) yield* show(proc, line, style);
    }
    return 0;
  },
};

/** --since or --until: a date, seconds since 1970, or how long ago. Throws ClientError. */
function moment({ flags, daemon }: Context, name: "since" | "until"): bigint | undefined {
  const text = flags.string(name);
  if (text === "") return undefined;
  const ns = parseTimestamp(text, daemon.now());
  if (ns === undefined)
    throw new ClientError(
      `invalid value for ${JSON.stringify(name)}: failed to parse value as time or duration: ${JSON.stringify(text)}`,
    );
  return ns;
}

/** What was written, line by line: of what has no newline yet the log knows nothing until its writer has ended. */
class Lines {
  readonly #entries: readonly LogEntry[];
  readonly #open: Map<LogEntry["stream"], { timeNs: bigint; parts: Uint8Array[] }> = new Map();
  #at = 0;

  constructor(entries: readonly LogEntry[]) {
    this.#entries = entries;
  }

  /** The lines that came since. `ended`: what is open is a line, too. */
  take(ended: boolean): LogEntry[] {
    const out: LogEntry[] = [];
    for (; this.#at < this.#entries.length; this.#at++) {
      const { stream, bytes, timeNs } = this.#entries[this.#at]!;
      for (let from = 0; from < bytes.length; ) {
        const newline = bytes.indexOf(NEWLINE, from);
        const end = newline < 0 ? bytes.length : newline + 1;
        const open = this.#open.get(stream) ?? { timeNs, parts: [] };
        open.parts.push(bytes.subarray(from, end));
        if (newline < 0) this.#open.set(stream, open);
        else {
          out.push({ stream, timeNs, bytes: concatBytes(open.parts) });
          this.#open.delete(stream);
        }
        from = end;
      }
    }
    if (!ended) return out;
    for (const [stream, { timeNs, parts }] of this.#open) out.push({ stream, timeNs, bytes: concatBytes(parts) });
    this.#open.clear();
    return out;
  }
}

function* show(
  proc: Process,
  { stream, timeNs, bytes }: LogEntry,
  style: { readonly stamped: boolean; readonly details: boolean },
): Task<void> {
  // no label of the container is an attribute of its log
  const head = `${style.stamped ? `${logTime(timeNs)} ` : ""}${style.details ? " " : ""}`;
  if (stream === "stdout") {
    if (head !== "") yield* proc.print(head);
    yield* proc.printBytes(bytes);
    return;
  }
  if (head !== "") yield* proc.printError(head);
  const file = proc.fds.get(2);
  if (file) yield* file.write(bytes);
}
