// Programs on processes and time: sleep, timeout, nohup, nice, setsid, xargs, ps, pgrep, pkill, pidof, killall, kill.

import type { NetError } from "../../base/errno.ts";
import { Errno, strerror } from "../../base/errno.ts";
import { SEC } from "../../base/time.ts";
import {
  type Process,
  type Program,
  SIGALRM,
  SIGCONT,
  SIGHUP,
  SIGINT,
  SIGKILL,
  SIGNALS,
  SIGQUIT,
  SIGTERM,
  signalNumber,
} from "../../posix/process.ts";
import { sleep, type Task, waitAny } from "../../sim/task.ts";
import { signalTable } from "../builtins/flow.ts";
import { FORK_NS } from "../cost.ts";
import { spawnCommand } from "../exec.ts";
import { ereSource } from "../regex.ts";
import { strftime } from "../strftime.ts";
import { execOrSay } from "./info.ts";
import { complain, fromBinary, getopt, openInput, readText, usageError } from "./util.ts";

/** "1.5", "2m", "infinity" → nanoseconds; undefined when it is no time. */
function duration(text: string): number | undefined {
  if (/^\+?inf(inity)?$/i.test(text)) return Number.POSITIVE_INFINITY;
  const match = /^\+?(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d+))?([smhd]?)$/.exec(text);
  if (!match) return undefined;
  const unit = { "": 1, s: 1, m: 60, h: 3600, d: 86400 }[match[3] as "" | "s" | "m" | "h" | "d"];
  return Math.round(Number(match[1]) * 10 ** Number(match[2] ?? 0) * unit * SEC);
}

function* sleepProgram(proc: Process): Task<number> {
  const { operands } = yield* getopt(proc, { short: "" });
  if (operands.length === 0) return yield* usageError(proc, "missing operand");
  let total = 0;
  for (const text of operands) {
    const ns = duration(text);
    if (ns === undefined) return yield* usageError(proc, `invalid time interval ‘${text}’`);
    total += ns;
  }
  // nothing ends an endless sleep but a signal
  yield* sleep(total);
  return 0;
}

function* timeout(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "fk:ps:v",
    long: { foreground: "f", "kill-after": "k", "preserve-status": "p", signal: "s", verbose: "v" },
    stop: true,
    status: 125,
  });
  const [text, ...command] = operands;
  if (text === undefined || command.length === 0) {
    yield* proc.printError("Try 'timeout --help' for more information.\n");
    return 125;
  }
  const limit = duration(text);
  if (limit === undefined) return yield* usageError(proc, `invalid time interval ‘${text}’`, 125);
  const killAfter = options.has("k") ? duration(options.get("k")!) : undefined;
  if (options.has("k") && killAfter === undefined)
    return yield* usageError(proc, `invalid time interval ‘${options.get("k")}’`, 125);
  const signal = options.has("s") ? signalNumber(options.get("s")!) : SIGTERM;
  if (signal === undefined) return yield* usageError(proc, `‘${options.get("s")}’: invalid signal`, 125);
  if (!options.has("f")) proc.pgid = proc.pid;
  yield* proc.cpu(FORK_NS);
  const child = spawnCommand(proc, command);
  const send = function* (which: number): Task<void> {
    if (options.has("v"))
      yield* proc.printError(`timeout: sending signal ${SIGNALS[which] ?? which} to command ‘${command[0]}’\n`);
    child.kill(which);
    if (options.has("f")) return;
    // the whole group; timeout itself ignores it where that is possible
    for (const each of [...proc.machine.processes.values()])
      if (each.pgid === proc.pgid && each !== proc && each !== child) each.kill(which);
    if (which === SIGKILL) proc.kill(SIGKILL);
    else if (which !== SIGCONT) child.kill(SIGCONT);
  };
  // signals that come to timeout itself go on to the command
  for (const passed of [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM]) proc.onSignal(passed, () => child.kill(passed));
  let timedOut = false;
  if (limit === 0) yield* child.wait();
  else {
    const deadline = proc.sim.now + limit;
    while (!child.exitStatus && proc.sim.now < deadline) yield* waitAny([child.exited], deadline - proc.sim.now);
    if (!child.exitStatus) {
      timedOut = true;
      yield* send(signal);
      if (killAfter !== undefined && killAfter > 0) {
        yield* waitAny([child.exited], killAfter);
        if (!child.exitStatus) yield* send(SIGKILL);
      }
      yield* child.wait();
    }
  }
  const ended = child.exitStatus!;
  if (timedOut) return options.has("p") || ended.signal === SIGKILL ? ended.status : 124;
  if (ended.signal !== 0) {
    proc.onSignal(ended.signal, "default");
    proc.kill(ended.signal);
  }
  return ended.status;
}

