// ss's command line: which tables (-t, -u, -A …), which states (-a, -l, `state` …) and which details were asked for, with the
// defaults of iproute2's misc/ss.c. Tables that cannot hold anything here (Unix, SCTP, DCCP, MPTCP, VSOCK, TIPC, XDP) are looked
// into and found empty; what watches sockets is refused by name.

import { TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN } from "../../net/ipv4/tcp-sock.ts";
import { getopt, type LongOption } from "../net-util/getopt.ts";
import type { SocketKind } from "../net-util/sock-table.ts";
import { ALL_STATES, CONNECTED_STATES, type Expression, parseExpression, SsError, statesOf } from "./filter.ts";

/** A table that ss knows, in the order in which it asks for them. */
export const TABLES = [
  "netlink",
  "packet_raw",
  "packet_dgram",
  "unix_stream",
  "unix_dgram",
  "unix_seqpacket",
  "raw",
  "udp",
  "tcp",
  "mptcp",
  "dccp",
  "sctp",
  "vsock_stream",
  "vsock_dgram",
  "tipc",
  "xdp",
] as const;
export type Table = (typeof TABLES)[number];

const INET: readonly Table[] = ["raw", "udp", "tcp", "dccp", "sctp", "mptcp"];
const UNIX: readonly Table[] = ["unix_stream", "unix_dgram", "unix_seqpacket"];
const PACKET: readonly Table[] = ["packet_raw", "packet_dgram"];
const VSOCK: readonly Table[] = ["vsock_stream", "vsock_dgram"];

/** Tables of which ss shows connections in every state, and those of which it shows what is not connected (default_dbs). */
const CONNECTION_TABLES: ReadonlySet<Table> = new Set<Table>(["tcp", "mptcp", "dccp", "sctp", "vsock_stream"]);
const UNCONNECTED_TABLES: ReadonlySet<Table> = new Set<Table>(["unix_dgram", ...PACKET, "netlink", "xdp"]);

/** -A's words for more than one table. */
const QUERIES: ReadonlyMap<string, readonly Table[]> = new Map<string, readonly Table[]>([
  ["all", TABLES],
  ["inet", INET],
  ["unix", UNIX],
  ["packet", PACKET],
  ["vsock", VSOCK],
  ["v_str", ["vsock_stream"]],
  ["v_dgr", ["vsock_dgram"]],
  ["u_str", ["unix_stream"]],
  ["u_dgr", ["unix_dgram"]],
  ["u_seq", ["unix_seqpacket"]],
  ["p_raw", ["packet_raw"]],
  ["p_dgr", ["packet_dgram"]],
]);

const FAMILIES: ReadonlyMap<string, readonly Table[]> = new Map<string, readonly Table[]>([
  ["inet", INET],
  ["inet6", INET],
  ["link", PACKET],
  ["unix", UNIX],
  ["netlink", ["netlink"]],
  ["vsock", VSOCK],
  ["tipc", ["tipc"]],
  ["xdp", ["xdp"]],
]);

const LETTER_TABLES: ReadonlyMap<string, readonly Table[]> = new Map<string, readonly Table[]>([
  ["t", ["tcp"]],
  ["u", ["udp"]],
  ["w", ["raw"]],
  ["0", PACKET],
  ["x", UNIX],
  ["d", ["dccp"]],
  ["S", ["sctp"]],
  ["M", ["mptcp"]],
  ["vsock", VSOCK],
  ["tipc", ["tipc"]],
  ["xdp", ["xdp"]],
]);

const LONG: readonly LongOption[] = [
  { name: "numeric", argument: 0, short: "n" },
  { name: "resolve", argument: 0, short: "r" },
  { name: "options", argument: 0, short: "o" },
  { name: "extended", argument: 0, short: "e" },
  { name: "memory", argument: 0, short: "m" },
  { name: "info", argument: 0, short: "i" },
  { name: "processes", argument: 0, short: "p" },
  { name: "threads", argument: 0, short: "T" },
  { name: "bpf", argument: 0, short: "b" },
  { name: "events", argument: 0, short: "E" },
  { name: "dccp", argument: 0, short: "d" },
  { name: "tcp", argument: 0, short: "t" },
  { name: "sctp", argument: 0, short: "S" },
  { name: "udp", argument: 0, short: "u" },
  { name: "raw", argument: 0, short: "w" },
  { name: "unix", argument: 0, short: "x" },
  { name: "tipc", argument: 0 },
  { name: "vsock", argument: 0 },
  { name: "all", argument: 0, short: "a" },
  { name: "listening", argument: 0, short: "l" },
  { name: "ipv4", argument: 0, short: "4" },
  { name: "ipv6", argument: 0, short: "6" },
  { name: "packet", argument: 0, short: "0" },
  { name: "family", argument: 1, short: "f" },
  { name: "socket", argument: 1, short: "A" },
  { name: "query", argument: 1, short: "A" },
  { name: "summary", argument: 0, short: "s" },
  { name: "diag", argument: 1, short: "D" },
  { name: "filter", argument: 1, short: "F" },
  { name: "version", argument: 0, short: "V" },
  { name: "help", argument: 0, short: "h" },
  { name: "context", argument: 0, short: "Z" },
  { name: "contexts", argument: 0, short: "z" },
  { name: "net", argument: 1, short: "N" },
  { name: "tipcinfo", argument: 0 },
  { name: "tos", argument: 0 },
  { name: "cgroup", argument: 0 },
  { name: "kill", argument: 0, short: "K" },
  { name: "no-header", argument: 0, short: "H" },
  { name: "xdp", argument: 0 },
  { name: "mptcp", argument: 0, short: "M" },
  { name: "oneline", argument: 0, short: "O" },
  { name: "inet-sockopt", argument: 0 },
];

