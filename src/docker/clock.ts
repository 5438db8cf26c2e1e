// Moments and sizes as Docker writes them: RFC 3339 with nanoseconds, Go's default form, and spans for people ("2 minutes ago", "Up
// 3 seconds"). Answers to Go's time package and docker/go-units duration.go.

import { SEC } from "../base/time.ts";

const NS = 1_000_000_000n;

interface Civil {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
}

/** Days since 1970 to a date (Howard Hinnant's civil_from_days). */
function civil(ns: bigint): Civil {
  const seconds = ns / NS;
  const days = Number(seconds / 86400n);
  const ofDay = Number(seconds % 86400n);
  const z = days + 719468;
  const era = Math.floor(z / 146097);
  const doe = z - era * 146097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36524) - Math.floor(doe / 146096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const month = mp < 10 ? mp + 3 : mp - 9;
  return {
    year: yoe + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: doy - Math.floor((153 * mp + 2) / 5) + 1,
    hour: Math.floor(ofDay / 3600),
    minute: Math.floor(ofDay / 60) % 60,
    second: ofDay % 60,
    nanosecond: Number(ns % NS),
  };
}

const two = (n: number) => String(n).padStart(2, "0");

function dateAndTime(t: Civil, between: string): string {
  return `${String(t.year).padStart(4, "0")}-${two(t.month)}-${two(t.day)}${between}${two(t.hour)}:${two(t.minute)}:${two(t.second)}`;
}

function fraction(t: Civil): string {
  const digits = String(t.nanosecond).padStart(9, "0").replace(/0+$/, "");
  return digits === "" ? "" : `.${digits}`;
}

/** RFC3339Nano in UTC: "2026-01-01T00:00:00.5Z"; the zero time for undefined. */
export function rfc3339(ns: bigint | undefined): string {
  if (ns === undefined) return "0001-01-01T00:00:00Z";
  const t = civil(ns);
  return `${dateAndTime(t, "T")}${fraction(t)}Z`;
}

/** Go's Time.String: "2026-01-01 00:00:00.5 +0000 UTC"; without the fraction when `whole`. */
export function goTime(ns: bigint, whole = false): string {
  const t = civil(ns);
  return `${dateAndTime(t, " ")}${whole ? "" : fraction(t)} +0000 UTC`;
}

/** Log lines of `docker logs -t`: always nine digits. */
export function logTime(ns: bigint): string {
  const t = civil(ns);
  return `${dateAndTime(t, "T")}.${String(t.nanosecond).padStart(9, "0")}Z`;
}

/** "Less than a second", "About a minute", "2 hours" (units.HumanDuration). */
export function humanDuration(ns: number): string {
  const seconds = Math.floor(ns / SEC);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(seconds / 3600 + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  const days = Math.floor(seconds / 86400);
  if (hours < 24 * 7 * 2) return `${days} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(days / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(days / 30)} months`;
  return `${Math.floor(days / 365)} years`;
}

const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(?:Z|([+-])(\d\d):(\d\d))?$/;
const SPAN_UNITS: ReadonlyMap<string, bigint> = new Map([
  ["ns", 1n],
  ["us", 1000n],
  ["ms", 1_000_000n],
  ["s", NS],
  ["m", 60n * NS],
  ["h", 3600n * NS],
]);

/** A date, seconds since 1970, or how long before now ("1h30m"); undefined: none (timetypes.GetTimestamp). */
export function parseTimestamp(text: string, nowNs: bigint): bigint | undefined {
  const fractionNs = (digits: string | undefined): bigint => BigInt((digits ?? "").padEnd(9, "0").slice(0, 9));
  if (/^(\d+(\.\d+)?(ns|us|ms|s|m|h))+$/.test(text)) {
    let span = 0n;
    for (const [, whole, , part, unit] of text.matchAll(/(\d+)(\.(\d+))?(ns|us|ms|s|m|h)/g)) {
      const size = SPAN_UNITS.get(unit!)!;
      span += BigInt(whole!) * size + (fractionNs(part) * size) / NS;
    }
    return nowNs - span;
  }
  const [, seconds, part] = /^(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (seconds !== undefined) return BigInt(seconds) * NS + fractionNs(part);
  const match = DATE.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map((digits) => Number(digits ?? 0));
  const east = match[8] === undefined ? 0 : (match[8] === "-" ? -1 : 1) * (Number(match[9]) * 60 + Number(match[10]));
  const days = daysFrom(year!, month!, day!);
  return BigInt(days * 86400 + hour * 3600 + (minute - east) * 60 + second) * NS + fractionNs(match[7]);
}

/** Days since 1970 of a date (Howard Hinnant's days_from_civil). */
function daysFrom(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yoe = y - era * 400;
  const doy = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146097 + yoe * 365 + Math.floor(yoe / 4) - Math.floor(yoe / 100) + doy - 719468;
}

/** 71910938 → "71.9MB" (units.HumanSizeWithPrecision 3). */
export function humanSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${Number(size.toPrecision(3))}${units[unit]}`;
}
