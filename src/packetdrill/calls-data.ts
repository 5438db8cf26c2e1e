// The calls that read and write.

import { Errno, NetError } from "../base/errno.ts";
import { SEC, USEC } from "../base/time.ts";
import { AF_INET6 } from "../net/core/sock.ts";
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
  MSG_ZEROCOPY,
  SYMBOLS,
} from "./symbols.ts";

const [SOL_IP, SOL_SOCKET, SOL_IPV6, IP_RECVERR, IPV6_RECVERR, SCM_TIMESTAMPING] = [
  "SOL_IP",
  "SOL_SOCKET",
  "SOL_IPV6",
  "IP_RECVERR",
  "IPV6_RECVERR",
  "SCM_TIMESTAMPING",
].map((name) => SYMBOLS.get(name)!) as [number, number, number, number, number, number];

const SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | MSG_OOB | MSG_EOR | MSG_FASTOPEN | MSG_ZEROCOPY;
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
  const control = controlOf(call, message);
  const most = total(vectorLengths(call, fieldOf(call, message, "msg_iov")));
  const flags = number(call, 2);
  if (flags & MSG_ERRQUEUE) return yield* receiveNotice(world, call, descriptor, control);
  const expected = controlInq(call, control);
  const { got, inq } = yield* receiveBytes(call, descriptor, most, flags);
  if (expected !== null && expected !== inq)
    throw new CallMismatch(`bad control message: expected: TCP_CM_INQ ${expected} actual: ${inq ?? "none"}`);
  return got;
}

/** The control messages that a message header lists. */
function controlOf(call: Call, message: Expression): readonly Expression[] {
  if (message.kind !== "struct") throw fail(call, "a message header is expected");
  const control = message.fields.find(({ name }) => name === "msg_control")?.value;
  return control ? (control.kind === "list" ? control.items : [control]) : [];
}

/** The TCP_CM_INQ that a message's control data should hold; null: nothing is said of it. */
function controlInq(call: Call, control: readonly Expression[]): number | null {
  const [item] = control;
  if (!item) return null;
  const named = (name: string, wanted: string): boolean => {
    const value = fieldOf(call, item, name);
    return value.kind === "word" && value.name === wanted;
  };
  if (control.length > 1 || !named("cmsg_level", "SOL_TCP") || !named("cmsg_type", "TCP_CM_INQ"))
    throw fail(call, "of control messages TCP_CM_INQ alone is supported here");
  return numberOf(call, fieldOf(call, item, "cmsg_data"));
}

/** What the error queue tells of a stream's bytes, held against what the script expects. */
function* receiveNotice(
  world: World,
  call: Call,
  { socket: s }: SocketDescriptor,
  control: readonly Expression[],
): Task<number> {
  const { notice } = yield* s.recv(0, { errQueue: true });
  if (!notice) throw fail(call, "MSG_ERRQUEUE is supported for TCP");
  const message = arg(call, 1);
  const ipv6 = s.sock.family === AF_INET6;
  const actual: { readonly level: number; readonly type: number; readonly data: Readonly<Record<string, number>> }[] =
    [];
  if (notice.stampNs !== null)
    actual.push({ level: SOL_SOCKET, type: SCM_TIMESTAMPING, data: { time: world.scriptTime(notice.stampNs) } });
  actual.push({
    level: ipv6 ? SOL_IPV6 : SOL_IP,
    type: ipv6 ? IPV6_RECVERR : IP_RECVERR,
    data: {
      ee_errno: notice.errno,
      ee_origin: notice.origin,
      ee_type: 0,
      ee_code: notice.code,
      ee_info: notice.info,
      ee_data: notice.data,
    },
  });
  const check = (what: string, expected: number, got: number, most = 0): void => {
    if (Math.abs(expected - got) > most) throw new CallMismatch(`bad ${what}: expected: ${expected} actual: ${got}`);
  };
  const wanted = message.kind === "struct" ? message.fields.find(({ name }) => name === "msg_flags")?.value : undefined;
  if (wanted) check("msg_flags", numberOf(call, wanted), MSG_ERRQUEUE | (notice.bytes > 0 ? MSG_TRUNC : 0));
  check("number of control messages", control.length, actual.length);
  control.forEach((item, i) => {
    const { level, type, data } = actual[i]!;
    check("cmsg_level", numberOf(call, fieldOf(call, item, "cmsg_level")), level);
    check("cmsg_type", numberOf(call, fieldOf(call, item, "cmsg_type")), type);
    const value = fieldOf(call, item, "cmsg_data");
    if (data.time !== undefined) {
      const at =
        numberOf(call, fieldOf(call, value, "scm_sec")) * SEC + numberOf(call, fieldOf(call, value, "scm_nsec"));
      check("timestamp", at, data.time, world.config.toleranceUs * USEC);
      return;
    }
    for (const [name, got] of Object.entries(data)) check(name, numberOf(call, fieldOf(call, value, name)), got);
  });
  return 0;
}

function refuseControl(call: Call, message: Expression): void {
  if (controlOf(call, message).length > 0) throw fail(call, "control messages (msg_control) are not supported");
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
  pieces?: readonly number[],
): Task<number> {
  if (flags & ~SEND_FLAGS) throw fail(call, `flags 0x${(flags & ~SEND_FLAGS).toString(16)} are not supported`);
  return yield* s.send(bytes, {
    more: (flags & MSG_MORE) !== 0,
    oob: (flags & MSG_OOB) !== 0,
    eor: (flags & MSG_EOR) !== 0,
    zerocopy: (flags & MSG_ZEROCOPY) !== 0,
    ...(pieces ? { pieces } : {}),
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
  const pieces = vectorLengths(call, fieldOf(call, message, "msg_iov"));
  const bytes = new Uint8Array(total(pieces));
  const flags = number(call, 2);
  const descriptor = socketAt(world, call, 0);
  const to = flags & MSG_FASTOPEN ? fastopenDestination(world, descriptor, null) : null;
  return yield* sendBytes(call, descriptor, bytes, flags, to, pieces);
}
