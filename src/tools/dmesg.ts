// dmesg (util-linux 2.38.1): the kernel's messages, among them the lines of the target LOG. Following, colours, other log
// files and further formats of time are refused by name.

import { SEC } from "../base/time.ts";
import { netnsOf } from "../host/host.ts";
import type { Process } from "../posix/process.ts";
import type { Task } from "../sim/task.ts";
import { dateText } from "./net-util/date.ts";
import { getopt, type LongOption } from "./net-util/getopt.ts";

const LEVELS: readonly string[] = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];

const LONG: readonly LongOption[] = [
  { name: "clear", argument: 0, short: "C" },
  { name: "read-clear", argument: 0, short: "c" },
  { name: "console-off", argument: 0, short: "D" },
  { name: "console-on", argument: 0, short: "E" },
  { name: "file", argument: 1, short: "F" },
  { name: "facility", argument: 1, short: "f" },
  { name: "human", argument: 0, short: "H" },
  { name: "json", argument: 0, short: "J" },
  { name: "kernel", argument: 0, short: "k" },
  { name: "color", argument: 2, short: "L" },
  { name: "level", argument: 1, short: "l" },
  { name: "console-level", argument: 1, short: "n" },
  { name: "nopager", argument: 0, short: "P" },
  { name: "raw", argument: 0, short: "r" },
  { name: "userspace", argument: 0, short: "u" },
  { name: "follow", argument: 0, short: "w" },
  { name: "decode", argument: 0, short: "x" },
  { name: "ctime", argument: 0, short: "T" },
  { name: "notime", argument: 0, short: "t" },
  { name: "version", argument: 0, short: "V" },
];

/** Of no effect where nothing is coloured, paged or logged by anyone but the kernel. */
const WITHOUT_EFFECT = ["k", "P", "L"];

interface Settings {
  clear: boolean;
  silent: boolean;
  time: "seconds" | "ctime" | "none";
  raw: boolean;
  decode: boolean;
  levels: readonly number[] | undefined;
}

/** `dmesg …` */
export function* dmesg(proc: Process): Task<number> {
  const { options, operands, error } = getopt(proc.argv.slice(1), "CcDEF:f:HJkL::l:n:PruwxTtV", { long: LONG });
  const mistake = error ?? (operands.length > 0 ? "bad usage" : undefined);
  if (mistake !== undefined) {
    yield* proc.printError(`dmesg: ${mistake}\nTry 'dmesg --help' for more information.\n`);
    return 1;
  }
  const settings: Settings = {
    clear: false,
    silent: false,
    time: "seconds",
    raw: false,
    decode: false,
    levels: undefined,
  };
  for (const { name, value } of options) {
    if (name === "V") {
      yield* proc.print("dmesg from util-linux 2.38.1\n");
      return 0;
    }
    const problem = take(settings, name, value ?? "");
    if (problem !== undefined) {
      yield* proc.printError(`dmesg: ${problem}\n`);
      return 1;
    }
  }
  const { kernel } = netnsOf(proc).net;
  const lines = kernel.log.records(kernel.logFrom);
  if (settings.clear) kernel.logFrom = kernel.log.length;
  if (settings.silent) return 0;
  const bootSeconds = proc.machine.wallSeconds() - Math.floor(proc.sim.now / SEC);
  const shown = lines.filter(({ level }) => settings.levels?.includes(level) ?? true);
  yield* proc.print(shown.map((line) => `${format(line, settings, bootSeconds)}\n`).join(""));
  return 0;
}

/** What is wrong with an option; undefined: nothing. */
function take(settings: Settings, option: string, value: string): string | undefined {
  if (option === "C" || option === "c") {
    settings.clear = true;
    settings.silent ||= option === "C";
  } else if (option === "T") settings.time = "ctime";
  else if (option === "t") settings.time = "none";
  else if (option === "r") settings.raw = true;
  else if (option === "x") settings.decode = true;
  else if (option === "l") {
    const unknown = value.split(",").find((name) => !LEVELS.includes(name));
    if (unknown !== undefined) return `unknown level '${unknown}'`;
    settings.levels = value.split(",").map((name) => LEVELS.indexOf(name));
  } else if (option === "f") {
    if (value !== "kern") return `--facility ${value}: only the kernel writes here`;
  } else if (!WITHOUT_EFFECT.includes(option)) return `-${option}: not available here`;
  return undefined;
}

function format(line: { timeNs: number; text: string; level: number }, settings: Settings, boot: number): string {
  const seconds = line.timeNs / SEC;
  const stamp = `[${seconds.toFixed(6).padStart(12)}] `;
  if (settings.raw) return `<${line.level}>${stamp}${line.text}`;
  const decoded = settings.decode ? `kern  :${LEVELS[line.level]!.padEnd(6)}: ` : "";
  if (settings.time === "none") return `${decoded}${line.text}`;
  if (settings.time === "seconds") return `${decoded}${stamp}${line.text}`;
  return `${decoded}[${dateText(boot + Math.floor(seconds)).replace(" UTC", "")}] ${line.text}`;
}
