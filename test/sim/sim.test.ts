import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Rng } from "../../src/sim/rng.ts";
import { LimitReached, Sim } from "../../src/sim/sim.ts";
import { sleep, type Task, Tasks } from "../../src/sim/task.ts";

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

  it("runs on the other CPU what is due while one is busy", () => {
    const sim = new Sim();
    const ran: string[] = [];
    sim.at(10, () => {
      sim.elapse(100);
      ran.push(`one until ${sim.now} on CPU ${sim.cpu.id}`);
    });
    const tasks = new Tasks(sim);
    tasks.spawn(
      "two",
      (function* () {
        yield* sleep(0);
        ran.push(`two at ${sim.now} on CPU ${sim.cpu.id}`);
      })(),
      undefined,
      20,
    );
    sim.run();
    expect(ran).toEqual(["one until 110 on CPU 0", "two at 20 on CPU 1"]);
    expect(sim.now).toBe(110);
  });

  it("runs softirqs of two CPUs by turns, each on its own clock", () => {
    const sim = new Sim();
    const tasks = new Tasks(sim);
    const ran: string[] = [];
    const work = (name: string, ns: number) => {
      let left = 2;
      const softirq = sim.softirq(() => {
        ran.push(`${name} on CPU ${sim.cpu.id} at ${sim.now}`);
        sim.elapse(ns);
        if (--left > 0) softirq.raise();
      });
      return softirq;
    };
    const slow = work("slow", 50);
    const quick = work("quick", 20);
    sim.at(10, () => slow.raise());
    function* thread(): Task<void> {
      quick.raise();
      yield* sleep(1);
      ran.push(`thread at ${sim.now}`);
    }
    tasks.spawn("thread", thread(), undefined, 15);
    sim.run();
    expect(ran).toEqual([
      "slow on CPU 0 at 10",
      "quick on CPU 1 at 15",
      "quick on CPU 1 at 35",
      "thread at 55",
      "slow on CPU 0 at 60",
    ]);
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
