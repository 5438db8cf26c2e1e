// unshare (util-linux 2.38): runs a program in new namespaces. The network's and the host name's can be new; what the others
// hold (mounts, processes, users) has one instance for a host, and asking for them is refused by name.

import { Errno, NetError, strerror } from "../base/errno.ts";
import { hostOf, netnsNode, withNetns } from "../host/host.ts";
import type { Namespaces, Process, Program } from "../posix/process.ts";
import { FORK_NS } from "../shell/cost.ts";
import { execProgram, spawnCommand } from "../shell/exec.ts";
import type { Task } from "../sim/task.ts";
import { getopt, type LongOption } from "./net-util/getopt.ts";

const LONG: readonly LongOption[] = [
  { name: "help", argument: 0, short: "h" },
  { name: "version", argument: 0, short: "V" },
  { name: "mount", argument: 2, short: "m" },
  { name: "uts", argument: 2, short: "u" },
  { name: "ipc", argument: 2, short: "i" },
  { name: "net", argument: 2, short: "n" },
  { name: "pid", argument: 2, short: "p" },
  { name: "user", argument: 2, short: "U" },
  { name: "cgroup", argument: 2, short: "C" },
  { name: "time", argument: 2, short: "T" },
  { name: "fork", argument: 0, short: "f" },
  { name: "kill-child", argument: 2 },
  { name: "mount-proc", argument: 2 },
  { name: "map-root-user", argument: 0, short: "r" },
  { name: "map-current-user", argument: 0, short: "c" },
  { name: "propagation", argument: 1 },
  { name: "root", argument: 1, short: "R" },
  { name: "wd", argument: 1, short: "w" },
  { name: "setuid", argument: 1, short: "S" },
  { name: "setgid", argument: 1, short: "G" },
];

export const unshare: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "hVmuinpUCTfrcR:w:S:G:", { long: LONG, stopAtOperand: true });
  const fail = function* (message: string, status = 1): Task<number> {
    yield* proc.printError(`unshare: ${message}\n`);
    return status;
  };
  if (parsed.error !== undefined) return yield* fail(`${parsed.error}\nTry 'unshare --help' for more information.`);
  let ns: Namespaces = proc.ns;
  let file: string | undefined;
  let net = false;
  let fork = false;
  let cwd: string | undefined;
  for (const { name, value } of parsed.options) {
    if (name === "V") {
      yield* proc.print("unshare from util-linux 2.38.1\n");
      return 0;
    }
    if (name === "n") {
      net = true;
      file = value ?? file;
    } else if (name === "u" && value === undefined) {
      const inodes = ns.inodes.with({ uts: hostOf(proc).allocateInode() });
      ns = { ...ns, uts: { hostname: ns.uts.hostname }, inodes };
    } else if (name === "f") fork = true;
    else if (name === "w") cwd = value;
    else return yield* fail(`option ${name.length === 1 ? "-" : "--"}${name} is not supported by vethlab`);
  }
  if (!proc.capable("SYS_ADMIN")) return yield* fail(`unshare failed: ${strerror(Errno.EPERM)}`);
  if (net) {
    const host = hostOf(proc);
    const netns = host.createNetNamespace(`unshare-${proc.pid}`);
    ns = withNetns(ns, netns);
    proc.ns = ns;
    proc.onExit(() => host.releaseNetNamespace(netns));
    if (file !== undefined)
      try {
        proc.root.lookup(proc, file);
        proc.root.remove(proc, file);
        proc.root.create(proc, file, netnsNode(netns));
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
        return yield* fail(`mount /proc/${proc.pid}/ns/net on ${file} failed: ${strerror(error.errno)}`);
      }
  }
  const command = parsed.operands.length > 0 ? parsed.operands : [proc.env.get("SHELL") ?? "/bin/sh"];
  const failed = (error: NetError): Task<number> =>
    fail(`failed to execute ${command[0]}: ${strerror(error.errno)}`, error.errno === 2 ? 127 : 126);
  const options = { ns, ...(cwd === undefined ? {} : { cwd }) };
  if (fork) {
    yield* proc.cpu(FORK_NS);
    const child = spawnCommand(proc, command, { ...options, onError: (_proc, error) => failed(error) });
    return (yield* child.wait()).status;
  }
  try {
    return yield* execProgram(proc, command, options);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    return yield* failed(error);
  }
};
