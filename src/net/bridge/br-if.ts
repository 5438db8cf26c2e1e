// A bridge's ports come and go, and what happens to a port's device happens to the port. Answers to net/bridge/br_if.c and
// the notifier of br.c.

import { Errno, NetError } from "../../base/errno.ts";
import { isMulticast, isZero } from "../../wire/ethernet.ts";
import { devSetAllmulti, devSetMtu, devSetPromiscuity } from "../core/dev.ts";
import {
  NETDEV_CHANGE,
  NETDEV_CHANGEADDR,
  NETDEV_CHANGEMTU,
  NETDEV_CHANGEUPPER,
  NETDEV_DOWN,
  NETDEV_UNREGISTER,
  NETDEV_UP,
  type NetdevEvent,
} from "../core/net.ts";
import { ARPHRD_ETHER, type NetDevice } from "../core/net-device.ts";
import { brFdbAddLocal, brFdbChangeaddr, brFdbDeleteByPort } from "./br-fdb.ts";
import { brHandleFrame } from "./br-input.ts";
import { brMulticastDelPort } from "./br-multicast.ts";
import {
  BR_ADMIN_COST,
  BR_MAX_PORTS,
  BR_STATE_DISABLED,
  BridgePort,
  bridgeOf,
  bridgePortOf,
  type NetBridge,
  portIsOperational,
} from "./br-private.ts";
import { brSetState } from "./br-stp.ts";
import { brInitPort, brStpDisablePort, brStpEnablePort, brStpRecalculateBridgeId } from "./br-stp-if.ts";
import { nbpVlanInit } from "./br-vlan.ts";

const ETH_DATA_LEN = 1500;

/**
 * Makes a device a port (br_add_if). Throws EINVAL (loopback, no Ethernet address), ELOOP (a bridge), EBUSY (has a master),
 * EXFULL as ENOSPC when there are too many ports.
 */
export function brAddIf(br: NetBridge, dev: NetDevice): BridgePort {
  if (dev.loopback || dev.type !== ARPHRD_ETHER || isMulticast(dev.address, 0) || isZero(dev.address, 0))
    throw new NetError(Errno.EINVAL);
  if (bridgeOf(dev)) throw new NetError(Errno.ELOOP, "Can not enslave a bridge to a bridge");
  if (dev.master || dev.rxHandler) throw new NetError(Errno.EBUSY);
  const port = new BridgePort(br, dev, freePortNo(br));
  port.pathCost = portCost(dev);
  brInitPort(port);
  brSetState(port, BR_STATE_DISABLED);
  devSetAllmulti(dev, 1);
  dev.rxHandler = brHandleFrame;
  dev.rxHandlerData = port;
  dev.master = br.dev;
  br.portByNo[port.portNo] = port;
  br.ports = [port, ...br.ports];
  devSetPromiscuity(dev, 1);
  dev.net.notify(NETDEV_CHANGEUPPER, dev);
  brFdbAddLocal(br, port, dev.address, 0);
  nbpVlanInit(port);
  const changed = brStpRecalculateBridgeId(br);
  if (portIsOperational(dev) && br.dev.up) brStpEnablePort(port);
  if (changed) br.dev.net.notify(NETDEV_CHANGEADDR, br.dev);
  mtuAutoAdjust(br);
  return port;
}

/** The device is a port no longer (br_del_if). Throws EINVAL when it is no port of this bridge. */
export function brDelIf(br: NetBridge, dev: NetDevice): void {
  const port = bridgePortOf(dev);
  if (port?.br !== br) throw new NetError(Errno.EINVAL);
  delNbp(port);
  mtuAutoAdjust(br);
  if (brStpRecalculateBridgeId(br)) br.dev.net.notify(NETDEV_CHANGEADDR, br.dev);
}

/** del_nbp */
export function delNbp(port: BridgePort): void {
  const { br, dev } = port;
  brStpDisablePort(port);
  devSetAllmulti(dev, -1);
  devSetPromiscuity(dev, -1);
  brMulticastDelPort(port);
  br.ports = br.ports.filter((other) => other !== port);
  br.portByNo[port.portNo] = null;
  brFdbDeleteByPort(br, port, true);
  dev.rxHandler = null;
  dev.rxHandlerData = null;
  dev.master = null;
  port.forwardDelayTimer?.del();
  port.holdTimer?.del();
  port.messageAgeTimer?.del();
  br.info(`port ${port.portNo}(${dev.name}) entered disabled state`);
  dev.net.notify(NETDEV_CHANGEUPPER, dev);
}

function freePortNo(br: NetBridge): number {
  for (let no = 1; no < BR_MAX_PORTS; no++) if (!br.portByNo[no]) return no;
  throw new NetError(Errno.ENOSPC);
}

/** Cost by speed as 802.1D-1998 recommends, and Linux's guess for faster ones (port_cost). */
function portCost(dev: NetDevice): number {
  const speed = dev.settings.speedMbps;
  if (speed < 0) return 100;
  if (speed > 10000) return 1;
  const table: ReadonlyMap<number, number> = new Map([
    [10000, 2],
    [5000, 3],
    [2500, 4],
    [1000, 4],
    [100, 19],
    [10, 100],
  ]);
  return table.get(speed) ?? 100;
}

/** What a bridge does when something happens to a device of its namespace (br_device_event). */
export function brDeviceEvent(event: NetdevEvent, dev: NetDevice): void {
  const port = bridgePortOf(dev);
  if (!port) return;
  const { br } = port;
  switch (event) {
    case NETDEV_CHANGEMTU:
      mtuAutoAdjust(br);
      break;
    case NETDEV_CHANGEADDR:
      brFdbChangeaddr(port, dev.address);
      if (brStpRecalculateBridgeId(br)) br.dev.net.notify(NETDEV_CHANGEADDR, br.dev);
      break;
    case NETDEV_CHANGE:
      carrierCheck(port);
      break;
    case NETDEV_DOWN:
      if (br.dev.up && port.state !== BR_STATE_DISABLED) brStpDisablePort(port);
      break;
    case NETDEV_UP:
      if (br.dev.up && portIsOperational(dev)) brStpEnablePort(port);
      break;
    case NETDEV_UNREGISTER:
      brDelIf(br, dev);
      break;
  }
}

/** br_port_carrier_check */
function carrierCheck(port: BridgePort): void {
  const operational = portIsOperational(port.dev);
  if (!(port.flags & BR_ADMIN_COST) && operational) port.pathCost = portCost(port.dev);
  if (!port.br.dev.up) return;
  if (operational) {
    if (port.state === BR_STATE_DISABLED) brStpEnablePort(port);
  } else if (port.state !== BR_STATE_DISABLED) brStpDisablePort(port);
}

/** The smallest MTU of the ports, unless the user chose one (br_mtu_auto_adjust). */
function mtuAutoAdjust(br: NetBridge): void {
  if (br.mtuSetByUser) return;
  let mtu = 0;
  for (const port of br.ports) if (mtu === 0 || port.dev.mtu < mtu) mtu = port.dev.mtu;
  devSetMtu(br.dev, mtu || ETH_DATA_LEN);
  // devSetMtu asks the driver, which takes it for the user's wish
  br.mtuSetByUser = false;
}
