// Match statistic: every nth packet, or by chance. Answers to xt_statistic.c.

import { invalid, type XtMatch } from "../x-tables.ts";

export const XT_STATISTIC_MODE_RANDOM = 0;
export const XT_STATISTIC_MODE_NTH = 1;

export interface StatisticInfo {
  mode: number;
  invert: boolean;
  /** of 2^31 */
  probability: number;
  /** n − 1 */
  every: number;
  packet: number;
}

export const statisticMatch: XtMatch<StatisticInfo> = {
  name: "statistic",
  create({ mode, invert, probability, every, packet }, { env }) {
    if (mode > XT_STATISTIC_MODE_NTH) invalid();
    if (mode === XT_STATISTIC_MODE_RANDOM) {
      const rng = env.net.kernel.rng.fork(`statistic/${env.net.id}/${probability}`);
      return { fn: () => rng.u32() >>> 1 < probability !== invert };
    }
    let count = every - packet;
    return {
      fn: () => {
        count = count === every ? 0 : count + 1;
        return (count === 0) !== invert;
      },
    };
  },
};
