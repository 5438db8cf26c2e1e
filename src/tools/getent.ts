// getent (glibc 2.36): entries of the name service's databases. Hosts come from the resolver, users and groups from their
// files, services from the built-in table.

import { type Ns, USEC } from "../base/time.ts";
import type { Process, Program } from "../posix/process.ts";
import { sleep, type Task } from "../sim/task.ts";
import { formatIpv4, parseIpv4 } from "../wire/addr.ts";
import { GaiError, getaddrinfo, getnameinfo, hostsByAddress, hostsByName } from "./net-util/resolve.ts";
import { serviceName, serviceNumber } from "./net-util/services.ts";
import { readTextFile } from "./net-util/sockets.ts";

const START_NS: Ns = 500 * USEC;
const NOT_FOUND = 2;
const SEE_HELP = "Try `getent --help' or `getent --usage' for more information.\n";

export const getent: Program = function* (proc: Process): Task<number> {
  yield* sleep(START_NS);
  const [database, ...keys] = proc.argv.slice(1);
  if (database === undefined) {
    yield* proc.printError(`getent: wrong number of arguments\n${SEE_HELP}`);
    return 1;
  }
  if (database.startsWith("-")) {
    yield* proc.printError(`getent: unrecognized option '${database}'\n${SEE_HELP}`);
    return 64;
  }
  const lookUp = DATABASES.get(database);
  if (!lookUp) {
    yield* proc.printError(`Unknown database: ${database}\n${SEE_HELP}`);
    return 1;
  }
  let status = 0;
  const wanted: (string | undefined)[] = keys.length > 0 ? keys : [undefined];
  for (const key of wanted) {
    const text = yield* lookUp(proc, key);
    if (text === undefined) status = NOT_FOUND;
    else yield* proc.print(text);
  }
  return status;
};

type LookUp = (proc: Process, key: string | undefined) => Task<string | undefined>;

const DATABASES: ReadonlyMap<string, LookUp> = new Map<string, LookUp>([
  ["hosts", hosts],
  ["ahosts", (proc, key) => ahosts(proc, key, false)],
  ["ahostsv4", (proc, key) => ahosts(proc, key, true)],
  ["passwd", (proc, key) => colonFile(proc, "/etc/passwd", key)],
  ["group", (proc, key) => colonFile(proc, "/etc/group", key)],
  ["services", services],
]);

function hostLine(address: number, names: readonly string[]): string {
  return `${formatIpv4(address).padEnd(15)} ${names.join(" ")}\n`;
}

function* hosts(proc: Process, key: string | undefined): Task<string | undefined> {
  if (key === undefined) {
    const lines: string[] = [];
    for (const line of (readTextFile(proc, "/etc/hosts") ?? "").split("\n")) {
      const [first, ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
      const address = parseIpv4(first ?? "");
      if (address !== undefined && names.length > 0) lines.push(hostLine(address, names));
    }
    return lines.join("");
  }
  const address = parseIpv4(key);
  if (address !== undefined) {
    const known = hostsByAddress(proc, address);
    if (known) return hostLine(address, known);
    const name = yield* getnameinfo(proc, address);
    return name === undefined ? undefined : hostLine(address, [name]);
  }
  const inFile = hostsByName(proc, key);
  if (inFile) {
    return inFile.addresses
      .map((found) => hostLine(found, hostsByAddress(proc, found) ?? [inFile.canonicalName]))
      .join("");
  }
  try {
    const { addresses, canonicalName } = yield* getaddrinfo(proc, key);
    return addresses.map((found) => hostLine(found, [canonicalName])).join("");
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    return undefined;
  }
}

function* ahosts(proc: Process, key: string | undefined, ipv4Only: boolean): Task<string | undefined> {
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
    if (name !== undefined) return `${name.padEnd(21)} ${port}/${protocol}\n`;
  }
  return undefined;
}
