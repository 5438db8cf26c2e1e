// Dates as people write them, for date -d and touch -d: ISO 8601, @seconds, month names, relative items ("2 days ago").
// Answers to GNU's "Date input formats"; UTC only; what it does not know it refuses.

import { calendar, daysFromCivil } from "../strftime.ts";

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
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const NS = 1_000_000_000n;

/** Nanoseconds since 1970 that a text means, or undefined. */
export function parseDate(text: string, nowNs: bigint): bigint | undefined {
  let rest = text.trim().toLowerCase();
  const epoch = /^@(-?\d+)(?:[.,](\d+))?$/.exec(rest);
  if (epoch) return BigInt(epoch[1]!) * NS + BigInt((epoch[2] ?? "").padEnd(9, "0").slice(0, 9));
  const now = calendar(nowNs);
  let { year, month, day } = now;
  let time: bigint | undefined;
  let zone = 0n;
  let months = 0;
  let shift = 0n;
  let dated = false;
  const take = (expression: RegExp): RegExpExecArray | null => {
    const match = expression.exec(rest);
    if (match) rest = rest.slice(match[0].length).trimStart();
    return match;
  };
  while (rest !== "") {
    let match: RegExpExecArray | null;
    if ((match = take(/^(\d{4})-(\d{1,2})-(\d{1,2})(?:t(?=\d)|(?=\s|$))/))) {
      [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
      dated = true;
    } else if ((match = take(/^(\d{4})(\d{2})(\d{2})(?=\s|$|t)t?/))) {
      [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
      dated = true;
    } else if ((match = take(/^(\d{1,2})\/(\d{1,2})\/(\d{4})/))) {
      [month, day, year] = [Number(match[1]), Number(match[2]), Number(match[3])];
      dated = true;
    } else if ((match = take(/^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?(?:\s*([ap])\.?m\.?)?/))) {
      let hour = Number(match[1]);
      if (match[5] !== undefined) hour = (hour % 12) + (match[5] === "p" ? 12 : 0);
      if (hour > 23 || Number(match[2]) > 59) return undefined;
      time =
        (BigInt(hour) * 3600n + BigInt(match[2]!) * 60n + BigInt(match[3] ?? 0)) * NS +
        BigInt((match[4] ?? "").padEnd(9, "0").slice(0, 9));
      const offset = take(/^([+-])(\d{2}):?(\d{2})?/);
      if (offset) zone = (BigInt(offset[2]!) * 3600n + BigInt(offset[3] ?? 0) * 60n) * (offset[1] === "-" ? -1n : 1n);
    } else if (take(/^(?:utc|gmt|z)(?=\s|$)/)) zone = 0n;
    else if (
      (match = take(/^(?:(\d{1,2})[ -])?([a-z]{3,9})\.?(?:[ -](\d{1,2})(?!\d|:))?,?(?:[ -]+(\d{4}))?(?=\s|$|,)/)) &&
      monthOf(match[2]!) > 0
    ) {
      const dayText = match[1] ?? match[3];
      if (dayText === undefined) return undefined;
      month = monthOf(match[2]!);
      day = Number(dayText);
      if (match[4] !== undefined) year = Number(match[4]);
      dated = true;
    } else {
      if (match) rest = `${match[0]} ${rest}`;
      const word = take(
        /^(now|today|yesterday|tomorrow|noon|midnight|(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?)(?=\s|$)/,
      );
      if (word) {
        if (word[1] === "yesterday") shift -= 86400n;
        else if (word[1] === "tomorrow") shift += 86400n;
        else if (word[1] === "midnight") time = 0n;
        else if (word[1] === "noon") time = 43200n * NS;
        continue;
      }
      const relative = take(/^([+-]?\s*\d+|a|an|last|next|this)?\s*([a-z]+?)s?(\s+ago)?(?=\s|$)/);
      if (!relative) return undefined;
      const counted = (relative[1] ?? "1").replace(/\s/g, "");
      let count = ["a", "an", "next"].includes(counted)
        ? 1
        : counted === "last"
          ? -1
          : counted === "this"
            ? 0
            : Number(counted);
      if (relative[3]) count = -count;
      const unit = UNITS.get(relative[2]!);
      if (unit !== undefined) shift += unit * BigInt(count);
      else if (relative[2] === "month") months += count;
      else if (relative[2] === "year") months += 12 * count;
      else return undefined;
    }
  }
  if (month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  if (months !== 0) {
    const index = year * 12 + (month - 1) + months;
    year = Math.floor(index / 12);
    month = (index % 12) + 1;
  }
  const clock =
    time ?? (dated ? 0n : BigInt(now.hour * 3600 + now.minute * 60 + now.second) * NS + BigInt(now.nanosecond));
  return BigInt(daysFromCivil(year, month, day)) * 86400n * NS + clock + (shift - zone) * NS;
}

function monthOf(name: string): number {
  const short = name.slice(0, 3);
  const at = MONTHS.indexOf(short);
  const full = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
  ];
  return at >= 0 && full[at]!.startsWith(name) ? at + 1 : 0;
}

/** [[CC]YY]MMDDhhmm[.ss] of touch -t → nanoseconds since 1970, or undefined. */
export function parseStamp(text: string, nowNs: bigint): bigint | undefined {
  const match = /^(\d{2})?(\d{2})?(\d{2})(\d{2})(\d{2})(\d{2})(?:\.(\d{2}))?$/.exec(text);
  if (!match) return undefined;
  const digits = text.replace(/\..*$/, "");
  let year = calendar(nowNs).year;
  if (digits.length === 12) year = Number(digits.slice(0, 4));
  else if (digits.length === 10) year = Number(digits.slice(0, 2)) + (Number(digits.slice(0, 2)) < 69 ? 2000 : 1900);
  else if (digits.length !== 8) return undefined;
  const [month, day, hour, minute] = (digits.slice(-8).match(/../g) ?? []).map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const seconds = hour * 3600 + minute * 60 + Number(match[7] ?? 0);
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59) return undefined;
  return (BigInt(daysFromCivil(year, month, day)) * 86400n + BigInt(seconds)) * NS;
}
