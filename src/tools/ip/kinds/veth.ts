// `ip link … type veth [peer …]` (iproute2's ip/link_veth.c).

import type { NetDevice } from "../../../net/core/net-device.ts";
import { createVethPair } from "../../../net/link/veth.ts";
import type { NetNamespace } from "../../../net/netns.ts";
import type { Context } from "../context.ts";
import { type Args, CommandError, duparg } from "../lib/args.ts";
import { configureLink } from "../link-flags.ts";
import { type LinkRequest, parseLinkRequest } from "../link-request.ts";
import { commonOptions, type LinkKind } from "./kind.ts";

export const veth: LinkKind = {
  name: "veth",
  parse(ctx: Context, args: Args): LinkRequest {
    if (!args.is("peer"))
      throw new CommandError(
        "Usage: ip link <options> type veth [peer <options>]\nTo get <options> type 'ip link add help'\n",
        1,
      );
    args.advance();
    const peer = parseLinkRequest(ctx, args, true);
    if (peer.kind !== null) duparg("type", args.word);
    return peer;
  },
  create(ctx: Context, ns: NetNamespace, name: string, request: LinkRequest, data: unknown): NetDevice {
    const peer = data as LinkRequest | undefined;
    const peerNet = (peer?.netns ?? ctx.ns).net;
    const [dev, other] = createVethPair(
      ns.net,
      name,
      peerNet,
      peer?.name ?? "veth%d",
      commonOptions(request),
      peer ? commonOptions(peer) : {},
    );
    if (!peer?.name) other.change({ nameAssignType: 1 });
    if (peer) configureLink(other, peer);
    return dev;
  },
};
