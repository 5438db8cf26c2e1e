// Builtins on the working directory and the mask: cd, pwd, pushd, popd, dirs, umask.

import { Errno, NetError, strerror } from "../../base/errno.ts";
import { joinPath } from "../../posix/vfs.ts";
import type { Task } from "../../sim/task.ts";
import type { Shell } from "../shell.ts";
import { type Builtin, output, readOptions, usage } from "./builtin.ts";

/** Changes to a directory; an errno when that fails. */
function change(shell: Shell, path: string, physical: boolean): number {
  const { proc } = shell;
  const full = joinPath(proc.cwd, path);
  try {
    const node = proc.root.lookup(proc, full);
    if (node.kind !== "dir" && node.kind !== "syntheticDir") return Errno.ENOTDIR;
    const target = physical ? proc.root.realPath(proc, full) : full;
    shell.vars.set("OLDPWD", shell.vars.get("PWD") ?? proc.cwd);
    proc.cwd = target;
    shell.vars.set("PWD", target);
    return 0;
  } catch (error) {
    if (error instanceof NetError) return error.errno;
    throw error;
  }
}

function* cd(shell: Shell, argv: readonly string[]): Task<number> {
  const { given, rest, problem } = readOptions(argv, "LPe@");
  if (problem !== undefined) return yield* usage(shell, "cd", problem, "cd [-L|[-P [-e]] [-@]] [dir]");
  if (rest.length > 1 && !shell.dash) return yield* shell.complain("cd", "too many arguments");
  let path = rest[0];
  let print = false;
  if (path === undefined) {
    path = shell.vars.get("HOME");
    if (path === undefined) return yield* shell.complain("cd", "HOME not set");
  } else if (path === "-") {
    path = shell.vars.get("OLDPWD");
    if (path === undefined) return yield* shell.complain("cd", "OLDPWD not set");
    print = true;
  }
  if (path === "") return 0;
  if (!/^\.{0,2}(\/|$)/.test(path)) {
    for (const folder of (shell.vars.get("CDPATH") ?? "").split(":")) {
      if (folder === "" || change(shell, `${folder}/${path}`, given.has("P")) !== 0) continue;
      return yield* output(shell, "cd", `${shell.proc.cwd}\n`);
    }
  }
  const errno = change(shell, path, given.has("P"));
  if (errno !== 0)
    return yield* shell.complain(
      "cd",
      shell.dash ? `can't cd to ${path}` : `${path}: ${strerror(errno)}`,
      shell.dash ? 2 : 1,
    );
  return print ? yield* output(shell, "cd", `${shell.proc.cwd}\n`) : 0;
}

function* pwd(shell: Shell, argv: readonly string[]): Task<number> {
  const { given, problem } = readOptions(argv, "LP");
  if (problem !== undefined) return yield* usage(shell, "pwd", problem, "pwd [-LP]");
  const { proc } = shell;
  return yield* output(shell, "pwd", `${given.has("P") ? proc.root.realPath(proc, proc.cwd) : proc.cwd}\n`);
}

function abbreviated(shell: Shell, path: string): string {
  const home = shell.vars.get("HOME");
  if (home !== undefined && home !== "/" && (path === home || path.startsWith(`${home}/`)))
    return `~${path.slice(home.length)}`;
  return path;
}

function stackLine(shell: Shell): string {
  return `${[shell.proc.cwd, ...shell.directories].map((path) => abbreviated(shell, path)).join(" ")}\n`;
}

function* pushd(shell: Shell, argv: readonly string[]): Task<number> {
  const quiet = argv[1] === "-n";
  const words = argv.slice(quiet ? 2 : 1).filter((word) => word !== "--");
  const [path] = words;
  const before = shell.proc.cwd;
  if (path === undefined || /^[+-]\d+$/.test(path)) {
    const stack = [before, ...shell.directories];
    if (path === undefined && shell.directories.length === 0)
      return yield* shell.complain("pushd", "no other directory");
    const index = path === undefined ? 1 : stackIndex(path, stack.length);
    if (index === undefined) return yield* shell.complain("pushd", `${path}: directory stack index out of range`);
    const rotated =
      path === undefined
        ? [stack[1]!, stack[0]!, ...stack.slice(2)]
        : [...stack.slice(index), ...stack.slice(0, index)];
    const errno = change(shell, rotated[0]!, false);
    if (errno !== 0) return yield* shell.complain("pushd", `${rotated[0]}: ${strerror(errno)}`);
    shell.directories = rotated.slice(1);
  } else {
    const errno = change(shell, path, false);
    if (errno !== 0) return yield* shell.complain("pushd", `${path}: ${strerror(errno)}`);
    shell.directories.unshift(before);
  }
  return yield* output(shell, "pushd", stackLine(shell));
}

