// One line of a batch file in words: blanks between them, quotes around them, # to the end (iproute2's makeargs).

export function splitBatchLine(line: string): string[] {
  const words: string[] = [];
  let rest = line.replace(/^\s+/, "");
  while (rest !== "" && !rest.startsWith("#")) {
    const quoted = /^(["'])(.*?)\1/.exec(rest);
    const match = quoted ?? /^([^\s#]+)/.exec(rest)!;
    words.push(quoted ? quoted[2]! : match[1]!);
    rest = rest.slice(match[0].length).replace(/^\s+/, "");
  }
  return words;
}
