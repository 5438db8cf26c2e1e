// `import "vethlab/vitest"` in a test or a setup file gives vitest's expect one matcher more:
//   expect(tap.bytes()).toMatchCapture("expected.pcap", { ignore: ["ttl"] })

import { expect } from "vitest";
import { type CaptureLike, type MatchCaptureOptions, matchCapture } from "./testing.ts";

declare module "vitest" {
  // biome-ignore lint/suspicious/noExplicitAny: vitest's own declaration, which this one merges with
  interface Matchers<T = any> {
    /** The capture equals another by the rules of `vethlab diff`. */
    toMatchCapture(expected: string | Uint8Array, options?: MatchCaptureOptions): T;
  }
}

expect.extend({
  toMatchCapture(received: CaptureLike, expected: string | Uint8Array, options?: MatchCaptureOptions) {
    const { pass, message } = matchCapture(received, expected, options);
    return { pass, message: () => (pass ? `the capture equals ${String(expected)}` : message) };
  },
});
