// Command and process substitution: a subshell whose output, or input, is a pipe of the shell.

import type { ParsedScript } from "unbash";
import { concatBytes } from "../base/bytes.ts";
import { NetError } from "../base/errno.ts";
import { decodeUtf8 } from "../base/text.ts";
import { makePipe, type OpenFile } from "../posix/file.ts";
import type { Task } from "../sim/task.ts";
import { ShellExit } from "./control.ts";
import { FORK_NS } from "./cost.ts";
import { expandTarget } from "./expand.ts";
import { checked, parseScript, Source } from "./parse.ts";
import { copyTable, releaseTable, replaceIn } from "./redirect.ts";
import type { Interpreter } from "./run.ts";
import type { Shell } from "./shell.ts";

/** `$(…)`: runs a script in a subshell and reads what it prints. */
export function* substitute(
  interpreter: Interpreter,
  shell: Shell,
  script: ParsedScript,
  source: Source,
  backtick: boolean,
): Task<string> {
  const own = sourceOf(shell, script, source);
  let parsed = checked(script, own);
  if (parsed.error) {
    // what stands in backticks is parsed when it is run, as a text of its own
    if (backtick)
      parsed = parseScript(new Source(own.text.slice(script.pos, script.end), own.name, own.lineAt(script.pos)));
    const status = yield* interpreter.syntaxError(
      shell,
      parsed.source,
      parsed.error!,
      backtick ? "command substitution: " : "",
    );
    if (!backtick) throw new ShellExit(status);
    shell.substitutionStatus = status;
    return "";
  }
  const only = script.commands[0]?.command;
  if (script.commands.length === 1 && only?.type === "Command" && !only.name && only.prefix.length === 1) {
    const first = only.prefix[0]!;
    if (first.type === "Redirect" && first.operator === "<" && !first.descriptor && first.target)
      return yield* readWhole(shell, yield* expandTarget(shell, first.target));
  }
  const [reader, writer] = makePipe();
  const table = copyTable(shell.proc.fds);
  replaceIn(table, 1, writer);
  yield* shell.proc.cpu(FORK_NS);
  const child = interpreter.fork(
    shell,
    (sub) => {
      sub.setOption("errexit", shell.option("errexit") && (shell.dash || shell.shopts.has("inherit_errexit")));
      sub.source = own;
      sub.substitutionDepth++;
      return interpreter.statements(sub, parsed.statements, true);
    },
    { table, knowsJobs: true },
  );
  releaseTable(table);
  const parts: Uint8Array[] = [];
  try {
    for (;;) {
      const part = yield* reader.read(65536);
      if (part === null) break;
      parts.push(part);
    }
  } finally {
    reader.release();
  }
  const { status } = yield* child.wait();
  shell.status = status;
  shell.substitutionStatus = status;
  return clean(parts);
}

/** `$(<file)` */
function* readWhole(shell: Shell, path: string): Task<string> {
  let file: OpenFile;
  try {
    file = shell.proc.root.open(shell.proc, path, { read: true });
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    yield* shell.error(`${path}: ${error.message}`);
    shell.substitutionStatus = 1;
    shell.status = 1;
    return "";
  }
  const parts: Uint8Array[] = [];
  for (;;) {
    const part = yield* file.read(65536);
    if (part === null) break;
    parts.push(part);
  }
  file.release();
  shell.substitutionStatus = 0;
  shell.status = 0;
  return clean(parts);
}

/** Backticks with escapes are a text of their own. */
function sourceOf(shell: Shell, script: ParsedScript, source: Source): Source {
  return script.source === undefined ? source : new Source(script.source, source.name, shell.line);
}

/** `<(…)` and `>(…)`: a path to a pipe. */
export function* processSubstitution(
  interpreter: Interpreter,
  shell: Shell,
  script: ParsedScript,
  source: Source,
  direction: "<" | ">",
): Task<string> {
  const own = sourceOf(shell, script, source);
  const [reader, writer] = makePipe();
  const table = copyTable(shell.proc.fds);
  replaceIn(table, direction === "<" ? 1 : 0, direction === "<" ? writer : reader);
  yield* shell.proc.cpu(FORK_NS);
  const child = interpreter.fork(
    shell,
    (sub) => {
      sub.source = own;
      return interpreter.statements(sub, script.commands, true);
    },
    { table, background: true, knowsJobs: true },
  );
  releaseTable(table);
  shell.lastPid = child.pid;
  let fd = 63;
  while (shell.proc.fds.has(fd)) fd--;
  shell.proc.fds.set(fd, direction === "<" ? reader : writer);
  shell.substitutionFds.push(fd);
  return `/dev/fd/${fd}`;
}

/** Output as a word's text: no NULs, no newlines at its end. */
function clean(parts: readonly Uint8Array[]): string {
  return decodeUtf8(concatBytes(parts)).replaceAll("\0", "").replace(/\n+$/, "");
}
