// What nginx's static module answers: status line and headers in its order, its own pages for errors, ranges, conditional
// requests. Answers to src/http/modules/ngx_http_static_module.c and ngx_http_special_response.c as seen from outside.

import { decodeUtf8, encodeUtf8 } from "../../base/text.ts";
import type { Process } from "../../posix/process.ts";
import type { FileNode, VfsNode } from "../../posix/vfs.ts";
import { httpDate } from "../net-util/date.ts";
import type { NginxConfig, NginxServer } from "./config.ts";

export interface HttpRequest {
  readonly method: string;
  /** as on the request line */
  readonly target: string;
  readonly version: "1.0" | "1.1";
  /** names in lower case */
  readonly headers: ReadonlyMap<string, string>;
}

export interface HttpResponse {
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  readonly keepAlive: boolean;
  /** the body is a file's, which sendfile sends; pages of errors come from memory with their head */
  readonly fromFile: boolean;
}

const REASONS: ReadonlyMap<number, string> = new Map([
  [200, "OK"],
  [206, "Partial Content"],
  [301, "Moved Permanently"],
  [304, "Not Modified"],
  [400, "Bad Request"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Not Allowed"],
  [416, "Requested Range Not Satisfiable"],
]);

/** Reads a request's head (without the empty line); undefined when it is no HTTP/1.x request that nginx takes. */
export function parseRequest(head: string): HttpRequest | undefined {
  const [first, ...rest] = head.split(/\r?\n/);
  const match = /^([A-Z_-]+) (\S+) HTTP\/1\.(0|1)$/.exec(first ?? "");
  if (!match) return undefined;
  const headers = new Map<string, string>();
  for (const line of rest) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const version = match[3] === "1" ? "1.1" : "1.0";
  if (version === "1.1" && !headers.has("host")) return undefined;
  return { method: match[1]!, target: match[2]!, version, headers };
}

/** The answer of a static server. `request` undefined: a bad request. @param version nginx's own, "1.22.1" */
export function respond(
  proc: Process,
  config: NginxConfig,
  server: NginxServer,
  request: HttpRequest | undefined,
  version: string,
): HttpResponse {
  const { machine } = proc;
  const now = httpDate(machine.wallSeconds());
  const build = (
    status: number,
    type: string,
    body: Uint8Array,
    keepAlive: boolean,
    extra: { afterLength?: string; afterConnection?: string } = {},
    contentLength: number = body.length,
  ): HttpResponse => {
    const bodyless = status === 304;
    const head =
      `HTTP/1.1 ${status} ${REASONS.get(status)}\r\nServer: nginx/${version}\r\nDate: ${now}\r\n` +
      (bodyless ? "" : `Content-Type: ${type}\r\nContent-Length: ${contentLength}\r\n`) +
      `${extra.afterLength ?? ""}Connection: ${keepAlive ? "keep-alive" : "close"}\r\n${extra.afterConnection ?? ""}\r\n`;
    return { head: encodeUtf8(head), body: bodyless ? new Uint8Array(0) : body, keepAlive, fromFile: status < 300 };
  };
  const special = (status: number, keepAlive: boolean, extra = ""): HttpResponse => {
    const title = `${status} ${REASONS.get(status)}`;
    const page =
      `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n` +
      `<hr><center>nginx/${version}</center>\r\n</body>\r\n</html>\r\n`;
    return build(status, "text/html", encodeUtf8(page), keepAlive, { afterLength: extra });
  };
  if (!request) return special(400, false);
  const connection = request.headers.get("connection")?.toLowerCase();
  const keepAlive =
    config.keepaliveSeconds > 0 && (request.version === "1.1" ? connection !== "close" : connection === "keep-alive");
  const withoutBody = (response: HttpResponse): HttpResponse =>
    request.method === "HEAD" ? { ...response, body: new Uint8Array(0) } : response;
  if (request.method !== "GET" && request.method !== "HEAD") return special(405, keepAlive);

  const path = decodePath(request.target);
  if (path === undefined) return special(400, false);
  let file = findNode(proc, server.root + path);
  let name = path;
  if (isDirectory(file)) {
    if (!path.endsWith("/")) {
      const host = request.headers.get("host") ?? "";
      return withoutBody(special(301, keepAlive, `Location: http://${host}${path}/\r\n`));
    }
    const index = server.index.find((candidate) => findNode(proc, server.root + path + candidate)?.kind === "file");
    if (index === undefined) return withoutBody(special(403, keepAlive));
    name = path + index;
    file = findNode(proc, server.root + name);
  }
  if (file?.kind !== "file") return withoutBody(special(404, keepAlive));
  return withoutBody(sendFile(proc, config, request, file, name, keepAlive, build, special));
}

type Build = (
  status: number,
  type: string,
  body: Uint8Array,
  keepAlive: boolean,
  extra?: { afterLength?: string; afterConnection?: string },
  contentLength?: number,
) => HttpResponse;

function sendFile(
  proc: Process,
  config: NginxConfig,
  request: HttpRequest,
  file: FileNode,
  name: string,
  keepAlive: boolean,
  build: Build,
  special: (status: number, keepAlive: boolean, extra?: string) => HttpResponse,
): HttpResponse {
  const mtime = proc.machine.wallSeconds(file.mtimeNs);
  const modified = httpDate(mtime);
  const etag = `"${mtime.toString(16)}-${file.size.toString(16)}"`;
  const type = config.types.get(/\.([^./]+)$/.exec(name)?.[1] ?? "") ?? config.defaultType;
  const lastModified = `Last-Modified: ${modified}\r\n`;
  if (request.headers.get("if-modified-since") === modified || request.headers.get("if-none-match") === etag)
    return build(304, type, new Uint8Array(0), keepAlive, {
      afterLength: lastModified,
      afterConnection: `ETag: ${etag}\r\n`,
    });
  const content = file.data.slice(0, file.size);
  const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get("range") ?? "");
  if (range && (range[1] !== "" || range[2] !== "")) {
    const from = range[1] === "" ? Math.max(0, file.size - Number(range[2])) : Number(range[1]);
    const to = range[1] === "" || range[2] === "" ? file.size - 1 : Math.min(Number(range[2]), file.size - 1);
    if (from > to) return special(416, keepAlive, `Content-Range: bytes */${file.size}\r\n`);
    return build(206, type, content.subarray(from, to + 1), keepAlive, {
      afterLength: lastModified,
      afterConnection: `ETag: ${etag}\r\nContent-Range: bytes ${from}-${to}/${file.size}\r\n`,
    });
  }
  return build(200, type, content, keepAlive, {
    afterLength: lastModified,
    afterConnection: `ETag: ${etag}\r\nAccept-Ranges: bytes\r\n`,
  });
}

