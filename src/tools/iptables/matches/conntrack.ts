// Text of the matches conntrack and state (extensions/libxt_conntrack.c, revision 3).

import {
  type ConntrackInfo,
  STATE_ESTABLISHED,
  STATE_NEW,
  STATE_RELATED,
  XT_CONNTRACK_DIRECTION,
  XT_CONNTRACK_EXPIRES,
  XT_CONNTRACK_ORIGSRC,
  XT_CONNTRACK_ORIGSRC_PORT,
  XT_CONNTRACK_PROTO,
  XT_CONNTRACK_STATE,
  XT_CONNTRACK_STATE_ALIAS,
  XT_CONNTRACK_STATE_DNAT,
  XT_CONNTRACK_STATE_INVALID,
  XT_CONNTRACK_STATE_SNAT,
  XT_CONNTRACK_STATE_UNTRACKED,
  XT_CONNTRACK_STATUS,
} from "../../../net/netfilter/matches/conntrack.ts";
import { formatIpv4 } from "../../../wire/addr.ts";
import type { OptionCall, OptionSpec, PrintContext, UserExtension } from "../extension.ts";
import { addressName, maskSuffix, parameterProblem } from "../xtables.ts";

/** In the order of printing. */
const STATES: readonly (readonly [string, number])[] = [
  ["INVALID", XT_CONNTRACK_STATE_INVALID],
  ["NEW", STATE_NEW],
  ["RELATED", STATE_RELATED],
  ["ESTABLISHED", STATE_ESTABLISHED],
  ["UNTRACKED", XT_CONNTRACK_STATE_UNTRACKED],
  ["SNAT", XT_CONNTRACK_STATE_SNAT],
  ["DNAT", XT_CONNTRACK_STATE_DNAT],
];

/** In the order in which an abbreviation is looked up. */
const STATE_WORDS = ["INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED", "SNAT", "DNAT"];

const STATUSES: readonly (readonly [string, number])[] = [
  ["EXPECTED", 1],
  ["SEEN_REPLY", 2],
  ["ASSURED", 4],
  ["CONFIRMED", 8],
];

function parseStates(text: string, option: string, words: readonly string[]): number {
  let mask = 0;
  let rest = text;
  for (;;) {
    const comma = rest.indexOf(",");
    const word = (comma < 0 ? rest : rest.slice(0, comma)).toUpperCase();
    const name = word === "" ? undefined : words.find((w) => w.startsWith(word));
    if (name === undefined) parameterProblem(`Bad ${option} "${rest}"`);
    mask |= STATES.find(([n]) => n === name)![1];
    if (comma < 0) return mask;
    rest = rest.slice(comma + 1);
  }
}

function parseStatuses(text: string): number {
  let mask = 0;
  let rest = text;
  for (;;) {
    const comma = rest.indexOf(",");
    const word = (comma < 0 ? rest : rest.slice(0, comma)).toUpperCase();
    const all: readonly (readonly [string, number])[] = [["NONE", 0], ...STATUSES];
    const found = word === "" ? undefined : all.find(([name]) => name.startsWith(word));
    if (!found) parameterProblem(`Bad ctstatus "${rest}"`);
    mask |= found[1];
    if (comma < 0) return mask;
    rest = rest.slice(comma + 1);
  }
}

function stateNames(mask: number): string {
  return STATES.filter(([, bit]) => mask & bit)
    .map(([name]) => name)
    .join(",");
}

const ADDRS = ["ctorigsrc", "ctorigdst", "ctreplsrc", "ctrepldst"];
const PORTS = ["ctorigsrcport", "ctorigdstport", "ctreplsrcport", "ctrepldstport"];

const inv = (name: string, type: OptionSpec["type"]): OptionSpec => ({ name, type, invert: true });

function newInfo(): ConntrackInfo {
  return {
    matchFlags: 0,
    invertFlags: 0,
    stateMask: 0,
    statusMask: 0,
    l4proto: 0,
    addrs: ADDRS.map(() => [0, 0]),
    ports: PORTS.map(() => [0, 0]),
    expires: [0, 0],
  };
}

