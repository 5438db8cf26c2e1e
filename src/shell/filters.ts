// Filters that a library of the outside world runs: jq today. The library is loaded only when a script uses one; virtual
// time stands still meanwhile. Without a library such a command says that it is not there.

import { NetError } from "../base/errno.ts";
import type { Process, Program } from "../posix/process.ts";
import { external, type Task } from "../sim/task.ts";

/** What a filter made. */
export interface FilterResult {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly status: number;
}

/** One run of a filter: everything it may see. */
export interface FilterCall {
  /** "jq" */
  readonly name: string;
  /** the arguments after the name */
  readonly args: readonly string[];
  /** all of standard input, read when asked for */
  readonly stdin: Uint8Array;
  /** the content of a file of the machine, by path as written; undefined when it cannot be read */
  readonly readFile: (path: string) => Uint8Array | undefined;
}

/** Runs filters; handed to the lab at its construction. */
export interface FilterLibrary {
  /** names that `run` knows */
  readonly names: readonly string[];
  run(call: FilterCall): Promise<FilterResult>;
}

/** Programs for the filters of a library; without one, programs that refuse by name. */
export function filterPrograms(library: FilterLibrary | undefined): Map<string, Program> {
  const programs = new Map<string, Program>();
  for (const name of library?.names ?? ["jq"])
    programs.set(name, (proc) => (library ? runFilter(library, name, proc) : refuse(proc, name)));
  return programs;
}

function* refuse(proc: Process, name: string): Task<number> {
  yield* proc.printError(`${name}: not available: this lab was made without a filter library\n`);
  return 127;
}

function* runFilter(library: FilterLibrary, name: string, proc: Process): Task<number> {
  const args = proc.argv.slice(1);
  const stdin = yield* proc.readAll();
  const readFile = (path: string): Uint8Array | undefined => {
    try {
      return proc.root.readFile(proc, path);
    } catch (error) {
      if (error instanceof NetError) return undefined;
      throw error;
    }
  };
  const result = yield* external(library.run({ name, args, stdin, readFile }));
  if (result.stdout.length > 0) yield* proc.printBytes(result.stdout);
  if (result.stderr.length > 0) yield* proc.fds.get(2)?.write(result.stderr) ?? nothing();
  return result.status;
}

function* nothing(): Task<void> {}
