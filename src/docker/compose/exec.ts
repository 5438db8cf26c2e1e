// `compose exec`: docker's own exec in a service's container. Answers to docker/compose cmd/compose/exec.go.

import type { Task } from "../../sim/task.ts";
import { type Command, Context, flagsOf } from "../cli/command.ts";
import { exec } from "../cli/exec.ts";
import { bool, int, list, parseFlags, string, unsupported } from "../cli/flags.ts";
import { type ComposeRun, runningOf, type Subcommand } from "./command.ts";

export const composeExec: Subcommand = {
  name: "exec",
  usage: "exec [OPTIONS] SERVICE COMMAND [ARGS...]",
  summary: "Execute a command in a running container",
  flags: [
    bool("detach", "d", "Detached mode: Run command in the background"),
    list("env", "e", "Set environment variables"),
    int("index", "", "Index of the container if service has multiple replicas"),
    bool("no-TTY", "T", "Disable pseudo-TTY allocation"),
    string("user", "u", "Run the command as this user"),
    string("workdir", "w", "Path to workdir directory for this command"),
    ...unsupported("privileged!"),
  ],
  stopAtArgument: true,
  minArgs: 2,
  *run(run: ComposeRun): Task<number> {
    const { proc, daemon, flags, args } = run;
    const [service, ...command] = args as [string, ...string[]];
    const container = runningOf(run, service);
    const words = ["-i"];
    if (proc.fds.get(0)?.isTty && !flags.bool("no-TTY")) words.push("-t");
    if (flags.bool("detach")) words.push("-d");
    for (const entry of flags.list("env")) words.push("-e", entry);
    for (const name of ["user", "workdir"]) if (flags.given(name)) words.push(`--${name}`, flags.string(name));
    const parsed = parseFlags([...words, container.id, ...command], flagsOf(exec, daemon.generation.name), false);
    return yield* exec.run(new Context(proc, daemon, exec as Command, parsed.flags, parsed.args));
  },
};
