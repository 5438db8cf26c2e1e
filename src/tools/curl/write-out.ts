// curl's -w: a format with %{variables} and backslash escapes, filled in after each transfer (curl(1), --write-out).

import { type Ns, SEC } from "../../base/time.ts";

/** What is known about a finished transfer. Moments are ns since its start, −1 when it did not get there. */
export interface TransferInfo {
  url: string;
  effectiveUrl: string;
  urlNumber: number;
  method: string;
  scheme: string;
  httpVersion: string;
  responseCode: number;
  contentType: string;
  redirectUrl: string;
  redirects: number;
  connects: number;
  headerBytes: number;
  requestBytes: number;
  downloadBytes: number;
  uploadBytes: number;
  localIp: string;
  localPort: number;
  remoteIp: string;
  remotePort: number;
  filename: string;
  exitCode: number;
  errorMessage: string;
  nameLookupNs: Ns;
  connectNs: Ns;
  preTransferNs: Ns;
  startTransferNs: Ns;
  redirectNs: Ns;
  totalNs: Ns;
  headers: ReadonlyMap<string, string>;
}

export interface WrittenOut {
  readonly stdout: string;
  readonly stderr: string;
}

/** An unknown variable is complained about on stderr and leaves nothing. */
export function writeOut(format: string, info: TransferInfo): WrittenOut {
  const streams = { stdout: "", stderr: "" };
  let complaints = "";
  let to: "stdout" | "stderr" = "stdout";
  for (let i = 0; i < format.length; i++) {
    const c = format[i]!;
    if (c === "\\") {
      i++;
      streams[to] += escapedText(format[i]);
      continue;
    }
    if (c !== "%") {
      streams[to] += c;
      continue;
    }
    if (format[i + 1] === "%") {
      streams[to] += "%";
      i++;
      continue;
    }
    const variable = /^%\{([^}]*)\}/.exec(format.slice(i));
    const header = /^%header\{([^}]*)\}/.exec(format.slice(i));
    if (header) {
      streams[to] += info.headers.get(header[1]!.toLowerCase()) ?? "";
      i += header[0].length - 1;
    } else if (variable) {
      i += variable[0].length - 1;
      const name = variable[1]!;
      if (name === "stdout" || name === "stderr") to = name;
      else if (name === "onerror") {
        if (info.exitCode === 0) break;
      } else {
        const value = variableText(name, info);
        if (value === undefined) complaints += `curl: unknown --write-out variable: '${name}'\n`;
        else streams[to] += value;
      }
    } else streams[to] += c;
  }
  return { stdout: streams.stdout, stderr: complaints + streams.stderr };
}

function escapedText(letter: string | undefined): string {
  switch (letter) {
    case "n":
      return "\n";
    case "r":
      return "\r";
    case "t":
      return "\t";
    case undefined:
      return "\\";
    default:
      return `\\${letter}`;
  }
}

/** Seconds with six digits; 0 when it never came to that. */
function secondsText(ns: Ns): string {
  const us = Math.floor(Math.max(0, ns) / 1000);
  return `${Math.floor(us / 1_000_000)}.${String(us % 1_000_000).padStart(6, "0")}`;
}

function variableText(name: string, t: TransferInfo): string | undefined {
  switch (name) {
    case "http_code":
    case "response_code":
      return String(t.responseCode).padStart(3, "0");
    case "http_connect":
      return "000";
    case "http_version":
      return t.httpVersion;
    case "content_type":
      return t.contentType;
    case "exitcode":
      return String(t.exitCode);
    case "errormsg":
      return t.errorMessage;
    case "filename_effective":
      return t.filename;
    case "local_ip":
      return t.localIp;
    case "local_port":
      return String(t.localPort);
    case "remote_ip":
      return t.remoteIp;
    case "remote_port":
      return String(t.remotePort);
    case "method":
      return t.method;
    case "scheme":
      return t.scheme.toUpperCase();
    case "num_connects":
      return String(t.connects);
    case "num_headers":
      return String(t.headers.size);
    case "num_redirects":
      return String(t.redirects);
    case "redirect_url":
      return t.redirectUrl;
    case "size_download":
      return String(t.downloadBytes);
    case "size_upload":
      return String(t.uploadBytes);
    case "size_header":
      return String(t.headerBytes);
    case "size_request":
      return String(t.requestBytes);
    case "speed_download":
      return String(speed(t.downloadBytes, t.totalNs));
    case "speed_upload":
      return String(speed(t.uploadBytes, t.totalNs));
    case "ssl_verify_result":
    case "proxy_ssl_verify_result":
    case "num_retries":
      return "0";
    case "time_appconnect":
      return secondsText(0);
    case "time_namelookup":
      return secondsText(t.nameLookupNs);
    case "time_connect":
      return secondsText(t.connectNs);
    case "time_pretransfer":
      return secondsText(t.preTransferNs);
    case "time_starttransfer":
      return secondsText(t.startTransferNs);
    case "time_redirect":
      return secondsText(t.redirectNs);
    case "time_total":
      return secondsText(t.totalNs);
    case "url":
      return t.url;
    case "url_effective":
      return t.effectiveUrl;
    case "urlnum":
      return String(t.urlNumber);
    default:
      return undefined;
  }
}

/** Bytes a second. */
export function speed(bytes: number, ns: Ns): number {
  return ns > 0 ? Math.floor((bytes * SEC) / ns) : bytes;
}
