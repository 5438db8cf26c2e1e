// Programs that look for processes and send signals: pgrep, pkill, pidof, killall, kill.

import { type Process, type Program, SIGTERM, signalNumber } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { signalTable } from "../builtins/flow.ts";
import { ereSource } from "../regex.ts";
import { commandLine } from "./command-line.ts";
import { complain, getopt, usageError } from "./util.ts";

/** The options that pgrep and pkill share, applied. */
function* matching(
  proc: Process,
): Task<{ found: Process[]; options: ReadonlyMap<string, string>; signal: number } | number> {
  let signal: number = SIGTERM;
  const argv = proc.argv.filter((word, i) => {
    const number =
      i > 0 && /^-([A-Z][A-Z0-9]*|\d+)$/.test(word) && proc.name === "pkill" ? signalNumber(word.slice(1)) : undefined;
    if (number === undefined) return true;
    signal = number;
    return false;
  });
  const { options, operands } = yield* getopt(
    proc,
    {
      short: "acd:efg:ilnoP:s:t:u:U:vwx",
      long: {
        "list-full": "a",
        count: "c",
        delimiter: "d",
        echo: "e",
        full: "f",
        "ignore-case": "i",
        "list-name": "l",
        newest: "n",
        oldest: "o",
        parent: "P",
        euid: "u",
        uid: "U",
        inverse: "v",
        exact: "x",
        signal: "%signal",
      },
      valued: ["%signal"],
      status: 2,
    },
    argv,
  );
  for (const letter of ["g", "s", "t", "w"])
    if (options.has(letter)) return yield* complain(proc, `option -${letter} is not supported`, 2);
  if (options.has("%signal")) {
    const number = signalNumber(options.get("%signal")!);
    if (number === undefined) return yield* complain(proc, `unknown signal "${options.get("%signal")}"`, 2);
    signal = number;
  }
  const [pattern] = operands;
  const narrowed = options.has("P") || options.has("u") || options.has("U");
  if (pattern === undefined && !narrowed) {
    yield* proc.printError(
      `${proc.name}: no matching criteria specified\nTry \`${proc.name} --help' for more information.\n`,
    );
    return 2;
  }
  const source = ereSource(pattern ?? "");
  const expression = new RegExp(options.has("x") ? `^(?:${source})$` : source, options.has("i") ? "ui" : "u");
  const parents = options.has("P") ? new Set(options.get("P")!.split(",").map(Number)) : undefined;
  let found = [...proc.visible.values()].filter((each) => {
    if (each === proc) return false;
    if (parents && !parents.has(each.ppidFor(proc))) return false;
    const matches = expression.test(options.has("f") ? commandLine(each) : each.name);
    return matches !== options.has("v");
  });
  found.sort((a, b) => a.pidFor(proc) - b.pidFor(proc));
  if (options.has("n")) found = found.slice(-1);
  if (options.has("o")) found = found.slice(0, 1);
  return { found, options, signal };
}

function* pgrep(proc: Process): Task<number> {
  const result = yield* matching(proc);
  if (typeof result === "number") return result;
  const { found, options } = result;
  if (options.has("c")) yield* proc.print(`${found.length}\n`);
  else if (found.length > 0) {
    const lines = found.map((each) =>
      options.has("a")
        ? `${each.pidFor(proc)} ${commandLine(each)}`
        : options.has("l")
          ? `${each.pidFor(proc)} ${each.name}`
          : String(each.pidFor(proc)),
    );
    yield* proc.print(`${lines.join(options.get("d") ?? "\n")}\n`);
  }
  return found.length > 0 ? 0 : 1;
}

function* pkill(proc: Process): Task<number> {
  const result = yield* matching(proc);
  if (typeof result === "number") return result;
  const { found, options, signal } = result;
  for (const each of found) {
    if (options.has("e")) yield* proc.print(`${each.name} killed (pid ${each.pidFor(proc)})\n`);
    each.kill(signal, proc);
  }
  if (options.has("c")) yield* proc.print(`${found.length}\n`);
  return found.length > 0 ? 0 : 1;
}

