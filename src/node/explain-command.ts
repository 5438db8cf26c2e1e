// `vethlab explain`: the way of one packet through a machine, and who reaches its published ports.

import { readFileSync } from "node:fs";
import { journeyText } from "../explain/answer-text.ts";
import { ImportError, type Imported, importHost, type SourceFile } from "../explain/import-host.ts";
import { asksIpv6, explainPacket6, parseQuestion6 } from "../explain/ipv6/journey.ts";
import { type Files6, type Machine6, machine6 } from "../explain/ipv6/machine.ts";
import { explainPorts6 } from "../explain/ipv6/ports.ts";
import { explainPacket } from "../explain/journey.ts";
import { explainPorts } from "../explain/ports.ts";
import { portsText } from "../explain/ports-text.ts";
import { parseQuestion, QuestionError } from "../explain/question.ts";
import type { Host } from "../host/host.ts";
import { Lab } from "../host/lab.ts";
import { furnishHost, standardPrograms } from "../scenario/programs.ts";
import { SCENARIO_HOST } from "../scenario/run.ts";
import { nodeFilters } from "./filters.ts";
import { runQuietly } from "./script-file.ts";
import { labOptions, parse, systemErrorText, UsageError } from "./terminal.ts";

const HELP = `vethlab explain SCRIPT PACKET [options]
vethlab explain --rules FILE --addr FILE --route FILE … PACKET [options]
vethlab explain SCRIPT --ports, or with files in place of the script

Sends one packet through a machine and tells its way: every rule looked at, what matched, what was rewritten, the routes, and
where it ends and why. The machine is what stands at the end of a script, or is built from what a real one says of itself.
Exit status: 0 it arrives, 1 it does not, 2 a mistake, or something in the files is not understood.

  PACKET     'tcp 203.0.113.5:40000 -> 192.0.2.10:8080 in eth0', 'udp from host to 8.8.8.8:53',
             'tcp [2001:db8::5]:40000 -> [2001:db8::10]:80 in eth0' (of files, by --rules6 and --route6),
             'icmp echo from container web1 to 192.0.2.1', '… mark 0x1', '… uid 1000';
             '… reply' asks for the answer to it, '… established' for a later packet of the same connection
  --ports    a table of the ports that containers publish, who reaches them, and the rule that decides

  --rules FILE       iptables-save           --addr FILE        ip -j addr
  --route FILE       ip -j route [show table all]
  --link FILE        ip -j -d link           --rule FILE        ip -j rule
  --sysctl FILE      sysctl -a               --ipset FILE       ipset save
  --nft FILE         nft list ruleset, in place of --rules or for what nft's own tables add
  --rules6 FILE      ip6tables-save          --route6 FILE      ip -6 -j route show table all
  --networks FILE    docker network inspect  --containers FILE  docker inspect
  --ignore-unknown   answer although the files hold what is not understood; the answer lists it
  --matched          show only rules that matched
  --json             for programs
  --seed N, --docker 20|28   as for vethlab run
`;

const FILES = [
  "rules",
  "rules6",
  "route6",
  "nft",
  "addr",
  "route",
  "link",
  "rule",
  "sysctl",
  "ipset",
  "networks",
  "containers",
] as const;
const path = { type: "string" } as const;
const flag = { type: "boolean" } as const;

