// Texts of the matches ah, esp and ipcomp (extensions/libipt_ah.c, libxt_esp.c, libxt_ipcomp.c).

import type { SpiInfo } from "../../../net/netfilter/matches/spi.ts";
import type { UserExtension } from "../extension.ts";

const MAX = 0xffffffff;

function isAny({ min, max, invert }: SpiInfo): boolean {
  return min === 0 && max === MAX && !invert;
}

/** "spi:!5", "spis:1:9" */
function shown(info: SpiInfo): string {
  const { min, max, invert } = info;
  if (isAny(info)) return "";
  const not = invert ? "!" : "";
  return min === max ? `spi:${not}${min}` : `spis:${not}${min}:${max}`;
}

function saved({ min, max, invert }: SpiInfo, option: string): string {
  if (min === 0 && max === MAX) return "";
  return `${invert ? " !" : ""} --${option} ${min === max ? min : `${min}:${max}`}`;
}

function spi(name: string, option: string, print: (info: SpiInfo) => string): UserExtension<SpiInfo> {
  return {
    name,
    options: [{ name: option, type: "u32rc", invert: true }],
    init: () => ({ min: 0, max: MAX, invert: false }),
    parse({ info, range, count, invert }) {
      info.min = range[0];
      info.max = count === 2 ? range[1] : range[0];
      if (invert) info.invert = true;
    },
    print,
    save: (info) => saved(info, option),
  };
}

export const ah: UserExtension<SpiInfo> = spi("ah", "ahspi", (info) => ` ah ${shown(info)}`);
export const esp: UserExtension<SpiInfo> = spi("esp", "espspi", (info) =>
  isAny(info) ? " esp" : ` esp ${shown(info)}`,
);
export const ipcomp: UserExtension<SpiInfo> = spi("ipcomp", "ipcompspi", (info) => ` comp ${shown(info)}`);
