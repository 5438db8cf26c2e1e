// iperf3's command line (iperf_parse_arguments of iperf 3.12, as in Debian 12) with its sentences. What is not emulated is
// refused by name.

import { parseIpv4 } from "../../wire/addr.ts";
import { getopt, type LongOption } from "../net-util/getopt.ts";
import { atoi, unitNumber } from "./units.ts";
import { USAGE } from "./usage.ts";

export interface Iperf3Options {
  role: "c" | "s" | undefined;
  host: string;
  port: number;
  format: string;
  /** seconds; 0: no reports in between */
  interval: number;
  daemon: boolean;
  oneOff: boolean;
  verbose: boolean;
  json: boolean;
  logfile: string | undefined;
  forceFlush: boolean;
  ipv4Only: boolean;
  udp: boolean;
  /** bits per second, 0 without limit */
  rate: number;
  burst: number;
  duration: number;
  bytes: number;
  blocks: number;
  blockSize: number;
  parallel: number;
  reverse: boolean;
  window: number;
  mss: number;
  noDelay: boolean;
  bind: string | undefined;
  clientPort: number;
  omit: number;
  congestion: string | undefined;
  /** both sides send */
  bidir: boolean;
  ipv6Only: boolean;
  tos: number;
  title: string | undefined;
  extraData: string | undefined;
  /** strftime's format before each line */
  timestamps: string | undefined;
  getServerOutput: boolean;
  udpCounters64: boolean;
  repeatingPayload: boolean;
  dontFragment: boolean;
  /** milliseconds, 0 the kernel's */
  connectTimeout: number;
  /** microseconds */
  pacingTimer: number;
  bindDev: string | undefined;
}

