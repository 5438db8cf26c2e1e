// Dates as text, in UTC and the C locale: strftime(3) with GNU date's additions (%N, %s, %:z, flags and widths). Virtual
// wall-clock time comes in as nanoseconds since 1970.

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** A moment taken apart, UTC. */
export interface CalendarTime {
  readonly year: number;
  /** 1 … 12 */
  readonly month: number;
  /** 1 … 31 */
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
  /** 0 Sunday … 6 */
  readonly weekday: number;
  /** 0 … 365 */
  readonly yearday: number;
  readonly epochSeconds: bigint;
}

/** Days since 1970-01-01 of a date in the Gregorian calendar. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yoe = y - era * 400;
  const doy = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const doe = yoe * 365 + Math.floor(yoe / 4) - Math.floor(yoe / 100) + doy;
  return era * 146097 + doe - 719468;
}

/** The calendar's view of nanoseconds since 1970. */
export function calendar(epochNs: bigint): CalendarTime {
  const nanosecond = Number(((epochNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n);
  const epochSeconds = (epochNs - BigInt(nanosecond)) / 1_000_000_000n;
  const seconds = Number(epochSeconds);
  const days = Math.floor(seconds / 86400);
  const rest = seconds - days * 86400;
  const z = days + 719468;
  const era = Math.floor(z / 146097);
  const doe = z - era * 146097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36524) - Math.floor(doe / 146096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const day = doy - Math.floor((153 * mp + 2) / 5) + 1;
  const month = mp < 10 ? mp + 3 : mp - 9;
  const year = yoe + era * 400 + (month <= 2 ? 1 : 0);
  return {
    year,
    month,
    day,
    hour: Math.floor(rest / 3600),
    minute: Math.floor(rest / 60) % 60,
    second: rest % 60,
    nanosecond,
    weekday: (((days + 4) % 7) + 7) % 7,
    yearday: days - daysFromCivil(year, 1, 1),
    epochSeconds,
  };
}

/** Formats a moment: `strftime("%F %T", ns)`. */
export function strftime(format: string, epochNs: bigint): string {
  const t = calendar(epochNs);
  return format.replace(
    /%([-_0^#+]*)(\d*)(:{0,3}z|[A-Za-z%])/g,
    (all, flags: string, width: string, letter: string) => {
      const made = conversion(letter, t, epochNs);
      if (made === undefined) return all;
      const [text, digits, filler] = made;
      let out = text;
      const pad = flags.includes("-") ? 0 : width !== "" ? Number(width) : digits;
      const fill = flags.includes("_") ? " " : flags.includes("0") ? "0" : filler;
      if (letter === "N" && width !== "") out = out.slice(0, Number(width));
      else if (out.startsWith("-") && fill === "0") out = `-${out.slice(1).padStart(pad - 1, "0")}`;
      else out = out.padStart(pad, fill);
      if (flags.includes("^")) out = out.toUpperCase();
      if (flags.includes("#")) out = out === out.toUpperCase() ? out.toLowerCase() : out.toUpperCase();
      return out;
    },
  );
}

function conversion(
  letter: string,
  t: CalendarTime,
  ns: bigint,
): [text: string, width: number, filler: string] | undefined {
  const two = (n: number): [string, number, string] => [String(n), 2, "0"];
  const plain = (text: string): [string, number, string] => [text, 0, " "];
  const hour12 = t.hour % 12 === 0 ? 12 : t.hour % 12;
  switch (letter) {
    case "%":
      return plain("%");
    case "a":
      return plain(DAYS[t.weekday]!.slice(0, 3));
    case "A":
      return plain(DAYS[t.weekday]!);
    case "b":
    case "h":
      return plain(MONTHS[t.month - 1]!.slice(0, 3));
    case "B":
      return plain(MONTHS[t.month - 1]!);
    case "c":
      return plain(strftime("%a %b %e %H:%M:%S %Y", ns));
    case "C":
      return two(Math.floor(t.year / 100));
    case "d":
      return two(t.day);
    case "D":
    case "x":
      return plain(strftime("%m/%d/%y", ns));
    case "e":
      return [String(t.day), 2, " "];
    case "F":
      return plain(strftime("%Y-%m-%d", ns));
    case "g":
      return two(isoWeek(t).year % 100);
    case "G":
      return [String(isoWeek(t).year), 4, "0"];
    case "H":
      return two(t.hour);
    case "I":
      return two(hour12);
    case "j":
      return [String(t.yearday + 1), 3, "0"];
    case "k":
      return [String(t.hour), 2, " "];
    case "l":
      return [String(hour12), 2, " "];
    case "m":
      return two(t.month);
    case "M":
      return two(t.minute);
    case "n":
      return plain("\n");
    case "N":
      return [String(t.nanosecond).padStart(9, "0"), 9, "0"];
    case "p":
      return plain(t.hour < 12 ? "AM" : "PM");
    case "P":
      return plain(t.hour < 12 ? "am" : "pm");
    case "q":
      return plain(String(Math.floor((t.month - 1) / 3) + 1));
    case "r":
      return plain(strftime("%I:%M:%S %p", ns));
    case "R":
      return plain(strftime("%H:%M", ns));
    case "s":
      return plain(String(t.epochSeconds));
    case "S":
      return two(t.second);
    case "t":
      return plain("\t");
    case "T":
    case "X":
      return plain(strftime("%H:%M:%S", ns));
    case "u":
      return plain(String(t.weekday === 0 ? 7 : t.weekday));
    case "U":
      return two(Math.floor((t.yearday + 7 - t.weekday) / 7));
    case "V":
      return two(isoWeek(t).week);
    case "w":
      return plain(String(t.weekday));
    case "W":
      return two(Math.floor((t.yearday + 7 - ((t.weekday + 6) % 7)) / 7));
    case "y":
      return two(t.year % 100);
    case "Y":
      return [String(t.year), 4, "0"];
    case "z":
      return plain("+0000");
    case ":z":
      return plain("+00:00");
    case "::z":
      return plain("+00:00:00");
    case ":::z":
      return plain("+00");
    case "Z":
      return plain("UTC");
  }
  return undefined;
}

/** ISO 8601's week and the year it belongs to. */
function isoWeek(t: CalendarTime): { year: number; week: number } {
  const monday = (t.weekday + 6) % 7;
  const week = Math.floor((t.yearday - monday + 10) / 7);
  const weeksIn = (year: number): number => {
    const jan1 = (((daysFromCivil(year, 1, 1) + 3) % 7) + 7) % 7;
    const leap = daysFromCivil(year + 1, 1, 1) - daysFromCivil(year, 1, 1) === 366;
    return jan1 === 3 || (leap && jan1 === 2) ? 53 : 52;
  };
  if (week < 1) return { year: t.year - 1, week: weeksIn(t.year - 1) };
  if (week > weeksIn(t.year)) return { year: t.year + 1, week: 1 };
  return { year: t.year, week };
}
