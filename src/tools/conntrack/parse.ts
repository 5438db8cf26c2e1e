// The command line of conntrack(8), read into what is to be done and to which connections. Answers to do_parse of
// src/conntrack.c of conntrack-tools 1.4.7.

import { IPS_ASSURED, IPS_EXPECTED, IPS_FIXED_TIMEOUT, IPS_SEEN_REPLY } from "../../net/netfilter/conntrack-entry.ts";
import { TCP_STATE_NAMES, TcpState } from "../../net/netfilter/proto-tcp-track.ts";
import { parseInetAton, parseIpv6, prefixToMask } from "../../wire/addr.ts";
import { Getopt, type LongOption, MISSING, OPERAND, shortOptions, UNKNOWN } from "../iptables/getopt.ts";
import { protocolByName } from "../iptables/names.ts";
import { atoi, strtoul } from "../iptables/xtables.ts";
import * as o from "./options.ts";

export const OTHER_PROBLEM = 1;
export const PARAMETER_PROBLEM = 2;

/** exit_error: the program's last words after its name, and its status. */
export class ExitError extends Error {
  override readonly name: string = "ExitError";
  readonly status: number;
  /** what the program had already said */
  warnings = "";

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function parameterProblem(message: string): never {
  throw new ExitError(PARAMETER_PROBLEM, message);
}

/** One direction's tuple as far as it was given. */
export interface TuplePart {
  src?: number;
  dst?: number;
  sport?: number;
  dport?: number;
}

export interface NatPart {
  address?: number;
  port?: number;
}

/** What was said of connections: to look for, or to give to one. */
export interface Template {
  readonly orig: TuplePart;
  readonly reply: TuplePart;
  proto?: number;
  icmpType?: number;
  icmpCode?: number;
  icmpId?: number;
  tcpState?: number;
  timeout?: number;
  status?: number;
  /** bits that must not be set, for listings */
  statusMask?: number;
  mark?: number;
  markMask?: number;
  id?: number;
  zone?: number;
  origZone?: number;
  replyZone?: number;
  readonly snat: NatPart;
  readonly dnat: NatPart;
  /** network masks of --src, --dst (or --mask-src, --mask-dst) */
  srcMask?: number;
  dstMask?: number;
}

export type OutputKind = "xml" | "extended" | "timestamp" | "id" | "ktimestamp" | "labels" | "userspace" | "save";

export type EventKind = "NEW" | "UPDATES" | "DESTROY";

export interface CtCommand {
  /** undefined: nothing to do but show the usage */
  readonly name: o.CommandName | undefined;
  readonly table: "conntrack" | "expect" | "dying" | "unconfirmed";
  /** letters of the options that were used */
  readonly used: ReadonlySet<string>;
  readonly template: Template;
  readonly family: "any" | "ipv4" | "ipv6";
  readonly output: ReadonlySet<OutputKind>;
  /** undefined: all */
  readonly events: ReadonlySet<EventKind> | undefined;
  readonly bufferSize: number;
  /** what the program warns of */
  readonly warnings: string;
}

const STATUSES: readonly (readonly [string, number])[] = [
  ["ASSURED", IPS_ASSURED],
  ["SEEN_REPLY", IPS_SEEN_REPLY],
  ["UNSET", 0],
  ["FIXED_TIMEOUT", IPS_FIXED_TIMEOUT],
  ["EXPECTED", IPS_EXPECTED],
  ["OFFLOAD", 1 << 14],
  ["HW_OFFLOAD", 1 << 15],
];

const OUTPUTS: readonly OutputKind[] = [
  "xml",
  "extended",
  "timestamp",
  "id",
  "ktimestamp",
  "labels",
  "userspace",
  "save",
];

const EVENTS = ["ALL", "NEW", "UPDATES", "DESTROY"] as const;

/** Options with a network mask: where it goes. */
const ADDRESS_OPTIONS = "sdrq[]{}";

/** @param args without the program's name. Throws ExitError. */
export function parseConntrack(args: readonly string[]): CtCommand {
  const parser = new Parser(args);
  try {
    return parser.run();
  } catch (error) {
    if (error instanceof ExitError) error.warnings = parser.warnings;
    throw error;
  }
}

class Parser {
  readonly #words: Getopt<string>;
  #long: readonly LongOption<string>[] = o.LONG_OPTIONS;
  #name: o.CommandName | undefined;
  #table: CtCommand["table"] = "conntrack";
  readonly #used: Set<string> = new Set();
  readonly #protoUsed: Set<string> = new Set();
  #proto: o.ProtoOptions | undefined;
  readonly #template: Template = { orig: {}, reply: {}, snat: {}, dnat: {} };
  #family: CtCommand["family"] = "any";
  readonly #output: Set<OutputKind> = new Set();
  #events: Set<EventKind> | undefined;
  #bufferSize = 0;
  warnings = "";

