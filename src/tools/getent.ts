// getent (glibc 2.36): entries of the name service's databases. Hosts come from the resolver, users and groups from their
// files, services from the built-in table.

import { type Ns, USEC } from "../base/time.ts";
import { netnsOf } from "../host/host.ts";
import { inDevOf } from "../net/ipv4/devconf.ts";
import type { Process, Program } from "../posix/process.ts";
import { sleep, type Task } from "../sim/task.ts";
import { formatIpv4, formatIpv6, INADDR_LOOPBACK, isLoopback4, parseIpv4, parseIpv6 } from "../wire/addr.ts";
import { getopt, type LongOption } from "./net-util/getopt.ts";
import { GaiError, getaddrinfo, gethostbyname2, getnameinfo, hostsByAddress, hostsLines } from "./net-util/resolve.ts";
import { serviceAliases, serviceName, serviceNumber } from "./net-util/services.ts";
import { readTextFile } from "./net-util/sockets.ts";

const START_NS: Ns = 500 * USEC;
const NOT_FOUND = 2;
const OPTIONS: readonly LongOption[] = [
  { name: "no-addrconfig", argument: 0, short: "A" },
  { name: "no-idn", argument: 0, short: "i" },
  { name: "service", argument: 1, short: "s" },
  { name: "help", argument: 0 },
  { name: "usage", argument: 0 },
  { name: "version", argument: 0, short: "V" },
];
/** Databases of the real one that are not here. */
const ABSENT: readonly string[] = [
  "aliases",
  "ethers",
  "gshadow",
  "initgroups",
  "netgroup",
  "networks",
  "protocols",
  "rpc",
  "shadow",
];
const HELP = `Usage: getent [OPTION...] database [key ...]
Get entries from administrative database.

  -A, --no-addrconfig        do not filter out unsupported IPv4/IPv6 addresses
                             (with ahosts*)
  -i, --no-idn               disable IDN encoding
  -s, --service=CONFIG       Service configuration to be used
  -?, --help                 Give this help list
      --usage                Give a short usage message
  -V, --version              Print program version

Mandatory or optional arguments to long options are also mandatory or optional
for any corresponding short options.

Supported databases:
ahosts ahostsv4 ahostsv6 aliases ethers group gshadow hosts initgroups
netgroup networks passwd protocols rpc services shadow

For bug reporting instructions, please see:
<http://www.debian.org/Bugs/>.
`;
const USAGE = `Usage: getent [-AiV?] [-s CONFIG] [--no-addrconfig] [--no-idn]
            [--service=CONFIG] [--help] [--usage] [--version]
            database [key ...]
`;
const VERSION = `getent (Debian GLIBC 2.36-9+deb12u14) 2.36
Copyright (C) 2022 Free Software Foundation, Inc.
This is free software; see the source for copying conditions.  There is NO
warranty; not even for MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.
Written by Thorsten Kukuk.
`;
const SEE_HELP = "Try `getent --help' or `getent --usage' for more information.\n";

export const getent: Program = function* (proc: Process): Task<number> {
  yield* sleep(START_NS);
  const parsed = getopt(proc.argv.slice(1), "Ais:V?", { long: OPTIONS });
  let addrConfig = true;
  for (const { name } of parsed.options) {
    if (name === "help" || name === "usage" || name === "?") {
      yield* proc.print(name === "usage" ? USAGE : HELP);
      return 0;
    }
    if (name === "V") {
      yield* proc.print(VERSION);
      return 0;
    }
    if (name === "A") addrConfig = false;
    if (name === "s") return yield* complain(proc, "option -s is not supported", 1);
  }
  if (parsed.error !== undefined) return yield* complain(proc, parsed.error, 64);
  const [database, ...keys] = parsed.operands;
  if (database === undefined) return yield* complain(proc, "wrong number of arguments", 1);
  const lookUp = DATABASES.get(database);
  if (!lookUp) {
    if (ABSENT.includes(database)) return yield* complain(proc, `database ${database} is not supported`, 1);
    yield* proc.printError(`Unknown database: ${database}\n${SEE_HELP}`);
    return 1;
  }
  let status = 0;
  const wanted: (string | undefined)[] = keys.length > 0 ? keys : [undefined];
  for (const key of wanted) {
    const text = yield* lookUp(proc, key, addrConfig);
    if (text === undefined) status = NOT_FOUND;
    else yield* proc.print(text);
  }
  return status;
};

function* complain(proc: Process, sentence: string, status: number): Task<number> {
  yield* proc.printError(`getent: ${sentence}\n${SEE_HELP}`);
  return status;
}

