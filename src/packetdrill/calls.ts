// System calls of a script on the emulated kernel's sockets. A call is a task: it may wait. Arguments are looked at before
// anything happens; what is not supported is refused by its name.

import { Errno, NetError } from "../base/errno.ts";
import type { Net } from "../net/core/net.ts";
import { AF_INET, SOCK_STREAM } from "../net/core/sock.ts";
import { TcpStreamSock } from "../net/ipv4/tcp.ts";
import type { NetNamespace } from "../net/netns.ts";
import type { Task } from "../sim/task.ts";
import type { Config } from "./config.ts";
import { Connection } from "./connection.ts";
import {
  type Descriptor,
  type EpollDescriptor,
  type EpollItem,
  epollReady,
  pollMask,
  type SocketDescriptor,
  waitFor,
} from "./descriptors.ts";
import { type Call, type Expression, ScriptError } from "./script.ts";
import {
  F_GETFL,
  F_SETFL,
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
  O_NONBLOCK,
  POLLERR,
  POLLHUP,
  SIOCINQ,
  SIOCOUTQ,
  SIOCOUTQNSD,
  SYMBOLS,
} from "./symbols.ts";

/** What a call needs of the run. */
export interface World {
  readonly net: Net;
  readonly netns: NetNamespace;
  readonly config: Config;
  /** by the script's numbers */
  readonly descriptors: Map<number, Descriptor>;
  /** connections that packets have opened and nobody has accepted yet, the oldest first */
  readonly connections: Connection[];
  /** the connection under test is another from now on */
  use(connection: Connection): void;
}

type Run = (world: World, call: Call) => Task<number>;

const MAX_PAYLOAD = 16 * 1024 * 1024;
const SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | MSG_OOB | MSG_EOR | MSG_FASTOPEN;
const RECV_FLAGS = MSG_DONTWAIT | MSG_PEEK | MSG_OOB | MSG_TRUNC | MSG_WAITALL | MSG_ERRQUEUE;

const TABLE: Readonly<Record<string, Run>> = {
  socket,
  bind,
  listen,
  accept,
  connect,
  close,
  shutdown,
  read: receive,
  recv: receive,
  recvfrom: receive,
  readv: receiveVector,
  recvmsg: receiveMessage,
  write: send,
  send,
  sendto: send,
  writev: sendVector,
  sendmsg: sendMessage,
  setsockopt,
  getsockopt,
  fcntl,
  ioctl,
  poll,
  epoll_create: epollCreate,
  epoll_ctl: epollCtl,
  epoll_wait: epollWait,
};

/** The call as a task that gives what the system call returns; an error is a NetError. Throws ScriptError at once. */
export function startCall(world: World, call: Call): Task<number> {
  const run = Object.hasOwn(TABLE, call.name) ? TABLE[call.name] : undefined;
  if (!run) throw new ScriptError(call.line, `the system call ${call.name}() is not supported`);
  return run(world, call);
}

// --- arguments

function fail(call: Call, message: string): ScriptError {
  return new ScriptError(call.line, `${call.name}(): ${message}`);
}

