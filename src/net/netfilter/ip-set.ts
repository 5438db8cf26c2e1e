// Sets of addresses, networks and ports that rules ask by name: all sets of a namespace, and what befalls them as a whole.
// Answers to net/netfilter/ipset/ip_set_core.c, protocol 7. One set's elements: ip-set-hash.ts.

import { Errno, NetError } from "../../base/errno.ts";
import type { Net } from "../core/net.ts";
import { HashSet, type SetOptions } from "./ip-set-hash.ts";
import { SET_TYPES, SetError, type SetErrorCode } from "./ip-set-types.ts";

const HASH_SIZE = 1024;
const MIN_HASH_SIZE = 64;
const MAX_ELEM = 65536;
const BUCKET_SIZE = 12;

/** All sets of one namespace, by the numbers that rules hold them by. */
export class IpSets {
  private readonly net: Net;
  /** a freed number is taken again by the next set */
  private readonly sets: (HashSet | undefined)[] = [];
  private random: (() => number) | undefined;

  constructor(net: Net) {
    this.net = net;
  }

  get all(): HashSet[] {
    return this.sets.filter((set) => set !== undefined);
  }

  /** −1: there is none. */
  indexOf(name: string): number {
    return this.sets.findIndex((set) => set?.name === name);
  }

  at(index: number): HashSet | undefined {
    return this.sets[index];
  }

  /** Throws SetError. */
  find(name: string): HashSet {
    return this.sets[this.indexOf(name)] ?? fail("ENOENT");
  }

  /** Makes a set; `exist`: one that is there and alike is good, too. */
  create(name: string, typeName: string, options: Partial<SetOptions>, exist: boolean): void {
    const type = SET_TYPES.get(typeName) ?? fail("TYPE");
    const hashsize = 2 ** Math.max(6, Math.ceil(Math.log2(options.hashsize ?? HASH_SIZE)));
    const wanted: SetOptions = {
      maxelem: MAX_ELEM,
      netmask: 32,
      timeout: undefined,
      counters: false,
      comment: false,
      forceadd: false,
      bucketsize: BUCKET_SIZE,
      ...options,
      hashsize: Math.max(hashsize, MIN_HASH_SIZE),
      initval: options.initval ?? this.#draw(),
    };
    const there = this.sets[this.indexOf(name)];
    if (there) {
      if (exist && there.type === type && there.isLike(wanted)) return;
      fail("SET_EXIST");
    }
    const free = this.sets.indexOf(undefined);
    this.sets[free < 0 ? this.sets.length : free] = new HashSet(this.net, name, type, wanted);
  }

  #draw(): number {
    if (!this.random) {
      const rng = this.net.kernel.rng.fork("ipset");
      const random = (): number => rng.u32();
      this.random = random;
    }
    return this.random();
  }

  destroy(name: string): void {
    const set = this.find(name);
    if (set.references > 0) fail("BUSY");
    this.sets[this.indexOf(name)] = undefined;
  }

  /** All of them, or none when one is in use. */
  destroyAll(): void {
    if (this.all.some((set) => set.references > 0)) fail("BUSY");
    this.sets.length = 0;
  }

  rename(name: string, newName: string): void {
    const set = this.find(name);
    if (set.references > 0) fail("REFERENCED");
    if (this.indexOf(newName) >= 0) fail("RENAME_EXIST");
    set.name = newName;
  }

  /** Rules go on with the other's elements. */
  swap(name: string, otherName: string): void {
    const one = this.indexOf(name);
    const two = this.indexOf(otherName);
    const a = this.sets[one] ?? fail("ENOENT");
    const b = this.sets[two] ?? fail("ENOENT");
    if (a.type !== b.type) fail("TYPE_MISMATCH");
    [a.name, b.name] = [b.name, a.name];
    [a.references, b.references] = [b.references, a.references];
    this.sets[one] = b;
    this.sets[two] = a;
  }

  /** A rule uses it (ip_set_nfnl_get_byindex); throws ENOENT. Returns what lets it go. */
  use(index: number): () => void {
    if (!this.sets[index]) throw new NetError(Errno.ENOENT);
    this.sets[index].references++;
    // whatever set is at the number by then: a swap hands references over
    return () => {
      this.sets[index]!.references--;
    };
  }
}

function fail(code: SetErrorCode): never {
  throw new SetError(code);
}
