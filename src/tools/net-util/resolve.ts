// Names to addresses and back as the GNU C library does it: /etc/nsswitch.conf says where to look, /etc/hosts first, then
// the DNS servers of /etc/resolv.conf over UDP, A and AAAA asked together (man 3 getaddrinfo, man 5 resolv.conf; RFC 1035).
// Answers to getaddrinfo, getnameinfo and res_search. IPv6 answers are asked for, as there, and left out: sockets are IPv4.

import { Errno, NetError } from "../../base/errno.ts";
import { type Ns, SEC } from "../../base/time.ts";
import { openSocket } from "../../host/host.ts";
import { AF_INET, SOCK_DGRAM } from "../../net/core/sock.ts";
import type { Socket } from "../../net/socket.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { formatIpv4, formatIpv6, INADDR_LOOPBACK, parseInetAton, parseIpv4, parseIpv6 } from "../../wire/addr.ts";
import * as dns from "../../wire/dns.ts";
import { get32 } from "../../wire/layout.ts";
import { inOrder } from "./address-order.ts";
import { closeFile, errnoOf, readTextFile } from "./sockets.ts";

/** Errors of getaddrinfo(3). */
export const Eai = {
  NONAME: "Name or service not known",
  NODATA: "No address associated with hostname",
  AGAIN: "Temporary failure in name resolution",
  FAIL: "Non-recoverable failure in name resolution",
  ADDRFAMILY: "Address family for hostname not supported",
  SERVICE: "Servname not supported for ai_socktype",
} as const;
export type Eai = (typeof Eai)[keyof typeof Eai];

/** What getaddrinfo refuses; the message is gai_strerror's. */
export class GaiError extends Error {
  override readonly name: string = "GaiError";
  readonly code: Eai;

  constructor(code: Eai) {
    super(code);
    this.code = code;
  }
}

export interface AddrInfo {
  /** IPv4, in the order to try them; never empty */
  readonly addresses: readonly number[];
  /** AI_CANONNAME */
  readonly canonicalName: string;
}

export interface ResolveOptions {
  /** AF_INET only: no AAAA query */
  readonly ipv4Only?: boolean;
}

/** Settings of /etc/resolv.conf. */
export interface ResolvConf {
  readonly nameservers: readonly number[];
  readonly search: readonly string[];
  readonly ndots: number;
  readonly timeoutNs: Ns;
  readonly attempts: number;
}

const MAX_NAMESERVERS = 3;
const MAX_SEARCH = 6;
const RES_TIMEOUT_S = 5;
const RES_ATTEMPTS = 2;

/** getaddrinfo(3) for a name or a numeric address. Throws GaiError. */
export function* getaddrinfo(proc: Process, name: string, options: ResolveOptions = {}): Task<AddrInfo> {
  const numeric = parseInetAton(name);
  if (numeric !== undefined) return { addresses: [numeric], canonicalName: name };
  if (parseIpv6(name) !== undefined) throw new GaiError(Eai.ADDRFAMILY);
  if (name === "") throw new GaiError(Eai.NONAME);
  let failure: Eai = Eai.NONAME;
  for (const source of hostSources(proc)) {
    if (source === "files") {
      const found = hostsByName(proc, name);
      if (found) return { ...found, addresses: yield* inOrder(proc, found.addresses) };
    } else {
      const found = yield* searchDns(proc, name, options.ipv4Only ?? false);
      if (typeof found !== "string") return { ...found, addresses: yield* inOrder(proc, found.addresses) };
      failure = found;
    }
  }
  throw new GaiError(failure);
}

