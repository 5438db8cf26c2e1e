// wget as busybox has it (1.35, Debian): one HTTP/1.1 request per URL with "Connection: close", redirects followed, to a
// file or standard output; messages and progress on stderr. No FTP, no TLS, no proxies.

import { concatBytes } from "../base/bytes.ts";
import { Errno, strerror } from "../base/errno.ts";
import { decodeUtf8, encodeUtf8 } from "../base/text.ts";
import { type Ns, SEC, USEC } from "../base/time.ts";
import { openSocket } from "../host/host.ts";
import { AF_INET, SOCK_STREAM } from "../net/core/sock.ts";
import type { Socket } from "../net/socket.ts";
import type { OpenFile } from "../posix/file.ts";
import type { Process, Program } from "../posix/process.ts";
import { joinPath } from "../posix/vfs.ts";
import { sleep, type Task } from "../sim/task.ts";
import { formatIpv4 } from "../wire/addr.ts";
import { base64 } from "./curl/transfer.ts";
import { parseUrl, resolveReference } from "./curl/url.ts";
import { getopt } from "./net-util/getopt.ts";
import { GaiError, getaddrinfo } from "./net-util/resolve.ts";
import { closeFile, errnoOf } from "./net-util/sockets.ts";

/** A static binary. */
const START_NS: Ns = 450 * USEC;
/** connect(2) returned, the request is written. */
const REQUEST_NS: Ns = 50 * USEC;
/** Reading and writing out a block. */
const BLOCK_NS: Ns = 7 * USEC;
/** From the last byte to close(2): the progress bar is drawn, files are flushed. */
const FINISH_NS: Ns = 200 * USEC;
/** From an answer that is none to the end of the process, which closes the connection. */
const ERROR_NS: Ns = 120 * USEC;
const READ_BYTES = 4096;
const MAX_REDIRECTS = 5;

const USAGE = `BusyBox v1.35.0 (Debian 1:1.35.0-4+deb12u1+b1) multi-call binary.

Usage: wget [-cqS] [--spider] [-O FILE] [-o LOGFILE] [--header STR]
	[--post-data STR | --post-file FILE] [-Y on/off]
	[--no-check-certificate] [-P DIR] [-U AGENT] URL...

Retrieve files via HTTP or FTP

	--spider	Only check URL existence: $? is 0 if exists
	--header STR	Add STR (of form 'header: value') to headers
	--post-data STR	Send STR using POST method
	--post-file FILE	Send FILE using POST method
	--no-check-certificate	Don't validate the server's certificate
	-c		Continue retrieval of aborted transfer
	-q		Quiet
	-P DIR		Save to DIR (default .)
	-S    		Show server response
	-O FILE		Save to FILE ('-' for stdout)
	-o LOGFILE	Log messages to FILE
	-U STR		Use STR for User-Agent header
	-Y on/off	Use proxy
`;

interface WgetOptions {
  readonly urls: readonly string[];
  quiet: boolean;
  showHeaders: boolean;
  spider: boolean;
  resume: boolean;
  output: string | undefined;
  folder: string | undefined;
  log: string | undefined;
  agent: string;
  timeoutNs: Ns;
  readonly headers: string[];
  post: Uint8Array | undefined;
}

/** Ends wget with status 1 and this sentence. */
class WgetError extends Error {}

const LONG = [
  { name: "continue", argument: 0, short: "c" },
  { name: "quiet", argument: 0, short: "q" },
  { name: "server-response", argument: 0, short: "S" },
  { name: "output-document", argument: 1, short: "O" },
  { name: "output-file", argument: 1, short: "o" },
  { name: "directory-prefix", argument: 1, short: "P" },
  { name: "user-agent", argument: 1, short: "U" },
  { name: "timeout", argument: 1, short: "T" },
  { name: "tries", argument: 1, short: "t" },
  { name: "proxy", argument: 1, short: "Y" },
  { name: "header", argument: 1 },
  { name: "post-data", argument: 1 },
  { name: "post-file", argument: 1 },
  { name: "spider", argument: 0 },
  { name: "no-check-certificate", argument: 0 },
] as const;

