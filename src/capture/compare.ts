// Holds two captures, or two sets of captures, against each other after rewriting both sides the same way (canonical.ts).
// Frames are aligned by their longest common subsequence, so that one missing frame costs one and not all that follow; the
// first difference is shown field by field. Capture times are not compared, but longer gaps between frames are.

import { hex } from "../base/text.ts";
import { Canon, type Field, isMembership } from "./canonical.ts";
import { type Capture, CaptureError, LINKTYPE_ETHERNET } from "./capture.ts";
import { isIgnoredFrame, withoutIgnored } from "./ignore.ts";
import { readCapture } from "./read.ts";

export interface CompareOptions {
  /** Ports of 1024 and up that mean something and are not renumbered: those that the scenario names. */
  readonly keepPorts?: ReadonlySet<number>;
  /** What does not count, by the names of ignore.ts: "ttl", "ipid", "gap" … */
  readonly ignore?: ReadonlySet<string>;
}

/** One field that differs; undefined on a side that has no such field. */
export interface FieldDifference {
  readonly name: string;
  readonly left: string | undefined;
  readonly right: string | undefined;
}

/** Where two captures part: frames counted from 1 as in the file, undefined on the side that has none there. */
export interface FrameDifference {
  readonly leftFrame: number | undefined;
  readonly rightFrame: number | undefined;
  readonly fields: readonly FieldDifference[];
}

/** A pair of equal frames that came after gaps too different; in seconds. */
export interface GapDifference {
  readonly leftFrame: number;
  readonly rightFrame: number;
  readonly leftGap: number;
  readonly rightGap: number;
}

export interface CaptureComparison {
  readonly name: string;
  /** Frames of each side that count: membership reports are left out. */
  readonly left: number;
  readonly right: number;
  readonly equal: number;
  /** Which of the left side's recordings came nearest, from 0. */
  readonly alternative: number;
  readonly gaps: readonly GapDifference[];
  readonly firstDifference: FrameDifference | undefined;
  /** Why the right side could not be read. */
  readonly unusable?: string;
}

export interface SetComparison {
  readonly captures: readonly CaptureComparison[];
  readonly left: number;
  readonly right: number;
  readonly equal: number;
  /** What `equal` would be if all were equal. */
  readonly of: number;
  readonly text: string;
}

/** Gaps below this many seconds say nothing; longer ones must agree to within a part of the longer. */
const GAP_SECONDS = 0.4;
const GAP_TOLERANCE = 0.3;
/** More than this many pairs of frames are not aligned. */
const MAX_CELLS = 100_000_000;

interface Row {
  /** Number of the frame in its file, from 1. */
  readonly frame: number;
  readonly gap: number;
  readonly fields: readonly Field[];
  readonly key: string;
}

/**
 * Compares sets of captures by name. `left` holds further recordings of the same scenario after the first: each capture may
 * equal that of any one of them, and the nearest counts. A capture that is missing on the right counts as empty. Throws
 * CaptureError when a capture on the left cannot be read.
 */
export function compareSets(
  left: readonly ReadonlyMap<string, Uint8Array>[],
  right: ReadonlyMap<string, Uint8Array>,
  options: CompareOptions = {},
): SetComparison {
  const captures: CaptureComparison[] = [];
  for (const name of [...(left[0]?.keys() ?? [])].sort()) {
    const alternatives = left.map((set) => set.get(name));
    captures.push(compareAlternatives(name, alternatives, right.get(name), options));
  }
  const total = (count: (capture: CaptureComparison) => number): number =>
    captures.reduce((sum, capture) => sum + count(capture), 0);
  const set = {
    captures,
    left: total((capture) => capture.left),
    right: total((capture) => capture.right),
    equal: total((capture) => capture.equal),
    of: total((capture) => Math.max(capture.left, capture.right)),
  };
  return { ...set, text: formatComparison(set) };
}

/** Compares two captures. Throws CaptureError when the left one cannot be read. */
export function compareCaptures(
  left: Uint8Array,
  right: Uint8Array,
  options: CompareOptions = {},
  name: string = "capture",
): CaptureComparison {
  return compareAlternatives(name, [left], right, options);
}

/** The canonical frames that all the captures have, in this order. Throws CaptureError when one cannot be read. */
export function commonFrames(
  captures: readonly Uint8Array[],
  options: CompareOptions = {},
): readonly (readonly Field[])[] {
  const [first = [], ...others] = captures.map((bytes) => rowsOf(readCapture(bytes), options));
  return others
    .reduce<readonly Row[]>((common, rows) => align(common, rows).map(([i]) => common[i]!), first)
    .map(({ fields }) => fields);
}