function arg(call: Call, index: number): Expression {
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

function number(call: Call, index: number): number {
  return numberOf(call, arg(call, index));
}

/** `[value]` */
function bracketed(call: Call, index: number): Expression {
  const list = arg(call, index);
  if (list.kind !== "list" || list.items.length !== 1) throw fail(call, `argument ${index + 1} should be [value]`);
  return list.items[0]!;
}

function word(call: Call, index: number): string {
  const expression = arg(call, index);
  if (expression.kind !== "word") throw fail(call, `argument ${index + 1} should be a constant's name`);
  return expression.name;
}

function socketAt(world: World, call: Call, index: number): SocketDescriptor {
  const fd = number(call, index);
  const descriptor = world.descriptors.get(fd);
  if (!descriptor) throw new NetError(Errno.EBADF);
  if (descriptor.kind !== "socket") throw fail(call, `descriptor ${fd} is no socket`);
  return descriptor;
}

function fieldOf(call: Call, expression: Expression, name: string): Expression {
  const found = expression.kind === "struct" ? expression.fields.find((field) => field.name === name) : undefined;
  if (!found) throw fail(call, `a structure with ${name}=… is expected`);
  return found.value;
}

/** The buffer is NULL. */
function isNull(content: Expression): boolean {
  return content.kind === "word" && content.name === "NULL";
}

/** Bytes to send: a text, or so many zeros. Throws EFAULT for NULL. */
function payload(call: Call, content: Expression, length: number): Uint8Array {
  if (isNull(content) && length > 0) throw new NetError(Errno.EFAULT);
  if (length > MAX_PAYLOAD) throw fail(call, `${length} bytes at once are not supported`);
  const bytes = new Uint8Array(Math.max(length, 0));
  if (content.kind === "string") for (let i = 0; i < bytes.length; i++) bytes[i] = content.value.charCodeAt(i) & 0xff;
  else if (content.kind !== "ellipsis") throw fail(call, "what is sent should be ... or a text");
  return bytes;
}

// --- sockets

function* socket(world: World, call: Call): Task<number> {
  const family = arg(call, 0).kind === "ellipsis" ? AF_INET : number(call, 0);
  const type = number(call, 1);
  if (family !== AF_INET) throw fail(call, "IPv6 is not supported");
  const made = world.netns.socket(family, type & 0xf, number(call, 2));
  const { protocol } = made.sock;
  const connection = new Connection(type === SOCK_STREAM ? "tcp" : protocol === 1 ? "icmp" : "udp");
  const fd = numberOf(call, call.result);
  connection.fd = fd;
  world.descriptors.set(fd, {
    kind: "socket",
    socket: made,
    connection,
    nonBlocking: (type & O_NONBLOCK) !== 0,
    connecting: false,
  });
  world.use(connection);
  return fd;
}

function* bind(world: World, call: Call): Task<number> {
  const { socket: s, connection } = socketAt(world, call, 0);
  const address = addressOf(call, arg(call, 1)) ?? { addr: world.config.localIp, port: world.config.bindPort };
  s.bind(address);
  connection.local = { ...address };
  return 0;
}

/** An address that is spelt out, or null for `...`. */
function addressOf(call: Call, expression: Expression): { addr: number; port: number } | null {
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

function* listen(world: World, call: Call): Task<number> {
  const { socket: s, connection } = socketAt(world, call, 0);
  s.listen(number(call, 1));
  connection.stage = "listening";
  return 0;
}

function* accept(world: World, call: Call): Task<number> {
  const listener = socketAt(world, call, 0);
  listener.socket.nonBlocking = listener.nonBlocking;
  const made = yield* listener.socket.accept();
  const { addr, port } = made.peerAddress;
  const fd = numberOf(call, call.result);
  const at = world.connections.findIndex(({ remote }) => remote.addr === addr && remote.port === port);
  const connection = at < 0 ? new Connection("tcp") : world.connections.splice(at, 1)[0]!;
  connection.stage = "accepted";
  connection.fd = fd;
  connection.local = { ...made.localAddress };
  world.descriptors.set(fd, { kind: "socket", socket: made, connection, nonBlocking: false, connecting: false });
  return fd;
}

function* connect(world: World, call: Call): Task<number> {
  const descriptor = socketAt(world, call, 0);
  const { socket: s, connection } = descriptor;
  const { sock } = s;
  const to = addressOf(call, arg(call, 1)) ?? { addr: world.config.remoteIp, port: world.config.connectPort };
  if (descriptor.connecting) {
    // inet_stream_connect: an earlier call's handshake
    if (sock.err !== 0) {
      descriptor.connecting = false;
      sock.throwError();
    }
    if (!sock.writable()) throw new NetError(Errno.EALREADY);
    descriptor.connecting = false;
    return 0;
  }
  if (sock instanceof TcpStreamSock && sock.dport !== 0 && sock.state !== 7)
    throw new NetError(sock.state === 2 && !sock.deferConnect ? Errno.EALREADY : Errno.EISCONN);
  connection.remote = { ...to };
  connection.stage = "connecting";
  if (!descriptor.nonBlocking || !(sock instanceof TcpStreamSock)) {
    yield* s.connect(to);
  } else {
    sock.connectStart(to);
    connection.local = { addr: sock.saddr, port: sock.sport };
    if (!sock.writable()) {
      descriptor.connecting = true;
      throw new NetError(Errno.EINPROGRESS);
    }
  }
  connection.local = { addr: sock.saddr, port: sock.sport };
  return 0;
}

function* close(world: World, call: Call): Task<number> {
  const fd = number(call, 0);
  const descriptor = world.descriptors.get(fd);
  if (!descriptor) throw new NetError(Errno.EBADF);
  world.descriptors.delete(fd);
  for (const other of world.descriptors.values()) if (other.kind === "epoll") other.items.delete(fd);
  if (descriptor.kind === "socket") descriptor.socket.release();
  return 0;
}

function* shutdown(world: World, call: Call): Task<number> {
  yield* socketAt(world, call, 0).socket.shutdown(number(call, 1));
  return 0;
}

// --- data

function* receive(world: World, call: Call): Task<number> {
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

function* receiveVector(world: World, call: Call): Task<number> {
  const descriptor = socketAt(world, call, 0);
  return (yield* receiveBytes(call, descriptor, total(vectorLengths(call, arg(call, 1))), 0)).got;
}

function* receiveMessage(world: World, call: Call): Task<number> {
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

function* send(world: World, call: Call): Task<number> {
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

function* sendVector(world: World, call: Call): Task<number> {
  const bytes = new Uint8Array(total(vectorLengths(call, arg(call, 1))));
  return yield* sendBytes(call, socketAt(world, call, 0), bytes, 0, null);
}

function* sendMessage(world: World, call: Call): Task<number> {
  const message = arg(call, 1);
  refuseControl(call, message);
  const bytes = new Uint8Array(total(vectorLengths(call, fieldOf(call, message, "msg_iov"))));
  const flags = number(call, 2);
  const descriptor = socketAt(world, call, 0);
  const to = flags & MSG_FASTOPEN ? fastopenDestination(world, descriptor, null) : null;
  return yield* sendBytes(call, descriptor, bytes, flags, to);
}

// --- options and control

function* setsockopt(world: World, call: Call): Task<number> {
  const { sock } = socketAt(world, call, 0).socket;
  const name = word(call, 2);
  const value = arg(call, 3);
  if (name === "TCP_CONGESTION" && value.kind === "string") {
    setCongestion(call, sock, value.value);
    return 0;
  }
  if (name === "TCP_FASTOPEN_KEY" && value.kind === "string" && sock instanceof TcpStreamSock) {
    if (number(call, 4) !== 16) throw new NetError(Errno.EINVAL);
    sock.fastopenKey = payload(call, value, 16);
    return 0;
  }
  if (name === "SO_LINGER") {
    const on = numberOf(call, fieldOf(call, value, "onoff")) !== 0;
    sock.setOption(name, on ? numberOf(call, fieldOf(call, value, "linger")) : -1);
    return 0;
  }
  sock.setOption(name, numberOf(call, bracketed(call, 3)));
  return 0;
}

function setCongestion(call: Call, sock: object, name: string): void {
  if (!(sock instanceof TcpStreamSock)) throw fail(call, "TCP_CONGESTION is for TCP");
  sock.setCongestion(name);
}

function* getsockopt(world: World, call: Call): Task<number> {
  const { sock } = socketAt(world, call, 0).socket;
  const name = word(call, 2);
  const wanted = arg(call, 3);
  if (name === "TCP_CONGESTION" && wanted.kind === "string" && sock instanceof TcpStreamSock) {
    if (sock.caOps.name !== wanted.value.replace(/\0+$/, ""))
      throw fail(call, `expected ${wanted.value}, actual ${sock.caOps.name}`);
    return 0;
  }
  const actual = name === "SO_ERROR" ? sock.takeError() : sock.getOption(name);
  const expected = numberOf(call, bracketed(call, 3));
  if (actual !== expected) throw new CallMismatch(`Bad getsockopt optval: expected: ${expected} actual: ${actual}`);
  return 0;
}

/** A call that returned what was expected, and gave something else than expected besides. */
export class CallMismatch extends Error {
  override readonly name: string = "CallMismatch";
}

function* fcntl(world: World, call: Call): Task<number> {
  const descriptor = socketAt(world, call, 0);
  const command = number(call, 1);
  if (command === F_GETFL) return 2 | (descriptor.nonBlocking ? O_NONBLOCK : 0);
  if (command !== F_SETFL) throw fail(call, "F_GETFL and F_SETFL are supported");
  descriptor.nonBlocking = (number(call, 2) & O_NONBLOCK) !== 0;
  return 0;
}

function* ioctl(world: World, call: Call): Task<number> {
  const { sock } = socketAt(world, call, 0).socket;
  const command = number(call, 1);
  if (!(sock instanceof TcpStreamSock)) throw fail(call, "only on TCP sockets");
  if (sock.state === 10) throw new NetError(Errno.EINVAL);
  const actual = ioctlValue(call, sock, command);
  const expected = numberOf(call, bracketed(call, 2));
  if (actual !== expected) throw new CallMismatch(`Bad result for ioctl: expected: ${expected} actual: ${actual}`);
  return 0;
}

/** tcp_ioctl */
function ioctlValue(call: Call, sock: TcpStreamSock, command: number): number {
  switch (command) {
    case SIOCINQ:
      return sock.unreadBytes;
    case SIOCOUTQ:
      return Math.max(0, (sock.writeSeq - sock.sndUna) | 0);
    case SIOCOUTQNSD:
      return Math.max(0, (sock.writeSeq - sock.sndNxt) | 0);
    default:
      throw fail(call, "SIOCINQ, SIOCOUTQ and SIOCOUTQNSD are supported");
  }
}

// --- waiting for several

function* poll(world: World, call: Call): Task<number> {
  const list = arg(call, 0);
  if (list.kind !== "list") throw fail(call, "a list of {fd=…, events=…} is expected");
  const entries = list.items.map((item) => ({
    descriptor: world.descriptors.get(numberOf(call, fieldOf(call, item, "fd"))),
    events: numberOf(call, fieldOf(call, item, "events")),
    expected:
      item.kind === "struct" && item.fields.some(({ name }) => name === "revents")
        ? numberOf(call, fieldOf(call, item, "revents"))
        : 0,
  }));
  const sockets = entries.flatMap(({ descriptor }) => (descriptor?.kind === "socket" ? [descriptor] : []));
  if (sockets.length < entries.length) throw fail(call, "only sockets can be polled");
  const look = (): number[] =>
    entries.map(({ events }, i) => pollMask(sockets[i]!.socket.sock) & (events | POLLERR | POLLHUP));
  const found = yield* waitFor(
    sockets,
    number(call, 2),
    () => world.net.now,
    () => {
      const masks = look();
      return masks.some((mask) => mask !== 0) ? masks : null;
    },
  );
  const masks = found ?? entries.map(() => 0);
  entries.forEach(({ expected }, i) => {
    if (masks[i] !== expected) throw new CallMismatch(`poll: revents ${i}: expected: ${expected} actual: ${masks[i]}`);
  });
  return masks.filter((mask) => mask !== 0).length;
}

function* epollCreate(world: World, call: Call): Task<number> {
  const fd = numberOf(call, call.result);
  world.descriptors.set(fd, { kind: "epoll", items: new Map() });
  return fd;
}

function epollAt(world: World, call: Call): EpollDescriptor {
  const fd = number(call, 0);
  const descriptor = world.descriptors.get(fd);
  if (descriptor?.kind !== "epoll") throw fail(call, `descriptor ${fd} is not epoll's`);
  return descriptor;
}

function* epollCtl(world: World, call: Call): Task<number> {
  const epoll = epollAt(world, call);
  const fd = number(call, 2);
  const item = epoll.items.get(fd);
  const what = word(call, 1);
  if (what === "EPOLL_CTL_DEL") {
    if (!epoll.items.delete(fd)) throw new NetError(Errno.ENOENT);
    return 0;
  }
  if (what !== "EPOLL_CTL_ADD" && what !== "EPOLL_CTL_MOD") throw fail(call, `${what} is not supported`);
  if (what === "EPOLL_CTL_ADD" ? item : !item) throw new NetError(item ? Errno.EEXIST : Errno.ENOENT);
  const events = numberOf(call, fieldOf(call, arg(call, 3), "events"));
  const made: EpollItem = {
    descriptor: socketAt(world, call, 2),
    events,
    data: dataText(arg(call, 3)),
    told: 0,
    stamp: -1,
    off: false,
  };
  epoll.items.set(fd, made);
  return 0;
}

/** The data field (fd, ptr, u32, u64) as text, to be compared. */
function dataText(event: Expression): string {
  const field = event.kind === "struct" ? event.fields.find(({ name }) => name !== "events") : undefined;
  return field ? `${field.name}=${JSON.stringify(field.value)}` : "";
}

function* epollWait(world: World, call: Call): Task<number> {
  const epoll = epollAt(world, call);
  const expected = arg(call, 1);
  const most = number(call, 2);
  const sockets = [...epoll.items.values()].map(({ descriptor }) => descriptor);
  const found = yield* waitFor(
    sockets,
    number(call, 3),
    () => world.net.now,
    () => {
      const ready = epollReady(epoll, most);
      return ready.length > 0 ? ready : null;
    },
  );
  const events = found ?? [];
  const wanted = expected.kind === "list" ? expected.items : [expected];
  events.forEach(({ item, events: actual }, i) => {
    const want = wanted[i];
    if (!want || want.kind === "ellipsis") return;
    const bits = numberOf(call, fieldOf(call, want, "events"));
    if (bits !== actual)
      throw new CallMismatch(
        `epoll_event->events does not match script: expected: 0x${bits.toString(16)} actual: 0x${actual.toString(16)}`,
      );
    if (dataText(want) !== item.data) throw new CallMismatch(`epoll_event->data does not match script: ${item.data}`);
  });
  return events.length;
}
