// ss and netstat, and what programs say of connections, held against what Debian 12's printed on a real 6.18: the scripts were
// recorded, NAME.txt is what NAME.sh printed, standard error behind it. What a kernel draws or measures is left out of the
// comparison (hash order, ports, numbers of processes and inodes, round trips and what follows from them), all else is not.

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Lab } from "../../../src/scenario/lab.ts";

const read = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8");
const names = readdirSync(new URL(".", import.meta.url)).filter((name) => name.endsWith(".sh"));

/** pattern and what stands for it, in this order */
const DRAWN: readonly (readonly [RegExp, string])[] = [
  [/pid=\d+/g, "pid=P"],
  [/\b\d+\/(?=[a-z])/g, "P/"],
  [/ino:[1-9]\d*/g, "ino:I"],
  [/sk:[0-9a-f]+/g, "sk:S"],
  // netstat's column of inodes
  [/ (0|root) +\d{5,}/g, " $1 I"],
  // ports, but for those that scripts choose
  [/:(?!4000\d)(3[2-9]|[4-6]\d)\d{3}\b/g, ":E"],
  // a retransmission timeout of 200 ms and the variance's share
  [/rto:2\d\d\b/g, "rto:2xx"],
  [/ (rtt|lastsnd|lastrcv|lastack|minrtt|rcv_rtt|busy):[\d./ms]+/g, ""],
  [/ (send|pacing_rate|delivery_rate) [\d.]+[kMGT]?bps/g, ""],
  [/bw:[\d.]+[kMGT]?bps,mrtt:[\d.]+/g, "bw:B"],
  [/timer:\((\w+),[\d.a-z]*,/g, "timer:($1,T,"],
  [/\b(on|keepalive|timewait|probe) \(\d+\.\d+\//g, "$1 (T/"],
  [/after \d+ (ms|milliseconds)/g, "after N $1"],
  // /proc/net/sockstat's: the machine's and what RCU has not freed yet
  [/^Total: .*$/gm, "Total"],
  [/^TCP: +\d+ \((estab \d+), closed .*$/gm, "TCP $1"],
  // the length of a command's number sets the width of a column
  [/[ \t]+$/gm, ""],
  [/ {2,}/g, " "],
];
const SOCKET = /^(tcp6?|udp6?|nl|p_raw|p_dgr|[A-Z][A-Z0-9-]+) +\S|^ ?\d+ +\d+ /;

/** Lines of sockets in an order of their own: continuation lines belong to theirs. */
function form(text: string): string {
  let plain = text;
  for (const [pattern, name] of DRAWN) plain = plain.replace(pattern, name);
  const lines: string[] = [];
  let sockets: string[] = [];
  const flush = (): void => {
    lines.push(...sockets.sort());
    sockets = [];
  };
  for (const line of plain.split("\n")) {
    if (/^[\t ]*$/.test(line) && sockets.length > 0) sockets[sockets.length - 1] += "\n";
    else if (line.startsWith("\t") && sockets.length > 0) sockets[sockets.length - 1] += `\n${line}`;
    else if (SOCKET.test(line)) sockets.push(line);
    else {
      flush();
      lines.push(line);
    }
  }
  flush();
  return lines.join("\n");
}

for (const name of names) {
  const script = read(name);
  const title = /^# (.*)/.exec(script)![1]!;
  test(`ss, netstat and others print what they print on Linux: ${title}`, async () => {
    const { stdout, stderr } = await new Lab({ seed: 1 }).addHost("docker-host").sh(script);
    const told = stderr.replace(/^vethlab: .*\n/gm, "");
    expect(form(`${stdout}--- stderr\n${told}`)).toBe(form(read(name.replace(/sh$/, "txt"))));
  });
}
