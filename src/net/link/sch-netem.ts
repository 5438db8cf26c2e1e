// A link that delays, loses, duplicates, corrupts, reorders and slows down, by seeded chance. Answers to
// net/sched/sch_netem.c: the same order of decisions, uniform or normal jitter, correlation from one draw to the next.
// Leaves out loss models (state, gemodel), slots, ECN and other distributions.

import type { Ns } from "../../base/time.ts";
import type { Rng } from "../../sim/rng.ts";
import type { Timer } from "../../sim/sim.ts";
import { devHardStartXmit } from "../core/dev.ts";
import { DropReason } from "../core/drop-reason.ts";
import { completeChecksum } from "../core/gso.ts";
import { NET_XMIT_DROP, NET_XMIT_SUCCESS, type NetDevice } from "../core/net-device.ts";
import { drop, type SkBuff } from "../core/skb.ts";
import { Sched } from "./sch-generic.ts";

export interface NetemConfig {
  /** packets that may wait */
  readonly limit: number;
  readonly delayNs: Ns;
  readonly jitterNs: Ns;
  /** fractions of 1 */
  readonly delayCorrelation: number;
  readonly distribution: "uniform" | "normal";
  readonly loss: number;
  readonly lossCorrelation: number;
  readonly duplicate: number;
  readonly duplicateCorrelation: number;
  readonly reorder: number;
  readonly reorderCorrelation: number;
  /** every gap-th packet is reordered; 0 any */
  readonly gap: number;
  readonly corrupt: number;
  readonly corruptCorrelation: number;
  /** bytes a second; 0 unlimited */
  readonly rate: number;
}

export const NETEM_DEFAULTS: NetemConfig = {
  limit: 1000,
  delayNs: 0,
  jitterNs: 0,
  delayCorrelation: 0,
  distribution: "uniform",
  loss: 0,
  lossCorrelation: 0,
  duplicate: 0,
  duplicateCorrelation: 0,
  reorder: 0,
  reorderCorrelation: 0,
  gap: 0,
  corrupt: 0,
  corruptCorrelation: 0,
  rate: 0,
};

/** A draw that remembers the one before (struct crndstate). */
class Correlated {
  #last = 0;

  draw(rng: Rng, correlation: number): number {
    const value = rng.unit();
    if (correlation === 0) return value;
    this.#last = value * (1 - correlation) + this.#last * correlation;
    return this.#last;
  }
}

export class Netem extends Sched {
  readonly kind = "netem";
  config: NetemConfig;
  readonly #rng: Rng;
  readonly #timer: Timer;
  /** by the moment to send, those of one moment in order of arrival */
  readonly #waiting: { skb: SkBuff; at: Ns }[] = [];
  #backlog = 0;
  /** packets since the last one that was reordered */
  #counter = 0;
  readonly #delay: Correlated = new Correlated();
  readonly #loss: Correlated = new Correlated();
  readonly #duplicate: Correlated = new Correlated();
  readonly #reorder: Correlated = new Correlated();
  readonly #corrupt: Correlated = new Correlated();

  constructor(dev: NetDevice, handle: number, config: NetemConfig) {
    super(dev, handle);
    this.config = config;
    this.#rng = dev.net.kernel.rng.fork(`netem/${dev.net.id}/${dev.name}/${handle}`);
    this.#timer = dev.net.sim.timer(() => this.#dequeue());
  }

  override get qlen(): number {
    return this.#waiting.length;
  }

  override get backlog(): number {
    return this.#backlog;
  }

  /** netem_enqueue */
  override enqueue(skb: SkBuff, dev: NetDevice): number {
    const { config } = this;
    let copies = 1;
    if (config.duplicate > 0 && this.#duplicate.draw(this.#rng, config.duplicateCorrelation) < config.duplicate)
      copies++;
    if (config.loss > 0 && this.#loss.draw(this.#rng, config.lossCorrelation) < config.loss) copies--;
    if (copies === 0) {
      this.drops++;
      drop(skb, DropReason.QDISC_DROP);
      // lost on the way, as far as the sender knows
      return NET_XMIT_SUCCESS;
    }
    const copy = copies > 1 ? skb.pool.copy(skb) : null;
    const result = this.#add(skb, dev);
    if (copy) this.#add(copy, dev);
    return result;
  }

  #add(skb: SkBuff, dev: NetDevice): number {
    const { config } = this;
    if (config.corrupt > 0 && this.#corrupt.draw(this.#rng, config.corruptCorrelation) < config.corrupt) {
      completeChecksum(skb);
      skb.head[skb.data + this.#rng.below(skb.len)]! ^= 1 << this.#rng.below(8);
    }
    if (this.#waiting.length >= config.limit) {
      this.drops++;
      dev.stats.txDropped++;
      drop(skb, DropReason.QDISC_OVERLIMIT);
      return NET_XMIT_DROP;
    }
    const { now } = this.dev.net;
    const waits =
      (config.gap === 0 && config.reorder === 0) ||
      this.#counter < config.gap - 1 ||
      config.reorder < this.#reorder.draw(this.#rng, config.reorderCorrelation);
    let at: Ns = now;
    if (waits) {
      at = now + this.#drawDelay();
      if (config.rate > 0) at = Math.max(at, this.#lastAt(now)) + this.#packetTime(skb.len);
      this.#counter++;
    } else this.#counter = 0;
    this.#insert(skb, at);
    this.#backlog += skb.len;
    this.#arm();
    return NET_XMIT_SUCCESS;
  }

  /** With a rate, packets follow one another. */
  #lastAt(now: Ns): Ns {
    return this.#waiting.at(-1)?.at ?? now;
  }

  #packetTime(bytes: number): Ns {
    return Math.floor((bytes * 1_000_000_000) / this.config.rate);
  }

  /** tabledist */
  #drawDelay(): Ns {
    const { delayNs, jitterNs, delayCorrelation, distribution } = this.config;
    if (jitterNs === 0) return delayNs;
    const value = this.#delay.draw(this.#rng, delayCorrelation);
    const spread = distribution === "uniform" ? 2 * value - 1 : this.#normal(value);
    return Math.max(0, Math.floor(delayNs + jitterNs * spread));
  }

  /** A standard normal number: one uniform is given, the other drawn (Box and Muller). */
  #normal(value: number): number {
    const other = this.#rng.unit();
    return Math.sqrt(-2 * Math.log(1 - Math.min(value, 0.9999999))) * Math.cos(2 * Math.PI * other);
  }

  #insert(skb: SkBuff, at: Ns): void {
    let place = this.#waiting.length;
    while (place > 0 && this.#waiting[place - 1]!.at > at) place--;
    this.#waiting.splice(place, 0, { skb, at });
  }

  #arm(): void {
    const first = this.#waiting[0];
    if (!first) return;
    if (first.at <= this.dev.net.now) this.#dequeue();
    else this.#timer.mod(first.at);
  }

  /** netem_dequeue: all whose time has come. */
  #dequeue(): void {
    for (let first = this.#waiting[0]; first && first.at <= this.dev.net.now; first = this.#waiting[0]) {
      this.#waiting.shift();
      this.#backlog -= first.skb.len;
      this.sent(first.skb);
      devHardStartXmit(first.skb, this.dev);
    }
    const next = this.#waiting[0];
    if (next) this.#timer.mod(next.at);
  }

  override reset(): void {
    for (const { skb } of this.#waiting) drop(skb, DropReason.QDISC_DROP);
    this.#waiting.length = 0;
    this.#backlog = 0;
    this.#timer.del();
  }
}
