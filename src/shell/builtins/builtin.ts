// What a builtin command is, and reading its options as bash's builtins do.

import { Errno, NetError, strerror } from "../../base/errno.ts";
import { encodeUtf8 } from "../../base/text.ts";
import { SIGPIPE } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import type { Argument, Shell } from "../shell.ts";

export interface Builtin {
  /**
   * @param argv the words, the builtin's name first
   * @param args the same without the name, assignments kept as such (declare a=(1 2))
   */
  readonly run: (shell: Shell, argv: readonly string[], args: readonly Argument[]) => Task<number>;
  /** not known to dash */
  readonly bashOnly?: boolean;
}

/** Options read, or the one that is not known. */
export interface Options {
  /** letters seen, with their last argument ("" for those that take none) */
  readonly given: ReadonlyMap<string, string>;
  readonly rest: readonly string[];
  /** message for an option that is not known or lacks its argument */
  readonly problem: string | undefined;
}

/** Reads "-ab -n 3 --" as getopt(3): `letters` like "abn:". Stops at the first word that is no option. */
export function readOptions(argv: readonly string[], letters: string, plus = false): Options {
  const given = new Map<string, string>();
  let i = 1;
  for (; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === "--") {
      i++;
      break;
    }
    if (word.length < 2 || !(word.startsWith("-") || (plus && word.startsWith("+")))) break;
    const sign = word[0] === "+" ? "+" : "";
    for (let k = 1; k < word.length; k++) {
      const letter = word[k]!;
      const at = letters.indexOf(letter);
      if (at < 0 || letter === ":") return { given, rest: [], problem: `${word[0]}${letter}: invalid option` };
      if (letters[at + 1] !== ":") {
        given.set(sign + letter, "");
        continue;
      }
      const inline = word.slice(k + 1);
      const value = inline !== "" ? inline : argv[++i];
      if (value === undefined) return { given, rest: [], problem: `-${letter}: option requires an argument` };
      given.set(sign + letter, value);
      break;
    }
  }
  return { given, rest: argv.slice(i), problem: undefined };
}

/** Says a usage error as bash does: the problem, then the usage line. Returns 2. */
export function* usage(shell: Shell, name: string, problem: string, synopsis: string): Task<number> {
  yield* shell.error(`${name}: ${problem}`);
  if (!shell.dash) yield* shell.proc.printError(`${name}: usage: ${synopsis}\n`);
  return 2;
}

/** Writes a builtin's output; 1 and a message when stdout is closed. */
export function* output(shell: Shell, name: string, text: string): Task<number> {
  return text === "" ? 0 : yield* writeOut(shell, name, encodeUtf8(text));
}

/** Writes bytes to stdout; 1 and a message when that fails. A broken pipe ends the shell as SIGPIPE does. */
export function* writeOut(shell: Shell, name: string, bytes: Uint8Array): Task<number> {
  const file = shell.proc.fds.get(1);
  try {
    if (!file) throw new NetError(Errno.EBADF);
    yield* file.write(bytes);
    return 0;
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    if (error.errno === Errno.EPIPE && shell.proc.disposition(SIGPIPE) === "default")
      yield* shell.proc.printBytes(bytes);
    return yield* shell.complain(name, `write error: ${strerror(error.errno)}`);
  }
}
