// What busybox's httpd (1.35, Debian) answers: from a request's lines to the bytes of the answer. It knows GET and HEAD,
// byte ranges, ETags and precompressed files; every other method is "not implemented". No CGI, no authentication.

import { encodeUtf8 } from "../../base/text.ts";
import type { Process } from "../../posix/process.ts";
import type { FileNode } from "../../posix/vfs.ts";
import { httpDate } from "../net-util/date.ts";

/** What the server is told on its command line and in its configuration file. */
export interface HttpdSettings {
  /** absolute path */
  readonly home: string;
  readonly index: string;
  /** by extension with its dot, before the built-in ones */
  readonly mimeTypes: ReadonlyMap<string, string>;
}

export interface HttpdAnswer {
  readonly status: number;
  /** head, and body of an error: one write */
  readonly head: Uint8Array;
  /** then sent from the file */
  readonly body: Uint8Array | undefined;
  /** path as logged, "" when the request did not get that far */
  readonly url: string;
}

const MIME: ReadonlyMap<string, string> = new Map(
  (
    [
      ["text/plain", ".txt .h .c .cc .cpp"],
      ["text/html", ".htm .html"],
      ["image/jpeg", ".jpg .jpeg"],
      ["image/gif", ".gif"],
      ["image/png", ".png"],
      ["image/svg+xml", ".svg"],
      ["text/css", ".css"],
      ["application/javascript", ".js"],
      ["audio/wav", ".wav"],
      ["video/x-msvideo", ".avi"],
      ["video/quicktime", ".qt .mov"],
      ["video/mpeg", ".mpe .mpeg"],
      ["audio/midi", ".mid .midi"],
      ["audio/mpeg", ".mp3"],
    ] as const
  ).flatMap(([type, extensions]) => extensions.split(" ").map((extension) => [extension, type] as const)),
);

/** Reason phrase, and the sentence of the page. */
const STATUSES: ReadonlyMap<number, readonly [string, string]> = new Map([
  [200, ["OK", ""]],
  [206, ["Partial Content", ""]],
  [302, ["Found", ""]],
  [304, ["Not Modified", ""]],
  [400, ["Bad Request", "Unsupported method"]],
  [403, ["Forbidden", "\n"]],
  [404, ["Not Found", "The requested URL was not found"]],
  [408, ["Request Timeout", "No request appeared within 60 seconds"]],
  [500, ["Internal Server Error", "Internal Server Error"]],
  [501, ["Not Implemented", "The requested method is not recognized"]],
]);

/** "GET /path HTTP/1.x": anything else is answered with 400 before the headers are read. */
export function isRequestLine(line: string): boolean {
  const [, target = "", version = ""] = line.split(" ");
  return target.startsWith("/") && version.startsWith("HTTP/");
}

/** @param lines of the request, without line ends: the request line and the headers */
export function respond(proc: Process, settings: HttpdSettings, lines: readonly string[]): HttpdAnswer {
  const [method = "", target = ""] = (lines[0] ?? "").split(" ");
  const path = isRequestLine(lines[0] ?? "") ? decodePath(target.split("?")[0]!) : undefined;
  if (path === 404) return errorAnswer(proc, 404, "");
  const clean = typeof path === "string" ? collapse(path) : undefined;
  if (clean === undefined) return errorAnswer(proc, 400, "");
  const url = clean;
  const headers = headerMap(lines.slice(1));
  let name = `${settings.home}${url}`;
  if (!url.endsWith("/") && proc.root.find(proc, name)?.kind === "dir") {
    const location = `Location: ${url}/${target.includes("?") ? target.slice(target.indexOf("?")) : ""}`;
    return { status: 302, head: head(proc, 302, [location]), body: undefined, url };
  }
  if (url === "/cgi-bin/") return errorAnswer(proc, 403, url);
  // A script is not run.
  if (url.startsWith("/cgi-bin/")) return errorAnswer(proc, regularFile(proc, name) ? 500 : 404, url);
  const upper = method.toUpperCase();
  // Debian's busybox answers HEAD with the body too: recorded, whatever its source means to do
  if (upper !== "GET" && upper !== "HEAD") return errorAnswer(proc, 501, url);
  if (url.endsWith("/")) name += settings.index;
  const file = regularFile(proc, name);
  if (!file) return errorAnswer(proc, 404, url);
  return fileAnswer(proc, settings, name, file, headers, url);
}

