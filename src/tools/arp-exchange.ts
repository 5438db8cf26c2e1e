// What both arpings do with their packet socket: one ARP message sent again and again, and which of those that arrive are
// answers to it (RFC 826; RFC 5227 for duplicate address detection). Answers to the send_pack and recv_pack that iputils
// and busybox share.

import type { Ns } from "../base/time.ts";
import type { NetDevice } from "../net/core/net-device.ts";
import { PACKET_BROADCAST, PACKET_HOST, PACKET_MULTICAST } from "../net/core/skb.ts";
import type { Socket } from "../net/socket.ts";
import type { Task } from "../sim/task.ts";
import * as arp from "../wire/arp.ts";
import { copyMac, ETH_P_ARP, equalMac } from "../wire/ethernet.ts";

const RECEIVE_BYTES = 4096;

/** A message that concerns the target. */
export interface ArpAnswer {
  readonly operation: number;
  /** it was sent to this host's own address */
  readonly unicast: boolean;
  readonly senderMac: Uint8Array;
  readonly senderIp: number;
  readonly targetMac: Uint8Array;
  readonly targetIp: number;
}

export class ArpExchange {
  readonly socket: Socket;
  readonly device: NetDevice;
  readonly target: number;
  readonly source: number;
  /** only whether anybody else has the address matters */
  duplicateDetection = false;
  /** requests go to who has answered */
  unicasting = false;
  /** when the last message was sent; −1: none yet */
  lastNs: Ns = -1;
  readonly #operation: number;
  readonly #to: Uint8Array = new Uint8Array(6);

  constructor(socket: Socket, device: NetDevice, target: number, source: number, operation: number) {
    this.socket = socket;
    this.device = device;
    this.target = target;
    this.source = source;
    this.#operation = operation;
    this.#to.set(device.broadcast);
  }

  /** Sends the message; throws ENETDOWN, ENXIO. */
  *send(now: Ns): Task<void> {
    const { device } = this;
    const packet = new Uint8Array(arp.HEADER_LENGTH);
    arp.setPreamble(packet, 0, this.#operation);
    copyMac(device.address, 0, packet, arp.SENDER_MAC);
    arp.setSenderIp(packet, 0, this.source);
    copyMac(this.#operation === arp.OP_REPLY ? device.address : this.#to, 0, packet, arp.TARGET_MAC);
    arp.setTargetIp(packet, 0, this.target);
    this.lastNs = now;
    yield* this.socket.send(packet, { ifindex: device.ifindex, protocol: ETH_P_ARP, hwAddr: this.#to });
  }

  /** The next message if it is an answer, else undefined. Throws EAGAIN, ENETDOWN. */
  *receive(): Task<ArpAnswer | undefined> {
    const { bytes, pktType } = yield* this.socket.recv(RECEIVE_BYTES, { dontWait: true });
    if (pktType !== PACKET_HOST && pktType !== PACKET_BROADCAST && pktType !== PACKET_MULTICAST) return undefined;
    if (bytes.length < arp.HEADER_LENGTH || !arp.isEthernetIpv4(bytes, 0)) return undefined;
    const operation = arp.getOperation(bytes, 0);
    if (operation !== arp.OP_REQUEST && operation !== arp.OP_REPLY) return undefined;
    const senderIp = arp.getSenderIp(bytes, 0);
    const targetIp = arp.getTargetIp(bytes, 0);
    if (senderIp !== this.target) return undefined;
    const { address } = this.device;
    if (this.duplicateDetection) {
      if (equalMac(bytes, arp.SENDER_MAC, address, 0)) return undefined;
      if (this.source !== 0 && this.source !== targetIp) return undefined;
    } else if (targetIp !== this.source || !equalMac(bytes, arp.TARGET_MAC, address, 0)) return undefined;
    return {
      operation,
      unicast: pktType === PACKET_HOST,
      senderMac: bytes.slice(arp.SENDER_MAC, arp.SENDER_MAC + 6),
      senderIp,
      targetMac: bytes.slice(arp.TARGET_MAC, arp.TARGET_MAC + 6),
      targetIp,
    };
  }

  /** From now on only the one that answered is asked. */
  answerTo(answer: ArpAnswer): void {
    this.#to.set(answer.senderMac);
    this.unicasting = true;
  }
}
