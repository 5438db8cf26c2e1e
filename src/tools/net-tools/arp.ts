// arp of net-tools 2.10: the neighbour table as /proc/net/arp has it, static entries, deletion.

import { Errno, strerror } from "../../base/errno.ts";
import { netnsOf } from "../../host/host.ts";
import { NEIGH_UPDATE_F_ADMIN, NEIGH_UPDATE_F_OVERRIDE, NUD_PERMANENT, NUD_STALE } from "../../net/core/neighbour.ts";
import type { NetDevice } from "../../net/core/net-device.ts";
import { type ArpRow, ATF_COM, ATF_PERM, ATF_PUBL, arpRows } from "../../net/ipv4/proc-tables.ts";
import { FlowKey, ipRouteOutputKey } from "../../net/ipv4/route.ts";
import type { Process, Program } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { formatIpv4, parseIpv4, parseMac } from "../../wire/addr.ts";
import { equalMac } from "../../wire/ethernet.ts";
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

type Mode = "show" | "set" | "delete";

interface ArpOptions {
  mode: Mode;
  bsd: boolean;
  numeric: boolean;
  verbose: boolean;
  /** -D: the hardware address is a device's */
  useDevice: boolean;
  hardwareGiven: boolean;
  device: string | undefined;
}

/** A line for stderr, and the status. */
class Failure extends Error {
  readonly status: number;

  constructor(sentence: string, status = 255) {
    super(sentence);
    this.status = status;
  }
}

export const arp: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "A:H:adfp:nsei:t:vh?DNV", { long: LONG });
  if (parsed.error !== undefined) {
    yield* proc.printError(`arp: ${parsed.error}\n${USAGE}`);
    return 3;
  }
  try {
    const options = readOptions(parsed.options);
    if (!options) {
      yield* proc.print("net-tools 2.10\n");
      return 5;
    }
    const [host, ...words] = parsed.operands;
    const address = host === undefined ? undefined : (parseIpv4(host) ?? hostsByName(proc, host)?.addresses[0]);
    if (host !== undefined && address === undefined) throw new Failure(`${host}: Unknown host`);
    if (options.mode === "show") yield* proc.print(tableText(proc, options, address, host));
    else if (address === undefined) throw new Failure("arp: need host name");
    else if (options.mode === "delete") remove(proc, options, address, host!, words);
    else set(proc, options, address, words);
    return 0;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    yield* proc.printError(`${error.message}\n`);
    return error.status;
  }
};

/** Undefined: the version is asked for. */
function readOptions(
  given: readonly { readonly name: string; readonly value: string | undefined }[],
): ArpOptions | undefined {
  const options: ArpOptions = {
    mode: "show",
    bsd: false,
    numeric: false,
    verbose: false,
    useDevice: false,
    hardwareGiven: false,
    device: undefined,
  };
  for (const { name, value } of given) {
    if (name === "a") options.bsd = true;
    else if (name === "e") options.bsd = false;
    else if (name === "n") options.numeric = true;
    else if (name === "v") options.verbose = true;
    else if (name === "i") options.device = value;
    else if (name === "s") options.mode = "set";
    else if (name === "d") options.mode = "delete";
    else if (name === "D") options.useDevice = true;
    else if (name === "V") return undefined;
    else if (name === "H" || name === "t") {
      if (value !== "ether") throw new Failure(`arp: ${value}: unknown hardware type.`);
      options.hardwareGiven = true;
    } else throw new Failure(`arp: option -${name} is not emulated by vethlab`, 3);
  }
  return options;
}

/** Of one device, or of each in turn (arp_del). */
function remove(proc: Process, options: ArpOptions, address: number, host: string, words: readonly string[]): void {
  const { net, ipv4 } = netnsOf(proc);
  if (words.includes("pub")) {
    // without a device only what is proxied on all of them
    const dev = options.device === undefined ? null : (net.deviceByName(options.device) ?? null);
    const at = ipv4.arp.proxies.findIndex((proxy) => proxy.key === address && proxy.dev === dev);
    if (at < 0) throw new Failure(`No ARP entry for ${host}`);
    ipv4.arp.proxies = ipv4.arp.proxies.toSpliced(at, 1);
    return;
  }
  const entry = ipv4.arp
    .dump()
    .find((info) => info.key === address && (options.device === undefined || info.dev.name === options.device));
  if (!entry) throw new Failure(`No ARP entry for ${host}`);
  ipv4.arp.delete(entry.dev, address);
}

