// The spanning tree protocol of IEEE 802.1D-1998 (clause 8): who is root, which port leads there, which port serves a
// segment, and what follows for each port's state. Answers to net/bridge/br_stp.c; sending a BPDU is left to
// br-stp-bpdu.ts and the timers' ends to br-stp-timer.ts, both through `StpIo`. With STP off every port goes straight from
// blocking to forwarding.

import { MSEC, type Ns, SEC } from "../../base/time.ts";
import { netifCarrier } from "../core/dev.ts";
import { roundJiffies } from "../core/timer-wheel.ts";
import {
  BR_KERNEL_STP,
  BR_NO_STP,
  BR_ROOT_BLOCK,
  BR_STATE_BLOCKING,
  BR_STATE_DISABLED,
  BR_STATE_FORWARDING,
  BR_STATE_LEARNING,
  BR_STATE_LISTENING,
  BR_STATE_NAMES,
  type BridgeId,
  type BridgePort,
  compareBridgeIds,
  type NetBridge,
} from "./br-private.ts";
import { sendConfigBpdu, sendTcnBpdu } from "./br-stp-bpdu.ts";

/** What a hop adds to a message's age: HZ / 256 + 1 jiffies of 4 ms. */
const MESSAGE_AGE_INCR: Ns = 4 * MSEC;
/** A port waits this long between two BPDUs. */
const BR_HOLD_TIME: Ns = 1 * SEC;

/** A configuration BPDU as the protocol sees it; times in ns. */
export interface ConfigBpdu {
  topologyChange: boolean;
  topologyChangeAck: boolean;
  root: BridgeId;
  rootPathCost: number;
  bridgeId: BridgeId;
  portId: number;
  messageAgeNs: Ns;
  maxAgeNs: Ns;
  helloTimeNs: Ns;
  forwardDelayNs: Ns;
}

/** br_set_state */
export function brSetState(port: BridgePort, state: number): void {
  port.state = state;
  port.br.info(`port ${port.portNo}(${port.dev.name}) entered ${BR_STATE_NAMES[state]} state`);
}

export function isRootBridge(br: NetBridge): boolean {
  return compareBridgeIds(br.bridgeId, br.designatedRoot) === 0;
}

export function isDesignatedPort(port: BridgePort): boolean {
  return compareBridgeIds(port.designatedBridge, port.br.bridgeId) === 0 && port.designatedPort === port.portId;
}

export function isDesignatedForSomePort(br: NetBridge): boolean {
  return br.ports.some(
    (port) => port.state !== BR_STATE_DISABLED && compareBridgeIds(port.designatedBridge, br.bridgeId) === 0,
  );
}

/** br_become_designated_port */
export function becomeDesignatedPort(port: BridgePort): void {
  const { br } = port;
  port.designatedRoot = br.designatedRoot;
  port.designatedCost = br.rootPathCost;
  port.designatedBridge = br.bridgeId;
  port.designatedPort = port.portId;
}

/** br_configuration_update: root and designated ports are chosen again. */
export function configurationUpdate(br: NetBridge): void {
  rootSelection(br);
  designatedPortSelection(br);
}

/** br_root_selection */
function rootSelection(br: NetBridge): void {
  let best: BridgePort | null = null;
  for (const port of br.ports) if (isBetterRootPort(port, best)) best = port;
  br.rootPort = best?.portNo ?? 0;
  if (!best) {
    br.designatedRoot = br.bridgeId;
    br.rootPathCost = 0;
  } else {
    br.designatedRoot = best.designatedRoot;
    br.rootPathCost = best.designatedCost + best.pathCost;
  }
}

/** br_should_become_root_port: 802.1D 8.6.8.3.1 */
function isBetterRootPort(port: BridgePort, than: BridgePort | null): boolean {
  const { br } = port;
  if (port.state === BR_STATE_DISABLED || isDesignatedPort(port)) return false;
  if (port.flags & BR_ROOT_BLOCK) return false;
  if (compareBridgeIds(br.bridgeId, port.designatedRoot) <= 0) return false;
  if (!than) return true;
  const difference =
    compareBridgeIds(port.designatedRoot, than.designatedRoot) ||
    port.designatedCost + port.pathCost - (than.designatedCost + than.pathCost) ||
    compareBridgeIds(port.designatedBridge, than.designatedBridge) ||
    port.designatedPort - than.designatedPort ||
    port.portId - than.portId;
  return difference < 0;
}

