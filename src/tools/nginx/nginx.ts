// nginx as a process: a master that opens the listening sockets and a worker that serves connections. With tcp_nopush a
// response leaves as header and body together (TCP_CORK). Times are what the recordings show between a request's arrival
// and its answer.

import { concatBytes } from "../../base/bytes.ts";
import { NetError, strerror } from "../../base/errno.ts";
import { decodeUtf8 } from "../../base/text.ts";
import { SEC } from "../../base/time.ts";
import { openSocket } from "../../host/host.ts";
import { AF_INET, SOCK_STREAM } from "../../net/core/sock.ts";
import type { Socket } from "../../net/socket.ts";
import { type Process, type Program, SIGHUP, SIGINT, SIGQUIT, SIGTERM } from "../../posix/process.ts";
import type { Task } from "../../sim/task.ts";
import { sleep, WaitQueue } from "../../sim/task.ts";
import { parseIpv4 } from "../../wire/addr.ts";
import { closeFile } from "../net-util/sockets.ts";
import { DEFAULT_CONFIG, type NginxConfig, NginxConfigError, type NginxServer, parseNginxConfig } from "./config.ts";
import { parseRequest, respond } from "./response.ts";

/** Reading the configuration, opening sockets, forking the worker. */
const STARTUP_NS = 8_000_000;
/** From a readable request to the first byte of the answer. */
const REQUEST_NS = 150_000;
/** From the peer's FIN to close(2). */
const CLOSE_NS = 30_000;
const DEFAULT_CONF_PATH = "/etc/nginx/nginx.conf";
const BACKLOG = 511;
const MAX_HEAD_BYTES = 32768;

/** @param version as in the Server header: "1.22.1" */
export function nginxProgram(version: string): Program {
  return function* nginx(proc: Process): Task<number> {
    const options = parseArguments(proc.argv.slice(1));
    if (typeof options === "string") {
      yield* proc.printError(`nginx: ${options}\n`);
      return 1;
    }
    if (options.version) {
      yield* proc.printError(`nginx version: nginx/${version}\n`);
      return 0;
    }
    yield* proc.cpu(STARTUP_NS);
    let config: NginxConfig;
    try {
      config = parseNginxConfig(`${readConfig(proc, options.conf)}\n${options.globals}`, options.conf);
    } catch (error) {
      if (!(error instanceof NginxConfigError)) throw error;
      yield* proc.printError(`nginx: ${error.message}\n`);
      if (options.test) yield* proc.printError(`nginx: configuration file ${options.conf} test failed\n`);
      return 1;
    }
    if (options.test) {
      yield* proc.printError(`nginx: the configuration file ${options.conf} syntax is ok\n`);
      yield* proc.printError(`nginx: configuration file ${options.conf} test is successful\n`);
      return 0;
    }
    const listeners: { socket: Socket; server: NginxServer }[] = [];
    for (const server of config.servers)
      for (const { addr, port, backlog } of server.listen) {
        const socket = openSocket(proc, AF_INET, SOCK_STREAM);
        socket.setOption("SO_REUSEADDR", 1);
        try {
          socket.bind({ addr: parseIpv4(addr) ?? 0, port });
          socket.listen(backlog ?? BACKLOG);
        } catch (error) {
          if (!(error instanceof NetError)) throw error;
          yield* proc.printError(
            `nginx: [emerg] bind() to ${addr}:${port} failed (${error.errno}: ${strerror(error.errno)})\n`,
          );
          return 1;
        }
        listeners.push({ socket, server });
      }
    if (config.daemon) {
      proc.spawn((master) => runMaster(master, config, listeners, version), { argv: proc.argv });
      return 0;
    }
    return yield* runMaster(proc, config, listeners, version);
  };
}

interface Arguments {
  readonly conf: string;
  readonly globals: string;
  readonly test: boolean;
  readonly version: boolean;
}

function parseArguments(args: readonly string[]): Arguments | string {
  let conf = DEFAULT_CONF_PATH;
  let globals = "";
  let test = false;
  let version = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "-c") {
      const value = args[++i];
      if (value === undefined) return `option "-c" requires file name`;
      conf = value;
    } else if (arg === "-g") {
      const value = args[++i];
      if (value === undefined) return `option "-g" requires parameter`;
      globals += value;
    } else if (arg === "-t") test = true;
    else if (arg === "-v") version = true;
    else if (arg === "-s" || arg === "-p" || arg === "-e" || arg === "-V" || arg === "-T" || arg === "-q")
      return `option "${arg}" is not emulated by vethlab`;
    else return `invalid option: "${arg.replace(/^-/, "")}"`;
  }
  return { conf, globals, test, version };
}

function readConfig(proc: Process, path: string): string {
  try {
    return decodeUtf8(proc.root.readFile(proc, path));
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    if (path === DEFAULT_CONF_PATH) return DEFAULT_CONFIG;
    throw new NginxConfigError(`[emerg] open() "${path}" failed (${error.errno}: ${strerror(error.errno)})`);
  }
}

