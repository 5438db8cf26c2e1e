// Open files: what a descriptor refers to. Pipes, byte sinks and sources for the outside world, /dev/null. Reading and
// writing are Tasks because they may wait; `readable()` and `readQueue` serve programs that poll several descriptors.

import { concatBytes } from "../base/bytes.ts";
import { Errno, NetError } from "../base/errno.ts";
import { encodeUtf8 } from "../base/text.ts";
import { external, type Task, WaitQueue } from "../sim/task.ts";

/** What a file descriptor refers to (struct file). Shared by `retain`; closed when the last holder released it. */
export abstract class OpenFile {
  #holders = 1;
  /** isatty(3) */
  readonly isTty: boolean = false;
  #readQueue: WaitQueue | null = null;

  /** Woken when `readable()` may have become true. */
  get readQueue(): WaitQueue {
    this.#readQueue ??= new WaitQueue();
    return this.#readQueue;
  }

  /** One more descriptor refers to it (dup, fork). */
  retain(): this {
    this.#holders++;
    return this;
  }

  /** One descriptor less; the last one closes. */
  release(): void {
    if (--this.#holders === 0) this.onClose();
  }

  /** True when `read` would not wait (data, end of file or an error). */
  readable(): boolean {
    return true;
  }

  /** At most `max` bytes; null at the end of the file. Throws NetError. */
  *read(_max: number): Task<Uint8Array | null> {
    throw new NetError(Errno.EBADF);
  }

  /** Writes all of `bytes`. Throws NetError (EPIPE when nobody can ever read it). */
  *write(_bytes: Uint8Array): Task<void> {
    throw new NetError(Errno.EBADF);
  }

  /**
   * Gives back bytes that were just read, to be read again (what a shell's `read` took too much of: lseek on a file).
   * False when this file cannot: read byte by byte then.
   */
  unread(_bytes: Uint8Array): boolean {
    return false;
  }

  protected onClose(): void {}
}

const PIPE_CAPACITY = 65536; // fs/pipe.c PIPE_DEF_BUFFERS pages

class PipeState {
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  writerOpen = true;
  readerOpen = true;
  readonly writeQueue: WaitQueue = new WaitQueue();
}

class PipeReader extends OpenFile {
  readonly #pipe: PipeState;

  constructor(pipe: PipeState) {
    super();
    this.#pipe = pipe;
  }

  override readable(): boolean {
    return this.#pipe.bytes > 0 || !this.#pipe.writerOpen;
  }

  override *read(max: number): Task<Uint8Array | null> {
    const pipe = this.#pipe;
    while (pipe.bytes === 0) {
      if (!pipe.writerOpen) return null;
      yield* this.readQueue.wait();
    }
    const first = pipe.chunks[0]!;
    const out = first.length <= max ? first : first.slice(0, max);
    if (first.length <= max) pipe.chunks.shift();
    else pipe.chunks[0] = first.subarray(max);
    pipe.bytes -= out.length;
    pipe.writeQueue.wakeAll();
    return out;
  }

  override unread(bytes: Uint8Array): boolean {
    if (bytes.length === 0) return true;
    this.#pipe.chunks.unshift(bytes);
    this.#pipe.bytes += bytes.length;
    this.readQueue.wakeAll();
    return true;
  }

  protected override onClose(): void {
    this.#pipe.readerOpen = false;
    this.#pipe.writeQueue.wakeAll();
  }
}

class PipeWriter extends OpenFile {
  readonly #pipe: PipeState;
  readonly #reader: PipeReader;

  constructor(pipe: PipeState, reader: PipeReader) {
    super();
    this.#pipe = pipe;
    this.#reader = reader;
  }

