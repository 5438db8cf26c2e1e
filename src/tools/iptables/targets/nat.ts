// Texts of the targets SNAT, DNAT, MASQUERADE, REDIRECT (extensions/libxt_NAT.c) and NETMAP (libipt_NETMAP.c).

import {
  type NatRange,
  NF_NAT_RANGE_MAP_IPS,
  NF_NAT_RANGE_PERSISTENT,
  NF_NAT_RANGE_PROTO_OFFSET,
  NF_NAT_RANGE_PROTO_RANDOM,
  NF_NAT_RANGE_PROTO_RANDOM_FULLY,
  NF_NAT_RANGE_PROTO_SPECIFIED,
  natRange,
} from "../../../net/netfilter/nat.ts";
import { formatIpv4, maskToPrefix, parseIpv4 } from "../../../wire/addr.ts";
import type { OptionCall, OptionSpec, UserExtension } from "../extension.ts";
import { serviceByName } from "../names.ts";
import { parameterProblem, strtouiPrefix } from "../xtables.ts";

/** Protocols with ports or, ICMP, ids. */
const PORT_PROTOS = [1, 6, 17, 33, 132];

function parsePorts(text: string, proto: number, range: NatRange): void {
  if (!PORT_PROTOS.includes(proto)) parameterProblem("Need TCP, UDP, SCTP or DCCP with port specification");
  range.flags |= NF_NAT_RANGE_PROTO_SPECIFIED;
  let first = strtouiPrefix(text, 0, 65535);
  if (!first) {
    const port = serviceByName(text);
    if (port === undefined) parameterProblem(`Port \`${text}' not valid`);
    first = { value: port, rest: "" };
  }
  range.minProto = first.value;
  range.maxProto = first.value;
  if (first.rest === "") return;
  if (first.rest[0] === ":") parameterProblem("Invalid port:port syntax - use dash");
  if (first.rest[0] !== "-") parameterProblem(`Garbage after port value: \`${first.rest}'`);
  const text2 = first.rest.slice(1);
  const last = strtouiPrefix(text2, 0, 65535);
  if (!last) parameterProblem(`Port \`${text2}' not valid`);
  if (last.value < first.value) parameterProblem(`Port range \`${text2}' funky`);
  range.maxProto = last.value;
  if (last.rest === "") return;
  if (last.rest[0] !== "/") parameterProblem(`Garbage after port range: \`${last.rest}'`);
  const text3 = last.rest.slice(1);
  const base = strtouiPrefix(text3, 1, 65535)?.value ?? serviceByName(text3);
  if (base === undefined) parameterProblem(`Port \`${text3}' not valid`);
  range.flags |= NF_NAT_RANGE_PROTO_OFFSET;
  range.baseProto = base;
}

function parseTo(text: string, proto: number, range: NatRange): void {
  if (text.includes("[")) parameterProblem("Invalid address format");
  let colon = text.indexOf(":");
  if (colon >= 0 && text.includes(":", colon + 1)) colon = -1;
  let addresses = text;
  if (colon >= 0) {
    parsePorts(text.slice(colon + 1), proto, range);
    if (colon === 0) return;
    addresses = text.slice(0, colon);
  }
  range.flags |= NF_NAT_RANGE_MAP_IPS;
  const dash = addresses.indexOf("-");
  const address = (part: string): number => parseIpv4(part) ?? parameterProblem(`Bad IP address "${part}"`);
  range.minAddr = address(dash < 0 ? addresses : addresses.slice(0, dash));
  range.maxAddr = dash < 0 ? range.minAddr : address(addresses.slice(dash + 1));
}

function parse({ info, option, arg, proto }: OptionCall<NatRange>): void {
  if (option === "to-source" || option === "to-destination") parseTo(arg, proto, info);
  else if (option === "to-ports") parsePorts(arg, proto, info);
  else if (option === "persistent") info.flags |= NF_NAT_RANGE_PERSISTENT;
  else if (option === "random") info.flags |= NF_NAT_RANGE_PROTO_RANDOM;
  else info.flags |= NF_NAT_RANGE_PROTO_RANDOM_FULLY;
}

