// pcapng (draft-ietf-opsawg-pcapng): one file for several interfaces, with their names and with comments. Writes section
// header, interface description and enhanced packet blocks, little-endian with nanoseconds; reads those and simple and
// obsolete packet blocks in both byte orders, stepping over all others.
import { concatBytes } from "../base/bytes.ts";
import { decodeUtf8, encodeUtf8 } from "../base/text.ts";
import { type Capture, type CapturedFrame, CaptureError, type CaptureInterface, MAXIMUM_SNAPLEN } from "./capture.ts";

const BLOCK_SECTION = 0x0a0d0d0a;
const BLOCK_INTERFACE = 1;
const BLOCK_PACKET = 2;
const BLOCK_SIMPLE = 3;
const BLOCK_ENHANCED = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const OPT_END = 0;
const OPT_COMMENT = 1;
const OPT_IF_NAME = 2;
const OPT_IF_DESCRIPTION = 3;
const OPT_IF_IPV4ADDR = 4;
const OPT_IF_MACADDR = 6;
const OPT_IF_TSRESOL = 9;
const OPT_IF_OS = 12;
const OPT_IF_TSOFFSET = 14;
const OPT_SHB_USERAPPL = 4;
const OPT_EPB_FLAGS = 2;
const OPT_EPB_PACKETID = 5;

/** What is said of an interface (section 4.2). */
export interface PcapngInterface {
  readonly linkType: number;
  readonly name?: string;
  readonly description?: string;
  readonly snapLength?: number;
  readonly comment?: string;
  /** six bytes */
  readonly mac?: Uint8Array;
  readonly addresses?: readonly { readonly address: number; readonly mask: number }[];
  /** the operating system */
  readonly os?: string;
}

/** What is said of a packet (section 4.3). */
export interface PcapngPacket {
  readonly comments?: readonly string[];
  readonly direction?: "in" | "out";
  /** the same for every sight of one packet */
  readonly packetId?: number;
}

interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

/** Longest value of an option. */
const LONGEST_OPTION = 0xffff;
const CHUNK = 1 << 20;

/** Writes a pcapng file in memory: the section, all interfaces, then frames. Unlike CaptureWriter it is for exporting, not for taps. */
export class PcapngWriter {
  private readonly header: Uint8Array;
  private readonly interfaces: Uint8Array[] = [];
  private readonly full: Uint8Array[] = [];
  private chunk: Uint8Array = new Uint8Array(4096);
  private used = 0;
  private readonly startSeconds: number;

  /** `startSeconds` is what time stamp 0 means, in seconds since 1970. */
  constructor(options: { startSeconds?: number; comment?: string; application?: string } = {}) {
    this.startSeconds = options.startSeconds ?? 0;
    const body = new Uint8Array(16);
    put32(body, 0, BYTE_ORDER_MAGIC);
    body[4] = 1; // version 1.0
    body.fill(0xff, 8, 16); // section length unknown
    this.header = newBlock(BLOCK_SECTION, body, [
      ...textOption(OPT_COMMENT, options.comment),
      ...textOption(OPT_SHB_USERAPPL, options.application),
    ]);
  }

  /** Describes an interface; returns the id that its frames are written with. */
  addInterface(description: PcapngInterface): number {
    this.describeInterface(this.interfaces.length, description);
    return this.interfaces.length - 1;
  }

  /** Describes an interface anew: what is known at the end counts. */
  describeInterface(id: number, description: PcapngInterface): void {
    const body = new Uint8Array(8);
    body[0] = description.linkType;
    body[1] = description.linkType >>> 8;
    put32(body, 4, description.snapLength ?? MAXIMUM_SNAPLEN);
    this.interfaces[id] = newBlock(BLOCK_INTERFACE, body, [
      ...textOption(OPT_COMMENT, description.comment),
      ...textOption(OPT_IF_NAME, description.name),
      ...textOption(OPT_IF_DESCRIPTION, description.description),
      ...(description.addresses ?? []).map(addressOption),
      ...(description.mac ? [{ code: OPT_IF_MACADDR, value: description.mac }] : []),
      { code: OPT_IF_TSRESOL, value: Uint8Array.of(9) },
      ...textOption(OPT_IF_OS, description.os),
    ]);
  }

