// The lab's clock and its agenda. There are two virtual CPUs, as on the machine of the recordings: code that runs may spend
// time on its own (`elapse`), raised softirqs run where they were raised before anything else does there, and meanwhile the
// other CPU runs threads and its own softirqs. What is next is what is due first, so that every run is the same. Answers to
// kernel/softirq.c and kernel/time/timer.c in spirit; a step (one frame, one stretch of a thread) is never interrupted.

import { assert } from "../base/assert.ts";
import type { Ns } from "../base/time.ts";

/** A limit (virtual time or number of events) was reached: an endless script, or a frame that circles for ever. */
export class LimitReached extends Error {
  override readonly name: string = "LimitReached";
}

/** A re-usable alarm, as struct timer_list: made once, armed many times, no allocation when armed. */
export class Timer {
  readonly sim: Sim;
  readonly fn: (arg: never) => void;
  /** what `fn` is called with: a function that many timers share costs them 100 bytes less than one of their own each */
  readonly arg: unknown;
  /** When it goes off; meaningful while pending. */
  expires: Ns = 0;
  /** @internal */ seq = 0;
  /** @internal place in the heap, -1 when not pending */ slot = -1;

  constructor(sim: Sim, fn: (arg: never) => void, arg: unknown) {
    this.sim = sim;
    this.fn = fn;
    this.arg = arg;
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

/** One virtual CPU: the softirqs raised there, and until when it is busy with what it has done. */
export class Cpu {
  /** index among the machine's CPUs */
  readonly id: number;
  /** busy until then; while softirqs are raised, when the next of them runs */
  clock: Ns = 0;
  /** @internal the thread that ran here last: it goes on when the softirqs that it raised are done */
  owner: object | null = null;
  /** raised ones, in order: a ring, because an array that is emptied by its length gives up its memory each time; its
      size is a power of two */
  private ring: (Softirq | null)[] = new Array<Softirq | null>(64).fill(null);
  private head = 0;
  /** how many softirqs are raised */
  raised = 0;
  private readonly waiting: Timer[] = [];

  constructor(id: number) {
    this.id = id;
  }

  /** @internal */
  push(softirq: Softirq): void {
    if (this.raised === this.ring.length) this.#grow();
    this.ring[(this.head + this.raised++) & (this.ring.length - 1)] = softirq;
  }

  /** @internal the one raised first, which is taken out */
  shift(): Softirq {
    const ring = this.ring;
    const softirq = ring[this.head]!;
    ring[this.head] = null;
    this.head = (this.head + 1) & (ring.length - 1);
    this.raised--;
    return softirq;
  }

  /** As many softirqs are raised at once as there are lists of them: rare. */
  #grow(): void {
    const ring = this.ring;
    const inOrder = [...ring.slice(this.head), ...ring.slice(0, this.head)];
    this.ring = [...inOrder, ...inOrder.map(() => null)];
    this.head = 0;
  }

  /** Arms the timer for the moment when no softirq is left here. */
  whenDrained(timer: Timer): void {
    if (this.raised === 0) timer.mod(this.clock);
    else this.waiting.push(timer);
  }

  /** @internal */
  drained(): void {
    this.owner = null;
    const waiting = this.waiting;
    // setting the length of an array is a call out of compiled code: 20 ns
    if (waiting.length === 0) return;
    for (let i = 0; i < waiting.length; i++) waiting[i]!.mod(this.clock);
    waiting.length = 0;
  }
}

/** Something that softirqs put off, counters say: see Sim.defer. */
export interface Deferred {
  settle(): void;
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
  /** the machine's CPUs, and the one that runs */
  readonly cpus: readonly [Cpu, Cpu] = [new Cpu(0), new Cpu(1)];
  /** the same ones: what is asked several times a packet is not looked for in an array */
  private readonly cpu0: Cpu = this.cpus[0];
  private readonly cpu1: Cpu = this.cpus[1];
  cpu: Cpu = this.cpus[0];
  /** when the running step began; no step begins before it. The clock of another CPU may be a step ahead */
  private begun: Ns = 0;
  /** the furthest that any CPU's clock has come */
  private furthest: Ns = 0;
  /** a softirq's function runs */
  private _inSoftirq = false;
  private seq = 0;
  private readonly heap: Timer[] = [];
  /** when the first timer of the heap goes off; Infinity: there is none */
  private due: Ns = Number.POSITIVE_INFINITY;
  private readonly deferred: Deferred[] = [];

