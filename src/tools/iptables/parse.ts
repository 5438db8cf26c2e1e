// A command line of iptables, read: which command on which chain, and the rule it speaks of. Answers to do_parse and
// ipv4_post_parse of iptables/xshared.c.

import { IPT_INV_DSTIP, IPT_INV_PROTO, IPT_INV_SRCIP, type IptIp } from "../../net/netfilter/rule.ts";
import type { RuleSpec, RuleTarget } from "../../net/netfilter/xt-rule.ts";
import type { AnyExtension } from "./extension.ts";
import { Getopt, MISSING, OPERAND, UNKNOWN } from "./getopt.ts";
import { helpText } from "./help.ts";
import { MATCH_TEXTS } from "./matches/index.ts";
import { type NameService, protocolName } from "./names.ts";
import * as o from "./options.ts";
import { RuleExtensions } from "./rule-extensions.ts";
import { TARGET_TEXTS } from "./targets/index.ts";
import * as x from "./xtables.ts";

/** Verdicts, which are targets without an extension. */
const VERDICTS: readonly string[] = ["ACCEPT", "DROP", "RETURN"];
const EXTENSION_NAME_LENGTH = 29;
const INT_MAX = 0x7fffffff;
/** 0.0.0.0/0 */
const ANYWHERE: readonly x.AddrMask[] = [{ addr: 0, mask: 0 }];

export interface ParseContext {
  readonly output: x.Output;
  readonly names: NameService;
  /** as errors and the help name it */
  readonly program: string;
  /** a line of iptables-restore; 0: a command of its own */
  readonly line: number;
}

export interface Command {
  /** CMD_* */
  readonly command: number;
  readonly table: string;
  readonly chain: string | undefined;
  /** one per pair of source and destination */
  readonly rules: readonly RuleSpec[];
  readonly packets: number;
  readonly bytes: number;
  /** counted from 1; 0: none was given */
  readonly rulenum: number;
  readonly policy: string;
  readonly newName: string;
  readonly options: number;
}

/** Reads a command line. Throws XtablesError and XtablesExit. @param argv argv[0] is the program */
export function parseCommand(argv: readonly string[], context: ParseContext): Command {
  return new Parser(argv, context).run();
}

/** Says that help is to be had, and ends the program (exit_tryhelp). */
export function tryHelp(context: Pick<ParseContext, "output" | "program" | "line">, status: number): never {
  const { output, program, line } = context;
  if (line > 0) output.err += `Error occurred at line: ${line}\n`;
  output.err += `Try \`${program} -h' or '${program} --help' for more information.\n`;
  throw new x.XtablesExit(status);
}

/** Names that a chain may not have (assert_valid_chain_name). */
export function checkChainName(name: string): void {
  checkChainLength(name);
  if (name.startsWith("-") || name.startsWith("!"))
    x.parameterProblem(`chain name not allowed to start with \`${name[0]}'`);
  if (TARGET_TEXTS.has(name) || VERDICTS.includes(name))
    x.parameterProblem("chain name may not clash with target name");
  if (/\s/.test(name)) x.parameterProblem(`Invalid chain name \`${name}'`);
}

function checkChainLength(name: string): void {
  if (name.length >= EXTENSION_NAME_LENGTH)
    x.parameterProblem(`chain name \`${name}' too long (must be under ${EXTENSION_NAME_LENGTH} chars)`);
}

function ruleNumber(text: string): number {
  return x.strtoui(text, 1, INT_MAX) ?? x.parameterProblem(`Invalid rule number \`${text}'`);
}

function targetName(name: string): string {
  if (name.length < 1) x.parameterProblem("Invalid target name (too short)");
  if (name.length >= EXTENSION_NAME_LENGTH)
    x.parameterProblem(`Invalid target name \`${name}' (${EXTENSION_NAME_LENGTH - 1} chars max)`);
  if (/\s/.test(name)) x.parameterProblem(`Invalid target name \`${name}'`);
  return name;
}