function fileAnswer(
  proc: Process,
  settings: HttpdSettings,
  name: string,
  plain: FileNode,
  headers: ReadonlyMap<string, string>,
  url: string,
): HttpdAnswer {
  let file = plain;
  const zipped = (headers.get("accept-encoding") ?? "").includes("gzip") ? regularFile(proc, `${name}.gz`) : undefined;
  if (zipped) file = zipped;
  const modified = proc.machine.wallSeconds(file.mtimeNs);
  const etag = `"${modified.toString(16)}-${file.size.toString(16)}"`;
  if (headers.get("if-none-match")?.includes(etag))
    return { status: 304, head: head(proc, 304, ["Content-type: text/html"]), body: undefined, url };
  const range = zipped ? undefined : byteRange(headers.get("range"), file.size);
  const extension = /\.[^./]*$/.exec(name)?.[0] ?? "";
  // the type of a part is not looked up
  const type = range ? "text/html" : (settings.mimeTypes.get(extension) ?? MIME.get(extension));
  const fields: string[] = [];
  if (type !== undefined) fields.push(`Content-type: ${type}`);
  if (range) fields.push(`Content-Range: bytes ${range.first}-${range.last}/${file.size}`);
  fields.push("Accept-Ranges: bytes", `Last-Modified: ${httpDate(modified)}`, `ETag: ${etag}`);
  fields.push(`Content-Length: ${range ? range.last - range.first + 1 : file.size}`);
  if (zipped) fields.push("Content-Encoding: gzip");
  const status = range ? 206 : 200;
  const content = file.data.subarray(range?.first ?? 0, range ? range.last + 1 : file.size);
  return { status, head: head(proc, status, fields), body: content, url };
}

/** An error's head and page, which leave in one write. */
export function errorAnswer(proc: Process, status: number, url: string): HttpdAnswer {
  const [reason, sentence] = STATUSES.get(status) ?? STATUSES.get(500)!;
  let page = "";
  if (sentence !== "")
    page = `<HTML><HEAD><TITLE>${status} ${reason}</TITLE></HEAD>\n<BODY><H1>${status} ${reason}</H1>\n${sentence.trim()}\n</BODY></HTML>\n`;
  const bytes = encodeUtf8(headText(proc, status, ["Content-type: text/html"]) + page);
  return { status, head: bytes, body: undefined, url };
}

function head(proc: Process, status: number, fields: readonly string[]): Uint8Array {
  const all = status === 302 ? ["Content-type: text/html", ...fields] : fields;
  return encodeUtf8(headText(proc, status, all));
}

function headText(proc: Process, status: number, fields: readonly string[]): string {
  const date = httpDate(proc.machine.wallSeconds());
  const lines = [`HTTP/1.1 ${status} ${STATUSES.get(status)![0]}`, `Date: ${date}`, "Connection: close", ...fields];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function regularFile(proc: Process, path: string): FileNode | undefined {
  const node = proc.root.find(proc, path);
  return node?.kind === "file" ? node : undefined;
}

function headerMap(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return headers;
}

/** Percent decoding; undefined when it is broken, 404 when a byte is 0 or a slash. */
function decodePath(path: string): string | 404 | undefined {
  let out = "";
  for (let i = 0; i < path.length; i++) {
    if (path[i] !== "%") {
      out += path[i];
      continue;
    }
    const digits = path.slice(i + 1, i + 3);
    if (!/^[0-9a-fA-F]{2}$/.test(digits)) return undefined;
    const code = Number.parseInt(digits, 16);
    if (code === 0 || code === 0x2f) return 404;
    out += String.fromCharCode(code);
    i += 2;
  }
  return out;
}

/** Slashes and dots made canonical; undefined when it would leave the home directory. */
function collapse(path: string): string | undefined {
  const parts: string[] = [];
  const raw = path.split("/");
  for (const part of raw) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (parts.length === 0) return undefined;
      parts.pop();
    } else parts.push(part);
  }
  const folder = /(^|\/)\.{0,2}$/.test(path);
  return parts.length === 0 ? "/" : `/${parts.join("/")}${folder ? "/" : ""}`;
}

/** "bytes=0-4"; undefined when there is none that can be served. */
function byteRange(header: string | undefined, size: number): { first: number; last: number } | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? "");
  if (!match) return undefined;
  const first = Number(match[1]);
  // no end and 0 are the same to it
  const last = Number(match[2]) === 0 ? size - 1 : Math.min(Number(match[2]), size - 1);
  return first < size && first <= last ? { first, last } : undefined;
}
