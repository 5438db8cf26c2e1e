// `ip link … type vxlan` (iproute2's ip/iplink_vxlan.c).

import { Errno, NetError } from "../../../base/errno.ts";
import type { NetDevice } from "../../../net/core/net-device.ts";
import {
  createVxlan,
  setDefaultRemote,
  type VxlanConfig,
  type VxlanDf,
  vxlanConfig,
  vxlanOf,
} from "../../../net/link/vxlan.ts";
import type { NetNamespace } from "../../../net/netns.ts";
import { formatIpv4, isMulticast4 } from "../../../wire/addr.ts";
import { LINUX_PORT } from "../../../wire/vxlan.ts";
import { type Context, deviceNamed } from "../context.ts";
import { type Args, CommandError, duparg, getAddr, invarg, parseUnsigned } from "../lib/args.ts";
import { parseDsfield } from "../lib/names.ts";
import type { LinkRequest } from "../link-request.ts";
import { commonOptions, type LinkKind, unknownOption } from "./kind.ts";

const USAGE = `Usage: ... vxlan id VNI
\t\t[ { group | remote } IP_ADDRESS ]
\t\t[ local ADDR ]
\t\t[ ttl TTL ]
\t\t[ tos TOS ]
\t\t[ df DF ]
\t\t[ flowlabel LABEL ]
\t\t[ dev PHYS_DEV ]
\t\t[ dstport PORT ]
\t\t[ srcport MIN MAX ]
\t\t[ [no]learning ]
\t\t[ [no]proxy ]
\t\t[ [no]rsc ]
\t\t[ [no]l2miss ]
\t\t[ [no]l3miss ]
\t\t[ ageing SECONDS ]
\t\t[ maxaddress NUMBER ]
\t\t[ [no]udpcsum ]
\t\t[ [no]udp6zerocsumtx ]
\t\t[ [no]udp6zerocsumrx ]
\t\t[ [no]remcsumtx ] [ [no]remcsumrx ]
\t\t[ [no]external ] [ gbp ] [ gpe ]
\t\t[ [no]vnifilter ]

Where:\tVNI\t:= 0-16777215
\tADDR\t:= { IP_ADDRESS | any }
\tTOS\t:= { NUMBER | inherit }
\tTTL\t:= { 1..255 | auto | inherit }
\tDF\t:= { unset | set | inherit }
\tLABEL := 0-1048575
`;

/** What was asked for; what is missing was not mentioned. */
interface Wish {
  vni?: number;
  remote?: number;
  local?: number;
  lower?: NetDevice;
  port?: number;
  portRange?: [number, number];
  ttl?: number;
  ttlInherit?: boolean;
  tos?: number;
  df?: VxlanDf;
  ageing?: number;
  maxAddresses?: number;
  learning?: boolean;
  udpCsum?: boolean;
  proxy?: boolean;
  rsc?: boolean;
  l2miss?: boolean;
  l3miss?: boolean;
}

/** Words that stand alone, with the setting and the value that each means, in iproute2's order. */
const SWITCHES: readonly (readonly [string, keyof Wish, boolean])[] = [
  ["nolearning", "learning", false],
  ["learning", "learning", true],
  ["noproxy", "proxy", false],
  ["proxy", "proxy", true],
  ["norsc", "rsc", false],
  ["rsc", "rsc", true],
  ["nol2miss", "l2miss", false],
  ["l2miss", "l2miss", true],
  ["nol3miss", "l3miss", false],
  ["l3miss", "l3miss", true],
  ["udpcsum", "udpCsum", true],
  ["noudpcsum", "udpCsum", false],
];

const REFUSED: readonly string[] = [
  "label",
  "flowlabel",
  "udp6zerocsumtx",
  "udp6zerocsumrx",
  "remcsumtx",
  "remcsumrx",
  "external",
  "gbp",
  "gpe",
  "vnifilter",
];
/** Off is how they are. */
const ALREADY_OFF: readonly string[] = [
  "noudp6zerocsumtx",
  "noudp6zerocsumrx",
  "noremcsumtx",
  "noremcsumrx",
  "noexternal",
  "novnifilter",
];

function once<K extends keyof Wish>(wish: Wish, key: K, word: string, args: Args): void {
  if (wish[key] !== undefined) duparg(word, args.word);
}

