// Every builtin of the shell, by name.

import type { Builtin } from "./builtin.ts";
import { directoryBuiltins } from "./dirs.ts";
import { flowBuiltins } from "./flow.ts";
import { historyBuiltins } from "./history.ts";
import { ioBuiltins } from "./io.ts";
import { jobBuiltins } from "./jobs.ts";
import { optionBuiltins } from "./options.ts";
import { variableBuiltins } from "./vars.ts";

export const builtins: ReadonlyMap<string, Builtin> = new Map([
  ...flowBuiltins,
  ...ioBuiltins,
  ...variableBuiltins,
  ...optionBuiltins,
  ...jobBuiltins,
  ...directoryBuiltins,
  ...historyBuiltins,
]);
