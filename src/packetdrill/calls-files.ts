// Calls on files and pipes: open, pipe, and what moves bytes between them and sockets without the program's hands, sendfile
// and splice. Answers to tcp_splice_read and tcp_splice_eof in net/ipv4/tcp.c as far as scripts see them.

import { Errno, NetError } from "../base/errno.ts";
import { TcpStreamSock } from "../net/ipv4/tcp.ts";
import type { Task } from "../sim/task.ts";
import { arg, fail, isNull, number, numberOf, socketAt, type World } from "./call-arguments.ts";
import type { FileDescriptor, PipeDescriptor } from "./descriptors.ts";
import type { Call } from "./script.ts";
import { O_RDWR, O_WRONLY } from "./symbols.ts";

/** PIPE_BUF pages of a pipe: 16 of 4 KiB. */
const PIPE_BYTES = 65536;

export function* open(world: World, call: Call): Task<number> {
  const path = arg(call, 0);
  if (path.kind !== "string") throw fail(call, "a path in quotes is expected");
  const flags = number(call, 1);
  if (flags & (O_WRONLY | O_RDWR)) throw fail(call, "only O_RDONLY is supported");
  const bytes = world.readFile(path.value);
  const fd = numberOf(call, call.result);
  world.descriptors.set(fd, { kind: "file", bytes, offset: 0 });
  return fd;
}

export function* pipe(world: World, call: Call): Task<number> {
  const ends = arg(call, 0);
  if (ends.kind !== "list" || ends.items.length !== 2) throw fail(call, "[read end, write end] is expected");
  const buffer = { bytes: 0 };
  ends.items.forEach((item, i) => {
    world.descriptors.set(numberOf(call, item), { kind: "pipe", end: i === 0 ? "read" : "write", buffer });
  });
  return 0;
}

function fileAt(world: World, call: Call, index: number): FileDescriptor {
  const descriptor = world.descriptors.get(number(call, index));
  if (!descriptor) throw new NetError(Errno.EBADF);
  if (descriptor.kind !== "file") throw fail(call, `descriptor ${number(call, index)} is no file`);
  return descriptor;
}

/** `[value]` or NULL: where to begin; then the file's own place stays. */
function offsetAt(call: Call, index: number): number | null {
  const offset = arg(call, index);
  if (isNull(offset)) return null;
  if (offset.kind !== "list" || offset.items.length !== 1) throw fail(call, "[offset] or NULL is expected");
  return numberOf(call, offset.items[0]!);
}

export function* sendfile(world: World, call: Call): Task<number> {
  const { socket: s, nonBlocking } = socketAt(world, call, 0);
  const file = fileAt(world, call, 1);
  const offset = offsetAt(call, 2);
  const from = offset ?? file.offset;
  const bytes = file.bytes.subarray(from, from + number(call, 3));
  if (bytes.length === 0) return 0;
  const sent = yield* s.send(bytes, { more: true, splice: true, dontWait: nonBlocking });
  yield* s.send(new Uint8Array(0), { splice: true, dontWait: nonBlocking });
  if (offset === null) file.offset += sent;
  return sent;
}

function pipeAt(world: World, call: Call, index: number, end: "read" | "write"): PipeDescriptor {
  const descriptor = world.descriptors.get(number(call, index));
  if (!descriptor) throw new NetError(Errno.EBADF);
  if (descriptor.kind !== "pipe" || descriptor.end !== end) throw fail(call, `a pipe's ${end} end is expected`);
  return descriptor;
}

/** Between a stream socket and a pipe. */
export function* splice(world: World, call: Call): Task<number> {
  if (!isNull(arg(call, 1)) || !isNull(arg(call, 3))) throw fail(call, "offsets should be NULL");
  const length = number(call, 4);
  if (number(call, 5) !== 0) throw fail(call, "flags are not supported");
  const input = world.descriptors.get(number(call, 0));
  if (input?.kind === "pipe") {
    const { buffer } = pipeAt(world, call, 0, "read");
    const { socket: s, nonBlocking } = socketAt(world, call, 2);
    const taken = Math.min(length, buffer.bytes);
    if (taken === 0) throw new NetError(Errno.EAGAIN);
    const sent = yield* s.send(new Uint8Array(taken), { splice: true, dontWait: nonBlocking });
    buffer.bytes -= sent;
    return sent;
  }
  const { socket: s, nonBlocking } = socketAt(world, call, 0);
  const { buffer } = pipeAt(world, call, 2, "write");
  const room = Math.min(length, PIPE_BYTES - buffer.bytes);
  if (room === 0) throw new NetError(Errno.EAGAIN);
  // urgent data is in the way: nothing is read past it, and nobody waits for it
  if (s.sock instanceof TcpStreamSock && s.sock.urgentNext) return 0;
  s.nonBlocking = nonBlocking;
  const { bytes } = yield* s.recv(room);
  buffer.bytes += bytes.length;
  return bytes.length;
}