function* nohup(proc: Process): Task<number> {
  const { operands } = yield* getopt(proc, { short: "", stop: true, status: 125 });
  if (operands.length === 0) return yield* usageError(proc, "missing operand", 125);
  proc.onSignal(SIGHUP, "ignore");
  if (proc.fds.get(1)?.isTty) {
    const file = proc.root.open(proc, "nohup.out", { write: true, create: true, append: true });
    yield* proc.printError("nohup: ignoring input and appending output to 'nohup.out'\n");
    proc.install(file, 1);
    if (proc.fds.get(2)?.isTty) proc.install(file.retain(), 2);
  }
  return yield* execOrSay(proc, operands, {}, (name) => `failed to run command '${name}'`);
}

function* nice(proc: Process): Task<number> {
  const { operands } = yield* getopt(proc, { short: "n:", long: { adjustment: "n" }, stop: true, status: 125 });
  if (operands.length === 0) {
    yield* proc.print("0\n");
    return 0;
  }
  return yield* execOrSay(proc, operands);
}

function* setsid(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, {
    short: "cfw",
    long: { ctty: "c", fork: "f", wait: "w" },
    stop: true,
  });
  if (operands.length === 0) return yield* usageError(proc, "no command specified");
  const lead = (child: Process): void => {
    child.pgid = child.pid;
  };
  if (options.has("f") || proc.pgid === proc.pid) {
    yield* proc.cpu(FORK_NS);
    const child = spawnCommand(proc, operands, { prepare: lead });
    return options.has("w") ? (yield* child.wait()).status : 0;
  }
  lead(proc);
  return yield* execOrSay(proc, operands, {}, (name) => `failed to execute ${name}`);
}

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

function commandLine(proc: Process): string {
  return proc.argv.join(" ");
}

function startTime(proc: Process): bigint {
  return proc.machine.epochNs + BigInt(Math.round(proc.startedNs));
}

interface PsColumn {
  readonly header: string;
  readonly width: number;
  readonly left?: boolean;
  readonly show: (proc: Process, self: Process) => string;
}

const column = (header: string, width: number, show: PsColumn["show"], left = false): PsColumn => ({
  header,
  width,
  show,
  left,
});
const state = (proc: Process, self: Process): string => (proc.stopped ? "T" : proc === self ? "R" : "S");
const started = (proc: Process): string => strftime("%H:%M", startTime(proc));

const PS_COLUMNS: ReadonlyMap<string, PsColumn> = new Map<string, PsColumn>([
  ["pid", column("PID", 5, (proc) => String(proc.pid))],
  ["ppid", column("PPID", 5, (proc) => String(proc.ppid))],
  ["pgid", column("PGID", 5, (proc) => String(proc.pgid))],
  ["pgrp", column("PGRP", 5, (proc) => String(proc.pgid))],
  ["sid", column("SID", 5, (proc) => String(proc.pgid))],
  ["uid", column("UID", 5, () => "0")],
  ["user", column("USER", 8, () => "root", true)],
  ["uname", column("USER", 8, () => "root", true)],
  ["ruser", column("RUSER", 8, () => "root", true)],
  ["group", column("GROUP", 8, () => "root", true)],
  ["comm", column("COMMAND", 15, (proc) => proc.name, true)],
  ["ucmd", column("CMD", 15, (proc) => proc.name, true)],
  ["args", column("COMMAND", 27, commandLine, true)],
  ["cmd", column("CMD", 27, commandLine, true)],
  ["command", column("COMMAND", 27, commandLine, true)],
  ["stat", column("STAT", 4, state, true)],
  ["state", column("S", 1, state, true)],
  ["s", column("S", 1, state, true)],
  ["tty", column("TT", 8, () => "?", true)],
  ["tt", column("TT", 8, () => "?", true)],
  ["tname", column("TTY", 8, () => "?", true)],
  ["time", column("TIME", 8, () => "00:00:00")],
  ["bsdtime", column("TIME", 6, () => "0:00")],
  ["cputime", column("TIME", 8, () => "00:00:00")],
  ["stime", column("STIME", 5, started, true)],
  ["start", column("STARTED", 8, (proc) => strftime("%H:%M:%S", startTime(proc)))],
  ["lstart", column("STARTED", 24, (proc) => strftime("%a %b %e %H:%M:%S %Y", startTime(proc)))],
  ["etime", column("ELAPSED", 11, (proc) => elapsed(proc))],
  ["etimes", column("ELAPSED", 7, (proc) => String(Math.floor((proc.sim.now - proc.startedNs) / SEC)))],
  ["c", column("C", 2, () => "0")],
  ["pcpu", column("%CPU", 4, () => "0.0")],
  ["%cpu", column("%CPU", 4, () => "0.0")],
  ["pmem", column("%MEM", 4, () => "0.0")],
  ["%mem", column("%MEM", 4, () => "0.0")],
  ["vsz", column("VSZ", 6, () => "0")],
  ["rss", column("RSS", 5, () => "0")],
  ["ni", column("NI", 3, () => "0")],
  ["nice", column("NI", 3, () => "0")],
  ["pri", column("PRI", 3, () => "19")],
  ["netns", column("NETNS", 10, (proc) => String(proc.ns.inodes.get("net") ?? "-"))],
]);

