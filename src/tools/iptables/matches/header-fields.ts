// Texts of the matches length, ttl, tos, dscp and ecn (extensions/libxt_length.c, libipt_ttl.c, libxt_tos.c, libxt_dscp.c,
// libxt_ecn.c).

import {
  type DscpInfo,
  type EcnInfo,
  IPT_TTL_EQ,
  IPT_TTL_GT,
  IPT_TTL_LT,
  IPT_TTL_NE,
  type LengthInfo,
  type TosInfo,
  type TtlInfo,
  XT_ECN_OP_MATCH_CWR,
  XT_ECN_OP_MATCH_ECE,
  XT_ECN_OP_MATCH_IP,
} from "../../../net/netfilter/matches/header-fields.ts";
import { tosName, type UserExtension } from "../extension.ts";
import { hex2, parameterProblem } from "../xtables.ts";

const rangeText = (min: number, max: number): string => (min === max ? String(min) : `${min}:${max}`);

export const length: UserExtension<LengthInfo> = {
  name: "length",
  options: [{ name: "length", type: "u16rc", mandatory: true, invert: true }],
  init: () => ({ min: 0, max: 0, invert: false }),
  parse({ info, range, count, invert }) {
    info.min = range[0];
    info.max = count >= 2 ? range[1] : range[0];
    if (invert) info.invert = true;
  },
  print: ({ min, max, invert }) => ` length ${invert ? "!" : ""}${rangeText(min, max)}`,
  save: ({ min, max, invert }) => `${invert ? " !" : ""} --length ${rangeText(min, max)}`,
};

const TTL_OPTIONS = ["ttl-lt", "ttl-gt", "ttl-eq", "ttl"];
const TTL_PRINT = ["==", "!=", "<", ">"];
const TTL_SAVE = [" --ttl-eq", " ! --ttl-eq", " --ttl-lt", " --ttl-gt"];

export const ttl: UserExtension<TtlInfo> = {
  name: "ttl",
  options: [
    { name: "ttl-lt", type: "u8", excl: TTL_OPTIONS },
    { name: "ttl-gt", type: "u8", excl: TTL_OPTIONS },
    { name: "ttl-eq", aliases: ["ttl"], type: "u8", invert: true, excl: TTL_OPTIONS },
  ],
  init: () => ({ mode: IPT_TTL_EQ, ttl: 0 }),
  parse({ info, option, num, invert }) {
    info.ttl = num;
    if (option === "ttl-eq") info.mode = invert ? IPT_TTL_NE : IPT_TTL_EQ;
    else info.mode = option === "ttl-lt" ? IPT_TTL_LT : IPT_TTL_GT;
  },
  check(_info, used) {
    if (used.size === 0) parameterProblem("TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt");
  },
  print: (info) => ` TTL match TTL ${TTL_PRINT[info.mode]} ${info.ttl}`,
  save: (info) => `${TTL_SAVE[info.mode]} ${info.ttl}`,
};

export const tos: UserExtension<TosInfo> = {
  name: "tos",
  options: [{ name: "tos", type: "tosmask", mandatory: true, invert: true, max: 0x3f }],
  init: () => ({ value: 0, mask: 0, invert: false }),
  parse({ info, num, mask, invert }) {
    info.value = num;
    info.mask = mask;
    if (invert) info.invert = true;
  },
  print({ value, mask, invert }, { numeric }) {
    const name = numeric ? undefined : tosName(value, mask);
    return ` tos match${invert ? "!" : ""}${name === undefined ? `${hex2(value)}/${hex2(mask)}` : ` ${name}`}`;
  },
  save: ({ value, mask, invert }) => `${invert ? " !" : ""} --tos ${hex2(value)}/${hex2(mask)}`,
};

/** Class names of code points; the first that the text begins with counts. */
const CLASSES: readonly (readonly [string, number])[] = [
  ["CS0", 0x00],
  ["CS1", 0x08],
  ["CS2", 0x10],
  ["CS3", 0x18],
  ["CS4", 0x20],
  ["CS5", 0x28],
  ["CS6", 0x30],
  ["CS7", 0x38],
  ["BE", 0x00],
  ["AF11", 0x0a],
  ["AF12", 0x0c],
  ["AF13", 0x0e],
  ["AF21", 0x12],
  ["AF22", 0x14],
  ["AF23", 0x16],
  ["AF31", 0x1a],
  ["AF32", 0x1c],
  ["AF33", 0x1e],
  ["AF41", 0x22],
  ["AF42", 0x24],
  ["AF43", 0x26],
  ["EF", 0x2e],
];

export function classToDscp(text: string): number {
  const found = CLASSES.find(([name]) => text.toUpperCase().startsWith(name));
  return found ? found[1] : parameterProblem(`Invalid DSCP value \`${text}'`);
}

export const dscp: UserExtension<DscpInfo> = {
  name: "dscp",
  options: [
    { name: "dscp", type: "u8", max: 63, invert: true, excl: ["dscp-class"] },
    { name: "dscp-class", type: "string", invert: true, excl: ["dscp"] },
  ],
  init: () => ({ dscp: 0, invert: false }),
  parse({ info, option, num, arg, invert }) {
    info.dscp = option === "dscp" ? num : classToDscp(arg);
    if (invert) info.invert = true;
  },
  check(_info, used) {
    if (used.size === 0) parameterProblem("DSCP match: Parameter --dscp is required");
  },
  print: (info) => ` DSCP match ${info.invert ? "!" : ""}${hex2(info.dscp)}`,
  save: (info) => `${info.invert ? " !" : ""} --dscp ${hex2(info.dscp)}`,
};

const ECN_OPS: ReadonlyMap<string, number> = new Map([
  ["ecn-tcp-cwr", XT_ECN_OP_MATCH_CWR],
  ["ecn-tcp-ece", XT_ECN_OP_MATCH_ECE],
  ["ecn-ip-ect", XT_ECN_OP_MATCH_IP],
]);

export const ecn: UserExtension<EcnInfo> = {
  name: "ecn",
  options: [
    { name: "ecn-tcp-cwr", type: "none", invert: true },
    { name: "ecn-tcp-ece", type: "none", invert: true },
    { name: "ecn-ip-ect", type: "u8", max: 3, invert: true },
  ],
  init: () => ({ operation: 0, invert: 0, ipEct: 0 }),
  parse({ info, option, num, invert }) {
    const op = ECN_OPS.get(option)!;
    info.operation |= op;
    if (invert) info.invert |= op;
    if (op === XT_ECN_OP_MATCH_IP) info.ipEct = num;
  },
  check(_info, used) {
    if (used.size === 0) parameterProblem("ECN match: some option required");
  },
  print(info) {
    const item = (op: number, text: string): string =>
      info.operation & op ? ` ${info.invert & op ? "!" : ""}${text}` : "";
    return ` ECN match${item(XT_ECN_OP_MATCH_ECE, "ECE")}${item(XT_ECN_OP_MATCH_CWR, "CWR")}${item(XT_ECN_OP_MATCH_IP, `ECT=${info.ipEct}`)}`;
  },
  save(info) {
    const item = (op: number, text: string): string =>
      info.operation & op ? `${info.invert & op ? " !" : ""} --${text}` : "";
    return `${item(XT_ECN_OP_MATCH_ECE, "ecn-tcp-ece")}${item(XT_ECN_OP_MATCH_CWR, "ecn-tcp-cwr")}${item(XT_ECN_OP_MATCH_IP, `ecn-ip-ect ${info.ipEct}`)}`;
  },
};
