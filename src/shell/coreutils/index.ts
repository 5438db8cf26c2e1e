// Every small program of the lab's machines, by name.

import type { Program } from "../../posix/process.ts";
import { columnPrograms } from "./columns.ts";
import { comparePrograms } from "./compare.ts";
import { copyingPrograms } from "./copying.ts";
import { ddPrograms } from "./dd.ts";
import { digestPrograms } from "./digests.ts";
import { filePrograms } from "./files.ts";
import { findPrograms } from "./find.ts";
import { infoPrograms } from "./info.ts";
import { joiningPrograms } from "./joining.ts";
import { listingPrograms } from "./listing.ts";
import { processPrograms } from "./processes.ts";
import { psPrograms } from "./ps.ts";
import { signalPrograms } from "./signals.ts";
import { sortPrograms } from "./sort.ts";
import { statPrograms } from "./stat.ts";
import { streamPrograms } from "./streams.ts";
import { trPrograms } from "./tr.ts";
import { xargsPrograms } from "./xargs.ts";

export const coreutils: ReadonlyMap<string, Program> = new Map([
  ...columnPrograms,
  ...comparePrograms,
  ...copyingPrograms,
  ...ddPrograms,
  ...digestPrograms,
  ...filePrograms,
  ...findPrograms,
  ...infoPrograms,
  ...joiningPrograms,
  ...listingPrograms,
  ...processPrograms,
  ...psPrograms,
  ...signalPrograms,
  ...sortPrograms,
  ...statPrograms,
  ...streamPrograms,
  ...trPrograms,
  ...xargsPrograms,
]);
