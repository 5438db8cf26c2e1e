// route of net-tools 2.10: the main table as /proc/net/route has it, and add and del by the old system calls.

import { Errno, NetError } from "../../base/errno.ts";
import { netnsOf, requireNetAdmin } from "../../host/host.ts";
import {
  type FibRoute,
  fibConfig,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RTN_BLACKHOLE,
  RTN_LOCAL,
  RTN_PROHIBIT,
  RTN_UNICAST,
  RTN_UNREACHABLE,
  RTNH_F_DEAD,
} from "../../net/ipv4/fib-types.ts";
import { inetAddrType } from "../../net/ipv4/route.ts";
import type { NetNamespace } from "../../net/netns.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { formatIpv4, parseIpv4 } from "../../wire/addr.ts";
import { getopt } from "../net-util/getopt.ts";
import { hostsByAddress, hostsByName } from "../net-util/resolve.ts";

const INET_USAGE = `Usage: inet_route [-vF] del {-host|-net} Target[/prefix] [gw Gw] [metric M] [[dev] If]
       inet_route [-vF] add {-host|-net} Target[/prefix] [gw Gw] [metric M]
                              [netmask N] [mss Mss] [window W] [irtt I]
                              [mod] [dyn] [reinstate] [[dev] If]
       inet_route [-vF] add {-host|-net} Target[/prefix] [metric M] reject
       inet_route [-FC] flush      NOT supported
`;
const USAGE = `Usage: route [-nNvee] [-FC] [<AF>]           List kernel routing tables
       route [-v] [-FC] {add|del|flush} ...  Modify routing table for AF.

       route {-h|--help} [<AF>]              Detailed usage syntax for specified AF.
       route {-V|--version}                  Display version/author and exit.

        -v, --verbose            be verbose
        -n, --numeric            don't resolve names
        -e, --extend             display other/more information
        -F, --fib                display Forwarding Information Base (default)
        -C, --cache              display routing cache instead of FIB
`;
const LONG = [
  { name: "numeric", argument: 0 as const, short: "n" },
  { name: "extend", argument: 0 as const, short: "e" },
  { name: "verbose", argument: 0 as const, short: "v" },
  { name: "fib", argument: 0 as const, short: "F" },
  { name: "version", argument: 0 as const, short: "V" },
  { name: "help", argument: 0 as const, short: "h" },
];

export const route: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "neeNvF4VhA:C6", { long: LONG, stopAtOperand: true });
  if (parsed.error !== undefined) {
    yield* proc.printError(`route: ${parsed.error}\n${USAGE}`);
    return 0;
  }
  let numeric = false;
  let extend = 0;
  for (const { name } of parsed.options) {
    if (name === "n") numeric = true;
    else if (name === "e") extend++;
    else if (name === "V") {
      yield* proc.print("net-tools 2.10\n");
      return 5;
    } else if (name === "h") {
      yield* proc.printError(USAGE);
      return 4;
    } else if (name === "C" || name === "6" || name === "A") {
      yield* proc.printError(`route: option -${name} is not emulated by vethlab\n`);
      return 3;
    }
  }
  const [verb, ...rest] = parsed.operands;
  if (verb === undefined) {
    yield* proc.print(routesText(proc, numeric, extend));
    return 0;
  }
  if (verb !== "add" && verb !== "del" && verb !== "delete") {
    yield* proc.printError(USAGE);
    return 3;
  }
  return yield* change(proc, verb === "add", rest);
};

/** The rows of /proc/net/route: the main table without local and broadcast routes, one a nexthop. */
function routesText(proc: Process, numeric: boolean, extend: number): string {
  const tail =
    extend === 0
      ? "Metric Ref    Use Iface"
      : extend === 1
        ? "  MSS Window  irtt Iface"
        : "Metric Ref    Use Iface    MSS   Window irtt";
  let out = `Kernel IP routing table\nDestination     Gateway         Genmask         Flags ${tail}\n`;
  for (const entry of netnsOf(proc).ipv4.fib.dump(254)) {
    if (entry.type === 3 || entry.type === 5) continue;
    const nexthops = entry.nexthops.length > 0 ? entry.nexthops : [undefined];
    for (const hop of nexthops) out += rowText(proc, entry, hop, numeric, extend);
  }
  return out;
}

function rowText(
  proc: Process,
  entry: FibRoute,
  hop: FibRoute["nexthops"][number] | undefined,
  numeric: boolean,
  extend: number,
): string {
  const reject = entry.type === RTN_UNREACHABLE || entry.type === RTN_PROHIBIT || entry.type === RTN_BLACKHOLE;
  const gw = hop?.gw ?? 0;
  const up = hop === undefined || (hop.flags & RTNH_F_DEAD) === 0;
  const host = entry.dstLen === 32;
  const flags = reject ? "!" : `${up ? "U" : ""}${gw !== 0 ? "G" : ""}${host ? "H" : ""}`;
  const mask = entry.dstLen === 0 ? 0 : (0xffffffff << (32 - entry.dstLen)) >>> 0;
  const name = (address: number): string => {
    if (numeric) return formatIpv4(address);
    if (address === 0) return entry.dstLen === 0 ? "default" : formatIpv4(0);
    return hostsByAddress(proc, address)?.[0] ?? formatIpv4(address);
  };
  const destination = numeric || entry.dst !== 0 ? name(entry.dst) : "default";
  const gateway = reject ? "-" : gw === 0 ? "0.0.0.0" : name(gw);
  const iface = hop?.dev?.name ?? (reject ? "-" : "*");
  const head = `${destination.padEnd(15)} ${gateway.padEnd(15)} ${formatIpv4(mask).padEnd(15)} ${flags.padEnd(5)} `;
  const metric = String(entry.priority).padEnd(6);
  if (reject) {
    if (extend === 0) return `${head}${metric} -        0 -\n`;
    if (extend === 1) return `${head}    - -          - -\n`;
    return `${head}${metric} -        0 -        -     -      -\n`;
  }
  if (extend === 0) return `${head}${metric} 0        0 ${iface}\n`;
  const mss = 0;
  if (extend === 1) return `${head}${String(mss).padStart(5)} 0          0 ${iface}\n`;
  return `${head}${metric} 0        0 ${iface.padEnd(8)} ${String(mss).padEnd(5)} 0      0\n`;
}

