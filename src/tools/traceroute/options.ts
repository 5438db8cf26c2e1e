// traceroute's options: what each says, the ranges, and the sentences for mistakes (Debian's traceroute 2.1.2). Not there:
// IPv6, AS look-ups (-A), ICMP extensions (-e) and the modules dccp (-D) and tcpconn; they are refused by name.

import { type Ns, SEC } from "../../base/time.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { parseIpv6 } from "../../wire/addr.ts";
import { GaiError, getaddrinfo } from "../net-util/resolve.ts";
import { type CliFound, type CliOption, leadingNumber, readCommandLine, UsageError, unsigned } from "./command-line.ts";
import { USAGE, VERSION } from "./usage.ts";

const MAX_HOPS = 255;
const MAX_PROBES_PER_HOP = 10;
const MAX_GATEWAYS = 8;
export const MAX_PACKET_BYTES = 65000;
/** -z from here on is in milliseconds */
const SEND_WAIT_IS_MS = 10;

export interface Options {
  host: string;
  target: number;
  /** undefined: not given */
  packetBytes: number | undefined;
  firstHop: number;
  maxHops: number;
  queries: number;
  simultaneous: number;
  /** seconds */
  wait: number;
  hereFactor: number;
  nearFactor: number;
  /** seconds between two probes */
  sendWait: number;
  module: string;
  moduleOptions: string[];
  /** 0: the method's own */
  port: number;
  /** 0: any */
  sourcePort: number;
  /** 0: any */
  source: number;
  gateways: number[];
  device: string | undefined;
  /** 0: none */
  tos: number;
  mark: number;
  numeric: boolean;
  dontFragment: boolean;
  discoverMtu: boolean;
  dontRoute: boolean;
  backward: boolean;
}

/** What is printed instead of tracing. */
export class Ending extends Error {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;

