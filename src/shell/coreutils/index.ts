// Every small program of the lab's machines, by name.

import type { Program } from "../../posix/process.ts";
import { columnPrograms } from "./columns.ts";
import { comparePrograms } from "./compare.ts";
import { digestPrograms } from "./digests.ts";
import { filePrograms } from "./files.ts";
import { infoPrograms } from "./info.ts";
import { listingPrograms } from "./listing.ts";
import { processPrograms } from "./processes.ts";
import { sortPrograms } from "./sort.ts";
import { streamPrograms } from "./streams.ts";

export const coreutils: ReadonlyMap<string, Program> = new Map([
  ...columnPrograms,
  ...comparePrograms,
  ...digestPrograms,
  ...filePrograms,
  ...infoPrograms,
  ...listingPrograms,
  ...processPrograms,
  ...sortPrograms,
  ...streamPrograms,
]);
