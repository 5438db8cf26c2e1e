// Prints DNS messages as tcpdump does (print-domain.c): `1234+ A? name. (33)` and the answers, over UDP, over TCP and as
// mDNS. Of EDNS options only their names and bytes are shown; bit-string labels (RFC 2673, withdrawn) are reported as bad.
import { formatIpv6 } from "./addr.ts";
import { type Dissector, hex, relativeSeconds } from "./print-core.ts";

const OPCODES = [
  "",
  " inv_q",
  " stat",
  " op3",
  " notify",
  " update",
  " op6",
  " op7",
  " op8",
  " updateA",
  " updateD",
  " updateDA",
  " updateM",
  " updateMA",
  " zoneInit",
  " zoneRef",
];

const RESPONSES = [
  "",
  " FormErr",
  " ServFail",
  " NXDomain",
  " NotImp",
  " Refused",
  " YXDomain",
  " YXRRSet",
  " NXRRSet",
  " NotAuth",
  " NotZone",
  " Resp11",
  " Resp12",
  " Resp13",
  " Resp14",
  " NoChange",
  " BadVers",
  "Resp17",
  " Resp18",
  " Resp19",
  " Resp20",
  "Resp21",
  " Resp22",
  " BadCookie",
];

const TYPES: ReadonlyMap<number, string> = new Map(
  (
    "1 A,2 NS,3 MD,4 MF,5 CNAME,6 SOA,7 MB,8 MG,9 MR,10 NULL,11 WKS,12 PTR,13 HINFO,14 MINFO,15 MX,16 TXT,17 RP,18 AFSDB," +
    "19 X25,20 ISDN,21 RT,22 NSAP,23 NSAP_PTR,24 SIG,25 KEY,26 PX,27 GPOS,28 AAAA,29 LOC,30 NXT,31 EID,32 NIMLOC,33 SRV," +
    "34 ATMA,35 NAPTR,36 KX,37 CERT,38 A6,39 DNAME,40 SINK,41 OPT,42 APL,43 DS,44 SSHFP,45 IPSECKEY,46 RRSIG,47 NSEC," +
    "48 DNSKEY,99 SPF,100 UINFO,101 UID,102 GID,103 UNSPEC,104 UNSPECA,249 TKEY,250 TSIG,251 IXFR,252 AXFR,253 MAILB," +
    "254 MAILA,255 ANY,256 URI"
  )
    .split(",")
    .map((entry): [number, string] => [Number(entry.split(" ")[0]), entry.split(" ")[1]!]),
);
const CLASSES: ReadonlyMap<number, string> = new Map([
  [1, "IN"],
  [3, "CHAOS"],
  [4, "HS"],
  [255, "ANY"],
]);
const EDNS_OPTIONS: ReadonlyMap<number, string> = new Map([
  [1, "LLQ"],
  [2, "UL"],
  [3, "NSID"],
  [5, "DAU"],
  [6, "DHU"],
  [7, "N3U"],
  [8, "ECS"],
  [9, "EXPIRE"],
  [10, "COOKIE"],
  [11, "KEEPALIVE"],
  [12, "PADDING"],
  [13, "CHAIN"],
  [14, "KEY-TAG"],
  [16, "CLIENT-TAG"],
  [17, "SERVER-TAG"],
]);
const HEADER_LENGTH = 12;
const TYPE_OPT = 41;
const MAX_NAME = 255;

/** Prints the message in `length` bytes at `at`; over TCP two bytes of length come first. */
export function printDns(d: Dissector, at: number, length: number, overTcp: boolean, mdns: boolean): void {
  d.protocol = "domain";
  if (overTcp) {
    if (length < 2) {
      d.out += ` [DNS over TCP: length ${length} < 2]`;
      d.invalid();
      return;
    }
    length -= 2;
    const prefix = d.u16(at);
    if (prefix !== length) {
      d.out += ` [prefix length(${prefix}) != length(${length})]`;
      d.invalid();
      return;
    }
    at += 2;
    d.out += " ";
  }
  if (length < HEADER_LENGTH) {
    d.out += `domain [length ${length} < ${HEADER_LENGTH}]`;
    d.invalid();
    return;
  }
  if (!d.has(at, HEADER_LENGTH)) {
    d.truncated();
    return;
  }
  const whole = (d.u16(at + 2) & 0x8000) !== 0 ? printResponse(d, at, mdns) : printQuery(d, at, mdns);
  if (!whole) d.truncated();
  else d.out += ` (${length})`;
}