const LATER_LONG: readonly LongOption[] = [
  { name: "bound-inactive", argument: 0, short: "B" },
  { name: "no-queues", argument: 0, short: "Q" },
  { name: "bpf-maps", argument: 0 },
  { name: "bpf-map-id", argument: 1 },
];

/** Not emulated. */
const REFUSED: readonly string[] = ["T", "b", "E", "D", "tipcinfo", "B", "bpf-maps", "bpf-map-id"];

export interface Settings {
  readonly tables: ReadonlySet<Table>;
  readonly statesOfTable: (table: Table) => ReadonlySet<number>;
  /** all tables show one state only: it needs no column */
  readonly oneState: boolean;
  readonly expression: Expression;
  /** there is one */
  readonly filtered: boolean;
  /** one-letter options that were given */
  readonly letters: ReadonlySet<string>;
  /** -N */
  readonly netns: string | undefined;
  /** only IPv6 sockets: there are none */
  /** only sockets of this family; undefined: of both */
  readonly family: "inet" | "inet6" | undefined;
  /** tables were named, or states */
  readonly explicit: boolean;
}

/**
 * Throws SsError.
 * @param readFile text of a file, undefined when there is none: -F's
 * @param later as 7.2 reads it: further options, stricter expressions
 */
export function parseSettings(
  args: readonly string[],
  readFile: (path: string) => string | undefined,
  later: boolean,
): Settings {
  const parsed = getopt(args, `dhaletuwxnro460spTbEf:mMiA:D:F:vVzZN:KHSO${later ? "BQ" : ""}`, {
    long: later ? [...LONG, ...LATER_LONG] : LONG,
  });
  const letters = new Set<string>();
  const named = new Set<Table>();
  let netns: string | undefined;
  let family: string | undefined;
  let filterFile: string | undefined;
  for (const { name, value } of parsed.options) {
    if (REFUSED.includes(name))
      throw new SsError(`ss: option ${name.length > 1 ? "--" : "-"}${name} is not supported`, 1);
    if (name === "z" || name === "Z") throw new SsError("ss: SELinux is not enabled.", 1);
    if (name === "N") netns = value;
    else if (name === "f") family = value;
    else if (name === "F") {
      if (filterFile !== undefined) throw new SsError("More than one filter file", 255);
      filterFile = value!;
    } else if (name === "A") for (const table of queryTables(value ?? "")) named.add(table);
    for (const table of LETTER_TABLES.get(name) ?? []) named.add(table);
    letters.add(name === "v" ? "V" : name);
  }
  if (parsed.error !== undefined) throw new SsError(`ss: ${parsed.error}`, 255, true);
  if (letters.has("4")) family = "inet";
  if (letters.has("6")) family = "inet6";
  const familyTables = family === undefined ? undefined : FAMILIES.get(family);
  if (family === "help") letters.add("h");
  else if (family !== undefined && !familyTables) throw usageError(`ss: "${family}" is invalid family`);
  const words = [...parsed.operands];
  if (filterFile !== undefined) {
    const text = readFile(filterFile);
    if (text === undefined) throw new SsError("fopen filter file: No such file or directory", 255);
    words.push(...text.split(/\s+/).filter((word) => word !== ""));
  }
  const states = takeStates(words);
  const tables = new Set<Table>(named.size > 0 ? named : (familyTables ?? TABLES));
  const statesOfTable = (table: Table): ReadonlySet<number> => {
    if (states) return states;
    if (letters.has("a")) return ALL_STATES;
    if (letters.has("l")) return new Set([TCP_LISTEN, TCP_CLOSE]);
    // -A asks for connections of every table that it names
    if (letters.has("A") || CONNECTION_TABLES.has(table)) return CONNECTED_STATES;
    return new Set([UNCONNECTED_TABLES.has(table) ? TCP_CLOSE : TCP_ESTABLISHED]);
  };
  const used = new Set([...tables].flatMap((table) => [...statesOfTable(table)]));
  return {
    tables,
    statesOfTable,
    oneState: used.size === 1,
    expression: parseExpression(words, later),
    filtered: words.length > 0,
    letters,
    netns,
    family: family === "inet" || family === "inet6" ? family : undefined,
    explicit: named.size > 0 || family !== undefined || states !== undefined || letters.has("a") || letters.has("l"),
  };
}

function usageError(sentence: string): SsError {
  return new SsError(sentence, 255, true);
}

function queryTables(list: string): Table[] {
  return list.split(",").flatMap((word) => {
    const table = TABLES.find((candidate) => candidate === word);
    const several = table ? [table] : QUERIES.get(word);
    if (!several) throw usageError(`ss: "${word}" is illegal socket table id`);
    return [...several];
  });
}

/** Takes `state NAME` and `exclude NAME` from the front; undefined when there were none. */
function takeStates(words: string[]): Set<number> | undefined {
  let states: Set<number> | undefined;
  while (words[0] === "state" || words[0] === "exclude" || words[0] === "excl") {
    const verb = words.shift();
    const word = words.shift();
    if (word === undefined) throw new SsError('Command line is not complete. Try option "help"', 255);
    const set = statesOf(word);
    if (verb === "state") states = new Set([...(states ?? []), ...set]);
    else states = new Set([...(states ?? ALL_STATES)].filter((state) => !set.has(state)));
  }
  return states;
}

/** The kind of emulated socket that a table holds. */
export function kindOfTable(table: Table): SocketKind | undefined {
  switch (table) {
    case "tcp":
    case "udp":
    case "raw":
      return table;
    case "packet_raw":
    case "packet_dgram":
      return "packet";
    default:
      return undefined;
  }
}
