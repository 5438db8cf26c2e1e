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
   * A port for (address, protocol): `start` itself when start = end > 0, the next free one of the range otherwise, of the
   * ephemeral range for 0–0. Throws DaemonError "Bind for A:P failed: port is already allocated", "all ports are allocated".
   */
  request(address: string, protocol: string, start: number, end: number): number {
    const map = this.#map(address, protocol);
    if (start > 0 && start === end) {
      if (map.taken.has(start)) throw new DaemonError(`Bind for ${address}:${start} failed: port is already allocated`);
      map.taken.add(start);
      return start;
    }
    const [begin, last] = start === 0 && end === 0 ? this.#ephemeral() : [start, end];
    const key = `${begin}-${last}`;
    if (last < begin) throw new DaemonError(`invalid port range: ${key}`);
    let range = map.ranges.get(key);
    if (!range) {
      range = new PortRange(begin, last);
      map.ranges.set(key, range);
    }
    let port = range.last;
    for (let i = 0; i <= range.end - range.begin; i++) {
      port++;
      if (port > range.end) port = range.begin;
      if (map.taken.has(port)) continue;
      map.taken.add(port);
      range.last = port;
      return port;
    }
    throw new DaemonError("all ports are allocated");
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
