// nstat (iproute2 6.1): the kernel's counters by their SNMP names, by default what changed since the last time it was asked;
// that is remembered in a file of /tmp. No daemon mode, no rates, no JSON.

import { type Ns, USEC } from "../base/time.ts";
import { netnsOf } from "../host/host.ts";
import type { NetNamespace } from "../net/netns.ts";
import type { Process, Program } from "../posix/process.ts";
import { sleep, type Task } from "../sim/task.ts";
import { getopt } from "./net-util/getopt.ts";
import { readTextFile } from "./net-util/sockets.ts";

const START_NS: Ns = 500 * USEC;
const HISTORY = "/tmp/.nstat.u0";
/** Gauges and constants that are not counters are left out of the default output. */
const NOT_COUNTERS: ReadonlySet<string> = new Set([
  "IpForwarding",
  "IpDefaultTTL",
  "TcpRtoAlgorithm",
  "TcpRtoMin",
  "TcpRtoMax",
  "TcpMaxConn",
  "TcpCurrEstab",
]);

const USAGE = `Usage: nstat [OPTION] [ PATTERN [ PATTERN ] ]
   -h, --help          this message
   -a, --ignore        ignore history
   -d, --scan=SECS     sample every statistics every SECS
   -j, --json          format output in JSON
   -n, --nooutput      do history only
   -p, --pretty        pretty print
   -r, --reset         reset history
   -s, --noupdate      don't update history
   -t, --interval=SECS report average over the last SECS
   -V, --version       output version information
   -z, --zeros         show entries with zero activity
`;

const LONG = [
  { name: "ignore", argument: 0, short: "a" },
  { name: "nooutput", argument: 0, short: "n" },
  { name: "reset", argument: 0, short: "r" },
  { name: "noupdate", argument: 0, short: "s" },
  { name: "zeros", argument: 0, short: "z" },
  { name: "version", argument: 0, short: "V" },
  { name: "help", argument: 0, short: "h" },
] as const;

export const nstat: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "hanrszV", { long: LONG });
  const letters = new Set(parsed.options.map(({ name }) => name));
  if (parsed.error !== undefined || letters.has("h")) {
    if (parsed.error !== undefined) yield* proc.printError(`nstat: ${parsed.error}\n`);
    yield* proc.printError(USAGE);
    return parsed.error === undefined ? 0 : 255;
  }
  if (letters.has("V")) {
    yield* proc.print("nstat utility, iproute2-6.1.0\n");
    return 0;
  }
  yield* sleep(START_NS);
  const now = counters(netnsOf(proc));
  const before = letters.has("a") || letters.has("r") ? new Map<string, number>() : history(proc);
  if (!letters.has("n")) {
    let text = "#kernel\n";
    for (const [name, value] of now) {
      if (parsed.operands.length > 0 && !parsed.operands.some((pattern) => matches(pattern, name))) continue;
      const change = value - (before.get(name) ?? 0);
      if (change === 0 && !letters.has("z")) continue;
      if (NOT_COUNTERS.has(name) && !letters.has("z")) continue;
      text += `${name.padEnd(31)} ${String(change).padEnd(18)} 0.0\n`;
    }
    yield* proc.print(text);
  }
  if (!letters.has("s")) {
    const lines = [...now].map(([name, value]) => `${name} ${value}\n`);
    proc.root.writeFile(proc, HISTORY, `#nstat\n${lines.join("")}`);
  }
  return 0;
};

/** fnmatch(3) with * and ?. */
function matches(pattern: string, name: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*/g, ".*")
    .replace(/\?/g, ".");
  return new RegExp(`^${source}$`).test(name);
}

function history(proc: Process): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of (readTextFile(proc, HISTORY) ?? "").split("\n")) {
    const [name, value] = line.split(" ");
    if (name && value !== undefined && !name.startsWith("#")) values.set(name, Number(value));
  }
  return values;
}

/** /proc/net/snmp and /proc/net/netstat, in their order. */
function counters(ns: NetNamespace): Map<string, number> {
  const { mib } = ns.ipv4;
  const values = new Map<string, number>();
  const add = (group: string, table: object): void => {
    for (const [name, value] of Object.entries(table)) values.set(group + name, value as number);
  };
  add("Ip", mib.ip);
  add("Icmp", mib.icmp);
  for (const [type, count] of mib.icmpMsgIn.entries()) if (count > 0) values.set(`IcmpMsgInType${type}`, count);
  for (const [type, count] of mib.icmpMsgOut.entries()) if (count > 0) values.set(`IcmpMsgOutType${type}`, count);
  add("Tcp", ns.tcp.mib.tcp);
  add("Udp", mib.udp);
  add("TcpExt", ns.tcp.mib.ext);
  add("IpExt", mib.ipExt);
  return values;
}
