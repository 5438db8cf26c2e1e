// Text made safe to read again as shell input: the forms of printf %q, ${x@Q}, declare -p and set -x, each as bash
// writes it.

/** What a backslash escape of $'…' writes for a control character. */
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\x07", "\\a"],
  ["\b", "\\b"],
  ["\t", "\\t"],
  ["\n", "\\n"],
  ["\v", "\\v"],
  ["\f", "\\f"],
  ["\r", "\\r"],
  ["\x1b", "\\E"],
  ["\\", "\\\\"],
  ["'", "\\'"],
]);

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 32 || code === 127) return true;
  }
  return false;
}

/** $'…' */
export function ansiQuote(text: string): string {
  let out = "$'";
  for (const c of text) {
    const known = ESCAPES.get(c);
    const code = c.charCodeAt(0);
    if (known !== undefined) out += known;
    else if (code < 32 || code === 127) out += `\\${code.toString(8).padStart(3, "0")}`;
    else out += c;
  }
  return `${out}'`;
}

/** '…', with `'` as `'\''`; $'…' when there are control characters. As ${x@Q} and `set`. */
export function singleQuote(text: string): string {
  if (hasControl(text)) return ansiQuote(text);
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Backslashes where needed; '' for the empty string; $'…' for control characters. As printf %q. */
export function backslashQuote(text: string): string {
  if (text === "") return "''";
  if (hasControl(text)) return ansiQuote(text);
  let out = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (/[\s!"$&'()*,;<>?[\\\]^`{|}]/.test(c) || (i === 0 && (c === "#" || c === "~"))) out += `\\${c}`;
    else out += c;
  }
  return out;
}

/** "…" for declare -p. */
export function doubleQuote(text: string): string {
  if (hasControl(text)) return ansiQuote(text);
  return `"${text.replace(/["\\$`]/g, "\\$&")}"`;
}

/** As `set -x` and `set` show a word: bare when harmless, else quoted. */
export function traceQuote(text: string): string {
  if (text === "") return "''";
  if (hasControl(text)) return ansiQuote(text);
  if (/[\s"$&'()*;<>?[\\\]^`{|}!]/.test(text) || /^[~#]/.test(text)) {
    return text === "'" ? "\\'" : `'${text.replaceAll("'", "'\\''")}'`;
  }
  return text;
}
