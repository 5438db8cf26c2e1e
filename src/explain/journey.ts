// One packet's way through a machine, from the trace of the engine that carried it: rules looked at, what was rewritten,
// routes taken, and where it ended and why. Nothing here judges a packet; it only reads what happened.

import { strerror } from "../base/errno.ts";
import type { Host } from "../host/host.ts";
import type { Lab } from "../host/lab.ts";
import type { SkBuff } from "../net/core/skb.ts";
import type { Rule } from "../net/netfilter/rule.ts";
import type { NetNamespace } from "../net/netns.ts";
import { namespacesOf } from "../scenario/namespaces.ts";
import type { TraceEvent, TraceRule } from "../sim/trace.ts";
import { PLAIN_NAMES, withSets } from "../tools/iptables/names.ts";
import { socketOwner } from "../tools/net-util/sock-table.ts";
import {
  type Flow,
  flowOf,
  flowText,
  hasIpv4,
  reasonText,
  routeText,
  ruleName,
  ruleText,
  viaText,
} from "../trace/words.ts";
import { ICMP_ECHOREPLY } from "../wire/icmp.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { get32 } from "../wire/layout.ts";
import { ACK, SYN } from "../wire/tcp.ts";
import { EDGE } from "./edge.ts";
import { type Question, questionText } from "./question.ts";
import { OPENING, prepare, type Segment } from "./send.ts";

export type Step =
  | { readonly kind: "at"; readonly namespace: string; readonly what: string; readonly packet: string }
  | { readonly kind: "hook"; readonly namespace: string; readonly hook: string }
  | {
      readonly kind: "rule";
      readonly hook: string;
      readonly table: string;
      readonly chain: string;
      /** 0: the policy */
      readonly number: number;
      readonly text: string;
      readonly matched: boolean;
      /** what becomes of the packet; "" when the rule did not match */
      readonly verdict: string;
    }
  | { readonly kind: "rewrite"; readonly what: string; readonly before: string; readonly after: string }
  | { readonly kind: "route"; readonly namespace: string; readonly what: string };
export type RuleStep = Extract<Step, { kind: "rule" }>;

export interface Journey {
  readonly question: string;
  readonly steps: readonly Step[];
  readonly arrives: boolean;
  /** where it ended, and why */
  readonly end: string;
  /** the last rule or policy that accepted or dropped it */
  readonly decidedBy: string;
}

/** Virtual time in which a packet gets where it goes; where nothing answers ARP, Linux gives up after three seconds. */
const WAY_NS: number = 4_000_000_000;

/**
 * Sends the packet and tells of its way. Throws QuestionError.
 * @param known of a machine that was read from files: what there is beyond its devices is not known
 */
export async function explainPacket(
  lab: Lab,
  host: Host,
  question: Question,
  known: Known | null = null,
): Promise<Journey> {
  const first = await follow(lab, host, question, known, OPENING);
  if (question.part === "first") return first.journey;
  if (!first.journey.arrives)
    return { ...first.journey, end: `the connection does not begin: its first packet is ${first.journey.end}` };
  let answer = first.answer?.finish(0, host.netns);
  const seq = first.answer?.sequence ?? ANSWER.seq;
  if (answer === undefined) {
    const back = first.traveller.turned();
    const segment = { ...ANSWER, id: first.traveller.echoId };
    answer = (await follow(lab, host, back, known, segment)).journey;
  }
  if (question.part === "reply") return { ...answer, question: questionText(question) };
  if (!answer.arrives) return { ...answer, end: `the connection does not stand: the answer is ${answer.end}` };
  return (await follow(lab, host, question, known, { ...OPENING, flags: ACK, seq: 2, ack: (seq + 1) >>> 0 })).journey;
}

/** What comes back: a segment that accepts a connection, an echo. */
const ANSWER: Segment = { flags: SYN | ACK, seq: 1, ack: 2, type: ICMP_ECHOREPLY, id: 1 };

interface Followed {
  readonly journey: Journey;
  readonly traveller: Traveller;
  /** what the machine where it arrived sent back by itself; its journey */
  readonly answer: Traveller | null;
}

/** Sends one packet and looks where it goes. */
async function follow(
  lab: Lab,
  host: Host,
  question: Question,
  known: Known | null,
  segment: Segment,
): Promise<Followed> {
  const { packet, origin, send } = prepare(host, question, segment);
  const traveller = new Traveller(host, question, known, segment !== OPENING);
  let answer: Traveller | null = null;
  let answered = 0;
  const pool = lab.kernel.skbs;
  const before = pool.trace;
  pool.trace = (event, skb) => {
    if (event.packet === packet && skb.id === packet) traveller.see(event, skb);
    else if (answer === null && event.where === "ipLocalOut" && traveller.isAnsweredBy(event, skb)) {
      answer = new Traveller(host, question, known, true);
      answered = event.packet;
    }
    if (answer !== null && event.packet === answered && skb.id === answered) answer.see(event, skb);
  };
  try {
    const errno = send();
    await lab.advance(known === null ? WAY_NS : WAY_NS / 8);
    return { journey: traveller.finish(errno, origin), traveller, answer };
  } finally {
    pool.trace = before;
  }
}