function* change(proc: Process, add: boolean, words: readonly string[]): Task<number> {
  const usage = function* (message?: string): Task<number> {
    yield* proc.printError(`${message === undefined ? "" : `route: ${message}\n`}${INET_USAGE}`);
    return message === undefined ? 4 : 3;
  };
  let kind: "net" | "host" | undefined;
  let at = 0;
  if (words[at] === "-net") kind = "net";
  else if (words[at] === "-host") kind = "host";
  if (kind !== undefined) at++;
  const target = words[at++];
  if (target === undefined) return yield* usage();
  const ns = netnsOf(proc);
  const [text, prefixText] = target.split("/", 2) as [string, string | undefined];
  const dst = text === "default" ? 0 : (parseIpv4(text) ?? hostsByName(proc, text)?.addresses[0]);
  if (dst === undefined) {
    yield* proc.printError(`${text}: Unknown host\n`);
    return 1;
  }
  let prefix = text === "default" ? 0 : prefixText === undefined ? undefined : Number(prefixText);
  if (prefix !== undefined && !(prefix >= 0 && prefix <= 32)) return yield* usage();
  let gw = 0;
  let metric = 0;
  let reject = false;
  let device: string | undefined;
  for (; at < words.length; at++) {
    const word = words[at]!;
    const value = words[at + 1];
    if (word === "gw" || word === "gateway") {
      const address = value === undefined ? undefined : (parseIpv4(value) ?? hostsByName(proc, value)?.addresses[0]);
      if (address === undefined) return yield* usage();
      gw = address;
      at++;
    } else if (word === "netmask") {
      const mask = value === undefined ? undefined : parseIpv4(value);
      if (mask === undefined) return yield* usage();
      const bits = Math.clz32(~mask);
      if (bits < 32 && (mask << bits) >>> 0 !== 0) return yield* usage(`bogus netmask ${value}`);
      prefix = bits;
      at++;
    } else if (word === "metric") {
      if (value === undefined || !/^\d+$/.test(value)) return yield* usage();
      metric = Number(value);
      at++;
    } else if (word === "reject") reject = true;
    else if (word === "dev" || word === "device") {
      if (value === undefined) return yield* usage();
      device = value;
      at++;
    } else if (/^(mss|window|irtt|mod|dyn|reinstate)$/.test(word)) {
      yield* proc.printError(`route: ${word} is not emulated by vethlab\n`);
      return 3;
    } else if (device === undefined) device = word;
    else return yield* usage();
  }
  const length = prefix ?? (kind === "net" ? classfulPrefix(dst) : 32);
  const mask = length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
  if ((dst & ~mask) !== 0) return yield* usage("netmask doesn't match route address");
  try {
    requireNetAdmin(proc);
    program(ns, add, {
      dst,
      dstLen: length,
      gw,
      metric,
      reject,
      device,
      given: prefix !== undefined || kind !== undefined,
    });
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    yield* proc.printError(`${add ? "SIOCADDRT" : "SIOCDELRT"}: ${new NetError(error.errno).message}\n`);
    return 7;
  }
  return 0;
}

interface Wanted {
  readonly dst: number;
  readonly dstLen: number;
  readonly gw: number;
  readonly metric: number;
  readonly reject: boolean;
  readonly device: string | undefined;
  readonly given: boolean;
}

/** rtentry_to_fib_config: what SIOCADDRT and SIOCDELRT ask of the FIB. */
function program(ns: NetNamespace, add: boolean, wanted: Wanted): void {
  const { ipv4, net } = ns;
  let oif = 0;
  if (wanted.device !== undefined) {
    const dev = net.deviceByName(wanted.device.replace(/:.*/, ""));
    if (!dev) throw new NetError(Errno.ENODEV);
    oif = dev.ifindex;
  }
  const gatewayIsUnicast = wanted.gw !== 0 && inetAddrType(ipv4, wanted.gw) === RTN_UNICAST;
  if (wanted.gw !== 0 && inetAddrType(ipv4, wanted.gw) === RTN_LOCAL && add) throw new NetError(Errno.EINVAL);
  if (add && !wanted.reject && wanted.gw === 0 && oif === 0) throw new NetError(Errno.ENODEV);
  const config = fibConfig({
    dst: wanted.dst,
    dstLen: wanted.dstLen,
    oif,
    gw: wanted.gw,
    priority: wanted.metric,
    type: wanted.reject ? RTN_UNREACHABLE : add ? RTN_UNICAST : 0,
    scope: wanted.reject
      ? RT_SCOPE_UNIVERSE
      : add
        ? gatewayIsUnicast
          ? RT_SCOPE_UNIVERSE
          : RT_SCOPE_LINK
        : RT_SCOPE_NOWHERE,
    nlflags: add ? NLM_F_CREATE | NLM_F_EXCL : 0,
    ...(add ? {} : { protocol: 0 }),
  });
  if (add) ipv4.fib.insert(config);
  else ipv4.fib.delete(config);
}

/** The mask that an address of class A, B or C had. */
function classfulPrefix(address: number): number {
  if (address === 0) return 0;
  const first = address >>> 24;
  return first < 128 ? 8 : first < 192 ? 16 : 24;
}