function printResponse(d: Dissector, at: number, mdns: boolean): boolean {
  const flags = d.u16(at + 2);
  const rcode = fullRcode(d, at);
  d.out += `${d.u16(at)}${OPCODES[(flags >>> 11) & 15]}${RESPONSES[rcode] ?? ` Resp${rcode & 0xfff}`}`;
  if ((flags & 0x0400) !== 0) d.out += "*";
  if ((flags & 0x0080) === 0) d.out += "-";
  if ((flags & 0x0200) !== 0) d.out += "|";
  if ((flags & 0x0020) !== 0) d.out += "$";
  const questions = d.u16(at + 4);
  if (questions !== 1) d.out += ` [${questions}q]`;
  let p: number | undefined = at + HEADER_LENGTH;
  for (let i = 0; i < questions; i++) {
    if (i !== 0) d.out += ",";
    if (d.options.verbose > 1) {
      d.out += " q:";
      p = printQuestion(d, p, at, mdns);
    } else {
      p = skipName(d, p);
      if (p !== undefined) p += 4;
    }
    if (p === undefined) return false;
  }
  const counts = [d.u16(at + 6), d.u16(at + 8), d.u16(at + 10)] as const;
  d.out += ` ${counts[0]}/${counts[1]}/${counts[2]}`;
  if (counts[0] > 0) {
    p = printRecord(d, p, at, mdns);
    p = p === undefined ? undefined : printMore(d, p, at, counts[0] - 1, mdns);
    if (p === undefined) return false;
  }
  return d.options.verbose < 2 || printSections(d, p, at, counts[1], counts[2], mdns);
}

/** Further records, each after a comma; undefined when fewer are there than were said. */
function printMore(d: Dissector, p: number, at: number, count: number, mdns: boolean): number | undefined {
  while (p < d.end && count > 0) {
    d.out += ",";
    const next = printRecord(d, p, at, mdns);
    if (next === undefined) return undefined;
    p = next;
    count--;
  }
  return count > 0 ? undefined : p;
}

/** The authority and additional sections of -vv. */
function printSections(d: Dissector, p: number, at: number, nsCount: number, arCount: number, mdns: boolean): boolean {
  for (const [label, count] of [
    [" ns:", nsCount],
    [" ar:", arCount],
  ] as const) {
    if (p < d.end && count > 0) {
      d.out += label;
      const first = printRecord(d, p, at, mdns);
      const next = first === undefined ? undefined : printMore(d, first, at, count - 1, mdns);
      if (next === undefined) return false;
      p = next;
    } else if (count > 0) return false;
  }
  return true;
}

function printQuery(d: Dissector, at: number, mdns: boolean): boolean {
  const flags = d.u16(at + 2);
  const opcode = (flags >>> 11) & 15;
  d.out += `${d.u16(at)}${OPCODES[opcode]}`;
  if ((flags & 0x0100) !== 0) d.out += "+";
  if ((flags & 0x0010) !== 0) d.out += "%";
  if ((flags & 0x6cf) !== 0) d.out += ` [b2&3=0x${flags.toString(16)}]`;
  let questions = d.u16(at + 4);
  const answers = d.u16(at + 6);
  if (opcode === 1) {
    if (questions !== 0) d.out += ` [${questions}q]`;
    if (answers !== 1) d.out += ` [${answers}a]`;
  } else {
    if (answers !== 0) d.out += ` [${answers}a]`;
    if (questions !== 1) d.out += ` [${questions}q]`;
  }
  if (d.u16(at + 8) !== 0) d.out += ` [${d.u16(at + 8)}n]`;
  if (d.u16(at + 10) !== 0) d.out += ` [${d.u16(at + 10)}au]`;
  let p: number | undefined = at + HEADER_LENGTH;
  if (questions > 0) {
    p = printQuestion(d, p, at, mdns);
    if (p === undefined) return false;
    questions--;
    while (p < d.end && questions > 0) {
      p = printQuestion(d, p, at, mdns);
      if (p === undefined) return false;
      questions--;
    }
  }
  if (questions > 0) return false;
  if (d.options.verbose < 2) return true;
  if (answers > 0) {
    const first = printRecord(d, p, at, mdns);
    p = first === undefined ? undefined : printMore(d, first, at, answers - 1, mdns);
    if (p === undefined) return false;
  }
  return printSections(d, p, at, d.u16(at + 8), d.u16(at + 10), mdns);
}

