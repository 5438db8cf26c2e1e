// tcpdump's command line (tcpdump 4.99.3): what is taken, and in its own words what is not. Options of the real one that
// are not emulated (decryption, rotation, plug-ins …) are refused by name.

import { getopt } from "../net-util/getopt.ts";

export interface TcpdumpOptions {
  readonly interface: string | undefined;
  readonly write: string | undefined;
  readonly read: string | undefined;
  /** 0: no limit */
  readonly count: number;
  readonly snapLength: number;
  /** -U: each packet reaches the file as it comes */
  readonly packetBuffered: boolean;
  /** -l: each line reaches the reader as it comes */
  readonly lineBuffered: boolean;
  readonly direction: "in" | "out" | "inout";
  readonly promiscuous: boolean;
  readonly listInterfaces: boolean;
  readonly listLinkTypes: boolean;
  /** --immediate-mode: frames do not wait in the ring */
  readonly immediate: boolean;
  /** --print: also print when writing */
  readonly print: boolean;
  /** --count: only the number of packets */
  readonly countOnly: boolean;
  readonly nanoseconds: boolean;
  readonly verbose: number;
  readonly quiet: number;
  readonly linkHeader: boolean;
  /** number of -n */
  readonly numeric: number;
  readonly time: number;
  readonly hex: number;
  readonly hexAscii: number;
  readonly ascii: number;
  readonly absoluteSequence: boolean;
  readonly noChecksums: boolean;
  readonly number: boolean;
  /** -d, -dd, -ddd: print the filter's program and stop */
  readonly dumpCode: number;
  /** without -O */
  readonly optimized: boolean;
  readonly filterFile: string | undefined;
  readonly expression: string;
}

export const VERSION_TEXT = "tcpdump version 4.99.3\nlibpcap version 1.10.3 (with TPACKET_V3)\n";

export const USAGE_TEXT: string = `${VERSION_TEXT}Usage: tcpdump [-AbdDefhHIJKlLnNOpqStuUvxX#] [ -B size ] [ -c count ] [--count]
\t\t[ -C file_size ] [ -E algo:secret ] [ -F file ] [ -G seconds ]
\t\t[ -i interface ] [ --immediate-mode ] [ -j tstamptype ]
\t\t[ -M secret ] [ --number ] [ --print ] [ -Q in|out|inout ]
\t\t[ -r file ] [ -s snaplen ] [ -T type ] [ --version ]
\t\t[ -V file ] [ -w file ] [ -W filecount ] [ -y datalinktype ]
\t\t[ --time-stamp-precision precision ] [ --micro ] [ --nano ]
\t\t[ -z postrotate-command ] [ -Z user ] [ expression ]
`;

const LONG = [
  { name: "count", argument: 0 as const },
  { name: "buffer-size", argument: 1 as const, short: "B" },
  { name: "list-interfaces", argument: 0 as const, short: "D" },
  { name: "help", argument: 0 as const, short: "h" },
  { name: "interface", argument: 1 as const, short: "i" },
  { name: "list-data-link-types", argument: 0 as const, short: "L" },
  { name: "no-optimize", argument: 0 as const, short: "O" },
  { name: "no-promiscuous-mode", argument: 0 as const, short: "p" },
  { name: "direction", argument: 1 as const, short: "Q" },
  { name: "snapshot-length", argument: 1 as const, short: "s" },
  { name: "absolute-tcp-sequence-numbers", argument: 0 as const, short: "S" },
  { name: "packet-buffered", argument: 0 as const, short: "U" },
  { name: "dont-verify-checksums", argument: 0 as const, short: "K" },
  { name: "number", argument: 0 as const, short: "#" },
  { name: "print", argument: 0 as const },
  { name: "immediate-mode", argument: 0 as const },
  { name: "time-stamp-precision", argument: 1 as const },
  { name: "micro", argument: 0 as const },
  { name: "nano", argument: 0 as const },
  { name: "version", argument: 0 as const },
];

/** What the arguments ask for, or the lines to print and the status to end with. */
export type ParsedArguments =
  | { readonly options: TcpdumpOptions }
  | { readonly stdout: string; readonly stderr: string; readonly status: number };

const refuse = (stderr: string): ParsedArguments => ({ stdout: "", stderr, status: 1 });

