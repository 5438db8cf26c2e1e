// ping's command line (iputils 20221126, ping(8)): which options there are, their ranges, and its sentences for mistakes.

import { type Ns, SEC } from "../../base/time.ts";
import { parseIpv4 } from "../../wire/addr.ts";
import { getopt } from "../net-util/getopt.ts";
import { USAGE, VERSION } from "./usage.ts";

export interface PingOptions {
  target: string;
  /** 0: until stopped */
  count: number;
  /** milliseconds; 0 as fast as replies come */
  intervalMs: number;
  deadlineNs: Ns;
  /** how long to wait for the last replies when none came yet */
  lingerNs: Ns;
  dataBytes: number;
  preload: number;
  pattern: Uint8Array | undefined;
  ttl: number | undefined;
  tos: number | undefined;
  mark: number | undefined;
  pmtuDisc: number | undefined;
  sendBuffer: number | undefined;
  /** -e; implies a raw socket */
  identifier: number | undefined;
  /** -I with an address */
  source: number | undefined;
  /** -I with a name */
  device: string | undefined;
  numeric: boolean;
  quiet: boolean;
  verbose: boolean;
  flood: boolean;
  adaptive: boolean;
  audible: boolean;
  broadcast: boolean;
  timestamps: boolean;
  outstanding: boolean;
  recordRoute: boolean;
  /** -T: IPOPT_TS_* */
  timestampOption: number | undefined;
  /** operands before the target: with -T tsprespec who is to stamp */
  hops: readonly string[];
  stickySource: boolean;
  connectSocket: boolean;
  noLoop: boolean;
  dontRoute: boolean;
  ipv6: boolean;
  /** stderr lines that do not end the program */
  warnings: string[];
}

/** What to print instead of pinging. */
export interface PingRefusal {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

const LONG_MAX = 9223372036854775807n;
const INT_MAX = 2147483647;
const MAXWAIT_NS: Ns = 10 * SEC;
const MAX_PRELOAD = 65536;
const PMTU: ReadonlyMap<string, number> = new Map([
  ["dont", 0],
  ["want", 1],
  ["do", 2],
]);

const TS_PRESPEC = 3;
const TIMESTAMP_OPTIONS: ReadonlyMap<string, number> = new Map([
  ["tsonly", 0],
  ["tsandaddr", 1],
  ["tsprespec", TS_PRESPEC],
]);

class Refused extends Error {
  readonly refusal: PingRefusal;