/** The four bits of the header and, where an OPT record has them, the eight above (RFC 6891 section 6.1.3). */
function fullRcode(d: Dissector, at: number): number {
  const rcode = d.u16(at + 2) & 15;
  let p: number | undefined = at + HEADER_LENGTH;
  for (let i = d.u16(at + 4); i > 0; i--) {
    p = skipName(d, p);
    if (p === undefined || p + 4 >= d.end) return rcode;
    p += 4;
  }
  for (let i = d.u16(at + 6) + d.u16(at + 8); i > 0; i--) {
    p = skipName(d, p);
    if (p === undefined || p + 10 > d.end) return rcode;
    p += 10 + d.u16(p + 8);
    if (p >= d.end) return rcode;
  }
  for (let i = d.u16(at + 10); i > 0; i--) {
    p = skipName(d, p);
    if (p === undefined || p + 5 > d.end) return rcode;
    if (d.u16(p) === TYPE_OPT) return rcode | (d.u8(p + 4) << 4);
    if (p + 10 > d.end) return rcode;
    p += 10 + d.u16(p + 8);
    if (p >= d.end) return rcode;
  }
  return rcode;
}

function printQuestion(d: Dissector, at: number, message: number, mdns: boolean): number | undefined {
  const p = skipName(d, at);
  if (p === undefined || !d.has(p, 4)) return undefined;
  const type = d.u16(p);
  d.out += ` ${TYPES.get(type) ?? `Type${type}`}`;
  const field = d.u16(p + 2);
  const cls = mdns ? field & 0x7fff : field;
  if (cls !== 1) d.out += ` ${CLASSES.get(cls) ?? `(Class ${cls})`}`;
  if (mdns) d.out += (field & 0x8000) !== 0 ? " (QU)" : " (QM)";
  d.out += "? ";
  const next = printName(d, at, message);
  return next === undefined ? undefined : next + 4;
}

/** Prints a resource record; returns the offset after it, or undefined when it is cut off. */
function printRecord(d: Dissector, at: number, message: number, mdns: boolean): number | undefined {
  let p: number | undefined;
  if (d.options.verbose > 0) {
    d.out += " ";
    p = printName(d, at, message);
    if (p === undefined) return undefined;
  } else p = skipName(d, at);
  if (p === undefined || !d.has(p, 10)) return d.end;
  const type = d.u16(p);
  const field = d.u16(p + 2);
  const cls = mdns ? field & 0x7fff : field;
  if (cls !== 1 && type !== TYPE_OPT) d.out += ` ${CLASSES.get(cls) ?? `(Class ${cls})`}`;
  if (mdns && (field & 0x8000) !== 0) d.out += " (Cache flush)";
  if (type !== TYPE_OPT && d.options.verbose > 2) d.out += ` [${relativeSeconds(d.u32(p + 4))}]`;
  const length = d.u16(p + 8);
  const optFlags = d.u16(p + 6);
  const data = p + 10;
  const end = data + length;
  d.out += ` ${TYPES.get(type) ?? `Type${type}`}`;
  if (end > d.end) return undefined;
  return printData(d, type, data, end, message, cls, optFlags) ? end : undefined;
}

