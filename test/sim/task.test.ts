import { describe, expect, it } from "vitest";
import { Sim } from "../../src/sim/sim.ts";
import { external, sleep, type Task, Tasks, WaitQueue, waitAny } from "../../src/sim/task.ts";

function world(): { sim: Sim; tasks: Tasks; log: string[] } {
  const sim = new Sim();
  const tasks = new Tasks(sim);
  tasks.wakeLatencyNs = 0;
  return { sim, tasks, log: [] };
}

describe("a task", () => {
  it("sleeps in virtual time", () => {
    const { sim, tasks, log } = world();
    function* nap(name: string, ns: number): Task<void> {
      yield* sleep(ns);
      log.push(`${name}@${sim.now}`);
    }
    tasks.spawn("a", nap("a", 30));
    tasks.spawn("b", nap("b", 10));
    sim.run();
    expect(log).toEqual(["b@10", "a@30"]);
  });

  it("waits for the first of several conditions, or for the time", () => {
    const { sim, tasks, log } = world();
    const one = new WaitQueue();
    const two = new WaitQueue();
    tasks.spawn(
      "waiter",
      (function* (): Task<void> {
        log.push(String(yield* waitAny([one, two], 100)));
        log.push(String(yield* waitAny([one, two], 100)));
      })(),
    );
    sim.at(5, () => two.wakeAll());
    sim.run();
    expect(log).toEqual(["1", "-1"]);
    expect([one.empty, two.empty, sim.now]).toEqual([true, true, 105]);
  });

  it("runs its finally blocks when it is cancelled where it waits, and leaves the queue", () => {
    const { sim, tasks, log } = world();
    const queue = new WaitQueue();
    const thread = tasks.spawn(
      "t",
      (function* (): Task<void> {
        try {
          yield* queue.wait();
          log.push("woken");
        } finally {
          log.push("cleaned");
        }
      })(),
    );
    sim.run();
    thread.cancel();
    expect([log, queue.empty, thread.done, tasks.live.size]).toEqual([["cleaned"], true, true, 0]);
  });

  it("can be interrupted where it waits and go on", () => {
    const { sim, tasks, log } = world();
    const thread = tasks.spawn(
      "t",
      (function* (): Task<void> {
        try {
          yield* sleep(1000);
        } catch (error) {
          log.push(`caught ${(error as Error).message}`);
        }
        yield* sleep(1);
        log.push(`on@${sim.now}`);
      })(),
    );
    sim.at(10, () => thread.interrupt(new Error("signal")));
    sim.run();
    expect(log).toEqual(["caught signal", "on@11"]);
  });

  it("freezes virtual time while it waits for the outside world", async () => {
    const { sim, tasks, log } = world();
    tasks.spawn(
      "t",
      (function* (): Task<void> {
        log.push(yield* external(Promise.resolve("loaded")));
        log.push(String(sim.now));
      })(),
    );
    sim.at(1, () => log.push("later"));
    sim.run(() => tasks.externals.size > 0);
    await Promise.race(tasks.externals);
    sim.run();
    expect(log).toEqual(["loaded", "0", "later"]);
  });
});
