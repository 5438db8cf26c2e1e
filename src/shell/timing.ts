// What the keyword `time` prints.

import type { Shell } from "./shell.ts";

/** What the keyword `time` prints: bash's form, POSIX's with -p, or TIMEFORMAT. */
export function timeReport(shell: Shell, elapsedNs: number, posix: boolean): string {
  const seconds = elapsedNs / 1e9;
  if (posix) return `real ${seconds.toFixed(2)}\nuser 0.00\nsys 0.00\n`;
  const format = shell.vars.get("TIMEFORMAT");
  if (format === "") return "";
  const value = (text: string, digits: number, long: boolean): string => {
    const total = text === "R" ? seconds : 0;
    const shown = Math.floor(total * 10 ** digits) / 10 ** digits;
    if (!long) return shown.toFixed(digits);
    return `${Math.floor(shown / 60)}m${(shown % 60).toFixed(digits)}s`;
  };
  if (format === undefined)
    return `\nreal\t${value("R", 3, true)}\nuser\t${value("U", 3, true)}\nsys\t${value("S", 3, true)}\n`;
  return `${format.replace(/%(?:%|(\d?)(l?)([RUSP]))/g, (all, digits: string, long: string, what: string) => {
    if (all === "%%") return "%";
    if (what === "P") return "0.00";
    return value(what, digits === "" || digits === undefined ? 3 : Math.min(3, Number(digits)), long === "l");
  })}\n`;
}
