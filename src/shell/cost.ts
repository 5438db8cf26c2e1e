// What running commands costs in virtual time: one place for every figure. They are of the size a small Linux machine
// shows (fork and exec of a dynamically linked tool: about a millisecond); nothing depends on their exact value.

import { type Ns, USEC } from "../base/time.ts";

/** fork(2), paid by the shell before the child runs. */
export const FORK_NS: Ns = 300 * USEC;
/** execve(2) and the dynamic linker, paid by the child. With FORK_NS: what an external command costs. */
export const EXEC_NS: Ns = 700 * USEC;
/** A builtin command. */
export const BUILTIN_NS: Ns = 3 * USEC;
/** An assignment, `(( ))`, `[[ ]]` or a function call. */
export const STEP_NS: Ns = 2 * USEC;
