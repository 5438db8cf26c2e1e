// curl's command line, URLs, requests, responses and -w, against what curl 7.88.1 sent and printed.

import { describe, expect, it } from "vitest";
import { encodeUtf8 } from "../../src/base/text.ts";
import { CurlUsageError, parseCurlOptions } from "../../src/tools/curl/options.ts";
import { meterLine } from "../../src/tools/curl/progress.ts";
import { type ResponseHead, ResponseReader } from "../../src/tools/curl/response.ts";
import { base64, type RequestBody, requestHead, urlEncode } from "../../src/tools/curl/transfer.ts";
import { expandGlob, formatUrl, parseUrl, resolveReference } from "../../src/tools/curl/url.ts";
import { type TransferInfo, writeOut } from "../../src/tools/curl/write-out.ts";

function request(args: string[], method = "GET", body?: RequestBody, version = "7.88.1"): string {
  const options = parseCurlOptions(args);
  return requestHead({ options, version }, parseUrl(options.urls[0]!.url)!, method, body, true);
}

describe("a request", () => {
  it("has curl's headers in curl's order", () => {
    expect(request(["http://93.184.216.34/index.html"])).toBe(
      "GET /index.html HTTP/1.1\r\nHost: 93.184.216.34\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n",
    );
    const many = ["-u", "u:p", "-H", "X-A: b", "-A", "agent", "-e", "ref", "-b", "c=d", "-r", "0-4", "--compressed"];
    expect(request([...many, "http://127.0.0.1:75/q"], "PUT")).toBe(
      "PUT /q HTTP/1.1\r\nHost: 127.0.0.1:75\r\nAuthorization: Basic dTpw\r\nRange: bytes=0-4\r\nUser-Agent: agent\r\n" +
        "Accept: */*\r\nAccept-Encoding: deflate, gzip, br, zstd\r\nReferer: ref\r\nCookie: c=d\r\nX-A: b\r\n\r\n",
    );
  });

  it("names the version it is", () => {
    expect(request(["http://h/"], "GET", undefined, "8.22.0")).toContain("User-Agent: curl/8.22.0\r\n");
  });

  it("lets -H replace, empty and remove headers", () => {
    expect(request(["-H", "Host: foo", "-H", "Accept:", "-H", "User-Agent;", "http://127.0.0.1:75/g"])).toBe(
      "GET /g HTTP/1.1\r\nHost: foo\r\nUser-Agent:\r\n\r\n",
    );
  });

  it("ends with the length and type of what is posted", () => {
    const body = { bytes: encodeUtf8("a=b&c"), contentType: "application/x-www-form-urlencoded", upload: false };
    expect(request(["http://127.0.0.1:75/p"], "POST", body)).toBe(
      "POST /p HTTP/1.1\r\nHost: 127.0.0.1:75\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n" +
        "Content-Length: 5\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n",
    );
    const file = { bytes: encodeUtf8("hi\n"), contentType: undefined, upload: true };
    expect(request(["http://h/up/f"], "PUT", file)).toContain("Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  });

  it("encodes for forms and for Basic", () => {
    expect(urlEncode(" b/ü")).toBe("+b%2F%C3%BC");
    expect(["", "a", "ab", "abc"].map((text) => base64(encodeUtf8(text)))).toEqual(["", "YQ==", "YWI=", "YWJj"]);
  });
});

describe("the command line", () => {
  const mistake = (...args: string[]): string => {
    try {
      parseCurlOptions(args);
    } catch (error) {
      if (error instanceof CurlUsageError) return error.message;
      throw error;
    }
    return "accepted";
  };

  it("refuses what it does not know by name", () => {
    expect(mistake("--foo")).toBe("option --foo: is unknown");
    expect(mistake("-Z")).toBe("option -Z: is unknown");
    expect(mistake("--max")).toBe("option --max: is ambiguous");
    expect(mistake("-m")).toBe("option -m: requires parameter");
    expect(mistake("-m", "x", "h")).toBe("option -m: expected a proper numerical parameter");
  });

  it("takes letters together, values with and without a blank, and abbreviations", () => {
    const options = parseCurlOptions(["-sSm4", "-o", "a", "--connect-t", "2", "u1", "-O", "u2"]);
    expect([options.silent, options.showError, options.maxTimeNs, options.connectTimeoutNs]).toEqual([
      true,
      true,
      4_000_000_000,
      2_000_000_000,
    ]);
    expect(options.urls).toEqual([
      { url: "u1", output: "a", remoteName: false },
      { url: "u2", output: undefined, remoteName: true },
    ]);
  });
});

describe("a URL", () => {
  it("guesses http, keeps the port that is not the scheme's, and takes dots out", () => {
    const show = (text: string): string | undefined => {
      const url = parseUrl(text);
      return url && `${formatUrl(url)} ${url.port}`;
    };
    expect(show("127.0.0.1")).toBe("http://127.0.0.1/ 80");
    expect(show("http://h:8080/a/../b?x=/../#f")).toBe("http://h:8080/b?x=/../ 8080");
    expect(show("http://u:p@h:80/")).toBe("http://u:p@h/ 80");
    expect(show("http://")).toBeUndefined();
    expect(show("http://a b/")).toBeUndefined();
    expect(show("http://127.0.0.1:99999/")).toBeUndefined();
  });

  it("resolves the references of Location headers", () => {
    const base = parseUrl("http://h:81/a/b?q")!;
    expect(["/x?y", "c", "?z", "//o/p", "http://i/"].map((to) => resolveReference(base, to))).toEqual([
      "http://h:81/x?y",
      "http://h:81/a/c",
      "http://h:81/a/b?z",
      "http://o/p",
      "http://i/",
    ]);
  });

  it("expands sets and ranges", () => {
    expect(expandGlob("h/{a,b}[01-02]")).toEqual(["h/a01", "h/a02", "h/b01", "h/b02"]);
    expect(expandGlob("h/[a-c]")).toEqual(["h/a", "h/b", "h/c"]);
    expect(expandGlob("h/{")).toBeUndefined();
  });
});

describe("a response", () => {
  const read = (parts: string[], head = false): { heads: number[]; body: string; reader: ResponseReader } => {
    const reader = new ResponseReader(head);
    const heads: ResponseHead[] = [];
    let body = "";
    for (const part of parts) body += String.fromCharCode(...reader.feed(encodeUtf8(part), (h) => heads.push(h)));
    return { heads: heads.map((h) => h.status), body, reader };
  };

  it("ends with its length, in whatever pieces it comes", () => {
    const whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    for (let cut = 1; cut < whole.length; cut++) {
      const { body, reader } = read([whole.slice(0, cut), whole.slice(cut)]);
      expect([body, reader.complete, reader.closes]).toEqual(["hello", true, false]);
    }
  });

  it("puts chunks together, in whatever pieces they come", () => {
    const whole = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
    for (let cut = 1; cut < whole.length; cut++) {
      const { body, reader } = read([whole.slice(0, cut), whole.slice(cut)]);
      expect([body, reader.complete]).toEqual(["abcde", true]);
    }
  });

  it("without a length ends with the connection", () => {
    const { body, reader } = read(["HTTP/1.1 200 OK\r\n\r\nab", "c"]);
    expect([body, reader.complete, reader.closes]).toEqual(["abc", false, true]);
    reader.end();
    expect(reader.complete).toBe(true);
  });

  it("passes over interim heads, and has no body for HEAD and 304", () => {
    const first = read(["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"]);
    expect([first.heads, first.body]).toEqual([[100, 200], "x"]);
    expect(read(["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"], true).reader.complete).toBe(true);
    expect(read(["HTTP/1.1 304 Not Modified\r\n\r\n"]).reader.complete).toBe(true);
  });

  it("is refused when it is no HTTP/1", () => {
    expect(() => read(["garbage\n"])).toThrow("Received HTTP/0.9 when not allowed");
  });
});

describe("-w and the meter", () => {
  const info: TransferInfo = {
    url: "127.0.0.1",
    effectiveUrl: "http://127.0.0.1/",
    urlNumber: 0,
    method: "GET",
    scheme: "http",
    httpVersion: "1.1",
    responseCode: 0,
    contentType: "text/html",
    redirectUrl: "",
    redirects: 0,
    connects: 1,
    headerBytes: 207,
    requestBytes: 73,
    downloadBytes: 3,
    uploadBytes: 0,
    localIp: "127.0.0.1",
    localPort: 5555,
    remoteIp: "127.0.0.1",
    remotePort: 80,
    filename: "",
    exitCode: 7,
    errorMessage: "",
    nameLookupNs: -1,
    connectNs: 345_678,
    preTransferNs: -1,
    startTransferNs: -1,
    redirectNs: 0,
    totalNs: 1_000_000_000,
    headers: new Map([["etag", '"x"']]),
  };

  it("fills variables in and complains about unknown ones", () => {
    expect(
      writeOut("%{http_code} %{scheme} %{remote_ip}:%{remote_port} %{time_connect}\\n%%%{nosuch}|%header{ETag}", info),
    ).toEqual({
      stdout: '000 HTTP 127.0.0.1:80 0.000345\n%|"x"',
      stderr: "curl: unknown --write-out variable: 'nosuch'\n",
    });
  });

  it("draws the line that a finished transfer leaves", () => {
    const line = meterLine({ downloadTotal: 3, downloaded: 3, uploadTotal: 0, uploaded: 0, elapsedNs: 2_225_000 });
    expect(line).toBe("\r100     3  100     3    0     0   1348      0 --:--:-- --:--:-- --:--:--  1348");
  });
});
