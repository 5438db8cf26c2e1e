// Spanning tree from the outside: a bridge or port goes up or down, a setting changes. Answers to net/bridge/br_stp_if.c
// and the setters of br_stp.c. Leaves out a userspace daemon (/sbin/bridge-stp).

import { Errno, NetError } from "../../base/errno.ts";
import { MSEC, type Ns, SEC } from "../../base/time.ts";
import { macToNumber } from "../../wire/addr.ts";
import { brFdbChangeMacAddress, brFdbDeleteByPort } from "./br-fdb.ts";
import {
  BR_ADMIN_COST,
  BR_KERNEL_STP,
  BR_NO_STP,
  BR_STATE_BLOCKING,
  BR_STATE_DISABLED,
  type BridgeId,
  type BridgePort,
  compareBridgeIds,
  makePortId,
  type NetBridge,
  portIsOperational,
} from "./br-private.ts";
import {
  becomeDesignatedPort,
  becomeRootBridge,
  brSetState,
  configBpduGeneration,
  configurationUpdate,
  isDesignatedPort,
  isRootBridge,
  portStateSelection,
  setTopologyChange,
} from "./br-stp.ts";

const GC_START_DELAY: Ns = 100 * MSEC;
const MIN_FORWARD_DELAY: Ns = 2 * SEC;
const MAX_FORWARD_DELAY: Ns = 30 * SEC;
const BR_MIN_PATH_COST = 1;
const BR_MAX_PATH_COST = 65535;
const BR_MAX_PORT_PRIORITY = 63;

/** br_init_port */
export function brInitPort(port: BridgePort): void {
  port.portId = makePortId(port.priority, port.portNo);
  becomeDesignatedPort(port);
  brSetState(port, BR_STATE_BLOCKING);
  port.topologyChangeAck = false;
  port.configPending = false;
}

/** The bridge goes up (br_stp_enable_bridge). */
export function brStpEnableBridge(br: NetBridge): void {
  if (br.stpEnabled === BR_KERNEL_STP) br.helloTimer.after(br.helloTimeNs);
  br.gcTimer.after(GC_START_DELAY);
  configBpduGeneration(br);
  for (const port of br.ports) if (portIsOperational(port.dev)) brStpEnablePort(port);
}

/** The bridge goes down (br_stp_disable_bridge). */
export function brStpDisableBridge(br: NetBridge): void {
  for (const port of br.ports) if (port.state !== BR_STATE_DISABLED) brStpDisablePort(port);
  setTopologyChange(br, false);
  br.topologyChangeDetected = false;
  br.helloTimer.del();
  br.topologyChangeTimer.del();
  br.tcnTimer.del();
  br.gcTimer.del();
}

/** br_stp_enable_port */
export function brStpEnablePort(port: BridgePort): void {
  brInitPort(port);
  portStateSelection(port.br);
}

/** br_stp_disable_port: what was learned there is forgotten. */
export function brStpDisablePort(port: BridgePort): void {
  const { br } = port;
  const wasRoot = isRootBridge(br);
  becomeDesignatedPort(port);
  brSetState(port, BR_STATE_DISABLED);
  port.topologyChangeAck = false;
  port.configPending = false;
  port.messageAgeTimer?.del();
  port.forwardDelayTimer?.del();
  port.holdTimer?.del();
  brFdbDeleteByPort(br, port, false);
  configurationUpdate(br);
  portStateSelection(br);
  if (isRootBridge(br) && !wasRoot) becomeRootBridge(br);
}

/** Spanning tree on or off (br_stp_set_enabled); on brings the forward delay into its legal range. */
export function brStpSetEnabled(br: NetBridge, on: boolean): void {
  if (!on) {
    br.stpEnabled = BR_NO_STP;
    return;
  }
  if (br.stpEnabled !== BR_NO_STP) return;
  const delay = Math.min(Math.max(br.bridgeForwardDelayNs, MIN_FORWARD_DELAY), MAX_FORWARD_DELAY);
  if (delay !== br.bridgeForwardDelayNs) setForwardDelay(br, delay);
  br.stpEnabled = BR_KERNEL_STP;
  if (br.dev.up) br.helloTimer.after(br.helloTimeNs);
  portStateSelection(br);
}

/** br_stp_change_bridge_id: six bytes. */
export function brStpChangeBridgeId(br: NetBridge, address: Uint8Array): void {
  const wasRoot = isRootBridge(br);
  brFdbChangeMacAddress(br, address);
  const old = br.bridgeId.mac;
  const mac = macToNumber(address);
  br.bridgeId = { ...br.bridgeId, mac };
  br.dev.address.set(address);
  br.dev.net.pathFlush();
  for (const port of br.ports) {
    if (port.designatedBridge.mac === old) port.designatedBridge = renamed(port.designatedBridge, br.bridgeId);
    if (port.designatedRoot.mac === old) port.designatedRoot = renamed(port.designatedRoot, br.bridgeId);
  }
  configurationUpdate(br);
  portStateSelection(br);
  if (isRootBridge(br) && !wasRoot) becomeRootBridge(br);
}

