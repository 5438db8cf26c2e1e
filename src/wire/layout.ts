// Declarative header layouts: the one source of header offsets and sizes, built on buffer-layout. Accessors take their
// offsets from a layout once, at load, and then shift bytes themselves, because decoding through the library costs twenty
// times as much. Leaves out the library's blob, cstr and utf8, which need Node's Buffer.
import bufferLayout, { type Layout } from "buffer-layout";

/** A fixed-size header: where each field lies, and decoding to and encoding from a plain object. Sizes are in bytes. */
export interface HeaderLayout<Field extends string> {
  readonly spanBytes: number;
  offsetOf(field: Field): number;
  /** Reads every field at `at`. The caller has checked that `spanBytes` bytes are there. */
  decode(b: Uint8Array, at: number): Record<Field, number>;
  /** Writes every field at `at`, each value cut to its width. */
  encode(fields: Readonly<Record<Field, number>>, b: Uint8Array, at: number): void;
}

/** One field's width in bits, always unsigned; `le` marks a little-endian one (file formats only). */
export type Width = 8 | 16 | 24 | 32 | 48 | "16le" | "32le";

/**
 * Makes a layout from `[name, width]` pairs in the order they lie on the wire.
 * @param lengthBytes what they are together, where that is written elsewhere, too: another sum is an error
 */
export function header<const Fields extends readonly (readonly [string, Width])[]>(
  fields: Fields,
  lengthBytes?: number,
): HeaderLayout<Fields[number][0]> {
  type Field = Fields[number][0];
  const structure = bufferLayout.struct(fields.map(([name, width]) => fieldOf(name, width)));
  if (lengthBytes !== undefined && lengthBytes !== structure.span)
    throw new Error(`a layout of ${structure.span} bytes that should have ${lengthBytes}`);
  return {
    spanBytes: structure.span,
    offsetOf(field) {
      const offset = structure.offsetOf(field);
      if (offset === undefined) throw new Error(`no field ${field} in this layout`);
      return offset;
    },
    decode(b, at) {
      return structure.decode(layoutBytes(b), at) as Record<Field, number>;
    },
    encode(values, b, at) {
      structure.encode(values, layoutBytes(b), at);
    },
  };
}

function fieldOf(name: string, width: Width): Layout<number> {
  switch (width) {
    case 8:
      return bufferLayout.u8(name);
    case 16:
      return bufferLayout.u16be(name);
    case 24:
      return bufferLayout.u24be(name);
    case 32:
      return bufferLayout.u32be(name);
    case 48:
      return bufferLayout.u48be(name);
    case "16le":
      return bufferLayout.u16(name);
    case "32le":
      return bufferLayout.u32(name);
  }
}

function layoutBytes(b: Uint8Array): LayoutBytes {
  return new LayoutBytes(b.buffer as ArrayBuffer, b.byteOffset, b.byteLength);
}

/** The four methods of Node's Buffer that buffer-layout's unsigned integers call, on a plain Uint8Array. */
class LayoutBytes extends Uint8Array<ArrayBuffer> {
  readUIntBE(offset: number, span: number): number {
    let value = 0;
    for (let i = 0; i < span; i++) value = value * 256 + this[offset + i]!;
    return value;
  }

  readUIntLE(offset: number, span: number): number {
    let value = 0;
    for (let i = span - 1; i >= 0; i--) value = value * 256 + this[offset + i]!;
    return value;
  }

  writeUIntBE(value: number, offset: number, span: number): void {
    for (let i = span - 1; i >= 0; i--) {
      this[offset + i] = value % 256;
      value = Math.floor(value / 256);
    }
  }

  writeUIntLE(value: number, offset: number, span: number): void {
    for (let i = 0; i < span; i++) {
      this[offset + i] = value % 256;
      value = Math.floor(value / 256);
    }
  }
}

/** Of this machine: words of a packet are in its order, the packet itself is not. */
export const LITTLE_ENDIAN: boolean = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * Headers as words of this machine's byte order: a word holds two halves, `firstHalf` the one at the lower address. A half is a 16-bit
 * number as it lies in memory; `half` makes it of a number. Checksums can be summed up of halves (RFC 1071 section 2). One function for
 * each kind of machine, because what asks first is too large for V8 to put everything on a packet's way into one piece.
 */
export const firstHalf: (word: number) => number = LITTLE_ENDIAN ? (word) => word & 0xffff : (word) => word >>> 16;
export const secondHalf: (word: number) => number = LITTLE_ENDIAN ? (word) => word >>> 16 : (word) => word & 0xffff;
/** The word of two halves; `second` may have bits above the lowest 16. */
export const wordOf: (first: number, second: number) => number = LITTLE_ENDIAN
  ? (first, second) => first | (second << 16)
  : (first, second) => (first << 16) | (second & 0xffff);
export const half: (value: number) => number = LITTLE_ENDIAN
  ? (value) => ((value & 0xff) << 8) | ((value >>> 8) & 0xff)
  : (value) => value & 0xffff;

/** The signed number that is a word of a header, and the other way round. */
export const numberOf: (word: number) => number = LITTLE_ENDIAN
  ? (word) => (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
  : (word) => word | 0;

// `| 0`: an index is small, and V8 does not look whether the sum is.

/** The unsigned 16-bit big-endian number at `at`. */
export function get16(b: Uint8Array, at: number): number {
  return (b[at]! << 8) | b[(at + 1) | 0]!;
}

export function set16(b: Uint8Array, at: number, value: number): void {
  b[at] = value >>> 8;
  b[(at + 1) | 0] = value;
}

/** The unsigned 32-bit big-endian number at `at`. */
export function get32(b: Uint8Array, at: number): number {
  return ((b[at]! << 24) | (b[(at + 1) | 0]! << 16) | (b[(at + 2) | 0]! << 8) | b[(at + 3) | 0]!) >>> 0;
}

/**
 * The same 32 bits as a signed number: it stays a small integer, where an unsigned one of 2^31 and more costs 16 bytes of heap
 * each time it is handed to a function (`npm run bench`: heap_bytes_per_packet). For the packet path; compare with `| 0`.
 */
export function getInt32(b: Uint8Array, at: number): number {
  return (b[at]! << 24) | (b[(at + 1) | 0]! << 16) | (b[(at + 2) | 0]! << 8) | b[(at + 3) | 0]!;
}

export function set32(b: Uint8Array, at: number, value: number): void {
  b[at] = value >>> 24;
  b[(at + 1) | 0] = value >>> 16;
  b[(at + 2) | 0] = value >>> 8;
  b[(at + 3) | 0] = value;
}
