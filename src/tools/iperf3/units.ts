// Numbers with units as iperf3 reads and writes them (units.c): bytes by 1024, rates by 1000.

const BYTES = ["Byte", "KByte", "MByte", "GByte", "TByte"] as const;
const BITS = ["bit", "Kbit", "Mbit", "Gbit", "Tbit"] as const;

/** unit_snprintf with format A: "1.25 MByte". */
export function bytesText(bytes: number): string {
  return scaled(bytes, 1024, BYTES, undefined);
}

/**
 * unit_snprintf of a rate in bytes per second.
 * @param format "a" adaptive bits, else of kmgt (bits) or KMGT (bytes)
 */
export function rateText(bytesPerSecond: number, format: string): string {
  const bits = format === format.toLowerCase();
  const fixed = format === "a" ? undefined : "kmgt".indexOf(format.toLowerCase()) + 1;
  return bits ? scaled(bytesPerSecond * 8, 1000, BITS, fixed) : scaled(bytesPerSecond, 1024, BYTES, fixed);
}

function scaled(value: number, base: number, names: readonly string[], fixed: number | undefined): string {
  let power = fixed ?? 0;
  if (fixed === undefined) for (let rest = value; rest >= base && power < 4; power++) rest /= base;
  const shown = value / base ** power;
  const digits = shown < 9.995 ? 2 : shown < 99.95 ? 1 : 0;
  return `${shown.toFixed(digits).padStart(4)} ${names[power]}`;
}

/** unit_atoi (base 1024) and unit_atof_rate (base 1000): what sscanf("%lf%c") makes of it. */
export function unitNumber(text: string, base: number): number {
  const match = /^\s*([+-]?(?:\d+\.?\d*|\.\d+))(.?)/.exec(text);
  if (!match) return 0;
  const power = ["", "k", "m", "g", "t"].indexOf(match[2]!.toLowerCase());
  return Math.trunc(Number(match[1]) * base ** Math.max(power, 0));
}

/** atoi(3) */
export function atoi(text: string): number {
  return Math.trunc(Number(/^\s*[+-]?\d+/.exec(text)?.[0] ?? 0));
}