/** With the bridge's address: the same object as its own where nothing else differs. */
function renamed(id: BridgeId, own: BridgeId): BridgeId {
  return id.priority === own.priority ? own : { priority: id.priority, mac: own.mac };
}

/** The bridge takes the lowest address of its ports unless the user gave it one (br_stp_recalculate_bridge_id). */
export function brStpRecalculateBridgeId(br: NetBridge): boolean {
  const NET_ADDR_SET = 3;
  if (br.dev.settings.addrAssignType === NET_ADDR_SET) return false;
  let lowest = 0;
  let address: Uint8Array = new Uint8Array(6);
  for (const port of br.ports) {
    const mac = macToNumber(port.dev.address);
    if (lowest !== 0 && mac >= lowest) continue;
    lowest = mac;
    address = port.dev.address;
  }
  if (br.bridgeId.mac === lowest) return false;
  brStpChangeBridgeId(br, address);
  return true;
}

/** br_stp_set_bridge_priority: 0 … 65535 */
export function brStpSetBridgePriority(br: NetBridge, priority: number): void {
  const wasRoot = isRootBridge(br);
  const changed: BridgeId = { ...br.bridgeId, priority };
  for (const port of br.ports)
    if (port.state !== BR_STATE_DISABLED && isDesignatedPort(port)) port.designatedBridge = changed;
  br.bridgeId = changed;
  configurationUpdate(br);
  portStateSelection(br);
  if (isRootBridge(br) && !wasRoot) becomeRootBridge(br);
}

/** br_stp_set_port_priority: 0 … 63. Throws ERANGE. */
export function brStpSetPortPriority(port: BridgePort, priority: number): void {
  if (priority > BR_MAX_PORT_PRIORITY) throw new NetError(Errno.ERANGE);
  const { br } = port;
  const portId = makePortId(priority, port.portNo);
  if (isDesignatedPort(port)) port.designatedPort = portId;
  port.portId = portId;
  port.priority = priority;
  if (compareBridgeIds(br.bridgeId, port.designatedBridge) === 0 && port.portId < port.designatedPort) {
    becomeDesignatedPort(port);
    portStateSelection(br);
  }
}

/** br_stp_set_path_cost: 1 … 65535. Throws ERANGE. */
export function brStpSetPathCost(port: BridgePort, cost: number): void {
  if (cost < BR_MIN_PATH_COST || cost > BR_MAX_PATH_COST) throw new NetError(Errno.ERANGE);
  port.flags |= BR_ADMIN_COST;
  port.pathCost = cost;
  configurationUpdate(port.br);
  portStateSelection(port.br);
}

/** br_set_hello_time: 1 … 10 s. Throws ERANGE. */
export function brSetHelloTime(br: NetBridge, ns: Ns): void {
  if (ns < 1 * SEC || ns > 10 * SEC) throw new NetError(Errno.ERANGE);
  br.bridgeHelloTimeNs = ns;
  if (isRootBridge(br)) br.helloTimeNs = ns;
}

/** br_set_max_age: 6 … 40 s. Throws ERANGE. */
export function brSetMaxAge(br: NetBridge, ns: Ns): void {
  if (ns < 6 * SEC || ns > 40 * SEC) throw new NetError(Errno.ERANGE);
  br.bridgeMaxAgeNs = ns;
  if (isRootBridge(br)) br.maxAgeNs = ns;
}

/** br_set_forward_delay: 2 … 30 s while STP runs, else anything. Throws ERANGE. */
export function brSetForwardDelay(br: NetBridge, ns: Ns): void {
  if (br.stpEnabled !== BR_NO_STP && (ns < MIN_FORWARD_DELAY || ns > MAX_FORWARD_DELAY))
    throw new NetError(Errno.ERANGE);
  setForwardDelay(br, ns);
}

function setForwardDelay(br: NetBridge, ns: Ns): void {
  br.bridgeForwardDelayNs = ns;
  if (isRootBridge(br)) br.forwardDelayNs = ns;
}

/** br_set_ageing_time: 0 floods for ever. */
export function brSetAgeingTime(br: NetBridge, ns: Ns): void {
  br.bridgeAgeingTimeNs = ns;
  br.ageingTimeNs = ns;
  br.gcTimer.after(0);
}