/** SIOCSARP (arp_req_set) */
function set(proc: Process, options: ArpOptions, address: number, words: readonly string[]): void {
  const { net, ipv4 } = netnsOf(proc);
  const [hardware, ...flags] = words;
  if (hardware === undefined) throw new Failure("arp: need hardware address");
  const refused = (errno: number): Failure => new Failure(`SIOCSARP: ${strerror(errno)}`);
  if (!proc.capable("NET_ADMIN")) throw refused(Errno.EPERM);
  let lladdr: Uint8Array | undefined;
  if (options.useDevice) {
    const dev = net.deviceByName(hardware);
    if (!dev) throw new Failure(`arp: cannot get HW-Address for \`${hardware}': ${strerror(Errno.ENODEV)}.`);
    lladdr = dev.address;
  } else lladdr = parseMac(hardware);
  if (!lladdr) throw new Failure("arp: invalid hardware address");
  const unknown = flags.find((flag) => flag !== "temp" && flag !== "pub");
  if (unknown !== undefined) throw new Failure(`arp: ${unknown} is not emulated by vethlab`);
  let dev: NetDevice | null | undefined;
  if (options.device !== undefined) {
    dev = net.deviceByName(options.device);
    if (!dev) throw refused(Errno.ENODEV);
  }
  if (flags.includes("pub")) {
    // the device whose own address it is answers (arp_req_set_public)
    const mac = lladdr;
    dev ??= [...net.devices.values()].find(({ address: own }) => equalMac(own, 0, mac, 0));
    if (!dev) throw refused(Errno.ENODEV);
    const { proxies } = ipv4.arp;
    if (!proxies.some((proxy) => proxy.key === address && proxy.dev === dev))
      ipv4.arp.proxies = [{ key: address, dev, flags: 0 }, ...proxies];
    return;
  }
  if (!dev) {
    const flow = new FlowKey();
    flow.daddr = address;
    const found = ipRouteOutputKey(ipv4, flow);
    if (found.error !== 0) throw refused(found.error);
    ({ dev } = found);
  }
  const state = flags.includes("temp") ? NUD_STALE : NUD_PERMANENT;
  ipv4.arp.lookupOrCreate(dev, address)?.update(lladdr, 0, state, NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_ADMIN);
}

/** The rows of /proc/net/arp that were asked for. */
function tableText(proc: Process, options: ArpOptions, address: number | undefined, host: string | undefined): string {
  const listed = arpRows(netnsOf(proc).ipv4);
  const found = listed.filter(
    (row) =>
      (address === undefined || row.address === address) &&
      (options.device === undefined || row.device === options.device),
  );
  let text = options.bsd || found.length === 0 ? "" : HEADER;
  for (const row of found) text += rowText(proc, row, options);
  const [all, some] = [listed.length, found.length];
  if (options.verbose) text += `Entries: ${all}\tSkipped: ${all - some}\tFound: ${some}\n`;
  if (some > 0) return text;
  if (address !== undefined && !options.bsd) return `${text}${host} (${formatIpv4(address)}) -- no entry\n`;
  const asked = options.hardwareGiven || address !== undefined || options.device !== undefined;
  return asked ? `${text}arp: in ${all} entries no match found.\n` : text;
}

function rowText(proc: Process, row: ArpRow, options: ArpOptions): string {
  const name = options.numeric ? undefined : hostsByAddress(proc, row.address)?.[0];
  const text = formatIpv4(row.address);
  const known = (row.flags & ATF_COM) !== 0;
  const published = (row.flags & ATF_PUBL) !== 0;
  const permanent = (row.flags & ATF_PERM) !== 0;
  if (options.bsd) {
    const where = known ? `${row.mac} [ether]` : published ? "<from_interface>" : "<incomplete>";
    const words = `${permanent ? " PERM" : ""}${published ? " PUB" : ""}`;
    return `${name ?? "?"} (${text}) at ${where}${words} on ${row.device}\n`;
  }
  const address = (name ?? text).slice(0, 23).padEnd(23);
  const [type, mac] = known ? ["ether", row.mac] : published ? ["*", "<from_interface>"] : ["", "(incomplete)"];
  const flags = `${known ? "C" : ""}${permanent ? "M" : ""}${published ? "P" : ""}`;
  return `${address}  ${type.padEnd(8)}${mac.padEnd(20)}${flags.padEnd(6)}${"".padEnd(15)} ${row.device}\n`;
}
