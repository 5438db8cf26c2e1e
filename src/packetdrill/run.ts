// Runs a script against the emulated kernel in virtual time: event after event, each at its time; what the kernel sends is
// held against what the script expects. The first thing that is not as expected ends the run with a message in packetdrill's
// words.

import { concatBytes } from "../base/bytes.ts";
import { Errno, type ErrnoName, errnoName, NetError, strerror } from "../base/errno.ts";
import { decodeUtf8 } from "../base/text.ts";
import { type Ns, SEC, USEC } from "../base/time.ts";
import type { Host } from "../host/host.ts";
import { defaultEnvironment, Lab as Engine, Stuck } from "../host/lab.ts";
import { SKB_GSO_TCPV4 } from "../net/core/skb.ts";
import { TcpStreamSock } from "../net/ipv4/tcp.ts";
import type { NetNamespace } from "../net/netns.ts";
import { NullFile, SinkFile } from "../posix/file.ts";
import { fileNode } from "../posix/vfs.ts";
import { furnishHost, standardPrograms } from "../scenario/programs.ts";
import type { FilterLibrary } from "../shell/filters.ts";
import { programNode } from "../shell/install.ts";
import type { Task } from "../sim/task.ts";
import { formatIpv4 } from "../wire/addr.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { get32 } from "../wire/layout.ts";
import * as tcp from "../wire/tcp.ts";
import { CallMismatch, numberOf, type World } from "./call-arguments.ts";
import { startCall } from "./calls.ts";
import { continuationDifference, difference, joinSegments, payloadLength } from "./compare.ts";
import { type Config, defaultConfig, localCidr, setOption } from "./config.ts";
import { Connection } from "./connection.ts";
import type { Descriptor } from "./descriptors.ts";
import { packetBytes } from "./packet-bytes.ts";
import { packetText } from "./packet-text.ts";
import { parseScript } from "./parse.ts";
import { Python } from "./python.ts";
import { type Call, type Code, type Event, type PacketSpec, type Script, ScriptError } from "./script.ts";
import { setSysctls } from "./set-sysctls.ts";
import { namesOf } from "./tcp-info-names.ts";
import { type Sent, Tun } from "./tun.ts";

export interface PacketdrillInput {
  /** the script's text */
  readonly text: string;
  /** how messages call it */
  readonly path: string;
  /** the folder in which its commands run, absolute */
  readonly folder: string;
  /** files that its commands use, by absolute path */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** options of the command line, without "--"; the script's win */
  readonly options: readonly { readonly name: string; readonly value: string }[];
  readonly seed: number;
  readonly filters?: FilterLibrary;
  /** what commands and code print, and --verbose */
  readonly print: (text: string) => void;
}

export interface PacketdrillResult {
  readonly ok: boolean;
  /** what went wrong: `FILE:LINE: …`, further lines behind */
  readonly message: string;
  /** what went wrong and was not to end the run (--non_fatal) */
  readonly warnings: readonly string[];
  /** virtual time of the script's events */
  readonly virtualNs: Ns;
}

/** A call on the way may wait so long for packets that the script does not send. */
const CALL_LIMIT_NS: Ns = 300 * SEC;
/** How long beyond its time an expected packet is waited for. */
const PATIENCE_NS: Ns = 2 * SEC;
/** What injecting a packet or starting a call takes. */
const STEP_NS: Ns = 2 * USEC;

/** Something was not as the script expects. */
class Failure extends Error {
  override readonly name: string = "Failure";
}

/** Runs one script. Throws ScriptError with the line for a mistake in it or what is not supported. */
export async function runPacketdrill(input: PacketdrillInput): Promise<PacketdrillResult> {
  const defines = new Map<string, string>();
  const config = defaultConfig();
  for (const { name, value } of input.options) {
    if (name === "define") defines.set(value.slice(0, value.indexOf("=")), value.slice(value.indexOf("=") + 1));
    else setOption(config, name, value, 0);
  }
  const script = parseScript(input.text, defines);
  for (const { name, value, line } of script.options) setOption(config, name, value, line);
  if (config.dryRun) return { ok: true, message: "", warnings: [], virtualNs: 0 };
  return await new Runner(input, script, config).run();
}

/** A process that only looks at files. */
function* nobody(): Task<number> {
  return 0;
}

/** A call that blocks, on its way. */
interface Pending {
  readonly call: Call;
  readonly endNs: Ns;
  readonly toleranceNs: Ns;
  done: boolean;
  doneNs: Ns;
  result: number;
  error: unknown;
}