  /** Writes the frame `b[from..to)` of an interface, seen `timeNs` after the start. */
  write(
    interfaceId: number,
    b: Uint8Array,
    from: number,
    to: number,
    timeNs: number,
    wireLength: number = to - from,
    about: PcapngPacket = {},
  ): void {
    if (interfaceId >= this.interfaces.length) throw new Error(`no interface ${interfaceId} in this capture`);
    const length = to - from;
    const options = packetOptions(about);
    const size = 32 + padded(length) + sizeOf(options);
    const block = this.room(size);
    const at = this.used - size;
    // seconds and nanoseconds as one number of 64 bits, without BigInt's garbage
    const seconds = this.startSeconds + Math.floor(timeNs / 1e9);
    const [high, low] = nanoseconds(seconds, timeNs % 1e9);
    put32(block, at, BLOCK_ENHANCED);
    put32(block, at + 4, size);
    put32(block, at + 8, interfaceId);
    put32(block, at + 12, high);
    put32(block, at + 16, low);
    put32(block, at + 20, length);
    put32(block, at + 24, wireLength);
    block.set(b.subarray(from, to), at + 28);
    block.fill(0, at + 28 + length, at + 28 + padded(length));
    putOptions(block, at + 28 + padded(length), options);
    put32(block, at + size - 4, size);
  }

  /** The whole file. */
  bytes(): Uint8Array {
    return concatBytes(this.pieces());
  }

  /** The whole file in pieces, which are good until the next write. */
  pieces(): Uint8Array[] {
    return [this.header, ...this.interfaces, ...this.full, this.chunk.subarray(0, this.used)];
  }

  /** A chunk with `size` bytes more, which are used then. */
  private room(size: number): Uint8Array {
    if (this.used + size > this.chunk.length) {
      this.full.push(this.chunk.subarray(0, this.used));
      this.chunk = new Uint8Array(Math.max(size, Math.min(CHUNK, this.chunk.length * 4)));
      this.used = 0;
    }
    this.used += size;
    return this.chunk;
  }
}

/** Nanoseconds since 1970 as two numbers of 32 bits: seconds · 10⁹ does not fit a double. */
function nanoseconds(seconds: number, rest: number): [high: number, low: number] {
  // 10⁹ = 2⁹ · 1953125, and seconds · 1953125 is exact
  const part = seconds * 1953125;
  const low = (part % 0x800000) * 512 + rest;
  return [Math.floor(part / 0x800000) + Math.floor(low / 0x100000000), low % 0x100000000];
}

function newBlock(type: number, body: Uint8Array, options: readonly Option[]): Uint8Array {
  const length = 12 + body.length + sizeOf(options);
  const block = new Uint8Array(length);
  put32(block, 0, type);
  put32(block, 4, length);
  block.set(body, 8);
  putOptions(block, 8 + body.length, options);
  put32(block, length - 4, length);
  return block;
}

/** Bytes of options with their end. */
function sizeOf(options: readonly Option[]): number {
  return options.length === 0 ? 0 : options.reduce((size, { value }) => size + 4 + padded(value.length), 4);
}

function putOptions(b: Uint8Array, at: number, options: readonly Option[]): void {
  if (options.length === 0) return;
  for (const { code, value } of options) {
    put32(b, at, code | (value.length << 16));
    b.set(value, at + 4);
    b.fill(0, at + 4 + value.length, at + 4 + padded(value.length));
    at += 4 + padded(value.length);
  }
  put32(b, at, OPT_END);
}

function addressOption({ address, mask }: { readonly address: number; readonly mask: number }): Option {
  const value = new Uint8Array(8);
  for (let i = 0; i < 4; i++) {
    value[i] = address >>> (24 - 8 * i);
    value[4 + i] = mask >>> (24 - 8 * i);
  }
  return { code: OPT_IF_IPV4ADDR, value };
}

/** Several comments are several options, which is how Wireshark shows them. */
function packetOptions({ comments, direction, packetId }: PcapngPacket): Option[] {
  const options = (comments ?? []).flatMap((comment) => textOption(OPT_COMMENT, comment));
  if (direction !== undefined) {
    const value = new Uint8Array(4);
    put32(value, 0, direction === "in" ? 1 : 2);
    options.push({ code: OPT_EPB_FLAGS, value });
  }
  if (packetId !== undefined) {
    const value = new Uint8Array(8);
    put32(value, 0, packetId);
    put32(value, 4, Math.floor(packetId / 0x100000000));
    options.push({ code: OPT_EPB_PACKETID, value });
  }
  return options;
}