function compareAlternatives(
  name: string,
  alternatives: readonly (Uint8Array | undefined)[],
  right: Uint8Array | undefined,
  options: CompareOptions,
): CaptureComparison {
  const ignore = options.ignore ?? new Set();
  let other: Row[] = [];
  let unusable: string | undefined;
  try {
    if (right !== undefined) other = rowsOf(readCapture(right), options);
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    unusable = error.message;
  }
  let best: CaptureComparison | undefined;
  for (const [alternative, bytes] of alternatives.entries()) {
    if (bytes === undefined) continue;
    const rows = rowsOf(readCapture(bytes), options);
    const comparison = compareRows(name, alternative, rows, other, ignore.has("gap"));
    if (best === undefined || missing(comparison) < missing(best)) best = comparison;
  }
  if (best === undefined) throw new CaptureError(`${name}: no capture to compare with`);
  return unusable === undefined ? best : { ...best, unusable };
}

function missing(comparison: CaptureComparison): number {
  return Math.max(comparison.left, comparison.right) - comparison.equal;
}

/** The canonical frames of a capture, membership reports left out. */
function rowsOf(capture: Capture, { keepPorts = new Set(), ignore = new Set() }: CompareOptions): Row[] {
  const canon = new Canon(keepPorts);
  const rows: Row[] = [];
  let before: { seconds: number; nanoseconds: number } | undefined;
  for (const [index, frame] of capture.frames.entries()) {
    const raw = capture.bytes.subarray(frame.from, frame.to);
    const linkType = capture.interfaces[frame.interfaceId]!.linkType;
    const isEthernet = linkType === LINKTYPE_ETHERNET;
    if (isEthernet && (isMembership(raw) || isIgnoredFrame(raw, ignore))) continue;
    const gap =
      before === undefined ? 0 : frame.seconds - before.seconds + (frame.nanoseconds - before.nanoseconds) / 1e9;
    before = frame;
    const all: Field[] = [
      { name: "link type", value: String(linkType) },
      { name: "length on the wire", value: String(frame.wireLength) },
      ...(isEthernet ? canon.frame(raw) : [{ name: "frame", value: hex(raw) }]),
    ];
    const fields = withoutIgnored(all, ignore);
    rows.push({ frame: index + 1, gap, fields, key: JSON.stringify(fields.map(({ name, value }) => [name, value])) });
  }
  return rows;
}

function compareRows(
  name: string,
  alternative: number,
  left: readonly Row[],
  right: readonly Row[],
  ignoreGaps: boolean,
): CaptureComparison {
  const pairs = align(left, right);
  const gaps: GapDifference[] = [];
  for (const [i, j] of pairs) {
    const a = left[i]!;
    const b = right[j]!;
    if (!ignoreGaps && !sameGap(a.gap, b.gap)) {
      gaps.push({ leftFrame: a.frame, rightFrame: b.frame, leftGap: a.gap, rightGap: b.gap });
    }
  }
  return {
    name,
    left: left.length,
    right: right.length,
    equal: pairs.length,
    alternative,
    gaps,
    firstDifference: firstDifference(left, right, pairs),
  };
}

function sameGap(a: number, b: number): boolean {
  const longest = Math.max(a, b);
  return longest < GAP_SECONDS || Math.abs(a - b) <= GAP_TOLERANCE * longest;
}

/** Index pairs of the longest common subsequence, in order. */
function align(left: readonly Row[], right: readonly Row[]): [number, number][] {
  const pairs: [number, number][] = [];
  let start = 0;
  while (start < left.length && start < right.length && left[start]!.key === right[start]!.key) {
    pairs.push([start, start]);
    start++;
  }
  let n = left.length;
  let m = right.length;
  const tail: [number, number][] = [];
  while (n > start && m > start && left[n - 1]!.key === right[m - 1]!.key) tail.push([--n, --m]);
  pairs.push(...alignMiddle(left, right, start, n, m), ...tail.reverse());
  return pairs;
}

function alignMiddle(
  left: readonly Row[],
  right: readonly Row[],
  start: number,
  n: number,
  m: number,
): [number, number][] {
  const rows = n - start;
  const columns = m - start;
  if (rows === 0 || columns === 0) return [];
  if (rows * columns > MAX_CELLS) throw new CaptureError(`too many frames to align: ${rows} and ${columns}`);
  const ids = new Map<string, number>();
  const idOf = (row: Row): number => {
    const id = ids.get(row.key) ?? ids.size;
    ids.set(row.key, id);
    return id;
  };
  const a = Uint32Array.from({ length: rows }, (_, i) => idOf(left[start + i]!));
  const b = Uint32Array.from({ length: columns }, (_, j) => idOf(right[start + j]!));
  const width = columns + 1;
  const table = new Uint32Array((rows + 1) * width);
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      table[i * width + j] =
        a[i] === b[j]
          ? table[(i + 1) * width + j + 1]! + 1
          : Math.max(table[(i + 1) * width + j]!, table[i * width + j + 1]!);
    }
  }
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < rows && j < columns; ) {
    if (a[i] === b[j]) pairs.push([start + i++, start + j++]);
    else if (table[(i + 1) * width + j]! >= table[i * width + j + 1]!) i++;
    else j++;
  }
  return pairs;
}

