// Prints text protocols as tcpdump does (util-print.c txtproto_print, print-http.c, print-ssh.c, print-resp.c): the first
// line, or with -v every line, of what looks like a request or a response.
import type { Dissector } from "./print-core.ts";

const HTTP_METHODS: ReadonlySet<string> = new Set(
  (
    "GET PUT COPY HEAD LOCK MOVE POLL POST BCOPY BMOVE MKCOL TRACE LABEL MERGE DELETE SEARCH UNLOCK REPORT UPDATE NOTIFY " +
    "BDELETE CONNECT OPTIONS CHECKIN PROPFIND CHECKOUT CCM_POST SUBSCRIBE PROPPATCH BPROPFIND BPROPPATCH UNCHECKOUT " +
    "MKACTIVITY MKWORKSPACE UNSUBSCRIBE RPC_CONNECT VERSION-CONTROL BASELINE-CONTROL"
  ).split(" "),
);
const RTSP_METHODS: ReadonlySet<string> = new Set(
  "OPTIONS DESCRIBE ANNOUNCE SETUP PLAY PAUSE TEARDOWN GET_PARAMETER SET_PARAMETER REDIRECT RECORD".split(" "),
);
const SIP_METHODS: ReadonlySet<string> = new Set(
  "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK QAUTH REFER REGISTER SPRACK SUBSCRIBE UPDATE PUBLISH".split(
    " ",
  ),
);

/** A protocol of requests and responses: bodies without either show only the protocol's name. */
export function printHttp(d: Dissector, at: number, length: number, protocol: "http" | "rtsp" | "sip"): void {
  d.protocol = protocol;
  const methods = protocol === "http" ? HTTP_METHODS : protocol === "rtsp" ? RTSP_METHODS : SIP_METHODS;
  if (protocol !== "sip") d.out += ": ";
  d.out += protocol.toUpperCase();
  const first = readToken(d, at, 0, length);
  let shown = first !== undefined && methods.has(first.token.toUpperCase());
  const second = first === undefined ? undefined : readToken(d, at, first.next, length);
  if (second !== undefined && /^[0-9]{3}$/.test(second.token)) shown = true;
  if (shown) printLines(d, at, length);
}

/** A protocol that is all lines. */
export function printText(d: Dissector, at: number, length: number, protocol: "ftp" | "smtp" | "whois"): void {
  d.protocol = protocol;
  d.out += `: ${protocol.toUpperCase()}`;
  printLines(d, at, length);
}

function printLines(d: Dissector, at: number, length: number): void {
  if (d.options.verbose === 0) {
    printLine(d, ": ", at, 0, length);
    return;
  }
  d.out += `, length: ${length}`;
  for (let i = 0; i < length; ) {
    const next = printLine(d, "\n\t", at, i, length);
    if (next === 0) return;
    i = next;
  }
}

/** The word at `index` and the index of what follows its blanks; undefined when it is no printable word. */
function readToken(
  d: Dissector,
  at: number,
  index: number,
  length: number,
): { token: string; next: number } | undefined {
  const start = index;
  for (; index < length; index++) {
    if (!d.has(at + index, 1)) return undefined;
    const c = d.u8(at + index);
    if (c === 32 || c === 9 || c === 13 || c === 10) break;
    if (c < 32 || c > 126 || index - start >= 128) return undefined;
  }
  if (index === start) return undefined;
  const token = d.asciiOf(at + start, index - start);
  for (; index < length && d.has(at + index, 1); index++) {
    const c = d.u8(at + index);
    if (c !== 32) break;
  }
  return { token, next: index };
}

