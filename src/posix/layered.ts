// A directory over another one that many share: what is looked at is copied up, the rest stays where it is. A thousand
// containers of one image hold one copy of its tree, as overlayfs has it, and all hosts one of their programs'.

import { LazyMap } from "../base/lazy.ts";
import type { Ns } from "../base/time.ts";
import type { DirChildren, DirNode, VfsNode } from "./vfs.ts";

const NONE: DirChildren = new Map<string, VfsNode>();

/** A directory of its own over one that is shared. @param madeNs time of the directories, as if they had been made then */
export function layeredDir(lower: DirNode, madeNs: Ns): DirNode {
  return { ...lower, mtimeNs: madeNs, children: new LayeredChildren(lower.children, madeNs) };
}

export class LayeredChildren implements DirChildren {
  /** what was not looked at yet, with what `#own` hides; never changed */
  #lower: DirChildren;
  readonly #madeNs: Ns;
  #own: LazyMap<string, VfsNode> | Map<string, VfsNode> | null = null;
  /** names of the lower layer that were taken away (whiteouts) */
  #gone: Set<string> | null = null;

  /** @param madeNs time of the directories below, as if they had been made then */
  constructor(lower: DirChildren, madeNs: Ns) {
    this.#lower = lower;
    this.#madeNs = madeNs;
  }

  get(name: string): VfsNode | undefined {
    const own = this.#own?.get(name);
    if (own || this.#gone?.has(name)) return own;
    const node = this.#lower.get(name);
    if (!node) return undefined;
    const copy = this.#copyUp(node);
    this.#own ??= new LazyMap();
    this.#own.set(name, copy);
    return copy;
  }

  /** As `get`, for a look only: nothing is copied up, and what is found must not be changed. */
  peek(name: string): VfsNode | undefined {
    return this.#own?.get(name) ?? (this.#gone?.has(name) ? undefined : this.#lower.get(name));
  }

  touched(): Iterable<[string, VfsNode]> {
    return this.#own ?? NONE;
  }

  has(name: string): boolean {
    return this.#own?.has(name) || (this.#lower.has(name) && !this.#gone?.has(name));
  }

  set(name: string, node: VfsNode): void {
    this.#own ??= new LazyMap();
    this.#own.set(name, node);
  }

  delete(name: string): boolean {
    if (!this.has(name)) return false;
    this.#own?.delete(name);
    if (this.#lower.has(name)) {
      this.#gone ??= new Set();
      this.#gone.add(name);
    }
    return true;
  }

  get size(): number {
    return this.#whole().size;
  }

  keys(): IterableIterator<string> {
    return this.#whole().keys();
  }

  values(): IterableIterator<VfsNode> {
    return this.#whole().values();
  }

  [Symbol.iterator](): IterableIterator<[string, VfsNode]> {
    return this.#whole()[Symbol.iterator]();
  }

  /** Everything copied up, in the lower layer's order, then what came later. */
  #whole(): Map<string, VfsNode> {
    const whole = new Map<string, VfsNode>();
    for (const [name, node] of this.#lower) {
      if (this.#gone?.has(name)) continue;
      whole.set(name, this.#own?.get(name) ?? this.#copyUp(node));
    }
    for (const [name, node] of this.#own ?? NONE) whole.set(name, node);
    this.#lower = NONE;
    this.#gone = null;
    this.#own = whole;
    return whole;
  }

  #copyUp(node: VfsNode): VfsNode {
    if (node.kind === "dir") return layeredDir(node, this.#madeNs);
    if (node.kind === "file") return { ...node, data: node.data.slice(0, node.size) };
    // a mode is its directory's own, too
    return { ...node };
  }
}
