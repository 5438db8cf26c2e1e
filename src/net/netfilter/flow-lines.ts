// What a leg of many connections (flow-leg.ts) has found out about each: which one a packet's headers are of, and what they will be. One
// line of the processor's cache for each connection, found by the headers' words as they are, where conntrack's table wants two and their
// bytes turned: an eighth of a packet's instructions (`npm run bench`: flows_1000_sendto). A line is true as long as its row
// holds its connection, which who reads it asks. Open addressing, as in conntrack-hash.ts, but nothing is ever taken out.

import { smallInts } from "../../base/bytes.ts";
import { CONN, DESTINATION, LINE_BITS, PORTS, SOURCE } from "./flow-line.ts";

const FIRST_LINES = 16;
/** 256 KiB. A leg with more connections than half of it keeps none: they would push out of the caches what each packet needs. */
const MOST_LINES = 4096;
/** Lines of a leg that keeps none: there, what has been found out lies until the packet has passed. */
const NO_LINES = 2;

export class FlowLines {
  /** all lines, one after the other */
  words: Int32Array = smallInts(FIRST_LINES << LINE_BITS);
  private shift: number = 1 + Math.clz32(FIRST_LINES);
  private used = 0;
  /** lines are found again: which headers they are of is to be written, too */
  keeps = true;

  /**
   * Where in `words` the line of such headers begins, or one that is free for it. Lines of neighbouring addresses and ports, which a
   * header's last bytes tell apart, lie next to each other: they often come one after the other, and the processor fetches the next line
   * by itself. Those that find their place taken go on by steps that the other bytes say, so that no long rows of them come about.
   */
  find(source: number, destination: number, ports: number): number {
    const { words } = this;
    const others = Math.imul((destination & 0xffffff) ^ Math.imul(ports & 0xffffff, 0x85ebca6b), 0x9e3779b1);
    const place = (others >>> this.shift) + ((destination >>> 24) << 3) + (ports >>> 24);
    let at = (place << LINE_BITS) & (words.length - 1);
    while (words[at | DESTINATION] !== destination || words[at | PORTS] !== ports || words[at | SOURCE] !== source) {
      if (words[at | CONN] === 0) return at;
      at = (at + ((others | 1) << LINE_BITS)) & (words.length - 1);
    }
    return at;
  }

  /** What headers will be is about to be written. @returns where: at the line that `find` gave, or where the lines are now */
  take(at: number, source: number, destination: number, ports: number): number {
    const lines = this.words.length >> LINE_BITS;
    if (!this.keeps || this.words[at | CONN] !== 0) return at;
    this.used++;
    if (this.used * 2 <= lines) return at;
    this.#resize(lines === MOST_LINES ? NO_LINES : lines * 2);
    return this.find(source, destination, ports);
  }

  /** Empty: what the lines held is soon there again. */
  #resize(lines: number): void {
    this.words = smallInts(lines << LINE_BITS);
    this.shift = 1 + Math.clz32(lines);
    this.used = 1;
    this.keeps = lines !== NO_LINES;
  }
}
