// Text of the match time (extensions/libxt_time.c).

import {
  type TimeInfo,
  XT_TIME_ALL_MONTHDAYS,
  XT_TIME_ALL_WEEKDAYS,
  XT_TIME_CONTIGUOUS,
  XT_TIME_LOCAL_TZ,
  XT_TIME_MAX_DAYTIME,
} from "../../../net/netfilter/matches/time.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem, strtoul } from "../xtables.ts";

const INT_MAX = 0x7fffffff;
const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/** Days since 1970 of a date (H. Hinnant's days_from_civil). */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yoe = y - era * 400;
  const doy = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const doe = yoe * 365 + Math.floor(yoe / 4) - Math.floor(yoe / 100) + doy;
  return era * 146097 + doe - 719468;
}

/** Year, month and day of days since 1970 (civil_from_days). */
function civilFromDays(days: number): [number, number, number] {
  const z = days + 719468;
  const era = Math.floor(z / 146097);
  const doe = z - era * 146097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36524) - Math.floor(doe / 146096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const month = mp < 10 ? mp + 3 : mp - 9;
  return [yoe + era * 400 + (month <= 2 ? 1 : 0), month, doy - Math.floor((153 * mp + 2) / 5) + 1];
}

function parseDate(text: string): number {
  const match = /^(\d+)(?:-(\d+)(?:-(\d+)(?:T(\d+)(?::(\d+)(?::(\d+))?)?)?)?)?$/.exec(text);
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map((i) => {
    const part = match?.[i];
    return part === undefined ? (i === 2 || i === 3 ? 1 : 0) : Number(part);
  }) as [number, number, number, number, number, number];
  if (!match || year < 1970 || year > 2038 || month > 12 || day > 31 || hour > 23 || minute > 59 || second > 59)
    parameterProblem(`Invalid date "${text}" specified. Should be YYYY[-MM[-DD[Thh[:mm[:ss]]]]]`);
  return ((daysFromCivil(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
}

function parseDaytime(text: string): number {
  const match = /^(\d+):(\d+)(?::(\d+))?$/.exec(text);
  const [hour, minute, second] = [Number(match?.[1]), Number(match?.[2]), Number(match?.[3] ?? 0)];
  if (!match || hour > 23 || minute > 59 || second > 59) {
    // it is the rest after the hour that is named, where the hour was sound
    const shown = /^\d+:/.test(text) && Number.parseInt(text, 10) <= 23 ? text.slice(text.indexOf(":") + 1) : text;
    parameterProblem(`invalid time "${shown}" specified, should be hh:mm[:ss] format and within the boundaries`);
  }
  return (hour * 60 + minute) * 60 + second;
}

function parseMonthdays(text: string): number {
  let mask = 0;
  for (const word of text.split(",").filter((w) => w !== "")) {
    const cut = word.slice(0, 2);
    const day = strtoul(cut);
    if (day?.rest !== "" || day.value > 31) parameterProblem(`${cut} is not a valid day for --monthdays`);
    mask |= 1 << day.value;
  }
  return mask >>> 0;
}

function parseWeekdays(text: string): number {
  let mask = 0;
  for (const word of text.split(",").filter((w) => w !== "")) {
    const cut = word.slice(0, 3);
    const number = strtoul(cut);
    if (number && number.rest === "") {
      if (number.value === 0) parameterProblem("No, the week does NOT begin with Sunday.");
      mask |= 1 << number.value;
      continue;
    }
    const day = DAYS.findIndex((name) => name.slice(0, 2) === cut.slice(0, 2));
    if (day < 0) parameterProblem(`${cut} is not a valid day specifier`);
    mask |= 1 << (day + 1);
  }
  return mask;
}

const two = (number: number): string => String(number).padStart(2, "0");

function daytime(seconds: number): string {
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function dateText(stamp: number, separator: string): string {
  const [year, month, day] = civilFromDays(Math.floor(stamp / 86400));
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}${separator}${daytime(stamp % 86400)}`;
}

function monthdays(mask: number, ordinal: boolean): string {
  const days: string[] = [];
  for (let day = 1; day <= 31; day++)
    if (mask & (1 << day)) days.push(`${day}${ordinal ? (["th", "st", "nd", "rd"][day % 10] ?? "th") : ""}`);
  return days.join(",");
}

function weekdays(mask: number): string {
  return DAYS.filter((_, i) => mask & (1 << (i + 1))).join(",");
}

const anyDaytime = (info: TimeInfo): boolean => info.daytimeStart === 0 && info.daytimeStop === XT_TIME_MAX_DAYTIME;

export const time: UserExtension<TimeInfo> = {
  name: "time",
  options: [
    { name: "datestart", type: "string" },
    { name: "datestop", type: "string" },
    { name: "timestart", type: "string" },
    { name: "timestop", type: "string" },
    { name: "contiguous", type: "none" },
    { name: "weekdays", type: "string", invert: true },
    { name: "monthdays", type: "string", invert: true },
    { name: "localtz", type: "none", excl: ["utc"] },
    { name: "utc", type: "none", excl: ["localtz", "kerneltz"] },
    { name: "kerneltz", type: "none", excl: ["utc"] },
  ],
  init: () => ({
    dateStart: 0,
    dateStop: INT_MAX,
    daytimeStart: 0,
    daytimeStop: XT_TIME_MAX_DAYTIME,
    monthdays: XT_TIME_ALL_MONTHDAYS,
    weekdays: XT_TIME_ALL_WEEKDAYS,
    flags: 0,
  }),
  parse({ info, option, arg, invert, output }) {
    if (option === "datestart") info.dateStart = parseDate(arg);
    else if (option === "datestop") info.dateStop = parseDate(arg);
    else if (option === "timestart") info.daytimeStart = parseDaytime(arg);
    else if (option === "timestop") info.daytimeStop = parseDaytime(arg);
    else if (option === "contiguous") info.flags |= XT_TIME_CONTIGUOUS;
    else if (option === "monthdays")
      info.monthdays = (parseMonthdays(arg) ^ (invert ? XT_TIME_ALL_MONTHDAYS : 0)) >>> 0;
    else if (option === "weekdays") info.weekdays = parseWeekdays(arg) ^ (invert ? XT_TIME_ALL_WEEKDAYS : 0);
    else if (option !== "utc") {
      if (option === "localtz")
        output.err +=
          'WARNING: --localtz is being replaced by --kerneltz, since "local" is ambiguous. Note the kernel timezone has caveats - see manpage for details.\n';
      info.flags |= XT_TIME_LOCAL_TZ;
    }
  },
  check(info, used) {
    if (used.has("contiguous") && info.daytimeStart < info.daytimeStop)
      parameterProblem("time: --contiguous only makes sense when stoptime is smaller than starttime");
  },
  print(info) {
    let text = " TIME";
    if (!anyDaytime(info)) text += ` from ${daytime(info.daytimeStart)} to ${daytime(info.daytimeStop)}`;
    if (info.weekdays !== XT_TIME_ALL_WEEKDAYS) text += ` on ${weekdays(info.weekdays)}`;
    if (info.monthdays !== XT_TIME_ALL_MONTHDAYS) text += ` on ${monthdays(info.monthdays, true)}`;
    if (info.dateStart !== 0) text += ` starting from ${dateText(info.dateStart, " ")}`;
    if (info.dateStop !== INT_MAX) text += ` until date ${dateText(info.dateStop, " ")}`;
    if (!(info.flags & XT_TIME_LOCAL_TZ)) text += " UTC";
    return info.flags & XT_TIME_CONTIGUOUS ? `${text} contiguous` : text;
  },
  save(info) {
    let text = "";
    if (!anyDaytime(info)) text += ` --timestart ${daytime(info.daytimeStart)} --timestop ${daytime(info.daytimeStop)}`;
    if (info.monthdays !== XT_TIME_ALL_MONTHDAYS) text += ` --monthdays ${monthdays(info.monthdays, false)}`;
    if (info.weekdays !== XT_TIME_ALL_WEEKDAYS) text += ` --weekdays ${weekdays(info.weekdays)}`;
    if (info.dateStart !== 0) text += ` --datestart ${dateText(info.dateStart, "T")}`;
    // the end of time is printed, as iptables does
    text += ` --datestop ${dateText(info.dateStop, "T")}`;
    if (info.flags & XT_TIME_LOCAL_TZ) text += " --kerneltz";
    return info.flags & XT_TIME_CONTIGUOUS ? `${text} --contiguous` : text;
  },
};