class Parser {
  readonly #context: ParseContext;
  readonly #words: Getopt<o.OptionValue>;
  #command = 0;
  #table = "filter";
  #tableSet = false;
  #chain: string | undefined;
  #newName = "";
  #policy = "";
  #rulenum = 0;
  #verbose = 0;
  #options = 0;
  #invflags = 0;
  #proto = 0;
  #protocol: string | undefined;
  #protoUsed = false;
  #source: string | undefined;
  #destination: string | undefined;
  #iniface = "";
  #outiface = "";
  #frag = false;
  #waits = false;
  #waitInterval = false;
  #packets = 0;
  #bytes = 0;
  #jumpTo = "";
  #goto = false;
  readonly #extensions: RuleExtensions = new RuleExtensions();

  constructor(argv: readonly string[], context: ParseContext) {
    this.#context = context;
    this.#words = new Getopt(argv, o.SHORT_OPTIONS);
  }

  run(): Command {
    let invert = false;
    for (;;) {
      const option = this.#words.next(this.#extensions.long);
      if (option === undefined) break;
      if (option === OPERAND) {
        this.#bang(invert);
        invert = true;
        continue;
      }
      if (option === "6" && this.#restoring) return this.#nothing();
      if (this.#take(option, invert)) continue;
      invert = false;
    }
    return this.#finish(invert);
  }

  get #restoring(): boolean {
    return this.#context.line > 0;
  }

  #bang(invert: boolean): void {
    const { argument } = this.#words;
    if (argument !== "!") {
      this.#context.output.err += `Bad argument \`${argument}'\n`;
      tryHelp(this.#context, x.PARAMETER_PROBLEM);
    }
    if (invert) x.parameterProblem("multiple consecutive ! not allowed");
  }

  /** True: the option table has grown, and the same word is to be read again. */
  #take(option: o.OptionValue, invert: boolean): boolean {
    if (typeof option !== "string" || option === MISSING || option === UNKNOWN)
      return this.#takeExtension(option, invert);
    if (!this.#takeCommand(option, invert)) this.#takeOption(option, invert);
    return false;
  }

  #addCommand(command: number, others: number, invert: boolean): void {
    if (invert) x.parameterProblem("unexpected '!' flag");
    const clash = this.#command & ~others;
    if (clash) x.parameterProblem(`Cannot use -${o.commandLetter(command)} with -${o.commandLetter(clash)}`);
    this.#command |= command;
  }

