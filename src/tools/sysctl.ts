// sysctl (procps 4.0.2): reads and writes /proc/sys of the process's namespaces, with its messages and statuses.

import { NetError } from "../base/errno.ts";
import { decodeUtf8 } from "../base/text.ts";
import type { Process, Program } from "../posix/process.ts";
import type { Task } from "../sim/task.ts";
import { getopt, type LongOption } from "./net-util/getopt.ts";

const ROOT = "/proc/sys/";

const USAGE = `
Usage:
 sysctl [options] [variable[=value] ...]

Options:
  -a, --all            display all variables
  -A                   alias of -a
  -X                   alias of -a
      --deprecated     include deprecated parameters to listing
      --dry-run        Print the key and values but do not write
  -b, --binary         print value without new line
  -e, --ignore         ignore unknown variables errors
  -N, --names          print variable names without values
  -n, --values         print only values of the given variable(s)
  -p, --load[=<file>]  read values from file
  -f                   alias of -p
      --system         read values from all system directories
  -r, --pattern <expression>
                       select setting that match expression
  -q, --quiet          do not echo variable set
  -w, --write          enable writing a value to variable
  -o                   does nothing
  -x                   does nothing
  -d                   alias of -h

 -h, --help     display this help and exit
 -V, --version  output version information and exit

For more details see sysctl(8).
`;

const LONG: readonly LongOption[] = [
  { name: "all", argument: 0, short: "a" },
  { name: "deprecated", argument: 0 },
  { name: "dry-run", argument: 0 },
  { name: "binary", argument: 0, short: "b" },
  { name: "ignore", argument: 0, short: "e" },
  { name: "names", argument: 0, short: "N" },
  { name: "values", argument: 0, short: "n" },
  { name: "load", argument: 2, short: "p" },
  { name: "system", argument: 0 },
  { name: "pattern", argument: 1, short: "r" },
  { name: "quiet", argument: 0, short: "q" },
  { name: "write", argument: 0, short: "w" },
  { name: "help", argument: 0, short: "h" },
  { name: "version", argument: 0, short: "V" },
];

interface Settings {
  ignore: boolean;
  names: boolean;
  values: boolean;
  binary: boolean;
  quiet: boolean;
  write: boolean;
  dryRun: boolean;
  pattern: RegExp | undefined;
}

/** Left out of -a: each has a successor in milliseconds. */
const DEPRECATED: ReadonlySet<string> = new Set(["base_reachable_time", "retrans_time"]);

export const sysctl: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "bneNwfp::qoxaAXr:Vdh", { long: LONG });
  if (parsed.error !== undefined) {
    yield* proc.printError(`sysctl: ${parsed.error}\n${USAGE}`);
    return 1;
  }
  const settings: Settings = {
    ignore: false,
    names: false,
    values: false,
    binary: false,
    quiet: false,
    write: false,
    dryRun: false,
    pattern: undefined,
  };
  let all = false;
  let deprecated = false;
  let load = false;
  const files: string[] = [];
  for (const { name, value } of parsed.options) {
    switch (name) {
      case "a":
      case "A":
      case "X":
        all = true;
        break;
      case "b":
        settings.binary = true;
        break;
      case "e":
        settings.ignore = true;
        break;
      case "N":
        settings.names = true;
        break;
      case "n":
        settings.values = true;
        break;
      case "q":
        settings.quiet = true;
        break;
      case "w":
        settings.write = true;
        break;
      case "dry-run":
        settings.dryRun = true;
        break;
      case "p":
      case "f":
        load = true;
        if (value !== undefined) files.push(value);
        break;
      case "r":
        settings.pattern = new RegExp(value!);
        break;
      case "V":
        yield* proc.print("sysctl from procps-ng 4.0.2\n");
        return 0;
      case "h":
      case "d":
        yield* proc.print(USAGE);
        return 0;
      case "deprecated":
        deprecated = true;
        break;
      case "o":
      case "x":
        break;
      default:
        yield* proc.printError(`sysctl: option --${name} is not emulated by vethlab\n`);
        return 1;
    }
  }
  let status = 0;
  if (all) {
    for (const key of listKeys(proc)) {
      if (!deprecated && DEPRECATED.has(key.slice(key.lastIndexOf("/") + 1))) continue;
      status |= yield* show(proc, key, settings);
    }
    return status;
  }
  if (load) {
    const names = [...files, ...parsed.operands];
    for (const path of names.length > 0 ? names : ["/etc/sysctl.conf"]) status |= yield* loadFile(proc, path, settings);
    return status;
  }
  if (parsed.operands.length === 0) {
    yield* proc.printError(USAGE);
    return 1;
  }
  for (const operand of parsed.operands) {
    const equals = operand.indexOf("=");
    if (equals >= 0)
      status |= yield* set(proc, operand.slice(0, equals).trim(), operand.slice(equals + 1).trim(), settings);
    else if (settings.write) {
      yield* proc.printError("sysctl: command line(0): invalid syntax, continuing...\n");
      status = 1;
    } else status |= yield* show(proc, operand, settings);
  }
  return status;
};

