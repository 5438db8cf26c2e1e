// Brace expansion, textual and before everything else, as in bash: a{b,c}d, {1..10..2}, {a..e}. Works on the raw text
// of a word, so quotes and expansions inside stay as they were written.

/** The words that a word's raw text stands for; itself alone when nothing expands. */
export function expandBraces(text: string): string[] {
  for (let open = find(text, 0, "{"); open >= 0; open = find(text, open + 1, "{")) {
    if (text[open - 1] === "$") {
      continue;
    }
    const parsed = group(text, open);
    if (!parsed) continue;
    const before = text.slice(0, open);
    const tails = expandBraces(text.slice(parsed.end + 1));
    const middles = parsed.sequence ?? parsed.parts.flatMap((part) => expandBraces(part));
    return middles.flatMap((middle) => tails.map((tail) => before + middle + tail));
  }
  return [text];
}

interface Group {
  readonly parts: string[];
  readonly sequence: string[] | undefined;
  /** index of the closing brace */
  readonly end: number;
}

function group(text: string, open: number): Group | undefined {
  const parts: string[] = [];
  let depth = 0;
  let start = open + 1;
  for (let i = find(text, open + 1, "{},"); i >= 0; i = find(text, i + 1, "{},")) {
    const c = text[i]!;
    if (c === "{") depth++;
    else if (c === "}" && depth > 0) depth--;
    else if (c === "," && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    } else if (c === "}") {
      const last = text.slice(start, i);
      if (parts.length > 0) return { parts: [...parts, last], sequence: undefined, end: i };
      const items = sequence(last);
      return items && { parts, sequence: items, end: i };
    }
  }
  return undefined;
}

function sequence(text: string): string[] | undefined {
  const numbers = /^(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?$/.exec(text);
  const letters = numbers ? null : /^([A-Za-z])\.\.([A-Za-z])(?:\.\.(-?\d+))?$/.exec(text);
  const match = numbers ?? letters;
  if (!match) return undefined;
  const value = (s: string): number => (numbers ? Number(s) : s.charCodeAt(0));
  const from = value(match[1]!);
  const to = value(match[2]!);
  const step = Math.abs(Number(match[3] ?? 1)) || 1;
  const padded = numbers !== null && [match[1]!, match[2]!].some((s) => /^-?0\d/.test(s));
  const width = padded ? Math.max(match[1]!.length, match[2]!.length) : 0;
  const out: string[] = [];
  for (let n = from; from <= to ? n <= to : n >= to; n += from <= to ? step : -step) {
    if (!numbers) out.push(String.fromCharCode(n));
    else if (n < 0) out.push(`-${String(-n).padStart(width - 1, "0")}`);
    else out.push(String(n).padStart(width, "0"));
  }
  return out;
}

/** The first unquoted character of `chars` at or after `from`, outside quotes, `${…}`, `$(…)` and backticks. */
function find(text: string, from: number, chars: string): number {
  for (let i = from; i < text.length; i++) {
    const c = text[i]!;
    if (c === "\\") i++;
    else if (c === "'" && text[i - 1] !== "$") i = closing(text, i, "'");
    else if (c === "'" || c === '"' || c === "`") i = closing(text, i, c);
    else if (c === "$" && (text[i + 1] === "{" || text[i + 1] === "(")) i = nested(text, i + 1);
    else if (chars.includes(c)) return i;
  }
  return -1;
}

function closing(text: string, at: number, quote: string): number {
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === "\\" && (quote !== "'" || text[at - 1] === "$")) i++;
    else if (text[i] === quote) return i;
  }
  return text.length;
}

function nested(text: string, at: number): number {
  const open = text[at]!;
  const close = open === "{" ? "}" : ")";
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const c = text[i]!;
    if (c === "\\") i++;
    else if (c === "'" || c === '"' || c === "`") i = closing(text, i, c);
    else if (c === open) depth++;
    else if (c === close && --depth === 0) return i;
  }
  return text.length;
}