  #takeCommand(option: string, invert: boolean): boolean {
    const words = this.#words;
    const argument = words.argument ?? "";
    switch (option) {
      case "A":
        this.#addCommand(o.CMD_APPEND, 0, invert);
        this.#chain = argument;
        return true;
      case "C":
        this.#addCommand(o.CMD_CHECK, 0, invert);
        this.#chain = argument;
        return true;
      case "D": {
        this.#addCommand(o.CMD_DELETE, 0, invert);
        this.#chain = argument;
        const number = words.takeWord();
        if (number !== undefined) {
          this.#rulenum = ruleNumber(number);
          this.#command = o.CMD_DELETE_NUM;
        }
        return true;
      }
      case "R":
        this.#addCommand(o.CMD_REPLACE, 0, invert);
        this.#chain = argument;
        this.#rulenum = ruleNumber(words.takeWord() ?? x.parameterProblem("-R requires a rule number"));
        return true;
      case "I": {
        this.#addCommand(o.CMD_INSERT, 0, invert);
        this.#chain = argument;
        this.#rulenum = ruleNumber(words.takeWord() ?? "1");
        return true;
      }
      case "L":
      case "S": {
        this.#addCommand(option === "L" ? o.CMD_LIST : o.CMD_LIST_RULES, o.CMD_ZERO | o.CMD_ZERO_NUM, invert);
        this.#optionalChain();
        const number = words.takeWord();
        if (number !== undefined) this.#rulenum = ruleNumber(number);
        return true;
      }
      case "F":
        this.#addCommand(o.CMD_FLUSH, 0, invert);
        this.#optionalChain();
        return true;
      case "Z": {
        this.#addCommand(o.CMD_ZERO, o.CMD_LIST | o.CMD_LIST_RULES, invert);
        this.#optionalChain();
        const number = words.takeWord();
        if (number !== undefined) {
          this.#rulenum = ruleNumber(number);
          this.#command = o.CMD_ZERO_NUM;
        }
        return true;
      }
      case "N":
        checkChainName(argument);
        this.#addCommand(o.CMD_NEW_CHAIN, 0, invert);
        this.#chain = argument;
        return true;
      case "X":
        this.#addCommand(o.CMD_DELETE_CHAIN, 0, invert);
        this.#optionalChain();
        return true;
      case "E":
        this.#addCommand(o.CMD_RENAME_CHAIN, 0, invert);
        this.#chain = argument;
        this.#newName = words.takeWord() ?? x.parameterProblem("-E requires old-chain-name and new-chain-name");
        return true;
      case "P":
        this.#addCommand(o.CMD_SET_POLICY, 0, invert);
        this.#chain = argument;
        this.#policy = words.takeWord() ?? x.parameterProblem("-P requires a chain and a policy");
        return true;
      default:
        return false;
    }
  }

  #optionalChain(): void {
    this.#chain = this.#words.argument ?? this.#words.takeWord() ?? this.#chain;
  }

  #setOption(option: number, invert: boolean): void {
    const { version } = this.#context.output;
    if (this.#options & option)
      x.parameterProblem(
        `multiple ${o.optionName(option, version)} ${version === "1.8.9" ? "flags" : "options"} not allowed`,
      );
    this.#options |= option;
    if (invert) this.#invflags |= o.inverseOf(option, version);
  }

  #takeOption(option: string, invert: boolean): void {
    const argument = this.#words.argument ?? "";
    const { output } = this.#context;
    switch (option) {
      case "p":
        this.#setOption(o.OPT_PROTOCOL, invert);
        this.#protocol = argument.toLowerCase();
        this.#proto = x.parseProtocol(this.#protocol);
        if (this.#proto === 0 && this.#invflags & IPT_INV_PROTO) x.parameterProblem("rule would never match protocol");
        return;
      case "s":
        this.#setOption(o.OPT_SOURCE, invert);
        this.#source = argument;
        return;
      case "d":
        this.#setOption(o.OPT_DESTINATION, invert);
        this.#destination = argument;
        return;
      case "g":
        this.#setOption(o.OPT_JUMP, invert);
        this.#goto = true;
        this.#jumpTo = targetName(argument);
        return;
      case "j":
        this.#setOption(o.OPT_JUMP, invert);
        this.#jumpTo = targetName(argument);
        this.#extensions.setTarget(TARGET_TEXTS.get(argument));
        return;
      case "i":
      case "o":
        if (argument === "") x.parameterProblem("Empty interface is likely to be undesired");
        this.#setOption(option === "i" ? o.OPT_VIANAMEIN : o.OPT_VIANAMEOUT, invert);
        if (option === "i") this.#iniface = x.parseInterface(argument, output);
        else this.#outiface = x.parseInterface(argument, output);
        return;
      case "f":
        this.#setOption(o.OPT_FRAGMENT, invert);
        this.#frag = true;
        return;
      case "v":
        if (this.#verbose === 0) this.#setOption(o.OPT_VERBOSE, invert);
        this.#verbose++;
        return;
      case "m":
        if (invert) x.parameterProblem("unexpected ! flag before --match");
        this.#extensions.addMatch(
          MATCH_TEXTS.get(argument) ??
            x.parameterProblem(`Couldn't load match \`${argument}':No such file or directory\n`),
        );
        return;
      case "n":
        this.#setOption(o.OPT_NUMERIC, invert);
        return;
      case "x":
        this.#setOption(o.OPT_EXPANDED, invert);
        return;
      case "0":
        this.#setOption(o.OPT_LINENUMBERS, invert);
        return;
      case "c":
        this.#counters(argument, invert);
        return;
      default:
        this.#takeGeneral(option, invert);
    }
  }

  #takeGeneral(option: string, invert: boolean): void {
    const { output, program } = this.#context;
    switch (option) {
      case "t":
        if (invert) x.parameterProblem("unexpected ! flag before --table");
        if (this.#restoring && this.#tableSet) x.parameterProblem(`The -t option cannot be used in ${program}.\n`);
        this.#table = this.#words.argument ?? "";
        this.#tableSet = true;
        return;
      case "V":
        output.out += invert ? `Not ${output.fullVersion} ;-)\n` : `${program} v${output.fullVersion}\n`;
        throw new x.XtablesExit(0);
      case "h":
        this.#help();
        return;
      case "w":
      case "W":
        if (this.#restoring) x.parameterProblem(`You cannot use \`-${option}' from iptables-restore`);
        this.#wait(option);
        return;
      case "4":
      case "M":
        return; // one family; no modules to load
      case "6":
        tryHelp(this.#context, x.PARAMETER_PROBLEM);
        return;
      default:
        x.parameterProblem(`Unknown arg "${this.#words.argument ?? "(null)"}"`);
    }
  }

  #help(): void {
    const { output, program } = this.#context;
    if (this.#extensions.any || this.#protocol !== undefined)
      throw new x.XtablesError(x.OTHER_PROBLEM, "help on matches and targets is not available here");
    output.out += helpText(program, output.fullVersion);
    throw new x.XtablesExit(0);
  }

  #wait(option: "w" | "W"): void {
    const text = this.#words.argument ?? this.#words.takeWord();
    if (option === "w") {
      this.#waits = true;
      if (text !== undefined && !/^\s*[+-]?\d/.test(text)) x.parameterProblem("wait seconds not numeric");
      return;
    }
    if (text === undefined) x.parameterProblem("wait interval value required");
    if (!/^\s*[+-]?\d/.test(text)) x.parameterProblem("wait interval not numeric");
    const usec = x.atoi(text);
    if (usec > 999999) x.parameterProblem(`too long usec wait ${usec} > 999999 usec`);
    this.#context.output.err += "Ignoring deprecated --wait-interval option.\n";
    this.#waitInterval = true;
  }

  #counters(argument: string, invert: boolean): void {
    this.#setOption(o.OPT_COUNTERS, invert);
    const comma = argument.indexOf(",", 1);
    const bytes = comma < 0 ? this.#words.takeWord() : argument.slice(comma + 1);
    const name = o.optionName(o.OPT_COUNTERS, this.#context.output.version);
    if (bytes === undefined) x.parameterProblem(`${name} requires packet and byte counter`);
    if (!/^\s*[+-]?\d/.test(argument)) x.parameterProblem(`${name} packet counter not numeric`);
    if (!/^\s*[+-]?\d/.test(bytes)) x.parameterProblem(`${name} byte counter not numeric`);
    this.#packets = x.atoi(argument);
    this.#bytes = x.atoi(bytes);
  }

  #takeExtension(option: o.OptionValue, invert: boolean): boolean {
    if (typeof option !== "string") {
      const { names, output } = this.#context;
      const invProto = (this.#invflags & IPT_INV_PROTO) !== 0;
      if (this.#extensions.call(option, this.#words, { invert, proto: this.#proto, invProto, names, output }))
        return false;
    }
    const words = this.#words;
    const protocol = this.#protocolMatch();
    if (protocol) {
      this.#protoUsed = true;
      this.#extensions.addMatch(protocol);
      words.index--;
      return true;
    }
    if (option === MISSING) x.parameterProblem(`option "${words.previous}" requires an argument`);
    x.parameterProblem(`unknown option "${words.previous}"`);
  }

  /** The match of the rule's protocol, which an option that nobody knows calls in, once. */
  #protocolMatch(): AnyExtension | undefined {
    const protocol = this.#protocol;
    if (protocol === undefined || this.#protoUsed) return undefined;
    const number = x.strtoui(protocol, 0, 255);
    const name = number === undefined ? protocol : protocolName(number, (this.#options & o.OPT_NUMERIC) !== 0);
    return name === undefined ? undefined : MATCH_TEXTS.get(name);
  }

  #finish(invert: boolean): Command {
    if (this.#table === "nat" && (this.#policy === "DROP" || this.#jumpTo === "DROP"))
      x.parameterProblem(
        '\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n',
      );
    if (!this.#waits && this.#waitInterval) x.parameterProblem("--wait-interval only makes sense with --wait\n");
    this.#extensions.check(this.#context.output);
    if (this.#words.index < this.#words.argv.length) x.parameterProblem("unknown arguments found on commandline");
    if (this.#command === 0) x.parameterProblem("no command specified");
    if (invert) x.parameterProblem("nothing appropriate following !");
    const rules = this.#rules();
    if (this.#command === o.CMD_REPLACE && rules.length !== 1)
      x.parameterProblem("Replacement rule does not specify a unique address");
    o.checkLegal(this.#command, this.#options, this.#context.output.version);
    if (this.#verbose > 1 && this.#command & ~(o.CMD_LIST | o.CMD_LIST_RULES | o.CMD_CHECK))
      throw new x.XtablesError(x.OTHER_PROBLEM, "-v twice: there are no netlink messages to show");
    if (this.#chain !== undefined) checkChainLength(this.#chain);
    this.#checkInterfaces();
    return { ...this.#nothing(), command: this.#command, rules };
  }

  #nothing(): Command {
    return {
      command: o.CMD_NONE,
      table: this.#table,
      chain: this.#chain,
      rules: [],
      packets: this.#packets,
      bytes: this.#bytes,
      rulenum: this.#rulenum,
      policy: this.#policy,
      newName: this.#newName,
      options: this.#options,
    };
  }

  #checkInterfaces(): void {
    const onRules = o.CMD_APPEND | o.CMD_DELETE | o.CMD_DELETE_NUM | o.CMD_CHECK | o.CMD_INSERT | o.CMD_REPLACE;
    if ((this.#command & onRules) === 0) return;
    const chain = this.#chain!;
    const { version } = this.#context.output;
    const name = (option: number): string => o.optionName(option, version);
    const end = version === "1.8.9" ? "\n" : "";
    if ((chain === "PREROUTING" || chain === "INPUT") && this.#options & o.OPT_VIANAMEOUT)
      x.parameterProblem(`Can't use ${name(o.OPT_VIANAMEOUT)} with ${chain}${end}`);
    if ((chain === "POSTROUTING" || chain === "OUTPUT") && this.#options & o.OPT_VIANAMEIN)
      x.parameterProblem(`Can't use ${name(o.OPT_VIANAMEIN)} with ${chain}${end}`);
  }

  #rules(): RuleSpec[] {
    const { names } = this.#context;
    const sources = this.#source === undefined ? ANYWHERE : x.parseAddresses(this.#source, names);
    const destinations = this.#destination === undefined ? ANYWHERE : x.parseAddresses(this.#destination, names);
    if ((sources.length > 1 || destinations.length > 1) && this.#invflags & (IPT_INV_SRCIP | IPT_INV_DSTIP))
      x.parameterProblem("! not allowed with multiple source or destination IP addresses");
    const target = this.#ruleTarget();
    const { matches } = this.#extensions;
    const rules: RuleSpec[] = [];
    for (const source of sources)
      for (const destination of destinations) {
        const ip: IptIp = {
          src: source.addr,
          smsk: source.mask,
          dst: destination.addr,
          dmsk: destination.mask,
          iniface: this.#iniface,
          outiface: this.#outiface,
          proto: this.#proto,
          frag: this.#frag,
          invflags: this.#invflags,
        };
        rules.push({ ip, matches, target });
      }
    return rules;
  }

  #ruleTarget(): RuleTarget {
    const { target } = this.#extensions;
    if (target) return { kind: "target", ...target };
    const name = this.#jumpTo;
    if (name === "") return { kind: "none" };
    if (this.#goto) return { kind: "goto", chain: name };
    if (name === "ACCEPT" || name === "DROP" || name === "RETURN") return { kind: "verdict", verdict: name };
    return { kind: "jump", chain: name };
  }
}
