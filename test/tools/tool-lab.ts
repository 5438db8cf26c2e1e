// A lab for one program at a time: hosts, a program run to its end with arguments, what it printed. No shell.

import { decodeUtf8 } from "../../src/base/text.ts";
import type { Ns } from "../../src/base/time.ts";
import type { Host } from "../../src/host/host.ts";
import { withNetns } from "../../src/host/host.ts";
import { Lab } from "../../src/host/lab.ts";
import { devOpen } from "../../src/net/core/dev.ts";
import type { NetDevice } from "../../src/net/core/net-device.ts";
import { inetAddrAdd } from "../../src/net/ipv4/devinet.ts";
import { createVethPair } from "../../src/net/link/veth.ts";
import type { NetNamespace } from "../../src/net/netns.ts";
import { NullFile, SinkFile } from "../../src/posix/file.ts";
import type { Process, Program } from "../../src/posix/process.ts";
import { parseIpv4, parseMac } from "../../src/wire/addr.ts";
import { FramePrinter, LINKTYPE_ETHERNET } from "../../src/wire/print.ts";

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

export function addAddress(ns: NetNamespace, dev: NetDevice, address: string, prefixLen: number): void {
  inetAddrAdd(ns.ipv4, dev, { local: parseIpv4(address)!, prefixLen });
}

/** What passes a device, as `tcpdump -n -v` prints it without times. */
export function watch(dev: NetDevice): string[] {
  const printer = new FramePrinter(LINKTYPE_ETHERNET, { verbose: 1, time: 1 });
  const lines: string[] = [];
  dev.taps.push({
    capture: (skb) => {
      const frame = skb.head.slice(skb.data, skb.tail);
      lines.push(printer.print(frame, 0, frame.length, 0, 0));
    },
  });
  return lines;
}

export class ToolLab {
  readonly lab: Lab = new Lab({ programs: new Map(), seed: 1 });

  host(name = "host"): Host {
    return this.lab.hosts.get(name) ?? this.lab.addHost(name);
  }

  /** Two namespaces of one host on a wire: eth0 of the first is 10.0.0.2, v0 of the host's own is 10.0.0.1. */
  pair(): { host: Host; a: NetNamespace; b: NetNamespace; frames: string[] } {
    const host = this.host();
    const a = host.createNetNamespace("a");
    const b = host.netns;
    const [eth0, v0] = createVethPair(a.net, "eth0", b.net, "v0");
    eth0.address.set(parseMac("02:00:00:00:00:02")!);
    v0.address.set(parseMac("02:00:00:00:00:01")!);
    addAddress(a, eth0, "10.0.0.2", 24);
    addAddress(b, v0, "10.0.0.1", 24);
    devOpen(eth0);
    devOpen(v0);
    return { host, a, b, frames: watch(v0) };
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
