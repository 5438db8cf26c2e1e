// Receiving BPDUs: frames with an 802.3 length whose LLC header names the spanning tree. A bridge port passes them up when
// STP is on, and this packet type takes them. Answers to net/bridge/br_stp_bpdu.c (br_stp_rcv) and what of net/llc it uses.

import * as bpdu from "../../wire/bpdu.ts";
import * as ethernet from "../../wire/ethernet.ts";
import { DropReason } from "../core/drop-reason.ts";
import type { Net } from "../core/net.ts";
import type { NetDevice } from "../core/net-device.ts";
import { consumeSkb, drop, type SkBuff } from "../core/skb.ts";
import { BR_BPDU_GUARD, BR_KERNEL_STP, BR_STATE_DISABLED, bridgePortOf } from "./br-private.ts";
import { receivedConfigBpdu, receivedTcnBpdu } from "./br-stp.ts";
import { brStpDisablePort } from "./br-stp-if.ts";

const TICK_NS = 1_000_000_000 / 256;

/** Takes 802.2 frames of a namespace, of which only spanning tree's are known. */
export function brStpRegister(net: Net): void {
  if (!net.packetTypes.has(ethernet.ETH_P_802_2)) net.packetTypes.set(ethernet.ETH_P_802_2, llcRcv);
}

function llcRcv(skb: SkBuff, dev: NetDevice): void {
  const { head, data } = skb;
  // the 802.3 length says how much belongs to the frame (llc_fixup_skb)
  const length = ethernet.getEtherType(head, skb.macHeader);
  if (length > skb.len || length < bpdu.LLC_LENGTH + bpdu.TCN_LENGTH || !bpdu.isLlc(head, data)) {
    drop(skb, DropReason.UNHANDLED_PROTO);
    return;
  }
  skb.trim(length);
  brStpRcv(skb, dev);
}

/** br_stp_rcv */
function brStpRcv(skb: SkBuff, dev: NetDevice): void {
  const port = bridgePortOf(dev);
  const { head } = skb;
  const at = skb.data + bpdu.LLC_LENGTH;
  if (!port || port.br.stpEnabled !== BR_KERNEL_STP || !port.br.dev.up || port.state === BR_STATE_DISABLED) {
    drop(skb, DropReason.NOT_SPECIFIED);
    return;
  }
  if (!ethernet.equalMac(head, skb.macHeader, port.br.groupAddress, 0)) {
    drop(skb, DropReason.NOT_SPECIFIED);
    return;
  }
  if (port.flags & BR_BPDU_GUARD) {
    port.br.info(`BPDU received on blocked port ${port.portNo}(${dev.name})`);
    brStpDisablePort(port);
    drop(skb, DropReason.NOT_SPECIFIED);
    return;
  }
  const config = bpdu.parse(head, at, skb.tail);
  if (config) {
    const messageAgeNs = config.messageAge * TICK_NS;
    const maxAgeNs = config.maxAge * TICK_NS;
    // older than its own limit: not to be believed
    if (messageAgeNs <= maxAgeNs)
      receivedConfigBpdu(port, {
        topologyChange: (config.flags & bpdu.FLAG_TOPOLOGY_CHANGE) !== 0,
        topologyChangeAck: (config.flags & bpdu.FLAG_TOPOLOGY_CHANGE_ACK) !== 0,
        root: { priority: config.rootPriority, mac: config.rootMac },
        rootPathCost: config.rootPathCost,
        bridgeId: { priority: config.bridgePriority, mac: config.bridgeMac },
        portId: config.port,
        messageAgeNs,
        maxAgeNs,
        helloTimeNs: config.helloTime * TICK_NS,
        forwardDelayNs: config.forwardDelay * TICK_NS,
      });
  } else if (bpdu.isTcn(head, at, skb.tail)) receivedTcnBpdu(port);
  consumeSkb(skb);
}
