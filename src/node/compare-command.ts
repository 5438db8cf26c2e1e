// `vethlab compare`: two captures, or two folders of them, held against each other.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { CaptureError } from "../capture/capture.ts";
import { compareSets } from "../capture/compare.ts";
import { parse, UsageError } from "./terminal.ts";

const HELP = `vethlab compare A B [--ports N,N…] [--json]

Holds two captures (pcap or pcapng), or the captures of two folders by name, against each other: a user's own tcpdump
beside the emulator's. What a kernel draws at random or takes from its clock (sequence numbers, ephemeral ports, MAC
addresses, IP ids …) is rewritten the same way on both sides first. Prints what is equal, and the first difference of
each capture field by field. Exit status: 0 all equal, 1 not, 2 unusable input.

  --ports N,N…   ports of 1024 and up that are not ephemeral; those that a script (*.sh) in folder A names are known
  --json         the figures as JSON
`;

export function compareCommand(argv: readonly string[]): number {
  const { values, positionals } = parse({
    args: [...argv],
    allowPositionals: true,
    options: { ports: { type: "string" }, json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [left, right, extra] = positionals;
  if (left === undefined || right === undefined || extra !== undefined)
    throw new UsageError("compare takes two captures, or two folders of captures");
  const keepPorts = new Set<number>(parsePorts(values.ports));
  const leftFolder = statSync(left).isDirectory();
  if (leftFolder !== statSync(right).isDirectory())
    throw new UsageError("compare takes two files or two folders, not one of each");
  const a = leftFolder ? readFolder(left) : new Map([[basename(left), read(left)]]);
  const b = leftFolder ? readFolder(right) : new Map([[basename(left), read(right)]]);
  if (a.size === 0) throw new UsageError(`${left}: no captures`);
  if (leftFolder) for (const port of portsOfScripts(left)) keepPorts.add(port);
  try {
    const result = compareSets([a], b, { keepPorts });
    process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${result.text}\n`);
    if (result.captures.some((capture) => capture.unusable !== undefined)) return 2;
    return result.equal === result.of ? 0 : 1;
  } catch (error) {
    if (error instanceof CaptureError) throw new UsageError(error.message);
    throw error;
  }
}

function parsePorts(text: string | undefined): number[] {
  if (text === undefined) return [];
  return text.split(",").map((part) => {
    if (!/^\d{1,5}$/.test(part)) throw new UsageError(`--ports takes numbers separated by commas, not '${text}'`);
    return Number(part);
  });
}

function read(path: string): Uint8Array {
  return new Uint8Array(readFileSync(path));
}

function readFolder(folder: string): Map<string, Uint8Array> {
  const out = new Map<string, Uint8Array>();
  for (const name of readdirSync(folder).sort()) if (/\.pcap(ng)?$/.test(name)) out.set(name, read(join(folder, name)));
  return out;
}

/** Numbers of four or five digits that a script beside the captures names. */
function portsOfScripts(folder: string): number[] {
  const out: number[] = [];
  for (const name of readdirSync(folder))
    if (name.endsWith(".sh"))
      for (const match of readFileSync(join(folder, name), "utf8").matchAll(/(?<![0-9.])([1-9][0-9]{3,4})(?![0-9.])/g))
        out.push(Number(match[1]));
  return out;
}
