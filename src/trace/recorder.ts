// Writes down what happens to every packet of a lab, from the engine's own trace (SkbPool.trace): each function that tells
// becomes a step, each copy a strand of its own. Nothing here judges a packet; it only reads what happened.

import type { Lab } from "../host/lab.ts";
import type { NetDevice } from "../net/core/net-device.ts";
import { PACKET_LOOPBACK, type SkBuff } from "../net/core/skb.ts";
import type { Sock } from "../net/core/sock.ts";
import { withTagInFrame } from "../net/core/vlan-tag.ts";
import { skbRtable } from "../net/ipv4/rtable.ts";
import { RequestSock } from "../net/ipv4/tcp-request.ts";
import { TcpSock } from "../net/ipv4/tcp-sock.ts";
import { TimewaitSock } from "../net/ipv4/tcp-timewait.ts";
import { UdpSock } from "../net/ipv4/udp.ts";
import type { TraceEvent } from "../sim/trace.ts";
import { formatMac } from "../wire/addr.ts";
import * as arp from "../wire/arp.ts";
import { FramePrinter, LINKTYPE_ETHERNET, LINKTYPE_RAW } from "../wire/print.ts";
import { Interfaces } from "./interfaces.ts";
import { NetfilterNotes } from "./netfilter-notes.ts";
import type { End, Event, Packet, RuleName, Sight, Strand } from "./packet.ts";
import { type Living, OpenStrand } from "./strand.ts";
import { flowOf, flowText, hasIpv4, icmpWords, routeWords } from "./words.ts";

export interface RecorderOptions {
  /** rules that were looked at and did not match, too */
  readonly allRules?: boolean;
  /** Is a frame of interest? Judges every sight, and what never was one (the IP header first then). */
  readonly filter?: (frame: Uint8Array, raw: boolean) => boolean;
  /**
   * Takes each packet when nothing more can happen to it, and those that are under way at the end; otherwise they are kept in
   * `packets`. `settled`: nothing that happened before this place in the order is still to come.
   */
  readonly onDone?: (packet: Packet, settled: number) => void;
  /** Told of every event, with its packet's place in the records; for those who list functions. */
  readonly onEvent?: (event: TraceEvent, skb: SkBuff, strand: Strand) => void;
}

const HOOKS: ReadonlyMap<string, string> = new Map([
  ["PRE_ROUTING", "PREROUTING"],
  ["LOCAL_IN", "INPUT"],
  ["FORWARD", "FORWARD"],
  ["LOCAL_OUT", "OUTPUT"],
  ["POST_ROUTING", "POSTROUTING"],
]);

/** What the next packet is there for: the number of the one that caused it. */
interface Cause {
  readonly strand: OpenStrand;
  readonly text: string;
  /** "arp" when an answer is counted as one */
  readonly answer: string;
}

export class Recorder {
  /** all packets, unless onDone takes them */
  readonly packets: Packet[] = [];
  readonly interfaces: Interfaces;
  readonly #lab: Lab;
  readonly #options: RecorderOptions;
  /** packets that are under way, by number */
  readonly #byId: Map<number, Living> = new Map();
  #count = 0;
  readonly #open: Map<SkBuff, OpenStrand> = new Map();
  readonly #netfilter: NetfilterNotes;
  /** who a packet was made for, until it is seen */
  readonly #causes: Map<SkBuff, Cause> = new Map();
  #next: Cause | null = null;
  readonly #ethernet: FramePrinter = new FramePrinter(LINKTYPE_ETHERNET, { time: 1 });
  readonly #raw: FramePrinter = new FramePrinter(LINKTYPE_RAW, { time: 1 });
  #order = 0;