function* pidof(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, { short: "co:sx", terse: true });
  const omitted = new Set((options.get("o") ?? "").split(","));
  const found = [...proc.visible.values()]
    .filter(
      (each) =>
        operands.some((name) => each.name === name.split("/").at(-1)) && !omitted.has(String(each.pidFor(proc))),
    )
    .map((each) => each.pidFor(proc))
    .sort((a, b) => b - a);
  if (found.length > 0) yield* proc.print(`${(options.has("s") ? found.slice(0, 1) : found).join(" ")}\n`);
  return found.length > 0 ? 0 : 1;
}

function* killall(proc: Process): Task<number> {
  let signal: number = SIGTERM;
  const argv = proc.argv.filter((word, i) => {
    const number = i > 0 && /^-([A-Z][A-Z0-9]*|\d+)$/.test(word) ? signalNumber(word.slice(1)) : undefined;
    if (number === undefined) return true;
    signal = number;
    return false;
  });
  const { options, operands } = yield* getopt(
    proc,
    {
      short: "eIqrs:vw",
      long: { exact: "e", "ignore-case": "I", quiet: "q", regexp: "r", signal: "s", verbose: "v", wait: "w" },
    },
    argv,
  );
  if (options.has("s")) {
    const number = signalNumber(options.get("s")!);
    if (number === undefined)
      return yield* complain(proc, `${options.get("s")}: unknown signal; killall -l lists signals.`);
    signal = number;
  }
  let status = 0;
  for (const name of operands) {
    const expression = options.has("r") ? new RegExp(ereSource(name), "u") : undefined;
    const found = [...proc.visible.values()].filter(
      (each) => each !== proc && (expression ? expression.test(each.name) : each.name === name.slice(0, 15)),
    );
    for (const each of found) {
      each.kill(signal, proc);
      if (options.has("v")) yield* proc.printError(`Killed ${each.name}(${each.pidFor(proc)}) with signal ${signal}\n`);
    }
    if (found.length === 0) {
      status = 1;
      if (!options.has("q")) yield* proc.printError(`${name}: no process found\n`);
    } else if (options.has("w")) for (const each of found) yield* each.wait();
  }
  return status;
}

function* kill(proc: Process): Task<number> {
  const words = proc.argv.slice(1);
  let signal: number = SIGTERM;
  const first = words[0];
  if (first === undefined) return yield* usageError(proc, "not enough arguments");
  if (first === "-l" || first === "-L") {
    yield* proc.print(signalTable());
    return 0;
  }
  const option = /^(?:-s|--signal|-n)$/.test(first)
    ? words.splice(0, 2)[1]
    : /^-./.test(first) && first !== "--"
      ? words.shift()!.slice(1)
      : undefined;
  if (option !== undefined) {
    const number = signalNumber(option);
    if (number === undefined)
      return yield* complain(proc, `unknown signal ${option}; valid signals:\n${signalTable()}`);
    signal = number;
  }
  if (words[0] === "--") words.shift();
  let status = 0;
  for (const word of words) {
    const pid = Number(word);
    if (!Number.isInteger(pid)) {
      status = yield* complain(proc, `failed to parse argument: '${word}'`);
      continue;
    }
    const { machine } = proc;
    const target = proc.visible.get(pid);
    const group = pid === 0 ? proc.pgid : (proc.visible.get(-pid)?.hostPid ?? -1);
    if (pid > 0 ? target : machine.killGroup(group, signal) > 0) target?.kill(signal, proc);
    else status = yield* complain(proc, `(${word}): No such process`);
  }
  return status;
}

export const signalPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["pgrep", pgrep],
  ["pkill", pkill],
  ["pidof", pidof],
  ["killall", killall],
  ["kill", kill],
]);
