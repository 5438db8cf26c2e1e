// vethlab as a library. Everything here is browser-safe; the command line is src/node.

export { NetError } from "./base/errno.ts";
export type { Ns } from "./base/time.ts";
export { readCapture } from "./capture/read.ts";
export { LabInterrupted, type ShellResult, Stuck } from "./host/lab.ts";
export { type CableEnd, Lab, LabHost, type LabOptions, Tap } from "./scenario/lab.ts";
export { runScenario, type ScenarioOptions, type ScenarioResult, type WrittenFile } from "./scenario/run.ts";
export { LimitReached, type SimLimits } from "./sim/sim.ts";
