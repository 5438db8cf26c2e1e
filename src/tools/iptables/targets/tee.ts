// Text of the target TEE (extensions/libxt_TEE.c, revision 1).

import type { TeeInfo } from "../../../net/netfilter/targets/tee.ts";
import { formatIpv4 } from "../../../wire/addr.ts";
import type { UserExtension } from "../extension.ts";
import { addressName } from "../xtables.ts";

export const tee: UserExtension<TeeInfo> = {
  name: "TEE",
  options: [
    { name: "gateway", type: "host", mandatory: true },
    { name: "oif", type: "string" },
  ],
  init: () => ({ gateway: 0, oif: "" }),
  parse({ info, option, arg, num }) {
    if (option === "gateway") info.gateway = num;
    else info.oif = arg.slice(0, 15);
  },
  print: ({ gateway, oif }, { numeric, names }) =>
    ` TEE gw:${numeric ? formatIpv4(gateway) : addressName(gateway, names)}${oif === "" ? "" : ` oif=${oif}`}`,
  save: ({ gateway, oif }) => ` --gateway ${formatIpv4(gateway)}${oif === "" ? "" : ` --oif ${oif}`}`,
};
