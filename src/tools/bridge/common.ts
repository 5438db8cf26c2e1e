// What the objects of `bridge` share: devices by name with bridge's exit status, and how it refuses.

import type { NetDevice } from "../../net/core/net-device.ts";
import { type Context, deviceNamed as find } from "../ip/context.ts";
import { CommandError } from "../ip/lib/args.ts";

export function deviceNamed(ctx: Context, name: string): NetDevice {
  const dev = find(ctx.ns.net, name);
  if (!dev) throw new CommandError(`Cannot find device "${name}"\n`, 255);
  return dev;
}

export function bridgeNamed(ctx: Context, name: string): NetDevice {
  const dev = find(ctx.ns.net, name);
  if (!dev) throw new CommandError(`Cannot find bridge device "${name}"\n`, 255);
  return dev;
}

export function notSupported(what: string): never {
  throw new CommandError(`bridge: "${what}" is not supported by vethlab\n`, 255);
}
