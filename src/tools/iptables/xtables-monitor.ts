// xtables-monitor: packets that the target TRACE marked, rule by rule, and changes of rules, as iptables writes them. Answers to
// iptables/xtables-monitor.c (1.8.9, 1.8.13). Traced packets are flushed to the output one by one, events of 1.8.9 as the C library
// does it: a monitor that is killed loses those that it had not written. Rules are asked for when they are told of, so that their
// counters (-c) are of that moment. Packets and rules of IPv6 do not occur here.

import { netnsOf } from "../../host/host.ts";
import { ARPHRD_ETHER, ARPHRD_LOOPBACK } from "../../net/core/net-device.ts";
import { NFPROTO_IPV4 } from "../../net/core/netfilter.ts";
import type {
  Generation,
  TableChange,
  TracedPacket,
  TraceMessage,
  TraceVerdict,
} from "../../net/netfilter/nf-monitor.ts";
import type { Chain, Table } from "../../net/netfilter/nf-table.ts";
import type { NftRule } from "../../net/netfilter/nft/rule.ts";
import type { Rule } from "../../net/netfilter/rule.ts";
import { XtRule } from "../../net/netfilter/xt-rule.ts";
import { getopt, type LongOption } from "../../posix/getopt.ts";
import type { Process } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import * as ipv4 from "../../wire/ipv4.ts";
import { get16, get32 } from "../../wire/layout.ts";
import { Stdout } from "../net-util/stdio.ts";
import { EventQueue } from "../nft/monitor.ts";
import { HOOKS } from "../nft/priorities.ts";
import { fromNft } from "./from-nft.ts";
import { type NameService, PLAIN_NAMES, withSets } from "./names.ts";
import { saveRule } from "./rule-text.ts";
import type { IptablesVersion } from "./xtables.ts";

/** NFPROTO_INET */
const NFPROTO_INET = 1;

const LONG: readonly LongOption[] = [
  { name: "counters", argument: 0, short: "c" },
  { name: "trace", argument: 0, short: "t" },
  { name: "event", argument: 0, short: "e" },
  { name: "ipv4", argument: 0, short: "4" },
  { name: "ipv6", argument: 0, short: "6" },
  { name: "version", argument: 0, short: "V" },
  { name: "help", argument: 0, short: "h" },
];

const USAGE = (version: string): string => `xtables-monitor ${version} (nf_tables)
Usage: xtables-monitor [ -t | -e ]
        --trace    -t    trace ruleset traversal of packets tagged via -j TRACE rule
        --event    -e    show events that modify the ruleset
Optional arguments:
        --ipv4     -4    only monitor IPv4
        --ipv6     -6    only monitor IPv6
	--counters -c    show counters in rules
`;

interface Settings {
  readonly counters: boolean;
  /** NFPROTO_*; 0: both */
  readonly nfproto: number;
  readonly names: NameService;
  readonly version: IptablesVersion;
}

/** The command that a rule is shown as: 1.8.13 writes it out. */
function commandOf({ version }: Settings): string {
  return version === "1.8.9" ? "-4" : "iptables";
}

