// A DNS message as dig prints it: sections with columns at 24, 32, 40 and 48, filled with tabs (BIND's master file style).

import { formatIpv4 } from "../../wire/addr.ts";
import * as dns from "../../wire/dns.ts";
import { get16 } from "../../wire/layout.ts";
import { dateText } from "../net-util/date.ts";
import type { Answer } from "./client.ts";

const TTL_COLUMN = 24;
const CLASS_COLUMN = 32;
const TYPE_COLUMN = 40;
const DATA_COLUMN = 48;
const TAB = 8;
const EDNS_COOKIE = 10;
const EDNS_DO = 0x8000;

/** What of a message is printed. */
export interface Sections {
  comments: boolean;
  question: boolean;
  answer: boolean;
  authority: boolean;
  additional: boolean;
  stats: boolean;
}

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [dns.QR, "qr"],
  [dns.AA, "aa"],
  [dns.TC, "tc"],
  [dns.RD, "rd"],
  [dns.RA, "ra"],
  [dns.AD, "ad"],
  [dns.CD, "cd"],
];
const OPCODES: readonly string[] = ["QUERY", "IQUERY", "STATUS", "RESERVED3", "NOTIFY", "UPDATE"];

export function messageText(message: dns.Message, sections: Sections): string {
  const opt = message.additionals.find((record) => record.type === dns.TYPE_OPT);
  const additionals = message.additionals.filter((record) => record !== opt);
  let text = "";
  if (sections.comments) text += headerText(message);
  if (sections.comments && opt) text += optText(opt);
  const block = (title: string, lines: readonly string[]): void => {
    if (lines.length === 0) return;
    text += `${sections.comments ? `;; ${title} SECTION:\n` : ""}${lines.join("")}${sections.comments ? "\n" : ""}`;
  };
  if (sections.question) block("QUESTION", message.questions.map(questionText));
  if (sections.answer) block("ANSWER", message.answers.map(recordText));
  if (sections.authority) block("AUTHORITY", message.authorities.map(recordText));
  if (sections.additional) block("ADDITIONAL", additionals.map(recordText));
  return text;
}

function headerText(message: dns.Message): string {
  const { flags, id } = message;
  const opcode = OPCODES[(flags & dns.OPCODE_MASK) >>> 11] ?? `RESERVED${(flags & dns.OPCODE_MASK) >>> 11}`;
  const names = FLAG_NAMES.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  const counts = [
    `QUERY: ${message.questions.length}`,
    `ANSWER: ${message.answers.length}`,
    `AUTHORITY: ${message.authorities.length}`,
    `ADDITIONAL: ${message.additionals.length}`,
  ];
  const status = dns.rcodeName(flags & dns.RCODE_MASK);
  let text = `;; Got answer:\n;; ->>HEADER<<- opcode: ${opcode}, status: ${status}, id: ${id}\n`;
  text += `;; flags:${names.map((name) => ` ${name}`).join("")}; ${counts.join(", ")}\n`;
  if ((flags & dns.RD) !== 0 && (flags & dns.RA) === 0) text += ";; WARNING: recursion requested but not available\n";
  return `${text}\n`;
}

/** EDNS (RFC 6891), with the cookie of RFC 7873. */
function optText(opt: dns.ResourceRecord): string {
  const version = (opt.ttl >>> 16) & 255;
  const flags = (opt.ttl & EDNS_DO) !== 0 ? " do" : "";
  let text = `;; OPT PSEUDOSECTION:\n; EDNS: version: ${version}, flags:${flags}; udp: ${opt.class}\n`;
  for (let at = 0; at + 4 <= opt.data.length; at += 4 + get16(opt.data, at + 2)) {
    const value = opt.data.subarray(at + 4, at + 4 + get16(opt.data, at + 2));
    let hex = "";
    for (const byte of value) hex += byte.toString(16).padStart(2, "0");
    text += get16(opt.data, at) === EDNS_COOKIE ? `; COOKIE: ${hex}\n` : `; OPT=${get16(opt.data, at)}: ${hex}\n`;
  }
  return text;
}

function questionText(question: dns.Question): string {
  const name = `;${absolute(question.name)}`;
  let text = name + indent(name.length, CLASS_COLUMN);
  text += `${className(question.class)}${indent(CLASS_COLUMN + 2, TYPE_COLUMN)}`;
  return `${text}${dns.typeName(question.type)}\n`;
}

export function recordText(record: dns.ResourceRecord): string {
  let text = "";
  let column = 0;
  const put = (part: string, next: number): void => {
    text += part;
    column += part.length;
    const gap = indent(column, next);
    text += gap;
    column = Math.max(column + 1, next);
  };
  put(absolute(record.name), TTL_COLUMN);
  put(String(record.ttl), CLASS_COLUMN);
  put(className(record.class), TYPE_COLUMN);
  put(dns.typeName(record.type), DATA_COLUMN);
  return `${text}${dns.formatData(record)}\n`;
}

/** Tabs, then blanks, from one column to another; at least one blank. */
export function indent(from: number, wanted: number): string {
  const to = Math.max(wanted, from + 1);
  const tabs = Math.max(0, Math.floor(to / TAB) - Math.floor(from / TAB));
  const reached = tabs > 0 ? Math.floor(to / TAB) * TAB : from;
  return "\t".repeat(tabs) + " ".repeat(to - reached);
}

function absolute(name: string): string {
  return `${name}.`;
}

function className(number: number): string {
  return number === dns.CLASS_IN ? "IN" : `CLASS${number}`;
}

/** Query time, server, date and size. */
export function statsText(answer: Answer, wallSeconds: number): string {
  const server = formatIpv4(answer.server);
  return [
    `;; Query time: ${Math.floor(answer.elapsedNs / 1_000_000)} msec`,
    `;; SERVER: ${server}#${answer.port}(${server}) (${answer.tcp ? "TCP" : "UDP"})`,
    `;; WHEN: ${dateText(wallSeconds)}`,
    `;; MSG SIZE  rcvd: ${answer.bytes}`,
    "",
    "",
  ].join("\n");
}