function* runMaster(
  proc: Process,
  config: NginxConfig,
  listeners: readonly { socket: Socket; server: NginxServer }[],
  version: string,
): Task<number> {
  const { comm } = proc;
  proc.executedAs = { comm, argv: [`nginx: master process ${proc.argv.join(" ")}`] };
  const workers: Process[] = [];
  for (let i = 0; i < Math.max(1, config.workers); i++)
    workers.push(
      proc.spawn(
        (worker) => {
          worker.executedAs = { comm, argv: ["nginx: worker process"] };
          return runWorker(worker, config, listeners, version);
        },
        { argv: proc.argv },
      ),
    );
  const stopped = new WaitQueue();
  let stop = false;
  for (const signal of [SIGTERM, SIGINT, SIGQUIT])
    proc.onSignal(signal, () => {
      stop = true;
      stopped.wakeAll();
    });
  proc.onSignal(SIGHUP, "ignore");
  while (!stop) yield* stopped.wait();
  for (const worker of workers) worker.kill(SIGTERM);
  for (const worker of workers) yield* worker.wait();
  return 0;
}

function* runWorker(
  proc: Process,
  config: NginxConfig,
  listeners: readonly { socket: Socket; server: NginxServer }[],
  version: string,
): Task<number> {
  const [first, ...others] = listeners;
  for (const { socket, server } of others) proc.thread("accept", acceptLoop(proc, config, socket, server, version));
  if (first) yield* acceptLoop(proc, config, first.socket, first.server, version);
  for (;;) yield* sleep(3600 * SEC);
}

function* acceptLoop(
  proc: Process,
  config: NginxConfig,
  listener: Socket,
  server: NginxServer,
  version: string,
): Task<void> {
  for (;;) {
    const connection = yield* listener.accept();
    proc.install(connection);
    proc.thread("connection", serve(proc, config, server, connection, version));
  }
}

function* serve(
  proc: Process,
  config: NginxConfig,
  server: NginxServer,
  connection: Socket,
  version: string,
): Task<void> {
  let waiting: Uint8Array = new Uint8Array(0);
  try {
    for (;;) {
      let end = headEnd(waiting);
      while (end < 0) {
        const message = yield* connection.recv(MAX_HEAD_BYTES, { timeoutNs: config.keepaliveSeconds * SEC });
        if (message.bytes.length === 0) {
          yield* proc.cpu(CLOSE_NS);
          return;
        }
        waiting = concatBytes([waiting, message.bytes]);
        end = headEnd(waiting);
        if (end < 0 && (waiting.length > MAX_HEAD_BYTES || !mayBeRequest(waiting))) end = waiting.length;
      }
      yield* proc.cpu(REQUEST_NS);
      const request = parseRequest(decodeUtf8(waiting, 0, end).trimEnd());
      waiting = waiting.slice(end);
      if (request) waiting = yield* skipBody(connection, waiting, Number(request.headers.get("content-length") ?? 0));
      const response = respond(proc, config, server, request, version);
      if (config.tcpNopush && response.fromFile && response.body.length > 0) {
        connection.setOption("TCP_CORK", 1);
        yield* connection.send(response.head);
        yield* connection.send(response.body);
        // a connection that ends is not uncorked: its last bytes leave with the FIN
        if (response.keepAlive) connection.setOption("TCP_CORK", 0);
      } else yield* connection.send(concatBytes([response.head, response.body]));
      if (!response.keepAlive) return;
    }
  } catch (error) {
    // reset by the peer, or idle for too long
    if (!(error instanceof NetError)) throw error;
  } finally {
    closeFile(proc, connection);
  }
}

/** Offset after the empty line that ends a request's head, −1 while it has not come. */
function headEnd(bytes: Uint8Array): number {
  for (let i = 0; i + 1 < bytes.length; i++) {
    if (bytes[i] !== 10) continue;
    if (bytes[i + 1] === 10) return i + 2;
    if (bytes[i + 1] === 13 && bytes[i + 2] === 10) return i + 3;
  }
  return -1;
}

/** The first line, once complete, is a request line: else nginx answers 400 at once. */
function mayBeRequest(bytes: Uint8Array): boolean {
  const at = bytes.indexOf(10);
  return at < 0 || /^[A-Z_-]+ \S+ HTTP\/1\.[01]\r?$/.test(decodeUtf8(bytes, 0, at));
}

function* skipBody(connection: Socket, waiting: Uint8Array, length: number): Task<Uint8Array> {
  while (waiting.length < length) {
    const message = yield* connection.recv(65536);
    if (message.bytes.length === 0) break;
    waiting = concatBytes([waiting, message.bytes]);
  }
  return waiting.slice(length);
}
