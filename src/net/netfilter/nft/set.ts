// A set or map of nft: elements, and the look-up of a packet's key among them without allocating. Values one by one are
// hashed, part by part where a key is joined of several; intervals are searched in sorted arrays. Answers to
// net/netfilter/nft_set_hash.c, nft_set_rbtree.c and nft_set_pipapo.c, which it leaves to their algorithms.

import type { KeyPart, NftElement, NftScalar, NftVerdict, SetSpec } from "./expr.ts";

export type NftData = NftElement["data"];

export function isVerdict(data: NftData): data is NftVerdict {
  return data !== null && !Array.isArray(data);
}

export function sameKey(a: readonly KeyPart[], b: readonly KeyPart[]): boolean {
  return a.every((part, i) => part.low === b[i]!.low && part.high === b[i]!.high);
}

export function sameData(a: NftData, b: NftData): boolean {
  if (a === null || b === null) return a === b;
  if (isVerdict(a)) return isVerdict(b) && a.verdict === b.verdict && a.chain === b.chain;
  return !isVerdict(b) && sameKey(a, b);
}

type Trie = Map<NftScalar, Trie | NftElement>;

export class NftSet {
  readonly spec: SetSpec;
  readonly handle: number;
  readonly elements: NftElement[] = [];
  /** elements at most; null: as many as may be */
  size: number | null;
  /** of a set that stands in a rule: what the kernel calls it */
  anonymousName = "";
  /** rules that look here */
  users = 0;
  /** made when a packet comes; null: an element has come or gone since */
  private exact: Trie | null = null;
  private sorted: NftElement[] = [];
  private ready = false;

  constructor(spec: SetSpec, handle: number, elements: readonly NftElement[] = []) {
    this.spec = spec;
    this.handle = handle;
    this.size = spec.size;
    this.elements.push(...elements);
  }

  get isVerdictMap(): boolean {
    return this.spec.dataTypes?.[0] === "verdict";
  }

  /** Names of chains that its elements lead to, each as often as it does. */
  jumps(): string[] {
    return this.elements.flatMap(({ data }) => (isVerdict(data) && data.chain !== "" ? [data.chain] : []));
  }

  renamed(from: string, to: string): void {
    for (const { data } of this.elements) if (isVerdict(data) && data.chain === from) data.chain = to;
  }

  /** Call after `elements` has changed. */
  changed(): void {
    this.ready = false;
  }

  /** Those that have not expired. */
  living(now: number): NftElement[] {
    return this.elements.filter((element) => element.expires > now);
  }

  /** The element in which the key lies; undefined: none. */
  find(key: readonly NftScalar[], now: number): NftElement | undefined {
    if (!this.ready) this.#prepare();
    const element =
      this.exact !== null ? this.#findExact(key) : key.length === 1 ? this.#search(key[0]!) : this.#walk(key);
    return element !== undefined && element.expires > now ? element : undefined;
  }

  #prepare(): void {
    this.ready = true;
    const isExact = this.elements.every(({ key }) => key.every(({ low, high }) => low === high));
    this.exact = null;
    if (!isExact) {
      this.sorted = [...this.elements];
      if (this.spec.keyTypes.length === 1) this.sorted.sort((a, b) => (a.key[0]!.low < b.key[0]!.low ? -1 : 1));
      return;
    }
    const root: Trie = new Map();
    for (const element of this.elements) {
      let node = root;
      const last = element.key.length - 1;
      for (let i = 0; i < last; i++) {
        let next = node.get(element.key[i]!.low);
        if (!(next instanceof Map)) {
          next = new Map();
          node.set(element.key[i]!.low, next);
        }
        node = next;
      }
      node.set(element.key[last]!.low, element);
    }
    this.exact = root;
  }

  #findExact(key: readonly NftScalar[]): NftElement | undefined {
    let node: Trie | NftElement | undefined = this.exact!;
    for (let i = 0; i < key.length; i++) {
      if (!(node instanceof Map)) return undefined;
      node = node.get(key[i]!);
    }
    return node instanceof Map ? undefined : node;
  }

  /** Intervals do not overlap: the last that begins at or before the value is the only one that may hold it. */
  #search(value: NftScalar): NftElement | undefined {
    if (typeof value === "string") return this.#walk([value]);
    const sorted = this.sorted;
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sorted[middle]!.key[0]!.low as number) <= value) low = middle + 1;
      else high = middle;
    }
    const found = sorted[low - 1];
    return found !== undefined && (found.key[0]!.high as number) >= value ? found : undefined;
  }

  #walk(key: readonly NftScalar[]): NftElement | undefined {
    const elements = this.sorted;
    for (let e = 0; e < elements.length; e++) {
      const parts = elements[e]!.key;
      let i = 0;
      while (i < key.length && holds(parts[i]!, key[i]!)) i++;
      if (i === key.length) return elements[e];
    }
    return undefined;
  }
}

function holds({ low, high }: KeyPart, value: NftScalar): boolean {
  if (typeof low === "string") return low.endsWith("*") ? String(value).startsWith(low.slice(0, -1)) : low === value;
  return (value as number) >= low && (value as number) <= (high as number);
}
