// Tab for every program that knows what its arguments are.

import { dockerCompleters } from "../docker/programs.ts";
import type { Completers } from "../shell/editor/completion.ts";
import { networkCompleters } from "../tools/completers.ts";

export const completers: Completers = new Map([...networkCompleters, ...dockerCompleters]);
