// curl for plain HTTP: the command around curl/transfer.ts. It reads its options, goes through the URLs, keeps connections
// between them and prints errors and -w. Its version is a parameter: 7.88.1 on Debian 12. No TLS, no proxies, no HTTP/2,
// no cookies from files.

import { concatBytes, latin1 } from "../../base/bytes.ts";
import { encodeUtf8 } from "../../base/text.ts";
import { type Ns, SEC, USEC } from "../../base/time.ts";
import type { Process, Program } from "../../posix/process.ts";
import { joinPath } from "../../posix/vfs.ts";
import { sleep, type Task } from "../../sim/task.ts";
import { errnoOf } from "../net-util/sockets.ts";
import { ConnectionPool } from "./connection.ts";
import { CurlCode, CurlError } from "./errors.ts";
import { type CurlOptions, type CurlTarget, CurlUsageError, parseCurlOptions } from "./options.ts";
import { BodySink, StdoutBuffer } from "./output.ts";
import { Meter, Verbose } from "./trace.ts";
import { checkedUrl, type RequestBody, type TransferContext, transfer, urlEncode } from "./transfer.ts";
import { expandGlob } from "./url.ts";
import { type TransferInfo, writeOut } from "./write-out.ts";

/** Loading two dozen libraries and OpenSSL's configuration. */
const START_NS: Ns = 5_500 * USEC;
/** From the last byte of a kept connection to its close(2) at the end. */
const CLEANUP_NS: Ns = 75 * USEC;
/** From there to exit(2). */
const EXIT_NS: Ns = 300 * USEC;

const TRY_HELP = "curl: try 'curl --help' or 'curl --manual' for more information\n";

const HELP = `Usage: curl [options...] <url>
 -d, --data <data>          HTTP POST data
 -f, --fail                 Fail fast with no output on HTTP errors
 -h, --help <category>      Get help for commands
 -i, --include              Include protocol response headers in the output
 -o, --output <file>        Write to file instead of stdout
 -O, --remote-name          Write output to a file named as the remote file
 -s, --silent               Silent mode
 -T, --upload-file <file>   Transfer local FILE to destination
 -u, --user <user:password> Server user and password
 -A, --user-agent <name>    Send User-Agent <name> to server
 -v, --verbose              Make the operation more talkative
 -V, --version              Show version number and quit

This is not the full help, this menu is stripped into categories.
Use "--help category" to get an overview of all categories.
For all options use the manual or "--help all".
`;

/** @param version as in the User-Agent header: "7.88.1" */
export function curlProgram(version: string): Program {
  return function* curl(proc: Process): Task<number> {
    let options: CurlOptions;
    try {
      options = parseCurlOptions(proc.argv.slice(1));
    } catch (error) {
      if (!(error instanceof CurlUsageError)) throw error;
      yield* proc.printError(`curl: ${error.message}\n${TRY_HELP}`);
      return CurlCode.FAILED_INIT;
    }
    yield* sleep(START_NS);
    if (options.help) {
      yield* proc.print(HELP);
      return 0;
    }
    if (options.version) {
      yield* proc.print(
        `curl ${version} (x86_64-pc-linux-gnu) libcurl/${version}\nProtocols: http\nFeatures: AsynchDNS\n`,
      );
      return 0;
    }
    if (options.urls.length === 0) {
      yield* proc.printError(TRY_HELP);
      return CurlCode.FAILED_INIT;
    }
    return yield* new Session(proc, options, version).run();
  };
}

class Session {
  readonly #proc: Process;
  readonly #options: CurlOptions;
  readonly #version: string;
  readonly #pool: ConnectionPool;
  readonly #stdout: StdoutBuffer;
  readonly #verbose: Verbose;
  #number = 0;

  constructor(proc: Process, options: CurlOptions, version: string) {
    this.#proc = proc;
    this.#options = options;
    this.#version = version;
    this.#pool = new ConnectionPool(proc, options, version);
    this.#stdout = new StdoutBuffer(proc, options.noBuffer);
    this.#verbose = new Verbose(proc, options.verbose);
  }