  constructor(status: number, stdout: string, stderr: string) {
    super(stderr);
    this.status = status;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

function option(letter: string, long = "", argument = "", more: Partial<CliOption> = {}): CliOption {
  return { letter, long, argument, ...more };
}

const OPTIONS: readonly CliOption[] = [
  option("4"),
  option("6"),
  option("d", "debug"),
  option("F", "dont-fragment", "", { abbreviates: true }),
  option("f", "first", "first_ttl"),
  option("g", "gateway", "gate,..."),
  option("I", "icmp"),
  option("T", "tcp"),
  option("i", "interface", "device"),
  option("m", "max-hops", "max_ttl"),
  option("N", "sim-queries", "squeries"),
  option("n"),
  option("p", "port", "port"),
  option("t", "tos", "tos"),
  option("l", "flowlabel", "flow_label"),
  option("w", "wait", "MAX,HERE,NEAR"),
  option("q", "queries", "nqueries"),
  option("r"),
  option("s", "source", "src_addr"),
  option("z", "sendwait", "sendwait"),
  option("e", "extensions", "", { abbreviates: true }),
  option("A", "as-path-lookups"),
  option("M", "module", "name"),
  option("O", "options", "OPTS,..."),
  option("", "sport", "num"),
  option("", "fwmark", "num"),
  option("U", "udp"),
  option("", "UL", "", { oneDash: true }),
  option("D", "dccp"),
  option("P", "protocol", "prot"),
  option("", "mtu"),
  option("", "back"),
  option("V", "version"),
  option("", "help"),
];

/** Reads the command line; names are resolved as they come. Throws UsageError, Ending. */
export function* parseOptions(proc: Process, args: readonly string[]): Task<Options> {
  if (args.length === 0) throw new Ending(0, USAGE, "");
  const o = defaults();
  let operands = 0;
  for (const item of readCommandLine(args, OPTIONS)) {
    if ("option" in item) {
      if (!(yield* apply(proc, o, item))) throw cannotHandle(item);
      continue;
    }
    operands++;
    const { operand, argc } = item;
    const refuse = (name: string): UsageError =>
      new UsageError(`Cannot handle "${name}" cmdline arg \`${operand}' on position ${operands} (argc ${argc})`);
    if (operands === 1) {
      const target = yield* resolve(proc, operand);
      if (typeof target === "string") throw new UsageError(`${target}\n${refuse("host").message}`);
      o.host = operand;
      o.target = target;
    } else if (operands === 2) {
      const bytes = unsigned(operand);
      if (bytes === undefined) throw refuse("packetlen");
      o.packetBytes = bytes;
    } else throw new UsageError(`Extra arg \`${operand}' (position ${operands}, argc ${argc})`);
  }
  if (operands === 0) throw new UsageError('Specify "host" missing argument.');
  check(o);
  return o;
}

function cannotHandle({ given, value, argc }: CliFound): UsageError {
  return new UsageError(`Cannot handle \`${given}' option with arg \`${value}' (argc ${argc})`);
}

function defaults(): Options {
  return {
    host: "",
    target: 0,
    packetBytes: undefined,
    firstHop: 1,
    maxHops: 30,
    queries: 3,
    simultaneous: 16,
    wait: 5,
    hereFactor: 3,
    nearFactor: 10,
    sendWait: 0,
    module: "default",
    moduleOptions: [],
    port: 0,
    sourcePort: 0,
    source: 0,
    gateways: [],
    device: undefined,
    tos: 0,
    mark: 0,
    numeric: false,
    dontFragment: false,
    discoverMtu: false,
    dontRoute: false,
    backward: false,
  };
}

/** An address, or what getaddrinfo says against the name. */
function* resolve(proc: Process, name: string): Task<number | string> {
  try {
    return (yield* getaddrinfo(proc, name)).addresses[0]!;
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    return `${name}: ${error.message}`;
  }
}

/** False: the argument cannot be handled. */
function* apply(proc: Process, o: Options, item: CliFound): Task<boolean> {
  const { option: found, value } = item;
  switch (found.letter || found.long) {
    case "4":
    case "d": // socket debugging shows nowhere
    case "l": // only IPv6 has flow labels
      return true;
    case "6":
    case "A":
    case "e":
      throw new UsageError(`option ${item.given} is not supported`);
    case "F":
      o.dontFragment = true;
      return true;
    case "f":
      return setNumber(o, "firstHop", value);
    case "g":
      return yield* addGateways(proc, o, value);
    case "I":
      o.module = "icmp";
      return true;
    case "T":
      o.module = "tcp";
      return true;
    case "U":
      o.module = "udp";
      return true;
    case "UL":
      o.module = "udplite";
      return true;
    case "D":
      o.module = "dccp";
      return true;
    case "P":
      o.module = "raw";
      o.moduleOptions.push(`protocol=${value}`);
      return true;
    case "M":
      o.module = value;
      return true;
    case "O":
      o.moduleOptions.push(...value.split(","));
      return true;
    case "i":
      o.device = value;
      return true;
    case "m":
      return setNumber(o, "maxHops", value);
    case "N":
      return setNumber(o, "simultaneous", value);
    case "n":
      o.numeric = true;
      return true;
    case "p":
      return setNumber(o, "port", value);
    case "sport":
      return setNumber(o, "sourcePort", value);
    case "fwmark":
      return setNumber(o, "mark", value);
    case "t":
      return setNumber(o, "tos", value);
    case "w":
      return setWaits(o, value);
    case "q":
      return setNumber(o, "queries", value);
    case "r":
      o.dontRoute = true;
      return true;
    case "s": {
      const source = yield* resolve(proc, value);
      if (typeof source === "string") throw new UsageError(`${source}\n${cannotHandle(item).message}`);
      o.source = source;
      return true;
    }
    case "z": {
      const seconds = leadingNumber(value);
      if (!seconds || seconds.length < value.length) return false;
      o.sendWait = seconds.value;
      return true;
    }
    case "mtu":
      o.discoverMtu = true;
      return true;
    case "back":
      o.backward = true;
      return true;
    case "V":
      throw new Ending(0, "", VERSION);
    default:
      throw new Ending(0, USAGE, "");
  }
}

type NumberOption = "firstHop" | "maxHops" | "simultaneous" | "port" | "sourcePort" | "mark" | "tos" | "queries";

function setNumber(o: Options, name: NumberOption, value: string): boolean {
  const number = unsigned(value);
  if (number === undefined) return false;
  o[name] = number;
  return true;
}

function* addGateways(proc: Process, o: Options, value: string): Task<boolean> {
  for (const name of value.split(",")) {
    if (parseIpv6(name) !== undefined || o.gateways.length >= MAX_GATEWAYS) return false;
    const gateway = yield* resolve(proc, name);
    if (typeof gateway === "string") throw new UsageError(`${gateway}`);
    o.gateways.push(gateway);
  }
  return true;
}

/** MAX, MAX,HERE or MAX,HERE,NEAR, with commas or slashes; factors that are not given do not count. */
function setWaits(o: Options, value: string): boolean {
  const numbers: number[] = [];
  for (let rest = value; ; ) {
    const number = leadingNumber(rest);
    if (!number) return false;
    numbers.push(number.value);
    rest = rest.slice(number.length);
    if (rest === "") break;
    if (!/^[,/]/.test(rest) || numbers.length === 3) return false;
    rest = rest.slice(1);
  }
  o.wait = numbers[0]!;
  o.hereFactor = numbers[1] ?? 0;
  o.nearFactor = numbers[2] ?? 0;
  return true;
}

const MODULES: readonly string[] = ["default", "udp", "udplite", "icmp", "tcp", "raw"];
const KNOWN_MODULES: readonly string[] = [...MODULES, "dccp", "tcpconn"];

function check(o: Options): void {
  if (!KNOWN_MODULES.includes(o.module)) throw new UsageError(`Unknown traceroute module ${o.module}`);
  if (!MODULES.includes(o.module)) throw new UsageError(`traceroute module ${o.module} is not supported`);
  if (o.firstHop === 0 || o.firstHop > o.maxHops) throw new UsageError("first hop out of range");
  if (o.maxHops > MAX_HOPS) throw new UsageError(`max hops cannot be more than ${MAX_HOPS}`);
  if (o.queries === 0 || o.queries > MAX_PROBES_PER_HOP)
    throw new UsageError(`no more than ${MAX_PROBES_PER_HOP} probes per hop`);
  const { wait, hereFactor, nearFactor } = o;
  if (wait < 0 || hereFactor < 0 || nearFactor < 0)
    throw new UsageError(`bad wait specifications \`${wait},${hereFactor},${nearFactor}' used`);
  if (o.packetBytes !== undefined && o.packetBytes > MAX_PACKET_BYTES)
    throw new UsageError(`too big packetlen ${o.packetBytes} specified`);
  if (o.sendWait < 0) throw new UsageError(`bad sendtime \`${o.sendWait}' specified`);
  if (o.sendWait >= SEND_WAIT_IS_MS) o.sendWait /= 1000;
  // answers to raw packets tell nothing of the probe: one at a time
  if (o.sourcePort !== 0 || o.module === "raw") {
    o.simultaneous = 1;
    o.hereFactor = 0;
    o.nearFactor = 0;
  }
  if (o.discoverMtu) {
    o.dontFragment = true;
    o.simultaneous = 1;
  }
}

export function secondsToNs(seconds: number): Ns {
  return Math.round(seconds * SEC);
}