/** The first frames that have no partner, side by side where both sides have one between the same two equal pairs. */
function firstDifference(
  left: readonly Row[],
  right: readonly Row[],
  pairs: readonly [number, number][],
): FrameDifference | undefined {
  let i = 0;
  let j = 0;
  for (const [pairedLeft, pairedRight] of [...pairs, [left.length, right.length] as const]) {
    if (i < pairedLeft || j < pairedRight) {
      const a = i < pairedLeft ? left[i] : undefined;
      const b = j < pairedRight ? right[j] : undefined;
      return { leftFrame: a?.frame, rightFrame: b?.frame, fields: differingFields(a?.fields ?? [], b?.fields ?? []) };
    }
    i = pairedLeft + 1;
    j = pairedRight + 1;
  }
  return undefined;
}

function differingFields(left: readonly Field[], right: readonly Field[]): FieldDifference[] {
  const rightValues = byName(right);
  const leftValues = byName(left);
  const differences: FieldDifference[] = [];
  for (const [name, value] of leftValues) {
    const other = rightValues.get(name);
    if (other !== value) differences.push({ name, left: value, right: other });
  }
  for (const [name, value] of rightValues) {
    if (!leftValues.has(name)) differences.push({ name, left: undefined, right: value });
  }
  return differences;
}

/** Values by name; of a name that occurs twice (two VLAN tags) the second is told apart by a number. */
function byName(fields: readonly Field[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const { name, value } of fields) {
    let unique = name;
    for (let n = 2; values.has(unique); n++) unique = `${name} ${n}`;
    values.set(unique, value);
  }
  return values;
}

/** A line for each capture, then where each parts, then the sum. */
export function formatComparison(set: Omit<SetComparison, "text">): string {
  const lines: string[] = [];
  for (const capture of set.captures) {
    const which = capture.alternative > 0 ? ` (recording ${capture.alternative + 1})` : "";
    lines.push(`${capture.name}: ${capture.equal} equal of ${capture.left}${which} and ${capture.right}`);
    if (capture.unusable !== undefined) lines.push(`  unusable: ${capture.unusable}`);
    lines.push(...differenceLines(capture.firstDifference));
    const gap = capture.gaps[0];
    if (gap !== undefined) {
      lines.push(
        `  frame ${gap.leftFrame} | ${gap.rightFrame} equal, but after a gap of ` +
          `${gap.leftGap.toFixed(3)} s | ${gap.rightGap.toFixed(3)} s`,
      );
    }
  }
  lines.push(`${set.equal}/${set.of} frames equal`);
  return lines.join("\n");
}

function differenceLines(difference: FrameDifference | undefined): string[] {
  if (difference === undefined) return [];
  const { leftFrame, rightFrame, fields } = difference;
  if (leftFrame === undefined || rightFrame === undefined) {
    const side = leftFrame === undefined ? "right" : "left";
    const brief = fields
      .filter(({ name }) => BRIEF.has(name))
      .map((field) => `${field.name} ${field.left ?? field.right}`);
    return [`  frame ${leftFrame ?? rightFrame} only on the ${side}: ${brief.join(", ")}`];
  }
  return [
    `  first difference, frame ${leftFrame} | ${rightFrame}:`,
    ...fields.map((field) => `    ${field.name}: ${shown(field.left)} | ${shown(field.right)}`),
  ];
}

/** What tells a frame without a partner apart in one line. */
const BRIEF: ReadonlySet<string> = new Set([
  "ethernet type",
  "arp operation",
  "arp sender ip",
  "arp target ip",
  "ip source",
  "ip destination",
  "ip6 source",
  "ip6 destination",
  "icmp type",
  "icmp code",
  "icmp echo seq",
  "udp source port",
  "udp destination port",
  "tcp source port",
  "tcp destination port",
  "tcp seq",
  "tcp ack",
  "tcp flags",
]);

/** A value on one line: control characters escaped, the middle of a long one left out. */
function shown(value: string | undefined): string {
  if (value === undefined) return "(absent)";
  const visible = value.replace(/[^\x20-\x7e]/g, (c) => {
    if (c === "\r") return "\\r";
    if (c === "\n") return "\\n";
    return `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  const text = visible === "" ? "(none)" : visible;
  return text.length <= 160 ? text : `${text.slice(0, 100)}…${text.slice(-50)} (${value.length} characters)`;
}