function parseWish(ctx: Context, args: Args, setting: boolean): Wish {
  const wish: Wish = {};
  for (; !args.done; args.advance()) {
    const number = (message: string, max = 0xffffffff): number =>
      parseUnsigned(args.word, max) ?? invarg(message, args.word);
    const toggle = SWITCHES.find(([word]) => args.matches(word));
    if (args.matches("id") || args.matches("vni")) {
      args.next();
      once(wish, "vni", "id", args);
      wish.vni = number("invalid id", 0xffffff);
    } else if (args.matches("group")) {
      const word = args.next();
      once(wish, "remote", "group", args);
      wish.remote = getAddr(word);
      if (!isMulticast4(wish.remote)) invarg("invalid group address", word);
    } else if (args.matches("remote")) {
      const word = args.next();
      once(wish, "remote", "remote", args);
      wish.remote = getAddr(word);
      if (isMulticast4(wish.remote)) invarg("invalid remote address", word);
    } else if (args.matches("local")) {
      const word = args.next();
      once(wish, "local", "local", args);
      wish.local = getAddr(word);
      if (isMulticast4(wish.local)) invarg("invalid local address", word);
    } else if (args.matches("dev")) {
      const word = args.next();
      once(wish, "lower", "dev", args);
      const lower = deviceNamed(ctx.ns.net, word);
      if (!lower) throw new CommandError(`Cannot find device "${word}"\n`, 255);
      wish.lower = lower;
    } else if (args.matches("ttl") || args.matches("hoplimit")) {
      const word = args.next();
      once(wish, "ttl", "ttl", args);
      wish.ttlInherit = word === "inherit";
      wish.ttl = word === "inherit" || word === "auto" ? 0 : number("invalid TTL");
      if (wish.ttl > 255) invarg("TTL must be <= 255", word);
    } else if (args.matches("tos") || args.matches("dsfield")) {
      const word = args.next();
      once(wish, "tos", "tos", args);
      wish.tos = word === "inherit" ? 1 : (parseDsfield(word) ?? invarg("bad TOS value", word));
    } else if (args.matches("df")) {
      const word = args.next();
      once(wish, "df", "df", args);
      if (word !== "unset" && word !== "set" && word !== "inherit")
        invarg("DF must be 'unset', 'set' or 'inherit'", word);
      wish.df = word;
    } else if (REFUSED.some((word) => args.matches(word)) && !toggle)
      throw new CommandError(`vxlan: "${args.word}" is not supported by vethlab\n`, 1);
    else if (args.matches("ageing")) {
      const word = args.next();
      once(wish, "ageing", "ageing", args);
      wish.ageing = word === "none" ? 0 : number("ageing timer");
    } else if (args.matches("maxaddress")) {
      const word = args.next();
      once(wish, "maxAddresses", "maxaddress", args);
      wish.maxAddresses = word === "unlimited" ? 0 : number("max addresses");
    } else if (args.matches("port") || args.matches("srcport")) {
      args.next();
      once(wish, "portRange", "srcport", args);
      const low = number("min port", 65535);
      args.next();
      wish.portRange = [low, number("max port", 65535)];
    } else if (args.matches("dstport")) {
      args.next();
      once(wish, "port", "dstport", args);
      wish.port = number("dst port", 65535);
    } else if (toggle) {
      once(wish, toggle[1], args.word, args);
      Object.assign(wish, { [toggle[1]]: toggle[2] });
    } else if (ALREADY_OFF.some((word) => args.matches(word))) {
      // nothing to do
    } else if (args.matches("help")) throw new CommandError(USAGE, 1);
    else unknownOption("vxlan", args.word, USAGE);
  }
  if (wish.vni === undefined && !setting) throw new CommandError("vxlan: missing virtual network identifier\n", 1);
  if (wish.remote !== undefined && isMulticast4(wish.remote) && !wish.lower)
    throw new CommandError("vxlan: 'group' requires 'dev' to be specified\n", 1);
  if (wish.port === undefined && !setting)
    ctx.err +=
      "vxlan: destination port not specified\nWill use Linux kernel default (non-standard value)\n" +
      "Use 'dstport 4789' to get the IANA assigned value\nUse 'dstport 0' to get default and quiet this message\n";
  return wish;
}

