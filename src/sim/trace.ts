// What happened to packets, for those who want to know: a sink that costs one comparison when nobody listens.

/** A rule of netfilter and what became of the packet there. */
export interface TraceRule {
  /** as nft names it: "filter" of family ip, "inet filter" */
  readonly table: string;
  readonly chain: string;
  /** 1 for the first rule of the chain; 0: the chain's end, where its policy decides */
  readonly number: number;
  /** the packet is held against it; it matched; its target has said what becomes of the packet; the policy has */
  readonly step: "look" | "match" | "verdict" | "policy";
  /** with "match" and "policy": ACCEPT, DROP, RETURN, CONTINUE, "jump CHAIN", "goto CHAIN", TARGET; with "verdict" also STOLEN and BREAK (it did not match) */
  readonly verdict: string;
  /** the rule itself, for those who know its kind */
  readonly rule: object | null;
}

/** One moment in a packet's life. All numbers are plain; texts are Linux names. */
export interface TraceEvent {
  readonly timeNs: number;
  readonly netns: string;
  /** kernel function in camel case, e.g. `ipForward` */
  readonly where: string;
  readonly dev: string;
  /** identity of the packet, kept by clones of the same frame */
  readonly packet: number;
  /** e.g. a drop reason or a verdict */
  readonly detail: string;
  /** the device itself (struct net_device), null where there is none */
  readonly device: object | null;
  /** with `where` nftDoChain */
  readonly rule: TraceRule | null;
  /**
   * what else the event is about: of a copy (skbCopy, ipCopyMetadata) the packet that it is made from, of a fragment put
   * together with others (ipFragReasm) the packet that goes on, of a delivery (tcpV4Rcv, udpRcv …) the socket,
   * of conntrack and NAT the connection (ConnHandle)
   */
  readonly other: object | null;
}

/** Is told at once: the packet is as it is at that moment, and is to be read only, and not kept. */
export type TraceSink<Packet = unknown> = (event: TraceEvent, packet: Packet) => void;
