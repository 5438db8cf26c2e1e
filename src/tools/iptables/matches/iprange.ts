// Text of the match iprange (extensions/libxt_iprange.c).

import {
  IPRANGE_DST,
  IPRANGE_DST_INV,
  IPRANGE_SRC,
  IPRANGE_SRC_INV,
  type IprangeInfo,
} from "../../../net/netfilter/matches/iprange.ts";
import { formatIpv4 } from "../../../wire/addr.ts";
import type { UserExtension } from "../extension.ts";
import type { Output } from "../xtables.ts";
import { numericToIp, parameterProblem } from "../xtables.ts";

function parseRange(text: string, option: string, output: Output): [number, number] {
  const dash = text.indexOf("-");
  const parts = dash < 0 ? [text, text] : [text.slice(0, dash), text.slice(dash + 1)];
  const [from, to] = parts.map(
    (part) => numericToIp(part, false) ?? parameterProblem(`iprange: Bad value for "${option}" option: "${part}"`),
  ) as [number, number];
  if (from > to) output.err += `xt_iprange: range ${parts[0]}-${parts[1]} is reversed and will never match\n`;
  return [from, to];
}

export const iprange: UserExtension<IprangeInfo> = {
  name: "iprange",
  options: [
    { name: "src-range", type: "string", invert: true },
    { name: "dst-range", type: "string", invert: true },
  ],
  init: () => ({ srcMin: 0, srcMax: 0, dstMin: 0, dstMax: 0, flags: 0 }),
  parse({ info, option, arg, invert, output }) {
    if (option === "src-range") {
      [info.srcMin, info.srcMax] = parseRange(arg, "--src-range", output);
      info.flags |= IPRANGE_SRC | (invert ? IPRANGE_SRC_INV : 0);
    } else {
      [info.dstMin, info.dstMax] = parseRange(arg, "--dst-range", output);
      info.flags |= IPRANGE_DST | (invert ? IPRANGE_DST_INV : 0);
    }
  },
  check(_info, used) {
    if (used.size === 0) parameterProblem("iprange match: You must specify `--src-range' or `--dst-range'");
  },
  print(info) {
    let text = "";
    if (info.flags & IPRANGE_SRC)
      text += ` source IP range${info.flags & IPRANGE_SRC_INV ? " !" : ""} ${formatIpv4(info.srcMin)}-${formatIpv4(info.srcMax)}`;
    if (info.flags & IPRANGE_DST)
      text += ` destination IP range${info.flags & IPRANGE_DST_INV ? " !" : ""} ${formatIpv4(info.dstMin)}-${formatIpv4(info.dstMax)}`;
    return text;
  },
  save(info) {
    let text = "";
    if (info.flags & IPRANGE_SRC)
      text += `${info.flags & IPRANGE_SRC_INV ? " !" : ""} --src-range ${formatIpv4(info.srcMin)}-${formatIpv4(info.srcMax)}`;
    if (info.flags & IPRANGE_DST)
      text += `${info.flags & IPRANGE_DST_INV ? " !" : ""} --dst-range ${formatIpv4(info.dstMin)}-${formatIpv4(info.dstMax)}`;
    return text;
  },
};
