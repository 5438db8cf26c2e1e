// What listeners are told of connections: changes are noted while a packet is under way and told in one when it leaves. Answers to
// net/netfilter/nf_conntrack_ecache.c.

import type { Conntrack } from "./conntrack.ts";
import { ConnInfo } from "./conntrack-info.ts";

/** Told of connections: IPCT_* bits; `conntrack -E` listens. */
export type ConntrackListener = (events: number, conn: ConnInfo) => void;

export class ConntrackEvents {
  private readonly ct: Conntrack;
  private readonly listeners: Set<ConntrackListener> = new Set();
  /** IPCT_* not yet told, by connection */
  private readonly noted: Map<number, number> = new Map();
  /** what their sizes say: V8 calls a function for a size, 20 ns each for every packet (new_flow) */
  private _isHeard = false;
  private hasNoted = false;
  /** called when there is a first listener, and when there is none any more */
  onHearing: ((isHeard: boolean) => void) | null = null;

  constructor(ct: Conntrack) {
    this.ct = ct;
  }

  /** Somebody listens. */
  get isHeard(): boolean {
    return this._isHeard;
  }

  /** Calls `listener` for every change from now on; returns what ends that. */
  listen(listener: ConntrackListener): () => void {
    this.listeners.add(listener);
    this.#hear();
    return () => {
      this.listeners.delete(listener);
      this.#hear();
    };
  }

  #hear(): void {
    const isHeard = this.listeners.size > 0;
    if (isHeard === this._isHeard) return;
    this._isHeard = isHeard;
    this.onHearing?.(isHeard);
  }

  /** Notes IPCT_* for the next delivery (nf_conntrack_event_cache). */
  note(conn: number, event: number): void {
    if (!this.ct.rows.tells(conn)) return;
    this.noted.set(conn, (this.noted.get(conn) ?? 0) | event);
    this.hasNoted = true;
  }

  /** Tells what was noted (nf_ct_deliver_cached_events). */
  flush(conn: number): void {
    if (!this.hasNoted) return;
    const events = this.noted.get(conn) ?? 0;
    this.drop(conn);
    if (events !== 0 && this.ct.rows.isLive(conn)) this.tell(events, conn);
  }

  /** Forgets what was noted. */
  drop(conn: number): void {
    if (!this.hasNoted) return;
    this.noted.delete(conn);
    this.hasNoted = this.noted.size > 0;
  }

  /** Tells at once. */
  tell(events: number, conn: number): void {
    if (!this._isHeard) return;
    const info = new ConnInfo(this.ct, conn);
    for (const listener of this.listeners) listener(events, info);
  }
}
