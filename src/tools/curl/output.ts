// Where curl writes bodies: standard output, which the C library buffers until it is full or curl ends, or a file that is
// made when the first byte comes.

import type { OpenFile } from "../../posix/file.ts";
import type { Process } from "../../posix/process.ts";
import { joinPath } from "../../posix/vfs.ts";
import type { Task } from "../../sim/task.ts";
import { errnoOf } from "../net-util/sockets.ts";
import { CurlCode, CurlError } from "./errors.ts";

const BUFFER_BYTES = 4096;

/**
 * Bytes for standard output as the C library buffers them for a pipe or a file: a page that fills up is written, whole
 * pages are written directly, and the rest waits for flush(); -N and a terminal have no buffer.
 */
export class StdoutBuffer {
  readonly #proc: Process;
  readonly #atOnce: boolean;
  readonly #buffer: Uint8Array = new Uint8Array(BUFFER_BYTES);
  #length = 0;

  constructor(proc: Process, atOnce: boolean) {
    this.#proc = proc;
    this.#atOnce = atOnce || (proc.fds.get(1)?.isTty ?? false);
  }

  *write(bytes: Uint8Array): Task<void> {
    if (bytes.length === 0) return;
    if (this.#atOnce) {
      yield* this.#proc.printBytes(bytes);
      return;
    }
    let at = 0;
    if (this.#length > 0) {
      at = Math.min(BUFFER_BYTES - this.#length, bytes.length);
      this.#hold(bytes.subarray(0, at));
      if (at === bytes.length) return;
      yield* this.flush();
    }
    const pages = Math.floor((bytes.length - at) / BUFFER_BYTES) * BUFFER_BYTES;
    if (pages > 0) yield* this.#proc.printBytes(bytes.subarray(at, at + pages));
    this.#hold(bytes.subarray(at + pages));
  }

  #hold(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  *flush(): Task<void> {
    const bytes = this.#buffer.slice(0, this.#length);
    this.#length = 0;
    if (bytes.length > 0) yield* this.#proc.printBytes(bytes);
  }
}

/** The body's destination for one URL. */
export class BodySink {
  readonly #proc: Process;
  readonly #stdout: StdoutBuffer;
  readonly path: string | undefined;
  #file: OpenFile | undefined;

  /** @param path undefined for standard output */
  constructor(proc: Process, stdout: StdoutBuffer, path: string | undefined) {
    this.#proc = proc;
    this.#stdout = stdout;
    this.path = path;
  }

  /** A terminal would be spoilt by a progress meter. */
  get isTty(): boolean {
    return this.path === undefined && (this.#proc.fds.get(1)?.isTty ?? false);
  }

  *write(bytes: Uint8Array): Task<void> {
    if (this.path === undefined) {
      yield* this.#stdout.write(bytes);
      return;
    }
    if (bytes.length === 0) return;
    this.open();
    yield* this.#file!.write(bytes);
  }

  /** Makes the file, empty if nothing is written. Throws CurlError. */
  open(): void {
    if (this.path === undefined || this.#file) return;
    try {
      this.#file = this.#proc.root.open(this.#proc, joinPath(this.#proc.cwd, this.path), {
        write: true,
        create: true,
        truncate: true,
      });
    } catch (error) {
      errnoOf(error);
      throw new CurlError(CurlCode.WRITE_ERROR, "Failure writing output to destination");
    }
  }

  close(): void {
    this.#file?.release();
    this.#file = undefined;
  }
}
