// Address pools and the addresses in them: libnetwork's default IPAM driver for the local address space, IPv4 only. The
// lowest free address is given out (bitseq without the serial option), predefined pools go round. Answers to
// libnetwork ipam/allocator.go, ipam/structures.go and ipamutils/utils.go.

import {
  broadcastOf,
  cidrsOverlap,
  formatCidr,
  type Ipv4Addr,
  type Ipv4Cidr,
  inNetwork,
  ipv4Addr,
  networkOf,
  parseCidr,
  parseIpv4,
  splitCidr,
} from "../wire/addr.ts";
import { badRequest, DaemonError } from "./errors.ts";

/** The pools that a network gets when it names none: 172.17 … 172.31 as /16, then 192.168.0.0/16 in /20. */
const PREDEFINED: readonly (readonly [string, number])[] = [
  ["172.17.0.0/16", 16],
  ["172.18.0.0/16", 16],
  ["172.19.0.0/16", 16],
  ["172.20.0.0/14", 16],
  ["172.24.0.0/14", 16],
  ["172.28.0.0/14", 16],
  ["192.168.0.0/16", 20],
];

const POOLS: readonly Ipv4Cidr[] = PREDEFINED.flatMap(([base, size]) => splitCidr(parseCidr(base)!, size));

/** The first predefined pool that `inUse` does not know: docker0's. Throws DaemonError when there is none. */
export function electSubnet(inUse: (pool: Ipv4Cidr) => boolean): Ipv4Cidr {
  const pool = POOLS.find((candidate) => !inUse(candidate));
  if (!pool) throw new DaemonError("no available network");
  return pool;
}

/** The words of one generation's IPAM, and what it makes of a /31. */
export interface IpamTexts {
  readonly poolOverlap: string;
  readonly allPoolsTaken: string;
  readonly addressInUse: string;
  readonly noAddresses: string;
  readonly outOfRange: string;
  /** both addresses of a /31 can be had (RFC 3021) */
  readonly pointToPoint: boolean;
  /** the first predefined pool that is free is taken; older daemons go on behind the last one */
  readonly lowestPool: boolean;
}

/** What one network holds of a pool: all of it, or the part that --ip-range names. */
export interface PoolRequest {
  readonly pool: Ipv4Cidr;
  readonly range: Ipv4Cidr | undefined;
  /** of the range among those that are held, "" without one */
  readonly rangeKey: string;
  readonly master: MasterPool;
}

/** The addresses of one subnet, shared by the networks that hold it or a range of it. */
export class MasterPool {
  readonly pool: Ipv4Cidr;
  readonly #used: Set<number> = new Set();
  references = 0;

  constructor(pool: Ipv4Cidr, pointToPoint: boolean) {
    this.pool = pool;
    if (pointToPoint && pool.prefix > 30) return;
    this.#used.add(pool.address);
    this.#used.add(broadcastOf(pool.address, pool.prefix));
  }

