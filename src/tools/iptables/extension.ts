// The text side of an extension: its options, how they fill its data, and how the data prints. Options are declared, and
// checked the same way for all (numbers within bounds, once only, exclusions), as libxtables/xtoptions.c does.

import type { IptIp } from "../../net/netfilter/rule.ts";
import { maskToPrefix, parseIpv4, parseMac, prefixToMask } from "../../wire/addr.ts";
import { type NameService, serviceByName } from "./names.ts";
import {
  type IptablesVersion,
  numericToIp,
  type Output,
  parameterProblem,
  parseProtocol,
  strtoui,
  strtouiPrefix,
} from "./xtables.ts";

/** What an option takes; ranges are parted by a colon. */
export type OptionType =
  | "none"
  | "string"
  | "u8"
  | "u16"
  | "u32"
  | "u64"
  | "u16rc"
  | "u32rc"
  | "u64rc"
  | "double"
  | "tosmask"
  | "markmask"
  | "sysloglevel"
  | "host"
  | "hostmask"
  | "protocol"
  | "portrc"
  | "plen"
  | "plenmask"
  | "mac";

export interface OptionSpec {
  readonly name: string;
  /** further names of the same option */
  readonly aliases?: readonly string[];
  readonly type: OptionType;
  readonly mandatory?: true;
  readonly invert?: true;
  readonly multi?: true;
  /** 0 or absent: the type's own bound */
  readonly min?: number;
  readonly max?: number;
  /** names of options with which it cannot stand, which it needs */
  readonly excl?: readonly string[];
  readonly also?: readonly string[];
}

/** One use of an option on the command line, with its value read. */
export interface OptionCall<Info> {
  readonly info: Info;
  /** name of the option as declared */
  readonly option: string;
  readonly arg: string;
  readonly invert: boolean;
  /** the rule's -p, and whether it is inverted */
  readonly proto: number;
  readonly invProto: boolean;
  readonly names: NameService;
  readonly output: Output;
  /** options of this extension given before */
  readonly used: ReadonlySet<string>;
  /** takes the next word of the command line; undefined: there is none, or it begins with - or ! */
  nextArg(): string | undefined;
  /** the value by type */
  readonly num: number;
  /** values of a range that were given, at most two; defaults filled in */
  readonly range: readonly [number, number];
  readonly count: number;
  /** mark, address or tos, and its mask; plen */
  readonly mask: number;
  readonly mac: readonly number[];
}

export interface PrintContext {
  readonly numeric: boolean;
  readonly ip: IptIp;
  readonly names: NameService;
}

export interface UserExtension<Info> {
  /** as -m or -j names it */
  readonly name: string;
  /** the kernel's name, where it is another */
  readonly kernelName?: string;
  readonly options: readonly OptionSpec[];
  /** the options are old-style: `parse` does all checking itself */
  readonly raw?: true;
  init(): Info;
  parse?(call: OptionCall<Info>): void;
  /** after all options; `used` holds the names of those given */
  check?(info: Info, used: ReadonlySet<string>, output: Output): void;
  /** what `-L` shows, with a blank in front */
  print?(info: Info, context: PrintContext): string;
  /** what `-S` shows after the name, with a blank in front */
  save?(info: Info, context: PrintContext): string;
  /** the name that -S shows */
  shownName?(info: Info): string;
}

export type AnyExtension = UserExtension<never>;

const MAX: Partial<Record<OptionType, number>> = {
  u8: 255,
  u16: 65535,
  u32: 4294967295,
  u64: 2 ** 64,
  u16rc: 65535,
  u32rc: 4294967295,
  u64rc: 2 ** 64,
};

export interface ParsedValue {
  num: number;
  range: [number, number];
  count: number;
  mask: number;
  mac: number[];
}