export function* xtablesMonitor(proc: Process, version: IptablesVersion): Task<number> {
  const { options, error } = getopt(proc.argv.slice(1), "ceht46V", { long: LONG });
  const given = new Set(options.map(({ name }) => name));
  if (given.has("h")) return yield* say(proc, USAGE(version), 1);
  if (given.has("V")) return yield* say(proc, `xtables-monitor ${version}\n`, 0);
  if (error !== undefined) {
    const program = `xtables-monitor ${version}`;
    yield* proc.printError(`${program}: Bad argument.\nTry \`xtables-monitor -h' for more information.\n`);
    return 2;
  }
  if (!given.has("t") && !given.has("e")) return yield* say(proc, USAGE(version), 1);
  const { nf } = netnsOf(proc);
  // AF_INET, AF_INET6: the one that is named last
  const family = options.findLast(({ name }) => name === "4" || name === "6")?.name;
  const settings: Settings = {
    counters: given.has("c"),
    nfproto: family === undefined ? 0 : family === "4" ? NFPROTO_IPV4 : 10,
    names: withSets(PLAIN_NAMES, nf.sets),
    version,
  };
  const { monitor } = nf.tables;
  const queue = new EventQueue();
  const stops: (() => void)[] = [];
  if (given.has("t")) stops.push(monitor.listenTrace((message) => queue.tell(() => traceText(message, settings))));
  if (given.has("e"))
    stops.push(
      monitor.listenTables((changes, generation) => {
        for (const change of changes) queue.tell(() => eventText(change, settings));
        queue.tell(() => generationText(generation));
      }),
    );
  const out = new Stdout(proc);
  try {
    for (;;) {
      const text = yield* queue.next();
      yield* out.print(text);
      if (version !== "1.8.9" || text.includes(" TRACE: ")) yield* out.flush();
    }
  } finally {
    for (const stop of stops) stop();
  }
}

function* say(proc: Process, text: string, status: number): Task<number> {
  yield* proc.print(text);
  return status;
}

function familyNumber({ family }: Table): number {
  return family === "ip" ? NFPROTO_IPV4 : NFPROTO_INET;
}

/** trace_cb */
function traceText({ id, chain, rule, verdict, mark, packet }: TraceMessage, settings: Settings): string {
  const { table } = chain;
  const family = familyNumber(table);
  if (settings.nfproto !== 0 && settings.nfproto !== family) return "";
  const which = `${family} ${id.toString(16).padStart(8, "0")} `;
  let text = packet === null ? "" : `PACKET: ${which}${packetText(packet, family, mark)}\n`;
  text += ` TRACE: ${which}${table.name}:${chain.name}`;
  if (rule === null) return `${text}:policy:${verdictText(verdict)} \n`;
  return `${text}:rule:0x${rule.handle.toString(16)}:${verdictText(verdict)}  ${ruleText(chain, rule, "A", settings)}`;
}

/** print_verdict of 1.8.9 has no name for NFT_RETURN. */
function verdictText(verdict: TraceVerdict): string {
  if (verdict === "return") return "0xfffffffb";
  return typeof verdict === "string" ? verdict.toUpperCase() : `${verdict.goes.toUpperCase()}:${verdict.to}`;
}

/** rule_cb: of a rule that iptables has no words for an empty line; in 1.8.13 not even its end. */
function ruleText(chain: Chain, rule: Rule, command: "A" | "D", settings: Settings): string {
  const { counters, names } = settings;
  if (chain.table.family !== "ip") return settings.version === "1.8.9" ? "\n" : "";
  const cached =
    rule instanceof XtRule ? { spec: rule.spec, packets: rule.packets, bytes: rule.bytes } : fromNft(rule as NftRule);
  const text = saveRule(chain.name, cached, counters ? "before" : "none", names);
  return `${commandOf(settings)} -t ${chain.table.name} ${command === "A" ? text : text.replace("-A ", "-D ")}`;
}

/** trace_print_packet */
function packetText(
  { in: indev, out, nfproto, link, network, transport }: TracedPacket,
  family: number,
  mark: number,
): string {
  let text = "";
  if (indev !== null) text += `IN=${indev.name} `;
  if (out !== null) text += `OUT=${out.name} `;
  if (nfproto !== family) text += `NFPROTO=${nfproto} `;
  if (link !== null) text += linkText(link, indev?.type ?? 0);
  const fragment = get16(network, 6);
  text += `SRC=${formatIpv4(get32(network, ipv4.SOURCE))} DST=${formatIpv4(get32(network, ipv4.DESTINATION))} `;
  text += `LEN=${get16(network, 2)} TOS=0x${network[1]!.toString(16)} TTL=${network[8]} ID=${get16(network, 4)} `;
  if (fragment & 0x8000) text += "CE ";
  if (fragment & 0x4000) text += "DF ";
  if (fragment & 0x2000) text += "MF ";
  if (fragment & 0x1fff) text += `FRAG:${fragment & 0x1fff} `;
  if (network.length > 20) text += `OPT (${[...network.subarray(20)].map(charHex).join("")}) `;
  text += portsText(network[9]!, transport);
  return mark === 0 ? text : `${text}MARK=0x${mark.toString(16)} `;
}

