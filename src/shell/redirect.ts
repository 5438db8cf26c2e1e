// Redirections: what < > >> <> >& <& &> << <<< and {var}> do to a table of descriptors. The table is the shell's own
// process for builtins and groups, or the one that a child is about to get.

import type { Redirect, RedirectDescriptor, Redirection } from "unbash";
import { Errno, NetError, strerror } from "../base/errno.ts";
import type { LazyMap } from "../base/lazy.ts";
import { BytesFile, type OpenFile } from "../posix/file.ts";
import type { Process } from "../posix/process.ts";
import type { OpenFlags } from "../posix/vfs.ts";
import type { Task } from "../sim/task.ts";
import { ExpansionError } from "./control.ts";
import { expandHereBody, expandString, expandWords } from "./expand.ts";
import type { Shell } from "./shell.ts";

/** A redirection that failed; the message has no file and line. */
export class RedirectError extends Error {
  override readonly name: string = "RedirectError";
}

/** Descriptors, each holding one reference to its file. */
export type FdTable = Map<number, OpenFile> | LazyMap<number, OpenFile>;

/** A host or service that is not known; the message is getaddrinfo's, after the name. */
export class UnknownAddress extends Error {
  override readonly name: string = "UnknownAddress";
}

/** Opens /dev/tcp/HOST/PORT and /dev/udp/HOST/PORT; throws UnknownAddress, NetError. The shell itself knows no network. */
export type OpenNetwork = (proc: Process, protocol: "tcp" | "udp", host: string, port: string) => Task<OpenFile>;

/** A copy that holds references of its own. */
export function copyTable(table: ReadonlyMap<number, OpenFile>): FdTable {
  const copy = new Map<number, OpenFile>();
  for (const [fd, file] of table) copy.set(fd, file.retain());
  return copy;
}

/** Puts a file into a table, whose reference it takes over, in place of what was there. */
export function replaceIn(table: FdTable, fd: number, file: OpenFile): void {
  table.get(fd)?.release();
  table.set(fd, file);
}

export function releaseTable(table: FdTable): void {
  for (const file of table.values()) file.release();
  table.clear();
}

/** What each touched descriptor was: to put it back afterwards. */
type Undo = Map<number, OpenFile | null>;

class Edit {
  readonly table: FdTable;
  readonly openNetwork: OpenNetwork | undefined;
  readonly #undo: Undo | undefined;

  constructor(table: FdTable, openNetwork: OpenNetwork | undefined, undo: Undo | undefined) {
    this.table = table;
    this.openNetwork = openNetwork;
    this.#undo = undo;
  }

  #remember(number: number): void {
    if (this.#undo && !this.#undo.has(number)) this.#undo.set(number, this.table.get(number)?.retain() ?? null);
  }

  /** Takes over the reference to `opened`. */
  put(number: number, opened: OpenFile): void {
    this.#remember(number);
    this.table.get(number)?.release();
    this.table.set(number, opened);
  }

  /** As `put`, but it outlives the command ({var}). */
  keep(number: number, opened: OpenFile): void {
    this.table.set(number, opened);
  }

  close(number: number): void {
    this.#remember(number);
    this.table.get(number)?.release();
    this.table.delete(number);
  }

  /** "3" duplicates, "3-" moves. */
  duplicate(target: string, number: number, kept: boolean): void {
    const from = Number.parseInt(target, 10);
    const found = this.table.get(from);
    if (!found) throw new RedirectError(`${from}: Bad file descriptor`);
    if (from === number) return;
    if (kept) this.keep(number, found.retain());
    else this.put(number, found.retain());
    if (target.endsWith("-")) this.close(from);
  }
}

/**
 * Applies redirections in order to a table. What was already done stays done when one fails.
 * Throws RedirectError, ExpansionError.
 */
export function* redirect(
  shell: Shell,
  redirections: readonly Redirection[],
  table: FdTable,
  openNetwork: OpenNetwork | undefined,
  undo?: Undo,
): Task<void> {
  const edit = new Edit(table, openNetwork, undo);
  for (const redirection of redirections) yield* one(shell, redirection, edit);
}

