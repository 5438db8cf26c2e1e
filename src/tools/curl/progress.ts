// curl's progress meter on stderr: a heading, a line of zeros, and the line that the finished transfer leaves. In between
// the real one writes over its line every second.

import type { Ns } from "../../base/time.ts";
import { speed } from "./write-out.ts";

export const METER_HEADING = `  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current
                                 Dload  Upload   Total   Spent    Left  Speed
`;

export interface Progress {
  /** −1 when unknown */
  readonly downloadTotal: number;
  readonly downloaded: number;
  readonly uploadTotal: number;
  readonly uploaded: number;
  readonly elapsedNs: Ns;
}

/** One line of the meter, beginning with a carriage return. */
export function meterLine(p: Progress): string {
  const total = (p.downloadTotal < 0 ? p.downloaded : p.downloadTotal) + p.uploadTotal;
  const done = p.downloaded + p.uploaded;
  const percent = (part: number, whole: number): string =>
    String(whole > 0 ? Math.floor((part * 100) / whole) : 0).padStart(3);
  const down = speed(p.downloaded, p.elapsedNs);
  const up = speed(p.uploaded, p.elapsedNs);
  const spent = clockText(Math.floor(p.elapsedNs / 1e9));
  const rate = Math.max(down, up);
  const whole = rate > 0 && total > 0 ? clockText(Math.floor(total / rate)) : "--:--:--";
  const left = rate > 0 && total > done ? clockText(Math.floor((total - done) / rate)) : "--:--:--";
  const columns = [
    `${percent(done, total)} ${amount(total > 0 ? total : done)}`,
    `${percent(p.downloaded, p.downloadTotal)} ${amount(p.downloaded)}`,
    `${percent(p.uploaded, p.uploadTotal)} ${amount(p.uploaded)}`,
    `${amount(down)}  ${amount(up)}`,
    `${whole} ${spent} ${left} ${amount(rate)}`,
  ];
  return `\r${columns[0]}  ${columns[1]}  ${columns[2]}  ${columns[3]} ${columns[4]}`;
}

/** The bar of -#. */
export const BAR_DONE: string = `${"#".repeat(72)} 100.0%`;

/** Five columns: 12345, 1234k, 12.3M … */
function amount(bytes: number): string {
  if (bytes < 100_000) return String(bytes).padStart(5);
  if (bytes < 10_000 * 1024) return `${Math.floor(bytes / 1024)}k`.padStart(5);
  const mega = bytes / (1024 * 1024);
  if (mega < 100) return `${mega.toFixed(1)}M`.padStart(5);
  return `${Math.floor(mega)}M`.padStart(5);
}

function clockText(seconds: number): string {
  if (seconds <= 0) return "--:--:--";
  const hours = Math.floor(seconds / 3600);
  if (hours > 99) return "--:--:--";
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${String(hours).padStart(2)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}
