// The helper of FTP: reads PORT and EPRT of a client, 227 and 229 of a server, expects the data connection that they
// announce, and translates what they say where the control connection is translated. Answers to
// net/netfilter/nf_conntrack_ftp.c and nf_nat_ftp.c, with loose off.

import { latin1 } from "../../base/bytes.ts";
import { IPPROTO_TCP } from "../../wire/ipv4.ts";
import { get32 } from "../../wire/layout.ts";
import { NF_ACCEPT, NF_DROP } from "../core/netfilter.ts";
import type { SkBuff } from "../core/skb.ts";
import type { Conntrack } from "./conntrack.ts";
import { ctinfo2dir, IP_CT_ESTABLISHED, IP_CT_ESTABLISHED_REPLY, IPS_NAT_MASK } from "./conntrack-entry.ts";
import type { ConntrackHelper, Expectation } from "./conntrack-expect.ts";
import type { Nat } from "./nat.ts";
import { followMaster, mangleTcpPacket } from "./nat-helper.ts";
import { after } from "./proto-tcp-track.ts";

export const FTP_HELPER: ConntrackHelper = {
  name: "ftp",
  protonum: IPPROTO_TCP,
  policy: { maxExpected: 1, timeout: 300 },
};

/** Ends of lines that have been seen in each direction: only what begins after one is a command (NUM_SEQ_TO_REMEMBER). */
export class FtpState {
  readonly afterNewline: [number[], number[]] = [[], []];
}

const REMEMBERED = 2;

interface Announced {
  /** where in the text it stands, and how long it is */
  readonly at: number;
  readonly length: number;
  /** undefined: the sender's own */
  readonly address: number | undefined;
  readonly port: number;
}

type Kind = "PORT" | "EPRT" | "PASV" | "EPSV";

/** null: not this; "partial": it may become this when more comes. */
type Found = Announced | null | "partial";

/** nf_conntrack_ftp's help: looks at an established control connection's segment. NF_DROP: half a command cannot be followed. */
export function ftpHelp(ct: Conntrack, nat: Nat, skb: SkBuff, conn: number, ctinfo: number, th: number): number {
  if (ctinfo !== IP_CT_ESTABLISHED && ctinfo !== IP_CT_ESTABLISHED_REPLY) return NF_ACCEPT;
  const b = skb.head;
  const start = th + ((b[th + 12]! >>> 4) << 2);
  if (start >= skb.tail) return NF_ACCEPT;
  const dir = ctinfo2dir(ctinfo) as 0 | 1;
  const ext = ct.rows.needExt(conn);
  ext.ftp ??= new FtpState();
  const known = ext.ftp.afterNewline[dir];
  const seq = get32(b, th + 4);
  // what a mangled text ends with is noted as it was
  const endSeq = (seq + skb.tail - start) >>> 0;
  const endsLine = b[skb.tail - 1] === 10;
  let verdict = NF_ACCEPT;
  if (known.includes(seq)) {
    const text = latin1(b.subarray(start, skb.tail));
    verdict = announce(ct, nat, skb, conn, ctinfo, th, start, text);
  }
  if (endsLine) noteNewline(known, endSeq);
  return verdict;
}

/** update_nl_seq: the two latest. */
function noteNewline(known: number[], seq: number): void {
  if (known.includes(seq)) return;
  if (known.length < REMEMBERED) {
    known.push(seq);
    return;
  }
  const oldest = after(known[0]!, known[1]!) ? 1 : 0;
  if (after(seq, known[oldest]!)) known[oldest] = seq;
}

function announce(
  ct: Conntrack,
  nat: Nat,
  skb: SkBuff,
  conn: number,
  ctinfo: number,
  th: number,
  start: number,
  text: string,
): number {
  const dir = ctinfo2dir(ctinfo) as 0 | 1;
  for (const kind of dir === 0 ? (["PORT", "EPRT"] as const) : (["PASV", "EPSV"] as const)) {
    const found = find(kind, text);
    if (found === null) continue;
    if (found === "partial") return NF_DROP;
    const { rows } = ct;
    // an address that is not the sender's is no business of this connection
    if (found.address !== undefined && (found.address | 0) !== rows.src(conn, dir)) return NF_ACCEPT;
    const exp: Expectation = {
      master: conn,
      helper: FTP_HELPER,
      protonum: IPPROTO_TCP,
      src: rows.src(conn, 1 - dir),
      dst: rows.dst(conn, 1 - dir),
      port: found.port,
      savedPort: found.port,
      dir: (1 - dir) as 0 | 1,
      timeout: 0,
      follow: rows.status(conn) & IPS_NAT_MASK ? followMaster(nat, ct) : null,
    };
    if (exp.follow === null) return ct.expectations.add(exp) ? NF_ACCEPT : NF_DROP;
    return translate(ct, skb, conn, ctinfo, th, start, kind, found, exp);
  }
  return NF_ACCEPT;
}

