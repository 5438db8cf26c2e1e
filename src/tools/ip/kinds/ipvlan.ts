// `ip link … type ipvlan` (iproute2's ip/iplink_ipvlan.c).

import { Errno, NetError } from "../../../base/errno.ts";
import type { NetDevice } from "../../../net/core/net-device.ts";
import {
  createIpvlan,
  IPVLAN_FLAGS,
  IPVLAN_MODES,
  type IpvlanFlag,
  type IpvlanMode,
  ipvlanOf,
  ipvlanSetMode,
} from "../../../net/link/ipvlan.ts";
import type { NetNamespace } from "../../../net/netns.ts";
import type { Context } from "../context.ts";
import { type Args, CommandError, matches } from "../lib/args.ts";
import type { LinkRequest } from "../link-request.ts";
import type { LinkKind } from "./kind.ts";

const USAGE = `Usage: ... ipvlan [ mode MODE ] [ FLAGS ]

MODE: l3 | l3s | l2
FLAGS: bridge | private | vepa
(first values are the defaults if nothing is specified).
`;

interface Wish {
  mode?: IpvlanMode;
  flag: IpvlanFlag;
}

export const ipvlan: LinkKind = {
  name: "ipvlan",
  parse(_ctx: Context, args: Args): Wish {
    const wish: Wish = { flag: "bridge" };
    let given = false;
    for (; !args.done; args.advance()) {
      const flag = given ? undefined : ["private", "vepa", "bridge"].find((word) => args.matches(word));
      if (args.matches("mode")) {
        const word = args.next();
        if (word === "l3s") throw new CommandError('ipvlan: mode "l3s" is not supported by vethlab\n', 1);
        const mode = IPVLAN_MODES.find((one) => one === word);
        if (!mode) throw new CommandError('Error: argument of "mode" must be either "l2", "l3" or "l3s"\n', 1);
        wish.mode = mode;
      } else if (flag) {
        wish.flag = IPVLAN_FLAGS.find((one) => one === flag)!;
        given = true;
      } else if (matches(args.word, "help")) throw new CommandError(USAGE, 1);
      else throw new CommandError(`ipvlan: unknown option "${args.word}"?\n${USAGE}`, 1);
    }
    return wish;
  },
  create(_ctx: Context, ns: NetNamespace, name: string, request: LinkRequest, data: unknown): NetDevice {
    if (!request.link) throw new NetError(Errno.EINVAL);
    const { mode, flag } = (data as Wish | undefined) ?? { flag: "bridge" };
    return createIpvlan(ns.net, name, request.link, mode, flag, request.index);
  },
  change(_ctx: Context, dev: NetDevice, data: unknown): void {
    const { mode, flag } = data as Wish;
    if (mode) ipvlanSetMode(dev, mode);
    ipvlanOf(dev)!.port.flag = flag;
  },
  print({ out }: Context, dev: NetDevice): void {
    const { mode, flag } = ipvlanOf(dev)!.port;
    out.any("mode", ` mode ${mode} `, mode);
    out.any(flag, `${flag} `, true);
  },
};
