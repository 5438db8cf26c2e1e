// docker-init (tini 0.19): the first process of a container that was made with --init. It starts the program, hands every
// signal on to it and ends as it ends. Answers to tini's src/tini.c.

import type { Process } from "../posix/process.ts";
import { EXEC_NS } from "../shell/cost.ts";
import type { Image } from "../shell/exec.ts";
import type { Task } from "../sim/task.ts";

/** The signals that tini keeps to itself: those of its own mistakes, of its terminal and of its children. */
const KEPT: ReadonlySet<number> = new Set([4, 5, 6, 7, 8, 11, 17, 21, 22]);
const LAST_SIGNAL = 31;

export function dockerInit(image: Image): Image {
  return { argv: ["/sbin/docker-init", "--", ...image.argv], program: (proc) => init(proc, image) };
}

function* init(proc: Process, image: Image): Task<number> {
  const child = proc.spawn(
    function* (own): Task<number> {
      yield* own.cpu(EXEC_NS);
      return yield* image.program(own);
    },
    { argv: image.argv },
  );
  for (let signal = 1; signal <= LAST_SIGNAL; signal++)
    if (!KEPT.has(signal)) proc.onSignal(signal, () => child.kill(signal));
  const { status } = yield* child.wait();
  return status;
}