function* one(shell: Shell, redirection: Redirection, edit: Edit): Task<void> {
  const { descriptor } = redirection;
  if (redirection.type === "HereString") {
    const text = redirection.target ? yield* expandString(shell, redirection.target) : "";
    install(shell, descriptor, 0, new BytesFile(`${text}\n`), edit);
    return;
  }
  if (redirection.type === "HereDoc") {
    const { body, delimiter } = redirection;
    if (!redirection.closing && delimiter)
      yield* shell.error(
        `warning: here-document at line ${shell.source.lineAt(redirection.pos)} delimited by end-of-file (wanted \`${delimiter.value}')`,
        shell.source.lineAt(shell.source.text.length - 1),
      );
    const literal = delimiter?.quoted || !body.parts;
    const strip = redirection.operator === "<<-";
    let text = literal ? body.text : yield* expandHereBody(shell, body.parts!, strip);
    if (literal && !delimiter?.quoted) text = text.replace(/\\([$`\\])|\\\n/g, "$1");
    if (strip && literal) text = text.replace(/^\t+/gm, "");
    install(shell, descriptor, 0, new BytesFile(text), edit);
    return;
  }
  yield* file(shell, redirection, edit);
}

function* file(shell: Shell, redirection: Redirect, edit: Edit): Task<void> {
  const { operator, descriptor } = redirection;
  const standard = operator === "<" || operator === "<&" || operator === "<>" ? 0 : 1;
  if (!redirection.target) throw new RedirectError("ambiguous redirect");
  const words = yield* expandWords(shell, [redirection.target]);
  const target = words[0];
  if (target === undefined || words.length > 1)
    throw new RedirectError(`${redirection.target.text}: ambiguous redirect`);
  if (operator === ">&" || operator === "<&") {
    if (target === "-") {
      edit.close(numberToClose(shell, descriptor, standard));
      return;
    }
    if (/^\d+-?$/.test(target)) {
      const kept = descriptor?.type === "FileDescriptorVariable";
      edit.duplicate(target, numberFor(shell, descriptor, standard, edit), kept);
      return;
    }
    if (operator === "<&" || descriptor) throw new RedirectError(`${target}: ambiguous redirect`);
  }
  const opened = yield* open(shell, redirection, target, edit);
  if (operator === "&>" || operator === "&>>" || operator === ">&") {
    edit.put(1, opened);
    edit.put(2, opened.retain());
    return;
  }
  install(shell, descriptor, standard, opened, edit);
}

function numberToClose(shell: Shell, descriptor: RedirectDescriptor | undefined, standard: number): number {
  if (descriptor?.type !== "FileDescriptorVariable") return descriptor?.value ?? standard;
  const number = Number(shell.vars.get(descriptor.name) || Number.NaN);
  if (!Number.isInteger(number)) throw new RedirectError(`${descriptor.name}: Bad file descriptor`);
  return number;
}

function* open(shell: Shell, redirection: Redirect, target: string, { table, openNetwork }: Edit): Task<OpenFile> {
  const { operator } = redirection;
  const own = /^\/dev\/(?:fd\/(\d+)|(stdin|stdout|stderr))$/.exec(target);
  try {
    if (own) {
      const number = own[1] !== undefined ? Number(own[1]) : ["stdin", "stdout", "stderr"].indexOf(own[2]!);
      const found = table.get(number);
      if (!found) throw new NetError(Errno.ENOENT);
      return found.retain();
    }
    const network = /^\/dev\/(tcp|udp)\/([^/]+)\/([^/]+)$/.exec(target);
    if (network && openNetwork && !shell.dash) {
      try {
        return yield* openNetwork(shell.proc, network[1] as "tcp" | "udp", network[2]!, network[3]!);
      } catch (error) {
        if (error instanceof UnknownAddress) {
          yield* shell.error(error.message);
          throw new NetError(Errno.EINVAL);
        }
        // sys_error: no line
        if (error instanceof NetError)
          yield* shell.proc.printError(`${shell.source.name}: connect: ${strerror(error.errno)}\n`);
        throw error;
      }
    }
    if (operator === ">" && shell.option("noclobber")) {
      const node = shell.proc.root.find(shell.proc, target);
      if (node?.kind === "file") throw new RedirectError(`${target}: cannot overwrite existing file`);
    }
    if (target === "") throw new NetError(Errno.ENOENT);
    return shell.proc.root.open(shell.proc, target, flagsOf(operator));
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    if (!shell.dash) throw new RedirectError(`${target}: ${strerror(error.errno)}`);
    const how = operator === "<" ? "open" : "create";
    const why =
      error.errno === Errno.ENOENT
        ? how === "open"
          ? "No such file"
          : "Directory nonexistent"
        : strerror(error.errno);
    throw new RedirectError(`cannot ${how} ${target}: ${why}`);
  }
}

function flagsOf(operator: Redirect["operator"]): OpenFlags {
  switch (operator) {
    case "<":
      return { read: true };
    case "<>":
      return { read: true, write: true, create: true };
    case ">>":
    case "&>>":
      return { write: true, create: true, append: true };
    default:
      return { write: true, create: true, truncate: true };
  }
}

function numberFor(
  shell: Shell,
  descriptor: RedirectDescriptor | undefined,
  standard: number,
  { table }: Edit,
): number {
  if (!descriptor) return standard;
  if (descriptor.type === "FileDescriptor") return descriptor.value;
  let number = 10;
  while (table.has(number)) number++;
  try {
    shell.vars.set(descriptor.name, String(number));
  } catch (error) {
    if (error instanceof ExpansionError) throw new RedirectError(`${descriptor.name}: cannot assign fd to variable`);
    throw error;
  }
  return number;
}

function install(
  shell: Shell,
  descriptor: RedirectDescriptor | undefined,
  standard: number,
  opened: OpenFile,
  edit: Edit,
): void {
  const number = numberFor(shell, descriptor, standard, edit);
  if (descriptor?.type === "FileDescriptorVariable") edit.keep(number, opened);
  else edit.put(number, opened);
}

/** Runs `body` with redirections applied to the shell's own process, then undoes them. Throws RedirectError. */
export function* withRedirections<T>(
  shell: Shell,
  redirections: readonly Redirection[],
  openNetwork: OpenNetwork | undefined,
  body: () => Task<T>,
): Task<T> {
  const { fds } = shell.proc;
  const undo: Undo = new Map();
  try {
    yield* redirect(shell, redirections, fds, openNetwork, undo);
    return yield* body();
  } finally {
    for (const [number, before] of undo) {
      if (shell.proc.exitStatus) before?.release();
      else {
        fds.get(number)?.release();
        if (before) fds.set(number, before);
        else fds.delete(number);
      }
    }
  }
}