export async function explainCommand(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse({
    args: [...argv],
    allowPositionals: true,
    options: {
      rules: path,
      rules6: path,
      route6: path,
      nft: path,
      addr: path,
      route: path,
      link: path,
      rule: path,
      sysctl: path,
      ipset: path,
      networks: path,
      containers: path,
      seed: path,
      docker: path,
      ports: flag,
      json: flag,
      matched: flag,
      "ignore-unknown": flag,
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { seed, docker } = labOptions(values);
  const given = FILES.filter((name) => values[name] !== undefined);
  const script = given.length === 0 ? positionals.shift() : undefined;
  if (given.length === 0 && script === undefined)
    throw new UsageError("explain takes a script, or files of a machine; see vethlab explain --help");
  const words = positionals.join(" ");
  if ((words === "") !== (values.ports === true)) throw new UsageError("explain takes one packet, or --ports");
  try {
    const ipv6 = !values.ports && asksIpv6(words);
    const question = values.ports || ipv6 ? undefined : parseQuestion(words);
    /** with --ports: what is published to IPv6 */
    let six: Machine6 | null = null;
    const answer = async (lab: Lab, host: Host, from: Imported | null): Promise<number> => {
      const told = from === null ? {} : { unknown: from.unknown, assumed: from.assumed };
      if (question === undefined) {
        const ports = await explainPorts(lab, host, from);
        if (six !== null) ports.push(...explainPorts6(six, SCENARIO_HOST));
        process.stdout.write(
          values.json ? `${JSON.stringify({ ...told, ports }, null, 2)}\n` : portsText(ports) + notes(from),
        );
        return 0;
      }
      const journey = await explainPacket(lab, host, question, from);
      process.stdout.write(
        values.json
          ? `${JSON.stringify({ ...told, ...journey }, null, 2)}\n`
          : journeyText(journey, values.matched) + notes(from),
      );
      return journey.arrives ? 0 : 1;
    };
    if (script === undefined) {
      const files: Files6 = Object.fromEntries(given.map((name) => [name, source(values[name]!)]));
      if (files.addr === undefined)
        throw new UsageError("--addr (ip -j addr) is missing: which devices and addresses are there?");
      if (ipv6) return explainIpv6(files, words, values);
      const lab = new Lab({
        seed,
        programs: standardPrograms({ filters: nodeFilters(), docker: docker ?? "20" }),
        furnish: furnishHost,
      });
      const host = lab.addHost(SCENARIO_HOST);
      const imported: Imported = await importHost(lab, host, files);
      if (values.ports) {
        const machine = machine6(files);
        if (machine.published.length > 0) {
          six = machine;
          (imported.unknown as string[]).push(...machine.unknown);
          (imported.assumed as string[]).push(...machine.assumed);
        }
      }
      if (imported.unknown.length > 0 && !values["ignore-unknown"]) {
        for (const line of imported.unknown) process.stderr.write(`vethlab: not understood: ${line}\n`);
        return 2;
      }
      return await answer(lab, host, imported);
    }
    if (ipv6)
      throw new UsageError("emulated machines have no IPv6: it is asked of a machine's files (--addr, --rules6 …)");
    let status: number | undefined;
    const result = await runQuietly(script, {
      seed,
      ...(docker !== undefined ? { docker } : {}),
      inspect: async (lab) => {
        status = await answer(lab, lab.hosts.get(SCENARIO_HOST)!, null);
      },
    });
    return status ?? (result.status || 2);
  } catch (error) {
    if (error instanceof QuestionError || error instanceof ImportError) throw new UsageError(error.message);
    throw error;
  }
}

/** IPv6, of which the engine knows nothing: read from the files. */
function explainIpv6(
  files: Files6,
  words: string,
  values: { readonly "ignore-unknown"?: boolean; readonly json?: boolean; readonly matched?: boolean },
): number {
  const machine = machine6(files);
  if (machine.unknown.length > 0 && !values["ignore-unknown"]) {
    for (const line of machine.unknown) process.stderr.write(`vethlab: not understood: ${line}\n`);
    return 2;
  }
  const journey = explainPacket6(machine, parseQuestion6(words), SCENARIO_HOST);
  const { unknown, assumed } = machine;
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ unknown, assumed, ...journey }, null, 2)}\n`
      : journeyText(journey, values.matched) + notes(machine),
  );
  return journey.arrives ? 0 : 1;
}

/** 1 says that a packet does not arrive: a file that cannot be read is a mistake. */
function source(name: string): SourceFile {
  try {
    return { name, text: readFileSync(name, "utf8") };
  } catch (error) {
    const reason = systemErrorText(error);
    throw reason === undefined ? error : new UsageError(reason);
  }
}

function notes(from: Pick<Imported, "unknown" | "assumed"> | null): string {
  if (from === null) return "";
  const unknown = from.unknown.map((line) => `not understood, and left out: ${line}\n`);
  return unknown.join("") + from.assumed.map((line) => `assumed: ${line}\n`).join("");
}
