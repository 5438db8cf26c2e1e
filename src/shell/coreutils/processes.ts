// Programs that run another one differently, or wait: sleep, timeout, nohup, nice, setsid.

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
import { FORK_NS } from "../cost.ts";
import { spawnCommand } from "../exec.ts";
import { execOrSay } from "./info.ts";
import { getopt, usageError } from "./util.ts";

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
  if (!options.has("f")) proc.pgid = proc.hostPid;
  yield* proc.cpu(FORK_NS);
  const child = spawnCommand(proc, command);
  const send = function* (which: number): Task<void> {
    if (options.has("v"))
      yield* proc.printError(`timeout: sending signal ${SIGNALS[which] ?? which} to command ‘${command[0]}’\n`);
    child.kill(which);
    if (options.has("f")) return;
    // the whole group; timeout itself ignores it where that is possible
    for (const each of [...proc.visible.values()])
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
    child.pgid = child.hostPid;
  };
  if (options.has("f") || proc.pgid === proc.hostPid) {
    yield* proc.cpu(FORK_NS);
    const child = spawnCommand(proc, operands, { prepare: lead });
    return options.has("w") ? (yield* child.wait()).status : 0;
  }
  lead(proc);
  return yield* execOrSay(proc, operands, {}, (name) => `failed to execute ${name}`);
}

export const processPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ["sleep", sleepProgram],
  ["timeout", timeout],
  ["nohup", nohup],
  ["nice", nice],
  ["setsid", setsid],
]);
