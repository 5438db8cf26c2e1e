// Waiting for several descriptors: poll and epoll.

import { Errno, NetError } from "../base/errno.ts";
import type { Task } from "../sim/task.ts";
import { arg, CallMismatch, fail, fieldOf, number, numberOf, socketAt, type World, word } from "./call-arguments.ts";
import { type EpollDescriptor, type EpollItem, epollReady, pollMask, waitFor } from "./descriptors.ts";
import type { Call, Expression } from "./script.ts";
import { POLLERR, POLLHUP } from "./symbols.ts";

export function* poll(world: World, call: Call): Task<number> {
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

export function* epollCreate(world: World, call: Call): Task<number> {
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

export function* epollCtl(world: World, call: Call): Task<number> {
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

export function* epollWait(world: World, call: Call): Task<number> {
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
