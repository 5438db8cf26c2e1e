// The calls that read and write.

import { Errno, NetError } from "../base/errno.ts";
import { TcpStreamSock } from "../net/ipv4/tcp.ts";
import type { Task } from "../sim/task.ts";
import {
  addressOf,
  arg,
  CallMismatch,
  fail,
  fieldOf,
  isNull,
  number,
  numberOf,
  payload,
  socketAt,
  type World,
  word,
} from "./call-arguments.ts";
import type { SocketDescriptor } from "./descriptors.ts";
import type { Call, Expression } from "./script.ts";
import {
  MSG_DONTWAIT,
  MSG_EOR,
  MSG_ERRQUEUE,
  MSG_FASTOPEN,
  MSG_MORE,
  MSG_NOSIGNAL,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_WAITALL,
} from "./symbols.ts";

const SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | MSG_OOB | MSG_EOR | MSG_FASTOPEN;
const RECV_FLAGS = MSG_DONTWAIT | MSG_PEEK | MSG_OOB | MSG_TRUNC | MSG_WAITALL | MSG_ERRQUEUE;

export function* receive(world: World, call: Call): Task<number> {
  const descriptor = socketAt(world, call, 0);
  const flags = call.name === "read" ? 0 : number(call, 3);
  const nowhere = isNull(arg(call, 1));
  const { got } = yield* receiveBytes(call, descriptor, number(call, 2), nowhere ? flags | MSG_PEEK : flags);
  if (nowhere && got > 0) throw new NetError(Errno.EFAULT);
  return got;
}

/** @returns how many bytes came, and the last message's TCP_CM_INQ */
function* receiveBytes(
  call: Call,
  descriptor: SocketDescriptor,
  most: number,
  flags: number,
): Task<{ got: number; inq: number | undefined }> {
  if (flags & ~RECV_FLAGS) throw fail(call, `flags 0x${(flags & ~RECV_FLAGS).toString(16)} are not supported`);
  const { socket: s, nonBlocking } = descriptor;
  s.nonBlocking = nonBlocking;
  let got = 0;
  let inq: number | undefined;
  do {
    const message = yield* s.recv(most - got, {
      peek: (flags & MSG_PEEK) !== 0,
      oob: (flags & MSG_OOB) !== 0,
      errQueue: (flags & MSG_ERRQUEUE) !== 0,
      dontWait: (flags & MSG_DONTWAIT) !== 0,
    });
    if (message.bytes.length === 0) break;
    got += message.bytes.length;
    inq = message.inq;
  } while (flags & MSG_WAITALL && got < most);
  return { got, inq };
}

/** `[{..., 1000}, {..., 500}]`: how many bytes each part has. */
function vectorLengths(call: Call, list: Expression): number[] {
  if (list.kind !== "list") throw fail(call, "a list of {..., length} is expected");
  return list.items.map((item) => {
    const length = item.kind === "struct" ? item.fields.at(-1)?.value : undefined;
    if (!length) throw fail(call, "a list of {..., length} is expected");
    return numberOf(call, length);
  });
}

const total = (lengths: readonly number[]): number => lengths.reduce((sum, length) => sum + length, 0);

export function* receiveVector(world: World, call: Call): Task<number> {
  const descriptor = socketAt(world, call, 0);
  return (yield* receiveBytes(call, descriptor, total(vectorLengths(call, arg(call, 1))), 0)).got;
}

export function* receiveMessage(world: World, call: Call): Task<number> {
  const descriptor = socketAt(world, call, 0);
  const message = arg(call, 1);
  const expected = controlInq(call, message);
  const most = total(vectorLengths(call, fieldOf(call, message, "msg_iov")));
  const { got, inq } = yield* receiveBytes(call, descriptor, most, number(call, 2));
  if (expected !== null && expected !== inq)
    throw new CallMismatch(`bad control message: expected: TCP_CM_INQ ${expected} actual: ${inq ?? "none"}`);
  return got;
}

