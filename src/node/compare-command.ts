// `vethlab compare` and `vethlab diff`: two captures, or two folders of them, held against each other.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { CaptureError } from "../capture/capture.ts";
import { compareSets } from "../capture/compare.ts";
import { ignorable, unknownNames } from "../capture/ignore.ts";
import { parse, UsageError } from "./terminal.ts";

const HELP = `vethlab compare A B [--ignore NAME,NAME…] [--ports N,N…] [--json]
vethlab diff A B …                    the same

Holds two captures (pcap or pcapng), or the captures of two folders by name, against each other: a user's own tcpdump
beside the emulator's. What a kernel draws at random or takes from its clock (sequence numbers, ephemeral ports, MAC
addresses, IP ids …) is rewritten the same way on both sides first. Prints what is equal, and the first difference of
each capture field by field. Exit status: 0 all equal, 1 not, 2 unusable input.

  --ignore NAME,NAME…   what does not count: ttl, ipid, mac, window, gap … (--rules names them all)
  --rules        print how both sides are rewritten, and what can be ignored
  --ports N,N…   ports of 1024 and up that are not ephemeral; those that a script (*.sh) in folder A names are known
  --json         the figures as JSON
`;

const RULES = `Both sides are rewritten in the same way before they are compared:

  MAC addresses       numbered by first appearance, except group addresses, 02:42:<IPv4> and 02:00:00:*:*:*
  IP identification   relative to the first of its flow and direction for TCP; 0 or not 0 otherwise
  TCP and UDP ports   of 1024 and up numbered by first appearance, unless named (--ports, a script in folder A)
  TCP seq, ack, SACK  relative to each side's first
  TCP timestamps      TSval: present; TSecr: zero or echo
  ICMP echo id        numbered by first appearance; the payload's first 16 bytes blanked
  checksums           what they are: valid, partial, zero or wrong
  HTTP Date, DNS id   blanked
  IGMP, MLD           left out
  gaps                of 0.4 s and more must agree to within 30 %

--ignore takes these names besides:

`;

export function compareCommand(argv: readonly string[]): number {
  const { values, positionals } = parse({
    args: [...argv],
    allowPositionals: true,
    options: {
      ports: { type: "string" },
      ignore: { type: "string", multiple: true },
      rules: { type: "boolean" },
      json: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.rules) {
    process.stdout.write(
      RULES +
        ignorable()
          .map(({ name, means }) => `  ${name.padEnd(10)} ${means}\n`)
          .join(""),
    );
    return 0;
  }
  const ignore = new Set((values.ignore ?? []).flatMap((names) => names.split(",")));
  const unknown = unknownNames(ignore);
  if (unknown.length > 0) throw new UsageError(`--ignore does not know ${unknown.join(", ")}; --rules names all`);
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
    const result = compareSets([a], b, { keepPorts, ignore });
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
