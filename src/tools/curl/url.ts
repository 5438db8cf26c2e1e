// URLs as curl reads them: a scheme guessed as http, user and password, host and port, path and query; references in
// Location headers (RFC 3986 section 5); and the {a,b} and [1-3] patterns of its command line.

export interface CurlUrl {
  readonly scheme: string;
  readonly user: string | undefined;
  readonly host: string;
  /** explicit or the scheme's */
  readonly port: number;
  /** the port was written and is not the scheme's */
  readonly explicitPort: boolean;
  /** path and query, as requested; begins with a slash */
  readonly target: string;
}

const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ["http", 80],
  ["ftp", 21],
  ["https", 443],
]);

/** undefined: "URL using bad/illegal format or missing URL" */
export function parseUrl(text: string, pathAsIs = false): CurlUrl | undefined {
  if (/[\s\p{Cc}]/u.test(text) || /^[a-z][a-z0-9+.-]*:\/\/($|[/?#])/i.test(text)) return undefined;
  const match = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):\/\/)?(?:([^/?#@]*)@)?([^/?#:]+|\[[^\]]*\])(?::(\d*))?([/?#].*)?$/.exec(
    text,
  );
  if (!match) return undefined;
  const scheme = (match[1] ?? "http").toLowerCase();
  const defaultPort = DEFAULT_PORTS.get(scheme) ?? 0;
  const port = match[4] === undefined || match[4] === "" ? defaultPort : Number(match[4]);
  if (port > 65535) return undefined;
  let target = (match[5] ?? "/").replace(/#.*$/, "");
  if (!target.startsWith("/")) target = `/${target}`;
  if (!pathAsIs) target = withoutDots(target);
  return { scheme, user: match[2], host: match[3]!, port, explicitPort: port !== defaultPort, target };
}

/** The URL as it is written out (%{url_effective}). */
export function formatUrl(url: CurlUrl): string {
  const user = url.user === undefined ? "" : `${url.user}@`;
  return `${url.scheme}://${user}${url.host}${url.explicitPort ? `:${url.port}` : ""}${url.target}`;
}

/** Host header. */
export function hostField(url: CurlUrl): string {
  return url.explicitPort ? `${url.host}:${url.port}` : url.host;
}

/** The URL that a Location header names, seen from `base`. */
export function resolveReference(base: CurlUrl, reference: string): string {
  const origin = `${base.scheme}://${base.host}${base.explicitPort ? `:${base.port}` : ""}`;
  if (/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\//.test(reference)) return reference;
  if (reference.startsWith("//")) return `${base.scheme}:${reference}`;
  if (reference.startsWith("/")) return origin + reference;
  const path = base.target.replace(/\?.*$/, "");
  if (reference.startsWith("?")) return `${origin}${path}${reference}`;
  return `${origin}${path.replace(/[^/]*$/, "")}${reference}`;
}

function withoutDots(target: string): string {
  const [path = "", ...query] = target.split("?");
  const out: string[] = [];
  const parts = path.split("/");
  for (const [i, part] of parts.entries()) {
    const last = i === parts.length - 1;
    if (part === "." || part === "..") {
      if (part === ".." && out.length > 1) out.pop();
      if (last) out.push("");
    } else out.push(part);
  }
  return [out.join("/"), ...query].join("?");
}

/** Every URL that a pattern stands for, in curl's order (the last set varies quickest); undefined when it is broken. */
export function expandGlob(text: string): string[] | undefined {
  const open = text.search(/[{[]/);
  if (open < 0) return /[}\]]/.test(text) ? undefined : [text];
  const close = text.indexOf(text[open] === "{" ? "}" : "]", open);
  if (close < 0) return undefined;
  const inner = text.slice(open + 1, close);
  const choices = text[open] === "{" ? inner.split(",") : rangeOf(inner);
  // [::1] is an address, not a range.
  if (!choices) return text[open] === "[" && inner.includes(":") ? [text] : undefined;
  const rest = expandGlob(text.slice(close + 1));
  if (!rest) return undefined;
  return choices.flatMap((choice) => rest.map((tail) => text.slice(0, open) + choice + tail));
}

function rangeOf(inner: string): string[] | undefined {
  const numbers = /^(\d+)-(\d+)(?::(\d+))?$/.exec(inner);
  if (numbers) {
    const [first, last, step] = [Number(numbers[1]), Number(numbers[2]), Number(numbers[3] ?? 1)];
    if (last < first || step < 1) return undefined;
    const width = numbers[1]!.startsWith("0") ? numbers[1]!.length : 0;
    const out: string[] = [];
    for (let n = first; n <= last; n += step) out.push(String(n).padStart(width, "0"));
    return out;
  }
  const letters = /^([a-zA-Z])-([a-zA-Z])$/.exec(inner);
  if (!letters) return undefined;
  const out: string[] = [];
  for (let c = letters[1]!.charCodeAt(0); c <= letters[2]!.charCodeAt(0); c++) out.push(String.fromCharCode(c));
  return out.length > 0 ? out : undefined;
}
