// The lab's clock and its agenda. There is one virtual CPU: code that runs may spend time on it (`elapse`), raised
// softirqs run before any timer, and timers run in (time, sequence) order, late if the CPU was busy. That is the order
// in which a single-CPU Linux would do the work, and it makes every run the same. Answers to kernel/softirq.c and
// kernel/time/timer.c in spirit; there is no pre-emption.

import { assert } from "../base/assert.ts";
import type { Ns } from "../base/time.ts";

/** A limit (virtual time or number of events) was reached: an endless script, or a frame that circles for ever. */
export class LimitReached extends Error {
  override readonly name: string = "LimitReached";
}

/** A re-usable alarm, as struct timer_list: made once, armed many times, no allocation when armed. */
export class Timer {
  readonly sim: Sim;
  readonly fn: () => void;
  /** When it goes off; meaningful while pending. */
  expires: Ns = 0;
  /** @internal */ seq = 0;
  /** @internal place in the heap, -1 when not pending */ slot = -1;

  constructor(sim: Sim, fn: () => void) {
    this.sim = sim;
    this.fn = fn;
  }

  get pending(): boolean {
    return this.slot >= 0;
  }

  /** Arms or re-arms for an absolute moment (mod_timer). */
  mod(at: Ns): void {
    this.sim.arm(this, at);
  }

  /** Arms or re-arms `delay` ns from now. */
  after(delay: Ns): void {
    this.sim.arm(this, this.sim.now + delay);
  }

  /** Disarms; harmless when not pending (timer_delete). */
  del(): void {
    if (this.slot >= 0) this.sim.disarm(this);
  }
}

/** Work raised to run as soon as the running code returns (raise_softirq): a device's backlog, say. */
export class Softirq {
  readonly sim: Sim;
  readonly fn: () => void;
  /** @internal */ raised = false;

  constructor(sim: Sim, fn: () => void) {
    this.sim = sim;
    this.fn = fn;
  }

  /** Idempotent until it has run. */
  raise(): void {
    if (this.raised) return;
    this.raised = true;
    this.sim.pushSoftirq(this);
  }
}

export interface SimLimits {
  /** Virtual nanoseconds after which `run` throws LimitReached. */
  readonly maxTimeNs?: Ns;
  /** Timer events plus softirqs after which `run` throws LimitReached. */
  readonly maxEvents?: number;
}

export class Sim {
  /** Virtual nanoseconds since the lab was switched on. */
  now: Ns = 0;
  /** Events (timers and softirqs) run so far. */
  events = 0;
  limits: SimLimits = {};
  /** a thread runs, not a timer or a softirq */
  inThread = false;
  #inSoftirq = false;
  #seq = 0;
  readonly #heap: Timer[] = [];
  /**
   * raised ones, in order: a ring, because an array that is emptied by its length gives up its memory each time; its size is
   * a power of two
   */
  readonly #softirqs: (Softirq | null)[] = new Array<Softirq | null>(64).fill(null);
  readonly #deferred: (() => void)[] = [];
  #head = 0;
  #raised = 0;

  timer(fn: () => void): Timer {
    return new Timer(this, fn);
  }

  softirq(fn: () => void): Softirq {
    return new Softirq(this, fn);
  }

  /** Runs `fn` once at a moment; for rare events (allocates a Timer). */
  at(when: Ns, fn: () => void): Timer {
    const timer = new Timer(this, fn);
    timer.mod(when);
    return timer;
  }

  /** Runs `fn` once after a delay. */
  after(delay: Ns, fn: () => void): Timer {
    return this.at(this.now + delay, fn);
  }

  /** The CPU is busy for `ns`: the clock moves on and whatever was due meanwhile runs late. */
  elapse(ns: Ns): void {
    this.now += ns;
  }