/** Prints the line at `index` if it is printable ASCII; returns the index of the next, or 0 to stop. */
function printLine(d: Dissector, prefix: string, at: number, index: number, length: number): number {
  const start = index;
  for (; index < length; index++) {
    const c = d.u8(at + index);
    if (c === 10) {
      d.out += prefix + d.asciiOf(at + start, index - start);
      return index + 1;
    }
    if (c === 13) {
      if (index + 1 >= length || d.u8(at + index + 1) !== 10) return 0;
      d.out += prefix + d.asciiOf(at + start, index - start);
      return index + 2;
    }
    if ((c < 32 || c > 126) && c !== 9) return 0;
  }
  d.out += prefix + d.asciiOf(at + start, index - start);
  d.truncated();
  return 0;
}

/** The line with which both sides of SSH begin. */
export function printSshVersion(d: Dissector, at: number, length: number): void {
  d.protocol = "ssh";
  for (let i = 0; i < 4; i++) if (d.u8(at + i) !== "SSH-".charCodeAt(i)) return;
  for (let i = 4; i < length; i++) {
    const c = d.u8(at + i);
    if (c === 10 || (c === 13 && i + 1 < length && d.u8(at + i + 1) === 10)) {
      d.out += `: SSH: ${d.asciiOf(at, i)}`;
      return;
    }
    if (c < 32 || c > 126) return;
  }
}

/** The protocol of Redis: strings, numbers, errors, and arrays of them. */
export function printResp(d: Dissector, at: number, length: number): void {
  d.protocol = "resp";
  d.out += ": RESP";
  const end = at + length;
  let p = at;
  while (p < end) {
    const next = printRespValue(d, p, end, 0);
    if (next === undefined) {
      d.truncated();
      return;
    }
    p = next;
  }
}

/** Returns the offset after the value, or undefined when it is cut short. */
function printRespValue(d: Dissector, at: number, end: number, depth: number): number | undefined {
  if (at >= end || depth > 32) return undefined;
  const kind = String.fromCharCode(d.u8(at));
  if (kind === "+" || kind === "-" || kind === ":") {
    const eol = findEol(d, at + 1, end);
    if (eol === undefined) return undefined;
    printQuoted(d, at + 1, eol);
    return eol + 2;
  }
  if (kind !== "$" && kind !== "*") return printRespInline(d, at, end);
  const eol = findEol(d, at + 1, end);
  if (eol === undefined) return undefined;
  const digits = d.asciiOf(at + 1, eol - at - 1);
  if (!/^-?[0-9]+$/.test(digits)) {
    d.out += " invalid";
    return undefined;
  }
  const count = Number(digits);
  if (count < 0) {
    d.out += count === -1 ? " null" : " length negative and not -1";
    return eol + 2;
  }
  if (count === 0) {
    d.out += " empty";
    if (kind === "*") return eol + 2;
  }
  if (kind === "$") {
    if (count > 0) {
      if (eol + 2 + count > end || !d.has(eol + 2, count)) return undefined;
      printQuoted(d, eol + 2, eol + 2 + count);
    }
    const close = findEol(d, eol + 2 + count, end);
    return close === undefined ? undefined : close + 2;
  }
  let p: number | undefined = eol + 2;
  for (let i = 0; i < count && p !== undefined; i++) p = printRespValue(d, p, end, depth + 1);
  return p;
}

function printRespInline(d: Dissector, at: number, end: number): number | undefined {
  let p = at;
  while (p < end && d.has(p, 1) && d.u8(p) !== 13 && d.u8(p) !== 10) p++;
  if (p >= end || !d.has(p, 1)) return undefined;
  printQuoted(d, at, p);
  while (p < end && d.has(p, 1) && (d.u8(p) === 13 || d.u8(p) === 10)) p++;
  return p;
}

function findEol(d: Dissector, at: number, end: number): number | undefined {
  for (let i = at; i + 2 <= end && d.has(i, 2); i++) if (d.u8(i) === 13 && d.u8(i + 1) === 10) return i;
  return undefined;
}

function printQuoted(d: Dissector, from: number, to: number): void {
  d.out += ' "';
  d.printChars(from, to - from);
  d.out += '"';
}