/** getnameinfo(3): a host's name by its address, or undefined. */
export function* getnameinfo(proc: Process, address: number | Uint8Array): Task<string | undefined> {
  for (const source of hostSources(proc)) {
    if (source === "files") {
      const name = hostsByAddress(proc, address)?.[0];
      if (name !== undefined) return name;
      continue;
    }
    const name = typeof address === "number" ? dns.reverseName(address) : dns.reverseName6(address);
    const asked = yield* resSend(proc, resolvConf(proc), [dns.query(queryId(proc, name), name, dns.TYPE_PTR)]);
    if (typeof asked === "string") continue;
    const record = asked[0]?.answers.find((answer) => answer.type === dns.TYPE_PTR);
    if (record) return dns.nameInData(record.data);
  }
  return undefined;
}

/** A host as gethostbyname(3) describes it; every name but the first is an alias. */
export interface HostEntry {
  /** IPv4 addresses, or IPv6 ones of 16 bytes */
  readonly addresses: readonly (number | Uint8Array)[];
  readonly names: readonly string[];
}

/** The lines of a host in /etc/hosts, by name: its addresses and first name. */
export function hostsByName(proc: Process, name: string): AddrInfo | undefined {
  const entry = hostEntryByName(proc, name, "ipv4");
  if (!entry) return undefined;
  return { addresses: entry.addresses as readonly number[], canonicalName: entry.names[0]! };
}

/** gethostbyname2(3) in /etc/hosts: lines that name the host are taken together. */
export function hostEntryByName(proc: Process, name: string, family: "ipv4" | "ipv6"): HostEntry | undefined {
  const addresses: (number | Uint8Array)[] = [];
  const names: string[] = [];
  for (const line of hostsLines(proc)) {
    const address = family === "ipv4" ? ipv4Of(line.address) : line.address;
    if (address === undefined || (family === "ipv6" && typeof address === "number")) continue;
    if (!line.names.some((candidate) => candidate.toLowerCase() === name.toLowerCase())) continue;
    // the first line's first name stays the name; aliases add up
    names.push(...(names.length === 0 ? line.names : line.names.slice(1)));
    addresses.push(address);
  }
  return addresses.length > 0 ? { addresses, names } : undefined;
}

/** Names of an address in /etc/hosts. */
export function hostsByAddress(proc: Process, address: number | Uint8Array): readonly string[] | undefined {
  const same = (other: number | Uint8Array): boolean =>
    typeof address === "number" ? ipv4Of(other) === address : typeof other !== "number" && sameBytes(other, address);
  return hostsLines(proc).find((line) => same(line.address))?.names;
}

