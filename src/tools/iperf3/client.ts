// iperf3 -c (iperf_client_api.c): a control connection says what happens when, the streams carry the data.

import { Errno, NetError, strerror } from "../../base/errno.ts";
import { MSEC, type Ns, SEC, USEC } from "../../base/time.ts";
import { openSocket } from "../../host/host.ts";
import { AF_INET, SOCK_DGRAM, SOCK_STREAM } from "../../net/core/sock.ts";
import { TcpSock } from "../../net/ipv4/tcp-sock.ts";
import type { Socket } from "../../net/socket.ts";
import { BytesFile } from "../../posix/file.ts";
import { type Process, SIGINT, SIGTERM } from "../../posix/process.ts";
import { sleep, type Task, WaitQueue } from "../../sim/task.ts";
import { parseIpv4 } from "../../wire/addr.ts";
import { GaiError, getaddrinfo } from "../net-util/resolve.ts";
import { closeFile, errnoOf, pollEntries, pollIn, pollOut } from "../net-util/sockets.ts";
import { JsonObject } from "./json.ts";
import type { Iperf3Options } from "./options.ts";
import { Reporter } from "./report.ts";
import { Stream } from "./stream.ts";
import { COOKIE_SIZE, State, Test, TestError } from "./test.ts";

export const VERSION = "3.12";
/** The first datagram of a UDP stream and its answer, in the byte order of the machine. */
export const UDP_CONNECT: Uint8Array = Uint8Array.of(0x39, 0x38, 0x37, 0x36);
export const UDP_REPLY: Uint8Array = Uint8Array.of(0x36, 0x37, 0x38, 0x39);
/** How long a UDP stream waits for the answer. */
const UDP_REPLY_WAIT_NS: Ns = 30 * SEC;
/** From the last message to the end of the process (recorded: 308 to 481 µs). */
const EXIT_NS: Ns = 380 * USEC;
const COOKIE_LETTERS = "abcdefghijklmnopqrstuvwxyz234567";

/** -N, -M, -w and -C on a stream's socket before it connects (or listens). */
export function setStreamOptions(socket: Socket, options: Iperf3Options): void {
  if (options.noDelay && !options.udp) socket.setOption("TCP_NODELAY", 1);
  if (options.mss > 0 && !options.udp) socket.setOption("TCP_MAXSEG", options.mss);
  if (options.window > 0) {
    socket.setOption("SO_RCVBUF", options.window);
    socket.setOption("SO_SNDBUF", options.window);
    const small = socket.getOption("SO_SNDBUF") < options.window || socket.getOption("SO_RCVBUF") < options.window;
    if (small) throw new TestError("socket buffer size not set correctly");
  }
}

/** --bind-dev */
export function bindDevice(socket: Socket, { bindDev }: Iperf3Options): void {
  if (bindDev === undefined) return;
  const dev = socket.sock.net.deviceByName(bindDev);
  if (!dev) throw new TestError(`unable to bind to device: ${strerror(Errno.ENODEV)}`);
  socket.setOption("SO_BINDTODEVICE", dev.ifindex);
}

/** -S and --dont-fragment, once a stream is there (iperf_init_stream). */
export function initStream(socket: Socket, options: Iperf3Options): void {
  if (options.tos !== 0) socket.setOption("IP_TOS", options.tos);
  if (options.dontFragment && options.udp) socket.setOption("IP_MTU_DISCOVER", IP_PMTUDISC_DO);
}

const IP_PMTUDISC_DO = 2;

/** What --json tells of a socket's buffers. */
export function addBuffers(test: Test, socket: Socket): void {
  test.jsonStart.add("sock_bufsize", test.options.window);
  test.jsonStart.add("sndbuf_actual", socket.getOption("SO_SNDBUF"));
  test.jsonStart.add("rcvbuf_actual", socket.getOption("SO_RCVBUF"));
}

/** Signals end the test with what it has so far. */
export function watchSignals(proc: Process): { readonly queue: WaitQueue; ended: boolean } {
  const watch = { queue: new WaitQueue(), ended: false };
  for (const signal of [SIGINT, SIGTERM]) {
    proc.onSignal(signal, () => {
      watch.ended = true;
      watch.queue.wakeAll();
    });
  }
  return watch;
}

