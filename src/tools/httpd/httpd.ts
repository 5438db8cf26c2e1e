// busybox httpd (1.35): one listening process, one child per connection. A child reads the request, writes the head, sends
// the file as sendfile(2) does and shuts the connection down; nothing is kept alive. Its system calls decide where packets
// begin and end; the times between them are those of the recordings.

import { Errno, strerror } from "../../base/errno.ts";
import { decodeUtf8 } from "../../base/text.ts";
import { type Ns, SEC, USEC } from "../../base/time.ts";
import { openSocket } from "../../host/host.ts";
import { AF_INET, AF_INET6, SHUT_WR, SOCK_STREAM } from "../../net/core/sock.ts";
import type { Socket } from "../../net/socket.ts";
import { NullFile, type OpenFile } from "../../posix/file.ts";
import { type Process, type Program, SIGCHLD, SIGPIPE } from "../../posix/process.ts";
import { joinPath } from "../../posix/vfs.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { getopt } from "../net-util/getopt.ts";
import { GaiError, getaddrinfo } from "../net-util/resolve.ts";
import { errnoOf, readTextFile } from "../net-util/sockets.ts";
import { errorAnswer, type HttpdAnswer, type HttpdSettings, isRequestLine, respond } from "./respond.ts";

/** Up to listen(2): a static binary is quick. */
const START_NS: Ns = 500 * USEC;
/** accept(2) to the child's first read. */
const FORK_NS: Ns = 130 * USEC;
/** Reading the request to writing the head. */
const ANSWER_NS: Ns = 100 * USEC;
/** write(2) returned, sendfile(2) begins. */
const SENDFILE_NS: Ns = 30 * USEC;
/** sendfile(2) found the end of the file, shutdown(2) begins; the recordings show no difference by size. */
const END_OF_FILE_NS: Ns = USEC;
/** _exit(2) of a child closes its descriptors. */
const EXIT_NS: Ns = 250 * USEC;
/** sendfile(2) moves a pipe's capacity at a time. */
const SENDFILE_CHUNK = 65536;
const BACKLOG = 9;
const READ_BYTES = 1024;
const HEADER_TIMEOUT_NS: Ns = 60 * SEC;

const USAGE = `BusyBox v1.35.0 (Debian 1:1.35.0-4+deb12u1+b1) multi-call binary.

Usage: httpd [-ifv[v]] [-c CONFFILE] [-p [IP:]PORT] [-u USER[:GRP]] [-r REALM] [-h HOME]
or httpd -d/-e/-m STRING

Listen for incoming HTTP requests

	-i		Inetd mode
	-f		Run in foreground
	-v[v]		Verbose
	-p [IP:]PORT	Bind to IP:PORT (default *:80)
	-u USER[:GRP]	Set uid/gid after binding to port
	-r REALM	Authentication Realm for Basic Authentication
	-h HOME		Home directory (default .)
	-c FILE		Configuration file (default {/etc,HOME}/httpd.conf)
	-m STRING	MD5 crypt STRING
	-e STRING	HTML encode STRING
	-d STRING	URL decode STRING
`;

interface Listener {
  readonly address: number;
  readonly port: number;
  readonly verbose: number;
  readonly settings: HttpdSettings;
}

export const httpd: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "c:d:h:e:r:m:u:p:ifv");
  if (parsed.error !== undefined) {
    yield* proc.printError(`httpd: ${parsed.error}\n${USAGE}`);
    return 1;
  }
  const values = new Map<string, string>();
  let verbose = 0;
  for (const { name, value } of parsed.options) {
    if (name === "v") verbose++;
    values.set(name, value ?? "");
  }
  if (values.has("d")) {
    yield* proc.print(percentDecode(values.get("d")!));
    return 0;
  }
  if (values.has("e")) {
    yield* proc.print(htmlEncode(values.get("e")!));
    return 0;
  }
  for (const name of ["i", "m", "r"])
    if (values.has(name)) return yield* fail(proc, `option -${name} is not supported`);
  const home = joinPath(proc.cwd, values.get("h") ?? ".");
  const folder = proc.root.find(proc, home);
  if (folder?.kind !== "dir") {
    const errno = folder ? Errno.ENOTDIR : Errno.ENOENT;
    return yield* fail(proc, `can't change directory to '${values.get("h")}': ${strerror(errno)}`);
  }
  const where = yield* listenAddress(proc, values.get("p") ?? "80");
  if (typeof where === "string") return yield* fail(proc, where);
  const settings = configuration(proc, values.get("c"), home);
  if (typeof settings === "string") return yield* fail(proc, settings);
  yield* sleep(START_NS);
  const listener: Listener = { ...where, verbose, settings: { ...settings, home: home === "/" ? "" : home } };
  let socket: Socket;
  try {
    socket = openListener(proc, listener);
  } catch (error) {
    return yield* fail(proc, `bind: ${strerror(errnoOf(error))}`);
  }
  if (values.has("f")) return yield* serve(proc, socket, listener);
  const fds = new Map<number, OpenFile>([[3, socket]]);
  for (const fd of [0, 1, 2]) fds.set(fd, new NullFile());
  proc.spawn((daemon) => serve(daemon, socket, listener), { argv: proc.argv, fds });
  return 0;
};

function* fail(proc: Process, sentence: string): Task<number> {
  yield* proc.printError(`httpd: ${sentence}\n`);
  return 1;
}

