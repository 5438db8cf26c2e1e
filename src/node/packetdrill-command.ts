// `vethlab packetdrill`: runs packetdrill scripts against the emulated TCP stack, one line a script.

import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { formatNs } from "../base/time.ts";
import { runPacketdrill } from "../packetdrill/run.ts";
import { ScriptError } from "../packetdrill/script.ts";
import { nodeFilters } from "./filters.ts";
import { systemErrorText, UsageError, wholeNumber } from "./terminal.ts";

const HELP = `vethlab packetdrill FILE.pkt... [options]

Runs packetdrill scripts (packets in, packets expected out, system calls, assertions on tcp_info) against the emulated
Linux TCP/IP stack, in virtual time. Prints one line a script; the exit status is 0 when all hold, 1 when one does not,
2 for a script that cannot be read or says what is not supported.

  --seed N                what the kernel draws at random follows from it; default 1
  --verbose, -v           every packet
  --define NAME=VALUE, -D a symbol in the scripts
  --dry_run               only read the scripts

and packetdrill's own, with its defaults; a script's first lines may set them too:
  --local_ip --gateway_ip --netmask_ip --remote_ip --bind_port --connect_port --mtu --mss
  --tolerance_usecs --tolerance_percent --tcp_ts_tick_usecs --tcp_ts_ecr_scaled --non_fatal=packet,syscall --init_scripts

src/packetdrill/README.md says what of the language is supported.
`;

/** Options that take their value from the next word when there is no "=". */
const FLAGS: readonly string[] = ["verbose", "dry_run", "tcp_ts_ecr_scaled", "strict_segments", "send_omit_free"];

export async function packetdrillCommand(argv: readonly string[]): Promise<number> {
  const { files, options, seed, help } = readArguments(argv);
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (files.length === 0) throw new UsageError("packetdrill needs a script: vethlab packetdrill FILE.pkt…");
  let status = 0;
  let passed = 0;
  for (const file of files) {
    const result = await runFile(file, options, seed);
    if (result === 0) passed++;
    status = Math.max(status, result);
  }
  if (files.length > 1) process.stdout.write(`${passed} of ${files.length} scripts hold\n`);
  return status;
}

async function runFile(
  file: string,
  options: readonly { name: string; value: string }[],
  seed: number,
): Promise<number> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    process.stderr.write(`vethlab: ${systemErrorText(error) ?? String(error)}\n`);
    return 2;
  }
  const folder = dirname(resolve(file));
  try {
    const result = await runPacketdrill({
      text,
      path: file,
      folder,
      files: filesOf(text, folder, options),
      options,
      seed,
      filters: nodeFilters(),
      print: (said) => process.stderr.write(said),
    });
    for (const warning of result.warnings) process.stdout.write(`${warning}\n`);
    process.stdout.write(
      result.ok ? `OK   ${file} (${formatNs(result.virtualNs)} virtual)\n` : `FAIL ${result.message}\n`,
    );
    return result.ok ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    process.stdout.write(`FAIL ${error.line > 0 ? `${file}:${error.line}` : file}: ${error.message}\n`);
    return 2;
  }
}

/** Files that the script's commands name by a path: they are there in the emulated machine too. */
function filesOf(
  text: string,
  folder: string,
  options: readonly { name: string; value: string }[],
): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const texts = [...text.matchAll(/`([^`]*)`/g)].map(([, command]) => command!);
  texts.push(...options.filter(({ name }) => name === "init_scripts").map(({ value }) => value));
  const look = (said: string): void => {
    for (const [word] of said.matchAll(/[\w./+-]+/g)) {
      const path = resolve(folder, word);
      // what is absolute is the machine's own
      if (files.has(path) || word.startsWith("/") || !/[./]/.test(word)) continue;
      const stat = statSync(path, { throwIfNoEntry: false });
      if (!stat?.isFile() || stat.size > 1024 * 1024) continue;
      const bytes = readFileSync(path);
      files.set(path, bytes);
      if (/\.sh$/.test(path)) look(bytes.toString("utf8"));
    }
  };
  for (const said of texts) look(said);
  return files;
}

function readArguments(argv: readonly string[]): {
  files: string[];
  options: { name: string; value: string }[];
  seed: number;
  help: boolean;
} {
  const files: string[] = [];
  const options: { name: string; value: string }[] = [];
  let seed = 1;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === "--help" || word === "-h") return { files, options, seed, help: true };
    if (word === "-v") options.push({ name: "verbose", value: "" });
    else if (word.startsWith("-D") || word.startsWith("--")) {
      const [given, inline] = split(word.startsWith("-D") ? `--define=${word.slice(2)}` : word);
      let value = inline;
      if ((value === undefined || value === "") && !FLAGS.includes(given)) value = argv[++i];
      if (value === undefined && !FLAGS.includes(given)) throw new UsageError(`--${given} needs a value`);
      if (given === "seed") seed = wholeNumber("seed", value!, 0xffffffff);
      else options.push({ name: given, value: value ?? "" });
    } else if (word.startsWith("-")) throw new UsageError(`'${word}' is not an option of vethlab packetdrill`);
    else files.push(word);
  }
  return { files, options, seed, help: false };
}

function split(word: string): [string, string | undefined] {
  const at = word.indexOf("=");
  return at < 0 ? [word.slice(2), undefined] : [word.slice(2, at), word.slice(at + 1)];
}
