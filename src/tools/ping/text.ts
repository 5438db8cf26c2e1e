// The words of ping (iputils 20221126): what an ICMP message means, times, option lists and the closing statistics. Pure
// text from numbers; ping/session.ts keeps the numbers.

import { formatIpv4 } from "../../wire/addr.ts";
import {
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_FRAG_NEEDED,
  ICMP_PARAMETERPROB,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
} from "../../wire/icmp.ts";
import { get32 } from "../../wire/layout.ts";

const UNREACHABLE: readonly string[] = [
  "Destination Net Unreachable",
  "Destination Host Unreachable",
  "Destination Protocol Unreachable",
  "Destination Port Unreachable",
  "", // fragmentation needed: has a figure
  "Source Route Failed",
  "Destination Net Unknown",
  "Destination Host Unknown",
  "Source Host Isolated",
  "Destination Net Prohibited",
  "Destination Host Prohibited",
  "Destination Net Unreachable for Type of Service",
  "Destination Host Unreachable for Type of Service",
  "Packet filtered",
  "Precedence Violation",
  "Precedence Cutoff",
];
const REDIRECTS: readonly string[] = [
  "Redirect Network",
  "Redirect Host",
  "Redirect Type of Service and Network",
  "Redirect Type of Service and Host",
];

/** `info`: MTU, gateway or pointer, as the type has it. */
export function icmpText(type: number, code: number, info: number): string {
  switch (type) {
    case ICMP_ECHOREPLY:
      return "Echo Reply";
    case ICMP_DEST_UNREACH:
      if (code === ICMP_FRAG_NEEDED) return `Frag needed and DF set (mtu = ${info})`;
      return UNREACHABLE[code] ?? `Dest Unreachable, Bad Code: ${code}`;
    case ICMP_SOURCE_QUENCH:
      return "Source Quench";
    case ICMP_REDIRECT:
      return `${REDIRECTS[code] ?? `Redirect, Bad Code: ${code}`}(New nexthop: ${formatIpv4(info)})`;
    case ICMP_ECHO:
      return "Echo Request";
    case ICMP_TIME_EXCEEDED:
      if (code === 0) return "Time to live exceeded";
      return code === 1 ? "Frag reassembly time exceeded" : `Time exceeded, Bad Code: ${code}`;
    case ICMP_PARAMETERPROB:
      return `Parameter problem: pointer = ${info}`;
    default:
      return `Bad ICMP type: ${type}`;
  }
}

/** A round trip in microseconds to three figures: "0.114 ms", "12.3 ms", "495 ms". */
export function tripText(us: number): string {
  const scaled = (unit: number, digits: number): string => {
    const rounded = Math.floor((us + unit / 2) / unit);
    const perMs = 1000 / unit;
    const fraction = digits === 0 ? "" : `.${String(rounded % perMs).padStart(digits, "0")}`;
    return `${Math.floor(rounded / perMs)}${fraction} ms`;
  };
  if (us >= 100_000 - 50) return scaled(1000, 0);
  if (us >= 10_000 - 5) return scaled(100, 1);
  return us >= 1000 ? scaled(10, 2) : `0.${String(us).padStart(3, "0")} ms`;
}

/** Microseconds as milliseconds with three digits: 1234 → "1.234". */
export function msText(us: number): string {
  return `${Math.floor(us / 1000)}.${String(us % 1000).padStart(3, "0")}`;
}

const IPOPT_EOL = 0;
const IPOPT_NOOP = 1;
const IPOPT_RR = 7;
const IPOPT_TS = 68;
const IPOPT_TS_TSONLY = 0;

/** What the options of a reply say, and the record route to compare the next one with. */
export interface OptionsText {
  readonly text: string;
  readonly recorded: Uint8Array | undefined;
}

/** Text of received IP options; a route equal to `before` is only said to be the same. Names are not looked up. */
export function ipOptionsText(options: Uint8Array, before: Uint8Array | undefined): OptionsText {
  let text = "";
  let recorded = before;
  for (let at = 0; at < options.length && options[at] !== IPOPT_EOL; ) {
    const kind = options[at]!;
    const length = kind === IPOPT_NOOP ? 1 : (options[at + 1] ?? 0);
    if (length < 1 || at + length > options.length) break;
    if (kind === IPOPT_RR) {
      const route = options.slice(at + 3, at + Math.max(3, (options[at + 2] ?? 4) - 1));
      if (route.length >= 4) {
        if (before && before.length === route.length && before.every((byte, i) => byte === route[i]))
          text += "\t(same route)";
        else {
          text += "\nRR: ";
          for (let i = 0; i + 4 <= route.length; i += 4) text += `\t${formatIpv4(get32(route, i))}\n`;
          recorded = route;
        }
      }
    } else if (kind === IPOPT_TS) text += timestampText(options.subarray(at, at + length));
    else if (kind !== IPOPT_NOOP) text += `\nunknown option ${kind.toString(16)}`;
    at += length;
  }
  return { text, recorded };
}

