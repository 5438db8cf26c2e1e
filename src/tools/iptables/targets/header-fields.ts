// Texts of the targets TOS, DSCP, TTL, TCPMSS, CHECKSUM, CLASSIFY and TRACE (extensions/libxt_TOS.c, libxt_DSCP.c,
// libipt_TTL.c, libxt_TCPMSS.c, libxt_CHECKSUM.c, libxt_CLASSIFY.c, libxt_TRACE.c).

import {
  type ChecksumInfo,
  type ClassifyInfo,
  type DscpTgInfo,
  IPT_TTL_DEC,
  IPT_TTL_INC,
  IPT_TTL_SET,
  type TosTgInfo,
  type TraceInfo,
  type TtlTgInfo,
} from "../../../net/netfilter/targets/header-fields.ts";
import { type TcpmssTgInfo, XT_TCPMSS_CLAMP_PMTU } from "../../../net/netfilter/targets/tcpmss.ts";
import { tosName, type UserExtension } from "../extension.ts";
import { classToDscp } from "../matches/header-fields.ts";
import { hex2, parameterProblem } from "../xtables.ts";

const TOS_OPTIONS = ["set-tos", "and-tos", "or-tos", "xor-tos"];

export const tos: UserExtension<TosTgInfo> = {
  name: "TOS",
  options: [
    { name: "set-tos", type: "tosmask", max: 0x3f, excl: TOS_OPTIONS },
    { name: "and-tos", type: "u8", excl: TOS_OPTIONS },
    { name: "or-tos", type: "u8", excl: TOS_OPTIONS },
    { name: "xor-tos", type: "u8", excl: TOS_OPTIONS },
  ],
  init: () => ({ value: 0, mask: 0 }),
  parse({ info, option, num, mask }) {
    info.value = option === "and-tos" ? 0 : num;
    info.mask = option === "set-tos" ? mask : option === "and-tos" ? ~num & 255 : option === "or-tos" ? num : 0;
  },
  check(_info, used) {
    if (used.size === 0) parameterProblem("TOS: An action is required");
  },
  print({ value, mask }, { numeric }) {
    const exact = ` TOS set ${hex2(value)}/${hex2(mask)}`;
    if (numeric) return exact;
    const name = tosName(value, mask);
    if (name !== undefined) return `  TOS set${name}`;
    if (value === 0) return ` TOS and ${hex2(~mask & 255)}`;
    if (value === mask) return ` TOS or ${hex2(value)}`;
    return mask === 0 ? ` TOS xor ${hex2(value)}` : exact;
  },
  save: ({ value, mask }) => ` --set-tos ${hex2(value)}/${hex2(mask)}`,
};

export const dscp: UserExtension<DscpTgInfo> = {
  name: "DSCP",
  options: [
    { name: "set-dscp", type: "u8", max: 63, excl: ["set-dscp-class"] },
    { name: "set-dscp-class", type: "string", excl: ["set-dscp"] },
  ],
  init: () => ({ dscp: 0 }),
  parse({ info, option, num, arg }) {
    info.dscp = option === "set-dscp" ? num : classToDscp(arg);
  },
  check(_info, used) {
    if (used.size === 0) parameterProblem("DSCP target: Parameter --set-dscp is required");
  },
  print: (info) => ` DSCP set ${hex2(info.dscp)}`,
  save: (info) => ` --set-dscp ${hex2(info.dscp)}`,
};

const TTL_OPTIONS = ["ttl-set", "ttl-dec", "ttl-inc"];
const TTL_MODES: readonly (readonly [number, string, string])[] = [
  [IPT_TTL_SET, "ttl-set", "set to"],
  [IPT_TTL_DEC, "ttl-dec", "decrement by"],
  [IPT_TTL_INC, "ttl-inc", "increment by"],
];

export const ttl: UserExtension<TtlTgInfo> = {
  name: "TTL",
  options: [
    { name: "ttl-set", type: "u8", excl: TTL_OPTIONS },
    { name: "ttl-dec", type: "u8", min: 1, excl: TTL_OPTIONS },
    { name: "ttl-inc", type: "u8", min: 1, excl: TTL_OPTIONS },
  ],
  init: () => ({ mode: IPT_TTL_SET, ttl: 0 }),
  parse({ info, option, num }) {
    info.mode = TTL_MODES.find(([, name]) => name === option)![0];
    info.ttl = num;
  },
  check(_info, used) {
    if (used.size === 0) parameterProblem("TTL: You must specify an action");
  },
  print: (info) => ` TTL ${TTL_MODES.find(([mode]) => mode === info.mode)![2]} ${info.ttl}`,
  save: (info) => ` --${TTL_MODES.find(([mode]) => mode === info.mode)![1]} ${info.ttl}`,
};

export const tcpmss: UserExtension<TcpmssTgInfo> = {
  name: "TCPMSS",
  options: [
    { name: "set-mss", type: "u16", max: 65515 },
    { name: "clamp-mss-to-pmtu", type: "none" },
  ],
  init: () => ({ mss: 0 }),
  parse({ info, option, num }) {
    info.mss = option === "set-mss" ? num : XT_TCPMSS_CLAMP_PMTU;
  },
  check(_info, used) {
    if (used.size === 0) parameterProblem("TCPMSS target: At least one parameter is required");
  },
  print: ({ mss }) => (mss === XT_TCPMSS_CLAMP_PMTU ? " TCPMSS clamp to PMTU" : ` TCPMSS set ${mss}`),
  save: ({ mss }) => (mss === XT_TCPMSS_CLAMP_PMTU ? " --clamp-mss-to-pmtu" : ` --set-mss ${mss}`),
};

export const checksum: UserExtension<ChecksumInfo> = {
  name: "CHECKSUM",
  options: [{ name: "checksum-fill", type: "none", mandatory: true }],
  init: () => ({ fill: true }),
  print: () => " CHECKSUM fill",
  save: () => " --checksum-fill",
};

export const classify: UserExtension<ClassifyInfo> = {
  name: "CLASSIFY",
  options: [{ name: "set-class", type: "string", mandatory: true }],
  init: () => ({ priority: 0 }),
  parse({ info, arg }) {
    const match = /^\s*(?:0x)?([0-9a-fA-F]+):\s*(?:0x)?([0-9a-fA-F]+)/.exec(arg);
    if (!match) parameterProblem(`Bad class value "${arg}"`);
    const [major, minor] = [Number.parseInt(match[1]!, 16), Number.parseInt(match[2]!, 16)];
    info.priority = (((major << 16) & 0xffff0000) | (minor & 0xffff)) >>> 0;
  },
  print: ({ priority }) => ` CLASSIFY set ${(priority >>> 16).toString(16)}:${(priority & 0xffff).toString(16)}`,
  save: ({ priority }) =>
    ` --set-class ${(priority >>> 16).toString(16).padStart(4, "0")}:${(priority & 0xffff).toString(16).padStart(4, "0")}`,
};

export const trace: UserExtension<TraceInfo> = { name: "TRACE", options: [], init: () => ({ trace: true }) };
