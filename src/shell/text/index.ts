// The text filters, by name: grep, sed and awk answer to what Debian installs (GNU grep 3.8, GNU sed 4.9, mawk 1.3.4).

import type { Program } from "../../posix/process.ts";
import { awkPrograms } from "./awk.ts";
import { grepPrograms } from "./grep.ts";
import { sedPrograms } from "./sed.ts";

export const textPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([
  ...awkPrograms,
  ...grepPrograms,
  ...sedPrograms,
]);