/** br_designated_port_selection */
function designatedPortSelection(br: NetBridge): void {
  for (const port of br.ports)
    if (port.state !== BR_STATE_DISABLED && shouldBecomeDesignatedPort(port)) becomeDesignatedPort(port);
}

/** br_should_become_designated_port: 802.1D 8.6.8.3.2 */
function shouldBecomeDesignatedPort(port: BridgePort): boolean {
  const { br } = port;
  if (isDesignatedPort(port)) return true;
  if (compareBridgeIds(port.designatedRoot, br.designatedRoot) !== 0) return true;
  if (br.rootPathCost !== port.designatedCost) return br.rootPathCost < port.designatedCost;
  const difference = compareBridgeIds(br.bridgeId, port.designatedBridge);
  if (difference !== 0) return difference < 0;
  return port.portId < port.designatedPort;
}

/** br_port_state_selection: each port's role decides its state; the bridge has a carrier while some port forwards. */
export function portStateSelection(br: NetBridge): void {
  let live = 0;
  for (const port of br.ports) {
    if (port.state === BR_STATE_DISABLED) continue;
    if (port.portNo === br.rootPort) {
      port.configPending = false;
      port.topologyChangeAck = false;
      makeForwarding(port);
    } else if (isDesignatedPort(port)) {
      port.messageAgeTimer?.del();
      makeForwarding(port);
    } else {
      port.configPending = false;
      port.topologyChangeAck = false;
      makeBlocking(port);
    }
    if (port.state === BR_STATE_FORWARDING) live++;
  }
  netifCarrier(br.dev, live > 0);
}

/** br_make_blocking */
function makeBlocking(port: BridgePort): void {
  if (port.state === BR_STATE_DISABLED || port.state === BR_STATE_BLOCKING) return;
  if (port.state === BR_STATE_FORWARDING || port.state === BR_STATE_LEARNING) topologyChangeDetection(port.br);
  brSetState(port, BR_STATE_BLOCKING);
  port.forwardDelayTimer?.del();
}

/** br_make_forwarding: by way of listening and learning when the protocol runs. */
function makeForwarding(port: BridgePort): void {
  const { br } = port;
  if (port.state !== BR_STATE_BLOCKING) return;
  if (br.stpEnabled === BR_NO_STP || br.forwardDelayNs === 0) {
    brSetState(port, BR_STATE_FORWARDING);
    topologyChangeDetection(br);
    port.forwardDelayTimer?.del();
  } else brSetState(port, BR_STATE_LISTENING);
  if (br.forwardDelayNs !== 0) port.timer("forwardDelayTimer").after(br.forwardDelayNs);
}

/** br_topology_change_detection: the root tells all; others tell the root. */
export function topologyChangeDetection(br: NetBridge): void {
  if (br.stpEnabled !== BR_KERNEL_STP) return;
  const root = isRootBridge(br);
  br.info(`topology change detected, ${root ? "propagating" : "sending tcn bpdu"}`);
  if (root) {
    setTopologyChange(br, true);
    br.topologyChangeTimer.after(br.bridgeForwardDelayNs + br.bridgeMaxAgeNs);
  } else if (!br.topologyChangeDetected) {
    transmitTcn(br);
    br.tcnTimer.after(br.bridgeHelloTimeNs);
  }
  br.topologyChangeDetected = true;
}

/** __br_set_topology_change: while it lasts, learned addresses live for the forward delay only (holdTime). */
export function setTopologyChange(br: NetBridge, on: boolean): void {
  if (br.stpEnabled !== BR_KERNEL_STP || br.topologyChange === on) return;
  br.ageingTimeNs = on ? 2 * br.forwardDelayNs : br.bridgeAgeingTimeNs;
  br.topologyChange = on;
}

/** br_become_root_bridge */
export function becomeRootBridge(br: NetBridge): void {
  br.maxAgeNs = br.bridgeMaxAgeNs;
  br.helloTimeNs = br.bridgeHelloTimeNs;
  br.forwardDelayNs = br.bridgeForwardDelayNs;
  topologyChangeDetection(br);
  br.tcnTimer.del();
  if (!br.dev.up) return;
  configBpduGeneration(br);
  br.helloTimer.after(br.helloTimeNs);
}

/** br_config_bpdu_generation */
export function configBpduGeneration(br: NetBridge): void {
  for (const port of br.ports) if (port.state !== BR_STATE_DISABLED && isDesignatedPort(port)) transmitConfig(port);
}

