// What netfilter tells those who listen: packets with nftrace set, rule by rule (NFNLGRP_NFTRACE), and changes of tables
// (NFNLGRP_NFTABLES). Nothing is put together while nobody listens. Answers to net/netfilter/nf_tables_trace.c and to the
// notifications of nf_tables_commit.

import * as ip from "../../wire/ipv4.ts";
import type { NetDevice } from "../core/net-device.ts";
import { NFPROTO_IPV4 } from "../core/netfilter.ts";
import type { SkBuff } from "../core/skb.ts";
import type { Chain, Table } from "./nf-table.ts";
import type { NftElement, NftObject } from "./nft/expr.ts";
import type { NftSet } from "./nft/set.ts";
import type { Rule } from "./rule.ts";
import type { XtPar } from "./x-tables.ts";

// nf_tables_trace.c: as much of the headers is told
const NETWORK_HSIZE = 40;
const TRANSPORT_HSIZE = 20;

/** A packet as its first message of a base chain tells of it. */
export interface TracedPacket {
  readonly in: NetDevice | null;
  readonly out: NetDevice | null;
  /** NFPROTO_* of the packet */
  readonly nfproto: number;
  /** null: made here, no link header yet */
  readonly link: Uint8Array | null;
  readonly network: Uint8Array;
  readonly transport: Uint8Array;
}

export type TraceVerdict =
  | "accept"
  | "drop"
  | "queue"
  | "stolen"
  | "continue"
  | "return"
  | { readonly to: string; readonly goes: "jump" | "goto" };

/** NFT_MSG_TRACE: a rule that matched, or (rule null) a base chain's policy. */
export interface TraceMessage {
  readonly id: number;
  readonly chain: Chain;
  readonly rule: Rule | null;
  readonly verdict: TraceVerdict;
  readonly mark: number;
  /** with the first message of a packet in a base chain */
  readonly packet: TracedPacket | null;
}

/** One change of a transaction; `isNew` false: it is gone. */
export type TableChange = { readonly isNew: boolean; readonly table: Table } & (
  | { readonly kind: "table" }
  /** @param exclusive it was to be new */
  | {
      readonly kind: "chain";
      readonly chain: Chain;
      readonly name: string;
      readonly policy: number;
      readonly exclusive: boolean;
    }
  /** @param inserted before others */
  | { readonly kind: "rule"; readonly chain: Chain; readonly rule: Rule; readonly inserted: boolean }
  | { readonly kind: "set"; readonly set: NftSet }
  | { readonly kind: "element"; readonly set: NftSet; readonly element: NftElement }
  | { readonly kind: "object"; readonly object: NftObject }
);

/** Who asked for a transaction. */
export interface Actor {
  readonly pid: number;
  readonly name: string;
}

export interface Generation extends Actor {
  readonly number: number;
}

export type TraceListener = (message: TraceMessage) => void;
/** Told once a transaction holds. */
export type TableListener = (changes: readonly TableChange[], generation: Generation) => void;

export class NfMonitor {
  private readonly traces: TraceListener[] = [];
  private readonly tables: TableListener[] = [];
  /** @internal somebody listens to packets */ tracing = false;
  /** the process that asks for the next transactions */
  actor: Actor = { pid: 0, name: "" };

  get watching(): boolean {
    return this.tables.length > 0;
  }

  /** Listens to traced packets until the returned function is called. */
  listenTrace(listener: TraceListener): () => void {
    return this.#add(this.traces, listener);
  }

  listenTables(listener: TableListener): () => void {
    return this.#add(this.tables, listener);
  }

  #add<Listener>(list: Listener[], listener: Listener): () => void {
    list.push(listener);
    this.tracing = this.traces.length > 0;
    return () => {
      const at = list.indexOf(listener);
      if (at >= 0) list.splice(at, 1);
      this.tracing = this.traces.length > 0;
    };
  }

  /** nft_trace_notify. @param first the packet has not been told of in this base chain */
  trace(par: XtPar, chain: Chain, rule: Rule | null, verdict: TraceVerdict, first: boolean): void {
    const { skb } = par;
    const packet = first && verdict !== "stolen" ? packetOf(par) : null;
    const message: TraceMessage = { id: traceId(skb), chain, rule, verdict, mark: skb.mark >>> 0, packet };
    for (const listener of [...this.traces]) listener(message);
  }

  tell(changes: readonly TableChange[], number: number): void {
    for (const listener of [...this.tables]) listener(changes, { ...this.actor, number });
  }
}

/** nft_trace_fill_id: the same for one packet as long as it stays in the namespace; the kernel hashes an address. */
function traceId(skb: SkBuff): number {
  let hash = Math.imul(skb.id ^ Math.imul(skb.skbIif, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** nf_trace_fill_pkt_info, nf_trace_fill_dev_info */
function packetOf({ skb, in: indev, out, iph, thoff }: XtPar): TracedPacket {
  const b = skb.head;
  const slice = (from: number, to: number, most: number): Uint8Array =>
    b.slice(from, Math.max(from, Math.min(to, from + most, skb.tail)));
  return {
    in: indev,
    out,
    nfproto: NFPROTO_IPV4,
    link: skb.macHeader < 0 ? null : b.slice(skb.macHeader, Math.min(iph, skb.macHeader + TRANSPORT_HSIZE)),
    network: slice(iph, iph + ip.getHeaderLength(b, iph), NETWORK_HSIZE),
    transport: slice(thoff, skb.tail, TRANSPORT_HSIZE),
  };
}
