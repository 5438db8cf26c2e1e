// Texts of the targets CT and NOTRACK (extensions/libxt_CT.c, revision 2); timeout policies and event masks are refused.

import {
  type CtInfo,
  XT_CT_NOTRACK,
  XT_CT_NOTRACK_ALIAS,
  XT_CT_ZONE_DIR_ORIG,
  XT_CT_ZONE_DIR_REPL,
  XT_CT_ZONE_MARK,
} from "../../../net/netfilter/targets/ct.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem, strtoui } from "../xtables.ts";

function zoneText({ flags, zone }: CtInfo, prefix: string): string {
  const dirs = flags & (XT_CT_ZONE_DIR_ORIG | XT_CT_ZONE_DIR_REPL);
  const suffix = dirs === XT_CT_ZONE_DIR_ORIG ? "-orig" : dirs === XT_CT_ZONE_DIR_REPL ? "-reply" : "";
  if (flags & XT_CT_ZONE_MARK) return ` ${prefix}zone${suffix} mark`;
  return zone === 0 ? "" : ` ${prefix}zone${suffix} ${zone}`;
}

function helperText({ helper }: CtInfo, prefix: string): string {
  return helper === "" ? "" : ` ${prefix}helper ${helper}`;
}

export const ct: UserExtension<CtInfo> = {
  name: "CT",
  options: [
    { name: "notrack", type: "none" },
    { name: "helper", type: "string" },
    { name: "zone-orig", type: "string" },
    { name: "zone-reply", type: "string" },
    { name: "zone", type: "string" },
  ],
  init: () => ({ flags: 0, zone: 0, helper: "" }),
  parse({ info, option, arg }) {
    if (option === "notrack") {
      info.flags |= XT_CT_NOTRACK;
      return;
    }
    if (option === "helper") {
      info.helper = arg;
      return;
    }
    if (option === "zone-orig") info.flags |= XT_CT_ZONE_DIR_ORIG;
    if (option === "zone-reply") info.flags |= XT_CT_ZONE_DIR_REPL;
    if (arg.toLowerCase() === "mark") {
      info.flags |= XT_CT_ZONE_MARK;
      return;
    }
    info.zone = strtoui(arg, 0, 65535) ?? parameterProblem(`Cannot parse ${arg} as a zone ID`);
  },
  print: (info) =>
    info.flags & XT_CT_NOTRACK_ALIAS
      ? " NOTRACK"
      : ` CT${info.flags & XT_CT_NOTRACK ? " notrack" : ""}${helperText(info, "")}${zoneText(info, "")}`,
  save: (info) =>
    info.flags & XT_CT_NOTRACK_ALIAS
      ? ""
      : `${info.flags & XT_CT_NOTRACK ? " --notrack" : ""}${helperText(info, "--")}${zoneText(info, "--")}`,
  shownName: (info) => (info.flags & XT_CT_NOTRACK_ALIAS ? "NOTRACK" : "CT"),
};

export const notrack: UserExtension<CtInfo> = {
  name: "NOTRACK",
  kernelName: "CT",
  options: [],
  init: () => ({ flags: XT_CT_NOTRACK | XT_CT_NOTRACK_ALIAS, zone: 0, helper: "" }),
};
