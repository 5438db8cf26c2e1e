// Case files: command lines of iptables with what the real program answered (see iptables-cases/record.mjs), run here.

import { MSEC } from "../../src/base/time.ts";
import { Kernel, Net } from "../../src/net/core/net.ts";
import { createIpv4 } from "../../src/net/ipv4/af-inet.ts";
import { type Netfilter, netfilterInit } from "../../src/net/netfilter/netfilter.ts";
import { Rng } from "../../src/sim/rng.ts";
import { Sim } from "../../src/sim/sim.ts";
import { IpsetSession } from "../../src/tools/ipset/commands.ts";
import { PLAIN_NAMES } from "../../src/tools/iptables/names.ts";
import { restoreOptions, restoreTables } from "../../src/tools/iptables/restore.ts";
import { iptables, type Result } from "../../src/tools/iptables/run.ts";
import { saveTables } from "../../src/tools/iptables/save.ts";
import type { IptablesVersion } from "../../src/tools/iptables/xtables.ts";

export interface Section {
  readonly title: string;
  readonly cases: readonly Case[];
}

export interface Case {
  readonly line: string;
  readonly stdin: string;
  /** the whole block, as it stands in the file */
  readonly text: string;
}

export function readSections(text: string): Section[] {
  return text
    .split(/^(?=== )/m)
    .slice(1)
    .map((section) => {
      const end = section.indexOf("\n");
      const blocks = section.slice(end + 1).split(/^(?=\$ )/m);
      return { title: section.slice(3, end), cases: blocks.filter((block) => block !== "").map(readCase) };
    });
}

function readCase(block: string): Case {
  const lines = block.split("\n");
  const stdin = lines.filter((line) => line.startsWith("< ") || line === "<").map((line) => `${line.slice(2)}\n`);
  return { line: lines[0]!.slice(2), stdin: stdin.join(""), text: block };
}

export function newNetfilter(): Netfilter {
  const net = new Net(new Kernel(new Sim(), new Rng(1)), "test", 1);
  return netfilterInit(net, createIpv4(net));
}

export function shellWords(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2]!);
}

export function runLine(nf: Netfilter, line: string, stdin: string, version: IptablesVersion = "1.8.9"): Result {
  const [program, ...args] = shellWords(line);
  if (program === "iptables") return iptables(nf, args, { version });
  if (program === "iptables-save") return saveTables(nf, args, "DATE", { version });
  if (program === "iptables-restore") {
    const options = restoreOptions(args, { version });
    return "status" in options ? options : restoreTables(nf, stdin, options, { version });
  }
  if (program === "ipset") {
    const session = new IpsetSession({ sets: nf.sets, now: () => nf.net.now + 100 * MSEC });
    session.begin(args, PLAIN_NAMES);
    for (const [i, text] of stdin.split("\n").entries()) if (session.restoring) session.line(i + 1, text, PLAIN_NAMES);
    return session.finish();
  }
  if (program === "sleep") return { status: 0, stdout: "", stderr: "" }; // ipset looks 0.1 s later, always
  throw new Error(`no such program: ${line}`);
}

/** The block that the case file would hold. */
export function answer(nf: Netfilter, { line, stdin }: Case, version: IptablesVersion = "1.8.9"): string {
  const { status, stdout, stderr } = runLine(nf, line, stdin, version);
  const out = [`$ ${line}`];
  if (stdin !== "")
    out.push(
      ...stdin
        .split("\n")
        .slice(0, -1)
        .map((text) => `< ${text}`),
    );
  if (stdout !== "") out.push(stdout.replace(/\n$/, ""));
  if (stderr !== "")
    out.push(
      ...stderr
        .replace(/\n$/, "")
        .split("\n")
        .map((text) => `! ${text}`),
    );
  if (status !== 0) out.push(`? ${status}`);
  return `${out.join("\n")}\n`;
}
