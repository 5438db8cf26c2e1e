// One URL's transfer, redirects included: request, response, where the bytes go, when the connection closes. The moments of
// its system calls are those that strace and the recordings show.

import { concatBytes } from "../../base/bytes.ts";
import { Errno, strerror } from "../../base/errno.ts";
import { encodeUtf8 } from "../../base/text.ts";
import { type Ns, SEC, USEC } from "../../base/time.ts";
import type { Process } from "../../posix/process.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { errnoOf, pollEntries, pollIn } from "../net-util/sockets.ts";
import type { Connection, ConnectionPool, Deadlines } from "./connection.ts";
import { CurlCode, CurlError } from "./errors.ts";
import { ftpTransfer } from "./ftp.ts";
import type { CurlOptions } from "./options.ts";
import type { BodySink } from "./output.ts";
import { type ResponseHead, ResponseReader } from "./response.ts";
import type { Meter, Verbose } from "./trace.ts";
import { type CurlUrl, formatUrl, hostField, parseUrl, resolveReference } from "./url.ts";
import type { TransferInfo } from "./write-out.ts";

/** From the connection's establishment to send(2). */
const SEND_NS: Ns = 60 * USEC;
/** From poll(2) to recv(2), and from there to the next poll(2) with what was read written. */
const POLLED_NS: Ns = 5 * USEC;
const READ_NS: Ns = 7 * USEC;
/** From the last byte to close(2) when the connection is not kept. */
const CLOSE_NS: Ns = 35 * USEC;
const MSEC = 1_000_000;
/** CURLOPT_BUFFERSIZE as the tool sets it. */
const RECEIVE_BYTES = 102400;
/** A body up to this size leaves in one send with the head. */
const INCLUDED_BODY_BYTES = 65536;
const EXPECT_THRESHOLD = 1024 * 1024;
const EXPECT_WAIT_NS: Ns = SEC;

/** What is sent after the head. */
export interface RequestBody {
  readonly bytes: Uint8Array;
  readonly contentType: string | undefined;
  /** PUT of -T rather than POST */
  readonly upload: boolean;
}

export interface TransferContext {
  readonly proc: Process;
  readonly options: CurlOptions;
  readonly pool: ConnectionPool;
  readonly sink: BodySink;
  readonly verbose: Verbose;
  readonly meter: Meter;
  readonly body: RequestBody | undefined;
  /** curl's version, for User-Agent */
  readonly version: string;
  /** --dump-header */
  readonly dumpHeader: ((line: string) => Task<void>) | undefined;
}

/** Transfers `text`; `info` is filled in as far as it gets. Throws CurlError. */
export function* transfer(context: TransferContext, text: string, info: TransferInfo): Task<void> {
  const { proc, options } = context;
  const startNs = proc.sim.now;
  const deadlines: Deadlines = {
    startNs,
    totalNs: options.maxTimeNs > 0 ? startNs + options.maxTimeNs : Number.POSITIVE_INFINITY,
    connectNs: startNs + options.connectTimeoutNs,
  };
  let reference = text;
  let method = firstMethod(context);
  let body = context.body;
  let authorized = true;
  let firstHost: string | undefined;
  for (let redirects = 0; ; redirects++) {
    const url = checkedUrl(reference, options.pathAsIs);
    firstHost ??= url.host;
    authorized &&= options.locationTrusted || url.host === firstHost;
    info.effectiveUrl = formatUrl(url);
    info.scheme = url.scheme;
    info.method = method;
    if (url.scheme === "ftp") {
      yield* ftpTransfer(context, url, info, deadlines);
      return;
    }
    const exchange = new Exchange(context, url, method, body, authorized, deadlines, info);
    const head = yield* exchange.run();
    const location = head.headers.get("location");
    if (location === undefined || head.status < 300 || head.status >= 400) return;
    const next = resolveReference(url, location);
    if (!options.location) {
      info.redirectUrl = next;
      return;
    }
    if (options.maxRedirects >= 0 && redirects >= options.maxRedirects) {
      info.redirectUrl = next;
      throw new CurlError(CurlCode.TOO_MANY_REDIRECTS, `Maximum (${options.maxRedirects}) redirects followed`);
    }
    info.redirects++;
    info.redirectNs = proc.sim.now - startNs;
    const target = parseUrl(next);
    if (target && !options.locationTrusted && target.port !== url.port)
      yield* context.verbose.say(`Clear auth, redirects to port from ${url.port} to ${target.port}`);
    yield* context.verbose.say(`Issue another request to this URL: '${next}'`);
    if (body && (head.status === 303 || ((head.status === 301 || head.status === 302) && !body.upload))) {
      body = undefined;
      if (options.method === undefined) method = "GET";
    }
    reference = next;
  }
}

