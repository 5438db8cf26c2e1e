import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contentOf, piecesOf, readContent, type Store } from "../../src/posix/growing-file.ts";
import type { Process } from "../../src/posix/process.ts";
import { type FileNode, type RegularFile, Vfs } from "../../src/posix/vfs.ts";

const proc = { cwd: "/" } as Process;
const MIB = 1 << 20;

/** What is done to a file by one of two that have it open. */
type Step =
  | { readonly what: "write"; readonly by: number; readonly bytes: number }
  | { readonly what: "seek"; readonly by: number; readonly part: number }
  | { readonly what: "look" | "read" | "cut" };

/** A disk with room for so many bytes. */
class Disk {
  room: number;
  stores = 0;

  constructor(room: number) {
    this.room = room;
  }

  makeStore(): Store {
    this.stores++;
    let content = Buffer.alloc(0);
    return {
      append: (bytes) => {
        if (bytes.length > this.room) return false;
        this.room -= bytes.length;
        content = Buffer.concat([content, bytes]);
        return true;
      },
      room: () => null,
      read: (into, from) => {
        expect(from + into.length).toBeLessThanOrEqual(content.length);
        into.set(content.subarray(from, from + into.length));
      },
      drop: () => {
        this.room += content.length;
        this.stores--;
      },
    };
  }
}

describe("a large file that grows", () => {
  it.each([
    ["in memory", null],
    ["in a store", 1e9],
    ["in a store that has no room for all of it", 4_000_000],
    ["in a store without room", 0],
  ])("holds what was written, whoever writes where, reads, and cuts it: %s", (_where, room) => {
    const step: fc.Arbitrary<Step> = fc.oneof(
      { weight: 6, arbitrary: fc.record({ what: fc.constant("write"), by: fc.nat(1), bytes: fc.nat(1_500_000) }) },
      fc.record({ what: fc.constant("seek"), by: fc.nat(1), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ what: fc.constantFrom("look", "read", "cut") }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const root = new Vfs({ now: 0 });
        const disk = new Disk(room ?? 0);
        if (room !== null) root.makeStore = () => disk.makeStore();
        root.writeFile(proc, "/f", new Uint8Array(MIB).fill(1));
        const file = (truncate = false): RegularFile => root.open(proc, "/f", { write: true, truncate }) as RegularFile;
        const files = [file(), file()];
        const at = [0, 0];
        let model = Buffer.alloc(MIB, 1);
        const expectSame = (): void => {
          const node = root.lookup(proc, "/f") as FileNode;
          expect(model.equals(Buffer.concat(piecesOf(contentOf(node))))).toBe(true);
          expect(model.equals(Buffer.concat(Array.from(readContent(contentOf(node)), (piece) => piece.slice())))).toBe(
            true,
          );
        };
        const expectRead = (): void => {
          expectSame();
          expect(model.equals(root.readFile(proc, "/f"))).toBe(true);
        };
        for (const [i, one] of steps.entries()) {
          if (one.what === "write") {
            const piece = Buffer.alloc(one.bytes, 2 + i);
            files[one.by]!.writeNow(piece);
            const grown = Buffer.alloc(Math.max(model.length, at[one.by]! + piece.length));
            model.copy(grown);
            piece.copy(grown, at[one.by]!);
            model = grown;
            at[one.by] = at[one.by]! + piece.length;
          } else if (one.what === "seek") {
            at[one.by] = Math.floor(one.part * model.length);
            files[one.by]!.seek(at[one.by]!);
          } else if (one.what === "cut") {
            file(true);
            model = Buffer.alloc(0);
            at.fill(0);
            for (const open of files) open.seek(0);
          } else if (one.what === "look") expectSame();
          else expectRead();
        }
        expectRead();
        // who has the file in one piece needs no store
        expect(disk.stores).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it("keeps no store that takes nothing, whoever asks for one: a write of no bytes, too", () => {
    const root = new Vfs({ now: 0 });
    const disk = new Disk(0);
    root.makeStore = () => disk.makeStore();
    root.writeFile(proc, "/f", new Uint8Array(MIB));
    const file = root.open(proc, "/f", { write: true }) as RegularFile;
    file.seek(MIB);
    file.writeNow(new Uint8Array(0));
    expect(disk.stores).toBe(0);
    file.writeNow(new Uint8Array(1));
    expect([disk.stores, file.node.size]).toEqual([0, MIB + 1]);
  });

  it("leaves memory as it grows when there is a store", () => {
    const root = new Vfs({ now: 0 });
    const disk = new Disk(1e9);
    root.makeStore = () => disk.makeStore();
    const file = root.open(proc, "/f", { write: true, create: true }) as RegularFile;
    for (const bytes of [3_000_000, 200_000, 70_000, ...new Array<number>(3000).fill(1000)])
      file.writeNow(new Uint8Array(bytes).fill(bytes));
    expect(1e9 - disk.room).toBeGreaterThan(5_200_000);
    const { storedBytes, rest } = contentOf(file.node);
    expect(storedBytes).toBe(file.node.size);
    expect(rest.every((piece) => piece.length === 0)).toBe(true);
  });
});
