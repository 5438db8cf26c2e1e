/** The namespace at the far end of the cables of a machine that was read from files. */
export const EDGE = "beyond";
