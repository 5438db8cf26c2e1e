// Text of the match string (extensions/libxt_string.c).

import { decodeUtf8, encodeUtf8 } from "../../../base/text.ts";
import type { StringInfo } from "../../../net/netfilter/matches/string.ts";
import type { UserExtension } from "../extension.ts";
import { parameterProblem } from "../xtables.ts";

const MAX_PATTERN = 128;

function parseString(text: string): number[] {
  const bytes = encodeUtf8(text);
  if (bytes.length > MAX_PATTERN) parameterProblem(`STRING too long "${text}"`);
  return [...bytes];
}

/** "abc|0d 0a|def": hex digits between bars, a backslash takes the next character as it is. */
function parseHexString(text: string): number[] {
  if (text === "") parameterProblem("STRING must contain at least one char");
  const pattern: number[] = [];
  let inHex = false;
  let i = 0;
  while (i < text.length) {
    if (pattern.length >= MAX_PATTERN) parameterProblem(`STRING too long "${text}"`);
    let literal = false;
    if (text[i] === "\\") {
      if (inHex) parameterProblem("Cannot include literals in hex data");
      literal = true;
    } else if (text[i] === "|") {
      inHex = !inHex;
      if (inHex) while (text[i + 1] === " ") i++;
      if (i + 1 >= text.length) break;
      i++;
    }
    if (literal) {
      if (i + 1 >= text.length) parameterProblem("Bad literal placement at end of string");
      pattern.push(text.charCodeAt(i + 1));
      i += 2;
    } else if (inHex) {
      if (i + 1 >= text.length) parameterProblem("Odd number of hex digits");
      if (i + 2 >= text.length) parameterProblem("Invalid hex block");
      for (const at of [i, i + 1])
        if (!/[0-9a-fA-F]/.test(text[at]!)) parameterProblem(`Invalid hex char '${text[at]}'`);
      pattern.push(Number.parseInt(text.slice(i, i + 2), 16));
      i += text[i + 2] === " " ? 3 : 2;
    } else pattern.push(text.charCodeAt(i++));
  }
  return pattern;
}

function isHex(pattern: readonly number[]): boolean {
  return pattern.some((c) => c < 0x20 || c > 0x7e) || pattern.at(-1) === 0x5c;
}

function quoted(pattern: readonly number[]): string {
  if (isHex(pattern)) return ` "|${pattern.map((c) => c.toString(16).padStart(2, "0")).join("")}|"`;
  return ` "${decodeUtf8(Uint8Array.from(pattern)).replace(/["\\]/g, "\\$&")}"`;
}

export const string: UserExtension<StringInfo> = {
  name: "string",
  options: [
    { name: "from", type: "u16" },
    { name: "to", type: "u16" },
    { name: "algo", type: "string", mandatory: true },
    { name: "string", type: "string", invert: true, excl: ["hex-string"] },
    { name: "hex-string", type: "string", invert: true, excl: ["string"] },
    { name: "icase", type: "none" },
  ],
  init: () => ({ from: 0, to: 65535, algo: "", pattern: [], invert: false, icase: false }),
  parse({ info, option, arg, num, invert }) {
    if (option === "from") info.from = num;
    else if (option === "to") info.to = num;
    else if (option === "algo") info.algo = arg.slice(0, 15);
    else if (option === "icase") info.icase = true;
    else {
      info.pattern = option === "string" ? parseString(arg) : parseHexString(arg);
      if (invert) info.invert = true;
    }
  },
  check(_info, used) {
    if (!used.has("string") && !used.has("hex-string"))
      parameterProblem("STRING match: You must specify `--string' or `--hex-string'");
  },
  print(info) {
    let text = ` STRING match ${info.invert ? "!" : ""}${quoted(info.pattern)} ALGO name ${info.algo}`;
    if (info.from !== 0) text += ` FROM ${info.from}`;
    if (info.to !== 65535) text += ` TO ${info.to}`;
    return info.icase ? `${text} ICASE` : text;
  },
  save(info) {
    let text = `${info.invert ? " !" : ""} --${isHex(info.pattern) ? "hex-" : ""}string${quoted(info.pattern)} --algo ${info.algo}`;
    if (info.from !== 0) text += ` --from ${info.from}`;
    if (info.to !== 65535) text += ` --to ${info.to}`;
    return info.icase ? `${text} --icase` : text;
  },
};
