// A link that delays, loses, duplicates, corrupts, reorders and slows down, by seeded chance. Answers to
// net/sched/sch_netem.c of 6.18: the same numbers drawn in the same order, so that a seed gives the losses of a real kernel.
// Leaves out slots.

import type { Ns } from "../../base/time.ts";
import type { Rng } from "../../sim/rng.ts";
import type { Timer } from "../../sim/sim.ts";
import { devHardStartXmit } from "../core/dev.ts";
import { DropReason } from "../core/drop-reason.ts";
import { completeChecksum, segmentAndSend } from "../core/gso.ts";
import { NET_XMIT_DROP, NET_XMIT_SUCCESS, type NetDevice } from "../core/net-device.ts";
import { drop, type SkBuff } from "../core/skb.ts";
import { setCongestionExperienced } from "./ecn.ts";
import { NETEM_DIST_SCALE, netemTable } from "./netem-tables.ts";
import { Prandom } from "./prandom.ts";
import { Sched } from "./sch-generic.ts";

/** Certainty, where a probability or correlation is a 32-bit number. */
export const NETEM_ALWAYS = 0xffffffff;

export interface NetemConfig {
  /** packets that may wait */
  readonly limit: number;
  readonly delayNs: Ns;
  readonly jitterNs: Ns;
  readonly delayCorrelation: number;
  /** uniform without one */
  readonly distribution: string | null;
  readonly loss: number;
  readonly lossCorrelation: number;
  /** four states: p13, p31, p32, p23, p14 */
  readonly lossState: readonly [number, number, number, number, number] | null;
  /** Gilbert and Elliott: p, r, h, 1-k */
  readonly lossGemodel: readonly [number, number, number, number] | null;
  /** marks packets that can be marked instead of losing them */
  readonly ecn: boolean;
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
  readonly packetOverhead: number;
  /** bytes of the cells that a packet is cut into; 0 none */
  readonly cellSize: number;
  readonly cellOverhead: number;
  /** null: drawn */
  readonly seed: bigint | null;
}

export const NETEM_DEFAULTS: NetemConfig = {
  limit: 1000,
  delayNs: 0,
  jitterNs: 0,
  delayCorrelation: 0,
  distribution: null,
  loss: 0,
  lossCorrelation: 0,
  lossState: null,
  lossGemodel: null,
  ecn: false,
  duplicate: 0,
  duplicateCorrelation: 0,
  reorder: 0,
  reorderCorrelation: 0,
  gap: 0,
  corrupt: 0,
  corruptCorrelation: 0,
  rate: 0,
  packetOverhead: 0,
  cellSize: 0,
  cellOverhead: 0,
  seed: null,
};

/** A draw that remembers the one before (struct crndstate, get_crandom). */
class Correlated {
  private last: bigint;

  constructor(rng: Rng) {
    this.last = BigInt(rng.u32());
  }

  draw(prng: Prandom, correlation: number): number {
    const value = prng.u32();
    if (correlation === 0) return value;
    const rho = BigInt(correlation) + 1n;
    this.last = (BigInt(value) * ((1n << 32n) - rho) + this.last * rho) >> 32n;
    return Number(this.last);
  }
}

// the states of the four-state model, and of Gilbert and Elliott's
const TX_IN_GAP = 1;
const TX_IN_BURST = 2;
const LOST_IN_GAP = 3;
const LOST_IN_BURST = 4;
const GOOD = 1;
const BAD = 2;

export class Netem extends Sched {
  readonly kind = "netem";
  private readonly rng: Rng;
  private readonly prng: Prandom;
  private readonly timer: Timer;
  /** reordered: to be sent at once */
  private readonly front: SkBuff[] = [];
  /** by the moment to send, those of one moment in order of arrival */
  private readonly waiting: { skb: SkBuff; at: Ns }[] = [];
  private _backlog = 0;
  /** packets since the last one that was reordered */
  private counter = 0;
  #config!: NetemConfig;
  private lossState = TX_IN_GAP;
  /** a copy on its way through is not duplicated again */
  private duplicating = false;
  #delay!: Correlated;
  #loss!: Correlated;
  #duplicate!: Correlated;
  #reorder!: Correlated;
  #corrupt!: Correlated;

