// The table's figures, in its order.

import type { Figure } from "./figure.ts";
import { forwardFigures } from "./forward.ts";
import { memoryFigures } from "./memory.ts";
import { scaleFigures } from "./scale.ts";
import { tcpFigures } from "./tcp.ts";

export const FIGURES: readonly Figure[] = [...forwardFigures, ...tcpFigures, ...scaleFigures, ...memoryFigures];
