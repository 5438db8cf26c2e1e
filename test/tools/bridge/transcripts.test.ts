import { fileURLToPath } from "node:url";
import { bridge } from "../../../src/tools/bridge/bridge.ts";
import { testTranscripts } from "../ip/replay.ts";

testTranscripts(fileURLToPath(new URL("transcripts", import.meta.url)), "bridge", [["bridge", bridge]]);
