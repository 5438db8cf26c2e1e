// System calls of a script on the emulated kernel's sockets, by name. A call is a task: it may wait. Arguments are looked at
// before anything happens.

import type { Task } from "../sim/task.ts";
import type { World } from "./call-arguments.ts";
import { receive, receiveMessage, receiveVector, send, sendMessage, sendVector } from "./calls-data.ts";
import { open, pipe, sendfile, splice } from "./calls-files.ts";
import { fcntl, getsockopt, ioctl, setsockopt } from "./calls-options.ts";
import { epollCreate, epollCtl, epollWait, poll } from "./calls-poll.ts";
import { accept, bind, close, connect, listen, shutdown, socket } from "./calls-sockets.ts";
import { type Call, ScriptError } from "./script.ts";

type Run = (world: World, call: Call) => Task<number>;

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
  open,
  pipe,
  sendfile,
  splice,
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
