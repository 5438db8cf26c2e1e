// iptables-nft 1.8.9 as a function: one command line on one namespace's rules. Answers to do_commandx and xtables_main of
// iptables/xtables.c and xtables-standalone.c.

import type { Netfilter } from "../../net/netfilter/netfilter.ts";
import type { RuleSpec } from "../../net/netfilter/xt-rule.ts";
import { findTable } from "./builtin.ts";
import { type AskedNames, type HostNames, PLAIN_NAMES, withSets } from "./names.ts";
import { toNftRule } from "./nft-rule.ts";
import { NftFailure, NftSession } from "./nft-session.ts";
import * as o from "./options.ts";
import { type Command, parseCommand, tryHelp } from "./parse.ts";
import type { ListFormat } from "./rule-text.ts";
import {
  type IptablesVersion,
  Output,
  PARAMETER_PROBLEM,
  VERSION_PROBLEM,
  XtablesError,
  XtablesExit,
} from "./xtables.ts";

export interface Result {
  /** exit status, 0 … 4 */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Settings {
  readonly names?: HostNames;
  /** Default "1.8.9". */
  readonly version?: IptablesVersion;
}

/**
 * Runs `iptables`, at once. @param args without the program's name: ["-t", "nat", "-S"]
 * Mistakes are in the result, as the program reports them.
 */
export function iptables(nf: Netfilter, args: readonly string[], settings: Settings = {}): Result {
  const names = withSets(settings.names ?? PLAIN_NAMES, nf.sets);
  return guarded("iptables", new Reader(), settings, (output) => {
    const session = new NftSession(nf.tables, output, names);
    queueCommand(session, readCommand(args, output, names), 0);
    session.commit();
  });
}

/** A command line as it was read, never changed, with its rules as the kernel gets them. */
interface ReadCommand {
  readonly command: Command;
  /** null: not yet asked for */
  rules: readonly RuleSpec[] | null;
}

/**
 * Command lines that say the same on every machine: dockerd of each lab of a sweep writes the same seventy, most of them twice
 * (-C, then -A). It is a twentieth of a run of scenario 02.
 */
const read: Map<string, ReadCommand> = new Map();
const MAX_READ = 1000;

function readCommand(args: readonly string[], output: Output, names: AskedNames): ReadCommand {
  const key = `${output.version} ${args.join("\0")}`;
  const known = read.get(key);
  if (known) return known;
  const command = parseCommand(["iptables", ...args], { output, names, program: "iptables", line: 0 });
  const found: ReadCommand = { command, rules: null };
  if (!names.asked && output.out === "" && output.err === "") {
    if (read.size === MAX_READ) read.clear();
    read.set(key, found);
  }
  return found;
}

/** Where a program is in its input: 0 when it reads none. */
export class Reader {
  line = 0;
}

/** Runs a program's work and turns what it throws into the program's last words and its status. */
export function guarded(
  program: string,
  reader: Reader,
  { version }: Settings,
  work: (output: Output) => void,
): Result {
  const output = new Output(version);
  let status = 0;
  try {
    work(output);
  } catch (error) {
    status = lastWords(error, program, reader.line, output);
  }
  return { status, stdout: output.out, stderr: output.err };
}

function lastWords(error: unknown, program: string, line: number, output: Output): number {
  if (error instanceof XtablesExit) return error.status;
  if (error instanceof NftFailure) {
    const { message, invalid } = error;
    const advice = invalid ? " Run `dmesg' for more information." : "";
    output.err +=
      line > 0 ? `${program}: line ${error.line} failed: ${message}.\n` : `${program}: ${message}.${advice}\n`;
    return 1;
  }
  if (!(error instanceof XtablesError)) throw error;
  const { status, message } = error;
  output.err += `${program} v${output.fullVersion}: ${message}\n`;
  if (status === PARAMETER_PROBLEM) {
    try {
      tryHelp({ output, program, line }, status);
    } catch (exit) {
      if (!(exit instanceof XtablesExit)) throw exit;
    }
  }
  if (status === VERSION_PROBLEM) output.err += "Perhaps iptables or your kernel needs to be upgraded.\n";
  return status;
}

/** Hands a command to the session. @param line of iptables-restore's input, 0 for a command line */
export function queueCommand(session: NftSession, read: ReadCommand, line: number): void {
  const { command } = read;
  const { table, chain, rulenum, packets, bytes, options } = command;
  if (!findTable(table)) throw new XtablesError(VERSION_PROBLEM, `table '${table}' does not exist`);
  const verbose = (options & o.OPT_VERBOSE) !== 0;
  const add = (run: () => void): void => session.add(line, run);
  const forRules = (run: (spec: RuleSpec) => void): void => {
    read.rules ??= command.rules.map(toNftRule);
    for (const spec of read.rules) add(() => run(spec));
  };
  const request = (spec: RuleSpec): Parameters<NftSession["append"]>[0] => ({
    table,
    chain: chain!,
    spec,
    packets,
    bytes,
    verbose,
  });
  switch (command.command) {
    case o.CMD_APPEND:
      forRules((spec) => session.append(request(spec)));
      return;
    case o.CMD_INSERT:
      forRules((spec) => session.insert(request(spec), rulenum - 1));
      return;
    case o.CMD_REPLACE:
      forRules((spec) => session.replace(request(spec), rulenum - 1));
      return;
    case o.CMD_DELETE:
      forRules((spec) => session.delete(request(spec)));
      return;
    case o.CMD_CHECK:
      forRules((spec) => session.check(request(spec)));
      return;
    case o.CMD_DELETE_NUM:
      add(() => session.deleteNumber(table, chain!, rulenum - 1));
      return;
    case o.CMD_FLUSH:
      add(() => session.flush(table, chain, verbose));
      return;
    case o.CMD_NEW_CHAIN:
      add(() => session.newChain(table, chain!));
      return;
    case o.CMD_DELETE_CHAIN:
      add(() => session.deleteChain(table, chain, verbose));
      return;
    case o.CMD_RENAME_CHAIN:
      add(() => session.renameChain(table, chain!, command.newName));
      return;
    case o.CMD_SET_POLICY:
      add(() => session.setPolicy(table, chain!, command.policy, 0, 0));
      return;
    default:
      queueListing(session, command, verbose, add);
  }
}

/** -L and -S, alone or with -Z; -Z alone. */
function queueListing(
  session: NftSession,
  { command, table, chain, rulenum, options }: Command,
  verbose: boolean,
  add: (run: () => void) => void,
): void {
  if (command & o.CMD_LIST) {
    const format: ListFormat = {
      numeric: (options & o.OPT_NUMERIC) !== 0,
      verbose,
      exact: (options & o.OPT_EXPANDED) !== 0,
      lineNumbers: (options & o.OPT_LINENUMBERS) !== 0,
      numericProtocols: session.output.version === "1.8.9",
    };
    add(() => session.list(table, chain, rulenum, format));
  }
  if (command & o.CMD_LIST_RULES) add(() => session.listRules(table, chain, rulenum, verbose));
  if (command & o.CMD_ZERO) add(() => session.zero(table, chain, verbose));
  if (command & o.CMD_ZERO_NUM) add(() => session.zeroRule(table, chain!, rulenum - 1));
}