  *run(): Task<number> {
    let status = 0;
    for (const { host, port, addresses } of this.#options.resolve)
      yield* this.#verbose.say(`Added ${host}:${port}:${addresses.join(",")} to DNS cache`);
    outer: for (const target of this.#options.urls) {
      const urls = this.#options.globOff ? [target.url] : expandGlob(target.url);
      if (!urls) {
        yield* this.#complain(new CurlError(CurlCode.URL_MALFORMAT, "URL using bad/illegal format or missing URL"));
        status = CurlCode.URL_MALFORMAT;
        continue;
      }
      for (const url of urls) {
        status = yield* this.#withRetries(target, url);
        if (status !== 0 && this.#options.failEarly) break outer;
      }
    }
    yield* sleep(CLEANUP_NS);
    this.#pool.closeAll();
    yield* this.#stdout.flush();
    yield* sleep(EXIT_NS);
    return status;
  }

  *#withRetries(target: CurlTarget, url: string): Task<number> {
    const { retries, retryDelayNs, silent } = this.#options;
    let delay = retryDelayNs ?? SEC;
    for (let left = retries; ; left--) {
      const { code, responseCode } = yield* this.#one(target, url);
      if (left <= 0 || !this.#isTransient(code, responseCode)) return code;
      if (!silent) {
        const why = code === CurlCode.COULDNT_CONNECT ? "connection refused" : "timeout";
        const seconds = Math.floor(delay / SEC);
        yield* this.#proc.printError(
          `Warning: Problem: ${why}. Will retry in ${seconds} seconds. ${left} ${left === 1 ? "retry" : "retries"} left.\n`,
        );
      }
      yield* sleep(delay);
      if (retryDelayNs === undefined) delay *= 2;
    }
  }

  #isTransient(code: number, responseCode: number): boolean {
    const { retryRefused, retryAllErrors } = this.#options;
    if (code === CurlCode.OPERATION_TIMEDOUT || code === CurlCode.COULDNT_RESOLVE_HOST) return true;
    if (code === CurlCode.COULDNT_CONNECT && retryRefused) return true;
    if (code !== 0 && retryAllErrors) return true;
    return [408, 429, 500, 502, 503, 504].includes(responseCode);
  }

