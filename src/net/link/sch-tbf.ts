// Token bucket filter: a rate with bursts, and a queue of limited bytes in front. Answers to net/sched/sch_tbf.c with its
// bfifo.

import type { Ns } from "../../base/time.ts";
import type { Timer } from "../../sim/sim.ts";
import { devHardStartXmit } from "../core/dev.ts";
import { DropReason } from "../core/drop-reason.ts";
import { segmentAndSend } from "../core/gso.ts";
import { NET_XMIT_DROP, NET_XMIT_SUCCESS, type NetDevice } from "../core/net-device.ts";
import { drop, type SkBuff, SkbQueue } from "../core/skb.ts";
import { Sched } from "./sch-generic.ts";

export interface TbfConfig {
  /** bytes a second */
  readonly rate: number;
  /** bytes that may go at once */
  readonly burst: number;
  /** bytes that may wait */
  readonly limit: number;
  /** bytes a second at most in a burst; 0 none */
  readonly peakRate: number;
  /** the bucket of the peak rate, bytes */
  readonly mtu: number;
}

export class Tbf extends Sched {
  readonly kind = "tbf";
  private _config: TbfConfig;
  private readonly queue: SkbQueue = new SkbQueue();
  private readonly watchdog: Timer;
  private _backlog = 0;
  /** what the buckets hold, in ns of sending at their rate */
  private tokens: Ns;
  private peakTokens: Ns;
  private checked: Ns;

  constructor(dev: NetDevice, handle: number, config: TbfConfig) {
    super(dev, handle);
    this._config = config;
    this.tokens = this.#time(config.burst, config.rate);
    this.peakTokens = config.peakRate > 0 ? this.#time(config.mtu, config.peakRate) : 0;
    this.checked = dev.net.now;
    this.watchdog = dev.net.sim.timer(() => this.#dequeue());
  }

  get config(): TbfConfig {
    return this._config;
  }

  /** tbf_change */
  change(config: TbfConfig): void {
    this._config = config;
    this.tokens = this.#time(config.burst, config.rate);
    this.peakTokens = config.peakRate > 0 ? this.#time(config.mtu, config.peakRate) : 0;
    this.checked = this.dev.net.now;
  }

  override get qlen(): number {
    return this.queue.length;
  }

  override get backlog(): number {
    return this._backlog;
  }

  override enqueue(skb: SkBuff, dev: NetDevice): number {
    // a super-packet that no bucket holds is cut first (tbf_segment)
    if (skb.len <= this.#longest() || skb.gsoSize === 0) return this.#add(skb, dev);
    let taken = false;
    segmentAndSend(skb, dev, (piece) => {
      if (this.#add(piece, dev) === NET_XMIT_SUCCESS) taken = true;
    });
    return taken ? NET_XMIT_SUCCESS : NET_XMIT_DROP;
  }

  #longest(): number {
    const { burst, peakRate, mtu } = this._config;
    return peakRate > 0 ? Math.min(burst, mtu) : burst;
  }

  #add(skb: SkBuff, dev: NetDevice): number {
    const tooLong = skb.len > this.#longest();
    if (tooLong || this._backlog + skb.len > this._config.limit) {
      this.drops++;
      dev.stats.txDropped++;
      drop(skb, tooLong ? DropReason.QDISC_DROP : DropReason.QDISC_OVERLIMIT);
      return NET_XMIT_DROP;
    }
    this.queue.push(skb);
    this._backlog += skb.len;
    this.#dequeue();
    return NET_XMIT_SUCCESS;
  }

  override reset(): void {
    this.queue.purge(DropReason.QDISC_DROP);
    this._backlog = 0;
    this.watchdog.del();
  }

  #time(bytes: number, rate: number): Ns {
    return (bytes * 1_000_000_000) / rate;
  }

  /** tbf_dequeue, as often as the tokens allow. */
  #dequeue(): void {
    const { rate, burst, peakRate, mtu } = this._config;
    const full = this.#time(burst, rate);
    for (;;) {
      const skb = this.queue.head;
      if (!skb) return;
      const { now } = this.dev.net;
      const passed = Math.min(now - this.checked, full);
      let peak = 0;
      if (peakRate > 0)
        peak = Math.min(passed + this.peakTokens, this.#time(mtu, peakRate)) - this.#time(skb.len, peakRate);
      const tokens = Math.min(passed + this.tokens, full) - this.#time(skb.len, rate);
      if (tokens < 0 || peak < 0) {
        this.overlimits++;
        this.watchdog.after(Math.ceil(Math.max(-tokens, -peak)));
        return;
      }
      this.checked = now;
      this.tokens = tokens;
      this.peakTokens = peak;
      this.queue.shift();
      this._backlog -= skb.len;
      this.sent(skb);
      devHardStartXmit(skb, this.dev);
    }
  }
}
