// A list of the match recent: addresses with the moments at which they were seen, and its text in /proc/net/xt_recent.
// Answers to xt_recent.c.

import { Errno, NetError } from "../../base/errno.ts";
import type { Ns } from "../../base/time.ts";
import { formatIpv4, parseIpv4 } from "../../wire/addr.ts";
import type { Net } from "../core/net.ts";
import { JIFFY_NS } from "../core/timer-wheel.ts";

export interface RecentEntry {
  ttl: number;
  /** a ring: the next stamp goes to `index` */
  readonly stamps: Ns[];
  index: number;
}

/** Addresses that a list holds (ip_list_tot). */
const LIST_TOTAL = 100;
/** The kernel counts jiffies from five minutes before they overflow 32 bits, at HZ=250. */
const INITIAL_JIFFIES = 2 ** 32 - 300 * 250;

export class RecentList {
  private readonly net: Net;
  /** moments kept of an address */
  private keep: number;
  /** least recently seen first */
  readonly entries: Map<number, RecentEntry> = new Map();

  constructor(net: Net, keep: number) {
    this.net = net;
    this.keep = keep;
  }

  /** A rule asks for more moments than are kept: the list begins anew. */
  keepAtLeast(keep: number): void {
    if (keep <= this.keep) return;
    this.keep = keep;
    this.entries.clear();
  }

  add(address: number, ttl: number): void {
    if (this.entries.size >= LIST_TOTAL) this.entries.delete(this.entries.keys().next().value!);
    this.entries.set(address, { ttl, stamps: [this.net.now], index: 1 });
  }

  /** recent_entry_update */
  see(address: number, entry: RecentEntry): void {
    entry.index %= this.keep;
    entry.stamps[entry.index++] = this.net.now;
    this.entries.delete(address);
    this.entries.set(address, entry);
  }

  /** Drops what was last seen before a moment, `except` for one. */
  reap(before: Ns, except: RecentEntry): void {
    for (const [address, entry] of this.entries)
      if (entry !== except && this.#last(entry) < before) this.entries.delete(address);
  }

  #last({ stamps, index }: RecentEntry): Ns {
    return stamps[(index - 1 + this.keep) % this.keep]!;
  }

  /** What reading the list's file gives (recent_seq_show). */
  get text(): string {
    const jiffies = (ns: Ns): number => INITIAL_JIFFIES + Math.floor(ns / JIFFY_NS);
    let text = "";
    for (const [address, entry] of this.entries) {
      text += `src=${formatIpv4(address)} ttl: ${entry.ttl} last_seen: ${jiffies(this.#last(entry))}`;
      text += ` oldest_pkt: ${entry.index} ${entry.stamps.map(jiffies).join(", ")}\n`;
    }
    return text;
  }

  /** "+address", "-address", "/": adds, removes, clears (recent_mt_proc_write). Throws EINVAL. */
  write(text: string): void {
    const command = text.trim();
    if (command.startsWith("/")) {
      this.entries.clear();
      return;
    }
    const address = parseIpv4(command.slice(1));
    if (!/^[+-]/.test(command) || address === undefined) throw new NetError(Errno.EINVAL);
    const entry = this.entries.get(address);
    if (command.startsWith("-")) this.entries.delete(address);
    else if (entry) this.see(address, entry);
    else this.add(address, 0);
  }
}
