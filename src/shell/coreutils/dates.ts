// Dates as people write them, for date -d and touch -d: ISO 8601, @seconds, month names, relative items ("2 days ago").
// Answers to GNU's "Date input formats"; UTC only; what it does not know it refuses.

import { type CalendarTime, calendar, daysFromCivil } from "../strftime.ts";

const UNITS: ReadonlyMap<string, bigint> = new Map([
  ["sec", 1n],
  ["second", 1n],
  ["min", 60n],
  ["minute", 60n],
  ["hour", 3600n],
  ["day", 86400n],
  ["week", 604800n],
  ["fortnight", 1209600n],
]);
const MONTHS = "january february march april may june july august september october november december".split(" ");
const NS = 1_000_000_000n;

/** Nanoseconds since 1970 that a text means, or undefined. */
export function parseDate(text: string, nowNs: bigint): bigint | undefined {
  let rest = text.trim().toLowerCase();
  const epoch = /^@(-?\d+)(?:[.,](\d+))?$/.exec(rest);
  if (epoch) return BigInt(epoch[1]!) * NS + fraction(epoch[2]);
  const made = new Moment(calendar(nowNs));
  while (rest !== "") {
    let taken = 0;
    for (const [expression, read] of ITEMS) {
      const match = expression.exec(rest);
      if (match && read(made, match)) {
        taken = match[0].length;
        break;
      }
    }
    if (taken === 0) return undefined;
    rest = rest.slice(taken).trimStart();
  }
  return made.toNs();
}

function fraction(digits: string | undefined): bigint {
  return BigInt((digits ?? "").padEnd(9, "0").slice(0, 9));
}

/** A date in the making: the present where nothing was said. */
class Moment {
  readonly #now: CalendarTime;
  #year: number;
  #month: number;
  #day: number;
  #dated = false;
  /** nanoseconds of the day */
  clock: bigint | undefined;
  /** seconds east of Greenwich */
  zone = 0n;
  months = 0;
  /** seconds */
  shift = 0n;

  constructor(now: CalendarTime) {
    this.#now = now;
    this.#year = now.year;
    this.#month = now.month;
    this.#day = now.day;
  }

  date(year: number | undefined, month: number, day: number): boolean {
    if (month < 1 || month > 12 || day < 1 || day > 31) return false;
    if (year !== undefined) this.#year = year;
    this.#month = month;
    this.#day = day;
    this.#dated = true;
    return true;
  }

  toNs(): bigint {
    const { hour, minute, second, nanosecond } = this.#now;
    const present = BigInt(hour * 3600 + minute * 60 + second) * NS + BigInt(nanosecond);
    const clock = this.clock ?? (this.#dated ? 0n : present);
    const index = this.#year * 12 + (this.#month - 1) + this.months;
    const days = daysFromCivil(Math.floor(index / 12), (index % 12) + 1, this.#day);
    return BigInt(days) * 86400n * NS + clock + (this.shift - this.zone) * NS;
  }
}

type Read = (moment: Moment, match: RegExpExecArray) => boolean;

const ITEMS: readonly (readonly [RegExp, Read])[] = [
  [
    /^(\d{4})-(\d{1,2})-(\d{1,2})(?:t(?=\d)|(?=\s|$))/,
    (made, [, y, m, d]) => made.date(Number(y), Number(m), Number(d)),
  ],
  [/^(\d{4})(\d{2})(\d{2})(?:t(?=\d)|(?=\s|$))/, (made, [, y, m, d]) => made.date(Number(y), Number(m), Number(d))],
  [/^(\d{1,2})\/(\d{1,2})\/(\d{4})/, (made, [, m, d, y]) => made.date(Number(y), Number(m), Number(d))],
  [
    /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?(?:\s*([ap])\.?m\.?)?(?:([+-])(\d{2}):?(\d{2})?|z(?=\s|$))?/,
    readClock,
  ],
  [/^(?:utc|gmt|z)(?=\s|$)/, () => true],
  [
    /^([a-z]{3,9})\.?[ -](\d{1,2})(?!\d|:),?(?:[ -]+(\d{4}))?(?=\s|$)/,
    (made, [, name, d, y]) => byName(made, name!, d!, y),
  ],
  [/^(\d{1,2})[ -]([a-z]{3,9})\.?,?(?:[ -]+(\d{4}))?(?=\s|$)/, (made, [, d, name, y]) => byName(made, name!, d!, y)],
  [/^(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?(?=\s|$)/, () => true],
  [/^(?:now|today|yesterday|tomorrow|noon|midnight)(?=\s|$)/, readWord],
  [/^([+-]?\s*\d+|an?|last|next|this)?\s*([a-z]+?)s?(\s+ago)?(?=\s|$)/, readRelative],
];

function readClock(made: Moment, [, h, m, s, parts, half, sign, zoneHours, zoneMinutes]: RegExpExecArray): boolean {
  let hour = Number(h);
  if (half !== undefined) hour = (hour % 12) + (half === "p" ? 12 : 0);
  if (hour > 23 || Number(m) > 59) return false;
  made.clock = (BigInt(hour) * 3600n + BigInt(m!) * 60n + BigInt(s ?? 0)) * NS + fraction(parts);
  if (sign !== undefined)
    made.zone = (BigInt(zoneHours!) * 3600n + BigInt(zoneMinutes ?? 0) * 60n) * (sign === "-" ? -1n : 1n);
  return true;
}

function byName(made: Moment, name: string, day: string, year: string | undefined): boolean {
  const at = MONTHS.findIndex((month) => month.startsWith(name));
  return at >= 0 && made.date(year === undefined ? undefined : Number(year), at + 1, Number(day));
}

function readWord(made: Moment, [word]: RegExpExecArray): boolean {
  if (word === "yesterday") made.shift -= 86400n;
  else if (word === "tomorrow") made.shift += 86400n;
  else if (word === "midnight") made.clock = 0n;
  else if (word === "noon") made.clock = 43200n * NS;
  return true;
}

const COUNTS: ReadonlyMap<string, number> = new Map([
  ["a", 1],
  ["an", 1],
  ["next", 1],
  ["last", -1],
  ["this", 0],
]);

function readRelative(made: Moment, [, counted, unit, ago]: RegExpExecArray): boolean {
  const text = (counted ?? "1").replace(/\s/g, "");
  const count = (COUNTS.get(text) ?? Number(text)) * (ago === undefined ? 1 : -1);
  const seconds = UNITS.get(unit!);
  if (seconds !== undefined) made.shift += seconds * BigInt(count);
  else if (unit === "month") made.months += count;
  else if (unit === "year") made.months += 12 * count;
  else return false;
  return true;
}

/** [[CC]YY]MMDDhhmm[.ss] of touch -t → nanoseconds since 1970, or undefined. */
export function parseStamp(text: string, nowNs: bigint): bigint | undefined {
  const match = /^(\d{8}|\d{10}|\d{12})(?:\.(\d{2}))?$/.exec(text);
  if (!match) return undefined;
  const digits = match[1]!;
  let year = calendar(nowNs).year;
  if (digits.length === 12) year = Number(digits.slice(0, 4));
  else if (digits.length === 10) {
    const short = Number(digits.slice(0, 2));
    year = short + (short < 69 ? 2000 : 1900);
  }
  const [month, day, hour, minute] = digits.slice(-8).match(/../g)!.map(Number) as [number, number, number, number];
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59) return undefined;
  const seconds = hour * 3600 + minute * 60 + Number(match[2] ?? 0);
  return (BigInt(daysFromCivil(year, month, day)) * 86400n + BigInt(seconds)) * NS;
}
