// The table's figures, in its order.

import type { Figure } from "./figure.ts";
import { forwardFigures } from "./forward.ts";
import { memoryFigures } from "./memory.ts";
import { scaleFigures } from "./scale.ts";
import { tcpFigures } from "./tcp.ts";

/** Those of a group are measured in turn: all on the path of frames, as what they say is how they compare. */
export const GROUPS: readonly (readonly Figure[])[] = [
  [...forwardFigures, ...tcpFigures],
  ...[...scaleFigures, ...memoryFigures].map((figure) => [figure]),
];

export const FIGURES: readonly Figure[] = GROUPS.flat();
