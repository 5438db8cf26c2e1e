// Texts of the targets MARK and CONNMARK (extensions/libxt_MARK.c, libxt_CONNMARK.c).

import {
  type ConnmarkTgInfo,
  type MarkTgInfo,
  XT_CONNMARK_RESTORE,
  XT_CONNMARK_SAVE,
  XT_CONNMARK_SET,
} from "../../../net/netfilter/targets/mark.ts";
import type { OptionSpec, UserExtension } from "../extension.ts";
import { hex, parameterProblem } from "../xtables.ts";

const ALL = 0xffffffff;

/** Value and mask of (old & ~mask) ^ value for each way to say it. */
function setting(option: string, num: number, mask: number): [number, number] {
  switch (option) {
    case "set-mark":
      return [num, (num | mask) >>> 0];
    case "and-mark":
      return [0, ~num >>> 0];
    case "or-mark":
      return [num, num];
    case "xor-mark":
      return [num, 0];
    default:
      return [num, mask];
  }
}

function settingText(name: string, mark: number, mask: number): string {
  if (mark === 0) return ` ${name} and ${hex(~mask)}`;
  if (mark === mask) return ` ${name} or ${hex(mark)}`;
  if (mask === 0) return ` ${name} xor ${hex(mark)}`;
  if (mask === ALL) return ` ${name} set ${hex(mark)}`;
  return ` ${name} xset ${hex(mark)}/${hex(mask)}`;
}

const MARK_OPTIONS = ["set-xmark", "set-mark", "and-mark", "or-mark", "xor-mark"];

function markOptions(excl: readonly string[]): OptionSpec[] {
  return MARK_OPTIONS.map((name, i) => ({ name, type: i < 2 ? "markmask" : "u32", excl }));
}

export const mark: UserExtension<MarkTgInfo> = {
  name: "MARK",
  options: markOptions(MARK_OPTIONS),
  init: () => ({ mark: 0, mask: 0 }),
  parse({ info, option, num, mask }) {
    [info.mark, info.mask] = setting(option, num, mask);
  },
  check(_info, used) {
    if (used.size === 0) parameterProblem("MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required");
  },
  print: (info) => settingText("MARK", info.mark, info.mask),
  save: (info) => ` --set-xmark ${hex(info.mark)}/${hex(info.mask)}`,
};

const OPERATIONS = [...MARK_OPTIONS, "save-mark", "restore-mark"];

function shiftText(info: ConnmarkTgInfo): string {
  return info.shiftBits === 0 ? "" : ` --${info.shiftRight ? "right" : "left"}-shift-mark ${info.shiftBits}`;
}

export const connmark: UserExtension<ConnmarkTgInfo> = {
  name: "CONNMARK",
  options: [
    ...markOptions(OPERATIONS),
    { name: "save-mark", type: "none", excl: OPERATIONS },
    { name: "restore-mark", type: "none", excl: OPERATIONS },
    { name: "left-shift-mark", type: "u8", max: 32 },
    { name: "right-shift-mark", type: "u8", max: 32 },
    { name: "ctmask", type: "u32", excl: ["mask"] },
    { name: "nfmask", type: "u32", excl: ["mask"] },
    { name: "mask", type: "u32", excl: ["ctmask", "nfmask"] },
  ],
  init: () => ({ mode: XT_CONNMARK_SET, ctmark: 0, ctmask: ALL, nfmask: ALL, shiftRight: false, shiftBits: 0 }),
  parse({ info, option, num, mask }) {
    if (MARK_OPTIONS.includes(option)) {
      info.mode = XT_CONNMARK_SET;
      [info.ctmark, info.ctmask] = setting(option, num, mask);
    } else if (option === "save-mark") info.mode = XT_CONNMARK_SAVE;
    else if (option === "restore-mark") info.mode = XT_CONNMARK_RESTORE;
    else if (option === "ctmask") info.ctmask = num;
    else if (option === "nfmask") info.nfmask = num;
    else if (option === "mask") {
      info.nfmask = num;
      info.ctmask = num;
    } else {
      info.shiftRight = option === "right-shift-mark";
      info.shiftBits = num;
    }
  },
  check(_info, used) {
    if (!OPERATIONS.some((name) => used.has(name))) parameterProblem("CONNMARK target: No operation specified");
  },
  print(info) {
    const { mode, ctmark, ctmask, nfmask } = info;
    const shift = info.shiftBits === 0 ? "" : ` ${info.shiftRight ? "right" : "left"}-shift-mark ${info.shiftBits}`;
    if (mode === XT_CONNMARK_SET) return settingText("CONNMARK", ctmark, ctmask) + shift;
    const save = mode === XT_CONNMARK_SAVE;
    let text = ` CONNMARK ${save ? "save" : "restore"}`;
    if (nfmask === ctmask) {
      if (nfmask !== ALL) text += ` mask ${hex(nfmask)}`;
    } else
      text += save ? ` nfmask ${hex(nfmask)} ctmask ~${hex(ctmask)}` : ` ctmask ${hex(ctmask)} nfmask ~${hex(nfmask)}`;
    return text + shift;
  },
  save(info) {
    const shift = shiftText(info);
    if (info.mode === XT_CONNMARK_SET) return ` --set-xmark ${hex(info.ctmark)}/${hex(info.ctmask)}${shift}`;
    const how = info.mode === XT_CONNMARK_SAVE ? "save" : "restore";
    return ` --${how}-mark --nfmask ${hex(info.nfmask)} --ctmask ${hex(info.ctmask)}${shift}`;
  },
};
