// What a command of the client is, and what it is given: flags, arguments, the daemon, a way to print. Answers to
// docker/cli's cobra commands.

import { decodeUtf8 } from "../../base/text.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import type { Container } from "../container.ts";
import type { Daemon } from "../daemon.ts";
import { DaemonError } from "../errors.ts";
import type { ClientTexts } from "../generations/generation.ts";
import { bool, type Flag, type Flags } from "./flags.ts";
import { type GenerationName, pageOf } from "./manual/pages.ts";

/** What the client itself says; printed as it is, to stderr. */
export class ClientError extends Error {
  override readonly name: string = "ClientError";
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

export interface Command {
  /** "run", "network create" */
  readonly name: string;
  /** names of the flags that vethlab has; the others of its page (manual/) are refused by name */
  readonly supports: string;
  /** what is wrong with a flag's value, in Docker's words; undefined: nothing */
  readonly checks?: Readonly<Record<string, (value: string) => string | undefined>>;
  /** how many arguments; undefined: any number */
  readonly args: { readonly min: number; readonly max?: number };
  /** the first argument ends the flags */
  readonly stopAtArgument?: boolean;
  run(context: Context): Task<number>;
}

const HELP: Flag = { ...bool("help", "", "Print usage"), hidden: true };

const known: Map<Command, Map<GenerationName, readonly Flag[]>> = new Map();

/** The flags of a command: those of its page. */
export function flagsOf(command: Command, generation: GenerationName): readonly Flag[] {
  let flags = known.get(command)?.get(generation);
  if (!flags) {
    flags = readFlags(command, generation);
    known.set(command, new Map([...(known.get(command) ?? []), [generation, flags]]));
  }
  return flags;
}

function readFlags(command: Command, generation: GenerationName): readonly Flag[] {
  const supported = new Set(command.supports.split(/\s+/));
  const { flags } = pageOf(command.name, generation);
  const own = flags.map((flag) => {
    const { name } = flag;
    const check = command.checks?.[name];
    if (name === "help") return flag;
    return { ...flag, ...(check ? { check } : {}), unsupported: !supported.has(name) && flag.alias === undefined };
  });
  return own.some(({ name }) => name === "help") ? own : [...own, HELP];
}

export class Context {
  readonly proc: Process;
  readonly daemon: Daemon;
  readonly command: Command;
  readonly flags: Flags;
  readonly args: readonly string[];

  constructor(proc: Process, daemon: Daemon, command: Command, flags: Flags, args: readonly string[]) {
    this.proc = proc;
    this.daemon = daemon;
    this.command = command;
    this.flags = flags;
    this.args = args;
  }

  get client(): ClientTexts {
    return this.daemon.generation.client;
  }

  *print(text: string): Task<void> {
    yield* this.proc.print(text);
  }

  *printError(text: string): Task<void> {
    yield* this.proc.printError(text);
  }

  /** A container that the client asks about before it acts: its absence is told in the client's words. */
  *inspected(term: string): Task<Container> {
    try {
      const container = this.daemon.findContainer(term);
      yield* container.unlocked();
      return container;
    } catch (error) {
      if (error instanceof DaemonError && error.status === 404)
        throw new ClientError(this.client.noSuchContainer(term));
      throw error;
    }
  }

  /**
   * Does something to each argument in turn and prints what it returns; what fails is told at the end, status 1.
   * @param work returns the line to print, undefined for none
   */
  *each(items: readonly string[], work: (item: string) => Task<string | undefined>): Task<number> {
    const errors: string[] = [];
    for (const item of items) {
      try {
        const line = yield* work(item);
        if (line !== undefined) yield* this.print(`${line}\n`);
      } catch (error) {
        errors.push(errorText(error));
      }
    }
    if (errors.length === 0) return 0;
    yield* this.printError(`${errors.join("\n")}\n`);
    return 1;
  }
}

/** What to print for an error of either side; other errors are thrown on. */
export function errorText(error: unknown): string {
  if (error instanceof DaemonError) return `Error response from daemon: ${error.message}`;
  if (error instanceof ClientError) return error.message;
  throw error;
}

/** A file of the client's side, as text. */
export function readClientFile(proc: Process, path: string): string {
  return decodeUtf8(proc.root.readFile(proc, path));
}
