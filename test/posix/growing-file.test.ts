import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { piecesOf } from "../../src/posix/growing-file.ts";
import type { Process } from "../../src/posix/process.ts";
import { type FileNode, type RegularFile, Vfs } from "../../src/posix/vfs.ts";

const proc = { cwd: "/" } as Process;
const MIB = 1 << 20;

/** What is done to a file by one of two that have it open. */
type Step =
  | { readonly what: "write"; readonly by: number; readonly bytes: number }
  | { readonly what: "seek"; readonly by: number; readonly part: number }
  | { readonly what: "read" | "cut" };

describe("a large file that grows", () => {
  it("holds what was written, whoever writes where, reads, and cuts it", () => {
    const step: fc.Arbitrary<Step> = fc.oneof(
      { weight: 6, arbitrary: fc.record({ what: fc.constant("write"), by: fc.nat(1), bytes: fc.nat(1_500_000) }) },
      fc.record({ what: fc.constant("seek"), by: fc.nat(1), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ what: fc.constantFrom("read", "cut") }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const root = new Vfs({ now: 0 });
        root.writeFile(proc, "/f", new Uint8Array(MIB).fill(1));
        const file = (truncate = false): RegularFile => root.open(proc, "/f", { write: true, truncate }) as RegularFile;
        const files = [file(), file()];
        const at = [0, 0];
        let model = Buffer.alloc(MIB, 1);
        const expectSame = (): void => {
          expect(model.equals(Buffer.concat(piecesOf(root.lookup(proc, "/f") as FileNode)))).toBe(true);
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
          } else expectSame();
        }
        expectSame();
      }),
      { numRuns: 30 },
    );
  });
});
