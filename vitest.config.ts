import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    // threads start in half the time of processes; by itself vitest leaves a processor free, which is half of two
    pool: "threads",
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
