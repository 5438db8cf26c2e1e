// `ip maddress show`: the groups that an interface listens to. Answers to iproute2's ip/ipmaddr.c. Adding link-layer
// groups by hand is left out.

import { bridgeOf } from "../../net/bridge/br-private.ts";
import { inDevOf } from "../../net/ipv4/devinet.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { type Context, deviceOrEnd, devicesByIndex } from "./context.ts";
import { Args, CommandError, duparg2, matches } from "./lib/args.ts";

function usage(): never {
  throw new CommandError(
    "Usage: ip maddr [ add | del ] MULTIADDR dev STRING\n       ip maddr show [ dev STRING ]\n",
    255,
  );
}

export function doMaddr(ctx: Context, words: readonly string[]): number {
  const verb = words[0] ?? "show";
  const args = new Args(words.slice(1));
  if (matches(verb, "add") || matches(verb, "delete"))
    throw new CommandError(`ip maddr: "${verb}" is not supported by vethlab\n`, 2);
  if (matches(verb, "help")) usage();
  if (!matches(verb, "list") && !matches(verb, "show") && !matches(verb, "lst"))
    throw new CommandError(`Command "${verb}" is unknown, try "ip maddr help".\n`, 255);
  let device: string | undefined;
  for (; !args.done; args.advance()) {
    if (args.is("dev")) args.next();
    else if (args.matches("help")) usage();
    if (device !== undefined) duparg2("dev", args.word);
    device = args.word;
  }
  const only = device === undefined ? undefined : deviceOrEnd(ctx, device);
  const { out, options } = ctx;
  const { family } = options;
  out.begin();
  for (const dev of devicesByIndex(ctx.ns.net)) {
    if (only && dev !== only) continue;
    const lines: (() => void)[] = [];
    const entry = (kind: string, address: string, users: number): void => {
      lines.push(() => {
        out.openObject();
        if (kind === "link") out.any("link", `\tlink  ${address}`, address);
        else {
          out.fp(`\t${kind.padEnd(5)} `);
          out.js("family", kind);
          out.any("address", address, address);
        }
        if (users !== 1) out.any("users", ` users ${users}`, users);
        out.fp("\n");
        out.closeObject();
      });
    };
    if (family === "" || family === "link")
      for (const [mac, users] of dev.mcAddresses)
        if (Number.parseInt(mac.slice(0, 2), 16) & 1) entry("link", mac.replace(/..(?!$)/g, "$&:"), users);
    if (family === "" || family === "inet")
      for (const group of (inDevOf(dev)?.groups() ?? []).reverse()) entry("inet", formatIpv4(group.group), group.users);
    // IPv6 is not emulated, but every device listens to these, and a bridge that snoops to a third
    if (family === "" || family === "inet6") {
      if (bridgeOf(dev)?.multicast.joined) entry("inet6", "ff02::6a", 1);
      entry("inet6", "ff02::1", 1);
      entry("inet6", "ff01::1", 1);
    }
    if (lines.length === 0) continue;
    out.openObject();
    out.any("ifindex", `${dev.ifindex}:`, dev.ifindex);
    out.any("ifname", `\t${dev.name}`, dev.name);
    out.fp("\n");
    out.openArray("maddr");
    for (const line of lines) line();
    out.closeArray();
    out.closeObject();
  }
  out.end();
  return 0;
}