/** "8080", "10.0.0.1:80"; a sentence when it is neither. */
function* listenAddress(proc: Process, text: string): Task<{ address: number; port: number } | string> {
  const colon = text.lastIndexOf(":");
  const host = colon < 0 ? "" : text.slice(0, colon);
  const port = text.slice(colon + 1);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535)
    return colon < 0 ? `bad address '${text}'` : `invalid port '${port}'`;
  if (host === "") return { address: 0, port: Number(port) };
  try {
    const { addresses } = yield* getaddrinfo(proc, host, { ipv4Only: true });
    return { address: addresses[0]!, port: Number(port) };
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    return `bad address '${text}'`;
  }
}

/** The configuration file, if there is one: index page and MIME types; a sentence about any other directive. */
function configuration(proc: Process, file: string | undefined, home: string): Omit<HttpdSettings, "home"> | string {
  const text =
    file !== undefined
      ? readTextFile(proc, file)
      : (readTextFile(proc, "/etc/httpd.conf") ?? readTextFile(proc, joinPath(home, "httpd.conf")));
  if (text === undefined && file !== undefined) return `can't open '${file}': ${strerror(Errno.ENOENT)}`;
  const mimeTypes = new Map<string, string>();
  let index = "index.html";
  for (const raw of (text ?? "").split("\n")) {
    const line = raw.replace(/#.*/, "").trim();
    if (line === "") continue;
    if (/^\.[^:]+:/.test(line)) mimeTypes.set(line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1));
    else if (/^I:/i.test(line)) index = line.slice(2);
    else return `config error: directive '${line}' is not supported`;
  }
  return { index, mimeTypes };
}

/** A socket for all addresses is an IPv6 one, which takes IPv4, too. */
function openListener(proc: Process, { address, port }: Listener): Socket {
  const socket = openSocket(proc, address === 0 ? AF_INET6 : AF_INET, SOCK_STREAM);
  socket.setOption("SO_REUSEADDR", 1);
  socket.bind({ addr: address, port });
  socket.listen(BACKLOG);
  return socket;
}

function* serve(proc: Process, socket: Socket, listener: Listener): Task<number> {
  proc.onSignal(SIGCHLD, "ignore");
  for (;;) {
    const connection = yield* socket.accept();
    connection.setOption("SO_KEEPALIVE", 1);
    const fds = new Map<number, OpenFile>([
      [0, connection],
      [1, connection],
    ]);
    const stderr = proc.fds.get(2);
    if (stderr) fds.set(2, stderr);
    proc.spawn((child) => handle(child, connection, listener), { argv: proc.argv, fds });
    connection.release();
  }
}

/** One connection, in its own process. */
function* handle(proc: Process, connection: Socket, listener: Listener): Task<number> {
  proc.onSignal(SIGPIPE, "ignore");
  yield* sleep(FORK_NS);
  try {
    const lines = yield* readRequest(proc, connection);
    if (lines === undefined) return 0;
    yield* sleep(ANSWER_NS);
    const answer = lines === "timeout" ? errorAnswer(proc, 408, "") : respond(proc, listener.settings, lines);
    yield* log(proc, connection, listener, answer);
    yield* connection.send(answer.head);
    if (answer.body) yield* sendFile(connection, answer.body);
    yield* connection.shutdown(SHUT_WR);
  } catch (error) {
    errnoOf(error);
  }
  yield* sleep(EXIT_NS);
  return 0;
}

/**
 * The request's lines up to the empty one or the peer's end; only the first when it is no request line. Undefined when
 * there is none.
 */
function* readRequest(proc: Process, connection: Socket): Task<string[] | undefined | "timeout"> {
  let text = "";
  let ended = false;
  const deadline = proc.sim.now + HEADER_TIMEOUT_NS;
  for (;;) {
    const lines = text.split(/\r?\n/);
    const first = lines[0]!;
    const complete = ended || lines.length > 1;
    if (complete && first === "") return undefined;
    if (complete && !isRequestLine(first)) return [first];
    const empty = lines.indexOf("");
    if (ended || (empty > 0 && empty < lines.length - 1) || /\n\r?\n$/.test(text))
      return lines.slice(0, empty < 0 ? undefined : empty);
    try {
      const { bytes } = yield* connection.recv(READ_BYTES, { timeoutNs: deadline - proc.sim.now });
      if (bytes.length === 0) ended = true;
      text += decodeUtf8(bytes);
    } catch (error) {
      if (errnoOf(error) === Errno.EAGAIN) return "timeout";
      throw error;
    }
  }
}

/** sendfile(2), asked for more than there is: a pipe's worth at a time, each announced as going on, then the file's end. */
function* sendFile(connection: Socket, body: Uint8Array): Task<void> {
  yield* sleep(SENDFILE_NS);
  for (let at = 0; at < body.length; at += SENDFILE_CHUNK)
    yield* connection.send(body.subarray(at, at + SENDFILE_CHUNK), { more: true, splice: true });
  yield* connection.send(new Uint8Array(0), { splice: true });
  yield* sleep(END_OF_FILE_NS);
}

function* log(proc: Process, connection: Socket, { address, verbose }: Listener, answer: HttpdAnswer): Task<void> {
  if (verbose === 0) return;
  const peer = connection.peerAddress;
  const ip = formatIpv4(peer.addr);
  // an IPv6 socket's peer is a mapped address
  const who = `${address === 0 ? `[::ffff:${ip}]` : ip}:${peer.port}`;
  if (verbose > 1 && answer.url !== "") yield* proc.printError(`${who}: url:${answer.url}\n`);
  yield* proc.printError(`${who}: response:${answer.status}\n`);
}

/** -e: every byte that is no letter and no digit as a character reference. */
function htmlEncode(text: string): string {
  return text.replace(/[^0-9A-Za-z]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** -d: + is a space, %XX a byte. */
function percentDecode(text: string): string {
  return text
    .replace(/\+/g, " ")
    .replace(/%([0-9A-Fa-f]{2})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)));
}
