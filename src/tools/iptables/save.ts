// iptables-save 1.8.9: the tables there are, as iptables-restore reads them. Answers to iptables/xtables-save.c.

import type { Netfilter } from "../../net/netfilter/netfilter.ts";
import { getopt, type LongOption } from "../../posix/getopt.ts";
import { BUILTIN_TABLES, findTable } from "./builtin.ts";
import { PLAIN_NAMES, withSets } from "./names.ts";
import { NftSession } from "./nft-session.ts";
import { guarded, Reader, type Result, type Settings } from "./run.ts";
import { XtablesExit } from "./xtables.ts";

const PROGRAM = "iptables-save";

const LONG: readonly LongOption[] = [
  { name: "counters", argument: 0, short: "c" },
  { name: "version", argument: 0, short: "V" },
  { name: "dump", argument: 0, short: "d" },
  { name: "table", argument: 1, short: "t" },
  { name: "modprobe", argument: 1, short: "M" },
  { name: "file", argument: 1, short: "f" },
];

export interface SaveResult extends Result {
  /** where `stdout` belongs instead (-f) */
  readonly file?: string;
}

/** Runs `iptables-save`, at once. @param date as ctime(3) writes it, without the end of line */
export function saveTables(nf: Netfilter, args: readonly string[], date: string, settings: Settings = {}): SaveResult {
  const { options, operands, error } = getopt(args, "bcdt:M:f:V", { long: LONG });
  let file: string | undefined;
  const result = guarded(PROGRAM, new Reader(), settings, (output) => {
    let counters = false;
    let table: string | undefined;
    let dump = false;
    for (const { name, value } of options) {
      if (name === "b") output.err += "-b/--binary option is not implemented\n";
      else if (name === "c") counters = true;
      else if (name === "d") dump = true;
      else if (name === "t") table = value;
      else if (name === "f") file = value;
      else if (name === "V") {
        output.out += `${PROGRAM} v${output.fullVersion}\n`;
        throw new XtablesExit(0);
      }
    }
    if (error !== undefined) {
      output.err += `${PROGRAM}: ${error}\nLook at manual page \`${PROGRAM}.8' for more information.\n`;
      throw new XtablesExit(1);
    }
    if (operands.length > 0) {
      output.err += "Unknown arguments found on commandline\n";
      throw new XtablesExit(1);
    }
    const session = new NftSession(nf.tables, output, withSets(settings.names ?? PLAIN_NAMES, nf.sets));
    const program = `${PROGRAM} v${output.fullVersion}`;
    if (table === undefined) {
      for (const builtin of BUILTIN_TABLES)
        if (session.hasTable(builtin.name)) session.save(builtin, counters, program, date);
    } else {
      const builtin = findTable(table);
      if (builtin) session.save(builtin, counters, program, date);
      else {
        output.err += `Table \`${table}' does not exist\n`;
        if (!dump) throw new XtablesExit(1);
      }
    }
  });
  return file === undefined ? result : { ...result, file };
}
