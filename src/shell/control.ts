// How a shell leaves the middle of a command: loops, functions, the shell itself, and errors that abandon a command.
// All are thrown and caught inside the shell; none leaves it.

/** `break n` and `continue n`, on their way out of `levels` loops. */
export class LoopJump extends Error {
  override readonly name: string = "LoopJump";
  readonly kind: "break" | "continue";
  levels: number;

  constructor(kind: "break" | "continue", levels: number) {
    super(kind);
    this.kind = kind;
    this.levels = levels;
  }
}

/** `return`, from a function or a sourced file. */
export class FunctionReturn extends Error {
  override readonly name: string = "FunctionReturn";
  readonly status: number;

  constructor(status: number) {
    super("return");
    this.status = status;
  }
}

/** `exit`, `set -e`, or an error that ends a shell that is not interactive. */
export class ShellExit extends Error {
  override readonly name: string = "ShellExit";
  readonly status: number;

  constructor(status: number) {
    super("exit");
    this.status = status;
  }
}

/**
 * An error in an expansion or an assignment. `message` is printed with file and line; then the command list that was
 * read together is abandoned (`discard`), or the shell ends unless it is interactive (`fatal`).
 */
export class ExpansionError extends Error {
  override readonly name: string = "ExpansionError";
  readonly how: "discard" | "fatal";
  readonly status: number;
  /** printed already, on its way out */
  said = false;

  constructor(message: string, how: "discard" | "fatal" = "discard", status = 1) {
    super(message);
    this.how = how;
    this.status = status;
  }
}
