// tcpdump's filter: from the command line or a file to a compiled program, or to a complaint that points at the mistake; and -d, which
// prints the program.

import { NetError, strerror } from "../../base/errno.ts";
import { decodeUtf8 } from "../../base/text.ts";
import { bpfAssembly, bpfInitializers, bpfNumbers } from "../../capture/bpf-text.ts";
import {
  compileFilter,
  FilterError,
  type FilterOptions,
  type FrameFilter,
  filterProgram,
  pointAt,
} from "../../capture/filter.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import type { TcpdumpOptions } from "./options.ts";

/** The compiled filter, or the status to end with. */
export function* filterOf(
  proc: Process,
  options: TcpdumpOptions,
  source: FilterOptions,
): Task<FrameFilter | null | number> {
  const text = yield* filterText(proc, options);
  if (typeof text === "number") return text;
  if (text.trim() === "") return null;
  return yield* orComplaint(proc, text, () => compileFilter(text, { ...source, unoptimized: !options.optimized }));
}

/** -d: the filter's program instead of any capture. */
export function* dumpCode(proc: Process, options: TcpdumpOptions, source: FilterOptions): Task<number> {
  const text = yield* filterText(proc, options);
  if (typeof text === "number") return text;
  const program = yield* orComplaint(proc, text, () =>
    filterProgram(text, { ...source, snapLength: options.snapLength, unoptimized: !options.optimized }),
  );
  if (typeof program === "number") return program;
  if (source.live && /\bvlan\b/.test(text)) {
    yield* proc.printError("tcpdump: option -d is not emulated by vethlab for vlan on a live interface\n");
    return 1;
  }
  const print = options.dumpCode === 1 ? bpfAssembly : options.dumpCode === 2 ? bpfInitializers : bpfNumbers;
  yield* proc.print(print(program));
  return 0;
}

/** What `make` makes, or the status to end with when the filter is wrong. */
function* orComplaint<Result>(proc: Process, text: string, make: () => Result): Task<Result | number> {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    const place = pointAt(text, error).replace(/^(?=.)/gm, "vethlab: ");
    yield* proc.printError(`tcpdump: ${error.message}\n${place}`);
    return 1;
  }
}

/** The expression on the command line or in the filter file. */
function* filterText(proc: Process, options: TcpdumpOptions): Task<string | number> {
  let text = options.expression;
  if (options.filterFile !== undefined) {
    try {
      // a # begins a comment in a filter file
      text = decodeUtf8(proc.root.readFile(proc, options.filterFile)).replace(/#.*$/gm, "");
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      yield* proc.printError(`tcpdump: can't open ${options.filterFile}: ${strerror(error.errno)}\n`);
      return 1;
    }
  }
  return text;
}
