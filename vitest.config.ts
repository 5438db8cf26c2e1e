import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    // threads start in half the time of processes; by itself vitest leaves a processor free, which is half of two
    pool: "threads",
    // a thread's test files share what they import: loading the engine anew for each of 117 files took as long as half of all tests. Nothing in it
    // may outlive a lab, so that no file sees what another has done
    isolate: false,
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