function elapsed(proc: Process): string {
  const seconds = Math.floor((proc.sim.now - proc.startedNs) / SEC);
  const two = (n: number): string => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600) % 24;
  const days = Math.floor(seconds / 86400);
  const text = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return (days > 0 ? `${days}-` : "") + (days > 0 || hours > 0 ? `${two(hours)}:` : "") + text;
}

const LAYOUTS: ReadonlyMap<string, string> = new Map([
  ["plain", "pid,tname,time,ucmd"],
  ["full", "user:8=UID,pid,ppid,c,stime,tname,time,cmd"],
  ["bsd", "user,pid,%cpu,%mem,vsz,rss,tname,stat,stime=START,bsdtime,args"],
  ["bsdPlain", "pid,tname,stat,bsdtime,args"],
]);

interface PsRequest {
  all: boolean;
  layout: string | undefined;
  format: string[];
  headers: boolean;
  pids: Set<number> | undefined;
  parents: Set<number> | undefined;
  names: Set<string> | undefined;
  problem: string | undefined;
}

function readPs(argv: readonly string[]): PsRequest {
  const request: PsRequest = {
    all: false,
    layout: undefined,
    format: [],
    headers: true,
    pids: undefined,
    parents: undefined,
    names: undefined,
    problem: undefined,
  };
  const numbers = (text: string): Set<number> => new Set(text.split(/[ ,]+/).map(Number));
  for (let i = 1; i < argv.length; i++) {
    const word = argv[i]!;
    const take = (inline: string): string => (inline !== "" ? inline : (argv[++i] ?? ""));
    if (word.startsWith("--")) {
      const [key, value] = word.slice(2).split("=", 2) as [string, string | undefined];
      if (key === "no-headers" || key === "no-heading") request.headers = false;
      else if (key === "pid") request.pids = numbers(value ?? take(""));
      else if (key === "ppid") request.parents = numbers(value ?? take(""));
      else if (key === "format") request.format.push(value ?? take(""));
      else {
        request.problem = `unknown gnu long option`;
        return request;
      }
      continue;
    }
    const dashed = word.startsWith("-");
    const letters = dashed ? word.slice(1) : word;
    if (!dashed && /^\d+(,\d+)*$/.test(word)) {
      request.pids = new Set([...(request.pids ?? []), ...numbers(word)]);
      continue;
    }
    for (let k = 0; k < letters.length; k++) {
      const letter = letters[k]!;
      const rest = letters.slice(k + 1);
      if (letter === "o" || letter === "O") {
        request.format.push(take(rest));
        break;
      }
      if (letter === "p") {
        request.pids = new Set([...(request.pids ?? []), ...numbers(take(rest))]);
        break;
      }
      if (dashed && letter === "C") {
        request.names = new Set(take(rest).split(","));
        break;
      }
      if (dashed && (letter === "u" || letter === "U")) {
        request.all = true;
        take(rest);
        break;
      }
      if (dashed && "eA".includes(letter)) request.all = true;
      else if (dashed && letter === "a") request.all = true;
      else if (dashed && (letter === "f" || letter === "F")) request.layout = "full";
      else if (!dashed && (letter === "a" || letter === "x")) {
        request.all = true;
        request.layout ??= "bsdPlain";
      } else if (!dashed && letter === "u") request.layout = "bsd";
      else if (letter === "h" && !dashed) request.headers = false;
      else if (letter === "w" || (!dashed && "ef".includes(letter)) || letter === "y") continue;
      else {
        request.problem = dashed ? "unsupported SysV option" : "unsupported option (BSD syntax)";
        return request;
      }
    }
  }
  return request;
}

