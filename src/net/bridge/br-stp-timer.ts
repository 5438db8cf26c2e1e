// What happens when a spanning-tree timer runs out, and the timers of a bridge and of a port. Answers to
// net/bridge/br_stp_timer.c.

import { SEC } from "../../base/time.ts";
import { formatMac, macFromNumber } from "../../wire/addr.ts";
import { netifCarrier } from "../core/dev.ts";
import type { WheelTimer } from "../core/timer-batch.ts";
import { roundJiffies } from "../core/timer-wheel.ts";
import { brFdbCleanup } from "./br-fdb.ts";
import {
  BR_STATE_DISABLED,
  BR_STATE_FORWARDING,
  BR_STATE_LEARNING,
  BR_STATE_LISTENING,
  type BridgePort,
  type NetBridge,
  setPortTimerEnds,
} from "./br-private.ts";
import {
  becomeDesignatedPort,
  becomeRootBridge,
  brSetState,
  configBpduGeneration,
  configurationUpdate,
  isDesignatedForSomePort,
  isRootBridge,
  portStateSelection,
  setTopologyChange,
  topologyChangeDetection,
  transmitConfig,
  transmitTcn,
} from "./br-stp.ts";

/** br_stp_timer_init */
export function brStpTimerInit(br: NetBridge): void {
  const { timers } = br.dev.net.kernel;
  br.helloTimer = timers.wheelTimer(() => {
    if (!br.dev.up) return;
    configBpduGeneration(br);
    if (br.stpEnabled) br.helloTimer.mod(roundJiffies(br.now, br.now + br.helloTimeNs));
  });
  br.tcnTimer = timers.wheelTimer(() => {
    if (isRootBridge(br) || !br.dev.up) return;
    transmitTcn(br);
    br.tcnTimer.after(br.bridgeHelloTimeNs);
  });
  br.topologyChangeTimer = timers.wheelTimer(() => {
    br.topologyChangeDetected = false;
    setTopologyChange(br, false);
  });
  br.gcTimer = timers.wheelTimer(() => brFdbCleanup(br));
}

// br_stp_port_timer_init
setPortTimerEnds({
  messageAgeTimer: messageAgeExpired,
  forwardDelayTimer: forwardDelayExpired,
  holdTimer: (port) => {
    if (port.configPending) transmitConfig(port);
  },
});

/** The segment's designated bridge has fallen silent. */
function messageAgeExpired(port: BridgePort): void {
  const { br } = port;
  if (port.state === BR_STATE_DISABLED) return;
  const { priority, mac } = port.designatedBridge;
  const address = new Uint8Array(6);
  macFromNumber(mac, address);
  br.info(
    `port ${port.portNo}(${port.dev.name}) neighbor ${priority.toString(16).padStart(4, "0")}.${formatMac(address)} lost`,
  );
  const wasRoot = isRootBridge(br);
  becomeDesignatedPort(port);
  configurationUpdate(br);
  portStateSelection(br);
  if (isRootBridge(br) && !wasRoot) becomeRootBridge(br);
}

/** Listening becomes learning, learning becomes forwarding. */
function forwardDelayExpired(port: BridgePort): void {
  const { br } = port;
  if (port.state === BR_STATE_LISTENING) {
    brSetState(port, BR_STATE_LEARNING);
    port.timer("forwardDelayTimer").after(br.forwardDelayNs);
  } else if (port.state === BR_STATE_LEARNING) {
    brSetState(port, BR_STATE_FORWARDING);
    if (isDesignatedForSomePort(br)) topologyChangeDetection(br);
    netifCarrier(br.dev, true);
  }
  // it has done its work, once for every port
  if (!port.forwardDelayTimer?.pending) port.forwardDelayTimer = null;
}

/** What is left of a timer in 1/100 s, 0 when it does not run (br_timer_value), as sysfs and netlink show it. */
export function brTimerValue(timer: WheelTimer | null): number {
  return timer?.pending ? Math.max(0, Math.floor(((timer.expires - timer.sim.now) * 100) / SEC)) : 0;
}