  constructor(sentence: string, status = 1) {
    super(sentence);
    this.refusal = { stdout: "", stderr: `ping: ${sentence}\n`, status };
  }
}

export function parsePingOptions(args: readonly string[]): PingOptions | PingRefusal {
  const parsed = getopt(args, "h?4bRT:6F:N:aABc:CdDe:fi:I:l:Lm:M:nOp:qQ:rs:S:t:UvVw:W:");
  const options = defaults();
  try {
    for (const { name, value } of parsed.options) {
      if (name === "h" || name === "?") return { stdout: "", stderr: USAGE, status: 2 };
      if (name === "V") return { stdout: VERSION, stderr: "", status: 0 };
      apply(options, name, value ?? "");
    }
    if (parsed.error !== undefined) return { stdout: "", stderr: `ping: ${parsed.error}\n${USAGE}`, status: 2 };
    if (parsed.operands.length === 0) throw new Refused("usage error: Destination address required");
    if (parsed.operands.length > 1 && options.timestampOption === undefined && !options.recordRoute)
      throw new Refused("record route: Operation not permitted", 2);
    const hops = parsed.operands.slice(0, -1);
    if (hops.length > 0 && (options.timestampOption !== TS_PRESPEC || hops.length > 4))
      return { stdout: "", stderr: USAGE, status: 2 };
    options.hops = hops;
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    throw error;
  }
  options.target = parsed.operands.at(-1)!;
  if (options.flood && options.intervalMs === -1) options.intervalMs = 0;
  if (options.intervalMs === -1) options.intervalMs = options.adaptive ? 0 : 1000;
  return options;
}

function defaults(): PingOptions {
  return {
    target: "",
    count: 0,
    intervalMs: -1,
    deadlineNs: 0,
    lingerNs: MAXWAIT_NS,
    dataBytes: 56,
    preload: 1,
    pattern: undefined,
    ttl: undefined,
    tos: undefined,
    mark: undefined,
    pmtuDisc: undefined,
    sendBuffer: undefined,
    identifier: undefined,
    source: undefined,
    device: undefined,
    numeric: false,
    quiet: false,
    verbose: false,
    flood: false,
    adaptive: false,
    audible: false,
    broadcast: false,
    timestamps: false,
    outstanding: false,
    recordRoute: false,
    timestampOption: undefined,
    hops: [],
    stickySource: false,
    connectSocket: false,
    noLoop: false,
    dontRoute: false,
    ipv6: false,
    warnings: [],
  };
}

function apply(o: PingOptions, name: string, value: string): void {
  switch (name) {
    case "4":
    case "U": // latency as the user sees it: here the kernel's and the user's clock are one
      return;
    case "6":
      o.ipv6 = true;
      return;
    case "a":
      o.audible = true;
      return;
    case "A":
      o.adaptive = true;
      return;
    case "b":
      o.broadcast = true;
      return;
    case "B":
      o.stickySource = true;
      return;
    case "c":
      o.count = Number(integer(value, 1n, LONG_MAX));
      return;
    case "C":
      o.connectSocket = true;
      return;
    case "D":
      o.timestamps = true;
      return;
    case "e":
      o.identifier = Number(integer(value, 0n, 65535n));
      return;
    case "f":
      o.flood = true;
      return;
    case "i":
      o.intervalMs = Math.floor(seconds(o, value) * 1000);
      return;
    case "I":
      interfaceOption(o, value);
      return;
    case "l":
      o.preload = Number(integer(value, 1n, BigInt(MAX_PRELOAD)));
      return;
    case "L":
      o.noLoop = true;
      return;
    case "m":
      o.mark = Number(integer(value, 0n, BigInt(INT_MAX)));
      return;
    case "M": {
      const mode = PMTU.get(value);
      if (mode === undefined) throw new Refused(`invalid -M argument: ${value}`, 2);
      o.pmtuDisc = mode;
      return;
    }
    case "n":
      o.numeric = true;
      return;
    case "O":
      o.outstanding = true;
      return;
    case "p":
      o.pattern = pattern(value);
      return;
    case "q":
      o.quiet = true;
      return;
    case "Q":
      o.tos = Number(integer(value, 0n, 255n));
      return;
    case "r":
      o.dontRoute = true;
      return;
    case "R":
      if (o.timestampOption !== undefined) throw new Refused("only one of -T or -R may be used", 2);
      o.recordRoute = true;
      return;
    case "T":
      if (o.recordRoute) throw new Refused("only one of -T or -R may be used", 2);
      o.timestampOption = TIMESTAMP_OPTIONS.get(value);
      if (o.timestampOption === undefined) throw new Refused(`invalid timestamp type: ${value}`, 2);
      return;
    case "s":
      o.dataBytes = Number(integer(value, 0n, BigInt(INT_MAX)));
      return;
    case "S":
      o.sendBuffer = Number(integer(value, 1n, BigInt(INT_MAX)));
      return;
    case "t":
      o.ttl = Number(integer(value, 0n, 255n));
      return;
    case "v":
      o.verbose = true;
      return;
    case "w":
      o.deadlineNs = Number(integer(value, 0n, BigInt(INT_MAX))) * SEC;
      return;
    case "W":
      o.lingerNs = Math.round(seconds(o, value, "bad linger time") * 1000) * 1_000_000;
      // A time of zero means the default again.
      if (o.lingerNs <= 0) o.lingerNs = MAXWAIT_NS;
      return;
    default:
      throw new Refused(`option -${name} is not supported`, 2);
  }
}

function interfaceOption(o: PingOptions, value: string): void {
  const address = parseIpv4(value);
  if (address === undefined) o.device = value;
  else o.source = address;
}

function integer(text: string, least: bigint, most: bigint): bigint {
  const match = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)$/.exec(text);
  if (!match) throw new Refused(`invalid argument: '${text}'`);
  const digits = match[2]!;
  const octal = /^0[0-7]+$/.test(digits);
  const value = BigInt(octal ? `0o${digits.slice(1)}` : digits) * (match[1] === "-" ? -1n : 1n);
  if (value < least || value > most)
    throw new Refused(`invalid argument: '${text}': out of range: ${least} <= value <= ${most}`);
  return value;
}

/** strtod(3) as ping uses it: what follows the number is complained about and ignored. */
function seconds(o: PingOptions, text: string, complaint = "bad timing interval"): number {
  const match = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/.exec(text);
  const value = match ? Number(match[0]) : 0;
  if (!match || match[0].length < text.length) {
    o.warnings.push(`ping: option argument contains garbage: ${text}\n`);
    o.warnings.push("ping: this will become fatal error in the future\n");
  }
  if (value < 0 || value >= INT_MAX / 1000) throw new Refused(`${complaint}: ${text}`, 2);
  return value;
}

function pattern(text: string): Uint8Array {
  if (!/^[0-9a-fA-F]*$/.test(text)) throw new Refused(`patterns must be specified as hex digits: ${text}`, 2);
  const pairs = text.slice(0, 32).match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}