type LookUp = (proc: Process, key: string | undefined, addrConfig: boolean) => Task<string | undefined>;

const DATABASES: ReadonlyMap<string, LookUp> = new Map<string, LookUp>([
  ["hosts", hosts],
  ["ahosts", ahosts],
  ["ahostsv4", (proc, key) => addressLines(proc, key, true)],
  ["ahostsv6", ahostsv6],
  ["passwd", (proc, key) => colonFile(proc, "/etc/passwd", key)],
  ["group", (proc, key) => colonFile(proc, "/etc/group", key)],
  ["services", services],
]);

function hostLine(address: number | Uint8Array, names: readonly string[]): string {
  const text = typeof address === "number" ? formatIpv4(address) : formatIpv6(address);
  return `${text.padEnd(15)} ${names.join(" ")}\n`;
}

/** A name's IPv6 addresses or else its IPv4 ones; an address's names; everything in /etc/hosts. */
function* hosts(proc: Process, key: string | undefined): Task<string | undefined> {
  if (key === undefined) {
    const loopback = (address: number | Uint8Array): number | Uint8Array | undefined =>
      typeof address === "number" ? address : formatIpv6(address) === "::1" ? INADDR_LOOPBACK : undefined;
    return hostsLines(proc)
      .map(({ address, names }) => ({ address: loopback(address), names }))
      .map(({ address, names }) => (address === undefined ? "" : hostLine(address, names)))
      .join("");
  }
  const address = parseIpv4(key) ?? parseIpv6(key);
  if (address !== undefined) {
    const known = hostsByAddress(proc, address);
    if (known) return hostLine(address, known);
    const name = yield* getnameinfo(proc, address);
    return name === undefined ? undefined : hostLine(address, [name]);
  }
  const entry = (yield* gethostbyname2(proc, key, "ipv6")) ?? (yield* gethostbyname2(proc, key, "ipv4"));
  return entry?.addresses.map((each) => hostLine(each, entry.names)).join("");
}

/** Of a host without IPv6 addresses only IPv4 ones are asked for (AI_ADDRCONFIG), of one without either, both. */
function* ahosts(proc: Process, key: string | undefined, addrConfig: boolean): Task<string | undefined> {
  const { net } = netnsOf(proc);
  const outward = [...net.devices.values()].some((dev) => inDevOf(dev)?.addrs.some(({ local }) => !isLoopback4(local)));
  return yield* addressLines(proc, key, addrConfig && outward);
}

function* ahostsv6(proc: Process, key: string | undefined): Task<string | undefined> {
  // no device has an IPv6 address
  return key === undefined ? yield* hosts(proc, key) : undefined;
}

function* addressLines(proc: Process, key: string | undefined, ipv4Only: boolean): Task<string | undefined> {
  if (key === undefined) return yield* hosts(proc, key);
  try {
    const { addresses, canonicalName } = yield* getaddrinfo(proc, key, { ipv4Only });
    let text = "";
    for (const [i, address] of addresses.entries()) {
      const shown = formatIpv4(address).padEnd(15);
      text += `${shown} STREAM ${i === 0 ? canonicalName : ""}\n${shown} DGRAM  \n${shown} RAW    \n`;
    }
    return text;
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    return undefined;
  }
}

/** Lines of /etc/passwd or /etc/group by name or number. */
function* colonFile(proc: Process, path: string, key: string | undefined): Task<string | undefined> {
  const lines = (readTextFile(proc, path) ?? "").split("\n").filter((line) => line !== "");
  if (key === undefined) return lines.map((line) => `${line}\n`).join("");
  const found = lines.find((line) => {
    const [name, , number] = line.split(":");
    return name === key || (/^\d+$/.test(key) && number === key);
  });
  return found === undefined ? undefined : `${found}\n`;
}

function* services(_proc: Process, key: string | undefined): Task<string | undefined> {
  if (key === undefined) return undefined;
  const [what = "", wantedProtocol] = key.split("/");
  for (const protocol of ["tcp", "udp"] as const) {
    if (wantedProtocol !== undefined && wantedProtocol !== protocol) continue;
    const port = /^\d+$/.test(what) ? Number(what) : serviceNumber(what, protocol);
    const name = port === undefined ? undefined : serviceName(port, protocol);
    if (name !== undefined)
      return `${`${name.padEnd(21)} ${port}/${protocol}`}${serviceAliases(name)
        .map((alias) => ` ${alias}`)
        .join("")}\n`;
  }
  return undefined;
}
