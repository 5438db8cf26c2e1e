// Commands and options of conntrack(8): letters, long names, which option suits which command. Answers to the tables of
// src/conntrack.c and extensions/libct_proto_*.c of conntrack-tools 1.4.7.

import type { LongOption } from "../iptables/getopt.ts";

export const PROGRAM = "conntrack v1.4.7 (conntrack-tools)";

/** What is to be done; those of expectations begin with "expect". */
export type CommandName =
  | "list"
  | "create"
  | "update"
  | "delete"
  | "get"
  | "flush"
  | "event"
  | "version"
  | "help"
  | "expect-list"
  | "expect-create"
  | "expect-delete"
  | "expect-get"
  | "expect-flush"
  | "expect-event"
  | "count"
  | "expect-count"
  | "stats"
  | "expect-stats"
  | "add";

/** By letter, for connections and for expectations. */
export const COMMANDS: ReadonlyMap<string, readonly [CommandName, CommandName | undefined]> = new Map([
  ["L", ["list", "expect-list"]],
  ["I", ["create", "expect-create"]],
  ["D", ["delete", "expect-delete"]],
  ["G", ["get", "expect-get"]],
  ["F", ["flush", "expect-flush"]],
  ["E", ["event", "expect-event"]],
  ["V", ["version", "version"]],
  ["h", ["help", "help"]],
  ["C", ["count", "expect-count"]],
  ["S", ["stats", "expect-stats"]],
  ["U", ["update", undefined]],
  ["A", ["add", undefined]],
]);

/** Option letters in the order of their bits, with the names that errors use. */
const OPTIONS: readonly (readonly [string, string])[] = [
  ["s", "src"],
  ["d", "dst"],
  ["r", "reply-src"],
  ["q", "reply-dst"],
  ["p", "protonum"],
  ["t", "timeout"],
  ["u", "status"],
  ["z", "zero"],
  ["e", "event-mask"],
  ["[", "tuple-src"],
  ["]", "tuple-dst"],
  ["{", "mask-src"],
  ["}", "mask-dst"],
  ["a", "nat-range"],
  ["m", "mark"],
  ["i", "id"],
  ["f", "family"],
  ["n", "src-nat"],
  ["g", "dst-nat"],
  ["o", "output"],
  ["c", "secmark"],
  ["b", "buffer-size"],
  ["j", "any-nat"],
  ["w", "zone"],
  ["l", "label"],
  ["<", "label-add"],
  [">", "label-del"],
  ["(", "orig-zone"],
  [")", "reply-zone"],
];

/** 0 illegal, 1 compulsory, 2 optional, 3 see the pairs below; a column per option. */
const LEGAL: Readonly<Record<CommandName, string>> = {
  list: "22222022000220202222202220022",
  create: "33331120000002200220000202022",
  update: "22222220000220222222000022200",
  delete: "22222220000220222222000220022",
  get: "33331000000000020002000020000",
  flush: "00000000000000002000000000000",
  event: "22222000200220202222222220022",
  version: "00000000000000000000000000000",
  help: "00002000000000000000000000000",
  "expect-list": "00000000000000002002000000000",
  "expect-create": "11221120011110000000000000000",
  "expect-delete": "11221000000000000000000000000",
  "expect-get": "11221000000000000000000000000",
  "expect-flush": "00000000000000000000000000000",
  "expect-event": "00000000000000000002000000000",
  count: "00000000000000000000000000000",
  "expect-count": "00000000000000000000000000000",
  stats: "00000000000000000000000000000",
  "expect-stats": "00000000000000000000000000000",
  add: "33331120000002200220000202022",
};

/** Options of TCP and UDP: source, destination, of the reply, masks, state (TCP only), of an expectation. */
export interface ProtoOptions {
  readonly name: string;
  readonly options: readonly (readonly [string, string])[];
  readonly legal: Partial<Readonly<Record<CommandName, string>>>;
  /** of ports one needs both */
  readonly paired: boolean;
}

const PORTS: readonly (readonly [string, string])[] = [
  ["1", "sport"],
  ["2", "dport"],
  ["3", "reply-port-src"],
  ["4", "reply-port-dst"],
  ["5", "mask-port-src"],
  ["6", "mask-port-dst"],
];

export const TCP_OPTIONS: ProtoOptions = {
  name: "tcp",
  options: [...PORTS, ["7", "state"], ["8", "tuple-port-src"], ["9", "tuple-port-dst"]],
  legal: {
    list: "222200200",
    create: "333300100",
    update: "222200200",
    delete: "222200200",
    get: "333300200",
    event: "222200200",
    "expect-create": "110011011",
    "expect-delete": "111100000",
    "expect-get": "111100000",
    add: "333300100",
  },
  paired: true,
};

const PORT_LEGAL: ProtoOptions["legal"] = {
  list: "22220000",
  create: "33330000",
  update: "22220000",
  delete: "22220000",
  get: "33330000",
  event: "22220000",
  "expect-create": "11001111",
  "expect-delete": "11110000",
  "expect-get": "11110000",
  add: "33330000",
};

function portOptions(name: string): ProtoOptions {
  return {
    name,
    options: [...PORTS, ["8", "tuple-port-src"], ["9", "tuple-port-dst"]],
    legal: PORT_LEGAL,
    paired: true,
  };
}