  constructor(args: readonly string[]) {
    this.#words = new Getopt(["conntrack", ...args], shortOptions(o.SHORT_OPTIONS));
  }

  run(): CtCommand {
    for (;;) {
      const option = this.#words.next([this.#long]);
      if (option === undefined) break;
      if (option === OPERAND) continue;
      if (option === MISSING) parameterProblem(`option \`${this.#words.previous}' requires an argument`);
      if (option === UNKNOWN) parameterProblem(`unknown option \`${this.#words.previous}'`);
      if (o.COMMANDS.has(option)) this.#command(option);
      else if (option.startsWith("proto:")) this.#protoOption(option.slice(6));
      else this.#option(option, this.#words.argument ?? "");
    }
    this.#check();
    return {
      name: this.#name,
      table: this.#table,
      used: this.#used,
      template: this.#template,
      family: this.#family,
      output: this.#output,
      events: this.#events,
      bufferSize: this.#bufferSize,
      warnings: this.warnings,
    };
  }

  #check(): void {
    if (this.#used.has("j") && (this.#used.has("n") || this.#used.has("g")))
      parameterProblem("cannot specify `--src-nat' or `--dst-nat' with `--any-nat'");
    const problem = o.checkOptions(this.#name, this.#used);
    if (problem !== undefined) parameterProblem(problem);
    if (this.#name === undefined || this.#name === "help" || !this.#proto) return;
    const protoProblem = o.checkProtoOptions(this.#proto, this.#name, this.#protoUsed);
    if (protoProblem !== undefined) parameterProblem(protoProblem);
  }

  /** The word that follows, unless an argument is attached, which then is not looked at. */
  #optionalWord(): string | undefined {
    return this.#words.argument === undefined ? this.#words.takeWord() : undefined;
  }

  #command(letter: string): void {
    const word = this.#optionalWord();
    const tables = ["expect", "conntrack", "dying", "unconfirmed"] as const;
    const table = word === undefined ? "conntrack" : tables.find((name) => name.startsWith(word));
    if (table === undefined) parameterProblem(`unknown type \`${word}'`);
    const extra = table === "dying" || table === "unconfirmed";
    if (extra && letter !== "L") parameterProblem("Can't do that command with tables `dying' and `unconfirmed'");
    const [ofConnections, ofExpectations] = o.COMMANDS.get(letter)!;
    const name = table === "expect" ? ofExpectations : ofConnections;
    if (name === undefined) parameterProblem(`Can't do --${o.longName(letter)} on expectations`);
    if (this.#name !== undefined) parameterProblem("Invalid commands combination");
    this.#name = name;
    this.#table = table;
  }

  #option(letter: string, argument: string): void {
    const template = this.#template;
    if (letter !== "a") this.#used.add(letter);
    if (ADDRESS_OPTIONS.includes(letter)) {
      this.#addressOption(letter, argument);
      return;
    }
    switch (letter) {
      case "p":
        this.#protocol(argument);
        return;
      case "t":
        template.timeout = atoi(argument);
        return;
      case "u":
        this.#status(argument);
        return;
      case "e":
        this.#events ??= new Set();
        for (const name of this.#list(argument, EVENTS)) this.#addEvent(name);
        return;
      case "o":
        for (const name of this.#list(argument, OUTPUTS)) this.#output.add(name);
        this.#checkOutput();
        return;
      case "n":
      case "g":
      case "j":
        this.#nat(letter);
        return;
      case "m":
        this.#mark(argument);
        return;
      case "b":
        this.#bufferSize = atoi(argument);
        return;
      case "f":
        this.#setFamily(this.#familyOf(argument));
        return;
      default:
        this.#plainOption(letter, argument);
    }
  }

  #plainOption(letter: string, argument: string): void {
    const template = this.#template;
    const number = strtoul(argument)?.value ?? 0;
    switch (letter) {
      case "w":
        template.zone = number & 0xffff;
        return;
      case "(":
        template.origZone = number & 0xffff;
        return;
      case ")":
        template.replyZone = number & 0xffff;
        return;
      case "i":
        template.id = number >>> 0;
        return;
      case "a":
        this.warnings += "WARNING: ignoring -a, deprecated option.\n";
        return;
      case "l":
      case "<":
      case ">": {
        this.warnings += "nfct_labelmap_new: No such file or directory\n";
        const labels = letter === ">" ? this.#optionalWord() : argument;
        if (labels !== undefined) parameterProblem(`unknown label '${labels.split(",")[0]}'`);
      }
    }
  }

  #addEvent(name: (typeof EVENTS)[number]): void {
    for (const kind of name === "ALL" ? (["NEW", "UPDATES", "DESTROY"] as const) : [name]) this.#events!.add(kind);
  }

  #checkOutput(): void {
    if (this.#output.has("labels")) this.warnings += "nfct_labelmap_new: No such file or directory\n";
    const others: OutputKind[] = ["xml", "extended", "timestamp", "id", "ktimestamp", "labels"];
    if (this.#output.has("save") && others.some((kind) => this.#output.has(kind)))
      throw new ExitError(OTHER_PROBLEM, "cannot combine save output with any other output type, use -o save only");
  }

  #setFamily(family: "ipv4" | "ipv6"): void {
    if (this.#family !== "any" && this.#family !== family) parameterProblem("mismatched address family");
    this.#family = family;
  }

  #familyOf(text: string): "ipv4" | "ipv6" {
    if (text.startsWith("ipv4")) return "ipv4";
    return text.startsWith("ipv6") ? "ipv6" : parameterProblem(`\`${text}' unsupported protocol`);
  }

  /** "a.b.c.d" or "a.b.c.d/n"; the family is set by the way. */
  #address(letter: string, text: string, withMask: boolean): { address: number; prefix: number | undefined } {
    const slash = text.indexOf("/");
    const host = slash < 0 ? text : text.slice(0, slash);
    const address = parseInetAton(host);
    if (address === undefined && parseIpv6(host) === undefined) parameterProblem(`Invalid IP address \`${text}'`);
    this.#setFamily(address === undefined ? "ipv6" : "ipv4");
    if (slash >= 0 && !withMask) parameterProblem(`CIDR notation unavailable for \`--${o.longName(letter)}'`);
    const bits = slash < 0 ? undefined : text.slice(slash + 1);
    if (bits !== undefined && (!/^\d+$/.test(bits) || Number(bits) > (address === undefined ? 128 : 32)))
      parameterProblem("Invalid netmask");
    return { address: address ?? 0, prefix: bits === undefined ? undefined : Number(bits) };
  }