  *#one(target: CurlTarget, url: string): Task<{ code: number; responseCode: number }> {
    const proc = this.#proc;
    const options = this.#options;
    const info = emptyInfo(url, this.#number++);
    const startNs = proc.sim.now;
    let failure: CurlError | undefined;
    let meter: Meter | undefined;
    let sink: BodySink | undefined;
    try {
      const path = this.#outputPath(target, url);
      if (path === "") {
        yield* proc.printError("curl: Remote file name has no length!\n");
        throw new CurlError(CurlCode.WRITE_ERROR, "Failed writing received data to disk/application");
      }
      sink = new BodySink(proc, this.#stdout, path);
      info.filename = sink.path ?? "";
      checkedUrl(url, options.pathAsIs);
      const body = yield* this.#requestBody();
      const silent = options.silent || options.noProgress || sink.isTty;
      meter = new Meter(proc, silent ? "none" : options.progressBar ? "bar" : "lines");
      yield* this.#transfer(sink, meter, body, this.#requestUrl(url), info);
      sink.open();
    } catch (error) {
      if (!(error instanceof CurlError)) throw error;
      failure = error;
    }
    sink?.close();
    info.totalNs = proc.sim.now - startNs;
    info.exitCode = failure?.code ?? 0;
    info.errorMessage = failure?.message ?? "";
    if (failure) yield* this.#complain(failure);
    if (sink && sink.path === undefined) yield* this.#stdout.flush();
    if (options.writeOut !== undefined) {
      const format = options.writeOut.startsWith("@")
        ? yield* this.#fileText(options.writeOut.slice(1))
        : options.writeOut;
      const text = writeOut(format, info);
      yield* proc.printError(text.stderr);
      yield* this.#stdout.write(encodeUtf8(text.stdout));
    }
    if (meter) yield* meter.end();
    return { code: info.exitCode, responseCode: info.responseCode };
  }

  *#transfer(sink: BodySink, meter: Meter, body: RequestBody | undefined, url: string, info: TransferInfo): Task<void> {
    const proc = this.#proc;
    const { dumpHeader } = this.#options;
    const headers =
      dumpHeader === undefined
        ? undefined
        : new BodySink(proc, this.#stdout, dumpHeader === "-" ? undefined : dumpHeader);
    const context: TransferContext = {
      proc,
      options: this.#options,
      pool: this.#pool,
      sink,
      verbose: this.#verbose,
      meter,
      body,
      version: this.#version,
      dumpHeader: headers && ((line) => headers.write(encodeUtf8(line))),
    };
    try {
      yield* transfer(context, url, info);
    } finally {
      headers?.close();
    }
  }

  /** "": -O and the URL names no file */
  #outputPath(target: CurlTarget, url: string): string | undefined {
    if (target.output === "-") return undefined;
    if (target.output !== undefined) return target.output;
    if (!target.remoteName) return undefined;
    const name = url
      .replace(/^[a-z]+:\/\//i, "")
      .replace(/[?#].*$/, "")
      .match(/\/([^/]+)$/)?.[1];
    return name ?? "";
  }

  /** -G puts the data behind the URL; -T names the file behind a folder. */
  #requestUrl(url: string): string {
    const { get, uploadFile } = this.#options;
    if (uploadFile !== undefined && url.endsWith("/")) return url + (uploadFile.split("/").at(-1) ?? "");
    if (!get || this.#dataText === undefined) return url;
    return `${url}${url.includes("?") ? "&" : "?"}${this.#dataText}`;
  }

  #dataText: string | undefined;

  *#requestBody(): Task<RequestBody | undefined> {
    const { data, get, json, uploadFile } = this.#options;
    if (uploadFile !== undefined) {
      const bytes = uploadFile === "-" ? yield* this.#proc.readAll() : this.#fileBytes(uploadFile);
      return { bytes, contentType: undefined, upload: true };
    }
    if (data.length === 0) return undefined;
    const parts: Uint8Array[] = [];
    for (const { kind, value } of data) {
      if (parts.length > 0 && !json) parts.push(encodeUtf8("&"));
      parts.push(yield* this.#dataPart(kind, value));
    }
    const bytes = concatBytes(parts);
    if (get) {
      this.#dataText = latin1(bytes);
      return undefined;
    }
    const contentType = json ? "application/json" : "application/x-www-form-urlencoded";
    return { bytes, contentType, upload: false };
  }

  *#dataPart(kind: string, value: string): Task<Uint8Array> {
    if (kind === "urlencode") {
      const equals = value.indexOf("=");
      const name = equals > 0 ? `${value.slice(0, equals)}=` : "";
      return encodeUtf8(name + urlEncode(value.slice(equals + 1)));
    }
    if (kind === "raw" || !value.startsWith("@")) return encodeUtf8(value);
    const path = value.slice(1);
    const bytes = path === "-" ? yield* this.#proc.readAll() : this.#fileBytes(path);
    return kind === "binary" ? bytes : bytes.filter((byte) => byte !== 0x0a && byte !== 0x0d && byte !== 0);
  }

  #fileBytes(path: string): Uint8Array {
    try {
      return this.#proc.root.readFile(this.#proc, joinPath(this.#proc.cwd, path));
    } catch (error) {
      errnoOf(error);
      throw new CurlError(CurlCode.READ_ERROR, "Failed to open/read local data from file/application");
    }
  }

  *#fileText(path: string): Task<string> {
    const bytes = path === "-" ? yield* this.#proc.readAll() : this.#fileBytes(path);
    return latin1(bytes);
  }

  *#complain(error: CurlError): Task<void> {
    const { silent, showError } = this.#options;
    if (!silent || showError) yield* this.#proc.printError(`curl: (${error.code}) ${error.message}\n`);
  }
}

function emptyInfo(url: string, urlNumber: number): TransferInfo {
  return {
    url,
    effectiveUrl: url,
    urlNumber,
    method: "GET",
    scheme: "http",
    httpVersion: "0",
    responseCode: 0,
    contentType: "",
    redirectUrl: "",
    redirects: 0,
    connects: 0,
    headerBytes: 0,
    requestBytes: 0,
    downloadBytes: 0,
    uploadBytes: 0,
    localIp: "",
    localPort: 0,
    remoteIp: "",
    remotePort: 0,
    filename: "",
    exitCode: 0,
    errorMessage: "",
    nameLookupNs: -1,
    connectNs: -1,
    preTransferNs: -1,
    startTransferNs: -1,
    redirectNs: 0,
    totalNs: 0,
    headers: new Map(),
  };
}
