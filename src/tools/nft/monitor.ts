// `nft monitor`: traced packets and changes of tables, a line each, until a signal ends it. A traced packet's rules are shown as they
// were when the monitor began, counters included; those that came later it does not know. Answers to netlink_monitor of src/netlink.c and src/monitor.c
// (nftables 1.0.6).

import type { Generation, NfMonitor, TableChange, TraceMessage, TraceVerdict } from "../../net/netfilter/nf-monitor.ts";
import type { Chain, Table } from "../../net/netfilter/nf-table.ts";
import type { NfTables } from "../../net/netfilter/nf-tables.ts";
import { NftRule } from "../../net/netfilter/nft/rule.ts";
import type { Process } from "../../posix/process.ts";
import { type Task, WaitQueue } from "../../sim/task.ts";
import { chainHead, objectText, ruleLine, setText } from "./print.ts";
import { elementText, type Format } from "./print-rule.ts";
import { tracedPacketText } from "./trace-packet.ts";

/** What is listened to: CMD_MONITOR_OBJ_*, CMD_MONITOR_EVENT_*. */
export interface MonitorCmd {
  readonly event: "any" | "new" | "destroy";
  readonly object: "any" | "tables" | "chains" | "sets" | "rules" | "elements" | "ruleset" | "trace";
}

/** Where messages wait until the program gets to read them; it puts them into words then. */
export class EventQueue {
  readonly #messages: (() => string)[] = [];
  readonly #queue: WaitQueue = new WaitQueue();

  tell(words: () => string): void {
    this.#messages.push(words);
    this.#queue.wakeAll();
  }

  /** The next text, once there is one. */
  *next(): Task<string> {
    while (this.#messages.length === 0) yield* this.#queue.wait();
    return this.#messages.shift()!();
  }
}

/** Never returns: a signal ends it. */
export function* nftMonitor(proc: Process, kernel: NfTables, cmd: MonitorCmd, format: () => Format): Task<number> {
  const queue = new EventQueue();
  const teller = new Teller(kernel, cmd, format, (text) => queue.tell(() => text));
  const stop = teller.listen(kernel.monitor);
  try {
    for (;;) yield* proc.print(yield* queue.next());
  } finally {
    stop();
  }
}

class Teller {
  readonly #cmd: MonitorCmd;
  readonly #format: () => Format;
  readonly #tell: (text: string) => void;
  /** texts of rules, by table and handle */
  readonly #rules: ReadonlyMap<Table, ReadonlyMap<number, string>>;

  constructor(kernel: NfTables, cmd: MonitorCmd, format: () => Format, tell: (text: string) => void) {
    this.#cmd = cmd;
    this.#format = format;
    this.#tell = tell;
    const now = format();
    const textsOf = (table: Table): (readonly [number, string])[] =>
      [...table.chains.values()].flatMap(({ rules }) =>
        rules.map((rule) => [rule.handle, ruleLine(rule, now)] as const),
      );
    this.#rules = new Map([...kernel.tables.values()].map((table) => [table, new Map(textsOf(table))]));
  }