export interface Iperf3Refusal {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

const DEFAULT_PORT = 5201;
const DEFAULT_TCP_BLOCK = 128 * 1024;
const DEFAULT_DURATION = 10;
const UDP_RATE = 1024 * 1024;
const MAX_BLOCK = 1024 * 1024;
const MAX_BURST = 1000;
/** How often a stream with a rate looks whether it may send. */
const PACING_US = 1000;

/** What a mistake says (iperf_strerror). */
const Mistake = {
  port: "port number must be between 1 and 65535 inclusive",
  format: "bad format specifier (valid formats are in the set [kmgtKMGT])",
  interval: "invalid report interval (min = 0.1, max = 60 seconds)",
  both: "cannot be both server and client",
  neither: "must either be a client (-c) or server (-s)",
  serverOnly: "some option you are trying to set is server only",
  clientOnly: "some option you are trying to set is client only",
  duration: "test duration too long (maximum = 86400 seconds)",
  streams: "number of parallel streams too large (maximum = 128)",
  block: "block size too large (maximum = 1048576 bytes)",
  udpBlock: "block size invalid (minimum = 16 bytes, maximum = 65507 bytes)",
  window: "socket buffer size too large (maximum = 536870912 bytes)",
  mss: "TCP MSS too large (maximum = 9216 bytes)",
  omit: "bogus value for --omit",
  burst: "invalid burst count (maximum = 1000)",
  end: "only one test end condition (-t, -n, -k) may be specified",
  reverseBidir: "cannot be both reverse and bidirectional",
  tos: "bad TOS value (must be between 0 and 255 inclusive)",
} as const;

const LONG: readonly LongOption[] = [
  { name: "port", argument: 1, short: "p" },
  { name: "format", argument: 1, short: "f" },
  { name: "interval", argument: 1, short: "i" },
  { name: "daemon", argument: 0, short: "D" },
  { name: "one-off", argument: 0, short: "1" },
  { name: "verbose", argument: 0, short: "V" },
  { name: "json", argument: 0, short: "J" },
  { name: "version", argument: 0, short: "v" },
  { name: "server", argument: 0, short: "s" },
  { name: "client", argument: 1, short: "c" },
  { name: "udp", argument: 0, short: "u" },
  { name: "bitrate", argument: 1, short: "b" },
  { name: "bandwidth", argument: 1, short: "b" },
  { name: "server-bitrate-limit", argument: 1 },
  { name: "time", argument: 1, short: "t" },
  { name: "bytes", argument: 1, short: "n" },
  { name: "blockcount", argument: 1, short: "k" },
  { name: "length", argument: 1, short: "l" },
  { name: "parallel", argument: 1, short: "P" },
  { name: "reverse", argument: 0, short: "R" },
  { name: "bidir", argument: 0 },
  { name: "window", argument: 1, short: "w" },
  { name: "bind", argument: 1, short: "B" },
  { name: "bind-dev", argument: 1 },
  { name: "cport", argument: 1 },
  { name: "set-mss", argument: 1, short: "M" },
  { name: "no-delay", argument: 0, short: "N" },
  { name: "version4", argument: 0, short: "4" },
  { name: "version6", argument: 0, short: "6" },
  { name: "tos", argument: 1, short: "S" },
  { name: "dscp", argument: 1 },
  { name: "extra-data", argument: 1 },
  { name: "flowlabel", argument: 1, short: "L" },
  { name: "zerocopy", argument: 0, short: "Z" },
  { name: "omit", argument: 1, short: "O" },
  { name: "file", argument: 1, short: "F" },
  { name: "repeating-payload", argument: 0 },
  { name: "timestamps", argument: 2 },
  { name: "affinity", argument: 1, short: "A" },
  { name: "title", argument: 1, short: "T" },
  { name: "congestion", argument: 1, short: "C" },
  { name: "linux-congestion", argument: 1, short: "C" },
  { name: "sctp", argument: 0 },
  { name: "nstreams", argument: 1 },
  { name: "xbind", argument: 1, short: "X" },
  { name: "pidfile", argument: 1, short: "I" },
  { name: "logfile", argument: 1 },
  { name: "forceflush", argument: 0 },
  { name: "get-server-output", argument: 0 },
  { name: "udp-counters-64bit", argument: 0 },
  { name: "idle-timeout", argument: 1 },
  { name: "rcv-timeout", argument: 1 },
  { name: "snd-timeout", argument: 1 },
  { name: "fq-rate", argument: 1 },
  { name: "pacing-timer", argument: 1 },
  { name: "connect-timeout", argument: 1 },
  { name: "dont-fragment", argument: 0 },
  { name: "debug", argument: 2, short: "d" },
  { name: "help", argument: 0, short: "h" },
];

const CLIENT_ONLY: ReadonlySet<string> = new Set([
  ..."ubtnklPRwMNOCST",
  ...["bidir", "dscp", "extra-data", "cport", "get-server-output", "udp-counters-64bit", "repeating-payload"],
  ...["dont-fragment", "connect-timeout", "pacing-timer"],
]);
const SERVER_ONLY: ReadonlySet<string> = new Set([..."D1"]);

/** --dscp's names (iperf_parse_qos) */
const DSCP: ReadonlyMap<string, number> = new Map([
  ...[1, 2, 3, 4].flatMap((c) => [1, 2, 3].map((d): [string, number] => [`af${c}${d}`, 8 * c + 2 * d])),
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((c): [string, number] => [`cs${c}`, 8 * c]),
  ["ef", 46],
  ["va", 44],
  ["le", 1],
]);

class ParameterError extends Error {}

/** @param version what -v prints */
export function parseIperf3Options(args: readonly string[], version: string): Iperf3Options | Iperf3Refusal {
  const parsed = getopt(args, "p:f:i:D1VJvsc:ub:t:n:k:l:P:Rw:B:M:N46S:L:ZO:F:A:T:C:dI:hX:", { long: LONG });
  const options: Iperf3Options = {
    role: undefined,
    host: "",
    port: DEFAULT_PORT,
    format: "a",
    interval: 1,
    daemon: false,
    oneOff: false,
    verbose: false,
    json: false,
    logfile: undefined,
    forceFlush: false,
    ipv4Only: false,
    udp: false,
    rate: -1,
    burst: 0,
    duration: -1,
    bytes: 0,
    blocks: 0,
    blockSize: 0,
    parallel: 1,
    reverse: false,
    window: 0,
    mss: 0,
    noDelay: false,
    bind: undefined,
    clientPort: 0,
    omit: 0,
    congestion: undefined,
    bidir: false,
    ipv6Only: false,
    tos: 0,
    title: undefined,
    extraData: undefined,
    timestamps: undefined,
    getServerOutput: false,
    udpCounters64: false,
    repeatingPayload: false,
    dontFragment: false,
    connectTimeout: 0,
    pacingTimer: PACING_US,
    bindDev: undefined,
  };
  let client = false;
  let server = false;
  try {
    for (const { name, value = "" } of parsed.options) {
      if (name === "h") return { stdout: USAGE, stderr: "", status: 0 };
      if (name === "v") return { stdout: version, stderr: "", status: 0 };
      if (!take(options, name, value)) {
        const shown = name.length === 1 ? `-${name}` : `--${name}`;
        return { stdout: "", stderr: `vethlab: iperf3: ${shown} is not supported\n`, status: 1 };
      }
      client ||= CLIENT_ONLY.has(name);
      server ||= SERVER_ONLY.has(name);
    }
    if (parsed.error !== undefined) return { stdout: "", stderr: `iperf3: ${parsed.error}\n${USAGE}`, status: 1 };
    if (options.role === "c" && server) throw new ParameterError(Mistake.serverOnly);
    if (options.role === "s" && client) throw new ParameterError(Mistake.clientOnly);
    complete(options);
  } catch (error) {
    if (!(error instanceof ParameterError)) throw error;
    return { stdout: USAGE, stderr: `iperf3: parameter error - ${error.message}\n\n`, status: 1 };
  }
  return options;
}

/** False: not supported here. */
function take(options: Iperf3Options, name: string, value: string): boolean {
  const check = (good: boolean, mistake: string): void => {
    if (!good) throw new ParameterError(mistake);
  };
  const port = (): number => {
    const number = atoi(value);
    check(number >= 1 && number <= 65535, Mistake.port);
    return number;
  };
  switch (name) {
    case "p":
      options.port = port();
      return true;
    case "cport":
      options.clientPort = port();
      return true;
    case "f":
      check("kmgtKMGT".includes(value.charAt(0)) && value !== "", Mistake.format);
      options.format = value.charAt(0);
      return true;
    case "i":
      options.interval = Number.parseFloat(value) || 0;
      check(options.interval === 0 || (options.interval >= 0.1 && options.interval <= 60), Mistake.interval);
      return true;
    case "D":
      options.daemon = true;
      return true;
    case "1":
      options.oneOff = true;
      return true;
    case "V":
      options.verbose = true;
      return true;
    case "J":
      options.json = true;
      return true;
    case "s":
    case "c":
      check(options.role === undefined || options.role === name, Mistake.both);
      options.role = name;
      [options.host, options.bindDev] = splitDevice(value, options.bindDev);
      return true;
    case "u":
      options.udp = true;
      return true;
    case "b": {
      const [rate = "", burst] = value.split("/");
      if (burst !== undefined) {
        options.burst = atoi(burst);
        check(options.burst > 0 && options.burst <= MAX_BURST, Mistake.burst);
      }
      options.rate = unitNumber(rate, 1000);
      return true;
    }
    case "t":
      options.duration = atoi(value);
      check(options.duration <= 86400, Mistake.duration);
      return true;
    case "n":
      options.bytes = unitNumber(value, 1024);
      return true;
    case "k":
      options.blocks = unitNumber(value, 1024);
      return true;
    case "l":
      options.blockSize = unitNumber(value, 1024);
      return true;
    case "P":
      options.parallel = atoi(value);
      check(options.parallel <= 128, Mistake.streams);
      return true;
    case "R":
      check(!options.bidir, Mistake.reverseBidir);
      options.reverse = true;
      return true;
    case "bidir":
      check(!options.reverse, Mistake.reverseBidir);
      options.bidir = true;
      return true;
    case "S":
      options.tos = cNumber(value);
      check(options.tos >= 0 && options.tos <= 255, Mistake.tos);
      return true;
    case "dscp": {
      const code = DSCP.get(value.toLowerCase()) ?? cNumber(value);
      check(code >= 0 && code <= 63, Mistake.tos);
      options.tos = code << 2;
      return true;
    }
    case "T":
      options.title = value;
      return true;
    case "extra-data":
      options.extraData = value;
      return true;
    case "timestamps":
      options.timestamps = value === "" ? "%c " : value;
      return true;
    case "get-server-output":
      options.getServerOutput = true;
      return true;
    case "udp-counters-64bit":
      options.udpCounters64 = true;
      return true;
    case "repeating-payload":
      options.repeatingPayload = true;
      return true;
    case "dont-fragment":
      options.dontFragment = true;
      return true;
    case "connect-timeout":
      options.connectTimeout = atoi(value);
      return true;
    case "pacing-timer":
      options.pacingTimer = unitNumber(value, 1000);
      return true;
    case "bind-dev":
      options.bindDev = value;
      return true;
    case "w":
      options.window = unitNumber(value, 1024);
      check(options.window <= 512 * 1024 * 1024, Mistake.window);
      return true;
    case "B":
      [options.bind, options.bindDev] = splitDevice(value, options.bindDev);
      return parseIpv4(options.bind) !== undefined;
    case "M":
      options.mss = atoi(value);
      check(options.mss <= 9216, Mistake.mss);
      return true;
    case "N":
      options.noDelay = true;
      return true;
    case "4":
      options.ipv4Only = true;
      options.ipv6Only = false;
      return true;
    case "6":
      options.ipv6Only = true;
      options.ipv4Only = false;
      return true;
    case "O":
      options.omit = atoi(value);
      check(options.omit >= 0 && options.omit <= 60, Mistake.omit);
      return true;
    case "C":
      options.congestion = value;
      return true;
    case "logfile":
      options.logfile = value;
      return true;
    case "forceflush":
      options.forceFlush = true;
      return true;
    default:
      return false;
  }
}

/** "host%device" */
function splitDevice(value: string, device: string | undefined): [string, string | undefined] {
  const at = value.indexOf("%");
  return at < 0 ? [value, device] : [value.slice(0, at), value.slice(at + 1)];
}

/** strtol(3) with base 0 of a whole word; −1 when it is none. */
function cNumber(text: string): number {
  if (/^0x[0-9a-f]+$/i.test(text)) return Number(text);
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8) || 0;
  return /^\d+$/.test(text) ? Number(text) : -1;
}

function complete(options: Iperf3Options): void {
  if (options.blockSize === 0 && !options.udp) options.blockSize = DEFAULT_TCP_BLOCK;
  if ((!options.udp && options.blockSize <= 0) || options.blockSize > MAX_BLOCK)
    throw new ParameterError(Mistake.block);
  if (options.udp && options.blockSize > 0 && (options.blockSize < 16 || options.blockSize > 65507)) {
    throw new ParameterError(Mistake.udpBlock);
  }
  if (options.rate < 0) options.rate = options.udp ? UDP_RATE : 0;
  const timed = options.duration >= 0;
  if (!timed) options.duration = options.bytes !== 0 || options.blocks !== 0 ? 0 : DEFAULT_DURATION;
  const ends = [options.duration !== 0, options.bytes !== 0, options.blocks !== 0];
  if (ends.filter(Boolean).length > 1) throw new ParameterError(Mistake.end);
  if (options.role === undefined) throw new ParameterError(Mistake.neither);
  if (options.role === "c" && options.ipv6Only && parseIpv4(options.host) === undefined)
    throw new ParameterError("vethlab has no IPv6");
}
