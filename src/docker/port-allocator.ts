// Host ports that are given out, by address and protocol. A free port is the next one after the last given, round the
// range; a port that was named is checked only. Answers to libnetwork portallocator/portallocator.go.

import { DaemonError } from "./errors.ts";

class PortRange {
  readonly begin: number;
  readonly end: number;
  last: number;

  constructor(begin: number, end: number) {
    this.begin = begin;
    this.end = end;
    this.last = end;
  }
}

class PortMap {
  readonly taken: Set<number> = new Set();
  readonly ranges: Map<string, PortRange> = new Map();
}

export class PortAllocator {
  readonly #maps: Map<string, PortMap> = new Map();
  readonly #ephemeral: () => readonly [number, number];

  /** @param ephemeral first and last port for those who name none (net.ipv4.ip_local_port_range) */
  constructor(ephemeral: () => readonly [number, number]) {
    this.#ephemeral = ephemeral;
  }

  /**
   * A port for a protocol at every address: `start` itself when start = end > 0, the next free one of the range otherwise,
   * of the ephemeral range for 0–0, counted on from the first address's last. `shared`: what another address of the family
   * has is taken where one of the two is the unspecified address. Throws DaemonError "Bind for A:P failed: port is already
   * allocated", "all ports are allocated".
   */
  request(addresses: readonly string[], protocol: string, start: number, end: number, shared: boolean): number {
    const checked = shared ? this.#related(addresses, protocol) : [...addresses];
    const taken = (port: number) => checked.find((address) => this.#map(address, protocol).taken.has(port));
    const take = (port: number): number => {
      for (const address of addresses) this.#map(address, protocol).taken.add(port);
      return port;
    };
    if (start > 0 && start === end) {
      const holder = taken(start);
      if (holder !== undefined) throw new DaemonError(`Bind for ${holder}:${start} failed: port is already allocated`);
      return take(start);
    }
    const [begin, last] = start === 0 && end === 0 ? this.#ephemeral() : [start, end];
    if (last < begin) throw new DaemonError(`invalid port range: ${begin}-${last}`);
    const ranges = addresses.map((address) => this.#range(address, protocol, begin, last));
    let port = ranges[0]!.last;
    for (let i = 0; i <= last - begin; i++) {
      port++;
      if (port > last) port = begin;
      if (taken(port) !== undefined) continue;
      for (const range of ranges) range.last = port;
      return take(port);
    }
    throw new DaemonError("all ports are allocated");
  }

  /** The addresses and those that share ports with them: 0.0.0.0 and :: share with all of their family. */
  #related(addresses: readonly string[], protocol: string): string[] {
    const out = new Set(addresses);
    for (const address of addresses) {
      const ipv6 = address.includes(":");
      const unspecified = ipv6 ? "::" : "0.0.0.0";
      if (address !== unspecified) out.add(unspecified);
      else
        for (const key of this.#maps.keys()) {
          const [other, itsProtocol] = key.split("/") as [string, string];
          if (itsProtocol === protocol && other.includes(":") === ipv6) out.add(other);
        }
    }
    return [...out];
  }

  #range(address: string, protocol: string, begin: number, end: number): PortRange {
    const { ranges } = this.#map(address, protocol);
    const key = `${begin}-${end}`;
    let range = ranges.get(key);
    if (!range) {
      range = new PortRange(begin, end);
      ranges.set(key, range);
    }
    return range;
  }

  release(address: string, protocol: string, port: number): void {
    this.#map(address, protocol).taken.delete(port);
  }

  #map(address: string, protocol: string): PortMap {
    const key = `${address}/${protocol}`;
    let map = this.#maps.get(key);
    if (!map) {
      map = new PortMap();
      this.#maps.set(key, map);
    }
    return map;
  }
}