export const busyboxWget: Program = function* (proc: Process): Task<number> {
  yield* sleep(START_NS);
  const parsed = getopt(proc.argv.slice(1), "cqSO:o:P:Y:U:T:t:n:", { long: LONG });
  if (parsed.error !== undefined || parsed.operands.length === 0) {
    yield* proc.printError(parsed.error === undefined ? USAGE : `wget: ${parsed.error}\n${USAGE}`);
    return 1;
  }
  const options: WgetOptions = {
    urls: parsed.operands,
    quiet: false,
    showHeaders: false,
    spider: false,
    resume: false,
    output: undefined,
    folder: undefined,
    log: undefined,
    agent: "Wget",
    timeoutNs: Number.POSITIVE_INFINITY,
    headers: [],
    post: undefined,
  };
  try {
    for (const { name, value = "" } of parsed.options) setOption(proc, options, name, value);
    for (const url of options.urls) yield* new Download(proc, options).run(url);
    return 0;
  } catch (error) {
    if (!(error instanceof WgetError)) throw error;
    yield* proc.printError(`wget: ${error.message}\n`);
    return 1;
  }
};

function setOption(proc: Process, o: WgetOptions, name: string, value: string): void {
  switch (name) {
    case "q":
      o.quiet = true;
      return;
    case "S":
      o.showHeaders = true;
      return;
    case "c":
      o.resume = true;
      return;
    case "O":
      o.output = value;
      return;
    case "o":
      o.log = value;
      return;
    case "P":
      o.folder = value;
      return;
    case "U":
      o.agent = value;
      return;
    case "T":
      if (!/^\d+$/.test(value)) throw new WgetError(`invalid number '${value}'`);
      o.timeoutNs = Number(value) * SEC;
      return;
    case "spider":
      o.spider = true;
      return;
    case "header":
      o.headers.push(value);
      return;
    case "post-data":
      o.post = encodeUtf8(value);
      return;
    case "post-file":
      try {
        o.post = proc.root.readFile(proc, value);
      } catch (error) {
        throw new WgetError(`can't open '${value}': ${strerror(errnoOf(error))}`);
      }
      return;
    case "Y":
      if (value !== "off") throw new WgetError("option -Y on is not supported");
      return;
    default:
      // -t, -n, --no-check-certificate: nothing to change.
      return;
  }
}

class Download {
  readonly #proc: Process;
  readonly #options: WgetOptions;
  #log: OpenFile | undefined;

  constructor(proc: Process, options: WgetOptions) {
    this.#proc = proc;
    this.#options = options;
  }

