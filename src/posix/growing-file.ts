// A large file that is written at its end, as a capture is: what comes lies in blocks of its own until somebody wants to see the
// file in one piece. An array that doubles copies everything once more and touches twice the memory: of a `vethlab run` with two captures
// of 111 MB a third of the processor time was copies and first touches of memory between tcpdump and the end of the run.

import { concatBytes } from "../base/bytes.ts";
import type { FileNode } from "./vfs.ts";

/** Files of fewer bytes double. */
export const GROWS_IN_BLOCKS: number = 1 << 20;
const BLOCK = 1 << 20;

const tails: WeakMap<FileNode, Tail> = new WeakMap();

/** The end of a file of GROWS_IN_BLOCKS bytes or more, made when it is first asked for. */
export function tailOf(node: FileNode): Tail {
  let tail = tails.get(node);
  if (tail === undefined) {
    tail = new Tail(node);
    tails.set(node, tail);
  }
  return tail;
}

/** The content of a file as it lies in memory. */
export function piecesOf(node: FileNode): readonly Uint8Array[] {
  return tails.get(node)?.pieces(node.size) ?? [node.data.subarray(0, node.size)];
}

class Tail {
  /** the file up to the blocks */
  #front: Uint8Array;
  readonly #blocks: Uint8Array[] = [];
  /** bytes in all blocks, and in the last one */
  #bytes = 0;
  #used = 0;

  constructor(node: FileNode) {
    this.#front = node.data.subarray(0, node.size);
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
    if (size !== this.#front.length + this.#bytes) return false;
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

  /** What lies here, when that is a file of `size` bytes. */
  pieces(size: number): readonly Uint8Array[] | undefined {
    if (size !== this.#front.length + this.#bytes) return undefined;
    const last = this.#blocks.length - 1;
    return [this.#front, ...this.#blocks.map((block, i) => (i < last ? block : block.subarray(0, this.#used)))];
  }

  #whole(): Uint8Array {
    if (this.#blocks.length > 0) {
      this.#front = concatBytes(this.pieces(this.#front.length + this.#bytes)!);
      this.#forget();
    }
    return this.#front;
  }

  #forget(): void {
    this.#blocks.length = 0;
    this.#bytes = 0;
    this.#used = 0;
  }
}