  /** @internal */
  pushSoftirq(softirq: Softirq): void {
    const ring = this.#softirqs;
    if (this.#raised === ring.length) this.#growRing();
    this.#softirqs[(this.#head + this.#raised++) & (this.#softirqs.length - 1)] = softirq;
  }

  /** As many softirqs are raised at once as there are lists of them: rare. */
  #growRing(): void {
    const ring = this.#softirqs;
    const inOrder = [...ring.slice(this.#head), ...ring.slice(0, this.#head)];
    ring.length = 0;
    ring.push(...inOrder, ...inOrder.map(() => null));
    this.#head = 0;
  }

  /**
   * A thread's code lets bottom halves run again (local_bh_enable): what it has raised is done before it goes on. Only for
   * senders that keep nothing in shared scratch across the call.
   */
  bhEnable(): void {
    if (!this.inThread || this.#inSoftirq) return;
    this.doSoftirq();
    this.settle();
  }

  /**
   * Something that softirqs have put off, and that whoever looks must find done (counters, say), is done before the next timer or
   * thread runs. `fn` is kept: call this once until it has run.
   */
  defer(fn: () => void): void {
    this.#deferred.push(fn);
  }

  /** Does what was put off; for those who look without a thread or a timer. */
  settle(): void {
    for (let fn = this.#deferred.pop(); fn; fn = this.#deferred.pop()) fn();
  }

  /** Runs raised softirqs until none is left (do_softirq). Not re-entrant. */
  doSoftirq(): void {
    const ring = this.#softirqs;
    this.#inSoftirq = true;
    while (this.#raised > 0) {
      const softirq = ring[this.#head]!;
      ring[this.#head] = null;
      this.#head = (this.#head + 1) & (ring.length - 1);
      this.#raised--;
      softirq.raised = false;
      this.#count();
      softirq.fn();
    }
    this.#inSoftirq = false;
  }

  /**
   * Runs events until none is left, or until `stop()` is true (asked after each event), or until `until` (virtual
   * ns, exclusive of later events; the clock then stands at `until`).
   * Throws LimitReached when a limit is passed.
   */
  run(stop?: () => boolean, until: Ns = Number.POSITIVE_INFINITY): void {
    for (;;) {
      this.doSoftirq();
      if (this.#deferred.length > 0) this.settle();
      if (stop?.()) return;
      const next = this.#heap[0];
      if (!next || next.expires > until) {
        if (until !== Number.POSITIVE_INFINITY && this.now < until) this.now = until;
        return;
      }
      const { maxTimeNs } = this.limits;
      if (maxTimeNs !== undefined && next.expires > maxTimeNs) {
        this.now = maxTimeNs;
        throw new LimitReached("the limit of virtual time was reached");
      }
      this.disarm(next);
      if (next.expires > this.now) this.now = next.expires;
      this.#count();
      next.fn();
    }
  }

  /** When something happens next by itself: now while softirqs are raised, Infinity when nothing will. */
  get nextEvent(): Ns {
    return this.#raised > 0 ? this.now : (this.#heap[0]?.expires ?? Number.POSITIVE_INFINITY);
  }

  /** True when nothing will ever happen again by itself. */
  get idle(): boolean {
    return this.#heap.length === 0 && this.#raised === 0;
  }

  #count(): void {
    this.events++;
    if (this.limits.maxEvents !== undefined && this.events > this.limits.maxEvents)
      throw new LimitReached("the limit of events was reached");
  }

  /** @internal */
  arm(timer: Timer, at: Ns): void {
    assert(!Number.isNaN(at), "a timer is armed for NaN");
    if (timer.slot >= 0) this.disarm(timer);
    timer.expires = at;
    timer.seq = this.#seq++;
    this.#heap.push(timer);
    this.#up(this.#heap.length - 1, timer);
  }

  /** @internal */
  disarm(timer: Timer): void {
    const heap = this.#heap;
    const slot = timer.slot;
    const last = heap.pop()!;
    timer.slot = -1;
    if (last === timer) return;
    heap[slot] = last;
    last.slot = slot;
    if (slot > 0 && before(last, heap[(slot - 1) >> 1]!)) this.#up(slot, last);
    else this.#down(slot, last);
  }

  #up(slot: number, timer: Timer): void {
    const heap = this.#heap;
    while (slot > 0) {
      const parent = (slot - 1) >> 1;
      const other = heap[parent]!;
      if (!before(timer, other)) break;
      heap[slot] = other;
      other.slot = slot;
      slot = parent;
    }
    heap[slot] = timer;
    timer.slot = slot;
  }

  #down(slot: number, timer: Timer): void {
    const heap = this.#heap;
    const length = heap.length;
    for (;;) {
      let child = slot * 2 + 1;
      if (child >= length) break;
      if (child + 1 < length && before(heap[child + 1]!, heap[child]!)) child++;
      const other = heap[child]!;
      if (!before(other, timer)) break;
      heap[slot] = other;
      other.slot = slot;
      slot = child;
    }
    heap[slot] = timer;
    timer.slot = slot;
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.expires < b.expires || (a.expires === b.expires && a.seq < b.seq);
}
