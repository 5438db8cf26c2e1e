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
  const { next, count } = readRespLength(d, at + 1, end);
  if (typeof count === "string") {
    if (count === "truncated") return undefined;
    d.out += ` ${count}`;
    return next;
  }
  if (count === 0) d.out += " empty";
  if (kind === "$") return printRespString(d, next, end, count);
  let p: number | undefined = next;
  for (let i = 0; i < count && p !== undefined; i++) p = printRespValue(d, p, end, depth + 1);
  return p;
}

function printRespString(d: Dissector, at: number, end: number, length: number): number | undefined {
  if (at + length > end || !d.has(at, length)) return undefined;
  if (length > 0) printQuoted(d, at, at + length);
  const eol = findEol(d, at + length, end);
  return eol === undefined ? undefined : eol + 2;
}

/** The decimal number and line end at `at`, or what tcpdump says instead of a value, and how far it had read. */
function readRespLength(
  d: Dissector,
  at: number,
  end: number,
): {
  next: number;
  count: number | "null" | "length negative and not -1" | "length too large" | "invalid" | "truncated";
} {
  let p = at;
  if (p >= end) return { next: p, count: "truncated" };
  const negative = d.u8(p) === 45;
  if (negative) p++;
  let value = 0;
  const first = p;
  for (; ; p++) {
    if (p >= end) return { next: p, count: "truncated" };
    const c = d.u8(p);
    if (c < 48 || c > 57) break;
    value = value * 10 + c - 48;
  }
  if (p === first || d.u8(p) !== 13) return { next: p + 1, count: "invalid" };
  if (p + 1 >= end) return { next: p + 1, count: "truncated" };
  if (d.u8(p + 1) !== 10) return { next: p + 2, count: "invalid" };
  const next = p + 2;
  if (negative) return { next, count: value === 1 ? "null" : "length negative and not -1" };
  return { next, count: value > 0x7fffffff ? "length too large" : value };
}

/** A command as typed into a terminal: a line, after any empty ones. */
function printRespInline(d: Dissector, at: number, end: number): number | undefined {
  const isEol = (p: number): boolean => d.u8(p) === 13 || d.u8(p) === 10;
  let p = at;
  while (p < end && d.has(p, 1) && isEol(p)) p++;
  const start = p;
  while (p < end && !isEol(p)) p++;
  if (p >= end) return undefined;
  printQuoted(d, start, p);
  while (p < end && d.has(p, 1) && isEol(p)) p++;
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
