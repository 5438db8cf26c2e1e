// A ladder for a terminal: a column for each address, an arrow for each step.

import type { Flow } from "./flow.ts";

const MIN_COLUMN = 18;

export function ladderText({ participants, steps }: Flow): string {
  if (steps.length === 0) return "nothing was sent\n";
  const width = Math.max(MIN_COLUMN, ...participants.map((name) => name.length + 2));
  const middle = (i: number): number => i * width + (width >> 1);
  const time = (at: number): string => at.toFixed(6).padStart(11);
  const pad = " ".repeat(12);
  const total = participants.length * width;
  const head = participants.map((name) => centred(name, width)).join("");
  const lines = [`${pad}${head.trimEnd()}`, `${pad}${bars(participants.length, middle, total).join("").trimEnd()}`];
  for (const { from, to, at, text, seen } of steps) {
    const row = bars(participants.length, middle, total);
    const [a, b] = [middle(participants.indexOf(from)), middle(participants.indexOf(to))];
    if (a === b) row[a] = "↺";
    else {
      for (let x = Math.min(a, b) + 1; x < Math.max(a, b); x++) row[x] = "─";
      row[b > a ? b - 1 : b + 1] = b > a ? "▶" : "◀";
    }
    lines.push(`${time(at)} ${row.join("").trimEnd().padEnd(total)}  ${text}  [${seen.join(", ")}]`);
  }
  return `${lines.join("\n")}\n`;
}

function bars(count: number, middle: (i: number) => number, total: number): string[] {
  const row = Array.from({ length: total }, () => " ");
  for (let i = 0; i < count; i++) row[middle(i)] = "│";
  return row;
}

function centred(text: string, width: number): string {
  const before = (width - text.length + 1) >> 1;
  return `${" ".repeat(Math.max(0, before))}${text}`.padEnd(width);
}
