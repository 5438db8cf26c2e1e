// The flags that a new link gets (rtnl_configure_link).

import { devChangeFlags } from "../../net/core/dev-flags.ts";
import type { NetDevice } from "../../net/core/net-device.ts";
import type { LinkRequest } from "./link-request.ts";

export function configureLink(dev: NetDevice, request: LinkRequest): void {
  if (request.change) devChangeFlags(dev, request.change, request.flags);
}
