import fc from "fast-check";
import { expect, test } from "vitest";
import { SkbPool } from "../../../src/net/core/skb.ts";
import { IPS_CONFIRMED } from "../../../src/net/netfilter/conntrack-entry.ts";
import { ConnRows } from "../../../src/net/netfilter/conntrack-rows.ts";
import * as layout from "../../../src/net/netfilter/proto-tcp-layout.ts";
import { PackedTracks, packedState } from "../../../src/net/netfilter/proto-tcp-packed.ts";
import { NONE_SET, TcpState, TcpTracks } from "../../../src/net/netfilter/proto-tcp-track.ts";
import { IPPROTO_TCP } from "../../../src/wire/ipv4.ts";

const { END, FLAG_MAXACK_SET, MAX_END, MAX_WIN, MAX_ACK, LAST_SEQ, LAST_ACK, LAST_END, LAST_WIN, SIDE_WORDS } = layout;

/** Numbers on both sides of every limit. */
const size = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 65535 }) },
  { weight: 2, arbitrary: fc.constantFrom(0, 1, 65535, 65536, 0xffffff, 0x1000000, -1) },
  { weight: 1, arbitrary: fc.integer() },
);
const small = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
const mostly0 = (...more: number[]): fc.Arbitrary<number> => fc.constantFrom(0, 0, 0, 0, 0, 0, ...more);
const side = fc.record({
  end: fc.integer(),
  room: size,
  win: size,
  unacked: size,
  flags: fc.oneof({ weight: 9, arbitrary: small(63) }, { weight: 1, arbitrary: small(255) }),
  scale: small(14),
});
const windows = fc.record({
  sides: fc.tuple(side, side),
  lastOf: small(2),
  length: size,
  win: size,
  astray: mostly0(1),
  state: small(9),
  lastDir: small(1),
  lastIndex: small(5),
  retrans: fc.oneof(small(3), small(255)),
  lastFlags: mostly0(64, 128, 3),
  lastScale: mostly0(7),
});

class Windows {
  readonly words: Int32Array = new Int32Array(16);
  readonly bytes: Uint8Array = new Uint8Array(this.words.buffer);
}

function fill({ words, bytes }: Windows, w: typeof windows extends fc.Arbitrary<infer T> ? T : never): void {
  for (const [dir, { end, room, win, flags, scale }] of w.sides.entries()) {
    const at = dir * SIDE_WORDS;
    words[at + END] = end;
    words[at + MAX_END] = end + room;
    words[at + MAX_WIN] = win;
    bytes[layout.SIDE_FLAGS + dir] = flags;
    bytes[layout.SIDE_SCALE + dir] = scale;
  }
  for (const [dir, { unacked, flags }] of w.sides.entries())
    words[dir * SIDE_WORDS + MAX_ACK] =
      flags & FLAG_MAXACK_SET ? words[(1 - dir) * SIDE_WORDS + END]! - unacked : unacked >> 16;
  if (w.lastOf < 2) {
    words[LAST_END] = words[w.lastOf * SIDE_WORDS + END]!;
    words[LAST_ACK] = words[w.lastOf * SIDE_WORDS + MAX_ACK]! + w.astray;
    words[LAST_SEQ] = words[LAST_END]! - w.length;
    words[LAST_WIN] = w.win;
  }
  bytes[layout.STATE] = w.state;
  bytes[layout.LAST_DIR] = w.lastDir;
  bytes[layout.LAST_INDEX] = w.lastIndex;
  bytes[layout.RETRANS] = w.retrans;
  bytes[layout.LAST_FLAGS] = w.lastFlags;
  bytes[layout.LAST_SCALE] = w.lastScale;
}

test("windows are what they were when they are unpacked, or are not packed", () => {
  const rows = new ConnRows(new SkbPool());
  const conn = rows.alloc(IPPROTO_TCP);
  const packed = new PackedTracks(rows);
  let fitted = 0;
  fc.assert(
    fc.property(windows, (w) => {
      const before = new Windows();
      fill(before, w);
      const record = packed.pack(conn, before.words, 0, before.bytes, 0);
      if (record === 0) return;
      fitted++;
      expect(packedState(rows.packed(conn))).toBe(w.state);
      const after = new Windows();
      packed.unpack(conn, record, after.words, 0, after.bytes, 0);
      expect(after.words).toEqual(before.words);
    }),
    { numRuns: 20_000 },
  );
  expect(fitted).toBeGreaterThan(100);
});

test("of more connections than are talked on at once, each finds its own windows again", () => {
  const rows = new ConnRows(new SkbPool());
  const tcp = new TcpTracks(rows);
  const conns = Array.from({ length: 20_000 }, () => {
    const conn = rows.alloc(IPPROTO_TCP);
    rows.addStatus(conn, IPS_CONFIRMED);
    return conn;
  });
  const endOf = (conn: number, dir: number): number => Math.imul(conn * 2 + dir, 0x9e3779b1);
  for (const conn of conns) {
    const track = tcp.alloc(conn);
    tcp.setState(track, conn % 3 === 0 ? TcpState.ESTABLISHED : TcpState.SYN_RECV);
    for (let dir = 0; dir < 2; dir++) {
      tcp.words[tcp.side(track, dir) + END] = endOf(conn, dir);
      // every tenth does not fit
      tcp.words[tcp.side(track, dir) + MAX_END] = endOf(conn, dir) + (conn % 10 === 0 ? 0x2000000 : 50_000);
    }
  }
  for (const conn of conns.filter((_, i) => i % 7 === 0)) tcp.free(conn);
  for (const [i, conn] of conns.entries()) {
    if (i % 7 === 0) {
      expect([tcp.track(conn), tcp.stateOf(conn)]).toEqual([0, TcpState.NONE]);
      continue;
    }
    expect(tcp.stateOf(conn)).toBe(conn % 3 === 0 ? TcpState.ESTABLISHED : TcpState.SYN_RECV);
    const track = tcp.track(conn);
    const ends = [0, 1].map((dir) => tcp.words[tcp.side(track, dir) + END]);
    expect(ends).toEqual([endOf(conn, 0), endOf(conn, 1)]);
    expect(tcp.bytes[tcp.byteAt(track) + layout.LAST_INDEX]).toBe(NONE_SET);
  }
  expect(tcp.byteLength).toBeLessThan(20_000 * 64);
});
