// The tick that it is, asked several times a packet: a division a jiffy instead of one each time.

import type { Ns } from "../../base/time.ts";
import type { Sim } from "../../sim/sim.ts";
import { JIFFY_NS, jiffyStart } from "./timer-wheel.ts";

export class JiffyClock {
  private readonly sim: Sim;
  private jiffy = 0;
  /** it is that jiffy from when to when (virtual ns) */
  private from: Ns = Number.NEGATIVE_INFINITY;
  private to: Ns = Number.NEGATIVE_INFINITY;

  constructor(sim: Sim) {
    this.sim = sim;
    // a product that V8 has only seen small is compiled as one that stays below 2^31, and everything around it anew once it does not
    this.#look(2 ** 40);
    this.to = 0;
  }

  /** Jiffies since the lab was switched on: 32 bits, wrapping. A CPU whose clock is behind may be a jiffy behind. */
  jiffies(): number {
    const { now } = this.sim;
    if (now < this.from || now >= this.to) this.#look(now);
    return this.jiffy;
  }

  #look(now: Ns): void {
    const jiffy = Math.floor(now / JIFFY_NS);
    this.jiffy = jiffy | 0;
    this.from = jiffyStart(jiffy);
    this.to = this.from + JIFFY_NS;
  }
}
