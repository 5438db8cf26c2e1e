// Finding and starting programs: the search through $PATH, `#!` scripts, execve in place and children. This is what
// every tool that runs another command uses (env, timeout, xargs, ip netns exec, nsenter, docker exec).

import { Errno, NetError, strerror } from "../base/errno.ts";
import { decodeUtf8 } from "../base/text.ts";
import type { OpenFile } from "../posix/file.ts";
import type { ExitStatus, Namespaces, Process, Program } from "../posix/process.ts";
import type { Vfs, VfsNode } from "../posix/vfs.ts";
import type { Task } from "../sim/task.ts";
import { EXEC_NS, FORK_NS } from "./cost.ts";

/** The search path of a process without PATH (what Debian's shells assume). */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** execve's view of a file: may it run? */
export function isExecutable(node: VfsNode): boolean {
  return node.kind === "program" || (node.kind === "file" && (node.mode & 0o111) !== 0);
}

/**
 * The path of the program that a command name means: itself when it holds a slash, else the first match in `path`.
 * @param path colon-separated folders; the process's own PATH when absent
 * Throws NetError: ENOENT (not found), EACCES (found, but not executable), EISDIR.
 */
export function findProgram(proc: Process, name: string, path: string = proc.env.get("PATH") ?? DEFAULT_PATH): string {
  if (name.includes("/")) {
    checkExecutable(found(proc, name));
    return name;
  }
  let denied = false;
  if (name !== "")
    for (const folder of path.split(":")) {
      const candidate = folder === "" ? `./${name}` : `${folder.replace(/\/+$/, "")}/${name}`;
      const node = lookup(proc, candidate);
      if (!node || node.kind === "dir" || node.kind === "syntheticDir") continue;
      if (isExecutable(node)) return candidate;
      denied = true;
    }
  throw new NetError(denied ? Errno.EACCES : Errno.ENOENT);
}

function lookup(proc: Process, path: string): VfsNode | undefined {
  try {
    return proc.root.peek(proc, path);
  } catch (error) {
    if (error instanceof NetError) return undefined;
    throw error;
  }
}

function found(proc: Process, path: string): VfsNode {
  const node = proc.root.peek(proc, path);
  if (!node) throw new NetError(Errno.ENOENT);
  return node;
}

function checkExecutable(node: VfsNode): void {
  if (node.kind === "dir" || node.kind === "syntheticDir") throw new NetError(Errno.EISDIR);
  if (!isExecutable(node)) throw new NetError(Errno.EACCES);
}

/** A program and the argv it is to see (`#!` puts the interpreter in front). */
export interface Image {
  readonly program: Program;
  readonly argv: readonly string[];
}

/** The interpreter of a script is missing; `interpreter` names it. */
export class BadInterpreter extends NetError {
  readonly interpreter: string;

  constructor(interpreter: string) {
    super(Errno.ENOENT);
    this.interpreter = interpreter;
  }
}

/** execve(2)'s loader. Throws NetError: ENOENT, EACCES, ENOEXEC (a text without #!), ELOOP; BadInterpreter. */
export function loadImage(proc: Process, path: string, argv: readonly string[], depth = 0): Image {
  const node = found(proc, path);
  checkExecutable(node);
  if (node.kind === "program") return { program: node.program, argv };
  const head = decodeUtf8(proc.root.readFile(proc, path).subarray(0, 256));
  if (!head.startsWith("#!")) throw new NetError(Errno.ENOEXEC);
  if (depth >= 4) throw new NetError(Errno.ELOOP);
  const match = /^#![ \t]*(\S*)[ \t]*([^\n]*)/.exec(head)!;
  const interpreter = match[1]!;
  const argument = match[2]!.trimEnd();
  if (!lookup(proc, interpreter)) throw new BadInterpreter(interpreter);
  const rest = [...(argument === "" ? [] : [argument]), path, ...argv.slice(1)];
  return loadImage(proc, interpreter, [interpreter, ...rest], depth + 1);
}

/** Where and how a program runs, when other than its caller. */
export interface ExecOptions {
  readonly env?: ReadonlyMap<string, string>;
  readonly cwd?: string;
  readonly root?: Vfs;
  readonly ns?: Namespaces;
}

