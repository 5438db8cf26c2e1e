// Captures in tests: `assertMatchesCapture(tap.bytes(), "expected.pcap")` for node:test and any other runner. For vitest's
// `expect(…).toMatchCapture("expected.pcap")` import "vethlab/vitest".

import { AssertionError } from "node:assert";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { compareCaptures, formatComparison } from "../capture/compare.ts";
import { unknownNames } from "../capture/ignore.ts";

export interface MatchCaptureOptions {
  /** What does not count, by the names that `vethlab diff --rules` prints: ["ttl", "gap"]. */
  readonly ignore?: readonly string[];
  /** Ports of 1024 and up that mean something. */
  readonly ports?: readonly number[];
}

/** A capture: a pcap or pcapng file by its path, its bytes, or what has them (a tap of a lab). */
export type CaptureLike = string | Uint8Array | { bytes(): Uint8Array };

/**
 * Holds a capture against an expected one, given as a file's path or as bytes, by the rules of `vethlab diff`.
 * With VETHLAB_UPDATE=1 in the environment the file is written instead.
 * Throws RangeError for an unknown name in `ignore`, TypeError for what is no capture, CaptureError for one that cannot be read.
 */
export function matchCapture(
  actual: CaptureLike,
  expected: string | Uint8Array,
  options: MatchCaptureOptions = {},
): { readonly pass: boolean; readonly message: string } {
  const unknown = unknownNames(options.ignore ?? []);
  if (unknown.length > 0) throw new RangeError(`a comparison cannot ignore ${unknown.join(", ")}`);
  const bytes = bytesOf(actual);
  const name = typeof expected === "string" ? expected : "capture";
  if (typeof expected === "string") {
    if (process.env.VETHLAB_UPDATE === "1") {
      writeFileSync(expected, bytes);
      return { pass: true, message: `${expected} is written` };
    }
    if (!existsSync(expected))
      return { pass: false, message: `${expected} does not exist; run once with VETHLAB_UPDATE=1 to write it` };
  }
  const wanted = typeof expected === "string" ? new Uint8Array(readFileSync(expected)) : expected;
  const capture = compareCaptures(
    wanted,
    bytes,
    { ignore: new Set(options.ignore ?? []), keepPorts: new Set(options.ports ?? []) },
    name,
  );
  const { left, right, equal } = capture;
  const of = Math.max(left, right);
  const pass = capture.unusable === undefined && equal === of && capture.gaps.length === 0;
  const sides = pass ? "" : "expected on the left, actual on the right\n";
  return { pass, message: sides + formatComparison({ captures: [capture], left, right, equal, of }) };
}

/** Throws TypeError for what is no capture. */
function bytesOf(actual: CaptureLike): Uint8Array {
  if (typeof actual === "string") return new Uint8Array(readFileSync(actual));
  if (actual instanceof Uint8Array) return actual;
  if (typeof actual?.bytes === "function") return actual.bytes();
  throw new TypeError(`a capture is a file's path, bytes or a tap, not ${actual === null ? "null" : typeof actual}`);
}

/** Throws AssertionError with the first difference field by field (left: expected, right: actual). */
export function assertMatchesCapture(
  actual: CaptureLike,
  expected: string | Uint8Array,
  options: MatchCaptureOptions = {},
): void {
  const { pass, message } = matchCapture(actual, expected, options);
  if (!pass) throw new AssertionError({ message, stackStartFn: assertMatchesCapture });
}
