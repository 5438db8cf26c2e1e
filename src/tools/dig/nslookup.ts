// nslookup in two forms, BIND's (Debian's bind9-dnsutils) and busybox's, and BIND's host: one question, one answer in each
// one's words. Without a name BIND's nslookup is interactive; that is not supported.

import { Errno } from "../../base/errno.ts";
import { type Ns, SEC, USEC } from "../../base/time.ts";
import { openSocket } from "../../host/host.ts";
import { AF_INET, SOCK_DGRAM } from "../../net/core/sock.ts";
import type { Process, Program } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { formatIpv4, parseInetAton } from "../../wire/addr.ts";
import * as dns from "../../wire/dns.ts";
import { getopt } from "../net-util/getopt.ts";
import { queryId, resolvConf, searchNames } from "../net-util/resolve.ts";
import { closeFile, errnoOf } from "../net-util/sockets.ts";
import { Stdout } from "../net-util/stdio.ts";
import { type Answer, askServers, BIND_START_NS, serversOf } from "./client.ts";
import { BIND_VERSION } from "./dig.ts";

const BUSYBOX_START_NS: Ns = 450 * USEC;
const BIND_ASKING = { port: dns.PORT, timeoutNs: 5 * SEC, tries: 3, source: 0 } as const;
const BUSYBOX_TIMEOUT_NS: Ns = 5 * SEC;
const BUSYBOX_TRIES = 2;
const MAX_UDP_BYTES = 65535;

const BUSYBOX_USAGE = `BusyBox v1.35.0 (Debian 1:1.35.0-4+deb12u1+b1) multi-call binary.

Usage: nslookup [-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]

Query DNS about HOST

QUERY_TYPE: soa,ns,a,aaaa,cname,mx,txt,ptr,srv,any
`;

export const nslookup: Program = function* (proc: Process): Task<number> {
  yield* sleep(BIND_START_NS);
  const out = new Stdout(proc);
  let type: number | undefined;
  const operands: string[] = [];
  for (const arg of proc.argv.slice(1)) {
    const option = /^-(?:type|query|querytype|q|ty)=(.+)$/.exec(arg);
    if (option) {
      type = dns.typeNumber(option[1]!);
      if (type === undefined) {
        yield* proc.print(`unknown query type: ${option[1]}\n`);
        return 1;
      }
    } else if (arg === "-version") {
      yield* proc.print(`nslookup ${BIND_VERSION}\n`);
      return 0;
    } else if (arg.startsWith("-") && arg.length > 1) {
      yield* proc.print(`*** Invalid option: ${arg.slice(1)}\n`);
    } else operands.push(arg);
  }
  const [name, server] = operands;
  if (name === undefined) {
    yield* proc.printError("nslookup: interactive mode is not supported\n");
    return 1;
  }
  const servers = yield* serversOf(proc, server);
  if (!servers) {
    yield* out.print(`nslookup: couldn't get address for '${server}': not found\n`);
    yield* out.flush();
    return 1;
  }
  const status = yield* lookUp(proc, out, name, type, servers);
  yield* out.flush();
  return status;
};