class Runner implements World {
  readonly config: Config;
  readonly descriptors: Map<number, Descriptor> = new Map();
  readonly connections: Connection[] = [];
  readonly #input: PacketdrillInput;
  readonly #script: Script;
  readonly #lab: Engine;
  readonly #host: Host;
  readonly #tun: Tun;
  readonly #python: Python;
  readonly #warnings: string[] = [];
  #connection: Connection | null = null;
  #pending: Pending | null = null;
  #start: Ns = 0;
  /** ns of the script's time at which it begins, and of the event before the present one */
  #scriptStart: Ns = 0;
  #before: Ns = 0;
  #remotePorts = 0;

  constructor(input: PacketdrillInput, script: Script, config: Config) {
    this.#input = input;
    this.#script = script;
    this.config = config;
    this.#lab = new Engine({
      seed: input.seed,
      programs: standardPrograms({ filters: input.filters, docker: "20" }),
      furnish: furnishHost,
    });
    this.#host = this.#lab.addHost("packetdrill");
    for (const [path, bytes] of input.files) {
      const node = fileNode(bytes);
      node.mode = 0o755;
      // the one script of the public suites that is not for a shell
      this.#host.root.put(path, path.endsWith("/set_sysctls.py") ? programNode(setSysctls) : node);
    }
    // the recorded machine prefers BBR; scripts are written for the kernel's own default
    const { sysctl } = this.netns.tcp;
    sysctl.congestionControl = "cubic";
    sysctl.allowedCongestionControl = ["reno", "bbr", "cubic"];
    this.#tun = new Tun(this.net, config.mtuBytes);
    this.#python = new Python((line) => input.print(`${line}\n`));
  }

  get netns(): NetNamespace {
    return this.#host.netns;
  }

  get net(): NetNamespace["net"] {
    return this.#host.netns.net;
  }

  use(connection: Connection): void {
    this.#connection = connection;
  }

  async run(): Promise<PacketdrillResult> {
    let message = "";
    let line = 0;
    try {
      await this.#prepare();
      for (const event of this.#script.events) {
        line = event.line;
        try {
          await this.#event(event);
        } catch (error) {
          if (!this.#mayGoOn(event, error)) throw error;
          this.#warnings.push(this.#located(line, (error as Error).message));
        }
      }
      if (this.#pending) {
        line = this.#pending.call.line;
        await this.#finishCall();
      }
    } catch (error) {
      if (error instanceof ScriptError)
        return {
          ok: false,
          message: this.#located(error.line || line, error.message),
          warnings: this.#warnings,
          virtualNs: this.#elapsed(),
        };
      if (!(error instanceof Failure)) throw error;
      message = this.#located(line, error.message);
    }
    const virtualNs = this.#elapsed();
    if (this.#script.cleanup) await this.#shell(this.#script.cleanup.text).catch(() => undefined);
    this.#lab.killAll();
    return { ok: message === "", message, warnings: this.#warnings, virtualNs };
  }

  scriptTime(moment: Ns): Ns {
    return moment - this.#start + this.#scriptStart;
  }

  readFile(path: string): Uint8Array {
    return this.#host.root.readFile(this.#host.spawn(nobody, { argv: ["packetdrill"], cwd: this.#input.folder }), path);
  }

  #located(line: number, message: string): string {
    return `${this.#input.path}:${line}: ${message}`;
  }

  #elapsed(): Ns {
    return this.#lab.now - this.#start;
  }

  #mayGoOn(event: Event, error: unknown): boolean {
    if (!(error instanceof Failure)) return false;
    const { kind } = event.action;
    return (kind === "packet" && this.config.nonFatalPackets) || (kind === "call" && this.config.nonFatalCalls);
  }

  /** The device with its addresses and route, then the script's own preparations. */
  async #prepare(): Promise<void> {
    const { config } = this;
    const remote = (config.remoteIp & (config.remotePrefixLen === 0 ? 0 : -1 << (32 - config.remotePrefixLen))) >>> 0;
    await this.#command(
      `ip addr add ${localCidr(config)} dev tun0 && ip link set tun0 up && ` +
        `ip route add ${formatIpv4(remote as never)}/${config.remotePrefixLen} via ${formatIpv4(config.gatewayIp as never)} dev tun0`,
      0,
    );
    for (const path of config.initScripts) await this.#command(path, 0);
    const { init, events } = this.#script;
    if (init) await this.#command(init.text, init.line);
    this.#tun.sent.length = 0;
    this.#start = this.#lab.now;
    const first = events[0]!.time;
    this.#scriptStart = first.kind === "absolute" ? Math.round(first.at * SEC) : 0;
    this.#before = this.#scriptStart;
  }

  async #event(event: Event): Promise<void> {
    const { time, action } = event;
    // times with "+" count from the moment at which the event before was over
    const base = time.kind === "relative" ? this.#lab.now - this.#start + this.#scriptStart : 0;
    const at = time.kind === "any" ? this.#lab.now - this.#start + this.#scriptStart : base + Math.round(time.at * SEC);
    const until = time.kind !== "any" && time.until !== undefined ? base + Math.round(time.until * SEC) : at;
    if (action.kind === "packet" && action.direction === "out") await this.#expect(event, action, at, until);
    else {
      await this.#waitUntil(at - this.#scriptStart + this.#start);
      switch (action.kind) {
        case "packet":
          await this.#inject(action);
          break;
        case "call":
          await this.#call(action, base);
          break;
        case "command":
          await this.#command(action.text, action.line);
          break;
        case "code":
          this.#code(action);
      }
    }
    this.#before = at;
  }

  async #waitUntil(moment: Ns): Promise<void> {
    if (moment > this.#lab.now) await this.#lab.advance(moment - this.#lab.now);
  }

  /** Until `done()` or a moment; false when the moment came first. */
  async #until(done: () => boolean, moment: Ns): Promise<boolean> {
    let late = false;
    const timer = Number.isFinite(moment) ? this.#lab.sim.at(moment, () => (late = true)) : null;
    try {
      await this.#lab.runUntil(() => late || done());
    } catch (error) {
      if (!(error instanceof Stuck)) throw error;
    }
    timer?.del();
    return done();
  }

  // --- packets

  /** The connection that a packet of the script belongs to; a SYN to a listener opens one. */
  #connectionFor(spec: PacketSpec): Connection {
    const current = this.#connection;
    if (spec.protocol === "tcp") {
      if (spec.direction === "in" && (!current || current.stage === "listening")) return this.#opened(spec.seq);
      if (
        spec.direction === "out" &&
        current?.stage === "connecting" &&
        (spec.flags & (tcp.SYN | tcp.ACK)) === tcp.SYN
      ) {
        current.stage = "syn sent";
        current.scriptLocalIsn = spec.seq;
        return current;
      }
    }
    if (!current) throw new Failure("no matching socket for script packet");
    return current;
  }

  #opened(remoteIsn: number): Connection {
    const { config } = this;
    const connection = new Connection("tcp");
    connection.stage = "syn received";
    connection.liveRemoteIsn = remoteIsn;
    connection.local = { addr: config.localIp, port: config.bindPort };
    connection.remote = { addr: config.remoteIp, port: this.#nextRemotePort() };
    this.connections.push(connection);
    this.use(connection);
    return connection;
  }

  #nextRemotePort(): number {
    return 32768 + 2 * ((this.#input.seed * 7919 + this.#remotePorts++) % 14000);
  }

  async #inject(spec: PacketSpec): Promise<void> {
    const connection = this.#connectionFor(spec);
    if (spec.protocol === "tcp") {
      if (connection.stage === "syn sent" && (spec.flags & (tcp.SYN | tcp.ACK)) === (tcp.SYN | tcp.ACK)) {
        connection.stage = "connected";
        connection.liveRemoteIsn = spec.seq;
      }
    }
    const live = connection.liveBytes(spec, this.config.tsEcrScaled);
    this.#verbose("inbound injected", live, "in", this.#lab.now);
    const { mssBytes } = this.config;
    const gso = spec.protocol === "tcp" && mssBytes > 0 && spec.payload > mssBytes ? mssBytes : 0;
    this.#tun.inject(live, gso, gso > 0 ? SKB_GSO_TCPV4 : 0);
    await this.#lab.advance(STEP_NS);
  }

  async #expect(event: Event, spec: PacketSpec, at: Ns, until: Ns): Promise<void> {
    const connection = this.#connectionFor(spec);
    const isSynAck = spec.protocol === "tcp" && (spec.flags & (tcp.SYN | tcp.ACK)) === (tcp.SYN | tcp.ACK);
    if (isSynAck && connection.stage === "syn received" && spec.protocol === "tcp")
      connection.scriptLocalIsn = spec.seq;
    const deadline =
      event.time.kind === "any" ? Number.POSITIVE_INFINITY : until - this.#scriptStart + this.#start + PATIENCE_NS;
    const segments: Uint8Array[] = [];
    const wanted = spec.protocol === "icmp" ? 0 : spec.payload;
    let got = 0;
    let timeNs: Ns;
    // a super-packet of the script may have come in parts
    do {
      const sent = await this.#nextSent(connection, deadline);
      timeNs = sent.timeNs;
      this.#learn(connection, spec, sent.bytes, isSynAck);
      this.#verbose("outbound sniffed", sent.bytes, "out", timeNs);
      const length = spec.protocol === "icmp" ? 0 : payloadLength(sent.bytes);
      const before = segments.at(-1);
      const wrong = before ? continuationDifference(before, sent.bytes, got + length >= wanted) : null;
      if (wrong !== null)
        throw new Failure(`error handling packet: ${wrong}${this.#dump("script", at, packetBytes(spec))}`);
      segments.push(sent.bytes);
      got += length;
    } while (got < wanted && !this.config.strictSegments && spec.protocol === "tcp");
    this.#check(event, spec, connection, joinSegments(segments), timeNs, at, until);
  }

  async #nextSent(connection: Connection, deadline: Ns): Promise<Sent> {
    const { sent } = this.#tun;
    for (;;) {
      const came = await this.#until(() => sent.length > 0, deadline);
      if (!came) throw new Failure("error handling packet: Timed out waiting for packet");
      const next = sent.shift()!;
      if (connection.sends(next.bytes) && !this.#ofAnother(connection, next.bytes)) return next;
    }
  }

  /** Another connection's packet, though this one's port is not known yet. */
  #ofAnother(connection: Connection, bytes: Uint8Array): boolean {
    for (const descriptor of this.descriptors.values())
      if (descriptor.kind === "socket" && descriptor.connection !== connection && descriptor.connection.owns(bytes))
        return true;
    return false;
  }

  #dump(type: string, time: Ns, bytes: Uint8Array): string {
    return `\n${type} packet: ${(time / SEC).toFixed(6).padStart(9)} ${packetText(bytes, "out")}`;
  }

  /** What only the live packet knows: the initial sequence number, the local port. */
  #learn(connection: Connection, spec: PacketSpec, bytes: Uint8Array, isSynAck: boolean): void {
    const at = ipv4.getHeaderLength(bytes, 0);
    if (connection.stage === "syn sent" || connection.stage === "connecting") {
      connection.local = { addr: ipv4.getSource(bytes, 0), port: tcp.getSourcePort(bytes, at) };
      if (spec.protocol === "tcp") connection.liveLocalIsn = get32(bytes, at + 4);
    }
    if (isSynAck && connection.stage === "syn received") {
      connection.stage = "syn-ack sent";
      connection.liveLocalIsn = get32(bytes, at + 4);
    }
  }

  #check(
    event: Event,
    spec: PacketSpec,
    connection: Connection,
    live: Uint8Array,
    timeNs: Ns,
    at: Ns,
    until: Ns,
  ): void {
    const actual = connection.scriptBytes(live, spec);
    const scriptTime = timeNs - this.#start + this.#scriptStart;
    const sinceStart = at - this.#scriptStart;
    const { toleranceUs, tolerancePercent, tsTickUs } = this.config;
    const wrong =
      difference(spec, actual, {
        tickUs: tsTickUs,
        toleranceUs: Math.max(toleranceUs, ((tolerancePercent / 100) * sinceStart) / USEC),
      }) ?? this.#timeDifference(event, "outbound packet", scriptTime, at, until);
    if (wrong === null) return;
    const both = this.#dump("script", at, packetBytes(spec)) + this.#dump("actual", scriptTime, actual);
    throw new Failure(`error handling packet: ${wrong}${both}`);
  }

  /** @param actual script time, ns */
  #timeDifference(event: Event, what: string, actual: Ns, at: Ns, until: Ns): string | null {
    const { time } = event;
    if (time.kind === "any") return null;
    const tolerance = this.#toleranceNs(at);
    if (actual >= at - tolerance && actual <= until + tolerance) return null;
    const s = (ns: Ns): string => (ns / SEC).toFixed(6);
    if (time.until !== undefined)
      return `timing error: expected ${what} in time range ${s(at)}~${s(until)} sec but happened at ${s(actual)} sec`;
    return `timing error: expected ${what} at ${s(at)} sec but happened at ${s(actual)} sec; tolerance ${s(tolerance)} sec`;
  }

  #toleranceNs(at: Ns): Ns {
    const { toleranceUs, tolerancePercent } = this.config;
    return Math.max(toleranceUs * USEC, (tolerancePercent / 100) * (at - this.#before));
  }

  #verbose(what: string, bytes: Uint8Array, direction: "in" | "out", timeNs: Ns): void {
    if (!this.config.verbose) return;
    const time = ((timeNs - this.#start + this.#scriptStart) / SEC).toFixed(6).padStart(9);
    this.#input.print(`${what} packet: ${time} ${packetText(bytes, direction)}\n`);
  }

  // --- system calls

  async #call(call: Call, base: Ns): Promise<void> {
    if (this.#pending) await this.#finishCall();
    const now = this.#lab.now - this.#start + this.#scriptStart;
    const endNs = call.end === null ? now : base + Math.round(call.end * SEC);
    const toleranceNs = Math.max(this.#toleranceNs(now), (this.config.tolerancePercent / 100) * (endNs - now));
    const pending: Pending = { call, endNs, toleranceNs, done: false, doneNs: 0, result: 0, error: undefined };
    this.#pending = pending;
    this.#lab.tasks.spawn(
      call.name,
      startCall(this, call),
      (result, error) => {
        pending.done = true;
        pending.doneNs = this.#lab.now;
        pending.result = result ?? -1;
        pending.error = error;
      },
      0,
    );
    // one that blocks is on its way before the next event
    if (call.end !== null) await this.#lab.advance(STEP_NS);
    else await this.#finishCall();
  }

  async #finishCall(): Promise<void> {
    const pending = this.#pending!;
    this.#pending = null;
    const { call } = pending;
    const came = await this.#until(() => pending.done, this.#lab.now + CALL_LIMIT_NS);
    if (!came) throw new Failure(`runtime error in ${call.name} call: it has not returned`);
    this.#checkResult(pending);
    if (call.end === null) return;
    const end = pending.doneNs - this.#start + this.#scriptStart;
    if (Math.abs(end - pending.endNs) <= pending.toleranceNs) return;
    const s = (ns: Ns): string => (ns / SEC).toFixed(6);
    throw new Failure(
      `timing error: expected system call return at ${s(pending.endNs)} sec but happened at ${s(end)} sec; ` +
        `tolerance ${s(pending.toleranceNs)} sec`,
    );
  }

  #checkResult({ call, result, error }: Pending): void {
    const failed = (text: string): Failure => new Failure(`runtime error in ${call.name} call: ${text}`);
    if (error instanceof CallMismatch) throw failed(error.message);
    if (error !== undefined && !(error instanceof NetError)) throw error;
    const errno = error?.errno ?? 0;
    const actual = error ? -1 : result;
    const expected = numberOf(call, call.result);
    if (actual !== expected)
      throw failed(
        `Expected result ${expected} but got ${actual}${error ? ` with errno ${errno} (${strerror(errno)})` : ""}`,
      );
    if (call.errno === null) return;
    const wanted = Errno[call.errno as ErrnoName];
    if (wanted === undefined) throw new ScriptError(call.line, `the error ${call.errno} is not known`);
    if (wanted !== errno)
      throw failed(
        `Expected errno ${wanted} (${strerror(wanted)}) but got ${errno} (${errno === 0 ? "Success" : `${errnoName(errno)}: ${strerror(errno)}`})`,
      );
  }

  // --- commands and code

  async #command(text: string, line: number): Promise<void> {
    const status = await this.#shell(text);
    if (status !== 0) throw new ScriptError(line, `error executing \`${text}\` command: non-zero status ${status}`);
  }

  /** As system(3): sh -c, in the script's folder. */
  async #shell(text: string): Promise<number> {
    const shell = this.#host.programs.get("sh");
    if (!shell) throw new Error("a host without sh");
    const written: Uint8Array[] = [];
    const env = defaultEnvironment();
    env.set("PWD", this.#input.folder);
    // its shells' parent, as set_sysctls.py and the script that it leaves know it
    env.set("PACKETDRILL_PID", "1");
    const sink = (): SinkFile => new SinkFile((bytes) => written.push(bytes.slice()));
    const proc = this.#host.spawn(shell, {
      argv: ["sh", "-c", text],
      cwd: this.#input.folder,
      env,
      fds: new Map([
        [0, new NullFile()],
        [1, sink()],
        [2, sink()],
      ]),
    });
    const { status } = await this.#lab.wait(proc);
    if (written.length > 0 && (status !== 0 || this.config.verbose))
      this.#input.print(decodeUtf8(concatBytes(written)));
    return status;
  }

  #code(code: Code): void {
    const descriptor = this.descriptors.get(this.#connection?.fd ?? -1);
    const sock = descriptor?.kind === "socket" ? descriptor.socket.sock : null;
    const names = namesOf(sock instanceof TcpStreamSock ? sock : null);
    const failed = this.#python.run(code.text, code.line, names);
    if (failed !== null) throw new Failure(`code failed: ${failed}`);
  }
}
