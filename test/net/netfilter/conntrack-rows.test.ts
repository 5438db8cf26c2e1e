import fc from "fast-check";
import { expect, test } from "vitest";
import { SkbPool } from "../../../src/net/core/skb.ts";
import { IPS_CONFIRMED } from "../../../src/net/netfilter/conntrack-entry.ts";
import { BUCKETS, bucketOf, ConntrackHash } from "../../../src/net/netfilter/conntrack-hash.ts";
import { ConnRows } from "../../../src/net/netfilter/conntrack-rows.ts";
import { hasSource, SourceChains } from "../../../src/net/netfilter/nat-by-source.ts";
import { END, FLAG_MAXACK_SET, MAX_ACK, MAX_END, MAX_WIN } from "../../../src/net/netfilter/proto-tcp-layout.ts";
import { TcpState, TcpTracks } from "../../../src/net/netfilter/proto-tcp-track.ts";
import { invertTuple, Tuple } from "../../../src/net/netfilter/tuple.ts";
import { IPPROTO_TCP, IPPROTO_UDP } from "../../../src/wire/ipv4.ts";

/** The tables of a namespace that translates, without its packets. */
class Tables {
  readonly rows: ConnRows = new ConnRows(new SkbPool());
  readonly hash: ConntrackHash = new ConntrackHash(this.rows);
  readonly sources: SourceChains = new SourceChains(this.rows);
  readonly tcp: TcpTracks = new TcpTracks(this.rows);
  readonly #inverse: Tuple = new Tuple();

  add(tuple: Tuple): number {
    const { rows } = this;
    const conn = rows.alloc(tuple.protonum);
    rows.setTuple(conn, 0, tuple);
    invertTuple(this.#inverse, tuple);
    rows.setTuple(conn, 1, this.#inverse);
    rows.addStatus(conn, IPS_CONFIRMED);
    this.hash.insert(conn, 0);
    this.hash.insert(conn, 1);
    this.sources.add(conn);
    return conn;
  }

  get byteLength(): number {
    return this.rows.byteLength + this.hash.byteLength + this.sources.byteLength + this.tcp.byteLength;
  }
}

/** The most bytes a connection, as their number grows. */
function mostBytes(protonum: number, begin: (tables: Tables, conn: number) => void): number {
  const tables = new Tables();
  const tuple = new Tuple();
  let most = 0;
  for (let i = 1; i <= 250_000; i++) {
    begin(tables, tables.add(tuple.set(0xac110002 + (i >>> 14), 0x0a000001, i & 0x3fff, 80, protonum)));
    if (i > 65536) most = Math.max(most, tables.byteLength / i);
  }
  expect(tables.hash.find(tuple, 0) & 1).toBe(0);
  return most;
}

/** Both sides have spoken, and each has acknowledged all. */
function establish({ tcp }: Tables, conn: number): void {
  const track = tcp.alloc(conn);
  tcp.setState(track, TcpState.ESTABLISHED);
  for (let dir = 0; dir < 2; dir++) {
    const side = tcp.side(track, dir);
    tcp.words[side + END] = conn + dir;
    tcp.words[side + MAX_END] = conn + dir + 3_000_000;
    tcp.words[side + MAX_WIN] = 3_000_000;
    tcp.words[side + MAX_ACK] = conn + 1 - dir;
    tcp.setFlags(track, dir, FLAG_MAXACK_SET);
  }
}

test("a connection takes at most 105 bytes, also just after the tables have grown", () => {
  expect(mostBytes(IPPROTO_UDP, () => {})).toBeLessThan(105);
});

test("one of TCP takes a third more, for both sides' windows", () => {
  expect(mostBytes(IPPROTO_TCP, establish)).toBeLessThan(137);
});

test("a namespace that tracks nothing has no tables", () => {
  expect(new Tables().byteLength).toBeLessThan(100);
});

test.each([20, 3000, 150_000])("of %d connections, those in some buckets of the kernel's table are found", (count) => {
  const tables = new Tables();
  const tuple = new Tuple();
  const inverse = new Tuple();
  const byBucket = new Map<number, Set<number>>();
  for (let i = 0; i < count; i++) {
    const conn = tables.add(tuple.set(0xac110002 + (i % 3), 0x0a000001, 1000 + (i >> 2), 80 + (i & 3), IPPROTO_TCP));
    invertTuple(inverse, tuple);
    for (const one of [tuple, inverse]) {
      const bucket = bucketOf(one, 0);
      byBucket.set(bucket, (byBucket.get(bucket) ?? new Set()).add(conn));
    }
  }
  const firsts = [
    ...[...byBucket.keys()].slice(0, 300).flatMap((bucket) => [bucket - 7, bucket - 3, bucket]),
    0,
    BUCKETS - 1,
  ];
  for (const first of firsts) {
    const from = first & (BUCKETS - 1);
    const expected = Array.from({ length: 8 }, (_, i) => [...(byBucket.get((from + i) & (BUCKETS - 1)) ?? [])]).flat();
    expect(tables.hash.inBuckets(from, 8)).toEqual(new Set(expected));
  }
});

test("connections from one source are found, the latest first, whatever came and went", () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 5 }), fc.nat()), { maxLength: 400 });
  fc.assert(
    fc.property(steps, (list) => {
      const { rows, sources } = new Tables();
      const model = new Map<number, number[]>();
      const sourceOf = (key: number): Tuple => new Tuple().set(key, 9, 1000 + (key % 2), 53, key % 3 === 0 ? 6 : 17);
      for (const [add, key, which] of list) {
        const known = model.get(key) ?? [];
        model.set(key, known);
        if (add) {
          const conn = rows.alloc(sourceOf(key).protonum);
          rows.setTuple(conn, 0, sourceOf(key));
          rows.addStatus(conn, IPS_CONFIRMED);
          sources.add(conn);
          known.unshift(conn);
        } else if (known.length > 0) sources.remove(known.splice(which % known.length, 1)[0]!);
      }
      for (const [key, conns] of model) {
        const found: number[] = [];
        for (let conn = sources.first(sourceOf(key), 0); conn !== 0; conn = rows.next(conn))
          if (hasSource(rows, conn, sourceOf(key), 0)) found.push(conn);
        expect(found).toEqual(conns);
      }
    }),
  );
});
