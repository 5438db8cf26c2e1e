// arp of net-tools 2.10: the neighbour table as /proc/net/arp has it, static entries, deletion.

import { Errno, NetError } from "../../base/errno.ts";
import { netnsOf } from "../../host/host.ts";
import {
  NEIGH_UPDATE_F_ADMIN,
  NEIGH_UPDATE_F_OVERRIDE,
  type NeighInfo,
  NUD_NOARP,
  NUD_PERMANENT,
  NUD_STALE,
  NUD_VALID,
} from "../../net/core/neighbour.ts";
import type { NetDevice } from "../../net/core/net-device.ts";
import { FlowKey, ipRouteOutputKey } from "../../net/ipv4/route.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { formatIpv4, formatMac, parseIpv4, parseMac } from "../../wire/addr.ts";
import { getopt } from "../net-util/getopt.ts";
import { hostsByAddress, hostsByName } from "../net-util/resolve.ts";

const USAGE = `Usage:
  arp [-vn]  [<HW>] [-i <if>] [-a] [<hostname>]             <-Display ARP cache
  arp [-v]          [-i <if>] -d  <host> [pub]               <-Delete ARP entry
  arp [-vnD] [<HW>] [-i <if>] -f  [<filename>]            <-Add entry from file
  arp [-v]   [<HW>] [-i <if>] -s  <host> <hwaddr> [temp]            <-Add entry
  arp [-v]   [<HW>] [-i <if>] -Ds <host> <if> [netmask <nm>] pub          <-''-

        -a                       display (all) hosts in alternative (BSD) style
        -e                       display (all) hosts in default (Linux) style
        -s, --set                set a new ARP entry
        -d, --delete             delete a specified entry
        -v, --verbose            be verbose
        -n, --numeric            don't resolve names
        -i, --device             specify network interface (e.g. eth0)
        -D, --use-device         read <hwaddr> from given device
        -A, -p, --protocol       specify protocol family
        -f, --file               read new entries from file or from /etc/ethers
`;
const LONG = [
  { name: "verbose", argument: 0 as const, short: "v" },
  { name: "numeric", argument: 0 as const, short: "n" },
  { name: "set", argument: 0 as const, short: "s" },
  { name: "delete", argument: 0 as const, short: "d" },
  { name: "device", argument: 1 as const, short: "i" },
  { name: "version", argument: 0 as const, short: "V" },
];
const HEADER = "Address                  HWtype  HWaddress           Flags Mask            Iface\n";

