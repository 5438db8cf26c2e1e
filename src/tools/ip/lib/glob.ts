// Shell patterns of names (fnmatch): *, ? and [abc].

export function globMatches(pattern: string, text: string): boolean {
  let regex = "";
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!;
    const close = c === "[" ? pattern.indexOf("]", i + 2) : -1;
    if (c === "*") regex += ".*";
    else if (c === "?") regex += ".";
    else if (close > 0) {
      const body = pattern
        .slice(i + 1, close)
        .replace(/\\/g, "\\\\")
        .replace(/^!/, "^");
      regex += `[${body}]`;
      i = close;
    } else regex += c.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  }
  return new RegExp(`^${regex}$`).test(text);
}
