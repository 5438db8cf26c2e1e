// history: the lines that were typed at this shell's prompt. Answers to bash's builtins/history.def; of its options -c.

import type { Task } from "../../sim/task.ts";
import type { Shell } from "../shell.ts";
import { type Builtin, output, readOptions, usage } from "./builtin.ts";

const SYNOPSIS = "history [-c] [-d offset] [n] or history -anrw [filename] or history -ps arg [arg...]";

function* history(shell: Shell, argv: readonly string[]): Task<number> {
  const { given, rest, problem } = readOptions(argv, "acd:nprsw");
  if (problem !== undefined) return yield* usage(shell, "history", problem, SYNOPSIS);
  for (const letter of "adnprsw")
    if (given.has(letter)) return yield* shell.complain("history", `-${letter}: not supported`);
  if (given.has("c")) {
    shell.history.length = 0;
    return 0;
  }
  if (rest.length > 1) return yield* shell.complain("history", "too many arguments");
  const [count] = rest;
  if (count !== undefined && !/^\d+$/.test(count))
    return yield* shell.complain("history", `${count}: numeric argument required`);
  const { length } = shell.history;
  const first = count === undefined ? 0 : Math.max(0, length - Number(count));
  const lines = shell.history.slice(first).map((line, i) => `${String(first + i + 1).padStart(5)}  ${line}\n`);
  return yield* output(shell, "history", lines.join(""));
}

export const historyBuiltins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ["history", { run: history, bashOnly: true }],
]);