function* lookUp(
  proc: Process,
  out: Stdout,
  name: string,
  type: number | undefined,
  servers: readonly number[],
): Task<number> {
  const address = parseInetAton(name);
  const reverse = address !== undefined && type === undefined;
  const wanted = reverse ? dns.TYPE_PTR : (type ?? dns.TYPE_A);
  const names = reverse ? [dns.reverseName(address)] : searchNames(resolvConf(proc), name);
  const found = yield* firstExisting(proc, names, wanted, servers, (line) => out.print(line));
  if (!found) {
    yield* out.print(";; no servers could be reached\n\n");
    return 1;
  }
  const { answer, question } = found;
  const { message } = answer;
  const authoritative = (message.flags & dns.AA) !== 0;
  const rcode = dns.rcodeOf(message);
  if (!reverse || rcode !== dns.NOERROR)
    yield* out.print(
      `Server:\t\t${formatIpv4(answer.server)}\nAddress:\t${formatIpv4(answer.server)}#${answer.port}\n\n`,
    );
  if (rcode !== dns.NOERROR) {
    yield* out.print(`** server can't find ${reverse ? question : name}: ${dns.rcodeName(rcode)}\n\n`);
    return 1;
  }
  if (!authoritative && !reverse) yield* out.print("Non-authoritative answer:\n");
  if (message.answers.length === 0 && type !== undefined) yield* out.print(`*** Can't find ${name}: No answer\n`);
  for (const record of message.answers) yield* out.print(nslookupText(record));
  if (reverse || type !== undefined) {
    yield* out.print(authoritative ? "\n" : "\nAuthoritative answers can be found from:\n\n");
    return 0;
  }
  // The same question for IPv6.
  const query = dns.query(queryId(proc, `${question}/aaaa`), question, dns.TYPE_AAAA);
  const second = yield* askServers(proc, query, servers, BIND_ASKING, (line) => out.print(line));
  const more = second?.message.answers.filter((record) => record.type === dns.TYPE_AAAA) ?? [];
  for (const record of more) yield* out.print(nslookupText(record));
  if (message.answers.length === 0 && more.length === 0) yield* out.print(`*** Can't find ${name}: No answer\n`);
  yield* out.print("\n");
  return 0;
}

/** Asks for names in turn until one exists. */
function* firstExisting(
  proc: Process,
  names: readonly string[],
  type: number,
  servers: readonly number[],
  complain: (line: string) => Task<void>,
): Task<{ answer: Answer; question: string } | undefined> {
  let found: { answer: Answer; question: string } | undefined;
  for (const question of names) {
    const query = dns.query(queryId(proc, `${question}/${type}`), question, type);
    const answer = yield* askServers(proc, query, servers, BIND_ASKING, complain);
    if (!answer) return undefined;
    found = { answer, question };
    if (dns.rcodeOf(answer.message) === dns.NOERROR) break;
  }
  return found;
}

function nslookupText(record: dns.ResourceRecord): string {
  const data = dns.formatData(record);
  switch (record.type) {
    case dns.TYPE_A:
    case dns.TYPE_AAAA:
      return `Name:\t${record.name}\nAddress: ${data}\n`;
    case dns.TYPE_CNAME:
      return `${record.name}\tcanonical name = ${data}\n`;
    case dns.TYPE_PTR:
      return `${record.name}\tname = ${data}\n`;
    case dns.TYPE_MX:
      return `${record.name}\tmail exchanger = ${data}\n`;
    case dns.TYPE_NS:
      return `${record.name}\tnameserver = ${data}\n`;
    case dns.TYPE_TXT:
      return `${record.name}\ttext = ${data}\n`;
    case dns.TYPE_SRV:
      return `${record.name}\tservice = ${data}\n`;
    default:
      return `${record.name}\trdata_${record.type} = ${data}\n`;
  }
}

const HOST_USAGE = `Usage: host [-aCdilrTvVw] [-c class] [-N ndots] [-t type] [-W time]
            [-R number] [-m flag] [-p port] hostname [server]
       -a is equivalent to -v -t ANY
       -A is like -a but omits RRSIG, NSEC, NSEC3
       -c specifies query class for non-IN data
       -C compares SOA records on authoritative nameservers
       -d is equivalent to -v
       -l lists all hosts in a domain, using AXFR
       -m set memory debugging flag (trace|record|usage)
       -N changes the number of dots allowed before root lookup is done
       -p specifies the port on the server to query
       -r disables recursive processing
       -R specifies number of retries for UDP packets
       -s a SERVFAIL response should stop query
       -t specifies the query type
       -T enables TCP/IP mode
       -U enables UDP mode
       -v enables verbose output
       -V print version number and exit
       -w specifies to wait forever for a reply
       -W specifies how long to wait for a reply
       -4 use IPv4 query transport only
       -6 use IPv6 query transport only
`;

