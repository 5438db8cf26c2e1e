// Which rules of a long chain may match a packet: rules are sorted by what they ask (their shape: fields and masks), and
// each shape hashes the values asked for. A packet then is held against the few rules whose hash it shares, in their order,
// and a rule that is passed over is one that a reader of the chain would have found not to match. Tuple space search
// (Srinivasan, Suri, Varghese 1999); Linux walks its rules one by one.

import type { NetDevice } from "../core/net-device.ts";
import type { Rule } from "./rule.ts";
import type { KeyValue, RuleKey } from "./rule-keys.ts";

/** Below this a walk is quicker. */
const MIN_RULES = 24;
/** Rules per shape that make looking the shape up worth it. */
const RULES_PER_SHAPE = 8;
/** Entries that one rule may take in the index. */
const MAX_ENTRIES = 64;
/** Candidates this near to each other are walked to, not looked up. */
const NEAR = 4;
const HASH_FACTOR = 0x9e3779b1 | 0;
/** Making an index costs about as much as so many packets' walks: whoever programs rules one by one between packets does not wait for it. */
const WALKS = 16;

/** Rules that ask the same fields under the same masks. */
class Shape {
  readonly fields: number[] = [];
  readonly masks: number[] = [];
  private readonly hashes: number[] = [];
  private readonly indexes: number[] = [];
  mask = 0;
  /** by bucket: where its rules begin in `items` */
  starts: Int32Array = new Int32Array(0);
  items: Int32Array = new Int32Array(0);
  /** by item: up to here rules are walked through one by one */
  runEnds: Int32Array = new Int32Array(0);

  add(values: readonly number[], index: number): void {
    let hash = 0;
    for (const value of values) hash = mix(hash, value);
    this.hashes.push(hash);
    this.indexes.push(index);
  }

  get size(): number {
    return this.indexes.length;
  }

  /** Sorts the rules into buckets, in their order. */
  finish(): void {
    const count = this.indexes.length;
    const buckets = this.fields.length === 0 ? 1 : 2 ** Math.ceil(Math.log2(count * 2));
    this.mask = buckets - 1;
    const starts = new Int32Array(buckets + 1);
    for (const hash of this.hashes) starts[(hash & this.mask) + 1]!++;
    for (let i = 0; i < buckets; i++) starts[i + 1]! += starts[i]!;
    const fill = starts.slice();
    const items = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const bucket = this.hashes[i]! & this.mask;
      items[fill[bucket]!++] = this.indexes[i]!;
    }
    const runEnds = new Int32Array(count);
    for (let bucket = 0; bucket < buckets; bucket++)
      for (let i = starts[bucket + 1]! - 1; i >= starts[bucket]!; i--) {
        const near = i + 1 < starts[bucket + 1]! && items[i + 1]! - items[i]! <= NEAR;
        runEnds[i] = near ? runEnds[i + 1]! : items[i]!;
      }
    this.starts = starts;
    this.items = items;
    this.runEnds = runEnds;
  }
}

function mix(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ value, HASH_FACTOR);
  return mixed ^ (mixed >>> 15);
}

/** Numbers for interface names, of one table; 0 for every other interface. */
export class InterfaceNumbers {
  private readonly numbers: Map<string, number> = new Map();

  of(name: string): number {
    let number = this.numbers.get(name);
    if (number === undefined) {
      number = this.numbers.size + 1;
      this.numbers.set(name, number);
    }
    return number;
  }

  get size(): number {
    return this.numbers.size;
  }

  ofDevice(dev: NetDevice | null): number {
    return dev === null ? 0 : (this.numbers.get(dev.name) ?? 0);
  }
}

export class ChainIndex {
  private readonly rules: readonly Rule[];
  private readonly start: number;
  private readonly end: number;
  private readonly interfaces: InterfaceNumbers;
  /** null: not made, or of no use */
  private shapes: readonly Shape[] | null = null;
  /** rules that packets may pass one by one before the index is made; Infinity: it is of no use */
  private patience: number;
  /** after `next`: rules up to here are to be walked one by one */
  runEnd = 0;

  private constructor(rules: readonly Rule[], start: number, interfaces: InterfaceNumbers) {
    this.rules = rules;
    this.start = start;
    this.end = start + rules.length;
    this.interfaces = interfaces;
    this.patience = WALKS * rules.length;
  }

  /** null: the chain is walked as quickly. @param start number of the first rule in the table's program */
  static of(rules: readonly Rule[], start: number, interfaces: InterfaceNumbers): ChainIndex | null {
    return rules.length < MIN_RULES ? null : new ChainIndex(rules, start, interfaces);
  }

  #make(): void {
    const rules = this.rules;
    const start = this.start;
    const interfaces = this.interfaces;
    this.patience = Number.POSITIVE_INFINITY;
    const byName: Map<string, Shape> = new Map();
    for (const [i, rule] of rules.entries())
      for (const entry of entriesOf(rule.keys)) {
        const name = entry.map(({ field, value }) => `${field}/${value.mask}`).join();
        let shape = byName.get(name);
        if (!shape) {
          shape = new Shape();
          shape.fields.push(...entry.map(({ field }) => field));
          shape.masks.push(...entry.map(({ value }) => value.mask));
          byName.set(name, shape);
        }
        shape.add(
          entry.map(({ value: { value } }) => (typeof value === "string" ? interfaces.of(value) : value)),
          start + i,
        );
      }
    if (byName.size * RULES_PER_SHAPE > rules.length) return;
    for (const shape of byName.values()) shape.finish();
    this.shapes = [...byName.values()];
  }

  /** The first rule from `from` on that may match; the chain's end when there is none. */
  next(from: number, fields: Int32Array): number {
    let best = this.end;
    let runEnd = best;
    const shapes = this.shapes;
    if (shapes === null) {
      this.patience -= best - from;
      if (this.patience < 0) this.#make();
      this.runEnd = best;
      return from;
    }
    for (let s = 0; s < shapes.length; s++) {
      const shape = shapes[s]!;
      const { masks, starts, items } = shape;
      let hash = 0;
      for (let f = 0; f < masks.length; f++) hash = mix(hash, fields[shape.fields[f]!]! & masks[f]!);
      const bucket = hash & shape.mask;
      let low = starts[bucket]!;
      const end = starts[bucket + 1]!;
      if (low === end || items[end - 1]! < from) continue;
      let high = end - 1;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (items[middle]! < from) low = middle + 1;
        else high = middle;
      }
      if (items[low]! < best) {
        best = items[low]!;
        runEnd = shape.runEnds[low]!;
      }
    }
    this.runEnd = runEnd;
    return best;
  }
}

interface EntryValue {
  readonly field: number;
  readonly value: KeyValue;
}

/** All combinations of a rule's alternatives; keys with too many are left out, the widest first. */
function entriesOf(keys: readonly RuleKey[]): EntryValue[][] {
  let entries: EntryValue[][] = [[]];
  const chosen: RuleKey[] = [];
  let count = 1;
  for (const key of [...keys].sort((a, b) => a.alternatives.length - b.alternatives.length)) {
    if (count * key.alternatives.length > MAX_ENTRIES) break;
    count *= key.alternatives.length;
    chosen.push(key);
  }
  chosen.sort((a, b) => a.field - b.field);
  for (const { field, alternatives } of chosen)
    entries = entries.flatMap((entry) => alternatives.map((value) => [...entry, { field, value }]));
  return entries;
}
