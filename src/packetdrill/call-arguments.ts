// What system calls of a script share: the run that they are part of, and their arguments as numbers, names, addresses and
// bytes. What is not supported is refused by its name.

import { Errno, NetError } from "../base/errno.ts";
import type { Ns } from "../base/time.ts";
import type { Net } from "../net/core/net.ts";
import type { NetNamespace } from "../net/netns.ts";
import type { Config } from "./config.ts";
import type { Connection } from "./connection.ts";
import type { Descriptor, SocketDescriptor } from "./descriptors.ts";
import { type Call, type Expression, ScriptError } from "./script.ts";
import { SYMBOLS } from "./symbols.ts";

/** What a call needs of the run. */
export interface World {
  readonly net: Net;
  readonly netns: NetNamespace;
  readonly config: Config;
  /** by the script's numbers */
  readonly descriptors: Map<number, Descriptor>;
  /** connections that packets have opened and nobody has accepted yet, the oldest first */
  readonly connections: Connection[];
  /** a moment in the script's time, ns */
  scriptTime(moment: Ns): Ns;
  /** a file of the emulated machine; throws ENOENT, EISDIR … */
  readFile(path: string): Uint8Array;
  /** the connection under test is another from now on */
  use(connection: Connection): void;
}

/** A call that returned what was expected, and gave something else than expected besides. */
export class CallMismatch extends Error {
  override readonly name: string = "CallMismatch";
}

const MAX_PAYLOAD = 16 * 1024 * 1024;

export function fail(call: Call, message: string): ScriptError {
  return new ScriptError(call.line, `${call.name}(): ${message}`);
}

export function arg(call: Call, index: number): Expression {
  const found = call.args[index];
  if (!found) throw fail(call, `argument ${index + 1} is missing`);
  return found;
}

/** The number of an expression of numbers and constants. */
export function numberOf(call: Call, expression: Expression): number {
  switch (expression.kind) {
    case "number":
      return expression.value;
    case "word": {
      const value = SYMBOLS.get(expression.name);
      if (value === undefined) throw fail(call, `the constant ${expression.name} is not supported`);
      return value;
    }
    case "or": {
      const [left, right] = [numberOf(call, expression.left), numberOf(call, expression.right)];
      return Number(BigInt(left) | BigInt(right));
    }
    case "call":
      if (expression.name === "htons") return numberOf(call, expression.args[0]!);
  }
  throw fail(call, "a number is expected");
}

export function number(call: Call, index: number): number {
  return numberOf(call, arg(call, index));
}

/** `[value]` */
export function bracketed(call: Call, index: number): Expression {
  const list = arg(call, index);
  if (list.kind !== "list" || list.items.length !== 1) throw fail(call, `argument ${index + 1} should be [value]`);
  return list.items[0]!;
}

export function word(call: Call, index: number): string {
  const expression = arg(call, index);
  if (expression.kind !== "word") throw fail(call, `argument ${index + 1} should be a constant's name`);
  return expression.name;
}

export function socketAt(world: World, call: Call, index: number): SocketDescriptor {
  const fd = number(call, index);
  const descriptor = world.descriptors.get(fd);
  if (!descriptor) throw new NetError(Errno.EBADF);
  if (descriptor.kind !== "socket") throw fail(call, `descriptor ${fd} is no socket`);
  return descriptor;
}

export function fieldOf(call: Call, expression: Expression, name: string): Expression {
  const found = expression.kind === "struct" ? expression.fields.find((field) => field.name === name) : undefined;
  if (!found) throw fail(call, `a structure with ${name}=… is expected`);
  return found.value;
}

/** The buffer is NULL. */
export function isNull(content: Expression): boolean {
  return content.kind === "word" && content.name === "NULL";
}

/** Bytes to send: a text, or so many zeros. Throws EFAULT for NULL. */
export function payload(call: Call, content: Expression, length: number): Uint8Array {
  if (isNull(content) && length > 0) throw new NetError(Errno.EFAULT);
  if (length > MAX_PAYLOAD) throw fail(call, `${length} bytes at once are not supported`);
  const bytes = new Uint8Array(Math.max(length, 0));
  if (content.kind === "string") for (let i = 0; i < bytes.length; i++) bytes[i] = content.value.charCodeAt(i) & 0xff;
  else if (content.kind !== "ellipsis") throw fail(call, "what is sent should be ... or a text");
  return bytes;
}

/** An address that is spelt out, or null for `...`. */
export function addressOf(call: Call, expression: Expression): { addr: number; port: number } | null {
  if (expression.kind === "ellipsis") return null;
  const port = numberOf(call, fieldOf(call, expression, "sin_port"));
  const addr = fieldOf(call, expression, "sin_addr");
  const text = addr.kind === "call" && addr.name === "inet_addr" ? addr.args[0] : undefined;
  if (text?.kind !== "string") throw fail(call, 'sin_addr should be inet_addr("…")');
  const parts = text.value.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255)))
    throw fail(call, `no address: ${text.value}`);
  return { addr: parts.reduce((sum, part) => sum * 256 + part, 0), port };
}
