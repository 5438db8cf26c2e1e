// tcpdump's text for a captured frame, byte for byte as tcpdump 4.99 writes it for the protocols of this project; the
// protocols are in print-*.ts. One FramePrinter serves one capture, because relative sequence numbers and -ttt look back.
// Any bytes print: what is cut off or broken says so in tcpdump's words.
import { Dissector, type PrintOptions, Truncated } from "./print-core.ts";
import { printIp } from "./print-ip.ts";
import { printIp6 } from "./print-ip6.ts";
import { printEther, printSll2 } from "./print-link.ts";

export type { PrintOptions } from "./print-core.ts";

/** Link types of pcap files (LINKTYPE_…) that can be printed. */
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_LINUX_SLL2 = 276;

/** Largest frame that tcpdump believes. */
const MAXIMUM_SNAPLEN = 262144;

/** As plain `tcpdump -n` has them. */
export const DEFAULT_PRINT_OPTIONS: PrintOptions = {
  verbose: 0,
  quiet: 0,
  linkHeader: false,
  numeric: true,
  time: 0,
  hex: 0,
  hexAscii: 0,
  ascii: 0,
  absoluteSequence: false,
  noChecksums: false,
  number: false,
  nanoseconds: false,
  utcOffsetSeconds: 0,
};

export class FramePrinter {
  private readonly dissector: Dissector;
  private readonly options: PrintOptions;
  private readonly linkType: number;
  private count = 0;
  private reference: { seconds: number; nanoseconds: number } | undefined;

  /** `linkType` is a LINKTYPE_ number; of an unknown one frames are dumped in hexadecimal. */
  constructor(linkType: number, options: Partial<PrintOptions> = {}) {
    this.linkType = linkType;
    this.options = { ...DEFAULT_PRINT_OPTIONS, ...options };
    this.dissector = new Dissector(this.options, { ether: printEther, ip: printIp, ip6: printIp6 });
  }

  /**
   * The text for the frame `b[from..to)`, without the last newline; it may hold newlines of its own. Time since 1970 in
   * seconds and nanoseconds; `wireLength` is the frame's length before it was cut to the snapshot length.
   */
  print(
    b: Uint8Array,
    from: number,
    to: number,
    seconds: number,
    nanoseconds: number,
    wireLength: number = to - from,
  ): string {
    const d = this.dissector;
    d.out = "";
    this.count++;
    if (this.options.number) d.out += `${String(this.count).padStart(5)}  `;
    const complaint = headerComplaint(to - from, wireLength);
    if (complaint !== "") return d.out + complaint;
    d.out += this.timeText(seconds, nanoseconds);
    d.bytes = b;
    d.end = to;
    d.protocol = "";
    d.depth = 0;
    let headerLength = 0;
    try {
      headerLength = this.printLink(from, to - from, wireLength);
    } catch (error) {
      if (!(error instanceof Truncated)) throw error;
      d.truncated();
    }
    d.end = to;
    this.printDump(from, to, headerLength);
    return d.out;
  }

  private printLink(from: number, captured: number, wireLength: number): number {
    const d = this.dissector;
    switch (this.linkType) {
      case LINKTYPE_ETHERNET:
        return printEther(d, from, wireLength, captured);
      case LINKTYPE_LINUX_SLL2:
        return printSll2(d, from, wireLength, captured);
      case LINKTYPE_RAW:
        if (d.u8(from) >>> 4 === 6) printIp6(d, from, wireLength);
        else printIp(d, from, wireLength);
        return 0;
      default:
        d.defaultPrint(from, captured);
        return 0;
    }
  }

  /** -x, -X and -A; one letter leaves the link-layer header out, two show it. */
  private printDump(from: number, to: number, headerLength: number): void {
    const d = this.dissector;
    const { hex, hexAscii, ascii } = this.options;
    const level = hexAscii || hex || ascii;
    const start = level > 1 ? from : from + headerLength;
    if (level === 0 || (level === 1 && start >= to)) return;
    if (hexAscii > 0) d.hexAsciiDump("\n\t", start, to - start);
    else if (hex > 0) d.hexDump("\n\t", start, to - start);
    else d.out += asciiDump(d.bytes, start, to);
  }

  private timeText(seconds: number, nanoseconds: number): string {
    const { time } = this.options;
    const local = seconds + this.options.utcOffsetSeconds;
    switch (time) {
      case 1:
        return "";
      case 2:
        return `${seconds}${this.fraction(nanoseconds)} `;
      case 3:
      case 5:
        return this.elapsedText(seconds, nanoseconds);
      case 4:
        return `${dateText(local)} ${clockText(local)}${this.fraction(nanoseconds)} `;
      default:
        return `${clockText(local)}${this.fraction(nanoseconds)} `;
    }
  }

  private elapsedText(seconds: number, nanoseconds: number): string {
    // tcpdump subtracts what it would print, so a tick of a microsecond is never split.
    const tick = this.options.nanoseconds ? 1 : 1000;
    const now = { seconds, nanoseconds: nanoseconds - (nanoseconds % tick) };
    this.reference ??= now;
    let s = now.seconds - this.reference.seconds;
    let ns = now.nanoseconds - this.reference.nanoseconds;
    const negative = s < 0 || (s === 0 && ns < 0);
    if (negative) {
      s = -s;
      ns = -ns;
    }
    if (ns < 0) {
      s--;
      ns += 1_000_000_000;
    }
    if (this.options.time === 3) this.reference = now;
    return `${negative ? "-" : " "}${clockText(s)}${this.fraction(ns)} `;
  }

  private fraction(nanoseconds: number): string {
    if (this.options.nanoseconds) return `.${String(nanoseconds).padStart(9, "0")}`;
    return `.${String(Math.floor(nanoseconds / 1000)).padStart(6, "0")}`;
  }
}

function headerComplaint(captured: number, wireLength: number): string {
  const wrong: string[] = [];
  if (captured === 0) wrong.push("caplen==0");
  if (wireLength === 0) wrong.push("len==0");
  else if (wireLength < captured) wrong.push(`len(${wireLength}) < caplen(${captured})`);
  if (captured > MAXIMUM_SNAPLEN) wrong.push(`caplen(${captured}) > ${MAXIMUM_SNAPLEN}`);
  if (wireLength > MAXIMUM_SNAPLEN) wrong.push(`len(${wireLength}) > ${MAXIMUM_SNAPLEN}`);
  return wrong.length > 0 ? `[Invalid header: ${wrong.join(", ")}]` : "";
}

function clockText(seconds: number): string {
  const day = ((seconds % 86400) + 86400) % 86400;
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${two(Math.floor(day / 3600))}:${two(Math.floor(day / 60) % 60)}:${two(day % 60)}`;
}

/** Days since 1970 to a date of the Gregorian calendar, counting years from March so that a leap day comes last. */
function dateText(seconds: number): string {
  const days = Math.floor(seconds / 86400) + 719468;
  const era = Math.floor(days / 146097);
  const dayOfEra = days - era * 146097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) - Math.floor(dayOfEra / 146096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
}

/** -A: printable ASCII, blanks and line ends as they are, every other byte a dot; a CR only where no LF follows. */
function asciiDump(b: Uint8Array, from: number, to: number): string {
  let text = "\n";
  for (let i = from; i < to; i++) {
    const c = b[i]!;
    if (c === 13) {
      if (to - i - 1 > 1 && b[i + 1] !== 10) text += ".";
    } else text += (c > 32 && c < 127) || c === 9 || c === 32 || c === 10 ? String.fromCharCode(c) : ".";
  }
  return text;
}
