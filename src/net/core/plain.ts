// Which packets may take a short way (netfilter/flow-paths.ts, ipv4/early-demux.ts): those about which few questions are left.

import * as ethernet from "../../wire/ethernet.ts";
import * as ip from "../../wire/ipv4.ts";
import { get16 } from "../../wire/layout.ts";
import { CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, type SkBuff } from "./skb.ts";

const TRANSPORT_AT = ip.HEADER_LENGTH;

/** Four bytes of a packet as one of its words. */
function word(a: number, b: number, c: number, d: number): number {
  return new Int32Array(Uint8Array.of(a, b, c, d).buffer)[0]!;
}

const VERSION_AND_LENGTH = word(255, 0, 0, 0);
const WITHOUT_OPTIONS = word(0x45, 0, 0, 0);
const IS_FRAGMENT = word(0, 0, 0x3f, 0xff);
const PROTOCOL = word(0, 255, 0, 0);
const IS_UDP = word(0, ip.IPPROTO_UDP, 0, 0);
const IS_TCP = word(0, ip.IPPROTO_TCP, 0, 0);

/** A packet from the backlog is plain: as its sender knew, who has just made or judged it, or as a look at it says. */
export function isPlainReceived(skb: SkBuff): boolean {
  if (!skb.plain) return isPlain(skb);
  return skb.head[skb.data + ip.TTL]! > 1 && skb.pool.trace === null;
}

/** A whole UDP datagram or TCP segment without options of IP or anything else that needs a look, as a veth hands it over. */
function isPlain(skb: SkBuff): boolean {
  const { head, words, data } = skb;
  const length = skb.tail - data;
  const w = data >> 2;
  if (skb.protocol !== ethernet.ETH_P_IP || length < TRANSPORT_AT + 8 || (data & 3) !== 0) return false;
  const protocol = words[w + 2]! & PROTOCOL;
  return (
    (protocol === IS_UDP ? udpLengthIsGood(head, data, length) : protocol === IS_TCP && length >= TRANSPORT_AT + 20) &&
    (words[w]! & VERSION_AND_LENGTH) === WITHOUT_OPTIONS &&
    (words[w + 1]! & IS_FRAGMENT) === 0 &&
    // not at its last hop
    head[data + 8]! > 1 &&
    get16(head, data + 2) === length &&
    (skb.ipSummed === CHECKSUM_PARTIAL || skb.ipSummed === CHECKSUM_UNNECESSARY) &&
    (skb.gsoSize | skb.mark | skb.ct | skb.ctinfo | skb.vlanProto | skb.nfBridge) === 0 &&
    skb.macHeader === data - ethernet.HEADER_LENGTH &&
    skb.sk === null &&
    skb.dst === null &&
    !skb.nfTrace &&
    skb.pool.trace === null
  );
}

function udpLengthIsGood(head: Uint8Array, data: number, length: number): boolean {
  const udpLength = get16(head, data + TRANSPORT_AT + 4);
  return udpLength >= 8 && udpLength <= length - TRANSPORT_AT;
}
