import { fileURLToPath } from "node:url";
import { testTranscripts } from "./replay.ts";

testTranscripts(fileURLToPath(new URL("transcripts", import.meta.url)), "ip");
