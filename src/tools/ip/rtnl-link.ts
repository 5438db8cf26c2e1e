// Links made, changed and deleted as rtnetlink does it. Answers to net/core/rtnetlink.c: rtnl_newlink, do_setlink,
// rtnl_dellink, in their order of steps.

import { Errno, NetError } from "../../base/errno.ts";
import { brAddIf, brDelIf } from "../../net/bridge/br-if.ts";
import { bridgeOf, bridgePortOf } from "../../net/bridge/br-private.ts";
import {
  devChangeName,
  devChangeNetNamespace,
  devSetMacAddress,
  devSetMtu,
  unregisterNetdevice,
} from "../../net/core/dev.ts";
import { devChangeFlags } from "../../net/core/dev-flags.ts";
import { NETDEV_CHANGEADDR } from "../../net/core/net.ts";
import type { NetDevice } from "../../net/core/net-device.ts";
import type { Context } from "./context.ts";
import { configureLink } from "./link-flags.ts";
import { linkKind } from "./link-kinds.ts";
import type { LinkRequest } from "./link-request.ts";

const IFNAMSIZ = 16;
/** the kernel counted the name up */
const NET_NAME_ENUM = 1;

/** rtnl_newlink for a device that does not exist yet. */
export function newLink(ctx: Context, request: LinkRequest, data: unknown): void {
  const target = request.netns ?? ctx.ns;
  if (request.name !== null && request.name.length >= IFNAMSIZ)
    throw new NetError(Errno.ERANGE, "Attribute failed policy validation");
  if (request.name !== null && target.net.deviceByName(request.name)) throw new NetError(Errno.EEXIST);
  const kind = linkKind(request.kind!);
  if (!kind) throw new NetError(Errno.EOPNOTSUPP, "Unknown device type");
  const name = request.name ?? `${kind.name}%d`;
  const dev = kind.create(ctx, target, name, request, data);
  if (request.name === null) dev.change({ nameAssignType: NET_NAME_ENUM });
  if (request.numTxQueues > 0) dev.change({ numTxQueues: request.numTxQueues });
  if (request.numRxQueues > 0) dev.change({ numRxQueues: request.numRxQueues });
  try {
    if (request.group >= 0) dev.change({ group: request.group });
    configureLink(dev, request);
    applyAttributes(dev, request);
    if (request.master) setMaster(dev, request.master);
  } catch (error) {
    unregisterNetdevice(dev);
    throw error;
  }
}

/** What is only kept, and shown. */
function applyAttributes(dev: NetDevice, request: LinkRequest): void {
  if (request.addrGenMode !== undefined) dev.change({ addrGenMode: request.addrGenMode });
  if (request.linkMode !== undefined) dev.change({ linkMode: request.linkMode });
  if (request.gsoMaxSize >= 0) dev.gsoMaxSize = request.gsoMaxSize;
  if (request.gsoMaxSegs >= 0) dev.change({ gsoMaxSegs: request.gsoMaxSegs });
}

/** do_setlink */
export function setLink(ctx: Context, dev: NetDevice, request: LinkRequest, data: unknown): void {
  if (request.netns && request.netns.net !== dev.net) {
    const { net } = request.netns;
    const taken = net.deviceByName(dev.name) !== undefined;
    devChangeNetNamespace(dev, net, taken ? (request.name ?? undefined) : undefined, request.index);
  }
  if (request.address) devSetMacAddress(dev, request.address);
  if (request.mtu >= 0) devSetMtu(dev, request.mtu);
  if (request.group >= 0) dev.change({ group: request.group });
  if (request.name !== null) devChangeName(dev, request.name);
  if (request.alias !== undefined) dev.ifalias = request.alias;
  if (request.broadcast) {
    dev.broadcast = request.broadcast.slice();
    dev.net.notify(NETDEV_CHANGEADDR, dev);
  }
  if (request.master !== undefined) setMaster(dev, request.master);
  if (request.change) devChangeFlags(dev, request.change, request.flags);
  if (request.txQueueLen >= 0) dev.change({ txQueueLen: request.txQueueLen });
  applyAttributes(dev, request);
  if (request.kind !== null && data !== undefined) {
    const slave = request.kind.endsWith("_slave");
    const kind = linkKind(request.kind);
    if (!kind?.change) throw new NetError(Errno.EOPNOTSUPP);
    const own = slave ? `${dev.master?.kind}_slave` : dev.kind;
    if (own !== request.kind) throw new NetError(Errno.EINVAL);
    kind.change(ctx, dev, data);
  }
}

/** do_set_master: out of the old one, into the new one. */
export function setMaster(dev: NetDevice, master: NetDevice | null): void {
  if (dev.master === master) return;
  const port = bridgePortOf(dev);
  if (dev.master) {
    if (!port) throw new NetError(Errno.EOPNOTSUPP);
    brDelIf(port.br, dev);
  }
  if (!master) return;
  const br = bridgeOf(master);
  if (!br) throw new NetError(Errno.EOPNOTSUPP);
  brAddIf(br, dev);
}

/** rtnl_dellink: what no driver made through netlink cannot be deleted. */
export function delLink(dev: NetDevice): void {
  if (!linkKind(dev.kind)) throw new NetError(Errno.EOPNOTSUPP);
  unregisterNetdevice(dev);
}
