// Text of the match icmp (extensions/libipt_icmp.c, libxt_icmp.h).

import type { IcmpInfo } from "../../../net/netfilter/matches/icmp.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem, strtouiPrefix } from "../xtables.ts";

/** Name, type, lowest and highest code; of several names of one the first is printed. */
const TYPES: readonly (readonly [string, number, number, number])[] = [
  ["any", 255, 0, 255],
  ["echo-reply", 0, 0, 255],
  ["pong", 0, 0, 255],
  ["destination-unreachable", 3, 0, 255],
  ["network-unreachable", 3, 0, 0],
  ["host-unreachable", 3, 1, 1],
  ["protocol-unreachable", 3, 2, 2],
  ["port-unreachable", 3, 3, 3],
  ["fragmentation-needed", 3, 4, 4],
  ["source-route-failed", 3, 5, 5],
  ["network-unknown", 3, 6, 6],
  ["host-unknown", 3, 7, 7],
  ["network-prohibited", 3, 9, 9],
  ["host-prohibited", 3, 10, 10],
  ["TOS-network-unreachable", 3, 11, 11],
  ["TOS-host-unreachable", 3, 12, 12],
  ["communication-prohibited", 3, 13, 13],
  ["host-precedence-violation", 3, 14, 14],
  ["precedence-cutoff", 3, 15, 15],
  ["source-quench", 4, 0, 255],
  ["redirect", 5, 0, 255],
  ["network-redirect", 5, 0, 0],
  ["host-redirect", 5, 1, 1],
  ["TOS-network-redirect", 5, 2, 2],
  ["TOS-host-redirect", 5, 3, 3],
  ["echo-request", 8, 0, 255],
  ["ping", 8, 0, 255],
  ["router-advertisement", 9, 0, 255],
  ["router-solicitation", 10, 0, 255],
  ["time-exceeded", 11, 0, 255],
  ["ttl-exceeded", 11, 0, 255],
  ["ttl-zero-during-transit", 11, 0, 0],
  ["ttl-zero-during-reassembly", 11, 1, 1],
  ["parameter-problem", 12, 0, 255],
  ["ip-header-bad", 12, 0, 0],
  ["required-option-missing", 12, 1, 1],
  ["timestamp-request", 13, 0, 255],
  ["timestamp-reply", 14, 0, 255],
  ["address-mask-request", 17, 0, 255],
  ["address-mask-reply", 18, 0, 255],
];

/** The name of a type with a code of its own, or of a type whose codes have none. */
export function icmpName(type: number, code: number): string | undefined {
  return TYPES.find(
    ([name, t, low, high]) => name !== "any" && t === type && (high === 255 ? code === 0 : low === code),
  )?.[0];
}

/** Type and code by name. */
export function icmpByName(name: string): { type: number; code: number } | undefined {
  const found = TYPES.find(([known]) => known === name);
  return found && { type: found[1], code: found[2] };
}

function parseType(text: string): { type: number; code: [number, number] } {
  const named = TYPES.filter(([name]) => name.toLowerCase().startsWith(text.toLowerCase()));
  if (named.length > 1) parameterProblem(`Ambiguous ICMP type \`${text}': \`${named[0]![0]}' or \`${named[1]![0]}'?`);
  const [name] = named;
  if (name) return { type: name[1], code: [name[2], name[3]] };
  const type = parseRange(text) ?? parameterProblem(`Unknown ICMP type \`${text}'`);
  let code: [number, number] = [0, 255];
  let { rest } = type;
  if (rest.startsWith("/")) {
    const parsed = parseRange(rest.slice(1)) ?? parameterProblem(`Unknown ICMP code \`${text}'`);
    code = [parsed.from, parsed.to];
    rest = parsed.rest;
  }
  if (rest !== "") parameterProblem(`unknown character ${rest[0]}`);
  if (type.from !== type.to) parameterProblem("ICMP type range not supported");
  return { type: type.from, code };
}

function parseRange(text: string): { from: number; to: number; rest: string } | undefined {
  const from = strtouiPrefix(text, 0, 255);
  if (!from) return undefined;
  if (!from.rest.startsWith(":")) return { from: from.value, to: from.value, rest: from.rest };
  const to = strtouiPrefix(from.rest.slice(1), 0, 255);
  return to && { from: from.value, to: to.value, rest: to.rest };
}

export const icmp: UserExtension<IcmpInfo> = {
  name: "icmp",
  options: [{ name: "icmp-type", type: "string", mandatory: true, invert: true }],
  init: () => ({ type: 255, code: [0, 255], invert: false }),
  parse({ info, arg, invert }) {
    Object.assign(info, parseType(arg));
    if (invert) info.invert = true;
  },
  print({ type, code: [min, max], invert }, { numeric }) {
    const named = numeric ? undefined : TYPES.find((t) => t[1] === type && t[2] === min && t[3] === max);
    if (named) return ` icmp ${invert ? "!" : ""}${named[0]}`;
    const codes = min === max ? ` code ${min}` : min !== 0 || max !== 255 ? ` codes ${min}-${max}` : "";
    return ` icmp${invert ? " !" : ""}type ${type}${codes}`;
  },
  save: ({ type, code: [min, max], invert }) =>
    `${invert ? " !" : ""} --icmp-type ${type === 255 ? "any" : type}` +
    (type !== 255 && (min !== 0 || max !== 255) ? `/${min}` : ""),
};