/** "net.ipv4.conf.eth0/1.forwarding" → "net/ipv4/conf/eth0.1/forwarding": the first separator decides (slashdot). */
function keyPath(key: string): string {
  const first = /[./]/.exec(key)?.[0];
  return first === "/" ? key : key.replace(/[./]/g, (c) => (c === "." ? "/" : "."));
}

function keyName(path: string): string {
  return path.replace(/[./]/g, (c) => (c === "." ? "/" : "."));
}

function* show(proc: Process, key: string, settings: Settings): Task<number> {
  const path = keyPath(key);
  const name = keyName(path);
  if (settings.pattern && !settings.pattern.test(name)) return 0;
  const node = proc.root.find(proc, ROOT + path);
  if (!node) {
    if (settings.ignore) return 0;
    yield* proc.printError(`sysctl: cannot stat ${ROOT}${path}: No such file or directory\n`);
    return 1;
  }
  if (node.kind === "dir" || node.kind === "syntheticDir") {
    let status = 0;
    for (const inner of listKeys(proc, `${path}/`)) status |= yield* show(proc, inner, settings);
    return status;
  }
  if (settings.names) {
    yield* proc.print(`${name}\n`);
    return 0;
  }
  let text: string;
  try {
    text = decodeUtf8(proc.root.readFile(proc, ROOT + path));
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    // write-only keys are passed over, as the real one does
    return 0;
  }
  for (const line of text.replace(/\n$/, "").split("\n")) yield* print(proc, name, line, settings);
  return 0;
}

function* print(proc: Process, name: string, value: string, settings: Settings): Task<void> {
  if (settings.binary) yield* proc.print(value);
  else yield* proc.print(settings.values ? `${value}\n` : `${name} = ${value}\n`);
}

function* set(proc: Process, key: string, value: string, settings: Settings): Task<number> {
  const path = keyPath(key);
  const name = keyName(path);
  const node = proc.root.find(proc, ROOT + path);
  if (!node) {
    if (settings.ignore) return 0;
    yield* proc.printError(`sysctl: cannot stat ${ROOT}${path}: No such file or directory\n`);
    return 1;
  }
  if (node.kind === "synthetic" && !node.write) {
    yield* proc.printError(`sysctl: setting key "${name}": Read-only file system\n`);
    return 1;
  }
  try {
    if (!settings.dryRun) proc.root.writeFile(proc, ROOT + path, `${value}\n`);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    yield* proc.printError(`sysctl: setting key "${name}": ${error.message}\n`);
    return settings.ignore ? 0 : 1;
  }
  if (settings.quiet) return 0;
  if (settings.names) yield* proc.print(`${name}\n`);
  else yield* print(proc, name, value, settings);
  return 0;
}

function* loadFile(proc: Process, path: string, settings: Settings): Task<number> {
  let text: string;
  try {
    text = path === "-" ? yield* proc.readAllText() : decodeUtf8(proc.root.readFile(proc, path));
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    yield* proc.printError(`sysctl: cannot open "${path}": ${error.message}\n`);
    return 1;
  }
  let status = 0;
  const pairs: [string, string][] = [];
  for (const [i, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    const equals = line.indexOf("=");
    if (equals <= 0) {
      yield* proc.printError(`sysctl: ${path}(${i + 1}): invalid syntax, continuing...\n`);
      status = 1;
      continue;
    }
    pairs.push([line.slice(0, equals).trim(), line.slice(equals + 1).trim()]);
  }
  for (const [key, value] of pairs) {
    const lenient = key.startsWith("-");
    const result = yield* set(proc, lenient ? key.slice(1) : key, value, settings);
    if (!lenient) status |= result;
  }
  return status;
}

/** Every key below a folder of /proc/sys, as paths, sorted folder by folder. */
function listKeys(proc: Process, prefix = ""): string[] {
  const out: string[] = [];
  for (const name of proc.root.list(proc, ROOT + prefix)) {
    const node = proc.root.find(proc, ROOT + prefix + name);
    if (node?.kind === "dir" || node?.kind === "syntheticDir") out.push(...listKeys(proc, `${prefix}${name}/`));
    else out.push(prefix + name);
  }
  return out;
}