function parse({ info, option, arg, invert, num, mask, range, count }: OptionCall<ConntrackInfo>): void {
  const set = (flag: number): void => {
    info.matchFlags |= flag;
    if (invert) info.invertFlags |= flag;
  };
  const addr = ADDRS.indexOf(option);
  const port = PORTS.indexOf(option);
  if (addr >= 0) {
    info.addrs[addr] = [num, mask];
    set(XT_CONNTRACK_ORIGSRC << addr);
  } else if (port >= 0) {
    info.ports[port] = [range[0], range[count >= 2 ? 1 : 0]];
    set(XT_CONNTRACK_ORIGSRC_PORT << port);
  } else if (option === "ctstate") {
    info.stateMask |= parseStates(arg, "ctstate", STATE_WORDS);
    set(XT_CONNTRACK_STATE);
  } else if (option === "ctproto") {
    info.l4proto = num;
    set(XT_CONNTRACK_PROTO);
  } else if (option === "ctstatus") {
    info.statusMask |= parseStatuses(arg);
    set(XT_CONNTRACK_STATUS);
  } else if (option === "ctexpire") {
    info.expires = [range[0], range[count >= 2 ? 1 : 0]];
    set(XT_CONNTRACK_EXPIRES);
  } else {
    const dir = arg.toUpperCase();
    if (dir !== "ORIGINAL" && dir !== "REPLY") parameterProblem(`conntrack: Bad value for "--ctdir" option: "${arg}"`);
    info.matchFlags |= XT_CONNTRACK_DIRECTION;
    if (dir === "REPLY") info.invertFlags |= XT_CONNTRACK_DIRECTION;
    else info.invertFlags &= ~XT_CONNTRACK_DIRECTION;
  }
}

function dump(info: ConntrackInfo, prefix: string, { numeric, names }: PrintContext): string {
  let text = "";
  const item = (flag: number, name: string, value: string): void => {
    if (info.matchFlags & flag) text += `${info.invertFlags & flag ? " !" : ""} ${prefix}${name} ${value}`;
  };
  const alias = (info.matchFlags & XT_CONNTRACK_STATE_ALIAS) !== 0;
  item(XT_CONNTRACK_STATE, alias ? "state" : "ctstate", stateNames(info.stateMask));
  item(XT_CONNTRACK_PROTO, "ctproto", String(info.l4proto));
  for (const [i, [addr, mask]] of info.addrs.entries()) {
    const plain = numeric ? formatIpv4(addr) : addressName(addr, names);
    const shown = !numeric && addr === 0 ? "anywhere" : `${plain}${maskSuffix(mask)}`;
    item(XT_CONNTRACK_ORIGSRC << i, ADDRS[i]!, shown);
  }
  for (const [i, [low, high]] of info.ports.entries())
    item(XT_CONNTRACK_ORIGSRC_PORT << i, PORTS[i]!, high === 0 || low === high ? String(low) : `${low}:${high}`);
  const statuses = STATUSES.filter(([, bit]) => info.statusMask & bit).map(([name]) => name);
  item(XT_CONNTRACK_STATUS, "ctstatus", statuses.length > 0 ? statuses.join(",") : "NONE");
  const [from, to] = info.expires;
  item(XT_CONNTRACK_EXPIRES, "ctexpire", from === to ? String(from) : `${from}:${to}`);
  if (info.matchFlags & XT_CONNTRACK_DIRECTION)
    text += ` ${prefix}ctdir ${info.invertFlags & XT_CONNTRACK_DIRECTION ? "REPLY" : "ORIGINAL"}`;
  return text;
}

export const conntrack: UserExtension<ConntrackInfo> = {
  name: "conntrack",
  options: [
    inv("ctstate", "string"),
    inv("ctproto", "protocol"),
    ...ADDRS.map((name) => inv(name, "hostmask")),
    inv("ctstatus", "string"),
    inv("ctexpire", "u32rc"),
    ...PORTS.map((name) => inv(name, "portrc")),
    { name: "ctdir", type: "string" },
  ],
  init: newInfo,
  parse,
  check(_info, used) {
    if (used.size === 0) parameterProblem("conntrack: At least one option is required");
  },
  print: (info, context) => dump(info, "", context),
  save: (info, context) => dump(info, "--", { ...context, numeric: true }),
  shownName: (info) => (info.matchFlags & XT_CONNTRACK_STATE_ALIAS ? "state" : "conntrack"),
};

export const state: UserExtension<ConntrackInfo> = {
  name: "state",
  kernelName: "conntrack",
  options: [{ name: "state", type: "string", mandatory: true, invert: true }],
  init: newInfo,
  parse({ info, arg, invert }) {
    info.matchFlags = XT_CONNTRACK_STATE | XT_CONNTRACK_STATE_ALIAS;
    info.stateMask = parseStates(arg, "state", STATE_WORDS.slice(0, 5));
    if (invert) info.invertFlags |= XT_CONNTRACK_STATE;
  },
};
