// Text filters of a library, loaded when a script first uses one.

import type { FilterLibrary } from "../shell/filters.ts";

export function nodeFilters(): FilterLibrary | undefined {
  return undefined;
}