/** The path of a request target, decoded, "." and ".." resolved; undefined when it leaves the root or is no path. */
function decodePath(target: string): string | undefined {
  let path = target.replace(/[?#].*$/, "");
  const absolute = /^https?:\/\/[^/]*(\/.*)?$/.exec(path);
  if (absolute) path = absolute[1] ?? "/";
  if (!path.startsWith("/")) return undefined;
  const bytes: number[] = [];
  for (let i = 0; i < path.length; i++) {
    const code = /^%[0-9a-f]{2}/i.exec(path.slice(i, i + 3));
    if (code) {
      bytes.push(Number.parseInt(path.slice(i + 1, i + 3), 16));
      i += 2;
    } else bytes.push(path.charCodeAt(i) & 255);
  }
  const out: string[] = [];
  const parts = decodeUtf8(Uint8Array.from(bytes)).split("/").slice(1);
  for (const part of parts.slice(0, -1)) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (out.pop() === undefined) return undefined;
    } else out.push(part);
  }
  return `/${[...out, parts.at(-1) ?? ""].join("/")}`;
}

function isDirectory(node: VfsNode | undefined): boolean {
  return node?.kind === "dir" || node?.kind === "syntheticDir";
}

function findNode(proc: Process, path: string): VfsNode | undefined {
  try {
    return proc.root.find(proc, path);
  } catch {
    // a file used as a folder, or a circle of links: not found
    return undefined;
  }
}