export const ICMP_OPTIONS: ProtoOptions = {
  name: "icmp",
  options: [
    ["t", "icmp-type"],
    ["c", "icmp-code"],
    ["i", "icmp-id"],
  ],
  legal: { list: "222", create: "112", update: "222", delete: "222", get: "112", event: "222", add: "112" },
  paired: false,
};

/** By protocol number. */
export const PROTO_OPTIONS: ReadonlyMap<number, ProtoOptions> = new Map([
  [6, TCP_OPTIONS],
  [17, portOptions("udp")],
  [136, portOptions("udplite")],
  [1, ICMP_OPTIONS],
]);

export const SHORT_OPTIONS =
  ":L::I::U::D::G::E::F::A::hVs:d:r:q:p:t:u:e:a:z[:]:{:}:m:i:f:o:n::g::c:b:C::Sj::w:l:<:>::(:):";

const LONG: readonly (readonly [string, 0 | 1 | 2, string])[] = [
  ["dump", 2, "L"],
  ["create", 2, "I"],
  ["add", 2, "A"],
  ["delete", 2, "D"],
  ["update", 2, "U"],
  ["get", 2, "G"],
  ["flush", 2, "F"],
  ["event", 2, "E"],
  ["counter", 2, "C"],
  ["stats", 0, "S"],
  ["version", 0, "V"],
  ["help", 0, "h"],
  ["orig-src", 1, "s"],
  ["src", 1, "s"],
  ["orig-dst", 1, "d"],
  ["dst", 1, "d"],
  ["reply-src", 1, "r"],
  ["reply-dst", 1, "q"],
  ["protonum", 1, "p"],
  ["timeout", 1, "t"],
  ["status", 1, "u"],
  ["zero", 0, "z"],
  ["event-mask", 1, "e"],
  ["tuple-src", 1, "["],
  ["tuple-dst", 1, "]"],
  ["mask-src", 1, "{"],
  ["mask-dst", 1, "}"],
  ["nat-range", 1, "a"],
  ["mark", 1, "m"],
  ["secmark", 1, "c"],
  ["id", 2, "i"],
  ["family", 1, "f"],
  ["src-nat", 2, "n"],
  ["dst-nat", 2, "g"],
  ["output", 1, "o"],
  ["buffer-size", 1, "b"],
  ["any-nat", 2, "j"],
  ["zone", 1, "w"],
  ["label", 1, "l"],
  ["label-add", 1, "<"],
  ["label-del", 2, ">"],
  ["orig-zone", 1, "("],
  ["reply-zone", 1, ")"],
];

/** A long option's letter; those of a protocol have "proto:" before theirs. */
export const LONG_OPTIONS: readonly LongOption<string>[] = LONG.map(([name, argument, value]) => ({
  name,
  argument,
  value,
}));

/** Second names of the ports' options. */
const LONG_PORT_NAMES: ReadonlyMap<string, string> = new Map([
  ["sport", "orig-port-src"],
  ["dport", "orig-port-dst"],
]);

export function protoLongOptions({ options }: ProtoOptions): LongOption<string>[] {
  return options.flatMap(([letter, name]) => {
    const second = LONG_PORT_NAMES.get(name);
    return (second === undefined ? [name] : [second, name]).map((text) => ({
      name: text,
      argument: 1 as const,
      value: `proto:${letter}`,
    }));
  });
}

/** First long name of a letter, for errors. */
export function longName(letter: string): string {
  return LONG.find(([, , value]) => value === letter)?.[0] ?? "unknown";
}

/** What is wrong with the options of a command, as the program says it; undefined: nothing. */
export function checkOptions(command: CommandName | undefined, used: ReadonlySet<string>): string | undefined {
  const legal = LEGAL[command ?? "flush"].replace(/./g, (digit) => (command === undefined ? "0" : digit));
  return (
    checkEach(OPTIONS, legal, used) ??
    checkPairs(legal, used, [
      ["s", "d", "you have to specify `--src' and `--dst'"],
      ["r", "q", "you have to specify `--reply-src' and `--reply-dst'"],
    ])
  );
}

export function checkProtoOptions(
  proto: ProtoOptions,
  command: CommandName,
  used: ReadonlySet<string>,
): string | undefined {
  const legal = proto.legal[command] ?? "0".repeat(proto.options.length);
  const problem = checkEach(proto.options, legal, used);
  if (problem !== undefined || !proto.paired) return problem;
  return checkPairs(legal, used, [
    ["1", "2", "you have to specify `--sport' and `--dport'"],
    ["3", "4", "you have to specify `--reply-src-port' and `--reply-dst-port'"],
  ]);
}

function checkEach(
  options: readonly (readonly [string, string])[],
  legal: string,
  used: ReadonlySet<string>,
): string | undefined {
  for (const [i, [letter, name]] of options.entries()) {
    if (!used.has(letter) && legal[i] === "1") return `You need to supply the \`--${name}' option for this command`;
    if (used.has(letter) && legal[i] === "0") return `Illegal option \`--${name}' with this command`;
  }
  return undefined;
}

/** Where a command has 3s, one whole pair must be there. */
function checkPairs(
  legal: string,
  used: ReadonlySet<string>,
  pairs: readonly (readonly [string, string, string])[],
): string | undefined {
  if (!legal.includes("3") || pairs.some(([a, b]) => used.has(a) && used.has(b))) return undefined;
  const partial = pairs.find(([a, b]) => used.has(a) || used.has(b));
  return (partial ?? pairs[0]!)[2];
}