  #addressOption(letter: string, text: string): void {
    const { orig, reply } = this.#template;
    const { address, prefix } = this.#address(letter, text, "sd[]".includes(letter));
    if (letter === "s") orig.src = address;
    else if (letter === "d") orig.dst = address;
    else if (letter === "r") reply.src = address;
    else if (letter === "q") reply.dst = address;
    else if (letter === "{") this.#template.srcMask = address;
    else if (letter === "}") this.#template.dstMask = address;
    if (prefix === undefined || prefix === 32) return;
    this.#used.add(letter === "s" || letter === "[" ? "{" : "}");
    if (letter === "s") this.#template.srcMask = prefixToMask(prefix);
    else if (letter === "d") this.#template.dstMask = prefixToMask(prefix);
  }

  #protocol(text: string): void {
    const known = [...o.PROTO_OPTIONS].find(([, proto]) => proto.name === text.toLowerCase());
    const number = known?.[0] ?? protocolByName(text) ?? strtoul(text)?.value;
    if (number === undefined || number > 255 || (known === undefined && /^\d+\D/.test(text)))
      parameterProblem(`\`${text}' unsupported protocol`);
    this.#proto = o.PROTO_OPTIONS.get(number);
    if (this.#proto) this.#long = [...this.#long, ...o.protoLongOptions(this.#proto)];
    this.#template.proto = number;
  }

