// curl's FTP: logs in, goes to the folder, opens a passive data connection and fetches a file or a listing. Answers to
// lib/ftp.c of curl 7.88 (ftp_state_machine). Uploads, active mode and --quote are refused by name where they are asked for.

import { decodeUtf8, encodeUtf8 } from "../../base/text.ts";
import type { Ns } from "../../base/time.ts";
import type { Task } from "../../sim/task.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { errnoOf } from "../net-util/sockets.ts";
import type { Connection, Deadlines } from "./connection.ts";
import { CurlCode, CurlError } from "./errors.ts";
import type { TransferContext } from "./transfer.ts";
import type { CurlUrl } from "./url.ts";
import type { TransferInfo } from "./write-out.ts";

const RECEIVE_BYTES = 102_400;
const MSEC = 1_000_000;

interface Reply {
  readonly code: number;
  /** the last line */
  readonly text: string;
}

/** Fetches an ftp URL. Throws CurlError. */
export function* ftpTransfer(
  context: TransferContext,
  url: CurlUrl,
  info: TransferInfo,
  deadlines: Deadlines,
): Task<void> {
  if (context.body) throw new CurlError(CurlCode.UNSUPPORTED_PROTOCOL, "uploads by FTP are not emulated");
  yield* new FtpSession(context, url, info, deadlines).run();
}

class FtpSession {
  readonly #context: TransferContext;
  readonly #url: CurlUrl;
  readonly #info: TransferInfo;
  readonly #deadlines: Deadlines;
  #control!: Connection;
  #data: Connection | undefined;
  #received = "";
  #downloaded = 0;

  constructor(context: TransferContext, url: CurlUrl, info: TransferInfo, deadlines: Deadlines) {
    this.#context = context;
    this.#url = url;
    this.#info = info;
    this.#deadlines = deadlines;
  }