  constructor() {
    // V8 takes a field that has held small integers only for one that always will, and compiles everything on a packet's way anew when
    // the clock passes 2^31 ns. One that has held a fraction is a double from the start.
    for (const moment of [0.5, 0]) {
      this.now = moment;
      this.begun = moment;
      this.furthest = moment;
      for (const cpu of this.cpus) cpu.clock = moment;
    }
  }

  timer(fn: () => void): Timer;
  timer<A>(fn: (arg: A) => void, arg: A): Timer;
  timer(fn: (arg: never) => void, arg?: unknown): Timer {
    return new Timer(this, fn, arg);
  }

  softirq(fn: () => void): Softirq {
    return new Softirq(this, fn);
  }

  /** Runs `fn` once at a moment; for rare events (allocates a Timer). */
  at(when: Ns, fn: () => void): Timer {
    const timer = new Timer(this, fn, undefined);
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

  get inSoftirq(): boolean {
    return this._inSoftirq;
  }

  /** @internal */
  pushSoftirq(softirq: Softirq): void {
    const { cpu } = this;
    if (cpu.raised === 0 && cpu.clock < this.now) cpu.clock = this.now;
    cpu.push(softirq);
  }

  /**
   * A thread's code lets bottom halves run again (local_bh_enable): what it has raised is done before it goes on. Only for
   * senders that keep nothing in shared scratch across the call.
   */
  bhEnable(): void {
    if (!this.inThread || this._inSoftirq) return;
    this.#drain(this.cpu);
    this.settle();
  }

  /**
   * Something that softirqs have put off, and that whoever looks must find done (counters, say), is done before the next timer or
   * thread runs. Call this once until it has.
   */
  defer(what: Deferred): void {
    this.deferred.push(what);
  }

  /** Does what was put off; for those who look without a thread or a timer. */
  settle(): void {
    for (let what = this.deferred.pop(); what; what = this.deferred.pop()) what.settle();
  }

  #drain(cpu: Cpu): void {
    const nested = this._inSoftirq;
    this._inSoftirq = true;
    while (cpu.raised > 0) this.#runSoftirq(cpu);
    this._inSoftirq = nested;
  }

  /** Runs raised softirqs until none is left, and nothing else: for those who drive a path without an agenda. */
  doSoftirq(): void {
    for (let cpu = this.#busyCpu(); cpu !== null; cpu = this.#busyCpu()) {
      this.cpu = cpu;
      this.#drain(cpu);
    }
  }

  #runSoftirq(cpu: Cpu): void {
    const softirq = cpu.shift();
    softirq.raised = false;
    this.#count();
    softirq.fn();
    cpu.clock = this.now;
    if (cpu.raised === 0) cpu.drained();
  }

