// The ring of kernel messages (kernel/printk/printk_ringbuffer.c): text lies as bytes one after the other, as in the kernel; as
// strings and objects a thousand containers' messages would take 170 bytes each instead of 75.

import { decodeUtf8, encodeUtf8 } from "../../base/text.ts";
import type { Ns } from "../../base/time.ts";

export interface LogRecord {
  readonly timeNs: Ns;
  readonly text: string;
  /** as syslog's */
  readonly level: number;
}

/** Messages of one piece of the ring, which goes as a whole. */
interface Piece {
  bytes: Uint8Array;
  /** where each text ends in `bytes` */
  readonly ends: number[];
  readonly times: Ns[];
  readonly levels: number[];
}

/** The ring holds four pieces of so many (CONFIG_LOG_BUF_SHIFT 17, 32 bytes of text a message). */
const PIECE = 1024;
const PIECES = 4;

export class KernelLog {
  private readonly pieces: Piece[] = [];
  private _length = 0;

  get length(): number {
    return this._length;
  }

  /** Returns how many old ones made room. */
  add(timeNs: Ns, text: string, level: number): number {
    let lost = 0;
    let piece = this.pieces.at(-1);
    if (!piece || piece.ends.length === PIECE) {
      if (this.pieces.length === PIECES) lost = this.pieces.shift()!.ends.length;
      piece = { bytes: new Uint8Array(256), ends: [], times: [], levels: [] };
      this.pieces.push(piece);
    }
    const bytes = encodeUtf8(text);
    const from = piece.ends.at(-1) ?? 0;
    const end = from + bytes.length;
    if (end > piece.bytes.length) {
      const grown = new Uint8Array(Math.max(end, piece.bytes.length * 2));
      grown.set(piece.bytes);
      piece.bytes = grown;
    }
    piece.bytes.set(bytes, from);
    piece.ends.push(end);
    piece.times.push(timeNs);
    piece.levels.push(level);
    this._length += 1 - lost;
    return lost;
  }

  /** All messages from the `from`th of those that are there. */
  records(from = 0): LogRecord[] {
    const all: LogRecord[] = [];
    let skip = from;
    for (const { bytes, ends, times, levels } of this.pieces) {
      for (let i = skip; i < ends.length; i++)
        all.push({ timeNs: times[i]!, text: decodeUtf8(bytes, ends[i - 1] ?? 0, ends[i]!), level: levels[i]! });
      skip = Math.max(0, skip - ends.length);
    }
    return all;
  }
}
