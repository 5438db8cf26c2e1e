/** A bug in vethlab itself, never bad input: those are `NetError` (a user's) or a dropped packet. */
export class AssertionError extends Error {
  override readonly name: string = "AssertionError";
}

/** Throws `AssertionError` when `condition` is false. */
export function assert(condition: unknown, message = "assertion failed"): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** For the branch that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
