// A lab for one program at a time: hosts, a program run to its end with arguments, what it printed. No shell.

import { decodeUtf8 } from "../../src/base/text.ts";
import type { Ns } from "../../src/base/time.ts";
import type { Host } from "../../src/host/host.ts";
import { withNetns } from "../../src/host/host.ts";
import { Lab } from "../../src/host/lab.ts";
import type { NetNamespace } from "../../src/net/netns.ts";
import { NullFile, SinkFile } from "../../src/posix/file.ts";
import type { Process, Program } from "../../src/posix/process.ts";

/** What a program left behind: both streams in the order of writing, and its status. */
export interface Ran {
  readonly text: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

/** A program that runs: its process, and what it has printed so far. */
export interface Running {
  readonly proc: Process;
  result(): Ran;
}

export class ToolLab {
  readonly lab: Lab = new Lab({ programs: new Map(), seed: 1 });

  host(name = "host"): Host {
    return this.lab.hosts.get(name) ?? this.lab.addHost(name);
  }

  /** Starts a program with words for arguments; words[0] is its name. */
  start(host: Host, program: Program, words: readonly string[], netns: NetNamespace = host.netns): Running {
    let text = "";
    let stdout = "";
    let stderr = "";
    const proc = host.spawn(program, {
      argv: words,
      ns: withNetns(host.ns, netns),
      fds: new Map([
        [0, new NullFile()],
        [
          1,
          new SinkFile((bytes) => {
            stdout += decodeUtf8(bytes);
            text += decodeUtf8(bytes);
          }),
        ],
        [
          2,
          new SinkFile((bytes) => {
            stderr += decodeUtf8(bytes);
            text += decodeUtf8(bytes);
          }),
        ],
      ]),
    });
    return { proc, result: () => ({ text, stdout, stderr, status: proc.exitStatus?.status ?? -1 }) };
  }

  /** Runs a program to its end. */
  run(host: Host, program: Program, words: readonly string[], netns: NetNamespace = host.netns): Ran {
    const running = this.start(host, program, words, netns);
    this.lab.sim.run(() => running.proc.exitStatus !== undefined);
    return running.result();
  }

  /** "$ words", what it printed, "[status]": one after the other, as the recordings have it. */
  transcript(host: Host, program: Program, lines: readonly string[], netns: NetNamespace = host.netns): string {
    return lines
      .map((line) => {
        const { text, status } = this.run(host, program, line.split(" "), netns);
        return `$ ${line}\n${text}[${status}]\n`;
      })
      .join("");
  }

  /** Lets virtual time pass. */
  advance(ns: Ns): void {
    const { sim } = this.lab;
    sim.run(undefined, sim.now + ns);
  }
}
