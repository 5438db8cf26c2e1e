// Large files of a run lie on the real disk while they grow, and get their names when it is over. In memory a capture costs the first
// touch of each of its pages, and the run ends by writing it all.

import { chmodSync, fstatSync, lstatSync, openSync, readSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Store } from "../posix/growing-file.ts";
import { type Disk, WriteBehind } from "./write-behind.ts";

/** What names of files in the making begin with. */
export const SPOOL_PREFIX = ".vethlab-";

/** A run's files in the making, in the folder where they will stay. */
export class Spool {
  readonly #folder: string;
  readonly #disk: Disk | undefined;
  readonly #files: SpooledFile[] = [];
  readonly #onExit = (): void => this.dispose();

  /** @param disk what writes; node:fs when absent */
  constructor(folder: string, disk?: Disk) {
    this.#folder = folder;
    this.#disk = disk;
    process.on("exit", this.#onExit);
  }

  /** A file that grows; null when the folder takes none. */
  create(): SpooledFile | null {
    const path = join(this.#folder, `${SPOOL_PREFIX}${process.pid}-${this.#files.length}`);
    try {
      const file = new SpooledFile(path, openSync(path, "wx+"), this.#disk);
      this.#files.push(file);
      return file;
    } catch {
      return null;
    }
  }

  /** Takes away what got no name. */
  dispose(): void {
    process.off("exit", this.#onExit);
    for (const file of this.#files) file.drop();
    this.#files.length = 0;
  }
}

export class SpooledFile implements Store {
  readonly #path: string;
  readonly #fd: number;
  readonly #behind: WriteBehind;
  #state: "growing" | "named" | "gone" = "growing";

  /** @internal use Spool.create */
  constructor(path: string, fd: number, disk?: Disk) {
    this.#path = path;
    this.#fd = fd;
    this.#behind = new WriteBehind(fd, disk);
  }

  /** When there is no room the run goes on in memory, and says so when it writes its files. */
  append(bytes: Uint8Array): boolean {
    return this.#behind.append(bytes);
  }

  room(bytes: number): Uint8Array | null {
    return this.#behind.room(bytes);
  }

  read(into: Uint8Array, from: number): void {
    const behind = this.#behind;
    const inFile = behind.finish() ? into.length : Math.max(0, Math.min(into.length, behind.written - from));
    for (let at = 0; at < inFile; ) {
      const got = readSync(this.#fd, into, at, inFile - at, from + at);
      if (got === 0) throw new Error(`${this.#path} was cut short by somebody else`);
      at += got;
    }
    if (inFile < into.length) {
      const skipped = from + inFile - behind.written;
      into.set(behind.rest.subarray(skipped, skipped + into.length - inFile), inFile);
    }
  }

  /**
   * Gives it its name, in place of the file that has it now; false when there is something there that is to be written into instead: a link,
   * a device. Throws the system's error, also when there is no room for all of it.
   */
  moveTo(target: string): boolean {
    const there = lstatSync(target, { throwIfNoEntry: false });
    if (there !== undefined) {
      const mine = fstatSync(this.#fd);
      if (!there.isFile() || there.nlink > 1 || there.uid !== mine.uid || there.dev !== mine.dev) return false;
      chmodSync(this.#path, there.mode & 0o7777);
    }
    const behind = this.#behind;
    const whole = behind.finish();
    // ext4 puts a file on the disk at once when it takes another's place (auto_da_alloc)
    if (there !== undefined) rmSync(target);
    renameSync(this.#path, target);
    this.#state = "named";
    // there may be room by now
    if (!whole) behind.writeRest();
    return true;
  }

  drop(): void {
    if (this.#state === "gone") return;
    this.#behind.close();
    if (this.#state === "growing") rmSync(this.#path, { force: true });
    this.#state = "gone";
  }
}