export const host: Program = function* (proc: Process): Task<number> {
  yield* sleep(BIND_START_NS);
  const parsed = getopt(proc.argv.slice(1), "4t:VW:R:");
  const [name, server] = parsed.operands;
  if (parsed.error !== undefined || name === undefined) {
    yield* proc.printError(parsed.error === undefined ? HOST_USAGE : `host: ${parsed.error}\n${HOST_USAGE}`);
    return 1;
  }
  const out = new Stdout(proc);
  const typeText = parsed.options.find((option) => option.name === "t")?.value;
  const type = typeText === undefined ? undefined : dns.typeNumber(typeText);
  if (typeText !== undefined && type === undefined) {
    yield* proc.printError(`host: invalid type: ${typeText}\n`);
    return 2;
  }
  const servers = yield* serversOf(proc, server);
  if (!servers) {
    yield* proc.print(`host: couldn't get address for '${server}': not found\n`);
    return 1;
  }
  const status = yield* hostLookUp(proc, out, name, type, server, servers);
  yield* out.flush();
  return status;
};

function* hostLookUp(
  proc: Process,
  out: Stdout,
  name: string,
  type: number | undefined,
  server: string | undefined,
  servers: readonly number[],
): Task<number> {
  const address = parseInetAton(name);
  const reverse = address !== undefined && type === undefined;
  const types = reverse ? [dns.TYPE_PTR] : type === undefined ? [dns.TYPE_A, dns.TYPE_AAAA, dns.TYPE_MX] : [type];
  const names = reverse ? [dns.reverseName(address)] : searchNames(resolvConf(proc), name);
  const first = yield* firstExisting(proc, names, types[0]!, servers, (line) => out.print(line));
  if (!first) {
    yield* out.print(";; no servers could be reached\n");
    return 1;
  }
  if (server !== undefined) {
    const text = formatIpv4(first.answer.server);
    yield* out.print(`Using domain server:\nName: ${server}\nAddress: ${text}#${dns.PORT}\nAliases: \n\n`);
  }
  const rcode = dns.rcodeOf(first.answer.message);
  if (rcode !== dns.NOERROR) {
    const shown = reverse ? `${first.question}.` : name;
    yield* out.print(`Host ${shown} not found: ${rcode}(${dns.rcodeName(rcode)})\n`);
    return 1;
  }
  let lines = hostLines(first.answer.message);
  for (const next of types.slice(1)) {
    const query = dns.query(queryId(proc, `${first.question}/${next}`), first.question, next);
    const answer = yield* askServers(proc, query, servers, BIND_ASKING, (line) => out.print(line));
    if (answer) lines = lines.concat(hostLines(answer.message).filter((line) => !lines.includes(line)));
  }
  if (lines.length === 0) {
    const what = type === undefined ? "" : `${dns.typeName(type)} `;
    lines = [`${first.question} has no ${what}record\n`];
  }
  yield* out.print(lines.join(""));
  return 0;
}

function hostLines(message: dns.Message): string[] {
  return message.answers.map((record) => {
    const data = dns.formatData(record);
    switch (record.type) {
      case dns.TYPE_A:
        return `${record.name} has address ${data}\n`;
      case dns.TYPE_AAAA:
        return `${record.name} has IPv6 address ${data}\n`;
      case dns.TYPE_CNAME:
        return `${record.name} is an alias for ${data}\n`;
      case dns.TYPE_PTR:
        return `${record.name} domain name pointer ${data}\n`;
      case dns.TYPE_MX:
        return `${record.name} mail is handled by ${data}\n`;
      case dns.TYPE_NS:
        return `${record.name} name server ${data}\n`;
      case dns.TYPE_TXT:
        return `${record.name} descriptive text ${data}\n`;
      default:
        return `${record.name} has ${dns.typeName(record.type)} record ${data}\n`;
    }
  });
}