/** Stamps in milliseconds: the first whole, the others counted from the one before. */
function timestampText(option: Uint8Array): string {
  const flags = option[3] ?? 0;
  const step = (flags & 3) === IPOPT_TS_TSONLY ? 4 : 8;
  const end = Math.min(option[2] ?? 5, option.length) - 1;
  if (end <= 4) return "";
  let text = "\nTS: ";
  let standard = 0;
  let other = 0;
  for (let at = 4; at < end && at + step <= option.length; at += step) {
    if (step === 8) text += `\t${formatIpv4(get32(option, at))}`;
    const value = get32(option, at + step - 4);
    const ms = value & 0x7fffffff;
    if ((value & 0x80000000) !== 0) {
      text += other === 0 ? `\t${ms} absolute not-standard\n` : `\t${ms - other} not-standard\n`;
      other = ms;
    } else {
      text += standard === 0 ? `\t${ms} absolute\n` : `\t${ms - standard}\n`;
      standard = ms;
    }
  }
  return flags >> 4 ? `${text}Unrecorded hops: ${flags >> 4}\n` : text;
}

/** The numbers behind the closing lines; times in microseconds. */
export interface Statistics {
  readonly transmitted: number;
  readonly received: number;
  readonly repeats: number;
  readonly corrupted: number;
  readonly errors: number;
  /** from the first to the last probe, ns */
  readonly elapsedNs: number;
  /** round trips were measured (the payload holds a time) */
  readonly timing: boolean;
  readonly min: number;
  readonly max: number;
  readonly sum: number;
  /** of squares */
  readonly sum2: number;
  /** most packets under way at once */
  readonly pipe: number;
  /** flood, adaptive or no interval: say the rate */
  readonly rate: boolean;
  /** smoothed round trip times eight */
  readonly rtt8: number;
}

/** From the blank line before `--- host ping statistics ---` on. */
export function statisticsText(hostname: string, s: Statistics): string {
  let text = `\n--- ${hostname} ping statistics ---\n${s.transmitted} packets transmitted, ${s.received} received`;
  if (s.repeats > 0) text += `, +${s.repeats} duplicates`;
  if (s.corrupted > 0) text += `, +${s.corrupted} corrupted`;
  if (s.errors > 0) text += `, +${s.errors} errors`;
  if (s.transmitted > 0) {
    const loss = ((s.transmitted - s.received) * 100) / s.transmitted;
    text += `, ${Number(Math.fround(loss).toPrecision(6))}% packet loss, time ${Math.floor(s.elapsedNs / 1_000_000)}ms`;
  }
  text += "\n";
  const tail: string[] = [];
  if (s.received > 0 && s.timing) {
    const total = s.received + s.repeats;
    const average = Math.floor(s.sum / total);
    const variance = Math.max(0, Math.floor((s.sum2 - Math.floor((s.sum * s.sum) / total)) / total));
    const deviation = Math.floor(Math.sqrt(variance));
    const figures = [s.min, average, s.max, deviation].map(msText).join("/");
    tail.push(`rtt min/avg/max/mdev = ${figures} ms`);
  }
  if (s.pipe > 1) tail.push(`pipe ${s.pipe}`);
  if (s.received > 0 && s.rate && s.transmitted > 1) {
    const gap = Math.floor(s.elapsedNs / 1000 / (s.transmitted - 1));
    tail.push(
      `ipg/ewma ${msText(gap)}/${Math.floor(s.rtt8 / 8000)}.${String(Math.floor(s.rtt8 / 8) % 1000).padStart(3, "0")} ms`,
    );
  }
  return `${text}${tail.join(", ")}\n`;
}

/** What SIGQUIT prints. */
export function snapshotText(s: Statistics): string {
  const loss = s.transmitted > 0 ? Math.floor((100 * (s.transmitted - s.received)) / s.transmitted) : 0;
  let text = `\r${s.received}/${s.transmitted} packets, ${loss}% loss`;
  if (s.received > 0 && s.timing) {
    const average = Math.floor(s.sum / (s.received + s.repeats));
    text += `, min/avg/ewma/max = ${[s.min, average, Math.floor(s.rtt8 / 8), s.max].map(msText).join("/")} ms`;
  }
  return `${text}\n`;
}
