// Runs the commands of a recorded transcript on a new host and gives what they print, in the transcript's own form.

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Host } from "../../../src/host/host.ts";
import { Lab } from "../../../src/host/lab.ts";
import { BytesFile, type OpenFile, SinkFile } from "../../../src/posix/file.ts";
import type { Program } from "../../../src/posix/process.ts";
import { ip } from "../../../src/tools/ip/ip.ts";

export interface Entry {
  readonly command: string;
  readonly output: string;
}

/** Commands with what they printed; set-up commands have an output of null. */
export function parseTranscript(text: string): { command: string; output: string | null }[] {
  const out: { command: string; output: string | null }[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("$ ")) out.push({ command: line.slice(2), output: "" });
    else if (line.startsWith("! ")) out.push({ command: line.slice(2), output: null });
    else if (line.startsWith("# ") && out.length === 0) continue;
    else {
      const last = out.at(-1);
      if (last && last.output !== null) last.output += `${line}\n`;
    }
  }
  for (const entry of out) if (entry.output !== null) entry.output = `${entry.output.trimEnd()}\n`;
  return out;
}

export function words(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
}

/** A lab of one host whose programs are `ip` and those given. */
export function newHost(programs: readonly (readonly [string, Program])[] = []): { lab: Lab; host: Host } {
  const lab = new Lab({ programs: new Map([["ip", ip], ...programs]) });
  const host = lab.addHost("host");
  for (const [name, program] of [["ip", ip], ...programs] as const)
    host.root.put(`/usr/bin/${name}`, { kind: "program", program, mode: 0o755, mtimeNs: 0 });
  return { lab, host };
}

/** Runs one command; stderr first, then stdout, then "=> status". */
export async function run(lab: Lab, host: Host, command: string, program: Program = ip): Promise<string> {
  const out: string[] = [];
  const err: string[] = [];
  const into = (list: string[]) => (bytes: Uint8Array) => {
    list.push(new TextDecoder().decode(bytes));
  };
  const proc = host.spawn(program, {
    argv: words(command),
    cwd: "/",
    env: new Map([["PATH", "/usr/bin"]]),
    fds: new Map<number, OpenFile>([
      [0, new BytesFile("")],
      [1, new SinkFile(into(out))],
      [2, new SinkFile(into(err))],
    ]),
  });
  const { status } = await lab.wait(proc);
  const both = [...err, ...out].join("");
  return `${both}${both === "" || both.endsWith("\n") ? "" : "\n"}=> ${status}\n`;
}

/** Addresses that a kernel draws at random, numbered by first appearance, also where leading zeros are left out. */
export function nameRandomMacs(text: string): string {
  const names = new Map<string, string>();
  const short = new Map<string, string>();
  const named = text.replace(/\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/g, (mac) => {
    if (/^(02:00:00|00:00:00|ff:ff|01:|33:33)/.test(mac)) return mac;
    let name = names.get(mac);
    if (!name) {
      name = `MAC${names.size + 1}`;
      names.set(mac, name);
      short.set(mac.replace(/\b0/g, ""), name);
    }
    return name;
  });
  return named.replace(/\b[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}\b/g, (mac) => short.get(mac) ?? mac);
}

/**
 * Makes a test of every transcript in a folder: the same commands on a new host print the same.
 * @param name of the tool that the transcripts are about
 * @param programs further programs that they call, besides ip
 */
export function testTranscripts(
  folder: string,
  name: string,
  programs: readonly (readonly [string, Program])[] = [],
): void {
  const byName = new Map<string, Program>([["ip", ip], ...programs]);
  for (const file of readdirSync(folder).sort())
    test(`${name} answers as iproute2 does: ${file.replace(/\.txt$/, "")}`, async () => {
      const { lab, host } = newHost(programs);
      let expected = "";
      let actual = "";
      for (const { command, output } of parseTranscript(readFileSync(`${folder}/${file}`, "utf8"))) {
        const got = await run(lab, host, command, byName.get(command.split(" ")[0]!));
        if (output === null) {
          expect(got, command).toBe("=> 0\n");
          continue;
        }
        expected += `$ ${command}\n${output}`;
        actual += `$ ${command}\n${got}`;
      }
      expect(nameRandomMacs(actual)).toBe(nameRandomMacs(expected));
    });
}
