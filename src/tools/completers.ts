// What Tab offers for the arguments of network tools: subcommands, interfaces of the namespace, names of namespaces, tables
// and chains.

import { netnsOf } from "../host/host.ts";
import type { Process } from "../posix/process.ts";
import type { Completers, CompletionRequest, Suggestion } from "../shell/editor/completion.ts";
import { netnsNames } from "./ip/lib/netns.ts";

const words = (text: string): readonly string[] => text.split(/\s+/);

function interfaces(proc: Process): string[] {
  return [...netnsOf(proc).net.devices.values()].map((dev) => dev.name);
}

const IP_OBJECTS = words("address link maddress neighbour netns route rule addr neigh");
const IP_VERBS = new Map<string, readonly string[]>([
  ["address", words("add del show flush replace")],
  ["link", words("add delete set show")],
  ["neighbour", words("add del replace show flush")],
  ["netns", words("add delete exec identify list pids set")],
  ["route", words("add del replace change append show flush get")],
  ["rule", words("add del show flush")],
  ["maddress", words("show add del")],
]);
const IP_KEYWORDS = words(
  "dev type veth bridge vlan vxlan dummy macvlan peer name netns master nomaster up down mtu address via src table proto scope broadcast label id remote dstport",
);

function ip({ proc, words: typed }: CompletionRequest): Suggestion {
  let at = 1;
  while (typed[at]?.startsWith("-")) {
    if (/^-n/.test(typed[at]!)) {
      if (at + 1 === typed.length) return netnsNames(proc);
      at++;
    }
    at++;
  }
  const object = typed[at];
  if (object === undefined) return IP_OBJECTS;
  const full = [...IP_VERBS.keys()].find((name) => name.startsWith(object));
  if (full === undefined) return [];
  const verb = typed[at + 1];
  if (verb === undefined) return IP_VERBS.get(full)!;
  if (full === "netns") {
    if (verb === "exec" && typed.length > at + 2) return { commandAt: at + 3 };
    return netnsNames(proc);
  }
  if (typed.at(-1) === "netns") return netnsNames(proc);
  return [...interfaces(proc), ...IP_KEYWORDS];
}

/** After one of these options an interface is meant; else other words, or file names. */
function interfaceAfter(options: RegExp, otherwise: Suggestion = "files") {
  return ({ proc, words: typed }: CompletionRequest): Suggestion =>
    options.test(typed.at(-1) ?? "") ? interfaces(proc) : otherwise;
}

/** A subcommand first, then interfaces. */
function verbsThenInterfaces(...verbs: readonly (readonly string[])[]) {
  return ({ proc, words: typed }: CompletionRequest): Suggestion => verbs[typed.length - 1] ?? interfaces(proc);
}

const IPTABLES_OPTIONS = words(
  "-t -A -I -D -R -L -S -F -Z -N -X -P -E -p -s -d -i -o -j -m -n -v --dport --sport --to-destination --to-source --line-numbers",
);
const TARGETS = words("ACCEPT DROP REJECT RETURN LOG MARK DNAT SNAT MASQUERADE REDIRECT");

function iptables({ proc, words: typed }: CompletionRequest): Suggestion {
  const last = typed.at(-1) ?? "";
  if (/^(-[io]|--(in|out)-interface)$/.test(last)) return interfaces(proc);
  if (/^(-t|--table)$/.test(last)) return words("filter nat mangle raw");
  if (/^(-p|--proto(col)?)$/.test(last)) return words("tcp udp icmp all");
  const at = typed.findIndex((word) => word === "-t" || word === "--table");
  const table = netnsOf(proc).nf.tables.tables.get(at >= 0 ? (typed[at + 1] ?? "filter") : "filter");
  const chains = [...(table?.chains.keys() ?? words("INPUT FORWARD OUTPUT"))];
  if (/^(-[AIDRLSFZXPEN]|-[a-z]*[LS])$/.test(last)) return chains;
  if (/^(-j|-g|--jump)$/.test(last)) return [...TARGETS, ...chains];
  if (last === "-P" || typed.at(-2) === "-P") return words("ACCEPT DROP");
  return IPTABLES_OPTIONS;
}

function brctl({ proc, words: typed }: CompletionRequest): Suggestion {
  if (typed.length === 1) return words("addbr delbr addif delif show showmacs showstp stp setageing setfd sethello");
  return typed.length <= 3 ? interfaces(proc) : [];
}

/** Programs that start another one: it begins after the options. */
function wraps({ words: typed }: CompletionRequest): Suggestion {
  for (let at = 1; at < typed.length; at++) if (!typed[at]!.startsWith("-")) return { commandAt: at };
  return { commandAt: typed.length };
}

export const networkCompleters: Completers = new Map([
  ["ip", ip],
  ["brctl", brctl],
  ["bridge", verbsThenInterfaces(words("link fdb mdb vlan"), words("show add del set"), words("dev"))],
  ["ifconfig", verbsThenInterfaces()],
  ["ethtool", verbsThenInterfaces()],
  ["tc", verbsThenInterfaces(words("qdisc class filter"), words("add del show replace change"), words("dev"))],
  ["tcpdump", interfaceAfter(/^(-\w*i|--interface)$/)],
  ["ping", interfaceAfter(/^-I$/)],
  ["arping", interfaceAfter(/^-I$/)],
  ["traceroute", interfaceAfter(/^-i$/)],
  ["arp", interfaceAfter(/^-i$/)],
  ["route", interfaceAfter(/^dev$/, words("add del -n -net -host default gw dev netmask metric"))],
  ["iptables", iptables],
  ["conntrack", () => words("-L -D -F -S -C -G -p -s -d --orig-src --orig-dst --src-nat --dst-nat")],
  ["nsenter", wraps],
  ["timeout", ({ words: typed }: CompletionRequest): Suggestion => ({ commandAt: Math.min(2, typed.length) })],
  ["env", wraps],
  ["nohup", wraps],
]);
