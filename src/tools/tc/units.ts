// tc's numbers: rates, sizes, times and percentages, read and printed. Answers to iproute2's tc/tc_util.c and
// lib/utils_math.c.

const RATE_UNITS: ReadonlyMap<string, number> = new Map([
  ["bit", 1],
  ["kibit", 1024],
  ["kbit", 1e3],
  ["mibit", 1024 ** 2],
  ["mbit", 1e6],
  ["gibit", 1024 ** 3],
  ["gbit", 1e9],
  ["tibit", 1024 ** 4],
  ["tbit", 1e12],
  ["bps", 8],
  ["kibps", 8 * 1024],
  ["kbps", 8e3],
  ["mibps", 8 * 1024 ** 2],
  ["mbps", 8e6],
  ["gibps", 8 * 1024 ** 3],
  ["gbps", 8e9],
  ["tibps", 8 * 1024 ** 4],
  ["tbps", 8e12],
]);

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ["b", 1],
  ["k", 1024],
  ["kb", 1024],
  ["m", 1024 ** 2],
  ["mb", 1024 ** 2],
  ["g", 1024 ** 3],
  ["gb", 1024 ** 3],
  ["kbit", 128],
  ["mbit", 131072],
  ["gbit", 134217728],
]);

const TIME_UNITS: ReadonlyMap<string, number> = new Map([
  ["s", 1e6],
  ["sec", 1e6],
  ["secs", 1e6],
  ["ms", 1e3],
  ["msec", 1e3],
  ["msecs", 1e3],
  ["us", 1],
  ["usec", 1],
  ["usecs", 1],
]);

function split(word: string): { value: number; unit: string } | undefined {
  const match = /^(\d+(?:\.\d*)?|\.\d+)([a-z]*)$/i.exec(word);
  return match ? { value: Number(match[1]), unit: match[2]!.toLowerCase() } : undefined;
}

/** "1mbit" → bytes a second; a bare number is bits. */
export function parseRate(word: string): number | undefined {
  const parts = split(word);
  const scale = parts?.unit === "" ? 1 : RATE_UNITS.get(parts?.unit ?? "?");
  return parts && scale !== undefined ? Math.floor((parts.value * scale) / 8) : undefined;
}

/** "10kb" → bytes. */
export function parseSize(word: string): number | undefined {
  const parts = split(word);
  const scale = parts?.unit === "" ? 1 : SIZE_UNITS.get(parts?.unit ?? "?");
  return parts && scale !== undefined ? Math.floor(parts.value * scale) : undefined;
}

/** "50ms" → microseconds; a bare number is microseconds. */
export function parseTime(word: string): number | undefined {
  const parts = split(word);
  const scale = parts?.unit === "" ? 1 : TIME_UNITS.get(parts?.unit ?? "?");
  return parts && scale !== undefined ? Math.floor(parts.value * scale) : undefined;
}

/** "25%" → 0.25; the sign may be left out. */
export function parsePercent(word: string): number | undefined {
  const match = /^(\d+(?:\.\d*)?|\.\d+)%?$/.exec(word);
  const value = match ? Number(match[1]) / 100 : Number.NaN;
  return value >= 0 && value <= 1 ? value : undefined;
}

/** Bytes a second as "1Mbit", "1500Kbit". */
export function formatRate(bytes: number): string {
  let rate = bytes * 8;
  const units = ["", "K", "M", "G", "T"];
  let i = 0;
  for (; i < units.length - 1; i++) {
    if (rate < 1000 || (rate % 1000 !== 0 && rate < 1000 * 1000)) break;
    rate = Math.floor(rate / 1000);
  }
  return `${rate}${units[i]}bit`;
}

/** Bytes as "10Kb" where that is near enough. */
export function formatSize(bytes: number): string {
  const near = (unit: number, slack: number): boolean => Math.abs(unit * Math.round(bytes / unit) - bytes) < slack;
  if (bytes >= 1024 * 1024 && near(1024 * 1024, 1024)) return `${Math.round(bytes / (1024 * 1024))}Mb`;
  if (bytes >= 1024 && near(1024, 16)) return `${Math.round(bytes / 1024)}Kb`;
  return `${bytes}b`;
}

/** Microseconds as "50ms", "1.5s", three figures. */
export function formatTime(us: number): string {
  if (us >= 1e6) return `${figures(us / 1e6)}s`;
  if (us >= 1e3) return `${figures(us / 1e3)}ms`;
  return `${Math.floor(us)}us`;
}

/** %g: six figures */
export function formatSignificant(value: number): string {
  return String(Number(value.toPrecision(6)));
}

/** %.3g */
function figures(value: number): string {
  if (value < 999.5) return String(Number(value.toPrecision(3)));
  const [digits, exponent] = value.toExponential(2).split("e+");
  return `${Number(digits)}e+${exponent!.padStart(2, "0")}`;
}
