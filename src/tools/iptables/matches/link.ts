// Texts of the matches about interfaces and the link layer: pkttype, physdev, devgroup, cpu (extensions/libxt_pkttype.c,
// libxt_physdev.c, libxt_devgroup.c, libxt_cpu.c).

import {
  type CpuInfo,
  type DevgroupInfo,
  XT_DEVGROUP_INVERT_DST,
  XT_DEVGROUP_INVERT_SRC,
  XT_DEVGROUP_MATCH_DST,
  XT_DEVGROUP_MATCH_SRC,
} from "../../../net/netfilter/matches/device.ts";
import {
  type PhysdevInfo,
  XT_PHYSDEV_OP_BRIDGED,
  XT_PHYSDEV_OP_IN,
  XT_PHYSDEV_OP_ISIN,
  XT_PHYSDEV_OP_ISOUT,
  XT_PHYSDEV_OP_OUT,
} from "../../../net/netfilter/matches/physdev.ts";
import type { PkttypeInfo } from "../../../net/netfilter/matches/pkttype.ts";
import { type ParsedValue, parseMarkMask, type UserExtension } from "../extension.ts";
import { parameterProblem, parseInterface, printMarkMask } from "../xtables.ts";

const PKT_TYPES: readonly (readonly [string, number])[] = [
  ["unicast", 0],
  ["broadcast", 1],
  ["multicast", 2],
  ["otherhost", 3],
  ["bcast", 1],
  ["mcast", 2],
  ["host", 0],
];

function pktTypeName(type: number): string {
  return PKT_TYPES.find(([, number]) => number === type)?.[0] ?? String(type);
}

export const pkttype: UserExtension<PkttypeInfo> = {
  name: "pkttype",
  options: [{ name: "pkt-type", type: "string", mandatory: true, invert: true }],
  init: () => ({ pkttype: 0, invert: false }),
  parse({ info, arg, invert }) {
    const found = PKT_TYPES.find(([name]) => name === arg.toLowerCase());
    if (!found) parameterProblem(`Bad packet type '${arg}'`);
    info.pkttype = found[1];
    if (invert) info.invert = true;
  },
  print: (info) => ` PKTTYPE ${info.invert ? "!" : ""}= ${pktTypeName(info.pkttype)}`,
  save: (info) => `${info.invert ? " !" : ""} --pkt-type ${pktTypeName(info.pkttype)}`,
};

const PHYSDEV_OPS: ReadonlyMap<string, number> = new Map([
  ["physdev-is-in", XT_PHYSDEV_OP_ISIN],
  ["physdev-in", XT_PHYSDEV_OP_IN],
  ["physdev-is-out", XT_PHYSDEV_OP_ISOUT],
  ["physdev-out", XT_PHYSDEV_OP_OUT],
  ["physdev-is-bridged", XT_PHYSDEV_OP_BRIDGED],
]);

function physdevText(info: PhysdevInfo): string {
  let text = "";
  for (const [name, op] of PHYSDEV_OPS) {
    if (!(info.bitmask & op)) continue;
    text += `${info.invert & op ? " !" : ""} --${name}`;
    if (op === XT_PHYSDEV_OP_IN) text += ` ${info.physindev}`;
    if (op === XT_PHYSDEV_OP_OUT) text += ` ${info.physoutdev}`;
  }
  return text;
}

export const physdev: UserExtension<PhysdevInfo> = {
  name: "physdev",
  options: [
    { name: "physdev-in", type: "string", invert: true },
    { name: "physdev-out", type: "string", invert: true },
    { name: "physdev-is-in", type: "none", invert: true },
    { name: "physdev-is-out", type: "none", invert: true },
    { name: "physdev-is-bridged", type: "none", invert: true },
  ],
  init: () => ({ physindev: "", physoutdev: "", bitmask: 0, invert: 0 }),
  parse({ info, option, arg, invert, output }) {
    const op = PHYSDEV_OPS.get(option)!;
    if (op === XT_PHYSDEV_OP_IN) info.physindev = parseInterface(arg, output);
    if (op === XT_PHYSDEV_OP_OUT) info.physoutdev = parseInterface(arg, output);
    info.bitmask |= op;
    if (invert) info.invert |= op;
  },
  check(_info, used) {
    if (used.size === 0) parameterProblem("PHYSDEV: no physdev option specified");
  },
  print: (info) => ` PHYSDEV match${physdevText(info)}`,
  save: physdevText,
};

/** Group 0 in Debian's /etc/iproute2/group, which names no other. */
const GROUP_NAME = "default";

function groupText(group: number, mask: number, numeric: boolean): string {
  return !numeric && group === 0 && mask >>> 0 === 0xffffffff ? ` ${GROUP_NAME}` : printMarkMask(group, mask);
}

function devgroupText(info: DevgroupInfo, prefix: string, numeric: boolean): string {
  let text = "";
  if (info.flags & XT_DEVGROUP_MATCH_SRC)
    text += `${info.flags & XT_DEVGROUP_INVERT_SRC ? " !" : ""} ${prefix}src-group${groupText(info.srcGroup, info.srcMask, numeric)}`;
  if (info.flags & XT_DEVGROUP_MATCH_DST)
    text += `${info.flags & XT_DEVGROUP_INVERT_DST ? " !" : ""} ${prefix}dst-group${groupText(info.dstGroup, info.dstMask, numeric)}`;
  return text;
}

export const devgroup: UserExtension<DevgroupInfo> = {
  name: "devgroup",
  options: [
    { name: "src-group", type: "string", invert: true },
    { name: "dst-group", type: "string", invert: true },
  ],
  init: () => ({ flags: 0, srcGroup: 0, srcMask: 0, dstGroup: 0, dstMask: 0 }),
  parse({ info, option, arg, invert }) {
    const value: ParsedValue = { num: 0, range: [0, 0], count: 1, mask: 0, mac: [] };
    parseMarkMask("devgroup", { name: option, type: "string" }, arg === GROUP_NAME ? "0" : arg, value);
    if (option === "src-group") {
      info.srcGroup = value.num;
      info.srcMask = value.mask;
      info.flags |= XT_DEVGROUP_MATCH_SRC | (invert ? XT_DEVGROUP_INVERT_SRC : 0);
    } else {
      info.dstGroup = value.num;
      info.dstMask = value.mask;
      info.flags |= XT_DEVGROUP_MATCH_DST | (invert ? XT_DEVGROUP_INVERT_DST : 0);
    }
  },
  check(_info, used) {
    if (used.size === 0) parameterProblem("devgroup match: You must specify either '--src-group' or '--dst-group'");
  },
  print: (info, { numeric }) => devgroupText(info, "", numeric),
  save: (info) => devgroupText(info, "--", false),
};

export const cpu: UserExtension<CpuInfo> = {
  name: "cpu",
  options: [{ name: "cpu", type: "u32", mandatory: true, invert: true }],
  init: () => ({ cpu: 0, invert: false }),
  parse({ info, num, invert }) {
    info.cpu = num;
    if (invert) info.invert = true;
  },
  print: (info) => ` cpu ${info.invert ? "! " : ""}${info.cpu}`,
  save: (info) => `${info.invert ? " !" : ""} --cpu ${info.cpu}`,
};