/** A URL that can be transferred. Throws CurlError. */
export function checkedUrl(text: string, pathAsIs: boolean): CurlUrl {
  const url = parseUrl(text, pathAsIs);
  if (!url) throw new CurlError(CurlCode.URL_MALFORMAT, "URL using bad/illegal format or missing URL");
  if (url.scheme === "http" || url.scheme === "ftp") return url;
  throw new CurlError(CurlCode.UNSUPPORTED_PROTOCOL, `Protocol "${url.scheme}" not supported or disabled in libcurl`);
}

function firstMethod({ options, body }: TransferContext): string {
  if (options.method !== undefined) return options.method;
  if (options.head) return "HEAD";
  if (body) return body.upload ? "PUT" : "POST";
  return "GET";
}

const NO_CONNECTION = { connection: undefined, dead: [], bundle: false } as const;
/** Where the real one's table of connections to a host lies in memory. */
const BUNDLE_ADDRESS = "0x55d5c8a3e0f0";

/** One request and its response. */
class Exchange {
  readonly #context: TransferContext;
  readonly #url: CurlUrl;
  readonly #method: string;
  readonly #body: RequestBody | undefined;
  readonly #authorized: boolean;
  readonly #deadlines: Deadlines;
  readonly #info: TransferInfo;
  readonly #reader: ResponseReader;
  /** a redirect that is followed: its body is read to keep the connection, and thrown away */
  #ignoresBody = false;
  /** a redirect that is followed on another connection: its body is not read */
  #aborted = false;
  #continued = false;
  #downloaded = 0;
  #uploaded = 0;

  constructor(
    context: TransferContext,
    url: CurlUrl,
    method: string,
    body: RequestBody | undefined,
    authorized: boolean,
    deadlines: Deadlines,
    info: TransferInfo,
  ) {
    this.#context = context;
    this.#url = url;
    this.#method = method;
    this.#body = body;
    this.#authorized = authorized;
    this.#deadlines = deadlines;
    this.#info = info;
    this.#reader = new ResponseReader(context.options.head);
  }

  *run(): Task<ResponseHead> {
    const { pool, verbose } = this.#context;
    for (let attempt = 0; ; attempt++) {
      const { connection, reused } = yield* this.#connection(attempt > 0);
      let done = false;
      try {
        yield* sleep(SEND_NS);
        yield* this.#request(connection);
        yield* this.#response(connection);
        done = true;
        const head = this.#reader.head!;
        const kept = !this.#aborted && !this.#reader.closes && !this.#requestCloses() && head.status !== 101;
        return yield* this.#finish(connection, head, kept);
      } catch (error) {
        if (done) throw error;
        const stale = reused && this.#reader.received === 0 && isReset(error);
        if (stale) yield* verbose.say("Connection died, retrying a fresh connect (retry count: 1)");
        else {
          if (error instanceof CurlError) yield* verbose.say(error.message);
          yield* this.#meterDone();
        }
        yield* verbose.say(`Closing connection ${connection.id}`);
        pool.close(connection);
        if (!stale) throw error;
      }
    }
  }

