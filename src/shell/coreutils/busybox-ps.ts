// ps of busybox 1.35: every process of the namespace, in columns that -o chooses; other letters are taken and mean nothing.
// Answers to busybox procps/ps.c.

import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { commandLine } from "./command-line.ts";

interface Column {
  readonly heading: string;
  readonly width: number;
  readonly right?: boolean;
  readonly show: (proc: Process, viewer: Process) => string;
}

const user = (proc: Process): string => (proc.cred.uid === 0 ? "root" : String(proc.cred.uid));
const group = (proc: Process): string => (proc.cred.gid === 0 ? "root" : String(proc.cred.gid));

const COLUMNS: ReadonlyMap<string, Column> = new Map<string, Column>([
  ["user", { heading: "USER", width: 8, show: user }],
  ["ruser", { heading: "RUSER", width: 8, show: user }],
  ["group", { heading: "GROUP", width: 8, show: group }],
  ["rgroup", { heading: "RGROUP", width: 8, show: group }],
  ["comm", { heading: "COMMAND", width: 16, show: (proc) => proc.comm }],
  ["args", { heading: "COMMAND", width: 0, show: commandLine }],
  ["pid", { heading: "PID", width: 5, right: true, show: (proc, viewer) => String(proc.pidFor(viewer)) }],
  ["ppid", { heading: "PPID", width: 5, right: true, show: (proc, viewer) => String(proc.ppidFor(viewer)) }],
  ["pgid", { heading: "PGID", width: 5, right: true, show: (proc, viewer) => String(proc.pgidFor(viewer)) }],
  ["tty", { heading: "TT", width: 6, show: () => "?" }],
  ["stat", { heading: "STAT", width: 4, show: (proc, viewer) => (proc === viewer ? "R" : proc.stopped ? "T" : "S") }],
]);
/** Columns that busybox has and vethlab has not. */
const ABSENT = ["nice", "vsz", "sid", "rss"];
const SUPPORTED = "user,group,comm,args,pid,ppid,pgid,nice,rgroup,ruser,tty,vsz,sid,stat,rss";
const WIDTH = 80;
const USAGE = `BusyBox v1.35.0 (Debian 1:1.35.0-4+deb12u1+b1) multi-call binary.

Usage: ps [-o COL1,COL2=HEADER] [-T]

Show list of processes

	-o COL1,COL2=HEADER	Select columns for display
	-T			Show threads
`;

export const busyboxPs: Program = function* (proc: Process): Task<number> {
  const words = proc.argv.slice(1);
  const chosen: Column[] = [];
  const fail = function* (message: string): Task<number> {
    yield* proc.printError(`ps: ${message}\n`);
    return 1;
  };
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word.startsWith("--")) return yield* fail(`unrecognized option '${word}'\n${USAGE.trimEnd()}`);
    const option = /^-[aAdefl]*(T|o(.*)|[^aAdeflTo].*)?$/.exec(word);
    if (!option?.[1]) continue;
    if (option[1] === "T") return yield* fail("option -T is not supported by vethlab");
    if (option[2] === undefined) return yield* fail(`invalid option -- '${option[1][0]}'\n${USAGE.trimEnd()}`);
    const list = option[2] || words[++i];
    if (list === undefined) return yield* fail(`option requires an argument -- 'o'\n${USAGE.trimEnd()}`);
    for (const name of list.split(",")) {
      const [key, heading] = name.split("=") as [string, string | undefined];
      const column = COLUMNS.get(key);
      if (!column)
        return yield* fail(
          ABSENT.includes(key)
            ? `-o ${key} is not supported by vethlab`
            : `bad -o argument '${key}', supported arguments: ${SUPPORTED}`,
        );
      chosen.push(heading === undefined ? column : { ...column, heading });
    }
  }
  const columns = chosen.length > 0 ? chosen : ["pid", "user", "args"].map((name) => COLUMNS.get(name)!);
  const line = (cells: readonly string[]): string => `${cells.join(" ").slice(0, WIDTH)}\n`;
  const cell = ({ width, right }: Column, text: string, last: boolean): string =>
    right ? text.padStart(width) : last ? text : text.slice(0, width || undefined).padEnd(width);
  const last = columns.length - 1;
  const heading = columns.map(({ heading: text, width }, i) => (i === last ? text : text.padEnd(width)));
  const listed = [...proc.visible.values()].sort((a, b) => a.pidFor(proc) - b.pidFor(proc));
  yield* proc.print(
    line(heading) +
      listed
        .map((each) => line(columns.map((column, i) => cell(column, column.show(each, proc), i === last))))
        .join(""),
  );
  return 0;
};