  #protoOption(letter: string): void {
    const argument = this.#words.argument ?? "";
    const number = atoi(argument);
    const template = this.#template;
    this.#protoUsed.add(letter);
    if (this.#proto === o.ICMP_OPTIONS) {
      if (letter === "t") template.icmpType = number & 255;
      else if (letter === "c") template.icmpCode = number & 255;
      else template.icmpId = number & 0xffff;
      return;
    }
    if (letter === "1") template.orig.sport = number & 0xffff;
    else if (letter === "2") template.orig.dport = number & 0xffff;
    else if (letter === "3") template.reply.sport = number & 0xffff;
    else if (letter === "4") template.reply.dport = number & 0xffff;
    else if (letter === "7") {
      const state = argument === "LISTEN" ? TcpState.SYN_SENT2 : TCP_STATE_NAMES.indexOf(argument);
      if (state < 0) parameterProblem(`unknown TCP state \`${argument}'`);
      template.tcpState = state;
    }
  }

  /** Names parted by commas, each of which may be abbreviated. */
  #list<T extends string>(text: string, names: readonly T[]): T[] {
    let rest = text;
    const found: T[] = [];
    for (;;) {
      const comma = rest.indexOf(",");
      const word = comma < 0 ? rest : rest.slice(0, comma);
      if (/^(SRC|DST)_NAT$/i.test(word)) {
        const kind = word.slice(0, 3);
        this.warnings += `WARNING: ignoring ${kind.toUpperCase()}_NAT, use --${kind.toLowerCase()}-nat instead\n`;
      } else {
        const name = word === "" ? undefined : names.find((n) => n.toLowerCase().startsWith(word.toLowerCase()));
        if (name === undefined) parameterProblem(`Bad parameter \`${rest}'`);
        found.push(name);
      }
      if (comma < 0) return found;
      rest = rest.slice(comma + 1);
    }
  }

  #status(text: string): void {
    const template = this.#template;
    let status = 0;
    let unset = 0;
    for (const word of text.split(",")) {
      const negated = word.startsWith("!");
      const name = negated ? word.slice(1) : word;
      if (!negated && name.startsWith("UNREPLIED")) {
        unset |= IPS_SEEN_REPLY;
        continue;
      }
      const [key] = this.#list(
        name,
        STATUSES.map(([key]) => key),
      );
      const bit = STATUSES.find(([k]) => k === key)?.[1] ?? 0;
      if (negated) unset |= bit;
      else status |= bit;
    }
    template.status = status;
    template.statusMask = unset === 0 ? status : unset;
  }

  #mark(text: string): void {
    const number = strtoul(text);
    this.#template.mark = (number?.value ?? 0) >>> 0;
    const rest = number?.rest ?? text;
    this.#template.markMask = rest.startsWith("/") ? (strtoul(rest.slice(1))?.value ?? 0) >>> 0 : 0xffffffff;
  }

  #nat(letter: "n" | "g" | "j"): void {
    const text = this.#optionalWord();
    if (text === undefined) return;
    const colon = text.indexOf(":");
    const hasPort = colon >= 0 && text.indexOf(":", colon + 1) < 0;
    const { address } = this.#address(letter, hasPort ? text.slice(0, colon) : text, false);
    const port = hasPort ? text.slice(colon + 1) : undefined;
    if (port === "") parameterProblem("No port specified after `:'");
    if (port !== undefined && (!/^\d+$/.test(port) || Number(port) > 65535))
      parameterProblem(`Invalid port \`${port}'`);
    for (const part of [
      ...(letter === "g" ? [] : [this.#template.snat]),
      ...(letter === "n" ? [] : [this.#template.dnat]),
    ]) {
      part.address = address;
      if (port !== undefined) part.port = Number(port);
    }
  }
}
