// A Map and a Set for where there are thousands that stay empty or hold a few entries, as in a lab's namespaces, devices and
// processes: 32 bytes until something is put in, instead of 180; then an array of exactly the right size (72 bytes for one
// entry, which a Map has for 216), and a real Map or Set only above four. (Private methods would cost each of them 8 bytes.)

const FEW = 4;

const NO_ENTRIES: ReadonlyMap<unknown, unknown> = new Map();

export class LazyMap<K, V> implements ReadonlyMap<K, V> {
  /** while few: key, value, key, value …, replaced when keys come or go, so that one may be walked meanwhile */
  #held: unknown[] | Map<K, V> | null = null;

  /** @param from what it holds at first */
  constructor(from: ReadonlyMap<K, V> | null = null) {
    if (from === null || from.size === 0) return;
    if (from.size > FEW) this.#held = new Map(from);
    else {
      const held: unknown[] = [];
      for (const [key, value] of from) held.push(key, value);
      this.#held = held;
    }
  }

  get size(): number {
    const held = this.#held;
    if (held === null) return 0;
    return held instanceof Map ? held.size : held.length / 2;
  }

  get(key: K): V | undefined {
    const held = this.#held;
    if (held === null) return undefined;
    if (held instanceof Map) return held.get(key);
    for (let i = 0; i < held.length; i += 2) if (held[i] === key) return held[i + 1] as V;
    return undefined;
  }

  has(key: K): boolean {
    const held = this.#held;
    if (held === null) return false;
    if (held instanceof Map) return held.has(key);
    for (let i = 0; i < held.length; i += 2) if (held[i] === key) return true;
    return false;
  }

  set(key: K, value: V): this {
    const held = this.#held;
    if (held === null) this.#held = [key, value];
    else if (held instanceof Map) held.set(key, value);
    else {
      for (let i = 0; i < held.length; i += 2)
        if (held[i] === key) {
          held[i + 1] = value;
          return this;
        }
      if (held.length < 2 * FEW) this.#held = held.concat([key, value]);
      else this.#held = new Map(fewEntries(this, held)).set(key, value);
    }
    return this;
  }

  delete(key: K): boolean {
    const held = this.#held;
    if (held === null) return false;
    if (held instanceof Map) return held.delete(key);
    for (let i = 0; i < held.length; i += 2)
      if (held[i] === key) {
        this.#held = held.length === 2 ? null : held.slice(0, i).concat(held.slice(i + 2));
        return true;
      }
    return false;
  }

  clear(): void {
    this.#held = null;
  }

  forEach(call: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this) call(value, key, this);
  }

  keys(): IterableIterator<K> {
    const held = this.#held ?? (NO_ENTRIES as Map<K, V>);
    return held instanceof Map ? held.keys() : (few(this, held, 0) as Generator<K>);
  }

  values(): IterableIterator<V> {
    const held = this.#held ?? (NO_ENTRIES as Map<K, V>);
    return held instanceof Map ? held.values() : (few(this, held, 1) as Generator<V>);
  }

  entries(): IterableIterator<[K, V]> {
    const held = this.#held ?? (NO_ENTRIES as Map<K, V>);
    return held instanceof Map ? held.entries() : fewEntries(this, held);
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }
}

// as with a Map: what was taken away meanwhile is not met

function* few(map: LazyMap<unknown, unknown>, held: readonly unknown[], offset: 0 | 1): Generator {
  for (let i = 0; i < held.length; i += 2) if (map.has(held[i])) yield held[i + offset];
}

function* fewEntries<K, V>(map: LazyMap<K, V>, held: readonly unknown[]): Generator<[K, V]> {
  for (let i = 0; i < held.length; i += 2) if (map.has(held[i] as K)) yield [held[i] as K, held[i + 1] as V];
}

const NO_VALUES: ReadonlySet<unknown> = new Set();

export class LazySet<T> {
  /** while few: replaced when values come or go */
  #held: T[] | Set<T> | null = null;

  get size(): number {
    const held = this.#held;
    if (held === null) return 0;
    return held instanceof Set ? held.size : held.length;
  }

  has(value: T): boolean {
    const held = this.#held;
    if (held === null) return false;
    return held instanceof Set ? held.has(value) : held.includes(value);
  }

  add(value: T): this {
    const held = this.#held;
    if (held === null) this.#held = [value];
    else if (held instanceof Set) held.add(value);
    else if (!held.includes(value))
      this.#held = held.length < 2 * FEW ? held.concat([value]) : new Set(held).add(value);
    return this;
  }

  delete(value: T): boolean {
    const held = this.#held;
    if (held === null) return false;
    if (held instanceof Set) return held.delete(value);
    const at = held.indexOf(value);
    if (at < 0) return false;
    this.#held = held.length === 1 ? null : held.slice(0, at).concat(held.slice(at + 1));
    return true;
  }

  clear(): void {
    this.#held = null;
  }

  values(): IterableIterator<T> {
    const held = this.#held ?? (NO_VALUES as Set<T>);
    return held instanceof Set ? held.values() : fewValues(this, held);
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.values();
  }
}

function* fewValues<T>(set: LazySet<T>, held: readonly T[]): Generator<T> {
  for (const value of held) if (set.has(value)) yield value;
}
