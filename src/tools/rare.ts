import { lazyProgram } from "../posix/lazy-program.ts";
import type { Program } from "../posix/process.ts";

/** A program of rare-tools.ts, by its name there. */
export function rare(name: keyof typeof import("./rare-tools.ts")): Program {
  return lazyProgram(
    () => import("./rare-tools.ts"),
    (tools) => tools[name],
  );
}
