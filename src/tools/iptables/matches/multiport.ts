// Text of the match multiport (extensions/libxt_multiport.c, revision 1).

import {
  type MultiportInfo,
  XT_MULTIPORT_DESTINATION,
  XT_MULTIPORT_EITHER,
  XT_MULTIPORT_SOURCE,
} from "../../../net/netfilter/matches/multiport.ts";
import type { OptionCall, UserExtension } from "../extension.ts";
import { parameterProblem, parsePort, printPort } from "../xtables.ts";

const NAMES: ReadonlyMap<number, string> = new Map([
  [6, "tcp"],
  [17, "udp"],
  [136, "udplite"],
  [132, "sctp"],
  [33, "dccp"],
]);
const ANY = ["source-ports", "destination-ports", "ports"];
const SHORT = ["sports", "dports", "ports"];

function checkProto({ proto, invProto }: OptionCall<MultiportInfo>): string {
  const name = NAMES.get(proto);
  if (invProto || (name === undefined && proto !== 0))
    parameterProblem("multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP");
  return name ?? parameterProblem("multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'");
}

function parsePorts(text: string, proto: string): [number, number][] {
  const ports: [number, number][] = [];
  let used = 0;
  for (const item of text.split(",")) {
    if (used >= 15) parameterProblem("too many ports specified");
    const colon = item.indexOf(":");
    if (colon < 0) {
      const port = parsePort(item, proto);
      ports.push([port, port]);
      used++;
      continue;
    }
    if (used === 14) parameterProblem("too many ports specified");
    const from = parsePort(item.slice(0, colon), proto);
    const to = parsePort(item.slice(colon + 1), proto);
    if (from >= to) parameterProblem("invalid portrange specified");
    ports.push([from, to]);
    used += 2;
  }
  return ports;
}

function portList(info: MultiportInfo, proto: string, numeric: boolean): string {
  const port = (number: number): string => printPort(number, proto, numeric);
  return info.ports.map(([from, to]) => (from === to ? port(from) : `${port(from)}:${port(to)}`)).join(",");
}

export const multiport: UserExtension<MultiportInfo> = {
  name: "multiport",
  options: [
    { name: "source-ports", aliases: ["sports"], type: "string", invert: true, excl: ANY },
    { name: "destination-ports", aliases: ["dports"], type: "string", invert: true, excl: ANY },
    { name: "ports", type: "string", invert: true, excl: ANY },
  ],
  init: () => ({ flags: 0, ports: [], invert: false }),
  parse(call) {
    const { info, option } = call;
    info.ports = parsePorts(call.arg, checkProto(call));
    info.flags =
      option === "source-ports"
        ? XT_MULTIPORT_SOURCE
        : option === "destination-ports"
          ? XT_MULTIPORT_DESTINATION
          : XT_MULTIPORT_EITHER;
    if (call.invert) info.invert = true;
  },
  check(_info, used, output) {
    if (used.size === 0)
      parameterProblem(output.version === "1.8.9" ? "multiport expection an option" : "no ports specified");
  },
  print: (info, { numeric, ip }) =>
    ` multiport ${SHORT[info.flags]} ${info.invert ? " !" : ""}${portList(info, NAMES.get(ip.proto) ?? "", numeric)}`,
  save: (info) => `${info.invert ? " !" : ""} --${SHORT[info.flags]} ${portList(info, "", true)}`,
};
