// `ip link … type dummy`: no options.

import type { NetDevice } from "../../../net/core/net-device.ts";
import { createDummy } from "../../../net/link/dummy.ts";
import type { NetNamespace } from "../../../net/netns.ts";
import type { Context } from "../context.ts";
import type { LinkRequest } from "../link-request.ts";
import { commonOptions, type LinkKind } from "./kind.ts";

export const dummy: LinkKind = {
  name: "dummy",
  create: (_ctx: Context, ns: NetNamespace, name: string, request: LinkRequest): NetDevice =>
    createDummy(ns.net, name, commonOptions(request)),
};