export const arp: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "A:H:adfp:nsei:t:vh?DNV", { long: LONG });
  if (parsed.error !== undefined) {
    yield* proc.printError(`arp: ${parsed.error}\n${USAGE}`);
    return 3;
  }
  let mode: "show" | "set" | "delete" = "show";
  let bsd = false;
  let numeric = false;
  let verbose = false;
  let device: string | undefined;
  for (const { name, value } of parsed.options) {
    if (name === "a") bsd = true;
    else if (name === "e") bsd = false;
    else if (name === "n") numeric = true;
    else if (name === "v") verbose = true;
    else if (name === "i") device = value;
    else if (name === "s") mode = "set";
    else if (name === "d") mode = "delete";
    else if (name === "V") {
      yield* proc.print("net-tools 2.10\n");
      return 5;
    } else if ((name === "H" || name === "t") && value === "ether") continue;
    else {
      yield* proc.printError(`arp: option -${name} is not emulated by vethlab\n`);
      return 3;
    }
  }
  const { net, ipv4 } = netnsOf(proc);
  const [host, hardware, extra] = parsed.operands;
  const address = host === undefined ? undefined : (parseIpv4(host) ?? hostsByName(proc, host)?.addresses[0]);
  if (host !== undefined && address === undefined) {
    yield* proc.printError(`${host}: Unknown host\n`);
    return 255;
  }
  if (mode === "show") {
    yield* proc.print(tableText(proc, ipv4.arp.dump(), { address, host, bsd, numeric, verbose, device }));
    return 0;
  }
  if (address === undefined) {
    yield* proc.printError("arp: need host name\n");
    return 255;
  }
  let dev: NetDevice | null | undefined;
  if (device !== undefined) dev = net.deviceByName(device);
  else {
    const flow = new FlowKey();
    flow.daddr = address;
    const found = ipRouteOutputKey(ipv4, flow);
    dev = found.error === 0 ? found.dev : null;
  }
  if (mode === "delete") {
    // without -i every interface is asked in turn (arp_del)
    const entry = ipv4.arp
      .dump()
      .find((info) => info.key === address && (device === undefined || info.dev.name === device));
    if (!entry) {
      yield* proc.printError(`No ARP entry for ${host}\n`);
      return 255;
    }
    ipv4.arp.delete(entry.dev, address);
    return 0;
  }
  if (hardware === undefined) {
    yield* proc.printError("arp: need hardware address\n");
    return 255;
  }
  const lladdr = parseMac(hardware);
  if (!lladdr) {
    yield* proc.printError("arp: invalid hardware address\n");
    return 255;
  }
  if (extra !== undefined && extra !== "temp") {
    yield* proc.printError(`arp: ${extra} is not emulated by vethlab\n`);
    return 255;
  }
  if (!dev) {
    yield* proc.printError(`SIOCSARP: ${new NetError(Errno.ENETUNREACH).message}\n`);
    return 255;
  }
  if (!proc.capable("NET_ADMIN")) {
    yield* proc.printError(`SIOCSARP: ${new NetError(Errno.EPERM).message}\n`);
    return 255;
  }
  const neigh = ipv4.arp.lookupOrCreate(dev, address);
  neigh?.update(
    lladdr,
    0,
    extra === "temp" ? NUD_STALE : NUD_PERMANENT,
    NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_ADMIN,
  );
  return 0;
};

interface Shown {
  readonly address: number | undefined;
  readonly host: string | undefined;
  readonly bsd: boolean;
  readonly numeric: boolean;
  readonly verbose: boolean;
  readonly device: string | undefined;
}

/** The rows of /proc/net/arp that were asked for; entries that never needed ARP (NOARP) are not in it. */
function tableText(proc: Process, entries: readonly NeighInfo[], shown: Shown): string {
  const listed = entries.filter((entry) => (entry.state & NUD_NOARP) === 0);
  const found = listed.filter(
    (entry) =>
      (shown.address === undefined || entry.key === shown.address) &&
      (shown.device === undefined || entry.dev.name === shown.device),
  );
  const rows = found.map((entry) => rowText(proc, entry, shown));
  if (shown.address !== undefined && found.length === 0)
    return `${shown.host} (${formatIpv4(shown.address)}) -- no entry\n`;
  const header = shown.bsd || rows.length === 0 ? "" : HEADER;
  const summary = shown.verbose
    ? `Entries: ${listed.length}\tSkipped: ${listed.length - found.length}\tFound: ${found.length}\n`
    : "";
  return header + rows.join("") + summary;
}

function rowText(proc: Process, entry: NeighInfo, shown: Shown): string {
  const known = (entry.state & NUD_VALID) !== 0 && entry.lladdr !== null;
  const mac = entry.lladdr && known ? formatMac(entry.lladdr) : undefined;
  const name = shown.numeric ? undefined : hostsByAddress(proc, entry.key)?.[0];
  const text = formatIpv4(entry.key);
  if (shown.bsd) {
    const perm = entry.state & NUD_PERMANENT ? " PERM" : "";
    return `${name ?? "?"} (${text}) at ${mac === undefined ? "<incomplete>" : `${mac} [ether]${perm}`} on ${entry.dev.name}\n`;
  }
  const address = (name ?? text).slice(0, 23).padEnd(23);
  if (mac === undefined) return `${address}          (incomplete)                              ${entry.dev.name}\n`;
  const flags = `C${entry.state & NUD_PERMANENT ? "M" : ""}`;
  return `${address}  ether   ${mac.padEnd(18)}  ${flags.padEnd(6)}                ${entry.dev.name}\n`;
}
