// The IP and UDP headers that a socket's next datagrams have in common, ready to be put together while route, settings and options
// stay as they are: only lengths, identification and the sums differ. What ipMakeSkb finds out anew for each packet (path MTU
// discovery, TTL, DF) is found out once for a route, as Linux's corked send does with struct inet_cork, what its addresses make of it
// once for a destination; about 60 ns less a datagram (`npm run bench`: forward_60B). The bytes are the same (test/net/ipv4/udp.test.ts).

import { foldSmall, halves } from "../../wire/checksum.ts";
import { ETH_P_IP } from "../../wire/ethernet.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { half, numberOf, wordOf } from "../../wire/layout.ts";
import * as udp from "../../wire/udp.ts";
import type { Neighbour } from "../core/neighbour.ts";
import type { Net } from "../core/net.ts";
import { SIGN } from "../core/packet-box.ts";
import { CHECKSUM_PARTIAL, type SkBuff } from "../core/skb.ts";
import { putBytes } from "../core/skb-bytes.ts";
import { Trail } from "../core/trail.ts";
import { RTN_MULTICAST } from "./fib-types.ts";
import type { DatagramSock } from "./inet-sock.ts";
import { IPSKB_IGNORE_DF } from "./ip-cb.ts";
import type { IpIdents } from "./ip-ident.ts";
import { IP_PMTUDISC_DO, IP_PMTUDISC_OMIT, ipDontFragment, ipGoesPlain, ipSelectTtl, pmtuDiscOf } from "./ip-output.ts";
import { IPV4_MIN_MTU, type Rtable } from "./rtable.ts";

const UDP_AT = ipv4.HEADER_LENGTH;
const PAYLOAD_AT: number = UDP_AT + udp.HEADER_LENGTH;
const UDP_HALF: number = half(ipv4.IPPROTO_UDP);

/** Where a datagram's identification is counted, but for a counter of `IpIdents`. */
const COUNTED_BY_SOCKET = -1;
const NOT_COUNTED = -2;

/** What datagrams by one route have in common. */
export class UdpHeaders {
  /** the socket's namespace */
  private readonly net: Net;
  /** what they were made for; null: not yet, or the socket's options have changed */
  rt: Rtable | null = null;
  genid = 0;
  /** payload of more than this, or any with −1, is made by ipMakeSkb */
  mostBytes = -1;
  /** they go out as they are: unicast, and no hook function looks at them (ipPlainOut) */
  plainOut = false;
  /** grows whenever they are made anew: destinations are of one generation */
  generation = 0;
  /** halves: version, header length and TOS; DF; TTL and protocol */
  versionTos = 0;
  df = 0;
  ttlProtocol = 0;
  flags = 0;
  /** which destinations, as far as is known, the route is for, with their highest bit turned (SIGN), and the source that it chooses */
  private low = 0;
  private high = -1;
  saddr = 0;
  /** the whole way of what goes there and has none of its own; null: it has not been asked for */
  trail: Trail | null = null;

  constructor(net: Net) {
    this.net = net;
  }

  /** What they were made for is as it was: then the route still counts, too. */
  areFor(rt: Rtable): boolean {
    return this.rt === rt && this.areCurrent();
  }

  /** … whatever it was. */
  areCurrent(): boolean {
    return this.rt !== null && this.genid === this.net.pathGenid;
  }

  /** The route that was found, with the source that it chose, is that of these destinations (route-cache.ts). */
  setSpan(low: number, high: number, saddr: number): void {
    this.low = low;
    this.high = high;
    this.saddr = saddr;
  }

  /** A datagram to the address goes by the route, as it is still good. */
  areForAddress(daddr: number): boolean {
    const turned = daddr ^ SIGN;
    return turned >= this.low && turned <= this.high && this.areCurrent();
  }

