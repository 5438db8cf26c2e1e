import { fileURLToPath } from "node:url";
import { tc } from "../../../src/tools/tc/tc.ts";
import { testTranscripts } from "../ip/replay.ts";

testTranscripts(fileURLToPath(new URL("transcripts", import.meta.url)), "tc", [["tc", tc]]);
