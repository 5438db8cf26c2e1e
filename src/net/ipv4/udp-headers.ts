// The IP and UDP headers that a socket's next datagrams have in common, ready to be copied while route, settings and options
// stay as they are: only addresses, port, lengths, identification and the pseudo-header's sum differ. What ipMakeSkb finds
// out anew for each packet (path MTU discovery, TTL, DF) is found out once here, as Linux's corked send does with struct
// inet_cork; about 60 ns less a datagram (`npm run bench`: forward_60B). The bytes are the same (test/net/ipv4/udp.test.ts).

import { fold, pseudoHeaderSumAt } from "../../wire/checksum.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import * as udp from "../../wire/udp.ts";
import { CHECKSUM_PARTIAL, moveBytes, type SkBuff } from "../core/skb.ts";
import { RTN_MULTICAST } from "./fib-types.ts";
import type { DatagramSock } from "./inet-sock.ts";
import { IPSKB_IGNORE_DF } from "./ip-cb.ts";
import { ipSelectIdent } from "./ip-ident.ts";
import { IP_PMTUDISC_DO, IP_PMTUDISC_OMIT, ipDontFragment, ipSelectTtl, pmtuDiscOf } from "./ip-output.ts";
import { type FlowKey, IPV4_MIN_MTU, type Rtable } from "./rtable.ts";

const UDP_AT = ipv4.HEADER_LENGTH;
const PAYLOAD_AT: number = UDP_AT + udp.HEADER_LENGTH;

export class UdpHeaders {
  /** what they were made for; null: not yet */
  rt: Rtable | null = null;
  #genid = 0;
  /** payload of more than this, or any with −1, is made by ipMakeSkb */
  mostBytes = -1;
  readonly #bytes: Uint8Array = new Uint8Array(PAYLOAD_AT);
  readonly #words: Int32Array = new Int32Array(this.#bytes.buffer);
  #flags = 0;
  /** whom they are addressed to now, and the pseudo-header's sum without the length */
  #saddr = -1;
  #daddr = -1;
  #dport = -1;
  #pseudo = 0;

  areFor(rt: Rtable): boolean {
    return this.rt === rt && this.#genid === rt.ip4.net.pathGenid && rt.dev.features.txCsum;
  }

  /** Finds out what datagrams of a socket by this route look like; mostBytes is −1 where each must be looked at by itself. */
  make(sk: DatagramSock, rt: Rtable): void {
    const { ip4 } = sk;
    const disc = pmtuDiscOf(ip4, sk);
    const mtu = rt.mtu();
    this.rt = rt;
    this.#genid = ip4.net.pathGenid;
    this.mostBytes = -1;
    // a path MTU that was learned comes and goes with time; the device must complete the checksum
    const ordinary = disc <= IP_PMTUDISC_DO || disc === IP_PMTUDISC_OMIT;
    if (!ordinary || rt.isException || mtu < IPV4_MIN_MTU || sk.options || rt.type === RTN_MULTICAST) return;
    if (!rt.dev.features.txCsum) return;
    this.mostBytes = mtu - PAYLOAD_AT;
    this.#flags = disc < IP_PMTUDISC_DO || disc === IP_PMTUDISC_OMIT ? IPSKB_IGNORE_DF : 0;
    const b = this.#bytes;
    ipv4.setVersionAndHeaderLength(b, 0);
    ipv4.setTos(b, 0, sk.tos);
    ipv4.setFlagsAndOffset(b, 0, ipDontFragment(ip4, sk, rt) ? ipv4.DF : 0);
    ipv4.setTtl(b, 0, ipSelectTtl(ip4, sk, rt));
    ipv4.setProtocol(b, 0, sk.protocol);
    udp.setSourcePort(b, UDP_AT, sk.sport);
  }

  #address({ saddr, daddr }: FlowKey, dport: number): void {
    const b = this.#bytes;
    this.#saddr = saddr;
    this.#daddr = daddr;
    this.#dport = dport;
    ipv4.setSource(b, 0, saddr);
    ipv4.setDestination(b, 0, daddr);
    udp.setDestinationPort(b, UDP_AT, dport);
    this.#pseudo = pseudoHeaderSumAt(b, 0, ipv4.IPPROTO_UDP, 0);
  }

  /** The datagram from fl.saddr to fl.daddr as ipMakeSkb and udp_send_skb make it. */
  makeSkb(sk: DatagramSock, fl: FlowKey, dport: number, payload: Uint8Array): SkBuff {
    const length = udp.HEADER_LENGTH + payload.length;
    const skb = sk.net.kernel.skbs.alloc(UDP_AT + length);
    const at = skb.put(UDP_AT + length);
    const { head } = skb;
    if (this.#dport !== dport || this.#daddr !== fl.daddr || this.#saddr !== fl.saddr) this.#address(fl, dport);
    const { words } = skb;
    const from = this.#words;
    const w = at >> 2;
    words[w] = from[0]!;
    words[w + 1] = from[1]!;
    words[w + 2] = from[2]!;
    words[w + 3] = from[3]!;
    words[w + 4] = from[4]!;
    words[w + 5] = from[5]!;
    words[w + 6] = from[6]!;
    moveBytes(head, at + PAYLOAD_AT, payload, 0, payload.length);
    udp.setLength(head, at + UDP_AT, length);
    udp.setChecksum(head, at + UDP_AT, fold(this.#pseudo + length));
    skb.networkHeader = at;
    skb.transportHeader = at + UDP_AT;
    skb.ipSummed = CHECKSUM_PARTIAL;
    skb.csumStart = at + UDP_AT;
    skb.csumOffset = udp.CHECKSUM;
    skb.ipcbFlags = this.#flags;
    skb.dst = this.rt;
    skb.sk = sk;
    ipSelectIdent(sk.ip4, skb, sk, 1);
    skb.priority = sk.priority;
    skb.mark = sk.mark;
    return skb;
  }
}
