// dig (BIND 9.18): queries with EDNS and a cookie, and what came back in dig's layout. Servers over UDP and TCP; no TLS, HTTPS,
// zone transfers, tracing or DNSSEC; those options are refused by name.

import { SEC } from "../../base/time.ts";
import type { Process, Program } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { parseInetAton } from "../../wire/addr.ts";
import * as dns from "../../wire/dns.ts";
import { set16 } from "../../wire/layout.ts";
import { queryId, resolvConf, searchNames } from "../net-util/resolve.ts";
import { Stdout } from "../net-util/stdio.ts";
import { type Answer, askServers, BIND_START_NS, serversOf } from "./client.ts";
import { messageText, type Sections, statsText } from "./print.ts";

export const BIND_VERSION = "9.18.49-1~deb12u3-Debian";
const EDNS_UDP_BYTES = 1232;
const EDNS_COOKIE = 10;
const COOKIE_BYTES = 8;

const USAGE = `Usage:  dig [@global-server] [domain] [q-type] [q-class] {q-opt}
            {global-d-opt} host [@local-server] {local-d-opt}
            [ host [@local-server] {local-d-opt} [...]]

Use "dig -h" (or "dig -h | more") for complete list of options
`;

interface Lookup {
  name: string;
  type: number;
  server: string | undefined;
  sections: Sections;
  short: boolean;
  command: boolean;
  recurse: boolean;
  edns: boolean;
  search: boolean;
  timeoutSeconds: number;
  tries: number;
  tcp: boolean;
}

/** A mistake on the command line. */
class Refused extends Error {
  readonly usage: boolean;

  constructor(message: string, usage = true) {
    super(message);
    this.usage = usage;
  }
}

interface CommandLine {
  readonly lookups: Lookup[];
  port: number;
  source: number;
  readonly argumentsText: string;
}

export const dig: Program = function* (proc: Process): Task<number> {
  const args = proc.argv.slice(1);
  if (args.includes("-v")) {
    yield* proc.printError(`DiG ${BIND_VERSION}\n`);
    return 0;
  }
  if (args.includes("-h")) {
    yield* proc.print(USAGE);
    return 0;
  }
  yield* sleep(BIND_START_NS);
  let line: CommandLine;
  try {
    line = parse(args);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    yield* proc.printError(error.usage ? `${error.message}\n${USAGE}` : `${error.message}\n`);
    return 1;
  }
  const out = new Stdout(proc);
  let status = 0;
  for (const [i, lookup] of line.lookups.entries()) {
    const servers = yield* serversOf(proc, lookup.server);
    if (!servers) {
      yield* proc.printError(`dig: couldn't get address for '${lookup.server}': not found\n`);
      return 1;
    }
    const answer = yield* run(proc, line, lookup, servers, out);
    // where no TCP connection came about there is no banner either
    if (lookup.command && !lookup.short && i === 0 && (answer || !lookup.tcp)) yield* out.print(banner(line, lookup));
    if (answer) yield* out.print(answerText(proc, answer, lookup));
    else {
      yield* out.print(`;; no servers could be reached\n`);
      status = 9;
    }
  }
  yield* out.flush();
  return status;
};

function banner({ argumentsText }: CommandLine, lookup: Lookup): string {
  const found = lookup.server === undefined ? "" : "; (1 server found)\n";
  return `\n; <<>> DiG ${BIND_VERSION} <<>>${argumentsText}\n${found};; global options: +cmd\n`;
}

function answerText(proc: Process, answer: Answer, lookup: Lookup): string {
  if (lookup.short) return answer.message.answers.map((record) => `${dns.formatData(record)}\n`).join("");
  return (
    messageText(answer.message, lookup.sections) +
    (lookup.sections.stats ? statsText(answer, proc.machine.wallSeconds()) : "")
  );
}

/** Asks for the name, or with +search for the names made of it until one exists. */
function* run(
  proc: Process,
  line: CommandLine,
  lookup: Lookup,
  servers: readonly number[],
  out: Stdout,
): Task<Answer | undefined> {
  const conf = resolvConf(proc);
  const names = lookup.search ? searchNames(conf, lookup.name) : [lookup.name.replace(/\.$/, "")];
  const options = {
    port: line.port,
    timeoutNs: lookup.timeoutSeconds * SEC,
    tries: lookup.tries,
    tcp: lookup.tcp,
    source: line.source,
  };
  let answer: Answer | undefined;
  for (const name of names) {
    const query = makeQuery(proc, name, lookup);
    answer = yield* askServers(proc, query, servers, options, (text) => out.print(text));
    if (!answer || dns.rcodeOf(answer.message) !== dns.NXDOMAIN) break;
  }
  return answer;
}

