// The commands besides `run` and `sweep`, which are loaded together: see src/tools/rare-tools.ts.

export { compareCommand } from "./compare-command.ts";
export { explainCommand } from "./explain-command.ts";
export { packetdrillCommand } from "./packetdrill-command.ts";
export { flowCommand, topologyCommand } from "./picture-commands.ts";
export { shellCommand } from "./shell-command.ts";
export { mergeCommand } from "./sweep/merge-command.ts";
export { traceCommand } from "./trace-command.ts";
