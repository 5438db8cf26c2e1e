// iperf3 -s (iperf_server_api.c): one test after the other; the client says what is tested.

import { strerror } from "../../base/errno.ts";
import { decodeUtf8 } from "../../base/text.ts";
import { openSocket } from "../../host/host.ts";
import { AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM } from "../../net/core/sock.ts";
import { TcpSock } from "../../net/ipv4/tcp-sock.ts";
import type { Socket } from "../../net/socket.ts";
import { BytesFile } from "../../posix/file.ts";
import { type Process, SIGPIPE } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { formatIpv4, parseIpv4 } from "../../wire/addr.ts";
import { closeFile, errnoOf, pollEntries, pollIn, pollOut } from "../net-util/sockets.ts";
import {
  addBuffers,
  bindDevice,
  initStream,
  setStreamOptions,
  startTimers,
  UDP_REPLY,
  VERSION,
  watchSignals,
} from "./client.ts";
import type { Iperf3Options } from "./options.ts";
import { Reporter } from "./report.ts";
import { Stream } from "./stream.ts";
import { COOKIE_SIZE, readFully, State, Test, TestError } from "./test.ts";

const BACKLOG = 2147483647;
/** Seconds that a server gives a test beyond its length. */
const GRACE_SECONDS = 40;
const RULE = "-----------------------------------------------------------\n";

export function* runServer(proc: Process, options: Iperf3Options, systemInfo: string): Task<number> {
  proc.onSignal(SIGPIPE, "ignore");
  const signals = watchSignals(proc);
  const process: ServerProcess = { hasRandom: false };
  for (let number = 1; ; number++) {
    const settings = { ...options };
    const status = yield* new Server(proc, settings, signals, process).run(systemInfo, number);
    // of a client's settings these outlive its test (iperf_reset_test leaves them)
    options.congestion = settings.congestion;
    options.getServerOutput = settings.getServerOutput;
    if (status !== undefined) return status;
    if (options.oneOff) return 0;
  }
}

/** What outlives a test. */
interface ServerProcess {
  /** /dev/urandom is open: a stream's buffer was filled from it */
  hasRandom: boolean;
}

class Server {
  readonly #test: Test;
  readonly #report: Reporter;
  readonly #signals: ReturnType<typeof watchSignals>;
  #listener: Socket | undefined;
  /** of UDP streams */
  #udpListener: Socket | undefined;
  /** descriptors of the streams' buffers, which are files */
  readonly #files: number[] = [];
  readonly #process: ServerProcess;

  constructor(proc: Process, options: Iperf3Options, signals: ReturnType<typeof watchSignals>, process: ServerProcess) {
    this.#process = process;
    this.#test = new Test(proc, options, false);
    if (options.getServerOutput) this.#test.serverOutput = "";
    this.#report = new Reporter(this.#test);
    this.#signals = signals;
  }

  /** One test; undefined: on to the next. */
  *run(systemInfo: string, number: number): Task<number | undefined> {
    const test = this.#test;
    const { options } = test;
    const { out } = this.#report;
    if (options.json) {
      test.jsonStart.add("version", `iperf ${VERSION}`);
      test.jsonStart.add("system_info", systemInfo);
    } else if (options.verbose) yield* out.print(`iperf ${VERSION}\n${systemInfo}\n`);
    try {
      this.#listen();
    } catch (error) {
      const message = `unable to start listener for connections: ${strerror(errnoOf(error))}`;
      yield* out.error(`iperf3: error - ${message}\niperf3: exiting\n`);
      yield* out.flush();
      return 1;
    }
    // not flushed: in a file it stands behind what the standard error says of an interruption
    if (!options.json) yield* out.print(`${RULE}Server listening on ${options.port} (test #${number})\n${RULE}`);
    let failure: string | undefined;
    try {
      while (test.state !== State.IPERF_DONE) yield* this.#round();
    } catch (error) {
      if (!(error instanceof TestError)) throw error;
      failure = error.message;
    }
    this.#cleanUp();
    if (failure?.startsWith("interrupt")) {
      yield* out.error(`iperf3: ${failure}\n`);
      yield* out.flush();
      return 1;
    }
    if (options.json) yield* this.#report.finishJson(failure === undefined ? undefined : `error - ${failure}`);
    else if (failure !== undefined) yield* out.error(`iperf3: error - ${failure}\n`);
    yield* out.flush();
    return undefined;
  }

