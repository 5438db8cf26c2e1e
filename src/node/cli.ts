#!/usr/bin/env node
// The command line: `vethlab run`, `vethlab shell`, `vethlab compare`. Reads and writes the real disk; everything else happens below.
// `run` and what a script needs are loaded first, the rest when it is asked for; `sweep` without the emulator, which its workers
// load (test/node/bundle.test.ts).

import { fail, UsageError, version } from "./terminal.ts";
import { forShortRuns, inlineMore } from "./v8-flags.ts";

const HELP = `vethlab ${version()}: a packet-level emulator of Linux container networking

  vethlab run SCRIPT [options]      run a scenario; what it writes, captures too, lands in a folder
  vethlab shell [options]           a shell on an emulated host, the outside world included
  vethlab compare A B [options]     hold two captures, or two folders of captures, against each other (also: diff)

  vethlab sweep SCRIPT...           run scripts for many seeds and parameters over worker threads
  vethlab merge RESULTS...          join the results of a sweep's shards

  vethlab topology SCRIPT           draw the hosts, namespaces, bridges and links that a script builds
  vethlab flow SCRIPT|CAPTURE...    draw the exchange between addresses as a ladder
  vethlab explain SCRIPT PACKET     a packet's way through a machine: every rule, route and rewrite; --ports for published ports
  vethlab trace SCRIPT [FILTER]     the way of every packet of a scenario: devices, routes, rules, rewrites, its end and why
  vethlab packetdrill FILE.pkt...   run packetdrill scripts against the emulated TCP stack

  vethlab COMMAND --help            more about one of them
  vethlab --version                 print the version
`;

async function main(argv: readonly string[]): Promise<number> {
  const [command, ...rest] = argv;
  const manyRuns = command === "sweep" || rest.some((arg) => /^(-j|--jobs)/.test(arg));
  if (manyRuns) forShortRuns();
  else inlineMore();
  switch (command) {
    case "run":
      return await (await import("./run-command.ts")).runCommand(rest);
    case "shell":
      return await (await import("./other-commands.ts")).shellCommand(rest);
    case "compare":
    case "diff":
      return (await import("./other-commands.ts")).compareCommand(rest);
    case "sweep":
      return await (await import("./sweep/sweep-command.ts")).sweepCommand(rest);
    case "merge":
      return (await import("./other-commands.ts")).mergeCommand(rest);
    case "topology":
      return await (await import("./other-commands.ts")).topologyCommand(rest);
    case "flow":
      return await (await import("./other-commands.ts")).flowCommand(rest);
    case "explain":
      return await (await import("./other-commands.ts")).explainCommand(rest);
    case "trace":
      return await (await import("./other-commands.ts")).traceCommand(rest);
    case "packetdrill":
      return await (await import("./other-commands.ts")).packetdrillCommand(rest);
    case undefined:
      process.stderr.write(HELP);
      return 2;
    case "help":
    case "--help":
    case "-h":
      process.stdout.write(HELP);
      return 0;
    case "--version":
    case "-V":
      process.stdout.write(`${version()}\n`);
      return 0;
    default:
      throw new UsageError(`'${command}' is not a command of vethlab; see vethlab --help`);
  }
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.exitCode = fail(error);
  },
);
