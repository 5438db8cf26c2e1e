// What a script says to vethlab in comments of its first lines: `# vethlab: docker=28`. To bash they are comments.

/** Settings that a script may name. */
export interface Directives {
  /** Docker's generation: "20" or "28" */
  readonly docker?: "20" | "28";
  /** lines "image NAME PORT[/proto] PROGRAM…", as written */
  readonly images: readonly string[];
}

/** A directive that is not known, or has a bad value. */
export class DirectiveError extends Error {
  override readonly name: string = "DirectiveError";
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/**
 * Reads the `# vethlab:` comments before the first command. Throws DirectiveError.
 */
export function readDirectives(script: string): Directives {
  let docker: "20" | "28" | undefined;
  const images: string[] = [];
  const lines = script.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!.trim();
    if (line === "") continue;
    if (!line.startsWith("#")) break;
    const match = /^#\s*vethlab:\s*(.*)$/.exec(line);
    if (!match) continue;
    const text = match[1]!.trim();
    if (text.startsWith("image ")) {
      images.push(text.slice("image ".length).trim());
      continue;
    }
    for (const word of text.split(/\s+/)) {
      const [key, value] = word.split("=", 2);
      if (key !== "docker") throw new DirectiveError(i + 1, `unknown setting '${key}'`);
      if (value !== "20" && value !== "28") throw new DirectiveError(i + 1, `docker=${value ?? ""}: 20 or 28 is known`);
      docker = value;
    }
  }
  return { ...(docker !== undefined ? { docker } : {}), images };
}
