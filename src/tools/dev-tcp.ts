// /dev/tcp/HOST/PORT and /dev/udp/HOST/PORT in bash's redirections: a connected socket. Answers to bash's lib/sh/netopen.c
// (_netopen6).

import { NetError } from "../base/errno.ts";
import { netnsOf } from "../host/host.ts";
import { AF_INET, SOCK_DGRAM, SOCK_STREAM } from "../net/core/sock.ts";
import type { OpenFile } from "../posix/file.ts";
import type { Process } from "../posix/process.ts";
import { UnknownAddress } from "../shell/redirect.ts";
import type { Task } from "../sim/task.ts";
import { GaiError, getaddrinfo } from "./net-util/resolve.ts";
import { serviceNumber } from "./net-util/services.ts";

/** Throws UnknownAddress for a name or service that is none, NetError when it cannot connect. */
export function* openNetwork(proc: Process, protocol: "tcp" | "udp", host: string, service: string): Task<OpenFile> {
  const port = /^\d+$/.test(service) ? Number(service) & 0xffff : serviceNumber(service, protocol);
  if (port === undefined) throw new UnknownAddress(`${service}: Servname not supported for ai_socktype`);
  let addresses: readonly number[];
  try {
    addresses = (yield* getaddrinfo(proc, host)).addresses;
  } catch (error) {
    if (error instanceof GaiError) throw new UnknownAddress(`${host}: ${error.message}`);
    throw error;
  }
  let failure: NetError | undefined;
  for (const addr of addresses) {
    // the redirection gives it its number
    const socket = netnsOf(proc).socket(AF_INET, protocol === "tcp" ? SOCK_STREAM : SOCK_DGRAM, 0);
    try {
      yield* socket.connect({ addr, port });
      return socket;
    } catch (error) {
      socket.release();
      if (!(error instanceof NetError)) throw error;
      failure = error;
    }
  }
  throw failure!;
}