/** nf_nat_ftp: the text names the translated address, and a port that is free there. */
function translate(
  ct: Conntrack,
  skb: SkBuff,
  conn: number,
  ctinfo: number,
  th: number,
  start: number,
  kind: Kind,
  found: Announced,
  exp: Expectation,
): number {
  const address = ct.rows.dst(conn, 1 - ctinfo2dir(ctinfo));
  while (!ct.expectations.add(exp)) {
    exp.port++;
    if (exp.port > 65535) return NF_DROP;
  }
  const text = commandText(kind, address, exp.port);
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
  if (mangleTcpPacket(ct, skb, conn, ctinfo, th, start + found.at, found.length, bytes)) return NF_ACCEPT;
  ct.expectations.remove(exp);
  return NF_DROP;
}

function commandText(kind: Kind, address: number, port: number): string {
  const octets = [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255];
  if (kind === "EPRT") return `|1|${octets.join(".")}|${port}|`;
  if (kind === "EPSV") return `|||${port}|`;
  return `${octets.join(",")},${port >>> 8},${port & 255}`;
}

const PATTERNS: Readonly<Record<Kind, { readonly word: string; readonly skip: string; readonly end: string }>> = {
  PORT: { word: "PORT", skip: " ", end: "\r" },
  EPRT: { word: "EPRT", skip: " ", end: "\r" },
  PASV: { word: "227 ", skip: "", end: "" },
  EPSV: { word: "229 ", skip: "(", end: ")" },
};

/** find_pattern */
function find(kind: Kind, text: string): Found {
  const { word, skip, end } = PATTERNS[kind];
  if (text.length <= word.length) return word.toUpperCase().startsWith(text.toUpperCase()) ? "partial" : null;
  if (text.slice(0, word.length).toUpperCase() !== word) return null;
  let at = word.length;
  if (skip !== "") {
    at = text.indexOf(skip, at) + 1;
    if (at === 0) return "partial";
  }
  const rest = text.slice(at);
  switch (kind) {
    case "PORT":
      return sixNumbers(rest, at, end);
    case "PASV": {
      const digit = rest.search(/\d/);
      return digit < 0 ? "partial" : sixNumbers(rest.slice(digit), at + digit, end);
    }
    case "EPRT": {
      const [d] = rest;
      const match = new RegExp(`^\\${d}1\\${d}(\\d+)\\.(\\d+)\\.(\\d+)\\.(\\d+)\\${d}(\\d+)\\${d}`).exec(rest);
      if (d === undefined || !/[!-/:-~]/.test(d) || !match) return "partial";
      return { at, length: match[0].length, address: addressOf(match.slice(1, 5)), port: Number(match[5]) };
    }
    case "EPSV": {
      const [d] = rest;
      if (d === undefined || !/[!-/:-~]/.test(d)) return "partial";
      const match = new RegExp(`^\\${d}\\${d}\\${d}(\\d+)\\${d}`).exec(rest);
      return match ? { at, length: match[0].length, address: undefined, port: Number(match[1]) } : "partial";
    }
  }
}

/** "h1,h2,h3,h4,p1,p2", and then `end`, where that is asked (try_rfc959). */
function sixNumbers(text: string, at: number, end: string): Found {
  const match = /^(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)(.)/s.exec(text);
  if (!match || (end !== "" && match[7] !== end)) return "partial";
  const numbers = match.slice(1, 7);
  if (numbers.some((number) => Number(number) > 255)) return "partial";
  return {
    at,
    length: match[0].length - 1,
    address: addressOf(numbers),
    port: Number(numbers[4]) * 256 + Number(numbers[5]),
  };
}

function addressOf(octets: readonly string[]): number {
  return octets.slice(0, 4).reduce((address, octet) => address * 256 + Number(octet), 0);
}
