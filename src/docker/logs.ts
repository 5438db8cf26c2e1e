// A container's standard streams: what it writes goes into its log and to whoever is attached; what it reads comes from
// whoever is attached, or never comes. Answers to daemon/logger/jsonfilelog and container/stream.

import { concatBytes } from "../base/bytes.ts";
import { Errno, NetError } from "../base/errno.ts";
import { LazySet } from "../base/lazy.ts";
import { OpenFile } from "../posix/file.ts";
import { type Task, WaitQueue } from "../sim/task.ts";

/** What was written at once. */
export interface LogEntry {
  /** wall clock */
  readonly timeNs: bigint;
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

/** Somebody who sees what a container writes. */
export interface Attachment {
  readonly stdout: OpenFile | null;
  readonly stderr: OpenFile | null;
}

/** Nanoseconds since 1970 (the daemon has one). */
export interface WallClock {
  now(): bigint;
}

/** The log of one container, over all its runs. */
export class ContainerLog {
  readonly #entries: LogEntry[] = [];
  #attachments: LazySet<Attachment> | null = null;
  #changed: WaitQueue | null = null;
  readonly #clock: WallClock;

  constructor(clock: WallClock) {
    this.#clock = clock;
  }

  get entries(): readonly LogEntry[] {
    return this.#entries;
  }

  get attachments(): LazySet<Attachment> {
    this.#attachments ??= new LazySet();
    return this.#attachments;
  }

  /** woken by each entry and when the container ends */
  get changed(): WaitQueue {
    this.#changed ??= new WaitQueue();
    return this.#changed;
  }

  *write(stream: "stdout" | "stderr", bytes: Uint8Array): Task<void> {
    if (bytes.length === 0) return;
    this.#entries.push({ timeNs: this.#clock.now(), stream, bytes: bytes.slice() });
    this.#changed?.wakeAll();
    for (const attachment of [...(this.#attachments ?? [])]) {
      const file = attachment[stream];
      if (!file) continue;
      try {
        yield* file.write(bytes);
      } catch (error) {
        if (!(error instanceof NetError) || error.errno !== Errno.EPIPE) throw error;
        this.attachments.delete(attachment);
      }
    }
  }
}

/** A container's stdout or stderr, when it has no terminal. */
export class LogFile extends OpenFile {
  readonly #log: ContainerLog;
  readonly #stream: "stdout" | "stderr";

  constructor(log: ContainerLog, stream: "stdout" | "stderr") {
    super();
    this.#log = log;
    this.#stream = stream;
  }

  override *write(bytes: Uint8Array): Task<void> {
    yield* this.#log.write(this.#stream, bytes);
  }
}

/** A container's stdin that is kept open (-i): empty until somebody attaches, at its end when that one has ended. */
export class ContainerStdin extends OpenFile {
  readonly #chunks: Uint8Array[] = [];
  #ended = false;

  /** Somebody typed. */
  push(bytes: Uint8Array): void {
    this.#chunks.push(bytes.slice());
    this.readQueue.wakeAll();
  }

  /** StdinOnce: the one who was attached has gone. */
  end(): void {
    this.#ended = true;
    this.readQueue.wakeAll();
  }

  override readable(): boolean {
    return this.#chunks.length > 0 || this.#ended;
  }

  override *read(max: number): Task<Uint8Array | null> {
    while (this.#chunks.length === 0) {
      if (this.#ended) return null;
      yield* this.readQueue.wait();
    }
    const all = concatBytes(this.#chunks.splice(0));
    if (all.length > max) this.#chunks.push(all.subarray(max));
    return all.subarray(0, max);
  }
}
