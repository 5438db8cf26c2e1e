// A scenario with every packet written down: a recorded one by name, or a script of a test's own.

import { readFileSync } from "node:fs";
import { concatBytes } from "../../src/base/bytes.ts";
import type { Capture } from "../../src/capture/capture.ts";
import { readPcapng } from "../../src/capture/pcapng.ts";
import { DEFAULT_START_MS } from "../../src/host/lab.ts";
import { nodeFilters } from "../../src/node/filters.ts";
import { runScenario, type ScenarioResult } from "../../src/scenario/run.ts";
import { AnnotatedCapture } from "../../src/trace/annotate.ts";
import type { Packet } from "../../src/trace/packet.ts";
import { Recorder, type RecorderOptions } from "../../src/trace/recorder.ts";

export interface Traced {
  readonly packets: readonly Packet[];
  readonly bytes: Uint8Array;
  readonly capture: Capture;
  readonly result: ScenarioResult;
}

/** The text of a recording's script, e.g. "01-container-to-outside". */
export function recordedScript(name: string): string {
  return readFileSync(new URL(`../../fixtures/kernel/${name}/scenario.sh`, import.meta.url), "utf8");
}

export async function traced(script: string, options: RecorderOptions = {}): Promise<Traced> {
  let recorder: Recorder | undefined;
  const result = await runScenario({
    script,
    name: "scenario.sh",
    filters: nodeFilters(),
    prepare: (lab) => {
      recorder = new Recorder(lab, options);
    },
    inspect: () => recorder?.interfaces.refresh(),
  });
  recorder!.close();
  const { packets, interfaces } = recorder!;
  const annotated = new AnnotatedCapture(interfaces.list, DEFAULT_START_MS);
  for (const packet of packets) annotated.add(packet, Number.NEGATIVE_INFINITY);
  const bytes = concatBytes(annotated.finish());
  return { packets, bytes, capture: readPcapng(bytes), result };
}

/** A frame's comments, a line each. */
export function commentLines(capture: Capture, frame: number): string[] {
  return (capture.frames[frame]!.comment ?? "").split("\n");
}
