// nsenter (util-linux 2.38): runs a program in namespaces of another process or file. Of the namespaces only the network's,
// the host name's and the mounts' differ between processes here; the others are shared and may be named.

import { Errno, NetError, strerror } from "../base/errno.ts";
import { netnsFromNode, withNetns } from "../host/host.ts";
import type { NetNamespace } from "../net/netns.ts";
import type { Namespaces, Process, Program } from "../posix/process.ts";
import type { Vfs } from "../posix/vfs.ts";
import { execProgram } from "../shell/exec.ts";
import type { Task } from "../sim/task.ts";
import { getopt, type LongOption } from "./net-util/getopt.ts";

const LONG: readonly LongOption[] = [
  { name: "all", argument: 0, short: "a" },
  { name: "target", argument: 1, short: "t" },
  { name: "mount", argument: 2, short: "m" },
  { name: "uts", argument: 2, short: "u" },
  { name: "ipc", argument: 2, short: "i" },
  { name: "net", argument: 2, short: "n" },
  { name: "pid", argument: 2, short: "p" },
  { name: "cgroup", argument: 2, short: "C" },
  { name: "user", argument: 2, short: "U" },
  { name: "time", argument: 2, short: "T" },
  { name: "no-fork", argument: 0, short: "F" },
  { name: "preserve-credentials", argument: 0 },
  { name: "version", argument: 0, short: "V" },
  { name: "help", argument: 0, short: "h" },
];
const NAMES: ReadonlyMap<string, string> = new Map([
  ["n", "net"],
  ["u", "uts"],
  ["m", "mnt"],
  ["i", "ipc"],
  ["p", "pid"],
  ["C", "cgroup"],
  ["U", "user"],
  ["T", "time"],
]);

export const nsenter: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "at:m::u::i::n::p::C::U::T::FVh", { long: LONG, stopAtOperand: true });
  const fail = function* (message: string, status = 1): Task<number> {
    yield* proc.printError(`nsenter: ${message}\n`);
    return status;
  };
  if (parsed.error !== undefined) return yield* fail(`${parsed.error}\nTry 'nsenter --help' for more information.`);
  let target: Process | undefined;
  let targetText: string | undefined;
  const wanted: { type: string; file: string | undefined }[] = [];
  for (const { name, value } of parsed.options) {
    if (name === "V") {
      yield* proc.print("nsenter from util-linux 2.38.1\n");
      return 0;
    }
    if (name === "t") {
      if (!/^\d+$/.test(value!)) return yield* fail(`failed to parse pid: '${value}'`);
      targetText = value!;
      target = proc.visible.get(Number(value));
    } else if (name === "a") for (const type of ["net", "uts", "mnt"]) wanted.push({ type, file: undefined });
    else if (NAMES.has(name)) wanted.push({ type: NAMES.get(name)!, file: value });
    else if (name !== "F" && name !== "preserve-credentials")
      return yield* fail(`option -${name} is not emulated by vethlab`);
  }
  let ns: Namespaces = proc.ns;
  let root: Vfs = proc.root;
  for (const { type, file } of wanted) {
    if (file === undefined && targetText === undefined)
      return yield* fail(`neither filename nor target pid supplied for ns/${type}`);
    const path = file ?? `/proc/${targetText}/ns/${type}`;
    if (file === undefined) {
      if (!target) return yield* fail(`cannot open ${path}: ${strerror(Errno.ENOENT)}`);
      if (type === "net")
        ns = { ...ns, net: target.ns.net, inodes: ns.inodes.with({ net: target.ns.inodes.get("net") }) };
      else if (type === "uts") ns = { ...ns, uts: target.ns.uts };
      else if (type === "mnt") root = target.root;
      continue;
    }
    let netns: NetNamespace | undefined;
    try {
      netns = netnsFromNode(proc.root.lookup(proc, path));
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      return yield* fail(`cannot open ${path}: ${error.message}`);
    }
    if (type !== "net" || !netns)
      return yield* fail(`reassociate to namespace 'ns/${type}' failed: ${strerror(Errno.EINVAL)}`);
    ns = withNetns(ns, netns);
  }
  if (wanted.length > 0 && !proc.capable("SYS_ADMIN"))
    return yield* fail(`reassociate to namespace 'ns/${wanted[0]!.type}' failed: ${strerror(Errno.EPERM)}`);
  const command = parsed.operands.length > 0 ? parsed.operands : [proc.env.get("SHELL") ?? "/bin/sh"];
  try {
    return yield* execProgram(proc, command, { ns, root });
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    return yield* fail(`failed to execute ${command[0]}: ${error.message}`, error.errno === Errno.ENOENT ? 127 : 126);
  }
};
