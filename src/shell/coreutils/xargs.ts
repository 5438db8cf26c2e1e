// xargs: command lines made of standard input, as GNU findutils' does it.

import type { NetError } from "../../base/errno.ts";
import { Errno, strerror } from "../../base/errno.ts";
import type { Process, Program } from "../../posix/process.ts";
import { type Task, waitAny } from "../../sim/task.ts";
import { FORK_NS } from "../cost.ts";
import { spawnCommand } from "../exec.ts";
import { complain, fromBinary, getopt, openInput, readText } from "./util.ts";

function* xargs(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "0a:d:E:I:L:n:P:rs:tx",
    long: {
      null: "0",
      "arg-file": "a",
      delimiter: "d",
      replace: "I",
      "max-lines": "L",
      "max-args": "n",
      "max-procs": "P",
      "no-run-if-empty": "r",
      "max-chars": "s",
      verbose: "t",
      exit: "x",
    },
    stop: true,
  });
  const stdin = openInput(proc, options.get("a") ?? "-");
  const text = fromBinary(yield* readText(stdin));
  stdin.release();
  const command = operands.length > 0 ? operands : ["echo"];
  const place = options.get("I");
  let lines: string[][];
  if (options.has("0") || options.has("d")) {
    const separator = options.has("0") ? "\0" : unescapeDelimiter(options.get("d")!);
    const items = text.split(separator);
    if (items.at(-1) === "" || (separator !== "\n" && items.at(-1) === "\n")) items.pop();
    lines = items.map((item) => [item]);
  } else {
    const parsed = splitWords(text, place !== undefined);
    if (typeof parsed === "string") return yield* complain(proc, parsed);
    lines = parsed;
  }
  const groups: string[][] = [];
  if (place !== undefined)
    for (const [item] of lines) groups.push(command.map((word) => word.replaceAll(place, item!)));
  else {
    const perCall = options.has("n") ? Number(options.get("n")) : Number.POSITIVE_INFINITY;
    const perLines = options.has("L") ? Number(options.get("L")) : undefined;
    if (!(perCall > 0)) return yield* complain(proc, `invalid number "${options.get("n")}" for -n option`);
    if (perLines !== undefined)
      for (let i = 0; i < lines.length; i += perLines)
        groups.push([...command, ...lines.slice(i, i + perLines).flat()]);
    else {
      const items = lines.flat();
      for (let i = 0; i < items.length; i += perCall) groups.push([...command, ...items.slice(i, i + perCall)]);
      if (items.length === 0 && !options.has("r")) groups.push([...command]);
    }
  }
  const most = Number(options.get("P") ?? 1) || Number.POSITIVE_INFINITY;
  const running = new Set<Process>();
  let status = 0;
  const settle = function* (): Task<boolean> {
    for (const child of [...running]) {
      const ended = child.exitStatus;
      if (!ended) continue;
      running.delete(child);
      if (ended.status === 126 || ended.status === 127) {
        status = ended.status;
        return false;
      }
      if (ended.code === 255) {
        yield* complain(proc, `${command[0]}: exited with status 255; aborting`);
        status = 124;
        return false;
      }
      if (ended.signal !== 0) {
        yield* complain(proc, `${command[0]}: terminated by signal ${ended.signal}`);
        status = 125;
        return false;
      }
      if (ended.status !== 0) status = 123;
    }
    return true;
  };
  const onError = function* (child: Process, error: NetError): Task<number> {
    yield* child.printError(`xargs: ${command[0]}: ${strerror(error.errno)}\n`);
    return error.errno === Errno.ENOENT ? 127 : 126;
  };
  for (const argv of groups) {
    while (running.size >= most) {
      yield* waitAny([...running].map((child) => child.exited));
      if (!(yield* settle())) return status;
    }
    if (options.has("t")) yield* proc.printError(`${argv.join(" ")}\n`);
    yield* proc.cpu(FORK_NS);
    running.add(spawnCommand(proc, argv, { onError }));
  }
  while (running.size > 0) {
    yield* waitAny([...running].map((child) => child.exited));
    if (!(yield* settle())) return status;
  }
  return status;
}

function unescapeDelimiter(text: string): string {
  return text.replace(/\\([ntr0\\])/g, (_all, c: string) => "\n\t\r\0\\"["ntr0\\".indexOf(c)]!);
}

/** xargs' own quoting: blanks separate, quotes and backslashes group. With `whole`, a line is one item. */
function splitWords(text: string, whole: boolean): string[][] | string {
  const lines: string[][] = [];
  let words: string[] = [];
  let word: string | undefined;
  const endWord = (): void => {
    if (word !== undefined) words.push(word);
    word = undefined;
  };
  const endLine = (): void => {
    endWord();
    if (words.length > 0) lines.push(words);
    words = [];
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === "\n") endLine();
    else if ((c === " " || c === "\t") && !(whole && word !== undefined)) {
      if (!whole) endWord();
    } else if (c === "\\") word = (word ?? "") + (text[++i] ?? "");
    else if (c === "'" || c === '"') {
      const end = text.indexOf(c, i + 1);
      const newline = text.indexOf("\n", i + 1);
      if (end < 0 || (newline >= 0 && newline < end))
        return `unmatched ${c === "'" ? "single" : "double"} quote; by default quotes are special to xargs unless you use the -0 option`;
      word = (word ?? "") + text.slice(i + 1, end);
      i = end;
    } else word = (word ?? "") + c;
  }
  endLine();
  return lines;
}

export const xargsPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([["xargs", xargs]]);
