// `ip link … type vlan` (iproute2's ip/iplink_vlan.c).

import { Errno, NetError } from "../../../base/errno.ts";
import type { NetDevice } from "../../../net/core/net-device.ts";
import { createVlan, vlanOf } from "../../../net/link/vlan.ts";
import type { NetNamespace } from "../../../net/netns.ts";
import { ETH_P_8021AD, ETH_P_8021Q } from "../../../wire/ethernet.ts";
import type { Context } from "../context.ts";
import { type Args, CommandError, invarg, onOff, parseUnsigned } from "../lib/args.ts";
import type { LinkRequest } from "../link-request.ts";
import { commonOptions, type LinkKind, unknownOption } from "./kind.ts";

const USAGE = `Usage: ... vlan id VLANID
                [ protocol VLANPROTO ]
                [ reorder_hdr { on | off } ]
                [ gvrp { on | off } ]
                [ mvrp { on | off } ]
                [ loose_binding { on | off } ]
                [ bridge_binding { on | off } ]
                [ ingress-qos-map QOS-MAP ]
                [ egress-qos-map QOS-MAP ]

VLANID := 0-4095
VLANPROTO: [ 802.1Q | 802.1ad ]
QOS-MAP := [ QOS-MAP ] QOS-MAPPING
QOS-MAPPING := FROM:TO
`;

interface Wish {
  vid?: number;
  protocol: number;
  looseBinding: boolean;
}

export const vlan: LinkKind = {
  name: "vlan",
  parse(_ctx: Context, args: Args): Wish {
    const wish: Wish = { protocol: ETH_P_8021Q, looseBinding: false };
    for (; !args.done; args.advance()) {
      if (args.matches("protocol")) {
        const word = args.next();
        if (/^802\.1ad$/i.test(word)) wish.protocol = ETH_P_8021AD;
        else if (!/^802\.1q$/i.test(word)) invarg("protocol is invalid", word);
      } else if (args.matches("id")) {
        const word = args.next();
        wish.vid = parseUnsigned(word, 65535) ?? invarg("id is invalid", word);
      } else if (args.matches("reorder_hdr")) {
        if (!onOff("reorder_hdr", args.next())) refuse("reorder_hdr off");
      } else if (args.matches("loose_binding")) wish.looseBinding = onOff("loose_binding", args.next());
      else if (args.matches("gvrp") || args.matches("mvrp") || args.matches("bridge_binding")) {
        const key = args.word;
        if (onOff(key, args.next())) refuse(key);
      } else if (args.matches("ingress-qos-map") || args.matches("egress-qos-map")) refuse(args.word);
      else if (args.matches("help")) throw new CommandError(USAGE, 1);
      else unknownOption("vlan", args.word, USAGE);
    }
    return wish;
  },
  create(_ctx: Context, ns: NetNamespace, name: string, request: LinkRequest, data: unknown): NetDevice {
    const wish = data as Wish | undefined;
    if (!request.link) throw new NetError(Errno.EINVAL, "link not specified");
    if (wish?.vid === undefined) throw new NetError(Errno.EINVAL, "VLAN properties not specified");
    if (wish.vid >= 4095) throw new NetError(Errno.ERANGE, "Invalid VLAN id");
    const config = {
      lower: request.link,
      vid: wish.vid,
      protocol: wish.protocol,
      looseBinding: wish.looseBinding,
      reorderHdr: true,
    };
    return createVlan(ns.net, name, config, commonOptions(request));
  },
  print({ out }: Context, dev: NetDevice): void {
    const { config } = vlanOf(dev)!;
    const protocol = config.protocol === ETH_P_8021AD ? "802.1ad" : "802.1Q";
    out.any("protocol", `protocol ${protocol} `, protocol);
    out.any("id", `id ${config.vid} `, config.vid);
    out.openArray("flags", "<");
    out.any(null, config.looseBinding ? "REORDER_HDR," : "REORDER_HDR", "REORDER_HDR");
    if (config.looseBinding) out.any(null, "LOOSE_BINDING", "LOOSE_BINDING");
    out.closeArray("> ");
  },
};

function refuse(what: string): never {
  throw new CommandError(`vlan: "${what}" is not supported by vethlab\n`, 1);
}