  *run(): Task<void> {
    const { pool, verbose, meter, proc } = this.#context;
    const addresses = yield* pool.lookUp(this.#url, verbose, meter);
    this.#control = yield* pool.connect(this.#url, addresses, this.#deadlines, verbose);
    const info = this.#info;
    info.connects++;
    info.connectNs = proc.sim.now - this.#deadlines.startNs;
    info.remoteIp = formatIpv4(this.#control.address);
    info.remotePort = this.#control.port;
    let quits = true;
    try {
      const greeting = yield* this.#reply();
      if (greeting.code !== 220)
        throw new CurlError(
          CurlCode.WEIRD_SERVER_REPLY,
          `Got a ${greeting.code} ftp-server response when 220 was expected`,
        );
      yield* this.#login();
      yield* this.#fetch();
    } catch (error) {
      // a session that did not get in is not taken leave of
      quits = error instanceof CurlError && LEAVES_POLITELY.has(error.code);
      throw error;
    } finally {
      yield* meter.done(info, { downloaded: this.#downloaded, uploaded: 0 }, proc.sim.now - this.#deadlines.startNs);
      if (quits) yield* this.#quit();
      pool.close(this.#control);
    }
  }

  *#quit(): Task<void> {
    try {
      yield* this.#command("QUIT");
    } catch (error) {
      if (!(error instanceof CurlError)) throw error;
    }
  }

  *#login(): Task<void> {
    const [user = "anonymous", password = "ftp@example.com"] =
      (this.#context.options.user ?? this.#url.user)?.split(/:(.*)/s).filter((_, i) => i < 2) ?? [];
    let reply = yield* this.#command(`USER ${user}`);
    if (reply.code === 331) reply = yield* this.#command(`PASS ${password}`);
    if (reply.code !== 230) throw new CurlError(LOGIN_DENIED, `Access denied: ${reply.code}`);
    yield* this.#command("PWD");
  }

  *#fetch(): Task<void> {
    const { target } = this.#url;
    const parts = decodeURIComponent(target.replace(/^\//, "")).split("/");
    const file = parts.pop()!;
    for (const folder of parts) {
      const reply = yield* this.#command(`CWD ${folder}`);
      if (reply.code < 200 || reply.code > 299)
        throw new CurlError(REMOTE_ACCESS_DENIED, "Server denied you to change to the given directory");
    }
    const data = yield* this.#passive();
    this.#data = data;
    try {
      if (file === "") {
        yield* this.#expect("TYPE A", 200, FTP_COULDNT_SET_TYPE, "Couldn't set desired mode");
        yield* this.#transferData(data, yield* this.#command("LIST"), undefined);
        return;
      }
      yield* this.#expect("TYPE I", 200, FTP_COULDNT_SET_TYPE, "Couldn't set desired mode");
      const size = yield* this.#command(`SIZE ${file}`);
      if (size.code === 550) throw new CurlError(REMOTE_FILE_NOT_FOUND, "The file does not exist");
      const bytes = size.code === 213 ? Number(/(\d+)\s*$/.exec(size.text)?.[1] ?? Number.NaN) : Number.NaN;
      const reply = yield* this.#command(`RETR ${file}`);
      yield* this.#transferData(data, reply, Number.isNaN(bytes) ? undefined : bytes);
    } finally {
      this.#closeData();
    }
  }

  #closeData(): void {
    if (this.#data) this.#context.pool.close(this.#data);
    this.#data = undefined;
  }

  *#expect(command: string, code: number, error: number, message: string): Task<void> {
    const reply = yield* this.#command(command);
    if (reply.code !== code) throw new CurlError(error, message);
  }

  /** EPSV, and PASV where the server does not know it; the address that 227 names is not believed (skip_pasv_ip). */
  *#passive(): Task<Connection> {
    const { pool, verbose } = this.#context;
    const extended = yield* this.#command("EPSV");
    let port: number;
    if (extended.code === 229) {
      const match = /\(\|\|\|(\d+)\|\)/.exec(extended.text);
      if (!match) throw new CurlError(FTP_WEIRD_PASV_REPLY, "Weirdly formatted EPSV reply");
      port = Number(match[1]);
    } else {
      yield* verbose.say("Failed EPSV attempt. Disabling EPSV");
      const reply = yield* this.#command("PASV");
      if (reply.code !== 227) throw new CurlError(FTP_WEIRD_PASV_REPLY, `Bad PASV/EPSV response: ${reply.code}`);
      const match = /(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)/.exec(reply.text);
      if (!match) throw new CurlError(FTP_WEIRD_227_FORMAT, "Couldn't interpret the 227-reply");
      port = Number(match[5]) * 256 + Number(match[6]);
    }
    const url = { ...this.#url, port };
    return yield* pool.connect(url, [this.#control.address], this.#deadlines, verbose);
  }

  *#transferData(data: Connection, begun: Reply, size: number | undefined): Task<void> {
    if (begun.code !== 150 && begun.code !== 125) {
      if (begun.code === 550) throw new CurlError(REMOTE_FILE_NOT_FOUND, "The file does not exist");
      throw new CurlError(FTP_COULDNT_RETR, `RETR response: ${begun.code}`);
    }
    const { sink, verbose, proc } = this.#context;
    for (;;) {
      const bytes = yield* this.#receive(data);
      if (bytes.length === 0) break;
      if (this.#info.startTransferNs < 0) this.#info.startTransferNs = proc.sim.now - this.#deadlines.startNs;
      yield* verbose.data("{", bytes.length);
      this.#downloaded += bytes.length;
      this.#info.downloadBytes += bytes.length;
      yield* sink.write(bytes);
      if (size !== undefined && this.#downloaded >= size) break;
    }
    if (size !== undefined && this.#downloaded < size)
      throw new CurlError(
        CurlCode.PARTIAL_FILE,
        `transfer closed with ${size - this.#downloaded} bytes remaining to read`,
      );
    this.#closeData();
    const done = yield* this.#reply();
    if (done.code !== 226 && done.code !== 250)
      throw new CurlError(CurlCode.PARTIAL_FILE, `server did not report OK, got ${done.code}`);
  }

  *#command(line: string): Task<Reply> {
    const { verbose } = this.#context;
    yield* verbose.head(">", line);
    try {
      yield* this.#control.socket.send(encodeUtf8(`${line}\r\n`));
    } catch (error) {
      errnoOf(error);
      throw new CurlError(CurlCode.SEND_ERROR, "Send failure");
    }
    return yield* this.#reply();
  }

  /** One reply, of several lines perhaps ("150-…" up to "150 …"). */
  *#reply(): Task<Reply> {
    const { verbose } = this.#context;
    for (;;) {
      const end = this.#received.indexOf("\n");
      if (end < 0) {
        const bytes = yield* this.#receive(this.#control);
        if (bytes.length === 0) throw new CurlError(CurlCode.RECV_ERROR, "response reading failed (errno: 0)");
        this.#received += decodeUtf8(bytes);
        continue;
      }
      const text = this.#received.slice(0, end).replace(/\r$/, "");
      this.#received = this.#received.slice(end + 1);
      yield* verbose.head("<", text);
      if (/^\d{3} /.test(text)) return { code: Number(text.slice(0, 3)), text };
    }
  }

  *#receive(connection: Connection): Task<Uint8Array> {
    const { proc } = this.#context;
    const left: Ns = this.#deadlines.totalNs - proc.sim.now;
    try {
      const options = left === Number.POSITIVE_INFINITY ? {} : { timeoutNs: Math.max(left, MSEC) };
      return (yield* connection.socket.recv(RECEIVE_BYTES, options)).bytes;
    } catch (error) {
      errnoOf(error);
      const ms = Math.floor((proc.sim.now - this.#deadlines.startNs) / MSEC);
      if (proc.sim.now >= this.#deadlines.totalNs)
        throw new CurlError(
          CurlCode.OPERATION_TIMEDOUT,
          `Operation timed out after ${ms} milliseconds with ${this.#downloaded} bytes received`,
        );
      throw new CurlError(CurlCode.RECV_ERROR, "Recv failure: Connection reset by peer");
    }
  }
}

// curl's further exit codes.
const REMOTE_ACCESS_DENIED = 9;
const FTP_WEIRD_PASV_REPLY = 13;
const FTP_WEIRD_227_FORMAT = 14;
const FTP_COULDNT_SET_TYPE = 17;
const FTP_COULDNT_RETR = 19;
const LOGIN_DENIED = 67;
const REMOTE_FILE_NOT_FOUND = 78;
/** Errors after which the control connection is still good. */
const LEAVES_POLITELY: ReadonlySet<number> = new Set([
  REMOTE_ACCESS_DENIED,
  REMOTE_FILE_NOT_FOUND,
  FTP_COULDNT_RETR,
  FTP_COULDNT_SET_TYPE,
]);
