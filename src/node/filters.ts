// The filter library that a lab on Node or in a browser page is given: jq, which is the real jq compiled to WebAssembly
// (npm jq-wasm), loaded when a script first uses it. Nothing here is Node's own, so a page may import it too.

import type { FilterCall, FilterLibrary, FilterResult } from "../shell/filters.ts";

const FILTERS: FilterLibrary = { names: ["jq"], run: (call) => jq(call) };

/** Filters backed by libraries that are imported lazily; always the same, so that labs may share programs. */
export function nodeFilters(): FilterLibrary {
  return FILTERS;
}

/** What jq's command line says, as far as the wrapper must know it. */
interface JqCommand {
  readonly flags: string[];
  filter: string | undefined;
  readonly files: string[];
  raw: boolean;
  join: boolean;
  problem: string | undefined;
}

/** Options with arguments: how many. */
const ARGUMENTS: ReadonlyMap<string, number> = new Map([
  ["--arg", 2],
  ["--argjson", 2],
  ["--slurpfile", 2],
  ["--rawfile", 2],
  ["--indent", 1],
  ["--from-file", 1],
  ["-f", 1],
  ["-L", 1],
]);
const REFUSED: ReadonlySet<string> = new Set([
  "--args",
  "--jsonargs",
  "--raw-output0",
  "--stream-errors",
  "--seq",
  "-C",
  "--color-output",
  "-L",
]);

async function jq(call: FilterCall): Promise<FilterResult> {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const done = (stdout: string, stderr: string, status: number): FilterResult => ({
    stdout: encoder.encode(stdout),
    stderr: encoder.encode(stderr),
    status,
  });
  const command = readCommand(call, (bytes) => decoder.decode(bytes));
  if (command.problem !== undefined) return done("", `jq: ${command.problem}\n`, 2);
  if (command.filter === undefined)
    return done("", "jq - commandline JSON processor\nUsage:\tjq [OPTIONS] FILTER [FILES...]\n", 2);
  let input = "";
  let missing = "";
  if (command.files.length === 0) input = decoder.decode(call.stdin);
  for (const path of command.files) {
    const bytes = call.readFile(path);
    if (bytes) input += decoder.decode(bytes);
    else missing += `jq: error: Could not open ${path}: No such file or directory\n`;
  }
  const { raw } = await import("jq-wasm");
  // the library trims white space at both ends: JSON texts bear that, raw strings would not, so they are made here
  const result = await raw(input, command.filter, command.flags);
  let stdout = "";
  for (const value of splitValues(result.stdout)) {
    const shown = command.raw && value.startsWith('"') ? (JSON.parse(value) as string) : value;
    stdout += shown + (command.join ? "" : "\n");
  }
  const stderr = missing + (result.stderr === "" ? "" : `${result.stderr}\n`);
  return done(stdout, stderr, missing !== "" && result.exitCode === 0 ? 2 : result.exitCode);
}

/** JSON texts one after another, each ended by a newline outside strings and brackets. */
function splitValues(text: string): string[] {
  const out: string[] = [];
  let depth = 0;
  let inString = false;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (inString) {
      if (c === "\\") i++;
      else if (c === '"') inString = false;
    } else if (c === '"') inString = true;
    else if (c === "[" || c === "{") depth++;
    else if (c === "]" || c === "}") depth--;
    else if (c === "\n" && depth === 0) {
      out.push(text.slice(from, i));
      from = i + 1;
    }
  }
  if (from < text.length) out.push(text.slice(from));
  return out;
}

function readCommand(call: FilterCall, decode: (bytes: Uint8Array) => string): JqCommand {
  const command: JqCommand = {
    flags: [],
    filter: undefined,
    files: [],
    raw: false,
    join: false,
    problem: undefined,
  };
  const { args } = call;
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (!word.startsWith("-") || word === "-") {
      if (command.filter === undefined) command.filter = word;
      else command.files.push(word);
      continue;
    }
    // -rc is -r -c
    const options = /^-[A-Za-z]{2,}$/.test(word) ? [...word.slice(1)].map((letter) => `-${letter}`) : [word];
    for (const option of options) {
      if (REFUSED.has(option)) command.problem = `option ${option} is not supported`;
      const count = ARGUMENTS.get(option) ?? 0;
      const values = args.slice(i + 1, i + 1 + count);
      i += count;
      if (values.length < count) command.problem = `${option} takes ${count} parameter${count > 1 ? "s" : ""}`;
      if (command.problem !== undefined) return command;
      applyOption(command, call, option, values, decode);
    }
  }
  return command;
}

function applyOption(
  command: JqCommand,
  call: FilterCall,
  option: string,
  values: readonly string[],
  decode: (bytes: Uint8Array) => string,
): void {
  const [name, value] = values as [string, string];
  switch (option) {
    case "-r":
    case "--raw-output":
      command.raw = true;
      return;
    case "-j":
    case "--join-output":
      command.raw = true;
      command.join = true;
      return;
    case "-f":
    case "--from-file": {
      const bytes = call.readFile(name);
      if (!bytes) command.problem = `error: Could not open ${name}: No such file or directory`;
      // what was taken for the filter is a file then
      else {
        if (command.filter !== undefined) command.files.push(command.filter);
        command.filter = decode(bytes);
      }
      return;
    }
    case "--rawfile":
    case "--slurpfile": {
      const bytes = call.readFile(value);
      if (!bytes)
        command.problem = `Bad JSON in --${option.slice(2)} ${name} ${value}: Could not open ${value}: No such file or directory`;
      else if (option === "--rawfile") command.flags.push("--arg", name, decode(bytes));
      else command.flags.push("--argjson", name, `[${decode(bytes).trim()}]`);
      return;
    }
    default:
      command.flags.push(option, ...values);
  }
}
