// Holds what a scenario printed against what it printed on the real kernel, line by line, after rewriting both sides the
// same way: times, ids, interface names made of ids, MAC addresses drawn at random, ephemeral ports in conntrack lines.

const FIXED_MAC = /^(02:42:(ac|c0|0a)|02:00:00|00:00:00|ff:ff:ff|33:33|01:)/;

/** The lines with everything that a kernel draws or takes from its clock rewritten. */
export function canonicalLines(text: string): string[] {
  const macs = new Map<string, number>();
  const mac = (found: string): string => {
    const raw = found.toLowerCase();
    if (FIXED_MAC.test(raw)) return raw;
    let number = macs.get(raw);
    if (number === undefined) {
      number = macs.size + 1;
      macs.set(raw, number);
    }
    return `mac${number}`;
  };
  const rows: string[] = [];
  const lines = text.split(/\r\n|[\n\r\v\f]/);
  if (lines.at(-1) === "") lines.pop();
  for (let line of lines) {
    line = line.replace(/\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/gi, mac);
    line = line.replace(/time[= ]?[0-9.]+ ?ms/g, "time T");
    line = line.replace(/^rtt .*|^round-trip .*/g, "rtt T");
    line = line.replace(/\b(expires|expire|age) [0-9]+sec/g, "$1 T");
    line = line.replace(/\b(br-|veth)[0-9a-f]{7,12}\b/g, "$1ID");
    line = line.replace(/\b([0-9a-f]{64}|(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{12})\b/g, "ID");
    line = line.replace(/\b(sport|dport)=(3[2-9]\d{3}|[4-6]\d{4})\b/g, "$1=PORT");
    line = line.replace(/\bid=\d+\b/g, "id=N");
    line = line.replace(/^(tcp|udp|icmp|unknown)( +\d+) \d+ /, "$1$2 T ");
    line = line.replace(/\bDELAY\b/g, "REACHABLE");
    line = line.replace(/[ \t]+/g, " ").trimEnd();
    rows.push(line);
  }
  while (rows.length > 0 && rows.at(-1) === "") rows.pop();
  return rows;
}

export interface TextScore {
  readonly equal: number;
  readonly of: number;
  /** first differing lines, for people */
  readonly difference: string;
}

/** Lines equal of all, by longest common subsequence. */
export function compareText(kernel: string, ours: string): TextScore {
  const a = canonicalLines(kernel);
  const b = canonicalLines(ours);
  const table: Int32Array[] = Array.from({ length: a.length + 1 }, () => new Int32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      table[i]![j] = a[i] === b[j] ? table[i + 1]![j + 1]! + 1 : Math.max(table[i + 1]![j]!, table[i]![j + 1]!);
  const difference: string[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && table[i + 1]![j]! >= table[i]![j + 1]!))
      difference.push(`- ${a[i++]}`);
    else difference.push(`+ ${b[j++]}`);
  }
  return { equal: table[0]![0]!, of: Math.max(a.length, b.length), difference: difference.join("\n") };
}