  /** Finds out what datagrams of a socket by this route look like; mostBytes is −1 where each must be looked at by itself. */
  make(sk: DatagramSock, rt: Rtable): void {
    const { ip4 } = sk;
    const disc = pmtuDiscOf(ip4, sk);
    const mtu = rt.mtu();
    this.rt = rt;
    this.genid = ip4.net.pathGenid;
    this.generation++;
    this.mostBytes = -1;
    this.plainOut = false;
    this.high = this.low - 1;
    this.trail?.forget();
    // a path MTU that was learned comes and goes with time; the device must complete the checksum
    const ordinary = disc <= IP_PMTUDISC_DO || disc === IP_PMTUDISC_OMIT;
    if (!ordinary || rt.isException || mtu < IPV4_MIN_MTU || sk.options || rt.type === RTN_MULTICAST) return;
    if (!rt.dev.features.txCsum) return;
    this.mostBytes = mtu - PAYLOAD_AT;
    this.flags = disc < IP_PMTUDISC_DO || disc === IP_PMTUDISC_OMIT ? IPSKB_IGNORE_DF : 0;
    this.plainOut = ipGoesPlain(rt);
    this.versionTos = half(0x4500 | sk.tos);
    this.df = ipDontFragment(ip4, sk, rt) ? half(ipv4.DF) : 0;
    this.ttlProtocol = half((ipSelectTtl(ip4, sk, rt) << 8) | sk.protocol);
  }
}

/** What datagrams to one address and port have in common. */
export class UdpDestination {
  // What each datagram asks for comes first, in two lines of the processor's cache, and what is said of all by the route again: of 1,000
  // connected sockets each would have its headers in three lines more (flows_1000).
  private genid = -1;
  /** as of headers */
  mostBytes = -1;
  private versionTos = 0;
  private df = 0;
  private ttlProtocol = 0;
  /** addresses and ports as they stand in the headers */
  private source = 0;
  private destination = 0;
  private ports = 0;
  /** sums of the IP header's halves and the pseudo-header's without what differs by packet */
  private headerSum = 0;
  private pseudo = 0;
  /** number of the counter in the table, or as above */
  private ident = NOT_COUNTED;
  /** its own whole way; null: it has none, or has not been asked for */
  private trail: Trail | null = null;
  /** for now only: its datagrams go the way of all by this route */
  private readonly passing: boolean;
  headers: UdpHeaders;
  private generation = -1;
  /** signed: small integers to V8; 0: not yet any */
  private saddr = 0;
  private daddr = 0;
  private dport = 0;
  private sourceSum = 0;
  private sourcePort = 0;
  private idents: IpIdents | null = null;

  constructor(headers: UdpHeaders, passing: boolean) {
    this.headers = headers;
    this.passing = passing;
  }

  /** The whole way of what goes there: its own, or that of all by the route; null: it is not known. */
  get wholeWay(): Trail | null {
    return this.passing === true ? this.headers.trail : this.trail;
  }

  /** What it was made for is as it was: a datagram goes there as the last one did, if it is no longer than `mostBytes`. */
  isCurrent(net: Net): boolean {
    return this.genid === net.pathGenid;
  }

  /** The neighbour is the next hop of what goes there; of an own way that was asked when it was noted. */
  leadsTo(neigh: Neighbour): boolean {
    return this.passing !== true || this.#isNextHop(neigh);
  }

