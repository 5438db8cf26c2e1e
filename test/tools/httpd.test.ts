// What busybox's httpd answers, against what busybox 1.35 sent.

import { describe, expect, it } from "vitest";
import { decodeUtf8 } from "../../src/base/text.ts";
import { NsInodes } from "../../src/posix/ns-inodes.ts";
import { Machine, type Process } from "../../src/posix/process.ts";
import { dirNode, fileNode, Vfs } from "../../src/posix/vfs.ts";
import { Rng } from "../../src/sim/rng.ts";
import { Sim } from "../../src/sim/sim.ts";
import { Tasks } from "../../src/sim/task.ts";
import { isRequestLine, respond } from "../../src/tools/httpd/respond.ts";

/** 2026-11-21T09:57:43Z */
const EPOCH_NS = 1795255063_000_000_000n;
/** 2024-01-01T00:00:00Z, seen from there */
const MTIME_NS = (1704067200 - 1795255063) * 1e9;

function server(): Process {
  const root = new Vfs({ now: 0 });
  root.put("/www/index.html", fileNode("hi\n", MTIME_NS));
  root.put("/www/a.txt", fileNode("txt\n", MTIME_NS));
  root.put("/www/a.foo", fileNode("foo\n", MTIME_NS));
  root.put("/www/b.html", fileNode("x\n", MTIME_NS));
  root.put("/www/b.html.gz", fileNode("gz\n", MTIME_NS));
  root.put("/www/sub", dirNode());
  const machine = new Machine(new Tasks(new Sim()), new Rng(1), EPOCH_NS);
  const idle = function* (): Generator<never, number> {
    return 0;
  };
  const ns = {
    net: {},
    uts: { hostname: "h" },
    inodes: new NsInodes({ cgroup: 1, ipc: 2, mnt: 3, net: 4, pid: 5, time: 6, user: 7, uts: 8 }),
  };
  return machine.spawn(null, idle, { argv: ["httpd"], root, ns, cwd: "/", env: new Map() });
}

const settings = { home: "/www", index: "index.html", mimeTypes: new Map<string, string>() };

function answer(...lines: string[]): string {
  const { head, body } = respond(server(), settings, lines);
  return decodeUtf8(head).replaceAll("\r\n", "\n") + (body ? decodeUtf8(body) : "");
}

const COMMON = "Date: Sat, 21 Nov 2026 09:57:43 GMT\nConnection: close\n";

describe("httpd", () => {
  it("sends a file with its type, date, tag and length", () => {
    expect(answer("GET / HTTP/1.1", "Host: h")).toBe(
      `HTTP/1.1 200 OK\n${COMMON}Content-type: text/html\nAccept-Ranges: bytes\n` +
        'Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\nETag: "65920080-3"\nContent-Length: 3\n\nhi\n',
    );
    expect(answer("GET //a.txt?x=1 HTTP/1.1")).toContain("Content-type: text/plain\n");
    expect(answer("GET /a.foo HTTP/1.1")).not.toContain("Content-type");
  });

  it("has a page for what is not there, for HEAD too", () => {
    const head = `HTTP/1.1 404 Not Found\n${COMMON}Content-type: text/html\n\n`;
    expect(answer("GET /nope HTTP/1.1")).toBe(
      `${head}<HTML><HEAD><TITLE>404 Not Found</TITLE></HEAD>\n<BODY><H1>404 Not Found</H1>\nThe requested URL was not found\n</BODY></HTML>\n`,
    );
    expect(answer("HEAD /nope HTTP/1.1")).toBe(answer("GET /nope HTTP/1.1"));
  });

  it("sends a folder's slash along", () => {
    expect(answer("GET /sub HTTP/1.1")).toBe(
      `HTTP/1.1 302 Found\n${COMMON}Content-type: text/html\nLocation: /sub/\n\n`,
    );
    expect(answer("GET /sub/ HTTP/1.1")).toContain("404 Not Found");
  });

  it("serves ranges that fit and whole files for those that do not", () => {
    const part = answer("GET / HTTP/1.1", "Range: bytes=1-");
    expect(part).toContain("HTTP/1.1 206 Partial Content\n");
    expect(part).toContain("Content-Range: bytes 1-2/3\nAccept-Ranges: bytes\n");
    expect(part.endsWith("Content-Length: 2\n\ni\n")).toBe(true);
    expect(answer("GET / HTTP/1.1", "Range: bytes=7-9")).toContain("HTTP/1.1 200 OK\n");
  });

  it("knows a tag again, and prefers a compressed twin", () => {
    expect(answer("GET / HTTP/1.1", 'If-None-Match: "65920080-3"')).toBe(
      `HTTP/1.1 304 Not Modified\n${COMMON}Content-type: text/html\n\n`,
    );
    expect(answer("GET /b.html HTTP/1.1", "Accept-Encoding: gzip")).toContain("Content-Encoding: gzip\n\ngz\n");
  });

  it("refuses other methods, broken escapes and ways out of its home", () => {
    expect(answer("POST / HTTP/1.1")).toContain("501 Not Implemented");
    expect(answer("GET /%4 HTTP/1.1")).toContain("400 Bad Request");
    expect(answer("GET /../etc/passwd HTTP/1.1")).toContain("400 Bad Request");
    expect(answer("GET /a%00b HTTP/1.1")).toContain("404 Not Found");
    expect(answer("GET /%69ndex.html HTTP/1.1")).toContain("200 OK");
  });

  it("tells a request line from anything else", () => {
    expect(["GET / HTTP/1.1", "get /x HTTP/1.0", "BOGUS", "GET /", "GET x HTTP/1.1"].map(isRequestLine)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
