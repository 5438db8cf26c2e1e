// conntrack(8) of conntrack-tools 1.4.7: lists, makes, changes and deletes tracked connections, and shows what happens to
// them. Answers to do_command_ct of src/conntrack.c. Leaves out connlabels; expectations are listed, counted and flushed, but
// not made by hand.

import { Errno, NetError, strerror } from "../../base/errno.ts";
import { decodeUtf8 } from "../../base/text.ts";
import { netnsOf } from "../../host/host.ts";
import type { Conntrack } from "../../net/netfilter/conntrack.ts";
import {
  IPCT_DESTROY,
  IPCT_MARK,
  IPCT_NEW,
  IPCT_PROTOINFO,
  IPCT_RELATED,
} from "../../net/netfilter/conntrack-entry.ts";
import { ConnInfo } from "../../net/netfilter/conntrack-info.ts";
import { Interrupted, type Process, SIGINT, SIGTERM } from "../../posix/process.ts";
import { type Task, WaitQueue } from "../../sim/task.ts";
import { quotedWords } from "../iptables/restore.ts";
import { readTextFile } from "../net-util/sockets.ts";
import { Stdout } from "../net-util/stdio.ts";
import { createConn, getConn, updateConn } from "./change.ts";
import { checkMasks, dumped, wanted } from "./filter.ts";
import { connText, type EventType, expectText } from "./format.ts";
import { PROGRAM, PROTO_OPTIONS } from "./options.ts";
import { type CtCommand, ExitError, OTHER_PROBLEM, PARAMETER_PROBLEM, parseConntrack } from "./parse.ts";
import { protoHelp, usage } from "./usage.ts";

const XML_HEADER = '<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n';

export function* conntrack(proc: Process): Task<number> {
  const tool = new ConntrackTool(proc);
  try {
    return yield* tool.run(proc.argv.slice(1));
  } catch (error) {
    if (!(error instanceof ExitError)) throw error;
    let text = `${error.warnings}${PROGRAM}: ${error.message}\n`;
    if (error.status === PARAMETER_PROBLEM) text += "Try `conntrack -h' or 'conntrack --help' for more information.\n";
    yield* proc.printError(text);
    yield* tool.stdout.flush();
    return error.status;
  }
}

/** What each command says at its end; commands that are not here say nothing. */
const SUMMARIES: Readonly<Partial<Record<NonNullable<CtCommand["name"]>, string>>> = {
  list: "flow entries have been shown.",
  create: "flow entries have been created.",
  update: "flow entries have been updated.",
  delete: "flow entries have been deleted.",
  get: "flow entries have been shown.",
  event: "flow events have been shown.",
  "expect-list": "expectations have been shown.",
  "expect-delete": "expectations have been shown.",
  add: "flow entries have been added.",
};

/** err2str: errors in the tool's own words. */
function errorText(errno: number, { name }: CtCommand): string {
  if (errno === Errno.EINVAL) return "invalid parameters";
  if (errno === Errno.EEXIST && name === "create") return "Such conntrack exists, try -U to update";
  const lookedFor = name === "create" || name === "get" || name === "delete" || name === "add";
  if (errno === Errno.ENOENT && lookedFor) return "such conntrack doesn't exist";
  return strerror(errno);
}

/** A program's second netlink socket gets a port at random, above all process ids (netlink_autobind). */
function randomPort(pid: number): number {
  return (0x80000000 + (Math.imul(pid, 0x9e3779b1) >>> 2)) >>> 0;
}

/**
 * Which of the updated connections 1.4.7 shows: its answers and acknowledgements get out of step, so that it reads only the first
 * and, of four and more, the third. Recorded with one to six.
 */
function updateIsShown(index: number, count: number): boolean {
  return index === 0 || (index === 2 && count > 3);
}

class ConntrackTool {
  readonly #proc: Process;
  readonly #ct: Conntrack;
  readonly #epochNs: number;
  readonly stdout: Stdout;
  #counter = 0;

