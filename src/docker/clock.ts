// Moments as Docker writes them: RFC 3339 with nanoseconds, Go's default form, and spans for people ("2 minutes ago", "Up
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
