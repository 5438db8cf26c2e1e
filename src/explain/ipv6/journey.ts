// One packet of IPv6 through a machine's rules and routes, read from its files: the engine carries no IPv6, so that this is the
// walk of nf_hook_slow over ip6tables' tables in the order of their priorities, with conntrack and NAT as far as they decide. The answer is
// told as a packet's of IPv4 is.

import type { Journey, RuleStep, Step } from "../journey.ts";
import { parseWords, type Question, QuestionError } from "../question.ts";
import { type Addr6, addr6, addr6Text, within6 } from "./address.ts";
import { type Container6, isLocal6, type Machine6, sourceFor, wayTo } from "./machine.ts";
import { end6Text, type Packet6, packet6Text } from "./packet.ts";
import type { Chain6, Rule6, Target6 } from "./rules.ts";

export interface Place6 {
  readonly address?: Addr6;
  readonly name?: string;
  readonly port?: number;
}

export interface Question6 extends Omit<Question, "from" | "to"> {
  readonly from: Place6;
  readonly to: Place6;
}

/** The machine's own name in answers. */
const HOST = "host";
const ICMPV6_ECHO_REQUEST = 128;
const MAX_JUMPS = 16;

type Hook = "PREROUTING" | "INPUT" | "FORWARD" | "OUTPUT" | "POSTROUTING";
/** Tables of a hook in the order of their priorities. */
const TABLES: Readonly<Record<Hook, readonly string[]>> = {
  PREROUTING: ["raw", "mangle", "nat"],
  INPUT: ["mangle", "filter", "security", "nat"],
  FORWARD: ["mangle", "filter", "security"],
  OUTPUT: ["raw", "mangle", "nat", "filter", "security"],
  POSTROUTING: ["mangle", "nat"],
};

/** Throws QuestionError where the question names what the files do not. */
export function explainPacket6(machine: Machine6, question: Question6, name: string): Journey {
  return new Walk(machine, question, name).run();
}

class Walk {
  readonly #machine: Machine6;
  readonly #question: Question6;
  readonly #name: string;
  readonly #steps: Step[] = [];
  readonly #packet: Packet6;
  #decided: RuleStep | null = null;