  constructor(proc: Process) {
    this.#proc = proc;
    this.#ct = netnsOf(proc).nf.ct;
    this.#epochNs = Number(proc.machine.epochNs);
    this.stdout = new Stdout(proc);
  }

  *run(args: readonly string[]): Task<number> {
    if (args.length > 1 && (args[0] === "-R" || args[0] === "--load-file")) return yield* this.#loadFile(args[1]!);
    const command = parseConntrack(args);
    yield* this.#proc.printError(command.warnings);
    yield* this.#do(command);
    const status = yield* this.#summary(command);
    yield* this.stdout.flush();
    return status;
  }

  /** Commands that change something, one a line. */
  *#loadFile(path: string): Task<number> {
    const text = path === "-" ? decodeUtf8(yield* this.#proc.readAll()) : readTextFile(this.#proc, path);
    if (text === undefined) throw new ExitError(PARAMETER_PROBLEM, `Failed to open file ${path} for reading`);
    const lines = text.split("\n").map((line) => line.trimStart());
    const commands = lines
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => parseConntrack(quotedWords(line)));
    for (const { name } of commands)
      if (name === undefined || !["create", "add", "update", "delete", "flush"].includes(name))
        throw new ExitError(PARAMETER_PROBLEM, `Cannot use command \`${name ?? "unknown"}' with --load-file`);
    for (const command of commands) yield* this.#do(command);
    yield* this.stdout.flush();
    return 0;
  }

  *#summary({ name }: CtCommand): Task<number> {
    const summary = name === undefined ? undefined : SUMMARIES[name];
    if (summary === undefined) return 0;
    yield* this.#proc.printError(`${PROGRAM}: ${this.#counter} ${summary}\n`);
    return this.#counter === 0 && name !== "list" && name !== "expect-list" && name !== "add" ? 1 : 0;
  }

  *#do(command: CtCommand): Task<void> {
    switch (command.name) {
      case "list":
        yield* this.#list(command);
        return;
      case "create":
      case "add":
      case "update":
      case "delete":
      case "get":
        yield* this.#change(command);
        return;
      case "flush":
        this.#byUser(() => this.#ct.killWhere(() => command.family !== "ipv6"));
        yield* this.#proc.printError(`${PROGRAM}: connection tracking table has been emptied.\n`);
        return;
      case "event":
        yield* this.#events(command);
        return;
      case "count":
        yield* this.stdout.print(`${this.#ct.count}\n`);
        return;
      case "stats":
        yield* this.stdout.print(this.#statistics());
        return;
      case "version":
        yield* this.stdout.print(`${PROGRAM}\n`);
        return;
      case "help":
      case undefined: {
        const proto = command.template.proto === undefined ? undefined : PROTO_OPTIONS.get(command.template.proto);
        yield* this.stdout.print(usage() + (command.used.has("p") ? protoHelp(proto) : ""));
        return;
      }
      default:
        yield* this.#expectations(command);
    }
  }

  *#expectations(command: CtCommand): Task<void> {
    switch (command.name) {
      case "expect-list":
        for (const exp of this.#ct.expectations.living) {
          yield* this.stdout.print(`${expectText(this.#ct, exp)}\n`);
          this.#counter++;
        }
        return;
      case "expect-count":
        yield* this.stdout.print(`${this.#ct.expectations.living.length}\n`);
        return;
      case "expect-event":
        yield* this.#showEvents(command, (tell) =>
          this.#ct.expectations.listen((event, exp) => tell(`${expectText(this.#ct, exp, event)}\n`)),
        );
        return;
      case "expect-stats":
        yield* this.stdout.print("cpu=0   \texpect_new=0 expect_create=0 expect_delete=0 \n");
        return;
      case "expect-flush":
        this.#ct.expectations.clear();
        yield* this.#proc.printError(`${PROGRAM}: expectation table has been emptied.\n`);
        return;
      case "expect-delete":
      case "expect-get":
        throw new ExitError(OTHER_PROBLEM, `Operation failed: ${strerror(Errno.ENOENT)}`);
      default:
        throw new ExitError(OTHER_PROBLEM, `Operation failed: ${strerror(Errno.EOPNOTSUPP)}`);
    }
  }

  /** @param more references that the tool itself holds */
  #text(
    command: CtCommand,
    conn: ConnInfo,
    more = 0,
    references: ReadonlyMap<number, number> = netnsOf(this.#proc).nf.references(),
  ): string {
    const { output } = command;
    const use = 1 + (references.get(conn.row) ?? 0) + more;
    return `${connText({ ct: this.#ct, conn, output, epochNs: this.#epochNs, use })}\n`;
  }

  #found(command: CtCommand): ConnInfo[] {
    checkMasks(command);
    if (command.table !== "conntrack") return [];
    return this.#ct.list.filter((conn) => dumped(command, conn) && wanted(command, conn));
  }

  *#list(command: CtCommand): Task<void> {
    const { used, output } = command;
    const comparing = [..."psdrqmcuiwl()"].some((letter) => used.has(letter));
    if (comparing && used.has("z")) throw new ExitError(PARAMETER_PROBLEM, "Can't use -z with filtering parameters");
    const conns = this.#found(command);
    const xml = output.has("xml") && conns.length > 0;
    if (xml) yield* this.stdout.print(XML_HEADER);
    const references = netnsOf(this.#proc).nf.references();
    for (const conn of conns) {
      yield* this.stdout.print(this.#text(command, conn, 0, references));
      this.#counter++;
      if (used.has("z") && conn.acct && this.#ct.isAlive(conn)) this.#ct.rows.clearCounters(conn.row);
    }
    if (!xml) return;
    yield* this.stdout.print("</conntrack>\n");
    yield* this.stdout.flush();
  }

  /** Listeners learn that a user did it. */
  #byUser<T>(action: () => T, port = this.#proc.pid): T {
    this.#ct.userPort = port;
    try {
      return action();
    } finally {
      this.#ct.userPort = 0;
    }
  }

  *#change(command: CtCommand): Task<void> {
    try {
      if (command.name === "create" || command.name === "add") {
        this.#byUser(() => createConn(this.#ct, command));
        this.#counter++;
      } else if (command.name === "get") {
        const conn = getConn(this.#ct, command);
        if (!conn) throw new NetError(Errno.ENOENT);
        if (!wanted(command, conn)) return;
        // begun and never ended
        if (command.output.has("xml")) yield* this.stdout.print(XML_HEADER);
        yield* this.stdout.print(this.#text(command, conn, 1));
        this.#counter++;
      } else yield* this.#changeFound(command);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      if (error.errno === Errno.EEXIST && command.name === "add") return;
      throw new ExitError(OTHER_PROBLEM, `Operation failed: ${errorText(error.errno, command)}`);
    }
  }

  *#changeFound(command: CtCommand): Task<void> {
    const updating = command.name === "update";
    // for -U a mark, a status and a state say what to set, not what to look for
    const { mark, markMask, status, tcpState, ...lookedFor } = command.template;
    const used = new Set([...command.used].filter((letter) => letter !== "m" && letter !== "u"));
    const filter = updating ? { ...command, used, template: lookedFor } : command;
    const found = this.#found(filter);
    if (!updating) {
      // asked for by other requests than -L's, which do not ask for times
      const output = new Set([...command.output].filter((kind) => kind !== "ktimestamp"));
      for (const conn of found) {
        const text = this.#text({ ...command, output }, conn);
        this.#byUser(() => this.#ct.isAlive(conn) && this.#ct.kill(conn.row), randomPort(this.#proc.pid));
        yield* this.stdout.print(text);
        this.#counter++;
      }
      return;
    }
    for (const conn of found) {
      // without -f or an address, the request names no family, and the kernel knows none of its tuples
      if (command.family === "any") {
        yield* this.#proc.printError(`Operation failed: ${strerror(Errno.EOPNOTSUPP)}\n`);
        throw new NetError(Errno.EOPNOTSUPP);
      }
      if (!this.#ct.isAlive(conn) || !this.#byUser(() => updateConn(this.#ct, conn.row, command))) continue;
      if (updateIsShown(this.#counter, found.length))
        yield* this.stdout.print(this.#text(command, new ConnInfo(this.#ct, conn.row), 1));
      this.#counter++;
    }
  }

  #statistics(): string {
    const { stat } = this.#ct;
    const counters: readonly (readonly [string, number])[] = [
      ["found", stat.found],
      ["invalid", stat.invalid],
      ["insert", stat.insert],
      ["insert_failed", stat.insertFailed],
      ["drop", stat.drop],
      ["early_drop", stat.earlyDrop],
      ["error", stat.error],
      ["search_restart", stat.searchRestart],
      ["clash_resolve", stat.clashResolve],
      ["chaintoolong", stat.chainTooLong],
    ];
    return `cpu=0   \t${counters.map(([name, value]) => `${name}=${value} `).join("")}\n`;
  }

  /** Prints events until a signal comes. */
  *#events(command: CtCommand): Task<void> {
    checkMasks(command);
    if (command.used.has("b"))
      yield* this.#proc.printError(
        `NOTICE: Netlink socket buffer size has been set to ${2 * command.bufferSize} bytes.\n`,
      );
    yield* this.#showEvents(command, (tell) =>
      this.#ct.events.listen((events, conn) => {
        const line = this.#eventLine(command, events, conn);
        if (line !== undefined) tell(line);
      }),
    );
  }

  /** Prints what it is told until a signal comes. */
  *#showEvents(command: CtCommand, listen: (tell: (line: string) => void) => () => void): Task<void> {
    const proc = this.#proc;
    proc.onSignal(SIGINT, "interrupt");
    proc.onSignal(SIGTERM, "interrupt");
    const waiting: string[] = [];
    const queue = new WaitQueue();
    const stop = listen((line) => {
      waiting.push(line);
      queue.wakeAll();
    });
    let xml = false;
    try {
      for (;;) {
        while (waiting.length > 0) {
          if (command.output.has("xml") && !xml) yield* this.stdout.print(XML_HEADER);
          xml = command.output.has("xml");
          yield* this.stdout.print(waiting.shift()!);
          yield* this.stdout.flush();
          this.#counter++;
        }
        yield* queue.wait();
      }
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
    } finally {
      stop();
    }
    if (xml) yield* this.stdout.print("</conntrack>\n");
    yield* this.stdout.flush();
    const what = command.table === "expect" ? "expectation" : "flow";
    yield* proc.printError(`${PROGRAM}: ${this.#counter} ${what} events have been shown.\n`);
    proc.exit(0);
  }

  #eventLine(command: CtCommand, events: number, conn: ConnInfo): string | undefined {
    const event: EventType = events & IPCT_DESTROY ? "destroy" : events & (IPCT_NEW | IPCT_RELATED) ? "new" : "update";
    const kind = event === "destroy" ? "DESTROY" : event === "new" ? "NEW" : "UPDATES";
    if (command.events && !command.events.has(kind)) return undefined;
    if (!wanted(command, conn)) return undefined;
    const { output } = command;
    const { userPort } = this.#ct;
    const text = connText({
      ct: this.#ct,
      conn,
      output,
      epochNs: this.#epochNs,
      event,
      use: 0,
      withState: event !== "update" || (events & IPCT_PROTOINFO) !== 0,
      withMark: (events & IPCT_MARK) !== 0 || (event === "new" && userPort !== 0),
    });
    const stamp =
      output.has("timestamp") && !output.has("xml") && !output.has("save") ? `[${this.#wallClock()}]\t` : "";
    return `${stamp}${text}${userPort === 0 ? "" : ` [USERSPACE] portid=${userPort} progname=conntrack`}\n`;
  }

  /** Seconds since 1970 with six places. */
  #wallClock(): string {
    const us = this.#proc.machine.wallClockNs() / 1000n;
    return `${us / 1_000_000n}.${String(us % 1_000_000n).padStart(6, "0")}`;
  }
}