const HOOKS: ReadonlyMap<string, string> = new Map([
  ["PRE_ROUTING", "PREROUTING"],
  ["LOCAL_IN", "INPUT"],
  ["FORWARD", "FORWARD"],
  ["LOCAL_OUT", "OUTPUT"],
  ["POST_ROUTING", "POSTROUTING"],
]);

/** What files told of a machine, besides what was built. */
export interface Known {
  readonly published: readonly { readonly hostPort: number }[];
}

interface Delivery {
  readonly net: object;
  readonly namespace: string;
  readonly words: Flow;
  readonly ifindex: number;
}

class Traveller {
  readonly #host: Host;
  readonly #question: Question;
  readonly #known: Known | null;
  readonly #later: boolean;
  readonly #steps: Step[] = [];
  #hook = "";
  #namespace = "";
  #packet = "";
  #mark: number;
  #decided: RuleStep | null = null;
  #left: { namespace: string; dev: string; via: string; words: Flow } | null = null;
  #delivered: Delivery | null = null;
  #dropped: { namespace: string; reason: string } | null = null;

  /** sequence number of the TCP segment */
  sequence = 0;

  /** @param later not the first packet of its connection */
  constructor(host: Host, question: Question, known: Known | null, later: boolean) {
    this.#later = later;
    this.#host = host;
    this.#question = question;
    this.#known = known;
    this.#mark = question.mark;
  }

  /** Whether a packet that is sent where this one was delivered is the answer to it. */
  isAnsweredBy({ netns }: TraceEvent, skb: SkBuff): boolean {
    const delivered = this.#delivered;
    if (delivered === null || delivered.namespace !== netns || !hasIpv4(skb)) return false;
    const { saddr, sport, daddr, dport, protocol } = flowOf(skb);
    const { words } = delivered;
    return (
      protocol === words.protocol &&
      saddr === words.daddr &&
      sport === words.dport &&
      daddr === words.saddr &&
      dport === words.sport
    );
  }