  *#meterDone(): Task<void> {
    const { meter, proc } = this.#context;
    const request = { downloaded: this.#downloaded, uploaded: this.#uploaded };
    yield* meter.done(this.#info, request, proc.sim.now - this.#deadlines.startNs);
  }

  *#connection(fresh: boolean): Task<{ connection: Connection; reused: boolean }> {
    const { meter, proc, pool, verbose } = this.#context;
    const info = this.#info;
    const since = (): Ns => proc.sim.now - this.#deadlines.startNs;
    const { connection: kept, dead, bundle } = fresh ? NO_CONNECTION : pool.take(this.#url);
    if (bundle) yield* verbose.say(`Found bundle for host: ${BUNDLE_ADDRESS} [serially]`);
    if (bundle) yield* verbose.say("Can not multiplex, even if we wanted to");
    for (const id of dead) {
      yield* verbose.say(`Connection ${id} seems to be dead`);
      yield* verbose.say(`Closing connection ${id}`);
    }
    if (kept) {
      yield* verbose.say(`Re-using existing connection #${kept.id} with host ${kept.host}`);
      yield* meter.begin();
      this.#note(kept);
      return { connection: kept, reused: true };
    }
    const addresses = yield* pool.lookUp(this.#url, verbose, meter);
    info.nameLookupNs = since();
    try {
      const connection = yield* pool.connect(this.#url, addresses, this.#deadlines, verbose);
      info.connects++;
      info.connectNs = since();
      const ip = formatIpv4(connection.address);
      yield* verbose.say(`Connected to ${connection.host} (${ip}) port ${connection.port} (#${connection.id})`);
      this.#note(connection);
      return { connection, reused: false };
    } catch (error) {
      yield* this.#meterDone();
      yield* verbose.say(`Closing connection ${pool.lastId}`);
      throw error;
    }
  }

  #note(connection: Connection): void {
    const info = this.#info;
    info.remoteIp = formatIpv4(connection.address);
    info.remotePort = connection.port;
    info.localIp = formatIpv4(connection.socket.localAddress.addr);
    info.localPort = connection.socket.localAddress.port;
    info.preTransferNs = this.#context.proc.sim.now - this.#deadlines.startNs;
  }

  *#request(connection: Connection): Task<void> {
    const { verbose } = this.#context;
    const head = requestHead(this.#context, this.#url, this.#method, this.#body, this.#authorized);
    const bytes = encodeUtf8(head);
    const content = this.#body?.bytes ?? new Uint8Array(0);
    const expects = /\r\nExpect: 100-continue\r\n/i.test(head);
    const together = !expects && content.length <= INCLUDED_BODY_BYTES;
    this.#info.requestBytes += bytes.length + (together ? content.length : 0);
    try {
      yield* connection.socket.send(together ? concatBytes([bytes, content]) : bytes);
      for (const line of head.split("\r\n").slice(0, -1)) yield* verbose.head(">", line);
      if (content.length > 0 && together) yield* verbose.data("}", content.length);
      if (together) this.#uploaded += content.length;
      this.#info.uploadBytes += content.length;
      if (together) return;
      if (expects) yield* this.#awaitContinue(connection);
      for (let at = 0; at < content.length; at += INCLUDED_BODY_BYTES) {
        const part = content.subarray(at, at + INCLUDED_BODY_BYTES);
        yield* connection.socket.send(part);
        yield* verbose.data("}", part.length);
        this.#uploaded += part.length;
      }
    } catch (error) {
      const errno = errnoOf(error);
      throw new CurlError(CurlCode.SEND_ERROR, `Send failure: ${strerror(errno)}`);
    }
  }

  /** Expect: 100-continue: the body follows the server's leave, or a second. */
  *#awaitContinue(connection: Connection): Task<void> {
    const until = this.#context.proc.sim.now + EXPECT_WAIT_NS;
    while (!this.#continued && !this.#reader.head) {
      const left = until - this.#context.proc.sim.now;
      if (left <= 0) {
        yield* this.#context.verbose.say("Done waiting for 100-continue");
        return;
      }
      const bytes = yield* this.#receive(connection, left);
      if (bytes === undefined) continue;
      yield* this.#take(bytes);
      if (bytes.length === 0) return;
    }
  }

  *#response(connection: Connection): Task<void> {
    const { proc, verbose } = this.#context;
    while (!this.#reader.complete && !this.#aborted) {
      const left = this.#deadlines.totalNs - proc.sim.now;
      const bytes = left > 0 ? yield* this.#receive(connection, left) : undefined;
      if (bytes === undefined) yield* this.#timedOut();
      else if (bytes.length === 0) {
        this.#reader.end();
        this.#ended();
        if (this.#downloaded === 0) yield* verbose.data("{", 0);
        return;
      } else yield* this.#take(bytes);
      yield* sleep(READ_NS);
    }
  }

  /** Bytes received, empty at the end of the stream, or undefined when `timeoutNs` passed. */
  *#receive(connection: Connection, timeoutNs: Ns): Task<Uint8Array | undefined> {
    try {
      const options = timeoutNs === Number.POSITIVE_INFINITY ? {} : { timeoutNs };
      const { proc } = this.#context;
      if ((yield* pollEntries(proc, [pollIn(connection.socket)], timeoutNs)).length === 0) return undefined;
      yield* sleep(POLLED_NS);
      return (yield* connection.socket.recv(RECEIVE_BYTES, options)).bytes;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === Errno.EAGAIN) return undefined;
      throw new CurlError(CurlCode.RECV_ERROR, `Recv failure: ${strerror(errno)}`);
    }
  }

  *#timedOut(): Task<never> {
    const { proc } = this.#context;
    yield* sleep(MSEC);
    const ms = Math.floor((proc.sim.now - this.#deadlines.startNs) / MSEC);
    const { downloadBytes } = this.#info;
    const length = this.#reader.head?.headers.get("content-length");
    const part = length === undefined ? `${downloadBytes}` : `${downloadBytes} out of ${length}`;
    throw new CurlError(
      CurlCode.OPERATION_TIMEDOUT,
      `Operation timed out after ${ms} milliseconds with ${part} bytes received`,
    );
  }

  #ended(): void {
    if (!this.#reader.head) throw new CurlError(CurlCode.GOT_NOTHING, "Empty reply from server");
    if (this.#reader.complete) return;
    throw new CurlError(
      CurlCode.PARTIAL_FILE,
      this.#reader.chunked
        ? "transfer closed with outstanding read data remaining"
        : `transfer closed with ${this.#reader.missing} bytes remaining to read`,
    );
  }

  *#take(bytes: Uint8Array): Task<void> {
    const { proc, sink, verbose } = this.#context;
    const info = this.#info;
    if (info.startTransferNs < 0) info.startTransferNs = proc.sim.now - this.#deadlines.startNs;
    const heads: ResponseHead[] = [];
    const body = this.#reader.feed(bytes, (head) => heads.push(head));
    for (const head of heads) yield* this.#head(head);
    const encoded = bytes.length - heads.reduce((sum, one) => sum + one.bytes, 0);
    if (encoded <= 0 || !this.#reader.head || this.#noBody) return;
    if (this.#follows(this.#reader.head) && !this.#ignoresBody) {
      this.#aborted = this.#reader.closes;
      if (this.#aborted) return;
      this.#ignoresBody = true;
      yield* verbose.say("Ignoring the response-body");
    }
    yield* verbose.data("{", encoded);
    this.#downloaded += body.length;
    info.downloadBytes += body.length;
    if (!this.#ignoresBody) yield* sink.write(body);
  }

  get #noBody(): boolean {
    return this.#context.options.head;
  }

  #follows(head: ResponseHead): boolean {
    return this.#context.options.location && head.headers.has("location") && head.status >= 300 && head.status < 400;
  }

  *#head(head: ResponseHead): Task<void> {
    const { options, sink, dumpHeader, verbose } = this.#context;
    const info = this.#info;
    info.headerBytes += head.bytes;
    info.responseCode = head.status;
    info.httpVersion = head.version;
    info.headers = head.headers;
    info.contentType = head.headers.get("content-type") ?? "";
    if (head.status === 100) this.#continued = true;
    const fails = options.fail && !options.failWithBody && head.status >= 400;
    for (const line of fails ? head.lines.slice(0, -1) : head.lines) {
      yield* verbose.head("<", line.replace(/\r?\n$/, ""));
      if (dumpHeader) yield* dumpHeader(line);
      if (options.include) yield* sink.write(encodeUtf8(line));
    }
    if (fails) throw new CurlError(CurlCode.HTTP_RETURNED_ERROR, `The requested URL returned error: ${head.status}`);
  }

  /** Keeps or closes the connection. */
  *#finish(connection: Connection, head: ResponseHead, keep: boolean): Task<ResponseHead> {
    const { pool, options, verbose } = this.#context;
    yield* this.#meterDone();
    if (keep) {
      pool.keep(connection);
      yield* verbose.say(`Connection #${connection.id} to host ${connection.host} left intact`);
    } else {
      yield* sleep(CLOSE_NS);
      yield* verbose.say(`Closing connection ${connection.id}`);
      pool.close(connection);
    }
    if (options.failWithBody && head.status >= 400)
      throw new CurlError(CurlCode.HTTP_RETURNED_ERROR, `The requested URL returned error: ${head.status}`);
    return head;
  }

  #requestCloses(): boolean {
    return this.#context.options.headers.some((header) => /^connection:\s*close/i.test(header));
  }
}