  /** A step begins on a CPU that is free from `at` on. */
  #begin(at: Ns): void {
    if (this.now > this.furthest) this.furthest = this.now;
    if (at > this.begun) this.begun = at;
    this.now = this.begun;
  }

  /** Whoever looks at the clock from outside sees it go forward only. */
  #pause(): void {
    if (this.now < this.furthest) this.now = this.furthest;
    this.begun = this.now;
  }

  /** A softirq's work of many steps lets others come first: something is due elsewhere before this CPU's clock. */
  needResched(): boolean {
    if (this.due < this.now) return true;
    const other = this.cpu === this.cpu0 ? this.cpu1 : this.cpu0;
    return other.raised > 0 && other.clock < this.now;
  }

  /** Among the CPUs with raised softirqs the one whose clock is least far; null when no softirq is raised. */
  #busyCpu(): Cpu | null {
    const a = this.cpu0;
    const b = this.cpu1;
    if (a.raised === 0) return b.raised === 0 ? null : b;
    return b.raised === 0 || a.clock <= b.clock ? a : b;
  }

  /** A CPU that has nothing to do now, `wished` if that is one; null when both are busy. */
  idleCpu(wished: Cpu): Cpu | null {
    if (wished.raised === 0 && wished.clock <= this.now) return wished;
    const other = this.cpus[1 - wished.id]!;
    return other.raised === 0 && other.clock <= this.now ? other : null;
  }

  /**
   * Runs events until none is left, or until `stop()` is true (asked after each event), or until `until` (virtual
   * ns, exclusive of later events; the clock then stands at `until`).
   * Throws LimitReached when a limit is passed.
   */
  run(stop?: () => boolean, until: Ns = Number.POSITIVE_INFINITY): void {
    for (;;) {
      const next = this.heap[0];
      const busy = this.#busyCpu();
      if (busy !== null && (next === undefined || next.expires >= busy.clock)) {
        this.cpu = busy;
        this.#begin(busy.clock);
        this._inSoftirq = true;
        this.#runSoftirq(busy);
        this._inSoftirq = false;
        continue;
      }
      if (this.deferred.length > 0) this.settle();
      if (stop?.()) {
        this.#pause();
        return;
      }
      if (!next || next.expires > until) {
        this.#pause();
        if (until !== Number.POSITIVE_INFINITY && this.now < until) this.now = until;
        return;
      }
      const { maxTimeNs } = this.limits;
      if (maxTimeNs !== undefined && next.expires > maxTimeNs) {
        this.now = maxTimeNs;
        throw new LimitReached("the limit of virtual time was reached");
      }
      this.disarm(next);
      this.#begin(next.expires);
      // timers belong to one CPU: what two of them send stays in order. A thread takes a CPU for itself
      [this.cpu] = this.cpus;
      this.#count();
      next.fn(next.arg as never);
      if (this.cpu.clock < this.now) this.cpu.clock = this.now;
    }
  }

  /** When something happens next by itself: now while softirqs are raised, Infinity when nothing will. */
  get nextEvent(): Ns {
    return this.#busyCpu() ? this.now : this.due;
  }

  /** True when nothing will ever happen again by itself. */
  get idle(): boolean {
    return this.heap.length === 0 && this.#busyCpu() === null;
  }

  #count(): void {
    this.events++;
    if (this.limits.maxEvents !== undefined && this.events > this.limits.maxEvents)
      throw new LimitReached("the limit of events was reached");
  }

  /** @internal */
  arm(timer: Timer, at: Ns): void {
    assert(!Number.isNaN(at), "a timer is armed for NaN");
    const { slot } = timer;
    const later = slot >= 0 && at >= timer.expires;
    timer.expires = at;
    timer.seq = this.seq++;
    if (later) this.#down(slot, timer);
    else if (slot >= 0) this.#up(slot, timer);
    else {
      this.heap.push(timer);
      this.#up(this.heap.length - 1, timer);
    }
    this.due = this.heap[0]!.expires;
  }

  /** @internal */
  disarm(timer: Timer): void {
    const heap = this.heap;
    const slot = timer.slot;
    const last = heap.pop()!;
    timer.slot = -1;
    if (last !== timer) {
      heap[slot] = last;
      last.slot = slot;
      if (slot > 0 && before(last, heap[(slot - 1) >> 1]!)) this.#up(slot, last);
      else this.#down(slot, last);
    }
    this.due = heap.length > 0 ? heap[0]!.expires : Number.POSITIVE_INFINITY;
  }

  #up(slot: number, timer: Timer): void {
    const heap = this.heap;
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
    const heap = this.heap;
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
