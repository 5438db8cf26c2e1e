// What `ip link add` and `ip link set` ask for, as read from the command line. Answers to iproute2's ip/iplink.c,
// iplink_parse. VF, XDP, altnames, queue numbers other than the usual and IPv6 address modes are refused by name.

import { netnsOf } from "../../host/host.ts";
import {
  IFF_ALLMULTI,
  IFF_MULTICAST,
  IFF_NOARP,
  IFF_PROMISC,
  IFF_UP,
  type NetDevice,
} from "../../net/core/net-device.ts";
import type { NetNamespace } from "../../net/netns.ts";
import { type Context, deviceNamed } from "./context.ts";
import {
  type Args,
  CommandError,
  duparg,
  duparg2,
  getLlAddr,
  invarg,
  matches,
  nodev,
  onOff,
  parseInteger,
  parseUnsigned,
} from "./lib/args.ts";
import { parseGroup } from "./lib/names.ts";
import { netnsNamed } from "./lib/netns.ts";
import { linkUsage } from "./link-usage.ts";

const IFNAMSIZ = 16;
const ADDR_GEN_MODES: readonly string[] = ["eui64", "none", "stable_secret", "random"];
const GSO_MAX_SIZE = 65536;
const GSO_MAX_SEGS = 65535;
const IFALIASZ = 256;
/** uapi/linux/if.h: kept and shown, without effect */
const IFF_DYNAMIC = 0x8000;

export interface LinkRequest {
  /** IFLA_IFNAME; null: none given (or, when setting, no new one) */
  name: string | null;
  /** the device to change; null when one is made */
  dev: NetDevice | null;
  /** IFLA_LINK: the device below */
  link: NetDevice | null;
  index: number;
  address: Uint8Array | null;
  broadcast: Uint8Array | null;
  txQueueLen: number;
  mtu: number;
  netns: NetNamespace | null;
  /** null: no master any more; undefined: unchanged */
  master: NetDevice | null | undefined;
  /** IFF_* to change, and their values */
  change: number;
  flags: number;
  alias: string | undefined;
  group: number;
  addrGenMode: string | undefined;
  linkMode: "DEFAULT" | "DORMANT" | undefined;
  /** -1: none given */
  numTxQueues: number;
  numRxQueues: number;
  gsoMaxSize: number;
  gsoMaxSegs: number;
  /** the name of a group when the whole group is meant: no device was named */
  wholeGroup: boolean;
  kind: string | null;
}

/** IFLA_NETNS: a name under /run/netns, a path, or a process's number. */
function parseNetns(ctx: Context, word: string): NetNamespace {
  const named = netnsNamed(ctx.proc, word);
  if (named) return named;
  const pid = parseInteger(word);
  const proc = pid === undefined ? undefined : ctx.proc.visible.get(pid);
  if (!proc) {
    if (pid !== undefined) throw new CommandError("RTNETLINK answers: No such process\n", 2);
    invarg('Invalid "netns" value\n', word);
  }
  return netnsOf(proc);
}

function checkIfname(name: string): boolean {
  return name !== "" && name.length < IFNAMSIZ && !/[/\s]/.test(name);
}

/**
 * Reads words up to and with "type KIND"; `args` then stands at the kind's own options.
 * @param create a device is made (ip link add, and veth's peer)
 */
