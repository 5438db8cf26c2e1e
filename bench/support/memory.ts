// Memory in use after a full collection: heap, and what typed arrays hold outside it.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as (options?: { readonly type: "minor" }) => void;

export function collectGarbage(): void {
  gc();
}

export function collectYoungGarbage(): void {
  gc({ type: "minor" });
}

export function memoryInUse(): number {
  for (let i = 0; i < 3; i++) gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