  constructor(dev: NetDevice, handle: number, config: NetemConfig) {
    super(dev, handle);
    this.rng = dev.net.kernel.rng.fork(`netem/${dev.net.id}/${dev.name}/${handle}`);
    this.prng = new Prandom(0n);
    this.timer = dev.net.sim.timer(() => this.#dequeue());
    this.config = config;
  }

  get config(): NetemConfig {
    return this.#config;
  }

  /** netem_change */
  set config(config: NetemConfig) {
    this.#config = config;
    this.counter = 0;
    this.lossState = TX_IN_GAP;
    const { seed } = config;
    this.prng.seed(seed ?? (BigInt(this.rng.u32()) << 32n) | BigInt(this.rng.u32()));
    this.#delay = new Correlated(this.rng);
    this.#loss = new Correlated(this.rng);
    this.#duplicate = new Correlated(this.rng);
    this.#reorder = new Correlated(this.rng);
    this.#corrupt = new Correlated(this.rng);
  }

  override get qlen(): number {
    return this.front.length + this.waiting.length;
  }

  override get backlog(): number {
    return this._backlog;
  }

  /** netem_enqueue */
  override enqueue(skb: SkBuff, dev: NetDevice): number {
    const { config } = this;
    let copies = 1;
    if (
      config.duplicate > 0 &&
      !this.duplicating &&
      config.duplicate >= this.#duplicate.draw(this.prng, config.duplicateCorrelation)
    )
      copies++;
    if (this.#isLost()) {
      if (config.ecn && setCongestionExperienced(skb)) this.drops++;
      else copies--;
    }
    if (copies === 0) {
      this.drops++;
      drop(skb, DropReason.QDISC_DROP);
      // lost on the way, as far as the sender knows
      return NET_XMIT_SUCCESS;
    }
    const copy = copies > 1 ? skb.pool.copy(skb) : null;
    if (config.corrupt > 0 && config.corrupt >= this.#corrupt.draw(this.prng, config.corruptCorrelation)) {
      if (skb.gsoSize > 0) return this.#corruptFirst(skb, dev);
      this.#corruptOne(skb);
    }
    if (this.qlen >= config.limit) {
      this.drops++;
      dev.stats.txDropped++;
      drop(skb, DropReason.QDISC_OVERLIMIT);
      if (copy) drop(copy, DropReason.QDISC_OVERLIMIT);
      return NET_XMIT_DROP;
    }
    if (copy) {
      this.duplicating = true;
      this.enqueue(copy, dev);
      this.duplicating = false;
    }
    this.#queue(skb);
    return NET_XMIT_SUCCESS;
  }

  /** loss_event */
  #isLost(): boolean {
    const { loss, lossCorrelation, lossState, lossGemodel } = this.#config;
    if (lossState) return this.#fourStates(lossState);
    if (lossGemodel) return this.#gilbertElliott(lossGemodel);
    return loss > 0 && loss >= this.#loss.draw(this.prng, lossCorrelation);
  }