/** Reads an option's argument (xtables_option_parse): bounds, syntax, and the errors that iptables gives. */
export function parseValue(
  extName: string,
  spec: OptionSpec,
  arg: string,
  names: NameService,
  version: IptablesVersion = "1.8.9",
): ParsedValue {
  const value: ParsedValue = { num: 0, range: [0, 0], count: 1, mask: 0, mac: [] };
  switch (spec.type) {
    case "u8":
    case "u16":
    case "u32":
    case "u64":
      value.num = parseInteger(extName, spec, arg);
      break;
    case "u16rc":
    case "u32rc":
    case "u64rc":
      parseRange(extName, spec, arg, value, version);
      break;
    case "double":
      value.num = parseDouble(extName, spec, arg);
      break;
    case "string":
      if (spec.min && arg.length < spec.min)
        parameterProblem(`Argument must have a minimum length of ${spec.min} characters\n`);
      if (spec.max && arg.length > spec.max)
        parameterProblem(`Argument must have a maximum length of ${spec.max} characters\n`);
      break;
    case "tosmask":
      parseTosMask(spec, arg, value);
      break;
    case "markmask":
      parseMarkMask(extName, spec, arg, value);
      break;
    case "sysloglevel":
      value.num = parseSyslogLevel(arg);
      break;
    case "host":
      parseHost(arg, names, value);
      break;
    case "hostmask": {
      const slash = arg.indexOf("/");
      parseHost(slash < 0 ? arg : arg.slice(0, slash), names, value);
      if (slash >= 0) value.mask = prefixToMask(parsePlen(extName, spec, arg.slice(slash + 1)));
      break;
    }
    case "protocol":
      value.num = parseProtocol(arg);
      break;
    case "portrc":
      parsePortRange(extName, spec, arg, value);
      break;
    case "plen":
      value.num = parsePlen(extName, spec, arg);
      break;
    case "plenmask":
      value.num = parsePlen(extName, spec, arg);
      value.mask = prefixToMask(value.num);
      break;
    case "mac":
      value.mac = parseEtherMac(arg);
      break;
    case "none":
      break;
  }
  return value;
}

/** Numbers of 64 bits are compared as such; a double holds them well enough to count with. */
function isBeyond64Bits(text: string): boolean {
  const digits = /^\s*\+?(0[xX][0-9a-fA-F]+|\d+)/.exec(text)?.[1];
  return digits !== undefined && BigInt(digits) >= 2n ** 64n;
}

function parseInteger(extName: string, spec: OptionSpec, arg: string): number {
  const min = spec.min ?? 0;
  const max = spec.max || MAX[spec.type]!;
  const shown = max > Number.MAX_SAFE_INTEGER ? "18446744073709551615" : String(max);
  return (
    (isBeyond64Bits(arg) ? undefined : strtoui(arg, min, max)) ??
    parameterProblem(`${extName}: bad value for option "--${spec.name}", or out of range (${min}-${shown}).\n`)
  );
}

function parseDouble(extName: string, spec: OptionSpec, arg: string): number {
  const number = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(arg) ? Number(arg) : Number.NaN;
  const { min = 0, max = 0 } = spec;
  if (Number.isNaN(number) || (min !== max && (number < min || number > max)))
    parameterProblem(`${extName}: bad value for option "--${spec.name}", or out of range (${min}-${max}).\n`);
  return number;
}

function parseRange(
  extName: string,
  spec: OptionSpec,
  arg: string,
  value: ParsedValue,
  version: IptablesVersion,
): void {
  const max = MAX[spec.type]!;
  const shown = max > Number.MAX_SAFE_INTEGER ? "18446744073709551615" : String(max);
  let rest = arg;
  value.count = 0;
  for (;;) {
    if (value.count === 2) parameterProblem(`${extName}: Too many components for option "--${spec.name}" (max: 2)\n`);
    // the second may not be below the first, as 1.8.13 sees it
    const min = value.count === 1 && version !== "1.8.9" ? value.range[0] : 0;
    let number = value.count === 1 ? max : 0;
    if (rest !== "" && rest[0] !== ":") {
      const parsed = isBeyond64Bits(rest) ? undefined : strtouiPrefix(rest, min, max);
      if (!parsed)
        parameterProblem(
          `${extName}: bad value for option "--${spec.name}" near "${rest}", or out of range (${min}-${shown}).\n`,
        );
      number = parsed.value;
      rest = parsed.rest;
      if (rest !== "" && rest[0] !== ":")
        parameterProblem(`${extName}: Argument to "--${spec.name}" has unexpected characters near "${rest}".\n`);
    }
    value.range[value.count++] = number;
    if (rest === "") return;
    rest = rest.slice(1);
  }
}

const TOS_NAMES: readonly (readonly [string, number])[] = [
  ["Minimize-Delay", 0x10],
  ["Maximize-Throughput", 0x08],
  ["Maximize-Reliability", 0x04],
  ["Minimize-Cost", 0x02],
  ["Normal-Service", 0x00],
];

/** "Minimize-Delay" and the like, for values under the mask that names imply. */
export function tosName(value: number, mask: number): string | undefined {
  return mask === 0x3f ? TOS_NAMES.find(([, number]) => number === value)?.[0] : undefined;
}