  /** Of both families unless -4 or an address says otherwise (netannounce). */
  #open(type: number): Socket {
    const { proc, options } = this.#test;
    const socket = openSocket(proc, options.ipv4Only || options.bind !== undefined ? AF_INET : AF_INET6, type);
    if (options.ipv6Only) socket.setOption("IPV6_V6ONLY", 1);
    bindDevice(socket, options);
    return socket;
  }

  #listen(): void {
    const { options } = this.#test;
    const socket = this.#open(SOCK_STREAM);
    this.#listener = socket;
    socket.setOption("SO_REUSEADDR", 1);
    setStreamOptions(socket, options);
    socket.bind({ addr: options.bind === undefined ? 0 : parseIpv4(options.bind)!, port: options.port });
    socket.listen(BACKLOG);
  }

  #listenUdp(): void {
    const { options } = this.#test;
    const socket = this.#open(SOCK_DGRAM);
    socket.setOption("SO_REUSEADDR", 1);
    socket.bind({ addr: options.bind === undefined ? 0 : parseIpv4(options.bind)!, port: options.port });
    this.#udpListener = socket;
  }

  #cleanUp(): void {
    const { proc, streams, control } = this.#test;
    for (const stream of streams) closeFile(proc, stream.socket);
    for (const socket of [control, this.#listener, this.#udpListener]) if (socket) closeFile(proc, socket);
    for (const fd of this.#files) proc.close(fd);
  }

  /** One round of select. */
  *#round(): Task<void> {
    const test = this.#test;
    const { proc, streams } = test;
    const entries = [{ queue: this.#signals.queue, ready: () => this.#signals.ended }];
    const listeners = [this.#listener, this.#udpListener, test.control];
    for (const socket of listeners) if (socket) entries.push(pollIn(socket));
    const running = test.state === State.TEST_RUNNING;
    if (running) {
      for (const stream of streams) {
        if (!stream.sender) entries.push(pollIn(stream.socket));
        else if (stream.greenLight) entries.push(pollOut(stream.socket));
      }
    }
    const timeout = test.timeout();
    const ready = yield* pollEntries(proc, entries, timeout);
    if (this.#signals.ended) yield* this.#interrupted();
    if (ready.length > 0) {
      if (this.#listener?.readable()) {
        if (test.state === State.CREATE_STREAMS && !test.options.udp) yield* this.#acceptTcp();
        else yield* this.#accept();
      }
      if (test.control?.readable()) yield* this.#message();
      if (this.#udpListener?.readable() && test.state === State.CREATE_STREAMS) yield* this.#acceptUdp();
      if (test.state === State.TEST_RUNNING) {
        yield* test.transfer();
      }
    }
    if (ready.length === 0 || timeout === 0) {
      yield* test.runTimers();
      if (test.done && test.state === State.TEST_RUNNING) test.state = State.IPERF_DONE;
    }
  }

  /** A client comes (iperf_accept); while another is there it is turned away. */
  *#accept(): Task<void> {
    const test = this.#test;
    const { proc } = test;
    const socket = yield* this.#listener!.accept();
    proc.install(socket);
    if (test.control) {
      yield* socket.send(Uint8Array.of(State.ACCESS_DENIED));
      closeFile(proc, socket);
      return;
    }
    test.control = socket;
    socket.setOption("TCP_NODELAY", 1);
    const cookie = yield* readFully(socket, COOKIE_SIZE);
    if (cookie.length < COOKIE_SIZE) throw new TestError("unable to receive cookie at server: Success");
    test.cookie = decodeUtf8(cookie.subarray(0, COOKIE_SIZE - 1));
    yield* test.sendState(State.PARAM_EXCHANGE);
    yield* this.#getParameters();
    const { addr, port } = socket.peerAddress;
    const host = formatIpv4(addr);
    const first = `Accepted connection from ${host}, port ${port}\n`;
    yield* this.#report.connecting(first, "accepted_connection", host, port);
  }

  *#getParameters(): Task<void> {
    const test = this.#test;
    const { options } = test;
    const json = yield* test.readJson();
    if (!json) throw new TestError("unable to receive parameters from client: Success");
    const number = (key: string): number => Number(json.get(key) ?? 0);
    const text = (key: string): string | undefined => {
      const value = json.get(key);
      return typeof value === "string" ? value : undefined;
    };
    options.udp = json.get("udp") === true;
    options.omit = number("omit");
    options.duration = number("time");
    options.bytes = number("num");
    options.blocks = number("blockcount");
    options.mss = number("MSS");
    options.noDelay = json.get("nodelay") === true;
    options.parallel = number("parallel") || 1;
    options.reverse = json.get("reverse") === true;
    options.bidir = json.get("bidirectional") === true;
    options.window = number("window");
    options.blockSize = number("len");
    options.rate = number("bandwidth");
    options.burst = number("burst");
    options.pacingTimer = number("pacing_timer") || options.pacingTimer;
    options.tos = number("TOS");
    options.title = text("title");
    options.extraData = text("extra_data");
    options.congestion = text("congestion") ?? options.congestion;
    options.udpCounters64 = number("udp_counters_64bit") === 1;
    options.repeatingPayload = number("repeating_payload") === 1;
    options.dontFragment = number("dont_fragment") === 1;
    test.fillPayload();
    if (number("get_server_output") === 1) {
      options.getServerOutput = true;
      test.serverOutput ??= "";
    }
    test.sending = options.reverse || options.bidir;
    test.senderHasRetransmits = test.sending && !options.udp ? 1 : 0;
    if (options.rate && options.json) test.jsonStart.add("target_bitrate", options.rate);
    if (options.udp) this.#listenUdp();
    else {
      // a listener that has the streams' settings takes the first one's place
      if (options.noDelay || options.mss || options.window) {
        closeFile(test.proc, this.#listener!);
        this.#listen();
      }
      if (options.json) addBuffers(test, this.#listener!);
    }
    yield* test.sendState(State.CREATE_STREAMS);
  }

  *#acceptTcp(): Task<void> {
    const test = this.#test;
    const socket = yield* this.#listener!.accept();
    test.proc.install(socket);
    const cookie = yield* readFully(socket, COOKIE_SIZE);
    if (decodeUtf8(cookie.subarray(0, COOKIE_SIZE - 1)) !== test.cookie) {
      yield* socket.send(Uint8Array.of(State.ACCESS_DENIED));
      closeFile(test.proc, socket);
      return;
    }
    const { sock } = socket;
    if (sock instanceof TcpSock) {
      const { congestion } = test.options;
      try {
        if (congestion !== undefined)
          (sock as TcpSock & { setCongestion(name: string): void }).setCongestion(congestion);
      } catch (error) {
        errnoOf(error);
        yield* test.proc.printError("warning: TCP congestion control algorithm not supported\n");
      }
      test.congestionUsed = sock.caOps.name;
    }
    yield* this.#newStream(socket);
  }

  /** The listening socket becomes the stream's, another takes its place (iperf_udp_accept). */
  *#acceptUdp(): Task<void> {
    const test = this.#test;
    const socket = this.#udpListener!;
    const { from } = yield* socket.recv(4);
    yield* socket.connect(from);
    setStreamOptions(socket, test.options);
    if (test.options.json) addBuffers(test, socket);
    this.#listenUdp();
    yield* socket.send(UDP_REPLY);
    yield* this.#newStream(socket);
  }

  *#newStream(socket: Socket): Task<void> {
    const test = this.#test;
    const { options, proc, streams } = test;
    const i = streams.length;
    initStream(socket, options);
    this.#files.push(proc.install(new BytesFile("")));
    if (!this.#process.hasRandom) proc.install(new BytesFile(""));
    this.#process.hasRandom = true;
    // descriptors: listener, control connection, then sockets and the files of the streams' buffers between them, and
    // /dev/urandom after the first
    const number = options.udp ? ([5, 6][i] ?? 5 + 2 * i) : i === 0 ? 5 : 6 + 2 * i;
    const sender = options.bidir ? i >= options.parallel : test.sending;
    const stream = new Stream(socket, number, i === 0 ? 1 : i + 2, sender);
    streams.push(stream);
    yield* this.#report.connected(stream);
    if (streams.length < test.streamCount) return;
    if (this.#udpListener) closeFile(proc, this.#udpListener);
    this.#udpListener = undefined;
    test.beginCpu();
    yield* test.sendState(State.TEST_START);
    test.startStreams();
    yield* this.#report.started();
    startTimers(test, this.#report, options.duration === 0 ? 0 : options.duration + GRACE_SECONDS);
    yield* test.sendState(State.TEST_RUNNING);
  }

  /** iperf_handle_message_server */
  *#message(): Task<void> {
    const test = this.#test;
    const { proc } = test;
    let state: number | undefined;
    try {
      [state] = (yield* test.control!.recv(1)).bytes;
    } catch (error) {
      throw new TestError(`unable to receive control message: ${strerror(errnoOf(error))}`);
    }
    if (state === undefined) {
      yield* this.#report.out.error("iperf3: the client has unexpectedly closed the connection\n");
      test.state = State.IPERF_DONE;
      return;
    }
    test.state = state;
    switch (state) {
      case State.TEST_END:
        test.done = true;
        test.endCpu();
        test.takeStats();
        for (const stream of test.streams) closeFile(proc, stream.socket);
        yield* this.#report.report();
        yield* test.sendState(State.EXCHANGE_RESULTS);
        if (!(yield* test.getResults())) throw new TestError("unable to receive results: Success");
        yield* test.sendResults();
        yield* test.sendState(State.DISPLAY_RESULTS);
        return;
      case State.CLIENT_TERMINATE:
        test.endCpu();
        test.state = State.DISPLAY_RESULTS;
        yield* this.#report.report();
        yield* this.#report.out.error("iperf3: the client has terminated\n");
        test.state = State.IPERF_DONE;
        return;
      case State.IPERF_DONE:
        return;
      default:
        throw new TestError("received an unknown control message (ensure other side is iperf3 and not iperf)");
    }
  }

  /** iperf_got_sigend */
  *#interrupted(): Task<void> {
    const test = this.#test;
    if (test.state === State.TEST_RUNNING) {
      test.done = true;
      test.endCpu();
      test.takeStats();
      test.state = State.DISPLAY_RESULTS;
      yield* this.#report.report();
    }
    if (test.control) yield* test.sendState(State.SERVER_TERMINATE);
    throw new TestError("interrupt - the server has terminated");
  }
}