/** "pid,comm=NAME,user:12" → columns; a string when one is not known. */
function psColumns(text: string): PsColumn[] | string {
  const out: PsColumn[] = [];
  const parts = text.split(/[ ,]+/);
  for (let i = 0; i < parts.length; i++) {
    const match = /^([%a-z_]+)(?::(\d+))?(?:=(.*))?$/i.exec(parts[i]!);
    const found = match ? PS_COLUMNS.get(match[1]!) : undefined;
    if (!match || !found) return `unknown user-defined format specifier "${parts[i]}"`;
    const header = match[3] ?? found.header;
    const width = match[2] !== undefined ? Number(match[2]) : Math.max(found.width, header.length);
    out.push({ ...found, header, width });
  }
  return out;
}

const PS_USAGE = `
Usage:
 ps [options]

 Try 'ps --help <simple|list|output|threads|misc|all>'
  or 'ps --help <s|l|o|t|m|a>'
 for additional help text.

For more details see ps(1).
`;

function* ps(proc: Process): Task<number> {
  const request = readPs(proc.argv);
  if (request.problem !== undefined) {
    yield* proc.printError(`error: ${request.problem}\n${PS_USAGE}`);
    return 1;
  }
  const columns = psColumns(
    request.format.length > 0 ? request.format.join(",") : LAYOUTS.get(request.layout ?? "plain")!,
  );
  if (typeof columns === "string") {
    yield* proc.printError(`error: ${columns}\n${PS_USAGE}`);
    return 1;
  }
  const { pids, parents, names } = request;
  const chosen = [...proc.machine.processes.values()]
    .filter((each) => {
      if (pids || parents || names)
        return pids?.has(each.pid) || parents?.has(each.ppid) || names?.has(each.name) || false;
      if (request.all) return true;
      // those of this session: the caller's ancestors' group stands for the terminal's
      return each.pgid === proc.pgid || each === proc.parent;
    })
    .sort((a, b) => a.pid - b.pid);
  const line = (cells: readonly string[]): string =>
    `${cells
      .map((cell, i) => {
        const { width, left } = columns[i]!;
        if (i === cells.length - 1 && left) return cell;
        return left ? cell.padEnd(width) : cell.padStart(width);
      })
      .join(" ")}\n`;
  let out = "";
  const headers = columns.map((each) => each.header);
  if (request.headers && headers.some((header) => header !== "")) out += line(headers);
  for (const each of chosen) out += line(columns.map((c) => c.show(each, proc)));
  yield* proc.print(out);
  return chosen.length > 0 ? 0 : 1;
}

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
  let found = [...proc.machine.processes.values()].filter((each) => {
    if (each === proc) return false;
    if (parents && !parents.has(each.ppid)) return false;
    const matches = expression.test(options.has("f") ? commandLine(each) : each.name);
    return matches !== options.has("v");
  });
  found.sort((a, b) => a.pid - b.pid);
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
        ? `${each.pid} ${commandLine(each)}`
        : options.has("l")
          ? `${each.pid} ${each.name}`
          : String(each.pid),
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
    if (options.has("e")) yield* proc.print(`${each.name} killed (pid ${each.pid})\n`);
    each.kill(signal);
  }
  if (options.has("c")) yield* proc.print(`${found.length}\n`);
  return found.length > 0 ? 0 : 1;
}

function* pidof(proc: Process): Task<number> {
  const { options, operands } = yield* getopt(proc, { short: "co:sx", terse: true });
  const omitted = new Set((options.get("o") ?? "").split(","));
  const found = [...proc.machine.processes.values()]
    .filter((each) => operands.some((name) => each.name === name.split("/").at(-1)) && !omitted.has(String(each.pid)))
    .map((each) => each.pid)
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
    const found = [...proc.machine.processes.values()].filter(
      (each) => each !== proc && (expression ? expression.test(each.name) : each.name === name.slice(0, 15)),
    );
    for (const each of found) {
      each.kill(signal);
      if (options.has("v")) yield* proc.printError(`Killed ${each.name}(${each.pid}) with signal ${signal}\n`);
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
    const target = machine.processes.get(pid);
    if (pid > 0 ? target : machine.killGroup(pid === 0 ? proc.pgid : -pid, signal) > 0) target?.kill(signal);
    else status = yield* complain(proc, `(${word}): No such process`);
  }
  return status;
}

export const processPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["sleep", sleepProgram],
  ["timeout", timeout],
  ["nohup", nohup],
  ["nice", nice],
  ["setsid", setsid],
  ["xargs", xargs],
  ["ps", ps],
  ["pgrep", pgrep],
  ["pkill", pkill],
  ["pidof", pidof],
  ["killall", killall],
  ["kill", kill],
]);