function isReset(error: unknown): boolean {
  return error instanceof CurlError && (error.code === CurlCode.GOT_NOTHING || error.code === CurlCode.RECV_ERROR);
}

/** The request line and headers in curl's order. */
export function requestHead(
  { options, version }: Pick<TransferContext, "options" | "version">,
  url: CurlUrl,
  method: string,
  body: RequestBody | undefined,
  authorized: boolean,
): string {
  const custom = options.headers.map(customHeader);
  const has = (name: string): boolean => custom.some((header) => header.name.toLowerCase() === name);
  const lines: string[] = [`${method} ${url.target} HTTP/${options.http10 ? "1.0" : "1.1"}`];
  const host = custom.find((header) => header.name.toLowerCase() === "host");
  if (!host) lines.push(`Host: ${hostField(url)}`);
  else if (host.line !== undefined) lines.push(host.line);
  const user = options.user ?? url.user;
  if (user !== undefined && authorized && !has("authorization"))
    lines.push(`Authorization: Basic ${base64(encodeUtf8(user))}`);
  if (options.range !== undefined && !has("range")) lines.push(`Range: bytes=${options.range}`);
  if (!has("user-agent") && options.userAgent !== "")
    lines.push(`User-Agent: ${options.userAgent ?? `curl/${version}`}`);
  if (!has("accept")) lines.push(`Accept: ${options.json ? "application/json" : "*/*"}`);
  if (options.compressed && !has("accept-encoding")) lines.push("Accept-Encoding: deflate, gzip, br, zstd");
  if (options.referer !== undefined && !has("referer")) lines.push(`Referer: ${options.referer}`);
  if (options.cookie !== undefined && !has("cookie")) lines.push(`Cookie: ${options.cookie}`);
  for (const header of custom)
    if (header.line !== undefined && header.name.toLowerCase() !== "host") lines.push(header.line);
  if (body) {
    if (!has("content-length")) lines.push(`Content-Length: ${body.bytes.length}`);
    if (body.contentType !== undefined && !has("content-type")) lines.push(`Content-Type: ${body.contentType}`);
    const large = body.upload || body.bytes.length > EXPECT_THRESHOLD;
    if (large && !has("expect") && !options.http10) lines.push("Expect: 100-continue");
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** "Name: value" as it is; "Name;" an empty header; "Name:" takes the header away (no line). */
function customHeader(text: string): { name: string; line: string | undefined } {
  const match = /^([^:;]+)([:;])\s*(.*)$/.exec(text);
  if (!match) return { name: text, line: undefined };
  const [, name = "", separator = "", value = ""] = match;
  if (separator === ";" && value === "") return { name, line: `${name}:` };
  return { name, line: value === "" ? undefined : `${name}: ${value}` };
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

export function base64(bytes: Uint8Array): string {
  let out = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const word = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    out += BASE64[word >>> 18]! + BASE64[(word >>> 12) & 63]!;
    out += i + 1 < bytes.length ? BASE64[(word >>> 6) & 63]! : "=";
    out += i + 2 < bytes.length ? BASE64[word & 63]! : "=";
  }
  return out;
}

/** application/x-www-form-urlencoded of --data-urlencode: a space is a plus sign. */
export function urlEncode(text: string): string {
  let out = "";
  for (const byte of encodeUtf8(text)) {
    const c = String.fromCharCode(byte);
    if (/[A-Za-z0-9._~-]/.test(c)) out += c;
    else out += c === " " ? "+" : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}