  constructor(machine: Machine6, question: Question6, name: string) {
    this.#machine = machine;
    this.#question = question;
    this.#name = name;
    const { protocol, from, to, mark, uid = 0 } = question;
    const dst = to.address ?? this.#addressOf(to.name!);
    this.#packet = {
      protocol,
      src: from.address ?? 0n,
      sport: protocol === "icmp" ? 0 : (from.port ?? 40000),
      dst,
      dport: to.port ?? 0,
      type: ICMPV6_ECHO_REQUEST,
      in: question.dev ?? "",
      out: "",
      mark,
      uid,
      state: question.part === "first" ? "NEW" : "ESTABLISHED",
      original: null,
      snat: false,
      tracked: true,
    };
  }

  #addressOf(name: string): Addr6 {
    const found = this.#machine.containers.find((each) => each.name === name)?.address;
    if (found === undefined) throw new QuestionError(`'${name}' is no container with an address of IPv6`);
    return found;
  }

  run(): Journey {
    const { from, dev } = this.#question;
    const packet = this.#packet;
    if (dev !== undefined) {
      if (!this.#machine.devices.some(({ name }) => name === dev))
        throw new QuestionError(`there is no device '${dev}'`);
      return this.#comesIn();
    }
    if (from.name !== undefined && from.name !== HOST) {
      const source = this.#machine.containers.find((each) => each.name === from.name);
      if (!source) throw new QuestionError(`'${from.name}' is no container with an address of IPv6`);
      packet.src = source.address;
      // neighbours on a bridge talk past the rules, unless br_netfilter is asked
      if (within6(packet.dst, source.onLink) && !isLocal6(this.#machine, packet.dst)) {
        const peer = this.#containerAt(packet.dst);
        const what = `on the same bridge (${source.bridge}), without the host's rules unless bridge-nf-call-ip6tables is 1`;
        return this.#end(
          peer !== undefined,
          peer ? `delivered to ${peer.name}, ${what}` : `nobody has this address ${what}`,
        );
      }
      packet.in = source.bridge;
      return this.#comesIn();
    }
    return this.#isSent();
  }

  #say(what: string): void {
    this.#steps.push({ kind: "at", namespace: this.#name, what, packet: packet6Text(this.#packet) });
  }

  #comesIn(): Journey {
    const packet = this.#packet;
    this.#say(`comes in on ${packet.in}`);
    if (!this.#hook("PREROUTING")) return this.#dropped();
    const way = wayTo(this.#machine, packet.dst);
    if (way.kind === "local") return this.#local();
    if (way.kind === "none") return this.#end(false, `dropped in ${this.#name}: no route to ${addr6Text(packet.dst)}`);
    if (!this.#machine.forwarding)
      return this.#end(false, `dropped in ${this.#name}: net.ipv6.conf.all.forwarding is 0`);
    packet.out = way.route.dev;
    this.#route(`to be forwarded, out ${packet.out}${viaText(way.route.via)}`);
    if (!this.#hook("FORWARD") || !this.#hook("POSTROUTING")) return this.#dropped();
    return this.#leaves(way.route.via);
  }

  #isSent(): Journey {
    const packet = this.#packet;
    let way = wayTo(this.#machine, packet.dst);
    if (way.kind === "none") return this.#end(false, `${this.#name} does not send it: Network is unreachable`);
    if (packet.src === 0n)
      packet.src =
        way.kind === "local" ? packet.dst : (sourceFor(this.#machine, way.route.dev, packet.dst) ?? packet.dst);
    packet.out = way.kind === "local" ? "lo" : way.route.dev;
    this.#say(`is sent here, route: out ${packet.out}`);
    if (!this.#hook("OUTPUT")) return this.#dropped();
    way = wayTo(this.#machine, packet.dst);
    if (way.kind === "none") return this.#end(false, `dropped in ${this.#name}: no route after DNAT`);
    packet.out = way.kind === "local" ? "lo" : way.route.dev;
    if (!this.#hook("POSTROUTING")) return this.#dropped();
    if (way.kind === "out") return this.#leaves(way.route.via);
    packet.in = "lo";
    packet.out = "";
    this.#say("comes in on lo");
    // a connection's packet that comes back by lo has been translated already
    if (!this.#hook("PREROUTING", false)) return this.#dropped();
    return this.#local();
  }

  #route(what: string): void {
    this.#steps.push({ kind: "route", namespace: this.#name, what });
  }

  #local(): Journey {
    this.#route("for this machine");
    if (!this.#hook("INPUT")) return this.#dropped();
    const { dst, dport, protocol, original } = this.#packet;
    if (protocol === "icmp") return this.#end(true, `delivered to ${this.#name}: its kernel answers`);
    const proxy = this.#machine.published.find(
      (each) =>
        each.protocol === protocol && each.hostPort === dport && (each.address6 === 0n || each.address6 === dst),
    );
    if (proxy && original === null)
      return this.#end(true, `delivered to ${this.#name}, port ${dport}: docker-proxy, for ${proxy.container}`);
    const another = this.#machine.published.find((each) => each.protocol === protocol && each.hostPort === dport);
    if (another)
      return this.#end(false, `reaches ${this.#name}, where docker-proxy listens on [${another.hostIp}]:${dport} only`);
    return this.#end(true, `reaches ${this.#name}; whether a process listens there, the files do not say`);
  }

  #leaves(via: Addr6 | null): Journey {
    const { out, dst, dport } = this.#packet;
    this.#route(`leaves by ${out}${via === null ? "" : `, next hop ${addr6Text(via)}`}`);
    const container = this.#containerAt(dst);
    if (container && container.bridge === out)
      return this.#end(true, `delivered to ${container.name}${dport === 0 ? "" : `, port ${dport}`}`);
    return this.#end(true, `forwarded by ${this.#name} to ${out}${via === null ? "" : `, next hop ${addr6Text(via)}`}`);
  }

  #containerAt(address: Addr6): Container6 | undefined {
    return this.#machine.containers.find((each) => each.address === address);
  }

  #dropped(): Journey {
    const by = this.#decided === null ? "netfilter" : ruleName(this.#decided);
    return this.#end(false, `dropped in ${this.#name} by ${by}`);
  }

  #end(arrives: boolean, end: string): Journey {
    return {
      question: question6Text(this.#question),
      steps: this.#steps,
      arrives,
      end,
      decidedBy: this.#decided === null ? "no rule" : ruleName(this.#decided),
    };
  }

  /** False: dropped. @param nat a connection is translated once */
  #hook(hook: Hook, nat = true): boolean {
    this.#steps.push({ kind: "hook", namespace: this.#name, hook });
    for (const name of TABLES[hook]) {
      const chain = this.#machine.tables.get(name)?.get(hook);
      if (chain === undefined) continue;
      // later packets of a connection pass the nat table by
      if (name === "nat" && (!nat || this.#packet.state !== "NEW" || !this.#packet.tracked)) continue;
      const before = packet6Text(this.#packet);
      if (this.#chain(name, hook, chain, 0) === "DROP") return false;
      const after = packet6Text(this.#packet);
      if (before !== after)
        this.#steps.push({ kind: "rewrite", what: hook === "POSTROUTING" ? "SNAT" : "DNAT", before, after });
    }
    return true;
  }

  #chain(table: string, hook: Hook, chain: Chain6, depth: number): "ACCEPT" | "DROP" | "RETURN" {
    for (const rule of chain.rules) {
      const step: RuleStep = {
        kind: "rule",
        hook,
        table,
        chain: chain.name,
        number: rule.number,
        text: rule.text,
        matched: false,
        verdict: "",
      };
      const matched = rule.matches.every((match) => match(this.#packet, (address) => isLocal6(this.#machine, address)));
      const shown: RuleStep = matched ? { ...step, matched, verdict: verdictText(rule.target) } : step;
      this.#steps.push(shown);
      if (!matched) continue;
      const verdict = this.#apply(table, hook, rule, depth);
      if (verdict === "CONTINUE") continue;
      if (isDeciding(rule.target) && (verdict === "DROP" || (verdict === "ACCEPT" && table === "filter")))
        this.#decided = shown;
      if (verdict === "RETURN") break;
      return verdict;
    }
    if (chain.policy === null) return "RETURN";
    const policy: RuleStep = {
      kind: "rule",
      hook,
      table,
      chain: chain.name,
      number: 0,
      text: `-P ${chain.name} ${chain.policy}`,
      matched: true,
      verdict: chain.policy,
    };
    this.#steps.push(policy);
    if (table === "filter" || chain.policy === "DROP") this.#decided = policy;
    return chain.policy;
  }

  #apply(table: string, hook: Hook, { target }: Rule6, depth: number): "ACCEPT" | "DROP" | "RETURN" | "CONTINUE" {
    const packet = this.#packet;
    switch (target.kind) {
      case "ACCEPT":
      case "DROP":
      case "RETURN":
        return target.kind;
      case "none":
        return "CONTINUE";
      case "REJECT":
        return "DROP";
      case "jump":
      case "goto": {
        const chain = this.#machine.tables.get(table)!.get(target.chain)!;
        if (depth >= MAX_JUMPS) return "DROP";
        const verdict = this.#chain(table, hook, chain, depth + 1);
        return verdict === "RETURN" && target.kind === "jump" ? "CONTINUE" : verdict;
      }
      case "mark":
        packet.mark = ((packet.mark & ~target.mask) ^ target.value) >>> 0;
        return "CONTINUE";
      case "notrack":
        packet.tracked = false;
        return "CONTINUE";
      case "dnat":
      case "redirect":
        packet.original = { dst: packet.dst, dport: packet.dport };
        if (target.kind === "dnat") packet.dst = target.address ?? packet.dst;
        else if (hook === "PREROUTING") packet.dst = sourceFor(this.#machine, packet.in, packet.dst) ?? packet.dst;
        else packet.dst = 1n;
        packet.dport = target.port ?? packet.dport;
        return "ACCEPT";
      case "snat":
      case "masquerade":
        packet.snat = true;
        packet.src =
          target.kind === "snat" ? target.address : (sourceFor(this.#machine, packet.out, packet.dst) ?? packet.src);
        return "ACCEPT";
    }
  }
}

/** A jump is not what decided: what the chain did, is. */
function isDeciding({ kind }: Target6): boolean {
  return kind !== "jump" && kind !== "goto";
}

function verdictText(target: Target6): string {
  switch (target.kind) {
    case "jump":
    case "goto":
      return `${target.kind} ${target.chain}`;
    case "ACCEPT":
    case "DROP":
    case "RETURN":
      return target.kind;
    case "REJECT":
      return "DROP";
    case "dnat":
    case "redirect":
    case "snat":
    case "masquerade":
      return "ACCEPT";
    default:
      return "CONTINUE";
  }
}

function viaText(via: Addr6 | null): string {
  return via === null ? "" : ` via ${addr6Text(via)}`;
}

function ruleName({ table, chain, number, text }: RuleStep): string {
  return `${table} ${chain} ${number === 0 ? "policy" : number} (${text})`;
}

export function question6Text({ protocol, from, to, dev, mark, uid, part }: Question6): string {
  const place = (p: Place6): string =>
    p.address === undefined ? `${p.name}${p.port === undefined ? "" : `:${p.port}`}` : end6Text(p.address, p.port ?? 0);
  let rest = `${dev === undefined ? "" : ` in ${dev}`}${mark === 0 ? "" : ` mark 0x${mark.toString(16)}`}`;
  if (uid !== undefined) rest += ` uid ${uid}`;
  if (part !== "first") rest += ", once the connection stands";
  return `${protocol} ${place(from)} → ${place(to)}${rest}`;
}

/** Whether a question is one about IPv6. */
export function asksIpv6(text: string): boolean {
  return text.split(/\s+/).some((word) => word.startsWith("[") || addr6(word) !== undefined);
}

/** Throws QuestionError. */
export function parseQuestion6(text: string): Question6 {
  const question = parseWords(text, place6);
  if (question.part === "reply")
    throw new QuestionError("'reply' is asked of IPv4 only: turn the question round and say 'established'");
  return question;
}

/** "[2001:db8::5]:40000", "2001:db8::5", "web1" */
function place6(text: string): Place6 {
  const match = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z][\w.-]*))(?::(\d+))?$/i.exec(text);
  const port = match?.[3] === undefined ? {} : { port: Number(match[3]) };
  if (match?.[2] !== undefined) return { name: match[2], ...port };
  const address = addr6(match?.[1] ?? text);
  if (address === undefined)
    throw new QuestionError(`'${text}' is not an IPv6 address ([2001:db8::5]:80 with a port), nor a name`);
  return { address, ...port };
}
