// Text of the match mac (extensions/libxt_mac.c).

import type { MacInfo } from "../../../net/netfilter/matches/mac.ts";
import { formatMac } from "../../../wire/addr.ts";
import type { UserExtension } from "../extension.ts";

export const mac: UserExtension<MacInfo> = {
  name: "mac",
  options: [{ name: "mac-source", type: "mac", mandatory: true, invert: true }],
  init: () => ({ srcaddr: [0, 0, 0, 0, 0, 0], invert: false }),
  parse(call) {
    call.info.srcaddr = [...call.mac];
    if (call.invert) call.info.invert = true;
  },
  print: ({ srcaddr, invert }) => ` MAC ${invert ? "! " : ""}${formatMac(Uint8Array.from(srcaddr))}`,
  save: ({ srcaddr, invert }) => `${invert ? " !" : ""} --mac-source ${formatMac(Uint8Array.from(srcaddr))}`,
};
