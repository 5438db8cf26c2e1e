// The text filters, by name.

import type { Program } from "../../posix/process.ts";

export const textPrograms: ReadonlyMap<string, Program> = new Map<string, Program>([]);