export function* runClient(proc: Process, options: Iperf3Options, systemInfo: string): Task<number> {
  const test = new Test(proc, options, !options.reverse);
  test.fillPayload();
  const client = new Client(test, new Reporter(test));
  return yield* client.run(systemInfo);
}

class Client {
  readonly #test: Test;
  readonly #report: Reporter;
  #address = 0;
  readonly #signals: ReturnType<typeof watchSignals>;

  constructor(test: Test, report: Reporter) {
    this.#test = test;
    this.#report = report;
    this.#signals = watchSignals(test.proc);
  }

  *run(systemInfo: string): Task<number> {
    const { options } = this.#test;
    const out = this.#report.out;
    try {
      if (options.json) {
        this.#test.jsonStart.add("version", `iperf ${VERSION}`);
        this.#test.jsonStart.add("system_info", systemInfo);
      } else if (options.verbose) yield* out.print(`iperf ${VERSION}\n${systemInfo}\n`);
      yield* this.#connect();
      while (this.#test.state !== State.IPERF_DONE) yield* this.#round();
    } catch (error) {
      if (!(error instanceof TestError)) throw error;
      if (options.json) {
        yield* this.#report.finishJson(error.message);
        yield* out.flush();
        return 0;
      }
      const interrupted = error.message.startsWith("interrupt");
      if (!interrupted) yield* out.flush();
      yield* out.error(`iperf3: ${interrupted ? "" : "error - "}${error.message}\n`);
      yield* out.flush();
      return 1;
    }
    if (options.json) yield* this.#report.finishJson();
    else yield* out.print("\niperf Done.\n");
    yield* out.flush();
    // the control connection ends with the program
    yield* sleep(EXIT_NS);
    return 0;
  }

  *#connect(): Task<void> {
    const test = this.#test;
    const { proc, options } = test;
    // a descriptor of /dev/urandom, which the cookie is read from, stays open
    proc.install(new BytesFile(""));
    const random = proc.machine.rng.fork(`iperf3-cookie-${proc.hostPid}`).bytes(COOKIE_SIZE - 1);
    test.cookie = Array.from(random, (byte) => COOKIE_LETTERS[byte & 31]).join("");
    try {
      const numeric = parseIpv4(options.host);
      // getaddrinfo's EAI_ADDRFAMILY, which is told as such
      if (options.ipv6Only)
        throw new TestError("unable to connect to server: Address family for hostname not supported");
      this.#address = numeric ?? (yield* getaddrinfo(proc, options.host, { ipv4Only: true })).addresses[0]!;
      const socket = openSocket(proc, AF_INET, SOCK_STREAM);
      bindDevice(socket, options);
      if (options.bind !== undefined) socket.bind({ addr: parseIpv4(options.bind)!, port: 0 });
      test.control = socket;
      const server = { addr: this.#address, port: options.port };
      if (options.connectTimeout === 0) yield* socket.connect(server);
      else if (!(yield* socket.connectWithin(server, options.connectTimeout * MSEC)))
        throw new NetError(Errno.ETIMEDOUT);
    } catch (error) {
      if (error instanceof GaiError) throw new TestError(`unable to connect to server: ${strerror(Errno.EAGAIN)}`);
      throw new TestError(`unable to connect to server: ${strerror(errnoOf(error))}`);
    }
    const { control } = test;
    control.setOption("TCP_NODELAY", 1);
    yield* control.send(cookieBytes(test.cookie));
    test.controlMss = control.getOption("TCP_MAXSEG");
    if (options.verbose && !options.json) yield* this.#report.print(`Control connection MSS ${test.controlMss}\n`);
    if (!options.udp) return;
    if (options.blockSize === 0) {
      options.blockSize = test.controlMss;
      if (options.verbose && !options.json) {
        yield* this.#report.print(`Setting UDP block size to ${options.blockSize}\n`);
      }
    }
    if (options.blockSize > test.controlMss) {
      yield* proc.printError(
        `warning: UDP block size ${options.blockSize} exceeds TCP MSS ${test.controlMss}, may result in fragmentation / drops\n`,
      );
    }
  }

  /** One round of select. */
  *#round(): Task<void> {
    const test = this.#test;
    const { proc, options, streams } = test;
    const control = test.control!;
    const entries = [pollIn(control), { queue: this.#signals.queue, ready: () => this.#signals.ended }];
    const running = test.state === State.TEST_RUNNING;
    // the real one selects them in every state, and spins while nobody reads
    const reading = running || ((!test.sending || options.bidir) && test.state === State.TEST_END);
    for (const stream of streams) {
      if (!stream.sender && reading && !stream.ended) entries.push(pollIn(stream.socket));
      else if (stream.sender && running && stream.greenLight) entries.push(pollOut(stream.socket));
    }
    yield* pollEntries(proc, entries, running ? test.timeout() : Number.POSITIVE_INFINITY);
    if (this.#signals.ended) yield* this.#interrupted();
    if (control.readable()) yield* this.#message();
    if (test.state === State.TEST_RUNNING) {
      yield* test.transfer();
      yield* test.runTimers();
      const enough =
        test.done ||
        (options.bytes !== 0 && Math.max(test.bytesSent, test.bytesReceived) >= options.bytes) ||
        (options.blocks !== 0 && Math.max(test.blocksSent, test.blocksReceived) >= options.blocks);
      if (test.omitting || !enough) return;
      test.done = true;
      test.endCpu();
      test.takeStats();
      yield* test.sendState(State.TEST_END);
    } else if ((!test.sending || options.bidir) && test.state === State.TEST_END) yield* test.receive();
  }

  /** iperf_handle_message_client */
  *#message(): Task<void> {
    const test = this.#test;
    const { options } = test;
    let state: number | undefined;
    try {
      [state] = (yield* test.control!.recv(1)).bytes;
    } catch (error) {
      throw new TestError(`unable to receive control message: ${strerror(errnoOf(error))}`);
    }
    if (state === undefined) throw new TestError("control socket has closed unexpectedly");
    test.state = state;
    switch (state) {
      case State.PARAM_EXCHANGE:
        yield* this.#sendParameters();
        yield* this.#report.connecting(
          `Connecting to host ${options.host}, port ${options.port}\n` +
            (options.reverse ? `Reverse mode, remote host ${options.host} is sending\n` : ""),
          "connecting_to",
          options.host,
          options.port,
        );
        return;
      case State.CREATE_STREAMS:
        for (let i = 0; i < test.streamCount; i++) yield* this.#createStream(i);
        return;
      case State.TEST_START:
        test.beginCpu();
        test.startStreams();
        yield* this.#report.started();
        startTimers(test, this.#report, options.duration);
        return;
      case State.EXCHANGE_RESULTS:
        yield* test.sendResults();
        if (!(yield* test.getResults())) throw new TestError("unable to receive results: Success");
        return;
      case State.DISPLAY_RESULTS:
        for (const stream of test.streams) closeFile(test.proc, stream.socket);
        yield* this.#report.report();
        yield* test.sendState(State.IPERF_DONE);
        return;
      case State.SERVER_TERMINATE:
        test.state = State.DISPLAY_RESULTS;
        yield* this.#report.report();
        throw new TestError("the server has terminated");
      case State.ACCESS_DENIED:
        throw new TestError("the server is busy running a test. try again later");
      case State.TEST_RUNNING:
      case State.IPERF_DONE:
        return;
      default:
        throw new TestError("received an unknown control message (ensure other side is iperf3 and not iperf)");
    }
  }

  *#sendParameters(): Task<void> {
    const { options } = this.#test;
    const json = new JsonObject({ [options.udp ? "udp" : "tcp"]: true, omit: options.omit, time: options.duration });
    json.add("num", options.bytes);
    json.add("blockcount", options.blocks);
    if (options.mss) json.add("MSS", options.mss);
    if (options.noDelay) json.add("nodelay", true);
    json.add("parallel", options.parallel);
    if (options.reverse) json.add("reverse", true);
    if (options.bidir) json.add("bidirectional", true);
    if (options.window) json.add("window", options.window);
    if (options.blockSize) json.add("len", options.blockSize);
    if (options.rate) json.add("bandwidth", options.rate);
    json.add("pacing_timer", options.pacingTimer);
    if (options.burst) json.add("burst", options.burst);
    if (options.tos) json.add("TOS", options.tos);
    if (options.title !== undefined) json.add("title", options.title);
    if (options.extraData !== undefined) json.add("extra_data", options.extraData);
    if (options.congestion !== undefined) json.add("congestion", options.congestion);
    if (options.getServerOutput) json.add("get_server_output", 1);
    if (options.udpCounters64) json.add("udp_counters_64bit", 1);
    if (options.repeatingPayload) json.add("repeating_payload", 1);
    if (options.dontFragment) json.add("dont_fragment", 1);
    json.add("client_version", VERSION);
    yield* this.#test.writeJson(json);
  }

  *#createStream(i: number): Task<void> {
    const test = this.#test;
    const { proc, options } = test;
    const socket = openSocket(proc, AF_INET, options.udp ? SOCK_DGRAM : SOCK_STREAM);
    try {
      bindDevice(socket, options);
      if (options.bind !== undefined || options.clientPort !== 0) {
        socket.setOption("SO_REUSEADDR", 1);
        const addr = options.bind === undefined ? 0 : parseIpv4(options.bind)!;
        socket.bind({ addr, port: options.clientPort === 0 ? 0 : options.clientPort + i });
      }
      setStreamOptions(socket, options);
      if (options.json) addBuffers(test, socket);
      yield* socket.connect({ addr: this.#address, port: options.port });
      if (options.udp) {
        yield* socket.send(UDP_CONNECT);
        yield* socket.recv(4, { timeoutNs: UDP_REPLY_WAIT_NS });
      } else yield* socket.send(cookieBytes(test.cookie));
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      throw new TestError(
        `unable to ${options.udp ? "read from" : "connect"} stream${options.udp ? " socket" : ""}: ${error.message}`,
      );
    }
    if (socket.sock instanceof TcpSock) setCongestion(test, socket.sock);
    initStream(socket, options);
    // the file of the stream's buffer
    proc.install(new BytesFile(""));
    const sender = options.bidir ? i < options.parallel : test.sending;
    const stream = new Stream(socket, 5 + 2 * i, i === 0 ? 1 : i + 2, sender);
    test.streams.push(stream);
    yield* this.#report.connected(stream);
  }

  /** iperf_got_sigend */
  *#interrupted(): Task<void> {
    const test = this.#test;
    test.done = true;
    test.endCpu();
    test.takeStats();
    test.state = State.DISPLAY_RESULTS;
    yield* this.#report.report();
    yield* test.sendState(State.CLIENT_TERMINATE);
    throw new TestError("interrupt - the client has terminated");
  }
}

export function cookieBytes(cookie: string): Uint8Array {
  return Uint8Array.from({ length: COOKIE_SIZE }, (_, i) => cookie.charCodeAt(i) || 0);
}

function setCongestion(test: Test, sock: TcpSock): void {
  const { congestion } = test.options;
  try {
    if (congestion !== undefined) (sock as TcpSock & { setCongestion(name: string): void }).setCongestion(congestion);
  } catch (error) {
    errnoOf(error);
    throw new TestError(
      "unable to set TCP_CONGESTION: Supplied congestion control algorithm not supported on this host",
    );
  }
  test.congestionUsed = sock.caOps.name;
}

/** The timers of a test that begins, in the order in which both sides make them. @param seconds 0: no end by time */
export function startTimers(test: Test, report: Reporter, seconds: number): void {
  const { options } = test;
  if (seconds !== 0) {
    test.timer((seconds + options.omit) * SEC, 0, function* () {
      test.done = true;
    });
  }
  const every = options.interval * SEC;
  const periodic = (work: () => Task<void>): ReturnType<Test["timer"]> | undefined =>
    every === 0
      ? undefined
      : test.timer(every, every, function* () {
          if (!test.done) yield* work();
        });
  const stats = periodic(function* () {
    test.takeStats();
  });
  const reports = periodic(() => report.report());
  if (options.omit > 0) {
    test.omitting = true;
    test.timer(options.omit * SEC, 0, function* () {
      test.resetStats();
      if (options.verbose && !options.json && options.interval === 0) {
        yield* report.print("Finished omit period, starting real test\n");
      }
      test.resetTimer(stats);
      test.resetTimer(reports);
    });
  }
  if (!test.sending || options.rate === 0) return;
  const pacing = options.pacingTimer * USEC;
  for (const stream of test.streams) {
    if (!stream.sender) continue;
    test.timer(pacing, pacing, function* () {
      test.throttle(stream);
    });
  }
}