  /** Marks an address; false when it is taken. */
  take(address: Ipv4Addr): boolean {
    if (this.#used.has(address)) return false;
    this.#used.add(address);
    return true;
  }

  /** The lowest free address of `first` … `last`, marked; undefined when there is none. */
  takeAny(first: Ipv4Addr, last: Ipv4Addr): Ipv4Addr | undefined {
    for (let address: number = first; address <= last; address++) {
      if (this.#used.has(address)) continue;
      this.#used.add(address);
      return ipv4Addr(address);
    }
    return undefined;
  }

  release(address: Ipv4Addr): void {
    this.#used.delete(address);
  }
}

export class Ipam {
  readonly #texts: IpamTexts;
  /** by "pool" or "pool/range": what networks hold */
  readonly #masters: Map<string, MasterPool> = new Map();
  readonly #ranges: Set<string> = new Set();
  #next = 0;

  constructor(texts: IpamTexts) {
    this.#texts = texts;
  }

  /**
   * Reserves a pool: the named one, or the next predefined one that overlaps neither another pool nor what `inUse` says.
   * Throws DaemonError: overlap (403), malformed (400), none left (404).
   * @param subnet "172.18.0.0/16", "" for any
   * @param ipRange "172.18.5.0/24", "" for all of it
   */
  requestPool(subnet: string, ipRange: string, inUse: (pool: Ipv4Cidr) => boolean): PoolRequest {
    if (subnet === "") {
      if (ipRange !== "")
        throw badRequest(
          `failed to parse pool request for address space "LocalDefault" pool "" subpool "${ipRange}": Invalid Sub-Pool`,
        );
      return this.#requestPredefined(inUse);
    }
    const parsed = parseCidr(subnet);
    if (!parsed || !subnet.includes("/"))
      throw badRequest(
        `failed to parse pool request for address space "LocalDefault" pool "${subnet}" subpool "${ipRange}": invalid Pool Request: invalid CIDR address: ${subnet}`,
      );
    const pool = { address: networkOf(parsed.address, parsed.prefix), prefix: parsed.prefix };
    const key = formatCidr(pool.address, pool.prefix);
    if (ipRange === "") {
      if (this.#masters.has(key) || this.#overlaps(pool)) throw new DaemonError(this.#texts.poolOverlap, 403);
      return this.#holdAll(pool);
    }
    const range = parseCidr(ipRange);
    if (!range || !ipRange.includes("/"))
      throw badRequest(
        `failed to parse pool request for address space "LocalDefault" pool "${subnet}" subpool "${ipRange}": invalid CIDR address: ${ipRange}`,
      );
    const rangeKey = `${key}/${ipRange}`;
    if (this.#ranges.has(rangeKey)) throw new DaemonError(this.#texts.poolOverlap, 403);
    this.#ranges.add(rangeKey);
    return this.#hold({
      pool,
      range: { address: networkOf(range.address, range.prefix), prefix: range.prefix },
      rangeKey,
      master: this.#master(pool),
    });
  }

  releasePool(request: PoolRequest): void {
    const key = formatCidr(request.pool.address, request.pool.prefix);
    this.#ranges.delete(request.rangeKey);
    if (--request.master.references === 0) this.#masters.delete(key);
  }

  /**
   * An address of a pool: the wished one, or the lowest free one. Throws DaemonError: in use (403), out of the pool
   * (400), none left (the caller names the network).
   */
  requestAddress(request: PoolRequest, preferred?: Ipv4Addr): Ipv4Addr {
    const { master, pool, range } = request;
    if (preferred !== undefined) {
      if (!inNetwork(preferred, pool.address, pool.prefix)) throw badRequest(this.#texts.outOfRange);
      if (!master.take(preferred)) throw new DaemonError(this.#texts.addressInUse, 403);
      return preferred;
    }
    const within = range ?? pool;
    const address = master.takeAny(within.address, broadcastOf(within.address, within.prefix));
    if (address === undefined) throw new DaemonError(this.#texts.noAddresses, 403);
    return address;
  }

  releaseAddress(request: PoolRequest, address: Ipv4Addr): void {
    request.master.release(address);
  }

  /**
   * The next predefined pool; the search goes on behind the last one that was found, used or not, and from the first when
   * that was beyond the last. What the host's routes overlap is passed by (ipam/allocator.go getPredefinedPool,
   * network.go requestPoolHelper).
   */
  #requestPredefined(inUse: (pool: Ipv4Cidr) => boolean): PoolRequest {
    const passedBy: Ipv4Cidr[] = [];
    for (;;) {
      const start = this.#texts.lowestPool ? 0 : this.#next;
      const order = [...POOLS.slice(start), ...POOLS.slice(0, start)];
      const found = order.findIndex((pool) => !this.#overlaps(pool) && !passedBy.includes(pool));
      if (found < 0) throw new DaemonError(this.#texts.allPoolsTaken, 404);
      this.#next = start + found + 1 < POOLS.length ? start + found + 1 : 0;
      const pool = order[found]!;
      if (!inUse(pool)) return this.#holdAll(pool);
      passedBy.push(pool);
    }
  }

  #overlaps(pool: Ipv4Cidr): boolean {
    for (const master of this.#masters.values()) if (cidrsOverlap(master.pool, pool)) return true;
    return false;
  }

  #master(pool: Ipv4Cidr): MasterPool {
    const key = formatCidr(pool.address, pool.prefix);
    let master = this.#masters.get(key);
    if (!master) {
      master = new MasterPool(pool, this.#texts.pointToPoint);
      this.#masters.set(key, master);
    }
    return master;
  }

  #holdAll(pool: Ipv4Cidr): PoolRequest {
    return this.#hold({ pool, range: undefined, rangeKey: "", master: this.#master(pool) });
  }

  #hold(request: PoolRequest): PoolRequest {
    request.master.references++;
    return request;
  }
}

/** MAC address of libnetwork's older policy: 02:42 and the four bytes of the address (netutils GenerateMACFromIP). */
export function macFromIpv4(address: Ipv4Addr): Uint8Array {
  return Uint8Array.of(0x02, 0x42, address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);
}

/** An address of a user's text, or a refusal in the daemon's words. */
export function wishedAddress(text: string): Ipv4Addr {
  const address = parseIpv4(text);
  if (address === undefined) throw badRequest(`invalid IPv4 address: ${text}`);
  return address;
}