export function parseLinkRequest(ctx: Context, args: Args, create: boolean): LinkRequest {
  const net = ctx.ns.net;
  const request: LinkRequest = {
    name: null,
    dev: null,
    link: null,
    index: 0,
    address: null,
    broadcast: null,
    txQueueLen: -1,
    mtu: -1,
    netns: null,
    master: undefined,
    change: 0,
    flags: 0,
    alias: undefined,
    group: -1,
    addrGenMode: undefined,
    linkMode: undefined,
    numTxQueues: -1,
    numRxQueues: -1,
    gsoMaxSize: -1,
    gsoMaxSegs: -1,
    wholeGroup: false,
    kind: null,
  };
  let name: string | null = null;
  let dev: string | null = null;
  let link: string | null = null;
  const flag = (key: string, bit: number, inverted = false): void => {
    const on = onOff(key, args.next()) !== inverted;
    request.change |= bit;
    request.flags = on ? request.flags | bit : request.flags & ~bit;
  };
  for (; !args.done; args.advance()) {
    if (args.is("up") || args.is("down")) {
      request.change |= IFF_UP;
      request.flags = args.is("up") ? request.flags | IFF_UP : request.flags & ~IFF_UP;
    } else if (args.is("name")) {
      const word = args.next();
      if (name !== null) duparg("name", word);
      if (!checkIfname(word)) invarg('"name" not a valid ifname', word);
      name = word;
      dev ??= name;
    } else if (args.is("index")) {
      const word = args.next();
      if (request.index) duparg("index", word);
      request.index = Number.parseInt(word, 10) || 0;
      if (request.index <= 0) invarg('Invalid "index" value', word);
    } else if (args.matches("link")) link = args.next();
    else if (args.matches("address")) request.address = getLlAddr(args.next());
    else if (args.matches("broadcast") || args.is("brd")) request.broadcast = getLlAddr(args.next());
    else if (args.matches("txqueuelen") || args.is("qlen") || args.matches("txqlen")) {
      const word = args.next();
      if (request.txQueueLen !== -1) duparg("txqueuelen", word);
      request.txQueueLen = parseInteger(word) ?? invarg('Invalid "txqueuelen" value\n', word);
    } else if (args.is("mtu")) {
      const word = args.next();
      if (request.mtu !== -1) duparg("mtu", word);
      request.mtu = parseInteger(word) ?? invarg('Invalid "mtu" value\n', word);
    } else if (args.is("netns")) {
      const word = args.next();
      if (request.netns) duparg("netns", word);
      request.netns = parseNetns(ctx, word);
    } else if (args.is("multicast")) flag("multicast", IFF_MULTICAST);
    else if (args.is("allmulticast")) flag("allmulticast", IFF_ALLMULTI);
    else if (args.is("promisc")) flag("promisc", IFF_PROMISC);
    else if (args.is("arp")) flag("arp", IFF_NOARP, true);
    else if (args.matches("master")) {
      const word = args.next();
      request.master = deviceNamed(net, word) ?? invarg("Device does not exist\n", word);
    } else if (args.matches("nomaster")) request.master = null;
    else if (args.matches("dynamic")) flag("dynamic", IFF_DYNAMIC);
    else if (args.matches("type")) {
      request.kind = args.next();
      args.advance();
      break;
    } else if (args.matches("alias")) {
      const word = args.next();
      if (word.length >= IFALIASZ) invarg("alias too long\n", word);
      request.alias = word;
    } else if (args.is("group")) {
      const word = args.next();
      if (request.group !== -1) duparg("group", word);
      request.group = parseGroup(word) ?? invarg('Invalid "group" value\n', word);
    } else if (args.is("mode")) {
      const word = args.next();
      const mode = ["default", "dormant"].find((one) => one === word.toLowerCase());
      if (!mode) invarg("Invalid link mode\n", word);
      request.linkMode = mode === "default" ? "DEFAULT" : "DORMANT";
    } else if (args.matches("numtxqueues")) {
      const word = args.next();
      if (request.numTxQueues !== -1) duparg("numtxqueues", word);
      request.numTxQueues = parseUnsigned(word) ?? invarg('Invalid "numtxqueues" value\n', word);
    } else if (args.matches("numrxqueues")) {
      const word = args.next();
      if (request.numRxQueues !== -1) duparg("numrxqueues", word);
      request.numRxQueues = parseUnsigned(word) ?? invarg('Invalid "numrxqueues" value\n', word);
    } else if (args.matches("addrgenmode")) {
      const word = args.next();
      if (!ADDR_GEN_MODES.includes(word)) invarg("Invalid address generation mode\n", word);
      request.addrGenMode = word;
    } else if (args.is("gso_max_size")) {
      const word = args.next();
      const size = parseUnsigned(word);
      if (size === undefined || size > GSO_MAX_SIZE) invarg('Invalid "gso_max_size" value\n', word);
      request.gsoMaxSize = size;
    } else if (args.is("gso_max_segs")) {
      const word = args.next();
      const segs = parseUnsigned(word);
      if (segs === undefined || segs > GSO_MAX_SEGS) invarg('Invalid "gso_max_segs" value\n', word);
      request.gsoMaxSegs = segs;
    } else if (isRefused(args.word)) throw new CommandError(`ip link: "${args.word}" is not supported by vethlab\n`, 2);
    else {
      if (args.matches("help")) linkUsage();
      const word = args.is("dev") ? args.next() : args.word;
      if (dev !== name) duparg2("dev", word);
      if (word === "" || word.length >= 128 || /[/\s]/.test(word)) invarg('"dev" not a valid ifname', word);
      dev = word;
    }
  }
  name ??= dev;
  dev ??= name;
  if (request.index && !create && !request.netns)
    throw new CommandError(
      "index can be used only when creating devices or when moving device to another netns.\n",
      255,
    );
  if (request.group !== -1 && dev === null) {
    if (!args.done)
      throw new CommandError(`Garbage instead of arguments "${args.word} ...". Try "ip link help".\n`, 255);
    if (create) throw new CommandError("group cannot be used when creating devices.\n", 255);
    request.wholeGroup = true;
    return request;
  }
  if (create) {
    if (name !== dev) throw new CommandError('both "name" and "dev" cannot be used when creating devices.\n', 255);
    if (link !== null) request.link = deviceNamed(net, link) ?? nodev(link);
    request.name = name;
    return request;
  }
  if (dev === null) throw new CommandError('Not enough information: "dev" argument is required.\n', 255);
  const device = deviceNamed(net, dev);
  for (const address of [request.address, request.broadcast])
    if (device && address && address.length !== 6)
      throw new CommandError(`Invalid address length ${address.length} - must be 6 bytes\n`, 1);
  request.dev = device ?? nodev(dev);
  request.name = name === dev ? null : name;
  return request;
}

const REFUSED: readonly string[] = [
  "xdp",
  "xdpgeneric",
  "xdpdrv",
  "xdpoffload",
  "vf",
  "vrf",
  "trailers",
  "carrier",
  "state",
  "link-netns",
  "link-netnsid",
  "protodown",
  "protodown_reason",
  "gro_max_size",
  "parentdev",
];

const REFUSED_SHORTENED: readonly string[] = ["link-netns"];

function isRefused(word: string): boolean {
  return REFUSED.includes(word) || REFUSED_SHORTENED.some((full) => matches(word, full));
}
