// The same ladder as a picture: plain SVG without scripts or foreign fonts.

import type { Flow } from "./flow.ts";

const COLUMN = 230;
const ROW = 34;
const LEFT = 90;
const TOP = 64;
const FONT = "font-family='Helvetica, Arial, sans-serif'";
/** about what a character of 11 px takes */
const CHARACTER = 5.9;
const COLOURS: readonly (readonly [RegExp, string])[] = [
  [/Flags \[[^\]]*R/, "#b00020"],
  [/Flags \[[^\]]*[SF]/, "#1a5fb4"],
  [/^ICMP .*unreachable|time exceeded/, "#b00020"],
  [/^ARP|^ICMP/, "#5f6b7a"],
];

export function ladderSvg({ participants, steps }: Flow): string {
  const x = (name: string): number => LEFT + COLUMN / 2 + participants.indexOf(name) * COLUMN;
  // a text may be longer than its arrow: it starts at the left end and runs on
  const rightmost = Math.max(
    LEFT + participants.length * COLUMN,
    ...steps.map((step) => Math.min(x(step.from), x(step.to)) + 8 + label(step).length * CHARACTER),
  );
  const width = Math.ceil(rightmost + 20);
  const height = TOP + steps.length * ROW + 30;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="context-stroke"/></marker></defs>`,
  ];
  for (const name of participants) {
    parts.push(
      `<line x1="${x(name)}" y1="${TOP - 18}" x2="${x(name)}" y2="${height - 16}" stroke="#c3ccd5"/>`,
      `<rect x="${x(name) - 78}" y="16" width="156" height="28" rx="6" fill="#eef2f7" stroke="#9aa5b1"/>`,
      `<text x="${x(name)}" y="35" text-anchor="middle" ${FONT} font-size="13" font-weight="600">${escaped(name)}</text>`,
    );
  }
  for (const [i, step] of steps.entries()) {
    const y = TOP + i * ROW + 18;
    const [a, b] = [x(step.from), x(step.to)];
    const colour = COLOURS.find(([pattern]) => pattern.test(step.text.replace(/^\S+→\S+ /, "")))?.[1] ?? "#2f3a45";
    parts.push(
      `<text x="${LEFT - 8}" y="${y + 4}" text-anchor="end" ${FONT} font-size="10" fill="#777777">${step.at.toFixed(6)}</text>`,
      a === b
        ? `<circle cx="${a}" cy="${y}" r="4" fill="${colour}"/>`
        : `<line x1="${a}" y1="${y}" x2="${b}" y2="${y}" stroke="${colour}" stroke-width="1.4" marker-end="url(#arrow)"/>`,
      `<text x="${Math.min(a, b) + 8}" y="${y - 5}" ${FONT} font-size="11" fill="${colour}" paint-order="stroke" stroke="white" stroke-width="3">${escaped(label(step))}</text>`,
    );
  }
  return `${parts.join("\n")}\n</svg>\n`;
}

function label({ text, seen }: Flow["steps"][number]): string {
  return `${text.length > 90 ? `${text.slice(0, 89)}…` : text}  · ${seen.join(", ")}`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