function stackIndex(text: string, size: number): number | undefined {
  const n = Number(text.slice(1));
  const index = text[0] === "+" ? n : size - 1 - n;
  return index >= 0 && index < size ? index : undefined;
}

function* popd(shell: Shell, argv: readonly string[]): Task<number> {
  const word = argv[1];
  if (shell.directories.length === 0) return yield* shell.complain("popd", "directory stack empty");
  if (word !== undefined && /^[+-]\d+$/.test(word)) {
    const index = stackIndex(word, shell.directories.length + 1);
    if (index === undefined) return yield* shell.complain("popd", `${word}: directory stack index out of range`);
    if (index > 0) {
      shell.directories.splice(index - 1, 1);
      return yield* output(shell, "popd", stackLine(shell));
    }
  } else if (word !== undefined) return yield* usage(shell, "popd", `${word}: invalid argument`, "popd [-n] [+N | -N]");
  const target = shell.directories.shift()!;
  const errno = change(shell, target, false);
  if (errno !== 0) return yield* shell.complain("popd", `${target}: ${strerror(errno)}`);
  return yield* output(shell, "popd", stackLine(shell));
}

function* dirs(shell: Shell, argv: readonly string[]): Task<number> {
  const { given, problem } = readOptions(argv, "clpv");
  if (problem !== undefined) return yield* usage(shell, "dirs", problem, "dirs [-clpv] [+N] [-N]");
  if (given.has("c")) {
    shell.directories = [];
    return 0;
  }
  const stack = [shell.proc.cwd, ...shell.directories].map((path) =>
    given.has("l") ? path : abbreviated(shell, path),
  );
  if (given.has("v"))
    return yield* output(shell, "dirs", stack.map((path, i) => `${String(i).padStart(2)}  ${path}\n`).join(""));
  if (given.has("p")) return yield* output(shell, "dirs", stack.map((path) => `${path}\n`).join(""));
  return yield* output(shell, "dirs", `${stack.join(" ")}\n`);
}

function* umask(shell: Shell, argv: readonly string[]): Task<number> {
  const { given, rest, problem } = readOptions(argv, "pS");
  if (problem !== undefined) return yield* usage(shell, "umask", problem, "umask [-p] [-S] [mode]");
  const { proc } = shell;
  const mode = rest[0];
  if (mode === undefined) {
    const octal = `0${proc.umask.toString(8).padStart(3, "0")}`;
    const part = (shift: number): string =>
      [...("rwx" as string)].filter((_c, i) => ((~proc.umask >> shift) & (4 >> i)) !== 0).join("");
    const text = given.has("S") ? `u=${part(6)},g=${part(3)},o=${part(0)}` : octal;
    return yield* output(
      shell,
      "umask",
      given.has("p") ? `umask ${given.has("S") ? "-S " : ""}${text}\n` : `${text}\n`,
    );
  }
  if (/^[0-7]+$/.test(mode)) {
    proc.umask = Number.parseInt(mode, 8) & 0o777;
    return 0;
  }
  if (/^\d+$/.test(mode)) return yield* shell.complain("umask", `${mode}: octal number out of range`);
  const allowed = symbolicMode(mode, ~proc.umask & 0o777);
  if (allowed === undefined) return yield* shell.complain("umask", `\`${mode[0]}': invalid symbolic mode operator`);
  proc.umask = ~allowed & 0o777;
  return 0;
}

/** "u=rwx,go-w" applied to permission bits; undefined when it is no mode. */
export function symbolicMode(text: string, bits: number, isDirectory = false): number | undefined {
  for (const clause of text.split(",")) {
    const match = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/.exec(clause);
    if (!match) return undefined;
    const who = match[1] === "" || match[1]!.includes("a") ? "ugo" : match[1]!;
    for (const [, operator, letters] of match[2]!.matchAll(/([-+=])([rwxXstugo]*)/g)) {
      let value = 0;
      for (const letter of letters!) {
        if (letter === "r") value |= 4;
        else if (letter === "w") value |= 2;
        else if (letter === "x" || (letter === "X" && (isDirectory || (bits & 0o111) !== 0))) value |= 1;
        else if (letter === "u") value |= (bits >> 6) & 7;
        else if (letter === "g") value |= (bits >> 3) & 7;
        else if (letter === "o") value |= bits & 7;
      }
      for (const each of who) {
        const shift = each === "u" ? 6 : each === "g" ? 3 : 0;
        if (operator === "+") bits |= value << shift;
        else if (operator === "-") bits &= ~(value << shift);
        else bits = (bits & ~(7 << shift)) | (value << shift);
      }
    }
  }
  return bits;
}

export const directoryBuiltins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ["cd", { run: cd }],
  ["pwd", { run: pwd }],
  ["pushd", { run: pushd, bashOnly: true }],
  ["popd", { run: popd, bashOnly: true }],
  ["dirs", { run: dirs, bashOnly: true }],
  ["umask", { run: umask }],
]);