  #isNextHop(neigh: Neighbour): boolean {
    return (neigh.key | 0) === (this.headers.rt!.nexthop(this.daddr) | 0);
  }

  /** Makes it one for datagrams with these headers between two addresses (signed numbers). */
  address(sk: DatagramSock, headers: UdpHeaders, saddr: number, daddr: number, dport: number): void {
    if (this.headers !== headers || this.generation !== headers.generation || this.saddr !== saddr)
      this.#begin(sk, headers, saddr);
    else if (this.daddr === daddr && this.dport === dport) return;
    if (this.trail !== null) this.trail.forget();
    if (this.dport !== dport) {
      this.dport = dport;
      this.ports = wordOf(this.sourcePort, half(dport));
    }
    if (this.daddr === daddr) return;
    this.daddr = daddr;
    this.destination = numberOf(daddr);
    const addresses = this.sourceSum + halves(this.destination);
    this.pseudo = addresses + UDP_HALF;
    this.headerSum = addresses + headers.versionTos + headers.df + headers.ttlProtocol;
    if (this.ident >= 0) this.ident = this.idents!.counter(daddr, saddr, ipv4.IPPROTO_UDP);
  }

  #begin(sk: DatagramSock, headers: UdpHeaders, saddr: number): void {
    this.headers = headers;
    this.generation = headers.generation;
    this.genid = headers.genid;
    this.mostBytes = headers.mostBytes;
    this.versionTos = headers.versionTos;
    this.df = headers.df;
    this.ttlProtocol = headers.ttlProtocol;
    this.saddr = saddr;
    this.daddr = 0;
    this.dport = 0;
    this.source = numberOf(saddr);
    this.sourceSum = halves(this.source);
    this.sourcePort = half(sk.sport);
    // ip_select_ident
    if (sk.daddr !== 0) this.ident = COUNTED_BY_SOCKET;
    else if (headers.df !== 0 && !(headers.flags & IPSKB_IGNORE_DF)) this.ident = NOT_COUNTED;
    else {
      this.ident = 0;
      this.idents = sk.ip4.idents;
    }
  }

  /** The datagram as ipMakeSkb, udp_send_skb and, for its length and checksum, ipLocalOut make it. */
  makeSkb(sk: DatagramSock, payload: Uint8Array): SkBuff {
    const skb = this.#make(sk, payload);
    const { rt, flags } = this.headers;
    skb.ipcbFlags = flags;
    skb.dst = rt;
    skb.sk = sk;
    skb.priority = sk.priority;
    skb.mark = sk.mark;
    return skb;
  }

  /** The same for a packet on its trail, as it leaves the sender's namespace: what is scrubbed there is not set first. */
  makeOnTrail(sk: DatagramSock, payload: Uint8Array): SkBuff {
    const skb = this.#make(sk, payload);
    skb.protocol = ETH_P_IP;
    skb.bare = true;
    return skb;
  }

  /** Headers and payload, and what is known of their checksums. */
  #make(sk: DatagramSock, payload: Uint8Array): SkBuff {
    const length = udp.HEADER_LENGTH + payload.length;
    const skb = sk.ip4.net.kernel.skbs.alloc(UDP_AT + length);
    const at = skb.put(UDP_AT + length);
    // whole words: who reads one soon after would wait for the bytes that it is put together from
    const { words } = skb;
    const w = at >> 2;
    const total = half(UDP_AT + length);
    const udpLength = half(length);
    const id = half(this.#identification(sk));
    words[w] = wordOf(this.versionTos, total);
    words[w + 1] = wordOf(id, this.df);
    words[w + 2] = wordOf(this.ttlProtocol, ~foldSmall(this.headerSum + total + id));
    words[w + 3] = this.source;
    words[w + 4] = this.destination;
    words[w + 5] = this.ports;
    words[w + 6] = wordOf(udpLength, foldSmall(this.pseudo + udpLength));
    putBytes(skb, at + PAYLOAD_AT, payload, payload.length);
    skb.networkHeader = at;
    skb.transportHeader = at + UDP_AT;
    skb.ipSummed = CHECKSUM_PARTIAL;
    skb.csumStart = at + UDP_AT;
    skb.csumOffset = udp.CHECKSUM;
    return skb;
  }

  #identification(sk: DatagramSock): number {
    const ident = this.ident;
    if (ident === COUNTED_BY_SOCKET) {
      const id = sk.inetId;
      sk.inetId = (id + 1) & 0xffff;
      return id;
    }
    return ident === NOT_COUNTED ? 0 : this.idents!.count(ident, 1);
  }

  /** Which way this packet goes, from here to its end, is to be noted. */
  noteTrail(sk: DatagramSock, skb: SkBuff): void {
    const rt = this.headers.rt!;
    const { neigh } = rt;
    const hop = neigh?.hop;
    if (!neigh || !hop || !this.#isNextHop(neigh) || !neigh.leadsBy(hop)) return;
    const trail = this.wholeWay ?? new Trail(sk.net.sim, this.passing);
    if (!this.passing) this.trail = trail;
    else if (trail.leads()) return;
    else this.headers.trail = trail;
    trail.begin(skb, neigh, hop);
  }
}