  /** The question that is asked of an answer: from where this packet arrived, or from where it was sent on to. */
  turned(): Question {
    const { protocol } = this.#question;
    const words = (this.#delivered?.words ?? this.#left?.words)!;
    const ends = {
      from: { address: words.daddr, ...(words.dport === 0 ? {} : { port: words.dport }) },
      to: { address: words.saddr, ...(words.sport === 0 ? {} : { port: words.sport }) },
    };
    const common = { protocol, mark: 0, part: "first" as const };
    if (this.#delivered !== null) {
      const { namespace } = this.#delivered;
      const name = namespace === this.#host.name ? "host" : namespace;
      return { ...common, ...ends, from: { ...ends.from, name } };
    }
    return { ...common, ...ends, dev: this.#left!.dev };
  }

  get echoId(): number {
    return (this.#delivered?.words ?? this.#left?.words)?.id ?? 1;
  }

  see(event: TraceEvent, skb: SkBuff): void {
    const { where, netns: namespace, dev } = event;
    // the far end of a cable is another machine, of which the files say nothing
    if (this.#known !== null && namespace === EDGE) return;
    if (skb.mark !== this.#mark) {
      const hex = (mark: number): string => `0x${(mark >>> 0).toString(16)}`;
      this.#steps.push({ kind: "rewrite", what: "mark", before: hex(this.#mark), after: hex(skb.mark) });
    }
    this.#mark = skb.mark;
    if (event.rule) {
      this.#rule(namespace, event.rule);
      return;
    }
    if (namespace !== "") this.#namespace = namespace;
    if (where === "kfreeSkb") {
      if (event.detail === "OTHERHOST" || event.detail.startsWith("BRIDGE_")) return;
      // of a machine out of files the neighbours are not known, but for containers
      const beyond = this.#left !== null && this.#host.netns.net.deviceByName(this.#left.dev)?.kind !== "bridge";
      if (this.#known !== null && event.detail === "NEIGH_FAILED" && beyond) return;
      // what is dropped on its way out is on no device yet
      this.#dropped = { namespace: namespace || this.#namespace, reason: event.detail };
      return;
    }
    const hook = HOOKS.get(where);
    if (hook !== undefined) {
      this.#hook = hook;
      this.#steps.push({ kind: "hook", namespace, hook });
    }
    if (skb.networkHeader < 0 || skb.head[skb.networkHeader]! >> 4 !== 4) return;
    const now = flowText(flowOf(skb));
    if (this.#packet !== "" && this.#packet !== now)
      this.#steps.push({ kind: "rewrite", what: event.detail || "rewritten", before: this.#packet, after: now });
    this.#packet = now;
    if (this.sequence === 0 && this.#question.protocol === "tcp")
      this.sequence = get32(skb.head, skb.networkHeader + ipv4.getHeaderLength(skb.head, skb.networkHeader) + 4);
    switch (where) {
      case "netifReceiveSkb":
        this.#left = null;
        this.#steps.push({ kind: "at", namespace, what: `comes in on ${dev}`, packet: now });
        break;
      case "ipLocalOut":
        this.#steps.push({ kind: "at", namespace, what: `is sent here, route: ${routeText(skb)}`, packet: now });
        break;
      case "ipForward":
        this.#steps.push({ kind: "route", namespace, what: `to be forwarded, ${routeText(skb)}` });
        break;
      case "ipLocalDeliver":
        this.#steps.push({ kind: "route", namespace, what: "for this machine" });
        this.#delivered = { net: skb.dev!.net, namespace, words: flowOf(skb), ifindex: skb.dev!.ifindex };
        break;
      case "ipFinishOutput2":
        this.#left = { namespace, dev, via: event.detail, words: flowOf(skb) };
        this.#steps.push({ kind: "route", namespace, what: `leaves by ${dev}${viaText(event.detail)}` });
    }
  }

  #rule(namespace: string, { table, chain, number, step, verdict, rule }: TraceRule): void {
    if (step === "look") {
      const { net, nf } =
        namespacesOf(this.#host).find((each) => each.netns.net.label === namespace)?.netns ?? this.#host.netns;
      const text = ruleText(chain, rule as Rule, net, withSets(PLAIN_NAMES, nf.sets));
      this.#steps.push({ kind: "rule", hook: this.#hook, table, chain, number, text, matched: false, verdict: "" });
      return;
    }
    if (step === "policy") {
      const text = `-P ${chain} ${verdict}`;
      const policy: RuleStep = {
        kind: "rule",
        hook: this.#hook,
        table,
        chain,
        number: 0,
        text,
        matched: true,
        verdict,
      };
      this.#steps.push(policy);
      if (table.endsWith("filter") || verdict === "DROP") this.#decided = policy;
      return;
    }
    const last = this.#steps.findLastIndex((each) => each.kind === "rule");
    const now: RuleStep = {
      ...(this.#steps[last] as RuleStep),
      matched: verdict !== "BREAK",
      verdict: verdict === "TARGET" || verdict === "BREAK" ? "" : verdict,
    };
    this.#steps[last] = now;
    if (now.verdict === "DROP" || (now.verdict === "ACCEPT" && table.endsWith("filter"))) this.#decided = now;
  }

  finish(errno: number, origin: NetNamespace): Journey {
    const done = (arrives: boolean, end: string): Journey => ({
      question: questionText(this.#question),
      steps: this.#steps,
      arrives,
      end,
      decidedBy: this.#decided === null ? "no rule" : ruleName(this.#decided),
    });
    const dropped = this.#dropped;
    const delivered = this.#delivered;
    // what its receiver makes of it is not asked: no process opened this connection
    if (this.#later && delivered !== null && dropped?.reason !== "NETFILTER_DROP")
      return done(true, `gets to ${delivered.namespace}`);
    if (dropped !== null && dropped.reason === "NO_SOCKET") {
      const port = delivered?.words.dport ?? 0;
      const published = this.#known?.published.some(({ hostPort }) => hostPort === port) ?? true;
      if (dropped.namespace === this.#host.name && !published)
        return done(true, `reaches ${dropped.namespace}; whether a process listens there, the files do not say`);
      return done(false, `reaches ${dropped.namespace}, where no process listens on this address and port ${port}`);
    }
    if (dropped !== null && dropped.reason === "NETFILTER_DROP") {
      const by = this.#decided === null ? "netfilter" : ruleName(this.#decided);
      return done(false, `dropped in ${dropped.namespace} by ${by}`);
    }
    if (dropped !== null) return done(false, `dropped in ${dropped.namespace}: ${reasonText(dropped.reason)}`);
    if (delivered !== null) return done(true, this.#receiver(delivered));
    if (this.#left !== null) {
      const { namespace, dev, via } = this.#left;
      return done(true, `forwarded by ${namespace} to ${dev}${viaText(via)}`);
    }
    if (errno !== 0) return done(false, `${origin.net.label} does not send it: ${strerror(errno)}`);
    return done(false, "lost: no trace of its end");
  }

  #receiver({ net, namespace, words, ifindex }: Delivery): string {
    const at = namespacesOf(this.#host).find((each) => each.netns.net === net)?.netns;
    const { saddr, sport, daddr, dport, protocol } = words;
    if (protocol === ipv4.IPPROTO_ICMP) return `delivered to ${namespace}: its kernel answers`;
    const sock =
      protocol === ipv4.IPPROTO_TCP
        ? at?.tcp.hash.lookupListener(saddr, sport, daddr, dport, ifindex)
        : at?.ipv4.udp.lookup(saddr, sport, daddr, dport, ifindex);
    const owner = sock ? socketOwner(this.#host.machine, sock) : undefined;
    // on a machine out of files the listeners are stand-ins
    if (this.#known !== null)
      return `delivered to ${namespace}, port ${dport}${namespace === this.#host.name ? ": docker-proxy" : ""}`;
    return `delivered to ${namespace}, port ${dport}${owner === undefined ? "" : `: ${owner.name} (pid ${owner.pid})`}`;
  }
}
