// An HTTP/1 response as it comes in pieces: head lines, then a body that a length, chunks or the end of the connection
// ends (RFC 9112). Fed with what recv(2) returned; says what is body.

import { decodeUtf8 } from "../../base/text.ts";
import { CurlCode, CurlError } from "./errors.ts";

export interface ResponseHead {
  readonly version: string;
  readonly status: number;
  /** raw lines with their line ends, status line first and the empty line last */
  readonly lines: readonly string[];
  readonly headers: ReadonlyMap<string, string>;
  readonly bytes: number;
}

export class ResponseReader {
  readonly #noBody: boolean;
  #pending: Uint8Array = new Uint8Array(0);
  #head: ResponseHead | undefined;
  /** bytes still to come; −1 until the end of the connection; of chunked bodies within the chunk */
  #left = -1;
  #chunked = false;
  #chunkState: "size" | "data" | "end" | "trailer" = "size";
  #chunkLine = "";
  complete = false;
  /** the server closes after this response */
  closes = false;
  received = 0;

  /** @param noBody the request was HEAD */
  constructor(noBody: boolean) {
    this.#noBody = noBody;
  }

  get head(): ResponseHead | undefined {
    return this.#head;
  }

  /** Bytes of the body that a length promised and that did not come. */
  get missing(): number {
    return this.#chunked ? (this.complete ? 0 : 1) : Math.max(0, this.#left);
  }

  /** True when the connection's end may end the body. */
  get untilClose(): boolean {
    return this.#head !== undefined && !this.#chunked && this.#left < 0;
  }

  get chunked(): boolean {
    return this.#chunked;
  }

  /**
   * Takes received bytes; returns the body's among them. When a head is complete `onHead` is told, interim ones (1xx)
   * too. Throws CurlError for what is no HTTP/1.
   */
  feed(bytes: Uint8Array, onHead: (head: ResponseHead) => void): Uint8Array {
    this.received += bytes.length;
    if (this.#head) return this.#body(bytes);
    const joined = new Uint8Array(this.#pending.length + bytes.length);
    joined.set(this.#pending);
    joined.set(bytes, this.#pending.length);
    this.#pending = joined;
    for (;;) {
      const probe = decodeUtf8(this.#pending, 0, Math.min(5, this.#pending.length));
      if (!"HTTP/".startsWith(probe))
        throw new CurlError(CurlCode.UNSUPPORTED_PROTOCOL, "Received HTTP/0.9 when not allowed");
      const end = headEnd(this.#pending);
      if (end < 0) return new Uint8Array(0);
      const head = parseHead(this.#pending.subarray(0, end));
      const rest = this.#pending.slice(end);
      onHead(head);
      this.#pending = rest;
      if (head.status < 200 && head.status !== 101) continue;
      this.#head = head;
      this.#begin(head);
      return this.#body(rest);
    }
  }

  /** The peer closed. */
  end(): void {
    if (this.untilClose) this.complete = true;
  }

  #begin(head: ResponseHead): void {
    const connection = (head.headers.get("connection") ?? "").toLowerCase();
    this.closes = head.version === "1.0" ? !connection.includes("keep-alive") : connection.includes("close");
    if (this.#noBody || head.status === 204 || head.status === 304) {
      this.complete = true;
      return;
    }
    if ((head.headers.get("transfer-encoding") ?? "").toLowerCase().includes("chunked")) {
      this.#chunked = true;
      return;
    }
    const length = head.headers.get("content-length");
    if (length === undefined || !/^\d+$/.test(length)) {
      this.closes = true;
      return;
    }
    this.#left = Number(length);
    if (this.#left === 0) this.complete = true;
  }

  #body(bytes: Uint8Array): Uint8Array {
    if (this.complete) return new Uint8Array(0);
    if (this.#chunked) return this.#chunks(bytes);
    if (this.#left < 0) return bytes;
    const part = bytes.subarray(0, this.#left);
    this.#left -= part.length;
    if (this.#left === 0) this.complete = true;
    return part;
  }

  #chunks(bytes: Uint8Array): Uint8Array {
    const out: number[] = [];
    for (let at = 0; at < bytes.length && !this.complete; ) {
      if (this.#chunkState === "data") {
        const part = bytes.subarray(at, at + this.#left);
        for (const byte of part) out.push(byte);
        at += part.length;
        this.#left -= part.length;
        if (this.#left === 0) this.#chunkState = "end";
        continue;
      }
      const byte = bytes[at++]!;
      if (byte !== 0x0a) {
        if (byte !== 0x0d) this.#chunkLine += String.fromCharCode(byte);
        continue;
      }
      this.#chunkLineEnd();
    }
    return Uint8Array.from(out);
  }

  #chunkLineEnd(): void {
    const line = this.#chunkLine;
    this.#chunkLine = "";
    switch (this.#chunkState) {
      case "size": {
        const size = Number.parseInt(line, 16);
        if (Number.isNaN(size))
          throw new CurlError(CurlCode.RECV_ERROR, "Illegal or missing hexadecimal sequence in chunked-encoding");
        this.#left = size;
        this.#chunkState = size === 0 ? "trailer" : "data";
        return;
      }
      case "end":
        this.#chunkState = "size";
        return;
      default:
        if (line === "") this.complete = true;
    }
  }
}

function headEnd(b: Uint8Array): number {
  for (let i = 0; i < b.length; i++) {
    if (b[i] !== 0x0a) continue;
    if (b[i + 1] === 0x0a) return i + 2;
    if (b[i + 1] === 0x0d && b[i + 2] === 0x0a) return i + 3;
  }
  return -1;
}

function parseHead(bytes: Uint8Array): ResponseHead {
  const lines = decodeUtf8(bytes).match(/[^\n]*\n/g) ?? [];
  const status = /^HTTP\/(\d(?:\.\d)?) (\d{3})/.exec(lines[0] ?? "");
  if (!status) throw new CurlError(CurlCode.WEIRD_SERVER_REPLY, "Weird server reply");
  const headers = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { version: status[1]!, status: Number(status[2]), lines, headers, bytes: bytes.length };
}
