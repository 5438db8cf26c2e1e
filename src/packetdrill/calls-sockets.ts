// socket, bind, listen, accept, connect, close, shutdown.

import { Errno, NetError } from "../base/errno.ts";
import { AF_INET, AF_INET6, SOCK_STREAM } from "../net/core/sock.ts";
import { TcpStreamSock } from "../net/ipv4/tcp.ts";
import type { Task } from "../sim/task.ts";
import { addressOf, arg, fail, number, numberOf, socketAt, type World } from "./call-arguments.ts";
import { Connection } from "./connection.ts";
import type { Call } from "./script.ts";
import { O_NONBLOCK } from "./symbols.ts";

export function* socket(world: World, call: Call): Task<number> {
  const usual = world.config.mapped ? AF_INET6 : AF_INET;
  const family = arg(call, 0).kind === "ellipsis" ? usual : number(call, 0);
  const type = number(call, 1);
  if (family !== usual) throw fail(call, "IPv6 is not supported");
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

export function* bind(world: World, call: Call): Task<number> {
  const { socket: s, connection } = socketAt(world, call, 0);
  const address = addressOf(call, arg(call, 1)) ?? { addr: world.config.localIp, port: world.config.bindPort };
  s.bind(address);
  connection.local = { ...address };
  return 0;
}

export function* listen(world: World, call: Call): Task<number> {
  const { socket: s, connection } = socketAt(world, call, 0);
  s.listen(number(call, 1));
  connection.stage = "listening";
  return 0;
}

export function* accept(world: World, call: Call): Task<number> {
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

export function* connect(world: World, call: Call): Task<number> {
  const descriptor = socketAt(world, call, 0);
  const { socket: s, connection } = descriptor;
  const { sock } = s;
  const where = arg(call, 1);
  if (where.kind === "word" && where.name === "AF_UNSPEC") {
    sock.disconnect();
    descriptor.connecting = false;
    return 0;
  }
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

export function* close(world: World, call: Call): Task<number> {
  const fd = number(call, 0);
  const descriptor = world.descriptors.get(fd);
  if (!descriptor) throw new NetError(Errno.EBADF);
  world.descriptors.delete(fd);
  for (const other of world.descriptors.values()) if (other.kind === "epoll") other.items.delete(fd);
  if (descriptor.kind === "socket") yield* descriptor.socket.closeWaiting();
  return 0;
}

export function* shutdown(world: World, call: Call): Task<number> {
  yield* socketAt(world, call, 0).socket.shutdown(number(call, 1));
  return 0;
}
