// What a type of link adds to `ip link`: its options, its making, its details. One file per type in this folder.

import type { NetDevice } from "../../../net/core/net-device.ts";
import type { NetNamespace } from "../../../net/netns.ts";
import type { Context } from "../context.ts";
import { type Args, CommandError } from "../lib/args.ts";
import type { LinkRequest } from "../link-request.ts";

export interface LinkKind {
  /** IFLA_INFO_KIND, and what a nameless device is called */
  readonly name: string;
  /** Reads the words after "type KIND"; undefined when there were none. Throws CommandError. */
  parse?(ctx: Context, args: Args, request: LinkRequest): unknown;
  /** Makes and registers the device in `ns`. Throws NetError. */
  create(ctx: Context, ns: NetNamespace, name: string, request: LinkRequest, data: unknown): NetDevice;
  /** ip link set … type KIND …; absent: not supported. Throws NetError. */
  change?(ctx: Context, dev: NetDevice, data: unknown): void;
  /** The details that -d shows after the type's name. */
  print?(ctx: Context, dev: NetDevice): void;
}

/** `KIND: unknown command "x"?`, as most types say it. */
export function unknownOption(kind: string, word: string, usage = ""): never {
  throw new CommandError(`${kind}: unknown command "${word}"?\n${usage}`, 1);
}

/** What the device's own creation takes over from the request. */
export function commonOptions(request: LinkRequest): {
  address?: Uint8Array;
  mtu?: number;
  ifindex: number;
  txQueueLen?: number;
} {
  return {
    ...(request.address ? { address: request.address } : {}),
    ...(request.mtu >= 0 ? { mtu: request.mtu } : {}),
    ...(request.txQueueLen >= 0 ? { txQueueLen: request.txQueueLen } : {}),
    ifindex: request.index,
  };
}
