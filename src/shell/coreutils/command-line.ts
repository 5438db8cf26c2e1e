// The command line of a process, as ps and its relations show it.

import type { Process } from "../../posix/process.ts";

/** What a process shows as its command: its arguments. */
export function commandLine(proc: Process): string {
  return proc.commandLine.join(" ");
}