function makeQuery(proc: Process, name: string, { type, recurse, edns }: Lookup): dns.Message {
  const plain = dns.query(queryId(proc, `${name}/${type}`), name, type);
  const flags = (recurse ? dns.RD : 0) | dns.AD;
  if (!edns) return { ...plain, flags };
  const data = new Uint8Array(4 + COOKIE_BYTES);
  set16(data, 0, EDNS_COOKIE);
  set16(data, 2, COOKIE_BYTES);
  data.set(proc.machine.rng.fork(`dig/cookie/${proc.pid}`).bytes(COOKIE_BYTES), 4);
  return { ...plain, flags, additionals: [{ name: "", type: dns.TYPE_OPT, class: EDNS_UDP_BYTES, ttl: 0, data }] };
}

function defaults(): Lookup {
  return {
    name: "",
    type: dns.TYPE_A,
    server: undefined,
    sections: { comments: true, question: true, answer: true, authority: true, additional: true, stats: true },
    short: false,
    command: true,
    recurse: true,
    edns: true,
    search: false,
    timeoutSeconds: 5,
    tries: 3,
    tcp: false,
  };
}

function parse(args: readonly string[]): CommandLine {
  const line: CommandLine = {
    lookups: [],
    port: dns.PORT,
    source: 0,
    argumentsText: args.map((arg) => ` ${arg}`).join(""),
  };
  const globals = defaults();
  let current: Lookup | undefined;
  let explicitType = false;
  const begin = (name: string): Lookup => {
    const lookup = { ...globals, sections: { ...globals.sections }, name };
    line.lookups.push(lookup);
    current = lookup;
    return lookup;
  };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const target = current ?? globals;
    if (arg.startsWith("@")) {
      target.server = arg.slice(1);
      globals.server ??= arg.slice(1);
      for (const lookup of line.lookups) lookup.server ??= arg.slice(1);
    } else if (arg.startsWith("+")) plusOption(target, arg);
    else if (/^-[46]$/.test(arg)) {
      if (arg === "-6") throw new Refused("Invalid option: -6");
    } else if (/^-[xtpbqc]/.test(arg)) {
      const value = arg.length > 2 ? arg.slice(2) : args[++i];
      if (value === undefined) throw new Refused(`Invalid option: ${arg}`);
      const letter = arg[1]!;
      if (letter === "x") {
        const address = parseInetAton(value);
        if (address === undefined) throw new Refused(`Invalid IP address ${value}`, false);
        begin(dns.reverseName(address)).type = dns.TYPE_PTR;
      } else if (letter === "q") begin(value);
      else if (letter === "p") line.port = Number(value);
      else if (letter === "b") line.source = parseInetAton(value.split("#")[0]!) ?? 0;
      else if (letter === "c") {
        if (value.toUpperCase() !== "IN") throw new Refused(`;; Warning, ignoring invalid class ${value}`, false);
      } else {
        const type = dns.typeNumber(value);
        if (type === undefined) throw new Refused(`;; Warning, ignoring invalid type ${value}`, false);
        target.type = type;
        explicitType = true;
      }
    } else if (arg.startsWith("-")) throw new Refused(`Invalid option: ${arg}`);
    else {
      const type = dns.typeNumber(arg);
      if (type !== undefined && current && !explicitType) {
        current.type = type;
        explicitType = true;
      } else if (!current || arg.toUpperCase() !== "IN") {
        // A type given before the name holds for it; the next name begins anew.
        begin(arg);
        explicitType = false;
      }
    }
  }
  if (line.lookups.length === 0) begin("").type = explicitType ? globals.type : dns.TYPE_NS;
  return line;
}

function plusOption(lookup: Lookup, arg: string): void {
  const match = /^\+(no)?([a-z]+)(?:=(.*))?$/.exec(arg);
  const on = match?.[1] === undefined;
  const { sections } = lookup;
  const number = (): number => {
    const value = Number(match?.[3]);
    if (!Number.isInteger(value) || value < 0) throw new Refused(`Couldn't parse ${arg}`, false);
    return value;
  };
  switch (match?.[2]) {
    case "short":
      lookup.short = on;
      return;
    case "all":
      for (const key of ["comments", "question", "answer", "authority", "additional", "stats"] as const)
        sections[key] = on;
      lookup.command = on;
      return;
    case "answer":
    case "authority":
    case "additional":
    case "question":
    case "stats":
    case "comments":
      sections[match[2]] = on;
      return;
    case "cmd":
      lookup.command = on;
      return;
    case "recurse":
    case "rec":
    case "rdflag":
      lookup.recurse = on;
      return;
    case "edns":
    case "cookie":
      lookup.edns = on;
      return;
    case "search":
    case "defname":
      lookup.search = on;
      return;
    case "tcp":
    case "vc":
      lookup.tcp = on;
      return;
    case "time":
    case "timeout":
      lookup.timeoutSeconds = Math.max(1, number());
      return;
    case "tries":
      lookup.tries = Math.max(1, number());
      return;
    case "retry":
      lookup.tries = number() + 1;
      return;
    default:
      throw new Refused(`Invalid option: ${arg}`);
  }
}
