// The IP and UDP headers that a socket's next datagrams have in common, ready to be copied while route, settings and options
// stay as they are: only addresses, port, lengths, identification and the pseudo-header's sum differ. What ipMakeSkb finds
// out anew for each packet (path MTU discovery, TTL, DF) is found out once here, as Linux's corked send does with struct
// inet_cork; about 60 ns less a datagram (`npm run bench`: forward_60B). The bytes are the same (test/net/ipv4/udp.test.ts).

import { foldSmall } from "../../wire/checksum.ts";
import { ETH_P_IP } from "../../wire/ethernet.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { firstHalf, half, secondHalf, wordOf } from "../../wire/layout.ts";
import * as udp from "../../wire/udp.ts";
import { CHECKSUM_PARTIAL, type SkBuff } from "../core/skb.ts";
import { putBytes } from "../core/skb-bytes.ts";
import type { Trail } from "../core/trail.ts";
import { RTN_MULTICAST } from "./fib-types.ts";
import type { DatagramSock } from "./inet-sock.ts";
import { IPSKB_IGNORE_DF } from "./ip-cb.ts";
import { IP_PMTUDISC_DO, IP_PMTUDISC_OMIT, ipDontFragment, ipGoesPlain, ipSelectTtl, pmtuDiscOf } from "./ip-output.ts";
import { type FlowKey, IPV4_MIN_MTU, type Rtable } from "./rtable.ts";

const UDP_AT = ipv4.HEADER_LENGTH;
const PAYLOAD_AT: number = UDP_AT + udp.HEADER_LENGTH;

export class UdpHeaders {
  /** what they were made for; null: not yet */
  rt: Rtable | null = null;
  #genid = 0;
  /** payload of more than this, or any with −1, is made by ipMakeSkb */
  mostBytes = -1;
  /** they go out as they are: unicast, and no hook function looks at them (ipPlainOut) */
  plainOut = false;
  /** addressed to the peer of a connected socket, by the route that it keeps: nothing of the sort is asked again */
  toPeer = false;
  /** the whole way of what goes to the peer; null: not asked for yet */
  trail: Trail | null = null;
  readonly #bytes: Uint8Array = new Uint8Array(PAYLOAD_AT);
  readonly #words: Int32Array = new Int32Array(this.#bytes.buffer);
  /** halves: version, header length and TOS; DF; TTL and protocol */
  #versionTos = 0;
  #df = 0;
  #ttlProtocol = 0;
  #flags = 0;
  /** whom they are addressed to now, the sums of the IP header's halves and the pseudo-header's without what differs by packet */
  #saddr = -1;
  #daddr = -1;
  #dport = -1;
  #headerSum = 0;
  #pseudo = 0;

  /** What they were made for is as it was: then the route still counts, too. */
  areFor(rt: Rtable): boolean {
    return this.rt === rt && this.#genid === rt.ip4.net.pathGenid;
  }

  /** Finds out what datagrams of a socket by this route look like; mostBytes is −1 where each must be looked at by itself. */
  make(sk: DatagramSock, rt: Rtable): void {
    const { ip4 } = sk;
    const disc = pmtuDiscOf(ip4, sk);
    const mtu = rt.mtu();
    this.rt = rt;
    this.#genid = ip4.net.pathGenid;
    this.mostBytes = -1;
    this.plainOut = false;
    this.toPeer = false;
    this.trail = null;
    this.#daddr = -1;
    // a path MTU that was learned comes and goes with time; the device must complete the checksum
    const ordinary = disc <= IP_PMTUDISC_DO || disc === IP_PMTUDISC_OMIT;
    if (!ordinary || rt.isException || mtu < IPV4_MIN_MTU || sk.options || rt.type === RTN_MULTICAST) return;
    if (!rt.dev.features.txCsum) return;
    this.mostBytes = mtu - PAYLOAD_AT;
    this.#flags = disc < IP_PMTUDISC_DO || disc === IP_PMTUDISC_OMIT ? IPSKB_IGNORE_DF : 0;
    this.plainOut = ipGoesPlain(rt);
    this.#versionTos = half(0x4500 | sk.tos);
    this.#df = ipDontFragment(ip4, sk, rt) ? half(ipv4.DF) : 0;
    this.#ttlProtocol = half((ipSelectTtl(ip4, sk, rt) << 8) | sk.protocol);
    udp.setSourcePort(this.#bytes, UDP_AT, sk.sport);
  }

  #address({ saddr, daddr }: FlowKey, dport: number): void {
    const b = this.#bytes;
    this.#saddr = saddr;
    this.#daddr = daddr;
    this.#dport = dport;
    ipv4.setSource(b, 0, saddr);
    ipv4.setDestination(b, 0, daddr);
    udp.setDestinationPort(b, UDP_AT, dport);
    const words = this.#words;
    const addresses = firstHalf(words[3]!) + secondHalf(words[3]!) + firstHalf(words[4]!) + secondHalf(words[4]!);
    this.#pseudo = addresses + half(ipv4.IPPROTO_UDP);
    this.#headerSum = addresses + this.#versionTos + this.#df + this.#ttlProtocol;
  }

