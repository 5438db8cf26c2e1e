// A program whose code is loaded when somebody runs it: a fresh process need not read what its script does not use.

import { external } from "../sim/task.ts";
import type { Program } from "./process.ts";

/**
 * Virtual time stands still while the code is loaded. The program waits for the promise each time, also when the code is there,
 * so that the order of events is the same in a process that has run it before.
 */
export function lazyProgram<M>(load: () => Promise<M>, pick: (loaded: M) => Program): Program {
  return function* (proc) {
    const loaded = yield* external(load());
    return yield* pick(loaded)(proc);
  };
}