function parseTosMask(spec: OptionSpec, arg: string, value: ParsedValue): void {
  const number = strtouiPrefix(arg, 0, 255);
  if (number) {
    value.num = number.value;
    value.mask = 255;
    let { rest } = number;
    if (rest[0] === "/") {
      const mask = strtouiPrefix(rest.slice(1), 0, 255);
      if (!mask) parameterProblem(`Illegal value: "${arg}"`);
      value.mask = mask.value;
      rest = mask.rest;
    }
    if (rest !== "") parameterProblem(`Illegal value: "${arg}"`);
    return;
  }
  const named = TOS_NAMES.find(([name]) => name.toLowerCase() === arg.toLowerCase());
  if (!named) parameterProblem(`Symbolic name "${arg}" is unknown`);
  value.num = named[1];
  value.mask = spec.max ?? 0;
}

/** "value[/mask]" (xtables_parse_val_mask without names). */
export function parseMarkMask(extName: string, spec: OptionSpec, arg: string, value: ParsedValue): void {
  const bad = (): never =>
    parameterProblem(`${extName}: bad integer value for option "--${spec.name}", or out of range.\n`);
  const number = strtouiPrefix(arg, 0, 4294967295) ?? bad();
  value.num = number.value;
  value.mask = 0xffffffff;
  let { rest } = number;
  if (rest[0] === "/") {
    const mask = strtouiPrefix(rest.slice(1), 0, 4294967295) ?? bad();
    value.mask = mask.value;
    rest = mask.rest;
  }
  if (rest !== "") parameterProblem(`${extName}: trailing garbage after value for option "--${spec.name}".\n`);
}

const SYSLOG_LEVELS: ReadonlyMap<string, number> = new Map([
  ["emerg", 0],
  ["panic", 0],
  ["alert", 1],
  ["crit", 2],
  ["error", 3],
  ["warning", 4],
  ["notice", 5],
  ["info", 6],
  ["debug", 7],
]);

function parseSyslogLevel(arg: string): number {
  return strtoui(arg, 0, 7) ?? SYSLOG_LEVELS.get(arg) ?? parameterProblem(`log level "${arg}" unknown\n`);
}

function parseHost(arg: string, names: NameService, value: ParsedValue): void {
  const numeric = parseIpv4(arg) ?? (/^[0-9.]+$/.test(arg) ? numericToIp(arg, true) : undefined);
  const addresses = numeric === undefined ? names.addressesOf(arg) : [numeric];
  if (typeof addresses === "string") parameterProblem(`getaddrinfo: ${addresses}\n`);
  if (new Set(addresses).size > 1) parameterProblem(`${arg} resolves to more than one address\n`);
  value.num = addresses[0]!;
  value.mask = 0xffffffff;
}

function parsePlen(extName: string, spec: OptionSpec, arg: string): number {
  const bits = strtoui(arg, 0, 32);
  if (bits !== undefined) return bits;
  const mask = parseIpv4(arg);
  const prefix = mask === undefined ? undefined : maskToPrefix(mask);
  return (
    prefix ??
    parameterProblem(
      `${extName}: bad value for option "--${spec.name}", neither a valid network mask nor valid CIDR (0-32).\n`,
    )
  );
}

function parsePortRange(extName: string, spec: OptionSpec, arg: string, value: ParsedValue): void {
  value.range = [0, 65535];
  value.count = 0;
  for (const part of arg.split(":")) {
    if (value.count === 2) parameterProblem(`${extName}: Too many components for option "--${spec.name}" (max: 2)\n`);
    if (part !== "") {
      const port = /^\d+$/.test(part) && Number(part) <= 65535 ? Number(part) : serviceByName(part);
      if (port === undefined) parameterProblem(`Port "${part}" does not resolve to anything.\n`);
      value.range[value.count] = port;
    }
    value.count++;
  }
  if (value.count === 1) {
    value.range[1] = value.range[0];
    value.count = 2;
  }
}

function parseEtherMac(arg: string): number[] {
  return [...(parseMac(arg) ?? parameterProblem("Invalid MAC address specified."))];
}

/** After the last option (xtables_options_fcheck): what must be there is, what excludes each other is not. */
export function checkOptions(name: string, specs: readonly OptionSpec[], used: ReadonlySet<string>): void {
  for (const spec of specs) {
    if (spec.mandatory && !used.has(spec.name))
      parameterProblem(`${name}: option "--${spec.name}" must be specified\n`);
    if (!used.has(spec.name)) continue;
    for (const other of specs) {
      if (other === spec) continue;
      if (spec.also?.includes(other.name) && !used.has(other.name))
        parameterProblem(`${name}: option "--${spec.name}" also requires "--${other.name}".\n`);
      if (spec.excl?.includes(other.name) && used.has(other.name))
        parameterProblem(`${name}: option "--${spec.name}" cannot be used together with "--${other.name}".\n`);
    }
  }
}
