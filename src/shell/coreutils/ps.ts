// ps, in procps' forms: -ef, aux, -o. Processes take no memory and no share of a processor here; those columns show 0.

import { SEC } from "../../base/time.ts";
import type { Process, Program } from "../../posix/process.ts";
import { controllingTerminal } from "../../posix/tty.ts";
import type { Task } from "../../sim/task.ts";
import { strftime } from "../strftime.ts";
import { busyboxPs } from "./busybox-ps.ts";
import { commandLine } from "./command-line.ts";

function startTime(proc: Process): bigint {
  return proc.machine.wallClockNs(proc.startedNs);
}

const ttyName = (proc: Process): string => controllingTerminal(proc)?.name ?? "?";

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
  ["pid", column("PID", 5, (proc, self) => String(proc.pidFor(self)))],
  ["ppid", column("PPID", 5, (proc, self) => String(proc.ppidFor(self)))],
  ["pgid", column("PGID", 5, (proc, self) => String(proc.pgidFor(self)))],
  ["pgrp", column("PGRP", 5, (proc, self) => String(proc.pgidFor(self)))],
  ["sid", column("SID", 5, (proc, self) => String(proc.pgidFor(self)))],
  ["uid", column("UID", 5, () => "0")],
  ["user", column("USER", 8, () => "root", true)],
  ["uname", column("USER", 8, () => "root", true)],
  ["ruser", column("RUSER", 8, () => "root", true)],
  ["group", column("GROUP", 8, () => "root", true)],
  ["comm", column("COMMAND", 15, (proc) => proc.comm, true)],
  ["ucmd", column("CMD", 15, (proc) => proc.comm, true)],
  ["args", column("COMMAND", 27, commandLine, true)],
  ["cmd", column("CMD", 27, commandLine, true)],
  ["command", column("COMMAND", 27, commandLine, true)],
  ["stat", column("STAT", 4, state, true)],
  ["state", column("S", 1, state, true)],
  ["s", column("S", 1, state, true)],
  ["tty", column("TT", 8, ttyName, true)],
  ["tt", column("TT", 8, ttyName, true)],
  ["tname", column("TTY", 8, ttyName, true)],
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
  ["netns", column("NETNS", 10, (proc) => String(proc.ns.inodes.get("net")))],
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
  const chosen = [...proc.visible.values()]
    .filter((each) => {
      if (pids || parents || names)
        return pids?.has(each.pidFor(proc)) || parents?.has(each.ppidFor(proc)) || names?.has(each.comm) || false;
      if (request.all) return true;
      // those of this session: the caller's ancestors' group stands for the terminal's
      return each.pgid === proc.pgid || each === proc.parent;
    })
    .sort((a, b) => a.pidFor(proc) - b.pidFor(proc));
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

export const psPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["ps", ps],
  ["busybox-ps", busyboxPs],
]);
