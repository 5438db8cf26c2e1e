// Text of the match policy (extensions/libxt_policy.c).

import type { PolicyElement, PolicyInfo } from "../../../net/netfilter/matches/policy.ts";
import { IPPROTO_COMP } from "../../../net/netfilter/matches/spi.ts";
import { formatIpv4 } from "../../../wire/addr.ts";
import { IPPROTO_AH, IPPROTO_ESP } from "../../../wire/ipv4.ts";
import type { OptionCall, UserExtension } from "../extension.ts";
import { protocolEntryName } from "../names.ts";
import { hex, maskSuffix, parameterProblem } from "../xtables.ts";

/** XT_POLICY_MAX_ELEM */
const MAX_ELEMENTS = 4;

/** The data, and whether --next has begun an element that nothing was said of yet. */
const ELEMENT_OPTIONS = ["reqid", "spi", "proto", "mode", "tunnel-dst", "tunnel-src"] as const;
const FIELDS = {
  reqid: "reqid",
  spi: "spi",
  proto: "proto",
  mode: "mode",
  "tunnel-dst": "tunnelDst",
  "tunnel-src": "tunnelSrc",
} as const;

function parseElement({ info, option, arg, num, mask, invert }: OptionCall<PolicyInfo>): void {
  const name = option as (typeof ELEMENT_OPTIONS)[number];
  const element = info.elements.at(-1)!;
  const field = FIELDS[name];
  if (element[field] !== undefined) parameterProblem(`policy match: double --${name} option`);
  if (name === "proto") {
    if (num !== IPPROTO_AH && num !== IPPROTO_ESP && num !== IPPROTO_COMP)
      parameterProblem("policy match: protocol must be ah/esp/ipcomp");
    element.proto = num;
  } else if (name === "mode") {
    if (arg !== "transport" && arg !== "tunnel") parameterProblem(`policy match: invalid mode "${arg}"`);
    element.mode = arg;
  } else if (name === "tunnel-dst" || name === "tunnel-src") element[FIELDS[name]] = [num, mask];
  else element[name] = num;
  if (invert) element.inverted.push(name);
}

function check(info: PolicyInfo): void {
  if (info.dir === "") parameterProblem("policy match: neither --dir in nor --dir out specified");
  if (info.none) {
    if (info.strict) parameterProblem("policy match: policy none but --strict given");
    if (info.elements.length > 1) parameterProblem("policy match: policy none but policy given");
    info.elements = [];
    return;
  }
  for (const [i, element] of info.elements.entries()) {
    if (info.strict && Object.keys(element).length === 1)
      parameterProblem(
        `policy match: empty policy element ${i}. --strict is in effect, but at least one of reqid, spi, ` +
          "tunnel-src, tunnel-dst, proto or mode is required.",
      );
    const { mode, inverted } = element;
    const notTunnel = inverted.includes("mode") ? mode === "tunnel" : mode !== "tunnel";
    if ((element.tunnelDst || element.tunnelSrc) && notTunnel)
      parameterProblem("policy match: --tunnel-src/--tunnel-dst is only valid in tunnel mode");
  }
}

function elementText(element: PolicyElement, prefix: string, numeric: boolean): string {
  let text = "";
  for (const name of ELEMENT_OPTIONS) {
    const value = element[FIELDS[name]];
    if (value === undefined) continue;
    let shown = String(value);
    if (name === "spi") shown = hex(value as number);
    else if (name === "proto" && !numeric) shown = protocolEntryName(value as number) ?? shown;
    else if (Array.isArray(value)) shown = formatIpv4(value[0]) + maskSuffix(value[1]);
    text += `${element.inverted.includes(name) ? " !" : ""} ${prefix}${name} ${shown}`;
  }
  return text;
}

function flagsText({ dir, none, strict }: PolicyInfo, prefix: string): string {
  return ` ${prefix}dir ${dir} ${prefix}pol ${none ? "none" : "ipsec"}${strict ? ` ${prefix}strict` : ""}`;
}

export const policy: UserExtension<PolicyInfo> = {
  name: "policy",
  options: [
    { name: "dir", type: "string" },
    { name: "pol", type: "string" },
    { name: "strict", type: "none" },
    { name: "reqid", type: "u32", multi: true, invert: true },
    { name: "spi", type: "u32", multi: true, invert: true },
    { name: "tunnel-src", type: "hostmask", multi: true, invert: true },
    { name: "tunnel-dst", type: "hostmask", multi: true, invert: true },
    { name: "proto", type: "protocol", multi: true, invert: true },
    { name: "mode", type: "string", multi: true, invert: true },
    { name: "next", type: "none", multi: true, also: ["strict"] },
  ],
  init: () => ({ dir: "", none: false, strict: false, elements: [{ inverted: [] }] }),
  parse(call) {
    const { info, option, arg } = call;
    if (option === "dir") {
      if (arg !== "in" && arg !== "out") parameterProblem(`policy_match: invalid dir "${arg}"`);
      info.dir = arg;
    } else if (option === "pol") {
      if (arg !== "none" && arg !== "ipsec") parameterProblem(`policy match: invalid policy "${arg}"`);
      info.none = arg === "none";
    } else if (option === "strict") info.strict = true;
    else if (option === "next") {
      if (info.elements.length === MAX_ELEMENTS) parameterProblem("policy match: maximum policy depth reached");
      info.elements.push({ inverted: [] });
    } else parseElement(call);
  },
  check,
  print(info, { numeric }) {
    const many = info.elements.length > 1;
    const elements = info.elements.map((e, i) => `${many ? ` [${i}]` : ""}${elementText(e, "", numeric)}`);
    return ` policy match${flagsText(info, "")}${elements.join("")}`;
  },
  save(info) {
    const elements = info.elements.map((e) => elementText(e, "--", false));
    return `${flagsText(info, "--")}${elements.join(" --next")}`;
  },
};
