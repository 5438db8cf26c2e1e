// What `nft list ruleset` shows, for our own nft: what can concern IPv4 is kept, what only IPv6 can match stays as a rule that no packet of
// IPv4 meets (so that rules keep their numbers), and what nft refuses is named with file and line.

import type { SourceFile } from "./import-host.ts";

/** Runs `nft -f -` on a text; what it says against it, "" nothing. */
export type RunNft = (text: string) => Promise<string>;

export interface NftImport {
  readonly unknown: readonly string[];
  readonly assumed: readonly string[];
}

const TABLE = /^table\s+(?:(ip|ip6|inet|arp|bridge|netdev)\s+)?(\S+)\s*\{/;
const IPTABLES_TABLES = ["filter", "nat", "mangle", "raw", "security"];
const BLOCK = /^(?:set|map|chain|counter|quota|limit|flowtable|ct helper|ct timeout|ct expectation|secmark|synproxy)\s/;
/** A rule with one of these looks at headers of IPv6, or answers with its errors. */
const ONLY_IPV6 = /(?:^|\s)(?:ip6|icmpv6)\s|meta nfproto ipv6|^nfproto ipv6|reject with icmpv6|(?:snat|dnat) ip6 to/;

/** @param known tables of family ip that another file tells of: iptables-save */
export async function importNft(file: SourceFile, known: boolean, run: RunNft): Promise<NftImport> {
  const unknown: string[] = [];
  const assumed: string[] = [];
  const lines = file.text.replaceAll("\r", "").split("\n");
  // as nft 1.1 writes it where 1.0 knows no name
  for (const [i, line] of lines.entries()) lines[i] = line.replace(/(hook output priority )dstnat(?=\s*;)/, "$1-100");
  leaveOutOtherTables(file.name, lines, known, unknown, assumed);
  leaveOutIpv6(file.name, lines, assumed);
  for (let tries = lines.length; tries > 0; tries--) {
    const problems = problemsOf(await run(lines.join("\n")));
    if (problems.length === 0) break;
    // one mistake makes others: the first is the one to trust
    const { line, message } = problems[0]!;
    const text = lines[line - 1] ?? "";
    if (text.trim() === "") {
      unknown.push(`${file.name}: ${message}`);
      break;
    }
    unknown.push(`${file.name}:${line}: ${message}: ${text.trim()}`);
    blank(lines, line - 1);
  }
  return { unknown, assumed };
}

/** "/dev/stdin:35:6-8: Error: …", "internal:0:0-0: Error: …" */
function problemsOf(stderr: string): { line: number; message: string }[] {
  return stderr.split("\n").flatMap((line) => {
    const match = /^[^:\s]+:(\d+):\d+-\d+: Error: (.*)$/.exec(line);
    return match ? [{ line: Number(match[1]), message: match[2]! }] : [];
  });
}

/** Blanks a line; a line that opens a block with all of it. */
function blank(lines: string[], at: number): void {
  const end = lines[at]!.trimEnd().endsWith("{") ? blockEnd(lines, at) : at;
  for (let i = at; i <= end; i++) lines[i] = "";
}

function blockEnd(lines: readonly string[], at: number): number {
  let depth = 0;
  for (let i = at; i < lines.length; i++) {
    const bare = lines[i]!.replace(/"[^"]*"/g, "");
    depth += bare.split("{").length - bare.split("}").length;
    if (depth === 0) return i;
  }
  return lines.length - 1;
}

function leaveOutOtherTables(
  name: string,
  lines: string[],
  known: boolean,
  unknown: string[],
  assumed: string[],
): void {
  for (let i = 0; i < lines.length; i++) {
    const match = TABLE.exec(lines[i]!);
    if (!match) continue;
    const [, family = "ip", table] = match;
    const told = known && family === "ip" && IPTABLES_TABLES.includes(table!);
    if ((family === "ip" && !told) || family === "inet") continue;
    const what = `${name}:${i + 1}: table ${family} ${table}`;
    if (told) assumed.push(`${what}: as iptables-save tells it`);
    else if (family === "ip6" || family === "arp") assumed.push(`${what}: has no say about IPv4`);
    else unknown.push(`${what}: tables of family ${family} are not understood`);
    const end = blockEnd(lines, i);
    for (let at = i; at <= end; at++) lines[at] = "";
    i = end;
  }
}

function leaveOutIpv6(name: string, lines: string[], assumed: string[]): void {
  const sets: string[] = [];
  let rules = 0;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!.trim();
    const block = /^(?:set|map)\s+(\S+)\s*\{$/.exec(line);
    if (block) {
      const end = blockEnd(lines, i);
      if (!lines.slice(i, end).some((each) => /^\s*type\b.*\bipv6_addr\b/.test(each))) continue;
      sets.push(block[1]!);
      for (let at = i; at <= end; at++) lines[at] = "";
      i = end;
    }
  }
  for (const [i, full] of lines.entries()) {
    const line = full.trim();
    if (line === "" || BLOCK.test(line) || TABLE.test(line)) continue;
    const bare = line.replace(/"[^"]*"/g, '""');
    const usesSet = sets.some((set) => new RegExp(`@${set.replace(/[^\w]/g, "\\$&")}(?![\\w-])`).test(bare));
    if (!usesSet && !ONLY_IPV6.test(bare)) continue;
    rules++;
    const comment = line.replace(/[^ -~]|["\\]/g, "'").slice(0, 120);
    lines[i] = `meta nfproto ipv6 comment "${comment}"`;
  }
  if (rules > 0) assumed.push(`${name}: ${rules} rule${rules === 1 ? "" : "s"} that only IPv6 can meet`);
  if (sets.length > 0) assumed.push(`${name}: sets of IPv6 addresses: ${sets.join(", ")}`);
}