  *run(text: string): Task<void> {
    const { log } = this.#options;
    if (log !== undefined) this.#log = this.#open(log);
    try {
      let reference = text;
      let sameServer = false;
      for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
        const next: string | undefined = yield* this.#fetch(reference, text, !sameServer);
        if (next === undefined) return;
        sameServer = next.startsWith("/");
        reference = resolveReference(parseUrl(reference, true)!, next);
      }
      throw new WgetError("too many redirections");
    } finally {
      this.#log?.release();
    }
  }

  *#say(line: string): Task<void> {
    if (this.#options.quiet) return;
    if (this.#log) yield* this.#log.write(encodeUtf8(line));
    else yield* this.#proc.printError(line);
  }

  #open(path: string): OpenFile {
    try {
      return this.#proc.root.open(this.#proc, path, { write: true, create: true, truncate: true });
    } catch (error) {
      throw new WgetError(`can't open '${path}': ${strerror(errnoOf(error))}`);
    }
  }

  /** Returns a redirect's reference, or undefined when all is done. */
  *#fetch(reference: string, original: string, tells: boolean): Task<string | undefined> {
    const proc = this.#proc;
    const options = this.#options;
    if (/^[a-z]+:\/\//i.test(reference) && !/^http:\/\//i.test(reference))
      throw new WgetError(`not an http or ftp url: ${reference}`);
    const url = reference === "" ? undefined : parseUrl(reference, true);
    if (!url) throw new WgetError(`bad address '${reference}'`);
    let address: number;
    try {
      address = (yield* getaddrinfo(proc, url.host)).addresses[0]!;
    } catch (error) {
      if (!(error instanceof GaiError)) throw error;
      throw new WgetError(`bad address '${url.host}'`);
    }
    const shown = url.explicitPort ? `${url.host}:${url.port}` : url.host;
    if (tells) yield* this.#say(`Connecting to ${shown} (${formatIpv4(address)}:${url.port})\n`);
    const socket = openSocket(proc, AF_INET, SOCK_STREAM);
    try {
      yield* this.#connect(socket, address, url.port);
      yield* sleep(REQUEST_NS);
      yield* socket.send(this.#request(url.target, shown, url.user));
      const reader = new LineReader(socket, options.timeoutNs);
      const head = yield* this.#head(reader);
      const location = head.headers.get("location");
      if (head.status >= 300 && head.status < 400 && location !== undefined) return location;
      if (head.status !== 200 && head.status !== 206 && head.status !== 204) {
        yield* sleep(ERROR_NS);
        throw new WgetError(`server returned error: ${head.line}`);
      }
      if (options.spider) yield* this.#say("remote file exists\n");
      else yield* this.#body(reader, head, fileName(original));
      return undefined;
    } catch (error) {
      if (error instanceof WgetError) throw error;
      throw new WgetError(`error getting response: ${strerror(errnoOf(error))}`);
    } finally {
      closeFile(proc, socket);
    }
  }

  *#connect(socket: Socket, address: number, port: number): Task<void> {
    try {
      if (!(yield* socket.connect({ addr: address, port }, this.#options.timeoutNs)))
        throw new WgetError("download timed out");
    } catch (error) {
      if (error instanceof WgetError) throw error;
      throw new WgetError(`can't connect to remote host (${formatIpv4(address)}): ${strerror(errnoOf(error))}`);
    }
  }

  #request(target: string, host: string, user: string | undefined): Uint8Array {
    const { agent, headers, post, resume } = this.#options;
    const given = (name: string): boolean => headers.some((header) => header.toLowerCase().startsWith(`${name}:`));
    const lines = [`${post ? "POST" : "GET"} ${target} HTTP/1.1`];
    if (!given("host")) lines.push(`Host: ${host}`);
    if (!given("user-agent")) lines.push(`User-Agent: ${agent}`);
    lines.push("Connection: close");
    if (user !== undefined && !given("authorization")) lines.push(`Authorization: Basic ${base64(encodeUtf8(user))}`);
    const begin = resume ? this.#sizeOfPart() : 0;
    if (begin > 0) lines.push(`Range: bytes=${begin}-`);
    lines.push(...headers);
    if (post) {
      if (!given("content-type")) lines.push("Content-Type: application/x-www-form-urlencoded");
      lines.push(`Content-Length: ${post.length}`);
    }
    return concatBytes([encodeUtf8(`${lines.join("\r\n")}\r\n\r\n`), post ?? new Uint8Array(0)]);
  }

  #sizeOfPart(): number {
    const path = this.#options.output ?? fileName(this.#options.urls[0]!);
    const node = this.#proc.root.find(this.#proc, path);
    return node?.kind === "file" ? node.size : 0;
  }

  *#head(reader: LineReader): Task<{ status: number; line: string; headers: ReadonlyMap<string, string> }> {
    const { showHeaders, quiet } = this.#options;
    for (;;) {
      const line = yield* reader.line();
      if (line === undefined) throw new WgetError("error getting response");
      if (showHeaders && !quiet) yield* this.#proc.printError(`  ${line}\n`);
      const status = Number(/^HTTP\/\S+\s+(\d{3})/.exec(line)?.[1] ?? 0);
      const headers = new Map<string, string>();
      for (;;) {
        const field = yield* reader.line();
        if (showHeaders && !quiet && field !== undefined) yield* this.#proc.printError(`  ${field}\n`);
        if (field === undefined || field === "") break;
        const colon = field.indexOf(":");
        if (colon > 0) headers.set(field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim());
      }
      if (status !== 100) return { status, line, headers };
    }
  }

  *#body(
    reader: LineReader,
    head: { readonly status: number; readonly headers: ReadonlyMap<string, string> },
    name: string,
  ): Task<void> {
    const proc = this.#proc;
    const { output, folder, quiet } = this.#options;
    const toStdout = output === "-";
    const path = output ?? (folder === undefined ? name : joinPath(joinPath(proc.cwd, folder), name));
    const shownPath = output ?? (folder === undefined ? name : `${folder}/${name}`);
    if (this.#options.resume && head.status === 200) yield* proc.printError("wget: restart failed\n");
    if (!toStdout && output === undefined && !this.#options.resume && proc.root.find(proc, path))
      throw new WgetError(`can't open '${shownPath}': ${strerror(Errno.EEXIST)}`);
    let file: OpenFile | undefined;
    if (!toStdout) {
      try {
        const append = this.#options.resume && head.status === 206;
        file = proc.root.open(proc, path, { write: true, create: true, truncate: !append, append });
      } catch (error) {
        throw new WgetError(`can't open '${shownPath}': ${strerror(errnoOf(error))}`);
      }
    }
    yield* this.#say(toStdout ? "writing to stdout\n" : `saving to '${shownPath}'\n`);
    let bytes = 0;
    try {
      const chunked = (head.headers.get("transfer-encoding") ?? "").toLowerCase() === "chunked";
      const length = head.headers.get("content-length");
      const parts = chunked ? reader.chunks() : reader.bytes(length === undefined ? undefined : Number(length));
      for (;;) {
        const part = yield* parts.next();
        if (part === undefined) break;
        bytes += part.length;
        if (file) yield* file.write(part);
        else yield* proc.printBytes(part);
        yield* sleep(BLOCK_NS);
      }
    } finally {
      file?.release();
    }
    yield* sleep(FINISH_NS);
    if (!quiet && this.#log === undefined) yield* proc.printError(progressLine(toStdout ? "-" : shownPath, bytes));
    yield* this.#say(toStdout ? "written to stdout\n" : `'${shownPath}' saved\n`);
  }
}

/** The last part of the path; index.html for a folder. */
function fileName(url: string): string {
  const path = url.replace(/^[a-z]+:\/\//i, "").replace(/[?#].*$/, "");
  const slash = path.indexOf("/");
  const last = slash < 0 ? "" : path.slice(path.lastIndexOf("/") + 1);
  return last === "" ? "index.html" : last;
}

/** The finished bar. */
function progressLine(name: string, bytes: number): string {
  const amount = bytes < 100_000 ? String(bytes) : `${Math.floor(bytes / 1024)}k`;
  return `${name.slice(0, 20).padEnd(20)} 100% |${"*".repeat(32)}|${amount.padStart(6)}  0:00:00 ETA\n`;
}

/** Reads lines, then blocks, of a connection. */
class LineReader {
  readonly #socket: Socket;
  readonly #timeoutNs: Ns;
  #buffer: Uint8Array = new Uint8Array(0);

  constructor(socket: Socket, timeoutNs: Ns) {
    this.#socket = socket;
    this.#timeoutNs = timeoutNs;
  }

  /** False at the end. */
  *#fill(): Task<boolean> {
    try {
      const { bytes } = yield* this.#socket.recv(READ_BYTES, { timeoutNs: this.#timeoutNs });
      if (bytes.length === 0) return false;
      this.#buffer = concatBytes([this.#buffer, bytes]);
      return true;
    } catch (error) {
      if (errnoOf(error) === Errno.EAGAIN) throw new WgetError("download timed out");
      throw error;
    }
  }

  /** Without its line end; undefined at the end. */
  *line(): Task<string | undefined> {
    for (;;) {
      const end = this.#buffer.indexOf(0x0a);
      if (end >= 0) {
        const text = decodeUtf8(this.#buffer, 0, end).replace(/\r$/, "");
        this.#buffer = this.#buffer.slice(end + 1);
        return text;
      }
      if (!(yield* this.#fill())) return undefined;
    }
  }

  *#block(most: number): Task<Uint8Array | undefined> {
    if (this.#buffer.length === 0 && !(yield* this.#fill())) return undefined;
    const part = this.#buffer.slice(0, most);
    this.#buffer = this.#buffer.slice(part.length);
    return part;
  }

  /** Blocks of a body of known length, or up to the end of the connection. */
  bytes(length: number | undefined): { next: () => Task<Uint8Array | undefined> } {
    let left = length ?? Number.POSITIVE_INFINITY;
    const self = this;
    return {
      *next(): Task<Uint8Array | undefined> {
        if (left === 0) return undefined;
        const part = yield* self.#block(left);
        if (part === undefined && length !== undefined) throw new WgetError("connection closed prematurely");
        left -= part?.length ?? 0;
        return part;
      },
    };
  }

  chunks(): { next: () => Task<Uint8Array | undefined> } {
    let left = 0;
    const self = this;
    return {
      *next(): Task<Uint8Array | undefined> {
        if (left === 0) {
          const size = yield* self.line();
          left = Number.parseInt(size ?? "", 16);
          if (Number.isNaN(left)) throw new WgetError("invalid chunk length");
          if (left === 0) return undefined;
        }
        const part = yield* self.#block(left);
        if (part === undefined) throw new WgetError("connection closed prematurely");
        left -= part.length;
        if (left === 0) yield* self.line();
        return part;
      },
    };
  }
}
