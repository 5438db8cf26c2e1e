// setsockopt, getsockopt, fcntl, ioctl.

import { Errno, NetError } from "../base/errno.ts";
import { TcpStreamSock } from "../net/ipv4/tcp.ts";
import { tcpFastopenSetKey } from "../net/ipv4/tcp-fastopen.ts";
import type { Task } from "../sim/task.ts";
import {
  arg,
  bracketed,
  CallMismatch,
  fail,
  fieldOf,
  number,
  numberOf,
  payload,
  socketAt,
  type World,
  word,
} from "./call-arguments.ts";
import type { Call } from "./script.ts";
import { F_GETFL, F_SETFL, O_NONBLOCK, SIOCINQ, SIOCOUTQ, SIOCOUTQNSD } from "./symbols.ts";

export function* setsockopt(world: World, call: Call): Task<number> {
  const { sock } = socketAt(world, call, 0).socket;
  const name = word(call, 2);
  const value = arg(call, 3);
  if (name === "TCP_CONGESTION" && value.kind === "string") {
    setCongestion(call, sock, value.value);
    return 0;
  }
  if (name === "TCP_FASTOPEN_KEY" && value.kind === "string" && sock instanceof TcpStreamSock) {
    const length = number(call, 4);
    if (length !== 16 && length !== 32) throw new NetError(Errno.EINVAL);
    tcpFastopenSetKey(sock, payload(call, value, length));
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

export function* getsockopt(world: World, call: Call): Task<number> {
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

export function* fcntl(world: World, call: Call): Task<number> {
  const descriptor = socketAt(world, call, 0);
  const command = number(call, 1);
  if (command === F_GETFL) return 2 | (descriptor.nonBlocking ? O_NONBLOCK : 0);
  if (command !== F_SETFL) throw fail(call, "F_GETFL and F_SETFL are supported");
  descriptor.nonBlocking = (number(call, 2) & O_NONBLOCK) !== 0;
  return 0;
}

export function* ioctl(world: World, call: Call): Task<number> {
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