export const vxlan: LinkKind = {
  name: "vxlan",
  parse: (ctx: Context, args: Args, request: LinkRequest): Wish => parseWish(ctx, args, request.dev !== null),
  create(ctx: Context, ns: NetNamespace, name: string, request: LinkRequest, data: unknown): NetDevice {
    const wish = data as Wish | undefined;
    if (!wish) throw new NetError(Errno.EINVAL, "Required attributes not provided to perform the operation");
    const config: VxlanConfig = vxlanConfig({ ...wish, vni: wish.vni!, port: wish.port || LINUX_PORT });
    return createVxlan(ns.net, ctx.ns.ipv4, name, config, commonOptions(request)).dev;
  },
  /** vxlan_changelink: what the socket and the lookups depend on stays. */
  change(_ctx: Context, dev: NetDevice, data: unknown): void {
    const self = vxlanOf(dev)!;
    const wish = data as Wish;
    const { config } = self;
    if (wish.vni !== undefined && wish.vni !== config.vni) throw new NetError(Errno.EOPNOTSUPP, "Cannot change VNI");
    if (wish.port !== undefined && wish.port !== config.port)
      throw new NetError(Errno.EOPNOTSUPP, "Cannot change port");
    if (wish.portRange !== undefined) throw new NetError(Errno.EOPNOTSUPP, "Cannot change port range");
    if (wish.udpCsum !== undefined && wish.udpCsum !== config.udpCsum)
      throw new NetError(Errno.EOPNOTSUPP, "Cannot change UDP_CSUM flag");
    if (wish.local !== undefined || wish.lower !== undefined) throw new NetError(Errno.EOPNOTSUPP);
    if (wish.remote !== undefined) setDefaultRemote(self, wish.remote);
    if (wish.ttl !== undefined) config.ttl = wish.ttl;
    if (wish.ttlInherit !== undefined) config.ttlInherit = wish.ttlInherit;
    if (wish.tos !== undefined) config.tos = wish.tos;
    if (wish.df !== undefined) config.df = wish.df;
    if (wish.ageing !== undefined) config.ageing = wish.ageing;
    if (wish.learning !== undefined) config.learning = wish.learning;
    if (wish.maxAddresses !== undefined) self.fdb.maxAddresses = wish.maxAddresses;
  },
  print({ out }: Context, dev: NetDevice): void {
    const self = vxlanOf(dev)!;
    const { config } = self;
    out.any("id", `id ${config.vni} `, config.vni);
    if (config.remote !== 0) {
      const key = isMulticast4(config.remote) ? "group" : "remote";
      const text = formatIpv4(config.remote);
      out.any(key, `${key} ${text} `, text);
    }
    if (config.local !== 0) {
      const text = formatIpv4(config.local);
      out.any("local", `local ${text} `, text);
    }
    if (config.lower) out.any("link", `dev ${config.lower.name} `, config.lower.name);
    const [low, high] = config.portRange;
    out.openObject("port_range");
    out.any("low", `srcport ${low} `, low);
    out.any("high", `${high} `, high);
    out.closeObject();
    out.any("port", `dstport ${config.port} `, config.port);
    out.js("learning", config.learning);
    if (!config.learning) out.fp("nolearning ");
    for (const key of ["proxy", "rsc", "l2miss", "l3miss"] as const) if (config[key]) out.any(key, `${key} `, true);
    if (config.tos !== 0)
      out.any(
        "tos",
        config.tos === 1 ? "tos inherit " : `tos 0x${config.tos.toString(16)} `,
        `0x${config.tos.toString(16)}`,
      );
    if (config.ttlInherit) out.fp("ttl inherit ");
    else out.any("ttl", config.ttl ? `ttl ${config.ttl} ` : "ttl auto ", config.ttl);
    if (config.df === "unset") out.js("df", "unset");
    else out.any("df", `df ${config.df} `, config.df);
    out.any("ageing", config.ageing ? `ageing ${config.ageing} ` : "ageing none ", config.ageing);
    if (self.fdb.maxAddresses) out.any("limit", `maxaddr ${self.fdb.maxAddresses} `, self.fdb.maxAddresses);
    out.any("udp_csum", config.udpCsum ? "udpcsum " : "noudpcsum ", config.udpCsum);
    out.any("udp_zero_csum6_tx", "noudp6zerocsumtx ", false);
    out.any("udp_zero_csum6_rx", "noudp6zerocsumrx ", false);
  },
};