/** Prints a record's data; false when it is cut off. */
function printData(
  d: Dissector,
  type: number,
  at: number,
  end: number,
  message: number,
  cls: number,
  optFlags: number,
): boolean {
  switch (type) {
    case 1:
      if (!d.has(at, 4)) return false;
      d.out += ` ${d.ip4(at)}`;
      return true;
    case 2:
    case 5:
    case 12:
    case 39:
      d.out += " ";
      return printName(d, at, message) !== undefined;
    case 6:
      return d.options.verbose === 0 || printSoa(d, at, message);
    case 15:
      d.out += " ";
      if (!d.has(at, 2) || printName(d, at + 2, message) === undefined) return false;
      d.out += ` ${d.u16(at)}`;
      return true;
    case 16:
      for (let p = at; p < end; p += 1 + d.u8(p)) {
        d.out += ' "';
        if (!d.printChars(p + 1, d.u8(p))) return false;
        d.out += '"';
      }
      return true;
    case 28:
      if (!d.has(at, 16)) return false;
      d.out += ` ${formatIpv6(d.bytes, at)}`;
      return true;
    case 33:
      d.out += " ";
      if (!d.has(at, 6) || printName(d, at + 6, message) === undefined) return false;
      d.out += `:${d.u16(at + 4)} ${d.u16(at)} ${d.u16(at + 2)}`;
      return true;
    case TYPE_OPT:
      return printOpt(d, at, end, cls, optFlags);
    case 104:
      return d.printChars(at, end - at);
    case 256:
      d.out += ` ${d.u16(at)} ${d.u16(at + 2)} `;
      return d.printChars(at + 4, end - at < 4 ? d.end : end - at - 4);
    default:
      return true;
  }
}

function printSoa(d: Dissector, at: number, message: number): boolean {
  d.out += " ";
  let p = printName(d, at, message);
  if (p === undefined) return false;
  d.out += " ";
  p = printName(d, p, message);
  if (p === undefined || !d.has(p, 20)) return false;
  for (let i = 0; i < 5; i++) d.out += ` ${d.u32(p + 4 * i)}`;
  return true;
}

function printOpt(d: Dissector, at: number, end: number, size: number, flags: number): boolean {
  d.out += ` UDPsize=${size}`;
  if ((flags & 0x8000) !== 0) d.out += " DO";
  if (at >= end) return true;
  d.out += " [";
  for (let p = at; p < end; ) {
    if (!d.has(p, 4)) return false;
    const code = d.u16(p);
    const length = d.u16(p + 2);
    d.out += EDNS_OPTIONS.get(code) ?? `Opt${code}`;
    p += 4;
    if (!d.has(p, length)) return false;
    if (length > 0) {
      d.out += " ";
      if (code === 12) d.out += `(${length})`;
      else for (let i = 0; i < length; i++) d.out += `${code === 10 && i === 8 ? " " : ""}${hex(d.u8(p + i), 2)}`;
    }
    p += length;
    if (p < end) d.out += ",";
  }
  d.out += "]";
  return true;
}

/** The offset after a name, pointers not followed; undefined when it is cut off or no name. */
function skipName(d: Dissector, at: number): number | undefined {
  for (;;) {
    if (!d.has(at, 1)) return undefined;
    const length = d.u8(at);
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    if (length > 63) return undefined;
    at += 1 + length;
  }
}

/** Prints a name, following pointers backwards only (RFC 1035 section 4.1.4); returns the offset after it. */
function printName(d: Dissector, at: number, message: number): number | undefined {
  let after: number | undefined;
  let p = at;
  let nearest = at - message;
  let characters = 0;
  if (!d.has(p, 1)) return undefined;
  if (d.u8(p) === 0) {
    d.out += ".";
    return p + 1;
  }
  for (;;) {
    if (!d.has(p, 1)) return undefined;
    const length = d.u8(p);
    if (length === 0) break;
    if (p + 1 >= d.end) return length >= 0xc0 && p === at ? undefined : (after ?? p + 1 + length); // cut within a name
    if (length >= 0xc0) {
      after ??= p + 2;
      const offset = d.u16(p) & 0x3fff;
      if (offset >= nearest) {
        d.out += "<BAD PTR>";
        return undefined;
      }
      nearest = offset;
      p = message + offset;
      continue;
    }
    if (length > 63) {
      d.out += length >= 0x80 ? "<BAD LABEL TYPE>" : `<ELT ${length & 63}>`;
      return undefined;
    }
    const room = Math.max(0, Math.min(length, MAX_NAME - characters));
    if (room > 0 && !d.printChars(p + 1, room)) return undefined;
    characters += length;
    p += 1 + length;
    if (characters <= MAX_NAME) d.out += ".";
    characters++;
  }
  if (characters > MAX_NAME) d.out += "<DOMAIN NAME TOO LONG>";
  return after ?? p + 1;
}
