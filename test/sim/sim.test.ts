import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Rng } from "../../src/sim/rng.ts";
import { LimitReached, Sim } from "../../src/sim/sim.ts";

describe("the agenda", () => {
  it("runs timers in the order of their time, and of their arming where the time is the same", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), (times) => {
        const sim = new Sim();
        const ran: [number, number][] = [];
        times.forEach((time, i) => void sim.at(time, () => ran.push([time, i])));
        sim.run();
        const sorted = times.map((time, i): [number, number] => [time, i]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
        expect(ran).toEqual(sorted);
      }),
    );
  });

  it("keeps its order when timers are taken away and moved", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(30), fc.nat(30), fc.nat(2)), { maxLength: 40 }), (plan) => {
        const sim = new Sim();
        const ran: number[] = [];
        const timers = plan.map(([time]) => {
          const timer = sim.timer(() => ran.push(timer.expires));
          timer.mod(time);
          return timer;
        });
        const expected: number[] = [];
        plan.forEach(([time, other, what], i) => {
          if (what === 0) timers[i]!.del();
          else if (what === 1) timers[i]!.mod(other);
          if (what !== 0) expected.push(what === 1 ? other : time);
        });
        sim.run();
        expect(ran).toEqual(expected.sort((a, b) => a - b));
      }),
    );
  });

  it("runs raised work before any timer, once", () => {
    const sim = new Sim();
    const ran: string[] = [];
    const softirq = sim.softirq(() => ran.push("softirq"));
    sim.at(5, () => {
      softirq.raise();
      softirq.raise();
      sim.at(5, () => ran.push("timer"));
    });
    sim.run();
    expect(ran).toEqual(["softirq", "timer"]);
  });

  it("lets a busy CPU make later timers late", () => {
    const sim = new Sim();
    const at: number[] = [];
    sim.at(10, () => sim.elapse(100));
    sim.at(20, () => at.push(sim.now));
    sim.run();
    expect(at).toEqual([110]);
  });

  it("stands still at the moment it was run to", () => {
    const sim = new Sim();
    sim.at(50, () => {});
    sim.run(undefined, 20);
    expect([sim.now, sim.idle]).toEqual([20, false]);
  });

  it("stops at a limit of time or of events", () => {
    const endless = (limits: Sim["limits"]): Sim => {
      const sim = new Sim();
      sim.limits = limits;
      const timer = sim.timer(() => timer.after(10));
      timer.after(10);
      return sim;
    };
    const byTime = endless({ maxTimeNs: 1000 });
    expect(() => byTime.run()).toThrow(LimitReached);
    expect(byTime.now).toBe(1000);
    const byEvents = endless({ maxEvents: 7 });
    expect(() => byEvents.run()).toThrow(LimitReached);
  });
});

describe("randomness", () => {
  it("of one label does not depend on what others draw", () => {
    const one = new Rng(7);
    one.fork("ports").u32();
    one.fork("ports").u32();
    const a = one.fork("macs").bytes(6);
    expect(a).toEqual(new Rng(7).fork("macs").bytes(6));
    expect(a).not.toEqual(new Rng(8).fork("macs").bytes(6));
    expect(a).not.toEqual(new Rng(7).fork("mac").bytes(6));
  });

  it("stays within its bounds", () => {
    const rng = new Rng(1);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1000 }), fc.nat(1000), (lo, span) => {
        const value = rng.between(lo, lo + span);
        expect(value).toBeGreaterThanOrEqual(lo);
        expect(value).toBeLessThanOrEqual(lo + span);
      }),
    );
  });
});
