// Text of the match addrtype (extensions/libxt_addrtype.c, revision 1).

import {
  type AddrtypeInfo,
  XT_ADDRTYPE_INVERT_DEST,
  XT_ADDRTYPE_INVERT_SOURCE,
  XT_ADDRTYPE_LIMIT_IFACE_IN,
  XT_ADDRTYPE_LIMIT_IFACE_OUT,
} from "../../../net/netfilter/matches/addrtype.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem } from "../xtables.ts";

/** RTN_* in order. */
const TYPES = [
  "UNSPEC",
  "UNICAST",
  "LOCAL",
  "BROADCAST",
  "ANYCAST",
  "MULTICAST",
  "BLACKHOLE",
  "UNREACHABLE",
  "PROHIBIT",
  "THROW",
  "NAT",
  "XRESOLVE",
];

function parseTypes(text: string): number {
  let mask = 0;
  let rest = text;
  for (;;) {
    const comma = rest.indexOf(",");
    const word = (comma < 0 ? rest : rest.slice(0, comma)).toUpperCase();
    const type = word === "" ? -1 : TYPES.findIndex((name) => name.startsWith(word));
    if (type < 0) parameterProblem(comma < 0 ? `addrtype: bad type "${rest}"` : `addrtype: bad type \`${rest}'`);
    mask |= 1 << type;
    if (comma < 0) return mask;
    rest = rest.slice(comma + 1);
  }
}

function typeNames(mask: number): string {
  return TYPES.filter((_, i) => mask & (1 << i)).join(",");
}

export const addrtype: UserExtension<AddrtypeInfo> = {
  name: "addrtype",
  options: [
    { name: "src-type", type: "string", invert: true },
    { name: "dst-type", type: "string", invert: true },
    { name: "limit-iface-in", type: "none", excl: ["limit-iface-out"] },
    { name: "limit-iface-out", type: "none", excl: ["limit-iface-in"] },
  ],
  init: () => ({ source: 0, dest: 0, flags: 0 }),
  parse({ info, option, arg, invert }) {
    if (option === "src-type") {
      info.source |= parseTypes(arg);
      if (invert) info.flags |= XT_ADDRTYPE_INVERT_SOURCE;
    } else if (option === "dst-type") {
      info.dest |= parseTypes(arg);
      if (invert) info.flags |= XT_ADDRTYPE_INVERT_DEST;
    } else info.flags |= option === "limit-iface-in" ? XT_ADDRTYPE_LIMIT_IFACE_IN : XT_ADDRTYPE_LIMIT_IFACE_OUT;
  },
  check(_info, used) {
    if (!used.has("src-type") && !used.has("dst-type"))
      parameterProblem("addrtype: you must specify --src-type or --dst-type");
  },
  print({ source, dest, flags }) {
    let text = " ADDRTYPE match";
    if (source) text += ` src-type ${flags & XT_ADDRTYPE_INVERT_SOURCE ? "!" : ""}${typeNames(source)}`;
    if (dest) text += ` dst-type ${flags & XT_ADDRTYPE_INVERT_DEST ? "!" : ""}${typeNames(dest)}`;
    if (flags & XT_ADDRTYPE_LIMIT_IFACE_IN) text += " limit-in";
    if (flags & XT_ADDRTYPE_LIMIT_IFACE_OUT) text += " limit-out";
    return text;
  },
  save({ source, dest, flags }) {
    let text = "";
    if (source) text += `${flags & XT_ADDRTYPE_INVERT_SOURCE ? " !" : ""} --src-type ${typeNames(source)}`;
    if (dest) text += `${flags & XT_ADDRTYPE_INVERT_DEST ? " !" : ""} --dst-type ${typeNames(dest)}`;
    if (flags & XT_ADDRTYPE_LIMIT_IFACE_IN) text += " --limit-iface-in";
    if (flags & XT_ADDRTYPE_LIMIT_IFACE_OUT) text += " --limit-iface-out";
    return text;
  },
};