/**
 * execvp(3): the process goes on as another program, keeping pid, descriptors and ignored signals. Returns that program's
 * exit status: `return yield* execProgram(…)`.
 * Throws NetError before anything ran when the program cannot be found or loaded; root, namespaces and environment have
 * moved by then, as after setns(2).
 */
export function* execProgram(proc: Process, argv: readonly string[], options: ExecOptions = {}): Task<number> {
  if (options.root) proc.root = options.root;
  if (options.ns) proc.ns = options.ns;
  if (options.cwd !== undefined) proc.cwd = options.cwd;
  if (options.env) {
    const env = [...options.env];
    proc.env.clear();
    for (const [name, value] of env) proc.env.set(name, value);
  }
  const path = findProgram(proc, argv[0] ?? "");
  return yield* execImage(proc, imageOrScript(proc, path, argv));
}

/** As `loadImage`; a text without `#!` is given to /bin/sh, as execvp(3) does. */
export function imageOrScript(proc: Process, path: string, argv: readonly string[]): Image {
  try {
    return loadImage(proc, path, argv);
  } catch (error) {
    if (!(error instanceof NetError) || error.errno !== Errno.ENOEXEC) throw error;
    return loadImage(proc, "/bin/sh", ["sh", path, ...argv.slice(1)]);
  }
}

/** execve(2) with a loaded image. */
export function* execImage(proc: Process, image: Image): Task<number> {
  proc.argv = image.argv;
  proc.executedAs = undefined;
  proc.resetSignals();
  proc.currentLine = undefined;
  yield* proc.cpu(EXEC_NS);
  return yield* image.program(proc);
}

export interface SpawnCommandOptions extends ExecOptions {
  /** retained by the child; the caller's when absent */
  readonly fds?: ReadonlyMap<number, OpenFile>;
  /**
   * What the child does when the program cannot be run: prints and gives a status. By default
   * "NAME: failed to run command ‘x’: No such file or directory", 127 (126 when it is there but cannot run).
   */
  readonly onError?: (child: Process, error: NetError) => Task<number>;
  /** called in the child before it becomes the program (setpgid, signals) */
  readonly prepare?: (child: Process) => void;
}

/** Starts a command as a child; the caller pays for the fork with `yield* proc.cpu(FORK_NS)` or uses `runCommand`. */
export function spawnCommand(proc: Process, argv: readonly string[], options: SpawnCommandOptions = {}): Process {
  const { onError, prepare, fds, ...exec } = options;
  const caller = proc.name;
  return proc.spawn(
    (child) => {
      prepare?.(child);
      return runChild(child, argv, exec, onError ?? ((c, error) => failedToRun(c, caller, argv[0] ?? "", error)));
    },
    { argv: proc.argv, ...(fds ? { fds } : {}) },
  );
}

function* runChild(
  child: Process,
  argv: readonly string[],
  options: ExecOptions,
  onError: (child: Process, error: NetError) => Task<number>,
): Task<number> {
  let started = false;
  try {
    if (options.root) child.root = options.root;
    if (options.ns) child.ns = options.ns;
    if (options.cwd !== undefined) child.cwd = options.cwd;
    if (options.env) {
      const env = [...options.env];
      child.env.clear();
      for (const [name, value] of env) child.env.set(name, value);
    }
    const path = findProgram(child, argv[0] ?? "");
    const image = imageOrScript(child, path, argv);
    started = true;
    return yield* execImage(child, image);
  } catch (error) {
    if (started || !(error instanceof NetError)) throw error;
    return yield* onError(child, error);
  }
}

/** The coreutils' words for a command that cannot be run: env, timeout, nohup, nice. */
export function* failedToRun(proc: Process, caller: string, name: string, error: NetError): Task<number> {
  yield* proc.printError(`${caller}: failed to run command ‘${name}’: ${strerror(error.errno)}\n`);
  return error.errno === Errno.ENOENT ? 127 : 126;
}

/** Runs a command to its end: fork, exec, wait. */
export function* runCommand(
  proc: Process,
  argv: readonly string[],
  options: SpawnCommandOptions = {},
): Task<ExitStatus> {
  yield* proc.cpu(FORK_NS);
  return yield* spawnCommand(proc, argv, options).wait();
}