/** @param args without argv[0] */
export function parseTcpdumpArguments(args: readonly string[]): ParsedArguments {
  const parsed = getopt(args, "#AbB:c:C:dDeE:fF:G:hHi:IJj:KlLm:M:nNOpqQ:r:s:StT:uUvV:w:W:xXy:Yz:Z:", {
    long: LONG,
    stopAtOperand: true,
  });
  if (parsed.error !== undefined) return refuse(`tcpdump: ${parsed.error}\n${USAGE_TEXT}`);
  const o = {
    interface: undefined as string | undefined,
    write: undefined as string | undefined,
    read: undefined as string | undefined,
    count: 0,
    snapLength: 262144,
    packetBuffered: false,
    lineBuffered: false,
    direction: "inout" as "in" | "out" | "inout",
    promiscuous: true,
    listInterfaces: false,
    listLinkTypes: false,
    immediate: false,
    print: false,
    countOnly: false,
    nanoseconds: false,
    verbose: 0,
    quiet: 0,
    linkHeader: false,
    numeric: 0,
    time: 0,
    hex: 0,
    hexAscii: 0,
    ascii: 0,
    absoluteSequence: false,
    noChecksums: false,
    number: false,
    dumpCode: 0,
    optimized: true,
    filterFile: undefined as string | undefined,
    expression: parsed.operands.join(" "),
  };
  for (const { name, value } of parsed.options) {
    switch (name) {
      case "i":
        o.interface = value;
        break;
      case "w":
        o.write = value;
        break;
      case "r":
        o.read = value;
        break;
      case "F":
        o.filterFile = value;
        break;
      case "c":
        if (!/^\d+$/.test(value!) || Number(value) <= 0) return refuse(`tcpdump: invalid packet count ${value}\n`);
        o.count = Number(value);
        break;
      case "s":
        if (!/^\d+$/.test(value!) || Number(value) > 262144)
          return refuse(`tcpdump: invalid snaplen ${value} (must be >= 0 and <= 262144)\n`);
        o.snapLength = Number(value) || 262144;
        break;
      case "Q":
        if (value !== "in" && value !== "out" && value !== "inout")
          return refuse(`tcpdump: unknown capture direction \`${value}'\n`);
        o.direction = value;
        break;
      case "time-stamp-precision":
        if (value !== "micro" && value !== "nano") return refuse(`tcpdump: unable to parse time stamp precision\n`);
        o.nanoseconds = value === "nano";
        break;
      case "nano":
        o.nanoseconds = true;
        break;
      case "micro":
        o.nanoseconds = false;
        break;
      case "U":
        o.packetBuffered = true;
        break;
      case "l":
        o.lineBuffered = true;
        break;
      case "p":
        o.promiscuous = false;
        break;
      case "D":
        o.listInterfaces = true;
        break;
      case "L":
        o.listLinkTypes = true;
        break;
      case "print":
        o.print = true;
        break;
      case "count":
        o.countOnly = true;
        break;
      case "v":
        o.verbose++;
        break;
      case "q":
        o.quiet++;
        break;
      case "e":
        o.linkHeader = true;
        break;
      case "n":
        o.numeric++;
        break;
      case "t":
        o.time = Math.min(o.time + 1, 5);
        break;
      case "x":
        o.hex++;
        break;
      case "X":
        o.hexAscii++;
        break;
      case "A":
        o.ascii++;
        break;
      case "S":
        o.absoluteSequence = true;
        break;
      case "K":
        o.noChecksums = true;
        break;
      case "#":
        o.number = true;
        break;
      case "B":
        if (!/^\d+$/.test(value!) || Number(value) <= 0)
          return refuse(`tcpdump: invalid packet buffer size ${value}\n`);
        break;
      case "immediate-mode":
        o.immediate = true;
        break;
      case "d":
        o.dumpCode++;
        break;
      case "O":
        o.optimized = false;
        break;
      // dropping privileges cannot be seen from outside
      case "Z":
        break;
      case "h":
        return { stdout: USAGE_TEXT, stderr: "", status: 0 };
      case "version":
        return { stdout: VERSION_TEXT, stderr: "", status: 0 };
      default:
        return refuse(`tcpdump: option -${name.length > 1 ? "-" : ""}${name} is not emulated by vethlab\n`);
    }
  }
  return { options: o };
}