  override *write(bytes: Uint8Array): Task<void> {
    const pipe = this.#pipe;
    let rest = bytes.slice();
    while (rest.length > 0) {
      if (!pipe.readerOpen) throw new NetError(Errno.EPIPE);
      const room = PIPE_CAPACITY - pipe.bytes;
      if (room <= 0) {
        yield* pipe.writeQueue.wait();
        continue;
      }
      const part = rest.subarray(0, room);
      rest = rest.subarray(part.length);
      pipe.chunks.push(part);
      pipe.bytes += part.length;
      this.#reader.readQueue.wakeAll();
    }
  }

  protected override onClose(): void {
    this.#pipe.writerOpen = false;
    this.#reader.readQueue.wakeAll();
  }
}

/** pipe(2): [read end, write end]; 64 KiB of buffer. */
export function makePipe(): [OpenFile, OpenFile] {
  const pipe = new PipeState();
  const reader = new PipeReader(pipe);
  return [reader, new PipeWriter(pipe, reader)];
}

/** A descriptor whose writes go to a callback of the outside world: the lab's own stdout, say. */
export class SinkFile extends OpenFile {
  override readonly isTty: boolean;
  readonly #sink: (bytes: Uint8Array) => void;

  constructor(sink: (bytes: Uint8Array) => void, isTty = false) {
    super();
    this.#sink = sink;
    this.isTty = isTty;
  }

  override *write(bytes: Uint8Array): Task<void> {
    this.#sink(bytes);
  }
}

/** A descriptor that reads fixed bytes (a here-document). */
export class BytesFile extends OpenFile {
  #rest: Uint8Array;

  constructor(content: Uint8Array | string) {
    super();
    this.#rest = typeof content === "string" ? encodeUtf8(content) : content;
  }

  override *read(max: number): Task<Uint8Array | null> {
    if (this.#rest.length === 0) return null;
    const out = this.#rest.subarray(0, max);
    this.#rest = this.#rest.subarray(out.length);
    return out;
  }

  override unread(bytes: Uint8Array): boolean {
    this.#rest = concatBytes([bytes, this.#rest]);
    return true;
  }
}

/**
 * A descriptor that the outside world feeds (vethlab's own stdin): whoever reads it stops the clock until something comes,
 * so that a session does not depend on when its commands arrive.
 */
export class FedFile extends OpenFile {
  readonly #chunks: Uint8Array[] = [];
  #ended = false;
  #arrived: (() => void) | undefined;

  /** From the outside: further bytes. */
  push(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#chunks.push(bytes.slice());
    this.#tell();
  }

  /** From the outside: no more will come. */
  end(): void {
    this.#ended = true;
    this.#tell();
  }

  get ended(): boolean {
    return this.#ended;
  }

  #tell(): void {
    this.#arrived?.();
    this.#arrived = undefined;
    this.readQueue.wakeAll();
  }

  override readable(): boolean {
    return this.#chunks.length > 0 || this.#ended;
  }

  override *read(max: number): Task<Uint8Array | null> {
    while (this.#chunks.length === 0) {
      if (this.#ended) return null;
      yield* external(
        new Promise<void>((resolve) => {
          const earlier = this.#arrived;
          const arrived = (): void => {
            earlier?.();
            resolve();
          };
          this.#arrived = arrived;
        }),
      );
    }
    const first = this.#chunks.shift()!;
    if (first.length > max) this.#chunks.unshift(first.subarray(max));
    return first.subarray(0, max);
  }

  override unread(bytes: Uint8Array): boolean {
    if (bytes.length > 0) this.#chunks.unshift(bytes.slice());
    return true;
  }
}

/** A terminal at which nobody sits: reads end at once. */
export class DesertedTerminal extends OpenFile {
  override readonly isTty: boolean = true;

  override *read(_max: number): Task<Uint8Array | null> {
    return null;
  }

  override *write(_bytes: Uint8Array): Task<void> {}
}

/** /dev/null: reads end at once, writes vanish. */
export class NullFile extends OpenFile {
  override *read(_max: number): Task<Uint8Array | null> {
    return null;
  }

  override *write(_bytes: Uint8Array): Task<void> {}
}