  /** The datagram from fl.saddr to fl.daddr as ipMakeSkb, udp_send_skb and, for its length and checksum, ipLocalOut make it. */
  makeSkb(sk: DatagramSock, fl: FlowKey, dport: number, payload: Uint8Array): SkBuff {
    const length = udp.HEADER_LENGTH + payload.length;
    const skb = sk.net.kernel.skbs.alloc(UDP_AT + length);
    if (!this.toPeer && (this.#dport !== dport || this.#daddr !== fl.daddr || this.#saddr !== fl.saddr))
      this.#address(fl, dport);
    this.#put(skb, this.#identification(sk, fl), payload);
    skb.ipcbFlags = this.#flags;
    skb.dst = this.rt;
    skb.sk = sk;
    skb.priority = sk.priority;
    skb.mark = sk.mark;
    return skb;
  }

  /**
   * The same for a packet on its trail, to the connected peer, as it leaves the sender's namespace: what is scrubbed there is not set
   * first.
   */
  makeOnTrail(sk: DatagramSock, payload: Uint8Array): SkBuff {
    const skb = sk.net.kernel.skbs.alloc(PAYLOAD_AT + payload.length);
    const id = sk.inetId;
    sk.inetId = (id + 1) & 0xffff;
    this.#put(skb, id, payload);
    skb.protocol = ETH_P_IP;
    skb.bare = true;
    return skb;
  }

  /** Headers and payload, and what is known of their checksums. */
  #put(skb: SkBuff, id: number, payload: Uint8Array): void {
    const length = udp.HEADER_LENGTH + payload.length;
    const at = skb.put(UDP_AT + length);
    // whole words: who reads one soon after would wait for the bytes that it is put together from
    const { words } = skb;
    const from = this.#words;
    const w = at >> 2;
    const total = half(UDP_AT + length);
    const udpLength = half(length);
    const identification = half(id);
    words[w] = wordOf(this.#versionTos, total);
    words[w + 1] = wordOf(identification, this.#df);
    words[w + 2] = wordOf(this.#ttlProtocol, ~foldSmall(this.#headerSum + total + identification));
    words[w + 3] = from[3]!;
    words[w + 4] = from[4]!;
    words[w + 5] = from[5]!;
    words[w + 6] = wordOf(udpLength, foldSmall(this.#pseudo + udpLength));
    putBytes(skb, at + PAYLOAD_AT, payload, payload.length);
    skb.networkHeader = at;
    skb.transportHeader = at + UDP_AT;
    skb.ipSummed = CHECKSUM_PARTIAL;
    skb.csumStart = at + UDP_AT;
    skb.csumOffset = udp.CHECKSUM;
  }

  /** ip_select_ident */
  #identification(sk: DatagramSock, fl: FlowKey): number {
    if (sk.daddr !== 0) {
      const id = sk.inetId;
      sk.inetId = (id + 1) & 0xffff;
      return id;
    }
    if (this.#df !== 0 && !(this.#flags & IPSKB_IGNORE_DF)) return 0;
    return sk.ip4.idents.next(fl.daddr | 0, fl.saddr | 0, ipv4.IPPROTO_UDP, 1, sk.net.kernel.sim);
  }
}