  listen(monitor: NfMonitor): () => void {
    const { object, event } = this.#cmd;
    const stops = [monitor.listenTables((changes, generation) => this.#changed(changes, generation))];
    if ((object === "trace" || object === "any") && event === "any")
      stops.push(monitor.listenTrace((message) => this.#traced(message)));
    return () => {
      for (const stop of stops) stop();
    };
  }

  #traced({ id, chain, rule, verdict, mark, packet }: TraceMessage): void {
    const { table } = chain;
    const head = `trace id ${id.toString(16).padStart(8, "0")} ${table.family} ${table.name} ${chain.name} `;
    if (packet !== null)
      this.#tell(`${head}packet: ${tracedPacketText(packet, table.family === "inet", this.#format())}\n`);
    if (rule === null) {
      const marked = mark === 0 ? "" : `meta mark 0x${mark.toString(16).padStart(8, "0")} `;
      this.#tell(`${head}policy ${verdictText(verdict)} ${marked}\n`);
      return;
    }
    const known = this.#rules.get(table)?.get(rule.handle);
    const what = known === undefined ? `unknown rule handle ${rule.handle}` : `rule ${known}`;
    this.#tell(`${head}${what} (verdict ${verdictText(verdict)})\n`);
  }

  #changed(changes: readonly TableChange[], { number, pid, name }: Generation): void {
    for (const change of changes) this.#show(change);
    const { object, event } = this.#cmd;
    if (object === "any" && event === "any") this.#tell(`# new generation ${number} by process ${pid} (${name})\n`);
  }

  #show(change: TableChange): void {
    const { object, event } = this.#cmd;
    if (object === "trace") return;
    // of named objects only a monitor of everything tells
    const wanted = { table: "tables", chain: "chains", rule: "rules", set: "sets", element: "elements", object: "" };
    const all = object === "any" || object === "ruleset";
    const anyEvent = event === "any" || (event === "new") === change.isNew;
    if (anyEvent && (all || wanted[change.kind] === object) && (change.kind !== "object" || event === "any"))
      this.#tell(changeText(change, this.#format()));
    if (change.kind !== "rule" || change.isNew || !(change.rule instanceof NftRule)) return;
    if (event === "new" || (!all && object !== "sets")) return;
    this.#tell(anonymousText(change.table, change.rule));
  }
}

/** Sets that go with their rule. */
function anonymousText({ family, name }: Table, rule: NftRule): string {
  return rule
    .anonymousSets()
    .map((set) => `delete set ${family} ${name} ${set}\n`)
    .join("");
}

function verdictText(verdict: TraceVerdict): string {
  return typeof verdict === "string" ? verdict : `${verdict.goes} ${verdict.to}`;
}

function changeText(change: TableChange, format: Format): string {
  const { table, isNew } = change;
  const where = `${table.family} ${table.name}`;
  const verb = isNew ? "add" : "delete";
  const handle = (number: number): string => (format.handles ? ` # handle ${number}` : "");
  switch (change.kind) {
    case "table":
      return `${verb} table ${where}${handle(table.handle)}\n`;
    case "chain": {
      const { chain, name, policy, exclusive } = change;
      if (!isNew) return `delete chain ${where} ${name}\n`;
      return `${exclusive ? "create" : "add"} chain ${where} ${name}${settings(chain, policy, format)}${handle(chain.handle)}\n`;
    }
    case "rule": {
      const { chain, rule, inserted } = change;
      if (!isNew) return `delete rule ${where} ${chain.name} handle ${rule.handle}\n`;
      return `${inserted ? "insert" : "add"} rule ${where} ${chain.name} ${ruleLine(rule, format)}\n`;
    }
    case "set": {
      const { spec } = change.set;
      if (!isNew) return `delete set ${where} ${spec.name}\n`;
      return `add ${oneLine(setText(change.set, format, []), where)}`;
    }
    case "element":
      return `${verb} element ${where} ${change.set.spec.name} { ${elementText(change.element, change.set.spec, format)} }\n`;
    case "object": {
      const { object } = change;
      if (!isNew) return `delete ${object.type} ${where} ${object.name}\n`;
      return `add ${oneLine(objectText(object, format), where)}`;
    }
  }
}

function settings(chain: Chain, policy: number, format: Format): string {
  const head = chainHead(chain, policy, format);
  return head === "" ? "" : ` { ${head} }`;
}

/** A block's lines on one: `set s {` … `}` with the table in front of the name, each line but the first ended by a semicolon. */
function oneLine(block: string, where: string): string {
  const [head, ...lines] = block.trim().split("\n");
  const [kind, ...rest] = head!.split(" ");
  // "ct helper" is the only kind of two words
  const name = kind === "ct" ? rest.slice(1) : rest;
  const words = kind === "ct" ? `ct ${rest[0]}` : kind;
  const isSet = kind === "set" || kind === "map";
  const inner = lines.slice(0, -1).map((line) => `${line.trim()}${isSet ? ";" : ""} `);
  return `${words} ${where} ${name.join(" ")} ${inner.join("")}} \n`;
}
