// Bridge protocol data units on the wire: 802.3 frames with an LLC header to 01:80:c2:00:00:00 (IEEE 802.1D clause 9).
// Answers to net/bridge/br_stp_bpdu.c, the sending half; br-stp-rcv.ts receives.

import type { Ns } from "../../base/time.ts";
import * as bpdu from "../../wire/bpdu.ts";
import * as ethernet from "../../wire/ethernet.ts";
import { devQueueXmit } from "../core/dev.ts";
import { NF_BR_LOCAL_OUT } from "./br-forward.ts";
import type { BridgePort } from "./br-private.ts";
import type { ConfigBpdu } from "./br-stp.ts";

/** A BPDU's times are in 1/256 s, rounded down (br_set_ticks). */
const TICKS_PER_SEC = 256;
const MAX_TICKS = 65535;
/** TC_PRIO_CONTROL */
const PRIORITY = 7;

/** br_send_config_bpdu */
export function sendConfigBpdu(port: BridgePort, config: ConfigBpdu): void {
  const header: bpdu.Header = {
    flags:
      (config.topologyChange ? bpdu.FLAG_TOPOLOGY_CHANGE : 0) |
      (config.topologyChangeAck ? bpdu.FLAG_TOPOLOGY_CHANGE_ACK : 0),
    rootPriority: config.root.priority,
    rootMac: config.root.mac,
    rootPathCost: config.rootPathCost,
    bridgePriority: config.bridgeId.priority,
    bridgeMac: config.bridgeId.mac,
    port: config.portId,
    messageAge: ticks(config.messageAgeNs),
    maxAge: ticks(config.maxAgeNs),
    helloTime: ticks(config.helloTimeNs),
    forwardDelay: ticks(config.forwardDelayNs),
  };
  send(port, bpdu.CONFIG_LENGTH, (b, at) => bpdu.emit(header, b, at));
}

/** br_send_tcn_bpdu */
export function sendTcnBpdu(port: BridgePort): void {
  send(port, bpdu.TCN_LENGTH, bpdu.emitTcn);
}

function ticks(ns: Ns): number {
  return Math.min(Math.floor((ns * TICKS_PER_SEC) / 1e9), MAX_TICKS);
}

/** br_send_bpdu: the 802.3 length, LLC, the unit; nothing pads it. */
function send(port: BridgePort, length: number, emit: (b: Uint8Array, at: number) => void): void {
  const { dev, br } = port;
  const total = ethernet.HEADER_LENGTH + bpdu.LLC_LENGTH + length;
  const skb = dev.net.kernel.skbs.alloc(total);
  const at = skb.put(total);
  const { head } = skb;
  ethernet.setDestination(head, at, br.groupAddress);
  ethernet.setSource(head, at, dev.address);
  ethernet.setEtherType(head, at, bpdu.LLC_LENGTH + length);
  emit(head, bpdu.emitLlc(head, at + ethernet.HEADER_LENGTH));
  skb.dev = dev;
  skb.protocol = ethernet.ETH_P_802_2;
  skb.priority = PRIORITY;
  skb.macHeader = at;
  skb.networkHeader = at + ethernet.HEADER_LENGTH;
  if (dev.net.hooksBridge.run(NF_BR_LOCAL_OUT, skb, null, dev, null)) devQueueXmit(skb);
}
