// What `conntrack -h` prints.

import type { ProtoOptions } from "./options.ts";

const USAGE = `Command line interface for the connection tracking system. Version 1.4.7
Usage: conntrack [commands] [options]

Commands:
  -L [table] [options]\t\tList conntrack or expectation table
  -G [table] parameters\t\tGet conntrack or expectation
  -D [table] parameters\t\tDelete conntrack or expectation
  -I [table] parameters\t\tCreate a conntrack or expectation
  -U [table] parameters\t\tUpdate a conntrack
  -E [table] [options]\t\tShow events
  -F [table]\t\t\tFlush table
  -C [table]\t\t\tShow counter
  -S\t\t\t\tShow statistics

Tables: conntrack, expect, dying, unconfirmed

Conntrack parameters and options:
  -n, --src-nat ip\t\t\tsource NAT ip
  -g, --dst-nat ip\t\t\tdestination NAT ip
  -j, --any-nat ip\t\t\tsource or destination NAT ip
  -m, --mark mark\t\t\tSet mark
  -c, --secmark secmark\t\t\tSet selinux secmark
  -e, --event-mask eventmask\t\tEvent mask, eg. NEW,DESTROY
  -z, --zero \t\t\t\tZero counters while listing
  -o, --output type[,...]\t\tOutput format, eg. xml
  -l, --label label[,...]\t\tconntrack labels

Expectation parameters and options:
  --tuple-src ip\tSource address in expect tuple
  --tuple-dst ip\tDestination address in expect tuple

Updating parameters and options:
  --label-add label\tAdd label
  --label-del label\tDelete label

Common parameters and options:
  -s, --src, --orig-src ip\t\tSource address from original direction
  -d, --dst, --orig-dst ip\t\tDestination address from original direction
  -r, --reply-src ip\t\tSource addres from reply direction
  -q, --reply-dst ip\t\tDestination address from reply direction
  -p, --protonum proto\t\tLayer 4 Protocol, eg. 'tcp'
  -f, --family proto\t\tLayer 3 Protocol, eg. 'ipv6'
  -t, --timeout timeout\t\tSet timeout
  -u, --status status\t\tSet status, eg. ASSURED
  -w, --zone value\t\tSet conntrack zone
  --orig-zone value\t\tSet zone for original direction
  --reply-zone value\t\tSet zone for reply direction
  -b, --buffer-size\t\tNetlink socket buffer size
  --mask-src ip\t\t\tSource mask address
  --mask-dst ip\t\t\tDestination mask address

`;

const HELP: ReadonlyMap<string, string> = new Map([
  ["sport", "  --orig-port-src\t\toriginal source port\n"],
  ["dport", "  --orig-port-dst\t\toriginal destination port\n"],
  ["reply-port-src", "  --reply-port-src\t\treply source port\n"],
  ["reply-port-dst", "  --reply-port-dst\t\treply destination port\n"],
  ["mask-port-src", "  --mask-port-src\t\tmask source port\n"],
  ["mask-port-dst", "  --mask-port-dst\t\tmask destination port\n"],
  ["tuple-port-src", "  --tuple-port-src\t\texpectation tuple src port\n"],
  ["tuple-port-dst", "  --tuple-port-src\t\texpectation tuple dst port\n"],
  ["state", "  --state\t\t\tTCP state, fe. ESTABLISHED\n"],
  ["icmp-type", "  --icmp-type\t\t\ticmp type\n"],
  ["icmp-code", "  --icmp-code\t\t\ticmp code\n"],
  ["icmp-id", "  --icmp-id\t\t\ticmp id\n"],
]);

export function usage(): string {
  return USAGE;
}

/** The options of `-p`; undefined: a protocol without any. */
export function protoHelp(proto: ProtoOptions | undefined): string {
  if (!proto) return "Proto `unknown' help:\n  no options (unsupported)\n";
  // the state comes last
  const names = proto.options.map(([, name]) => name);
  const sorted = [...names.filter((name) => name !== "state"), ...names.filter((name) => name === "state")];
  return `Proto \`${proto.name}' help:\n${sorted.map((name) => HELP.get(name) ?? "").join("")}`;
}