function textOption(code: number, text: string | undefined): Option[] {
  return text === undefined ? [] : [{ code, value: encodeUtf8(text).subarray(0, LONGEST_OPTION) }];
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

function put32(b: Uint8Array, at: number, value: number): void {
  b[at] = value;
  b[at + 1] = value >>> 8;
  b[at + 2] = value >>> 16;
  b[at + 3] = value >>> 24;
}

/** True when the bytes begin like a pcapng file. */
export function isPcapng(b: Uint8Array): boolean {
  return b.length >= 4 && b[0] === 0x0a && b[1] === 0x0d && b[2] === 0x0d && b[3] === 0x0a;
}

interface ReadInterface extends CaptureInterface {
  /** Units of a time stamp in a second, and what is added to it. */
  readonly unitsPerSecond: bigint;
  readonly offsetSeconds: number;
}

/** Reads a whole file. Throws CaptureError for what is no pcapng file, or one that is cut short. */
export function readPcapng(b: Uint8Array): Capture {
  if (!isPcapng(b)) throw new CaptureError("unknown file format");
  const interfaces: ReadInterface[] = [];
  const frames: CapturedFrame[] = [];
  let sectionStart = 0; // interface ids count from each section's first
  let comment: string | undefined;
  let little = true;
  let at = 0;
  while (at < b.length) {
    if (at + 12 > b.length) throw truncatedAt(12, b.length - at, "block header");
    const isSection = isPcapng(b.subarray(at));
    if (isSection) {
      little = read32(b, at + 8, true) === BYTE_ORDER_MAGIC;
      if (!little && read32(b, at + 8, false) !== BYTE_ORDER_MAGIC) {
        throw new CaptureError("the file has an unknown byte-order magic number");
      }
      sectionStart = interfaces.length;
    }
    const length = read32(b, at + 4, little);
    if (length < 12 || length % 4 !== 0) {
      throw new CaptureError(`block in pcapng dump file has a length of ${length} that is not a multiple of 4 or < 12`);
    }
    if (at + length > b.length) throw truncatedAt(length, b.length - at, "block");
    const end = at + length - 4;
    const type = read32(b, at, little);
    const body = at + 8;
    if (isSection) comment ??= textOf(readOptions(b, body + 16, end, little), OPT_COMMENT);
    else if (type === BLOCK_INTERFACE) interfaces.push(readInterface(b, body, end, little));
    else if (type === BLOCK_ENHANCED || type === BLOCK_PACKET || type === BLOCK_SIMPLE) {
      frames.push(readFrame(b, type, body, end, little, interfaces, sectionStart));
    }
    at += length;
  }
  const described = interfaces.map(({ unitsPerSecond: _, offsetSeconds: __, ...rest }) => rest);
  return { bytes: b, frames, interfaces: described, digits: 9, ...(comment === undefined ? {} : { comment }) };
}

function truncatedAt(wanted: number, got: number, what: string): CaptureError {
  return new CaptureError(`truncated pcapng dump file; tried to read ${wanted} ${what} bytes, only got ${got}`);
}

function read32(b: Uint8Array, at: number, little: boolean): number {
  return little
    ? (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) >>> 0
    : ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
}

function read16(b: Uint8Array, at: number, little: boolean): number {
  return little ? b[at]! | (b[at + 1]! << 8) : (b[at]! << 8) | b[at + 1]!;
}

function readOptions(b: Uint8Array, at: number, end: number, little: boolean): Option[] {
  const options: Option[] = [];
  while (at + 4 <= end) {
    const code = read16(b, at, little);
    const length = read16(b, at + 2, little);
    if (code === OPT_END) break;
    if (at + 4 + length > end)
      throw new CaptureError("an option in the pcapng dump file runs past the end of its block");
    options.push({ code, value: b.subarray(at + 4, at + 4 + length) });
    at += 4 + padded(length);
  }
  return options;
}

function textOf(options: readonly Option[], code: number): string | undefined {
  const texts = options.filter((candidate) => candidate.code === code).map(({ value }) => decodeUtf8(value));
  return texts.length === 0 ? undefined : texts.join("\n");
}

/** An option's bytes, if it has so many. */
function bytesOf(options: readonly Option[], code: number, length: number): Uint8Array | undefined {
  return options.find((candidate) => candidate.code === code && candidate.value.length === length)?.value;
}

function readInterface(b: Uint8Array, at: number, end: number, little: boolean): ReadInterface {
  if (at + 8 > end) throw truncatedAt(8, end - at, "interface description");
  const options = readOptions(b, at + 8, end, little);
  const resolution = options.find(({ code }) => code === OPT_IF_TSRESOL)?.value[0] ?? 6;
  const offset = options.find(({ code }) => code === OPT_IF_TSOFFSET)?.value;
  const name = textOf(options, OPT_IF_NAME);
  const comment = textOf(options, OPT_COMMENT);
  const description = textOf(options, OPT_IF_DESCRIPTION);
  const mac = bytesOf(options, OPT_IF_MACADDR, 6);
  const addresses = options
    .filter(({ code, value }) => code === OPT_IF_IPV4ADDR && value.length === 8)
    .map(({ value }) => ({ address: read32(value, 0, false), mask: read32(value, 4, false) }));
  const exponent = BigInt(resolution & 0x7f);
  return {
    linkType: read16(b, at, little),
    snapLength: read32(b, at + 4, little),
    unitsPerSecond: (resolution & 0x80) !== 0 ? 2n ** exponent : 10n ** exponent,
    offsetSeconds: offset === undefined || offset.length < 8 ? 0 : read32(offset, little ? 0 : 4, little),
    ...(name === undefined ? {} : { name }),
    ...(comment === undefined ? {} : { comment }),
    ...(description === undefined ? {} : { description }),
    ...(mac === undefined ? {} : { mac }),
    ...(addresses.length === 0 ? {} : { addresses }),
  };
}

function readFrame(
  b: Uint8Array,
  type: number,
  at: number,
  end: number,
  little: boolean,
  interfaces: readonly ReadInterface[],
  sectionStart: number,
): CapturedFrame {
  const fixed = type === BLOCK_SIMPLE ? 4 : 20;
  if (at + fixed > end) throw truncatedAt(fixed, end - at, "packet block");
  const interfaceId =
    type === BLOCK_ENHANCED ? read32(b, at, little) : type === BLOCK_PACKET ? read16(b, at, little) : 0;
  const owner = interfaces[sectionStart + interfaceId];
  if (owner === undefined)
    throw new CaptureError(
      `a packet arrived on interface ${interfaceId}, but there's no Interface Description Block for that interface`,
    );
  const from = at + fixed;
  if (type === BLOCK_SIMPLE) {
    const wireLength = read32(b, at, little);
    const length = Math.min(wireLength, owner.snapLength === 0 ? wireLength : owner.snapLength, end - from);
    return { from, to: from + length, seconds: 0, nanoseconds: 0, wireLength, interfaceId: sectionStart };
  }
  const length = read32(b, at + 12, little);
  if (from + length > end) throw truncatedAt(length, end - from, "captured");
  const units = (BigInt(read32(b, at + 4, little)) << 32n) | BigInt(read32(b, at + 8, little));
  const whole = units / owner.unitsPerSecond;
  const nanoseconds = Number(((units % owner.unitsPerSecond) * 1_000_000_000n) / owner.unitsPerSecond);
  const options = readOptions(b, from + padded(length), end, little);
  const comment = textOf(options, OPT_COMMENT);
  const flags = bytesOf(options, OPT_EPB_FLAGS, 4);
  const direction = flags === undefined ? 0 : read32(flags, 0, little) & 3;
  const id = type === BLOCK_ENHANCED ? bytesOf(options, OPT_EPB_PACKETID, 8) : undefined;
  return {
    from,
    to: from + length,
    seconds: Number(whole) + owner.offsetSeconds,
    nanoseconds,
    wireLength: read32(b, at + 16, little),
    interfaceId: sectionStart + interfaceId,
    ...(comment === undefined ? {} : { comment }),
    ...(direction === 1 || direction === 2 ? { direction: direction === 1 ? "in" : "out" } : {}),
    ...(id === undefined ? {} : { packetId: readId(id, little) }),
  };
}

function readId(value: Uint8Array, little: boolean): number {
  const [low, high] = little ? [0, 4] : [4, 0];
  return read32(value, high, little) * 0x100000000 + read32(value, low, little);
}
