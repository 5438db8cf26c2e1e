// `ip link`: add, set, delete, show. Answers to iproute2's ip/iplink.c, do_iplink.

import { Errno, NetError } from "../../base/errno.ts";
import { devAddAltName, devDelAltName, devGetFlags } from "../../net/core/dev.ts";
import { IFF_UP, type NetDevice } from "../../net/core/net-device.ts";
import { type Context, deviceNamed, deviceOrEnd, devicesByIndex } from "./context.ts";
import { Args, CommandError, duparg2, invarg, matches, rtnl } from "./lib/args.ts";
import { parseGroup } from "./lib/names.ts";
import { linkKind } from "./link-kinds.ts";
import { type LinkRequest, parseLinkRequest } from "./link-request.ts";
import { printLinkInfo } from "./link-show.ts";
import { linkUsage } from "./link-usage.ts";
import { delLink, newLink, setLink } from "./rtnl-link.ts";

export function doLink(ctx: Context, words: readonly string[]): number {
  const verb = words[0] ?? "show";
  // some write "ip link set add NAME type …"; iproute2 takes that "add" for a shortened "address" and fails
  const setAdd = matches(verb, "set") && words[1] === "add" && words.includes("type");
  const args = new Args(words.slice(setAdd ? 2 : 1));
  if (matches(verb, "add")) return modify(ctx, args, true);
  if (matches(verb, "set") || matches(verb, "change")) return modify(ctx, args, setAdd);
  if (matches(verb, "replace")) return modify(ctx, args, true, true);
  if (matches(verb, "delete")) return remove(ctx, args);
  if (matches(verb, "show") || matches(verb, "lst") || matches(verb, "list")) return showLinks(ctx, args);
  if (matches(verb, "help")) linkUsage();
  if (matches(verb, "property")) return property(ctx, args);
  for (const known of ["xstats", "afstats"])
    if (matches(verb, known)) throw new CommandError(`ip link: "${known}" is not supported by vethlab\n`, 2);
  throw new CommandError(`Command "${verb}" is unknown, try "ip link help".\n`, 255);
}

function parseKind(ctx: Context, args: Args, request: LinkRequest): unknown {
  if (request.kind === null || args.done) return undefined;
  const kind = linkKind(request.kind);
  if (kind?.parse) return kind.parse(ctx, args, request);
  if (args.matches("help")) linkUsage();
  throw new CommandError(`Garbage instead of arguments "${args.word} ...". Try "ip link help".\n`, 1);
}

/** iplink_modify */
function modify(ctx: Context, args: Args, create: boolean, replace = false): number {
  const request = parseLinkRequest(ctx, args, create);
  const data = parseKind(ctx, args, request);
  if (create) {
    if (request.kind === null) throw new CommandError('Not enough information: "type" argument is required\n', 1);
    const there = replace && request.name !== null ? ctx.ns.net.deviceByName(request.name) : undefined;
    rtnl(ctx.proc, () => (there ? setLink(ctx, there, { ...request, name: null }, data) : newLink(ctx, request, data)));
    return 0;
  }
  const devices = request.wholeGroup ? inGroup(ctx, request.group) : [request.dev!];
  const change = request.wholeGroup ? { ...request, group: -1 } : request;
  rtnl(ctx.proc, () => {
    for (const dev of devices) setLink(ctx, dev, change, data);
  });
  return 0;
}

function inGroup(ctx: Context, group: number): NetDevice[] {
  return devicesByIndex(ctx.ns.net).filter((dev) => dev.settings.group === group);
}

function remove(ctx: Context, args: Args): number {
  const request = parseLinkRequest(ctx, args, false);
  const devices = request.wholeGroup ? inGroup(ctx, request.group) : [request.dev!];
  rtnl(ctx.proc, () => {
    if (devices.length === 0) throw new NetError(Errno.ENODEV);
    for (const dev of devices) if (dev.registered) delLink(dev);
  });
  return 0;
}

/** `ip link property add|del dev DEV altname NAME …` (iplink_prop_mod) */
function property(ctx: Context, args: Args): number {
  if (args.done || args.matches("help")) linkUsage();
  const add = args.matches("add");
  if (!add && !args.matches("delete")) throw new CommandError("Operator required\n", 255);
  args.advance();
  const names: string[] = [];
  let device: string | null = null;
  for (; !args.done; args.advance()) {
    if (args.matches("altname")) names.push(args.next());
    else if (args.matches("help")) linkUsage();
    else {
      if (args.is("dev")) args.next();
      if (device !== null) duparg2("dev", args.word);
      device = args.word;
    }
  }
  if (device === null) throw new CommandError('Not enough of information: "dev" argument is required.\n', 255);
  const dev = deviceOrEnd(ctx, device);
  rtnl(ctx.proc, () => {
    for (const name of names)
      if (add) devAddAltName(dev, name);
      else devDelAltName(dev, name);
  });
  return 0;
}

/** ip link show: filters by device, group, master, type, up. */
function showLinks(ctx: Context, args: Args): number {
  const { net } = ctx.ns;
  let name: string | null = null;
  let up = false;
  let group = -1;
  let master: NetDevice | null | undefined;
  let kind: string | null = null;
  for (; !args.done; args.advance()) {
    if (args.is("up")) up = true;
    else if (args.is("group")) {
      const word = args.next();
      group = parseGroup(word) ?? invarg('Invalid "group" value\n', word);
    } else if (args.is("master")) {
      const word = args.next();
      master = deviceNamed(net, word) ?? invarg("Device does not exist\n", word);
    } else if (args.is("nomaster")) master = null;
    else if (args.is("type")) kind = args.next();
    else {
      if (args.is("dev")) args.next();
      else if (args.matches("help")) linkUsage();
      if (name !== null) duparg2("dev", args.word);
      name = args.word;
    }
  }
  let only: NetDevice | undefined;
  if (name !== null) {
    only = deviceNamed(net, name);
    if (!only) throw new CommandError(`Device "${name}" does not exist.\n`, 1);
  }
  ctx.out.begin();
  for (const dev of devicesByIndex(net)) {
    const hidden =
      (only && dev !== only) ||
      (up && !(devGetFlags(dev) & IFF_UP)) ||
      (group !== -1 && dev.settings.group !== group) ||
      (master !== undefined && dev.master !== master) ||
      (kind !== null && !isKind(dev, kind));
    if (hidden) continue;
    ctx.out.openObject();
    printLinkInfo(ctx, dev, true);
    ctx.out.closeObject();
  }
  ctx.out.end();
  return 0;
}

/** Of that type, or (bridge_slave) a port of such a device. */
export function isKind(dev: NetDevice, kind: string): boolean {
  if (kind.endsWith("_slave")) return dev.master?.kind === kind.slice(0, -"_slave".length);
  return dev.kind === kind;
}