export const busyboxNslookup: Program = function* (proc: Process): Task<number> {
  yield* sleep(BUSYBOX_START_NS);
  const operands: string[] = [];
  let types: number[] | undefined;
  for (const arg of proc.argv.slice(1)) {
    const option = /^-(?:type|querytype|query|q)=(.+)$/.exec(arg);
    const type = option ? dns.typeNumber(option[1]!) : undefined;
    if (option && type === undefined) {
      yield* proc.printError(`nslookup: invalid query type "${option[1]}"\n`);
      return 1;
    }
    if (type !== undefined) types = [...(types ?? []), type];
    else if (arg.startsWith("-")) {
      yield* proc.printError(`nslookup: invalid option -- '${arg.slice(1, 2)}'\n${BUSYBOX_USAGE}`);
      return 1;
    } else operands.push(arg);
  }
  const [name, server] = operands;
  if (name === undefined) {
    yield* proc.printError(BUSYBOX_USAGE);
    return 1;
  }
  const servers = yield* serversOf(proc, server);
  if (!servers) {
    yield* proc.printError(`nslookup: bad address '${server}'\n`);
    return 1;
  }
  const address = parseInetAton(name);
  const reverse = address !== undefined && types === undefined;
  const { search } = resolvConf(proc);
  // A single word is asked for with every search domain and not by itself.
  const names = reverse
    ? [dns.reverseName(address)]
    : name.includes(".") || search.length === 0
      ? [name.replace(/\.$/, "")]
      : search.map((domain) => `${name}.${domain}`);
  const wanted = types ?? (reverse ? [dns.TYPE_PTR] : [dns.TYPE_A, dns.TYPE_AAAA]);
  const queries = wanted.flatMap((type) =>
    names.map((question) => dns.query(queryId(proc, `${question}/${type}`), question, type)),
  );
  const out = new Stdout(proc);
  for (const server of servers) {
    const answers = yield* askTogether(proc, queries, server);
    if (answers.length === 0) continue;
    const text = formatIpv4(server);
    yield* out.print(`Server:\t\t${text}\nAddress:\t${text}:${dns.PORT}\n\n`);
    let status = 0;
    for (const message of answers) {
      const rcode = dns.rcodeOf(message);
      if (rcode !== dns.NOERROR) {
        yield* out.print(`** server can't find ${message.questions[0]?.name}: ${dns.rcodeName(rcode)}\n\n`);
        status = 1;
        continue;
      }
      if ((message.flags & dns.AA) === 0) yield* out.print("Non-authoritative answer:\n");
      for (const record of message.answers) yield* out.print(nslookupText(record).replace(/\.\n$/, "\n"));
      yield* out.print("\n");
    }
    yield* out.flush();
    return status;
  }
  yield* out.print(";; connection timed out; no servers could be reached\n\n");
  yield* out.flush();
  return 1;
};

/** busybox asks everything at once from one socket, again after half its time, and takes answers as they come. */
function* askTogether(proc: Process, queries: readonly dns.Message[], server: number): Task<dns.Message[]> {
  const answers: dns.Message[] = [];
  const open = new Map(queries.map((query) => [query.id, query]));
  const socket = openSocket(proc, AF_INET, SOCK_DGRAM);
  const endNs = proc.sim.now + BUSYBOX_TIMEOUT_NS;
  try {
    yield* socket.connect({ addr: server, port: dns.PORT });
    for (let again = proc.sim.now; open.size > 0 && proc.sim.now < endNs; ) {
      if (proc.sim.now >= again) {
        for (const query of open.values()) yield* socket.send(dns.emit(query));
        again += BUSYBOX_TIMEOUT_NS / BUSYBOX_TRIES;
      }
      try {
        const { bytes } = yield* socket.recv(MAX_UDP_BYTES, { timeoutNs: Math.min(again, endNs) - proc.sim.now });
        const message = dns.parse(bytes);
        if (message && open.delete(message.id)) answers.push(message);
      } catch (error) {
        if (errnoOf(error) !== Errno.EAGAIN) break;
      }
    }
  } catch (error) {
    errnoOf(error);
  } finally {
    closeFile(proc, socket);
  }
  return answers;
}