function rangeText(range: NatRange): string {
  let text = "";
  if (range.flags & NF_NAT_RANGE_MAP_IPS) {
    text += formatIpv4(range.minAddr);
    if (range.minAddr !== range.maxAddr) text += `-${formatIpv4(range.maxAddr)}`;
  }
  if (range.flags & NF_NAT_RANGE_PROTO_SPECIFIED) {
    text += `:${range.minProto}`;
    if (range.minProto !== range.maxProto) text += `-${range.maxProto}`;
    if (range.flags & NF_NAT_RANGE_PROTO_OFFSET) text += `/${range.baseProto}`;
  }
  return text;
}

function natText(range: NatRange, option: string, flagPrefix: string, skipColon: boolean): string {
  let text = rangeText(range);
  if (skipColon && text.startsWith(":")) text = text.slice(1);
  if (text !== "") text = ` ${option}${text}`;
  if (range.flags & NF_NAT_RANGE_PROTO_RANDOM) text += ` ${flagPrefix}random`;
  if (range.flags & NF_NAT_RANGE_PROTO_RANDOM_FULLY) text += ` ${flagPrefix}random-fully`;
  if (range.flags & NF_NAT_RANGE_PERSISTENT) text += ` ${flagPrefix}persistent`;
  return text;
}

function natTarget(
  name: string,
  options: readonly OptionSpec[],
  printed: string,
  saved: string,
  skipColon: boolean,
  check?: (range: NatRange) => void,
): UserExtension<NatRange> {
  return {
    ...(check ? { check } : {}),
    name,
    options,
    init: natRange,
    parse,
    print: (range) => natText(range, printed, "", skipColon),
    save: (range) => natText(range, saved, "--", skipColon),
  };
}

const RANDOM: OptionSpec = { name: "random", type: "none" };
const RANDOM_FULLY: OptionSpec = { name: "random-fully", type: "none" };
const PERSISTENT: OptionSpec = { name: "persistent", type: "none" };

export const snat: UserExtension<NatRange> = natTarget(
  "SNAT",
  [{ name: "to-source", type: "string", mandatory: true }, RANDOM, RANDOM_FULLY, PERSISTENT],
  "to:",
  "--to-source ",
  false,
);

export const dnat: UserExtension<NatRange> = natTarget(
  "DNAT",
  [{ name: "to-destination", type: "string", mandatory: true }, RANDOM, PERSISTENT],
  "to:",
  "--to-destination ",
  false,
);

export const masquerade: UserExtension<NatRange> = natTarget(
  "MASQUERADE",
  [{ name: "to-ports", type: "string" }, RANDOM, RANDOM_FULLY],
  "masq ports: ",
  "--to-ports ",
  true,
);

export const redirect: UserExtension<NatRange> = natTarget(
  "REDIRECT",
  [{ name: "to-ports", type: "string" }, RANDOM],
  "redir ports ",
  "--to-ports ",
  true,
  (range) => {
    if (range.flags & NF_NAT_RANGE_PROTO_OFFSET)
      parameterProblem("Shifted portmap ranges not supported with this kernel");
  },
);

function netmapText({ minAddr, maxAddr }: NatRange): string {
  const mask = ~(minAddr ^ maxAddr) >>> 0;
  return `${formatIpv4(minAddr)}/${maskToPrefix(mask) ?? formatIpv4(mask)}`;
}

export const netmap: UserExtension<NatRange> = {
  name: "NETMAP",
  options: [{ name: "to", type: "hostmask", mandatory: true }],
  init: natRange,
  parse({ info, num, mask }) {
    info.flags |= NF_NAT_RANGE_MAP_IPS;
    info.minAddr = (num & mask) >>> 0;
    info.maxAddr = (num | ~mask) >>> 0;
  },
  print: (info) => ` to:${netmapText(info)}`,
  save: (info) => ` --to ${netmapText(info)}`,
};
