// Text of the match udp (extensions/libxt_udp.c).

import { type UdpInfo, XT_UDP_INV_DSTPT, XT_UDP_INV_SRCPT } from "../../../net/netfilter/matches/udp.ts";
import type { UserExtension } from "../extension.ts";
import { printPorts, savePorts } from "./tcp.ts";

export const udp: UserExtension<UdpInfo> = {
  name: "udp",
  options: [
    { name: "source-port", aliases: ["sport"], type: "portrc", invert: true },
    { name: "destination-port", aliases: ["dport"], type: "portrc", invert: true },
  ],
  init: () => ({ spts: [0, 0xffff], dpts: [0, 0xffff], invflags: 0 }),
  parse({ info, option, range, invert }) {
    if (option === "source-port") {
      info.spts = [...range];
      if (invert) info.invflags |= XT_UDP_INV_SRCPT;
    } else {
      info.dpts = [...range];
      if (invert) info.invflags |= XT_UDP_INV_DSTPT;
    }
  },
  print: (info, { numeric }) =>
    ` udp${printPorts("spt", info.spts, (info.invflags & XT_UDP_INV_SRCPT) !== 0, "udp", numeric)}` +
    printPorts("dpt", info.dpts, (info.invflags & XT_UDP_INV_DSTPT) !== 0, "udp", numeric),
  save: (info) =>
    savePorts("sport", info.spts, (info.invflags & XT_UDP_INV_SRCPT) !== 0) +
    savePorts("dport", info.dpts, (info.invflags & XT_UDP_INV_DSTPT) !== 0),
};
