// Domain name messages: parse and emit (RFC 1035 section 4, RFC 3596 for AAAA, RFC 2782 for SRV, RFC 6891 for the shape of
// OPT). Names are text with dots, without the last one; record data stays bytes, with compressed names written out. No cache,
// no zones, no resolver: those are programs.
import { formatIpv4, formatIpv6 } from "./addr.ts";
import { get16, get32, set16 } from "./layout.ts";

export const PORT = 53;
export const HEADER_LENGTH = 12;
/** Largest UDP message without EDNS. */
export const MAX_UDP_LENGTH = 512;

// Flags: the second 16 bits of a message.
export const QR = 0x8000;
export const OPCODE_MASK = 0x7800;
export const AA = 0x0400;
export const TC = 0x0200;
export const RD = 0x0100;
export const RA = 0x0080;
export const AD = 0x0020;
export const CD = 0x0010;
export const RCODE_MASK = 0x000f;

export const NOERROR = 0;
export const FORMERR = 1;
export const SERVFAIL = 2;
export const NXDOMAIN = 3;
export const NOTIMP = 4;
export const REFUSED = 5;

export const TYPE_A = 1;
export const TYPE_NS = 2;
export const TYPE_CNAME = 5;
export const TYPE_SOA = 6;
export const TYPE_PTR = 12;
export const TYPE_MX = 15;
export const TYPE_TXT = 16;
export const TYPE_AAAA = 28;
export const TYPE_SRV = 33;
export const TYPE_OPT = 41;
export const TYPE_ANY = 255;
export const CLASS_IN = 1;

const TYPE_NAMES: ReadonlyMap<string, number> = new Map([
  ["A", TYPE_A],
  ["NS", TYPE_NS],
  ["CNAME", TYPE_CNAME],
  ["SOA", TYPE_SOA],
  ["PTR", TYPE_PTR],
  ["MX", TYPE_MX],
  ["TXT", TYPE_TXT],
  ["AAAA", TYPE_AAAA],
  ["SRV", TYPE_SRV],
  ["OPT", TYPE_OPT],
  ["ANY", TYPE_ANY],
]);
const RCODES: readonly string[] = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];

const MAX_NAME_LENGTH = 255;
const MAX_POINTERS = 128;
const POINTER = 0xc0;
/** A pointer has 14 bits. */
const POINTER_LIMIT = 0x4000;

