// A large file that is written at its end, as a capture is: what comes goes to a store outside of memory when there is one, and lies in
// blocks of its own until somebody wants to see the file in one piece. An array that doubles copies everything once more and touches
// twice the memory: of a `vethlab run` with two captures of 111 MB a third of the processor time was copies and first touches of memory
// between tcpdump and the end of the run. First touches are the dearest part, and a store needs none: with two captures of 160 MB such a
// run takes 2.8 s instead of 4.9.

import type { FileNode } from "./vfs.ts";

/** Files of fewer bytes double. */
export const GROWS_IN_BLOCKS: number = 1 << 20;
const BLOCK = 1 << 20;

/** Where a large file's bytes may lie instead of in memory: a file on the real disk. */
export interface Store {
  /** Adds to the end; the bytes are only lent. False: there is no room, and nothing was added. */
  append(bytes: Uint8Array): boolean;
  /**
   * Memory of `bytes` or more in which what comes next may be made; what is appended from its beginning is not copied. Nobody writes there
   * any more once it is appended, or anything else is. Null: there is none, and it may be made anywhere.
   */
  room(bytes: number): Uint8Array | null;
  /** Fills `into` with what lies there from the byte `from` on. */
  read(into: Uint8Array, from: number): void;
  /** Nobody wants it any more. */
  drop(): void;
}

/** Makes a store, null when it cannot. */
export type MakeStore = () => Store | null;

/** Where a file's content lies: its beginning in a store, the rest in memory. */
export interface Content {
  readonly store: Store | null;
  readonly storedBytes: number;
  readonly rest: readonly Uint8Array[];
}

const tails: WeakMap<FileNode, Tail> = new WeakMap();

/**
 * The end of a file of GROWS_IN_BLOCKS bytes or more, made when it is first asked for.
 * @param makeStore where its bytes are to go; null: memory
 */
export function tailOf(node: FileNode, makeStore: MakeStore | null): Tail {
  let tail = tails.get(node);
  if (tail === undefined) {
    tail = new Tail(node, makeStore?.() ?? null);
    tails.set(node, tail);
  }
  return tail;
}

/** The content of a file as it lies. */
export function contentOf(node: FileNode): Content {
  return (
    tails.get(node)?.content(node.size) ?? { store: null, storedBytes: 0, rest: [node.data.subarray(0, node.size)] }
  );
}

/** All of it in turn; a piece is good until the next is asked for. */
export function* readContent({ store, storedBytes, rest }: Content): Generator<Uint8Array> {
  if (store !== null) {
    const buffer = new Uint8Array(BLOCK);
    for (let at = 0; at < storedBytes; at += BLOCK) {
      const piece = buffer.subarray(0, Math.min(BLOCK, storedBytes - at));
      store.read(piece, at);
      yield piece;
    }
  }
  yield* rest;
}

/** All of it in memory. */
export function piecesOf({ store, storedBytes, rest }: Content): readonly Uint8Array[] {
  if (store === null) return rest;
  const stored = new Uint8Array(storedBytes);
  store.read(stored, 0);
  return [stored, ...rest];
}

class Tail {
  /** takes what comes; null when it lies in memory, from the start or because there was no more room */
  #open: Store | null;
  /** the file up to #front */
  #store: Store | null;
  #stored = 0;
  /** the file from there up to the blocks */
  #front: Uint8Array;
  readonly #blocks: Uint8Array[] = [];
  /** bytes in all blocks, and in the last one */
  #bytes = 0;
  #used = 0;

  constructor(node: FileNode, store: Store | null) {
    this.#store = store;
    this.#open = store;
    this.#front = node.data.subarray(0, node.size);
    this.#putAway();
    Object.defineProperty(node, "data", {
      get: () => this.#whole(),
      set: (data: Uint8Array) => {
        this.#forget();
        this.#front = data;
      },
    });
  }

  /** Adds to the end of a file of `size` bytes; false when the file is not what lies here (it was cut). */
  append(bytes: Uint8Array, size: number): boolean {
    if (size !== this.#size) return false;
    if (this.#putAway() && this.#stores(bytes)) return true;
    const { length } = bytes;
    const last = this.#blocks.at(-1);
    const here = last === undefined ? 0 : Math.min(length, last.length - this.#used);
    if (here > 0) last!.set(here === length ? bytes : bytes.subarray(0, here), this.#used);
    this.#used += here;
    this.#bytes += here;
    if (here === length) return true;
    const block = new Uint8Array(Math.max(BLOCK, length - here));
    block.set(bytes.subarray(here));
    this.#blocks.push(block);
    this.#used = length - here;
    this.#bytes += this.#used;
    return true;
  }

  /** Where the next bytes of a file of `size` bytes may be made (Store.room). */
  room(bytes: number, size: number): Uint8Array | null {
    return size === this.#size && this.#putAway() ? this.#open!.room(bytes) : null;
  }

  /** What lies here, when that is a file of `size` bytes. */
  content(size: number): Content | undefined {
    if (size !== this.#size) return undefined;
    this.#putAway();
    return { store: this.#store, storedBytes: this.#stored, rest: this.#inMemory() };
  }

  get #size(): number {
    return this.#stored + this.#front.length + this.#bytes;
  }

  #inMemory(): readonly Uint8Array[] {
    const last = this.#blocks.length - 1;
    return [this.#front, ...this.#blocks.map((block, i) => (i < last ? block : block.subarray(0, this.#used)))];
  }

  /** What lies in memory goes to the store. False: there is none, or no room. */
  #putAway(): boolean {
    if (this.#open === null || !this.#stores(this.#front)) return false;
    // blocks there are only where there is no store
    if (this.#front.length > 0) this.#front = this.#front.subarray(0, 0);
    return true;
  }

  /** When there is no room, this and all that comes stays in memory; a store that took nothing is of no use. */
  #stores(bytes: Uint8Array): boolean {
    if (bytes.length === 0) return true;
    if (this.#open?.append(bytes) === true) {
      this.#stored += bytes.length;
      return true;
    }
    this.#open = null;
    if (this.#stored === 0) {
      this.#store?.drop();
      this.#store = null;
    }
    return false;
  }

  #whole(): Uint8Array {
    if (this.#stored > 0 || this.#blocks.length > 0) {
      const whole = new Uint8Array(this.#size);
      let at = 0;
      for (const piece of readContent({ store: this.#store, storedBytes: this.#stored, rest: this.#inMemory() })) {
        whole.set(piece, at);
        at += piece.length;
      }
      this.#forget();
      this.#front = whole;
    }
    return this.#front;
  }

  /** Whoever looked at the file in one piece will do so again: what comes stays in memory. */
  #forget(): void {
    this.#store?.drop();
    this.#store = null;
    this.#open = null;
    this.#stored = 0;
    this.#blocks.length = 0;
    this.#bytes = 0;
    this.#used = 0;
  }
}
