// Text of the match socket (extensions/libxt_socket.c, revision 3).

import {
  type SocketInfo,
  XT_SOCKET_NOWILDCARD,
  XT_SOCKET_RESTORESKMARK,
  XT_SOCKET_TRANSPARENT,
} from "../../../net/netfilter/matches/socket.ts";
import type { UserExtension } from "../extension.ts";

const FLAGS: readonly (readonly [string, number])[] = [
  ["transparent", XT_SOCKET_TRANSPARENT],
  ["nowildcard", XT_SOCKET_NOWILDCARD],
  ["restore-skmark", XT_SOCKET_RESTORESKMARK],
];

function text({ flags }: SocketInfo): string {
  return FLAGS.filter(([, bit]) => flags & bit)
    .map(([name]) => ` --${name}`)
    .join("");
}

export const socket: UserExtension<SocketInfo> = {
  name: "socket",
  options: FLAGS.map(([name]) => ({ name, type: "none" as const })),
  init: () => ({ flags: 0 }),
  parse({ info, option }) {
    info.flags |= FLAGS.find(([name]) => name === option)![1];
  },
  print: (info) => ` socket${text(info)}`,
  save: text,
};
