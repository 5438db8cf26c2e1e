// Prints NTP's time messages as tcpdump does (print-ntp.c), with -v the fields of RFC 5905. Control messages show their mode only.
import { type Dissector, hex } from "./print-core.ts";

const MODES: readonly string[] = [
  "unspecified",
  "symmetric active",
  "symmetric passive",
  "Client",
  "Server",
  "Broadcast",
  "Control Message",
  "Reserved",
];
const LEAPS = ["", "+1s", "-1s", "clock unsynchronized"];
const STRATA: ReadonlyMap<number, string> = new Map([
  [0, "unspecified"],
  [1, "primary reference"],
]);
const EPOCH = 2208988800;

export function printNtp(d: Dissector, at: number, length: number): void {
  d.protocol = "ntp";
  if (length < 1) {
    d.out += `[length ${length} < 1]`;
    d.invalid();
    return;
  }
  const first = d.u8(at);
  const mode = first & 7;
  d.out += `NTPv${(first >>> 3) & 7}, ${MODES[mode]}, length ${length}`;
  if (d.options.verbose === 0 || mode === 6 || mode === 7) return;
  const leap = first >>> 6;
  d.out += `\n\tLeap indicator: ${LEAPS[leap]} (${first & 0xc0})`;
  const stratum = d.u8(at + 1);
  d.out += `, Stratum ${stratum} (${STRATA.get(stratum) ?? (stratum < 16 ? "secondary reference" : "reserved")})`;
  const poll = (d.u8(at + 2) << 24) >> 24;
  d.out += `, poll ${d.u8(at + 2)} (${intervalText(poll)})`;
  d.out += `, precision ${(d.u8(at + 3) << 24) >> 24}`;
  d.out += `\n\tRoot Delay: ${shortFixed(d, at + 4)}, Root dispersion: ${shortFixed(d, at + 8)}, Reference-ID: `;
  if (stratum === 0) d.out += "(unspec)";
  else if (stratum === 1) {
    d.need(at + 12, 4);
    for (let i = 0; i < 4; i++) d.printChar(d.u8(at + 12 + i));
  } else d.out += `0x${hex(d.u32(at + 12), 8)}`;
  d.out += `\n\t  Reference Timestamp:  ${timeText(d, at + 16)}`;
  d.out += `\n\t  Originator Timestamp: ${timeText(d, at + 24)}`;
  d.out += `\n\t  Receive Timestamp:    ${timeText(d, at + 32)}`;
  d.out += `\n\t  Transmit Timestamp:   ${timeText(d, at + 40)}`;
  d.out += `\n\t    Originator - Receive Timestamp:  ${offsetText(d, at + 24, at + 32)}`;
  d.out += `\n\t    Originator - Transmit Timestamp: ${offsetText(d, at + 24, at + 40)}`;
  if (length === 48) return;
  if (length === 52) d.out += `\n\tKey id: ${d.u32(at + 48)}`;
  else if (length >= 68) {
    d.out += `\n\tKey id: ${d.u32(at + 48)}`;
    d.out += "\n\tAuthentication: ";
    for (let i = 0; i < 16; i += 4) d.out += hex(d.u32(at + 52 + i), 8);
  }
}

/** 2^poll seconds; below a second as a fraction. */
function intervalText(poll: number): string {
  return poll >= 0 ? `${2 ** poll}s` : `1/${2 ** -poll}s`;
}

/** 16 bits of seconds and 16 of their fraction. */
function shortFixed(d: Dissector, at: number): string {
  const fraction = Math.trunc((d.u16(at + 2) / 65536) * 1e6);
  return `${d.u16(at)}.${String(fraction).padStart(6, "0")}`;
}

function timeText(d: Dissector, at: number): string {
  const seconds = d.u32(at);
  const text = fixedText(seconds, d.u32(at + 4));
  if (seconds === 0) return text;
  const date = new globalThis.Date((seconds - EPOCH) * 1000).toISOString().replace(".000Z", "Z");
  return `${text} (${date})`;
}

function fixedText(seconds: number, fraction: number): string {
  return `${seconds}.${String(Math.trunc((fraction / 2 ** 32) * 1e9)).padStart(9, "0")}`;
}

/** How much later the second time is. */
function offsetText(d: Dissector, first: number, second: number): string {
  const from = (BigInt(d.u32(first)) << 32n) | BigInt(d.u32(first + 4));
  const to = (BigInt(d.u32(second)) << 32n) | BigInt(d.u32(second + 4));
  const difference = to - from;
  const size = difference < 0n ? -difference : difference;
  return `${difference < 0n ? "-" : "+"}${fixedText(Number(size >> 32n), Number(size & 0xffffffffn))}`;
}