export interface Question {
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

export interface ResourceRecord {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** seconds; of an OPT record its extended flags */
  readonly ttl: number;
  /** as on the wire, but names in it are not compressed */
  readonly data: Uint8Array;
}

export interface Message {
  readonly id: number;
  /** QR, opcode, AA … RCODE */
  readonly flags: number;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}

export function rcodeOf(message: Message): number {
  return message.flags & RCODE_MASK;
}

/** 3 → "NXDOMAIN". */
export function rcodeName(rcode: number): string {
  return RCODES[rcode] ?? `RESERVED${rcode}`;
}

/** "aaaa" → 28, "TYPE65" → 65; undefined for an unknown name. */
export function typeNumber(name: string): number | undefined {
  const upper = name.toUpperCase();
  const generic = /^TYPE(\d{1,5})$/.exec(upper);
  return generic ? Number(generic[1]) : TYPE_NAMES.get(upper);
}

/** 28 → "AAAA", 65 → "TYPE65". */
export function typeName(type: number): string {
  for (const [name, number] of TYPE_NAMES) if (number === type) return name;
  return `TYPE${type}`;
}

/** The name under which an IPv4 address is looked up: 10.0.0.2 → 2.0.0.10.in-addr.arpa. */
export function reverseName(address: number): string {
  return `${formatIpv4(address).split(".").reverse().join(".")}.in-addr.arpa`;
}

/** The name under which an IPv6 address's PTR record lies, nibble by nibble (RFC 3596 section 2.5). */
export function reverseName6(address: Uint8Array): string {
  let name = "ip6.arpa";
  for (const byte of address) name = `${(byte & 15).toString(16)}.${(byte >> 4).toString(16)}.${name}`;
  return name;
}

/** A standard query with recursion desired. */
export function query(id: number, name: string, type: number): Message {
  return {
    id,
    flags: RD,
    questions: [{ name, type, class: CLASS_IN }],
    answers: [],
    authorities: [],
    additionals: [],
  };
}

/** A message, or undefined when the bytes are none. */
export function parse(b: Uint8Array): Message | undefined {
  if (b.length < HEADER_LENGTH) return undefined;
  const reader = new Reader(b, HEADER_LENGTH);
  try {
    const questions: Question[] = [];
    for (let i = get16(b, 4); i > 0; i--) questions.push(reader.question());
    const answers = reader.records(get16(b, 6));
    const authorities = reader.records(get16(b, 8));
    const additionals = reader.records(get16(b, 10));
    return { id: get16(b, 0), flags: get16(b, 2), questions, answers, authorities, additionals };
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

/**
 * Bytes of a message. With `compress` (the default) a name that ends as an earlier one points there, as RFC 1035 section
 * 4.1.4 allows; without, every name is written out.
 */
export function emit(message: Message, compress: boolean = true): Uint8Array {
  const writer = new Writer(compress);
  writer.u16(message.id);
  writer.u16(message.flags);
  const sections = [message.answers, message.authorities, message.additionals];
  writer.u16(message.questions.length);
  for (const section of sections) writer.u16(section.length);
  for (const question of message.questions) {
    writer.name(question.name);
    writer.u16(question.type);
    writer.u16(question.class);
  }
  for (const section of sections) for (const record of section) writer.record(record);
  return writer.bytes();
}

/** Uncompressed wire form of a name. */
export function emitName(name: string): Uint8Array {
  const writer = new Writer(false);
  writer.name(name);
  return writer.bytes();
}

/** The name at `at` of record data. */
export function nameInData(data: Uint8Array, at: number = 0): string {
  const reader = new Reader(data, at);
  try {
    return reader.name();
  } catch (error) {
    if (error instanceof Malformed) return "";
    throw error;
  }
}

/** An IPv4 address's record data. */
export function addressData(address: number): Uint8Array {
  return Uint8Array.of(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);
}

/** Record data as a zone file writes it (what dig prints): names end in a dot. */
export function formatData(record: ResourceRecord): string {
  const { data } = record;
  switch (record.type) {
    case TYPE_A:
      return data.length === 4 ? formatIpv4(get32(data, 0)) : unknownData(data);
    case TYPE_AAAA:
      return data.length === 16 ? formatIpv6(data) : unknownData(data);
    case TYPE_NS:
    case TYPE_CNAME:
    case TYPE_PTR:
      return `${nameInData(data)}.`;
    case TYPE_MX:
      return `${get16(data, 0)} ${nameInData(data, 2)}.`;
    case TYPE_SRV:
      return `${get16(data, 0)} ${get16(data, 2)} ${get16(data, 4)} ${nameInData(data, 6)}.`;
    case TYPE_SOA:
      return formatSoa(data);
    case TYPE_TXT:
      return formatTxt(data);
    default:
      return unknownData(data);
  }
}

function formatSoa(data: Uint8Array): string {
  const reader = new Reader(data, 0);
  try {
    const primary = reader.name();
    const mailbox = reader.name();
    const numbers = Array.from({ length: 5 }, () => reader.u32());
    return `${primary}. ${mailbox}. ${numbers.join(" ")}`;
  } catch (error) {
    if (error instanceof Malformed) return unknownData(data);
    throw error;
  }
}

function formatTxt(data: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < data.length; at += data[at]! + 1) {
    let text = "";
    for (const byte of data.subarray(at + 1, at + 1 + data[at]!)) {
      if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
      else text += byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, "0")}`;
    }
    parts.push(`"${text}"`);
  }
  return parts.join(" ");
}

/** RFC 3597. */
function unknownData(data: Uint8Array): string {
  const hex = [...data].map((byte) => byte.toString(16).padStart(2, "0").toUpperCase()).join("");
  return `\\# ${data.length}${hex === "" ? "" : ` ${hex}`}`;
}

class Malformed extends Error {}

class Reader {
  readonly b: Uint8Array;
  at: number;

  constructor(b: Uint8Array, at: number) {
    this.b = b;
    this.at = at;
  }

  u16(): number {
    if (this.at + 2 > this.b.length) throw new Malformed();
    this.at += 2;
    return get16(this.b, this.at - 2);
  }

  u32(): number {
    if (this.at + 4 > this.b.length) throw new Malformed();
    this.at += 4;
    return get32(this.b, this.at - 4);
  }

  name(): string {
    const { b } = this;
    let text = "";
    let at = this.at;
    let after = -1;
    for (let pointers = 0; ; ) {
      const length = b[at];
      if (length === undefined) throw new Malformed();
      if (length === 0) break;
      if ((length & POINTER) === POINTER) {
        if (at + 2 > b.length || ++pointers > MAX_POINTERS) throw new Malformed();
        if (after < 0) after = at + 2;
        at = get16(b, at) & (POINTER_LIMIT - 1);
        continue;
      }
      if (length > 63 || at + 1 + length > b.length || text.length > MAX_NAME_LENGTH * 4) throw new Malformed();
      if (text !== "") text += ".";
      for (let i = at + 1; i <= at + length; i++) text += labelChar(b[i]!);
      at += length + 1;
    }
    this.at = after < 0 ? at + 1 : after;
    return text;
  }

  question(): Question {
    const name = this.name();
    return { name, type: this.u16(), class: this.u16() };
  }

  records(count: number): ResourceRecord[] {
    const records: ResourceRecord[] = [];
    for (let i = 0; i < count; i++) {
      const name = this.name();
      const type = this.u16();
      const rrClass = this.u16();
      const ttl = this.u32();
      const end = this.u16() + this.at;
      if (end > this.b.length) throw new Malformed();
      records.push({ name, type, class: rrClass, ttl, data: this.data(type, end) });
      this.at = end;
    }
    return records;
  }

  /** Record data up to `end`, with the names of the well-known types written out. */
  data(type: number, end: number): Uint8Array {
    const plan = NAMES_IN_DATA.get(type);
    if (!plan) return this.b.slice(this.at, end);
    const writer = new Writer(false);
    writer.copy(this.b.subarray(this.at, this.at + plan.before));
    this.at += plan.before;
    for (let i = 0; i < plan.names; i++) writer.name(this.name());
    if (this.at > end) throw new Malformed();
    writer.copy(this.b.subarray(this.at, end));
    return writer.bytes();
  }
}

/** Record types whose data hold names that may be compressed: bytes before the first, and how many. */
const NAMES_IN_DATA: ReadonlyMap<number, { readonly before: number; readonly names: number }> = new Map([
  [TYPE_NS, { before: 0, names: 1 }],
  [TYPE_CNAME, { before: 0, names: 1 }],
  [TYPE_PTR, { before: 0, names: 1 }],
  [TYPE_MX, { before: 2, names: 1 }],
  [TYPE_SOA, { before: 0, names: 2 }],
]);

function labelChar(byte: number): string {
  if (byte === 0x2e || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
  if (byte > 32 && byte < 127) return String.fromCharCode(byte);
  return `\\${String(byte).padStart(3, "0")}`;
}

class Writer {
  readonly #compress: boolean;
  readonly #out: number[] = [];
  /** offset of each name and each of its endings, by lower-case text */
  readonly #offsets: Map<string, number> = new Map();

  constructor(compress: boolean) {
    this.#compress = compress;
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#out);
  }

  u16(value: number): void {
    this.#out.push((value >>> 8) & 255, value & 255);
  }

  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value & 0xffff);
  }

  copy(bytes: Uint8Array): void {
    for (const byte of bytes) this.#out.push(byte);
  }

  name(name: string): void {
    const labels = splitLabels(name);
    for (let i = 0; i < labels.length; i++) {
      const rest = labels.slice(i).map(labelKey).join(".");
      const earlier = this.#compress ? this.#offsets.get(rest) : undefined;
      if (earlier !== undefined) {
        this.u16((POINTER << 8) | earlier);
        return;
      }
      if (this.#out.length < POINTER_LIMIT) this.#offsets.set(rest, this.#out.length);
      const label = labels[i]!;
      this.#out.push(label.length);
      this.copy(label);
    }
    this.#out.push(0);
  }

  record(record: ResourceRecord): void {
    this.name(record.name);
    this.u16(record.type);
    this.u16(record.class);
    this.u32(record.ttl);
    const lengthAt = this.#out.length;
    this.u16(0);
    const plan = this.#compress ? NAMES_IN_DATA.get(record.type) : undefined;
    if (plan) this.#dataWithNames(record.data, plan.before, plan.names);
    else this.copy(record.data);
    const length = new Uint8Array(2);
    set16(length, 0, this.#out.length - lengthAt - 2);
    this.#out[lengthAt] = length[0]!;
    this.#out[lengthAt + 1] = length[1]!;
  }

  #dataWithNames(data: Uint8Array, before: number, names: number): void {
    this.copy(data.subarray(0, before));
    let at = before;
    for (let i = 0; i < names; i++) {
      this.name(nameInData(data, at));
      while (at < data.length && data[at] !== 0) at += data[at]! + 1;
      at++;
    }
    this.copy(data.subarray(at));
  }
}

function labelKey(label: Uint8Array): string {
  return String.fromCharCode(...label).toLowerCase();
}

/** "a\.b.example." → the labels' bytes; labels are cut to 63 bytes. */
function splitLabels(name: string): Uint8Array[] {
  const labels: Uint8Array[] = [];
  let label: number[] = [];
  const end = (): void => {
    if (label.length > 0) labels.push(Uint8Array.from(label.slice(0, 63)));
    label = [];
  };
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (c === 0x2e) end();
    else if (c === 0x5c && /^\d{3}$/.test(name.slice(i + 1, i + 4))) {
      label.push(Number(name.slice(i + 1, i + 4)) & 255);
      i += 3;
    } else if (c === 0x5c && i + 1 < name.length) label.push(name.charCodeAt(++i) & 255);
    else label.push(c & 255);
  }
  end();
  return labels;
}