/** printf("%02X") of a signed char */
function charHex(byte: number): string {
  const hex = byte.toString(16).toUpperCase().padStart(2, "0");
  return byte < 0x80 ? hex : `FFFFFF${hex}`;
}

function linkText(link: Uint8Array, type: number): string {
  const mac = (at: number): string => [...link.subarray(at, at + 6)].map((byte) => byte.toString(16)).join(":");
  if (type === ARPHRD_LOOPBACK) return "LOOPBACK ";
  if (type === ARPHRD_ETHER && link.length >= 14)
    return `MACSRC=${mac(6)} MACDST=${mac(0)} MACPROTO=${get16(link, 12).toString(16).padStart(4, "0")} `;
  const bytes = [...link].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `LL=0x${type.toString(16)} ${bytes} `;
}

const WITH_PORTS: ReadonlySet<number> = new Set([ipv4.IPPROTO_TCP, ipv4.IPPROTO_UDP, 33, 132, 136]);
const FLAGS: readonly (readonly [string, number])[] = [
  ["SYN", 2],
  ["ACK", 16],
  ["FIN", 1],
  ["RST", 4],
  ["PSH", 8],
  ["URG", 32],
];

function portsText(protocol: number, transport: Uint8Array): string {
  if (!WITH_PORTS.has(protocol) || transport.length < (protocol === ipv4.IPPROTO_TCP ? 20 : 4)) return "";
  let text = `SPORT=${get16(transport, 0)} DPORT=${get16(transport, 2)} `;
  if (protocol === ipv4.IPPROTO_TCP) for (const [name, bit] of FLAGS) if (transport[13]! & bit) text += `${name} `;
  return text;
}

/** table_cb, chain_cb, rule_cb */
function eventText(change: TableChange, settings: Settings): string {
  const { table, isNew } = change;
  const { nfproto } = settings;
  if (nfproto !== 0 && nfproto !== familyNumber(table)) return "";
  switch (change.kind) {
    case "table":
      return ` EVENT: nft: ${isNew ? "NEW" : "DEL"} table: table ${table.name} ${table.family} flags ${table.dormant ? 1 : 0} use ${isNew ? table.chains.size + table.sets.size + table.objects.size : 0} handle ${table.handle}\n`;
    case "chain":
      return ` EVENT: ${chainText(change, settings)}\n`;
    case "rule":
      if (table.family !== "ip" && settings.version !== "1.8.9") return "";
      return ` EVENT: ${ruleText(change.chain, change.rule, isNew ? "A" : "D", settings)}`;
    default:
      return "";
  }
}

function chainText(change: TableChange & { kind: "chain" }, settings: Settings): string {
  const { table, chain, name, policy, isNew } = change;
  const { base } = chain;
  const user = table.family === "ip" && (base === null || !isNew);
  if (user) return `${commandOf(settings)} -t ${table.name} -${isNew ? "N" : "X"} ${name}`;
  const use = isNew ? chain.rules.length + chain.references : 0;
  let text = settings.version === "1.8.9" ? "# nft: " : `nft: ${isNew ? "NEW" : "DEL"} chain: `;
  text += `${table.family} ${table.name} ${name} use ${use}`;
  if (isNew && base !== null) {
    text += ` type ${base.type} hook ${HOOKS[base.hook]} prio ${base.priority}`;
    text += ` policy ${policy === 0 ? "drop" : "accept"} packets ${chain.packets} bytes ${chain.bytes} flags 1`;
  }
  return text;
}

/** newgen_cb */
function generationText({ number, pid, name }: Generation): string {
  return `NEWGEN: GENID=${number} PID=${pid} NAME=${name}\n`;
}