/** br_transmit_config: at most one a second per port; a further one follows when that is over. */
export function transmitConfig(port: BridgePort): void {
  const { br } = port;
  if (port.holdTimer?.pending) {
    port.configPending = true;
    return;
  }
  const root = isRootBridge(br);
  let messageAgeNs = 0;
  if (!root) {
    const rootPort = br.portByNo[br.rootPort] ?? null;
    if (!rootPort) return;
    messageAgeNs = br.maxAgeNs - Math.max(0, (rootPort.messageAgeTimer?.expires ?? 0) - br.now) + MESSAGE_AGE_INCR;
  }
  if (messageAgeNs >= br.maxAgeNs) return;
  if (br.stpEnabled === BR_KERNEL_STP)
    sendConfigBpdu(port, {
      topologyChange: br.topologyChange,
      topologyChangeAck: port.topologyChangeAck,
      root: br.designatedRoot,
      rootPathCost: br.rootPathCost,
      bridgeId: br.bridgeId,
      portId: port.portId,
      messageAgeNs,
      maxAgeNs: br.maxAgeNs,
      helloTimeNs: br.helloTimeNs,
      forwardDelayNs: br.forwardDelayNs,
    });
  port.topologyChangeAck = false;
  port.configPending = false;
  if (br.stpEnabled === BR_KERNEL_STP) port.timer("holdTimer").mod(roundJiffies(br.now, br.now + BR_HOLD_TIME));
}

/** br_transmit_tcn */
export function transmitTcn(br: NetBridge): void {
  const port = br.portByNo[br.rootPort];
  if (port) sendTcnBpdu(port);
}

/** br_received_config_bpdu: 802.1D 8.7.1 */
export function receivedConfigBpdu(port: BridgePort, bpdu: ConfigBpdu): void {
  const { br } = port;
  const wasRoot = isRootBridge(br);
  if (supersedes(port, bpdu)) {
    recordConfig(port, bpdu);
    configurationUpdate(br);
    portStateSelection(br);
    if (!isRootBridge(br) && wasRoot) {
      br.helloTimer.del();
      if (br.topologyChangeDetected) {
        br.topologyChangeTimer.del();
        transmitTcn(br);
        br.tcnTimer.after(br.bridgeHelloTimeNs);
      }
    }
    if (port.portNo === br.rootPort) {
      br.maxAgeNs = bpdu.maxAgeNs;
      br.helloTimeNs = bpdu.helloTimeNs;
      br.forwardDelayNs = bpdu.forwardDelayNs;
      setTopologyChange(br, bpdu.topologyChange);
      configBpduGeneration(br);
      if (bpdu.topologyChangeAck) {
        br.topologyChangeDetected = false;
        br.tcnTimer.del();
      }
    }
  } else if (isDesignatedPort(port)) transmitConfig(port);
}

/** br_supersedes_port_info: the message is better than what this port knew. */
function supersedes(port: BridgePort, bpdu: ConfigBpdu): boolean {
  let difference = compareBridgeIds(bpdu.root, port.designatedRoot);
  if (difference !== 0) return difference < 0;
  if (bpdu.rootPathCost !== port.designatedCost) return bpdu.rootPathCost < port.designatedCost;
  difference = compareBridgeIds(bpdu.bridgeId, port.designatedBridge);
  if (difference !== 0) return difference < 0;
  if (compareBridgeIds(bpdu.bridgeId, port.br.bridgeId) !== 0) return true;
  return bpdu.portId <= port.designatedPort;
}

/** br_record_config_information */
function recordConfig(port: BridgePort, bpdu: ConfigBpdu): void {
  port.designatedRoot = bpdu.root;
  port.designatedCost = bpdu.rootPathCost;
  port.designatedBridge = bpdu.bridgeId;
  port.designatedPort = bpdu.portId;
  port.timer("messageAgeTimer").after(Math.max(0, bpdu.maxAgeNs - bpdu.messageAgeNs));
}

/** br_received_tcn_bpdu: the segment's designated bridge passes it on and acknowledges. */
export function receivedTcnBpdu(port: BridgePort): void {
  if (!isDesignatedPort(port)) return;
  port.br.info(`port ${port.portNo}(${port.dev.name}) received tcn bpdu`);
  topologyChangeDetection(port.br);
  port.topologyChangeAck = true;
  transmitConfig(port);
}