  /** loss_4state */
  #fourStates([p13, p31, p32, p23, p14]: readonly [number, number, number, number, number]): boolean {
    const drawn = this.prng.u32();
    switch (this.lossState) {
      case TX_IN_GAP:
        if (drawn < p14) this.lossState = LOST_IN_GAP;
        else if (p14 < drawn && drawn < (p13 + p14) >>> 0) this.lossState = LOST_IN_BURST;
        else return false;
        return true;
      case TX_IN_BURST:
        if (drawn >= p23) return false;
        this.lossState = LOST_IN_BURST;
        return true;
      case LOST_IN_BURST:
        if (drawn < p32) this.lossState = TX_IN_BURST;
        else if (p32 < drawn && drawn < (p31 + p32) >>> 0) this.lossState = TX_IN_GAP;
        else if ((p31 + p32) >>> 0 < drawn) return true;
        return false;
      default:
        this.lossState = TX_IN_GAP;
        return false;
    }
  }

  /** loss_gilb_ell */
  #gilbertElliott([p, r, h, k1]: readonly [number, number, number, number]): boolean {
    const prng = this.prng;
    if (this.lossState === GOOD) {
      if (prng.u32() < p) this.lossState = BAD;
      return prng.u32() < k1;
    }
    if (prng.u32() < r) this.lossState = GOOD;
    return prng.u32() > h;
  }

  #corruptOne(skb: SkBuff): void {
    completeChecksum(skb);
    skb.head[skb.data + this.rng.below(skb.len)]! ^= 1 << this.rng.below(8);
  }

  /** A super-packet is cut up; the first piece is spoilt, and the others go through all this again (netem_segment). */
  #corruptFirst(skb: SkBuff, dev: NetDevice): number {
    let first = true;
    segmentAndSend(skb, dev, (piece) => {
      if (first) {
        first = false;
        this.#corruptOne(piece);
        if (this.qlen < this.#config.limit) this.#queue(piece);
        else drop(piece, DropReason.QDISC_OVERLIMIT);
      } else this.enqueue(piece, dev);
    });
    return NET_XMIT_SUCCESS;
  }

  #queue(skb: SkBuff): void {
    const { config } = this;
    const { now } = this.dev.net;
    this._backlog += skb.len;
    if (
      config.gap === 0 ||
      this.counter < config.gap - 1 ||
      config.reorder < this.#reorder.draw(this.prng, config.reorderCorrelation)
    ) {
      this.#insert(skb, this.#timeToSend(skb.len, now));
      this.counter++;
    } else {
      this.counter = 0;
      this.requeues++;
      this.front.unshift(skb);
    }
    this.#arm();
  }

  #timeToSend(length: number, now: Ns): Ns {
    let delay = this.#drawDelay();
    if (this.#config.rate === 0) return now + delay;
    // with a rate, packets follow one another
    const last = this.waiting.at(-1)?.at;
    if (last === undefined) return now + delay + this.#packetTime(length);
    delay = Math.max(0, delay - (last - now));
    return last + delay + this.#packetTime(length);
  }

  /** packet_time_ns */
  #packetTime(bytes: number): Ns {
    const { rate, packetOverhead, cellSize, cellOverhead } = this.#config;
    let length = bytes + packetOverhead;
    if (cellSize > 0) length = Math.ceil(length / cellSize) * (cellSize + cellOverhead);
    return Math.floor((length * 1_000_000_000) / rate);
  }

  /** tabledist */
  #drawDelay(): Ns {
    const { delayNs, jitterNs, delayCorrelation, distribution } = this.#config;
    if (jitterNs === 0) return delayNs;
    const drawn = this.#delay.draw(this.prng, delayCorrelation);
    const table = distribution === null ? undefined : netemTable(distribution);
    if (!table) return (drawn % (2 * jitterNs)) + delayNs - jitterNs;
    const t = table[drawn % table.length]!;
    let x = (jitterNs % NETEM_DIST_SCALE) * t;
    x += x >= 0 ? NETEM_DIST_SCALE / 2 : -NETEM_DIST_SCALE / 2;
    return Math.trunc(x / NETEM_DIST_SCALE) + Math.floor(jitterNs / NETEM_DIST_SCALE) * t + delayNs;
  }

  #insert(skb: SkBuff, at: Ns): void {
    let place = this.waiting.length;
    while (place > 0 && this.waiting[place - 1]!.at > at) place--;
    this.waiting.splice(place, 0, { skb, at });
  }

  #arm(): void {
    const first = this.waiting[0];
    if (this.front.length > 0 || (first && first.at <= this.dev.net.now)) this.#dequeue();
    else if (first) this.timer.mod(first.at);
  }

  /** netem_dequeue: all whose time has come. */
  #dequeue(): void {
    for (;;) {
      const skb = this.front.shift() ?? this.#takeDue();
      if (!skb) break;
      this._backlog -= skb.len;
      this.sent(skb);
      devHardStartXmit(skb, this.dev);
    }
    const next = this.waiting[0];
    if (next) this.timer.mod(next.at);
  }

  #takeDue(): SkBuff | undefined {
    const first = this.waiting[0];
    return first && first.at <= this.dev.net.now ? this.waiting.shift()!.skb : undefined;
  }

  override reset(): void {
    for (const { skb } of this.waiting) drop(skb, DropReason.QDISC_DROP);
    for (const skb of this.front) drop(skb, DropReason.QDISC_DROP);
    this.waiting.length = 0;
    this.front.length = 0;
    this._backlog = 0;
    this.timer.del();
  }
}