  constructor(lab: Lab, options: RecorderOptions = {}) {
    this.#lab = lab;
    this.#options = options;
    this.interfaces = new Interfaces(lab);
    this.#netfilter = new NetfilterNotes(this.interfaces, options.allRules ?? false, (strand, event, what) =>
      this.#push(strand, event, what),
    );
    lab.kernel.skbs.trace = (event, skb) => this.#see(event, skb);
  }

  /** Listens no more, and takes a last look at the interfaces. */
  close(): void {
    this.#lab.kernel.skbs.trace = null;
    this.interfaces.refresh();
    for (const packet of this.#byId.values()) this.#options.onDone?.(packet, Number.POSITIVE_INFINITY);
    this.#byId.clear();
  }

  #see(event: TraceEvent, skb: SkBuff): void {
    const { where } = event;
    let strand = this.#open.get(skb);
    if (where === "skbCopy" || where === "ipCopyMetadata") {
      const from = this.#open.get(event.other as SkBuff);
      if (!from || from.packet !== this.#byId.get(skb.id)) return;
      strand = this.#begin(from.packet, skb, from);
      this.#push(from, event, { kind: "copy", strand });
    } else if (!strand || this.#byId.get(skb.id) !== strand.packet) {
      // whoever ends unseen never went anywhere: TCP's own copies of what it sent
      if (where === "consumeSkb" || (where === "kfreeSkb" && !isPacket(skb))) return;
      strand = this.#begin(this.#packetOf(skb), skb, null);
    }
    const dev = event.device as NetDevice | null;
    if (dev) strand.net = dev.net;
    this.#note(strand, event, skb);
    this.#options.onEvent?.(event, skb, strand);
    if (where === "kfreeSkb" || where === "consumeSkb") this.#close(strand, skb);
  }

  #close(strand: OpenStrand, skb: SkBuff): void {
    this.#open.delete(skb);
    const { packet } = strand;
    if (--packet.open > 0) return;
    this.#byId.delete(skb.id);
    // the oldest of those under way began here
    let settled = this.#order;
    for (const { strands } of this.#byId.values()) {
      settled = strands[0]!.steps[0]?.order ?? settled;
      break;
    }
    this.#options.onDone?.(packet, settled);
  }

  #packetOf(skb: SkBuff): Living {
    let packet = this.#byId.get(skb.id);
    if (!packet) {
      packet = { number: ++this.#count, strands: [], text: "", wanted: this.#options.filter === undefined, open: 0 };
      if (!this.#options.onDone) this.packets.push(packet);
      this.#byId.set(skb.id, packet);
    }
    return packet;
  }

  #begin(packet: Living, skb: SkBuff, parent: OpenStrand | null): OpenStrand {
    // a buffer that went back to the pool without a word
    const lost = this.#open.get(skb);
    if (lost) this.#close(lost, skb);
    const strand = new OpenStrand(packet, parent);
    packet.strands.push(strand);
    packet.open++;
    this.#open.set(skb, strand);
    return strand;
  }

  #push(strand: OpenStrand, event: TraceEvent, what: Event): void {
    strand.steps.push({
      timeNs: this.#lab.sim.now,
      order: this.#order++,
      namespace: strand.net ? this.interfaces.namespaceName(strand.net) : "",
      device: event.dev,
      after: strand.after,
      event: what,
    });
  }

  #note(strand: OpenStrand, event: TraceEvent, skb: SkBuff): void {
    const { where, detail } = event;
    const next = this.#next;
    this.#next = null;
    const hook = HOOKS.get(where);
    if (hook !== undefined) {
      strand.hook = hook;
      if (hook === "POSTROUTING") strand.after = false;
      return;
    }
    if (where !== "ipFragReasm") strand.whole = null;
    if (where !== "__brForward" && where !== "brPassFrameUp" && where !== "skbCopy") strand.flood = null;
    switch (where) {
      case "nftDoChain":
        this.#netfilter.rule(strand, event, event.rule!, skb);
        return;
      case "netifReceiveSkb":
        this.#sight(strand, event, skb, "in");
        return;
      case "devHardStartXmit":
        this.#sight(strand, event, skb, "out");
        return;
      case "ipLocalOut":
        this.#sent(strand, event, skb, next);
        return;
      case "packetSendmsg":
        this.#push(strand, event, {
          kind: "sent",
          packet: "",
          by: this.interfaces.ownerOf(event.other as Sock),
          because: "",
        });
        return;
      case "NF_ARP_OUT":
      case "devQueueXmit":
        strand.after = false;
        if (strand.steps.length === 0 && strand.parent === null) this.#made(strand, event, skb, next);
        return;
      case "ipRouteInput":
        this.#push(strand, event, { kind: "route", ...routeWords(skb, true) });
        return;
      case "ipRouteMeHarder":
        if (strand.steps.length > 0 && hasIpv4(skb))
          this.#push(strand, event, { kind: "route", ...routeWords(skb, false) });
        return;
      case "ipOutput":
        strand.after = false;
        return;
      case "ipFinishOutput2":
        strand.nexthop = detail;
        if (detail !== "") this.#push(strand, event, { kind: "nexthop", address: detail });
        return;
      case "neighResolveOutput":
        this.#push(strand, event, { kind: "waits", address: strand.nexthop });
        this.#next = { strand, text: `for #${strand.packet.number}`, answer: "" };
        return;
      case "nfConntrackIn":
        this.#netfilter.conntrack(strand, event, skb);
        return;
      case "nfNatSetupInfo":
        this.#netfilter.binding(strand, event);
        return;
      case "nfNatManipPkt":
      case "nfNatIcmpReplyTranslation":
        this.#netfilter.translated(strand, event, skb);
        return;
      case "brFdbUpdate": {
        const port = event.device as NetDevice;
        const mac = formatMac(skb.head.subarray(skb.macHeader + 6, skb.macHeader + 12));
        this.#push(strand, event, {
          kind: "learned",
          bridge: port.master?.name ?? "",
          mac,
          port: port.name,
          moved: detail === "moved",
        });
        return;
      }
      case "brFlood": {
        const flood: Event = { kind: "flooded", bridge: event.dev, cast: detail, ports: [], up: false };
        this.#push(strand, event, flood);
        strand.flood = flood;
        return;
      }
      case "__brForward":
        if (strand.flood) strand.flood.ports.push(event.dev);
        else {
          const port = event.device as NetDevice;
          this.#push(strand, event, { kind: "bridged", bridge: port.master?.name ?? "", port: port.name });
        }
        return;
      case "brPassFrameUp":
        if (strand.flood) strand.flood.up = true;
        else this.#push(strand, event, { kind: "up", bridge: event.dev });
        return;
      case "neighUpdate":
        this.#push(strand, event, { kind: "neighbour", address: detail, mac: senderMac(skb) });
        return;
      case "arpRcv":
        this.#handled(strand, "ARP");
        return;
      case "arpSend":
        this.#next = { strand, text: `in answer to #${strand.packet.number}`, answer: "arp" };
        return;
      case "icmpRcv":
        this.#handled(strand, "ICMP");
        return;
      case "icmpReply":
        this.#expect(strand, event, "icmp echo reply");
        return;
      case "icmpSend":
        this.#expect(strand, event, icmpWords(detail));
        return;
      case "tcpV4SendReset":
      case "nfSendReset":
        this.#expect(strand, event, "tcp reset");
        return;
      case "tcpV4Rcv":
      case "udpRcv":
      case "pingRcv":
      case "rawRcv":
        this.#delivered(strand, event);
        return;
      case "packetRcv": {
        const by = this.interfaces.ownerOf(event.other as Sock) || "somebody";
        strand.shared = by;
        this.#push(strand, event, { kind: "overheard", by });
        return;
      }
      case "ipDoFragment":
        this.#push(strand, event, { kind: "fragments", mtu: Number(detail.slice("mtu ".length)) });
        return;
      case "ipFragQueue":
        this.#push(strand, event, { kind: "fragment" });
        return;
      case "ipFragReasm":
        this.#joined(strand, event);
        return;
      case "kfreeSkb":
        this.#dropped(strand, event, skb);
        return;
      case "consumeSkb":
        this.#consumed(strand);
    }
  }

  // --- where it is ---

  #sight(strand: OpenStrand, event: TraceEvent, skb: SkBuff, direction: "in" | "out"): void {
    const dev = event.device as NetDevice;
    const { data } = skb;
    if (direction === "in") skb.data = skb.macHeader;
    let frame: Uint8Array = new Uint8Array(0);
    withTagInFrame(skb, () => {
      frame = skb.head.slice(skb.data, skb.tail);
    });
    skb.data = data;
    // as libpcap: a loopback packet is seen once, and what comes back from a group was seen going out
    const tapped = direction === "in" ? skb.pktType !== PACKET_LOOPBACK : !dev.loopback;
    strand.after = true;
    strand.tapped = tapped;
    // what a tunnel's socket took goes on
    strand.end = null;
    this.#shown(strand, frame, false);
    this.#push(strand, event, {
      kind: "sight",
      direction,
      frame,
      raw: false,
      tap: tapped ? this.interfaces.indexOf(dev) : -1,
      bridge: dev.master?.kind === "bridge" ? dev.master.name : "",
    });
  }

  /** The packet's line of text, and whether it is wanted. */
  #shown(strand: OpenStrand, frame: Uint8Array, raw: boolean): void {
    const { packet } = strand;
    if (packet.text === "") packet.text = (raw ? this.#raw : this.#ethernet).print(frame, 0, frame.length, 0, 0);
    if (!packet.wanted) packet.wanted = this.#options.filter!(frame, raw);
  }

  // --- where it comes from ---

  #sent(strand: OpenStrand, event: TraceEvent, skb: SkBuff, next: Cause | null): void {
    strand.after = false;
    const flow = flowOf(skb);
    strand.flow = flow;
    strand.mark = skb.mark;
    const packet = flowText(flow);
    this.#shown(strand, skb.head.slice(skb.networkHeader, skb.tail), true);
    if (strand.steps.length > 0) this.#push(strand, event, { kind: "encapsulated", packet });
    else if (strand.parent === null)
      this.#push(strand, event, { kind: "sent", packet, ...this.#sender(strand, skb, next) });
    this.#push(strand, event, { kind: "route", ...routeWords(skb, false) });
  }

  /** What is no IP packet of this machine's: ARP, spanning tree, a packet socket's. */
  #made(strand: OpenStrand, event: TraceEvent, skb: SkBuff, next: Cause | null): void {
    this.#push(strand, event, { kind: "sent", packet: "", ...this.#sender(strand, skb, next) });
  }

  #sender(strand: OpenStrand, skb: SkBuff, next: Cause | null): { by: string; because: string } {
    const cause = this.#causes.get(skb) ?? next;
    this.#causes.delete(skb);
    if (cause?.answer) {
      const answer: Event = { kind: "answered", what: cause.answer, packet: strand.packet.number };
      const last = cause.strand.steps.at(-1)!;
      const timeNs = this.#lab.sim.now;
      cause.strand.steps.push({ ...last, timeNs, order: this.#order++, after: true, event: answer });
    }
    const owner = skb.sk ? this.interfaces.ownerOf(skb.sk as Sock) : "";
    return { by: owner, because: cause?.text ?? "" };
  }

  /** The packet `other` is made because of this one. */
  #expect(strand: OpenStrand, event: TraceEvent, answer: string): void {
    this.#causes.set(event.other as SkBuff, { strand, text: `in answer to #${strand.packet.number}`, answer });
  }

  // --- how it ends ---

  #delivered(strand: OpenStrand, event: TraceEvent): void {
    const sock = event.other;
    if (!sock) return;
    const owner = "boundDevIf" in sock ? this.interfaces.ownerOf(sock as Sock) : "";
    const to = owner === "" ? socketWords(sock) : owner;
    if (event.where === "rawRcv" && strand.parent) strand.parent.shared = to;
    this.#push(strand, event, { kind: "delivered", to });
    this.#end(strand, "delivered", to);
  }

  #handled(strand: OpenStrand, by: string): void {
    this.#end(strand, "handled", by);
  }

  #joined(strand: OpenStrand, event: TraceEvent): void {
    const whole = this.#open.get(event.other as SkBuff);
    if (!whole) return;
    if (!whole.whole) {
      whole.whole = { kind: "whole", fragments: 0 };
      this.#push(whole, event, whole.whole);
    }
    whole.whole.fragments++;
    if (whole === strand) return;
    this.#end(strand, "joined", `#${whole.packet.number}`);
    this.#push(strand, event, { kind: "end", end: strand.end! });
  }

  #dropped(strand: OpenStrand, event: TraceEvent, skb: SkBuff): void {
    const reason = event.detail;
    // a segment that TCP has read to its end; an echo reply that a raw socket has had and no ping socket wants
    if (reason === "NOT_SPECIFIED" && strand.end?.verdict === "delivered") return;
    if (reason === "NO_SOCKET" && strand.shared !== "") {
      this.#consumed(strand);
      return;
    }
    // what packet sockets alone understand has arrived with them
    if (reason === "UNHANDLED_PROTO" && strand.shared !== "") {
      this.#end(strand, "delivered", strand.shared);
      return;
    }
    const last = strand.steps.findLast(({ event: { kind } }) => kind === "rule")?.event;
    const byRule = reason === "NETFILTER_DROP" && last?.kind === "rule" ? last.rule : null;
    if (!strand.after || !strand.tapped) this.#lost(strand, event, skb);
    this.#end(strand, "dropped", reason, byRule);
    this.#push(strand, event, { kind: "end", end: strand.end! });
  }

  /** It dies between two sights, or after one that no capture shows: what it looked like then. */
  #lost(strand: OpenStrand, event: TraceEvent, skb: SkBuff): void {
    const dev = skb.dev ?? skbRtable(skb)?.dev ?? null;
    if (dev) strand.net = dev.net;
    const framed = skb.macHeader >= 0 && skb.data === skb.macHeader && skb.dev !== null;
    const ip = hasIpv4(skb);
    if (!dev || (!framed && !ip)) return;
    const frame = skb.head.slice(framed ? skb.data : skb.networkHeader, skb.tail);
    this.#shown(strand, frame, !framed);
    const lost: Sight = {
      kind: "sight",
      direction: "lost",
      frame,
      raw: !framed,
      tap: this.interfaces.indexOf(dev, framed ? "dropped" : "dropped raw"),
      bridge: "",
    };
    this.#push(strand, { ...event, dev: dev.name }, lost);
  }

  #consumed(strand: OpenStrand): void {
    if (strand.end !== null) {
      if (strand.end.verdict === "handled" && !strand.steps.some(({ event: { kind } }) => kind === "end"))
        strand.steps.push({
          timeNs: this.#lab.sim.now,
          order: this.#order++,
          namespace: strand.end.namespace,
          device: "",
          after: true,
          event: { kind: "end", end: strand.end },
        });
      return;
    }
    const divided = strand.steps.some(({ event: { kind } }) => kind === "copy");
    this.#end(strand, divided ? "divided" : "handled", divided ? "" : "the kernel");
  }

  #end(strand: OpenStrand, verdict: End["verdict"], detail: string, by: RuleName | null = null): void {
    const namespace = strand.net ? this.interfaces.namespaceName(strand.net) : "";
    strand.end = { verdict, namespace, detail, by };
  }
}

/** A socket that no process holds. */
function socketWords(sock: object): string {
  if (sock instanceof TimewaitSock) return "a connection in TIME_WAIT";
  if (sock instanceof RequestSock) return "a connection that is being set up";
  if (sock instanceof TcpSock)
    return sock.dead ? "a connection that its process has closed" : "a connection that waits to be accepted";
  if (sock instanceof UdpSock && sock.encapRcv !== null) return "a tunnel";
  return "a socket that no process holds";
}

function isPacket(skb: SkBuff): boolean {
  return skb.dev !== null || skb.networkHeader >= 0 || skb.macHeader >= 0;
}

function senderMac(skb: SkBuff): string {
  const at = skb.networkHeader + arp.SENDER_MAC;
  return formatMac(skb.head.subarray(at, at + 6));
}