/** nss_files takes ::1 for 127.0.0.1 when IPv4 addresses are wanted. */
function ipv4Of(address: number | Uint8Array): number | undefined {
  if (typeof address === "number") return address;
  return formatIpv6(address) === "::1" ? INADDR_LOOPBACK : undefined;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** /etc/hosts, line by line. */
export function hostsLines(proc: Process): { address: number | Uint8Array; names: string[] }[] {
  const lines: { address: number | Uint8Array; names: string[] }[] = [];
  for (const line of (readTextFile(proc, "/etc/hosts") ?? "").split("\n")) {
    const [first = "", ...names] = line
      .replace(/#.*/, "")
      .split(/\s+/)
      .filter((field) => field !== "");
    const address = parseIpv4(first) ?? parseIpv6(first);
    if (address !== undefined && names.length > 0) lines.push({ address, names });
  }
  return lines;
}

/** gethostbyname2(3): one family's addresses from files or DNS; undefined when there are none. */
export function* gethostbyname2(proc: Process, name: string, family: "ipv4" | "ipv6"): Task<HostEntry | undefined> {
  const number = parseInetAton(name);
  if (number !== undefined) return family === "ipv4" ? { addresses: [number], names: [name] } : undefined;
  const conf = resolvConf(proc);
  const type = family === "ipv4" ? dns.TYPE_A : dns.TYPE_AAAA;
  for (const source of hostSources(proc)) {
    if (source === "files") {
      const found = hostEntryByName(proc, name, family);
      if (found) return found;
      continue;
    }
    for (const candidate of searchNames(conf, name)) {
      const answers = yield* resSend(proc, conf, [dns.query(queryId(proc, candidate), candidate, type)]);
      if (typeof answers === "string") break;
      const { canonicalName, records } = follow(answers[0]!, candidate, type);
      if (records.length === 0) continue;
      const addresses = records.map(({ data }) => (family === "ipv4" ? get32(data, 0) : data));
      return { addresses, names: [canonicalName] };
    }
  }
  return undefined;
}

function hostSources(proc: Process): string[] {
  const line = /^\s*hosts:(.*)$/m.exec(readTextFile(proc, "/etc/nsswitch.conf") ?? "");
  if (!line) return ["files", "dns"];
  return line[1]!.split(/\s+/).filter((source) => source === "files" || source === "dns");
}

/** /etc/resolv.conf with the library's defaults. */
export function resolvConf(proc: Process): ResolvConf {
  const nameservers: number[] = [];
  const domain = proc.ns.uts.hostname.split(".").slice(1).join(".");
  let search = domain === "" ? [] : [domain];
  let ndots = 1;
  let timeout = RES_TIMEOUT_S;
  let attempts = RES_ATTEMPTS;
  for (const line of (readTextFile(proc, "/etc/resolv.conf") ?? "").split("\n")) {
    if (/^[;#]/.test(line)) continue;
    const [keyword, ...values] = line.split(/\s+/);
    if (keyword === "nameserver") {
      const address = parseInetAton(values[0] ?? "");
      if (address !== undefined && nameservers.length < MAX_NAMESERVERS) nameservers.push(address);
    } else if (keyword === "search") search = values.filter((value) => value !== "").slice(0, MAX_SEARCH);
    else if (keyword === "domain" && values[0]) search = [values[0]];
    else if (keyword === "options")
      for (const option of values) {
        const [key, value] = option.split(":");
        const number = Number.parseInt(value ?? "", 10);
        if (Number.isNaN(number)) continue;
        if (key === "ndots") ndots = Math.min(number, 15);
        else if (key === "timeout") timeout = Math.min(number, 30);
        else if (key === "attempts") attempts = Math.min(number, 5);
      }
  }
  if (nameservers.length === 0) nameservers.push(0x7f000001);
  return { nameservers, search, ndots, timeoutNs: timeout * SEC, attempts };
}

/** The names that res_search tries, in order. */
export function searchNames(conf: ResolvConf, name: string): string[] {
  if (name.endsWith(".")) return [name.slice(0, -1)];
  const dots = name.split(".").length - 1;
  const searched = conf.search.map((domain) => (domain === "." ? name : `${name}.${domain.replace(/\.$/, "")}`));
  return dots >= conf.ndots ? [name, ...searched] : [...searched, name];
}

function* searchDns(proc: Process, name: string, ipv4Only: boolean): Task<AddrInfo | Eai> {
  const conf = resolvConf(proc);
  let failure: Eai = Eai.NONAME;
  for (const candidate of searchNames(conf, name)) {
    const types = ipv4Only ? [dns.TYPE_A] : [dns.TYPE_A, dns.TYPE_AAAA];
    const queries = types.map((type) => dns.query(queryId(proc, `${candidate}/${type}`), candidate, type));
    const answers = yield* resSend(proc, conf, queries);
    if (typeof answers === "string") return answers;
    const found = addressesOf(answers[0]!, candidate);
    if (found) return found;
    if (answers.some((answer) => dns.rcodeOf(answer) === dns.NOERROR)) failure = Eai.NODATA;
  }
  return failure;
}

/** Addresses of an answer, with its aliases followed. */
export function addressesOf(answer: dns.Message, name: string): AddrInfo | undefined {
  const { canonicalName, records } = follow(answer, name, dns.TYPE_A);
  return records.length > 0 ? { addresses: records.map(({ data }) => get32(data, 0)), canonicalName } : undefined;
}

function follow(
  answer: dns.Message,
  name: string,
  type: number,
): { canonicalName: string; records: dns.ResourceRecord[] } {
  let canonicalName = name;
  for (const record of answer.answers)
    if (record.type === dns.TYPE_CNAME && record.name.toLowerCase() === canonicalName.toLowerCase())
      canonicalName = dns.nameInData(record.data);
  const length = type === dns.TYPE_A ? 4 : 16;
  const records = answer.answers.filter((record) => record.type === type && record.data.length === length);
  return { canonicalName, records };
}

/**
 * Asks the servers in turn until one answers every query (res_nsend): a refusal or SERVFAIL goes to the next server at
 * once and closes the socket, silence after the time limit keeps it for the next attempt. The answers are in the
 * queries' order.
 */
export function* resSend(
  proc: Process,
  conf: ResolvConf,
  queries: readonly dns.Message[],
): Task<readonly dns.Message[] | Eai> {
  let failure: Eai = Eai.AGAIN;
  const sockets = new Map<number, Socket>();
  try {
    for (let attempt = 0; attempt < conf.attempts; attempt++) {
      for (const [index, server] of conf.nameservers.entries()) {
        const share = index === 0 ? 1 : 2 ** index / conf.nameservers.length;
        const answers = yield* askServer(proc, sockets, server, queries, Math.max(SEC, conf.timeoutNs * share));
        if (typeof answers === "string") failure = answers;
        else return answers;
      }
    }
    return failure;
  } finally {
    closeAll(proc, sockets);
  }
}

function closeAll(proc: Process, sockets: Map<number, Socket>): void {
  for (const socket of sockets.values()) closeFile(proc, socket);
  sockets.clear();
}

function* askServer(
  proc: Process,
  sockets: Map<number, Socket>,
  server: number,
  queries: readonly dns.Message[],
  timeoutNs: Ns,
): Task<readonly dns.Message[] | Eai> {
  try {
    let socket = sockets.get(server);
    if (!socket) {
      socket = openSocket(proc, AF_INET, SOCK_DGRAM);
      sockets.set(server, socket);
      yield* socket.connect({ addr: server, port: dns.PORT });
    }
    for (const message of queries) yield* socket.send(dns.emit(message));
    const answers = new Map<number, dns.Message>();
    const deadline = proc.sim.now + timeoutNs;
    while (answers.size < queries.length) {
      const { bytes } = yield* socket.recv(65536, { timeoutNs: deadline - proc.sim.now });
      const answer = dns.parse(bytes);
      if (!answer || (answer.flags & dns.QR) === 0 || !queries.some((asked) => asked.id === answer.id)) continue;
      const rcode = dns.rcodeOf(answer);
      const refused = rcode === dns.REFUSED || rcode === dns.NOTIMP || rcode === dns.FORMERR;
      if (rcode === dns.SERVFAIL || refused) {
        closeAll(proc, sockets);
        return refused ? Eai.FAIL : Eai.AGAIN;
      }
      answers.set(answer.id, answer);
    }
    return queries.map((asked) => answers.get(asked.id)!);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === Errno.EBADF) throw new NetError(errno);
    if (errno !== Errno.EAGAIN) closeAll(proc, sockets);
    return Eai.AGAIN;
  }
}

/** A query's random number; a name asked twice at one moment gets the same. */
export function queryId(proc: Process, what: string): number {
  return proc.machine.rng.fork(`dns/${proc.pid}/${proc.sim.now}/${what}`).below(65536);
}

/** "name (a.b.c.d)", or the bare address when it has no name or `numeric` is set, as ping and traceroute print hosts. */
export function* hostText(proc: Process, address: number, numeric: boolean): Task<string> {
  const name = numeric ? undefined : yield* getnameinfo(proc, address);
  return name === undefined ? formatIpv4(address) : `${name} (${formatIpv4(address)})`;
}
