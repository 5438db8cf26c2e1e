// Text of the match dccp (extensions/libxt_dccp.c).

import {
  type DccpInfo,
  XT_DCCP_DEST_PORTS,
  XT_DCCP_OPTION,
  XT_DCCP_SRC_PORTS,
  XT_DCCP_TYPE,
} from "../../../net/netfilter/matches/dccp.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem, printPort } from "../xtables.ts";

const TYPES = [
  "REQUEST",
  "RESPONSE",
  "DATA",
  "ACK",
  "DATAACK",
  "CLOSEREQ",
  "CLOSE",
  "RESET",
  "SYNC",
  "SYNCACK",
  "INVALID",
];
const INVALID = 10;
/** Types that have no name count as invalid, too. */
const INVALID_MASK = 0xf800;

function parseTypes(text: string): number {
  let mask = 0;
  for (const word of text.split(",")) {
    const type = TYPES.indexOf(word.toUpperCase());
    if (type < 0) parameterProblem(`dccp: Unknown DCCP type \`${word}'`);
    mask |= 1 << type;
  }
  return mask & (1 << INVALID) ? mask | INVALID_MASK : mask;
}

function typesText(mask: number, numeric: boolean): string {
  const types = Array.from({ length: 16 }, (_, i) => i).filter((i) => mask & (1 << i));
  if (numeric) return types.join(",");
  return types
    .filter((type) => type <= INVALID)
    .map((type) => TYPES[type])
    .join(",");
}

function portsText(name: string, [min, max]: readonly [number, number], invert: boolean, numeric: boolean): string {
  if (min === 0 && max === 0xffff && !invert) return "";
  const not = invert ? "!" : "";
  const port = (value: number): string => printPort(value, "dccp", numeric);
  return min === max ? ` ${name}:${not}${port(min)}` : ` ${name}s:${not}${port(min)}:${port(max)}`;
}

export const dccp: UserExtension<DccpInfo> = {
  name: "dccp",
  options: [
    { name: "source-port", aliases: ["sport"], type: "portrc", invert: true },
    { name: "destination-port", aliases: ["dport"], type: "portrc", invert: true },
    { name: "dccp-types", type: "string", invert: true },
    { name: "dccp-option", type: "u8", min: 1, max: 255, invert: true },
  ],
  init: () => ({ spts: [0, 0xffff], dpts: [0, 0xffff], flags: 0, invflags: 0, typemask: 0, option: 0 }),
  parse({ info, option, arg, range, num, invert }) {
    let flag: number;
    if (option === "source-port") {
      info.spts = [...range];
      flag = XT_DCCP_SRC_PORTS;
    } else if (option === "destination-port") {
      info.dpts = [...range];
      flag = XT_DCCP_DEST_PORTS;
    } else if (option === "dccp-types") {
      info.typemask = parseTypes(arg);
      flag = XT_DCCP_TYPE;
    } else {
      info.option = num;
      flag = XT_DCCP_OPTION;
    }
    info.flags |= flag;
    if (invert) info.invflags |= flag;
  },
  print(info, { numeric }) {
    const { flags, invflags } = info;
    let text = " dccp";
    if (flags & XT_DCCP_SRC_PORTS) text += portsText("spt", info.spts, (invflags & XT_DCCP_SRC_PORTS) !== 0, numeric);
    if (flags & XT_DCCP_DEST_PORTS) text += portsText("dpt", info.dpts, (invflags & XT_DCCP_DEST_PORTS) !== 0, numeric);
    if (flags & XT_DCCP_TYPE) text += `${invflags & XT_DCCP_TYPE ? " !" : ""} ${typesText(info.typemask, numeric)}`;
    if (flags & XT_DCCP_OPTION) text += ` option=${invflags & XT_DCCP_OPTION ? "!" : ""}${info.option}`;
    return text;
  },
  save(info) {
    const { flags, invflags } = info;
    const not = (flag: number): string => (invflags & flag ? " !" : "");
    const ports = ([min, max]: readonly [number, number]): string => (min === max ? String(min) : `${min}:${max}`);
    let text = "";
    if (flags & XT_DCCP_SRC_PORTS) text += `${not(XT_DCCP_SRC_PORTS)} --sport ${ports(info.spts)}`;
    if (flags & XT_DCCP_DEST_PORTS) text += `${not(XT_DCCP_DEST_PORTS)} --dport ${ports(info.dpts)}`;
    if (flags & XT_DCCP_TYPE) text += `${not(XT_DCCP_TYPE)} --dccp-types ${typesText(info.typemask, false)}`;
    if (flags & XT_DCCP_OPTION) text += `${not(XT_DCCP_OPTION)} --dccp-option ${info.option}`;
    return text;
  },
};
