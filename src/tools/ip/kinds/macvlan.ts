// `ip link … type macvlan` (iproute2's ip/iplink_macvlan.c).

import { Errno, NetError } from "../../../base/errno.ts";
import type { NetDevice } from "../../../net/core/net-device.ts";
import { createMacvlan, MACVLAN_MODES, type MacvlanMode, macvlanOf } from "../../../net/link/macvlan.ts";
import type { NetNamespace } from "../../../net/netns.ts";
import type { Context } from "../context.ts";
import { type Args, CommandError } from "../lib/args.ts";
import type { LinkRequest } from "../link-request.ts";
import { commonOptions, type LinkKind, unknownOption } from "./kind.ts";

const USAGE =
  "Usage: ... macvlan mode MODE [flag MODE_FLAG] MODE_OPTS [bcqueuelen BC_QUEUE_LEN]\n\n" +
  "MODE: private | vepa | bridge | passthru | source\n" +
  "MODE_FLAG: null | nopromisc\n" +
  'MODE_OPTS: for mode "source":\n' +
  "\tmacaddr { { add | del } <macaddr> | set [ <macaddr> [ <macaddr>  ... ] ] | flush }\n" +
  "BC_QUEUE_LEN: Length of the rx queue for broadcast/multicast: [0-4294967295]\n";

export const macvlan: LinkKind = {
  name: "macvlan",
  parse(_ctx: Context, args: Args): MacvlanMode {
    let mode: MacvlanMode | undefined;
    for (; !args.done; args.advance()) {
      if (args.matches("mode")) {
        const word = args.next();
        mode = MACVLAN_MODES.find((name) => name === word);
        if (word === "source") throw new CommandError('macvlan: mode "source" is not supported by vethlab\n', 1);
        if (!mode)
          throw new CommandError(
            `Error: argument of "mode" must be "private", "vepa", "bridge", "passthru" or "source", not "${word}"\n`,
            1,
          );
      } else if (args.matches("flag") || args.matches("macaddr") || args.matches("bcqueuelen"))
        throw new CommandError(`macvlan: "${args.word}" is not supported by vethlab\n`, 1);
      else if (args.matches("help")) throw new CommandError(USAGE, 1);
      else unknownOption("macvlan", args.word, USAGE);
    }
    return mode ?? "vepa";
  },
  create(_ctx: Context, ns: NetNamespace, name: string, request: LinkRequest, data: unknown): NetDevice {
    if (!request.link) throw new NetError(Errno.EINVAL);
    return createMacvlan(
      ns.net,
      name,
      request.link,
      (data as MacvlanMode | undefined) ?? "vepa",
      commonOptions(request),
    );
  },
  change(_ctx: Context, dev: NetDevice, data: unknown): void {
    const self = macvlanOf(dev)!;
    const mode = data as MacvlanMode;
    // passthru is for a device's whole life
    if ((self.mode === "passthru") !== (mode === "passthru")) throw new NetError(Errno.EINVAL);
    self.mode = mode;
  },
  print({ out }: Context, dev: NetDevice): void {
    const { mode } = macvlanOf(dev)!;
    out.any("mode", `mode ${mode} `, mode);
    out.any("bcqueuelen", "bcqueuelen 1000 ", 1000);
    out.any("usedbcqueuelen", "usedbcqueuelen 1000 ", 1000);
  },
};
