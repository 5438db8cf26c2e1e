// route of net-tools 2.10: the main table as /proc/net/route has it, and add and del by the old system calls.

import { Errno, NetError } from "../../base/errno.ts";
import { netnsOf, requireNetAdmin } from "../../host/host.ts";
import {
  fibConfig,
  NLM_F_CREATE,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RTN_LOCAL,
  RTN_UNICAST,
  RTN_UNREACHABLE,
} from "../../net/ipv4/fib-types.ts";
import { type RouteRow, RTF_GATEWAY, RTF_HOST, RTF_REJECT, RTF_UP, routeRows } from "../../net/ipv4/proc-tables.ts";
import { inetAddrType, type RouteMetrics } from "../../net/ipv4/route.ts";
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

  <AF>=Use -4, -6, '-A <af>' or '--<af>'; default: inet
  List of possible address families (which support routing):
    inet (DARPA Internet) inet6 (IPv6) ax25 (AMPR AX.25) 
    netrom (AMPR NET/ROM) rose (AMPR ROSE) ipx (Novell IPX) 
    ddp (Appletalk DDP) x25 (CCITT X.25) 
`;
/** Linux has had no such cache since 3.6. */
const CACHE_HEADING =
  "Kernel IP routing cache\nSource          Destination     Gateway         Flags Metric Ref    Use Iface\n";
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
  let cache = false;
  for (const { name, value } of parsed.options) {
    if (name === "n") numeric = true;
    else if (name === "e") extend++;
    else if (name === "V") {
      yield* proc.print("net-tools 2.10\n");
      return 5;
    } else if (name === "h") {
      yield* proc.printError(USAGE);
      return 4;
    } else if (name === "C") cache = true;
    else if (name === "6" || (name === "A" && value !== "inet")) {
      yield* proc.printError(`route: option -${name} is not emulated by vethlab\n`);
      return 3;
    }
  }
  const [verb, ...rest] = parsed.operands;
  if (verb === undefined && cache) {
    yield* proc.print(CACHE_HEADING);
    return 0;
  }
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

/** What /proc/net/route has, in columns. */
function routesText(proc: Process, numeric: boolean, extend: number): string {
  const tail =
    extend === 0
      ? "Metric Ref    Use Iface"
      : extend === 1
        ? "  MSS Window  irtt Iface"
        : "Metric Ref    Use Iface    MSS   Window irtt";
  const rows = routeRows(netnsOf(proc).ipv4).map((row) => rowText(proc, row, numeric, extend));
  return `Kernel IP routing table\nDestination     Gateway         Genmask         Flags ${tail}\n${rows.join("")}`;
}

function rowText(proc: Process, row: RouteRow, numeric: boolean, extend: number): string {
  const reject = (row.flags & RTF_REJECT) !== 0;
  const letters = [RTF_UP, RTF_GATEWAY, RTF_HOST].map((bit, i) => (row.flags & bit ? "UGH"[i] : ""));
  const flags = reject ? "!" : letters.join("");
  const name = (address: number): string => {
    if (numeric) return formatIpv4(address);
    if (address === 0) return row.mask === 0 ? "default" : formatIpv4(0);
    return hostsByAddress(proc, address)?.[0] ?? formatIpv4(address);
  };
  const destination = numeric || row.dst !== 0 ? name(row.dst) : "default";
  const gateway = reject ? "-" : row.gateway === 0 ? "0.0.0.0" : name(row.gateway);
  const head = `${destination.padEnd(15)} ${gateway.padEnd(15)} ${formatIpv4(row.mask).padEnd(15)} ${flags.padEnd(5)} `;
  const metric = String(row.metric).padEnd(6);
  if (reject) {
    if (extend === 0) return `${head}${metric} -        0 -\n`;
    if (extend === 1) return `${head}    - -          - -\n`;
    return `${head}${metric} -        0 -        -     -      -\n`;
  }
  if (extend === 0) return `${head}${metric} 0        0 ${row.iface}\n`;
  const window = String(row.window);
  if (extend === 1)
    return `${head}${String(row.mtu).padStart(5)} ${window.padEnd(6)} ${String(row.irtt).padStart(5)} ${row.iface}\n`;
  return `${head}${metric} 0        0 ${row.iface.padEnd(8)} ${String(row.mtu).padEnd(5)} ${window.padEnd(6)} ${row.irtt}\n`;
}

function* change(proc: Process, add: boolean, words: readonly string[]): Task<number> {
  const usage = function* (message?: string): Task<number> {
    yield* proc.printError(`${message === undefined ? "" : `route: ${message}\n`}${INET_USAGE}`);
    return 3;
  };
  if (words.length === 0) {
    yield* proc.printError(INET_USAGE);
    return 0;
  }
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
  if (prefix !== undefined && !(prefix >= 0 && prefix <= 32))
    return yield* usage("netmask doesn't match route address");
  let gw = 0;
  let metric = 0;
  let reject = false;
  let device: string | undefined;
  const figures = { mss: 0, window: 0, irtt: 0 };
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
    } else if (word === "mss" || word === "window" || word === "irtt") {
      if (value === undefined || !/^\d+$/.test(value)) return yield* usage();
      figures[word] = Number(value);
      at++;
    } else if (word === "reject") reject = true;
    else if (word === "dev" || word === "device") {
      if (value === undefined) return yield* usage();
      device = value;
      at++;
    } else if (/^(mod|dyn|reinstate)$/.test(word)) {
      yield* proc.printError(`route: ${word} is not emulated by vethlab\n`);
      return 3;
    } else if (device === undefined) device = word;
    else return yield* usage();
  }
  const length = prefix ?? (kind === "net" ? classfulPrefix(dst) : 32);
  const mask = length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
  if ((dst & ~mask) !== 0 && prefix !== undefined) return yield* usage("netmask doesn't match route address");
  try {
    requireNetAdmin(proc);
    program(ns, add, {
      dst,
      dstLen: length,
      gw,
      metric,
      reject,
      device,
      ...figures,
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
  /** 0: not given */
  readonly mss: number;
  readonly window: number;
  readonly irtt: number;
}

/** rtentry_to_fib_config: what SIOCADDRT and SIOCDELRT ask of the FIB. A route that is there already stays behind. */
function program(ns: NetNamespace, add: boolean, wanted: Wanted): void {
  const { ipv4, net } = ns;
  let oif = 0;
  if (wanted.dstLen < 32 && (wanted.dst & (0xffffffff >>> wanted.dstLen)) !== 0) throw new NetError(Errno.EINVAL);
  if (wanted.device !== undefined) {
    const dev = net.deviceByName(wanted.device.replace(/:.*/, ""));
    if (!dev) throw new NetError(Errno.ENODEV);
    oif = dev.ifindex;
  }
  const gatewayType = wanted.gw === 0 ? 0 : inetAddrType(ipv4, wanted.gw);
  if (gatewayType === RTN_LOCAL && add) throw new NetError(Errno.EINVAL);
  if (add && !wanted.reject && wanted.gw === 0 && oif === 0) throw new NetError(Errno.ENODEV);
  const { mss, window, irtt } = wanted;
  const metrics: RouteMetrics = {
    ...(mss > 0 ? { advmss: mss - 40 } : {}),
    ...(window > 0 ? { window } : {}),
    ...(irtt > 0 ? { rtt: irtt << 3 } : {}),
  };
  let scope: number = RT_SCOPE_NOWHERE;
  if (wanted.reject) scope = RT_SCOPE_HOST;
  else if (add) scope = gatewayType === RTN_UNICAST ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  const config = fibConfig({
    dst: wanted.dst,
    dstLen: wanted.dstLen,
    oif,
    gw: wanted.gw,
    priority: wanted.metric,
    type: wanted.reject ? RTN_UNREACHABLE : add ? RTN_UNICAST : 0,
    scope,
    nlflags: add ? NLM_F_CREATE : 0,
    metrics: Object.keys(metrics).length > 0 ? metrics : null,
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
