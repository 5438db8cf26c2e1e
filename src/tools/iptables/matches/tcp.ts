// Text of the match tcp (extensions/libxt_tcp.c).

import {
  type TcpInfo,
  XT_TCP_INV_DSTPT,
  XT_TCP_INV_FLAGS,
  XT_TCP_INV_OPTION,
  XT_TCP_INV_SRCPT,
} from "../../../net/netfilter/matches/tcp.ts";
import type { OptionCall, UserExtension } from "../extension.ts";
import { parameterProblem, parsePort, printPort, strtoui } from "../xtables.ts";

const FLAGS: readonly (readonly [string, number])[] = [
  ["FIN", 0x01],
  ["SYN", 0x02],
  ["RST", 0x04],
  ["PSH", 0x08],
  ["ACK", 0x10],
  ["URG", 0x20],
  ["ALL", 0x3f],
  ["NONE", 0],
];

function parseFlags(text: string): number {
  let mask = 0;
  for (const word of text.split(",").filter((w) => w !== "")) {
    const flag = FLAGS.find(([name]) => name === word.toUpperCase());
    if (!flag) parameterProblem(`Unknown TCP flag \`${word}'`);
    mask |= flag[1];
  }
  return mask;
}

function flagNames(mask: number): string {
  const names = FLAGS.slice(0, 6).filter(([, bit]) => mask & bit);
  return names.length > 0 ? names.map(([name]) => name).join(",") : "NONE";
}

function parsePorts(text: string): [number, number] {
  const colon = text.indexOf(":");
  if (colon < 0) {
    const port = parsePort(text, "tcp");
    return [port, port];
  }
  const [from, to] = [text.slice(0, colon), text.slice(colon + 1)];
  const low = from === "" ? 0 : parsePort(from, "tcp");
  const high = to === "" ? 0xffff : parsePort(to, "tcp");
  if (low > high) parameterProblem("invalid portrange (min > max)");
  return [low, high];
}

/** " dpt:80", " dpts:80:90" (print_ports of tcp, udp and sctp). */
export function printPorts(
  name: string,
  [min, max]: readonly [number, number],
  invert: boolean,
  proto: string,
  numeric: boolean,
): string {
  if (min === 0 && max === 0xffff && !invert) return "";
  const not = invert ? "!" : "";
  if (min === max) return ` ${name}:${not}${printPort(min, proto, numeric)}`;
  return ` ${name}s:${not}${printPort(min, proto, numeric)}:${printPort(max, proto, numeric)}`;
}

/** " ! --dport 80:90" */
export function savePorts(option: string, [min, max]: readonly [number, number], invert: boolean): string {
  if (min === 0 && max === 0xffff) return "";
  return `${invert ? " !" : ""} --${option} ${min === max ? min : `${min}:${max}`}`;
}

export const tcp: UserExtension<TcpInfo> = {
  name: "tcp",
  raw: true,
  options: [
    { name: "source-port", aliases: ["sport"], type: "string" },
    { name: "destination-port", aliases: ["dport"], type: "string" },
    { name: "syn", type: "none" },
    { name: "tcp-flags", type: "string" },
    { name: "tcp-option", type: "string" },
  ],
  init: () => ({ spts: [0, 0xffff], dpts: [0, 0xffff], option: 0, flgMask: 0, flgCmp: 0, invflags: 0 }),
  parse: parseTcp,
  print(info, { numeric }) {
    const { invflags } = info;
    let text = " tcp";
    text += printPorts("spt", info.spts, (invflags & XT_TCP_INV_SRCPT) !== 0, "tcp", numeric);
    text += printPorts("dpt", info.dpts, (invflags & XT_TCP_INV_DSTPT) !== 0, "tcp", numeric);
    if (info.option || invflags & XT_TCP_INV_OPTION)
      text += ` option=${invflags & XT_TCP_INV_OPTION ? "!" : ""}${info.option}`;
    if (info.flgMask || invflags & XT_TCP_INV_FLAGS) {
      text += ` flags:${invflags & XT_TCP_INV_FLAGS ? "!" : ""}`;
      const byte = (value: number): string => `0x${value.toString(16).toUpperCase().padStart(2, "0")}`;
      text += numeric
        ? `${byte(info.flgMask)}/${byte(info.flgCmp)}`
        : `${flagNames(info.flgMask)}/${flagNames(info.flgCmp)}`;
    }
    return text;
  },
  save(info) {
    const { invflags } = info;
    let text = savePorts("sport", info.spts, (invflags & XT_TCP_INV_SRCPT) !== 0);
    text += savePorts("dport", info.dpts, (invflags & XT_TCP_INV_DSTPT) !== 0);
    if (info.option || invflags & XT_TCP_INV_OPTION)
      text += `${invflags & XT_TCP_INV_OPTION ? " !" : ""} --tcp-option ${info.option}`;
    if (info.flgMask || invflags & XT_TCP_INV_FLAGS)
      text += `${invflags & XT_TCP_INV_FLAGS ? " !" : ""} --tcp-flags ${flagNames(info.flgMask)} ${flagNames(info.flgCmp)}`;
    return text;
  },
};

/** Each option once; the data itself tells whether it was given. */
function parseTcp(call: OptionCall<TcpInfo>): void {
  const { info, arg, invert } = call;
  switch (call.option) {
    case "source-port":
      if (seen(call)) parameterProblem("Only one `--source-port' allowed");
      info.spts = parsePorts(arg);
      if (invert) info.invflags |= XT_TCP_INV_SRCPT;
      return;
    case "destination-port":
      if (seen(call)) parameterProblem("Only one `--destination-port' allowed");
      info.dpts = parsePorts(arg);
      if (invert) info.invflags |= XT_TCP_INV_DSTPT;
      return;
    case "syn":
    case "tcp-flags": {
      if (call.used.has("syn") || call.used.has("tcp-flags"))
        parameterProblem("Only one of `--syn' or `--tcp-flags'  allowed");
      const mask = call.option === "syn" ? "SYN,RST,ACK,FIN" : arg;
      const comp = call.option === "syn" ? "SYN" : call.nextArg();
      if (comp === undefined) parameterProblem("--tcp-flags requires two args.");
      info.flgMask = parseFlags(mask);
      info.flgCmp = parseFlags(comp);
      if (invert) info.invflags |= XT_TCP_INV_FLAGS;
      return;
    }
    case "tcp-option": {
      if (seen(call)) parameterProblem("Only one `--tcp-option' allowed");
      info.option = strtoui(arg, 1, 255) ?? parameterProblem(`Bad TCP option "${arg}"`);
      if (invert) info.invflags |= XT_TCP_INV_OPTION;
    }
  }
}

function seen(call: OptionCall<TcpInfo>): boolean {
  return call.used.has(call.option);
}
