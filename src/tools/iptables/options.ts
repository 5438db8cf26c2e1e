// Commands and options of iptables: their letters, long names, what may stand with what. Answers to the tables of
// iptables/xshared.c and xtables.c of 1.8.9.

import {
  IPT_INV_DSTIP,
  IPT_INV_FRAG,
  IPT_INV_PROTO,
  IPT_INV_SRCIP,
  IPT_INV_VIA_IN,
  IPT_INV_VIA_OUT,
} from "../../net/netfilter/rule.ts";
import type { AnyExtension, OptionSpec } from "./extension.ts";
import { type LongOption, shortOptions } from "./getopt.ts";
import { type IptablesVersion, parameterProblem } from "./xtables.ts";

export const CMD_NONE: number = 0;
export const CMD_INSERT: number = 1 << 0;
export const CMD_DELETE: number = 1 << 1;
export const CMD_DELETE_NUM: number = 1 << 2;
export const CMD_REPLACE: number = 1 << 3;
export const CMD_APPEND: number = 1 << 4;
export const CMD_LIST: number = 1 << 5;
export const CMD_FLUSH: number = 1 << 6;
export const CMD_ZERO: number = 1 << 7;
export const CMD_NEW_CHAIN: number = 1 << 8;
export const CMD_DELETE_CHAIN: number = 1 << 9;
export const CMD_SET_POLICY: number = 1 << 10;
export const CMD_RENAME_CHAIN: number = 1 << 11;
export const CMD_LIST_RULES: number = 1 << 12;
export const CMD_ZERO_NUM: number = 1 << 13;
export const CMD_CHECK: number = 1 << 14;

/** By the position of a command's bit. */
const COMMAND_LETTERS = "IDDRALFZNXPESZC";

export const OPT_NUMERIC: number = 1 << 0;
export const OPT_SOURCE: number = 1 << 1;
export const OPT_DESTINATION: number = 1 << 2;
export const OPT_PROTOCOL: number = 1 << 3;
export const OPT_JUMP: number = 1 << 4;
export const OPT_VERBOSE: number = 1 << 5;
export const OPT_EXPANDED: number = 1 << 6;
export const OPT_VIANAMEIN: number = 1 << 7;
export const OPT_VIANAMEOUT: number = 1 << 8;
export const OPT_LINENUMBERS: number = 1 << 9;
export const OPT_COUNTERS: number = 1 << 10;
export const OPT_FRAGMENT: number = 1 << 11;

/** By the position of an option's bit. */
const OPTION_LETTERS = "nsdpjvxio0cf";
const OPTION_NAMES = [
  "numeric",
  "source",
  "destination",
  "protocol",
  "jump",
  "verbose",
  "exact",
  "in-interface",
  "out-interface",
  "line-numbers",
  "set-counters",
  "fragments",
];

/** For each option by position, the commands with which it may not stand. */
const ALWAYS = (1 << COMMAND_LETTERS.length) - 1;
const ON_RULES = CMD_INSERT | CMD_DELETE | CMD_REPLACE | CMD_APPEND | CMD_CHECK;
const LEGAL: readonly number[] = [
  CMD_LIST,
  ON_RULES,
  ON_RULES,
  ON_RULES,
  ON_RULES,
  ALWAYS,
  CMD_LIST,
  ON_RULES,
  ON_RULES,
  CMD_LIST,
  CMD_INSERT | CMD_REPLACE | CMD_APPEND | CMD_SET_POLICY,
  ON_RULES,
];

/** Flag that an option's negation sets; 0: it cannot be negated. */
const INVERSE: readonly number[] = [
  0,
  IPT_INV_SRCIP,
  IPT_INV_DSTIP,
  IPT_INV_PROTO,
  0,
  0,
  0,
  IPT_INV_VIA_IN,
  IPT_INV_VIA_OUT,
  0,
  0,
  IPT_INV_FRAG,
];

export function commandLetter(command: number): string {
  return COMMAND_LETTERS[31 - Math.clz32(command)] ?? "?";
}

/** An option as messages name it: by its letter, from 1.8.11 on by its long name. */
export function optionName(option: number, version: IptablesVersion): string {
  const index = 31 - Math.clz32(option);
  return version === "1.8.9" ? `-${OPTION_LETTERS[index]}` : `--${OPTION_NAMES[index]}`;
}

/** The flag of an option's negation; a mistake where it cannot be negated. */
export function inverseOf(option: number, version: IptablesVersion): number {
  return INVERSE[31 - Math.clz32(option)] || parameterProblem(`cannot have ! before ${optionName(option, version)}`);
}

/** Every option must suit at least one of the commands (generic_opt_check). */
export function checkLegal(command: number, options: number, version: IptablesVersion): void {
  for (const [i, legal] of LEGAL.entries())
    if (options & (1 << i) && (legal & command) === 0)
      parameterProblem(`Illegal option \`${optionName(1 << i, version)}' with this command`);
}

export const SHORT_OPTIONS: ReadonlyMap<string, 0 | 1 | 2> = shortOptions(
  "-:A:C:D:E:F::I:L::M:N:P:VX::Z::c:d:i:j:o:p:s:t:R:S::W::46bfg:h::m:nvw::x",
);

/** An option that an extension brought. */
export interface ExtensionOption {
  readonly extension: AnyExtension;
  readonly spec: OptionSpec;
}

export type OptionValue = string | ExtensionOption;

const LONG: readonly (readonly [string, 0 | 1 | 2, string])[] = [
  ["append", 1, "A"],
  ["delete", 1, "D"],
  ["check", 1, "C"],
  ["insert", 1, "I"],
  ["replace", 1, "R"],
  ["list", 2, "L"],
  ["list-rules", 2, "S"],
  ["flush", 2, "F"],
  ["zero", 2, "Z"],
  ["new-chain", 1, "N"],
  ["delete-chain", 2, "X"],
  ["rename-chain", 1, "E"],
  ["policy", 1, "P"],
  ["source", 1, "s"],
  ["destination", 1, "d"],
  ["src", 1, "s"],
  ["dst", 1, "d"],
  ["protocol", 1, "p"],
  ["in-interface", 1, "i"],
  ["jump", 1, "j"],
  ["table", 1, "t"],
  ["match", 1, "m"],
  ["numeric", 0, "n"],
  ["out-interface", 1, "o"],
  ["verbose", 0, "v"],
  ["wait", 2, "w"],
  ["wait-interval", 2, "W"],
  ["exact", 0, "x"],
  ["fragments", 0, "f"],
  ["version", 0, "V"],
  ["help", 2, "h"],
  ["line-numbers", 0, "0"],
  ["modprobe", 1, "M"],
  ["set-counters", 1, "c"],
  ["goto", 1, "g"],
  ["ipv4", 0, "4"],
  ["ipv6", 0, "6"],
];

export const LONG_OPTIONS: readonly LongOption<OptionValue>[] = LONG.map(([name, argument, value]) => ({
  name,
  argument,
  value,
}));

/** Each extension's table, once made. */
const TABLES: WeakMap<AnyExtension, readonly LongOption<OptionValue>[]> = new WeakMap();

/** An extension's options under all their names. */
export function extensionOptions(extension: AnyExtension): readonly LongOption<OptionValue>[] {
  let table = TABLES.get(extension);
  if (!table) {
    table = extension.options.flatMap((spec) => {
      const value: ExtensionOption = { extension, spec };
      const argument = spec.type === "none" ? 0 : 1;
      return [spec.name, ...(spec.aliases ?? [])].map((name) => ({ name, argument, value }) as const);
    });
    TABLES.set(extension, table);
  }
  return table;
}
