// Netfilter's hook points, and nothing of rules: protocols call `nfHook` at five places, and whoever registered there
// decides. Answers to net/netfilter/core.c. A hook function returns a verdict; NF_STOLEN and NF_DROP mean that the packet
// is no longer the caller's.

import { assert } from "../../base/assert.ts";
import { DropReason } from "./drop-reason.ts";
import type { NetDevice } from "./net-device.ts";
import { drop, type SkBuff, trace } from "./skb.ts";

export const NF_INET_PRE_ROUTING = 0;
export const NF_INET_LOCAL_IN = 1;
export const NF_INET_FORWARD = 2;
export const NF_INET_LOCAL_OUT = 3;
export const NF_INET_POST_ROUTING = 4;
export const NF_INET_NUMHOOKS = 5;

const HOOK_NAMES = ["PRE_ROUTING", "LOCAL_IN", "FORWARD", "LOCAL_OUT", "POST_ROUTING"];
const BRIDGE_HOOK_NAMES = HOOK_NAMES.map((name) => `NF_BR_${name}`);
const ARP_HOOK_NAMES = ["NF_ARP_IN", "NF_ARP_OUT", "NF_ARP_FORWARD", "", ""];

export const NFPROTO_IPV4 = 2;
export const NFPROTO_ARP = 3;
export const NFPROTO_BRIDGE = 7;
export const NFPROTO_IPV6 = 10;

// uapi/linux/netfilter_ipv4.h
export const NF_IP_PRI_CONNTRACK_DEFRAG = -400;
export const NF_IP_PRI_RAW = -300;
export const NF_IP_PRI_CONNTRACK = -200;
export const NF_IP_PRI_MANGLE = -150;
export const NF_IP_PRI_NAT_DST = -100;
export const NF_IP_PRI_FILTER = 0;
export const NF_IP_PRI_SECURITY = 50;
export const NF_IP_PRI_NAT_SRC = 100;
export const NF_IP_PRI_CONNTRACK_HELPER = 300;
export const NF_IP_PRI_CONNTRACK_CONFIRM = 2147483647;

export const NF_DROP = 0;
export const NF_ACCEPT = 1;
/** The hook took the packet over; it may come back by `okfn` later. */
export const NF_STOLEN = 2;
/** Accepted at once: the functions after this one are not asked. */
export const NF_STOP = 5;

/** What a hook function may ask besides the packet (struct nf_hook_state). One object per call site, re-used. */
export interface NfHookState {
  hook: number;
  in: NetDevice | null;
  out: NetDevice | null;
  sk: object | null;
}

/** Returns NF_ACCEPT, NF_DROP (the caller drops the packet), NF_STOLEN or NF_STOP. */
export type NfHookFn = (skb: SkBuff, state: NfHookState) => number;

export interface NfHookEntry {
  readonly fn: NfHookFn;
  readonly priority: number;
  /** for traces: "iptable_nat PREROUTING", say */
  readonly name: string;
  /**
   * What it does may be remembered of a packet's way (path-record.ts): it does the same with the next packet of the connection
   * while nothing changes, and notes what must be done again.
   */
  readonly memo?: boolean;
}

const NONE: readonly NfHookEntry[] = [];
/** What a family has without functions: most namespaces have none of IPv6, ARP and bridges. */
const NO_ENTRIES: readonly (readonly NfHookEntry[])[] = [NONE, NONE, NONE, NONE, NONE];

/** The hook functions of one protocol family in one namespace, by hook point, in order of priority. */
export class NfHooks {
  /** replaced when a function comes or goes */
  private _entries: readonly (readonly NfHookEntry[])[] = NO_ENTRIES;
  /** by hook point, made when one is first run: one for each depth of nested runs */
  private states: NfHookState[][] | null = null;
  private readonly names: readonly string[];
  private readonly net: { pathFlush(): void } | null;
  private depth = 0;
  /** what ended the last run: NF_DROP or NF_STOLEN after `run` said false */
  lastVerdict: number = NF_ACCEPT;

  /** @param family NFPROTO_*. @param net its paths are forgotten when a function comes or goes; null: none will come */
  constructor(family: number, net: { pathFlush(): void } | null) {
    this.net = net;
    this.names = family === NFPROTO_BRIDGE ? BRIDGE_HOOK_NAMES : family === NFPROTO_ARP ? ARP_HOOK_NAMES : HOOK_NAMES;
  }

  /** Adds a function; of equal priorities the first registered runs first. Returns what takes it away again. */
  register(hook: number, entry: NfHookEntry): () => void {
    const net = this.net;
    assert(net !== null, "registered with the hooks that all namespaces share");
    const list = this._entries[hook]!.slice();
    let at = list.findIndex((other) => other.priority > entry.priority);
    if (at < 0) at = list.length;
    list.splice(at, 0, entry);
    this._entries = this._entries.with(hook, list);
    net.pathFlush();
    return () => {
      this._entries = this._entries.with(
        hook,
        this._entries[hook]!.filter((other) => other !== entry),
      );
      net.pathFlush();
    };
  }

  entries(hook: number): readonly NfHookEntry[] {
    return this._entries[hook]!;
  }

  /**
   * Runs the functions of a hook point (nf_hook_slow). True: the packet goes on with the caller. False: it was dropped
   * or stolen and is not the caller's any more. `after` skips functions up to and including that priority
   * (NF_HOOK_THRESH).
   */
  run(
    hook: number,
    skb: SkBuff,
    indev: NetDevice | null,
    outdev: NetDevice | null,
    sk: object | null,
    after: number = Number.NEGATIVE_INFINITY,
  ): boolean {
    if (skb.pool.trace !== null) trace(skb, this.names[hook]!, indev ?? outdev);
    const entries = this._entries[hook]!;
    return entries.length === 0 || this.#runAll(entries, hook, skb, indev, outdev, sk, after);
  }

  #runAll(
    entries: readonly NfHookEntry[],
    hook: number,
    skb: SkBuff,
    indev: NetDevice | null,
    outdev: NetDevice | null,
    sk: object | null,
    after: number,
  ): boolean {
    this.states ??= [];
    let states = this.states[hook];
    if (!states) {
      states = [];
      this.states[hook] = states;
    }
    const depth = this.depth++;
    let state = states[depth];
    if (!state) {
      state = { hook, in: null, out: null, sk: null };
      states[depth] = state;
    }
    state.in = indev;
    state.out = outdev;
    state.sk = sk;
    let verdict = NF_ACCEPT;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      if (entry.priority <= after) continue;
      if (skb.record !== null && entry.memo !== true) skb.record = null;
      verdict = entry.fn(skb, state);
      if (verdict !== NF_ACCEPT) break;
    }
    this.depth--;
    this.lastVerdict = verdict;
    if (verdict === NF_ACCEPT || verdict === NF_STOP) return true;
    if (verdict === NF_DROP) drop(skb, DropReason.NETFILTER_DROP);
    return false;
  }
}
