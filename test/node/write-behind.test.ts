import { fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Spool, type SpooledFile } from "../../src/node/spool.ts";
import { type Disk, PIECE, WriteBehind } from "../../src/node/write-behind.ts";

/** Files of at most so many bytes. */
function fullAt(room: () => number): Disk {
  const write: Disk["writeSync"] = (fd, b, at, length, position) => {
    const fits = Math.min(length, room() - (position ?? fstatSync(fd).size));
    if (fits <= 0) throw new Error("ENOSPC: no space left on device, write");
    return writeSync(fd, b, at, fits, position);
  };
  return {
    writeSync: write,
    write: (fd, b, at, length, position, done) => {
      try {
        write(fd, b, at, length, position);
      } catch {
        // the answer would say so, and nobody hears it
      }
      setImmediate(done, null);
    },
  };
}

/** A pool that does nothing until it is woken. */
function sleepingPool(): { readonly disk: Disk; readonly asleep: readonly (() => void)[] } {
  const asleep: (() => void)[] = [];
  const write: Disk["write"] = (fd, b, at, length, position, done) => {
    asleep.push(() => {
      writeSync(fd, b, at, length, position);
      done(null);
    });
  };
  return { disk: { writeSync, write }, asleep };
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "write-behind-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A disk for one piece and a half. */
const FULL = 1.5 * PIECE;
const isOpen = (fd: number): boolean => {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
};
/** bytes that say where they come from */
const numbered = (length: number, from: number): Buffer => {
  const b = Buffer.alloc(length);
  for (let i = 0; i < length; i++) b[i] = ((from + i) * 2_654_435_761) >>> 24;
  return b;
};

describe("a file that is written by another thread", () => {
  it("has everything in its order when it is finished, in whatever pieces it came", () => {
    const size = fc.oneof(fc.nat(70_000), fc.nat(PIECE), fc.constantFrom(0, 1 << 16, PIECE, PIECE - 1, 2 * PIECE));
    fc.assert(
      fc.property(fc.array(fc.tuple(size, fc.boolean()), { maxLength: 12 }), (steps) => {
        const path = join(folder, "file");
        const behind = new WriteBehind(openSync(path, "w+"));
        let length = 0;
        for (const [bytes, finish] of steps) {
          const piece = numbered(bytes, length);
          expect(behind.append(piece)).toBe(true);
          piece.fill(0); // they were only lent
          length += bytes;
          if (!finish) continue;
          expect(behind.finish()).toBe(true);
          expect(behind.written).toBe(length);
          expect(readFileSync(path).length).toBe(length);
        }
        expect(behind.finish()).toBe(true);
        behind.close();
        expect(readFileSync(path).equals(numbered(length, 0))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it("takes what was made in its own memory as it takes anything else", () => {
    const step = fc.record({
      bytes: fc.oneof(fc.nat(2000), fc.nat(70_000), fc.nat(300_000)),
      // … which somebody may have, and not use in the end
      how: fc.constantFrom("elsewhere", "in room", "in room", "in room", "elsewhere, having room", "finish"),
    });
    let inPlace = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const path = join(folder, "file");
        const behind = new WriteBehind(openSync(path, "w+"));
        let length = 0;
        for (const { bytes, how } of steps) {
          if (how === "finish") {
            // with somebody in the middle of making more
            behind.room(1)?.fill(0xee);
            expect(behind.finish()).toBe(true);
            continue;
          }
          const room = how === "elsewhere" ? null : behind.room(bytes);
          const piece = numbered(bytes, length);
          if (room !== null) {
            expect(room.length).toBeGreaterThanOrEqual(bytes);
            expect((room.byteOffset - length - 2) & 3).toBe(0);
          }
          if (how === "in room" && room !== null) {
            room.set(piece);
            expect(behind.append(room.subarray(0, bytes))).toBe(true);
            inPlace++;
          } else {
            room?.fill(0xee);
            expect(behind.append(piece)).toBe(true);
            room?.fill(0xdd);
          }
          length += bytes;
        }
        expect(behind.finish()).toBe(true);
        behind.close();
        expect(readFileSync(path).equals(numbered(length, 0))).toBe(true);
      }),
      { numRuns: 60 },
    );
    expect(inPlace).toBeGreaterThan(100);
  });

  it("has no room when the disk has none, and keeps what was made there", () => {
    const path = join(folder, "file");
    const behind = new WriteBehind(
      openSync(path, "w+"),
      fullAt(() => FULL),
    );
    let length = 0;
    for (;;) {
      const room = behind.room(60_000);
      if (room === null) break;
      room.set(numbered(60_000, length));
      if (!behind.append(room.subarray(0, 60_000))) break;
      length += 60_000;
    }
    expect(length).toBeGreaterThan(FULL);
    expect(behind.room(1)).toBe(null);
    expect(behind.finish()).toBe(false);
    expect(Buffer.concat([readFileSync(path), behind.rest]).equals(numbered(length, 0))).toBe(true);
    behind.close();
  });

  it("does not wait for a thread that does not come, and is not harmed when it comes after all", () => {
    const { disk, asleep } = sleepingPool();
    const path = join(folder, "file");
    const fd = openSync(path, "w+");
    const behind = new WriteBehind(fd, disk);
    const length = 4 * PIECE;
    const step = PIECE >> 2;
    for (let at = 0; at < length; at += step) expect(behind.append(numbered(step, at))).toBe(true);
    expect(behind.finish()).toBe(true);
    expect(readFileSync(path).equals(numbered(length, 0))).toBe(true);
    behind.close();
    // its number could become another file's
    expect(isOpen(fd)).toBe(true);
    expect(asleep.length).toBeGreaterThan(2);
    for (const wake of asleep) {
      expect(isOpen(fd)).toBe(true);
      wake();
    }
    expect(isOpen(fd)).toBe(false);
    expect(readFileSync(path).equals(numbered(length, 0))).toBe(true);
  });
});

describe("a run's file in the making, on a disk that is full", () => {
  const fill = (bytes: number, more = 0): { spool: Spool; kept: number; file: SpooledFile } => {
    let room = bytes;
    const spool = new Spool(
      folder,
      fullAt(() => room),
    );
    const file = spool.create()!;
    let kept = 0;
    while (kept < bytes + 4 * PIECE && file.append(numbered(50_000, kept))) kept += 50_000;
    room += more;
    return { spool, kept, file };
  };

  it.each([0, 1, 100_000, PIECE, PIECE + 40_000, 3.5 * PIECE])(
    "keeps what it has taken, also beyond %d bytes",
    (room) => {
      const { spool, kept, file } = fill(room);
      expect(kept).toBeGreaterThanOrEqual(Math.max(room, PIECE) - 50_000);
      expect(kept).toBeLessThan(room + 3 * PIECE);
      expect(file.append(Uint8Array.of(1))).toBe(false);
      for (const [from, to] of [
        [0, kept],
        [0, 1000],
        [kept - 60_000, kept],
        [kept - 10, kept],
      ] as const) {
        const read = new Uint8Array(to - from);
        file.read(read, from);
        expect(numbered(to - from, from).equals(read), `${from} to ${to}`).toBe(true);
      }
      spool.dispose();
    },
  );

  it("gets its name with what fits, and the error is the system's; all of it when there is room again", () => {
    for (const more of [0, 4 * PIECE]) {
      const { spool, kept, file } = fill(FULL, more);
      const target = join(folder, `target-${more}`);
      if (more === 0) expect(() => file.moveTo(target)).toThrow("ENOSPC");
      else expect(file.moveTo(target)).toBe(true);
      expect(readFileSync(target).equals(numbered(more === 0 ? FULL : kept, 0))).toBe(true);
      spool.dispose();
      expect(readFileSync(target).length).toBe(more === 0 ? FULL : kept);
    }
  });
});
