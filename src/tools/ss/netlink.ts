// Netlink sockets as ss lists them: the kernel's own, one for each protocol that a namespace has, and the one by which ss
// itself asks. Answers to netlink_show_one in iproute2's misc/ss.c. Those of other programs are not kept.

import type { Process } from "../../posix/process.ts";

/** number and name of each protocol (linux/netlink.h, iproute2's nl_proto) */
const PROTOCOLS: readonly (readonly [number, string])[] = [
  [0, "rtnl"],
  [4, "tcpdiag"],
  [6, "xfrm"],
  [9, "audit"],
  [10, "fiblookup"],
  [12, "nft"],
  [15, "uevent"],
  [16, "genl"],
];
const NETLINK_SOCK_DIAG = 4;
/** buffers under way while ss is answered: its request and the answer */
const REQUEST = 832;
const ANSWER = 4352;

/** protocol, holder and receive queue of each */
export function netlinkSockets(proc: Process, numeric: boolean): [string, string, number][] {
  const rows: [string, string, number][] = [];
  for (const [number, name] of PROTOCOLS) {
    const protocol = numeric ? String(number) : name;
    const diag = number === NETLINK_SOCK_DIAG;
    if (diag) rows.push([protocol, numeric ? String(proc.pid) : `${proc.name}/${proc.pid}`, ANSWER]);
    rows.push([protocol, numeric ? "0" : "kernel", diag ? REQUEST : 0]);
  }
  return rows;
}
