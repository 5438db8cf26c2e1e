// Match time: date, time of day, days of week and month, in UTC. Answers to xt_time.c.

import { SEC } from "../../../base/time.ts";
import { invalid, type XtMatch } from "../x-tables.ts";

export const XT_TIME_LOCAL_TZ = 1;
export const XT_TIME_CONTIGUOUS = 2;
export const XT_TIME_ALL_MONTHDAYS = 0xfffffffe;
export const XT_TIME_ALL_WEEKDAYS = 0xfe;
export const XT_TIME_MAX_DAYTIME: number = 24 * 60 * 60 - 1;

export interface TimeInfo {
  /** seconds since 1970 */
  dateStart: number;
  dateStop: number;
  /** seconds since midnight */
  daytimeStart: number;
  daytimeStop: number;
  /** bits 1 … 31 */
  monthdays: number;
  /** bits 1 (Monday) … 7 */
  weekdays: number;
  flags: number;
}

const DAY = 86400;

export const timeMatch: XtMatch<TimeInfo> = {
  name: "time",
  create(info, { env }) {
    const { dateStart, dateStop, daytimeStart, daytimeStop, monthdays, weekdays, flags } = info;
    if (daytimeStart > XT_TIME_MAX_DAYTIME || daytimeStop > XT_TIME_MAX_DAYTIME) invalid();
    if (flags & XT_TIME_CONTIGUOUS && daytimeStart < daytimeStop) invalid();
    return {
      fn: () => {
        let stamp = Math.floor(env.wallClockNs() / SEC);
        if (stamp < dateStart || stamp > dateStop) return false;
        const daytime = stamp % DAY;
        if (daytimeStart < daytimeStop) {
          if (daytime < daytimeStart || daytime > daytimeStop) return false;
        } else {
          if (daytime < daytimeStart && daytime > daytimeStop) return false;
          // after midnight it still is the day on which the interval began
          if (flags & XT_TIME_CONTIGUOUS && daytime <= daytimeStop) stamp -= DAY;
        }
        const days = Math.floor(stamp / DAY);
        const weekday = ((days + 3) % 7) + 1; // 1 January 1970 was a Thursday
        if (!(weekdays & (1 << weekday))) return false;
        return monthdays === XT_TIME_ALL_MONTHDAYS || (monthdays & (1 << dayOfMonth(days))) !== 0;
      },
    };
  },
};

/** Day of the month of a day since 1970 (H. Hinnant's civil_from_days). */
function dayOfMonth(days: number): number {
  const z = days + 719468;
  const doe = z - Math.floor(z / 146097) * 146097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36524) - Math.floor(doe / 146096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  return doy - Math.floor((153 * mp + 2) / 5) + 1;
}