/** The TCP_CM_INQ that a message's control data should hold; null: nothing is said of it. */
function controlInq(call: Call, message: Expression): number | null {
  if (message.kind !== "struct") throw fail(call, "a message header is expected");
  const control = message.fields.find(({ name }) => name === "msg_control")?.value;
  if (!control || (control.kind === "list" && control.items.length === 0)) return null;
  const item = control.kind === "list" && control.items.length === 1 ? control.items[0]! : control;
  const named = (name: string, wanted: string): boolean => {
    const value = fieldOf(call, item, name);
    return value.kind === "word" && value.name === wanted;
  };
  if (!named("cmsg_level", "SOL_TCP") || !named("cmsg_type", "TCP_CM_INQ"))
    throw fail(call, "of control messages TCP_CM_INQ alone is supported");
  return numberOf(call, fieldOf(call, item, "cmsg_data"));
}

function refuseControl(call: Call, message: Expression): void {
  if (message.kind !== "struct") throw fail(call, "a message header is expected");
  const control = message.fields.find(({ name }) => name === "msg_control")?.value;
  if (control && (control.kind !== "list" || control.items.length > 0))
    throw fail(call, "control messages (msg_control) are not supported");
}

export function* send(world: World, call: Call): Task<number> {
  const descriptor = socketAt(world, call, 0);
  const bytes = payload(call, arg(call, 1), number(call, 2));
  const flags = call.name === "write" ? 0 : number(call, 3);
  const to = call.name === "sendto" ? destination(world, call, descriptor) : null;
  return yield* sendBytes(call, descriptor, bytes, flags, to);
}

/** sendto's address: `...` is the live remote one for datagrams, and nothing for a stream. */
function destination(world: World, call: Call, descriptor: SocketDescriptor): { addr: number; port: number } | null {
  const { connection } = descriptor;
  if (arg(call, 4).kind === "word" && word(call, 4) === "AF_UNSPEC") throw new NetError(Errno.EOPNOTSUPP);
  const named = addressOf(call, arg(call, 4));
  if (connection.protocol === "tcp" && !(number(call, 3) & MSG_FASTOPEN)) return named;
  return fastopenDestination(world, descriptor, named);
}

/** Where a socket sends that may not be connected yet. */
function fastopenDestination(
  world: World,
  { connection }: SocketDescriptor,
  named: { addr: number; port: number } | null,
): { addr: number; port: number } {
  const to = named ?? { addr: world.config.remoteIp, port: world.config.connectPort };
  if (connection.stage === "new") {
    connection.remote = { ...to };
    connection.stage = "connecting";
  }
  return to;
}

function* sendBytes(
  call: Call,
  { socket: s, nonBlocking }: SocketDescriptor,
  bytes: Uint8Array,
  flags: number,
  to: { addr: number; port: number } | null,
): Task<number> {
  if (flags & ~SEND_FLAGS) throw fail(call, `flags 0x${(flags & ~SEND_FLAGS).toString(16)} are not supported`);
  return yield* s.send(bytes, {
    more: (flags & MSG_MORE) !== 0,
    oob: (flags & MSG_OOB) !== 0,
    eor: (flags & MSG_EOR) !== 0,
    dontWait: nonBlocking || (flags & MSG_DONTWAIT) !== 0,
    fastopen: (flags & MSG_FASTOPEN) !== 0,
    ...(to && (flags & MSG_FASTOPEN || !(s.sock instanceof TcpStreamSock)) ? { to } : {}),
  });
}

export function* sendVector(world: World, call: Call): Task<number> {
  const bytes = new Uint8Array(total(vectorLengths(call, arg(call, 1))));
  return yield* sendBytes(call, socketAt(world, call, 0), bytes, 0, null);
}

export function* sendMessage(world: World, call: Call): Task<number> {
  const message = arg(call, 1);
  refuseControl(call, message);
  const bytes = new Uint8Array(total(vectorLengths(call, fieldOf(call, message, "msg_iov"))));
  const flags = number(call, 2);
  const descriptor = socketAt(world, call, 0);
  const to = flags & MSG_FASTOPEN ? fastopenDestination(world, descriptor, null) : null;
  return yield* sendBytes(call, descriptor, bytes, flags, to);
}
